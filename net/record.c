/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links with all that a change of the network can take from them, by dumps of rtnetlink. */
#include "net/record.h"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include "net/dump.h"
#include "net/record_private.h"

/*
 * What can be set and has a value that stays. STP's own findings, counters and timers pass; a port's state follows
 * from its link and from STP.
 */
/* clang-format off */
const struct ks_net_attribute ks_net_attributes[KS_NET_ATTRIBUTES] = {
    {"mtu", KS_NET_OF_LINK, IFLA_MTU},
    {"mac", KS_NET_OF_LINK, IFLA_ADDRESS},
    {"alias", KS_NET_OF_LINK, IFLA_IFALIAS},
    {"txqlen", KS_NET_OF_LINK, IFLA_TXQLEN},
    {"stp", KS_NET_OF_BRIDGE, IFLA_BR_STP_STATE},
    {"forward-delay", KS_NET_OF_BRIDGE, IFLA_BR_FORWARD_DELAY},
    {"hello-time", KS_NET_OF_BRIDGE, IFLA_BR_HELLO_TIME},
    {"max-age", KS_NET_OF_BRIDGE, IFLA_BR_MAX_AGE},
    {"ageing-time", KS_NET_OF_BRIDGE, IFLA_BR_AGEING_TIME},
    {"priority", KS_NET_OF_BRIDGE, IFLA_BR_PRIORITY},
    {"vlan-filtering", KS_NET_OF_BRIDGE, IFLA_BR_VLAN_FILTERING},
    {"vlan-protocol", KS_NET_OF_BRIDGE, IFLA_BR_VLAN_PROTOCOL},
    {"default-pvid", KS_NET_OF_BRIDGE, IFLA_BR_VLAN_DEFAULT_PVID},
    {"group-fwd-mask", KS_NET_OF_BRIDGE, IFLA_BR_GROUP_FWD_MASK},
    {"mcast-router", KS_NET_OF_BRIDGE, IFLA_BR_MCAST_ROUTER},
    {"mcast-snooping", KS_NET_OF_BRIDGE, IFLA_BR_MCAST_SNOOPING},
    {"mcast-querier", KS_NET_OF_BRIDGE, IFLA_BR_MCAST_QUERIER},
    {"mcast-query-use-ifaddr", KS_NET_OF_BRIDGE, IFLA_BR_MCAST_QUERY_USE_IFADDR},
    {"mcast-igmp-version", KS_NET_OF_BRIDGE, IFLA_BR_MCAST_IGMP_VERSION},
    {"mcast-mld-version", KS_NET_OF_BRIDGE, IFLA_BR_MCAST_MLD_VERSION},
    {"nf-call-iptables", KS_NET_OF_BRIDGE, IFLA_BR_NF_CALL_IPTABLES},
    {"nf-call-ip6tables", KS_NET_OF_BRIDGE, IFLA_BR_NF_CALL_IP6TABLES},
    {"nf-call-arptables", KS_NET_OF_BRIDGE, IFLA_BR_NF_CALL_ARPTABLES},
    {"vlan-stats", KS_NET_OF_BRIDGE, IFLA_BR_VLAN_STATS_ENABLED},
    {"mcast-stats", KS_NET_OF_BRIDGE, IFLA_BR_MCAST_STATS_ENABLED},
    {"port-priority", KS_NET_OF_PORT, IFLA_BRPORT_PRIORITY},
    {"port-cost", KS_NET_OF_PORT, IFLA_BRPORT_COST},
    {"hairpin", KS_NET_OF_PORT, IFLA_BRPORT_MODE},
    {"guard", KS_NET_OF_PORT, IFLA_BRPORT_GUARD},
    {"root-block", KS_NET_OF_PORT, IFLA_BRPORT_PROTECT},
    {"fastleave", KS_NET_OF_PORT, IFLA_BRPORT_FAST_LEAVE},
    {"learning", KS_NET_OF_PORT, IFLA_BRPORT_LEARNING},
    {"flood", KS_NET_OF_PORT, IFLA_BRPORT_UNICAST_FLOOD},
    {"mcast-flood", KS_NET_OF_PORT, IFLA_BRPORT_MCAST_FLOOD},
    {"bcast-flood", KS_NET_OF_PORT, IFLA_BRPORT_BCAST_FLOOD},
    {"mcast-to-unicast", KS_NET_OF_PORT, IFLA_BRPORT_MCAST_TO_UCAST},
    {"port-mcast-router", KS_NET_OF_PORT, IFLA_BRPORT_MULTICAST_ROUTER},
    {"proxy-arp", KS_NET_OF_PORT, IFLA_BRPORT_PROXYARP},
    {"proxy-arp-wifi", KS_NET_OF_PORT, IFLA_BRPORT_PROXYARP_WIFI},
    {"neigh-suppress", KS_NET_OF_PORT, IFLA_BRPORT_NEIGH_SUPPRESS},
    {"vlan-tunnel", KS_NET_OF_PORT, IFLA_BRPORT_VLAN_TUNNEL},
    {"isolated", KS_NET_OF_PORT, IFLA_BRPORT_ISOLATED},
    {"locked", KS_NET_OF_PORT, IFLA_BRPORT_LOCKED},
    {"port-group-fwd-mask", KS_NET_OF_PORT, IFLA_BRPORT_GROUP_FWD_MASK},
};
/* clang-format on */

struct reader {
    struct ks_arena *arena;
    const struct ks_host_links *seen;
    struct ks_net_record *record;
};

const struct ks_net_link *ks_net_link_by_index(const struct ks_net_record *record, int index)
{
    for (size_t i = 0; i < record->links.n; i++)
        if (record->links.v[i].index == index)
            return &record->links.v[i];
    return NULL;
}

const struct ks_net_link *ks_net_record_link(const struct ks_net_record *record, const char *name)
{
    for (size_t i = 0; name && i < record->links.n; i++)
        if (ks_streq(record->links.v[i].name, name))
            return &record->links.v[i];
    return NULL;
}

/* ---- links ---- */

static struct ks_net_bytes bytes_of(struct ks_arena *arena, struct nlattr *attr)
{
    struct ks_net_bytes bytes = {0};

    if (!attr)
        return bytes;
    bytes.n = (size_t)nla_len(attr);
    bytes.v = memcpy(ks_arena_alloc(arena, bytes.n + 1), nla_data(attr), bytes.n);
    return bytes;
}

static void take_attributes(struct ks_arena *arena, enum ks_net_place place, struct nlattr *const *tb, int max,
                            struct ks_net_link *link)
{
    for (size_t i = 0; i < KS_NET_ATTRIBUTES; i++)
        if (ks_net_attributes[i].place == place && ks_net_attributes[i].type <= max)
            link->attributes[i] = bytes_of(arena, tb[ks_net_attributes[i].type]);
}

static bool is_on(struct nlattr *attr)
{
    const unsigned char *byte = attr ? nla_data(attr) : NULL;

    for (int i = 0; byte && i < nla_len(attr); i++)
        if (byte[i])
            return true;
    return false;
}

static void forget(struct ks_net_link *link, uint16_t type)
{
    for (size_t i = 0; i < KS_NET_ATTRIBUTES; i++)
        if (ks_net_attributes[i].place == KS_NET_OF_BRIDGE && ks_net_attributes[i].type == type)
            link->attributes[i] = (struct ks_net_bytes){0};
}

/*
 * While STP sees the topology change, it ages entries faster; while another bridge is the root, that one's times
 * are told (net/bridge/br_stp.c). They are not this bridge's own, which nobody tells then.
 */
static void forget_borrowed(struct nlattr *const *tb, struct ks_net_link *link)
{
    struct nlattr *root = tb[IFLA_BR_ROOT_ID], *own = tb[IFLA_BR_BRIDGE_ID];

    if (is_on(tb[IFLA_BR_TOPOLOGY_CHANGE]))
        forget(link, IFLA_BR_AGEING_TIME);
    if (!is_on(tb[IFLA_BR_STP_STATE]) || !root || !own ||
        (nla_len(root) == nla_len(own) && memcmp(nla_data(root), nla_data(own), (size_t)nla_len(own)) == 0))
        return;
    forget(link, IFLA_BR_FORWARD_DELAY);
    forget(link, IFLA_BR_HELLO_TIME);
    forget(link, IFLA_BR_MAX_AGE);
}

static void take_linkinfo(struct ks_arena *arena, struct nlattr *info, struct ks_net_link *link)
{
    struct nlattr *tb[IFLA_INFO_MAX + 1], *bridge[IFLA_BR_MAX + 1], *port[IFLA_BRPORT_MAX + 1];

    if (nla_parse_nested(tb, IFLA_INFO_MAX, info, NULL) < 0)
        return;
    if (ks_streq(link->kind, "bridge") && tb[IFLA_INFO_DATA] &&
        nla_parse_nested(bridge, IFLA_BR_MAX, tb[IFLA_INFO_DATA], NULL) == 0) {
        take_attributes(arena, KS_NET_OF_BRIDGE, bridge, IFLA_BR_MAX, link);
        forget_borrowed(bridge, link);
    }
    if (!ks_streq(link->master_kind, "bridge") || !tb[IFLA_INFO_SLAVE_DATA] ||
        nla_parse_nested(port, IFLA_BRPORT_MAX, tb[IFLA_INFO_SLAVE_DATA], NULL) < 0)
        return;
    take_attributes(arena, KS_NET_OF_PORT, port, IFLA_BRPORT_MAX, link);
    if (port[IFLA_BRPORT_NO] && nla_len(port[IFLA_BRPORT_NO]) >= 2)
        link->port = nla_get_u16(port[IFLA_BRPORT_NO]);
}

static const struct ks_host_link *seen_link(const struct reader *r, int index)
{
    for (size_t i = 0; i < r->seen->links.n; i++)
        if (r->seen->links.v[i].index == index)
            return &r->seen->links.v[i];
    return NULL;
}

static int on_link(struct nlmsghdr *message, void *data, struct ks_error *err)
{
    struct reader *r = data;
    struct nlattr *tb[IFLA_MAX + 1];
    const struct ifinfomsg *info = nlmsg_data(message);
    const struct ks_host_link *seen = seen_link(r, info->ifi_index);

    if (nlmsg_parse(message, sizeof(*info), tb, IFLA_MAX, NULL) < 0)
        return ks_fail(err, KS_E_IO, KS_NOWHERE, "rtnetlink: malformed message about a link");
    if (!seen) /* it came up between the two dumps */
        return 0;
    struct ks_net_link *link = ks_vec_add(r->arena, &r->record->links);
    *link = (struct ks_net_link){.index = seen->index,
                                 .name = seen->name,
                                 .kind = seen->kind,
                                 .master = seen->master,
                                 .master_kind = seen->master_kind,
                                 .lower = seen->lower,
                                 .up = info->ifi_flags & IFF_UP};
    take_attributes(r->arena, KS_NET_OF_LINK, tb, IFLA_MAX, link);
    if (tb[IFLA_LINKINFO])
        take_linkinfo(r->arena, tb[IFLA_LINKINFO], link);
    for (size_t i = 0; i < seen->vlans.n; i++)
        *ks_vec_add(r->arena, &link->vlans) = seen->vlans.v[i];
    return 0;
}

static void no_links(void *data)
{
    ((struct reader *)data)->record->links.n = 0;
}

/* ---- addresses and routes ---- */

static int on_address(struct nlmsghdr *message, void *data, struct ks_error *err)
{
    struct reader *r = data;
    struct ks_net_entry entry;
    int index;

    if (ks_net_address_parse(r->arena, r->record, message, &entry, &index, err) < 0)
        return -1;
    for (size_t i = 0; i < r->record->links.n; i++)
        if (r->record->links.v[i].index == index)
            *ks_vec_add(r->arena, &r->record->links.v[i].addresses) = entry;
    return 0;
}

static void no_addresses(void *data)
{
    struct reader *r = data;

    for (size_t i = 0; i < r->record->links.n; i++)
        r->record->links.v[i].addresses.n = 0;
}

static int on_route(struct nlmsghdr *message, void *data, struct ks_error *err)
{
    struct reader *r = data;
    struct ks_net_entry entry;
    bool kept;

    if (ks_net_route_parse(r->arena, r->record, message, &entry, &kept, err) < 0)
        return -1;
    if (kept)
        *ks_vec_add(r->arena, &r->record->routes) = entry;
    return 0;
}

static void no_routes(void *data)
{
    ((struct reader *)data)->record->routes.n = 0;
}

int ks_net_record_read(struct ks_arena *arena, struct ks_net_record *ret, struct ks_error *err)
{
    static const struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
    static const struct ifaddrmsg address = {.ifa_family = AF_UNSPEC};
    static const struct rtmsg route = {.rtm_family = AF_UNSPEC};
    static const struct ks_nl_dump dumps[] = {
        {"links", RTM_GETLINK, &link, sizeof(link), RTEXT_FILTER_SKIP_STATS, on_link, no_links},
        {"addresses", RTM_GETADDR, &address, sizeof(address), 0, on_address, no_addresses},
        {"routes", RTM_GETROUTE, &route, sizeof(route), 0, on_route, no_routes},
    };
    ks_auto(ks_nl_closep) struct nl_sock *sock = NULL;
    struct ks_host_links seen;
    struct reader r = {.arena = arena, .seen = &seen, .record = ret};

    *ret = (struct ks_net_record){0};
    if (ks_net_read(arena, &seen, err) < 0 || ks_nl_open(&sock, err) < 0)
        return -1;
    for (size_t i = 0; i < KS_COUNT(dumps); i++)
        if (ks_nl_dump(sock, &dumps[i], &r, err) < 0)
            return ks_wrap(err, "recording the host's links");
    return 0;
}

/* ---- the part that a change touches ---- */

static bool lists(const struct ks_strings *list, const char *text)
{
    for (size_t i = 0; i < list->n; i++)
        if (ks_streq(list->v[i], text))
            return true;
    return false;
}

static void add_name(struct ks_arena *arena, struct ks_strings *names, const char *name)
{
    if (name && !lists(names, name))
        *ks_vec_add(arena, names) = name;
}

static void add_family(struct ks_arena *arena, const struct ks_net_record *all, const struct ks_net_link *link,
                       struct ks_strings *names)
{
    add_name(arena, names, link->name);
    add_name(arena, names, link->master);
    for (size_t i = 0; i < all->links.n; i++)
        if (ks_streq(all->links.v[i].master, link->name))
            add_name(arena, names, all->links.v[i].name);
}

/* `names` grows while it is gone through: a VLAN on a VLAN. */
static void add_uppers(struct ks_arena *arena, const struct ks_net_record *all, struct ks_strings *names)
{
    for (size_t i = 0; i < names->n; i++)
        for (size_t k = 0; k < all->links.n; k++)
            if (ks_streq(all->links.v[k].lower, names->v[i]))
                add_name(arena, names, all->links.v[k].name);
}

static bool passes(const struct ks_net_entry *route, const struct ks_strings *names)
{
    for (size_t i = 0; i < route->links.n; i++)
        if (lists(names, route->links.v[i]))
            return true;
    return false;
}

void ks_net_record_take(struct ks_arena *arena, const struct ks_net_record *all, const struct ks_strings *names,
                        struct ks_net_record *ret)
{
    struct ks_strings taken = {0};

    *ret = (struct ks_net_record){0};
    for (size_t i = 0; i < names->n; i++) {
        const struct ks_net_link *link = ks_net_record_link(all, names->v[i]);
        if (link)
            add_family(arena, all, link, &taken);
        else
            add_name(arena, &ret->absent, names->v[i]);
    }
    add_uppers(arena, all, &taken);
    for (size_t i = 0; i < all->links.n; i++)
        if (lists(&taken, all->links.v[i].name))
            *ks_vec_add(arena, &ret->links) = all->links.v[i];
    for (size_t i = 0; i < ret->absent.n; i++)
        add_name(arena, &taken, ret->absent.v[i]);
    for (size_t i = 0; i < all->routes.n; i++)
        if (passes(&all->routes.v[i], &taken))
            *ks_vec_add(arena, &ret->routes) = all->routes.v[i];
}
