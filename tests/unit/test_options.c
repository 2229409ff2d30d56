/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: what its tables accept and refuse, and that the pages made of them are true. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reconciler/cli.h"
#include "schema/schema.h"

struct fixture {
    struct ks_arena *arena;
    struct ks_options o;
    struct ks_error err;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->arena = ks_arena_new();
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    ks_error_done(&f->err);
    ks_arena_free(f->arena);
    free(f);
    return 0;
}

/* Parses "kvmstate" and the words of a line that are parted by blanks. */
static int parse(struct fixture *f, const char *line)
{
    static char program[] = "kvmstate";
    char *copy = ks_strdup(f->arena, line), *save = NULL;
    char **argv = ks_new_n(f->arena, char *, strlen(line) + 2);
    int argc = 0;

    argv[argc++] = program;
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
        argv[argc++] = word;
    ks_error_done(&f->err);
    return ks_options_parse(f->arena, argc, argv, &f->o, &f->err);
}

static void refused(struct fixture *f, const char *line, const char *why)
{
    if (parse(f, line) == 0)
        fail_msg("accepted: %s", line);
    assert_int_equal(f->err.code, KS_E_USAGE);
    assert_string_equal(ks_error_text(f->arena, &f->err), why);
}

static void values(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(parse(f, "plan -f a.yaml --host=h1 --connect test:///default --json -qo out"), 0);
    assert_string_equal(f->o.command->name, "plan");
    assert_string_equal(f->o.file, "a.yaml");
    assert_string_equal(f->o.host, "h1");
    assert_string_equal(f->o.connect, "test:///default");
    assert_string_equal(f->o.out, "out");
    assert_true(f->o.json && f->o.quiet && !f->o.verbose);
    assert_int_equal(parse(f, "--root /r -fb.yaml validate --all"), 0);
    assert_string_equal(f->o.root, "/r");
    assert_string_equal(f->o.file, "b.yaml");
    assert_true(f->o.all);
    assert_int_equal(parse(f, "plan --color never"), 0);
    assert_int_equal(f->o.color, KS_COLOR_NEVER);
}

static void lists(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(parse(f, "apply --allow restart,data-loss --allow network -t guest/a -t volume/p/v -t pool"),
                     0);
    assert_int_equal(f->o.allow, 1U << KS_RESTART | 1U << KS_DATA_LOSS | 1U << KS_NETWORK);
    assert_int_equal(f->o.targets.n, 3);
    assert_string_equal(f->o.targets.v[1], "volume/p/v");
    assert_int_equal(parse(f, "apply -- --odd"), 0);
    assert_string_equal(f->o.args.v[0], "--odd");
}

static void refusals(void **state)
{
    struct fixture *f = *state;

    refused(f, "", "a command is missing");
    refused(f, "aply", "unknown command 'aply'; did you mean 'apply'?");
    refused(f, "zzz", "unknown command 'zzz'");
    refused(f, "plan --detailed-exit-code",
            "unknown option '--detailed-exit-code'; did you mean "
            "'--detailed-exitcode'?");
    refused(f, "plan -Z", "unknown option '-Z'");
    refused(f, "plan --file", "--file needs a value: FILE");
    refused(f, "plan --file=", "--file needs a value: FILE");
    refused(f, "plan --json=yes", "--json takes no value");
    refused(f, "plan -f a -f b", "--file is given twice");
    refused(f, "plan a", "plan: one argument too many: 'a'");
    refused(f, "apply a b", "apply: one argument too many: 'b'");
    refused(f, "validate --allow restart", "validate takes no --allow");
    refused(f, "plan --allow safe", "--allow: 'safe' is none of restart, delete, data-loss, network");
    refused(f, "plan --allow restrat",
            "--allow: 'restrat' is none of restart, delete, data-loss, network; did you mean 'restart'?");
    refused(f, "plan --allow restart,", "--allow: '' is none of restart, delete, data-loss, network");
    refused(f, "plan --target gest/a", "--target gest/a: no such kind; did you mean 'guest/a'?");
    refused(f, "plan --target guest/", "--target guest/: expected KIND/NAME");
    refused(f, "plan --color sometimes", "--color takes auto, always or never, not 'sometimes'");
    refused(f, "plan -f a --repo b", "--file and --repo exclude each other");
    refused(f, "plan -f a --ref b", "--ref says something about a git repository; --file is none");
    refused(f, "plan -q -v", "--quiet and --verbose exclude each other");
}

static void help_needs_nothing(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(parse(f, "--help"), 0);
    assert_null(f->o.command);
    assert_int_equal(parse(f, "plan --help"), 0);
    assert_string_equal(f->o.command->name, "plan");
    assert_int_equal(parse(f, "--version"), 0);
    assert_true(f->o.version);
}

/* Every option of a command stands in its help, and no line is longer than a terminal. */
static void help_is_whole(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ks_n_commands; i++) {
        struct ks_text text = {.arena = f->arena};
        char *save = NULL;
        ks_help_text(&text, &ks_commands[i]);
        for (size_t k = 0; k < ks_n_options; k++) {
            const char *word = ks_sprintf(f->arena, "--%s", ks_option_table[k].name);
            const bool has = strstr(text.buf, word) != NULL;
            if (ks_option_fits(&ks_option_table[k], &ks_commands[i]) && !has)
                fail_msg("%s --help does not say %s", ks_commands[i].name, word);
        }
        for (char *line = strtok_r(text.buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
            assert_true(strlen(line) <= 80);
            assert_int_not_equal(line[strlen(line) - 1], ' ');
        }
    }
}

static void no_letter_or_name_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < ks_n_options; i++) {
        for (size_t k = i + 1; k < ks_n_options; k++) {
            assert_string_not_equal(ks_option_table[i].name, ks_option_table[k].name);
            if (ks_option_table[i].letter)
                assert_int_not_equal(ks_option_table[i].letter, ks_option_table[k].letter);
        }
    }
}

/* docs/ holds what the tables say; KS_REGENERATE=1 writes it anew. */
static void check_page(struct fixture *f, const char *path, const struct ks_text *want)
{
    const char *full = ks_sprintf(f->arena, "%s/%s", KS_SOURCE_DIR, path);
    struct ks_error err = {0};
    char *have;
    size_t len;
    int root = -1;

    if (getenv("KS_REGENERATE")) {
        ks_auto(ks_fclosep) FILE *out = fopen(full, "w");
        assert_non_null(out);
        assert_true(fputs(want->buf, out) >= 0);
    }
    assert_int_equal(ks_root_open("/", &root, &err), 0);
    assert_int_equal(ks_file_read(root, full, 1 << 20, f->arena, &have, &len, &err), 0);
    ks_closep(&root);
    if (!ks_streq(have, want->buf))
        fail_msg("%s is not what the tables say: KS_REGENERATE=1 ctest -R test_options", path);
}

static void pages_are_true(void **state)
{
    struct fixture *f = *state;
    struct ks_text man = {.arena = f->arena}, bash = {.arena = f->arena};

    ks_man_page(&man);
    check_page(f, "docs/kvmstate.1", &man);
    ks_bash_completion(&bash);
    check_page(f, "docs/kvmstate.bash", &bash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(help_needs_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(help_is_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_letter_or_name_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pages_are_true, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
