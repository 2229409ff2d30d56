/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attributes of sysfs and procfs: one at a time, and in a child where a write can hang. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "actuators/host_write.h"

#define KSM "sys/kernel/mm/ksm"

bool ks_write_now(struct ks_writes *w, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    *(const char **)ks_vec_add(w->arena, &w->log) = ks_strdup(w->arena, text);
    return !w->dry_run;
}

bool ks_write_cancelled(const struct ks_writes *w)
{
    return w->cancelled && *w->cancelled;
}

uint64_t ks_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void ks_sleep_ms(unsigned ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    (void)nanosleep(&time, NULL); /* shorter by a signal is fine: callers look at the clock */
}

/* ---- one attribute ---- */

static int bool_of(const char *text)
{
    static const char *const yes[] = {"1", "Y", "y"}, *const no[] = {"0", "N", "n"};

    for (size_t i = 0; i < KS_COUNT(yes); i++) {
        if (ks_streq(text, yes[i]))
            return 1;
        if (ks_streq(text, no[i]))
            return 0;
    }
    return -1;
}

static bool same(const char *a, const char *b, enum ks_attr_as as)
{
    uint64_t x, y;

    if (as == KS_ATTR_BOOL && bool_of(a) >= 0)
        return bool_of(a) == bool_of(b);
    if (as == KS_ATTR_NUMBER && ks_parse_u64(a, &x) == 0 && ks_parse_u64(b, &y) == 0)
        return x == y;
    return ks_streq(a, b);
}

int ks_sysfs_set(struct ks_writes *w, const char *path, const char *value, enum ks_attr_as as, const char *what,
                 struct ks_error *err)
{
    char *text;

    if (ks_attr_read(w->root, path, w->arena, &text, err) < 0) {
        if (err->code == KS_E_NOT_FOUND)
            err->code = KS_E_UNSUPPORTED;
        return ks_wrap(err, "%s: this kernel has no /%s that can be read", what, path);
    }
    if (same(text, value, as) || !ks_write_now(w, "%s: %s -> %s", what, text, value))
        return 0;
    if (ks_attr_write(w->root, path, value, err) < 0 || ks_attr_read(w->root, path, w->arena, &text, err) < 0)
        return ks_wrap(err, "setting %s to %s", what, value);
    if (!same(text, value, as))
        return ks_fail(err, KS_E_VERIFY, KS_NOWHERE, "%s: wrote %s, reads back as %s (/%s)", what, value, text,
                       path);
    return 0;
}

/* ---- knobs ---- */

static int set_number(struct ks_writes *w, const char *path, uint64_t value, const char *what, struct ks_error *err)
{
    return ks_sysfs_set(w, path, ks_sprintf(w->arena, "%llu", (unsigned long long)value), KS_ATTR_NUMBER, what,
                        err);
}

/* Documentation/admin-guide/mm/ksm.rst: only while nothing is shared. */
static int set_merge_across_nodes(struct ks_writes *w, bool merge, struct ks_error *err)
{
    uint64_t now, shared;

    if (ks_attr_u64_or(w->root, KSM "/merge_across_nodes", 1, &now, err) < 0 ||
        ks_attr_u64_or(w->root, KSM "/pages_shared", 0, &shared, err) < 0)
        return -1;
    if ((now != 0) == merge)
        return 0; /* also on a kernel without NUMA, which has no such file and merges all */
    if (shared > 0)
        return ks_fail(err, KS_E_BLOCKED, KS_NOWHERE,
                       "ksm: merge-across-nodes cannot change while %llu pages are merged: write 2 to /" KSM
                       "/run first, which unmerges them and takes that much memory",
                       (unsigned long long)shared);
    return ks_sysfs_set(w, KSM "/merge_across_nodes", merge ? "1" : "0", KS_ATTR_BOOL, "ksm: merge-across-nodes",
                        err);
}

int ks_ksm_set(struct ks_writes *w, const struct ks_ksm_want *want, struct ks_error *err)
{
    if ((want->stated & KS_KSM_MERGE_ACROSS_NODES) && set_merge_across_nodes(w, want->merge_across_nodes, err) < 0)
        return -1;
    if ((want->stated & KS_KSM_PAGES_TO_SCAN) &&
        set_number(w, KSM "/pages_to_scan", want->pages_to_scan, "ksm: pages-to-scan", err) < 0)
        return -1;
    if ((want->stated & KS_KSM_SLEEP) &&
        set_number(w, KSM "/sleep_millisecs", want->sleep_ms, "ksm: sleep", err) < 0)
        return -1;
    if (!(want->stated & KS_KSM_RUN))
        return 0;
    /* 2 is stopped as well: whoever wrote it wanted everything unmerged, and that is kept */
    char *run;
    if (!want->run && ks_attr_read(w->root, KSM "/run", w->arena, &run, err) == 0 && ks_streq(run, "2"))
        return 0;
    ks_error_done(err);
    return set_number(w, KSM "/run", want->run ? 1 : 0, "ksm: run", err);
}

int ks_numa_balancing_set(struct ks_writes *w, bool on, struct ks_error *err)
{
    return set_number(w, "proc/sys/kernel/numa_balancing", on ? 1 : 0, "numa-balancing", err);
}

int ks_module_parameter_set(struct ks_writes *w, const char *module, const char *parameter, const char *value,
                            struct ks_error *err)
{
    char *dir = ks_sprintf(w->arena, "sys/module/%s", module);
    struct stat st;

    for (char *c = dir; *c; c++)
        if (*c == '-')
            *c = '_';
    const char *path = ks_sprintf(w->arena, "%s/parameters/%s", dir, parameter);
    const char *what = ks_sprintf(w->arena, "module %s: %s", module, parameter);
    if (!ks_file_exists(w->root, dir))
        return ks_fail(err, KS_E_NOT_FOUND, KS_NOWHERE, "module %s is not loaded", module);
    if (fstatat(w->root, path, &st, 0) < 0)
        return ks_fail(err, KS_E_NOT_FOUND, KS_NOWHERE, "module %s has no parameter %s in sysfs", module,
                       parameter);
    char *now = NULL;
    if (ks_attr_read(w->root, path, w->arena, &now, err) < 0)
        return ks_wrap(err, "%s", what);
    const enum ks_attr_as as = ks_streq(now, "Y") || ks_streq(now, "N") ? KS_ATTR_BOOL : KS_ATTR_TEXT;
    if (!same(now, value, as) && !(st.st_mode & S_IWUSR))
        return ks_fail(
            err, KS_E_UNSUPPORTED, KS_NOWHERE,
            "%s is %s, wanted %s: it cannot change at run time; state it in /etc/modprobe.d and reload the "
            "module, or reboot",
            what, now, value);
    return ks_sysfs_set(w, path, value, as, what, err);
}

/* ---- in a child ---- */

struct verdict {
    size_t index;
    int error; /* errno; 0: all written */
};

/* errno, or 0 */
static int write_one(int root, const struct ks_attr_text *attr)
{
    const int fd = openat(root, attr->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    const size_t len = strlen(attr->text);
    int error = 0;

    if (fd < 0 || write(fd, attr->text, len) != (ssize_t)len)
        error = errno ? errno : EIO;
    if (fd >= 0)
        (void)close(fd);
    return error;
}

/* Between fork and _exit: async-signal-safe calls alone, as other threads may hold any lock. */
static void write_and_exit(int root, const struct ks_attr_writes *writes, pid_t parent, int pipe_fd)
{
    struct verdict verdict = {0};

    for (size_t i = 0; i < writes->n && !verdict.error; i++) {
        verdict.index = i;
        verdict.error = write_one(root, &writes->v[i]);
    }
    if (writes->orphaned && getppid() != parent)
        (void)write_one(root, writes->orphaned);
    (void)!write(pipe_fd, &verdict, sizeof(verdict));
    _exit(0);
}

/* Waits for the verdict; 0: it came, -1: the deadline passed or the child died without one (errno 0). */
static int await(int fd, uint32_t timeout_ms, struct verdict *ret)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    const uint64_t deadline = ks_now_ms() + timeout_ms;
    int rc;

    do {
        const uint64_t now = ks_now_ms();
        rc = poll(&poller, 1, now < deadline ? (int)(deadline - now) : 0);
    } while (rc < 0 && errno == EINTR);
    errno = rc == 0 ? ETIMEDOUT : 0;
    return rc > 0 && read(fd, ret, sizeof(*ret)) == sizeof(*ret) ? 0 : -1;
}

/* A child stuck in the kernel dies when the kernel lets it; it must not keep us. */
static void reap(pid_t child, bool kill_it)
{
    if (kill_it)
        (void)kill(child, SIGKILL);
    for (int i = 0; i < 20 && waitpid(child, NULL, kill_it ? WNOHANG : 0) == 0; i++)
        ks_sleep_ms(5);
}

int ks_attrs_write_by_child(int root, const struct ks_attr_writes *writes, size_t *ret_failed, struct ks_error *err)
{
    const struct ks_attr_text *attrs = writes->v;
    const pid_t self = getpid();
    struct verdict verdict = {0};
    int fds[2];

    *ret_failed = 0;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return ks_fail_errno(err, "pipe");
    const pid_t child = _Fork(); /* no atfork handlers: libraries' locks stay out of it */
    if (child < 0) {
        (void)close(fds[0]), (void)close(fds[1]);
        return ks_fail_errno(err, "fork");
    }
    if (child == 0)
        write_and_exit(root, writes, self, fds[1]);
    (void)close(fds[1]);
    const bool answered = await(fds[0], writes->timeout_ms, &verdict) == 0;
    const bool late = !answered && errno == ETIMEDOUT;
    (void)close(fds[0]);
    reap(child, !answered);
    if (late)
        return ks_fail(err, KS_E_TIMEOUT, KS_NOWHERE, "a write to /%s did not come back within %u s", attrs[0].path,
                       writes->timeout_ms / 1000);
    if (!answered)
        return ks_fail(err, KS_E_IO, KS_NOWHERE, "the child that writes to /%s died", attrs[0].path);
    if (!verdict.error)
        return 0;
    *ret_failed = verdict.index;
    errno = verdict.error;
    return ks_fail_errno(err, "writing %s to /%s", attrs[verdict.index].text, attrs[verdict.index].path);
}
