/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU, topology, NUMA and pinning of a guest. */
#include "schema/guest.h"

KS_ENUM_TABLE(modes, "custom", "host-model", "host-passthrough", "maximum");
KS_ENUM_TABLE(checks, "none", "partial", "full");
KS_ENUM_TABLE(placements, "manual", "auto");
KS_ENUM_TABLE(numa_modes, "strict", "preferred", "interleave", "restrictive");
KS_ENUM_TABLE(threads, "prefer", "require", "isolate");
static const char *const yes_no_names[] = {"no", "yes"};
const struct ks_enum ks_yes_no = {2, yes_no_names};
static const char *const on_off_names[] = {"off", "on"};
const struct ks_enum ks_on_off = {2, on_off_names};

static const char *check_policy(struct ks_arena *arena, const char **text)
{
    static const char *const policies[] = {"force", "require", "optional", "disable", "forbid"};

    (void)arena;
    for (size_t i = 0; i < KS_COUNT(policies); i++)
        if (ks_streq(*text, policies[i]))
            return NULL;
    return "force, require, optional, disable or forbid";
}

enum { STRICT, PREFERRED, INTERLEAVE, RESTRICTIVE };

/*
 * QEMU binds its memory itself in the other modes, and cannot be told otherwise; in mode restrictive the cgroup
 * does it, and can (virDomainSetNumaParameters; tried with libvirt 9.0, which refuses mode strict).
 */
static enum ks_impact nodes_impact(const struct ks_change *change, bool running, enum ks_impact otherwise)
{
    const struct ks_numa *have = (const struct ks_numa *)change->have;

    if (!running)
        return otherwise;
    return change->op == KS_SET && have && ks_has(&have->o, "nodes") && have->mode == RESTRICTIVE ? KS_LIVE
                                                                                                  : KS_RESTART;
}

/* clang-format off */
#define RESTART .stopped = KS_SAFE, .running = KS_RESTART
#define LIVE(how) .stopped = KS_SAFE, .running = KS_LIVE, .live = (how)

static const struct ks_field feature_rows[] = {
    KS_ROW_STRING(struct ks_word, value, "policy", RESTART, .flags = KS_F_REQUIRED, .check = check_policy,
        .xml = "@policy", .fallback = "require", .doc = "force, require, optional, disable or forbid."),
};
static const struct ks_kind feature_kind = KS_KIND(struct ks_word, feature_rows, .name = "feature",
    .doc = "A CPU feature and what is asked of it.", .shorthand = "policy", .xml_key = "@name");

static const struct ks_field topology_rows[] = {
    KS_ROW_UINT(struct ks_cpu_topology, sockets, "sockets", RESTART, .min = 1, .max = 4096, .xml = "@sockets",
        .doc = "CPU sockets."),
    KS_ROW_UINT(struct ks_cpu_topology, dies, "dies", RESTART, .min = 1, .max = 4096, .xml = "@dies",
        .fallback = "1", .doc = "Dies in a socket."),
    KS_ROW_UINT(struct ks_cpu_topology, cores, "cores", RESTART, .min = 1, .max = 4096, .xml = "@cores",
        .doc = "Cores in a die."),
    KS_ROW_UINT(struct ks_cpu_topology, threads, "threads", RESTART, .min = 1, .max = 4096, .xml = "@threads",
        .doc = "Threads in a core."),
};
static const struct ks_kind topology_kind = KS_KIND(struct ks_cpu_topology, topology_rows, .name = "topology",
    .doc = "How the guest's vCPUs are arranged.");

/* libvirt writes the CPU that it made out of host-model into the XML of a running guest. */
static const struct ks_field cpu_rows[] = {
    KS_ROW_ENUM(struct ks_cpu, mode, "mode", &modes, RESTART, .flags = KS_F_OPAQUE, .fallback = "custom",
        .xml = "cpu/@mode", .codec = &ks_cpu_mode_codec,
        .doc = "custom, by model; the host's own CPU, as a model or passed through; or the maximum "
                               "that QEMU can."),
    KS_ROW_STRING(struct ks_cpu, model, "model", RESTART, .flags = KS_F_OPAQUE, .check = ks_check_name,
        .xml = "cpu/model", .codec = &ks_cpu_model_codec, .xml_create = "<model fallback='forbid'/>", .doc = "The model, for mode custom."),
    KS_ROW_ENUM(struct ks_cpu, check, "check", &checks, RESTART, .flags = KS_F_OPAQUE, .xml = "cpu/@check",
        .codec = &ks_cpu_check_codec,
        .doc = "How closely the host must be able to give what is asked for."),
    KS_ROW_BOOL(struct ks_cpu, migratable, "migratable", RESTART, .flags = KS_F_OPAQUE, .values = &ks_on_off,
        .fallback = "true", .xml = "cpu/@migratable", .doc = "Leaves out features that keep it from migrating."),
    KS_ROW_MAP(struct ks_cpu, features, "features", &feature_kind, RESTART, .flags = KS_F_OPAQUE,
        .check_key = ks_check_name, .xml = "cpu/feature", .doc = "Features, by libvirt's name for them."),
    KS_ROW_OBJECT(struct ks_cpu, topology, struct ks_cpu_topology, "topology", &topology_kind, RESTART,
        .xml = "cpu/topology", .doc = "Sockets, dies, cores and threads."),
};

static const struct ks_field cell_rows[] = {
    KS_ROW_CPUSET(struct ks_cell, cpus, "cpus", RESTART, .xml = "@cpus", .doc = "vCPUs of this cell."),
    KS_ROW_SIZE(struct ks_cell, memory, "memory", RESTART, .min = 1 << 20, .step = 1024, .xml = "@memory",
        .xml_unit = "KiB", .doc = "Memory of this cell."),
    KS_ROW_CPUSET(struct ks_cell, node, "node", RESTART, .xml = "/numatune/memnode[@cellid=$key]/@nodeset",
        .xml_create = "<memnode cellid='$key' mode='strict'/>",
        .doc = "Host NUMA nodes that its memory comes from."),
};

static const struct ks_field numa_rows[] = {
    KS_ROW_ENUM(struct ks_numa, placement, "placement", &placements, .flags = KS_F_POLICY,
        .doc = "auto: kvmstate chooses nodes and CPUs from what is free."),
    KS_ROW_ENUM(struct ks_numa, threads, "threads", &threads, .flags = KS_F_POLICY,
        .doc = "How automatic placement treats thread siblings."),
    KS_ROW_ENUM(struct ks_numa, mode, "mode", &numa_modes, RESTART, .xml = "/numatune/memory/@mode",
        .fallback = "strict", .doc = "How strictly memory comes from the nodes."),
    KS_ROW_CPUSET(struct ks_numa, nodes, "nodes", LIVE(KS_LIVE_NUMATUNE), .impact = nodes_impact,
        .xml = "/numatune/memory/@nodeset", .codec = &ks_nodes_codec,
        .doc = "Host NUMA nodes for its memory; they change while it runs in mode restrictive."),
    KS_ROW_MAP(struct ks_numa, cells, "cells", &ks_cell_kind, RESTART, .check_key = ks_check_number,
        .xml = "/cpu/numa/cell", .doc = "NUMA cells that the guest sees, numbered from 0."),
};

static const struct ks_field vcpu_pin_rows[] = {
    KS_ROW_CPUSET(struct ks_set, value, "cpus", LIVE(KS_LIVE_VCPU_PIN), .flags = KS_F_REQUIRED, .xml = "@cpuset",
        .doc = "Host CPUs that it may run on."),
};
static const struct ks_field iothread_pin_rows[] = {
    KS_ROW_CPUSET(struct ks_set, value, "cpus", LIVE(KS_LIVE_IOTHREAD_PIN), .flags = KS_F_REQUIRED,
        .xml = "@cpuset", .doc = "Host CPUs that it may run on."),
};
static const struct ks_field pinning_rows[] = {
    KS_ROW_MAP(struct ks_pinning, vcpus, "vcpus", &ks_vcpu_pin_kind, LIVE(KS_LIVE_VCPU_PIN),
        .check_key = ks_check_number, .xml = "/cputune/vcpupin", .doc = "Host CPUs, by vCPU."),
    KS_ROW_CPUSET(struct ks_pinning, emulator, "emulator", LIVE(KS_LIVE_EMULATOR_PIN),
        .xml = "/cputune/emulatorpin/@cpuset", .doc = "Host CPUs for QEMU's own threads."),
    KS_ROW_MAP(struct ks_pinning, iothreads, "iothreads", &ks_iothread_pin_kind, LIVE(KS_LIVE_IOTHREAD_PIN),
        .check_key = ks_check_number, .xml = "/cputune/iothreadpin", .doc = "Host CPUs, by iothread."),
};
/* clang-format on */

static void validate_cpu(const struct ks_obj *obj, struct ks_findings *f)
{
    const struct ks_cpu *cpu = (const struct ks_cpu *)obj;

    if (ks_has(obj, "model") && ks_has(obj, "mode") && cpu->mode != 0)
        (void)ks_report(f, KS_E_CONFLICT, ks_at(obj, "model"), "cpu: a model is for mode custom, not %s",
                        modes_names[cpu->mode]);
    if (ks_has(obj, "migratable") && ks_has(obj, "mode") && cpu->mode < 2)
        (void)ks_report(f, KS_E_CONFLICT, ks_at(obj, "migratable"),
                        "cpu: migratable is for mode host-passthrough and maximum");
}

static void validate_numa(const struct ks_obj *obj, struct ks_findings *f)
{
    const struct ks_numa *numa = (const struct ks_numa *)obj;

    if (ks_has(obj, "placement") && numa->placement == KS_PLACEMENT_AUTO)
        return;
    if (ks_has(obj, "threads"))
        (void)ks_report(f, KS_E_CONFLICT, ks_at(obj, "threads"), "numa: threads is for placement: auto");
    for (size_t i = 0; i < numa->cells.n; i++)
        if (!ks_map_get(&numa->cells, ks_sprintf(f->arena, "%zu", i)))
            (void)ks_report(f, KS_E_INVALID, ks_at(obj, "cells"), "numa.cells: cell %zu is missing", i);
}

const struct ks_kind ks_cpu_kind = KS_KIND(struct ks_cpu, cpu_rows, .name = "cpu",
                                           .doc = "The CPU that the guest sees.", .validate = validate_cpu);
static void validate_cell(const struct ks_obj *obj, struct ks_findings *f)
{
    static const char *const keys[] = {"cpus", "memory"};

    for (size_t i = 0; i < KS_COUNT(keys); i++)
        if (ks_stated(obj, keys[i]) && !ks_has(obj, keys[i]))
            (void)ks_report(f, KS_E_INVALID, ks_at(obj, keys[i]),
                            "cell %s: a cell has %s; null is for the cell itself", obj->key, keys[i]);
}

const struct ks_kind ks_cell_kind =
    KS_KIND(struct ks_cell, cell_rows, .name = "cell", .doc = "A NUMA cell of the guest.", .xml_key = "@id",
            .validate = validate_cell);
const struct ks_kind ks_numa_kind =
    KS_KIND(struct ks_numa, numa_rows, .name = "numa", .doc = "NUMA of a guest.", .validate = validate_numa);
const struct ks_kind ks_vcpu_pin_kind =
    KS_KIND(struct ks_set, vcpu_pin_rows, .name = "vcpu pin", .doc = "Where a vCPU runs.", .shorthand = "cpus",
            .xml_key = "@vcpu");
const struct ks_kind ks_iothread_pin_kind =
    KS_KIND(struct ks_set, iothread_pin_rows, .name = "iothread pin", .doc = "Where an iothread runs.",
            .shorthand = "cpus", .xml_key = "@iothread");
const struct ks_kind ks_pinning_kind =
    KS_KIND(struct ks_pinning, pinning_rows, .name = "pinning", .doc = "Where a guest's threads run.");
