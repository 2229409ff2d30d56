/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/base.h"

#include <setjmp.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct ks_arena *arena;
static struct ks_error err;
static char dir[] = "/tmp/ks-test-file-XXXXXX";
static int root;

static void expect_code(int ret, enum ks_code code)
{
    assert_int_equal(ret, -1);
    if (err.code != code)
        fail_msg("%s: %s", ks_code_name(err.code), ks_error_text(arena, &err));
    assert_true(err.n > 0);
    ks_error_done(&err);
}

static void expect_done(int ret)
{
    if (ret)
        fail_msg("%s", ks_error_text(arena, &err));
}

static void put(const char *path, const char *text)
{
    expect_done(ks_file_replace(root, path, text, strlen(text), 0644, &err));
}

static const char *get(const char *path)
{
    char *text;

    expect_done(ks_file_read(root, path, 1 << 20, arena, &text, NULL, &err));
    return text;
}

static void expect_names(const char *path, const char *expected)
{
    struct ks_strings names;
    struct ks_text text = {.arena = arena};

    expect_done(ks_dir_list(root, path, arena, &names, &err));
    for (size_t i = 0; i < names.n; i++)
        ks_text_addf(&text, "%s%s", i ? " " : "", names.v[i]);
    assert_string_equal(ks_text_str(&text), expected);
}

static void root_must_be_a_directory(void **state)
{
    (void)state;
    int fd = 77;

    expect_code(ks_root_open("/nowhere/at/all", &fd, &err), KS_E_NOT_FOUND);
    expect_code(ks_root_open("/dev/null", &fd, &err), KS_E_NOT_FOUND);
    assert_int_equal(fd, 77);
}

static void read_keeps_to_its_limit(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 77;

    put("ten", "0123456789");
    expect_done(ks_file_read(root, "/ten", 10, arena, &text, &len, &err));
    assert_string_equal(text, "0123456789");
    assert_int_equal(len, 10);
    text = NULL;
    expect_code(ks_file_read(root, "ten", 9, arena, &text, &len, &err), KS_E_INVALID);
    assert_null(text);
    expect_code(ks_file_read(root, "ten", 0, arena, &text, &len, &err), KS_E_INVALID);
    put("none", "");
    expect_done(ks_file_read(root, "none", 0, arena, &text, &len, &err));
    assert_int_equal(len, 0);
    assert_string_equal(text, "");
    expect_code(ks_file_read(root, "missing", 10, arena, &text, &len, &err), KS_E_NOT_FOUND);
    expect_code(ks_file_read(root, "ten/below", 10, arena, &text, &len, &err), KS_E_NOT_FOUND);
    expect_code(ks_file_read(root, "/", 10, arena, &text, &len, &err), KS_E_IO);
}

static void read_of_every_length(void **state)
{
    (void)state;
    enum { LARGEST = 40000 };
    static char data[LARGEST];

    for (size_t i = 0; i < LARGEST; i++)
        data[i] = (char)(i * 7 % 256); /* with NUL bytes */
    for (size_t n = 4090; n < LARGEST; n = n < 4100 ? n + 1 : n * 2) {
        char *text;
        size_t len;

        expect_done(ks_file_replace(root, "data", data, n, 0600, &err));
        expect_done(ks_file_read(root, "data", n, arena, &text, &len, &err));
        assert_int_equal(len, n);
        assert_memory_equal(text, data, n);
        assert_int_equal(text[n], 0);
        expect_code(ks_file_read(root, "data", n - 1, arena, &text, &len, &err), KS_E_INVALID);
    }
}

/* Sizes that stat() does not know: a pipe that is fed slowly, and procfs. */
static void read_without_a_size(void **state)
{
    (void)state;
    int ends[2], status;
    char *text;
    size_t len;

    assert_int_equal(pipe(ends), 0);

    pid_t pid = fork();

    if (pid == 0) {
        close(ends[0]);
        for (int i = 0; i < 3000; i++)
            if (write(ends[1], "0123456789", 10) != 10)
                _exit(1);
        _exit(0);
    }
    close(ends[1]);

    char *path = ks_sprintf(arena, "/proc/self/fd/%d", ends[0]);

    expect_code(ks_file_read(root, path, 1 << 20, arena, &text, &len, &err), KS_E_NOT_FOUND); /* below root */

    ks_auto(ks_closep) int slash = -1;

    expect_done(ks_root_open("/", &slash, &err));
    expect_done(ks_file_read(slash, path, 1 << 20, arena, &text, &len, &err));
    assert_int_equal(len, 30000);
    assert_memory_equal(text + 29990, "0123456789", 10);
    close(ends[0]);
    waitpid(pid, &status, 0);
    expect_done(ks_file_read(slash, "proc/self/status", 1 << 20, arena, &text, &len, &err));
    assert_true(ks_starts(text, "Name:"));
    assert_int_equal(strlen(text), len);
}

static void attributes(void **state)
{
    (void)state;
    char *text;
    uint64_t value = 77;

    put("attr", "512\n");
    expect_done(ks_attr_read(root, "attr", arena, &text, &err));
    assert_string_equal(text, "512");
    expect_done(ks_attr_read_u64(root, "attr", &value, &err));
    assert_int_equal(value, 512);
    put("attr", "0x8086");
    expect_done(ks_attr_read_u64(root, "attr", &value, &err));
    assert_int_equal(value, 0x8086);
    put("attr", "\n");
    expect_done(ks_attr_read(root, "attr", arena, &text, &err));
    assert_string_equal(text, "");
    put("attr", "one\ntwo\n");
    expect_code(ks_attr_read(root, "attr", arena, &text, &err), KS_E_INVALID);
    value = 77;
    for (const char *const *bad =
             (const char *const[]){"-1", "", "x", "0x", "0xg", "0x12345678123456789", "1 2", NULL};
         *bad; bad++) {
        put("attr", *bad);
        expect_code(ks_attr_read_u64(root, "attr", &value, &err), KS_E_INVALID);
    }
    assert_int_equal(value, 77);
    expect_code(ks_attr_read(root, "missing", arena, &text, &err), KS_E_NOT_FOUND);

    char longest[4098];

    memset(longest, 'x', sizeof longest - 1);
    longest[4097] = '\0';
    put("attr", longest);
    expect_code(ks_attr_read(root, "attr", arena, &text, &err), KS_E_INVALID);
    longest[4096] = '\0';
    put("attr", longest);
    expect_done(ks_attr_read(root, "attr", arena, &text, &err));
    assert_string_equal(text, longest);
}

static void attribute_writes(void **state)
{
    (void)state;
    put("numvfs", "16\n");
    expect_done(ks_attr_write(root, "/numvfs", "4", &err));
    assert_string_equal(get("numvfs"), "4"); /* no tail of the longer value */
    expect_code(ks_attr_write(root, "missing", "4", &err), KS_E_NOT_FOUND);
    assert_false(ks_file_exists(root, "missing"));

    /* A real attribute, and a device that refuses. */
    ks_auto(ks_closep) int slash = -1;
    char *text;

    expect_done(ks_root_open("/", &slash, &err));
    expect_done(ks_attr_write(slash, "/proc/self/comm", "ks-renamed", &err));
    expect_done(ks_attr_read(slash, "/proc/self/comm", arena, &text, &err));
    assert_string_equal(text, "ks-renamed");
    assert_int_equal(ks_attr_write(slash, "/dev/full", "4", &err), -1);
    assert_int_equal(err.code, KS_E_IO);
    assert_int_equal(err.sys_errno, ENOSPC);
    assert_string_equal(ks_error_text(arena, &err), "cannot write '4' to /dev/full: No space left on device");
    ks_error_done(&err);
}

static void replace_writes_mode_and_text(void **state)
{
    (void)state;
    mode_t old = umask(077);
    struct stat st;

    put("file", "old text that is longer");
    put("file", "new");
    umask(old);
    assert_string_equal(get("file"), "new");
    assert_int_equal(fstatat(root, "file", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    expect_done(ks_mkdirs(root, "sub", 0755, &err));
    put("sub/file", "below");
    assert_string_equal(get("sub/file"), "below");
    expect_names("sub", "file");
    expect_code(ks_file_replace(root, "nodir/file", "x", 1, 0600, &err), KS_E_NOT_FOUND);
}

static void replace_that_fails_leaves_the_old(void **state)
{
    (void)state;
    struct rlimit before, small;
    char large[1000] = "";

    expect_done(ks_mkdirs(root, "fails/is-dir/x", 0755, &err));
    put("fails/file", "old");
    expect_code(ks_file_replace(root, "fails/is-dir", "x", 1, 0600, &err), KS_E_IO);

    /* A disk that fills up in the middle: the limit stands in for it. */
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = 100, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);

    int ret = ks_file_replace(root, "fails/file", large, sizeof large, 0600, &err);

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(err.sys_errno, EFBIG);
    expect_code(ret, KS_E_IO);
    assert_string_equal(get("fails/file"), "old");
    expect_names("fails", "file is-dir"); /* and no litter */
}

static void replace_steps_over_what_a_killed_run_left(void **state)
{
    (void)state;
    expect_done(ks_mkdirs(root, "left", 0755, &err));
    for (int i = 0; i < 500; i++) {
        int fd = openat(root, ks_sprintf(arena, "left/.file.%ld-%d", (long)getpid(), i), O_CREAT | O_WRONLY, 0600);

        assert_true(fd >= 0);
        close(fd);
    }
    put("left/file", "new");
    assert_string_equal(get("left/file"), "new");
}

/* A reader sees one text or the other, whole. */
static void replace_is_atomic(void **state)
{
    (void)state;
    enum { LEN = 20000, ROUNDS = 40 };
    static char data[LEN];
    int status;

    memset(data, 'a', LEN);
    expect_done(ks_file_replace(root, "atomic", data, LEN, 0600, &err));

    pid_t pid = fork();

    if (pid == 0) {
        for (int i = 0; i < ROUNDS; i++) {
            memset(data, 'a' + i % 2, LEN);
            if (ks_file_replace(root, "atomic", data, LEN, 0600, &err) < 0)
                _exit(1);
        }
        _exit(0);
    }
    while (waitpid(pid, &status, WNOHANG) == 0) {
        ks_auto(ks_arena_freep) struct ks_arena *mine = ks_arena_new();
        char *text;
        size_t len;

        expect_done(ks_file_read(root, "atomic", LEN, mine, &text, &len, &err));
        assert_int_equal(len, LEN);
        for (size_t i = 1; i < len; i++)
            assert_int_equal(text[i], text[0]);
    }
    assert_int_equal(status, 0);
}

static void mkdirs(void **state)
{
    (void)state;
    mode_t old = umask(077);
    struct stat st;

    expect_done(ks_mkdirs(root, "/a//b/c/", 0751, &err));
    umask(old);
    assert_int_equal(fstatat(root, "a/b/c", &st, 0), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0751);
    assert_int_equal(fstatat(root, "a", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0751);
    expect_done(ks_mkdirs(root, "a/b", 0700, &err)); /* there already: as it is */
    assert_int_equal(fstatat(root, "a/b", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0751);
    expect_done(ks_mkdirs(root, "/", 0700, &err));
    put("a/plain", "");
    assert_int_equal(ks_mkdirs(root, "a/plain", 0700, &err), -1);
    assert_int_equal(err.sys_errno, ENOTDIR);
    assert_int_equal(ks_mkdirs(root, "a/plain/x", 0700, &err), -1);
    assert_int_equal(err.sys_errno, ENOTDIR);
    ks_error_done(&err);
}

static void list_in_natural_order(void **state)
{
    (void)state;
    struct ks_strings names = {.n = 77};

    expect_done(ks_mkdirs(root, "list/vf10", 0755, &err));
    expect_done(ks_mkdirs(root, "list/vf2", 0755, &err));
    put("list/.hidden", "");
    put("list/vf1", "");
    expect_names("list", ".hidden vf1 vf2 vf10");
    expect_names("list/vf10", "");
    expect_code(ks_dir_list(root, "missing", arena, &names, &err), KS_E_NOT_FOUND);
    expect_code(ks_dir_list(root, "list/vf1", arena, &names, &err), KS_E_NOT_FOUND);
    assert_int_equal(names.n, 77);
    assert_true(ks_file_exists(root, "/list/vf1"));
    assert_false(ks_file_exists(root, "list/vf3"));
}

static int setup(void **state)
{
    (void)state;
    arena = ks_arena_new();
    return mkdtemp(dir) && ks_root_open(dir, &root, &err) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char *command = ks_sprintf(arena, "rm -rf '%s'", dir);
    int ret = system(command);

    close(root);
    ks_arena_free(arena);
    return ret;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_must_be_a_directory),
        cmocka_unit_test(read_keeps_to_its_limit),
        cmocka_unit_test(read_of_every_length),
        cmocka_unit_test(read_without_a_size),
        cmocka_unit_test(attributes),
        cmocka_unit_test(attribute_writes),
        cmocka_unit_test(replace_writes_mode_and_text),
        cmocka_unit_test(replace_that_fails_leaves_the_old),
        cmocka_unit_test(replace_steps_over_what_a_killed_run_left),
        cmocka_unit_test(replace_is_atomic),
        cmocka_unit_test(mkdirs),
        cmocka_unit_test(list_in_natural_order),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
