/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One scalar between its member and its text in the XML, by the row's type, words and unit. */
#include <ctype.h>
#include <inttypes.h>
#include <strings.h>

#include "schema/xml.h"

KS_ENUM_TABLE(no_yes, "no", "yes");

/* ---- units -------------------------------------------------------------------------------------------------- */

uint64_t ks_xml_unit(const char *unit)
{
    static const char prefixes[] = "kmgtpe";
    if (!*unit || strcasecmp(unit, "b") == 0 || strcasecmp(unit, "byte") == 0 || strcasecmp(unit, "bytes") == 0)
        return 1;
    const char *prefix = strchr(prefixes, tolower((unsigned char)*unit));
    const char *tail = unit + 1;
    uint64_t base = !*tail || strcasecmp(tail, "ib") == 0 ? 1024 : strcasecmp(tail, "b") == 0 ? 1000 : 0;
    if (!prefix || !base)
        return 0;
    uint64_t scale = base;
    for (ptrdiff_t i = prefix - prefixes; i > 0; i--)
        scale *= base;
    return scale;
}

/* The unit that a row fixes without an attribute: "=KiB"; rates and durations never have the attribute. */
static const char *fixed_unit(const struct ks_field *field)
{
    if (!field->xml_unit)
        return "";
    if (field->xml_unit[0] == '=')
        return field->xml_unit + 1;
    return field->type == KS_SIZE ? NULL : field->xml_unit;
}

/* How many of the member's units one of the XML's is, as a fraction for what is finer than a millisecond. */
struct scale {
    uint64_t times, over;
};

static struct scale scale_of(const struct ks_field *field, const xmlNode *node)
{
    const char *unit = fixed_unit(field);
    if (field->type == KS_DURATION) {
        if (ks_streq(unit, "s"))
            return (struct scale){1000, 1};
        if (ks_streq(unit, "us"))
            return (struct scale){1, 1000};
        return ks_streq(unit, "ns") ? (struct scale){1, 1000000} : (struct scale){1, 1};
    }
    if (!unit)
        unit = node ? ks_xml_attr(node, "unit") : NULL;
    return (struct scale){ks_xml_unit(unit ? unit : field->xml_unit), 1};
}

/* ---- from the XML ------------------------------------------------------------------------------------------- */

/* Blanks around a number are libvirt's to accept too. */
static bool parse_number(const char *text, uint64_t *ret)
{
    char digits[24];
    text += strspn(text, " \t\r\n");
    size_t n = strcspn(text, " \t\r\n");
    if (n == 0 || n >= sizeof digits || text[n + strspn(text + n, " \t\r\n")])
        return false;
    memcpy(digits, text, n);
    digits[n] = '\0';
    return ks_parse_u64(digits, ret) == 0;
}

static bool parse_scaled(const struct ks_field *field, const xmlNode *node, const char *text, uint64_t *ret)
{
    struct scale scale = scale_of(field, node);
    uint64_t number;
    if (!parse_number(text, &number) || !scale.times || number % scale.over ||
        __builtin_mul_overflow(number / scale.over, scale.times, &number))
        return false;
    *ret = number;
    return true;
}

static bool parse_word(const struct ks_enum *words, const char *text, unsigned *ret)
{
    for (unsigned i = 0; i < words->n; i++) {
        const char *word = words->names[i];
        if (word && *word == *text && strcmp(word, text) == 0) { /* most calls would be for another letter */
            *ret = i;
            return true;
        }
    }
    return false;
}

static const struct ks_enum *words_of(const struct ks_field *field)
{
    return field->xml_values ? field->xml_values : field->values ? field->values : &no_yes;
}

bool ks_xml_parse_value(struct ks_arena *arena, const struct ks_field *field, const xmlNode *node, const char *text,
                        struct ks_obj *ret)
{
    void *slot = ks_member(ret, field);
    unsigned word;
    switch (field->type) {
    case KS_BOOL:
        if (!parse_word(words_of(field), text, &word))
            return false;
        *(bool *)slot = word == 1;
        return word <= 1;
    case KS_ENUM:
        return parse_word(words_of(field), text, slot);
    case KS_UINT:
        return parse_number(text, slot);
    case KS_SIZE:
    case KS_DURATION:
    case KS_BITRATE:
    case KS_BYTERATE:
        return parse_scaled(field, node, text, slot);
    case KS_CPUSET:
        return !ks_cpuset_parse(arena, text, slot);
    case KS_STRING:
        *(const char **)slot = ks_strdup(arena, text);
        return true;
    case KS_STRINGS:
    case KS_OBJECT:
    case KS_MAP:
    case KS_TYPES:
        break;
    }
    return false;
}

/* ---- to the XML --------------------------------------------------------------------------------------------- */

/* The element's own unit where the value fits it, so that an edit changes a number and not how it is written; else
   the row's; else bytes. */
static uint64_t choose_unit(const struct ks_field *field, const xmlNode *node, uint64_t value,
                            const char **ret_unit)
{
    const char *fixed = fixed_unit(field), *own = ks_xml_attr(node, "unit");
    *ret_unit = NULL;
    if (fixed)
        return scale_of(field, node).times;
    uint64_t scale = own ? ks_xml_unit(own) : 0;
    if (scale && value % scale == 0) {
        *ret_unit = own;
        return scale;
    }
    scale = ks_xml_unit(field->xml_unit);
    *ret_unit = scale && value % scale == 0 ? field->xml_unit : "bytes";
    return scale && value % scale == 0 ? scale : 1;
}

static const char *format_scaled(struct ks_arena *arena, const struct ks_field *field, const xmlNode *node,
                                 uint64_t value, const char **ret_unit)
{
    struct scale scale = scale_of(field, node);
    if (field->type == KS_SIZE)
        scale = (struct scale){choose_unit(field, node, value, ret_unit), 1};
    if (!scale.times || value % scale.times || __builtin_mul_overflow(value / scale.times, scale.over, &value))
        return NULL;
    return ks_sprintf(arena, "%" PRIu64, value);
}

const char *ks_xml_format_value(struct ks_arena *arena, const struct ks_field *field, const xmlNode *node,
                                const struct ks_obj *obj, const char **ret_unit)
{
    const void *slot = ks_member(obj, field);
    const struct ks_enum *words = words_of(field);
    *ret_unit = NULL;
    switch (field->type) {
    case KS_BOOL:
        return words->names[*(const bool *)slot ? 1 : 0];
    case KS_ENUM:
        return *(const unsigned *)slot < words->n ? words->names[*(const unsigned *)slot] : NULL;
    case KS_UINT:
        return ks_sprintf(arena, "%" PRIu64, *(const uint64_t *)slot);
    case KS_SIZE:
    case KS_DURATION:
    case KS_BITRATE:
    case KS_BYTERATE:
        return format_scaled(arena, field, node, *(const uint64_t *)slot, ret_unit);
    case KS_CPUSET:
        return ks_cpuset_format(arena, slot);
    case KS_STRING:
        return *(const char *const *)slot ? *(const char *const *)slot : "";
    case KS_STRINGS:
    case KS_OBJECT:
    case KS_MAP:
    case KS_TYPES:
        break;
    }
    return NULL;
}

const char *ks_xml_raw(struct ks_arena *arena, const struct ks_field *field, const struct ks_obj *obj)
{
    if (!field->xml || !obj->xml)
        return NULL;
    const char *text = ks_xml_get(arena, obj->xml, field->xml, obj->key);
    return text ? ks_strdup(arena, text) : NULL;
}
