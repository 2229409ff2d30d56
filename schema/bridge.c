/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bridge of the host, with its ports, addresses and routes. */
#include "schema/kinds.h"

KS_ENUM_TABLE(states, "present", "absent");

/* Making a bridge disturbs nobody; changing one that is there may. */
static enum ks_impact carries_traffic(const struct ks_change *change, bool running, enum ks_impact otherwise)
{
    (void)running;
    return change->have ? otherwise : KS_SAFE;
}

static bool delay_is_same(const struct ks_field *field, const struct ks_obj *want, const struct ks_obj *have)
{
    return have && ks_has(want, field->key) && ks_has(have, field->key) &&
           ks_delay_is_kept(((const struct ks_bridge *)want)->forward_delay,
                            ((const struct ks_bridge *)have)->forward_delay);
}
static const struct ks_codec delay_codec = {.same = delay_is_same};

/* clang-format off */
#define SAFE .stopped = KS_SAFE, .running = KS_SAFE
#define NETWORK .stopped = KS_NETWORK, .running = KS_NETWORK, .impact = carries_traffic

static const struct ks_field route_rows[] = {
    KS_ROW_STRING(struct ks_route, to, "to", NETWORK, .flags = KS_F_REQUIRED, .check = ks_check_route,
        .doc = "The destination: a network, or default."),
    KS_ROW_STRING(struct ks_route, via, "via", NETWORK, .check = ks_check_ip,
        .doc = "The gateway; without one, the destination is on the link itself."),
    KS_ROW_UINT(struct ks_route, metric, "metric", NETWORK, .max = UINT32_MAX,
        .doc = "Its metric: of two routes to one destination the lower one is taken."),
};

static const struct ks_field bridge_rows[] = {
    KS_ROW_ENUM(struct ks_bridge, state, "state", &states, .flags = KS_F_RUNTIME, SAFE,
        .doc = "Whether it is there; absent removes it."),
    KS_ROW_STRINGS(struct ks_bridge, ports, "ports", NETWORK, .flags = KS_F_SET, .check = ks_check_ifname,
        .doc = "Links of the host that are its ports; taken out of the bridge or bond that they are in. Guests' "
               "own ports are not counted."),
    KS_ROW_BOOL(struct ks_bridge, stp, "stp", NETWORK, .doc = "The kernel's spanning tree protocol."),
    KS_ROW_DURATION(struct ks_bridge, forward_delay, "forward-delay", SAFE, .max = 30000, .step = 10,
        .codec = &delay_codec,
        .doc = "How long a port listens and learns before it forwards; 2s to 30s with stp, as low as 0s without."),
    KS_ROW_BOOL(struct ks_bridge, vlan_filtering, "vlan-filtering", NETWORK,
        .doc = "The bridge looks at VLAN tags, and nics may have a vlan."),
    KS_ROW_UINT(struct ks_bridge, mtu, "mtu", NETWORK, .min = 68, .max = 65535,
        .doc = "Its MTU; its ports' own is left alone."),
    KS_ROW_STRING(struct ks_bridge, mac, "mac", NETWORK, .check = ks_check_mac,
        .doc = "Its MAC address; without one the kernel takes the lowest of its ports'."),
    KS_ROW_STRINGS(struct ks_bridge, addresses, "addresses", NETWORK, .flags = KS_F_SET, .check = ks_check_cidr,
        .doc = "The host's addresses on it, with their prefix lengths."),
    KS_ROW_MAP(struct ks_bridge, routes, "routes", &ks_route_kind, NETWORK, .flags = KS_F_SEQ,
        .doc = "Routes through it."),
    KS_ROW_BOOL(struct ks_bridge, up, "up", NETWORK, .doc = "Whether the link is up."),
};
/* clang-format on */

static bool is_v6(const char *text)
{
    return strchr(text, ':');
}

/* What the kernel tells routes of one link apart by: destination, family, metric. */
static const char *route_key(struct ks_arena *arena, const struct ks_obj *obj, size_t index)
{
    const struct ks_route *r = (const struct ks_route *)obj;
    const char *to = r->to;

    if (!to)
        return ks_sprintf(arena, "route %zu", index);
    if (ks_streq(to, "default") && r->via && is_v6(r->via))
        to = "default (IPv6)";
    return r->metric ? ks_sprintf(arena, "%s metric %u", to, (unsigned)r->metric) : to;
}

/* The kernel gives a route a metric of its own when none was asked for (1024 for IPv6). */
static bool same_route(const struct ks_obj *want, const struct ks_obj *have)
{
    const struct ks_route *w = (const struct ks_route *)want, *h = (const struct ks_route *)have;

    if (!w->to || !ks_streq(w->to, h->to) || (ks_has(want, "metric") && w->metric != h->metric))
        return false;
    return !w->via || !h->via || is_v6(w->via) == is_v6(h->via);
}

static void validate_route(const struct ks_obj *obj, struct ks_findings *f)
{
    const struct ks_route *r = (const struct ks_route *)obj;

    if (ks_has(obj, "to") && ks_has(obj, "via") && !ks_streq(r->to, "default") && is_v6(r->to) != is_v6(r->via))
        ks_report(f, KS_E_CONFLICT, ks_at(obj, "via"), "via: '%s' is of another family than '%s'", r->via, r->to);
}

static void check_twice(const struct ks_obj *obj, const char *key, const struct ks_strings *list,
                        struct ks_findings *f)
{
    for (size_t i = 0; i < list->n; i++)
        for (size_t k = 0; k < i; k++)
            if (ks_streq(list->v[i], list->v[k]))
                ks_report(f, KS_E_INVALID, ks_at(obj, key), "%s: '%s' is given twice", key, list->v[i]);
}

static void validate_bridge(const struct ks_obj *obj, struct ks_findings *f)
{
    const struct ks_bridge *b = (const struct ks_bridge *)obj;

    check_twice(obj, "ports", &b->ports, f);
    check_twice(obj, "addresses", &b->addresses, f);
    for (size_t i = 0; i < b->ports.n; i++)
        if (ks_streq(b->ports.v[i], obj->key))
            ks_report(f, KS_E_INVALID, ks_at(obj, "ports"), "ports: a bridge cannot be its own port");
    /* br_set_forward_delay() in the kernel: at least 2 seconds while the protocol runs. */
    if (ks_has(obj, "stp") && b->stp && ks_has(obj, "forward-delay") && b->forward_delay < 2000)
        ks_report(f, KS_E_INVALID, ks_at(obj, "forward-delay"),
                  "forward-delay: expected 2s to 30s with stp, found %s",
                  ks_duration_format(f->arena, b->forward_delay));
}

const struct ks_kind ks_route_kind =
    KS_KIND(struct ks_route, route_rows, .name = "route", .doc = "A route through a bridge.", .same = same_route,
            .seq_key = route_key, .validate = validate_route);
const struct ks_kind ks_bridge_kind =
    KS_KIND(struct ks_bridge, bridge_rows, .name = "bridge", .doc = "A bridge of the host, by interface name.",
            .validate = validate_bridge);
