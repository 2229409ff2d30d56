/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything wrong with an input, collected in one run, and printed with the line that it is about. */
#include "base/base.h"

enum { LINE_SHOWN = 100 }; /* characters of a source line that are printed at most */

static void add(struct ks_findings *f, enum ks_severity severity, enum ks_code code, struct ks_loc at,
                const char *msg)
{
    if (severity == KS_ERROR)
        f->n_errors++;
    if (f->n >= KS_FINDINGS_MAX) {
        f->n_omitted++;
        return;
    }
    *ks_vec_add(f->arena, f) = (struct ks_finding){severity, code, at, msg, NULL};
}

int ks_report(struct ks_findings *f, enum ks_code code, struct ks_loc at, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    add(f, KS_ERROR, code, at, ks_vsprintf(f->arena, fmt, args));
    va_end(args);
    return -1;
}

void ks_report_warning(struct ks_findings *f, enum ks_code code, struct ks_loc at, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    add(f, KS_WARNING, code, at, ks_vsprintf(f->arena, fmt, args));
    va_end(args);
}

void ks_report_hint(struct ks_findings *f, const char *fmt, ...)
{
    va_list args;

    if (f->n == 0 || f->n_omitted > 0) /* what was added last was not kept */
        return;
    va_start(args, fmt);
    f->v[f->n - 1].hint = ks_vsprintf(f->arena, fmt, args);
    va_end(args);
}

int ks_report_error(struct ks_findings *f, struct ks_error *err)
{
    add(f, KS_ERROR, err->code, err->at, ks_error_text(f->arena, err));
    ks_error_done(err);
    return -1;
}

void ks_findings_add_source(struct ks_findings *f, const char *file, const char *text, size_t len)
{
    *ks_vec_add(f->arena, &f->sources) = (struct ks_source){file, text, len};
}

void ks_findings_join(struct ks_findings *into, struct ks_findings *from)
{
    const size_t n_errors = into->n_errors + from->n_errors; /* of those, too, that were not kept */

    for (size_t i = 0; i < from->n; i++) {
        add(into, from->v[i].severity, from->v[i].code, from->v[i].at, from->v[i].msg);
        if (from->v[i].hint && into->n_omitted == 0)
            into->v[into->n - 1].hint = from->v[i].hint;
    }
    into->n_errors = n_errors;
    into->n_omitted += from->n_omitted;
    for (size_t i = 0; i < from->sources.n; i++)
        *ks_vec_add(into->arena, &into->sources) = from->sources.v[i];
    ks_arena_join(into->arena, from->arena);
    *from = (struct ks_findings){0};
}

/* ---- order ------------------------------------------------------------------------------------------------ */

static int compare_u32(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int compare_at(const struct ks_loc *a, const struct ks_loc *b)
{
    if (!a->file != !b->file)
        return a->file ? 1 : -1;

    int files = a->file ? strcmp(a->file, b->file) : 0;

    if (files)
        return files;
    return a->line != b->line ? compare_u32(a->line, b->line) : compare_u32(a->col, b->col);
}

static bool same(const struct ks_finding *a, const struct ks_finding *b)
{
    return a->severity == b->severity && a->code == b->code && compare_at(&a->at, &b->at) == 0 &&
           ks_streq(a->msg, b->msg) && ks_streq(a->hint, b->hint);
}

static bool repeated(const struct ks_finding *v, size_t n, const struct ks_finding *one)
{
    for (size_t i = n; i > 0 && compare_at(&v[i - 1].at, &one->at) == 0; i--)
        if (same(&v[i - 1], one))
            return true;
    return false;
}

void ks_findings_sort(struct ks_findings *f)
{
    /* By insertion: stable, which qsort() is not, and fast for a few hundred that are nearly in order. */
    for (size_t i = 1; i < f->n; i++) {
        struct ks_finding one = f->v[i];
        size_t j = i;

        for (; j > 0 && compare_at(&f->v[j - 1].at, &one.at) > 0; j--)
            f->v[j] = f->v[j - 1];
        f->v[j] = one;
    }

    size_t kept = 0;

    for (size_t i = 0; i < f->n; i++) {
        if (!repeated(f->v, kept, &f->v[i]))
            f->v[kept++] = f->v[i];
        else if (f->v[i].severity == KS_ERROR)
            f->n_errors--;
    }
    f->n = kept;
}

/* ---- printing --------------------------------------------------------------------------------------------- */

struct palette {
    const char *place, *error, *warning, *caret, *hint, *end;
};
static const struct palette plain = {"", "", "", "", "", ""};
static const struct palette ansi = {"\033[1m", "\033[1;31m", "\033[1;35m", "\033[1;32m", "\033[36m", "\033[0m"};

/* Characters that would move the cursor, hide text, or turn its direction: what is shown must be what is there. */
static bool unprintable(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

/* Prints one character (a tab as one blank) and returns its length in bytes. */
static size_t put_char(FILE *out, const char *p, size_t left)
{
    uint32_t c = 0;
    size_t n = ks_utf8_next(p, left, &c);

    if (*p == '\t')
        fputc(' ', out);
    else if (n == 0 || unprintable(c))
        fputc('?', out);
    else
        fwrite(p, 1, n, out);
    return n ? n : 1;
}

/* Messages quote what the user wrote: lines after the first are indented, so that none can pose as a finding. */
static void put_text(FILE *out, const char *text)
{
    size_t left = strlen(text);

    while (left) {
        size_t n = 1;

        if (*text == '\n')
            fputs("\n  ", out);
        else
            n = put_char(out, text, left);
        text += n;
        left -= n;
    }
}

static size_t count_chars(const char *text, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; n++) {
        uint32_t c;
        size_t step = ks_utf8_next(text + i, len - i, &c);

        i += step ? step : 1;
    }
    return n;
}

/* The line `at` points at, without its end; NULL when the source is not known or has no such line. */
static const char *find_line(const struct ks_findings *f, const struct ks_loc *at, size_t *ret_len)
{
    const char *p = NULL, *end = NULL;

    for (size_t i = 0; i < f->sources.n && !p; i++) {
        if (ks_streq(f->sources.v[i].file, at->file)) {
            p = f->sources.v[i].text;
            end = p + f->sources.v[i].len;
        }
    }
    if (!p || !at->file || at->line == 0)
        return NULL;
    for (uint32_t line = 1; line < at->line; line++) {
        p = memchr(p, '\n', (size_t)(end - p));
        if (!p)
            return NULL;
        p++;
    }

    const char *stop = memchr(p, '\n', (size_t)(end - p));

    if (!stop)
        stop = end;
    if (stop > p && stop[-1] == '\r')
        stop--;
    *ret_len = (size_t)(stop - p);
    return p;
}

static void print_line(FILE *out, const char *line, size_t len, size_t col, const struct palette *colors)
{
    size_t total = count_chars(line, len), first = 0, last = total;
    size_t caret = col > total ? total : col - 1;

    if (total > LINE_SHOWN) {
        first = caret > LINE_SHOWN / 2 ? caret - LINE_SHOWN / 2 : 0;
        last = first + LINE_SHOWN < total ? first + LINE_SHOWN : total;
    }
    fputs(first ? "  ..." : "  ", out);
    for (size_t i = 0, n = 0; n < last; n++) {
        uint32_t c;
        size_t step = n >= first ? put_char(out, line + i, len - i) : ks_utf8_next(line + i, len - i, &c);

        i += step ? step : 1;
    }
    fputs(last < total ? "...\n" : "\n", out);
    fprintf(out, "  %*s%s^%s\n", (int)(caret - first + (first ? 3 : 0)), "", colors->caret, colors->end);
}

static void print_place(FILE *out, const struct ks_loc *at)
{
    if (at->file)
        put_text(out, at->file);
    if (at->file && at->line)
        fprintf(out, ":%u", at->line);
    if (at->file && at->line && at->col)
        fprintf(out, ":%u", at->col);
    if (at->file)
        fputs(": ", out);
}

static void print_finding(FILE *out, const struct ks_findings *f, const struct ks_finding *one,
                          const struct palette *colors)
{
    bool error = one->severity == KS_ERROR;
    size_t len = 0;
    const char *line = find_line(f, &one->at, &len);

    fputs(colors->place, out);
    print_place(out, &one->at);
    fprintf(out, "%s%s%s:%s ", colors->end, error ? colors->error : colors->warning, error ? "error" : "warning",
            colors->end);
    put_text(out, one->msg);
    fputc('\n', out);
    if (line && one->at.col)
        print_line(out, line, len, one->at.col, colors);
    if (one->hint) {
        fprintf(out, "  %s", colors->hint);
        put_text(out, one->hint);
        fprintf(out, "%s\n", colors->end);
    }
}

void ks_findings_print(FILE *out, const struct ks_findings *f, bool color)
{
    for (size_t i = 0; i < f->n; i++)
        print_finding(out, f, &f->v[i], color ? &ansi : &plain);
    if (f->n_omitted)
        fprintf(out, "and %zu more\n", f->n_omitted);
}
