/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a host is: the value that observers (state/) fill and planners read. Configuration stands in the same
 * structs as the manifest's (kinds.h); what only a running thing has stands beside it.
 *
 * Unknown is not absent: a thing whose read failed is here with `unknown` set to the reason, and nothing is
 * planned for it or for what depends on it.
 */
#pragma once

#include "schema/kinds.h"
#include "schema/lent.h"

struct ks_seen_guest {
    const char *name, *uuid;
    const char *unknown; /* why it could not be read, or NULL */
    unsigned state;      /* KS_GUEST_RUNNING, KS_GUEST_STOPPED, KS_GUEST_PAUSED */
    int id;              /* libvirt's id while it runs, else -1 */
    bool persistent;     /* false: transient, has no definition */
    bool autostart;
    bool owned;   /* carries the mark in its metadata */
    bool protect; /* the mark says so, also when the manifest no longer does */
    bool crashed, managed_save;
    bool has_nvram;                      /* EFI: there may be a store of its variables */
    int snapshots;                       /* asked only where the manifest gives a disk another image; else 0 */
    const struct ks_guest *config;       /* from the inactive XML */
    const struct ks_guest *live;         /* from the live XML, or NULL when it does not run */
    struct ks_strings passwords;         /* fields of its definition whose password is not the manifest's */
    struct ks_strings live_passwords;    /* the same of the running guest, which takes another */
    struct ks_strings pending_passwords; /* the same where it takes it only when it is started */
    const char *password_problem;        /* why a password cannot be had, or NULL */
    struct ks_strings over;              /* ids in the ledger of what it was owed, and is owed no more */
    struct ks_lents lents;               /* from the ledger: what a run that was cut off owes it; by PF */
    const char *lent_problem;            /* why that cannot be read, or NULL */
    const char *pending; /* from the ledger: fields changed since it was started that its live XML cannot show */
    uint64_t hash;       /* of its XML, state and autostart */
};

struct ks_seen_pool {
    const char *name, *unknown;
    const struct ks_pool *config; /* what it is active with, else its definition */
    const struct ks_pool
        *defined;     /* its definition, where that is another and the manifest names the pool; or NULL */
    const char *xml;  /* its definition, where the observer was asked to keep it; or NULL */
    const char *path; /* target path, where the type has one */
    bool active, autostart, persistent, owned, protect;
    uint64_t capacity, allocation, available; /* bytes; of active pools */
    struct ks_map volumes; /* of ks_volume, of active pools that the manifest needs; with size, format and backing
                              only where the manifest can make a difference to them, else with their path alone */
    bool volumes_known;
    const char *const *owned_volumes; /* names that the ledger lists as made by kvmstate */
    size_t n_owned_volumes;
    struct ks_strings
        protected_volumes;            /* of the owned ones: by the ledger, also when the manifest says it no more */
    struct ks_strings making_volumes; /* of the owned ones: begun by a run that never ended them */
    bool making;                      /* the pool itself was begun so */
    uint64_t hash;
};

/* A block device that a pool of the manifest is to be made of, before that pool is active. */
struct ks_seen_block {
    const char *path;
    const char *problem; /* why it could not be looked into, or NULL */
    const char *holds;   /* "ext4", "LVM2_member", "gpt partition table"; NULL: nothing that anybody knows */
    bool missing, busy;  /* busy: mounted, or part of something that is */
};

struct ks_seen_group { /* an LVM volume group */
    const char *name;
    struct ks_strings devices;
};

struct ks_seen_file { /* what a volume is to be filled with */
    const char *path;
    uint64_t size; /* bytes */
};

struct ks_seen_network {
    const char *name, *unknown, *uuid;
    const struct ks_network *config;
    const struct ks_network *live; /* or NULL when it is not active */
    const char *xml;               /* its definition, where the observer was asked to keep it; or NULL */
    bool active, autostart, persistent, owned, protect;
    bool making;             /* begun by a run that never ended it */
    struct ks_strings users; /* names of the running guests that have a nic in it, each once */
    uint64_t hash;
};

struct ks_seen_secret {
    const char *name, *uuid, *unknown;
    const struct ks_secret *config;
    bool has_value, owned, protect;
    bool value_matches;        /* the value given by the manifest's reference is the one libvirt holds */
    const char *value_problem; /* why the reference cannot be read, or NULL */
    uint64_t hash;
};

struct ks_seen_bridge {
    const char *name, *unknown;
    const struct ks_bridge *config;
    bool owned;             /* the link alias carries the mark */
    unsigned n_guest_ports; /* taps of running guests on it */
    bool default_route;     /* the host's default route goes through it */
    const char *managed_by; /* "NetworkManager", "systemd-networkd", "ifupdown", or NULL */
    uint64_t hash;
};

/* A link of the host that is no managed bridge: what ports, PFs and feasibility need. */
struct ks_seen_link {
    const char *name, *kind; /* kind as iproute2 says it: "veth", "bridge"; "" for a NIC */
    const char *master, *mac, *managed_by;
    const char *alias;
    bool up, default_route, has_addresses;
    struct ks_strings addresses; /* as the manifest words a bridge's */
    uint64_t mtu;
};

struct ks_seen_vf {
    unsigned index;
    const char *address; /* DDDD:BB:DD.F */
    const char *driver, *netdev;
    struct ks_vf *config; /* attributes as the PF reports them */
    size_t n_holders;
    const char **holders; /* "guest/fw1", "namespace blue", "process 4711 (qemu-system-x86)", "bridge br0" */
};

struct ks_seen_pf {
    const char *name, *address, *driver, *unknown; /* name: interface name, or NULL */
    struct ks_strings altnames;                    /* of the interface: udev's, and what people gave it */
    uint64_t total_vfs, num_vfs, mtu;
    int node; /* -1: none */
    bool up, default_route;
    uint64_t vf_offset, vf_stride; /* where VF i will be: routing id + offset + i * stride; stride 0: unknown */
    size_t n_vfs;
    struct ks_seen_vf *vfs;
    uint64_t hash;
};

/* A module's parameter that the manifest names; its value stands in ks_observed.kernel. */
struct ks_seen_parameter {
    const char *name;    /* "kvm_intel.nested" */
    bool loaded, exists; /* its module is there, and has it in sysfs */
    bool writable;       /* at run time */
};

struct ks_seen_pci {
    const char *address, *driver, *what; /* what: vendor and device by name */
    unsigned pci_class;
    int iommu_group, node; /* -1: none */
    const char *pf;        /* the PF's address when it is a VF */
    bool is_bridge;
    size_t n_holders;
    const char **holders;
};

struct ks_seen_hugepages {
    uint64_t size;                           /* bytes of a page */
    int node;                                /* -1: a machine without nodes */
    uint64_t total, free, surplus, reserved; /* pages */
    /* Of the last best effort that came up short: pages asked for, those that came, free memory of the node then in
       KiB; all 0: there was none. From the ledger. */
    uint64_t tried, came, tried_free_kib;
};

struct ks_seen_node {
    int id;
    struct ks_cpuset cpus;
    uint64_t memory, free; /* bytes */
};

/* What this libvirt and QEMU can do; empty lists mean "not asked". */
struct ks_seen_caps {
    bool kvm; /* domain type kvm works here */
    const char *emulator, *arch;
    KS_VEC(struct {
        const char *alias;
        const char *name;
    })
    machines; /* name: canonical */
    bool efi, secure_boot;
    unsigned max_vcpus;
};

struct ks_observed {
    const char *host;                            /* its host name */
    unsigned long libvirt_version, qemu_version; /* as libvirt packs them: 9000000; 0: unknown */
    const char *uri;
    struct ks_seen_caps caps;
    struct ks_cpuset cpus;          /* online */
    KS_VEC(struct ks_cpuset) cores; /* the online threads of each core, by the lowest; empty: not told */
    bool no_numa; /* a kernel without NUMA: the one node is the machine, and memory cannot be bound to it */
    KS_VEC(struct ks_seen_node) nodes;
    KS_VEC(struct ks_seen_hugepages) hugepages;
    KS_VEC(struct ks_seen_guest) guests; /* each list sorted by name with strcmp: find with the functions below */
    KS_VEC(struct ks_seen_pool) pools;
    KS_VEC(struct ks_seen_network) networks;
    KS_VEC(struct ks_seen_secret) secrets;
    KS_VEC(struct ks_seen_bridge) bridges;
    KS_VEC(struct ks_seen_link) links;
    KS_VEC(struct ks_seen_pf) pfs;
    KS_VEC(struct ks_seen_pci) pci;
    const struct ks_kernel *kernel; /* what the manifest asks about, as the host has it */
    const char *cmdline;            /* of the kernel */
    KS_VEC(struct ks_seen_parameter) parameters;
    struct ks_strings over;      /* ids in the ledger of what nobody is owed any more */
    const char *holders_unknown; /* why nobody can tell who else holds a VF or a PCI device; or NULL */
    KS_VEC(struct ks_seen_block) blocks;
    KS_VEC(struct ks_seen_group) groups;
    const char *groups_unknown; /* why the volume groups could not be listed, or NULL */
    KS_VEC(struct ks_seen_file) files;
    KS_VEC(const char *)
    missing_files;                /* paths that the manifest needs (base images, kernels) and that are not there */
    const char *seed_dir;         /* where cloud-init seeds lie: an absolute path; NULL: nobody asked */
    const char *seed_tool;        /* the program that makes them, or NULL: there is none */
    struct ks_strings seeds;      /* paths of those that the manifest wants and that are there */
    KS_VEC(const char *) unknown; /* whole kinds that could not be read: "networks: ..." */
};

/* Sorts each list by name; ks_observe() ends with it. The name is the first member of every element. */
void ks_observed_sort(struct ks_observed *o);
/* Disks of an observed guest that lie in an observed pool get the volume's name beside their path. */
void ks_name_volumes(struct ks_arena *arena, const struct ks_observed *seen, const struct ks_guest *guest);
/* Whether a cloud-init seed that the manifest wants is there. */
bool ks_seed_is_there(const struct ks_observed *o, const char *path);
/* By name, or NULL. */
const struct ks_seen_guest *ks_seen_guest(const struct ks_observed *o, const char *name);
const struct ks_seen_pool *ks_seen_pool(const struct ks_observed *o, const char *name);
const struct ks_seen_network *ks_seen_network(const struct ks_observed *o, const char *name);
const struct ks_seen_secret *ks_seen_secret(const struct ks_observed *o, const char *name);
const struct ks_seen_bridge *ks_seen_bridge(const struct ks_observed *o, const char *name);
const struct ks_seen_link *ks_seen_link(const struct ks_observed *o, const char *name);
/* By interface name, one of its alternative names, or PCI address. */
const struct ks_seen_pf *ks_seen_pf(const struct ks_observed *o, const char *name);
const struct ks_seen_pci *ks_seen_pci(const struct ks_observed *o, const char *address);
/* vfio-pci or a variant of it (mlx5_vfio_pci, ...); NULL, no driver, is none. */
bool ks_driver_is_vfio(const char *driver);
/* A driver that only keeps a device for guests: vfio, or pci-stub, which opens it to nobody. */
bool ks_driver_keeps_for_guests(const char *driver);
/* Whether the running guest has the PCI device of that address; not its definition. */
bool ks_seen_runs_with(const struct ks_seen_guest *guest, const char *address);
