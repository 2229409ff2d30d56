/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a program and says what it took: "STATUS WALL_US USER_US SYSTEM_US PEAK_KIB" on standard error. Small, so
 * that the peak memory which a child inherits from before its exec (getrusage(2)) is never the larger one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static long long in_us(struct timeval t)
{
    return (long long)t.tv_sec * 1000000 + t.tv_usec;
}

int main(int argc, char **argv)
{
    struct rusage usage;
    int status;
    pid_t child;
    const long long start = now_us();

    if (argc < 2 || (child = fork()) < 0)
        return EXIT_FAILURE;
    if (child == 0) {
        (void)execvp(argv[1], argv + 1);
        perror(argv[1]);
        _exit(127);
    }
    if (wait4(child, &status, 0, &usage) != child)
        return EXIT_FAILURE;
    fprintf(stderr, "%d %lld %lld %lld %ld\n", WIFEXITED(status) ? WEXITSTATUS(status) : 255, now_us() - start,
            in_us(usage.ru_utime), in_us(usage.ru_stime), usage.ru_maxrss);
    return EXIT_SUCCESS;
}
