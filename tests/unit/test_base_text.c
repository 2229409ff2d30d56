/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/base.h"

#include <setjmp.h>

#include <cmocka.h>
static struct ks_arena *arena;

static void nearest(void **state)
{
    (void)state;
    static const char *const keys[] = {"memory", "max-memory", "vcpus", "max-vcpus", "mac",
                                       "cpu",    "numa",       "nics",  NULL};
    static const struct {
        const char *word, *expected;
    } cases[] = {
        {"memroy", "memory"},  /* a swap costs one */
        {"memor", "memory"},   /* a deletion */
        {"memoryy", "memory"}, /* an insertion */
        {"nemory", "memory"},  /* a replacement */
        {"max_memory", "max-memory"},
        {"maxMemory", "max-memory"},
        {"VCPUS", "vcpus"},
        {"mca", "mac"},
        {"cpus", "vcpus"}, /* as near as "cpu": the first of the list */
        {"numxx", NULL},   /* two of five is over a third */
        {"bandwidth", NULL},
        {"x", NULL},
        {"", NULL},
        {"zzzzzz", NULL},
    };

    for (size_t i = 0; i < KS_COUNT(cases); i++) {
        const char *got = ks_nearest(cases[i].word, keys, KS_COUNT(keys));

        if (!ks_streq(got, cases[i].expected))
            fail_msg("'%s': got '%s'", cases[i].word, got ? got : "(none)");
    }
    assert_null(ks_nearest("memory", NULL, 0));
}

static void nearest_bears_long_words(void **state)
{
    (void)state;
    char word[70];
    const char *words[] = {word};

    memset(word, 'a', sizeof word);
    for (size_t len = 60; len < sizeof word; len++) {
        word[len] = '\0';
        assert_ptr_equal(ks_nearest(word, words, 1), len <= 64 ? word : NULL);
        word[len] = 'a';
    }
}

static void natural_order(void **state)
{
    (void)state;
    static const char *const sorted[] = {"",
                                         "0",
                                         "00",
                                         "01",
                                         "1",
                                         "2",
                                         "10",
                                         "18446744073709551616",
                                         "100000000000000000000000",
                                         "a",
                                         "vm",
                                         "vm-1",
                                         "vm0",
                                         "vm02",
                                         "vm2",
                                         "vm2a",
                                         "vm10",
                                         "vm10-2",
                                         "vm10-10",
                                         "vma",
                                         "\xff"};

    for (size_t i = 0; i < KS_COUNT(sorted); i++)
        for (size_t j = 0; j < KS_COUNT(sorted); j++) {
            int got = ks_strcmp_natural(sorted[i], sorted[j]);
            int sign = (got > 0) - (got < 0), expected = (i > j) - (i < j);

            if (sign != expected)
                fail_msg("'%s' and '%s': %d", sorted[i], sorted[j], got);
        }
    assert_true(ks_strcmp_natural("vm01b", "vm1a") > 0);
}

/* Antisymmetric and transitive, over all triples of short words. */
static void natural_order_is_total(void **state)
{
    (void)state;
    static char words[156][4];
    size_t n = 0;

    for (const char *a = "01a9-"; *a; a++) {
        snprintf(words[n++], 4, "%c", *a);
        for (const char *b = "01a9-"; *b; b++) {
            snprintf(words[n++], 4, "%c%c", *a, *b);
            for (const char *c = "01a9-"; *c; c++)
                snprintf(words[n++], 4, "%c%c%c", *a, *b, *c);
        }
    }
    assert_int_equal(n, 155);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            int ij = ks_strcmp_natural(words[i], words[j]);

            assert_int_equal(ij == 0, i == j);
            assert_int_equal(ij<0, ks_strcmp_natural(words[j], words[i])> 0);
            for (size_t k = 0; k < n && ij < 0; k++)
                if (ks_strcmp_natural(words[j], words[k]) < 0)
                    assert_true(ks_strcmp_natural(words[i], words[k]) < 0);
        }
}

static void numbers(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "", "-1", "+1", " 1", "1 ", "1x", "0x10", "18446744073709551616", "99999999999999999999", "1.0"};
    uint64_t value = 7;

    for (size_t i = 0; i < KS_COUNT(refused); i++) {
        assert_int_equal(ks_parse_u64(refused[i], &value), -1);
        assert_int_equal(value, 7);
    }
    assert_int_equal(ks_parse_u64("18446744073709551615", &value), 0);
    assert_true(value == UINT64_MAX);
    assert_int_equal(ks_parse_u64("007", &value), 0);
    assert_int_equal(value, 7);
}

static void strings(void **state)
{
    (void)state;
    char long_text[1000];

    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    assert_null(ks_strdup(arena, NULL));
    assert_string_equal(ks_strndup(arena, "abcdef", 3), "abc");
    assert_string_equal(ks_strndup(arena, "ab", 30), "ab");
    assert_string_equal(ks_sprintf(arena, "%s-%d", "a", 5), "a-5");
    assert_string_equal(ks_sprintf(arena, "%s", ""), "");
    assert_string_equal(ks_sprintf(arena, "%s", long_text), long_text);
    for (int n = 250; n < 262; n++) /* around the size that is formatted without a second pass */
        assert_int_equal(strlen(ks_sprintf(arena, "%.*s", n, long_text)), n);
    assert_true(ks_starts("ua-vda", "ua-"));
    assert_false(ks_starts("ua", "ua-"));
    assert_true(ks_streq(NULL, NULL));
    assert_false(ks_streq(NULL, ""));
}

static void text_grows(void **state)
{
    (void)state;
    struct ks_text text = {.arena = arena};
    ks_auto(ks_freep) char *expected = NULL;
    size_t len;
    FILE *out = open_memstream(&expected, &len);

    assert_string_equal(ks_text_str(&text), "");
    for (int i = 0; i < 2000; i++) {
        ks_text_addf(&text, "%d,%*s", i, i % 300, "x");
        fprintf(out, "%d,%*s", i, i % 300, "x");
        ks_text_add(&text, "+");
        ks_text_addn(&text, "-----", 2);
        fputs("+--", out);
        assert_int_equal(text.buf[text.n], 0);
    }
    fclose(out);
    assert_int_equal(text.n, len);
    assert_string_equal(ks_text_str(&text), expected);
}

static void hash_is_fnv_1a(void **state)
{
    (void)state;
    /* Vectors of draft-eastlake-fnv, 64 bits. */
    assert_true(ks_hash(KS_HASH_START, "", 0) == UINT64_C(0xcbf29ce484222325));
    assert_true(ks_hash(KS_HASH_START, "a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(ks_hash(KS_HASH_START, "foobar", 6) == UINT64_C(0x85944171f73967e8));
    assert_true(ks_hash_str(KS_HASH_START, NULL) != ks_hash_str(KS_HASH_START, ""));
    assert_true(ks_hash_str(ks_hash_str(KS_HASH_START, "ab"), "c") !=
                ks_hash_str(ks_hash_str(KS_HASH_START, "a"), "bc"));
}

/* No vectors: but no byte, length or order is lost. */
static void long_hash_tells_texts_apart(void **state)
{
    char text[41] = "the quick brown fox jumps over the dogs.";
    const uint64_t whole = ks_hash_long(KS_HASH_START, text, 40);

    (void)state;
    assert_true(ks_hash_long(KS_HASH_START, text, 40) == whole);
    assert_true(ks_hash_long(KS_HASH_START, text, 39) != whole);
    assert_true(ks_hash_long(KS_HASH_START + 1, text, 40) != whole);
    for (size_t i = 0; i < 40; i++) {
        text[i] ^= 1;
        assert_true(ks_hash_long(KS_HASH_START, text, 40) != whole);
        text[i] ^= 1;
    }
    memmove(text + 4, text + 10, 6); /* "the brown brown " */
    assert_true(ks_hash_long(KS_HASH_START, text, 40) != whole);
    assert_true(ks_hash_long(KS_HASH_START, "x", 1) == ks_hash(KS_HASH_START, "x", 1));
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
        cmocka_unit_test(nearest),
        cmocka_unit_test(nearest_bears_long_words),
        cmocka_unit_test(natural_order),
        cmocka_unit_test(natural_order_is_total),
        cmocka_unit_test(numbers),
        cmocka_unit_test(strings),
        cmocka_unit_test(text_grows),
        cmocka_unit_test(hash_is_fnv_1a),
        cmocka_unit_test(long_hash_tells_texts_apart),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
