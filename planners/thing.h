/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside planners/: what is planned alike for everything that libvirt keeps by name: the step that defines it, what
 * of it changes while it runs, what waits for a restart, its mark, and its going.
 */
#pragma once

#include "planners/planners.h"

/* One thing of the manifest, of the host, or of both. What a kind knows besides lies around it: see ks_thing_of().
 */
struct ks_thing {
    struct ks_planning *p;
    const char *kind, *name;
    const struct ks_obj *want; /* or NULL: the manifest does not name it */
    const struct ks_obj *have; /* its definition, or NULL */
    const struct ks_obj *live; /* as it runs, or NULL */
    const void *seen;          /* the observation, or NULL: it is not there */
    const char *unknown;       /* why it could not be read, or NULL */
    uint64_t hash;
    bool owned, protect;
    /* What each step that makes, edits or restarts it waits for; or NULL. */
    void (*depend)(struct ks_thing *t, struct ks_step *s);
    /* Whether a difference that the running one shows is none; or NULL. */
    bool (*is_settled)(const struct ks_thing *t, const struct ks_change *live);
    /* What stands behind a line of its plan where that is not the row's; or NULL. */
    const char *(*note)(const struct ks_change *change);
    enum ks_impact restart_impact; /* of its changes those of this impact take effect at its next start */
    const char *after;             /* id of a step that all others of it need; or NULL */
    struct ks_step *main, *restart;
};
/* The struct that a thing is a member of. */
#define ks_thing_of(t, type, member) ((type *)(void *)((char *)(t)-offsetof(type, member)))

struct ks_step *ks_thing_step(struct ks_thing *t, const char *part, enum ks_verb verb, enum ks_action action);
/* The step that edits it, and the one that takes it down and up: each made when it is first asked for. */
struct ks_step *ks_thing_main(struct ks_thing *t);
struct ks_step *ks_thing_restart(struct ks_thing *t);

/* Compares the definition and what runs with the manifest; every difference becomes a line of the steps above. */
void ks_thing_changes(struct ks_thing *t);
/* A line of the main step that nobody notices, and that is no difference of the definition. */
struct ks_plan_field *ks_thing_set(struct ks_thing *t, const char *path, const char *from, const char *to);
void ks_thing_flag(struct ks_thing *t, const char *path, bool from, bool to);
/* What the ledger keeps of the manifest's `protect`; of one that is being adopted it gets it with the mark. */
void ks_thing_protect(struct ks_thing *t, bool wanted);
/* A step that makes it, with a line for each field; `state` (may be NULL) is what it will be in. */
struct ks_step *ks_thing_create(struct ks_thing *t, const char *state);
/* Takes it on when it is not marked yet. */
void ks_thing_adopt(struct ks_thing *t);
/* A step that removes it, which only the mark allows. */
struct ks_step *ks_thing_delete(struct ks_thing *t, const char *reason, enum ks_impact impact, bool protect);

/* What a kind plans for one that is there, one that is not, and one that goes. */
struct ks_thing_plans {
    void (*existing)(struct ks_thing *t);
    void (*creation)(struct ks_thing *t);
    void (*deletion)(struct ks_thing *t, const char *reason);
};
/* One that the manifest names. `absent`: it is not to be there. */
void ks_thing_plan(struct ks_thing *t, bool absent, const struct ks_thing_plans *plans);
/* One of the host that the manifest does not name: it goes when kvmstate made it and the manifest prunes. */
void ks_thing_prune(struct ks_thing *t, const struct ks_thing_plans *plans);
