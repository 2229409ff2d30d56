/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * planners: what the host should be, and what it is, turned into a plan: a list of steps. Pure: no I/O, no clock,
 * no environment, no log; the same inputs give the same bytes.
 */
#pragma once

#include "schema/kinds.h"
#include "schema/observed.h"
#include "schema/plan.h"

struct ks_plan_options {
    unsigned allow; /* bit per enum ks_impact; defaults.allow and guests' own are added by the planner */
    size_t n_targets;
    const char **targets; /* "guest/web1" or a whole kind, "guest": only these and what they need; 0: all */
};

struct ks_planning {
    struct ks_arena *arena;
    const struct ks_manifest *want;
    const struct ks_observed *have;
    const struct ks_plan_options *options;
    struct ks_findings *findings; /* feasibility: what the host cannot satisfy, all of it */
    struct ks_plan *plan;
};

/*
 * Checks feasibility and plans. Findings of severity error mean that nothing may be applied. The manifest is
 * resolved in place first (volumes to paths, MACs, VFs to addresses).
 */
struct ks_plan *ks_plan_make(struct ks_arena *arena, struct ks_manifest *want, const struct ks_observed *have,
                             const struct ks_plan_options *options, struct ks_findings *findings);

/* ---- for the planners of the kinds ----------------------------------------------------------------------------
 */

/* Adds a step; id is made of kind, name and (when not NULL) part: "guest/web1:restart". */
struct ks_step *ks_plan_add(struct ks_planning *p, const char *kind, const char *name, const char *part,
                            enum ks_verb verb, enum ks_action action);
/* Fills fields and impact from changes; `running` picks the impact column. */
void ks_step_set_changes(struct ks_planning *p, struct ks_step *s, const struct ks_changes *changes, bool running);
void ks_step_add_field(struct ks_planning *p, struct ks_step *s, const char *path, const char *from, const char *to,
                       enum ks_impact impact);
/* `s` waits for the step of that id; ids of steps that are not in the plan are dropped when it is ordered. */
void ks_step_after(struct ks_planning *p, struct ks_step *s, const char *id);

/* One function a kind; each adds steps and findings. */
void ks_plan_kernel(struct ks_planning *p);
void ks_plan_hugepages(struct ks_planning *p);
void ks_plan_sriov(struct ks_planning *p);
void ks_plan_bridges(struct ks_planning *p);
void ks_plan_secrets(struct ks_planning *p);
void ks_plan_pools(struct ks_planning *p);
void ks_plan_volumes(struct ks_planning *p);
void ks_plan_networks(struct ks_planning *p);
void ks_plan_guests(struct ks_planning *p);
