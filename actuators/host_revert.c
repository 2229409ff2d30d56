/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links as they were recorded: the writes of a list, by rtnetlink, until nothing is left to write. */
#include "actuators/host_revert.h"

#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>

#include "actuators/host_link.h"

enum { ROUNDS = 4 }; /* of each stage: what depends on what a round has put back comes with the next one */

struct reverting {
    struct ks_writes *w;
    struct nl_sock *sock;
    const struct ks_net_record *record;
    struct ks_net_record present;
    enum ks_net_since since;
    uint32_t elapsed_s;
};

/* ---- the writes, one by one ---- */

static int index_of(const struct reverting *r, const char *name, int *ret, struct ks_error *err)
{
    const struct ks_net_link *link = ks_net_record_link(&r->present, name);

    *ret = link ? link->index : (int)if_nametoindex(name);
    return *ret ? 0 : ks_fail(err, KS_E_NOT_FOUND, KS_NOWHERE, "there is no link %s", name);
}

static int write_delete(struct reverting *r, const struct ks_net_write *write, int index, struct ks_error *err)
{
    return ks_nl_send(r->sock, ks_link_request(RTM_DELLINK, 0, index), write->text, err);
}

static int write_bridge(struct reverting *r, const struct ks_net_write *write, struct ks_error *err)
{
    struct nl_msg *msg = ks_link_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);

    ks_nl_put_text(msg, IFLA_IFNAME, write->link);
    ks_link_put_info(msg, false, 0, NULL, 0);
    return ks_nl_send(r->sock, msg, write->text, err);
}

static int write_master(struct reverting *r, const struct ks_net_write *write, int index, struct ks_error *err)
{
    struct nl_msg *msg;
    int master = 0;

    if (write->master && index_of(r, write->master, &master, err) < 0)
        return -1;
    msg = ks_link_request(RTM_SETLINK, 0, index);
    ks_nl_put_u32(msg, IFLA_MASTER, (uint32_t)master);
    return ks_nl_send(r->sock, msg, write->text, err);
}

static int write_up(struct reverting *r, const struct ks_net_write *write, int index, struct ks_error *err)
{
    const struct ifinfomsg info = {.ifi_index = index, .ifi_flags = write->up ? IFF_UP : 0, .ifi_change = IFF_UP};

    return ks_nl_send(r->sock, ks_nl_new(RTM_SETLINK, 0, &info, sizeof(info)), write->text, err);
}

static int write_attribute(struct reverting *r, const struct ks_net_write *write, int index, struct ks_error *err)
{
    const struct ks_net_attribute *row = &ks_net_attributes[write->attribute];
    struct nl_msg *msg = ks_link_request(row->place == KS_NET_OF_LINK ? RTM_SETLINK : RTM_NEWLINK, 0, index);

    if (row->place != KS_NET_OF_LINK)
        ks_link_put_info(msg, row->place == KS_NET_OF_PORT, row->type, write->value.v, write->value.n);
    else if (row->type == IFLA_IFALIAS && write->value.n > 0)
        ks_nl_put(msg, row->type, write->value.v, write->value.n - 1); /* without its end: set it would not count */
    else
        ks_nl_put(msg, row->type, write->value.v, write->value.n);
    return ks_nl_send(r->sock, msg, write->text, err);
}

static int write_vlan(struct reverting *r, const struct ks_net_write *write, int index, struct ks_error *err)
{
    const struct ifinfomsg info = {.ifi_family = PF_BRIDGE, .ifi_index = index};
    const bool add = write->op == KS_NET_ADD_VLAN;
    const uint16_t flags = (uint16_t)((write->vlan.pvid ? BRIDGE_VLAN_INFO_PVID : 0) |
                                      (write->vlan.untagged ? BRIDGE_VLAN_INFO_UNTAGGED : 0));
    struct bridge_vlan_info vlan = {.vid = write->vlan.first, .flags = flags};
    struct nl_msg *msg = ks_nl_new(add ? RTM_SETLINK : RTM_DELLINK, 0, &info, sizeof(info));
    struct nlattr *spec = nla_nest_start(msg, IFLA_AF_SPEC);
    const uint16_t self = write->master ? BRIDGE_FLAGS_MASTER : BRIDGE_FLAGS_SELF;

    if (!spec)
        abort();
    ks_nl_put(msg, IFLA_BRIDGE_FLAGS, &self, sizeof(self));
    if (write->vlan.last != write->vlan.first)
        vlan.flags |= BRIDGE_VLAN_INFO_RANGE_BEGIN;
    ks_nl_put(msg, IFLA_BRIDGE_VLAN_INFO, &vlan, sizeof(vlan));
    if (write->vlan.last != write->vlan.first) {
        vlan = (struct bridge_vlan_info){.vid = write->vlan.last,
                                         .flags = (uint16_t)(flags | BRIDGE_VLAN_INFO_RANGE_END)};
        ks_nl_put(msg, IFLA_BRIDGE_VLAN_INFO, &vlan, sizeof(vlan));
    }
    (void)nla_nest_end(msg, spec);
    return ks_nl_send(r->sock, msg, write->text, err);
}

/* ---- addresses and routes, from the kernel's own messages ---- */

struct numbering {
    const struct reverting *r;
    const struct ks_net_entry *entry;
    size_t next;
    struct ks_error *err;
};

static int put_index(void *data, unsigned char *place)
{
    struct numbering *n = data;
    int index;

    if (n->next >= n->entry->links.n)
        return ks_fail(n->err, KS_E_INVALID, KS_NOWHERE, "%s: more links than names", n->entry->text);
    if (index_of(n->r, n->entry->links.v[n->next++], &index, n->err) < 0)
        return -1;
    memcpy(place, &index, sizeof(index));
    return 0;
}

static uint32_t left_s(const struct reverting *r, uint32_t lifetime_s)
{
    if (lifetime_s == UINT32_MAX)
        return UINT32_MAX;
    return lifetime_s > r->elapsed_s ? lifetime_s - r->elapsed_s : 1;
}

static void put_lifetime(const struct reverting *r, const struct ks_net_write *write, struct nl_msg *msg)
{
    const struct ks_net_entry *entry = write->entry;

    if (entry->valid_s == UINT32_MAX)
        return;
    if (write->op == KS_NET_ADD_ADDRESS) {
        const struct ifa_cacheinfo info = {.ifa_prefered = left_s(r, entry->preferred_s),
                                           .ifa_valid = left_s(r, entry->valid_s)};
        ks_nl_put(msg, IFA_CACHEINFO, &info, sizeof(info));
    } else if (write->op == KS_NET_ADD_ROUTE) {
        ks_nl_put_u32(msg, RTA_EXPIRES, left_s(r, entry->valid_s));
    }
}

static int write_entry(struct reverting *r, const struct ks_net_write *write, struct ks_error *err)
{
    static const struct {
        int type, flags;
    } requests[] = {
        [KS_NET_ADD_ADDRESS] = {RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL},
        [KS_NET_DROP_ADDRESS] = {RTM_DELADDR, 0},
        /* Behind one of the same destination and metric, as `ip route append`: its order is not this one's. */
        [KS_NET_ADD_ROUTE] = {RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND},
        [KS_NET_DROP_ROUTE] = {RTM_DELROUTE, 0},
    };
    const struct ks_net_entry *entry = write->entry;
    const bool is_route = write->op == KS_NET_ADD_ROUTE || write->op == KS_NET_DROP_ROUTE;
    unsigned char *header = ks_arena_alloc(r->w->arena, entry->header.n + 1);
    unsigned char *attributes = ks_arena_alloc(r->w->arena, entry->attributes.n + 1);
    struct numbering numbering = {r, entry, 0, err};

    memcpy(header, entry->header.v, entry->header.n);
    memcpy(attributes, entry->attributes.v, entry->attributes.n);
    if (ks_net_entry_indices(is_route, header, entry->header.n, attributes, entry->attributes.n, put_index,
                             &numbering) < 0)
        return err->code ? -1 : ks_fail(err, KS_E_INVALID, KS_NOWHERE, "%s: malformed", entry->text);
    struct nl_msg *msg = ks_nl_new(requests[write->op].type, requests[write->op].flags, header, entry->header.n);
    ks_nl_put_raw(msg, attributes, entry->attributes.n);
    put_lifetime(r, write, msg);
    return ks_nl_send(r->sock, msg, write->text, err);
}

/* ---- the list ---- */

static int perform(struct reverting *r, const struct ks_net_write *write, struct ks_error *err)
{
    int index = 0;

    if (write->op >= KS_NET_ADD_ADDRESS)
        return write_entry(r, write, err);
    if (write->op == KS_NET_CREATE_BRIDGE)
        return write_bridge(r, write, err);
    if (index_of(r, write->link, &index, err) < 0)
        return -1;
    switch (write->op) {
    case KS_NET_DELETE_LINK:
        return write_delete(r, write, index, err);
    case KS_NET_SET_MASTER:
        return write_master(r, write, index, err);
    case KS_NET_SET_UP:
        return write_up(r, write, index, err);
    case KS_NET_SET_ATTRIBUTE:
        return write_attribute(r, write, index, err);
    default:
        return write_vlan(r, write, index, err);
    }
}

/* *ret_left: writes that the last look asked for; *err then has the first refusal, if there was one. */
static int go_stage(struct reverting *r, enum ks_net_stage stage, size_t *ret_left, struct ks_error *err)
{
    *ret_left = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct ks_net_writes writes = {0};
        struct ks_error refusal = {0};
        ks_net_undo(r->w->arena, r->record, &r->present, stage, r->since, &writes);
        *ret_left = writes.n;
        if (writes.n == 0) {
            ks_error_done(err);
            return 0;
        }
        for (size_t i = 0; i < writes.n; i++) {
            if (!ks_write_now(r->w, "%s", writes.v[i].text) || perform(r, &writes.v[i], &refusal) == 0)
                continue;
            ks_error_done(err);
            *err = refusal;
            refusal = (struct ks_error){0};
        }
        if (r->w->dry_run)
            return 0;
        if (ks_net_record_read(r->w->arena, &r->present, &refusal) < 0) {
            ks_error_done(err);
            *err = refusal;
            return -1;
        }
    }
    return 0;
}

static int not_reverted(struct reverting *r, struct ks_error *reason, struct ks_error *err)
{
    struct ks_net_writes writes = {0};
    struct ks_text text = {.arena = r->w->arena};

    for (unsigned i = 0; i < KS_NET_STAGES; i++)
        ks_net_undo(r->w->arena, r->record, &r->present, i, r->since, &writes);
    for (size_t i = 0; i < writes.n; i++)
        ks_text_addf(&text, "%s%s", i ? ", " : "", writes.v[i].text);
    if (reason->code)
        ks_text_addf(&text, " (%s)", ks_error_text(r->w->arena, reason));
    ks_error_done(reason);
    return ks_fail(err, KS_E_VERIFY, KS_NOWHERE, "not brought back: %s", ks_text_str(&text));
}

static int check_lost(struct reverting *r, struct ks_error *err)
{
    const struct ks_strings lost = ks_net_lost(r->w->arena, r->record, &r->present);
    struct ks_text names = {.arena = r->w->arena};

    for (size_t i = 0; i < lost.n; i++)
        ks_text_addf(&names, "%s%s", i ? ", " : "", lost.v[i]);
    return lost.n == 0 ? 0 : ks_fail(err, KS_E_VERIFY, KS_NOWHERE, "links that are gone: %s", names.buf);
}

int ks_net_revert(struct ks_writes *w, const struct ks_net_record *record, enum ks_net_since since,
                  uint32_t elapsed_s, struct ks_error *err)
{
    ks_auto(ks_nl_closep) struct nl_sock *sock = NULL;
    struct ks_error reason = {0};
    size_t left[KS_NET_STAGES] = {0};

    if (ks_nl_open(&sock, err) < 0)
        return -1;
    struct reverting r = {.w = w, .sock = sock, .record = record, .since = since, .elapsed_s = elapsed_s};
    if (ks_net_record_read(w->arena, &r.present, err) < 0)
        return -1;
    for (unsigned stage = 0; stage < KS_NET_STAGES; stage++) {
        struct ks_error refusal = {0};
        if (go_stage(&r, stage, &left[stage], &refusal) < 0) {
            ks_error_done(&reason);
            ks_error_done(err);
            *err = refusal;
            return -1;
        }
        if (!reason.code)
            reason = refusal;
        else
            ks_error_done(&refusal);
    }
    for (unsigned stage = 0; stage < KS_NET_STAGES && !w->dry_run; stage++)
        if (left[stage] > 0)
            return not_reverted(&r, &reason, err);
    ks_error_done(&reason);
    return check_lost(&r, err);
}
