/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a manifest cannot take as the host has it: the loader would refuse it, or read something else. */
#include <string.h>

#include "schema/import_private.h"
#include "schema/value.h"

struct loadable {
    struct ks_arena *arena;
    struct ks_strings *notes;
};

static void leave(struct loadable *j, const char *path, const char *why)
{
    *ks_vec_add(j->arena, j->notes) = ks_sprintf(j->arena, "%s: %s", path, why);
}

static bool has_placeholder(const char *text)
{
    return text && (strstr(text, "{guest}") || strstr(text, "{host}"));
}

static const char *problem_of(struct loadable *j, const struct ks_field *field, const struct ks_obj *obj)
{
    struct ks_obj *scratch;
    const char *text, *expected;

    if (!ks_type_is_scalar(field->type))
        return NULL;
    if (field->type == KS_STRING) {
        text = *(const char *const *)ks_member(obj, field);
        if (has_placeholder(text) && !(field->flags & KS_F_NO_SUBST))
            return "it has a placeholder of ours in it";
    } else {
        text = ks_value_show(j->arena, field, ks_member(obj, field));
    }
    scratch = ks_obj_new(j->arena, obj->kind, NULL);
    expected = ks_load_text(j->arena, field, text, scratch);
    return expected ? ks_sprintf(j->arena, "%s; expected %s", text, expected) : NULL;
}

/* Checks across a manifest look at members, and not at whether they are stated. */
void ks_import_empty(const struct ks_obj *obj, const struct ks_field *field)
{
    static const size_t sizes[KS_TYPES] = {
        [KS_BOOL] = sizeof(bool),        [KS_UINT] = sizeof(uint64_t),
        [KS_SIZE] = sizeof(uint64_t),    [KS_DURATION] = sizeof(uint64_t),
        [KS_BITRATE] = sizeof(uint64_t), [KS_BYTERATE] = sizeof(uint64_t),
        [KS_ENUM] = sizeof(unsigned),    [KS_CPUSET] = sizeof(struct ks_cpuset),
        [KS_STRING] = sizeof(char *),    [KS_STRINGS] = sizeof(struct ks_strings),
        [KS_OBJECT] = sizeof(void *),    [KS_MAP] = sizeof(struct ks_map),
    };

    memset(ks_member(obj, field), 0, sizes[field->type]);
}

static bool keep_loadable(struct loadable *j, struct ks_obj *obj, const char *path);

/* A stated map is complete: when one entry cannot be said, none is. */
static bool is_loadable_map(struct loadable *j, const struct ks_field *field, const struct ks_map *map,
                            const char *path)
{
    for (size_t i = 0; i < map->n; i++) {
        const char *key = map->v[i]->key;
        const char *at = ks_sprintf(j->arena, "%s.%s", path, key);
        if (has_placeholder(key) || (field->check_key && field->check_key(j->arena, &key))) {
            leave(j, path, ks_sprintf(j->arena, "'%s' is no name for it", map->v[i]->key));
            return false;
        }
        if (!keep_loadable(j, map->v[i], at))
            return false;
    }
    return true;
}

static bool is_loadable(struct loadable *j, const struct ks_field *field, struct ks_obj *obj, const char *path)
{
    void *slot = ks_member(obj, field);
    const char *problem;

    if (field->type == KS_MAP)
        return is_loadable_map(j, field, slot, path);
    if (field->type == KS_OBJECT)
        return keep_loadable(j, *(struct ks_obj **)slot, path);
    problem = problem_of(j, field, obj);
    if (problem)
        leave(j, path, problem);
    return !problem;
}

/* Takes out what the loader would refuse; false when `obj` is nothing without it. */
static bool keep_loadable(struct loadable *j, struct ks_obj *obj, const char *path)
{
    for (unsigned i = 0; i < obj->kind->n_fields; i++) {
        const struct ks_field *field = &obj->kind->fields[i];
        const char *at = *path ? ks_sprintf(j->arena, "%s.%s", path, field->key) : field->key;
        if (field->flags & KS_F_HIDDEN)
            continue;
        if (ks_stated_i(obj, i) && !is_loadable(j, field, obj, at)) {
            obj->stated &= ~(UINT64_C(1) << i);
            ks_import_empty(obj, field);
        }
        if (field->flags & KS_F_REQUIRED && !ks_stated_i(obj, i))
            return false;
    }
    return true;
}

bool ks_import_keep_loadable(struct ks_arena *arena, struct ks_obj *obj, const char *path, struct ks_strings *notes)
{
    struct loadable j = {arena, notes};

    return keep_loadable(&j, obj, path);
}
