/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * facts: what decides whether a host is fit: the value that state/ reads and the doctor's checks (planners/) judge.
 * Read in sections; one that could not be read says why in ->unknown[], and its members mean nothing then.
 */
#pragma once

#include "schema/observed.h"

enum ks_facts_section {
    KS_FACTS_CPU,
    KS_FACTS_KERNEL,
    KS_FACTS_IOMMU,
    KS_FACTS_PCI,
    KS_FACTS_MEMORY,
    KS_FACTS_CGROUPS,
    KS_FACTS_STATE,
    KS_FACTS_CLOCK,
    KS_FACTS_PROGRAMS,
    KS_FACTS_FIRMWARE,
    KS_FACTS_PATHS,
    KS_FACTS_LINKS,
    KS_FACTS_LIBVIRT,
    KS_FACTS_SECTIONS
};

enum ks_fact { KS_FACT_NO, KS_FACT_YES, KS_FACT_UNKNOWN };

enum ks_module_state {
    KS_MODULE_NONE,      /* this kernel has none of that name */
    KS_MODULE_AVAILABLE, /* can be loaded */
    KS_MODULE_LOADED,    /* or built in */
};
struct ks_fact_module {
    const char *name; /* with '_' */
    enum ks_module_state state;
    bool blocked; /* /etc/modprobe.d keeps it from being loaded: blacklisted, or installed as /bin/false */
};

/* A module's parameter: what the running kernel has, and what a file in modprobe.d or the boot line will give it.
 */
struct ks_fact_parameter {
    const char *module, *name;
    bool exists, writable;
    const char *value;   /* as the kernel prints it; NULL: not loaded */
    const char *at_load; /* NULL: nothing says */
};

struct ks_fact_device {
    const char *address, *name; /* name: its network interface, or NULL */
    const char *what, *driver;
    int iommu_group; /* -1: none */
    bool is_bridge, is_pf, is_vf;
    unsigned total_vfs, num_vfs;
    bool no_room; /* the firmware gave its VFs no addresses: "not enough MMIO resources for SR-IOV" */
};

struct ks_fact_boot {
    const char *key, *value; /* value NULL: a bare word */
};
struct ks_fact_pages {
    int node; /* -1: of the whole machine */
    uint64_t size, total, free;
};
struct ks_fact_mount {
    const char *path;
    uint64_t size;
};
struct ks_fact_program {
    const char *name, *path; /* path NULL: not installed */
};
struct ks_fact_firmware {
    const char *file; /* of the image */
    bool exists, secure_boot, enrolled;
};
/* A path that the manifest names. */
struct ks_fact_path {
    const char *path;
    bool exists, is_dir;
    bool open_to_all;   /* a file that everybody may read */
    const char *closed; /* the first directory on the way that QEMU's user may not search, or NULL */
    uint64_t free;      /* bytes, where it is or will be */
    const char *label;  /* a directory's SELinux context, or NULL */
};
struct ks_fact_address {
    const char *link, *text; /* "ens3", "192.0.2.1/24" */
};

struct ks_facts {
    const char *unknown[KS_FACTS_SECTIONS]; /* why, or NULL */
    const char *host;
    bool is_root;

    /* CPU */
    const char *arch; /* "x86_64" */
    bool vmx, svm, in_vm, gigantic_pages;
    bool kvm_there, kvm_opens; /* /dev/kvm */
    const char *kvm_why;       /* why it does not open */
    const char *nested;        /* of kvm_intel or kvm_amd; NULL: no such parameter */
    bool has_vhost_net, has_tun, has_tpm;
    bool apparmor, selinux; /* the kernel confines programs by it; selinux: enforcing */

    /* KERNEL */
    const char *release;
    bool ksm;
    int numa_balancing; /* -1: this kernel has none */
    KS_VEC(struct ks_fact_boot) boot;
    KS_VEC(struct ks_fact_module) modules;
    KS_VEC(struct ks_fact_parameter) parameters; /* those that the manifest names, and those that checks ask for */

    /* IOMMU */
    bool dmar, ivrs;             /* the firmware's tables: Intel's, AMD's */
    enum ks_fact dmar_remapping; /* the DMAR table offers interrupt remapping */
    struct ks_strings iommus;    /* those that the kernel drives: "dmar0", "ivhd0" */
    unsigned iommu_groups;
    enum ks_fact remapping; /* interrupts are remapped */

    /* PCI */
    KS_VEC(struct ks_fact_device) devices;

    /* MEMORY */
    uint64_t memory; /* bytes */
    KS_VEC(struct ks_seen_node) nodes;
    KS_VEC(struct ks_fact_pages) pages;
    KS_VEC(struct ks_fact_mount) hugetlbfs;

    /* CGROUPS */
    unsigned cgroups; /* 0 none, 1 or 2 */
    struct ks_strings controllers;

    /* STATE */
    const char *state_path;
    bool state_exists, state_writable;
    uint64_t state_free;

    /* CLOCK */
    bool synchronized;
    int year;
    const char *clocksource; /* NULL: unknown */

    /* PROGRAMS, FIRMWARE, PATHS, LINKS */
    KS_VEC(struct ks_fact_program) programs;
    KS_VEC(struct ks_fact_firmware) firmwares; /* UEFI, for this architecture */
    const char *qemu_user;
    KS_VEC(struct ks_fact_path) paths;
    KS_VEC(struct ks_fact_address) addresses;

    /* LIBVIRT: versions, uri, caps, networks; nothing else */
    struct ks_observed have;
};
