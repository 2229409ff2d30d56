/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's fields beside its fragments of XML. Both are asked for: where a fragment says something else than a
 * field does, no definition has both, and each run would find the other one missing. Whether they agree is tried on
 * a fresh document: the fields are written, the fragments merged into it, and the fields read again.
 */
#include "schema/guest.h"
#include "schema/value.h"
#include "schema/xml.h"

#define XML_BIT (UINT64_C(1) << ks_row(&ks_guest_kind, "xml"))

/* A document with these rows of the guest, in *ret, and what reads from it; NULL: they cannot be written alone. */
static struct ks_guest *made_of(struct ks_arena *arena, const struct ks_guest *g, uint64_t rows, xmlDoc **ret)
{
    static const char domain[] = "<domain/>";
    ks_auto(ks_error_done) struct ks_error err = {0};
    struct ks_guest part = *g, *made;

    part.o.stated &= rows;
    if (ks_xml_parse(domain, strlen(domain), ret, &err) < 0 ||
        ks_xml_write(xmlDocGetRootElement(*ret), &part.o, &err) < 0)
        return NULL;
    made = (struct ks_guest *)ks_obj_new(arena, &ks_guest_kind, g->o.key);
    ks_xml_read(arena, xmlDocGetRootElement(*ret), &made->o);
    return made;
}

static bool has_xml(const struct ks_guest *g)
{
    return g->o.stated & ~g->o.null & XML_BIT;
}

/* Of the stated rows those that the fragments speak of: of most none. vCPUs are read from any definition. */
static uint64_t spoken_of(const struct ks_guest *g, const struct ks_guest *said, xmlDoc *doc)
{
    static const char *const always[] = {"vcpus", "max-vcpus", "min-vcpus"};
    uint64_t rows = (said->o.stated | said->o.other) & g->o.stated & ~XML_BIT;

    for (size_t i = 0; i < KS_COUNT(always) && !ks_xml_child(xmlDocGetRootElement(doc), "vcpu"); i++)
        rows &= ~(UINT64_C(1) << ks_row(&ks_guest_kind, always[i]));
    return rows;
}

static bool speak_of_any(const struct ks_guest *g)
{
    ks_auto(ks_arena_freep) struct ks_arena *scratch = ks_arena_new();
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    const struct ks_guest *said = made_of(scratch, g, XML_BIT, &doc);

    return said && spoken_of(g, said, doc);
}

/* A nic that states no address has on the host the one that it was made with, or any. */
static bool is_any_nic_open(const struct ks_guest *g)
{
    for (size_t i = 0; i < g->nics.n; i++)
        if (!ks_stated(g->nics.v[i], "mac"))
            return true;
    return false;
}

/* The seed's drive is none of the disks yet. */
static bool is_seed(const struct ks_guest *g, const struct ks_change *change)
{
    return ks_has(&g->o, "cloud-init") && ks_streq(change->field->key, "disks") &&
           (!ks_has(&g->cloud_init->o, "target") || ks_streq(g->cloud_init->target, change->entry->key));
}

static bool counts(const struct ks_guest *g, const struct ks_change *change, const struct ks_changes *before)
{
    if (ks_changes_find(before, change->path))
        return false;
    if (change->op != KS_REMOVE)
        return true;
    return !is_seed(g, change) && !(ks_streq(change->field->key, "nics") && is_any_nic_open(g));
}

static const struct ks_guest *with_addresses(struct ks_arena *arena, const struct ks_guest *g)
{
    struct ks_guest *copy = (struct ks_guest *)ks_obj_new(arena, &ks_guest_kind, g->o.key);

    *copy = *g;
    copy->nics = (struct ks_map){0};
    for (size_t i = 0; i < g->nics.n; i++) {
        struct ks_nic *nic = ks_new(arena, struct ks_nic);
        *nic = *(const struct ks_nic *)g->nics.v[i];
        if (nic->mac && !ks_stated(&nic->o, "mac"))
            ks_mark(&nic->o, "mac");
        ks_map_put(arena, &copy->nics, &nic->o);
    }
    return copy;
}

void ks_fragments_conflicts(struct ks_arena *arena, const struct ks_guest *guest, struct ks_changes *ret)
{
    ks_auto(ks_xml_docp) xmlDoc *without = NULL;
    ks_auto(ks_xml_docp) xmlDoc *with = NULL;
    const struct ks_guest *g, *before, *after;
    struct ks_changes known = {0}, all = {0};

    if (!has_xml(guest) || !speak_of_any(guest))
        return;
    g = with_addresses(arena, guest);
    before = made_of(arena, g, ~XML_BIT, &without);
    after = before ? made_of(arena, g, UINT64_MAX, &with) : NULL;
    if (!after)
        return;
    ks_diff(arena, &g->o, &before->o, false, &known);
    ks_diff(arena, &g->o, &after->o, false, &all);
    for (size_t i = 0; i < all.n; i++)
        if (!(all.v[i].field->flags & KS_F_XML_EXTRA) && counts(guest, &all.v[i], &known))
            *ks_vec_add(arena, ret) = all.v[i];
}

/* Whether `said` has a value that `want` states, in these rows or below them, or is about the same device. */
static bool repeats(const struct ks_obj *want, const struct ks_obj *said, uint64_t rows)
{
    bool any = false;

    for (unsigned i = 0; i < want->kind->n_fields && !any; i++) {
        const struct ks_field *field = &want->kind->fields[i];
        const void *w = ks_member(want, field), *s = ks_member(said, field);
        if (!(rows >> i & 1) || !ks_stated_i(want, i) || ks_null_i(want, i) || !ks_stated_i(said, i))
            continue;
        if (field->type == KS_OBJECT) {
            any = (field->xml && ks_starts(field->xml, "devices/")) ||
                  repeats(*(struct ks_obj *const *)w, *(struct ks_obj *const *)s, UINT64_MAX);
        } else if (field->type == KS_MAP) {
            const struct ks_map *map = w;
            for (size_t k = 0; k < map->n && !any; k++) {
                const struct ks_obj *entry = ks_map_get(s, map->v[k]->key);
                any = entry && repeats(map->v[k], entry, UINT64_MAX);
            }
        } else {
            any = !(field->flags & KS_F_HIDDEN) && ks_value_equal(field, w, s);
        }
    }
    return any;
}

bool ks_fragments_repeat(const struct ks_guest *guest)
{
    ks_auto(ks_arena_freep) struct ks_arena *scratch = ks_arena_new();
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    const struct ks_guest *said = has_xml(guest) ? made_of(scratch, guest, XML_BIT, &doc) : NULL;

    return said && repeats(&guest->o, &said->o, spoken_of(guest, said, doc));
}
