/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two kinds of source, behind reconciler/source.h. */
#pragma once

#include "reconciler/source.h"

int ks_source_files_open(const struct ks_source_opts *opts, struct ks_source_files **ret, struct ks_error *err);
/* Loads the git module at the first use. */
int ks_source_git_open(const struct ks_source_opts *opts, struct ks_source_files **ret, struct ks_error *err);

/*
 * What the git module exports, as KS_GIT_MODULE_SYMBOL. It is built with the program, and refused when the version
 * or the shape of what they share says that it was not.
 */
struct ks_git_module {
    const char *build;
    size_t opts_size, files_size, commit_size;
    int (*open)(const struct ks_source_opts *opts, struct ks_source_files **ret, struct ks_error *err);
};
#define KS_GIT_MODULE_SYMBOL "ks_git_module"
#define KS_GIT_MODULE_FILE "libkvmstate-git.so"
/* Where to look first, for tests; NULL: beside the program, then where it was installed. Returns what it was. */
const char *ks_source_git_module_dir(const char *dir);
