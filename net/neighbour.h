/* SPDX-License-Identifier: GPL-2.0-or-later */
/* net/neighbour: whether the next station on the way answers (ARP, neighbour discovery). */
#pragma once

#include "net/net.h"

struct ks_next_hop {
    int family, index; /* AF_*; of the link */
    const char *ip;    /* of the gateway, or the destination itself where that is on the link */
};

/*
 * The kernel's next hop to `ip`; NULL: to where the default route of `family` leads (of several the one with the
 * lowest metric). KS_E_NOT_FOUND: there is no way, or one without a next station (a tunnel, this host itself).
 */
int ks_next_hop_find(struct ks_arena *arena, int family, const char *ip, struct ks_next_hop *ret,
                     struct ks_error *err);
/*
 * Forgets what is known of the neighbour and has the kernel ask it anew, until it answers or the time is over.
 * A permanent entry, or a link without such questions, is taken for an answer.
 */
bool ks_next_hop_answers(const struct ks_next_hop *hop, uint32_t timeout_ms);
