/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a network's addresses are free: libvirt does not start one whose subnet the host has elsewhere. */
#include "planners/network.h"

struct check {
    struct ks_planning *p;
    const struct ks_network *want;
    const char *bridge; /* that it has, or will have; or NULL */
};

/* The same subnet twice is refused by libvirt; one within another cuts off who has those addresses there. */
static void compare(const struct check *c, const char *address, const char *other, const char *whose)
{
    bool same;

    if (!ks_cidr_overlaps(address, other, &same))
        return;
    if (same)
        (void)ks_report(c->p->findings, KS_E_CONFLICT, ks_at(&c->want->o, "addresses"),
                        "network %s: %s is the subnet of %s already (%s)", c->want->o.key, address, whose, other);
    else
        ks_report_warning(
            c->p->findings, KS_E_CONFLICT, ks_at(&c->want->o, "addresses"),
            "network %s: %s overlaps with %s of %s: who has these addresses there is not reached any more",
            c->want->o.key, address, other, whose);
}

static void against_links(const struct check *c, const char *address)
{
    for (size_t i = 0; i < c->p->have->links.n; i++) {
        const struct ks_seen_link *link = &c->p->have->links.v[i];
        for (size_t k = 0; k < link->addresses.n && !ks_streq(link->name, c->bridge); k++)
            compare(c, address, link->addresses.v[k], ks_sprintf(c->p->arena, "link %s", link->name));
    }
}

static bool is_up(const struct ks_network *n)
{
    return !ks_has(&n->o, "state") || n->state == KS_NETWORK_ACTIVE;
}

static bool lists(const struct ks_strings *list, const char *text)
{
    for (size_t i = 0; i < list->n; i++)
        if (ks_streq(list->v[i], text))
            return true;
    return false;
}

/* Each pair once: with those that stand behind it in the manifest. */
static void against_networks(const struct check *c, const char *address, size_t index)
{
    for (size_t i = index + 1; i < c->p->want->networks.n; i++) {
        const struct ks_network *other = (const struct ks_network *)c->p->want->networks.v[i];
        for (size_t k = 0; k < other->addresses.n && is_up(other); k++)
            compare(c, address, other->addresses.v[k], ks_sprintf(c->p->arena, "network %s", other->o.key));
    }
}

void ks_network_check(struct ks_planning *p, size_t index)
{
    const struct ks_network *want = (const struct ks_network *)p->want->networks.v[index];
    const struct ks_seen_network *seen = ks_seen_network(p->have, want->o.key);
    struct check c = {.p = p, .want = want, .bridge = want->bridge};

    /* One that is up has its addresses on its own bridge. */
    if (seen && seen->live && seen->live->bridge)
        c.bridge = seen->live->bridge;
    for (size_t i = 0; i < want->addresses.n && is_up(want); i++) {
        if (seen && seen->live && lists(&seen->live->addresses, want->addresses.v[i]))
            continue; /* what it has was found free once */
        against_links(&c, want->addresses.v[i]);
        against_networks(&c, want->addresses.v[i], index);
    }
}
