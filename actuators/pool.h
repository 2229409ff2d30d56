/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside actuators/: the XML of pools. The caller frees each with xmlFree(). */
#pragma once

#include "actuators/storage.h"

const char *ks_pool_type_name(struct ks_acting *a, const struct ks_pool *pool); /* "dir" */
/* Of a new pool. */
char *ks_pool_xml(struct ks_acting *a, const struct ks_pool *want);
/* `text`, a definition, with the fields of the step that are to be defined; NULL: it is no XML. */
char *ks_pool_edited_xml(struct ks_acting *a, const struct ks_step *step, const char *text, struct ks_error *err);
