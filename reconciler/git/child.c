/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fetch runs in a child: a name server, a proxy or a remote that never answers can then be given up at any
 * point, which libgit2 before 1.7 cannot do; and what a hostile remote makes libgit2 do, it does there.
 */
#include "reconciler/git/git.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

enum kind { TELL_PROGRESS, TELL_DONE, TELL_FAILED };

struct message {
    enum kind kind;
    struct ks_source_progress progress;
    char text[1024]; /* progress: what; failed: the error */
    enum ks_code code;
    bool unreachable;
    struct ks_git_fetched fetched;
};

struct pipe_reporter {
    struct ks_git_reporter base;
    int fd;
    struct timespec last;
    char what[64];
};

static bool is_due(struct pipe_reporter *r, const char *what)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ms = (int64_t)(now.tv_sec - r->last.tv_sec) * 1000 + (now.tv_nsec - r->last.tv_nsec) / 1000000;
    if (ms < 100 && ks_streq(what, r->what))
        return false;
    r->last = now;
    (void)snprintf(r->what, sizeof r->what, "%s", what);
    return true;
}

static void say(int fd, const struct message *m)
{
    (void)send(fd, m, sizeof *m, MSG_NOSIGNAL);
}

static void tell(struct ks_git_reporter *base, const char *what, uint32_t done, uint32_t total, uint64_t bytes)
{
    struct pipe_reporter *r = (struct pipe_reporter *)base;
    struct message m = {.kind = TELL_PROGRESS, .progress = {.done = done, .total = total, .bytes = bytes}};

    if (!is_due(r, what))
        return;
    (void)snprintf(m.text, sizeof m.text, "%s", what);
    say(r->fd, &m);
}

/* Never returns. */
static void run_child(const struct ks_git_clone *c, const struct ks_source_opts *opts, bool rebuild, int fd,
                      pid_t parent)
{
    struct pipe_reporter reporter = {.base = {.tell = tell}, .fd = fd};
    struct ks_arena *arena = ks_arena_new();
    struct ks_error err = {0};
    struct message m = {.kind = TELL_DONE};

    /* Not to outlive a killed run: this process holds the clone's lock too. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    (void)signal(SIGPIPE, SIG_IGN);
    if (ks_git_fetch(arena, c, opts, rebuild, &reporter.base, &m.fetched, &m.unreachable, &err) < 0) {
        m.kind = TELL_FAILED;
        m.code = err.code;
        (void)snprintf(m.text, sizeof m.text, "%s", ks_error_text(arena, &err));
    }
    say(fd, &m);
    _exit(0);
}

static int reap(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

/* The next message; 0 when the child is gone, -1 when it is silent for too long. */
static int next_message(int fd, unsigned silence_s, struct message *m)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int r;

    do
        r = poll(&p, 1, (int)silence_s * 1000);
    while (r < 0 && errno == EINTR);
    if (r <= 0)
        return -1;
    return recv(fd, m, sizeof *m, 0) == (ssize_t)sizeof *m ? 1 : 0;
}

/* Until the child has said how it ended. */
static int listen_to(int fd, const struct ks_source_opts *opts, struct message *m)
{
    for (;;) {
        int r = next_message(fd, opts->silence_s, m);
        if (r <= 0 || m->kind != TELL_PROGRESS)
            return r;
        m->progress.what = m->text;
        if (opts->progress)
            opts->progress(opts->data, &m->progress);
    }
}

int ks_git_fetch_in_child(const struct ks_git_clone *c, const struct ks_source_opts *opts, bool rebuild,
                          struct ks_git_fetched *ret, bool *ret_unreachable, struct ks_error *err)
{
    struct message m = {0};
    int fd[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) < 0)
        return ks_fail_errno(err, "cannot fetch %s: socketpair", c->url.shown);
    int ks_auto(ks_closep) ours = fd[0];
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        (void)close(fd[0]);
        run_child(c, opts, rebuild, fd[1], parent);
    }
    (void)close(fd[1]);
    if (pid < 0)
        return ks_fail_errno(err, "cannot fetch %s: fork", c->url.shown);

    int r = listen_to(ours, opts, &m);
    if (r < 0)
        (void)kill(pid, SIGKILL);
    int status = reap(pid);
    *ret_unreachable = r < 0 || (r > 0 && m.unreachable);
    if (r < 0)
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "cannot fetch %s: no answer for %u s", c->url.shown,
                       opts->silence_s);
    if (r == 0)
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "cannot fetch %s: the fetching process ended with %s %d",
                       c->url.shown, WIFSIGNALED(status) ? "signal" : "status",
                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    if (m.kind == TELL_FAILED)
        return ks_fail(err, m.code == KS_E_LOCKED ? m.code : KS_E_SOURCE, KS_NOWHERE, "%s", m.text);
    *ret = m.fetched;
    return 0;
}
