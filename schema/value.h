/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside schema/: one scalar value by its type. Objects and maps are the walkers' business. */
#pragma once

#include "schema/schema.h"

/* NULL, or what was expected. Applies the row's check, range and step. */
const char *ks_value_parse(struct ks_arena *arena, const struct ks_field *field, const char *text, void *slot);
/* As manifest text. */
const char *ks_value_show(struct ks_arena *arena, const struct ks_field *field, const void *slot);
/* As a double-quoted scalar: the same in YAML and in JSON. */
void ks_text_add_quoted(struct ks_text *out, const char *text);
bool ks_value_equal(const struct ks_field *field, const void *a, const void *b);
static inline bool ks_type_is_scalar(enum ks_type type)
{
    return type != KS_STRINGS && type != KS_OBJECT && type != KS_MAP;
}
