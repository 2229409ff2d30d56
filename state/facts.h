/* SPDX-License-Identifier: GPL-2.0-or-later */
/* state/facts: reads what the doctor judges. Nothing here fails as a whole: a section that cannot be read says why.
 */
#pragma once

#include "schema/facts.h"
#include "state/host.h"
#include "state/state.h"

struct ks_facts_reading {
    struct ks_arena *arena;
    int root;                       /* directory descriptor of "/" or of --root */
    const char *state_path;         /* the state directory, absolute, with --root in front; made or not */
    const struct ks_manifest *want; /* the paths, modules and parameters that it names are looked at; or NULL */
    virConnectPtr conn;             /* NULL: see no_libvirt */
    const char *no_libvirt;         /* why there is no connection */
};

void ks_facts_read(struct ks_facts_reading *r, struct ks_facts *ret);

/* One function a section. */
typedef int ks_facts_fn(struct ks_facts_reading *r, struct ks_facts *ret, struct ks_error *err);
ks_facts_fn ks_facts_cpu, ks_facts_kernel, ks_facts_iommu, ks_facts_pci, ks_facts_memory, ks_facts_cgroups,
    ks_facts_state, ks_facts_clock, ks_facts_programs, ks_facts_firmware, ks_facts_paths, ks_facts_links,
    ks_facts_libvirt;
