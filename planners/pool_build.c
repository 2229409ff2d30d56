/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has to be written to a pool's devices before it can be active: a file system, a partition table, a volume
 * group. What is there already and fits is used as it is. An empty device is formatted; one that holds anything
 * else is, too, once that is allowed.
 */
#include "planners/storage.h"

struct build {
    struct ks_planning *p;
    struct ks_step *s;
    const struct ks_pool *pool;
    const char *name, *format; /* format: as the manifest says it, or NULL */
    struct ks_text holds;      /* what the devices have that would be lost */
    bool needed;
};

static const struct ks_seen_block *find_block(const struct ks_planning *p, const char *path)
{
    for (size_t i = 0; i < p->have->blocks.n; i++)
        if (ks_streq(p->have->blocks.v[i].path, path))
            return &p->have->blocks.v[i];
    return NULL;
}

/* One that is not there may be a volume that this plan makes. */
static void missing(struct build *b, const char *path)
{
    const struct ks_wanted_volume *volume = ks_wanted_at(b->p, path);

    if (volume)
        ks_step_needs(b->p, b->s, ks_sprintf(b->p->arena, "volume/%s", volume->id));
    else
        (void)ks_report(b->p->findings, KS_E_NOT_FOUND, ks_at(&b->pool->source->o, "devices"),
                        "pool %s: the host has no device %s", b->name, path);
    b->needed = b->needed || volume;
}

/* The device is to be written to. */
static void take(struct build *b, const struct ks_seen_block *block)
{
    b->needed = true;
    if (block->busy)
        ks_step_block(b->p, b->s, "%s is in use: mounted, or part of another device", block->path);
    if (block->holds)
        ks_text_addf(&b->holds, "%s%s on %s", b->holds.n ? ", " : "", block->holds, block->path);
}

/* `fits`: whether what the device holds is what the pool wants. */
static void look_at(struct build *b, bool (*fits)(const struct build *b, const struct ks_seen_block *block))
{
    const struct ks_pool_source *source = b->pool->source;

    for (size_t i = 0; source && i < source->devices.n; i++) {
        const struct ks_seen_block *block = find_block(b->p, source->devices.v[i]);
        if (!block)
            continue;
        if (block->missing)
            missing(b, block->path);
        else if (block->problem)
            ks_step_block(b->p, b->s, "%s: %s", block->path, block->problem);
        else if (!fits(b, block))
            take(b, block);
    }
}

/* ---- file systems and partition tables ---------------------------------------------------------------------- */

static bool fits_fs(const struct build *b, const struct ks_seen_block *block)
{
    if (!block->holds || strstr(block->holds, "partition table"))
        return false;
    return !b->format || ks_streq(b->format, "auto") || ks_streq(b->format, block->holds);
}

static void build_fs(struct build *b)
{
    look_at(b, fits_fs);
    if (b->needed && (!b->format || ks_streq(b->format, "auto")))
        (void)ks_report(b->p->findings, KS_E_INVALID, ks_at(&b->pool->o, "source"),
                        "pool %s: %s: state source.format, such as ext4, to have a file system made", b->name,
                        b->holds.n ? ks_text_str(&b->holds) : "there is no file system on its device");
}

/* libvirt makes a DOS partition table where none is asked for. */
static bool fits_disk(const struct build *b, const struct ks_seen_block *block)
{
    const char *format = b->format ? b->format : "dos";

    return block->holds && ks_streq(block->holds, ks_sprintf(b->p->arena, "%s partition table", format));
}

static void build_disk(struct build *b)
{
    if (!b->format)
        b->format = "dos";
    look_at(b, fits_disk);
}

/* ---- volume groups ------------------------------------------------------------------------------------------ */

static bool fits_nothing(const struct build *b, const struct ks_seen_block *block)
{
    (void)b;
    (void)block;
    return false;
}

static void block_members(struct build *b)
{
    const struct ks_pool_source *source = b->pool->source;

    for (size_t i = 0; i < b->p->have->groups.n; i++) {
        const struct ks_seen_group *group = &b->p->have->groups.v[i];
        for (size_t k = 0; source && k < source->devices.n; k++)
            if (ks_is_among(&group->devices, source->devices.v[k]))
                ks_step_block(b->p, b->s, "%s is part of volume group %s", source->devices.v[k], group->name);
    }
}

static void build_logical(struct build *b)
{
    const struct ks_pool_source *source = b->pool->source;
    const char *group = source && source->name ? source->name : b->name;

    if (b->p->have->groups_unknown)
        ks_step_block(b->p, b->s, "%s", b->p->have->groups_unknown);
    for (size_t i = 0; i < b->p->have->groups.n; i++)
        if (ks_streq(b->p->have->groups.v[i].name, group))
            return;
    if (!source || source->devices.n == 0)
        (void)ks_report(b->p->findings, KS_E_NOT_FOUND, b->pool->o.at,
                        "pool %s: there is no volume group %s, and no source.devices to make one of", b->name,
                        group);
    b->format = "LVM volume group";
    block_members(b);
    look_at(b, fits_nothing);
}

void ks_plan_pool_build(struct ks_planning *p, struct ks_step *s, const struct ks_pool *pool, const char *name)
{
    const char *type = ks_pool_type(p, name);
    struct build b = {.p = p, .s = s, .pool = pool, .name = name, .holds = {.arena = p->arena}};
    struct ks_plan_field *field;

    if (pool->source && ks_has(&pool->source->o, "format"))
        b.format = pool->source->format;
    if (ks_streq(type, "fs"))
        build_fs(&b);
    else if (ks_streq(type, "disk"))
        build_disk(&b);
    else if (ks_streq(type, "logical"))
        build_logical(&b);
    if (!b.needed)
        return;
    field = ks_step_add(p, s, "build", b.holds.n ? ks_text_str(&b.holds) : NULL, b.format,
                        b.holds.n ? KS_DATA_LOSS : KS_SAFE);
    field->op = b.holds.n ? KS_SET : KS_ADD;
    /* A saved plan is about these devices as they are now. */
    s->fingerprint = ks_hash_str(s->fingerprint ? s->fingerprint : KS_HASH_START, ks_text_str(&b.holds));
}
