/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A link's own attributes, by rtnetlink. */
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

#include "actuators/host_link.h"

enum ks_differ ks_link_differs(struct ks_link_run *run, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (!run->verify)
        return ks_write_now(run->w, "%s", text) ? KS_WRITE : KS_LEAVE;
    (void)ks_fail(run->err, KS_E_VERIFY, KS_NOWHERE, "%s: written, but it is not so afterwards", text);
    return KS_FAILED;
}

int ks_link_read(struct ks_link_run *run)
{
    return ks_net_read(run->w->arena, &run->links, run->err);
}

int ks_link_get(struct ks_link_run *run, const char *name, const struct ks_host_link **ret)
{
    *ret = ks_host_link_find(&run->links, name);
    return *ret ? 0 : ks_fail(run->err, KS_E_NOT_FOUND, KS_NOWHERE, "there is no link %s", name);
}

struct nl_msg *ks_link_request(int type, int flags, int index)
{
    const struct ifinfomsg info = {.ifi_index = index};

    return ks_nl_new(type, flags, &info, sizeof(info));
}

int ks_link_write_master(struct ks_link_run *run, const struct ks_host_link *link, int master, const char *what)
{
    struct nl_msg *msg = ks_link_request(RTM_SETLINK, 0, link->index);

    ks_nl_put_u32(msg, IFLA_MASTER, (uint32_t)master);
    return ks_nl_send(run->sock, msg, what, run->err);
}

int ks_link_write_up(struct ks_link_run *run, const struct ks_host_link *link, bool up)
{
    const struct ifinfomsg info = {.ifi_index = link->index, .ifi_flags = up ? IFF_UP : 0, .ifi_change = IFF_UP};

    return ks_nl_send(run->sock, ks_nl_new(RTM_SETLINK, 0, &info, sizeof(info)),
                      ks_sprintf(run->w->arena, "setting %s %s", link->name, up ? "up" : "down"), run->err);
}

/* ---- the attributes, one by one ---- */

static int walk_mtu(struct ks_link_run *run, const struct ks_host_link *link, uint32_t mtu)
{
    if (link->mtu == mtu)
        return 0;
    const enum ks_differ d = ks_link_differs(run, "%s: mtu %u -> %u", link->name, link->mtu, mtu);
    if (d != KS_WRITE)
        return d == KS_FAILED ? -1 : 0;
    struct nl_msg *msg = ks_link_request(RTM_SETLINK, 0, link->index);
    ks_nl_put_u32(msg, IFLA_MTU, mtu);
    return ks_nl_send(run->sock, msg, ks_sprintf(run->w->arena, "setting the mtu of %s to %u", link->name, mtu),
                      run->err);
}

static int walk_mac(struct ks_link_run *run, const struct ks_host_link *link, const char *mac)
{
    unsigned char bytes[6];
    int end = 0;

    if (sscanf(mac, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &bytes[0], &bytes[1], &bytes[2], &bytes[3], &bytes[4],
               &bytes[5], &end) != 6 ||
        mac[end])
        return ks_fail(run->err, KS_E_INVALID, KS_NOWHERE, "%s: '%s' is no MAC address", link->name, mac);
    if (link->mac && strcasecmp(link->mac, mac) == 0)
        return 0;
    const enum ks_differ d =
        ks_link_differs(run, "%s: mac %s -> %s", link->name, link->mac ? link->mac : "none", mac);
    if (d != KS_WRITE)
        return d == KS_FAILED ? -1 : 0;
    struct nl_msg *msg = ks_link_request(RTM_SETLINK, 0, link->index);
    ks_nl_put(msg, IFLA_ADDRESS, bytes, sizeof(bytes));
    return ks_nl_send(run->sock, msg, ks_sprintf(run->w->arena, "setting the mac of %s to %s", link->name, mac),
                      run->err);
}

int ks_link_walk_alias(struct ks_link_run *run, const struct ks_link_want *want)
{
    const char *alias = want->alias;
    const struct ks_host_link *link;

    if (!(want->stated & KS_LINK_ALIAS))
        return 0;
    if (ks_link_get(run, want->name, &link) < 0)
        return -1;
    if (ks_streq(link->alias ? link->alias : "", alias))
        return 0;
    const enum ks_differ d = ks_link_differs(run, "%s: alias '%s'", link->name, alias);
    if (d != KS_WRITE)
        return d == KS_FAILED ? -1 : 0;
    struct nl_msg *msg = ks_link_request(RTM_SETLINK, 0, link->index);
    ks_nl_put(msg, IFLA_IFALIAS, alias, strlen(alias)); /* not terminated: length 0 clears it */
    return ks_nl_send(run->sock, msg, ks_sprintf(run->w->arena, "setting the alias of %s", link->name), run->err);
}

static int walk_master(struct ks_link_run *run, const struct ks_host_link *link, const char *name)
{
    const struct ks_host_link *master = NULL;

    if (*name && ks_link_get(run, name, &master) < 0)
        return -1;
    if (ks_streq(link->master, master ? master->name : NULL))
        return 0;
    const enum ks_differ d = ks_link_differs(run, "%s: master %s", link->name, *name ? name : "none");
    if (d != KS_WRITE)
        return d == KS_FAILED ? -1 : 0;
    return ks_link_write_master(run, link, master ? master->index : 0,
                                ks_sprintf(run->w->arena, "setting the master of %s", link->name));
}

static int walk_up(struct ks_link_run *run, const struct ks_host_link *link, bool up)
{
    if (link->up == up)
        return 0;
    const enum ks_differ d = ks_link_differs(run, "%s: %s", link->name, up ? "up" : "down");
    if (d != KS_WRITE)
        return d == KS_FAILED ? -1 : 0;
    return ks_link_write_up(run, link, up);
}

int ks_link_walk_attributes(struct ks_link_run *run, const struct ks_link_want *want)
{
    const struct ks_host_link *link;

    if (ks_link_get(run, want->name, &link) < 0)
        return -1;
    if ((want->stated & KS_LINK_MASTER) && walk_master(run, link, want->master) < 0)
        return -1;
    if ((want->stated & KS_LINK_MAC) && walk_mac(run, link, want->mac) < 0)
        return -1;
    if ((want->stated & KS_LINK_MTU) && walk_mtu(run, link, want->mtu) < 0)
        return -1;
    return (want->stated & KS_LINK_UP) ? walk_up(run, link, want->up) : 0;
}

static int walk(struct ks_link_run *run, const struct ks_link_want *want)
{
    if (ks_link_read(run) < 0 || ks_link_walk_alias(run, want) < 0 || ks_link_walk_attributes(run, want) < 0 ||
        ks_link_walk_addresses(run, want) < 0)
        return -1;
    return ks_link_walk_routes(run, want);
}

int ks_link_set(struct ks_writes *w, const struct ks_link_want *want, struct ks_error *err)
{
    ks_auto(ks_nl_closep) struct nl_sock *sock = NULL;
    const size_t before = w->log.n;

    if (ks_nl_open(&sock, err) < 0)
        return -1;
    struct ks_link_run run = {.w = w, .sock = sock, .err = err};
    if (walk(&run, want) < 0)
        return -1;
    if (w->dry_run || w->log.n == before)
        return 0;
    run.verify = true;
    return walk(&run, want);
}
