/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "state/state.h"
#include "tree.h"

static struct tree t;
static struct ks_arena *arena;
static struct ks_error err;

static int set_up(void **state)
{
    (void)state;
    tree_new(&t);
    arena = ks_arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ks_error_done(&err);
    ks_arena_free(arena);
    tree_done(&t);
    return 0;
}

static struct ks_journal *opened(const char *run)
{
    struct ks_journal *j = NULL;

    assert_int_equal(ks_journal_open(t.root, run, &j, &err), 0);
    return j;
}

static void add(struct ks_journal *j, const char *event, const char *step)
{
    assert_int_equal(ks_journal_add(j, event, step, NULL, &err), 0);
}

static void in_flight(const char *want)
{
    struct ks_strings ids;
    struct ks_text text = {.arena = arena};

    assert_int_equal(ks_journal_in_flight(t.root, arena, &ids, &err), 0);
    for (size_t i = 0; i < ids.n; i++)
        ks_text_addf(&text, "%s%s", i ? " " : "", ids.v[i]);
    assert_string_equal(ks_text_str(&text), want);
}

static char *content(void)
{
    char *text;
    size_t len;

    assert_int_equal(ks_file_read(t.root, "journal.jsonl", 64 << 20, arena, &text, &len, &err), 0);
    return text;
}

static void a_record_is_a_line(void **state)
{
    struct ks_journal *j = opened("run1");

    (void)state;
    assert_int_equal(ks_journal_add(j, "failed", "guest/a\nb", "no \"room\"", &err), 0);
    ks_journal_close(j);
    json_t *json = json_loads(content(), 0, NULL);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "run")), "run1");
    assert_string_equal(json_string_value(json_object_get(json, "event")), "failed");
    assert_string_equal(json_string_value(json_object_get(json, "step")), "guest/a\nb");
    assert_string_equal(json_string_value(json_object_get(json, "detail")), "no \"room\"");
    assert_int_equal(json_string_length(json_object_get(json, "time")), strlen("2026-11-21T01:40:12.000Z"));
    json_decref(json);
    assert_null(strchr(strchr(content(), '\n') + 1, '\n'));
}

static void tells_what_was_in_flight(void **state)
{
    struct ks_journal *j = opened("run1");

    (void)state;
    in_flight("");
    add(j, "begin", NULL);
    add(j, "started", "guest/a");
    add(j, "started", "guest/b");
    add(j, "started", "guest/c");
    in_flight("guest/a guest/b guest/c");
    add(j, "done", "guest/b");
    add(j, "failed", "guest/c");
    in_flight("guest/a");
    ks_journal_close(j); /* killed */
    j = opened("run2");
    add(j, "begin", NULL);
    in_flight("guest/a");
    add(j, "end", NULL);
    in_flight("");
    ks_journal_close(j);
}

static void a_torn_line_is_passed_over(void **state)
{
    struct ks_journal *j;

    (void)state;
    tree_put(&t, "journal.jsonl",
             "{\"run\":\"r\",\"event\":\"started\",\"step\":\"guest/a\"}\n"
             "not JSON\n[]\n{\"event\":\"done\"}\n"
             "{\"run\":\"r\",\"event\":\"do");
    in_flight("guest/a");
    j = opened("run2");
    add(j, "started", "guest/b");
    in_flight("guest/a guest/b");
    ks_journal_close(j);
}

static void turns_and_still_knows(void **state)
{
    ks_auto(ks_freep) char *detail = malloc(1 << 20);
    struct ks_journal *j = opened("run1");

    (void)state;
    memset(detail, 'x', (1 << 20) - 1);
    detail[(1 << 20) - 1] = '\0';
    add(j, "started", "guest/a");
    for (int i = 0; i < 9; i++)
        assert_int_equal(ks_journal_add(j, "held", "guest/z", detail, &err), 0);
    add(j, "started", "guest/b");
    ks_journal_close(j);
    assert_true(ks_file_exists(t.root, "journal.jsonl.1"));
    in_flight("guest/a guest/b");
}

static void a_full_disk_is_an_error(void **state)
{
    struct ks_journal *j;

    (void)state;
    assert_int_equal(symlinkat("/dev/full", t.root, "journal.jsonl"), 0);
    if (ks_journal_open(t.root, "run1", &j, &err) < 0)
        return; /* refused at once: as good */
    assert_int_equal(ks_journal_add(j, "begin", NULL, NULL, &err), -1);
    assert_int_equal(err.code, KS_E_IO);
    ks_journal_close(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_record_is_a_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tells_what_was_in_flight, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_torn_line_is_passed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(turns_and_still_knows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_is_an_error, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
