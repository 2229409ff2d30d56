/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A link's addresses and routes, by rtnetlink. */
#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "actuators/host_link.h"

struct prefix {
    int family;
    unsigned bits;
    unsigned char bytes[16];
    size_t size;      /* of bytes */
    const char *text; /* "192.0.2.10/24", as the kernel's values are written */
};

/* "192.0.2.10/24", "2001:db8::1"; without a prefix length it is the whole address. */
static int parse_prefix(struct ks_link_run *run, const char *text, struct prefix *ret)
{
    char address[INET6_ADDRSTRLEN], canonical[INET6_ADDRSTRLEN];
    const size_t n = strcspn(text, "/");
    uint64_t bits;

    *ret = (struct prefix){.family = strchr(text, ':') ? AF_INET6 : AF_INET};
    ret->size = ret->family == AF_INET ? 4 : 16;
    bits = ret->size * 8;
    if (n >= sizeof(address))
        return ks_fail(run->err, KS_E_INVALID, KS_NOWHERE, "'%s' is no address", text);
    memcpy(address, text, n);
    address[n] = '\0';
    if (inet_pton(ret->family, address, ret->bytes) != 1 || (text[n] && ks_parse_u64(text + n + 1, &bits) < 0) ||
        bits > ret->size * 8)
        return ks_fail(run->err, KS_E_INVALID, KS_NOWHERE, "'%s' is no address", text);
    ret->bits = (unsigned)bits;
    (void)inet_ntop(ret->family, ret->bytes, canonical, sizeof(canonical));
    ret->text = ks_sprintf(run->w->arena, "%s/%u", canonical, ret->bits);
    return 0;
}

/* ---- addresses ---- */

static bool has_address(const struct ks_host_link *link, const char *text)
{
    for (size_t i = 0; i < link->addresses.n; i++)
        if (ks_streq(link->addresses.v[i].text, text))
            return true;
    return false;
}

static int write_address(struct ks_link_run *run, const struct ks_host_link *link, const struct prefix *p, bool add)
{
    const struct ifaddrmsg info = {.ifa_family = (unsigned char)p->family,
                                   .ifa_prefixlen = (unsigned char)p->bits,
                                   .ifa_index = (unsigned)link->index};
    struct nl_msg *msg =
        ks_nl_new(add ? RTM_NEWADDR : RTM_DELADDR, add ? NLM_F_CREATE | NLM_F_EXCL : 0, &info, sizeof(info));

    ks_nl_put(msg, IFA_LOCAL, p->bytes, p->size);
    ks_nl_put(msg, IFA_ADDRESS, p->bytes, p->size);
    if (add && p->family == AF_INET && p->bits < 31) {
        unsigned char broadcast[4];
        for (unsigned i = 0; i < 32; i++) { /* host bits all ones */
            const unsigned char bit = (unsigned char)(0x80U >> (i % 8));
            if (i % 8 == 0)
                broadcast[i / 8] = p->bytes[i / 8];
            if (i >= p->bits)
                broadcast[i / 8] |= bit;
        }
        ks_nl_put(msg, IFA_BROADCAST, broadcast, sizeof(broadcast));
    }
    if (ks_nl_send(
            run->sock, msg,
            ks_sprintf(run->w->arena, "%s address %s on %s", add ? "adding" : "removing", p->text, link->name),
            run->err) == 0)
        return 0;
    if (add || run->err->sys_errno != EADDRNOTAVAIL)
        return -1;
    ks_error_done(run->err); /* a secondary one that went with its primary */
    return 0;
}

static int walk_address(struct ks_link_run *run, const char *name, const char *text, bool wanted)
{
    const struct ks_host_link *link;
    struct prefix p;

    if (ks_link_get(run, name, &link) < 0 || parse_prefix(run, text, &p) < 0)
        return -1;
    if (has_address(link, p.text) == wanted)
        return 0;
    const enum ks_differ d =
        ks_link_differs(run, "%s: address %s %s", link->name, p.text, wanted ? "added" : "removed");
    if (d != KS_WRITE)
        return d == KS_FAILED ? -1 : 0;
    return write_address(run, link, &p, wanted);
}

int ks_link_walk_addresses(struct ks_link_run *run, const struct ks_link_want *want)
{
    const size_t before = run->w->log.n;

    /* a link that went down just now has lost its IPv6 addresses */
    if (want->drop_addresses.n + want->addresses.n > 0 && before > 0 && !run->w->dry_run && ks_link_read(run) < 0)
        return -1;
    for (size_t i = 0; i < want->drop_addresses.n; i++)
        if (walk_address(run, want->name, want->drop_addresses.v[i], false) < 0)
            return -1;
    /* with a primary address its secondaries may have gone: look again */
    if (run->w->log.n > before && !run->w->dry_run && ks_link_read(run) < 0)
        return -1;
    for (size_t i = 0; i < want->addresses.n; i++)
        if (walk_address(run, want->name, want->addresses.v[i], true) < 0)
            return -1;
    return 0;
}

/* With a primary address the kernel removes its secondaries: those that nobody asked to go come back. */
static int restore_others(struct ks_link_run *run, const struct ks_host_link *before)
{
    const struct ks_host_link *now;

    if (ks_link_read(run) < 0 || ks_link_get(run, before->name, &now) < 0)
        return -1;
    for (size_t i = 0; i < before->addresses.n; i++) {
        const struct ks_host_address *address = &before->addresses.v[i];
        if (address->family == AF_INET && address->permanent && !has_address(now, address->text) &&
            walk_address(run, before->name, address->text, true) < 0)
            return -1;
    }
    return 0;
}

static int walk_moved_from(struct ks_link_run *run, const struct ks_link_want *want, const char *port)
{
    const size_t log = run->w->log.n;
    struct ks_host_link before;
    const struct ks_host_link *link;
    struct prefix p;
    size_t kept = 0;

    if (ks_link_get(run, port, &link) < 0)
        return -1;
    before = *link;
    before.addresses.v = ks_new_n(run->w->arena, struct ks_host_address, link->addresses.n + 1);
    for (size_t i = 0; i < link->addresses.n; i++) {
        bool moved = false;
        for (size_t k = 0; k < want->addresses.n; k++) {
            if (parse_prefix(run, want->addresses.v[k], &p) < 0)
                return -1;
            moved = moved || ks_streq(p.text, link->addresses.v[i].text);
        }
        if (!moved)
            before.addresses.v[kept++] = link->addresses.v[i];
        else if (walk_address(run, port, link->addresses.v[i].text, false) < 0)
            return -1;
    }
    before.addresses.n = kept;
    return run->w->log.n > log && !run->verify && !run->w->dry_run ? restore_others(run, &before) : 0;
}

int ks_link_walk_moved(struct ks_link_run *run, const struct ks_link_want *want, const struct ks_strings *ports)
{
    for (size_t i = 0; want->addresses.n > 0 && i < ports->n; i++)
        if (walk_moved_from(run, want, ports->v[i]) < 0)
            return -1;
    return 0;
}

/* ---- routes ---- */

struct route {
    struct prefix to, via;
    bool has_via;
    const char *to_text;  /* "default" or canonical */
    const char *via_text; /* canonical, without a length; or NULL */
    const struct ks_link_route *want;
};

static int parse_route(struct ks_link_run *run, const struct ks_link_route *want, struct route *ret)
{
    const bool is_default = ks_streq(want->to, "default");

    *ret = (struct route){.want = want, .has_via = want->via != NULL};
    if (want->via && parse_prefix(run, want->via, &ret->via) < 0)
        return -1;
    if (is_default)
        ret->to = (struct prefix){.family = want->via ? ret->via.family : AF_INET};
    else if (parse_prefix(run, want->to, &ret->to) < 0)
        return -1;
    if (is_default)
        ret->to.size = ret->to.family == AF_INET ? 4 : 16;
    if (ret->has_via && ret->via.family != ret->to.family)
        return ks_fail(run->err, KS_E_INVALID, KS_NOWHERE, "route to %s via %s: two families", want->to, want->via);
    ret->to_text = is_default || ret->to.bits == 0 ? "default" : ret->to.text;
    if (ret->has_via)
        ret->via_text = ks_strndup(run->w->arena, ret->via.text, strcspn(ret->via.text, "/"));
    return 0;
}

/* What the kernel takes when no metric is given: 0 for IPv4, IP6_RT_PRIO_USER for IPv6. */
static uint32_t metric_of(const struct route *route)
{
    if (route->want->has_metric)
        return route->want->metric;
    return route->to.family == AF_INET ? 0 : 1024;
}

static bool same_target(const struct ks_host_route *have, const struct route *route)
{
    return have->family == route->to.family && ks_streq(have->to, route->to_text);
}

static bool has_route(const struct ks_link_run *run, const struct ks_host_link *link, const struct route *route)
{
    for (size_t i = 0; i < run->links.routes.n; i++) {
        const struct ks_host_route *have = &run->links.routes.v[i];
        if (same_target(have, route) && ks_streq(have->dev, link->name) && ks_streq(have->via, route->via_text) &&
            (!route->want->has_metric || have->metric == route->want->metric))
            return true;
    }
    return false;
}

static bool is_port(const struct ks_host_link *link, const char *name)
{
    for (size_t i = 0; i < link->ports.n; i++)
        if (ks_streq(link->ports.v[i], name))
            return true;
    return false;
}

/* *ret: the flags for adding it: whether there is one that it takes the place of. */
static int add_flags(struct ks_link_run *run, const struct ks_host_link *link, const struct route *route, int *ret)
{
    *ret = NLM_F_CREATE | NLM_F_EXCL;
    for (size_t i = 0; i < run->links.routes.n; i++) {
        const struct ks_host_route *have = &run->links.routes.v[i];
        if (!same_target(have, route) || have->metric != metric_of(route))
            continue;
        if (!ks_streq(have->dev, link->name) && !is_port(link, have->dev))
            return ks_fail(run->err, KS_E_CONFLICT, KS_NOWHERE,
                           "%s: a route to %s with metric %u exists already, through %s", link->name,
                           route->to_text, have->metric, have->dev);
        *ret = NLM_F_CREATE | NLM_F_REPLACE;
    }
    return 0;
}

static int write_route(struct ks_link_run *run, const struct ks_host_link *link, const struct route *route,
                       bool add)
{
    const struct rtmsg info = {.rtm_family = (unsigned char)route->to.family,
                               .rtm_dst_len = (unsigned char)route->to.bits,
                               .rtm_table = RT_TABLE_MAIN,
                               .rtm_protocol = add ? RTPROT_STATIC : RTPROT_UNSPEC,
                               .rtm_scope = !add             ? RT_SCOPE_NOWHERE
                                            : route->has_via ? RT_SCOPE_UNIVERSE
                                                             : RT_SCOPE_LINK,
                               .rtm_type = add ? RTN_UNICAST : RTN_UNSPEC};
    int flags = 0;

    if (add && add_flags(run, link, route, &flags) < 0)
        return -1;
    struct nl_msg *msg = ks_nl_new(add ? RTM_NEWROUTE : RTM_DELROUTE, flags, &info, sizeof(info));
    if (route->to.bits > 0)
        ks_nl_put(msg, RTA_DST, route->to.bytes, route->to.size);
    if (route->has_via)
        ks_nl_put(msg, RTA_GATEWAY, route->via.bytes, route->via.size);
    ks_nl_put_u32(msg, RTA_OIF, (uint32_t)link->index);
    if (route->want->has_metric)
        ks_nl_put_u32(msg, RTA_PRIORITY, route->want->metric);
    return ks_nl_send(run->sock, msg,
                      ks_sprintf(run->w->arena, "%s the route to %s%s%s on %s", add ? "adding" : "removing",
                                 route->to_text, route->has_via ? " via " : "",
                                 route->has_via ? route->via_text : "", link->name),
                      run->err);
}

static int walk_route(struct ks_link_run *run, const char *name, const struct ks_link_route *want, bool wanted)
{
    const struct ks_host_link *link;
    struct route route;

    if (ks_link_get(run, name, &link) < 0 || parse_route(run, want, &route) < 0)
        return -1;
    if (has_route(run, link, &route) == wanted)
        return 0;
    const enum ks_differ d =
        ks_link_differs(run, "%s: route to %s%s%s %s", link->name, route.to_text, route.has_via ? " via " : "",
                        route.has_via ? route.via_text : "", wanted ? "added" : "removed");
    if (d != KS_WRITE)
        return d == KS_FAILED ? -1 : 0;
    return write_route(run, link, &route, wanted);
}

int ks_link_walk_routes(struct ks_link_run *run, const struct ks_link_want *want)
{
    /* addresses and links that came or went have changed the routes */
    if (want->n_drop_routes + want->n_routes > 0 && run->w->log.n > 0 && !run->w->dry_run && ks_link_read(run) < 0)
        return -1;
    for (size_t i = 0; i < want->n_drop_routes; i++)
        if (walk_route(run, want->name, &want->drop_routes[i], false) < 0)
            return -1;
    for (size_t i = 0; i < want->n_routes; i++)
        if (walk_route(run, want->name, &want->routes[i], true) < 0)
            return -1;
    return 0;
}
