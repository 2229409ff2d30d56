/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking into YAML trees and laying one over another. */
#include "schema/node.h"
#include "schema/index.h"

/* Below this many pairs comparing each key with each other is quicker than hashing them. */
enum { SMALL_MAP = 16 };

static bool same_key(const struct ks_node *a, const char *text, size_t n)
{
    return a->n == n && memcmp(a->text, text, n) == 0;
}

/* The number of the pair of that key, or -1. */
static ptrdiff_t find_pair(const struct ks_node *map, const char *key, size_t n)
{
    for (size_t i = 0; i < map->n; i++)
        if (same_key(map->pairs[i].key, key, n))
            return (ptrdiff_t)i;
    return -1;
}

const struct ks_node *ks_node_get(const struct ks_node *map, const char *key)
{
    if (!map || map->type != KS_NODE_MAP)
        return NULL;

    ptrdiff_t i = find_pair(map, key, strlen(key));

    return i < 0 ? NULL : map->pairs[i].value;
}

/* Where the keys of one map are: by hash when there are many. */
struct lookup {
    const struct ks_node *map;
    struct ks_index index;
};

static void lookup_init(struct lookup *l, const struct ks_node *map, struct ks_arena *scratch)
{
    *l = (struct lookup){map, {.arena = scratch}};
    for (size_t i = 0; scratch && i < map->n; i++)
        ks_index_set(&l->index, map->pairs[i].key->text, map->pairs[i].key->n, &map->pairs[i]);
}

static ptrdiff_t lookup_find(const struct lookup *l, const struct ks_node *key)
{
    if (!l->index.arena)
        return find_pair(l->map, key->text, key->n);

    const struct ks_pair *pair = ks_index_get(&l->index, key->text, key->n);

    return pair ? pair - l->map->pairs : -1;
}

/* The pairs of `over`, then those of `under` that it does not have; values that both have are merged. */
static const struct ks_node *merge_maps(struct ks_arena *arena, const struct ks_node *over,
                                        const struct ks_node *under, const struct lookup *in_over)
{
    struct ks_pair *pairs = ks_new_n(arena, struct ks_pair, over->n + under->n);
    struct ks_node *ret;
    size_t n = over->n;
    bool changed = false;

    if (over->n)
        memcpy(pairs, over->pairs, over->n * sizeof *pairs);
    for (size_t i = 0; i < under->n; i++) {
        ptrdiff_t at = lookup_find(in_over, under->pairs[i].key);

        if (at < 0) {
            pairs[n++] = under->pairs[i];
            changed = true;
            continue;
        }

        const struct ks_node *own = over->pairs[at].value;

        pairs[at].value = ks_node_merge(arena, own, under->pairs[i].value);
        changed = changed || pairs[at].value != own;
    }
    if (!changed)
        return over;
    ret = ks_new(arena, struct ks_node);
    *ret = *over;
    ret->pairs = pairs;
    ret->n = n;
    return ret;
}

const struct ks_node *ks_node_merge(struct ks_arena *arena, const struct ks_node *over, const struct ks_node *under)
{
    struct lookup in_over;

    if (!over || !under)
        return over ? over : under;
    if (over == under || over->type != KS_NODE_MAP || under->type != KS_NODE_MAP || under->n == 0)
        return over;

    bool small = over->n <= SMALL_MAP || under->n <= 2;
    ks_auto(ks_arena_freep) struct ks_arena *scratch = small ? NULL : ks_arena_new();

    lookup_init(&in_over, over, scratch);
    return merge_maps(arena, over, under, &in_over);
}
