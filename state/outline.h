/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What libvirt tells without being told what is wanted; of state/ alone. */
#pragma once

#include "state/state.h"

enum { KS_LISTED_AUTOSTART = 1, KS_LISTED_PAUSED = 2, KS_LISTED_TRANSIENT = 4, KS_LISTED_SAVED = 8 };

struct ks_listed_guest {
    virDomainPtr handle; /* NULL once whoever read it has freed it */
    const char *name;    /* the handle's */
    int id;              /* -1: it does not run */
    unsigned flags;
};

struct ks_readers;

struct ks_outline {
    struct ks_arena *arena;
    unsigned long libvirt_version, qemu_version; /* as in struct ks_observed */
    KS_VEC(struct ks_listed_guest) guests;       /* sorted by name */
    bool any_runs;
    struct ks_error failed;     /* why guests could not be listed */
    struct ks_readers *readers; /* who read ahead; or NULL */
};

/*
 * The guests that are wanted, one flag for each of the outline, in its order; those that were read ahead are not
 * read again. What cannot be read of one is said in it.
 */
struct ks_guest_settling;
void ks_readers_read(struct ks_outline *outline, const struct ks_guest_settling *with, const bool *wanted,
                     struct ks_observed *ret);
/* Calls them off; NULL is fine. */
void ks_readers_free(struct ks_readers *readers);
