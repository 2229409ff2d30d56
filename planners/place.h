/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside planners/: automatic placement, from the manifest and the host to planners/fit.h and back. */
#pragma once

#include "planners/fit.h"
#include "planners/planners.h"

/* A guest that is placed: its two sides beside its row in ->fit.guests. */
struct ks_placing_guest {
    struct ks_guest *want;
    const struct ks_seen_guest *seen; /* or NULL */
    bool chooses_emulator;
    struct ks_cpuset emulator; /* the answer */
};

struct ks_placing {
    struct ks_planning *p;
    struct ks_fit fit;
    struct ks_placing_guest *guests; /* as many as fit.guests, in the same order */
    struct ks_cpuset reserved;
    bool *emulators;    /* by CPU: emulators of placed guests run there */
    const char *unread; /* a guest whose pins nobody knows, or NULL */
};

/* place_host.c: nodes, cores and what others have of them. */
void ks_placing_host(struct ks_placing *s);
/* place_guest.c: what a guest needs, and what it has. */
bool ks_placing_is_auto(const struct ks_guest *guest);
void ks_placing_guests(struct ks_placing *s);
void ks_placing_keep(struct ks_placing *s);
/* place_write.c: the answer, into the manifest; or the arithmetic of why there is none. */
void ks_placing_write(struct ks_placing *s);

/* Of the manifest where it states them, else of the definition. */
uint64_t ks_placing_memory(const struct ks_guest *want, const struct ks_guest *have);
uint64_t ks_placing_page(const struct ks_guest *want, const struct ks_guest *have); /* bytes; 0: none, or several */
/* Index of the node, or -1. */
int ks_placing_node(const struct ks_fit *fit, int id);
