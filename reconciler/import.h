/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An observed host as the text of a manifest. */
#pragma once

#include "reconciler/session.h"
#include "schema/import.h"

/*
 * Adds the manifest of what `have` shows: of the guests that --guest names, or of the whole host. Returns the exit
 * status: KS_EXIT_FAILED when something could not be read, which a comment says; -1 with *err when a guest that was
 * asked for is not there.
 */
int ks_import_manifest(struct ks_session *s, const struct ks_observed *have, struct ks_text *out,
                       struct ks_error *err);

/* ---- between its parts -------------------------------------------------------------------------------------- */

/* What is said of one thing beside its fields: "guests.web1" and lines. */
struct ks_import_note {
    const char *path; /* of the thing; NULL: of the host */
    const char *line;
};

struct ks_importing {
    struct ks_session *s;
    struct ks_arena *arena;
    const struct ks_observed *have;
    struct ks_manifest *m;
    KS_VEC(struct ks_import_note) notes;
    bool failed; /* something could not be read */
};
void ks_import_note(struct ks_importing *i, const char *path, const char *fmt, ...) KS_PRINTF(3, 4);
/* What stands beside the guests: kernel, huge pages, VFs, bridges, pools, volumes, secrets, networks. */
void ks_import_host(struct ks_importing *i);
