/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Volumes: what backs them, who writes to them. */
#include "schema/manifest_check.h"

enum { VOLUME_ABSENT = 1, POOL_ABSENT = 2 };

/* A volume that the manifest describes, under `volumes` or in place at a disk. */
struct volume {
    const char *name; /* pool/name */
    const char *base; /* pool/name of what backs it or what it is cloned from; NULL: none, or a path */
    bool backed;      /* base is read for as long as the volume lives */
    uint64_t size;    /* 0: not stated */
    struct ks_loc at, base_at;
    bool absent;
    size_t visited; /* number of the walk that came by */
};

struct storage {
    struct ks_checking *c;
    struct ks_index volumes; /* of struct volume, by name */
    struct ks_index backing; /* of struct volume that it backs, by name */
    KS_VEC(struct volume *) all;
};

/* "name" of the same pool, or "pool/name"; NULL for a path. */
static const char *volume_name(struct storage *s, const char *pool, const char *text)
{
    if (*text == '/')
        return NULL;
    return strchr(text, '/') ? text : ks_sprintf(s->c->scratch, "%s/%s", pool, text);
}

static void add_volume(struct storage *s, struct volume v)
{
    struct volume *mine = ks_new(s->c->scratch, struct volume);
    const struct volume *other;

    *mine = v;
    other = ks_index_add(&s->volumes, v.name, strlen(v.name), mine);
    if (other) {
        if (other->size && v.size && other->size != v.size)
            ks_report(s->c->f, KS_E_CONFLICT, v.at, "volume %s has two sizes: %s here, %s at %s:%u", v.name,
                      ks_size_format(s->c->scratch, v.size), ks_size_format(s->c->scratch, other->size),
                      other->at.file, other->at.line);
        return;
    }
    *ks_vec_add(s->c->scratch, &s->all) = mine;
    if (v.base && v.backed && !v.absent)
        ks_index_add(&s->backing, v.base, strlen(v.base), mine);
}

static void collect_volumes(struct storage *s)
{
    for (size_t i = 0; i < s->c->m->volumes.n; i++) {
        const struct ks_pool_volumes *pool = (const struct ks_pool_volumes *)s->c->m->volumes.v[i];

        for (size_t k = 0; k < pool->volumes.n; k++) {
            const struct ks_volume *v = (const struct ks_volume *)pool->volumes.v[k];
            const char *base = v->backing ? v->backing : v->clone;

            add_volume(s, (struct volume){.name = ks_sprintf(s->c->scratch, "%s/%s", pool->o.key, v->o.key),
                                          .base = base ? volume_name(s, pool->o.key, base) : NULL,
                                          .backed = v->backing,
                                          .size = v->size,
                                          .at = v->o.at,
                                          .base_at = ks_at(&v->o, v->backing ? "backing" : "clone"),
                                          .absent = v->state == VOLUME_ABSENT});
        }
    }
}

static void collect_disk(struct storage *s, const struct ks_disk *d)
{
    const char *base = d->backing ? d->backing : d->clone;
    const char *pool;

    if (!d->volume || !(d->size || base))
        return;
    pool = ks_strndup(s->c->scratch, d->volume, strcspn(d->volume, "/"));
    add_volume(s, (struct volume){.name = d->volume,
                                  .base = base ? volume_name(s, pool, base) : NULL,
                                  .backed = d->backing,
                                  .size = d->size,
                                  .at = ks_at(&d->o, "volume"),
                                  .base_at = base ? ks_at(&d->o, d->backing ? "backing" : "clone") : d->o.at});
}

static struct volume *find_volume(const struct storage *s, const char *name)
{
    return name ? (struct volume *)(uintptr_t)ks_index_get(&s->volumes, name, strlen(name)) : NULL;
}

/* Each volume has one base at most: follow it until it ends, or comes back to what this walk has seen. */
static void check_bases(struct storage *s)
{
    for (size_t i = 0; i < s->all.n; i++) {
        struct volume *v = s->all.v[i];
        struct volume *base = find_volume(s, v->base);

        if (base && base->absent && !v->absent)
            ks_report(s->c->f, KS_E_CONFLICT, v->base_at, "volume %s is needed here, but is to be absent (%s:%u)",
                      base->name, base->at.file, base->at.line);
        if (ks_streq(v->base, v->name)) {
            ks_report(s->c->f, KS_E_INVALID, v->base_at, "volume %s cannot come from itself", v->name);
            v->base = NULL;
        }
    }
    for (size_t i = 0; i < s->all.n; i++) {
        struct volume *v = s->all.v[i];

        while (v && !v->visited) {
            v->visited = i + 1;
            v = find_volume(s, v->base);
        }
        if (v && v->visited == i + 1)
            ks_report(s->c->f, KS_E_INVALID, v->base_at, "volume %s comes from %s, and that in the end from %s",
                      v->name, v->base, v->name);
    }
}

enum { SOURCES = 4 };

static void check_disk_use(struct storage *s, const struct ks_guest *g, const struct ks_disk *d,
                           struct ks_index *uses)
{
    const struct {
        const char *noun, *value;
    } sources[SOURCES] = {{"volume", d->volume}, {"file", d->file}, {"block", d->block}, {"rbd", d->rbd}};
    const struct volume *layer;

    for (size_t i = 0; i < SOURCES; i++)
        if (sources[i].value)
            ks_claim(s->c, &uses[i], sources[i].noun, sources[i].value,
                     (struct ks_claim){"disk", &d->o, "guest", &g->o, .field = sources[i].noun,
                                       .shareable = d->shareable});
    layer = d->volume ? ks_index_get(&s->backing, d->volume, strlen(d->volume)) : NULL;
    if (layer)
        ks_report(s->c->f, KS_E_CONFLICT, ks_at(&d->o, "volume"),
                  "volume %s backs %s (%s:%u): writing to it would destroy that; make the disk readonly, or clone",
                  d->volume, layer->name, layer->at.file, layer->at.line);
}

static void check_absent(struct storage *s, const struct ks_disk *d)
{
    const struct volume *v = find_volume(s, d->volume);
    const struct ks_pool *pool;
    const char *name;

    if (!d->volume)
        return;
    if (v && v->absent)
        ks_report(s->c->f, KS_E_CONFLICT, ks_at(&d->o, "volume"), "volume %s is to be absent (%s:%u)", d->volume,
                  v->at.file, v->at.line);
    if (s->c->m->pools.n == 0)
        return;
    name = ks_strndup(s->c->scratch, d->volume, strcspn(d->volume, "/"));
    pool = (const struct ks_pool *)ks_map_get(&s->c->m->pools, name);
    if (pool && pool->state == POOL_ABSENT)
        ks_report(s->c->f, KS_E_CONFLICT, ks_at(&d->o, "volume"), "pool %s is to be absent (%s:%u)", name,
                  pool->o.at.file, pool->o.at.line);
}

static bool is_written(const struct ks_disk *d)
{
    return !d->readonly && d->device != KS_DISK_CDROM;
}

void ks_check_storage(struct ks_checking *c)
{
    struct storage s = {.c = c, .volumes = {.arena = c->scratch}, .backing = {.arena = c->scratch}};
    struct ks_index uses[SOURCES] = {0};

    collect_volumes(&s);
    for (unsigned pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < c->m->guests.n; i++) {
            const struct ks_guest *g = (const struct ks_guest *)c->m->guests.v[i];

            for (size_t k = 0; ks_guest_counts(g) && k < g->disks.n; k++) {
                const struct ks_disk *d = (const struct ks_disk *)g->disks.v[k];

                if (pass == 0) {
                    collect_disk(&s, d);
                } else {
                    check_absent(&s, d);
                    if (is_written(d))
                        check_disk_use(&s, g, d, uses);
                }
            }
        }
    }
    check_bases(&s);
}
