/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files and attributes below a directory descriptor. */
#include "base/base.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>

enum { ATTR_MAX = 4096 };

static void close_dir(DIR **dir)
{
    if (*dir)
        (void)closedir(*dir);
}

/* What the *at() calls take: relative, never empty. */
static const char *below(const char *path)
{
    path += strspn(path, "/");
    return *path ? path : ".";
}

/* As ks_fail_errno(), but what is not there is KS_E_NOT_FOUND. */
static int fail(struct ks_error *err, const char *verb, const char *path)
{
    int saved = errno;

    ks_fail_errno(err, "cannot %s %s", verb, path);
    if (err && (saved == ENOENT || saved == ENOTDIR))
        err->code = KS_E_NOT_FOUND;
    return -1;
}

int ks_root_open(const char *dir, int *ret_fd, struct ks_error *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return fail(err, "open", dir);
    *ret_fd = fd;
    return 0;
}

/* ---- reading ---------------------------------------------------------------------------------------------- */

/* Reads up to `size` bytes, fewer only at the end of the file; -1 with errno. */
static ssize_t read_full(int fd, char *buf, size_t size)
{
    size_t n = 0;

    while (n < size) {
        ssize_t got = read(fd, buf + n, size - n);

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

/* A first guess only: procfs says 0, sysfs 4096, and a file may grow meanwhile. */
static size_t size_guess(int fd, size_t max)
{
    struct stat st;
    size_t guess = 0;

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
        guess = (size_t)st.st_size;
    if (guess < ATTR_MAX)
        guess = ATTR_MAX;
    return guess < max ? guess : max;
}

int ks_file_read(int root, const char *path, size_t max, struct ks_arena *arena, char **ret, size_t *ret_len,
                 struct ks_error *err)
{
    ks_auto(ks_closep) int fd = openat(root, below(path), O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ks_auto(ks_freep) char *buf = NULL;
    size_t n = 0;

    if (fd < 0)
        return fail(err, "open", path);
    /* One byte more than fits is asked for: it shows that the file has ended, or that it is too large. */
    for (size_t size = size_guess(fd, max) + 1;; size = size - 1 > max / 2 ? max + 1 : size * 2) {
        char *grown = realloc(buf, size);

        if (!grown)
            abort();
        buf = grown;

        ssize_t got = read_full(fd, buf + n, size - n);

        if (got < 0)
            return fail(err, "read", path);
        n += (size_t)got;
        if (n > max)
            return ks_fail(err, KS_E_INVALID, KS_NOWHERE, "%s is larger than %zu bytes", path, max);
        if (n < size)
            break;
    }

    char *text = ks_arena_alloc(arena, n + 1);

    if (n)
        memcpy(text, buf, n);
    *ret = text;
    if (ret_len)
        *ret_len = n;
    return 0;
}

/* The line of an attribute into `buf`, without its newline. */
static int attr_read(int root, const char *path, char buf[static ATTR_MAX + 2], struct ks_error *err)
{
    ks_auto(ks_closep) int fd = openat(root, below(path), O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return fail(err, "open", path);

    ssize_t n = read_full(fd, buf, ATTR_MAX + 1);

    if (n < 0)
        return fail(err, "read", path);
    if (n > ATTR_MAX)
        return ks_fail(err, KS_E_INVALID, KS_NOWHERE, "%s is larger than an attribute can be", path);
    buf[n] = '\0';

    char *end = strchr(buf, '\n');

    if (end && end[1])
        return ks_fail(err, KS_E_INVALID, KS_NOWHERE, "%s has more than one line", path);
    if (end)
        *end = '\0';
    return 0;
}

int ks_attr_read(int root, const char *path, struct ks_arena *arena, char **ret, struct ks_error *err)
{
    char buf[ATTR_MAX + 2];

    if (attr_read(root, path, buf, err) < 0)
        return -1;
    *ret = ks_strdup(arena, buf);
    return 0;
}

/* PCI's attributes (vendor, device, class) are hexadecimal, all others decimal. */
static int attr_number(const char *text, uint64_t *ret)
{
    char *end;

    if (!ks_starts(text, "0x"))
        return ks_parse_u64(text, ret);

    size_t digits = strspn(text + 2, "0123456789abcdefABCDEF");

    if (digits == 0 || digits > 16 || text[2 + digits])
        return -1;
    *ret = strtoull(text + 2, &end, 16);
    return 0;
}

int ks_attr_read_u64(int root, const char *path, uint64_t *ret, struct ks_error *err)
{
    char buf[ATTR_MAX + 2];

    if (attr_read(root, path, buf, err) < 0)
        return -1;
    if (attr_number(buf, ret) < 0)
        return ks_fail(err, KS_E_INVALID, KS_NOWHERE, "%s holds '%.80s', not a number", path, buf);
    return 0;
}

bool ks_file_exists(int root, const char *path)
{
    return faccessat(root, below(path), F_OK, 0) == 0;
}

static int compare_names(const void *a, const void *b)
{
    return ks_strcmp_natural(*(const char *const *)a, *(const char *const *)b);
}

int ks_dir_list(int root, const char *path, struct ks_arena *arena, struct ks_strings *ret, struct ks_error *err)
{
    ks_auto(ks_closep) int fd = openat(root, below(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ks_auto(close_dir) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct ks_strings names = {0};

    if (!dir)
        return fail(err, "list", path);
    fd = -1; /* the stream has it now */
    for (;;) {
        errno = 0;

        const struct dirent *entry = readdir(dir);

        if (!entry && errno)
            return fail(err, "list", path);
        if (!entry)
            break;
        if (!ks_streq(entry->d_name, ".") && !ks_streq(entry->d_name, ".."))
            *ks_vec_add(arena, &names) = ks_strdup(arena, entry->d_name);
    }
    if (names.n)
        qsort(names.v, names.n, sizeof *names.v, compare_names);
    *ret = names;
    return 0;
}

/* ---- writing ---------------------------------------------------------------------------------------------- */

int ks_attr_write(int root, const char *path, const char *text, struct ks_error *err)
{
    /* O_TRUNC is nothing to sysfs and procfs; where --root holds plain files it drops the old value's tail. */
    ks_auto(ks_closep) int fd = openat(root, below(path), O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY);
    size_t len = strlen(text);

    if (fd < 0)
        return fail(err, "open", path);

    ssize_t n = write(fd, text, len);

    if (n < 0)
        return ks_fail_errno(err, "cannot write '%.80s' to %s", text, path);
    if ((size_t)n != len)
        return ks_fail(err, KS_E_IO, KS_NOWHERE, "%s took %zd of %zu bytes", path, n, len);
    return 0;
}

static int mkdir_one(int root, const char *path, unsigned mode, struct ks_error *err)
{
    struct stat st;

    if (mkdirat(root, path, (mode_t)mode) == 0) {
        if (fchmodat(root, path, (mode_t)mode, 0) < 0) /* as given, whatever the umask */
            return fail(err, "set the mode of", path);
        return 0;
    }
    if (errno != EEXIST)
        return fail(err, "make directory", path);
    if (fstatat(root, path, &st, 0) < 0)
        return fail(err, "look at", path);
    if (!S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        return ks_fail_errno(err, "cannot make directory %s", path);
    }
    return 0;
}

int ks_mkdirs(int root, const char *path, unsigned mode, struct ks_error *err)
{
    ks_auto(ks_freep) char *part = strdup(below(path));

    if (!part)
        abort();
    for (char *p = part + strcspn(part, "/"); *p; p += strcspn(p, "/")) {
        *p = '\0';
        if (mkdir_one(root, part, mode, err) < 0)
            return -1;
        *p++ = '/';
        p += strspn(p, "/");
    }
    return mkdir_one(root, part, mode, err);
}

static int write_full(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* A new file; one of the same name was left by a run that was killed, as names hold the process and a count. */
static int open_new(int dir, const char *name)
{
    enum { FLAGS = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW };
    int fd = openat(dir, name, FLAGS, 0600);

    if (fd < 0 && errno == EEXIST && unlinkat(dir, name, 0) == 0)
        fd = openat(dir, name, FLAGS, 0600);
    return fd;
}

/* Writes `temporary` and puts it in the place of `name`; -1 with errno. */
static int replace_in(int dir, const char *temporary, const char *name, const void *data, size_t len, unsigned mode)
{
    ks_auto(ks_closep) int fd = open_new(dir, temporary);

    if (fd < 0)
        return -1;
    if (write_full(fd, data, len) < 0 || fchmod(fd, (mode_t)mode) < 0 || fsync(fd) < 0 ||
        renameat(dir, temporary, dir, name) < 0) {
        int saved = errno;

        (void)unlinkat(dir, temporary, 0);
        errno = saved;
        return -1;
    }
    return 0;
}

int ks_file_replace(int root, const char *path, const void *data, size_t len, unsigned mode, struct ks_error *err)
{
    static atomic_uint count;
    ks_auto(ks_freep) char *parent = strdup(below(path));
    ks_auto(ks_freep) char *temporary = NULL;

    if (!parent)
        abort();

    char *slash = strrchr(parent, '/');
    const char *name = slash ? slash + 1 : parent;

    if (slash)
        *slash = '\0';

    ks_auto(ks_closep) int dir = openat(root, slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0)
        return fail(err, "open the directory of", path);
    if (asprintf(&temporary, ".%s.%ld-%u", name, (long)getpid(), atomic_fetch_add(&count, 1)) < 0)
        abort();
    if (replace_in(dir, temporary, name, data, len, mode) < 0)
        return fail(err, "write", path);
    if (fsync(dir) < 0 && errno != EINVAL) /* EINVAL: a file system that has nothing to do for it */
        return fail(err, "write the directory of", path);
    return 0;
}
