/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPUs of one node: whole cores before parts of them, so that threads of a core serve one guest. */
#include "planners/fit.h"

struct picking {
    const struct ks_fit *fit;
    const struct ks_fit_node *node;
    unsigned n, wanted;
    unsigned *ret;
};

static bool is_picked(const struct picking *p, unsigned cpu)
{
    for (unsigned i = 0; i < p->n; i++)
        if (p->ret[i] == cpu)
            return true;
    return false;
}

static bool is_free(const struct picking *p, unsigned cpu)
{
    return ks_cpuset_has(&p->node->cpus, cpu) && p->fit->taken[cpu] == 0 && !is_picked(p, cpu);
}

static unsigned free_threads(const struct picking *p, const struct ks_cpuset *core)
{
    unsigned n = 0;

    for (int cpu = ks_cpuset_next(core, 0); cpu >= 0; cpu = ks_cpuset_next(core, (unsigned)cpu + 1))
        n += is_free(p, (unsigned)cpu);
    return n;
}

/* Up to `n` threads of a core. */
static void pick(struct picking *p, const struct ks_cpuset *core, unsigned n)
{
    for (int cpu = ks_cpuset_next(core, 0); cpu >= 0 && n > 0; cpu = ks_cpuset_next(core, (unsigned)cpu + 1)) {
        if (!is_free(p, (unsigned)cpu))
            continue;
        p->ret[p->n++] = (unsigned)cpu;
        n--;
    }
}

static unsigned missing(const struct picking *p)
{
    return p->wanted - p->n;
}

/* Cores that nobody else is on, one thread of each. */
static void pick_alone(struct picking *p)
{
    for (size_t i = 0; i < p->fit->n_cores && missing(p) > 0; i++) {
        const struct ks_cpuset *core = &p->fit->cores[i];
        if (free_threads(p, core) == ks_cpuset_count(core))
            pick(p, core, 1);
    }
}

/* Cores that are free as a whole, while all of their threads are needed; at least `threads` of them. */
static void pick_whole(struct picking *p, unsigned threads)
{
    for (size_t i = 0; i < p->fit->n_cores && missing(p) > 0; i++) {
        const struct ks_cpuset *core = &p->fit->cores[i];
        const unsigned n = ks_cpuset_count(core);
        if (n >= threads && n <= missing(p) && free_threads(p, core) == n)
            pick(p, core, n);
    }
}

/* The rest of a core's worth: where it leaves least over. */
static void pick_rest(struct picking *p)
{
    const struct ks_cpuset *best = NULL;
    unsigned best_free = 0;

    for (size_t i = 0; i < p->fit->n_cores; i++) {
        const unsigned n = free_threads(p, &p->fit->cores[i]);
        if (n < missing(p) || (best && n >= best_free))
            continue;
        best = &p->fit->cores[i];
        best_free = n;
    }
    if (best)
        pick(p, best, missing(p));
}

static void pick_any(struct picking *p)
{
    for (size_t i = 0; i < p->fit->n_cores && missing(p) > 0; i++)
        pick(p, &p->fit->cores[i], missing(p));
}

bool ks_fit_cpus(const struct ks_fit *fit, size_t node, unsigned threads, unsigned n, unsigned *ret)
{
    struct picking p = {.fit = fit, .node = &fit->nodes[node], .wanted = n, .ret = ret};

    if (threads == KS_THREADS_ISOLATE) {
        pick_alone(&p);
        return missing(&p) == 0;
    }
    pick_whole(&p, threads == KS_THREADS_REQUIRE && n > 1 ? 2 : 1);
    if (missing(&p) > 0 && (threads != KS_THREADS_REQUIRE || n == 1 || p.n > 0 || missing(&p) > 1))
        pick_rest(&p);
    if (threads != KS_THREADS_REQUIRE)
        pick_any(&p);
    return missing(&p) == 0;
}

static const struct ks_cpuset *core_of(const struct ks_fit *fit, unsigned cpu)
{
    for (size_t i = 0; i < fit->n_cores; i++)
        if (ks_cpuset_has(&fit->cores[i], cpu))
            return &fit->cores[i];
    return NULL;
}

void ks_fit_take(struct ks_fit *fit, unsigned threads, unsigned cpu, int by)
{
    const struct ks_cpuset *core = threads == KS_THREADS_ISOLATE ? core_of(fit, cpu) : NULL;

    fit->taken[cpu] = (uint16_t)(fit->taken[cpu] + by);
    for (int id = core ? ks_cpuset_next(core, 0) : -1; id >= 0; id = ks_cpuset_next(core, (unsigned)id + 1))
        if ((unsigned)id != cpu)
            fit->taken[id] = (uint16_t)(fit->taken[id] + by);
}

int ks_fit_spare_cpu(const struct ks_fit *fit, size_t node)
{
    unsigned cpu;

    return ks_fit_cpus(fit, node, KS_THREADS_PREFER, 1, &cpu) ? (int)cpu : -1;
}

unsigned ks_fit_free_cpus(const struct ks_fit *fit, size_t node)
{
    const struct ks_cpuset *cpus = &fit->nodes[node].cpus;
    unsigned n = 0;

    for (int cpu = ks_cpuset_next(cpus, 0); cpu >= 0; cpu = ks_cpuset_next(cpus, (unsigned)cpu + 1))
        n += fit->taken[cpu] == 0;
    return n;
}
