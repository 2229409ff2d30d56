/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planners/guest.h"
#include "planners/storage.h"
#include "planners/thing.h"

static const char *const state_names[] = {"running", "stopped", "paused", "absent", "unmanaged"};

/* What is being planned for one guest that is on the host. */
struct job {
    struct ks_thing t;
    struct ks_guest *want;
    const struct ks_seen_guest *seen;
};

static bool is_running(const struct ks_seen_guest *seen)
{
    return seen->state != KS_GUEST_STOPPED;
}

static void depend(struct ks_thing *t, struct ks_step *s)
{
    ks_guest_depends(t->p, s, ks_thing_of(t, struct job, t)->want, s->verb == KS_CREATE);
}

/* `seen` may be NULL: it is not there. */
static void see(struct job *j, const struct ks_seen_guest *seen)
{
    j->seen = j->t.seen = seen;
    if (!seen)
        return;
    j->t.have = seen->config ? &seen->config->o : NULL;
    j->t.live = is_running(seen) && seen->live ? &seen->live->o : NULL;
    j->t.unknown = seen->unknown;
    j->t.hash = seen->hash;
    j->t.owned = seen->owned;
    j->t.protect = seen->protect;
}

static bool is_settled(const struct ks_thing *t, const struct ks_change *live)
{
    return ks_live_is_settled(live, &t->p->have->cpus);
}

/* Where a disk comes from that the manifest's disks do not state. */
static const char *seed_note(const struct ks_change *change)
{
    const struct ks_obj *entry = change->entry ? change->entry : change->owner_want;

    return entry && entry->kind == &ks_disk_kind && ((const struct ks_disk *)entry)->is_seed ? "cloud-init" : NULL;
}

static struct job job_of(struct ks_planning *p, const char *name, struct ks_guest *want,
                         const struct ks_seen_guest *seen)
{
    struct job j = {.t = {.p = p,
                          .kind = "guest",
                          .name = name,
                          .want = want ? &want->o : NULL,
                          .depend = depend,
                          .is_settled = is_settled,
                          .note = seed_note,
                          .restart_impact = KS_RESTART},
                    .want = want};

    see(&j, seen);
    return j;
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
        const char *path = ks_strndup(j->t.p->arena, p, n);
        if (n > 0 && !is_listed(j->t.restart, path))
            (void)ks_step_add(j->t.p, ks_thing_restart(&j->t), path, NULL, NULL, KS_RESTART);
        p += n + (p[n] == ',');
    }
}

static void plan_flags(struct job *j)
{
    if (ks_has(&j->want->o, "autostart"))
        ks_thing_flag(&j->t, "autostart", j->seen->autostart, j->want->autostart);
    ks_thing_protect(&j->t, j->want->protect);
}

static bool lists(const struct ks_strings *paths, const char *path)
{
    for (size_t i = 0; i < paths->n; i++)
        if (ks_streq(paths->v[i], path))
            return true;
    return false;
}

static struct ks_plan_field *say_password(struct job *j, struct ks_step *s, const char *path, enum ks_impact impact)
{
    const struct ks_graphics *g = j->want->graphics;
    const struct ks_graphics_server *server = g && strstr(path, "vnc") ? g->vnc : g ? g->spice : NULL;
    const bool goes = server && ks_stated(&server->o, "password") && !ks_has(&server->o, "password");
    struct ks_plan_field *field =
        ks_step_add(j->t.p, s, path, goes ? "(secret)" : NULL, goes ? NULL : "(secret)", impact);

    if (goes)
        field->op = KS_UNSET;
    return field;
}

/* A password is never shown: the plan says that it is another one. */
static void plan_passwords(struct job *j)
{
    static const char *const paths[] = {"graphics.vnc.password", "graphics.spice.password"};

    for (size_t i = 0; i < KS_COUNT(paths); i++) {
        const bool live = lists(&j->seen->live_passwords, paths[i]);
        const bool define = lists(&j->seen->passwords, paths[i]);
        if (live || define) {
            struct ks_step *s = ks_thing_main(&j->t);
            say_password(j, s, paths[i], live ? KS_LIVE : KS_SAFE)->live = live;
            s->restart_only = false;
        }
        if (lists(&j->seen->pending_passwords, paths[i])) {
            struct ks_step *s = ks_thing_restart(&j->t);
            (void)say_password(j, s, paths[i], KS_RESTART);
            s->pending = s->pending && !define;
        }
    }
}

/* An image that somebody took away is made again. */
static void plan_seed(struct job *j)
{
    const char *path = ks_seed_path(j->t.p->arena, j->t.p->have->seed_dir, j->want);

    if (path && !ks_seed_is_there(j->t.p->have, path) && !j->t.main)
        (void)ks_thing_set(&j->t, "cloud-init", NULL, path);
}

/* A line for what the step takes its time for. */
static void say_wait(struct job *j, struct ks_step *s)
{
    const struct ks_wait *wait = ks_has(&j->want->o, "wait-for") ? j->want->wait_for : NULL;
    struct ks_arena *arena = j->t.p->arena;
    const char *time;

    if (!s || !wait || wait->what == KS_WAIT_NONE ||
        (ks_has(&j->want->o, "state") && j->want->state != KS_GUEST_RUNNING))
        return;
    time = ks_has(&wait->o, "timeout") ? ks_duration_format(arena, wait->timeout) : "5m";
    ks_step_add(j->t.p, s, "wait-for", NULL,
                ks_sprintf(arena, "%s, for at most %s", wait->what == KS_WAIT_AGENT ? "agent" : "address", time),
                KS_SAFE)
        ->op = KS_ADD;
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
        s = ks_thing_step(&j->t, moves[i].part, KS_CHANGE, moves[i].action);
        (void)ks_step_add(j->t.p, s, "state", state_names[j->seen->state], state_names[j->want->state],
                          moves[i].impact);
        ks_step_needs(j->t.p, s, ks_sprintf(j->t.p->arena, "guest/%s", j->t.name));
        ks_guest_depends(j->t.p, s, j->want, moves[i].action != KS_ACT_STOP);
        if (moves[i].have == KS_GUEST_STOPPED)
            say_wait(j, s);
    }
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

    see(j, old);
    s = ks_thing_step(&j->t, "rename", KS_CHANGE, KS_ACT_RENAME);
    /* libvirt renames only what is off. */
    (void)ks_step_add(j->t.p, s, "name", old->name, j->t.name, is_running(old) ? KS_RESTART : KS_SAFE);
    ks_step_hold(j->t.p, s, &j->want->allow);
    if (old->managed_save)
        ks_step_block(j->t.p, s, "libvirt renames no guest with a saved state: start it, or drop that state");
    j->t.after = s->id;
}

static void hold_all(struct job *j, size_t first)
{
    for (size_t i = first; i < j->t.p->plan->n; i++)
        ks_step_hold(j->t.p, j->t.p->plan->v[i], &j->want->allow);
}

static const struct ks_obj *disk_of(const struct job *j, const char *path)
{
    const char *key = path + strlen("disks.");

    return ks_map_get(&j->seen->config->disks, ks_strndup(j->t.p->arena, key, strcspn(key, ".")));
}

static bool is_image(const char *path)
{
    static const char *const ends[] = {".file", ".block", ".volume"};
    const char *last = strrchr(path, '.');

    for (size_t i = 0; i < KS_COUNT(ends); i++)
        if (ks_starts(path, "disks.") && ks_streq(last, ends[i]))
            return true;
    return false;
}

/* What was written since a snapshot lies in a layer over the image: with the image alone it would be lost. */
static void keep_layers(struct job *j)
{
    struct ks_step *s = j->t.main;

    for (size_t i = 0; s && j->seen->snapshots > 0 && i < s->fields.n; i++) {
        const char *path = s->fields.v[i].path;
        const struct ks_obj *disk = is_image(path) ? disk_of(j, path) : NULL;
        if (disk && ((const struct ks_disk *)disk)->device != KS_DISK_CDROM)
            ks_step_block(j->t.p, s,
                          "the guest has snapshots, and %s may be a layer over what the manifest says: merge and "
                          "delete them (virsh blockcommit, snapshot-delete), or state what it has",
                          s->fields.v[i].from);
    }
}

static void plan_existing(struct job *j)
{
    const size_t first = j->t.p->plan->n;

    if (!j->seen->persistent) {
        ks_step_block(j->t.p, ks_thing_main(&j->t), "the guest is transient: it has no definition to edit");
        return;
    }
    raise_ceilings(j->want, j->seen->config);
    settle_macs(j->want, j->seen->config);
    ks_thing_changes(&j->t);
    keep_layers(j);
    pending_changes(j);
    plan_flags(j);
    plan_passwords(j);
    plan_seed(j);
    plan_state(j);
    ks_thing_adopt(&j->t);
    /* Who is to be off needs no restart: the definition takes effect when it next starts. */
    if (j->t.restart) {
        ks_step_needs(j->t.p, j->t.restart, ks_sprintf(j->t.p->arena, "guest/%s", j->t.name));
        say_wait(j, j->t.restart);
        if (ks_has(&j->want->o, "state") && j->want->state == KS_GUEST_STOPPED) {
            if (j->t.main)
                j->t.main->restart_only = false;
            j->t.restart->targeted = false;
        }
    }
    hold_all(j, first);
}

static void plan_creation(struct job *j)
{
    const bool starts = ks_has(&j->want->o, "state") && j->want->state != KS_GUEST_STOPPED;
    struct ks_step *s;

    raise_ceilings(j->want, NULL);
    settle_macs(j->want, NULL);
    s = ks_thing_create(&j->t, starts ? state_names[j->want->state] : NULL);
    if (ks_has(&j->want->o, "autostart") && j->want->autostart)
        (void)ks_step_add(j->t.p, s, "autostart", NULL, "true", KS_SAFE);
    if (starts)
        say_wait(j, s);
}

static void plan_deletion(struct job *j, const char *reason)
{
    const enum ks_impact impact = j->seen->has_nvram || j->seen->managed_save ? KS_DATA_LOSS : KS_DELETE;
    struct ks_step *s = ks_thing_delete(&j->t, reason, impact, j->want && j->want->protect);

    if (is_running(j->seen))
        (void)ks_step_add(j->t.p, s, "state", state_names[j->seen->state], NULL, KS_DELETE);
    if (j->seen->has_nvram)
        (void)ks_step_add(j->t.p, s, "nvram", "present", NULL, KS_DATA_LOSS);
    if (j->seen->managed_save)
        (void)ks_step_add(j->t.p, s, "managed-save", "present", NULL, KS_DATA_LOSS);
    ks_step_hold(j->t.p, s, j->want ? &j->want->allow : NULL);
}

static void plan_release(struct job *j)
{
    struct ks_step *s;

    if (!j->seen->owned)
        return;
    s = ks_thing_step(&j->t, "release", KS_RELEASE, KS_ACT_MARK);
    s->reason = "released: no longer managed";
}

static void plan_wanted(struct ks_planning *p, struct ks_guest *want)
{
    struct job j = job_of(p, want->o.key, want, ks_seen_guest(p->have, want->o.key));
    const unsigned state = ks_has(&want->o, "state") ? want->state : KS_GUEST_STATES;
    const struct ks_seen_guest *old = want->was ? ks_seen_guest(p->have, want->was) : NULL;

    if (j.seen && j.seen->unknown) {
        ks_step_block(p, ks_thing_main(&j.t), "could not be read: %s", j.seen->unknown);
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

/* ---- many guests: by two threads, each with a plan of its own ----------------------------------------------- */

enum { SPLIT_FROM = 128 }; /* fewer are planned before a thread has started */

struct part {
    struct ks_planning p;
    struct ks_plan plan;
    struct ks_findings findings;
    size_t from, to;
};

static void *plan_part(void *data)
{
    struct part *part = data;

    for (size_t i = part->from; i < part->to; i++)
        plan_wanted(&part->p, (struct ks_guest *)part->p.want->guests.v[i]);
    return NULL;
}

static void part_start(struct part *part, const struct ks_planning *p, size_t from, size_t to)
{
    *part = (struct part){.p = *p, .from = from, .to = to};
    part->findings.arena = ks_arena_new();
    part->p.arena = part->plan.arena = ks_arena_new();
    part->p.plan = &part->plan;
    part->p.findings = &part->findings;
}

static void part_join(struct part *part, struct ks_planning *p)
{
    for (size_t i = 0; i < part->plan.n; i++)
        *ks_vec_add(p->arena, p->plan) = part->plan.v[i];
    ks_findings_join(p->findings, &part->findings);
    ks_arena_join(p->arena, part->p.arena);
}

/* Steps and findings come in the order in which one thread would have made them. */
static void plan_halves(struct ks_planning *p)
{
    const size_t n = p->want->guests.n;
    struct part first, second;

    (void)ks_wanted_volumes(p); /* made when first asked for, which two must not do at once */
    part_start(&first, p, 0, n / 2);
    part_start(&second, p, n / 2, n);
    ks_both(plan_part, &first, &second);
    part_join(&first, p);
    part_join(&second, p);
}

static void plan_all_wanted(struct ks_planning *p)
{
    if (p->want->guests.n >= SPLIT_FROM) {
        plan_halves(p);
        return;
    }
    for (size_t i = 0; i < p->want->guests.n; i++)
        plan_wanted(p, (struct ks_guest *)p->want->guests.v[i]);
}

void ks_plan_guests(struct ks_planning *p)
{
    plan_all_wanted(p);
    for (size_t i = 0; i < p->have->guests.n && ks_prunes(p); i++) {
        const struct ks_seen_guest *seen = &p->have->guests.v[i];
        struct job j = job_of(p, seen->name, NULL, seen);
        if (seen->owned && !seen->unknown && !is_named(p->want, seen->name))
            plan_deletion(&j, "no longer in the manifest");
    }
    ks_plan_lent(p);
}
