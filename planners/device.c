/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether guests can be given the VFs and PCI devices that they want. */
#include "planners/device.h"

#include <inttypes.h>

struct use {
    struct ks_planning *p;
    const struct ks_guest *guest;
    const char *what; /* "nic fast", "device nvme" */
    const char *address;
    struct ks_loc at;
    const struct ks_obj *device; /* the nic, or the PCI device */
};

static bool has_device(const struct ks_guest *have, const struct use *u)
{
    const struct ks_map *map = u->device->kind == &ks_nic_kind ? &have->nics : &have->devices;
    const struct ks_obj *found = ks_match(map, u->device);

    if (!found)
        return false;
    return u->address &&
           ks_streq(u->address, found->kind == &ks_nic_kind ? ((const struct ks_nic *)found)->vf_address
                                                            : ((const struct ks_pci_device *)found)->pci);
}

/* In its definition already, and nothing of this plan starts it: as it was, which stands in nobody's way. */
static bool is_old(const struct use *u)
{
    const struct ks_seen_guest *seen = ks_seen_guest(u->p->have, u->guest->o.key);
    const bool starts = ks_has(&u->guest->o, "state") && u->guest->state != KS_GUEST_STOPPED;

    return seen && seen->config && !(starts && seen->state == KS_GUEST_STOPPED) && has_device(seen->config, u);
}

static void complain(const struct use *u, const char *fmt, ...) KS_PRINTF(2, 3);
static void complain(const struct use *u, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    const char *text = ks_vsprintf(u->p->arena, fmt, ap);
    va_end(ap);
    if (is_old(u))
        ks_report_warning(u->p->findings, KS_E_CONFLICT, u->at, "guest %s: %s: %s; its definition has it so",
                          u->guest->o.key, u->what, text);
    else
        (void)ks_report(u->p->findings, KS_E_CONFLICT, u->at, "guest %s: %s: %s", u->guest->o.key, u->what, text);
}

static bool has_iommu(const struct ks_planning *p)
{
    for (size_t i = 0; i < p->have->pci.n; i++)
        if (p->have->pci.v[i].iommu_group >= 0)
            return true;
    return false;
}

/* ---- IOMMU groups ---- */

/* Documentation/driver-api/vfio.rst: what stands aside while the rest of its group is in a guest. */
static bool stands_aside(const struct ks_seen_pci *d)
{
    return d->is_bridge || !d->driver || ks_driver_keeps_for_guests(d->driver);
}

static void check_group(const struct use *u, const struct ks_seen_pci *d)
{
    for (size_t i = 0; d->iommu_group >= 0 && i < u->p->have->pci.n; i++) {
        const struct ks_seen_pci *other = &u->p->have->pci.v[i];
        if (other == d || other->iommu_group != d->iommu_group || stands_aside(other) ||
            ks_guest_takes_pci(u->guest, other->address))
            continue;
        complain(u,
                 "%s shares IOMMU group %d with %s (%s, driver %s), and all of a group go together: give the guest "
                 "%s as well, or bind that to vfio-pci or to no driver",
                 d->address, d->iommu_group, other->address, other->what ? other->what : "unknown", other->driver,
                 other->address);
    }
}

/* ---- others ---- */

static bool lets_go(const struct use *u, const char *holder)
{
    const struct ks_obj *other;

    if (!ks_starts(holder, "guest/"))
        return ks_starts(holder, "network/");
    other = ks_map_get(&u->p->want->guests, holder + strlen("guest/"));
    if (other == &u->guest->o)
        return true;
    /* Another guest of the manifest: it is to give it back, for the manifest gives it to one alone. */
    if (other)
        return true;
    const struct ks_seen_guest *seen = ks_seen_guest(u->p->have, holder + strlen("guest/"));
    return seen && !seen->live;
}

static void check_holders(const struct use *u, size_t n, const char **holders)
{
    for (size_t i = 0; i < n; i++)
        if (!lets_go(u, holders[i]))
            complain(u, "%s is held by %s", u->address,
                     ks_starts(holders[i], "guest/")
                         ? ks_sprintf(u->p->arena, "guest %s (not in the manifest)", holders[i] + strlen("guest/"))
                         : holders[i]);
}

static void check_twice(const struct use *u)
{
    for (size_t i = 0; i < u->p->want->guests.n; i++) {
        const struct ks_guest *other = (const struct ks_guest *)u->p->want->guests.v[i];
        if (other == u->guest)
            return; /* the later of two says so */
        if (ks_guest_is_wanted(other) && ks_guest_takes_pci(other, u->address))
            complain(u, "%s is given to guest %s as well", u->address, other->o.key);
    }
}

static void check_use(const struct use *u)
{
    const struct ks_seen_pci *d = ks_seen_pci(u->p->have, u->address);

    if (!has_iommu(u->p)) {
        complain(u, "this host has no IOMMU in use: switch it on in the firmware, and boot with intel_iommu=on "
                    "where the CPU is Intel's");
        return;
    }
    check_twice(u);
    if (!d)
        return;
    check_group(u, d);
    check_holders(u, d->n_holders, d->holders);
}

/* ---- VFs ---- */

static void block_guest(const struct use *u, const char *reason)
{
    for (size_t i = 0; i < u->p->plan->n; i++) {
        struct ks_step *s = u->p->plan->v[i];
        if (ks_streq(s->kind, "guest") && ks_streq(s->name, u->guest->o.key))
            ks_step_block(u->p, s, "%s", reason);
    }
}

static void check_vf(struct use *u, const struct ks_nic *nic)
{
    const struct ks_seen_pf *pf = nic->vf->pf ? ks_seen_pf(u->p->have, nic->vf->pf) : NULL;
    uint64_t index;

    u->at = ks_at(&nic->o, "vf");
    u->device = &nic->o;
    u->address = nic->vf_address;
    if (nic->vf->pf && !pf) {
        complain(u, "the host has no PF %s", nic->vf->pf);
        return;
    }
    if (pf && nic->vf->index && ks_parse_u64(nic->vf->index, &index) == 0 && index >= ks_pf_vfs(u->p, pf)) {
        complain(u, "there is no VF %" PRIu64 " of %s: it has %" PRIu64 ", counted from 0", index, nic->vf->pf,
                 ks_pf_vfs(u->p, pf));
        return;
    }
    if (!pf && u->address && !ks_seen_pci(u->p->have, u->address)) {
        complain(u, "the host has no PCI device %s", u->address);
        return;
    }
    if (u->address)
        check_use(u);
    else if (pf && !ks_streq(nic->vf->index, "auto"))
        block_guest(u, ks_sprintf(u->p->arena, "the address of VF %s of %s is known once it is there: apply again",
                                  nic->vf->index, nic->vf->pf));
}

/* ---- whole devices ---- */

static void check_device(struct use *u, const struct ks_pci_device *device)
{
    const struct ks_seen_pci *d = ks_seen_pci(u->p->have, device->pci);
    const struct ks_seen_pf *pf = ks_seen_pf(u->p->have, device->pci);

    u->at = ks_at(&device->o, "pci");
    u->device = &device->o;
    u->address = device->pci;
    if (!d) {
        complain(u, "the host has no PCI device %s", device->pci);
        return;
    }
    if (d->is_bridge)
        complain(u, "%s is a bridge, which cannot be handed out", device->pci);
    if (pf && pf->default_route)
        complain(u, "%s carries the host's default route", device->pci);
    if (!device->managed && d->driver && !ks_driver_is_vfio(d->driver))
        ks_report_warning(u->p->findings, KS_E_CONFLICT, u->at,
                          "guest %s: %s: %s has driver %s: state managed: true, or bind it to vfio-pci",
                          u->guest->o.key, u->what, device->pci, d->driver);
    check_use(u);
}

static bool are_known(const struct ks_planning *p)
{
    for (size_t i = 0; i < p->have->unknown.n; i++)
        if (ks_starts(p->have->unknown.v[i], "devices:"))
            return false;
    return true;
}

void ks_devices_check(struct ks_planning *p)
{
    for (size_t i = 0; i < p->want->guests.n && are_known(p); i++) {
        const struct ks_guest *guest = (const struct ks_guest *)p->want->guests.v[i];
        struct use u = {.p = p, .guest = guest};
        for (size_t k = 0; ks_guest_is_wanted(guest) && k < guest->nics.n; k++) {
            const struct ks_nic *nic = (const struct ks_nic *)guest->nics.v[k];
            if (!nic->vf || !ks_has(&nic->o, "vf"))
                continue;
            u.what = ks_sprintf(p->arena, "nic %s", nic->o.key);
            check_vf(&u, nic);
        }
        for (size_t k = 0; ks_guest_is_wanted(guest) && k < guest->devices.n; k++) {
            const struct ks_pci_device *device = (const struct ks_pci_device *)guest->devices.v[k];
            if (!device->pci)
                continue;
            u.what = ks_sprintf(p->arena, "device %s", device->o.key);
            check_device(&u, device);
        }
    }
}
