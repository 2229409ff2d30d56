/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to net/: one dump of rtnetlink, begun anew when the tables changed meanwhile. */
#pragma once

#include <linux/netlink.h>

#include "net/net.h"

struct ks_nl_dump {
    const char *what; /* "links" */
    int type;         /* RTM_GET* */
    const void *header;
    size_t header_size;
    uint32_t ext_mask; /* RTEXT_FILTER_*; 0: none */
    int (*each)(struct nlmsghdr *message, void *data, struct ks_error *err);
    void (*restart)(void *data); /* forgets what an interrupted dump gave */
};

/* One request that has an answer of its own; `msg` is consumed. A refusal reads as ks_nl_send()'s. */
int ks_nl_ask(struct nl_sock *sock, struct nl_msg *msg,
              int (*each)(struct nlmsghdr *message, void *data, struct ks_error *err), void *data,
              struct ks_error *err);
int ks_nl_dump(struct nl_sock *sock, const struct ks_nl_dump *d, void *data, struct ks_error *err);
