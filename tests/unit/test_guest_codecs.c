/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What libvirt says in more ways than one, and what one change makes of others: case by case. */
#include "guest_doc.h"

#include "planners/planners.h"

static const char plain[] =
    "<domain type='qemu' id='1'><name>g1</name><memory unit='KiB'>1048576</memory>"
    "<currentMemory unit='KiB'>524288</currentMemory><vcpu current='2'>4</vcpu>"
    "<os><type machine='pc-q35-7.2'>hvm</type><boot dev='network'/><boot dev='hd'/></os>"
    "<devices>"
    "<disk type='file' device='cdrom'><source file='/c.iso'/><target dev='sda' bus='sata'/>"
    "<readonly/></disk>"
    "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
    "<source file='/v/a.qcow2'/><target dev='vda' bus='virtio'/></disk>"
    "<controller type='pci' index='0' model='pcie-root'/>"
    "<controller type='pci' index='1' model='pcie-root-port'/>"
    "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='b0'/>"
    "<model type='virtio'/><address type='pci' domain='0' bus='0x01' slot='0' function='0'/>"
    "</interface>"
    "<interface type='direct'><mac address='52:54:00:00:00:02'/><source dev='eth0'/>"
    "</interface>"
    "</devices></domain>";

struct bench {
    struct ks_arena *arena;
    xmlDoc *doc;
    struct ks_guest *have;
};

static struct bench bench_of(const char *xml)
{
    struct bench b = {.arena = ks_arena_new(), .doc = g_parse(xml)};

    b.have = g_read(b.arena, b.doc);
    return b;
}

static void bench_done(struct bench *b)
{
    xmlFreeDoc(b->doc);
    ks_arena_free(b->arena);
}

/* The paths of all differences, with blanks between. */
static const char *differences(struct bench *b, const char *yaml, bool live)
{
    struct ks_changes c = {0};
    struct ks_text out = {.arena = b->arena};

    ks_diff(b->arena, &g_guest(b->arena, yaml)->o, &b->have->o, live, &c);
    for (size_t i = 0; i < c.n; i++)
        ks_text_addf(&out, "%s%s", i ? " " : "", c.v[i].path);
    return ks_text_str(&out);
}

static const char *applied(struct bench *b, const char *yaml)
{
    (void)g_apply(b->arena, yaml, g_guest(b->arena, yaml), b->doc);
    b->have = g_read(b->arena, b->doc);
    assert_string_equal(differences(b, yaml, false), "");
    return g_text(b->arena, b->doc);
}

static enum ks_impact impact(struct bench *b, const char *yaml)
{
    const struct ks_changes c = g_diff(b->arena, g_guest(b->arena, yaml), b->have);
    enum ks_impact highest = KS_SAFE;

    for (size_t i = 0; i < c.n; i++) {
        const enum ks_impact one = ks_change_impact(&c.v[i], true);
        highest = one > highest ? one : highest;
    }
    return highest;
}

/* ---- comparing --------------------------------------------------------------------------------------------------
 */

static void says_the_same(void **state)
{
    static const char *const same[] = {
        "machine: q35",
        "machine: pc-q35-7.2",
        "firmware: bios",
        "secure-boot: false",
        "{boot: [nic:x, disk:vda], nics: {x: {mac: \"52:54:00:00:00:01\"}, y: {mac: \"52:54:00:00:00:02\"}}}",
        "disks: {sda: {file: /c.iso, device: cdrom, readonly: false}, vda: {file: /v/a.qcow2}}",
        "max-memory: 1GiB",
        "clock: utc\non-crash: destroy\nserial: false\nagent: false\nrng: false\ntpm: none",
        "iothreads: 0",
        "watchdog: null\ntpm: null\nhugepages: null\ngraphics: null\npinning: null",
        "cpu: {mode: custom}",
        "xml: \"<vcpu current='2'/><controller type='pci' model='pcie-root'/>\"",
        "memballoon: virtio",
    };
    struct bench b = bench_of(plain);

    (void)state;
    for (size_t i = 0; i < KS_COUNT(same); i++)
        if (*differences(&b, same[i], false))
            fail_msg("%s: differs in %s", same[i], differences(&b, same[i], false));
    bench_done(&b);
}

static void says_another(void **state)
{
    static const struct {
        const char *yaml, *paths;
    } cases[] = {
        {"machine: pc-q35-6.2", "machine"},
        {"machine: pc", "machine"},
        {"max-memory: null", "max-memory"},
        {"memory: null", "memory"},
        {"vcpus: null", "vcpus"},
        {"boot: [disk:vda]", "boot"},
        {"disks: {vda: {block: /v/a.qcow2}}", "disks.sda disks.vda.block"},
        {"nics: {}", "nics.nic-000001 nics.nic-000002"},
        {"nics: {x: {bridge: b1, mac: \"52:54:00:00:00:01\"}}", "nics.nic-000002 nics.x.bridge"},
        {"nics: {x: {bridge: b0, mac: \"52:54:00:00:00:02\"}}", "nics.nic-000001 nics.x.bridge"},
        {"xml: \"<memballoon model='none'/>\"", "xml"},
        {"serial: true\nrng: true", "serial rng"},
    };
    struct bench b = bench_of(plain);

    (void)state;
    for (size_t i = 0; i < KS_COUNT(cases); i++)
        assert_string_equal(differences(&b, cases[i].yaml, false), cases[i].paths);
    bench_done(&b);
}

/* What libvirt shows of a running guest is its own doing, and no drift. */
static void a_running_guest_shows_more(void **state)
{
    static const char xml[] =
        "<domain type='qemu' id='3'><name>g1</name><memory unit='KiB'>1048576</memory><vcpu>1</vcpu>"
        "<cpu mode='custom' match='exact' check='full'><model fallback='forbid'>Nehalem</model>"
        "<feature policy='require' name='vme'/></cpu><devices>"
        "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source network='default' bridge='virbr0'/>"
        "<target dev='vnet0'/><alias name='ua-lan'/></interface>"
        "<interface type='hostdev'><mac address='52:54:00:00:00:02'/><source><address type='pci' domain='0x0000' "
        "bus='0x06' slot='0x10' function='0x2'/></source><alias name='ua-any'/></interface>"
        "<graphics type='vnc' port='5901' autoport='yes' listen='127.0.0.1'>"
        "<listen type='address' address='127.0.0.1'/></graphics></devices></domain>";
    static const char want[] = "cpu: {mode: host-model}\n"
                               "nics: {lan: {network: default}, any: {network: vfpool}}\n"
                               "graphics: {vnc: {listen: 127.0.0.1, port: auto}}\n";
    struct bench b = bench_of(xml);

    (void)state;
    assert_string_equal(differences(&b, want, true), "");
    /* Of a definition it would be drift. */
    assert_string_equal(differences(&b, want, false), "cpu.mode");
    assert_string_equal(differences(&b, "nics: {lan: {bridge: virbr0}, any: {network: v}}", true),
                        "nics.lan.bridge");
    bench_done(&b);
}

static void a_volume_is_its_path(void **state)
{
    struct bench b = bench_of(plain);
    struct ks_guest *want = g_guest(b.arena, "disks: {sda: {}, vda: {volume: v/a.qcow2}}");
    struct ks_disk *disk = (struct ks_disk *)ks_map_get(&want->disks, "vda");

    (void)state;
    assert_int_equal(g_diff(b.arena, want, b.have).n, 1);
    disk->source_type = "file";
    disk->source_path = "/v/a.qcow2";
    assert_int_equal(g_diff(b.arena, want, b.have).n, 0);
    disk->source_path = "/v/b.qcow2";
    assert_int_equal(g_apply(b.arena, "volume", want, b.doc), 1);
    assert_string_equal(ks_xml_get(b.arena, xmlDocGetRootElement(b.doc), "devices/disk/source/@file", NULL),
                        "/c.iso");
    assert_non_null(strstr(g_text(b.arena, b.doc), "<source file=\"/v/b.qcow2\"/>"));
    bench_done(&b);
}

/* ---- impact
 * ------------------------------------------------------------------------------------------------------ */

static void impacts_depend_on_values(void **state)
{
    static const struct {
        const char *yaml;
        enum ks_impact impact;
    } cases[] = {
        {"memory: 1GiB", KS_LIVE},
        {"memory: 256MiB", KS_LIVE},
        {"memory: 2GiB", KS_RESTART},
        {"max-memory: 2GiB", KS_RESTART},
        {"vcpus: 4", KS_LIVE},
        {"vcpus: 5", KS_RESTART},
        {"vcpus: 1", KS_RESTART},
        {"title: x\ndescription: y\niothreads: 2\non-crash: restart", KS_LIVE},
        {"pinning: {vcpus: {0: 1}, emulator: 0}", KS_LIVE},
        {"numa: {nodes: 0}", KS_RESTART},
        {"disks: {sda: {file: /d.iso}, vda: {}}", KS_LIVE},
        {"disks: {sda: {file: null}, vda: {}}", KS_LIVE},
        {"disks: {sda: {}, vda: {file: /b.qcow2}}", KS_RESTART},
        {"disks: {sda: {}, vda: {cache: none}}", KS_RESTART},
        {"disks: {sda: {}, vda: {iotune: {total-iops: 5}}}", KS_LIVE},
        {"disks: {sda: {}, vda: {}, vdb: {file: /b}}", KS_LIVE},
        {"disks: {sda: {}, vda: {}, vdb: {file: /b}, vdc: {file: /c}}", KS_RESTART}, /* of two ports one is free */
        {"disks: {sda: {}, vda: {}, sdb: {file: /b, bus: sata}}", KS_RESTART},
        {"rng: true", KS_LIVE},
        {"agent: true", KS_RESTART}, /* there is no controller of channels */
        {"disks: {sda: {}, vda: {}, sdb: {file: /b, bus: usb}}", KS_LIVE},
        {"disks: {sda: {}, vda: {}, sdb: {file: /b, bus: scsi}}", KS_RESTART}, /* there is no controller */
        {"disks: {sda: {}}", KS_LIVE},
        {"disks: {vda: {}}", KS_RESTART},
        {"nics: {}", KS_LIVE},
        {"nics: {nic-000001: {bridge: b1}, nic-000002: {}}", KS_LIVE},
        {"nics: {nic-000001: {link: down}, nic-000002: {}}", KS_LIVE},
        {"nics: {nic-000001: {bandwidth: {inbound: {average: 1MB/s}}}, nic-000002: {}}", KS_LIVE},
        {"nics: {nic-000001: {model: e1000}, nic-000002: {}}", KS_RESTART},
        {"nics: {nic-000001: {}, nic-000002: {bridge: b1}}", KS_RESTART}, /* macvtap to bridge */
        {"devices: {d: \"0000:01:00.0\"}", KS_LIVE},
        {"filesystems: {t: {source: /s}}", KS_RESTART},
        {"serial: true", KS_RESTART},
        {"xml: \"<memballoon model='none'/>\"", KS_RESTART},
    };
    struct bench b = bench_of(plain);

    (void)state;
    b.have->free_ports = 1;
    for (size_t i = 0; i < KS_COUNT(cases); i++)
        if (impact(&b, cases[i].yaml) != cases[i].impact)
            fail_msg("%s: %s, expected %s", cases[i].yaml, ks_impact_name(impact(&b, cases[i].yaml)),
                     ks_impact_name(cases[i].impact));
    bench_done(&b);
}

/* ---- writing
 * ------------------------------------------------------------------------------------------------------ */

static void plugged_vcpus_can_go(void **state)
{
    static const char xml[] = "<domain><vcpu current='3'>4</vcpu><vcpus>"
                              "<vcpu id='0' enabled='yes' hotpluggable='no' order='1'/>"
                              "<vcpu id='1' enabled='yes' hotpluggable='no' order='2'/>"
                              "<vcpu id='2' enabled='yes' hotpluggable='yes' order='3'/>"
                              "<vcpu id='3' enabled='no' hotpluggable='yes'/></vcpus></domain>";
    struct bench b = bench_of(xml);
    const char *text;

    (void)state;
    assert_int_equal(b.have->min_vcpus, 2);
    assert_int_equal(impact(&b, "vcpus: 2"), KS_LIVE);
    assert_int_equal(impact(&b, "vcpus: 1"), KS_RESTART);
    text = applied(&b, "vcpus: 2");
    assert_non_null(strstr(text, "<vcpu current=\"2\">4</vcpu>"));
    assert_non_null(strstr(text, "<vcpu id=\"2\" enabled=\"no\" hotpluggable=\"yes\"/>"));
    text = applied(&b, "vcpus: 5");
    assert_non_null(strstr(text, "<vcpu>5</vcpu>"));
    assert_non_null(strstr(text, "<vcpu id=\"4\" enabled=\"yes\" hotpluggable=\"yes\"/>"));
    bench_done(&b);
}

static void boot_order_replaces_the_older_form(void **state)
{
    struct bench b = bench_of(plain);
    const char *text = applied(&b, "boot: [disk:vda, nic:nic-000001]");

    (void)state;
    assert_null(strstr(text, "<boot dev"));
    assert_non_null(strstr(text, "<boot order=\"1\"/>"));
    text = applied(&b, "boot: [disk:sda]");
    assert_non_null(strstr(text, "<boot order=\"1\"/>"));
    assert_null(strstr(text, "<boot order=\"2\"/>"));
    bench_done(&b);
}

/* libvirt 11 shows q35's own watchdog, takes one action for all, and may choose Secure Boot where nothing is said.
 */
static void newer_libvirt_is_told_more(void **state)
{
    struct bench b = bench_of("<domain type='qemu'><name>g1</name><devices>"
                              "<watchdog model='itco' action='reset'/><watchdog model='i6300esb' action='reset'/>"
                              "</devices></domain>");
    const char *text = applied(&b, "watchdog: {model: i6300esb, action: poweroff}");

    (void)state;
    assert_non_null(strstr(text, "<watchdog model=\"itco\" action=\"poweroff\"/>"));
    assert_non_null(strstr(text, "<watchdog model=\"i6300esb\" action=\"poweroff\"/>"));
    text = applied(&b, "watchdog: null");
    assert_non_null(strstr(text, "<watchdog model=\"itco\" action=\"reset\"/>"));
    assert_null(strstr(text, "i6300esb"));
    assert_string_equal(differences(&b, "watchdog: null", false), "");
    text = applied(&b, "{firmware: efi, secure-boot: false}");
    assert_non_null(strstr(text, "<feature enabled=\"no\" name=\"secure-boot\"/>"));
    text = applied(&b, "secure-boot: true");
    assert_non_null(strstr(text, "<feature enabled=\"yes\" name=\"secure-boot\"/>"));
    text = applied(&b, "secure-boot: null");
    assert_non_null(strstr(text, "<feature enabled=\"no\" name=\"secure-boot\"/>"));
    bench_done(&b);
}

static void ports_count_those_made_for_it(void **state)
{
    struct bench b = bench_of(plain);

    (void)state;
    assert_int_equal(b.have->free_ports, 0);
    assert_true(b.have->pcie);
    (void)applied(&b, "hotplug-ports: 3");
    assert_int_equal(b.have->hotplug_ports, 3);
    (void)applied(&b, "hotplug-ports: 1");
    assert_non_null(strstr(g_text(b.arena, b.doc), "ua-hotplug-1"));
    assert_null(strstr(g_text(b.arena, b.doc), "ua-hotplug-2"));
    assert_null(strstr(applied(&b, "hotplug-ports: null"), "ua-hotplug"));
    bench_done(&b);
}

/* QEMU plugs nothing into the i440fx of a guest that it cannot tell by ACPI. */
static void a_machine_that_nothing_can_be_plugged_into(void **state)
{
    static const char fmt[] = "<domain id='1'><os><type arch='%s' machine='pc'>hvm</type></os>%s<devices>"
                              "<controller type='pci' index='0' model='pci-root'/></devices></domain>";
    static const struct {
        const char *arch, *features;
        bool needs_port;
    } cases[] = {
        {"x86_64", "", true},
        {"x86_64", "<features><acpi/></features>", false},
        {"ppc64", "", false},
    };

    (void)state;
    for (size_t i = 0; i < KS_COUNT(cases); i++) {
        ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
        struct bench b = bench_of(ks_sprintf(arena, fmt, cases[i].arch, cases[i].features));
        assert_int_equal(b.have->pcie, cases[i].needs_port);
        assert_int_equal(b.have->free_ports, 0);
        bench_done(&b);
    }
}

static void a_nic_changes_its_sort(void **state)
{
    struct bench b = bench_of(plain);
    const char *text =
        applied(&b, "nics: {nic-000001: {vf: {address: \"0000:03:10.1\"}}, nic-000002: {network: n}}");

    (void)state;
    assert_non_null(strstr(text, "<interface type=\"hostdev\" managed=\"yes\">"));
    assert_non_null(strstr(text, "bus=\"0x03\" slot=\"0x10\" function=\"0x1\""));
    assert_non_null(strstr(text, "<source network=\"n\"/>"));
    assert_null(strstr(text, "virtio\"/>\n    </interface>"));
    bench_done(&b);
}

/* ---- fragments
 * ----------------------------------------------------------------------------------------------------- */

static const char *merged(const char *domain, const char *fragments, struct bench *b)
{
    *b = bench_of(domain);
    return applied(b, ks_sprintf(b->arena, "xml: |\n  %s\n", fragments));
}

static void fragments_are_merged(void **state)
{
    static const struct {
        const char *domain, *fragment, *has, *has_not;
    } cases[] = {
        {"<domain><devices><memballoon model='virtio'><address type='pci'/></memballoon></devices></domain>",
         "<memballoon model='none'/>", "<memballoon model=\"none\"/>", "address"},
        {"<domain><devices/></domain>", "<channel type='spicevmc'><target type='virtio' name='com.x'/></channel>",
         "<channel type=\"spicevmc\">", NULL},
        {"<domain><devices><channel type='unix'><target type='virtio' name='a'/></channel></devices></domain>",
         "<channel type='unix'><target type='virtio' name='b'/></channel>", "name=\"a\"", NULL},
        {"<domain><features><acpi/></features></domain>", "<features><pae/></features>", "<acpi/>", NULL},
        {"<domain><cputune><shares>5</shares><vcpupin vcpu='0' cpuset='1'/></cputune></domain>",
         "<cputune><shares>7</shares><quota>9</quota></cputune>", "<vcpupin vcpu=\"0\" cpuset=\"1\"/>",
         "<shares>5</shares>"},
        {"<domain><clock offset='utc'><timer name='rtc' tickpolicy='delay'/></clock></domain>",
         "<clock><timer name='rtc' tickpolicy='catchup'/><timer name='hpet' present='no'/></clock>",
         "<clock offset=\"utc\">", "delay"},
        {"<domain><devices><controller type='usb' index='0' model='piix3-uhci'/></devices></domain>",
         "<controller type='usb' index='0' model='qemu-xhci'/>", "qemu-xhci", "piix3"},
        {"<domain><devices><hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/><product "
         "id='0x2'/></source>"
         "</hostdev></devices></domain>",
         "<hostdev mode='subsystem' type='usb'><source><vendor id='0x3'/><product id='0x4'/></source></hostdev>",
         "id=\"0x1\"", NULL},
        {"<domain/>", "<qemu:commandline><qemu:arg value='-x'/></qemu:commandline>", "<qemu:arg value=\"-x\"/>",
         NULL},
        /* Of several alike: the one that has it, before one of its type, before one of another. */
        {"<domain><devices><channel type='pty'><target type='virtio'/></channel><channel type='spicevmc'>"
         "<target type='virtio'/></channel></devices></domain>",
         "<channel type='spicevmc'><target type='virtio'/></channel>", "<channel type=\"pty\">", NULL},
        {"<domain><devices><channel type='pty'><target type='virtio'/></channel><channel type='spicevmc'>"
         "<target type='virtio'/></channel></devices></domain>",
         "<channel type='spicevmc'><source channel='c'/><target type='virtio'/></channel>",
         "<channel type=\"pty\">", NULL},
        {"<domain><devices><channel type='unix'><target type='virtio' name='a'/></channel></devices></domain>",
         "<channel type='pty'><target type='virtio'/></channel>", "name=\"a\"", NULL},
        {"<domain><devices><video><model type='qxl' heads='1'/></video><video><model type='qxl' heads='1' "
         "vram64='7'/></video></devices></domain>",
         "<video><model type='qxl' vram64='7'/></video>", "<model type=\"qxl\" heads=\"1\"/>", NULL},
        {"<domain><devices><serial type='udp'><source mode='bind'/><source mode='connect'/><target port='0'/>"
         "</serial></devices></domain>",
         "<serial type='udp'><target port='0'/><source mode='connect'/></serial>", "<source mode=\"bind\"/>", NULL},
        {"<domain/>",
         "<memtune><hard_limit unit='KiB'>1</hard_limit></memtune><resource><partition>/a</partition>"
         "</resource>",
         "<partition>/a</partition>", NULL},
    };

    (void)state;
    for (size_t i = 0; i < KS_COUNT(cases); i++) {
        struct bench b;
        const char *text = merged(cases[i].domain, cases[i].fragment, &b);
        if (!strstr(text, cases[i].has) || (cases[i].has_not && strstr(text, cases[i].has_not)))
            fail_msg("%s merged into %s gives\n%s", cases[i].fragment, cases[i].domain, text);
        bench_done(&b);
    }
}

/* An observer's guest has no document any more, only what it kept of it. */
static void fragments_compare_with_kept_text(void **state)
{
    static const char yaml[] = "xml: \"<os><boot dev='hd'/></os>\"";
    struct bench b = bench_of(plain);

    (void)state;
    ks_obj_forget_xml(&b.have->o);
    assert_string_equal(differences(&b, yaml, false), "xml");
    b.have->xml = plain;
    assert_string_equal(differences(&b, yaml, false), "");
    bench_done(&b);
}

static void fragments_that_are_none_are_refused(void **state)
{
    static const char *const wrong[] = {"<memballoon",    "<a></b>",          "text",
                                        "<name>x</name>", "<domain/>",        "<metadata/>",
                                        "<a/> text <b/>", "<!DOCTYPE a><a/>", "</domain><domain>"};

    (void)state;
    for (size_t i = 0; i < KS_COUNT(wrong); i++) {
        ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
        struct ks_findings f = {0};
        (void)g_load(arena, ks_sprintf(arena, "xml: \"%s\"", wrong[i]), &f);
        if (f.n_errors != 1)
            fail_msg("%s: %zu errors", wrong[i], f.n_errors);
    }
}

/* ---- checks between fields
 * ------------------------------------------------------------------------------------------ */

static void contradictions_are_found(void **state)
{
    static const char *const wrong[] = {
        "{memory: 2GiB, max-memory: 1GiB}",
        "{vcpus: 4, max-vcpus: 2}",
        "{vcpus: 4, cpu: {topology: {sockets: 1, cores: 1, threads: 1}}}",
        "{memory: 1GiB, numa: {cells: {0: {memory: 512MiB}}}}",
        "numa: {cells: {1: {memory: 512MiB}}}",
        "numa: {threads: require}",
        "cpu: {mode: host-model, model: Nehalem}",
        "cpu: {mode: custom, migratable: true}",
        "{firmware: bios, secure-boot: true}",
        "{machine: pc, hotplug-ports: 2}",
        "{disks: {vda: {file: /a}}, boot: [disk:vdb]}",
        "boot: [vda]",
        "disks: {vda: {file: /a, block: /b}}",
        "disks: {vda: {file: /a, size: 1GiB}}",
        "disks: {vda: {file: /a, hosts: [c]}}",
        "disks: {vda: {file: /a, io: native}, vdb: {file: /b, io: native, cache: writeback}}",
        "disks: {sda: {file: /a, bus: sata, iothread: 1}}",
        "disks: {vda: {file: /a, iotune: {total-iops: 1, read-iops: 1}}}",
        "disks: {floppy: {file: /a}}",
        "disks: {vda: {rbd: image}}",
        "nics: {lan: {bridge: b0, network: n}}",
        "nics: {lan: {bridge: null}}",
        "nics: {lan: {vf: {pf: ens1}}}",
        "nics: {lan: {vf: {pf: ens1, index: 0, address: \"0000:01:00.0\"}}}",
        "nics: {lan: {vf: {pf: ens1, index: first}}}",
        "nics: {lan: {vf: {pf: ens1, index: 0}, queues: 4}}",
        "nics: {lan: {bridge: b0, vlan: 4095}}",
        "nics: {lan: {bridge: b0, bandwidth: {inbound: {average: 1kB/s, burst: 1500B}}}}",
        "tpm: \"3.0\"",
        "watchdog: rex",
        "allow: [everything]",
        "graphics: {vnc: {listen: \"not an address\"}}",
        "graphics: {vnc: {port: 70000}}",
        "title: \"two\\nlines\"",
        "wait-for: godot",
        "cpu: {features: {vmx: maybe}}",
        "hugepages: 3 bananas",
    };

    (void)state;
    for (size_t i = 0; i < KS_COUNT(wrong); i++) {
        ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
        struct ks_findings f = {0};
        (void)g_load(arena, wrong[i], &f);
        if (f.n_errors != 1)
            fail_msg("%s: %zu errors", wrong[i], f.n_errors);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_the_same),
        cmocka_unit_test(says_another),
        cmocka_unit_test(a_running_guest_shows_more),
        cmocka_unit_test(a_volume_is_its_path),
        cmocka_unit_test(impacts_depend_on_values),
        cmocka_unit_test(plugged_vcpus_can_go),
        cmocka_unit_test(boot_order_replaces_the_older_form),
        cmocka_unit_test(newer_libvirt_is_told_more),
        cmocka_unit_test(ports_count_those_made_for_it),
        cmocka_unit_test(a_machine_that_nothing_can_be_plugged_into),
        cmocka_unit_test(a_nic_changes_its_sort),
        cmocka_unit_test(fragments_are_merged),
        cmocka_unit_test(fragments_compare_with_kept_text),
        cmocka_unit_test(fragments_that_are_none_are_refused),
        cmocka_unit_test(contradictions_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
