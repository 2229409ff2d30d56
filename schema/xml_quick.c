/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * XML as libvirt writes it, read in place (docs/decisions/0009-xml.md): elements, attributes, namespaces by prefix,
 * text, the five entities that need no declaration. Reports nothing and recovers from nothing: whatever it does not
 * know, or might be wrong, it leaves to libxml2. What it takes, libxml2 takes too, and gives the same tree
 * (tests/fuzz/fuzz_xml.c).
 */
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
    xmlNode *root, *open;
    unsigned depth;
};

/* Where to read on is handed from one to the next, and not kept in memory, where each byte that is written might
 * change it. NULL: this is not for us. */

static inline bool is(char c, uint8_t class)
{
    return classes[(unsigned char)c] & class;
}

/* Behind the bytes of that class; a few at a time, since that is all there is to do for most bytes of a document.
 */
static inline char *span(char *at, uint8_t class)
{
    for (;; at += 4) {
        if (!is(at[0], class))
            return at;
        if (!is(at[1], class))
            return at + 1;
        if (!is(at[2], class))
            return at + 2;
        if (!is(at[3], class))
            return at + 3;
    }
}

/* Behind a name. */
static inline char *name_end(char *at)
{
    return is(*at, FIRST) ? span(at + 1, NAME) : NULL;
}

/* The character of an entity, or 0, and where it ends. */
static char entity(char *at, char **ret_end)
{
    static const struct {
        char text[7], c;
    } entities[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&apos;", '\''}, {"&quot;", '"'}};

    for (size_t i = 0; i < KS_COUNT(entities); i++) {
        if (ks_starts(at, entities[i].text)) {
            *ret_end = at + strlen(entities[i].text);
            return entities[i].c;
        }
    }
    return '\0';
}

/* The same as take(), from the first byte on that may not be as it stands. */
__attribute__((noinline)) static char *take_rest(char *at, char end, uint8_t class)
{
    for (char *to = at;; to++) {
        if (*at == end) {
            *to = '\0';
            return at;
        }
        if (is(*at, class))
            *to = *at++;
        else if (*at != '&' || !(*to = entity(at, &at)))
            return NULL;
    }
}

/* Makes what is before `end` a text; NULL when there is something else. */
static inline char *take(char *at, char end, uint8_t class)
{
    at = span(at, class == VALUE ? PLAIN : class); /* most of it; '<', which ends a text, is none */
    if (*at != end)
        return take_rest(at, end, class);
    *at = '\0';
    return at;
}

/* ---- making nodes ------------------------------------------------------------------------------------------- */

static void append(struct quick *q, xmlNode *node)
{
    if (q->open)
        ks_xml_append_node(q->open, node);
    else
        q->root = node;
}

static bool has_attr(const xmlNode *node, const char *name)
{
    for (const xmlAttr *a = node->properties; a; a = a->next)
        if (ks_xml_same_name(a->name, name))
            return true;
    return false;
}

static inline xmlAttr *add_attr(struct quick *q, xmlNode *node, xmlAttr *last, const char *name, char *value)
{
    const uintptr_t hint = ks_xml_hint(name);
    const bool maybe_there = !((uintptr_t)node->_private & hint);

    if ((*name == 'x' && strcmp(name, "xmlns") == 0) || (maybe_there && has_attr(node, name)))
        return NULL;
    return ks_xml_new_attr(q->arena, node, last, name, hint, value);
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

/* xmlns:PREFIX='VALUE', with `at` at the colon. */
static char *read_ns(struct quick *q, char *name, char *at, xmlNode *node)
{
    char *prefix = at + 1, *end = name_end(prefix), *value;

    if (!end || at - name != 5 || memcmp(name, "xmlns", 5) != 0 || *end != '=' || (end[1] != '\'' && end[1] != '"'))
        return NULL;
    value = end + 2;
    at = take(value, value[-1], VALUE);
    *end = '\0';
    return at && add_ns(q, node, prefix, value) ? at + 1 : NULL;
}

/* NAME='VALUE'. */
static inline char *read_attr(struct quick *q, char *name, xmlNode *node, xmlAttr **last)
{
    char *end = name_end(name), *value, *at;

    if (!end)
        return NULL;
    if (*end != '=' || (end[1] != '\'' && end[1] != '"'))
        return *end == ':' ? read_ns(q, name, end, node) : NULL;
    value = end + 2;
    at = take(value, value[-1], VALUE);
    *end = '\0';
    return at && (*last = add_attr(q, node, *last, name, value)) ? at + 1 : NULL;
}

/* Behind the tag, of which `at` is where the attributes may start. */
static inline char *read_attrs(struct quick *q, char *at, xmlNode *node)
{
    xmlAttr *last = NULL;

    for (unsigned n = 0; *at == ' '; n++) {
        do
            at++;
        while (*at == ' ');
        if (*at == '/' || *at == '>')
            break;
        if (n == ATTRS_MAX || !(at = read_attr(q, at, node, &last)))
            return NULL;
    }
    at += *at == '/';
    return *at == '>' ? at + 1 : NULL;
}

static inline char *open_tag(struct quick *q, char *name)
{
    char *end = name_end(name), *prefix = NULL, *at;
    xmlNode *node;

    if (end && *end == ':') {
        prefix = name;
        *end = '\0';
        name = end + 1;
        end = name_end(name);
    }
    if (!end)
        return NULL;
    node = ks_xml_new_element(q->arena, name);
    at = read_attrs(q, end, node);
    if (!at || (prefix && !set_ns(q, node, prefix)))
        return NULL;
    const bool empty = at[-2] == '/';
    *end = '\0';
    append(q, node);
    if (empty)
        return at;
    q->open = node;
    return ++q->depth < DEPTH_MAX ? at : NULL;
}

/* Behind this text. */
static inline char *expect(char *at, const char *text)
{
    for (; *text; text++, at++)
        if (*at != *text)
            return NULL;
    return at;
}

static char *close_tag(struct quick *q, char *at)
{
    const xmlNode *node = q->open;

    if (node && node->ns && (at = expect(at, (const char *)node->ns->prefix)))
        at = expect(at, ":");
    if (!node || !at || !(at = expect(at, (const char *)node->name)) || *at != '>')
        return NULL;
    q->open = node->parent;
    q->depth--;
    return at + 1;
}

/* Up to the next tag. */
static inline char *read_text(struct quick *q, char *text)
{
    char *at = span(text, BLANK);

    if (*at == '<' && (at == text || !ks_xml_keeps_blanks(q->open, at[1] == '/')))
        return at;
    at = take(at, '<', TEXT);
    if (at)
        append(q, ks_xml_new_text(q->arena, XML_TEXT_NODE, text));
    return at;
}

xmlNode *ks_xml_quick(struct ks_arena *arena, char *text, size_t len)
{
    struct quick q = {.arena = arena};
    char *at = text;

    if (len > LENGTH_MAX || *text != '<')
        return NULL;
    do { /* at '<', or what take() made of it */
        at = at[1] == '/' ? close_tag(&q, at + 2) : open_tag(&q, at + 1);
    } while (at && q.open && (at = read_text(&q, at)));
    if (!at)
        return NULL;
    return span(at, BLANK) == text + len ? q.root : NULL;
}
