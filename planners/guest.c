/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planners/guest.h"

static const char *const state_names[] = {"running", "stopped", "paused", "absent", "unmanaged"};

/* What is being planned for one guest that is on the host. */
struct job {
    struct ks_planning *p;
    struct ks_guest *want;
    const struct ks_seen_guest *seen;
    const char *name;
    struct ks_step *main, *restart;
    const char *rename_id;
};

static bool is_running(const struct ks_seen_guest *seen)
{
    return seen->state != KS_GUEST_STOPPED;
}

static struct ks_step *add_step(struct job *j, const char *part, enum ks_verb verb, enum ks_action action)
{
    struct ks_step *s = ks_plan_add(j->p, "guest", j->name, part, verb, action, j->seen ? j->seen->hash : 0);

    s->want = j->want ? &j->want->o : NULL;
    s->have = j->seen && j->seen->config ? &j->seen->config->o : NULL;
    s->seen = j->seen;
    s->at = j->want ? j->want->o.at : KS_NOWHERE;
    if (j->rename_id && !ks_streq(part, "rename"))
        ks_step_needs(j->p, s, j->rename_id);
    return s;
}

static struct ks_step *main_step(struct job *j)
{
    if (!j->main) {
        j->main = add_step(j, NULL, KS_CHANGE, KS_ACT_DEFINE);
        ks_guest_depends(j->p, j->main, j->want, false);
    }
    return j->main;
}

static struct ks_step *restart_step(struct job *j)
{
    if (!j->restart) {
        j->restart = add_step(j, "restart", KS_CHANGE, KS_ACT_RESTART);
        j->restart->impact = KS_RESTART;
        j->restart->pending = true;
        ks_guest_depends(j->p, j->restart, j->want, false);
    }
    return j->restart;
}

static const struct ks_change *find_change(const struct ks_changes *changes, const char *path)
{
    for (size_t i = 0; i < changes->n; i++)
        if (ks_streq(changes->v[i].path, path))
            return &changes->v[i];
    return NULL;
}

/* A field that the running guest will not see before it is off and on again. */
static void needs_restart(struct job *j, const struct ks_change *change, const char *from, bool define)
{
    struct ks_step *s = restart_step(j);
    struct ks_plan_field *field = ks_step_add(j->p, s, change->path, from, change->to, KS_RESTART);

    field->op = change->op;
    field->note = ks_change_row(change)->note;
    s->pending = s->pending && !define;
}

/* One difference in the definition; `live` is the same difference in the running guest, or NULL. */
static void config_change(struct job *j, const struct ks_change *change, const struct ks_change *live)
{
    const bool running = is_running(j->seen);
    const bool opaque = ks_change_row(change)->flags & KS_F_OPAQUE;
    /* Who runs with it already is not touched by writing it down. */
    const bool differs = running && (live || opaque);
    const enum ks_impact impact = running && !differs ? KS_SAFE : ks_change_impact(change, running);
    const bool restarts = running && impact == KS_RESTART;
    struct ks_step *s = main_step(j);
    const enum ks_impact before = s->impact;
    struct ks_plan_field *field = ks_step_add(j->p, s, change->path, change->from, change->to, impact);

    field->op = change->op;
    field->note = ks_change_row(change)->note;
    field->define = true;
    field->live = differs && !restarts;
    field->live_from = live ? live->from : NULL;
    if (!restarts) {
        s->restart_only = false;
        return;
    }
    s->impact = before; /* writing it down disturbs nobody */
    needs_restart(j, change, live ? live->from : change->from, true);
}

/* The definition is right, but the running guest is not. */
static void live_change(struct job *j, const struct ks_change *live)
{
    const enum ks_impact impact = ks_change_impact(live, true);
    struct ks_plan_field *field;

    if (impact == KS_RESTART) {
        needs_restart(j, live, live->from, false);
        return;
    }
    field = ks_step_add(j->p, main_step(j), live->path, live->from, live->to, impact);
    field->op = live->op;
    field->note = ks_change_row(live)->note;
    field->live = true;
    j->main->restart_only = false;
}

static bool is_listed(const struct ks_step *s, const char *path)
{
    for (size_t i = 0; s && i < s->fields.n; i++)
        if (ks_streq(s->fields.v[i].path, path))
            return true;
    return false;
}

/* Fields of which only the ledger knows that the running guest has not got them yet: "cpu.mode,xml". */
static void pending_changes(struct job *j)
{
    const char *p = is_running(j->seen) && j->seen->pending ? j->seen->pending : "";

    while (*p) {
        const size_t n = strcspn(p, ",");
        const char *path = ks_strndup(j->p->arena, p, n);
        if (n > 0 && !is_listed(j->restart, path))
            (void)ks_step_add(j->p, restart_step(j), path, NULL, NULL, KS_RESTART);
        p += n + (p[n] == ',');
    }
}

static void plan_changes(struct job *j)
{
    struct ks_changes config = {0}, live = {0};

    ks_diff(j->p->arena, &j->want->o, &j->seen->config->o, false, &config);
    if (j->seen->live)
        ks_diff(j->p->arena, &j->want->o, &j->seen->live->o, true, &live);
    if (config.n > 0)
        main_step(j)->restart_only = true;
    for (size_t i = 0; i < config.n; i++)
        config_change(j, &config.v[i], find_change(&live, config.v[i].path));
    for (size_t i = 0; i < live.n; i++)
        if (!find_change(&config, live.v[i].path) && !ks_live_is_settled(&live.v[i], &j->p->have->cpus))
            live_change(j, &live.v[i]);
    pending_changes(j);
}

static void plan_flags(struct job *j)
{
    const struct {
        const char *key;
        bool want, have;
    } flags[] = {
        {"autostart", j->want->autostart, j->seen->autostart},
        {"protect", j->want->protect, j->seen->protect},
    };

    for (size_t i = 0; i < KS_COUNT(flags); i++) {
        struct ks_plan_field *field;
        if (!ks_has(&j->want->o, flags[i].key) || flags[i].want == flags[i].have)
            continue;
        /* The mark of a guest that is being adopted is written with it. */
        if (i == 1 && !j->seen->owned)
            continue;
        field = ks_step_add(j->p, main_step(j), flags[i].key, flags[i].have ? "true" : "false",
                            flags[i].want ? "true" : "false", KS_SAFE);
        field->define = true;
        j->main->restart_only = false;
    }
}

static void plan_state(struct job *j)
{
    static const struct {
        unsigned want, have;
        enum ks_action action;
        const char *part;
        enum ks_impact impact;
    } moves[] = {
        {KS_GUEST_RUNNING, KS_GUEST_STOPPED, KS_ACT_START, "start", KS_SAFE},
        {KS_GUEST_RUNNING, KS_GUEST_PAUSED, KS_ACT_START, "resume", KS_SAFE},
        {KS_GUEST_STOPPED, KS_GUEST_RUNNING, KS_ACT_STOP, "stop", KS_RESTART},
        {KS_GUEST_STOPPED, KS_GUEST_PAUSED, KS_ACT_STOP, "stop", KS_RESTART},
        {KS_GUEST_PAUSED, KS_GUEST_RUNNING, KS_ACT_PAUSE, "pause", KS_RESTART},
        {KS_GUEST_PAUSED, KS_GUEST_STOPPED, KS_ACT_PAUSE, "pause", KS_SAFE},
    };

    if (!ks_has(&j->want->o, "state"))
        return;
    for (size_t i = 0; i < KS_COUNT(moves); i++) {
        struct ks_step *s;
        if (moves[i].want != j->want->state || moves[i].have != j->seen->state)
            continue;
        s = add_step(j, moves[i].part, KS_CHANGE, moves[i].action);
        (void)ks_step_add(j->p, s, "state", state_names[j->seen->state], state_names[j->want->state],
                          moves[i].impact);
        ks_step_needs(j->p, s, ks_sprintf(j->p->arena, "guest/%s", j->name));
        ks_guest_depends(j->p, s, j->want, moves[i].action != KS_ACT_STOP);
    }
}

static void plan_adoption(struct job *j)
{
    struct ks_step *s;

    if (j->seen->owned)
        return;
    s = add_step(j, "adopt", KS_ADOPT, KS_ACT_MARK);
    s->reason = "adopted";
    if (j->main)
        ks_step_follows(j->p, j->main, s->id);
}

/* The ceilings follow what is asked for where the manifest does not state them. */
static void raise_ceilings(struct ks_guest *want, const struct ks_guest *have)
{
    const bool memory_fits = have && ks_has(&have->o, "max-memory") && have->max_memory >= want->memory;
    const bool vcpus_fit = have && ks_has(&have->o, "max-vcpus") && have->max_vcpus >= want->vcpus;

    if (ks_has(&want->o, "memory") && !ks_stated(&want->o, "max-memory") && !memory_fits) {
        want->max_memory = want->memory;
        ks_mark(&want->o, "max-memory");
    }
    if (ks_has(&want->o, "vcpus") && !ks_stated(&want->o, "max-vcpus") && !vcpus_fit) {
        want->max_vcpus = want->vcpus;
        ks_mark(&want->o, "max-vcpus");
    }
}

/* A nic gets its derived MAC when it is made; one that is there keeps what it has unless the manifest says so. */
static void settle_macs(struct ks_guest *want, const struct ks_guest *have)
{
    for (size_t i = 0; i < want->nics.n; i++) {
        struct ks_nic *nic = (struct ks_nic *)want->nics.v[i];
        if (!ks_stated(&nic->o, "mac") && nic->mac && !ks_match(have ? &have->nics : NULL, &nic->o))
            ks_mark(&nic->o, "mac");
    }
}

static void plan_rename(struct job *j, const struct ks_seen_guest *old)
{
    struct ks_step *s;

    j->seen = old;
    s = add_step(j, "rename", KS_CHANGE, KS_ACT_RENAME);
    /* libvirt renames only what is off. */
    (void)ks_step_add(j->p, s, "name", old->name, j->name, is_running(old) ? KS_RESTART : KS_SAFE);
    ks_step_hold(j->p, s, &j->want->allow);
    j->rename_id = s->id;
}

static void hold_all(struct job *j, size_t first)
{
    for (size_t i = first; i < j->p->plan->n; i++)
        ks_step_hold(j->p, j->p->plan->v[i], &j->want->allow);
}

static void plan_existing(struct job *j)
{
    const size_t first = j->p->plan->n;

    if (!j->seen->persistent) {
        ks_step_block(j->p, main_step(j), "the guest is transient: it has no definition to edit");
        return;
    }
    raise_ceilings(j->want, j->seen->config);
    settle_macs(j->want, j->seen->config);
    plan_changes(j);
    plan_flags(j);
    plan_state(j);
    plan_adoption(j);
    /* Who is to be off needs no restart: the definition takes effect when it next starts. */
    if (j->restart) {
        ks_step_needs(j->p, j->restart, ks_sprintf(j->p->arena, "guest/%s", j->name));
        if (ks_has(&j->want->o, "state") && j->want->state == KS_GUEST_STOPPED) {
            if (j->main)
                j->main->restart_only = false;
            j->restart->targeted = false;
        }
    }
    hold_all(j, first);
}

static void plan_creation(struct job *j)
{
    const bool starts = ks_has(&j->want->o, "state") && j->want->state != KS_GUEST_STOPPED;
    struct ks_changes changes = {0};
    struct ks_step *s;

    raise_ceilings(j->want, NULL);
    settle_macs(j->want, NULL);
    s = add_step(j, NULL, KS_CREATE, KS_ACT_DEFINE);
    ks_guest_depends(j->p, s, j->want, true);
    if (starts)
        (void)ks_step_add(j->p, s, "state", NULL, state_names[j->want->state], KS_SAFE);
    ks_diff(j->p->arena, &j->want->o, NULL, false, &changes);
    for (size_t i = 0; i < changes.n; i++) {
        struct ks_plan_field *field = ks_step_add(j->p, s, changes.v[i].path, NULL, changes.v[i].to, KS_SAFE);
        field->op = KS_ADD;
        field->define = true;
    }
    if (ks_has(&j->want->o, "autostart") && j->want->autostart)
        (void)ks_step_add(j->p, s, "autostart", NULL, "true", KS_SAFE);
}

static void plan_deletion(struct job *j, const char *reason)
{
    struct ks_step *s = add_step(j, NULL, KS_DESTROY, KS_ACT_DELETE);

    s->reason = reason;
    s->impact = j->seen->has_nvram || j->seen->managed_save ? KS_DATA_LOSS : KS_DELETE;
    if (is_running(j->seen))
        (void)ks_step_add(j->p, s, "state", state_names[j->seen->state], NULL, KS_DELETE);
    if (j->seen->has_nvram)
        (void)ks_step_add(j->p, s, "nvram", "present", NULL, KS_DATA_LOSS);
    if (j->seen->managed_save)
        (void)ks_step_add(j->p, s, "managed-save", "present", NULL, KS_DATA_LOSS);
    ks_step_hold(j->p, s, j->want ? &j->want->allow : NULL);
    if (!j->seen->owned)
        ks_step_block(j->p, s, "not made or adopted by kvmstate: adopt it first, or undefine it by hand");
    if (j->seen->protect || (j->want && j->want->protect))
        ks_step_block(j->p, s, "protected");
}

static void plan_release(struct job *j)
{
    struct ks_step *s;

    if (!j->seen->owned)
        return;
    s = add_step(j, "release", KS_RELEASE, KS_ACT_MARK);
    s->reason = "released: no longer managed";
}

static void plan_wanted(struct ks_planning *p, struct ks_guest *want)
{
    struct job j = {.p = p, .want = want, .name = want->o.key, .seen = ks_seen_guest(p->have, want->o.key)};
    const unsigned state = ks_has(&want->o, "state") ? want->state : KS_GUEST_STATES;
    const struct ks_seen_guest *old = want->was ? ks_seen_guest(p->have, want->was) : NULL;

    if (j.seen && j.seen->unknown) {
        ks_step_block(p, main_step(&j), "could not be read: %s", j.seen->unknown);
        return;
    }
    if (state == KS_GUEST_ABSENT || state == KS_GUEST_UNMANAGED) {
        if (j.seen && state == KS_GUEST_ABSENT)
            plan_deletion(&j, "absent in the manifest");
        else if (j.seen)
            plan_release(&j);
        return;
    }
    if (!j.seen && old && !old->unknown)
        plan_rename(&j, old);
    if (j.seen)
        plan_existing(&j);
    else
        plan_creation(&j);
    ks_guest_check(p, want, j.seen);
}

static bool is_named(const struct ks_manifest *want, const char *name)
{
    if (ks_map_get(&want->guests, name))
        return true;
    for (size_t i = 0; i < want->guests.n; i++)
        if (ks_streq(((const struct ks_guest *)want->guests.v[i])->was, name))
            return true;
    return false;
}

void ks_plan_guests(struct ks_planning *p)
{
    for (size_t i = 0; i < p->want->guests.n; i++)
        plan_wanted(p, (struct ks_guest *)p->want->guests.v[i]);
    for (size_t i = 0; i < p->have->guests.n && ks_prunes(p); i++) {
        const struct ks_seen_guest *seen = &p->have->guests.v[i];
        struct job j = {.p = p, .seen = seen, .name = seen->name};
        if (seen->owned && !seen->unknown && !is_named(p->want, seen->name))
            plan_deletion(&j, "no longer in the manifest");
    }
}
