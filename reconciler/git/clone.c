/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bare clone in the state directory. It appears by a rename, so that it is there whole or not at all, and is
 * changed only under its lock; whatever a killed run left (locks of libgit2, half packs, half clones) is therefore
 * nobody's, and swept by the next one.
 */
#include "reconciler/git/git.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

enum { PACKS_MAX = 20, NFTW_FDS = 16, URL_MAX = 4096 };
static const char URL_FILE[] = "kvmstate-url";
static const char DAMAGED_FILE[] = "kvmstate-damaged";

int ks_git_clone_init(struct ks_git_clone *c, struct ks_arena *arena, const char *state_dir,
                      const struct ks_git_url *url, struct ks_error *err)
{
    *c = (struct ks_git_clone){.arena = arena, .url = *url, .parent_fd = -1, .lock = -1};
    c->parent = ks_sprintf(arena, "%s/git", state_dir);
    c->name = ks_sprintf(arena, "%016jx", (uintmax_t)ks_hash_str(KS_HASH_START, url->shown));
    c->dir = ks_sprintf(arena, "%s/%s", c->parent, c->name);
    /* Not for everyone: a repository may be private. */
    int ks_auto(ks_closep) root = -1;
    if (ks_root_open(*state_dir == '/' ? "/" : ".", &root, err) < 0 || ks_mkdirs(root, c->parent, 0700, err) < 0 ||
        ks_root_open(c->parent, &c->parent_fd, err) < 0) {
        err->code = KS_E_SOURCE;
        return -1;
    }
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    (void)remove(path);
    return 0;
}

static void remove_tree(const char *dir)
{
    (void)nftw(dir, remove_entry, NFTW_FDS, FTW_DEPTH | FTW_PHYS);
}

/* libgit2 writes NAME.lock beside NAME, and packs and loose objects as NAME_git2_XXXXXX first. */
static int remove_leftover(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    const char *name = path + ftw->base;
    size_t n = strlen(name);

    (void)st;
    if (type == FTW_F && (strstr(name, "_git2_") || (n > 5 && ks_streq(name + n - 5, ".lock"))))
        (void)unlink(path);
    return 0;
}

static void sweep(const struct ks_git_clone *c)
{
    struct ks_error err = {0};
    struct ks_strings names = {0};
    const char *begun = ks_sprintf(c->arena, "%s.new-", c->name);

    (void)nftw(c->dir, remove_leftover, NFTW_FDS, FTW_PHYS);
    if (ks_dir_list(c->parent_fd, ".", c->arena, &names, &err) < 0) {
        ks_error_done(&err);
        return;
    }
    for (size_t i = 0; i < names.n; i++)
        if (ks_starts(names.v[i], begun))
            remove_tree(ks_sprintf(c->arena, "%s/%s", c->parent, names.v[i]));
}

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int ks_git_clone_lock(struct ks_git_clone *c, unsigned timeout_s, struct ks_error *err)
{
    const char *path = ks_sprintf(c->arena, "%s.lock", c->dir);
    int64_t deadline = now_ms() + (int64_t)timeout_s * 1000;

    c->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (c->lock < 0)
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "cannot open %s: %s", path, strerror(errno));
    while (flock(c->lock, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "cannot lock %s: %s", path, strerror(errno));
        if (now_ms() >= deadline)
            return ks_fail(err, KS_E_LOCKED, KS_NOWHERE, "another run has been fetching %s for %u s (it holds %s)",
                           c->url.shown, timeout_s, path);
        (void)nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
    }
    sweep(c);
    return 0;
}

void ks_git_clone_unlock(struct ks_git_clone *c)
{
    if (c->lock >= 0)
        (void)close(c->lock);
    c->lock = -1;
}

void ks_git_clone_done(struct ks_git_clone *c)
{
    ks_git_clone_unlock(c);
    if (c->parent_fd >= 0)
        (void)close(c->parent_fd);
    c->parent_fd = -1;
}

bool ks_git_clone_exists(const struct ks_git_clone *c)
{
    return ks_file_exists(c->parent_fd, c->name);
}

static int write_url(const char *dir, const struct ks_git_clone *c, struct ks_error *err)
{
    int ks_auto(ks_closep) fd = -1;
    if (ks_root_open(dir, &fd, err) < 0)
        return -1;
    return ks_file_replace(fd, URL_FILE, c->url.shown, strlen(c->url.shown), 0600, err);
}

int ks_git_clone_open(const struct ks_git_clone *c, git_repository **ret, struct ks_error *err)
{
    char *url;
    size_t n;

    if (ks_file_exists(c->parent_fd, ks_sprintf(c->arena, "%s/%s", c->name, DAMAGED_FILE)))
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "the clone in %s is damaged", c->dir);
    const char *url_file = ks_sprintf(c->arena, "%s/%s", c->name, URL_FILE);
    if (ks_file_read(c->parent_fd, url_file, URL_MAX, c->arena, &url, &n, err) < 0) {
        err->code = KS_E_SOURCE;
        return -1;
    }
    if (!ks_streq(url, c->url.shown))
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "the clone in %s is of another repository", c->dir);
    if (git_repository_open_bare(ret, c->dir) < 0)
        return ks_git_fail(err, "cannot open the clone in %s", c->dir);
    return 0;
}

int ks_git_clone_begin(const struct ks_git_clone *c, const char **ret_dir, git_repository **ret,
                       struct ks_error *err)
{
    char *dir = ks_sprintf(c->arena, "%s.new-XXXXXX", c->dir);

    if (!mkdtemp(dir))
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "cannot make %s: %s", dir, strerror(errno));
    /* No template: a site's hooks and settings are not for this repository. */
    git_repository_init_options options;
    (void)git_repository_init_options_init(&options, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
    options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_NO_REINIT;
    if (git_repository_init_ext(ret, dir, &options) < 0) {
        ks_git_fail(err, "cannot make a clone in %s", dir);
        remove_tree(dir);
        return -1;
    }
    if (write_url(dir, c, err) < 0) {
        remove_tree(dir);
        return -1;
    }
    *ret_dir = dir;
    return 0;
}

void ks_git_clone_abort(const char *dir)
{
    remove_tree(dir);
}

static void sync_dir(const char *dir)
{
    int ks_auto(ks_closep) fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        (void)fsync(fd);
}

int ks_git_clone_commit(const struct ks_git_clone *c, const char *dir, struct ks_error *err)
{
    int r = renameat2(AT_FDCWD, dir, AT_FDCWD, c->dir, RENAME_EXCHANGE);

    if (r < 0 && errno == ENOENT) {
        r = rename(dir, c->dir);
    } else if (r < 0 && (errno == EINVAL || errno == ENOSYS)) { /* a file system that cannot exchange */
        remove_tree(c->dir);
        r = rename(dir, c->dir);
    } else if (r == 0) {
        remove_tree(dir);
    }
    if (r < 0)
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "cannot rename %s to %s: %s", dir, c->dir, strerror(errno));
    sync_dir(c->parent);
    return 0;
}

void ks_git_clone_mark_damaged(const struct ks_git_clone *c)
{
    const char *path = ks_sprintf(c->arena, "%s/%s", c->dir, DAMAGED_FILE);
    int ks_auto(ks_closep) fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    (void)fd;
}

/* The paths of the packs' files, sorted. */
static int list_packs(struct ks_arena *arena, const char *dir, struct ks_strings *ret, struct ks_error *err)
{
    int ks_auto(ks_closep) fd = -1;
    if (ks_root_open(dir, &fd, err) < 0)
        return -1;
    return ks_dir_list(fd, "objects/pack", arena, ret, err);
}

/* Everything that a reference leads to. */
static int pack_all(git_repository *repo, git_packbuilder *builder, git_revwalk *walk)
{
    git_strarray refs = {0};
    int r = git_reference_list(&refs, repo);

    for (size_t i = 0; r == 0 && i < refs.count; i++) {
        git_oid id;
        r = git_reference_name_to_id(&id, repo, refs.strings[i]);
        if (r == 0)
            r = git_packbuilder_insert(builder, &id, NULL); /* the tag itself, where there is one */
        if (r == 0)
            r = git_revwalk_push(walk, &id);
    }
    git_strarray_dispose(&refs);
    if (r == 0)
        r = git_packbuilder_insert_walk(builder, walk);
    return r < 0 ? r : git_packbuilder_write(builder, NULL, 0, NULL, NULL);
}

static bool has(const struct ks_strings *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (ks_streq(names->v[i], name))
            return true;
    return false;
}

int ks_git_clone_tidy(git_repository *repo, const char *dir, struct ks_error *err)
{
    struct ks_arena *ks_auto(ks_arena_freep) arena = ks_arena_new();
    struct ks_strings before = {0}, after = {0};
    git_packbuilder *builder = NULL;
    git_revwalk *walk = NULL;

    if (list_packs(arena, dir, &before, err) < 0)
        return -1;
    if (before.n <= (size_t)PACKS_MAX * 2) /* .pack and .idx */
        return 0;
    int r = git_packbuilder_new(&builder, repo);
    if (r == 0)
        r = git_revwalk_new(&walk, repo);
    if (r == 0)
        r = pack_all(repo, builder, walk);
    git_revwalk_free(walk);
    git_packbuilder_free(builder);
    if (r < 0)
        return ks_git_fail(err, "cannot pack the clone in %s", dir);
    if (list_packs(arena, dir, &after, err) < 0)
        return -1;
    if (after.n < before.n + 2) /* nothing new: it was one pack already */
        return 0;
    for (size_t i = 0; i < after.n; i++)
        if (has(&before, after.v[i]))
            (void)unlink(ks_sprintf(arena, "%s/objects/pack/%s", dir, after.v[i]));
    return 0;
}
