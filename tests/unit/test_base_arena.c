/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/base.h"

#include <setjmp.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>

static void aligned_zeroed_and_apart(void **state)
{
    (void)state;
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    enum { N = 4000 };
    static unsigned char *at[N];
    static size_t size[N];
    size_t sum = 0;

    /* Sizes on both sides of "a chunk of its own", so that chunks are filled, left and come back to. */
    for (size_t i = 0; i < N; i++) {
        size[i] = i % 97 == 0 ? 20000 + i : i % 301;
        at[i] = ks_arena_alloc(arena, size[i]);
        assert_non_null(at[i]);
        assert_int_equal((uintptr_t)at[i] % _Alignof(max_align_t), 0);
        for (size_t j = 0; j < size[i]; j++)
            assert_int_equal(at[i][j], 0);
        memset(at[i], (int)(i % 251) + 1, size[i]);
        sum += size[i] ? size[i] : 1;
    }
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < size[i]; j++)
            assert_int_equal(at[i][j], i % 251 + 1);
    assert_int_equal(ks_arena_used(arena), sum);
}

static void empty_objects_differ(void **state)
{
    (void)state;
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();

    assert_ptr_not_equal(ks_arena_alloc(arena, 0), ks_arena_alloc(arena, 0));
    ks_arena_free(NULL);
}

static void join_keeps_both(void **state)
{
    (void)state;
    ks_auto(ks_arena_freep) struct ks_arena *into = ks_arena_new();
    struct ks_arena *from = ks_arena_new();
    char *mine = ks_strdup(into, "mine"), *theirs = ks_strdup(from, "theirs");
    char *large = ks_arena_alloc(from, 300000);

    ks_arena_join(into, from);
    ks_arena_join(into, ks_arena_new()); /* an empty one */
    memset(large, 'x', 300000);
    for (int i = 0; i < 10000; i++)
        memset(ks_arena_alloc(into, 50), 'y', 50);
    assert_string_equal(mine, "mine");
    assert_string_equal(theirs, "theirs");
    assert_int_equal(large[299999], 'x');
    assert_int_equal(ks_arena_used(into), 5 + 7 + 300000 + 500000);

    ks_auto(ks_arena_freep) struct ks_arena *empty = ks_arena_new();

    from = ks_arena_new();
    theirs = ks_strdup(from, "theirs");
    ks_arena_join(empty, from);
    assert_string_equal(ks_strdup(empty, "next"), "next");
    assert_string_equal(theirs, "theirs");
}

static void expect_abort(void (*fn)(void))
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        fn();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void overflow_calloc(void)
{
    ks_arena_calloc(ks_arena_new(), SIZE_MAX / 4, 8);
}

static void overflow_alloc(void)
{
    ks_arena_alloc(ks_arena_new(), SIZE_MAX - 3);
}

static void overflow_cpuset(void)
{
    struct ks_cpuset set = {0};

    ks_cpuset_add(ks_arena_new(), &set, KS_CPUSET_MAX);
}

static void overflow_aborts(void **state)
{
    (void)state;
    expect_abort(overflow_calloc);
    expect_abort(overflow_alloc);
    expect_abort(overflow_cpuset);
}

static void vec_grows_and_zeroes(void **state)
{
    (void)state;
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    KS_VEC(int) v = {0};

    for (int i = 0; i < 1000; i++) {
        int *one = ks_vec_add(arena, &v);

        assert_int_equal(*one, 0);
        *one = i + 1;
    }
    assert_int_equal(v.n, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(v.v[i], i + 1);
    v.n = 10;
    assert_int_equal(*ks_vec_add(arena, &v), 0); /* zeroed, although it held 11 */
    assert_int_equal(v.v[9], 10);
}

static void cleared_is_as_new(void **state)
{
    (void)state;
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();

    ks_arena_clear(arena); /* empty as it is */
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 5000; i++) {
            unsigned char *p = ks_arena_alloc(arena, 100);
            for (int k = 0; k < 100; k++)
                assert_int_equal(p[k], 0);
            memset(p, 0xff, 100);
        }
        memset(ks_arena_alloc(arena, 300000), 0xff, 300000); /* a chunk of its own */
        assert_true(ks_arena_used(arena) >= 800000);
        ks_arena_clear(arena);
        assert_int_equal(ks_arena_used(arena), 0);
    }
}

static void take_hands_over(void **state)
{
    (void)state;
    ks_auto(ks_freep) char *p = strdup("x");
    ks_auto(ks_freep) char *q = ks_take(p);

    assert_null(p);
    assert_string_equal(q, "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aligned_zeroed_and_apart), cmocka_unit_test(empty_objects_differ),
        cmocka_unit_test(join_keeps_both),          cmocka_unit_test(overflow_aborts),
        cmocka_unit_test(vec_grows_and_zeroes),     cmocka_unit_test(cleared_is_as_new),
        cmocka_unit_test(take_hands_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
