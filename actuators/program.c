/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "actuators/program.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "actuators/host_write.h"

enum { PAUSE_MS = 20, SAID_MAX = 4096 };

/* The child's own words, without the line's end. */
static const char *said(struct ks_acting *a, int fd)
{
    char buf[SAID_MAX + 1] = "";
    ssize_t n = pread(fd, buf, SAID_MAX, 0);

    while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == ' '))
        n--;
    return n > 0 ? ks_strndup(a->arena, buf, (size_t)n) : "it said nothing";
}

static int spawn(char *const argv[], int output, pid_t *ret)
{
    char *env[] = {"PATH=/usr/sbin:/sbin:/usr/bin:/bin", "LC_ALL=C", NULL};
    posix_spawn_file_actions_t files;
    int r;

    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&files, output, 1);
    (void)posix_spawn_file_actions_adddup2(&files, output, 2);
    r = posix_spawnp(ret, argv[0], &files, NULL, argv, env);
    (void)posix_spawn_file_actions_destroy(&files);
    return r;
}

int ks_program_run(struct ks_acting *a, char *const argv[], unsigned timeout_ms, struct ks_error *err)
{
    ks_auto(ks_closep) int output = memfd_create("output", MFD_CLOEXEC);
    const uint64_t deadline = ks_now_ms() + timeout_ms;
    pid_t child = 0, r;
    int status = 0;

    if (output < 0)
        return ks_fail_errno(err, "keep what %s says", argv[0]);
    errno = spawn(argv, output, &child);
    if (errno != 0)
        return ks_fail_errno(err, "run %s", argv[0]);
    while ((r = waitpid(child, &status, WNOHANG)) == 0 && ks_now_ms() < deadline)
        ks_sleep_ms(PAUSE_MS);
    if (r == 0) {
        (void)kill(child, SIGKILL);
        (void)waitpid(child, &status, 0);
        return ks_fail(err, KS_E_TIMEOUT, KS_NOWHERE, "%s has not ended in %u s", argv[0], timeout_ms / 1000);
    }
    if (r < 0)
        return ks_fail_errno(err, "wait for %s", argv[0]);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return ks_fail(err, KS_E_IO, KS_NOWHERE, "%s: %s", argv[0], said(a, output));
    return 0;
}
