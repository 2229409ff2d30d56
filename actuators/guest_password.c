/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Passwords of graphics servers: read from where the manifest says, written where libvirt keeps them, never shown.
 */
#include "actuators/guest.h"
#include "schema/xml.h"
#include "virt/secret_value.h"

static const char *const types[] = {"vnc", "spice"};

static const struct ks_graphics_server *server_of(const struct ks_guest *want, const char *type)
{
    const struct ks_graphics_server *server;

    if (!ks_has(&want->o, "graphics"))
        return NULL;
    server = ks_streq(type, "vnc") ? want->graphics->vnc : want->graphics->spice;
    return server && ks_stated(&server->o, "password") ? server : NULL;
}

static xmlNode *find_server(const xmlDoc *doc, const char *type)
{
    xmlNode *devices = ks_xml_child(xmlDocGetRootElement(doc), "devices");
    xmlNode *g = devices ? ks_xml_child(devices, "graphics") : NULL;

    while (g && !ks_streq(ks_xml_attr(g, "type"), type))
        g = ks_xml_next(g, "graphics");
    return g;
}

static bool is_text(const struct ks_secret_value *value)
{
    for (size_t i = 0; i < value->len; i++)
        if (value->data[i] < 0x20 || value->data[i] == 0x7f)
            return false;
    return true;
}

static int write_one(struct ks_acting *a, xmlNode *node, const struct ks_graphics_server *server, const char *type,
                     struct ks_error *err)
{
    struct ks_secret_value value;
    char *text;

    if (!ks_has(&server->o, "password")) {
        ks_xml_set_attr(node, "passwd", NULL);
        return 0;
    }
    if (ks_secret_value_read(a->root, server->password->file, server->password->credential, false, &value, err) < 0)
        return ks_wrap(err, "in graphics.%s.password", type);
    text = strndup((const char *)value.data, value.len);
    if (text && is_text(&value) && xmlCheckUTF8((const unsigned char *)text))
        ks_xml_set_attr(node, "passwd", text);
    else
        (void)ks_fail(err, KS_E_INVALID, ks_at(&server->o, "password"),
                      "graphics.%s.password: the file holds something else than one line of text", type);
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
    ks_secret_value_done(&value);
    return err->code == KS_E_NONE ? 0 : -1;
}

int ks_passwords_write(struct ks_acting *a, const struct ks_guest *want, const xmlDoc *doc, struct ks_error *err)
{
    for (size_t i = 0; i < KS_COUNT(types); i++) {
        const struct ks_graphics_server *server = server_of(want, types[i]);
        xmlNode *node = server ? find_server(doc, types[i]) : NULL;
        if (node && write_one(a, node, server, types[i], err) < 0)
            return -1;
    }
    return 0;
}

static int update(struct ks_acting *a, virDomainPtr domain, const xmlDoc *doc, const char *type,
                  const struct ks_graphics_server *server, struct ks_error *err)
{
    xmlNode *node = find_server(doc, type);
    char *text;
    int r;

    if (!node)
        return 0; /* it comes with the next start, and its password with it */
    if (write_one(a, node, server, type, err) < 0)
        return -1;
    text = ks_xml_text(node);
    r = virDomainUpdateDeviceFlags(domain, text, VIR_DOMAIN_AFFECT_LIVE);
    explicit_bzero(text, strlen(text));
    xmlFree(text);
    return r < 0 ? ks_fail_virt(err, "set the password of graphics.%s", type) : 0;
}

int ks_passwords_update(struct ks_acting *a, const struct ks_guest *want, virDomainPtr domain, struct ks_error *err)
{
    ks_auto(ks_guest_doc_done) struct ks_guest_doc d = {0};

    if (ks_guest_doc_read(a, domain, 0, NULL, &d, err) < 0)
        return -1;
    for (size_t i = 0; i < KS_COUNT(types); i++) {
        const struct ks_graphics_server *server = server_of(want, types[i]);
        if (server && update(a, domain, d.doc, types[i], server, err) < 0)
            return -1;
    }
    return 0;
}

bool ks_passwords_planned(const struct ks_step *step, bool live)
{
    for (size_t i = 0; i < step->fields.n; i++) {
        const struct ks_plan_field *field = &step->fields.v[i];
        if (ks_starts(field->path, "graphics.") && strstr(field->path, ".password") && (!live || field->live))
            return true;
    }
    return false;
}
