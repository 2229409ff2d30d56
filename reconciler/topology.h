/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * topology: what a host is, arranged for drawing, and its drawings: text, SVG, JSON. Pure: the same observation
 * gives the same bytes; nothing here prints. Names are kept as they are; each drawing escapes them in its own way.
 */
#pragma once

#include <jansson.h>

#include "schema/observed.h"

struct ks_topology_guest {
    const struct ks_seen_guest *seen;
    const struct ks_guest *config; /* what it runs with, else its definition; NULL: could not be read */
    const char *code;              /* "a": stands for it in a grid of CPUs; NULL: it has no pins */
    unsigned color;                /* counted over those with a code */
    bool runs;                     /* or is paused */
    struct ks_cpuset cpus;         /* of its vCPUs' pins, all together */
    struct ks_cpuset nodes;        /* that its memory is bound to */
    struct ks_strings pages;       /* "2MiB" */
    struct ks_strings devices;     /* "ens1 VF 0", "0000:5e:00.0" */
};

enum ks_topology_pin_kind { KS_PIN_VCPU, KS_PIN_EMULATOR, KS_PIN_IOTHREAD };

/* A guest's right to a CPU. */
struct ks_topology_pin {
    size_t guest; /* in ->guests */
    enum ks_topology_pin_kind kind;
    const char *key; /* "3": the vCPU or iothread; NULL for the emulator */
    bool whole_node; /* it may run on every CPU of the node: bound to the node, not to this CPU */
};

struct ks_topology_cpu {
    unsigned id;
    KS_VEC(struct ks_topology_pin) pins; /* by guest, vCPUs first */
    size_t n_guests;                     /* whose vCPUs are pinned here, and not to the whole node */
    size_t guest;                        /* the first of them */
    bool helpers;                        /* emulators or iothreads are pinned here, and not to the whole node */
    bool floats;                         /* something is pinned to the whole node */
};

struct ks_topology_core {
    size_t n_threads;
    struct ks_topology_cpu *threads;
};

struct ks_topology_pages {
    uint64_t size;                                 /* bytes of a page */
    uint64_t total, used, free, surplus, reserved; /* pages; used: total - free */
};

struct ks_topology_node {
    int id; /* -1: a machine without nodes */
    struct ks_cpuset cpus;
    uint64_t memory, free;                  /* bytes; memory 0: unknown */
    size_t max_threads;                     /* of a core */
    KS_VEC(struct ks_topology_core) cores;  /* by lowest CPU */
    KS_VEC(struct ks_topology_pages) pages; /* by size */
};

struct ks_topology_user {
    size_t guest;
    const char *nic;
};

struct ks_topology_bridge {
    const struct ks_seen_bridge *seen;
    struct ks_strings networks; /* libvirt's, that end in it */
    KS_VEC(struct ks_topology_user) users;
    unsigned strangers; /* taps beyond those of running guests that are known */
};

struct ks_topology {
    const struct ks_observed *seen;
    bool guests_known;
    size_t n_running;
    KS_VEC(struct ks_topology_guest) guests; /* in the natural order of their names */
    KS_VEC(struct ks_topology_node) nodes;
    KS_VEC(struct ks_topology_bridge) bridges;
    KS_VEC(const struct ks_seen_pci *) devices; /* whole ones that somebody has, or that wait for a guest */
    size_t code_width;                          /* columns of the longest code; at least 1 */
};

void ks_topology_build(struct ks_arena *arena, const struct ks_observed *seen, struct ks_topology *ret);

struct ks_topology_style {
    bool color;
    unsigned width; /* columns; 0: 80 */
};
void ks_topology_text(struct ks_text *out, const struct ks_topology *t, const struct ks_topology_style *style);
/* A picture by itself: XML, no scripts, fonts or files from elsewhere; follows the reader's light or dark scheme.
 */
void ks_topology_svg(struct ks_text *out, const struct ks_topology *t);
/* The caller's reference. */
json_t *ks_topology_json(const struct ks_topology *t);

/* "guest fw1", "guest old1 (stopped)" of the holder "guest/fw1"; others as they are. */
const char *ks_topology_holder(struct ks_arena *arena, const struct ks_topology *t, const char *holder);
/* The last VF from `first` on of which the same can be said: nobody has it, and it has the same driver. */
size_t ks_topology_free_run(const struct ks_seen_pf *pf, size_t first);
/* "0-15", "0-30/2" (every second one), "0..41" (something else). */
const char *ks_topology_label(struct ks_arena *arena, size_t n, const unsigned *cpus);
/* "128 GiB", "31.2 GiB": rounded, for reading. */
const char *ks_topology_amount(struct ks_arena *arena, uint64_t bytes);
/* "vCPU 3", "emulator", "iothread 1". */
const char *ks_topology_pin_text(struct ks_arena *arena, const struct ks_topology_pin *pin);
/* What a CPU shows: the guest's code, how many guests, "-", "~" or ".". */
const char *ks_topology_cpu_text(struct ks_arena *arena, const struct ks_topology *t,
                                 const struct ks_topology_cpu *cpu);
const char *ks_topology_state(const struct ks_topology_guest *guest); /* "running", "stopped", "unknown" ... */
