/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * session: what a run stands on: where the manifest comes from, the state directory, the host. Each step of
 * opening it can be asked for alone, so that `validate` needs no host and `plan` no right to write.
 */
#pragma once

#include <pthread.h>

#include "planners/planners.h"
#include "reconciler/cli.h"
#include "reconciler/source.h"
#include "state/state.h"

/* A file of the manifest's repository as it was read: what a saved plan keeps. */
struct ks_kept_text {
    const char *path, *text;
    size_t len;
};

struct ks_session {
    const struct ks_options *options;
    struct ks_arena *arena;
    struct ks_findings findings;
    const char *host;                               /* whose manifest is wanted */
    const char *file, *repo, *ref, *path, *connect; /* from the options, else the configuration file */
    int root;                                       /* "/" or --root */
    const char *state_path;                         /* absolute */
    int state;                                      /* the state directory, or -1 when there is none yet */
    struct ks_source_files *source;                 /* NULL with a saved plan */
    const struct ks_source_commit *commit;          /* or NULL */
    const char *manifest_path;                      /* in the repository */
    KS_VEC(struct ks_kept_text) texts;              /* all that was read, in the order of reading */
    pthread_mutex_t texts_lock;
    bool texts_complete; /* from a saved plan: there is nothing behind them */
    struct ks_files files;
    struct ks_ledger *ledger; /* NULL: there is none */
    virConnectPtr conn;
    pthread_t connecting;
    bool connect_started;
    struct ks_error connect_error;
    bool writes;
    bool reads_ahead;           /* guests are read while the manifest is loaded */
    struct ks_outline *outline; /* read behind the connection, for the first observation; or NULL */
    struct ks_event_loop *loop;
};

/* Names the host, opens the root and the state directory (made when `make_state`), reads the configuration. */
int ks_session_open(struct ks_session *s, const struct ks_options *options, struct ks_arena *arena, bool make_state,
                    struct ks_error *err);
void ks_session_close(struct ks_session *s);

/* Opens the source and finds the host's manifest in it. */
int ks_session_source(struct ks_session *s, struct ks_error *err);
/*
 * Loads the manifest into `arena`, whose findings go to s->findings; checks that it is this host's. NULL when there
 * are errors. Can be called again: a plan resolves its manifest in place, so each plan takes a fresh one.
 */
struct ks_manifest *ks_session_manifest(struct ks_session *s, struct ks_arena *arena);
/* The same for one file of the source, without the check of the host: validate. */
const struct ks_manifest *ks_session_check(struct ks_session *s, struct ks_arena *arena, const char *path);

/* Starts connecting in a thread of its own, so that it costs no time beside the manifest; waits for it. */
bool ks_session_is_embedded(const struct ks_session *s); /* libvirt's driver runs in this process */
void ks_session_connect_start(struct ks_session *s, bool writes);
int ks_session_connect_finish(struct ks_session *s, struct ks_error *err);
/*
 * The same with a deadline: KS_E_TIMEOUT when libvirt does not answer. The thread is left to itself then, so that
 * `s` must live as long as the process does.
 */
int ks_session_connect_within(struct ks_session *s, unsigned seconds, struct ks_error *err);
int ks_session_ledger(struct ks_session *s, struct ks_error *err);

/* One observation and the plan made of it. */
struct ks_planned {
    struct ks_arena *arena;
    struct ks_manifest *want;
    struct ks_observed have;
    bool host_done;       /* have: ks_observe_host() */
    struct ks_plan *plan; /* NULL: see the findings */
    struct ks_plan_counts counts;
};
/* Observes and plans for a manifest that lies in ret->arena as ret->want. Fills the rest. */
int ks_session_plan(struct ks_session *s, const struct ks_plan_options *options, struct ks_planned *ret,
                    struct ks_error *err);

/*
 * All of it for plan and apply: the source and the manifest beside the connection, then the ledger, the observation
 * and the plan. 0 with ret->plan NULL when the findings say why there is none. `ret->arena` is the caller's.
 */
int ks_session_prepare(struct ks_session *s, bool writes, const struct ks_plan_options *options,
                       struct ks_planned *ret, struct ks_error *err);
/* A target that neither the manifest nor the plan has is a mistyped one: a finding. */
void ks_session_check_targets(struct ks_session *s, const struct ks_plan_options *options,
                              const struct ks_planned *planned);

/* ---- printing (print.c) ------------------------------------------------------------------------------------- */

bool ks_use_color(const struct ks_options *options, FILE *out);
/* Columns of the terminal that `out` is; 0 when it is none. */
unsigned ks_terminal_width(FILE *out);
/* To stderr, as "kvmstate: ..."; returns the exit status that fits. */
int ks_print_error(const struct ks_options *options, const struct ks_error *err);
/* The same for an error that ends a command without a report; with --json it is the report, on stdout. */
int ks_print_fatal(const struct ks_options *options, const struct ks_error *err);
/* Sorts the findings, names files as the user knows them, prints them to stderr (with --json: nothing). */
void ks_print_findings(struct ks_session *s);
/* Ends a command: what was buffered goes out; a status of 0 becomes 1 when that failed. */
int ks_finish_output(int status);
