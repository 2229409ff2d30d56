/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attributes that a kernel may lack. */
#include "base/base.h"

#include <fcntl.h>
#include <limits.h>

/* A failure that only says "not there" is emptied, and becomes 0. */
static int forgive(int rc, struct ks_error *err)
{
    if (rc < 0 && err->code == KS_E_NOT_FOUND) {
        ks_error_done(err);
        return 0;
    }
    return rc;
}

int ks_attr_u64_or(int root, const char *path, uint64_t fallback, uint64_t *ret, struct ks_error *err)
{
    *ret = fallback;
    return forgive(ks_attr_read_u64(root, path, ret, err), err);
}

int ks_attr_int_or(int root, const char *path, int fallback, int *ret, struct ks_error *err)
{
    ks_auto(ks_arena_freep) struct ks_arena *scratch = ks_arena_new();
    const char *text;

    *ret = fallback;
    if (ks_attr_text_or(root, path, NULL, scratch, &text, err) < 0)
        return -1;
    if (!text)
        return 0;
    char *end;
    errno = 0;
    const long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < INT_MIN || value > INT_MAX)
        return ks_fail(err, KS_E_INVALID, KS_NOWHERE, "/%s holds '%s', not a number", path, text);
    *ret = (int)value;
    return 0;
}

int ks_attr_text_or(int root, const char *path, const char *fallback, struct ks_arena *arena, const char **ret,
                    struct ks_error *err)
{
    char *text = NULL;

    *ret = fallback;
    if (ks_attr_read(root, path, arena, &text, err) < 0)
        return forgive(-1, err);
    *ret = text;
    return 0;
}

int ks_attr_cpuset_or(int root, const char *path, struct ks_arena *arena, struct ks_cpuset *ret,
                      struct ks_error *err)
{
    const char *text;

    *ret = (struct ks_cpuset){0};
    if (ks_attr_text_or(root, path, "", arena, &text, err) < 0)
        return -1;
    if (*text == '\0')
        return 0; /* a node with memory alone has an empty list, which is no cpuset of libvirt's */
    const char *expected = ks_cpuset_parse(arena, text, ret);
    return expected ? ks_fail(err, KS_E_INVALID, KS_NOWHERE, "/%s: expected %s, found '%s'", path, expected, text)
                    : 0;
}

int ks_dir_list_or(int root, const char *path, struct ks_arena *arena, struct ks_strings *ret, struct ks_error *err)
{
    return forgive(ks_dir_list(root, path, arena, ret, err), err);
}

const char *ks_link_base(int root, const char *path, struct ks_arena *arena)
{
    char target[PATH_MAX];

    while (*path == '/')
        path++;
    const ssize_t n = readlinkat(root, path, target, sizeof(target) - 1);
    if (n <= 0)
        return NULL;
    target[n] = '\0';
    const char *slash = strrchr(target, '/');
    return ks_strdup(arena, slash ? slash + 1 : target);
}
