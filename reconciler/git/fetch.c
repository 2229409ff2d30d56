/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Brings the clone up to date: one connection, only the reference that was asked for. Runs in a child (child.c). */
#include "reconciler/git/git.h"

/* Why a fetch failed, which decides what may be done instead. */
enum failure {
    FAILED_UNREACHABLE, /* the network, or the other end: what the clone has may stand in */
    FAILED_REFUSED,     /* we or they said no: nothing stands in */
    FAILED_CLONE,       /* the clone, perhaps: it is worth making it anew */
};

struct fetch {
    struct ks_arena *arena;
    const struct ks_git_clone *clone;
    const struct ks_source_opts *opts;
    struct ks_git_reporter *reporter;
    struct ks_git_session session;
    git_repository *repo;
    git_remote *remote;
    uint64_t max_bytes;
    enum failure failure;
    struct ks_git_want want;
    struct ks_git_fetched *ret;
};

static int on_transfer(const git_indexer_progress *p, void *data)
{
    struct ks_git_session *session = data;
    struct fetch *f = (struct fetch *)((char *)session - offsetof(struct fetch, session));
    bool resolving = p->received_objects == p->total_objects;

    f->reporter->tell(f->reporter, resolving ? "resolving" : "receiving",
                      resolving ? p->indexed_deltas : p->received_objects,
                      resolving ? p->total_deltas : p->total_objects, p->received_bytes);
    if (p->received_bytes <= f->max_bytes)
        return 0;
    session->why = ks_sprintf(f->arena, "it sends more than %ju bytes", (uintmax_t)f->max_bytes);
    session->refused = true;
    return -1;
}

static int on_message(const char *text, int n, void *data)
{
    struct ks_git_session *session = data;
    struct fetch *f = (struct fetch *)((char *)session - offsetof(struct fetch, session));

    (void)text;
    (void)n;
    f->reporter->tell(f->reporter, "waiting for the remote", 0, 0, 0);
    return 0;
}

static void set_callbacks(struct fetch *f, git_remote_callbacks *callbacks)
{
    callbacks->payload = &f->session;
    callbacks->credentials = ks_git_credentials;
    callbacks->transfer_progress = on_transfer;
    callbacks->sideband_progress = on_message;
    if (f->session.url->scheme == KS_GIT_SSH)
        callbacks->transport = ks_git_ssh_transport;
}

/* The HTTP statuses with which a server says no, rather than that it cannot; libgit2 has them in its text alone. */
static bool server_says_no(void)
{
    static const char *const statuses[] = {"code: 401", "code: 403", "code: 404", "code: 410"};
    const git_error *e = git_error_last();

    for (size_t i = 0; e && e->message && i < KS_COUNT(statuses); i++)
        if (strstr(e->message, statuses[i]))
            return true;
    return false;
}

/* With what a callback said, which is nearer to the cause than what libgit2 makes of it. */
static int remote_failed(struct fetch *f, int code, enum failure otherwise, struct ks_error *err)
{
    const char *shown = f->session.url->shown;

    f->failure = f->session.refused || code == GIT_EAUTH || code == GIT_ECERTIFICATE || server_says_no()
                     ? FAILED_REFUSED
                     : otherwise;
    if (f->session.why)
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "cannot fetch %s: %s", shown, f->session.why);
    if (code == GIT_ECERTIFICATE)
        return ks_git_fail(err, "cannot fetch %s: its certificate is not trusted", shown);
    return ks_git_fail(err, "cannot fetch %s", shown);
}

/* libgit2 takes a path that it cannot open for a protocol that it does not know, and says so. */
static int check_local(struct fetch *f, struct ks_error *err)
{
    const struct ks_git_url *url = f->session.url;
    git_repository *ks_auto(ks_git_repository_freep) repo = NULL;

    if (url->scheme != KS_GIT_LOCAL || *url->url != '/')
        return 0;
    if (access(url->url, F_OK) < 0) {
        f->failure = FAILED_UNREACHABLE;
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "cannot fetch %s: %s", url->shown, strerror(errno));
    }
    if (git_repository_open(&repo, url->url) < 0)
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "cannot fetch %s: it is not a git repository", url->shown);
    return 0;
}

static int connect_remote(struct fetch *f, struct ks_error *err)
{
    struct ks_git_url *url = ks_new(f->arena, struct ks_git_url);

    if (git_remote_create_anonymous(&f->remote, f->repo, f->clone->url.url) < 0)
        return ks_git_fail(err, "cannot fetch %s", f->clone->url.shown);
    /* The user's git configuration may have replaced it (url.*.insteadOf): the rules are the same for that. */
    f->failure = FAILED_REFUSED;
    if (ks_git_url_parse(f->arena, git_remote_url(f->remote), url, err) < 0)
        return -1;
    f->session.url = url;
    f->session.arena = f->arena;
    f->session.silence_s = f->opts->silence_s;
    if (check_local(f, err) < 0)
        return -1;

    git_remote_connect_options options;
    (void)git_remote_connect_options_init(&options, GIT_REMOTE_CONNECT_OPTIONS_VERSION);
    set_callbacks(f, &options.callbacks);
    options.proxy_opts.type = GIT_PROXY_AUTO;
    /* Not to another host: it would be sent this one's credentials. */
    options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
    f->reporter->tell(f->reporter, "connecting", 0, 0, 0);
    int r = git_remote_connect_ext(f->remote, GIT_DIRECTION_FETCH, &options);
    return r < 0 ? remote_failed(f, r, FAILED_UNREACHABLE, err) : 0;
}

/* What the remote has decides what the user's word means. */
static int choose(struct fetch *f, struct ks_error *err)
{
    const git_remote_head **heads;
    const char *head_target = NULL;
    struct ks_strings names = {0};
    size_t n;

    int r = git_remote_ls(&heads, &n, f->remote);
    if (r < 0)
        return remote_failed(f, r, FAILED_UNREACHABLE, err);
    for (size_t i = 0; i < n; i++) {
        if (strstr(heads[i]->name, "^{}"))
            continue;
        *ks_vec_add(f->arena, &names) = ks_strdup(f->arena, heads[i]->name);
        if (ks_streq(heads[i]->name, "HEAD") && heads[i]->symref_target)
            head_target = ks_strdup(f->arena, heads[i]->symref_target);
    }
    f->failure = FAILED_REFUSED;
    return ks_git_want_resolve(f->arena, f->opts->ref, &names, head_target, f->session.url->shown, &f->want, err);
}

/* A reference is fetched alone; part of an id can be anywhere. */
static void refspecs(struct fetch *f, struct ks_strings *ret)
{
    if (f->want.ref) {
        *ks_vec_add(f->arena, ret) =
            ks_sprintf(f->arena, "+%s:%s", f->want.ref, ks_git_local_ref(f->arena, f->want.ref));
        return;
    }
    *ks_vec_add(f->arena, ret) = "+refs/heads/*:refs/kvmstate/heads/*";
    *ks_vec_add(f->arena, ret) = "+refs/tags/*:refs/kvmstate/tags/*";
}

/* The network's errors come with these classes; others are about objects and files, and may be the clone's. */
static enum failure kind_of_failure(void)
{
    const git_error *e = git_error_last();
    if (e && (e->klass == GIT_ERROR_NET || e->klass == GIT_ERROR_SSL || e->klass == GIT_ERROR_SSH ||
              e->klass == GIT_ERROR_HTTP))
        return FAILED_UNREACHABLE;
    return FAILED_CLONE;
}

static int download(struct fetch *f, struct ks_error *err)
{
    struct ks_strings specs = {0};
    git_fetch_options options;

    refspecs(f, &specs);
    git_strarray array = {.strings = (char **)specs.v, .count = specs.n};
    (void)git_fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);
    set_callbacks(f, &options.callbacks);
    options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
    options.update_fetchhead = 0;
    options.proxy_opts.type = GIT_PROXY_AUTO;
    options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
    int r = git_remote_fetch(f->remote, &array, &options, NULL);
    return r < 0 ? remote_failed(f, r, kind_of_failure(), err) : 0;
}

static int fetch_into(struct fetch *f, git_repository *repo, struct ks_error *err)
{
    git_remote *ks_auto(ks_git_remote_freep) remote = NULL;
    git_oid id;

    f->repo = repo;
    f->remote = NULL;
    f->session = (struct ks_git_session){.url = &f->clone->url};
    f->failure = FAILED_CLONE;
    int r = connect_remote(f, err);
    remote = f->remote;
    if (r < 0 || choose(f, err) < 0 || download(f, err) < 0)
        return -1;
    /* A short id that nothing leads to is the user's mistake; a reference that was just fetched must be there. */
    f->failure = f->want.prefix ? FAILED_REFUSED : FAILED_CLONE;
    if (ks_git_lookup(f->arena, repo, &f->want, &id, err) < 0)
        return -1;
    (void)snprintf(f->ret->ref, sizeof f->ret->ref, "%s", f->want.ref ? f->want.shown : "");
    git_oid_tostr(f->ret->id, sizeof f->ret->id, &id);
    return 0;
}

static int fetch_anew(struct fetch *f, struct ks_error *err)
{
    git_repository *ks_auto(ks_git_repository_freep) repo = NULL;
    const char *dir;

    f->failure = FAILED_REFUSED;
    if (ks_git_clone_begin(f->clone, &dir, &repo, err) < 0)
        return -1;
    if (fetch_into(f, repo, err) < 0) {
        ks_git_clone_abort(dir);
        return -1;
    }
    return ks_git_clone_commit(f->clone, dir, err);
}

static int fetch_more(struct fetch *f, struct ks_error *err)
{
    git_repository *ks_auto(ks_git_repository_freep) repo = NULL;
    struct ks_error untidy = {0};

    f->failure = FAILED_CLONE;
    if (ks_git_clone_open(f->clone, &repo, err) < 0 || fetch_into(f, repo, err) < 0)
        return -1;
    if (ks_git_clone_tidy(repo, f->clone->dir, &untidy) < 0) /* works as well as before, then */
        ks_error_done(&untidy);
    return 0;
}

int ks_git_fetch(struct ks_arena *arena, const struct ks_git_clone *c, const struct ks_source_opts *opts,
                 bool rebuild, struct ks_git_reporter *reporter, struct ks_git_fetched *ret, bool *ret_unreachable,
                 struct ks_error *err)
{
    struct fetch f = {
        .arena = arena, .clone = c, .opts = opts, .reporter = reporter, .max_bytes = opts->max_fetch, .ret = ret};
    int r = -1;

    if (!rebuild && ks_git_clone_exists(c)) {
        r = fetch_more(&f, err);
        rebuild = r < 0 && f.failure == FAILED_CLONE;
    } else {
        rebuild = true;
    }
    if (rebuild) {
        ks_error_done(err);
        r = fetch_anew(&f, err);
    }
    *ret_unreachable = r < 0 && f.failure == FAILED_UNREACHABLE;
    return r;
}
