/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planners/planners.h"

static bool is_absent(const struct ks_bridge *want)
{
    return ks_has(&want->o, "state") && want->state == 1;
}

static struct ks_step *add(struct ks_planning *p, const char *name, const struct ks_bridge *want,
                           const struct ks_seen_bridge *seen, const char *part, enum ks_verb verb,
                           enum ks_action action)
{
    struct ks_step *s = ks_plan_add(p, "bridge", name, part, verb, action, seen ? seen->hash : 0);

    s->want = want ? &want->o : NULL;
    s->have = seen ? &seen->config->o : NULL;
    s->seen = seen;
    s->at = want ? want->o.at : KS_NOWHERE;
    return s;
}

static bool lists(const struct ks_strings *list, const char *text)
{
    for (size_t i = 0; i < list->n; i++)
        if (ks_streq(list->v[i], text))
            return true;
    return false;
}

/* A link that somebody uses: taking it away is noticed. */
static bool is_used(const struct ks_seen_link *link)
{
    return link && (link->has_addresses || link->default_route || link->master);
}

static bool carries_traffic(const struct ks_seen_bridge *seen)
{
    return seen && (seen->config->ports.n > 0 || seen->config->addresses.n > 0 || seen->n_guest_ports > 0);
}

/* What taking these ports does to those who use them now. */
static enum ks_impact ports_impact(struct ks_planning *p, const struct ks_bridge *want,
                                   const struct ks_seen_bridge *seen)
{
    for (size_t i = 0; i < want->ports.n; i++)
        if (!(seen && lists(&seen->config->ports, want->ports.v[i])) &&
            is_used(ks_seen_link(p->have, want->ports.v[i])))
            return KS_NETWORK;
    for (size_t i = 0; seen && i < seen->config->ports.n; i++)
        if (!lists(&want->ports, seen->config->ports.v[i]))
            return KS_NETWORK;
    return seen ? KS_LIVE : KS_SAFE;
}

static enum ks_impact impact_of(struct ks_planning *p, const struct ks_bridge *want,
                                const struct ks_seen_bridge *seen, const struct ks_change *change)
{
    if (ks_streq(change->path, "ports"))
        return change->op == KS_UNSET ? KS_NETWORK : ports_impact(p, want, seen);
    return carries_traffic(seen) ? ks_change_impact(change, true) : KS_SAFE;
}

static void check_ports(struct ks_planning *p, const struct ks_bridge *want, const struct ks_seen_bridge *seen,
                        struct ks_step *s)
{
    for (size_t i = 0; i < want->ports.n; i++) {
        const char *name = want->ports.v[i];
        const struct ks_seen_link *link = ks_seen_link(p->have, name);
        const struct ks_loc at = ks_at(&want->o, "ports");
        if (!link && !ks_map_get(&p->want->bridges, name)) {
            (void)ks_report(p->findings, KS_E_NOT_FOUND, at, "bridge %s: the host has no link '%s' to be its port",
                            want->o.key, name);
            continue;
        }
        if (!link || (seen && lists(&seen->config->ports, name)))
            continue;
        if (link->managed_by)
            ks_report_warning(
                p->findings, KS_E_CONFLICT, at,
                "bridge %s: port %s is managed by %s as well, which may take it back: make it leave %s "
                "alone there",
                want->o.key, name, link->managed_by, name);
        if (link->default_route && !ks_has(&want->o, "addresses"))
            ks_step_block(p, s, "port %s carries the default route, and the bridge states no addresses", name);
    }
}

static void fill(struct ks_planning *p, struct ks_step *s, const struct ks_bridge *want,
                 const struct ks_seen_bridge *seen, const struct ks_changes *changes)
{
    for (size_t i = 0; i < changes->n; i++) {
        const struct ks_change *change = &changes->v[i];
        struct ks_plan_field *field =
            ks_step_add(p, s, change->path, change->from, change->to, impact_of(p, want, seen, change));
        field->op = change->op;
        field->define = true;
    }
    ks_step_hold(p, s, NULL);
}

static void needs_ports(struct ks_planning *p, struct ks_step *s, const struct ks_bridge *want)
{
    for (size_t i = 0; i < want->ports.n; i++)
        ks_step_needs(p, s, ks_sprintf(p->arena, "bridge/%s", want->ports.v[i]));
}

static bool is_on(const struct ks_seen_guest *guest, const char *bridge)
{
    for (size_t i = 0; guest->live && i < guest->live->nics.n; i++)
        if (ks_streq(((const struct ks_nic *)guest->live->nics.v[i])->bridge, bridge))
            return true;
    return false;
}

/* The step that takes a running guest off the bridge; NULL: it stays on it. */
static const char *leaving_step(struct ks_planning *p, const struct ks_seen_guest *guest)
{
    const struct ks_guest *want = (const struct ks_guest *)ks_map_get(&p->want->guests, guest->name);
    const bool stated = want && ks_has(&want->o, "state");

    if (!want)
        return ks_prunes(p) && guest->owned ? ks_sprintf(p->arena, "guest/%s", guest->name) : NULL;
    if (stated && want->state == KS_GUEST_STOPPED)
        return ks_sprintf(p->arena, "guest/%s:stop", guest->name);
    if (stated && want->state == KS_GUEST_UNMANAGED)
        return NULL;
    /* Stated nics cannot name a bridge that goes: the manifest's own check sees to it. */
    if ((stated && want->state == KS_GUEST_ABSENT) || ks_stated(&want->o, "nics"))
        return ks_sprintf(p->arena, "guest/%s", guest->name);
    return NULL;
}

static void wait_for_guest(struct ks_planning *p, struct ks_step *s, const struct ks_seen_guest *guest)
{
    const char *id = leaving_step(p, guest);

    if (id)
        ks_step_needs(p, s, id);
    else
        ks_step_block(p, s, "guest %s is on it", guest->name);
}

static void plan_deletion(struct ks_planning *p, const char *name, const struct ks_bridge *want,
                          const struct ks_seen_bridge *seen, const char *reason)
{
    struct ks_step *s = add(p, name, want, seen, NULL, KS_DESTROY, KS_ACT_DELETE);
    bool known = false;

    s->reason = reason;
    s->impact = KS_DELETE;
    ks_step_hold(p, s, NULL);
    if (!seen->owned)
        ks_step_block(p, s, "not made or adopted by kvmstate");
    if (seen->default_route)
        ks_step_block(p, s, "the default route goes through it");
    for (size_t i = 0; i < p->have->guests.n; i++) {
        if (!is_on(&p->have->guests.v[i], name))
            continue;
        wait_for_guest(p, s, &p->have->guests.v[i]);
        known = true;
    }
    /* Guests that nobody names are not read. */
    if (seen->n_guest_ports > 0 && !known)
        ks_step_block(p, s, "guests that the manifest does not name are on it");
}

static void plan_one(struct ks_planning *p, const struct ks_bridge *want)
{
    const char *name = want->o.key;
    const struct ks_seen_bridge *seen = ks_seen_bridge(p->have, name);
    const struct ks_seen_link *link = ks_seen_link(p->have, name);
    struct ks_changes changes = {0};
    struct ks_step *s;

    if (is_absent(want)) {
        if (seen)
            plan_deletion(p, name, want, seen, "absent in the manifest");
        return;
    }
    if (!seen && link) {
        (void)ks_report(p->findings, KS_E_CONFLICT, want->o.at, "bridge %s: the host has a link of that name, a %s",
                        name, *link->kind ? link->kind : "NIC");
        return;
    }
    ks_diff(p->arena, &want->o, seen ? &seen->config->o : NULL, false, &changes);
    if (seen && !seen->owned) {
        s = add(p, name, want, seen, "adopt", KS_ADOPT, KS_ACT_MARK);
        s->reason = "adopted";
    }
    if (seen && changes.n == 0)
        return;
    s = add(p, name, want, seen, NULL, seen ? KS_CHANGE : KS_CREATE, KS_ACT_DEFINE);
    needs_ports(p, s, want);
    fill(p, s, want, seen, &changes);
    check_ports(p, want, seen, s);
    if (seen && seen->managed_by)
        ks_report_warning(p->findings, KS_E_CONFLICT, want->o.at,
                          "bridge %s is managed by %s as well: let one do it", name, seen->managed_by);
}

/* ---- ports that go from one bridge to another ---- */

/* The step that changes this bridge; NULL: it stays as it is, or goes. */
static struct ks_step *changing_step(struct ks_planning *p, const char *name)
{
    const char *id = ks_sprintf(p->arena, "bridge/%s", name);

    for (size_t i = 0; i < p->plan->n; i++)
        if (p->plan->v[i]->action == KS_ACT_DEFINE && ks_streq(p->plan->v[i]->id, id))
            return p->plan->v[i];
    return NULL;
}

static bool comes_after(struct ks_planning *p, const struct ks_step *s, const struct ks_step *other)
{
    if (s == other)
        return true;
    for (size_t i = 0; i < s->follows.n; i++) {
        const struct ks_step *before = changing_step(p, s->follows.v[i] + strlen("bridge/"));
        if (before && comes_after(p, before, other))
            return true;
    }
    return false;
}

/*
 * Who gives a port away goes first: at the same time, it might take the port from who has it by then. Where bridges
 * exchange ports, one of them takes its own from the other, which finds it gone.
 */
static void follow_givers(struct ks_planning *p, const struct ks_bridge *want)
{
    struct ks_step *taker = changing_step(p, want->o.key);

    for (size_t i = 0; taker && i < want->ports.n; i++) {
        const struct ks_seen_link *link = ks_seen_link(p->have, want->ports.v[i]);
        struct ks_step *giver = link && link->master ? changing_step(p, link->master) : NULL;
        if (giver && !comes_after(p, giver, taker) && !lists(&taker->follows, giver->id))
            ks_step_follows(p, taker, giver->id);
    }
}

void ks_plan_bridges(struct ks_planning *p)
{
    for (size_t i = 0; i < p->want->bridges.n; i++)
        plan_one(p, (const struct ks_bridge *)p->want->bridges.v[i]);
    for (size_t i = 0; i < p->want->bridges.n; i++)
        follow_givers(p, (const struct ks_bridge *)p->want->bridges.v[i]);
    for (size_t i = 0; i < p->have->bridges.n && ks_prunes(p); i++) {
        const struct ks_seen_bridge *seen = &p->have->bridges.v[i];
        if (seen->owned && !ks_map_get(&p->want->bridges, seen->name))
            plan_deletion(p, seen->name, NULL, seen, "no longer in the manifest");
    }
}
