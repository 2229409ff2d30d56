/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the parts of ks_manifest_load(): files become one tree, profiles are laid under guests, then it is read.
 */
#pragma once

#include "schema/kinds.h"

/* Reads a file and all that it includes into one tree; NULL when there is nothing to read. */
const struct ks_node *ks_manifest_tree(struct ks_arena *arena, const struct ks_files *files, const char *path,
                                       struct ks_findings *f);
/*
 * Lays each guest over the profiles that it names; the tree is otherwise the same. `broken`: profiles may be
 * missing because their lines could not be read.
 */
const struct ks_node *ks_manifest_apply_profiles(struct ks_arena *arena, const struct ks_node *root, bool broken,
                                                 struct ks_findings *f);
