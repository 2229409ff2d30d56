/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The search: guest by guest, unit by unit, node by node, with the way back where a later one does not fit. */
#include "planners/fit.h"

/* Of the search, after which what was found one by one must do: hosts are small, and this takes milliseconds. */
enum { STEPS = 20000 };

struct search {
    struct ks_fit *fit;
    struct ks_fit_guest **guests; /* that need a place, the largest first */
    size_t n;
    bool alone;     /* each for itself: the others come after */
    bool split_all; /* also those that one node could take, were the others not there */
};

/* ---- memory ------------------------------------------------------------------------------------------------- */

static struct ks_fit_pages *pages_of(struct ks_fit_node *node, uint64_t size)
{
    for (size_t i = 0; i < node->pages.n; i++)
        if (node->pages.v[i].size == size)
            return &node->pages.v[i];
    return NULL;
}

static bool take_memory(struct ks_fit_node *node, uint64_t page, uint64_t bytes)
{
    struct ks_fit_pages *pages = page ? pages_of(node, page) : NULL;
    const uint64_t n = page ? (bytes + page - 1) / page : 0;

    if (!page && node->memory_free == UINT64_MAX)
        return true;
    if (page ? n > 0 && (!pages || pages->free < n) : node->memory_free < bytes)
        return false;
    if (pages)
        pages->free -= n;
    else if (!page)
        node->memory_free -= bytes;
    return true;
}

static void give_memory(struct ks_fit_node *node, uint64_t page, uint64_t bytes)
{
    struct ks_fit_pages *pages = page ? pages_of(node, page) : NULL;

    if (pages)
        pages->free += (bytes + page - 1) / page;
    else if (!page && node->memory_free != UINT64_MAX)
        node->memory_free += bytes;
}

/* ---- one unit on one node ----------------------------------------------------------------------------------- */

static void give_cpus(struct ks_fit *fit, const struct ks_fit_guest *guest, const struct ks_fit_unit *unit)
{
    for (int v = ks_cpuset_next(&unit->vcpus, guest->n_fixed); v >= 0 && !guest->has_cpus;
         v = ks_cpuset_next(&unit->vcpus, (unsigned)v + 1))
        ks_fit_take(fit, guest->threads, guest->cpus[v], -1);
}

static bool take_cpus(struct ks_fit *fit, struct ks_fit_guest *guest, const struct ks_fit_unit *unit, size_t node)
{
    unsigned n = 0, picked[KS_CPUSET_MAX / 8];

    if (guest->has_cpus)
        return true;
    for (int v = ks_cpuset_next(&unit->vcpus, guest->n_fixed); v >= 0;
         v = ks_cpuset_next(&unit->vcpus, (unsigned)v + 1))
        n++;
    if (n > KS_COUNT(picked) || !ks_fit_cpus(fit, node, guest->threads, n, picked))
        return false;
    n = 0;
    for (int v = ks_cpuset_next(&unit->vcpus, guest->n_fixed); v >= 0;
         v = ks_cpuset_next(&unit->vcpus, (unsigned)v + 1)) {
        guest->cpus[v] = picked[n++];
        ks_fit_take(fit, guest->threads, guest->cpus[v], 1);
    }
    return true;
}

static bool is_allowed(const struct ks_cpuset *nodes, int id)
{
    return ks_cpuset_count(nodes) == 0 || ks_cpuset_has(nodes, (unsigned)id);
}

static bool take_unit(struct ks_fit *fit, struct ks_fit_guest *guest, struct ks_fit_unit *unit, size_t node)
{
    if (!is_allowed(&guest->nodes, fit->nodes[node].id) || !is_allowed(&unit->nodes, fit->nodes[node].id) ||
        !take_memory(&fit->nodes[node], guest->page, unit->memory))
        return false;
    if (!take_cpus(fit, guest, unit, node)) {
        give_memory(&fit->nodes[node], guest->page, unit->memory);
        return false;
    }
    unit->node = node;
    return true;
}

static void give_unit(struct ks_fit *fit, struct ks_fit_guest *guest, struct ks_fit_unit *unit)
{
    give_cpus(fit, guest, unit);
    give_memory(&fit->nodes[unit->node], guest->page, unit->memory);
}

/* ---- the search --------------------------------------------------------------------------------------------- */

/* Its memory stays if it can; then its devices, then what is free, then the lower id. */
static bool is_better(const struct ks_fit *fit, const struct ks_fit_guest *guest, size_t a, size_t b)
{
    if (guest->home >= 0 && ((size_t)guest->home == a) != ((size_t)guest->home == b))
        return (size_t)guest->home == a;
    if (guest->near[a] != guest->near[b])
        return guest->near[a] > guest->near[b];
    const unsigned free_a = ks_fit_free_cpus(fit, a), free_b = ks_fit_free_cpus(fit, b);
    return free_a != free_b ? free_a > free_b : fit->nodes[a].id < fit->nodes[b].id;
}

static void order_nodes(const struct ks_fit *fit, const struct ks_fit_guest *guest, size_t *ret)
{
    for (size_t i = 0; i < fit->n_nodes; i++) {
        size_t k = i;
        for (; k > 0 && is_better(fit, guest, i, ret[k - 1]); k--)
            ret[k] = ret[k - 1];
        ret[k] = i;
    }
}

static bool is_used(const struct ks_fit_guest *guest, size_t unit, size_t node)
{
    for (size_t i = 0; i < unit; i++)
        if (guest->units[i].node == node)
            return true;
    return false;
}

static bool place_guest(struct search *s, size_t index);

static bool place_unit(struct search *s, size_t index, size_t unit)
{
    struct ks_fit_guest *guest = s->guests[index];
    size_t *nodes;

    if (unit == guest->n_units)
        return s->alone || place_guest(s, index + 1);
    nodes = ks_new_n(s->fit->arena, size_t, s->fit->n_nodes);
    order_nodes(s->fit, guest, nodes);
    for (size_t i = 0; i < s->fit->n_nodes && s->fit->steps > 0; i++) {
        s->fit->steps--;
        if ((!guest->has_units && is_used(guest, unit, nodes[i])) ||
            !take_unit(s->fit, guest, &guest->units[unit], nodes[i]))
            continue;
        if (place_unit(s, index, unit + 1))
            return true;
        give_unit(s->fit, guest, &guest->units[unit]);
    }
    return false;
}

/* In `n` units of nearly the same size; false where it cannot be halved any more. */
static bool split(struct ks_fit *fit, struct ks_fit_guest *guest, size_t n)
{
    const uint64_t step = guest->page ? guest->page : 1 << 20, parts = (guest->memory + step - 1) / step;
    unsigned vcpu = 0;

    /* Who wants siblings has them in every unit. */
    if (n > guest->n_vcpus || parts < n ||
        (n > 1 && guest->threads == KS_THREADS_REQUIRE && guest->n_vcpus < 2 * n))
        return false;
    guest->n_units = n;
    guest->units = ks_new_n(fit->arena, struct ks_fit_unit, n);
    for (size_t i = 0; i < n; i++) {
        const unsigned vcpus = (unsigned)(guest->n_vcpus / n + (i < guest->n_vcpus % n));
        guest->units[i].memory = (parts / n + (i < parts % n)) * step;
        for (unsigned k = 0; k < vcpus; k++)
            ks_cpuset_add(fit->arena, &guest->units[i].vcpus, vcpu++);
    }
    /* The whole is what was asked for, also where that is no whole number of steps. */
    guest->units[n - 1].memory -= parts * step - guest->memory;
    return true;
}

/* Whether some node could take it as things stand. */
static bool fits_somewhere(struct ks_fit *fit, struct ks_fit_guest *guest)
{
    for (size_t i = 0; i < fit->n_nodes; i++) {
        if (!take_unit(fit, guest, &guest->units[0], i))
            continue;
        give_unit(fit, guest, &guest->units[0]);
        return true;
    }
    return false;
}

static bool place_guest(struct search *s, size_t index)
{
    struct ks_fit_guest *guest = index < s->n ? s->guests[index] : NULL;
    size_t most;

    if (!guest)
        return true;
    if (guest->has_units)
        return place_unit(s, index, 0);
    (void)split(s->fit, guest, 1);
    most = guest->has_cpus || (!s->split_all && fits_somewhere(s->fit, guest)) ? 1 : s->fit->n_nodes;
    for (size_t n = 1; n <= most && s->fit->steps > 0; n++)
        if (split(s->fit, guest, n) && place_unit(s, index, 0))
            return true;
    return false;
}

static int compare_sizes(const void *a, const void *b)
{
    const struct ks_fit_guest *x = *(struct ks_fit_guest *const *)a, *y = *(struct ks_fit_guest *const *)b;

    if (x->n_vcpus != y->n_vcpus)
        return x->n_vcpus > y->n_vcpus ? -1 : 1;
    if (x->memory != y->memory)
        return x->memory > y->memory ? -1 : 1;
    return strcmp(x->name, y->name);
}

void ks_fit_solve(struct ks_fit *fit)
{
    struct search s = {.fit = fit, .guests = ks_new_n(fit->arena, struct ks_fit_guest *, fit->n_guests + 1)};
    bool done = false;

    for (size_t i = 0; i < fit->n_guests; i++)
        if (!fit->guests[i].placed)
            s.guests[s.n++] = &fit->guests[i];
    qsort(s.guests, s.n, sizeof *s.guests, compare_sizes);
    for (int round = 0; round < 2 && !done; round++) {
        fit->steps = STEPS;
        s.split_all = round == 1;
        done = place_guest(&s, 0);
    }
    s.alone = true;
    for (size_t i = 0; i < s.n; i++) {
        fit->steps = STEPS;
        s.guests[i]->placed = done || place_guest(&s, i);
    }
}

/* ---- what is there already ---------------------------------------------------------------------------------- */

/* In the way that its threads are to lie. */
static bool are_siblings_right(const struct ks_fit *fit, const struct ks_fit_guest *guest, size_t n,
                               const unsigned *cpus)
{
    size_t alone = 0;

    for (size_t i = 0; i < fit->n_cores && guest->threads != KS_THREADS_PREFER; i++) {
        const struct ks_cpuset *core = &fit->cores[i];
        unsigned own = 0, others = 0;
        for (size_t k = 0; k < n; k++)
            own += ks_cpuset_has(core, cpus[k]);
        for (int id = ks_cpuset_next(core, 0); id >= 0; id = ks_cpuset_next(core, (unsigned)id + 1))
            others += fit->taken[id] > 0;
        if (guest->threads == KS_THREADS_ISOLATE && own > 0 && (own > 1 || others > 0))
            return false;
        alone += own == 1;
    }
    /* Where the number of vCPUs in a unit is odd, one of them has no sibling. */
    return guest->threads != KS_THREADS_REQUIRE || n == 1 || alone <= guest->n_units;
}

static const struct ks_fit_unit *unit_of(const struct ks_fit_guest *guest, unsigned vcpu)
{
    for (size_t i = 0; i < guest->n_units; i++)
        if (ks_cpuset_has(&guest->units[i].vcpus, vcpu))
            return &guest->units[i];
    return NULL;
}

/* Each on the node of its unit, free, and for one vCPU alone. */
static bool are_cpus_right(const struct ks_fit *fit, const struct ks_fit_guest *guest, size_t n,
                           const unsigned *cpus)
{
    for (size_t i = 0; i < n; i++) {
        const struct ks_fit_unit *unit = unit_of(guest, (unsigned)i);
        if (!unit || !ks_cpuset_has(&fit->nodes[unit->node].cpus, cpus[i]) || fit->taken[cpus[i]] > 0)
            return false;
        for (size_t k = 0; k < i; k++)
            if (cpus[k] == cpus[i])
                return false;
    }
    return are_siblings_right(fit, guest, n, cpus);
}

/* vCPUs that have come: beside the others, on the nodes of their units. */
static bool grow(struct ks_fit *fit, struct ks_fit_guest *guest, size_t n)
{
    guest->n_fixed = (unsigned)n;
    for (size_t i = 0; i < guest->n_units; i++) {
        if (take_cpus(fit, guest, &guest->units[i], guest->units[i].node))
            continue;
        while (i-- > 0)
            give_cpus(fit, guest, &guest->units[i]);
        guest->n_fixed = 0;
        return false;
    }
    return true;
}

/* What a unit needs beyond what the guest has of its memory; `held` goes on to the next. */
static uint64_t needed(const struct ks_fit_unit *unit, uint64_t *held)
{
    const uint64_t has = *held < unit->memory ? *held : unit->memory;

    *held -= has;
    return unit->memory - has;
}

static void forget_memory(struct ks_fit *fit, struct ks_fit_guest *guest, size_t n)
{
    uint64_t held = guest->held;

    for (size_t i = 0; i < n; i++)
        give_memory(&fit->nodes[guest->units[i].node], guest->page, needed(&guest->units[i], &held));
}

static bool keep_memory(struct ks_fit *fit, struct ks_fit_guest *guest)
{
    uint64_t held = guest->held;

    for (size_t i = 0; i < guest->n_units; i++) {
        if (take_memory(&fit->nodes[guest->units[i].node], guest->page, needed(&guest->units[i], &held)))
            continue;
        forget_memory(fit, guest, i);
        return false;
    }
    return true;
}

bool ks_fit_keep(struct ks_fit *fit, struct ks_fit_guest *guest, size_t n, const unsigned *cpus,
                 const size_t *nodes)
{
    if (!guest->has_units && guest->n_units == 0)
        (void)split(fit, guest, 1);
    n = n < guest->n_vcpus ? n : guest->n_vcpus;
    for (size_t i = 0; i < guest->n_units; i++) {
        const int id = fit->nodes[nodes[i]].id;
        if (!is_allowed(&guest->nodes, id) || !is_allowed(&guest->units[i].nodes, id))
            return false;
        guest->units[i].node = nodes[i];
    }
    if (!guest->has_cpus && (n == 0 || !are_cpus_right(fit, guest, n, cpus)))
        return false;
    if (!keep_memory(fit, guest))
        return false;
    for (size_t i = 0; i < n && !guest->has_cpus; i++) {
        guest->cpus[i] = cpus[i];
        ks_fit_take(fit, guest->threads, cpus[i], 1);
    }
    if (!grow(fit, guest, n)) {
        for (size_t i = 0; i < n; i++)
            ks_fit_take(fit, guest->threads, cpus[i], -1);
        forget_memory(fit, guest, guest->n_units);
        return false;
    }
    guest->placed = guest->kept = true;
    return true;
}
