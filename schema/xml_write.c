/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The walker from objects into XML, and single changes. What is the same already is not touched. */
#include "schema/value.h"
#include "schema/xml.h"

struct writer {
    struct ks_arena *scratch;
    const xmlNode *stop; /* pruning ends here: the element of the innermost map entry, or the document's */
    const char *key;     /* what $key stands for */
    struct ks_error *err;
};

static int write_field(struct writer *w, xmlNode *node, const struct ks_field *field, const struct ks_obj *obj);
static int write_fields(struct writer *w, xmlNode *node, const struct ks_obj *obj);
static int unset_field(struct writer *w, xmlNode *node, const struct ks_field *field);

static bool has_write(const struct ks_field *field)
{
    return field->codec && field->codec->write;
}

static int call_codec(struct writer *w, xmlNode *node, const struct ks_field *field, const struct ks_obj *obj)
{
    if (field->codec->write(node, field, obj, w->err))
        return ks_wrap(w->err, "in %s of the XML", field->key);
    return 0;
}

/* ---- setting ------------------------------------------------------------------------------------------------ */

/* The XML has this value already, however it spells it. */
static bool is_there(struct writer *w, xmlNode *node, const struct ks_field *field, const struct ks_obj *obj)
{
    struct ks_obj *have = ks_obj_new(w->scratch, obj->kind, NULL);
    ptrdiff_t i = field - obj->kind->fields;
    ks_xml_read_field(w->scratch, node, field, w->key, have);
    if (!(have->stated >> i & 1))
        return false;
    return ks_value_equal(field, ks_member(obj, field), ks_member(have, field));
}

static int write_scalar(struct writer *w, xmlNode *node, const struct ks_field *field, const struct ks_obj *obj)
{
    const char *unit, *attr = ks_xml_path_attr(field->xml);
    if (is_there(w, node, field, obj))
        return 0;
    xmlNode *target = ks_xml_ensure(node, field->xml, w->key, field->xml_create, w->err);
    if (!target)
        return -1;
    const char *text = ks_xml_format_value(w->scratch, field, target, obj, &unit);
    if (!text)
        return ks_fail(w->err, KS_E_INVALID, ks_at(obj, field->key), "%s: libvirt cannot say %s here", field->key,
                       ks_show(w->scratch, field, obj));
    if (unit)
        ks_xml_set_attr(target, "unit", unit);
    if (attr)
        ks_xml_set_attr(target, attr, text);
    else
        ks_xml_set_content(target, text);
    return 0;
}

static int write_presence(struct writer *w, xmlNode *node, const struct ks_field *field, const struct ks_obj *obj)
{
    if (!*(const bool *)ks_member(obj, field))
        return unset_field(w, node, field);
    return ks_xml_ensure(node, field->xml, w->key, field->xml_create, w->err) ? 0 : -1;
}

static const char *list_value(struct writer *w, const struct ks_field *field, const xmlNode *element)
{
    const char *attr = ks_xml_path_attr(field->xml);
    return attr ? ks_xml_attr(element, attr) : ks_xml_content(w->scratch, element);
}

static bool list_has(const struct ks_strings *list, const char *text)
{
    for (size_t i = 0; text && i < list->n; i++)
        if (strcmp(list->v[i], text) == 0)
            return true;
    return false;
}

static int append_value(struct writer *w, xmlNode *node, const struct ks_field *field, const char *text)
{
    const char *attr = ks_xml_path_attr(field->xml);
    xmlNode *made = ks_xml_append(node, field->xml, w->key, field->xml_create, w->err);
    if (!made)
        return -1;
    if (attr)
        ks_xml_set_attr(made, attr, text);
    else
        ks_xml_set_content(made, text);
    return 0;
}

/* Order says nothing: those that are not wanted go, those that are missing come. */
static int write_set(struct writer *w, xmlNode *node, const struct ks_field *field, const struct ks_strings *want)
{
    struct ks_strings have = {0};
    xmlNode *next = ks_xml_each(node, field->xml, w->key, NULL);
    for (xmlNode *e = next; e; e = next) {
        const char *text = ks_strdup(w->scratch, list_value(w, field, e));
        next = ks_xml_each(node, field->xml, w->key, e);
        if (list_has(want, text) && !list_has(&have, text))
            *ks_vec_add(w->scratch, &have) = text;
        else
            ks_xml_remove(e, w->stop);
    }
    for (size_t i = 0; i < want->n; i++)
        if (!list_has(&have, want->v[i]) && append_value(w, node, field, want->v[i]))
            return -1;
    return 0;
}

/* Place by place; what is over goes, what is missing comes behind. */
static int write_list(struct writer *w, xmlNode *node, const struct ks_field *field, const struct ks_strings *want)
{
    const char *attr = ks_xml_path_attr(field->xml);
    xmlNode *next = ks_xml_each(node, field->xml, w->key, NULL);
    size_t i = 0;
    for (xmlNode *e = next; e; e = next, i++) {
        next = ks_xml_each(node, field->xml, w->key, e);
        if (i >= want->n)
            ks_xml_remove(e, w->stop);
        else if (attr)
            ks_xml_set_attr(e, attr, want->v[i]);
        else
            ks_xml_set_content(e, want->v[i]);
    }
    for (; i < want->n; i++)
        if (append_value(w, node, field, want->v[i]))
            return -1;
    return 0;
}

static int write_strings(struct writer *w, xmlNode *node, const struct ks_field *field, const struct ks_obj *obj)
{
    const struct ks_strings *want = ks_member(obj, field);
    if (is_there(w, node, field, obj))
        return 0;
    return field->flags & KS_F_SET ? write_set(w, node, field, want) : write_list(w, node, field, want);
}

/* ---- objects and maps --------------------------------------------------------------------------------------- */

static int write_object(struct writer *w, xmlNode *node, const struct ks_field *field, const struct ks_obj *obj)
{
    const struct ks_obj *child = *(struct ks_obj *const *)ks_member(obj, field);
    xmlNode *target = node;
    if (field->xml)
        target = ks_xml_ensure(node, field->xml, w->key, field->xml_create, w->err);
    if (!target || write_fields(w, target, child))
        return -1;
    if (field->xml && target != w->stop)
        ks_xml_prune(target, node); /* nothing in it had a place in the XML; `node` is the caller's to judge */
    return 0;
}

/* What makes an element this entry: the key at its path; libvirt's user alias unless the element has one. */
static int write_identity(struct writer *w, xmlNode *node, const struct ks_obj *entry)
{
    const struct ks_kind *kind = entry->kind;
    if (!entry->key)
        return 0;
    if (kind->xml_key && ks_xml_set(node, kind->xml_key, entry->key, NULL, entry->key, w->err))
        return -1;
    if (!kind->xml_alias || ks_xml_find(node, kind->xml_alias, entry->key))
        return 0;
    return ks_xml_set(node, kind->xml_alias, entry->key, NULL, ks_sprintf(w->scratch, "ua-%s", entry->key), w->err);
}

/* The element of an entry that the XML has: read from it, or known by its key. */
static xmlNode *find_entry(struct writer *w, xmlNode *node, const struct ks_field *field,
                           const struct ks_obj *entry)
{
    for (xmlNode *e = NULL; (e = ks_xml_each(node, field->xml, entry->key, e));) {
        if (field->kind->skip && field->kind->skip(e))
            continue;
        if (e == entry->xml || ks_streq(ks_xml_entry_key(w->scratch, field->kind, e), entry->key))
            return e;
    }
    return strstr(field->xml, "$key") ? ks_xml_find(node, field->xml, entry->key) : NULL;
}

static int write_entry(struct writer *w, xmlNode *node, const struct ks_field *field, const struct ks_obj *entry)
{
    xmlNode *found = find_entry(w, node, field, entry), *target = found;
    if (!found)
        target = ks_xml_append(node, field->xml, entry->key, field->xml_create, w->err);
    if (!target)
        return -1;
    struct writer inner = {.scratch = w->scratch, .stop = target, .key = entry->key, .err = w->err};
    if ((!found && write_identity(&inner, target, entry)) || write_fields(&inner, target, entry))
        return ks_wrap(w->err, "in %s '%s'", entry->kind->name, entry->key);
    return 0;
}

static int write_map(struct writer *w, xmlNode *node, const struct ks_field *field, const struct ks_obj *obj)
{
    const struct ks_map *map = ks_member(obj, field);
    for (size_t i = 0; i < map->n; i++)
        if (write_entry(w, node, field, map->v[i]))
            return -1;
    return 0;
}

static int write_field(struct writer *w, xmlNode *node, const struct ks_field *field, const struct ks_obj *obj)
{
    if (has_write(field))
        return call_codec(w, node, field, obj);
    if (obj->null >> (field - obj->kind->fields) & 1)
        return unset_field(w, node, field);
    if (field->type == KS_OBJECT)
        return write_object(w, node, field, obj);
    if (!field->xml)
        return 0;
    if (field->type == KS_MAP)
        return write_map(w, node, field, obj);
    if (field->type == KS_STRINGS)
        return write_strings(w, node, field, obj);
    if (field->flags & KS_F_PRESENCE)
        return write_presence(w, node, field, obj);
    return write_scalar(w, node, field, obj);
}

/* A codec may spell a value in its own way: where the XML satisfies it already, it is not asked to. What is not
   compared (secrets, derived members) is always written. */
static bool is_satisfied(struct writer *w, xmlNode *node, const struct ks_field *field, const struct ks_obj *obj)
{
    const unsigned never = KS_F_POLICY | KS_F_HIDDEN | KS_F_SECRET;
    if (!has_write(field) || (!field->codec->read && !field->xml) || field->flags & never)
        return false;
    struct ks_obj *have = ks_obj_new(w->scratch, obj->kind, obj->key);
    struct ks_obj *want = ks_obj_new(w->scratch, obj->kind, obj->key);
    struct ks_changes changes = {0};
    memcpy(want, obj, obj->kind->size);
    want->stated &= ks_xml_bit(obj, field);
    ks_xml_read(w->scratch, node, have); /* all of it: a codec may look at what other rows have read */
    if (!(have->stated & ks_xml_bit(have, field)))
        return false;
    ks_diff(w->scratch, want, have, false, &changes);
    return changes.n == 0;
}

static int write_fields(struct writer *w, xmlNode *node, const struct ks_obj *obj)
{
    for (unsigned pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < obj->kind->n_fields; i++) {
            const struct ks_field *field = &obj->kind->fields[i];
            bool late = field->flags & KS_F_XML_EXTRA;
            if (late != (pass == 1) || !(obj->stated >> i & 1) || field->flags & KS_F_RUNTIME)
                continue;
            if (!is_satisfied(w, node, field, obj) && write_field(w, node, field, obj))
                return -1;
        }
    }
    return 0;
}

/* ---- unsetting ---------------------------------------------------------------------------------------------- */

/* An object of the kind whose every field is null, for codecs. */
static const struct ks_obj *all_null(struct writer *w, const struct ks_kind *kind)
{
    struct ks_obj *obj = ks_obj_new(w->scratch, kind, w->key);
    obj->stated = obj->null = UINT64_MAX;
    return obj;
}

/* Fields of an object that do not lie in its own element, and would outlive it. */
static int unset_outside(struct writer *w, xmlNode *node, const struct ks_kind *kind)
{
    for (size_t i = 0; i < kind->n_fields; i++) {
        const struct ks_field *field = &kind->fields[i];
        if (field->type == KS_OBJECT && !field->xml && !has_write(field)) {
            if (unset_outside(w, node, field->kind))
                return -1;
        } else if (field->xml && *field->xml == '/' && unset_field(w, node, field)) {
            return -1;
        }
    }
    return 0;
}

static int remove_entry(struct writer *w, const struct ks_field *field, xmlNode *entry, const char *key)
{
    struct writer inner = {.scratch = w->scratch, .stop = ks_xml_top(entry), .key = key, .err = w->err};
    if (unset_outside(&inner, entry, field->kind))
        return -1;
    ks_xml_remove(entry, w->stop);
    return 0;
}

static int unset_map(struct writer *w, xmlNode *node, const struct ks_field *field)
{
    xmlNode *next = ks_xml_each(node, field->xml, w->key, NULL);
    for (xmlNode *e = next; e; e = next) {
        next = ks_xml_each(node, field->xml, w->key, e);
        if (field->kind->skip && field->kind->skip(e))
            continue;
        const char *key = ks_xml_entry_key(w->scratch, field->kind, e);
        if (remove_entry(w, field, e, ks_strdup(w->scratch, key)))
            return -1;
    }
    return 0;
}

static int unset_object(struct writer *w, xmlNode *node, const struct ks_field *field)
{
    xmlNode *target = field->xml ? ks_xml_find(node, field->xml, w->key) : NULL;
    if (target) {
        if (unset_outside(w, target, field->kind))
            return -1;
        ks_xml_remove(target, w->stop);
        return 0;
    }
    const struct ks_obj *null = all_null(w, field->kind);
    for (size_t i = 0; !field->xml && i < field->kind->n_fields; i++) {
        const struct ks_field *row = &field->kind->fields[i];
        if (has_write(row) ? call_codec(w, node, row, null) : unset_field(w, node, row))
            return -1;
    }
    return 0;
}

static void unset_strings(struct writer *w, xmlNode *node, const struct ks_field *field)
{
    xmlNode *next = ks_xml_each(node, field->xml, w->key, NULL);
    for (xmlNode *e = next; e; e = next) {
        next = ks_xml_each(node, field->xml, w->key, e);
        ks_xml_remove(e, w->stop);
    }
}

static void unset_scalar(struct writer *w, xmlNode *node, const struct ks_field *field)
{
    xmlNode *target = ks_xml_find(node, field->xml, w->key);
    bool has_unit = field->type == KS_SIZE && field->xml_unit && *field->xml_unit != '=';
    if (target && has_unit && ks_xml_path_attr(field->xml))
        ks_xml_set_attr(target, "unit", NULL);
    ks_xml_unset(node, field->xml, w->key, field->xml_create, w->stop);
}

static int unset_field(struct writer *w, xmlNode *node, const struct ks_field *field)
{
    if (field->type == KS_OBJECT)
        return unset_object(w, node, field);
    if (!field->xml)
        return 0;
    if (field->type == KS_MAP)
        return unset_map(w, node, field);
    if (field->type == KS_STRINGS)
        unset_strings(w, node, field);
    else
        unset_scalar(w, node, field);
    return 0;
}

/* ---- one change --------------------------------------------------------------------------------------------- */

/* The key around a place: of the innermost map entry. */
static const char *place_key(const struct ks_place *place)
{
    for (; place; place = place->up)
        if (place->want && place->want->key)
            return place->want->key;
    return NULL;
}

/*
 * The element that the object of a place stands for. Made when `make` says so; otherwise *ret is NULL when it is
 * not there.
 */
static int place_element(struct writer *w, xmlNode *root, const struct ks_place *place, bool make, xmlNode **ret)
{
    *ret = root;
    if (place && place->have && place->have->xml)
        *ret = place->have->xml;
    if (!place || !place->up || *ret != root)
        return 0;
    if (place_element(w, root, place->up, make, ret) || !*ret || !place->field->xml)
        return *ret || !make ? 0 : -1;
    const char *key = place_key(place);
    if (place->field->type == KS_MAP)
        *ret = find_entry(w, *ret, place->field, place->want);
    else if (make)
        *ret = ks_xml_ensure(*ret, place->field->xml, key, place->field->xml_create, w->err);
    else
        *ret = ks_xml_find(*ret, place->field->xml, key);
    if (!*ret && make && place->field->type == KS_MAP)
        return ks_fail(w->err, KS_E_BUG, KS_NOWHERE, "the XML has no %s '%s' to change", place->field->kind->name,
                       place->want->key);
    return *ret || !make ? 0 : -1;
}

/* The outermost place whose row a codec writes: it speaks for all below it. */
static const struct ks_place *codec_place(const struct ks_place *place)
{
    const struct ks_place *found = NULL;
    for (; place && place->up; place = place->up)
        if (has_write(place->field))
            found = place;
    return found;
}

static int apply_at(struct writer *w, xmlNode *node, const struct ks_change *change)
{
    const struct ks_field *field = change->field;
    if (has_write(field))
        return call_codec(w, node, field, change->want);
    switch (change->op) {
    case KS_SET:
        return write_field(w, node, field, change->want);
    case KS_UNSET:
        return unset_field(w, node, field);
    case KS_ADD:
        return field->xml ? write_entry(w, node, field, change->entry) : 0;
    case KS_REMOVE:
        if (!field->xml)
            return 0;
        node = change->entry->xml ? change->entry->xml : find_entry(w, node, field, change->entry);
        return node ? remove_entry(w, field, node, change->entry->key) : 0;
    }
    return 0;
}

int ks_xml_apply(xmlNode *root, const struct ks_change *change, struct ks_error *err)
{
    ks_auto(ks_arena_freep) struct ks_arena *scratch = ks_arena_new();
    const struct ks_obj *owner = change->owner_have;
    const struct ks_place *codec = codec_place(change->place);
    const struct ks_place *place = codec ? codec->up : change->place;
    struct writer w = {.scratch = scratch, .key = place_key(place), .err = err};
    bool make = codec || change->op == KS_SET || change->op == KS_ADD;
    xmlNode *node;
    w.stop = owner && owner->xml ? owner->xml : root;
    if (place_element(&w, root, place, make, &node))
        return ks_wrap(err, "in %s", change->path);
    if (!node)
        return 0;
    if (codec ? call_codec(&w, node, codec->field, place->want) : apply_at(&w, node, change))
        return ks_wrap(err, "in %s", change->path);
    return 0;
}

int ks_xml_write(xmlNode *node, const struct ks_obj *want, struct ks_error *err)
{
    ks_auto(ks_arena_freep) struct ks_arena *scratch = ks_arena_new();
    struct writer w = {.scratch = scratch, .stop = node, .key = want->key, .err = err};
    return write_identity(&w, node, want) || write_fields(&w, node, want) ? -1 : 0;
}
