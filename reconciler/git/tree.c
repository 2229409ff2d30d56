/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of a commit's tree, read from the objects. What a hostile tree may hold is refused one by one. */
#include "reconciler/git/git.h"

#include <limits.h>

enum { DEPTH_MAX = 64, LINKS_MAX = 16, TREE_MAX = 16 << 20 };

/* A walk from the root along a path, through the symbolic links on it. */
struct walk {
    struct ks_git_files *f;
    struct ks_arena *arena;
    const char *path; /* as asked for */
    git_tree *at[DEPTH_MAX];
    size_t n;
    unsigned links;
    const char *rest; /* what is still to go */
    bool is_file;
    git_oid file;
};

static void walk_done(struct walk *w)
{
    while (w->n > 1) /* at[0] is the commit's, and stays */
        git_tree_free(w->at[--w->n]);
}

static int refuse(const struct walk *w, struct ks_error *err, const char *why)
{
    return ks_fail(err, KS_E_INVALID, KS_NOWHERE, "%s %s", w->path, why);
}

static int not_found(const struct walk *w, struct ks_error *err)
{
    return ks_fail(err, KS_E_NOT_FOUND, KS_NOWHERE, "no such file in %s: %s", w->f->base.title,
                   *w->path ? w->path : ".");
}

/* The clone itself is at fault: the next run makes it anew. */
static int damaged(struct ks_git_files *f, struct ks_error *err)
{
    ks_git_clone_mark_damaged(&f->clone);
    return ks_git_fail(err, "the clone in %s is damaged; the next run fetches it anew", f->clone.dir);
}

static int size_of(struct ks_git_files *f, const git_oid *id, size_t *ret, struct ks_error *err)
{
    git_object_t type;
    return git_odb_read_header(ret, &type, f->odb, id) < 0 ? damaged(f, err) : 0;
}

static int enter_tree(struct walk *w, const git_tree_entry *entry, struct ks_error *err)
{
    size_t size;

    if (w->n == DEPTH_MAX)
        return refuse(w, err, "is nested too deeply");
    if (size_of(w->f, git_tree_entry_id(entry), &size, err) < 0)
        return -1;
    if (size > TREE_MAX)
        return refuse(w, err, "has a directory that is too large");
    if (git_tree_lookup(&w->at[w->n], w->f->repo, git_tree_entry_id(entry)) < 0)
        return damaged(w->f, err);
    w->n++;
    return 0;
}

static int follow_link(struct walk *w, const git_tree_entry *entry, struct ks_error *err)
{
    git_blob *ks_auto(ks_git_blob_freep) blob = NULL;
    size_t size;

    if (++w->links > LINKS_MAX)
        return refuse(w, err, "is a symbolic link that never ends");
    if (size_of(w->f, git_tree_entry_id(entry), &size, err) < 0)
        return -1;
    if (size == 0 || size >= PATH_MAX)
        return refuse(w, err, "is a symbolic link that leads nowhere");
    if (git_blob_lookup(&blob, w->f->repo, git_tree_entry_id(entry)) < 0)
        return damaged(w->f, err);
    const char *target = ks_strndup(w->arena, git_blob_rawcontent(blob), size);
    if (*target == '/')
        return refuse(w, err, "is a symbolic link that leaves the repository");
    w->rest = ks_sprintf(w->arena, "%s/%s", target, w->rest);
    return 0;
}

static int enter(struct walk *w, const char *name, struct ks_error *err)
{
    const git_tree_entry *entry = git_tree_entry_byname(w->at[w->n - 1], name);

    if (!entry)
        return not_found(w, err);
    switch (git_tree_entry_filemode(entry)) {
    case GIT_FILEMODE_TREE:
        return enter_tree(w, entry, err);
    case GIT_FILEMODE_LINK:
        return follow_link(w, entry, err);
    case GIT_FILEMODE_COMMIT:
        return refuse(w, err, "is in a submodule; one repository is read");
    case GIT_FILEMODE_BLOB:
    case GIT_FILEMODE_BLOB_EXECUTABLE:
        if (w->rest[strspn(w->rest, "/")])
            return not_found(w, err);
        w->is_file = true;
        w->file = *git_tree_entry_id(entry);
        return 0;
    default:
        return refuse(w, err, "is neither a file nor a directory");
    }
}

static int step(struct walk *w, struct ks_error *err)
{
    size_t n = strcspn(w->rest, "/");
    const char *name = ks_strndup(w->arena, w->rest, n);

    w->rest += n;
    w->rest += strspn(w->rest, "/");
    if (*name == '\0' || ks_streq(name, "."))
        return 0;
    if (!ks_streq(name, ".."))
        return enter(w, name, err);
    if (w->n == 1)
        return refuse(w, err, "is a symbolic link that leaves the repository");
    git_tree_free(w->at[--w->n]);
    return 0;
}

/* With success w->is_file and w->file, or the directory w->at[w->n - 1]. walk_done() in any case. */
static int walk_to(struct walk *w, struct ks_error *err)
{
    w->at[0] = w->f->tree;
    w->n = 1;
    w->rest = w->path;
    while (*w->rest && !w->is_file)
        if (step(w, err) < 0)
            return -1;
    return 0;
}

static int tree_read(struct ks_source_files *s, const char *path, struct ks_arena *arena, char **ret,
                     size_t *ret_len, struct ks_error *err)
{
    struct ks_git_files *f = (struct ks_git_files *)s;
    git_blob *ks_auto(ks_git_blob_freep) blob = NULL;
    struct walk ks_auto(walk_done) w = {.f = f, .arena = arena, .path = path};
    size_t size;

    if (walk_to(&w, err) < 0)
        return -1;
    if (!w.is_file)
        return refuse(&w, err, "is a directory, not a file");
    if (size_of(f, &w.file, &size, err) < 0)
        return -1;
    if (size > s->max_file)
        return ks_fail(err, KS_E_INVALID, KS_NOWHERE, "%s has %zu bytes; at most %zu are read", path, size,
                       s->max_file);
    if (git_blob_lookup(&blob, f->repo, &w.file) < 0)
        return damaged(f, err);
    *ret = ks_arena_alloc(arena, size + 1);
    memcpy(*ret, git_blob_rawcontent(blob), size);
    *ret_len = size;
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return ks_strcmp_natural(*(const char *const *)a, *(const char *const *)b);
}

/* A name that a file system could have: a tree may hold others. */
static bool is_name(const char *name)
{
    return *name && !strchr(name, '/') && !ks_streq(name, ".") && !ks_streq(name, "..");
}

static int tree_list(struct ks_source_files *s, const char *path, struct ks_arena *arena, struct ks_strings *ret,
                     struct ks_error *err)
{
    struct ks_git_files *f = (struct ks_git_files *)s;
    struct walk ks_auto(walk_done) w = {.f = f, .arena = arena, .path = path};
    struct ks_strings names = {0};

    if (walk_to(&w, err) < 0)
        return -1;
    if (w.is_file)
        return not_found(&w, err);
    const git_tree *tree = w.at[w.n - 1];
    for (size_t i = 0; i < git_tree_entrycount(tree); i++) {
        const git_tree_entry *entry = git_tree_entry_byindex(tree, i);
        const char *name = git_tree_entry_name(entry);
        bool dir = git_tree_entry_type(entry) == GIT_OBJECT_TREE;
        if (is_name(name))
            *ks_vec_add(arena, &names) = ks_sprintf(arena, "%s%s", name, dir ? "/" : "");
    }
    if (names.n > 0)
        qsort(names.v, names.n, sizeof names.v[0], compare_names);
    *ret = names;
    return 0;
}

static void tree_done(struct ks_source_files *s)
{
    struct ks_git_files *f = (struct ks_git_files *)s;

    git_tree_free(f->tree);
    git_odb_free(f->odb);
    git_repository_free(f->repo);
    ks_git_clone_done(&f->clone);
}

const struct ks_source_ops ks_git_files_ops = {tree_read, tree_list, tree_done};

static bool is_dir(struct ks_git_files *f, const char *path)
{
    struct ks_arena *ks_auto(ks_arena_freep) arena = ks_arena_new();
    struct walk ks_auto(walk_done) w = {.f = f, .arena = arena, .path = path};
    struct ks_error err = {0};

    bool found = walk_to(&w, &err) == 0 && !w.is_file;
    ks_error_done(&err);
    return found;
}

int ks_git_hosts_choose(struct ks_git_files *f, const char *path, struct ks_error *err)
{
    struct ks_source_files *s = &f->base;
    const char *dir = path ? ks_strdup(s->arena, path) : "";

    if (!is_dir(f, dir))
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "--path %s: no such directory in %s", path, s->title);
    const char *hosts = *dir ? ks_sprintf(s->arena, "%s/hosts", dir) : "hosts";
    s->hosts = is_dir(f, hosts) ? hosts : dir;
    return 0;
}
