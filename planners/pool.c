/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planners/storage.h"

static struct ks_step *add(struct ks_planning *p, const char *name, const struct ks_pool *want,
                           const struct ks_seen_pool *seen, const char *part, enum ks_verb verb,
                           enum ks_action action)
{
    struct ks_step *s = ks_plan_add(p, "pool", name, part, verb, action, seen ? seen->hash : 0);

    s->want = want ? &want->o : NULL;
    s->have = seen && seen->config ? &seen->config->o : NULL;
    s->seen = seen;
    s->at = want ? want->o.at : KS_NOWHERE;
    return s;
}

static bool is_absent(const struct ks_pool *want)
{
    return want && ks_has(&want->o, "state") && want->state == KS_POOL_ABSENT;
}

static void needs_secret(struct ks_planning *p, struct ks_step *s, const struct ks_pool *want)
{
    const struct ks_auth *auth = want->source ? want->source->auth : NULL;
    const char *id;

    if (!auth || !ks_has(&auth->o, "secret"))
        return;
    id = ks_sprintf(p->arena, "secret/%s", auth->secret);
    if (ks_seen_secret(p->have, auth->secret)) {
        ks_step_follows(p, s, id);
        return;
    }
    ks_step_needs(p, s, id);
    if (!ks_map_get(&p->want->secrets, auth->secret))
        (void)ks_report(p->findings, KS_E_NOT_FOUND, ks_at(&auth->o, "secret"),
                        "pool %s: there is no secret '%s', neither in the manifest nor on the host", want->o.key,
                        auth->secret);
}

static void plan_creation(struct ks_planning *p, const struct ks_pool *want)
{
    struct ks_step *s = add(p, want->o.key, want, NULL, NULL, KS_CREATE, KS_ACT_DEFINE);
    const bool active = !ks_has(&want->o, "state") || want->state == KS_POOL_ACTIVE;
    struct ks_changes changes = {0};

    if (!ks_has(&want->o, "type"))
        (void)ks_report(p->findings, KS_E_INVALID, want->o.at,
                        "pool %s is not on the host: its type is needed to make it", want->o.key);
    (void)ks_step_add(p, s, "state", NULL, active ? "active" : "inactive", KS_SAFE);
    ks_diff(p->arena, &want->o, NULL, false, &changes);
    for (size_t i = 0; i < changes.n; i++) {
        struct ks_plan_field *field = ks_step_add(p, s, changes.v[i].path, NULL, changes.v[i].to, KS_SAFE);
        field->op = KS_ADD;
        field->define = true;
    }
    if (ks_has(&want->o, "autostart") && want->autostart)
        (void)ks_step_add(p, s, "autostart", NULL, "true", KS_SAFE);
    needs_secret(p, s, want);
}

static struct ks_step *main_step(struct ks_planning *p, const struct ks_pool *want, const struct ks_seen_pool *seen,
                                 struct ks_step **s)
{
    if (!*s) {
        *s = add(p, want->o.key, want, seen, NULL, KS_CHANGE, KS_ACT_DEFINE);
        needs_secret(p, *s, want);
    }
    return *s;
}

static void plan_state(struct ks_planning *p, const struct ks_pool *want, const struct ks_seen_pool *seen,
                       struct ks_step **s)
{
    const bool stated = ks_has(&want->o, "state");
    /* One that a killed run had begun was to be active. */
    const bool active = stated ? want->state == KS_POOL_ACTIVE : seen->active || seen->making;
    const char *prefix = ks_sprintf(p->arena, "%s/", want->o.key), *user;

    if (active == seen->active) {
        if (seen->making)
            main_step(p, want, seen, s)->reason = "was being made when a run was stopped";
        return;
    }
    (void)ks_step_add(p, main_step(p, want, seen, s), "state", seen->active ? "active" : "inactive",
                      active ? "active" : "inactive", active ? KS_SAFE : KS_LIVE);
    user = active ? NULL : ks_running_user(p, prefix, true);
    if (user)
        ks_step_block(p, *s, "guest %s runs with a volume of it", user);
}

static void plan_autostart(struct ks_planning *p, const struct ks_pool *want, const struct ks_seen_pool *seen,
                           struct ks_step **s)
{
    const bool wanted = ks_has(&want->o, "autostart") && want->autostart;

    if (!ks_stated(&want->o, "autostart") || wanted == seen->autostart)
        return;
    (void)ks_step_add(p, main_step(p, want, seen, s), "autostart", seen->autostart ? "true" : "false",
                      wanted ? "true" : "false", KS_SAFE);
    if (!seen->persistent)
        ks_step_block(p, *s, "the pool is transient: it has no definition to start from");
}

static void plan_mark(struct ks_planning *p, const struct ks_pool *want, const struct ks_seen_pool *seen)
{
    const bool protect = ks_has(&want->o, "protect") && want->protect;
    struct ks_step *s;

    if (!seen->owned) {
        s = add(p, want->o.key, want, seen, "adopt", KS_ADOPT, KS_ACT_MARK);
        s->reason = "adopted";
    } else if (ks_stated(&want->o, "protect") && protect != seen->protect) {
        s = add(p, want->o.key, want, seen, "protect", KS_CHANGE, KS_ACT_MARK);
        (void)ks_step_add(p, s, "protect", seen->protect ? "true" : "false", protect ? "true" : "false", KS_SAFE);
    }
}

static void plan_existing(struct ks_planning *p, const struct ks_pool *want, const struct ks_seen_pool *seen)
{
    struct ks_changes changes = {0};
    struct ks_step *s = NULL;

    ks_diff(p->arena, &want->o, &seen->config->o, false, &changes);
    for (size_t i = 0; i < changes.n; i++) {
        struct ks_plan_field *field = ks_step_add(p, main_step(p, want, seen, &s), changes.v[i].path,
                                                  changes.v[i].from, changes.v[i].to, KS_SAFE);
        field->op = changes.v[i].op;
        ks_step_block(p, s,
                      "a pool's %s cannot be changed: give the new one another name, or remove this one first "
                      "(its volumes stay)",
                      changes.v[i].path);
    }
    plan_state(p, want, seen, &s);
    plan_autostart(p, want, seen, &s);
    plan_mark(p, want, seen);
    if (s)
        ks_step_hold(p, s, NULL);
}

void ks_plan_pools(struct ks_planning *p)
{
    for (size_t i = 0; i < p->want->pools.n; i++) {
        const struct ks_pool *want = (const struct ks_pool *)p->want->pools.v[i];
        const struct ks_seen_pool *seen = ks_seen_pool(p->have, want->o.key);
        const char *unknown = ks_pools_unknown(p);
        if (is_absent(want) && !unknown)
            continue;
        if (unknown)
            ks_step_block(p, add(p, want->o.key, want, NULL, NULL, KS_CHANGE, KS_ACT_DEFINE),
                          "pools could not be read: %s", unknown);
        else if (!seen)
            plan_creation(p, want);
        else if (seen->unknown || !seen->config)
            ks_step_block(p, add(p, want->o.key, want, seen, NULL, KS_CHANGE, KS_ACT_DEFINE),
                          "could not be read: %s", seen->unknown ? seen->unknown : "no definition");
        else
            plan_existing(p, want, seen);
    }
}

/* ---- going -------------------------------------------------------------------------------------------------- */

static bool is_planned_to_go(const struct ks_planning *p, const char *id)
{
    for (size_t i = 0; i < p->plan->n; i++)
        if (p->plan->v[i]->verb == KS_DESTROY && ks_streq(p->plan->v[i]->id, id))
            return true;
    return false;
}

static void after_volumes(struct ks_planning *p, struct ks_step *s, const struct ks_seen_pool *seen)
{
    for (size_t i = 0; i < seen->n_owned_volumes; i++) {
        const char *name = seen->owned_volumes[i];
        const char *id = ks_sprintf(p->arena, "volume/%s/%s", seen->name, name);
        if (seen->volumes_known && !ks_map_get(&seen->volumes, name))
            continue;
        if (is_planned_to_go(p, id))
            ks_step_needs(p, s, id);
        else
            ks_step_block(p, s, "volume %s in it was made or adopted by kvmstate: remove that first", name);
    }
}

static void plan_deletion(struct ks_planning *p, const char *name, const struct ks_pool *want,
                          const struct ks_seen_pool *seen, const char *reason)
{
    struct ks_step *s = add(p, name, want, seen, NULL, KS_DESTROY, KS_ACT_DELETE);

    s->reason = reason;
    s->impact = KS_DELETE;
    ks_step_hold(p, s, NULL);
    if (!seen->owned)
        ks_step_block(p, s, "not made or adopted by kvmstate: adopt it first, or undefine it by hand");
    if (seen->protect || (want && ks_has(&want->o, "protect") && want->protect))
        ks_step_block(p, s, "protected");
    if (seen->unknown)
        ks_step_block(p, s, "could not be read: %s", seen->unknown);
    ks_step_after_users(p, s, ks_sprintf(p->arena, "%s/", name), true);
    after_volumes(p, s, seen);
}

void ks_plan_pool_deletions(struct ks_planning *p)
{
    for (size_t i = 0; i < p->have->pools.n; i++) {
        const struct ks_seen_pool *seen = &p->have->pools.v[i];
        const struct ks_pool *want = (const struct ks_pool *)ks_map_get(&p->want->pools, seen->name);
        if (is_absent(want))
            plan_deletion(p, seen->name, want, seen, "absent in the manifest");
        else if (!want && seen->owned && ks_prunes(p))
            plan_deletion(p, seen->name, NULL, seen, "no longer in the manifest");
    }
}
