/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The root of a manifest: one host. */
#include "schema/kinds.h"

static const char *check_impact(struct ks_arena *arena, const char **text)
{
    enum ks_impact impact;

    (void)arena;
    if (ks_impact_parse(*text, &impact) < 0 || impact == KS_SAFE || impact == KS_LIVE)
        return "restart, delete, data-loss or network";
    return NULL;
}

/* RFC 1123: letters, digits and '-', in labels. */
static const char *check_host(struct ks_arena *arena, const char **text)
{
    static const char expected[] = "a host name";
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    size_t label;

    (void)arena;
    if (strlen(*text) > 253)
        return expected;
    for (const char *p = *text;; p += label + 1) {
        label = strspn(p, letters);
        if (label == 0 || label > 63 || p[0] == '-' || p[label - 1] == '-' || (p[label] && p[label] != '.'))
            return expected;
        if (!p[label])
            return NULL;
    }
}

static const char *check_pf(struct ks_arena *arena, const char **text)
{
    if (!ks_check_pci(arena, text) || !ks_check_ifname(arena, text))
        return NULL;
    return "a PF's interface name or PCI address";
}

/* "git.example.org:443", "192.0.2.1:22", "[2001:db8::1]:22". */
static const char *check_tcp(struct ks_arena *arena, const char **text)
{
    static const char expected[] = "HOST:PORT, an IPv6 address in brackets";
    const char *colon = strrchr(*text, ':');
    const char *host = colon ? ks_strndup(arena, *text, (size_t)(colon - *text)) : "";
    const size_t n = strlen(host);
    uint64_t port;

    if (!colon || ks_parse_u64(colon + 1, &port) < 0 || port == 0 || port > UINT16_MAX)
        return expected;
    if (*host == '[' && host[n - 1] == ']')
        host = ks_strndup(arena, host + 1, n - 2);
    else
        return check_host(arena, &host) ? expected : NULL;
    return !strchr(host, ':') || ks_check_ip(arena, &host) ? expected : NULL;
}

/* clang-format off */
#define POLICY .flags = KS_F_POLICY

static const struct ks_field checkpoint_rows[] = {
    KS_ROW_DURATION(struct ks_checkpoint_defaults, timeout, "timeout", POLICY, .min = 5000, .max = 3600000,
        .fallback = "1m",
        .doc = "How long a change of the network has until it is undone: for its steps, and until all that answered "
               "before answers again."),
    KS_ROW_STRINGS(struct ks_checkpoint_defaults, targets, "targets", .flags = KS_F_POLICY | KS_F_SET,
        .check = check_tcp,
        .doc = "TCP services that must answer afterwards, if they did before: HOST:PORT. The default gateways and "
               "the host of the manifest's repository are asked in any case."),
};
static const struct ks_kind checkpoint_kind = KS_KIND(struct ks_checkpoint_defaults, checkpoint_rows,
    .name = "checkpoint", .doc = "When a change of the network is undone.");

static const struct ks_field defaults_rows[] = {
    KS_ROW_BOOL(struct ks_defaults, prune, "prune", POLICY, .fallback = "false",
        .doc = "Deletes what kvmstate made and the manifest no longer names."),
    KS_ROW_STRINGS(struct ks_defaults, allow, "allow", .flags = KS_F_POLICY | KS_F_SET, .check = check_impact,
        .doc = "Impacts that are applied without asking: restart, delete, data-loss, network."),
    KS_ROW_OBJECT(struct ks_defaults, checkpoint, struct ks_checkpoint_defaults, "checkpoint", &checkpoint_kind, POLICY,
        .doc = "When a change of the network is undone."),
};
static const struct ks_kind defaults_kind = KS_KIND(struct ks_defaults, defaults_rows, .name = "defaults",
    .doc = "How the host is treated.");

static const struct ks_field placement_rows[] = {
    KS_ROW_CPUSET(struct ks_placement, reserved_cpus, "reserved-cpus", POLICY,
        .doc = "Host CPUs that automatic placement never hands out."),
};
static const struct ks_kind placement_kind = KS_KIND(struct ks_placement, placement_rows, .name = "placement",
    .doc = "Bounds of automatic placement.");

static const struct ks_field manifest_rows[] = {
    KS_ROW_UINT(struct ks_manifest, version, "version", .flags = KS_F_REQUIRED | KS_F_POLICY, .min = 1, .max = 1,
        .doc = "The version of this format: 1."),
    KS_ROW_STRING(struct ks_manifest, host, "host", .flags = KS_F_REQUIRED | KS_F_POLICY | KS_F_NO_SUBST,
        .check = check_host, .doc = "The host; it must be the one that the manifest is applied to."),
    KS_ROW_STRINGS(struct ks_manifest, includes, "includes", POLICY,
        .doc = "Files of the same repository, relative to this one; what this file states wins over them, and a "
               "later one over an earlier one, map by map and key by key."),
    KS_ROW_OBJECT(struct ks_manifest, defaults, struct ks_defaults, "defaults", &defaults_kind, POLICY,
        .doc = "How the host is treated."),
    KS_ROW_OBJECT(struct ks_manifest, kernel, struct ks_kernel, "kernel", &ks_kernel_kind,
        .doc = "Knobs of the host's kernel."),
    KS_ROW_OBJECT(struct ks_manifest, placement, struct ks_placement, "placement", &placement_kind, POLICY,
        .doc = "Bounds of automatic placement."),
    KS_ROW_MAP(struct ks_manifest, hugepages, "hugepages", &ks_hugepages_kind, .flags = KS_F_OPEN,
        .check_key = ks_check_size_key, .doc = "Huge pages of the host, by page size and NUMA node."),
    KS_ROW_MAP(struct ks_manifest, sriov, "sriov", &ks_sriov_kind, .flags = KS_F_OPEN, .check_key = check_pf,
        .doc = "SR-IOV, by physical function: interface name or PCI address."),
    KS_ROW_MAP(struct ks_manifest, bridges, "bridges", &ks_bridge_kind, .flags = KS_F_OPEN,
        .check_key = ks_check_ifname, .doc = "Bridges of the host, by interface name."),
    KS_ROW_MAP(struct ks_manifest, pools, "pools", &ks_pool_kind, .flags = KS_F_OPEN, .check_key = ks_check_name,
        .doc = "Storage pools, by name."),
    KS_ROW_MAP(struct ks_manifest, secrets, "secrets", &ks_secret_kind, .flags = KS_F_OPEN,
        .check_key = ks_check_name, .doc = "libvirt's secrets, by name."),
    KS_ROW_MAP(struct ks_manifest, volumes, "volumes", &ks_pool_volumes_kind, .flags = KS_F_OPEN,
        .check_key = ks_check_name, .doc = "Storage volumes, by pool, then by name."),
    KS_ROW_MAP(struct ks_manifest, networks, "networks", &ks_network_kind, .flags = KS_F_OPEN,
        .check_key = ks_check_name, .doc = "libvirt's networks, by name."),
    KS_ROW_MAP(struct ks_manifest, profiles, "profiles", &ks_guest_kind, .flags = KS_F_POLICY | KS_F_OPEN,
        .check_key = ks_check_name, .doc = "Partial guests that guests name under profiles."),
    KS_ROW_MAP(struct ks_manifest, guests, "guests", &ks_guest_kind, .flags = KS_F_OPEN, .check_key = ks_check_name,
        .doc = "Guests, by name."),
};
const struct ks_kind ks_manifest_kind = KS_KIND(struct ks_manifest, manifest_rows, .name = "manifest",
    .doc = "What one host should look like.");
/* clang-format on */
