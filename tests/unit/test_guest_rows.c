/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every row of the guest's tables, by an example: written into a new domain and read back; changed from one value
 * to the next in a definition that is there; taken out again by null. Each time libvirt itself is asked. A row
 * without an example fails.
 */
#include "guest_doc.h"

/* One example a row, by the path of its keys without those of map entries; in flow form, two values. */
static const struct example {
    const char *row, *from, *to;
} examples[] = {
    {"uuid", "uuid: 6f1f6b24-3c2a-4c6e-8a0a-0d1f6f2b9a01", NULL},
    {"title", "title: one", "title: two words"},
    {"description", "description: one", "description: \"two\\nlines\""},
    {"memory", "memory: 512MiB", "memory: 1GiB"},
    {"max-memory", "{max-memory: 1GiB, memory: 512MiB}", "{max-memory: 2GiB, memory: 512MiB}"},
    {"vcpus", "{vcpus: 1, max-vcpus: 4}", "{vcpus: 3, max-vcpus: 4}"},
    {"max-vcpus", "{vcpus: 2, max-vcpus: 4}", "{vcpus: 2, max-vcpus: 8}"},
    {"iothreads", "iothreads: 1", "iothreads: 3"},
    {"hugepages", "hugepages: 2MiB", "hugepages: 1GiB"},
    {"hugepages.cells",
     "{hugepages: {2MiB: 0}, vcpus: 2, memory: 1GiB, numa: {cells: {0: {cpus: 0-1, memory: 1GiB}}}}", NULL},
    {"cpu.mode", "cpu: {mode: maximum}", "cpu: {mode: host-model}"},
    {"cpu.model", "cpu: {mode: custom, model: qemu64}", "cpu: {mode: custom, model: Nehalem}"},
    {"cpu.check", "cpu: {mode: custom, model: qemu64, check: none}",
     "cpu: {mode: custom, model: qemu64, check: partial}"},
    {"cpu.migratable", "cpu: {mode: maximum, migratable: false}", "cpu: {mode: maximum, migratable: true}"},
    {"cpu.features.policy", "cpu: {mode: custom, model: qemu64, features: {vmx: disable}}",
     "cpu: {mode: custom, model: qemu64, features: {vmx: disable, aes: require}}"},
    {"cpu.topology.sockets", "{vcpus: 4, cpu: {topology: {sockets: 2, cores: 2, threads: 1}}}",
     "{vcpus: 4, cpu: {topology: {sockets: 4, cores: 1, threads: 1}}}"},
    {"cpu.topology.dies", "{vcpus: 4, cpu: {topology: {sockets: 2, dies: 1, cores: 2, threads: 1}}}",
     "{vcpus: 4, cpu: {topology: {sockets: 1, dies: 2, cores: 2, threads: 1}}}"},
    {"cpu.topology.cores", "{vcpus: 4, cpu: {topology: {sockets: 2, cores: 2, threads: 1}}}",
     "{vcpus: 4, cpu: {topology: {sockets: 1, cores: 4, threads: 1}}}"},
    {"cpu.topology.threads", "{vcpus: 4, cpu: {topology: {sockets: 2, cores: 2, threads: 1}}}",
     "{vcpus: 4, cpu: {topology: {sockets: 2, cores: 1, threads: 2}}}"},
    {"numa.placement", "numa: {placement: manual}", "numa: {placement: auto}"},
    {"numa.threads", "numa: {placement: auto, threads: prefer}", "numa: {placement: auto, threads: isolate}"},
    {"numa.mode", "numa: {mode: strict, nodes: 0}", "numa: {mode: preferred, nodes: 0}"},
    {"numa.nodes", "numa: {mode: interleave, nodes: 0}", "numa: {mode: interleave, nodes: 0-1}"},
    {"numa.cells.cpus",
     "{vcpus: 4, memory: 1GiB, numa: {cells: {0: {cpus: 0-1, memory: 512MiB}, 1: {cpus: 2-3, memory: 512MiB}}}}",
     "{vcpus: 4, memory: 1GiB, numa: {cells: {0: {cpus: 0, memory: 512MiB}, 1: {cpus: 1-3, memory: 512MiB}}}}"},
    {"numa.cells.memory",
     "{vcpus: 4, memory: 1GiB, numa: {cells: {0: {cpus: 0-1, memory: 512MiB}, 1: {cpus: 2-3, memory: 512MiB}}}}",
     "{vcpus: 4, memory: 1GiB, numa: {cells: {0: {cpus: 0-1, memory: 256MiB}, 1: {cpus: 2-3, memory: 768MiB}}}}"},
    {"numa.cells.node",
     "{vcpus: 2, memory: 1GiB, numa: {mode: strict, nodes: 0-1, cells: {0: {cpus: 0-1, memory: 1GiB, node: 0}}}}",
     "{vcpus: 2, memory: 1GiB, numa: {mode: strict, nodes: 0-1, cells: {0: {cpus: 0-1, memory: 1GiB, node: 1}}}}"},
    {"pinning.vcpus.cpus", "{vcpus: 2, pinning: {vcpus: {0: 0, 1: 1}}}", "{vcpus: 2, pinning: {vcpus: {0: 0-1}}}"},
    {"pinning.emulator", "pinning: {emulator: 0}", "pinning: {emulator: 0-1}"},
    {"pinning.iothreads.cpus", "{iothreads: 2, pinning: {iothreads: {1: 0}}}",
     "{iothreads: 2, pinning: {iothreads: {1: 1, 2: 0}}}"},
    {"machine", "machine: q35", "machine: pc-q35-6.2"},
    {"firmware", "firmware: bios", "firmware: efi"},
    {"secure-boot", "{firmware: efi, secure-boot: false}", "{firmware: efi, secure-boot: true}"},
    {"boot", "{disks: {vda: {file: /a}}, nics: {lan: {bridge: b0}}, boot: [disk:vda]}",
     "{disks: {vda: {file: /a}}, nics: {lan: {bridge: b0}}, boot: [nic:lan, disk:vda]}"},
    {"direct-kernel.kernel", "direct-kernel: {kernel: /boot/a}", "direct-kernel: {kernel: /boot/b}"},
    {"direct-kernel.initrd", "direct-kernel: {kernel: /boot/a, initrd: /boot/i}",
     "direct-kernel: {kernel: /boot/a, initrd: /boot/j}"},
    {"direct-kernel.cmdline", "direct-kernel: {kernel: /boot/a, cmdline: quiet}",
     "direct-kernel: {kernel: /boot/a, cmdline: \"console=ttyS0 a&b\"}"},
    {"clock", "clock: utc", "clock: localtime"},
    {"disks.device", "disks: {sda: {file: /a.iso, bus: sata, device: disk}}",
     "disks: {sda: {file: /a.iso, bus: sata, device: cdrom}}"},
    {"disks.volume", "disks: {vda: {volume: images/a.qcow2}}", "disks: {vda: {volume: images/b.qcow2}}"},
    {"disks.file", "disks: {vda: {file: /srv/a.img}}", "disks: {vda: {file: /srv/b.img}}"},
    {"disks.block", "disks: {vda: {block: /dev/vg/a}}", "disks: {vda: {file: /srv/b.img}}"},
    {"disks.rbd", "disks: {vda: {rbd: pool/a, hosts: [c1]}}", "disks: {vda: {rbd: pool/b, hosts: [c1]}}"},
    {"disks.hosts", "disks: {vda: {rbd: pool/a, hosts: [c1:6789, c2]}}",
     "disks: {vda: {rbd: pool/a, hosts: [c3:6789]}}"},
    {"disks.auth.user", "disks: {vda: {rbd: pool/a, hosts: [c1], auth: {user: u, secret: s}}}",
     "disks: {vda: {rbd: pool/a, hosts: [c1], auth: {user: v, secret: s}}}"},
    {"disks.auth.secret", "disks: {vda: {rbd: pool/a, hosts: [c1], auth: {user: u, secret: s}}}",
     "disks: {vda: {rbd: pool/a, hosts: [c1], auth: {user: u, secret: t}}}"},
    {"disks.size", "disks: {vda: {volume: p/a, size: 1GiB}}", "disks: {vda: {volume: p/a, size: 2GiB}}"},
    {"disks.backing", "disks: {vda: {volume: p/a, backing: b}}", "disks: {vda: {volume: p/a, backing: c}}"},
    {"disks.clone", "disks: {vda: {volume: p/a, clone: b}}", "disks: {vda: {volume: p/a, clone: c}}"},
    {"disks.preallocation", "disks: {vda: {volume: p/a, preallocation: full}}",
     "disks: {vda: {volume: p/a, preallocation: off}}"},
    {"disks.format", "disks: {vda: {file: /a, format: raw}}", "disks: {vda: {file: /a, format: qcow2}}"},
    {"disks.bus", "disks: {sda: {file: /a, bus: sata}}", "disks: {sda: {file: /a, bus: usb}}"},
    {"disks.cache", "disks: {vda: {file: /a, cache: none}}", "disks: {vda: {file: /a, cache: writeback}}"},
    {"disks.io", "disks: {vda: {file: /a, cache: none, io: native}}",
     "disks: {vda: {file: /a, cache: none, io: threads}}"},
    {"disks.discard", "disks: {vda: {file: /a, discard: unmap}}", "disks: {vda: {file: /a, discard: ignore}}"},
    {"disks.detect-zeroes", "disks: {vda: {file: /a, detect-zeroes: on}}",
     "disks: {vda: {file: /a, detect-zeroes: off}}"},
    {"disks.iothread", "{iothreads: 2, disks: {vda: {file: /a, iothread: 1}}}",
     "{iothreads: 2, disks: {vda: {file: /a, iothread: 2}}}"},
    {"disks.queues", "disks: {vda: {file: /a, queues: 2}}", "disks: {vda: {file: /a, queues: 4}}"},
    {"disks.readonly", "disks: {vda: {file: /a, readonly: false}}", "disks: {vda: {file: /a, readonly: true}}"},
    {"disks.shareable", "disks: {vda: {file: /a, shareable: false}}", "disks: {vda: {file: /a, shareable: true}}"},
    {"disks.serial", "disks: {vda: {file: /a, serial: A1}}", "disks: {vda: {file: /a, serial: B2}}"},
    {"disks.iotune.total-bytes", "disks: {vda: {file: /a, iotune: {total-bytes: 1MB/s}}}",
     "disks: {vda: {file: /a, iotune: {total-bytes: 2MB/s}}}"},
    {"disks.iotune.read-bytes", "disks: {vda: {file: /a, iotune: {read-bytes: 1MB/s}}}",
     "disks: {vda: {file: /a, iotune: {read-bytes: 2MB/s}}}"},
    {"disks.iotune.write-bytes", "disks: {vda: {file: /a, iotune: {write-bytes: 1MB/s}}}",
     "disks: {vda: {file: /a, iotune: {write-bytes: 2MB/s}}}"},
    {"disks.iotune.total-iops", "disks: {vda: {file: /a, iotune: {total-iops: 100}}}",
     "disks: {vda: {file: /a, iotune: {total-iops: 200}}}"},
    {"disks.iotune.read-iops", "disks: {vda: {file: /a, iotune: {read-iops: 100}}}",
     "disks: {vda: {file: /a, iotune: {read-iops: 200}}}"},
    {"disks.iotune.write-iops", "disks: {vda: {file: /a, iotune: {write-iops: 100}}}",
     "disks: {vda: {file: /a, iotune: {write-iops: 200}}}"},
    {"nics.bridge", "nics: {lan: {bridge: b0}}", "nics: {lan: {bridge: b1}}"},
    {"nics.network", "nics: {lan: {bridge: b0}}", "nics: {lan: {network: default}}"},
    {"nics.vf.pf", NULL, NULL}, /* stands for a VF once a planner has found it */
    {"nics.vf.index", NULL, NULL},
    {"nics.vf.address", "nics: {lan: {vf: {address: \"0000:03:10.0\"}, mac: \"52:54:00:00:00:01\"}}",
     "nics: {lan: {vf: {address: \"0000:03:10.2\"}, mac: \"52:54:00:00:00:01\"}}"},
    {"nics.mac", "nics: {lan: {bridge: b0, mac: \"52:54:00:00:00:01\"}}",
     "nics: {lan: {bridge: b0, mac: \"52:54:00:00:00:02\"}}"},
    {"nics.model", "nics: {lan: {bridge: b0, model: virtio}}", "nics: {lan: {bridge: b0, model: e1000e}}"},
    {"nics.driver", "nics: {lan: {bridge: b0, driver: qemu}}", "nics: {lan: {bridge: b0, driver: vhost}}"},
    {"nics.queues", "nics: {lan: {bridge: b0, queues: 2}}", "nics: {lan: {bridge: b0, queues: 4}}"},
    {"nics.vlan", "nics: {lan: {bridge: b0, vlan: 10}}", "nics: {lan: {bridge: b0, vlan: 11}}"},
    {"nics.mtu", "nics: {lan: {bridge: b0, mtu: 1500}}", "nics: {lan: {bridge: b0, mtu: 9000}}"},
    {"nics.link", "nics: {lan: {bridge: b0, link: up}}", "nics: {lan: {bridge: b0, link: down}}"},
    {"nics.bandwidth.inbound.average", "nics: {lan: {bridge: b0, bandwidth: {inbound: {average: 100kB/s}}}}",
     "nics: {lan: {bridge: b0, bandwidth: {inbound: {average: 200kB/s}}}}"},
    {"nics.bandwidth.inbound.peak",
     "nics: {lan: {bridge: b0, bandwidth: {inbound: {average: 1MB/s, peak: 2MB/s}}}}",
     "nics: {lan: {bridge: b0, bandwidth: {inbound: {average: 1MB/s, peak: 3MB/s}}}}"},
    {"nics.bandwidth.inbound.burst",
     "nics: {lan: {bridge: b0, bandwidth: {inbound: {average: 1MB/s, burst: 1MB}}}}",
     "nics: {lan: {bridge: b0, bandwidth: {inbound: {average: 1MB/s, burst: 2MB}}}}"},
    {"nics.bandwidth.outbound.average", "nics: {lan: {bridge: b0, bandwidth: {outbound: {average: 100kB/s}}}}",
     "nics: {lan: {bridge: b0, bandwidth: {outbound: {average: 200kB/s}}}}"},
    {"nics.bandwidth.outbound.peak",
     "nics: {lan: {bridge: b0, bandwidth: {outbound: {average: 1MB/s, peak: 2MB/s}}}}",
     "nics: {lan: {bridge: b0, bandwidth: {outbound: {average: 1MB/s, peak: 3MB/s}}}}"},
    {"nics.bandwidth.outbound.burst",
     "nics: {lan: {bridge: b0, bandwidth: {outbound: {average: 1MB/s, burst: 1MB}}}}",
     "nics: {lan: {bridge: b0, bandwidth: {outbound: {average: 1MB/s, burst: 2MB}}}}"},
    {"devices.pci", "devices: {d: \"0000:5e:00.0\"}", "devices: {e: \"0001:5f:01.1\"}"},
    {"devices.managed", "devices: {d: {pci: \"0000:5e:00.0\", managed: true}}",
     "devices: {d: {pci: \"0000:5e:00.0\", managed: false}}"},
    {"devices.rom", "devices: {d: {pci: \"0000:5e:00.0\", rom: on}}",
     "devices: {d: {pci: \"0000:5e:00.0\", rom: off}}"},
    {"filesystems.source", "filesystems: {t: {source: /srv/a}}", "filesystems: {t: {source: /srv/b}}"},
    {"filesystems.driver", "filesystems: {t: {source: /srv/a, driver: 9p}}",
     "filesystems: {t: {source: /srv/a, driver: virtiofs}}"},
    {"filesystems.access-mode", "filesystems: {t: {source: /srv/a, access-mode: mapped}}",
     "filesystems: {t: {source: /srv/a, access-mode: squash}}"},
    {"filesystems.readonly", "filesystems: {t: {source: /srv/a, readonly: false}}",
     "filesystems: {t: {source: /srv/a, readonly: true}}"},
    {"graphics.vnc.listen", "graphics: {vnc: {listen: 127.0.0.1}}", "graphics: {vnc: {listen: 0.0.0.0}}"},
    {"graphics.vnc.port", "graphics: {vnc: {port: auto}}", "graphics: {vnc: {port: 5910}}"},
    {"graphics.vnc.password.file", "graphics: {vnc: {port: auto, password: {file: /a}}}", NULL},
    {"graphics.vnc.password.credential", "graphics: {vnc: {port: auto, password: {credential: a}}}", NULL},
    {"graphics.spice.listen", "graphics: {spice: {listen: 127.0.0.1}}", "graphics: {spice: {listen: 0.0.0.0}}"},
    {"graphics.spice.port", "graphics: {spice: {port: auto}}", "graphics: {spice: {port: 5910}}"},
    {"graphics.spice.password.file", "graphics: {spice: {port: auto, password: {file: /a}}}", NULL},
    {"graphics.spice.password.credential", "graphics: {spice: {port: auto, password: {credential: a}}}", NULL},
    {"video", "{graphics: {vnc: {port: auto}}, video: vga}", "{graphics: {vnc: {port: auto}}, video: virtio}"},
    {"serial", "serial: false", "serial: true"},
    {"agent", "agent: false", "agent: true"},
    {"rng", "rng: false", "rng: true"},
    {"tpm", "tpm: none", "tpm: \"2.0\""},
    {"watchdog.model", "{machine: pc, watchdog: {model: i6300esb}}", "{machine: pc, watchdog: {model: ib700}}"},
    {"watchdog.action", "watchdog: {model: i6300esb, action: reset}",
     "watchdog: {model: i6300esb, action: poweroff}"},
    {"memballoon", "memballoon: virtio", "memballoon: none"},
    {"hotplug-ports", "hotplug-ports: 2", "hotplug-ports: 5"},
    {"on-poweroff", "on-poweroff: destroy", "on-poweroff: restart"},
    {"on-reboot", "on-reboot: restart", "on-reboot: destroy"},
    {"on-crash", "on-crash: destroy", "on-crash: coredump-destroy"},
    {"xml", "xml: \"<memballoon model='virtio' autodeflate='on'/>\"",
     "xml: \"<memballoon model='none'/><memtune><hard_limit unit='KiB'>4194304</hard_limit></memtune>\""},
};

static struct g_libvirt libvirt;

/* ---- each row has an example ----------------------------------------------------------------------------------
 */

static const struct example *find(const char *row)
{
    for (size_t i = 0; i < KS_COUNT(examples); i++)
        if (ks_streq(examples[i].row, row))
            return &examples[i];
    return NULL;
}

static size_t check_rows(struct ks_arena *arena, const struct ks_kind *kind, const char *prefix)
{
    size_t missing = 0;

    for (size_t i = 0; i < kind->n_fields; i++) {
        const struct ks_field *field = &kind->fields[i];
        const char *path = *prefix ? ks_sprintf(arena, "%s.%s", prefix, field->key) : field->key;
        const unsigned outside = KS_F_HIDDEN | KS_F_RUNTIME;
        if (field->flags & outside || (!*prefix && field->flags & KS_F_POLICY))
            continue;
        if (!field->doc) {
            print_error("%s has no documentation\n", path);
            missing++;
        }
        if ((field->type == KS_OBJECT || field->type == KS_MAP) && !find(path)) {
            missing += check_rows(arena, field->kind, path);
            continue;
        }
        if (field->type == KS_MAP)
            missing += check_rows(arena, field->kind, path);
        if (!find(path)) {
            print_error("%s has no example\n", path);
            missing++;
        }
    }
    return missing;
}

static void every_row_has_an_example(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();

    (void)state;
    assert_int_equal(check_rows(arena, &ks_guest_kind, ""), 0);
}

static void check_paths(const struct ks_kind *kind, unsigned depth)
{
    for (size_t i = 0; i < kind->n_fields && depth < 6; i++) {
        const struct ks_field *field = &kind->fields[i];
        if (field->xml && !ks_xml_path_valid(field->xml))
            fail_msg("%s.%s: %s", kind->name, field->key, field->xml);
        if (field->kind)
            check_paths(field->kind, depth + 1);
    }
}

static void every_path_is_one(void **state)
{
    (void)state;
    check_paths(&ks_guest_kind, 0);
}

/* ---- what each example goes through ---------------------------------------------------------------------------
 */

/* The example as a whole guest: braces are optional, and memory and vcpus are there when it does not say. */
static struct ks_guest *guest_of(struct ks_arena *arena, const char *example)
{
    struct ks_guest *guest = g_guest(arena, example);

    if (!ks_stated(&guest->o, "memory")) {
        guest->memory = UINT64_C(1) << 30;
        ks_mark(&guest->o, "memory");
    }
    return guest;
}

/* libvirt's own form of a document, or the document itself where there is no libvirt. */
static xmlDoc *as_libvirt_has_it(struct ks_arena *arena, const char *row, xmlDoc *doc)
{
    const char *said = "";
    xmlDoc *made;

    if (!libvirt.conn)
        return doc;
    made = g_define(&libvirt, arena, doc, &said);
    /* swtpm is not installed, or the module of QEMU for it */
    if (!made && (strstr(said, "TPM version") || strstr(said, "spice graphics are not supported"))) {
        print_message("%s: %s\n", row, said);
        return doc;
    }
    if (!made)
        fail_msg("%s: libvirt says: %s, to\n%s", row, said, g_text(arena, doc));
    xmlFreeDoc(doc);
    return made;
}

/* The object in the tree of `obj` that holds the row's last key, and that row. */
static struct ks_obj *holder(struct ks_obj *obj, const char *row, const struct ks_field **ret)
{
    char key[64];
    const char *dot = strchr(row, '.');
    const size_t n = dot ? (size_t)(dot - row) : strlen(row);

    (void)snprintf(key, sizeof key, "%.*s", (int)n, row);
    *ret = &obj->kind->fields[ks_row(obj->kind, key)];
    if (!dot)
        return obj;
    if ((*ret)->type == KS_OBJECT)
        return holder(*(struct ks_obj **)ks_member(obj, *ret), dot + 1, ret);
    return holder(((struct ks_map *)ks_member(obj, *ret))->v[0], dot + 1, ret);
}

/* What the rest of its object makes no sense without: null is an error there. */
static bool is_needed(const char *row)
{
    static const char *const needed[] = {"disks.rbd", "nics.bridge", "nics.network", "nics.vf.address"};

    for (size_t i = 0; i < KS_COUNT(needed); i++)
        if (ks_streq(row, needed[i]))
            return true;
    return false;
}

static void take_out(struct ks_arena *arena, const char *row, struct ks_guest *want, xmlDoc **doc)
{
    const struct ks_field *field;
    struct ks_obj *obj = holder(&want->o, row, &field);

    if (field->flags & (KS_F_REQUIRED | KS_F_CREATE) || is_needed(row))
        return;
    obj->null |= UINT64_C(1) << ks_row(obj->kind, field->key);
    (void)g_apply(arena, row, want, *doc);
    g_no_changes(arena, row, want, *doc);
}

static void goes_through(const struct example *e)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct ks_guest *from = guest_of(arena, e->from), *to = e->to ? guest_of(arena, e->to) : from;
    xmlDoc *doc = g_new(arena, from);
    const struct ks_field *field;
    size_t n;

    (void)holder(&from->o, e->row, &field);
    doc = as_libvirt_has_it(arena, e->row, doc);
    g_no_changes(arena, e->row, from, doc);
    n = g_apply(arena, e->row, to, doc);
    if (e->to && n == 0 && !(field->flags & KS_F_POLICY))
        fail_msg("%s: no difference between %s and %s", e->row, e->from, e->to);
    doc = as_libvirt_has_it(arena, e->row, doc);
    g_no_changes(arena, e->row, to, doc);
    take_out(arena, e->row, to, &doc);
    xmlFreeDoc(doc);
}

static void an_example_goes_through(void **state)
{
    goes_through(*state);
}

/* ---- ports to spare --------------------------------------------------------------------------------------------
 */

/* libvirt puts a guest's own devices behind ports of their own, and leaves those that were meant for later. */
static void spare_ports_stay_free(void **state)
{
    static const char *const guests[] = {
        "{}",
        "{nics: {a: {bridge: b0}, b: {bridge: b0}}, disks: {vda: {file: /a}, vdb: {file: /b}}}",
        "{agent: true, rng: true, disks: {sda: {file: /a}}, watchdog: i6300esb, graphics: {vnc: {port: auto}}}",
        "{filesystems: {t: {source: /s}}, devices: {d: \"0000:01:00.0\"}, memballoon: none}",
        "{video: virtio, graphics: {vnc: {port: auto}}}",
        "{hotplug-ports: 2, firmware: efi, tpm: none, serial: true}",
    };

    (void)state;
    for (size_t i = 0; i < KS_COUNT(guests) && libvirt.conn; i++) {
        ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
        struct ks_guest *want = guest_of(arena, guests[i]);
        const uint64_t spare = ks_has(&want->o, "hotplug-ports") ? want->hotplug_ports : 6;
        ks_auto(ks_xml_docp) xmlDoc *doc = as_libvirt_has_it(arena, guests[i], g_new(arena, want));
        (void)xmlSetProp(xmlDocGetRootElement(doc), BAD_CAST "id", BAD_CAST "1"); /* as if it ran */
        const struct ks_guest *have = g_read(arena, doc);
        if (have->hotplug_ports != spare || have->free_ports < spare)
            fail_msg("%s: %d ports for later, %d free, of %d", guests[i], (int)have->hotplug_ports,
                     (int)have->free_ports, (int)spare);
    }
}

/* ---- printed and loaded again -------------------------------------------------------------------------------- */

static void every_example_prints_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < KS_COUNT(examples); i++) {
        ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
        struct ks_text first = {.arena = arena}, second = {.arena = arena};
        if (!examples[i].from)
            continue;
        ks_print_yaml(&first, &g_guest(arena, examples[i].from)->o, 0);
        ks_print_yaml(&second, &g_guest(arena, ks_text_str(&first))->o, 0);
        assert_string_equal(ks_text_str(&first), ks_text_str(&second));
    }
}

static int open_libvirt(void **state)
{
    (void)state;
    g_libvirt_open(&libvirt);
    if (!libvirt.conn)
        print_message("no libvirt here: examples go through the XML alone\n");
    return 0;
}

static int close_libvirt(void **state)
{
    (void)state;
    g_libvirt_close(&libvirt);
    return 0;
}

int main(void)
{
    struct CMUnitTest tests[KS_COUNT(examples) + 4] = {
        cmocka_unit_test(every_row_has_an_example),
        cmocka_unit_test(every_path_is_one),
        cmocka_unit_test(every_example_prints_back),
        cmocka_unit_test(spare_ports_stay_free),
    };
    size_t n = 4;

    for (size_t i = 0; i < KS_COUNT(examples); i++)
        if (examples[i].from)
            tests[n++] = (struct CMUnitTest){.name = examples[i].row,
                                             .test_func = an_example_goes_through,
                                             .initial_state = (void *)(uintptr_t)&examples[i]};
    return _cmocka_run_group_tests("guest rows", tests, n, open_libvirt, close_libvirt);
}
