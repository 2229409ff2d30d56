/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NUMA nodes, CPUs and huge pages as planning needs them. */
#include <inttypes.h>

#include "state/host.h"
#include "state/state.h"

/* What the actuator noted of a best effort that came up short (actuators/hugepages.c). */
static void read_ledger(struct ks_observing *o, struct ks_seen_hugepages *seen)
{
    const char *id = ks_sprintf(o->arena, "hugepages/%s", ks_size_format(o->arena, seen->size));
    const char *note = o->ledger ? ks_ledger_note(o->ledger, id, ks_pages_note(o->arena, seen->node)) : NULL;

    if (note &&
        sscanf(note, "%" SCNu64 " %" SCNu64 " %" SCNu64, &seen->tried, &seen->came, &seen->tried_free_kib) != 3)
        seen->tried = seen->came = seen->tried_free_kib = 0;
}

static void add_pools(struct ks_observing *o, const struct ks_host_topology *topology,
                      const struct ks_host_node *node, struct ks_observed *ret)
{
    for (size_t i = 0; i < node->pools.n; i++) {
        const struct ks_host_page_pool *pool = &node->pools.v[i];
        struct ks_seen_hugepages *seen = ks_vec_add(o->arena, &ret->hugepages);
        const struct ks_host_page_pool *machine = ks_host_topology_pool(topology, NULL, pool->size_kib);
        *seen = (struct ks_seen_hugepages){
            .size = pool->size_kib * 1024,
            .node = topology->numa ? (int)node->id : -1,
            .total = pool->total,
            .free = pool->free,
            .surplus = pool->surplus,
            /* The kernel tells reservations for the machine alone. */
            .reserved = topology->nodes.n == 1 && machine ? machine->reserved : 0,
        };
        read_ledger(o, seen);
    }
}

/* Each core once: at its lowest thread that is online. */
static void add_cores(struct ks_observing *o, const struct ks_host_topology *topology, struct ks_observed *ret)
{
    for (size_t i = 0; i < topology->cpus.n; i++) {
        const struct ks_host_cpu *cpu = &topology->cpus.v[i];
        struct ks_cpuset threads = {0};
        for (int id = ks_cpuset_next(&cpu->siblings, 0); id >= 0;
             id = ks_cpuset_next(&cpu->siblings, (unsigned)id + 1))
            if (ks_cpuset_has(&topology->online, (unsigned)id))
                ks_cpuset_add(o->arena, &threads, (unsigned)id);
        if (cpu->online && ks_cpuset_next(&threads, 0) == (int)cpu->id)
            *ks_vec_add(o->arena, &ret->cores) = threads;
    }
}

int ks_observe_hugepages(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err)
{
    struct ks_host_topology *topology = ks_new(o->arena, struct ks_host_topology);

    if (ks_host_topology_read(o->root, o->arena, topology, err) < 0)
        return -1;
    ret->cpus = topology->online;
    ret->no_numa = !topology->numa;
    add_cores(o, topology, ret);
    for (size_t i = 0; i < topology->nodes.n; i++) {
        const struct ks_host_node *node = &topology->nodes.v[i];
        *ks_vec_add(o->arena, &ret->nodes) = (struct ks_seen_node){.id = (int)node->id,
                                                                   .cpus = node->cpus,
                                                                   .memory = node->memory_kib * 1024,
                                                                   .free = node->free_kib * 1024};
        add_pools(o, topology, node, ret);
    }
    return 0;
}
