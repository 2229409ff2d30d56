/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "schema/plan.h"

static const struct {
    const char *name, *symbol;
} verbs[] = {
    [KS_CREATE] = {"create", "+"}, [KS_CHANGE] = {"change", "~"},   [KS_REPLACE] = {"replace", "-/+"},
    [KS_ADOPT] = {"adopt", ">"},   [KS_RELEASE] = {"release", "<"}, [KS_DESTROY] = {"delete", "-"},
};
_Static_assert(KS_COUNT(verbs) == KS_VERBS, "every verb has a name");

static const char *const actions[] = {
    [KS_ACT_DEFINE] = "define", [KS_ACT_START] = "start",     [KS_ACT_STOP] = "stop",
    [KS_ACT_PAUSE] = "pause",   [KS_ACT_RESTART] = "restart", [KS_ACT_MARK] = "mark",
    [KS_ACT_DELETE] = "delete", [KS_ACT_RENAME] = "rename",   [KS_ACT_GIVE_BACK] = "give-back",
};
_Static_assert(KS_COUNT(actions) == KS_ACTIONS, "every action has a name");

const char *ks_verb_name(enum ks_verb verb)
{
    return verbs[verb].name;
}

const char *ks_verb_symbol(enum ks_verb verb)
{
    return verbs[verb].symbol;
}

const char *ks_action_name(enum ks_action action)
{
    return actions[action];
}

bool ks_step_is_quiet(const struct ks_step *s)
{
    return s->action == KS_ACT_DEFINE && s->verb == KS_CHANGE && s->restart_only;
}

static void count_verb(struct ks_plan_counts *counts, enum ks_verb verb)
{
    unsigned *const slots[] = {
        [KS_CREATE] = &counts->create, [KS_CHANGE] = &counts->change,   [KS_REPLACE] = &counts->replace,
        [KS_ADOPT] = &counts->adopt,   [KS_RELEASE] = &counts->release, [KS_DESTROY] = &counts->destroy,
    };
    (*slots[verb])++;
}

struct ks_plan_counts ks_plan_count(const struct ks_plan *plan)
{
    struct ks_plan_counts counts = {0};

    for (size_t i = 0; i < plan->n; i++) {
        const struct ks_step *s = plan->v[i];
        const bool held = s->held && !s->blocked;
        if (!s->blocked && !s->held)
            counts.ready++;
        if (ks_step_is_quiet(s))
            continue;
        if (s->blocked)
            counts.blocked++;
        else
            count_verb(&counts, s->verb);
        counts.held += held;
        counts.pending += held && s->pending;
    }
    return counts;
}
