/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the parts of ks_manifest_load(): files become one tree, profiles are laid under guests, then it is read.
 */
#pragma once

#include "schema/kinds.h"

/*
 * Reads a file and all that it includes into one tree; NULL when there is nothing to read. {host} in an include is
 * `host`, or (NULL) what the file itself says.
 */
const struct ks_node *ks_manifest_tree(struct ks_arena *arena, const struct ks_files *files, const char *path,
                                       const char *host, struct ks_findings *f);
/* The checks that hold also where some lines could not be read: what is there is there, even if more should be. */
void ks_manifest_check_partial(const struct ks_manifest *m, struct ks_findings *f);
/* `text` relative to the directory of `from`, without "." and ".."; NULL when it leaves the repository. */
const char *ks_manifest_path(struct ks_arena *arena, const char *from, const char *text);
/* Reads the files of each guest's cloud-init seed, writes its metadata, and makes its digest. */
void ks_manifest_seeds(struct ks_arena *arena, const struct ks_files *files, struct ks_manifest *m,
                       struct ks_findings *f);
/*
 * Lays each guest over the profiles that it names; the tree is otherwise the same. `broken`: profiles may be
 * missing because their lines could not be read.
 */
const struct ks_node *ks_manifest_apply_profiles(struct ks_arena *arena, const struct ks_node *root, bool broken,
                                                 struct ks_findings *f);
