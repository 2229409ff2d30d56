/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a host has once: VFs, PCI devices, CPUs that are handed out whole, ports of display servers. */
#include "schema/manifest_check.h"

static void check_vf(struct ks_checking *c, const struct ks_nic *nic, const struct ks_guest *g,
                     struct ks_index *vfs, struct ks_index *pci)
{
    const struct ks_sriov *pf;
    const struct ks_vf *vf;
    uint64_t index;
    struct ks_claim claim = {.kind = "nic", .part = &nic->o, .of = "guest", .whole = &g->o, .field = "vf"};

    if (nic->vf->address)
        ks_claim(c, pci, "PCI device", nic->vf->address, claim);
    if (!nic->vf->pf || !nic->vf->index || ks_parse_u64(nic->vf->index, &index) < 0)
        return;

    const char *name = ks_sprintf(c->scratch, "%s of %s", nic->vf->index, nic->vf->pf);

    ks_claim(c, vfs, "VF", name, claim);
    pf = (const struct ks_sriov *)ks_map_get(&c->m->sriov, nic->vf->pf);
    if (!pf)
        return;
    if (ks_has(&pf->o, "vfs") && index >= pf->vfs)
        ks_report(c->f, KS_E_NOT_FOUND, ks_at(&nic->vf->o, "index"),
                  "vf: the manifest gives %s %llu VFs, counted from 0", nic->vf->pf, (unsigned long long)pf->vfs);
    vf = (const struct ks_vf *)ks_map_get(&pf->vf, nic->vf->index);
    if (vf && vf->mac && nic->mac && !ks_streq(vf->mac, nic->mac))
        ks_report(c->f, KS_E_CONFLICT, ks_at(&nic->o, "mac"), "mac: VF %s has %s under sriov (%s:%u)", name,
                  vf->mac, ks_at(&vf->o, "mac").file, ks_at(&vf->o, "mac").line);
}

static void check_passthrough(struct ks_checking *c)
{
    struct ks_index vfs = {0}, pci = {0};

    for (size_t i = 0; i < c->m->sriov.n; i++) {
        const struct ks_obj *pf = c->m->sriov.v[i];

        if (strchr(pf->key, ':')) /* by PCI address: it stays with the host, which hands out its VFs */
            ks_claim(c, &pci, "PCI device", pf->key, (struct ks_claim){"sriov", pf, .same = NULL});
    }
    for (size_t i = 0; i < c->m->guests.n; i++) {
        const struct ks_guest *g = (const struct ks_guest *)c->m->guests.v[i];

        if (!ks_guest_counts(g))
            continue;
        for (size_t k = 0; k < g->nics.n; k++)
            if (((const struct ks_nic *)g->nics.v[k])->vf)
                check_vf(c, (const struct ks_nic *)g->nics.v[k], g, &vfs, &pci);
        for (size_t k = 0; k < g->devices.n; k++) {
            const struct ks_pci_device *d = (const struct ks_pci_device *)g->devices.v[k];

            if (d->pci)
                ks_claim(c, &pci, "PCI device", d->pci,
                         (struct ks_claim){"device", &d->o, "guest", &g->o, .field = "pci"});
        }
    }
}

/* A vCPU that is pinned to one host CPU is meant to have it for itself: against other guests, not its own vCPUs. */
static void check_cpus(struct ks_checking *c)
{
    struct ks_index cpus = {0};

    for (size_t i = 0; i < c->m->guests.n; i++) {
        const struct ks_guest *g = (const struct ks_guest *)c->m->guests.v[i];

        for (size_t k = 0; g->pinning && ks_guest_counts(g) && k < g->pinning->vcpus.n; k++) {
            const struct ks_set *pin = (const struct ks_set *)g->pinning->vcpus.v[k];
            const char *cpu;

            if (ks_cpuset_count(&pin->value) != 1)
                continue;
            cpu = ks_cpuset_format(c->scratch, &pin->value);
            ks_claim(c, &cpus, "host CPU", cpu,
                     (struct ks_claim){"vCPU", &pin->o, "guest", &g->o, .same = g->o.key});
        }
    }
}

static void check_server(struct ks_checking *c, const char *word, const struct ks_graphics_server *s,
                         const struct ks_guest *g, struct ks_index *ports)
{
    const char *key;

    if (!s || !s->port || ks_streq(s->port, "auto"))
        return;
    key = s->listen ? ks_sprintf(c->scratch, "%s at %s", s->port, s->listen) : s->port;
    ks_claim(c, ports, "graphics port", key, (struct ks_claim){word, &s->o, "guest", &g->o, .field = "port"});
}

static void check_ports(struct ks_checking *c)
{
    struct ks_index ports = {0};

    for (size_t i = 0; i < c->m->guests.n; i++) {
        const struct ks_guest *g = (const struct ks_guest *)c->m->guests.v[i];

        if (!g->graphics || !ks_guest_counts(g))
            continue;
        check_server(c, "vnc", g->graphics->vnc, g, &ports);
        check_server(c, "spice", g->graphics->spice, g, &ports);
    }
}

void ks_check_devices(struct ks_checking *c)
{
    check_passthrough(c);
    check_cpus(c);
    check_ports(c);
}
