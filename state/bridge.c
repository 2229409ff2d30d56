/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bridges as the manifest words them, and the other links as far as planning needs them. */
#include <linux/rtnetlink.h>

#include "schema/mark.h"
#include "state/host.h"
#include "state/state.h"

/* Guests' taps come and go with their guests: libvirt makes them, and no manifest names them. */
static bool is_guest_port(const struct ks_host_link *link)
{
    return ks_streq(link->kind, "tun") || ks_streq(link->kind, "macvtap");
}

static void read_ports(struct ks_arena *arena, const struct ks_host_links *links, const struct ks_host_link *link,
                       struct ks_strings *ret)
{
    for (size_t i = 0; i < link->ports.n; i++) {
        const struct ks_host_link *port = ks_host_link_find(links, link->ports.v[i]);
        if (!port || !is_guest_port(port))
            *ks_vec_add(arena, ret) = link->ports.v[i];
    }
}

/* What somebody gave it: not what the kernel or a router's advertisement did. */
static void read_addresses(struct ks_arena *arena, const struct ks_host_link *link, struct ks_strings *ret)
{
    for (size_t i = 0; i < link->addresses.n; i++)
        if (link->addresses.v[i].permanent && link->addresses.v[i].scope != RT_SCOPE_LINK)
            *ks_vec_add(arena, ret) = link->addresses.v[i].text;
}

static void read_routes(struct ks_arena *arena, const struct ks_host_links *links, const char *dev,
                        struct ks_map *ret)
{
    for (size_t i = 0; i < links->routes.n; i++) {
        const struct ks_host_route *from = &links->routes.v[i];
        struct ks_route *route;
        if (!ks_streq(from->dev, dev) || from->protocol == RTPROT_KERNEL || from->protocol == RTPROT_RA)
            continue;
        route = (struct ks_route *)ks_obj_new(arena, &ks_route_kind, NULL);
        route->to = from->to;
        route->via = from->via;
        route->metric = from->metric;
        ks_mark(&route->o, "to");
        if (from->via)
            ks_mark(&route->o, "via");
        if (from->metric)
            ks_mark(&route->o, "metric");
        route->o.key = ks_route_kind.seq_key(arena, &route->o, i);
        ks_map_put(arena, ret, &route->o);
    }
}

static struct ks_bridge *read_bridge(struct ks_arena *arena, const struct ks_host_links *links,
                                     const struct ks_host_link *link)
{
    static const char *const always[] = {"ports", "stp",       "forward-delay", "vlan-filtering",
                                         "mtu",   "addresses", "routes",        "up"};
    struct ks_bridge *bridge = (struct ks_bridge *)ks_obj_new(arena, &ks_bridge_kind, link->name);

    read_ports(arena, links, link, &bridge->ports);
    read_addresses(arena, link, &bridge->addresses);
    read_routes(arena, links, link->name, &bridge->routes);
    bridge->stp = link->bridge.stp;
    bridge->forward_delay = link->bridge.forward_delay_ms;
    bridge->vlan_filtering = link->bridge.vlan_filtering;
    bridge->mtu = link->mtu;
    bridge->mac = link->mac;
    bridge->up = link->up;
    for (size_t i = 0; i < KS_COUNT(always); i++)
        ks_mark(&bridge->o, always[i]);
    if (bridge->mac)
        ks_mark(&bridge->o, "mac");
    return bridge;
}

static const char *owner_of(const struct ks_host_link *link)
{
    return link->owner == KS_OWNER_NONE ? NULL : ks_host_link_owner_name(link->owner);
}

static void add_bridge(struct ks_observing *o, const struct ks_host_links *links, const struct ks_host_link *link,
                       struct ks_observed *ret)
{
    struct ks_seen_bridge *seen = ks_vec_add(o->arena, &ret->bridges);
    struct ks_text text = {.arena = o->arena};

    seen->name = link->name;
    seen->config = read_bridge(o->arena, links, link);
    seen->owned = ks_streq(link->alias, KS_LINK_MARK);
    seen->default_route = link->carries_default;
    seen->managed_by = owner_of(link);
    for (size_t i = 0; i < link->ports.n; i++) {
        const struct ks_host_link *port = ks_host_link_find(links, link->ports.v[i]);
        seen->n_guest_ports += port && is_guest_port(port);
    }
    ks_print_json(&text, &seen->config->o);
    seen->hash = ks_hash_str(ks_hash_str(KS_HASH_START, ks_text_str(&text)), link->alias);
}

static void add_link(struct ks_observing *o, const struct ks_host_link *link, struct ks_observed *ret)
{
    struct ks_seen_link *seen = ks_vec_add(o->arena, &ret->links);
    struct ks_strings addresses = {0};

    read_addresses(o->arena, link, &addresses);
    *seen = (struct ks_seen_link){
        .name = link->name,
        .kind = link->kind ? link->kind : "",
        .master = link->master,
        .mac = link->mac,
        .managed_by = owner_of(link),
        .alias = link->alias,
        .up = link->up,
        .default_route = link->carries_default,
        .has_addresses = addresses.n > 0,
        .addresses = addresses,
        .mtu = link->mtu,
    };
}

int ks_observe_links(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err)
{
    struct ks_host_links links = {0};

    if (ks_host_links_read(o->root, o->arena, &links, err) < 0)
        return -1;
    for (size_t i = 0; i < links.links.n; i++) {
        add_link(o, &links.links.v[i], ret);
        if (links.links.v[i].is_bridge)
            add_bridge(o, &links, &links.links.v[i], ret);
    }
    return 0;
}
