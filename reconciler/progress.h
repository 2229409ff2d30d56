/* SPDX-License-Identifier: GPL-2.0-or-later */
/* progress: what a run is doing: one line, rewritten, on a terminal; a plain line for each end in a pipe. */
#pragma once

#include "reconciler/executor.h"

struct ks_progress_line {
    FILE *out;
    bool rewrites; /* a terminal */
    bool color;
    unsigned width; /* of it */
    size_t total, ended;
    char what[128]; /* the last step that said something, and what */
    bool drawn;
    char *last; /* what was drawn */
    bool cancel_said;
};

void ks_progress_init(struct ks_progress_line *p, FILE *out, bool color);
/* For ks_execution.watch and .tick; data is the struct ks_progress_line. */
void ks_progress_watch(void *data, const struct ks_execution *x, const struct ks_step_result *r, const char *what,
                       int percent);
void ks_progress_tick(void *data, const struct ks_execution *x);
/* Takes the rewritten line away. */
void ks_progress_end(struct ks_progress_line *p);
