/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The difference between a record and what is, as a list of writes. Pure. */
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "net/record.h"

struct undoing {
    struct ks_arena *arena;
    const struct ks_net_record *record, *present;
    bool same_boot;
    struct ks_net_writes *writes;
};

static struct ks_net_write *add(struct undoing *u, enum ks_net_op op, const char *link, const char *text)
{
    struct ks_net_write *write = ks_vec_add(u->arena, u->writes);

    *write = (struct ks_net_write){.op = op, .link = link, .text = text};
    return write;
}

static bool is_bridge(const struct ks_net_link *link)
{
    return ks_streq(link->kind, "bridge");
}

/* A guest's own link, which comes and goes with the guest. */
static bool is_tap(const struct ks_net_link *link)
{
    return ks_streq(link->kind, "tun") || ks_streq(link->kind, "macvtap");
}

/* ---- what is a port of what ---- */

static void undo_made(struct undoing *u)
{
    for (size_t i = 0; u->same_boot && i < u->record->absent.n; i++) {
        const struct ks_net_link *link = ks_net_record_link(u->present, u->record->absent.v[i]);
        if (link && is_bridge(link))
            (void)add(u, KS_NET_DELETE_LINK, link->name, ks_sprintf(u->arena, "%s: bridge deleted", link->name));
    }
}

static void make_missing(struct undoing *u)
{
    for (size_t i = 0; i < u->record->links.n; i++) {
        const struct ks_net_link *link = &u->record->links.v[i];
        if (is_bridge(link) && !ks_net_record_link(u->present, link->name))
            (void)add(u, KS_NET_CREATE_BRIDGE, link->name, ks_sprintf(u->arena, "%s: bridge made", link->name));
    }
}

static void set_master(struct undoing *u, const struct ks_net_link *link, const char *master)
{
    add(u, KS_NET_SET_MASTER, link->name,
        ks_sprintf(u->arena, "%s: master %s", link->name, master ? master : "none"))
        ->master = master;
}

static void set_up(struct undoing *u, const struct ks_net_link *link, bool up)
{
    add(u, KS_NET_SET_UP, link->name, ks_sprintf(u->arena, "%s: %s", link->name, up ? "up" : "down"))->up = up;
}

/* Out of where it does not belong; before any goes where it does, so that ports get their numbers back. */
static void release_ports(struct undoing *u)
{
    for (size_t i = 0; u->same_boot && i < u->record->links.n; i++) {
        const struct ks_net_link *was = &u->record->links.v[i];
        const struct ks_net_link *is = ks_net_record_link(u->present, was->name);
        if (is && is->master && !ks_streq(is->master, was->master))
            set_master(u, was, NULL);
    }
}

static int port_cmp(const void *a, const void *b)
{
    const struct ks_net_link *x = *(const struct ks_net_link *const *)a, *y = *(const struct ks_net_link *const *)b;
    const int order = strcmp(x->master, y->master);

    return order ? order : x->port < y->port ? -1 : x->port > y->port;
}

static void give_back_ports(struct undoing *u)
{
    const struct ks_net_link **ports = ks_new_n(u->arena, const struct ks_net_link *, u->record->links.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < u->record->links.n; i++) {
        const struct ks_net_link *was = &u->record->links.v[i];
        const struct ks_net_link *is = ks_net_record_link(u->present, was->name);
        if (is && was->master && !ks_streq(is->master, was->master) && (u->same_boot || !is->master))
            ports[n++] = was;
    }
    if (n > 0)
        qsort(ports, n, sizeof *ports, port_cmp);
    for (size_t i = 0; i < n; i++) {
        const struct ks_net_link *is = ks_net_record_link(u->present, ports[i]->name);
        if (ks_streq(ports[i]->master_kind, "bond") && is->up)
            set_up(u, ports[i], false); /* a bond takes no link that is up */
        set_master(u, ports[i], ports[i]->master);
    }
}

static void undo_masters(struct undoing *u)
{
    undo_made(u);
    make_missing(u);
    release_ports(u);
    give_back_ports(u);
}

/* ---- attributes ---- */

static bool is_settable(const struct undoing *u, const struct ks_net_link *was, const struct ks_net_link *is,
                        size_t i)
{
    const struct ks_net_attribute *row = &ks_net_attributes[i];

    if (row->place == KS_NET_OF_LINK && row->type == IFLA_IFALIAS) /* none is one, too */
        return u->same_boot || (is_bridge(was) && was->attributes[i].v);
    if (!was->attributes[i].v || !is->attributes[i].v)
        return false;
    if (row->place == KS_NET_OF_PORT)
        return ks_streq(was->master, is->master);
    /* Another boot may have given a link that is no bridge another address, on purpose. */
    return u->same_boot || is_bridge(was);
}

static void undo_attributes(struct undoing *u, const struct ks_net_link *was, const struct ks_net_link *is)
{
    for (size_t i = 0; i < KS_NET_ATTRIBUTES; i++) {
        const struct ks_net_bytes *a = &was->attributes[i], *b = &is->attributes[i];
        if (!is_settable(u, was, is, i) || (a->n == b->n && (a->n == 0 || memcmp(a->v, b->v, a->n) == 0)))
            continue;
        struct ks_net_write *write =
            add(u, KS_NET_SET_ATTRIBUTE, was->name,
                ks_sprintf(u->arena, "%s: %s as it was", was->name, ks_net_attributes[i].name));
        write->attribute = i;
        write->value = *a;
    }
}

static bool has_vlan(const struct ks_net_link *link, const struct ks_host_port_vlan *vlan)
{
    for (size_t i = 0; i < link->vlans.n; i++) {
        const struct ks_host_port_vlan *v = &link->vlans.v[i];
        if (v->first == vlan->first && v->last == vlan->last && v->pvid == vlan->pvid &&
            v->untagged == vlan->untagged)
            return true;
    }
    return false;
}

static void write_vlan(struct undoing *u, const struct ks_net_link *link, const struct ks_host_port_vlan *vlan,
                       bool there)
{
    struct ks_net_write *write = add(u, there ? KS_NET_ADD_VLAN : KS_NET_DROP_VLAN, link->name,
                                     ks_sprintf(u->arena, "%s: vlan %u-%u %s", link->name, vlan->first, vlan->last,
                                                there ? "added" : "removed"));

    write->vlan = *vlan;
    write->master = is_bridge(link) ? NULL : link->master;
}

/* VLANs of a range that only in part is another come first away, and then back. */
static void undo_vlans(struct undoing *u, const struct ks_net_link *was, const struct ks_net_link *is)
{
    if (!is_bridge(was) && !ks_streq(was->master, is->master))
        return;
    for (size_t i = 0; u->same_boot && i < is->vlans.n; i++)
        if (!has_vlan(was, &is->vlans.v[i]))
            write_vlan(u, was, &is->vlans.v[i], false);
    for (size_t i = 0; i < was->vlans.n; i++)
        if (!has_vlan(is, &was->vlans.v[i]))
            write_vlan(u, was, &was->vlans.v[i], true);
}

static void undo_links(struct undoing *u)
{
    for (size_t i = 0; i < u->record->links.n; i++) {
        const struct ks_net_link *was = &u->record->links.v[i];
        const struct ks_net_link *is = ks_net_record_link(u->present, was->name);
        if (!is)
            continue;
        undo_attributes(u, was, is);
        undo_vlans(u, was, is);
        if (was->up != is->up && (was->up || u->same_boot))
            set_up(u, was, was->up);
    }
}

/* ---- addresses ---- */

struct sequence {
    size_t n;
    const struct ks_net_entry **v;
};

/* One family's addresses of a link in the order in which adding them gives what the kernel shows: it puts those of
 * IPv4 behind one another, those of IPv6 before one another (ipv6_link_dev_addr()). */
static struct sequence sequence_of(struct undoing *u, const struct ks_net_link *link, int family)
{
    struct sequence s = {0, ks_new_n(u->arena, const struct ks_net_entry *, link->addresses.n + 1)};

    for (size_t i = 0; i < link->addresses.n; i++) {
        const size_t k = family == AF_INET ? i : link->addresses.n - 1 - i;
        if (link->addresses.v[k].family == family)
            s.v[s.n++] = &link->addresses.v[k];
    }
    return s;
}

static bool holds(const struct sequence *s, const struct ks_net_entry *entry)
{
    for (size_t i = 0; i < s->n; i++)
        if (ks_net_entry_same(s->v[i], entry))
            return true;
    return false;
}

static void write_entry(struct undoing *u, enum ks_net_op op, const char *link, const struct ks_net_entry *entry)
{
    const bool there = op == KS_NET_ADD_ADDRESS || op == KS_NET_ADD_ROUTE;

    add(u, op, link, ks_sprintf(u->arena, "%s %s", entry->text, there ? "added" : "removed"))->entry = entry;
}

/* Those that stay are the ones before the first that stands elsewhere than it did; the others come anew. */
static void undo_sequence(struct undoing *u, const char *link, const struct sequence *was, struct sequence is)
{
    size_t kept = 0, n = 0;

    for (size_t i = 0; i < is.n; i++) {
        if (holds(was, is.v[i]))
            is.v[n++] = is.v[i];
        else if (u->same_boot)
            write_entry(u, KS_NET_DROP_ADDRESS, link, is.v[i]);
    }
    is.n = n;
    while (kept < is.n && kept < was->n && ks_net_entry_same(is.v[kept], was->v[kept]))
        kept++;
    for (size_t i = is.n; u->same_boot && i > kept; i--)
        write_entry(u, KS_NET_DROP_ADDRESS, link, is.v[i - 1]);
    for (size_t i = kept; i < was->n; i++)
        if (u->same_boot || (was->v[i]->valid_s == UINT32_MAX && !holds(&is, was->v[i])))
            write_entry(u, KS_NET_ADD_ADDRESS, link, was->v[i]);
}

static void undo_addresses(struct undoing *u)
{
    static const int families[] = {AF_INET, AF_INET6};

    for (size_t i = 0; i < u->record->links.n; i++) {
        const struct ks_net_link *was = &u->record->links.v[i];
        const struct ks_net_link *is = ks_net_record_link(u->present, was->name);
        for (size_t k = 0; is && k < KS_COUNT(families); k++) {
            const struct sequence before = sequence_of(u, was, families[k]);
            undo_sequence(u, was->name, &before, sequence_of(u, is, families[k]));
        }
    }
}

/* ---- routes ---- */

static bool has_route(const struct ks_net_record *record, const struct ks_net_entry *route)
{
    for (size_t i = 0; i < record->routes.n; i++)
        if (ks_net_entry_same(&record->routes.v[i], route))
            return true;
    return false;
}

static bool is_ours(const struct undoing *u, const struct ks_net_entry *route)
{
    for (size_t i = 0; i < route->links.n; i++)
        if (ks_net_record_link(u->record, route->links.v[i]))
            return true;
    return false;
}

/* Routers' own routes last as long as their advertisements, and come again with the next one. */
static bool passes(const struct ks_net_entry *route)
{
    struct rtmsg info;

    memcpy(&info, route->header.v, sizeof(info));
    return info.rtm_protocol == RTPROT_RA || info.rtm_protocol == RTPROT_REDIRECT;
}

/* Those on the link come before those through a gateway that must be reached by them. */
static void add_routes(struct undoing *u, bool on_link)
{
    for (size_t i = 0; i < u->record->routes.n; i++) {
        const struct ks_net_entry *route = &u->record->routes.v[i];
        struct rtmsg info;
        memcpy(&info, route->header.v, sizeof(info));
        const bool first = info.rtm_scope >= RT_SCOPE_LINK || info.rtm_protocol == RTPROT_KERNEL;
        if (first == on_link && !has_route(u->present, route) &&
            (u->same_boot || (!passes(route) && route->valid_s == UINT32_MAX)))
            write_entry(u, KS_NET_ADD_ROUTE, NULL, route);
    }
}

static void undo_routes(struct undoing *u)
{
    for (size_t i = 0; u->same_boot && i < u->present->routes.n; i++) {
        const struct ks_net_entry *route = &u->present->routes.v[i];
        if (is_ours(u, route) && !has_route(u->record, route) && !passes(route))
            write_entry(u, KS_NET_DROP_ROUTE, NULL, route);
    }
    add_routes(u, true);
    add_routes(u, false);
}

/* ---- the whole ---- */

void ks_net_undo(struct ks_arena *arena, const struct ks_net_record *record, const struct ks_net_record *present,
                 enum ks_net_stage stage, enum ks_net_since since, struct ks_net_writes *ret)
{
    static void (*const stages[KS_NET_STAGES])(struct undoing * u) = {
        [KS_NET_MASTERS] = undo_masters,
        [KS_NET_LINKS] = undo_links,
        [KS_NET_ADDRESSES] = undo_addresses,
        [KS_NET_ROUTES] = undo_routes,
    };
    struct undoing u = {arena, record, present, since == KS_NET_SAME_BOOT, ret};

    stages[stage](&u);
}

struct ks_strings ks_net_lost(struct ks_arena *arena, const struct ks_net_record *record,
                              const struct ks_net_record *present)
{
    struct ks_strings lost = {0};

    for (size_t i = 0; i < record->links.n; i++) {
        const struct ks_net_link *link = &record->links.v[i];
        if (!is_bridge(link) && !is_tap(link) && !ks_net_record_link(present, link->name))
            *ks_vec_add(arena, &lost) = link->name;
    }
    return lost;
}
