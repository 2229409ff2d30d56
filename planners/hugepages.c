/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planners/hugepages.h"

#include <inttypes.h>

bool ks_hugepages_wanted(const struct ks_planning *p, const struct ks_hugepages *want, int node, uint64_t *ret)
{
    const size_t n = p->have->nodes.n ? p->have->nodes.n : 1;
    const struct ks_obj *entry;
    char key[16];
    size_t place = 0;

    if (!ks_stated(&want->o, "total")) {
        (void)snprintf(key, sizeof key, "%d", node < 0 ? 0 : node);
        entry = ks_map_get(&want->nodes, key);
        *ret = entry ? ((const struct ks_number *)entry)->value : 0;
        return entry != NULL;
    }
    for (size_t i = 0; i < p->have->nodes.n; i++)
        if (p->have->nodes.v[i].id == node)
            place = i;
    /* Spread evenly; what is over goes to the first nodes. */
    *ret = want->total / n + (place < want->total % n);
    return true;
}

/* Pages of the persistent pool: surplus pages go by themselves when their user does. */
static uint64_t persistent(const struct ks_seen_hugepages *seen)
{
    return seen->total - seen->surplus;
}

static void check_nodes(struct ks_planning *p, const struct ks_hugepages *want)
{
    for (size_t i = 0; i < want->nodes.n; i++) {
        bool found = p->have->nodes.n == 0 && ks_streq(want->nodes.v[i]->key, "0");
        for (size_t k = 0; k < p->have->nodes.n; k++)
            found = found || ks_streq(want->nodes.v[i]->key, ks_sprintf(p->arena, "%d", p->have->nodes.v[k].id));
        if (!found)
            (void)ks_report(p->findings, KS_E_NOT_FOUND, want->nodes.v[i]->at,
                            "hugepages %s: the host has no NUMA node %s", want->o.key, want->nodes.v[i]->key);
    }
}

static void check_memory(struct ks_planning *p, const struct ks_hugepages *want,
                         const struct ks_seen_hugepages *seen, uint64_t pages)
{
    for (size_t i = 0; i < p->have->nodes.n; i++) {
        const struct ks_seen_node *node = &p->have->nodes.v[i];
        if ((node->id != seen->node && seen->node >= 0) || !node->memory || pages <= node->memory / seen->size)
            continue;
        (void)ks_report(p->findings, KS_E_CONFLICT, want->o.at,
                        "hugepages %s: %" PRIu64 " pages are %s, and node %d has %s of memory in all", want->o.key,
                        pages, ks_size_format(p->arena, pages * seen->size), node->id,
                        ks_size_format(p->arena, node->memory));
    }
}

/*
 * A best effort came up short, and nothing says that another would do better: as many pages are still there, and
 * not as much memory as was missing has become free.
 */
static bool effort_was_made(struct ks_planning *p, const struct ks_hugepages *want,
                            const struct ks_seen_hugepages *seen, uint64_t pages)
{
    const uint64_t have = persistent(seen), missing = pages - have;

    if (want->policy != KS_PAGES_BEST_EFFORT || pages < have || seen->tried != pages || have < seen->came)
        return false;
    for (size_t i = 0; i < p->have->nodes.n; i++)
        if ((p->have->nodes.v[i].id == seen->node || seen->node < 0) &&
            p->have->nodes.v[i].free / 1024 >= seen->tried_free_kib + missing * seen->size / 1024)
            return false;
    ks_report_warning(p->findings, KS_E_CONFLICT, want->o.at,
                      "hugepages %s: node %d has %" PRIu64 " of %" PRIu64 " pages: no more came, and best-effort "
                      "takes what there is",
                      want->o.key, seen->node < 0 ? 0 : seen->node, have, pages);
    return true;
}

static struct ks_step *plan_node(struct ks_planning *p, struct ks_step *s, const struct ks_hugepages *want,
                                 const struct ks_seen_hugepages *seen)
{
    const uint64_t have = persistent(seen), used = seen->total - seen->free + seen->reserved;
    uint64_t pages;

    if (!ks_hugepages_wanted(p, want, seen->node, &pages) || pages == have)
        return s;
    if (effort_was_made(p, want, seen, pages))
        return s;
    if (want->policy != KS_PAGES_BEST_EFFORT)
        check_memory(p, want, seen, pages);
    if (!s) {
        s = ks_plan_add(p, "hugepages", want->o.key, NULL, KS_CHANGE, KS_ACT_DEFINE, KS_HASH_START);
        s->want = &want->o;
        s->at = want->o.at;
    }
    s->fingerprint = ks_hash(s->fingerprint, &have, sizeof have);
    ks_step_add(p, s, ks_sprintf(p->arena, "node %d", seen->node < 0 ? 0 : seen->node),
                ks_sprintf(p->arena, "%" PRIu64, have), ks_sprintf(p->arena, "%" PRIu64, pages), KS_SAFE)
        ->define = true;
    if (pages < used)
        ks_step_block(p, s, "node %d: %" PRIu64 " pages are asked for, and %" PRIu64 " are in use", seen->node,
                      pages, used);
    return s;
}

static void plan_size(struct ks_planning *p, const struct ks_hugepages *want)
{
    struct ks_step *s = NULL;
    uint64_t size;
    bool known = false;

    if (ks_size_parse(want->o.key, &size) != NULL)
        return;
    check_nodes(p, want);
    for (size_t i = 0; i < p->have->hugepages.n; i++) {
        if (p->have->hugepages.v[i].size != size)
            continue;
        known = true;
        s = plan_node(p, s, want, &p->have->hugepages.v[i]);
    }
    if (!known)
        (void)ks_report(p->findings, KS_E_UNSUPPORTED, want->o.at,
                        "hugepages %s: this kernel has no pages of that size", want->o.key);
    else if (s)
        ks_step_hold(p, s, NULL);
}

void ks_plan_hugepages(struct ks_planning *p)
{
    for (size_t i = 0; i < p->want->hugepages.n; i++)
        plan_size(p, (const struct ks_hugepages *)p->want->hugepages.v[i]);
}
