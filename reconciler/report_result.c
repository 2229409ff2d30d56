/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What became of a plan. */
#include "reconciler/report.h"

static const char *const done_words[] = {
    [KS_CREATE] = "created", [KS_CHANGE] = "changed",   [KS_REPLACE] = "replaced",
    [KS_ADOPT] = "adopted",  [KS_RELEASE] = "released", [KS_DESTROY] = "deleted",
};
_Static_assert(KS_COUNT(done_words) == KS_VERBS, "every verb has a word");

static const struct ks_step_result *result_of(const struct ks_execution *x, const char *id)
{
    for (size_t i = 0; i < x->plan->n; i++)
        if (ks_streq(x->results[i].step->id, id))
            return &x->results[i];
    return NULL;
}

/* A step that stands in the plan again, although it was done or nobody had planned it. */
static bool is_unmet(const struct ks_execution *x, const struct ks_step *s)
{
    const struct ks_step_result *r = result_of(x, s->id);

    if (s->held || s->blocked)
        return false;
    return !r || r->status == KS_STEP_DONE || r->status == KS_STEP_NOOP;
}

struct ks_strings ks_unmet(struct ks_arena *arena, const struct ks_execution *x, const struct ks_plan *after)
{
    struct ks_strings ids = {0};

    for (size_t i = 0; i < after->n; i++)
        if (is_unmet(x, after->v[i]))
            *ks_vec_add(arena, &ids) = after->v[i]->id;
    return ids;
}

unsigned ks_left_to_do(const struct ks_execution *x, const struct ks_plan *after)
{
    unsigned n = 0;

    for (size_t i = 0; i < after->n; i++) {
        const struct ks_step *s = after->v[i];
        const struct ks_step_result *r = result_of(x, s->id);
        n += !s->held && !s->blocked && r && r->status != KS_STEP_LEFT;
    }
    return n;
}

/* ---- text -----------------------------------------------------------------------------------------------------
 */

static bool shows_unmet(const struct ks_step *s, void *data)
{
    return is_unmet(data, s);
}

static bool shows_waiting(const struct ks_step *s, void *data)
{
    const struct ks_step_result *r = result_of(data, s->id);

    return !s->held && !s->blocked && r && r->status == KS_STEP_PENDING;
}

static bool shows_held(const struct ks_step *s, void *data)
{
    (void)data;
    return s->held || s->blocked;
}

static void add_section(struct ks_text *out, const char *title, const struct ks_plan *plan,
                        const struct ks_report_style *style, ks_report_filter *only, void *data)
{
    struct ks_text entries = {.arena = out->arena};

    ks_report_steps(&entries, plan, style, only, data);
    if (entries.n > 0)
        ks_text_addf(out, "\n%s:\n%s", title, entries.buf);
}

/* The restart beside a quiet step stands for both, when it was done. */
static bool is_counted(const struct ks_execution *x, const struct ks_step *s, struct ks_arena *arena)
{
    const struct ks_step_result *restart;

    if (!ks_step_is_quiet(s))
        return true;
    restart = result_of(x, ks_sprintf(arena, "%s:restart", s->id));
    return !restart || (restart->status != KS_STEP_DONE && restart->status != KS_STEP_WOULD);
}

/* "2 created, 1 changed" by the plan's verbs, then what did not go as planned. */
static void add_totals(struct ks_text *out, const struct ks_execution *x, enum ks_step_status good)
{
    static const enum ks_step_status others[] = {KS_STEP_NOOP,    KS_STEP_PENDING,   KS_STEP_FAILED,
                                                 KS_STEP_SKIPPED, KS_STEP_CANCELLED, KS_STEP_HELD,
                                                 KS_STEP_BLOCKED};
    unsigned verbs[KS_VERBS] = {0};
    const char *separator = "";

    for (size_t i = 0; i < x->plan->n; i++)
        if (x->results[i].status == good && is_counted(x, x->plan->v[i], out->arena))
            verbs[x->plan->v[i]->verb]++;
    for (unsigned i = 0; i < KS_VERBS; i++) {
        if (verbs[i] == 0)
            continue;
        ks_text_addf(out, "%s%u %s", separator, verbs[i], done_words[i]);
        separator = ", ";
    }
    separator = *separator ? "; " : "";
    for (size_t i = 0; i < KS_COUNT(others); i++) {
        if (x->counts[others[i]] == 0)
            continue;
        ks_text_addf(out, "%s%zu %s", separator, x->counts[others[i]], ks_step_status_name(others[i]));
        separator = ", ";
    }
    ks_text_add(out, *separator ? ".\n" : "nothing.\n");
}

static const char *held_and_blocked(struct ks_arena *arena, const struct ks_plan_counts *c)
{
    if (c->held > 0 && c->blocked > 0)
        return ks_sprintf(arena, "%u held, %u blocked", c->held, c->blocked);
    return c->held > 0 ? ks_sprintf(arena, "%u held", c->held) : ks_sprintf(arena, "%u blocked", c->blocked);
}

static void add_verdict(struct ks_text *out, const struct ks_execution *x, const struct ks_plan *after)
{
    const struct ks_plan_counts c = ks_plan_count(after);
    const struct ks_strings unmet = ks_unmet(out->arena, x, after);

    if (unmet.n > 0)
        ks_text_addf(out, "\nVerified: %zu step%s did not hold.\n", unmet.n, unmet.n == 1 ? "" : "s");
    else if (after->n == 0)
        ks_text_add(out, "\nVerified: read back and planned again; nothing is left to do.\n");
    else if (c.ready == 0)
        ks_text_addf(out, "\nVerified: read back and planned again; nothing is left but %s.\n",
                     held_and_blocked(out->arena, &c));
    else
        ks_text_addf(out, "\nVerified: what was done holds; %u step%s left to do.\n", c.ready,
                     c.ready == 1 ? " is" : "s are");
}

void ks_report_result(struct ks_text *out, const struct ks_execution *x, const struct ks_plan *after,
                      const struct ks_report_style *style)
{
    void *data = (void *)(uintptr_t)x;

    ks_text_add(out, x->acting.dry_run ? "Dry run, nothing was written: " : "Applied: ");
    add_totals(out, x, x->acting.dry_run ? KS_STEP_WOULD : KS_STEP_DONE);
    if (x->journal_problem)
        ks_text_addf(out, "Stopped: %s\n", x->journal_problem);
    if (!after)
        return;
    add_section(out, "Did not hold", after, style, shows_unmet, data);
    add_section(out, "Waiting for the guest", after, style, shows_waiting, data);
    add_section(out, "Held or blocked", after, style, shows_held, data);
    add_verdict(out, x, after);
}
