/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kinds: one struct each, in the manifest's terms and units. Members of a desired object mean something only
 * where its row says "stated"; observers fill the same structs, so that one comparison serves all.
 */
#pragma once

#include "schema/schema.h"

/* ---- values that several kinds share ------------------------------------------------------------------------ */

/* A secret's place, never its value. One of them is stated. */
struct ks_secret_ref {
    struct ks_obj o;
    const char *file, *credential;
};
/* A map entry that wraps one scalar: `{0: 512}`, `{vmx: require}`. */
struct ks_number {
    struct ks_obj o;
    uint64_t value;
};
struct ks_word {
    struct ks_obj o;
    const char *value;
};
struct ks_set {
    struct ks_obj o;
    struct ks_cpuset value;
};
extern const struct ks_kind ks_secret_ref_kind, ks_number_kind, ks_word_kind, ks_set_kind;

/* Checks for .check and .check_key: canonical form in place, or what was expected. */
const char *ks_check_mac(struct ks_arena *arena, const char **text);  /* lower case, unicast */
const char *ks_check_ip(struct ks_arena *arena, const char **text);   /* IPv4 or IPv6 */
const char *ks_check_cidr(struct ks_arena *arena, const char **text); /* address/prefix */
/* Whether one of two "address/prefix" lies within the other; *ret_same: both are one network. */
bool ks_cidr_overlaps(const char *one, const char *other, bool *ret_same);
const char *ks_check_route(struct ks_arena *arena, const char **text);    /* "default" or a network */
const char *ks_check_pci(struct ks_arena *arena, const char **text);      /* DDDD:BB:DD.F */
const char *ks_check_name(struct ks_arena *arena, const char **text);     /* no '/', no control characters */
const char *ks_check_key(struct ks_arena *arena, const char **text);      /* [A-Za-z0-9_-]+: a device key */
const char *ks_check_ifname(struct ks_arena *arena, const char **text);   /* 1-15 bytes, as the kernel wants it */
const char *ks_check_path(struct ks_arena *arena, const char **text);     /* absolute, normalised */
const char *ks_check_uuid(struct ks_arena *arena, const char **text);     /* lower case with dashes */
const char *ks_check_sha256(struct ks_arena *arena, const char **text);   /* 64 hex digits, lower case */
const char *ks_check_number(struct ks_arena *arena, const char **text);   /* a key that is a small number */
const char *ks_check_size_key(struct ks_arena *arena, const char **text); /* a page size: "2MiB" */
const char *ks_check_target(struct ks_arena *arena, const char **text);   /* vda, sdb, hdc, fda */
const char *ks_check_volume(struct ks_arena *arena, const char **text);   /* pool/name */

/* ---- guest -------------------------------------------------------------------------------------------------- */

struct ks_cpu_topology {
    struct ks_obj o;
    uint64_t sockets, dies, cores, threads;
};
struct ks_cpu {
    struct ks_obj o;
    unsigned mode, check;
    bool migratable;
    const char *model;
    struct ks_map features; /* of ks_word: policy */
    struct ks_cpu_topology *topology;
};
struct ks_cell {
    struct ks_obj o; /* key: guest NUMA cell */
    struct ks_cpuset cpus, node;
    uint64_t memory; /* bytes */
};
enum ks_numa_placement { KS_PLACEMENT_MANUAL, KS_PLACEMENT_AUTO };
enum ks_numa_threads { KS_THREADS_PREFER, KS_THREADS_REQUIRE, KS_THREADS_ISOLATE };
struct ks_numa {
    struct ks_obj o;
    unsigned placement, mode; /* placement: enum ks_numa_placement */
    unsigned threads;         /* of automatic placement: prefer, require, isolate */
    struct ks_cpuset nodes;
    struct ks_map cells; /* of ks_cell */
};
struct ks_pinning {
    struct ks_obj o;
    struct ks_map vcpus;     /* of ks_set, by vCPU */
    struct ks_map iothreads; /* of ks_set, by iothread */
    struct ks_cpuset emulator;
};
struct ks_direct_kernel {
    struct ks_obj o;
    const char *kernel, *initrd, *cmdline;
};
struct ks_auth {
    struct ks_obj o;
    const char *user, *secret; /* the name of a secret in the manifest */
};
struct ks_iotune {
    struct ks_obj o;
    uint64_t total_bytes, read_bytes, write_bytes; /* per second */
    uint64_t total_iops, read_iops, write_iops;
};
enum ks_disk_device { KS_DISK_DISK, KS_DISK_CDROM, KS_DISK_FLOPPY, KS_DISK_LUN };
enum ks_memballoon { KS_BALLOON_NONE }; /* the others are balloons */
enum ks_disk_bus { KS_BUS_VIRTIO, KS_BUS_SCSI, KS_BUS_SATA, KS_BUS_IDE, KS_BUS_USB, KS_BUS_FDC };
enum ks_disk_format { KS_FORMAT_RAW, KS_FORMAT_QCOW2 };
struct ks_disk {
    struct ks_obj o; /* key: target */
    /* Where the data is: at most one of these is stated in a manifest. Observed disks in a known pool have volume
       and file (or block) both. A cdrom without any is empty. */
    const char *volume; /* pool/name */
    const char *file;   /* absolute path */
    const char *block;  /* absolute path of a device */
    const char *rbd;    /* pool/image */
    struct ks_strings hosts;
    struct ks_auth *auth;
    /* What `volume` resolves to, filled by ks_resolve() before planning; hidden. */
    const char *source_type; /* "file", "block", "network", "volume" */
    const char *source_path;
    const char *source_format; /* the volume's, for a disk that is new and states none: "qcow2" */
    uint64_t size;             /* declares the volume in place */
    const char *backing, *clone;
    unsigned preallocation;
    unsigned format, device, bus, cache, io, discard, detect_zeroes;
    uint64_t iothread, queues;
    bool readonly, shareable;
    const char *serial;
    struct ks_iotune *iotune;
    bool is_seed; /* the planner's: carries the guest's cloud-init seed */
};
struct ks_rate {
    struct ks_obj o;
    uint64_t average, peak; /* bytes per second */
    uint64_t burst;         /* bytes */
};
struct ks_bandwidth {
    struct ks_obj o;
    struct ks_rate *inbound, *outbound;
};
struct ks_nic_vf {
    struct ks_obj o;
    const char *pf;      /* interface name or PCI address */
    const char *index;   /* a number, or "auto" */
    const char *address; /* DDDD:BB:DD.F: one VF by its own address, in place of pf and index */
};
struct ks_nic {
    struct ks_obj o;
    const char *bridge, *network;
    struct ks_nic_vf *vf;
    const char *vf_address; /* what vf resolves to, DDDD:BB:DD.F; hidden */
    const char *type;       /* observed: "bridge", "network", "hostdev", "direct", ...; hidden */
    bool runtime;    /* observed in the XML of a running guest, which shows what libvirt made of it; hidden */
    const char *mac; /* derived when not stated: ks_resolve() */
    const char *model;
    unsigned driver;
    uint64_t queues, vlan, mtu;
    unsigned link;
    struct ks_bandwidth *bandwidth;
};
struct ks_pci_device {
    struct ks_obj o;
    const char *pci;
    bool managed;
    unsigned rom;
};
struct ks_filesystem {
    struct ks_obj o; /* key: the mount tag */
    const char *source;
    unsigned driver, access_mode;
    bool readonly;
};
struct ks_graphics_server {
    struct ks_obj o;
    const char *listen;
    const char *port; /* "auto" or a number */
    struct ks_secret_ref *password;
    bool autoport; /* hidden */
};
struct ks_graphics {
    struct ks_obj o;
    struct ks_graphics_server *vnc, *spice;
};
struct ks_watchdog {
    struct ks_obj o;
    const char *model;
    unsigned action;
};
/* A file of the repository as it was read, NUL-terminated; text NULL: there is none. */
struct ks_file_text {
    const char *text;
    size_t len;
};
struct ks_cloud_init {
    struct ks_obj o;
    const char *user_data, *meta_data_file, *network_config; /* paths, relative to the file that states them */
    struct ks_map meta_data;                                 /* of ks_word */
    const char *target;                                      /* the cdrom that carries it */
    /* What the seed holds, filled when the manifest is loaded. meta: as it is written, with its defaults. */
    struct ks_file_text user, meta, network;
    const char *digest; /* of these three: another digest is another seed; or NULL */
};
enum ks_wait_what { KS_WAIT_NONE, KS_WAIT_ADDRESS, KS_WAIT_AGENT };
struct ks_wait {
    struct ks_obj o;
    unsigned what;    /* enum ks_wait_what */
    uint64_t timeout; /* ms */
};
struct ks_shutdown {
    struct ks_obj o;
    uint64_t timeout; /* ms */
    unsigned then;
};
enum ks_guest_state {
    KS_GUEST_RUNNING,
    KS_GUEST_STOPPED,
    KS_GUEST_PAUSED,
    KS_GUEST_ABSENT,
    KS_GUEST_UNMANAGED,
    KS_GUEST_STATES
};
struct ks_guest {
    struct ks_obj o;
    unsigned state; /* enum ks_guest_state */
    bool autostart, protect;
    struct ks_strings allow, profiles;
    const char *was, *uuid, *title, *description;
    uint64_t memory, max_memory; /* bytes */
    uint64_t vcpus, max_vcpus, iothreads;
    struct ks_map hugepages; /* of ks_set: guest cells, by page size */
    struct ks_cpu *cpu;
    struct ks_numa *numa;
    struct ks_pinning *pinning;
    const char *machine;
    unsigned firmware;
    bool secure_boot;
    struct ks_strings boot; /* "disk:vda", "nic:lan" */
    struct ks_direct_kernel *direct_kernel;
    unsigned clock;
    struct ks_map disks, nics, devices, filesystems;
    struct ks_graphics *graphics;
    unsigned video;
    bool serial, agent, rng;
    const char *tpm;
    struct ks_watchdog *watchdog;
    unsigned memballoon;
    uint64_t hotplug_ports;
    struct ks_cloud_init *cloud_init;
    struct ks_shutdown *shutdown;
    unsigned on_crash, on_reboot, on_poweroff;
    struct ks_wait *wait_for;
    /*
     * Fragments, as stated. Of an observed guest: the whole domain XML, for comparison, when the observer put it
     * there because the manifest states fragments; else NULL.
     */
    const char *xml;
    /* Observed, hidden: what decides whether a running guest can take a change. */
    struct ks_cpuset vcpu_cpus; /* where vCPUs run that have no pin of their own; empty: anywhere */
    bool boots_any;             /* no order is stated: libvirt boots the first disk */
    uint64_t min_vcpus;         /* vCPUs that cannot be unplugged */
    uint64_t free_ports;        /* PCIe root ports with nothing behind them; i440fx has none and needs none */
    bool pcie;                  /* devices that come while it runs need a free port, or cannot come at all */
    bool scsi;                  /* has a SCSI controller: a scsi disk can be attached while it runs */
    bool channels;              /* has a virtio-serial controller: so can an agent's channel */
};
/*
 * true for a difference between what is wanted and a running guest's XML that asks for nothing once its definition
 * is right. `online`: the host's CPUs.
 */
bool ks_live_is_settled(const struct ks_change *live, const struct ks_cpuset *online);
/* Whether the device at this PCI address is one of the guest's, as a nic's VF or whole. */
bool ks_guest_takes_pci(const struct ks_guest *guest, const char *address);
extern const struct ks_kind ks_guest_kind, ks_disk_kind, ks_nic_kind, ks_pci_device_kind, ks_filesystem_kind;
/* Formats of disk images; enum ks_disk_format names the first. */
extern const struct ks_enum ks_image_formats;
/* Parts of a guest that planners make themselves (automatic placement). */
extern const struct ks_kind ks_cpu_kind, ks_numa_kind, ks_cell_kind, ks_pinning_kind, ks_vcpu_pin_kind,
    ks_iothread_pin_kind;

/* ---- storage ------------------------------------------------------------------------------------------------ */

struct ks_pool_source {
    struct ks_obj o;
    const char *name, *host, *dir, *format, *initiator, *adapter;
    struct ks_strings devices, hosts;
    struct ks_auth *auth;
};
struct ks_pool {
    struct ks_obj o;
    unsigned state; /* 0 active, 1 inactive, 2 absent */
    unsigned type;
    const char *path;
    struct ks_pool_source *source;
    bool autostart, protect;
};
struct ks_volume_source {
    struct ks_obj o;
    const char *file, *sha256;
};
struct ks_volume {
    struct ks_obj o;
    unsigned state; /* 0 present, 1 absent */
    uint64_t size;  /* bytes: libvirt's capacity */
    unsigned format, preallocation;
    const char *backing, *clone; /* a volume of the same pool, pool/name, or an absolute path */
    unsigned backing_format;
    struct ks_volume_source *source;
    bool protect;
    uint64_t allocation; /* observed, bytes; hidden */
    const char *path;    /* observed; hidden */
    uint64_t asked;      /* observed, bytes: the size asked for when it was made or grown; 0: unknown; hidden */
};
struct ks_pool_volumes {
    struct ks_obj o;       /* key: pool */
    struct ks_map volumes; /* of ks_volume */
};
extern const struct ks_kind ks_pool_kind, ks_volume_kind, ks_pool_volumes_kind;

/* ---- networks and links ------------------------------------------------------------------------------------- */

struct ks_dhcp_host {
    struct ks_obj o;
    const char *mac, *ip, *name, *id;
};
struct ks_dns_host {
    struct ks_obj o; /* key: an address */
    struct ks_strings names;
};
struct ks_dns {
    struct ks_obj o;
    bool enable;
    struct ks_strings forwarders;
    struct ks_map hosts; /* of ks_dns_host */
};
struct ks_dhcp {
    struct ks_obj o;
    struct ks_strings range; /* first, last; of several ranges one after the other */
    struct ks_map hosts;     /* of ks_dhcp_host */
};
enum ks_network_state { KS_NETWORK_ACTIVE, KS_NETWORK_INACTIVE, KS_NETWORK_ABSENT };
enum ks_forward {
    KS_FORWARD_NONE,
    KS_FORWARD_NAT,
    KS_FORWARD_ROUTE,
    KS_FORWARD_OPEN,
    KS_FORWARD_BRIDGE,
    KS_FORWARD_PRIVATE,
    KS_FORWARD_VEPA,
    KS_FORWARD_PASSTHROUGH,
    KS_FORWARD_HOSTDEV
};
/* libvirt makes the bridge of such a network, and gives it addresses. */
static inline bool ks_forward_has_own_bridge(unsigned forward)
{
    return forward <= KS_FORWARD_OPEN;
}
struct ks_network {
    struct ks_obj o;
    unsigned state;   /* enum ks_network_state */
    unsigned forward; /* enum ks_forward */
    const char *bridge, *pf, *domain, *dev;
    struct ks_strings addresses;
    struct ks_dhcp *dhcp, *dhcp6;
    struct ks_dns *dns;
    struct ks_bandwidth *bandwidth;
    bool autostart, protect, stp;
    const char *mac;
    uint64_t mtu;
};
struct ks_route {
    struct ks_obj o;
    const char *to, *via;
    uint64_t metric;
};
struct ks_bridge {
    struct ks_obj o;
    unsigned state; /* 0 present, 1 absent */
    struct ks_strings ports, addresses;
    bool stp, vlan_filtering, up;
    uint64_t forward_delay; /* ms */
    uint64_t mtu;
    const char *mac;
    struct ks_map routes; /* of ks_route */
};
/* The kernel counts in ticks, and shows whole hundredths of what it counted: 30ms at 250 Hz reads back as 20ms. */
static inline bool ks_delay_is_kept(uint64_t want_ms, uint64_t have_ms)
{
    return have_ms <= want_ms && want_ms - have_ms <= 10;
}
struct ks_vf {
    struct ks_obj o; /* key: index */
    const char *mac, *driver;
    uint64_t vlan, qos;
    bool spoof_check, trust;
    unsigned link_state;
    uint64_t min_rate, max_rate; /* bit/s */
};
struct ks_sriov {
    struct ks_obj o; /* key: interface name or PCI address of the PF */
    uint64_t vfs, mtu;
    const char *driver;
    struct ks_vf *each;
    struct ks_map vf; /* of ks_vf */
};
/* What VF `index` is to have: its own attributes over those of each, and the PF's driver. Never NULL. */
struct ks_vf *ks_vf_merged(struct ks_arena *arena, const struct ks_sriov *pf, unsigned index);
extern const struct ks_kind ks_network_kind, ks_bridge_kind, ks_route_kind, ks_sriov_kind, ks_vf_kind;

/* ---- host --------------------------------------------------------------------------------------------------- */

enum ks_pages_policy { KS_PAGES_STRICT, KS_PAGES_BEST_EFFORT };

struct ks_hugepages {
    struct ks_obj o;     /* key: page size */
    uint64_t total;      /* shorthand: spread evenly */
    struct ks_map nodes; /* of ks_number: pages, by NUMA node */
    unsigned policy;     /* enum ks_pages_policy */
};
/* Where the ledger keeps "wanted came free-KiB" of a best effort that came up short; node -1: of no node. */
const char *ks_pages_note(struct ks_arena *arena, int node);

struct ks_ksm {
    struct ks_obj o;
    bool run, merge_across_nodes;
    uint64_t pages_to_scan, sleep; /* ms */
};
struct ks_module {
    struct ks_obj o;          /* key: module */
    struct ks_map parameters; /* of ks_word */
};
struct ks_kernel {
    struct ks_obj o;
    struct ks_ksm *ksm;
    bool numa_balancing;
    struct ks_map parameters; /* of ks_word */
    struct ks_map modules;    /* of ks_module */
};
enum ks_secret_state { KS_SECRET_PRESENT, KS_SECRET_ABSENT };
enum ks_secret_type { KS_SECRET_CEPH, KS_SECRET_ISCSI, KS_SECRET_VOLUME, KS_SECRET_VTPM, KS_SECRET_TLS };
struct ks_secret {
    struct ks_obj o;
    unsigned state;    /* enum ks_secret_state */
    unsigned type;     /* enum ks_secret_type */
    const char *usage; /* libvirt's name for it; the key where it is not stated */
    const char *description;
    bool ephemeral, is_private, protect;
    struct ks_secret_ref *value;
    const char *uuid; /* observed; hidden */
};
struct ks_checkpoint_defaults {
    struct ks_obj o;
    uint64_t timeout; /* ms */
    struct ks_strings targets;
};
struct ks_defaults {
    struct ks_obj o;
    bool prune;
    struct ks_strings allow;
    struct ks_checkpoint_defaults *checkpoint;
};
struct ks_placement {
    struct ks_obj o;
    struct ks_cpuset reserved_cpus;
};
extern const struct ks_kind ks_hugepages_kind, ks_kernel_kind, ks_secret_kind;

/* ---- the manifest ------------------------------------------------------------------------------------------- */

struct ks_manifest {
    struct ks_obj o;
    uint64_t version;
    const char *host;
    struct ks_strings includes;
    struct ks_defaults *defaults;
    struct ks_kernel *kernel;
    struct ks_placement *placement;
    struct ks_map hugepages, sriov, bridges, pools, secrets;
    struct ks_map volumes; /* of ks_pool_volumes */
    struct ks_map networks, profiles, guests;
};
extern const struct ks_kind ks_manifest_kind;

/* How loading gets at files: by path inside the repository, normalised, without a leading '/'. */
struct ks_files {
    void *data;
    /* KS_E_NOT_FOUND when there is no such file; text NUL-terminated, in the arena. */
    int (*read)(void *data, const char *path, struct ks_arena *arena, char **ret, size_t *ret_len,
                struct ks_error *err);
};

/*
 * Reads `path` and what it includes, merges, applies profiles, loads, and checks everything that the manifest
 * alone can tell: types, units, ranges, references between its own parts, things given twice. The result is
 * usable only when f->n_errors is 0, for as long as f->arena lives too: texts are shared. `host` (NULL: what the
 * manifest says) replaces {host}.
 */
const struct ks_manifest *ks_manifest_load(struct ks_arena *arena, const struct ks_files *files, const char *path,
                                           const char *host, struct ks_findings *f);
/* The checks alone, for a manifest that was put together otherwise. */
void ks_manifest_check(const struct ks_manifest *m, struct ks_findings *f);
/* What several hosts' manifests may not share; also of those in which something else is wrong. */
void ks_manifests_check(const struct ks_manifest *const *manifests, size_t n, struct ks_findings *f);
/* Where a guest's cloud-init seed lies: "DIR/GUEST/DIGEST.iso"; NULL when it is to have none. */
char *ks_seed_path(struct ks_arena *arena, const char *dir, const struct ks_guest *guest);
/* 52:54:00:xx:xx:xx from host, guest and nic: the same on every run and after a lost disk. */
char *ks_derived_mac(struct ks_arena *arena, const char *host, const char *guest, const char *nic);
