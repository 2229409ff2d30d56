/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The git module's one entry: fetches what was asked for and opens the commit. */
#include "reconciler/git/git.h"

static const uint64_t FETCH_MAX = UINT64_C(1) << 30;
static const unsigned SILENCE_S = 60;

int ks_git_fail(struct ks_error *err, const char *fmt, ...)
{
    struct ks_arena *ks_auto(ks_arena_freep) arena = ks_arena_new();
    const git_error *e = git_error_last();
    char text[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const char *said = e && e->message && e->klass != GIT_ERROR_NONE ? ks_git_clean(arena, e->message) : "";
    return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "%s%s%s", text, *said ? ": " : "", said);
}

static int init(struct ks_error *err)
{
    static bool done;
    const char *ca = getenv("KVMSTATE_CA_FILE");

    if (done)
        return 0;
    if (git_libgit2_init() < 0)
        return ks_git_fail(err, "cannot start libgit2");
    /* Root reads a user's repository that is named on the command line: nothing in it is executed or obeyed. */
    (void)git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    (void)git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
    if (ca && *ca && git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, ca, NULL) < 0)
        return ks_git_fail(err, "KVMSTATE_CA_FILE=%s", ca);
    done = true;
    return 0;
}

/* What the clone has for opts->ref, without the remote. */
static int from_clone(struct ks_git_files *f, const struct ks_source_opts *opts, struct ks_error *err)
{
    const char *ref;
    git_oid id;

    if (!ks_git_clone_exists(&f->clone))
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "nothing of %s was fetched before", f->clone.url.shown);
    if (ks_git_clone_open(&f->clone, &f->repo, err) < 0 ||
        ks_git_lookup_local(f->base.arena, f->repo, opts->ref, &ref, &id, err) < 0)
        return -1;
    return ks_git_commit_open(f, &id, ref, err);
}

static void close_commit(struct ks_git_files *f)
{
    git_tree_free(f->tree);
    git_odb_free(f->odb);
    git_repository_free(f->repo);
    f->tree = NULL;
    f->odb = NULL;
    f->repo = NULL;
}

/* A full id names the same commit for ever: when it is there whole, nobody needs to be asked. */
static bool has_already(struct ks_git_files *f, const struct ks_source_opts *opts)
{
    struct ks_error err = {0};

    if (!opts->ref || !ks_git_is_full_id(opts->ref) || !ks_git_clone_exists(&f->clone))
        return false;
    if (from_clone(f, opts, &err) == 0)
        return true;
    ks_error_done(&err);
    close_commit(f);
    return false;
}

static int open_fetched(struct ks_git_files *f, const struct ks_git_fetched *fetched, struct ks_error *err)
{
    git_oid id;

    if (ks_git_clone_open(&f->clone, &f->repo, err) < 0)
        return -1;
    if (git_oid_fromstr(&id, fetched->id) < 0)
        return ks_git_fail(err, "not a commit id: %s", fetched->id);
    return ks_git_commit_open(f, &id, *fetched->ref ? fetched->ref : NULL, err);
}

/* A clone with holes is found only when it is read: it is then made anew, once. */
static int from_remote(struct ks_git_files *f, const struct ks_source_opts *opts, bool *ret_unreachable,
                       struct ks_error *err)
{
    struct ks_git_fetched fetched;

    if (ks_git_fetch_in_child(&f->clone, opts, false, &fetched, ret_unreachable, err) < 0)
        return -1;
    if (open_fetched(f, &fetched, err) == 0)
        return 0;
    ks_error_done(err);
    close_commit(f);
    if (ks_git_fetch_in_child(&f->clone, opts, true, &fetched, ret_unreachable, err) < 0)
        return -1;
    return open_fetched(f, &fetched, err);
}

/* The remote cannot be reached, and the caller takes the last known state instead. */
static int fall_back(struct ks_git_files *f, const struct ks_source_opts *opts, struct ks_error *err)
{
    const char *why = ks_error_text(f->base.arena, err);
    struct ks_error local = {0};

    close_commit(f);
    if (from_clone(f, opts, &local) < 0) {
        int r = ks_wrap(err, "%s", ks_error_text(f->base.arena, &local));
        ks_error_done(&local);
        return r;
    }
    struct ks_source_commit *commit = ks_new(f->base.arena, struct ks_source_commit);
    *commit = *f->base.commit;
    commit->cached = true;
    commit->why_cached = why;
    f->base.commit = commit;
    ks_error_done(err);
    return 0;
}

static int obtain(struct ks_git_files *f, const struct ks_source_opts *opts, struct ks_error *err)
{
    bool unreachable = false;

    if (opts->fetch == KS_FETCH_NEVER)
        return from_clone(f, opts, err);
    if (ks_git_clone_lock(&f->clone, opts->silence_s, err) < 0)
        return -1;
    if (has_already(f, opts) || from_remote(f, opts, &unreachable, err) == 0)
        return 0;
    return unreachable && opts->offline_ok ? fall_back(f, opts, err) : -1;
}

static int module_open(const struct ks_source_opts *given, struct ks_source_files **ret, struct ks_error *err)
{
    struct ks_arena *ks_auto(ks_arena_freep) arena = ks_arena_new();
    struct ks_git_files *f = ks_new(arena, struct ks_git_files);
    struct ks_source_opts opts = *given;
    struct ks_git_url url;

    opts.max_fetch = opts.max_fetch ? opts.max_fetch : FETCH_MAX;
    opts.silence_s = opts.silence_s ? opts.silence_s : SILENCE_S;
    f->base = (struct ks_source_files){
        .ops = &ks_git_files_ops, .arena = arena, .max_file = opts.max_file ? opts.max_file : KS_SOURCE_MAX_FILE};
    if (init(err) < 0 || ks_git_url_parse(arena, opts.repo, &url, err) < 0)
        return -1;
    if (ks_git_clone_init(&f->clone, arena, opts.state_dir, &url, err) < 0) {
        ks_git_clone_done(&f->clone);
        return -1;
    }
    int r = obtain(f, &opts, err);
    if (r == 0)
        r = ks_git_hosts_choose(f, opts.path, err);
    /* Readers need no lock: fetches add, and what is replaced is replaced whole. */
    ks_git_clone_unlock(&f->clone);
    if (r < 0) {
        close_commit(f);
        ks_git_clone_done(&f->clone);
        return -1;
    }
    (void)ks_take(arena);
    *ret = &f->base;
    return 0;
}

__attribute__((visibility("default"))) extern const struct ks_git_module ks_git_module;
const struct ks_git_module ks_git_module = {.build = KS_BUILD_ID,
                                            .opts_size = sizeof(struct ks_source_opts),
                                            .files_size = sizeof(struct ks_source_files),
                                            .commit_size = sizeof(struct ks_source_commit),
                                            .open = module_open};
