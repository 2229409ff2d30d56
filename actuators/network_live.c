/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A running network changed by virNetworkUpdate(): the live XML is patched as the definition is, and each element
 * that went or came is sent as such. dnsmasq is told by libvirt; the bridge and the links on it stay.
 */
#include "actuators/host.h"
#include "actuators/host_write.h"
#include "actuators/network.h"
#include "schema/xml.h"

struct live {
    virNetworkPtr network;
    unsigned sent;
};

/* Elements that libvirt takes one by one. */
struct section {
    const char *element;
    unsigned section;
};
static const struct section of_dhcp[] = {
    {"range", VIR_NETWORK_SECTION_IP_DHCP_RANGE},
    {"host", VIR_NETWORK_SECTION_IP_DHCP_HOST},
};
static const struct section of_dns[] = {
    {"host", VIR_NETWORK_SECTION_DNS_HOST},
};

static xmlNode *dhcp_of(xmlNode *network, int index)
{
    xmlNode *ip = ks_xml_child(network, "ip");

    for (int i = 0; ip && i < index; i++)
        ip = ks_xml_next(ip, "ip");
    return ip ? ks_xml_child(ip, "dhcp") : NULL;
}

static bool has_equal(const xmlNode *parent, const char *element, const char *text)
{
    for (xmlNode *e = parent ? ks_xml_child(parent, element) : NULL; e; e = ks_xml_next(e, element)) {
        char *other = ks_xml_text(e);
        const bool same = ks_streq(other, text);
        xmlFree(other);
        if (same)
            return true;
    }
    return false;
}

/* Sends each element that `from` has and `to` has not. */
static int send(struct live *l, xmlNode *from, const xmlNode *to, const struct section *section, int index,
                unsigned command, struct ks_error *err)
{
    for (xmlNode *e = from ? ks_xml_child(from, section->element) : NULL; e; e = ks_xml_next(e, section->element)) {
        char *text = ks_xml_text(e);
        int r = 0;
        if (!has_equal(to, section->element, text)) {
            r = virNetworkUpdate(l->network, command, section->section, index, text,
                                 VIR_NETWORK_UPDATE_AFFECT_LIVE);
            l->sent++;
        }
        xmlFree(text);
        if (r < 0)
            return ks_fail_virt(err, "change a %s of the running network", section->element);
    }
    return 0;
}

/* What goes first makes room: a range for a host's address, a MAC for its next name. */
static int send_changes(struct live *l, xmlNode *old, xmlNode *new, const struct section *sections, size_t n,
                        int index, struct ks_error *err)
{
    for (size_t s = 0; s < n; s++)
        if (send(l, old, new, &sections[s], index, VIR_NETWORK_UPDATE_COMMAND_DELETE, err) < 0)
            return -1;
    for (size_t s = 0; s < n; s++)
        if (send(l, new, old, &sections[s], index, VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, err) < 0)
            return -1;
    return 0;
}

static int send_all(struct live *l, xmlNode *before, xmlNode *after, struct ks_error *err)
{
    int n = 0;

    for (const xmlNode *ip = ks_xml_child(before, "ip"); ip; ip = ks_xml_next(ip, "ip"))
        n++;
    for (int i = 0; i < n; i++)
        if (send_changes(l, dhcp_of(before, i), dhcp_of(after, i), of_dhcp, KS_COUNT(of_dhcp), i, err) < 0)
            return -1;
    return send_changes(l, ks_xml_child(before, "dns"), ks_xml_child(after, "dns"), of_dns, KS_COUNT(of_dns), -1,
                        err);
}

static int patch(const struct ks_step *step, const struct ks_network_doc *d, bool *ret_any, struct ks_error *err)
{
    for (size_t i = 0; i < step->fields.n; i++) {
        const struct ks_change *change =
            step->fields.v[i].live ? ks_changes_find(&d->changes, step->fields.v[i].path) : NULL;
        if (!change)
            continue;
        *ret_any = true;
        if (ks_xml_apply(xmlDocGetRootElement(d->doc), change, err) < 0)
            return -1;
    }
    return 0;
}

int ks_network_edit_live(struct ks_acting *a, const struct ks_step *step, virNetworkPtr network, bool *ret_changed,
                         struct ks_error *err)
{
    ks_auto(ks_network_doc_done) struct ks_network_doc d = {0};
    ks_auto(ks_xml_docp) xmlDoc *before = NULL;
    struct live l = {.network = network};
    bool any = false;

    if (ks_network_doc_read(a, network, 0, step->want, &d, err) < 0)
        return -1;
    before = xmlCopyDoc(d.doc, 1);
    if (!before)
        abort();
    if (patch(step, &d, &any, err) < 0)
        return -1;
    *ret_changed = *ret_changed || any;
    if (!any || a->dry_run)
        return 0;
    ks_tell(a, step, "changing the running network", -1);
    if (send_all(&l, xmlDocGetRootElement(before), xmlDocGetRootElement(d.doc), err) < 0 ||
        ks_network_doc_read(a, network, 0, step->want, &d, err) < 0)
        return -1;
    return ks_network_verify(step, &d, true, err);
}

/* ---- guests' links ------------------------------------------------------------------------------------------- */

/* libvirt takes a network's bridge away with it and leaves the guests' links without one, until it is restarted. */
int ks_network_ports(struct ks_acting *a, virNetworkPtr network, struct ks_strings *ret, struct ks_error *err)
{
    ks_auto(ks_freep) char *bridge = virNetworkGetBridgeName(network);
    ks_auto(ks_error_done) struct ks_error missing = {0};
    const char *path;

    if (!bridge)
        return 0; /* a mode without a bridge */
    path = ks_sprintf(a->arena, "sys/class/net/%s/brif", bridge);
    if (ks_dir_list(a->root, path, a->arena, ret, &missing) == 0 || missing.code == KS_E_NOT_FOUND)
        return 0;
    *err = missing;
    missing = (struct ks_error){0};
    return ks_wrap(err, "in bridge %s", bridge);
}

int ks_network_plug(struct ks_acting *a, virNetworkPtr network, const struct ks_strings *ports,
                    struct ks_error *err)
{
    ks_auto(ks_freep) char *bridge = virNetworkGetBridgeName(network);
    struct ks_writes w = {.arena = a->arena, .root = a->root, .cancelled = a->cancelled};
    struct ks_bridge_want want = {.link = {.name = bridge}};

    for (size_t i = 0; bridge && i < ports->n; i++)
        if (ks_file_exists(a->root, ks_sprintf(a->arena, "sys/class/net/%s", ports->v[i])))
            *ks_vec_add(a->arena, &want.ports) = ports->v[i];
    if (want.ports.n == 0)
        return 0;
    return ks_bridge_set(&w, &want, err);
}
