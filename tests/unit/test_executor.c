/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The executor over actuators that can fail, wait and count: order, parallelism, failures, an end on request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <time.h>

#include "reconciler/executor.h"
#include "tree.h"

static struct ks_arena *arena;
static struct ks_arena *seen; /* the actuators' own: the executor's belongs to its threads while they run */
static struct ks_plan plan;
static struct ks_execution x;
static _Atomic bool cancelled;

/* What the actuators saw. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ks_text order; /* names in the order of their end */
static atomic_int at_once, most_at_once;
static const char *const *failing;
static enum ks_outcome outcome;
static unsigned work_ms;
static const char *cancel_in;

static int set_up(void **state)
{
    (void)state;
    arena = ks_arena_new();
    plan = (struct ks_plan){.arena = arena, .host = "h"};
    seen = ks_arena_new();
    order = (struct ks_text){.arena = seen};
    at_once = most_at_once = 0;
    failing = NULL;
    outcome = KS_CHANGED;
    work_ms = 0;
    cancel_in = NULL;
    cancelled = false;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ks_arena_free(arena);
    ks_arena_free(seen);
    return 0;
}

static int act(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    const struct timespec pause = {0, work_ms * 1000000L};
    const int now = atomic_fetch_add(&at_once, 1) + 1;
    int most = atomic_load(&most_at_once);

    while (now > most && !atomic_compare_exchange_weak(&most_at_once, &most, now))
        ;
    if (a->arena == arena) /* the step's own, or threads would meet in it */
        abort();
    ks_tell(a, step, "working", 50);
    (void)nanosleep(&pause, NULL);
    (void)pthread_mutex_lock(&lock);
    ks_text_addf(&order, "%s%s", order.n ? " " : "", step->name);
    if (ks_streq(cancel_in, step->name))
        cancelled = true;
    (void)pthread_mutex_unlock(&lock);
    (void)atomic_fetch_sub(&at_once, 1);
    for (size_t i = 0; failing && failing[i]; i++)
        if (ks_streq(failing[i], step->name))
            return ks_fail(err, KS_E_VIRT, KS_NOWHERE, "no room for %s", step->name);
    *ret = outcome;
    return 0;
}

/* Adds a step; `needs` and `follows` are ids parted by blanks. */
static struct ks_step *add(const char *kind, const char *name, const char *needs, const char *follows)
{
    struct ks_step *s = ks_new(arena, struct ks_step);
    const char *lists[] = {needs, follows};

    s->id = ks_sprintf(arena, "%s/%s", kind, name);
    s->kind = kind;
    s->name = name;
    for (size_t i = 0; i < 2; i++) {
        char *copy = ks_strdup(arena, lists[i] ? lists[i] : ""), *save = NULL;
        for (char *id = strtok_r(copy, " ", &save); id; id = strtok_r(NULL, " ", &save))
            *ks_vec_add(arena, i ? &s->follows : &s->needs) = id;
    }
    *ks_vec_add(arena, &plan) = s;
    return s;
}

static void execute(unsigned threads)
{
    static const struct ks_actuator actuators[] = {{"guest", act}, {"pool", act}, {"volume", act}};

    x.plan = &plan;
    x.actuators = actuators;
    x.n_actuators = KS_COUNT(actuators);
    x.arena = arena;
    x.threads = threads;
    x.acting.cancelled = &cancelled;
    ks_execute(&x);
}

static void fresh(void)
{
    x = (struct ks_execution){0};
}

static const struct ks_step_result *result(const char *id)
{
    for (size_t i = 0; i < plan.n; i++)
        if (ks_streq(x.results[i].step->id, id))
            return &x.results[i];
    fail_msg("no step %s", id);
    return NULL;
}

static void is(const char *id, enum ks_step_status want)
{
    if (result(id)->status != want)
        fail_msg("%s is %s, not %s", id, ks_step_status_name(result(id)->status), ks_step_status_name(want));
}

static void an_empty_plan_ends(void **state)
{
    (void)state;
    fresh();
    execute(4);
    assert_false(ks_execution_changed(&x));
}

static void one_thread_keeps_the_order(void **state)
{
    (void)state;
    fresh();
    add("pool", "p", NULL, NULL);
    add("volume", "p/v", "pool/p", NULL);
    add("guest", "b", NULL, NULL);
    add("guest", "a", "volume/p/v", NULL);
    execute(1);
    assert_string_equal(order.buf, "p p/v b a");
    assert_int_equal(x.counts[KS_STEP_DONE], 4);
    assert_true(ks_execution_changed(&x));
}

static void needs_and_follows_are_waited_for(void **state)
{
    (void)state;
    fresh();
    work_ms = 5;
    add("guest", "a", NULL, NULL);
    add("guest", "b", "guest/a", NULL);
    add("guest", "c", NULL, "guest/b");
    add("guest", "d", "guest/c guest/not-there", "guest/not-there");
    execute(4);
    assert_string_equal(order.buf, "a b c d");
    assert_int_equal(most_at_once, 1);
}

static void independent_steps_run_at_once_and_not_too_many(void **state)
{
    (void)state;
    fresh();
    work_ms = 40;
    for (int i = 0; i < 12; i++)
        add("guest", ks_sprintf(arena, "g%d", i), NULL, NULL);
    execute(0);
    assert_int_equal(x.counts[KS_STEP_DONE], 12);
    assert_int_equal(most_at_once, 4);
}

/* libvirt answers "asynchronous jobs running" otherwise. */
static void volumes_of_one_pool_take_turns(void **state)
{
    (void)state;
    fresh();
    work_ms = 10;
    for (int i = 0; i < 6; i++)
        add("volume", ks_sprintf(arena, "p/v%d", i), NULL, NULL);
    execute(4);
    assert_int_equal(most_at_once, 1);
    assert_int_equal(x.counts[KS_STEP_DONE], 6);
}

static void two_steps_of_one_thing_take_turns(void **state)
{
    (void)state;
    fresh();
    work_ms = 20;
    add("guest", "a", NULL, NULL);
    add("guest", "a", NULL, NULL)->id = "guest/a:start";
    execute(4);
    assert_int_equal(most_at_once, 1);
}

static void the_rest_goes_on_when_one_fails(void **state)
{
    static const char *const names[] = {"a", NULL};

    (void)state;
    fresh();
    failing = names;
    add("guest", "a", NULL, NULL);
    add("guest", "b", "guest/a", NULL);
    add("guest", "c", "guest/b", NULL);
    add("guest", "d", NULL, "guest/a");
    add("guest", "e", NULL, NULL);
    execute(4);
    is("guest/a", KS_STEP_FAILED);
    assert_string_equal(result("guest/a")->detail, "no room for a");
    assert_int_equal(result("guest/a")->code, KS_E_VIRT);
    is("guest/b", KS_STEP_SKIPPED);
    assert_string_equal(result("guest/b")->detail, "needs guest a, which is failed");
    is("guest/c", KS_STEP_SKIPPED);
    assert_string_equal(result("guest/c")->detail, "needs guest b, which is skipped");
    is("guest/d", KS_STEP_DONE);
    is("guest/e", KS_STEP_DONE);
}

static void held_and_blocked_steps_are_left(void **state)
{
    (void)state;
    fresh();
    add("guest", "a", NULL, NULL)->held = "--allow restart";
    add("guest", "b", NULL, NULL)->blocked = "somebody has it";
    add("guest", "c", NULL, "guest/a guest/b");
    add("guest", "d", "guest/b", NULL);
    execute(2);
    is("guest/a", KS_STEP_HELD);
    is("guest/b", KS_STEP_BLOCKED);
    is("guest/c", KS_STEP_DONE);
    is("guest/d", KS_STEP_SKIPPED);
    assert_string_equal(order.buf, "c");
}

static bool wants_b(void *data, const struct ks_step *step)
{
    (void)data;
    return ks_streq(step->name, "b");
}

static void only_what_is_wanted_is_done(void **state)
{
    (void)state;
    fresh();
    x.wanted = wants_b;
    add("guest", "a", NULL, NULL);
    add("guest", "b", NULL, "guest/a");
    execute(2);
    is("guest/a", KS_STEP_LEFT);
    is("guest/b", KS_STEP_DONE);
    assert_string_equal(order.buf, "b");
}

static void outcomes_become_statuses(void **state)
{
    static const struct {
        enum ks_outcome outcome;
        enum ks_step_status status;
        bool changed;
    } cases[] = {
        {KS_NOOP, KS_STEP_NOOP, false},
        {KS_CHANGED, KS_STEP_DONE, true},
        {KS_WOULD_CHANGE, KS_STEP_WOULD, false},
        {KS_PENDING, KS_STEP_PENDING, true},
    };

    (void)state;
    add("guest", "a", NULL, NULL);
    add("guest", "b", "guest/a", NULL);
    for (size_t i = 0; i < KS_COUNT(cases); i++) {
        fresh();
        outcome = cases[i].outcome;
        execute(2);
        is("guest/a", cases[i].status);
        is("guest/b", cases[i].status);
        assert_int_equal(ks_execution_changed(&x), cases[i].changed);
    }
}

static void an_end_on_request_finishes_what_runs(void **state)
{
    (void)state;
    fresh();
    cancel_in = "b";
    add("guest", "a", NULL, NULL);
    add("guest", "b", NULL, NULL);
    add("guest", "c", NULL, NULL);
    add("guest", "d", "guest/c", NULL);
    execute(1);
    assert_string_equal(order.buf, "a b");
    is("guest/b", KS_STEP_DONE);
    is("guest/c", KS_STEP_CANCELLED);
    is("guest/d", KS_STEP_CANCELLED);
}

static void a_kind_without_actuator_fails(void **state)
{
    (void)state;
    fresh();
    add("moon", "a", NULL, NULL);
    execute(2);
    is("moon/a", KS_STEP_FAILED);
    assert_int_equal(result("moon/a")->code, KS_E_BUG);
}

/* ---- with a journal -------------------------------------------------------------------------------------------
 */

static void the_journal_tells_each_step(void **state)
{
    static const char *const names[] = {"b", NULL};
    struct tree t;
    struct ks_error err = {0};
    char *text;
    size_t len;

    (void)state;
    tree_new(&t);
    fresh();
    failing = names;
    add("guest", "a", NULL, NULL);
    add("guest", "b", "guest/a", NULL);
    add("guest", "c", "guest/b", NULL);
    assert_int_equal(ks_journal_open(t.root, "r", &x.journal, &err), 0);
    execute(2);
    ks_journal_close(x.journal);
    assert_int_equal(ks_file_read(t.root, "journal.jsonl", 1 << 20, arena, &text, &len, &err), 0);
    const char *at = text;
    static const char *const parts[] = {"\"started\",\"step\":\"guest/a\"", "\"done\",\"step\":\"guest/a\"",
                                        "\"started\",\"step\":\"guest/b\"",
                                        "\"failed\",\"step\":\"guest/b\",\"detail\":\"no room for b\""};
    for (size_t i = 0; i < KS_COUNT(parts); i++) {
        at = strstr(at, parts[i]);
        assert_non_null(at);
    }
    assert_null(strstr(text, "guest/c"));
    tree_done(&t);
}

/* What cannot be written down beforehand is not done. */
static void no_journal_no_change(void **state)
{
    struct tree t;
    struct ks_error err = {0};

    (void)state;
    tree_new(&t);
    assert_int_equal(symlinkat("/dev/full", t.root, "journal.jsonl"), 0);
    fresh();
    add("guest", "a", NULL, NULL);
    add("guest", "b", NULL, NULL);
    if (ks_journal_open(t.root, "r", &x.journal, &err) == 0) {
        execute(1);
        ks_journal_close(x.journal);
        is("guest/a", KS_STEP_FAILED);
        is("guest/b", KS_STEP_CANCELLED);
        assert_int_equal(order.n, 0);
        assert_non_null(x.journal_problem);
    }
    ks_error_done(&err);
    tree_done(&t);
}

/* Random graphs: nothing ends before what it needs, everything ends. */
static void random_graphs_hold(void **state)
{
    (void)state;
    srandom(1);
    for (int round = 0; round < 30; round++) {
        const int n = 60;
        (void)tear_down(state);
        (void)set_up(state);
        fresh();
        for (int i = 0; i < n; i++) {
            const char *needs = i ? ks_sprintf(arena, "guest/g%ld", random() % i) : NULL;
            const char *follows = i ? ks_sprintf(arena, "guest/g%ld", random() % i) : NULL;
            add("guest", ks_sprintf(arena, "g%d", i), random() % 2 ? needs : NULL, random() % 2 ? follows : NULL);
        }
        execute(4);
        assert_int_equal(x.counts[KS_STEP_DONE], n);
        const char *ended = ks_sprintf(arena, " %s ", order.buf);
        for (size_t i = 0; i < plan.n; i++) {
            const struct ks_step *s = plan.v[i];
            const char *own = strstr(ended, ks_sprintf(arena, " %s ", s->name));
            for (size_t k = 0; k < s->needs.n; k++)
                assert_true(strstr(ended, ks_sprintf(arena, " %s ", strchr(s->needs.v[k], '/') + 1)) < own);
            for (size_t k = 0; k < s->follows.n; k++)
                assert_true(strstr(ended, ks_sprintf(arena, " %s ", strchr(s->follows.v[k], '/') + 1)) < own);
        }
    }
}

/* ---- under a guard ---- */

static bool refuses, loses;
static int begun, ended;
static const char *failed_word;

static bool covers(void *data, const struct ks_step *step)
{
    (void)data;
    return step->name[0] == 'n';
}

static int begin(void *data, struct ks_error *err)
{
    (void)data;
    begun++;
    (void)pthread_mutex_lock(&lock);
    ks_text_addf(&order, "%s<", order.n ? " " : "");
    (void)pthread_mutex_unlock(&lock);
    return refuses ? ks_fail(err, KS_E_IO, KS_NOWHERE, "no guardian") : 0;
}

static int end(void *data, bool failed, struct ks_error *err)
{
    (void)data;
    ended++;
    failed_word = failed ? "failed" : "";
    (void)usleep(20000); /* whoever does not wait for it is seen */
    (void)pthread_mutex_lock(&lock);
    ks_text_add(&order, " >");
    (void)pthread_mutex_unlock(&lock);
    return failed || loses ? ks_fail(err, KS_E_VERIFY, KS_NOWHERE, "rolled back") : 0;
}

static void execute_guarded(unsigned threads)
{
    static const struct ks_guard guard = {NULL, covers, begin, end};

    begun = ended = 0;
    x.guard = &guard;
    execute(threads);
}

static void add_guarded(void)
{
    fresh();
    refuses = loses = false;
    add("guest", "n1", NULL, NULL);
    add("guest", "n2", NULL, "guest/n1");
    add("guest", "on-n1", "guest/n1", NULL);
    add("guest", "on-n2", NULL, "guest/n2");
}

static void what_needs_guarded_steps_waits_until_they_are_kept(void **state)
{
    (void)state;
    add_guarded();
    execute_guarded(4);
    assert_true(ks_starts(order.buf, "< n1 n2 > on-n"));
    assert_int_equal(x.counts[KS_STEP_DONE], 4);
    assert_int_equal(begun + ended, 2);
    assert_false(x.rolled_back);
}

static void what_is_rolled_back_has_failed(void **state)
{
    (void)state;
    add_guarded();
    loses = true;
    execute_guarded(4);
    assert_string_equal(order.buf, "< n1 n2 > on-n2"); /* that one follows, and needs nothing */
    is("guest/n1", KS_STEP_FAILED);
    is("guest/n2", KS_STEP_FAILED);
    is("guest/on-n1", KS_STEP_SKIPPED);
    assert_string_equal(result("guest/n1")->detail, "rolled back");
    assert_int_equal(x.counts[KS_STEP_FAILED], 2);
    assert_true(x.rolled_back && ks_execution_changed(&x));
}

static void a_failure_ends_the_guard_at_once(void **state)
{
    static const char *const fails[] = {"n1", NULL};

    (void)state;
    add_guarded();
    failing = fails;
    execute_guarded(4);
    assert_string_equal(failed_word, ""); /* of n2, under a guard of its own: it only follows */
    assert_string_equal(order.buf, "< n1 > < n2 > on-n2");
    assert_string_equal(result("guest/n1")->detail, "no room for n1; rolled back");
    is("guest/n2", KS_STEP_DONE);
}

static void without_a_guard_nothing_is_tried(void **state)
{
    (void)state;
    fresh();
    refuses = true;
    loses = false;
    add("guest", "n1", NULL, NULL);
    add("guest", "n2", "guest/n1", NULL);
    execute_guarded(4);
    assert_string_equal(order.buf, "<");
    is("guest/n1", KS_STEP_FAILED);
    is("guest/n2", KS_STEP_SKIPPED);
    assert_int_equal(ended, 0);
    assert_false(ks_execution_changed(&x));
}

/* A guarded step that needs one outside, which needs a guarded one: the guard is asked twice. */
static void guards_alternate_with_what_stands_between(void **state)
{
    (void)state;
    fresh();
    refuses = loses = false;
    add("guest", "n1", NULL, NULL);
    add("guest", "a", "guest/n1", NULL);
    add("guest", "n2", "guest/a", NULL);
    execute_guarded(4);
    assert_string_equal(order.buf, "< n1 > a < n2 >");
    assert_int_equal(x.counts[KS_STEP_DONE], 3);
}

static void an_end_on_request_settles_the_guard(void **state)
{
    (void)state;
    add_guarded();
    cancel_in = "n1";
    execute_guarded(4);
    assert_string_equal(order.buf, "< n1 >");
    is("guest/n1", KS_STEP_DONE);
    is("guest/n2", KS_STEP_CANCELLED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_empty_plan_ends),
        TEST(one_thread_keeps_the_order),
        TEST(needs_and_follows_are_waited_for),
        TEST(independent_steps_run_at_once_and_not_too_many),
        TEST(volumes_of_one_pool_take_turns),
        TEST(two_steps_of_one_thing_take_turns),
        TEST(the_rest_goes_on_when_one_fails),
        TEST(held_and_blocked_steps_are_left),
        TEST(only_what_is_wanted_is_done),
        TEST(outcomes_become_statuses),
        TEST(an_end_on_request_finishes_what_runs),
        TEST(a_kind_without_actuator_fails),
        TEST(the_journal_tells_each_step),
        TEST(no_journal_no_change),
        TEST(random_graphs_hold),
        TEST(what_needs_guarded_steps_waits_until_they_are_kept),
        TEST(what_is_rolled_back_has_failed),
        TEST(a_failure_ends_the_guard_at_once),
        TEST(without_a_guard_nothing_is_tried),
        TEST(guards_alternate_with_what_stands_between),
        TEST(an_end_on_request_settles_the_guard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
