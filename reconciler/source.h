/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * source: where the manifests come from. Either files on disk (`-f FILE|DIR`), or one commit of a git repository
 * (`--repo URL --ref REF`), read from the objects of a bare clone in the state directory, never checked out.
 * Both are seen as one tree of text files, bounded by the repository: no path, include or symbolic link leads out.
 *
 * Everything git lives in a module that is loaded on demand, so that a run with -f does not pay for libgit2
 * (docs/decisions/0002-git-module.md).
 *
 * Errors: KS_E_SOURCE when the source cannot be had or is not trusted (exit status 6); KS_E_NOT_FOUND,
 * KS_E_INVALID when one path in it is missing, refused or too large: faults of what the manifest says, which the
 * loader puts beside the line that names the path; KS_E_LOCKED when another run holds the clone for too long.
 */
#pragma once

#include "base/base.h"

enum { KS_SOURCE_MAX_FILE = 4 << 20 }; /* bytes of one file, unless the caller says otherwise */

struct ks_source_progress {
    const char *what;     /* "connecting", "receiving", "resolving": valid during the call */
    uint32_t done, total; /* objects; total 0 when not known */
    uint64_t bytes;       /* received so far */
};

enum ks_source_fetch {
    KS_FETCH_NEEDED, /* ask the remote, unless REF is a full commit id that the clone has already */
    KS_FETCH_NEVER,  /* what the clone has, without any network: at boot, and for `diff` after one fetch */
};

struct ks_source_opts {
    const char *file; /* -f: a manifest, or a directory of hosts or with hosts/ in it; else `repo` is used */
    const char *repo; /* https://, ssh://, user@host:path, file:// or a path */
    const char *ref;  /* branch, tag, full or short commit id, refs/...; NULL: the remote's HEAD */
    const char *path; /* directory of the hosts in the repository; NULL: hosts/ if there is one, else its root */
    const char *state_dir; /* the clones lie in its git/ */
    enum ks_source_fetch fetch;
    bool offline_ok;    /* remote unreachable: use what the clone has and say so in commit->cached */
    size_t max_file;    /* bytes; 0: KS_SOURCE_MAX_FILE */
    uint64_t max_fetch; /* bytes received in one fetch; 0: 1 GiB */
    unsigned silence_s; /* seconds without a sign of life from the remote before giving up; 0: 60 */
    void (*progress)(void *data, const struct ks_source_progress *p); /* or NULL */
    void *data;
};

/* All text is fit for a terminal: control characters are replaced by '?'. */
struct ks_source_commit {
    const char *url;        /* without a password */
    const char *ref;        /* "refs/heads/main", or NULL when a commit id was asked for */
    const char *id;         /* all hex digits */
    const char *short_id;   /* unambiguous, at least 7 */
    const char *author;     /* "Name <address>" */
    const char *summary;    /* first line of the message */
    int64_t time;           /* committer's time, seconds since the epoch */
    bool cached;            /* the remote was wanted and could not be reached: this is the last known state */
    const char *why_cached; /* what went wrong then */
};

struct ks_source_files;
struct ks_source_ops {
    /* `path` is normalised: relative to the repository's root, without ".", ".." and doubled slashes. */
    int (*read)(struct ks_source_files *s, const char *path, struct ks_arena *arena, char **ret, size_t *ret_len,
                struct ks_error *err);
    int (*list)(struct ks_source_files *s, const char *path, struct ks_arena *arena, struct ks_strings *ret,
                struct ks_error *err);
    void (*done)(struct ks_source_files *s);
};

struct ks_source_files {
    const struct ks_source_ops *ops;
    struct ks_arena *arena; /* everything below lies in it */
    size_t max_file;
    const struct ks_source_commit *commit; /* NULL: files on disk */
    const char *file;  /* -f FILE as a path in the repository; NULL when there is a directory of hosts */
    const char *hosts; /* the directory of hosts in the repository, "" is its root; NULL beside `file` */
    const char *root;  /* of files on disk: the repository's absolute path; else NULL */
    const char *title; /* for messages: "hosts/" or "3f9c2ab of https://..." */
};

/* Fetches and opens. *ret is the caller's, to be freed; written on success only. */
int ks_source_open(const struct ks_source_opts *opts, struct ks_source_files **ret, struct ks_error *err);
void ks_source_free(struct ks_source_files *s); /* NULL is fine */
static inline void ks_source_freep(struct ks_source_files **s)
{
    ks_source_free(*s);
}

/*
 * The path in the repository that `relative` means when the file `from` (a path in the repository; NULL: its
 * root) says it. Refused with KS_E_INVALID: absolute paths, those that leave the repository, those into .git.
 */
int ks_source_path(struct ks_arena *arena, const char *from, const char *relative, const char **ret,
                   struct ks_error *err);
/* A regular file's text, NUL-terminated, in `arena`. Symbolic links inside the repository are followed. */
int ks_source_read(struct ks_source_files *s, const char *path, struct ks_arena *arena, char **ret, size_t *ret_len,
                   struct ks_error *err);
/* The names in a directory, sorted naturally; those of directories end with '/'. Names nobody means are left out.
 */
int ks_source_list(struct ks_source_files *s, const char *dir, struct ks_arena *arena, struct ks_strings *ret,
                   struct ks_error *err);
/* The path of a host's manifest: -f FILE itself, else <hosts>/<host>.yaml. KS_E_NOT_FOUND names the hosts there. */
int ks_source_manifest(struct ks_source_files *s, const char *host, struct ks_arena *arena, const char **ret,
                       struct ks_error *err);
/* The paths of all hosts' manifests (*.yaml in <hosts>), sorted naturally; -f FILE: that one. */
int ks_source_manifests(struct ks_source_files *s, struct ks_arena *arena, struct ks_strings *ret,
                        struct ks_error *err);
/* A path in the repository as the user should see it: for files on disk as seen from the working directory. */
const char *ks_source_shown(const struct ks_source_files *s, struct ks_arena *arena, const char *path);
