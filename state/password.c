/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Passwords of guests' graphics servers: whether those that libvirt has are those that the manifest refers to. */
#include "schema/xml.h"
#include "state/state.h"
#include "virt/secret_value.h"

struct passwords {
    struct ks_observing *o;
    virConnectPtr conn;
};

/* libvirt tells passwords to those alone who may change them. Who may not ask cannot tell: no difference is made
 * up.
 */
static char *secure_xml(struct passwords *p, const char *name, unsigned flags)
{
    ks_auto(ks_domainp) virDomainPtr domain = NULL;

    if (!p->conn) {
        ks_auto(ks_freep) char *uri = virConnectGetURI(p->o->conn);
        p->conn = uri ? virConnectOpen(uri) : NULL;
    }
    domain = p->conn ? virDomainLookupByName(p->conn, name) : NULL;
    return domain ? virDomainGetXMLDesc(domain, flags | VIR_DOMAIN_XML_SECURE) : NULL;
}

static const char *password_of(const xmlNode *graphics)
{
    return graphics ? ks_xml_attr(graphics, "passwd") : NULL;
}

static const xmlNode *find_server(const xmlDoc *doc, const char *type)
{
    const xmlNode *devices = ks_xml_child(xmlDocGetRootElement(doc), "devices");
    const xmlNode *g = devices ? ks_xml_child(devices, "graphics") : NULL;

    while (g && !ks_streq(ks_xml_attr(g, "type"), type))
        g = ks_xml_next(g, "graphics");
    return g;
}

static bool is_same(const char *have, const struct ks_secret_value *value)
{
    return value ? have && strlen(have) == value->len && memcmp(have, value->data, value->len) == 0 : !have;
}

/* A running server takes another password, but neither its first one nor that it needs none any more. */
static struct ks_strings *list_of(struct ks_seen_guest *seen, bool live, const char *have,
                                  const struct ks_secret_value *value)
{
    return !live ? &seen->passwords : have && value ? &seen->live_passwords : &seen->pending_passwords;
}

static void compare(struct passwords *p, const char *type, const struct ks_secret_value *value,
                    struct ks_seen_guest *seen)
{
    const char *path = ks_sprintf(p->o->arena, "graphics.%s.password", type);
    ks_auto(ks_error_done) struct ks_error err = {0};

    for (unsigned live = 0; live <= (seen->id >= 0); live++) {
        ks_auto(ks_freep) char *text = secure_xml(p, seen->name, live ? 0 : VIR_DOMAIN_XML_INACTIVE);
        ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
        const xmlNode *server;
        if (!text || ks_xml_parse(text, strlen(text), &doc, &err) < 0)
            continue;
        server = find_server(doc, type);
        /* A running guest gets a server at its next start, and the password with it. */
        if (!is_same(password_of(server), value) && (server || (!live && value)))
            *ks_vec_add(p->o->arena, list_of(seen, live, password_of(server), value)) = path;
        explicit_bzero(text, strlen(text));
    }
}

static void check(struct passwords *p, const char *type, const struct ks_graphics_server *server,
                  struct ks_seen_guest *seen)
{
    ks_auto(ks_error_done) struct ks_error err = {0};
    struct ks_secret_value value;

    if (!server || !ks_stated(&server->o, "password"))
        return;
    if (!ks_has(&server->o, "password")) {
        compare(p, type, NULL, seen);
        return;
    }
    if (ks_secret_value_read(p->o->root, server->password->file, server->password->credential, false, &value,
                             &err) < 0) {
        seen->password_problem =
            ks_sprintf(p->o->arena, "graphics.%s.password: %s", type, ks_error_text(p->o->arena, &err));
        return;
    }
    compare(p, type, &value, seen);
    ks_secret_value_done(&value);
}

void ks_observe_passwords(struct ks_observing *o, struct ks_observed *ret)
{
    struct passwords p = {.o = o};

    for (size_t i = 0; o->want && i < ret->guests.n; i++) {
        struct ks_seen_guest *seen = &ret->guests.v[i];
        const struct ks_guest *want = (const struct ks_guest *)ks_map_get(&o->want->guests, seen->name);
        if (!want || !ks_has(&want->o, "graphics") || seen->unknown)
            continue;
        check(&p, "vnc", want->graphics->vnc, seen);
        check(&p, "spice", want->graphics->spice, seen);
    }
    if (p.conn)
        (void)virConnectClose(p.conn);
}
