/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bridges by rtnetlink: made, changed, deleted; their ports. */
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>

#include "actuators/host_link.h"
#include "schema/kinds.h"

void ks_link_put_info(struct nl_msg *msg, bool port, int type, const void *value, size_t size)
{
    struct nlattr *info = nla_nest_start(msg, IFLA_LINKINFO);

    if (!info)
        abort();
    ks_nl_put_text(msg, port ? IFLA_INFO_SLAVE_KIND : IFLA_INFO_KIND, "bridge");
    if (type) {
        struct nlattr *data = nla_nest_start(msg, port ? IFLA_INFO_SLAVE_DATA : IFLA_INFO_DATA);
        if (!data)
            abort();
        ks_nl_put(msg, type, value, size);
        (void)nla_nest_end(msg, data);
    }
    (void)nla_nest_end(msg, info);
}

static int write_attribute(struct ks_link_run *run, const struct ks_host_link *link, int type, const void *value,
                           size_t size, const char *what)
{
    struct nl_msg *msg = ks_link_request(RTM_NEWLINK, 0, link->index);

    ks_link_put_info(msg, false, type, value, size);
    return ks_nl_send(run->sock, msg, ks_sprintf(run->w->arena, "setting %s of %s", what, link->name), run->err);
}

/* ---- making it ---- */

static int create(struct ks_link_run *run, const char *name)
{
    if (strlen(name) >= IFNAMSIZ)
        return ks_fail(run->err, KS_E_INVALID, KS_NOWHERE, "bridge %s: a link's name has %d letters at most", name,
                       IFNAMSIZ - 1);
    struct nl_msg *msg = ks_link_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
    ks_nl_put_text(msg, IFLA_IFNAME, name);
    ks_link_put_info(msg, false, 0, NULL, 0);
    if (ks_nl_send(run->sock, msg, ks_sprintf(run->w->arena, "creating bridge %s", name), run->err) < 0)
        return -1;
    return ks_link_read(run);
}

/* *ret: NULL in a dry run that would make it. */
static int ensure(struct ks_link_run *run, const char *name, const struct ks_host_link **ret)
{
    *ret = ks_host_link_find(&run->links, name);
    if (*ret && !(*ret)->is_bridge)
        return ks_fail(run->err, KS_E_CONFLICT, KS_NOWHERE, "%s exists already and is no bridge (%s)", name,
                       (*ret)->kind ? (*ret)->kind : "a device");
    if (*ret)
        return 0;
    const enum ks_differ d = ks_link_differs(run, "%s: bridge created", name);
    if (d == KS_FAILED || (d == KS_WRITE && create(run, name) < 0))
        return -1;
    *ret = ks_host_link_find(&run->links, name);
    return 0;
}

/* ---- its attributes ---- */

static int walk_stp(struct ks_link_run *run, const struct ks_host_link *link, bool stp)
{
    const uint32_t value = stp;

    if (link->bridge.stp == stp)
        return 0;
    const enum ks_differ d = ks_link_differs(run, "%s: stp %s", link->name, stp ? "on" : "off");
    if (d != KS_WRITE)
        return d == KS_FAILED ? -1 : 0;
    return write_attribute(run, link, IFLA_BR_STP_STATE, &value, sizeof(value), "stp");
}

static int walk_forward_delay(struct ks_link_run *run, const struct ks_host_link *link, uint64_t ms)
{
    const uint32_t value = (uint32_t)(ms / 10); /* USER_HZ */

    if (ks_delay_is_kept(ms, link->bridge.forward_delay_ms))
        return 0;
    if (ms % 10 || ms > 1000 * 1000)
        return ks_fail(run->err, KS_E_INVALID, KS_NOWHERE, "%s: forward-delay is a multiple of 10 ms", link->name);
    const enum ks_differ d =
        ks_link_differs(run, "%s: forward-delay %llu ms -> %llu ms", link->name,
                        (unsigned long long)link->bridge.forward_delay_ms, (unsigned long long)ms);
    if (d != KS_WRITE)
        return d == KS_FAILED ? -1 : 0;
    return write_attribute(run, link, IFLA_BR_FORWARD_DELAY, &value, sizeof(value), "forward-delay");
}

static int walk_vlan_filtering(struct ks_link_run *run, const struct ks_host_link *link, bool on)
{
    const uint8_t value = on;

    if (link->bridge.vlan_filtering == on)
        return 0;
    const enum ks_differ d = ks_link_differs(run, "%s: vlan-filtering %s", link->name, on ? "on" : "off");
    if (d != KS_WRITE)
        return d == KS_FAILED ? -1 : 0;
    return write_attribute(run, link, IFLA_BR_VLAN_FILTERING, &value, sizeof(value), "vlan-filtering");
}

/* The kernel holds the delay within 2 s to 30 s while STP is on: off comes before the delay, on after it. */
static int walk_bridge(struct ks_link_run *run, const struct ks_host_link *link, const struct ks_bridge_want *want)
{
    const unsigned stated = want->link.stated;

    if ((stated & KS_BRIDGE_STP) && !want->stp && walk_stp(run, link, false) < 0)
        return -1;
    if ((stated & KS_BRIDGE_FORWARD_DELAY) && walk_forward_delay(run, link, want->forward_delay_ms) < 0)
        return -1;
    if ((stated & KS_BRIDGE_STP) && want->stp && walk_stp(run, link, true) < 0)
        return -1;
    return (stated & KS_BRIDGE_VLAN_FILTERING) ? walk_vlan_filtering(run, link, want->vlan_filtering) : 0;
}

/* ---- its ports ---- */

static int add_port(struct ks_link_run *run, const struct ks_host_link *bridge, const char *bridge_name,
                    const char *name, bool up)
{
    const struct ks_host_link *port;

    if (ks_link_get(run, name, &port) < 0)
        return -1;
    if (!ks_streq(port->master, bridge_name)) {
        const enum ks_differ d =
            ks_link_differs(run, "%s: port %s added%s%s", bridge_name, port->name,
                            port->master ? ", taken from " : "", port->master ? port->master : "");
        if (d == KS_FAILED ||
            (d == KS_WRITE && ks_link_write_master(run, port, bridge->index,
                                                   ks_sprintf(run->w->arena, "making %s a port of %s", port->name,
                                                              bridge_name)) < 0))
            return -1;
    }
    if (!up || port->up)
        return 0;
    const enum ks_differ d = ks_link_differs(run, "%s: port %s up", bridge_name, port->name);
    if (d != KS_WRITE)
        return d == KS_FAILED ? -1 : 0;
    return ks_link_write_up(run, port, true);
}

static int drop_port(struct ks_link_run *run, const char *bridge_name, const char *name)
{
    const struct ks_host_link *port = ks_host_link_find(&run->links, name);

    if (!port || !ks_streq(port->master, bridge_name))
        return 0; /* gone, or another's */
    const enum ks_differ d = ks_link_differs(run, "%s: port %s removed", bridge_name, port->name);
    if (d != KS_WRITE)
        return d == KS_FAILED ? -1 : 0;
    return ks_link_write_master(run, port, 0,
                                ks_sprintf(run->w->arena, "taking port %s out of %s", port->name, bridge_name));
}

static int walk_ports(struct ks_link_run *run, const struct ks_host_link *bridge, const struct ks_bridge_want *want)
{
    const bool up = (want->link.stated & KS_LINK_UP) && want->link.up;

    for (size_t i = 0; i < want->drop_ports.n; i++)
        if (drop_port(run, want->link.name, want->drop_ports.v[i]) < 0)
            return -1;
    for (size_t i = 0; i < want->ports.n; i++)
        if (add_port(run, bridge, want->link.name, want->ports.v[i], up) < 0)
            return -1;
    return 0;
}

/* ---- the whole ---- */

/* Ports come before the attributes of the link: a port's MTU and MAC would change what was set. */
static int walk(struct ks_link_run *run, const struct ks_bridge_want *want)
{
    const struct ks_host_link *bridge;

    if (ks_link_read(run) < 0 || ensure(run, want->link.name, &bridge) < 0)
        return -1;
    if (!bridge) /* a dry run: what it would be made with */
        return walk_ports(run, bridge, want);
    if (ks_link_walk_alias(run, &want->link) < 0 || walk_bridge(run, bridge, want) < 0 ||
        walk_ports(run, bridge, want) < 0)
        return -1;
    if (!run->verify && !run->w->dry_run && want->ports.n > 0 && ks_link_read(run) < 0)
        return -1;
    if (ks_link_walk_attributes(run, &want->link) < 0 || ks_link_walk_addresses(run, &want->link) < 0 ||
        ks_link_walk_moved(run, &want->link, &want->ports) < 0)
        return -1;
    return ks_link_walk_routes(run, &want->link);
}

int ks_bridge_set(struct ks_writes *w, const struct ks_bridge_want *want, struct ks_error *err)
{
    ks_auto(ks_nl_closep) struct nl_sock *sock = NULL;
    const size_t before = w->log.n;

    if (ks_nl_open(&sock, err) < 0)
        return -1;
    struct ks_link_run run = {.w = w, .sock = sock, .err = err};
    if (walk(&run, want) < 0)
        return ks_wrap(err, "in bridge %s", want->link.name);
    if (w->dry_run || w->log.n == before)
        return 0;
    run.verify = true;
    return walk(&run, want) < 0 ? ks_wrap(err, "in bridge %s", want->link.name) : 0;
}

int ks_bridge_delete(struct ks_writes *w, const char *name, const char *mark, struct ks_error *err)
{
    ks_auto(ks_nl_closep) struct nl_sock *sock = NULL;

    if (ks_nl_open(&sock, err) < 0)
        return -1;
    struct ks_link_run run = {.w = w, .sock = sock, .err = err};
    if (ks_link_read(&run) < 0)
        return -1;
    const struct ks_host_link *link = ks_host_link_find(&run.links, name);
    if (!link)
        return 0;
    if (!link->is_bridge)
        return ks_fail(err, KS_E_CONFLICT, KS_NOWHERE, "%s is no bridge", name);
    if (mark && !ks_streq(link->alias, mark))
        return ks_fail(err, KS_E_BLOCKED, KS_NOWHERE, "bridge %s was not made by kvmstate", name);
    if (!ks_write_now(w, "%s: bridge deleted", name))
        return 0;
    struct nl_msg *msg = ks_link_request(RTM_DELLINK, 0, link->index);
    if (ks_nl_send(sock, msg, ks_sprintf(w->arena, "deleting bridge %s", name), err) < 0 || ks_link_read(&run) < 0)
        return -1;
    return ks_host_link_find(&run.links, name)
               ? ks_fail(err, KS_E_VERIFY, KS_NOWHERE, "bridge %s was deleted, and is still there", name)
               : 0;
}
