/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the pages suffice: what is free, what the plan adds, what the guests that it starts take. */
#include "planners/hugepages.h"

#include <inttypes.h>

/* One pool as the plan will leave it. */
struct budget {
    uint64_t size;
    int node;
    uint64_t total, used; /* pages now in use by those who run */
    uint64_t taken;       /* by guests that this plan starts */
};
struct budgets {
    KS_VEC(struct budget) list;
};

static void open_budgets(struct ks_planning *p, struct budgets *b)
{
    for (size_t i = 0; i < p->have->hugepages.n; i++) {
        const struct ks_seen_hugepages *seen = &p->have->hugepages.v[i];
        struct budget *budget = ks_vec_add(p->arena, &b->list);
        const struct ks_hugepages *want =
            (const struct ks_hugepages *)ks_map_get(&p->want->hugepages, ks_size_format(p->arena, seen->size));
        uint64_t pages;
        *budget = (struct budget){.size = seen->size,
                                  .node = seen->node,
                                  .total = seen->total,
                                  .used = seen->total - seen->free + seen->reserved};
        if (want && ks_hugepages_wanted(p, want, seen->node, &pages))
            budget->total = pages;
    }
}

static uint64_t left(const struct budget *b)
{
    const uint64_t gone = b->used + b->taken;

    return b->total > gone ? b->total - gone : 0;
}

/* The nodes that a guest's memory must come from; NULL: any. */
static const struct ks_cpuset *bound_nodes(const struct ks_guest *guest)
{
    if (!guest || !guest->numa || !ks_has(&guest->numa->o, "nodes"))
        return NULL;
    return &guest->numa->nodes;
}

static bool is_allowed(const struct budget *b, uint64_t size, const struct ks_cpuset *nodes)
{
    return b->size == size && (!nodes || b->node < 0 || ks_cpuset_has(nodes, (unsigned)b->node));
}

static void take(struct ks_planning *p, struct budgets *b, const struct ks_guest *guest, struct ks_loc at,
                 uint64_t size, uint64_t memory, const struct ks_cpuset *nodes)
{
    const uint64_t need = (memory + size - 1) / size;
    uint64_t total = 0, used = 0, taken = 0, free = 0, missing = need;

    for (size_t i = 0; i < b->list.n; i++) {
        const struct budget *budget = &b->list.v[i];
        if (!is_allowed(budget, size, nodes))
            continue;
        total += budget->total;
        used += budget->used;
        taken += budget->taken;
        free += left(budget);
    }
    if (free < need) {
        (void)ks_report(p->findings, KS_E_CONFLICT, at,
                        "guest %s: %s are %" PRIu64 " pages of %s%s%s, and %" PRIu64 " are free: %" PRIu64
                        " in all, %" PRIu64 " in use, %" PRIu64 " for other guests of this plan",
                        guest->o.key, ks_size_format(p->arena, memory), need, ks_size_format(p->arena, size),
                        nodes ? " on node " : "", nodes ? ks_cpuset_format(p->arena, nodes) : "", free, total, used,
                        taken);
        return;
    }
    for (size_t i = 0; i < b->list.n && missing > 0; i++) {
        struct budget *budget = &b->list.v[i];
        if (!is_allowed(budget, size, nodes))
            continue;
        const uint64_t part = left(budget) < missing ? left(budget) : missing;
        budget->taken += part;
        missing -= part;
    }
}

/* Cells that say where they lie are counted each on its node. */
static bool take_cells(struct ks_planning *p, struct budgets *b, const struct ks_guest *guest, struct ks_loc at,
                       uint64_t size)
{
    bool any = false;

    for (size_t i = 0; guest->numa && i < guest->numa->cells.n; i++) {
        const struct ks_cell *cell = (const struct ks_cell *)guest->numa->cells.v[i];
        if (!ks_has(&cell->o, "node") || !ks_has(&cell->o, "memory"))
            return any;
        take(p, b, guest, at, size, cell->memory, &cell->node);
        any = true;
    }
    return any;
}

static uint64_t memory_of(const struct ks_guest *want, const struct ks_guest *have)
{
    if (ks_has(&want->o, "max-memory"))
        return want->max_memory;
    if (have && ks_has(&have->o, "max-memory"))
        return have->max_memory;
    return want->memory;
}

static void take_guest(struct ks_planning *p, struct budgets *b, const struct ks_step *s)
{
    const struct ks_guest *want = (const struct ks_guest *)s->want, *have = (const struct ks_guest *)s->have;
    const struct ks_guest *pages = ks_stated(&want->o, "hugepages") ? want : have;
    uint64_t size;

    /* Pages of several sizes are counted by nobody but the kernel. */
    if (!pages || pages->hugepages.n != 1 || ks_size_parse(pages->hugepages.v[0]->key, &size) != NULL)
        return;
    const struct ks_loc at = ks_at(&want->o, ks_stated(&want->o, "hugepages") ? "hugepages" : "state");
    if (take_cells(p, b, want, at, size))
        return;
    take(p, b, want, at, size, memory_of(want, have), bound_nodes(want->numa ? want : have));
}

static bool starts(const struct ks_step *s)
{
    const struct ks_guest *want = (const struct ks_guest *)s->want;
    const struct ks_seen_guest *seen = s->seen;

    if (!ks_streq(s->kind, "guest") || !want || s->blocked)
        return false;
    if (s->verb == KS_CREATE)
        return ks_has(&want->o, "state") && want->state != KS_GUEST_STOPPED;
    return (s->action == KS_ACT_START || s->action == KS_ACT_PAUSE) && seen && seen->state == KS_GUEST_STOPPED;
}

void ks_hugepages_check(struct ks_planning *p)
{
    struct budgets b = {0};

    open_budgets(p, &b);
    for (size_t i = 0; i < p->plan->n; i++)
        if (starts(p->plan->v[i]))
            take_guest(p, &b, p->plan->v[i]);
}
