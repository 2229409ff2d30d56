/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libyaml's events become nodes in one pass, with a stack of open containers. libyaml's own document loader is not
 * used: it copies more, knows no merge keys, and does not bound what aliases stand for.
 */
#include "schema/index.h"
#include "schema/yaml_private.h"

enum { SMALL_MAP = 16 };

struct anchor {
    const struct ks_node *node; /* NULL while its container is open: an alias to it would be a recursion */
    size_t expanded;
    unsigned height;
};

struct frame {
    enum ks_node_type type;
    struct ks_loc at;
    size_t first;    /* of its children in builder.pending */
    size_t expanded; /* builder.expanded when it was opened */
    unsigned height; /* of its highest child */
    struct anchor *anchor;
};

struct builder {
    struct ks_findings *f;
    const char *file;
    struct ks_arena *arena, *scratch;
    struct ks_index anchors;
    KS_VEC(const struct ks_node *) pending;
    struct frame frames[KS_YAML_MAX_DEPTH];
    unsigned depth;
    size_t n_nodes, expanded;
    unsigned n_documents;
    const struct ks_node *root;
    bool stop;
};

static struct ks_loc place(const struct builder *b, const yaml_mark_t *mark)
{
    return (struct ks_loc){b->file, (uint32_t)mark->line + 1, (uint32_t)mark->column + 1};
}

static void give_up(struct builder *b, struct ks_loc at, const char *what, int bound)
{
    ks_report(b->f, KS_E_INVALID, at, "%s (the bound is %d)", what, bound);
    b->stop = true;
}

/* Hands a finished node to what is open around it. */
static void add(struct builder *b, const struct ks_node *node, unsigned height)
{
    if (b->depth == 0) {
        b->root = node;
        return;
    }

    struct frame *in = &b->frames[b->depth - 1];

    *ks_vec_add(b->scratch, &b->pending) = node;
    if (height > in->height)
        in->height = height;
}

/* Counts `expanded` nodes that come in at this place; false when a bound is passed. */
static bool count(struct builder *b, struct ks_loc at, size_t expanded, unsigned height)
{
    b->n_nodes++;
    b->expanded += expanded;
    if (b->n_nodes > KS_YAML_MAX_NODES)
        give_up(b, at, "too many values in one file", KS_YAML_MAX_NODES);
    else if (b->expanded > KS_YAML_MAX_EXPANDED)
        give_up(b, at, "too many values with every alias written out", KS_YAML_MAX_EXPANDED);
    else if (b->depth + height > KS_YAML_MAX_DEPTH)
        give_up(b, at, "nested too deep", KS_YAML_MAX_DEPTH);
    return !b->stop;
}

static struct anchor *anchor_new(struct builder *b, const yaml_char_t *name)
{
    if (!name)
        return NULL;

    struct anchor *a = ks_new(b->scratch, struct anchor);
    const char *copy = ks_strdup(b->scratch, (const char *)name);

    ks_index_set(&b->anchors, copy, strlen(copy), a); /* a later anchor of that name replaces it: YAML 1.2, 7.1 */
    return a;
}

/* ---- tags --------------------------------------------------------------------------------------------------- */

enum tag { TAG_NONE, TAG_TEXT, TAG_PLAIN, TAG_NULL };

static enum tag read_tag(struct builder *b, const yaml_char_t *text, enum ks_node_type type, struct ks_loc at)
{
    static const struct {
        const char *name;
        enum ks_node_type type;
        enum tag tag;
    } known[] = {
        {"str", KS_NODE_SCALAR, TAG_TEXT},   {"int", KS_NODE_SCALAR, TAG_PLAIN},
        {"bool", KS_NODE_SCALAR, TAG_PLAIN}, {"float", KS_NODE_SCALAR, TAG_PLAIN},
        {"null", KS_NODE_SCALAR, TAG_NULL},  {"map", KS_NODE_MAP, TAG_NONE},
        {"seq", KS_NODE_SEQ, TAG_NONE},
    };
    static const char prefix[] = "tag:yaml.org,2002:";
    const char *tag = (const char *)text;

    if (!tag)
        return TAG_NONE;
    if (ks_streq(tag, "!"))
        return type == KS_NODE_SCALAR ? TAG_TEXT : TAG_NONE;

    bool core = ks_starts(tag, prefix);

    for (size_t i = 0; core && i < KS_COUNT(known); i++) {
        if (!ks_streq(tag + strlen(prefix), known[i].name))
            continue;
        if (known[i].type != type)
            ks_report(b->f, KS_E_INVALID, at, "tag '!!%s' does not fit this value", known[i].name);
        return known[i].tag;
    }
    ks_report(b->f, KS_E_INVALID, at, "unknown tag '%s%s'", core ? "!!" : "", core ? tag + strlen(prefix) : tag);
    return TAG_NONE;
}

/* ---- scalars and aliases ------------------------------------------------------------------------------------- */

static bool is_null(const char *text)
{
    return !*text || ks_streq(text, "~") || ks_streq(text, "null") || ks_streq(text, "Null") ||
           ks_streq(text, "NULL");
}

static bool key_is_next(const struct builder *b)
{
    const struct frame *in = b->depth ? &b->frames[b->depth - 1] : NULL;

    return in && in->type == KS_NODE_MAP && (b->pending.n - in->first) % 2 == 0;
}

static void scalar(struct builder *b, const yaml_event_t *e)
{
    struct ks_loc at = place(b, &e->start_mark);
    const char *text = (const char *)e->data.scalar.value;
    struct anchor *anchor = anchor_new(b, e->data.scalar.anchor);

    if (!count(b, at, 1, 1))
        return;

    struct ks_node *node = ks_new(b->arena, struct ks_node);
    enum tag tag = read_tag(b, e->data.scalar.tag, KS_NODE_SCALAR, at);
    bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

    *node = (struct ks_node){.type = KS_NODE_SCALAR, .at = at, .n = e->data.scalar.length};
    node->quoted = tag == TAG_TEXT || (tag == TAG_NONE && !plain);
    if (memchr(text, '\0', node->n)) {
        ks_report(b->f, KS_E_INVALID, at, "a text cannot hold a NUL character");
        node->n = strlen(text);
    }
    if (!key_is_next(b) && (tag == TAG_NULL || (!node->quoted && is_null(text))))
        node->type = KS_NODE_NULL;
    node->text = ks_strndup(b->arena, text, node->n);
    if (key_is_next(b) && node->n == 0)
        ks_report(b->f, KS_E_INVALID, at, "a key is missing before ':'");
    if (anchor)
        *anchor = (struct anchor){node, 1, 1};
    add(b, node, 1);
}

/* A key is complained about where it stands, not where its anchor does. */
static const struct ks_node *moved(struct builder *b, const struct ks_node *node, struct ks_loc at)
{
    struct ks_node *ret = ks_new(b->arena, struct ks_node);

    *ret = *node;
    ret->at = at;
    return ret;
}

static void alias(struct builder *b, const yaml_event_t *e)
{
    const char *name = (const char *)e->data.alias.anchor;
    const struct anchor *a = ks_index_get(&b->anchors, name, strlen(name));
    struct ks_loc at = place(b, &e->start_mark);
    struct ks_node *none;

    if (a && a->node) {
        if (count(b, at, a->expanded, a->height))
            add(b, key_is_next(b) ? moved(b, a->node, at) : a->node, a->height);
        return;
    }
    if (a)
        ks_report(b->f, KS_E_INVALID, at, "alias '*%s' stands within what it names", name);
    else
        ks_report(b->f, KS_E_INVALID, at, "alias '*%s' has no anchor '&%s' before it", name, name);
    if (!count(b, at, 1, 1))
        return;
    none = ks_new(b->arena, struct ks_node);
    *none = (struct ks_node){.type = KS_NODE_NULL, .at = at, .text = ""};
    add(b, none, 1);
}

/* ---- containers ---------------------------------------------------------------------------------------------- */

static void open_container(struct builder *b, enum ks_node_type type, const yaml_event_t *e, const yaml_char_t *tag,
                           const yaml_char_t *anchor)
{
    struct ks_loc at = place(b, &e->start_mark);

    if (!count(b, at, 1, 1))
        return;
    (void)read_tag(b, tag, type, at);
    b->frames[b->depth++] = (struct frame){.type = type,
                                           .at = at,
                                           .first = b->pending.n,
                                           .expanded = b->expanded - 1,
                                           .anchor = anchor_new(b, anchor)};
}

/* A map in the making: pairs, and which keys it has. */
struct pairs {
    struct ks_pair *v;
    size_t n;
    bool hashed;
    struct ks_index index;
};

static const struct ks_pair *find_key(const struct pairs *p, const struct ks_node *key)
{
    if (p->hashed)
        return ks_index_get(&p->index, key->text, key->n);
    for (size_t i = 0; i < p->n; i++)
        if (p->v[i].key->n == key->n && memcmp(p->v[i].key->text, key->text, key->n) == 0)
            return &p->v[i];
    return NULL;
}

static void put_pair(struct pairs *p, const struct ks_node *key, const struct ks_node *value)
{
    p->v[p->n] = (struct ks_pair){key, value};
    if (p->hashed)
        ks_index_set(&p->index, key->text, key->n, &p->v[p->n]);
    p->n++;
}

static bool is_merge_key(const struct ks_node *key)
{
    return key->type == KS_NODE_SCALAR && !key->quoted && ks_streq(key->text, "<<");
}

/* How many pairs `<<: value` can bring. */
static size_t merge_size(const struct ks_node *value)
{
    size_t n = value->type == KS_NODE_MAP ? value->n : 0;

    for (size_t i = 0; value->type == KS_NODE_SEQ && i < value->n; i++)
        n += value->items[i]->type == KS_NODE_MAP ? value->items[i]->n : 0;
    return n;
}

static void merge_map(struct builder *b, struct pairs *p, const struct ks_node *from)
{
    if (from->type != KS_NODE_MAP) {
        ks_report(b->f, KS_E_INVALID, from->at, "'<<' takes a map, or a list of maps");
        return;
    }
    for (size_t i = 0; i < from->n; i++)
        if (!find_key(p, from->pairs[i].key))
            put_pair(p, from->pairs[i].key, from->pairs[i].value);
}

static void merge_value(struct builder *b, struct pairs *p, const struct ks_node *value)
{
    if (value->type != KS_NODE_SEQ)
        merge_map(b, p, value);
    for (size_t i = 0; value->type == KS_NODE_SEQ && i < value->n; i++)
        merge_map(b, p, value->items[i]);
}

static void own_pair(struct builder *b, struct pairs *p, const struct ks_node *key, const struct ks_node *value)
{
    const struct ks_pair *first;

    if (key->type != KS_NODE_SCALAR) {
        ks_report(b->f, KS_E_INVALID, key->at, "a key must be a text, not a list, a map or nothing");
    } else if ((first = find_key(p, key))) {
        ks_report(b->f, KS_E_INVALID, key->at, "'%s' is given twice (first on line %u)", key->text,
                  first->key->at.line);
    } else if (key->n > 0) {
        put_pair(p, key, value);
    }
}

/* libyaml has paired keys with values; after an error the last key may be alone. */
static void close_map(struct builder *b, const struct frame *frame, struct ks_node *node)
{
    const struct ks_node **in = b->pending.v ? b->pending.v + frame->first : NULL;
    size_t n = (b->pending.n - frame->first) / 2, capacity = n;
    const struct ks_node *merged = NULL;

    for (size_t i = 0; i < n; i++)
        capacity += is_merge_key(in[2 * i]) ? merge_size(in[2 * i + 1]) : 0;

    struct pairs p = {.v = ks_new_n(b->arena, struct ks_pair, capacity ? capacity : 1),
                      .hashed = capacity > SMALL_MAP,
                      .index = {.arena = b->scratch}};

    for (size_t i = 0; i < n; i++) {
        if (!is_merge_key(in[2 * i]))
            own_pair(b, &p, in[2 * i], in[2 * i + 1]);
        else if (merged)
            ks_report(b->f, KS_E_INVALID, in[2 * i]->at, "'<<' is given twice: it takes a list of maps");
        else
            merged = in[2 * i + 1];
    }
    if (merged)
        merge_value(b, &p, merged);
    node->pairs = p.v;
    node->n = p.n;
}

static void close_container(struct builder *b)
{
    struct frame *frame = &b->frames[b->depth - 1];
    struct ks_node *node = ks_new(b->arena, struct ks_node);
    size_t n = b->pending.n - frame->first;

    *node = (struct ks_node){.type = frame->type, .at = frame->at};
    if (frame->type == KS_NODE_MAP) {
        close_map(b, frame, node);
    } else {
        node->items = ks_new_n(b->arena, const struct ks_node *, n ? n : 1);
        node->n = n;
        if (n)
            memcpy(node->items, b->pending.v + frame->first, n * sizeof *node->items);
    }
    if (frame->anchor)
        *frame->anchor = (struct anchor){node, b->expanded - frame->expanded, frame->height + 1};
    b->pending.n = frame->first;
    b->depth--;
    add(b, node, frame->height + 1);
}

/* ---- the stream ---------------------------------------------------------------------------------------------- */

static void document_start(struct builder *b, const yaml_event_t *e)
{
    if (b->n_documents++ == 0)
        return;
    ks_report(b->f, KS_E_INVALID, place(b, &e->start_mark), "a second document begins here: a file holds one");
    b->stop = true;
}

static void handle(struct builder *b, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        document_start(b, e);
        break;
    case YAML_SCALAR_EVENT:
        scalar(b, e);
        break;
    case YAML_ALIAS_EVENT:
        alias(b, e);
        break;
    case YAML_SEQUENCE_START_EVENT:
        open_container(b, KS_NODE_SEQ, e, e->data.sequence_start.tag, e->data.sequence_start.anchor);
        break;
    case YAML_MAPPING_START_EVENT:
        open_container(b, KS_NODE_MAP, e, e->data.mapping_start.tag, e->data.mapping_start.anchor);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        close_container(b);
        break;
    default:
        break;
    }
}

static void note_quoted(struct ks_yaml_stop *stop, const yaml_event_t *e)
{
    stop->quoted_over_lines = e->type == YAML_SCALAR_EVENT && e->start_mark.line != e->end_mark.line &&
                              (e->data.scalar.style == YAML_SINGLE_QUOTED_SCALAR_STYLE ||
                               e->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE);
    stop->quoted_at = e->start_mark;
    stop->quoted_end = e->end_mark;
}

static int run(struct builder *b, yaml_parser_t *parser, struct ks_yaml_stop *stop)
{
    for (bool end = false; !end && !b->stop;) {
        yaml_event_t e;

        if (!yaml_parser_parse(parser, &e)) {
            if (parser->error == YAML_MEMORY_ERROR)
                abort();
            stop->problem = parser->problem ? parser->problem : "not YAML";
            stop->context = parser->context;
            stop->at = parser->problem_mark;
            stop->context_at = parser->context_mark;
            return -1;
        }
        handle(b, &e);
        note_quoted(stop, &e);
        end = e.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&e);
    }
    return 0;
}

int ks_yaml_build(struct ks_findings *f, const char *file, const char *text, size_t len, const struct ks_node **ret,
                  struct ks_yaml_stop *ret_stop)
{
    ks_auto(ks_arena_freep) struct ks_arena *scratch = ks_arena_new();
    struct builder b = {.f = f, .file = file, .arena = f->arena, .scratch = scratch, .anchors = {.arena = scratch}};
    yaml_parser_t parser;
    int rc;

    *ret_stop = (struct ks_yaml_stop){0};
    if (!yaml_parser_initialize(&parser))
        abort();
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    rc = run(&b, &parser, ret_stop);
    while (b.depth > 0)
        close_container(&b);
    yaml_parser_delete(&parser);
    *ret = b.root;
    return rc;
}
