/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links, addresses, routes and bridge VLANs by dumps of rtnetlink. */
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include "net/dump.h"
#include "net/parse.h"

struct reader {
    struct ks_arena *arena;
    struct ks_host_links *links;
    KS_VEC(struct ks_link_refs) refs; /* beside links->links */
    struct ks_hops hops;
};

static int link_cmp(const void *a, const void *b)
{
    const struct ks_host_link *x = a, *y = b;

    return x->index < y->index ? -1 : x->index > y->index;
}

static struct ks_host_link *by_index(struct ks_host_links *links, int index)
{
    const struct ks_host_link key = {.index = index};

    return links->links.n ? bsearch(&key, links->links.v, links->links.n, sizeof(key), link_cmp) : NULL;
}

/* ---- what becomes of each answer ---- */

static int on_link(struct nlmsghdr *message, void *data, struct ks_error *err)
{
    struct reader *r = data;
    struct ks_host_link *link = ks_vec_add(r->arena, &r->links->links);
    struct ks_link_refs *refs = ks_vec_add(r->arena, &r->refs);

    return ks_link_parse(r->arena, message, link, refs, err);
}

static void no_links(void *data)
{
    struct reader *r = data;

    r->links->links.n = r->refs.n = 0;
}

static int on_address(struct nlmsghdr *message, void *data, struct ks_error *err)
{
    struct reader *r = data;
    struct ks_host_address address;
    int index;

    if (ks_address_parse(r->arena, message, &address, &index, err) < 0)
        return -1;
    struct ks_host_link *link = by_index(r->links, index);
    if (link) /* else it came up since */
        *(struct ks_host_address *)ks_vec_add(r->arena, &link->addresses) = address;
    return 0;
}

static void no_addresses(void *data)
{
    struct reader *r = data;

    for (size_t i = 0; i < r->links->links.n; i++)
        r->links->links.v[i].addresses.n = 0;
}

static int on_route(struct nlmsghdr *message, void *data, struct ks_error *err)
{
    struct reader *r = data;

    return ks_route_parse(r->arena, message, &r->hops, err);
}

static void no_routes(void *data)
{
    struct reader *r = data;

    r->hops.hops.n = 0;
}

static int on_vlans(struct nlmsghdr *message, void *data, struct ks_error *err)
{
    struct reader *r = data;
    const struct ifinfomsg *info = nlmsg_data(message);
    struct ks_host_link *link = by_index(r->links, info->ifi_index);

    if (!link)
        return 0;
    return ks_port_vlans_parse(r->arena, message, link, err);
}

static void no_vlans(void *data)
{
    struct reader *r = data;

    for (size_t i = 0; i < r->links->links.n; i++)
        r->links->links.v[i].vlans.n = 0;
}

/* ---- the whole ---- */

/* The kernel dumps by hash bucket; sorted by index, links and what they refer to go along. */
static void sort_links(struct reader *r)
{
    struct ks_host_links *links = r->links;
    const size_t n = links->links.n;
    struct {
        struct ks_host_link link;
        struct ks_link_refs refs;
    } *both = ks_arena_calloc(r->arena, n ? n : 1, sizeof(*both));

    for (size_t i = 0; i < n; i++) {
        both[i].link = links->links.v[i];
        both[i].refs = r->refs.v[i];
    }
    if (n > 0)
        qsort(both, n, sizeof(*both), link_cmp); /* the link comes first in each */
    for (size_t i = 0; i < n; i++) {
        links->links.v[i] = both[i].link;
        r->refs.v[i] = both[i].refs;
    }
}

static void name_refs(struct reader *r)
{
    for (size_t i = 0; i < r->links->links.n; i++) {
        struct ks_host_link *link = &r->links->links.v[i];
        const struct ks_link_refs *refs = &r->refs.v[i];
        struct ks_host_link *master = refs->master ? by_index(r->links, refs->master) : NULL;
        const struct ks_host_link *lower =
            refs->lower && !refs->lower_elsewhere ? by_index(r->links, refs->lower) : NULL;
        if (master) {
            link->master = master->name;
            *(const char **)ks_vec_add(r->arena, &master->ports) = link->name;
        }
        if (lower && lower != link && !ks_streq(link->kind, "veth"))
            link->lower = lower->name;
    }
}

static struct ks_host_link *by_name(struct ks_host_links *links, const char *name)
{
    for (size_t i = 0; name && i < links->links.n; i++)
        if (ks_streq(links->links.v[i].name, name))
            return &links->links.v[i];
    return NULL;
}

/* The default route's packets also pass the ports of its bridge or bond, and what a VLAN sits on. */
static void mark_default(struct ks_host_links *links, struct ks_host_link *link)
{
    if (!link || link->carries_default)
        return;
    link->carries_default = true;
    mark_default(links, by_name(links, link->lower));
    for (size_t i = 0; i < link->ports.n; i++)
        mark_default(links, by_name(links, link->ports.v[i]));
}

static void add_routes(struct reader *r)
{
    for (size_t i = 0; i < r->hops.hops.n; i++) {
        const struct ks_hop *hop = &r->hops.hops.v[i];
        struct ks_host_link *link = by_index(r->links, hop->index);
        if (!link)
            continue;
        struct ks_host_route *route = ks_vec_add(r->arena, &r->links->routes);
        *route = hop->route;
        route->dev = link->name;
        if (ks_streq(route->to, "default"))
            mark_default(r->links, link);
    }
}

static bool any_bridge(const struct ks_host_links *links)
{
    for (size_t i = 0; i < links->links.n; i++)
        if (links->links.v[i].is_bridge)
            return true;
    return false;
}

static int read_all(struct nl_sock *sock, struct reader *r, struct ks_error *err)
{
    static const struct ifinfomsg link = {.ifi_family = AF_UNSPEC}, port = {.ifi_family = AF_BRIDGE};
    static const struct ifaddrmsg address = {.ifa_family = AF_UNSPEC};
    static const struct rtmsg route = {.rtm_family = AF_UNSPEC, .rtm_table = RT_TABLE_MAIN};
    static const struct ks_nl_dump dumps[] = {
        {"links", RTM_GETLINK, &link, sizeof(link), RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS, on_link, no_links},
        {"addresses", RTM_GETADDR, &address, sizeof(address), 0, on_address, no_addresses},
        {"routes", RTM_GETROUTE, &route, sizeof(route), 0, on_route, no_routes},
        {"bridge VLANs", RTM_GETLINK, &port, sizeof(port), RTEXT_FILTER_BRVLAN_COMPRESSED, on_vlans, no_vlans},
    };

    for (size_t i = 0; i < KS_COUNT(dumps); i++) {
        if (dumps[i].each == on_vlans && !any_bridge(r->links))
            continue;
        if (ks_nl_dump(sock, &dumps[i], r, err) < 0)
            return -1;
        if (dumps[i].each == on_link)
            sort_links(r); /* so that the others find theirs */
    }
    return 0;
}

int ks_net_read(struct ks_arena *arena, struct ks_host_links *ret, struct ks_error *err)
{
    ks_auto(ks_nl_closep) struct nl_sock *sock = NULL;
    struct reader r = {.arena = arena, .links = ret};

    *ret = (struct ks_host_links){0};
    if (ks_nl_open(&sock, err) < 0 || read_all(sock, &r, err) < 0)
        return ks_wrap(err, "reading the host's links");
    name_refs(&r);
    add_routes(&r);
    return 0;
}

const struct ks_host_link *ks_host_link_find(const struct ks_host_links *links, const char *name)
{
    for (size_t i = 0; i < links->links.n; i++)
        if (ks_streq(links->links.v[i].name, name))
            return &links->links.v[i];
    for (size_t i = 0; i < links->links.n; i++)
        for (size_t j = 0; j < links->links.v[i].altnames.n; j++)
            if (ks_streq(links->links.v[i].altnames.v[j], name))
                return &links->links.v[i];
    return NULL;
}
