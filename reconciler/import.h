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
