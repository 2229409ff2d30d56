/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VFs that are in use while their number changes. What is taken from a running guest stays in its definition, so
 * that a run which is cut off here leaves a difference that the next plan sees.
 */
#include "actuators/sriov.h"

#include "actuators/guest.h"
#include "schema/guest.h"
#include "schema/xml.h"

enum { AGREE_MS = 20000, POLL_MS = 100 };

void ks_lenders_done(struct ks_lenders *lenders)
{
    for (size_t i = 0; i < lenders->v.n; i++)
        (void)virDomainFree(lenders->v.v[i].domain);
    lenders->v.n = 0;
}

/* ---- once more, who holds them ---- */

static bool affects(const struct ks_step *step, const char *holder)
{
    for (size_t i = 0; i < step->affects.n; i++)
        if (ks_streq(step->affects.v[i], holder))
            return true;
    return false;
}

static bool was_planned_for(const struct ks_seen_pf *planned, const struct ks_seen_vf *vf, const char *holder)
{
    for (size_t i = 0; i < planned->n_vfs; i++)
        for (size_t k = 0; planned->vfs[i].index == vf->index && k < planned->vfs[i].n_holders; k++)
            if (ks_streq(planned->vfs[i].holders[k], holder))
                return true;
    return false;
}

static int check_holder(const struct ks_step *step, const struct ks_seen_pf *planned, const struct ks_observed *now,
                        const struct ks_seen_vf *vf, const char *holder, struct ks_error *err)
{
    const char *guest = ks_starts(holder, "guest/") ? holder + strlen("guest/") : NULL;

    if (guest && ks_seen_runs_with(ks_seen_guest(now, guest), vf->address))
        return affects(step, holder)
                   ? 0
                   : ks_fail(err, KS_E_BLOCKED, KS_NOWHERE, "VF %u: guest %s runs with it since this was planned",
                             vf->index, guest);
    if (was_planned_for(planned, vf, holder))
        return 0;
    return ks_fail(err, KS_E_BLOCKED, KS_NOWHERE, "VF %u is held by %s%s since this was planned", vf->index,
                   guest ? "guest " : "", guest ? guest : holder);
}

/* All VFs change hands with their number, else those that get another driver. */
static bool changes_hands(struct ks_acting *a, const struct ks_step *step, const struct ks_seen_vf *vf)
{
    const char *driver = ks_sprintf(a->arena, "vf.%u.driver", vf->index);

    for (size_t i = 0; i < step->fields.n; i++)
        if (ks_streq(step->fields.v[i].path, "vfs") || ks_streq(step->fields.v[i].path, driver))
            return true;
    return false;
}

int ks_sriov_recheck(struct ks_acting *a, const struct ks_step *step, const struct ks_seen_pf *planned,
                     struct ks_error *err)
{
    struct ks_observed now = {0};
    const struct ks_seen_pf *pf;

    if (a->dry_run || !a->looking.look)
        return 0;
    if (a->looking.look(a->looking.data, a->arena, &now, err) < 0)
        return ks_wrap(err, "looking for who holds its VFs");
    pf = ks_seen_pf(&now, planned->address);
    if (!pf)
        return ks_fail(err, KS_E_STALE, KS_NOWHERE, "%s is no longer there, or has no SR-IOV any more",
                       planned->address);
    if (now.holders_unknown)
        return ks_fail(err, KS_E_BLOCKED, KS_NOWHERE, "it is not known who holds its VFs: %s", now.holders_unknown);
    for (size_t i = 0; i < pf->n_vfs; i++)
        for (size_t k = 0; changes_hands(a, step, &pf->vfs[i]) && k < pf->vfs[i].n_holders; k++)
            if (check_holder(step, planned, &now, &pf->vfs[i], pf->vfs[i].holders[k], err) < 0)
                return -1;
    return 0;
}

/* ---- a guest's devices ---- */

/* The PCI device that a <hostdev>, or an <interface> that is one, passes through; else NULL. */
static const char *source_of(struct ks_arena *arena, const xmlNode *device)
{
    const bool is_nic = strcmp((const char *)device->name, "interface") == 0;
    const xmlNode *source = ks_xml_child(device, "source");
    const xmlNode *address = source ? ks_xml_child(source, "address") : NULL;

    if (!is_nic && strcmp((const char *)device->name, "hostdev") != 0)
        return NULL;
    return address ? ks_pci_read(arena, address) : NULL;
}

static const char *mac_of(const xmlNode *device)
{
    const xmlNode *mac = ks_xml_child(device, "mac");

    return mac ? ks_xml_attr(mac, "address") : NULL;
}

static const char *is_vf_of(const struct ks_seen_pf *pf, const char *address)
{
    for (size_t i = 0; address && i < pf->n_vfs; i++)
        if (ks_streq(pf->vfs[i].address, address))
            return pf->vfs[i].address;
    return NULL;
}

static xmlDoc *read_doc(virDomainPtr domain, unsigned flags, struct ks_error *err)
{
    ks_auto(ks_freep) char *text = virDomainGetXMLDesc(domain, flags);
    xmlDoc *doc = NULL;

    if (!text)
        (void)ks_fail_virt(err, "read guest %s", virDomainGetName(domain));
    else
        (void)ks_xml_parse(text, strlen(text), &doc, err);
    return doc;
}

static const xmlNode *first_device(xmlDoc *doc)
{
    const xmlNode *devices = ks_xml_child(xmlDocGetRootElement(doc), "devices");

    return devices ? devices->children : NULL;
}

static const char *kept_text(struct ks_arena *arena, const xmlNode *node)
{
    char *text = ks_xml_text((xmlNode *)(uintptr_t)node);
    const char *ret = ks_strdup(arena, text);

    xmlFree(text);
    return ret;
}

/* The same device in the definition: a nic from a pool of VFs looks different there, but has its MAC. */
static const char *config_of(struct ks_arena *arena, xmlDoc *config, const xmlNode *live)
{
    const char *mac = mac_of(live), *source = source_of(arena, live);

    for (const xmlNode *node = first_device(config); node; node = node->next) {
        if (node->type != XML_ELEMENT_NODE || strcmp((const char *)node->name, (const char *)live->name) != 0)
            continue;
        if (mac ? ks_streq(mac_of(node), mac) : ks_streq(source_of(arena, node), source))
            return kept_text(arena, node);
    }
    return NULL;
}

static int find_devices(struct ks_acting *a, const struct ks_seen_pf *pf, struct ks_lender *lender,
                        struct ks_error *err)
{
    ks_auto(ks_xml_docp) xmlDoc *live = read_doc(lender->domain, VIR_DOMAIN_XML_SECURE, err);
    ks_auto(ks_xml_docp) xmlDoc *config = NULL;

    if (!live)
        return -1;
    if (virDomainIsPersistent(lender->domain) == 1 &&
        !(config = read_doc(lender->domain, VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_INACTIVE, err)))
        return -1;
    for (const xmlNode *node = first_device(live); node; node = node->next) {
        const char *address = node->type == XML_ELEMENT_NODE ? is_vf_of(pf, source_of(a->arena, node)) : NULL;
        if (address)
            *ks_vec_add(a->arena, &lender->devices) =
                (struct ks_lent){.address = address,
                                 .live = kept_text(a->arena, node),
                                 .config = config ? config_of(a->arena, config, node) : NULL};
    }
    return 0;
}

/* ---- taking ---- */

static int count_left(struct ks_acting *a, const struct ks_lender *lender, size_t *ret, struct ks_error *err)
{
    ks_auto(ks_xml_docp) xmlDoc *live = NULL;

    *ret = 0;
    if (virDomainIsActive(lender->domain) != 1)
        return 0;
    live = read_doc(lender->domain, 0, err);
    if (!live)
        return -1;
    for (const xmlNode *node = first_device(live); node; node = node->next) {
        const char *source = node->type == XML_ELEMENT_NODE ? source_of(a->arena, node) : NULL;
        for (size_t i = 0; source && i < lender->devices.n; i++)
            *ret += ks_streq(lender->devices.v[i].address, source);
    }
    return 0;
}

/* 1: it let go of all of them; 0: not in time. */
static int detach(struct ks_acting *a, const struct ks_step *step, struct ks_lender *lender, struct ks_error *err)
{
    const uint64_t deadline = ks_now_ms() + AGREE_MS;
    size_t left;

    for (size_t i = 0; i < lender->devices.n; i++) {
        ks_tell(a, step,
                ks_sprintf(a->arena, "taking %s from guest %s", lender->devices.v[i].address, lender->name), -1);
        if (virDomainDetachDeviceFlags(lender->domain, lender->devices.v[i].live, VIR_DOMAIN_AFFECT_LIVE) < 0)
            return 0; /* busy, or not to be unplugged at all: shutting down is left */
    }
    for (;;) {
        if (count_left(a, lender, &left, err) < 0)
            return -1;
        if (left == 0)
            return 1;
        if (ks_now_ms() >= deadline)
            return 0;
        if (ks_pause(a, POLL_MS, err) < 0)
            return -1;
    }
}

static struct ks_step power_step(const struct ks_step *step, const struct ks_lender *lender)
{
    return (struct ks_step){.id = step->id,
                            .kind = "guest",
                            .name = lender->name,
                            .action = KS_ACT_RESTART,
                            .want = lender->want ? &lender->want->o : NULL};
}

static int take_from(struct ks_acting *a, const struct ks_step *step, struct ks_lender *lender,
                     struct ks_error *err)
{
    const struct ks_step power = power_step(step, lender);
    const int agreed = detach(a, step, lender, err);

    if (agreed != 0)
        return agreed < 0 ? -1 : 0;
    if (virDomainIsPersistent(lender->domain) != 1)
        return ks_fail(err, KS_E_TIMEOUT, KS_NOWHERE,
                       "it does not let go of its VF, and has no definition to be started from again");
    ks_tell(a, step, ks_sprintf(a->arena, "guest %s does not let go of its VF: shutting it down", lender->name),
            -1);
    if (ks_guest_stop(a, &power, lender->domain, err) < 0)
        return ks_wrap(err, "it does not let go of its VF while it runs");
    lender->off = true;
    return 0;
}

static int lend(struct ks_acting *a, const struct ks_step *step, const char *name, const struct ks_seen_pf *pf,
                struct ks_lenders *ret, struct ks_error *err)
{
    struct ks_lender lender = {.name = name};
    int state;

    if (ks_guest_lookup(a, name, &lender.domain, err) < 0)
        return -1;
    lender.want = (const struct ks_guest *)ks_map_get(&a->want->guests, name);
    state = ks_guest_power_state(lender.domain, err);
    lender.paused = state == VIR_DOMAIN_PAUSED;
    if (state < 0 || (virDomainIsActive(lender.domain) == 1 && find_devices(a, pf, &lender, err) < 0)) {
        (void)virDomainFree(lender.domain);
        return -1;
    }
    if (lender.devices.n == 0) {
        (void)virDomainFree(lender.domain);
        return 0;
    }
    *ks_vec_add(a->arena, &ret->v) = lender;
    return take_from(a, step, &ret->v.v[ret->v.n - 1], err);
}

int ks_sriov_take(struct ks_acting *a, const struct ks_step *step, const struct ks_seen_pf *pf,
                  struct ks_lenders *ret, struct ks_error *err)
{
    for (size_t i = 0; !a->dry_run && i < step->affects.n; i++) {
        ks_auto(ks_error_done) struct ks_error second = {0};
        const char *name = step->affects.v[i] + strlen("guest/");
        if (!ks_starts(step->affects.v[i], "guest/") || lend(a, step, name, pf, ret, err) == 0)
            continue;
        if (ks_sriov_give_back(a, step, ret, &second) < 0)
            return ks_wrap(err, "guest %s (and afterwards: %s)", name, ks_error_text(a->arena, &second));
        return ks_wrap(err, "guest %s", name);
    }
    return 0;
}

/* ---- giving back ---- */

static bool has_device(struct ks_acting *a, const struct ks_lender *lender, const char *address)
{
    const struct ks_lender one = {.domain = lender->domain,
                                  .devices = {.n = 1, .v = (struct ks_lent[]){{.address = address}}}};
    ks_auto(ks_error_done) struct ks_error ignored = {0};
    size_t left;

    return count_left(a, &one, &left, &ignored) == 0 && left > 0;
}

/* One that does not exist any more is the business of the guest's own step: the manifest says what it has instead.
 */
static int attach(struct ks_acting *a, const struct ks_step *step, const struct ks_lender *lender,
                  const struct ks_lent *device, struct ks_error *err)
{
    const char *xml = device->config ? device->config : device->live;

    if (!ks_file_exists(a->root, ks_sprintf(a->arena, "sys/bus/pci/devices/%s", device->address)) ||
        has_device(a, lender, device->address))
        return 0;
    ks_tell(a, step, ks_sprintf(a->arena, "giving %s back to guest %s", device->address, lender->name), -1);
    if (virDomainAttachDeviceFlags(lender->domain, xml, VIR_DOMAIN_AFFECT_LIVE) < 0)
        return ks_fail_virt(err, "give %s back to guest %s", device->address, lender->name);
    return 0;
}

static int start_again(struct ks_acting *a, const struct ks_step *step, const struct ks_lender *lender,
                       struct ks_error *err)
{
    const struct ks_step power = power_step(step, lender);

    if (lender->want && ks_has(&lender->want->o, "state") && lender->want->state == KS_GUEST_STOPPED)
        return 0;
    return ks_guest_start(a, &power, lender->domain, lender->paused, err);
}

static int give_back_to(struct ks_acting *a, const struct ks_step *step, const struct ks_lender *lender,
                        struct ks_error *err)
{
    if (lender->off)
        return start_again(a, step, lender, err);
    for (size_t i = 0; virDomainIsActive(lender->domain) == 1 && i < lender->devices.n; i++)
        if (attach(a, step, lender, &lender->devices.v[i], err) < 0)
            return -1;
    return 0;
}

int ks_sriov_give_back(struct ks_acting *a, const struct ks_step *step, struct ks_lenders *lenders,
                       struct ks_error *err)
{
    int ret = 0;

    for (size_t i = 0; i < lenders->v.n; i++) {
        struct ks_error failed = {0};
        if (give_back_to(a, step, &lenders->v.v[i], &failed) == 0)
            continue;
        if (ret == 0)
            *err = failed;
        else
            ks_error_done(&failed);
        ret = -1;
    }
    ks_lenders_done(lenders);
    return ret;
}
