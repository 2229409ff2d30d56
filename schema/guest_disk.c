/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's drive. */
#include "schema/guest.h"

KS_ENUM_TABLE(devices, "disk", "cdrom", "floppy", "lun");
KS_ENUM_TABLE(buses, "virtio", "scsi", "sata", "ide", "usb", "fdc", "sd", "xen");
KS_ENUM_TABLE(caches, "default", "none", "writeback", "writethrough", "directsync", "unsafe");
KS_ENUM_TABLE(ios, "threads", "native", "io_uring");
KS_ENUM_TABLE(discards, "ignore", "unmap");
KS_ENUM_TABLE(zeroes, "off", "on", "unmap");
KS_ENUM_TABLE(preallocations, "off", "metadata", "falloc", "full");
static const char *const format_names[] = {"raw", "qcow2",     "qed",   "qcow",  "vmdk", "vdi", "vpc",
                                           "dmg", "parallels", "bochs", "cloop", "iso",  "fat", "dir"};
const struct ks_enum ks_image_formats = {KS_COUNT(format_names), format_names};

/* A drive with removable media takes another while it runs; a disk's data cannot be exchanged under the guest. */
static enum ks_impact source_impact(const struct ks_change *change, bool running, enum ks_impact otherwise)
{
    const struct ks_disk *have = (const struct ks_disk *)change->have;

    if (!running || !have)
        return otherwise;
    return have->device == KS_DISK_CDROM || have->device == KS_DISK_FLOPPY ? KS_LIVE : KS_RESTART;
}

static const char *check_rbd(struct ks_arena *arena, const char **text)
{
    const char *slash = strchr(*text, '/');

    (void)arena;
    return slash && slash != *text && slash[1] ? NULL : "pool/image";
}

/* clang-format off */
#define RESTART .stopped = KS_SAFE, .running = KS_RESTART
#define LIVE(how) .stopped = KS_SAFE, .running = KS_LIVE, .live = (how)
#define SOURCE LIVE(KS_LIVE_MEDIA), .impact = source_impact, .codec = &ks_disk_source_codec

static const struct ks_field auth_rows[] = {
    KS_ROW_STRING(struct ks_auth, user, "user", RESTART, .flags = KS_F_REQUIRED, .check = ks_check_name,
        .doc = "The user to log in as."),
    KS_ROW_STRING(struct ks_auth, secret, "secret", RESTART, .flags = KS_F_REQUIRED, .check = ks_check_name,
        .doc = "The name of a secret."),
};
const struct ks_kind ks_auth_kind = KS_KIND(struct ks_auth, auth_rows, .name = "auth",
    .doc = "How to log in to where the data is.");

#define TUNE(member, key, element, text) KS_ROW_UINT(struct ks_iotune, member, key, LIVE(KS_LIVE_IOTUNE), \
    .fallback = "0", .xml = element, .doc = text)
#define TUNE_RATE(member, key, element, text) KS_ROW_BYTERATE(struct ks_iotune, member, key, \
    LIVE(KS_LIVE_IOTUNE), .fallback = "0B/s", .xml_unit = "=B", .xml = element, .doc = text)
static const struct ks_field iotune_rows[] = {
    TUNE_RATE(total_bytes, "total-bytes", "total_bytes_sec", "Bytes per second, both ways; 0 is without limit."),
    TUNE_RATE(read_bytes, "read-bytes", "read_bytes_sec", "Bytes per second read."),
    TUNE_RATE(write_bytes, "write-bytes", "write_bytes_sec", "Bytes per second written."),
    TUNE(total_iops, "total-iops", "total_iops_sec", "Operations per second, both ways; 0 is without limit."),
    TUNE(read_iops, "read-iops", "read_iops_sec", "Reads per second."),
    TUNE(write_iops, "write-iops", "write_iops_sec", "Writes per second."),
};

static void validate_iotune(const struct ks_obj *obj, struct ks_findings *f)
{
    const struct ks_iotune *t = (const struct ks_iotune *)obj;

    if (t->total_bytes && (t->read_bytes || t->write_bytes))
        (void)ks_report(f, KS_E_CONFLICT, ks_at(obj, "total-bytes"),
                        "iotune: total-bytes excludes read-bytes and write-bytes");
    if (t->total_iops && (t->read_iops || t->write_iops))
        (void)ks_report(f, KS_E_CONFLICT, ks_at(obj, "total-iops"),
                        "iotune: total-iops excludes read-iops and write-iops");
}

static const struct ks_kind iotune_kind = KS_KIND(struct ks_iotune, iotune_rows, .name = "iotune",
    .doc = "Limits of a disk's traffic.", .validate = validate_iotune);

static const struct ks_field rows[] = {
    KS_ROW_ENUM(struct ks_disk, device, "device", &devices, RESTART, .fallback = "disk", .xml = "@device",
        .codec = &ks_disk_device_codec, .doc = "What the guest sees: a disk, a CD-ROM, a floppy, a SCSI LUN."),
    KS_ROW_STRING(struct ks_disk, volume, "volume", SOURCE, .check = ks_check_volume,
        .doc = "A volume, as pool/name."),
    KS_ROW_STRING(struct ks_disk, file, "file", SOURCE, .check = ks_check_path,
        .doc = "An image file; null takes the medium out of a CD-ROM or floppy."),
    KS_ROW_STRING(struct ks_disk, block, "block", SOURCE, .check = ks_check_path, .doc = "A block device."),
    KS_ROW_STRING(struct ks_disk, rbd, "rbd", SOURCE, .check = check_rbd, .doc = "A Ceph RBD image, as pool/image."),
    KS_ROW_STRINGS(struct ks_disk, hosts, "hosts", SOURCE, .flags = KS_F_SET,
        .doc = "Ceph monitors, as host or host:port."),
    KS_ROW_OBJECT(struct ks_disk, auth, struct ks_auth, "auth", &ks_auth_kind, SOURCE,
        .doc = "How to log in to Ceph."),
    KS_ROW_SIZE(struct ks_disk, size, "size", .flags = KS_F_POLICY,
        .doc = "Declares the volume in place: its size."),
    KS_ROW_STRING(struct ks_disk, backing, "backing", .flags = KS_F_POLICY,
        .doc = "Declares the volume in place: what it is a copy-on-write layer over."),
    KS_ROW_STRING(struct ks_disk, clone, "clone", .flags = KS_F_POLICY,
        .doc = "Declares the volume in place: what it starts as a full copy of."),
    KS_ROW_ENUM(struct ks_disk, preallocation, "preallocation", &preallocations, .flags = KS_F_POLICY,
        .doc = "Declares the volume in place: what is allocated at once."),
    KS_ROW_ENUM(struct ks_disk, format, "format", &ks_image_formats, RESTART, .fallback = "raw",
        .xml = "driver/@type", .xml_create = "<driver name='qemu'/>", .doc = "The format of the image."),
    KS_ROW_ENUM(struct ks_disk, bus, "bus", &buses, RESTART, .xml = "target/@bus",
        .codec = &ks_disk_bus_codec,
        .doc = "The bus it is plugged into; of a new one by default virtio, for sdX sata (CD-ROM) or scsi."),
    KS_ROW_ENUM(struct ks_disk, cache, "cache", &caches, RESTART, .fallback = "default", .xml = "driver/@cache",
        .xml_create = "<driver name='qemu'/>", .doc = "How the host caches it."),
    KS_ROW_ENUM(struct ks_disk, io, "io", &ios, RESTART, .fallback = "threads", .xml = "driver/@io",
        .xml_create = "<driver name='qemu'/>", .doc = "How QEMU does its I/O."),
    KS_ROW_ENUM(struct ks_disk, discard, "discard", &discards, RESTART, .fallback = "ignore",
        .xml = "driver/@discard", .xml_create = "<driver name='qemu'/>",
        .doc = "Whether the guest's discards free space."),
    KS_ROW_ENUM(struct ks_disk, detect_zeroes, "detect-zeroes", &zeroes, RESTART, .fallback = "off",
        .xml = "driver/@detect_zeroes", .xml_create = "<driver name='qemu'/>",
        .doc = "Whether writes of zeroes are recognised."),
    KS_ROW_UINT(struct ks_disk, iothread, "iothread", RESTART, .min = 1, .max = 1024, .xml = "driver/@iothread",
        .xml_create = "<driver name='qemu'/>", .doc = "The iothread that serves it (virtio)."),
    KS_ROW_UINT(struct ks_disk, queues, "queues", RESTART, .min = 1, .max = 1024, .xml = "driver/@queues",
        .xml_create = "<driver name='qemu'/>", .doc = "Queues of the device (virtio)."),
    KS_ROW_BOOL(struct ks_disk, readonly, "readonly", RESTART, .flags = KS_F_PRESENCE, .fallback = "false",
        .xml = "readonly", .codec = &ks_disk_readonly_codec,
        .doc = "The guest cannot write to it; CD-ROMs always are."),
    KS_ROW_BOOL(struct ks_disk, shareable, "shareable", RESTART, .flags = KS_F_PRESENCE, .fallback = "false",
        .xml = "shareable", .doc = "Other guests may use it at the same time."),
    KS_ROW_STRING(struct ks_disk, serial, "serial", RESTART, .xml = "serial", .doc = "The serial number it shows."),
    KS_ROW_OBJECT(struct ks_disk, iotune, struct ks_iotune, "iotune", &iotune_kind, LIVE(KS_LIVE_IOTUNE),
        .xml = "iotune", .doc = "Limits of its traffic."),
    KS_ROW_STRING(struct ks_disk, source_type, "source-type", .flags = KS_F_HIDDEN, .codec = &ks_disk_source_facts_codec),
    KS_ROW_STRING(struct ks_disk, source_path, "source-path", .flags = KS_F_HIDDEN, .codec = &ks_disk_source_facts_codec),
};
/* clang-format on */

static unsigned count_sources(const struct ks_disk *disk)
{
    static const char *const keys[] = {"volume", "file", "block", "rbd"};
    unsigned n = 0;

    for (size_t i = 0; i < KS_COUNT(keys); i++)
        n += ks_has(&disk->o, keys[i]) ? 1 : 0;
    return n;
}

static void validate(const struct ks_obj *obj, struct ks_findings *f)
{
    static const char *const in_place[] = {"size", "backing", "clone", "preallocation"};
    static const char *const rbd_only[] = {"hosts", "auth"};
    const struct ks_disk *disk = (const struct ks_disk *)obj;

    if (count_sources(disk) > 1)
        (void)ks_report(f, KS_E_CONFLICT, obj->at, "disk %s: one of volume, file, block and rbd, not several",
                        obj->key);
    for (size_t i = 0; i < KS_COUNT(in_place); i++)
        if (ks_has(obj, in_place[i]) && !ks_has(obj, "volume"))
            (void)ks_report(f, KS_E_CONFLICT, ks_at(obj, in_place[i]),
                            "disk %s: %s declares a volume in place, and needs volume", obj->key, in_place[i]);
    for (size_t i = 0; i < KS_COUNT(rbd_only); i++)
        if (ks_has(obj, rbd_only[i]) && !ks_has(obj, "rbd"))
            (void)ks_report(f, KS_E_CONFLICT, ks_at(obj, rbd_only[i]), "disk %s: %s is for rbd", obj->key,
                            rbd_only[i]);
    if (ks_has(obj, "bus") && ks_has(obj, "iothread") && disk->bus != KS_BUS_VIRTIO)
        (void)ks_report(f, KS_E_CONFLICT, ks_at(obj, "iothread"), "disk %s: iothread is for bus virtio", obj->key);
    if (ks_has(obj, "io") && disk->io == 1 && ks_has(obj, "cache") && disk->cache != 1 && disk->cache != 4)
        (void)ks_report(f, KS_E_CONFLICT, ks_at(obj, "io"),
                        "disk %s: io native needs cache none or directsync (it bypasses the host's cache)",
                        obj->key);
}

const struct ks_kind ks_disk_kind =
    KS_KIND(struct ks_disk, rows, .name = "disk", .doc = "A drive of a guest.", .xml_key = "target/@dev",
            .xml_alias = "alias/@name", .validate = validate);
