/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reference page: a section and a table for each kind. */
#include "schema/doc.h"
#include "schema/value.h"

static const char *const type_words[] = {
    [KS_BOOL] = "true or false",
    [KS_UINT] = "number",
    [KS_SIZE] = "size (`4GiB`, `512MiB`)",
    [KS_DURATION] = "duration (`30s`, `5m`)",
    [KS_BITRATE] = "rate (`100Mbit`)",
    [KS_BYTERATE] = "rate (`100kB/s`)",
    [KS_ENUM] = "word",
    [KS_CPUSET] = "set (`0-3,8`)",
    [KS_STRING] = "text",
    [KS_STRINGS] = "sequence of texts",
    [KS_OBJECT] = "map",
    [KS_MAP] = "map",
};
_Static_assert(KS_COUNT(type_words) == KS_TYPES, "every type has words");

/* A bar would end the cell. */
static void add_cell(struct ks_text *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '|')
            ks_text_add(out, "\\|");
        else
            ks_text_addn(out, *p == '\n' ? " " : p, 1);
    }
}

static void add_range(struct ks_text *out, const struct ks_field *field)
{
    if (field->max)
        ks_text_addf(out, ", %s to %s", ks_value_show(out->arena, field, &field->min),
                     ks_value_show(out->arena, field, &field->max));
    else if (field->min)
        ks_text_addf(out, ", %s or more", ks_value_show(out->arena, field, &field->min));
    if (field->step)
        ks_text_addf(out, ", in steps of %s", ks_value_show(out->arena, field, &field->step));
}

static void add_words(struct ks_text *out, const struct ks_enum *values)
{
    for (size_t i = 0; i < values->n; i++)
        ks_text_addf(out, "%s`%s`", i ? ", " : "", values->names[i]);
}

static void add_link(struct ks_text *out, const struct ks_doc_kinds *kinds, const struct ks_kind *kind)
{
    const char *name = ks_doc_name(kinds, kind);
    struct ks_text anchor = {.arena = out->arena};

    for (const char *p = name; *p; p++) /* as the renderers make it of a heading */
        ks_text_addn(&anchor, *p == ' ' ? "-" : p, 1);
    ks_text_addf(out, "[%s](#%s)", name, ks_text_str(&anchor));
}

static void add_map(struct ks_text *out, const struct ks_doc_kinds *kinds, const struct ks_field *field)
{
    const struct ks_doc_check *check = ks_doc_check(field->check_key);

    ks_text_add(out, field->flags & KS_F_SEQ ? "sequence of " : "map of ");
    add_link(out, kinds, field->kind);
    if (check)
        ks_text_addf(out, " by %s", check->words);
    if (field->flags & KS_F_SCALAR_KEY)
        ks_text_add(out, "; or one key alone");
}

static void add_type(struct ks_text *out, const struct ks_doc_kinds *kinds, const struct ks_field *field)
{
    const struct ks_doc_check *check = ks_doc_check(field->check);

    if (field->type == KS_ENUM)
        add_words(out, field->values);
    else if (field->type == KS_OBJECT)
        add_link(out, kinds, field->kind);
    else if (field->type == KS_MAP)
        add_map(out, kinds, field);
    else if (field->type == KS_STRING && check)
        ks_text_add(out, check->words);
    else
        ks_text_add(out, type_words[field->type]);
    if (field->type == KS_STRINGS && check)
        ks_text_addf(out, ", each %s", check->words);
    if (field->type == KS_UINT || field->type == KS_SIZE || field->type == KS_DURATION ||
        field->type == KS_BITRATE || field->type == KS_BYTERATE)
        add_range(out, field);
}

/* Policy and what is nested have no impact of their own. */
static const char *impact(const struct ks_field *field, enum ks_impact of)
{
    if (field->flags & KS_F_POLICY || field->type == KS_OBJECT)
        return "";
    return ks_impact_name(of);
}

static void add_remarks(struct ks_text *out, const struct ks_field *field)
{
    static const struct {
        unsigned flag;
        const char *words;
    } remarks[] = {
        {KS_F_REQUIRED, "Required."},
        {KS_F_SECRET, "Never shown."},
        {KS_F_CREATE, "Used when it is made; cannot be changed later."},
        {KS_F_OPEN, "What is not named stays."},
    };
    for (size_t i = 0; i < KS_COUNT(remarks); i++)
        if (field->flags & remarks[i].flag)
            ks_text_addf(out, " %s", remarks[i].words);
}

static void add_row(struct ks_text *out, const struct ks_doc_kinds *kinds, const struct ks_field *field)
{
    bool rest = field->flags & KS_F_REST;
    struct ks_text type = {.arena = out->arena};

    add_type(&type, kinds, field);
    ks_text_addf(out, rest ? "| *%s* | " : "| `%s` | ", rest ? "any other key" : field->key);
    add_cell(out, ks_text_str(&type));
    ks_text_addf(out, " | %s%s%s | %s | %s | ", field->fallback ? "`" : "", field->fallback ? field->fallback : "",
                 field->fallback ? "`" : "", impact(field, field->stopped), impact(field, field->running));
    if (field->doc)
        add_cell(out, field->doc);
    add_remarks(out, field);
    ks_text_add(out, " |\n");
}

static void add_kind(struct ks_text *out, const struct ks_doc_kinds *kinds, const struct ks_doc_kind *entry)
{
    const struct ks_kind *kind = entry->kind;

    ks_text_addf(out, "\n## %s\n", entry->name);
    if (kind->doc)
        ks_text_addf(out, "\n%s\n", kind->doc);
    if (kind->shorthand)
        ks_text_addf(out, "\nIn place of the map, its `%s` alone may be given.\n", kind->shorthand);
    ks_text_add(out, "\n| key | value | default | stopped | running | what it is |\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < kind->n_fields; i++)
        if (ks_doc_shown(&kind->fields[i]))
            add_row(out, kinds, &kind->fields[i]);
}

void ks_markdown(struct ks_text *out, const struct ks_kind *kind)
{
    struct ks_doc_kinds kinds = {0};

    ks_doc_collect(out->arena, kind, &kinds);
    ks_text_addf(out, "# The %s, field by field\n", kind->name);
    ks_text_add(
        out, "\nMade from the field tables by `kvmstate schema --markdown`. The default is what a field's absence "
             "on the host means; a field\nthat the manifest does not state is left as it is there. \"stopped\" and "
             "\"running\" are the impact of a change: "
             "safe, live,\nnetwork, restart, delete or data-loss. Every field may be `null`: managed, and "
             "unset.\n");
    for (size_t i = 0; i < kinds.n; i++)
        add_kind(out, &kinds, &kinds.v[i]);
}
