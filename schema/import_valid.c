/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A manifest put together from a host, checked as one that was loaded. A finding says where it is by a place in a
 * file; here the places are numbers of fields, by which a finding leads back to the field.
 */
#include "schema/import_private.h"
#include <string.h>

struct spot {
    struct ks_obj *obj;
    int field;       /* row, or -1: the object itself */
    size_t up;       /* the spot of the field that holds the object; 0: none */
    const char *key; /* how the path goes on */
};

struct job {
    struct ks_arena *arena;
    struct ks_manifest *m;
    KS_VEC(struct spot) spots;
    struct ks_strings *ret;
};

static const char name[] = "import";

static size_t add_spot(struct job *j, struct ks_obj *obj, int field, size_t up, const char *key)
{
    *ks_vec_add(j->arena, &j->spots) = (struct spot){obj, field, up, key};
    return j->spots.n - 1;
}

static void number(struct job *j, struct ks_obj *obj, size_t up, const char *key)
{
    const size_t own = add_spot(j, obj, -1, up, key);

    obj->at = (struct ks_loc){name, (uint32_t)own, 1};
    obj->field_at = ks_new_n(j->arena, struct ks_loc, obj->kind->n_fields);
    for (unsigned i = 0; i < obj->kind->n_fields; i++) {
        const struct ks_field *field = &obj->kind->fields[i];
        const struct ks_map *map = ks_member(obj, field);
        size_t spot;
        if (!ks_stated_i(obj, i) || field->flags & KS_F_HIDDEN)
            continue;
        spot = add_spot(j, obj, (int)i, own, field->flags & KS_F_REST ? NULL : field->key);
        obj->field_at[i] = (struct ks_loc){name, (uint32_t)spot, 1};
        if (field->type == KS_OBJECT && !ks_null_i(obj, i))
            number(j, *(struct ks_obj **)ks_member(obj, field), spot, NULL);
        for (size_t k = 0; field->type == KS_MAP && k < map->n; k++)
            number(j, map->v[k], spot, map->v[k]->key);
    }
}

static void validate(const struct ks_obj *obj, struct ks_findings *f)
{
    for (unsigned i = 0; i < obj->kind->n_fields; i++) {
        const struct ks_field *field = &obj->kind->fields[i];
        const struct ks_map *map = ks_member(obj, field);
        if (!ks_stated_i(obj, i) || ks_null_i(obj, i) || field->flags & KS_F_HIDDEN)
            continue;
        if (field->type == KS_OBJECT)
            validate(*(struct ks_obj *const *)ks_member(obj, field), f);
        for (size_t k = 0; field->type == KS_MAP && k < map->n; k++)
            validate(map->v[k], f);
    }
    if (obj->kind->validate)
        obj->kind->validate(obj, f);
}

static const char *path_of(struct job *j, size_t i)
{
    const struct spot *spot = &j->spots.v[i];
    const char *up = spot->up || i == 0 ? (i == 0 ? "" : path_of(j, spot->up)) : "";

    if (!spot->key)
        return up;
    return *up ? ks_sprintf(j->arena, "%s.%s", up, spot->key) : spot->key;
}

static void remove_entry(struct ks_map *map, const struct ks_obj *entry)
{
    size_t n = 0;

    for (size_t i = 0; i < map->n; i++)
        if (map->v[i] != entry)
            map->v[n++] = map->v[i];
    map->n = n;
}

/* The spot that went. */
static size_t drop(struct job *j, size_t i)
{
    struct spot *spot = &j->spots.v[i];
    const struct spot *up;
    const struct ks_field *field;

    if (spot->field < 0) {
        if (i == 0 || !spot->up)
            return i;
        up = &j->spots.v[spot->up];
        field = &up->obj->kind->fields[up->field];
        /* A map that need not be complete goes on without the entry. */
        if (field->type == KS_MAP && field->flags & KS_F_OPEN) {
            remove_entry(ks_member(up->obj, field), spot->obj);
            return i;
        }
        return drop(j, spot->up);
    }
    if (spot->obj->kind->fields[spot->field].flags & KS_F_REQUIRED)
        return drop(j, spot->up);
    spot->obj->stated &= ~(UINT64_C(1) << spot->field);
    ks_import_empty(spot->obj, &spot->obj->kind->fields[spot->field]);
    return i;
}

static void take_out(struct job *j, const struct ks_finding *finding)
{
    size_t went;

    if (finding->at.file != name || finding->at.line >= j->spots.n)
        return;
    went = drop(j, finding->at.line);
    *ks_vec_add(j->arena, j->ret) = ks_sprintf(j->arena, "%s: %s", path_of(j, went), finding->msg);
}

/* One at a time: what went may have been all that was wrong. */
static bool check_once(struct job *j)
{
    struct ks_findings f = {.arena = j->arena};

    j->spots.n = 0;
    number(j, &j->m->o, 0, NULL);
    validate(&j->m->o, &f);
    ks_manifest_check(j->m, &f);
    for (size_t i = 0; i < f.n; i++) {
        if (f.v[i].severity != KS_ERROR)
            continue;
        take_out(j, &f.v[i]);
        return true;
    }
    return false;
}

void ks_import_make_valid(struct ks_arena *arena, struct ks_manifest *m, struct ks_strings *ret)
{
    enum { ENOUGH = 10000 };
    struct job j = {.arena = arena, .m = m, .ret = ret};

    for (unsigned i = 0; i < ENOUGH && check_once(&j); i++)
        ;
}
