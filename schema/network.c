/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A libvirt network. */
#include "schema/kinds.h"

KS_ENUM_TABLE(states, "active", "inactive", "absent");
KS_ENUM_TABLE(forwards, "none", "nat", "route", "open", "bridge", "private", "vepa", "passthrough", "hostdev");

/* clang-format off */
#define NETWORK .stopped = KS_SAFE, .running = KS_NETWORK

static const struct ks_field host_rows[] = {
    KS_ROW_STRING(struct ks_dhcp_host, mac, "mac", NETWORK, .check = ks_check_mac, .doc = "Its MAC address."),
    KS_ROW_STRING(struct ks_dhcp_host, ip, "ip", NETWORK, .flags = KS_F_REQUIRED, .check = ks_check_ip,
        .doc = "The address that it is given."),
    KS_ROW_STRING(struct ks_dhcp_host, name, "name", NETWORK, .doc = "Its host name; by default the key."),
};
static const struct ks_kind host_kind = KS_KIND(struct ks_dhcp_host, host_rows, .name = "dhcp host",
    .doc = "A host with an address of its own.");

static const struct ks_field dhcp_rows[] = {
    KS_ROW_STRINGS(struct ks_dhcp, range, "range", NETWORK, .check = ks_check_ip,
        .doc = "The first and the last address that are handed out."),
    KS_ROW_MAP(struct ks_dhcp, hosts, "hosts", &host_kind, NETWORK, .check_key = ks_check_name,
        .doc = "Hosts with an address of their own, by name."),
};

static void validate_dhcp(const struct ks_obj *obj, struct ks_findings *f)
{
    if (ks_has(obj, "range") && ((const struct ks_dhcp *)obj)->range.n != 2)
        ks_report(f, KS_E_INVALID, ks_at(obj, "range"), "range: expected [first, last]");
}
static const struct ks_kind dhcp_kind = KS_KIND(struct ks_dhcp, dhcp_rows, .name = "dhcp",
    .doc = "The network's DHCP server.", .validate = validate_dhcp);

static const struct ks_field network_rows[] = {
    KS_ROW_ENUM(struct ks_network, state, "state", &states, .flags = KS_F_RUNTIME,
        .doc = "active, inactive, or absent."),
    KS_ROW_ENUM(struct ks_network, forward, "forward", &forwards, NETWORK, .doc = "How traffic gets out of it."),
    KS_ROW_STRING(struct ks_network, bridge, "bridge", NETWORK, .check = ks_check_ifname,
        .doc = "Its bridge; with forward: bridge, a bridge of the host."),
    KS_ROW_STRING(struct ks_network, pf, "pf", NETWORK, .doc = "With forward: hostdev, the PF whose VFs it hands out."),
    KS_ROW_STRING(struct ks_network, domain, "domain", NETWORK, .doc = "The DNS domain of its guests."),
    KS_ROW_STRING(struct ks_network, dev, "dev", NETWORK, .check = ks_check_ifname,
        .doc = "The link that its traffic leaves through."),
    KS_ROW_STRINGS(struct ks_network, addresses, "addresses", NETWORK, .flags = KS_F_SET, .check = ks_check_cidr,
        .doc = "The host's addresses in it."),
    KS_ROW_OBJECT(struct ks_network, dhcp, struct ks_dhcp, "dhcp", &dhcp_kind, NETWORK, .doc = "Its DHCP server."),
    KS_ROW_BOOL(struct ks_network, autostart, "autostart", .flags = KS_F_RUNTIME, .fallback = "false",
        .doc = "Starts with the host."),
    KS_ROW_BOOL(struct ks_network, protect, "protect", .flags = KS_F_POLICY, .doc = "Never deleted."),
    KS_ROW_BOOL(struct ks_network, stp, "stp", NETWORK, .doc = "Spanning tree protocol of its bridge."),
    KS_ROW_STRING(struct ks_network, mac, "mac", NETWORK, .check = ks_check_mac, .doc = "The MAC of its bridge."),
    KS_ROW_UINT(struct ks_network, mtu, "mtu", NETWORK, .min = 68, .max = 65535, .doc = "Its MTU."),
};
const struct ks_kind ks_network_kind = KS_KIND(struct ks_network, network_rows, .name = "network",
    .doc = "A libvirt network, by name.");
/* clang-format on */
