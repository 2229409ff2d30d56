/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * net: what observers and actuators both need of rtnetlink: links, addresses and routes as plain values, and a
 * socket to send one request and hear in words why the kernel refused it.
 *
 * Works on attributes, with libnl's core alone: libnl-route's objects (3.7, Debian 12) know nothing of a bridge's
 * STP and delays, of permanent addresses or of parent devices; and libvirt has loaded the core anyway.
 * Everything is of the network namespace of the calling thread.
 */
#pragma once

#include "base/base.h"

/* ---- values ------------------------------------------------------------------------------------------------- */

struct ks_host_address {
    int family;       /* AF_INET, AF_INET6 */
    const char *text; /* "192.0.2.10/24", as inet_ntop writes it */
    unsigned scope;   /* RT_SCOPE_* */
    bool permanent;   /* false: it has a lifetime, from DHCP or a router's advertisement */
};

struct ks_host_route {
    int family;
    const char *to;  /* "default", or "198.51.100.0/24" */
    const char *via; /* NULL: on the link */
    const char *dev;
    unsigned metric, protocol; /* RTPROT_* */
};

struct ks_host_port_vlan {
    uint16_t first, last; /* a range of VLAN ids */
    bool pvid, untagged;
};

/* Attributes of a bridge; source: IFLA_BR_* in linux/if_link.h. */
struct ks_host_bridge_state {
    bool stp, vlan_filtering, multicast_snooping;
    uint64_t forward_delay_ms, hello_time_ms, max_age_ms, ageing_time_ms;
    uint16_t priority, default_pvid;
};

enum ks_host_vf_link_state { KS_VF_LINK_AUTO, KS_VF_LINK_ENABLE, KS_VF_LINK_DISABLE }; /* as IFLA_VF_LINK_STATE_* */

/* A VF as its PF's driver tells it; source: IFLA_VF_* in linux/if_link.h. Not `has`: untold. */
struct ks_host_link_vf {
    unsigned index;
    const char *mac;
    uint16_t vlan, qos; /* 0: none */
    bool has_spoof_check, spoof_check;
    bool has_trust, trust;
    bool has_link_state;
    enum ks_host_vf_link_state link_state;
    bool has_rates;
    uint32_t min_rate_mbit, max_rate_mbit; /* 0: no limit */
};

enum ks_host_link_owner { KS_OWNER_NONE, KS_OWNER_NETWORKMANAGER, KS_OWNER_NETWORKD, KS_OWNER_IFUPDOWN };

struct ks_host_link {
    int index;
    const char *name, *alias; /* alias: NULL when there is none */
    struct ks_strings altnames;
    const char *kind;        /* "bridge", "veth", "bond", "vlan", "tun", ...; NULL for hardware */
    const char *master;      /* name of the bridge or bond that it is a port of, or NULL */
    const char *master_kind; /* IFLA_INFO_SLAVE_KIND */
    const char *lower;       /* what a vlan, macvlan, ... sits on, or NULL; a veth's peer is no lower link */
    const char *mac, *permanent_mac; /* lower case; NULL when unknown */
    const char *bus_address; /* "0000:01:00.0" for one on the PCI bus, or NULL (Linux 5.14 and later tell) */
    unsigned mtu, max_mtu;   /* max_mtu 0: unknown */
    bool up;                 /* administratively */
    bool carrier;            /* IFF_LOWER_UP: the wire, or what stands for it */
    bool loopback;
    const char *operstate; /* "up", "down", "lower-layer-down", "unknown", ... */
    bool carries_default;  /* a default route leaves through it, or through what it is a port or lower link of */
    enum ks_host_link_owner owner;
    bool is_bridge;
    struct ks_host_bridge_state bridge;     /* when is_bridge */
    int vlan_id;                            /* when kind is vlan; else -1 */
    struct ks_strings ports;                /* of a bridge or bond, by name */
    KS_VEC(struct ks_host_port_vlan) vlans; /* of a port, or of the bridge itself */
    KS_VEC(struct ks_host_address) addresses;
    KS_VEC(struct ks_host_link_vf) vfs; /* of a PF, by index */
};

struct ks_host_links {
    KS_VEC(struct ks_host_link) links;   /* by ifindex */
    KS_VEC(struct ks_host_route) routes; /* unicast, main table, both families; one for each next hop */
};

/*
 * Everything in one go, by dumps of rtnetlink: links, addresses, routes, and bridge VLANs where there is a bridge.
 * ->owner is left at none.
 */
int ks_net_read(struct ks_arena *arena, struct ks_host_links *ret, struct ks_error *err);
/* By name or alternative name; NULL when there is none. */
const struct ks_host_link *ks_host_link_find(const struct ks_host_links *links, const char *name);

/* ---- requests ----------------------------------------------------------------------------------------------- */

struct nl_sock;
struct nl_msg;

int ks_nl_open(struct nl_sock **ret, struct ks_error *err);
void ks_nl_closep(struct nl_sock **sock);
/* A message with its header; never NULL (out of memory aborts). Freed by ks_nl_send() or ks_nl_msgp(). */
struct nl_msg *ks_nl_new(int type, int flags, const void *header, size_t header_size);
void ks_nl_msgp(struct nl_msg **msg);
/* One attribute; never fails but by aborting. */
void ks_nl_put(struct nl_msg *msg, int type, const void *data, size_t size);
void ks_nl_put_text(struct nl_msg *msg, int type, const char *text);
/* Attributes as they are, each with its header. */
void ks_nl_put_raw(struct nl_msg *msg, const void *attributes, size_t size);
void ks_nl_put_u32(struct nl_msg *msg, int type, uint32_t value);
/*
 * Sends and waits for the kernel's answer; `msg` is consumed. On refusal: KS_E_UNSUPPORTED for EOPNOTSUPP, else
 * KS_E_IO; sys_errno is the kernel's; the text is "what: reason", with the kernel's own words where it gives any.
 */
int ks_nl_send(struct nl_sock *sock, struct nl_msg *msg, const char *what, struct ks_error *err);
