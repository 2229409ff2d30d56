/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program that does a job for an actuator, to a deadline; what it complains of becomes the error. */
#include "actuators/run.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "actuators/host_write.h"

enum { SHOWN_MAX = 400, PAUSE_MS = 5, KILLED_MS = 2000 };

static int spawn(const char *const *argv, int errors, pid_t *ret)
{
    char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
    posix_spawn_file_actions_t actions;
    int failed;

    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, errors, 2);
    failed = posix_spawn(ret, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, env);
    (void)posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* 1: it ended; 0: the deadline passed or the user asked to stop. */
static int await(const struct ks_acting *a, pid_t child, unsigned timeout_ms, int *ret_status)
{
    const uint64_t deadline = ks_now_ms() + timeout_ms;

    while (waitpid(child, ret_status, WNOHANG) == 0) {
        if (ks_now_ms() >= deadline || (a->cancelled && *a->cancelled))
            return 0;
        ks_sleep_ms(PAUSE_MS);
    }
    return 1;
}

static void kill_child(pid_t child)
{
    const uint64_t deadline = ks_now_ms() + KILLED_MS;

    (void)kill(child, SIGKILL);
    while (waitpid(child, NULL, WNOHANG) == 0 && ks_now_ms() < deadline)
        ks_sleep_ms(PAUSE_MS);
}

/* The end of what it said, in one line. */
static const char *said(const struct ks_acting *a, int errors)
{
    const off_t size = lseek(errors, 0, SEEK_END);
    char text[SHOWN_MAX + 1];
    ssize_t n = pread(errors, text, SHOWN_MAX, size > SHOWN_MAX ? size - SHOWN_MAX : 0);

    while (n > 0 && (unsigned char)text[n - 1] <= ' ')
        n--;
    for (ssize_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ')
            text[i] = ' ';
    return n > 0 ? ks_strndup(a->arena, text, (size_t)n) : "it said nothing";
}

int ks_run(const struct ks_acting *a, const char *const *argv, unsigned timeout_ms, struct ks_error *err)
{
    ks_auto(ks_closep) int errors = memfd_create("stderr", MFD_CLOEXEC);
    pid_t child;
    int status = 0;

    if (errors < 0)
        return ks_fail_errno(err, "memfd_create");
    errno = spawn(argv, errors, &child);
    if (errno)
        return ks_fail_errno(err, "run %s", argv[0]);
    if (!await(a, child, timeout_ms, &status)) {
        kill_child(child);
        return ks_fail(err, KS_E_TIMEOUT, KS_NOWHERE, "%s was stopped: %s", argv[0],
                       a->cancelled && *a->cancelled ? "interrupted" : "it took too long");
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return ks_fail(err, KS_E_IO, KS_NOWHERE, "%s failed: %s", argv[0], said(a, errors));
}
