/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The walker from XML to objects. */
#include "schema/xml_private.h"

static bool read_fields(struct ks_arena *arena, xmlNode *node, const char *key, struct ks_obj *ret);

/* Where a row starts to look: which of an element's hints says that it is in vain, and which bit of that. */
enum { FOUND_OUT = 1 << 15, ANYWHERE = 0 << 8, CHILD = 1 << 8, ATTR = 2 << 8, NOWHERE = 3 << 8 };

static unsigned start_of(const struct ks_field *field)
{
    const char *path = field->xml;

    if (field->codec && field->codec->read)
        return ANYWHERE;
    if (!path)
        return field->type == KS_OBJECT ? ANYWHERE : NOWHERE;
    if ((field->flags & KS_F_PRESENCE) || *path == '.' || *path == '/')
        return ANYWHERE;
    return *path == '@' ? ATTR | ks_xml_slot(path + 1) : CHILD | ks_xml_slot(path);
}

/* What an element says of all its rows at once. */
struct hints {
    uintptr_t lacks[4];
};

static inline struct hints hints_of(const xmlNode *node)
{
    return (struct hints){{0, (uintptr_t)node->psvi, (uintptr_t)node->_private, UINTPTR_MAX}};
}

/* Whether a row certainly has nothing there. Any thread may find out where it starts. */
static inline bool is_in_vain(const struct hints *hints, const struct ks_kind *kind, size_t row)
{
    unsigned start = atomic_load_explicit(&kind->xml_starts[row], memory_order_relaxed);

    if (!start) {
        start = FOUND_OUT | start_of(&kind->fields[row]);
        atomic_store_explicit(&kind->xml_starts[row], (uint16_t)start, memory_order_relaxed);
    }
    return hints->lacks[start >> 8 & 3] >> (start & 255) & 1;
}

/* Without a look at the objects below. */
static bool all_in_vain(const struct hints *hints, const struct ks_kind *kind)
{
    for (size_t i = 0; i < kind->n_fields; i++)
        if (!is_in_vain(hints, kind, i))
            return false;
    return true;
}

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
    const struct hints hints = hints_of(target);
    if (all_in_vain(&hints, field->kind)) /* no memory for what is dropped again */
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

static bool read_codec(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, const char *key,
                       struct ks_obj *ret)
{
    (void)key;
    field->codec->read(arena, node, field, ret);
    return (ret->stated | ret->other) & ks_xml_bit(ret, field);
}

/* Whether the XML has it. */
static inline bool read_row(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, const char *key,
                            struct ks_obj *ret)
{
    static bool (*const readers[KS_TYPES])(struct ks_arena *, xmlNode *, const struct ks_field *, const char *,
                                           struct ks_obj *) = {
        [KS_BOOL] = read_scalar,     [KS_UINT] = read_scalar,    [KS_SIZE] = read_scalar,
        [KS_DURATION] = read_scalar, [KS_BITRATE] = read_scalar, [KS_BYTERATE] = read_scalar,
        [KS_ENUM] = read_scalar,     [KS_CPUSET] = read_scalar,  [KS_STRING] = read_scalar,
        [KS_STRINGS] = read_strings, [KS_OBJECT] = read_object,  [KS_MAP] = read_map,
    };

    if (field->codec && field->codec->read)
        return read_codec(arena, node, field, key, ret);
    return readers[field->type](arena, node, field, key, ret);
}

bool ks_xml_read_field(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, const char *key,
                       struct ks_obj *ret)
{
    const struct hints hints = hints_of(node);

    return !is_in_vain(&hints, ret->kind, (size_t)(field - ret->kind->fields)) &&
           read_row(arena, node, field, key, ret);
}

/* Whether the XML has any of them: an object without any is not there. */
static bool read_fields(struct ks_arena *arena, xmlNode *node, const char *key, struct ks_obj *ret)
{
    const struct ks_kind *kind = ret->kind;
    const struct hints hints = hints_of(node);
    bool any = false;

    ret->xml = node;
    for (size_t i = 0; i < kind->n_fields; i++)
        if (!is_in_vain(&hints, kind, i)) /* which most rows are */
            any |= read_row(arena, node, &kind->fields[i], key, ret);
    return any;
}

void ks_xml_read(struct ks_arena *arena, xmlNode *node, struct ks_obj *ret)
{
    read_fields(arena, node, ret->key, ret);
}
