/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "actuators/sriov.h"
#include "actuators/actuators.h"
#include "actuators/host.h"

enum { MBIT = 1000000 };

struct run {
    struct ks_acting *a;
    const struct ks_step *step;
    const struct ks_sriov *want;
    const struct ks_seen_pf *seen; /* as it was planned for; its address and name hold still */
    struct ks_writes w;
    struct ks_error *err;
};

static bool changes(const struct run *r, const char *path)
{
    for (size_t i = 0; i < r->step->fields.n; i++)
        if (ks_streq(r->step->fields.v[i].path, path))
            return true;
    return false;
}

/* A VF among those that the plan changes, or any VF when all are new. */
static bool concerns(const struct run *r, unsigned index, const char *key)
{
    return changes(r, "vfs") || changes(r, ks_sprintf(r->a->arena, "vf.%u.%s", index, key));
}

static const char *vf_address(struct run *r, unsigned index)
{
    return ks_link_base(r->a->root,
                        ks_sprintf(r->a->arena, "sys/bus/pci/devices/%s/virtfn%u", r->seen->address, index),
                        r->a->arena);
}

/* ---- attributes ---- */

static struct ks_vf_want attributes(struct run *r, const struct ks_vf *vf, unsigned index)
{
    static const struct {
        const char *key;
        unsigned stated;
    } rows[] = {
        {"mac", KS_VF_MAC},           {"vlan", KS_VF_VLAN},
        {"qos", KS_VF_QOS},           {"spoof-check", KS_VF_SPOOF_CHECK},
        {"trust", KS_VF_TRUST},       {"link-state", KS_VF_LINK_STATE},
        {"min-rate", KS_VF_MIN_RATE}, {"max-rate", KS_VF_MAX_RATE},
    };
    struct ks_vf_want ret = {
        .pf = r->seen->name,
        .index = index,
        .mac = vf->mac,
        .vlan = (uint16_t)vf->vlan,
        .qos = (uint16_t)vf->qos,
        .spoof_check = vf->spoof_check,
        .trust = vf->trust,
        .link_state = vf->link_state,
        .min_rate_mbit = (uint32_t)(vf->min_rate / MBIT),
        .max_rate_mbit = (uint32_t)(vf->max_rate / MBIT),
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++)
        if (ks_has(&vf->o, rows[i].key) && concerns(r, index, rows[i].key))
            ret.stated |= rows[i].stated;
    return ret;
}

/* ---- drivers ---- */

static bool is_pooled(const struct run *r)
{
    for (size_t i = 0; r->a->want && i < r->a->want->networks.n; i++) {
        const char *name = ((const struct ks_network *)r->a->want->networks.v[i])->pf;
        const struct ks_seen_pf *pf = name ? ks_seen_pf(r->a->have, name) : NULL;
        if (pf && ks_streq(pf->address, r->seen->address))
            return true;
    }
    return false;
}

/* A guest or a pool had it, or is to get it: by the manifest, or by a definition that this leaves alone. */
static bool is_for_guests(const struct run *r, unsigned index, const char *address)
{
    for (size_t i = 0; i < r->seen->n_vfs; i++)
        for (size_t k = 0; r->seen->vfs[i].index == index && k < r->seen->vfs[i].n_holders; k++)
            if (ks_starts(r->seen->vfs[i].holders[k], "guest/") ||
                ks_starts(r->seen->vfs[i].holders[k], "network/"))
                return true;
    for (size_t i = 0; r->a->want && i < r->a->want->guests.n; i++)
        if (ks_guest_takes_pci((const struct ks_guest *)r->a->want->guests.v[i], address))
            return true;
    return is_pooled(r);
}

/* The MAC and the rest before the driver: who gets the VF finds it as it is to be. */
static int set_vf(struct run *r, unsigned index)
{
    const struct ks_vf *vf = ks_vf_merged(r->a->arena, r->want, index);
    const struct ks_vf_want want = attributes(r, vf, index);
    const char *address = vf_address(r, index);

    if (!address && r->a->dry_run)
        return 0;
    if (!address)
        return ks_fail(r->err, KS_E_STALE, KS_NOWHERE, "VF %u is not there", index);
    if (want.stated && ks_vf_set(&r->w, &want, r->err) < 0)
        return -1;
    if (vf->driver && concerns(r, index, "driver"))
        return ks_driver_bind(&r->w, address, vf->driver, 0, r->err);
    return 0;
}

/* ---- the number ---- */

static int set_count(struct run *r, unsigned n)
{
    const struct ks_numvfs_want want = {.pf = r->seen->address, .vfs = n};

    ks_tell(r->a, r->step, ks_sprintf(r->a->arena, "%u VFs", want.vfs), -1);
    return ks_numvfs_set(&r->w, &want, r->err);
}

static bool states_driver(struct run *r, unsigned index)
{
    return ks_vf_merged(r->a->arena, r->want, index)->driver != NULL;
}

/* They came without a driver: the host's, that udev may load any moment, would be in the way of their guests. */
static int reserve(struct run *r, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const char *address = vf_address(r, i);
        if (address && !states_driver(r, i) && is_for_guests(r, i, address) &&
            ks_driver_reserve(&r->w, address, "vfio-pci", r->err) < 0)
            return ks_wrap(r->err, "VF %u", i);
    }
    return 0;
}

/* The others get what they would have had without all this; it takes seconds each, so that guests come first. */
static void probe(struct run *r, unsigned n)
{
    struct ks_strings addresses = {0};
    unsigned late;

    for (unsigned i = 0; i < n; i++) {
        const char *address = vf_address(r, i);
        if (address && !states_driver(r, i) && !is_for_guests(r, i, address))
            *ks_vec_add(r->a->arena, &addresses) = address;
    }
    late = ks_drivers_probe(&r->w, &addresses);
    if (late)
        r->a->remark = ks_sprintf(r->a->arena, "the host's driver is still taking %u of its VFs", late);
}

static int set_link(struct run *r)
{
    const struct ks_link_want want = {
        .name = r->seen->name,
        .stated = (changes(r, "mtu") ? KS_LINK_MTU : 0) | (changes(r, "up") ? KS_LINK_UP : 0),
        .mtu = (uint32_t)r->want->mtu,
        .up = true,
    };

    return want.stated ? ks_link_set(&r->w, &want, r->err) : 0;
}

static int set_vfs(struct run *r, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (set_vf(r, i) < 0)
            return ks_wrap(r->err, "VF %u", i);
    return 0;
}

static int renew(struct run *r, unsigned n)
{
    if (set_count(r, n) < 0 || reserve(r, n) < 0 || set_link(r) < 0)
        return -1;
    return set_vfs(r, n);
}

/* As many as there were, as far as they come: who had one gets it back. A driver that hangs is left alone. */
static void roll_back(struct run *r)
{
    ks_auto(ks_error_done) struct ks_error second = {0};
    struct run back = *r;
    const unsigned n = (unsigned)r->seen->n_vfs;

    back.err = &second;
    if (set_count(&back, n) < 0 || reserve(&back, n) < 0 || set_vfs(&back, n) < 0)
        (void)ks_wrap(r->err, "%u VFs as before could not be had either (%s)", n,
                      ks_error_text(r->a->arena, &second));
    else
        (void)ks_wrap(r->err, "there are %u VFs again", n);
}

static int renew_and_give_back(struct run *r, unsigned n, struct ks_lenders *lenders)
{
    ks_auto(ks_error_done) struct ks_error second = {0};
    const int rc = renew(r, n);
    int given;

    if (rc < 0 && r->err->code == KS_E_TIMEOUT)
        return -1; /* whoever touches the card now hangs, too */
    if (rc < 0 && !r->a->dry_run)
        roll_back(r);
    given = ks_sriov_give_back(r->a, r->step, lenders, rc < 0 ? &second : r->err);
    probe(r, rc < 0 ? (unsigned)r->seen->n_vfs : n);
    if (given == 0)
        return rc;
    return rc < 0 ? ks_wrap(r->err, "and %s", ks_error_text(r->a->arena, &second)) : -1;
}

static int set_all(struct run *r)
{
    const unsigned n = ks_has(&r->want->o, "vfs") ? (unsigned)r->want->vfs : (unsigned)r->seen->n_vfs;
    ks_auto(ks_lenders_done) struct ks_lenders lenders = {0};

    if (ks_sriov_recheck(r->a, r->step, r->seen, r->err) < 0)
        return -1;
    if (!changes(r, "vfs"))
        return set_link(r) < 0 ? -1 : set_vfs(r, n);
    if (ks_sriov_take(r->a, r->step, r->seen, &lenders, r->err) < 0)
        return -1;
    return renew_and_give_back(r, n, &lenders);
}

int ks_act_sriov(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    struct run r = {
        .a = a,
        .step = step,
        .want = (const struct ks_sriov *)step->want,
        .seen = step->seen,
        .w = {.arena = a->arena, .root = a->root, .dry_run = a->dry_run, .cancelled = a->cancelled},
        .err = err,
    };

    if (set_all(&r) < 0)
        return ks_wrap(err, "in sriov %s", step->name);
    *ret = r.w.log.n == 0 ? KS_NOOP : a->dry_run ? KS_WOULD_CHANGE : KS_CHANGED;
    return 0;
}
