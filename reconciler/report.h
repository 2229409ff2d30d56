/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report: a plan, and what became of it, as text and as JSON. Pure: the same inputs give the same bytes; nothing
 * here prints.
 */
#pragma once

#include <jansson.h>

#include "planners/doctor.h"
#include "reconciler/executor.h"
#include "reconciler/source.h"
#include "schema/plan.h"

enum { KS_REPORT_FORMAT = 1 }; /* of the JSON; grows when a reader would have to change */

struct ks_report_style {
    bool color, verbose;
    unsigned width; /* columns of the terminal; 0: lines are as long as they are */
};

struct ks_report {
    const struct ks_plan *plan;
    const struct ks_observed *have;
    const struct ks_source_commit *commit; /* or NULL */
    const char *signer;                    /* or NULL */
};

/* The whole plan: header, an entry a step, the summary line. */
void ks_report_text(struct ks_text *out, const struct ks_report *r, const struct ks_report_style *style);
/* "kvm-a01 at 3f9c2ab (signed by ops@example.org), libvirt 9.0.0, QEMU 7.2.22" */
void ks_report_header(struct ks_text *out, const struct ks_report *r);
/* "Plan: 1 to create, 2 to change; 2 held, 1 blocked." or "Nothing to do.", with a newline. */
void ks_report_summary(struct ks_text *out, const struct ks_plan *plan);
/* Entries of some steps; `only` is asked for each (NULL: all). */
typedef bool ks_report_filter(const struct ks_step *step, void *data);
void ks_report_steps(struct ks_text *out, const struct ks_plan *plan, const struct ks_report_style *style,
                     ks_report_filter *only, void *data);

/*
 * What an execution did, thing by thing, what waits, and what the plan made afterwards says (`after`, NULL: there
 * was none). `held` is what did not hold; see ks_unmet().
 */
void ks_report_result(struct ks_text *out, const struct ks_execution *x, const struct ks_plan *after,
                      const struct ks_report_style *style);
/* Steps of the plan made after an execution that should not be there: not held, not blocked, not pending. */
struct ks_strings ks_unmet(struct ks_arena *arena, const struct ks_execution *x, const struct ks_plan *after);
/* How many steps of that plan could be done now, of what the execution was about. */
unsigned ks_left_to_do(const struct ks_execution *x, const struct ks_plan *after);

/* What the doctor found, a check a line, and what it comes to; `quiet`: only what is wrong. */
void ks_report_doctor(struct ks_text *out, const struct ks_facts *facts, const struct ks_diagnoses *found,
                      const char *manifest, bool quiet, const struct ks_report_style *style);

/* JSON; the caller's reference. */
json_t *ks_report_json(const struct ks_report *r);
json_t *ks_report_step_json(const struct ks_step *step);
json_t *ks_report_versions_json(const struct ks_observed *have);
json_t *ks_report_findings_json(const struct ks_findings *f);
/* {"format": 1, "error": {"code": "locked", "message": "..."}} */
json_t *ks_report_error_json(const struct ks_error *err);
json_t *ks_report_results_json(const struct ks_execution *x);
/* What the doctor found; `manifest`: its path as people know it, or NULL. */
json_t *ks_report_doctor_json(const struct ks_facts *facts, const struct ks_diagnoses *found, const char *manifest);
/* As printed: indented, keys in the order given, a newline at the end; for free(). */
char *ks_report_dump(const json_t *json);

/* "9.0.0" of 9000000; "unknown" of 0. */
char *ks_version_text(struct ks_arena *arena, unsigned long version);
