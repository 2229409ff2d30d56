/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --repo: real repositories on disk, fetched into a bare clone and read from its objects. */
#include "repo.h"

static const char *head(struct scratch *t, const char *rev)
{
    return sh_out(t, "git -C repo rev-parse '%s'", rev);
}

static void commit(struct scratch *t, const char *text)
{
    sh(t, "cd repo; echo %s > hosts/kvm1.yaml; git commit -qam '%s'", text, text);
}

static void at(struct scratch *t, const char *ref, const char *expected_rev, const char *expected_text)
{
    t->opts.ref = ref;
    opened(t);
    assert_string_equal(t->s->commit->id, head(t, expected_rev));
    reads(t, "hosts/kvm1.yaml", expected_text);
}

static void test_head(void **state)
{
    struct scratch *t = *state;
    struct ks_strings names = {0};

    opened(t);
    const struct ks_source_commit *c = t->s->commit;
    assert_string_equal(c->id, head(t, "main"));
    assert_string_equal(c->short_id, sh_out(t, "git -C repo rev-parse --short=7 main"));
    assert_string_equal(c->ref, "refs/heads/main");
    assert_string_equal(c->author, "A U Thor <author@example.org>");
    assert_string_equal(c->summary, "first");
    assert_int_equal(c->time, 1700000000);
    assert_false(c->cached);
    assert_string_equal(t->s->hosts, "hosts");
    reads(t, "common/storage.yaml", "storage\n");
    assert_int_equal(ks_source_list(t->s, "", t->arena, &names, &t->err), 0);
    assert_int_equal(names.n, 2);
    assert_string_equal(names.v[0], "common/");
    not_read(t, "hosts", KS_E_INVALID, "is a directory");
    not_read(t, "hosts/none.yaml", KS_E_NOT_FOUND, "no such file");
    not_read(t, "hosts/kvm1.yaml/x", KS_E_NOT_FOUND, "no such file");
}

static void test_every_kind_of_ref(void **state)
{
    struct scratch *t = *state;

    sh(t, "cd repo; git tag light; git tag -a -m x annotated; git checkout -qb feature/x");
    commit(t, "two");
    sh(t, "cd repo; git update-ref refs/pull/1/head HEAD; git checkout -q main");
    at(t, "feature/x", "feature/x", "two\n");
    at(t, "light", "main", "one\n");
    at(t, "annotated", "main", "one\n");
    assert_string_equal(t->s->commit->ref, "refs/tags/annotated");
    at(t, "refs/pull/1/head", "feature/x", "two\n");
    at(t, head(t, "feature/x"), "feature/x", "two\n");
    assert_null(t->s->commit->ref);
    at(t, ks_strndup(t->arena, head(t, "feature/x"), 8), "feature/x", "two\n");
    at(t, "HEAD", "main", "one\n");
    assert_string_equal(t->s->commit->ref, "refs/heads/main");
}

static void test_short_id_in_fresh_clone(void **state)
{
    struct scratch *t = *state;

    commit(t, "two");
    at(t, ks_strndup(t->arena, head(t, "main~1"), 10), "main~1", "one\n");
}

static void test_wrong_refs(void **state)
{
    struct scratch *t = *state;

    t->opts.ref = "mian";
    not_opened(t, KS_E_SOURCE, "no branch, tag or commit 'mian'; did you mean 'main'?");
    t->opts.ref = "refs/heads/none";
    not_opened(t, KS_E_SOURCE, "no branch, tag or commit");
    t->opts.ref = "0123456";
    not_opened(t, KS_E_SOURCE, "no branch, tag or commit '0123456'");
    t->opts.ref = "0123456789012345678901234567890123456789";
    not_opened(t, KS_E_SOURCE, "no branch, tag or commit");
    sh(t, "cd repo; git tag main 2>/dev/null");
    t->opts.ref = "main";
    not_opened(t, KS_E_SOURCE, "say --ref refs/heads/main or --ref refs/tags/main");
    sh(t, "cd repo; git tag blob main:hosts/kvm1.yaml");
    t->opts.ref = "blob";
    not_opened(t, KS_E_SOURCE, "is not a commit");
}

/* A branch with a commit's name is not that commit. */
static void test_branch_named_as_a_commit(void **state)
{
    struct scratch *t = *state;

    const char *id = head(t, "main");
    commit(t, "two");
    sh(t, "cd repo; git update-ref refs/heads/%s main", id);
    at(t, id, "main~1", "one\n");
}

static void test_moved_and_forced(void **state)
{
    struct scratch *t = *state;

    at(t, "main", "main", "one\n");
    commit(t, "two");
    at(t, "main", "main", "two\n");
    sh(t, "cd repo; git reset -q --hard HEAD~1");
    commit(t, "three");
    at(t, "main", "main", "three\n");
    sh(t, "cd repo; git tag v main~1; git tag -f v main >/dev/null");
    at(t, "v", "main", "three\n");
}

/* refs/heads/a in the clone stands in the way of refs/heads/a/b. */
static void test_branch_becomes_directory(void **state)
{
    struct scratch *t = *state;

    sh(t, "cd repo; git branch a");
    at(t, "a", "main", "one\n");
    sh(t, "cd repo; git branch -D a >/dev/null; git branch a/b");
    at(t, "a/b", "main", "one\n");
}

static void test_empty_and_unborn(void **state)
{
    struct scratch *t = *state;

    sh(t, "git init -q -b main empty");
    t->opts.repo = ks_sprintf(t->arena, "%s/empty", t->dir);
    not_opened(t, KS_E_SOURCE, "has no commit yet");
    sh(t, "cd repo; git symbolic-ref HEAD refs/heads/unborn");
    t->opts.repo = ks_sprintf(t->arena, "%s/repo", t->dir);
    not_opened(t, KS_E_SOURCE, "say --ref, e.g. --ref main");
}

static void test_file_url_and_bare(void **state)
{
    struct scratch *t = *state;

    sh(t, "git clone -q --bare repo 'bare %%.git' 2>/dev/null");
    t->opts.repo = ks_sprintf(t->arena, "file://%s/repo", t->dir);
    at(t, NULL, "main", "one\n");
    t->opts.repo = ks_sprintf(t->arena, "%s/bare %%.git", t->dir);
    at(t, NULL, "main", "one\n");
    assert_string_equal(sh_out(t, "ls -d state/git/*/ | wc -l"), "2");
}

static void test_paths_of_hosts(void **state)
{
    struct scratch *t = *state;
    const char *path;

    sh(t, "cd repo; mkdir -p site/a/hosts flat; echo sub > site/a/hosts/kvm2.yaml; echo flat > flat/kvm3.yaml;"
          "git add .; git commit -qm more");
    t->opts.path = "site/a/";
    opened(t);
    assert_int_equal(ks_source_manifest(t->s, "kvm2", t->arena, &path, &t->err), 0);
    assert_string_equal(path, "site/a/hosts/kvm2.yaml");
    t->opts.path = "flat";
    opened(t);
    assert_int_equal(ks_source_manifest(t->s, "kvm3", t->arena, &path, &t->err), 0);
    assert_string_equal(path, "flat/kvm3.yaml");
    reads(t, path, "flat\n");
    assert_int_equal(ks_source_manifest(t->s, "kvm1", t->arena, &path, &t->err), -1);
    ks_error_done(&t->err);
    t->opts.path = "none";
    not_opened(t, KS_E_SOURCE, "no such directory");
    t->opts.path = "../x";
    not_opened(t, KS_E_INVALID, "leaves the repository");
}

static void test_offline(void **state)
{
    struct scratch *t = *state;

    t->opts.fetch = KS_FETCH_NEVER;
    not_opened(t, KS_E_SOURCE, "was fetched before");
    t->opts.fetch = KS_FETCH_NEEDED;
    at(t, NULL, "main", "one\n");
    at(t, "main", "main", "one\n");
    const char *id = head(t, "main");
    sh(t, "mv repo gone");

    t->opts.ref = "main";
    not_opened(t, KS_E_SOURCE, "cannot fetch");
    t->opts.offline_ok = true;
    opened(t);
    assert_true(t->s->commit->cached);
    assert_non_null(strstr(t->s->commit->why_cached, "cannot fetch"));
    assert_string_equal(t->s->commit->id, id);
    reads(t, "hosts/kvm1.yaml", "one\n");
    t->opts.ref = NULL;
    opened(t);
    assert_true(t->s->commit->cached);
    t->opts.ref = "other";
    not_opened(t, KS_E_SOURCE, "no branch, tag or commit 'other'");

    t->opts.ref = NULL;
    t->opts.fetch = KS_FETCH_NEVER;
    t->opts.offline_ok = false;
    opened(t);
    assert_false(t->s->commit->cached);
    /* A full id that is there needs nobody. */
    t->opts.fetch = KS_FETCH_NEEDED;
    t->opts.ref = id;
    opened(t);
    assert_false(t->s->commit->cached);
}

/* A branch that was deleted is not an unreachable remote. */
static void test_deleted_branch_is_not_offline(void **state)
{
    struct scratch *t = *state;

    sh(t, "cd repo; git branch b");
    at(t, "b", "main", "one\n");
    sh(t, "cd repo; git branch -D b >/dev/null");
    t->opts.offline_ok = true;
    not_opened(t, KS_E_SOURCE, "no branch, tag or commit 'b'");
}

static void count_progress(void *data, const struct ks_source_progress *p)
{
    assert_true(*p->what != '\0');
    (*(int *)data)++;
}

static void test_progress(void **state)
{
    struct scratch *t = *state;
    int n = 0;

    t->opts.progress = count_progress;
    t->opts.data = &n;
    opened(t);
    assert_true(n > 0);
}

static void test_packs_are_tidied(void **state)
{
    struct scratch *t = *state;

    for (int i = 0; i < 24; i++) {
        commit(t, ks_sprintf(t->arena, "text%d", i));
        opened(t);
    }
    assert_true(atoi(sh_out(t, "ls state/git/*/objects/pack/*.pack | wc -l")) <= 21);
    sh(t, "git -C $(ls -d state/git/*/) fsck --full --no-dangling 2>&1");
    reads(t, "hosts/kvm1.yaml", "text23\n");
    at(t, ks_strndup(t->arena, head(t, "main~20"), 12), "main~20", "text3\n");
}

static void test_urls(void **state)
{
    struct scratch *t = *state;
    static const struct {
        const char *url, *says;
    } cases[] = {
        {"http://example.org/x", "neither encrypted nor authenticated"},
        {"git://example.org/x", "neither encrypted nor authenticated"},
        {"ftp://example.org/x", "known are"},
        {"ext::sh -c id", "not user@host:path"},
        {"ssh://-oProxyCommand=x/y", "not ssh://"},
        {"ssh://host", "not ssh://"},
        {"ssh://host:99999/x", "not ssh://"},
        {"-oProxyCommand=x:y", "not user@host:path"},
        {"git@host:-x", "not user@host:path"},
        {"no/such/directory", "No such file"},
        {"https://exa\nmple.org/x", "control characters"},
    };

    for (size_t i = 0; i < KS_COUNT(cases); i++) {
        t->opts.repo = cases[i].url;
        not_opened(t, KS_E_SOURCE, cases[i].says);
    }
}

static void test_no_repository_there(void **state)
{
    struct scratch *t = *state;

    t->opts.repo = "/nonexistent/repo";
    not_opened(t, KS_E_SOURCE, "cannot fetch /nonexistent/repo: No such file");
    sh(t, "mkdir plain; echo x > plain.yaml");
    t->opts.repo = ks_sprintf(t->arena, "%s/plain", t->dir);
    not_opened(t, KS_E_SOURCE, "it is not a git repository");
    t->opts.repo = ks_sprintf(t->arena, "%s/plain.yaml", t->dir);
    not_opened(t, KS_E_SOURCE, "it is not a git repository");
    t->opts.repo = ks_sprintf(t->arena, "file://%s/plain", t->dir);
    not_opened(t, KS_E_SOURCE, "cannot fetch");
}

/* url.*.insteadOf cannot lead to what --repo itself may not say. */
static void test_instead_of(void **state)
{
    struct scratch *t = *state;

    sh(t, "git config --file .gitconfig url.git://127.0.0.1:1/.insteadOf https://example.org/");
    t->opts.repo = "https://example.org/x";
    not_opened(t, KS_E_SOURCE, "neither encrypted nor authenticated");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_instead_of), /* first: libgit2 looks for HOME once in a process */
        CASE(test_head),
        CASE(test_every_kind_of_ref),
        CASE(test_short_id_in_fresh_clone),
        CASE(test_wrong_refs),
        CASE(test_branch_named_as_a_commit),
        CASE(test_moved_and_forced),
        CASE(test_branch_becomes_directory),
        CASE(test_empty_and_unborn),
        CASE(test_file_url_and_bare),
        CASE(test_paths_of_hosts),
        CASE(test_offline),
        CASE(test_deleted_branch_is_not_offline),
        CASE(test_progress),
        CASE(test_packs_are_tidied),
        CASE(test_urls),
        CASE(test_no_repository_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
