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

/* ---- PCI devices (pci.c, pci_names.c) ------------------------------------------------------------------------ */

struct ks_host_pci_device {
    const char *address; /* "0000:81:10.0" */
    uint16_t vendor, device;
    uint32_t pci_class;          /* 0x020000: class, subclass, interface */
    const char *what;            /* vendor and device in words, after ks_host_pci_describe() */
    bool is_bridge;              /* no endpoint: stands aside when its IOMMU group is handed over */
    const char *driver;          /* NULL: none */
    const char *driver_override; /* NULL: none */
    int iommu_group, node;       /* -1: none */
    bool has_net;                /* its driver makes network interfaces */
    struct ks_strings netdevs;   /* those in the namespace that sysfs was mounted in */
    const char *vfio_device;     /* "vfio3": its own file in /dev/vfio/devices; or NULL */
    /* SR-IOV, of a PF */
    bool is_pf;
    unsigned total_vfs, num_vfs;
    bool autoprobe;        /* the kernel binds drivers to new VFs */
    struct ks_strings vfs; /* addresses by index, from virtfn*: "" where one is missing */
    unsigned n_virtfn;     /* of virtfn*: less than num_vfs after a short enable */
    /* of a VF */
    const char *pf; /* its PF's address; NULL: it is no VF */
    int vf_index;   /* -1: no VF */
};

struct ks_host_pci {
    bool iommu;                                /* some device is in an IOMMU group */
    KS_VEC(struct ks_host_pci_device) devices; /* by address */
};

/* sysfs alone; a machine without PCI gives an empty list. Source: Documentation/ABI/testing/sysfs-bus-pci. */
int ks_host_pci_read(int root, struct ks_arena *arena, struct ks_host_pci *ret, struct ks_error *err);
const struct ks_host_pci_device *ks_host_pci_find(const struct ks_host_pci *pci, const char *address);
/* A PF by PCI address or by the name of its network interface; NULL when there is none. */
const struct ks_host_pci_device *ks_host_pci_pf(const struct ks_host_pci *pci, const char *name);
/* Addresses of the endpoints that share the device's IOMMU group, itself among them. */
void ks_host_pci_group(const struct ks_host_pci *pci, const struct ks_host_pci_device *device,
                       struct ks_arena *arena, struct ks_strings *ret);
/* Fills ->what of all devices from libpci's list of names (some milliseconds); unknown ones become "8086:10ca". */
void ks_host_pci_describe(struct ks_host_pci *pci, struct ks_arena *arena);

/* ---- who holds a VF (holders.c) ------------------------------------------------------------------------------ */

enum ks_holder_kind {
    KS_HOLDER_PROCESS,   /* has it open through vfio */
    KS_HOLDER_NAMESPACE, /* its network interface was moved there */
    KS_HOLDER_LINK,      /* its interface is a port of a bridge or bond, or a link sits on it */
    KS_HOLDER_ADDRESS,   /* the host itself uses it: an address of more than link scope */
};

struct ks_host_holder {
    const char *address; /* of the PCI device */
    enum ks_holder_kind kind;
    const char *text; /* "process 4711 (qemu-system-x86)", "namespace blue", "bridge br0", "address 192.0.2.1/24" */
    int pid;          /* of a process; else 0 */
};

struct ks_host_holders {
    bool complete; /* false: some process or namespace could not be looked into; unknown is not absent */
    KS_VEC(struct ks_host_holder) holders;
};

/*
 * For all VFs and all devices bound to a vfio driver. /proc is walked only when there is such a device, and other
 * namespaces are entered (by a thread of its own) only when an interface is missing here. Libvirt's definitions and
 * networks are not looked at. `links`: of the same moment.
 */
int ks_host_holders_read(int root, const struct ks_host_pci *pci, const struct ks_host_links *links,
                         struct ks_arena *arena, struct ks_host_holders *ret, struct ks_error *err);
