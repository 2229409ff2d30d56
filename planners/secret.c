/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Secrets: that a value differs is planned and shown, never the value. */
#include "planners/planners.h"

#define HIDDEN "(secret)"

struct job {
    struct ks_planning *p;
    const struct ks_secret *want;
    const struct ks_seen_secret *seen;
    const char *name;
    struct ks_step *main;
};

static struct ks_step *add_step(struct job *j, const char *part, enum ks_verb verb, enum ks_action action)
{
    struct ks_step *s = ks_plan_add(j->p, "secret", j->name, part, verb, action, j->seen ? j->seen->hash : 0);

    s->want = j->want ? &j->want->o : NULL;
    s->have = j->seen ? &j->seen->config->o : NULL;
    s->seen = j->seen;
    s->at = j->want ? j->want->o.at : KS_NOWHERE;
    return s;
}

static struct ks_step *main_step(struct job *j)
{
    if (!j->main)
        j->main = add_step(j, NULL, KS_CHANGE, KS_ACT_DEFINE);
    return j->main;
}

static void plan_value(struct job *j)
{
    if (!j->want->value)
        return;
    if (j->seen->value_problem)
        ks_report_warning(j->p->findings, KS_E_NOT_FOUND, ks_at(&j->want->o, "value"),
                          "secret %s: its value cannot be read, and stays as it is: %s", j->name,
                          j->seen->value_problem);
    else if (!j->seen->value_matches)
        (void)ks_step_add(j->p, main_step(j), "value", j->seen->has_value ? HIDDEN : NULL, HIDDEN, KS_SAFE);
}

/* What libvirt never changes of a secret that is there. */
static void check_fixed(struct job *j, const struct ks_changes *changes)
{
    for (size_t i = 0; i < changes->n; i++)
        if (ks_streq(changes->v[i].path, "private") && j->seen->config->is_private)
            ks_step_block(j->p, main_step(j), "libvirt lets no private secret become public: delete it first");
}

static void plan_existing(struct job *j)
{
    const struct ks_obj *want = &j->want->o;
    struct ks_changes changes = {0};

    ks_diff(j->p->arena, want, &j->seen->config->o, false, &changes);
    for (size_t i = 0; i < changes.n; i++) {
        struct ks_plan_field *field =
            ks_step_add(j->p, main_step(j), changes.v[i].path, changes.v[i].from, changes.v[i].to, KS_SAFE);
        field->op = changes.v[i].op;
        field->define = true;
    }
    check_fixed(j, &changes);
    plan_value(j);
    if (j->seen->owned && ks_has(want, "protect") && j->want->protect != j->seen->protect)
        (void)ks_step_add(j->p, main_step(j), "protect", j->seen->protect ? "true" : "false",
                          j->want->protect ? "true" : "false", KS_SAFE);
    if (!j->seen->owned) {
        struct ks_step *s = add_step(j, "adopt", KS_ADOPT, KS_ACT_MARK);
        s->reason = "adopted";
        if (j->main)
            ks_step_follows(j->p, j->main, s->id);
    }
}

static void plan_creation(struct job *j)
{
    struct ks_step *s = add_step(j, NULL, KS_CREATE, KS_ACT_DEFINE);
    struct ks_changes changes = {0};

    ks_diff(j->p->arena, &j->want->o, NULL, false, &changes);
    for (size_t i = 0; i < changes.n; i++)
        ks_step_add(j->p, s, changes.v[i].path, NULL, changes.v[i].to, KS_SAFE)->op = KS_ADD;
    if (j->want->value)
        (void)ks_step_add(j->p, s, "value", NULL, HIDDEN, KS_SAFE);
}

static void plan_deletion(struct job *j, const char *reason)
{
    struct ks_step *s = add_step(j, NULL, KS_DESTROY, KS_ACT_DELETE);

    s->reason = reason;
    s->impact = KS_DELETE;
    ks_step_hold(j->p, s, NULL);
    if (!j->seen->owned)
        ks_step_block(j->p, s, "not made or adopted by kvmstate: adopt it first, or undefine it by hand");
    if (j->seen->protect || (j->want && j->want->protect))
        ks_step_block(j->p, s, "protected");
}

static void plan_wanted(struct ks_planning *p, const struct ks_secret *want)
{
    struct job j = {.p = p, .want = want, .name = want->o.key, .seen = ks_seen_secret(p->have, want->o.key)};

    if (j.seen && j.seen->unknown) {
        ks_step_block(p, main_step(&j), "could not be read: %s", j.seen->unknown);
    } else if (ks_has(&want->o, "state") && want->state == KS_SECRET_ABSENT) {
        if (j.seen)
            plan_deletion(&j, "absent in the manifest");
    } else if (j.seen) {
        plan_existing(&j);
    } else {
        plan_creation(&j);
    }
}

void ks_plan_secrets(struct ks_planning *p)
{
    for (size_t i = 0; i < p->want->secrets.n; i++)
        plan_wanted(p, (const struct ks_secret *)p->want->secrets.v[i]);
    for (size_t i = 0; i < p->have->secrets.n && ks_prunes(p); i++) {
        const struct ks_seen_secret *seen = &p->have->secrets.v[i];
        struct job j = {.p = p, .seen = seen, .name = seen->name};
        if (seen->owned && !seen->unknown && !ks_map_get(&p->want->secrets, seen->name))
            plan_deletion(&j, "no longer in the manifest");
    }
}
