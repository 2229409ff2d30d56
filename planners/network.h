/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside planners/: the parts of the network's planner. */
#pragma once

#include "planners/planners.h"

/* Whether the subnets of the manifest's network of that index are free; what is not becomes a finding. */
void ks_network_check(struct ks_planning *p, size_t index);
