/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MAC addresses, IP addresses, UUIDs and names that are given twice; things that are named, and taken away. */
#include "schema/manifest_check.h"

/* A VF's name: what its MAC in `sriov` and that of the nic that uses it have in common. NULL: not known. */
static const char *vf_name(struct ks_checking *c, const struct ks_nic *nic)
{
    if (!nic->vf || !nic->vf->pf || !nic->vf->index)
        return NULL;
    return ks_sprintf(c->scratch, "%s VF %s", nic->vf->pf, nic->vf->index);
}

static void claim_mac(struct ks_checking *c, struct ks_index *macs, const char *mac, struct ks_claim claim)
{
    ks_claim(c, macs, ks_sprintf(c->scratch, "MAC address %s", mac), mac, claim);
}

static void nic_macs(struct ks_checking *c, const struct ks_guest *guest, struct ks_index *macs)
{
    for (size_t i = 0; i < guest->nics.n; i++) {
        const struct ks_nic *nic = (const struct ks_nic *)guest->nics.v[i];
        const char *mac = nic->mac;
        const char *who = ks_part_of(c, "nic", &nic->o, guest);

        if (!mac) {
            mac = ks_derived_mac(c->scratch, c->m->host, guest->o.key, nic->o.key);
            who = ks_sprintf(c->scratch, "%s (derived: give it a 'mac')", who);
        }
        claim_mac(c, macs, mac,
                  (struct ks_claim){who, nic->mac ? ks_at(&nic->o, "mac") : nic->o.at, vf_name(c, nic), false});
    }
}

static void vf_macs(struct ks_checking *c, const struct ks_sriov *pf, struct ks_index *macs)
{
    for (size_t i = 0; i < pf->vf.n; i++) {
        const struct ks_vf *vf = (const struct ks_vf *)pf->vf.v[i];
        const char *name = ks_sprintf(c->scratch, "%s VF %s", pf->o.key, vf->o.key);

        if (vf->mac)
            claim_mac(c, macs, vf->mac, (struct ks_claim){name, ks_at(&vf->o, "mac"), name, false});
    }
}

static void check_macs(struct ks_checking *c)
{
    struct ks_index macs = {0};

    for (size_t i = 0; i < c->m->bridges.n; i++) {
        const struct ks_bridge *b = (const struct ks_bridge *)c->m->bridges.v[i];

        if (b->mac)
            claim_mac(
                c, &macs, b->mac,
                (struct ks_claim){ks_sprintf(c->scratch, "bridge %s", b->o.key), ks_at(&b->o, "mac"), NULL, false});
    }
    for (size_t i = 0; i < c->m->networks.n; i++) {
        const struct ks_network *n = (const struct ks_network *)c->m->networks.v[i];

        if (n->mac)
            claim_mac(c, &macs, n->mac,
                      (struct ks_claim){ks_sprintf(c->scratch, "network %s", n->o.key), ks_at(&n->o, "mac"), NULL,
                                        false});
    }
    for (size_t i = 0; i < c->m->sriov.n; i++)
        vf_macs(c, (const struct ks_sriov *)c->m->sriov.v[i], &macs);
    for (size_t i = 0; i < c->m->guests.n; i++)
        if (ks_guest_counts((const struct ks_guest *)c->m->guests.v[i]))
            nic_macs(c, (const struct ks_guest *)c->m->guests.v[i], &macs);
}

static void claim_ip(struct ks_checking *c, struct ks_index *ips, const char *text, struct ks_claim claim)
{
    const char *ip = ks_strndup(c->scratch, text, strcspn(text, "/"));

    ks_claim(c, ips, ks_sprintf(c->scratch, "IP address %s", ip), ip, claim);
}

static void dhcp_addresses(struct ks_checking *c, const struct ks_network *n, struct ks_index *ips)
{
    struct ks_index macs = {0}; /* a guest's nic may well be in it: only within one network it is an error */

    for (size_t i = 0; n->dhcp && i < n->dhcp->hosts.n; i++) {
        const struct ks_dhcp_host *h = (const struct ks_dhcp_host *)n->dhcp->hosts.v[i];
        struct ks_claim claim = {ks_sprintf(c->scratch, "DHCP host %s of network %s", h->o.key, n->o.key), h->o.at,
                                 NULL, false};

        if (h->ip)
            claim_ip(c, ips, h->ip, claim);
        if (h->mac)
            claim_mac(c, &macs, h->mac, claim);
    }
}

static void check_ips(struct ks_checking *c)
{
    struct ks_index ips = {0};

    for (size_t i = 0; i < c->m->bridges.n; i++) {
        const struct ks_bridge *b = (const struct ks_bridge *)c->m->bridges.v[i];
        const char *who = ks_sprintf(c->scratch, "bridge %s", b->o.key);

        for (size_t k = 0; k < b->addresses.n; k++)
            claim_ip(c, &ips, b->addresses.v[k], (struct ks_claim){who, ks_at(&b->o, "addresses"), NULL, false});
    }
    for (size_t i = 0; i < c->m->networks.n; i++) {
        const struct ks_network *n = (const struct ks_network *)c->m->networks.v[i];
        const char *who = ks_sprintf(c->scratch, "network %s", n->o.key);

        for (size_t k = 0; k < n->addresses.n; k++)
            claim_ip(c, &ips, n->addresses.v[k], (struct ks_claim){who, ks_at(&n->o, "addresses"), NULL, false});
        dhcp_addresses(c, n, &ips);
    }
}

static void check_uuids(struct ks_checking *c)
{
    struct ks_index uuids = {0};

    for (size_t i = 0; i < c->m->guests.n; i++) {
        const struct ks_guest *g = (const struct ks_guest *)c->m->guests.v[i];

        if (g->uuid && ks_guest_counts(g))
            ks_claim(
                c, &uuids, ks_sprintf(c->scratch, "UUID %s", g->uuid), g->uuid,
                (struct ks_claim){ks_sprintf(c->scratch, "guest %s", g->o.key), ks_at(&g->o, "uuid"), NULL, false});
    }
}

/* `was: old` renames old: nobody else can be old, or have been it. */
static void check_renames(struct ks_checking *c)
{
    struct ks_index names = {0};

    for (size_t i = 0; i < c->m->guests.n; i++) {
        const struct ks_guest *g = (const struct ks_guest *)c->m->guests.v[i];

        if (!g->was || !ks_guest_counts(g))
            continue;
        if (ks_map_get(&c->m->guests, g->was))
            ks_report(c->f, KS_E_CONFLICT, ks_at(&g->o, "was"), "was: guest '%s' stands in the manifest itself",
                      g->was);
        ks_claim(c, &names, ks_sprintf(c->scratch, "the old name '%s'", g->was), g->was,
                 (struct ks_claim){ks_sprintf(c->scratch, "guest %s", g->o.key), ks_at(&g->o, "was"), NULL, false});
    }
}

/* A link is a port of one bridge; and libvirt makes the bridges of its own networks, which are nobody else's. */
static void check_links(struct ks_checking *c)
{
    struct ks_index ports = {0};

    for (size_t i = 0; i < c->m->bridges.n; i++) {
        const struct ks_bridge *b = (const struct ks_bridge *)c->m->bridges.v[i];
        const char *who = ks_sprintf(c->scratch, "bridge %s", b->o.key);

        for (size_t k = 0; k < b->ports.n; k++)
            if (!ks_streq(b->ports.v[k], b->o.key))
                ks_claim(c, &ports, ks_sprintf(c->scratch, "port %s", b->ports.v[k]), b->ports.v[k],
                         (struct ks_claim){who, ks_at(&b->o, "ports"), who, false});
    }
}

static bool makes_bridge(struct ks_checking *c, const struct ks_network *n)
{
    static const char *const own[] = {"none", "nat", "route", "open"};
    const struct ks_field *forward = &ks_network_kind.fields[ks_row(&ks_network_kind, "forward")];

    if (!n->bridge || !ks_has(&n->o, "forward"))
        return false;
    for (size_t i = 0; i < KS_COUNT(own); i++)
        if (ks_streq(ks_show(c->scratch, forward, &n->o), own[i]))
            return true;
    return false;
}

static void check_bridge_names(struct ks_checking *c)
{
    struct ks_index bridges = {0};

    for (size_t i = 0; i < c->m->bridges.n; i++) {
        const struct ks_obj *b = c->m->bridges.v[i];

        ks_claim(c, &bridges, "", b->key,
                 (struct ks_claim){ks_sprintf(c->scratch, "bridge %s", b->key), b->at, NULL, false});
    }
    for (size_t i = 0; i < c->m->networks.n; i++) {
        const struct ks_network *n = (const struct ks_network *)c->m->networks.v[i];

        if (makes_bridge(c, n))
            ks_claim(c, &bridges, ks_sprintf(c->scratch, "bridge name '%s'", n->bridge), n->bridge,
                     (struct ks_claim){ks_sprintf(c->scratch, "network %s", n->o.key), ks_at(&n->o, "bridge"), NULL,
                                       false});
    }
}

void ks_check_names(struct ks_checking *c)
{
    check_macs(c);
    check_ips(c);
    check_uuids(c);
    check_renames(c);
    check_links(c);
    check_bridge_names(c);
}
