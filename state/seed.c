/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cloud-init seeds: which of those that are wanted are there, and what could make them. */
#include "state/state.h"

#include <sys/stat.h>

/* The first of these that is installed: they take the same options. */
static const char *const tools[] = {"xorrisofs", "genisoimage", "mkisofs"};

static char *find_in_path(struct ks_arena *arena, const char *name)
{
    const char *path = getenv("PATH");

    for (const char *p = path && *path ? path : "/usr/sbin:/usr/bin:/sbin:/bin"; *p;) {
        const size_t n = strcspn(p, ":");
        char *file = ks_sprintf(arena, "%.*s/%s", (int)n, p, name);
        if (*p == '/' && access(file, X_OK) == 0)
            return file;
        p += n + (p[n] == ':');
    }
    return NULL;
}

static void find_seed(struct ks_observing *o, const struct ks_guest *guest, struct ks_observed *ret)
{
    char *path = ks_seed_path(o->arena, ret->seed_dir, guest);
    struct stat st;

    if (path && stat(path, &st) == 0 && S_ISREG(st.st_mode))
        *ks_vec_add(o->arena, &ret->seeds) = path;
    for (size_t i = 0; path && !ret->seed_tool && i < KS_COUNT(tools); i++)
        ret->seed_tool = find_in_path(o->arena, tools[i]);
}

int ks_observe_seeds(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err)
{
    (void)err;
    if (!o->state_path || !o->want)
        return 0;
    ret->seed_dir = ks_sprintf(o->arena, "%s/seeds", o->state_path);
    for (size_t i = 0; i < o->want->guests.n; i++)
        find_seed(o, (const struct ks_guest *)o->want->guests.v[i], ret);
    return 0;
}
