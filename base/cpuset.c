/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of small numbers, in the syntax of libvirt's cpuset attribute and of the kernel's lists. */
#include "base/base.h"

enum { WORD_BITS = 64, MAX_WORDS = KS_CPUSET_MAX / WORD_BITS };

static uint64_t bit(unsigned i)
{
    return UINT64_C(1) << (i % WORD_BITS);
}

/* Word w, also of a set that is shorter. */
static uint64_t word(const struct ks_cpuset *set, size_t w)
{
    return w < set->n_words ? set->words[w] : 0;
}

static const char *skip_blanks(const char *p)
{
    while (*p == ' ' || *p == '\t' || *p == '\n')
        p++;
    return p;
}

static const char *wants = "a set of numbers, such as 0-3,8 or 0-7,^2";

/* One number and the blanks around it; NULL in *p when there is none. */
static const char *number_parse(const char **p, unsigned *ret)
{
    unsigned value = 0;

    *p = skip_blanks(*p);
    if (**p < '0' || **p > '9')
        return wants;
    for (; **p >= '0' && **p <= '9'; ++*p) {
        value = value * 10 + (unsigned)(**p - '0');
        if (value >= KS_CPUSET_MAX)
            return "numbers below 8192";
    }
    *p = skip_blanks(*p);
    *ret = value;
    return NULL;
}
_Static_assert(KS_CPUSET_MAX == 8192, "the text above names it");

/* "3", "0-3" or "^2" into `words`, of which *n are used. libvirt takes no range behind '^', and neither does this.
 */
static const char *item_parse(const char **p, uint64_t words[MAX_WORDS], size_t *n)
{
    unsigned first, last;
    bool exclude = **p == '^';

    if (exclude)
        ++*p;

    const char *wrong = number_parse(p, &first);

    if (wrong)
        return wrong;
    last = first;
    if (**p == '-') {
        if (exclude)
            return "one number after '^': each number that is excluded has its own";
        ++*p;
        wrong = number_parse(p, &last);
        if (wrong)
            return wrong;
        if (last < first)
            return "a range from the lower number to the higher one";
    }
    for (unsigned i = first; i <= last; i++) {
        if (exclude)
            words[i / WORD_BITS] &= ~bit(i);
        else
            words[i / WORD_BITS] |= bit(i);
    }
    if (*n <= last / WORD_BITS)
        *n = last / WORD_BITS + 1;
    return NULL;
}

const char *ks_cpuset_parse(struct ks_arena *arena, const char *text, struct ks_cpuset *ret)
{
    uint64_t words[MAX_WORDS] = {0};
    const char *p = skip_blanks(text);
    size_t n = 0;

    while (*p) {
        const char *wrong = item_parse(&p, words, &n);

        if (wrong)
            return wrong;
        if (*p == ',') {
            p = skip_blanks(p + 1);
            if (!*p)
                return wants; /* a list that ends in a comma */
        } else if (*p) {
            return wants;
        }
    }
    while (n > 0 && words[n - 1] == 0)
        n--;
    *ret = (struct ks_cpuset){.n_words = n};
    if (n) {
        ret->words = ks_new_n(arena, uint64_t, n);
        memcpy(ret->words, words, n * sizeof *words);
    }
    return NULL;
}

char *ks_cpuset_format(struct ks_arena *arena, const struct ks_cpuset *set)
{
    struct ks_text text = {.arena = arena};

    for (int first = ks_cpuset_next(set, 0), last; first >= 0; first = ks_cpuset_next(set, (unsigned)last + 1)) {
        for (last = first; ks_cpuset_has(set, (unsigned)last + 1); last++)
            ;
        if (text.n)
            ks_text_add(&text, ",");
        if (last == first)
            ks_text_addf(&text, "%d", first);
        else
            ks_text_addf(&text, "%d-%d", first, last);
    }
    return text.buf ? text.buf : ks_strdup(arena, "");
}

bool ks_cpuset_has(const struct ks_cpuset *set, unsigned i)
{
    return (word(set, i / WORD_BITS) & bit(i)) != 0;
}

void ks_cpuset_add(struct ks_arena *arena, struct ks_cpuset *set, unsigned i)
{
    size_t w = i / WORD_BITS;

    if (i >= KS_CPUSET_MAX)
        abort();
    if (w >= set->n_words) {
        uint64_t *words = ks_new_n(arena, uint64_t, w + 1);

        if (set->n_words)
            memcpy(words, set->words, set->n_words * sizeof *words);
        set->words = words;
        set->n_words = w + 1;
    }
    set->words[w] |= bit(i);
}

bool ks_cpuset_equal(const struct ks_cpuset *a, const struct ks_cpuset *b)
{
    size_t n = a->n_words > b->n_words ? a->n_words : b->n_words;

    for (size_t w = 0; w < n; w++)
        if (word(a, w) != word(b, w))
            return false;
    return true;
}

bool ks_cpuset_subset(const struct ks_cpuset *inner, const struct ks_cpuset *outer)
{
    for (size_t w = 0; w < inner->n_words; w++)
        if (inner->words[w] & ~word(outer, w))
            return false;
    return true;
}

bool ks_cpuset_overlap(const struct ks_cpuset *a, const struct ks_cpuset *b)
{
    for (size_t w = 0; w < a->n_words; w++)
        if (a->words[w] & word(b, w))
            return true;
    return false;
}

unsigned ks_cpuset_count(const struct ks_cpuset *set)
{
    unsigned n = 0;

    for (size_t w = 0; w < set->n_words; w++)
        n += (unsigned)__builtin_popcountll(set->words[w]);
    return n;
}

int ks_cpuset_next(const struct ks_cpuset *set, unsigned from)
{
    uint64_t mask = ~UINT64_C(0) << (from % WORD_BITS);

    for (size_t w = from / WORD_BITS; w < set->n_words; w++) {
        uint64_t rest = set->words[w] & mask;

        if (rest)
            return (int)(w * WORD_BITS) + __builtin_ctzll(rest);
        mask = ~UINT64_C(0);
    }
    return -1;
}
