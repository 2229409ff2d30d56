/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconciler/report.h"
#include "reconciler/saved.h"

static void print_json(struct ks_session *s, const struct ks_planned *planned)
{
    const struct ks_report report = {.plan = planned->plan, .have = &planned->have, .commit = s->commit};
    json_t *json = planned->plan ? ks_report_json(&report)
                                 : json_pack("{s:i, s:s}", "format", KS_REPORT_FORMAT, "host", s->host);

    if (json_object_set_new(json, "findings", ks_report_findings_json(&s->findings)) < 0)
        abort();
    ks_auto(ks_freep) char *text = ks_report_dump(json);
    fputs(text, stdout);
    json_decref(json);
}

static void print_text(struct ks_session *s, const struct ks_planned *planned)
{
    const struct ks_report report = {.plan = planned->plan, .have = &planned->have, .commit = s->commit};
    const struct ks_report_style style = {.color = ks_use_color(s->options, stdout),
                                          .verbose = s->options->verbose,
                                          .width = ks_terminal_width(stdout)};
    struct ks_text text = {.arena = s->arena};

    ks_report_text(&text, &report, &style);
    fputs(ks_text_str(&text), stdout);
}

static int exit_status(const struct ks_options *options, const struct ks_planned *planned)
{
    const struct ks_plan_counts *c = &planned->counts;

    if (!planned->plan)
        return KS_EXIT_FAILED;
    if (!options->detailed_exitcode)
        return KS_EXIT_OK;
    if (c->ready > 0)
        return KS_EXIT_CHANGES;
    return c->held + c->blocked > 0 || planned->have.unknown.n > 0 ? KS_EXIT_HELD : KS_EXIT_OK;
}

static int run(struct ks_session *s, struct ks_planned *planned, struct ks_error *err)
{
    const struct ks_options *o = s->options;
    const struct ks_plan_options plan_options = {
        .allow = o->allow, .n_targets = o->targets.n, .targets = o->targets.v};

    const bool failed = ks_session_prepare(s, false, &plan_options, planned, err) < 0;
    ks_print_findings(s);
    if (failed)
        return ks_print_fatal(o, err);
    if (o->json)
        print_json(s, planned);
    else if (planned->plan && !o->quiet)
        print_text(s, planned);
    if (planned->plan && o->out && ks_saved_write(s, planned, &plan_options, o->out, err) < 0)
        return ks_print_error(o, err);
    return exit_status(o, planned);
}

int ks_command_plan(const struct ks_options *options, struct ks_arena *arena)
{
    ks_auto(ks_arena_freep) struct ks_arena *plan_arena = ks_arena_new();
    struct ks_planned planned = {.arena = plan_arena};
    struct ks_session s;
    struct ks_error err = {0};
    int status;

    if (ks_session_open(&s, options, arena, false, &err) < 0)
        status = ks_print_fatal(options, &err);
    else
        status = run(&s, &planned, &err);
    ks_error_done(&err);
    ks_session_close(&s);
    return ks_finish_output(status);
}
