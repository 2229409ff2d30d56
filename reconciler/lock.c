/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconciler/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <time.h>

#define LOCK_FILE "lock"
enum { HOLDER_MAX = 4096 };

/* "process 4711 (kvmstate apply -f x.yaml) since 2026-11-21 01:40:12Z", in one line. */
static char *describe(struct ks_arena *arena, int argc, char *const *argv)
{
    struct ks_text text = {.arena = arena};
    char since[32];
    const time_t now = time(NULL);
    struct tm utc;

    (void)gmtime_r(&now, &utc);
    (void)strftime(since, sizeof since, "%Y-%m-%d %H:%M:%SZ", &utc);
    ks_text_addf(&text, "process %d (", (int)getpid());
    for (int i = 0; i < argc; i++)
        ks_text_addf(&text, "%s%s", i ? " " : "", argv[i]);
    ks_text_addf(&text, ") since %s", since);
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.buf[i] < 0x20 || text.buf[i] == 0x7f)
            text.buf[i] = '?';
    if (text.n >= HOLDER_MAX)
        text.buf[HOLDER_MAX - 1] = '\0';
    return text.buf;
}

/* The holder writes after it has the lock: for an instant there may be nothing, or its predecessor. */
static int held_by(int fd, struct ks_error *err)
{
    char text[HOLDER_MAX + 1];
    const ssize_t n = pread(fd, text, HOLDER_MAX, 0);

    if (n <= 0)
        return ks_fail(err, KS_E_LOCKED, KS_NOWHERE, "another run is changing this host");
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return ks_fail(err, KS_E_LOCKED, KS_NOWHERE, "another run is changing this host: %s", text);
}

static int sign(int fd, int argc, char *const *argv, struct ks_error *err)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    const char *line = ks_sprintf(arena, "%s\n", describe(arena, argc, argv));

    if (ftruncate(fd, 0) < 0 || pwrite(fd, line, strlen(line), 0) != (ssize_t)strlen(line))
        return ks_fail_errno(err, "write the lock file");
    return 0;
}

int ks_lock_take(int state_dir, bool write, int argc, char *const *argv, int *ret, struct ks_error *err)
{
    ks_auto(ks_closep) int fd =
        openat(state_dir, LOCK_FILE, write ? O_RDWR | O_CREAT | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0600);

    *ret = -1;
    if (fd < 0 && !write && (errno == ENOENT || errno == EBADF || errno == EACCES))
        return 0;
    if (fd < 0)
        return ks_fail_errno(err, "open the lock file");
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? held_by(fd, err) : ks_fail_errno(err, "take the lock");
    if (write && sign(fd, argc, argv, err) < 0)
        return -1;
    *ret = fd;
    fd = -1;
    return 0;
}
