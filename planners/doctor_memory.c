/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks: memory, huge pages, control groups, and the kernel's knobs. */
#include "planners/device.h"
#include "planners/doctor_private.h"

/* ---- memory ------------------------------------------------------------------------------------------------- */

void ks_judge_memory(struct ks_doctor *d)
{
    const char *have = ks_size_format(d->arena, d->facts->memory >> 20 << 20);
    uint64_t sum = 0;

    for (size_t i = 0; d->want && i < d->want->guests.n; i++) {
        const struct ks_guest *guest = (const struct ks_guest *)d->want->guests.v[i];
        if (ks_guest_is_wanted(guest) && ks_has(&guest->o, "memory") && guest->state != KS_GUEST_STOPPED)
            sum += guest->memory;
    }
    d->need = d->needs[KS_NEED_GUESTS];
    if (sum > d->facts->memory)
        ks_doctor_warns(d, "give guests less memory, or run fewer of them here", "%s, and guests are given %s",
                        have, ks_size_format(d->arena, sum));
    else
        ks_doctor_ok(d, "%s on %zu node%s", have, d->facts->nodes.n, d->facts->nodes.n == 1 ? "" : "s");
}

/* ---- pages -------------------------------------------------------------------------------------------------- */

static const struct ks_fact_pages *pool(const struct ks_facts *f, int node, uint64_t size)
{
    for (size_t i = 0; i < f->pages.n; i++)
        if (f->pages.v[i].node == node && f->pages.v[i].size == size)
            return &f->pages.v[i];
    return NULL;
}

/* false: it has said what is missing. */
static bool has_size(struct ks_doctor *d, uint64_t size)
{
    const uint64_t gib = UINT64_C(1) << 30;

    if (pool(d->facts, -1, size))
        return true;
    if (size == gib && ks_streq(d->facts->arch, "x86_64") && !d->facts->gigantic_pages)
        ks_doctor_lacks(d, "state hugepages of 2MiB; or, of a virtual machine, give it CPU feature pdpe1gb",
                        "this CPU has none (no pdpe1gb)");
    else
        ks_doctor_lacks(d,
                        ks_sprintf(d->arena,
                                   "boot with hugepagesz=%s, or state a size that /sys/kernel/mm/hugepages has",
                                   size == gib ? "1G" : ks_size_format(d->arena, size)),
                        "this kernel has none");
    return false;
}

static const struct ks_seen_node *node_of(const struct ks_facts *f, uint64_t id)
{
    for (size_t i = 0; i < f->nodes.n; i++)
        if ((uint64_t)f->nodes.v[i].id == id)
            return &f->nodes.v[i];
    return NULL;
}

/* false: it has said what is missing. */
static bool nodes_suffice(struct ks_doctor *d, const struct ks_hugepages *want, uint64_t size)
{
    for (size_t i = 0; i < want->nodes.n; i++) {
        const struct ks_number *pages = (const struct ks_number *)want->nodes.v[i];
        const struct ks_seen_node *node;
        uint64_t id;
        if (ks_parse_u64(pages->o.key, &id) < 0)
            continue;
        node = node_of(d->facts, id);
        if (!node) {
            ks_doctor_lacks(d, ks_sprintf(d->arena, "state nodes that numactl -H shows: %zu", d->facts->nodes.n),
                            "the host has no NUMA node %llu", (unsigned long long)id);
            return false;
        }
        if (pages->value > node->memory / size) {
            ks_doctor_lacks(d,
                            ks_sprintf(d->arena, "state less than %llu", (unsigned long long)(node->memory / size)),
                            "node %d has %s, and %llu pages are asked for", node->id,
                            ks_size_format(d->arena, node->memory), (unsigned long long)pages->value);
            return false;
        }
    }
    if (want->nodes.n == 0 && want->total > d->facts->memory / size) {
        ks_doctor_lacks(d,
                        ks_sprintf(d->arena, "state less than %llu", (unsigned long long)(d->facts->memory / size)),
                        "the host has %s, and %llu pages are asked for", ks_size_format(d->arena, d->facts->memory),
                        (unsigned long long)want->total);
        return false;
    }
    return true;
}

static void say_pool(struct ks_doctor *d, uint64_t size)
{
    const struct ks_fact_pages *p = pool(d->facts, -1, size);

    ks_doctor_ok(d, "%llu, %llu free", (unsigned long long)p->total, (unsigned long long)p->free);
}

static void judge_pool(struct ks_doctor *d, const struct ks_hugepages *want)
{
    uint64_t size;

    if (ks_size_parse(want->o.key, &size) != NULL)
        return;
    d->subject = want->o.key;
    d->need = ks_needed_by(&want->o, ks_sprintf(d->arena, "hugepages.%s", want->o.key));
    if (has_size(d, size) && nodes_suffice(d, want, size))
        say_pool(d, size);
}

/* Of the first guest with pages of this size. */
static void judge_use(struct ks_doctor *d, const char *key, uint64_t size)
{
    const struct ks_fact_pages *p;

    d->subject = key;
    if (!has_size(d, size))
        return;
    p = pool(d->facts, -1, size);
    if (p->total == 0)
        ks_doctor_lacks(d, ks_sprintf(d->arena, "state hugepages: {%s: COUNT} in the manifest", key),
                        "the host has reserved none, and the manifest states none");
    else
        say_pool(d, size);
}

static bool is_said(const struct ks_doctor *d, const char *subject)
{
    for (size_t i = 0; i < d->diagnoses.n; i++)
        if (ks_streq(d->diagnoses.v[i].check, d->check) && ks_streq(d->diagnoses.v[i].subject, subject))
            return true;
    return false;
}

/* Calls `judge` once for each size of pages that guests are given. */
static void each_guest_size(struct ks_doctor *d, void (*judge)(struct ks_doctor *d, const char *key, uint64_t size))
{
    for (size_t i = 0; d->want && i < d->want->guests.n; i++) {
        const struct ks_guest *guest = (const struct ks_guest *)d->want->guests.v[i];
        for (size_t k = 0; ks_guest_is_wanted(guest) && k < guest->hugepages.n; k++) {
            const char *key = guest->hugepages.v[k]->key;
            uint64_t size;
            if (ks_size_parse(key, &size) != NULL || is_said(d, key))
                continue;
            d->need = (struct ks_needed){ks_sprintf(d->arena, "guests.%s.hugepages", guest->o.key),
                                         ks_at(&guest->o, "hugepages")};
            judge(d, key, size);
        }
    }
}

void ks_judge_page_sizes(struct ks_doctor *d)
{
    for (size_t i = 0; d->want && i < d->want->hugepages.n; i++)
        judge_pool(d, (const struct ks_hugepages *)d->want->hugepages.v[i]);
    each_guest_size(d, judge_use);
    d->need = (struct ks_needed){0};
    for (size_t i = 0; i < d->facts->pages.n; i++) {
        const char *key = ks_size_format(d->arena, d->facts->pages.v[i].size);
        d->subject = key;
        if (d->facts->pages.v[i].node < 0 && !is_said(d, key))
            say_pool(d, d->facts->pages.v[i].size);
    }
    d->subject = NULL;
    if (d->facts->pages.n == 0 && !is_said(d, NULL) && (!d->want || d->want->hugepages.n == 0))
        ks_doctor_lacks(d, "a kernel with CONFIG_HUGETLBFS", "this kernel has none");
}

static const struct ks_fact_mount *mount_of(const struct ks_facts *f, uint64_t size)
{
    for (size_t i = 0; i < f->hugetlbfs.n; i++)
        if (f->hugetlbfs.v[i].size == size)
            return &f->hugetlbfs.v[i];
    return NULL;
}

static void judge_mount(struct ks_doctor *d, const char *key, uint64_t size)
{
    const struct ks_fact_mount *mount = mount_of(d->facts, size);
    const char *text = ks_sprintf(d->arena, "%lluM", (unsigned long long)(size >> 20));

    d->subject = key;
    if (mount)
        ks_doctor_ok(d, "%s", mount->path);
    else
        ks_doctor_lacks(d,
                        ks_sprintf(d->arena,
                                   "mkdir -p /dev/hugepages-%s && mount -t hugetlbfs -o pagesize=%s hugetlbfs "
                                   "/dev/hugepages-%s && systemctl restart libvirtd",
                                   text, text, text),
                        "no hugetlbfs of this size is mounted");
}

void ks_judge_hugetlbfs(struct ks_doctor *d)
{
    each_guest_size(d, judge_mount);
    d->need = (struct ks_needed){0};
    for (size_t i = 0; i < d->facts->hugetlbfs.n; i++) {
        const char *key = ks_size_format(d->arena, d->facts->hugetlbfs.v[i].size);
        d->subject = key;
        if (!is_said(d, key))
            ks_doctor_ok(d, "%s", d->facts->hugetlbfs.v[i].path);
    }
    d->subject = NULL;
    if (d->facts->hugetlbfs.n == 0 &&
        !(d->diagnoses.n && ks_streq(d->diagnoses.v[d->diagnoses.n - 1].check, d->check)))
        ks_doctor_lacks(d, "mount -t hugetlbfs hugetlbfs /dev/hugepages && systemctl restart libvirtd",
                        "none is mounted");
}

/* ---- control groups ----------------------------------------------------------------------------------------- */

static bool has_controller(const struct ks_facts *f, const char *name)
{
    for (size_t i = 0; i < f->controllers.n; i++)
        if (ks_streq(f->controllers.v[i], name))
            return true;
    return false;
}

/* libvirt does without them: pins are set by affinity then, and no limit holds. */
void ks_judge_cgroups(struct ks_doctor *d)
{
    static const char *const names[] = {"cpu", "cpuset", "memory"};
    struct ks_text missing = {.arena = d->arena};

    for (size_t i = 0; i < KS_COUNT(names); i++)
        if (!has_controller(d->facts, names[i]))
            ks_text_addf(&missing, "%s%s", missing.n ? ", " : "", names[i]);
    if (d->facts->cgroups == 0)
        ks_doctor_warns(d, "boot with systemd, or mount -t cgroup2 cgroup2 /sys/fs/cgroup, and restart libvirtd",
                        "none: libvirt sets pins by affinity alone");
    else if (missing.n > 0)
        ks_doctor_warns(d, "boot without cgroup_disable, and delegate the controllers to machine.slice",
                        "version %u, without %s: libvirt sets pins by affinity alone", d->facts->cgroups,
                        ks_text_str(&missing));
    else
        ks_doctor_ok(d, "version %u, with cpu, cpuset and memory", d->facts->cgroups);
}

void ks_judge_restrictive(struct ks_doctor *d)
{
    if (has_controller(d->facts, "cpuset"))
        ks_doctor_ok(d, "cpuset can bind memory");
    else
        ks_doctor_lacks(d, "boot without cgroup_disable=cpuset; or state another numa mode than restrictive",
                        "no cpuset controller");
}

/* ---- knobs -------------------------------------------------------------------------------------------------- */

void ks_judge_ksm(struct ks_doctor *d)
{
    if (d->facts->ksm)
        ks_doctor_ok(d, "there");
    else
        ks_doctor_lacks(d, "install a kernel with CONFIG_KSM: apt-get install linux-image-amd64",
                        "this kernel has none");
}

void ks_judge_numa_balancing(struct ks_doctor *d)
{
    if (d->facts->numa_balancing >= 0)
        ks_doctor_ok(d, "%s", d->facts->numa_balancing ? "on" : "off");
    else
        ks_doctor_lacks(d, "install a kernel with CONFIG_NUMA_BALANCING; it takes more than one NUMA node",
                        "this kernel has none");
}

/* As the plan compares: a bare word is a switch that is on; null says that it is not there. */
static void judge_parameter(struct ks_doctor *d, const struct ks_word *want)
{
    const struct ks_fact_boot *boot = ks_fact_boot(d->facts, want->o.key);
    const char *have = boot ? boot->value ? boot->value : "true" : NULL;
    const char *word = ks_streq(want->value, "true") || !want->value || !*want->value
                           ? want->o.key
                           : ks_sprintf(d->arena, "%s=%s", want->o.key, want->value);

    d->subject = want->o.key;
    d->need = ks_needed_by(&want->o, ks_sprintf(d->arena, "kernel.parameters.%s", want->o.key));
    if (ks_streq(have, want->value)) {
        ks_doctor_ok(d, "%s", word);
        return;
    }
    ks_doctor_lacks(d,
                    ks_sprintf(d->arena,
                               "add %s to GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub and reboot",
                               word),
                    "booted %s", boot ? ks_sprintf(d->arena, "with %s=%s", boot->key, have) : "without it");
}

void ks_judge_boot(struct ks_doctor *d)
{
    for (size_t i = 0; d->want && d->want->kernel && i < d->want->kernel->parameters.n; i++)
        judge_parameter(d, (const struct ks_word *)d->want->kernel->parameters.v[i]);
}

static void judge_module_parameter(struct ks_doctor *d, const char *module, const struct ks_word *want)
{
    const struct ks_fact_parameter *p = ks_fact_parameter(d->facts, module, want->o.key);
    const char *value = want->value ? want->value : "";
    const bool is_met = ks_streq(p->value, value) || (p->value && (*p->value == 'Y' || *p->value == 'N') &&
                                                      ks_fact_is_on(p->value) == ks_fact_is_on(value));

    d->subject = ks_sprintf(d->arena, "%s.%s", module, want->o.key);
    d->need = ks_needed_by(&want->o, ks_sprintf(d->arena, "kernel.modules.%s.%s", module, want->o.key));
    if (!p->exists)
        ks_doctor_lacks(d, ks_sprintf(d->arena, "state a parameter that modinfo -p %s shows", module),
                        "the module has no such parameter");
    else if (is_met)
        ks_doctor_ok(d, "%s", p->value);
    else if (p->writable)
        ks_doctor_ok(d, "%s, and apply can change it", p->value ? p->value : "there");
    else
        ks_doctor_lacks(d,
                        ks_sprintf(d->arena,
                                   "echo 'options %s %s=%s' >> /etc/modprobe.d/kvmstate.conf, and load %s anew",
                                   module, want->o.key, value, module),
                        "%s, and it cannot change while the module is loaded", p->value ? p->value : "there");
}

static void judge_module(struct ks_doctor *d, const struct ks_module *want)
{
    struct ks_text name = {.arena = d->arena};
    const struct ks_fact_module *module;

    for (const char *c = want->o.key; *c; c++)
        ks_text_addn(&name, *c == '-' ? "_" : c, 1);
    module = ks_fact_module(d->facts, ks_text_str(&name));
    d->subject = want->o.key;
    d->need = ks_needed_by(&want->o, ks_sprintf(d->arena, "kernel.modules.%s", want->o.key));
    if (module->state == KS_MODULE_NONE)
        ks_doctor_lacks(d, "install a kernel or package that has it, or take it out of the manifest",
                        "this kernel has no such module");
    else if (module->state == KS_MODULE_AVAILABLE)
        ks_doctor_lacks(d, ks_sprintf(d->arena, "modprobe %s", want->o.key), "not loaded");
    for (size_t i = 0; module->state == KS_MODULE_LOADED && i < want->parameters.n; i++)
        judge_module_parameter(d, want->o.key, (const struct ks_word *)want->parameters.v[i]);
}

void ks_judge_modules(struct ks_doctor *d)
{
    for (size_t i = 0; d->want && d->want->kernel && i < d->want->kernel->modules.n; i++)
        judge_module(d, (const struct ks_module *)d->want->kernel->modules.v[i]);
}
