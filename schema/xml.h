/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hands for libxml2's tree: what the walkers and the codecs of schema/ share. Names are compared without a
 * namespace, and only elements that have none are seen: what other tools keep under a namespace of their own is
 * none of ours. Nothing here allocates but what makes nodes or takes an arena; running out of memory aborts.
 *
 * The path language is that of ks_field.xml (schema.h): ELEM[/ELEM...][/@ATTR], '.', a leading '/' for the document
 * element, and predicates [@ATTR='VALUE'], [@ATTR!='VALUE'], [SUB/@ATTR='VALUE'], [@ATTR=$key], one or more behind
 * an ELEM. A path is read where it stands, each time: that costs less than the walk it describes.
 */
#pragma once

#include "schema/schema.h"

/*
 * To be called before several threads check documents against a schema, as an embedded libvirt does with what we
 * define: libxml2 before 2.12 fills its tables of types at their first use, without a lock; of two guests defined
 * at once, one was refused ("type library already registered").
 */
void ks_xml_share_validation(void);

/* ---- nodes -------------------------------------------------------------------------------------------------- */

/* The first child element, the next sibling element, of this name (NULL: any); NULL when there is none. */
xmlNode *ks_xml_child(const xmlNode *node, const char *name);
xmlNode *ks_xml_next(const xmlNode *node, const char *name);
/* The topmost element above `node`, itself included: of a document, or of a fragment in no document. */
xmlNode *ks_xml_top(xmlNode *node);
bool ks_xml_is(const xmlNode *node, const char *name);

/* An attribute's value, or NULL when it is not there. It lies in the tree and is gone when the attribute changes.
 */
const char *ks_xml_attr(const xmlNode *node, const char *name);
/* The text of an element ("" when it has none). It lies in the tree, or in the arena when it is in several pieces.
 */
const char *ks_xml_content(struct ks_arena *arena, const xmlNode *node);

/* Sets an attribute; NULL removes it. One that has this value already is not touched. */
void ks_xml_set_attr(xmlNode *node, const char *name, const char *value);
/* Replaces what an element holds by a text; not touched when it is that already. */
void ks_xml_set_content(xmlNode *node, const char *text);
/* A new child element: behind the last one of that name, else last. */
xmlNode *ks_xml_add(xmlNode *node, const char *name);
/* The first child element of that name, made when it is not there. */
xmlNode *ks_xml_ensure_child(xmlNode *node, const char *name);
/* Links `child`, which must not be linked, as ks_xml_add() does. */
void ks_xml_link(xmlNode *node, xmlNode *child);
/* A copy of a fragment's element, linked nowhere, for `node`'s document; "$key" as an attribute's value becomes
   key. NULL with KS_E_BUG when the fragment is not one element. */
xmlNode *ks_xml_fragment(xmlNode *node, const char *fragment, const char *key, struct ks_error *err);

/* Neither attributes nor elements nor text but blanks. */
bool ks_xml_empty(const xmlNode *node);
/* Removes `node` when it is empty, then its parent when that became empty, ...; never `stop` nor the top element.
 */
void ks_xml_prune(xmlNode *node, const xmlNode *stop);
/* Removes `node`, whatever it holds, and prunes from its parent up. */
void ks_xml_remove(xmlNode *node, const xmlNode *stop);

/* What libxml2 has to say of a text that it did not take; -1. */
struct _xmlParserCtxt;
int ks_xml_syntax_error(struct _xmlParserCtxt *ctxt, struct ks_error *err);

/* ---- paths -------------------------------------------------------------------------------------------------- */

/* `key` stands for $key and may be NULL where the path has none. */

/* The first element that the path leads to, with its attribute when it names one (an element that lacks it does not
   match); NULL when there is none. */
xmlNode *ks_xml_find(xmlNode *node, const char *path, const char *key);
/* The value there: the attribute's or the element's text, as ks_xml_attr() and ks_xml_content() give it, or NULL.
 */
const char *ks_xml_get(struct ks_arena *arena, xmlNode *node, const char *path, const char *key);
/* The same, and in *ret_at the element that has it, for what stands beside it; NULL when there is none. */
const char *ks_xml_get_at(struct ks_arena *arena, xmlNode *node, const char *path, const char *key,
                          xmlNode **ret_at);
/* The next element after `after` (NULL: the first) that the path leads to; all are children of one parent. */
xmlNode *ks_xml_each(xmlNode *node, const char *path, const char *key, const xmlNode *after);
/*
 * The element of a path, made when it is not there, with what its predicates demand. `create` (or NULL) is the
 * fragment for the last element. NULL with *err when the path or the fragment is broken (KS_E_BUG).
 */
xmlNode *ks_xml_ensure(xmlNode *node, const char *path, const char *key, const char *create, struct ks_error *err);
/* One more element behind those that the path leads to, made likewise. */
xmlNode *ks_xml_append(xmlNode *node, const char *path, const char *key, const char *create, struct ks_error *err);
/* Makes the path say `value`: an attribute or an element's text. */
int ks_xml_set(xmlNode *node, const char *path, const char *key, const char *create, const char *value,
               struct ks_error *err);
/*
 * Removes what the path names: the attribute, or the element. An element that keeps nothing but what the path's
 * predicates and `create` gave it goes with its attribute, and so does each parent that this emptied, up to `stop`.
 */
void ks_xml_unset(xmlNode *node, const char *path, const char *key, const char *create, const xmlNode *stop);

/* The attribute that a path ends in, or NULL. */
const char *ks_xml_path_attr(const char *path);
/* For tests of the tables: the path is one that the language has. */
bool ks_xml_path_valid(const char *path);

/* ---- values ------------------------------------------------------------------------------------------------- */

/* libvirt's units of size ("b", "bytes", "KB", "k", "KiB", "M", "GiB", ...; its virScaleInteger): bytes in one, or
 * 0. */
uint64_t ks_xml_unit(const char *unit);
/* A scalar's XML text, with the unit attribute on `node`, into the member. false: this row cannot say it. */
bool ks_xml_parse_value(struct ks_arena *arena, const struct ks_field *field, const xmlNode *node, const char *text,
                        struct ks_obj *ret);
/*
 * The other way, for `node` (the element that has, or gets, the value): the text, and in *ret_unit the unit
 * attribute that goes with it, or NULL for none. NULL when the XML's unit cannot say the value (1500 ms in
 * seconds).
 */
const char *ks_xml_format_value(struct ks_arena *arena, const struct ks_field *field, const xmlNode *node,
                                const struct ks_obj *obj, const char **ret_unit);

/* What the host has at this row, as its XML says it, for a row in obj->other; NULL when there is nothing. */
const char *ks_xml_raw(struct ks_arena *arena, const struct ks_field *field, const struct ks_obj *obj);

/* ---- fields ------------------------------------------------------------------------------------------------- */

/* The row's bit in ->stated, ->null and ->other. */
static inline uint64_t ks_xml_bit(const struct ks_obj *obj, const struct ks_field *field)
{
    return UINT64_C(1) << (field - obj->kind->fields);
}
/* Says that a codec's read found a value. */
static inline void ks_xml_mark(struct ks_obj *obj, const struct ks_field *field)
{
    obj->stated |= ks_xml_bit(obj, field);
}
/* Reads one row as ks_xml_read() does all of them; true when the XML has it. */
bool ks_xml_read_field(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, const char *key,
                       struct ks_obj *ret);
/*
 * The key that a map entry's element carries: what stands at the kind's xml_key, else the user alias without its
 * "ua-". In this order, because others set such aliases too, and a disk is its target. NULL: neither. Lies in the
 * tree.
 */
const char *ks_xml_entry_key(struct ks_arena *arena, const struct ks_kind *kind, xmlNode *entry);
