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
#include "net/net.h"

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

/* ---- links (links.c) ---------------------------------------------------------------------------------------- */

/* ks_net_read(), and then ->owner from the files by which network managers say what is theirs, under `root`. */
int ks_host_links_read(int root, struct ks_arena *arena, struct ks_host_links *ret, struct ks_error *err);
const char *ks_host_link_owner_name(enum ks_host_link_owner owner); /* "NetworkManager", ...; "none" */
