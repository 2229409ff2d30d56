/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One piece of XML less another: what a definition says beyond what is said of it elsewhere. */
#include <string.h>

#include "schema/guest.h"
#include "schema/import_private.h"
#include "schema/xml.h"

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

void ks_import_drop(xmlNode *node)
{
    xmlUnlinkNode(node);
    xmlFreeNode(node);
}

void ks_import_strip(xmlNode *root, const struct ks_import_strip *rule)
{
    xmlNode *next;

    for (xmlNode *e = ks_xml_each(root, rule->of, NULL, NULL); e; e = next) {
        next = ks_xml_each(root, rule->of, NULL, e);
        if (!rule->what)
            ks_import_drop(e);
        else
            ks_xml_unset(e, rule->what, NULL, NULL, e);
    }
}

xmlDoc *ks_import_begin(struct ks_subtraction *w, const char *root_name)
{
    xmlDoc *doc = must(xmlNewDoc(BAD_CAST "1.0"));
    xmlNode *root = must(xmlNewDocNode(doc, NULL, BAD_CAST root_name, NULL));

    (void)xmlDocSetRootElement(doc, root);
    w->doc = doc;
    w->qemu = must(xmlNewNs(root, BAD_CAST "http://libvirt.org/schemas/domain/qemu/1.0", BAD_CAST "qemu"));
    return doc;
}

/* ---- one element -------------------------------------------------------------------------------------------- */

static xmlNode *new_node(struct ks_subtraction *w, const xmlNode *like)
{
    xmlNode *node = must(xmlNewDocNode(w->doc, NULL, like->name, NULL));

    if (like->ns && like->ns->prefix && ks_streq((const char *)like->ns->prefix, "qemu"))
        node->ns = w->qemu;
    return node;
}

static const char *text_of(struct ks_subtraction *w, const xmlNode *node)
{
    const char *text = ks_xml_content(w->arena, node);

    return text[strspn(text, " \t\r\n")] ? text : "";
}

static xmlNode *copy(struct ks_subtraction *w, const xmlNode *node)
{
    xmlNode *ret = new_node(w, node);

    for (const xmlAttr *a = node->properties; a; a = a->next)
        ks_xml_set_attr(ret, (const char *)a->name, ks_xml_attr(node, (const char *)a->name));
    if (!xmlFirstElementChild((xmlNode *)(uintptr_t)node) && *text_of(w, node))
        ks_xml_set_content(ret, text_of(w, node));
    for (const xmlNode *c = node->children; c; c = c->next)
        if (c->type == XML_ELEMENT_NODE)
            (void)xmlAddChild(ret, copy(w, c));
    return ret;
}

/*
 * Of libvirt's own elements of this name the one that says most of what `node` says, and nothing else. Of what
 * there is one at most: that one, each word of which counts for itself.
 */
xmlNode *ks_import_own(const xmlNode *node, const xmlNode *parent)
{
    xmlNode *best = NULL;
    unsigned most = 0;

    if (parent && !ks_xml_identity(node, node->parent))
        return ks_xml_child(parent, (const char *)node->name);

    for (xmlNode *o = parent ? ks_xml_child(parent, (const char *)node->name) : NULL; o;
         o = ks_xml_next(o, (const char *)node->name)) {
        const xmlNode *model = ks_xml_child(o, "model"), *has = ks_xml_child(node, "model");
        unsigned n = 1;
        bool fits = !model || !ks_xml_attr(model, "type") ||
                    (has && ks_streq(ks_xml_attr(model, "type"), ks_xml_attr(has, "type")));
        /* Of cards libvirt makes one by itself; the others are somebody's. */
        fits = fits && (!model || !ks_xml_attr(model, "primary") || ks_xml_attr(has, "primary"));
        for (const xmlAttr *a = o->properties; a && fits; a = a->next, n++)
            fits = ks_streq(ks_xml_attr(o, (const char *)a->name), ks_xml_attr(node, (const char *)a->name));
        if (fits && n > most) {
            most = n;
            best = o;
        }
    }
    return best;
}

static bool says_attr(const xmlNode *node, const xmlAttr *attr, const char *value)
{
    return node && ks_streq(ks_xml_attr(node, (const char *)attr->name), value);
}

static bool says_text(struct ks_subtraction *w, const xmlNode *node, const char *text)
{
    return node && ks_streq(text_of(w, node), text);
}

/* One of those that the manifest made speaks for one of the host's. */
xmlNode *ks_import_take(struct ks_subtraction *w, xmlNode *node, xmlNode *parent)
{
    xmlNode *found = parent ? ks_xml_counterpart(w->arena, node, parent) : NULL;

    if (found)
        xmlUnlinkNode(found);
    return found;
}

/* The attributes and elements by which the merging finds the element. */
static void add_identity(struct ks_subtraction *w, xmlNode *ret, xmlNode *node)
{
    const char *const *ids = ks_xml_identity(node, node->parent);
    ks_auto(ks_error_done) struct ks_error err = {0};

    for (size_t i = 0; ids && i < KS_XML_IDS && ids[i]; i++) {
        const char *value = ks_xml_get(w->arena, node, ids[i], NULL);
        if (value)
            (void)ks_xml_set(ret, ids[i], NULL, NULL, value, &err);
    }
}

static void ensure(struct ks_subtraction *w, xmlNode **ret, xmlNode *like)
{
    if (*ret)
        return;
    *ret = new_node(w, like);
    add_identity(w, *ret, like);
}

/* The element may be there already, with what identifies `ret`: then it is one. */
static void add_left(xmlNode *ret, xmlNode *left, bool is_one)
{
    xmlNode *there = is_one ? ks_xml_child(ret, (const char *)left->name) : NULL;

    if (!there) {
        (void)xmlAddChild(ret, left);
        return;
    }
    for (const xmlAttr *a = left->properties; a; a = a->next)
        ks_xml_set_attr(there, (const char *)a->name, ks_xml_attr(left, (const char *)a->name));
    while (left->children) {
        xmlNode *c = left->children;
        xmlUnlinkNode(c);
        (void)xmlAddChild(there, c);
    }
    xmlFreeNode(left);
}

xmlNode *ks_import_subtract(struct ks_subtraction *w, xmlNode *node, xmlNode *said, xmlNode *owns)
{
    xmlNode *ret = NULL;
    const bool is_one = ks_xml_identity(node, node->parent) == NULL;

    if (!said && !owns)
        return copy(w, node);
    for (const xmlAttr *a = node->properties; a; a = a->next) {
        const char *value = ks_xml_attr(node, (const char *)a->name);
        if (a->ns || says_attr(said, a, value) || says_attr(owns, a, value))
            continue;
        ensure(w, &ret, node);
        ks_xml_set_attr(ret, (const char *)a->name, value);
    }
    if (!xmlFirstElementChild(node) && *text_of(w, node) && !says_text(w, said, text_of(w, node)) &&
        !says_text(w, owns, text_of(w, node))) {
        ensure(w, &ret, node);
        ks_xml_set_content(ret, text_of(w, node));
    }
    for (xmlNode *c = xmlFirstElementChild(node); c; c = xmlNextElementSibling(c)) {
        xmlNode *mine = ks_import_take(w, c, said), *left = ks_import_subtract(w, c, mine, ks_import_own(c, owns));
        if (mine)
            xmlFreeNode(mine);
        if (!left)
            continue;
        ensure(w, &ret, node);
        add_left(ret, left, ks_xml_identity(c, node) == NULL);
    }
    if (!ret)
        return NULL;
    if (!said && !is_one) {
        xmlFreeNode(ret);
        return copy(w, node);
    }
    return ret;
}

/* ---- as text ----------------------------------------------------------------------------------------------- */

/* In one line, for a comment. */
const char *ks_import_line(struct ks_subtraction *w, xmlNode *node)
{
    xmlBuffer *buffer = must(xmlBufferCreate());
    char *ret;

    if (xmlNodeDump(buffer, w->doc, node, 0, 0) < 0)
        abort();
    ret = ks_strdup(w->arena, (const char *)xmlBufferContent(buffer));
    xmlBufferFree(buffer);
    for (char *p = ret; *p; p++)
        if ((unsigned char)*p < 0x20)
            *p = ' ';
    return ret;
}

/* What may be a secret is not repeated anywhere. */
bool ks_import_looks_secret(const char *text)
{
    static const char *const words[] = {"passw", "secret,", "secret\"", "data=", "apikey", "token"};

    for (size_t i = 0; i < KS_COUNT(words); i++)
        if (strcasestr(text, words[i]))
            return true;
    return false;
}
