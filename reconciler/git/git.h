/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the git module. A run goes: lock the clone -> a child process fetches (child.c, fetch.c, refs.c) -> the
 * commit is opened and checked (commit.c) -> files are read from its tree (tree.c). The clone itself is made,
 * mended and swapped by clone.c.
 */
#pragma once

#include "reconciler/source_backends.h"

#include <git2.h>

static inline void ks_git_repository_freep(git_repository **p)
{
    git_repository_free(*p);
}
static inline void ks_git_remote_freep(git_remote **p)
{
    git_remote_free(*p);
}
static inline void ks_git_object_freep(git_object **p)
{
    git_object_free(*p);
}
static inline void ks_git_commit_freep(git_commit **p)
{
    git_commit_free(*p);
}
static inline void ks_git_tree_freep(git_tree **p)
{
    git_tree_free(*p);
}
static inline void ks_git_blob_freep(git_blob **p)
{
    git_blob_free(*p);
}
static inline void ks_git_odb_freep(git_odb **p)
{
    git_odb_free(*p);
}
static inline void ks_git_reference_freep(git_reference **p)
{
    git_reference_free(*p);
}

/* ---- the URL (url.c) -------------------------------------------------------------------------------------- */

enum ks_git_scheme { KS_GIT_LOCAL, KS_GIT_HTTPS, KS_GIT_SSH };

struct ks_git_url {
    enum ks_git_scheme scheme;
    const char *url;   /* as libgit2 takes it: local paths are absolute */
    const char *shown; /* without password and control characters */
    /* of ssh only; NULL where not stated */
    const char *user, *host, *port, *path;
};
/* Refuses what is neither a local path nor encrypted and authenticated. KS_E_SOURCE. */
int ks_git_url_parse(struct ks_arena *arena, const char *text, struct ks_git_url *ret, struct ks_error *err);
/* Control characters (C0, DEL, C1) as '?': fit for a terminal. NULL gives "". */
const char *ks_git_clean(struct ks_arena *arena, const char *text);

/* ---- the clone (clone.c) ---------------------------------------------------------------------------------- */

struct ks_git_clone {
    struct ks_arena *arena;
    struct ks_git_url url;
    const char *parent;  /* STATE/git */
    const char *name;    /* hash of the URL */
    const char *dir;     /* parent/name */
    int parent_fd, lock; /* -1: not open, not held */
};

/* Makes `parent`. The paths lie in `arena`. */
int ks_git_clone_init(struct ks_git_clone *c, struct ks_arena *arena, const char *state_dir,
                      const struct ks_git_url *url, struct ks_error *err);
/* Waits up to `timeout_s` for another run; KS_E_LOCKED. With the lock held, leftovers of killed runs are swept. */
int ks_git_clone_lock(struct ks_git_clone *c, unsigned timeout_s, struct ks_error *err);
void ks_git_clone_unlock(struct ks_git_clone *c);
void ks_git_clone_done(struct ks_git_clone *c);
bool ks_git_clone_exists(const struct ks_git_clone *c);
/* -1 when it is not there, damaged beyond opening, marked as damaged, or another URL's. */
int ks_git_clone_open(const struct ks_git_clone *c, git_repository **ret, struct ks_error *err);
/* An empty bare repository beside the clone, at *ret_dir. */
int ks_git_clone_begin(const struct ks_git_clone *c, const char **ret_dir, git_repository **ret,
                       struct ks_error *err);
/* Puts it in the clone's place, in one rename. */
int ks_git_clone_commit(const struct ks_git_clone *c, const char *dir, struct ks_error *err);
void ks_git_clone_abort(const char *dir);
/* The next run makes the clone anew. */
void ks_git_clone_mark_damaged(const struct ks_git_clone *c);
/* Packs pile up, one for each fetch: beyond a number they are made one. */
int ks_git_clone_tidy(git_repository *repo, const char *dir, struct ks_error *err);

/* ---- references (refs.c) ---------------------------------------------------------------------------------- */

enum { KS_GIT_REF_MAX = 512 };

/* What is to be had: a reference by its full name at the remote, or a commit by (part of) its id. */
struct ks_git_want {
    const char *ref;    /* "refs/heads/main", "HEAD"; NULL when `prefix` is given */
    const char *shown;  /* `ref`, or where HEAD points to */
    const char *prefix; /* hex digits */
};
/* As text: 40 or 64 digits; part of one: 4 or more. */
bool ks_git_is_full_id(const char *text);
bool ks_git_is_id_prefix(const char *text);
/* Names: what the remote (or, without one, the clone) has, as full names. Ambiguity is an error. KS_E_SOURCE. */
int ks_git_want_resolve(struct ks_arena *arena, const char *ref, const struct ks_strings *names,
                        const char *head_target, const char *where, struct ks_git_want *ret, struct ks_error *err);
/* "refs/heads/x" -> "refs/kvmstate/heads/x": where the clone keeps it. */
const char *ks_git_local_ref(struct ks_arena *arena, const char *ref);
/* The commit that the clone has for what is wanted. KS_E_SOURCE. */
int ks_git_lookup(struct ks_arena *arena, git_repository *repo, const struct ks_git_want *want, git_oid *ret,
                  struct ks_error *err);
/* As ks_git_want_resolve() from what the clone has, then looked up. */
int ks_git_lookup_local(struct ks_arena *arena, git_repository *repo, const char *ref, const char **ret_ref,
                        git_oid *ret, struct ks_error *err);

/* ---- fetching (child.c, fetch.c, ssh.c, credentials.c) ------------------------------------------------------ */

struct ks_git_fetched {
    char ref[KS_GIT_REF_MAX]; /* "" for a commit id */
    char id[GIT_OID_HEXSZ + 1];
};

/* Tells the parent how far it is; at most ten times a second. */
struct ks_git_reporter {
    void (*tell)(struct ks_git_reporter *r, const char *what, uint32_t done, uint32_t total, uint64_t bytes);
};

/*
 * In the child: brings the clone up to date for opts->ref; `rebuild` makes it anew. *ret_unreachable: the failure
 * is the network's, and what the clone has may stand in for it.
 */
int ks_git_fetch(struct ks_arena *arena, const struct ks_git_clone *c, const struct ks_source_opts *opts,
                 bool rebuild, struct ks_git_reporter *reporter, struct ks_git_fetched *ret, bool *ret_unreachable,
                 struct ks_error *err);
/* The same in a child process, which is killed after opts->silence_s of silence. */
int ks_git_fetch_in_child(const struct ks_git_clone *c, const struct ks_source_opts *opts, bool rebuild,
                          struct ks_git_fetched *ret, bool *ret_unreachable, struct ks_error *err);

/* libgit2's last error behind the text that was given. KS_E_SOURCE. */
int ks_git_fail(struct ks_error *err, const char *fmt, ...) KS_PRINTF(2, 3);

/* What went wrong in a callback, in words that libgit2 would not carry. */
struct ks_git_session {
    struct ks_arena *arena;
    const struct ks_git_url *url;
    unsigned silence_s;
    unsigned tried;  /* credentials */
    const char *why; /* NULL, or the cause of the failure */
    bool refused;    /* not the network: a host key, a password */
};
int ks_git_ssh_transport(git_transport **out, git_remote *owner, void *session);
int ks_git_credentials(git_credential **out, const char *url, const char *username, unsigned types, void *session);

/* ---- reading (commit.c, tree.c) --------------------------------------------------------------------------- */

struct ks_git_files {
    struct ks_source_files base;
    struct ks_git_clone clone;
    git_repository *repo;
    git_odb *odb;
    git_tree *tree;
};

/* Reads the commit and walks its tree: every tree can be read, every file is there. KS_E_SOURCE: damaged. */
int ks_git_commit_open(struct ks_git_files *f, const git_oid *id, const char *ref, struct ks_error *err);
/* Chooses base.hosts from --path. */
int ks_git_hosts_choose(struct ks_git_files *f, const char *path, struct ks_error *err);
extern const struct ks_source_ops ks_git_files_ops;
