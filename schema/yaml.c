/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * YAML text to a tree. libyaml stops at the first syntax error; we say what it means, blank the lines that hold it,
 * and read again, so that one run shows every error of a file. Lines and columns stay what they are in the file.
 */
#include "schema/yaml_private.h"

enum { ATTEMPTS = 24 }; /* syntax errors looked for in one file */

/* ---- what libyaml's words mean to who wrote the file ----------------------------------------------------------
 */

struct explained {
    struct ks_loc at;
    const char *msg, *hint;
    uint32_t line; /* that is to blame, and is blanked */
    bool alone;    /* what hangs below it is not */
};

struct rule {
    const char *problem, *context; /* words of libyaml's texts; context NULL: any */
    bool at_context;               /* the fault is where the construct began */
    const char *msg, *hint;        /* %u in msg: the line where the construct began */
};

static const struct rule rules[] = {
    {"found a tab character", NULL, false, "a tab cannot indent YAML", "use blanks"},
    {"did not find expected alphabetic or numeric character", NULL, true,
     "a value that begins with '*' or '&' is an alias or an anchor, and needs a name", "put the text in quotes"},
    {"could not find expected ':'", NULL, true, "':' is missing behind this key", NULL},
    {"found unexpected end of stream", "quoted scalar", true, "the quote that opens here is never closed", NULL},
    {"found unexpected document indicator", "quoted scalar", true, "the quote that opens here is never closed",
     NULL},
    {"found unknown escape character", NULL, false, "no such escape in a double-quoted text",
     "in 'single quotes' a backslash stands for itself"},
    {"did not find expected hexdecimal number", NULL, false, "the escape needs hexadecimal digits",
     "in 'single quotes' a backslash stands for itself"},
    {"mapping values are not allowed", NULL, false, "a ':' cannot stand here",
     "put the value in quotes, or is ':' missing behind the key on the line before?"},
    {"block sequence entries are not allowed", NULL, false, "a list cannot begin here",
     "begin it on a line of its own, or put the value in quotes"},
    {"mapping keys are not allowed", NULL, false, "a map cannot begin here", "begin it on a line of its own"},
    {"did not find expected key", "block mapping", false,
     "this is no key of the map that begins on line %u: its keys stand in the same column", NULL},
    {"did not find expected '-' indicator", NULL, false,
     "this is no entry of the list that begins on line %u: its '-' stand in the same column", NULL},
    {"did not find expected ',' or ']'", NULL, true, "the list that '[' opens here is not closed by ']'",
     "or a ',' is missing between two values"},
    {"did not find expected ',' or '}'", NULL, true, "the map that '{' opens here is not closed by '}'",
     "or a ',' is missing between two values"},
    {"did not find expected node content", NULL, false, "a value is missing here", NULL},
    {"did not find expected comment or line break", NULL, false, "this cannot stand behind what is before it",
     "behind '|' and '>' only digits, '+' and '-' may follow on their line"},
    {"found undefined tag handle", NULL, false, "unknown tag", "put a text that begins with '!' in quotes"},
    {"did not find expected <document start>", NULL, false, "this stands outside of the map that the file is",
     "its keys stand in the first column"},
    {"found incompatible YAML document", NULL, false, "a YAML version that is not 1.1 or 1.2", NULL},
};

static const struct rule *find_rule(const struct ks_yaml_stop *stop)
{
    for (size_t i = 0; i < KS_COUNT(rules); i++) {
        const struct rule *r = &rules[i];

        if (strstr(stop->problem, r->problem) &&
            (!r->context || (stop->context && strstr(stop->context, r->context))))
            return r;
    }
    return NULL;
}

static struct ks_loc place(const char *file, const yaml_mark_t *mark)
{
    return (struct ks_loc){file, (uint32_t)mark->line + 1, (uint32_t)mark->column + 1};
}

struct line {
    size_t start, end, indent; /* end: its newline, or the end of the text */
    bool empty;
};

static struct line line_at(const char *text, size_t len, size_t start)
{
    struct line l = {.start = start};
    const char *newline = start < len ? memchr(text + start, '\n', len - start) : NULL;

    l.end = newline ? (size_t)(newline - text) : len;
    while (start + l.indent < l.end && (text[start + l.indent] == ' ' || text[start + l.indent] == '\t'))
        l.indent++;
    l.empty = start + l.indent == l.end || text[start + l.indent] == '\r';
    return l;
}

static struct line find_line(const char *text, size_t len, uint32_t number)
{
    struct line l = line_at(text, len, 0);

    for (uint32_t i = 1; i < number && l.end < len; i++)
        l = line_at(text, len, l.end + 1);
    return l;
}

/* The line before that is not empty; false when there is none. */
static bool line_before(const char *text, size_t len, struct line *l, uint32_t *number)
{
    while (l->start > 0) {
        size_t i = l->start - 1;

        while (i > 0 && text[i - 1] != '\n')
            i--;
        *l = line_at(text, len, i);
        (*number)--;
        if (!l->empty)
            return true;
    }
    return false;
}

/* The byte at a mark, whose column counts characters; '\n' behind the end. */
static char char_at(const char *text, size_t len, const yaml_mark_t *mark)
{
    struct line l = find_line(text, len, (uint32_t)mark->line + 1);
    size_t i = l.start;

    for (size_t column = 0; i < l.end && column < mark->column; column++)
        do
            i++;
        while (i < l.end && (text[i] & 0xc0) == 0x80);
    return i < l.end ? text[i] : '\n';
}

static void explain_character(struct ks_arena *arena, char c, struct explained *e)
{
    e->msg = c == '\t' ? "a tab cannot indent YAML" : ks_sprintf(arena, "a value cannot begin with '%c'", c);
    e->hint = c == '\t' ? "use blanks" : "put the text in quotes";
    e->alone = c == '\t';
}

/* `word` without a colon, and a map below it: libyaml takes both for one text, and minds the ':' of the second. */
static void blame_line_before(struct ks_arena *arena, const char *text, size_t len, struct explained *e)
{
    uint32_t number = e->at.line;
    struct line l = find_line(text, len, number);
    const char *colon = memchr(text + l.start, ':', l.end - l.start);

    if (!colon || (size_t)(colon - text - (ptrdiff_t)l.start) + 1 < e->at.col ||
        !line_before(text, len, &l, &number))
        return;

    const char *word = text + l.start + l.indent;
    size_t n = l.end - l.start - l.indent;

    while (n > 0 && strchr(" \r", word[n - 1]))
        n--;
    if (n == 0 || n > 64 || memchr(word, ':', n) || memchr(word, '#', n) || strchr("-[{\"'|>&*!", word[0]))
        return;
    e->at.line = e->line = number;
    e->at.col = (uint32_t)l.indent + 1;
    e->msg = ks_sprintf(arena, "':' is missing behind '%.*s'", (int)strcspn(word, " \r\n"), word);
    e->hint = NULL;
}

/* An error just behind a quoted text of several lines: its closing quote is most likely another text's opening one.
 */
static bool blame_quote(const struct ks_yaml_stop *stop)
{
    return stop->quoted_over_lines && stop->at.line == stop->quoted_end.line;
}

static struct explained explain(struct ks_arena *arena, const char *file, const char *text, size_t len,
                                const struct ks_yaml_stop *stop)
{
    const struct rule *r = find_rule(stop);
    struct explained e = {.at = place(file, r && r->at_context ? &stop->context_at : &stop->at)};

    if (blame_quote(stop)) {
        e.at = place(file, &stop->quoted_at);
        e.msg = "the quote that opens here is closed too late, if at all";
    } else if (r && strstr(r->msg, "no key of the map") && char_at(text, len, &stop->at) == ':') {
        e.msg = "a key is missing before ':'";
    } else if (r && strstr(r->msg, "%u")) {
        const char *number = strstr(r->msg, "%u");

        e.msg =
            ks_sprintf(arena, "%.*s%zu%s", (int)(number - r->msg), r->msg, stop->context_at.line + 1, number + 2);
        e.hint = r->hint;
    } else if (r) {
        e.msg = r->msg;
        e.hint = r->hint;
    } else if (ks_streq(stop->problem, "found character that cannot start any token")) {
        explain_character(arena, char_at(text, len, &stop->at), &e);
    } else {
        e.msg = ks_sprintf(arena, "%s%s%s", stop->problem, stop->context ? ", " : "",
                           stop->context ? stop->context : "");
    }
    e.line = e.at.line;
    if (strstr(stop->problem, "mapping values are not allowed"))
        blame_line_before(arena, text, len, &e);
    return e;
}

/* ---- reading on behind an error ------------------------------------------------------------------------------ */

/* A closing bracket alone: what is left of a flow collection whose first line was blanked. */
static bool only_closes(const char *text, const struct line *l)
{
    size_t i = l->start + l->indent;

    while (i < l->end && strchr("]}, \r", text[i]))
        i++;
    return i == l->end;
}

static void blank(char *text, const struct line *l)
{
    for (size_t i = l->start; i < l->end; i++)
        if (text[i] != '\r')
            text[i] = ' ';
}

/* Blanks a line and, but for `alone`, the deeper ones below it. False when there was nothing left to blank. */
static bool blank_block(char *text, size_t len, uint32_t number, bool alone)
{
    struct line first = find_line(text, len, number), l;

    if (first.empty && !line_before(text, len, &first, &number)) /* at the end: what is open there is above it */
        return false;
    blank(text, &first);
    for (l = first; !alone && l.end < len;) {
        l = line_at(text, len, l.end + 1);
        if (!l.empty && l.indent <= first.indent)
            break;
        blank(text, &l);
    }
    return true;
}

struct progress {
    struct ks_findings *f;
    const char *file;
    char *copy; /* the text with what was wrong blanked; NULL before the first error */
    size_t n, cap;
    struct explained *v;
    const char *last_problem;
    uint32_t last_line;
};

/* The same complaint on the lines right below one is its consequence, unless it names where it begins. */
static bool follows_from_last(const struct progress *p, size_t len, const struct ks_yaml_stop *stop,
                              const struct explained *e)
{
    struct line l = find_line(p->copy, len, e->line);
    const struct rule *r = find_rule(stop);
    bool again = p->last_problem == stop->problem && r && !r->at_context;

    return p->last_problem &&
           (only_closes(p->copy, &l) || (again && e->line > p->last_line && e->line <= p->last_line + 2));
}

static bool prepare_next(struct progress *p, const char *text, size_t len, const struct ks_yaml_stop *stop)
{
    struct explained e = explain(p->f->arena, p->file, text, len, stop);

    if (!p->copy)
        p->copy = ks_strndup(p->f->arena, text, len);
    if (!follows_from_last(p, len, stop, &e))
        *ks_vec_add(p->f->arena, p) = e;
    p->last_problem = stop->problem;
    p->last_line = e.line;
    return blank_block(p->copy, len, e.line, e.alone);
}

/* What an attempt that failed found is found again by the next. */
static void forget(struct ks_findings *f, const struct ks_findings *before)
{
    f->n = before->n;
    f->n_errors = before->n_errors;
    f->n_omitted = before->n_omitted;
}

static const struct ks_node *parse_clean(struct ks_findings *f, const char *file, const char *text, size_t len)
{
    struct progress p = {.f = f, .file = file};
    struct ks_findings before = *f;
    const struct ks_node *root = NULL;
    struct ks_yaml_stop stop;

    for (unsigned i = 0; i < ATTEMPTS; i++) {
        const char *now = p.copy ? p.copy : text;

        if (ks_yaml_build(f, file, now, len, &root, &stop) == 0 || !prepare_next(&p, now, len, &stop) ||
            i + 1 == ATTEMPTS)
            break;
        forget(f, &before);
    }
    for (size_t i = 0; i < p.n; i++) {
        ks_report(f, KS_E_SYNTAX, p.v[i].at, "%s", p.v[i].msg);
        if (p.v[i].hint)
            ks_report_hint(f, "%s", p.v[i].hint);
    }
    return root;
}

const struct ks_node *ks_yaml_parse(struct ks_findings *f, const char *file, const char *text, size_t len)
{
    struct ks_loc at = {file, 1, 1};
    const char *clean;
    const struct ks_node *quick;

    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark is no part of the first line */
        text += 3;
        len -= 3;
    }
    ks_findings_add_source(f, file, text, len);
    if (len > KS_YAML_MAX_BYTES) {
        ks_report(f, KS_E_INVALID, at, "the file is larger than %d MiB", KS_YAML_MAX_BYTES >> 20);
        return NULL;
    }
    clean = ks_yaml_clean(f, file, text, len);
    quick = clean == text ? ks_yaml_quick(f->arena, file, text, len) : NULL;
    if (quick)
        return quick;
    return clean ? parse_clean(f, file, clean, len) : NULL;
}
