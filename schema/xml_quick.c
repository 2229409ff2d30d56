/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * XML as libvirt writes it, read in place (docs/decisions/0009-xml.md): elements, attributes, namespaces by prefix,
 * text, the five entities that need no declaration. Reports nothing and recovers from nothing: whatever it does not
 * know, or might be wrong, it leaves to libxml2. What it takes, libxml2 takes too, and gives the same tree
 * (tests/fuzz/fuzz_xml.c).
 */
#include <libxml/parserInternals.h>

#include "schema/xml_private.h"

enum {
    LENGTH_MAX = 8 << 20, /* libxml2 refuses texts of 10 MB */
    DEPTH_MAX = 128,      /* and 256 levels */
    ATTRS_MAX = 64,       /* each is compared with those before it */
};

/* What a byte may stand in, as itself; PLAIN: in a value, whatever quotes it. Beyond ASCII nothing may: whether it
 * is UTF-8 is for libxml2 to say. */
enum { FIRST = 1, NAME = 2, VALUE = 4, TEXT = 8, BLANK = 16, PLAIN = 32 };
#define ANYWHERE (VALUE | PLAIN | TEXT)
static const uint8_t classes[256] = {
    ['\t'] = TEXT | BLANK,
    ['\n'] = TEXT | BLANK,
    [' '] = ANYWHERE | BLANK,
    ['!'] = ANYWHERE,
    ['"'] = VALUE | TEXT,
    ['#' ... '%'] = ANYWHERE,
    ['\''] = VALUE | TEXT,
    ['(' ... ','] = ANYWHERE,
    ['-' ... '.'] = NAME | ANYWHERE,
    ['/'] = ANYWHERE,
    ['0' ... '9'] = NAME | ANYWHERE,
    [':' ... ';'] = ANYWHERE,
    ['='] = ANYWHERE,
    ['>' ... '@'] = ANYWHERE,
    ['A' ... 'Z'] = FIRST | NAME | ANYWHERE,
    ['[' ... '\\'] = ANYWHERE,
    [']'] = VALUE | PLAIN, /* "]]>" may not stand in a text */
    ['^'] = ANYWHERE,
    ['_'] = FIRST | NAME | ANYWHERE,
    ['`'] = ANYWHERE,
    ['a' ... 'z'] = FIRST | NAME | ANYWHERE,
    ['{' ... '~'] = ANYWHERE,
};

struct quick {
    struct ks_arena *arena;
    char *at; /* the next byte */
    xmlNode *root, *open;
    unsigned depth;
};

static inline bool is(char c, uint8_t class)
{
    return classes[(unsigned char)c] & class;
}

/* Moves over a name; false when there is none. */
static bool skip_name(struct quick *q)
{
    char *at = q->at; /* kept out of memory, where each byte that is written might change it */

    if (!is(*at, FIRST))
        return false;
    while (is(*at, NAME))
        at++;
    q->at = at;
    return true;
}

static void skip_blanks(struct quick *q)
{
    char *at = q->at;

    while (is(*at, BLANK))
        at++;
    q->at = at;
}

/* Moves over an entity; its character, or 0. */
static char entity(struct quick *q)
{
    static const struct {
        char text[7], c;
    } entities[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&apos;", '\''}, {"&quot;", '"'}};

    for (size_t i = 0; i < KS_COUNT(entities); i++) {
        if (ks_starts(q->at, entities[i].text)) {
            q->at += strlen(entities[i].text);
            return entities[i].c;
        }
    }
    return '\0';
}

/* Moves to `end` and makes what is before it a text; false when there is something else. */
static bool take(struct quick *q, char end, uint8_t class)
{
    const uint8_t plain = class == VALUE ? PLAIN : class;
    char *to = q->at;

    while (is(*to, plain)) /* most of it; '<', which ends a text, is none */
        to++;
    for (q->at = to; *q->at != end; to++) {
        if (is(*q->at, class))
            *to = *q->at++;
        else if (*q->at != '&' || !(*to = entity(q)))
            return false;
    }
    *to = '\0';
    return true;
}

/* ---- making nodes ------------------------------------------------------------------------------------------- */

static void append(struct quick *q, xmlNode *node)
{
    xmlNode *parent = q->open;

    node->parent = parent;
    if (!parent) {
        q->root = node;
        return;
    }
    node->prev = parent->last;
    if (node->prev)
        node->prev->next = node;
    else
        parent->children = node;
    parent->last = node;
}

static xmlNode *make_text(xmlNode *node, char *text)
{
    node->type = XML_TEXT_NODE;
    node->name = xmlStringText;
    node->content = (xmlChar *)text;
    return node;
}

static bool has_attr(const xmlNode *node, const char *name)
{
    for (const xmlAttr *a = node->properties; a && !ks_xml_lacks(node, name, true); a = a->next)
        if (ks_xml_same_name(a->name, name))
            return true;
    return false;
}

static bool add_attr(struct quick *q, xmlNode *node, xmlAttr **last, const char *name, char *value)
{
    xmlAttr *attr;

    if ((*name == 'x' && strcmp(name, "xmlns") == 0) || has_attr(node, name))
        return false;
    attr = ks_new(q->arena, xmlAttr);
    attr->type = XML_ATTRIBUTE_NODE;
    attr->name = (const xmlChar *)name;
    attr->parent = node;
    attr->prev = *last;
    attr->psvi = value;
    if (*last)
        (*last)->next = attr;
    else
        node->properties = attr;
    *last = attr;
    ks_xml_hint_add(node, name, true);
    return true;
}

/* ---- namespaces --------------------------------------------------------------------------------------------- */

static xmlNs *find_ns(const xmlNode *node, const char *prefix)
{
    for (xmlNs *ns = node->nsDef; ns; ns = ns->next)
        if (strcmp((const char *)ns->prefix, prefix) == 0)
            return ns;
    return NULL;
}

/* xmlns:PREFIX='URI'. What is reserved, or had entities in it, is for libxml2. */
static bool add_ns(struct quick *q, xmlNode *node, const char *prefix, char *uri)
{
    xmlNs **end = &node->nsDef, *ns;

    if (ks_starts(prefix, "xml") || !*uri || strpbrk(uri, "&<>'\"") || ks_starts(uri, "http://www.w3.org/") ||
        find_ns(node, prefix))
        return false;
    ns = ks_new(q->arena, xmlNs);
    *ns = (xmlNs){.type = XML_NAMESPACE_DECL, .href = (xmlChar *)uri, .prefix = (const xmlChar *)prefix};
    while (*end)
        end = &(*end)->next;
    *end = ns;
    return true;
}

static bool set_ns(struct quick *q, xmlNode *node, const char *prefix)
{
    node->ns = find_ns(node, prefix);
    for (const xmlNode *up = q->open; up && !node->ns; up = up->parent)
        node->ns = find_ns(up, prefix);
    return node->ns;
}

/* ---- tags --------------------------------------------------------------------------------------------------- */

/* NAME='VALUE'. */
static bool read_attr(struct quick *q, xmlNode *node, xmlAttr **last)
{
    char *name = q->at, *end, *value, *prefixed = NULL;

    if (!skip_name(q))
        return false;
    end = q->at;
    if (*end == ':') {
        prefixed = ++q->at;
        if (!skip_name(q) || end - name != 5 || memcmp(name, "xmlns", 5) != 0)
            return false;
        end = q->at;
    }
    if (q->at[0] != '=' || (q->at[1] != '\'' && q->at[1] != '"'))
        return false;
    q->at += 2;
    value = q->at;
    if (!take(q, q->at[-1], VALUE))
        return false;
    q->at++;
    *end = '\0';
    return prefixed ? add_ns(q, node, prefixed, value) : add_attr(q, node, last, name, value);
}

/* Reads attributes up to the end of the tag, which it moves over: '>' or '/'; '\0' when it is neither. */
static char read_attrs(struct quick *q, xmlNode *node, char c)
{
    xmlAttr *last = NULL;

    for (unsigned n = 0; c == ' '; n++) {
        while (*q->at == ' ')
            q->at++;
        if (*q->at != '/' && *q->at != '>' && (n == ATTRS_MAX || !read_attr(q, node, &last)))
            return '\0';
        c = *q->at++;
    }
    if (c == '/')
        return *q->at++ == '>' ? '/' : '\0';
    return c == '>' ? '>' : '\0';
}

static bool open_tag(struct quick *q)
{
    xmlNode *node = ks_new(q->arena, xmlNode);
    char *name = q->at, *prefix = NULL, c;

    if (!skip_name(q))
        return false;
    if (*q->at == ':') {
        prefix = name;
        *q->at++ = '\0';
        name = q->at;
        if (!skip_name(q))
            return false;
    }
    node->type = XML_ELEMENT_NODE;
    node->name = (const xmlChar *)name;
    ks_xml_hint_add(node, "", false);
    c = *q->at;
    *q->at++ = '\0';
    c = read_attrs(q, node, c);
    if (!c || (prefix && !set_ns(q, node, prefix)))
        return false;
    append(q, node);
    if (q->open)
        ks_xml_hint_add(q->open, name, false);
    if (c == '>') {
        q->open = node;
        return ++q->depth < DEPTH_MAX;
    }
    return true;
}

static bool expect(struct quick *q, const char *text)
{
    char *at = q->at;

    for (; *text; text++, at++)
        if (*at != *text)
            return false;
    q->at = at;
    return true;
}

static bool close_tag(struct quick *q)
{
    const xmlNode *node = q->open;

    q->at++; /* '/' */
    if (!node || (node->ns && (!expect(q, (const char *)node->ns->prefix) || !expect(q, ":"))) ||
        !expect(q, (const char *)node->name) || !expect(q, ">"))
        return false;
    q->open = node->parent;
    q->depth--;
    return true;
}

/* Up to the next tag. */
static bool read_text(struct quick *q)
{
    char *text = q->at;

    skip_blanks(q);
    if (*q->at == '<' && (q->at == text || !ks_xml_keeps_blanks(q->open, q->at[1] == '/')))
        return true;
    if (!take(q, '<', TEXT))
        return false;
    append(q, make_text(ks_new(q->arena, xmlNode), text));
    return true;
}

xmlNode *ks_xml_quick(struct ks_arena *arena, char *text, size_t len)
{
    struct quick q = {.arena = arena, .at = text};

    if (len > LENGTH_MAX || *text != '<')
        return NULL;
    do {
        q.at++; /* '<', or what take() made of it */
        if (!(*q.at == '/' ? close_tag(&q) : open_tag(&q)))
            return NULL;
    } while (q.open && read_text(&q));
    if (q.open)
        return NULL;
    skip_blanks(&q);
    return q.at == text + len ? q.root : NULL;
}
