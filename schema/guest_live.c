/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a running guest's XML says otherwise than its definition without being otherwise. */
#include "schema/kinds.h"

static bool is_open(const struct ks_cpuset *pin, const struct ks_cpuset *online)
{
    return ks_cpuset_count(online) > 0 && ks_cpuset_subset(online, pin);
}

static bool all_open(const struct ks_map *pins, const struct ks_cpuset *online)
{
    for (size_t i = 0; i < pins->n; i++)
        if (!is_open(&((const struct ks_set *)pins->v[i])->value, online))
            return false;
    return true;
}

static bool no_pins(const struct ks_pinning *p, const struct ks_cpuset *online)
{
    return all_open(&p->vcpus, online) && all_open(&p->iothreads, online) &&
           (!ks_has(&p->o, "emulator") || is_open(&p->emulator, online));
}

/* libvirt has no call that takes a pin away: a running guest is pinned to every CPU instead, and says so. */
static bool is_unpinned(const struct ks_change *live, const struct ks_cpuset *online)
{
    if (live->op == KS_REMOVE)
        return is_open(&((const struct ks_set *)live->entry)->value, online);
    if (live->op != KS_UNSET)
        return false;
    if (live->field->type == KS_MAP)
        return all_open(ks_member(live->have, live->field), online);
    if (live->field->type == KS_OBJECT)
        return no_pins(*(struct ks_pinning *const *)ks_member(live->have, live->field), online);
    return live->field->type == KS_CPUSET && is_open(ks_member(live->have, live->field), online);
}

/*
 * A guest starts with its ceiling, and gives the rest back when its balloon driver gets to it; one without a driver
 * never does. That much memory is what kvmstate gave it, not what somebody changed.
 */
static bool awaits_balloon(const struct ks_change *live)
{
    const struct ks_guest *want = (const struct ks_guest *)live->want, *have = (const struct ks_guest *)live->have;

    return have && live->op == KS_SET && ks_has(&have->o, "memory") && ks_has(&have->o, "max-memory") &&
           have->memory == have->max_memory && want->memory < have->max_memory;
}

/* An empty drive has no format; libvirt calls that raw. */
static bool is_of_no_medium(const struct ks_change *live)
{
    static const char *const sources[] = {"file", "block", "volume", "rbd"};

    if (!live->have || live->have->kind != &ks_disk_kind || !ks_streq(live->field->key, "format"))
        return false;
    for (size_t i = 0; i < KS_COUNT(sources); i++)
        if (ks_has(live->have, sources[i]) || ks_has(live->want, sources[i]))
            return false;
    return !live->have->other;
}

/* What the manifest leaves to libvirt, libvirt has chosen: the image of the firmware, the address, the CPU. */
static bool is_libvirts_choice(const struct ks_change *live)
{
    const struct ks_guest *have = (const struct ks_guest *)live->have;

    if (live->op != KS_UNSET)
        return false;
    if (ks_streq(live->field->key, "listen"))
        return ks_streq(((const struct ks_graphics_server *)live->have)->listen, "127.0.0.1");
    return ks_streq(live->path, "secure-boot") ||
           (ks_streq(live->path, "cpu") && have->cpu->mode == 0 && ks_streq(have->cpu->model, "qemu64"));
}

bool ks_live_is_settled(const struct ks_change *live, const struct ks_cpuset *online)
{
    if (is_libvirts_choice(live) || is_of_no_medium(live))
        return true;
    switch (ks_change_row(live)->live) {
    case KS_LIVE_VCPU_PIN:
    case KS_LIVE_IOTHREAD_PIN:
    case KS_LIVE_EMULATOR_PIN:
    case KS_LIVE_PINS:
        return is_unpinned(live, online);
    case KS_LIVE_MEMORY:
        return awaits_balloon(live);
    default:
        return false;
    }
}
