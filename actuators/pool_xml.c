/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A pool's XML: of a new one, and of one that is there with the fields of a plan set and all else left as it is. */
#include "actuators/pool.h"

#include "schema/xml.h"

const char *ks_pool_type_name(struct ks_acting *a, const struct ks_pool *pool)
{
    return ks_show(a->arena, &pool->o.kind->fields[ks_row(pool->o.kind, "type")], &pool->o);
}

/* host, host:port, [IPv6]:port */
static void add_host(struct ks_arena *arena, xmlNode *source, const char *text)
{
    xmlNode *host = ks_storage_add(source, "host", NULL);
    const char *colon = strrchr(text, ':');
    uint64_t port;
    size_t n = strlen(text);

    if (colon && (text[0] == '[' ? colon[-1] == ']' : strchr(text, ':') == colon) &&
        ks_parse_u64(colon + 1, &port) == 0) {
        ks_xml_set_attr(host, "port", colon + 1);
        n = (size_t)(colon - text);
    }
    if (n > 1 && text[0] == '[' && text[n - 1] == ']')
        ks_xml_set_attr(host, "name", ks_strndup(arena, text + 1, n - 2));
    else
        ks_xml_set_attr(host, "name", ks_strndup(arena, text, n));
}

static void add_auth(xmlNode *source, const struct ks_auth *auth, const char *type)
{
    xmlNode *node = ks_storage_add(source, "auth", NULL);

    ks_xml_set_attr(node, "type", ks_streq(type, "rbd") ? "ceph" : "chap");
    ks_xml_set_attr(node, "username", auth->user);
    ks_xml_set_attr(ks_storage_add(node, "secret", NULL), "usage", auth->secret);
}

/* The elements of one field of a source; none where the manifest says null. */
static void add_part(struct ks_arena *arena, xmlNode *source, const struct ks_pool_source *from, const char *key,
                     const char *type)
{
    if (!ks_has(&from->o, key))
        return;
    if (ks_streq(key, "host"))
        add_host(arena, source, from->host);
    for (size_t i = 0; ks_streq(key, "hosts") && i < from->hosts.n; i++)
        add_host(arena, source, from->hosts.v[i]);
    if (ks_streq(key, "dir"))
        ks_xml_set_attr(ks_storage_add(source, "dir", NULL), "path", from->dir);
    for (size_t i = 0; ks_streq(key, "devices") && i < from->devices.n; i++)
        ks_xml_set_attr(ks_storage_add(source, "device", NULL), "path", from->devices.v[i]);
    if (ks_streq(key, "adapter")) {
        xmlNode *adapter = ks_storage_add(source, "adapter", NULL);
        ks_xml_set_attr(adapter, "type", "scsi_host");
        ks_xml_set_attr(adapter, "name", from->adapter);
    }
    if (ks_streq(key, "initiator"))
        ks_xml_set_attr(ks_storage_add(ks_storage_add(source, "initiator", NULL), "iqn", NULL), "name",
                        from->initiator);
    if (ks_streq(key, "auth"))
        add_auth(source, from->auth, type);
    if (ks_streq(key, "name"))
        (void)ks_storage_add(source, "name", from->name);
    if (ks_streq(key, "format"))
        ks_xml_set_attr(ks_storage_add(source, "format", NULL), "type", from->format);
}

/* In libvirt's order. */
static const struct {
    const char *key, *element;
} parts[] = {
    {"host", "host"},           {"hosts", "host"}, {"dir", "dir"},   {"devices", "device"}, {"adapter", "adapter"},
    {"initiator", "initiator"}, {"auth", "auth"},  {"name", "name"}, {"format", "format"},
};

static void add_source(struct ks_arena *arena, xmlNode *root, const struct ks_pool_source *from, const char *type)
{
    xmlNode *source = ks_storage_add(root, "source", NULL);

    for (size_t i = 0; from && i < KS_COUNT(parts); i++)
        add_part(arena, source, from, parts[i].key, type);
}

/* Where the devices of such a pool appear anyway. */
static const char *default_path(const char *type)
{
    if (ks_streq(type, "iscsi") || ks_streq(type, "scsi"))
        return "/dev/disk/by-path";
    if (ks_streq(type, "mpath"))
        return "/dev/mapper";
    return ks_streq(type, "disk") ? "/dev" : NULL;
}

char *ks_pool_xml(struct ks_acting *a, const struct ks_pool *want)
{
    ks_auto(ks_xml_docp) xmlDoc *doc = xmlNewDoc(BAD_CAST "1.0");
    xmlNode *root = xmlNewNode(NULL, BAD_CAST "pool");
    const char *type = ks_pool_type_name(a, want), *path = want->path ? want->path : default_path(type);

    (void)xmlDocSetRootElement(doc, root);
    ks_xml_set_attr(root, "type", type);
    (void)ks_storage_add(root, "name", want->o.key);
    add_source(a->arena, root, want->source, type);
    if (path)
        (void)ks_storage_add(ks_storage_add(root, "target", NULL), "path", path);
    return ks_xml_text(root);
}

/* ---- one that is there ----------------------------------------------------------------------------------------
 */

static void remove_all(xmlNode *parent, const char *name)
{
    for (xmlNode *node; (node = ks_xml_child(parent, name));)
        ks_xml_remove(node, parent);
}

/* Whether a change is of this field of the source, or of something in it, or of the source as a whole. */
static bool is_of(const char *path, const char *key)
{
    const size_t n = strlen(key);

    if (ks_streq(path, "source"))
        return true;
    if (!ks_starts(path, "source."))
        return false;
    path += strlen("source.");
    return strncmp(path, key, n) == 0 && (path[n] == '\0' || path[n] == '.');
}

static void set_source(struct ks_arena *arena, xmlNode *root, const struct ks_pool *want, const char *path,
                       const char *type)
{
    xmlNode *source = ks_xml_child(root, "source");

    if (!source)
        source = ks_storage_add(root, "source", NULL);
    for (size_t i = 0; i < KS_COUNT(parts); i++) {
        if (!is_of(path, parts[i].key))
            continue;
        remove_all(source, parts[i].element);
        if (ks_has(&want->o, "source"))
            add_part(arena, source, want->source, parts[i].key, type);
    }
}

static void set_path(xmlNode *root, const struct ks_pool *want)
{
    xmlNode *target = ks_xml_child(root, "target");

    if (!target)
        target = ks_storage_add(root, "target", NULL);
    remove_all(target, "path");
    if (ks_has(&want->o, "path"))
        (void)ks_storage_add(target, "path", want->path);
}

char *ks_pool_edited_xml(struct ks_acting *a, const struct ks_step *step, const char *text, struct ks_error *err)
{
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    const struct ks_pool *want = (const struct ks_pool *)step->want;
    xmlNode *root;

    if (ks_xml_parse(text, strlen(text), &doc, err) < 0)
        return NULL;
    root = xmlDocGetRootElement(doc);
    for (size_t i = 0; i < step->fields.n; i++) {
        const struct ks_plan_field *field = &step->fields.v[i];
        if (field->define && ks_streq(field->path, "path"))
            set_path(root, want);
        else if (field->define && ks_starts(field->path, "source"))
            set_source(a->arena, root, want, field->path, ks_xml_attr(root, "type"));
    }
    return ks_xml_text(root);
}
