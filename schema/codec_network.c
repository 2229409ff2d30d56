/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "schema/codec_network.h"

#include <arpa/inet.h>

#include "schema/kinds.h"
#include "schema/xml.h"

static bool is_null(const struct ks_field *field, const struct ks_obj *obj)
{
    return obj->null & ks_xml_bit(obj, field);
}

static void drop_children(xmlNode *node, const char *name)
{
    xmlNode *next;

    for (xmlNode *child = ks_xml_child(node, name); child; child = next) {
        next = ks_xml_next(child, name);
        xmlUnlinkNode(child);
        xmlFreeNode(child);
    }
}

/* ---- forward ------------------------------------------------------------------------------------------------ */

/* libvirt filled these in by itself for a bridge of its own, and refuses them in the other modes. */
static void drop_own_bridge(xmlNode *network, const struct ks_obj *want, unsigned mode)
{
    static const char *const attrs[] = {"stp", "delay", "zone", "macTableManager"};
    xmlNode *bridge = ks_xml_child(network, "bridge");

    drop_children(network, "mac");
    for (size_t i = 0; bridge && i < KS_COUNT(attrs); i++)
        ks_xml_set_attr(bridge, attrs[i], NULL);
    if (mode != KS_FORWARD_BRIDGE || !ks_has(want, "bridge"))
        drop_children(network, "bridge");
}

static int forward_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want,
                         struct ks_error *err)
{
    const unsigned mode = is_null(field, want) ? KS_FORWARD_NONE : *(unsigned *)ks_member(want, field);
    const bool own_bridge = ks_forward_has_own_bridge(mode);
    xmlNode *forward;

    (void)err;
    if (mode == KS_FORWARD_NONE) {
        drop_children(node, "forward");
        return 0;
    }
    forward = ks_xml_ensure_child(node, "forward");
    ks_xml_set_attr(forward, "mode", field->values->names[mode]);
    ks_xml_set_attr(forward, "managed", mode == KS_FORWARD_HOSTDEV ? "yes" : NULL);
    if (mode != KS_FORWARD_NAT)
        drop_children(forward, "nat");
    if (own_bridge) {
        drop_children(forward, "pf");
        drop_children(forward, "address");
        drop_children(forward, "driver");
    } else {
        drop_own_bridge(node, want, mode);
    }
    return 0;
}
const struct ks_codec ks_forward_codec = {.write = forward_write};

static int forward_dev_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want,
                             struct ks_error *err)
{
    xmlNode *forward = ks_xml_child(node, "forward");

    (void)err;
    if (!forward && is_null(field, want))
        return 0;
    forward = ks_xml_ensure_child(node, "forward");
    drop_children(forward, "interface");
    ks_xml_set_attr(forward, "dev", is_null(field, want) ? NULL : *(const char **)ks_member(want, field));
    return 0;
}
const struct ks_codec ks_forward_dev_codec = {.write = forward_dev_write};

/* ---- addresses ---------------------------------------------------------------------------------------------- */

/* Without netmask or prefix libvirt takes the old class of the network, or 64. */
static unsigned prefix_of(const xmlNode *ip, const char *address)
{
    const char *prefix = ks_xml_attr(ip, "prefix"), *netmask = ks_xml_attr(ip, "netmask");
    struct in_addr mask;
    uint64_t n;

    if (prefix && ks_parse_u64(prefix, &n) == 0 && n <= 128)
        return (unsigned)n;
    if (netmask && inet_pton(AF_INET, netmask, &mask) == 1)
        return (unsigned)__builtin_popcount(mask.s_addr);
    if (strchr(address, ':'))
        return 64;
    n = (uint64_t)strtoul(address, NULL, 10);
    return n < 128 ? 8 : n < 192 ? 16 : 24;
}

/* As the manifest words it; NULL for an element without an address. */
static const char *ip_text(struct ks_arena *arena, const xmlNode *ip)
{
    const char *address = ks_xml_attr(ip, "address"), *text;

    if (!address)
        return NULL;
    text = ks_sprintf(arena, "%s/%u", address, prefix_of(ip, address));
    (void)ks_check_cidr(arena, &text);
    return text;
}

static void ip_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    struct ks_strings *list = ks_member(obj, field);

    for (const xmlNode *ip = ks_xml_child(node, "ip"); ip; ip = ks_xml_next(ip, "ip")) {
        const char *text = ip_text(arena, ip);
        if (text)
            *ks_vec_add(arena, list) = text;
    }
    if (list->n > 0)
        ks_xml_mark(obj, field);
}

static bool lists(const struct ks_strings *list, const char *text)
{
    for (size_t i = 0; text && i < list->n; i++)
        if (ks_streq(list->v[i], text))
            return true;
    return false;
}

static bool is_v6(const char *text)
{
    return strchr(text, ':') != NULL;
}

/* An element whose address is no longer wanted, to be given this one: its DHCP server stays. */
static xmlNode *find_spare(struct ks_arena *arena, const xmlNode *node, const struct ks_strings *want, bool v6)
{
    for (xmlNode *ip = ks_xml_child(node, "ip"); ip; ip = ks_xml_next(ip, "ip")) {
        const char *text = ip_text(arena, ip);
        if (text && is_v6(text) == v6 && !lists(want, text))
            return ip;
    }
    return NULL;
}

static bool has_address(struct ks_arena *arena, const xmlNode *node, const char *text)
{
    for (const xmlNode *ip = ks_xml_child(node, "ip"); ip; ip = ks_xml_next(ip, "ip"))
        if (ks_streq(ip_text(arena, ip), text))
            return true;
    return false;
}

static void put_address(struct ks_arena *arena, xmlNode *node, const struct ks_strings *want, const char *text)
{
    const bool v6 = is_v6(text);
    const size_t n = strcspn(text, "/");
    xmlNode *ip = find_spare(arena, node, want, v6);

    if (has_address(arena, node, text))
        return;
    if (!ip)
        ip = ks_xml_add(node, "ip");
    if (v6)
        ks_xml_set_attr(ip, "family", "ipv6");
    ks_xml_set_attr(ip, "address", ks_strndup(arena, text, n));
    ks_xml_set_attr(ip, "netmask", NULL);
    ks_xml_set_attr(ip, "prefix", text[n] ? text + n + 1 : NULL);
}

static int ip_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want, struct ks_error *err)
{
    static const struct ks_strings none = {0};
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    const struct ks_strings *list = is_null(field, want) ? &none : ks_member(want, field);
    xmlNode *next;

    (void)err;
    /* IPv4 first: the first one is where a DHCP server is put. */
    for (int v6 = 0; v6 < 2; v6++)
        for (size_t i = 0; i < list->n; i++)
            if (is_v6(list->v[i]) == v6)
                put_address(arena, node, list, list->v[i]);
    for (xmlNode *ip = ks_xml_child(node, "ip"); ip; ip = next) {
        next = ks_xml_next(ip, "ip");
        if (!lists(list, ip_text(arena, ip))) {
            xmlUnlinkNode(ip);
            xmlFreeNode(ip);
        }
    }
    return 0;
}
const struct ks_codec ks_ip_codec = {.read = ip_read, .write = ip_write};

/* ---- DHCP --------------------------------------------------------------------------------------------------- */

static void range_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    struct ks_strings *list = ks_member(obj, field);

    for (const xmlNode *range = ks_xml_child(node, "range"); range; range = ks_xml_next(range, "range")) {
        static const char *const ends[] = {"start", "end"};
        for (size_t i = 0; i < KS_COUNT(ends); i++) {
            const char *text = ks_strdup(arena, ks_xml_attr(range, ends[i]));
            if (!text)
                continue;
            (void)ks_check_ip(arena, &text);
            *ks_vec_add(arena, list) = text;
        }
    }
    if (list->n > 0)
        ks_xml_mark(obj, field);
}

/* libvirt's schema wants ranges before hosts. */
static xmlNode *add_range(xmlNode *dhcp)
{
    xmlNode *first = ks_xml_child(dhcp, NULL);
    xmlNode *range = xmlNewDocNode(dhcp->doc, NULL, (const xmlChar *)"range", NULL);

    if (!range)
        abort();
    return first ? xmlAddPrevSibling(first, range) : xmlAddChild(dhcp, range);
}

/* Ranges that stay keep what else they have: a lease time. */
static int range_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want, struct ks_error *err)
{
    const struct ks_strings *list = ks_member(want, field);
    xmlNode *range = NULL, *next;
    size_t i = 0;

    (void)err;
    if (is_null(field, want) || list->n < 2) {
        drop_children(node, "range");
        return 0;
    }
    for (range = ks_xml_child(node, "range"); range && i + 1 < list->n;
         range = ks_xml_next(range, "range"), i += 2) {
        ks_xml_set_attr(range, "start", list->v[i]);
        ks_xml_set_attr(range, "end", list->v[i + 1]);
    }
    for (; range; range = next) {
        next = ks_xml_next(range, "range");
        xmlUnlinkNode(range);
        xmlFreeNode(range);
    }
    for (; i + 1 < list->n; i += 2) {
        range = ks_xml_child(node, "range") ? ks_xml_add(node, "range") : add_range(node);
        ks_xml_set_attr(range, "start", list->v[i]);
        ks_xml_set_attr(range, "end", list->v[i + 1]);
    }
    return 0;
}
const struct ks_codec ks_dhcp_range_codec = {.read = range_read, .write = range_write};
