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

static void nic_macs(struct ks_checking *c, const struct ks_guest *guest, struct ks_index *macs)
{
    for (size_t i = 0; i < guest->nics.n; i++) {
        const struct ks_nic *nic = (const struct ks_nic *)guest->nics.v[i];
        struct ks_claim claim = {
            .kind = "nic", .part = &nic->o, .of = "guest", .whole = &guest->o, .same = vf_name(c, nic)};
        const char *mac = nic->mac;

        if (mac) {
            claim.field = "mac";
        } else {
            mac = ks_derived_mac(c->scratch, c->m->host, guest->o.key, nic->o.key);
            claim.note = "derived: give it a 'mac'";
        }
        ks_claim(c, macs, "MAC address", mac, claim);
    }
}

static void vf_macs(struct ks_checking *c, const struct ks_sriov *pf, struct ks_index *macs)
{
    for (size_t i = 0; i < pf->vf.n; i++) {
        const struct ks_vf *vf = (const struct ks_vf *)pf->vf.v[i];
        struct ks_claim claim = {.kind = "VF", .part = &vf->o, .of = "sriov", .whole = &pf->o, .field = "mac"};

        claim.same = ks_sprintf(c->scratch, "%s VF %s", pf->o.key, vf->o.key);
        if (vf->mac)
            ks_claim(c, macs, "MAC address", vf->mac, claim);
    }
}

static void check_macs(struct ks_checking *c)
{
    struct ks_index macs = {0};

    for (size_t i = 0; i < c->m->bridges.n; i++) {
        const struct ks_bridge *b = (const struct ks_bridge *)c->m->bridges.v[i];

        if (b->mac)
            ks_claim(c, &macs, "MAC address", b->mac, (struct ks_claim){"bridge", &b->o, .field = "mac"});
    }
    for (size_t i = 0; i < c->m->networks.n; i++) {
        const struct ks_network *n = (const struct ks_network *)c->m->networks.v[i];

        if (n->mac)
            ks_claim(c, &macs, "MAC address", n->mac, (struct ks_claim){"network", &n->o, .field = "mac"});
    }
    for (size_t i = 0; i < c->m->sriov.n; i++)
        vf_macs(c, (const struct ks_sriov *)c->m->sriov.v[i], &macs);
    for (size_t i = 0; i < c->m->guests.n; i++)
        if (ks_guest_counts((const struct ks_guest *)c->m->guests.v[i]))
            nic_macs(c, (const struct ks_guest *)c->m->guests.v[i], &macs);
}

static void claim_addresses(struct ks_checking *c, struct ks_index *ips, const struct ks_strings *addresses,
                            struct ks_claim claim)
{
    for (size_t i = 0; i < addresses->n; i++) {
        const char *text = addresses->v[i];

        ks_claim(c, ips, "IP address", ks_strndup(c->scratch, text, strcspn(text, "/")), claim);
    }
}

static void dhcp_addresses(struct ks_checking *c, const struct ks_network *n, struct ks_index *ips)
{
    struct ks_index macs = {0}; /* a guest's nic may well be in it: only within one network it is an error */

    for (size_t i = 0; n->dhcp && i < n->dhcp->hosts.n; i++) {
        const struct ks_dhcp_host *h = (const struct ks_dhcp_host *)n->dhcp->hosts.v[i];
        struct ks_claim claim = {.kind = "DHCP host", .part = &h->o, .of = "network", .whole = &n->o};

        if (h->ip)
            ks_claim(c, ips, "IP address", h->ip, claim);
        if (h->mac)
            ks_claim(c, &macs, "MAC address", h->mac, claim);
    }
}

static void check_ips(struct ks_checking *c)
{
    struct ks_index ips = {0};

    for (size_t i = 0; i < c->m->bridges.n; i++) {
        const struct ks_bridge *b = (const struct ks_bridge *)c->m->bridges.v[i];

        claim_addresses(c, &ips, &b->addresses, (struct ks_claim){"bridge", &b->o, .field = "addresses"});
    }
    for (size_t i = 0; i < c->m->networks.n; i++) {
        const struct ks_network *n = (const struct ks_network *)c->m->networks.v[i];

        claim_addresses(c, &ips, &n->addresses, (struct ks_claim){"network", &n->o, .field = "addresses"});
        dhcp_addresses(c, n, &ips);
    }
}

/* `was: old` renames old: nobody else can be old, or have been it. */
static void check_guest_names(struct ks_checking *c)
{
    struct ks_index uuids = {0}, names = {0};

    for (size_t i = 0; i < c->m->guests.n; i++) {
        const struct ks_guest *g = (const struct ks_guest *)c->m->guests.v[i];

        if (!ks_guest_counts(g))
            continue;
        if (g->uuid)
            ks_claim(c, &uuids, "UUID", g->uuid, (struct ks_claim){"guest", &g->o, .field = "uuid"});
        if (!g->was)
            continue;
        if (ks_map_get(&c->m->guests, g->was))
            ks_report(c->f, KS_E_CONFLICT, ks_at(&g->o, "was"), "was: guest '%s' stands in the manifest itself",
                      g->was);
        ks_claim(c, &names, "the old name", g->was, (struct ks_claim){"guest", &g->o, .field = "was"});
    }
}

/* A link is a port of one bridge. */
static void check_links(struct ks_checking *c)
{
    struct ks_index ports = {0};

    for (size_t i = 0; i < c->m->bridges.n; i++) {
        const struct ks_bridge *b = (const struct ks_bridge *)c->m->bridges.v[i];

        for (size_t k = 0; k < b->ports.n; k++)
            if (!ks_streq(b->ports.v[k], b->o.key))
                ks_claim(c, &ports, "port", b->ports.v[k],
                         (struct ks_claim){"bridge", &b->o, .field = "ports", .same = b->o.key});
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

/* libvirt makes the bridges of its own networks, which are nobody else's. */
static void check_bridge_names(struct ks_checking *c)
{
    struct ks_index bridges = {0};

    for (size_t i = 0; i < c->m->bridges.n; i++)
        ks_claim(c, &bridges, "bridge", c->m->bridges.v[i]->key,
                 (struct ks_claim){"bridge", c->m->bridges.v[i], .same = NULL});
    for (size_t i = 0; i < c->m->networks.n; i++) {
        const struct ks_network *n = (const struct ks_network *)c->m->networks.v[i];

        if (makes_bridge(c, n))
            ks_claim(c, &bridges, "bridge", n->bridge, (struct ks_claim){"network", &n->o, .field = "bridge"});
    }
}

void ks_check_names(struct ks_checking *c)
{
    check_macs(c);
    check_ips(c);
    check_guest_names(c);
    check_links(c);
    check_bridge_names(c);
}
