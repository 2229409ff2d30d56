/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * base: what every other folder stands on. Ownership, arenas, errors with a place in the user's file, text,
 * sizes, CPU sets, files. Depends on libc alone. Out of memory aborts: a plan is complete in memory before the
 * first write, so nothing is ever half done because of it.
 */
#pragma once

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- ownership -------------------------------------------------------------------------------------------- */

#define ks_auto(fn) __attribute__((cleanup(fn)))
/* Hands over what `p` holds and empties `p`, so that its cleanup does nothing. */
#define ks_take(p) \
    ({ \
        __typeof__(p) ks_taken_ = (p); \
        (p) = NULL; \
        ks_taken_; \
    })
#define KS_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KS_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

static inline void ks_freep(void *p)
{
    free(*(void **)p);
}
static inline void ks_closep(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}
static inline void ks_fclosep(FILE **f)
{
    if (*f)
        (void)fclose(*f);
}

/* ---- arena: one per document (manifest, host state, plan) -------------------------------------------------- */

struct ks_arena;
struct ks_arena *ks_arena_new(void);
void ks_arena_free(struct ks_arena *arena); /* NULL is fine */
static inline void ks_arena_freep(struct ks_arena **arena)
{
    ks_arena_free(*arena);
}
/* Zeroed, aligned for any type, never NULL; valid until the arena is freed. Not thread-safe: one arena a thread. */
void *ks_arena_alloc(struct ks_arena *arena, size_t size);
/* As calloc: n * size with an overflow check (which aborts). */
void *ks_arena_calloc(struct ks_arena *arena, size_t n, size_t size);
/* What `from` holds lives as long as `into` from now on; `from` is consumed. */
void ks_arena_join(struct ks_arena *into, struct ks_arena *from);
/* Bytes handed out so far; for tests and --debug. */
/* As new: all that was allocated is gone. Keeps its largest chunk, for a document like the last one. */
void ks_arena_clear(struct ks_arena *arena);
size_t ks_arena_used(const struct ks_arena *arena);

#define ks_new(arena, type) ((type *)ks_arena_alloc((arena), sizeof(type)))
#define ks_new_n(arena, type, n) ((type *)ks_arena_calloc((arena), (n), sizeof(type)))

char *ks_strdup(struct ks_arena *arena, const char *text); /* NULL gives NULL */
char *ks_strndup(struct ks_arena *arena, const char *text, size_t n);
char *ks_sprintf(struct ks_arena *arena, const char *fmt, ...) KS_PRINTF(2, 3);
char *ks_vsprintf(struct ks_arena *arena, const char *fmt, va_list args) KS_PRINTF(2, 0);

/* A growing array whose storage lies in an arena: KS_VEC(int) v = {0}; *ks_vec_add(arena, &v) = 3; */
#define KS_VEC(type) \
    struct { \
        size_t n, cap; \
        type *v; \
    }
void *ks_vec_grow_(struct ks_arena *arena, void *v, size_t n, size_t *cap, size_t size);
/* A pointer to a new, zeroed last element. */
#define ks_vec_add(arena, vec) \
    ((vec)->v = ks_vec_grow_((arena), (vec)->v, (vec)->n, &(vec)->cap, sizeof *(vec)->v), &(vec)->v[(vec)->n++])

/* A list of strings: a field's value, or a working list. */
struct ks_strings {
    size_t n, cap;
    const char **v;
};

/* ---- places and errors ------------------------------------------------------------------------------------ */

/* A place in a user's file, 1-based; line 0 means nowhere. `file` outlives the location (arena or static). */
struct ks_loc {
    const char *file;
    uint32_t line, col;
};
#define KS_NOWHERE ((struct ks_loc){0})

enum ks_code {
    KS_E_NONE,
    KS_E_SYNTAX,      /* not YAML, not XML, not JSON */
    KS_E_INVALID,     /* well-formed, but not allowed: a type, a unit, a range, an unknown key */
    KS_E_CONFLICT,    /* two statements, or a statement and the host, contradict each other */
    KS_E_NOT_FOUND,   /* a thing that was named does not exist */
    KS_E_UNSUPPORTED, /* this libvirt, QEMU, kernel or driver cannot do it */
    KS_E_BLOCKED,     /* somebody else's use of a thing stands in the way */
    KS_E_STALE,       /* the host is no longer what it was when the plan was made */
    KS_E_IO,          /* a system call failed; sys_errno says how */
    KS_E_VIRT,        /* a libvirt call failed; sys_errno holds its virErrorNumber */
    KS_E_TIMEOUT,     /* a deadline passed */
    KS_E_VERIFY,      /* written, but reads back as something else */
    KS_E_LOCKED,      /* another run holds the lock */
    KS_E_SOURCE,      /* the manifest's source cannot be had or is not trusted */
    KS_E_USAGE,       /* wrong command line */
    KS_E_BUG,         /* a broken promise inside kvmstate */
};

enum { KS_FRAMES = 8 };

/*
 * One failure. Functions return 0, or -1 with *err filled; `err` is their last parameter. msg[0] is the cause;
 * callers add context on the way up with ks_wrap(). Libraries never print one.
 */
struct ks_error {
    enum ks_code code;
    int sys_errno;
    struct ks_loc at; /* in the user's file */
    const char *src;  /* in our source; printed with --debug only */
    int src_line;
    unsigned n;
    char *msg[KS_FRAMES];
};

/*
 * Fills *err (what it held before is dropped; it may be NULL) and returns -1. Keeps errno in sys_errno, and leaves
 * errno as it was.
 */
int ks_fail_(struct ks_error *err, const char *src, int src_line, enum ks_code code, struct ks_loc at,
             const char *fmt, ...) KS_PRINTF(6, 7);
#define ks_fail(err, code, at, ...) ks_fail_((err), __FILE__, __LINE__, (code), (at), __VA_ARGS__)
/* As ks_fail(KS_E_IO), with ": strerror(errno)" behind the text. */
int ks_fail_errno_(struct ks_error *err, const char *src, int src_line, const char *fmt, ...) KS_PRINTF(4, 5);
#define ks_fail_errno(err, ...) ks_fail_errno_((err), __FILE__, __LINE__, __VA_ARGS__)
/* Adds a frame of context ("in ...") and returns -1. */
int ks_wrap(struct ks_error *err, const char *fmt, ...) KS_PRINTF(2, 3);
void ks_error_done(struct ks_error *err);
/* "cause; in context; in context" in one line. */
char *ks_error_text(struct ks_arena *arena, const struct ks_error *err);
const char *ks_code_name(enum ks_code code); /* "stale", "io", ...: for JSON */

/* ---- findings: everything wrong with an input, collected in one run ----------------------------------------- */

enum ks_severity { KS_ERROR, KS_WARNING };

struct ks_finding {
    enum ks_severity severity;
    enum ks_code code;
    struct ks_loc at;
    const char *msg;  /* what is wrong, what would be right */
    const char *hint; /* "did you mean 'memory'?", or NULL */
};

/* A text that was read, kept for printing the line that a finding points at. */
struct ks_source {
    const char *file; /* as it is printed */
    const char *text;
    size_t len;
};

struct ks_findings {
    struct ks_arena *arena; /* everything here lies in it */
    size_t n, cap;
    struct ks_finding *v;
    size_t n_errors;  /* of severity KS_ERROR */
    size_t n_omitted; /* beyond KS_FINDINGS_MAX: counted, not kept */
    KS_VEC(struct ks_source) sources;
};
enum { KS_FINDINGS_MAX = 500 };

/* Adds an error. Returns -1, so that a loader can `return ks_report(...)`. */
int ks_report(struct ks_findings *f, enum ks_code code, struct ks_loc at, const char *fmt, ...) KS_PRINTF(4, 5);
void ks_report_warning(struct ks_findings *f, enum ks_code code, struct ks_loc at, const char *fmt, ...)
    KS_PRINTF(4, 5);
/* Gives the finding added last a hint. */
void ks_report_hint(struct ks_findings *f, const char *fmt, ...) KS_PRINTF(2, 3);
/* Takes over an error as a finding; `err` is emptied. Returns -1. */
int ks_report_error(struct ks_findings *f, struct ks_error *err);
void ks_findings_add_source(struct ks_findings *f, const char *file, const char *text, size_t len);
/* Appends what another found, as if it had been reported here; its arena becomes a part of this one's. */
void ks_findings_join(struct ks_findings *into, struct ks_findings *from);
/* By file, line, column; stable. Call before printing. Drops exact repetitions. */
void ks_findings_sort(struct ks_findings *f);
/*
 * file:line:col: error: text
 *   the source line (tabs as one blank, clipped around the column when very long)
 *        ^
 *   hint
 * `color` adds ANSI colours. Control characters in the line are printed as '?'.
 */
void ks_findings_print(FILE *out, const struct ks_findings *f, bool color);

/* ---- two at once -------------------------------------------------------------------------------------------- */

/* Calls fn(first) and fn(second), each in a thread of its own, and returns when both have. */
void ks_both(void *(*fn)(void *), void *first, void *second);

/* ---- modules ------------------------------------------------------------------------------------------------ */

/*
 * Loads a module, a shared library of this project's own: from `first_dir` (or NULL), beside the program (a build
 * tree), or where it was installed. It is never unloaded. Returns dlopen()'s handle; NULL when it is nowhere, or
 * with the loader's message; `code` is what to call that.
 */
void *ks_module_open(const char *file, const char *first_dir, enum ks_code code, struct ks_error *err);

/* ---- text ------------------------------------------------------------------------------------------------- */

static inline bool ks_streq(const char *a, const char *b) /* NULL equals NULL */
{
    return a == b || (a && b && strcmp(a, b) == 0);
}
static inline bool ks_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}
/*
 * The word nearest to `word`, or NULL when none is near: Damerau-Levenshtein distance over a third of the longer
 * one's length. Case does not count, nor '_' for '-'. Of words that are as near the first.
 */
const char *ks_nearest(const char *word, const char *const *words, size_t n);
/* The comparison that sorts "vm2" before "vm10". Ties by strcmp, so that it is a total order. */
int ks_strcmp_natural(const char *a, const char *b);
/* Digits only, no sign, no blanks; -1 on anything else and on overflow. */
int ks_parse_u64(const char *text, uint64_t *ret);

/* A text that grows; `buf` is always NUL-terminated once something was added. */
struct ks_text {
    struct ks_arena *arena;
    size_t n, cap;
    char *buf;
};
void ks_text_add(struct ks_text *t, const char *text);
void ks_text_addn(struct ks_text *t, const char *text, size_t n);
void ks_text_addf(struct ks_text *t, const char *fmt, ...) KS_PRINTF(2, 3);
const char *ks_text_str(const struct ks_text *t); /* "" when nothing was added */

/*
 * The bytes of the UTF-8 sequence that `text` (not empty) begins with, of `left` at most, and its code point; 0
 * when it is none (RFC 3629: no overlong forms, no surrogates).
 */
size_t ks_utf8_next(const char *text, size_t left, uint32_t *ret);
/*
 * A text from outside (names, links, file contents) for people's eyes: control characters, what turns the direction
 * of text or takes no room, and what is no UTF-8 come out as escapes ("\n", "\x1b", "\u202e"). `text` itself where
 * there is nothing to escape.
 */
const char *ks_display(struct ks_arena *arena, const char *text);
/* Columns of a terminal that it takes: wide characters two, marks that combine none. */
size_t ks_columns(const char *text);
/* Bytes of the longest beginning that takes no more than `columns`. */
size_t ks_columns_fit(const char *text, size_t columns);

/* FNV-1a, 64 bits: for fingerprints and derived MACs; not a defence against an adversary. */
#define KS_HASH_START UINT64_C(0xcbf29ce484222325)
uint64_t ks_hash(uint64_t hash, const void *data, size_t n);
static inline uint64_t ks_hash_str(uint64_t hash, const char *text) /* NULL differs from "" */
{
    return text ? ks_hash(hash, text, strlen(text) + 1) : ks_hash(hash, "\1", 1);
}

/* The same for long texts: other values (those of this byte order), several times as fast. */
uint64_t ks_hash_long(uint64_t hash, const void *data, size_t n);

/* ---- quantities ------------------------------------------------------------------------------------------- */

/*
 * Each parser takes the whole text, stores on success only, and returns NULL, or what is wrong in words that
 * follow "expected ...": a static string.
 *
 * size:     "4GiB", "512MiB", "10GB", "100B": bytes. The unit is part of the value; bare numbers are refused,
 *           but for 0. Fractions are allowed where they give whole bytes ("1.5GiB"), also in rates.
 * duration: "250ms", "30s", "5m", "1h", "1d", and sums as "1h30m": milliseconds.
 * bitrate:  "100Mbit", "1Gbit", "500kbit", "0Mbit": bits per second, decimal; in any case, as tc reads them.
 * byterate: "100kB/s", "1MB/s", "10KiB/s": bytes per second.
 */
const char *ks_size_parse(const char *text, uint64_t *ret_bytes);
const char *ks_duration_parse(const char *text, uint64_t *ret_ms);
const char *ks_bitrate_parse(const char *text, uint64_t *ret_bits);
const char *ks_byterate_parse(const char *text, uint64_t *ret_bytes);
/* The shortest text that parses back to the same value: 4294967296 -> "4GiB", 90000 -> "1m30s". */
char *ks_size_format(struct ks_arena *arena, uint64_t bytes);
char *ks_duration_format(struct ks_arena *arena, uint64_t ms);
char *ks_bitrate_format(struct ks_arena *arena, uint64_t bits);
char *ks_byterate_format(struct ks_arena *arena, uint64_t bytes);

/* A set of small numbers: host CPUs, NUMA nodes, guest cells. Up to KS_CPUSET_MAX - 1. */
enum { KS_CPUSET_MAX = 8192 };
struct ks_cpuset {
    size_t n_words;  /* trailing zero words may be there or not: compare with ks_cpuset_equal() */
    uint64_t *words; /* bit i of word i / 64 */
};
/*
 * libvirt's cpuset syntax: "0-3,8,^2"; exclusions apply to what stands before them. Error as above. An empty set
 * ("", "1,^1") is well-formed, as the kernel's lists can be empty: who needs a member asks ks_cpuset_count().
 */
const char *ks_cpuset_parse(struct ks_arena *arena, const char *text, struct ks_cpuset *ret);
char *ks_cpuset_format(struct ks_arena *arena, const struct ks_cpuset *set); /* canonical: "0-3,8"; "" if empty */
bool ks_cpuset_has(const struct ks_cpuset *set, unsigned i);
/* A number of KS_CPUSET_MAX or more aborts: check what comes from outside. */
void ks_cpuset_add(struct ks_arena *arena, struct ks_cpuset *set, unsigned i);
bool ks_cpuset_equal(const struct ks_cpuset *a, const struct ks_cpuset *b);
bool ks_cpuset_subset(const struct ks_cpuset *inner, const struct ks_cpuset *outer);
bool ks_cpuset_overlap(const struct ks_cpuset *a, const struct ks_cpuset *b);
unsigned ks_cpuset_count(const struct ks_cpuset *set);
/* The lowest member >= from, or -1. */
int ks_cpuset_next(const struct ks_cpuset *set, unsigned from);

/* ---- files ------------------------------------------------------------------------------------------------ */

/*
 * All under a directory descriptor, so that --root DIR and tests work without special cases: `path` is relative
 * (a leading '/' is skipped). Symbolic links are followed as the kernel follows them.
 */
int ks_root_open(const char *dir, int *ret_fd, struct ks_error *err);
/* The whole file, NUL-terminated, at most `max` bytes (more is KS_E_INVALID). KS_E_NOT_FOUND when it is not there.
 */
int ks_file_read(int root, const char *path, size_t max, struct ks_arena *arena, char **ret, size_t *ret_len,
                 struct ks_error *err);
/* A sysfs or procfs attribute: one line without its newline, at most 4 KiB. */
int ks_attr_read(int root, const char *path, struct ks_arena *arena, char **ret, struct ks_error *err);
/* Decimal, or hexadecimal with "0x" as PCI's attributes have it; anything else is KS_E_INVALID. */
int ks_attr_read_u64(int root, const char *path, uint64_t *ret, struct ks_error *err);
/* One write(2) to an existing file, which is truncated first; a short write is an error. */
int ks_attr_write(int root, const char *path, const char *text, struct ks_error *err);
bool ks_file_exists(int root, const char *path);
/* mkdir -p; mode as given for those made, whatever the umask. */
int ks_mkdirs(int root, const char *path, unsigned mode, struct ks_error *err);
/* Written beside, fsync'ed, renamed over, directory fsync'ed: the old text or the new one, never half. */
int ks_file_replace(int root, const char *path, const void *data, size_t len, unsigned mode, struct ks_error *err);
/* The names in a directory, sorted naturally, without "." and "..". KS_E_NOT_FOUND when it is not there. */
int ks_dir_list(int root, const char *path, struct ks_arena *arena, struct ks_strings *ret, struct ks_error *err);
/* Each: 0 with the fallback when the file is not there; -1 when it is and cannot be read. */
int ks_attr_u64_or(int root, const char *path, uint64_t fallback, uint64_t *ret, struct ks_error *err);
int ks_attr_int_or(int root, const char *path, int fallback, int *ret, struct ks_error *err); /* may be signed */
int ks_attr_text_or(int root, const char *path, const char *fallback, struct ks_arena *arena, const char **ret,
                    struct ks_error *err);
int ks_attr_cpuset_or(int root, const char *path, struct ks_arena *arena, struct ks_cpuset *ret,
                      struct ks_error *err); /* empty when not there */
int ks_dir_list_or(int root, const char *path, struct ks_arena *arena, struct ks_strings *ret,
                   struct ks_error *err); /* empty when not there */
/* The last part of where a symbolic link points, or NULL when there is no link. */
const char *ks_link_base(int root, const char *path, struct ks_arena *arena);
