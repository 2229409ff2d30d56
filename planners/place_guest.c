/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest that is to be placed needs, and what it has already. */
#include "planners/device.h"
#include "planners/place.h"

bool ks_placing_is_auto(const struct ks_guest *guest)
{
    return ks_guest_is_wanted(guest) && guest->numa && ks_has(&guest->numa->o, "placement") &&
           guest->numa->placement == KS_PLACEMENT_AUTO;
}

uint64_t ks_placing_memory(const struct ks_guest *want, const struct ks_guest *have)
{
    const uint64_t ceiling = have ? have->max_memory > have->memory ? have->max_memory : have->memory : 0;

    if (want && ks_has(&want->o, "max-memory"))
        return want->max_memory;
    if (want && ks_has(&want->o, "memory") && want->memory > ceiling)
        return want->memory;
    return ceiling;
}

uint64_t ks_placing_page(const struct ks_guest *want, const struct ks_guest *have)
{
    const struct ks_guest *pages = want && ks_stated(&want->o, "hugepages") ? want : have;
    uint64_t size;

    if (!pages || pages->hugepages.n != 1 || ks_size_parse(pages->hugepages.v[0]->key, &size) != NULL)
        return 0;
    return size;
}

/* ---- devices ------------------------------------------------------------------------------------------------ */

static void count_node(const struct ks_placing *s, struct ks_fit_guest *guest, int id)
{
    const int node = ks_placing_node(&s->fit, id);

    if (node >= 0)
        guest->near[node]++;
}

static const struct ks_seen_pf *pf_of(const struct ks_placing *s, const struct ks_nic *nic)
{
    const struct ks_observed *have = s->p->have;
    const struct ks_network *network =
        nic->network ? (const struct ks_network *)ks_map_get(&s->p->want->networks, nic->network) : NULL;
    const struct ks_seen_network *seen = nic->network ? ks_seen_network(have, nic->network) : NULL;

    if (nic->vf && nic->vf->pf)
        return ks_seen_pf(have, nic->vf->pf);
    if (!network && seen)
        network = seen->config;
    if (network)
        return network->pf ? ks_seen_pf(have, network->pf) : NULL;
    for (size_t i = 0; nic->vf_address && i < have->pfs.n; i++)
        for (size_t k = 0; k < have->pfs.v[i].n_vfs; k++)
            if (ks_streq(have->pfs.v[i].vfs[k].address, nic->vf_address))
                return &have->pfs.v[i];
    return NULL;
}

static void count_devices(const struct ks_placing *s, const struct ks_guest *want, struct ks_fit_guest *guest)
{
    for (size_t i = 0; i < want->nics.n; i++) {
        const struct ks_seen_pf *pf = pf_of(s, (const struct ks_nic *)want->nics.v[i]);
        if (pf)
            count_node(s, guest, pf->node);
    }
    for (size_t i = 0; i < want->devices.n; i++) {
        const char *address = ((const struct ks_pci_device *)want->devices.v[i])->pci;
        const struct ks_seen_pci *pci = address ? ks_seen_pci(s->p->have, address) : NULL;
        if (pci)
            count_node(s, guest, pci->node);
    }
}

/* ---- needs -------------------------------------------------------------------------------------------------- */

/* By hand: its cells are what they are, and lie where they are stated to. */
static void take_cells(struct ks_placing *s, const struct ks_map *cells, struct ks_fit_guest *guest)
{
    guest->units = ks_new_n(s->p->arena, struct ks_fit_unit, cells->n);
    guest->n_units = cells->n;
    for (size_t i = 0; i < cells->n; i++) {
        const struct ks_cell *cell = (const struct ks_cell *)cells->v[i];
        guest->units[i] = (struct ks_fit_unit){.memory = cell->memory, .nodes = cell->node};
        for (unsigned v = 0; v < guest->n_vcpus; v++)
            if (ks_cpuset_has(&cell->cpus, v))
                ks_cpuset_add(s->p->arena, &guest->units[i].vcpus, v);
    }
    /* libvirt puts what no cell names into the first. */
    for (unsigned v = 0; v < guest->n_vcpus && cells->n > 0; v++) {
        bool named = false;
        for (size_t i = 0; i < cells->n; i++)
            named = named || ks_cpuset_has(&guest->units[i].vcpus, v);
        if (!named)
            ks_cpuset_add(s->p->arena, &guest->units[0].vcpus, v);
    }
}

/* Pinned by hand: on the nodes of its CPUs. */
static void take_nodes_of_pins(struct ks_placing *s, const struct ks_pinning *pinning, struct ks_fit_guest *guest)
{
    guest->has_cpus = true;
    for (size_t i = 0; i < s->p->have->nodes.n && ks_cpuset_count(&guest->nodes) == 0; i++)
        for (size_t k = 0; k < pinning->vcpus.n; k++)
            if (ks_cpuset_overlap(&s->p->have->nodes.v[i].cpus,
                                  &((const struct ks_set *)pinning->vcpus.v[k])->value)) {
                ks_cpuset_add(s->p->arena, &guest->nodes, (unsigned)s->p->have->nodes.v[i].id);
                break;
            }
}

static unsigned max_vcpus(const struct ks_guest *want, const struct ks_guest *have, uint64_t vcpus)
{
    uint64_t max = ks_has(&want->o, "max-vcpus") ? want->max_vcpus : have ? have->max_vcpus : vcpus;

    max = max < vcpus ? vcpus : max;
    return (unsigned)(max < KS_CPUSET_MAX ? max : KS_CPUSET_MAX - 1);
}

static void add_guest(struct ks_placing *s, struct ks_guest *want, struct ks_placing_guest *ret,
                      struct ks_fit_guest *guest)
{
    const struct ks_seen_guest *seen = ks_seen_guest(s->p->have, want->o.key);
    const struct ks_guest *have = seen ? seen->config : NULL;
    const uint64_t vcpus = ks_has(&want->o, "vcpus") ? want->vcpus : have ? have->vcpus : 1;

    *ret = (struct ks_placing_guest){.want = want, .seen = seen};
    ret->chooses_emulator = !want->pinning || !ks_stated(&want->pinning->o, "emulator");
    *guest = (struct ks_fit_guest){
        .name = want->o.key,
        .home = -1,
        .n_vcpus = (unsigned)(vcpus < KS_CPUSET_MAX ? vcpus : KS_CPUSET_MAX - 1),
        .max_vcpus = max_vcpus(want, have, vcpus),
        .memory = ks_placing_memory(want, have),
        .page = ks_placing_page(want, have),
        .threads = ks_has(&want->numa->o, "threads") ? want->numa->threads : KS_THREADS_PREFER,
        .nodes = ks_has(&want->numa->o, "nodes") ? want->numa->nodes : (struct ks_cpuset){0},
        .near = ks_new_n(s->p->arena, unsigned, s->fit.n_nodes + 1),
        .cpus = ks_new_n(s->p->arena, unsigned, KS_CPUSET_MAX),
    };
    if (seen && seen->state != KS_GUEST_STOPPED && have)
        guest->held = ks_placing_page(have, have) == guest->page ? ks_placing_memory(have, have) : 0;
    if (!guest->page)
        guest->held = 0; /* nobody has taken it off the node's memory yet */
    count_devices(s, want, guest);
    guest->has_units = want->numa->cells.n > 0;
    if (guest->has_units)
        take_cells(s, &want->numa->cells, guest);
    if (want->pinning && want->pinning->vcpus.n > 0)
        take_nodes_of_pins(s, want->pinning, guest);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp((*(struct ks_guest *const *)a)->o.key, (*(struct ks_guest *const *)b)->o.key);
}

void ks_placing_guests(struct ks_placing *s)
{
    const struct ks_map *guests = &s->p->want->guests;
    struct ks_guest **sorted = ks_new_n(s->p->arena, struct ks_guest *, guests->n + 1);
    size_t n = 0;

    for (size_t i = 0; i < guests->n; i++)
        if (ks_placing_is_auto((const struct ks_guest *)guests->v[i]))
            sorted[n++] = (struct ks_guest *)guests->v[i];
    qsort(sorted, n, sizeof *sorted, compare_keys); /* not by their order in the file, which means nothing */
    s->guests = ks_new_n(s->p->arena, struct ks_placing_guest, n + 1);
    s->fit.guests = ks_new_n(s->p->arena, struct ks_fit_guest, n + 1);
    s->fit.n_guests = n;
    for (size_t i = 0; i < n; i++)
        add_guest(s, sorted[i], &s->guests[i], &s->fit.guests[i]);
}

/* ---- what it has -------------------------------------------------------------------------------------------- */

/* One CPU for each vCPU, from the first on; how many. */
static size_t read_pins(const struct ks_placing *s, const struct ks_guest *have, unsigned n, unsigned *ret)
{
    for (unsigned i = 0; i < n; i++) {
        const struct ks_set *pin =
            have->pinning
                ? (const struct ks_set *)ks_map_get(&have->pinning->vcpus, ks_sprintf(s->p->arena, "%u", i))
                : NULL;
        const int cpu = pin && ks_cpuset_count(&pin->value) == 1 ? ks_cpuset_next(&pin->value, 0) : -1;
        if (cpu < 0 || (unsigned)cpu >= s->fit.n_cpus)
            return i;
        ret[i] = (unsigned)cpu;
    }
    return n;
}

static int single_node(const struct ks_placing *s, const struct ks_cpuset *set)
{
    return ks_cpuset_count(set) == 1 ? ks_placing_node(&s->fit, ks_cpuset_next(set, 0)) : -1;
}

/* vCPUs are counted up to here. */
static unsigned cells_end(const struct ks_map *cells)
{
    unsigned end = 0;

    for (size_t i = 0; i < cells->n; i++)
        for (int v = ks_cpuset_next(&((const struct ks_cell *)cells->v[i])->cpus, end); v >= 0;
             v = ks_cpuset_next(&((const struct ks_cell *)cells->v[i])->cpus, end))
            end = (unsigned)v + 1;
    return end;
}

/* Cells that an earlier placement made are good while the guest is as large as it was. */
static bool read_cells(struct ks_placing *s, const struct ks_map *cells, struct ks_fit_guest *guest, size_t *nodes)
{
    struct ks_fit_guest as_before = *guest;
    uint64_t memory = 0;

    take_cells(s, cells, &as_before);
    for (size_t i = 0; i < as_before.n_units; i++) {
        const int node = single_node(s, &as_before.units[i].nodes);
        if (node < 0)
            return false;
        nodes[i] = (size_t)node;
        memory += as_before.units[i].memory;
    }
    if (guest->has_units)
        return guest->n_units == as_before.n_units;
    if (memory != guest->memory || cells_end(cells) < guest->max_vcpus)
        return false;
    guest->n_units = as_before.n_units;
    guest->units = as_before.units;
    return true;
}

/* Where it is, by unit; false: it is bound to no node. */
static bool read_nodes(struct ks_placing *s, const struct ks_guest *have, struct ks_fit_guest *guest, size_t *nodes)
{
    int node;

    if (s->p->have->no_numa) {
        nodes[0] = 0;
        return true;
    }
    if (have->numa && have->numa->cells.n > 0 && ks_has(have->numa->cells.v[0], "node"))
        return read_cells(s, &have->numa->cells, guest, nodes);
    node = have->numa ? single_node(s, &have->numa->nodes) : -1;
    nodes[0] = (size_t)node;
    return node >= 0 && !guest->has_units;
}

static void keep(struct ks_placing *s, size_t i)
{
    struct ks_fit_guest *guest = &s->fit.guests[i];
    const struct ks_guest *have = s->guests[i].seen ? s->guests[i].seen->config : NULL;
    const size_t n_cells = have && have->numa ? have->numa->cells.n : 0;
    size_t *nodes = ks_new_n(s->p->arena, size_t, n_cells + guest->n_units + 1);
    unsigned *cpus = ks_new_n(s->p->arena, unsigned, guest->n_vcpus + 1);

    if (!have || s->fit.n_nodes == 0 || !read_nodes(s, have, guest, nodes))
        return;
    guest->home = have->numa && ks_cpuset_count(&have->numa->nodes) == 1 ? (int)nodes[0] : -1;
    const size_t n = read_pins(s, have, guest->n_vcpus, cpus);
    if (!ks_fit_keep(&s->fit, guest, n, cpus, nodes) && !guest->has_units)
        guest->n_units = 0;
}

void ks_placing_keep(struct ks_placing *s)
{
    for (size_t i = 0; i < s->fit.n_guests; i++)
        keep(s, i);
}
