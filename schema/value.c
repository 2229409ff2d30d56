/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "schema/value.h"

#include <inttypes.h>

static const char *parse_bool(struct ks_arena *arena, const struct ks_field *field, const char *text, void *slot)
{
    (void)arena;
    (void)field;
    if (!ks_streq(text, "true") && !ks_streq(text, "false"))
        return "true or false";
    *(bool *)slot = *text == 't';
    return NULL;
}

static const char *show_bool(struct ks_arena *arena, const struct ks_field *field, const void *slot)
{
    (void)arena;
    (void)field;
    return *(const bool *)slot ? "true" : "false";
}

static bool equal_bool(const void *a, const void *b)
{
    return *(const bool *)a == *(const bool *)b;
}

/* "a number from 1 to 16", with the bounds as this type writes them. */
static const char *range_text(struct ks_arena *arena, const struct ks_field *field)
{
    const char *low = ks_value_show(arena, field, &field->min);
    const char *high = ks_value_show(arena, field, &field->max);

    if (field->min == field->max)
        return low;
    return field->max ? ks_sprintf(arena, "%s to %s", low, high) : ks_sprintf(arena, "%s or more", low);
}

static const char *check_range(struct ks_arena *arena, const struct ks_field *field, uint64_t value)
{
    if (value < field->min || (field->max && value > field->max))
        return range_text(arena, field);
    if (field->step && value % field->step)
        return ks_sprintf(arena, "a multiple of %s", ks_value_show(arena, field, &field->step));
    return NULL;
}

static const char *parse_uint(struct ks_arena *arena, const struct ks_field *field, const char *text, void *slot)
{
    uint64_t value;

    if (ks_parse_u64(text, &value) < 0)
        return field->min || field->max ? ks_sprintf(arena, "a number, %s", range_text(arena, field)) : "a number";
    *(uint64_t *)slot = value;
    return NULL;
}

static const char *show_uint(struct ks_arena *arena, const struct ks_field *field, const void *slot)
{
    (void)field;
    return ks_sprintf(arena, "%" PRIu64, *(const uint64_t *)slot);
}

static bool equal_uint(const void *a, const void *b)
{
    return *(const uint64_t *)a == *(const uint64_t *)b;
}

/* The quantities differ in their unit alone. */
#define QUANTITY(name) \
    static const char *parse_##name(struct ks_arena *arena, const struct ks_field *field, const char *text, \
                                    void *slot) \
    { \
        (void)arena; \
        (void)field; \
        return ks_##name##_parse(text, slot); \
    } \
    static const char *show_##name(struct ks_arena *arena, const struct ks_field *field, const void *slot) \
    { \
        (void)field; \
        return ks_##name##_format(arena, *(const uint64_t *)slot); \
    }
QUANTITY(size)
QUANTITY(duration)
QUANTITY(bitrate)
QUANTITY(byterate)

/* "a, b or c" */
static const char *enum_text(struct ks_arena *arena, const struct ks_enum *values)
{
    struct ks_text out = {.arena = arena};

    for (size_t i = 0; i < values->n; i++)
        ks_text_addf(&out, "%s%s", i == 0 ? "" : i + 1 == values->n ? " or " : ", ", values->names[i]);
    return ks_text_str(&out);
}

static const char *parse_enum(struct ks_arena *arena, const struct ks_field *field, const char *text, void *slot)
{
    for (size_t i = 0; i < field->values->n; i++) {
        if (ks_streq(text, field->values->names[i])) {
            *(unsigned *)slot = (unsigned)i;
            return NULL;
        }
    }
    return enum_text(arena, field->values);
}

static const char *show_enum(struct ks_arena *arena, const struct ks_field *field, const void *slot)
{
    const unsigned i = *(const unsigned *)slot;

    (void)arena;
    return i < field->values->n ? field->values->names[i] : "(other)";
}

static bool equal_enum(const void *a, const void *b)
{
    return *(const unsigned *)a == *(const unsigned *)b;
}

static const char *parse_cpuset(struct ks_arena *arena, const struct ks_field *field, const char *text, void *slot)
{
    struct ks_cpuset set = {0};
    const char *expected = ks_cpuset_parse(arena, text, &set);

    (void)field;
    if (expected)
        return expected;
    *(struct ks_cpuset *)slot = set;
    return NULL;
}

static const char *show_cpuset(struct ks_arena *arena, const struct ks_field *field, const void *slot)
{
    (void)field;
    return ks_cpuset_format(arena, slot);
}

static bool equal_cpuset(const void *a, const void *b)
{
    return ks_cpuset_equal(a, b);
}

static const char *parse_string(struct ks_arena *arena, const struct ks_field *field, const char *text, void *slot)
{
    (void)field;
    *(const char **)slot = ks_strdup(arena, text);
    return NULL;
}

static const char *show_string(struct ks_arena *arena, const struct ks_field *field, const void *slot)
{
    const char *text = *(const char *const *)slot;

    (void)arena;
    (void)field;
    return text ? text : "";
}

static bool equal_string(const void *a, const void *b)
{
    return ks_streq(*(const char *const *)a, *(const char *const *)b);
}

struct value_type {
    const char *(*parse)(struct ks_arena *, const struct ks_field *, const char *, void *);
    const char *(*show)(struct ks_arena *, const struct ks_field *, const void *);
    bool (*equal)(const void *, const void *);
    bool number; /* a uint64_t with a range */
};
static const struct value_type types[] = {
    [KS_BOOL] = {parse_bool, show_bool, equal_bool, false},
    [KS_UINT] = {parse_uint, show_uint, equal_uint, true},
    [KS_SIZE] = {parse_size, show_size, equal_uint, true},
    [KS_DURATION] = {parse_duration, show_duration, equal_uint, true},
    [KS_BITRATE] = {parse_bitrate, show_bitrate, equal_uint, true},
    [KS_BYTERATE] = {parse_byterate, show_byterate, equal_uint, true},
    [KS_ENUM] = {parse_enum, show_enum, equal_enum, false},
    [KS_CPUSET] = {parse_cpuset, show_cpuset, equal_cpuset, false},
    [KS_STRING] = {parse_string, show_string, equal_string, false},
};

const char *ks_value_parse(struct ks_arena *arena, const struct ks_field *field, const char *text, void *slot)
{
    const struct value_type *type = &types[field->type];
    const char *expected = field->check ? field->check(arena, &text) : NULL;
    uint64_t number;

    if (expected)
        return expected;
    if (!type->number)
        return type->parse(arena, field, text, slot);
    expected = type->parse(arena, field, text, &number);
    if (!expected)
        expected = check_range(arena, field, number);
    if (!expected)
        *(uint64_t *)slot = number;
    return expected;
}

const char *ks_value_show(struct ks_arena *arena, const struct ks_field *field, const void *slot)
{
    return types[field->type].show(arena, field, slot);
}

static bool strings_have(const struct ks_strings *list, const char *text)
{
    for (size_t i = 0; i < list->n; i++)
        if (ks_streq(list->v[i], text))
            return true;
    return false;
}

static bool equal_strings(const struct ks_field *field, const struct ks_strings *a, const struct ks_strings *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (field->flags & KS_F_SET ? !strings_have(b, a->v[i]) : !ks_streq(a->v[i], b->v[i]))
            return false;
    return true;
}

bool ks_value_equal(const struct ks_field *field, const void *a, const void *b)
{
    if (field->type == KS_STRINGS)
        return equal_strings(field, a, b);
    return types[field->type].equal(a, b);
}
