/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens one commit of the clone: who, when, what; and whether everything that it holds is there. */
#include "reconciler/git/git.h"

enum { DEPTH_MAX = 64, ENTRIES_MAX = 100000, TREE_MAX = 16 << 20 };

struct check {
    struct ks_git_files *f;
    size_t entries;
};

static int check_tree(struct check *c, const git_tree *tree, unsigned depth, struct ks_error *err);

static int missing(const struct check *c, struct ks_error *err)
{
    return ks_git_fail(err, "the clone in %s is damaged", c->f->clone.dir);
}

static int check_subtree(struct check *c, const git_oid *id, unsigned depth, struct ks_error *err)
{
    git_tree *ks_auto(ks_git_tree_freep) tree = NULL;
    git_object_t type;
    size_t size;

    if (git_odb_read_header(&size, &type, c->f->odb, id) < 0)
        return missing(c, err);
    if (size > TREE_MAX)
        return 0; /* refused when something in it is read */
    if (git_tree_lookup(&tree, c->f->repo, id) < 0)
        return missing(c, err);
    return check_tree(c, tree, depth, err);
}

/*
 * A hole is found here, while the clone can still be made anew, rather than in the middle of the manifest. Beyond
 * the bounds it is found later.
 */
static int check_tree(struct check *c, const git_tree *tree, unsigned depth, struct ks_error *err)
{
    for (size_t i = 0; i < git_tree_entrycount(tree); i++) {
        const git_tree_entry *entry = git_tree_entry_byindex(tree, i);
        if (depth > DEPTH_MAX || c->entries++ > ENTRIES_MAX)
            return 0;
        if (git_tree_entry_type(entry) == GIT_OBJECT_TREE) {
            if (check_subtree(c, git_tree_entry_id(entry), depth + 1, err) < 0)
                return -1;
        } else if (git_tree_entry_type(entry) == GIT_OBJECT_BLOB &&
                   !git_odb_exists(c->f->odb, git_tree_entry_id(entry))) {
            return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "the clone in %s is damaged: an object is missing",
                           c->f->clone.dir);
        }
    }
    return 0;
}

static const char *short_id(struct ks_arena *arena, git_repository *repo, const git_oid *id)
{
    git_object *ks_auto(ks_git_object_freep) object = NULL;
    git_buf buf = {0};
    const char *text = NULL;

    if (git_object_lookup(&object, repo, id, GIT_OBJECT_COMMIT) == 0 && git_object_short_id(&buf, object) == 0)
        text = ks_strdup(arena, buf.ptr);
    git_buf_dispose(&buf);
    return text ? text : ks_strndup(arena, git_oid_tostr_s(id), 7);
}

static void describe(struct ks_git_files *f, git_commit *commit, const char *ref)
{
    struct ks_arena *arena = f->base.arena;
    struct ks_source_commit *c = ks_new(arena, struct ks_source_commit);
    const git_signature *author = git_commit_author(commit);

    c->url = f->clone.url.shown;
    c->ref = ref ? ks_git_clean(arena, ref) : NULL;
    c->id = ks_strdup(arena, git_oid_tostr_s(git_commit_id(commit)));
    c->short_id = short_id(arena, f->repo, git_commit_id(commit));
    c->author = ks_git_clean(arena, author ? ks_sprintf(arena, "%s <%s>", author->name, author->email) : "unknown");
    c->summary = ks_git_clean(arena, git_commit_summary(commit));
    c->time = git_commit_time(commit);
    f->base.commit = c;
    f->base.title = ks_sprintf(arena, "%s of %s", c->short_id, c->url);
}

int ks_git_commit_open(struct ks_git_files *f, const git_oid *id, const char *ref, struct ks_error *err)
{
    git_commit *ks_auto(ks_git_commit_freep) commit = NULL;
    struct check c = {.f = f};

    git_object_t type;
    size_t size;

    if (git_repository_odb(&f->odb, f->repo) < 0 || git_commit_lookup(&commit, f->repo, id) < 0 ||
        git_odb_read_header(&size, &type, f->odb, git_commit_tree_id(commit)) < 0)
        return missing(&c, err);
    if (size > TREE_MAX)
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "the commit's top directory has %zu bytes", size);
    if (git_commit_tree(&f->tree, commit) < 0)
        return missing(&c, err);
    if (check_tree(&c, f->tree, 0, err) < 0)
        return -1;
    describe(f, commit, ref);
    return 0;
}
