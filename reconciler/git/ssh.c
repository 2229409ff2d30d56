/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ssh by OpenSSH's client, as git does it: agents, keys, certificates, jump hosts, ~/.ssh/config and known hosts
 * are then what the administrator knows, and its messages say what is wrong. Unattended: it never asks, and an
 * unknown host key is refused.
 */
#include "reconciler/git/git.h"

#include <fcntl.h>
#include <git2/sys/transport.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

enum { STDERR_MAX = 64 << 10, SHOWN_MAX = 400 };

struct ssh_stream {
    git_smart_subtransport_stream base;
    struct ssh *ssh;
};

struct ssh {
    git_smart_subtransport base;
    struct ks_git_session *session;
    struct ssh_stream *stream;
    pid_t pid; /* 0: not running */
    int in, out, messages;
};

/* For the shell at the other end; git's own way of quoting. */
static const char *quoted(struct ks_arena *arena, const char *path)
{
    struct ks_text t = {.arena = arena};

    ks_text_add(&t, "'");
    for (; *path; path++) {
        if (*path == '\'' || *path == '!')
            ks_text_addf(&t, "'\\%c'", *path);
        else
            ks_text_addn(&t, path, 1);
    }
    ks_text_add(&t, "'");
    return ks_text_str(&t);
}

static void add(struct ks_arena *arena, struct ks_strings *argv, const char *option, const char *value)
{
    *ks_vec_add(arena, argv) = option;
    if (value)
        *ks_vec_add(arena, argv) = value;
}

static char **arguments(struct ks_git_session *s)
{
    struct ks_arena *a = s->arena;
    const struct ks_git_url *url = s->url;
    const char *key = getenv("KVMSTATE_SSH_KEY"), *known = getenv("KVMSTATE_SSH_KNOWN_HOSTS");
    struct ks_strings argv = {0};

    add(a, &argv, "ssh", NULL);
    add(a, &argv, "-T", NULL);
    add(a, &argv, "-a", NULL); /* no agent, no X11 for the other end */
    add(a, &argv, "-x", NULL);
    add(a, &argv, "-o", "BatchMode=yes");
    add(a, &argv, "-o", "StrictHostKeyChecking=yes");
    add(a, &argv, "-o", "ClearAllForwardings=yes");
    add(a, &argv, "-o", "PermitLocalCommand=no");
    add(a, &argv, "-o", ks_sprintf(a, "ConnectTimeout=%u", s->silence_s));
    if (known && *known)
        add(a, &argv, "-o", ks_sprintf(a, "UserKnownHostsFile=%s", known));
    if (key && *key) {
        add(a, &argv, "-o", "IdentitiesOnly=yes");
        add(a, &argv, "-i", key);
    }
    if (url->port)
        add(a, &argv, "-p", url->port);
    if (url->user)
        add(a, &argv, "-l", url->user);
    add(a, &argv, url->host, ks_sprintf(a, "git-upload-pack %s", quoted(a, url->path)));
    *ks_vec_add(a, &argv) = NULL;
    return (char **)argv.v;
}

/* Never returns. */
static void exec_ssh(char **argv, int in, int out, int messages)
{
    static const char FAILED[] = "ssh is not installed (openssh-client)\n";
    /* Whatever the other end sends to stderr lies in memory until the run ends. */
    const struct rlimit limit = {STDERR_MAX, STDERR_MAX};

    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)setrlimit(RLIMIT_FSIZE, &limit);
    (void)signal(SIGPIPE, SIG_DFL);
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(messages, 2) < 0)
        _exit(127);
    (void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    execvp(argv[0], argv);
    (void)!write(2, FAILED, sizeof FAILED - 1);
    _exit(127);
}

static int start(struct ssh *ssh)
{
    char **argv = arguments(ssh->session);
    int in[2] = {-1, -1}, out[2] = {-1, -1};

    ssh->messages = memfd_create("ssh-messages", MFD_CLOEXEC);
    if (ssh->messages < 0 || pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0) {
        ssh->session->why = strerror(errno);
        ks_closep(&in[0]);
        ks_closep(&in[1]);
        return -1;
    }
    ssh->pid = fork();
    if (ssh->pid == 0)
        exec_ssh(argv, in[0], out[1], ssh->messages);
    (void)close(in[0]);
    (void)close(out[1]);
    ssh->in = in[1];
    ssh->out = out[0];
    if (ssh->pid < 0) {
        ssh->pid = 0;
        ssh->session->why = strerror(errno);
        return -1;
    }
    return 0;
}

enum { STOP_STEPS = 100, TERM_AT = 5, STEP_NS = 10 * 1000 * 1000 };

/*
 * Its input is closed, so that it ends by itself; but nothing it has still to say is wanted, and closing the
 * connection in due form can take a third of a second.
 */
static void stop(struct ssh *ssh)
{
    if (ssh->in >= 0)
        (void)close(ssh->in);
    if (ssh->out >= 0)
        (void)close(ssh->out);
    ssh->in = ssh->out = -1;
    for (int i = 0; ssh->pid > 0 && i < STOP_STEPS; i++) {
        if (waitpid(ssh->pid, NULL, WNOHANG) != 0) {
            ssh->pid = 0;
            break;
        }
        if (i == TERM_AT)
            (void)kill(ssh->pid, SIGTERM);
        (void)nanosleep(&(struct timespec){.tv_nsec = STEP_NS}, NULL);
    }
    if (ssh->pid > 0) {
        (void)kill(ssh->pid, SIGKILL);
        (void)waitpid(ssh->pid, NULL, 0);
        ssh->pid = 0;
    }
    if (ssh->messages >= 0)
        (void)close(ssh->messages);
    ssh->messages = -1;
}

/* ---- what it said when it failed -------------------------------------------------------------------------- */

static char *messages(struct ssh *ssh)
{
    char *text = ks_arena_alloc(ssh->session->arena, STDERR_MAX + 1);
    ssize_t n = pread(ssh->messages, text, STDERR_MAX, 0);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

/* The last lines that say something, in one line. */
static const char *gist(struct ks_arena *arena, char *text)
{
    struct ks_text t = {.arena = arena};
    char *rest = text;

    for (char *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
        if (!line[strspn(line, " \t@")])
            continue;
        ks_text_addf(&t, "%s%s", t.n > 0 ? "; " : "", line);
    }
    const char *all = ks_text_str(&t);
    size_t n = strlen(all);
    return ks_git_clean(arena, n > SHOWN_MAX ? all + n - SHOWN_MAX : all);
}

struct cause {
    const char *says;
    bool refused;
    const char *why; /* %s is the host; NULL: as ssh says it */
};
/* The nearest cause first. What ssh and the usual servers say, as of OpenSSH 9. */
static const struct cause causes[] = {
    {"IDENTIFICATION HAS CHANGED", true,
     "the host key of %s is not the one in known_hosts: the server was set up anew, or somebody is in between"},
    {"Host key verification failed", true,
     "the host key of %s is not known: check its fingerprint and add it, e.g. ssh-keyscan %s >> ~/.ssh/known_hosts "
     "(KVMSTATE_SSH_KNOWN_HOSTS names another file)"},
    {"Permission denied", true,
     "%s accepts none of our keys: those of the ssh agent and ~/.ssh, or KVMSTATE_SSH_KEY"},
    {"does not appear to be a git repository", true, NULL},
    {"epository not found", true, NULL},
    {"is not installed", true, NULL},
};

static const char *with_host(struct ks_arena *arena, const char *why, const char *host)
{
    struct ks_text t = {.arena = arena};
    const char *mark;

    while ((mark = strstr(why, "%s"))) {
        ks_text_addn(&t, why, (size_t)(mark - why));
        ks_text_add(&t, host);
        why = mark + 2;
    }
    ks_text_add(&t, why);
    return ks_text_str(&t);
}

static void explain(struct ssh *ssh)
{
    struct ks_git_session *s = ssh->session;
    char *text = messages(ssh);

    if (s->why)
        return;
    for (size_t i = 0; i < KS_COUNT(causes); i++) {
        if (!strstr(text, causes[i].says))
            continue;
        s->refused = causes[i].refused;
        if (causes[i].why) {
            s->why = with_host(s->arena, causes[i].why, s->url->host);
            return;
        }
        break;
    }
    const char *said = gist(s->arena, text);
    s->why = *said ? ks_sprintf(s->arena, "ssh: %s", said) : "ssh: the connection was closed";
}

/* ---- the subtransport of libgit2 -------------------------------------------------------------------------- */

static int stream_read(git_smart_subtransport_stream *base, char *buf, size_t size, size_t *ret)
{
    struct ssh *ssh = ((struct ssh_stream *)base)->ssh;
    ssize_t n;

    do
        n = read(ssh->out, buf, size);
    while (n < 0 && errno == EINTR);
    if (n <= 0) {
        explain(ssh);
        return -1;
    }
    *ret = (size_t)n;
    return 0;
}

static int stream_write(git_smart_subtransport_stream *base, const char *buf, size_t n)
{
    struct ssh *ssh = ((struct ssh_stream *)base)->ssh;

    while (n > 0) {
        ssize_t put = write(ssh->in, buf, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            explain(ssh);
            return -1;
        }
        buf += put;
        n -= (size_t)put;
    }
    return 0;
}

static void stream_free(git_smart_subtransport_stream *base)
{
    struct ssh_stream *stream = (struct ssh_stream *)base;
    stream->ssh->stream = NULL;
    free(stream);
}

static int ssh_action(git_smart_subtransport_stream **out, git_smart_subtransport *base, const char *url,
                      git_smart_service_t action)
{
    struct ssh *ssh = (struct ssh *)base;

    (void)url; /* parsed already */
    if (action == GIT_SERVICE_UPLOADPACK && ssh->stream) {
        *out = &ssh->stream->base; /* one conversation */
        return 0;
    }
    if (action != GIT_SERVICE_UPLOADPACK_LS || ssh->pid > 0 || start(ssh) < 0)
        return -1;
    struct ssh_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        abort();
    *stream = (struct ssh_stream){{base, stream_read, stream_write, stream_free}, ssh};
    ssh->stream = stream;
    *out = &stream->base;
    return 0;
}

static int ssh_close(git_smart_subtransport *base)
{
    stop((struct ssh *)base);
    return 0;
}

static void ssh_free(git_smart_subtransport *base)
{
    stop((struct ssh *)base);
    free(base);
}

static int ssh_new(git_smart_subtransport **out, git_transport *owner, void *session)
{
    struct ssh *ssh = calloc(1, sizeof *ssh);

    (void)owner;
    if (!ssh)
        abort();
    *ssh = (struct ssh){
        .base = {ssh_action, ssh_close, ssh_free}, .session = session, .in = -1, .out = -1, .messages = -1};
    *out = &ssh->base;
    return 0;
}

int ks_git_ssh_transport(git_transport **out, git_remote *owner, void *session)
{
    git_smart_subtransport_definition definition = {.callback = ssh_new, .rpc = 0, .param = session};
    return git_transport_smart(out, owner, &definition);
}
