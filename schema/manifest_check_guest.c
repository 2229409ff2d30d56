/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each guest for itself, and what it names of the rest of the manifest. */
#include "schema/guest.h"
#include "schema/manifest_check.h"

enum { BRIDGE_ABSENT = 1, NETWORK_ABSENT = 2 };

static void check_disks(struct ks_checking *c, const struct ks_guest *g)
{
    for (size_t i = 0; i < g->disks.n; i++) {
        const struct ks_disk *d = (const struct ks_disk *)g->disks.v[i];
        bool removable = d->device == KS_DISK_CDROM || d->device == KS_DISK_FLOPPY;

        if (!d->volume && !d->file && !d->block && !d->rbd && !removable && !d->o.other)
            ks_report_warning(c->f, KS_E_INVALID, d->o.at,
                              "disk %s: none of volume, file, block and rbd is stated: that fits only a disk that "
                              "the guest has already",
                              d->o.key);
    }
}

static void check_absent(struct ks_checking *c, const struct ks_nic *nic)
{
    const struct ks_bridge *bridge = nic->bridge ? (const void *)ks_map_get(&c->m->bridges, nic->bridge) : NULL;
    const struct ks_network *network =
        nic->network ? (const void *)ks_map_get(&c->m->networks, nic->network) : NULL;

    if (bridge && bridge->state == BRIDGE_ABSENT)
        ks_report(c->f, KS_E_CONFLICT, ks_at(&nic->o, "bridge"), "bridge %s is to be absent (%s:%u)", nic->bridge,
                  bridge->o.at.file, bridge->o.at.line);
    if (network && network->state == NETWORK_ABSENT)
        ks_report(c->f, KS_E_CONFLICT, ks_at(&nic->o, "network"), "network %s is to be absent (%s:%u)",
                  nic->network, network->o.at.file, network->o.at.line);
}

static void check_nics(struct ks_checking *c, const struct ks_guest *g)
{
    for (size_t i = 0; i < g->nics.n; i++) {
        const struct ks_nic *nic = (const struct ks_nic *)g->nics.v[i];

        if (!nic->bridge && !nic->network && !nic->vf && !nic->o.other)
            ks_report_warning(c->f, KS_E_INVALID, nic->o.at,
                              "nic %s: none of bridge, network and vf is stated: that fits only a nic that the "
                              "guest has already",
                              nic->o.key);
        check_absent(c, nic);
    }
}

/* The most vCPUs it can have; 0 when the manifest leaves that to the host. */
static uint64_t max_vcpus(const struct ks_guest *g)
{
    return g->max_vcpus ? g->max_vcpus : g->vcpus;
}

static void check_pins(struct ks_checking *c, const struct ks_guest *g)
{
    uint64_t vcpus = max_vcpus(g);

    for (size_t i = 0; g->pinning && vcpus && i < g->pinning->vcpus.n; i++) {
        const struct ks_obj *pin = g->pinning->vcpus.v[i];

        if (strtoull(pin->key, NULL, 10) >= vcpus)
            ks_report(c->f, KS_E_NOT_FOUND, pin->at, "vCPU %s: the guest has %llu, counted from 0", pin->key,
                      (unsigned long long)vcpus);
    }
    for (size_t i = 0; g->pinning && ks_has(&g->o, "iothreads") && i < g->pinning->iothreads.n; i++) {
        const struct ks_obj *pin = g->pinning->iothreads.v[i];
        unsigned long long number = strtoull(pin->key, NULL, 10);

        if (number == 0 || g->iothreads == 0)
            ks_report(c->f, KS_E_NOT_FOUND, pin->at, "iothread %s: the guest has %llu, counted from 1", pin->key,
                      (unsigned long long)g->iothreads);
        else if (number > g->iothreads)
            ks_report_warning(c->f, KS_E_NOT_FOUND, pin->at,
                              "iothread %s of %llu, which a definition made elsewhere may number so", pin->key,
                              (unsigned long long)g->iothreads);
    }
}

/* Each vCPU is in one cell. */
static void check_cells(struct ks_checking *c, const struct ks_guest *g)
{
    const struct ks_map *cells = &g->numa->cells;
    struct ks_cpuset seen = {0};
    uint64_t vcpus = max_vcpus(g);

    for (size_t i = 0; i < cells->n; i++) {
        const struct ks_cell *cell = (const struct ks_cell *)cells->v[i];

        if (!ks_has(&cell->o, "cpus"))
            return; /* libvirt fills them, or this is adopted as it is */
        for (int cpu = ks_cpuset_next(&cell->cpus, 0); cpu >= 0;
             cpu = ks_cpuset_next(&cell->cpus, (unsigned)cpu + 1)) {
            if (vcpus && (uint64_t)cpu >= vcpus)
                ks_report(c->f, KS_E_NOT_FOUND, ks_at(&cell->o, "cpus"),
                          "cell %s: there is no vCPU %d: the guest has %llu, counted from 0", cell->o.key, cpu,
                          (unsigned long long)vcpus);
            else if (ks_cpuset_has(&seen, (unsigned)cpu))
                ks_report(c->f, KS_E_CONFLICT, ks_at(&cell->o, "cpus"), "cell %s: vCPU %d is in another cell too",
                          cell->o.key, cpu);
            ks_cpuset_add(c->scratch, &seen, (unsigned)cpu);
            if (vcpus && (uint64_t)cpu >= vcpus)
                break; /* said once */
        }
    }
    for (unsigned cpu = 0; cells->n && cpu < vcpus && cpu < KS_CPUSET_MAX; cpu++)
        if (!ks_cpuset_has(&seen, cpu)) {
            ks_report(c->f, KS_E_CONFLICT, ks_at(&g->numa->o, "cells"), "cells: vCPU %u is in none of them", cpu);
            return;
        }
}

static void check_hugepages(struct ks_checking *c, const struct ks_guest *g)
{
    struct ks_cpuset seen = {0};

    for (size_t i = 0; i < g->hugepages.n; i++) {
        const struct ks_set *size = (const struct ks_set *)g->hugepages.v[i];

        for (int cell = ks_cpuset_next(&size->value, 0); cell >= 0;
             cell = ks_cpuset_next(&size->value, (unsigned)cell + 1)) {
            if (g->numa && g->numa->cells.n && (size_t)cell >= g->numa->cells.n)
                ks_report(c->f, KS_E_NOT_FOUND, size->o.at, "hugepages %s: there is no NUMA cell %d", size->o.key,
                          cell);
            if (ks_cpuset_has(&seen, (unsigned)cell))
                ks_report(c->f, KS_E_CONFLICT, size->o.at, "hugepages %s: cell %d has another page size already",
                          size->o.key, cell);
            ks_cpuset_add(c->scratch, &seen, (unsigned)cell);
        }
    }
}

static void check_cloud_init(struct ks_checking *c, const struct ks_guest *g)
{
    if (g->cloud_init && g->cloud_init->target && ks_map_get(&g->disks, g->cloud_init->target))
        ks_report(c->f, KS_E_CONFLICT, ks_at(&g->cloud_init->o, "target"), "target: %s is one of the guest's disks",
                  g->cloud_init->target);
}

static void check_fragments(struct ks_checking *c, const struct ks_guest *g)
{
    const struct ks_loc xml = ks_at(&g->o, "xml");
    struct ks_changes conflicts = {0};

    ks_fragments_conflicts(c->scratch, g, &conflicts);
    for (size_t i = 0; i < conflicts.n; i++) {
        const struct ks_change *change = &conflicts.v[i];
        ks_report(c->f, KS_E_CONFLICT, change->at,
                  "guests.%s.%s and a fragment in xml (%s:%u:%u) contradict each other: %s here, %s there",
                  g->o.key, change->path, xml.file, xml.line, xml.col, change->to ? change->to : "none",
                  change->from ? change->from : "none");
    }
}

void ks_check_guests(struct ks_checking *c)
{
    for (size_t i = 0; i < c->m->guests.n; i++) {
        const struct ks_guest *g = (const struct ks_guest *)c->m->guests.v[i];

        if (!ks_guest_counts(g))
            continue;
        check_disks(c, g);
        check_nics(c, g);
        check_pins(c, g);
        if (g->numa)
            check_cells(c, g);
        check_hugepages(c, g);
        check_cloud_init(c, g);
        check_fragments(c, g);
    }
}
