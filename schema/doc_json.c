/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The JSON Schema (2020-12) for editors. It describes one file of a manifest as it is written: nothing is required,
 * because an included file or a profile may state the rest, and each field may be null.
 */
#include <inttypes.h>

#include "schema/doc.h"

#define SIZE_UNIT "(B|[kKMGTPE]B|[KMGTPE]iB)"
#define NUMBER "[0-9]+(\\.[0-9]+)?"

static void add_string(struct ks_text *out, const char *text)
{
    ks_text_add(out, "\"");
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\')
            ks_text_addf(out, "\\%c", *p);
        else if ((unsigned char)*p < ' ')
            ks_text_addf(out, "\\u%04x", (unsigned)(unsigned char)*p);
        else
            ks_text_addn(out, p, 1);
    }
    ks_text_add(out, "\"");
}

static void add_pair(struct ks_text *out, const char *key, const char *text)
{
    add_string(out, key);
    ks_text_add(out, ": ");
    add_string(out, text);
}

static void add_pattern(struct ks_text *out, const char *pattern)
{
    ks_text_add(out, "{\"type\": \"string\", ");
    add_pair(out, "pattern", pattern);
    ks_text_add(out, "}");
}

/* ---- scalars ------------------------------------------------------------------------------------------------ */

static void add_integer(struct ks_text *out, const struct ks_field *field)
{
    ks_text_addf(out, "{\"type\": \"integer\", \"minimum\": %" PRIu64, field->min);
    if (field->max)
        ks_text_addf(out, ", \"maximum\": %" PRIu64, field->max);
    ks_text_add(out, "}");
}

static void add_words(struct ks_text *out, const struct ks_enum *values)
{
    ks_text_add(out, "{\"enum\": [");
    for (size_t i = 0; i < values->n; i++) {
        ks_text_add(out, i ? ", " : "");
        add_string(out, values->names[i]);
    }
    ks_text_add(out, "]}");
}

/* A plain scalar of YAML is a number or a bool in JSON; where a text is meant, it is one all the same. */
static void add_text(struct ks_text *out, const struct ks_field *field)
{
    const struct ks_doc_check *check = ks_doc_check(field->check);

    if (check && check->pattern)
        add_pattern(out, check->pattern);
    else
        ks_text_add(out, "{\"type\": [\"string\", \"number\", \"boolean\"]}");
}

static void add_scalar(struct ks_text *out, const struct ks_field *field)
{
    switch (field->type) {
    case KS_BOOL:
        ks_text_add(out, "{\"type\": \"boolean\"}");
        break;
    case KS_UINT:
        add_integer(out, field);
        break;
    case KS_SIZE:
        ks_text_add(out, "{\"anyOf\": [");
        add_pattern(out, "^(" NUMBER SIZE_UNIT "|0)$");
        ks_text_add(out, ", {\"const\": 0}]}");
        break;
    case KS_DURATION:
        add_pattern(out, "^(" NUMBER "(ms|s|m|h|d))+$");
        break;
    case KS_BITRATE:
        add_pattern(out, "^" NUMBER "[kKmMgGtT]?[bB][iI][tT]$");
        break;
    case KS_BYTERATE:
        add_pattern(out, "^" NUMBER SIZE_UNIT "/s$");
        break;
    case KS_ENUM:
        add_words(out, field->values);
        break;
    case KS_CPUSET:
        ks_text_add(out, "{\"anyOf\": [");
        add_pattern(out, "^[0-9][0-9,^ -]*$");
        ks_text_add(out, ", {\"type\": \"integer\", \"minimum\": 0}]}");
        break;
    case KS_STRING:
        add_text(out, field);
        break;
    case KS_STRINGS:
    case KS_OBJECT:
    case KS_MAP:
    case KS_TYPES:
        break;
    }
}

/* ---- maps and objects --------------------------------------------------------------------------------------- */

static void add_ref(struct ks_text *out, const struct ks_doc_kinds *kinds, const struct ks_kind *kind)
{
    ks_text_addf(out, "{\"$ref\": \"#/$defs/%s\"}", ks_doc_name(kinds, kind));
}

/* An entry that is null is taken out of what a profile or an included file states. */
static void add_entry(struct ks_text *out, const struct ks_doc_kinds *kinds, const struct ks_field *field)
{
    ks_text_add(out, "{\"anyOf\": [");
    add_ref(out, kinds, field->kind);
    ks_text_add(out, ", {\"type\": \"null\"}]}");
}

static void add_map(struct ks_text *out, const struct ks_doc_kinds *kinds, const struct ks_field *field)
{
    const struct ks_doc_check *check = ks_doc_check(field->check_key);
    bool scalar = field->flags & KS_F_SCALAR_KEY;

    if (field->flags & KS_F_SEQ) {
        ks_text_add(out, "{\"type\": \"array\", \"items\": ");
        add_ref(out, kinds, field->kind);
        ks_text_add(out, "}");
        return;
    }
    ks_text_add(out, scalar ? "{\"anyOf\": [{\"type\": [\"string\", \"number\"]}, " : "");
    ks_text_add(out, "{\"type\": \"object\", ");
    if (check && check->pattern) {
        ks_text_add(out, "\"propertyNames\": ");
        ks_text_add(out, "{");
        add_pair(out, "pattern", check->pattern);
        ks_text_add(out, "}, ");
    }
    ks_text_add(out, "\"additionalProperties\": ");
    add_entry(out, kinds, field);
    ks_text_add(out, scalar ? "}]}" : "}");
}

static void add_value(struct ks_text *out, const struct ks_doc_kinds *kinds, const struct ks_field *field)
{
    if (field->type == KS_OBJECT) {
        add_ref(out, kinds, field->kind);
    } else if (field->type == KS_MAP) {
        add_map(out, kinds, field);
    } else if (field->type == KS_STRINGS) {
        ks_text_add(out, "{\"type\": \"array\", \"items\": ");
        add_text(out, field);
        ks_text_add(out, "}");
    } else {
        add_scalar(out, field);
    }
}

static void add_default(struct ks_text *out, const struct ks_field *field)
{
    if (!field->fallback)
        return;
    ks_text_add(out, "\"default\": ");
    if (field->type == KS_BOOL || field->type == KS_UINT)
        ks_text_add(out, field->fallback);
    else
        add_string(out, field->fallback);
    ks_text_add(out, ", ");
}

static void add_property(struct ks_text *out, const struct ks_doc_kinds *kinds, const struct ks_field *field)
{
    add_string(out, field->key);
    ks_text_add(out, ": {");
    if (field->doc) {
        add_pair(out, "description", field->doc);
        ks_text_add(out, ", ");
    }
    add_default(out, field);
    ks_text_add(out, "\"anyOf\": [");
    add_value(out, kinds, field);
    ks_text_add(out, ", {\"type\": \"null\"}]}");
}

static void add_properties(struct ks_text *out, const struct ks_doc_kinds *kinds, const struct ks_kind *kind)
{
    const struct ks_field *rest = ks_doc_rest(kind);
    bool any = false;

    ks_text_add(out, "\"type\": \"object\", \"properties\": {");
    for (size_t i = 0; i < kind->n_fields; i++) {
        const struct ks_field *field = &kind->fields[i];
        if (!ks_doc_shown(field) || field == rest)
            continue;
        ks_text_add(out, any ? ",\n      " : "\n      ");
        add_property(out, kinds, field);
        any = true;
    }
    ks_text_add(out, any ? "\n    }, " : "}, ");
    ks_text_add(out, "\"additionalProperties\": ");
    if (rest)
        add_entry(out, kinds, rest);
    else
        ks_text_add(out, "false");
}

static void add_definition(struct ks_text *out, const struct ks_doc_kinds *kinds, const struct ks_doc_kind *entry)
{
    const struct ks_field *shorthand = ks_doc_shorthand(entry->kind);

    ks_text_add(out, "    ");
    add_string(out, entry->name);
    ks_text_add(out, ": {");
    if (entry->kind->doc) {
        add_pair(out, "description", entry->kind->doc);
        ks_text_add(out, ", ");
    }
    ks_text_add(out, shorthand ? "\"oneOf\": [{" : "");
    add_properties(out, kinds, entry->kind);
    if (shorthand) {
        /* A map is always the object itself, so what is short for it is none. */
        ks_text_add(out, "}, {\"not\": {\"type\": \"object\"}, \"anyOf\": [");
        add_value(out, kinds, shorthand);
        ks_text_add(out, "]}]");
    }
    ks_text_add(out, "}");
}

void ks_json_schema(struct ks_text *out, const struct ks_kind *kind)
{
    struct ks_doc_kinds kinds = {0};

    ks_doc_collect(out->arena, kind, &kinds);
    ks_text_add(out, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  ");
    add_pair(out, "title", ks_sprintf(out->arena, "kvmstate %s", kind->name));
    ks_text_addf(out, ",\n  \"$ref\": \"#/$defs/%s\",\n  \"$defs\": {\n", ks_doc_name(&kinds, kind));
    for (size_t i = 0; i < kinds.n; i++) {
        add_definition(out, &kinds, &kinds.v[i]);
        ks_text_add(out, i + 1 < kinds.n ? ",\n" : "\n");
    }
    ks_text_add(out, "  }\n}\n");
}
