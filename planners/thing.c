/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planners/thing.h"

struct ks_step *ks_thing_step(struct ks_thing *t, const char *part, enum ks_verb verb, enum ks_action action)
{
    struct ks_step *s = ks_plan_add(t->p, t->kind, t->name, part, verb, action, t->hash);

    s->want = t->want;
    s->have = t->have;
    s->seen = t->seen;
    s->at = t->want ? t->want->at : KS_NOWHERE;
    if (t->after)
        ks_step_needs(t->p, s, t->after);
    return s;
}

struct ks_step *ks_thing_main(struct ks_thing *t)
{
    if (!t->main) {
        t->main = ks_thing_step(t, NULL, KS_CHANGE, KS_ACT_DEFINE);
        if (t->depend)
            t->depend(t, t->main);
    }
    return t->main;
}

struct ks_step *ks_thing_restart(struct ks_thing *t)
{
    if (!t->restart) {
        t->restart = ks_thing_step(t, "restart", KS_CHANGE, KS_ACT_RESTART);
        t->restart->impact = t->restart_impact;
        t->restart->pending = true;
        if (t->depend)
            t->depend(t, t->restart);
    }
    return t->restart;
}

static const char *own_note(const struct ks_thing *t, const struct ks_change *change)
{
    return t->note ? t->note(change) : NULL;
}

/* ---- changing ----------------------------------------------------------------------------------------------- */

static struct ks_plan_field *add_change(struct ks_thing *t, struct ks_step *s, const struct ks_change *change,
                                        const char *from, enum ks_impact impact)
{
    struct ks_plan_field *field = ks_step_add(t->p, s, change->path, from, change->to, impact);

    field->op = change->op;
    field->note = own_note(t, change);
    if (!field->note && t->live)
        field->note = ks_change_row(change)->note; /* how a running one takes it */
    return field;
}

/* A field that the running one will not see before it is off and on again. */
static void needs_restart(struct ks_thing *t, const struct ks_change *change, const char *from, bool define)
{
    struct ks_step *s = ks_thing_restart(t);

    (void)add_change(t, s, change, from, t->restart_impact);
    s->pending = s->pending && !define;
}

/* A fact of the thing since it was made. */
static void blocked_change(struct ks_thing *t, const struct ks_change *change)
{
    struct ks_step *s = ks_thing_main(t);

    (void)add_change(t, s, change, change->from, KS_SAFE);
    s->restart_only = false;
    ks_step_block(t->p, s, "the %s of a %s cannot be changed: leave it out, or remove the %s first", change->path,
                  t->kind, t->kind);
}

/* One difference in the definition; `live` is the same difference in the running one, or NULL. */
static void config_change(struct ks_thing *t, const struct ks_change *change, const struct ks_change *live)
{
    const bool running = t->live != NULL;
    const bool opaque = ks_change_row(change)->flags & KS_F_OPAQUE;
    /* What runs with it already is not touched by writing it down. */
    const bool differs = running && (live || opaque);
    const enum ks_impact impact = running && !differs ? KS_SAFE : ks_change_impact(live ? live : change, running);
    const bool restarts = running && impact == t->restart_impact;
    struct ks_step *s = ks_thing_main(t);
    const enum ks_impact before = s->impact;
    struct ks_plan_field *field = add_change(t, s, change, change->from, impact);

    field->define = true;
    field->live = differs && !restarts && !(impact == KS_SAFE && change->field->impact);
    if (impact == KS_SAFE && !field->live)
        field->note = own_note(t, change); /* it takes it in no way */
    field->live_from = live ? live->from : NULL;
    if (!restarts) {
        s->restart_only = false;
        return;
    }
    s->impact = before; /* writing it down disturbs nobody */
    needs_restart(t, change, live ? live->from : change->from, true);
}

/* The definition is right, but what runs is not. */
static void live_change(struct ks_thing *t, const struct ks_change *live)
{
    const enum ks_impact impact = ks_change_impact(live, true);

    if (impact == t->restart_impact) {
        needs_restart(t, live, live->from, false);
        return;
    }
    add_change(t, ks_thing_main(t), live, live->from, impact)->live = true;
    t->main->restart_only = false;
}

void ks_thing_changes(struct ks_thing *t)
{
    struct ks_changes config = {0}, live = {0};

    ks_diff(t->p->arena, t->want, t->have, false, &config);
    if (t->live)
        ks_diff(t->p->arena, t->want, t->live, true, &live);
    if (config.n > 0)
        ks_thing_main(t)->restart_only = true;
    for (size_t i = 0; i < config.n; i++)
        if (ks_change_row(&config.v[i])->flags & KS_F_CREATE)
            blocked_change(t, &config.v[i]);
        else
            config_change(t, &config.v[i], ks_changes_find(&live, config.v[i].path));
    for (size_t i = 0; i < live.n; i++)
        if (!ks_changes_find(&config, live.v[i].path) && !(t->is_settled && t->is_settled(t, &live.v[i])))
            live_change(t, &live.v[i]);
}

struct ks_plan_field *ks_thing_set(struct ks_thing *t, const char *path, const char *from, const char *to)
{
    struct ks_plan_field *field = ks_step_add(t->p, ks_thing_main(t), path, from, to, KS_SAFE);

    t->main->restart_only = false;
    return field;
}

void ks_thing_flag(struct ks_thing *t, const char *path, bool from, bool to)
{
    if (from != to)
        ks_thing_set(t, path, from ? "true" : "false", to ? "true" : "false")->define = true;
}

void ks_thing_protect(struct ks_thing *t, bool wanted)
{
    if (t->owned && ks_has(t->want, "protect"))
        ks_thing_flag(t, "protect", t->protect, wanted);
}

/* ---- coming and going --------------------------------------------------------------------------------------- */

struct ks_step *ks_thing_create(struct ks_thing *t, const char *state)
{
    struct ks_step *s = ks_thing_step(t, NULL, KS_CREATE, KS_ACT_DEFINE);
    struct ks_changes changes = {0};

    if (t->depend)
        t->depend(t, s);
    if (state)
        (void)ks_step_add(t->p, s, "state", NULL, state, KS_SAFE);
    ks_diff(t->p->arena, t->want, NULL, false, &changes);
    for (size_t i = 0; i < changes.n; i++) {
        struct ks_plan_field *field = ks_step_add(t->p, s, changes.v[i].path, NULL, changes.v[i].to, KS_SAFE);
        field->op = KS_ADD;
        field->define = true;
        field->note = own_note(t, &changes.v[i]);
    }
    return s;
}

void ks_thing_adopt(struct ks_thing *t)
{
    struct ks_step *s;

    if (t->owned)
        return;
    s = ks_thing_step(t, "adopt", KS_ADOPT, KS_ACT_MARK);
    s->reason = "adopted";
    if (t->main)
        ks_step_follows(t->p, t->main, s->id);
}

struct ks_step *ks_thing_delete(struct ks_thing *t, const char *reason, enum ks_impact impact, bool protect)
{
    struct ks_step *s = ks_thing_step(t, NULL, KS_DESTROY, KS_ACT_DELETE);

    s->reason = reason;
    s->impact = impact;
    if (!t->owned)
        ks_step_block(t->p, s, "not made or adopted by kvmstate: adopt it first, or undefine it by hand");
    if (t->protect || protect)
        ks_step_block(t->p, s, "protected");
    return s;
}

/* ---- which of these --------------------------------------------------------------------------------------- */

void ks_thing_plan(struct ks_thing *t, bool absent, const struct ks_thing_plans *plans)
{
    if (t->unknown)
        ks_step_block(t->p, ks_thing_main(t), "could not be read: %s", t->unknown);
    else if (absent && t->seen)
        plans->deletion(t, "absent in the manifest");
    else if (!absent && t->seen)
        plans->existing(t);
    else if (!absent)
        plans->creation(t);
}

void ks_thing_prune(struct ks_thing *t, const struct ks_thing_plans *plans)
{
    if (ks_prunes(t->p) && t->owned && !t->unknown)
        plans->deletion(t, "no longer in the manifest");
}
