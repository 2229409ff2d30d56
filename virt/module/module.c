/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The libvirt module: all that is linked to libvirt. */
#define KS_VIRT_ITSELF
#include "virt/table.h"

#define KS_VIRT_ROW(name) .name = name,

extern const struct ks_virt_table ks_virt_module;

__attribute__((visibility("default"))) const struct ks_virt_table ks_virt_module = {
    .build = KS_BUILD_ID, .functions = KS_VIRT_NAMES, KS_VIRT_FUNCTIONS(KS_VIRT_ROW) /* a member each */
};
