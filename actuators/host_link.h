/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to actuators/host_*.c: the walk over what is wanted of a link. It is made twice: once to write each
 * difference, and once more over what then is, where a difference is a failure. So no field can be written and
 * not verified.
 */
#pragma once

#include "actuators/host_write.h"
#include "net/net.h"

struct ks_link_run {
    struct ks_writes *w;
    struct nl_sock *sock;
    struct ks_host_links links; /* as last read */
    bool verify;                /* the second walk */
    struct ks_error *err;
};

enum ks_differ { KS_LEAVE, KS_WRITE, KS_FAILED };

/* A difference was found; the text says what is about to change: "br0: stp off". */
enum ks_differ ks_link_differs(struct ks_link_run *run, const char *fmt, ...) KS_PRINTF(2, 3);

int ks_link_read(struct ks_link_run *run);
/* KS_E_NOT_FOUND when there is none. */
int ks_link_get(struct ks_link_run *run, const char *name, const struct ks_host_link **ret);
/* A change request for one link, by index. */
struct nl_msg *ks_link_request(int type, int flags, int index);
/* What a bridge (or, `port`, a port of one) is: IFLA_LINKINFO with one attribute of its data; type 0: with none. */
void ks_link_put_info(struct nl_msg *msg, bool port, int type, const void *value, size_t size);
/* Master 0: none. */
int ks_link_write_master(struct ks_link_run *run, const struct ks_host_link *link, int master, const char *what);
int ks_link_write_up(struct ks_link_run *run, const struct ks_host_link *link, bool up);

/* The alias, which may be the mark of ownership: before all else, so that a walk that fails leaves it marked. */
int ks_link_walk_alias(struct ks_link_run *run, const struct ks_link_want *want);
/* The other attributes of the link itself; addresses and routes. */
int ks_link_walk_attributes(struct ks_link_run *run, const struct ks_link_want *want);
int ks_link_walk_addresses(struct ks_link_run *run, const struct ks_link_want *want);
/* A port's address that its bridge now has is no longer its own: what comes for it is handed to the bridge. */
int ks_link_walk_moved(struct ks_link_run *run, const struct ks_link_want *want, const struct ks_strings *ports);
int ks_link_walk_routes(struct ks_link_run *run, const struct ks_link_want *want);
