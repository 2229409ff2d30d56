/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan of so many guests that threads share them: what comes of it is what one would have made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planners/planners.h"

enum { GUESTS = 400, FAULTY = 7 }; /* every seventh wants a CPU that is not there */

static int read_text(void *data, const char *path, struct ks_arena *arena, char **ret, size_t *ret_len,
                     struct ks_error *err)
{
    (void)path, (void)err;
    *ret = ks_strdup(arena, data);
    *ret_len = strlen(data);
    return 0;
}

/* Guests `from` to `to`, one line each behind the head's three. */
static const struct ks_plan *plan(struct ks_arena *arena, unsigned from, unsigned to, bool faulty,
                                  struct ks_findings *findings)
{
    static const struct ks_plan_options options;
    struct ks_observed have = {.host = "h"};
    struct ks_text text = {.arena = arena};
    struct ks_files files = {.read = read_text};

    assert_null(ks_cpuset_parse(arena, "0-3", &have.cpus));
    ks_text_add(&text, "version: 1\nhost: h\nguests:\n");
    for (unsigned i = from; i < to; i++)
        ks_text_addf(&text, "  vm%u: {memory: %uMiB, vcpus: 1, pinning: {emulator: %s}}\n", i, 64 + i,
                     faulty && i % FAULTY == 0 ? "9" : "1");
    files.data = (void *)(uintptr_t)ks_text_str(&text);
    *findings = (struct ks_findings){.arena = arena};
    const struct ks_manifest *want = ks_manifest_load(arena, &files, "h.yaml", NULL, findings);
    for (size_t i = 0; i < findings->n && i < 3; i++)
        print_message("%s\n", findings->v[i].msg);
    assert_int_equal(findings->n_errors, 0);
    return ks_plan_make(arena, (struct ks_manifest *)(uintptr_t)want, &have, &options, findings);
}

static void steps_are_those_of_each_alone(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct ks_findings findings;
    const struct ks_plan *all = plan(arena, 0, GUESTS, false, &findings);

    (void)state;
    assert_int_equal(all->n, GUESTS);
    for (unsigned i = 0; i < GUESTS; i += 37) {
        const struct ks_plan *one = plan(arena, i, i + 1, false, &findings);
        assert_int_equal(one->n, 1);
        assert_string_equal(all->v[i]->id, one->v[0]->id);
        assert_int_equal(all->v[i]->fields.n, one->v[0]->fields.n);
        for (size_t k = 0; k < one->v[0]->fields.n; k++)
            assert_string_equal(all->v[i]->fields.v[k].to, one->v[0]->fields.v[k].to);
    }
}

static void findings_come_in_their_order(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct ks_findings findings;

    (void)state;
    (void)plan(arena, 0, GUESTS, true, &findings);
    assert_int_equal(findings.n, (GUESTS + FAULTY - 1) / FAULTY);
    assert_int_equal(findings.n_errors, findings.n);
    for (unsigned i = 0; i < findings.n; i++) {
        assert_int_equal(findings.v[i].at.line, 4 + FAULTY * i);
        assert_non_null(strstr(findings.v[i].msg, "host CPUs 9"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_those_of_each_alone),
        cmocka_unit_test(findings_come_in_their_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
