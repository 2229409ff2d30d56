/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Manifests on disk: a file or a directory of hosts, bounded by the work tree that it lies in. */
#include "reconciler/source_backends.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

struct files {
    struct ks_source_files base;
    int root_fd;
};

/*
 * Opens below the root; the kernel itself refuses whatever leads out of it, by ".." or by a symbolic link, at the
 * moment of opening (openat2(2), Linux 5.6).
 */
static int open_beneath(const struct files *f, const char *path, int flags)
{
    struct open_how how = {.flags = (unsigned)(flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY),
                           .resolve = (unsigned)(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)};
    return (int)syscall(SYS_openat2, f->root_fd, *path ? path : ".", &how, sizeof how);
}

static int open_failed(const char *path, struct ks_error *err)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
        return ks_fail(err, KS_E_NOT_FOUND, KS_NOWHERE, "no such file: %s", path);
    case EXDEV:
        return ks_fail(err, KS_E_INVALID, KS_NOWHERE, "%s is a symbolic link that leaves the repository", path);
    case ELOOP:
        return ks_fail(err, KS_E_INVALID, KS_NOWHERE, "%s is a symbolic link that never ends", path);
    case ENOSYS:
        return ks_fail(err, KS_E_UNSUPPORTED, KS_NOWHERE, "reading manifests needs openat2(2): Linux 5.6 or later");
    default:
        return ks_fail_errno(err, "cannot open %s", path);
    }
}

/* Until the end of the file or one byte more than `max`; a file may grow while it is read. */
static ssize_t read_up_to(int fd, char *buf, size_t max)
{
    size_t n = 0;

    while (n < max) {
        ssize_t got = read(fd, buf + n, max - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

static int files_read(struct ks_source_files *s, const char *path, struct ks_arena *arena, char **ret,
                      size_t *ret_len, struct ks_error *err)
{
    const struct files *f = (const struct files *)s;
    struct stat st;

    int ks_auto(ks_closep) fd = open_beneath(f, path, 0);
    if (fd < 0)
        return open_failed(path, err);
    if (fstat(fd, &st) < 0)
        return ks_fail_errno(err, "cannot stat %s", path);
    if (!S_ISREG(st.st_mode))
        return ks_fail(err, KS_E_INVALID, KS_NOWHERE, "%s is not a regular file", path);
    if ((uint64_t)st.st_size > s->max_file)
        return ks_fail(err, KS_E_INVALID, KS_NOWHERE, "%s has %jd bytes; at most %zu are read", path,
                       (intmax_t)st.st_size, s->max_file);

    char *text = ks_arena_alloc(arena, (size_t)st.st_size + 1);
    ssize_t n = read_up_to(fd, text, (size_t)st.st_size);
    if (n < 0)
        return ks_fail_errno(err, "cannot read %s", path);
    text[n] = '\0';
    *ret = text;
    *ret_len = (size_t)n;
    return 0;
}

static int files_list(struct ks_source_files *s, const char *path, struct ks_arena *arena, struct ks_strings *ret,
                      struct ks_error *err)
{
    const struct files *f = (const struct files *)s;
    struct ks_strings names = {0};

    int ks_auto(ks_closep) fd = open_beneath(f, path, O_DIRECTORY);
    if (fd < 0)
        return open_failed(*path ? path : ".", err);
    if (ks_dir_list(fd, ".", arena, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.n; i++) {
        struct stat st;
        if (fstatat(fd, names.v[i], &st, 0) == 0 && S_ISDIR(st.st_mode))
            names.v[i] = ks_sprintf(arena, "%s/", names.v[i]);
    }
    *ret = names;
    return 0;
}

static void files_done(struct ks_source_files *s)
{
    struct files *f = (struct files *)s;
    (void)close(f->root_fd);
}

static const struct ks_source_ops files_ops = {files_read, files_list, files_done};

static bool is_dir(struct ks_arena *arena, const char *dir, const char *name)
{
    struct stat st;
    return stat(ks_sprintf(arena, "%s/%s", dir, name), &st) == 0 && S_ISDIR(st.st_mode);
}

/*
 * The directory that bounds what a manifest in `dir` may include: the git work tree that holds it; without one,
 * the parent of a directory named hosts, as a repository is laid out; else `dir` alone.
 */
static const char *find_root(struct ks_arena *arena, const char *dir)
{
    char *at = ks_strdup(arena, dir);

    for (;;) {
        if (access(ks_sprintf(arena, "%s/.git", at), F_OK) == 0)
            return at;
        if (ks_streq(at, "/"))
            break;
        at = dirname(at);
    }
    if (ks_streq(basename(ks_strdup(arena, dir)), "hosts"))
        return dirname(ks_strdup(arena, dir));
    return dir;
}

/* `path`, which lies at or below `root`, as seen from there: "" is the root itself. */
static const char *below(const char *root, const char *path)
{
    size_t n = ks_streq(root, "/") ? 0 : strlen(root);
    return path[n] == '/' ? path + n + 1 : path + n;
}

/* Sets where the manifests are, from what -f names, with all its symbolic links resolved: the user chose it. */
static int locate(struct files *f, const char *given, struct ks_error *err)
{
    struct ks_source_files *s = &f->base;
    char real[PATH_MAX];
    struct stat st;

    if (!realpath(given, real) || stat(real, &st) < 0)
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "cannot read %s: %s", given, strerror(errno));
    const char *path = ks_strdup(s->arena, real);
    if (S_ISDIR(st.st_mode)) {
        const char *hosts = is_dir(s->arena, path, "hosts") ? ks_sprintf(s->arena, "%s/hosts", path) : path;
        s->root = find_root(s->arena, hosts);
        s->hosts = below(s->root, hosts);
        return 0;
    }
    if (!S_ISREG(st.st_mode))
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "%s is neither a file nor a directory", given);
    s->root = find_root(s->arena, dirname(ks_strdup(s->arena, path)));
    s->file = below(s->root, path);
    return 0;
}

int ks_source_files_open(const struct ks_source_opts *opts, struct ks_source_files **ret, struct ks_error *err)
{
    struct ks_arena *ks_auto(ks_arena_freep) arena = ks_arena_new();
    struct files *f = ks_new(arena, struct files);

    f->base = (struct ks_source_files){.ops = &files_ops,
                                       .arena = arena,
                                       .max_file = opts->max_file ? opts->max_file : KS_SOURCE_MAX_FILE,
                                       .title = ks_strdup(arena, opts->file)};
    if (locate(f, opts->file, err) < 0)
        return -1;
    f->root_fd = open(f->base.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (f->root_fd < 0)
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "cannot open %s: %s", f->base.root, strerror(errno));
    (void)ks_take(arena);
    *ret = &f->base;
    return 0;
}
