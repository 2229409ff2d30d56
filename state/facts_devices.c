/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The IOMMU and PCI devices as the doctor asks about them. */
#include "state/facts.h"

#define ACPI "sys/firmware/acpi/tables"

enum { TABLE_MAX = 16 << 20, INTERRUPTS_MAX = 64 << 20, RESOURCE_MAX = 64 << 10 };

/* ---- IOMMU -------------------------------------------------------------------------------------------------- */

/* VT-d specification, 8.1: after the header (36 bytes) the address width, then flags; bit 0 is INTR_REMAP. */
static enum ks_fact dmar_remapping(struct ks_facts_reading *r)
{
    enum { FLAGS = 37, INTR_REMAP = 1 };
    ks_auto(ks_error_done) struct ks_error err = {0};
    char *table;
    size_t len;

    if (ks_file_read(r->root, ACPI "/DMAR", TABLE_MAX, r->arena, &table, &len, &err) < 0 || len <= FLAGS)
        return KS_FACT_UNKNOWN; /* only root may read it */
    return (unsigned char)table[FLAGS] & INTR_REMAP ? KS_FACT_YES : KS_FACT_NO;
}

/*
 * The kernel says it in one place that needs no debugging: interrupt chips behind a remapping unit have names that
 * begin with "IR-" (arch/x86/kernel/apic/io_apic.c, drivers/iommu/intel/irq_remapping.c,
 * drivers/iommu/amd/iommu.c).
 */
static int read_remapping(struct ks_facts_reading *r, struct ks_facts *ret, struct ks_error *err)
{
    char *text;
    size_t len;

    ret->remapping = KS_FACT_UNKNOWN;
    if (!ks_file_exists(r->root, "proc/interrupts"))
        return 0;
    if (ks_file_read(r->root, "proc/interrupts", INTERRUPTS_MAX, r->arena, &text, &len, err) < 0)
        return -1;
    if (strstr(text, " IR-"))
        ret->remapping = KS_FACT_YES;
    else if (strstr(text, " IO-APIC") || strstr(text, " PCI-MSI"))
        ret->remapping = KS_FACT_NO;
    return 0;
}

int ks_facts_iommu(struct ks_facts_reading *r, struct ks_facts *ret, struct ks_error *err)
{
    struct ks_strings groups = {0};

    ret->dmar = ks_file_exists(r->root, ACPI "/DMAR");
    ret->ivrs = ks_file_exists(r->root, ACPI "/IVRS");
    ret->dmar_remapping = ret->dmar ? dmar_remapping(r) : KS_FACT_UNKNOWN;
    if (ks_dir_list_or(r->root, "sys/class/iommu", r->arena, &ret->iommus, err) < 0 ||
        ks_dir_list_or(r->root, "sys/kernel/iommu_groups", r->arena, &groups, err) < 0)
        return -1;
    ret->iommu_groups = (unsigned)groups.n;
    return read_remapping(r, ret, err);
}

/* ---- PCI devices -------------------------------------------------------------------------------------------- */

/*
 * The VFs' windows are resources 7 to 12 of the PF. The kernel empties one that found no room, and leaves a start
 * of 0 where the firmware assigned none: enabling VFs ends with "not enough MMIO resources for SR-IOV" then.
 */
static int has_no_room(struct ks_facts_reading *r, const struct ks_host_pci_device *pf, bool *ret,
                       struct ks_error *err)
{
    enum { FIRST = 7, LAST = 12 };
    const char *path = ks_sprintf(r->arena, "sys/bus/pci/devices/%s/resource", pf->address);
    char *text, *state = NULL;
    size_t len, windows = 0, lines = 0;
    int i = 0;

    *ret = false;
    if (!ks_file_exists(r->root, path))
        return 0;
    if (ks_file_read(r->root, path, RESOURCE_MAX, r->arena, &text, &len, err) < 0)
        return -1;
    for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state), i++) {
        unsigned long long start, end, flags;
        if (i < FIRST || i > LAST || sscanf(line, "%llx %llx %llx", &start, &end, &flags) != 3)
            continue;
        lines++;
        windows += start != 0;
        if (start == 0 && flags != 0)
            *ret = true;
    }
    if (lines > 0 && windows == 0)
        *ret = true;
    return 0;
}

int ks_facts_pci(struct ks_facts_reading *r, struct ks_facts *ret, struct ks_error *err)
{
    struct ks_host_pci pci;

    if (ks_host_pci_read(r->root, r->arena, &pci, err) < 0)
        return -1;
    for (size_t i = 0; i < pci.devices.n; i++) {
        const struct ks_host_pci_device *from = &pci.devices.v[i];
        struct ks_fact_device *device = ks_vec_add(r->arena, &ret->devices);
        *device = (struct ks_fact_device){.address = from->address,
                                          .name = from->netdevs.n ? from->netdevs.v[0] : NULL,
                                          .driver = from->driver,
                                          .iommu_group = from->iommu_group,
                                          .is_bridge = from->is_bridge,
                                          .is_pf = from->is_pf,
                                          .is_vf = from->pf != NULL,
                                          .total_vfs = from->total_vfs,
                                          .num_vfs = from->num_vfs};
        if (from->is_pf && from->num_vfs == 0 && has_no_room(r, from, &device->no_room, err) < 0)
            return -1;
    }
    return 0;
}
