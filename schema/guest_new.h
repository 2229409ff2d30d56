/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The complete domain XML of a guest that does not exist yet. */
#pragma once

#include "schema/kinds.h"

/*
 * What the manifest states, on top of what every new guest gets: domain type kvm or qemu, name, the devices that
 * libvirt does not add by itself (spare PCIe ports on q35, ...). The mark is the caller's to write.
 */
int ks_guest_new_xml(const struct ks_guest *want, bool kvm, xmlDoc **ret, struct ks_error *err);
/* The same of what is stated so far, without a word about what is missing: for import. */
int ks_guest_written_xml(const struct ks_guest *want, bool kvm, xmlDoc **ret, struct ks_error *err);
