/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strings in arenas, texts that grow, comparisons of names, and the hash. */
#include "base/base.h"

#include <ctype.h>

char *ks_strdup(struct ks_arena *arena, const char *text)
{
    if (!text)
        return NULL;

    size_t size = strlen(text) + 1;

    return memcpy(ks_arena_alloc(arena, size), text, size);
}

char *ks_strndup(struct ks_arena *arena, const char *text, size_t n)
{
    if (!text)
        return NULL;

    size_t len = strnlen(text, n);

    return memcpy(ks_arena_alloc(arena, len + 1), text, len); /* the arena's zero ends it */
}

char *ks_vsprintf(struct ks_arena *arena, const char *fmt, va_list args)
{
    char small[256];
    va_list again;

    va_copy(again, args);

    int n = vsnprintf(small, sizeof small, fmt, args);

    if (n < 0)
        abort(); /* a wrong format, or out of memory */

    size_t size = (size_t)n + 1;
    char *text = ks_arena_alloc(arena, size);

    if (size <= sizeof small)
        memcpy(text, small, size);
    else
        (void)vsnprintf(text, size, fmt, again);
    va_end(again);
    return text;
}

char *ks_sprintf(struct ks_arena *arena, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);

    char *text = ks_vsprintf(arena, fmt, args);

    va_end(args);
    return text;
}

/* ---- texts that grow -------------------------------------------------------------------------------------- */

/* Room for `more` bytes and the NUL. */
static void text_reserve(struct ks_text *t, size_t more)
{
    size_t need;

    if (__builtin_add_overflow(t->n, more + 1, &need))
        abort();
    if (need <= t->cap)
        return;

    size_t cap = t->cap ? t->cap : 128;

    while (cap < need)
        if (__builtin_mul_overflow(cap, 2, &cap))
            abort();

    char *grown = ks_arena_alloc(t->arena, cap);

    if (t->n)
        memcpy(grown, t->buf, t->n);
    t->buf = grown;
    t->cap = cap;
}

void ks_text_addn(struct ks_text *t, const char *text, size_t n)
{
    text_reserve(t, n);
    if (n)
        memcpy(t->buf + t->n, text, n);
    t->n += n;
    t->buf[t->n] = '\0';
}

void ks_text_add(struct ks_text *t, const char *text)
{
    ks_text_addn(t, text, strlen(text));
}

void ks_text_addf(struct ks_text *t, const char *fmt, ...)
{
    va_list args, again;

    va_start(args, fmt);
    va_copy(again, args);
    text_reserve(t, 0);

    int n = vsnprintf(t->buf + t->n, t->cap - t->n, fmt, args);

    if (n < 0)
        abort();
    if ((size_t)n >= t->cap - t->n) {
        text_reserve(t, (size_t)n);
        (void)vsnprintf(t->buf + t->n, t->cap - t->n, fmt, again);
    }
    t->n += (size_t)n;
    va_end(again);
    va_end(args);
}

const char *ks_text_str(const struct ks_text *t)
{
    return t->buf ? t->buf : "";
}

/* ---- names ------------------------------------------------------------------------------------------------ */

enum { NEAREST_LEN = 64 }; /* longer words are no misspelt keys */

/* As far as likeness goes, case does not count, nor which of the two dashes was typed. */
static int fold(char c)
{
    return c == '_' ? '-' : tolower((unsigned char)c);
}

static unsigned min_of(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements, and swaps of neighbours (optimal string alignment). */
static unsigned distance(const char *a, size_t na, const char *b, size_t nb)
{
    unsigned rows[3][NEAREST_LEN + 1];
    unsigned *before = rows[0], *above = rows[1], *row = rows[2];

    for (unsigned j = 0; j <= nb; j++)
        above[j] = before[j] = j;
    for (unsigned i = 1; i <= na; i++) {
        row[0] = i;
        for (unsigned j = 1; j <= nb; j++) {
            bool equal = fold(a[i - 1]) == fold(b[j - 1]);

            row[j] = min_of(min_of(above[j] + 1, row[j - 1] + 1), above[j - 1] + !equal);
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1]))
                row[j] = min_of(row[j], before[j - 2] + 1);
        }

        unsigned *reuse = before;

        before = above;
        above = row;
        row = reuse;
    }
    return above[nb];
}

const char *ks_nearest(const char *word, const char *const *words, size_t n)
{
    size_t len = strlen(word);
    const char *best = NULL;
    unsigned best_distance = NEAREST_LEN;

    if (len == 0 || len > NEAREST_LEN)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t other = words[i] ? strlen(words[i]) : 0;

        if (other == 0 || other > NEAREST_LEN)
            continue;

        unsigned d = distance(word, len, words[i], other);

        if (d < best_distance && (size_t)d * 3 <= (len > other ? len : other)) {
            best = words[i];
            best_distance = d;
        }
    }
    return best;
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Compares the numbers that both begin with, and steps over them. */
static int compare_numbers(const char **a, const char **b)
{
    while (**a == '0')
        ++*a;
    while (**b == '0')
        ++*b;

    /* The longer one is the larger one; of two that are as long, the first digit that differs says it. */
    int order = 0;

    for (; digit(**a) && digit(**b); ++*a, ++*b)
        if (!order)
            order = **a - **b;
    return digit(**a) ? 1 : digit(**b) ? -1 : order;
}

int ks_strcmp_natural(const char *a, const char *b)
{
    const char *x = a, *y = b;

    while (*x || *y) {
        if (digit(*x) && digit(*y)) {
            int order = compare_numbers(&x, &y);

            if (order)
                return order;
        } else if (*x != *y) {
            return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
        } else {
            x++;
            y++;
        }
    }
    return strcmp(a, b);
}

int ks_parse_u64(const char *text, uint64_t *ret)
{
    uint64_t value = 0;

    if (!digit(*text))
        return -1;
    for (; digit(*text); text++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (unsigned)(*text - '0'), &value))
            return -1;
    if (*text)
        return -1;
    *ret = value;
    return 0;
}

uint64_t ks_hash(uint64_t hash, const void *data, size_t n)
{
    const unsigned char *p = data;

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Eight bytes at a step; the shift brings the high bits, where a product mixes best, down to the low ones. */
uint64_t ks_hash_long(uint64_t hash, const void *data, size_t n)
{
    const unsigned char *p = data;
    uint64_t word;

    for (; n >= sizeof word; n -= sizeof word, p += sizeof word) {
        memcpy(&word, p, sizeof word);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return ks_hash(hash, p, n);
}

size_t ks_utf8_next(const char *text, size_t left, uint32_t *ret)
{
    const unsigned char *p = (const unsigned char *)text;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = *p < 0x80                 ? 1
               : *p >= 0xf0 && *p < 0xf8 ? 4
               : *p >= 0xe0 && *p < 0xf0 ? 3
               : *p >= 0xc0 && *p < 0xe0 ? 2
                                         : 0;

    if (n == 0 || n > left)
        return 0;

    uint32_t c = n == 1 ? *p : *p & (0x7fU >> n);

    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3fU);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    *ret = c;
    return n;
}
