/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What need not be said. The tables know what absence means on the host, but not what a new guest gets without
 * being asked: that is tried. A field may go when a guest made without it reads the same.
 */
#include "schema/guest.h"
#include "schema/guest_new.h"
#include "schema/import.h"
#include "schema/value.h"
#include "schema/xml.h"

/* One part of a guest that is made alone: its scalars and objects, or one entry of one of its maps. */
struct trial {
    struct ks_arena *arena;
    const struct ks_guest *want, *full; /* narrowed to the part */
    bool kvm;
    size_t baseline; /* differences that are there with nothing left out */
    bool possible;   /* the part can be made at all */
};

/* Kept whatever the trial says: a guest's size, and what a nic is known by. */
static bool is_kept(const struct ks_field *field)
{
    static const char *const keys[] = {"memory", "mac", "uuid", "address"};

    for (size_t i = 0; i < KS_COUNT(keys); i++)
        if (ks_streq(field->key, keys[i]))
            return true;
    return false;
}

/* How many differences to `full` a guest made of `want` has; false when none can be made. */
static bool count_differences(const struct trial *t, size_t *ret)
{
    ks_auto(ks_arena_freep) struct ks_arena *scratch = ks_arena_new();
    ks_auto(ks_error_done) struct ks_error err = {0};
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    struct ks_guest *made = (struct ks_guest *)ks_obj_new(scratch, &ks_guest_kind, t->want->o.key);
    struct ks_changes changes = {0};

    if (ks_guest_written_xml(t->want, t->kvm, &doc, &err) < 0)
        return false;
    ks_xml_read(scratch, xmlDocGetRootElement(doc), &made->o);
    ks_diff(scratch, &t->full->o, &made->o, false, &changes);
    *ret = changes.n;
    return true;
}

static bool is_fallback(struct ks_arena *arena, const struct ks_field *field, const struct ks_obj *obj)
{
    return field->fallback && ks_type_is_scalar(field->type) &&
           ks_streq(field->fallback, ks_value_show(arena, field, ks_member(obj, field)));
}

/* Whether the guest is the same without row i of `obj`, which is not stated any more. */
static bool goes_without(const struct trial *t, const struct ks_obj *obj, unsigned i)
{
    size_t n;

    if (!t->possible)
        return is_fallback(t->arena, &obj->kind->fields[i], obj);
    return count_differences(t, &n) && n <= t->baseline;
}

static bool is_shown(const struct ks_obj *obj, unsigned i)
{
    return ks_stated_i(obj, i) && !(obj->kind->fields[i].flags & KS_F_HIDDEN);
}

static bool says_nothing(const struct ks_obj *obj)
{
    for (unsigned i = 0; i < obj->kind->n_fields; i++)
        if (is_shown(obj, i))
            return false;
    return true;
}

static void minimise(const struct trial *t, struct ks_obj *obj);

/* An object that is a device says by itself that the device is there: one field of it stays. */
static void minimise_object(const struct trial *t, struct ks_obj *obj, unsigned i)
{
    const struct ks_field *field = &obj->kind->fields[i];
    struct ks_obj *child = *(struct ks_obj *const *)ks_member(obj, field);
    const uint64_t before = child->stated;
    const bool is_device = field->xml && ks_starts(field->xml, "devices/");

    minimise(t, child);
    if (!says_nothing(child))
        return;
    if (!is_device) {
        obj->stated &= ~(UINT64_C(1) << i);
        return;
    }
    child->stated = before;
    for (unsigned k = 0, kept = 0; k < child->kind->n_fields; k++)
        if (is_shown(child, k) && kept++)
            child->stated &= ~(UINT64_C(1) << k);
}

static void minimise(const struct trial *t, struct ks_obj *obj)
{
    for (unsigned i = 0; i < obj->kind->n_fields; i++) {
        const struct ks_field *field = &obj->kind->fields[i];
        const uint64_t bit = UINT64_C(1) << i;
        if (!is_shown(obj, i) || is_kept(field) || field->flags & KS_F_REQUIRED || field->type == KS_MAP)
            continue;
        if (field->type == KS_OBJECT) {
            minimise_object(t, obj, i);
            continue;
        }
        obj->stated &= ~bit;
        if (!goes_without(t, obj, i))
            obj->stated |= bit;
    }
}

/* The maps whose entries are made one by one; each row's bit, and where the map lies. */
static const struct {
    const char *key;
    size_t offset;
} maps[] = {
    {"disks", offsetof(struct ks_guest, disks)},
    {"nics", offsetof(struct ks_guest, nics)},
    {"devices", offsetof(struct ks_guest, devices)},
    {"filesystems", offsetof(struct ks_guest, filesystems)},
};

static struct ks_map *map_at(const struct ks_guest *guest, size_t i)
{
    return (struct ks_map *)((char *)(uintptr_t)guest + maps[i].offset);
}

static uint64_t bits_of(const char *const *keys, size_t n)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < n; i++)
        bits |= UINT64_C(1) << ks_row(&ks_guest_kind, keys[i]);
    return bits;
}

static void try_out(struct trial *t, struct ks_obj *obj)
{
    t->possible = count_differences(t, &t->baseline);
    minimise(t, obj);
}

static void minimise_entry(const struct trial *outer, size_t map, struct ks_obj *entry)
{
    const uint64_t bits = bits_of((const char *const[]){"memory", maps[map].key}, 2);
    struct ks_guest want = *outer->want, full = *outer->full;
    struct ks_obj *same = ks_map_get(map_at(&full, map), entry->key);
    struct trial t = *outer;

    if (!same)
        return;
    *map_at(&want, map) = (struct ks_map){.n = 1, .cap = 1, .v = (struct ks_obj *[]){entry}};
    *map_at(&full, map) = (struct ks_map){.n = 1, .cap = 1, .v = (struct ks_obj *[]){same}};
    want.o.stated &= bits;
    full.o.stated &= bits;
    t.want = &want;
    t.full = &full;
    try_out(&t, entry);
}

void ks_import_minimise(struct ks_arena *arena, struct ks_guest *want, const struct ks_guest *full, bool kvm)
{
    const uint64_t of_devices =
        bits_of((const char *const[]){"disks", "nics", "devices", "filesystems", "boot"}, KS_COUNT(maps) + 1);
    struct trial t = {.arena = arena, .kvm = kvm};
    const uint64_t devices = want->o.stated & of_devices;
    struct ks_guest narrow = *full;

    narrow.o.stated &= ~of_devices;
    t.want = want;
    t.full = &narrow;
    want->o.stated &= ~of_devices;
    try_out(&t, &want->o);
    want->o.stated |= devices;
    t.full = full;
    for (size_t i = 0; i < KS_COUNT(maps); i++)
        for (size_t k = 0; k < map_at(want, i)->n; k++)
            minimise_entry(&t, i, map_at(want, i)->v[k]);
}
