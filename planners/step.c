/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Steps and their lines: what the planners of the kinds write a plan with. */
#include "planners/planners.h"

static bool is_targeted(const struct ks_plan_options *options, const char *kind, const char *name)
{
    if (options->n_targets == 0)
        return true;
    for (size_t i = 0; i < options->n_targets; i++) {
        const char *target = options->targets[i];
        const size_t n = strlen(kind);
        if (strncmp(target, kind, n) == 0 &&
            (target[n] == '\0' || (target[n] == '/' && ks_streq(target + n + 1, name))))
            return true;
    }
    return false;
}

struct ks_step *ks_plan_add(struct ks_planning *p, const char *kind, const char *name, const char *part,
                            enum ks_verb verb, enum ks_action action, uint64_t have_hash)
{
    struct ks_step *s = ks_new(p->arena, struct ks_step);

    s->id = ks_sprintf(p->arena, "%s/%s%s%s", kind, name, part ? ":" : "", part ? part : "");
    s->kind = kind;
    s->name = name;
    s->verb = verb;
    s->action = action;
    s->fingerprint = have_hash;
    s->targeted = is_targeted(p->options, kind, name);
    *ks_vec_add(p->arena, p->plan) = s;
    return s;
}

struct ks_plan_field *ks_step_add(struct ks_planning *p, struct ks_step *s, const char *path, const char *from,
                                  const char *to, enum ks_impact impact)
{
    struct ks_plan_field *field = ks_vec_add(p->arena, &s->fields);

    *field = (struct ks_plan_field){.path = path, .from = from, .to = to, .op = KS_SET, .impact = impact};
    if (impact > s->impact)
        s->impact = impact;
    return field;
}

enum ks_impact ks_change_impact(const struct ks_change *change, bool running)
{
    const struct ks_field *row = ks_change_row(change);
    const enum ks_impact own = running ? row->running : row->stopped;

    return row->impact ? row->impact(change, running, own) : own;
}

void ks_step_add_changes(struct ks_planning *p, struct ks_step *s, const struct ks_changes *changes, bool running)
{
    for (size_t i = 0; i < changes->n; i++) {
        const struct ks_change *change = &changes->v[i];
        struct ks_plan_field *field =
            ks_step_add(p, s, change->path, change->from, change->to, ks_change_impact(change, running));
        field->op = change->op;
        field->note = ks_change_row(change)->note;
        field->define = true;
    }
}

void ks_step_needs(struct ks_planning *p, struct ks_step *s, const char *id)
{
    *ks_vec_add(p->arena, &s->needs) = id;
}

void ks_step_follows(struct ks_planning *p, struct ks_step *s, const char *id)
{
    *ks_vec_add(p->arena, &s->follows) = id;
}

void ks_step_affects(struct ks_planning *p, struct ks_step *s, const char *id)
{
    *ks_vec_add(p->arena, &s->affects) = id;
}

static bool names_impact(const struct ks_strings *list, enum ks_impact impact)
{
    for (size_t i = 0; list && i < list->n; i++)
        if (ks_streq(list->v[i], ks_impact_name(impact)))
            return true;
    return false;
}

void ks_step_hold(struct ks_planning *p, struct ks_step *s, const struct ks_strings *own)
{
    const struct ks_defaults *defaults = p->want->defaults;

    if (s->impact <= KS_LIVE || p->options->allow >> s->impact & 1)
        return;
    if (names_impact(own, s->impact) || (defaults && names_impact(&defaults->allow, s->impact)))
        return;
    s->held = ks_sprintf(p->arena, "--allow %s", ks_impact_name(s->impact));
}

void ks_step_block(struct ks_planning *p, struct ks_step *s, const char *fmt, ...)
{
    char buf[1024];
    va_list ap;

    if (s->blocked) /* the first reason is the cause */
        return;
    va_start(ap, fmt);
    (void)vsnprintf(buf, sizeof buf, fmt, ap);
    va_end(ap);
    s->blocked = ks_strdup(p->arena, buf);
}

bool ks_prunes(const struct ks_planning *p)
{
    return p->want->defaults && p->want->defaults->prune;
}
