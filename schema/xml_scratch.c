/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Documents that are read once and dropped, into an arena, where libxml2 itself would ask malloc for each of their
 * nodes and give each back. What libvirt writes is mostly of the form that xml_quick.c reads; of the rest libxml2
 * tells, element by element. Such a tree is for reading alone.
 *
 * Comments and processing instructions are left out: no reader sees them. The rest is what ks_xml_parse() makes,
 * blanks between elements dropped by the same rule.
 */
#include <libxml/parser.h>

#include "schema/xml_private.h"

struct ks_xml_scratch {
    xmlParserCtxt *ctxt;
    struct ks_arena *arena; /* the tree: emptied by the next parse */
    xmlNode *root, *at;     /* at: the element that is open */
    char *text;             /* what has been read since the last tag */
    size_t len, cap;
    bool preserve; /* its blanks too */
};

static struct ks_xml_scratch *scratch_of(void *data)
{
    return ((xmlParserCtxt *)data)->_private;
}

static void append(struct ks_xml_scratch *s, xmlNode *node)
{
    if (s->at)
        ks_xml_append_node(s->at, node);
    else
        s->root = node;
}

static xmlNode *make_text(struct ks_xml_scratch *s, xmlElementType type, const char *text, size_t len)
{
    return ks_xml_new_text(s->arena, type, ks_strndup(s->arena, text, len));
}

static bool is_blank(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r' && text[i] != '\n')
            return false;
    return true;
}

/* A tag ends the text before it. Indentation goes, but where there is text besides, or nothing else. */
static void end_text(struct ks_xml_scratch *s, bool closes)
{
    if (s->at && s->len > 0 && (s->preserve || ks_xml_keeps_blanks(s->at, closes) || !is_blank(s->text, s->len)))
        append(s, make_text(s, XML_TEXT_NODE, s->text, s->len));
    s->len = 0;
}

static void on_text(void *data, const xmlChar *text, int len)
{
    struct ks_xml_scratch *s = scratch_of(data);
    const size_t n = (size_t)len;

    if (s->cap - s->len < n) {
        char *more = realloc(s->text, (s->cap + n) * 2);
        if (!more)
            abort();
        s->text = more;
        s->cap = (s->cap + n) * 2;
    }
    s->preserve = s->ctxt->space && *s->ctxt->space == 1; /* xml:space='preserve' */
    memcpy(s->text + s->len, text, n);
    s->len += n;
}

static void on_cdata(void *data, const xmlChar *text, int len)
{
    struct ks_xml_scratch *s = scratch_of(data);

    end_text(s, false);
    if (s->at)
        append(s, make_text(s, XML_CDATA_SECTION_NODE, (const char *)text, (size_t)len));
}

/* The readers only ask whether there is one, and of which URI. */
static xmlNs *namespace_of(struct ks_xml_scratch *s, const xmlChar *prefix, const xmlChar *uri)
{
    xmlNs *ns = uri ? ks_new(s->arena, xmlNs) : NULL;

    if (ns)
        *ns = (xmlNs){.type = XML_NAMESPACE_DECL, .href = uri, .prefix = prefix};
    return ns;
}

/* A prefix that no namespace was declared for is part of the name. */
static const char *name_of(struct ks_xml_scratch *s, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    return prefix && !uri ? ks_sprintf(s->arena, "%s:%s", (const char *)prefix, (const char *)name)
                          : (const char *)name;
}

/* libxml2's five for each attribute: name, prefix, URI, where the value starts and where it ends. */
static xmlAttr *add_attr(struct ks_xml_scratch *s, xmlNode *node, xmlAttr *last, const xmlChar **five)
{
    char *value = ks_strndup(s->arena, (const char *)five[3], (size_t)(five[4] - five[3]));
    const char *name = name_of(s, five[0], five[1], five[2]);
    xmlAttr *attr = ks_xml_new_attr(s->arena, node, last, name, ks_xml_hint(name), value);

    attr->ns = namespace_of(s, five[1], five[2]);
    return attr;
}

static void on_start(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int n_ns,
                     const xmlChar **namespaces, int n_attrs, int n_defaulted, const xmlChar **attrs)
{
    struct ks_xml_scratch *s = scratch_of(data);
    xmlNode *node = ks_xml_new_element(s->arena, name_of(s, name, prefix, uri));
    xmlAttr *last = NULL;

    (void)n_defaulted; /* only a document type has any */
    end_text(s, false);
    node->ns = namespace_of(s, prefix, uri);
    for (int i = n_ns - 1; i >= 0; i--) {
        xmlNs *ns = namespace_of(s, namespaces[2 * i], namespaces[2 * i + 1]);
        if (ns)
            ns->next = node->nsDef;
        node->nsDef = ns ? ns : node->nsDef;
    }
    append(s, node);
    for (int i = 0; i < n_attrs; i++)
        last = add_attr(s, node, last, attrs + 5 * (size_t)i);
    s->at = node;
}

static void on_end(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct ks_xml_scratch *s = scratch_of(data);

    (void)name, (void)prefix, (void)uri;
    end_text(s, true);
    s->at = s->at->parent;
}

/* Made when the first document asks for it: its dictionary is filled once, for all of them. */
static void make_parser(struct ks_xml_scratch *s)
{
    xmlParserCtxt *ctxt = xmlNewParserCtxt();

    if (!ctxt)
        abort();
    s->ctxt = ctxt;
    ctxt->_private = s;
    ctxt->sax->startElementNs = on_start;
    ctxt->sax->endElementNs = on_end;
    ctxt->sax->characters = ctxt->sax->ignorableWhitespace = on_text;
    ctxt->sax->cdataBlock = on_cdata;
    ctxt->sax->comment = NULL;
    ctxt->sax->processingInstruction = NULL;
    ctxt->sax->reference = NULL;
    /* A document type is refused once it is read: until then it declares nothing. */
    ctxt->sax->entityDecl = NULL;
    ctxt->sax->attributeDecl = NULL;
}

struct ks_xml_scratch *ks_xml_scratch_new(void)
{
    struct ks_xml_scratch *s = calloc(1, sizeof *s);

    if (!s)
        abort();
    s->arena = ks_arena_new();
    return s;
}

void ks_xml_scratch_free(struct ks_xml_scratch *s)
{
    if (!s)
        return;
    ks_arena_free(s->arena);
    if (s->ctxt)
        xmlFreeParserCtxt(s->ctxt);
    free(s->text);
    free(s);
}

static xmlNode *parse_with_libxml(struct ks_xml_scratch *s, const char *text, size_t len, struct ks_error *err)
{
    /* NOENT: attributes come with "&amp;" resolved, too. */
    const int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOENT;

    if (!s->ctxt)
        make_parser(s);
    s->root = s->at = NULL;
    s->len = 0;
    xmlDoc *doc = xmlCtxtReadMemory(s->ctxt, text, (int)len, NULL, NULL, options);
    const bool typed = doc && (doc->intSubset || !s->root);
    if (!doc)
        (void)ks_xml_syntax_error(s->ctxt, err);
    else if (typed)
        (void)ks_fail(err, KS_E_SYNTAX, KS_NOWHERE, "not XML of ours: it has a document type");
    if (doc)
        xmlFreeDoc(doc); /* it is empty */
    return doc && !typed ? s->root : NULL;
}

xmlNode *ks_xml_scratch_parse(struct ks_xml_scratch *s, const char *text, size_t len, struct ks_error *err)
{
    xmlNode *root;

    ks_arena_clear(s->arena);
    if (len > INT32_MAX) {
        (void)ks_fail(err, KS_E_SYNTAX, KS_NOWHERE, "not XML: longer than 2 GiB");
        return NULL;
    }
    root = ks_xml_quick(s->arena, ks_strndup(s->arena, text, len), len);
    return root ? root : parse_with_libxml(s, text, len, err);
}
