/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networks: the definition is edited at once; what a running network takes, it is given while it runs; the rest
 * waits for it to be taken down and up, which its guests notice.
 */
#include "planners/network.h"
#include "planners/thing.h"

static const char *const state_names[] = {"active", "inactive", "absent"};

struct job {
    struct ks_thing t;
    const struct ks_network *want;
    const struct ks_seen_network *seen;
};

static struct job *job(struct ks_thing *t)
{
    return ks_thing_of(t, struct job, t);
}

static void add_users(struct job *j, struct ks_step *s)
{
    for (size_t i = 0; i < j->seen->users.n; i++)
        ks_step_affects(j->t.p, s, ks_sprintf(j->t.p->arena, "guest/%s", j->seen->users.v[i]));
}

/* The bridge or PF below it: needed where the host has none yet, merely first where it has. */
static void depend(struct ks_thing *t, struct ks_step *s)
{
    const struct ks_network *want = job(t)->want;

    if (s->action == KS_ACT_RESTART)
        add_users(job(t), s);
    if (ks_has(&want->o, "bridge") && ks_map_get(&t->p->want->bridges, want->bridge)) {
        const char *id = ks_sprintf(t->p->arena, "bridge/%s", want->bridge);
        if (ks_seen_bridge(t->p->have, want->bridge))
            ks_step_follows(t->p, s, id);
        else
            ks_step_needs(t->p, s, id);
    }
    if (ks_has(&want->o, "pf"))
        ks_step_follows(t->p, s, ks_sprintf(t->p->arena, "sriov/%s", want->pf));
}

static void plan_flags(struct job *j)
{
    const struct ks_obj *want = &j->want->o;

    if (!j->seen->persistent)
        (void)ks_thing_set(&j->t, "persistent", "false", "true");
    if (ks_has(want, "autostart"))
        ks_thing_flag(&j->t, "autostart", j->seen->autostart, j->want->autostart);
    ks_thing_protect(&j->t, j->want->protect);
    /* One that a killed run had begun was to be active. */
    if ((ks_has(want, "state") ? j->want->state == KS_NETWORK_ACTIVE : j->seen->making) && !j->seen->active)
        (void)ks_thing_set(&j->t, "state", "inactive", "active");
    if (j->seen->making)
        ks_thing_main(&j->t)->reason = "was being made when a run was stopped";
}

/* A guest of the manifest that this plan turns off or deletes stands before what takes its network away. */
static bool goes_first(struct job *j, const char *guest)
{
    const struct ks_guest *want = (const struct ks_guest *)ks_map_get(&j->t.p->want->guests, guest);
    const struct ks_seen_guest *seen = ks_seen_guest(j->t.p->have, guest);

    if (!want)
        return ks_prunes(j->t.p) && seen && seen->owned;
    return ks_has(&want->o, "state") && (want->state == KS_GUEST_ABSENT || want->state == KS_GUEST_STOPPED);
}

/* Taken away from under a running guest it would leave a nic that leads nowhere. */
static void wait_for_users(struct job *j, struct ks_step *s)
{
    for (size_t i = 0; i < j->seen->users.n; i++) {
        const char *guest = j->seen->users.v[i];
        if (!goes_first(j, guest)) {
            ks_step_block(j->t.p, s, "guest %s runs with a nic in it", guest);
            continue;
        }
        ks_step_needs(j->t.p, s, ks_sprintf(j->t.p->arena, "guest/%s", guest));
        ks_step_needs(j->t.p, s, ks_sprintf(j->t.p->arena, "guest/%s:stop", guest));
    }
}

static void plan_stop(struct job *j)
{
    struct ks_step *s;

    if (!ks_has(&j->want->o, "state") || j->want->state != KS_NETWORK_INACTIVE || !j->seen->active)
        return;
    s = ks_thing_step(&j->t, "stop", KS_CHANGE, KS_ACT_STOP);
    (void)ks_step_add(j->t.p, s, "state", "active", "inactive", KS_NETWORK);
    ks_step_needs(j->t.p, s, ks_sprintf(j->t.p->arena, "network/%s", j->t.name));
    wait_for_users(j, s);
    /* Who is to be down need not come up again for its definition. */
    if (j->t.restart)
        j->t.restart->targeted = false;
    if (j->t.main)
        j->t.main->restart_only = false;
}

static void plan_existing(struct ks_thing *t)
{
    const size_t first = t->p->plan->n;

    ks_thing_changes(t);
    plan_flags(job(t));
    plan_stop(job(t));
    if (t->restart)
        ks_step_needs(t->p, t->restart, ks_sprintf(t->p->arena, "network/%s", t->name));
    ks_thing_adopt(t);
    for (size_t i = first; i < t->p->plan->n; i++)
        ks_step_hold(t->p, t->p->plan->v[i], NULL);
}

static void plan_creation(struct ks_thing *t)
{
    const struct ks_network *want = job(t)->want;
    const bool inactive = ks_has(&want->o, "state") && want->state == KS_NETWORK_INACTIVE;
    struct ks_step *s = ks_thing_create(t, state_names[inactive]);

    if (ks_has(&want->o, "autostart") && want->autostart)
        (void)ks_step_add(t->p, s, "autostart", NULL, "true", KS_SAFE);
}

static void plan_deletion(struct ks_thing *t, const char *reason)
{
    struct job *j = job(t);
    struct ks_step *s = ks_thing_delete(t, reason, KS_DELETE, j->want && j->want->protect);

    if (j->seen->active)
        (void)ks_step_add(t->p, s, "state", "active", NULL, KS_DELETE);
    ks_step_hold(t->p, s, NULL);
    add_users(j, s);
    wait_for_users(j, s);
}

static const struct ks_thing_plans plans = {
    .existing = plan_existing, .creation = plan_creation, .deletion = plan_deletion};

static struct job job_of(struct ks_planning *p, const char *name, const struct ks_network *want,
                         const struct ks_seen_network *seen)
{
    struct job j = {.t = {.p = p,
                          .kind = "network",
                          .name = name,
                          .want = want ? &want->o : NULL,
                          .seen = seen,
                          .depend = depend,
                          .restart_impact = KS_NETWORK},
                    .want = want,
                    .seen = seen};

    if (!seen)
        return j;
    j.t.have = seen->config ? &seen->config->o : NULL;
    j.t.live = seen->live ? &seen->live->o : NULL;
    j.t.unknown = seen->unknown;
    j.t.hash = seen->hash;
    j.t.owned = seen->owned;
    j.t.protect = seen->protect;
    return j;
}

void ks_plan_networks(struct ks_planning *p)
{
    for (size_t i = 0; i < p->want->networks.n; i++) {
        const struct ks_network *want = (const struct ks_network *)p->want->networks.v[i];
        struct job j = job_of(p, want->o.key, want, ks_seen_network(p->have, want->o.key));
        ks_thing_plan(&j.t, ks_has(&want->o, "state") && want->state == KS_NETWORK_ABSENT, &plans);
        ks_network_check(p, i);
    }
    for (size_t i = 0; i < p->have->networks.n; i++) {
        const struct ks_seen_network *seen = &p->have->networks.v[i];
        struct job j = job_of(p, seen->name, NULL, seen);
        if (!ks_map_get(&p->want->networks, seen->name))
            ks_thing_prune(&j.t, &plans);
    }
}
