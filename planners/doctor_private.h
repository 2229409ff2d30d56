/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the doctor's checks share. */
#pragma once

#include "planners/doctor.h"

/* What a manifest can make necessary. */
enum ks_need {
    KS_NEED_NOTHING, /* never set: such a check informs, or finds out by itself what is needed */
    KS_NEED_RUN,     /* there is a manifest */
    KS_NEED_ROOT,    /* it writes to sysfs, or changes links */
    KS_NEED_GUESTS,
    KS_NEED_KVM,
    KS_NEED_NESTED,
    KS_NEED_PASSTHROUGH, /* a device of the host is handed to a guest */
    KS_NEED_VFIO,
    KS_NEED_CPUSETS,
    KS_NEED_RESTRICTIVE, /* memory bound by a control group */
    KS_NEED_EFI,
    KS_NEED_SECURE_BOOT,
    KS_NEED_SWTPM,
    KS_NEED_TPM,
    KS_NEED_VIRTIOFS,
    KS_NEED_VHOST,
    KS_NEED_TAP,
    KS_NEED_BRIDGE,
    KS_NEED_DNSMASQ,
    KS_NEED_FILTER, /* rules that translate or forward a network's packets */
    KS_NEED_KSM,
    KS_NEED_NUMA_BALANCING,
    KS_NEED_IMAGES,
    KS_NEED_LVM,
    KS_NEED_NFS,
    KS_NEED_ISCSI,
    KS_NEED_ZFS,
    KS_NEED_RBD,
    KS_NEED_SEED,
    KS_NEEDS
};
struct ks_needed {
    const char *by; /* NULL: nothing */
    struct ks_loc at;
};

struct ks_doctor {
    struct ks_arena *arena;
    const struct ks_manifest *want; /* or NULL */
    const struct ks_facts *facts;
    struct ks_needed needs[KS_NEEDS]; /* the first that has it */
    struct ks_diagnoses diagnoses;
    /* Of the check that is under way: */
    const char *check, *subject;
    struct ks_needed need;
};

void ks_doctor_find_needs(struct ks_doctor *d);
/* "guests.web1.devices.gpu", where `o` stands. */
struct ks_needed ks_needed_by(const struct ks_obj *o, const char *path);

/* What a judgement says. `cure` NULL: nobody can mend it. */
void ks_doctor_ok(struct ks_doctor *d, const char *fmt, ...) KS_PRINTF(2, 3);
/* It is not there: missing when the manifest needs it, else a note. */
void ks_doctor_lacks(struct ks_doctor *d, const char *cure, const char *fmt, ...) KS_PRINTF(3, 4);
/* A warning when the manifest needs it or there is none, else a note. */
void ks_doctor_warns(struct ks_doctor *d, const char *cure, const char *fmt, ...) KS_PRINTF(3, 4);
void ks_doctor_cannot_tell(struct ks_doctor *d, const char *cure, const char *why);

/* Questions to the facts. */
const char *ks_fact_program(const struct ks_facts *facts, const char *name); /* its path, or NULL */
const struct ks_fact_module *ks_fact_module(const struct ks_facts *facts, const char *name);
const struct ks_fact_parameter *ks_fact_parameter(const struct ks_facts *facts, const char *module,
                                                  const char *name);
const struct ks_fact_boot *ks_fact_boot(const struct ks_facts *facts, const char *key); /* the last; '-' as '_' */
const struct ks_fact_path *ks_fact_path(const struct ks_facts *facts, const char *path);
/* A boolean module parameter as the kernel prints or takes it. */
bool ks_fact_is_on(const char *value);

/* A program without which what needs it cannot be done, and the way to get it. */
void ks_judge_program(struct ks_doctor *d, const char *name, const char *cure);

typedef void ks_judge(struct ks_doctor *d);
ks_judge ks_judge_cpu, ks_judge_kvm, ks_judge_nested, ks_judge_libvirt, ks_judge_qemu, ks_judge_machines,
    ks_judge_firmware, ks_judge_secure_boot, ks_judge_privileges, ks_judge_state, ks_judge_clock,
    ks_judge_clocksource, ks_judge_confinement;
ks_judge ks_judge_iommu, ks_judge_remapping, ks_judge_vfio, ks_judge_devices, ks_judge_sriov;
ks_judge ks_judge_memory, ks_judge_page_sizes, ks_judge_hugetlbfs, ks_judge_cgroups, ks_judge_restrictive,
    ks_judge_ksm, ks_judge_numa_balancing, ks_judge_boot, ks_judge_modules;
ks_judge ks_judge_swtpm, ks_judge_tpm, ks_judge_vhost, ks_judge_tap, ks_judge_bridge, ks_judge_filter,
    ks_judge_networks, ks_judge_seed, ks_judge_files, ks_judge_directories;
