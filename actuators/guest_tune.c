/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The calls that tune a running guest, one for each KS_LIVE_* that is not a device. */
#include "actuators/guest.h"

typedef int tune_fn(struct ks_acting *a, virDomainPtr domain, const struct ks_change *change, struct ks_error *err);

static int set_memory(struct ks_acting *a, virDomainPtr domain, const struct ks_change *change,
                      struct ks_error *err)
{
    const struct ks_guest *want = (const struct ks_guest *)change->want;

    (void)a;
    if (virDomainSetMemoryFlags(domain, (unsigned long)(want->memory / 1024), VIR_DOMAIN_AFFECT_LIVE) < 0)
        return ks_fail_virt(err, "set memory");
    return 0;
}

/* libvirt waits some seconds for the guest to let go of a vCPU, and has one code for many errors besides. */
static bool has_not_agreed(const struct ks_guest *want, const struct ks_guest *have)
{
    const char *said = virGetLastErrorMessage();

    return have && have->vcpus > want->vcpus && said && strstr(said, "unplug request");
}

static int set_vcpus(struct ks_acting *a, virDomainPtr domain, const struct ks_change *change, struct ks_error *err)
{
    const struct ks_guest *want = (const struct ks_guest *)change->want;

    (void)a;
    if (virDomainSetVcpusFlags(domain, (unsigned)want->vcpus, VIR_DOMAIN_AFFECT_LIVE) < 0 &&
        !has_not_agreed(want, (const struct ks_guest *)change->have))
        return ks_fail_virt(err, "set vCPUs");
    return 0;
}

/* A cpumap as libvirt takes it: a byte for each 8 CPUs. */
struct cpumap {
    unsigned char bytes[KS_CPUSET_MAX / 8];
    int length;
};

static struct cpumap make_cpumap(const struct ks_cpuset *set)
{
    struct cpumap map = {.length = 1};

    for (int cpu = ks_cpuset_next(set, 0); cpu >= 0; cpu = ks_cpuset_next(set, (unsigned)cpu + 1)) {
        map.bytes[cpu / 8] = (unsigned char)(map.bytes[cpu / 8] | 1U << (cpu % 8));
        map.length = cpu / 8 + 1;
    }
    return map;
}

static int pin_one(struct ks_acting *a, virDomainPtr domain, enum ks_live what, const char *key,
                   const struct ks_cpuset *set, struct ks_error *err)
{
    /* Unpinned is pinned to every CPU that there is. */
    struct cpumap map = make_cpumap(set ? set : &a->have->cpus);
    uint64_t number = 0;
    int r;

    if (key && ks_parse_u64(key, &number) < 0)
        return ks_fail(err, KS_E_BUG, KS_NOWHERE, "'%s' is no number to pin", key);
    if (what == KS_LIVE_VCPU_PIN)
        r = virDomainPinVcpuFlags(domain, (unsigned)number, map.bytes, map.length, VIR_DOMAIN_AFFECT_LIVE);
    else if (what == KS_LIVE_IOTHREAD_PIN)
        r = virDomainPinIOThread(domain, (unsigned)number, map.bytes, map.length, VIR_DOMAIN_AFFECT_LIVE);
    else
        r = virDomainPinEmulator(domain, map.bytes, map.length, VIR_DOMAIN_AFFECT_LIVE);
    return r < 0 ? ks_fail_virt(err, "pin") : 0;
}

static int unpin_all(struct ks_acting *a, virDomainPtr domain, enum ks_live what, const struct ks_map *had,
                     struct ks_error *err)
{
    for (size_t i = 0; i < had->n; i++)
        if (pin_one(a, domain, what, had->v[i]->key, NULL, err) < 0)
            return -1;
    return 0;
}

/* `pinning: null` */
static int unpin(struct ks_acting *a, virDomainPtr domain, const struct ks_change *change, struct ks_error *err)
{
    const struct ks_pinning *had = *(struct ks_pinning *const *)ks_member(change->have, change->field);

    if (unpin_all(a, domain, KS_LIVE_VCPU_PIN, &had->vcpus, err) < 0 ||
        unpin_all(a, domain, KS_LIVE_IOTHREAD_PIN, &had->iothreads, err) < 0)
        return -1;
    return ks_has(&had->o, "emulator") ? pin_one(a, domain, KS_LIVE_EMULATOR_PIN, NULL, NULL, err) : 0;
}

static int pin(struct ks_acting *a, virDomainPtr domain, const struct ks_change *change, struct ks_error *err)
{
    const enum ks_live what = ks_change_row(change)->live;

    if (change->op == KS_UNSET && change->field->type == KS_OBJECT)
        return unpin(a, domain, change, err);
    if (change->op == KS_UNSET && change->field->type == KS_MAP)
        return unpin_all(a, domain, what, ks_member(change->have, change->field), err);
    if (change->entry)
        return pin_one(a, domain, what, change->entry->key,
                       change->op == KS_ADD ? &((const struct ks_set *)change->entry)->value : NULL, err);
    if (change->owner_want)
        return pin_one(a, domain, what, change->owner_want->key,
                       &((const struct ks_set *)change->owner_want)->value, err);
    return pin_one(a, domain, what, NULL, change->op == KS_UNSET ? NULL : ks_member(change->want, change->field),
                   err);
}

static int set_iothreads(struct ks_acting *a, virDomainPtr domain, const struct ks_change *change,
                         struct ks_error *err)
{
    const struct ks_guest *want = (const struct ks_guest *)change->want;
    const struct ks_guest *have = (const struct ks_guest *)change->have;
    const uint64_t had = have && ks_has(&have->o, "iothreads") ? have->iothreads : 0;
    const uint64_t wanted = change->op == KS_UNSET ? 0 : want->iothreads;

    (void)a;
    for (uint64_t id = had + 1; id <= wanted; id++)
        if (virDomainAddIOThread(domain, (unsigned)id, VIR_DOMAIN_AFFECT_LIVE) < 0)
            return ks_fail_virt(err, "add iothread %u", (unsigned)id);
    for (uint64_t id = had; id > wanted; id--)
        if (virDomainDelIOThread(domain, (unsigned)id, VIR_DOMAIN_AFFECT_LIVE) < 0)
            return ks_fail_virt(err, "remove iothread %u", (unsigned)id);
    return 0;
}

static int set_text(struct ks_acting *a, virDomainPtr domain, const struct ks_change *change, struct ks_error *err)
{
    const bool title = ks_streq(change->field->key, "title");
    const char *text = change->op == KS_UNSET ? NULL : ks_show(a->arena, change->field, change->want);

    if (virDomainSetMetadata(domain, title ? VIR_DOMAIN_METADATA_TITLE : VIR_DOMAIN_METADATA_DESCRIPTION, text,
                             NULL, NULL, VIR_DOMAIN_AFFECT_LIVE) < 0)
        return ks_fail_virt(err, "set the %s", change->field->key);
    return 0;
}

static int set_numa(struct ks_acting *a, virDomainPtr domain, const struct ks_change *change, struct ks_error *err)
{
    const char *nodes = ks_show(a->arena, change->field, change->want);
    virTypedParameterPtr params = NULL;
    int n = 0, max = 0, r;

    if (virTypedParamsAddString(&params, &n, &max, VIR_DOMAIN_NUMA_NODESET, nodes) < 0)
        return ks_fail_virt(err, "set NUMA nodes");
    r = virDomainSetNumaParameters(domain, params, n, VIR_DOMAIN_AFFECT_LIVE);
    virTypedParamsFree(params, n);
    return r < 0 ? ks_fail_virt(err, "set NUMA nodes") : 0;
}

/* What a limit is to be: as it is stated, else as it is; unset is 0. */
static unsigned long long limit_of(const struct ks_obj *want, const struct ks_obj *have, const char *key)
{
    const struct ks_obj *from = want && ks_stated(want, key) ? want : have;

    if (!from || !ks_has(from, key))
        return 0;
    return *(const uint64_t *)ks_member(from, &from->kind->fields[ks_row(from->kind, key)]);
}

/* All limits at once: of those of bytes, and of those of operations, libvirt takes what it is not told of for 0. */
static int set_iotune(struct ks_acting *a, virDomainPtr domain, const struct ks_change *change,
                      struct ks_error *err)
{
    static const struct {
        const char *key, *name;
    } limits[] = {
        {"total-bytes", VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_BYTES_SEC},
        {"read-bytes", VIR_DOMAIN_BLOCK_IOTUNE_READ_BYTES_SEC},
        {"write-bytes", VIR_DOMAIN_BLOCK_IOTUNE_WRITE_BYTES_SEC},
        {"total-iops", VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_IOPS_SEC},
        {"read-iops", VIR_DOMAIN_BLOCK_IOTUNE_READ_IOPS_SEC},
        {"write-iops", VIR_DOMAIN_BLOCK_IOTUNE_WRITE_IOPS_SEC},
    };
    const bool whole = change->field->type == KS_OBJECT;
    virTypedParameterPtr params = NULL;
    int n = 0, max = 0, r = 0;

    (void)a;
    if (!change->owner_want)
        return ks_fail(err, KS_E_BUG, KS_NOWHERE, "limits without a disk");
    for (size_t i = 0; i < KS_COUNT(limits) && r == 0; i++)
        r = virTypedParamsAddULLong(&params, &n, &max, limits[i].name,
                                    whole ? 0 : limit_of(change->want, change->have, limits[i].key));
    if (r == 0)
        r = virDomainSetBlockIoTune(domain, change->owner_want->key, params, n, VIR_DOMAIN_AFFECT_LIVE);
    virTypedParamsFree(params, n);
    return r < 0 ? ks_fail_virt(err, "set limits of disk %s", change->owner_want->key) : 0;
}

/* libvirt's actions are numbered as its words are in the XML, and the manifest's: destroy, restart, ... */
static int set_lifecycle(struct ks_acting *a, virDomainPtr domain, const struct ks_change *change,
                         struct ks_error *err)
{
    static const char *const keys[] = {
        [VIR_DOMAIN_LIFECYCLE_POWEROFF] = "on-poweroff",
        [VIR_DOMAIN_LIFECYCLE_REBOOT] = "on-reboot",
        [VIR_DOMAIN_LIFECYCLE_CRASH] = "on-crash",
    };
    const bool null = change->op == KS_UNSET;
    const char *to = null ? change->field->fallback : ks_show(a->arena, change->field, change->want);
    unsigned action = 0, type = 0;

    while (action + 1 < change->field->values->n && !ks_streq(change->field->values->names[action], to))
        action++;
    while (type + 1 < KS_COUNT(keys) && !ks_streq(change->field->key, keys[type]))
        type++;
    if (virDomainSetLifecycleAction(domain, type, action, VIR_DOMAIN_AFFECT_LIVE) < 0)
        return ks_fail_virt(err, "set %s", change->field->key);
    return 0;
}

int ks_guest_tune(struct ks_acting *a, virDomainPtr domain, const struct ks_change *change, struct ks_error *err)
{
    static tune_fn *const calls[KS_LIVES] = {
        [KS_LIVE_MEMORY] = set_memory,       [KS_LIVE_VCPUS] = set_vcpus,         [KS_LIVE_VCPU_PIN] = pin,
        [KS_LIVE_EMULATOR_PIN] = pin,        [KS_LIVE_IOTHREAD_PIN] = pin,        [KS_LIVE_PINS] = pin,
        [KS_LIVE_IOTHREADS] = set_iothreads, [KS_LIVE_METADATA] = set_text,       [KS_LIVE_NUMATUNE] = set_numa,
        [KS_LIVE_IOTUNE] = set_iotune,       [KS_LIVE_LIFECYCLE] = set_lifecycle,
    };
    const enum ks_live live = ks_change_row(change)->live;

    if (!calls[live])
        return ks_fail(err, KS_E_BUG, KS_NOWHERE, "%s has no way into a running guest", change->path);
    if (calls[live](a, domain, change, err) < 0)
        return ks_wrap(err, "in %s", change->path);
    return 0;
}
