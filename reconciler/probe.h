/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe: what must still be within reach after a change of the network: the default gateway of each family, TCP
 * services, the peer that this login came from. What did not answer before the change says nothing after it.
 */
#pragma once

#include "base/base.h"

/* What could be probed. */
struct ks_probe_wish {
    struct ks_strings targets; /* "git.example.org:443", "[2001:db8::1]:22" */
    const char *repo;          /* the URL of the manifest's repository, or NULL */
    const char *peer;          /* an address whose next hop must answer, or NULL */
};

struct ks_probe;
struct ks_probes {
    size_t n, cap;
    struct ks_probe **v;
};

/* Those that pass now, asked all at once; takes a few seconds where something does not answer. */
void ks_probes_take(struct ks_arena *arena, const struct ks_probe_wish *wish, struct ks_probes *ret);
/* Asks again; each has `timeout_ms` at most. *failed: what does not answer, in words; NULL: all do. */
void ks_probes_ask(struct ks_arena *arena, const struct ks_probes *probes, uint32_t timeout_ms,
                   const char **failed);
/* "host:port" of a repository's URL, or NULL for one without a host. */
const char *ks_probe_target_of(struct ks_arena *arena, const char *url);
