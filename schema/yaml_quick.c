/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The YAML that manifests are made of, read in one pass: block maps and lists, flow collections, plain and quoted
 * texts of one line, literal blocks, comments. It gives what libyaml gives, down to lines and columns, in a tenth
 * of the time; tests and a fuzz target compare the two. Everything else - anchors, tags, escapes, text over several
 * lines, and above all whatever may be wrong - makes it give up, and libyaml reads the file: only one of them
 * explains faults. See docs/decisions/0005-yaml.md.
 */
#include "schema/index.h"
#include "schema/yaml_private.h"

enum { QUICK_DEPTH = 48, QUICK_KEY = 200, POOL = 512, SMALL_MAP = 16 };
_Static_assert((int)QUICK_DEPTH < (int)KS_YAML_MAX_DEPTH, "what is too deep is libyaml's to say");

struct quick {
    struct ks_arena *arena, *scratch;
    const char *file;
    const char *text, *end, *p;
    const char *line_start;
    uint32_t line;
    size_t indent; /* of the content line that p stands on; meaningless within a line */
    bool at_end;   /* no more content */
    char *copy;    /* of the text: nodes' texts lie in it, each ended by a NUL */
    struct ks_node *pool;
    size_t pool_left, n_nodes;
    unsigned depth;
    KS_VEC(const struct ks_node *) pending; /* children of open containers */
};

static char peek(const struct quick *q, size_t ahead)
{
    return (size_t)(q->end - q->p) > ahead ? q->p[ahead] : '\n'; /* the end is as good as a line's end */
}

static bool is_gap(char c)
{
    return c == ' ' || c == '\n';
}

static struct ks_loc here(const struct quick *q)
{
    return (struct ks_loc){q->file, q->line, (uint32_t)(q->p - q->line_start) + 1};
}

static struct ks_node *new_node(struct quick *q, enum ks_node_type type, struct ks_loc at)
{
    struct ks_node *node;

    if (q->pool_left == 0) {
        q->pool = ks_new_n(q->arena, struct ks_node, POOL);
        q->pool_left = POOL;
    }
    q->pool_left--;
    q->n_nodes++;
    node = q->pool++;
    node->type = type;
    node->at = at;
    return node;
}

/* ---- lines --------------------------------------------------------------------------------------------------- */

/* From the start of a line to the first content at or below it. False: a document marker, or a tab. */
static bool find_content(struct quick *q)
{
    for (;;) {
        q->line_start = q->p;
        while (q->p < q->end && *q->p == ' ')
            q->p++;
        q->indent = (size_t)(q->p - q->line_start);
        if (q->p < q->end && *q->p == '#')
            q->p = memchr(q->p, '\n', (size_t)(q->end - q->p)) ?: q->end;
        if (q->p == q->end) {
            q->at_end = true;
            return true;
        }
        if (*q->p != '\n')
            break;
        q->p++;
        q->line++;
    }
    return *q->p != '\t' &&
           !(q->indent == 0 && q->end - q->p >= 3 && (memcmp(q->p, "---", 3) == 0 || memcmp(q->p, "...", 3) == 0));
}

/* Takes the rest of a line, which must be empty but for a comment, and goes to the next content. */
static bool end_line(struct quick *q)
{
    const char *start = q->p;

    while (q->p < q->end && *q->p == ' ')
        q->p++;
    if (q->p < q->end && *q->p == '#' && q->p > start)
        q->p = memchr(q->p, '\n', (size_t)(q->end - q->p)) ?: q->end;
    if (q->p == q->end) {
        q->at_end = true;
        return true;
    }
    if (*q->p != '\n')
        return false;
    q->p++;
    q->line++;
    return find_content(q);
}

/* A line deeper than what it would have to belong to. */
static bool hangs(const struct quick *q, size_t indent)
{
    return !q->at_end && q->indent > indent;
}

static bool at_dash(const struct quick *q)
{
    return !q->at_end && peek(q, 0) == '-' && is_gap(peek(q, 1));
}

/* ---- scalars --------------------------------------------------------------------------------------------------
 */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Fewer than YAML allows: none that could begin anything but a plain text. */
static bool starts_plain(const struct quick *q)
{
    char c = peek(q, 0);

    return is_alnum(c) || (c != '\n' && strchr("/._~+", c)) || (c == '-' && is_alnum(peek(q, 1)));
}

static struct ks_node *take_scalar(struct quick *q, struct ks_loc at, const char *start, size_t n, bool quoted)
{
    struct ks_node *node = new_node(q, KS_NODE_SCALAR, at);
    char *text = q->copy + (start - q->text);

    text[n] = '\0';
    node->text = text;
    node->n = n;
    node->quoted = quoted;
    return node;
}

enum stop { STOP_ODD, STOP_LINE, STOP_COLON, STOP_FLOW };

/* Whether a plain text ends at `p`, and how; STOP_ODD: what libyaml would make of it is not for here to know. */
static bool plain_ends(const struct quick *q, bool flow, enum stop *ret)
{
    char c = *q->p, next = peek(q, 1);

    if (c == '\n' || (c == '#' && q->p[-1] == ' '))
        *ret = STOP_LINE;
    else if (c == ':' && is_gap(next))
        *ret = STOP_COLON;
    else if (flow && (c == ',' || c == ']' || c == '}'))
        *ret = STOP_FLOW;
    else if (c < ' ' || c > '~' ||
             (flow && (c == '[' || c == '{' || c == '?' || (c == ':' && strchr(",[]{}?", next)))))
        *ret = STOP_ODD;
    else
        return false;
    return true;
}

/* Characters that end no plain text, whatever stands beside them. */
static const bool ordinary[256] =
    {
        [' ' ... '"'] = true, ['$' ... '+'] = true, ['-' ... '9'] = true,
        [';' ... '>'] = true, ['@' ... 'Z'] = true, ['\\'] = true,
        ['^' ... 'z'] = true, ['|'] = true,         ['~'] = true,
};

/* A plain text of one line; p stays behind it, at what ends it. */
static struct ks_node *plain(struct quick *q, bool flow, enum stop *ret)
{
    struct ks_loc at = here(q);
    const char *start = q->p;
    size_t n;

    if (!starts_plain(q))
        return NULL;
    *ret = STOP_LINE;
    for (q->p++; q->p < q->end && (ordinary[(unsigned char)*q->p] || !plain_ends(q, flow, ret));)
        q->p++;
    if (*ret == STOP_ODD)
        return NULL;
    while (q->p[-1] == ' ')
        q->p--;
    n = (size_t)(q->p - start);
    return take_scalar(q, at, start, n, false);
}

static struct ks_node *quoted(struct quick *q)
{
    struct ks_loc at = here(q);
    const char quote = *q->p, *start = ++q->p;

    for (; q->p < q->end && *q->p != quote; q->p++)
        if (*q->p < ' ' || *q->p > '~' || *q->p == '\\')
            return NULL;
    if (q->p == q->end || peek(q, 1) == quote) /* never closed; or '' for a quote in the text */
        return NULL;
    q->p++;
    return take_scalar(q, at, start, (size_t)(q->p - 1 - start), true);
}

/* A plain text that is a value and not a key. */
static struct ks_node *as_value(struct ks_node *node)
{
    static const char *const nulls[] = {"~", "null", "Null", "NULL"};

    for (size_t i = 0; node && !node->quoted && i < KS_COUNT(nulls); i++)
        if (ks_streq(node->text, nulls[i]))
            node->type = KS_NODE_NULL;
    return node;
}

/* "key:" and what must stand behind it: a gap. p stays behind the colon. */
static struct ks_node *key(struct quick *q, bool flow)
{
    enum stop stop = STOP_COLON;
    bool in_quotes = peek(q, 0) == '"' || peek(q, 0) == '\'';
    struct ks_node *node = in_quotes ? quoted(q) : plain(q, flow, &stop);

    if (!node || stop != STOP_COLON || peek(q, 0) != ':' || !is_gap(peek(q, 1)) || node->n == 0 ||
        node->n > QUICK_KEY)
        return NULL;
    q->p++;
    return node;
}

/* ---- literal blocks -------------------------------------------------------------------------------------------
 */

/* One line of a literal block; false at its end. Counts blank lines, which are text only when text follows. */
static bool literal_line(struct quick *q, size_t indent, size_t *blank, struct ks_text *out, bool *ret_odd)
{
    const char *newline = memchr(q->p, '\n', (size_t)(q->end - q->p)), *p = q->p;

    while (p < q->end && *p == ' ' && (size_t)(p - q->p) < indent)
        p++;
    if (!newline || (*p == '\t' && (size_t)(p - q->p) < indent)) {
        *ret_odd = q->p < q->end; /* text without a newline at its end */
        return false;
    }
    if (p == newline) {
        ++*blank;
    } else if ((size_t)(p - q->p) < indent) {
        return false;
    } else {
        for (; *blank; --*blank)
            ks_text_add(out, "\n");
        ks_text_addn(out, p, (size_t)(newline - p + 1));
    }
    q->p = newline + 1;
    q->line++;
    q->line_start = q->p;
    return true;
}

/* "|" or "|-", the text deeper than `indent`, its first line not blank. */
static struct ks_node *literal(struct quick *q, size_t indent)
{
    struct ks_node *node = new_node(q, KS_NODE_SCALAR, here(q));
    struct ks_text out = {.arena = q->arena};
    bool strip = peek(q, 1) == '-', odd = false;
    size_t deeper = 0, blank = 0;

    q->p += 1 + strip;
    if (q->p >= q->end || *q->p != '\n')
        return NULL;
    q->p++;
    q->line++;
    while (q->p + deeper < q->end && q->p[deeper] == ' ')
        deeper++;
    if (deeper <= indent || peek(q, deeper) == '\n' || peek(q, deeper) == '\t')
        return NULL;
    while (literal_line(q, deeper, &blank, &out, &odd))
        ;
    if (odd || !find_content(q))
        return NULL;
    out.n -= strip;
    out.buf[out.n] = '\0';
    node->text = out.buf;
    node->n = out.n;
    node->quoted = true;
    return node;
}

/* ---- containers ------------------------------------------------------------------------------------------------
 */

static bool push(struct quick *q, const struct ks_node *node)
{
    if (node)
        *ks_vec_add(q->scratch, &q->pending) = node;
    return node;
}

static bool has_duplicates(struct quick *q, const struct ks_pair *pairs, size_t n)
{
    struct ks_index index = {.arena = q->scratch};

    for (size_t i = 0; i < n; i++) {
        const struct ks_node *k = pairs[i].key;

        if (n > SMALL_MAP && ks_index_add(&index, k->text, k->n, k))
            return true;
        for (size_t j = 0; n <= SMALL_MAP && j < i; j++)
            if (pairs[j].key->n == k->n && memcmp(pairs[j].key->text, k->text, k->n) == 0)
                return true;
    }
    return false;
}

/* What was pushed since `first` becomes the node's children. NULL: a key is given twice. */
static struct ks_node *close_node(struct quick *q, struct ks_node *node, size_t first)
{
    size_t n = q->pending.n - first;

    if (node->type == KS_NODE_SEQ) {
        node->items = ks_new_n(q->arena, const struct ks_node *, n ? n : 1);
        node->n = n;
        if (n)
            memcpy(node->items, q->pending.v + first, n * sizeof *node->items);
    } else {
        struct ks_pair *pairs = ks_new_n(q->arena, struct ks_pair, n ? n / 2 : 1);

        node->n = n / 2;
        node->pairs = pairs;
        for (size_t i = 0; i < node->n; i++)
            pairs[i] = (struct ks_pair){q->pending.v[first + 2 * i], q->pending.v[first + 2 * i + 1]};
        if (has_duplicates(q, pairs, node->n))
            return NULL;
    }
    q->pending.n = first;
    q->depth--;
    return node;
}

static struct ks_node *open_node(struct quick *q, enum ks_node_type type)
{
    return ++q->depth > QUICK_DEPTH ? NULL : new_node(q, type, here(q));
}

/* ---- flow collections -------------------------------------------------------------------------------------------
 */

static struct ks_node *flow_node(struct quick *q);

/* Blanks, newlines and comments between the parts of a flow collection. */
static bool flow_gap(struct quick *q)
{
    const char *start = q->p;

    while (q->p < q->end && *q->p == ' ')
        q->p++;
    if (q->p < q->end && *q->p == '#' && q->p > start)
        q->p = memchr(q->p, '\n', (size_t)(q->end - q->p)) ?: q->end;
    if (q->p == q->end)
        return false;
    if (*q->p != '\n')
        return true;
    q->p++;
    q->line++;
    return find_content(q) && !q->at_end;
}

static struct ks_node *flow_collection(struct quick *q)
{
    bool map = *q->p == '{';
    char closing = map ? '}' : ']';
    struct ks_node *node = open_node(q, map ? KS_NODE_MAP : KS_NODE_SEQ);
    size_t first = q->pending.n;

    if (!node)
        return NULL;
    q->p++;
    if (!flow_gap(q))
        return NULL;
    while (*q->p != closing || q->pending.n > first) { /* no ',' before the closing bracket */
        if (map && (!push(q, key(q, true)) || !flow_gap(q)))
            return NULL;
        if (!push(q, flow_node(q)) || !flow_gap(q))
            return NULL;
        if (*q->p == closing)
            break;
        if (*q->p++ != ',' || !flow_gap(q))
            return NULL;
    }
    q->p++;
    return close_node(q, node, first);
}

static struct ks_node *flow_node(struct quick *q)
{
    enum stop stop = STOP_FLOW;
    struct ks_node *node;

    if (*q->p == '[' || *q->p == '{')
        return flow_collection(q);
    if (*q->p == '"' || *q->p == '\'')
        return quoted(q);
    node = plain(q, true, &stop);
    return stop == STOP_COLON ? NULL : as_value(node); /* [a: b] is a map of one pair */
}

/* ---- blocks
 * ------------------------------------------------------------------------------------------------------ */

static struct ks_node *block(struct quick *q);
static struct ks_node *block_seq(struct quick *q, size_t indent);
static struct ks_node *block_map(struct quick *q, size_t indent);

/* A value that begins on the line of its key or dash, and is no block. */
static struct ks_node *inline_value(struct quick *q, size_t indent)
{
    enum stop stop = STOP_LINE;
    struct ks_node *node;
    char c = peek(q, 0);

    if (c == '|') {
        node = literal(q, indent);
    } else {
        node = c == '[' || c == '{'    ? flow_collection(q)
               : c == '"' || c == '\'' ? quoted(q)
                                       : as_value(plain(q, false, &stop));
        if (!node || stop == STOP_COLON || !end_line(q))
            return NULL;
    }
    return node && !hangs(q, indent) ? node : NULL;
}

static struct ks_node *map_value(struct quick *q, size_t indent)
{
    struct ks_loc behind_colon = here(q);
    struct ks_node *nothing;
    const char *p = q->p;

    while (p < q->end && *p == ' ')
        p++;
    if (p < q->end && *p != '\n' && *p != '#') {
        q->p = p;
        return inline_value(q, indent);
    }
    if (!end_line(q))
        return NULL;
    if (hangs(q, indent))
        return block(q);
    if (at_dash(q) && q->indent == indent) /* a list may stand right below its key */
        return block_seq(q, indent);
    nothing = new_node(q, KS_NODE_NULL, behind_colon);
    nothing->text = "";
    return nothing;
}

static struct ks_node *block_map(struct quick *q, size_t indent)
{
    struct ks_node *node = open_node(q, KS_NODE_MAP), *k;
    size_t first = q->pending.n;

    if (!node)
        return NULL;
    do {
        k = key(q, false);
        if (!push(q, k) || (!k->quoted && ks_streq(k->text, "<<")) || !push(q, map_value(q, indent)))
            return NULL;
    } while (!q->at_end && q->indent == indent && !at_dash(q));
    if (hangs(q, indent) || (!q->at_end && q->indent == indent)) /* deeper, or a dash where a key should be */
        return NULL;
    return close_node(q, node, first);
}

/* Whether "key: " stands at p: then a list's entry is a map. */
static bool at_key(const struct quick *q)
{
    struct quick look = *q;
    const char *newline = memchr(q->p, '\n', (size_t)(q->end - q->p)) ?: q->end;
    const char *colon = memchr(q->p, ':', (size_t)(newline - q->p));
    enum stop stop;
    char c = peek(q, 0);

    if (!colon)
        return false;
    if (c == '"' || c == '\'') {
        for (look.p++; look.p < newline && *look.p != c;)
            look.p++;
        return peek(&look, 1) == ':';
    }
    for (look.p++; look.p < newline && starts_plain(q); look.p++)
        if (plain_ends(&look, false, &stop))
            return stop == STOP_COLON;
    return false;
}

static struct ks_node *seq_entry(struct quick *q, size_t indent)
{
    const char *p = ++q->p;

    while (p < q->end && *p == ' ')
        p++;
    if (p == q->end || *p == '\n' || *p == '#')
        return end_line(q) && hangs(q, indent) ? block(q) : NULL;
    q->p = p;
    if (at_dash(q))
        return NULL;
    if (at_key(q))
        return block_map(q, (size_t)(q->p - q->line_start));
    return inline_value(q, indent);
}

static struct ks_node *block_seq(struct quick *q, size_t indent)
{
    struct ks_node *node = open_node(q, KS_NODE_SEQ);
    size_t first = q->pending.n;

    if (!node)
        return NULL;
    do
        if (!push(q, seq_entry(q, indent)))
            return NULL;
    while (at_dash(q) && q->indent == indent);
    return hangs(q, indent) ? NULL : close_node(q, node, first);
}

/* The block that the content line at p begins. */
static struct ks_node *block(struct quick *q)
{
    return at_dash(q) ? block_seq(q, q->indent) : block_map(q, q->indent);
}

const struct ks_node *ks_yaml_quick(struct ks_arena *arena, const char *file, const char *text, size_t len)
{
    ks_auto(ks_arena_freep) struct ks_arena *scratch = ks_arena_new();
    struct ks_arena *own = ks_arena_new();
    struct quick q = {.arena = own, .scratch = scratch, .file = file, .text = text, .p = text, .end = text + len};
    const struct ks_node *root = NULL;

    q.line = 1;
    q.copy = ks_arena_alloc(own, len + 1);
    if (len)
        memcpy(q.copy, text, len);
    if (len >= 4 && memcmp(text, "---\n", 4) == 0) {
        q.p += 4;
        q.line++;
    }
    if (find_content(&q) && !q.at_end && q.indent == 0)
        root = block(&q);
    if (!root || !q.at_end || q.n_nodes > KS_YAML_MAX_NODES) {
        ks_arena_free(own);
        return NULL;
    }
    ks_arena_join(arena, own);
    return root;
}
