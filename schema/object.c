/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "schema/schema.h"

static const char *const impact_names[] = {
    [KS_SAFE] = "safe",       [KS_LIVE] = "live",     [KS_NETWORK] = "network",
    [KS_RESTART] = "restart", [KS_DELETE] = "delete", [KS_DATA_LOSS] = "data-loss",
};
_Static_assert(KS_COUNT(impact_names) == KS_IMPACTS, "every impact has a name");

const char *ks_impact_name(enum ks_impact impact)
{
    return impact_names[impact];
}

int ks_impact_parse(const char *text, enum ks_impact *ret)
{
    for (unsigned i = 0; i < KS_IMPACTS; i++) {
        if (ks_streq(text, impact_names[i])) {
            *ret = (enum ks_impact)i;
            return 0;
        }
    }
    return -1;
}

enum { FEW = 8 };

/* The index at which `key` stands, or should stand. */
static size_t map_place(const struct ks_map *map, const char *key, bool *ret_found)
{
    size_t low = 0, high = map->n;

    *ret_found = false;
    /* Keys mostly arrive in order: look at the end first, so that filling a map is linear. */
    if (high > 0 && ks_strcmp_natural(map->v[high - 1]->key, key) < 0)
        return high;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = ks_strcmp_natural(map->v[middle]->key, key);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct ks_obj *ks_map_get(const struct ks_map *map, const char *key)
{
    bool found;

    /* Of a few keys all are looked at: to be the same is less to ask than to be in order. */
    if (map->n <= FEW) {
        for (size_t i = 0; i < map->n; i++)
            if (*map->v[i]->key == *key && strcmp(map->v[i]->key, key) == 0)
                return map->v[i];
        return NULL;
    }
    const size_t at = map_place(map, key, &found);

    return found ? map->v[at] : NULL;
}

void ks_map_put(struct ks_arena *arena, struct ks_map *map, struct ks_obj *obj)
{
    bool found;
    const size_t at = map_place(map, obj->key, &found);

    if (found) {
        map->v[at] = obj;
        return;
    }
    (void)ks_vec_add(arena, map);
    memmove(&map->v[at + 1], &map->v[at], (map->n - 1 - at) * sizeof *map->v);
    map->v[at] = obj;
}

struct ks_obj *ks_obj_new(struct ks_arena *arena, const struct ks_kind *kind, const char *key)
{
    struct ks_obj *obj = ks_arena_alloc(arena, kind->size);

    obj->kind = kind;
    obj->key = key;
    return obj;
}

unsigned ks_row(const struct ks_kind *kind, const char *key)
{
    for (unsigned i = 0; i < kind->n_fields; i++)
        if (kind->fields[i].key[0] == key[0] && ks_streq(kind->fields[i].key, key))
            return i;
    fprintf(stderr, "kvmstate: bug: kind %s has no field %s\n", kind->name, key);
    abort();
}

bool(ks_stated)(const struct ks_obj *o, const char *key)
{
    return o && ks_stated_i(o, ks_row(o->kind, key));
}

bool(ks_has)(const struct ks_obj *o, const char *key)
{
    if (!o)
        return false;
    const unsigned i = ks_row(o->kind, key);
    return ks_stated_i(o, i) && !ks_null_i(o, i);
}

void ks_mark(struct ks_obj *o, const char *key)
{
    const uint64_t bit = UINT64_C(1) << ks_row(o->kind, key);

    o->stated |= bit;
    o->null &= ~bit;
}

void ks_unmark(struct ks_obj *o, const char *key)
{
    const uint64_t bit = UINT64_C(1) << ks_row(o->kind, key);

    o->stated &= ~bit;
    o->null &= ~bit;
}

struct ks_loc ks_at(const struct ks_obj *o, const char *key)
{
    if (!o)
        return KS_NOWHERE;
    const unsigned i = ks_row(o->kind, key);
    return o->field_at && o->field_at[i].line ? o->field_at[i] : o->at;
}

void ks_obj_forget_xml(struct ks_obj *o)
{
    o->xml = NULL;
    for (size_t i = 0; i < o->kind->n_fields; i++) {
        const struct ks_field *field = &o->kind->fields[i];
        if (field->type == KS_OBJECT) {
            struct ks_obj *child = *(struct ks_obj **)ks_member(o, field);
            if (child)
                ks_obj_forget_xml(child);
        } else if (field->type == KS_MAP) {
            const struct ks_map *map = ks_member(o, field);
            for (size_t k = 0; k < map->n; k++)
                ks_obj_forget_xml(map->v[k]);
        }
    }
}
