/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The persistent definition: a new one made from the manifest, or the one that is there with the plan's fields set
 * and every other node left as it is. There is never a moment without a definition.
 */
#include "actuators/guest.h"

#include "schema/guest_new.h"
#include "schema/mark.h"

static int define_text(struct ks_acting *a, const char *text, unsigned flags, struct ks_error *err)
{
    ks_auto(ks_domainp) virDomainPtr domain = virDomainDefineXMLFlags(a->conn, text, flags);

    return domain ? 0 : ks_fail_virt(err, "define the guest");
}

static int define(struct ks_acting *a, xmlDoc *doc, unsigned flags, struct ks_error *err)
{
    char *text = ks_xml_text(xmlDocGetRootElement(doc));
    const int failed = define_text(a, text, flags, err);

    xmlFree(text);
    return failed;
}

/* Fragments are anybody's words. What rows write is in the schema, and is read back. */
static bool edits_fragments(const struct ks_step *step)
{
    for (size_t i = 0; i < step->fields.n; i++)
        if (ks_streq(step->fields.v[i].path, "xml"))
            return true;
    return false;
}

/*
 * libvirt takes definitions without looking at its own schema, unless it is asked to: it reads all of that each
 * time, which takes it six times as long as the rest. And it keeps some that the schema refuses. Such a one can be
 * edited all the same: it is no worse than it was. `old`: what it is so far.
 */
static int redefine(struct ks_acting *a, const struct ks_step *step, xmlDoc *doc, const char *old,
                    struct ks_error *err)
{
    ks_auto(ks_error_done) struct ks_error of_old = {0};

    if (!edits_fragments(step))
        return define(a, doc, 0, err);
    if (define(a, doc, VIR_DOMAIN_DEFINE_VALIDATE, err) == 0)
        return 0;
    if (err->sys_errno != VIR_ERR_XML_INVALID_SCHEMA ||
        define_text(a, old, VIR_DOMAIN_DEFINE_VALIDATE, &of_old) == 0 ||
        of_old.sys_errno != VIR_ERR_XML_INVALID_SCHEMA)
        return -1;
    ks_error_done(err);
    return define(a, doc, 0, err);
}

/* A field that is as planned is left alone; one that is neither as it was nor as it will be makes the plan stale.
 */
static int pick(const struct ks_step *step, const struct ks_plan_field *field, const struct ks_changes *changes,
                const struct ks_change **ret, struct ks_error *err)
{
    const struct ks_change *change = ks_changes_find(changes, field->path);

    *ret = change;
    if (!change || (change->op == field->op && ks_streq(change->from, field->from)))
        return 0;
    return ks_fail(err, KS_E_STALE, KS_NOWHERE, "guest %s: %s was %s when this was planned, and is %s now",
                   step->name, field->path, field->from ? field->from : "unset",
                   change->from ? change->from : "unset");
}

static int patch(const struct ks_step *step, struct ks_guest_doc *d, bool *ret_changed, struct ks_error *err)
{
    for (size_t i = 0; i < step->fields.n; i++) {
        const struct ks_change *change;
        if (!step->fields.v[i].define)
            continue;
        if (pick(step, &step->fields.v[i], &d->changes, &change, err) < 0)
            return -1;
        if (!change)
            continue;
        if (ks_xml_apply(xmlDocGetRootElement(d->doc), change, err) < 0)
            return ks_wrap(err, "in %s", change->path);
        *ret_changed = true;
    }
    return 0;
}

static int verify(struct ks_acting *a, const struct ks_step *step, virDomainPtr domain, struct ks_error *err)
{
    ks_auto(ks_guest_doc_done) struct ks_guest_doc d = {0};

    if (ks_guest_doc_read(a, domain, VIR_DOMAIN_XML_INACTIVE, (const struct ks_guest *)step->want, &d, err) < 0)
        return -1;
    for (size_t i = 0; i < step->fields.n; i++) {
        const struct ks_change *left = ks_changes_find(&d.changes, step->fields.v[i].path);
        if (left && step->fields.v[i].define)
            return ks_fail(err, KS_E_VERIFY, KS_NOWHERE, "guest %s: %s was set to %s and reads back as %s",
                           step->name, left->path, left->to ? left->to : "unset",
                           left->from ? left->from : "unset");
    }
    return 0;
}

/* Flags that lie beside the XML. */
static int set_flags(struct ks_acting *a, const struct ks_step *step, virDomainPtr domain, bool *ret_changed,
                     struct ks_error *err)
{
    const struct ks_guest *want = (const struct ks_guest *)step->want;
    int now;

    if (!ks_has(&want->o, "autostart"))
        return 0;
    if (virDomainGetAutostart(domain, &now) < 0)
        return ks_fail_virt(err, "ask for autostart of guest %s", step->name);
    if ((now != 0) == want->autostart)
        return 0;
    *ret_changed = true;
    if (!a->dry_run && virDomainSetAutostart(domain, want->autostart) < 0)
        return ks_fail_virt(err, "set autostart of guest %s", step->name);
    return 0;
}

static bool says_protect(const struct ks_step *step)
{
    for (size_t i = 0; i < step->fields.n; i++)
        if (ks_streq(step->fields.v[i].path, "protect"))
            return true;
    return false;
}

/* What the running guest has not got and its live XML cannot show is remembered until it is off. */
static int remember_pending(struct ks_acting *a, const struct ks_step *step, virDomainPtr domain,
                            const struct ks_changes *changes, struct ks_error *err)
{
    struct ks_text list = {.arena = a->arena};
    char *boot_id;

    if (!virDomainIsActive(domain))
        return 0;
    for (size_t i = 0; i < step->fields.n; i++) {
        const struct ks_plan_field *field = &step->fields.v[i];
        const struct ks_change *change = ks_changes_find(changes, field->path);
        if (change && ks_change_row(change)->flags & KS_F_OPAQUE && field->impact == KS_RESTART)
            ks_text_addf(&list, "%s%s", list.n ? "," : "", field->path);
    }
    if (list.n == 0 || !a->keeping.note)
        return 0;
    if (ks_attr_read(a->root, "proc/sys/kernel/random/boot_id", a->arena, &boot_id, err) < 0)
        return -1;
    return a->keeping.note(a->keeping.data, ks_sprintf(a->arena, "guest/%s", step->name), "pending",
                           ks_sprintf(a->arena, "%s %u %s", boot_id, virDomainGetID(domain), ks_text_str(&list)),
                           err);
}

static int edit_definition(struct ks_acting *a, const struct ks_step *step, virDomainPtr domain, bool *ret_changed,
                           struct ks_error *err)
{
    ks_auto(ks_guest_doc_done) struct ks_guest_doc d = {0};
    const struct ks_guest *want = (const struct ks_guest *)step->want;
    bool defines = false;

    if (ks_guest_doc_read(a, domain, VIR_DOMAIN_XML_INACTIVE, want, &d, err) < 0 ||
        patch(step, &d, &defines, err) < 0)
        return -1;
    if (says_protect(step)) {
        const struct ks_guest_mark mark = {.owned = true, .protect = want->protect};
        if (ks_guest_mark_write(xmlDocGetRootElement(d.doc), &mark, err) < 0)
            return -1;
        defines = true;
    }
    if (ks_passwords_planned(step, false)) {
        if (ks_passwords_write(a, want, d.doc, err) < 0)
            return -1;
        defines = true;
    }
    if (defines && !a->dry_run) {
        ks_tell(a, step, "writing the definition", -1);
        if (remember_pending(a, step, domain, &d.changes, err) < 0 || redefine(a, step, d.doc, d.text, err) < 0 ||
            verify(a, step, domain, err) < 0)
            return -1;
    }
    *ret_changed = *ret_changed || defines;
    return set_flags(a, step, domain, ret_changed, err);
}

int ks_guest_edit(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    ks_auto(ks_domainp) virDomainPtr domain = NULL;
    enum ks_outcome live = KS_NOOP;
    bool changed = false;

    if (ks_guest_lookup(a, step->name, &domain, err) < 0 || ks_seed_make(a, step, &changed, err) < 0 ||
        edit_definition(a, step, domain, &changed, err) < 0)
        return -1;
    if (ks_passwords_planned(step, true) && !a->dry_run && virDomainIsActive(domain) == 1 &&
        ks_passwords_update(a, (const struct ks_guest *)step->want, domain, err) < 0)
        return ks_wrap(err, "the definition has it; the running guest does not");
    if (virDomainIsActive(domain) == 1 && ks_guest_edit_live(a, step, domain, &live, err) < 0)
        return ks_wrap(err, "the definition has it; the running guest does not");
    if (live != KS_NOOP)
        *ret = live;
    else if (changed)
        *ret = a->dry_run ? KS_WOULD_CHANGE : KS_CHANGED;
    else
        *ret = KS_NOOP;
    return 0;
}

int ks_guest_create(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    const struct ks_guest *want = (const struct ks_guest *)step->want;
    const struct ks_guest_mark mark = {.owned = true, .protect = want->protect};
    const bool starts = ks_has(&want->o, "state") && want->state != KS_GUEST_STOPPED;
    ks_auto(ks_domainp) virDomainPtr domain = virDomainLookupByName(a->conn, step->name);
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    bool changed;

    if (domain)
        return ks_fail(err, KS_E_STALE, KS_NOWHERE, "guest %s was not there when this was planned, and is now",
                       step->name);
    if (ks_virt_errno() != VIR_ERR_NO_DOMAIN)
        return ks_fail_virt(err, "look up guest %s", step->name);
    if (ks_guest_new_xml(want, a->have->caps.kvm, &doc, err) < 0 ||
        ks_guest_mark_write(xmlDocGetRootElement(doc), &mark, err) < 0 || ks_passwords_write(a, want, doc, err) < 0)
        return -1;
    if (a->dry_run)
        return *ret = KS_WOULD_CHANGE, 0;
    ks_tell(a, step, "defining", -1);
    if (ks_seed_make(a, step, &changed, err) < 0 || define(a, doc, VIR_DOMAIN_DEFINE_VALIDATE, err) < 0 ||
        ks_guest_lookup(a, step->name, &domain, err) < 0 || verify(a, step, domain, err) < 0 ||
        set_flags(a, step, domain, &changed, err) < 0)
        return -1;
    if (starts && ks_guest_start(a, step, domain, want->state == KS_GUEST_PAUSED, err) < 0)
        return -1;
    *ret = KS_CHANGED;
    return 0;
}
