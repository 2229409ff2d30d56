/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether what is allocated at once fits into what a pool has left, with the arithmetic where it does not. */
#include "planners/storage.h"

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

/* What making it, or growing it, allocates; 0 where it grows as it is written to. */
static uint64_t allocates(struct room *r, const struct ks_wanted_volume *wanted)
{
    const struct ks_volume *volume = wanted->volume, *seen = ks_seen_volume(r->p, wanted->id);
    const bool all =
        !r->files || (ks_has(&volume->o, "preallocation") && volume->preallocation >= KS_PREALLOCATION_FALLOC);

    if (!ks_has(&volume->o, "size") || !all || volume->state == KS_VOLUME_ABSENT)
        return 0;
    if (!seen)
        return volume->size;
    return !r->files && ks_has(&seen->o, "size") && volume->size > seen->size ? volume->size - seen->size : 0;
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
