/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bump allocator. Documents are built once, read, and dropped whole; so there is no free of a single object,
 * and a thousand guests cost a few dozen calls of the C library's allocator.
 */
#include "base/base.h"

#include <stdalign.h>

#ifdef __has_feature
#define KS_HAS_FEATURE(x) __has_feature(x)
#else
#define KS_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || KS_HAS_FEATURE(address_sanitizer)
#include <sanitizer/asan_interface.h>
/* Unused bytes are poisoned and objects kept apart, so that an overrun inside a chunk is found too. */
enum { RED_ZONE = 16 };
#define POISON(p, n) ASAN_POISON_MEMORY_REGION((p), (n))
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#else
enum { RED_ZONE = 0 };
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

enum {
    CHUNK_FIRST = 64 * 1024,
    CHUNK_LARGEST = 1024 * 1024,
    ALIGNMENT = alignof(max_align_t),
};

struct chunk {
    struct chunk *next;
    size_t size; /* of data */
    alignas(max_align_t) unsigned char data[];
};

struct ks_arena {
    struct chunk *first, *last; /* in no particular order; freed together */
    unsigned char *at, *end;    /* what is free in the chunk that is being filled */
    size_t next_size;
    size_t used;
};

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

struct ks_arena *ks_arena_new(void)
{
    struct ks_arena *arena = must(calloc(1, sizeof *arena));

    arena->next_size = CHUNK_FIRST;
    return arena;
}

void ks_arena_free(struct ks_arena *arena)
{
    if (!arena)
        return;
    for (struct chunk *c = arena->first, *next; c; c = next) {
        next = c->next;
        UNPOISON(c->data, c->size);
        free(c);
    }
    free(arena);
}

static struct chunk *largest(const struct ks_arena *arena)
{
    struct chunk *found = arena->first;

    for (struct chunk *c = found; c; c = c->next)
        if (c->size > found->size)
            found = c;
    return found;
}

void ks_arena_clear(struct ks_arena *arena)
{
    struct chunk *kept = largest(arena);
    /* What was never handed out is zero still. */
    const bool filling = kept && arena->end == kept->data + kept->size;
    const size_t used = !kept ? 0 : filling ? (size_t)(arena->at - kept->data) : kept->size;

    for (struct chunk *c = arena->first, *next; c; c = next) {
        next = c->next;
        if (c == kept)
            continue;
        UNPOISON(c->data, c->size);
        free(c);
    }
    arena->used = 0;
    arena->first = arena->last = kept;
    if (!kept)
        return;
    kept->next = NULL;
    UNPOISON(kept->data, kept->size);
    memset(kept->data, 0, used);
    POISON(kept->data, kept->size);
    arena->at = kept->data;
    arena->end = kept->data + kept->size;
}

static struct chunk *chunk_add(struct ks_arena *arena, size_t size)
{
    /* calloc: large chunks come from the kernel, zeroed already. */
    struct chunk *c = must(calloc(1, sizeof *c + size));

    c->size = size;
    POISON(c->data, size);
    if (arena->last)
        arena->last->next = c;
    else
        arena->first = c;
    arena->last = c;
    return c;
}

static inline size_t room_of(size_t size)
{
    return (size + RED_ZONE + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

/* Apart, so that who finds room in the chunk has no registers to save. */
__attribute__((noinline)) static void *alloc_slow(struct ks_arena *arena, size_t size)
{
    if (size == 0)
        return ks_arena_alloc(arena, 1); /* so that two objects never share an address */
    if (size > PTRDIFF_MAX / 2)
        abort();
    arena->used += size;

    const size_t room = room_of(size);

    if (room > CHUNK_FIRST / 4) { /* a chunk of its own; the one that is being filled goes on being filled */
        struct chunk *c = chunk_add(arena, room);

        UNPOISON(c->data, size);
        return c->data;
    }

    struct chunk *c = chunk_add(arena, arena->next_size);

    if (arena->next_size < CHUNK_LARGEST)
        arena->next_size *= 2;
    arena->at = c->data + room;
    arena->end = c->data + c->size;
    UNPOISON(c->data, size);
    return c->data;
}

void *ks_arena_alloc(struct ks_arena *arena, size_t size)
{
    const size_t left = (size_t)(arena->end - arena->at), room = room_of(size);
    void *p = arena->at;

    if (size - 1 >= left || room > left) /* none of size 0, and no room that went around */
        return alloc_slow(arena, size);
    arena->used += size;
    arena->at += room;
    UNPOISON(p, size);
    return p;
}

void *ks_arena_calloc(struct ks_arena *arena, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes))
        abort();
    return ks_arena_alloc(arena, bytes);
}

void ks_arena_join(struct ks_arena *into, struct ks_arena *from)
{
    if (from->first) {
        if (into->last)
            into->last->next = from->first;
        else
            into->first = from->first;
        into->last = from->last;
        if (from->end - from->at > into->end - into->at) { /* go on in the chunk with more room */
            into->at = from->at;
            into->end = from->end;
        }
    }
    into->used += from->used;
    free(from);
}

size_t ks_arena_used(const struct ks_arena *arena)
{
    return arena->used;
}

void *ks_vec_grow_(struct ks_arena *arena, void *v, size_t n, size_t *cap, size_t size)
{
    if (n < *cap) {
        memset((char *)v + n * size, 0, size); /* it may have held an element that was taken back */
        return v;
    }

    size_t cap_new = *cap ? *cap * 2 : 8;
    void *grown = ks_arena_calloc(arena, cap_new, size);

    if (n)
        memcpy(grown, v, n * size);
    *cap = cap_new;
    return grown;
}
