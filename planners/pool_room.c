/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether what is allocated at once fits into what a pool has left, with the arithmetic where it does not. */
#include "planners/storage.h"

enum { CLONES_MAX = 32 }; /* of clones: validate refuses circles */

struct room {
    struct ks_planning *p;
    const char *pool;
    bool files;
    uint64_t needed; /* bytes */
    struct ks_text parts;
    struct ks_loc at;
};

static void take(struct room *r, const char *name, uint64_t bytes, struct ks_loc at)
{
    if (bytes == 0)
        return;
    if (r->needed == 0)
        r->at = at;
    r->needed += bytes;
    ks_text_addf(&r->parts, "%s%s %s", r->parts.n ? ", " : "", name, ks_size_format(r->p->arena, bytes));
}

static uint64_t file_size(const struct ks_planning *p, const char *path)
{
    for (size_t i = 0; i < p->have->files.n; i++)
        if (ks_streq(p->have->files.v[i].path, path))
            return p->have->files.v[i].size;
    return 0;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t copied(struct ks_planning *p, const struct ks_wanted_volume *wanted, unsigned depth);

/* What a volume that is not there yet is filled with when it is made. */
static uint64_t content(struct ks_planning *p, const struct ks_wanted_volume *wanted, unsigned depth)
{
    const struct ks_volume *v = wanted->volume;
    const bool all = ks_has(&v->o, "preallocation") && v->preallocation >= KS_PREALLOCATION_FALLOC;
    const uint64_t all_of_it = all && ks_has(&v->o, "size") ? v->size : 0;

    if (v->source)
        return larger(all_of_it, file_size(p, v->source->file));
    return larger(all_of_it, v->clone ? copied(p, wanted, depth) : 0);
}

/* A full copy has what its original has. */
static uint64_t copied(struct ks_planning *p, const struct ks_wanted_volume *wanted, unsigned depth)
{
    const char *id = ks_base_volume(p, wanted->pool, wanted->volume->clone);
    const struct ks_volume *seen = id ? ks_seen_volume(p, id) : NULL;
    const struct ks_wanted_volume *base = id ? ks_wanted_volume(p, id) : NULL;

    if (seen)
        return seen->allocation;
    return base && depth < CLONES_MAX ? content(p, base, depth + 1) : 0;
}

/* What making it, or growing it, allocates; 0 where it grows as it is written to. */
static uint64_t allocates(struct room *r, const struct ks_wanted_volume *wanted)
{
    const struct ks_volume *volume = wanted->volume, *seen = ks_seen_volume(r->p, wanted->id);
    const uint64_t size = ks_has(&volume->o, "size") ? volume->size : 0;

    if (volume->state == KS_VOLUME_ABSENT)
        return 0;
    if (!seen)
        return r->files ? content(r->p, wanted, 0) : larger(size, content(r->p, wanted, 0));
    return !r->files && ks_has(&seen->o, "size") && size > seen->size ? size - seen->size : 0;
}

static void check(struct ks_planning *p, const struct ks_seen_pool *pool)
{
    const struct ks_wanted_volumes *all = ks_wanted_volumes(p);
    struct room r = {.p = p, .pool = pool->name, .files = ks_pool_has_files(p, pool->name)};

    r.parts.arena = p->arena;
    for (size_t i = 0; i < all->n; i++)
        if (ks_streq(all->v[i].pool, pool->name))
            take(&r, all->v[i].name, allocates(&r, &all->v[i]), all->v[i].volume->o.at);
    if (r.needed > pool->available)
        (void)ks_report(p->findings, KS_E_CONFLICT, r.at,
                        "pool %s has too little room: %s to be allocated (%s), %s of %s available", pool->name,
                        ks_size_format(p->arena, r.needed), ks_text_str(&r.parts),
                        ks_size_format(p->arena, pool->available), ks_size_format(p->arena, pool->capacity));
}

void ks_check_pool_room(struct ks_planning *p)
{
    for (size_t i = 0; i < p->have->pools.n; i++) {
        const struct ks_seen_pool *pool = &p->have->pools.v[i];
        /* libvirt says 0 where it cannot tell (rbd without a cluster, mpath). */
        if (pool->active && !pool->unknown && pool->capacity > 0)
            check(p, pool);
    }
}
