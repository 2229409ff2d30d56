/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCIe ports and controllers: room for devices that come while a guest runs. */
#include "schema/guest.h"
#include "schema/xml.h"

static const char port_alias[] = "ua-hotplug-";

static xmlNode *next_port(xmlNode *port)
{
    while (port && !ks_streq(ks_xml_attr(port, "model"), "pcie-root-port"))
        port = ks_xml_next(port, "controller");
    return port;
}

static bool is_ours(const xmlNode *port)
{
    const xmlNode *alias = ks_xml_child(port, "alias");
    const char *name = alias ? ks_xml_attr(alias, "name") : NULL;

    return name && ks_starts(name, port_alias);
}

/* Something lies on the bus behind the port. */
static bool is_taken(const xmlNode *domain, const xmlNode *port)
{
    const char *index = ks_xml_attr(port, "index");
    uint64_t number;

    if (!index || ks_parse_u64(index, &number) < 0)
        return false;
    for (const xmlNode *d = ks_device_first(domain, NULL); d; d = ks_xml_next(d, NULL)) {
        const xmlNode *address = ks_xml_child(d, "address");
        unsigned long bus;
        if (address && ks_streq(ks_xml_attr(address, "type"), "pci") && ks_pci_part(address, "bus", &bus) &&
            bus == number)
            return true;
    }
    return false;
}

/*
 * Ports made for devices to come carry an alias of ours, and count whether something has come or not: a disk that
 * was plugged into one must not make the next plan ask for another.
 */
static void ports_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    uint64_t *n = ks_member(obj, field);

    (void)arena;
    for (xmlNode *p = next_port(ks_device_first(node, "controller")); p;
         p = next_port(ks_xml_next(p, "controller")))
        *n += is_ours(p);
    if (*n)
        ks_xml_mark(obj, field);
}

static bool alias_taken(const xmlNode *domain, const char *alias)
{
    for (const xmlNode *c = ks_device_first(domain, "controller"); c; c = ks_xml_next(c, "controller")) {
        const xmlNode *node = ks_xml_child(c, "alias");
        if (node && ks_streq(ks_xml_attr(node, "name"), alias))
            return true;
    }
    return false;
}

static int add_port(xmlNode *domain, struct ks_error *err)
{
    char name[40];
    unsigned n = 1;
    xmlNode *port;

    do
        (void)snprintf(name, sizeof name, "%s%u", port_alias, n++);
    while (alias_taken(domain, name));
    port = ks_device_add(domain, "<controller type='pci' model='pcie-root-port'><alias/></controller>", err);
    if (!port)
        return -1;
    ks_xml_set_attr(ks_xml_child(port, "alias"), "name", name);
    return 0;
}

/* An empty one goes; one that holds a device becomes a port like any other. */
static void drop_port(xmlNode *domain)
{
    xmlNode *last = NULL, *empty = NULL;

    for (xmlNode *p = next_port(ks_device_first(domain, "controller")); p;
         p = next_port(ks_xml_next(p, "controller"))) {
        if (!is_ours(p))
            continue;
        last = p;
        if (!is_taken(domain, p))
            empty = p;
    }
    if (empty) {
        xmlUnlinkNode(empty);
        xmlFreeNode(empty);
    }
    if (!empty && last)
        ks_xml_remove(ks_xml_child(last, "alias"), last);
}

static int ports_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want, struct ks_error *err)
{
    const uint64_t wanted = want->null & ks_xml_bit(want, field) ? 0 : *(const uint64_t *)ks_member(want, field);
    uint64_t have = 0;

    for (xmlNode *p = next_port(ks_device_first(node, "controller")); p;
         p = next_port(ks_xml_next(p, "controller")))
        have += is_ours(p);
    if (wanted > have && ks_device_first(node, "controller") &&
        ks_xml_find(node, "devices/controller[@model='pci-root']", NULL))
        return ks_fail(err, KS_E_UNSUPPORTED, ks_at(want, field->key),
                       "hotplug-ports is for q35: this machine has no PCIe, and needs none to plug devices");
    for (; have > wanted; have--)
        drop_port(node);
    for (; have < wanted; have++)
        if (add_port(node, err))
            return -1;
    return 0;
}

const struct ks_codec ks_ports_codec = {.read = ports_read, .write = ports_write};

/*
 * What a machine has room for matters while it runs, and is not looked for else: libvirt makes the controllers that
 * a definition needs.
 */
static bool runs(const xmlNode *domain)
{
    return ks_xml_attr(domain, "id");
}

/* All in one pass: a guest has as many ports as devices. */
static void free_ports_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    bool taken[256] = {0}; /* by PCI bus, of which there are no more */
    uint64_t *n = ks_member(obj, field);
    unsigned long bus;

    (void)arena;
    if (!runs(node))
        return;
    for (const xmlNode *d = ks_device_first(node, NULL); d; d = ks_xml_next(d, NULL)) {
        const xmlNode *address = ks_xml_child(d, "address");
        if (address && ks_streq(ks_xml_attr(address, "type"), "pci") && ks_pci_part(address, "bus", &bus) &&
            bus < KS_COUNT(taken))
            taken[bus] = true;
    }
    for (xmlNode *p = next_port(ks_device_first(node, "controller")); p;
         p = next_port(ks_xml_next(p, "controller")))
        *n += !(ks_pci_part(p, "index", &bus) && bus < KS_COUNT(taken) && taken[bus]);
    ks_xml_mark(obj, field);
}

/* QEMU tells a guest of i440fx by ACPI that a device came, and plugs none without: as if no port were free. */
static bool is_deaf(xmlNode *domain)
{
    const char *arch =
        ks_xml_find(domain, "os/type", NULL) ? ks_xml_attr(ks_xml_find(domain, "os/type", NULL), "arch") : NULL;

    return (ks_streq(arch, "x86_64") || ks_streq(arch, "i686")) && !ks_xml_find(domain, "features/acpi", NULL) &&
           ks_xml_find(domain, "devices/controller[@model='pci-root']", NULL);
}

static void controller_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    static const struct {
        const char *key, *attr, *value;
    } sought[] = {{"pcie", "model", "pcie-root"}, {"scsi", "type", "scsi"}, {"channels", "type", "virtio-serial"}};
    size_t i = 0;

    (void)arena;
    if (!runs(node))
        return;
    while (i + 1 < KS_COUNT(sought) && !ks_streq(sought[i].key, field->key))
        i++;
    for (const xmlNode *c = ks_device_first(node, "controller"); c; c = ks_xml_next(c, "controller"))
        *(bool *)ks_member(obj, field) |= ks_streq(ks_xml_attr(c, sought[i].attr), sought[i].value);
    if (i == 0 && is_deaf(node))
        *(bool *)ks_member(obj, field) = true;
    ks_xml_mark(obj, field);
}

const struct ks_codec ks_free_ports_codec = {.read = free_ports_read};
const struct ks_codec ks_controller_codec = {.read = controller_read};
