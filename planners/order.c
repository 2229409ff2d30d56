/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The order of execution: what a step needs or follows stands before it; ties go by kind, then name, deletions
 * last and in reverse, so that the same inputs give the same bytes.
 */
#include "planners/planners.h"

struct node {
    struct ks_step *step;
    unsigned waits; /* steps before it that are not placed yet */
    unsigned rank;
    bool wanted;             /* a target, or what one needs */
    KS_VEC(unsigned) before; /* indices of steps that wait for this one */
};

struct graph {
    struct ks_planning *p;
    unsigned (*rank)(const char *kind);
    size_t n;
    struct node *nodes;
    unsigned *by_id; /* indices sorted by step id */
    unsigned *heap;  /* indices of steps that wait for nothing */
    size_t n_heap;
};

static int compare_ids(const void *a, const void *b, void *data)
{
    const struct graph *g = data;

    return strcmp(g->nodes[*(const unsigned *)a].step->id, g->nodes[*(const unsigned *)b].step->id);
}

static int find(const struct graph *g, const char *id)
{
    size_t low = 0, high = g->n;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(g->nodes[g->by_id[middle]].step->id, id);
        if (order == 0)
            return (int)g->by_id[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

/* Keeps the ids that stand in the plan, and draws their edges. */
static void link_list(struct graph *g, unsigned i, struct ks_strings *ids)
{
    size_t kept = 0;

    for (size_t k = 0; k < ids->n; k++) {
        const int other = find(g, ids->v[k]);
        if (other < 0 || (unsigned)other == i)
            continue;
        ids->v[kept++] = ids->v[k];
        *ks_vec_add(g->p->arena, &g->nodes[other].before) = i;
        g->nodes[i].waits++;
    }
    ids->n = kept;
}

static bool stands_before(const struct graph *g, unsigned a, unsigned b)
{
    const struct node *x = &g->nodes[a], *y = &g->nodes[b];
    const bool x_deletes = x->step->verb == KS_DESTROY, y_deletes = y->step->verb == KS_DESTROY;
    int order;

    if (x_deletes != y_deletes)
        return y_deletes;
    if (x->rank != y->rank)
        return x_deletes ? x->rank > y->rank : x->rank < y->rank;
    order = ks_strcmp_natural(x->step->name, y->step->name);
    if (order == 0)
        order = strcmp(x->step->id, y->step->id);
    return order < 0;
}

static void heap_push(struct graph *g, unsigned i)
{
    size_t at = g->n_heap++;

    g->heap[at] = i;
    while (at > 0 && stands_before(g, g->heap[at], g->heap[(at - 1) / 2])) {
        const unsigned up = g->heap[(at - 1) / 2];
        g->heap[(at - 1) / 2] = g->heap[at];
        g->heap[at] = up;
        at = (at - 1) / 2;
    }
}

static unsigned heap_pop(struct graph *g)
{
    const unsigned top = g->heap[0];
    size_t at = 0;

    g->heap[0] = g->heap[--g->n_heap];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= g->n_heap)
            return top;
        if (child + 1 < g->n_heap && stands_before(g, g->heap[child + 1], g->heap[child]))
            child++;
        if (!stands_before(g, g->heap[child], g->heap[at]))
            return top;
        const unsigned down = g->heap[child];
        g->heap[child] = g->heap[at];
        g->heap[at] = down;
        at = child;
    }
}

/* What cannot be done without a step that is held or blocked is so, too. Steps come in execution order. */
static void hand_on(struct graph *g, struct ks_step *s)
{
    for (size_t k = 0; k < s->needs.n; k++) {
        const struct ks_step *other = g->nodes[find(g, s->needs.v[k])].step;
        if (other->blocked)
            ks_step_block(g->p, s, "waits for %s %s", other->kind, other->name);
        else if (other->held && !s->held)
            s->held = other->held;
    }
}

/* Targets pull in what they need, and that what it needs. */
static void want(struct graph *g, unsigned i)
{
    struct node *node = &g->nodes[i];

    if (node->wanted)
        return;
    node->wanted = true;
    for (size_t k = 0; k < node->step->needs.n; k++)
        want(g, (unsigned)find(g, node->step->needs.v[k]));
}

static void build(struct graph *g)
{
    struct ks_plan *plan = g->p->plan;

    for (unsigned i = 0; i < g->n; i++) {
        g->nodes[i] = (struct node){.step = plan->v[i], .rank = g->rank(plan->v[i]->kind)};
        g->by_id[i] = i;
    }
    qsort_r(g->by_id, g->n, sizeof *g->by_id, compare_ids, g);
    for (unsigned i = 0; i < g->n; i++) {
        link_list(g, i, &g->nodes[i].step->needs);
        link_list(g, i, &g->nodes[i].step->follows);
    }
    for (unsigned i = 0; i < g->n; i++)
        if (g->nodes[i].step->targeted)
            want(g, i);
}

void ks_plan_order(struct ks_planning *p, unsigned (*rank)(const char *kind))
{
    struct ks_plan *plan = p->plan;
    struct graph g = {.p = p, .rank = rank, .n = plan->n};
    struct ks_step **sorted = ks_new_n(p->arena, struct ks_step *, plan->n + 1);
    size_t placed = 0, kept = 0;

    g.nodes = ks_new_n(p->arena, struct node, plan->n + 1);
    g.by_id = ks_new_n(p->arena, unsigned, plan->n + 1);
    g.heap = ks_new_n(p->arena, unsigned, plan->n + 1);
    build(&g);
    for (unsigned i = 0; i < g.n; i++)
        if (g.nodes[i].waits == 0)
            heap_push(&g, i);
    while (g.n_heap > 0) {
        const unsigned i = heap_pop(&g);
        placed++;
        hand_on(&g, g.nodes[i].step);
        if (g.nodes[i].wanted)
            sorted[kept++] = g.nodes[i].step;
        for (size_t k = 0; k < g.nodes[i].before.n; k++)
            if (--g.nodes[g.nodes[i].before.v[k]].waits == 0)
                heap_push(&g, g.nodes[i].before.v[k]);
    }
    for (unsigned i = 0; i < g.n && placed < g.n; i++)
        if (g.nodes[i].waits > 0)
            (void)ks_report(p->findings, KS_E_CONFLICT, g.nodes[i].step->at,
                            "%s %s waits for itself through what it needs", g.nodes[i].step->kind,
                            g.nodes[i].step->name);
    plan->v = sorted;
    plan->n = kept;
}
