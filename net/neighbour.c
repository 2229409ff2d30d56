/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/neighbour.h"

#include <arpa/inet.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <poll.h>
#include <time.h>

#include "net/dump.h"

enum { LOOK_EVERY_MS = 50, ASK_EVERY_MS = 1000 };

static size_t size_of(int family)
{
    return family == AF_INET ? 4 : 16;
}

/* ---- the next hop ---- */

static int no_way(struct ks_error *err, const char *to)
{
    return ks_fail(err, KS_E_NOT_FOUND, KS_NOWHERE, "there is no next station on the way to %s", to);
}

static int find_default(struct ks_arena *arena, int family, struct ks_next_hop *ret, struct ks_error *err)
{
    struct ks_host_links links;
    const struct ks_host_route *best = NULL;

    if (ks_net_read(arena, &links, err) < 0)
        return -1;
    for (size_t i = 0; i < links.routes.n; i++) {
        const struct ks_host_route *route = &links.routes.v[i];
        if (route->family == family && ks_streq(route->to, "default") && (!best || route->metric < best->metric))
            best = route;
    }
    const struct ks_host_link *link = best && best->via ? ks_host_link_find(&links, best->dev) : NULL;
    if (!link)
        return no_way(err, "the default gateway");
    *ret = (struct ks_next_hop){
        .family = strchr(best->via, ':') ? AF_INET6 : AF_INET, .index = link->index, .ip = best->via};
    return 0;
}

struct answer {
    struct ks_arena *arena;
    struct ks_next_hop hop;
    bool found;
};

static int on_route(struct nlmsghdr *message, void *data, struct ks_error *err)
{
    struct answer *answer = data;
    struct nlattr *tb[RTA_MAX + 1];
    const struct rtmsg *info = nlmsg_data(message);
    char text[INET6_ADDRSTRLEN];

    (void)err;
    if (nlmsg_parse(message, sizeof(*info), tb, RTA_MAX, NULL) < 0 || info->rtm_type != RTN_UNICAST ||
        !tb[RTA_OIF] || nla_len(tb[RTA_OIF]) < 4)
        return 0;
    answer->found = true;
    answer->hop.index = (int)nla_get_u32(tb[RTA_OIF]);
    if (tb[RTA_GATEWAY] && nla_len(tb[RTA_GATEWAY]) >= (int)size_of(info->rtm_family) &&
        inet_ntop(info->rtm_family, nla_data(tb[RTA_GATEWAY]), text, sizeof(text)))
        answer->hop.ip = ks_strdup(answer->arena, text);
    return 0;
}

static int find_way(struct ks_arena *arena, int family, const char *ip, struct ks_next_hop *ret,
                    struct ks_error *err)
{
    ks_auto(ks_nl_closep) struct nl_sock *sock = NULL;
    const struct rtmsg info = {.rtm_family = (unsigned char)family,
                               .rtm_dst_len = (unsigned char)(size_of(family) * 8)};
    struct answer answer = {.arena = arena, .hop = {.family = family, .ip = ip}};
    unsigned char bytes[16];

    if (inet_pton(family, ip, bytes) != 1)
        return ks_fail(err, KS_E_INVALID, KS_NOWHERE, "'%s' is no address", ip);
    if (ks_nl_open(&sock, err) < 0)
        return -1;
    struct nl_msg *msg = ks_nl_new(RTM_GETROUTE, 0, &info, sizeof(info));
    ks_nl_put(msg, RTA_DST, bytes, size_of(family));
    if (ks_nl_ask(sock, msg, on_route, &answer, err) < 0)
        return ks_wrap(err, "looking for the way to %s", ip);
    if (!answer.found)
        return no_way(err, ip);
    *ret = answer.hop;
    return 0;
}

int ks_next_hop_find(struct ks_arena *arena, int family, const char *ip, struct ks_next_hop *ret,
                     struct ks_error *err)
{
    return ip ? find_way(arena, family, ip, ret, err) : find_default(arena, family, ret, err);
}

/* ---- the neighbour ---- */

struct looking {
    const struct ks_next_hop *hop;
    unsigned char bytes[16];
    uint16_t state; /* NUD_*; 0: there is no entry */
};

static int on_neighbour(struct nlmsghdr *message, void *data, struct ks_error *err)
{
    struct looking *looking = data;
    struct nlattr *tb[NDA_MAX + 1];
    const struct ndmsg *info = nlmsg_data(message);
    const size_t n = size_of(looking->hop->family);

    (void)err;
    if (nlmsg_parse(message, sizeof(*info), tb, NDA_MAX, NULL) == 0 && info->ndm_family == looking->hop->family &&
        info->ndm_ifindex == looking->hop->index && tb[NDA_DST] && nla_len(tb[NDA_DST]) == (int)n &&
        memcmp(nla_data(tb[NDA_DST]), looking->bytes, n) == 0)
        looking->state = info->ndm_state;
    return 0;
}

static void forget_neighbour(void *data)
{
    ((struct looking *)data)->state = 0;
}

static uint16_t state_of(struct nl_sock *sock, struct looking *looking)
{
    const struct ndmsg info = {.ndm_family = (unsigned char)looking->hop->family};
    const struct ks_nl_dump dump = {"neighbours", RTM_GETNEIGH,    &info, sizeof(info), 0,
                                    on_neighbour, forget_neighbour};
    struct ks_error ignored = {0};

    if (ks_nl_dump(sock, &dump, looking, &ignored) < 0)
        looking->state = 0;
    ks_error_done(&ignored);
    return looking->state;
}

/* NTF_USE: the kernel asks for the neighbour as if it had a packet for it. */
static void request(struct nl_sock *sock, const struct looking *looking, int type)
{
    const bool ask = type == RTM_NEWNEIGH;
    const struct ndmsg info = {.ndm_family = (unsigned char)looking->hop->family,
                               .ndm_ifindex = looking->hop->index,
                               .ndm_flags = ask ? NTF_USE : 0};
    struct nl_msg *msg = ks_nl_new(type, ask ? NLM_F_CREATE | NLM_F_REPLACE : 0, &info, sizeof(info));
    struct ks_error ignored = {0};

    ks_nl_put(msg, NDA_DST, looking->bytes, size_of(looking->hop->family));
    (void)ks_nl_send(sock, msg, "asking a neighbour", &ignored);
    ks_error_done(&ignored);
}

bool ks_next_hop_answers(const struct ks_next_hop *hop, uint32_t timeout_ms)
{
    ks_auto(ks_nl_closep) struct nl_sock *sock = NULL;
    struct looking looking = {.hop = hop};
    struct ks_error ignored = {0};
    bool answers = false;

    if (inet_pton(hop->family, hop->ip, looking.bytes) != 1 || ks_nl_open(&sock, &ignored) < 0) {
        ks_error_done(&ignored);
        return false;
    }
    if (state_of(sock, &looking) & (NUD_PERMANENT | NUD_NOARP))
        return true;
    request(sock, &looking, RTM_DELNEIGH);
    for (uint32_t waited = 0; !answers && waited <= timeout_ms; waited += LOOK_EVERY_MS) {
        if (waited % ASK_EVERY_MS == 0)
            request(sock, &looking, RTM_NEWNEIGH);
        answers = state_of(sock, &looking) & (NUD_REACHABLE | NUD_PERMANENT | NUD_NOARP);
        if (!answers)
            (void)poll(NULL, 0, LOOK_EVERY_MS);
    }
    return answers;
}
