/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cloud-init seeds as disks. The image's name carries the digest of what it holds, so that other content is another
 * medium, which comparing disks finds by itself; and an image of ours is known by the folder that it lies in.
 */
#include "planners/planners.h"

static bool is_ours(const struct ks_planning *p, const struct ks_disk *disk)
{
    const size_t n = strlen(p->have->seed_dir);

    return disk->device == KS_DISK_CDROM && disk->file && strncmp(disk->file, p->have->seed_dir, n) == 0 &&
           disk->file[n] == '/';
}

static const struct ks_disk *find_ours(const struct ks_planning *p, const struct ks_guest *have)
{
    for (size_t i = 0; have && i < have->disks.n; i++)
        if (is_ours(p, (const struct ks_disk *)have->disks.v[i]))
            return (const struct ks_disk *)have->disks.v[i];
    return NULL;
}

static const char *free_target(struct ks_planning *p, const struct ks_guest *want, const struct ks_seen_guest *seen)
{
    for (int c = 'a'; c <= 'z'; c++) {
        const char *target = ks_sprintf(p->arena, "sd%c", c);
        if (!ks_map_get(&want->disks, target) &&
            !(seen && seen->config && ks_map_get(&seen->config->disks, target)) &&
            !(seen && seen->live && ks_map_get(&seen->live->disks, target)))
            return target;
    }
    return NULL;
}

/* Boards without SATA ("virt") have it on SCSI. */
static unsigned bus_of(const struct ks_guest *want, const struct ks_seen_guest *seen, const char *target)
{
    const char *machine = seen && seen->config ? seen->config->machine : want->machine;

    if (*target == 'h')
        return KS_BUS_IDE;
    return machine && ks_starts(machine, "virt") ? KS_BUS_SCSI : KS_BUS_SATA;
}

static struct ks_disk *new_disk(struct ks_planning *p, const char *target, struct ks_loc at)
{
    struct ks_disk *disk = (struct ks_disk *)ks_obj_new(p->arena, &ks_disk_kind, target);

    disk->o.at = at;
    disk->device = KS_DISK_CDROM;
    disk->is_seed = true;
    return disk;
}

static void put_disk(struct ks_planning *p, struct ks_guest *want, struct ks_disk *disk)
{
    /* Whoever states no disks keeps those that are there. */
    if (!ks_stated(&want->o, "disks")) {
        ks_mark(&want->o, "disks");
        want->disks.open = true;
    }
    ks_map_put(p->arena, &want->disks, &disk->o);
}

static void want_seed(struct ks_planning *p, struct ks_guest *want, const struct ks_seen_guest *seen,
                      const struct ks_disk *there, const char *path)
{
    const struct ks_cloud_init *c = want->cloud_init;
    const struct ks_loc at = ks_at(&want->o, "cloud-init");
    const char *target = ks_has(&c->o, "target")                            ? c->target
                         : there && !ks_map_get(&want->disks, there->o.key) ? there->o.key
                                                                            : free_target(p, want, seen);
    const bool stays = there && ks_streq(there->o.key, target);
    struct ks_disk *disk;

    if (!target) {
        (void)ks_report(p->findings, KS_E_CONFLICT, at, "guest %s: cloud-init: no target from sda to sdz is free",
                        want->o.key);
        return;
    }
    disk = new_disk(p, target, at);
    disk->file = path;
    ks_mark(&disk->o, "device");
    ks_mark(&disk->o, "file");
    if (!stays) {
        disk->bus = bus_of(want, seen, target);
        ks_mark(&disk->o, "bus");
        disk->readonly = true;
        ks_mark(&disk->o, "readonly");
    }
    put_disk(p, want, disk);
}

static void resolve_seed(struct ks_planning *p, struct ks_guest *want)
{
    const struct ks_seen_guest *seen = ks_seen_guest(p->have, want->o.key);
    const char *path = ks_seed_path(p->arena, p->have->seed_dir, want);
    const struct ks_disk *there;

    if (!seen && want->was)
        seen = ks_seen_guest(p->have, want->was);
    there = find_ours(p, seen ? seen->config : NULL);
    if (path)
        want_seed(p, want, seen, there, path);
    if (!there && seen)
        there = find_ours(p, seen->live);
    /* A stated map of disks is complete: what it does not name goes by itself. */
    if (there && !ks_map_get(&want->disks, there->o.key) && (!ks_stated(&want->o, "disks") || want->disks.open)) {
        struct ks_disk *gone = new_disk(p, there->o.key, want->o.at);
        gone->o.gone = true;
        put_disk(p, want, gone);
    }
}

void ks_resolve_seeds(struct ks_planning *p)
{
    for (size_t i = 0; p->have->seed_dir && i < p->want->guests.n; i++) {
        struct ks_guest *want = (struct ks_guest *)p->want->guests.v[i];
        if (!ks_has(&want->o, "state") || (want->state != KS_GUEST_ABSENT && want->state != KS_GUEST_UNMANAGED))
            resolve_seed(p, want);
    }
}
