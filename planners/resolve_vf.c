/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which PCI address a guest's VF has, and which VF `auto` is. */
#include "planners/device.h"

#include <inttypes.h>

bool ks_guest_is_wanted(const struct ks_guest *guest)
{
    return !ks_has(&guest->o, "state") || (guest->state != KS_GUEST_ABSENT && guest->state != KS_GUEST_UNMANAGED);
}

const char *ks_sriov_key(const struct ks_planning *p, const char *pf)
{
    const struct ks_seen_pf *seen = ks_seen_pf(p->have, pf);

    for (size_t i = 0; seen && i < p->want->sriov.n; i++)
        if (ks_seen_pf(p->have, p->want->sriov.v[i]->key) == seen)
            return p->want->sriov.v[i]->key;
    return pf;
}

uint64_t ks_pf_vfs(const struct ks_planning *p, const struct ks_seen_pf *pf)
{
    const struct ks_obj *want = ks_map_get(&p->want->sriov, ks_sriov_key(p, pf->name ? pf->name : pf->address));

    return want && ks_has(want, "vfs") ? ((const struct ks_sriov *)want)->vfs : pf->n_vfs;
}

const struct ks_seen_vf *ks_seen_vf_at(const struct ks_seen_pf *pf, uint64_t index)
{
    for (size_t i = 0; i < pf->n_vfs; i++)
        if (pf->vfs[i].index == index)
            return &pf->vfs[i];
    return NULL;
}

/* PCI Express, "VF Discovery": routing ids count on from the PF's by offset and stride, over buses if need be. */
static const char *predict(struct ks_planning *p, const struct ks_seen_pf *pf, uint64_t index)
{
    unsigned domain, bus, slot, function;
    uint64_t id;

    if (!pf->vf_offset || (index > 0 && !pf->vf_stride) ||
        sscanf(pf->address, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4)
        return NULL;
    id = (bus << 8 | slot << 3 | function) + pf->vf_offset + index * pf->vf_stride;
    if (id > UINT16_MAX)
        return NULL;
    return ks_sprintf(p->arena, "%04x:%02x:%02x.%x", domain, (unsigned)id >> 8, (unsigned)id >> 3 & 0x1f,
                      (unsigned)id & 7);
}

static const char *address_of(struct ks_planning *p, const struct ks_seen_pf *pf, uint64_t index)
{
    const struct ks_seen_vf *vf = ks_seen_vf_at(pf, index);

    if (vf)
        return vf->address;
    return index < ks_pf_vfs(p, pf) ? predict(p, pf, index) : NULL;
}

/* ---- auto ---- */

static bool is_claimed(const struct ks_planning *p, const char *address)
{
    for (size_t i = 0; i < p->want->guests.n; i++) {
        const struct ks_guest *guest = (const struct ks_guest *)p->want->guests.v[i];
        for (size_t k = 0; ks_guest_is_wanted(guest) && k < guest->nics.n; k++)
            if (ks_streq(((const struct ks_nic *)guest->nics.v[k])->vf_address, address))
                return true;
        for (size_t k = 0; ks_guest_is_wanted(guest) && k < guest->devices.n; k++)
            if (ks_streq(((const struct ks_pci_device *)guest->devices.v[k])->pci, address))
                return true;
    }
    return false;
}

static bool is_held(const struct ks_seen_vf *vf, const struct ks_guest *guest)
{
    for (size_t i = 0; vf && i < vf->n_holders; i++)
        if (!(ks_starts(vf->holders[i], "guest/") && ks_streq(vf->holders[i] + strlen("guest/"), guest->o.key)))
            return true;
    return false;
}

static void take(struct ks_planning *p, struct ks_nic *nic, uint64_t index, const char *address)
{
    nic->vf->index = ks_sprintf(p->arena, "%" PRIu64, index);
    nic->vf_address = address;
}

/* What it has it keeps, so that a second plan is empty. */
static void keep(struct ks_planning *p, const struct ks_guest *guest, struct ks_nic *nic,
                 const struct ks_seen_pf *pf)
{
    const struct ks_seen_guest *seen = ks_seen_guest(p->have, guest->o.key);
    const struct ks_nic *have =
        (const struct ks_nic *)ks_match(seen && seen->config ? &seen->config->nics : NULL, &nic->o);

    for (uint64_t i = 0; have && have->vf_address && i < ks_pf_vfs(p, pf); i++) {
        const char *address = address_of(p, pf, i);
        if (ks_streq(address, have->vf_address) && !is_claimed(p, address)) {
            take(p, nic, i, address);
            return;
        }
    }
}

static void choose(struct ks_planning *p, const struct ks_guest *guest, struct ks_nic *nic,
                   const struct ks_seen_pf *pf)
{
    for (uint64_t i = 0; i < ks_pf_vfs(p, pf); i++) {
        const char *address = address_of(p, pf, i);
        if (address && !is_claimed(p, address) && !is_held(ks_seen_vf_at(pf, i), guest)) {
            take(p, nic, i, address);
            return;
        }
    }
    (void)ks_report(p->findings, KS_E_CONFLICT, ks_at(&nic->o, "vf"),
                    "guest %s: nic %s: none of the %" PRIu64 " VFs of %s is free", guest->o.key, nic->o.key,
                    ks_pf_vfs(p, pf), nic->vf->pf);
}

enum pass { FIXED, KEPT, CHOSEN, PASSES };

static void resolve(struct ks_planning *p, const struct ks_guest *guest, struct ks_nic *nic, enum pass pass)
{
    const struct ks_seen_pf *pf = nic->vf && ks_has(&nic->vf->o, "pf") ? ks_seen_pf(p->have, nic->vf->pf) : NULL;
    const bool is_auto = pf && ks_streq(nic->vf->index, "auto");
    uint64_t index;

    if (nic->vf && nic->vf->address)
        nic->vf_address = nic->vf->address;
    if (!pf || !nic->vf->index || nic->vf_address)
        return;
    if (pass == FIXED && !is_auto && ks_parse_u64(nic->vf->index, &index) == 0)
        nic->vf_address = address_of(p, pf, index);
    else if (pass == KEPT && is_auto)
        keep(p, guest, nic, pf);
    else if (pass == CHOSEN && is_auto)
        choose(p, guest, nic, pf);
}

void ks_resolve_vfs(struct ks_planning *p)
{
    for (enum pass pass = FIXED; pass < PASSES; pass++) {
        for (size_t i = 0; i < p->want->guests.n; i++) {
            const struct ks_guest *guest = (const struct ks_guest *)p->want->guests.v[i];
            for (size_t k = 0; ks_guest_is_wanted(guest) && k < guest->nics.n; k++)
                resolve(p, guest, (struct ks_nic *)guest->nics.v[k], pass);
        }
    }
}
