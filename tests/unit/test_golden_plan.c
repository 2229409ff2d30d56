/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Golden plans: each folder of tests/golden/plan has desired.yaml, actual.yaml (see observed_fixture.h), may have
 * `options` (words of the command line), and plan.txt: the findings and the plan's text. KS_REGENERATE=1 writes
 * plan.txt anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "observed_fixture.h"
#include "planners/planners.h"
#include "reconciler/cli.h"
#include "reconciler/report.h"

#define GOLDEN KS_SOURCE_DIR "/tests/golden/plan"

struct folder {
    int dir;
    const char *name;
    struct ks_arena *arena;
    struct ks_findings findings;
};

static char *read_or_null(int dir, const char *path, struct ks_arena *arena, size_t *ret_len)
{
    struct ks_error err = {0};
    char *text = NULL;

    if (ks_file_read(dir, path, 1 << 20, arena, &text, ret_len, &err) < 0)
        ks_error_done(&err);
    return text;
}

static int read_file(void *data, const char *path, struct ks_arena *arena, char **ret, size_t *ret_len,
                     struct ks_error *err)
{
    const struct folder *f = data;

    return ks_file_read(f->dir, path, 1 << 20, arena, ret, ret_len, err);
}

static struct ks_plan_options read_options(struct folder *f)
{
    static char program[] = "kvmstate", command[] = "plan";
    size_t len;
    char *text = read_or_null(f->dir, "options", f->arena, &len), *save = NULL;
    char *argv[32] = {program, command};
    struct ks_options options;
    struct ks_error err = {0};
    int argc = 2;

    for (char *word = text ? strtok_r(text, " \n", &save) : NULL; word; word = strtok_r(NULL, " \n", &save))
        argv[argc++] = word;
    assert_int_equal(ks_options_parse(f->arena, argc, argv, &options, &err), 0);
    return (struct ks_plan_options){
        .allow = options.allow, .n_targets = options.targets.n, .targets = options.targets.v};
}

static void add_findings(struct ks_text *out, struct ks_findings *findings)
{
    char *buf;
    size_t len;
    FILE *stream = open_memstream(&buf, &len);

    ks_findings_sort(findings);
    ks_findings_print(stream, findings, false);
    (void)fclose(stream);
    ks_text_addn(out, buf, len);
    free(buf);
}

/* The folder's plan as text, made from scratch. */
static const char *make(struct folder *f)
{
    const struct ks_files files = {.data = f, .read = read_file};
    const struct ks_plan_options options = read_options(f);
    const struct ks_report_style style = {0};
    struct ks_text out = {.arena = f->arena};
    struct ks_observed have;
    const struct ks_manifest *want;
    size_t len;
    char *actual = read_or_null(f->dir, "actual.yaml", f->arena, &len);

    f->findings = (struct ks_findings){.arena = f->arena};
    if (!actual)
        fail_msg("%s has no actual.yaml", f->name);
    want = ks_manifest_load(f->arena, &files, "desired.yaml", NULL, &f->findings);
    fx_load(f->arena, "actual.yaml", actual, len, &f->findings, &have);
    if (f->findings.n_errors == 0) {
        struct ks_plan *plan =
            ks_plan_make(f->arena, (struct ks_manifest *)(uintptr_t)want, &have, &options, &f->findings);
        const struct ks_report report = {.plan = plan, .have = &have};
        add_findings(&out, &f->findings);
        if (f->findings.n_errors == 0)
            ks_report_text(&out, &report, &style);
    } else {
        add_findings(&out, &f->findings);
    }
    return ks_text_str(&out);
}

static bool check(struct folder *f)
{
    size_t len;
    const char *text = make(f);
    const char *want = read_or_null(f->dir, "plan.txt", f->arena, &len);
    struct ks_error err = {0};

    assert_string_equal(make(f), text); /* the same inputs, the same bytes */
    if (getenv("KS_REGENERATE")) {
        assert_int_equal(ks_file_replace(f->dir, "plan.txt", text, strlen(text), 0644, &err), 0);
        return true;
    }
    if (ks_streq(want, text))
        return true;
    print_error("%s: the plan is\n%s\nand should be\n%s\n", f->name, text, want ? want : "(plan.txt is missing)");
    return false;
}

static void golden_plans(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    ks_auto(ks_closep) int top = -1;
    struct ks_strings names;
    struct ks_error err = {0};
    unsigned wrong = 0;

    (void)state;
    assert_int_equal(ks_root_open(GOLDEN, &top, &err), 0);
    assert_int_equal(ks_dir_list(top, ".", arena, &names, &err), 0);
    assert_true(names.n > 0);
    for (size_t i = 0; i < names.n; i++) {
        ks_auto(ks_arena_freep) struct ks_arena *own = ks_arena_new();
        struct folder f = {.name = names.v[i], .arena = own, .dir = -1};
        assert_int_equal(ks_root_open(ks_sprintf(own, GOLDEN "/%s", names.v[i]), &f.dir, &err), 0);
        wrong += !check(&f);
        ks_closep(&f.dir);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden_plans)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
