/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests: a directory that stands for "/", filled file by file, and removed at the end. */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include "base/base.h"

struct tree {
    char dir[64];
    int root;
};

static inline void tree_check(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        abort();
    }
}

static inline void tree_new(struct tree *t)
{
    (void)snprintf(t->dir, sizeof(t->dir), "/tmp/ks-tree-XXXXXX");
    tree_check(mkdtemp(t->dir) != NULL, t->dir);
    t->root = open(t->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    tree_check(t->root >= 0, t->dir);
}

static inline void tree_parents(const struct tree *t, const char *path)
{
    char part[512];

    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        (void)snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
        tree_check(mkdirat(t->root, part, 0755) == 0 || errno == EEXIST, part);
    }
}

/* Writes (or overwrites) one file; "a/b/" makes a directory. */
static inline void tree_put(const struct tree *t, const char *path, const char *text)
{
    tree_parents(t, path);
    if (path[strlen(path) - 1] == '/')
        return;
    const int fd = openat(t->root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    tree_check(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
    (void)close(fd);
}

static inline void tree_link(const struct tree *t, const char *path, const char *target)
{
    tree_parents(t, path);
    tree_check(symlinkat(target, t->root, path) == 0, path);
}

static inline int tree_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static inline void tree_done(struct tree *t)
{
    (void)close(t->root);
    (void)nftw(t->dir, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/*
 * A setup and a teardown for a `struct fixture` that has, besides its `tree`, an `err`, and an arena at `arena_`.
 * What follows is done in setup.
 */
#define TREE_FIXTURE(arena_, ...) \
    static int setup(void **state) \
    { \
        struct fixture *f = calloc(1, sizeof *f); \
\
        tree_new(&f->tree); \
        f->arena_ = ks_arena_new(); \
        __VA_ARGS__; \
        *state = f; \
        return 0; \
    } \
\
    static int teardown(void **state) \
    { \
        struct fixture *f = *state; \
\
        tree_done(&f->tree); \
        ks_arena_free(f->arena_); \
        ks_error_done(&f->err); \
        free(f); \
        return 0; \
    }
