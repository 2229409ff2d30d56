/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether libxml2's own tree and one that is only read are the same, as far as any reader sees. */
#pragma once

#include "schema/xml_private.h"

/* An '&' in a URI libxml2 gives as it is or as "&#38;", by its options: nobody looks for such a namespace. */
static inline const char *t_ns_of(const xmlNs *ns)
{
    const char *uri = ns ? (const char *)ns->href : "";

    return strchr(uri, '&') ? "&" : uri;
}

static inline bool t_same_attrs(const xmlNode *a, const xmlNode *b)
{
    const xmlAttr *x = a->properties, *y = b->properties;

    for (; x && y; x = x->next, y = y->next) {
        const char *name = (const char *)x->name;
        if (!ks_streq(name, (const char *)y->name) || !ks_streq(t_ns_of(x->ns), t_ns_of(y->ns)) ||
            !ks_streq(ks_xml_attr_value(x), ks_xml_attr_value(y)) || y->parent != b)
            return false;
        if (!x->ns && !ks_streq(ks_xml_attr(a, name), ks_xml_attr(b, name)))
            return false;
    }
    return !x && !y;
}

static inline bool t_same_namespaces(const xmlNode *a, const xmlNode *b)
{
    const xmlNs *x = a->nsDef, *y = b->nsDef;

    for (; x && y; x = x->next, y = y->next)
        if (!ks_streq((const char *)x->prefix, (const char *)y->prefix) || !ks_streq(t_ns_of(x), t_ns_of(y)))
            return false;
    return !x && !y;
}

static inline bool t_is_mixed(const xmlNode *node)
{
    const xmlNode *c = node->children;

    while (c && (c->type == XML_TEXT_NODE || c->type == XML_CDATA_SECTION_NODE))
        c = c->next;
    return c;
}

/*
 * The next node that a reader sees: comments and processing instructions are in the one tree and not in the other,
 * and of blanks beside elements libxml2 keeps more the oftener there was text before.
 */
static inline const xmlNode *t_seen(const xmlNode *node, bool mixed)
{
    while (node && (node->type == XML_COMMENT_NODE || node->type == XML_PI_NODE ||
                    (mixed && node->type == XML_TEXT_NODE && xmlIsBlankNode(node))))
        node = node->next;
    return node;
}

/* `a` is libxml2's. What is looked up by name is found in both: the hints of the other one are not wrong. */
static inline bool t_same_tree(struct ks_arena *arena, const xmlNode *a, const xmlNode *b)
{
    if (a->type != b->type)
        return false;
    if (a->type != XML_ELEMENT_NODE)
        return ks_streq((const char *)a->content, (const char *)b->content);
    if (!ks_streq((const char *)a->name, (const char *)b->name) || !ks_streq(t_ns_of(a->ns), t_ns_of(b->ns)) ||
        !t_same_attrs(a, b) || !t_same_namespaces(a, b))
        return false;
    const bool mixed = t_is_mixed(a);
    if (!mixed && !ks_streq(ks_xml_content(arena, a), ks_xml_content(arena, b)))
        return false;
    const xmlNode *x = t_seen(a->children, mixed), *y = t_seen(b->children, mixed);
    for (; x && y; x = t_seen(x->next, mixed), y = t_seen(y->next, mixed)) {
        if (y->parent != b || (y->next ? y->next->prev : b->last) != y || !t_same_tree(arena, x, y))
            return false;
        if (y->type == XML_ELEMENT_NODE && !y->ns && !ks_xml_child(b, (const char *)y->name))
            return false;
    }
    return !x && !y;
}
