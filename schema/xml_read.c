/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The walker from XML to objects. */
#include "schema/xml_private.h"

static bool read_fields(struct ks_arena *arena, xmlNode *node, const char *key, struct ks_obj *ret);

/* The host's spelling in the manifest's canonical form; kept as it is where the check does not know it. */
static const char *canonical(struct ks_arena *arena, const char *(*check)(struct ks_arena *, const char **),
                             const char *text)
{
    const char *checked = text;
    if (!check || check(arena, &checked))
        return text;
    return checked;
}

static bool read_presence(xmlNode *node, const struct ks_field *field, const char *key, struct ks_obj *ret)
{
    bool there = ks_xml_find(node, field->xml, key);
    *(bool *)ks_member(ret, field) = there;
    if (there || !field->fallback)
        ks_xml_mark(ret, field);
    return there;
}

static bool read_scalar(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, const char *key,
                        struct ks_obj *ret)
{
    if (field->flags & KS_F_PRESENCE)
        return read_presence(node, field, key, ret);
    xmlNode *target;
    const char *text = ks_xml_get_at(arena, node, field->xml, key, &target);
    if (!text)
        return false;
    if (ks_xml_parse_value(arena, field, target, text, ret)) {
        if (field->type == KS_STRING && field->check)
            *(const char **)ks_member(ret, field) = canonical(arena, field->check, *(char **)ks_member(ret, field));
        ks_xml_mark(ret, field);
    } else {
        ret->other |= ks_xml_bit(ret, field);
    }
    return true;
}

static bool read_strings(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, const char *key,
                         struct ks_obj *ret)
{
    struct ks_strings *list = ks_member(ret, field);
    const char *attr = ks_xml_path_attr(field->xml);
    struct ks_xml_walk walk = ks_xml_walk(node, field->xml, key);
    for (xmlNode *e; (e = ks_xml_walk_next(&walk));) {
        const char *text = attr ? ks_xml_attr(e, attr) : ks_xml_content(arena, e);
        if (text)
            *ks_vec_add(arena, list) = canonical(arena, field->check, ks_strdup(arena, text));
    }
    if (list->n)
        ks_xml_mark(ret, field);
    return list->n;
}

static bool read_object(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, const char *key,
                        struct ks_obj *ret)
{
    xmlNode *target = field->xml ? ks_xml_find(node, field->xml, key) : node;
    if (!target)
        return false;
    struct ks_obj *child = ks_obj_new(arena, field->kind, NULL);
    if (!read_fields(arena, target, key, child))
        return false;
    *(struct ks_obj **)ks_member(ret, field) = child;
    ks_xml_mark(ret, field);
    return true;
}

const char *ks_xml_entry_key(struct ks_arena *arena, const struct ks_kind *kind, xmlNode *entry)
{
    const char *key = kind->xml_key ? ks_xml_get(arena, entry, kind->xml_key, NULL) : NULL;
    if (key && *key)
        return key;
    key = kind->xml_alias ? ks_xml_get(arena, entry, kind->xml_alias, NULL) : NULL;
    return key && ks_starts(key, "ua-") && key[3] ? key + 3 : NULL;
}

/* No entry is lost because another has its key. */
static const char *unique_key(struct ks_arena *arena, const struct ks_map *map, const char *key)
{
    const char *unique = key;
    for (unsigned n = 2; ks_map_get(map, unique); n++)
        unique = ks_sprintf(arena, "%s-%u", key, n);
    return unique;
}

static void read_entry(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, size_t index,
                       struct ks_map *map)
{
    const struct ks_kind *kind = field->kind;
    const char *key = ks_xml_entry_key(arena, kind, node);
    struct ks_obj *entry = ks_obj_new(arena, kind, NULL);
    if (key) /* unique before the fields are read: $key means the same to who writes them */
        entry->key = unique_key(arena, map, canonical(arena, field->check_key, ks_strdup(arena, key)));
    read_fields(arena, node, entry->key, entry);
    if (!key && kind->make_key)
        entry->key = unique_key(arena, map, kind->make_key(arena, entry, index));
    else if (!key)
        entry->key = unique_key(arena, map, ks_sprintf(arena, "%s%zu", kind->name, index));
    ks_map_put(arena, map, entry);
}

static bool read_map(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, const char *key,
                     struct ks_obj *ret)
{
    struct ks_map *map = ks_member(ret, field);
    size_t index = 0;
    struct ks_xml_walk walk = ks_xml_walk(node, field->xml, key);
    for (xmlNode *e; (e = ks_xml_walk_next(&walk));)
        if (!field->kind->skip || !field->kind->skip(e))
            read_entry(arena, e, field, index++, map);
    if (map->n)
        ks_xml_mark(ret, field);
    return map->n;
}

bool ks_xml_read_field(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, const char *key,
                       struct ks_obj *ret)
{
    if (field->codec && field->codec->read) {
        field->codec->read(arena, node, field, ret);
        return (ret->stated | ret->other) & ks_xml_bit(ret, field);
    }
    if (field->xml && !(field->flags & KS_F_PRESENCE) && ks_xml_leads_nowhere(node, field->xml))
        return false; /* which most rows come to */
    if (field->type == KS_OBJECT)
        return read_object(arena, node, field, key, ret);
    if (!field->xml)
        return false;
    if (field->type == KS_MAP)
        return read_map(arena, node, field, key, ret);
    if (field->type == KS_STRINGS)
        return read_strings(arena, node, field, key, ret);
    return read_scalar(arena, node, field, key, ret);
}

/* Whether the XML has any of them: an object without any is not there. */
static bool read_fields(struct ks_arena *arena, xmlNode *node, const char *key, struct ks_obj *ret)
{
    bool any = false;
    ret->xml = node;
    for (size_t i = 0; i < ret->kind->n_fields; i++)
        any |= ks_xml_read_field(arena, node, &ret->kind->fields[i], key, ret);
    return any;
}

void ks_xml_read(struct ks_arena *arena, xmlNode *node, struct ks_obj *ret)
{
    read_fields(arena, node, ret->key, ret);
}
