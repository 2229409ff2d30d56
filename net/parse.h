/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to net/: one rtnetlink message into one value. */
#pragma once

#include <linux/netlink.h>

#include "net/net.h"

/* What a link's message tells by index; turned into names once all links are known. */
struct ks_link_refs {
    int master, lower;
    bool lower_elsewhere; /* the lower link (or peer) is in another namespace */
};

/* Each: 0, or -1 with *err for a message that is not well-formed. */
int ks_link_parse(struct ks_arena *arena, struct nlmsghdr *message, struct ks_host_link *ret,
                  struct ks_link_refs *ret_refs, struct ks_error *err);
/* *ret_index: the link that it belongs to. */
int ks_address_parse(struct ks_arena *arena, struct nlmsghdr *message, struct ks_host_address *ret, int *ret_index,
                     struct ks_error *err);
/* AF_BRIDGE link message: the VLANs of one port (or of the bridge itself). */
int ks_port_vlans_parse(struct ks_arena *arena, struct nlmsghdr *message, struct ks_host_link *link,
                        struct ks_error *err);

/* A route; ->dev stays NULL: one for each next hop, with its link's index. */
struct ks_hop {
    struct ks_host_route route;
    int index;
};
struct ks_hops {
    KS_VEC(struct ks_hop) hops;
};
/* Adds nothing for a route that is not unicast or not in the main table. */
int ks_route_parse(struct ks_arena *arena, struct nlmsghdr *message, struct ks_hops *hops, struct ks_error *err);
