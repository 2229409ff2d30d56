/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VFs that are in use while their number changes: who holds them, and taking them from running guests. */
#include "actuators/sriov.h"

#include "actuators/guest.h"
#include "schema/guest.h"
#include "schema/xml.h"

/* ---- once more, who holds them ---- */

static bool affects(const struct ks_step *step, const char *holder)
{
    for (size_t i = 0; i < step->affects.n; i++)
        if (ks_streq(step->affects.v[i], holder))
            return true;
    return false;
}

static bool was_planned_for(const struct ks_seen_pf *planned, const struct ks_seen_vf *vf, const char *holder)
{
    for (size_t i = 0; i < planned->n_vfs; i++)
        for (size_t k = 0; planned->vfs[i].index == vf->index && k < planned->vfs[i].n_holders; k++)
            if (ks_streq(planned->vfs[i].holders[k], holder))
                return true;
    return false;
}

static int check_holder(const struct ks_step *step, const struct ks_seen_pf *planned, const struct ks_observed *now,
                        const struct ks_seen_vf *vf, const char *holder, struct ks_error *err)
{
    const char *guest = ks_starts(holder, "guest/") ? holder + strlen("guest/") : NULL;

    if (guest && ks_seen_runs_with(ks_seen_guest(now, guest), vf->address))
        return affects(step, holder)
                   ? 0
                   : ks_fail(err, KS_E_BLOCKED, KS_NOWHERE, "VF %u: guest %s runs with it since this was planned",
                             vf->index, guest);
    if (was_planned_for(planned, vf, holder))
        return 0;
    return ks_fail(err, KS_E_BLOCKED, KS_NOWHERE, "VF %u is held by %s%s since this was planned", vf->index,
                   guest ? "guest " : "", guest ? guest : holder);
}

/* All VFs change hands with their number, else those that get another driver. */
static bool changes_hands(struct ks_acting *a, const struct ks_step *step, const struct ks_seen_vf *vf)
{
    const char *driver = ks_sprintf(a->arena, "vf.%u.driver", vf->index);

    for (size_t i = 0; i < step->fields.n; i++)
        if (ks_streq(step->fields.v[i].path, "vfs") || ks_streq(step->fields.v[i].path, driver))
            return true;
    return false;
}

int ks_sriov_recheck(struct ks_acting *a, const struct ks_step *step, const struct ks_seen_pf *planned,
                     struct ks_error *err)
{
    struct ks_observed now = {0};
    const struct ks_seen_pf *pf;

    if (a->dry_run || !a->looking.look)
        return 0;
    if (a->looking.look(a->looking.data, a->arena, &now, err) < 0)
        return ks_wrap(err, "looking for who holds its VFs");
    pf = ks_seen_pf(&now, planned->address);
    if (!pf)
        return ks_fail(err, KS_E_STALE, KS_NOWHERE, "%s is no longer there, or has no SR-IOV any more",
                       planned->address);
    if (now.holders_unknown)
        return ks_fail(err, KS_E_BLOCKED, KS_NOWHERE, "it is not known who holds its VFs: %s", now.holders_unknown);
    for (size_t i = 0; i < pf->n_vfs; i++)
        for (size_t k = 0; changes_hands(a, step, &pf->vfs[i]) && k < pf->vfs[i].n_holders; k++)
            if (check_holder(step, planned, &now, &pf->vfs[i], pf->vfs[i].holders[k], err) < 0)
                return -1;
    return 0;
}

/* ---- a guest's devices ---- */

static const struct ks_seen_vf *vf_at(const struct ks_seen_pf *pf, const char *address)
{
    for (size_t i = 0; address && i < pf->n_vfs; i++)
        if (ks_streq(pf->vfs[i].address, address))
            return &pf->vfs[i];
    return NULL;
}

static const char *kept_text(struct ks_arena *arena, const xmlNode *node)
{
    char *text = ks_xml_text((xmlNode *)(uintptr_t)node);
    const char *ret = ks_strdup(arena, text);

    xmlFree(text);
    return ret;
}

static int find_devices(struct ks_acting *a, const struct ks_seen_pf *pf, struct ks_lender *lender,
                        struct ks_error *err)
{
    ks_auto(ks_xml_docp) xmlDoc *live = ks_lender_doc(lender, 0, err);
    ks_auto(ks_xml_docp) xmlDoc *config = NULL;

    if (!live)
        return -1;
    if (virDomainIsPersistent(lender->domain) == 1 &&
        !(config = ks_lender_doc(lender, VIR_DOMAIN_XML_INACTIVE, err)))
        return -1;
    for (const xmlNode *node = ks_lender_devices(live); node; node = node->next) {
        const struct ks_seen_vf *vf =
            node->type == XML_ELEMENT_NODE ? vf_at(pf, ks_lender_source(a->arena, node)) : NULL;
        if (vf)
            *ks_vec_add(a->arena, &lender->lent.devices) =
                (struct ks_lent_device){.address = vf->address,
                                        .index = vf->index,
                                        .live = kept_text(a->arena, node),
                                        .defined = config && ks_lender_find(a->arena, config, node)};
    }
    return 0;
}

/* What a run that was cut off has taken from it, and this one finds gone, is given back with the rest. */
static void add_owed(struct ks_acting *a, const struct ks_seen_pf *pf, struct ks_lender *lender)
{
    const struct ks_seen_guest *seen = ks_seen_guest(a->have, lender->name);

    for (size_t i = 0; seen && i < seen->lents.v.n; i++) {
        const struct ks_lent *owed = &seen->lents.v.v[i];
        for (size_t k = 0; ks_streq(owed->pf, pf->address) && k < owed->devices.n; k++)
            if (!ks_seen_runs_with(seen, owed->devices.v[k].address))
                *ks_vec_add(a->arena, &lender->lent.devices) = owed->devices.v[k];
    }
}

/* ---- taking ---- */

/* 1: it let go of all of them; 0: not in time. */
static int detach(struct ks_acting *a, const struct ks_step *step, struct ks_lender *lender, struct ks_error *err)
{
    for (size_t i = 0; i < lender->lent.devices.n; i++) {
        const struct ks_lent_device *device = &lender->lent.devices.v[i];
        if (!ks_lender_has(a, lender, device))
            continue;
        ks_tell(a, step, ks_sprintf(a->arena, "taking %s from guest %s", device->address, lender->name), -1);
        if (virDomainDetachDeviceFlags(lender->domain, device->live, VIR_DOMAIN_AFFECT_LIVE) < 0)
            return 0; /* busy, or not to be unplugged at all: shutting down is left */
    }
    return ks_lender_wait(a, lender, err);
}

static int take_from(struct ks_acting *a, const struct ks_step *step, struct ks_lender *lender,
                     struct ks_error *err)
{
    const struct ks_step power = ks_lender_power(step, lender);
    int agreed;

    if (ks_lender_remember(a, lender, err) < 0)
        return -1;
    agreed = detach(a, step, lender, err);
    if (agreed != 0)
        return agreed < 0 ? -1 : 0;
    if (virDomainIsPersistent(lender->domain) != 1)
        return ks_fail(err, KS_E_TIMEOUT, KS_NOWHERE,
                       "it does not let go of its VF, and has no definition to be started from again");
    ks_tell(a, step, ks_sprintf(a->arena, "guest %s does not let go of its VF: shutting it down", lender->name),
            -1);
    lender->lent.off = true;
    if (ks_lender_remember(a, lender, err) < 0)
        return -1;
    if (ks_guest_stop(a, &power, lender->domain, err) < 0)
        return ks_wrap(err, "it does not let go of its VF while it runs");
    return 0;
}

static int lend(struct ks_acting *a, const struct ks_step *step, const char *name, const struct ks_seen_pf *pf,
                struct ks_lenders *ret, struct ks_error *err)
{
    ks_auto(ks_lender_done) struct ks_lender lender = {.name = name, .lent = {.pf = pf->address}};

    if (ks_lender_open(a, &lender, err) < 0)
        return -1;
    if (virDomainIsActive(lender.domain) != 1)
        return 0;
    if (find_devices(a, pf, &lender, err) < 0)
        return -1;
    if (lender.lent.devices.n == 0)
        return 0;
    add_owed(a, pf, &lender);
    *ks_vec_add(a->arena, &ret->v) = lender;
    lender.domain = NULL; /* theirs now */
    return take_from(a, step, &ret->v.v[ret->v.n - 1], err);
}

int ks_sriov_take(struct ks_acting *a, const struct ks_step *step, const struct ks_seen_pf *pf,
                  struct ks_lenders *ret, struct ks_error *err)
{
    for (size_t i = 0; !a->dry_run && i < step->affects.n; i++) {
        ks_auto(ks_error_done) struct ks_error second = {0};
        const char *name = step->affects.v[i] + strlen("guest/");
        if (!ks_starts(step->affects.v[i], "guest/") || lend(a, step, name, pf, ret, err) == 0)
            continue;
        if (ks_sriov_give_back(a, step, ret, &second) < 0)
            return ks_wrap(err, "guest %s (and afterwards: %s)", name, ks_error_text(a->arena, &second));
        return ks_wrap(err, "guest %s", name);
    }
    return 0;
}
