/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvirt's secrets. A value is compared where libvirt hands it out, and kept nowhere; of a private one, which it
 * hands to nobody, the ledger knows the size and time of the file that was last set.
 */
#include "state/state.h"
#include "virt/secret_value.h"

struct reading {
    struct ks_observing *o;
    virConnectPtr conn; /* of our own, where the run's own may only read: values need more. Or NULL */
    bool tried;
};

static const char *usage_of(const struct ks_secret *want)
{
    return ks_has(&want->o, "usage") ? want->usage : want->o.key;
}

static const struct ks_secret *find_wanted(const struct ks_manifest *want, const struct ks_secret *seen,
                                           const char *usage)
{
    for (size_t i = 0; want && i < want->secrets.n; i++) {
        const struct ks_secret *s = (const struct ks_secret *)want->secrets.v[i];
        if (s->type == seen->type && ks_streq(usage_of(s), usage))
            return s;
    }
    return NULL;
}

/* *ret_denied: this connection may not ask. false: it has none, or does not say. */
static bool get_value(virSecretPtr secret, unsigned char **ret, size_t *ret_len, bool *ret_denied)
{
    *ret_denied = false;
    *ret = virSecretGetValue(secret, ret_len, 0);
    if (!*ret)
        *ret_denied = ks_virt_errno() == VIR_ERR_OPERATION_DENIED;
    return *ret;
}

static bool get_value_somehow(struct reading *r, virSecretPtr secret, unsigned char **ret, size_t *ret_len,
                              bool *ret_denied)
{
    ks_auto(ks_secretp) virSecretPtr again = NULL;
    ks_auto(ks_freep) char *uri = NULL;
    char uuid[VIR_UUID_STRING_BUFLEN];

    if (get_value(secret, ret, ret_len, ret_denied) || !*ret_denied)
        return *ret;
    if (!r->tried) {
        r->tried = true;
        uri = virConnectGetURI(r->o->conn);
        r->conn = uri ? virConnectOpen(uri) : NULL;
    }
    if (!r->conn || virSecretGetUUIDString(secret, uuid) < 0)
        return false;
    again = virSecretLookupByUUIDString(r->conn, uuid);
    return again && get_value(again, ret, ret_len, ret_denied);
}

static void compare_value(struct reading *r, virSecretPtr secret, const struct ks_secret *want,
                          struct ks_seen_secret *seen)
{
    ks_auto(ks_error_done) struct ks_error err = {0};
    struct ks_secret_value value;
    unsigned char *have = NULL;
    size_t len = 0;
    bool denied = false;
    const char *note = r->o->ledger
                           ? ks_ledger_note(r->o->ledger, ks_sprintf(r->o->arena, "secret/%s", seen->name), "value")
                           : NULL;

    if (ks_secret_value_read(r->o->root, want->value->file, want->value->credential, want->type == KS_SECRET_CEPH,
                             &value, &err) < 0) {
        seen->value_problem = ks_error_text(r->o->arena, &err);
        return;
    }
    if (seen->config->is_private) {
        seen->has_value = note != NULL;
        seen->value_matches = ks_streq(note, value.stamp);
    } else if (get_value_somehow(r, secret, &have, &len, &denied)) {
        seen->has_value = true;
        seen->value_matches = len == value.len && memcmp(have, value.data, len) == 0;
        explicit_bzero(have, len);
        free(have);
    } else if (denied) { /* who may not ask cannot tell: no difference is made up */
        seen->has_value = seen->value_matches = true;
    }
    ks_secret_value_done(&value);
}

static int read_config(struct reading *r, virSecretPtr secret, struct ks_seen_secret *seen,
                       struct ks_secret *config, struct ks_error *err)
{
    ks_auto(ks_freep) char *text = virSecretGetXMLDesc(secret, 0);
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;

    if (!text)
        return ks_fail_virt(err, "read secret %s", seen->name);
    if (ks_xml_parse(text, strlen(text), &doc, err) < 0)
        return -1;
    ks_xml_read(r->o->arena, xmlDocGetRootElement(doc), &config->o);
    ks_obj_forget_xml(&config->o);
    seen->hash = ks_hash_str(seen->hash, text);
    return 0;
}

static void add_secret(struct reading *r, virSecretPtr secret, struct ks_observed *ret)
{
    struct ks_arena *arena = r->o->arena;
    ks_auto(ks_error_done) struct ks_error err = {0};
    struct ks_secret *config = (struct ks_secret *)ks_obj_new(arena, &ks_secret_kind, NULL);
    struct ks_seen_secret seen = {.hash = KS_HASH_START, .config = config};
    const char *usage = ks_strdup(arena, virSecretGetUsageID(secret)), *id;
    char uuid[VIR_UUID_STRING_BUFLEN];
    const struct ks_secret *want;

    if (virSecretGetUUIDString(secret, uuid) == 0)
        seen.uuid = ks_strdup(arena, uuid);
    seen.name = usage && *usage ? usage : seen.uuid;
    if (read_config(r, secret, &seen, config, &err) < 0)
        seen.unknown = ks_error_text(arena, &err);
    config->usage = seen.name;
    ks_mark(&config->o, "usage");
    config->uuid = seen.uuid;
    want = find_wanted(r->o->want, config, usage);
    if (want)
        seen.name = want->o.key;
    else if (r->o->want && ks_map_get(&r->o->want->secrets, seen.name))
        seen.name = seen.uuid; /* of another type than the one of that name in the manifest */
    config->o.key = seen.name;
    id = ks_sprintf(arena, "secret/%s", seen.name);
    seen.owned = r->o->ledger && ks_ledger_has(r->o->ledger, id);
    seen.protect = r->o->ledger && ks_ledger_note(r->o->ledger, id, "protect");
    if (want && want->value && !seen.unknown)
        compare_value(r, secret, want, &seen);
    seen.hash = ks_hash(seen.hash, &seen.value_matches, sizeof seen.value_matches);
    *(struct ks_seen_secret *)ks_vec_add(arena, &ret->secrets) = seen;
}

int ks_observe_secrets(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err)
{
    struct reading r = {.o = o};
    virSecretPtr *list;
    const int n = virConnectListAllSecrets(o->conn, &list, 0);

    if (n < 0)
        return ks_fail_virt(err, "list secrets");
    for (int i = 0; i < n; i++) {
        add_secret(&r, list[i], ret);
        (void)virSecretFree(list[i]);
    }
    free(list);
    if (r.conn)
        (void)virConnectClose(r.conn);
    return 0;
}
