/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside planners/: which guest goes where. Values in, values out: nodes with what is free, guests with what they
 * need; place.c makes these of a manifest and a host, and writes the answer back.
 */
#pragma once

#include "schema/kinds.h"

struct ks_fit_pages {
    uint64_t size;        /* bytes of a page */
    uint64_t total, free; /* pages; free: not in use, and promised to nobody */
};

struct ks_fit_node {
    int id;
    struct ks_cpuset cpus;        /* that may be handed out */
    uint64_t memory, memory_free; /* bytes, for guests without huge pages; UINT64_MAX: not known */
    KS_VEC(struct ks_fit_pages) pages;
};

/* vCPUs whose memory lies together: a cell of the guest, or all of it. */
struct ks_fit_unit {
    struct ks_cpuset vcpus;
    uint64_t memory;
    struct ks_cpuset nodes; /* where it may be; empty: anywhere */
    size_t node;            /* the answer: index of a node */
};

struct ks_fit_guest {
    const char *name;
    unsigned n_vcpus;
    unsigned max_vcpus;     /* that its cells must name */
    bool has_cpus;          /* its pins are stated by hand: only its node is chosen */
    uint64_t memory;        /* bytes */
    uint64_t page;          /* bytes; 0: no huge pages */
    uint64_t held;          /* bytes of its memory that it has already, on the node where it is */
    unsigned threads;       /* enum ks_numa_threads */
    struct ks_cpuset nodes; /* where it may be; empty: anywhere */
    int home;               /* index of the node where its memory is now; -1: none */
    unsigned *near;         /* by node: its devices there */
    bool has_units;         /* stated: it is not split otherwise */
    size_t n_units;
    struct ks_fit_unit *units;
    /* The answer. */
    bool placed, kept;
    unsigned n_fixed; /* its first vCPUs stay where they are */
    unsigned *cpus;   /* by vCPU */
};

struct ks_fit {
    struct ks_arena *arena;
    size_t n_nodes, n_cores, n_guests;
    struct ks_fit_node *nodes;
    const struct ks_cpuset *cores; /* the online threads of each */
    unsigned n_cpus;               /* all CPUs are below it */
    uint16_t *taken;               /* by CPU: how often; 0: free */
    struct ks_fit_guest *guests;
    unsigned steps; /* that the search may still take */
};

/*
 * Takes what the guest has, where that is still right: `cpus` by vCPU (`n` of them), `nodes` by unit. More vCPUs
 * than that are given CPUs beside the others. false: it needs a new place, and nothing is taken.
 */
bool ks_fit_keep(struct ks_fit *fit, struct ks_fit_guest *guest, size_t n, const unsigned *cpus,
                 const size_t *nodes);
/*
 * Finds places for all that have none: on one node if any way of placing the others allows it: where they are, near
 * their devices, else on the node with the most free CPUs, the lowest id first; in several units where no node is
 * large enough. Where not all fit, the largest that do are placed.
 */
void ks_fit_solve(struct ks_fit *fit);
/* One more CPU of a node, in a core that is in use already if there is one; -1: none is free. */
int ks_fit_spare_cpu(const struct ks_fit *fit, size_t node);
unsigned ks_fit_free_cpus(const struct ks_fit *fit, size_t node);

/* Inside: CPUs of one node for some vCPUs, as the guest wants threads; false: there are not enough. */
bool ks_fit_cpus(const struct ks_fit *fit, size_t node, unsigned threads, unsigned n, unsigned *ret);
/* Takes a CPU (by = 1) or gives it back (-1), with its siblings where they are to be idle. */
void ks_fit_take(struct ks_fit *fit, unsigned threads, unsigned cpu, int by);
