/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is the same for files on disk and for git: paths in a repository, and where the hosts' manifests are. */
#include "reconciler/source.h"

#include "reconciler/source_backends.h"

#include <limits.h>

static const char MANIFEST_SUFFIX[] = ".yaml";

int ks_source_open(const struct ks_source_opts *opts, struct ks_source_files **ret, struct ks_error *err)
{
    if (opts->file)
        return ks_source_files_open(opts, ret, err);
    if (opts->repo)
        return ks_source_git_open(opts, ret, err);
    return ks_fail(err, KS_E_USAGE, KS_NOWHERE, "no manifest given: say -f FILE or --repo URL");
}

void ks_source_free(struct ks_source_files *s)
{
    if (!s)
        return;
    s->ops->done(s);
    ks_arena_free(s->arena);
}

static bool has_control(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            return true;
    return false;
}

/* Whether `name` may be a component of a path; ".git" in any case is where git keeps itself, and no manifest. */
static bool is_component(const char *name, size_t n)
{
    return n <= NAME_MAX && !(n == 4 && strncasecmp(name, ".git", n) == 0);
}

/* Takes the last component off `path`; false when there is none. */
static bool pop(char *path)
{
    if (!*path)
        return false;
    char *slash = strrchr(path, '/');
    *(slash ? slash : path) = '\0';
    return true;
}

int ks_source_path(struct ks_arena *arena, const char *from, const char *relative, const char **ret,
                   struct ks_error *err)
{
    if (!*relative)
        return ks_fail(err, KS_E_INVALID, KS_NOWHERE, "the path is empty");
    if (*relative == '/')
        return ks_fail(err, KS_E_INVALID, KS_NOWHERE,
                       "'%s' is absolute; a path is relative to the file that names it", relative);
    if (has_control(relative) || strlen(relative) >= PATH_MAX)
        return ks_fail(err, KS_E_INVALID, KS_NOWHERE, "not a path that a manifest can name");

    size_t room = (from ? strlen(from) : 0) + strlen(relative) + 2;
    char *path = ks_arena_alloc(arena, room);
    if (from && strchr(from, '/'))
        memcpy(path, from, (size_t)(strrchr(from, '/') - from));
    for (const char *p = relative; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.') {
            if (!pop(path))
                return ks_fail(err, KS_E_INVALID, KS_NOWHERE, "'%s' leaves the repository", relative);
        } else if (!is_component(p, n)) {
            return ks_fail(err, KS_E_INVALID, KS_NOWHERE, "'%s' is not a path of the repository's files", relative);
        } else if (n > 0 && !(n == 1 && p[0] == '.')) {
            if (*path)
                strcat(path, "/");
            strncat(path, p, n);
        }
        p += n;
        p += strspn(p, "/");
    }
    *ret = path;
    return 0;
}

int ks_source_read(struct ks_source_files *s, const char *path, struct ks_arena *arena, char **ret, size_t *ret_len,
                   struct ks_error *err)
{
    const char *normal;

    if (ks_source_path(arena, NULL, path, &normal, err) < 0)
        return -1;
    return s->ops->read(s, normal, arena, ret, ret_len, err);
}

int ks_source_list(struct ks_source_files *s, const char *dir, struct ks_arena *arena, struct ks_strings *ret,
                   struct ks_error *err)
{
    struct ks_strings all = {0}, named = {0};
    const char *normal;

    if (ks_source_path(arena, NULL, *dir ? dir : ".", &normal, err) < 0 ||
        s->ops->list(s, normal, arena, &all, err) < 0)
        return -1;
    for (size_t i = 0; i < all.n; i++)
        if (!has_control(all.v[i]) && !ks_streq(all.v[i], ".git/") && !ks_streq(all.v[i], ".git"))
            *ks_vec_add(arena, &named) = all.v[i];
    *ret = named;
    return 0;
}

/* Whether `name` is "<host>.yaml" of a host, not a directory, an editor's backup or a hidden file. */
static bool is_manifest(const char *name)
{
    size_t n = strlen(name), suffix = strlen(MANIFEST_SUFFIX);
    return n > suffix && name[0] != '.' && ks_streq(name + n - suffix, MANIFEST_SUFFIX);
}

static const char *join(struct ks_arena *arena, const char *dir, const char *name)
{
    return *dir ? ks_sprintf(arena, "%s/%s", dir, name) : ks_strdup(arena, name);
}

int ks_source_manifests(struct ks_source_files *s, struct ks_arena *arena, struct ks_strings *ret,
                        struct ks_error *err)
{
    struct ks_strings names = {0}, paths = {0};

    if (s->file) {
        *ks_vec_add(arena, &paths) = s->file;
        *ret = paths;
        return 0;
    }
    if (ks_source_list(s, s->hosts, arena, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.n; i++)
        if (is_manifest(names.v[i]))
            *ks_vec_add(arena, &paths) = join(arena, s->hosts, names.v[i]);
    *ret = paths;
    return 0;
}

/* Says which hosts there are instead: a wrong host name is the commonest mistake here. */
static int no_such_host(struct ks_source_files *s, const char *host, const struct ks_strings *names,
                        struct ks_error *err)
{
    const char *dir = *s->hosts ? s->hosts : ".";
    if (names->n == 0)
        return ks_fail(err, KS_E_NOT_FOUND, KS_NOWHERE, "no manifest for host '%s': %s has no *.yaml in %s", host,
                       s->title, dir);
    const char *near = ks_nearest(host, names->v, names->n);
    if (near)
        return ks_fail(err, KS_E_NOT_FOUND, KS_NOWHERE, "no manifest for host '%s' in %s; did you mean --host %s?",
                       host, s->title, near);
    return ks_fail(err, KS_E_NOT_FOUND, KS_NOWHERE,
                   "no manifest for host '%s' in %s: looked for %s/%s.yaml; there is '%s'%s", host, s->title, dir,
                   host, names->v[0], names->n > 1 ? " and others" : "");
}

int ks_source_manifest(struct ks_source_files *s, const char *host, struct ks_arena *arena, const char **ret,
                       struct ks_error *err)
{
    struct ks_strings paths = {0}, names = {0};

    if (s->file) {
        *ret = s->file;
        return 0;
    }
    if (ks_source_manifests(s, arena, &paths, err) < 0)
        return -1;
    for (size_t i = 0; i < paths.n; i++) {
        const char *slash = strrchr(paths.v[i], '/');
        const char *name = slash ? slash + 1 : paths.v[i];
        const char *known = ks_strndup(arena, name, strlen(name) - strlen(MANIFEST_SUFFIX));
        if (ks_streq(known, host)) {
            *ret = paths.v[i];
            return 0;
        }
        *ks_vec_add(arena, &names) = known;
    }
    return no_such_host(s, host, &names, err);
}

const char *ks_source_shown(const struct ks_source_files *s, struct ks_arena *arena, const char *path)
{
    char cwd[PATH_MAX];

    if (!s->root)
        return ks_strdup(arena, path);
    const char *full = ks_sprintf(arena, "%s/%s", ks_streq(s->root, "/") ? "" : s->root, path);
    if (!getcwd(cwd, sizeof cwd) || ks_streq(cwd, "/"))
        return full;
    size_t n = strlen(cwd);
    return strncmp(full, cwd, n) == 0 && full[n] == '/' ? full + n + 1 : full;
}
