/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of the source: a scratch directory, and git repositories in it made by git's own commands. */
#pragma once

#include "reconciler/source.h"
#include "reconciler/source_backends.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct scratch {
    struct ks_arena *arena;
    char dir[64]; /* repository in repo/, state in state/ */
    struct ks_source_opts opts;
    struct ks_error err;
    struct ks_source_files *s;
};

/* Runs a shell command in the scratch directory; it must succeed. */
static inline void KS_PRINTF(2, 3) sh(struct scratch *t, const char *fmt, ...)
{
    char command[4096];
    int n = snprintf(command, sizeof command, "set -e; cd %s; ", t->dir);
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(command + n, sizeof command - (size_t)n, fmt, args);
    va_end(args);
    if (system(command) != 0)
        fail_msg("failed: %s", command);
}

/* What a shell command prints, without the last newline. */
static inline const char *KS_PRINTF(2, 3) sh_out(struct scratch *t, const char *fmt, ...)
{
    char command[2048], text[4096] = "";
    int n = snprintf(command, sizeof command, "cd %s; ", t->dir);
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(command + n, sizeof command - (size_t)n, fmt, args);
    va_end(args);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    size_t got = fread(text, 1, sizeof text - 1, f);
    assert_int_equal(pclose(f), 0);
    while (got > 0 && text[got - 1] == '\n')
        text[--got] = '\0';
    return ks_strdup(t->arena, text);
}

/* repo/: main with hosts/kvm1.yaml ("one") and common/storage.yaml, and a bare-minimum state directory. */
static inline int scratch_setup(void **state)
{
    struct scratch *t = calloc(1, sizeof *t);

    t->arena = ks_arena_new();
    (void)snprintf(t->dir, sizeof t->dir, "/tmp/ks-source-XXXXXX");
    assert_non_null(mkdtemp(t->dir));
    (void)setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
    (void)setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    (void)setenv("HOME", t->dir, 1);
    (void)setenv("GIT_AUTHOR_NAME", "A U Thor", 1);
    (void)setenv("GIT_AUTHOR_EMAIL", "author@example.org", 1);
    (void)setenv("GIT_COMMITTER_NAME", "A U Thor", 1);
    (void)setenv("GIT_COMMITTER_EMAIL", "author@example.org", 1);
    sh(t,
       "git init -q -b main repo; cd repo; mkdir hosts common; echo one > hosts/kvm1.yaml;"
       "echo storage > common/storage.yaml; git add .; GIT_COMMITTER_DATE='1700000000 +0000' git commit -qm first");
    t->opts.state_dir = ks_sprintf(t->arena, "%s/state", t->dir);
    t->opts.repo = ks_sprintf(t->arena, "%s/repo", t->dir);
    (void)ks_source_git_module_dir(KS_GIT_MODULE_DIR);
    *state = t;
    return 0;
}

static inline int scratch_teardown(void **state)
{
    struct scratch *t = *state;

    ks_source_free(t->s);
    ks_error_done(&t->err);
    sh(t, "rm -rf '%s'", t->dir);
    ks_arena_free(t->arena);
    free(t);
    return 0;
}

/* Opens anew; fails the test when that fails. */
static inline void opened(struct scratch *t)
{
    ks_source_free(ks_take(t->s));
    if (ks_source_open(&t->opts, &t->s, &t->err) < 0)
        fail_msg("%s", ks_error_text(t->arena, &t->err));
}

/* Must fail, with `code` and `text` somewhere in the message. */
static inline void not_opened(struct scratch *t, enum ks_code code, const char *text)
{
    ks_source_free(ks_take(t->s));
    if (ks_source_open(&t->opts, &t->s, &t->err) == 0)
        fail_msg("opened, but should have failed: %s", text);
    const char *said = ks_error_text(t->arena, &t->err);
    if (t->err.code != code || !strstr(said, text))
        fail_msg("expected %s '%s', got %s '%s'", ks_code_name(code), text, ks_code_name(t->err.code), said);
    ks_error_done(&t->err);
    assert_null(t->s);
}

static inline void reads(struct scratch *t, const char *path, const char *expected)
{
    char *text;
    size_t n;

    if (ks_source_read(t->s, path, t->arena, &text, &n, &t->err) < 0)
        fail_msg("%s: %s", path, ks_error_text(t->arena, &t->err));
    assert_string_equal(text, expected);
    assert_int_equal(n, strlen(expected));
}

static inline void not_read(struct scratch *t, const char *path, enum ks_code code, const char *text)
{
    char *got;
    size_t n;

    if (ks_source_read(t->s, path, t->arena, &got, &n, &t->err) == 0)
        fail_msg("%s: read, but should have failed: %s", path, text);
    const char *said = ks_error_text(t->arena, &t->err);
    if (t->err.code != code || !strstr(said, text))
        fail_msg("%s: expected %s '%s', got %s '%s'", path, ks_code_name(code), text, ks_code_name(t->err.code),
                 said);
    ks_error_done(&t->err);
}
