/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SR-IOV. From N to M VFs goes through none, and takes every VF from whoever holds it: a holder that the manifest
 * does not name blocks the step; a guest of the manifest that runs with one makes it a restart.
 */
#include "planners/device.h"

#include <inttypes.h>

struct job {
    struct ks_planning *p;
    const struct ks_sriov *want;
    const struct ks_seen_pf *seen;
    struct ks_step *s;
    bool renews; /* every VF that there is goes; those that come have no attributes */
};

static struct ks_step *step(struct job *j)
{
    if (j->s)
        return j->s;
    j->s = ks_plan_add(j->p, "sriov", j->want->o.key, NULL, KS_CHANGE, KS_ACT_DEFINE, j->seen->hash);
    j->s->want = &j->want->o;
    j->s->seen = j->seen;
    j->s->at = j->want->o.at;
    return j->s;
}

static void add(struct job *j, const char *path, const char *from, const char *to, enum ks_impact impact)
{
    ks_step_add(j->p, step(j), path, from, to, impact)->define = true;
}

static const char *number(struct job *j, uint64_t n)
{
    return ks_sprintf(j->p->arena, "%" PRIu64, n);
}

/* ---- who holds a VF ---- */

static bool is_managed(const struct ks_planning *p, const char *guest)
{
    const struct ks_guest *want = (const struct ks_guest *)ks_map_get(&p->want->guests, guest);

    return want && !(ks_has(&want->o, "state") && want->state == KS_GUEST_UNMANAGED);
}

static bool runs_with(const struct ks_planning *p, const char *guest, const char *address)
{
    return ks_seen_runs_with(ks_seen_guest(p->have, guest), address);
}

/* "guest fw1", "namespace blue" */
static const char *in_words(struct job *j, const char *holder)
{
    char *words;

    if (!ks_starts(holder, "guest/") && !ks_starts(holder, "network/"))
        return holder;
    words = ks_strdup(j->p->arena, holder);
    *strchr(words, '/') = ' ';
    return words;
}

/* It is asked to let go of its VF, and is powered off and on where it does not: that takes consent. */
static void borrow(struct job *j, const struct ks_seen_vf *vf, const char *holder)
{
    struct ks_step *s = step(j);
    struct ks_plan_field *field = &s->fields.v[0]; /* "vfs", which take_all() comes right after */
    const char *guest = holder + strlen("guest/");

    for (size_t i = 0; i < s->affects.n; i++)
        if (ks_streq(s->affects.v[i], holder))
            return;
    ks_step_affects(j->p, s, holder);
    field->impact = s->impact = KS_RESTART;
    field->note = field->note ? ks_sprintf(j->p->arena, "%s, %s (VF %u)", field->note, guest, vf->index)
                              : ks_sprintf(j->p->arena, "taken from, and given back to, running guests: %s (VF %u)",
                                           guest, vf->index);
}

/* Its definition has the VF, and the manifest leaves that part of the definition to itself. */
static bool is_left_with(const struct job *j, const char *guest, const char *address)
{
    const struct ks_obj *want = ks_map_get(&j->p->want->guests, guest);
    const struct ks_seen_guest *seen = ks_seen_guest(j->p->have, guest);
    const struct ks_guest *config = seen ? seen->config : NULL;

    for (size_t i = 0; config && !ks_has(want, "nics") && i < config->nics.n; i++)
        if (ks_streq(((const struct ks_nic *)config->nics.v[i])->vf_address, address))
            return true;
    for (size_t i = 0; config && !ks_has(want, "devices") && i < config->devices.n; i++)
        if (ks_streq(((const struct ks_pci_device *)config->devices.v[i])->pci, address))
            return true;
    return false;
}

static void take_from(struct job *j, const struct ks_seen_vf *vf, const char *holder)
{
    const char *guest = ks_starts(holder, "guest/") ? holder + strlen("guest/") : NULL;
    const char *network = ks_starts(holder, "network/") ? holder + strlen("network/") : NULL;

    if ((guest && !is_managed(j->p, guest)) || (network && !ks_map_get(&j->p->want->networks, network))) {
        ks_step_block(j->p, step(j), "VF %u is held by %s (not in the manifest)", vf->index, in_words(j, holder));
    } else if (guest && vf->index >= j->want->vfs && is_left_with(j, guest, vf->address)) {
        ks_step_block(
            j->p, step(j),
            "VF %u would be gone, and guest %s has it: state its nics and devices without it, or more VFs",
            vf->index, guest);
    } else if (guest) {
        if (!runs_with(j->p, guest, vf->address))
            return; /* it finds its VF again when it starts */
        borrow(j, vf, holder);
    } else if (!network) {
        ks_step_block(j->p, step(j), "VF %u is held by %s", vf->index, holder);
    }
}

static void take_all(struct job *j)
{
    if (j->p->have->holders_unknown)
        ks_step_block(j->p, step(j), "it is not known who holds its VFs: %s", j->p->have->holders_unknown);
    for (size_t i = 0; i < j->seen->n_vfs; i++)
        for (size_t k = 0; k < j->seen->vfs[i].n_holders; k++)
            take_from(j, &j->seen->vfs[i], j->seen->vfs[i].holders[k]);
}

/* ---- the PF ---- */

/* Somebody uses the PF itself: making VFs resets the card, and another MTU interrupts it. */
static enum ks_impact pf_impact(const struct job *j)
{
    const struct ks_seen_link *link = j->seen->name ? ks_seen_link(j->p->have, j->seen->name) : NULL;

    return j->seen->default_route || (link && (link->has_addresses || link->master)) ? KS_NETWORK : KS_SAFE;
}

static void plan_count(struct job *j)
{
    const uint64_t have = j->seen->n_vfs, want = j->want->vfs;

    if (!ks_has(&j->want->o, "vfs"))
        return;
    if (want > j->seen->total_vfs) {
        (void)ks_report(j->p->findings, KS_E_CONFLICT, ks_at(&j->want->o, "vfs"),
                        "sriov %s: %" PRIu64 " VFs are asked for, and it can have %" PRIu64 " (sriov_totalvfs)",
                        j->want->o.key, want, j->seen->total_vfs);
        return;
    }
    if (have == want && j->seen->num_vfs == want)
        return;
    j->renews = true;
    add(j, "vfs", number(j, have), number(j, want), pf_impact(j));
    take_all(j);
}

static void plan_mtu(struct job *j)
{
    if (!ks_has(&j->want->o, "mtu") || j->want->mtu == j->seen->mtu)
        return;
    if (!j->seen->name)
        (void)ks_report(j->p->findings, KS_E_UNSUPPORTED, ks_at(&j->want->o, "mtu"),
                        "sriov %s: it has no network interface here (driver %s), so no MTU", j->want->o.key,
                        j->seen->driver ? j->seen->driver : "none");
    else
        add(j, "mtu", number(j, j->seen->mtu), number(j, j->want->mtu), pf_impact(j));
}

/* libvirt hands a guest no VF of a PF that is down. */
static void plan_up(struct job *j)
{
    if (j->seen->up || !j->seen->name)
        return;
    for (size_t i = 0; i < j->p->want->guests.n; i++) {
        const struct ks_guest *guest = (const struct ks_guest *)j->p->want->guests.v[i];
        for (size_t k = 0; ks_guest_is_wanted(guest) && k < guest->nics.n; k++) {
            const struct ks_nic *nic = (const struct ks_nic *)guest->nics.v[k];
            if (nic->vf && nic->vf->pf && ks_seen_pf(j->p->have, nic->vf->pf) == j->seen) {
                add(j, "up", "false", "true", KS_SAFE);
                return;
            }
        }
    }
}

/* ---- attributes ---- */

/* libvirt sets these while a guest has the VF, and puts them back. */
static bool is_lent(const struct job *j, const struct ks_seen_vf *vf)
{
    for (size_t i = 0; i < vf->n_holders; i++)
        if (ks_starts(vf->holders[i], "guest/") && runs_with(j->p, vf->holders[i] + strlen("guest/"), vf->address))
            return true;
    return false;
}

static bool is_libvirts(const char *key)
{
    return ks_streq(key, "mac") || ks_streq(key, "vlan") || ks_streq(key, "qos") || ks_streq(key, "driver");
}

/* What a driver never tells of a VF, it cannot do. */
static bool is_untold(const struct job *j, const struct ks_seen_vf *vf, const struct ks_change *change)
{
    return !ks_streq(change->field->key, "driver") &&
           !(vf->config->o.stated >> ks_row(&ks_vf_kind, change->field->key) & 1) && j->seen->driver;
}

static void plan_vf(struct job *j, const struct ks_seen_vf *vf)
{
    const struct ks_vf *want = ks_vf_merged(j->p->arena, j->want, vf->index);
    const bool lent = is_lent(j, vf);
    struct ks_changes changes = {0};

    ks_diff(j->p->arena, &want->o, &vf->config->o, false, &changes);
    for (size_t i = 0; i < changes.n; i++) {
        const struct ks_change *change = &changes.v[i];
        if (lent && is_libvirts(change->field->key))
            continue;
        add(j, ks_sprintf(j->p->arena, "vf.%u.%s", vf->index, change->field->key), change->from, change->to,
            vf->n_holders ? ks_change_impact(change, true) : KS_SAFE);
        if (is_untold(j, vf, change))
            ks_step_block(j->p, step(j), "VF %u: driver %s has no %s", vf->index, j->seen->driver,
                          change->field->key);
        if (ks_streq(change->field->key, "driver") && vf->n_holders)
            ks_step_block(j->p, step(j), "VF %u is held by %s, and cannot change its driver", vf->index,
                          in_words(j, vf->holders[0]));
    }
}

/* VFs that are yet to come: what they will be given, as it stands in the manifest. */
static void show_new(struct job *j, const char *prefix, const struct ks_obj *vf)
{
    struct ks_changes changes = {0};

    ks_diff(j->p->arena, vf, NULL, false, &changes);
    for (size_t i = 0; i < changes.n; i++)
        add(j, ks_sprintf(j->p->arena, "%s.%s", prefix, changes.v[i].path), NULL, changes.v[i].to, KS_SAFE);
}

static void plan_new(struct job *j)
{
    if (j->want->vfs == 0)
        return;
    if (ks_has(&j->want->o, "driver"))
        add(j, "driver", NULL, j->want->driver, KS_SAFE);
    if (j->want->each)
        show_new(j, "each", &j->want->each->o);
    for (size_t i = 0; i < j->want->vf.n; i++)
        show_new(j, ks_sprintf(j->p->arena, "vf.%s", j->want->vf.v[i]->key), j->want->vf.v[i]);
}

static bool states_attributes(const struct ks_sriov *want)
{
    return want->each || want->vf.n > 0;
}

static void plan_attributes(struct job *j)
{
    const uint64_t n = ks_has(&j->want->o, "vfs") ? j->want->vfs : j->seen->n_vfs;

    for (size_t i = 0; i < j->want->vf.n; i++)
        if (strtoull(j->want->vf.v[i]->key, NULL, 10) >= n)
            (void)ks_report(j->p->findings, KS_E_NOT_FOUND, j->want->vf.v[i]->at,
                            "sriov %s: there is no VF %s, it has %" PRIu64, j->want->o.key, j->want->vf.v[i]->key,
                            n);
    if (!j->seen->name && states_attributes(j->want)) {
        (void)ks_report(j->p->findings, KS_E_UNSUPPORTED, j->want->o.at,
                        "sriov %s: attributes of VFs go through its network interface, which it has not got here "
                        "(driver %s)",
                        j->want->o.key, j->seen->driver ? j->seen->driver : "none");
        return;
    }
    if (j->renews) {
        plan_new(j);
        return;
    }
    for (size_t i = 0; i < j->seen->n_vfs; i++)
        plan_vf(j, &j->seen->vfs[i]);
}

static void missing(struct ks_planning *p, const struct ks_sriov *want)
{
    const char *names[64];
    size_t n = 0;

    for (size_t i = 0; i < p->have->pfs.n && n < KS_COUNT(names); i++)
        names[n++] = p->have->pfs.v[i].name ? p->have->pfs.v[i].name : p->have->pfs.v[i].address;
    if (ks_seen_link(p->have, want->o.key) || ks_seen_pci(p->have, want->o.key)) {
        (void)ks_report(p->findings, KS_E_UNSUPPORTED, want->o.at, "sriov %s: it has no SR-IOV", want->o.key);
        return;
    }
    (void)ks_report(p->findings, KS_E_NOT_FOUND, want->o.at, "sriov %s: the host has no such PF", want->o.key);
    if (ks_nearest(want->o.key, names, n))
        ks_report_hint(p->findings, "did you mean '%s'?", ks_nearest(want->o.key, names, n));
}

static bool share_guest(const struct ks_step *one, const struct ks_step *other)
{
    for (size_t i = 0; i < one->affects.n; i++)
        for (size_t k = 0; k < other->affects.n; k++)
            if (ks_streq(one->affects.v[i], other->affects.v[k]))
                return true;
    return false;
}

/* Two PFs that take their VFs from the same guest, and may have to shut it down, do so one after the other. */
static void plan_turns(struct ks_planning *p, size_t first)
{
    for (size_t i = first; i < p->plan->n; i++)
        for (size_t k = first; k < i; k++)
            if (share_guest(p->plan->v[k], p->plan->v[i]))
                ks_step_follows(p, p->plan->v[i], p->plan->v[k]->id);
}

void ks_plan_sriov(struct ks_planning *p)
{
    const size_t first = p->plan->n;

    for (size_t i = 0; i < p->want->sriov.n; i++) {
        struct job j = {.p = p, .want = (const struct ks_sriov *)p->want->sriov.v[i]};
        j.seen = ks_seen_pf(p->have, j.want->o.key);
        if (!j.seen) {
            missing(p, j.want);
            continue;
        }
        if (j.seen->unknown) {
            ks_step_block(p, step(&j), "could not be read: %s", j.seen->unknown);
            continue;
        }
        plan_count(&j);
        plan_mtu(&j);
        plan_up(&j);
        plan_attributes(&j);
        if (j.s)
            ks_step_hold(p, j.s, NULL);
    }
    plan_turns(p, first);
}
