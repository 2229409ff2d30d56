/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "state/state.h"
#include "tree.h"

static struct tree t;
static struct ks_error err;

static int set_up(void **state)
{
    (void)state;
    tree_new(&t);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ks_error_done(&err);
    tree_done(&t);
    return 0;
}

static struct ks_ledger *opened(void)
{
    struct ks_ledger *l = NULL;

    assert_int_equal(ks_ledger_open(t.root, &l, &err), 0);
    return l;
}

static void nothing_is_written_for_reading(void **state)
{
    struct ks_ledger *l = opened();

    (void)state;
    assert_false(ks_ledger_has(l, "pool/a"));
    assert_null(ks_ledger_note(l, "pool/a", "protect"));
    assert_int_equal(ks_ledger_remove(l, "pool/a", &err), 0);
    ks_ledger_close(l);
    assert_false(ks_file_exists(t.root, "ledger.json"));
}

static void what_was_added_is_there_for_the_next_run(void **state)
{
    struct ks_ledger *l = opened();

    (void)state;
    assert_int_equal(ks_ledger_add(l, "volume/p/b", &err), 0);
    assert_int_equal(ks_ledger_set_note(l, "guest/web1", "pending", "cpu.mode,xml", &err), 0);
    assert_int_equal(ks_ledger_add(l, "volume/p/a", &err), 0);
    /* Not closed: a killed run never does. */
    struct ks_ledger *next = opened();
    assert_true(ks_ledger_has(next, "volume/p/a"));
    assert_string_equal(ks_ledger_note(next, "guest/web1", "pending"), "cpu.mode,xml");
    assert_int_equal(ks_ledger_remove(next, "volume/p/a", &err), 0);
    assert_int_equal(ks_ledger_set_note(next, "guest/web1", "pending", NULL, &err), 0);
    ks_ledger_close(next);
    ks_ledger_close(l);
    l = opened();
    assert_false(ks_ledger_has(l, "volume/p/a"));
    assert_true(ks_ledger_has(l, "guest/web1"));
    assert_null(ks_ledger_note(l, "guest/web1", "pending"));
    ks_ledger_close(l);
}

static void lists_by_prefix_sorted(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    static const char *const ids[] = {"volume/p/c", "volume/p/a", "volume/q/x", "pool/p", "volume/p/b"};
    struct ks_ledger *l = opened();
    struct ks_strings list;

    (void)state;
    for (size_t i = 0; i < KS_COUNT(ids); i++)
        assert_int_equal(ks_ledger_add(l, ids[i], &err), 0);
    ks_ledger_list(l, "volume/p/", arena, &list);
    assert_int_equal(list.n, 3);
    assert_string_equal(list.v[0], "volume/p/a");
    assert_string_equal(list.v[1], "volume/p/b");
    assert_string_equal(list.v[2], "volume/p/c");
    ks_ledger_close(l);
}

static void a_note_outlives_its_replacement(void **state)
{
    struct ks_ledger *l = opened();
    const char *was;

    (void)state;
    assert_int_equal(ks_ledger_set_note(l, "guest/a", "n", "first", &err), 0);
    was = ks_ledger_note(l, "guest/a", "n");
    assert_int_equal(ks_ledger_set_note(l, "guest/a", "n", "second", &err), 0);
    assert_int_equal(ks_ledger_remove(l, "guest/a", &err), 0);
    assert_string_equal(was, "first");
    ks_ledger_close(l);
}

/* A ledger that cannot be read is not an empty one: what it lists would be forgotten at the next write. */
static void damage_is_an_error(void **state)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "{\"format\": 2, \"things\": {}}",
                                        "{\"format\": 1}",
                                        "{\"format\": 1, \"things\": []}",
                                        "{\"format\": 1, \"things\": {\"a\": {}, \"a\": {}}}"};
    struct ks_ledger *l = NULL;

    (void)state;
    for (size_t i = 0; i < KS_COUNT(texts); i++) {
        tree_put(&t, "ledger.json", texts[i]);
        assert_int_equal(ks_ledger_open(t.root, &l, &err), -1);
        assert_int_equal(err.code, KS_E_SYNTAX);
        assert_null(l);
    }
}

/* A thing must not count as listed when the disk does not say so: it would be made without a trace. */
static void what_cannot_be_written_is_not_there(void **state)
{
    struct ks_ledger *l;

    (void)state;
    tree_put(&t, "gone/", "");
    const int dir = openat(t.root, "gone", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(ks_ledger_open(dir, &l, &err), 0);
    assert_int_equal(unlinkat(t.root, "gone", AT_REMOVEDIR), 0);
    assert_int_equal(ks_ledger_add(l, "pool/a", &err), -1);
    assert_false(ks_ledger_has(l, "pool/a"));
    assert_int_equal(ks_ledger_set_note(l, "pool/a", "n", "v", &err), -1);
    assert_null(ks_ledger_note(l, "pool/a", "n"));
    ks_ledger_close(l);
    (void)close(dir);
}

static void *add_many(void *data)
{
    struct ks_ledger *l = data;
    struct ks_error e = {0};
    char id[32];

    for (int i = 0; i < 20; i++) {
        (void)snprintf(id, sizeof id, "pool/%d-%d", (int)gettid(), i);
        if (ks_ledger_add(l, id, &e) < 0)
            abort();
    }
    return NULL;
}

static void several_threads_write(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct ks_ledger *l = opened();
    pthread_t threads[4];
    struct ks_strings list;

    (void)state;
    for (size_t i = 0; i < KS_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, l), 0);
    for (size_t i = 0; i < KS_COUNT(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    ks_ledger_close(l);
    l = opened();
    ks_ledger_list(l, "pool/", arena, &list);
    assert_int_equal(list.n, 80);
    ks_ledger_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_written_for_reading, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_added_is_there_for_the_next_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lists_by_prefix_sorted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_note_outlives_its_replacement, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_is_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_threads_write, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
