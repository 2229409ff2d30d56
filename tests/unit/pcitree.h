/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests: PCI devices in a made-up tree. */
#pragma once

#include "tree.h"

static inline const char *pci_path(const char *address, const char *name)
{
    static _Thread_local char path[256];

    (void)snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/%s", address, name);
    return path;
}

static inline void pci_put(const struct tree *t, const char *address, const char *device, const char *driver,
                           const char *group)
{
    char target[128];

    tree_put(t, pci_path(address, "vendor"), "0x8086\n");
    tree_put(t, pci_path(address, "device"), device);
    tree_put(t, pci_path(address, "class"), "0x020000\n");
    tree_put(t, pci_path(address, "driver_override"), "(null)\n");
    tree_put(t, pci_path(address, "numa_node"), "1\n");
    if (driver) {
        (void)snprintf(target, sizeof(target), "../../../../bus/pci/drivers/%s", driver);
        tree_link(t, pci_path(address, "driver"), target);
    }
    if (group) {
        (void)snprintf(target, sizeof(target), "../../../../kernel/iommu_groups/%s", group);
        tree_link(t, pci_path(address, "iommu_group"), target);
    }
}

/* A PF at 0000:81:00.0 with an interface ens1. */
static inline void pci_put_pf(const struct tree *t, const char *total, const char *num)
{
    const char *pf = "0000:81:00.0";

    pci_put(t, pf, "0x10c9\n", "igb", "10");
    tree_put(t, pci_path(pf, "sriov_totalvfs"), total);
    tree_put(t, pci_path(pf, "sriov_numvfs"), num);
    tree_put(t, pci_path(pf, "sriov_drivers_autoprobe"), "1\n");
    tree_put(t, pci_path(pf, "net/ens1/"), "");
}

static inline void vf_address(char *text, size_t size, unsigned index)
{
    (void)snprintf(text, size, "0000:81:%02x.%u", 0x10 + index / 8, index % 8);
}

/* virtfnN of that PF, and the VF itself. */
static inline void pci_put_vf(const struct tree *t, unsigned index, const char *driver)
{
    char address[32], name[32], target[64], group[16];

    vf_address(address, sizeof(address), index);
    (void)snprintf(name, sizeof(name), "virtfn%u", index);
    (void)snprintf(target, sizeof(target), "../%s", address);
    (void)snprintf(group, sizeof(group), "%u", 100 + index);
    tree_link(t, pci_path("0000:81:00.0", name), target);
    pci_put(t, address, "0x10ca\n", driver, group);
    tree_link(t, pci_path(address, "physfn"), "../0000:81:00.0");
}
