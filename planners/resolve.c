/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a manifest leaves to be worked out, from the manifest itself and the host. */
#include "planners/device.h"
#include "planners/storage.h"

/* How a pool's volumes are reached: by its type. The order is that of the pool's own enum names. */
static const struct {
    const char *pool_type, *source_type;
} source_types[] = {
    {"dir", "file"},    {"fs", "file"},    {"netfs", "file"},  {"logical", "block"},       {"disk", "block"},
    {"iscsi", "block"}, {"scsi", "block"}, {"mpath", "block"}, {"iscsi-direct", "volume"}, {"rbd", "volume"},
    {"zfs", "block"},
};

static const char *source_type(struct ks_planning *p, const struct ks_pool *pool)
{
    const char *type =
        pool ? ks_show(p->arena, &pool->o.kind->fields[ks_row(pool->o.kind, "type")], &pool->o) : "dir";

    for (size_t i = 0; i < KS_COUNT(source_types); i++)
        if (ks_streq(source_types[i].pool_type, type))
            return source_types[i].source_type;
    return "volume";
}

/* As it is on the host, else as it will be made; NULL when neither is known. */
static const char *volume_format(struct ks_planning *p, const char *id, const struct ks_obj *seen)
{
    const struct ks_wanted_volume *wanted = ks_wanted_volume(p, id);

    if (seen && ks_has(seen, "format"))
        return ks_show(p->arena, &seen->kind->fields[ks_row(seen->kind, "format")], seen);
    return wanted ? ks_volume_format(p, wanted) : NULL;
}

static void resolve_volume(struct ks_planning *p, struct ks_disk *disk)
{
    const char *slash = strchr(disk->volume, '/');
    const char *name, *path = NULL;
    const struct ks_seen_pool *seen;
    const struct ks_pool *pool;
    struct ks_obj *volume = NULL;

    if (!slash)
        return;
    name = ks_strndup(p->arena, disk->volume, (size_t)(slash - disk->volume));
    seen = ks_seen_pool(p->have, name);
    pool = (const struct ks_pool *)ks_map_get(&p->want->pools, name);
    if (!pool && seen)
        pool = seen->config;
    if (seen && seen->volumes_known)
        volume = ks_map_get(&seen->volumes, slash + 1);
    if (volume)
        path = ((const struct ks_volume *)volume)->path;
    if (!path && seen && seen->path)
        path = ks_sprintf(p->arena, "%s/%s", seen->path, slash + 1);
    if (!path && pool && pool->path)
        path = ks_sprintf(p->arena, "%s/%s", pool->path, slash + 1);
    disk->source_type = path ? source_type(p, pool) : "volume";
    disk->source_path = path;
    disk->source_format = volume_format(p, disk->volume, volume);
}

static void resolve_nic(struct ks_planning *p, const struct ks_guest *guest, struct ks_nic *nic)
{
    if (!nic->mac)
        nic->mac = ks_derived_mac(p->arena, p->want->host, guest->o.key, nic->o.key);
}

void ks_resolve(struct ks_planning *p)
{
    for (size_t i = 0; i < p->want->guests.n; i++) {
        const struct ks_guest *guest = (const struct ks_guest *)p->want->guests.v[i];
        for (size_t k = 0; k < guest->disks.n; k++) {
            struct ks_disk *disk = (struct ks_disk *)guest->disks.v[k];
            if (ks_has(&disk->o, "volume"))
                resolve_volume(p, disk);
        }
        for (size_t k = 0; k < guest->nics.n; k++)
            resolve_nic(p, guest, (struct ks_nic *)guest->nics.v[k]);
    }
    ks_resolve_vfs(p);
    ks_resolve_seeds(p);
}
