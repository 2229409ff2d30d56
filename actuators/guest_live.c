/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a running guest takes without being off: devices come, go and change by their XML, the rest by its own call
 * (guest_tune.c). Detaching is a request that the guest's driver answers in its own time.
 */
#include "actuators/guest.h"
#include "schema/xml.h"

enum { AGREE_MS = 20000, BALLOON_MS = 5000, POLL_MS = 100 };

struct live {
    struct ks_acting *a;
    const struct ks_step *step;
    virDomainPtr domain;
    struct ks_guest_doc d;
    KS_VEC(const struct ks_change *) picks;
    KS_VEC(const xmlNode *) updated; /* device elements that one update has sent already */
};

static void live_done(struct live *l)
{
    ks_guest_doc_done(&l->d);
}

/* The element under <devices> that a change lies in, or NULL. */
static xmlNode *device_of(const struct ks_change *change)
{
    for (const struct ks_place *place = change->place; place; place = place->up) {
        xmlNode *node = place->have ? place->have->xml : NULL;
        if (node && node->parent && node->parent->type == XML_ELEMENT_NODE &&
            strcmp((const char *)node->parent->name, "devices") == 0)
            return node;
    }
    return NULL;
}

static bool is_entry(const struct ks_change *change)
{
    return ks_change_row(change)->live == KS_LIVE_ATTACH && (change->op == KS_ADD || change->op == KS_REMOVE);
}

/* The element that an addition made in the live document. */
static xmlNode *added_element(struct live *l, const struct ks_change *change)
{
    struct ks_obj *guest = ks_obj_new(l->a->arena, &ks_guest_kind, NULL);
    const struct ks_obj *entry;

    ks_xml_read(l->a->arena, xmlDocGetRootElement(l->d.doc), guest);
    entry = ks_match(ks_member(guest, change->field), change->entry);
    return entry ? entry->xml : NULL;
}

static int attach_node(struct live *l, const struct ks_change *change, xmlNode *node, struct ks_error *err)
{
    char *text = ks_xml_text(node);
    int r;

    ks_tell(l->a, l->step, ks_sprintf(l->a->arena, "attaching %s", change->path), -1);
    r = virDomainAttachDeviceFlags(l->domain, text, VIR_DOMAIN_AFFECT_LIVE);
    xmlFree(text);
    return r < 0 ? ks_fail_virt(err, "attach %s", change->path) : 0;
}

static int detach_node(struct live *l, const struct ks_change *change, xmlNode *node, struct ks_error *err)
{
    char *text = ks_xml_text(node);
    int r;

    ks_tell(l->a, l->step, ks_sprintf(l->a->arena, "detaching %s", change->path), -1);
    r = virDomainDetachDeviceFlags(l->domain, text, VIR_DOMAIN_AFFECT_LIVE);
    xmlFree(text);
    return r < 0 ? ks_fail_virt(err, "detach %s", change->path) : 0;
}

static int detach(struct live *l, const struct ks_change *change, struct ks_error *err)
{
    if (!change->entry->xml)
        return ks_fail(err, KS_E_BUG, KS_NOWHERE, "%s has no element to detach", change->path);
    return detach_node(l, change, change->entry->xml, err);
}

static int attach(struct live *l, const struct ks_change *change, struct ks_error *err)
{
    xmlNode *node;

    if (ks_xml_apply(xmlDocGetRootElement(l->d.doc), change, err) < 0)
        return ks_wrap(err, "in %s", change->path);
    node = added_element(l, change);
    if (!node)
        return ks_fail(err, KS_E_BUG, KS_NOWHERE, "%s was added, and is not there", change->path);
    return attach_node(l, change, node, err);
}

static bool is_wanted_there(const struct ks_change *change)
{
    return change->op == KS_SET && *(const bool *)ks_member(change->want, change->field);
}

/* A device that a field says is there or not. */
static int change_presence(struct live *l, const struct ks_change *change, struct ks_error *err)
{
    xmlNode *root = xmlDocGetRootElement(l->d.doc), *node = NULL;

    if (is_wanted_there(change)) {
        if (ks_xml_apply(root, change, err) < 0)
            return ks_wrap(err, "in %s", change->path);
        node = ks_xml_find(root, change->field->xml, NULL);
        return node ? attach_node(l, change, node, err)
                    : ks_fail(err, KS_E_BUG, KS_NOWHERE, "%s was added, and is not there", change->path);
    }
    while ((node = ks_xml_each(root, change->field->xml, NULL, node)))
        if (detach_node(l, change, node, err) < 0)
            return -1;
    return 0;
}

static bool is_updated(const struct live *l, const xmlNode *device)
{
    for (size_t i = 0; i < l->updated.n; i++)
        if (l->updated.v[i] == device)
            return true;
    return false;
}

/* One call for all that changes in a device. */
static int update(struct live *l, const struct ks_change *change, xmlNode *device, struct ks_error *err)
{
    const unsigned live = VIR_DOMAIN_AFFECT_LIVE;
    bool media = false;
    char *text;
    int r;

    if (is_updated(l, device))
        return 0;
    *ks_vec_add(l->a->arena, &l->updated) = device;
    for (size_t i = 0; i < l->picks.n; i++) {
        const struct ks_change *other = l->picks.v[i];
        if (is_entry(other) || device_of(other) != device)
            continue;
        if (ks_xml_apply(xmlDocGetRootElement(l->d.doc), other, err) < 0)
            return ks_wrap(err, "in %s", other->path);
        media = media || ks_change_row(other)->live == KS_LIVE_MEDIA;
    }
    text = ks_xml_text(device);
    r = virDomainUpdateDeviceFlags(l->domain, text, live);
    /* A guest that locks the tray is overruled, as pulling the lever would. */
    if (r < 0 && media)
        r = virDomainUpdateDeviceFlags(l->domain, text, live | VIR_DOMAIN_DEVICE_MODIFY_FORCE);
    xmlFree(text);
    return r < 0 ? ks_fail_virt(err, "change %s", change->path) : 0;
}

static bool by_update(const struct ks_change *change)
{
    switch (ks_change_row(change)->live) {
    case KS_LIVE_DEVICE:
    case KS_LIVE_MEDIA:
    case KS_LIVE_BANDWIDTH:
        return true;
    default:
        return false;
    }
}

static int carry_out(struct live *l, const struct ks_change *change, struct ks_error *err)
{
    xmlNode *device = device_of(change);

    if (is_entry(change))
        return change->op == KS_REMOVE ? detach(l, change, err) : attach(l, change, err);
    if (ks_change_row(change)->live == KS_LIVE_PRESENCE)
        return change_presence(l, change, err);
    if (by_update(change) && device)
        return update(l, change, device, err);
    return ks_guest_tune(l->a, l->domain, change, err);
}

static int pick(struct live *l, struct ks_error *err)
{
    for (size_t i = 0; i < l->step->fields.n; i++) {
        const struct ks_plan_field *field = &l->step->fields.v[i];
        const struct ks_change *change = field->live ? ks_changes_find(&l->d.changes, field->path) : NULL;
        const char *from = field->live_from ? field->live_from : field->from;
        if (!change)
            continue;
        if (change->op != field->op || !ks_streq(change->from, from))
            return ks_fail(err, KS_E_STALE, KS_NOWHERE,
                           "running guest %s: %s was %s when this was planned, and is %s now", l->step->name,
                           field->path, from ? from : "unset", change->from ? change->from : "unset");
        *ks_vec_add(l->a->arena, &l->picks) = change;
    }
    return 0;
}

/* Fields of which the live XML shows nothing are written live when the definition changes. */
static void pick_opaque(struct live *l, const struct ks_changes *config)
{
    for (size_t i = 0; i < l->step->fields.n; i++) {
        const struct ks_plan_field *field = &l->step->fields.v[i];
        const struct ks_change *change = field->live ? ks_changes_find(config, field->path) : NULL;
        if (change && ks_change_row(change)->flags & KS_F_OPAQUE)
            *ks_vec_add(l->a->arena, &l->picks) = change;
    }
}

/* What is asked of the guest itself and answered later. */
static bool is_request(const struct ks_change *change)
{
    if (ks_change_row(change)->live == KS_LIVE_PRESENCE)
        return !is_wanted_there(change);
    return (is_entry(change) && change->op == KS_REMOVE) || ks_change_row(change)->live == KS_LIVE_MEMORY ||
           ks_change_row(change)->live == KS_LIVE_VCPUS;
}

/* Reads until all is as planned. 1: all is; 0: only requests are left; -1: something else did not hold. */
static int settle(struct live *l, struct ks_error *err)
{
    const uint64_t start = ks_now_ms();

    for (;;) {
        ks_auto(ks_guest_doc_done) struct ks_guest_doc now = {0};
        const struct ks_change *left = NULL, *broken = NULL;
        if (ks_guest_doc_read(l->a, l->domain, 0, (const struct ks_guest *)l->step->want, &now, err) < 0)
            return -1;
        for (size_t i = 0; i < l->picks.n; i++) {
            const struct ks_change *change = ks_changes_find(&now.changes, l->picks.v[i]->path);
            if (change && is_request(l->picks.v[i]))
                left = change;
            else if (change && !ks_live_is_settled(change, &l->a->have->cpus))
                broken = change;
        }
        if (broken)
            return ks_fail(err, KS_E_VERIFY, KS_NOWHERE, "running guest %s: %s was set to %s and reads back as %s",
                           l->step->name, broken->path, broken->to ? broken->to : "unset",
                           broken->from ? broken->from : "unset");
        if (!left)
            return 1;
        if (ks_now_ms() - start > (ks_change_row(left)->live == KS_LIVE_MEMORY ? BALLOON_MS : AGREE_MS))
            return 0;
        ks_tell(l->a, l->step, ks_sprintf(l->a->arena, "asked the guest: %s", left->path), -1);
        if (ks_pause(l->a, POLL_MS, err) < 0)
            return -1;
    }
}

static int run(struct live *l, enum ks_outcome *ret, struct ks_error *err)
{
    int settled;

    /* What goes makes room for what comes. */
    for (size_t i = 0; i < l->picks.n; i++)
        if (l->picks.v[i]->op == KS_REMOVE && carry_out(l, l->picks.v[i], err) < 0)
            return -1;
    for (size_t i = 0; i < l->picks.n; i++)
        if (l->picks.v[i]->op != KS_REMOVE && carry_out(l, l->picks.v[i], err) < 0)
            return -1;
    settled = settle(l, err);
    if (settled < 0)
        return -1;
    *ret = settled ? KS_CHANGED : KS_PENDING;
    return 0;
}

int ks_guest_edit_live(struct ks_acting *a, const struct ks_step *step, virDomainPtr domain, enum ks_outcome *ret,
                       struct ks_error *err)
{
    ks_auto(live_done) struct live l = {.a = a, .step = step, .domain = domain};
    ks_auto(ks_guest_doc_done) struct ks_guest_doc before = {0};
    const struct ks_guest *want = (const struct ks_guest *)step->want;

    *ret = KS_NOOP;
    if (ks_guest_doc_read(a, domain, 0, want, &l.d, err) < 0 || pick(&l, err) < 0)
        return -1;
    /* By now the definition says it; compared with nothing, every stated field is a change. */
    ks_diff(a->arena, &want->o, NULL, false, &before.changes);
    pick_opaque(&l, &before.changes);
    if (l.picks.n == 0)
        return 0;
    if (a->dry_run)
        return *ret = KS_WOULD_CHANGE, 0;
    return run(&l, ret, err);
}
