/* SPDX-License-Identifier: GPL-2.0-or-later */
/* actuators/host_revert: links as they were recorded. */
#pragma once

#include "actuators/host.h"
#include "net/record.h"

/*
 * Writes what differs from the record, looks again, and goes on until nothing differs. KS_E_VERIFY names what could
 * not be brought back, with the kernel's reason; all else is done then. w->log has every write. `elapsed_s`: since
 * the record was made, for what has a lifetime.
 */
int ks_net_revert(struct ks_writes *w, const struct ks_net_record *record, enum ks_net_since since,
                  uint32_t elapsed_s, struct ks_error *err);
