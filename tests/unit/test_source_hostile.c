/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Repositories made to do harm: links that leave, submodules, huge files, names that no file system has. */
#include "repo.h"

/* Commits what `sh` commands leave in $tree, a git tree's id, on main. */
static void commit_tree(struct scratch *t, const char *make_tree)
{
    sh(t,
       "cd repo; empty=$(git hash-object -w --stdin < /dev/null); text=$(echo text | git hash-object -w --stdin);"
       "sub=$(printf '100644 blob %%s\\tin.yaml\\n' $text | git mktree); %s;"
       "git update-ref refs/heads/main $(git commit-tree -m hostile $tree)",
       make_tree);
}

static void test_links(void **state)
{
    struct scratch *t = *state;

    sh(t,
       "echo secret > secret; cd repo; ln -s ../common/storage.yaml hosts/in.yaml;"
       "ln -s ../../secret hosts/out.yaml; ln -s %s/secret hosts/abs.yaml; ln -s loop.yaml hosts/loop.yaml;"
       "ln -s common dir; ln -s dir dir2; ln -s ../.. hosts/up; ln -s kvm1.yaml/ hosts/slash.yaml;"
       "ln -s ../../../../../../../../etc/passwd hosts/passwd.yaml; ln -s nowhere hosts/dangling.yaml;"
       "ln -s . hosts/self; git add .; git commit -qm links",
       t->dir);
    opened(t);
    reads(t, "hosts/in.yaml", "storage\n");
    reads(t, "dir/storage.yaml", "storage\n");
    reads(t, "dir2/storage.yaml", "storage\n");
    reads(t, "hosts/self/self/self/kvm1.yaml", "one\n");
    reads(t, "hosts/slash.yaml", "one\n");
    not_read(t, "hosts/out.yaml", KS_E_INVALID, "leaves the repository");
    not_read(t, "hosts/abs.yaml", KS_E_INVALID, "leaves the repository");
    not_read(t, "hosts/passwd.yaml", KS_E_INVALID, "leaves the repository");
    not_read(t, "hosts/up/secret", KS_E_INVALID, "leaves the repository");
    not_read(t, "hosts/loop.yaml", KS_E_INVALID, "never ends");
    not_read(t, "hosts/dangling.yaml", KS_E_NOT_FOUND, "no such file");
    not_read(t, "../secret", KS_E_INVALID, "leaves the repository");
    not_read(t, "hosts/../../secret", KS_E_INVALID, "leaves the repository");
}

/* hosts/ itself may be a link; one that leaves is not followed. */
static void test_hosts_is_a_link(void **state)
{
    struct scratch *t = *state;
    const char *path;

    sh(t, "cd repo; git mv hosts machines; ln -s machines hosts; git add .; git commit -qm link");
    opened(t);
    assert_int_equal(ks_source_manifest(t->s, "kvm1", t->arena, &path, &t->err), 0);
    reads(t, path, "one\n");
    sh(t, "cd repo; rm hosts; ln -s /etc hosts; git add .; git commit -qm link");
    opened(t);
    assert_string_equal(t->s->hosts, "");
}

static void test_submodule(void **state)
{
    struct scratch *t = *state;

    sh(t, "cd repo; git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),hosts/sub; git commit -qm sub");
    opened(t);
    not_read(t, "hosts/sub", KS_E_INVALID, "submodule");
    not_read(t, "hosts/sub/x.yaml", KS_E_INVALID, "submodule");
    reads(t, "hosts/kvm1.yaml", "one\n");
}

/* A file of 50 MB that packs into 50 KB is refused by its header. */
static void test_huge_blob(void **state)
{
    struct scratch *t = *state;

    sh(t,
       "cd repo; head -c 50000000 /dev/zero > hosts/huge.yaml; git -c core.compression=1 add .; git commit -qm x");
    t->opts.max_file = 1 << 20;
    opened(t);
    not_read(t, "hosts/huge.yaml", KS_E_INVALID, "has 50000000 bytes; at most 1048576");
    reads(t, "hosts/kvm1.yaml", "one\n");
}

static void test_odd_names(void **state)
{
    struct scratch *t = *state;
    struct ks_strings names = {0};

    commit_tree(t, "tree=$(printf '100644 blob %s\\tgood.yaml\\000100644 blob %s\\tbad\\nname.yaml\\000"
                   "040000 tree %s\\t.git\\000040000 tree %s\\t..\\000100644 blob %s\\t-rf.yaml\\000' "
                   "$text $text $sub $sub $text | git mktree -z)");
    opened(t);
    assert_int_equal(ks_source_manifests(t->s, t->arena, &names, &t->err), 0);
    assert_int_equal(names.n, 2);
    assert_string_equal(names.v[0], "-rf.yaml");
    assert_string_equal(names.v[1], "good.yaml");
    assert_int_equal(ks_source_list(t->s, "", t->arena, &names, &t->err), 0);
    assert_int_equal(names.n, 2);
    not_read(t, "../in.yaml", KS_E_INVALID, "leaves the repository");
    not_read(t, ".git/in.yaml", KS_E_INVALID, "not a path");
    reads(t, "good.yaml", "text\n");
}

/* Author and summary reach a terminal. */
static void test_escapes_in_commit(void **state)
{
    struct scratch *t = *state;

    sh(t, "cd repo; printf 'a\\033[2Jb\\302\\233c' | git -c user.name=\"$(printf 'E\\033vil')\" commit -q "
          "--allow-empty --author=\"$(printf 'E\\033vil <e@x>')\" -F -");
    opened(t);
    assert_string_equal(t->s->commit->summary, "a?[2Jb??c");
    assert_string_equal(t->s->commit->author, "E?vil <e@x>");
}

static void test_fetch_limit(void **state)
{
    struct scratch *t = *state;

    sh(t, "cd repo; head -c 3000000 /dev/urandom > noise; git add .; git commit -qm noise");
    t->opts.max_fetch = 1 << 20;
    t->opts.offline_ok = true;
    not_opened(t, KS_E_SOURCE, "sends more than 1048576 bytes");
    assert_string_equal(sh_out(t, "ls -d state/git/*/ 2>/dev/null | wc -l"), "0");
}

static void test_deep_tree(void **state)
{
    struct scratch *t = *state;

    commit_tree(
        t, "tree=$sub; for i in $(seq 200); do tree=$(printf '040000 tree %s\\td\\n' $tree | git mktree); done");
    opened(t);
    struct ks_text path = {.arena = t->arena};
    for (int i = 0; i < 200; i++)
        ks_text_add(&path, "d/");
    ks_text_add(&path, "in.yaml");
    not_read(t, ks_text_str(&path), KS_E_INVALID, "nested too deeply");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_links),     CASE(test_hosts_is_a_link),   CASE(test_submodule),   CASE(test_huge_blob),
        CASE(test_odd_names), CASE(test_escapes_in_commit), CASE(test_fetch_limit), CASE(test_deep_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
