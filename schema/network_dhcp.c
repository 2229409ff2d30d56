/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether what a network's DHCP server hands out lies in the network. */
#include "schema/network_dhcp.h"

#include <arpa/inet.h>

struct address {
    int family;
    size_t size;
    unsigned char bytes[16];
    unsigned prefix;
};

static bool parse(const char *text, struct address *ret)
{
    char copy[INET6_ADDRSTRLEN + 4];
    char *slash;
    uint64_t prefix = 0;

    if (!text || strlen(text) >= sizeof copy)
        return false;
    memcpy(copy, text, strlen(text) + 1);
    slash = strchr(copy, '/');
    if (slash)
        *slash = '\0';
    if (slash && ks_parse_u64(slash + 1, &prefix) < 0)
        return false;
    ret->prefix = (unsigned)prefix;
    ret->family = strchr(copy, ':') ? AF_INET6 : AF_INET;
    ret->size = ret->family == AF_INET6 ? 16 : 4;
    return inet_pton(ret->family, copy, ret->bytes) == 1;
}

static bool is_within(const struct address *a, const struct address *subnet)
{
    const unsigned whole = subnet->prefix / 8, rest = subnet->prefix % 8;

    if (a->family != subnet->family || whole > a->size || memcmp(a->bytes, subnet->bytes, whole) != 0)
        return false;
    return rest == 0 || (a->bytes[whole] ^ subnet->bytes[whole]) >> (8 - rest) == 0;
}

/* In one of the network's own subnets; also where none can be told. */
static bool is_in_network(const struct ks_network *n, const char *text)
{
    struct address a, subnet;

    if (!ks_has(&n->o, "addresses") || !parse(text, &a))
        return true;
    for (size_t i = 0; i < n->addresses.n; i++)
        if (!parse(n->addresses.v[i], &subnet) || is_within(&a, &subnet))
            return true;
    return false;
}

static const char *list(struct ks_findings *f, const struct ks_strings *addresses)
{
    struct ks_text out = {.arena = f->arena};

    for (size_t i = 0; i < addresses->n; i++)
        ks_text_addf(&out, "%s%s", i ? ", " : "", addresses->v[i]);
    return addresses->n ? ks_text_str(&out) : "no address";
}

static void check_range(const struct ks_network *n, const struct ks_strings *range, struct ks_findings *f)
{
    const struct ks_loc at = ks_at(&n->dhcp->o, "range");
    struct address first, last;

    for (size_t i = 0; i < 2; i++)
        if (!is_in_network(n, range->v[i])) {
            (void)ks_report(f, KS_E_CONFLICT, at, "range: %s is not in this network, which has %s", range->v[i],
                            list(f, &n->addresses));
            return;
        }
    if (!parse(range->v[0], &first) || !parse(range->v[1], &last))
        return;
    if (first.family != last.family)
        (void)ks_report(f, KS_E_CONFLICT, at, "range: one is IPv4 and one IPv6");
    else if (memcmp(first.bytes, last.bytes, first.size) > 0)
        (void)ks_report(f, KS_E_CONFLICT, at, "range: %s comes after %s", range->v[0], range->v[1]);
}

void ks_network_check_dhcp(const struct ks_network *n, struct ks_findings *f)
{
    if (!n->dhcp)
        return;
    if (ks_has(&n->dhcp->o, "range") && n->dhcp->range.n == 2)
        check_range(n, &n->dhcp->range, f);
    for (size_t i = 0; i < n->dhcp->hosts.n; i++) {
        const struct ks_dhcp_host *host = (const struct ks_dhcp_host *)n->dhcp->hosts.v[i];
        if (ks_has(&host->o, "ip") && !is_in_network(n, host->ip))
            (void)ks_report(f, KS_E_CONFLICT, ks_at(&host->o, "ip"), "ip: %s is not in this network, which has %s",
                            host->ip, list(f, &n->addresses));
    }
}
