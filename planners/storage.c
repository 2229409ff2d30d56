/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planners/storage.h"

/* ---- the volumes that are wanted ---------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct ks_wanted_volume *)a)->id, ((const struct ks_wanted_volume *)b)->id);
}

static struct ks_wanted_volume *find(const struct ks_wanted_volumes *all, const char *id)
{
    const struct ks_wanted_volume key = {.id = id};

    return all->n ? bsearch(&key, all->v, all->n, sizeof *all->v, compare) : NULL;
}

static void add(struct ks_planning *p, struct ks_wanted_volumes *all, const char *pool, struct ks_volume *volume)
{
    *ks_vec_add(p->arena, all) = (struct ks_wanted_volume){.id = ks_sprintf(p->arena, "%s/%s", pool, volume->o.key),
                                                           .pool = pool,
                                                           .name = volume->o.key,
                                                           .volume = volume};
}

static bool declares(const struct ks_disk *disk)
{
    return disk->volume && strchr(disk->volume, '/') &&
           (ks_has(&disk->o, "size") || ks_has(&disk->o, "backing") || ks_has(&disk->o, "clone"));
}

static const char *const shared_fields[] = {"size", "format", "backing", "clone", "preallocation"};

static const struct ks_field *row(const struct ks_obj *o, const char *key)
{
    return &o->kind->fields[ks_row(o->kind, key)];
}

/* A disk's fields as those of the volume that it declares. */
static struct ks_volume *from_disk(struct ks_planning *p, const struct ks_disk *disk)
{
    struct ks_volume *volume =
        (struct ks_volume *)ks_obj_new(p->arena, &ks_volume_kind, strchr(disk->volume, '/') + 1);

    volume->o.at = ks_at(&disk->o, "volume");
    for (size_t i = 0; i < KS_COUNT(shared_fields); i++) {
        const char *key = shared_fields[i], *problem;
        if (!ks_has(&disk->o, key))
            continue;
        problem = ks_load_text(p->arena, row(&volume->o, key), ks_show(p->arena, row(&disk->o, key), &disk->o),
                               &volume->o);
        if (problem)
            (void)ks_report(p->findings, KS_E_INVALID, ks_at(&disk->o, key), "volume %s: %s: expected %s",
                            disk->volume, key, problem);
    }
    return volume;
}

static void check_same(struct ks_planning *p, const struct ks_disk *disk, const struct ks_volume *one,
                       const struct ks_volume *other)
{
    /* Two sizes are the loader's to refuse. */
    for (size_t i = 1; i < KS_COUNT(shared_fields); i++) {
        const char *key = shared_fields[i], *a, *b;
        if (!ks_has(&one->o, key) || !ks_has(&other->o, key))
            continue;
        a = ks_show(p->arena, row(&one->o, key), &one->o);
        b = ks_show(p->arena, row(&other->o, key), &other->o);
        if (!ks_streq(a, b))
            (void)ks_report(p->findings, KS_E_CONFLICT, ks_at(&disk->o, key),
                            "volume %s is declared twice: %s is %s here, and %s at %s:%u", disk->volume, key, a, b,
                            other->o.at.file ? other->o.at.file : "?", other->o.at.line);
    }
}

/* What the first statement leaves open the second may say. */
static void complete(struct ks_planning *p, struct ks_volume *into, const struct ks_volume *from)
{
    for (size_t i = 0; i < KS_COUNT(shared_fields); i++) {
        const char *key = shared_fields[i];
        if (ks_has(&from->o, key) && !ks_stated(&into->o, key))
            (void)ks_load_text(p->arena, row(&into->o, key), ks_show(p->arena, row(&from->o, key), &from->o),
                               &into->o);
    }
}

static void add_disk(struct ks_planning *p, struct ks_wanted_volumes *all, const struct ks_disk *disk)
{
    struct ks_volume *volume = from_disk(p, disk);
    const char *pool = ks_strndup(p->arena, disk->volume, strcspn(disk->volume, "/"));
    const struct ks_pool_volumes *declared = (const struct ks_pool_volumes *)ks_map_get(&p->want->volumes, pool);
    struct ks_volume *other = declared ? (struct ks_volume *)ks_map_get(&declared->volumes, volume->o.key) : NULL;

    /* A shared disk is declared by each guest that has it. */
    for (size_t i = 0; !other && i < all->n; i++)
        if (ks_streq(all->v[i].id, disk->volume))
            other = all->v[i].volume;
    if (!other) {
        add(p, all, pool, volume);
        return;
    }
    check_same(p, disk, volume, other);
    complete(p, other, volume);
}

static bool counts(const struct ks_guest *guest)
{
    return guest->state != KS_GUEST_ABSENT && guest->state != KS_GUEST_UNMANAGED;
}

static void add_disks(struct ks_planning *p, struct ks_wanted_volumes *all)
{
    for (size_t i = 0; i < p->want->guests.n; i++) {
        const struct ks_guest *guest = (const struct ks_guest *)p->want->guests.v[i];
        for (size_t k = 0; counts(guest) && k < guest->disks.n; k++) {
            const struct ks_disk *disk = (const struct ks_disk *)guest->disks.v[k];
            if (declares(disk))
                add_disk(p, all, disk);
        }
    }
}

const struct ks_wanted_volumes *ks_wanted_volumes(struct ks_planning *p)
{
    struct ks_wanted_volumes *all = p->volumes;

    if (all)
        return all;
    all = ks_new(p->arena, struct ks_wanted_volumes);
    for (size_t i = 0; i < p->want->volumes.n; i++) {
        const struct ks_pool_volumes *pool = (const struct ks_pool_volumes *)p->want->volumes.v[i];
        for (size_t k = 0; k < pool->volumes.n; k++)
            add(p, all, pool->o.key, (struct ks_volume *)pool->volumes.v[k]);
    }
    add_disks(p, all);
    if (all->n > 1)
        qsort(all->v, all->n, sizeof *all->v, compare);
    p->volumes = all;
    return all;
}

const struct ks_wanted_volume *ks_wanted_volume(struct ks_planning *p, const char *id)
{
    return find(ks_wanted_volumes(p), id);
}

/* ---- what is known of a volume ------------------------------------------------------------------------------ */

static const char *pool_of(struct ks_planning *p, const char *id)
{
    return ks_strndup(p->arena, id, strcspn(id, "/"));
}

const char *ks_base_volume(struct ks_planning *p, const char *pool, const char *base)
{
    if (*base == '/')
        return NULL;
    return strchr(base, '/') ? base : ks_sprintf(p->arena, "%s/%s", pool, base);
}

const struct ks_volume *ks_seen_volume(struct ks_planning *p, const char *id)
{
    const struct ks_seen_pool *pool = ks_seen_pool(p->have, pool_of(p, id));

    if (!pool || !pool->volumes_known || !strchr(id, '/'))
        return NULL;
    return (const struct ks_volume *)ks_map_get(&pool->volumes, strchr(id, '/') + 1);
}

/* A volume group's directory has its name. */
static const char *folder_of(struct ks_planning *p, const char *pool)
{
    const struct ks_pool *want = (const struct ks_pool *)ks_map_get(&p->want->pools, pool);
    const struct ks_seen_pool *have = ks_seen_pool(p->have, pool);

    if (have && have->path)
        return have->path;
    if (!want || want->path || !ks_streq(ks_pool_type(p, pool), "logical"))
        return want ? want->path : NULL;
    return ks_sprintf(p->arena, "/dev/%s", want->source && want->source->name ? want->source->name : pool);
}

const char *ks_volume_path(struct ks_planning *p, const char *id)
{
    const struct ks_volume *seen = ks_seen_volume(p, id);
    const char *folder = folder_of(p, pool_of(p, id));

    if (seen && seen->path)
        return seen->path;
    return folder ? ks_sprintf(p->arena, "%s/%s", folder, strchr(id, '/') + 1) : NULL;
}

const struct ks_wanted_volume *ks_wanted_at(struct ks_planning *p, const char *path)
{
    const struct ks_wanted_volumes *all = ks_wanted_volumes(p);

    for (size_t i = 0; i < all->n; i++)
        if (ks_streq(ks_volume_path(p, all->v[i].id), path))
            return &all->v[i];
    return NULL;
}

const char *ks_pool_type(struct ks_planning *p, const char *pool)
{
    const struct ks_pool *want = (const struct ks_pool *)ks_map_get(&p->want->pools, pool);
    const struct ks_seen_pool *have = ks_seen_pool(p->have, pool);
    const struct ks_pool *from = want && ks_has(&want->o, "type") ? want : have ? have->config : NULL;

    return from && ks_has(&from->o, "type") ? ks_show(p->arena, row(&from->o, "type"), &from->o) : "dir";
}

/* What is not here has the volumes that its server, or the host's hardware, has. */
static const struct {
    const char *type;
    bool files, grows;
} capabilities[] = {
    {"dir", true, true},  {"fs", true, true},     {"netfs", true, true}, {"logical", false, true},
    {"rbd", false, true}, {"disk", false, false}, {"zfs", false, false},
};

bool ks_pool_makes_volumes(const char *type)
{
    for (size_t i = 0; i < KS_COUNT(capabilities); i++)
        if (ks_streq(capabilities[i].type, type))
            return true;
    return false;
}

bool ks_pool_grows_volumes(const char *type)
{
    for (size_t i = 0; i < KS_COUNT(capabilities); i++)
        if (ks_streq(capabilities[i].type, type))
            return capabilities[i].grows;
    return false;
}

bool ks_pool_has_files(struct ks_planning *p, const char *pool)
{
    const char *type = ks_pool_type(p, pool);

    for (size_t i = 0; i < KS_COUNT(capabilities); i++)
        if (ks_streq(capabilities[i].type, type))
            return capabilities[i].files;
    return false;
}

const char *ks_volume_format(struct ks_planning *p, const struct ks_wanted_volume *wanted)
{
    const struct ks_volume *volume = wanted->volume, *seen;
    const struct ks_wanted_volume *base;
    const char *id;

    if (ks_has(&volume->o, "format"))
        return ks_show(p->arena, row(&volume->o, "format"), &volume->o);
    if (volume->backing)
        return "qcow2";
    if (volume->source)
        return NULL;
    if (!volume->clone)
        return "raw";
    id = ks_base_volume(p, wanted->pool, volume->clone);
    base = id ? ks_wanted_volume(p, id) : NULL;
    if (base)
        return base->volume == volume ? NULL : ks_volume_format(p, base);
    seen = id ? ks_seen_volume(p, id) : NULL;
    return seen && ks_has(&seen->o, "format") ? ks_show(p->arena, row(&seen->o, "format"), &seen->o) : NULL;
}

const char *ks_pools_unknown(const struct ks_planning *p)
{
    for (size_t i = 0; i < p->have->unknown.n; i++)
        if (ks_starts(p->have->unknown.v[i], "pools: "))
            return p->have->unknown.v[i] + strlen("pools: ");
    return NULL;
}

bool ks_is_among(const struct ks_strings *list, const char *text)
{
    for (size_t i = 0; i < list->n; i++)
        if (ks_streq(list->v[i], text))
            return true;
    return false;
}

/* ---- who uses it -------------------------------------------------------------------------------------------- */

static bool is_it(const char *volume, const char *wanted, bool prefix)
{
    return volume && (prefix ? ks_starts(volume, wanted) : ks_streq(volume, wanted));
}

static bool has_disk(const struct ks_guest *guest, const char *volume, bool prefix)
{
    for (size_t i = 0; guest && i < guest->disks.n; i++)
        if (is_it(((const struct ks_disk *)guest->disks.v[i])->volume, volume, prefix))
            return true;
    return false;
}

bool ks_guest_has_volume(const struct ks_seen_guest *guest, const char *volume, bool prefix)
{
    return has_disk(guest->config, volume, prefix) || has_disk(guest->live, volume, prefix);
}

/* Whether the manifest takes it away from the guest, or the guest away. */
static bool gives_up(struct ks_planning *p, const struct ks_seen_guest *guest, const char *volume, bool prefix)
{
    const struct ks_guest *want = (const struct ks_guest *)ks_map_get(&p->want->guests, guest->name);

    if (!want)
        return ks_prunes(p) && guest->owned && !guest->protect;
    if (ks_has(&want->o, "state") && want->state == KS_GUEST_ABSENT)
        return guest->owned && !guest->protect;
    if (ks_has(&want->o, "state") && want->state == KS_GUEST_UNMANAGED)
        return false;
    return ks_stated(&want->o, "disks") && !has_disk(want, volume, prefix);
}

void ks_step_after_users(struct ks_planning *p, struct ks_step *s, const char *volume, bool prefix)
{
    for (size_t i = 0; i < p->have->guests.n; i++) {
        const struct ks_seen_guest *guest = &p->have->guests.v[i];
        if (guest->unknown) {
            ks_step_block(p, s, "guest %s could not be read, and may use it", guest->name);
            continue;
        }
        if (!ks_guest_has_volume(guest, volume, prefix))
            continue;
        ks_step_affects(p, s, ks_sprintf(p->arena, "guest/%s", guest->name));
        if (!gives_up(p, guest, volume, prefix))
            ks_step_block(p, s, "guest %s uses it", guest->name);
        ks_step_needs(p, s, ks_sprintf(p->arena, "guest/%s", guest->name));
        ks_step_needs(p, s, ks_sprintf(p->arena, "guest/%s:restart", guest->name));
    }
    /* One that is yet to be made has it too. */
    for (size_t i = 0; i < p->want->guests.n; i++) {
        const struct ks_guest *guest = (const struct ks_guest *)p->want->guests.v[i];
        if (counts(guest) && has_disk(guest, volume, prefix))
            ks_step_block(p, s, "guest %s is to use it", guest->o.key);
    }
}

const char *ks_running_user(struct ks_planning *p, const char *volume, bool prefix)
{
    for (size_t i = 0; i < p->have->guests.n; i++)
        if (has_disk(p->have->guests.v[i].live, volume, prefix))
            return p->have->guests.v[i].name;
    return NULL;
}
