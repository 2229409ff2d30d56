/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside planners/: the parts of the guest's planner. */
#pragma once

#include "planners/planners.h"

/*
 * Makes `s` wait for the steps of what the guest uses: needed where the thing is not on the host yet, merely first
 * where it is. `starts`: the step starts the guest, which needs its pages as well.
 */
void ks_guest_depends(struct ks_planning *p, struct ks_step *s, const struct ks_guest *want, bool starts);

/* Whether the host can satisfy the guest; everything that it cannot becomes a finding. `seen` may be NULL. */
void ks_guest_check(struct ks_planning *p, const struct ks_guest *want, const struct ks_seen_guest *seen);

/* Gives guests back what a run that was cut off had taken from them for a while; call when all else is planned. */
void ks_plan_lent(struct ks_planning *p);
