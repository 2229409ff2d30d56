/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state: reads what the host is. Nothing here writes to the host; the ledger and the journal live in the state
 * directory.
 */
#pragma once

#include "schema/kinds.h"
#include "schema/observed.h"
#include "virt/virt.h"

struct ks_ledger;

/*
 * What libvirt tells without being told what is wanted: its version, which guests there are. The thread that
 * connects can ask, while the manifest is loaded. For one ks_observe(), and to be freed before the connection is
 * closed.
 */
struct ks_outline;
int ks_outline_read(virConnectPtr conn, struct ks_outline **ret, struct ks_error *err);
void ks_outline_free(struct ks_outline *o); /* NULL is fine */
/*
 * Has guests read while it is not known yet which of them the manifest names: what is read for nothing is bounded
 * by how long that takes. Not for an embedded libvirt, which works in our own threads.
 */
void ks_readers_ahead(struct ks_outline *o);
static inline void ks_outline_freep(struct ks_outline **o)
{
    ks_outline_free(*o);
}

struct ks_observing {
    struct ks_arena *arena;
    virConnectPtr conn;
    struct ks_outline *outline;     /* or NULL: it is read */
    bool host_done;                 /* ks_observe_host() was called with the same manifest and result */
    int root;                       /* directory descriptor of "/" or of --root */
    const struct ks_manifest *want; /* what is named is read; NULL (import, observe): everything is */
    const struct ks_ledger *ledger; /* or NULL */
    const char *state_path;         /* of the state directory; or NULL */
    bool all_guests;                /* set by ks_observe(): every guest may hold a device that the manifest names */
    bool everything;                /* read what nobody names, too: holders of devices, import */
    bool keep_xml;                  /* of guests (in ks_guest.xml), networks and pools: import */
};

/* Everything; a kind that cannot be read is listed in ->unknown. -1 only when nothing can be observed at all. */
int ks_observe(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err);

/*
 * The part of ks_observe() that asks libvirt nothing, when that is done before: while libvirt is connected to.
 * Needs neither ->conn nor ->outline.
 */
void ks_observe_host(struct ks_observing *o, struct ks_observed *ret);

/*
 * What a drawing of the host shows, whoever made it: nodes, CPUs and pages, links, devices and who holds them, and,
 * with a connection, guests and networks. Without one, the hardware alone. What cannot be read is in ->unknown.
 */
void ks_observe_picture(struct ks_observing *o, struct ks_observed *ret);

/* One function a kind. */
int ks_observe_guests(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err);
/* Of the guests read above: part of ks_observe_guests(). */
void ks_observe_passwords(struct ks_observing *o, struct ks_observed *ret);
int ks_observe_pools(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err); /* and volumes */
/* Behind the pools: the devices of those that are to start. What cannot be read is said of each. */
void ks_observe_blocks(struct ks_observing *o, struct ks_observed *ret);
int ks_observe_networks(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err);
int ks_observe_secrets(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err);
int ks_observe_links(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err); /* bridges and links */
int ks_observe_hugepages(struct ks_observing *o, struct ks_observed *ret,
                         struct ks_error *err);                                                /* and nodes, CPUs */
int ks_observe_devices(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err); /* PFs, VFs, PCI */
int ks_observe_kernel(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err);
int ks_observe_seeds(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err); /* cloud-init */
int ks_observe_caps(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err);
/* The whole of them, whatever the manifest says. */
int ks_caps_read(struct ks_observing *o, struct ks_seen_caps *ret, struct ks_error *err);

/* ---- the ledger: what kvmstate made, where the thing itself cannot carry the mark ------------------------------
 */

/*
 * One JSON file in the state directory, replaced atomically, written ahead: a thing is listed before it is made.
 * A lost ledger means that nothing is pruned. Keys are ids: "volume/images/data1.qcow2", "network/default".
 */
int ks_ledger_open(int state_dir, struct ks_ledger **ret, struct ks_error *err);
void ks_ledger_close(struct ks_ledger *l);
bool ks_ledger_has(const struct ks_ledger *l, const char *id);
/* A note kept with an id ("protect", "pending"), or NULL. */
const char *ks_ledger_note(const struct ks_ledger *l, const char *id, const char *note);
/* Change and write at once; value NULL removes the note. Thread-safe. */
int ks_ledger_add(struct ks_ledger *l, const char *id, struct ks_error *err);
int ks_ledger_remove(struct ks_ledger *l, const char *id, struct ks_error *err);
int ks_ledger_set_note(struct ks_ledger *l, const char *id, const char *note, const char *value,
                       struct ks_error *err);
/* All ids with this prefix ("volume/images/"), sorted; in the arena. */
void ks_ledger_list(const struct ks_ledger *l, const char *prefix, struct ks_arena *arena, struct ks_strings *ret);

/* ---- the journal: what runs did --------------------------------------------------------------------------------
 */

struct ks_journal;
/* Appends to journal.jsonl in the state directory: one line a record, fsync'ed; rotated by size. Thread-safe. */
int ks_journal_open(int state_dir, const char *run_id, struct ks_journal **ret, struct ks_error *err);
void ks_journal_close(struct ks_journal *j);
/*
 * event: "begin", "started", "done", "verified", "failed", "held", "end"; detail may be NULL. "verified" and "held"
 * are synced with the record that follows.
 */
int ks_journal_add(struct ks_journal *j, const char *event, const char *step, const char *detail,
                   struct ks_error *err);
/* Ids of steps that a run which never wrote "end" had started and not finished; in the arena. */
int ks_journal_in_flight(int state_dir, struct ks_arena *arena, struct ks_strings *ret, struct ks_error *err);
