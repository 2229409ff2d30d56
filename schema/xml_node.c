/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes: finding, setting, making and removing them; parsing and serialising. */
#include <libxml/parser.h>
#include <libxml/xmlerror.h>

#include "schema/xml_private.h"

/* libxml2 gives NULL when memory is out, and what we ask for is never wrong otherwise. */
static void *must(void *made)
{
    if (!made)
        abort();
    return made;
}

/* ---- looking ------------------------------------------------------------------------------------------------ */

bool ks_xml_is(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && !node->ns && ks_xml_same_name(node->name, name);
}

static xmlNode *element_from(xmlNode *node, const char *name)
{
    for (; node; node = node->next)
        if (node->type == XML_ELEMENT_NODE && (!name || (ks_xml_same_name(node->name, name) && !node->ns)))
            return node;
    return NULL;
}

xmlNode *ks_xml_child(const xmlNode *node, const char *name)
{
    return name && ks_xml_lacks(node, name, false) ? NULL : element_from(node->children, name);
}

xmlNode *ks_xml_next(const xmlNode *node, const char *name)
{
    return element_from(node->next, name);
}

xmlNode *ks_xml_top(xmlNode *node)
{
    while (node->parent && node->parent->type == XML_ELEMENT_NODE)
        node = node->parent;
    return node;
}

const char *ks_xml_attr(const xmlNode *node, const char *name)
{
    if (ks_xml_lacks(node, name, true))
        return NULL;
    for (const xmlAttr *a = node->properties; a; a = a->next)
        if (ks_xml_same_name(a->name, name) && !a->ns)
            return ks_xml_attr_value(a);
    return NULL;
}

const char *ks_xml_content(struct ks_arena *arena, const xmlNode *node)
{
    const xmlNode *first = node->children;
    if (!first)
        return "";
    if (!first->next)
        return ks_xml_is_text(first) ? (const char *)first->content : "";
    struct ks_text text = {.arena = arena};
    for (const xmlNode *c = first; c; c = c->next)
        if (ks_xml_is_text(c))
            ks_text_add(&text, (const char *)c->content);
    return ks_text_str(&text);
}

bool ks_xml_empty(const xmlNode *node)
{
    if (node->properties || node->nsDef)
        return false;
    for (const xmlNode *c = node->children; c; c = c->next)
        if (c->type != XML_TEXT_NODE || !xmlIsBlankNode(c))
            return false;
    return true;
}

/* ---- changing ----------------------------------------------------------------------------------------------- */

void ks_xml_set_attr(xmlNode *node, const char *name, const char *value)
{
    const char *now = ks_xml_attr(node, name);
    if (ks_streq(now, value))
        return;
    if (value)
        must(xmlSetNsProp(node, NULL, (const xmlChar *)name, (const xmlChar *)value));
    else
        xmlUnsetNsProp(node, NULL, (const xmlChar *)name);
}

void ks_xml_set_content(xmlNode *node, const char *text)
{
    const xmlNode *first = node->children;
    bool single = first && !first->next && first->type == XML_TEXT_NODE;
    if (single ? strcmp((const char *)first->content, text) == 0 : !first && !*text)
        return;
    xmlNodeSetContent(node, NULL); /* of a text it would take '&' for the start of an entity */
    if (*text)
        must(xmlAddChild(node, must(xmlNewDocText(node->doc, (const xmlChar *)text))));
}

void ks_xml_link(xmlNode *node, xmlNode *child)
{
    xmlNode *last = NULL;
    const xmlNode *only = node->children;
    if (only && !only->next && only->type == XML_TEXT_NODE && xmlIsBlankNode(only))
        xmlNodeSetContent(node,
                          NULL); /* blanks alone are taken for a text and kept; beside elements they are not */
    for (xmlNode *c = ks_xml_child(node, (const char *)child->name); c;
         c = ks_xml_next(c, (const char *)child->name))
        last = c;
    must(last ? xmlAddNextSibling(last, child) : xmlAddChild(node, child));
}

xmlNode *ks_xml_add(xmlNode *node, const char *name)
{
    xmlNode *child = must(xmlNewDocNode(node->doc, NULL, (const xmlChar *)name, NULL));
    ks_xml_link(node, child);
    return child;
}

xmlNode *ks_xml_ensure_child(xmlNode *node, const char *name)
{
    xmlNode *child = ks_xml_child(node, name);
    return child ? child : ks_xml_add(node, name);
}

static void fill_key(xmlNode *node, const char *key)
{
    for (const xmlAttr *a = node->properties; a; a = a->next)
        if (ks_streq(ks_xml_attr(node, (const char *)a->name), "$key"))
            ks_xml_set_attr(node, (const char *)a->name, key ? key : "");
    for (xmlNode *c = ks_xml_child(node, NULL); c; c = ks_xml_next(c, NULL))
        fill_key(c, key);
}

xmlNode *ks_xml_fragment(xmlNode *node, const char *fragment, const char *key, struct ks_error *err)
{
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    if (ks_xml_parse(fragment, strlen(fragment), &doc, err)) {
        err->code = KS_E_BUG;
        ks_wrap(err, "in the fragment '%s'", fragment);
        return NULL;
    }
    xmlNode *made = must(xmlDocCopyNode(xmlDocGetRootElement(doc), node->doc, 1));
    fill_key(made, key);
    return made;
}

void ks_xml_prune(xmlNode *node, const xmlNode *stop)
{
    while (node && node != stop && node->parent && node->parent->type == XML_ELEMENT_NODE && ks_xml_empty(node)) {
        xmlNode *parent = node->parent;
        xmlUnlinkNode(node);
        xmlFreeNode(node);
        node = parent;
    }
}

/* A text between elements that holds the line break and indentation of what follows. */
static bool is_indent(const xmlNode *node)
{
    return node && node->type == XML_TEXT_NODE && xmlIsBlankNode(node);
}

void ks_xml_remove(xmlNode *node, const xmlNode *stop)
{
    xmlNode *parent = node->parent, *before = node->prev;
    if (is_indent(before)) { /* only in documents that were parsed elsewhere: ours keep no blanks */
        xmlUnlinkNode(before);
        xmlFreeNode(before);
    }
    xmlUnlinkNode(node);
    xmlFreeNode(node);
    if (parent && parent->type == XML_ELEMENT_NODE)
        ks_xml_prune(parent, stop);
}

/* ---- text --------------------------------------------------------------------------------------------------- */

int ks_xml_syntax_error(struct _xmlParserCtxt *ctxt, struct ks_error *err)
{
    const xmlError *e = xmlCtxtGetLastError(ctxt);
    const char *msg = e && e->message ? e->message : "not well-formed";
    int n = (int)strcspn(msg, "\n");
    struct ks_loc at = {"XML", e && e->line > 0 ? (uint32_t)e->line : 1, e && e->int2 > 0 ? (uint32_t)e->int2 : 1};
    return ks_fail(err, KS_E_SYNTAX, at, "not XML: %.*s", n, msg);
}

/*
 * Blanks between elements are dropped, as libvirt itself drops them when it parses, and put in again when the text
 * is made: nodes come and go without leaving their indentation behind. A text beside elements keeps its blanks.
 * A document type is refused: libvirt writes none, and it is what entity bombs are made of.
 */
int ks_xml_parse(const char *text, size_t len, xmlDoc **ret, struct ks_error *err)
{
    if (len > INT32_MAX)
        return ks_fail(err, KS_E_SYNTAX, KS_NOWHERE, "not XML: longer than 2 GiB");
    xmlParserCtxt *ctxt = must(xmlNewParserCtxt());
    const int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOBLANKS;
    xmlDoc *doc = xmlCtxtReadMemory(ctxt, text, (int)len, NULL, NULL, options);
    int status = 0;
    if (!doc)
        status = ks_xml_syntax_error(ctxt, err);
    else if (doc->intSubset || !xmlDocGetRootElement(doc))
        status = ks_fail(err, KS_E_SYNTAX, KS_NOWHERE, "not XML of ours: it has a document type");
    xmlFreeParserCtxt(ctxt);
    if (status) {
        if (doc)
            xmlFreeDoc(doc);
        return -1;
    }
    *ret = doc;
    return 0;
}

char *ks_xml_text(xmlNode *node)
{
    xmlBuffer *buffer = must(xmlBufferCreate());
    if (xmlNodeDump(buffer, node->doc, node, 0, 1) < 0)
        abort();
    char *text = (char *)must(xmlBufferDetach(buffer));
    xmlBufferFree(buffer);
    return text;
}
