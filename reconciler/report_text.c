/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan as people read it. */
#include "reconciler/report.h"

/* Columns, counted from 0. */
enum { FIELD = 6, PATH_WIDTH = 12, PATH_MAX_WIDTH = 36, VALUE_WIDTH = 23, IMPACT = 51, IMPACT_WIDTH = 10 };

struct writer {
    struct ks_text *out;
    const struct ks_plan *plan;
    const struct ks_report_style *style;
    size_t column;
};

#define RESET "\033[0m"
#define BOLD "\033[1m"
#define DIM "\033[2m"
static const char *const verb_colors[] = {
    [KS_CREATE] = "\033[32m", [KS_CHANGE] = "\033[33m",  [KS_REPLACE] = "\033[31m",
    [KS_ADOPT] = "\033[36m",  [KS_RELEASE] = "\033[36m", [KS_DESTROY] = "\033[31m",
};
_Static_assert(KS_COUNT(verb_colors) == KS_VERBS, "every verb has a colour");
#define BLOCKED_COLOR "\033[35m"

/* Columns that a text takes: UTF-8 code points; wide characters do not occur in what kvmstate prints of its own. */
static size_t columns(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* Values come from files and guests: line ends are shown, other control characters are not passed on. */
static const char *clean(struct ks_arena *arena, const char *text)
{
    struct ks_text out = {.arena = arena};

    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '\n')
            ks_text_add(&out, text[1] ? "\\n" : "");
        else if (c < 0x20 || c == 0x7f)
            ks_text_add(&out, "?");
        else
            ks_text_addn(&out, text, 1);
    }
    return ks_text_str(&out);
}

static void put(struct writer *w, const char *color, const char *text)
{
    const bool colored = color && w->style->color && *text;

    if (colored)
        ks_text_add(w->out, color);
    ks_text_add(w->out, text);
    if (colored)
        ks_text_add(w->out, RESET);
    w->column += columns(text);
}

static void pad(struct writer *w, size_t column)
{
    while (w->column < column)
        put(w, NULL, " ");
}

static void end_line(struct writer *w)
{
    ks_text_add(w->out, "\n");
    w->column = 0;
}

/* Goes to a column for `text`; to `indent` on a new line when the text does not fit there. */
static void go_to(struct writer *w, size_t column, const char *text, size_t indent)
{
    const size_t start = w->column > column ? w->column : column;

    if (w->style->width > 0 && start + columns(text) > w->style->width && start > indent) {
        end_line(w);
        pad(w, indent);
    } else {
        pad(w, column);
    }
}

/* ---- fields ---------------------------------------------------------------------------------------------------
 */

static size_t path_width(const struct ks_step *s)
{
    size_t width = PATH_WIDTH;

    for (size_t i = 0; i < s->fields.n; i++) {
        const size_t n = columns(s->fields.v[i].path) + 2;
        if (n > width && n <= PATH_MAX_WIDTH)
            width = n;
    }
    return width;
}

static const char *value_text(struct ks_arena *arena, const struct ks_step *s, const struct ks_plan_field *f)
{
    const char *from = f->from ? clean(arena, f->from) : NULL;
    const char *to = f->to ? clean(arena, f->to) : NULL;

    if (f->op == KS_ADD && s->verb != KS_CREATE && !from)
        return ks_sprintf(arena, "+ %s", to ? to : "");
    if (f->op == KS_REMOVE)
        return ks_sprintf(arena, "- %s", from ? from : "");
    if (from && to)
        return ks_sprintf(arena, "%s → %s", from, to);
    if (from)
        return ks_sprintf(arena, "%s → (none)", from);
    if (to && s->verb != KS_CREATE)
        return ks_sprintf(arena, "(none) → %s", to);
    return to ? to : "";
}

/* What stands behind a value: the row's note, and what the running guest has where that is not `from`. */
static const char *note_text(struct ks_arena *arena, const struct ks_plan_field *f)
{
    const char *live = f->live_from && !ks_streq(f->live_from, f->from) ? clean(arena, f->live_from) : NULL;

    if (f->note && live)
        return ks_sprintf(arena, "(%s; runs with %s)", f->note, live);
    if (live)
        return ks_sprintf(arena, "(runs with %s)", live);
    return f->note ? ks_sprintf(arena, "(%s)", f->note) : NULL;
}

static void put_field(struct writer *w, const char *path, const char *value, const char *note, size_t width)
{
    const size_t value_column = FIELD + width;

    pad(w, FIELD);
    put(w, NULL, path);
    if (*value)
        go_to(w, w->column >= value_column ? w->column + 1 : value_column, value, value_column);
    put(w, NULL, value);
    if (note) {
        const size_t column = value_column + VALUE_WIDTH;
        go_to(w, w->column >= column ? w->column + 2 : column, note, value_column);
        put(w, DIM, note);
    }
    end_line(w);
}

static const char *join(struct ks_arena *arena, const struct ks_strings *ids)
{
    struct ks_text out = {.arena = arena};

    for (size_t i = 0; i < ids->n; i++)
        ks_text_addf(&out, "%s%s", i ? ", " : "", ids->v[i]);
    return ks_text_str(&out);
}

static void put_lists(struct writer *w, const struct ks_step *s, size_t width)
{
    struct ks_arena *arena = w->out->arena;

    if (s->affects.n > 0)
        put_field(w, "affects", join(arena, &s->affects), NULL, width);
    if (w->style->verbose && s->needs.n > 0)
        put_field(w, "needs", join(arena, &s->needs), NULL, width);
    if (w->style->verbose && s->follows.n > 0)
        put_field(w, "follows", join(arena, &s->follows), NULL, width);
}

/* ---- entries ----------------------------------------------------------------------------------------------------
 */

static bool first_field_has_room(const struct ks_step *s)
{
    return s->fields.n > 0 && !s->fields.v[0].note && !s->fields.v[0].live_from;
}

/* What stands behind the impact: why it is there, what it waits for. */
static const char *remark(struct ks_arena *arena, const struct ks_step *s)
{
    struct ks_text out = {.arena = arena};

    if (s->blocked)
        return first_field_has_room(s) ? "" : s->blocked;
    if (s->pending && !s->reason)
        ks_text_add(&out, "pending since it was started");
    if (s->reason)
        ks_text_add(&out, s->reason);
    if (s->held)
        ks_text_addf(&out, "%sheld: %s", out.n ? "; " : "", s->held);
    return ks_text_str(&out);
}

static void put_title(struct writer *w, const struct ks_step *s)
{
    const char *impact = s->blocked ? "blocked" : ks_impact_name(s->impact);
    const char *color = s->blocked ? BLOCKED_COLOR : verb_colors[s->verb];
    const char *note = clean(w->out->arena, remark(w->out->arena, s));

    pad(w, 2);
    put(w, color, s->blocked ? "!" : ks_verb_symbol(s->verb));
    put(w, NULL, " ");
    put(w, NULL, s->kind);
    put(w, NULL, " ");
    put(w, BOLD, clean(w->out->arena, s->name));
    if (w->column >= IMPACT)
        put(w, NULL, " ");
    pad(w, IMPACT);
    put(w, s->impact > KS_LIVE || s->blocked ? color : NULL, impact);
    if (*note) {
        go_to(w, IMPACT + IMPACT_WIDTH, note, FIELD);
        put(w, NULL, note);
    }
    end_line(w);
}

/* A field that waits for the restart beside it is shown there. */
static bool is_shown_by_restart(const struct writer *w, const struct ks_step *s, const struct ks_plan_field *f)
{
    const char *id;

    if (s->action != KS_ACT_DEFINE || f->impact != KS_RESTART)
        return false;
    id = ks_sprintf(w->out->arena, "%s:restart", s->id);
    for (size_t i = 0; i < w->plan->n; i++)
        if (ks_streq(w->plan->v[i]->id, id))
            return true;
    return false;
}

static void put_step(struct writer *w, const struct ks_step *s)
{
    struct ks_arena *arena = w->out->arena;
    const size_t width = path_width(s);

    put_title(w, s);
    for (size_t i = 0; i < s->fields.n; i++) {
        const struct ks_plan_field *f = &s->fields.v[i];
        const bool says_why = i == 0 && s->blocked && first_field_has_room(s);
        const char *note = says_why ? clean(arena, s->blocked) : note_text(arena, f);
        if (!is_shown_by_restart(w, s, f))
            put_field(w, clean(arena, f->path), value_text(arena, s, f), note, width);
    }
    put_lists(w, s, width);
}

void ks_report_steps(struct ks_text *out, const struct ks_plan *plan, const struct ks_report_style *style,
                     ks_report_filter *only, void *data)
{
    struct writer w = {.out = out, .plan = plan, .style = style};

    for (size_t i = 0; i < plan->n; i++)
        if (!ks_step_is_quiet(plan->v[i]) && (!only || only(plan->v[i], data)))
            put_step(&w, plan->v[i]);
}

/* ---- header and summary -----------------------------------------------------------------------------------------
 */

char *ks_version_text(struct ks_arena *arena, unsigned long version)
{
    if (version == 0)
        return ks_strdup(arena, "unknown");
    return ks_sprintf(arena, "%lu.%lu.%lu", version / 1000000, version / 1000 % 1000, version % 1000);
}

void ks_report_header(struct ks_text *out, const struct ks_report *r)
{
    struct ks_arena *arena = out->arena;

    ks_text_add(out, r->plan->host);
    if (r->commit)
        ks_text_addf(out, " at %s", r->commit->short_id);
    if (r->signer)
        ks_text_addf(out, " (signed by %s)", r->signer);
    if (r->have->libvirt_version)
        ks_text_addf(out, ", libvirt %s", ks_version_text(arena, r->have->libvirt_version));
    if (r->have->qemu_version)
        ks_text_addf(out, ", QEMU %s", ks_version_text(arena, r->have->qemu_version));
    ks_text_add(out, "\n");
}

/* "1 to create, 2 to change": the parts that are not 0. */
static void add_counts(struct ks_text *out, const struct ks_plan_counts *c)
{
    const struct {
        unsigned n;
        const char *what;
    } verbs[] = {
        {c->create, "to create"}, {c->change, "to change"},   {c->replace, "to replace"},
        {c->adopt, "to adopt"},   {c->release, "to release"}, {c->destroy, "to delete"},
    };
    const char *separator = "";

    for (size_t i = 0; i < KS_COUNT(verbs); i++) {
        if (verbs[i].n == 0)
            continue;
        ks_text_addf(out, "%s%u %s", separator, verbs[i].n, verbs[i].what);
        separator = ", ";
    }
    separator = *separator ? "; " : "";
    if (c->held > 0) {
        ks_text_addf(out, "%s%u held", separator, c->held);
        separator = ", ";
    }
    if (c->blocked > 0)
        ks_text_addf(out, "%s%u blocked", separator, c->blocked);
}

/* "Nothing to do; pending restart: web1, db1." */
static void add_pending(struct ks_text *out, const struct ks_plan *plan)
{
    const char *separator = "Nothing to do; pending restart: ";

    for (size_t i = 0; i < plan->n; i++) {
        if (!plan->v[i]->pending)
            continue;
        ks_text_addf(out, "%s%s", separator, clean(out->arena, plan->v[i]->name));
        separator = ", ";
    }
    ks_text_add(out, ".\n");
}

void ks_report_summary(struct ks_text *out, const struct ks_plan *plan)
{
    const struct ks_plan_counts c = ks_plan_count(plan);

    if (plan->n == 0) {
        ks_text_add(out, "Nothing to do.\n");
    } else if (c.ready == 0 && c.blocked == 0 && c.held == c.pending && c.pending > 0) {
        add_pending(out, plan);
    } else {
        ks_text_add(out, "Plan: ");
        add_counts(out, &c);
        ks_text_add(out, ".\n");
    }
}

void ks_report_text(struct ks_text *out, const struct ks_report *r, const struct ks_report_style *style)
{
    ks_report_header(out, r);
    ks_text_add(out, "\n");
    ks_report_steps(out, r->plan, style, NULL, NULL);
    if (r->plan->n > 0)
        ks_text_add(out, "\n");
    ks_report_summary(out, r->plan);
}
