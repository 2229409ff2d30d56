/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "schema/value.h"

/* In ks_obj.other: a key that was not understood may have been meant to be any field. */
#define UNKNOWN_KEY (UINT64_C(1) << 63)

static const char *node_name(const struct ks_node *node)
{
    switch (node->type) {
    case KS_NODE_NULL:
        return "nothing";
    case KS_NODE_SEQ:
        return "a sequence";
    case KS_NODE_MAP:
        return "a map";
    case KS_NODE_SCALAR:
        break;
    }
    return "a scalar";
}

static int wrong_type(struct ks_loader *l, const char *key, const char *expected, const struct ks_node *node)
{
    if (node->type == KS_NODE_SCALAR)
        return ks_report(l->findings, KS_E_INVALID, node->at, "%s: expected %s, found '%s'", key, expected,
                         node->text);
    return ks_report(l->findings, KS_E_INVALID, node->at, "%s: expected %s, found %s", key, expected,
                     node_name(node));
}

/* Replaces {guest} and {host}; returns `text` itself when neither stands in it. */
static const char *substitute(const struct ks_loader *l, const struct ks_field *field, const char *text)
{
    const struct {
        const char *mark, *value;
    } words[] = {{"{guest}", l->guest}, {"{host}", l->host}};
    struct ks_text out = {.arena = l->arena};
    const char *p = text;

    if (field->flags & KS_F_NO_SUBST || !strchr(text, '{'))
        return text;
    while (*p) {
        const size_t plain = strcspn(p, "{");
        size_t taken = 0;
        ks_text_addn(&out, p, plain);
        p += plain;
        for (size_t i = 0; i < KS_COUNT(words) && !taken; i++) {
            if (words[i].value && ks_starts(p, words[i].mark)) {
                ks_text_add(&out, words[i].value);
                taken = strlen(words[i].mark);
            }
        }
        if (!taken && *p)
            ks_text_addn(&out, p, taken = 1);
        p += taken;
    }
    return ks_text_str(&out);
}

/* Stores one scalar, or reports what was expected in its place. */
static int load_scalar(struct ks_loader *l, const struct ks_field *field, const struct ks_node *node, void *slot)
{
    const char *expected;

    if (node->type != KS_NODE_SCALAR) {
        static const char *const nouns[] = {
            [KS_BOOL] = "true or false",
            [KS_UINT] = "a number",
            [KS_SIZE] = "a size such as 4GiB",
            [KS_DURATION] = "a duration such as 30s",
            [KS_BITRATE] = "a rate such as 100Mbit",
            [KS_BYTERATE] = "a rate such as 100kB/s",
            [KS_ENUM] = "a word",
            [KS_CPUSET] = "a set such as 0-3,8",
            [KS_STRING] = "a string",
        };
        return wrong_type(l, field->key, nouns[field->type], node);
    }
    if (node->quoted && (field->type == KS_BOOL))
        return wrong_type(l, field->key, "true or false without quotes", node);
    expected = ks_value_parse(l->arena, field, substitute(l, field, node->text), slot);
    return expected ? wrong_type(l, field->key, expected, node) : 0;
}

static int load_strings(struct ks_loader *l, const struct ks_field *field, const struct ks_node *node,
                        struct ks_strings *ret)
{
    if (node->type != KS_NODE_SEQ) {
        return wrong_type(l, field->key, "a sequence such as [a, b]", node);
    }
    for (size_t i = 0; i < node->n; i++) {
        const struct ks_node *item = node->items[i];
        const char *text = item->text, *expected = NULL;
        if (item->type != KS_NODE_SCALAR) {
            (void)wrong_type(l, field->key, "a string", item);
            continue;
        }
        text = substitute(l, field, text);
        if (field->check)
            expected = field->check(l->arena, &text);
        if (expected)
            (void)wrong_type(l, field->key, expected, item);
        else
            *ks_vec_add(l->arena, ret) = text;
    }
    return 0;
}

static void load_entry(struct ks_loader *l, const struct ks_field *field, const struct ks_node *key,
                       const struct ks_node *value, struct ks_map *ret)
{
    const char *text = key->text;
    const char *expected = field->check_key ? field->check_key(l->arena, &text) : NULL;
    const char *outer_guest = l->guest;
    const bool outer_partial = l->partial;
    struct ks_obj *entry;

    if (expected) {
        (void)ks_report(l->findings, KS_E_INVALID, key->at, "%s: expected %s, found '%s'", field->key, expected,
                        key->text);
        return;
    }
    if (ks_map_get(ret, text)) {
        (void)ks_report(l->findings, KS_E_INVALID, key->at, "%s: '%s' is given twice", field->key, text);
        return;
    }
    if (value && value->type == KS_NODE_NULL) /* taken out of what a profile or an included file states */
        return;
    entry = ks_obj_new(l->arena, field->kind, text);
    entry->at = key->at;
    /* The guests of a manifest are where {guest} gets its value; a profile has none. */
    if (ks_streq(field->key, "guests"))
        l->guest = text;
    if (ks_streq(field->key, "profiles"))
        l->partial = true;
    if (value)
        ks_load(l, field->kind, value, entry);
    l->guest = outer_guest;
    l->partial = outer_partial;
    ks_map_put(l->arena, ret, entry);
}

static int load_sequence(struct ks_loader *l, const struct ks_field *field, const struct ks_node *node,
                         struct ks_map *ret)
{
    if (node->type != KS_NODE_SEQ)
        return wrong_type(l, field->key, "a sequence", node);
    for (size_t i = 0; i < node->n; i++) {
        struct ks_obj *entry = ks_obj_new(l->arena, field->kind, NULL);
        ks_load(l, field->kind, node->items[i], entry);
        entry->key = field->kind->seq_key(l->arena, entry, i);
        if (ks_map_get(ret, entry->key))
            (void)ks_report(l->findings, KS_E_INVALID, node->items[i]->at, "%s: '%s' is given twice", field->key,
                            entry->key);
        else
            ks_map_put(l->arena, ret, entry);
    }
    return 0;
}

static int load_map(struct ks_loader *l, const struct ks_field *field, const struct ks_node *node,
                    struct ks_map *ret)
{
    if (field->flags & KS_F_SEQ)
        return load_sequence(l, field, node, ret);
    if (node->type == KS_NODE_SCALAR && field->flags & KS_F_SCALAR_KEY)
        load_entry(l, field, node, NULL, ret);
    else if (node->type != KS_NODE_MAP)
        return wrong_type(l, field->key, "a map", node);
    for (size_t i = 0; node->type == KS_NODE_MAP && i < node->n; i++)
        load_entry(l, field, node->pairs[i].key, node->pairs[i].value, ret);
    return 0;
}

static int load_object(struct ks_loader *l, const struct ks_field *field, const struct ks_node *node,
                       struct ks_obj **ret)
{
    /* Without a column the line is not shown: what stands there may be the secret itself. */
    if (field->flags & KS_F_SECRET && node->type != KS_NODE_MAP)
        return ks_report(l->findings, KS_E_INVALID, (struct ks_loc){node->at.file, node->at.line, 0},
                         "%s: a secret never stands in a manifest: expected {file: /PATH} or {credential: NAME}",
                         field->key);
    const bool outer = l->secret;

    *ret = ks_obj_new(l->arena, field->kind, NULL);
    l->secret = outer || field->flags & KS_F_SECRET;
    ks_load(l, field->kind, node, *ret);
    l->secret = outer;
    return 0;
}

static int load_value(struct ks_loader *l, const struct ks_field *field, const struct ks_node *node, void *slot)
{
    if (field->type == KS_OBJECT)
        return load_object(l, field, node, slot);
    if (field->type == KS_MAP)
        return load_map(l, field, node, slot);
    if (field->type == KS_STRINGS)
        return load_strings(l, field, node, slot);
    return load_scalar(l, field, node, slot);
}

static void load_field(struct ks_loader *l, unsigned i, const struct ks_node *node, struct ks_obj *obj)
{
    const struct ks_field *field = &obj->kind->fields[i];
    const uint64_t bit = UINT64_C(1) << i;

    obj->field_at[i] = node->at;
    if (node->type == KS_NODE_NULL && field->flags & KS_F_REQUIRED) {
        (void)wrong_type(l, field->key, "a value", node);
        obj->other |= bit;
    } else if (node->type == KS_NODE_NULL) {
        obj->stated |= bit;
        obj->null |= bit;
    } else if (load_value(l, field, node, ks_member(obj, field)) < 0) {
        obj->other |= bit;
    } else {
        obj->stated |= bit;
    }
}

static bool is_loadable(const struct ks_field *field)
{
    return !(field->flags & (KS_F_HIDDEN | KS_F_REST));
}

static int find_key(const struct ks_kind *kind, const char *key)
{
    for (unsigned i = 0; i < kind->n_fields; i++)
        if (kind->fields[i].key[0] == key[0] && strcmp(kind->fields[i].key, key) == 0 &&
            is_loadable(&kind->fields[i]))
            return (int)i;
    return -1;
}

static int find_rest(const struct ks_kind *kind)
{
    for (unsigned i = 0; i < kind->n_fields; i++)
        if (kind->fields[i].flags & KS_F_REST)
            return (int)i;
    return -1;
}

static void unknown_key(struct ks_loader *l, const struct ks_kind *kind, const struct ks_node *key)
{
    const char *names[64];
    const char *near;
    size_t n = 0;

    for (size_t i = 0; i < kind->n_fields; i++)
        if (is_loadable(&kind->fields[i]))
            names[n++] = kind->fields[i].key;
    near = ks_nearest(key->text, names, n);
    /* `{value: hunter2}`: the line is not shown. */
    (void)ks_report(l->findings, KS_E_INVALID, l->secret ? (struct ks_loc){key->at.file, key->at.line, 0} : key->at,
                    "unknown key '%s' in %s", key->text, kind->name);
    if (near)
        ks_report_hint(l->findings, "did you mean '%s'?", near);
}

static void load_pair(struct ks_loader *l, const struct ks_pair *pair, struct ks_obj *obj)
{
    const int i = find_key(obj->kind, pair->key->text);
    const int rest = i < 0 ? find_rest(obj->kind) : -1;

    if (i >= 0) {
        load_field(l, (unsigned)i, pair->value, obj);
    } else if (rest >= 0) {
        obj->stated |= UINT64_C(1) << rest;
        if (!obj->field_at[rest].line)
            obj->field_at[rest] = pair->key->at;
        load_entry(l, &obj->kind->fields[rest], pair->key, pair->value, ks_member(obj, &obj->kind->fields[rest]));
    } else {
        unknown_key(l, obj->kind, pair->key);
        obj->other |= UNKNOWN_KEY;
    }
}

static void check_required(struct ks_loader *l, const struct ks_obj *obj)
{
    for (unsigned i = 0; i < obj->kind->n_fields && !l->partial; i++)
        if (obj->kind->fields[i].flags & KS_F_REQUIRED && !((obj->stated | obj->other) >> i & 1))
            (void)ks_report(l->findings, KS_E_INVALID, obj->at, "%s%s%s: '%s' is missing", obj->kind->name,
                            obj->key ? " " : "", obj->key ? obj->key : "", obj->kind->fields[i].key);
}

/* A map where a kind wraps one scalar, which has no keys to speak of; an empty one is its default. */
static bool is_no_scalar(const struct ks_kind *kind, const struct ks_node *node)
{
    return node->type == KS_NODE_MAP && node->n > 0 && kind->n_fields == 1 && kind->shorthand &&
           !ks_node_get(node, kind->shorthand);
}

void ks_load(struct ks_loader *l, const struct ks_kind *kind, const struct ks_node *node, struct ks_obj *ret)
{
    ret->kind = kind;
    if (!ret->at.line)
        ret->at = node->at;
    ret->field_at = ks_new_n(l->arena, struct ks_loc, kind->n_fields);
    if (is_no_scalar(kind, node)) {
        (void)wrong_type(l, ret->key ? ret->key : kind->name, "one value", node);
        ret->other |= UNKNOWN_KEY;
        return;
    }
    if (node->type == KS_NODE_MAP) {
        for (size_t i = 0; i < node->n; i++)
            load_pair(l, &node->pairs[i], ret);
    } else if (kind->shorthand && node->type != KS_NODE_NULL) {
        load_field(l, ks_row(kind, kind->shorthand), node, ret);
    } else {
        (void)wrong_type(l, ret->key ? ret->key : kind->name, "a map", node);
        ret->other |= UNKNOWN_KEY;
        return;
    }
    check_required(l, ret);
    /* What a profile lacks, the guest may have. A field that could not be read is absent to the hook. */
    if (kind->validate && !l->partial)
        kind->validate(ret, l->findings);
}

const char *ks_load_text(struct ks_arena *arena, const struct ks_field *field, const char *text, struct ks_obj *ret)
{
    const char *expected = ks_value_parse(arena, field, text, ks_member(ret, field));

    if (!expected)
        ret->stated |= UINT64_C(1) << (unsigned)(field - ret->kind->fields);
    return expected;
}
