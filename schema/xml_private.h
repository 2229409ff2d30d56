/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the makers of trees that are only read (xml_scratch.c, xml_quick.c) leave for the walkers over them: each of
 * their elements says of which names it has children and attributes, as bits of a hash of the first two letters.
 * Most rows are not there in most elements, and a look at one word tells so. A tree of libxml2's own says nothing,
 * and is walked.
 */
#pragma once

#include "schema/xml.h"

enum { KS_XML_HINTS = 8 * sizeof(uintptr_t) - 1 }; /* the lowest bit: there are hints */

static inline uintptr_t ks_xml_hint_(unsigned char first, unsigned char second, bool attr)
{
    if (second == '/' || second == '[' || second == ']' || second == '=') /* what ends a name in a path */
        second = '\0';
    return (uintptr_t)2 << (first * 11U + second * 5U + (attr ? 29U : 0U)) % KS_XML_HINTS;
}

static inline uintptr_t ks_xml_hint(const char *name, bool attr)
{
    return ks_xml_hint_((unsigned char)name[0], name[0] ? (unsigned char)name[1] : 0, attr);
}

/* Says that `node` has a child, or an attribute, of this name; or, with "", just that such things are said. */
static inline void ks_xml_hint_add(xmlNode *node, const char *name, bool attr)
{
    node->psvi = (void *)((uintptr_t)node->psvi | 1 | (*name ? ks_xml_hint(name, attr) : 0));
}

/* Whether `node` has certainly no child element, or attribute, of the name that stands at the start of `path`. */
static inline bool ks_xml_lacks(const xmlNode *node, const char *path, bool attr)
{
    const uintptr_t hints = (uintptr_t)node->psvi;

    return hints && !(hints & ks_xml_hint(path, attr));
}

/*
 * An attribute's value. In a tree that is only read it lies in ->psvi, and there is no node for its text: half of
 * such a tree would be nodes of attributes' texts. In libxml2's own it is one text: without a DTD there is no
 * entity left.
 */
static inline const char *ks_xml_attr_value(const xmlAttr *attr)
{
    if (attr->psvi)
        return attr->psvi;
    return attr->children && attr->children->content ? (const char *)attr->children->content : "";
}

/* Names are short, and mostly differ in their first letters: no call is worth its while. */
static inline bool ks_xml_same_name(const xmlChar *name, const char *want)
{
    while (*name && *name == (xmlChar)*want)
        name++, want++;
    return !*name && !*want;
}

/* The same for a name of a path, of n bytes. */
static inline bool ks_xml_is_named(const xmlChar *name, const char *want, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((char)name[i] != want[i])
            return false;
    return !name[n];
}

static inline bool ks_xml_is_text(const xmlNode *node)
{
    return node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE;
}

/* Whether blanks are kept that follow what `node` holds by now: areBlanks() of libxml2's parser.c. */
static inline bool ks_xml_keeps_blanks(const xmlNode *node, bool closes)
{
    if (!node->children)
        return closes;
    return ks_xml_is_text(node->children) || ks_xml_is_text(node->last);
}

/* Whether a row's path certainly leads nowhere from `node`. */
static inline bool ks_xml_leads_nowhere(const xmlNode *node, const char *path)
{
    if (*path == '@')
        return ks_xml_lacks(node, path + 1, true);
    return *path != '.' && *path != '/' && *path && ks_xml_lacks(node, path, false);
}

/* What ks_xml_each() goes through, with the path read once. Starts with ks_xml_walk(); NULL at the end. */
struct ks_xml_walk {
    const char *name;
    size_t n;
    const char *predicates, *key;
    xmlNode *next;
};
struct ks_xml_walk ks_xml_walk(xmlNode *node, const char *path, const char *key);
xmlNode *ks_xml_walk_next(struct ks_xml_walk *walk);

/*
 * The tree of a document of the form that libvirt writes, or NULL: it is another, or none at all, which libxml2
 * shall say. Reads in place: `text` (NUL-terminated) is changed, and the tree, else in `arena`, points into it.
 */
xmlNode *ks_xml_quick(struct ks_arena *arena, char *text, size_t len);
