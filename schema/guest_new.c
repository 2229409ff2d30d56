/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every new guest gets where the manifest says nothing, and libvirt's own choice would not serve. */
#include "schema/guest_new.h"

#include <inttypes.h>

#include "schema/guest.h"
#include "schema/xml.h"

enum { SPARE_PORTS = 6 };

#if defined __x86_64__ || defined __i386__
static const char default_machine[] = "q35";
#else
static const char default_machine[] = "virt";
#endif

/* The plan of a domain that is being made. */
struct making {
    const struct ks_guest *want;
    bool kvm, x86, pcie;
    xmlNode *domain;
    struct ks_error *err;
};

/* ---- conditions --------------------------------------------------------------------------------------------- */

static bool is_x86(const struct making *m)
{
    return m->x86;
}

static bool is_kvm(const struct making *m)
{
    return m->kvm;
}

static bool has_display(const struct making *m)
{
    return ks_xml_find(m->domain, "devices/graphics", NULL) != NULL;
}

static bool has_scsi_disk(const struct making *m)
{
    return ks_xml_find(m->domain, "devices/disk[target/@bus='scsi']", NULL) != NULL;
}

static bool is_pcie(const struct making *m)
{
    return m->pcie;
}

/* ---- the defaults ------------------------------------------------------------------------------------------- */

/*
 * Each is added where the parent has no such element yet, whether the manifest put it there by a field or by a
 * fragment of XML.
 */
static const struct {
    const char *unless; /* there already: a path */
    const char *parent, *fragment;
    bool (*when)(const struct making *m);
} defaults[] = {
    /* ACPI is how a guest hears of the power button; EFI needs it. */
    {"features/acpi", "features", "<acpi/>", NULL},
    {"features/apic", "features", "<apic/>", is_x86},
    /* libvirt's own is qemu64: no AES, no AVX. */
    {"cpu/@mode", "", "<cpu mode='host-model'/>", is_kvm},
    {"clock", "", "<clock offset='utc'/>", NULL},
    /* Timers as distributions' tools set them: no lost ticks, no HPET, which costs CPU when idle. */
    {"clock/timer", "clock", "<timer name='rtc' tickpolicy='catchup'/>", is_x86},
    {"clock/timer[@name='pit']", "clock", "<timer name='pit' tickpolicy='delay'/>", is_x86},
    {"clock/timer[@name='hpet']", "clock", "<timer name='hpet' present='no'/>", is_x86},
    /* A guest that suspends itself looks like one that hangs. */
    {"pm", "", "<pm><suspend-to-mem enabled='no'/><suspend-to-disk enabled='no'/></pm>", is_x86},
    {"devices/controller[@type='pci']", "devices", "<controller type='pci' index='0' model='pcie-root'/>", is_pcie},
    /* libvirt's own choice for scsi is a controller that few guests have a driver for. */
    {"devices/controller[@type='scsi']", "devices", "<controller type='scsi' index='0' model='virtio-scsi'/>",
     has_scsi_disk},
    /* A display without a card is of no use, and one without a tablet has two mouse pointers. */
    {"devices/video", "devices", "<video><model type='vga'/></video>", has_display},
    {"devices/input[@type='tablet']", "devices", "<input type='tablet' bus='usb'/>", has_display},
};

static int add_defaults(struct making *m)
{
    for (size_t i = 0; i < KS_COUNT(defaults); i++) {
        xmlNode *parent = m->domain, *made;
        if ((defaults[i].when && !defaults[i].when(m)) || ks_xml_find(m->domain, defaults[i].unless, NULL))
            continue;
        if (*defaults[i].parent)
            parent = ks_xml_ensure_child(m->domain, defaults[i].parent);
        made = ks_xml_fragment(parent, defaults[i].fragment, NULL, m->err);
        if (!made)
            return -1;
        ks_xml_link(parent, made);
    }
    return 0;
}

/* ---- PCIe ports --------------------------------------------------------------------------------------------- */

/* What libvirt puts behind a port of its own. */
static const char *const port_users[] = {
    "devices/interface",
    "devices/disk[target/@bus='virtio']",
    "devices/filesystem",
    "devices/hostdev[@type='pci']",
    "devices/rng",
    "devices/controller[@type='scsi']",
    "devices/controller[@type='virtio-serial']",
    "devices/input[@bus='virtio']",
    "devices/watchdog[@model='i6300esb']",
    "devices/vsock",
};

static unsigned count_port_users(const struct making *m)
{
    unsigned n = 0;

    for (size_t i = 0; i < KS_COUNT(port_users); i++)
        for (xmlNode *e = NULL; (e = ks_xml_each(m->domain, port_users[i], NULL, e));)
            n++;
    /* Those that libvirt adds by itself: a USB controller, a balloon, the controller of virtio channels. */
    n += !ks_xml_find(m->domain, "devices/controller[@type='usb']", NULL);
    n += !ks_xml_find(m->domain, "devices/memballoon[@model='none']", NULL);
    n += ks_xml_find(m->domain, "devices/channel", NULL) &&
         !ks_xml_find(m->domain, "devices/controller[@type='virtio-serial']", NULL);
    return n;
}

static void set_index(xmlNode *port, unsigned index)
{
    char text[16];

    (void)snprintf(text, sizeof text, "%u", index);
    ks_xml_set_attr(port, "index", text);
}

/*
 * libvirt fills free ports from the lowest number on. So the guest's own devices get ports before the spare ones,
 * which would else be taken by them.
 */
static int add_ports(struct making *m)
{
    xmlNode *devices = ks_xml_ensure_child(m->domain, "devices");
    const unsigned used = count_port_users(m);
    unsigned index = used;

    for (xmlNode *c = ks_xml_child(devices, "controller"); c; c = ks_xml_next(c, "controller"))
        if (ks_streq(ks_xml_attr(c, "model"), "pcie-root-port") && !ks_xml_attr(c, "index"))
            set_index(c, ++index);
    if (index == used)
        return 0; /* none to spare: libvirt makes as many as it needs */
    for (unsigned i = 1; i <= used; i++) {
        xmlNode *port = ks_xml_fragment(devices, "<controller type='pci' model='pcie-root-port'/>", NULL, m->err);
        if (!port)
            return -1;
        set_index(port, i);
        ks_xml_link(devices, port);
    }
    return 0;
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

static bool starts_with_any(const char *text, const char *const *prefixes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ks_starts(text, prefixes[i]))
            return true;
    return false;
}

static int check(const struct ks_guest *want, struct ks_error *err)
{
    if (!ks_has(&want->o, "memory") && !ks_has(&want->o, "max-memory"))
        return ks_fail(err, KS_E_INVALID, want->o.at, "guest %s is new and needs memory", want->o.key);
    for (size_t i = 0; i < want->nics.n; i++) {
        const struct ks_obj *nic = want->nics.v[i];
        if (!ks_has(nic, "bridge") && !ks_has(nic, "network") && !ks_has(nic, "vf"))
            return ks_fail(err, KS_E_INVALID, nic->at, "nic %s is new and needs one of bridge, network and vf",
                           nic->key);
    }
    return 0;
}

/* The guest with what its own fields default to when it is new. */
static void fill(struct ks_guest *guest, bool pcie)
{
    if (!ks_has(&guest->o, "machine")) {
        guest->machine = default_machine;
        ks_mark(&guest->o, "machine");
    }
    if (!ks_has(&guest->o, "vcpus")) {
        guest->vcpus = ks_has(&guest->o, "max-vcpus") ? guest->max_vcpus : 1;
        ks_mark(&guest->o, "vcpus");
    }
    if (!ks_has(&guest->o, "memory")) {
        guest->memory = guest->max_memory;
        ks_mark(&guest->o, "memory");
    }
    if (!pcie) {
        ks_unmark(&guest->o, "hotplug-ports");
    } else if (!ks_stated(&guest->o, "hotplug-ports")) {
        guest->hotplug_ports = SPARE_PORTS;
        ks_mark(&guest->o, "hotplug-ports");
    }
}

static xmlNode *start(bool kvm, xmlDoc **ret, struct ks_error *err)
{
    const char *text = kvm ? "<domain type='kvm'><name/></domain>" : "<domain type='qemu'><name/></domain>";

    return ks_xml_parse(text, strlen(text), ret, err) ? NULL : xmlDocGetRootElement(*ret);
}

int ks_guest_written_xml(const struct ks_guest *want, bool kvm, xmlDoc **ret, struct ks_error *err)
{
    static const char *const x86[] = {"pc", "q35", "microvm"}, *const pcie[] = {"q35", "pc-q35", "virt"};
    const char *machine = ks_has(&want->o, "machine") ? want->machine : default_machine;
    struct making m = {.want = want, .kvm = kvm, .err = err};
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    struct ks_guest guest = *want;

    m.x86 = starts_with_any(machine, x86, KS_COUNT(x86));
    m.pcie = starts_with_any(machine, pcie, KS_COUNT(pcie));
    m.domain = start(kvm, &doc, err);
    fill(&guest, m.pcie);
    if (!m.domain || ks_xml_write(m.domain, &guest.o, err) || add_defaults(&m) || (m.pcie && add_ports(&m)))
        return ks_wrap(err, "in the definition of guest %s", want->o.key);
    *ret = ks_take(doc);
    return 0;
}

int ks_guest_new_xml(const struct ks_guest *want, bool kvm, xmlDoc **ret, struct ks_error *err)
{
    return check(want, err) ? -1 : ks_guest_written_xml(want, kvm, ret, err);
}
