/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests: a host as YAML. Configuration is written as in a manifest and loaded by the same tables; what only an
 * observation has stands beside it: `guests: {web1: {state: running, owned: true, config: {vcpus: 2}}}`. A guest
 * that runs and states no `live` runs with its `config`.
 */
#pragma once

#include "schema/kinds.h"
#include "schema/observed.h"

struct fx_guest {
    struct ks_obj o;
    unsigned state; /* 0 running, 1 stopped, 2 paused: as ks_seen_guest has it */
    bool owned, autostart, protect, transient, nvram, managed_save;
    const char *pending, *unknown;
    struct ks_guest *config, *live;
};
struct fx_pool {
    struct ks_obj o;
    bool inactive, owned, autostart, protect;
    const char *path, *unknown;
    uint64_t capacity, available;
    struct ks_pool *config;
    struct ks_map volumes;
    struct ks_strings owned_volumes;
};
struct fx_network {
    struct ks_obj o;
    bool inactive, owned, autostart, protect, transient;
    const char *unknown;
    struct ks_strings users;
    struct ks_network *config, *live;
};
struct fx_secret {
    struct ks_obj o;
    bool owned, protect, has_value, value_differs;
    const char *unknown, *value_problem;
    struct ks_secret *config;
};
struct fx_bridge {
    struct ks_obj o;
    bool owned, default_route;
    const char *managed_by;
    uint64_t taps;
    struct ks_bridge *config;
};
struct fx_link {
    struct ks_obj o;
    const char *kind, *master, *managed_by;
    bool default_route;
    struct ks_strings addresses;
};
struct fx_node {
    struct ks_obj o;
    struct ks_cpuset cpus;
    uint64_t memory, free;
};
struct fx_pages {
    struct ks_obj o;
    uint64_t size, node, total, free, tried, came, tried_free;
};
struct fx_holders {
    struct ks_obj o; /* key: VF */
    struct ks_strings names;
    struct ks_vf *config;
    const char *driver;
};
struct fx_pf {
    struct ks_obj o; /* key: interface name */
    const char *address, *driver, *vf_driver;
    uint64_t node, total, num, mtu;
    bool default_route, down;
    struct ks_map held; /* VFs that somebody has, or that differ from the others */
};
struct fx_pci {
    struct ks_obj o; /* key: address */
    const char *what, *driver;
    uint64_t node, group;
    struct ks_strings holders;
};
struct fx_block {
    struct ks_obj o; /* key: its path */
    const char *holds, *problem;
    bool missing, busy;
};
struct fx_group {
    struct ks_obj o;
    struct ks_strings devices;
};
struct fx_file {
    struct ks_obj o; /* key: its path */
    uint64_t size;
};
struct fx_host {
    struct ks_obj o;
    struct ks_cpuset cpus;
    bool kvm;
    uint64_t max_vcpus, threads; /* threads: of a core; CPU i, i + n / threads, ... are one */
    struct ks_map nodes, pages, guests, pools, networks, secrets, bridges, links, pfs, pci, blocks, groups, files;
    struct ks_strings missing_files, unknown;
    const char *name;
};

/* clang-format off */
KS_ENUM_TABLE(fx_states, "running", "stopped", "paused");

static const struct ks_field fx_guest_rows[] = {
    KS_ROW_ENUM(struct fx_guest, state, "state", &fx_states, .doc = ""),
    KS_ROW_BOOL(struct fx_guest, owned, "owned", .doc = ""),
    KS_ROW_BOOL(struct fx_guest, autostart, "autostart", .doc = ""),
    KS_ROW_BOOL(struct fx_guest, protect, "protect", .doc = ""),
    KS_ROW_BOOL(struct fx_guest, transient, "transient", .doc = ""),
    KS_ROW_BOOL(struct fx_guest, nvram, "nvram", .doc = ""),
    KS_ROW_BOOL(struct fx_guest, managed_save, "managed-save", .doc = ""),
    KS_ROW_STRING(struct fx_guest, pending, "pending", .doc = ""),
    KS_ROW_STRING(struct fx_guest, unknown, "unknown", .doc = ""),
    KS_ROW_OBJECT(struct fx_guest, config, struct ks_guest, "config", &ks_guest_kind, .doc = ""),
    KS_ROW_OBJECT(struct fx_guest, live, struct ks_guest, "live", &ks_guest_kind, .doc = ""),
};
static const struct ks_kind fx_guest_kind = KS_KIND(struct fx_guest, fx_guest_rows, .name = "guest");

static const struct ks_field fx_pool_rows[] = {
    KS_ROW_BOOL(struct fx_pool, inactive, "inactive", .doc = ""),
    KS_ROW_BOOL(struct fx_pool, owned, "owned", .doc = ""),
    KS_ROW_BOOL(struct fx_pool, autostart, "autostart", .doc = ""),
    KS_ROW_BOOL(struct fx_pool, protect, "protect", .doc = ""),
    KS_ROW_STRING(struct fx_pool, path, "path", .doc = ""),
    KS_ROW_STRING(struct fx_pool, unknown, "unknown", .doc = ""),
    KS_ROW_SIZE(struct fx_pool, capacity, "capacity", .doc = ""),
    KS_ROW_SIZE(struct fx_pool, available, "available", .doc = ""),
    KS_ROW_OBJECT(struct fx_pool, config, struct ks_pool, "config", &ks_pool_kind, .doc = ""),
    KS_ROW_MAP(struct fx_pool, volumes, "volumes", &ks_volume_kind, .doc = ""),
    KS_ROW_STRINGS(struct fx_pool, owned_volumes, "owned-volumes", .doc = ""),
};
static const struct ks_kind fx_pool_kind = KS_KIND(struct fx_pool, fx_pool_rows, .name = "pool");

static const struct ks_field fx_network_rows[] = {
    KS_ROW_BOOL(struct fx_network, inactive, "inactive", .doc = ""),
    KS_ROW_BOOL(struct fx_network, owned, "owned", .doc = ""),
    KS_ROW_BOOL(struct fx_network, autostart, "autostart", .doc = ""),
    KS_ROW_BOOL(struct fx_network, protect, "protect", .doc = ""),
    KS_ROW_BOOL(struct fx_network, transient, "transient", .doc = ""),
    KS_ROW_STRING(struct fx_network, unknown, "unknown", .doc = ""),
    KS_ROW_STRINGS(struct fx_network, users, "users", .doc = ""),
    KS_ROW_OBJECT(struct fx_network, config, struct ks_network, "config", &ks_network_kind, .doc = ""),
    KS_ROW_OBJECT(struct fx_network, live, struct ks_network, "live", &ks_network_kind, .doc = ""),
};
static const struct ks_kind fx_network_kind = KS_KIND(struct fx_network, fx_network_rows, .name = "network");

static const struct ks_field fx_secret_rows[] = {
    KS_ROW_BOOL(struct fx_secret, owned, "owned", .doc = ""),
    KS_ROW_BOOL(struct fx_secret, protect, "protect", .doc = ""),
    KS_ROW_BOOL(struct fx_secret, has_value, "has-value", .doc = ""),
    KS_ROW_BOOL(struct fx_secret, value_differs, "value-differs", .doc = ""),
    KS_ROW_STRING(struct fx_secret, unknown, "unknown", .doc = ""),
    KS_ROW_STRING(struct fx_secret, value_problem, "value-problem", .doc = ""),
    KS_ROW_OBJECT(struct fx_secret, config, struct ks_secret, "config", &ks_secret_kind, .doc = ""),
};
static const struct ks_kind fx_secret_kind = KS_KIND(struct fx_secret, fx_secret_rows, .name = "secret");

static const struct ks_field fx_bridge_rows[] = {
    KS_ROW_BOOL(struct fx_bridge, owned, "owned", .doc = ""),
    KS_ROW_BOOL(struct fx_bridge, default_route, "default-route", .doc = ""),
    KS_ROW_STRING(struct fx_bridge, managed_by, "managed-by", .doc = ""),
    KS_ROW_UINT(struct fx_bridge, taps, "taps", .doc = ""),
    KS_ROW_OBJECT(struct fx_bridge, config, struct ks_bridge, "config", &ks_bridge_kind, .doc = ""),
};
static const struct ks_kind fx_bridge_kind = KS_KIND(struct fx_bridge, fx_bridge_rows, .name = "bridge");

static const struct ks_field fx_link_rows[] = {
    KS_ROW_STRING(struct fx_link, kind, "kind", .doc = ""),
    KS_ROW_STRING(struct fx_link, master, "master", .doc = ""),
    KS_ROW_STRING(struct fx_link, managed_by, "managed-by", .doc = ""),
    KS_ROW_BOOL(struct fx_link, default_route, "default-route", .doc = ""),
    KS_ROW_STRINGS(struct fx_link, addresses, "addresses", .doc = ""),
};
static const struct ks_kind fx_link_kind = KS_KIND(struct fx_link, fx_link_rows, .name = "link");

static const struct ks_field fx_node_rows[] = {
    KS_ROW_CPUSET(struct fx_node, cpus, "cpus", .doc = ""),
    KS_ROW_SIZE(struct fx_node, memory, "memory", .doc = ""),
    KS_ROW_SIZE(struct fx_node, free, "free", .doc = ""),
};
static const struct ks_kind fx_node_kind = KS_KIND(struct fx_node, fx_node_rows, .name = "node");

static const struct ks_field fx_pages_rows[] = {
    KS_ROW_SIZE(struct fx_pages, size, "size", .doc = ""),
    KS_ROW_UINT(struct fx_pages, node, "node", .doc = ""),
    KS_ROW_UINT(struct fx_pages, total, "total", .doc = ""),
    KS_ROW_UINT(struct fx_pages, free, "free", .doc = ""),
    KS_ROW_UINT(struct fx_pages, tried, "tried", .doc = ""),
    KS_ROW_UINT(struct fx_pages, came, "came", .doc = ""),
    KS_ROW_UINT(struct fx_pages, tried_free, "tried-free", .doc = ""), /* KiB */
};
static const struct ks_kind fx_pages_kind = KS_KIND(struct fx_pages, fx_pages_rows, .name = "pages");

static const struct ks_field fx_holders_rows[] = {
    KS_ROW_STRINGS(struct fx_holders, names, "by", .doc = ""),
    KS_ROW_STRING(struct fx_holders, driver, "driver", .doc = ""),
    KS_ROW_OBJECT(struct fx_holders, config, struct ks_vf, "config", &ks_vf_kind, .doc = ""),
};
static const struct ks_kind fx_holders_kind =
    KS_KIND(struct fx_holders, fx_holders_rows, .name = "holders", .shorthand = "by");

static const struct ks_field fx_pf_rows[] = {
    KS_ROW_STRING(struct fx_pf, address, "address", .doc = ""),
    KS_ROW_STRING(struct fx_pf, driver, "driver", .doc = ""),
    KS_ROW_STRING(struct fx_pf, vf_driver, "vf-driver", .doc = ""),
    KS_ROW_UINT(struct fx_pf, node, "node", .doc = ""),
    KS_ROW_UINT(struct fx_pf, total, "total", .doc = ""),
    KS_ROW_UINT(struct fx_pf, num, "num", .doc = ""),
    KS_ROW_UINT(struct fx_pf, mtu, "mtu", .doc = ""),
    KS_ROW_BOOL(struct fx_pf, default_route, "default-route", .doc = ""),
    KS_ROW_BOOL(struct fx_pf, down, "down", .doc = ""),
    KS_ROW_MAP(struct fx_pf, held, "held", &fx_holders_kind, .doc = ""),
};
static const struct ks_kind fx_pf_kind = KS_KIND(struct fx_pf, fx_pf_rows, .name = "pf");

static const struct ks_field fx_pci_rows[] = {
    KS_ROW_STRING(struct fx_pci, what, "what", .doc = ""),
    KS_ROW_STRING(struct fx_pci, driver, "driver", .doc = ""),
    KS_ROW_UINT(struct fx_pci, node, "node", .doc = ""),
    KS_ROW_UINT(struct fx_pci, group, "group", .doc = ""),
    KS_ROW_STRINGS(struct fx_pci, holders, "holders", .doc = ""),
};
static const struct ks_kind fx_pci_kind = KS_KIND(struct fx_pci, fx_pci_rows, .name = "pci");
static const struct ks_field fx_block_rows[] = {
    KS_ROW_STRING(struct fx_block, holds, "holds", .doc = ""),
    KS_ROW_STRING(struct fx_block, problem, "problem", .doc = ""),
    KS_ROW_BOOL(struct fx_block, missing, "missing", .doc = ""),
    KS_ROW_BOOL(struct fx_block, busy, "busy", .doc = ""),
};
static const struct ks_kind fx_block_kind = KS_KIND(struct fx_block, fx_block_rows, .name = "block device");

static const struct ks_field fx_group_rows[] = {
    KS_ROW_STRINGS(struct fx_group, devices, "devices", .doc = ""),
};
static const struct ks_kind fx_group_kind = KS_KIND(struct fx_group, fx_group_rows, .name = "volume group");

static const struct ks_field fx_file_rows[] = {
    KS_ROW_SIZE(struct fx_file, size, "size", .doc = ""),
};
static const struct ks_kind fx_file_kind = KS_KIND(struct fx_file, fx_file_rows, .name = "file");

static const struct ks_field fx_host_rows[] = {
    KS_ROW_CPUSET(struct fx_host, cpus, "cpus", .doc = ""),
    KS_ROW_STRING(struct fx_host, name, "name", .doc = ""),
    KS_ROW_BOOL(struct fx_host, kvm, "kvm", .doc = ""),
    KS_ROW_UINT(struct fx_host, max_vcpus, "max-vcpus", .doc = ""),
    KS_ROW_UINT(struct fx_host, threads, "threads", .doc = ""),
    KS_ROW_MAP(struct fx_host, nodes, "nodes", &fx_node_kind, .doc = ""),
    KS_ROW_MAP(struct fx_host, pages, "pages", &fx_pages_kind, .doc = ""),
    KS_ROW_MAP(struct fx_host, guests, "guests", &fx_guest_kind, .doc = ""),
    KS_ROW_MAP(struct fx_host, pools, "pools", &fx_pool_kind, .doc = ""),
    KS_ROW_MAP(struct fx_host, networks, "networks", &fx_network_kind, .doc = ""),
    KS_ROW_MAP(struct fx_host, secrets, "secrets", &fx_secret_kind, .doc = ""),
    KS_ROW_MAP(struct fx_host, bridges, "bridges", &fx_bridge_kind, .doc = ""),
    KS_ROW_MAP(struct fx_host, links, "links", &fx_link_kind, .doc = ""),
    KS_ROW_MAP(struct fx_host, pfs, "pfs", &fx_pf_kind, .doc = ""),
    KS_ROW_MAP(struct fx_host, pci, "pci", &fx_pci_kind, .doc = ""),
    KS_ROW_MAP(struct fx_host, blocks, "blocks", &fx_block_kind, .doc = ""),
    KS_ROW_MAP(struct fx_host, groups, "groups", &fx_group_kind, .doc = ""),
    KS_ROW_MAP(struct fx_host, files, "files", &fx_file_kind, .doc = ""),
    KS_ROW_STRINGS(struct fx_host, missing_files, "missing-files", .doc = ""),
    KS_ROW_STRINGS(struct fx_host, unknown, "unknown", .doc = ""),
};
static const struct ks_kind fx_host_kind = KS_KIND(struct fx_host, fx_host_rows, .name = "host");
/* clang-format on */

/* Stands for what an observer hashes: differs when what is stated differs. */
static inline uint64_t fx_hash(struct ks_arena *arena, const struct ks_obj *o)
{
    struct ks_text text = {.arena = arena};

    ks_print_yaml(&text, o, 0);
    return ks_hash_str(KS_HASH_START, ks_text_str(&text));
}

/* What an observer reads beside the words of the manifest. */
static inline void fx_resolve_disks(const struct ks_guest *guest)
{
    for (size_t i = 0; guest && i < guest->disks.n; i++) {
        struct ks_disk *disk = (struct ks_disk *)guest->disks.v[i];
        disk->source_type = disk->file ? "file" : disk->block ? "block" : NULL;
        disk->source_path = disk->file ? disk->file : disk->block;
    }
}

static inline void fx_take_guests(struct ks_arena *arena, const struct fx_host *from, struct ks_observed *ret)
{
    for (size_t i = 0; i < from->guests.n; i++) {
        const struct fx_guest *g = (const struct fx_guest *)from->guests.v[i];
        const bool runs = g->state != KS_GUEST_STOPPED;
        fx_resolve_disks(g->config);
        fx_resolve_disks(g->live);
        *ks_vec_add(arena, &ret->guests) = (struct ks_seen_guest){
            .name = g->o.key,
            .uuid = g->config ? g->config->uuid : NULL,
            .unknown = g->unknown,
            .state = g->state,
            .id = runs ? (int)i + 1 : -1,
            .persistent = !g->transient,
            .autostart = g->autostart,
            .owned = g->owned,
            .protect = g->protect,
            .managed_save = g->managed_save,
            .has_nvram = g->nvram,
            .config = g->config,
            .live = !runs     ? NULL
                    : g->live ? g->live
                              : g->config,
            .pending = g->pending,
            .hash = fx_hash(arena, &g->o),
        };
    }
}

static inline void fx_take_storage(struct ks_arena *arena, const struct fx_host *from, struct ks_observed *ret)
{
    for (size_t i = 0; i < from->pools.n; i++) {
        const struct fx_pool *p = (const struct fx_pool *)from->pools.v[i];
        for (size_t k = 0; k < p->volumes.n; k++) {
            struct ks_volume *v = (struct ks_volume *)p->volumes.v[k];
            v->path = ks_sprintf(arena, "%s/%s", p->path ? p->path : "", v->o.key);
            v->allocation = v->size;
        }
        *ks_vec_add(arena, &ret->pools) = (struct ks_seen_pool){
            .name = p->o.key,
            .unknown = p->unknown,
            .config = p->config,
            .path = p->path,
            .active = !p->inactive,
            .autostart = p->autostart,
            .persistent = true,
            .owned = p->owned,
            .protect = p->protect,
            .capacity = p->capacity,
            .allocation = p->capacity - p->available,
            .available = p->available,
            .volumes = p->volumes,
            .volumes_known = !p->inactive,
            .owned_volumes = p->owned_volumes.v,
            .n_owned_volumes = p->owned_volumes.n,
            .hash = fx_hash(arena, &p->o),
        };
    }
}

static inline void fx_take_sources(struct ks_arena *arena, const struct fx_host *from, struct ks_observed *ret)
{
    for (size_t i = 0; i < from->blocks.n; i++) {
        const struct fx_block *b = (const struct fx_block *)from->blocks.v[i];
        *ks_vec_add(arena, &ret->blocks) = (struct ks_seen_block){
            .path = b->o.key, .holds = b->holds, .problem = b->problem, .missing = b->missing, .busy = b->busy};
    }
    for (size_t i = 0; i < from->groups.n; i++) {
        const struct fx_group *g = (const struct fx_group *)from->groups.v[i];
        *ks_vec_add(arena, &ret->groups) = (struct ks_seen_group){.name = g->o.key, .devices = g->devices};
    }
    for (size_t i = 0; i < from->files.n; i++) {
        const struct fx_file *f = (const struct fx_file *)from->files.v[i];
        *ks_vec_add(arena, &ret->files) = (struct ks_seen_file){.path = f->o.key, .size = f->size};
    }
}

static inline void fx_take_networks(struct ks_arena *arena, const struct fx_host *from, struct ks_observed *ret)
{
    for (size_t i = 0; i < from->networks.n; i++) {
        const struct fx_network *n = (const struct fx_network *)from->networks.v[i];
        *ks_vec_add(arena, &ret->networks) = (struct ks_seen_network){
            .name = n->o.key,
            .config = n->config,
            .unknown = n->unknown,
            .live = n->inactive ? NULL
                    : n->live   ? n->live
                                : n->config,
            .active = !n->inactive,
            .autostart = n->autostart,
            .persistent = !n->transient,
            .users = n->users,
            .owned = n->owned,
            .protect = n->protect,
            .hash = fx_hash(arena, &n->o),
        };
    }
    for (size_t i = 0; i < from->bridges.n; i++) {
        const struct fx_bridge *b = (const struct fx_bridge *)from->bridges.v[i];
        *ks_vec_add(arena, &ret->bridges) = (struct ks_seen_bridge){.name = b->o.key,
                                                                    .config = b->config,
                                                                    .owned = b->owned,
                                                                    .default_route = b->default_route,
                                                                    .managed_by = b->managed_by,
                                                                    .n_guest_ports = (unsigned)b->taps,
                                                                    .hash = fx_hash(arena, &b->o)};
    }
    for (size_t i = 0; i < from->links.n; i++) {
        const struct fx_link *l = (const struct fx_link *)from->links.v[i];
        *ks_vec_add(arena, &ret->links) = (struct ks_seen_link){.name = l->o.key,
                                                                .kind = l->kind ? l->kind : "",
                                                                .master = l->master,
                                                                .managed_by = l->managed_by,
                                                                .up = true,
                                                                .default_route = l->default_route,
                                                                .has_addresses = l->addresses.n > 0,
                                                                .addresses = l->addresses,
                                                                .mtu = 1500};
    }
}

static inline void fx_take_secrets(struct ks_arena *arena, const struct fx_host *from, struct ks_observed *ret)
{
    for (size_t i = 0; i < from->secrets.n; i++) {
        const struct fx_secret *s = (const struct fx_secret *)from->secrets.v[i];
        *ks_vec_add(arena, &ret->secrets) = (struct ks_seen_secret){
            .name = s->o.key,
            .unknown = s->unknown,
            .config =
                s->config ? s->config : (const struct ks_secret *)ks_obj_new(arena, &ks_secret_kind, s->o.key),
            .has_value = s->has_value,
            .owned = s->owned,
            .protect = s->protect,
            .value_matches = s->has_value && !s->value_differs,
            .value_problem = s->value_problem,
            .hash = fx_hash(arena, &s->o),
        };
    }
}

/* CPU i and i + n / threads are threads of one core, as Linux numbers them. */
static inline void fx_take_cores(struct ks_arena *arena, const struct fx_host *from, struct ks_observed *ret)
{
    const unsigned n = ks_cpuset_count(&from->cpus);
    const unsigned cores = from->threads ? n / (unsigned)from->threads : n;

    for (unsigned i = 0; i < cores; i++) {
        struct ks_cpuset *core = ks_vec_add(arena, &ret->cores);
        for (unsigned k = i; k < n; k += cores)
            ks_cpuset_add(arena, core, k);
    }
}

static inline void fx_take_vf(struct ks_arena *arena, const struct fx_pf *pf, unsigned index,
                              struct ks_seen_vf *ret)
{
    const char *key = ks_sprintf(arena, "%u", index);
    const struct fx_holders *held = (const struct fx_holders *)ks_map_get(&pf->held, key);

    /* Its own bus, as VFs have it beyond 8 functions: "0000:01:10.0", ... */
    *ret = (struct ks_seen_vf){
        .index = index,
        .address = ks_sprintf(arena, "%.7s:%02x.%u", pf->address, 0x10 + index / 8, index % 8),
        .driver = held && held->driver ? held->driver : pf->vf_driver,
        .config = held && held->config ? held->config : (struct ks_vf *)ks_obj_new(arena, &ks_vf_kind, key),
        .n_holders = held ? held->names.n : 0,
        .holders = held ? held->names.v : NULL,
    };
}

static inline void fx_take_devices(struct ks_arena *arena, const struct fx_host *from, struct ks_observed *ret)
{
    for (size_t i = 0; i < from->pfs.n; i++) {
        const struct fx_pf *p = (const struct fx_pf *)from->pfs.v[i];
        struct ks_seen_pf *pf = ks_vec_add(arena, &ret->pfs);
        *pf = (struct ks_seen_pf){.name = p->o.key,
                                  .address = p->address,
                                  .driver = p->driver,
                                  .total_vfs = p->total,
                                  .num_vfs = p->num,
                                  .mtu = p->mtu,
                                  .node = ks_has(&p->o, "node") ? (int)p->node : -1,
                                  .up = !p->down,
                                  .default_route = p->default_route,
                                  .n_vfs = p->num,
                                  .vfs = ks_new_n(arena, struct ks_seen_vf, p->num + 1)};
        for (unsigned k = 0; k < p->num; k++)
            fx_take_vf(arena, p, k, &pf->vfs[k]);
    }
    for (size_t i = 0; i < from->pci.n; i++) {
        const struct fx_pci *p = (const struct fx_pci *)from->pci.v[i];
        *ks_vec_add(arena, &ret->pci) =
            (struct ks_seen_pci){.address = p->o.key,
                                 .driver = p->driver,
                                 .what = p->what,
                                 .iommu_group = ks_has(&p->o, "group") ? (int)p->group : -1,
                                 .node = ks_has(&p->o, "node") ? (int)p->node : -1,
                                 .n_holders = p->holders.n,
                                 .holders = p->holders.v};
    }
}

static inline void fx_take_host(struct ks_arena *arena, const struct fx_host *from, struct ks_observed *ret)
{
    ret->cpus = from->cpus;
    ret->caps.kvm = from->kvm;
    ret->caps.max_vcpus = (unsigned)from->max_vcpus;
    for (size_t i = 0; i < from->nodes.n; i++) {
        const struct fx_node *n = (const struct fx_node *)from->nodes.v[i];
        *ks_vec_add(arena, &ret->nodes) =
            (struct ks_seen_node){.id = atoi(n->o.key), .cpus = n->cpus, .memory = n->memory, .free = n->free};
    }
    for (size_t i = 0; i < from->pages.n; i++) {
        const struct fx_pages *p = (const struct fx_pages *)from->pages.v[i];
        *ks_vec_add(arena, &ret->hugepages) =
            (struct ks_seen_hugepages){.size = p->size,
                                       .node = ks_has(&p->o, "node") ? (int)p->node : -1,
                                       .total = p->total,
                                       .free = p->free,
                                       .tried = p->tried,
                                       .came = p->came,
                                       .tried_free_kib = p->tried_free};
    }
    for (size_t i = 0; i < from->missing_files.n; i++)
        *ks_vec_add(arena, &ret->missing_files) = from->missing_files.v[i];
    for (size_t i = 0; i < from->unknown.n; i++)
        *ks_vec_add(arena, &ret->unknown) = from->unknown.v[i];
}

/* What is wrong with the text becomes findings. */
static inline void fx_load(struct ks_arena *arena, const char *file, const char *text, size_t len,
                           struct ks_findings *f, struct ks_observed *ret)
{
    struct ks_loader loader = {.arena = arena, .findings = f, .partial = true};
    struct fx_host *host = (struct fx_host *)ks_obj_new(arena, &fx_host_kind, NULL);
    const struct ks_node *node = ks_yaml_parse(f, file, text, len);

    *ret = (struct ks_observed){.host = "host"};
    if (node)
        ks_load(&loader, &fx_host_kind, node, &host->o);
    if (host->name)
        ret->host = host->name;
    fx_take_guests(arena, host, ret);
    fx_take_storage(arena, host, ret);
    fx_take_sources(arena, host, ret);
    fx_take_networks(arena, host, ret);
    fx_take_secrets(arena, host, ret);
    fx_take_host(arena, host, ret);
    fx_take_cores(arena, host, ret);
    fx_take_devices(arena, host, ret);
    ks_observed_sort(ret);
}
