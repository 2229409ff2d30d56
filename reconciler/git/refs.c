/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What --ref means: a branch, a tag, a commit id or part of one, or a reference by its full name. */
#include "reconciler/git/git.h"

enum { KS_ID_MIN = 4, KS_OBJECT_MAX = 16 << 20 };

static bool is_hex(const char *text)
{
    return *text && text[strspn(text, "0123456789abcdefABCDEF")] == '\0';
}

bool ks_git_is_full_id(const char *text)
{
    return strlen(text) == GIT_OID_HEXSZ && is_hex(text);
}

bool ks_git_is_id_prefix(const char *text)
{
    return strlen(text) >= KS_ID_MIN && strlen(text) <= GIT_OID_HEXSZ && is_hex(text);
}

static bool has(const struct ks_strings *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (ks_streq(names->v[i], name))
            return true;
    return false;
}

/* "refs/heads/main" -> "main"; others stay. */
static const char *short_name(const char *ref)
{
    if (ks_starts(ref, "refs/heads/"))
        return ref + strlen("refs/heads/");
    if (ks_starts(ref, "refs/tags/"))
        return ref + strlen("refs/tags/");
    return ref;
}

static int no_head(struct ks_arena *arena, const struct ks_strings *names, const char *where, struct ks_error *err)
{
    for (size_t i = 0; i < names->n; i++)
        if (ks_starts(names->v[i], "refs/heads/"))
            return ks_fail(err, KS_E_SOURCE, KS_NOWHERE,
                           "%s has no default branch (HEAD); say --ref, e.g. --ref %s", where,
                           ks_git_clean(arena, short_name(names->v[i])));
    return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "%s has no commit yet", where);
}

static int no_such_ref(struct ks_arena *arena, const char *ref, const struct ks_strings *names, const char *where,
                       struct ks_error *err)
{
    struct ks_strings known = {0};

    for (size_t i = 0; i < names->n; i++)
        *ks_vec_add(arena, &known) = short_name(names->v[i]);
    const char *near = known.n > 0 ? ks_nearest(ref, known.v, known.n) : NULL;
    return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "%s has no branch, tag or commit '%s'%s%s%s", where,
                   ks_git_clean(arena, ref), near ? "; did you mean '" : "", near ? ks_git_clean(arena, near) : "",
                   near ? "'?" : "");
}

int ks_git_want_resolve(struct ks_arena *arena, const char *ref, const struct ks_strings *names,
                        const char *head_target, const char *where, struct ks_git_want *ret, struct ks_error *err)
{
    if (!ref || ks_streq(ref, "HEAD")) {
        if (!has(names, "HEAD"))
            return no_head(arena, names, where, err);
        *ret = (struct ks_git_want){.ref = "HEAD", .shown = head_target ? head_target : "HEAD"};
        return 0;
    }
    /* Not a branch that somebody named like a commit. */
    if (ks_git_is_full_id(ref)) {
        *ret = (struct ks_git_want){.prefix = ref};
        return 0;
    }
    const char *branch = ks_sprintf(arena, "refs/heads/%s", ref);
    const char *tag = ks_sprintf(arena, "refs/tags/%s", ref);
    const char *found = ks_starts(ref, "refs/") && has(names, ref) ? ref
                        : has(names, branch)                       ? branch
                        : has(names, tag)                          ? tag
                                                                   : NULL;
    if (found == branch && has(names, tag))
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "'%s' is a branch and a tag of %s: say --ref %s or --ref %s",
                       ref, where, branch, tag);
    if (!found && !ks_git_is_id_prefix(ref))
        return no_such_ref(arena, ref, names, where, err);
    if (found && strlen(found) >= KS_GIT_REF_MAX)
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "the name of the reference is too long");
    *ret = found ? (struct ks_git_want){.ref = found, .shown = found} : (struct ks_git_want){.prefix = ref};
    return 0;
}

const char *ks_git_local_ref(struct ks_arena *arena, const char *ref)
{
    return ks_sprintf(arena, "refs/kvmstate/%s", ks_starts(ref, "refs/") ? ref + strlen("refs/") : ref);
}

/* Before an object is read into memory: a header says how large it would become. */
static int check_size(git_repository *repo, const git_oid *id, struct ks_error *err)
{
    git_odb *ks_auto(ks_git_odb_freep) odb = NULL;
    git_object_t type;
    size_t size;

    if (git_repository_odb(&odb, repo) < 0 || git_odb_read_header(&size, &type, odb, id) < 0)
        return ks_git_fail(err, "cannot read the commit");
    if (type != GIT_OBJECT_BLOB && size > KS_OBJECT_MAX)
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "the commit has %zu bytes", size);
    return 0;
}

static int peel(git_repository *repo, const git_object *object, const char *what, git_oid *ret,
                struct ks_error *err)
{
    git_object *ks_auto(ks_git_object_freep) commit = NULL;

    if (git_object_peel(&commit, object, GIT_OBJECT_COMMIT) < 0)
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "'%s' is not a commit", what);
    if (check_size(repo, git_object_id(commit), err) < 0)
        return -1;
    *ret = *git_object_id(commit);
    return 0;
}

static int lookup_prefix(git_repository *repo, const char *prefix, git_oid *ret, struct ks_error *err)
{
    git_object *ks_auto(ks_git_object_freep) object = NULL;
    git_oid id;

    if (git_oid_fromstrn(&id, prefix, strlen(prefix)) < 0)
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "'%s' is not a commit id", prefix);
    int r = git_object_lookup_prefix(&object, repo, &id, strlen(prefix), GIT_OBJECT_ANY);
    if (r == GIT_EAMBIGUOUS)
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "'%s' begins more than one id: give more digits", prefix);
    if (r == GIT_ENOTFOUND)
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "no branch, tag or commit '%s' that a branch or tag leads to",
                       prefix);
    if (r < 0)
        return ks_git_fail(err, "cannot read %s", prefix);
    return peel(repo, object, prefix, ret, err);
}

int ks_git_lookup(struct ks_arena *arena, git_repository *repo, const struct ks_git_want *want, git_oid *ret,
                  struct ks_error *err)
{
    git_object *ks_auto(ks_git_object_freep) object = NULL;
    git_oid id;

    if (want->prefix)
        return lookup_prefix(repo, want->prefix, ret, err);
    if (git_reference_name_to_id(&id, repo, ks_git_local_ref(arena, want->ref)) < 0)
        return ks_git_fail(err, "the clone has no %s", want->ref);
    if (check_size(repo, &id, err) < 0)
        return -1;
    if (git_object_lookup(&object, repo, &id, GIT_OBJECT_ANY) < 0)
        return ks_git_fail(err, "cannot read %s", want->ref);
    return peel(repo, object, want->shown, ret, err);
}

/* What the clone has, as the remote names it. */
static int local_names(struct ks_arena *arena, git_repository *repo, struct ks_strings *ret, struct ks_error *err)
{
    static const char PREFIX[] = "refs/kvmstate/";
    git_strarray all = {0};

    if (git_reference_list(&all, repo) < 0)
        return ks_git_fail(err, "cannot list the clone's references");
    for (size_t i = 0; i < all.count; i++) {
        if (!ks_starts(all.strings[i], PREFIX))
            continue;
        const char *name = all.strings[i] + strlen(PREFIX);
        *ks_vec_add(arena, ret) = ks_streq(name, "HEAD") ? "HEAD" : ks_sprintf(arena, "refs/%s", name);
    }
    git_strarray_dispose(&all);
    return 0;
}

int ks_git_lookup_local(struct ks_arena *arena, git_repository *repo, const char *ref, const char **ret_ref,
                        git_oid *ret, struct ks_error *err)
{
    struct ks_strings names = {0};
    struct ks_git_want want;

    if (local_names(arena, repo, &names, err) < 0 ||
        ks_git_want_resolve(arena, ref, &names, NULL, "the local clone", &want, err) < 0 ||
        ks_git_lookup(arena, repo, &want, ret, err) < 0)
        return -1;
    *ret_ref = want.shown;
    return 0;
}
