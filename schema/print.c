/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Objects as text: one field for the plan, whole objects as YAML and as JSON. */
#include "schema/kinds.h"
#include "schema/value.h"

enum layout { FLOW, JSON };

static void add_object(struct ks_text *out, const struct ks_obj *obj, enum layout layout);

static bool is_printed(const struct ks_obj *obj, unsigned i)
{
    return ks_stated_i(obj, i) && !(obj->kind->fields[i].flags & KS_F_HIDDEN);
}

/* Every number, time and date of YAML 1.1 starts with a digit, a sign or a point, and is made of these. */
static bool looks_numeric(const char *text)
{
    const bool prefixed = text[0] == '0' && text[1] && strchr("xXoObB", text[1]);
    const char *made_of = prefixed ? "0123456789_xXoObBabcdefABCDEF" : "0123456789+-.:_eE";

    if (!strchr("0123456789+-.", text[0]) || !strpbrk(text, "0123456789"))
        return false;
    /* Of addresses that some reader may take for a time all are quoted, not some. */
    return strspn(text, made_of) == strlen(text) ||
           (strchr(text, ':') && strspn(text, "0123456789abcdefABCDEF:.") == strlen(text));
}

static bool looks_plain(const char *text)
{
    /* What YAML 1.1 readers take for something else than a string. */
    static const char *const taken[] = {"",      "~",     "null",  "Null", "NULL", "true", "True", "TRUE",
                                        "false", "False", "FALSE", "yes",  "Yes",  "YES",  "no",   "No",
                                        "NO",    "on",    "On",    "ON",   "off",  "Off",  "OFF",  "y",
                                        "Y",     "n",     "N",     "<<",   "="};
    for (size_t i = 0; i < KS_COUNT(taken); i++)
        if (strcmp(text, taken[i]) == 0)
            return false;
    if (looks_numeric(text))
        return false;
    if (strchr("-?:,[]{}#&*!|>'\"%@` ", *text))
        return false;
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f || strchr(",[]{}\"'#&*!|>%@`\\", *p))
            return false;
        if (*p == ':' && (p[1] == ' ' || p[1] == '\0'))
            return false;
    }
    return text[strlen(text) - 1] != ' ';
}

void ks_text_add_quoted(struct ks_text *out, const char *text)
{
    ks_text_add(out, "\"");
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\')
            ks_text_addf(out, "\\%c", *p);
        else if (*p == '\n')
            ks_text_add(out, "\\n");
        else if (*p == '\t')
            ks_text_add(out, "\\t");
        else if ((unsigned char)*p < 0x20 || *p == 0x7f)
            ks_text_addf(out, "\\u%04x", (unsigned)(unsigned char)*p);
        else
            ks_text_addn(out, p, 1);
    }
    ks_text_add(out, "\"");
}

static void add_word(struct ks_text *out, const char *text, enum layout layout)
{
    if (layout != JSON && looks_plain(text))
        ks_text_add(out, text);
    else
        ks_text_add_quoted(out, text);
}

/*
 * Where all keys are numbers, they read better bare; behind a zero, some readers take one for octal. A name that
 * looks like a number stays a word to those who read the manifest with a library.
 */
static void add_key(struct ks_text *out, const struct ks_field *map, const char *key, enum layout layout)
{
    uint64_t number;

    if (layout != JSON && map->check_key == ks_check_number && ks_parse_u64(key, &number) == 0 &&
        (*key != '0' || !key[1]))
        ks_text_add(out, key);
    else
        add_word(out, key, layout);
}

static void add_map(struct ks_text *out, const struct ks_field *field, const struct ks_map *map, enum layout layout)
{
    const bool sequence = field->flags & KS_F_SEQ;

    ks_text_add(out, sequence ? "[" : "{");
    for (size_t i = 0; i < map->n; i++) {
        ks_text_add(out, i ? ", " : "");
        if (!sequence) {
            add_key(out, field, map->v[i]->key, layout);
            ks_text_add(out, ": ");
        }
        add_object(out, map->v[i], layout);
    }
    ks_text_add(out, sequence ? "]" : "}");
}

static void add_value(struct ks_text *out, const struct ks_obj *obj, unsigned i, enum layout layout)
{
    const struct ks_field *field = &obj->kind->fields[i];
    const void *slot = ks_member(obj, field);

    if (ks_null_i(obj, i)) {
        ks_text_add(out, "null");
    } else if (field->type == KS_OBJECT) {
        add_object(out, *(struct ks_obj *const *)slot, layout);
    } else if (field->type == KS_MAP) {
        add_map(out, field, slot, layout);
    } else if (field->type == KS_STRINGS) {
        const struct ks_strings *list = slot;
        ks_text_add(out, "[");
        for (size_t k = 0; k < list->n; k++) {
            ks_text_add(out, k ? ", " : "");
            add_word(out, list->v[k], layout);
        }
        ks_text_add(out, "]");
    } else if (field->type == KS_BOOL || field->type == KS_UINT) {
        ks_text_add(out, ks_value_show(out->arena, field, slot));
    } else if (field->type == KS_CPUSET && layout == FLOW) {
        /* "0-3" is a string in every YAML; a lone number stays bare because the type takes it so. A comma would
           part it from what follows. */
        const char *set = ks_value_show(out->arena, field, slot);
        if (*set && !strchr(set, ','))
            ks_text_add(out, set);
        else
            add_word(out, set, layout);
    } else {
        add_word(out, ks_value_show(out->arena, field, slot), layout);
    }
}

/* The field that says everything that is stated, when the kind has a shorthand and nothing else is stated; or -1.
 */
static int shorthand_of(const struct ks_obj *obj)
{
    if (!obj->kind->shorthand)
        return -1;
    const unsigned i = ks_row(obj->kind, obj->kind->shorthand);
    for (unsigned k = 0; k < obj->kind->n_fields; k++)
        if (k != i && is_printed(obj, k))
            return -1;
    return ks_stated_i(obj, i) && !ks_null_i(obj, i) ? (int)i : -1;
}

static void add_fields(struct ks_text *out, const struct ks_obj *obj, enum layout layout)
{
    bool first = true;

    for (unsigned i = 0; i < obj->kind->n_fields; i++) {
        const struct ks_field *field = &obj->kind->fields[i];
        if (!is_printed(obj, i))
            continue;
        if (field->flags & KS_F_REST) {
            const struct ks_map *map = ks_member(obj, field);
            struct ks_text inner = {.arena = out->arena};
            if (map->n == 0)
                continue;
            add_map(&inner, field, map, layout);
            ks_text_add(out, first ? "" : ", ");
            ks_text_addn(out, inner.buf + 1, inner.n - 2); /* without its braces: they are keys of this map */
        } else {
            ks_text_add(out, first ? "" : ", ");
            add_word(out, field->key, layout);
            ks_text_add(out, ": ");
            add_value(out, obj, i, layout);
        }
        first = false;
    }
}

static void add_object(struct ks_text *out, const struct ks_obj *obj, enum layout layout)
{
    const int shorthand = shorthand_of(obj);

    if (shorthand >= 0) {
        add_value(out, obj, (unsigned)shorthand, layout);
        return;
    }
    ks_text_add(out, "{");
    add_fields(out, obj, layout);
    ks_text_add(out, "}");
}

void ks_print_flow(struct ks_text *out, const struct ks_obj *obj)
{
    add_object(out, obj, FLOW);
}

void ks_print_json(struct ks_text *out, const struct ks_obj *obj)
{
    ks_text_add(out, "{");
    add_fields(out, obj, JSON);
    ks_text_add(out, "}");
}

const char *ks_show(struct ks_arena *arena, const struct ks_field *field, const struct ks_obj *obj)
{
    const unsigned i = (unsigned)(field - obj->kind->fields);
    struct ks_text out = {.arena = arena};

    if (!ks_stated_i(obj, i) || ks_null_i(obj, i))
        return "";
    if (field->flags & KS_F_SECRET)
        return "(secret)";
    if (field->codec && field->codec->show)
        return field->codec->show(arena, field, obj);
    if (ks_type_is_scalar(field->type))
        return ks_value_show(arena, field, ks_member(obj, field));
    add_value(&out, obj, i, FLOW);
    return ks_text_str(&out);
}

/* ---- YAML in blocks -------------------------------------------------------------------------------------------
 */

enum { LINE = 116 };

static void indent_by(struct ks_text *out, unsigned indent)
{
    ks_text_addf(out, "%*s", (int)indent, "");
}

/* A text of several lines as a literal block; -1 when one cannot say it exactly. */
static int add_literal(struct ks_text *out, const char *text, unsigned indent)
{
    const size_t n = strlen(text);

    if (!strchr(text, '\n') || *text == ' ' || *text == '\n' || *text == '\t' || (n > 1 && text[n - 2] == '\n'))
        return -1;
    for (const char *p = text; *p; p++)
        if (((unsigned char)*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f)
            return -1;
    ks_text_add(out, text[n - 1] == '\n' ? "|\n" : "|-\n");
    while (*text) {
        const size_t line = strcspn(text, "\n");
        if (line)
            indent_by(out, indent + 2);
        ks_text_addn(out, text, line);
        ks_text_add(out, "\n");
        text += line + (text[line] == '\n');
    }
    return 0;
}

void ks_print_entry(struct ks_text *out, const struct ks_field *map, const struct ks_obj *obj, unsigned indent,
                    bool block)
{
    struct ks_text flow = {.arena = out->arena};

    indent_by(out, indent);
    add_key(out, map, obj->key, FLOW);
    add_object(&flow, obj, FLOW);
    if (ks_streq(ks_text_str(&flow), "{}") || (!block && indent + strlen(obj->key) + 2 + flow.n <= LINE)) {
        ks_text_addf(out, ": %s\n", ks_text_str(&flow));
    } else {
        ks_text_add(out, ":\n");
        ks_print_yaml(out, obj, indent + 2);
    }
}

static void add_entries(struct ks_text *out, const struct ks_field *field, const struct ks_map *map,
                        unsigned indent)
{
    for (size_t i = 0; i < map->n; i++)
        ks_print_entry(out, field, map->v[i], indent, false);
}

static void add_block(struct ks_text *out, const struct ks_obj *obj, unsigned i, unsigned indent)
{
    const struct ks_field *field = &obj->kind->fields[i];
    const void *slot = ks_member(obj, field);
    struct ks_text flow = {.arena = out->arena};

    indent_by(out, indent);
    add_word(out, field->key, FLOW);
    ks_text_add(out, ":");
    if (field->type == KS_STRING && !ks_null_i(obj, i)) {
        ks_text_add(out, " ");
        if (add_literal(out, *(const char *const *)slot, indent) == 0)
            return;
    }
    add_value(&flow, obj, i, FLOW);
    /* Maps of devices always go one a line; small things stay on theirs. */
    if (field->type == KS_MAP && !(field->flags & KS_F_SEQ) && !ks_null_i(obj, i) &&
        ((const struct ks_map *)slot)->n > 0 && (field->kind->n_fields > 1 || indent + flow.n > LINE)) {
        ks_text_add(out, "\n");
        add_entries(out, field, slot, indent + 2);
    } else if (field->type == KS_OBJECT && !ks_null_i(obj, i) && indent + strlen(field->key) + flow.n > LINE &&
               shorthand_of(*(struct ks_obj *const *)slot) < 0) {
        ks_text_add(out, "\n");
        ks_print_yaml(out, *(struct ks_obj *const *)slot, indent + 2);
    } else {
        ks_text_addf(out, "%s%s\n", out->buf[out->n - 1] == ' ' ? "" : " ", ks_text_str(&flow));
    }
}

void ks_print_yaml(struct ks_text *out, const struct ks_obj *obj, unsigned indent)
{
    for (unsigned i = 0; i < obj->kind->n_fields; i++) {
        if (!is_printed(obj, i))
            continue;
        if (obj->kind->fields[i].flags & KS_F_REST)
            add_entries(out, &obj->kind->fields[i], ks_member(obj, &obj->kind->fields[i]), indent);
        else
            add_block(out, obj, i, indent);
    }
}
