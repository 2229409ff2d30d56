/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -f: files and directories on disk, and what bounds them. */
#include "repo.h"

static void join(struct scratch *t, const char *from, const char *relative, const char *expected)
{
    const char *path = NULL;

    int r = ks_source_path(t->arena, from, relative, &path, &t->err);
    if (!expected) {
        assert_int_equal(r, -1);
        assert_int_equal(t->err.code, KS_E_INVALID);
        ks_error_done(&t->err);
        return;
    }
    if (r < 0)
        fail_msg("%s + %s: %s", from, relative, ks_error_text(t->arena, &t->err));
    assert_string_equal(path, expected);
}

static void test_paths(void **state)
{
    struct scratch *t = *state;

    join(t, "hosts/a.yaml", "../common/storage.yaml", "common/storage.yaml");
    join(t, "hosts/a.yaml", "b.yaml", "hosts/b.yaml");
    join(t, "hosts/a.yaml", "./x//b.yaml", "hosts/x/b.yaml");
    join(t, "a.yaml", "b.yaml", "b.yaml");
    join(t, NULL, "hosts/../hosts/b.yaml", "hosts/b.yaml");
    join(t, "a/b/c.yaml", "../../d", "d");
    join(t, NULL, ".", "");
    join(t, "hosts/a.yaml", "...", "hosts/...");
    join(t, "hosts/a.yaml", "../../x", NULL);
    join(t, "a.yaml", "../x", NULL);
    join(t, "a.yaml", "hosts/../../x", NULL);
    join(t, NULL, "/etc/passwd", NULL);
    join(t, NULL, "", NULL);
    join(t, NULL, "a\nb", NULL);
    join(t, NULL, ".git/config", NULL);
    join(t, "hosts/a.yaml", "../.GIT/config", NULL);
}

static void test_file_in_work_tree(void **state)
{
    struct scratch *t = *state;
    const char *path;

    t->opts.file = ks_sprintf(t->arena, "%s/repo/hosts/kvm1.yaml", t->dir);
    opened(t);
    assert_null(t->s->commit);
    assert_int_equal(ks_source_manifest(t->s, "whatever", t->arena, &path, &t->err), 0);
    assert_string_equal(path, "hosts/kvm1.yaml");
    reads(t, path, "one\n");
    assert_int_equal(ks_source_path(t->arena, path, "../common/storage.yaml", &path, &t->err), 0);
    reads(t, path, "storage\n");
    assert_string_equal(ks_source_shown(t->s, t->arena, path),
                        ks_sprintf(t->arena, "%s/repo/common/storage.yaml", t->dir));
}

/* Without git: a directory named hosts has its parent for a root, any other itself. */
static void test_roots_without_git(void **state)
{
    struct scratch *t = *state;

    sh(t, "rm -rf repo/.git; mkdir lone; echo lone > lone/a.yaml");
    t->opts.file = ks_sprintf(t->arena, "%s/repo/hosts/kvm1.yaml", t->dir);
    opened(t);
    assert_string_equal(t->s->file, "hosts/kvm1.yaml");
    reads(t, "common/storage.yaml", "storage\n");
    t->opts.file = ks_sprintf(t->arena, "%s/lone/a.yaml", t->dir);
    opened(t);
    assert_string_equal(t->s->file, "a.yaml");
    not_read(t, "../repo/hosts/kvm1.yaml", KS_E_INVALID, "leaves the repository");
}

static void test_directory(void **state)
{
    struct scratch *t = *state;
    struct ks_strings paths = {0};
    const char *path;

    sh(t, "cd repo/hosts; echo two > kvm10.yaml; touch .hidden.yaml kvm1.yaml~ notes.txt; mkdir sub.yaml");
    t->opts.file = ks_sprintf(t->arena, "%s/repo", t->dir);
    opened(t);
    assert_int_equal(ks_source_manifests(t->s, t->arena, &paths, &t->err), 0);
    assert_int_equal(paths.n, 2);
    assert_string_equal(paths.v[0], "hosts/kvm1.yaml");
    assert_string_equal(paths.v[1], "hosts/kvm10.yaml");
    assert_int_equal(ks_source_manifest(t->s, "kvm10", t->arena, &path, &t->err), 0);
    reads(t, path, "two\n");

    t->opts.file = ks_sprintf(t->arena, "%s/repo/hosts", t->dir);
    opened(t);
    assert_int_equal(ks_source_manifest(t->s, "kvm10", t->arena, &path, &t->err), 0);
    assert_string_equal(path, "hosts/kvm10.yaml");
    reads(t, "hosts/../common/storage.yaml", "storage\n");
    assert_int_equal(ks_source_manifest(t->s, "kwm1", t->arena, &path, &t->err), -1);
    assert_int_equal(t->err.code, KS_E_NOT_FOUND);
    assert_non_null(strstr(ks_error_text(t->arena, &t->err), "did you mean --host kvm1?"));
}

static void test_links_and_odd_files(void **state)
{
    struct scratch *t = *state;

    sh(t, "echo secret > secret; cd repo/hosts; ln -s ../common/storage.yaml in.yaml; ln -s ../../secret out.yaml;"
          "ln -s /etc/hostname abs.yaml; ln -s loop.yaml loop.yaml; ln -s ../.. up; mkfifo fifo.yaml; mkdir d;"
          "head -c 2000 /dev/zero > big.yaml; printf 'a\\0b' > nul.yaml");
    t->opts.file = ks_sprintf(t->arena, "%s/repo/hosts/kvm1.yaml", t->dir);
    t->opts.max_file = 1000;
    opened(t);
    reads(t, "hosts/in.yaml", "storage\n");
    not_read(t, "hosts/out.yaml", KS_E_INVALID, "leaves the repository");
    not_read(t, "hosts/abs.yaml", KS_E_INVALID, "leaves the repository");
    not_read(t, "hosts/up/secret", KS_E_INVALID, "leaves the repository");
    not_read(t, "hosts/loop.yaml", KS_E_INVALID, "never ends");
    not_read(t, "hosts/fifo.yaml", KS_E_INVALID, "not a regular file");
    not_read(t, "hosts/d", KS_E_INVALID, "not a regular file");
    not_read(t, "hosts/big.yaml", KS_E_INVALID, "at most 1000");
    not_read(t, "hosts/none.yaml", KS_E_NOT_FOUND, "no such file");
    not_read(t, "hosts/kvm1.yaml/x", KS_E_NOT_FOUND, "no such file");

    char *text;
    size_t n;
    assert_int_equal(ks_source_read(t->s, "hosts/nul.yaml", t->arena, &text, &n, &t->err), 0);
    assert_int_equal(n, 3);
    assert_memory_equal(text, "a\0b", 4);
}

/* A root that is replaced while a run reads it does not matter: it is held open. */
static void test_root_is_held(void **state)
{
    struct scratch *t = *state;

    t->opts.file = ks_sprintf(t->arena, "%s/repo", t->dir);
    opened(t);
    sh(t, "mv repo was; mkdir -p repo/hosts; echo other > repo/hosts/kvm1.yaml");
    reads(t, "hosts/kvm1.yaml", "one\n");
}

static void test_wrong_file(void **state)
{
    struct scratch *t = *state;

    t->opts.file = "/nonexistent/kvm.yaml";
    not_opened(t, KS_E_SOURCE, "No such file");
    t->opts.file = "/dev/null";
    not_opened(t, KS_E_SOURCE, "neither a file nor a directory");
    t->opts.file = NULL;
    t->opts.repo = NULL;
    not_opened(t, KS_E_USAGE, "-f FILE");
}

static void test_listing(void **state)
{
    struct scratch *t = *state;
    struct ks_strings names = {0};

    t->opts.file = ks_sprintf(t->arena, "%s/repo", t->dir);
    opened(t);
    assert_int_equal(ks_source_list(t->s, "", t->arena, &names, &t->err), 0);
    assert_int_equal(names.n, 2);
    assert_string_equal(names.v[0], "common/");
    assert_string_equal(names.v[1], "hosts/");
    assert_int_equal(ks_source_list(t->s, "none", t->arena, &names, &t->err), -1);
    assert_int_equal(t->err.code, KS_E_NOT_FOUND);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_paths),
        CASE(test_file_in_work_tree),
        CASE(test_roots_without_git),
        CASE(test_directory),
        CASE(test_links_and_odd_files),
        CASE(test_root_is_held),
        CASE(test_wrong_file),
        CASE(test_listing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
