/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI ids in words, by libpci. Apart from pci.c, so that only who wants words loads the list. */
#include <pci/pci.h>

#include "state/host.h"

/* libpci's own would print and exit. */
static void quiet(char *msg, ...)
{
    (void)msg;
}
__attribute__((noreturn)) static void out_of_memory(char *msg, ...)
{
    (void)msg;
    abort();
}

static void pci_accessp(struct pci_access **access)
{
    pci_cleanup(*access);
}

void ks_host_pci_describe(struct ks_host_pci *pci, struct ks_arena *arena)
{
    ks_auto(pci_accessp) struct pci_access *access = pci_alloc();
    char text[256];

    access->error = out_of_memory;
    access->warning = quiet;
    access->debug = quiet;
    for (size_t i = 0; i < pci->devices.n; i++) {
        struct ks_host_pci_device *d = &pci->devices.v[i];
        const char *name = pci_lookup_name(access, text, sizeof(text),
                                           PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE | PCI_LOOKUP_NO_NUMBERS,
                                           (int)d->vendor, (int)d->device);
        d->what = name ? ks_strdup(arena, name) : ks_sprintf(arena, "%04x:%04x", d->vendor, d->device);
    }
}
