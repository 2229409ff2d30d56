/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rtnetlink messages into values. By attribute and not through libnl-route's objects: those of libnl 3.7 know
 * nothing of a bridge's STP and delays, a permanent address, or a parent device.
 */
#include "net/parse.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

static int malformed(struct ks_error *err, const char *what)
{
    return ks_fail(err, KS_E_IO, KS_NOWHERE, "rtnetlink: malformed message about %s", what);
}

static const char *text_of(struct ks_arena *arena, struct nlattr *attr)
{
    return attr && nla_len(attr) > 1
               ? ks_strndup(arena, nla_data(attr), strnlen(nla_data(attr), (size_t)nla_len(attr)))
               : NULL;
}

/* Numbers of a given width; 0 when the attribute is missing or too short. */
static uint32_t u32_of(struct nlattr *attr)
{
    return attr && nla_len(attr) >= 4 ? nla_get_u32(attr) : 0;
}
static uint16_t u16_of(struct nlattr *attr)
{
    return attr && nla_len(attr) >= 2 ? nla_get_u16(attr) : 0;
}
static uint8_t u8_of(struct nlattr *attr)
{
    return attr && nla_len(attr) >= 1 ? nla_get_u8(attr) : 0;
}

static const char *mac_of(struct ks_arena *arena, const unsigned char *m)
{
    return ks_sprintf(arena, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

static const char *attr_mac(struct ks_arena *arena, struct nlattr *attr)
{
    return attr && nla_len(attr) == 6 ? mac_of(arena, nla_data(attr)) : NULL;
}

/* ---- links ---- */

/* RFC 2863, as include/uapi/linux/if.h counts them. */
static const char *operstate_name(unsigned state)
{
    static const char *const names[] = {
        [IF_OPER_UNKNOWN] = "unknown", [IF_OPER_NOTPRESENT] = "not-present",
        [IF_OPER_DOWN] = "down",       [IF_OPER_LOWERLAYERDOWN] = "lower-layer-down",
        [IF_OPER_TESTING] = "testing", [IF_OPER_DORMANT] = "dormant",
        [IF_OPER_UP] = "up",
    };

    return state < KS_COUNT(names) ? names[state] : "unknown";
}

static int parse_bridge(struct nlattr *data, struct ks_host_bridge_state *bridge, struct ks_error *err)
{
    struct nlattr *tb[IFLA_BR_MAX + 1];

    if (nla_parse_nested(tb, IFLA_BR_MAX, data, NULL) < 0)
        return malformed(err, "a bridge");
    bridge->stp = u32_of(tb[IFLA_BR_STP_STATE]) != 0;
    bridge->forward_delay_ms = u32_of(tb[IFLA_BR_FORWARD_DELAY]) * UINT64_C(10); /* USER_HZ: 1/100 s */
    bridge->hello_time_ms = u32_of(tb[IFLA_BR_HELLO_TIME]) * UINT64_C(10);
    bridge->max_age_ms = u32_of(tb[IFLA_BR_MAX_AGE]) * UINT64_C(10);
    bridge->ageing_time_ms = u32_of(tb[IFLA_BR_AGEING_TIME]) * UINT64_C(10);
    bridge->priority = u16_of(tb[IFLA_BR_PRIORITY]);
    bridge->vlan_filtering = u8_of(tb[IFLA_BR_VLAN_FILTERING]) != 0;
    bridge->default_pvid = u16_of(tb[IFLA_BR_VLAN_DEFAULT_PVID]);
    bridge->multicast_snooping = u8_of(tb[IFLA_BR_MCAST_SNOOPING]) != 0;
    return 0;
}

static int parse_linkinfo(struct ks_arena *arena, struct nlattr *info, struct ks_host_link *link,
                          struct ks_error *err)
{
    struct nlattr *tb[IFLA_INFO_MAX + 1], *vlan[IFLA_VLAN_MAX + 1];

    if (nla_parse_nested(tb, IFLA_INFO_MAX, info, NULL) < 0)
        return malformed(err, "a link's kind");
    link->kind = text_of(arena, tb[IFLA_INFO_KIND]);
    link->master_kind = text_of(arena, tb[IFLA_INFO_SLAVE_KIND]);
    link->is_bridge = ks_streq(link->kind, "bridge");
    if (!tb[IFLA_INFO_DATA])
        return 0;
    if (link->is_bridge)
        return parse_bridge(tb[IFLA_INFO_DATA], &link->bridge, err);
    if (ks_streq(link->kind, "vlan")) {
        if (nla_parse_nested(vlan, IFLA_VLAN_MAX, tb[IFLA_INFO_DATA], NULL) < 0)
            return malformed(err, "a VLAN");
        link->vlan_id = u16_of(vlan[IFLA_VLAN_ID]);
    }
    return 0;
}

static void parse_altnames(struct ks_arena *arena, struct nlattr *list, struct ks_host_link *link)
{
    struct nlattr *name;
    int left;

    nla_for_each_nested(name, list, left) if (nla_type(name) == IFLA_ALT_IFNAME) *
        (const char **)ks_vec_add(arena, &link->altnames) = text_of(arena, name);
}

/* ---- VFs ---- */

/* A flag that a driver does not support comes as all ones (include/uapi/linux/if_link.h, net/core/rtnetlink.c). */
static bool vf_flag(struct nlattr *attr, bool *ret)
{
    const struct ifla_vf_spoofchk *flag; /* ifla_vf_trust is laid out alike */

    if (!attr || nla_len(attr) < (int)sizeof(*flag))
        return false;
    flag = nla_data(attr);
    *ret = flag->setting != 0;
    return flag->setting != UINT32_MAX;
}

static void vf_vlan(struct nlattr *attr, struct ks_host_link_vf *vf)
{
    const struct ifla_vf_vlan *vlan;

    if (!attr || nla_len(attr) < (int)sizeof(*vlan))
        return;
    vlan = nla_data(attr);
    vf->vlan = (uint16_t)vlan->vlan;
    vf->qos = (uint16_t)vlan->qos;
}

static void vf_rates(struct nlattr *attr, struct ks_host_link_vf *vf)
{
    const struct ifla_vf_rate *rate;

    if (!attr || nla_len(attr) < (int)sizeof(*rate))
        return;
    rate = nla_data(attr);
    vf->has_rates = true;
    vf->min_rate_mbit = rate->min_tx_rate;
    vf->max_rate_mbit = rate->max_tx_rate;
}

static int parse_vf(struct ks_arena *arena, struct nlattr *info, struct ks_host_link *link, struct ks_error *err)
{
    struct nlattr *tb[IFLA_VF_MAX + 1];

    if (nla_parse_nested(tb, IFLA_VF_MAX, info, NULL) < 0)
        return malformed(err, "a VF");
    if (!tb[IFLA_VF_MAC] || nla_len(tb[IFLA_VF_MAC]) < (int)sizeof(struct ifla_vf_mac))
        return 0;
    const struct ifla_vf_mac *mac = nla_data(tb[IFLA_VF_MAC]);
    struct ks_host_link_vf *vf = ks_vec_add(arena, &link->vfs);
    vf->index = mac->vf;
    vf->mac = mac_of(arena, mac->mac);
    vf_vlan(tb[IFLA_VF_VLAN], vf);
    vf->has_spoof_check = vf_flag(tb[IFLA_VF_SPOOFCHK], &vf->spoof_check);
    vf->has_trust = vf_flag(tb[IFLA_VF_TRUST], &vf->trust);
    vf_rates(tb[IFLA_VF_RATE], vf);
    if (tb[IFLA_VF_LINK_STATE] && nla_len(tb[IFLA_VF_LINK_STATE]) >= (int)sizeof(struct ifla_vf_link_state)) {
        const struct ifla_vf_link_state *state = nla_data(tb[IFLA_VF_LINK_STATE]);
        vf->has_link_state = true;
        vf->link_state = (enum ks_host_vf_link_state)state->link_state;
    }
    return 0;
}

static int parse_vfs(struct ks_arena *arena, struct nlattr *list, struct ks_host_link *link, struct ks_error *err)
{
    struct nlattr *info;
    int left;

    nla_for_each_nested(info, list,
                        left) if (nla_type(info) == IFLA_VF_INFO && parse_vf(arena, info, link, err) < 0) return -1;
    return 0;
}

int ks_link_parse(struct ks_arena *arena, struct nlmsghdr *message, struct ks_host_link *ret,
                  struct ks_link_refs *ret_refs, struct ks_error *err)
{
    struct nlattr *tb[IFLA_MAX + 1];
    const struct ifinfomsg *info = nlmsg_data(message);

    if (nlmsg_parse(message, sizeof(*info), tb, IFLA_MAX, NULL) < 0 || !tb[IFLA_IFNAME])
        return malformed(err, "a link");
    *ret = (struct ks_host_link){
        .index = info->ifi_index,
        .name = text_of(arena, tb[IFLA_IFNAME]),
        .alias = text_of(arena, tb[IFLA_IFALIAS]),
        .mac = attr_mac(arena, tb[IFLA_ADDRESS]),
        .permanent_mac = attr_mac(arena, tb[IFLA_PERM_ADDRESS]),
        .mtu = u32_of(tb[IFLA_MTU]),
        .max_mtu = u32_of(tb[IFLA_MAX_MTU]),
        .up = info->ifi_flags & IFF_UP,
        .carrier = info->ifi_flags & IFF_LOWER_UP,
        .loopback = info->ifi_type == ARPHRD_LOOPBACK,
        .operstate = operstate_name(u8_of(tb[IFLA_OPERSTATE])),
        .vlan_id = -1,
    };
    if (ks_streq(text_of(arena, tb[IFLA_PARENT_DEV_BUS_NAME]), "pci"))
        ret->bus_address = text_of(arena, tb[IFLA_PARENT_DEV_NAME]);
    *ret_refs = (struct ks_link_refs){.master = (int)u32_of(tb[IFLA_MASTER]),
                                      .lower = (int)u32_of(tb[IFLA_LINK]),
                                      .lower_elsewhere = tb[IFLA_LINK_NETNSID] != NULL};
    if (tb[IFLA_PROP_LIST])
        parse_altnames(arena, tb[IFLA_PROP_LIST], ret);
    if (tb[IFLA_LINKINFO] && parse_linkinfo(arena, tb[IFLA_LINKINFO], ret, err) < 0)
        return -1;
    return tb[IFLA_VFINFO_LIST] ? parse_vfs(arena, tb[IFLA_VFINFO_LIST], ret, err) : 0;
}

/* ---- VLANs of ports ---- */

static void add_vlan(struct ks_arena *arena, const struct bridge_vlan_info *vlan, struct ks_host_link *link)
{
    if (vlan->flags & BRIDGE_VLAN_INFO_RANGE_END) {
        if (link->vlans.n > 0)
            link->vlans.v[link->vlans.n - 1].last = vlan->vid;
        return;
    }
    *(struct ks_host_port_vlan *)ks_vec_add(arena, &link->vlans) =
        (struct ks_host_port_vlan){.first = vlan->vid,
                                   .last = vlan->vid,
                                   .pvid = vlan->flags & BRIDGE_VLAN_INFO_PVID,
                                   .untagged = vlan->flags & BRIDGE_VLAN_INFO_UNTAGGED};
}

int ks_port_vlans_parse(struct ks_arena *arena, struct nlmsghdr *message, struct ks_host_link *link,
                        struct ks_error *err)
{
    struct nlattr *tb[IFLA_MAX + 1], *attr;
    int left;

    if (nlmsg_parse(message, sizeof(struct ifinfomsg), tb, IFLA_MAX, NULL) < 0)
        return malformed(err, "a port's VLANs");
    if (!tb[IFLA_AF_SPEC])
        return 0;
    nla_for_each_nested(attr, tb[IFLA_AF_SPEC], left) if (nla_type(attr) == IFLA_BRIDGE_VLAN_INFO &&
                                                          nla_len(attr) >= (int)sizeof(struct bridge_vlan_info))
        add_vlan(arena, nla_data(attr), link);
    return 0;
}

/* ---- addresses and routes ---- */

static size_t family_bytes(int family)
{
    return family == AF_INET ? 4 : 16;
}

/* "192.0.2.10", or NULL when the attribute is missing or too short. */
static const char *ip_of(struct ks_arena *arena, int family, struct nlattr *attr)
{
    char text[INET6_ADDRSTRLEN];

    if (!attr || nla_len(attr) < (int)family_bytes(family) ||
        !inet_ntop(family, nla_data(attr), text, sizeof(text)))
        return NULL;
    return ks_strdup(arena, text);
}

int ks_address_parse(struct ks_arena *arena, struct nlmsghdr *message, struct ks_host_address *ret, int *ret_index,
                     struct ks_error *err)
{
    struct nlattr *tb[IFA_MAX + 1];
    const struct ifaddrmsg *info = nlmsg_data(message);

    if (nlmsg_parse(message, sizeof(*info), tb, IFA_MAX, NULL) < 0)
        return malformed(err, "an address");
    /* on a point-to-point link IFA_ADDRESS is the peer's */
    const char *ip = ip_of(arena, info->ifa_family, tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS]);
    if (!ip)
        return malformed(err, "an address");
    const uint32_t flags = tb[IFA_FLAGS] ? u32_of(tb[IFA_FLAGS]) : info->ifa_flags;
    *ret = (struct ks_host_address){.family = info->ifa_family,
                                    .text = ks_sprintf(arena, "%s/%u", ip, info->ifa_prefixlen),
                                    .scope = info->ifa_scope,
                                    .permanent = flags & IFA_F_PERMANENT};
    *ret_index = (int)info->ifa_index;
    return 0;
}

static void add_hop(struct ks_arena *arena, struct ks_hops *hops, struct ks_host_route route, int index,
                    struct nlattr *via)
{
    struct ks_hop *hop = ks_vec_add(arena, &hops->hops);

    route.via = ip_of(arena, route.family, via);
    *hop = (struct ks_hop){.route = route, .index = index};
}

/* RTA_VIA: a next hop of the other family (an IPv4 route through an IPv6 router). */
static const char *other_family_via(struct ks_arena *arena, struct nlattr *attr)
{
    char text[INET6_ADDRSTRLEN];

    if (!attr || nla_len(attr) < (int)sizeof(struct rtvia))
        return NULL;
    const struct rtvia *via = nla_data(attr);
    if (nla_len(attr) < (int)(sizeof(*via) + family_bytes(via->rtvia_family)) ||
        !inet_ntop(via->rtvia_family, via->rtvia_addr, text, sizeof(text)))
        return NULL;
    return ks_strdup(arena, text);
}

static int add_hops(struct ks_arena *arena, struct ks_hops *hops, const struct ks_host_route *route,
                    struct nlattr *multipath, struct ks_error *err)
{
    const char *at = nla_data(multipath);

    for (size_t left = (size_t)nla_len(multipath); left >= sizeof(struct rtnexthop);) {
        struct nlattr *tb[RTA_MAX + 1];
        struct rtnexthop hop;
        memcpy(&hop, at, sizeof(hop));
        const size_t step = NLMSG_ALIGN((size_t)hop.rtnh_len);
        if (hop.rtnh_len < sizeof(hop) || step > left)
            return malformed(err, "a route");
        struct nlattr *attributes = (struct nlattr *)(at + sizeof(hop));
        if (nla_parse(tb, RTA_MAX, attributes, (int)(hop.rtnh_len - sizeof(hop)), NULL) < 0)
            return malformed(err, "a route");
        add_hop(arena, hops, *route, hop.rtnh_ifindex, tb[RTA_GATEWAY]);
        left -= step;
        at += step;
    }
    return 0;
}

int ks_route_parse(struct ks_arena *arena, struct nlmsghdr *message, struct ks_hops *hops, struct ks_error *err)
{
    struct nlattr *tb[RTA_MAX + 1];
    const struct rtmsg *info = nlmsg_data(message);

    if (nlmsg_parse(message, sizeof(*info), tb, RTA_MAX, NULL) < 0)
        return malformed(err, "a route");
    const uint32_t table = tb[RTA_TABLE] ? u32_of(tb[RTA_TABLE]) : info->rtm_table;
    if (table != RT_TABLE_MAIN || info->rtm_type != RTN_UNICAST || (info->rtm_flags & RTM_F_CLONED))
        return 0;
    struct ks_host_route route = {.family = info->rtm_family,
                                  .to = "default",
                                  .metric = u32_of(tb[RTA_PRIORITY]),
                                  .protocol = info->rtm_protocol};
    const char *to = ip_of(arena, info->rtm_family, tb[RTA_DST]);
    if (to)
        route.to = ks_sprintf(arena, "%s/%u", to, info->rtm_dst_len);
    if (tb[RTA_MULTIPATH])
        return add_hops(arena, hops, &route, tb[RTA_MULTIPATH], err);
    add_hop(arena, hops, route, (int)u32_of(tb[RTA_OIF]), tb[RTA_GATEWAY]);
    if (tb[RTA_VIA])
        hops->hops.v[hops->hops.n - 1].route.via = other_family_via(arena, tb[RTA_VIA]);
    return 0;
}
