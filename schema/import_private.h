/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside schema/: what the parts of import share. */
#pragma once

#include <libxml/tree.h>

#include "schema/import.h"

/* What is left of one document: made by ks_import_begin(), which the caller frees. */
struct ks_subtraction {
    struct ks_arena *arena;
    xmlDoc *doc;
    xmlNs *qemu; /* libvirt's namespace, declared at the root */
};
xmlDoc *ks_import_begin(struct ks_subtraction *w, const char *root_name);
/*
 * A new element of w->doc, linked nowhere, with what `node` says and neither `said` nor `own` does (each may be
 * NULL); NULL when that is nothing. It has what the merging of fragments finds its place by. `said` is taken apart.
 */
xmlNode *ks_import_subtract(struct ks_subtraction *w, xmlNode *node, xmlNode *said, xmlNode *own);
/* The child of `parent` that speaks for `node`, unlinked: the caller frees it. Or NULL. */
xmlNode *ks_import_take(struct ks_subtraction *w, xmlNode *node, xmlNode *parent);
/* The same of libvirt's own defaults, which speak for any number of elements. */
xmlNode *ks_import_own(const xmlNode *node, const xmlNode *parent);

/* An element in one line, for a comment. */
const char *ks_import_line(struct ks_subtraction *w, xmlNode *node);
bool ks_import_looks_secret(const char *text);

/* From each element `of`, `what` goes; NULL: the element itself. */
struct ks_import_strip {
    const char *of, *what;
};
void ks_import_strip(xmlNode *root, const struct ks_import_strip *rule);
void ks_import_drop(xmlNode *node);

/* Of a field that is not stated any more: checks across a manifest look at members as well. */
void ks_import_empty(const struct ks_obj *obj, const struct ks_field *field);
