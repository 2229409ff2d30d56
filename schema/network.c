/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A libvirt network. */
#include "schema/codec_network.h"
#include "schema/kinds.h"
#include "schema/network_dhcp.h"

KS_ENUM_TABLE(states, "active", "inactive", "absent");
KS_ENUM_TABLE(on_off, "off", "on");
KS_ENUM_TABLE(yes_no, "no", "yes");
KS_ENUM_TABLE(forwards, "none", "nat", "route", "open", "bridge", "private", "vepa", "passthrough", "hostdev");
_Static_assert(KS_COUNT(forwards_names) == KS_FORWARD_HOSTDEV + 1, "every mode has a name");

/* clang-format off */
#define NETWORK .stopped = KS_SAFE, .running = KS_NETWORK
/* virNetworkUpdate() changes these while the network is up. */
#define LIVE .stopped = KS_SAFE, .running = KS_LIVE

static const struct ks_field host_rows[] = {
    KS_ROW_STRING(struct ks_dhcp_host, mac, "mac", LIVE, .xml = "@mac", .check = ks_check_mac, .doc = "Its MAC address."),
    KS_ROW_STRING(struct ks_dhcp_host, ip, "ip", LIVE, .xml = "@ip", .flags = KS_F_REQUIRED, .check = ks_check_ip,
        .doc = "The address that it is given."),
    KS_ROW_STRING(struct ks_dhcp_host, name, "name", LIVE, .xml = "@name", .doc = "Its host name; by default the key."),
    KS_ROW_STRING(struct ks_dhcp_host, id, "id", LIVE, .xml = "@id",
        .doc = "What it calls itself; of DHCPv6, its DUID instead of a MAC address."),
};
/* Names are free: a host is the MAC that it has, or the address that it is given. */
static bool same_host(const struct ks_obj *want, const struct ks_obj *have)
{
    const struct ks_dhcp_host *w = (const struct ks_dhcp_host *)want, *h = (const struct ks_dhcp_host *)have;

    if (w->mac && h->mac)
        return ks_streq(w->mac, h->mac);
    if (w->id && h->id)
        return ks_streq(w->id, h->id);
    return w->ip && ks_streq(w->ip, h->ip);
}

static const char *host_key(struct ks_arena *arena, const struct ks_obj *have, size_t index)
{
    const struct ks_dhcp_host *h = (const struct ks_dhcp_host *)have;
    char *key;

    if (!h->mac && !h->ip)
        return ks_sprintf(arena, "host%zu", index);
    key = ks_sprintf(arena, "host-%s", h->mac ? h->mac : h->ip);
    for (char *c = key; *c; c++)
        if (*c == ':' || *c == '.')
            *c = '-';
    return key;
}

static const struct ks_kind host_kind = KS_KIND(struct ks_dhcp_host, host_rows, .name = "dhcp host",
    .xml_key = "@name", .same = same_host, .make_key = host_key,
    .doc = "A host with an address of its own.");

static const struct ks_field dhcp_rows[] = {
    KS_ROW_STRINGS(struct ks_dhcp, range, "range", LIVE, .codec = &ks_dhcp_range_codec, .check = ks_check_ip,
        .doc = "The first and the last address that are handed out; of several ranges, one after the other."),
    KS_ROW_MAP(struct ks_dhcp, hosts, "hosts", &host_kind, LIVE, .xml = "host", .check_key = ks_check_name,
        .doc = "Hosts with an address of their own, by name."),
};

static void validate_dhcp(const struct ks_obj *obj, struct ks_findings *f)
{
    const size_t n = ((const struct ks_dhcp *)obj)->range.n;

    if (ks_has(obj, "range") && (n == 0 || n % 2))
        ks_report(f, KS_E_INVALID, ks_at(obj, "range"), "range: expected [first, last]");
}
static const struct ks_kind dhcp_kind = KS_KIND(struct ks_dhcp, dhcp_rows, .name = "dhcp",
    .doc = "The network's DHCP server.", .validate = validate_dhcp);

static const struct ks_field dns_host_rows[] = {
    KS_ROW_STRINGS(struct ks_dns_host, names, "names", LIVE, .xml = "hostname", .flags = KS_F_REQUIRED | KS_F_SET,
        .doc = "The names that lead to this address."),
};
static const struct ks_kind dns_host_kind = KS_KIND(struct ks_dns_host, dns_host_rows, .name = "dns host",
    .xml_key = "@ip", .shorthand = "names", .doc = "An address that has names.");

static const struct ks_field dns_rows[] = {
    KS_ROW_BOOL(struct ks_dns, enable, "enable", NETWORK, .values = &yes_no, .xml = "@enable", .fallback = "true",
        .doc = "Whether the network has a DNS server."),
    KS_ROW_STRINGS(struct ks_dns, forwarders, "forwarders", NETWORK, .xml = "forwarder/@addr", .check = ks_check_ip,
        .doc = "The servers that it asks; by default the host's."),
    KS_ROW_MAP(struct ks_dns, hosts, "hosts", &dns_host_kind, LIVE, .xml = "host", .check_key = ks_check_ip,
        .doc = "Names that it knows by itself: address to names."),
};
static const struct ks_kind dns_kind = KS_KIND(struct ks_dns, dns_rows, .name = "dns",
    .doc = "The network's DNS server.");

/* Of a running network libvirt changes these no more than those of a running guest's nic in it. */
#define RATE(member, key, attr, text) KS_ROW_BYTERATE(struct ks_rate, member, key, NETWORK, .fallback = "0B/s", \
    .step = 1000, .xml = attr, .xml_unit = "=kB", .doc = text)
static const struct ks_field rate_rows[] = {
    RATE(average, "average", "@average", "The rate that is held."),
    RATE(peak, "peak", "@peak", "The rate at which a burst may go."),
    KS_ROW_SIZE(struct ks_rate, burst, "burst", NETWORK, .fallback = "0B", .step = 1000, .xml = "@burst",
        .xml_unit = "=kB", .doc = "How much may go at the peak rate."),
};
static const struct ks_kind rate_kind = KS_KIND(struct ks_rate, rate_rows, .name = "network rate",
    .doc = "A limit of all traffic of a network in one direction.");

static const struct ks_field bandwidth_rows[] = {
    KS_ROW_OBJECT(struct ks_bandwidth, inbound, struct ks_rate, "inbound", &rate_kind, NETWORK, .xml = "inbound",
        .doc = "Towards the guests."),
    KS_ROW_OBJECT(struct ks_bandwidth, outbound, struct ks_rate, "outbound", &rate_kind, NETWORK, .xml = "outbound",
        .doc = "From the guests."),
};
static const struct ks_kind bandwidth_kind = KS_KIND(struct ks_bandwidth, bandwidth_rows, .name = "network bandwidth",
    .doc = "Limits of all traffic of a network.");

static const struct ks_field network_rows[] = {
    KS_ROW_ENUM(struct ks_network, state, "state", &states, .flags = KS_F_RUNTIME,
        .doc = "active, inactive, or absent; a new one is started unless this says inactive."),
    KS_ROW_ENUM(struct ks_network, forward, "forward", &forwards, NETWORK, .xml = "forward/@mode",
        .codec = &ks_forward_codec, .fallback = "none", .doc = "How traffic gets out of it."),
    KS_ROW_STRING(struct ks_network, bridge, "bridge", NETWORK, .xml = "bridge/@name", .check = ks_check_ifname,
        .doc = "Its bridge; with forward: bridge, a bridge of the host."),
    KS_ROW_STRING(struct ks_network, pf, "pf", NETWORK, .xml = "forward/pf/@dev",
        .check = ks_check_ifname, .doc = "With forward: hostdev, the PF whose VFs it hands out."),
    KS_ROW_STRING(struct ks_network, domain, "domain", NETWORK, .xml = "domain/@name", .doc = "The DNS domain of its guests."),
    KS_ROW_STRING(struct ks_network, dev, "dev", NETWORK, .xml = "forward/@dev", .codec = &ks_forward_dev_codec,
        .check = ks_check_ifname,
        .doc = "The link that its traffic leaves through."),
    KS_ROW_STRINGS(struct ks_network, addresses, "addresses", NETWORK, .codec = &ks_ip_codec,
        .flags = KS_F_SET, .check = ks_check_cidr,
        .doc = "The host's addresses in it."),
    KS_ROW_OBJECT(struct ks_network, dhcp, struct ks_dhcp, "dhcp", &dhcp_kind, LIVE, .xml = "ip[@family!='ipv6']/dhcp",
        .doc = "Its DHCP server."),
    KS_ROW_OBJECT(struct ks_network, dhcp6, struct ks_dhcp, "dhcp6", &dhcp_kind, LIVE, .xml = "ip[@family='ipv6']/dhcp",
        .doc = "Its DHCPv6 server."),
    KS_ROW_OBJECT(struct ks_network, dns, struct ks_dns, "dns", &dns_kind, NETWORK, .xml = "dns", .doc = "Its DNS server."),
    KS_ROW_OBJECT(struct ks_network, bandwidth, struct ks_bandwidth, "bandwidth", &bandwidth_kind, NETWORK,
        .xml = "bandwidth", .doc = "Limits of its traffic."),
    KS_ROW_BOOL(struct ks_network, autostart, "autostart", .flags = KS_F_RUNTIME, .fallback = "false",
        .doc = "Starts with the host."),
    KS_ROW_BOOL(struct ks_network, protect, "protect", .flags = KS_F_POLICY, .doc = "Never deleted."),
    KS_ROW_BOOL(struct ks_network, stp, "stp", NETWORK, .values = &on_off, .xml = "bridge/@stp",
        .fallback = "true", .doc = "Spanning tree protocol of its bridge."),
    KS_ROW_STRING(struct ks_network, mac, "mac", NETWORK, .xml = "mac/@address", .check = ks_check_mac, .doc = "The MAC of its bridge."),
    KS_ROW_UINT(struct ks_network, mtu, "mtu", NETWORK, .xml = "mtu/@size", .min = 68, .max = 65535, .doc = "Its MTU."),
};

/* What libvirt refuses later with fewer words. */
static void validate_network(const struct ks_obj *obj, struct ks_findings *f)
{
    static const char *const of_own_bridge[] = {"addresses", "dhcp", "dhcp6", "dns", "domain", "stp", "mac"};
    const struct ks_network *n = (const struct ks_network *)obj;

    ks_network_check_dhcp(n, f);
    if (!ks_has(obj, "forward"))
        return;
    for (size_t i = 0; !ks_forward_has_own_bridge(n->forward) && i < KS_COUNT(of_own_bridge); i++)
        if (ks_has(obj, of_own_bridge[i]))
            ks_report(f, KS_E_CONFLICT, ks_at(obj, of_own_bridge[i]),
                "%s: a network with forward: %s has none, as its bridge is not libvirt's", of_own_bridge[i],
                forwards.names[n->forward]);
    if (ks_forward_has_own_bridge(n->forward) && ks_has(obj, "pf"))
        ks_report(f, KS_E_CONFLICT, ks_at(obj, "pf"), "pf: only with forward: hostdev, not with %s",
            forwards.names[n->forward]);
    if (n->forward == KS_FORWARD_NONE && ks_has(obj, "dev"))
        ks_report(f, KS_E_CONFLICT, ks_at(obj, "dev"), "dev: nothing leaves a network with forward: none");
    if (n->forward == KS_FORWARD_HOSTDEV && ks_has(obj, "bridge"))
        ks_report(f, KS_E_CONFLICT, ks_at(obj, "bridge"), "bridge: a network with forward: hostdev has none");
}

const struct ks_kind ks_network_kind = KS_KIND(struct ks_network, network_rows, .name = "network",
    .doc = "A libvirt network, by name.", .validate = validate_network);
/* clang-format on */
