/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Profiles: partial guests, laid left to right, then the guest's own keys over them. */
#include "schema/index.h"
#include "schema/manifest_private.h"

struct profiles {
    struct ks_arena *arena;
    struct ks_findings *f;
    const struct ks_node *map; /* name to partial guest; NULL when the manifest has none */
    struct ks_index combined;  /* "a\nb" to the tree of [a, b], so that a hundred guests share it */
    size_t expanded;           /* nodes that profiles have brought into guests */
    const char **names;
    bool broken;
};

static size_t count_nodes(const struct ks_node *node)
{
    size_t n = 1;

    for (size_t i = 0; node->type == KS_NODE_SEQ && i < node->n; i++)
        n += count_nodes(node->items[i]);
    for (size_t i = 0; node->type == KS_NODE_MAP && i < node->n; i++)
        n += 1 + count_nodes(node->pairs[i].value);
    return n;
}

static const struct ks_node *find_profile(struct profiles *p, const struct ks_node *name)
{
    const struct ks_node *ret = ks_node_get(p->map, name->text);
    const char *near;

    if (ret || p->broken)
        return ret;
    ks_report(p->f, KS_E_NOT_FOUND, name->at, "there is no profile '%s'", name->text);
    near = p->map ? ks_nearest(name->text, p->names, p->map->n) : NULL;
    if (near)
        ks_report_hint(p->f, "did you mean '%s'?", near);
    return NULL;
}

struct combination {
    const struct ks_node *tree; /* NULL: no profile of the list has anything */
    size_t expanded;
};

/* The profiles of a list as one partial guest, made once for each list. */
static const struct combination *combine(struct profiles *p, const struct ks_node *list)
{
    struct ks_text key = {.arena = p->arena};
    struct combination *ret;
    const struct combination *known;
    bool complete = true;

    for (size_t i = 0; i < list->n; i++)
        if (list->items[i]->type == KS_NODE_SCALAR)
            ks_text_addf(&key, "%s\n", list->items[i]->text);
    known = ks_index_get(&p->combined, ks_text_str(&key), key.n);
    if (known)
        return known;
    ret = ks_new(p->arena, struct combination);
    for (size_t i = 0; i < list->n; i++) {
        const struct ks_node *one = NULL;

        if (list->items[i]->type == KS_NODE_SCALAR)
            one = find_profile(p, list->items[i]);
        complete = complete && one;
        if (one && one->type == KS_NODE_MAP)
            ret->tree = ks_node_merge(p->arena, one, ret->tree);
    }
    ret->expanded = ret->tree ? count_nodes(ret->tree) : 0;
    if (complete) /* else each guest that names a profile that is not there is told so */
        ks_index_set(&p->combined, ks_text_str(&key), key.n, ret);
    return ret;
}

static const struct ks_node *apply(struct profiles *p, const struct ks_node *guest)
{
    const struct ks_node *list = ks_node_get(guest, "profiles");
    const struct combination *c;

    if (!list || list->type != KS_NODE_SEQ || p->expanded > KS_YAML_MAX_EXPANDED)
        return guest;
    c = combine(p, list);
    p->expanded += c->expanded;
    if (p->expanded > KS_YAML_MAX_EXPANDED) {
        ks_report(p->f, KS_E_INVALID, list->at, "profiles bring too many values into guests (the bound is %d)",
                  KS_YAML_MAX_EXPANDED);
        return guest;
    }
    return ks_node_merge(p->arena, guest, c->tree);
}

static void check_profiles(struct profiles *p)
{
    for (size_t i = 0; i < p->map->n; i++) {
        const struct ks_node *profile = p->map->pairs[i].value;

        p->names[i] = p->map->pairs[i].key->text;
        for (size_t k = 0; profile->type == KS_NODE_MAP && k < profile->n; k++)
            if (ks_streq(profile->pairs[k].key->text, "profiles"))
                ks_report(p->f, KS_E_INVALID, profile->pairs[k].key->at, "a profile cannot use profiles");
    }
}

static const struct ks_node *apply_all(struct profiles *p, const struct ks_node *guests)
{
    struct ks_node *ret = ks_new(p->arena, struct ks_node);
    struct ks_pair *pairs = ks_new_n(p->arena, struct ks_pair, guests->n ? guests->n : 1);

    for (size_t i = 0; i < guests->n; i++)
        pairs[i] = (struct ks_pair){guests->pairs[i].key, apply(p, guests->pairs[i].value)};
    *ret = *guests;
    ret->pairs = pairs;
    return ret;
}

const struct ks_node *ks_manifest_apply_profiles(struct ks_arena *arena, const struct ks_node *root, bool broken,
                                                 struct ks_findings *f)
{
    const struct ks_node *map = ks_node_get(root, "profiles"), *guests = ks_node_get(root, "guests");
    struct profiles p = {.arena = arena, .f = f, .combined = {.arena = arena}, .broken = broken};
    struct ks_pair *pairs;
    struct ks_node *ret;

    if (map && map->type == KS_NODE_MAP) {
        p.map = map;
        p.names = ks_new_n(arena, const char *, map->n ? map->n : 1);
        check_profiles(&p);
    } else if (map) {
        return root; /* loading says what is wrong with it */
    }
    if (!guests || guests->type != KS_NODE_MAP)
        return root;
    pairs = ks_new_n(arena, struct ks_pair, root->n);
    for (size_t i = 0; i < root->n; i++) {
        pairs[i] = root->pairs[i];
        if (pairs[i].value == guests && ks_streq(pairs[i].key->text, "guests"))
            pairs[i].value = apply_all(&p, guests);
    }
    ret = ks_new(arena, struct ks_node);
    *ret = *root;
    ret->pairs = pairs;
    return ret;
}
