/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the makers of trees that are only read (xml_scratch.c, xml_quick.c) leave for the walkers over them: each of
 * their elements says which names none of its children and attributes has, as bits of a hash of the first two
 * letters. Most rows are not there in most elements, and a look at one word tells so. A tree of libxml2's own says
 * nothing, and is walked.
 */
#pragma once

#include <libxml/parserInternals.h>

#include "schema/xml.h"

/* Which bit is a name's. It ends as one in a path may: what ends it there, and little else, comes before 'a'. */
static inline unsigned ks_xml_slot(const char *name)
{
    const unsigned first = (unsigned char)name[0], second = (unsigned char)name[1];

    return (first * 5 + (second < 'a' ? 0 : second * 9)) % (8 * sizeof(uintptr_t));
}

static inline uintptr_t ks_xml_hint(const char *name)
{
    return (uintptr_t)1 << ks_xml_slot(name);
}

/*
 * The nodes of such a tree are as long as what is asked of them: half of a document's would be what only libxml2's
 * own use has room for, to be cleared for each.
 */
static inline xmlNode *ks_xml_new_element(struct ks_arena *arena, const char *name)
{
    xmlNode *node = ks_arena_alloc(arena, offsetof(xmlNode, line));

    node->type = XML_ELEMENT_NODE;
    node->name = (const xmlChar *)name;
    node->psvi = node->_private = (void *)UINTPTR_MAX;
    return node;
}

static inline xmlNode *ks_xml_new_text(struct ks_arena *arena, xmlElementType type, char *text)
{
    xmlNode *node = ks_arena_alloc(arena, offsetof(xmlNode, properties));

    node->type = type;
    node->name = type == XML_TEXT_NODE ? xmlStringText : NULL;
    node->content = (xmlChar *)text;
    return node;
}

/* Behind `last`, the last one of `node`, or NULL. `hint` is that of its name, which the caller may have already. */
static inline xmlAttr *ks_xml_new_attr(struct ks_arena *arena, xmlNode *node, xmlAttr *last, const char *name,
                                       uintptr_t hint, char *value)
{
    xmlAttr *attr = ks_arena_alloc(arena, offsetof(xmlAttr, atype));

    attr->type = XML_ATTRIBUTE_NODE;
    attr->name = (const xmlChar *)name;
    attr->parent = node;
    attr->prev = last;
    attr->_private = value;
    *(last ? &last->next : &node->properties) = attr;
    node->_private = (void *)((uintptr_t)node->_private & ~hint);
    return attr;
}

/* As the last one that `parent` holds. */
static inline void ks_xml_append_node(xmlNode *parent, xmlNode *node)
{
    xmlNode *last = parent->last;

    node->parent = parent;
    node->prev = last;
    *(last ? &last->next : &parent->children) = node;
    parent->last = node;
    if (node->type == XML_ELEMENT_NODE)
        parent->psvi = (void *)((uintptr_t)parent->psvi & ~ks_xml_hint((const char *)node->name));
}

/* Whether `node` has certainly no child element, or attribute, of the name that stands at the start of `path`. */
static inline bool ks_xml_lacks(const xmlNode *node, const char *path, bool attr)
{
    return (uintptr_t)(attr ? node->_private : node->psvi) & ks_xml_hint(path);
}

/*
 * An attribute's value. In a tree that is only read it lies in ->_private, and there is no node for its text: half
 * of such a tree would be nodes of attributes' texts. In libxml2's own it is one text: without a DTD there is no
 * entity left.
 */
static inline const char *ks_xml_attr_value(const xmlAttr *attr)
{
    if (attr->_private)
        return attr->_private;
    return attr->children && attr->children->content ? (const char *)attr->children->content : "";
}

/* Names are short, and mostly differ in their first letters: no call is worth its while. */
static inline bool ks_xml_same_name(const xmlChar *name, const char *want)
{
    for (; *name == (xmlChar)*want; name++, want++)
        if (!*name)
            return true;
    return false;
}

/* The same for a name of a path, of n bytes. */
static inline bool ks_xml_is_named(const xmlChar *name, const char *want, size_t n)
{
    if (*name != (xmlChar)*want)
        return false;
    for (size_t i = 1; i < n; i++)
        if (name[i] != (xmlChar)want[i])
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
