/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "actuators/guest.h"

#include "schema/mark.h"

static int act_mark(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    const struct ks_guest *want = (const struct ks_guest *)step->want;
    const struct ks_guest_mark mark = {.owned = step->verb == KS_ADOPT, .protect = want->protect};
    ks_auto(ks_domainp) virDomainPtr domain = NULL;
    unsigned flags = VIR_DOMAIN_AFFECT_CONFIG;

    if (ks_guest_lookup(a, step->name, &domain, err) < 0)
        return -1;
    if (a->dry_run)
        return *ret = KS_WOULD_CHANGE, 0;
    if (virDomainIsActive(domain) == 1)
        flags |= VIR_DOMAIN_AFFECT_LIVE;
    if (virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, mark.owned ? ks_guest_mark_text(&mark) : NULL,
                             mark.owned ? KS_MARK_PREFIX : NULL, KS_MARK_NAMESPACE, flags) < 0)
        return ks_fail_virt(err, "%s the mark of guest %s", mark.owned ? "set" : "remove", step->name);
    *ret = KS_CHANGED;
    return 0;
}

static int act_power(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    ks_auto(ks_domainp) virDomainPtr domain = NULL;

    if (ks_guest_lookup(a, step->name, &domain, err) < 0)
        return -1;
    if (a->dry_run)
        return *ret = KS_WOULD_CHANGE, 0;
    *ret = KS_CHANGED;
    if (step->action == KS_ACT_STOP)
        return ks_guest_stop(a, step, domain, err);
    return ks_guest_start(a, step, domain, step->action == KS_ACT_PAUSE, err);
}

static int act_restart(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    const struct ks_guest *want = (const struct ks_guest *)step->want;
    ks_auto(ks_domainp) virDomainPtr domain = NULL;

    if (ks_guest_lookup(a, step->name, &domain, err) < 0)
        return -1;
    /* Who is off by now takes the definition when it is started, by whoever wants that. */
    if (virDomainIsActive(domain) == 0)
        return *ret = KS_NOOP, 0;
    if (a->dry_run)
        return *ret = KS_WOULD_CHANGE, 0;
    if (ks_guest_stop(a, step, domain, err) < 0 ||
        ks_guest_start(a, step, domain, ks_has(&want->o, "state") && want->state == KS_GUEST_PAUSED, err) < 0)
        return -1;
    *ret = KS_CHANGED;
    return 0;
}

static int act_rename(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    const struct ks_seen_guest *seen = step->seen;
    ks_auto(ks_domainp) virDomainPtr domain = NULL;
    int active;

    if (ks_guest_lookup(a, seen->name, &domain, err) < 0)
        return -1;
    active = virDomainIsActive(domain);
    if (a->dry_run)
        return *ret = KS_WOULD_CHANGE, 0;
    if (active == 1 && ks_guest_stop(a, step, domain, err) < 0)
        return -1;
    if (virDomainRename(domain, step->name, 0) < 0)
        return ks_fail_virt(err, "rename guest %s to %s", seen->name, step->name);
    if (active == 1 && ks_guest_start(a, step, domain, seen->state == KS_GUEST_PAUSED, err) < 0)
        return -1;
    *ret = KS_CHANGED;
    return 0;
}

static int act_define(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    return (step->verb == KS_CREATE ? ks_guest_create : ks_guest_edit)(a, step, ret, err);
}

int ks_act_guest(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    static ks_act_fn *const actions[KS_ACTIONS] = {
        [KS_ACT_DEFINE] = act_define, [KS_ACT_START] = act_power,        [KS_ACT_STOP] = act_power,
        [KS_ACT_PAUSE] = act_power,   [KS_ACT_RESTART] = act_restart,    [KS_ACT_MARK] = act_mark,
        [KS_ACT_RENAME] = act_rename, [KS_ACT_DELETE] = ks_guest_delete, [KS_ACT_GIVE_BACK] = ks_guest_give_back,
    };

    const struct ks_seen_guest *seen = step->seen;

    if (actions[step->action](a, step, ret, err) < 0)
        return -1;
    if (!a->dry_run)
        ks_seed_sweep(a, step->name);
    if (!a->dry_run && seen && !ks_streq(seen->name, step->name))
        ks_seed_sweep(a, seen->name);
    return 0;
}
