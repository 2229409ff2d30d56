/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networks: a definition made or edited in place, the running network changed by virNetworkUpdate() so that guests
 * keep their link, and taken down and up where it must be.
 */
#include "actuators/network.h"

#include <net/if.h>

#include "schema/xml.h"

void ks_network_doc_done(struct ks_network_doc *d)
{
    if (d->doc)
        xmlFreeDoc(d->doc);
    *d = (struct ks_network_doc){0};
}

int ks_network_doc_read(struct ks_acting *a, virNetworkPtr network, unsigned flags, const struct ks_obj *want,
                        struct ks_network_doc *ret, struct ks_error *err)
{
    ks_auto(ks_freep) char *text = virNetworkGetXMLDesc(network, flags);

    ks_network_doc_done(ret);
    if (!text)
        return ks_fail_virt(err, "read the definition of network %s", virNetworkGetName(network));
    if (ks_xml_parse(text, strlen(text), &ret->doc, err) < 0)
        return -1;
    ret->have = (struct ks_network *)ks_obj_new(a->arena, &ks_network_kind, virNetworkGetName(network));
    ks_xml_read(a->arena, xmlDocGetRootElement(ret->doc), &ret->have->o);
    ks_diff(a->arena, want, &ret->have->o, !(flags & VIR_NETWORK_XML_INACTIVE), &ret->changes);
    return 0;
}

static int lookup(struct ks_acting *a, const char *name, virNetworkPtr *ret, struct ks_error *err)
{
    *ret = virNetworkLookupByName(a->conn, name);
    if (*ret || ks_virt_errno() == VIR_ERR_NO_NETWORK)
        return 0;
    return ks_fail_virt(err, "look up network %s", name);
}

static int lookup_existing(struct ks_acting *a, const char *name, virNetworkPtr *ret, struct ks_error *err)
{
    if (lookup(a, name, ret, err) < 0)
        return -1;
    return *ret ? 0 : ks_fail(err, KS_E_NOT_FOUND, KS_NOWHERE, "there is no network %s", name);
}

static const char *id_of(struct ks_acting *a, const struct ks_step *step)
{
    return ks_sprintf(a->arena, "network/%s", step->name);
}

/* The ledger: ours, and whether it is protected. */
static int keep(struct ks_acting *a, const struct ks_step *step, struct ks_error *err)
{
    const struct ks_network *want = (const struct ks_network *)step->want;

    if (a->keeping.own && a->keeping.own(a->keeping.data, id_of(a, step), err) < 0)
        return -1;
    if (!a->keeping.note || !ks_has(&want->o, "protect"))
        return 0;
    return a->keeping.note(a->keeping.data, id_of(a, step), "protect", want->protect ? "yes" : NULL, err);
}

/* ---- the definition ------------------------------------------------------------------------------------------ */

static int define(struct ks_acting *a, xmlDoc *doc, struct ks_error *err)
{
    ks_auto(ks_networkp) virNetworkPtr network = NULL;
    char *text = ks_xml_text(xmlDocGetRootElement(doc));

    network = virNetworkDefineXMLFlags(a->conn, text, VIR_NETWORK_DEFINE_VALIDATE);
    xmlFree(text);
    return network ? 0 : ks_fail_virt(err, "define the network");
}

/* What is as planned is left alone; what is neither as it was nor as it will be makes the plan stale. */
static int patch(const struct ks_step *step, struct ks_network_doc *d, bool *ret_changed, struct ks_error *err)
{
    for (size_t i = 0; i < step->fields.n; i++) {
        const struct ks_plan_field *field = &step->fields.v[i];
        const struct ks_change *change = field->define ? ks_changes_find(&d->changes, field->path) : NULL;
        if (!change)
            continue;
        if (change->op != field->op || !ks_streq(change->from, field->from))
            return ks_fail(err, KS_E_STALE, KS_NOWHERE,
                           "network %s: %s was %s when this was planned, and is %s now", step->name, field->path,
                           field->from ? field->from : "unset", change->from ? change->from : "unset");
        if (ks_xml_apply(xmlDocGetRootElement(d->doc), change, err) < 0)
            return -1;
        *ret_changed = true;
    }
    return 0;
}

int ks_network_verify(const struct ks_step *step, const struct ks_network_doc *d, bool live, struct ks_error *err)
{
    for (size_t i = 0; i < step->fields.n; i++) {
        const struct ks_plan_field *field = &step->fields.v[i];
        const struct ks_change *left = ks_changes_find(&d->changes, field->path);
        if (left && (live ? field->live : field->define))
            return ks_fail(err, KS_E_VERIFY, KS_NOWHERE, "network %s: %s was set to %s and reads back as %s",
                           step->name, left->path, left->to ? left->to : "unset",
                           left->from ? left->from : "unset");
    }
    return 0;
}

static int edit_definition(struct ks_acting *a, const struct ks_step *step, virNetworkPtr network,
                           bool *ret_changed, struct ks_error *err)
{
    ks_auto(ks_network_doc_done) struct ks_network_doc d = {0};
    bool changed = virNetworkIsPersistent(network) == 0;

    if (ks_network_doc_read(a, network, VIR_NETWORK_XML_INACTIVE, step->want, &d, err) < 0 ||
        patch(step, &d, &changed, err) < 0)
        return -1;
    *ret_changed = *ret_changed || changed;
    if (!changed || a->dry_run)
        return 0;
    ks_tell(a, step, "writing the definition", -1);
    if (define(a, d.doc, err) < 0 ||
        ks_network_doc_read(a, network, VIR_NETWORK_XML_INACTIVE, step->want, &d, err) < 0)
        return -1;
    return ks_network_verify(step, &d, false, err);
}

static int set_autostart(struct ks_acting *a, const struct ks_step *step, virNetworkPtr network, bool *ret_changed,
                         struct ks_error *err)
{
    const struct ks_network *want = (const struct ks_network *)step->want;
    int now;

    if (!ks_has(&want->o, "autostart"))
        return 0;
    if (virNetworkGetAutostart(network, &now) < 0)
        return ks_fail_virt(err, "ask for autostart of network %s", step->name);
    if ((now != 0) == want->autostart)
        return 0;
    *ret_changed = true;
    if (!a->dry_run && virNetworkSetAutostart(network, want->autostart) < 0)
        return ks_fail_virt(err, "set autostart of network %s", step->name);
    return 0;
}

/* libvirt 11.3 deletes a bridge that it finds in the place of the one that it would make. */
static int check_bridge_is_free(struct ks_acting *a, virNetworkPtr network, struct ks_error *err)
{
    ks_auto(ks_freep) char *text = virNetworkGetXMLDesc(network, VIR_NETWORK_XML_INACTIVE);
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;

    if (!text)
        return ks_fail_virt(err, "read the definition of the network");
    if (!ks_virt_is_local(a->conn))
        return 0;
    if (ks_xml_parse(text, strlen(text), &doc, err) < 0)
        return -1;
    const xmlNode *root = xmlDocGetRootElement(doc), *forward = ks_xml_child(root, "forward");
    const xmlNode *bridge = ks_xml_child(root, "bridge");
    const char *mode = forward ? ks_xml_attr(forward, "mode") : NULL,
               *name = bridge ? ks_xml_attr(bridge, "name") : NULL;
    const bool makes = !mode || ks_streq(mode, "nat") || ks_streq(mode, "route") || ks_streq(mode, "open");

    if (!makes || !name || if_nametoindex(name) == 0)
        return 0;
    return ks_fail(err, KS_E_BLOCKED, KS_NOWHERE, "its bridge cannot be made: there is a link %s already", name);
}

static int start(struct ks_acting *a, const struct ks_step *step, virNetworkPtr network, bool *ret_changed,
                 struct ks_error *err)
{
    if (virNetworkIsActive(network) == 1)
        return 0;
    *ret_changed = true;
    if (a->dry_run)
        return 0;
    ks_tell(a, step, "starting", -1);
    if (check_bridge_is_free(a, network, err) < 0)
        return -1;
    if (virNetworkCreate(network) < 0)
        return ks_fail_virt(err, "start network %s", step->name);
    if (virNetworkIsActive(network) != 1)
        return ks_fail(err, KS_E_VERIFY, KS_NOWHERE, "network %s was started and is not active", step->name);
    return 0;
}

/* ---- the steps ----------------------------------------------------------------------------------------------- */

static enum ks_outcome outcome_of(const struct ks_acting *a, bool changed)
{
    return !changed ? KS_NOOP : a->dry_run ? KS_WOULD_CHANGE : KS_CHANGED;
}

static int note_making(struct ks_acting *a, const struct ks_step *step, const char *value, struct ks_error *err)
{
    return a->keeping.note ? a->keeping.note(a->keeping.data, id_of(a, step), "making", value, err) : 0;
}

/* What did not come to be whole goes again. */
static void undo(struct ks_acting *a, const struct ks_step *step)
{
    ks_auto(ks_networkp) virNetworkPtr network = virNetworkLookupByName(a->conn, step->name);

    if ((!network || (virNetworkIsActive(network) != 1 && virNetworkUndefine(network) == 0)) && a->keeping.disown)
        (void)a->keeping.disown(a->keeping.data, id_of(a, step), NULL);
}

static int make(struct ks_acting *a, const struct ks_step *step, xmlDoc *doc, struct ks_error *err)
{
    const struct ks_network *want = (const struct ks_network *)step->want;
    ks_auto(ks_network_doc_done) struct ks_network_doc d = {0};
    ks_auto(ks_networkp) virNetworkPtr network = NULL;
    bool changed = true;

    if (define(a, doc, err) < 0 || lookup_existing(a, step->name, &network, err) < 0)
        return -1;
    if (ks_network_doc_read(a, network, VIR_NETWORK_XML_INACTIVE, step->want, &d, err) < 0 ||
        ks_network_verify(step, &d, false, err) < 0 || set_autostart(a, step, network, &changed, err) < 0)
        return -1;
    if (ks_has(&want->o, "state") && want->state == KS_NETWORK_INACTIVE)
        return 0;
    return start(a, step, network, &changed, err);
}

static int act_create(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    static const char empty[] = "<network/>";
    ks_auto(ks_networkp) virNetworkPtr network = NULL;
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    xmlNode *root;

    if (lookup(a, step->name, &network, err) < 0)
        return -1;
    if (network)
        return ks_fail(err, KS_E_STALE, KS_NOWHERE, "network %s was not there when this was planned, and is now",
                       step->name);
    if (ks_xml_parse(empty, sizeof empty - 1, &doc, err) < 0)
        return -1;
    root = xmlDocGetRootElement(doc);
    ks_xml_set_content(ks_xml_add(root, "name"), step->name);
    if (ks_xml_write(root, step->want, err) < 0)
        return -1;
    *ret = outcome_of(a, true);
    if (a->dry_run)
        return 0;
    ks_tell(a, step, "defining", -1);
    if (keep(a, step, err) < 0 || note_making(a, step, "1", err) < 0)
        return -1;
    if (make(a, step, doc, err) < 0) {
        undo(a, step);
        return -1;
    }
    return note_making(a, step, NULL, err);
}

static bool lists_field(const struct ks_step *step, const char *path)
{
    for (size_t i = 0; i < step->fields.n; i++)
        if (ks_streq(step->fields.v[i].path, path))
            return true;
    return false;
}

static int act_edit(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    ks_auto(ks_networkp) virNetworkPtr network = NULL;
    bool changed = false;

    if (lookup_existing(a, step->name, &network, err) < 0 || edit_definition(a, step, network, &changed, err) < 0 ||
        set_autostart(a, step, network, &changed, err) < 0)
        return -1;
    if (lists_field(step, "protect")) {
        changed = true;
        if (!a->dry_run && keep(a, step, err) < 0)
            return -1;
    }
    if (virNetworkIsActive(network) == 1 && ks_network_edit_live(a, step, network, &changed, err) < 0)
        return ks_wrap(err, "the definition has it; the running network does not");
    if (lists_field(step, "state") && start(a, step, network, &changed, err) < 0)
        return -1;
    if (((const struct ks_seen_network *)step->seen)->making) {
        changed = true;
        if (!a->dry_run && note_making(a, step, NULL, err) < 0)
            return -1;
    }
    *ret = outcome_of(a, changed);
    return 0;
}

static int act_define(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    return (step->verb == KS_CREATE ? act_create : act_edit)(a, step, ret, err);
}

static int act_mark(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    ks_auto(ks_networkp) virNetworkPtr network = NULL;

    if (lookup_existing(a, step->name, &network, err) < 0)
        return -1;
    *ret = outcome_of(a, true);
    return a->dry_run ? 0 : keep(a, step, err);
}

static int take_down(const struct ks_step *step, virNetworkPtr network, struct ks_error *err)
{
    if (virNetworkIsActive(network) == 1 && virNetworkDestroy(network) < 0)
        return ks_fail_virt(err, "stop network %s", step->name);
    return 0;
}

static int act_stop(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    ks_auto(ks_networkp) virNetworkPtr network = NULL;

    if (lookup_existing(a, step->name, &network, err) < 0)
        return -1;
    *ret = outcome_of(a, virNetworkIsActive(network) == 1);
    return a->dry_run ? 0 : take_down(step, network, err);
}

/* With the definition that it ran with until now, which becomes the definition again. */
static int bring_back(struct ks_acting *a, const struct ks_step *step, const char *before, struct ks_error *err)
{
    ks_auto(ks_networkp) virNetworkPtr network = virNetworkDefineXML(a->conn, before);
    bool changed;

    if (!network)
        return ks_fail_virt(err, "define network %s as it was", step->name);
    return start(a, step, network, &changed, err);
}

/* One that does not start with its new definition is not left down, with its guests' links leading nowhere. */
static int take_up(struct ks_acting *a, const struct ks_step *step, virNetworkPtr network, const char *before,
                   struct ks_error *err)
{
    ks_auto(ks_error_done) struct ks_error again = {0};
    bool changed;

    if (start(a, step, network, &changed, err) == 0)
        return 0;
    if (bring_back(a, step, before, &again) < 0)
        (void)ks_wrap(err, "it is down: with its old definition it does not start either: %s",
                      ks_error_text(a->arena, &again));
    else
        (void)ks_wrap(err, "it runs with its old definition again");
    return -1;
}

static int act_restart(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    ks_auto(ks_networkp) virNetworkPtr network = NULL;
    ks_auto(ks_freep) char *before = NULL;
    ks_auto(ks_error_done) struct ks_error unplugged = {0};
    struct ks_strings ports = {0};
    int r;

    if (lookup_existing(a, step->name, &network, err) < 0)
        return -1;
    /* One that is down takes its definition when it is started, by whoever wants that. */
    *ret = outcome_of(a, virNetworkIsActive(network) == 1);
    if (*ret != KS_CHANGED)
        return 0;
    ks_tell(a, step, "taking it down and up", -1);
    before = virNetworkGetXMLDesc(network, 0);
    if (!before)
        return ks_fail_virt(err, "read network %s as it runs", step->name);
    if (ks_network_ports(a, network, &ports, err) < 0 || take_down(step, network, err) < 0)
        return -1;
    r = take_up(a, step, network, before, err);
    if (ks_network_plug(a, network, &ports, r < 0 ? &unplugged : err) < 0)
        return r < 0 ? ks_wrap(err, "guests' links: %s", ks_error_text(a->arena, &unplugged)) : -1;
    return r;
}

static int act_delete(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    ks_auto(ks_networkp) virNetworkPtr network = NULL;
    int persistent;

    if (lookup(a, step->name, &network, err) < 0)
        return -1;
    *ret = outcome_of(a, network != NULL);
    if (a->dry_run)
        return 0;
    if (network) {
        persistent = virNetworkIsPersistent(network);
        if (take_down(step, network, err) < 0)
            return -1;
        if (persistent && virNetworkUndefine(network) < 0)
            return ks_fail_virt(err, "undefine network %s", step->name);
    }
    return a->keeping.disown ? a->keeping.disown(a->keeping.data, id_of(a, step), err) : 0;
}

int ks_act_network(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    static ks_act_fn *const actions[KS_ACTIONS] = {
        [KS_ACT_DEFINE] = act_define,   [KS_ACT_STOP] = act_stop,     [KS_ACT_MARK] = act_mark,
        [KS_ACT_RESTART] = act_restart, [KS_ACT_DELETE] = act_delete,
    };

    if (!actions[step->action])
        return ks_fail(err, KS_E_BUG, step->at, "a network cannot %s", ks_action_name(step->action));
    return actions[step->action](a, step, ret, err);
}
