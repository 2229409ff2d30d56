/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "schema/kinds.h"

/* Ranges and hosts outside the network's stated addresses, and ranges that run backwards. */
void ks_network_check_dhcp(const struct ks_network *n, struct ks_findings *f);
