/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Secrets: their small definition, and their value, which is read here, handed to libvirt, and wiped. */
#include "actuators/actuators.h"
#include "schema/xml.h"
#include "virt/secret_value.h"

static const char *id_of(struct ks_acting *a, const struct ks_step *step)
{
    return ks_sprintf(a->arena, "secret/%s", step->name);
}

static int note(struct ks_acting *a, const struct ks_step *step, const char *name, const char *value,
                struct ks_error *err)
{
    return a->keeping.note ? a->keeping.note(a->keeping.data, id_of(a, step), name, value, err) : 0;
}

/* The ledger: ours, and whether it is protected. */
static int keep(struct ks_acting *a, const struct ks_step *step, struct ks_error *err)
{
    const struct ks_secret *want = (const struct ks_secret *)step->want;

    if (a->keeping.own && a->keeping.own(a->keeping.data, id_of(a, step), err) < 0)
        return -1;
    return ks_has(&want->o, "protect") ? note(a, step, "protect", want->protect ? "yes" : NULL, err) : 0;
}

static int lookup(struct ks_acting *a, const struct ks_step *step, virSecretPtr *ret, struct ks_error *err)
{
    const struct ks_seen_secret *seen = step->seen;

    *ret = virSecretLookupByUUIDString(a->conn, seen->uuid);
    if (*ret || ks_virt_errno() == VIR_ERR_NO_SECRET)
        return 0;
    return ks_fail_virt(err, "look up secret %s", step->name);
}

static int define(struct ks_acting *a, const struct ks_step *step, xmlDoc *doc, virSecretPtr *ret,
                  struct ks_error *err)
{
    char *text = ks_xml_text(xmlDocGetRootElement(doc));

    *ret = virSecretDefineXML(a->conn, text, 0);
    xmlFree(text);
    return *ret ? 0 : ks_fail_virt(err, "define secret %s", step->name);
}

static bool lists_field(const struct ks_step *step, const char *path)
{
    for (size_t i = 0; i < step->fields.n; i++)
        if (ks_streq(step->fields.v[i].path, path))
            return true;
    return false;
}

/* ---- the value ----------------------------------------------------------------------------------------------- */

/* Where libvirt hands it out, it is what was set. */
static int verify_value(const struct ks_step *step, virSecretPtr secret, const struct ks_secret_value *value,
                        struct ks_error *err)
{
    size_t len = 0;
    unsigned char *have = virSecretGetValue(secret, &len, 0);
    bool same;

    if (!have && ks_virt_errno() == VIR_ERR_INVALID_SECRET) /* private */
        return 0;
    if (!have)
        return ks_fail_virt(err, "read back the value of secret %s", step->name);
    same = len == value->len && memcmp(have, value->data, len) == 0;
    explicit_bzero(have, len);
    free(have);
    return same ? 0
                : ks_fail(err, KS_E_VERIFY, KS_NOWHERE, "the value of secret %s was set and reads back as another",
                          step->name);
}

static int read_value(struct ks_acting *a, const struct ks_step *step, struct ks_secret_value *ret,
                      struct ks_error *err)
{
    const struct ks_secret *want = (const struct ks_secret *)step->want;

    if (ks_secret_value_read(a->root, want->value->file, want->value->credential, want->type == KS_SECRET_CEPH, ret,
                             err) < 0)
        return ks_wrap(err, "in the value of secret %s", step->name);
    return 0;
}

static int set_value(struct ks_acting *a, const struct ks_step *step, virSecretPtr secret,
                     const struct ks_secret_value *value, struct ks_error *err)
{
    if (virSecretSetValue(secret, value->data, value->len, 0) < 0)
        return ks_fail_virt(err, "set the value of secret %s", step->name);
    if (verify_value(step, secret, value, err) < 0)
        return -1;
    return note(a, step, "value", value->stamp, err);
}

/* ---- the steps ----------------------------------------------------------------------------------------------- */

/* <usage> holds its name in an element that its type names. */
static int write_usage(xmlNode *root, const struct ks_secret *want, struct ks_error *err)
{
    static const char *const elements[] = {
        [KS_SECRET_CEPH] = "name", [KS_SECRET_ISCSI] = "target", [KS_SECRET_VOLUME] = "volume",
        [KS_SECRET_VTPM] = "name", [KS_SECRET_TLS] = "name",
    };
    const char *usage = ks_has(&want->o, "usage") ? want->usage : want->o.key;
    const char *path;
    char buf[32];

    (void)snprintf(buf, sizeof buf, "usage/%s", elements[want->type]);
    path = buf;
    return ks_xml_set(root, path, NULL, NULL, usage, err);
}

static int act_create(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    static const char empty[] = "<secret/>";
    const struct ks_secret *want = (const struct ks_secret *)step->want;
    ks_auto(ks_secretp) virSecretPtr secret = NULL;
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    ks_auto(ks_secret_value_done) struct ks_secret_value value = {0};
    xmlNode *root;

    /* First: a secret without its value is of no use. */
    if (want->value && read_value(a, step, &value, err) < 0)
        return -1;
    if (ks_xml_parse(empty, sizeof empty - 1, &doc, err) < 0)
        return -1;
    root = xmlDocGetRootElement(doc);
    if (ks_xml_write(root, step->want, err) < 0 || write_usage(root, want, err) < 0)
        return -1;
    *ret = a->dry_run ? KS_WOULD_CHANGE : KS_CHANGED;
    if (a->dry_run)
        return 0;
    /* libvirt refuses a second one of this type and name: nothing that came meanwhile is overwritten. */
    if (keep(a, step, err) < 0 || define(a, step, doc, &secret, err) < 0)
        return -1;
    return want->value ? set_value(a, step, secret, &value, err) : 0;
}

static int edit_definition(struct ks_acting *a, const struct ks_step *step, virSecretPtr secret,
                           struct ks_error *err)
{
    ks_auto(ks_freep) char *text = virSecretGetXMLDesc(secret, 0);
    ks_auto(ks_secretp) virSecretPtr defined = NULL;
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    struct ks_secret *have = (struct ks_secret *)ks_obj_new(a->arena, &ks_secret_kind, step->name);
    struct ks_changes changes = {0};

    if (!text)
        return ks_fail_virt(err, "read secret %s", step->name);
    if (ks_xml_parse(text, strlen(text), &doc, err) < 0)
        return -1;
    ks_xml_read(a->arena, xmlDocGetRootElement(doc), &have->o);
    have->usage = ((const struct ks_secret *)step->have)->usage;
    ks_mark(&have->o, "usage");
    ks_diff(a->arena, step->want, &have->o, false, &changes);
    if (changes.n == 0)
        return 0;
    for (size_t i = 0; i < changes.n; i++)
        if (ks_xml_apply(xmlDocGetRootElement(doc), &changes.v[i], err) < 0)
            return -1;
    return define(a, step, doc, &defined, err);
}

static int act_edit(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    ks_auto(ks_secret_value_done) struct ks_secret_value value = {0};
    ks_auto(ks_secretp) virSecretPtr secret = NULL;
    const bool sets = lists_field(step, "value");

    if (lookup(a, step, &secret, err) < 0)
        return -1;
    if (!secret)
        return ks_fail(err, KS_E_STALE, KS_NOWHERE, "secret %s was there when this was planned, and is not now",
                       step->name);
    *ret = a->dry_run ? KS_WOULD_CHANGE : KS_CHANGED;
    if (a->dry_run)
        return 0;
    if ((sets && read_value(a, step, &value, err) < 0) || edit_definition(a, step, secret, err) < 0 ||
        (sets && set_value(a, step, secret, &value, err) < 0))
        return -1;
    return lists_field(step, "protect") ? keep(a, step, err) : 0;
}

static int act_define(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    return (step->verb == KS_CREATE ? act_create : act_edit)(a, step, ret, err);
}

static int act_mark(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    *ret = a->dry_run ? KS_WOULD_CHANGE : KS_CHANGED;
    return a->dry_run ? 0 : keep(a, step, err);
}

static int act_delete(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    ks_auto(ks_secretp) virSecretPtr secret = NULL;

    if (lookup(a, step, &secret, err) < 0)
        return -1;
    *ret = !secret ? KS_NOOP : a->dry_run ? KS_WOULD_CHANGE : KS_CHANGED;
    if (a->dry_run)
        return 0;
    if (secret && virSecretUndefine(secret) < 0)
        return ks_fail_virt(err, "undefine secret %s", step->name);
    return a->keeping.disown ? a->keeping.disown(a->keeping.data, id_of(a, step), err) : 0;
}

int ks_act_secret(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    static ks_act_fn *const actions[KS_ACTIONS] = {
        [KS_ACT_DEFINE] = act_define, [KS_ACT_MARK] = act_mark, [KS_ACT_DELETE] = act_delete};

    if (!actions[step->action])
        return ks_fail(err, KS_E_BUG, step->at, "a secret cannot %s", ks_action_name(step->action));
    return actions[step->action](a, step, ret, err);
}
