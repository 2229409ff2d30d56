/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds and loads the git module when a run needs git: libgit2 costs every run that links it. */
#include "reconciler/source_backends.h"

#include <dlfcn.h>

static const char *first_dir;

const char *ks_source_git_module_dir(const char *dir)
{
    const char *was = first_dir;
    first_dir = dir;
    return was;
}

static bool fits(const struct ks_git_module *m)
{
    return m && ks_streq(m->build, KS_BUILD_ID) && m->opts_size == sizeof(struct ks_source_opts) &&
           m->files_size == sizeof(struct ks_source_files) && m->commit_size == sizeof(struct ks_source_commit);
}

static int load(const struct ks_git_module **ret, struct ks_error *err)
{
    /* Never closed: libgit2 keeps state for the life of the process. */
    void *handle = ks_module_open(KS_GIT_MODULE_FILE, first_dir, KS_E_SOURCE, err);
    if (!handle)
        return ks_wrap(err, "this installation cannot read from git, -f FILE works without");
    const struct ks_git_module *module = dlsym(handle, KS_GIT_MODULE_SYMBOL);
    if (!fits(module))
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "%s does not belong to this kvmstate (%s)", KS_GIT_MODULE_FILE,
                       KS_BUILD_ID);
    *ret = module;
    return 0;
}

int ks_source_git_open(const struct ks_source_opts *opts, struct ks_source_files **ret, struct ks_error *err)
{
    static const struct ks_git_module *module;

    struct ks_arena *ks_auto(ks_arena_freep) arena = ks_arena_new();
    struct ks_source_opts normal = *opts;

    if (opts->path && ks_source_path(arena, NULL, *opts->path ? opts->path : ".", &normal.path, err) < 0)
        return ks_wrap(err, "in --path");
    if (!module && load(&module, err) < 0)
        return -1;
    return module->open(&normal, ret, err);
}
