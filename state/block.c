/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a pool would be made of: the devices that the manifest gives it, and what each of them holds. Asked for only
 * where a pool is not active yet: what is, is left alone.
 */
#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>

#include "schema/xml.h"
#include "state/state.h"

enum { POOL_ACTIVE };

/* ---- devices ------------------------------------------------------------------------------------------------ */

static const char *looked_up(struct ks_arena *arena, blkid_probe probe, const char *name, const char *what)
{
    const char *value;

    return blkid_probe_lookup_value(probe, name, &value, NULL) == 0 ? ks_sprintf(arena, "%s%s", value, what) : NULL;
}

/* libblkid's manual, "Low-level probing": 0 found, 1 nothing, -2 several that contradict each other. */
static void probe(struct ks_arena *arena, int fd, struct ks_seen_block *ret)
{
    blkid_probe pr = blkid_new_probe();
    int r = -1;

    if (pr && blkid_probe_set_device(pr, fd, 0, 0) == 0 && blkid_probe_enable_superblocks(pr, 1) == 0 &&
        blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE) == 0 && blkid_probe_enable_partitions(pr, 1) == 0)
        r = blkid_do_safeprobe(pr);
    if (r == 0)
        ret->holds = looked_up(arena, pr, "TYPE", "");
    if (r == 0 && !ret->holds)
        ret->holds = looked_up(arena, pr, "PTTYPE", " partition table");
    if (r == -2)
        ret->holds = "several signatures";
    if (r == -1)
        ret->problem = "its content could not be read";
    if (pr)
        blkid_free_probe(pr);
}

/* O_EXCL: the kernel refuses a device that is mounted, or part of another. */
static void read_block(struct ks_observing *o, struct ks_seen_block *ret)
{
    ks_auto(ks_closep) int fd =
        openat(o->root, ret->path + 1, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_EXCL);

    if (fd < 0 && errno == EBUSY) {
        ret->busy = true;
        fd = openat(o->root, ret->path + 1, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    }
    if (fd >= 0)
        probe(o->arena, fd, ret);
    else if (errno == ENOENT)
        ret->missing = true;
    else
        ret->problem = ks_strdup(o->arena, strerror(errno));
}

static void add_block(struct ks_observing *o, struct ks_observed *ret, const char *path)
{
    struct ks_seen_block *block;

    if (*path != '/')
        return; /* an iSCSI target */
    for (size_t i = 0; i < ret->blocks.n; i++)
        if (ks_streq(ret->blocks.v[i].path, path))
            return;
    block = ks_vec_add(o->arena, &ret->blocks);
    block->path = path;
    read_block(o, block);
}

/* ---- volume groups ------------------------------------------------------------------------------------------ */

static void add_group(struct ks_arena *arena, xmlNode *source, struct ks_observed *ret)
{
    struct ks_seen_group *group;
    const char *name = ks_xml_get(arena, source, "name", NULL);

    if (!name)
        return;
    group = ks_vec_add(arena, &ret->groups);
    group->name = ks_strdup(arena, name);
    for (xmlNode *device = NULL; (device = ks_xml_each(source, "device", NULL, device));)
        if (ks_xml_attr(device, "path"))
            *ks_vec_add(arena, &group->devices) = ks_strdup(arena, ks_xml_attr(device, "path"));
}

static int read_groups(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err)
{
    ks_auto(ks_freep) char *text = virConnectFindStoragePoolSources(o->conn, "logical", NULL, 0);
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;

    if (!text)
        return ks_fail_virt(err, "list volume groups");
    if (ks_xml_parse(text, strlen(text), &doc, err) < 0)
        return -1;
    for (xmlNode *source = NULL; (source = ks_xml_each(xmlDocGetRootElement(doc), "source", NULL, source));)
        add_group(o->arena, source, ret);
    return 0;
}

/* ---- which -------------------------------------------------------------------------------------------------- */

/* One that is to stand on other devices than it does is stopped, and started again. */
static bool has_other_devices(struct ks_arena *arena, const struct ks_pool *want, const struct ks_seen_pool *seen)
{
    struct ks_changes changes = {0};

    ks_diff(arena, &want->o, &seen->config->o, false, &changes);
    return ks_changes_find(&changes, "source.devices") || ks_changes_find(&changes, "source.format");
}

static bool is_to_start(struct ks_arena *arena, const struct ks_pool *want, const struct ks_seen_pool *seen)
{
    const bool stated = ks_has(&want->o, "state");

    if (seen && seen->active)
        return seen->config && (!stated || want->state == POOL_ACTIVE) && has_other_devices(arena, want, seen);
    return stated ? want->state == POOL_ACTIVE : !seen || seen->making;
}

static bool is_of(const struct ks_pool *pool, const char *type, struct ks_arena *arena)
{
    return pool && ks_has(&pool->o, "type") &&
           ks_streq(ks_show(arena, &pool->o.kind->fields[ks_row(pool->o.kind, "type")], &pool->o), type);
}

void ks_observe_blocks(struct ks_observing *o, struct ks_observed *ret)
{
    bool groups = false;

    for (size_t i = 0; o->want && i < o->want->pools.n; i++) {
        const struct ks_pool *want = (const struct ks_pool *)o->want->pools.v[i];
        const struct ks_seen_pool *seen = ks_seen_pool(ret, want->o.key);
        const struct ks_pool *pool = ks_has(&want->o, "type") ? want : seen ? seen->config : NULL;
        if (!pool || !is_to_start(o->arena, want, seen))
            continue;
        groups = groups || is_of(pool, "logical", o->arena);
        for (size_t k = 0; pool->source && k < pool->source->devices.n; k++)
            add_block(o, ret, pool->source->devices.v[k]);
    }
    if (groups) {
        ks_auto(ks_error_done) struct ks_error err = {0};
        if (read_groups(o, ret, &err) < 0)
            ret->groups_unknown = ks_error_text(o->arena, &err);
    }
}
