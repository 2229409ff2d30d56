/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a run that was cut off owes a guest: VFs that it had taken for a while, to change their number. They are
 * given back whatever the manifest states of the guest; where it states otherwise, its own steps come first.
 */
#include "planners/device.h"
#include "planners/guest.h"

#include "schema/lent.h"

enum fate {
    BACK,   /* given back, or it has it */
    GONE,   /* the manifest wants fewer VFs */
    MISSING /* not there, and nothing makes it */
};

struct job {
    struct ks_planning *p;
    const struct ks_seen_guest *seen;
    const struct ks_guest *want; /* or NULL: the manifest does not name it any more */
    const struct ks_lent *lent;
    struct ks_step *s;
};

static struct ks_step *find_step(const struct ks_planning *p, const char *id)
{
    for (size_t i = 0; i < p->plan->n; i++)
        if (ks_streq(p->plan->v[i]->id, id))
            return p->plan->v[i];
    return NULL;
}

static bool is_ready(const struct ks_step *s)
{
    return s && !s->held && !s->blocked;
}

static const char *sriov_id(const struct job *j)
{
    return ks_sprintf(j->p->arena, "sriov/%s", ks_sriov_key(j->p, j->lent->pf));
}

/* The step takes the guest's VFs again, and gives back what is owed with them. */
static bool is_lent_anew(const struct job *j)
{
    const struct ks_step *s = find_step(j->p, sriov_id(j));
    const char *guest = ks_sprintf(j->p->arena, "guest/%s", j->seen->name);

    for (size_t i = 0; is_ready(s) && s->targeted && i < s->affects.n; i++)
        if (ks_streq(s->affects.v[i], guest))
            return true;
    return false;
}

static bool is_deleted(const struct job *j)
{
    for (size_t i = 0; i < j->p->plan->n; i++) {
        const struct ks_step *s = j->p->plan->v[i];
        if (ks_streq(s->kind, "guest") && ks_streq(s->name, j->seen->name) && s->verb == KS_DESTROY)
            return is_ready(s);
    }
    return false;
}

static enum fate fate_of(const struct job *j, const struct ks_lent_device *device)
{
    const struct ks_seen_pf *pf = ks_seen_pf(j->p->have, j->lent->pf);

    if (pf && device->index >= ks_pf_vfs(j->p, pf))
        return ks_map_get(&j->p->want->sriov, ks_sriov_key(j->p, j->lent->pf)) ? GONE : MISSING;
    return device->is_there || (pf && find_step(j->p, sriov_id(j))) ? BACK : MISSING;
}

static void add_device(struct job *j, const struct ks_lent_device *device)
{
    const bool runs = j->seen->state != KS_GUEST_STOPPED, has = ks_seen_runs_with(j->seen, device->address);
    const enum fate fate = fate_of(j, device);
    struct ks_plan_field *field =
        ks_step_add(j->p, j->s, ks_sprintf(j->p->arena, "lent.%s", device->address), "taken",
                    has            ? "kept"
                    : fate == GONE ? "gone"
                    : !runs        ? "back with its start"
                                   : "given back",
                    has || fate == GONE || !runs ? KS_SAFE : KS_LIVE);

    if (fate == GONE)
        field->note = ks_sprintf(j->p->arena, "the manifest has no VF %u", device->index);
    if (fate == MISSING && !has)
        ks_step_block(j->p, j->s,
                      "VF %u of %s (%s) is not there: give the PF its VFs again, or start the guest anew",
                      device->index, j->lent->pf, device->address);
    if (!device->is_there)
        ks_step_needs(j->p, j->s, sriov_id(j));
}

/* It was shut down because it did not let go; where the manifest states what it is to be, its own step sees to it.
 */
static void add_state(struct job *j)
{
    if (j->seen->state != KS_GUEST_STOPPED || (j->want && ks_has(&j->want->o, "state")))
        return;
    ks_step_add(j->p, j->s, "state", "stopped", j->lent->paused ? "paused" : "running", KS_SAFE)->note =
        "it was shut down for its VFs";
}

static void plan_one(struct job *j)
{
    static const char *const parts[] = {"", ":rename", ":restart", ":start", ":resume", ":stop", ":pause"};

    if (is_deleted(j) || is_lent_anew(j))
        return;
    j->s = ks_plan_add(j->p, "guest", j->seen->name, ks_sprintf(j->p->arena, KS_LENT_STEP "%s", j->lent->pf),
                       KS_CHANGE, KS_ACT_GIVE_BACK, j->seen->hash);
    j->s->seen = j->seen;
    j->s->want = j->want ? &j->want->o : NULL;
    j->s->reason = "a run was cut off that had taken VFs from it";
    if (j->want)
        j->s->at = j->want->o.at;
    for (size_t i = 0; i < KS_COUNT(parts); i++)
        ks_step_follows(j->p, j->s, ks_sprintf(j->p->arena, "guest/%s%s", j->seen->name, parts[i]));
    ks_step_follows(j->p, j->s, sriov_id(j));
    add_state(j);
    for (size_t i = 0; i < j->lent->devices.n; i++)
        add_device(j, &j->lent->devices.v[i]);
}

void ks_plan_lent(struct ks_planning *p)
{
    for (size_t i = 0; i < p->have->guests.n; i++) {
        const struct ks_seen_guest *seen = &p->have->guests.v[i];
        struct job j = {
            .p = p, .seen = seen, .want = (const struct ks_guest *)ks_map_get(&p->want->guests, seen->name)};
        if (seen->lent_problem)
            ks_report_warning(p->findings, KS_E_SYNTAX, KS_NOWHERE, "guest %s: %s", seen->name, seen->lent_problem);
        for (size_t k = 0; !seen->unknown && k < seen->lents.v.n; k++) {
            j.lent = &seen->lents.v.v[k];
            plan_one(&j);
        }
    }
}
