/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside planners/: what pools and volumes share: which volumes are wanted, and who uses what. */
#pragma once

#include "planners/planners.h"

enum { KS_POOL_ACTIVE, KS_POOL_INACTIVE, KS_POOL_ABSENT };
enum { KS_VOLUME_PRESENT, KS_VOLUME_ABSENT };
enum { KS_PREALLOCATION_OFF, KS_PREALLOCATION_METADATA, KS_PREALLOCATION_FALLOC, KS_PREALLOCATION_FULL };

/* One volume that the manifest describes, under `volumes` or in place at a disk. */
struct ks_wanted_volume {
    const char *id; /* pool/name */
    const char *pool, *name;
    struct ks_volume *volume;
};
/* Sorted by id with strcmp. */
struct ks_wanted_volumes {
    size_t n, cap;
    struct ks_wanted_volume *v;
};
/* Made at the first call. Two statements about one volume that contradict each other are findings. */
const struct ks_wanted_volumes *ks_wanted_volumes(struct ks_planning *p);
const struct ks_wanted_volume *ks_wanted_volume(struct ks_planning *p, const char *id); /* or NULL */

/* "name" of this pool, or "pool/name"; NULL for a path. */
const char *ks_base_volume(struct ks_planning *p, const char *pool, const char *base);
/* Where a volume lies, or will: NULL when nobody can tell yet. */
const char *ks_volume_path(struct ks_planning *p, const char *id);
/* The observed volume, or NULL. */
const struct ks_volume *ks_seen_volume(struct ks_planning *p, const char *id);
/* The format that it is made in, by the manifest's word or by what it is made from; NULL: what its content has. */
const char *ks_volume_format(struct ks_planning *p, const struct ks_wanted_volume *wanted);
/* "dir": of the manifest's pool, else of the host's. */
const char *ks_pool_type(struct ks_planning *p, const char *pool);
/* Files in a file system, where what is not written takes no room. */
bool ks_pool_has_files(struct ks_planning *p, const char *pool);
/* What libvirt can do with volumes of a pool of that type: make them; make them larger. */
bool ks_pool_makes_volumes(const char *type);
bool ks_pool_grows_volumes(const char *type);
/* Why no pool of this host could be read, or NULL: then nothing is known to be absent. */
const char *ks_pools_unknown(const struct ks_planning *p);
bool ks_is_among(const struct ks_strings *list, const char *text);

/*
 * Who of the guests on the host uses a volume (or, with a prefix "pool/", anything of a pool): one that keeps it
 * blocks the step; the step waits for the change or the removal of one that gives it up.
 */
void ks_step_after_users(struct ks_planning *p, struct ks_step *s, const char *volume, bool prefix);
bool ks_guest_has_volume(const struct ks_seen_guest *guest, const char *volume, bool prefix);
/* The name of a running guest that has the volume open, or NULL. */
const char *ks_running_user(struct ks_planning *p, const char *volume, bool prefix);

/*
 * Before a pool can be active its device may have to be formatted: a line of the step that starts it. One that
 * holds something of another sort loses it.
 */
void ks_plan_pool_build(struct ks_planning *p, struct ks_step *s, const struct ks_pool *pool, const char *name);
/* What a pool that is there is made of, where that is to be something else. */
struct ks_thing;
void ks_plan_pool_edit(struct ks_thing *t, const struct ks_pool *want, const struct ks_seen_pool *seen);
/* The volume that lies, or will lie, at that path; or NULL. */
const struct ks_wanted_volume *ks_wanted_at(struct ks_planning *p, const char *path);

/* What is allocated at once must fit into what a pool has left. */
void ks_check_pool_room(struct ks_planning *p);
/* Pools that go: planned behind volumes, on whose removal they wait. */
void ks_plan_pool_deletions(struct ks_planning *p);
