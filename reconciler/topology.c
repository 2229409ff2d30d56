/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From what was observed to what is drawn. */
#include "reconciler/topology.h"

struct builder {
    struct ks_arena *arena;
    const struct ks_observed *seen;
    struct ks_topology *ret;
};

/* ---- words -------------------------------------------------------------------------------------------------- */

const char *ks_topology_holder(struct ks_arena *arena, const struct ks_topology *t, const char *holder)
{
    static const char guest[] = "guest/", network[] = "network/";

    if (ks_starts(holder, network))
        return ks_sprintf(arena, "network %s", holder + strlen(network));
    if (!ks_starts(holder, guest))
        return holder;
    for (size_t i = 0; i < t->guests.n; i++)
        if (!t->guests.v[i].runs && ks_streq(t->guests.v[i].seen->name, holder + strlen(guest)))
            return ks_sprintf(arena, "guest %s (%s)", holder + strlen(guest), ks_topology_state(&t->guests.v[i]));
    return ks_sprintf(arena, "guest %s", holder + strlen(guest));
}

size_t ks_topology_free_run(const struct ks_seen_pf *pf, size_t first)
{
    size_t last = first;

    while (pf->vfs[first].n_holders == 0 && last + 1 < pf->n_vfs && pf->vfs[last + 1].n_holders == 0 &&
           pf->vfs[last + 1].index == pf->vfs[last].index + 1 &&
           ks_streq(pf->vfs[last + 1].driver, pf->vfs[first].driver))
        last++;
    return last;
}

const char *ks_topology_label(struct ks_arena *arena, size_t n, const unsigned *cpus)
{
    const unsigned step = n > 1 && cpus[1] > cpus[0] ? cpus[1] - cpus[0] : 0;

    if (n == 1)
        return ks_sprintf(arena, "%u", cpus[0]);
    for (size_t i = 1; i < n; i++)
        if (step == 0 || cpus[i] != cpus[0] + step * i)
            return ks_sprintf(arena, "%u..%u", cpus[0], cpus[n - 1]);
    return step == 1 ? ks_sprintf(arena, "%u-%u", cpus[0], cpus[n - 1])
                     : ks_sprintf(arena, "%u-%u/%u", cpus[0], cpus[n - 1], step);
}

const char *ks_topology_amount(struct ks_arena *arena, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)bytes;
    size_t unit = 0;

    for (; value >= 1024 && unit + 1 < KS_COUNT(units); unit++)
        value /= 1024;
    if (value >= 99.95 || unit == 0 || value - (double)(uint64_t)value < 0.05)
        return ks_sprintf(arena, "%.0f %s", value, units[unit]);
    return ks_sprintf(arena, "%.1f %s", value, units[unit]);
}

const char *ks_topology_pin_text(struct ks_arena *arena, const struct ks_topology_pin *pin)
{
    switch (pin->kind) {
    case KS_PIN_VCPU:
        return ks_sprintf(arena, "vCPU %s", pin->key);
    case KS_PIN_IOTHREAD:
        return ks_sprintf(arena, "iothread %s", pin->key);
    case KS_PIN_EMULATOR:
        break;
    }
    return "emulator";
}

const char *ks_topology_cpu_text(struct ks_arena *arena, const struct ks_topology *t,
                                 const struct ks_topology_cpu *cpu)
{
    if (cpu->n_guests == 1)
        return t->guests.v[cpu->guest].code;
    if (cpu->n_guests > 9)
        return "+";
    if (cpu->n_guests > 1)
        return ks_sprintf(arena, "%zu", cpu->n_guests);
    return cpu->helpers ? "-" : cpu->floats ? "~" : ".";
}

const char *ks_topology_state(const struct ks_topology_guest *guest)
{
    static const char *const states[] = {
        [KS_GUEST_RUNNING] = "running", [KS_GUEST_STOPPED] = "stopped", [KS_GUEST_PAUSED] = "paused"};

    return guest->config && guest->seen->state < KS_COUNT(states) ? states[guest->seen->state] : "unknown";
}

/* ---- nodes -------------------------------------------------------------------------------------------------- */

static void add_core(struct builder *b, struct ks_topology_node *node, const struct ks_cpuset *threads)
{
    struct ks_topology_core core = {.threads =
                                        ks_new_n(b->arena, struct ks_topology_cpu, ks_cpuset_count(threads))};

    for (int id = ks_cpuset_next(threads, 0); id >= 0; id = ks_cpuset_next(threads, (unsigned)id + 1))
        if (ks_cpuset_has(&node->cpus, (unsigned)id))
            core.threads[core.n_threads++].id = (unsigned)id;
    if (core.n_threads == 0)
        return;
    *ks_vec_add(b->arena, &node->cores) = core;
    if (core.n_threads > node->max_threads)
        node->max_threads = core.n_threads;
}

/* The core that starts with this CPU; one of its own where the host tells no cores. NULL: a later thread. */
static const struct ks_cpuset *core_at(struct builder *b, const struct ks_cpuset *cpus, unsigned id)
{
    struct ks_cpuset *own;

    for (size_t i = 0; i < b->seen->cores.n; i++) {
        const struct ks_cpuset *core = &b->seen->cores.v[i];
        if (!ks_cpuset_has(core, id))
            continue;
        for (int k = ks_cpuset_next(core, 0); k >= 0 && k < (int)id; k = ks_cpuset_next(core, (unsigned)k + 1))
            if (ks_cpuset_has(cpus, (unsigned)k))
                return NULL;
        return core;
    }
    own = ks_new(b->arena, struct ks_cpuset);
    ks_cpuset_add(b->arena, own, id);
    return own;
}

static void add_cores(struct builder *b, struct ks_topology_node *node)
{
    for (int id = ks_cpuset_next(&node->cpus, 0); id >= 0; id = ks_cpuset_next(&node->cpus, (unsigned)id + 1)) {
        const struct ks_cpuset *core = core_at(b, &node->cpus, (unsigned)id);
        if (core)
            add_core(b, node, core);
    }
}

static int compare_pages(const void *a, const void *b)
{
    const struct ks_topology_pages *x = a, *y = b;

    return x->size < y->size ? -1 : x->size > y->size;
}

static void add_pages(struct builder *b, struct ks_topology_node *node, bool first)
{
    for (size_t i = 0; i < b->seen->hugepages.n; i++) {
        const struct ks_seen_hugepages *from = &b->seen->hugepages.v[i];
        if (from->node != node->id && !(first && from->node < 0))
            continue;
        *ks_vec_add(b->arena, &node->pages) = (struct ks_topology_pages){
            .size = from->size,
            .total = from->total,
            .free = from->free,
            .used = from->total > from->free ? from->total - from->free : 0,
            .surplus = from->surplus,
            .reserved = from->reserved,
        };
        if (from->node < 0)
            node->id = -1;
    }
    if (node->pages.n > 1)
        qsort(node->pages.v, node->pages.n, sizeof *node->pages.v, compare_pages);
}

static void add_node(struct builder *b, const struct ks_seen_node *from, bool first)
{
    struct ks_topology_node *node = ks_vec_add(b->arena, &b->ret->nodes);

    *node =
        (struct ks_topology_node){.id = from->id, .cpus = from->cpus, .memory = from->memory, .free = from->free};
    add_pages(b, node, first);
    add_cores(b, node);
}

static void add_nodes(struct builder *b)
{
    const struct ks_seen_node machine = {.id = -1, .cpus = b->seen->cpus};

    for (size_t i = 0; i < b->seen->nodes.n; i++)
        add_node(b, &b->seen->nodes.v[i], i == 0);
    if (b->seen->nodes.n == 0 && (ks_cpuset_count(&b->seen->cpus) > 0 || b->seen->hugepages.n > 0))
        add_node(b, &machine, true);
}

/* ---- pins --------------------------------------------------------------------------------------------------- */

static void pin_cpu(struct builder *b, const struct ks_topology_node *node, struct ks_topology_cpu *cpu,
                    struct ks_topology_pin pin, const struct ks_cpuset *cpus)
{
    pin.whole_node = ks_cpuset_count(&node->cpus) > 1 && ks_cpuset_subset(&node->cpus, cpus);
    *ks_vec_add(b->arena, &cpu->pins) = pin;
    if (pin.whole_node) {
        cpu->floats = true;
    } else if (pin.kind != KS_PIN_VCPU) {
        cpu->helpers = true;
    } else if (cpu->n_guests == 0 || cpu->guest != pin.guest) {
        /* Guests come one after the other: another one is a new one. */
        cpu->n_guests++;
        cpu->guest = pin.guest;
    }
}

static void pin(struct builder *b, struct ks_topology_pin pin, const struct ks_cpuset *cpus)
{
    for (size_t i = 0; i < b->ret->nodes.n; i++) {
        const struct ks_topology_node *node = &b->ret->nodes.v[i];
        if (!ks_cpuset_overlap(&node->cpus, cpus))
            continue;
        for (size_t k = 0; k < node->cores.n; k++)
            for (size_t j = 0; j < node->cores.v[k].n_threads; j++)
                if (ks_cpuset_has(cpus, node->cores.v[k].threads[j].id))
                    pin_cpu(b, node, &node->cores.v[k].threads[j], pin, cpus);
    }
}

static void merge(struct ks_arena *arena, struct ks_cpuset *into, const struct ks_cpuset *from)
{
    for (int i = ks_cpuset_next(from, 0); i >= 0; i = ks_cpuset_next(from, (unsigned)i + 1))
        ks_cpuset_add(arena, into, (unsigned)i);
}

static void pin_vcpus(struct builder *b, size_t index)
{
    struct ks_topology_guest *guest = &b->ret->guests.v[index];
    const struct ks_guest *config = guest->config;

    for (uint64_t i = 0; i < config->vcpus && i < KS_CPUSET_MAX; i++) {
        const char *key = ks_sprintf(b->arena, "%u", (unsigned)i);
        const struct ks_set *set =
            config->pinning ? (const struct ks_set *)ks_map_get(&config->pinning->vcpus, key) : NULL;
        const struct ks_cpuset *cpus = set ? &set->value : &config->vcpu_cpus;
        merge(b->arena, &guest->cpus, cpus);
        pin(b, (struct ks_topology_pin){.guest = index, .kind = KS_PIN_VCPU, .key = key}, cpus);
    }
}

static void pin_helpers(struct builder *b, size_t index)
{
    const struct ks_pinning *pinning = b->ret->guests.v[index].config->pinning;

    if (!pinning)
        return;
    pin(b, (struct ks_topology_pin){.guest = index, .kind = KS_PIN_EMULATOR}, &pinning->emulator);
    for (size_t i = 0; i < pinning->iothreads.n; i++)
        pin(b,
            (struct ks_topology_pin){.guest = index, .kind = KS_PIN_IOTHREAD, .key = pinning->iothreads.v[i]->key},
            &((const struct ks_set *)pinning->iothreads.v[i])->value);
}

/* ---- guests ------------------------------------------------------------------------------------------------- */

static bool is_pinned(const struct ks_guest *config)
{
    const struct ks_pinning *p = config ? config->pinning : NULL;

    return config && (ks_cpuset_count(&config->vcpu_cpus) > 0 ||
                      (p && (p->vcpus.n > 0 || p->iothreads.n > 0 || ks_cpuset_count(&p->emulator) > 0)));
}

/* a-z, A-Z; for more guests aa, ab, ... All codes of a host are equally long. */
static const char *code_of(struct ks_arena *arena, size_t i, size_t width)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char code[8] = "";

    for (size_t k = width; k-- > 0; i /= 52)
        code[k] = letters[i % 52];
    return ks_strdup(arena, code);
}

static void give_codes(struct builder *b)
{
    size_t n = 0, room = 52;
    unsigned next = 0;

    for (size_t i = 0; i < b->ret->guests.n; i++)
        n += is_pinned(b->ret->guests.v[i].config);
    for (b->ret->code_width = 1; room < n && b->ret->code_width < 4; room *= 52)
        b->ret->code_width++;
    for (size_t i = 0; i < b->ret->guests.n; i++) {
        struct ks_topology_guest *guest = &b->ret->guests.v[i];
        if (!is_pinned(guest->config))
            continue;
        guest->color = next++;
        guest->code = code_of(b->arena, guest->color, b->ret->code_width);
    }
}

static void read_nodes(struct builder *b, struct ks_topology_guest *guest)
{
    const struct ks_numa *numa = guest->config->numa;

    if (!numa)
        return;
    merge(b->arena, &guest->nodes, &numa->nodes);
    for (size_t i = 0; i < numa->cells.n; i++)
        merge(b->arena, &guest->nodes, &((const struct ks_cell *)numa->cells.v[i])->node);
}

/* "ens1 VF 0": its PF and index, where the address is one of a PF that is there. */
static const char *name_vf(struct builder *b, const char *address)
{
    for (size_t i = 0; i < b->seen->pfs.n; i++) {
        const struct ks_seen_pf *pf = &b->seen->pfs.v[i];
        for (size_t k = 0; k < pf->n_vfs; k++)
            if (ks_streq(pf->vfs[k].address, address))
                return ks_sprintf(b->arena, "%s VF %u", pf->name ? pf->name : pf->address, pf->vfs[k].index);
    }
    return address;
}

static void read_devices(struct builder *b, struct ks_topology_guest *guest)
{
    const struct ks_guest *config = guest->config;

    for (size_t i = 0; i < config->nics.n; i++) {
        const struct ks_nic *nic = (const struct ks_nic *)config->nics.v[i];
        const char *address = nic->vf_address ? nic->vf_address : nic->vf ? nic->vf->address : NULL;
        if (address)
            *ks_vec_add(b->arena, &guest->devices) = name_vf(b, address);
    }
    for (size_t i = 0; i < config->devices.n; i++) {
        const char *address = ((const struct ks_pci_device *)config->devices.v[i])->pci;
        if (address)
            *ks_vec_add(b->arena, &guest->devices) = name_vf(b, address);
    }
    for (size_t i = 0; i < config->hugepages.n; i++)
        *ks_vec_add(b->arena, &guest->pages) = config->hugepages.v[i]->key;
}

static int compare_guests(const void *a, const void *b)
{
    return ks_strcmp_natural(((const struct ks_topology_guest *)a)->seen->name,
                             ((const struct ks_topology_guest *)b)->seen->name);
}

static void add_guests(struct builder *b)
{
    struct ks_topology *t = b->ret;

    for (size_t i = 0; i < b->seen->guests.n; i++) {
        const struct ks_seen_guest *seen = &b->seen->guests.v[i];
        *ks_vec_add(b->arena, &t->guests) = (struct ks_topology_guest){.seen = seen,
                                                                       .config = seen->unknown ? NULL
                                                                                 : seen->live  ? seen->live
                                                                                               : seen->config,
                                                                       .runs = seen->state != KS_GUEST_STOPPED};
        t->n_running += seen->state == KS_GUEST_RUNNING;
    }
    if (t->guests.n > 1)
        qsort(t->guests.v, t->guests.n, sizeof *t->guests.v, compare_guests);
    give_codes(b);
    for (size_t i = 0; i < t->guests.n; i++) {
        if (!t->guests.v[i].config)
            continue;
        read_nodes(b, &t->guests.v[i]);
        read_devices(b, &t->guests.v[i]);
        pin_vcpus(b, i);
    }
    for (size_t i = 0; i < t->guests.n; i++)
        if (t->guests.v[i].config)
            pin_helpers(b, i);
}

/* ---- bridges and devices ------------------------------------------------------------------------------------ */

static const char *bridge_of(const struct builder *b, const struct ks_nic *nic)
{
    const struct ks_seen_network *network = nic->network ? ks_seen_network(b->seen, nic->network) : NULL;
    const struct ks_network *config = network ? network->live ? network->live : network->config : NULL;

    return nic->bridge ? nic->bridge : config ? config->bridge : NULL;
}

static void add_users(struct builder *b, struct ks_topology_bridge *bridge)
{
    unsigned known = 0;

    for (size_t i = 0; i < b->ret->guests.n; i++) {
        const struct ks_topology_guest *guest = &b->ret->guests.v[i];
        for (size_t k = 0; guest->config && k < guest->config->nics.n; k++) {
            const struct ks_nic *nic = (const struct ks_nic *)guest->config->nics.v[k];
            if (!ks_streq(bridge_of(b, nic), bridge->seen->name))
                continue;
            *ks_vec_add(b->arena, &bridge->users) = (struct ks_topology_user){.guest = i, .nic = nic->o.key};
            known += guest->runs;
        }
    }
    bridge->strangers = bridge->seen->n_guest_ports > known ? bridge->seen->n_guest_ports - known : 0;
}

static void add_bridges(struct builder *b)
{
    for (size_t i = 0; i < b->seen->bridges.n; i++) {
        struct ks_topology_bridge *bridge = ks_vec_add(b->arena, &b->ret->bridges);
        bridge->seen = &b->seen->bridges.v[i];
        for (size_t k = 0; k < b->seen->networks.n; k++) {
            const struct ks_seen_network *network = &b->seen->networks.v[k];
            const struct ks_network *config = network->live ? network->live : network->config;
            if (config && ks_streq(config->bridge, bridge->seen->name))
                *ks_vec_add(b->arena, &bridge->networks) = network->name;
        }
        add_users(b, bridge);
    }
}

static void add_devices(struct builder *b)
{
    for (size_t i = 0; i < b->seen->pci.n; i++) {
        const struct ks_seen_pci *device = &b->seen->pci.v[i];
        if (!device->pf && !device->is_bridge &&
            (device->n_holders > 0 || ks_driver_keeps_for_guests(device->driver)))
            *ks_vec_add(b->arena, &b->ret->devices) = device;
    }
}

void ks_topology_build(struct ks_arena *arena, const struct ks_observed *seen, struct ks_topology *ret)
{
    struct builder b = {.arena = arena, .seen = seen, .ret = ret};

    *ret = (struct ks_topology){.seen = seen, .guests_known = true};
    for (size_t i = 0; i < seen->unknown.n; i++)
        ret->guests_known = ret->guests_known && !ks_starts(seen->unknown.v[i], "guests:");
    add_nodes(&b);
    add_guests(&b);
    add_bridges(&b);
    add_devices(&b);
}
