/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's network interface. */
#include <strings.h>

#include "schema/guest.h"

KS_ENUM_TABLE(drivers, "qemu", "vhost");
KS_ENUM_TABLE(links, "down", "up");

/* The cable of a nic can be plugged into another bridge or network; a passed-through function is another device. */
static enum ks_impact source_impact(const struct ks_change *change, bool running, enum ks_impact otherwise)
{
    const struct ks_nic *have = (const struct ks_nic *)change->have;

    if (!running || !have)
        return otherwise;
    return change->op == KS_SET && (ks_streq(have->type, "bridge") || ks_streq(have->type, "network")) ? KS_LIVE
                                                                                                       : KS_RESTART;
}

static const char *check_index(struct ks_arena *arena, const char **text)
{
    return ks_streq(*text, "auto") || !ks_check_number(arena, text) ? NULL : "a VF's number, or auto";
}

/* clang-format off */
#define RESTART .stopped = KS_SAFE, .running = KS_RESTART
#define LIVE(how) .stopped = KS_SAFE, .running = KS_LIVE, .live = (how)
#define SOURCE LIVE(KS_LIVE_DEVICE), .impact = source_impact, .codec = &ks_nic_source_codec

#define RATE(member, key, attr, text) KS_ROW_BYTERATE(struct ks_rate, member, key, LIVE(KS_LIVE_BANDWIDTH), \
    .fallback = "0B/s", .step = 1000, .xml = attr, .xml_unit = "=kB", .doc = text)
static const struct ks_field rate_rows[] = {
    RATE(average, "average", "@average", "The rate that is held."),
    RATE(peak, "peak", "@peak", "The rate at which a burst may go."),
    KS_ROW_SIZE(struct ks_rate, burst, "burst", LIVE(KS_LIVE_BANDWIDTH), .fallback = "0B", .step = 1000,
        .xml = "@burst", .xml_unit = "=kB", .doc = "How much may go at the peak rate."),
};
static const struct ks_kind rate_kind = KS_KIND(struct ks_rate, rate_rows, .name = "rate",
    .doc = "A limit of a nic's traffic in one direction.");

static const struct ks_field bandwidth_rows[] = {
    KS_ROW_OBJECT(struct ks_bandwidth, inbound, struct ks_rate, "inbound", &rate_kind, LIVE(KS_LIVE_BANDWIDTH),
        .xml = "inbound", .doc = "Towards the guest."),
    KS_ROW_OBJECT(struct ks_bandwidth, outbound, struct ks_rate, "outbound", &rate_kind, LIVE(KS_LIVE_BANDWIDTH),
        .xml = "outbound", .doc = "From the guest."),
};
static const struct ks_kind bandwidth_kind = KS_KIND(struct ks_bandwidth, bandwidth_rows, .name = "bandwidth",
    .doc = "Limits of a nic's traffic.");

static const struct ks_field vf_rows[] = {
    KS_ROW_STRING(struct ks_nic_vf, pf, "pf", RESTART, .doc = "The physical function: interface name or PCI address."),
    KS_ROW_STRING(struct ks_nic_vf, index, "index", RESTART, .check = check_index,
        .doc = "Which of its VFs; auto takes a free one and keeps it."),
    KS_ROW_STRING(struct ks_nic_vf, address, "address", RESTART, .check = ks_check_pci,
        .doc = "A VF by its own PCI address, in place of pf and index."),
};

static void validate_vf(const struct ks_obj *obj, struct ks_findings *f)
{
    if (obj->other)
        return;
    if (ks_has(obj, "address") == (ks_has(obj, "pf") && ks_has(obj, "index")) ||
        (ks_has(obj, "address") && (ks_has(obj, "pf") || ks_has(obj, "index"))))
        (void)ks_report(f, KS_E_INVALID, obj->at, "vf: expected pf and index, or address");
}

static const struct ks_kind vf_kind = KS_KIND(struct ks_nic_vf, vf_rows, .name = "vf",
    .doc = "A virtual function that is the nic.", .validate = validate_vf);

static const struct ks_field rows[] = {
    KS_ROW_STRING(struct ks_nic, bridge, "bridge", SOURCE, .check = ks_check_ifname,
        .doc = "A bridge of the host that it is plugged into."),
    KS_ROW_STRING(struct ks_nic, network, "network", SOURCE, .check = ks_check_name,
        .doc = "A libvirt network that it is plugged into."),
    KS_ROW_OBJECT(struct ks_nic, vf, struct ks_nic_vf, "vf", &vf_kind, RESTART, .codec = &ks_nic_source_codec,
        .doc = "A virtual function that is handed to the guest."),
    KS_ROW_STRING(struct ks_nic, mac, "mac", RESTART, .check = ks_check_mac, .xml = "mac/@address",
        .doc = "Its MAC address; by default derived from host, guest and nic. To the guest another address is "
               "another card: it changes at a restart."),
    KS_ROW_STRING(struct ks_nic, model, "model", RESTART, .check = ks_check_name, .xml = "model/@type",
        .doc = "The card that the guest sees; of a new one virtio."),
    KS_ROW_ENUM(struct ks_nic, driver, "driver", &drivers, RESTART, .xml = "driver/@name",
        .doc = "Who moves the packets of a virtio card: the kernel (vhost) or QEMU."),
    KS_ROW_UINT(struct ks_nic, queues, "queues", RESTART, .min = 1, .max = 256, .fallback = "1",
        .xml = "driver/@queues", .doc = "Queues of a virtio card."),
    KS_ROW_UINT(struct ks_nic, vlan, "vlan", RESTART, .max = 4094, .fallback = "0", .codec = &ks_nic_vlan_codec,
        .doc = "The VLAN that the host tags its traffic with; 0 is none."),
    KS_ROW_UINT(struct ks_nic, mtu, "mtu", RESTART, .min = 68, .max = 65535, .xml = "mtu/@size",
        .doc = "The MTU that the guest is told."),
    KS_ROW_ENUM(struct ks_nic, link, "link", &links, LIVE(KS_LIVE_DEVICE), .fallback = "up", .xml = "link/@state",
        .doc = "Whether the cable is plugged in."),
    KS_ROW_OBJECT(struct ks_nic, bandwidth, struct ks_bandwidth, "bandwidth", &bandwidth_kind,
        LIVE(KS_LIVE_BANDWIDTH), .xml = "bandwidth", .doc = "Limits of its traffic."),
    KS_ROW_STRING(struct ks_nic, vf_address, "vf-address", .flags = KS_F_HIDDEN, .codec = &ks_nic_source_facts_codec),
    KS_ROW_STRING(struct ks_nic, type, "type", .flags = KS_F_HIDDEN, .codec = &ks_nic_source_facts_codec),
    KS_ROW_BOOL(struct ks_nic, runtime, "runtime", .flags = KS_F_HIDDEN, .codec = &ks_nic_source_facts_codec),
};
/* clang-format on */

/* The MAC is what identifies a nic that carries no name of ours. */
static bool same(const struct ks_obj *want, const struct ks_obj *have)
{
    const struct ks_nic *w = (const struct ks_nic *)want, *h = (const struct ks_nic *)have;

    return w->mac && h->mac && strcasecmp(w->mac, h->mac) == 0;
}

/* Made from the address and not from the place, so that it stays when another nic goes: "nic-9731d7". */
static const char *make_key(struct ks_arena *arena, const struct ks_obj *have, size_t index)
{
    const char *mac = ((const struct ks_nic *)have)->mac;

    if (!mac || strlen(mac) != 17)
        return ks_sprintf(arena, "nic%zu", index);
    return ks_sprintf(arena, "nic-%.2s%.2s%.2s", mac + 9, mac + 12, mac + 15);
}

static void validate(const struct ks_obj *obj, struct ks_findings *f)
{
    const int n = ks_has(obj, "bridge") + ks_has(obj, "network") + ks_has(obj, "vf");

    if (n == 0 && (ks_stated(obj, "bridge") || ks_stated(obj, "network") || ks_stated(obj, "vf")))
        (void)ks_report(f, KS_E_INVALID, obj->at, "nic %s: it needs one of bridge, network and vf", obj->key);
    if (n > 1)
        (void)ks_report(f, KS_E_CONFLICT, obj->at, "nic %s: one of bridge, network and vf, not several", obj->key);
    if (ks_has(obj, "vf") && (ks_has(obj, "queues") || ks_has(obj, "driver") || ks_has(obj, "mtu")))
        (void)ks_report(f, KS_E_CONFLICT, obj->at, "nic %s: a vf has no driver, queues and mtu of the host's",
                        obj->key);
}

const struct ks_kind ks_nic_kind =
    KS_KIND(struct ks_nic, rows, .name = "nic", .doc = "A network interface.", .xml_alias = "alias/@name",
            .same = same, .make_key = make_key, .validate = validate);
