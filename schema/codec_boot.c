/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machine, firmware and boot order: what libvirt says in more than one way. */
#include "schema/guest.h"
#include "schema/xml.h"

static bool is_null(const struct ks_field *field, const struct ks_obj *obj)
{
    return obj->null & ks_xml_bit(obj, field);
}

static xmlNode *os_child(const xmlNode *domain, const char *name)
{
    const xmlNode *os = ks_xml_child(domain, "os");

    return os ? ks_xml_child(os, name) : NULL;
}

static void remove_os_child(xmlNode *domain, const char *name)
{
    xmlNode *node = os_child(domain, name);

    if (node)
        ks_xml_remove(node, domain);
}

/* ---- machine ------------------------------------------------------------------------------------------------ */

/* QEMU's aliases and what the names of their versions start with. */
static const struct {
    const char *alias, *prefix;
} aliases[] = {
    {"pc", "pc-i440fx-"},
    {"q35", "pc-q35-"},
    {"virt", "virt-"},
    {"pseries", "pseries-"},
    {"s390-ccw-virtio", "s390-ccw-virtio-"},
};

static void machine_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    const xmlNode *type = os_child(node, "type");
    const char *machine = type ? ks_xml_attr(type, "machine") : NULL;

    if (!machine)
        return;
    *(const char **)ks_member(obj, field) = ks_strdup(arena, machine);
    ks_xml_mark(obj, field);
}

/* The two chipsets of x86, which have nothing of each other's buses. */
static bool is_other_chipset(const char *a, const char *b)
{
    const bool q35_a = strstr(a, "q35") != NULL, q35_b = strstr(b, "q35") != NULL;

    return q35_a != q35_b && (ks_starts(a, "pc") || q35_a) && (ks_starts(b, "pc") || q35_b);
}

/* Buses and places of the old chipset: libvirt makes new ones. */
static void forget_buses(xmlNode *domain)
{
    const xmlNode *devices = ks_xml_child(domain, "devices");
    xmlNode *next;

    for (xmlNode *d = devices ? ks_xml_child(devices, NULL) : NULL; d; d = next) {
        xmlNode *address = ks_xml_child(d, "address");
        next = ks_xml_next(d, NULL);
        if (ks_xml_is(d, "controller") && ks_streq(ks_xml_attr(d, "type"), "pci")) {
            xmlUnlinkNode(d);
            xmlFreeNode(d);
        } else if (address && ks_streq(ks_xml_attr(address, "type"), "pci")) {
            ks_xml_remove(address, d);
        }
    }
}

static int machine_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want,
                         struct ks_error *err)
{
    xmlNode *type = ks_xml_ensure(node, "os/type", NULL, "<type>hvm</type>", err);
    const char *machine = is_null(field, want) ? NULL : *(const char *const *)ks_member(want, field), *old;

    if (!type)
        return -1;
    old = ks_xml_attr(type, "machine");
    if (old && machine && is_other_chipset(old, machine))
        forget_buses(node);
    ks_xml_set_attr(type, "machine", machine);
    return 0;
}

static bool machine_same(const struct ks_field *field, const struct ks_obj *want, const struct ks_obj *have)
{
    const char *w = ((const struct ks_guest *)want)->machine;
    const char *h = have ? ((const struct ks_guest *)have)->machine : NULL;

    if (!h || is_null(field, want))
        return false;
    for (size_t i = 0; i < KS_COUNT(aliases); i++)
        if (ks_streq(w, aliases[i].alias) && ks_starts(h, aliases[i].prefix))
            return true;
    return ks_streq(w, h);
}

const struct ks_codec ks_machine_codec = {.read = machine_read, .write = machine_write, .same = machine_same};

/* ---- firmware ----------------------------------------------------------------------------------------------- */

/* A firmware that the domain names itself: pflash is EFI, rom may be either and is told by its name. */
static bool loader_is_efi(struct ks_arena *arena, const xmlNode *loader)
{
    static const char *const names[] = {"OVMF", "AAVMF", "edk2", "uefi", "QEMU_EFI"};
    const char *path = ks_xml_content(arena, loader);

    if (ks_streq(ks_xml_attr(loader, "type"), "pflash"))
        return true;
    for (size_t i = 0; i < KS_COUNT(names); i++)
        if (strstr(path, names[i]))
            return true;
    return false;
}

static void firmware_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    const xmlNode *os = ks_xml_child(node, "os"), *loader = os_child(node, "loader");
    const char *firmware = os ? ks_xml_attr(os, "firmware") : NULL;
    const bool efi = firmware ? ks_streq(firmware, "efi") : loader && loader_is_efi(arena, loader);

    *(unsigned *)ks_member(obj, field) = efi;
    if (efi || firmware || loader)
        ks_xml_mark(obj, field);
}

/* EFI needs ACPI, which libvirt does not add by itself. */
static int write_acpi(xmlNode *domain, struct ks_error *err)
{
    return ks_xml_ensure(domain, "features/acpi", NULL, NULL, err) ? 0 : -1;
}

/* EFI that libvirt chooses by whether it has Secure Boot; some releases would choose one that has it unasked. */
static int write_secure_boot(xmlNode *domain, bool on, struct ks_error *err)
{
    xmlNode *os = ks_xml_ensure_child(domain, "os"), *feature;

    remove_os_child(domain, "loader");
    remove_os_child(domain, "nvram");
    remove_os_child(domain, "firmware");
    ks_xml_set_attr(os, "firmware", "efi");
    feature = ks_xml_ensure(domain, "os/firmware/feature", NULL, NULL, err);
    if (!feature)
        return -1;
    ks_xml_set_attr(feature, "enabled", on ? "yes" : "no");
    ks_xml_set_attr(feature, "name", "secure-boot");
    return write_acpi(domain, err);
}

static int firmware_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want,
                          struct ks_error *err)
{
    const bool efi = !is_null(field, want) && *(const unsigned *)ks_member(want, field) == 1;
    xmlNode *os = ks_xml_ensure_child(node, "os");

    remove_os_child(node, "loader");
    remove_os_child(node, "nvram");
    if (efi && ks_has(want, "secure-boot"))
        return write_secure_boot(node, ((const struct ks_guest *)want)->secure_boot, err);
    if (efi) {
        ks_xml_set_attr(os, "firmware", "efi");
        return write_acpi(node, err);
    }
    ks_xml_set_attr(os, "firmware", NULL);
    remove_os_child(node, "firmware");
    return 0;
}

/* The codec writes when the firmware is another one; what names its image by hand and is of the right sort stays.
 */
const struct ks_codec ks_firmware_codec = {.read = firmware_read, .write = firmware_write};

static xmlNode *secure_feature(const xmlNode *domain)
{
    const xmlNode *firmware = os_child(domain, "firmware");
    xmlNode *feature = firmware ? ks_xml_child(firmware, "feature") : NULL;

    while (feature && !ks_streq(ks_xml_attr(feature, "name"), "secure-boot"))
        feature = ks_xml_next(feature, "feature");
    return feature;
}

static void secure_boot_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field,
                             struct ks_obj *obj)
{
    const xmlNode *loader = os_child(node, "loader"), *feature = secure_feature(node);

    (void)arena;
    *(bool *)ks_member(obj, field) = feature ? ks_streq(ks_xml_attr(feature, "enabled"), "yes")
                                             : loader && ks_streq(ks_xml_attr(loader, "secure"), "yes");
    if (feature || (loader && ks_xml_attr(loader, "secure")))
        ks_xml_mark(obj, field);
}

/*
 * A loader named by hand, which is not of that sort (the codec writes when it differs), gives way. Secure Boot
 * needs SMM on x86, which libvirt adds when it chooses. A BIOS has none.
 */
static int secure_boot_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want,
                             struct ks_error *err)
{
    const bool on = !is_null(field, want) && *(const bool *)ks_member(want, field);
    const xmlNode *os = ks_xml_child(node, "os");
    const bool efi = os && ks_streq(ks_xml_attr(os, "firmware"), "efi");

    if (!on && !efi && !secure_feature(node) && !os_child(node, "loader"))
        return 0;
    return write_secure_boot(node, on, err);
}

const struct ks_codec ks_secure_boot_codec = {.read = secure_boot_read, .write = secure_boot_write};

/* ---- boot order --------------------------------------------------------------------------------------------- */

/* The maps whose devices can be booted from. */
static const struct bootable {
    const char *prefix, *element;
    const struct ks_kind *kind;
    size_t map; /* offset in struct ks_guest */
} bootables[] = {
    {"disk:", "disk", &ks_disk_kind, offsetof(struct ks_guest, disks)},
    {"nic:", "interface", &ks_nic_kind, offsetof(struct ks_guest, nics)},
    {"device:", "hostdev", &ks_pci_device_kind, offsetof(struct ks_guest, devices)},
};

static const struct ks_map *map_of(const struct ks_guest *guest, const struct bootable *b)
{
    return (const struct ks_map *)((const char *)guest + b->map);
}

/* The name of a device in the order; NULL when it is none of those that the guest's maps have. */
static const char *boot_name(struct ks_arena *arena, const struct ks_guest *guest, const xmlNode *device)
{
    for (size_t i = 0; i < KS_COUNT(bootables); i++) {
        const struct ks_map *map = map_of(guest, &bootables[i]);
        for (size_t k = 0; k < map->n; k++)
            if (map->v[k]->xml == device)
                return ks_sprintf(arena, "%s%s", bootables[i].prefix, map->v[k]->key);
    }
    return NULL;
}

struct ordered {
    uint64_t order;
    const xmlNode *device;
};

/* All devices with an order of their own, of any sort, in that order. */
static size_t ordered_devices(const xmlNode *domain, struct ordered *ret, size_t max)
{
    const xmlNode *devices = ks_xml_child(domain, "devices");
    size_t n = 0;

    for (const xmlNode *d = devices ? ks_xml_child(devices, NULL) : NULL; d && n < max; d = ks_xml_next(d, NULL)) {
        const xmlNode *boot = ks_xml_child(d, "boot");
        const char *text = boot ? ks_xml_attr(boot, "order") : NULL;
        uint64_t order;
        size_t at = n;
        if (!text || ks_parse_u64(text, &order) < 0)
            continue;
        for (; at > 0 && ret[at - 1].order > order; at--)
            ret[at] = ret[at - 1];
        ret[at] = (struct ordered){order, d};
        n++;
    }
    return n;
}

/* <os><boot dev=...>: what libvirt boots for each word is the first device of its sort. */
static const xmlNode *first_of(const xmlNode *domain, const char *dev)
{
    static const struct {
        const char *dev, *element, *device;
    } sorts[] = {{"hd", "disk", "disk"},
                 {"cdrom", "disk", "cdrom"},
                 {"fd", "disk", "floppy"},
                 {"network", "interface", NULL}};
    const xmlNode *devices = ks_xml_child(domain, "devices");

    for (size_t i = 0; i < KS_COUNT(sorts) && devices; i++) {
        if (!ks_streq(dev, sorts[i].dev))
            continue;
        for (const xmlNode *d = ks_xml_child(devices, sorts[i].element); d; d = ks_xml_next(d, sorts[i].element)) {
            const char *device = ks_xml_attr(d, "device");
            if (!sorts[i].device || ks_streq(device ? device : "disk", sorts[i].device))
                return d;
        }
    }
    return NULL;
}

static void add_name(struct ks_arena *arena, struct ks_strings *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (ks_streq(list->v[i], name))
            return;
    *ks_vec_add(arena, list) = name;
}

/* A domain without any order is given this one, whether it has a disk or not. */
static bool is_default_boot(const xmlNode *domain)
{
    const xmlNode *boot = os_child(domain, "boot");

    return !boot || (ks_streq(ks_xml_attr(boot, "dev"), "hd") && !ks_xml_next(boot, "boot"));
}

/* Its row stands behind those of the device maps, which have been read by then. */
static void boot_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    enum { MAX = 256 };
    struct ks_strings *list = ks_member(obj, field);
    const struct ks_guest *guest = (const struct ks_guest *)obj;
    struct ordered devices[MAX];
    const size_t n = ordered_devices(node, devices, MAX);

    for (size_t i = 0; i < n; i++) {
        const char *name = boot_name(arena, guest, devices[i].device);
        if (name)
            add_name(arena, list, name);
        else
            obj->other |= ks_xml_bit(obj, field);
    }
    for (const xmlNode *boot = n ? NULL : os_child(node, "boot"); boot; boot = ks_xml_next(boot, "boot")) {
        const char *dev = ks_xml_attr(boot, "dev");
        const xmlNode *device = dev ? first_of(node, dev) : NULL;
        const char *name = device ? boot_name(arena, guest, device) : NULL;
        if (name)
            add_name(arena, list, name);
    }
    ((struct ks_guest *)obj)->boots_any = n == 0 && is_default_boot(node);
    if (list->n)
        ks_xml_mark(obj, field);
}

static xmlNode *find_device(xmlNode *domain, const struct bootable *b, const struct ks_guest *want, const char *key)
{
    ks_auto(ks_arena_freep) struct ks_arena *scratch = ks_arena_new();
    const struct ks_obj *entry = ks_map_get(map_of(want, b), key);
    struct ks_guest *have = (struct ks_guest *)ks_obj_new(scratch, &ks_guest_kind, NULL);
    const struct ks_obj *found;

    ks_xml_read(scratch, domain, &have->o);
    found = entry ? ks_match(map_of(have, b), entry) : ks_map_get(map_of(have, b), key);
    return found ? found->xml : NULL;
}

static void forget_order(xmlNode *domain)
{
    xmlNode *devices = ks_xml_child(domain, "devices"), *next;

    for (xmlNode *d = devices ? ks_xml_child(devices, NULL) : NULL; d; d = ks_xml_next(d, NULL)) {
        xmlNode *boot = ks_xml_child(d, "boot");
        if (boot)
            ks_xml_remove(boot, d);
    }
    for (xmlNode *boot = os_child(domain, "boot"); boot; boot = next) {
        next = ks_xml_next(boot, "boot");
        xmlUnlinkNode(boot);
        xmlFreeNode(boot);
    }
}

static int write_order(xmlNode *domain, const struct ks_guest *want, const char *name, size_t order,
                       struct ks_error *err)
{
    char text[24];
    xmlNode *device = NULL;

    for (size_t i = 0; i < KS_COUNT(bootables) && !device; i++)
        if (ks_starts(name, bootables[i].prefix))
            device = find_device(domain, &bootables[i], want, name + strlen(bootables[i].prefix));
    if (!device)
        return ks_fail(err, KS_E_NOT_FOUND, ks_at(&want->o, "boot"), "boot: the guest has no %s", name);
    (void)snprintf(text, sizeof text, "%zu", order);
    ks_xml_set_attr(ks_xml_ensure_child(device, "boot"), "order", text);
    return 0;
}

static int boot_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want, struct ks_error *err)
{
    const struct ks_strings *list = ks_member(want, field);

    forget_order(node);
    for (size_t i = 0; !is_null(field, want) && i < list->n; i++)
        if (write_order(node, (const struct ks_guest *)want, list->v[i], i + 1, err))
            return -1;
    return 0;
}

/* A device of the manifest may go by another name on the host: what counts is which one it is. */
static bool same_device(const struct ks_guest *want, const struct ks_guest *have, const char *w, const char *h)
{
    for (size_t i = 0; i < KS_COUNT(bootables); i++) {
        const struct bootable *b = &bootables[i];
        if (!ks_starts(w, b->prefix) || !ks_starts(h, b->prefix))
            continue;
        const struct ks_obj *entry = ks_map_get(map_of(want, b), w + strlen(b->prefix));
        const struct ks_obj *found = entry ? ks_match(map_of(have, b), entry) : NULL;
        return ks_streq(found ? found->key : w + strlen(b->prefix), h + strlen(b->prefix));
    }
    return false;
}

static bool boot_same(const struct ks_field *field, const struct ks_obj *want, const struct ks_obj *have)
{
    const struct ks_guest *w = (const struct ks_guest *)want, *h = (const struct ks_guest *)have;

    if (!have || (have->other & ks_xml_bit(have, field)))
        return false;
    if (is_null(field, want) || w->boot.n == 0)
        return h->boots_any;
    if (w->boot.n != h->boot.n)
        return false;
    for (size_t i = 0; i < w->boot.n; i++)
        if (!same_device(w, h, w->boot.v[i], h->boot.v[i]))
            return false;
    return true;
}

const struct ks_codec ks_boot_codec = {.read = boot_read, .write = boot_write, .same = boot_same};
