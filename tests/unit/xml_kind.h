/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small guest of our own, with a row of every sort, for the tests of the XML walkers. */
#pragma once

#include "schema/kinds.h"
#include "schema/xml.h"

struct t_pair { /* a map entry that is one set */
    struct ks_obj o;
    struct ks_cpuset value;
};
struct t_feature {
    struct ks_obj o;
    const char *policy;
};
struct t_topology {
    struct ks_obj o;
    uint64_t sockets, cores, threads;
};
struct t_cpu {
    struct ks_obj o;
    unsigned mode;
    bool migratable;
    struct ks_map features;
    struct t_topology *topology;
};
struct t_cell {
    struct ks_obj o;
    struct ks_cpuset cpus, node;
    uint64_t memory;
};
struct t_numa { /* no element of its own: it is spread over two */
    struct ks_obj o;
    struct ks_cpuset nodes;
    struct ks_map cells;
};
struct t_iotune {
    struct ks_obj o;
    uint64_t total_bytes, read_iops;
};
struct t_disk {
    struct ks_obj o;
    const char *file, *rbd, *serial, *user;
    struct ks_strings hosts;
    unsigned cache, bus;
    bool readonly, shareable;
    struct t_iotune *iotune;
};
struct t_rate {
    struct ks_obj o;
    uint64_t average, burst;
};
struct t_nic {
    struct ks_obj o;
    const char *bridge, *mac, *model;
    uint64_t mtu, queues;
    unsigned link;
    struct t_rate *inbound;
};
struct t_guest {
    struct ks_obj o;
    const char *title, *description, *machine;
    uint64_t memory, max_memory, vcpus, max_vcpus, iothreads, stats_period;
    struct t_cpu *cpu;
    struct t_numa *numa;
    struct ks_map pins;
    struct ks_cpuset emulator;
    struct ks_strings boot;
    unsigned clock, on_crash;
    struct ks_map disks, nics;
    bool agent, rng, acpi, hpet;
};

KS_ENUM_TABLE(t_cpu_modes, "host-passthrough", "host-model", "custom");
KS_ENUM_TABLE(t_on_off, "off", "on");
KS_ENUM_TABLE(t_no_yes, "no", "yes");
KS_ENUM_TABLE(t_caches, "default", "none", "writeback", "writethrough");
KS_ENUM_TABLE(t_buses, "virtio", "sata", "scsi");
KS_ENUM_TABLE(t_links, "up", "down");
KS_ENUM_TABLE(t_clocks, "utc", "local");
KS_ENUM_TABLE(t_clock_words, "utc", "localtime");
KS_ENUM_TABLE(t_crashes, "destroy", "restart");

static const struct ks_field t_pair_rows[] = {
    KS_ROW_CPUSET(struct t_pair, value, "value", .xml = "@cpuset"),
};
static const struct ks_kind t_pair_kind =
    KS_KIND(struct t_pair, t_pair_rows, .name = "pin", .shorthand = "value", .xml_key = "@vcpu");

static const struct ks_field t_feature_rows[] = {
    KS_ROW_STRING(struct t_feature, policy, "policy", .xml = "./@policy"),
};
static const struct ks_kind t_feature_kind =
    KS_KIND(struct t_feature, t_feature_rows, .name = "feature", .shorthand = "policy", .xml_key = "@name");

static const struct ks_field t_topology_rows[] = {
    KS_ROW_UINT(struct t_topology, sockets, "sockets", .xml = "@sockets", .min = 1),
    KS_ROW_UINT(struct t_topology, cores, "cores", .xml = "@cores", .min = 1),
    KS_ROW_UINT(struct t_topology, threads, "threads", .xml = "@threads", .min = 1),
};
static const struct ks_kind t_topology_kind = KS_KIND(struct t_topology, t_topology_rows, .name = "topology");

static const struct ks_field t_cpu_rows[] = {
    KS_ROW_ENUM(struct t_cpu, mode, "mode", &t_cpu_modes, .xml = "@mode"),
    KS_ROW_BOOL(struct t_cpu, migratable, "migratable", .values = &t_on_off, .xml = "@migratable"),
    KS_ROW_MAP(struct t_cpu, features, "features", &t_feature_kind, .xml = "feature"),
    KS_ROW_OBJECT(struct t_cpu, topology, struct t_topology, "topology", &t_topology_kind, .xml = "topology"),
};
static const struct ks_kind t_cpu_kind = KS_KIND(struct t_cpu, t_cpu_rows, .name = "cpu", .shorthand = "mode");

static const struct ks_field t_cell_rows[] = {
    KS_ROW_CPUSET(struct t_cell, cpus, "cpus", .xml = "@cpus"),
    KS_ROW_SIZE(struct t_cell, memory, "memory", .xml = "@memory", .xml_unit = "KiB"),
    KS_ROW_CPUSET(struct t_cell, node, "node", .xml = "/numatune/memnode[@cellid=$key]/@nodeset",
                  .xml_create = "<memnode cellid='$key' mode='strict'/>"),
};
static const struct ks_kind t_cell_kind = KS_KIND(struct t_cell, t_cell_rows, .name = "cell", .xml_key = "@id");

static const struct ks_field t_numa_rows[] = {
    KS_ROW_CPUSET(struct t_numa, nodes, "nodes", .xml = "numatune/memory/@nodeset"),
    KS_ROW_MAP(struct t_numa, cells, "cells", &t_cell_kind, .check_key = ks_check_number, .xml = "cpu/numa/cell"),
};
static const struct ks_kind t_numa_kind = KS_KIND(struct t_numa, t_numa_rows, .name = "numa");

static const struct ks_field t_iotune_rows[] = {
    KS_ROW_BYTERATE(struct t_iotune, total_bytes, "total-bytes", .xml = "total_bytes_sec"),
    KS_ROW_UINT(struct t_iotune, read_iops, "read-iops", .xml = "read_iops_sec"),
};
static const struct ks_kind t_iotune_kind = KS_KIND(struct t_iotune, t_iotune_rows, .name = "iotune");

static const struct ks_field t_disk_rows[] = {
    KS_ROW_STRING(struct t_disk, file, "file", .xml = "source/@file"),
    KS_ROW_STRING(struct t_disk, rbd, "rbd", .xml = "source[@protocol='rbd']/@name"),
    KS_ROW_STRINGS(struct t_disk, hosts, "hosts", .xml = "source/host/@name", .flags = KS_F_SET),
    KS_ROW_STRING(struct t_disk, user, "user", .xml = "auth[secret/@type='ceph']/@username"),
    KS_ROW_ENUM(struct t_disk, bus, "bus", &t_buses, .xml = "target/@bus"),
    KS_ROW_ENUM(struct t_disk, cache, "cache", &t_caches, .xml = "driver/@cache", .fallback = "default",
                .xml_create = "<driver name='qemu'/>"),
    KS_ROW_BOOL(struct t_disk, readonly, "readonly", .xml = "readonly", .flags = KS_F_PRESENCE,
                .fallback = "false"),
    KS_ROW_BOOL(struct t_disk, shareable, "shareable", .xml = "shareable", .flags = KS_F_PRESENCE,
                .fallback = "false"),
    KS_ROW_STRING(struct t_disk, serial, "serial", .xml = "serial"),
    KS_ROW_OBJECT(struct t_disk, iotune, struct t_iotune, "iotune", &t_iotune_kind, .xml = "iotune"),
};
static const struct ks_kind t_disk_kind =
    KS_KIND(struct t_disk, t_disk_rows, .name = "disk", .xml_key = "target/@dev", .xml_alias = "alias/@name");

static const struct ks_field t_rate_rows[] = {
    KS_ROW_BYTERATE(struct t_rate, average, "average", .xml = "@average", .xml_unit = "kB"),
    KS_ROW_SIZE(struct t_rate, burst, "burst", .xml = "@burst", .xml_unit = "=KiB"),
};
static const struct ks_kind t_rate_kind = KS_KIND(struct t_rate, t_rate_rows, .name = "rate");

static const struct ks_field t_nic_rows[] = {
    KS_ROW_STRING(struct t_nic, bridge, "bridge", .xml = "source/@bridge"),
    KS_ROW_STRING(struct t_nic, mac, "mac", .xml = "mac/@address"),
    KS_ROW_STRING(struct t_nic, model, "model", .xml = "model/@type"),
    KS_ROW_UINT(struct t_nic, queues, "queues", .xml = "driver/@queues"),
    KS_ROW_UINT(struct t_nic, mtu, "mtu", .xml = "mtu/@size"),
    KS_ROW_ENUM(struct t_nic, link, "link", &t_links, .xml = "link/@state", .fallback = "up"),
    KS_ROW_OBJECT(struct t_nic, inbound, struct t_rate, "inbound", &t_rate_kind, .xml = "bandwidth/inbound"),
};
static const struct ks_kind t_nic_kind =
    KS_KIND(struct t_nic, t_nic_rows, .name = "nic", .xml_alias = "alias/@name");

static const struct ks_field t_guest_rows[] = {
    KS_ROW_STRING(struct t_guest, title, "title", .xml = "title"),
    KS_ROW_STRING(struct t_guest, description, "description", .xml = "description"),
    KS_ROW_SIZE(struct t_guest, memory, "memory", .xml = "currentMemory", .xml_unit = "KiB"),
    KS_ROW_SIZE(struct t_guest, max_memory, "max-memory", .xml = "memory", .xml_unit = "KiB"),
    KS_ROW_UINT(struct t_guest, vcpus, "vcpus", .xml = "vcpu/@current"),
    KS_ROW_UINT(struct t_guest, max_vcpus, "max-vcpus", .xml = "vcpu"),
    KS_ROW_UINT(struct t_guest, iothreads, "iothreads", .xml = "iothreads"),
    KS_ROW_OBJECT(struct t_guest, cpu, struct t_cpu, "cpu", &t_cpu_kind, .xml = "cpu"),
    KS_ROW_OBJECT(struct t_guest, numa, struct t_numa, "numa", &t_numa_kind),
    KS_ROW_MAP(struct t_guest, pins, "pins", &t_pair_kind, .check_key = ks_check_number, .xml = "cputune/vcpupin"),
    KS_ROW_CPUSET(struct t_guest, emulator, "emulator", .xml = "cputune/emulatorpin/@cpuset"),
    KS_ROW_STRING(struct t_guest, machine, "machine", .xml = "os/type/@machine"),
    KS_ROW_STRINGS(struct t_guest, boot, "boot", .xml = "os/boot/@dev"),
    KS_ROW_ENUM(struct t_guest, clock, "clock", &t_clocks, .xml_values = &t_clock_words, .xml = "clock/@offset"),
    KS_ROW_ENUM(struct t_guest, on_crash, "on-crash", &t_crashes, .xml = "on_crash", .fallback = "destroy"),
    KS_ROW_MAP(struct t_guest, disks, "disks", &t_disk_kind, .xml = "devices/disk",
               .xml_create = "<disk type='file' device='disk'/>"),
    KS_ROW_MAP(struct t_guest, nics, "nics", &t_nic_kind, .xml = "devices/interface",
               .xml_create = "<interface type='bridge'/>"),
    KS_ROW_BOOL(struct t_guest, agent, "agent", .flags = KS_F_PRESENCE, .fallback = "false",
                .xml = "devices/channel[target/@name='org.qemu.guest_agent.0']",
                .xml_create = "<channel type='unix'><target type='virtio'/></channel>"),
    KS_ROW_BOOL(struct t_guest, rng, "rng", .flags = KS_F_PRESENCE, .fallback = "false", .xml = "devices/rng",
                .xml_create = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"),
    KS_ROW_BOOL(struct t_guest, acpi, "acpi", .flags = KS_F_PRESENCE, .xml = "features/acpi"),
    KS_ROW_BOOL(struct t_guest, hpet, "hpet", .values = &t_no_yes, .xml = "clock/timer[@name='hpet']/@present"),
    KS_ROW_DURATION(struct t_guest, stats_period, "stats-period", .xml = "devices/memballoon/stats/@period",
                    .xml_unit = "s"),
};
static const struct ks_kind t_guest_kind = KS_KIND(struct t_guest, t_guest_rows, .name = "guest");

/* ---- documents ---------------------------------------------------------------------------------------------- */

struct t_doc {
    struct ks_arena *arena;
    xmlDoc *doc;
    xmlNode *root;
    struct t_guest *guest;
};

static inline void t_doc_done(struct t_doc *d)
{
    ks_xml_docp(&d->doc);
    ks_arena_free(d->arena);
}

static inline void t_doc_parse(struct t_doc *d, const char *text)
{
    struct ks_error err = {0};
    *d = (struct t_doc){.arena = ks_arena_new()};
    if (ks_xml_parse(text, strlen(text), &d->doc, &err)) {
        fprintf(stderr, "%s\n", ks_error_text(d->arena, &err));
        abort();
    }
    d->root = xmlDocGetRootElement(d->doc);
    d->guest = (struct t_guest *)ks_obj_new(d->arena, &t_guest_kind, NULL);
    ks_xml_read(d->arena, d->root, &d->guest->o);
}

/* A domain of tests/data/domains, as libvirt formats it. */
static inline char *t_domain(struct ks_arena *arena, const char *name)
{
    struct ks_error err = {0};
    char *text = NULL;
    size_t n;
    int root;
    if (ks_root_open(KS_SOURCE_DIR, &root, &err) ||
        ks_file_read(root, ks_sprintf(arena, "tests/data/domains/%s.xml", name), 1 << 20, arena, &text, &n, &err))
        abort();
    (void)close(root);
    return text;
}
