/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a domain's XML says beyond the manifest: the XML, less what a guest made of the manifest would have, less
 * what libvirt writes down by itself. What is left of a device that the manifest states stays with it, unsaid; all
 * else becomes fragments, each with what the merging finds its place by.
 */
#include <libxml/tree.h>
#include <string.h>

#include "schema/guest.h"
#include "schema/import.h"
#include "schema/xml.h"

struct rest {
    struct ks_arena *arena;
    const struct ks_guest *guest;
    xmlDoc *doc; /* of what is left */
    xmlNs *qemu;
    struct ks_xml_rest *ret;
};

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

/* ---- what libvirt writes down by itself --------------------------------------------------------------------- */

/*
 * Where: from each of these elements, this goes (NULL: the element itself). Places, names that are given anew at
 * each start, and what rows say in another way.
 */
static const struct {
    const char *of, *what;
} by_itself[] = {
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

static void drop(xmlNode *node)
{
    xmlUnlinkNode(node);
    xmlFreeNode(node);
}

static void strip_rule(xmlNode *domain, size_t i)
{
    const char *what = by_itself[i].what;
    xmlNode *next;

    for (xmlNode *e = ks_xml_each(domain, by_itself[i].of, NULL, NULL); e; e = next) {
        next = ks_xml_each(domain, by_itself[i].of, NULL, e);
        if (!what)
            drop(e);
        else
            ks_xml_unset(e, what, NULL, NULL, e);
    }
}

static void strip(struct ks_arena *arena, xmlNode *domain, const struct ks_observed *host)
{
    static const char *const of_devices[] = {"alias", "address", "boot"};
    xmlNode *devices = ks_xml_child(domain, "devices"), *emulator, *type, *vcpu;

    for (size_t i = 0; i < KS_COUNT(by_itself); i++)
        strip_rule(domain, i);
    for (xmlNode *d = devices ? ks_xml_child(devices, NULL) : NULL; d; d = ks_xml_next(d, NULL))
        for (size_t i = 0; i < KS_COUNT(of_devices); i++)
            if (ks_xml_child(d, of_devices[i]))
                drop(ks_xml_child(d, of_devices[i]));
    emulator = devices ? ks_xml_child(devices, "emulator") : NULL;
    if (emulator && ks_streq(ks_xml_content(arena, emulator), host->caps.emulator))
        drop(emulator);
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
            drop(c);
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
        drop(ids);
}

/* ---- one element -------------------------------------------------------------------------------------------- */

static xmlNode *new_node(struct rest *w, const xmlNode *like)
{
    xmlNode *node = must(xmlNewDocNode(w->doc, NULL, like->name, NULL));

    if (like->ns && like->ns->prefix && ks_streq((const char *)like->ns->prefix, "qemu"))
        node->ns = w->qemu;
    return node;
}

static const char *text_of(struct rest *w, const xmlNode *node)
{
    const char *text = ks_xml_content(w->arena, node);

    return text[strspn(text, " \t\r\n")] ? text : "";
}

static xmlNode *copy(struct rest *w, const xmlNode *node)
{
    xmlNode *ret = new_node(w, node);

    for (const xmlAttr *a = node->properties; a; a = a->next)
        ks_xml_set_attr(ret, (const char *)a->name, ks_xml_attr(node, (const char *)a->name));
    if (!xmlFirstElementChild((xmlNode *)(uintptr_t)node) && *text_of(w, node))
        ks_xml_set_content(ret, text_of(w, node));
    for (const xmlNode *c = node->children; c; c = c->next)
        if (c->type == XML_ELEMENT_NODE)
            (void)xmlAddChild(ret, copy(w, c));
    return ret;
}

/*
 * Of libvirt's own elements of this name the one that says most of what `node` says, and nothing else. Of what
 * there is one at most: that one, each word of which counts for itself.
 */
static xmlNode *own_like(const xmlNode *node, const xmlNode *parent)
{
    xmlNode *best = NULL;
    unsigned most = 0;

    if (parent && !ks_xml_identity(node, node->parent))
        return ks_xml_child(parent, (const char *)node->name);

    for (xmlNode *o = parent ? ks_xml_child(parent, (const char *)node->name) : NULL; o;
         o = ks_xml_next(o, (const char *)node->name)) {
        const xmlNode *model = ks_xml_child(o, "model"), *has = ks_xml_child(node, "model");
        unsigned n = 1;
        bool fits = !model || !ks_xml_attr(model, "type") ||
                    (has && ks_streq(ks_xml_attr(model, "type"), ks_xml_attr(has, "type")));
        for (const xmlAttr *a = o->properties; a && fits; a = a->next, n++)
            fits = ks_streq(ks_xml_attr(o, (const char *)a->name), ks_xml_attr(node, (const char *)a->name));
        if (fits && n > most) {
            most = n;
            best = o;
        }
    }
    return best;
}

static bool says_attr(const xmlNode *node, const xmlAttr *attr, const char *value)
{
    return node && ks_streq(ks_xml_attr(node, (const char *)attr->name), value);
}

static bool says_text(struct rest *w, const xmlNode *node, const char *text)
{
    return node && ks_streq(text_of(w, node), text);
}

/* One of those that the manifest made speaks for one of the host's. */
static xmlNode *take(struct rest *w, xmlNode *node, xmlNode *parent)
{
    xmlNode *found = parent ? ks_xml_counterpart(w->arena, node, parent) : NULL;

    if (found)
        xmlUnlinkNode(found);
    return found;
}

/* The attributes and elements by which the merging finds the element. */
static void add_identity(struct rest *w, xmlNode *ret, xmlNode *node)
{
    const char *const *ids = ks_xml_identity(node, node->parent);
    ks_auto(ks_error_done) struct ks_error err = {0};

    for (size_t i = 0; ids && i < KS_XML_IDS && ids[i]; i++) {
        const char *value = ks_xml_get(w->arena, node, ids[i], NULL);
        if (value)
            (void)ks_xml_set(ret, ids[i], NULL, NULL, value, &err);
    }
}

static void ensure(struct rest *w, xmlNode **ret, xmlNode *like)
{
    if (*ret)
        return;
    *ret = new_node(w, like);
    add_identity(w, *ret, like);
}

static xmlNode *rest_of(struct rest *w, xmlNode *node, xmlNode *said, xmlNode *owns)
{
    xmlNode *ret = NULL;
    const bool is_one = ks_xml_identity(node, node->parent) == NULL;

    if (!said && !owns)
        return copy(w, node);
    for (const xmlAttr *a = node->properties; a; a = a->next) {
        const char *value = ks_xml_attr(node, (const char *)a->name);
        if (a->ns || says_attr(said, a, value) || says_attr(owns, a, value))
            continue;
        ensure(w, &ret, node);
        ks_xml_set_attr(ret, (const char *)a->name, value);
    }
    if (!xmlFirstElementChild(node) && *text_of(w, node) && !says_text(w, said, text_of(w, node)) &&
        !says_text(w, owns, text_of(w, node))) {
        ensure(w, &ret, node);
        ks_xml_set_content(ret, text_of(w, node));
    }
    for (xmlNode *c = xmlFirstElementChild(node); c; c = xmlNextElementSibling(c)) {
        xmlNode *mine = take(w, c, said), *left = rest_of(w, c, mine, own_like(c, owns));
        if (mine)
            xmlFreeNode(mine);
        if (!left)
            continue;
        ensure(w, &ret, node);
        (void)xmlAddChild(ret, left);
    }
    if (!ret)
        return NULL;
    if (!said && !is_one) {
        xmlFreeNode(ret);
        return copy(w, node);
    }
    return ret;
}

/* ---- where it goes ------------------------------------------------------------------------------------------ */

/* In one line, for a comment. */
static const char *one_line(struct rest *w, xmlNode *node)
{
    xmlBuffer *buffer = must(xmlBufferCreate());
    char *ret;

    if (xmlNodeDump(buffer, w->doc, node, 0, 0) < 0)
        abort();
    ret = ks_strdup(w->arena, (const char *)xmlBufferContent(buffer));
    xmlBufferFree(buffer);
    for (char *p = ret; *p; p++)
        if ((unsigned char)*p < 0x20)
            *p = ' ';
    return ret;
}

/* What may be a secret is not repeated anywhere. */
static bool looks_secret(const char *text)
{
    static const char *const words[] = {"passw", "secret,", "secret\"", "data=", "apikey", "token"};

    for (size_t i = 0; i < KS_COUNT(words); i++)
        if (strcasestr(text, words[i]))
            return true;
    return false;
}

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
                return ks_sprintf(w->arena, "%s.%s", maps[i].key, maps[i].map->v[k]->key);
    return NULL;
}

static void leave(struct rest *w, const char *path, const char *text)
{
    *ks_vec_add(w->arena, &w->ret->left) = ks_sprintf(w->arena, "%s: %s", path, text);
}

static void put(struct rest *w, xmlNode *left, const char *path)
{
    const char *line = one_line(w, left);

    if (looks_secret(line)) {
        leave(w, path ? path : (const char *)left->name, "not shown, as it may hold a secret");
    } else if (path) {
        leave(w, path, line);
    } else {
        char *text = ks_xml_text(left);
        *ks_vec_add(w->arena, &w->ret->fragments) = ks_strdup(w->arena, text);
        xmlFree(text);
    }
}

static void put_element(struct rest *w, xmlNode *node, xmlNode *said, xmlNode *owns)
{
    const char *path = device_path(w, node);
    xmlNode *left = rest_of(w, node, said, owns);

    if (!left)
        return;
    /* Into the document: its namespace is that of the root. */
    (void)xmlAddChild(xmlDocGetRootElement(w->doc), left);
    put(w, left, path);
}

static void put_children(struct rest *w, xmlNode *node, xmlNode *said, xmlNode *owns)
{
    for (xmlNode *c = node ? xmlFirstElementChild(node) : NULL; c; c = xmlNextElementSibling(c)) {
        xmlNode *mine;
        if (ks_xml_is(c, "devices"))
            continue;
        mine = take(w, c, said);
        put_element(w, c, mine, own_like(c, owns));
        if (mine)
            xmlFreeNode(mine);
    }
}

void ks_import_rest(struct ks_arena *arena, const struct ks_guest *guest, xmlNode *domain, xmlNode *said,
                    const struct ks_observed *host, struct ks_xml_rest *ret)
{
    ks_auto(ks_error_done) struct ks_error err = {0};
    ks_auto(ks_xml_docp) xmlDoc *defaults = NULL;
    ks_auto(ks_xml_docp) xmlDoc *doc = must(xmlNewDoc(BAD_CAST "1.0"));
    xmlNode *root = must(xmlNewDocNode(doc, NULL, BAD_CAST "domain", NULL)), *owns;
    struct rest w = {.arena = arena, .guest = guest, .doc = doc, .ret = ret};

    (void)xmlDocSetRootElement(doc, root);
    w.qemu = must(xmlNewNs(root, BAD_CAST "http://libvirt.org/schemas/domain/qemu/1.0", BAD_CAST "qemu"));
    if (ks_xml_parse(own, sizeof own - 1, &defaults, &err) < 0)
        abort();
    owns = xmlDocGetRootElement(defaults);
    strip(arena, domain, host);
    strip_iothreads(domain);
    strip_consoles(domain);
    put_children(&w, domain, said, owns);
    put_children(&w, ks_xml_child(domain, "devices"), ks_xml_child(said, "devices"), ks_xml_child(owns, "devices"));
}
