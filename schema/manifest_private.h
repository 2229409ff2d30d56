/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the parts of ks_manifest_load(): files become one tree, profiles are laid under guests, then it is read.
 */
#pragma once

#include "schema/kinds.h"

/* Reads a file and all that it includes into one tree; NULL when there is nothing to read. */
const struct ks_node *ks_manifest_tree(struct ks_arena *arena, const struct ks_files *files, const char *path,
                                       struct ks_findings *f);
/* Lays each guest over the profiles that it names; the tree is otherwise the same. */
const struct ks_node *ks_manifest_apply_profiles(struct ks_arena *arena, const struct ks_node *root,
                                                 struct ks_findings *f);
/* "did you mean 'x'?" to the last finding, when a key of the map is near; NULL is an empty map. */
void ks_hint_key(struct ks_findings *f, const char *word, const struct ks_map *map);
