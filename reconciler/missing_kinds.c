/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stands in for parts of the other folders that are not there yet; linked behind them all, and weak, so that the
 * real ones win. Each goes when its part lands, and this file with the last one.
 */
#include "actuators/actuators.h"
#include "planners/planners.h"
#include "schema/guest_new.h"
#include "state/state.h"

#define MISSING __attribute__((weak))

MISSING void ks_json_schema(struct ks_text *out, const struct ks_kind *kind)
{
    (void)kind;
    ks_text_add(out, "{}\n");
}

MISSING void ks_markdown(struct ks_text *out, const struct ks_kind *kind)
{
    ks_text_addf(out, "# %s\n", kind->name);
}

#define PLAN(name) \
    MISSING void ks_plan_##name(struct ks_planning *p) \
    { \
        (void)p; \
    }
PLAN(kernel)
PLAN(hugepages)
PLAN(sriov)
PLAN(bridges)
PLAN(secrets)
PLAN(pools)
PLAN(volumes)
PLAN(networks)

#define OBSERVE(name) \
    MISSING int ks_observe_##name(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err) \
    { \
        (void)o, (void)ret, (void)err; \
        return 0; \
    }
OBSERVE(guests)
OBSERVE(pools)
OBSERVE(networks)
OBSERVE(secrets)
OBSERVE(links)
OBSERVE(hugepages)
OBSERVE(devices)
OBSERVE(kernel)
OBSERVE(caps)

#define ACT(name) \
    MISSING int ks_act_##name(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, \
                              struct ks_error *err) \
    { \
        (void)a, (void)ret; \
        return ks_fail(err, KS_E_UNSUPPORTED, step->at, "a %s cannot be changed yet", step->kind); \
    }
ACT(kernel)
ACT(hugepages)
ACT(sriov)
ACT(bridge)
ACT(secret)
ACT(pool)
ACT(volume)
ACT(network)
ACT(guest)

MISSING int ks_guest_new_xml(const struct ks_guest *want, bool kvm, xmlDoc **ret, struct ks_error *err)
{
    (void)kvm, (void)ret;
    return ks_fail(err, KS_E_UNSUPPORTED, want->o.at, "guests cannot be made yet");
}
