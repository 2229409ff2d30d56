/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attributes of a VF, through its PF. One request for each: the kernel stops at the first that a driver refuses
 * (net/core/rtnetlink.c, do_setvfinfo), and only so is it known which that was.
 */
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <stdio.h>

#include "actuators/host_link.h"

struct run {
    struct ks_link_run link;
    const struct ks_vf_want *want;
    const char *driver; /* of the PF, for errors */
    const struct ks_host_link *pf;
    const struct ks_host_link_vf *have;
};

static struct nl_msg *request(struct run *r, int type, const void *value, size_t size)
{
    struct nl_msg *msg = ks_link_request(RTM_SETLINK, 0, r->pf->index);
    struct nlattr *list = nla_nest_start(msg, IFLA_VFINFO_LIST),
                  *vf = list ? nla_nest_start(msg, IFLA_VF_INFO) : NULL;

    if (!vf)
        abort(); /* out of memory */
    ks_nl_put(msg, type, value, size);
    (void)nla_nest_end(msg, vf);
    (void)nla_nest_end(msg, list);
    return msg;
}

static int write_value(struct run *r, int type, const void *value, size_t size, const char *what)
{
    const char *text = ks_sprintf(r->link.w->arena, "%s, VF %u: driver %s refuses %s", r->want->pf, r->want->index,
                                  r->driver, what);

    return ks_nl_send(r->link.sock, request(r, type, value, size), text, r->link.err);
}

/* A difference in what a driver never tells: it cannot be verified, so that it would come back on every run. */
static int untold(struct run *r, const char *what)
{
    return ks_fail(r->link.err, KS_E_UNSUPPORTED, KS_NOWHERE, "%s, VF %u: driver %s has no %s", r->want->pf,
                   r->want->index, r->driver, what);
}

static bool stated(const struct run *r, unsigned what)
{
    return r->want->stated & what;
}

static enum ks_differ differs(struct run *r, const char *what, const char *value)
{
    return ks_link_differs(&r->link, "%s, VF %u: %s %s", r->want->pf, r->want->index, what, value);
}

/* ---- one by one ---- */

static int walk_mac(struct run *r)
{
    struct ifla_vf_mac value = {.vf = r->want->index};
    const char *mac = r->want->mac;
    int end = 0;

    if (!stated(r, KS_VF_MAC) || strcasecmp(r->have->mac, mac) == 0)
        return 0;
    if (sscanf(mac, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &value.mac[0], &value.mac[1], &value.mac[2],
               &value.mac[3], &value.mac[4], &value.mac[5], &end) != 6 ||
        mac[end])
        return ks_fail(r->link.err, KS_E_INVALID, KS_NOWHERE, "'%s' is no MAC address", mac);
    const enum ks_differ d = differs(r, "mac", mac);
    if (d != KS_WRITE)
        return d == KS_FAILED ? -1 : 0;
    return write_value(r, IFLA_VF_MAC, &value, sizeof(value), ks_sprintf(r->link.w->arena, "mac %s", mac));
}

/* VLAN and priority travel together: what is not stated stays, but for the priority of no VLAN. */
static int walk_vlan(struct run *r)
{
    struct ifla_vf_vlan value = {.vf = r->want->index, .vlan = r->have->vlan, .qos = r->have->qos};

    if (stated(r, KS_VF_VLAN))
        value.vlan = r->want->vlan;
    if (stated(r, KS_VF_QOS))
        value.qos = r->want->qos;
    else if (value.vlan == 0)
        value.qos = 0;
    if (value.vlan == r->have->vlan && value.qos == r->have->qos)
        return 0;
    const char *text = ks_sprintf(r->link.w->arena, "%u qos %u", value.vlan, value.qos);
    const enum ks_differ d = differs(r, "vlan", text);
    if (d != KS_WRITE)
        return d == KS_FAILED ? -1 : 0;
    return write_value(r, IFLA_VF_VLAN, &value, sizeof(value), ks_sprintf(r->link.w->arena, "vlan %s", text));
}

static int walk_flag(struct run *r, int type, const char *what, bool has, bool have, bool want)
{
    const struct ifla_vf_spoofchk value = {.vf = r->want->index,
                                           .setting = want}; /* ifla_vf_trust is laid out alike */
    const char *text = want ? "on" : "off";

    if (!has)
        return untold(r, what);
    if (have == want)
        return 0;
    const enum ks_differ d = differs(r, what, text);
    if (d != KS_WRITE)
        return d == KS_FAILED ? -1 : 0;
    return write_value(r, type, &value, sizeof(value), ks_sprintf(r->link.w->arena, "%s %s", what, text));
}

static int walk_flags(struct run *r)
{
    const struct ks_host_link_vf *h = r->have;
    const struct ks_vf_want *w = r->want;

    if (stated(r, KS_VF_SPOOF_CHECK) &&
        walk_flag(r, IFLA_VF_SPOOFCHK, "spoof-check", h->has_spoof_check, h->spoof_check, w->spoof_check) < 0)
        return -1;
    if (stated(r, KS_VF_TRUST) && walk_flag(r, IFLA_VF_TRUST, "trust", h->has_trust, h->trust, w->trust) < 0)
        return -1;
    return 0;
}

static int walk_link_state(struct run *r)
{
    static const char *const names[] = {"auto", "enable", "disable"};
    const struct ifla_vf_link_state value = {.vf = r->want->index, .link_state = r->want->link_state};

    if (!stated(r, KS_VF_LINK_STATE))
        return 0;
    if (!r->have->has_link_state)
        return untold(r, "link-state");
    if ((unsigned)r->have->link_state == r->want->link_state)
        return 0;
    const char *name = names[r->want->link_state % KS_COUNT(names)];
    const enum ks_differ d = differs(r, "link-state", name);
    if (d != KS_WRITE)
        return d == KS_FAILED ? -1 : 0;
    return write_value(r, IFLA_VF_LINK_STATE, &value, sizeof(value),
                       ks_sprintf(r->link.w->arena, "link-state %s", name));
}

static int walk_rates(struct run *r)
{
    struct ifla_vf_rate value = {
        .vf = r->want->index, .min_tx_rate = r->have->min_rate_mbit, .max_tx_rate = r->have->max_rate_mbit};

    if (!stated(r, KS_VF_MIN_RATE | KS_VF_MAX_RATE))
        return 0;
    if (!r->have->has_rates)
        return untold(r, "rates");
    if (stated(r, KS_VF_MIN_RATE))
        value.min_tx_rate = r->want->min_rate_mbit;
    if (stated(r, KS_VF_MAX_RATE))
        value.max_tx_rate = r->want->max_rate_mbit;
    if (value.min_tx_rate == r->have->min_rate_mbit && value.max_tx_rate == r->have->max_rate_mbit)
        return 0;
    const char *text = ks_sprintf(r->link.w->arena, "min %u max %u Mbit", value.min_tx_rate, value.max_tx_rate);
    const enum ks_differ d = differs(r, "rates", text);
    if (d != KS_WRITE)
        return d == KS_FAILED ? -1 : 0;
    return write_value(r, IFLA_VF_RATE, &value, sizeof(value),
                       ks_sprintf(r->link.w->arena, "rates %s%s", text,
                                  r->pf->carrier ? "" : " (the PF has no carrier, which some want for it)"));
}

/* ---- the whole ---- */

static int walk(struct run *r)
{
    if (ks_link_read(&r->link) < 0 || ks_link_get(&r->link, r->want->pf, &r->pf) < 0)
        return -1;
    r->driver =
        ks_link_base(r->link.w->root, ks_sprintf(r->link.w->arena, "sys/class/net/%s/device/driver", r->pf->name),
                     r->link.w->arena);
    if (!r->driver)
        r->driver = "(unknown)";
    r->have = NULL;
    for (size_t i = 0; i < r->pf->vfs.n; i++)
        if (r->pf->vfs.v[i].index == r->want->index)
            r->have = &r->pf->vfs.v[i];
    if (!r->have)
        return ks_fail(r->link.err, KS_E_NOT_FOUND, KS_NOWHERE, "%s has no VF %u", r->want->pf, r->want->index);
    if (walk_mac(r) < 0 || walk_vlan(r) < 0 || walk_flags(r) < 0 || walk_link_state(r) < 0)
        return -1;
    return walk_rates(r);
}

int ks_vf_set(struct ks_writes *w, const struct ks_vf_want *want, struct ks_error *err)
{
    ks_auto(ks_nl_closep) struct nl_sock *sock = NULL;
    const size_t before = w->log.n;

    if (ks_nl_open(&sock, err) < 0)
        return -1;
    struct run r = {.link = {.w = w, .sock = sock, .err = err}, .want = want};
    if (walk(&r) < 0)
        return -1;
    if (w->dry_run || w->log.n == before)
        return 0;
    r.link.verify = true;
    return walk(&r);
}
