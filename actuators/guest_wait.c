/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a start waits for. An address is one that the guest's agent tells, or one that a libvirt network's DHCP
 * server has leased since the start: leases outlive a guest, so those of its last life are looked at before.
 */
#include "actuators/guest.h"

enum { POLL_MS = 300, DEFAULT_MS = 300000, AGENT_S = 5 };

bool ks_agent_is_connected(virDomainPtr domain)
{
    ks_auto(ks_freep) char *text = virDomainGetXMLDesc(domain, 0);

    return text && strstr(text, "name='org.qemu.guest_agent.0' state='connected'");
}

static const struct ks_wait *wait_of(const struct ks_guest *want)
{
    return want && ks_has(&want->o, "wait-for") && want->wait_for->what != KS_WAIT_NONE ? want->wait_for : NULL;
}

/* ---- leases ------------------------------------------------------------------------------------------------- */

/* The latest end of a lease to this MAC, and its address; 0: there is none. An end of 0 is a lease for ever. */
static bool last_lease(struct ks_acting *a, const struct ks_lease *of, long long *ret_end, const char **ret_ip)
{
    virNetworkPtr network = virNetworkLookupByName(a->conn, of->network);
    virNetworkDHCPLeasePtr *leases = NULL;
    bool found = false;
    int n;

    *ret_end = 0;
    if (!network)
        return false;
    n = virNetworkGetDHCPLeases(network, of->mac, &leases, 0);
    for (int i = 0; i < n; i++) {
        if (!found || leases[i]->expirytime > *ret_end) {
            *ret_end = leases[i]->expirytime;
            *ret_ip = ks_strdup(a->arena, leases[i]->ipaddr);
        }
        found = true;
        virNetworkDHCPLeaseFree(leases[i]);
    }
    free(leases);
    (void)virNetworkFree(network);
    return found;
}

int ks_wait_begin(struct ks_acting *a, const struct ks_guest *want, virDomainPtr domain, struct ks_waiting *ret,
                  struct ks_error *err)
{
    ks_auto(ks_guest_doc_done) struct ks_guest_doc d = {0};
    const char *ip;

    *ret = (struct ks_waiting){.what = wait_of(want)};
    if (!ret->what || ret->what->what != KS_WAIT_ADDRESS)
        return 0;
    if (ks_guest_doc_read(a, domain, VIR_DOMAIN_XML_INACTIVE, NULL, &d, err) < 0)
        return -1;
    for (size_t i = 0; i < d.have->nics.n; i++) {
        const struct ks_nic *nic = (const struct ks_nic *)d.have->nics.v[i];
        struct ks_lease *lease;
        if (!nic->network || !nic->mac)
            continue;
        lease = ks_vec_add(a->arena, &ret->leases);
        lease->network = nic->network;
        lease->mac = nic->mac;
        lease->known = last_lease(a, lease, &lease->end, &ip);
    }
    return 0;
}

static const char *new_lease(struct ks_acting *a, const struct ks_waiting *w)
{
    for (size_t i = 0; i < w->leases.n; i++) {
        const struct ks_lease *before = &w->leases.v[i];
        const char *ip = NULL;
        long long end;
        if (last_lease(a, before, &end, &ip) && (!before->known || end > before->end || end == 0))
            return ip;
    }
    return NULL;
}

/* ---- the agent ---------------------------------------------------------------------------------------------- */

/* Others can reach the guest by it. */
static bool is_usable(const char *ip)
{
    return ip && !ks_starts(ip, "127.") && !ks_starts(ip, "169.254.") && !ks_starts(ip, "fe80:") &&
           !ks_streq(ip, "::1");
}

static const char *agent_address(struct ks_acting *a, virDomainPtr domain)
{
    virDomainInterfacePtr *nics = NULL;
    const char *found = NULL;
    int n;

    if (!ks_agent_is_connected(domain))
        return NULL;
    n = virDomainInterfaceAddresses(domain, &nics, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT, 0);
    for (int i = 0; i < n; i++) {
        for (unsigned k = 0; k < nics[i]->naddrs && !found; k++)
            if (is_usable(nics[i]->addrs[k].addr))
                found = ks_strdup(a->arena, nics[i]->addrs[k].addr);
        virDomainInterfaceFree(nics[i]);
    }
    free(nics);
    return found;
}

/* Connected is not enough: libvirt opens its end when QEMU does, and a hung agent keeps its own open. */
static bool agent_answers(virDomainPtr domain)
{
    ks_auto(ks_freep) char *answer = NULL;

    if (ks_agent_is_connected(domain))
        answer = virDomainQemuAgentCommand(domain, "{\"execute\":\"guest-ping\"}", AGENT_S, 0);
    return answer != NULL;
}

/* ---- waiting ------------------------------------------------------------------------------------------------ */

static const char *look(struct ks_acting *a, const struct ks_waiting *w, virDomainPtr domain)
{
    const char *ip;

    if (w->what->what == KS_WAIT_AGENT)
        return agent_answers(domain) ? "its agent answers" : NULL;
    ip = agent_address(a, domain);
    if (!ip)
        ip = new_lease(a, w);
    return ip ? ks_sprintf(a->arena, "has %s", ip) : NULL;
}

static int too_late(struct ks_acting *a, const struct ks_waiting *w, virDomainPtr domain, uint64_t timeout,
                    struct ks_error *err)
{
    const char *agent = ks_agent_is_connected(domain) ? "connected" : "not connected";
    const char *name = virDomainGetName(domain), *time = ks_duration_format(a->arena, timeout);

    if (w->what->what == KS_WAIT_AGENT)
        return ks_fail(err, KS_E_TIMEOUT, w->what->o.at,
                       "guest %s runs, but its agent did not answer within %s (it is %s)", name, time, agent);
    return ks_fail(err, KS_E_TIMEOUT, w->what->o.at,
                   "guest %s runs, but has no address after %s: its agent is %s, and %s", name, time, agent,
                   w->leases.n ? "its networks have leased it none" : "it has no nic in a libvirt network");
}

int ks_wait_end(struct ks_acting *a, const struct ks_step *step, const struct ks_waiting *w, virDomainPtr domain,
                struct ks_error *err)
{
    const uint64_t start = ks_now_ms();
    uint64_t timeout;

    if (!w->what)
        return 0;
    timeout = ks_has(&w->what->o, "timeout") ? w->what->timeout : DEFAULT_MS;
    for (;;) {
        const uint64_t passed = ks_now_ms() - start;
        const char *found = look(a, w, domain);
        if (found)
            return a->remark = found, 0;
        if (virDomainIsActive(domain) == 0)
            return ks_fail(err, KS_E_TIMEOUT, w->what->o.at, "guest %s went off while it was waited for",
                           virDomainGetName(domain));
        if (passed >= timeout)
            return too_late(a, w, domain, timeout, err);
        ks_tell(a, step, w->what->what == KS_WAIT_AGENT ? "waiting for its agent" : "waiting for its address",
                (int)(passed * 100 / timeout));
        if (ks_pause(a, POLL_MS, err) < 0)
            return -1;
    }
}
