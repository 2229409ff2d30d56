/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * executor: carries out a plan's steps. A step runs when what it needs is done and what it follows has ended;
 * independent steps run at the same time; when one fails, what needs it is skipped, and the rest goes on.
 */
#pragma once

#include <pthread.h>

#include "actuators/actuators.h"
#include "state/state.h"

enum ks_step_status {
    KS_STEP_WAITING,
    KS_STEP_RUNNING,
    KS_STEP_DONE,
    KS_STEP_NOOP,    /* it was so already */
    KS_STEP_WOULD,   /* dry run: would have been done */
    KS_STEP_PENDING, /* asked the guest, which has not agreed yet */
    KS_STEP_FAILED,
    KS_STEP_SKIPPED,   /* what it needs failed */
    KS_STEP_CANCELLED, /* not started: the user asked to stop */
    KS_STEP_HELD,
    KS_STEP_BLOCKED,
    KS_STEP_LEFT, /* not asked for: it is not in the saved plan that is applied */
    KS_STEP_STATUSES
};
const char *ks_step_status_name(enum ks_step_status status); /* "done", "failed", ...: for JSON and the text */

struct ks_step_result {
    const struct ks_step *step;
    enum ks_step_status status;
    enum ks_code code;  /* of a failure */
    const char *detail; /* why it failed, was skipped, is held or blocked; or NULL; in the execution's arena */
};

struct ks_actuator {
    const char *kind;
    ks_act_fn *act;
};
/* The product's own; tests give others. */
extern const struct ks_actuator ks_actuators[];
extern const size_t ks_n_actuators;

/*
 * What stands around steps that can cut the host off. They run one after another, between begin() and end(); what
 * needs one of them waits until that has kept them.
 */
struct ks_guard {
    void *data;
    bool (*covers)(void *data, const struct ks_step *step);
    int (*begin)(void *data, struct ks_error *err);            /* -1: the first of them is not tried */
    int (*end)(void *data, bool failed, struct ks_error *err); /* -1: they have been rolled back */
};

struct ks_execution {
    /* What the caller gives. */
    const struct ks_plan *plan;
    const struct ks_actuator *actuators;
    size_t n_actuators;
    struct ks_acting acting;                                /* what each step gets; its arena is the step's own */
    unsigned threads;                                       /* 0: 4 */
    struct ks_journal *journal;                             /* or NULL */
    bool (*wanted)(void *data, const struct ks_step *step); /* NULL: every step */
    void *wanted_data;
    const struct ks_guard *guard; /* or NULL */
    /* Called by one thread at a time when a step starts, tells how far it is (`what` set), or has ended. */
    void (*watch)(void *data, const struct ks_execution *x, const struct ks_step_result *r, const char *what,
                  int percent);
    void (*tick)(void *data, const struct ks_execution *x); /* ten times a second, in the caller's thread */
    void *watch_data;

    /* What it leaves; `results` in the plan's order. */
    struct ks_arena *arena;
    struct ks_step_result *results;
    size_t counts[KS_STEP_STATUSES];
    bool rolled_back;            /* the guard undid steps, which failed thereby */
    const char *journal_problem; /* the journal could not be written; the run was stopped for it */
};

/* Returns when no step runs any more. Every outcome is in the results: there is no other error. */
void ks_execute(struct ks_execution *x);
/* True when a step changed the host, also when that was rolled back. */
bool ks_execution_changed(const struct ks_execution *x);
