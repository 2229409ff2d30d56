/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the doctor judges, section by section: the CPU, memory, control groups, the state directory, the clock. */
#include "state/facts.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>

enum { CPUINFO_MAX = 64 << 20 };

/* ---- CPU ---------------------------------------------------------------------------------------------------- */

/* Whether a word stands in the flags of the first CPU: on a line of their own, parted by blanks. */
static bool has_flag(const char *flags, const char *flag)
{
    const size_t n = strlen(flag);

    for (const char *p = flags; p && (p = strstr(p, flag)); p += n)
        if (p > flags && p[-1] == ' ' && (p[n] == ' ' || p[n] == '\0'))
            return true;
    return false;
}

static int read_flags(struct ks_facts_reading *r, struct ks_facts *ret, struct ks_error *err)
{
    char *text, *flags;
    size_t len;

    if (!ks_file_exists(r->root, "proc/cpuinfo"))
        return 0;
    if (ks_file_read(r->root, "proc/cpuinfo", CPUINFO_MAX, r->arena, &text, &len, err) < 0)
        return -1;
    flags = strstr(text, "\nflags\t");
    if (!flags)
        return 0;
    flags = ks_strndup(r->arena, flags + 1, strcspn(flags + 1, "\n"));
    ret->vmx = has_flag(flags, "vmx");
    ret->svm = has_flag(flags, "svm");
    ret->in_vm = has_flag(flags, "hypervisor");
    ret->gigantic_pages = has_flag(flags, "pdpe1gb");
    return 0;
}

static void try_kvm(struct ks_facts_reading *r, struct ks_facts *ret)
{
    ks_auto(ks_closep) int fd = openat(r->root, "dev/kvm", O_RDWR | O_CLOEXEC | O_NOCTTY);

    ret->kvm_opens = fd >= 0;
    ret->kvm_there = fd >= 0 || errno != ENOENT;
    if (fd < 0 && ret->kvm_there)
        ret->kvm_why = ks_strdup(r->arena, strerror(errno));
}

static int read_security(struct ks_facts_reading *r, struct ks_facts *ret, struct ks_error *err)
{
    const char *apparmor;
    uint64_t enforce;

    if (ks_attr_text_or(r->root, "sys/module/apparmor/parameters/enabled", "N", r->arena, &apparmor, err) < 0 ||
        ks_attr_u64_or(r->root, "sys/fs/selinux/enforce", 0, &enforce, err) < 0)
        return -1;
    ret->apparmor = *apparmor == 'Y';
    ret->selinux = enforce == 1;
    return 0;
}

int ks_facts_cpu(struct ks_facts_reading *r, struct ks_facts *ret, struct ks_error *err)
{
    static const char *const modules[] = {"kvm_intel", "kvm_amd"};
    struct utsname names;

    if (uname(&names) == 0)
        ret->arch = ks_strdup(r->arena, names.machine);
    ret->is_root = geteuid() == 0;
    ret->has_vhost_net = ks_file_exists(r->root, "dev/vhost-net");
    ret->has_tun = ks_file_exists(r->root, "dev/net/tun");
    ret->has_tpm = ks_file_exists(r->root, "dev/tpm0");
    try_kvm(r, ret);
    if (read_security(r, ret, err) < 0)
        return -1;
    for (size_t i = 0; i < KS_COUNT(modules) && !ret->nested; i++)
        if (ks_attr_text_or(r->root, ks_sprintf(r->arena, "sys/module/%s/parameters/nested", modules[i]), NULL,
                            r->arena, &ret->nested, err) < 0)
            return -1;
    return read_flags(r, ret, err);
}

/* ---- memory ------------------------------------------------------------------------------------------------- */

static void add_pages(struct ks_facts_reading *r, struct ks_facts *ret, int node, size_t n,
                      const struct ks_host_page_pool *pools)
{
    for (size_t i = 0; i < n; i++)
        *ks_vec_add(r->arena, &ret->pages) = (struct ks_fact_pages){
            .node = node, .size = pools[i].size_kib * 1024, .total = pools[i].total, .free = pools[i].free};
}

int ks_facts_memory(struct ks_facts_reading *r, struct ks_facts *ret, struct ks_error *err)
{
    struct ks_host_topology t;

    if (ks_host_topology_read(r->root, r->arena, &t, err) < 0)
        return -1;
    add_pages(r, ret, -1, t.pools.n, t.pools.v);
    for (size_t i = 0; i < t.nodes.n; i++) {
        const struct ks_host_node *node = &t.nodes.v[i];
        ret->memory += node->memory_kib * 1024;
        *ks_vec_add(r->arena, &ret->nodes) = (struct ks_seen_node){.id = (int)node->id,
                                                                   .cpus = node->cpus,
                                                                   .memory = node->memory_kib * 1024,
                                                                   .free = node->free_kib * 1024};
        add_pages(r, ret, (int)node->id, node->pools.n, node->pools.v);
    }
    for (size_t i = 0; i < t.mounts.n; i++)
        *ks_vec_add(r->arena, &ret->hugetlbfs) =
            (struct ks_fact_mount){t.mounts.v[i].path, t.mounts.v[i].size_kib * 1024};
    return 0;
}

/* ---- control groups ----------------------------------------------------------------------------------------- */

static int read_v1(struct ks_facts_reading *r, struct ks_facts *ret, struct ks_error *err)
{
    static const char *const names[] = {"cpu",   "cpuset",  "cpuacct", "memory",
                                        "blkio", "devices", "pids",    "freezer"};

    (void)err;
    for (size_t i = 0; i < KS_COUNT(names); i++)
        if (ks_file_exists(r->root, ks_sprintf(r->arena, "sys/fs/cgroup/%s/tasks", names[i])))
            *ks_vec_add(r->arena, &ret->controllers) = names[i];
    ret->cgroups = ret->controllers.n ? 1 : 0;
    return 0;
}

int ks_facts_cgroups(struct ks_facts_reading *r, struct ks_facts *ret, struct ks_error *err)
{
    const char *text;
    char *words, *state = NULL;

    if (ks_attr_text_or(r->root, "sys/fs/cgroup/cgroup.controllers", NULL, r->arena, &text, err) < 0)
        return -1;
    if (!text)
        return read_v1(r, ret, err);
    ret->cgroups = 2;
    words = ks_strdup(r->arena, text);
    for (char *word = strtok_r(words, " ", &state); word; word = strtok_r(NULL, " ", &state))
        *ks_vec_add(r->arena, &ret->controllers) = word;
    return 0;
}

/* ---- the state directory ------------------------------------------------------------------------------------ */

int ks_facts_state(struct ks_facts_reading *r, struct ks_facts *ret, struct ks_error *err)
{
    char *path = ks_strdup(r->arena, r->state_path);
    struct statvfs fs;

    ret->state_path = r->state_path;
    ret->state_exists = access(path, F_OK) == 0;
    while (access(path, F_OK) < 0 && errno == ENOENT && strrchr(path, '/') > path)
        *strrchr(path, '/') = '\0'; /* where it is to be made */
    if (access(path, F_OK) < 0 && errno == ENOENT)
        path = ks_strdup(r->arena, "/");
    if (statvfs(path, &fs) < 0)
        return ks_fail_errno(err, "%s", path);
    ret->state_free = (uint64_t)fs.f_bavail * fs.f_frsize;
    ret->state_writable = faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) == 0;
    return 0;
}

/* ---- the clock ---------------------------------------------------------------------------------------------- */

int ks_facts_clock(struct ks_facts_reading *r, struct ks_facts *ret, struct ks_error *err)
{
    const time_t now = time(NULL);
    struct timex t = {0};
    struct tm tm;

    ret->synchronized = adjtimex(&t) >= 0 && !(t.status & STA_UNSYNC);
    if (gmtime_r(&now, &tm))
        ret->year = tm.tm_year + 1900;
    return ks_attr_text_or(r->root, "sys/devices/system/clocksource/clocksource0/current_clocksource", NULL,
                           r->arena, &ret->clocksource, err);
}

/* ---- links -------------------------------------------------------------------------------------------------- */

int ks_facts_links(struct ks_facts_reading *r, struct ks_facts *ret, struct ks_error *err)
{
    struct ks_host_links links = {0};

    if (ks_net_read(r->arena, &links, err) < 0)
        return -1;
    for (size_t i = 0; i < links.links.n; i++)
        for (size_t k = 0; k < links.links.v[i].addresses.n; k++)
            *ks_vec_add(r->arena, &ret->addresses) =
                (struct ks_fact_address){links.links.v[i].name, links.links.v[i].addresses.v[k].text};
    return 0;
}

/* ---- libvirt ------------------------------------------------------------------------------------------------ */

int ks_facts_libvirt(struct ks_facts_reading *r, struct ks_facts *ret, struct ks_error *err)
{
    struct ks_observing o = {.arena = r->arena, .conn = r->conn, .root = r->root};

    if (!r->conn)
        return ks_fail(err, KS_E_VIRT, KS_NOWHERE, "%s", r->no_libvirt ? r->no_libvirt : "not connected");
    if (virConnectGetLibVersion(r->conn, &ret->have.libvirt_version) < 0)
        return ks_fail_virt(err, "ask libvirt for its version");
    if (virConnectGetVersion(r->conn, &ret->have.qemu_version) < 0)
        ret->have.qemu_version = 0;
    if (ks_caps_read(&o, &ret->have.caps, err) < 0)
        return -1;
    return ks_observe_networks(&o, &ret->have, err);
}

/* ---- all ---------------------------------------------------------------------------------------------------- */

static ks_facts_fn *const sections[] = {
    [KS_FACTS_CPU] = ks_facts_cpu,           [KS_FACTS_KERNEL] = ks_facts_kernel,
    [KS_FACTS_IOMMU] = ks_facts_iommu,       [KS_FACTS_PCI] = ks_facts_pci,
    [KS_FACTS_MEMORY] = ks_facts_memory,     [KS_FACTS_CGROUPS] = ks_facts_cgroups,
    [KS_FACTS_STATE] = ks_facts_state,       [KS_FACTS_CLOCK] = ks_facts_clock,
    [KS_FACTS_PROGRAMS] = ks_facts_programs, [KS_FACTS_FIRMWARE] = ks_facts_firmware,
    [KS_FACTS_PATHS] = ks_facts_paths,       [KS_FACTS_LINKS] = ks_facts_links,
    [KS_FACTS_LIBVIRT] = ks_facts_libvirt,
};
_Static_assert(KS_COUNT(sections) == KS_FACTS_SECTIONS, "each section has its reader");

void ks_facts_read(struct ks_facts_reading *r, struct ks_facts *ret)
{
    char name[256] = "";

    *ret = (struct ks_facts){0};
    (void)gethostname(name, sizeof name - 1);
    ret->host = ks_strdup(r->arena, name);
    for (size_t i = 0; i < KS_COUNT(sections); i++) {
        ks_auto(ks_error_done) struct ks_error err = {0};
        if (sections[i](r, ret, &err) < 0)
            ret->unknown[i] = ks_error_text(r->arena, &err);
    }
}
