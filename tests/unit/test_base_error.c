/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/base.h"

#include <setjmp.h>

#include <cmocka.h>
static struct ks_arena *arena;

static void cause_and_context(void **state)
{
    (void)state;
    ks_auto(ks_error_done) struct ks_error err = {0};
    struct ks_loc at = {"a.yaml", 3, 7};

    errno = EBUSY;
    assert_int_equal(ks_fail(&err, KS_E_BLOCKED, at, "VF %d is held", 1), -1);
    assert_int_equal(errno, EBUSY);
    assert_int_equal(ks_wrap(&err, "in sriov %s", "ens2"), -1);
    assert_int_equal(ks_wrap(&err, "in host kvm-a01"), -1);
    assert_int_equal(err.code, KS_E_BLOCKED);
    assert_int_equal(err.sys_errno, EBUSY);
    assert_string_equal(err.at.file, "a.yaml");
    assert_int_equal(err.at.line, 3);
    assert_non_null(strstr(err.src, "test_base_error.c"));
    assert_true(err.src_line > 0);
    assert_string_equal(ks_error_text(arena, &err), "VF 1 is held; in sriov ens2; in host kvm-a01");
}

static void errno_in_words(void **state)
{
    (void)state;
    ks_auto(ks_error_done) struct ks_error err = {0};

    errno = ENOENT;
    assert_int_equal(ks_fail_errno(&err, "cannot open %s", "/x"), -1);
    assert_int_equal(err.code, KS_E_IO);
    assert_int_equal(err.sys_errno, ENOENT);
    assert_int_equal(errno, ENOENT);
    assert_string_equal(ks_error_text(arena, &err), "cannot open /x: No such file or directory");
}

static void later_failure_replaces(void **state)
{
    (void)state;
    ks_auto(ks_error_done) struct ks_error err = {0};

    ks_fail(&err, KS_E_IO, KS_NOWHERE, "first");
    ks_wrap(&err, "in something");
    /* An argument may be the old text itself. */
    ks_fail(&err, KS_E_STALE, KS_NOWHERE, "after '%s'", err.msg[0]);
    assert_int_equal(err.n, 1);
    assert_int_equal(err.code, KS_E_STALE);
    assert_string_equal(ks_error_text(arena, &err), "after 'first'");
    ks_error_done(&err);
    assert_int_equal(err.code, KS_E_NONE);
    assert_int_equal(err.n, 0);
    assert_string_equal(ks_error_text(arena, &err), "");
}

static void no_frame_is_lost(void **state)
{
    (void)state;
    ks_auto(ks_error_done) struct ks_error err = {0};
    struct ks_text expected = {.arena = arena};

    ks_fail(&err, KS_E_BUG, KS_NOWHERE, "cause");
    ks_text_add(&expected, "cause");
    for (int i = 0; i < 3 * KS_FRAMES; i++) {
        ks_wrap(&err, "in %d", i);
        ks_text_addf(&expected, "; in %d", i);
    }
    assert_int_equal(err.n, KS_FRAMES);
    assert_string_equal(ks_error_text(arena, &err), ks_text_str(&expected));
}

static void null_is_for_who_does_not_care(void **state)
{
    (void)state;
    assert_int_equal(ks_fail(NULL, KS_E_IO, KS_NOWHERE, "x"), -1);
    assert_int_equal(ks_fail_errno(NULL, "x"), -1);
    assert_int_equal(ks_wrap(NULL, "x"), -1);
    ks_error_done(NULL);
}

static void every_code_has_its_own_name(void **state)
{
    (void)state;
    for (int a = KS_E_NONE; a <= KS_E_BUG; a++) {
        assert_non_null(ks_code_name((enum ks_code)a));
        for (int b = KS_E_NONE; b < a; b++)
            assert_string_not_equal(ks_code_name((enum ks_code)a), ks_code_name((enum ks_code)b));
    }
    assert_string_equal(ks_code_name(KS_E_NOT_FOUND), "not-found");
    assert_string_equal(ks_code_name((enum ks_code)1000), "bug");
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
        cmocka_unit_test(cause_and_context),
        cmocka_unit_test(errno_in_words),
        cmocka_unit_test(later_failure_replaces),
        cmocka_unit_test(no_frame_is_lost),
        cmocka_unit_test(null_is_for_who_does_not_care),
        cmocka_unit_test(every_code_has_its_own_name),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
