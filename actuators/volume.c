/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Volumes: changed, marked, removed; how they are made stands in volume_create.c. */
#include "actuators/volume.h"

#include "actuators/program.h"

enum { EXTEND_MS = 120000 };

static const char *id_of(struct ks_acting *a, const struct ks_step *step)
{
    return ks_sprintf(a->arena, "volume/%s", step->name);
}

int ks_volume_pool(struct ks_acting *a, const struct ks_step *step, virStoragePoolPtr *ret, struct ks_error *err)
{
    const char *name = ks_strndup(a->arena, step->name, strcspn(step->name, "/"));

    if (ks_storage_pool(a, name, ret, err) < 0)
        return -1;
    if (!*ret && !a->dry_run)
        return ks_fail(err, KS_E_NOT_FOUND, step->at, "there is no pool %s", name);
    return 0;
}

/* The volume of a step that was planned for one; KS_E_STALE when it is another by now. *ret NULL: it is gone. */
static int look_up(struct ks_acting *a, const struct ks_step *step, virStorageVolPtr *ret, struct ks_volume **now,
                   struct ks_error *err)
{
    ks_auto(ks_poolp) virStoragePoolPtr pool = NULL;
    const struct ks_volume *have = (const struct ks_volume *)step->have;

    *ret = NULL;
    if (ks_volume_pool(a, step, &pool, err) < 0)
        return -1;
    if (!pool)
        return 0;
    if (ks_storage_volume(a, pool, strchr(step->name, '/') + 1, ret, err) < 0)
        return -1;
    if (!*ret)
        return 0;
    if (ks_storage_read(a, *ret, now, err) < 0)
        return -1;
    if (have && ks_has(&have->o, "format") && (*now)->format != have->format)
        return ks_fail(err, KS_E_STALE, step->at, "its format is another than when this was planned");
    return 0;
}

/* ---- size --------------------------------------------------------------------------------------------------- */

static const char *target_in(const struct ks_guest *guest, const char *volume)
{
    for (size_t i = 0; guest && i < guest->disks.n; i++)
        if (ks_streq(((const struct ks_disk *)guest->disks.v[i])->volume, volume))
            return guest->disks.v[i]->key;
    return NULL;
}

/* 1: the guest runs with it, and sees the new size; 0: it does not. */
static int grow_in_guest(struct ks_acting *a, const struct ks_step *step, const struct ks_seen_guest *guest,
                         uint64_t size, struct ks_error *err)
{
    ks_auto(ks_domainp) virDomainPtr domain = NULL;
    const char *target = target_in(guest->live, step->name);

    if (!target)
        return 0;
    domain = virDomainLookupByName(a->conn, guest->name);
    if (!domain || virDomainIsActive(domain) != 1)
        return 0;
    ks_tell(a, step, "growing in the running guest", -1);
    if (virDomainBlockResize(domain, target, size, VIR_DOMAIN_BLOCK_RESIZE_BYTES) < 0)
        return ks_fail_virt(err, "grow disk %s of guest %s", target, guest->name);
    return 1;
}

/* How many guests run with it; -1. */
static int grow_in_guests(struct ks_acting *a, const struct ks_step *step, uint64_t size, struct ks_error *err)
{
    int n = 0;

    for (size_t i = 0; i < a->have->guests.n; i++) {
        const int r = grow_in_guest(a, step, &a->have->guests.v[i], size, err);
        if (r < 0)
            return -1;
        n += r;
    }
    return n;
}

/* libvirt can grow every sort of volume that can be grown, but for those of a volume group. */
static int extend(struct ks_acting *a, virStoragePoolPtr pool, virStorageVolPtr volume, uint64_t size,
                  struct ks_error *err)
{
    ks_auto(ks_freep) char *path = virStorageVolGetPath(volume);
    char *argv[] = {
        "lvextend", "--yes", "--quiet", "--size", ks_sprintf(a->arena, "%llub", (unsigned long long)size),
        path,       NULL};

    if (!path)
        return ks_fail_virt(err, "ask for its path");
    if (ks_program_run(a, argv, EXTEND_MS, err) < 0)
        return -1;
    if (KS_STORAGE_TRY(a, virStoragePoolRefresh(pool, 0)) < 0)
        return ks_fail_virt(err, "refresh its pool");
    return 0;
}

int ks_volume_resize(struct ks_acting *a, virStoragePoolPtr pool, virStorageVolPtr volume, uint64_t size,
                     struct ks_error *err)
{
    struct ks_storage_place place;

    if (ks_storage_place(a, pool, &place, err) < 0)
        return -1;
    if (ks_streq(place.type, "logical"))
        return extend(a, pool, volume, size, err);
    return KS_STORAGE_TRY(a, virStorageVolResize(volume, size, 0)) < 0 ? ks_fail_virt(err, "grow it") : 0;
}

/*
 * QEMU holds the file of a running guest and must grow it itself; a device is grown first, and QEMU told. The guest
 * sees the new size at once.
 */
static int grow_now(struct ks_acting *a, const struct ks_step *step, virStorageVolPtr volume, uint64_t size,
                    struct ks_error *err)
{
    ks_auto(ks_poolp) virStoragePoolPtr pool = NULL;
    struct ks_storage_place place;
    int guests = 0;

    if (ks_volume_pool(a, step, &pool, err) < 0 || ks_storage_place(a, pool, &place, err) < 0)
        return -1;
    if (place.files)
        guests = grow_in_guests(a, step, size, err);
    if (guests != 0)
        return guests < 0 ? -1 : 0;
    ks_tell(a, step, "growing", -1);
    if (ks_volume_resize(a, pool, volume, size, err) < 0)
        return -1;
    return !place.files && grow_in_guests(a, step, size, err) < 0 ? -1 : 0;
}

static int grow(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    const struct ks_volume *want = (const struct ks_volume *)step->want,
                           *have = (const struct ks_volume *)step->have;
    ks_auto(ks_volumep) virStorageVolPtr volume = NULL;
    struct ks_volume *now = NULL;

    if (look_up(a, step, &volume, &now, err) < 0)
        return -1;
    if (!volume)
        return ks_fail(err, KS_E_STALE, step->at, "it is gone since this was planned");
    *ret = now->size == want->size ? KS_NOOP : KS_WOULD_CHANGE;
    if (*ret == KS_NOOP)
        return 0;
    if (now->size != have->size || now->size > want->size)
        return ks_fail(err, KS_E_STALE, step->at, "its size is %s by now", ks_size_format(a->arena, now->size));
    if (a->dry_run)
        return 0;
    if (grow_now(a, step, volume, want->size, err) < 0)
        return -1;
    *ret = KS_CHANGED;
    return ks_volume_verify_size(a, id_of(a, step), volume, want->size, err);
}

int ks_volume_verify_size(struct ks_acting *a, const char *id, virStorageVolPtr volume, uint64_t size,
                          struct ks_error *err)
{
    struct ks_volume *now = NULL;

    if (ks_storage_read(a, volume, &now, err) < 0)
        return -1;
    if (now->size < size)
        return ks_fail(err, KS_E_VERIFY, KS_NOWHERE, "its size reads back as %s, not %s",
                       ks_size_format(a->arena, now->size), ks_size_format(a->arena, size));
    return ks_storage_note_size(a, id, size, now->size, err);
}

/* ---- steps -------------------------------------------------------------------------------------------------- */

static int mark(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    const struct ks_volume *want = (const struct ks_volume *)step->want;

    *ret = a->dry_run ? KS_WOULD_CHANGE : KS_CHANGED;
    if (ks_storage_own(a, id_of(a, step), false, err) < 0)
        return -1;
    if (!ks_stated(&want->o, "protect"))
        return 0;
    return ks_storage_protect(a, id_of(a, step), want->protect, err);
}

static int remove_volume(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret,
                         struct ks_error *err)
{
    ks_auto(ks_volumep) virStorageVolPtr volume = NULL, left = NULL;
    struct ks_volume *now = NULL;

    if (look_up(a, step, &volume, &now, err) < 0)
        return -1;
    *ret = volume ? KS_WOULD_CHANGE : KS_NOOP;
    if (!volume)
        return ks_storage_disown(a, id_of(a, step), err);
    if (a->dry_run)
        return 0;
    ks_tell(a, step, "deleting", -1);
    if (KS_STORAGE_TRY(a, virStorageVolDelete(volume, 0)) < 0)
        return ks_fail_virt(err, "delete it");
    if (look_up(a, step, &left, &now, err) < 0)
        return -1;
    if (left)
        return ks_fail(err, KS_E_VERIFY, KS_NOWHERE, "it is still there");
    *ret = KS_CHANGED;
    return ks_storage_disown(a, id_of(a, step), err);
}

int ks_act_volume(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    int r;

    if (step->action == KS_ACT_DELETE)
        r = remove_volume(a, step, ret, err);
    else if (step->action == KS_ACT_MARK)
        r = mark(a, step, ret, err);
    else
        r = step->verb == KS_CREATE ? ks_volume_create(a, step, ret, err) : grow(a, step, ret, err);
    return r < 0 ? ks_wrap(err, "in volume %s", step->name) : 0;
}
