/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plan: a value that planners make, reports print, files keep and actuators execute. There is no second path.
 */
#pragma once

#include "schema/kinds.h"
#include "schema/observed.h"

enum ks_verb {
    KS_CREATE,  /* + */
    KS_CHANGE,  /* ~ */
    KS_REPLACE, /* -/+ */
    KS_ADOPT,   /* > */
    KS_RELEASE, /* < : the mark goes, nothing else */
    KS_DESTROY, /* - */
    KS_VERBS
};
const char *ks_verb_name(enum ks_verb verb); /* "create", "change", "replace", "adopt", "release", "delete" */
const char *ks_verb_symbol(enum ks_verb verb);

/* What a step does to its thing; the kind's actuator has a function for each that it knows. */
enum ks_action {
    KS_ACT_DEFINE, /* make it, or edit its definition, and change live what can be */
    KS_ACT_START,  /* guest: start or resume; pool, network: activate */
    KS_ACT_STOP,   /* guest: shut down to a deadline; pool, network: deactivate */
    KS_ACT_PAUSE,
    KS_ACT_RESTART, /* guest: off and on, so that the definition takes effect */
    KS_ACT_MARK,    /* ownership: adopt, release, protect */
    KS_ACT_DELETE,
    KS_ACT_RENAME,    /* guest: `have` is its old name */
    KS_ACT_GIVE_BACK, /* guest: what a run that was cut off had taken from it for a while */
    KS_ACTIONS
};
const char *ks_action_name(enum ks_action action);

/* One line of a step: a field from -> to. */
struct ks_plan_field {
    const char *path;
    const char *from, *to; /* as shown; NULL: nothing */
    const char *note;      /* "max 8: hot-plugged", or NULL */
    enum ks_change_op op;
    enum ks_impact impact;
    bool define;           /* the definition does not say it yet: written there */
    bool live;             /* the running guest differs: changed in it now, by this step */
    const char *live_from; /* what the running guest has, where that is not `from`; or NULL */
};

struct ks_step {
    const char *id;   /* "guest/web1", "guest/web1:restart", "volume/images/data1.qcow2": unique, stable */
    const char *kind; /* "guest" */
    const char *name; /* "web1", "images/data1.qcow2" */
    enum ks_verb verb;
    enum ks_action action;
    enum ks_impact impact; /* the highest of its fields */
    KS_VEC(struct ks_plan_field) fields;
    const char *held;          /* "--allow restart": waits for consent; or NULL */
    const char *blocked;       /* why it cannot be done now; or NULL */
    const char *reason;        /* "adopted", "no longer in the manifest", "pending since it was started": or NULL */
    struct ks_strings needs;   /* ids of steps without which this one cannot be done */
    struct ks_strings follows; /* ids of steps that come first where both are done */
    struct ks_strings affects; /* "guest/fw1": who notices, beyond the thing itself */
    bool targeted;             /* asked for; what it needs is in the plan besides */
    bool restart_only;    /* a definition of which every field takes effect at the restart that stands beside it */
    bool pending;         /* a restart whose definition was done before this plan */
    uint64_t fingerprint; /* of what was observed of this thing and what it depends on; 0: it was not there */
    const struct ks_obj *want, *have; /* of the kind's struct; either may be NULL */
    const void *seen; /* the observation that `have` lies in (struct ks_seen_guest *, ...), or NULL */
    struct ks_loc at;
};

struct ks_plan {
    struct ks_arena *arena;
    const char *host;
    size_t n, cap;
    struct ks_step **v; /* in the order of execution: a step stands after all that it waits for */
};

/*
 * Counted as the plan is printed: an entry is all steps of one verb, impact and thing. The verbs count entries that
 * are not blocked; held entries are among them.
 */
struct ks_plan_counts {
    unsigned create, change, replace, adopt, release, destroy;
    unsigned held, blocked;
    unsigned pending; /* held restarts of guests whose definition is done already: nothing to do but restart */
    unsigned ready;   /* steps that apply would carry out */
};
/* true for a step that is not shown by itself: the restart beside it shows the same fields. */
bool ks_step_is_quiet(const struct ks_step *s);
struct ks_plan_counts ks_plan_count(const struct ks_plan *plan);
