/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Observe, plan, carry out, observe again, plan again: empty, or it says what did not hold. */
#include <signal.h>
#include <time.h>

#include "reconciler/checkpoint.h"
#include "reconciler/lock.h"
#include "reconciler/progress.h"
#include "reconciler/report.h"
#include "reconciler/saved.h"

enum { ROUNDS = 3 };

struct apply {
    const struct ks_options *options;
    struct ks_session s;
    struct ks_plan_options plan_options;
    struct ks_saved saved;          /* .root NULL: there is none */
    struct ks_planned initial;      /* what the run began with */
    struct ks_planned first, after; /* before and after the round that is carried out, or was */
    bool changed;                   /* something was done in an earlier round */
    json_t *results;                /* of all rounds */
    struct ks_execution x;
    struct ks_arena *results_arena;
    struct ks_journal *journal;
    struct ks_strings interrupted; /* steps that an earlier run was in when it was killed */
    struct ks_strings unmet;
    struct ks_checkpoint checkpoint;
    int lock;
};

/* ---- signals --------------------------------------------------------------------------------------------------
 */

static _Atomic bool cancelled;

static void on_signal(int number)
{
    (void)number;
    cancelled = true;
}

/* The first signal asks for an end, the second one is deadly. A reader that went away must not stop a run. */
static void catch_signals(void)
{
    const struct sigaction stop = {.sa_handler = on_signal, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};

    (void)sigaction(SIGINT, &stop, NULL);
    (void)sigaction(SIGTERM, &stop, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

/* ---- what actuators keep ---------------------------------------------------------------------------------------
 */

static int keep_own(void *data, const char *id, struct ks_error *err)
{
    return ks_ledger_add(data, id, err);
}

static int keep_disown(void *data, const char *id, struct ks_error *err)
{
    return ks_ledger_remove(data, id, err);
}

static int keep_note(void *data, const char *id, const char *note, const char *value, struct ks_error *err)
{
    return ks_ledger_set_note(data, id, note, value, err);
}

/* ---- changes of the network ------------------------------------------------------------------------------------
 */

static void say(const char *text)
{
    fprintf(stderr, "kvmstate: %s\n", text);
}

static int recover_network(struct apply *a, struct ks_error *err)
{
    const char *done;

    if (a->options->dry_run)
        return 0;
    if (ks_checkpoint_recover(a->s.state, a->s.arena, say, &done, err) < 0)
        return -1;
    if (done)
        say(done);
    return 0;
}

/* sshd tells where the login came from: "192.0.2.7 50022 192.0.2.10 22". */
static const char *login_peer(struct ks_arena *arena)
{
    const char *text = getenv("SSH_CONNECTION");

    return text && *text ? ks_strndup(arena, text, strcspn(text, " %")) : NULL;
}

static struct ks_guard guard_of(struct apply *a)
{
    const struct ks_defaults *defaults = a->first.want->defaults;
    const struct ks_checkpoint_defaults *stated = defaults ? defaults->checkpoint : NULL;

    a->checkpoint = (struct ks_checkpoint){.state = a->s.state,
                                           .plan = a->first.plan,
                                           .wish = {.repo = a->s.repo, .peer = login_peer(a->s.arena)},
                                           .cancelled = &cancelled};
    if (stated) {
        a->checkpoint.timeout_ms = stated->timeout;
        a->checkpoint.wish.targets = stated->targets;
    }
    return (struct ks_guard){&a->checkpoint, ks_checkpoint_covers, ks_checkpoint_begin, ks_checkpoint_settle};
}

/* ---- the steps of a run
 * ------------------------------------------------------------------------------------------ */

static int prepare(struct apply *a, struct ks_error *err)
{
    const struct ks_options *o = a->options;

    if (ks_session_open(&a->s, o, a->s.arena, !o->dry_run, err) < 0)
        return -1;
    if (a->s.state >= 0 && ks_lock_take(a->s.state, !o->dry_run, o->argc, o->argv, &a->lock, err) < 0)
        return -1;
    if (recover_network(a, err) < 0)
        return -1;
    if (o->args.n > 0 && ks_saved_read(&a->s, o->args.v[0], &a->saved, &a->plan_options, err) < 0)
        return -1;
    a->plan_options.allow |= o->allow;
    if (o->targets.n > 0) {
        a->plan_options.n_targets = o->targets.n;
        a->plan_options.targets = o->targets.v;
    }
    if (a->s.state >= 0 && ks_journal_in_flight(a->s.state, a->s.arena, &a->interrupted, err) < 0)
        return -1;
    if (ks_session_prepare(&a->s, true, &a->plan_options, &a->first, err) < 0)
        return -1;
    return a->saved.root && a->first.plan ? ks_saved_check(&a->saved, a->first.plan, err) : 0;
}

static struct ks_report_style style_of(const struct apply *a)
{
    return (struct ks_report_style){.color = ks_use_color(a->options, stdout),
                                    .verbose = a->options->verbose,
                                    .width = ks_terminal_width(stdout)};
}

static bool speaks(const struct apply *a)
{
    return !a->options->json && !a->options->quiet;
}

static void print_plan(const struct apply *a)
{
    const struct ks_report report = {.plan = a->first.plan, .have = &a->first.have, .commit = a->s.commit};
    const struct ks_report_style style = style_of(a);
    struct ks_text text = {.arena = a->s.arena};

    for (size_t i = 0; i < a->interrupted.n && !a->options->quiet; i++)
        fprintf(stderr, "kvmstate: an earlier run was interrupted in %s; planned anew\n", a->interrupted.v[i]);
    if (!speaks(a))
        return;
    ks_report_text(&text, &report, &style);
    fputs(ks_text_str(&text), stdout);
    (void)fflush(stdout);
}

static int begin_journal(struct apply *a, struct ks_error *err)
{
    char id[64];
    const time_t now = time(NULL);
    struct tm utc;

    (void)gmtime_r(&now, &utc);
    (void)strftime(id, sizeof id - 16, "%Y%m%dT%H%M%SZ", &utc);
    (void)snprintf(id + strlen(id), 16, "-%d", (int)getpid());
    if (ks_journal_open(a->s.state, id, &a->journal, err) < 0)
        return -1;
    return ks_journal_add(a->journal, "begin", NULL, a->s.commit ? a->s.commit->id : a->s.manifest_path, err);
}

/* For actuators; from any thread. */
static int look_again(void *data, struct ks_arena *arena, struct ks_observed *ret, struct ks_error *err)
{
    const struct apply *a = data;
    struct ks_observing observing = {.arena = arena,
                                     .conn = a->s.conn,
                                     .root = a->s.root,
                                     .want = a->first.want,
                                     .ledger = a->s.ledger,
                                     .state_path = a->s.state_path};

    return ks_observe(&observing, ret, err);
}

static void execute(struct apply *a)
{
    const struct ks_guard guard = guard_of(a);
    struct ks_progress_line progress;

    ks_progress_init(&progress, stdout, ks_use_color(a->options, stdout));
    progress.total = a->first.counts.ready;
    a->x = (struct ks_execution){.plan = a->first.plan,
                                 .actuators = ks_actuators,
                                 .n_actuators = ks_n_actuators,
                                 .acting = {.conn = a->s.conn,
                                            .root = a->s.root,
                                            .dry_run = a->options->dry_run,
                                            .want = a->first.want,
                                            .have = &a->first.have,
                                            .files = &a->s.files,
                                            .cancelled = &cancelled},
                                 .journal = a->journal,
                                 /* Its own: actuators may read files into the session's meanwhile. */
                                 .arena = a->results_arena};
    if (!a->options->dry_run) {
        a->x.guard = &guard;
        a->x.acting.keeping = (struct ks_keeping){a->s.ledger, keep_own, keep_disown, keep_note};
    }
    a->x.acting.looking = (struct ks_looking){a, look_again};
    if (a->saved.root) {
        a->x.wanted = ks_saved_has;
        a->x.wanted_data = &a->saved;
    }
    if (speaks(a)) {
        fputc('\n', stdout);
        a->x.watch = ks_progress_watch;
        a->x.tick = ks_progress_tick;
        a->x.watch_data = &progress;
    }
    ks_execute(&a->x);
    a->x.guard = NULL;
    ks_progress_end(&progress);
}

/* The host once more, against the manifest as it was read at the start. */
static int verify(struct apply *a, struct ks_error *err)
{
    a->s.findings = (struct ks_findings){.arena = a->s.arena};
    a->after.arena = a->first.arena;
    a->after.want = ks_session_manifest(&a->s, a->after.arena);
    if (!a->after.want)
        return ks_fail(err, KS_E_BUG, KS_NOWHERE, "the manifest that was applied cannot be loaded again");
    if (ks_session_plan(&a->s, &a->plan_options, &a->after, err) < 0)
        return -1;
    if (a->after.plan)
        a->unmet = ks_unmet(a->s.arena, &a->x, a->after.plan);
    return 0;
}

static bool is_listed(const struct ks_strings *ids, const char *id)
{
    for (size_t i = 0; i < ids->n; i++)
        if (ks_streq(ids->v[i], id))
            return true;
    return false;
}

static int journal_round(struct apply *a, struct ks_error *err)
{
    for (size_t i = 0; i < a->x.plan->n; i++) {
        const struct ks_step_result *r = &a->x.results[i];
        const bool holds = r->status == KS_STEP_DONE && a->after.plan && !is_listed(&a->unmet, r->step->id);
        if (r->status == KS_STEP_HELD && ks_journal_add(a->journal, "held", r->step->id, r->detail, err) < 0)
            return -1;
        if (holds && ks_journal_add(a->journal, "verified", r->step->id, NULL, err) < 0)
            return -1;
    }
    return 0;
}

static int end_journal(struct apply *a, int status, struct ks_error *err)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();

    return ks_journal_add(a->journal, "end", NULL, ks_sprintf(arena, "status %d", status), err);
}

/* ---- results
 * ----------------------------------------------------------------------------------------------------- */

static bool has_changed(const struct apply *a)
{
    return a->changed || ks_execution_changed(&a->x);
}

static int exit_status(const struct apply *a)
{
    const size_t *n = a->x.counts;
    const struct ks_planned *last = a->after.plan ? &a->after : &a->first;

    if (n[KS_STEP_FAILED] + n[KS_STEP_SKIPPED] + n[KS_STEP_CANCELLED] > 0 || a->x.journal_problem)
        return has_changed(a) ? KS_EXIT_PARTLY : KS_EXIT_FAILED;
    if (a->unmet.n > 0)
        return KS_EXIT_PARTLY;
    if (last->counts.held + last->counts.blocked + last->have.unknown.n > 0)
        return KS_EXIT_HELD;
    /* What the guest has not agreed to yet, or what only this run has made possible. */
    if (a->after.plan ? ks_left_to_do(&a->x, a->after.plan) > 0 : n[KS_STEP_PENDING] > 0)
        return KS_EXIT_HELD;
    return KS_EXIT_OK;
}

static void set(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) < 0)
        abort();
}

static void print_json(const struct apply *a, int status)
{
    const struct ks_report first = {.plan = a->initial.plan, .have = &a->initial.have, .commit = a->s.commit};
    const struct ks_report after = {.plan = a->after.plan, .have = &a->after.have, .commit = a->s.commit};
    json_t *json = json_object(), *unmet = json_array();

    set(json, "format", json_integer(KS_REPORT_FORMAT));
    set(json, "host", json_string(a->s.host));
    set(json, "status", json_integer(status));
    set(json, "dry_run", json_boolean(a->options->dry_run));
    if (a->initial.plan)
        set(json, "plan", ks_report_json(&first));
    set(json, "results", json_incref(a->results));
    if (a->after.plan)
        set(json, "after", ks_report_json(&after));
    for (size_t i = 0; i < a->unmet.n; i++)
        if (json_array_append_new(unmet, json_string(a->unmet.v[i])) < 0)
            abort();
    set(json, "unmet", unmet);
    set(json, "findings", ks_report_findings_json(&a->s.findings));
    ks_auto(ks_freep) char *text = ks_report_dump(json);
    fputs(text, stdout);
    json_decref(json);
}

/* Who asked for silence still hears what went wrong. */
static void print_failures(const struct apply *a)
{
    for (size_t i = 0; i < a->x.plan->n; i++) {
        const struct ks_step_result *r = &a->x.results[i];
        if (r->status == KS_STEP_FAILED)
            fprintf(stderr, "kvmstate: %s %s: %s\n", r->step->kind, r->step->name, r->detail);
    }
    for (size_t i = 0; i < a->unmet.n; i++)
        fprintf(stderr, "kvmstate: %s did not hold\n", a->unmet.v[i]);
}

static void print_result(const struct apply *a)
{
    const struct ks_report_style style = style_of(a);
    struct ks_text text = {.arena = a->s.arena};

    if (!speaks(a)) {
        print_failures(a);
        return;
    }
    ks_text_add(&text, "\n");
    ks_report_result(&text, &a->x, a->after.plan, &style);
    fputs(ks_text_str(&text), stdout);
}

static bool is_planned(const struct ks_plan *plan, const char *id)
{
    for (size_t i = 0; i < plan->n; i++)
        if (ks_streq(plan->v[i]->id, id))
            return true;
    return false;
}

/*
 * A step that found its work done by somebody else (by a request that a killed run had left with libvirt's daemon,
 * say) has not failed, when the plan after it has nothing left of it.
 */
static void forgive(struct apply *a)
{
    size_t *n = a->x.counts;

    if (a->saved.root || !a->after.plan || a->after.have.unknown.n > 0)
        return;
    for (size_t i = 0; i < a->x.plan->n; i++) {
        struct ks_step_result *r = &a->x.results[i];
        if (r->status != KS_STEP_FAILED || r->code != KS_E_STALE || is_planned(a->after.plan, r->step->id))
            continue;
        r->status = KS_STEP_NOOP;
        n[KS_STEP_FAILED]--;
        n[KS_STEP_NOOP]++;
    }
}

/* Carries out a->first, looks at the host again, and tells the journal what holds. */
static int go_round(struct apply *a, struct ks_error *err)
{
    json_t *results;
    int failed;

    execute(a);
    failed = a->options->dry_run ? 0 : verify(a, err);
    if (!failed && !a->options->dry_run)
        forgive(a);
    results = ks_report_results_json(&a->x);
    if (json_array_extend(a->results, results) < 0)
        abort();
    json_decref(results);
    if (a->after.want && !a->after.plan) /* the host as it is now cannot be planned for */
        ks_print_findings(&a->s);
    if (a->journal && !a->x.journal_problem && !failed)
        failed = journal_round(a, err);
    return failed;
}

/*
 * The host moved between being observed and being changed: by somebody else, or by a request that a killed run had
 * left with libvirt's daemon. A saved plan is for the host as it was; any other is made anew.
 */
static bool is_outrun(const struct apply *a)
{
    bool stale = false;

    if (a->saved.root || a->options->dry_run || cancelled || a->x.journal_problem || !a->after.plan)
        return false;
    for (size_t i = 0; i < a->x.plan->n; i++)
        stale = stale || a->x.results[i].code == KS_E_STALE;
    return stale && a->after.counts.ready > 0;
}

static void begin_next_round(struct apply *a)
{
    const struct ks_report_style style = style_of(a);
    struct ks_text text = {.arena = a->s.arena};

    a->changed = has_changed(a);
    ks_text_add(&text, "\n");
    ks_report_result(&text, &a->x, NULL, &style);
    ks_text_add(&text, "\nThe host changed meanwhile. Planned again:\n\n");
    a->first = a->after;
    a->after = (struct ks_planned){0};
    ks_report_steps(&text, a->first.plan, &style, NULL, NULL);
    if (speaks(a))
        fputs(ks_text_str(&text), stdout);
}

/* Something to do: carry it out, look again, and say how it went. */
static int carry_out(struct apply *a, struct ks_error *err)
{
    struct ks_error journal_err = {0};
    int status, failed;

    if (!a->options->dry_run && begin_journal(a, err) < 0)
        return ks_print_error(a->options, err);
    failed = go_round(a, err);
    for (unsigned round = 1; round < ROUNDS && !failed && is_outrun(a); round++) {
        begin_next_round(a);
        failed = go_round(a, err);
    }
    status = exit_status(a);
    if (failed) {
        (void)ks_print_error(a->options, err);
        status = has_changed(a) ? KS_EXIT_PARTLY : KS_EXIT_FAILED;
    } else if (a->after.want && !a->after.plan) {
        status = KS_EXIT_PARTLY;
    }
    print_result(a);
    if (a->journal && !a->x.journal_problem && end_journal(a, status, &journal_err) < 0)
        (void)ks_print_error(a->options, &journal_err);
    ks_error_done(&journal_err);
    return status;
}

/* Notes of what runs that were cut off owed guests that were off since, or are gone: nobody asks for it any more.
 */
static int forget_over(const struct apply *a, struct ks_error *err)
{
    for (size_t i = 0; a->s.ledger && !a->options->dry_run && i < a->first.have.over.n; i++)
        if (ks_ledger_remove(a->s.ledger, a->first.have.over.v[i], err) < 0)
            return -1;
    return 0;
}

/* Where nothing is left to do, what an earlier run was killed in is over, too. */
static int close_interrupted(struct apply *a, struct ks_error *err)
{
    if (a->interrupted.n == 0 || a->options->dry_run)
        return 0;
    return begin_journal(a, err) < 0 ? -1 : ks_journal_add(a->journal, "end", NULL, "nothing to do", err);
}

static int run(struct apply *a, struct ks_error *err)
{
    const bool prepared = prepare(a, err) == 0;
    int status = KS_EXIT_FAILED;

    ks_print_findings(&a->s);
    if (!prepared)
        return ks_print_fatal(a->options, err);
    if (a->first.plan) {
        a->initial = a->first;
        print_plan(a);
        a->x.plan = a->first.plan;
        if (forget_over(a, err) < 0)
            status = ks_print_error(a->options, err);
        else if (a->first.counts.ready > 0)
            status = carry_out(a, err);
        else if (close_interrupted(a, err) < 0)
            status = ks_print_error(a->options, err);
        else
            status = exit_status(a);
    }
    if (a->options->json)
        print_json(a, status);
    return status;
}

int ks_command_apply(const struct ks_options *options, struct ks_arena *arena)
{
    ks_auto(ks_arena_freep) struct ks_arena *plan_arena = ks_arena_new();
    ks_auto(ks_arena_freep) struct ks_arena *results_arena = ks_arena_new();
    struct apply a = {.options = options, .results_arena = results_arena, .lock = -1};
    struct ks_error err = {0};
    int status;

    a.s.arena = arena;
    a.first.arena = plan_arena;
    if (options->args.n > 0 && (options->targets.n > 0 || options->file || options->repo)) {
        (void)ks_fail(&err, KS_E_USAGE, KS_NOWHERE,
                      "a saved plan has its manifest and targets in it; --%s cannot "
                      "be given beside it",
                      options->targets.n ? "target"
                      : options->file    ? "file"
                                         : "repo");
        status = ks_print_error(options, &err);
        ks_error_done(&err);
        return status;
    }
    a.results = json_array();
    catch_signals();
    status = run(&a, &err);
    ks_error_done(&err);
    ks_journal_close(a.journal);
    ks_saved_done(&a.saved);
    json_decref(a.results);
    ks_session_close(&a.s);
    ks_closep(&a.lock);
    return ks_finish_output(status);
}
