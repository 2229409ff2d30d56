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
    struct ks_wanted_volumes *volumes; /* made when they are first asked for: planners/storage.h */
};

/*
 * Checks feasibility and plans. Findings of severity error mean that nothing may be applied. The manifest is
 * resolved in place first (volumes to paths, MACs, VFs to addresses).
 */
struct ks_plan *ks_plan_make(struct ks_arena *arena, struct ks_manifest *want, const struct ks_observed *have,
                             const struct ks_plan_options *options, struct ks_findings *findings);

/*
 * ---- for the planners of the kinds ----
 */

/*
 * Adds a step. Its id is made of kind, name and (when not NULL) part: "guest/web1:restart". `have_hash` becomes the
 * fingerprint.
 */
struct ks_step *ks_plan_add(struct ks_planning *p, const char *kind, const char *name, const char *part,
                            enum ks_verb verb, enum ks_action action, uint64_t have_hash);
/* Adds a line to a step and raises its impact to this one. */
struct ks_plan_field *ks_step_add(struct ks_planning *p, struct ks_step *s, const char *path, const char *from,
                                  const char *to, enum ks_impact impact);
/* The same for each change; `running` picks the impact column. Sets ->define. */
void ks_step_add_changes(struct ks_planning *p, struct ks_step *s, const struct ks_changes *changes, bool running);
/* What one change does to its users, by its row. */
enum ks_impact ks_change_impact(const struct ks_change *change, bool running);
/* `s` cannot be done before, or without, the step of that id; ids that are not in the plan are dropped later. */
void ks_step_needs(struct ks_planning *p, struct ks_step *s, const char *id);
/* `s` stands after the step of that id where both are carried out. */
void ks_step_follows(struct ks_planning *p, struct ks_step *s, const char *id);
void ks_step_affects(struct ks_planning *p, struct ks_step *s, const char *id);
/* Holds the step when its impact is neither safe nor live nor allowed by the options or `own` (may be NULL). */
void ks_step_hold(struct ks_planning *p, struct ks_step *s, const struct ks_strings *own);
void ks_step_block(struct ks_planning *p, struct ks_step *s, const char *fmt, ...) KS_PRINTF(3, 4);
/* Whether the manifest says that unnamed things which kvmstate made are to go. */
bool ks_prunes(const struct ks_planning *p);
/* Puts steps in the order of execution; hands on holding and blocking to what needs them. A cycle is a finding.
   `rank` gives a kind's place in the order of building up a host. */
void ks_plan_order(struct ks_planning *p, unsigned (*rank)(const char *kind));

/* Fills what the manifest leaves to be worked out: a disk's volume as a path, a nic's MAC, a VF's address. */
void ks_resolve(struct ks_planning *p);

/* The CD-ROM that carries a guest's cloud-init seed joins its disks; one that is no longer wanted goes. */
void ks_resolve_seeds(struct ks_planning *p);

/*
 * `placement: auto`: chooses nodes and CPUs, and writes them into the manifest as if they had been stated there.
 * What a guest has and still fits stays. Who does not fit is a finding, with the arithmetic.
 */
void ks_place_guests(struct ks_planning *p);

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
