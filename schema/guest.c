/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest: what stands at the top of a domain. Its parts have files of their own. */
#include "schema/guest.h"

KS_ENUM_TABLE(states, "running", "stopped", "paused", "absent", "unmanaged");
KS_ENUM_TABLE(firmwares, "bios", "efi");
KS_ENUM_TABLE(clocks, "utc", "localtime", "timezone", "variable", "absolute");
KS_ENUM_TABLE(videos, "none", "virtio", "vga", "cirrus", "qxl", "bochs", "ramfb");
KS_ENUM_TABLE(balloons, "none", "virtio", "virtio-transitional", "virtio-non-transitional");
/* In the order of libvirt's own numbers (virDomainLifecycleAction). */
KS_ENUM_TABLE(lifecycles, "destroy", "restart", "rename-restart", "preserve");
KS_ENUM_TABLE(crash_lifecycles, "destroy", "restart", "rename-restart", "preserve", "coredump-destroy",
              "coredump-restart");

static const char *check_impact(struct ks_arena *arena, const char **text)
{
    (void)arena;
    static const char *const allowed[] = {"restart", "delete", "data-loss", "network"};

    for (size_t i = 0; i < KS_COUNT(allowed); i++)
        if (ks_streq(*text, allowed[i]))
            return NULL;
    return "restart, delete, data-loss or network";
}

/* "disk:vda", "nic:lan"; a device's key is checked where the whole guest is known. */
static const char *check_boot(struct ks_arena *arena, const char **text)
{
    static const char *const prefixes[] = {"disk:", "nic:", "device:"};

    for (size_t i = 0; i < KS_COUNT(prefixes); i++) {
        if (ks_starts(*text, prefixes[i])) {
            const char *key = *text + strlen(prefixes[i]);
            return ks_check_key(arena, &key) ? "a device's key behind the colon" : NULL;
        }
    }
    return "disk:KEY, nic:KEY or device:KEY";
}

static const char *check_tpm(struct ks_arena *arena, const char **text)
{
    (void)arena;
    static const char *const versions[] = {"none", "1.2", "2.0", "passthrough"};

    for (size_t i = 0; i < KS_COUNT(versions); i++)
        if (ks_streq(*text, versions[i]))
            return NULL;
    return "\"1.2\", \"2.0\", passthrough or none";
}

/* "default" is <hugepages/> without a size: the host's default page size. */
static const char *check_page_size(struct ks_arena *arena, const char **text)
{
    return ks_streq(*text, "default") ? NULL : ks_check_size_key(arena, text);
}

/* A mount tag: any text; many look like a path. */
static const char *check_tag(struct ks_arena *arena, const char **text)
{
    (void)arena;
    for (const char *p = *text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return "a mount tag, without control characters";
    return **text ? NULL : "a mount tag";
}

/* A title is one line: libvirt refuses a newline in it. */
static const char *check_title(struct ks_arena *arena, const char **text)
{
    (void)arena;
    return strchr(*text, '\n') ? "one line" : NULL;
}

/*
 * A value up to the ceiling is given to the running guest; beyond it, the guest must see a new ceiling. One without
 * a balloon has its ceiling whatever is asked for.
 */
static enum ks_impact memory_impact(const struct ks_change *change, bool running, enum ks_impact otherwise)
{
    const struct ks_guest *want = (const struct ks_guest *)change->want;
    const struct ks_guest *have = (const struct ks_guest *)change->have;

    if (!running || !have)
        return otherwise;
    if (change->op != KS_SET || want->memory > have->max_memory)
        return KS_RESTART;
    return ks_has(&have->o, "memballoon") && have->memballoon == KS_BALLOON_NONE ? KS_SAFE : KS_LIVE;
}

/* vCPUs that were there when the guest started cannot be taken out while it runs; hot-plugged ones can. */
static enum ks_impact vcpus_impact(const struct ks_change *change, bool running, enum ks_impact otherwise)
{
    const struct ks_guest *want = (const struct ks_guest *)change->want;
    const struct ks_guest *have = (const struct ks_guest *)change->have;

    if (!running || !have)
        return otherwise;
    return change->op == KS_SET && want->vcpus <= have->max_vcpus && want->vcpus >= have->min_vcpus ? KS_LIVE
                                                                                                    : KS_RESTART;
}

static bool bus_is_hot(const struct ks_disk *disk, const struct ks_guest *guest)
{
    unsigned bus = disk->bus;

    const bool cdrom = ks_has(&disk->o, "device") && disk->device == KS_DISK_CDROM;

    if (!ks_has(&disk->o, "bus"))
        bus = *disk->o.key == 'v' ? KS_BUS_VIRTIO : *disk->o.key == 's' && !cdrom ? KS_BUS_SCSI : KS_BUS_IDE;
    if (bus == KS_BUS_SCSI)
        return guest->scsi;
    return bus == KS_BUS_VIRTIO || bus == KS_BUS_USB;
}

static bool takes_port(const struct ks_obj *entry, const struct ks_guest *have)
{
    const struct ks_disk *disk = (const struct ks_disk *)entry;

    if (entry->kind != &ks_disk_kind)
        return true;
    return bus_is_hot(disk, have) && (ks_has(&disk->o, "bus") ? disk->bus == KS_BUS_VIRTIO : *disk->o.key == 'v');
}

/*
 * A device that comes while a PCIe machine runs needs a free port. Those that the plan adds before it, in the order
 * of the tables, have theirs already; what goes frees its port only when the guest has agreed.
 */
static bool has_port(const struct ks_guest *want, const struct ks_guest *have, const struct ks_obj *entry)
{
    const struct {
        const struct ks_map *want, *have;
    } maps[] = {{&want->disks, &have->disks}, {&want->nics, &have->nics}, {&want->devices, &have->devices}};
    uint64_t used = 0;

    if (!have->pcie || (entry && !takes_port(entry, have)))
        return true;
    for (size_t m = 0; m < KS_COUNT(maps); m++)
        for (size_t i = 0; i < maps[m].want->n; i++) {
            const struct ks_obj *other = maps[m].want->v[i];
            if (other == entry)
                return used < have->free_ports;
            used += !other->gone && takes_port(other, have) && !ks_match(maps[m].have, other);
        }
    return used < have->free_ports; /* what stands behind the maps */
}

static enum ks_impact attach_impact(const struct ks_change *change, bool running, enum ks_impact otherwise)
{
    if (!running || change->op != KS_ADD || !change->have)
        return otherwise;
    return has_port((const struct ks_guest *)change->want, (const struct ks_guest *)change->have, change->entry)
               ? otherwise
               : KS_RESTART;
}

/* A generator comes by a port, an agent's channel by the controller of such channels; either goes at any time. */
static enum ks_impact presence_impact(const struct ks_change *change, bool running, enum ks_impact otherwise)
{
    const struct ks_guest *want = (const struct ks_guest *)change->want,
                          *have = (const struct ks_guest *)change->have;
    const bool agent = ks_streq(change->field->key, "agent");

    if (!running || !have || change->op == KS_UNSET || !*(const bool *)ks_member(change->want, change->field))
        return otherwise;
    return (agent ? have->channels : has_port(want, have, NULL)) ? otherwise : KS_RESTART;
}

/* IDE, SATA and floppy controllers cannot plug a drive while the machine runs; only change its medium. */
static enum ks_impact disks_impact(const struct ks_change *change, bool running, enum ks_impact otherwise)
{
    if (!running || !change->entry || !change->have)
        return otherwise;
    if (!bus_is_hot((const struct ks_disk *)change->entry, (const struct ks_guest *)change->have))
        return KS_RESTART;
    return attach_impact(change, running, otherwise);
}

/* clang-format off */
#define RESTART .stopped = KS_SAFE, .running = KS_RESTART
#define LIVE(how) .stopped = KS_SAFE, .running = KS_LIVE, .live = (how)
#define POLICY .flags = KS_F_POLICY
static const struct ks_field rows[] = {
    KS_ROW_ENUM(struct ks_guest, state, "state", &states, .flags = KS_F_RUNTIME,
        .doc = "Whether it runs; absent removes it, unmanaged releases it as it is."),
    KS_ROW_BOOL(struct ks_guest, autostart, "autostart", .flags = KS_F_RUNTIME, .fallback = "false",
        .doc = "Starts with the host."),
    KS_ROW_BOOL(struct ks_guest, protect, "protect", POLICY,
        .doc = "Never deleted, whatever is allowed; the mark in the domain keeps this."),
    KS_ROW_STRINGS(struct ks_guest, allow, "allow", .flags = KS_F_POLICY | KS_F_SET, .check = check_impact,
        .doc = "Impacts applied to this guest without asking: restart, delete, data-loss, network."),
    KS_ROW_STRINGS(struct ks_guest, profiles, "profiles", POLICY,
        .doc = "Profiles merged under the guest's own keys, left to right."),
    KS_ROW_STRING(struct ks_guest, was, "was", POLICY, .check = ks_check_name,
        .doc = "The name that it had: it is renamed, not made anew."),
    KS_ROW_STRING(struct ks_guest, uuid, "uuid", .flags = KS_F_CREATE, .check = ks_check_uuid, RESTART,
        .xml = "uuid", .doc = "Its UUID; libvirt chooses one when not given. It cannot change."),
    KS_ROW_STRING(struct ks_guest, title, "title", LIVE(KS_LIVE_METADATA), .check = check_title, .xml = "title",
        .doc = "A short description, of one line."),
    KS_ROW_STRING(struct ks_guest, description, "description", LIVE(KS_LIVE_METADATA), .xml = "description",
        .doc = "A description for people."),
    KS_ROW_SIZE(struct ks_guest, memory, "memory", LIVE(KS_LIVE_MEMORY), .min = 1 << 20, .step = 1024,
        .impact = memory_impact, .codec = &ks_memory_codec, .note = "by its balloon",
        .doc = "What the guest has (libvirt's currentMemory); changes while it runs up to max-memory, by the balloon."),
    KS_ROW_SIZE(struct ks_guest, max_memory, "max-memory", RESTART, .min = 1 << 20, .step = 1024,
        .codec = &ks_max_memory_codec,
        .doc = "The ceiling that memory can be raised to while it runs (libvirt's memory); by default the same."),
    KS_ROW_UINT(struct ks_guest, vcpus, "vcpus", LIVE(KS_LIVE_VCPUS), .min = 1, .max = 4096, .impact = vcpus_impact,
        .codec = &ks_vcpus_codec, .note = "hot-plugged",
        .doc = "vCPUs that are plugged in; more come while it runs up to max-vcpus, and those can go again; "
               "the ones it started with go at a restart."),
    KS_ROW_UINT(struct ks_guest, max_vcpus, "max-vcpus", RESTART, .min = 1, .max = 4096,
        .codec = &ks_max_vcpus_codec,
        .doc = "The most vCPUs that can be plugged in while it runs; by default the same as vcpus."),
    KS_ROW_UINT(struct ks_guest, iothreads, "iothreads", LIVE(KS_LIVE_IOTHREADS), .max = 1024, .fallback = "0",
        .codec = &ks_iothreads_codec,
        .doc = "Threads for disk I/O, numbered from 1, for disks and pinning to name."),
    KS_ROW_MAP(struct ks_guest, hugepages, "hugepages", &ks_hugepage_kind, RESTART, .flags = KS_F_SCALAR_KEY,
        .check_key = check_page_size, .codec = &ks_hugepages_codec,
        .doc = "Memory from huge pages of this size; by size, the guest NUMA cells that it is for."),
    KS_ROW_OBJECT(struct ks_guest, cpu, struct ks_cpu, "cpu", &ks_cpu_kind, RESTART, .codec = &ks_cpu_codec,
        .doc = "The CPU that the guest sees."),
    KS_ROW_OBJECT(struct ks_guest, numa, struct ks_numa, "numa", &ks_numa_kind, RESTART,
        .doc = "Host NUMA nodes for its memory, and the NUMA cells that the guest sees."),
    KS_ROW_OBJECT(struct ks_guest, pinning, struct ks_pinning, "pinning", &ks_pinning_kind, LIVE(KS_LIVE_PINS),
        .doc = "Host CPUs for its vCPUs, emulator and iothreads."),
    KS_ROW_STRING(struct ks_guest, machine, "machine", RESTART, .codec = &ks_machine_codec, .check = ks_check_name,
        .doc = "The machine type: an alias (q35, pc) is satisfied by any version of it, a full name by itself alone."),
    KS_ROW_ENUM(struct ks_guest, firmware, "firmware", &firmwares, RESTART, .fallback = "bios",
        .codec = &ks_firmware_codec,
        .doc = "bios, or efi: libvirt chooses the image; images named in the domain itself are left as they are."),
    KS_ROW_BOOL(struct ks_guest, secure_boot, "secure-boot", RESTART, .fallback = "false",
        .codec = &ks_secure_boot_codec, .doc = "EFI firmware with Secure Boot."),
    KS_ROW_OBJECT(struct ks_guest, direct_kernel, struct ks_direct_kernel, "direct-kernel", &ks_direct_kernel_kind,
        RESTART, .doc = "A kernel of the host that is booted in place of a device."),
    KS_ROW_ENUM(struct ks_guest, clock, "clock", &clocks, RESTART, .fallback = "utc", .xml = "clock/@offset",
        .codec = &ks_clock_codec,
        .doc = "What the guest's hardware clock starts from."),
    KS_ROW_MAP(struct ks_guest, disks, "disks", &ks_disk_kind, LIVE(KS_LIVE_ATTACH), .impact = disks_impact,
        .check_key = ks_check_target, .xml = "devices/disk", .xml_create = "<disk type='file' device='disk'/>",
        .doc = "Drives, by target. virtio, usb and (with a SCSI controller) scsi ones come and go while it runs."),
    KS_ROW_MAP(struct ks_guest, nics, "nics", &ks_nic_kind, LIVE(KS_LIVE_ATTACH), .impact = attach_impact,
        .check_key = ks_check_key,
        .xml = "devices/interface", .xml_create = "<interface type='bridge'/>",
        .doc = "Network interfaces, by a name of your choice."),
    KS_ROW_MAP(struct ks_guest, devices, "devices", &ks_pci_device_kind, LIVE(KS_LIVE_ATTACH),
        .impact = attach_impact,
        .check_key = ks_check_key, .xml = "devices/hostdev[@type='pci']",
        .xml_create = "<hostdev mode='subsystem' type='pci' managed='yes'/>",
        .doc = "Whole PCI devices of the host."),
    /* Behind the maps that it names entries of: they must have been read and written. */
    KS_ROW_STRINGS(struct ks_guest, boot, "boot", RESTART, .check = check_boot, .codec = &ks_boot_codec,
        .doc = "Devices to boot from, in order: disk:KEY, nic:KEY, device:KEY."),
    KS_ROW_MAP(struct ks_guest, filesystems, "filesystems", &ks_filesystem_kind, RESTART, .check_key = check_tag,
        .xml = "devices/filesystem", .xml_create = "<filesystem type='mount'/>",
        .doc = "Directories shared with the guest, by the tag that it mounts them by."),
    KS_ROW_OBJECT(struct ks_guest, graphics, struct ks_graphics, "graphics", &ks_graphics_kind, RESTART,
        .doc = "Servers for its display."),
    KS_ROW_ENUM(struct ks_guest, video, "video", &videos, RESTART, .fallback = "none",
        .xml = "devices/video/model/@type", .codec = &ks_video_codec,
        .doc = "The first graphics card."),
    KS_ROW_BOOL(struct ks_guest, serial, "serial", RESTART, .fallback = "false", .codec = &ks_serial_codec,
        .doc = "A serial port, with the console on it."),
    KS_ROW_BOOL(struct ks_guest, agent, "agent", LIVE(KS_LIVE_PRESENCE), .flags = KS_F_PRESENCE, .impact = presence_impact, .fallback = "false",
        .xml = "devices/channel[target/@name='org.qemu.guest_agent.0']",
        .xml_create = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>",
        .doc = "A channel for qemu-guest-agent; it comes while the guest runs where that has a virtio-serial controller."),
    KS_ROW_BOOL(struct ks_guest, rng, "rng", LIVE(KS_LIVE_PRESENCE), .flags = KS_F_PRESENCE, .impact = presence_impact, .fallback = "false",
        .xml = "devices/rng",
        .xml_create = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>",
        .doc = "A virtio random number generator, fed by the host."),
    KS_ROW_STRING(struct ks_guest, tpm, "tpm", RESTART, .fallback = "none", .check = check_tpm,
        .codec = &ks_tpm_codec, .doc = "A TPM: an emulated one of this version, or the host's (passthrough)."),
    KS_ROW_OBJECT(struct ks_guest, watchdog, struct ks_watchdog, "watchdog", &ks_watchdog_kind, RESTART,
        .codec = &ks_watchdog_codec, .doc = "A watchdog card, and what the host does when it fires."),
    KS_ROW_ENUM(struct ks_guest, memballoon, "memballoon", &balloons, RESTART, .fallback = "virtio",
        .xml = "devices/memballoon/@model",
        .doc = "The balloon by which memory changes while it runs."),
    KS_ROW_UINT(struct ks_guest, hotplug_ports, "hotplug-ports", RESTART, .max = 64, .fallback = "0",
        .codec = &ks_ports_codec,
        .doc = "PCIe ports kept for devices that come while it runs (q35); new guests get 6 by default."),
    KS_ROW_OBJECT(struct ks_guest, cloud_init, struct ks_cloud_init, "cloud-init", &ks_cloud_init_kind, POLICY,
        .doc = "A seed for cloud-init (NoCloud) on a CD-ROM, made anew when its inputs change; without this, one "
               "that kvmstate made goes."),
    KS_ROW_OBJECT(struct ks_guest, shutdown, struct ks_shutdown, "shutdown", &ks_shutdown_kind, POLICY,
        .doc = "How it is stopped."),
    KS_ROW_ENUM(struct ks_guest, on_poweroff, "on-poweroff", &lifecycles, LIVE(KS_LIVE_LIFECYCLE), .fallback = "destroy",
        .xml = "on_poweroff", .doc = "What happens when the guest powers itself off."),
    KS_ROW_ENUM(struct ks_guest, on_reboot, "on-reboot", &lifecycles, LIVE(KS_LIVE_LIFECYCLE), .fallback = "restart",
        .xml = "on_reboot", .doc = "What happens when the guest reboots."),
    KS_ROW_ENUM(struct ks_guest, on_crash, "on-crash", &crash_lifecycles, LIVE(KS_LIVE_LIFECYCLE), .fallback = "destroy",
        .xml = "on_crash", .doc = "What happens when the guest crashes."),
    KS_ROW_OBJECT(struct ks_guest, wait_for, struct ks_wait, "wait-for", &ks_wait_kind, POLICY,
        .doc = "What each start by kvmstate waits for: an address, or its agent."),
    KS_ROW_STRING(struct ks_guest, xml, "xml", RESTART, .flags = KS_F_XML_EXTRA | KS_F_NO_SUBST | KS_F_OPAQUE,
        .check = ks_check_fragments, .codec = &ks_fragments_codec,
        .doc = "Fragments of domain XML, for what this page does not model; merged into the domain."),
    KS_ROW_UINT(struct ks_guest, min_vcpus, "min-vcpus", .flags = KS_F_HIDDEN, .codec = &ks_min_vcpus_codec),
    KS_ROW_CPUSET(struct ks_guest, vcpu_cpus, "vcpu-cpus", .flags = KS_F_HIDDEN, .xml = "vcpu/@cpuset"),
    KS_ROW_UINT(struct ks_guest, free_ports, "free-ports", .flags = KS_F_HIDDEN, .codec = &ks_free_ports_codec),
    KS_ROW_BOOL(struct ks_guest, pcie, "pcie", .flags = KS_F_HIDDEN, .codec = &ks_controller_codec),
    KS_ROW_BOOL(struct ks_guest, scsi, "scsi", .flags = KS_F_HIDDEN, .codec = &ks_controller_codec),
    KS_ROW_BOOL(struct ks_guest, channels, "channels", .flags = KS_F_HIDDEN, .codec = &ks_controller_codec),
};
/* clang-format on */

static void require_at_most(const struct ks_guest *g, struct ks_findings *f, const char *key, uint64_t value,
                            const char *max_key, uint64_t max)
{
    if (ks_has(&g->o, key) && ks_has(&g->o, max_key) && value > max)
        (void)ks_report(f, KS_E_CONFLICT, ks_at(&g->o, key), "%s is more than %s", key, max_key);
}

/* libvirt takes the sum of the cells for the guest's memory, whatever <memory> says. */
static void check_cells(const struct ks_guest *g, struct ks_findings *f)
{
    const char *key = ks_has(&g->o, "max-memory") ? "max-memory" : "memory";
    const uint64_t total = ks_has(&g->o, "max-memory") ? g->max_memory : g->memory;
    uint64_t sum = 0;

    if (!ks_has(&g->o, "numa") || !ks_has(&g->numa->o, "cells") || !ks_has(&g->o, key) || !g->numa->cells.n)
        return;
    for (size_t i = 0; i < g->numa->cells.n; i++) {
        const struct ks_cell *cell = (const struct ks_cell *)g->numa->cells.v[i];
        if (!ks_has(&cell->o, "memory"))
            return;
        sum += cell->memory;
    }
    if (sum != total)
        (void)ks_report(f, KS_E_CONFLICT, ks_at(&g->o, "numa"), "the memory of numa.cells sums up to %s, %s is %s",
                        ks_size_format(f->arena, sum), key, ks_size_format(f->arena, total));
}

static void check_topology(const struct ks_guest *g, struct ks_findings *f)
{
    const char *key = ks_has(&g->o, "max-vcpus") ? "max-vcpus" : "vcpus";
    const uint64_t vcpus = ks_has(&g->o, "max-vcpus") ? g->max_vcpus : g->vcpus;
    const struct ks_cpu_topology *t;
    uint64_t product;

    if (!ks_has(&g->o, "cpu") || !ks_has(&g->cpu->o, "topology") || !ks_has(&g->o, key))
        return;
    t = g->cpu->topology;
    if (!ks_has(&t->o, "sockets") || !ks_has(&t->o, "cores") || !ks_has(&t->o, "threads"))
        return;
    product = t->sockets * (ks_has(&t->o, "dies") ? t->dies : 1) * t->cores * t->threads;
    if (product != vcpus)
        (void)ks_report(f, KS_E_CONFLICT, ks_at(&g->cpu->o, "topology"),
                        "sockets, dies, cores and threads make %llu vCPUs, %s is %llu", (unsigned long long)product,
                        key, (unsigned long long)vcpus);
}

static void hint_key(struct ks_findings *f, const char *word, const struct ks_map *map)
{
    const char **keys = ks_new_n(f->arena, const char *, map->n + 1);
    const char *near;

    for (size_t i = 0; i < map->n; i++)
        keys[i] = map->v[i]->key;
    near = ks_nearest(word, keys, map->n);
    if (near)
        ks_report_hint(f, "did you mean '%s'?", near);
}

static void check_boot_entry(const struct ks_guest *g, const char *entry, struct ks_findings *f)
{
    const char *key = strchr(entry, ':') + 1;
    const struct {
        const char *prefix, *field;
        const struct ks_map *map;
    } where[] = {{"disk:", "disks", &g->disks}, {"nic:", "nics", &g->nics}, {"device:", "devices", &g->devices}};

    for (size_t i = 0; i < KS_COUNT(where); i++) {
        if (!ks_starts(entry, where[i].prefix) || !ks_has(&g->o, where[i].field))
            continue;
        if (ks_map_get(where[i].map, key))
            continue;
        (void)ks_report(f, KS_E_NOT_FOUND, ks_at(&g->o, "boot"), "boot: '%s' is not in %s", key, where[i].field);
        hint_key(f, key, where[i].map);
    }
}

static void check_iothreads(const struct ks_guest *g, struct ks_findings *f)
{
    for (size_t i = 0; ks_has(&g->o, "iothreads") && i < g->disks.n; i++) {
        const struct ks_disk *disk = (const struct ks_disk *)g->disks.v[i];
        if (ks_has(&disk->o, "iothread") && disk->iothread > g->iothreads)
            ks_report_warning(f, KS_E_NOT_FOUND, ks_at(&disk->o, "iothread"),
                              "iothread %llu of %llu, which a definition made elsewhere may number so",
                              (unsigned long long)disk->iothread, (unsigned long long)g->iothreads);
    }
}

static void validate(const struct ks_obj *obj, struct ks_findings *f)
{
    const struct ks_guest *g = (const struct ks_guest *)obj;

    require_at_most(g, f, "memory", g->memory, "max-memory", g->max_memory);
    require_at_most(g, f, "vcpus", g->vcpus, "max-vcpus", g->max_vcpus);
    check_cells(g, f);
    check_topology(g, f);
    check_iothreads(g, f);
    for (size_t i = 0; ks_has(obj, "boot") && i < g->boot.n; i++)
        check_boot_entry(g, g->boot.v[i], f);
    if (ks_has(obj, "hotplug-ports") && g->hotplug_ports && ks_has(obj, "machine") && ks_starts(g->machine, "pc") &&
        !strstr(g->machine, "q35"))
        (void)ks_report(f, KS_E_CONFLICT, ks_at(obj, "hotplug-ports"),
                        "hotplug-ports is for q35: machine %s has no PCIe, and needs none to plug devices",
                        g->machine);
    if (ks_has(obj, "wait-for") && g->wait_for->what == KS_WAIT_AGENT && ks_has(obj, "agent") && !g->agent)
        (void)ks_report(f, KS_E_CONFLICT, ks_at(obj, "wait-for"), "wait-for agent needs agent: true");
    if (ks_has(obj, "secure-boot") && g->secure_boot && ks_has(obj, "firmware") && g->firmware == 0)
        (void)ks_report(f, KS_E_CONFLICT, ks_at(obj, "secure-boot"), "secure-boot needs firmware: efi");
}

const struct ks_kind ks_guest_kind = KS_KIND(struct ks_guest, rows, .name = "guest", .doc = "A virtual machine.",
                                             .xml_key = "name", .validate = validate);
