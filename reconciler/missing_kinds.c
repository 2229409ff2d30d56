/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stands in for parts of the other folders that are not there yet; linked behind them all, and weak, so that the
 * real ones win. Each goes when its part lands, and this file with the last one.
 */
#include "actuators/actuators.h"
#include "planners/planners.h"
#include "state/state.h"

#define MISSING __attribute__((weak))

#define PLAN(name) \
    MISSING void ks_plan_##name(struct ks_planning *p) \
    { \
        (void)p; \
    }
PLAN(pools)
PLAN(volumes)

#define OBSERVE(name) \
    MISSING int ks_observe_##name(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err) \
    { \
        (void)o, (void)ret, (void)err; \
        return 0; \
    }
OBSERVE(pools)

#define ACT(name) \
    MISSING int ks_act_##name(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, \
                              struct ks_error *err) \
    { \
        (void)a, (void)ret; \
        return ks_fail(err, KS_E_UNSUPPORTED, step->at, "a %s cannot be changed yet", step->kind); \
    }
ACT(pool)
ACT(volume)
