/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/base.h"

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>

/* The directory of the running program: the modules lie beside it in a build tree. */
static const char *program_dir(struct ks_arena *arena)
{
    char path[PATH_MAX];

    ssize_t n = readlink("/proc/self/exe", path, sizeof path);
    if (n <= 0 || (size_t)n >= sizeof path)
        return NULL;
    return dirname(ks_strndup(arena, path, (size_t)n));
}

/*
 * Where modules may be, in the order that is tried. KS_MODULE_FROM_BIN leads from an installed program to them,
 * wherever the tree was unpacked; KS_MODULE_DIR is where they were to be installed.
 */
static void candidates(struct ks_arena *arena, const char *file, const char *first_dir, struct ks_strings *ret)
{
    const char *dir = program_dir(arena);

    if (first_dir)
        *ks_vec_add(arena, ret) = ks_sprintf(arena, "%s/%s", first_dir, file);
    if (dir) {
        *ks_vec_add(arena, ret) = ks_sprintf(arena, "%s/%s", dir, file);
        *ks_vec_add(arena, ret) = ks_sprintf(arena, "%s/%s/%s", dir, KS_MODULE_FROM_BIN, file);
    }
    *ks_vec_add(arena, ret) = ks_sprintf(arena, KS_MODULE_DIR "/%s", file);
}

/*
 * A module's own libraries are looked through before the program's, which takes a third off its loading. Not where
 * something is preloaded, which is to come before all: an allocator would get back what libc's gave out.
 */
static int own_first(void)
{
#if defined(RTLD_DEEPBIND) && !defined(KS_SANITIZED)
    return getenv("LD_PRELOAD") || access("/etc/ld.so.preload", F_OK) == 0 ? 0 : RTLD_DEEPBIND;
#else
    return 0;
#endif
}

void *ks_module_open(const char *file, const char *first_dir, enum ks_code code, struct ks_error *err)
{
    struct ks_arena *ks_auto(ks_arena_freep) arena = ks_arena_new();
    struct ks_strings paths = {0};

    candidates(arena, file, first_dir, &paths);
    for (size_t i = 0; i < paths.n; i++) {
        if (access(paths.v[i], F_OK) != 0)
            continue;
        void *module = dlopen(paths.v[i], RTLD_LAZY | RTLD_LOCAL | own_first());
        if (!module)
            (void)ks_fail(err, code, KS_NOWHERE, "cannot load %s: %s", file, dlerror());
        return module;
    }
    (void)ks_fail(err, code, KS_NOWHERE, "%s is missing (looked in " KS_MODULE_DIR ")", file);
    return NULL;
}
