/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of checks, and what carries them out. */
#include "planners/doctor_private.h"

#define ON(section) (1U << KS_FACTS_##section)
#define JUDGED(name, need, facts, judge) \
    { \
        name, need, facts, judge, NULL, NULL \
    }
#define PROGRAM(name, need, program, cure) \
    { \
        name, need, ON(PROGRAMS), NULL, program, cure \
    }

static const struct {
    const char *name;
    enum ks_need need; /* KS_NEED_NOTHING: the judgement knows */
    unsigned facts;    /* sections without which nothing can be said */
    ks_judge *judge;   /* NULL: whether there is this program */
    const char *program, *cure;
} checks[] = {
    JUDGED("cpu", KS_NEED_KVM, ON(CPU), ks_judge_cpu),
    JUDGED("kvm", KS_NEED_KVM, ON(CPU), ks_judge_kvm),
    JUDGED("nested", KS_NEED_NESTED, ON(CPU), ks_judge_nested),
    JUDGED("libvirt", KS_NEED_RUN, 0, ks_judge_libvirt),
    JUDGED("qemu", KS_NEED_GUESTS, ON(PROGRAMS), ks_judge_qemu),
    PROGRAM("qemu-img", KS_NEED_IMAGES, "qemu-img", "apt-get install qemu-utils"),
    JUDGED("machine-types", KS_NEED_NOTHING, ON(LIBVIRT), ks_judge_machines),
    JUDGED("uefi", KS_NEED_EFI, ON(FIRMWARE), ks_judge_firmware),
    JUDGED("secure-boot", KS_NEED_SECURE_BOOT, ON(FIRMWARE), ks_judge_secure_boot),
    JUDGED("privileges", KS_NEED_ROOT, ON(CPU), ks_judge_privileges),
    JUDGED("state-directory", KS_NEED_RUN, ON(STATE), ks_judge_state),
    JUDGED("clock", KS_NEED_NOTHING, ON(CLOCK), ks_judge_clock),
    JUDGED("clocksource", KS_NEED_NOTHING, ON(CLOCK), ks_judge_clocksource),
    JUDGED("confinement", KS_NEED_NOTHING, ON(CPU), ks_judge_confinement),
    JUDGED("iommu", KS_NEED_PASSTHROUGH, ON(IOMMU), ks_judge_iommu),
    JUDGED("interrupt-remapping", KS_NEED_PASSTHROUGH, ON(IOMMU) | ON(KERNEL), ks_judge_remapping),
    JUDGED("vfio-pci", KS_NEED_VFIO, ON(KERNEL), ks_judge_vfio),
    JUDGED("pci-devices", KS_NEED_NOTHING, ON(PCI), ks_judge_devices),
    JUDGED("sriov", KS_NEED_NOTHING, ON(PCI), ks_judge_sriov),
    JUDGED("memory", KS_NEED_NOTHING, ON(MEMORY), ks_judge_memory),
    JUDGED("hugepages", KS_NEED_NOTHING, ON(MEMORY) | ON(CPU), ks_judge_page_sizes),
    JUDGED("hugetlbfs", KS_NEED_NOTHING, ON(MEMORY), ks_judge_hugetlbfs),
    JUDGED("cgroups", KS_NEED_CPUSETS, ON(CGROUPS), ks_judge_cgroups),
    JUDGED("cgroup-cpuset", KS_NEED_RESTRICTIVE, ON(CGROUPS), ks_judge_restrictive),
    JUDGED("ksm", KS_NEED_KSM, ON(KERNEL), ks_judge_ksm),
    JUDGED("numa-balancing", KS_NEED_NUMA_BALANCING, ON(KERNEL), ks_judge_numa_balancing),
    JUDGED("boot-parameters", KS_NEED_NOTHING, ON(KERNEL), ks_judge_boot),
    JUDGED("modules", KS_NEED_NOTHING, ON(KERNEL), ks_judge_modules),
    JUDGED("tun", KS_NEED_TAP, ON(CPU) | ON(KERNEL), ks_judge_tap),
    JUDGED("vhost-net", KS_NEED_VHOST, ON(CPU) | ON(KERNEL), ks_judge_vhost),
    JUDGED("bridge", KS_NEED_BRIDGE, ON(KERNEL), ks_judge_bridge),
    JUDGED("networks", KS_NEED_NOTHING, ON(LINKS), ks_judge_networks),
    PROGRAM("dnsmasq", KS_NEED_DNSMASQ, "dnsmasq", "apt-get install dnsmasq-base"),
    JUDGED("packet-filter", KS_NEED_FILTER, ON(PROGRAMS), ks_judge_filter),
    JUDGED("swtpm", KS_NEED_SWTPM, ON(PROGRAMS), ks_judge_swtpm),
    JUDGED("tpm", KS_NEED_TPM, ON(CPU), ks_judge_tpm),
    PROGRAM("virtiofsd", KS_NEED_VIRTIOFS, "virtiofsd",
            "apt-get install virtiofsd (Debian 12: qemu-system-common)"),
    PROGRAM("lvm", KS_NEED_LVM, "vgs", "apt-get install lvm2"),
    PROGRAM("nfs", KS_NEED_NFS, "mount.nfs", "apt-get install nfs-common"),
    PROGRAM("iscsi", KS_NEED_ISCSI, "iscsiadm", "apt-get install open-iscsi"),
    PROGRAM("zfs", KS_NEED_ZFS, "zfs", "apt-get install zfsutils-linux libvirt-daemon-driver-storage-zfs"),
    /* QEMU's own part of it, which Debian keeps apart. */
    PROGRAM("rbd", KS_NEED_RBD, "block-rbd.so", "apt-get install qemu-block-extra"),
    JUDGED("cloud-init", KS_NEED_SEED, ON(PROGRAMS), ks_judge_seed),
    JUDGED("files", KS_NEED_NOTHING, ON(PATHS), ks_judge_files),
    JUDGED("directories", KS_NEED_NOTHING, ON(PATHS), ks_judge_directories),
};

static const char *const health_names[] = {"ok", "note", "unknown", "warning", "missing"};
_Static_assert(KS_COUNT(health_names) == KS_HEALTHS, "every state has a name");

const char *ks_health_name(enum ks_health health)
{
    return health_names[health];
}

/* ---- saying it ---------------------------------------------------------------------------------------------- */

static void add(struct ks_doctor *d, enum ks_health health, const char *cure, const char *text)
{
    const struct ks_diagnosis diagnosis = {.check = d->check,
                                           .subject = d->subject,
                                           .health = health,
                                           .text = text,
                                           .cure = cure,
                                           .needed_by = d->need.by,
                                           .at = d->need.at};

    *ks_vec_add(d->arena, &d->diagnoses) = diagnosis;
    d->diagnoses.counts[health]++;
}

void ks_doctor_ok(struct ks_doctor *d, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(d, KS_HEALTH_OK, NULL, ks_vsprintf(d->arena, fmt, ap));
    va_end(ap);
}

void ks_doctor_lacks(struct ks_doctor *d, const char *cure, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(d, d->need.by ? KS_HEALTH_MISSING : KS_HEALTH_NOTE, cure, ks_vsprintf(d->arena, fmt, ap));
    va_end(ap);
}

void ks_doctor_warns(struct ks_doctor *d, const char *cure, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(d, d->need.by || !d->want ? KS_HEALTH_WARNING : KS_HEALTH_NOTE, cure, ks_vsprintf(d->arena, fmt, ap));
    va_end(ap);
}

void ks_doctor_cannot_tell(struct ks_doctor *d, const char *cure, const char *why)
{
    add(d, KS_HEALTH_UNKNOWN, cure, why);
}

/* ---- questions to the facts --------------------------------------------------------------------------------- */

const char *ks_fact_program(const struct ks_facts *facts, const char *name)
{
    for (size_t i = 0; i < facts->programs.n; i++)
        if (ks_streq(facts->programs.v[i].name, name))
            return facts->programs.v[i].path;
    return NULL;
}

const struct ks_fact_module *ks_fact_module(const struct ks_facts *facts, const char *name)
{
    static const struct ks_fact_module none = {.name = "", .state = KS_MODULE_NONE};

    for (size_t i = 0; i < facts->modules.n; i++)
        if (ks_streq(facts->modules.v[i].name, name))
            return &facts->modules.v[i];
    return &none;
}

static bool same_key(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
            return false;
    return *a == *b;
}

const struct ks_fact_parameter *ks_fact_parameter(const struct ks_facts *facts, const char *module,
                                                  const char *name)
{
    static const struct ks_fact_parameter none = {.module = "", .name = ""};

    for (size_t i = 0; i < facts->parameters.n; i++)
        if (same_key(facts->parameters.v[i].module, module) && same_key(facts->parameters.v[i].name, name))
            return &facts->parameters.v[i];
    return &none;
}

const struct ks_fact_boot *ks_fact_boot(const struct ks_facts *facts, const char *key)
{
    for (size_t i = facts->boot.n; i-- > 0;)
        if (same_key(facts->boot.v[i].key, key))
            return &facts->boot.v[i];
    return NULL;
}

const struct ks_fact_path *ks_fact_path(const struct ks_facts *facts, const char *path)
{
    for (size_t i = 0; i < facts->paths.n; i++)
        if (ks_streq(facts->paths.v[i].path, path))
            return &facts->paths.v[i];
    return NULL;
}

bool ks_fact_is_on(const char *value)
{
    return value && (*value == 'Y' || *value == 'y' || ks_streq(value, "1") || ks_streq(value, "on") ||
                     ks_streq(value, "true"));
}

/* ---- all ---------------------------------------------------------------------------------------------------- */

static const char *why_unknown(const struct ks_facts *facts, unsigned sections)
{
    for (unsigned i = 0; i < KS_FACTS_SECTIONS; i++)
        if (sections >> i & 1 && facts->unknown[i])
            return facts->unknown[i];
    return NULL;
}

struct ks_diagnoses ks_doctor(struct ks_arena *arena, const struct ks_manifest *want, const struct ks_facts *facts)
{
    struct ks_doctor d = {.arena = arena, .want = want, .facts = facts};

    ks_doctor_find_needs(&d);
    for (size_t i = 0; i < KS_COUNT(checks); i++) {
        const char *why = why_unknown(facts, checks[i].facts);
        d.check = checks[i].name;
        d.subject = NULL;
        d.need = d.needs[checks[i].need];
        if (why)
            ks_doctor_cannot_tell(&d, NULL, why);
        else if (checks[i].judge)
            checks[i].judge(&d);
        else
            ks_judge_program(&d, checks[i].program, checks[i].cure);
    }
    return d.diagnoses;
}
