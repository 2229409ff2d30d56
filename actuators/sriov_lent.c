/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guests are owed while the number of VFs changes, and giving it back: by the run that took it, or, where that
 * was cut off, by the next one, which finds it in the ledger.
 */
#include "actuators/guest.h"
#include "actuators/sriov.h"
#include "schema/guest.h"
#include "schema/xml.h"

enum { AGREE_MS = 20000, POLL_MS = 100 };

void ks_lender_done(struct ks_lender *lender)
{
    if (lender->domain)
        (void)virDomainFree(lender->domain);
    lender->domain = NULL;
}

void ks_lenders_done(struct ks_lenders *lenders)
{
    for (size_t i = 0; i < lenders->v.n; i++)
        ks_lender_done(&lenders->v.v[i]);
    lenders->v.n = 0;
}

/* ---- devices ---- */

xmlDoc *ks_lender_doc(const struct ks_lender *lender, unsigned flags, struct ks_error *err)
{
    ks_auto(ks_freep) char *text = virDomainGetXMLDesc(lender->domain, flags | VIR_DOMAIN_XML_SECURE);
    xmlDoc *doc = NULL;

    if (!text)
        (void)ks_fail_virt(err, "read guest %s", lender->name);
    else
        (void)ks_xml_parse(text, strlen(text), &doc, err);
    return doc;
}

const xmlNode *ks_lender_devices(xmlDoc *doc)
{
    const xmlNode *devices = ks_xml_child(xmlDocGetRootElement(doc), "devices");

    return devices ? devices->children : NULL;
}

const char *ks_lender_source(struct ks_arena *arena, const xmlNode *device)
{
    const xmlNode *source = ks_xml_child(device, "source");
    const xmlNode *address = source ? ks_xml_child(source, "address") : NULL;

    if (!ks_xml_is(device, "interface") && !ks_xml_is(device, "hostdev"))
        return NULL;
    return address ? ks_pci_read(arena, address) : NULL;
}

static const char *mac_of(const xmlNode *device)
{
    const xmlNode *mac = ks_xml_child(device, "mac");

    return mac ? ks_xml_attr(mac, "address") : NULL;
}

static bool is_from_pool(const xmlNode *device)
{
    return ks_xml_is(device, "interface") && ks_streq(ks_xml_attr(device, "type"), "network");
}

const xmlNode *ks_lender_find(struct ks_arena *arena, xmlDoc *config, const xmlNode *live)
{
    const char *mac = mac_of(live), *source = ks_lender_source(arena, live);
    const xmlNode *pooled = NULL;

    for (const xmlNode *node = ks_lender_devices(config); node; node = node->next) {
        if (node->type != XML_ELEMENT_NODE || !ks_xml_is(node, (const char *)live->name))
            continue;
        if (source && ks_streq(ks_lender_source(arena, node), source))
            return node;
        if (mac && !pooled && is_from_pool(node) && ks_streq(mac_of(node), mac))
            pooled = node;
    }
    return pooled;
}

/* By its VF; with a MAC, by that too: a pool may have handed out another VF. */
static bool lists(struct ks_arena *arena, xmlDoc *live, const char *address, const char *mac)
{
    for (const xmlNode *node = ks_lender_devices(live); node; node = node->next) {
        const char *source = node->type == XML_ELEMENT_NODE ? ks_lender_source(arena, node) : NULL;
        if (source && (ks_streq(source, address) || (mac && ks_streq(mac_of(node), mac))))
            return true;
    }
    return false;
}

bool ks_lender_has(struct ks_acting *a, const struct ks_lender *lender, const struct ks_lent_device *device)
{
    ks_auto(ks_error_done) struct ks_error ignored = {0};
    ks_auto(ks_xml_docp) xmlDoc *live = ks_lender_doc(lender, 0, &ignored);

    return live && lists(a->arena, live, device->address, NULL);
}

static int count_left(struct ks_acting *a, const struct ks_lender *lender, size_t *ret, struct ks_error *err)
{
    ks_auto(ks_xml_docp) xmlDoc *live = NULL;

    *ret = 0;
    if (virDomainIsActive(lender->domain) != 1)
        return 0;
    live = ks_lender_doc(lender, 0, err);
    for (size_t i = 0; live && i < lender->lent.devices.n; i++)
        *ret += lists(a->arena, live, lender->lent.devices.v[i].address, NULL);
    return live ? 0 : -1;
}

int ks_lender_wait(struct ks_acting *a, const struct ks_lender *lender, struct ks_error *err)
{
    const uint64_t deadline = ks_now_ms() + AGREE_MS;
    size_t left;

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

/* ---- what is written down ---- */

int ks_lender_open(struct ks_acting *a, struct ks_lender *lender, struct ks_error *err)
{
    char uuid[VIR_UUID_STRING_BUFLEN], *boot = NULL;
    const char *boot_id = "proc/sys/kernel/random/boot_id";
    int state;

    if (ks_guest_lookup(a, lender->name, &lender->domain, err) < 0)
        return -1;
    state = ks_guest_power_state(lender->domain, err);
    if (state < 0)
        return -1;
    if (virDomainGetUUIDString(lender->domain, uuid) < 0)
        return ks_fail_virt(err, "read the UUID of guest %s", lender->name);
    if (ks_file_exists(a->root, boot_id) && ks_attr_read(a->root, boot_id, a->arena, &boot, err) < 0)
        return -1;
    lender->want = (const struct ks_guest *)ks_map_get(&a->want->guests, lender->name);
    lender->lent.boot = boot ? boot : "";
    lender->lent.uuid = ks_strdup(a->arena, uuid);
    lender->lent.id = (int)virDomainGetID(lender->domain);
    lender->lent.paused = state == VIR_DOMAIN_PAUSED;
    return 0;
}

int ks_lender_remember(struct ks_acting *a, const struct ks_lender *lender, struct ks_error *err)
{
    if (!a->keeping.note)
        return 0;
    return a->keeping.note(a->keeping.data, ks_lent_id(a->arena, lender->lent.pf, lender->name), KS_LENT_NOTE,
                           ks_lent_text(a->arena, &lender->lent), err);
}

static int forget(struct ks_acting *a, const struct ks_lender *lender, struct ks_error *err)
{
    if (!a->keeping.disown)
        return 0;
    return a->keeping.disown(a->keeping.data, ks_lent_id(a->arena, lender->lent.pf, lender->name), err);
}

/* ---- giving back ---- */

struct ks_step ks_lender_power(const struct ks_step *step, const struct ks_lender *lender)
{
    return (struct ks_step){.id = step->id,
                            .kind = "guest",
                            .name = lender->name,
                            .action = KS_ACT_RESTART,
                            .want = lender->want ? &lender->want->o : NULL};
}

static int attach(struct ks_acting *a, const struct ks_step *step, const struct ks_lender *lender,
                  const struct ks_lent_device *device, const xmlNode *node, struct ks_error *err)
{
    char *text = ks_xml_text((xmlNode *)(uintptr_t)node);
    int r;

    ks_tell(a, step, ks_sprintf(a->arena, "giving %s back to guest %s", device->address, lender->name), -1);
    r = virDomainAttachDeviceFlags(lender->domain, text, VIR_DOMAIN_AFFECT_LIVE);
    xmlFree(text);
    return r < 0 ? ks_fail_virt(err, "give %s back to guest %s", device->address, lender->name) : 0;
}

/*
 * As its definition has it now; what that had and has no more is somebody's wish. One that does not exist any more
 * is the business of the guest's own step: the manifest says what it has instead.
 */
static int give(struct ks_acting *a, const struct ks_step *step, const struct ks_lender *lender,
                const struct ks_lent_device *device, struct ks_error *err)
{
    ks_auto(ks_xml_docp) xmlDoc *node_doc = NULL;
    ks_auto(ks_xml_docp) xmlDoc *config = NULL;
    ks_auto(ks_xml_docp) xmlDoc *live = NULL;
    const xmlNode *node;

    if (!ks_file_exists(a->root, ks_sprintf(a->arena, "sys/bus/pci/devices/%s", device->address)))
        return 0;
    if (ks_xml_parse(device->live, strlen(device->live), &node_doc, err) < 0)
        return ks_wrap(err, "%s of guest %s", device->address, lender->name);
    node = xmlDocGetRootElement(node_doc);
    if (device->defined) {
        config = ks_lender_doc(lender, VIR_DOMAIN_XML_INACTIVE, err);
        if (!config)
            return -1;
        node = ks_lender_find(a->arena, config, node);
    }
    live = ks_lender_doc(lender, 0, err);
    if (!live)
        return -1;
    if (!node || lists(a->arena, live, device->address, is_from_pool(node) ? mac_of(node) : NULL))
        return 0;
    return attach(a, step, lender, device, node, err);
}

static int start_again(struct ks_acting *a, const struct ks_step *step, const struct ks_lender *lender,
                       struct ks_error *err)
{
    const struct ks_step power = ks_lender_power(step, lender);

    if (lender->want && ks_has(&lender->want->o, "state") && lender->want->state == KS_GUEST_STOPPED)
        return 0;
    return ks_guest_start(a, &power, lender->domain, lender->lent.paused, err);
}

static int give_back_to(struct ks_acting *a, const struct ks_step *step, struct ks_lender *lender,
                        struct ks_error *err)
{
    lender->lent.giving = true;
    if (ks_lender_remember(a, lender, err) < 0)
        return -1;
    if (virDomainIsActive(lender->domain) == 1) {
        for (size_t i = 0; i < lender->lent.devices.n; i++)
            if (give(a, step, lender, &lender->lent.devices.v[i], err) < 0)
                return -1;
    } else if (lender->lent.off && start_again(a, step, lender, err) < 0) {
        return -1;
    }
    return forget(a, lender, err);
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

/* ---- for a run that was cut off ---- */

static const struct ks_lent *owed_by(struct ks_acting *a, const struct ks_step *step)
{
    const struct ks_seen_guest *seen = step->seen;

    for (size_t i = 0; i < seen->lents.v.n; i++)
        if (ks_streq(step->id, ks_lent_step_id(a->arena, seen->lents.v.v[i].pf, step->name)))
            return &seen->lents.v.v[i];
    return NULL;
}

/* It was off since: what it has now is somebody else's doing. */
static bool is_over(const struct ks_lender *lender, const struct ks_lent *owed)
{
    if (!ks_streq(lender->lent.uuid, owed->uuid) || !ks_streq(lender->lent.boot, owed->boot))
        return true;
    return virDomainIsActive(lender->domain) == 1 ? lender->lent.id != owed->id : !owed->off;
}

int ks_guest_give_back(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    const struct ks_lent *owed = owed_by(a, step);
    ks_auto(ks_lender_done) struct ks_lender lender = {.name = step->name};

    if (!owed)
        return ks_fail(err, KS_E_BUG, KS_NOWHERE, "nothing is owed to guest %s", step->name);
    lender.lent.pf = owed->pf;
    if (ks_lender_open(a, &lender, err) < 0)
        return -1;
    if (a->dry_run)
        return *ret = KS_WOULD_CHANGE, 0;
    *ret = KS_CHANGED;
    if (is_over(&lender, owed))
        return forget(a, &lender, err);
    lender.lent = *owed;
    /* It may have been asked for its VFs, or to shut down, and answer only now. */
    if (!owed->giving && ks_lender_wait(a, &lender, err) < 0)
        return -1;
    return give_back_to(a, step, &lender, err);
}
