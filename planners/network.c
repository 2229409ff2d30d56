/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networks: the definition is edited at once; what a running network takes, it is given while it runs; the rest
 * waits for it to be taken down and up, which its guests notice.
 */
#include "planners/planners.h"

static const char *const state_names[] = {"active", "inactive", "absent"};

struct job {
    struct ks_planning *p;
    const struct ks_network *want;
    const struct ks_seen_network *seen;
    const char *name;
    struct ks_step *main, *restart;
};

static struct ks_step *add_step(struct job *j, const char *part, enum ks_verb verb, enum ks_action action)
{
    struct ks_step *s = ks_plan_add(j->p, "network", j->name, part, verb, action, j->seen ? j->seen->hash : 0);

    s->want = j->want ? &j->want->o : NULL;
    s->have = j->seen && j->seen->config ? &j->seen->config->o : NULL;
    s->seen = j->seen;
    s->at = j->want ? j->want->o.at : KS_NOWHERE;
    return s;
}

/* The bridge or PF below it: needed where the host has none yet, merely first where it has. */
static void depend(struct job *j, struct ks_step *s)
{
    const struct ks_network *want = j->want;

    if (ks_has(&want->o, "bridge") && ks_map_get(&j->p->want->bridges, want->bridge)) {
        const char *id = ks_sprintf(j->p->arena, "bridge/%s", want->bridge);
        if (ks_seen_bridge(j->p->have, want->bridge))
            ks_step_follows(j->p, s, id);
        else
            ks_step_needs(j->p, s, id);
    }
    if (ks_has(&want->o, "pf"))
        ks_step_follows(j->p, s, ks_sprintf(j->p->arena, "sriov/%s", want->pf));
}

static struct ks_step *main_step(struct job *j)
{
    if (!j->main) {
        j->main = add_step(j, NULL, KS_CHANGE, KS_ACT_DEFINE);
        depend(j, j->main);
    }
    return j->main;
}

static void add_users(struct job *j, struct ks_step *s)
{
    for (size_t i = 0; i < j->seen->users.n; i++)
        ks_step_affects(j->p, s, ks_sprintf(j->p->arena, "guest/%s", j->seen->users.v[i]));
}

static struct ks_step *restart_step(struct job *j)
{
    if (!j->restart) {
        j->restart = add_step(j, "restart", KS_CHANGE, KS_ACT_RESTART);
        j->restart->impact = KS_NETWORK;
        j->restart->pending = true;
        add_users(j, j->restart);
        depend(j, j->restart);
    }
    return j->restart;
}

static const struct ks_change *find_change(const struct ks_changes *changes, const char *path)
{
    for (size_t i = 0; i < changes->n; i++)
        if (ks_streq(changes->v[i].path, path))
            return &changes->v[i];
    return NULL;
}

static void needs_restart(struct job *j, const struct ks_change *change, const char *from, bool define)
{
    struct ks_step *s = restart_step(j);
    struct ks_plan_field *field = ks_step_add(j->p, s, change->path, from, change->to, KS_NETWORK);

    field->op = change->op;
    s->pending = s->pending && !define;
}

/* One difference in the definition; `live` is the same one in the running network, or NULL. */
static void config_change(struct job *j, const struct ks_change *change, const struct ks_change *live)
{
    const enum ks_impact impact = live ? ks_change_impact(change, true) : KS_SAFE;
    const bool restarts = impact >= KS_NETWORK;
    struct ks_step *s = main_step(j);
    const enum ks_impact before = s->impact;
    struct ks_plan_field *field = ks_step_add(j->p, s, change->path, change->from, change->to, impact);

    field->op = change->op;
    field->define = true;
    field->live = live && !restarts;
    field->live_from = live ? live->from : NULL;
    if (!restarts) {
        s->restart_only = false;
        return;
    }
    s->impact = before; /* writing it down disturbs nobody */
    needs_restart(j, change, live->from, true);
}

/* The definition is right, but the running network is not. */
static void live_change(struct job *j, const struct ks_change *live)
{
    const enum ks_impact impact = ks_change_impact(live, true);
    struct ks_plan_field *field;

    if (impact >= KS_NETWORK) {
        needs_restart(j, live, live->from, false);
        return;
    }
    field = ks_step_add(j->p, main_step(j), live->path, live->from, live->to, impact);
    field->op = live->op;
    field->live = true;
    j->main->restart_only = false;
}

static void plan_changes(struct job *j)
{
    struct ks_changes config = {0}, live = {0};

    ks_diff(j->p->arena, &j->want->o, &j->seen->config->o, false, &config);
    if (j->seen->live)
        ks_diff(j->p->arena, &j->want->o, &j->seen->live->o, true, &live);
    if (config.n > 0)
        main_step(j)->restart_only = true;
    for (size_t i = 0; i < config.n; i++)
        config_change(j, &config.v[i], find_change(&live, config.v[i].path));
    for (size_t i = 0; i < live.n; i++)
        if (!find_change(&config, live.v[i].path))
            live_change(j, &live.v[i]);
}

static void add_plain(struct job *j, const char *path, const char *from, const char *to)
{
    (void)ks_step_add(j->p, main_step(j), path, from, to, KS_SAFE);
    j->main->restart_only = false;
}

static void plan_flags(struct job *j)
{
    const struct ks_obj *want = &j->want->o;

    if (!j->seen->persistent)
        add_plain(j, "persistent", "false", "true");
    if (ks_has(want, "autostart") && j->want->autostart != j->seen->autostart)
        add_plain(j, "autostart", j->seen->autostart ? "true" : "false", j->want->autostart ? "true" : "false");
    /* Of one that is being adopted the ledger gets it with the mark. */
    if (j->seen->owned && ks_has(want, "protect") && j->want->protect != j->seen->protect)
        add_plain(j, "protect", j->seen->protect ? "true" : "false", j->want->protect ? "true" : "false");
    if (ks_has(want, "state") && j->want->state == KS_NETWORK_ACTIVE && !j->seen->active)
        add_plain(j, "state", "inactive", "active");
}

/* A guest of the manifest that this plan turns off or deletes stands before what takes its network away. */
static bool goes_first(struct job *j, const char *guest)
{
    const struct ks_guest *want = (const struct ks_guest *)ks_map_get(&j->p->want->guests, guest);
    const struct ks_seen_guest *seen = ks_seen_guest(j->p->have, guest);

    if (!want)
        return ks_prunes(j->p) && seen && seen->owned;
    return ks_has(&want->o, "state") && (want->state == KS_GUEST_ABSENT || want->state == KS_GUEST_STOPPED);
}

/* Taken away from under a running guest it would leave a nic that leads nowhere. */
static void wait_for_users(struct job *j, struct ks_step *s)
{
    for (size_t i = 0; i < j->seen->users.n; i++) {
        const char *guest = j->seen->users.v[i];
        if (!goes_first(j, guest)) {
            ks_step_block(j->p, s, "guest %s runs with a nic in it", guest);
            continue;
        }
        ks_step_needs(j->p, s, ks_sprintf(j->p->arena, "guest/%s", guest));
        ks_step_needs(j->p, s, ks_sprintf(j->p->arena, "guest/%s:stop", guest));
    }
}

static void plan_stop(struct job *j)
{
    struct ks_step *s;

    if (!ks_has(&j->want->o, "state") || j->want->state != KS_NETWORK_INACTIVE || !j->seen->active)
        return;
    s = add_step(j, "stop", KS_CHANGE, KS_ACT_STOP);
    (void)ks_step_add(j->p, s, "state", "active", "inactive", KS_NETWORK);
    ks_step_needs(j->p, s, ks_sprintf(j->p->arena, "network/%s", j->name));
    wait_for_users(j, s);
    /* Who is to be down need not come up again for its definition. */
    if (j->restart)
        j->restart->targeted = false;
    if (j->main)
        j->main->restart_only = false;
}

static void plan_existing(struct job *j)
{
    const size_t first = j->p->plan->n;

    plan_changes(j);
    plan_flags(j);
    plan_stop(j);
    if (j->restart)
        ks_step_needs(j->p, j->restart, ks_sprintf(j->p->arena, "network/%s", j->name));
    if (!j->seen->owned) {
        struct ks_step *s = add_step(j, "adopt", KS_ADOPT, KS_ACT_MARK);
        s->reason = "adopted";
        if (j->main)
            ks_step_follows(j->p, j->main, s->id);
    }
    for (size_t i = first; i < j->p->plan->n; i++)
        ks_step_hold(j->p, j->p->plan->v[i], NULL);
}

static void plan_creation(struct job *j)
{
    const bool inactive = ks_has(&j->want->o, "state") && j->want->state == KS_NETWORK_INACTIVE;
    struct ks_changes changes = {0};
    struct ks_step *s = add_step(j, NULL, KS_CREATE, KS_ACT_DEFINE);

    depend(j, s);
    (void)ks_step_add(j->p, s, "state", NULL, state_names[inactive], KS_SAFE);
    ks_diff(j->p->arena, &j->want->o, NULL, false, &changes);
    for (size_t i = 0; i < changes.n; i++) {
        struct ks_plan_field *field = ks_step_add(j->p, s, changes.v[i].path, NULL, changes.v[i].to, KS_SAFE);
        field->op = KS_ADD;
        field->define = true;
    }
    if (ks_has(&j->want->o, "autostart") && j->want->autostart)
        (void)ks_step_add(j->p, s, "autostart", NULL, "true", KS_SAFE);
}

static void plan_deletion(struct job *j, const char *reason)
{
    struct ks_step *s = add_step(j, NULL, KS_DESTROY, KS_ACT_DELETE);

    s->reason = reason;
    s->impact = KS_DELETE;
    if (j->seen->active)
        (void)ks_step_add(j->p, s, "state", "active", NULL, KS_DELETE);
    ks_step_hold(j->p, s, NULL);
    add_users(j, s);
    if (!j->seen->owned)
        ks_step_block(j->p, s, "not made or adopted by kvmstate: adopt it first, or undefine it by hand");
    if (j->seen->protect || (j->want && j->want->protect))
        ks_step_block(j->p, s, "protected");
    wait_for_users(j, s);
}

static void plan_wanted(struct ks_planning *p, const struct ks_network *want)
{
    struct job j = {.p = p, .want = want, .name = want->o.key, .seen = ks_seen_network(p->have, want->o.key)};

    if (j.seen && j.seen->unknown) {
        ks_step_block(p, main_step(&j), "could not be read: %s", j.seen->unknown);
    } else if (ks_has(&want->o, "state") && want->state == KS_NETWORK_ABSENT) {
        if (j.seen)
            plan_deletion(&j, "absent in the manifest");
    } else if (j.seen) {
        plan_existing(&j);
    } else {
        plan_creation(&j);
    }
}

void ks_plan_networks(struct ks_planning *p)
{
    for (size_t i = 0; i < p->want->networks.n; i++)
        plan_wanted(p, (const struct ks_network *)p->want->networks.v[i]);
    for (size_t i = 0; i < p->have->networks.n && ks_prunes(p); i++) {
        const struct ks_seen_network *seen = &p->have->networks.v[i];
        struct job j = {.p = p, .seen = seen, .name = seen->name};
        if (seen->owned && !seen->unknown && !ks_map_get(&p->want->networks, seen->name))
            plan_deletion(&j, "no longer in the manifest");
    }
}
