/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to net/: rtnetlink messages into the entries of a record. */
#pragma once

#include <linux/netlink.h>

#include "net/record.h"

/* NULL: it has gone meanwhile. */
const struct ks_net_link *ks_net_link_by_index(const struct ks_net_record *record, int index);

/* *ret_link: the index of the address's link. */
int ks_net_address_parse(struct ks_arena *arena, const struct ks_net_record *links, struct nlmsghdr *message,
                         struct ks_net_entry *ret, int *ret_link, struct ks_error *err);
/* *ret_kept false: it is no route that a record holds (of the local table, or passing). */
int ks_net_route_parse(struct ks_arena *arena, const struct ks_net_record *links, struct nlmsghdr *message,
                       struct ks_net_entry *ret, bool *ret_kept, struct ks_error *err);
