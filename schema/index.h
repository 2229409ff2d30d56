/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text to value, by hash: for "was this seen before" over many keys. Private to schema/.
 *
 * Keys are not copied: they must outlive the index. Nothing is ever removed.
 */
#pragma once

#include "base/base.h"

struct ks_index_slot {
    const char *key; /* NULL: free */
    size_t len;
    uint64_t hash;
    const void *value;
};
struct ks_index {
    struct ks_arena *arena; /* of the slots; set before first use */
    size_t n, size;         /* size: 0, or a power of two */
    struct ks_index_slot *slots;
};

/* The value of a key, or NULL. */
const void *ks_index_get(const struct ks_index *index, const char *key, size_t len);
/* Stores unless the key is there; returns the value that was there, or NULL. `value` must not be NULL. */
const void *ks_index_add(struct ks_index *index, const char *key, size_t len, const void *value);
/* Stores, replacing what was there. */
void ks_index_set(struct ks_index *index, const char *key, size_t len, const void *value);
