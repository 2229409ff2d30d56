/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two objects of a kind compared, row by row: what is stated against what is there. */
#include "schema/value.h"
#include "schema/xml.h"

struct walk {
    struct ks_arena *arena;
    bool live;
    struct ks_changes *ret;
};

/* Where the walk stands: the object's place, and that of the map entry around it. */
struct here {
    const struct ks_place *place;
    const struct ks_place *owner;
};

static void diff_object(const struct walk *w, const struct here *here);

static struct ks_place *place_new(struct ks_arena *arena, const struct ks_place *up, const struct ks_field *field,
                                  const struct ks_obj *want, const struct ks_obj *have)
{
    struct ks_place *place = ks_new(arena, struct ks_place);

    *place = (struct ks_place){.up = up, .field = field, .want = want, .have = have};
    return place;
}

static const char *join(struct ks_arena *arena, const char *path, const char *key)
{
    return *path ? ks_sprintf(arena, "%s.%s", path, key) : key;
}

/* Paths are made for the few differences, never for what is equal. */
static const char *place_path(struct ks_arena *arena, const struct ks_place *place)
{
    const char *path;

    if (!place->up)
        return "";
    path = place_path(arena, place->up);
    if (!(place->field->flags & KS_F_REST))
        path = join(arena, path, place->field->key);
    return place->want->key ? join(arena, path, place->want->key) : path;
}

/* The path of a field; the shorthand of a map entry has the entry's own: "pinning.vcpus.0". */
static const char *field_path(const struct walk *w, const struct here *here, const struct ks_field *field)
{
    const struct ks_obj *want = here->place->want;
    const char *path = place_path(w->arena, here->place);

    if (field->flags & KS_F_REST ||
        (want->key && want->kind->shorthand && ks_streq(want->kind->shorthand, field->key)))
        return path;
    return join(w->arena, path, field->key);
}

static struct ks_change *add(const struct walk *w, const struct here *here, const struct ks_field *field,
                             enum ks_change_op op, const char *path)
{
    struct ks_change *change = ks_vec_add(w->arena, w->ret);
    const struct ks_place *place = here->place;

    *change = (struct ks_change){
        .op = op, .field = field, .want = place->want, .have = place->have, .place = place, .path = path};
    change->at = ks_at(place->want, field->key);
    if (here->owner) {
        change->owner_want = here->owner->want;
        change->owner_have = here->owner->have;
        change->owner_field = here->owner->field;
    }
    return change;
}

static const char *show_or_null(struct ks_arena *arena, const struct ks_field *field, const struct ks_obj *obj)
{
    const char *text = obj ? ks_show(arena, field, obj) : "";

    return *text ? text : NULL;
}

/* What stands before the arrow: the value, or the host's own words for what the row cannot say. */
static const char *show_have(struct ks_arena *arena, const struct ks_field *field, unsigned i,
                             const struct ks_obj *have, const struct ks_obj *value)
{
    if (have && have->other >> i & 1)
        return ks_xml_raw(arena, field, have);
    return show_or_null(arena, field, value);
}

/* What the host has: the value, or what its absence means there. NULL: neither is known. */
static const struct ks_obj *have_or_fallback(const struct walk *w, const struct here *here,
                                             const struct ks_field *field, unsigned i)
{
    const struct ks_obj *have = here->place->have;
    struct ks_obj *scratch;

    if (have && ks_stated_i(have, i))
        return have;
    if (!field->fallback || !ks_type_is_scalar(field->type) || (have && have->other >> i & 1))
        return NULL;
    scratch = ks_obj_new(w->arena, here->place->want->kind, NULL);
    return ks_load_text(w->arena, field, field->fallback, scratch) ? NULL : scratch;
}

/* A codec may judge by other members: it gets the host's object also when that does not state this one. */
static bool is_same(const struct ks_field *field, const struct ks_obj *want, const struct ks_obj *have,
                    const struct ks_obj *have_object)
{
    if (field->codec && field->codec->same)
        return field->codec->same(field, want, have ? have : have_object);
    return have && ks_value_equal(field, ks_member(want, field), ks_member(have, field));
}

static void diff_leaf(const struct walk *w, const struct here *here, unsigned i)
{
    const struct ks_field *field = &here->place->want->kind->fields[i];
    const struct ks_obj *have = have_or_fallback(w, here, field, i);
    struct ks_change *change;

    if (is_same(field, here->place->want, have, here->place->have))
        return;
    change = add(w, here, field, KS_SET, field_path(w, here, field));
    change->from = show_have(w->arena, field, i, here->place->have, have);
    change->to = show_or_null(w->arena, field, here->place->want);
}

/* null in the manifest: whatever the host states beyond the default goes. */
static void diff_null(const struct walk *w, const struct here *here, unsigned i)
{
    const struct ks_field *field = &here->place->want->kind->fields[i];
    const struct ks_obj *have = here->place->have;
    struct ks_change *change;

    if (!have || !((have->stated | have->other) >> i & 1))
        return;
    if (field->type == KS_MAP && ((const struct ks_map *)ks_member(have, field))->n == 0)
        return;
    if (field->fallback && ks_type_is_scalar(field->type) && ks_stated_i(have, i) &&
        ks_streq(field->fallback, ks_value_show(w->arena, field, ks_member(have, field))))
        return;
    if (field->codec && field->codec->same && field->codec->same(field, here->place->want, have))
        return;
    if (field->codec && field->codec->is_unset && field->codec->is_unset(field, have))
        return;
    change = add(w, here, field, KS_UNSET, field_path(w, here, field));
    change->from = show_have(w->arena, field, i, have, have);
}

const struct ks_obj *ks_match(const struct ks_map *have, const struct ks_obj *want)
{
    const struct ks_obj *found = have ? ks_map_get(have, want->key) : NULL;

    if (found || !have || !want->kind->same)
        return found;
    for (size_t i = 0; i < have->n; i++)
        if (want->kind->same(want, have->v[i]))
            return have->v[i];
    return NULL;
}

/* What goes by another name on the host is the entry's, unless the manifest says something of that name itself. */
static const struct ks_obj *match_in(const struct ks_map *want, const struct ks_map *have,
                                     const struct ks_obj *entry)
{
    const struct ks_obj *found = ks_match(have, entry);

    return found && !ks_streq(found->key, entry->key) && ks_map_get(want, found->key) ? NULL : found;
}

static const char *show_entry(struct ks_arena *arena, const struct ks_obj *entry)
{
    struct ks_text out = {.arena = arena};

    ks_print_flow(&out, entry);
    return ks_text_str(&out);
}

/* What the manifest, or a planner, says of an observed entry; NULL: nothing. */
static const struct ks_obj *find_wanted(const struct ks_map *want, const struct ks_map *have,
                                        const struct ks_obj *entry)
{
    const struct ks_obj *same_key = ks_map_get(want, entry->key);

    if (same_key)
        return same_key;
    for (size_t i = 0; i < want->n; i++)
        if (match_in(want, have, want->v[i]) == entry)
            return want->v[i];
    return NULL;
}

/* Removal stands before addition: a slot, an address or a name may be needed again. */
static void diff_removed(const struct walk *w, const struct here *here, const struct ks_field *field,
                         const struct ks_map *want, const struct ks_map *have)
{
    const bool complete = !(field->flags & KS_F_OPEN) && !want->open;

    for (size_t i = 0; have && i < have->n; i++) {
        const struct ks_obj *wanted = find_wanted(want, have, have->v[i]);
        if (wanted ? !wanted->gone : !complete)
            continue;
        struct ks_change *change = add(w, here, field, KS_REMOVE, NULL);
        change->path = join(w->arena, field_path(w, here, field), have->v[i]->key);
        change->entry = have->v[i];
        change->from = show_entry(w->arena, have->v[i]);
    }
}

static void diff_map(const struct walk *w, const struct here *here, const struct ks_field *field)
{
    const struct ks_place *place = here->place;
    const struct ks_map *want = ks_member(place->want, field);
    const struct ks_map *have = place->have ? ks_member(place->have, field) : NULL;

    diff_removed(w, here, field, want, have);
    for (size_t i = 0; i < want->n; i++) {
        const struct ks_obj *entry = want->v[i], *found = match_in(want, have, entry);
        if (entry->gone)
            continue;
        if (!found) {
            struct ks_change *change = add(w, here, field, KS_ADD, NULL);
            change->path = join(w->arena, field_path(w, here, field), entry->key);
            change->entry = entry;
            change->to = show_entry(w->arena, entry);
            change->at = entry->at;
            continue;
        }
        struct here below = {.place = place_new(w->arena, place, field, entry, found)};
        below.owner = below.place;
        diff_object(w, &below);
    }
}

static void diff_child(const struct walk *w, const struct here *here, const struct ks_field *field)
{
    const struct ks_place *place = here->place;
    const struct ks_obj *want = *(struct ks_obj *const *)ks_member(place->want, field);
    const struct ks_obj *have = place->have ? *(struct ks_obj *const *)ks_member(place->have, field) : NULL;
    const struct here below = {.place = place_new(w->arena, place, field, want, have), .owner = here->owner};

    diff_object(w, &below);
}

static bool is_compared(const struct walk *w, const struct ks_field *field)
{
    if (field->flags & (KS_F_POLICY | KS_F_HIDDEN | KS_F_SECRET | KS_F_RUNTIME))
        return false;
    return !(w->live && field->flags & KS_F_OPAQUE);
}

static bool is_leaf(const struct ks_field *field)
{
    return (field->type != KS_OBJECT && field->type != KS_MAP) || (field->codec && field->codec->same);
}

static void diff_object(const struct walk *w, const struct here *here)
{
    const struct ks_obj *want = here->place->want;

    for (unsigned i = 0; i < want->kind->n_fields; i++) {
        const struct ks_field *field = &want->kind->fields[i];
        if (!ks_stated_i(want, i) || !is_compared(w, field))
            continue;
        if (ks_null_i(want, i))
            diff_null(w, here, i);
        else if (is_leaf(field))
            diff_leaf(w, here, i);
        else if (field->type == KS_MAP)
            diff_map(w, here, field);
        else
            diff_child(w, here, field);
    }
}

const struct ks_field *ks_change_row(const struct ks_change *change)
{
    const bool wraps =
        change->owner_want && change->owner_want == change->want && change->want->kind->n_fields == 1;

    return wraps ? change->owner_field : change->field;
}

void ks_diff(struct ks_arena *arena, const struct ks_obj *want, const struct ks_obj *have, bool live,
             struct ks_changes *ret)
{
    const struct walk w = {.arena = arena, .live = live, .ret = ret};
    const struct here here = {.place = place_new(arena, NULL, NULL, want, have)};

    diff_object(&w, &here);
}

const struct ks_change *ks_changes_find(const struct ks_changes *changes, const char *path)
{
    for (size_t i = 0; i < changes->n; i++)
        if (ks_streq(changes->v[i].path, path))
            return &changes->v[i];
    return NULL;
}
