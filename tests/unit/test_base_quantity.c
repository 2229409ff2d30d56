/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/base.h"

#include <setjmp.h>

#include <cmocka.h>
typedef const char *parser(const char *text, uint64_t *ret);
typedef char *formatter(struct ks_arena *arena, uint64_t value);

static const struct kind {
    const char *name;
    parser *parse;
    formatter *format;
    const char *units[14];
    size_t n_units;
} kinds[] = {
    {"size",
     ks_size_parse,
     ks_size_format,
     {"B", "kB", "KB", "KiB", "MB", "MiB", "GB", "GiB", "TB", "TiB", "PB", "PiB", "EB", "EiB"},
     14},
    {"duration", ks_duration_parse, ks_duration_format, {"ms", "s", "m", "h", "d"}, 5},
    {"bitrate", ks_bitrate_parse, ks_bitrate_format, {"bit", "kbit", "Mbit", "Gbit", "Tbit"}, 5},
    {"byterate", ks_byterate_parse, ks_byterate_format, {"B/s", "kB/s", "KiB/s", "MB/s", "MiB/s", "GB/s"}, 6},
};

static struct ks_arena *arena;
static uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);

static uint64_t next_random(void) /* xorshift64: the same numbers in every run */
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

#define EXPECT(kind, text, value) \
    do { \
        uint64_t got_ = 77; \
        const char *wrong_ = ks_##kind##_parse((text), &got_); \
        if (wrong_) \
            fail_msg("'%s': expected %s", (text), wrong_); \
        if (got_ != (uint64_t)(value)) \
            fail_msg("'%s': %llu", (text), (unsigned long long)got_); \
    } while (0)

static void sizes(void **state)
{
    (void)state;
    const uint64_t gib = UINT64_C(1) << 30;

    EXPECT(size, "4GiB", 4 * gib);
    EXPECT(size, "512MiB", gib / 2);
    EXPECT(size, "1TiB", gib * 1024);
    EXPECT(size, "10GB", UINT64_C(10000000000));
    EXPECT(size, "100B", 100);
    EXPECT(size, "64KiB", 65536);
    EXPECT(size, "1kB", 1000);
    EXPECT(size, "1KB", 1000);
    EXPECT(size, "0", 0);
    EXPECT(size, "0GiB", 0);
    EXPECT(size, "1.5GiB", gib + gib / 2);
    EXPECT(size, "0.5GiB", gib / 2);
    EXPECT(size, "1.50GiB", gib + gib / 2);
    EXPECT(size, "2.000000000000000000000000B", 2);
    EXPECT(size, "0.001kB", 1);
    EXPECT(size, "15EiB", gib * gib * 15);
}

static void other_quantities(void **state)
{
    (void)state;
    EXPECT(duration, "250ms", 250);
    EXPECT(duration, "30s", 30000);
    EXPECT(duration, "5m", 300000);
    EXPECT(duration, "1h", 3600000);
    EXPECT(duration, "1d", 86400000);
    EXPECT(duration, "1h30m", 5400000);
    EXPECT(duration, "1d1h1m1s1ms", 90061001);
    EXPECT(duration, "90s", 90000);
    EXPECT(duration, "0s", 0);
    EXPECT(duration, "0", 0);
    EXPECT(bitrate, "100Mbit", 100000000);
    EXPECT(bitrate, "1Gbit", 1000000000);
    EXPECT(bitrate, "2.5Gbit", UINT64_C(2500000000));
    EXPECT(bitrate, "500kbit", 500000);
    EXPECT(bitrate, "500mbit", 500000000);
    EXPECT(bitrate, "0Mbit", 0);
    EXPECT(bitrate, "7bit", 7);
    EXPECT(byterate, "100kB/s", 100000);
    EXPECT(byterate, "1MB/s", 1000000);
    EXPECT(byterate, "10KiB/s", 10240);
}

static void hostile_texts_are_refused(void **state)
{
    (void)state;
    static const char *const refused[][32] = {
        {"",
         " ",
         "4",
         "4 GiB",
         " 4GiB",
         "4GiB ",
         "-1GiB",
         "+1GiB",
         "4gib",
         "4G",
         "4GiBs",
         "GiB",
         "0x4B",
         "1e3B",
         "1.GiB",
         ".5GiB",
         "1..5GiB",
         "1.5.5GiB",
         "1.5B",
         "1.0001kB",
         "16EiB",
         "18446744073709551616B",
         "99999999999999999999999999EiB",
         "4GiB\n",
         "4,5GiB",
         "0.00000000000000000001EiB",
         "00",
         "1.18446744073709551616EiB",
         "4GiB/s",
         "NaN",
         "infB"},
        {"", "5", "5 m", "-5m", "5M", "5min", "m", "1m1h", "1m1m", "1h30", "1.5h", "1h-5m", "5m ",
         "18446744073709551616ms", "213503982335d", "99999999999999999999d", "213503982334d25h", "1hh",
         "1.0000000000000000000000001s"},
        {"", "1", "100", "100M", "100Mbit/s", "100Mbits", "100 Mbit", "-1Mbit", "0.1bit", "18446745Tbit", "Mbit",
         "00"},
        {"", "1", "100kB", "100kb/s", "100kB/", "100kBps", "100 kB/s", "kB/s", "/s", "0.5B/s", "16EiB/s", "0/s"},
    };

    for (size_t k = 0; k < KS_COUNT(kinds); k++)
        for (size_t i = 0; i < KS_COUNT(refused[k]) && refused[k][i]; i++) {
            uint64_t value = 77;

            if (!kinds[k].parse(refused[k][i], &value))
                fail_msg("%s '%s' was taken", kinds[k].name, refused[k][i]);
            assert_int_equal(value, 77);
        }
    uint64_t value;

    assert_string_equal(ks_size_parse("4", &value), "a size with its unit, such as 512MiB, 4GiB or 10GB");
    assert_string_equal(ks_size_parse("16EiB", &value), "a size below 16EiB");
    assert_string_equal(ks_size_parse("1.5B", &value), "a size of whole bytes");
    assert_string_equal(ks_duration_parse("213503982335d", &value), "a duration below 2^64 milliseconds");
}

static void formats(void **state)
{
    (void)state;
    static const struct {
        formatter *format;
        uint64_t value;
        const char *expected;
    } cases[] = {
        {ks_size_format, UINT64_C(4294967296), "4GiB"},
        {ks_size_format, UINT64_C(1610612736), "1.5GiB"},
        {ks_size_format, UINT64_C(536870912), "512MiB"},
        {ks_size_format, UINT64_C(10000000000), "10GB"},
        {ks_size_format, UINT64_C(1342177280), "1280MiB"}, /* as short as 1.25GiB, and without a fraction */
        {ks_size_format, 0, "0"},
        {ks_size_format, 1, "1B"},
        {ks_size_format, 1000, "1kB"},
        {ks_size_format, 1023, "1023B"},
        {ks_size_format, UINT64_MAX, "18446744073709551615B"},
        {ks_size_format, UINT64_C(1) << 63, "8EiB"},
        {ks_duration_format, 90000, "1m30s"},
        {ks_duration_format, 250, "250ms"},
        {ks_duration_format, 0, "0s"},
        {ks_duration_format, 86400000, "1d"},
        {ks_duration_format, 90061001, "1d1h1m1s1ms"},
        {ks_bitrate_format, 100000000, "100Mbit"},
        {ks_bitrate_format, UINT64_C(2500000000), "2.5Gbit"},
        {ks_bitrate_format, 0, "0Mbit"},
        {ks_bitrate_format, 1234567, "1234567bit"},
        {ks_byterate_format, 100000, "100kB/s"},
        {ks_byterate_format, 10240, "10KiB/s"},
        {ks_byterate_format, 0, "0kB/s"},
    };

    for (size_t i = 0; i < KS_COUNT(cases); i++)
        assert_string_equal(cases[i].format(arena, cases[i].value), cases[i].expected);
}

/* parse(format(x)) = x, for numbers of every magnitude, round and not. */
static void what_is_printed_reads_back(void **state)
{
    (void)state;
    for (int i = 0; i < 200000; i++) {
        const struct kind *kind = &kinds[(size_t)i % KS_COUNT(kinds)];
        uint64_t value = next_random() >> (next_random() % 64), back = ~value;

        if (i % 3 == 0)
            value &= ~UINT64_C(0) << (next_random() % 64);
        else if (i % 3 == 1)
            value -= value % (value > 1000000 ? 1000000 : 10);

        char *text = kind->format(arena, value);
        const char *wrong = kind->parse(text, &back);

        if (wrong || back != value)
            fail_msg("%s %llu: '%s': %s", kind->name, (unsigned long long)value, text, wrong ? wrong : "differs");
    }
}

/* format(parse(t)) is never longer than t, and stays itself when it is read and printed again. */
static void what_is_printed_is_short(void **state)
{
    (void)state;
    for (int i = 0; i < 100000; i++) {
        const struct kind *kind = &kinds[(size_t)i % KS_COUNT(kinds)];
        unsigned long long whole = next_random() % 2000 + 1;
        const char *unit = kind->units[next_random() % kind->n_units];
        bool fraction = next_random() % 2;
        char *text = fraction
                         ? ks_sprintf(arena, "%llu.%llu%s", whole, (unsigned long long)(next_random() % 10), unit)
                         : ks_sprintf(arena, "%llu%s", whole, unit);
        uint64_t value, again;

        if (kind->parse(text, &value))
            continue;

        char *printed = kind->format(arena, value);

        if (kind->parse != ks_duration_parse) /* sums read better than they are short: 1m30s, not 90s */
            assert_true(strlen(printed) <= strlen(text));
        assert_null(kind->parse(printed, &again));
        assert_true(again == value);
    }
}

static void noise_is_refused_or_means_something(void **state)
{
    (void)state;
    static const char letters[] = "0123456789..kKMGTPEiBbits/shmd -+^x";
    unsigned taken = 0;

    for (int i = 0; i < 300000; i++) {
        const struct kind *kind = &kinds[(size_t)i % KS_COUNT(kinds)];
        size_t len = next_random() % 8;
        char text[8];
        uint64_t value = 77, again = 78;

        for (size_t j = 0; j < len; j++)
            text[j] = letters[next_random() % (sizeof letters - 1)];
        text[len] = '\0';
        if (kind->parse(text, &value)) {
            assert_int_equal(value, 77);
            continue;
        }
        taken++;
        assert_true(text[0] >= '0' && text[0] <= '9');
        assert_null(kind->parse(kind->format(arena, value), &again));
        assert_true(again == value);
    }
    assert_true(taken > 100);
}

/* The arithmetic against another one: n units, summed by 128-bit multiplication. */
static void sizes_agree_with_plain_arithmetic(void **state)
{
    (void)state;
    static const char prefixes[] = "kMGTPE";

    for (int i = 0; i < 50000; i++) {
        size_t power = next_random() % 6;
        bool binary = next_random() % 2;
        uint64_t n = next_random() >> (next_random() % 64), got = 0;
        long double expected = (long double)n;
        char *text = ks_sprintf(arena, "%llu%c%sB", (unsigned long long)n,
                                binary && power == 0 ? 'K' : prefixes[power], binary ? "i" : "");
        bool fits = true;
        uint64_t exact = n;

        for (size_t j = 0; j <= power; j++) {
            expected *= binary ? 1024 : 1000;
            exact *= binary ? 1024 : 1000;
        }
        fits = expected < 18446744073709551616.0L;
        assert_int_equal(ks_size_parse(text, &got) == NULL, fits);
        if (fits)
            assert_true(got == exact);
    }
}

static int setup(void **state)
{
    (void)state;
    arena = ks_arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ks_arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(other_quantities),
        cmocka_unit_test(hostile_texts_are_refused),
        cmocka_unit_test(formats),
        cmocka_unit_test(what_is_printed_reads_back),
        cmocka_unit_test(what_is_printed_is_short),
        cmocka_unit_test(noise_is_refused_or_means_something),
        cmocka_unit_test(sizes_agree_with_plain_arithmetic),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
