/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "schema/lent.h"

#include <inttypes.h>

#include "schema/xml.h"

const char *ks_lent_id(struct ks_arena *arena, const char *pf, const char *guest)
{
    return ks_sprintf(arena, KS_LENT_PREFIX "%s/%s", pf, guest);
}

static void set_flag(xmlNode *node, const char *name, bool value)
{
    ks_xml_set_attr(node, name, value ? "yes" : NULL);
}

static bool flag(const xmlNode *node, const char *name)
{
    return ks_streq(ks_xml_attr(node, name), "yes");
}

static const char *number(struct ks_arena *arena, unsigned value)
{
    return ks_sprintf(arena, "%u", value);
}

const char *ks_lent_text(struct ks_arena *arena, const struct ks_lent *lent)
{
    xmlNode *root = xmlNewNode(NULL, BAD_CAST "lent");
    const char *ret;
    char *text;

    if (!root)
        abort();
    ks_xml_set_attr(root, "pf", lent->pf);
    ks_xml_set_attr(root, "boot", lent->boot);
    ks_xml_set_attr(root, "uuid", lent->uuid);
    ks_xml_set_attr(root, "id", number(arena, (unsigned)lent->id));
    set_flag(root, "off", lent->off);
    set_flag(root, "paused", lent->paused);
    set_flag(root, "giving", lent->giving);
    for (size_t i = 0; i < lent->devices.n; i++) {
        const struct ks_lent_device *device = &lent->devices.v[i];
        xmlNode *node = ks_xml_add(root, "device");
        ks_xml_set_attr(node, "address", device->address);
        ks_xml_set_attr(node, "index", number(arena, device->index));
        set_flag(node, "defined", device->defined);
        ks_xml_set_content(node, device->live);
    }
    text = ks_xml_text(root);
    ret = ks_strdup(arena, text);
    xmlFree(text);
    xmlFreeNode(root);
    return ret;
}

static const char *kept_attr(struct ks_arena *arena, const xmlNode *node, const char *name)
{
    const char *value = ks_xml_attr(node, name);

    return value ? ks_strdup(arena, value) : NULL;
}

static bool read_number(const xmlNode *node, const char *name, uint64_t *ret)
{
    const char *text = ks_xml_attr(node, name);

    return text && ks_parse_u64(text, ret) == 0 && *ret <= INT32_MAX;
}

static bool read_device(struct ks_arena *arena, const xmlNode *node, struct ks_lent *ret)
{
    struct ks_lent_device device = {
        .address = kept_attr(arena, node, "address"),
        .live = ks_strdup(arena, ks_xml_content(arena, node)),
        .defined = flag(node, "defined"),
    };
    uint64_t index;

    if (!device.address || !*device.live || !read_number(node, "index", &index))
        return false;
    device.index = (unsigned)index;
    *ks_vec_add(arena, &ret->devices) = device;
    return true;
}

static bool read_root(struct ks_arena *arena, const xmlNode *root, struct ks_lent *ret)
{
    uint64_t id;

    *ret = (struct ks_lent){
        .pf = kept_attr(arena, root, "pf"),
        .boot = kept_attr(arena, root, "boot"),
        .uuid = kept_attr(arena, root, "uuid"),
        .off = flag(root, "off"),
        .paused = flag(root, "paused"),
        .giving = flag(root, "giving"),
    };
    if (!ks_xml_is(root, "lent") || !ret->pf || !ret->boot || !ret->uuid || !read_number(root, "id", &id))
        return false;
    ret->id = (int)id;
    for (const xmlNode *node = ks_xml_child(root, "device"); node; node = ks_xml_next(node, "device"))
        if (!read_device(arena, node, ret))
            return false;
    return true;
}

int ks_lent_read(struct ks_arena *arena, const char *text, struct ks_lent *ret, struct ks_error *err)
{
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;

    if (ks_xml_parse(text, strlen(text), &doc, err) < 0)
        return -1;
    return read_root(arena, xmlDocGetRootElement(doc), ret)
               ? 0
               : ks_fail(err, KS_E_SYNTAX, KS_NOWHERE, "it does not say what was lent");
}

const char *ks_lent_step_id(struct ks_arena *arena, const char *pf, const char *guest)
{
    return ks_sprintf(arena, "guest/%s:" KS_LENT_STEP "%s", guest, pf);
}
