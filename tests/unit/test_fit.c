/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * planners/fit.c over random hosts and guests: whatever it answers is checked by rules that know nothing of how it
 * searches.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planners/fit.h"

enum { ROUNDS = 1500, PAGE = 2 << 20 };

static uint64_t seed;

static unsigned below(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % n;
}

/* ---- made-up hosts and guests ---- */

static void make_host(struct ks_fit *fit)
{
    const unsigned nodes = 1 + below(4), cores = 1 + below(6), threads = 1 + below(3);
    struct ks_cpuset *list;
    unsigned cpu = 0;

    fit->n_nodes = nodes;
    fit->nodes = ks_new_n(fit->arena, struct ks_fit_node, nodes);
    fit->cores = list = ks_new_n(fit->arena, struct ks_cpuset, (size_t)nodes * cores);
    for (unsigned n = 0; n < nodes; n++) {
        struct ks_fit_node *node = &fit->nodes[n];
        node->id = (int)(n + n / 2);
        node->memory = node->memory_free = (uint64_t)below(64) * PAGE;
        for (unsigned c = 0; c < cores; c++, fit->n_cores++)
            for (unsigned t = 0; t < threads; t++, cpu++) {
                ks_cpuset_add(fit->arena, &list[fit->n_cores], cpu);
                if (below(12) > 0) /* else it is reserved */
                    ks_cpuset_add(fit->arena, &node->cpus, cpu);
            }
        const uint64_t pages = below(64);
        *ks_vec_add(fit->arena, &node->pages) = (struct ks_fit_pages){.size = PAGE, .total = 64, .free = pages};
    }
    fit->n_cpus = cpu;
    fit->taken = ks_new_n(fit->arena, uint16_t, cpu);
    for (unsigned i = 0; i < cpu; i++)
        fit->taken[i] = below(10) == 0;
}

static void make_guests(struct ks_fit *fit)
{
    fit->n_guests = below(7);
    fit->guests = ks_new_n(fit->arena, struct ks_fit_guest, fit->n_guests + 1);
    for (size_t i = 0; i < fit->n_guests; i++) {
        struct ks_fit_guest *guest = &fit->guests[i];
        guest->name = ks_sprintf(fit->arena, "guest%zu", i);
        guest->n_vcpus = guest->max_vcpus = 1 + below(6);
        guest->memory = (uint64_t)(1 + below(24)) * PAGE;
        guest->page = below(2) ? PAGE : 0;
        guest->threads = below(3);
        guest->home = (int)below((unsigned)fit->n_nodes + 1) - 1;
        guest->near = ks_new_n(fit->arena, unsigned, fit->n_nodes);
        guest->near[below((unsigned)fit->n_nodes)] = below(2);
        guest->cpus = ks_new_n(fit->arena, unsigned, KS_CPUSET_MAX);
        if (below(6) == 0)
            ks_cpuset_add(fit->arena, &guest->nodes, (unsigned)fit->nodes[below((unsigned)fit->n_nodes)].id);
    }
}

static void make(struct ks_fit *fit, struct ks_arena *arena, unsigned round)
{
    *fit = (struct ks_fit){.arena = arena};
    seed = round;
    make_host(fit);
    make_guests(fit);
}

/* ---- the judge ---- */

static const struct ks_cpuset *core_of(const struct ks_fit *fit, unsigned cpu)
{
    for (size_t i = 0; i < fit->n_cores; i++)
        if (ks_cpuset_has(&fit->cores[i], cpu))
            return &fit->cores[i];
    fail_msg("CPU %u is in no core", cpu);
    return NULL;
}

static unsigned own_in(const struct ks_fit_guest *guest, const struct ks_cpuset *core)
{
    unsigned n = 0;

    for (unsigned v = 0; v < guest->n_vcpus; v++)
        n += ks_cpuset_has(core, guest->cpus[v]);
    return n;
}

static void judge_threads(const struct ks_fit *fit, const struct ks_fit_guest *guest, const int *owner)
{
    unsigned alone = 0;

    for (unsigned v = 0; v < guest->n_vcpus; v++) {
        const struct ks_cpuset *core = core_of(fit, guest->cpus[v]);
        const unsigned own = own_in(guest, core);
        alone += own == 1 && ks_cpuset_count(core) > 0;
        if (guest->threads != KS_THREADS_ISOLATE)
            continue;
        assert_int_equal(own, 1);
        for (int id = ks_cpuset_next(core, 0); id >= 0; id = ks_cpuset_next(core, (unsigned)id + 1))
            assert_true((unsigned)id == guest->cpus[v] || owner[id] == -1);
    }
    /* Siblings: at most one vCPU of each unit has none. */
    if (guest->threads == KS_THREADS_REQUIRE && guest->n_vcpus > 1)
        assert_true(alone <= guest->n_units);
}

static void judge_guest(const struct ks_fit *fit, size_t i, int *owner)
{
    const struct ks_fit_guest *guest = &fit->guests[i];
    struct ks_cpuset vcpus = {0};
    uint64_t memory = 0;

    for (size_t u = 0; u < guest->n_units; u++) {
        const struct ks_fit_unit *unit = &guest->units[u];
        const struct ks_fit_node *node = &fit->nodes[unit->node];
        memory += unit->memory;
        assert_true(ks_cpuset_count(&guest->nodes) == 0 || ks_cpuset_has(&guest->nodes, (unsigned)node->id));
        for (int v = ks_cpuset_next(&unit->vcpus, 0); v >= 0; v = ks_cpuset_next(&unit->vcpus, (unsigned)v + 1)) {
            assert_false(ks_cpuset_has(&vcpus, (unsigned)v));
            ks_cpuset_add(fit->arena, &vcpus, (unsigned)v);
            assert_true(ks_cpuset_has(&node->cpus, guest->cpus[v]));
            assert_int_equal(owner[guest->cpus[v]], -1); /* neither another's, nor its own twice */
            owner[guest->cpus[v]] = (int)i;
        }
        for (size_t k = 0; k < u; k++)
            assert_int_not_equal(guest->units[k].node, unit->node);
    }
    assert_int_equal(memory, guest->memory);
    assert_int_equal(ks_cpuset_count(&vcpus), guest->n_vcpus);
}

/* `before`: the same host, untouched. */
static void judge(const struct ks_fit *fit, const struct ks_fit *before)
{
    int *owner = ks_new_n(fit->arena, int, fit->n_cpus + 1);
    uint64_t pages[8] = {0}, memory[8] = {0};

    for (unsigned cpu = 0; cpu < fit->n_cpus; cpu++)
        owner[cpu] = before->taken[cpu] ? -2 : -1;
    for (size_t i = 0; i < fit->n_guests; i++) {
        const struct ks_fit_guest *guest = &fit->guests[i];
        if (!guest->placed)
            continue;
        judge_guest(fit, i, owner);
        for (size_t u = 0; u < guest->n_units; u++)
            *(guest->page ? &pages[guest->units[u].node] : &memory[guest->units[u].node]) += guest->units[u].memory;
    }
    for (unsigned cpu = 0; cpu < fit->n_cpus; cpu++)
        for (size_t i = 0; i < fit->n_guests; i++) /* a core that somebody has alone is nobody else's */
            if (fit->guests[i].placed && owner[cpu] == (int)i)
                assert_true(fit->taken[cpu] > 0);
    for (size_t i = 0; i < fit->n_guests; i++)
        if (fit->guests[i].placed) {
            int *others = ks_new_n(fit->arena, int, fit->n_cpus + 1);
            for (unsigned cpu = 0; cpu < fit->n_cpus; cpu++)
                others[cpu] = owner[cpu] == (int)i ? -1 : owner[cpu];
            judge_threads(fit, &fit->guests[i], others);
        }
    for (size_t n = 0; n < fit->n_nodes; n++) {
        assert_true(pages[n] <= before->nodes[n].pages.v[0].free * PAGE);
        assert_true(memory[n] <= before->nodes[n].memory_free);
    }
}

/* ---- the laws ---- */

static void places_hold(void **state)
{
    unsigned placed = 0, refused = 0, split = 0;

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
        struct ks_fit fit, before;
        make(&before, arena, round);
        make(&fit, arena, round);
        ks_fit_solve(&fit);
        judge(&fit, &before);
        for (size_t i = 0; i < fit.n_guests; i++) {
            placed += fit.guests[i].placed;
            refused += !fit.guests[i].placed;
            split += fit.guests[i].placed && fit.guests[i].n_units > 1;
        }
    }
    /* The hosts are neither all too small nor all too large to tell anything. */
    assert_true(placed > ROUNDS && refused > ROUNDS / 10 && split > ROUNDS / 50);
}

static void same_again(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS / 5; round++) {
        ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
        struct ks_fit a, b;
        make(&a, arena, round);
        make(&b, arena, round);
        ks_fit_solve(&a);
        ks_fit_solve(&b);
        for (size_t i = 0; i < a.n_guests; i++) {
            assert_int_equal(a.guests[i].placed, b.guests[i].placed);
            assert_memory_equal(a.guests[i].cpus, b.guests[i].cpus, a.guests[i].n_vcpus * sizeof(unsigned));
        }
    }
}

/* Who is placed stays, whoever comes beside. */
static void who_is_placed_stays(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
        struct ks_fit first, second;
        make(&first, arena, round);
        ks_fit_solve(&first);
        make(&second, arena, round);
        for (size_t i = 0; i < first.n_guests; i++) {
            const struct ks_fit_guest *was = &first.guests[i];
            struct ks_fit_guest *is = &second.guests[i];
            size_t *nodes = ks_new_n(arena, size_t, was->n_units + 1);
            if (!was->placed)
                continue;
            is->units = ks_new_n(arena, struct ks_fit_unit, was->n_units);
            is->n_units = was->n_units;
            for (size_t u = 0; u < was->n_units; u++) {
                is->units[u] = (struct ks_fit_unit){.vcpus = was->units[u].vcpus, .memory = was->units[u].memory};
                nodes[u] = was->units[u].node;
            }
            assert_true(ks_fit_keep(&second, is, was->n_vcpus, was->cpus, nodes));
            assert_memory_equal(is->cpus, was->cpus, was->n_vcpus * sizeof(unsigned));
        }
        ks_fit_solve(&second);
        for (size_t i = 0; i < first.n_guests; i++)
            assert_int_equal(first.guests[i].placed, second.guests[i].placed);
    }
}

/* What is refused is given back: all CPUs and pages are as before. */
static void nothing_is_left_taken(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS / 5; round++) {
        ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
        struct ks_fit fit, before;
        make(&before, arena, round);
        make(&fit, arena, round);
        for (size_t i = 0; i < fit.n_guests; i++)
            fit.guests[i].n_vcpus = 4000; /* more than any of them has */
        ks_fit_solve(&fit);
        assert_memory_equal(fit.taken, before.taken, fit.n_cpus * sizeof *fit.taken);
        for (size_t n = 0; n < fit.n_nodes; n++) {
            assert_int_equal(fit.nodes[n].memory_free, before.nodes[n].memory_free);
            assert_int_equal(fit.nodes[n].pages.v[0].free, before.nodes[n].pages.v[0].free);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(places_hold), cmocka_unit_test(same_again),
                                       cmocka_unit_test(who_is_placed_stays),
                                       cmocka_unit_test(nothing_is_left_taken)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
