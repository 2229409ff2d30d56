/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a disk's data is: <disk type=...><source ...>, and the defaults of a disk that is made. */
#include "schema/guest.h"
#include "schema/xml.h"

/* The forms of a source that the manifest has, and the XML of each. */
enum source { SOURCE_VOLUME, SOURCE_FILE, SOURCE_BLOCK, SOURCE_RBD, SOURCES };
static const struct {
    const char *key, *type, *attr;
} sources[SOURCES] = {
    [SOURCE_VOLUME] = {"volume", "volume", NULL},
    [SOURCE_FILE] = {"file", "file", "file"},
    [SOURCE_BLOCK] = {"block", "block", "dev"},
    [SOURCE_RBD] = {"rbd", "network", "name"},
};

static const char *disk_type(const xmlNode *disk)
{
    const char *type = ks_xml_attr(disk, "type");

    return type ? type : "file";
}

/* The form that the XML has, or SOURCES when there is none, or one that the manifest does not have. */
static enum source source_of(const xmlNode *disk)
{
    const xmlNode *source = ks_xml_child(disk, "source");
    const char *type = disk_type(disk), *protocol = source ? ks_xml_attr(source, "protocol") : NULL;

    for (enum source i = 0; source && i < SOURCES; i++)
        if (ks_streq(type, sources[i].type) && (i != SOURCE_RBD || ks_streq(protocol, "rbd")))
            return i;
    return SOURCES;
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

static const char *read_path(struct ks_arena *arena, const xmlNode *disk, enum source form)
{
    const xmlNode *source = ks_xml_child(disk, "source");
    const char *pool, *volume;

    if (form != SOURCE_VOLUME)
        return ks_strdup(arena, ks_xml_attr(source, sources[form].attr));
    pool = ks_xml_attr(source, "pool");
    volume = ks_xml_attr(source, "volume");
    return pool && volume ? ks_sprintf(arena, "%s/%s", pool, volume) : NULL;
}

static void read_hosts(struct ks_arena *arena, const xmlNode *source, struct ks_strings *ret)
{
    for (const xmlNode *h = ks_xml_child(source, "host"); h; h = ks_xml_next(h, "host")) {
        const char *name = ks_xml_attr(h, "name"), *port = ks_xml_attr(h, "port");
        if (name)
            *ks_vec_add(arena, ret) = port ? ks_sprintf(arena, "%s:%s", name, port) : ks_strdup(arena, name);
    }
}

/* libvirt keeps <auth> where it was written: in the source, or in the disk. */
static const xmlNode *find_auth(const xmlNode *disk)
{
    const xmlNode *source = ks_xml_child(disk, "source"), *auth = source ? ks_xml_child(source, "auth") : NULL;

    return auth ? auth : ks_xml_child(disk, "auth");
}

static struct ks_auth *read_auth(struct ks_arena *arena, const xmlNode *node)
{
    const xmlNode *secret = ks_xml_child(node, "secret");
    const char *user = ks_xml_attr(node, "username"), *usage = secret ? ks_xml_attr(secret, "usage") : NULL;
    struct ks_auth *auth = (struct ks_auth *)ks_obj_new(arena, &ks_auth_kind, NULL);

    if (secret && !usage)
        usage = ks_xml_attr(secret, "uuid");
    if (user) {
        auth->user = ks_strdup(arena, user);
        ks_mark(&auth->o, "user");
    }
    if (usage) {
        auth->secret = ks_strdup(arena, usage);
        ks_mark(&auth->o, "secret");
    }
    return auth;
}

static void source_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    const enum source form = source_of(node);
    const xmlNode *source = ks_xml_child(node, "source");
    void *slot = ks_member(obj, field);

    if (field->type == KS_STRINGS && form == SOURCE_RBD) {
        read_hosts(arena, source, slot);
        if (((struct ks_strings *)slot)->n)
            ks_xml_mark(obj, field);
    } else if (field->type == KS_OBJECT && form == SOURCE_RBD && find_auth(node)) {
        *(struct ks_auth **)slot = read_auth(arena, find_auth(node));
        ks_xml_mark(obj, field);
    } else if (field->type == KS_STRING && form < SOURCES && ks_streq(field->key, sources[form].key)) {
        *(const char **)slot = read_path(arena, node, form);
        if (*(const char **)slot)
            ks_xml_mark(obj, field);
    }
}

/* What any source is, also those that the manifest does not have: "network" without a path, say. */
static void facts_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    struct ks_disk *disk = (struct ks_disk *)obj;
    const enum source form = source_of(node);

    if (!ks_xml_child(node, "source"))
        return;
    if (ks_streq(field->key, "source-type"))
        disk->source_type = ks_strdup(arena, disk_type(node));
    else
        disk->source_path = form < SOURCES ? read_path(arena, node, form) : NULL;
    ks_xml_mark(obj, field);
}

/* ---- writing ------------------------------------------------------------------------------------------------ */

static unsigned default_bus(const struct ks_disk *disk)
{
    const bool removable = ks_has(&disk->o, "device") && disk->device == KS_DISK_CDROM;

    switch (*disk->o.key) {
    case 's':
        return removable ? KS_BUS_SATA : KS_BUS_SCSI;
    case 'h':
        return KS_BUS_IDE;
    case 'f':
        return KS_BUS_FDC;
    default:
        return KS_BUS_VIRTIO;
    }
}

static bool ends_with(const char *text, const char *end)
{
    const size_t n = text ? strlen(text) : 0, m = strlen(end);

    return n > m && strcmp(text + n - m, end) == 0;
}

/* libvirt takes an image for raw unless it is told: the volume's format, or what the file's name says. */
static const char *default_format(const struct ks_disk *want)
{
    if (want->source_format)
        return want->source_format;
    return ends_with(want->volume ? want->volume : want->file, ".qcow2") ? "qcow2" : "raw";
}

/* libvirt's own choice for a SCSI disk is a controller that few guests have a driver for. */
static void add_scsi_controller(xmlNode *disk)
{
    xmlNode *devices = ks_xml_child(ks_xml_top(disk), "devices"), *controller;

    if (!devices || ks_xml_find(ks_xml_top(disk), "devices/controller[@type='scsi']", NULL))
        return;
    controller = ks_xml_add(devices, "controller");
    ks_xml_set_attr(controller, "type", "scsi");
    ks_xml_set_attr(controller, "index", "0");
    ks_xml_set_attr(controller, "model", "virtio-scsi");
}

/* Of a disk that is being made. libvirt would guess the bus by the target, and make every sdX scsi. */
static void write_defaults(xmlNode *node, const struct ks_disk *want)
{
    static const char *const buses[] = {"virtio", "scsi", "sata", "ide", "usb", "fdc"};
    xmlNode *target = ks_xml_child(node, "target"), *driver;

    if (want->o.key && !ks_has(&want->o, "bus") && target && !ks_xml_attr(target, "bus"))
        ks_xml_set_attr(target, "bus", buses[default_bus(want)]);
    if (target && ks_streq(ks_xml_attr(target, "bus"), "scsi"))
        add_scsi_controller(node);
    if (ks_xml_child(node, "driver") || ks_xml_child(node, "source"))
        return;
    driver = ks_xml_add(node, "driver");
    ks_xml_set_attr(driver, "name", "qemu");
    ks_xml_set_attr(driver, "type", default_format(want));
}

static void write_host(struct ks_arena *arena, xmlNode *source, const char *text)
{
    const char *colon = strrchr(text, ':');
    xmlNode *host = ks_xml_add(source, "host");

    /* A bare IPv6 address has colons of its own, and no port. */
    if (colon && strchr(text, ':') != colon && text[0] != '[')
        colon = NULL;
    ks_xml_set_attr(host, "name", colon ? ks_strndup(arena, text, (size_t)(colon - text)) : text);
    if (colon)
        ks_xml_set_attr(host, "port", colon + 1);
}

static void remove_all(xmlNode *node, const char *name)
{
    xmlNode *next;

    for (xmlNode *c = ks_xml_child(node, name); c; c = next) {
        next = ks_xml_next(c, name);
        xmlUnlinkNode(c);
        xmlFreeNode(c);
    }
}

static void write_rbd(struct ks_arena *arena, xmlNode *disk, xmlNode *source, const struct ks_disk *want)
{
    xmlNode *auth, *secret;

    ks_xml_set_attr(source, "protocol", "rbd");
    ks_xml_set_attr(source, "name", want->rbd);
    if (ks_stated(&want->o, "hosts")) {
        remove_all(source, "host");
        for (size_t i = 0; !(ks_has(&want->o, "hosts")) ? false : i < want->hosts.n; i++)
            write_host(arena, source, want->hosts.v[i]);
    }
    if (!ks_stated(&want->o, "auth"))
        return;
    remove_all(source, "auth");
    remove_all(disk, "auth");
    if (!ks_has(&want->o, "auth"))
        return;
    auth = ks_xml_add(source, "auth");
    ks_xml_set_attr(auth, "username", want->auth->user);
    secret = ks_xml_add(auth, "secret");
    ks_xml_set_attr(secret, "type", "ceph");
    ks_xml_set_attr(secret, "usage", want->auth->secret);
}

/* What belongs to the data that was there before, and not to the drive. */
static void forget_source(xmlNode *disk)
{
    static const char *const attrs[] = {"file", "dev",      "dir",  "pool",  "volume",
                                        "mode", "protocol", "name", "index", "tls"};
    static const char *const children[] = {"host", "auth", "snapshot", "config", "slices", "cookies", "ssl"};
    xmlNode *source = ks_xml_child(disk, "source");

    remove_all(disk, "backingStore");
    remove_all(disk, "auth");
    for (size_t i = 0; source && i < KS_COUNT(attrs); i++)
        ks_xml_set_attr(source, attrs[i], NULL);
    for (size_t i = 0; source && i < KS_COUNT(children); i++)
        remove_all(source, children[i]);
}

/* The form that is wanted: what a volume was resolved to when that is known; SOURCES for no medium. */
static enum source wanted_form(const struct ks_disk *want)
{
    for (enum source i = 0; i < SOURCES; i++) {
        if (!ks_has(&want->o, sources[i].key))
            continue;
        if (i != SOURCE_VOLUME || !want->source_path)
            return i;
        return ks_streq(want->source_type, "block")     ? SOURCE_BLOCK
               : ks_streq(want->source_type, "network") ? SOURCE_RBD
               : ks_streq(want->source_type, "volume")  ? SOURCE_VOLUME
                                                        : SOURCE_FILE;
    }
    return SOURCES;
}

static const char *wanted_path(const struct ks_disk *want)
{
    if (ks_has(&want->o, "volume"))
        return want->source_path && !ks_streq(want->source_type, "volume") ? want->source_path : want->volume;
    return ks_has(&want->o, "file") ? want->file : ks_has(&want->o, "block") ? want->block : want->rbd;
}

static bool is_stated(const struct ks_disk *want)
{
    for (enum source i = 0; i < SOURCES; i++)
        if (ks_stated(&want->o, sources[i].key))
            return true;
    return false;
}

static void write_source(struct ks_arena *arena, xmlNode *disk, const struct ks_disk *want, enum source form)
{
    const char *path = wanted_path(want), *slash;
    xmlNode *source = ks_xml_ensure_child(disk, "source");

    if (source_of(disk) != form || !ks_streq(read_path(arena, disk, form), path))
        forget_source(disk);
    ks_xml_set_attr(disk, "type", sources[form].type);
    if (form == SOURCE_RBD) {
        write_rbd(arena, disk, source, want);
        ks_xml_set_attr(source, "name", path);
    } else if (form == SOURCE_VOLUME) {
        slash = strchr(path, '/');
        ks_xml_set_attr(source, "pool", ks_strndup(arena, path, (size_t)(slash - path)));
        ks_xml_set_attr(source, "volume", slash + 1);
    } else {
        ks_xml_set_attr(source, sources[form].attr, path);
    }
}

/* Called for each row of the source: writes all of it, and the second time finds it done. */
static int source_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *obj, struct ks_error *err)
{
    ks_auto(ks_arena_freep) struct ks_arena *scratch = ks_arena_new();
    const struct ks_disk *want = (const struct ks_disk *)obj;
    const enum source form = wanted_form(want);
    xmlNode *source = ks_xml_child(node, "source");

    (void)field;
    (void)err;
    write_defaults(node, want);
    if (form < SOURCES) {
        write_source(scratch, node, want, form);
    } else if (source && is_stated(want)) {
        forget_source(node);
        ks_xml_remove(source, node);
        ks_xml_set_attr(node, "type", "file");
    }
    return 0;
}

/* ---- comparing ---------------------------------------------------------------------------------------------- */

static bool same_strings(const struct ks_strings *a, const struct ks_strings *b)
{
    for (size_t i = 0; i < a->n; i++) {
        bool found = false;
        for (size_t k = 0; k < b->n && !found; k++)
            found = ks_streq(a->v[i], b->v[k]);
        if (!found)
            return false;
    }
    return a->n == b->n;
}

static bool same_auth(const struct ks_auth *want, const struct ks_auth *have)
{
    return have && (!ks_has(&want->o, "user") || ks_streq(want->user, have->user)) &&
           (!ks_has(&want->o, "secret") || ks_streq(want->secret, have->secret));
}

/* A volume may stand in the XML as itself, or as the path that it has. */
static bool source_same(const struct ks_field *field, const struct ks_obj *obj, const struct ks_obj *have)
{
    const struct ks_disk *want = (const struct ks_disk *)obj, *h = (const struct ks_disk *)have;

    if (!have || obj->null & ks_xml_bit(obj, field))
        return false;
    if (field->type == KS_STRINGS)
        return same_strings(&want->hosts, &h->hosts);
    if (field->type == KS_OBJECT)
        return same_auth(want->auth, h->auth);
    if (ks_streq(field->key, "volume") && ks_has(have, "volume") && ks_streq(want->volume, h->volume))
        return true;
    return ks_streq(wanted_path(want), h->source_path) && ks_streq(sources[wanted_form(want)].type, h->source_type);
}

const struct ks_codec ks_disk_source_codec = {.read = source_read, .write = source_write, .same = source_same};
const struct ks_codec ks_disk_source_facts_codec = {.read = facts_read};

/* ---- bus, device and read-only
 * -------------------------------------------------------------------------------------
 */

static int device_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want,
                        struct ks_error *err)
{
    const unsigned device = *(const unsigned *)ks_member(want, field);

    (void)err;
    write_defaults(node, (const struct ks_disk *)want);
    ks_xml_set_attr(node, "device", want->null & ks_xml_bit(want, field) ? NULL : field->values->names[device]);
    return 0;
}

/* The place on one bus is none on another: libvirt finds a new one. */
static int bus_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want, struct ks_error *err)
{
    const bool null = want->null & ks_xml_bit(want, field);
    const char *bus = null ? NULL : field->values->names[*(const unsigned *)ks_member(want, field)];
    xmlNode *target = ks_xml_ensure_child(node, "target"), *address = ks_xml_child(node, "address");

    (void)err;
    if (address && !ks_streq(ks_xml_attr(target, "bus"), bus))
        ks_xml_remove(address, node);
    ks_xml_set_attr(target, "bus", bus);
    if (ks_streq(bus, "scsi"))
        add_scsi_controller(node);
    return 0;
}

/* libvirt makes every CD-ROM read-only, whatever it is told. */
static bool readonly_same(const struct ks_field *field, const struct ks_obj *want, const struct ks_obj *have)
{
    const struct ks_disk *w = (const struct ks_disk *)want, *h = (const struct ks_disk *)have;

    (void)field;
    return have && (w->readonly == h->readonly || h->device == KS_DISK_CDROM);
}

const struct ks_codec ks_disk_bus_codec = {.write = bus_write};
const struct ks_codec ks_disk_device_codec = {.write = device_write};
const struct ks_codec ks_disk_readonly_codec = {.same = readonly_same};
