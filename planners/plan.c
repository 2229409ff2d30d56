/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planners/device.h"
#include "planners/hugepages.h"
#include "planners/planners.h"

typedef void ks_plan_fn(struct ks_planning *p);

/*
 * In the order in which a host is built up; ties in the plan follow it. `reads`: the observations (as
 * ks_observed.unknown names them) that a kind is planned from. Pools say of each pool and volume what could not be
 * read.
 */
static const struct {
    const char *name;
    ks_plan_fn *plan;
    const char *reads;
} kinds[] = {
    {"kernel", ks_plan_kernel, "kernel"},
    {"hugepages", ks_plan_hugepages, "hugepages"},
    {"sriov", ks_plan_sriov, "devices links guests"},
    {"bridge", ks_plan_bridges, "links guests"},
    {"secret", ks_plan_secrets, "secrets"},
    {"pool", ks_plan_pools, "guests"},
    {"volume", ks_plan_volumes, "guests"},
    {"network", ks_plan_networks, "networks guests"},
    {"guest", ks_plan_guests, "guests pools networks secrets links hugepages devices capabilities seeds"},
};

static bool names_word(const char *words, const char *word, size_t n)
{
    while (*words) {
        const size_t length = strcspn(words, " ");
        if (length == n && strncmp(words, word, n) == 0)
            return true;
        words += length + (words[length] == ' ');
    }
    return false;
}

/* Unknown is not absent: what could not be read is neither made again nor taken away, nor is what depends on it. */
static bool is_known(const struct ks_observed *have, const char *reads)
{
    for (size_t i = 0; i < have->unknown.n; i++)
        if (names_word(reads, have->unknown.v[i], strcspn(have->unknown.v[i], ":")))
            return false;
    return true;
}

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
    if (is_known(have, "guests hugepages"))
        ks_place_guests(&p);
    for (size_t i = 0; i < KS_COUNT(kinds); i++)
        if (is_known(have, kinds[i].reads))
            kinds[i].plan(&p);
    ks_hugepages_check(&p);
    ks_devices_check(&p);
    ks_plan_order(&p, kind_rank);
    return plan;
}
