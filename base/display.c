/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts from outside on a terminal and in a picture: what is shown of them, and how much room it takes. */
#include "base/base.h"

struct range {
    uint32_t first, last;
};

/* Unicode's East Asian Width W and F, by block; https://www.unicode.org/reports/tr11/ */
static const struct range wide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23ec},   {0x25fd, 0x25fe},
    {0x2614, 0x2615},   {0x26a1, 0x26a1},   {0x2705, 0x2705},   {0x2728, 0x2728},   {0x274c, 0x274c},
    {0x2753, 0x2755},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xa960, 0xa97c},   {0xac00, 0xd7a3},
    {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x16fe0, 0x18aff},
    {0x1b000, 0x1b2ff}, {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f19a}, {0x1f200, 0x1f320},
    {0x1f32d, 0x1f5ff}, {0x1f600, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f7e0, 0x1f7eb}, {0x1f900, 0x1f9ff},
    {0x1fa70, 0x1faff}, {0x20000, 0x3fffd},
};
/* Marks that stand on the character before them, of the scripts that names are likely to be in. */
static const struct range combining[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a}, {0x064b, 0x065f},   {0x0900, 0x0902},
    {0x093c, 0x093c}, {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff},   {0x1dc0, 0x1dff},
    {0x20d0, 0x20f0}, {0x3099, 0x309a}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xe0100, 0xe01ef},
};
/* What changes what stands beside it, or is not seen: controls, directions, joiners, separators, tags. */
static const struct range unseen[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},       {0xad, 0xad},       {0x034f, 0x034f},   {0x061c, 0x061c},
    {0x115f, 0x1160}, {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},
    {0x2060, 0x206f}, {0x3164, 0x3164},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb},
    {0xfffe, 0xffff}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe00ff},
};

static bool in(const struct range *ranges, size_t n, uint32_t c)
{
    for (size_t i = 0; i < n; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}
#define IN(ranges, c) in((ranges), KS_COUNT(ranges), (c))

enum { SEQUENCE_MAX = 4 }; /* bytes of UTF-8; a text's end ends a sequence, too */

static void escape(struct ks_text *out, uint32_t c)
{
    if (c == '\n' || c == '\t')
        ks_text_add(out, c == '\n' ? "\\n" : "\\t");
    else
        ks_text_addf(out, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)c);
}

static bool is_plain(const char *text)
{
    uint32_t c;

    for (size_t n; *text; text += n) {
        n = ks_utf8_next(text, SEQUENCE_MAX, &c);
        if (n == 0 || IN(unseen, c))
            return false;
    }
    return true;
}

const char *ks_display(struct ks_arena *arena, const char *text)
{
    struct ks_text out = {.arena = arena};
    uint32_t c = 0;

    if (!text || is_plain(text))
        return text;
    for (size_t n; *text; text += n) {
        n = ks_utf8_next(text, SEQUENCE_MAX, &c);
        if (n > 0 && !IN(unseen, c)) {
            ks_text_addn(&out, text, n);
            continue;
        }
        escape(&out, n > 0 ? c : (unsigned char)*text);
        n = n > 0 ? n : 1;
    }
    return ks_text_str(&out);
}

static size_t columns_of(uint32_t c)
{
    return IN(combining, c) ? 0 : IN(wide, c) ? 2 : 1;
}

size_t ks_columns_fit(const char *text, size_t columns)
{
    size_t at = 0, taken = 0;
    uint32_t c = 0;

    while (text[at]) {
        const size_t n = ks_utf8_next(text + at, SEQUENCE_MAX, &c);
        const size_t more = n > 0 ? columns_of(c) : 1;
        if (taken + more > columns)
            break;
        taken += more;
        at += n > 0 ? n : 1;
    }
    return at;
}

size_t ks_columns(const char *text)
{
    size_t taken = 0;
    uint32_t c = 0;

    for (size_t n; *text; text += n) {
        n = ks_utf8_next(text, SEQUENCE_MAX, &c);
        taken += n > 0 ? columns_of(c) : 1;
        n = n > 0 ? n : 1;
    }
    return taken;
}
