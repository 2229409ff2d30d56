/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * actuators/host: the writes below the kinds: links and bridges, huge pages, VFs and drivers, kernel knobs.
 *
 * Every function reads what is, writes only what differs, and reads back: 0 means that it is now as wanted. One
 * that finds nothing to do writes nothing and logs nothing. What is not stated is left alone, and what is removed
 * is named by the caller. With `dry_run` the same walk is made, refusals included, and the writes are left out.
 *
 * Errors beyond those named at each function: KS_E_IO (the kernel refused, sys_errno says why), KS_E_UNSUPPORTED
 * (this kernel or driver cannot), KS_E_VERIFY (written, but it reads back as something else).
 */
#pragma once

#include "base/base.h"

/* A run of writes; zero it, and fill in what stands above the line. */
struct ks_writes {
    struct ks_arena *arena;
    int root; /* directory descriptor of "/" or of --root */
    bool dry_run;
    const _Atomic bool *cancelled; /* no new waits once it is true; or NULL */
    /* ---- */
    struct ks_strings log; /* every write, done or left out, in words: "br0: stp off" */
};

/* ---- links (host_link.c) ------------------------------------------------------------------------------------ */

enum ks_link_stated {
    KS_LINK_UP = 1 << 0,
    KS_LINK_MTU = 1 << 1,
    KS_LINK_MAC = 1 << 2,
    KS_LINK_ALIAS = 1 << 3,
    KS_LINK_MASTER = 1 << 4,
    KS_BRIDGE_STP = 1 << 5,
    KS_BRIDGE_FORWARD_DELAY = 1 << 6,
    KS_BRIDGE_VLAN_FILTERING = 1 << 7,
};

struct ks_link_route {
    const char *to;  /* "default", or "198.51.100.0/24"; "default" without `via` is IPv4's */
    const char *via; /* or NULL: on the link */
    bool has_metric; /* else: any will do, and the kernel's default is set */
    uint32_t metric;
};

struct ks_link_want {
    const char *name;
    unsigned stated; /* enum ks_link_stated */
    bool up;
    uint32_t mtu;
    const char *mac;
    const char *alias;                           /* "" clears it */
    const char *master;                          /* "" takes it out of what it is in */
    struct ks_strings addresses, drop_addresses; /* "192.0.2.10/24"; without a prefix: the host's own */
    size_t n_routes, n_drop_routes;
    const struct ks_link_route *routes, *drop_routes; /* of the main table; added as protocol static */
};

/*
 * A link that exists (else KS_E_NOT_FOUND). Addresses are dropped before others are added (the kernel removes
 * a primary address with its secondaries), routes come last. A wanted route takes the place of one to the same
 * destination and metric on this link or on its ports; one on another link is KS_E_CONFLICT.
 */
int ks_link_set(struct ks_writes *w, const struct ks_link_want *want, struct ks_error *err);

/* ---- bridges (host_bridge.c) -------------------------------------------------------------------------------- */

struct ks_bridge_want {
    struct ks_link_want link; /* its alias carries the mark of ownership */
    bool stp, vlan_filtering;
    uint64_t forward_delay_ms; /* the kernel counts in 10 ms; 2 s to 30 s while STP is on */
    struct ks_strings ports, drop_ports;
};

/*
 * Made when it is not there. A wanted port leaves what it was in, and is set up with a bridge that is wanted up.
 * KS_E_CONFLICT when the name belongs to a link that is no bridge; KS_E_NOT_FOUND when a port does not exist.
 */
int ks_bridge_set(struct ks_writes *w, const struct ks_bridge_want *want, struct ks_error *err);
/* Gone already: 0. `mark` not NULL: KS_E_BLOCKED unless the link's alias is that. */
int ks_bridge_delete(struct ks_writes *w, const char *name, const char *mark, struct ks_error *err);

/* ---- huge pages (host_pages.c) ------------------------------------------------------------------------------ */

struct ks_pages_want {
    int node; /* -1: a machine without nodes */
    uint64_t size_kib;
    uint64_t pages;      /* of the persistent pool: surplus pages are not counted */
    bool best_effort;    /* fewer than wanted is no error, and those that came are kept */
    uint32_t timeout_ms; /* for compaction and new tries; 0: 10 s */
};

struct ks_pages_got {
    uint64_t before, after; /* pages; in a dry run `after` is what is wanted */
    uint64_t free_kib;      /* memory of the node that is left free, when fewer came than wanted */
};

/*
 * Writes the node's own file. Fewer than wanted: memory is compacted and the write repeated to the deadline; then
 * KS_E_VERIFY with the arithmetic (and, from 1 GiB on, the boot parameter), the pool as it was before.
 * KS_E_BLOCKED, and nothing written, when it would go below what is in use or reserved.
 */
int ks_pages_set(struct ks_writes *w, const struct ks_pages_want *want, struct ks_pages_got *ret,
                 struct ks_error *err);

/* ---- sysfs and procfs (host_sysfs.c) ------------------------------------------------------------------------ */

enum ks_attr_as { KS_ATTR_TEXT, KS_ATTR_NUMBER, KS_ATTR_BOOL /* Y, y, 1 and N, n, 0 */ };

/* One attribute. `what` names it in the log and in errors. */
int ks_sysfs_set(struct ks_writes *w, const char *path, const char *value, enum ks_attr_as as, const char *what,
                 struct ks_error *err);

enum ks_ksm_stated { KS_KSM_RUN = 1, KS_KSM_PAGES_TO_SCAN = 2, KS_KSM_SLEEP = 4, KS_KSM_MERGE_ACROSS_NODES = 8 };

struct ks_ksm_want {
    unsigned stated;
    bool run;
    uint64_t pages_to_scan, sleep_ms;
    bool merge_across_nodes;
};

/* KS_E_BLOCKED: merge_across_nodes cannot change while pages are merged. */
int ks_ksm_set(struct ks_writes *w, const struct ks_ksm_want *want, struct ks_error *err);
int ks_numa_balancing_set(struct ks_writes *w, bool on, struct ks_error *err);
/* KS_E_NOT_FOUND: no such module or parameter; KS_E_UNSUPPORTED: it takes a reload of the module. */
int ks_module_parameter_set(struct ks_writes *w, const char *module, const char *parameter, const char *value,
                            struct ks_error *err);

/* ---- VFs and drivers (host_sriov.c, host_driver.c, host_vf.c) ------------------------------------------------ */

struct ks_numvfs_want {
    const char *pf; /* PCI address */
    unsigned vfs;
    uint32_t timeout_ms; /* 0: 60 s */
};

/*
 * From N to M goes through 0 and destroys every VF: the caller has found all holders before. New VFs come without a
 * driver (autoprobe is off meanwhile): else each is probed within the write, which takes seconds a VF, and a
 * guest's VF is taken by the host's driver first. A child does it, to a deadline, since the write can hang with the
 * device's lock held: KS_E_TIMEOUT. Afterwards sriov_numvfs and virtfn* are counted: KS_E_VERIFY. KS_E_INVALID:
 * more than sriov_totalvfs; KS_E_UNSUPPORTED: no SR-IOV.
 */
int ks_numvfs_set(struct ks_writes *w, const struct ks_numvfs_want *want, struct ks_error *err);

/*
 * Binds a PCI device by driver_override; driver "" leaves it without one, NULL gives it what the kernel would
 * choose. A driver that is not there is loaded by modprobe (not under another root), else KS_E_NOT_FOUND. In a
 * child to the deadline (0: 30 s), as unbinding waits for users: KS_E_TIMEOUT.
 */
int ks_driver_bind(struct ks_writes *w, const char *address, const char *driver, uint32_t timeout_ms,
                   struct ks_error *err);
/*
 * For VFs that have just come, and that nobody has stated a driver for: the kernel looks for one. That there is
 * none is no error. Returns how many are not through with it after 10 s: the kernel goes on by itself.
 */
unsigned ks_drivers_probe(struct ks_writes *w, const struct ks_strings *addresses);
/* For one that a guest is about to get: no other driver takes it. It is not bound. */
int ks_driver_reserve(struct ks_writes *w, const char *address, const char *driver, struct ks_error *err);

enum ks_vf_stated {
    KS_VF_MAC = 1 << 0,
    KS_VF_VLAN = 1 << 1,
    KS_VF_QOS = 1 << 2,
    KS_VF_SPOOF_CHECK = 1 << 3,
    KS_VF_TRUST = 1 << 4,
    KS_VF_LINK_STATE = 1 << 5,
    KS_VF_MIN_RATE = 1 << 6,
    KS_VF_MAX_RATE = 1 << 7,
};

struct ks_vf_want {
    const char *pf; /* interface name */
    unsigned index;
    unsigned stated;
    const char *mac;
    uint16_t vlan, qos;
    bool spoof_check, trust;
    unsigned link_state;                   /* 0 auto, 1 enable, 2 disable, as the kernel counts */
    uint32_t min_rate_mbit, max_rate_mbit; /* 0: none */
};

/* By rtnetlink through the PF. An attribute that the driver refuses or never tells is an error that names it. */
int ks_vf_set(struct ks_writes *w, const struct ks_vf_want *want, struct ks_error *err);
