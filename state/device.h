/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Within state/: who holds a device, as far as libvirt knows. */
#pragma once

#include "state/host.h"
#include "state/state.h"

/* Whatever holds devices, as "address -> holder" pairs; `pf` is a PF's address, whose VFs are all held. */
struct ks_claim {
    const char *address, *pf;
    const char *holder;
    bool live; /* a guest that runs with it */
};
struct ks_claims {
    size_t n, cap;
    struct ks_claim *v;
};

/* Of guests (those observed) and of libvirt's hostdev networks. */
int ks_claims_read(struct ks_observing *o, const struct ks_observed *seen, const struct ks_host_pci *pci,
                   struct ks_claims *ret, struct ks_error *err);
/* The guest whose QEMU this is, by its command line, or NULL. */
const char *ks_guest_of_process(struct ks_observing *o, int pid);
