/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planners/hugepages.h"
#include "planners/planners.h"

typedef void ks_plan_fn(struct ks_planning *p);

/* In the order in which a host is built up; ties in the plan follow it. */
static const struct {
    const char *name;
    ks_plan_fn *plan;
} kinds[] = {
    {"kernel", ks_plan_kernel},  {"hugepages", ks_plan_hugepages}, {"sriov", ks_plan_sriov},
    {"bridge", ks_plan_bridges}, {"secret", ks_plan_secrets},      {"pool", ks_plan_pools},
    {"volume", ks_plan_volumes}, {"network", ks_plan_networks},    {"guest", ks_plan_guests},
};

static unsigned kind_rank(const char *kind)
{
    for (unsigned i = 0; i < KS_COUNT(kinds); i++)
        if (strcmp(kinds[i].name, kind) == 0)
            return i;
    return KS_COUNT(kinds);
}

struct ks_plan *ks_plan_make(struct ks_arena *arena, struct ks_manifest *want, const struct ks_observed *have,
                             const struct ks_plan_options *options, struct ks_findings *findings)
{
    struct ks_plan *plan = ks_new(arena, struct ks_plan);
    struct ks_planning p = {
        .arena = arena, .want = want, .have = have, .options = options, .findings = findings, .plan = plan};

    plan->arena = arena;
    plan->host = want->host;
    ks_resolve(&p);
    for (size_t i = 0; i < KS_COUNT(kinds); i++)
        kinds[i].plan(&p);
    ks_hugepages_check(&p);
    ks_plan_order(&p, kind_rank);
    return plan;
}
