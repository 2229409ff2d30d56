/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clone in the state directory: damage, leftovers of killed runs, two runs at once. */
#include "repo.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>

/* The one clone's directory. */
static const char *clone(struct scratch *t)
{
    return sh_out(t, "ls -d $PWD/state/git/*/");
}

static void test_private(void **state)
{
    struct scratch *t = *state;

    opened(t);
    assert_string_equal(sh_out(t, "stat -c %%a state/git"), "700");
    assert_string_equal(sh_out(t, "ls state/git | wc -l"), "2"); /* the clone and its lock */
}

/* Each kind of damage is mended by the next run, from the remote. */
static void test_damage(void **state)
{
    struct scratch *t = *state;
    static const char *const damages[] = {
        "rm -rf objects/pack/*",
        "rm -f HEAD",
        "rm -rf objects",
        "echo rubbish > config",
        "for f in objects/pack/*.pack; do chmod u+w $f; truncate -s 40 $f; done",
        "for f in objects/pack/*.idx; do chmod u+w $f; echo rubbish > $f; done",
        ("for f in objects/pack/*.pack; do chmod u+w $f; "
         "printf '\\377\\377\\377\\377\\377\\377\\377\\377' | dd of=$f bs=1 seek=20 conv=notrunc 2>/dev/null; "
         "done"),
        "rm -rf refs",
        "find refs -type f | while read f; do echo rubbish > $f; done",
        "find refs -type f | while read f; do : > $f; done",
        "echo https://elsewhere.example.org/x > kvmstate-url",
        "rm kvmstate-url",
        ": > kvmstate-damaged",
        "rm -rf * ",
    };

    for (size_t i = 0; i < KS_COUNT(damages); i++) {
        opened(t);
        sh(t, "cd %s; %s", clone(t), damages[i]);
        opened(t);
        reads(t, "hosts/kvm1.yaml", "one\n");
        sh(t, "git -C %s fsck --full --no-dangling 2>/dev/null", clone(t));
        assert_string_equal(sh_out(t, "ls state/git | wc -l"), "2");
    }
}

/* One file of the commit is not there: found at once, and mended. */
static void test_hole(void **state)
{
    struct scratch *t = *state;

    opened(t);
    sh(t,
       "cd %s; mv objects/pack/*.pack ../p; git unpack-objects -q < ../p; rm ../p;"
       "o=$(git -C ../../../repo rev-parse main:common/storage.yaml);"
       "rm -f objects/$(echo $o | cut -c1-2)/$(echo $o | cut -c3-)",
       clone(t));
    opened(t);
    reads(t, "common/storage.yaml", "storage\n");
}

/* What goes bad while it is read is an error, and mended by the next run. */
static void test_damage_while_open(void **state)
{
    struct scratch *t = *state;

    opened(t);
    sh(t, "cd %s; mv objects/pack/*.pack ../p; git unpack-objects -q < ../p; rm ../p", clone(t));
    opened(t);
    sh(t, "cd %s; rm -rf objects/??", clone(t));
    not_read(t, "common/storage.yaml", KS_E_SOURCE, "the next run fetches it anew");
    opened(t);
    reads(t, "common/storage.yaml", "storage\n");
}

static void test_damaged_and_unreachable(void **state)
{
    struct scratch *t = *state;

    opened(t);
    sh(t, "rm -rf %sobjects/pack/*; mv repo gone", clone(t));
    t->opts.offline_ok = true;
    not_opened(t, KS_E_SOURCE, "cannot fetch");
    sh(t, "mv gone repo");
    opened(t);
    assert_false(t->s->commit->cached);
}

static void test_stale_leftovers(void **state)
{
    struct scratch *t = *state;

    opened(t);
    sh(t,
       "cd %s; touch config.lock HEAD.lock packed-refs.lock refs/kvmstate/HEAD.lock objects/pack/pack_git2_abc123;"
       "touch objects/pack/pack-1234.idx.lock; d=$(basename $PWD); mkdir -p ../$d.new-AAAAAA/objects",
       clone(t));
    sh(t, "cd repo; echo two > hosts/kvm1.yaml; git commit -qam two");
    opened(t);
    reads(t, "hosts/kvm1.yaml", "two\n");
    assert_string_equal(
        sh_out(t, "find state -name '*.lock' -path '*/git/*/*' -o -name '*_git2_*' -o -name '*.new-*'"), "");
}

static void test_locked(void **state)
{
    struct scratch *t = *state;

    opened(t);
    int ks_auto(ks_closep) fd = open(sh_out(t, "ls $PWD/state/git/*.lock"), O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    t->opts.silence_s = 1;
    not_opened(t, KS_E_LOCKED, "another run");
    t->opts.fetch = KS_FETCH_NEVER; /* reading waits for nobody */
    opened(t);
    assert_int_equal(flock(fd, LOCK_UN), 0);
    t->opts.fetch = KS_FETCH_NEEDED;
    opened(t);
}

/* One run in a process of its own; never returns. */
static void run(struct scratch *t)
{
    if (ks_source_open(&t->opts, &t->s, &t->err) < 0) {
        (void)fprintf(stderr, "%s\n", ks_error_text(t->arena, &t->err));
        _exit(1);
    }
    _exit(0);
}

static void test_runs_at_once(void **state)
{
    struct scratch *t = *state;
    pid_t pids[6];

    for (size_t i = 0; i < KS_COUNT(pids); i++)
        if ((pids[i] = fork()) == 0)
            run(t);
    for (size_t i = 0; i < KS_COUNT(pids); i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
}

/* Killed at any moment of a first fetch or of a later one: the next run needs nothing but itself. */
static void killed(struct scratch *t, int64_t after_us)
{
    struct timespec pause = {after_us / 1000000, (after_us % 1000000) * 1000};
    pid_t pid = fork();

    if (pid == 0)
        run(t);
    (void)nanosleep(&pause, NULL);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void test_kill(void **state)
{
    struct scratch *t = *state;
    enum { ROUNDS = 14 };

    sh(t, "cd repo; for i in $(seq 100); do head -c 3000 /dev/urandom > common/$i; done; git add .; git commit -qm "
          "many");
    int64_t start = now_us();
    opened(t);
    int64_t whole = now_us() - start;
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 2 == 0) /* a first fetch; else one on top */
            sh(t, "rm -rf state");
        else
            sh(t,
               "cd repo; echo x%d > hosts/kvm1.yaml; head -c 300000 /dev/urandom > common/1; git commit -qam x%d",
               i, i);
        killed(t, whole * (i + 1) / ROUNDS);
        opened(t);
        assert_string_equal(t->s->commit->id, sh_out(t, "git -C repo rev-parse main"));
        assert_string_equal(sh_out(t, "ls -d state/git/*.new-* 2>/dev/null | wc -l"), "0");
        sh(t, "git -C %s fsck --full --no-dangling >/dev/null 2>&1", clone(t));
    }
}

static void test_unwritable_state(void **state)
{
    struct scratch *t = *state;

    sh(t, ": > file");
    t->opts.state_dir = ks_sprintf(t->arena, "%s/file", t->dir);
    not_opened(t, KS_E_SOURCE, "file");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_private),
        CASE(test_damage),
        CASE(test_hole),
        CASE(test_damage_while_open),
        CASE(test_damaged_and_unreachable),
        CASE(test_stale_leftovers),
        CASE(test_locked),
        CASE(test_runs_at_once),
        CASE(test_kill),
        CASE(test_unwritable_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
