/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to state/: reading attributes that a kernel may lack. */
#pragma once

#include "base/base.h"

/* Each: 0 with the fallback when the file is not there; -1 when it is and cannot be read. */
int ks_attr_u64_or(int root, const char *path, uint64_t fallback, uint64_t *ret, struct ks_error *err);
int ks_attr_int_or(int root, const char *path, int fallback, int *ret, struct ks_error *err); /* may be signed */
int ks_attr_text_or(int root, const char *path, const char *fallback, struct ks_arena *arena, const char **ret,
                    struct ks_error *err);
int ks_attr_cpuset_or(int root, const char *path, struct ks_arena *arena, struct ks_cpuset *ret,
                      struct ks_error *err); /* empty when not there */
int ks_dir_list_or(int root, const char *path, struct ks_arena *arena, struct ks_strings *ret,
                   struct ks_error *err); /* empty when not there */
/* The last part of where a symbolic link points, or NULL when there is no link. */
const char *ks_link_base(int root, const char *path, struct ks_arena *arena);
