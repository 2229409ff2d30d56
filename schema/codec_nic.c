/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a nic is plugged into: <interface type=...><source ...>, and its VLAN. */
#include <inttypes.h>

#include "schema/guest.h"
#include "schema/xml.h"

static bool is_null(const struct ks_field *field, const struct ks_obj *obj)
{
    return obj->null & ks_xml_bit(obj, field);
}

/* Live XML has the domain's id. There, libvirt shows what it made of a network: a bridge, or a function. */
static bool is_live(xmlNode *node)
{
    return ks_xml_attr(ks_xml_top(node), "id") != NULL;
}

static const xmlNode *source_of(const xmlNode *nic)
{
    return ks_xml_child(nic, "source");
}

static const char *read_vf(struct ks_arena *arena, const xmlNode *nic)
{
    const xmlNode *source = source_of(nic), *address = source ? ks_xml_child(source, "address") : NULL;

    if (!ks_streq(ks_xml_attr(nic, "type"), "hostdev") || !address)
        return NULL;
    return ks_pci_read(arena, address);
}

static void read_vf_object(struct ks_arena *arena, xmlNode *nic, const struct ks_field *field, struct ks_obj *obj)
{
    const char *address = read_vf(arena, nic);
    struct ks_nic_vf *vf;

    if (!address)
        return;
    vf = (struct ks_nic_vf *)ks_obj_new(arena, field->kind, NULL);
    vf->address = address;
    ks_mark(&vf->o, "address");
    *(struct ks_nic_vf **)ks_member(obj, field) = vf;
    ks_xml_mark(obj, field);
}

/* A bridge counts as such when the definition says so, and not when a network happens to be one. */
static const char *read_plug(const xmlNode *nic, const char *key)
{
    const xmlNode *source = source_of(nic);
    const char *network = source ? ks_xml_attr(source, "network") : NULL;

    if (!source || ks_streq(key, "network"))
        return network;
    return network || !ks_streq(ks_xml_attr(nic, "type"), "bridge") ? NULL : ks_xml_attr(source, "bridge");
}

static void source_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    const char *text;

    if (field->type == KS_OBJECT) {
        read_vf_object(arena, node, field, obj);
        return;
    }
    text = read_plug(node, field->key);
    if (!text)
        return;
    *(const char **)ks_member(obj, field) = ks_strdup(arena, text);
    ks_xml_mark(obj, field);
}

static void facts_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    struct ks_nic *nic = (struct ks_nic *)obj;
    const char *type = ks_xml_attr(node, "type");

    if (ks_streq(field->key, "vf-address"))
        nic->vf_address = read_vf(arena, node);
    else if (ks_streq(field->key, "type"))
        nic->type = ks_strdup(arena, type);
    else
        nic->runtime = is_live(node);
    ks_xml_mark(obj, field);
}

static void remove_child(xmlNode *nic, const char *name)
{
    xmlNode *node = ks_xml_child(nic, name);

    if (node)
        ks_xml_remove(node, nic);
}

/* What the new sort of nic does not have. The model of a function is the function; a bridge's tap has no managed.
 */
static void forget_sort(xmlNode *nic, const char *type)
{
    if (ks_streq(ks_xml_attr(nic, "type"), type))
        return;
    ks_xml_set_attr(nic, "managed", NULL);
    remove_child(nic, "virtualport");
    remove_child(nic, "target");
    remove_child(nic, "backend");
    if (ks_streq(type, "hostdev")) {
        remove_child(nic, "model");
        remove_child(nic, "driver");
        remove_child(nic, "bandwidth");
        remove_child(nic, "mtu");
    } else if (ks_streq(ks_xml_attr(nic, "type"), "hostdev")) {
        remove_child(nic, "driver");
        remove_child(nic, "address");
    }
}

static xmlNode *write_type(xmlNode *nic, const char *type)
{
    forget_sort(nic, type);
    remove_child(nic, "source");
    ks_xml_set_attr(nic, "type", type);
    return ks_xml_add(nic, "source");
}

static int write_vf(xmlNode *nic, const struct ks_nic *want, struct ks_error *err)
{
    const char *address = want->vf_address ? want->vf_address : want->vf->address;
    xmlNode *node;

    if (!address)
        return ks_fail(err, KS_E_BUG, ks_at(&want->o, "vf"), "nic %s: its VF was not resolved", want->o.key);
    node = ks_xml_add(write_type(nic, "hostdev"), "address");
    ks_xml_set_attr(nic, "managed", "yes");
    ks_xml_set_attr(node, "type", "pci");
    ks_pci_write(node, address);
    return 0;
}

static bool has_source(const struct ks_nic *want)
{
    return ks_has(&want->o, "bridge") || ks_has(&want->o, "network") || ks_has(&want->o, "vf");
}

/* Of a nic that is being made. libvirt's own choice of card is one of the nineties, and of address a random one. */
static void write_defaults(xmlNode *nic, const struct ks_nic *want)
{
    if (ks_xml_child(nic, "source"))
        return;
    if (!ks_stated(&want->o, "model") && !ks_has(&want->o, "vf") && !ks_xml_child(nic, "model"))
        ks_xml_set_attr(ks_xml_add(nic, "model"), "type", "virtio");
    if (want->mac && !ks_stated(&want->o, "mac") && !ks_xml_child(nic, "mac"))
        ks_xml_set_attr(ks_xml_add(nic, "mac"), "address", want->mac);
}

static int source_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *obj, struct ks_error *err)
{
    const struct ks_nic *want = (const struct ks_nic *)obj;
    const char *text = field->type == KS_STRING ? *(const char *const *)ks_member(obj, field) : NULL;

    if (is_null(field, obj)) {
        /* The other sort of source, when one is stated, is written by its own row. */
        if (!has_source(want) && field->type == KS_STRING && read_plug(node, field->key))
            return ks_fail(err, KS_E_INVALID, ks_at(obj, field->key),
                           "nic %s: it needs something to be plugged into", obj->key);
        return 0;
    }
    if (field->type == KS_OBJECT) {
        write_defaults(node, want);
        return write_vf(node, want, err);
    }
    if (ks_streq(read_plug(node, field->key), text) && ks_streq(ks_xml_attr(node, "type"), field->key))
        return 0;
    write_defaults(node, want);
    ks_xml_set_attr(write_type(node, field->key), field->key, text);
    return 0;
}

/* In the XML of a running guest, a nic from a network of functions no longer names the network. */
static bool source_same(const struct ks_field *field, const struct ks_obj *obj, const struct ks_obj *have)
{
    const struct ks_nic *want = (const struct ks_nic *)obj, *h = (const struct ks_nic *)have;

    if (!have || is_null(field, obj))
        return false;
    if (field->type == KS_OBJECT)
        return h->vf_address && ks_streq(want->vf_address ? want->vf_address : want->vf->address, h->vf_address);
    if (ks_streq(field->key, "bridge"))
        return ks_streq(want->bridge, h->bridge);
    if (ks_streq(want->network, h->network))
        return true;
    return h->runtime && !h->network && ks_streq(h->type, "hostdev");
}

static const char *source_show(struct ks_arena *arena, const struct ks_field *field, const struct ks_obj *obj)
{
    const void *slot = ks_member(obj, field);
    const struct ks_nic_vf *vf;

    if (field->type == KS_STRING)
        return *(const char *const *)slot;
    vf = *(struct ks_nic_vf *const *)slot;
    return vf->pf ? ks_sprintf(arena, "%s/%s", vf->pf, vf->index ? vf->index : "?") : vf->address;
}

const struct ks_codec ks_nic_source_codec = {
    .read = source_read, .write = source_write, .same = source_same, .show = source_show};
const struct ks_codec ks_nic_source_facts_codec = {.read = facts_read};

/* ---- VLAN --------------------------------------------------------------------------------------------------- */

/* One tag; a trunk, or several tags, is something else, which the manifest does not say. */
static void vlan_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    const xmlNode *vlan = ks_xml_child(node, "vlan"), *tag = vlan ? ks_xml_child(vlan, "tag") : NULL;
    const char *id = tag ? ks_xml_attr(tag, "id") : NULL;

    (void)arena;
    if (!vlan)
        return;
    if (id && !ks_xml_next(tag, "tag") && !ks_xml_attr(vlan, "trunk") && !ks_xml_attr(tag, "nativeMode") &&
        ks_parse_u64(id, ks_member(obj, field)) == 0)
        ks_xml_mark(obj, field);
    else
        obj->other |= ks_xml_bit(obj, field);
}

static int vlan_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want, struct ks_error *err)
{
    const uint64_t id = is_null(field, want) ? 0 : *(const uint64_t *)ks_member(want, field);
    char text[24];

    (void)err;
    remove_child(node, "vlan");
    if (!id)
        return 0;
    (void)snprintf(text, sizeof text, "%" PRIu64, id);
    ks_xml_set_attr(ks_xml_add(ks_xml_add(node, "vlan"), "tag"), "id", text);
    return 0;
}

const struct ks_codec ks_nic_vlan_codec = {.read = vlan_read, .write = vlan_write};
