/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes, durations and rates. The unit is part of the value; nothing is rounded: what cannot be exact is refused.
 */
#include "base/base.h"

#include <ctype.h>
#include <inttypes.h>

struct unit {
    const char *name;
    uint64_t scale;
};

#define KIB UINT64_C(1024)
#define THOUSAND UINT64_C(1000)

/* In the order in which a format that is as short as another one is preferred. */
static const struct unit size_units[] = {
    {"EiB", KIB *KIB *KIB *KIB *KIB *KIB},
    {"PiB", KIB *KIB *KIB *KIB *KIB},
    {"TiB", KIB *KIB *KIB *KIB},
    {"GiB", KIB *KIB *KIB},
    {"MiB", KIB *KIB},
    {"KiB", KIB},
    {"EB", THOUSAND *THOUSAND *THOUSAND *THOUSAND *THOUSAND *THOUSAND},
    {"PB", THOUSAND *THOUSAND *THOUSAND *THOUSAND *THOUSAND},
    {"TB", THOUSAND *THOUSAND *THOUSAND *THOUSAND},
    {"GB", THOUSAND *THOUSAND *THOUSAND},
    {"MB", THOUSAND *THOUSAND},
    {"kB", THOUSAND},
    {"B", 1},
    {"KB", THOUSAND}, /* read, as libvirt writes it; "kB" is printed, being before it */
};

static const struct unit bitrate_units[] = {
    {"Tbit", THOUSAND *THOUSAND *THOUSAND *THOUSAND},
    {"Gbit", THOUSAND *THOUSAND *THOUSAND},
    {"Mbit", THOUSAND *THOUSAND},
    {"kbit", THOUSAND},
    {"bit", 1},
};

/* From large to small: the order in which a sum is written. */
static const struct unit duration_units[] = {
    {"d", 24 * 60 * 60 * 1000}, {"h", 60 * 60 * 1000}, {"m", 60 * 1000}, {"s", 1000}, {"ms", 1},
};

struct family {
    const struct unit *units;
    size_t n_units;
    const char *suffix;
    bool any_case;
    const char *zero;
    const char *wants, *whole, *limit; /* what is said of a wrong text, a fraction of the smallest, an overflow */
};
static const struct family sizes = {
    .units = size_units,
    .n_units = KS_COUNT(size_units),
    .suffix = "",
    .zero = "0",
    .wants = "a size with its unit, such as 512MiB, 4GiB or 10GB",
    .whole = "a size of whole bytes",
    .limit = "a size below 16EiB",
};
static const struct family bitrates = {
    .units = bitrate_units,
    .n_units = KS_COUNT(bitrate_units),
    .suffix = "",
    .any_case = true, /* as tc(8) and ip-link(8) read them */
    .zero = "0Mbit",
    .wants = "a rate with its unit, such as 100Mbit or 1Gbit",
    .whole = "a rate of whole bits per second",
    .limit = "a rate below 2^64 bits per second",
};
static const struct family byterates = {
    .units = size_units,
    .n_units = KS_COUNT(size_units),
    .suffix = "/s",
    .zero = "0kB/s",
    .wants = "a rate with its unit, such as 100kB/s or 1MB/s",
    .whole = "a rate of whole bytes per second",
    .limit = "a rate below 16EiB/s",
};

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- a number and its unit -------------------------------------------------------------------------------- */

enum { FRACTION_DIGITS = 18 }; /* 10^18 units of 2^60 fit into 128 bits */

/* whole.fraction, where fraction counts the 10^-n_fraction-ths. */
struct decimal {
    uint64_t whole, fraction;
    unsigned n_fraction;
    bool overflow, too_fine;
};

/* Reads what it can and returns where it ended; NULL when there are no digits where digits must be. */
static const char *decimal_parse(const char *p, struct decimal *ret)
{
    *ret = (struct decimal){0};
    if (!digit(*p))
        return NULL;
    for (; digit(*p); p++)
        ret->overflow |= __builtin_mul_overflow(ret->whole, 10, &ret->whole) ||
                         __builtin_add_overflow(ret->whole, (unsigned)(*p - '0'), &ret->whole);
    if (*p != '.')
        return p;
    if (!digit(*++p))
        return NULL;

    size_t n = strspn(p, "0123456789");
    const char *end = p + n;

    while (n > 0 && p[n - 1] == '0')
        n--;
    if (n > FRACTION_DIGITS) {
        ret->too_fine = true;
        return end;
    }
    for (size_t i = 0; i < n; i++)
        ret->fraction = ret->fraction * 10 + (unsigned)(p[i] - '0');
    ret->n_fraction = (unsigned)n;
    return end;
}

static uint64_t power_of_ten(unsigned n)
{
    uint64_t power = 1;

    while (n--)
        power *= 10;
    return power;
}

static const char *scale(const struct family *family, const struct decimal *number, uint64_t unit, uint64_t *ret)
{
    __extension__ unsigned __int128 fraction = number->fraction;
    uint64_t power = power_of_ten(number->n_fraction), value;

    fraction *= unit;
    if (number->too_fine || fraction % power)
        return family->whole;
    if (number->overflow || __builtin_mul_overflow(number->whole, unit, &value) ||
        __builtin_add_overflow(value, (uint64_t)(fraction / power), &value))
        return family->limit;
    *ret = value;
    return NULL;
}

static bool unit_is(const struct family *family, const char *text, const char *name)
{
    size_t n = strlen(name);

    return (family->any_case ? strncasecmp(text, name, n) : strncmp(text, name, n)) == 0 &&
           strcmp(text + n, family->suffix) == 0;
}

static const char *parse(const struct family *family, const char *text, uint64_t *ret)
{
    struct decimal number;
    const char *p = decimal_parse(text, &number);

    if (!p)
        return family->wants;
    if (strcmp(text, "0") == 0) { /* nothing is nothing in any unit */
        *ret = 0;
        return NULL;
    }
    for (size_t i = 0; i < family->n_units; i++)
        if (unit_is(family, p, family->units[i].name))
            return scale(family, &number, family->units[i].scale, ret);
    return family->wants;
}

enum { SHORT_FRACTION = 3 };

/* value / unit as an exact decimal of at least 1. */
struct exact {
    uint64_t whole, fraction;
    int digits; /* of the fraction */
};

/* false when it has none that is short. */
static bool exact_decimal(uint64_t value, uint64_t unit, struct exact *ret)
{
    uint64_t rest = value % unit;

    *ret = (struct exact){.whole = value / unit};
    for (; rest && ret->digits < SHORT_FRACTION; ret->digits++) {
        /* rest < 2^60, so that rest * 10 fits */
        ret->fraction = ret->fraction * 10 + rest * 10 / unit;
        rest = rest * 10 % unit;
    }
    return value >= unit && !rest;
}

/* How many characters it has, without the point. */
static size_t digits_of(const struct exact *number)
{
    size_t n = 1;

    for (uint64_t whole = number->whole; whole >= 10; whole /= 10)
        n++;
    return n + (size_t)number->digits;
}

/* The shortest; of two that are as short the one without a fraction, then the one whose unit comes first. */
static char *format(struct ks_arena *arena, const struct family *family, uint64_t value)
{
    struct exact best = {0};
    size_t best_cost = SIZE_MAX;
    const char *name = "";

    if (value == 0)
        return ks_strdup(arena, family->zero);
    for (size_t i = 0; i < family->n_units; i++) {
        const struct unit *unit = &family->units[i];
        struct exact number;

        if (!exact_decimal(value, unit->scale, &number))
            continue;
        /* a point is a character, and half of one more */
        size_t cost = 2 * (digits_of(&number) + strlen(unit->name)) + (number.digits ? 3 : 0);
        if (cost < best_cost) {
            best_cost = cost;
            best = number;
            name = unit->name;
        }
    }
    if (best.digits)
        return ks_sprintf(arena, "%" PRIu64 ".%0*" PRIu64 "%s%s", best.whole, best.digits, best.fraction, name,
                          family->suffix);
    return ks_sprintf(arena, "%" PRIu64 "%s%s", best.whole, name, family->suffix);
}

const char *ks_size_parse(const char *text, uint64_t *ret_bytes)
{
    return parse(&sizes, text, ret_bytes);
}

const char *ks_bitrate_parse(const char *text, uint64_t *ret_bits)
{
    return parse(&bitrates, text, ret_bits);
}

const char *ks_byterate_parse(const char *text, uint64_t *ret_bytes)
{
    return parse(&byterates, text, ret_bytes);
}

char *ks_size_format(struct ks_arena *arena, uint64_t bytes)
{
    return format(arena, &sizes, bytes);
}

char *ks_bitrate_format(struct ks_arena *arena, uint64_t bits)
{
    return format(arena, &bitrates, bits);
}

char *ks_byterate_format(struct ks_arena *arena, uint64_t bytes)
{
    return format(arena, &byterates, bytes);
}

/* ---- durations -------------------------------------------------------------------------------------------- */

/* The unit that starts at p and is smaller than those before `from`; KS_COUNT(duration_units) when there is none.
 */
static size_t duration_unit(const char *p, size_t from)
{
    size_t letters = 0;

    while (isalpha((unsigned char)p[letters]))
        letters++;
    for (; from < KS_COUNT(duration_units); from++)
        if (strlen(duration_units[from].name) == letters && strncmp(p, duration_units[from].name, letters) == 0)
            break;
    return from;
}

const char *ks_duration_parse(const char *text, uint64_t *ret_ms)
{
    static const char wants[] = "a duration with its unit, such as 250ms, 30s, 5m, 1h or 1h30m";
    uint64_t sum = 0;
    bool overflow = false;
    size_t next_unit = 0;

    if (strcmp(text, "0") == 0) {
        *ret_ms = 0;
        return NULL;
    }
    do {
        struct decimal number;

        text = decimal_parse(text, &number);
        if (!text || number.n_fraction || number.too_fine)
            return wants;

        size_t unit = duration_unit(text, next_unit);
        uint64_t part;

        if (unit == KS_COUNT(duration_units))
            return wants;
        overflow |= number.overflow || __builtin_mul_overflow(number.whole, duration_units[unit].scale, &part) ||
                    __builtin_add_overflow(sum, part, &sum);
        text += strlen(duration_units[unit].name);
        next_unit = unit + 1;
    } while (*text);
    if (overflow)
        return "a duration below 2^64 milliseconds";
    *ret_ms = sum;
    return NULL;
}

char *ks_duration_format(struct ks_arena *arena, uint64_t ms)
{
    struct ks_text text = {.arena = arena};

    if (ms == 0)
        return ks_strdup(arena, "0s");
    for (size_t i = 0; i < KS_COUNT(duration_units); i++) {
        uint64_t n = ms / duration_units[i].scale;

        if (n)
            ks_text_addf(&text, "%llu%s", (unsigned long long)n, duration_units[i].name);
        ms %= duration_units[i].scale;
    }
    return text.buf;
}
