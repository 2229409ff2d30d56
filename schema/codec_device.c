/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices that one path cannot say. */
#include <inttypes.h>

#include "schema/guest.h"
#include "schema/xml.h"

static bool is_null(const struct ks_field *field, const struct ks_obj *obj)
{
    return obj->null & ks_xml_bit(obj, field);
}

static xmlNode *devices_of(const xmlNode *domain)
{
    return ks_xml_child(domain, "devices");
}

xmlNode *ks_device_first(const xmlNode *domain, const char *name)
{
    const xmlNode *devices = devices_of(domain);

    return devices ? ks_xml_child(devices, name) : NULL;
}

xmlNode *ks_device_add(xmlNode *domain, const char *fragment, struct ks_error *err)
{
    xmlNode *devices = ks_xml_ensure_child(domain, "devices");
    xmlNode *node = ks_xml_fragment(devices, fragment, NULL, err);

    if (node)
        ks_xml_link(devices, node);
    return node;
}

static void remove_device(xmlNode *node)
{
    xmlUnlinkNode(node);
    xmlFreeNode(node);
}

/* ---- PCI addresses ------------------------------------------------------------------------------------------ */

/* libvirt reads each part as hexadecimal behind 0x, else as decimal. */
bool ks_pci_part(const xmlNode *address, const char *name, unsigned long *ret)
{
    const char *text = ks_xml_attr(address, name);
    char *end;

    if (!text)
        return false;
    /* "0x01", as libvirt writes them: there is one for each device of each guest */
    if (ks_starts(text, "0x0") && text[3] >= '0' && text[3] <= '9' && !text[4]) {
        *ret = (unsigned long)(text[3] - '0');
        return true;
    }
    *ret = strtoul(text, &end, 0);
    return *text && !*end;
}

const char *ks_pci_read(struct ks_arena *arena, const xmlNode *address)
{
    unsigned long domain = 0, bus, slot, function;

    (void)ks_pci_part(address, "domain", &domain);
    if (!ks_pci_part(address, "bus", &bus) || !ks_pci_part(address, "slot", &slot) ||
        !ks_pci_part(address, "function", &function))
        return NULL;
    return ks_sprintf(arena, "%04lx:%02lx:%02lx.%lx", domain, bus, slot, function);
}

void ks_pci_write(xmlNode *address, const char *text)
{
    static const char *const names[] = {"domain", "bus", "slot", "function"};
    unsigned part[4];

    if (sscanf(text, "%x:%x:%x.%x", &part[0], &part[1], &part[2], &part[3]) != 4)
        return;
    for (size_t i = 0; i < KS_COUNT(names); i++) {
        char value[16];
        (void)snprintf(value, sizeof value, i == 0 ? "0x%04x" : i == 3 ? "0x%x" : "0x%02x", part[i]);
        ks_xml_set_attr(address, names[i], value);
    }
}

static void pci_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    const xmlNode *address = ks_xml_find(node, "source/address", NULL);
    const char *text = address ? ks_pci_read(arena, address) : NULL;

    if (!text)
        return;
    *(const char **)ks_member(obj, field) = text;
    ks_xml_mark(obj, field);
}

static int pci_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want, struct ks_error *err)
{
    xmlNode *address = ks_xml_ensure(node, "source/address", NULL, NULL, err);

    if (!address)
        return -1;
    ks_pci_write(address, *(const char *const *)ks_member(want, field));
    return 0;
}

const struct ks_codec ks_pci_codec = {.read = pci_read, .write = pci_write};

/* ---- serial port and console -------------------------------------------------------------------------------- */

/* The console of a serial port is the same device once more; a virtio console is another one. */
static bool is_serial_console(const xmlNode *console)
{
    const xmlNode *target = ks_xml_child(console, "target");
    const char *type = target ? ks_xml_attr(target, "type") : NULL;

    return !type || ks_streq(type, "serial");
}

static void serial_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    (void)arena;
    if (!ks_device_first(node, "serial"))
        return;
    *(bool *)ks_member(obj, field) = true;
    ks_xml_mark(obj, field);
}

static void remove_serial(xmlNode *domain)
{
    xmlNode *next;

    for (xmlNode *s = ks_device_first(domain, "serial"); s; s = next) {
        next = ks_xml_next(s, "serial");
        remove_device(s);
    }
    for (xmlNode *c = ks_device_first(domain, "console"); c; c = next) {
        next = ks_xml_next(c, "console");
        if (is_serial_console(c))
            remove_device(c);
    }
}

static int serial_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want,
                        struct ks_error *err)
{
    if (is_null(field, want) || !*(const bool *)ks_member(want, field)) {
        remove_serial(node);
        return 0;
    }
    if (ks_device_first(node, "serial"))
        return 0;
    if (!ks_device_add(node, "<serial type='pty'><target port='0'/></serial>", err))
        return -1;
    return ks_device_add(node, "<console type='pty'><target type='serial' port='0'/></console>", err) ? 0 : -1;
}

const struct ks_codec ks_serial_codec = {.read = serial_read, .write = serial_write};

/* ---- TPM ---------------------------------------------------------------------------------------------------- */

static void tpm_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    const xmlNode *tpm = ks_device_first(node, "tpm"), *backend = tpm ? ks_xml_child(tpm, "backend") : NULL;
    const char *type = backend ? ks_xml_attr(backend, "type") : NULL;
    const char *version = backend ? ks_xml_attr(backend, "version") : NULL;

    if (!tpm)
        return;
    if (ks_streq(type, "passthrough"))
        version = type;
    if (!version) {
        obj->other |= ks_xml_bit(obj, field);
        return;
    }
    *(const char **)ks_member(obj, field) = ks_strdup(arena, version);
    ks_xml_mark(obj, field);
}

/* The interface is tpm-crb for 2.0 as in machines of its time, tpm-tis for what is older. */
static int tpm_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want, struct ks_error *err)
{
    static const struct {
        const char *version, *fragment;
    } tpms[] = {
        {"1.2", "<tpm model='tpm-tis'><backend type='emulator' version='1.2'/></tpm>"},
        {"2.0", "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>"},
        {"passthrough",
         "<tpm model='tpm-tis'><backend type='passthrough'><device path='/dev/tpm0'/></backend></tpm>"},
    };
    const char *version = is_null(field, want) ? "none" : *(const char *const *)ks_member(want, field);
    xmlNode *old = ks_device_first(node, "tpm");

    if (old)
        remove_device(old);
    for (size_t i = 0; i < KS_COUNT(tpms); i++)
        if (ks_streq(version, tpms[i].version))
            return ks_device_add(node, tpms[i].fragment, err) ? 0 : -1;
    return 0;
}

const struct ks_codec ks_tpm_codec = {.read = tpm_read, .write = tpm_write};

/* ---- watchdog ----------------------------------------------------------------------------------------------- */

static bool is_itco(const xmlNode *watchdog)
{
    return ks_streq(ks_xml_attr(watchdog, "model"), "itco");
}

/* q35 has an itco of its own, which libvirt 9.1 and later shows beside any that was asked for. */
static xmlNode *find_watchdog(const xmlNode *domain)
{
    xmlNode *found = NULL;

    for (xmlNode *w = ks_device_first(domain, "watchdog"); w; w = ks_xml_next(w, "watchdog"))
        if (!found || is_itco(found))
            found = w;
    return found;
}

/* "watchdogs with different actions are not supported with this QEMU binary" */
static void write_action_of_all(const xmlNode *domain, const char *action)
{
    for (xmlNode *w = ks_device_first(domain, "watchdog"); w; w = ks_xml_next(w, "watchdog"))
        ks_xml_set_attr(w, "action", action);
}

/* That of q35 cannot go. */
static bool watchdog_is_unset(const struct ks_field *field, const struct ks_obj *have)
{
    const struct ks_watchdog *watchdog = *(struct ks_watchdog *const *)ks_member(have, field);

    return watchdog && ks_streq(watchdog->model, "itco");
}

static void watchdog_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    xmlNode *found = find_watchdog(node);
    struct ks_obj *watchdog;

    if (!found)
        return;
    watchdog = ks_obj_new(arena, field->kind, NULL);
    ks_xml_read(arena, found, watchdog);
    *(struct ks_obj **)ks_member(obj, field) = watchdog;
    ks_xml_mark(obj, field);
}

static int watchdog_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want,
                          struct ks_error *err)
{
    const struct ks_watchdog *watchdog = *(struct ks_watchdog *const *)ks_member(want, field);
    xmlNode *found = find_watchdog(node);
    const bool fits = found && !is_null(field, want) &&
                      (!watchdog->model || ks_streq(ks_xml_attr(found, "model"), watchdog->model));

    if (found && !fits && !is_itco(found))
        remove_device(found);
    if (!fits)
        found = is_null(field, want) ? NULL : ks_device_add(node, "<watchdog/>", err);
    if (!is_null(field, want) && (!found || ks_xml_write(found, &watchdog->o, err) < 0))
        return -1;
    write_action_of_all(node, found ? ks_xml_attr(found, "action") : "reset");
    return 0;
}

const struct ks_codec ks_watchdog_codec = {
    .read = watchdog_read, .write = watchdog_write, .is_unset = watchdog_is_unset};

/* ---- video -------------------------------------------------------------------------------------------------- */

/*
 * Another model has other attributes and may need another place: what stood with the old one goes. The first card
 * is the one that the firmware shows, so the new one takes the old one's place.
 */
static int video_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want, struct ks_error *err)
{
    xmlNode *old = ks_device_first(node, "video"), *video;

    if (is_null(field, want)) {
        if (old)
            remove_device(old);
        return 0;
    }
    video = ks_device_add(node, "<video><model/></video>", err);
    if (!video)
        return -1;
    ks_xml_set_attr(ks_xml_child(video, "model"), "type",
                    field->values->names[*(const unsigned *)ks_member(want, field)]);
    if (old) {
        (void)xmlAddPrevSibling(old, video);
        remove_device(old);
    }
    return 0;
}

/* libvirt gives a card to a domain that has a display and names none: "none" must then be said. */
static bool video_same(const struct ks_field *field, const struct ks_obj *want, const struct ks_obj *have)
{
    const struct ks_guest *w = (const struct ks_guest *)want, *h = (const struct ks_guest *)have;
    const bool comes = w->graphics && (w->graphics->vnc || w->graphics->spice);

    if (!have || is_null(field, want) || w->video != h->video)
        return false;
    return w->video != 0 || !comes || h->graphics;
}

const struct ks_codec ks_video_codec = {.write = video_write, .same = video_same};

/* ---- graphics ----------------------------------------------------------------------------------------------- */

static xmlNode *listen_address(const xmlNode *graphics)
{
    xmlNode *listen = ks_xml_child(graphics, "listen");

    while (listen && !ks_streq(ks_xml_attr(listen, "type"), "address"))
        listen = ks_xml_next(listen, "listen");
    return listen;
}

/* <listen> counts; the attribute of the same name is its older form, which libvirt still writes beside it. */
static void listen_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    const xmlNode *listen = listen_address(node);
    const char *address = listen ? ks_xml_attr(listen, "address") : NULL;

    if (!address && !ks_xml_child(node, "listen"))
        address = ks_xml_attr(node, "listen");
    if (!address)
        return;
    *(const char **)ks_member(obj, field) = ks_strdup(arena, address);
    ks_xml_mark(obj, field);
}

static int listen_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want,
                        struct ks_error *err)
{
    const char *address = *(const char *const *)ks_member(want, field);
    xmlNode *listen, *next;

    (void)err;
    for (listen = ks_xml_child(node, "listen"); listen; listen = next) {
        next = ks_xml_next(listen, "listen");
        remove_device(listen);
    }
    ks_xml_set_attr(node, "listen", NULL);
    ks_xml_set_attr(node, "socket", NULL);
    if (is_null(field, want))
        return 0;
    listen = ks_xml_add(node, "listen");
    ks_xml_set_attr(listen, "type", "address");
    ks_xml_set_attr(listen, "address", address);
    /* A SPICE server that is told no port listens nowhere. */
    if (!ks_xml_attr(node, "port") && !ks_xml_attr(node, "autoport"))
        ks_xml_set_attr(node, "autoport", "yes");
    return 0;
}

/* Of a running guest the port is the one that libvirt chose, and autoport tells that it was chosen. */
static void port_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    const char *port = ks_xml_attr(node, "port"), *autoport = ks_xml_attr(node, "autoport");
    const bool automatic = ks_streq(autoport, "yes") || ks_streq(port, "-1");

    if (field->type == KS_BOOL) {
        *(bool *)ks_member(obj, field) = automatic;
    } else {
        if (!automatic && !port)
            return;
        *(const char **)ks_member(obj, field) = automatic ? "auto" : ks_strdup(arena, port);
    }
    ks_xml_mark(obj, field);
}

static int port_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want, struct ks_error *err)
{
    const char *port = field->type == KS_STRING ? *(const char *const *)ks_member(want, field) : NULL;

    (void)err;
    if (field->type != KS_STRING)
        return 0;
    if (is_null(field, want) || ks_streq(port, "auto")) {
        ks_xml_set_attr(node, "port", "-1");
        ks_xml_set_attr(node, "autoport", "yes");
    } else {
        ks_xml_set_attr(node, "port", port);
        ks_xml_set_attr(node, "autoport", "no");
    }
    return 0;
}

const struct ks_codec ks_listen_codec = {.read = listen_read, .write = listen_write};
const struct ks_codec ks_port_codec = {.read = port_read, .write = port_write};

/* ---- virtiofs ------------------------------------------------------------------------------------------------ */

/* Its daemon works on the guest's memory, which must be shared for that; libvirt refuses the device otherwise. */
static int share_memory(xmlNode *domain, struct ks_error *err)
{
    if (ks_xml_find(domain, "memoryBacking/access[@mode='shared']", NULL) ||
        ks_xml_find(domain, "cpu/numa/cell[@memAccess='shared']", NULL))
        return 0;
    if (!ks_xml_find(domain, "memoryBacking/hugepages", NULL) &&
        !ks_xml_find(domain, "memoryBacking/source", NULL) &&
        ks_xml_set(domain, "memoryBacking/source/@type", NULL, NULL, "memfd", err))
        return -1;
    return ks_xml_set(domain, "memoryBacking/access/@mode", NULL, NULL, "shared", err);
}

static int virtiofs_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want,
                          struct ks_error *err)
{
    const unsigned driver = is_null(field, want) ? 0 : *(const unsigned *)ks_member(want, field);
    xmlNode *element = ks_xml_child(node, "driver");

    if (driver == 0) {
        if (element)
            ks_xml_remove(element, node);
        return 0;
    }
    element = ks_xml_ensure_child(node, "driver");
    ks_xml_set_attr(element, "type", field->xml_values->names[driver]);
    ks_xml_set_attr(node, "accessmode", "passthrough");
    return share_memory(ks_xml_top(node), err);
}

const struct ks_codec ks_virtiofs_codec = {.write = virtiofs_write};
