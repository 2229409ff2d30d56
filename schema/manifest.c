/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From files to a manifest: one tree, profiles applied, loaded by the tables, and checked as a whole. */
#include <strings.h>

#include "schema/manifest_private.h"

struct loading {
    struct ks_loader l;
    struct ks_manifest *m;
    const struct ks_node *guests; /* taken out of the tree: loaded one by one */
};

enum { SPLIT_FROM = 128 }; /* guests: fewer are loaded before a thread has started */

/* A part of the guests, loaded by a thread of its own. */
struct part {
    struct ks_loader l;
    struct ks_findings findings;
    const struct ks_pair *pairs;
    size_t n;
    struct ks_map guests;
};

static bool is_broken(const struct ks_findings *f, size_t first)
{
    for (size_t i = first; i < f->n; i++)
        if (f->v[i].code == KS_E_SYNTAX)
            return true;
    return false;
}

/* The root without `guests`; *ret_guests is NULL when they are no map, which loading complains about. */
static const struct ks_node *take_guests(struct ks_arena *arena, const struct ks_node *root,
                                         const struct ks_node **ret_guests)
{
    struct ks_node *rest = ks_new(arena, struct ks_node);
    struct ks_pair *pairs = ks_new_n(arena, struct ks_pair, root->n ? root->n : 1);

    *rest = *root;
    rest->n = 0;
    rest->pairs = pairs;
    *ret_guests = NULL;
    for (size_t i = 0; i < root->n; i++) {
        if (ks_streq(root->pairs[i].key->text, "guests") && root->pairs[i].value->type == KS_NODE_MAP)
            *ret_guests = root->pairs[i].value;
        else
            pairs[rest->n++] = root->pairs[i];
    }
    return rest;
}

static const struct ks_field *guests_row(void)
{
    return &ks_manifest_kind.fields[ks_row(&ks_manifest_kind, "guests")];
}

static void load_guest(struct ks_loader *l, const struct ks_field *row, const struct ks_pair *pair,
                       struct ks_map *ret)
{
    const char *name = pair->key->text;
    const char *expected = row->check_key(l->arena, &name);
    struct ks_obj *guest;

    if (expected) {
        ks_report(l->findings, KS_E_INVALID, pair->key->at, "%s: expected %s, found '%s'", row->key, expected,
                  pair->key->text);
        return;
    }
    if (pair->value->type == KS_NODE_NULL) /* what an included file states is taken out */
        return;
    guest = ks_obj_new(l->arena, row->kind, name);
    guest->at = pair->key->at;
    l->guest = name;
    ks_load(l, row->kind, pair->value, guest);
    l->guest = NULL;
    ks_map_put(l->arena, ret, guest);
}

static void *load_part(void *data)
{
    struct part *part = data;
    const struct ks_field *row = guests_row();

    for (size_t i = 0; i < part->n && part->findings.n == 0; i++)
        load_guest(&part->l, row, &part->pairs[i], &part->guests);
    return NULL;
}

static void part_start(struct part *part, const struct loading *g, size_t first, size_t end)
{
    *part = (struct part){.l = g->l, .pairs = &g->guests->pairs[first], .n = end - first};
    part->l.arena = part->findings.arena = ks_arena_new();
    part->l.findings = &part->findings;
}

/*
 * Two threads, half of the guests each. Where there is anything to find fault with, false: nothing was loaded, and
 * is to be loaded one guest after the other, so that findings come in their order.
 */
static bool load_halves(struct loading *g)
{
    struct part parts[2];
    const size_t middle = g->guests->n / 2;
    bool clean;

    part_start(&parts[0], g, 0, middle);
    part_start(&parts[1], g, middle, g->guests->n);
    ks_both(load_part, &parts[0], &parts[1]);
    clean = parts[0].findings.n == 0 && parts[1].findings.n == 0;
    for (size_t i = 0; i < KS_COUNT(parts); i++) {
        for (size_t k = 0; clean && k < parts[i].guests.n; k++)
            ks_map_put(g->l.arena, &g->m->guests, parts[i].guests.v[k]);
        if (clean)
            ks_arena_join(g->l.arena, parts[i].l.arena);
        else
            ks_arena_free(parts[i].l.arena);
    }
    return clean;
}

/*
 * One guest at a time: a fault in a profile is found again with each guest that uses it, and a thousand repetitions
 * must not push other findings out.
 */
static void load_guests(struct loading *g)
{
    const struct ks_field *row = guests_row();
    const size_t i = (size_t)(row - ks_manifest_kind.fields);

    g->m->o.stated |= UINT64_C(1) << i;
    g->m->o.field_at[i] = g->guests->at;
    if (g->guests->n >= SPLIT_FROM && load_halves(g))
        return;
    for (size_t k = 0; k < g->guests->n; k++) {
        size_t n = g->l.findings->n;

        load_guest(&g->l, row, &g->guests->pairs[k], &g->m->guests);
        if (g->l.findings->n != n)
            ks_findings_sort(g->l.findings);
    }
}

/* "kvm-a01" and "kvm-a01.example.org" are the same host when one of them has no domain. */
static bool same_host(const char *a, const char *b)
{
    const size_t n = strcspn(a, "."), m = strcspn(b, ".");

    return strcasecmp(a, b) == 0 || ((!a[n] || !b[m]) && n == m && strncasecmp(a, b, n) == 0);
}

static void check_host(const struct ks_manifest *m, const char *host, struct ks_findings *f)
{
    if (host && m->host && !same_host(m->host, host))
        ks_report(f, KS_E_CONFLICT, ks_at(&m->o, "host"), "this manifest is for host '%s', not for '%s'", m->host,
                  host);
}

const struct ks_manifest *ks_manifest_load(struct ks_arena *arena, const struct ks_files *files, const char *path,
                                           const char *host, struct ks_findings *f)
{
    struct loading g = {.l = {.arena = arena, .findings = f, .host = host}};
    const size_t first = f->n;
    const struct ks_node *root = ks_manifest_tree(arena, files, path, host, f), *stated_host;

    g.m = (struct ks_manifest *)ks_obj_new(arena, &ks_manifest_kind, NULL);
    if (!root)
        return g.m;
    g.l.partial = is_broken(f, first); /* what is missing may stand in lines that could not be read */
    stated_host = ks_node_get(root, "host");
    if (!host && stated_host && stated_host->type == KS_NODE_SCALAR)
        g.l.host = stated_host->text;
    root = ks_manifest_apply_profiles(arena, root, g.l.partial, f);
    root = take_guests(arena, root, &g.guests);
    ks_load(&g.l, &ks_manifest_kind, root, &g.m->o);
    if (g.guests)
        load_guests(&g);
    check_host(g.m, host, f);
    if (!g.l.partial) {
        ks_manifest_check(g.m, f);
        ks_manifest_seeds(arena, files, g.m, f);
    } else {
        ks_manifest_check_partial(g.m, f);
    }
    return g.m;
}
