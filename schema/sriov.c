/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SR-IOV: a physical function, its virtual functions and their attributes. */
#include "schema/kinds.h"

/* The order is the kernel's: IFLA_VF_LINK_STATE_AUTO, _ENABLE, _DISABLE. */
KS_ENUM_TABLE(link_states, "auto", "enable", "disable");

enum { MBIT = 1000000 }; /* IFLA_VF_RATE counts Mbit/s */

/* clang-format off */
#define LIVE .stopped = KS_LIVE, .running = KS_LIVE
#define NETWORK .stopped = KS_NETWORK, .running = KS_NETWORK

static const struct ks_field vf_rows[] = {
    KS_ROW_STRING(struct ks_vf, mac, "mac", NETWORK, .check = ks_check_mac,
        .doc = "Its MAC address, set on the PF before anybody is handed the VF."),
    KS_ROW_STRING(struct ks_vf, driver, "driver", NETWORK, .check = ks_check_name,
        .doc = "keep, vfio-pci, pci-stub, or a driver's name; by default what the PF says."),
    KS_ROW_UINT(struct ks_vf, vlan, "vlan", NETWORK, .max = 4094, .doc = "Its VLAN; 0 is none."),
    KS_ROW_UINT(struct ks_vf, qos, "qos", NETWORK, .max = 7, .doc = "The priority in its VLAN tags."),
    KS_ROW_BOOL(struct ks_vf, spoof_check, "spoof-check", LIVE,
        .doc = "Drops what it sends from another MAC address than its own."),
    KS_ROW_BOOL(struct ks_vf, trust, "trust", LIVE,
        .doc = "Lets it ask for promiscuous mode and other MAC addresses."),
    KS_ROW_ENUM(struct ks_vf, link_state, "link-state", &link_states, NETWORK,
        .doc = "What it sees of the link: as the PF's (auto), always up (enable), always down (disable)."),
    KS_ROW_BITRATE(struct ks_vf, min_rate, "min-rate", LIVE, .step = MBIT, .max = (uint64_t)UINT32_MAX * MBIT,
        .doc = "Bandwidth that it has for sure; 0Mbit is none."),
    KS_ROW_BITRATE(struct ks_vf, max_rate, "max-rate", LIVE, .step = MBIT, .max = (uint64_t)UINT32_MAX * MBIT,
        .doc = "Bandwidth that it does not pass; 0Mbit is without limit."),
};

static const struct ks_field sriov_rows[] = {
    KS_ROW_UINT(struct ks_sriov, vfs, "vfs", NETWORK, .max = 65535,
        .doc = "How many VFs it has (sriov_numvfs); another number than 0 or the present one destroys all first. "
               "Running guests of the manifest give up theirs and get them back, which takes consent to restart; "
               "any other holder blocks it."),
    KS_ROW_UINT(struct ks_sriov, mtu, "mtu", NETWORK, .min = 68, .max = 65535, .doc = "The PF's MTU."),
    KS_ROW_STRING(struct ks_sriov, driver, "driver", NETWORK, .check = ks_check_name,
        .doc = "What its VFs are bound to unless they say otherwise: keep, vfio-pci, pci-stub, or a driver's name."),
    KS_ROW_OBJECT(struct ks_sriov, each, struct ks_vf, "each", &ks_vf_kind, .flags = KS_F_POLICY,
        .doc = "What every VF has unless it says otherwise."),
    KS_ROW_MAP(struct ks_sriov, vf, "vf", &ks_vf_kind, NETWORK, .flags = KS_F_OPEN, .check_key = ks_check_number,
        .doc = "Attributes of single VFs, by index."),
};
/* clang-format on */

static void validate_vf(const struct ks_obj *obj, struct ks_findings *f)
{
    const struct ks_vf *vf = (const struct ks_vf *)obj;

    if (ks_has(obj, "min-rate") && ks_has(obj, "max-rate") && vf->max_rate && vf->min_rate > vf->max_rate)
        ks_report(f, KS_E_CONFLICT, ks_at(obj, "min-rate"), "min-rate is more than max-rate");
    if (ks_has(obj, "qos") && vf->qos && ks_has(obj, "vlan") && !vf->vlan)
        ks_report(f, KS_E_CONFLICT, ks_at(obj, "qos"), "qos needs a vlan");
}

static void validate_sriov(const struct ks_obj *obj, struct ks_findings *f)
{
    const struct ks_sriov *pf = (const struct ks_sriov *)obj;

    if (ks_has(obj, "each") && ks_has(&pf->each->o, "mac"))
        ks_report(f, KS_E_INVALID, ks_at(&pf->each->o, "mac"),
                  "mac: two VFs cannot have the same: give it to one VF");
    for (size_t i = 0; ks_has(obj, "vfs") && i < pf->vf.n; i++)
        if (strtoull(pf->vf.v[i]->key, NULL, 10) >= pf->vfs)
            ks_report(f, KS_E_CONFLICT, pf->vf.v[i]->at, "vf %s: there are %llu VFs, counted from 0",
                      pf->vf.v[i]->key, (unsigned long long)pf->vfs);
}

const struct ks_kind ks_vf_kind = KS_KIND(struct ks_vf, vf_rows, .name = "vf",
                                          .doc = "A virtual function's attributes.", .validate = validate_vf);
const struct ks_kind ks_sriov_kind =
    KS_KIND(struct ks_sriov, sriov_rows, .name = "sriov",
            .doc = "SR-IOV of a physical function, by interface name or PCI address.", .validate = validate_sriov);

/* One member over another; null is the number 0, and nothing at all for what is none. */
static void take(struct ks_vf *ret, const struct ks_vf *from, unsigned i)
{
    const struct ks_field *field = &ks_vf_kind.fields[i];
    void *to = ks_member(&ret->o, field);
    const void *value = ks_member(&from->o, field);

    if (ks_null_i(&from->o, i) && field->type != KS_UINT && field->type != KS_BITRATE)
        return;
    switch (field->type) {
    case KS_STRING:
        *(const char **)to = *(const char *const *)value;
        break;
    case KS_BOOL:
        *(bool *)to = *(const bool *)value;
        break;
    case KS_ENUM:
        *(unsigned *)to = *(const unsigned *)value;
        break;
    default:
        *(uint64_t *)to = ks_null_i(&from->o, i) ? 0 : *(const uint64_t *)value;
    }
    ret->o.stated |= UINT64_C(1) << i;
}

struct ks_vf *ks_vf_merged(struct ks_arena *arena, const struct ks_sriov *pf, unsigned index)
{
    const char *key = ks_sprintf(arena, "%u", index);
    const struct ks_vf *own = (const struct ks_vf *)ks_map_get(&pf->vf, key);
    struct ks_vf *ret = (struct ks_vf *)ks_obj_new(arena, &ks_vf_kind, key);

    ret->o.at = own ? own->o.at : pf->o.at;
    for (unsigned i = 0; i < ks_vf_kind.n_fields; i++) {
        if (own && ks_stated_i(&own->o, i))
            take(ret, own, i);
        else if (pf->each && ks_stated_i(&pf->each->o, i))
            take(ret, pf->each, i);
    }
    if (!ret->driver && ks_has(&pf->o, "driver")) {
        ret->driver = pf->driver;
        ks_mark(&ret->o, "driver");
    }
    if (ks_streq(ret->driver, "keep")) {
        ret->driver = NULL;
        ks_unmark(&ret->o, "driver");
    }
    return ret;
}
