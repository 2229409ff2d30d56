/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Networks and pools: what their XML says beyond their rows has no place in a manifest, and is listed. */
#include <string.h>

#include "schema/import_private.h"
#include "schema/xml.h"

/* What libvirt writes down by itself, or a manifest says in another way. */
static const struct ks_import_strip of_network[] = {
    {"name", NULL},
    {"uuid", NULL},
    {"mac", NULL},
    {"bridge", "@name"},
    {"bridge[@delay='0']", "@delay"},
    {"bridge[@stp='on']", "@stp"},
    {"forward", "interface"},
    {"ip", "@family"},
    {"ip", "@address"},
    {"ip", "@netmask"},
    {"ip", "@prefix"},
    {"ip", "dhcp/range[@start]/@start"},
    {"ip", "dhcp/range[@end]/@end"},
    {"domain", "@name"},
};
static const struct ks_import_strip of_pool[] = {
    {"name", NULL},
    {"uuid", NULL},
    {"capacity", NULL},
    {"allocation", NULL},
    {"available", NULL},
    {"target", "permissions"},
    {"source", "format[@type='auto']"},
    {"source", "format[@type='unknown']"},
};

static const struct {
    const struct ks_kind *kind;
    const char *root;
    const struct ks_import_strip *strips;
    size_t n;
} things[] = {
    {&ks_network_kind, "<network/>", of_network, KS_COUNT(of_network)},
    {&ks_pool_kind, "<pool/>", of_pool, KS_COUNT(of_pool)},
};

/* What the manifest says of it in ways that no path has. */
static void strip_source(xmlNode *root, const struct ks_pool *pool)
{
    const struct ks_obj *source = ks_has(&pool->o, "source") ? &pool->source->o : NULL;

    if (source && ks_has(source, "auth"))
        ks_xml_unset(root, "source/auth", NULL, NULL, root);
    while (source && ks_has(source, "hosts") && ks_xml_find(root, "source/host", NULL))
        ks_import_drop(ks_xml_find(root, "source/host", NULL));
}

static int list(struct ks_subtraction *w, size_t thing, const struct ks_obj *obj, xmlNode *root,
                struct ks_strings *ret, struct ks_error *err)
{
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    xmlNode *said;

    if (ks_xml_parse(things[thing].root, strlen(things[thing].root), &doc, err) < 0)
        return -1;
    said = xmlDocGetRootElement(doc);
    if (ks_xml_write(said, obj, err) < 0)
        return -1;
    if (obj->kind == &ks_pool_kind)
        strip_source(root, (const struct ks_pool *)obj);
    for (size_t i = 0; i < things[thing].n; i++)
        ks_import_strip(root, &things[thing].strips[i]);
    for (xmlNode *c = xmlFirstElementChild(root); c; c = xmlNextElementSibling(c)) {
        xmlNode *mine = ks_import_take(w, c, said), *left;
        const char *text = ks_xml_content(w->arena, c);
        const bool is_empty = !c->properties && !xmlFirstElementChild(c) && !text[strspn(text, " \t\r\n")];
        left = is_empty && !mine ? NULL : ks_import_subtract(w, c, mine, NULL);
        if (mine)
            xmlFreeNode(mine);
        if (!left)
            continue;
        (void)xmlAddChild(xmlDocGetRootElement(w->doc), left);
        *ks_vec_add(w->arena, ret) = ks_import_looks_secret(ks_import_line(w, left))
                                         ? ks_sprintf(w->arena, "<%s>: it may hold a secret", (const char *)c->name)
                                         : ks_import_line(w, left);
    }
    return 0;
}

int ks_import_left(struct ks_arena *arena, const struct ks_obj *obj, const char *xml, struct ks_strings *ret,
                   struct ks_error *err)
{
    struct ks_subtraction w = {.arena = arena};
    ks_auto(ks_xml_docp) xmlDoc *made = ks_import_begin(&w, "left");
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;

    (void)made;
    if (ks_xml_parse(xml, strlen(xml), &doc, err) < 0)
        return -1;
    for (size_t i = 0; i < KS_COUNT(things); i++)
        if (things[i].kind == obj->kind)
            return list(&w, i, obj, xmlDocGetRootElement(doc), ret, err);
    return 0;
}
