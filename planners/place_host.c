/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What automatic placement may hand out: what is there, less what is reserved, less what others have. */
#include "planners/device.h"
#include "planners/hugepages.h"
#include "planners/place.h"

int ks_placing_node(const struct ks_fit *fit, int id)
{
    for (size_t i = 0; i < fit->n_nodes; i++)
        if (fit->nodes[i].id == id)
            return (int)i;
    return -1;
}

/* ---- nodes -------------------------------------------------------------------------------------------------- */

static void add_pages(struct ks_placing *s, struct ks_fit_node *node, uint64_t *in_pages)
{
    const struct ks_observed *have = s->p->have;

    for (size_t i = 0; i < have->hugepages.n; i++) {
        const struct ks_seen_hugepages *seen = &have->hugepages.v[i];
        const struct ks_hugepages *want = (const struct ks_hugepages *)ks_map_get(
            &s->p->want->hugepages, ks_size_format(s->p->arena, seen->size));
        const uint64_t used = seen->total - seen->free + seen->reserved;
        uint64_t total = seen->total;
        if (seen->node >= 0 && seen->node != node->id)
            continue;
        if (want)
            (void)ks_hugepages_wanted(s->p, want, seen->node, &total);
        *ks_vec_add(s->p->arena, &node->pages) =
            (struct ks_fit_pages){.size = seen->size, .total = total, .free = total > used ? total - used : 0};
        *in_pages += total * seen->size;
    }
}

static void add_node(struct ks_placing *s, const struct ks_seen_node *seen, struct ks_fit_node *node)
{
    uint64_t in_pages = 0;

    node->id = seen->id;
    for (int cpu = ks_cpuset_next(&seen->cpus, 0); cpu >= 0; cpu = ks_cpuset_next(&seen->cpus, (unsigned)cpu + 1)) {
        if (!ks_cpuset_has(&s->reserved, (unsigned)cpu))
            ks_cpuset_add(s->p->arena, &node->cpus, (unsigned)cpu);
        if ((unsigned)cpu >= s->fit.n_cpus)
            s->fit.n_cpus = (unsigned)cpu + 1;
    }
    add_pages(s, node, &in_pages);
    node->memory = seen->memory ? seen->memory - (in_pages < seen->memory ? in_pages : seen->memory) : UINT64_MAX;
    node->memory_free = node->memory;
}

/* A CPU that no core is told of is one by itself. */
static void add_cores(struct ks_placing *s)
{
    const struct ks_observed *have = s->p->have;
    struct ks_cpuset *cores = ks_new_n(s->p->arena, struct ks_cpuset, have->cores.n + s->fit.n_cpus);
    struct ks_cpuset told = {0};

    for (size_t i = 0; i < have->cores.n; i++) {
        const struct ks_cpuset *core = &have->cores.v[i];
        cores[s->fit.n_cores++] = *core;
        for (int cpu = ks_cpuset_next(core, 0); cpu >= 0; cpu = ks_cpuset_next(core, (unsigned)cpu + 1)) {
            ks_cpuset_add(s->p->arena, &told, (unsigned)cpu);
            if ((unsigned)cpu >= s->fit.n_cpus)
                s->fit.n_cpus = (unsigned)cpu + 1;
        }
    }
    for (size_t i = 0; i < have->nodes.n; i++) {
        const struct ks_cpuset *cpus = &have->nodes.v[i].cpus;
        for (int cpu = ks_cpuset_next(cpus, 0); cpu >= 0; cpu = ks_cpuset_next(cpus, (unsigned)cpu + 1))
            if (!ks_cpuset_has(&told, (unsigned)cpu))
                ks_cpuset_add(s->p->arena, &cores[s->fit.n_cores++], (unsigned)cpu);
    }
    s->fit.cores = cores;
}

/* ---- others ------------------------------------------------------------------------------------------------- */

/* Who may run on every CPU of a node has none of them for itself. */
static void take_set(struct ks_placing *s, const struct ks_cpuset *set)
{
    for (size_t i = 0; i < s->p->have->nodes.n; i++) {
        const struct ks_cpuset *cpus = &s->p->have->nodes.v[i].cpus;
        if (ks_cpuset_count(cpus) > 1 && ks_cpuset_subset(cpus, set))
            continue;
        for (int cpu = ks_cpuset_next(cpus, 0); cpu >= 0; cpu = ks_cpuset_next(cpus, (unsigned)cpu + 1))
            if (ks_cpuset_has(set, (unsigned)cpu))
                ks_fit_take(&s->fit, KS_THREADS_PREFER, (unsigned)cpu, 1);
    }
}

static void take_pins(struct ks_placing *s, const struct ks_guest *guest, bool vcpus, bool helpers)
{
    const struct ks_pinning *pinning = guest ? guest->pinning : NULL;

    if (guest && vcpus)
        take_set(s, &guest->vcpu_cpus);
    for (size_t i = 0; pinning && vcpus && i < pinning->vcpus.n; i++)
        take_set(s, &((const struct ks_set *)pinning->vcpus.v[i])->value);
    for (size_t i = 0; pinning && helpers && i < pinning->iothreads.n; i++)
        take_set(s, &((const struct ks_set *)pinning->iothreads.v[i])->value);
    if (pinning && helpers)
        take_set(s, &pinning->emulator);
}

/* Memory of a guest that is bound to one node. Pages of those that run are in use already. */
static void take_memory(struct ks_placing *s, const struct ks_guest *want, const struct ks_seen_guest *seen)
{
    const struct ks_guest *have = seen ? seen->config : NULL, *bound = want && want->numa ? want : have;
    const bool runs = seen && seen->state != KS_GUEST_STOPPED;
    const struct ks_cpuset *nodes = bound && bound->numa ? &bound->numa->nodes : NULL;
    const int node = nodes && ks_cpuset_count(nodes) == 1 ? ks_placing_node(&s->fit, ks_cpuset_next(nodes, 0)) : -1;
    const uint64_t page = ks_placing_page(want ? want : have, have);
    uint64_t memory = ks_placing_memory(want ? want : have, have);

    if (node < 0)
        return;
    struct ks_fit_node *n = &s->fit.nodes[node];
    if (!page && n->memory_free != UINT64_MAX)
        n->memory_free -= memory < n->memory_free ? memory : n->memory_free;
    for (size_t i = 0; page && !runs && want && i < n->pages.n; i++) {
        memory = (memory + page - 1) / page;
        if (n->pages.v[i].size == page)
            n->pages.v[i].free -= memory < n->pages.v[i].free ? memory : n->pages.v[i].free;
    }
}

static const struct ks_guest *wanted(const struct ks_placing *s, const char *name)
{
    const struct ks_guest *want = (const struct ks_guest *)ks_map_get(&s->p->want->guests, name);

    return want && ks_guest_is_wanted(want) ? want : NULL;
}

/* What the manifest states of pins takes the place of what the definition says. */
static void take_others(struct ks_placing *s)
{
    for (size_t i = 0; i < s->p->have->guests.n; i++) {
        const struct ks_seen_guest *seen = &s->p->have->guests.v[i];
        const struct ks_guest *want = wanted(s, seen->name);
        const bool vcpus = want && want->pinning && ks_stated(&want->pinning->o, "vcpus");
        if (seen->unknown)
            s->unread = seen->name;
        if (want && ks_placing_is_auto(want))
            continue;
        take_pins(s, seen->config, !vcpus, true);
        take_pins(s, seen->live, !vcpus, true);
        take_memory(s, want, seen);
    }
    for (size_t i = 0; i < s->p->want->guests.n; i++) {
        const struct ks_guest *want = (const struct ks_guest *)s->p->want->guests.v[i];
        if (!ks_guest_is_wanted(want))
            continue;
        take_pins(s, want, true, true);
        if (!ks_placing_is_auto(want) && !ks_seen_guest(s->p->have, want->o.key))
            take_memory(s, want, NULL);
    }
}

void ks_placing_host(struct ks_placing *s)
{
    const struct ks_observed *have = s->p->have;

    if (s->p->want->placement)
        s->reserved = s->p->want->placement->reserved_cpus;
    s->fit.nodes = ks_new_n(s->p->arena, struct ks_fit_node, have->nodes.n + 1);
    for (size_t i = 0; i < have->nodes.n; i++)
        add_node(s, &have->nodes.v[i], &s->fit.nodes[s->fit.n_nodes++]);
    add_cores(s);
    s->fit.taken = ks_new_n(s->p->arena, uint16_t, s->fit.n_cpus + 1);
    s->emulators = ks_new_n(s->p->arena, bool, s->fit.n_cpus + 1);
    take_others(s);
}
