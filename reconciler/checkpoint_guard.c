/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guardian of a checkpoint: this program once more, in a session of its own, with nothing of the run but a line
 * to it, the lock, and the state directory. Words on the line: 'g' it is there; 'k' keep, 'r' revert; and back:
 * 'k' kept, 'r' reverted, 'f' and why not.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "actuators/host_revert.h"
#include "reconciler/checkpoint.h"

#define LOCK_FILE "checkpoint.lock"
enum { LINE = 3, LOCK, STATE, FIRST_FREE }; /* descriptors of the guardian */
enum { START_MS = 20000, LOCK_EVERY_MS = 50, WORD_MAX = 4096 };

/* ---- the lock ----------------------------------------------------------------------------------------------- */

int ks_guardian_lock(int state_dir, uint64_t wait_ms, int *ret, struct ks_error *err)
{
    const uint64_t end = ks_boottime_ms() + wait_ms;
    ks_auto(ks_closep) int fd = openat(state_dir, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return ks_fail_errno(err, "open the lock of the network's checkpoint");
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return ks_fail_errno(err, "take the lock of the network's checkpoint");
        if (ks_boottime_ms() >= end)
            return ks_fail(err, KS_E_LOCKED, KS_NOWHERE,
                           "the guardian of an earlier change of the network has not ended");
        (void)poll(NULL, 0, LOCK_EVERY_MS);
    }
    *ret = fd;
    fd = -1;
    return 0;
}

/* ---- undoing ------------------------------------------------------------------------------------------------ */

static int set_aside(int state_dir, struct ks_error *err)
{
    if (renameat(state_dir, KS_CHECKPOINT_FILE, state_dir, KS_CHECKPOINT_FAILED) < 0 || fsync(state_dir) < 0)
        return ks_fail_errno(err, "set the checkpoint of the network aside");
    return 0;
}

int ks_checkpoint_undo(int state_dir, struct ks_arena *arena, const struct ks_checkpoint_record *record,
                       struct ks_strings *log, struct ks_error *err)
{
    const bool same = *record->boot && ks_streq(record->boot, ks_boot_id(arena));
    const uint64_t now_s = ks_boottime_ms() / 1000;
    const uint64_t elapsed_s = same && now_s > record->since_boot_s ? now_s - record->since_boot_s : 0;
    struct ks_writes w = {.arena = arena, .root = -1};
    struct ks_error aside = {0};
    const int failed =
        ks_net_revert(&w, &record->net, same ? KS_NET_SAME_BOOT : KS_NET_OTHER_BOOT, (uint32_t)elapsed_s, err);

    *log = w.log;
    if (!failed)
        return ks_checkpoint_remove(state_dir, err);
    if (err->code == KS_E_VERIFY && set_aside(state_dir, &aside) == 0)
        (void)ks_wrap(err, "what was recorded is in " KS_CHECKPOINT_FAILED " in the state directory");
    ks_error_done(&aside);
    return -1;
}

/* ---- the guardian's life ------------------------------------------------------------------------------------ */

struct guardian {
    struct ks_arena *arena;
    const struct ks_checkpoint_record *record;
    int timer, signals;
};

static void say(char word, const char *text)
{
    char buffer[WORD_MAX];

    buffer[0] = word;
    (void)snprintf(buffer + 1, sizeof buffer - 1, "%s", text);
    (void)send(LINE, buffer, strlen(buffer), MSG_NOSIGNAL);
}

static void note(const struct guardian *g, const char *event, const char *detail)
{
    const char *id = ks_sprintf(g->arena, "guardian-%d", (int)getpid());
    struct ks_journal *journal = NULL;
    struct ks_error ignored = {0};

    if (ks_journal_open(STATE, id, &journal, &ignored) == 0)
        (void)ks_journal_add(journal, event, NULL, detail, &ignored);
    ks_journal_close(journal);
    ks_error_done(&ignored);
}

static int keep(const struct guardian *g)
{
    struct ks_error err = {0};

    if (ks_checkpoint_remove(STATE, &err) == 0) {
        say('k', "");
        return 0;
    }
    say('f', ks_error_text(g->arena, &err));
    ks_error_done(&err);
    return 1;
}

static int revert(const struct guardian *g, const char *why)
{
    struct ks_strings log = {0};
    struct ks_error err = {0};
    const char *text;

    note(g, "reverting", why);
    if (ks_checkpoint_undo(STATE, g->arena, g->record, &log, &err) == 0) {
        note(g, "reverted", why);
        say('r', "");
        return 0;
    }
    text = ks_error_text(g->arena, &err);
    ks_error_done(&err);
    note(g, "not-reverted", text);
    say('f', text);
    return 1;
}

/* Told to end, it does what it is there for at once: systemd ends a service's processes when the run is killed. */
static int arm(struct guardian *g)
{
    const struct itimerspec at = {.it_value = {.tv_sec = (time_t)(g->record->timeout_ms / 1000),
                                               .tv_nsec = (long)(g->record->timeout_ms % 1000) * 1000000 + 1}};
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGQUIT);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -1;
    g->signals = signalfd(-1, &set, SFD_CLOEXEC);
    g->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
    return g->signals < 0 || g->timer < 0 ? -1 : timerfd_settime(g->timer, 0, &at, NULL);
}

static int watch(const struct guardian *g)
{
    struct pollfd fds[] = {{LINE, POLLIN, 0}, {g->timer, POLLIN, 0}, {g->signals, POLLIN, 0}};

    for (;;) {
        char word[2];
        if (poll(fds, KS_COUNT(fds), -1) < 0)
            continue;
        if (fds[0].revents) {
            const ssize_t n = recv(LINE, word, sizeof word, 0);
            if (n == 1 && word[0] == 'k')
                return keep(g);
            return revert(g, n == 1 ? "told to" : "the run ended without a word");
        }
        return revert(g, fds[1].revents ? "the time is over" : "ended by a signal");
    }
}

/* The kernel's last choice when memory runs short. */
static void be_spared(void)
{
    ks_auto(ks_closep) int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd >= 0 && write(fd, "-900", 4) < 0)
        return;
}

int ks_guardian_run(void)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct guardian g = {.arena = arena};
    struct ks_error err = {0};
    const char *why = "it has no timer";

    if (ks_checkpoint_read(STATE, arena, &g.record, &err) < 0)
        why = ks_error_text(arena, &err);
    else if (!g.record)
        why = "there is no record";
    else if (arm(&g) == 0) {
        be_spared();
        say('g', "");
        return watch(&g);
    }
    ks_error_done(&err);
    say('f', why);
    return 1;
}

/* ---- the run's side ----------------------------------------------------------------------------------------- */

/* *word: its first letter; '\0' when it is gone or silent. */
static const char *hear(struct ks_arena *arena, int line, uint64_t wait_ms, char *word)
{
    const uint64_t end = ks_boottime_ms() + wait_ms;
    struct pollfd fd = {line, POLLIN, 0};
    char buffer[WORD_MAX];
    ssize_t n = -1;

    for (uint64_t now = ks_boottime_ms(); now < end; now = ks_boottime_ms())
        if (poll(&fd, 1, (int)(end - now)) > 0) {
            n = recv(line, buffer, sizeof buffer, 0);
            break;
        }
    *word = n > 0 ? buffer[0] : '\0';
    return n > 1 ? ks_strndup(arena, buffer + 1, (size_t)n - 1) : "";
}

/* Descriptors that are out of the way of the numbers that the guardian knows them by. */
static int spawn(int line, int lock, int state, pid_t *ret, struct ks_error *err)
{
    static const char *const names[] = {"kvmstate", "checkpoint", "guard", NULL};
    const int fds[] = {line, lock, state};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int moved[KS_COUNT(fds)], failed = 0;

    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    for (int i = 0; i < 3; i++)
        failed |= posix_spawn_file_actions_addopen(&actions, i, "/dev/null", O_RDWR, 0);
    for (size_t i = 0; i < KS_COUNT(fds); i++) {
        moved[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FIRST_FREE);
        failed |= moved[i] < 0 ? errno : posix_spawn_file_actions_adddup2(&actions, moved[i], LINE + (int)i);
    }
    failed |= posix_spawn_file_actions_addclosefrom_np(&actions, FIRST_FREE);
    if (!failed)
        failed =
            posix_spawn(ret, "/proc/self/exe", &actions, &attributes, (char *const *)(uintptr_t)names, environ);
    for (size_t i = 0; i < KS_COUNT(fds); i++)
        ks_closep(&moved[i]);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    errno = failed;
    return failed ? ks_fail_errno(err, "start the guardian of the network's checkpoint") : 0;
}

int ks_guardian_start(int state_dir, int lock, int *ret, struct ks_error *err)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    int ends[2];
    pid_t pid;
    char word;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return ks_fail_errno(err, "make a line to the guardian of the network's checkpoint");
    const int failed = spawn(ends[1], lock, state_dir, &pid, err);
    ks_closep(&ends[1]);
    if (!failed) {
        const char *why = hear(arena, ends[0], START_MS, &word);
        if (word == 'g') {
            *ret = ends[0];
            return 0;
        }
        (void)kill(pid, SIGKILL); /* nothing has changed yet: there is nothing that it could do */
        (void)ks_fail(err, KS_E_IO, KS_NOWHERE, "the guardian of the network's checkpoint does not start%s%s",
                      *why ? ": " : "", why);
    }
    ks_closep(&ends[0]);
    return -1;
}

bool ks_guardian_has_ended(int line)
{
    struct pollfd fd = {line, POLLIN, 0};

    return poll(&fd, 1, 0) > 0;
}

enum ks_checkpoint_end ks_guardian_end(struct ks_arena *arena, int *line, bool keep_it, uint64_t wait_ms,
                                       const char **why)
{
    enum ks_checkpoint_end end = KS_CHECKPOINT_ALONE;
    char word;

    (void)send(*line, keep_it ? "k" : "r", 1, MSG_NOSIGNAL);
    *why = hear(arena, *line, wait_ms, &word);
    ks_closep(line);
    *line = -1;
    if (word == 'k')
        end = KS_CHECKPOINT_KEPT;
    else if (word == 'r')
        end = KS_CHECKPOINT_REVERTED;
    else if (word == 'f')
        end = KS_CHECKPOINT_FAILED_TO_REVERT;
    return end;
}
