/* SPDX-License-Identifier: GPL-2.0-or-later */
/* On, off, and gone. */
#include "actuators/guest.h"

enum {
    POLL_MS = 200,
    ASK_AGAIN_MS = 10000, /* a guest that is still booting does not hear the power button */
    AGENT_MS = 15000,     /* what the agent gets before ACPI is tried */
    STOP_MS = 120000,     /* the deadline where the manifest gives none */
};

static int forget_pending(struct ks_acting *a, const struct ks_step *step, struct ks_error *err)
{
    if (!a->keeping.note)
        return 0;
    return a->keeping.note(a->keeping.data, ks_sprintf(a->arena, "guest/%s", step->name), "pending", NULL, err);
}

static int expect_state(virDomainPtr domain, int wanted, struct ks_error *err)
{
    const int state = ks_guest_power_state(domain, err);

    if (state < 0)
        return -1;
    if (state != wanted)
        return ks_fail(err, KS_E_VERIFY, KS_NOWHERE, "guest %s: expected libvirt's state %d, found %d",
                       virDomainGetName(domain), wanted, state);
    return 0;
}

static int create(struct ks_acting *a, const struct ks_step *step, virDomainPtr domain, bool paused,
                  struct ks_error *err)
{
    struct ks_waiting waiting = {0};

    if (!paused && ks_wait_begin(a, (const struct ks_guest *)step->want, domain, &waiting, err) < 0)
        return -1;
    ks_tell(a, step, "starting", -1);
    if (virDomainCreateWithFlags(domain, paused ? VIR_DOMAIN_START_PAUSED : 0) < 0)
        return ks_fail_virt(err, "start guest %s", step->name);
    if (forget_pending(a, step, err) < 0 ||
        expect_state(domain, paused ? VIR_DOMAIN_PAUSED : VIR_DOMAIN_RUNNING, err) < 0)
        return -1;
    return ks_wait_end(a, step, &waiting, domain, err);
}

int ks_guest_start(struct ks_acting *a, const struct ks_step *step, virDomainPtr domain, bool paused,
                   struct ks_error *err)
{
    const int state = ks_guest_power_state(domain, err);

    if (state < 0)
        return -1;
    if (state == VIR_DOMAIN_PAUSED || state == VIR_DOMAIN_PMSUSPENDED) {
        if (paused)
            return 0;
        ks_tell(a, step, "resuming", -1);
        if ((state == VIR_DOMAIN_PAUSED ? virDomainResume(domain) : virDomainPMWakeup(domain, 0)) < 0)
            return ks_fail_virt(err, "resume guest %s", step->name);
        return expect_state(domain, VIR_DOMAIN_RUNNING, err);
    }
    if (state == VIR_DOMAIN_RUNNING || state == VIR_DOMAIN_BLOCKED) {
        if (!paused)
            return 0;
        if (virDomainSuspend(domain) < 0)
            return ks_fail_virt(err, "pause guest %s", step->name);
        return expect_state(domain, VIR_DOMAIN_PAUSED, err);
    }
    return create(a, step, domain, paused, err);
}

static bool is_off(virDomainPtr domain)
{
    /* A transient guest is gone altogether when it is off. */
    return virDomainIsActive(domain) != 1;
}

static uint64_t stop_timeout(const struct ks_guest *want)
{
    return want && want->shutdown && ks_has(&want->shutdown->o, "timeout") ? want->shutdown->timeout : STOP_MS;
}

/* Who agreed to a guest's deletion agreed to its being off; who did not must say so. */
static bool may_destroy(const struct ks_guest *want, const struct ks_step *step)
{
    const struct ks_shutdown *shutdown = want ? want->shutdown : NULL;

    if (!shutdown || !ks_has(&shutdown->o, "then"))
        return step->action == KS_ACT_DELETE;
    const struct ks_kind *kind = shutdown->o.kind;
    return ks_streq(kind->fields[ks_row(kind, "then")].values->names[shutdown->then], "destroy");
}

static int ask(virDomainPtr domain, bool agent, struct ks_error *err)
{
    const unsigned flags = agent ? VIR_DOMAIN_SHUTDOWN_GUEST_AGENT : VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN;

    if (virDomainShutdownFlags(domain, flags) == 0 || is_off(domain))
        return 0;
    /* An agent that does not answer leaves the power button. */
    if (agent)
        return 0;
    return ks_fail_virt(err, "ask guest %s to shut down", virDomainGetName(domain));
}

/* 1: it is off; 0: the deadline passed. */
static int wait_off(struct ks_acting *a, const struct ks_step *step, virDomainPtr domain, uint64_t timeout,
                    struct ks_error *err)
{
    const uint64_t start = ks_now_ms();
    bool agent = ks_agent_is_connected(domain);
    uint64_t asked = 0;

    for (;;) {
        const uint64_t passed = ks_now_ms() - start;
        if (is_off(domain))
            return 1;
        if (passed >= timeout)
            return 0;
        if (asked == 0 || passed >= asked) {
            if (ask(domain, agent, err) < 0)
                return -1;
            asked = passed + (agent ? AGENT_MS : ASK_AGAIN_MS);
            agent = false;
        }
        ks_tell(a, step, "shutting down", (int)(passed * 100 / timeout));
        if (ks_pause(a, POLL_MS, err) < 0)
            return -1;
    }
}

static int destroy(const struct ks_step *step, virDomainPtr domain, struct ks_error *err)
{
    if (virDomainDestroyFlags(domain, VIR_DOMAIN_DESTROY_DEFAULT) < 0 && !is_off(domain))
        return ks_fail_virt(err, "power off guest %s", step->name);
    return 0;
}

int ks_guest_stop(struct ks_acting *a, const struct ks_step *step, virDomainPtr domain, struct ks_error *err)
{
    const struct ks_guest *want = (const struct ks_guest *)(step->want ? step->want : step->have);
    const uint64_t timeout = stop_timeout(want);
    int off;

    if (is_off(domain))
        return 0;
    /* A paused guest hears nothing. */
    if (ks_guest_power_state(domain, err) == VIR_DOMAIN_PAUSED && virDomainResume(domain) < 0)
        return ks_fail_virt(err, "resume guest %s, so that it can shut down", step->name);
    off = timeout ? wait_off(a, step, domain, timeout, err) : 0;
    if (off < 0)
        return -1;
    if (!off && !may_destroy(want, step))
        return ks_fail(err, KS_E_TIMEOUT, KS_NOWHERE,
                       "guest %s did not shut down in %s; `shutdown: {then: destroy}` would power it off",
                       step->name, ks_duration_format(a->arena, timeout));
    if (!off && destroy(step, domain, err) < 0)
        return -1;
    return forget_pending(a, step, err);
}

static int undefine(const struct ks_step *step, virDomainPtr domain, struct ks_error *err)
{
    const struct ks_seen_guest *seen = step->seen;
    unsigned flags = VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA | VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA;

    /* Only what the plan named goes: a variable store that it did not know of stays where it is. */
    flags |= seen && seen->has_nvram ? VIR_DOMAIN_UNDEFINE_NVRAM : VIR_DOMAIN_UNDEFINE_KEEP_NVRAM;
    if (seen && seen->managed_save)
        flags |= VIR_DOMAIN_UNDEFINE_MANAGED_SAVE;
    if (virDomainUndefineFlags(domain, flags) < 0)
        return ks_fail_virt(err, "undefine guest %s", step->name);
    return 0;
}

int ks_guest_delete(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    ks_auto(ks_domainp) virDomainPtr domain = virDomainLookupByName(a->conn, step->name);
    virDomainPtr again;

    if (!domain && ks_virt_errno() == VIR_ERR_NO_DOMAIN)
        return *ret = KS_NOOP, 0;
    if (!domain)
        return ks_fail_virt(err, "look up guest %s", step->name);
    if (a->dry_run)
        return *ret = KS_WOULD_CHANGE, 0;
    if (ks_guest_stop(a, step, domain, err) < 0 || undefine(step, domain, err) < 0)
        return -1;
    again = virDomainLookupByName(a->conn, step->name);
    if (again) {
        (void)virDomainFree(again);
        return ks_fail(err, KS_E_VERIFY, KS_NOWHERE, "guest %s is still there after it was undefined", step->name);
    }
    if (a->keeping.disown && a->keeping.disown(a->keeping.data, step->id, err) < 0)
        return -1;
    *ret = KS_CHANGED;
    return 0;
}
