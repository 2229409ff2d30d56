/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planners/storage.h"
#include "planners/thing.h"

struct job {
    struct ks_thing t;
    const struct ks_pool *want;
    const struct ks_seen_pool *seen;
};

static struct job *job(struct ks_thing *t)
{
    return ks_thing_of(t, struct job, t);
}

static bool is_absent(const struct ks_pool *want)
{
    return want && ks_has(&want->o, "state") && want->state == KS_POOL_ABSENT;
}

/* Its definition names this secret already, and this plan does not start it: that is as it was. */
static bool has_secret(const struct ks_pool *want, const struct ks_seen_pool *seen)
{
    const struct ks_pool_source *source = seen && seen->config ? seen->config->source : NULL;
    const bool starts = ks_has(&want->o, "state") && want->state == KS_POOL_ACTIVE && seen && !seen->active;

    return !starts && source && source->auth && ks_streq(source->auth->secret, want->source->auth->secret);
}

static void needs_secret(struct ks_thing *t, struct ks_step *s)
{
    const struct ks_pool *want = job(t)->want;
    const struct ks_auth *auth = want && want->source ? want->source->auth : NULL;
    struct ks_planning *p = t->p;
    const char *id;

    if (!auth || !ks_has(&auth->o, "secret"))
        return;
    id = ks_sprintf(p->arena, "secret/%s", auth->secret);
    if (ks_seen_secret(p->have, auth->secret)) {
        ks_step_follows(p, s, id);
        return;
    }
    ks_step_needs(p, s, id);
    if (!ks_map_get(&p->want->secrets, auth->secret) && !has_secret(want, job(t)->seen))
        (void)ks_report(p->findings, KS_E_NOT_FOUND, ks_at(&auth->o, "secret"),
                        "pool %s: there is no secret '%s', neither in the manifest nor on the host", want->o.key,
                        auth->secret);
}

static struct job job_of(struct ks_planning *p, const char *name, const struct ks_pool *want,
                         const struct ks_seen_pool *seen)
{
    struct job j = {.t = {.p = p,
                          .kind = "pool",
                          .name = name,
                          .want = want ? &want->o : NULL,
                          .seen = seen,
                          .depend = needs_secret},
                    .want = want,
                    .seen = seen};

    if (!seen)
        return j;
    j.t.have = seen->config ? &seen->config->o : NULL;
    j.t.unknown = seen->unknown ? seen->unknown : seen->config ? NULL : "no definition";
    j.t.hash = seen->hash;
    j.t.owned = seen->owned;
    j.t.protect = seen->protect;
    return j;
}

static void plan_creation(struct ks_thing *t)
{
    const struct ks_pool *want = job(t)->want;
    const bool active = !ks_has(&want->o, "state") || want->state == KS_POOL_ACTIVE;
    struct ks_step *s = ks_thing_create(t, active ? "active" : "inactive");

    if (!ks_has(&want->o, "type"))
        (void)ks_report(t->p->findings, KS_E_INVALID, want->o.at,
                        "pool %s is not on the host: its type is needed to make it", want->o.key);
    if (ks_has(&want->o, "autostart") && want->autostart)
        (void)ks_step_add(t->p, s, "autostart", NULL, "true", KS_SAFE);
    if (active)
        ks_plan_pool_build(t->p, s, want, want->o.key);
    ks_step_hold(t->p, s, NULL);
}

static void start(struct job *j)
{
    (void)ks_thing_set(&j->t, "state", "inactive", "active");
    ks_plan_pool_build(j->t.p, j->t.main, ks_has(&j->want->o, "type") ? j->want : j->seen->config, j->t.name);
}

static void stop(struct job *j)
{
    const char *user = ks_running_user(j->t.p, ks_sprintf(j->t.p->arena, "%s/", j->t.name), true);

    (void)ks_step_add(j->t.p, ks_thing_main(&j->t), "state", "active", "inactive", KS_LIVE);
    if (user)
        ks_step_block(j->t.p, j->t.main, "guest %s runs with a volume of it", user);
}

static void plan_state(struct job *j)
{
    const bool stated = ks_has(&j->want->o, "state");
    /* One that a killed run had begun was to be active. */
    const bool active = stated ? j->want->state == KS_POOL_ACTIVE : j->seen->active || j->seen->making;

    if (active && !j->seen->active)
        start(j);
    else if (!active && j->seen->active)
        stop(j);
    if (j->seen->making)
        ks_thing_main(&j->t)->reason = "was being made when a run was stopped";
}

static void plan_autostart(struct job *j)
{
    const bool wanted = ks_has(&j->want->o, "autostart") && j->want->autostart;

    if (!ks_stated(&j->want->o, "autostart") || wanted == j->seen->autostart)
        return;
    ks_thing_flag(&j->t, "autostart", j->seen->autostart, wanted);
    if (!j->seen->persistent)
        ks_step_block(j->t.p, j->t.main, "the pool is transient: it has no definition to start from");
}

static void plan_existing(struct ks_thing *t)
{
    struct job *j = job(t);

    ks_plan_pool_edit(t, j->want, j->seen);
    plan_state(j);
    plan_autostart(j);
    ks_thing_protect(t, j->want->protect);
    ks_thing_adopt(t);
    if (t->main)
        ks_step_hold(t->p, t->main, NULL);
}

void ks_plan_pools(struct ks_planning *p)
{
    static const struct ks_thing_plans plans = {.existing = plan_existing, .creation = plan_creation};
    const char *unknown = ks_pools_unknown(p);

    for (size_t i = 0; i < p->want->pools.n; i++) {
        const struct ks_pool *want = (const struct ks_pool *)p->want->pools.v[i];
        struct job j = job_of(p, want->o.key, want, ks_seen_pool(p->have, want->o.key));
        if (is_absent(want) && !unknown)
            continue; /* behind the volumes: ks_plan_pool_deletions() */
        if (unknown)
            ks_step_block(p, ks_thing_main(&j.t), "pools could not be read: %s", unknown);
        else
            ks_thing_plan(&j.t, false, &plans);
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

static void plan_deletion(struct ks_planning *p, const struct ks_pool *want, const struct ks_seen_pool *seen,
                          const char *reason)
{
    struct job j = job_of(p, seen->name, want, seen);
    struct ks_step *s = ks_thing_delete(&j.t, reason, KS_DELETE, want && want->protect);

    ks_step_hold(p, s, NULL);
    if (seen->unknown)
        ks_step_block(p, s, "could not be read: %s", seen->unknown);
    ks_step_after_users(p, s, ks_sprintf(p->arena, "%s/", seen->name), true);
    after_volumes(p, s, seen);
}

void ks_plan_pool_deletions(struct ks_planning *p)
{
    for (size_t i = 0; i < p->have->pools.n; i++) {
        const struct ks_seen_pool *seen = &p->have->pools.v[i];
        const struct ks_pool *want = (const struct ks_pool *)ks_map_get(&p->want->pools, seen->name);
        if (is_absent(want))
            plan_deletion(p, want, seen, "absent in the manifest");
        else if (!want && seen->owned && ks_prunes(p))
            plan_deletion(p, NULL, seen, "no longer in the manifest");
    }
}
