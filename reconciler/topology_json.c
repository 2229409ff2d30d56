/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The topology for programs. Sizes are in bytes, sets as libvirt writes them; what is unknown is null. */
#include "reconciler/json.h"
#include "reconciler/report.h"
#include "reconciler/topology.h"

struct maker {
    struct ks_arena *arena; /* for texts that the JSON copies */
    const struct ks_topology *t;
};

static json_t *set_json(const struct maker *m, const struct ks_cpuset *set)
{
    return ks_json_text(ks_cpuset_format(m->arena, set));
}

static json_t *count_json(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *number_or_null(int n)
{
    return n < 0 ? json_null() : json_integer(n);
}

static json_t *holders_json(size_t n, const char *const *holders)
{
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++)
        ks_json_append(array, ks_json_text(holders[i]));
    return array;
}

/* ---- nodes -------------------------------------------------------------------------------------------------- */

static json_t *pages_json(const struct ks_topology_pages *p)
{
    json_t *json = json_object();

    ks_json_set(json, "size", count_json(p->size));
    ks_json_set(json, "total", count_json(p->total));
    ks_json_set(json, "used", count_json(p->used));
    ks_json_set(json, "free", count_json(p->free));
    ks_json_set(json, "surplus", count_json(p->surplus));
    ks_json_set(json, "reserved", count_json(p->reserved));
    return json;
}

static json_t *cpu_json(const struct maker *m, const struct ks_topology_cpu *cpu)
{
    json_t *json = json_object(), *pins = json_array();

    ks_json_set(json, "id", json_integer(cpu->id));
    for (size_t i = 0; i < cpu->pins.n; i++) {
        const struct ks_topology_pin *pin = &cpu->pins.v[i];
        json_t *one = json_object();
        ks_json_set_text(one, "guest", m->t->guests.v[pin->guest].seen->name);
        ks_json_set_text(one, "thread", ks_topology_pin_text(m->arena, pin));
        ks_json_set(one, "whole_node", json_boolean(pin->whole_node));
        ks_json_append(pins, one);
    }
    ks_json_set(json, "pins", pins);
    return json;
}

/* A list of cores, each a list of threads. */
static json_t *cores_json(const struct maker *m, const struct ks_topology_node *node)
{
    json_t *cores = json_array();

    for (size_t i = 0; i < node->cores.n; i++) {
        json_t *threads = json_array();
        for (size_t k = 0; k < node->cores.v[i].n_threads; k++)
            ks_json_append(threads, cpu_json(m, &node->cores.v[i].threads[k]));
        ks_json_append(cores, threads);
    }
    return cores;
}

static json_t *node_json(const struct maker *m, const struct ks_topology_node *node)
{
    json_t *json = json_object(), *pages = json_array();

    ks_json_set(json, "id", number_or_null(node->id));
    ks_json_set(json, "cpus", set_json(m, &node->cpus));
    ks_json_set(json, "memory", node->memory ? count_json(node->memory) : json_null());
    ks_json_set(json, "free", node->memory ? count_json(node->free) : json_null());
    for (size_t i = 0; i < node->pages.n; i++)
        ks_json_append(pages, pages_json(&node->pages.v[i]));
    ks_json_set(json, "pages", pages);
    ks_json_set(json, "cores", cores_json(m, node));
    return json;
}

/* ---- guests ------------------------------------------------------------------------------------------------- */

static json_t *guest_json(const struct maker *m, const struct ks_topology_guest *guest)
{
    const struct ks_guest *config = guest->config;
    json_t *json = json_object(), *iothreads = json_object();

    ks_json_set_text(json, "name", guest->seen->name);
    ks_json_set_text(json, "state", ks_topology_state(guest));
    ks_json_set_text_if(json, "unknown", guest->seen->unknown);
    if (!config) {
        json_decref(iothreads);
        return json;
    }
    ks_json_set(json, "vcpus", count_json(config->vcpus));
    ks_json_set(json, "memory", count_json(config->memory));
    ks_json_set(json, "pages", ks_json_strings(&guest->pages));
    ks_json_set(json, "nodes", set_json(m, &guest->nodes));
    ks_json_set(json, "cpus", set_json(m, &guest->cpus));
    if (config->pinning)
        ks_json_set(json, "emulator", set_json(m, &config->pinning->emulator));
    for (size_t i = 0; config->pinning && i < config->pinning->iothreads.n; i++) {
        const struct ks_set *set = (const struct ks_set *)config->pinning->iothreads.v[i];
        ks_json_set(iothreads, set->o.key, set_json(m, &set->value));
    }
    ks_json_set(json, "iothreads", iothreads);
    ks_json_set(json, "devices", ks_json_strings(&guest->devices));
    return json;
}

/* ---- devices, bridges --------------------------------------------------------------------------------------- */

static json_t *vf_json(const struct ks_seen_vf *vf)
{
    json_t *json = json_object();

    ks_json_set(json, "index", json_integer(vf->index));
    ks_json_set_text(json, "address", vf->address);
    ks_json_set_text(json, "driver", vf->driver);
    ks_json_set_text(json, "netdev", vf->netdev);
    ks_json_set_text(json, "mac", vf->config ? vf->config->mac : NULL);
    ks_json_set(json, "vlan", vf->config ? count_json(vf->config->vlan) : json_null());
    ks_json_set(json, "holders", holders_json(vf->n_holders, vf->holders));
    return json;
}

static json_t *pf_json(const struct ks_seen_pf *pf)
{
    json_t *json = json_object(), *vfs = json_array();

    ks_json_set_text(json, "name", pf->name);
    ks_json_set_text(json, "address", pf->address);
    ks_json_set_text(json, "driver", pf->driver);
    ks_json_set(json, "node", number_or_null(pf->node));
    ks_json_set(json, "up", json_boolean(pf->up));
    ks_json_set(json, "mtu", count_json(pf->mtu));
    ks_json_set(json, "default_route", json_boolean(pf->default_route));
    ks_json_set(json, "total_vfs", count_json(pf->total_vfs));
    ks_json_set(json, "num_vfs", count_json(pf->num_vfs));
    for (size_t i = 0; i < pf->n_vfs; i++)
        ks_json_append(vfs, vf_json(&pf->vfs[i]));
    ks_json_set(json, "vfs", vfs);
    return json;
}

static json_t *device_json(const struct ks_seen_pci *d)
{
    json_t *json = json_object();

    ks_json_set_text(json, "address", d->address);
    ks_json_set_text(json, "what", d->what);
    ks_json_set_text(json, "driver", d->driver);
    ks_json_set(json, "node", number_or_null(d->node));
    ks_json_set(json, "iommu_group", number_or_null(d->iommu_group));
    ks_json_set(json, "holders", holders_json(d->n_holders, d->holders));
    return json;
}

static json_t *bridge_json(const struct maker *m, const struct ks_topology_bridge *bridge)
{
    const struct ks_bridge *config = bridge->seen->config;
    json_t *json = json_object(), *users = json_array();

    ks_json_set_text(json, "name", bridge->seen->name);
    if (config) {
        ks_json_set(json, "up", json_boolean(config->up));
        ks_json_set(json, "mtu", count_json(config->mtu));
        ks_json_set(json, "ports", ks_json_strings(&config->ports));
        ks_json_set(json, "addresses", ks_json_strings(&config->addresses));
    }
    ks_json_set(json, "networks", ks_json_strings(&bridge->networks));
    for (size_t i = 0; i < bridge->users.n; i++) {
        json_t *user = json_object();
        ks_json_set_text(user, "guest", m->t->guests.v[bridge->users.v[i].guest].seen->name);
        ks_json_set_text(user, "nic", bridge->users.v[i].nic);
        ks_json_append(users, user);
    }
    ks_json_set(json, "guests", users);
    ks_json_set(json, "other_taps", json_integer(bridge->strangers));
    return json;
}

/* ---- all ---------------------------------------------------------------------------------------------------- */

static json_t *unknown_json(const struct ks_observed *seen)
{
    json_t *array = json_array();

    for (size_t i = 0; i < seen->unknown.n; i++)
        ks_json_append(array, ks_json_text(seen->unknown.v[i]));
    return array;
}

#define ADD_LIST(json, key, list, make) \
    do { \
        json_t *array_ = json_array(); \
        for (size_t i = 0; i < (list).n; i++) \
            ks_json_append(array_, make); \
        ks_json_set((json), (key), array_); \
    } while (0)

json_t *ks_topology_json(const struct ks_topology *t)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    const struct maker m = {.arena = arena, .t = t};
    json_t *json = json_object();

    ks_json_set(json, "format", json_integer(KS_REPORT_FORMAT));
    ks_json_set_text(json, "host", t->seen->host);
    ks_json_set(json, "versions", ks_report_versions_json(t->seen));
    ks_json_set(json, "cpus", set_json(&m, &t->seen->cpus));
    ADD_LIST(json, "nodes", t->nodes, node_json(&m, &t->nodes.v[i]));
    ADD_LIST(json, "guests", t->guests, guest_json(&m, &t->guests.v[i]));
    ADD_LIST(json, "pfs", t->seen->pfs, pf_json(&t->seen->pfs.v[i]));
    ADD_LIST(json, "devices", t->devices, device_json(t->devices.v[i]));
    ADD_LIST(json, "bridges", t->bridges, bridge_json(&m, &t->bridges.v[i]));
    ks_json_set(json, "unknown", unknown_json(t->seen));
    ks_json_set_text(json, "holders_unknown", t->seen->holders_unknown);
    return json;
}
