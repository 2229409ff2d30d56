/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>

#include "reconciler/lock.h"
#include "tree.h"

static struct tree t;
static struct ks_error err;
static char program[] = "kvmstate", command[] = "apply";
static char *argv[] = {program, command};

static int set_up(void **state)
{
    (void)state;
    tree_new(&t);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ks_error_done(&err);
    tree_done(&t);
    return 0;
}

static int take(bool write, int *ret)
{
    ks_error_done(&err);
    return ks_lock_take(t.root, write, 2, argv, ret, &err);
}

/* A process that has the lock, and says so through a pipe. */
static pid_t holder(void)
{
    int ends[2], fd;
    char byte;

    assert_int_equal(pipe(ends), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        if (take(true, &fd) < 0 || write(ends[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(ends[0], &byte, 1), 1);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return pid;
}

static void the_second_run_hears_who(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    const pid_t pid = holder();
    int fd = -1;

    (void)state;
    assert_int_equal(take(true, &fd), -1);
    assert_int_equal(err.code, KS_E_LOCKED);
    const char *text = ks_error_text(arena, &err);
    if (!strstr(text, ks_sprintf(arena, "process %d (kvmstate apply) since 20", (int)pid)))
        fail_msg("says: %s", text);
    /* A dry run changes nothing, but what it would show is just being changed. */
    assert_int_equal(take(false, &fd), -1);
    assert_int_equal(err.code, KS_E_LOCKED);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    assert_int_equal(take(true, &fd), 0);
    (void)close(fd);
}

static void a_dry_run_leaves_nothing(void **state)
{
    int fd = 0;

    (void)state;
    assert_int_equal(take(false, &fd), 0);
    assert_int_equal(fd, -1);
    assert_false(ks_file_exists(t.root, "lock"));
    assert_int_equal(take(true, &fd), 0);
    (void)close(fd);
    assert_int_equal(take(false, &fd), 0);
    assert_true(fd >= 0);
    (void)close(fd);
}

/* libvirt starts QEMU from this process when it is embedded: the guest must not keep the lock. */
static void children_do_not_inherit_it(void **state)
{
    int fd, again;

    (void)state;
    assert_int_equal(take(true, &fd), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        (void)execl("/bin/sleep", "sleep", "60", (char *)NULL);
        _exit(1);
    }
    while (access("/proc/self/exe", F_OK) == 0) { /* until the child is /bin/sleep */
        char path[64], target[256];
        (void)snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
        const ssize_t n = readlink(path, target, sizeof target - 1);
        if (n > 0 && memmem(target, (size_t)n, "test_lock", 9) == NULL)
            break;
    }
    (void)close(fd);
    assert_int_equal(take(true, &again), 0);
    (void)close(again);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_second_run_hears_who, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_dry_run_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(children_do_not_inherit_it, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
