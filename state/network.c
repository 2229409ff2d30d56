/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libvirt's networks: the definition, what runs, and which guests have a nic in it. */
#include "schema/xml.h"
#include "state/state.h"

static bool any_nic_in(const struct ks_manifest *want, const char *name)
{
    for (size_t i = 0; i < want->guests.n; i++) {
        const struct ks_guest *guest = (const struct ks_guest *)want->guests.v[i];
        for (size_t k = 0; k < guest->nics.n; k++)
            if (ks_streq(((const struct ks_nic *)guest->nics.v[k])->network, name))
                return true;
    }
    return false;
}

/* A network that nobody names is not read. */
static bool is_needed(const struct ks_observing *o, const char *name)
{
    const struct ks_manifest *want = o->want;

    if (!want || o->everything || (want->defaults && want->defaults->prune))
        return true;
    return ks_map_get(&want->networks, name) || any_nic_in(want, name);
}

static const struct ks_network *read_xml(struct ks_observing *o, virNetworkPtr network, unsigned flags,
                                         struct ks_seen_network *seen, struct ks_error *err)
{
    ks_auto(ks_freep) char *text = virNetworkGetXMLDesc(network, flags);
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    struct ks_network *ret;

    if (!text) {
        (void)ks_fail_virt(err, "read the definition of network %s", seen->name);
        return NULL;
    }
    if (ks_xml_parse(text, strlen(text), &doc, err) < 0)
        return NULL;
    ret = (struct ks_network *)ks_obj_new(o->arena, &ks_network_kind, seen->name);
    ks_xml_read(o->arena, xmlDocGetRootElement(doc), &ret->o);
    ks_obj_forget_xml(&ret->o);
    /* Of the live XML what counts is what can be stated: it says how many guests are on it, too. */
    if (flags & VIR_NETWORK_XML_INACTIVE) {
        seen->hash = ks_hash_str(seen->hash, text);
        seen->xml = o->keep_xml ? ks_strdup(o->arena, text) : NULL;
    } else {
        struct ks_text json = {.arena = o->arena};
        ks_print_json(&json, &ret->o);
        seen->hash = ks_hash_str(seen->hash, ks_text_str(&json));
    }
    return ret;
}

static void add_user(struct ks_observing *o, virNetworkPortPtr port, struct ks_seen_network *seen)
{
    ks_auto(ks_freep) char *text = virNetworkPortGetXMLDesc(port, 0);
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    ks_auto(ks_error_done) struct ks_error err = {0};
    const xmlNode *owner, *name;
    const char *user;

    if (!text || ks_xml_parse(text, strlen(text), &doc, &err) < 0)
        return; /* gone meanwhile */
    owner = ks_xml_child(xmlDocGetRootElement(doc), "owner");
    name = owner ? ks_xml_child(owner, "name") : NULL;
    if (!name)
        return;
    user = ks_strdup(o->arena, ks_xml_content(o->arena, name));
    for (size_t i = 0; i < seen->users.n; i++)
        if (ks_streq(seen->users.v[i], user))
            return;
    *ks_vec_add(o->arena, &seen->users) = user;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int read_users(struct ks_observing *o, virNetworkPtr network, struct ks_seen_network *seen,
                      struct ks_error *err)
{
    virNetworkPortPtr *ports;
    const int n = virNetworkListAllPorts(network, &ports, 0);

    if (n < 0)
        return ks_fail_virt(err, "list the ports of network %s", seen->name);
    for (int i = 0; i < n; i++) {
        add_user(o, ports[i], seen);
        (void)virNetworkPortFree(ports[i]);
    }
    free(ports);
    if (seen->users.n > 1)
        qsort(seen->users.v, seen->users.n, sizeof *seen->users.v, compare_names);
    return 0;
}

static int read_flags(virNetworkPtr network, struct ks_seen_network *seen, struct ks_error *err)
{
    const int active = virNetworkIsActive(network), persistent = virNetworkIsPersistent(network);
    int autostart = 0;

    if (active < 0 || persistent < 0 || (persistent && virNetworkGetAutostart(network, &autostart) < 0))
        return ks_fail_virt(err, "ask for the state of network %s", seen->name);
    seen->active = active;
    seen->persistent = persistent;
    seen->autostart = autostart;
    return 0;
}

static int read_network(struct ks_observing *o, virNetworkPtr network, struct ks_seen_network *seen,
                        struct ks_error *err)
{
    if (read_flags(network, seen, err) < 0)
        return -1;
    seen->config = read_xml(o, network, VIR_NETWORK_XML_INACTIVE, seen, err);
    if (!seen->config)
        return -1;
    if (!seen->active)
        return 0;
    seen->live = read_xml(o, network, 0, seen, err);
    return seen->live ? read_users(o, network, seen, err) : -1;
}

static void add_network(struct ks_observing *o, virNetworkPtr network, struct ks_observed *ret)
{
    ks_auto(ks_error_done) struct ks_error err = {0};
    struct ks_seen_network *seen = ks_vec_add(o->arena, &ret->networks);
    char uuid[VIR_UUID_STRING_BUFLEN];
    const char *id;

    seen->name = ks_strdup(o->arena, virNetworkGetName(network));
    seen->hash = KS_HASH_START;
    id = ks_sprintf(o->arena, "network/%s", seen->name);
    if (virNetworkGetUUIDString(network, uuid) == 0)
        seen->uuid = ks_strdup(o->arena, uuid);
    seen->owned = o->ledger && ks_ledger_has(o->ledger, id);
    seen->protect = o->ledger && ks_ledger_note(o->ledger, id, "protect");
    seen->making = o->ledger && ks_ledger_note(o->ledger, id, "making");
    if (read_network(o, network, seen, &err) < 0)
        seen->unknown = ks_error_text(o->arena, &err);
    seen->hash = ks_hash(seen->hash, &seen->active, sizeof seen->active);
    seen->hash = ks_hash(seen->hash, &seen->autostart, sizeof seen->autostart);
}

int ks_observe_networks(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err)
{
    virNetworkPtr *list;
    const int n = virConnectListAllNetworks(o->conn, &list, 0);

    if (n < 0)
        return ks_fail_virt(err, "list networks");
    for (int i = 0; i < n; i++) {
        if (is_needed(o, virNetworkGetName(list[i])))
            add_network(o, list[i], ret);
        (void)virNetworkFree(list[i]);
    }
    free(list);
    return 0;
}
