/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/base.h"

#include <setjmp.h>

#include <cmocka.h>
static struct ks_findings f;

static int setup(void **state)
{
    (void)state;
    f = (struct ks_findings){.arena = ks_arena_new()};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ks_arena_free(f.arena);
    return 0;
}

static void expect_printed(bool color, const char *expected)
{
    ks_auto(ks_freep) char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    ks_findings_print(out, &f, color);
    fclose(out);
    assert_string_equal(text, expected);
}

static void add_source(const char *file, const char *text)
{
    ks_findings_add_source(&f, file, text, strlen(text));
}

static struct ks_loc at(const char *file, uint32_t line, uint32_t col)
{
    return (struct ks_loc){file, line, col};
}

static void golden(void **state)
{
    (void)state;
    add_source("a.yaml", "version: 1\nguests:\n\tweb1: {memry: 4GiB}\r\n");
    assert_int_equal(ks_report(&f, KS_E_INVALID, at("a.yaml", 3, 9), "unknown key '%s'", "memry"), -1);
    ks_report_hint(&f, "did you mean '%s'?", "memory");
    ks_report_warning(&f, KS_E_CONFLICT, at("a.yaml", 1, 1), "version is old");
    ks_report(&f, KS_E_INVALID, at("b.yaml", 1, 1), "has no source here");
    ks_report(&f, KS_E_INVALID, at("a.yaml", 3, 0), "has a line only");
    ks_report(&f, KS_E_INVALID, at("a.yaml", 99, 4), "is behind the end");
    ks_report(&f, KS_E_NOT_FOUND, KS_NOWHERE, "no host named 'x'");
    ks_findings_sort(&f);
    assert_int_equal(f.n, 6);
    assert_int_equal(f.n_errors, 5);
    expect_printed(false, "error: no host named 'x'\n"
                          "a.yaml:1:1: warning: version is old\n"
                          "  version: 1\n"
                          "  ^\n"
                          "a.yaml:3: error: has a line only\n"
                          "a.yaml:3:9: error: unknown key 'memry'\n"
                          "   web1: {memry: 4GiB}\n"
                          "          ^\n"
                          "  did you mean 'memory'?\n"
                          "a.yaml:99:4: error: is behind the end\n"
                          "b.yaml:1:1: error: has no source here\n");
}

static void golden_color(void **state)
{
    (void)state;
    add_source("a.yaml", "ab");
    ks_report(&f, KS_E_INVALID, at("a.yaml", 1, 2), "wrong");
    ks_report_hint(&f, "right");
    expect_printed(true, "\033[1ma.yaml:1:2: \033[0m\033[1;31merror:\033[0m wrong\n"
                         "  ab\n"
                         "   \033[1;32m^\033[0m\n"
                         "  \033[36mright\033[0m\n");
}

static void hostile_text_moves_no_cursor(void **state)
{
    (void)state;
    add_source("a.yaml", "k: \033[2J\x7f \xc2\x9b \xe2\x80\xae \xff\xc3 \xc3\xbc x\n");
    ks_report(&f, KS_E_INVALID, at("a.yaml", 1, 19), "unknown key '\033[31m\nb.yaml:1:1: error: posed'");
    expect_printed(false, "a.yaml:1:19: error: unknown key '?[31m\n"
                          "  b.yaml:1:1: error: posed'\n"
                          "  k: ?[2J? ? ? ?? \xc3\xbc x\n"
                          "                    ^\n");
}

static void columns_count_characters(void **state)
{
    (void)state;
    add_source("a.yaml", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80x");
    ks_report(&f, KS_E_INVALID, at("a.yaml", 1, 4), "here");
    ks_report(&f, KS_E_INVALID, at("a.yaml", 1, 400), "beyond");
    expect_printed(false, "a.yaml:1:4: error: here\n"
                          "  \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80x\n"
                          "     ^\n"
                          "a.yaml:1:400: error: beyond\n"
                          "  \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80x\n"
                          "      ^\n");
}

static void long_lines_are_clipped(void **state)
{
    (void)state;
    char line[1001], expected[400];
    char dots[51];

    memset(line, '.', 1000);
    line[1000] = '\0';
    line[499] = 'X';
    memset(dots, '.', 50);
    dots[50] = '\0';
    add_source("a.yaml", line);
    ks_report(&f, KS_E_INVALID, at("a.yaml", 1, 500), "middle");
    snprintf(expected, sizeof expected, "a.yaml:1:500: error: middle\n  ...%sX%.49s...\n%*s^\n", dots, dots, 55,
             "");
    expect_printed(false, expected);

    f.n = 0;
    ks_report(&f, KS_E_INVALID, at("a.yaml", 1, 1), "start");
    snprintf(expected, sizeof expected, "a.yaml:1:1: error: start\n  %s%s...\n  ^\n", dots, dots);
    expect_printed(false, expected);
}

static void sort_is_stable_and_drops_repetitions(void **state)
{
    (void)state;
    ks_report(&f, KS_E_INVALID, at("a", 2, 1), "second");
    ks_report(&f, KS_E_INVALID, at("a", 1, 1), "z");
    ks_report(&f, KS_E_INVALID, at("a", 1, 1), "a");
    ks_report(&f, KS_E_INVALID, at("a", 1, 1), "z");
    ks_report(&f, KS_E_CONFLICT, at("a", 1, 1), "z");
    ks_report(&f, KS_E_INVALID, at("a", 1, 1), "z");
    ks_report_hint(&f, "hint");
    ks_findings_sort(&f);
    expect_printed(false, "a:1:1: error: z\na:1:1: error: a\na:1:1: error: z\na:1:1: error: z\n  hint\n"
                          "a:2:1: error: second\n");
    assert_int_equal(f.n_errors, 5);
}

static void beyond_the_limit_is_counted(void **state)
{
    (void)state;
    for (int i = 0; i < KS_FINDINGS_MAX + 7; i++) {
        ks_report(&f, KS_E_INVALID, at("a", (uint32_t)i + 1, 1), "%d", i);
        ks_report_hint(&f, "hint %d", i);
    }
    assert_int_equal(f.n, KS_FINDINGS_MAX);
    assert_int_equal(f.n_omitted, 7);
    assert_int_equal(f.n_errors, KS_FINDINGS_MAX + 7);
    assert_string_equal(f.v[KS_FINDINGS_MAX - 1].hint, "hint 499");

    f.n = 0;
    expect_printed(false, "and 7 more\n");
}

static void what_another_found_is_joined(void **state)
{
    (void)state;
    struct ks_findings other = {.arena = ks_arena_new()};

    ks_report(&f, KS_E_INVALID, at("a", 1, 1), "ours");
    for (int i = 0; i < KS_FINDINGS_MAX + 2; i++) {
        ks_report(&other, KS_E_INVALID, at("b", (uint32_t)i + 1, 1), "%d", i);
        ks_report_hint(&other, "hint %d", i);
    }
    ks_findings_join(&f, &other);
    assert_int_equal(f.n, KS_FINDINGS_MAX);
    assert_int_equal(f.n_omitted, 3);
    assert_int_equal(f.n_errors, KS_FINDINGS_MAX + 3);
    assert_string_equal(f.v[0].msg, "ours");
    assert_string_equal(f.v[KS_FINDINGS_MAX - 1].hint, "hint 498");
    assert_null(other.arena);
}

static void error_becomes_finding(void **state)
{
    (void)state;
    struct ks_error err = {0};

    ks_fail(&err, KS_E_SYNTAX, at("a", 4, 2), "not YAML");
    ks_wrap(&err, "in include b");
    assert_int_equal(ks_report_error(&f, &err), -1);
    assert_int_equal(err.n, 0);
    assert_int_equal(f.v[0].code, KS_E_SYNTAX);
    expect_printed(false, "a:4:2: error: not YAML; in include b\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(golden, setup, teardown),
        cmocka_unit_test_setup_teardown(golden_color, setup, teardown),
        cmocka_unit_test_setup_teardown(hostile_text_moves_no_cursor, setup, teardown),
        cmocka_unit_test_setup_teardown(columns_count_characters, setup, teardown),
        cmocka_unit_test_setup_teardown(long_lines_are_clipped, setup, teardown),
        cmocka_unit_test_setup_teardown(sort_is_stable_and_drops_repetitions, setup, teardown),
        cmocka_unit_test_setup_teardown(beyond_the_limit_is_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(what_another_found_is_joined, setup, teardown),
        cmocka_unit_test_setup_teardown(error_becomes_finding, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
