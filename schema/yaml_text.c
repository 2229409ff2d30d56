/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bytes of a YAML file: UTF-8, and the characters that may stand in it. */
#include "schema/yaml_private.h"

enum { BAD_BYTES_SHOWN = 20 };

struct scan {
    struct ks_findings *f;
    const char *file, *text;
    size_t len;
    char *copy; /* made when the first bad byte is seen */
    uint32_t line, col;
    size_t shown;
};

/* YAML 1.2, 5.1 "Character Set", without the line breaks of YAML 1.1: no editor counts lines by them. */
static const char *refused(uint32_t c, bool newline_next)
{
    if (c == 0)
        return "a NUL byte";
    if (c == '\r')
        return newline_next ? NULL : "a carriage return without a newline";
    if (c == '\n' || c == '\t')
        return NULL;
    if (c == 0x85 || c == 0x2028 || c == 0x2029)
        return "a Unicode line separator";
    if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xfffe || c == 0xffff)
        return "a control character";
    return NULL;
}

static void replace(struct scan *s, size_t i, size_t n, const char *what)
{
    if (!s->copy) {
        s->copy = ks_arena_alloc(s->f->arena, s->len + 1);
        memcpy(s->copy, s->text, s->len); /* NUL bytes too */
    }
    memcpy(s->copy + i, n == 1 ? "_" : n == 2 ? "\xc2\xbf" : "\xef\xbf\xbd", n); /* as many bytes, one column */
    if (s->shown++ >= BAD_BYTES_SHOWN)
        return;

    struct ks_loc at = {s->file, s->line, s->col};
    unsigned char byte = (unsigned char)s->text[i];

    if (!what)
        ks_report(s->f, KS_E_SYNTAX, at, "byte 0x%02x is not UTF-8", byte);
    else
        ks_report(s->f, KS_E_SYNTAX, at, "%s cannot stand in YAML", what);
}

static void scan_text(struct scan *s)
{
    const unsigned char *p = (const unsigned char *)s->text;

    for (size_t i = 0; i < s->len;) {
        uint32_t c = p[i];
        size_t n = c >= 0x20 && c < 0x7f ? 1 : ks_utf8_next((const char *)p + i, s->len - i, &c);

        if (n == 0)
            replace(s, i, 1, NULL);
        else if (c < 0x20 || c >= 0x7f) {
            const char *what = refused(c, i + 1 < s->len && p[i + 1] == '\n');

            if (what)
                replace(s, i, n, what);
        }
        s->col++;
        if (c == '\n') {
            s->line++;
            s->col = 1;
        }
        i += n ? n : 1;
    }
}

const char *ks_yaml_clean(struct ks_findings *f, const char *file, const char *text, size_t len)
{
    struct scan s = {.f = f, .file = file, .text = text, .len = len, .line = 1, .col = 1};

    if (len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0)) {
        ks_report(f, KS_E_SYNTAX, (struct ks_loc){file, 1, 1}, "the file is UTF-16: save it as UTF-8");
        return NULL;
    }
    scan_text(&s);
    if (s.shown > BAD_BYTES_SHOWN)
        ks_report(f, KS_E_SYNTAX, (struct ks_loc){file, s.line, s.col},
                  "%zu more bytes like these: is this a text file?", s.shown - BAD_BYTES_SHOWN);
    return s.copy ? s.copy : text;
}
