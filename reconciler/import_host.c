/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host beside its guests, as a manifest says it: what differs from what a host, or a new thing, has anyway. */
#include <string.h>

#include "reconciler/import.h"

/* ---- leaving out -------------------------------------------------------------------------------------------- */

/* What a thing of this kind has when nothing is said: field, value as manifest text. */
struct usual {
    const char *key, *value;
};

static void leave_out(struct ks_arena *arena, struct ks_obj *obj, const struct usual *usual, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct ks_field *field = &obj->kind->fields[ks_row(obj->kind, usual[i].key)];
        if (ks_has(obj, usual[i].key) && ks_streq(ks_show(arena, field, obj), usual[i].value))
            ks_unmark(obj, usual[i].key);
    }
}

/* Into a map of the manifest; an observed object is copied, for it is changed. */
static struct ks_obj *put(struct ks_importing *i, const char *map, const struct ks_obj *have, const char *key)
{
    struct ks_obj *obj = ks_obj_new(i->arena, have->kind, NULL);

    memcpy(obj, have, have->kind->size);
    obj->key = key;
    ks_map_put(i->arena, ks_member(&i->m->o, &ks_manifest_kind.fields[ks_row(&ks_manifest_kind, map)]), obj);
    ks_mark(&i->m->o, map);
    return obj;
}

static void state_bool(struct ks_obj *obj, const char *key, bool *member, bool value)
{
    *member = value;
    if (value)
        ks_mark(obj, key);
    else
        ks_unmark(obj, key);
}

/* ---- kernel and huge pages ---------------------------------------------------------------------------------- */

static void import_ksm(struct ks_importing *i, const struct ks_kernel *have, struct ks_kernel *ret)
{
    static const struct usual usual[] = {
        {"run", "false"}, {"pages-to-scan", "100"}, {"sleep", "20ms"}, {"merge-across-nodes", "true"}};
    struct ks_ksm *ksm;

    /* What the knobs say of a daemon that does not run is of no consequence. */
    if (!ks_has(&have->o, "ksm") || !have->ksm->run)
        return;
    ksm = (struct ks_ksm *)ks_obj_new(i->arena, have->ksm->o.kind, NULL);
    *ksm = *have->ksm;
    leave_out(i->arena, &ksm->o, usual, KS_COUNT(usual));
    ret->ksm = ksm;
    ks_mark(&ret->o, "ksm");
}

static void import_kernel(struct ks_importing *i)
{
    const struct ks_kernel *have = i->have->kernel;
    struct ks_kernel *kernel;

    if (!have)
        return;
    kernel = (struct ks_kernel *)ks_obj_new(i->arena, &ks_kernel_kind, NULL);
    import_ksm(i, have, kernel);
    /* On by itself where there is more than one node. */
    if (ks_has(&have->o, "numa-balancing") && have->numa_balancing != (i->have->nodes.n > 1)) {
        kernel->numa_balancing = have->numa_balancing;
        ks_mark(&kernel->o, "numa-balancing");
    }
    if (!kernel->o.stated)
        return;
    i->m->kernel = kernel;
    ks_mark(&i->m->o, "kernel");
}

static void add_pages(struct ks_importing *i, struct ks_hugepages *pages, const struct ks_seen_hugepages *seen)
{
    const struct ks_field *nodes = &ks_hugepages_kind.fields[ks_row(&ks_hugepages_kind, "nodes")];
    struct ks_number *number;

    if (seen->node < 0) {
        pages->total = seen->total;
        ks_mark(&pages->o, "total");
        return;
    }
    number = (struct ks_number *)ks_obj_new(i->arena, nodes->kind, ks_sprintf(i->arena, "%d", seen->node));
    number->value = seen->total;
    ks_mark(&number->o, "pages");
    ks_map_put(i->arena, &pages->nodes, &number->o);
    ks_mark(&pages->o, "nodes");
}

static void import_hugepages(struct ks_importing *i)
{
    for (size_t k = 0; k < i->have->hugepages.n; k++) {
        const struct ks_seen_hugepages *seen = &i->have->hugepages.v[k];
        const char *size = ks_size_format(i->arena, seen->size);
        struct ks_hugepages *pages = (struct ks_hugepages *)ks_map_get(&i->m->hugepages, size);
        if (!seen->total)
            continue;
        if (!pages) {
            const struct ks_hugepages none = {.o.kind = &ks_hugepages_kind};
            pages = (struct ks_hugepages *)put(i, "hugepages", &none.o, size);
        }
        add_pages(i, pages, seen);
    }
}

/* ---- VFs ---------------------------------------------------------------------------------------------------- */

static void import_vf(struct ks_importing *i, const struct ks_seen_vf *seen, struct ks_sriov *pf)
{
    static const struct usual usual[] = {{"mac", "00:00:00:00:00:00"}, {"vlan", "0"},        {"qos", "0"},
                                         {"spoof-check", "true"},      {"trust", "false"},   {"link-state", "auto"},
                                         {"min-rate", "0Mbit"},        {"max-rate", "0Mbit"}};
    struct ks_vf *vf;

    if (!seen->config)
        return;
    vf = (struct ks_vf *)ks_obj_new(i->arena, &ks_vf_kind, ks_sprintf(i->arena, "%u", seen->index));
    memcpy(&vf->o, &seen->config->o, sizeof vf->o);
    *vf = *seen->config;
    vf->o.key = ks_sprintf(i->arena, "%u", seen->index);
    ks_unmark(&vf->o, "driver");
    leave_out(i->arena, &vf->o, usual, KS_COUNT(usual));
    if (!vf->o.stated)
        return;
    ks_map_put(i->arena, &pf->vf, &vf->o);
    ks_mark(&pf->o, "vf");
}

static void import_sriov(struct ks_importing *i)
{
    for (size_t k = 0; k < i->have->pfs.n; k++) {
        const struct ks_seen_pf *seen = &i->have->pfs.v[k];
        const struct ks_sriov none = {.o.kind = &ks_sriov_kind};
        struct ks_sriov *pf;
        if (seen->unknown || !seen->num_vfs)
            continue;
        pf = (struct ks_sriov *)put(i, "sriov", &none.o, seen->name ? seen->name : seen->address);
        pf->vfs = seen->num_vfs;
        ks_mark(&pf->o, "vfs");
        for (size_t v = 0; v < seen->n_vfs; v++)
            import_vf(i, &seen->vfs[v], pf);
    }
}

/* ---- bridges ------------------------------------------------------------------------------------------------ */

static bool is_of_network(const struct ks_importing *i, const char *bridge)
{
    for (size_t k = 0; k < i->have->networks.n; k++) {
        const struct ks_network *n = i->have->networks.v[k].config;
        if (n && ks_streq(n->bridge, bridge) && ks_forward_has_own_bridge(n->forward))
            return true;
    }
    return false;
}

/* Made and kept by a container engine: its bridges come and go with its networks. */
static bool is_of_containers(const char *bridge)
{
    static const char *const names[] = {"docker0", "podman0", "cni-podman0", "cni0",
                                        "lxcbr0",  "lxdbr0",  "incusbr0"};

    for (size_t i = 0; i < KS_COUNT(names); i++)
        if (ks_streq(bridge, names[i]))
            return true;
    return ks_starts(bridge, "br-") && strlen(bridge) == 15 && strspn(bridge + 3, "0123456789abcdef") == 12;
}

static bool is_mac_of_port(const struct ks_importing *i, const struct ks_bridge *bridge)
{
    for (size_t k = 0; k < bridge->ports.n; k++) {
        const struct ks_seen_link *port = ks_seen_link(i->have, bridge->ports.v[k]);
        if (port && ks_streq(port->mac, bridge->mac))
            return true;
    }
    /* Without a port the kernel makes one up. */
    return bridge->ports.n == 0;
}

static void import_bridge(struct ks_importing *i, const struct ks_seen_bridge *seen)
{
    static const struct usual usual[] = {
        {"ports", "[]"}, {"stp", "false"},    {"forward-delay", "15s"}, {"vlan-filtering", "false"},
        {"mtu", "1500"}, {"addresses", "[]"}, {"routes", "[]"},         {"up", "true"}};
    struct ks_bridge *bridge;

    if (is_of_network(i, seen->name))
        return;
    if (is_of_containers(seen->name)) {
        ks_import_note(i, NULL, "bridges.%s: a container engine has it", seen->name);
        return;
    }
    if (seen->unknown || !seen->config) {
        ks_import_note(i, NULL, "bridges.%s: could not be read: %s", seen->name,
                       seen->unknown ? seen->unknown : "nothing is known of it");
        i->failed = true;
        return;
    }
    bridge = (struct ks_bridge *)put(i, "bridges", &seen->config->o, seen->name);
    if (is_mac_of_port(i, bridge)) {
        ks_unmark(&bridge->o, "mac");
        bridge->mac = NULL;
    }
    leave_out(i->arena, &bridge->o, usual, KS_COUNT(usual));
    if (seen->managed_by)
        ks_import_note(i, ks_sprintf(i->arena, "bridges.%s", seen->name), "%s manages it as well",
                       seen->managed_by);
}

/* ---- what libvirt keeps beside its guests ------------------------------------------------------------------- */

static void note_left(struct ks_importing *i, const char *map, struct ks_obj *obj, const char *xml)
{
    ks_auto(ks_error_done) struct ks_error err = {0};
    struct ks_strings left = {0};

    (void)ks_import_keep_loadable(i->arena, obj, "", &left);
    if (!xml || ks_import_left(i->arena, obj, xml, &left, &err) < 0)
        ks_import_note(i, ks_sprintf(i->arena, "%s.%s", map, obj->key),
                       "what it has beyond this could not be told");
    for (size_t k = 0; k < left.n; k++)
        ks_import_note(i, ks_sprintf(i->arena, "%s.%s", map, obj->key), "%s", left.v[k]);
}

/* false, with a note, when the thing cannot be managed at all. */
static bool is_readable(struct ks_importing *i, const char *map, const char *name, const char *unknown,
                        bool persistent)
{
    const char *key = name;

    if (unknown) {
        ks_import_note(i, NULL, "%s.%s: could not be read: %s", map, name, unknown);
        i->failed = true;
        return false;
    }
    if (!persistent)
        ks_import_note(i, NULL, "%s.%s: transient: it has no definition to manage", map, name);
    else if (ks_check_name(i->arena, &key))
        ks_import_note(i, NULL, "%s.%s: not a name that a manifest can have", map, name);
    else
        return true;
    return false;
}

/* Ceph has any number of hosts; every other type has one, which libvirt lists in the same way. */
static void settle_source(struct ks_importing *i, struct ks_pool *pool)
{
    const struct ks_field *type = &ks_pool_kind.fields[ks_row(&ks_pool_kind, "type")];
    const bool is_rbd = ks_streq(ks_show(i->arena, type, &pool->o), "rbd");
    struct ks_pool_source *source;

    if (!ks_has(&pool->o, "source"))
        return;
    source = (struct ks_pool_source *)ks_obj_new(i->arena, pool->source->o.kind, NULL);
    *source = *pool->source;
    pool->source = source;
    ks_unmark(&source->o, is_rbd ? "host" : "hosts");
    if (!source->o.stated)
        ks_unmark(&pool->o, "source");
}

static void import_pool(struct ks_importing *i, const struct ks_seen_pool *seen)
{
    struct ks_pool *pool;

    if (!is_readable(i, "pools", seen->name,
                     seen->unknown  ? seen->unknown
                     : seen->config ? NULL
                                    : "nothing is known",
                     seen->persistent))
        return;
    pool = (struct ks_pool *)put(i, "pools", &seen->config->o, seen->name);
    if (seen->active)
        ks_unmark(&pool->o, "state");
    state_bool(&pool->o, "autostart", &pool->autostart, seen->autostart);
    state_bool(&pool->o, "protect", &pool->protect, seen->protect);
    settle_source(i, pool);
    note_left(i, "pools", &pool->o, seen->xml);
}

/* Each goes by its name, which is the key then. */
static void settle_dhcp(struct ks_dhcp *dhcp)
{
    for (size_t k = 0; dhcp && k < dhcp->hosts.n; k++) {
        struct ks_dhcp_host *host = (struct ks_dhcp_host *)dhcp->hosts.v[k];
        if (ks_streq(host->name, host->o.key))
            ks_unmark(&host->o, "name");
    }
}

static void import_network(struct ks_importing *i, const struct ks_seen_network *seen)
{
    static const struct usual usual[] = {{"forward", "none"}, {"stp", "true"}};
    struct ks_network *network;

    if (!is_readable(i, "networks", seen->name, seen->unknown, seen->persistent))
        return;
    network = (struct ks_network *)put(i, "networks", &seen->config->o, seen->name);
    leave_out(i->arena, &network->o, usual, KS_COUNT(usual));
    /* As libvirt makes them up. */
    if (network->mac && ks_starts(network->mac, "52:54:00:")) {
        ks_unmark(&network->o, "mac");
        network->mac = NULL;
    }
    settle_dhcp(network->dhcp);
    settle_dhcp(network->dhcp6);
    if (!seen->active) {
        network->state = KS_NETWORK_INACTIVE;
        ks_mark(&network->o, "state");
    }
    state_bool(&network->o, "autostart", &network->autostart, seen->autostart);
    state_bool(&network->o, "protect", &network->protect, seen->protect);
    note_left(i, "networks", &network->o, seen->xml);
}

static void import_secret(struct ks_importing *i, const struct ks_seen_secret *seen)
{
    static const struct usual usual[] = {{"ephemeral", "false"}, {"private", "false"}};
    const char *key = seen->name;
    struct ks_secret *secret;

    if (ks_check_name(i->arena, &key))
        key = seen->uuid; /* the path of a volume, say */
    if (!is_readable(i, "secrets", key, seen->unknown, true))
        return;
    secret = (struct ks_secret *)put(i, "secrets", &seen->config->o, key);
    leave_out(i->arena, &secret->o, usual, KS_COUNT(usual));
    if (ks_streq(secret->usage, key))
        ks_unmark(&secret->o, "usage");
    state_bool(&secret->o, "protect", &secret->protect, seen->protect);
    ks_import_note(i, ks_sprintf(i->arena, "secrets.%s", key),
                   "value: it is not read, and stays; state here where it is kept");
}

/* ---- volumes ------------------------------------------------------------------------------------------------ */

static void import_volume(struct ks_importing *i, const char *pool_name, const char *name);

/* What is below is in the manifest too when it is in a pool; by its name when in the same one. */
static void settle_backing(struct ks_importing *i, const char *pool_name, struct ks_volume *volume)
{
    const struct ks_seen_pool *pool = ks_seen_pool(i->have, pool_name);
    const size_t n = pool && pool->path ? strlen(pool->path) : 0;
    const char *name = volume->backing && n && ks_starts(volume->backing, pool->path) && volume->backing[n] == '/'
                           ? volume->backing + n + 1
                           : NULL;

    ks_unmark(&volume->o, "backing-format");
    if (!name || strchr(name, '/') || !ks_map_get(&pool->volumes, name))
        return;
    volume->backing = name;
    import_volume(i, pool_name, name);
}

static void import_volume(struct ks_importing *i, const char *pool_name, const char *name)
{
    const struct ks_seen_pool *pool = ks_seen_pool(i->have, pool_name);
    const struct ks_volume *have = (const struct ks_volume *)ks_map_get(&pool->volumes, name);
    struct ks_pool_volumes *volumes = (struct ks_pool_volumes *)ks_map_get(&i->m->volumes, pool_name);
    struct ks_volume *volume;

    if (!have || (volumes && ks_map_get(&volumes->volumes, name)))
        return;
    if (!volumes) {
        const struct ks_pool_volumes none = {.o.kind = &ks_pool_volumes_kind};
        volumes = (struct ks_pool_volumes *)put(i, "volumes", &none.o, pool_name);
        ks_mark(&volumes->o, "volumes");
    }
    volume = (struct ks_volume *)ks_obj_new(i->arena, &ks_volume_kind, NULL);
    *volume = *have;
    volume->o.key = name;
    ks_unmark(&volume->o, "state");
    ks_map_put(i->arena, &volumes->volumes, &volume->o);
    settle_backing(i, pool_name, volume);
    if (ks_has(&volume->o, "format") && volume->format == (volume->backing ? KS_FORMAT_QCOW2 : KS_FORMAT_RAW))
        ks_unmark(&volume->o, "format");
}

/* Those that guests have: a pool may hold any number of others, which are nobody's business here. */
static void import_volumes(struct ks_importing *i)
{
    for (size_t k = 0; k < i->m->guests.n; k++) {
        const struct ks_guest *guest = (const struct ks_guest *)i->m->guests.v[k];
        for (size_t d = 0; d < guest->disks.n; d++) {
            const struct ks_disk *disk = (const struct ks_disk *)guest->disks.v[d];
            const char *slash = ks_has(&disk->o, "volume") ? strchr(disk->volume, '/') : NULL;
            const char *pool = slash ? ks_strndup(i->arena, disk->volume, (size_t)(slash - disk->volume)) : NULL;
            const struct ks_seen_pool *seen = pool ? ks_seen_pool(i->have, pool) : NULL;
            if (seen && seen->volumes_known && ks_map_get(&i->m->pools, pool))
                import_volume(i, seen->name, slash + 1);
        }
    }
}

/* ---- all of it ---------------------------------------------------------------------------------------------- */

void ks_import_host(struct ks_importing *i)
{
    const struct ks_observed *have = i->have;

    for (size_t k = 0; k < have->unknown.n; k++) {
        ks_import_note(i, NULL, "%s", have->unknown.v[k]);
        i->failed = true;
    }
    import_kernel(i);
    import_hugepages(i);
    import_sriov(i);
    for (size_t k = 0; k < have->bridges.n; k++)
        import_bridge(i, &have->bridges.v[k]);
    for (size_t k = 0; k < have->pools.n; k++)
        import_pool(i, &have->pools.v[k]);
    for (size_t k = 0; k < have->secrets.n; k++)
        import_secret(i, &have->secrets.v[k]);
    import_volumes(i);
    for (size_t k = 0; k < have->networks.n; k++)
        import_network(i, &have->networks.v[k]);
}
