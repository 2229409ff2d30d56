/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The journal: a JSON object a line, appended and synced before the caller goes on. A line that a crash cut short
 * is passed over by readers and ended by the next writer.
 */
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>

#include "state/state.h"

#define JOURNAL_FILE "journal.jsonl"
#define JOURNAL_OLD "journal.jsonl.1"
enum { JOURNAL_TURN = 8 << 20, JOURNAL_MAX = 64 << 20 }; /* bytes: when a new file is begun; read at most */

struct ks_journal {
    int dir, fd;
    char *run_id;
    pthread_mutex_t lock;
};

static int open_file(struct ks_journal *j, struct ks_error *err)
{
    j->fd = openat(j->dir, JOURNAL_FILE, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return j->fd < 0 ? ks_fail_errno(err, "open the journal") : 0;
}

/* The last line of a run that was cut off gets its end, so that the next record is a line of its own. */
static int end_torn_line(struct ks_journal *j, struct ks_error *err)
{
    struct stat st;
    char last;

    if (fstat(j->fd, &st) < 0 || (st.st_size > 0 && pread(j->fd, &last, 1, st.st_size - 1) != 1))
        return ks_fail_errno(err, "read the journal");
    if (st.st_size > 0 && last != '\n' && write(j->fd, "\n", 1) != 1)
        return ks_fail_errno(err, "write the journal");
    return 0;
}

int ks_journal_open(int state_dir, const char *run_id, struct ks_journal **ret, struct ks_error *err)
{
    struct ks_journal *j = calloc(1, sizeof *j);

    if (!j)
        abort();
    j->fd = -1;
    j->run_id = strdup(run_id);
    (void)pthread_mutex_init(&j->lock, NULL);
    j->dir = dup(state_dir);
    if (j->dir < 0)
        (void)ks_fail_errno(err, "open the journal");
    else if (open_file(j, err) == 0 && end_torn_line(j, err) == 0) {
        /* The name itself must last, too. */
        if (fsync(j->dir) == 0) {
            *ret = j;
            return 0;
        }
        (void)ks_fail_errno(err, "sync the state directory");
    }
    ks_journal_close(j);
    return -1;
}

void ks_journal_close(struct ks_journal *j)
{
    if (!j)
        return;
    ks_closep(&j->fd);
    ks_closep(&j->dir);
    free(j->run_id);
    (void)pthread_mutex_destroy(&j->lock);
    free(j);
}

/* One old file is kept: between them they hold at least the last JOURNAL_TURN bytes. */
static int turn(struct ks_journal *j, struct ks_error *err)
{
    struct stat st;

    if (fstat(j->fd, &st) < 0)
        return ks_fail_errno(err, "read the journal");
    if (st.st_size < JOURNAL_TURN)
        return 0;
    if (renameat(j->dir, JOURNAL_FILE, j->dir, JOURNAL_OLD) < 0)
        return ks_fail_errno(err, "begin a new journal");
    ks_closep(&j->fd);
    j->fd = -1;
    if (open_file(j, err) < 0)
        return -1;
    return fsync(j->dir) < 0 ? ks_fail_errno(err, "sync the state directory") : 0;
}

static char *record(const struct ks_journal *j, const char *event, const char *step, const char *detail)
{
    char time_text[64];
    struct timespec now;
    struct tm utc;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    (void)strftime(time_text, sizeof time_text - 16, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(time_text + strlen(time_text), 16, ".%03uZ", (unsigned)(now.tv_nsec / 1000000) % 1000);
    json_t *json = json_pack("{s:s, s:s, s:s, s:s*, s:s*}", "time", time_text, "run", j->run_id, "event", event,
                             "step", step, "detail", detail);
    if (!json) /* text that is not UTF-8: the record matters more than the words */
        json = json_pack("{s:s, s:s, s:s}", "time", time_text, "run", j->run_id, "event", event);
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    char *line;
    if (!text || asprintf(&line, "%s\n", text) < 0)
        abort();
    free(text);
    return line;
}

/* What is told after the fact comes in numbers, and reaches the disk with the record that follows. */
static bool waits_for_next(const char *event)
{
    return ks_streq(event, "verified") || ks_streq(event, "held");
}

static int append(struct ks_journal *j, const char *line, bool sync, struct ks_error *err)
{
    const size_t len = strlen(line);
    const ssize_t n = write(j->fd, line, len);

    if (n < 0 || (size_t)n != len) {
        if (n >= 0)
            errno = ENOSPC; /* a short write to a file means just that */
        return ks_fail_errno(err, "write the journal");
    }
    return sync && fdatasync(j->fd) < 0 ? ks_fail_errno(err, "sync the journal") : 0;
}

int ks_journal_add(struct ks_journal *j, const char *event, const char *step, const char *detail,
                   struct ks_error *err)
{
    ks_auto(ks_freep) char *line = record(j, event, step, detail);
    int failed;

    (void)pthread_mutex_lock(&j->lock);
    failed = j->fd < 0 ? open_file(j, err) : 0;
    if (!failed)
        failed = turn(j, err);
    if (!failed)
        failed = append(j, line, !waits_for_next(event), err);
    (void)pthread_mutex_unlock(&j->lock);
    return failed;
}

/* ---- what was in flight -------------------------------------------------------------------------------------- */

static void take_line(json_t *open_steps, char *line)
{
    json_t *json = json_loads(line, 0, NULL);
    const char *run = json_string_value(json_object_get(json, "run"));
    const char *event = json_string_value(json_object_get(json, "event"));
    const char *step = json_string_value(json_object_get(json, "step"));
    json_t *steps = run ? json_object_get(open_steps, run) : NULL;

    if (event && ks_streq(event, "end")) {
        /* One run at a time: who came to the end has seen what those before it left behind. */
        (void)json_object_clear(open_steps);
    } else if (run && event && step && ks_streq(event, "started")) {
        if (!steps) {
            steps = json_object();
            (void)json_object_set_new(open_steps, run, steps);
        }
        (void)json_object_set_new(steps, step, json_true());
    } else if (steps && step && event && !ks_streq(event, "verified")) {
        (void)json_object_del(steps, step);
    }
    json_decref(json);
}

static int take_file(int dir, const char *path, json_t *open_steps, struct ks_error *err)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    char *text, *save = NULL;
    size_t len;

    if (!ks_file_exists(dir, path))
        return 0;
    if (ks_file_read(dir, path, JOURNAL_MAX, arena, &text, &len, err) < 0)
        return -1;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        take_line(open_steps, line);
    return 0;
}

int ks_journal_in_flight(int state_dir, struct ks_arena *arena, struct ks_strings *ret, struct ks_error *err)
{
    json_t *open_steps = json_object(), *steps, *value;
    const char *run, *step;
    int failed;

    *ret = (struct ks_strings){0};
    failed = take_file(state_dir, JOURNAL_OLD, open_steps, err) < 0 ||
             take_file(state_dir, JOURNAL_FILE, open_steps, err) < 0;
    if (!failed)
        json_object_foreach(open_steps, run, steps) json_object_foreach(steps, step, value) *
            ks_vec_add(arena, ret) = ks_strdup(arena, step);
    json_decref(open_steps);
    return failed ? -1 : 0;
}
