/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Within planners/: VFs and PCI devices of guests. */
#pragma once

#include "planners/planners.h"

/* Fills ->vf_address of every nic with a VF: of one that is there, or where it will be. `auto` becomes a number. */
void ks_resolve_vfs(struct ks_planning *p);
/* Whether the host can hand out what guests want handed out; call when all steps are there. */
void ks_devices_check(struct ks_planning *p);
/* The manifest's name of the PF that a nic calls `pf`: both may be an interface name or a PCI address. */
const char *ks_sriov_key(const struct ks_planning *p, const char *pf);
/* How many VFs it will have. */
uint64_t ks_pf_vfs(const struct ks_planning *p, const struct ks_seen_pf *pf);
const struct ks_seen_vf *ks_seen_vf_at(const struct ks_seen_pf *pf, uint64_t index);
/* The guest is to be there, and ours. */
bool ks_guest_is_wanted(const struct ks_guest *guest);
