/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a domain's XML says beyond the manifest: the XML, less what a guest made of the manifest would have, less
 * what libvirt writes down by itself. What is left of a device that the manifest states stays with it, unsaid; all
 * else becomes fragments, each with what the merging finds its place by.
 */
#include <libxml/tree.h>
#include <string.h>

#include "schema/guest.h"
#include "schema/import_private.h"
#include "schema/xml.h"

struct rest {
    struct ks_subtraction less;
    const struct ks_guest *guest;
    struct ks_xml_rest *ret;
};

/* ---- what libvirt writes down by itself --------------------------------------------------------------------- */

/*
 * Where: from each of these elements, this goes (NULL: the element itself). Places, names that are given anew at
 * each start, and what rows say in another way.
 */
static const struct ks_import_strip by_itself[] = {
    {"name", NULL},
    {"uuid", NULL},
    {"metadata", NULL},
    {"title", NULL},
    {"description", NULL},
    {"memory", NULL},
    {"currentMemory", NULL},
    {"iothreads", NULL},
    {"vcpus", NULL},
    {"vcpu", "@current"},
    {"os/boot", NULL},
    {"cpu", "@check"},
    {"cpu", "@mode"},
    {"cpu", "@migratable"},
    {"clock", "@adjustment"},
    {"devices/controller[@type='pci']", NULL},
    {"devices/controller[@type='sata']", "@index"},
    {"devices/controller[@type='ide']", "@index"},
    {"devices/controller[@type='fdc']", "@index"},
    {"devices/controller[@type='ccid']", "@index"},
    {"devices/controller[@type='virtio-serial']", "@index"},
    {"devices/graphics", "@port"},
    {"devices/graphics", "@autoport"},
    {"devices/graphics", "@listen"},
    {"devices/graphics", "listen[@type='address']"},
    {"devices/disk", "driver/@name"},
    {"devices/disk", "source/@index"},
    {"devices/disk[@device='cdrom']", "readonly"},
    {"devices/disk[@device='cdrom']", "driver[@type='raw']"},
    {"devices/disk[@device='floppy']", "driver[@type='raw']"},
    {"devices/channel[@type='spicevmc']", "target/@state"},
    {"devices/hostdev[@type='pci']", "driver[@name='vfio']"},
    {"devices/memballoon[@model='none']", NULL},
};

/* With libvirt's own values: what says this and nothing else is not worth a word. */
static const char own[] =
    "<domain>"
    "<vcpu placement='static'/>"
    "<resource><partition>/machine</partition></resource>"
    "<os><type>hvm</type></os>"
    "<clock offset='utc'/>"
    "<cpu match='exact'><model fallback='allow'/><topology dies='1' clusters='1'/></cpu>"
    "<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>"
    "<seclabel type='dynamic' model='dac' relabel='yes'/>"
    "<seclabel type='dynamic' model='selinux' relabel='yes'/>"
    "<seclabel type='dynamic' model='apparmor' relabel='yes'/>"
    "<devices>"
    "<controller type='sata'/><controller type='ide'/><controller type='fdc'/><controller type='ccid'/>"
    "<controller type='virtio-serial'/>"
    "<controller type='usb' index='0'/>"
    "<controller type='usb' index='0' model='piix3-uhci'/>"
    "<controller type='usb' index='0' model='qemu-xhci'/>"
    "<input type='mouse' bus='ps2'/><input type='keyboard' bus='ps2'/>"
    "<audio id='1' type='none'/>"
    "<audio id='1' type='spice'/>"
    "<video><model type='vga' vram='16384' heads='1' primary='yes'/></video>"
    "<video><model type='cirrus' vram='16384' heads='1' primary='yes'/></video>"
    "<video><model type='bochs' vram='16384' heads='1' primary='yes'/></video>"
    "<video><model type='virtio' heads='1' primary='yes'/></video>"
    "<video><model type='ramfb' heads='1' primary='yes'/></video>"
    "<video><model type='none' primary='yes'/></video>"
    "<video><model type='qxl' ram='65536' vram='65536' vgamem='16384' heads='1' primary='yes'/></video>"
    "<memballoon model='virtio'/>"
    "<watchdog model='itco' action='reset'/>"
    "<serial><target type='isa-serial' port='0'><model name='isa-serial'/></target></serial>"
    "<serial type='pty'><target type='isa-serial' port='0'><model name='isa-serial'/></target></serial>"
    "</devices>"
    "</domain>";

static void strip(struct ks_arena *arena, xmlNode *domain, const struct ks_observed *host)
{
    static const char *const of_devices[] = {"alias", "address", "boot"};
    xmlNode *devices = ks_xml_child(domain, "devices"), *emulator, *type, *vcpu;

    for (size_t i = 0; i < KS_COUNT(by_itself); i++)
        ks_import_strip(domain, &by_itself[i]);
    for (xmlNode *d = devices ? ks_xml_child(devices, NULL) : NULL; d; d = ks_xml_next(d, NULL))
        for (size_t i = 0; i < KS_COUNT(of_devices); i++)
            if (ks_xml_child(d, of_devices[i]))
                ks_import_drop(ks_xml_child(d, of_devices[i]));
    emulator = devices ? ks_xml_child(devices, "emulator") : NULL;
    if (emulator && ks_streq(ks_xml_content(arena, emulator), host->caps.emulator))
        ks_import_drop(emulator);
    vcpu = ks_xml_child(domain, "vcpu");
    if (vcpu)
        ks_xml_set_content(vcpu, "");
    type = ks_xml_find(domain, "os/type", NULL);
    if (type && ks_streq(ks_xml_attr(type, "arch"), host->caps.arch))
        ks_xml_set_attr(type, "arch", NULL);
    if (type)
        ks_xml_set_attr(type, "machine", NULL);
    /* Chosen by libvirt, by what os/@firmware says. */
    if (ks_xml_find(domain, "os/@firmware", NULL)) {
        ks_xml_unset(domain, "os/loader", NULL, NULL, domain);
        ks_xml_unset(domain, "os/nvram", NULL, NULL, domain);
    }
}

/* The first serial port is shown once more as a console, which is no device of its own. */
static void strip_consoles(xmlNode *domain)
{
    xmlNode *next;

    if (!ks_xml_find(domain, "devices/serial", NULL))
        return;
    for (xmlNode *c = ks_xml_find(domain, "devices/console", NULL); c; c = next) {
        const xmlNode *target = ks_xml_child(c, "target");
        const char *type = target ? ks_xml_attr(target, "type") : NULL;
        next = ks_xml_next(c, "console");
        if (!type || ks_streq(type, "serial"))
            ks_import_drop(c);
    }
}

/* iothreads numbered from 1 on without a gap are what a number of them means. */
static void strip_iothreads(xmlNode *domain)
{
    xmlNode *ids = ks_xml_child(domain, "iothreadids");
    unsigned n = 0;

    for (xmlNode *t = ids ? ks_xml_child(ids, "iothread") : NULL; t; t = ks_xml_next(t, "iothread")) {
        char number[16];
        (void)snprintf(number, sizeof number, "%u", ++n);
        if (!ks_streq(ks_xml_attr(t, "id"), number) || ks_xml_attr(t, "thread_pool_min") ||
            ks_xml_attr(t, "thread_pool_max") || ks_xml_child(t, NULL))
            return;
    }
    if (ids)
        ks_import_drop(ids);
}

/* ---- where it goes ------------------------------------------------------------------------------------------ */

static const char *device_path(struct rest *w, const xmlNode *device)
{
    const struct {
        const char *key;
        const struct ks_map *map;
    } maps[] = {{"disks", &w->guest->disks},
                {"nics", &w->guest->nics},
                {"devices", &w->guest->devices},
                {"filesystems", &w->guest->filesystems}};

    for (size_t i = 0; i < KS_COUNT(maps); i++)
        for (size_t k = 0; k < maps[i].map->n; k++)
            if (maps[i].map->v[k]->xml == device)
                return ks_sprintf(w->less.arena, "%s.%s", maps[i].key, maps[i].map->v[k]->key);
    return NULL;
}

static void leave(struct rest *w, const char *path, const char *text)
{
    *ks_vec_add(w->less.arena, &w->ret->left) = ks_sprintf(w->less.arena, "%s: %s", path, text);
}

/* What a fragment says of a device that a field is about would hold that field where it is. */
static bool stands_alone(struct rest *w, const char *fragment)
{
    struct ks_guest guest = *w->guest;
    struct ks_changes conflicts = {0};

    guest.xml = fragment;
    ks_mark(&guest.o, "xml");
    ks_fragments_conflicts(w->less.arena, &guest, &conflicts);
    return conflicts.n == 0 && !ks_fragments_repeat(&guest);
}

static void put(struct rest *w, xmlNode *left, const char *path)
{
    const char *line = ks_import_line(&w->less, left);

    if (ks_import_looks_secret(line)) {
        leave(w, path ? path : (const char *)left->name, "not shown, as it may hold a secret");
    } else if (path) {
        leave(w, path, line);
    } else {
        char *text = ks_xml_text(left);
        if (stands_alone(w, text))
            *ks_vec_add(w->less.arena, &w->ret->fragments) = ks_strdup(w->less.arena, text);
        else
            leave(w, (const char *)left->name, line);
        xmlFree(text);
    }
}

static void put_element(struct rest *w, xmlNode *node, xmlNode *said, xmlNode *owns)
{
    const char *path = device_path(w, node);
    xmlNode *left = ks_import_subtract(&w->less, node, said, owns);

    if (!left)
        return;
    /* Into the document: its namespace is that of the root. */
    (void)xmlAddChild(xmlDocGetRootElement(w->less.doc), left);
    put(w, left, path);
}

static void put_children(struct rest *w, xmlNode *node, xmlNode *said, xmlNode *owns)
{
    for (xmlNode *c = node ? xmlFirstElementChild(node) : NULL; c; c = xmlNextElementSibling(c)) {
        xmlNode *mine;
        if (ks_xml_is(c, "devices"))
            continue;
        mine = ks_import_take(&w->less, c, said);
        put_element(w, c, mine, ks_import_own(c, owns));
        if (mine)
            xmlFreeNode(mine);
    }
}

void ks_import_rest(struct ks_arena *arena, const struct ks_guest *guest, xmlNode *domain, xmlNode *said,
                    const struct ks_observed *host, struct ks_xml_rest *ret)
{
    ks_auto(ks_error_done) struct ks_error err = {0};
    ks_auto(ks_xml_docp) xmlDoc *defaults = NULL;
    struct rest w = {.less = {.arena = arena}, .guest = guest, .ret = ret};
    ks_auto(ks_xml_docp) xmlDoc *doc = ks_import_begin(&w.less, "domain");
    xmlNode *owns;

    (void)doc;
    if (ks_xml_parse(own, sizeof own - 1, &defaults, &err) < 0)
        abort();
    owns = xmlDocGetRootElement(defaults);
    strip(arena, domain, host);
    strip_iothreads(domain);
    strip_consoles(domain);
    put_children(&w, domain, said, owns);
    put_children(&w, ks_xml_child(domain, "devices"), ks_xml_child(said, "devices"), ks_xml_child(owns, "devices"));
}
