/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planners/storage.h"

/* What is being planned for one volume. */
struct job {
    struct ks_planning *p;
    const struct ks_wanted_volume *wanted; /* or NULL: it goes */
    const char *id;                        /* pool/name */
    const struct ks_seen_pool *pool;       /* or NULL: it will be made */
    const struct ks_volume *seen;          /* or NULL */
    bool owned, protect, making;
};

static uint64_t hash_of(const struct job *j)
{
    const bool flags[] = {j->owned, j->protect, j->making};
    struct ks_text text = {.arena = j->p->arena};

    if (!j->seen)
        return 0;
    ks_print_json(&text, &j->seen->o);
    return ks_hash(ks_hash_str(KS_HASH_START, ks_text_str(&text)), flags, sizeof flags);
}

static struct ks_step *add(struct job *j, const char *part, enum ks_verb verb, enum ks_action action)
{
    struct ks_step *s = ks_plan_add(j->p, "volume", j->id, part, verb, action, hash_of(j));

    s->want = j->wanted ? &j->wanted->volume->o : NULL;
    s->have = j->seen ? &j->seen->o : NULL;
    s->seen = j->pool;
    s->at = j->wanted ? j->wanted->volume->o.at : KS_NOWHERE;
    return s;
}

static const struct ks_field *row(const char *key)
{
    return &ks_volume_kind.fields[ks_row(&ks_volume_kind, key)];
}

static bool is_file_missing(const struct ks_planning *p, const char *path)
{
    for (size_t i = 0; i < p->have->missing_files.n; i++)
        if (ks_streq(p->have->missing_files.v[i], path))
            return true;
    return false;
}

/* ---- making ------------------------------------------------------------------------------------------------- */

static void check_base_path(struct job *j, struct ks_step *s, const char *key, const char *path)
{
    const struct ks_wanted_volume *other;

    if (!is_file_missing(j->p, path))
        return;
    other = ks_wanted_at(j->p, path);
    if (other)
        ks_step_needs(j->p, s, ks_sprintf(j->p->arena, "volume/%s", other->id));
    else
        (void)ks_report(j->p->findings, KS_E_NOT_FOUND, ks_at(&j->wanted->volume->o, key),
                        "volume %s: its %s %s does not exist", j->id, key, path);
}

static void check_base(struct job *j, struct ks_step *s, const char *key, const char *base)
{
    struct ks_planning *p = j->p;
    const char *id, *pool_name;
    const struct ks_seen_pool *pool;

    if (!base)
        return;
    id = ks_base_volume(p, j->wanted->pool, base);
    if (!id) {
        check_base_path(j, s, key, base);
        return;
    }
    if (ks_wanted_volume(p, id)) {
        ks_step_needs(p, s, ks_sprintf(p->arena, "volume/%s", id));
        return;
    }
    pool_name = ks_strndup(p->arena, id, strcspn(id, "/"));
    pool = ks_seen_pool(p->have, pool_name);
    ks_step_follows(p, s, ks_sprintf(p->arena, "pool/%s", pool_name));
    if (pool && !pool->volumes_known)
        ks_step_block(p, s, "its %s is in pool %s, which is %s", key, pool_name,
                      pool->active ? "not readable" : "not active");
    else if (!ks_seen_volume(p, id))
        (void)ks_report(p->findings, KS_E_NOT_FOUND, ks_at(&j->wanted->volume->o, key),
                        "volume %s: its %s %s does not exist, and the manifest does not declare it", j->id, key,
                        id);
}

static void check_source(struct job *j)
{
    const struct ks_volume_source *source = j->wanted->volume->source;

    if (source && is_file_missing(j->p, source->file))
        (void)ks_report(j->p->findings, KS_E_NOT_FOUND, ks_at(&source->o, "file"),
                        "volume %s: there is no file %s to fill it with", j->id, source->file);
}

/* A partition's name is its disk's with the next number: libvirt takes no other. */
static void check_partition(struct job *j)
{
    const struct ks_pool *pool = (const struct ks_pool *)ks_map_get(&j->p->want->pools, j->wanted->pool);
    const char *disk, *last;
    size_t n;

    if (!pool && j->pool)
        pool = j->pool->config;
    if (!pool || !pool->source || pool->source->devices.n != 1 || !strrchr(pool->source->devices.v[0], '/'))
        return;
    disk = strrchr(pool->source->devices.v[0], '/') + 1;
    last = disk + strlen(disk) - 1;
    disk = *last >= '0' && *last <= '9' ? ks_sprintf(j->p->arena, "%sp", disk) : disk;
    n = strlen(disk);
    if (strncmp(j->wanted->name, disk, n) != 0 || !j->wanted->name[n] ||
        j->wanted->name[n + strspn(j->wanted->name + n, "0123456789")])
        (void)ks_report(j->p->findings, KS_E_INVALID, j->wanted->volume->o.at,
                        "volume %s: a partition is named by its disk and its number: %s%zu is the next", j->id,
                        disk, (j->pool ? j->pool->volumes.n : 0) + 1);
}

/* What the pool's type can make at all. */
static void check_pool_type(struct job *j, const char *format)
{
    const char *type = ks_pool_type(j->p, j->wanted->pool);
    const struct ks_volume *v = j->wanted->volume;

    if (!ks_pool_makes_volumes(type))
        (void)ks_report(
            j->p->findings, KS_E_UNSUPPORTED, v->o.at,
            "volume %s does not exist, and cannot be made: a pool of type %s has what its server or its "
            "hardware has",
            j->id, type);
    else if (!ks_pool_has_files(j->p, j->wanted->pool) && ks_has(&v->o, "format") && !ks_streq(format, "raw"))
        (void)ks_report(j->p->findings, KS_E_UNSUPPORTED, ks_at(&v->o, "format"),
                        "volume %s: a volume of a pool of type %s is raw, not %s", j->id, type, format);
    if (ks_streq(type, "disk"))
        check_partition(j);
}

static void check_kind(struct job *j, const char *format)
{
    const struct ks_volume *v = j->wanted->volume;
    const bool files = ks_pool_has_files(j->p, j->wanted->pool);
    const unsigned preallocation = ks_has(&v->o, "preallocation") ? v->preallocation : KS_PREALLOCATION_OFF;
    const struct ks_loc at = ks_at(&v->o, "preallocation");

    if (!ks_has(&v->o, "size") && !v->backing && !v->clone && !v->source)
        (void)ks_report(j->p->findings, KS_E_INVALID, v->o.at,
                        "volume %s does not exist: to make it, a size is needed, or backing, clone or source",
                        j->id);
    if (v->backing && files && !ks_streq(format, "qcow2") && !ks_streq(format, "qed"))
        (void)ks_report(j->p->findings, KS_E_INVALID, ks_at(&v->o, "backing"),
                        "volume %s: a %s image cannot be a layer over another: format: qcow2 can", j->id, format);
    if (preallocation == KS_PREALLOCATION_METADATA && !ks_streq(format, "qcow2"))
        (void)ks_report(j->p->findings, KS_E_UNSUPPORTED, at,
                        "volume %s: only qcow2 has metadata to allocate; falloc allocates all of it", j->id);
    if (preallocation == KS_PREALLOCATION_FULL && format && !ks_streq(format, "raw"))
        (void)ks_report(j->p->findings, KS_E_UNSUPPORTED, at,
                        "volume %s: libvirt writes out raw volumes in full, but no %s; falloc allocates all of it",
                        j->id, format);
}

static void show_fields(struct job *j, struct ks_step *s)
{
    const struct ks_volume *v = j->wanted->volume;

    for (size_t i = 0; i < ks_volume_kind.n_fields; i++) {
        const struct ks_field *field = &ks_volume_kind.fields[i];
        struct ks_plan_field *line;
        const char *to;
        if (!ks_has(&v->o, field->key) || ks_streq(field->key, "state"))
            continue;
        to = ks_streq(field->key, "source") ? v->source->file : ks_show(j->p->arena, field, &v->o);
        line = ks_step_add(j->p, s, field->key, NULL, to, KS_SAFE);
        line->op = KS_ADD;
        line->define = true;
    }
}

static void plan_creation(struct job *j)
{
    const struct ks_volume *v = j->wanted->volume;
    const char *format = ks_volume_format(j->p, j->wanted);
    struct ks_step *s = add(j, NULL, KS_CREATE, KS_ACT_DEFINE);

    check_pool_type(j, format);
    check_kind(j, format);
    if (format && !ks_has(&v->o, "format") && ks_pool_has_files(j->p, j->wanted->pool))
        (void)ks_load_text(j->p->arena, row("format"), format, &j->wanted->volume->o);
    show_fields(j, s);
    if (j->seen)
        s->reason = "was being made when a run was stopped: made anew";
    else if (j->pool && !j->pool->volumes_known)
        s->reason = "if it is not there when the pool is active";
    ks_step_needs(j->p, s, ks_sprintf(j->p->arena, "pool/%s", j->wanted->pool));
    check_base(j, s, "backing", v->backing);
    check_base(j, s, "clone", v->clone);
    check_source(j);
}

/* ---- changing ----------------------------------------------------------------------------------------------- */

/* Images, volume groups and partitions round up: what it was given for the size asked for is that size. */
static bool has_size(const struct ks_volume *want, const struct ks_volume *seen)
{
    return want->size == seen->size || (want->size == seen->asked && want->size < seen->size);
}

static void plan_size(struct job *j, struct ks_step **s)
{
    const struct ks_volume *want = j->wanted->volume;
    struct ks_planning *p = j->p;
    const char *from, *to, *user;

    if (!ks_has(&want->o, "size") || !ks_has(&j->seen->o, "size") || has_size(want, j->seen))
        return;
    from = ks_size_format(p->arena, j->seen->size);
    to = ks_size_format(p->arena, want->size);
    user = ks_running_user(p, j->id, false);
    if (!*s)
        *s = add(j, NULL, KS_CHANGE, KS_ACT_DEFINE);
    if (want->size < j->seen->size) {
        (void)ks_step_add(p, *s, "size", from, to, KS_DATA_LOSS);
        ks_step_block(
            p, *s,
            "it has %s: at %s the last %s would be cut off with what is in them; kvmstate does not shrink "
            "volumes: state %s, or copy what is needed into a new one",
            from, to, ks_size_format(p->arena, j->seen->size - want->size), from);
        return;
    }
    (void)ks_step_add(p, *s, "size", from, to, user ? KS_LIVE : KS_SAFE);
    if (!ks_pool_grows_volumes(ks_pool_type(p, j->wanted->pool)))
        ks_step_block(p, *s, "a volume of a pool of type %s cannot be grown: make a larger one, and copy",
                      ks_pool_type(p, j->wanted->pool));
    if (user)
        ks_step_affects(p, *s, ks_sprintf(p->arena, "guest/%s", user));
}

static void plan_format(struct job *j, struct ks_step **s)
{
    const struct ks_volume *want = j->wanted->volume;
    const char *from, *to;

    if (!ks_has(&want->o, "format") || !ks_has(&j->seen->o, "format"))
        return;
    from = ks_show(j->p->arena, row("format"), &j->seen->o);
    to = ks_show(j->p->arena, row("format"), &want->o);
    if (ks_streq(from, to))
        return;
    if (!*s)
        *s = add(j, NULL, KS_CHANGE, KS_ACT_DEFINE);
    (void)ks_step_add(j->p, *s, "format", from, to, KS_SAFE);
    ks_step_block(j->p, *s,
                  "the format of a volume cannot be changed: declare a new volume with clone: %s and format: %s, "
                  "and give the guest that",
                  j->wanted->name, to);
}

/* The path that the manifest's backing stands for; NULL: it has none, or nobody knows. */
static const char *wanted_backing(struct job *j)
{
    const struct ks_volume *want = j->wanted->volume;
    const char *id = want->backing ? ks_base_volume(j->p, j->wanted->pool, want->backing) : NULL;

    return id ? ks_volume_path(j->p, id) : want->backing;
}

static void plan_backing(struct job *j, struct ks_step **s)
{
    const struct ks_volume *want = j->wanted->volume;
    const char *from = j->seen->backing, *to = wanted_backing(j);

    if (!ks_stated(&want->o, "backing") || ks_streq(from, to) || (want->backing && !to))
        return;
    if (!*s)
        *s = add(j, NULL, KS_CHANGE, KS_ACT_DEFINE);
    (void)ks_step_add(j->p, *s, "backing", from, to, KS_SAFE);
    ks_step_block(j->p, *s,
                  "what a volume is a layer over cannot be changed: rebase it by hand while no guest runs with it "
                  "(qemu-img rebase), or declare a new volume");
}

static void plan_mark(struct job *j)
{
    const struct ks_volume *want = j->wanted->volume;
    const bool protect = ks_has(&want->o, "protect") && want->protect;
    struct ks_step *s;

    if (!j->owned) {
        s = add(j, "adopt", KS_ADOPT, KS_ACT_MARK);
        s->reason = "adopted";
    } else if (ks_stated(&want->o, "protect") && protect != j->protect) {
        s = add(j, "protect", KS_CHANGE, KS_ACT_MARK);
        (void)ks_step_add(j->p, s, "protect", j->protect ? "true" : "false", protect ? "true" : "false", KS_SAFE);
    }
}

static void plan_existing(struct job *j)
{
    struct ks_step *s = NULL;

    plan_size(j, &s);
    plan_format(j, &s);
    plan_backing(j, &s);
    plan_mark(j);
    if (s)
        ks_step_hold(j->p, s, NULL);
}

/* ---- going -------------------------------------------------------------------------------------------------- */

static bool is_owned(const struct ks_seen_pool *pool, const char *name)
{
    for (size_t i = 0; i < pool->n_owned_volumes; i++)
        if (ks_streq(pool->owned_volumes[i], name))
            return true;
    return false;
}

/* Whether this plan removes it as well. */
static bool goes(struct ks_planning *p, const struct ks_seen_pool *pool, const char *name)
{
    const struct ks_wanted_volume *wanted = ks_wanted_volume(p, ks_sprintf(p->arena, "%s/%s", pool->name, name));

    return wanted ? wanted->volume->state == KS_VOLUME_ABSENT : ks_prunes(p) && is_owned(pool, name);
}

/* A layer over it would be destroyed with it: it stands in the way, or goes first. */
static void after_layers(struct job *j, struct ks_step *s)
{
    const char *path = ks_volume_path(j->p, j->id);

    for (size_t i = 0; i < j->p->have->pools.n; i++) {
        const struct ks_seen_pool *pool = &j->p->have->pools.v[i];
        for (size_t k = 0; k < pool->volumes.n; k++) {
            const struct ks_volume *layer = (const struct ks_volume *)pool->volumes.v[k];
            if (!layer->backing || !ks_streq(layer->backing, path))
                continue;
            if (goes(j->p, pool, layer->o.key))
                ks_step_needs(j->p, s, ks_sprintf(j->p->arena, "volume/%s/%s", pool->name, layer->o.key));
            else
                ks_step_block(j->p, s, "volume %s/%s is a layer over it", pool->name, layer->o.key);
        }
    }
}

static void plan_deletion(struct job *j, const char *reason)
{
    struct ks_step *s = add(j, NULL, KS_DESTROY, KS_ACT_DELETE);
    const struct ks_volume *want = j->wanted ? j->wanted->volume : NULL;

    s->reason = reason;
    s->impact = KS_DATA_LOSS;
    ks_step_hold(j->p, s, NULL);
    if (!j->owned)
        ks_step_block(j->p, s, "not made or adopted by kvmstate: declare it first, or delete it by hand");
    if (j->protect || (want && ks_has(&want->o, "protect") && want->protect))
        ks_step_block(j->p, s, "protected");
    ks_step_after_users(j->p, s, j->id, false);
    after_layers(j, s);
}

/* ---- all ---------------------------------------------------------------------------------------------------- */

static void look_up(struct job *j, const char *pool, const char *name)
{
    j->pool = ks_seen_pool(j->p->have, pool);
    j->seen = ks_seen_volume(j->p, j->id);
    if (j->pool) {
        j->owned = is_owned(j->pool, name);
        j->protect = ks_is_among(&j->pool->protected_volumes, name);
        j->making = ks_is_among(&j->pool->making_volumes, name);
    }
}

/* Whether the pool's volumes are, or will be, within reach; says so where not. */
static bool can_plan(struct job *j)
{
    const struct ks_pool *want = (const struct ks_pool *)ks_map_get(&j->p->want->pools, j->wanted->pool);
    const struct ks_loc at = j->wanted->volume->o.at;

    if (want && ks_has(&want->o, "state") && want->state != KS_POOL_ACTIVE) {
        (void)ks_report(j->p->findings, KS_E_CONFLICT, at, "volume %s: its pool is to be %s", j->id,
                        want->state == KS_POOL_ABSENT ? "absent" : "inactive");
        return false;
    }
    if (!j->pool && !want) {
        (void)ks_report(j->p->findings, KS_E_NOT_FOUND, at,
                        "volume %s: there is no pool '%s', neither in the manifest nor on the host", j->id,
                        j->wanted->pool);
        return false;
    }
    if (!j->pool || j->pool->volumes_known)
        return true;
    if (j->pool->unknown)
        ks_step_block(j->p, add(j, NULL, KS_CHANGE, KS_ACT_DEFINE), "its pool could not be read: %s",
                      j->pool->unknown);
    else if (!j->pool->making && !(want && ks_has(&want->o, "state")))
        ks_step_block(j->p, add(j, NULL, KS_CHANGE, KS_ACT_DEFINE), "pool %s is not active: give it state: active",
                      j->wanted->pool);
    else
        return true;
    return false;
}

static void plan_wanted(struct ks_planning *p, const struct ks_wanted_volume *wanted)
{
    struct job j = {.p = p, .wanted = wanted, .id = wanted->id};

    look_up(&j, wanted->pool, wanted->name);
    if (ks_has(&wanted->volume->o, "state") && wanted->volume->state == KS_VOLUME_ABSENT) {
        if (j.seen)
            plan_deletion(&j, "absent in the manifest");
        return;
    }
    if (!can_plan(&j))
        return;
    if (j.seen && !j.making) {
        plan_existing(&j);
        return;
    }
    /* What lies in a pool that is off is not known; what kvmstate made in it is there. */
    if (!j.seen && j.owned && !j.making && j.pool && !j.pool->volumes_known)
        return;
    plan_creation(&j);
}

static void plan_pruned(struct ks_planning *p, const struct ks_seen_pool *pool)
{
    for (size_t i = 0; i < pool->n_owned_volumes; i++) {
        struct job j = {.p = p, .id = ks_sprintf(p->arena, "%s/%s", pool->name, pool->owned_volumes[i])};
        if (ks_wanted_volume(p, j.id))
            continue;
        look_up(&j, pool->name, pool->owned_volumes[i]);
        if (j.seen)
            plan_deletion(&j, "no longer in the manifest");
    }
}

void ks_plan_volumes(struct ks_planning *p)
{
    const struct ks_wanted_volumes *all = ks_wanted_volumes(p);
    const char *unknown = ks_pools_unknown(p);

    for (size_t i = 0; i < all->n; i++) {
        struct job j = {.p = p, .wanted = &all->v[i], .id = all->v[i].id};
        if (unknown)
            ks_step_block(p, add(&j, NULL, KS_CHANGE, KS_ACT_DEFINE), "pools could not be read: %s", unknown);
        else
            plan_wanted(p, &all->v[i]);
    }
    for (size_t i = 0; i < p->have->pools.n && ks_prunes(p); i++)
        plan_pruned(p, &p->have->pools.v[i]);
    ks_plan_pool_deletions(p);
    ks_check_pool_room(p);
}
