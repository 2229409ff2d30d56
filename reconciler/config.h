/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "schema/kinds.h"

struct ks_config_source {
    struct ks_obj o;
    const char *file, *repo, *ref, *path;
};
struct ks_config {
    struct ks_obj o;
    struct ks_config_source *source; /* or NULL */
    const char *host, *connect;      /* or NULL */
};

/* Reads /etc/kvmstate/kvmstate.yaml below `root`; an empty configuration when there is none. */
int ks_config_read(int root, const char *root_path, struct ks_arena *arena, struct ks_findings *f,
                   const struct ks_config **ret, struct ks_error *err);
