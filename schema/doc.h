/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside schema/: what the JSON Schema and the reference page share. */
#pragma once

#include "schema/kinds.h"

/* A kind and all below it, each once, in the order in which they are met; names are unique among them. */
struct ks_doc_kind {
    const struct ks_kind *kind;
    const char *name;
};
struct ks_doc_kinds {
    size_t n, cap;
    struct ks_doc_kind *v;
};
void ks_doc_collect(struct ks_arena *arena, const struct ks_kind *kind, struct ks_doc_kinds *ret);
const char *ks_doc_name(const struct ks_doc_kinds *kinds, const struct ks_kind *kind);

static inline bool ks_doc_shown(const struct ks_field *field)
{
    return !(field->flags & KS_F_HIDDEN);
}
/* The row that stands for the whole map, or NULL. */
const struct ks_field *ks_doc_shorthand(const struct ks_kind *kind);
/* The row that takes the keys which no other row has, or NULL. */
const struct ks_field *ks_doc_rest(const struct ks_kind *kind);

/* A text check that a pattern can say, and how a person says it; NULL when there is none. */
struct ks_doc_check {
    const char *(*check)(struct ks_arena *arena, const char **text);
    const char *pattern; /* ECMA 262 */
    const char *words;   /* "a MAC address" */
};
const struct ks_doc_check *ks_doc_check(const char *(*check)(struct ks_arena *, const char **));
