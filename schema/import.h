/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From what the host has to what a manifest says of it: no more than it needs to say, and nothing lost. What a row
 * can say and is neither kvmstate's default nor libvirt's is stated; what no row says becomes a fragment of XML;
 * what belongs to a device that the manifest states, and no row says, is listed: it stays with the device as it is.
 */
#pragma once

#include "schema/kinds.h"
#include "schema/observed.h"

struct ks_imported {
    struct ks_guest *guest; /* what is stated, ->xml among it; in the arena, of no document any more */
    struct ks_strings left; /* one line each: "disks.vda: <driver error_policy="stop"/>" */
};

/* One guest, from its inactive domain XML. `host`: whose capabilities decide what is a default, and its name. */
int ks_import_guest(struct ks_arena *arena, const char *name, const char *xml, const struct ks_observed *host,
                    struct ks_imported *ret, struct ks_error *err);

/*
 * The same for a network or a pool, which has no place for XML in a manifest: a line for each element of `xml` that
 * says more than `obj`, which is what the manifest states of it.
 */
int ks_import_left(struct ks_arena *arena, const struct ks_obj *obj, const char *xml, struct ks_strings *ret,
                   struct ks_error *err);

/*
 * Takes out of a manifest that was put together from a host what its own checks refuse: two guests with one MAC
 * address, say, of which the host has any number. What cannot go alone takes the map or the thing that it is in
 * with it. `ret`: one line for each, with its place.
 */
void ks_import_make_valid(struct ks_arena *arena, struct ks_manifest *m, struct ks_strings *ret);

/*
 * Takes out what the loader would refuse, each with a line in `notes`. false: `obj` is nothing without what went.
 * `path`: of the object, "" for what the lines are said of.
 */
bool ks_import_keep_loadable(struct ks_arena *arena, struct ks_obj *obj, const char *path,
                             struct ks_strings *notes);

/* ---- the parts ---------------------------------------------------------------------------------------------- */

/*
 * Leaves out of `want` whatever a guest made of the rest would have all the same. `full` is the same guest, read
 * from the same XML once more: what it must not differ from.
 */
void ks_import_minimise(struct ks_arena *arena, struct ks_guest *want, const struct ks_guest *full, bool kvm);

/* What the XML of one thing says beyond what the manifest made of it (`said`), and beyond libvirt's own defaults.
 */
struct ks_xml_rest {
    struct ks_strings fragments; /* XML, to be merged into the domain */
    struct ks_strings left;      /* as ks_imported.left */
};
/* `guest` was read from `domain`, which is taken apart; so is `said`. */
void ks_import_rest(struct ks_arena *arena, const struct ks_guest *guest, xmlNode *domain, xmlNode *said,
                    const struct ks_observed *host, struct ks_xml_rest *ret);
