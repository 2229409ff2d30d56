/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses and routes as the kernel's own messages, without what passes: ages, states, counters. */
#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include "net/record_private.h"

enum {
    /* Flags that an address is given, and keeps; the others are the kernel's findings. */
    ADDRESS_FLAGS = IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN,
    HOP_FLAGS = RTNH_F_ONLINK | RTNH_F_PERVASIVE,
    USER_HZ = 100, /* of struct rta_cacheinfo */
};

/* IFA_PROTO is newer than Debian 12's headers: 11. */
static const uint16_t address_attributes[] = {IFA_LOCAL, IFA_ADDRESS,     IFA_BROADCAST,
                                              IFA_LABEL, IFA_RT_PRIORITY, 11};
static const uint16_t route_attributes[] = {RTA_TABLE,   RTA_DST,  RTA_SRC,        RTA_PRIORITY, RTA_PREFSRC,
                                            RTA_METRICS, RTA_FLOW, RTA_PREF,       RTA_NH_ID,    RTA_OIF,
                                            RTA_GATEWAY, RTA_VIA,  RTA_ENCAP_TYPE, RTA_ENCAP,    RTA_MULTIPATH};
/* What a next hop object (RTA_NH_ID) says for its routes. */
static bool is_of_hop(uint16_t type)
{
    return type == RTA_OIF || type == RTA_GATEWAY || type == RTA_VIA || type == RTA_ENCAP_TYPE ||
           type == RTA_ENCAP || type == RTA_MULTIPATH;
}

static int malformed(struct ks_error *err, const char *what)
{
    return ks_fail(err, KS_E_IO, KS_NOWHERE, "rtnetlink: malformed message about %s", what);
}

/* NLA_ALIGN and NLMSG_ALIGN, without their signs. */
static size_t aligned(size_t n)
{
    return (n + NLA_ALIGNTO - 1) & ~(size_t)(NLA_ALIGNTO - 1);
}

static void add_attribute(struct ks_text *out, uint16_t type, const void *data, size_t n)
{
    static const char zeros[NLA_ALIGNTO] = {0};
    const struct nlattr header = {.nla_len = (uint16_t)(sizeof(struct nlattr) + n), .nla_type = type};

    ks_text_addn(out, (const char *)&header, sizeof(header));
    ks_text_addn(out, data, n);
    ks_text_addn(out, zeros, aligned(n) - n);
}

static struct ks_net_bytes copy(struct ks_arena *arena, const void *data, size_t n)
{
    return (struct ks_net_bytes){n, memcpy(ks_arena_alloc(arena, n + 1), data, n)};
}

/* ---- the numbers of links in a message ---- */

static int each_hop(unsigned char *at, size_t left, int (*each)(void *data, unsigned char *index), void *data)
{
    while (left >= sizeof(struct rtnexthop)) {
        struct rtnexthop hop;
        memcpy(&hop, at, sizeof(hop));
        const size_t step = aligned(hop.rtnh_len);
        if (hop.rtnh_len < sizeof(hop) || step > left)
            return -1;
        hop.rtnh_flags &= HOP_FLAGS;
        memcpy(at, &hop, sizeof(hop));
        if (each(data, at + offsetof(struct rtnexthop, rtnh_ifindex)) < 0)
            return -1;
        at += step;
        left -= step;
    }
    return 0;
}

int ks_net_entry_indices(bool is_route, unsigned char *header, size_t n_header, unsigned char *attributes, size_t n,
                         int (*each)(void *data, unsigned char *index), void *data)
{
    if (n_header != (is_route ? sizeof(struct rtmsg) : sizeof(struct ifaddrmsg)))
        return -1;
    if (!is_route)
        return each(data, header + offsetof(struct ifaddrmsg, ifa_index));
    for (size_t at = 0; at < n;) {
        struct nlattr attr;
        if (n - at < sizeof(attr))
            return -1;
        memcpy(&attr, attributes + at, sizeof(attr));
        const size_t step = aligned(attr.nla_len);
        if (attr.nla_len < sizeof(attr) || step > n - at)
            return -1;
        unsigned char *value = attributes + at + sizeof(attr);
        const size_t n_value = attr.nla_len - sizeof(attr);
        if ((attr.nla_type == RTA_OIF && (n_value != 4 || each(data, value) < 0)) ||
            (attr.nla_type == RTA_MULTIPATH && each_hop(value, n_value, each, data) < 0))
            return -1;
        at += step;
    }
    return 0;
}

struct naming {
    struct ks_arena *arena;
    const struct ks_net_record *links;
    struct ks_strings *names;
};

static int take_name(void *data, unsigned char *index)
{
    const struct naming *naming = data;
    const struct ks_net_link *link;
    int number;

    memcpy(&number, index, sizeof(number));
    memset(index, 0, sizeof(number));
    link = ks_net_link_by_index(naming->links, number);
    *ks_vec_add(naming->arena, naming->names) = link ? link->name : ks_sprintf(naming->arena, "link %d", number);
    return 0;
}

static int name_links(struct ks_arena *arena, const struct ks_net_record *links, bool is_route,
                      struct ks_net_entry *entry)
{
    struct naming naming = {arena, links, &entry->links};

    /* The bytes lie in the arena, and are this reader's own. */
    return ks_net_entry_indices(is_route, (unsigned char *)(uintptr_t)entry->header.v, entry->header.n,
                                (unsigned char *)(uintptr_t)entry->attributes.v, entry->attributes.n, take_name,
                                &naming);
}

bool ks_net_entry_same(const struct ks_net_entry *a, const struct ks_net_entry *b)
{
    if (a->header.n != b->header.n || a->attributes.n != b->attributes.n || a->links.n != b->links.n ||
        memcmp(a->header.v, b->header.v, a->header.n) != 0 ||
        memcmp(a->attributes.v, b->attributes.v, a->attributes.n) != 0)
        return false;
    for (size_t i = 0; i < a->links.n; i++)
        if (!ks_streq(a->links.v[i], b->links.v[i]))
            return false;
    return true;
}

/* ---- addresses ---- */

static const char *ip_text(struct ks_arena *arena, int family, const struct nlattr *attr)
{
    char text[INET6_ADDRSTRLEN];

    if (!attr || nla_len(attr) < (family == AF_INET ? 4 : 16) ||
        !inet_ntop(family, nla_data(attr), text, sizeof(text)))
        return NULL;
    return ks_strdup(arena, text);
}

static void take_lifetimes(struct nlattr *attr, struct ks_net_entry *ret)
{
    struct ifa_cacheinfo info;

    if (!attr || nla_len(attr) < (int)sizeof(info))
        return;
    memcpy(&info, nla_data(attr), sizeof(info));
    ret->valid_s = info.ifa_valid;
    ret->preferred_s = info.ifa_prefered;
}

int ks_net_address_parse(struct ks_arena *arena, const struct ks_net_record *links, struct nlmsghdr *message,
                         struct ks_net_entry *ret, int *ret_link, struct ks_error *err)
{
    struct nlattr *tb[IFA_MAX + 8] = {0};
    struct ks_text attributes = {.arena = arena};
    struct ifaddrmsg info;

    if (nlmsg_parse(message, sizeof(info), tb, KS_COUNT(tb) - 1, NULL) < 0)
        return malformed(err, "an address");
    memcpy(&info, nlmsg_data(message), sizeof(info));
    uint32_t flags = tb[IFA_FLAGS] && nla_len(tb[IFA_FLAGS]) >= 4 ? nla_get_u32(tb[IFA_FLAGS]) : info.ifa_flags;
    const char *ip = ip_text(arena, info.ifa_family, tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS]);
    if (!ip)
        return malformed(err, "an address");
    for (size_t i = 0; i < KS_COUNT(address_attributes); i++) {
        const uint16_t type = address_attributes[i];
        if (tb[type])
            add_attribute(&attributes, type, nla_data(tb[type]), (size_t)nla_len(tb[type]));
    }
    flags &= ADDRESS_FLAGS;
    add_attribute(&attributes, IFA_FLAGS, &flags, sizeof(flags));
    *ret_link = (int)info.ifa_index;
    info.ifa_flags = 0;
    *ret = (struct ks_net_entry){.family = info.ifa_family,
                                 .header = copy(arena, &info, sizeof(info)),
                                 .attributes = copy(arena, attributes.buf, attributes.n),
                                 .valid_s = UINT32_MAX,
                                 .preferred_s = UINT32_MAX};
    take_lifetimes(tb[IFA_CACHEINFO], ret);
    if (name_links(arena, links, false, ret) < 0)
        return malformed(err, "an address");
    ret->text = ks_sprintf(arena, "address %s/%u on %s", ip, info.ifa_prefixlen, ret->links.v[0]);
    return 0;
}

/* ---- routes ---- */

static const char *route_text(struct ks_arena *arena, const struct rtmsg *info, struct nlattr *const *tb,
                              const struct ks_strings *links)
{
    struct ks_text text = {.arena = arena};
    const char *to = ip_text(arena, info->rtm_family, tb[RTA_DST]);
    const char *via = ip_text(arena, info->rtm_family, tb[RTA_GATEWAY]);

    if (to)
        ks_text_addf(&text, "route to %s/%u", to, info->rtm_dst_len);
    else
        ks_text_addf(&text, "default route of %s", info->rtm_family == AF_INET ? "IPv4" : "IPv6");
    if (via)
        ks_text_addf(&text, " via %s", via);
    for (size_t i = 0; i < links->n; i++)
        ks_text_addf(&text, "%s%s", i ? ", " : " on ", links->v[i]);
    if (tb[RTA_PRIORITY] && nla_len(tb[RTA_PRIORITY]) >= 4)
        ks_text_addf(&text, " metric %u", nla_get_u32(tb[RTA_PRIORITY]));
    return ks_text_str(&text);
}

static uint32_t route_lifetime_s(struct nlattr *attr)
{
    struct rta_cacheinfo info;

    if (!attr || nla_len(attr) < (int)sizeof(info))
        return UINT32_MAX;
    memcpy(&info, nla_data(attr), sizeof(info));
    return info.rta_expires == 0 ? UINT32_MAX : info.rta_expires < 0 ? 0 : (uint32_t)info.rta_expires / USER_HZ;
}

/* The local table follows from the addresses; multicast routing's own messages are another daemon's. */
static bool is_kept(const struct rtmsg *info, struct nlattr *const *tb)
{
    const uint32_t table =
        tb[RTA_TABLE] && nla_len(tb[RTA_TABLE]) >= 4 ? nla_get_u32(tb[RTA_TABLE]) : info->rtm_table;

    return (info->rtm_family == AF_INET || info->rtm_family == AF_INET6) && table != RT_TABLE_LOCAL &&
           !(info->rtm_flags & RTM_F_CLONED);
}

int ks_net_route_parse(struct ks_arena *arena, const struct ks_net_record *links, struct nlmsghdr *message,
                       struct ks_net_entry *ret, bool *ret_kept, struct ks_error *err)
{
    struct nlattr *tb[RTA_MAX + 1];
    struct ks_text attributes = {.arena = arena};
    struct rtmsg info;

    if (nlmsg_parse(message, sizeof(info), tb, RTA_MAX, NULL) < 0)
        return malformed(err, "a route");
    memcpy(&info, nlmsg_data(message), sizeof(info));
    *ret_kept = is_kept(&info, tb);
    if (!*ret_kept)
        return 0;
    for (size_t i = 0; i < KS_COUNT(route_attributes); i++) {
        const uint16_t type = route_attributes[i];
        if (tb[type] && !(tb[RTA_NH_ID] && is_of_hop(type)))
            add_attribute(&attributes, type, nla_data(tb[type]), (size_t)nla_len(tb[type]));
    }
    info.rtm_flags &= HOP_FLAGS;
    *ret = (struct ks_net_entry){.family = info.rtm_family,
                                 .header = copy(arena, &info, sizeof(info)),
                                 .attributes = copy(arena, ks_text_str(&attributes), attributes.n),
                                 .valid_s = route_lifetime_s(tb[RTA_CACHEINFO]),
                                 .preferred_s = UINT32_MAX};
    if (name_links(arena, links, true, ret) < 0)
        return malformed(err, "a route");
    if (tb[RTA_NH_ID] && tb[RTA_OIF] && nla_len(tb[RTA_OIF]) >= 4) {
        const struct ks_net_link *link = ks_net_link_by_index(links, (int)nla_get_u32(tb[RTA_OIF]));
        if (link)
            *ks_vec_add(arena, &ret->links) = link->name;
    }
    ret->text = route_text(arena, &info, tb, &ret->links);
    return 0;
}
