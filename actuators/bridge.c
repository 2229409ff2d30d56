/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <linux/rtnetlink.h>

#include "actuators/actuators.h"
#include "actuators/host.h"
#include "net/net.h"
#include "schema/mark.h"

static bool lists(const struct ks_strings *list, const char *text)
{
    for (size_t i = 0; i < list->n; i++)
        if (ks_streq(list->v[i], text))
            return true;
    return false;
}

/* What the plan saw and the manifest does not state goes; what has come since is left for the next plan. */
static void drop(struct ks_arena *arena, const struct ks_strings *had, const struct ks_strings *want,
                 struct ks_strings *ret)
{
    for (size_t i = 0; i < had->n; i++)
        if (!lists(want, had->v[i]))
            *ks_vec_add(arena, ret) = had->v[i];
}

static struct ks_link_route route_of(const struct ks_obj *obj)
{
    const struct ks_route *route = (const struct ks_route *)obj;

    return (struct ks_link_route){
        .to = route->to, .via = route->via, .has_metric = ks_has(obj, "metric"), .metric = (uint32_t)route->metric};
}

static void set_routes(struct ks_arena *arena, const struct ks_bridge *want, const struct ks_bridge *have,
                       struct ks_link_want *link)
{
    struct ks_link_route *add = ks_new_n(arena, struct ks_link_route, want->routes.n + 1);
    struct ks_link_route *gone = ks_new_n(arena, struct ks_link_route, (have ? have->routes.n : 0) + 1);

    if (!ks_stated(&want->o, "routes"))
        return;
    for (size_t i = 0; i < want->routes.n; i++)
        add[link->n_routes++] = route_of(want->routes.v[i]);
    for (size_t i = 0; have && i < have->routes.n; i++) {
        bool wanted = false;
        for (size_t k = 0; k < want->routes.n; k++)
            wanted = wanted || ks_match(&have->routes, want->routes.v[k]) == have->routes.v[i];
        if (!wanted) {
            gone[link->n_drop_routes] = route_of(have->routes.v[i]);
            gone[link->n_drop_routes++].has_metric = true; /* 0 where none is shown: this one, and no other */
        }
    }
    link->routes = add;
    link->drop_routes = gone;
}

static void set_lists(struct ks_arena *arena, const struct ks_bridge *want, const struct ks_bridge *have,
                      struct ks_bridge_want *b)
{
    if (ks_stated(&want->o, "ports")) {
        b->ports = want->ports;
        if (have)
            drop(arena, &have->ports, &want->ports, &b->drop_ports);
    }
    if (ks_stated(&want->o, "addresses")) {
        b->link.addresses = want->addresses;
        if (have)
            drop(arena, &have->addresses, &want->addresses, &b->link.drop_addresses);
    }
    set_routes(arena, want, have, &b->link);
}

static struct ks_bridge_want make_want(struct ks_arena *arena, const struct ks_step *step)
{
    static const struct {
        const char *key;
        unsigned stated;
    } rows[] = {
        {"up", KS_LINK_UP},
        {"mtu", KS_LINK_MTU},
        {"mac", KS_LINK_MAC},
        {"stp", KS_BRIDGE_STP},
        {"forward-delay", KS_BRIDGE_FORWARD_DELAY},
        {"vlan-filtering", KS_BRIDGE_VLAN_FILTERING},
    };
    const struct ks_bridge *want = (const struct ks_bridge *)step->want;
    struct ks_bridge_want b = {.link = {.name = step->name, .stated = KS_LINK_ALIAS, .alias = KS_LINK_MARK}};

    for (size_t i = 0; i < KS_COUNT(rows); i++)
        if (ks_has(&want->o, rows[i].key))
            b.link.stated |= rows[i].stated;
    b.link.up = want->up;
    b.link.mtu = (uint32_t)want->mtu;
    b.link.mac = want->mac;
    b.stp = want->stp;
    b.vlan_filtering = want->vlan_filtering;
    b.forward_delay_ms = want->forward_delay;
    /* A new bridge is of use when it is up. */
    if (step->verb == KS_CREATE && !ks_stated(&want->o, "up")) {
        b.link.stated |= KS_LINK_UP;
        b.link.up = true;
    }
    set_lists(arena, want, (const struct ks_bridge *)step->have, &b);
    return b;
}

/* The fields that the plan found otherwise must be as they were then, or be right by now: the primitives see to
 * both. */
static int act_define(struct ks_acting *a, const struct ks_step *step, struct ks_writes *w, struct ks_error *err)
{
    struct ks_bridge_want want;

    if (step->action == KS_ACT_MARK) {
        want =
            (struct ks_bridge_want){.link = {.name = step->name, .stated = KS_LINK_ALIAS, .alias = KS_LINK_MARK}};
        return ks_bridge_set(w, &want, err);
    }
    want = make_want(a->arena, step);
    return ks_bridge_set(w, &want, err);
}

int ks_act_bridge(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    struct ks_writes w = {.arena = a->arena, .root = a->root, .dry_run = a->dry_run, .cancelled = a->cancelled};
    int r;

    ks_tell(a, step, step->action == KS_ACT_DELETE ? "removing the bridge" : "setting up the bridge", -1);
    if (step->action == KS_ACT_DELETE)
        r = ks_bridge_delete(&w, step->name, KS_LINK_MARK, err);
    else
        r = act_define(a, step, &w, err);
    if (r < 0)
        return -1;
    *ret = w.log.n == 0 ? KS_NOOP : a->dry_run ? KS_WOULD_CHANGE : KS_CHANGED;
    return 0;
}
