/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pool that is there and is to be made of something else. Its definition is edited in place; an active pool is
 * stopped and started again, which none of its volumes may be in use for. Where its volumes would stay behind,
 * what kvmstate made in it, or a guest has of it, stands in the way.
 */
#include "planners/storage.h"
#include "planners/thing.h"

struct edit {
    struct ks_thing *t;
    const struct ks_pool *want;
    const struct ks_seen_pool *seen;
    const char *type;
    struct ks_changes active, defined;
    bool restarts; /* it is active, and to stay so */
};

/* Other volumes are found there: those that it has now stay behind. */
static bool is_elsewhere(const struct edit *e, const char *path)
{
    static const char *const places[] = {"source", "source.name", "source.dir", "source.devices"};

    for (size_t i = 0; i < KS_COUNT(places); i++)
        if (ks_streq(path, places[i]))
            return true;
    return ks_streq(path, "path") && ks_streq(e->type, "dir");
}

static void check_kept(struct edit *e, const char *path)
{
    struct ks_planning *p = e->t->p;
    const char *prefix = ks_sprintf(p->arena, "%s/", e->t->name);

    if (is_elsewhere(e, path) && e->seen->n_owned_volumes > 0)
        ks_step_block(p, e->t->main,
                      "with another %s, volume %s, which is kvmstate's, would stay behind: remove that first, or "
                      "give the new pool another name",
                      path, e->seen->owned_volumes[0]);
    if (!is_elsewhere(e, path) && !ks_streq(path, "path"))
        return;
    for (size_t i = 0; i < p->have->guests.n; i++)
        if (ks_guest_has_volume(&p->have->guests.v[i], prefix, true))
            ks_step_block(p, e->t->main, "with another %s, guest %s would not find its disk", path,
                          p->have->guests.v[i].name);
}

static void check_change(struct edit *e, const struct ks_change *change)
{
    struct ks_planning *p = e->t->p;

    if (ks_streq(change->path, "type"))
        ks_step_block(p, e->t->main,
                      "a pool's type cannot be changed: give the new one another name, or remove this one first "
                      "(its volumes stay)");
    if (ks_streq(change->path, "source.devices") && ks_streq(e->type, "logical"))
        ks_step_block(p, e->t->main, "what a volume group is made of, LVM alone can change (vgextend, vgreduce)");
    check_kept(e, change->path);
}

static void add_line(struct edit *e, const struct ks_change *change, bool define, bool live)
{
    struct ks_plan_field *field = ks_thing_set(e->t, change->path, change->from, change->to);

    field->op = change->op;
    field->define = define;
    field->live = live && e->restarts;
    if (!field->live)
        return;
    field->impact = KS_LIVE;
    field->note = "stopped and started again";
    if (e->t->main->impact < KS_LIVE)
        e->t->main->impact = KS_LIVE;
}

static bool is_formatted(const struct ks_changes *changes)
{
    return ks_changes_find(changes, "source.devices") || ks_changes_find(changes, "source.format");
}

static void stop_and_start(struct edit *e)
{
    struct ks_planning *p = e->t->p;
    const char *user = ks_running_user(p, ks_sprintf(p->arena, "%s/", e->t->name), true);

    if (user)
        ks_step_block(p, e->t->main, "it must be stopped for that, and guest %s runs with a volume of it", user);
    if (is_formatted(&e->active))
        ks_plan_pool_build(p, e->t->main, e->want, e->t->name);
}

void ks_plan_pool_edit(struct ks_thing *t, const struct ks_pool *want, const struct ks_seen_pool *seen)
{
    struct edit e = {.t = t, .want = want, .seen = seen};
    const bool stops = ks_has(&want->o, "state") && want->state != KS_POOL_ACTIVE;

    e.type =
        ks_show(t->p->arena, &seen->config->o.kind->fields[ks_row(seen->config->o.kind, "type")], &seen->config->o);
    e.restarts = seen->active && !stops;
    ks_diff(t->p->arena, t->want, t->have, false, &e.active);
    ks_diff(t->p->arena, t->want, seen->defined ? &seen->defined->o : t->have, false, &e.defined);
    for (size_t i = 0; i < e.active.n; i++) {
        add_line(&e, &e.active.v[i], ks_changes_find(&e.defined, e.active.v[i].path), true);
        check_change(&e, &e.active.v[i]);
    }
    for (size_t i = 0; i < e.defined.n; i++)
        if (!ks_changes_find(&e.active, e.defined.v[i].path))
            add_line(&e, &e.defined.v[i], true, false);
    if (e.active.n + e.defined.n == 0)
        return;
    if (!seen->persistent)
        ks_step_block(t->p, t->main, "the pool is transient: it has no definition to edit");
    if (e.active.n > 0 && e.restarts)
        stop_and_start(&e);
}
