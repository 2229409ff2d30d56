/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A run's checkpoint of the network: made before the first step, settled after the last. */
#include "reconciler/checkpoint.h"

#include <poll.h>

enum {
    ASK_EVERY_MS = 500,
    MARGIN_MS = 2000,      /* before the guardian's time is over, so that it is the run that says why */
    REVERT_MS = 60000,     /* how long a guardian may take to put the links back */
    LEFT_BEHIND_MS = 10000 /* the same of one that should have ended by now */
};

/* ---- what is covered ---------------------------------------------------------------------------------------- */

static bool has_field(const struct ks_step *step, const char *path)
{
    for (size_t i = 0; i < step->fields.n; i++)
        if (ks_streq(step->fields.v[i].path, path))
            return true;
    return false;
}

/* What rtnetlink can undo: not the number of VFs, nor what libvirt does with its own bridges. */
bool ks_checkpoint_covers(void *data, const struct ks_step *step)
{
    const struct ks_seen_bridge *seen;

    (void)data;
    if (ks_streq(step->kind, "sriov"))
        return step->impact == KS_NETWORK && has_field(step, "mtu");
    if (!ks_streq(step->kind, "bridge"))
        return false;
    seen = step->seen;
    if (step->action == KS_ACT_DELETE)
        return seen && (seen->config->ports.n > 0 || seen->config->addresses.n > 0);
    return step->impact == KS_NETWORK;
}

static void add_all(struct ks_arena *arena, struct ks_strings *names, const struct ks_strings *more)
{
    for (size_t i = 0; i < more->n; i++)
        *ks_vec_add(arena, names) = more->v[i];
}

static void add_links(struct ks_arena *arena, const struct ks_step *step, struct ks_strings *names)
{
    const struct ks_seen_pf *pf = step->seen;

    if (ks_streq(step->kind, "sriov")) {
        *ks_vec_add(arena, names) = pf && pf->name ? pf->name : step->name;
        return;
    }
    *ks_vec_add(arena, names) = step->name;
    if (step->want)
        add_all(arena, names, &((const struct ks_bridge *)step->want)->ports);
    if (step->have)
        add_all(arena, names, &((const struct ks_bridge *)step->have)->ports);
}

static int make_record(struct ks_checkpoint *c, struct ks_checkpoint_record *record, struct ks_error *err)
{
    struct ks_net_record all;
    struct ks_strings names = {0};

    if (ks_net_record_read(c->arena, &all, err) < 0)
        return -1;
    for (size_t i = 0; i < c->plan->n; i++) {
        const struct ks_step *step = c->plan->v[i];
        if (step->held || step->blocked || !ks_checkpoint_covers(c, step))
            continue;
        add_links(c->arena, step, &names);
        *ks_vec_add(c->arena, &record->steps) = step->id;
    }
    ks_net_record_take(c->arena, &all, &names, &record->net);
    record->boot = ks_boot_id(c->arena);
    record->since_boot_s = ks_boottime_ms() / 1000;
    record->timeout_ms = c->timeout_ms ? c->timeout_ms : KS_CHECKPOINT_TIMEOUT_MS;
    return 0;
}

/* ---- before the first step ---------------------------------------------------------------------------------- */

static void clear(struct ks_checkpoint *c)
{
    ks_arena_free(c->arena);
    c->arena = NULL;
    c->record = NULL;
    c->probes = (struct ks_probes){0};
}

static int begin(struct ks_checkpoint *c, struct ks_error *err)
{
    struct ks_checkpoint_record *record = ks_new(c->arena, struct ks_checkpoint_record);
    ks_auto(ks_closep) int lock = -1;

    ks_probes_take(c->arena, &c->wish, &c->probes);
    if (ks_guardian_lock(c->state, LEFT_BEHIND_MS, &lock, err) < 0 || make_record(c, record, err) < 0 ||
        ks_checkpoint_write(c->state, record, err) < 0)
        return -1;
    c->record = record;
    c->deadline_ms = ks_boottime_ms() + record->timeout_ms;
    if (ks_guardian_start(c->state, lock, &c->line, err) == 0)
        return 0;
    struct ks_error ignored = {0};
    (void)ks_checkpoint_remove(c->state, &ignored); /* nothing has changed yet */
    ks_error_done(&ignored);
    return -1;
}

int ks_checkpoint_begin(void *data, struct ks_error *err)
{
    struct ks_checkpoint *c = data;

    c->arena = ks_arena_new();
    c->line = -1;
    if (begin(c, err) == 0)
        return 0;
    clear(c);
    return -1;
}

/* ---- after the last ----------------------------------------------------------------------------------------- */

/* NULL: all that answered before answers again. */
static const char *ask_until_deadline(struct ks_checkpoint *c)
{
    const uint64_t margin = c->record->timeout_ms / 4 < MARGIN_MS ? c->record->timeout_ms / 4 : MARGIN_MS;
    const char *failed = NULL, *before = NULL;

    for (;;) {
        const uint64_t now = ks_boottime_ms(), end = c->deadline_ms - margin;
        ks_probes_ask(c->arena, &c->probes, end > now + ASK_EVERY_MS ? (uint32_t)(end - now) : ASK_EVERY_MS,
                      &failed);
        if (ks_guardian_has_ended(c->line)) /* the links may be as they were already, and answer */
            return failed ? failed : before;
        if (!failed || ks_boottime_ms() + ASK_EVERY_MS >= end || (c->cancelled && *c->cancelled))
            return failed;
        before = failed;
        (void)poll(NULL, 0, ASK_EVERY_MS);
    }
}

/* The record is undone here: by a guardian that died, or one that was done before the last step was. */
static enum ks_checkpoint_end undo_here(struct ks_checkpoint *c, const char **why)
{
    ks_auto(ks_closep) int lock = -1;
    struct ks_strings log = {0};
    struct ks_error err = {0};

    if (ks_guardian_lock(c->state, REVERT_MS, &lock, &err) == 0 &&
        ks_checkpoint_undo(c->state, c->arena, c->record, &log, &err) == 0)
        return KS_CHECKPOINT_REVERTED;
    *why = ks_error_text(c->arena, &err);
    ks_error_done(&err);
    return KS_CHECKPOINT_FAILED_TO_REVERT;
}

static enum ks_checkpoint_end end(struct ks_checkpoint *c, bool keep, const char **why)
{
    const bool over = ks_guardian_has_ended(c->line);
    const enum ks_checkpoint_end how = ks_guardian_end(c->arena, &c->line, keep, REVERT_MS, why);
    struct ks_error err = {0};

    if (how == KS_CHECKPOINT_REVERTED && over)
        return undo_here(c, why); /* what a step wrote after it had put the links back */
    if (how != KS_CHECKPOINT_ALONE)
        return how;
    if (keep && ks_checkpoint_remove(c->state, &err) == 0)
        return KS_CHECKPOINT_KEPT;
    ks_error_done(&err);
    return undo_here(c, why);
}

int ks_checkpoint_settle(void *data, bool failed, struct ks_error *err)
{
    struct ks_checkpoint *c = data;
    const char *lost = failed ? NULL : ask_until_deadline(c);
    const bool keep = !failed && !lost && !ks_guardian_has_ended(c->line);
    const char *why = "";
    const char *reason = failed ? "a step failed"
                         : lost ? ks_sprintf(c->arena, "no answer any more from %s", lost)
                                : "it took longer than the checkpoint lasts";
    const enum ks_checkpoint_end how = end(c, keep, &why);

    if (how == KS_CHECKPOINT_KEPT) {
        clear(c);
        return 0;
    }
    if (how == KS_CHECKPOINT_REVERTED)
        (void)ks_fail(err, KS_E_VERIFY, KS_NOWHERE, "rolled back: %s; the links are as they were", reason);
    else
        (void)ks_fail(err, KS_E_VERIFY, KS_NOWHERE, "rolled back, but not all of it: %s; %s", reason, why);
    clear(c);
    return -1;
}

/* ---- what an earlier run left ------------------------------------------------------------------------------- */

static int undo_left(int state_dir, struct ks_arena *arena, const struct ks_checkpoint_record *record,
                     const char **ret, struct ks_error *err)
{
    struct ks_strings log = {0};
    struct ks_text text = {.arena = arena};

    if (ks_checkpoint_undo(state_dir, arena, record, &log, err) < 0)
        return ks_wrap(err, "rolling back what an earlier run left of its change of the network");
    ks_text_add(&text, "an earlier run did not come to the end of its change of the network (");
    for (size_t i = 0; i < record->steps.n; i++)
        ks_text_addf(&text, "%s%s", i ? ", " : "", record->steps.v[i]);
    ks_text_add(&text, log.n ? "); rolled back: " : "); nothing of it was left to roll back");
    for (size_t i = 0; i < log.n; i++)
        ks_text_addf(&text, "%s%s", i ? ", " : "", log.v[i]);
    *ret = ks_text_str(&text);
    return 0;
}

int ks_checkpoint_recover(int state_dir, struct ks_arena *arena, void (*say)(const char *text), const char **ret,
                          struct ks_error *err)
{
    const struct ks_checkpoint_record *record;
    ks_auto(ks_closep) int lock = -1;
    struct ks_error busy = {0};

    *ret = NULL;
    if (ks_checkpoint_read(state_dir, arena, &record, err) < 0)
        return -1;
    if (!record)
        return 0;
    if (ks_guardian_lock(state_dir, 0, &lock, &busy) < 0) {
        if (busy.code == KS_E_LOCKED && say)
            say("waiting for the guardian of an earlier run's change of the network");
        ks_error_done(&busy);
        if (ks_guardian_lock(state_dir, record->timeout_ms + REVERT_MS, &lock, err) < 0)
            return -1;
    }
    if (ks_checkpoint_read(state_dir, arena, &record, err) < 0)
        return -1;
    return record ? undo_left(state_dir, arena, record, ret, err) : 0;
}
