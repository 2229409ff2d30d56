/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside planners/: huge pages, and whether guests fit into them. */
#pragma once

#include "planners/planners.h"

/* Pages that the manifest wants on a node (-1: a machine without nodes). false: it does not say. */
bool ks_hugepages_wanted(const struct ks_planning *p, const struct ks_hugepages *want, int node, uint64_t *ret);

/*
 * Whether the pages suffice for the guests that this plan starts, beside those that hold pages now: a finding for
 * each guest that does not fit, with the arithmetic. Called when all steps are there.
 */
void ks_hugepages_check(struct ks_planning *p);
