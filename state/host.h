/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state/host: what the host is, below the kinds: NUMA nodes and pages, kernel knobs, links, PCI devices and who
 * holds them. Plain values in the caller's arena; nothing here writes, and nothing needs libvirt.
 *
 * `root` is a directory descriptor that stands for "/" (--root DIR): a made-up sysfs and procfs tree serves tests.
 * Links come from the network namespace of the calling thread whatever `root` is: rtnetlink knows no root.
 * A file that a kernel may lack is no error: the value then says "unknown" as described beside it. A file that is
 * there and cannot be read is one (KS_E_IO): unknown is not absent.
 */
#pragma once

#include "base/base.h"

/* ---- NUMA nodes, CPUs, huge pages (topology.c) -------------------------------------------------------------- */

/* One pool of huge pages; counts in pages. Source: Documentation/admin-guide/mm/hugetlbpage.rst. */
struct ks_host_page_pool {
    uint64_t size_kib;
    uint64_t total; /* nr_hugepages: what was asked for and got, free or not; includes surplus */
    uint64_t free;
    uint64_t surplus;  /* above nr_hugepages' wish: they go when their user lets go */
    uint64_t reserved; /* promised to a mapping, not yet touched; known machine-wide only, 0 in a node's pool */
};

struct ks_host_node {
    unsigned id;
    struct ks_cpuset cpus;                  /* those online */
    uint64_t memory_kib, free_kib;          /* free: an instant's value, not for comparing */
    size_t n_distances;                     /* as many as nodes, or 0 when the kernel tells none */
    unsigned *distances;                    /* to nodes[i]; 10 is the node itself */
    KS_VEC(struct ks_host_page_pool) pools; /* by size, ascending */
};

struct ks_host_cpu {
    unsigned id;
    bool online;
    unsigned node;
    int socket, core;          /* -1 when unknown, as for one that is offline */
    struct ks_cpuset siblings; /* the threads of its core, itself among them */
};

struct ks_host_hugetlbfs {
    const char *path;
    uint64_t size_kib;
};

struct ks_host_topology {
    bool numa; /* false: a kernel without nodes; `nodes` holds one, 0, with the whole machine */
    struct ks_cpuset present, online, node_ids;
    KS_VEC(struct ks_host_node) nodes;      /* by id */
    KS_VEC(struct ks_host_cpu) cpus;        /* those present, by id */
    KS_VEC(struct ks_host_page_pool) pools; /* of the whole machine, by size */
    KS_VEC(struct ks_host_hugetlbfs) mounts;
    uint64_t default_page_kib; /* of huge pages; 0 when the kernel has none */
};

int ks_host_topology_read(int root, struct ks_arena *arena, struct ks_host_topology *ret, struct ks_error *err);
const struct ks_host_node *ks_host_topology_node(const struct ks_host_topology *topology,
                                                 unsigned id); /* NULL: no such node */
/* The pool of one size, of a node or (node NULL) of the machine; NULL when this kernel has no such size. */
const struct ks_host_page_pool *ks_host_topology_pool(const struct ks_host_topology *topology,
                                                      const struct ks_host_node *node, uint64_t size_kib);

/* ---- kernel knobs (knobs.c) --------------------------------------------------------------------------------- */

/* Kernel same-page merging; source: Documentation/admin-guide/mm/ksm.rst. */
struct ks_host_ksm {
    bool supported;
    unsigned run; /* 0 stopped, 1 running, 2 stopped and everything unmerged */
    uint64_t pages_to_scan, sleep_ms;
    bool merge_across_nodes;
    uint64_t pages_shared; /* not 0: merge_across_nodes cannot change */
};

struct ks_host_boot_parameter {
    const char *key;   /* '-' and '_' are the same to the kernel: as written */
    const char *value; /* NULL for a bare word; quotes removed */
};

struct ks_host_knobs {
    const char *release; /* uname -r; NULL when unknown */
    struct ks_host_ksm ksm;
    int numa_balancing;                         /* 0 off, 1 on, 2 memory tiering; -1: this kernel has none */
    KS_VEC(struct ks_host_boot_parameter) boot; /* /proc/cmdline up to "--", in order; a later one wins */
};

int ks_host_knobs_read(int root, struct ks_arena *arena, struct ks_host_knobs *ret, struct ks_error *err);
/* The last one with this key ('-' as '_'), or NULL. */
const struct ks_host_boot_parameter *ks_host_boot_parameter(const struct ks_host_knobs *knobs, const char *key);

struct ks_host_module_parameter {
    bool loaded;       /* the module is there, or built in with parameters */
    bool exists;       /* and it has the parameter, visible in sysfs */
    bool writable;     /* at run time; else it takes a reload of the module */
    const char *value; /* as the kernel prints it: booleans are "Y" and "N"; NULL when unknown */
};

int ks_host_module_parameter_read(int root, const char *module, const char *parameter, struct ks_arena *arena,
                                  struct ks_host_module_parameter *ret, struct ks_error *err);

/* ---- links (links.c, link_parse.c, link_owner.c) ------------------------------------------------------------ */

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

/* A VF as its PF's driver tells it; source: IFLA_VF_* in linux/if_link.h. What a driver does not tell is not `has`.
 */
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
const char *ks_host_link_owner_name(enum ks_host_link_owner owner); /* "NetworkManager", ...; "none" */

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
 * Everything in one go: four dumps of rtnetlink (links, addresses, routes, bridge VLANs where there is a bridge),
 * then the files by which network managers say what is theirs, under `root`.
 */
int ks_host_links_read(int root, struct ks_arena *arena, struct ks_host_links *ret, struct ks_error *err);
/* By name or alternative name; NULL when there is none. */
const struct ks_host_link *ks_host_link_find(const struct ks_host_links *links, const char *name);
