/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds and loads the git module when a run needs git: libgit2 costs every run that links it. */
#include "reconciler/source_backends.h"

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>

static const char *first_dir;

const char *ks_source_git_module_dir(const char *dir)
{
    const char *was = first_dir;
    first_dir = dir;
    return was;
}

/* The directory of the running program: the module lies beside it in a build tree. */
static const char *program_dir(struct ks_arena *arena)
{
    char path[PATH_MAX];

    ssize_t n = readlink("/proc/self/exe", path, sizeof path);
    if (n <= 0 || (size_t)n >= sizeof path)
        return NULL;
    return dirname(ks_strndup(arena, path, (size_t)n));
}

/*
 * Where the module may be, in the order that is tried. KS_MODULE_FROM_BIN leads from an installed program to it,
 * wherever the tree was unpacked; KS_MODULE_DIR is where it was to be installed.
 */
static void candidates(struct ks_arena *arena, struct ks_strings *ret)
{
    const char *dir = program_dir(arena);

    if (first_dir)
        *ks_vec_add(arena, ret) = ks_sprintf(arena, "%s/%s", first_dir, KS_GIT_MODULE_FILE);
    if (dir) {
        *ks_vec_add(arena, ret) = ks_sprintf(arena, "%s/%s", dir, KS_GIT_MODULE_FILE);
        *ks_vec_add(arena, ret) = ks_sprintf(arena, "%s/%s/%s", dir, KS_MODULE_FROM_BIN, KS_GIT_MODULE_FILE);
    }
    *ks_vec_add(arena, ret) = KS_MODULE_DIR "/" KS_GIT_MODULE_FILE;
}

static bool fits(const struct ks_git_module *m)
{
    return m && ks_streq(m->build, KS_BUILD_ID) && m->opts_size == sizeof(struct ks_source_opts) &&
           m->files_size == sizeof(struct ks_source_files) && m->commit_size == sizeof(struct ks_source_commit);
}

static int load(const char *path, const struct ks_git_module **ret, struct ks_error *err)
{
    /* Never closed: libgit2 keeps state for the life of the process. */
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "cannot load the git module: %s", dlerror());
    const struct ks_git_module *module = dlsym(handle, KS_GIT_MODULE_SYMBOL);
    if (!fits(module))
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "%s does not belong to this kvmstate (%s)", path, KS_BUILD_ID);
    *ret = module;
    return 0;
}

static int find(const struct ks_git_module **ret, struct ks_error *err)
{
    struct ks_arena *ks_auto(ks_arena_freep) arena = ks_arena_new();
    struct ks_strings paths = {0};

    candidates(arena, &paths);
    for (size_t i = 0; i < paths.n; i++)
        if (access(paths.v[i], F_OK) == 0)
            return load(paths.v[i], ret, err);
    return ks_fail(err, KS_E_SOURCE, KS_NOWHERE,
                   "this installation cannot read from git: %s is missing (looked in %s); -f FILE works without it",
                   KS_GIT_MODULE_FILE, KS_MODULE_DIR);
}

int ks_source_git_open(const struct ks_source_opts *opts, struct ks_source_files **ret, struct ks_error *err)
{
    static const struct ks_git_module *module;

    struct ks_arena *ks_auto(ks_arena_freep) arena = ks_arena_new();
    struct ks_source_opts normal = *opts;

    if (opts->path && ks_source_path(arena, NULL, *opts->path ? opts->path : ".", &normal.path, err) < 0)
        return ks_wrap(err, "in --path");
    if (!module && find(&module, err) < 0)
        return -1;
    return module->open(&normal, ret, err);
}
