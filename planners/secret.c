/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Secrets: that a value differs is planned and shown, never the value. */
#include "planners/thing.h"

#define HIDDEN "(secret)"

struct job {
    struct ks_thing t;
    const struct ks_secret *want;
    const struct ks_seen_secret *seen;
};

static struct job *job(struct ks_thing *t)
{
    return ks_thing_of(t, struct job, t);
}

static void plan_value(struct job *j)
{
    if (!j->want->value)
        return;
    if (j->seen->value_problem)
        ks_report_warning(j->t.p->findings, KS_E_NOT_FOUND, ks_at(&j->want->o, "value"),
                          "secret %s: its value cannot be read, and stays as it is: %s", j->t.name,
                          j->seen->value_problem);
    else if (!j->seen->value_matches)
        (void)ks_thing_set(&j->t, "value", j->seen->has_value ? HIDDEN : NULL, HIDDEN);
}

/* What libvirt never changes of a secret that is there. */
static void check_fixed(struct ks_thing *t)
{
    const struct ks_secret *want = job(t)->want;

    if (ks_has(&want->o, "private") && !want->is_private && job(t)->seen->config->is_private)
        ks_step_block(t->p, ks_thing_main(t), "libvirt lets no private secret become public: delete it first");
}

static void plan_existing(struct ks_thing *t)
{
    ks_thing_changes(t);
    check_fixed(t);
    plan_value(job(t));
    ks_thing_protect(t, job(t)->want->protect);
    ks_thing_adopt(t);
}

static void plan_creation(struct ks_thing *t)
{
    struct ks_step *s = ks_thing_create(t, NULL);

    if (job(t)->want->value)
        (void)ks_step_add(t->p, s, "value", NULL, HIDDEN, KS_SAFE);
}

static void plan_deletion(struct ks_thing *t, const char *reason)
{
    const struct ks_secret *want = job(t)->want;

    ks_step_hold(t->p, ks_thing_delete(t, reason, KS_DELETE, want && want->protect), NULL);
}

static const struct ks_thing_plans plans = {
    .existing = plan_existing, .creation = plan_creation, .deletion = plan_deletion};

static struct job job_of(struct ks_planning *p, const char *name, const struct ks_secret *want,
                         const struct ks_seen_secret *seen)
{
    struct job j = {.t = {.p = p, .kind = "secret", .name = name, .want = want ? &want->o : NULL, .seen = seen},
                    .want = want,
                    .seen = seen};

    if (!seen)
        return j;
    j.t.have = &seen->config->o;
    j.t.unknown = seen->unknown;
    j.t.hash = seen->hash;
    j.t.owned = seen->owned;
    j.t.protect = seen->protect;
    return j;
}

void ks_plan_secrets(struct ks_planning *p)
{
    for (size_t i = 0; i < p->want->secrets.n; i++) {
        const struct ks_secret *want = (const struct ks_secret *)p->want->secrets.v[i];
        struct job j = job_of(p, want->o.key, want, ks_seen_secret(p->have, want->o.key));
        ks_thing_plan(&j.t, ks_has(&want->o, "state") && want->state == KS_SECRET_ABSENT, &plans);
    }
    for (size_t i = 0; i < p->have->secrets.n; i++) {
        const struct ks_seen_secret *seen = &p->have->secrets.v[i];
        struct job j = job_of(p, seen->name, NULL, seen);
        if (!ks_map_get(&p->want->secrets, seen->name))
            ks_thing_prune(&j.t, &plans);
    }
}
