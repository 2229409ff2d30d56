/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * net/record: links with everything that a change of the network can take from them, exactly as the kernel tells
 * it, and what must be written so that they are so again. Addresses and routes are kept as the kernel's own
 * messages, as `ip address save` and `ip route save` do: what this program knows nothing of comes back, too.
 *
 * Links are known by their names, since numbers change with every boot.
 */
#pragma once

#include "net/net.h"

struct ks_net_bytes {
    size_t n;
    const unsigned char *v; /* NULL: the kernel does not tell it */
};

/* Where an attribute stands in a link's message, and is written. */
enum ks_net_place {
    KS_NET_OF_LINK,   /* IFLA_* */
    KS_NET_OF_BRIDGE, /* IFLA_BR_*, in IFLA_INFO_DATA */
    KS_NET_OF_PORT,   /* IFLA_BRPORT_*, in IFLA_INFO_SLAVE_DATA of a bridge's port */
};
struct ks_net_attribute {
    const char *name; /* "mtu" */
    enum ks_net_place place;
    uint16_t type;
};
enum { KS_NET_ATTRIBUTES = 44 };
extern const struct ks_net_attribute ks_net_attributes[KS_NET_ATTRIBUTES];

/* An address or a route. Two are the same when ks_net_entry_same() says so: `lifetime` passes. */
struct ks_net_entry {
    const char *text;           /* "address 192.0.2.10/24 on eth0", for people */
    int family;                 /* AF_INET, AF_INET6 */
    struct ks_net_bytes header; /* struct ifaddrmsg or rtmsg */
    struct ks_net_bytes attributes;
    struct ks_strings links; /* names, in the order in which the message has their numbers, which are 0 in it */
    uint32_t valid_s, preferred_s; /* UINT32_MAX: for ever */
};

struct ks_net_link {
    int index;
    const char *name, *kind;
    const char *master, *master_kind; /* or NULL */
    const char *lower;                /* what a VLAN sits on, or NULL */
    bool up;
    unsigned port;                                     /* its number in the bridge, which counts from 1; 0: none */
    struct ks_net_bytes attributes[KS_NET_ATTRIBUTES]; /* in the order of the table */
    KS_VEC(struct ks_host_port_vlan) vlans;
    KS_VEC(struct ks_net_entry) addresses; /* in the kernel's order */
};

struct ks_net_record {
    KS_VEC(struct ks_net_link) links;
    KS_VEC(struct ks_net_entry) routes; /* all tables but the local one */
    struct ks_strings absent;           /* names that no link had */
};

/* The whole network namespace of the calling thread. */
int ks_net_record_read(struct ks_arena *arena, struct ks_net_record *ret, struct ks_error *err);
const struct ks_net_link *ks_net_record_link(const struct ks_net_record *record, const char *name);
/*
 * The part of `all` that a change of the links `names` can touch: they, their ports and what these are ports of,
 * what sits on any of them, and their routes. A name that no link has goes to ->absent. Shares what `all` holds.
 */
void ks_net_record_take(struct ks_arena *arena, const struct ks_net_record *all, const struct ks_strings *names,
                        struct ks_net_record *ret);

/* ---- entries (entry.c) -------------------------------------------------------------------------------------- */

bool ks_net_entry_same(const struct ks_net_entry *a, const struct ks_net_entry *b);
/*
 * Hands the place of each link's number in the message to `each`, in order, stops where that is -1, and returns -1
 * then, or where the message is not well-formed.
 */
int ks_net_entry_indices(bool is_route, unsigned char *header, size_t n_header, unsigned char *attributes, size_t n,
                         int (*each)(void *data, unsigned char *index), void *data);

/* ---- what is to be written (undo.c) ------------------------------------------------------------------------- */

enum ks_net_op {
    KS_NET_DELETE_LINK,
    KS_NET_CREATE_BRIDGE,
    KS_NET_SET_MASTER, /* master NULL: none */
    KS_NET_SET_UP,
    KS_NET_SET_ATTRIBUTE,
    KS_NET_ADD_VLAN,
    KS_NET_DROP_VLAN,
    KS_NET_ADD_ADDRESS,
    KS_NET_DROP_ADDRESS,
    KS_NET_ADD_ROUTE,
    KS_NET_DROP_ROUTE,
};
struct ks_net_write {
    enum ks_net_op op;
    const char *text; /* "eth0: master none": for people */
    const char *link;
    const char *master;
    bool up;
    size_t attribute; /* index into the table */
    struct ks_net_bytes value;
    struct ks_host_port_vlan vlan;
    const struct ks_net_entry *entry;
};
struct ks_net_writes {
    size_t n, cap;
    struct ks_net_write *v;
};

/* What depends on what: a stage is looked at when those before it are as recorded. */
enum ks_net_stage { KS_NET_MASTERS, KS_NET_LINKS, KS_NET_ADDRESSES, KS_NET_ROUTES, KS_NET_STAGES };

enum ks_net_since {
    KS_NET_SAME_BOOT,  /* all that differs is undone */
    KS_NET_OTHER_BOOT, /* what is missing is put back, nothing is taken away: others have set the links up anew */
};
/*
 * Adds to `ret` what one stage needs so that the links of `record` are as recorded. Pure. A link that is gone and
 * is no bridge cannot be brought back: it is passed over; see ks_net_lost().
 */
void ks_net_undo(struct ks_arena *arena, const struct ks_net_record *record, const struct ks_net_record *present,
                 enum ks_net_stage stage, enum ks_net_since since, struct ks_net_writes *ret);
/* Recorded links that are gone for good; guests' taps, which come and go with their guests, are not counted. */
struct ks_strings ks_net_lost(struct ks_arena *arena, const struct ks_net_record *record,
                              const struct ks_net_record *present);
