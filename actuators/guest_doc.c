/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "actuators/guest.h"

void ks_guest_doc_done(struct ks_guest_doc *d)
{
    if (d->doc)
        xmlFreeDoc(d->doc);
    free(d->text);
    *d = (struct ks_guest_doc){0};
}

int ks_guest_doc_read(struct ks_acting *a, virDomainPtr domain, unsigned flags, const struct ks_guest *want,
                      struct ks_guest_doc *ret, struct ks_error *err)
{
    ks_auto(ks_freep) char *text = virDomainGetXMLDesc(domain, flags | VIR_DOMAIN_XML_SECURE);

    ks_guest_doc_done(ret);
    if (!text)
        return ks_fail_virt(err, "read the definition of guest %s", virDomainGetName(domain));
    if (ks_xml_parse(text, strlen(text), &ret->doc, err) < 0)
        return -1;
    ret->have = (struct ks_guest *)ks_obj_new(a->arena, &ks_guest_kind, virDomainGetName(domain));
    ks_xml_read(a->arena, xmlDocGetRootElement(ret->doc), &ret->have->o);
    ks_name_volumes(a->arena, a->have, ret->have); /* as what was planned from has them */
    if (want)
        ks_diff(a->arena, &want->o, &ret->have->o, !(flags & VIR_DOMAIN_XML_INACTIVE), &ret->changes);
    ret->text = ks_take(text);
    return 0;
}

int ks_guest_lookup(struct ks_acting *a, const char *name, virDomainPtr *ret, struct ks_error *err)
{
    *ret = virDomainLookupByName(a->conn, name);
    if (*ret)
        return 0;
    if (ks_virt_errno() == VIR_ERR_NO_DOMAIN)
        return ks_fail(err, KS_E_NOT_FOUND, KS_NOWHERE, "there is no guest %s", name);
    return ks_fail_virt(err, "look up guest %s", name);
}

int ks_guest_power_state(virDomainPtr domain, struct ks_error *err)
{
    int state;

    if (virDomainGetState(domain, &state, NULL, 0) < 0)
        return ks_fail_virt(err, "ask for the state of guest %s", virDomainGetName(domain));
    return state;
}

int ks_pause(const struct ks_acting *a, unsigned ms, struct ks_error *err)
{
    if (a->cancelled && *a->cancelled)
        return ks_fail(err, KS_E_TIMEOUT, KS_NOWHERE, "stopped waiting: interrupted");
    (void)usleep(ms * 1000);
    return 0;
}
