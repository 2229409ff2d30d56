/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An open-addressed hash table that is at most half full. */
#include "schema/index.h"

enum { INDEX_FIRST = 16 };

static struct ks_index_slot *find(const struct ks_index *index, const char *key, size_t len, uint64_t hash)
{
    size_t i = (size_t)hash & (index->size - 1);

    for (;; i = (i + 1) & (index->size - 1)) {
        struct ks_index_slot *slot = &index->slots[i];

        if (!slot->key || (slot->hash == hash && slot->len == len && memcmp(slot->key, key, len) == 0))
            return slot;
    }
}

static void grow(struct ks_index *index)
{
    struct ks_index old = *index;

    index->size = old.size ? old.size * 2 : INDEX_FIRST;
    index->slots = ks_new_n(index->arena, struct ks_index_slot, index->size);
    for (size_t i = 0; i < old.size; i++)
        if (old.slots[i].key)
            *find(index, old.slots[i].key, old.slots[i].len, old.slots[i].hash) = old.slots[i];
}

const void *ks_index_get(const struct ks_index *index, const char *key, size_t len)
{
    if (index->n == 0)
        return NULL;
    return find(index, key, len, ks_hash(KS_HASH_START, key, len))->value;
}

const void *ks_index_add(struct ks_index *index, const char *key, size_t len, const void *value)
{
    uint64_t hash = ks_hash(KS_HASH_START, key, len);

    if (index->n * 2 >= index->size)
        grow(index);

    struct ks_index_slot *slot = find(index, key, len, hash);

    if (slot->key)
        return slot->value;
    *slot = (struct ks_index_slot){key, len, hash, value};
    index->n++;
    return NULL;
}

void ks_index_set(struct ks_index *index, const char *key, size_t len, const void *value)
{
    if (ks_index_add(index, key, len, value))
        find(index, key, len, ks_hash(KS_HASH_START, key, len))->value = value;
}
