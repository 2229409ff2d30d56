/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * saved: a plan as a file: the manifest's texts, what was asked for, and the steps with what was observed of each
 * thing. Applying it plans again from those texts, and refuses when a step is not what it was.
 */
#pragma once

#include <jansson.h>

#include "reconciler/session.h"

struct ks_saved {
    json_t *root;
    const json_t *steps; /* in root */
};

/* Writes `path`, readable by its owner alone: cloud-init's files are in it. */
int ks_saved_write(struct ks_session *s, const struct ks_planned *planned, const struct ks_plan_options *options,
                   const char *path, struct ks_error *err);
/*
 * Reads `path` into a session that is open: texts, manifest, commit, and host and libvirt where the command line
 * says none. Fills `options`; ret->root is to be given to ks_saved_done().
 */
int ks_saved_read(struct ks_session *s, const char *path, struct ks_saved *ret, struct ks_plan_options *options,
                  struct ks_error *err);
/* KS_E_STALE with all steps that differ, unless each saved step stands in `now` as it was. */
int ks_saved_check(const struct ks_saved *saved, const struct ks_plan *now, struct ks_error *err);
/* Whether the saved plan has the step; `data` is the struct ks_saved. */
bool ks_saved_has(void *data, const struct ks_step *step);
void ks_saved_done(struct ks_saved *saved);
