/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this libvirt and QEMU can do. The capabilities of a host are a large document that libvirt is slow to make:
 * asked for only where a guest is to be made, or states something that only they can settle.
 */
#include "schema/xml.h"
#include "state/state.h"

/* The machine that the definition has is known to work: what matches it needs no capabilities. */
static bool is_settled(const struct ks_guest *want, const struct ks_seen_guest *seen)
{
    if (!seen || seen->unknown || !seen->config)
        return false;
    if (ks_has(&want->o, "machine") && !ks_streq(want->machine, seen->config->machine)) {
        const struct ks_field *field = &want->o.kind->fields[ks_row(want->o.kind, "machine")];
        if (!field->codec || !field->codec->same || !field->codec->same(field, &want->o, &seen->config->o))
            return false;
    }
    return !ks_has(&want->o, "firmware") || want->firmware == seen->config->firmware;
}

static bool is_needed(const struct ks_manifest *want, struct ks_observed *seen)
{
    for (size_t i = 0; want && i < want->guests.n; i++) {
        const struct ks_guest *guest = (const struct ks_guest *)want->guests.v[i];
        /* Guests are read in the order of their names, so they can be looked up before the final sort. */
        const struct ks_seen_guest *there = ks_seen_guest(seen, guest->o.key);
        if (ks_has(&guest->o, "state") && (guest->state == KS_GUEST_ABSENT || guest->state == KS_GUEST_UNMANAGED))
            continue;
        if (!is_settled(guest, there))
            return true;
    }
    return false;
}

static void read_machines(struct ks_arena *arena, xmlNode *arch, struct ks_seen_caps *caps)
{
    xmlNode *m = NULL;

    while ((m = ks_xml_each(arch, "machine", NULL, m))) {
        const char *name = ks_strdup(arena, ks_xml_content(arena, m));
        const char *canonical = ks_strdup(arena, ks_xml_attr(m, "canonical"));
        __typeof__(caps->machines.v) machine = ks_vec_add(arena, &caps->machines);
        machine->alias = canonical ? name : NULL;
        machine->name = canonical ? canonical : name;
    }
}

static void read_guest(struct ks_arena *arena, xmlNode *guest, const char *host_arch, struct ks_seen_caps *caps)
{
    xmlNode *arch = ks_xml_child(guest, "arch");
    const char *type = ks_xml_get(arena, guest, "os_type", NULL);
    xmlNode *domain = NULL;

    if (!arch || !ks_streq(type, "hvm") || !ks_streq(ks_xml_attr(arch, "name"), host_arch))
        return;
    caps->emulator = ks_strdup(arena, ks_xml_get(arena, arch, "emulator", NULL));
    read_machines(arena, arch, caps);
    while ((domain = ks_xml_each(arch, "domain", NULL, domain))) {
        caps->kvm = caps->kvm || ks_streq(ks_xml_attr(domain, "type"), "kvm");
        read_machines(arena, domain, caps);
    }
}

static int read_capabilities(struct ks_observing *o, struct ks_seen_caps *caps, struct ks_error *err)
{
    ks_auto(ks_freep) char *text = virConnectGetCapabilities(o->conn);
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    xmlNode *root, *guest = NULL;

    if (!text)
        return ks_fail_virt(err, "ask libvirt for its capabilities");
    if (ks_xml_parse(text, strlen(text), &doc, err) < 0)
        return -1;
    root = xmlDocGetRootElement(doc);
    caps->arch = ks_strdup(o->arena, ks_xml_get(o->arena, root, "host/cpu/arch", NULL));
    while ((guest = ks_xml_each(root, "guest", NULL, guest)))
        read_guest(o->arena, guest, caps->arch, caps);
    return 0;
}

/* Firmware is told by the domain capabilities of a machine alone. */
static int read_firmware(struct ks_observing *o, struct ks_seen_caps *caps, struct ks_error *err)
{
    ks_auto(ks_freep) char *text = virConnectGetDomainCapabilities(o->conn, NULL, caps->arch, "q35", NULL, 0);
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    xmlNode *value = NULL;

    /* A driver without them (the test driver) has no firmware to speak of. */
    if (!text)
        return 0;
    if (ks_xml_parse(text, strlen(text), &doc, err) < 0)
        return -1;
    while ((value = ks_xml_each(xmlDocGetRootElement(doc), "os/enum[@name='firmware']/value", NULL, value)))
        caps->efi = caps->efi || ks_streq(ks_xml_content(o->arena, value), "efi");
    value = NULL;
    while ((value = ks_xml_each(xmlDocGetRootElement(doc), "os/loader/enum[@name='secure']/value", NULL, value)))
        caps->secure_boot = caps->secure_boot || ks_streq(ks_xml_content(o->arena, value), "yes");
    return 0;
}

static bool wants_firmware(const struct ks_manifest *want)
{
    for (size_t i = 0; want && i < want->guests.n; i++)
        if (ks_has(want->guests.v[i], "firmware"))
            return true;
    return false;
}

int ks_caps_read(struct ks_observing *o, struct ks_seen_caps *ret, struct ks_error *err)
{
    return read_capabilities(o, ret, err) < 0 ? -1 : read_firmware(o, ret, err);
}

int ks_observe_caps(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err)
{
    if (!o->everything && !is_needed(o->want, ret))
        return 0;
    if (read_capabilities(o, &ret->caps, err) < 0)
        return -1;
    return wants_firmware(o->want) ? read_firmware(o, &ret->caps, err) : 0;
}
