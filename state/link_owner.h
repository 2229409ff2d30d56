/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to state/. */
#pragma once

#include "state/host.h"

/* Sets ->owner of each link. */
int ks_link_owners_read(int root, struct ks_arena *arena, struct ks_host_links *links, struct ks_error *err);
