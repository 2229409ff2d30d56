/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/base.h"

#include <setjmp.h>

#include <cmocka.h>
static struct ks_arena *arena;
static uint64_t seed = UINT64_C(0x2545f4914f6cdd1d);

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static struct ks_cpuset set_of(const char *text)
{
    struct ks_cpuset set;
    const char *wrong = ks_cpuset_parse(arena, text, &set);

    if (wrong)
        fail_msg("'%s': expected %s", text, wrong);
    return set;
}

static void canonical(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"0-3,8,10-11", "0-3,8,10-11"},
        {"3", "3"},
        {"11,10,8,0-3", "0-3,8,10-11"},
        {"0,1,2,3", "0-3"},
        {"0-3,2-5", "0-5"},
        {"0-7,^2", "0-1,3-7"},
        {"0-7,^2,^7", "0-1,3-6"},
        {"^2,0-3", "0-3"}, /* an exclusion applies to what stands before it */
        {"0-3,^2,2", "0-3"},
        {"0-3,^2,^9", "0-1,3"}, /* what is not in the set cannot leave it */
        {"62-65", "62-65"},
        {"0-8191", "0-8191"},
        {" 0 - 3 , 8 ", "0-3,8"},
        {"0-1\n", "0-1"}, /* as the kernel ends its lists */
        {"", ""},
        {"1,^1", ""},
        {"5-5", "5"},
    };

    for (size_t i = 0; i < KS_COUNT(cases); i++) {
        struct ks_cpuset set = set_of(cases[i].text);

        assert_string_equal(ks_cpuset_format(arena, &set), cases[i].expected);
    }
}

static void refused(void **state)
{
    (void)state;
    static const char *const texts[] = {",",
                                        "1,",
                                        ",1",
                                        "1,,2",
                                        "-1",
                                        "1-",
                                        "3-1",
                                        "a",
                                        "1a",
                                        "0x1",
                                        "1-2-3",
                                        "^",
                                        "0-3,^1-2",
                                        "1 2",
                                        "8192",
                                        "0-8192",
                                        "99999999999999999999",
                                        "1;2",
                                        "1-^2",
                                        "+1",
                                        "^^1",
                                        "1.5"};

    for (size_t i = 0; i < KS_COUNT(texts); i++) {
        struct ks_cpuset set = {.n_words = 99};

        if (!ks_cpuset_parse(arena, texts[i], &set))
            fail_msg("'%s' was taken", texts[i]);
        assert_int_equal(set.n_words, 99);
    }
}

static void members(void **state)
{
    (void)state;
    struct ks_cpuset set = {0};

    assert_int_equal(ks_cpuset_next(&set, 0), -1);
    ks_cpuset_add(arena, &set, 70);
    ks_cpuset_add(arena, &set, 3);
    ks_cpuset_add(arena, &set, 63);
    ks_cpuset_add(arena, &set, 64);
    ks_cpuset_add(arena, &set, 3);
    assert_int_equal(ks_cpuset_count(&set), 4);
    assert_true(ks_cpuset_has(&set, 63));
    assert_false(ks_cpuset_has(&set, 62));
    assert_false(ks_cpuset_has(&set, 100000));
    assert_int_equal(ks_cpuset_next(&set, 0), 3);
    assert_int_equal(ks_cpuset_next(&set, 3), 3);
    assert_int_equal(ks_cpuset_next(&set, 4), 63);
    assert_int_equal(ks_cpuset_next(&set, 64), 64);
    assert_int_equal(ks_cpuset_next(&set, 65), 70);
    assert_int_equal(ks_cpuset_next(&set, 71), -1);
    assert_int_equal(ks_cpuset_next(&set, 100000), -1);
    assert_string_equal(ks_cpuset_format(arena, &set), "3,63-64,70");
}

static void relations(void **state)
{
    (void)state;
    struct ks_cpuset small = set_of("0-3"), large = set_of("0-200"), far = set_of("300"), none = set_of("");
    uint64_t words[3] = {0xf, 0, 0};
    struct ks_cpuset padded = {3, words};

    assert_true(ks_cpuset_equal(&small, &padded));
    assert_true(ks_cpuset_equal(&padded, &small));
    assert_false(ks_cpuset_equal(&small, &large));
    assert_false(ks_cpuset_equal(&large, &small));
    assert_true(ks_cpuset_equal(&none, &(struct ks_cpuset){0}));
    assert_true(ks_cpuset_subset(&small, &large));
    assert_false(ks_cpuset_subset(&large, &small));
    assert_true(ks_cpuset_subset(&padded, &small));
    assert_true(ks_cpuset_subset(&none, &none));
    assert_true(ks_cpuset_overlap(&small, &large));
    assert_false(ks_cpuset_overlap(&large, &far));
    assert_false(ks_cpuset_overlap(&far, &none));
    assert_false(ks_cpuset_overlap(&none, &far));
}

/* parse(format(x)) = x, and each operation agrees with an array of bool. */
static void random_sets(void **state)
{
    (void)state;
    enum { RANGE = 400 };

    for (int round = 0; round < 2000; round++) {
        bool in[2][RANGE] = {0};
        struct ks_cpuset set[2] = {0};
        bool subset = true, overlap = false, equal = true;
        uint64_t density = next_random() % 7 + 1;

        for (int s = 0; s < 2; s++)
            for (unsigned i = 0; i < next_random() % RANGE; i++)
                if (next_random() % density == 0) {
                    in[s][i] = true;
                    ks_cpuset_add(arena, &set[s], i);
                }
        if (round % 4 == 0) /* subsets are rare by chance */
            for (unsigned i = 0; i < RANGE; i++)
                if (in[0][i]) {
                    in[1][i] = true;
                    ks_cpuset_add(arena, &set[1], i);
                }
        unsigned count = 0;

        for (unsigned i = 0; i < RANGE; i++) {
            subset &= !in[0][i] || in[1][i];
            overlap |= in[0][i] && in[1][i];
            equal &= in[0][i] == in[1][i];
            count += in[0][i];
            assert_int_equal(ks_cpuset_has(&set[0], i), in[0][i]);
        }
        assert_int_equal(ks_cpuset_subset(&set[0], &set[1]), subset);
        assert_int_equal(ks_cpuset_overlap(&set[0], &set[1]), overlap);
        assert_int_equal(ks_cpuset_equal(&set[0], &set[1]), equal);
        assert_int_equal(ks_cpuset_count(&set[0]), count);

        struct ks_cpuset back = set_of(ks_cpuset_format(arena, &set[0]));

        assert_true(ks_cpuset_equal(&back, &set[0]));
        for (int i = ks_cpuset_next(&set[0], 0); i >= 0; i = ks_cpuset_next(&set[0], (unsigned)i + 1)) {
            assert_true(in[0][i]);
            count--;
        }
        assert_int_equal(count, 0);
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
        cmocka_unit_test(canonical), cmocka_unit_test(refused),     cmocka_unit_test(members),
        cmocka_unit_test(relations), cmocka_unit_test(random_sets),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
