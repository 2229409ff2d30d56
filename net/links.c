/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links, addresses, routes and bridge VLANs by dumps of rtnetlink. */
#include "net/parse.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>

enum { DUMP_TRIES = 5 };

struct reader {
    struct ks_arena *arena;
    struct ks_host_links *links;
    struct ks_error *err;
    bool failed;                      /* in a callback: *err says why */
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

/* ---- one dump ---- */

/* Sends `msg` as a dump and hands each answer to `each`. NLE_DUMP_INTR: the tables changed meanwhile. */
static int dump_once(struct nl_sock *sock, struct nl_msg *msg, nl_recvmsg_msg_cb_t each, struct reader *r)
{
    int rc = nl_send_auto(sock, msg);

    if (rc < 0)
        return rc;
    (void)nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, each, r);
    rc = nl_recvmsgs_default(sock);
    return rc > 0 ? 0 : rc;
}

struct dump {
    const char *what;
    int type;
    const void *header;
    size_t header_size;
    uint32_t ext_mask; /* 0: none */
    nl_recvmsg_msg_cb_t each;
    void (*restart)(struct reader *r); /* forgets what an interrupted dump gave */
};

static int dump(struct nl_sock *sock, const struct dump *d, struct reader *r)
{
    int rc = -NLE_DUMP_INTR;

    for (int i = 0; i < DUMP_TRIES && rc == -NLE_DUMP_INTR; i++) {
        ks_auto(ks_nl_msgp) struct nl_msg *msg = ks_nl_new(d->type, NLM_F_DUMP, d->header, d->header_size);
        if (d->ext_mask)
            ks_nl_put_u32(msg, IFLA_EXT_MASK, d->ext_mask);
        d->restart(r);
        rc = dump_once(sock, msg, d->each, r);
        if (r->failed)
            return -1;
    }
    return rc < 0 ? ks_fail(r->err, KS_E_IO, KS_NOWHERE, "reading %s by rtnetlink: %s", d->what, nl_geterror(rc))
                  : 0;
}

/* ---- what becomes of each answer ---- */

static int stop(struct reader *r)
{
    r->failed = true;
    return NL_STOP;
}

static int on_link(struct nl_msg *msg, void *data)
{
    struct reader *r = data;
    struct ks_host_link *link = ks_vec_add(r->arena, &r->links->links);
    struct ks_link_refs *refs = ks_vec_add(r->arena, &r->refs);

    return ks_link_parse(r->arena, nlmsg_hdr(msg), link, refs, r->err) < 0 ? stop(r) : NL_OK;
}

static void no_links(struct reader *r)
{
    r->links->links.n = r->refs.n = 0;
}

static int on_address(struct nl_msg *msg, void *data)
{
    struct reader *r = data;
    struct ks_host_address address;
    int index;

    if (ks_address_parse(r->arena, nlmsg_hdr(msg), &address, &index, r->err) < 0)
        return stop(r);
    struct ks_host_link *link = by_index(r->links, index);
    if (link) /* else it came up since */
        *(struct ks_host_address *)ks_vec_add(r->arena, &link->addresses) = address;
    return NL_OK;
}

static void no_addresses(struct reader *r)
{
    for (size_t i = 0; i < r->links->links.n; i++)
        r->links->links.v[i].addresses.n = 0;
}

static int on_route(struct nl_msg *msg, void *data)
{
    struct reader *r = data;

    return ks_route_parse(r->arena, nlmsg_hdr(msg), &r->hops, r->err) < 0 ? stop(r) : NL_OK;
}

static void no_routes(struct reader *r)
{
    r->hops.hops.n = 0;
}

static int on_vlans(struct nl_msg *msg, void *data)
{
    struct reader *r = data;
    const struct ifinfomsg *info = nlmsg_data(nlmsg_hdr(msg));
    struct ks_host_link *link = by_index(r->links, info->ifi_index);

    if (!link)
        return NL_OK;
    return ks_port_vlans_parse(r->arena, nlmsg_hdr(msg), link, r->err) < 0 ? stop(r) : NL_OK;
}

static void no_vlans(struct reader *r)
{
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

static int read_all(struct nl_sock *sock, struct reader *r)
{
    static const struct ifinfomsg link = {.ifi_family = AF_UNSPEC}, port = {.ifi_family = AF_BRIDGE};
    static const struct ifaddrmsg address = {.ifa_family = AF_UNSPEC};
    static const struct rtmsg route = {.rtm_family = AF_UNSPEC, .rtm_table = RT_TABLE_MAIN};
    static const struct dump dumps[] = {
        {"links", RTM_GETLINK, &link, sizeof(link), RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS, on_link, no_links},
        {"addresses", RTM_GETADDR, &address, sizeof(address), 0, on_address, no_addresses},
        {"routes", RTM_GETROUTE, &route, sizeof(route), 0, on_route, no_routes},
        {"bridge VLANs", RTM_GETLINK, &port, sizeof(port), RTEXT_FILTER_BRVLAN_COMPRESSED, on_vlans, no_vlans},
    };

    for (size_t i = 0; i < KS_COUNT(dumps); i++) {
        if (dumps[i].each == on_vlans && !any_bridge(r->links))
            continue;
        if (dump(sock, &dumps[i], r) < 0)
            return -1;
        if (dumps[i].each == on_link)
            sort_links(r); /* so that the others find theirs */
    }
    return 0;
}

int ks_net_read(struct ks_arena *arena, struct ks_host_links *ret, struct ks_error *err)
{
    ks_auto(ks_nl_closep) struct nl_sock *sock = NULL;
    struct reader r = {.arena = arena, .links = ret, .err = err};

    *ret = (struct ks_host_links){0};
    if (ks_nl_open(&sock, err) < 0 || read_all(sock, &r) < 0)
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
