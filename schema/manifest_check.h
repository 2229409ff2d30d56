/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks between the parts of one manifest: what they share. */
#pragma once

#include "schema/index.h"
#include "schema/kinds.h"

struct ks_checking {
    const struct ks_manifest *m;
    struct ks_findings *f;
    struct ks_arena *scratch; /* for the time of the checks; what findings hold is copied by them */
};

/*
 * Who has something that can be had once: "nic lan of guest web1". Put into words only when somebody else has it
 * too: a thousand guests make ten thousand claims.
 */
struct ks_claim {
    const char *kind; /* "nic" */
    const struct ks_obj *part;
    const char *of; /* "guest"; NULL: the part stands for itself */
    const struct ks_obj *whole;
    const char *field; /* of the part, where the claim is made; NULL: the part itself */
    const char *note;  /* behind the words, or NULL */
    const char *same;  /* claims with the same text here are about one thing, and may agree; NULL: none */
    bool shareable;
};

/*
 * Notes that `claim` has the thing of that key ("MAC address", "52:54:..."); when another claim has it already,
 * that is an error. Two shareable claims are none. The index lies in c->scratch; keys must outlive it.
 */
void ks_claim(struct ks_checking *c, struct ks_index *index, const char *noun, const char *key,
              struct ks_claim claim);
/* The guests that are to exist with what the manifest says: neither absent nor unmanaged. */
bool ks_guest_counts(const struct ks_guest *guest);

/* The checks, a file each. */
void ks_check_names(struct ks_checking *c);   /* addresses, UUIDs, names: given twice */
void ks_check_devices(struct ks_checking *c); /* VFs, PCI devices, host CPUs, ports */
void ks_check_storage(struct ks_checking *c); /* volumes, their uses and what backs them */
void ks_check_guests(struct ks_checking *c);  /* each guest for itself */
