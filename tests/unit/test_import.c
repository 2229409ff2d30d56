/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What import makes of a domain's XML, without a libvirt. */
#include "guest_doc.h"

#include "schema/import.h"

#define DOMAIN(parts, devices) \
    "<domain type='kvm'><name>g1</name><memory unit='KiB'>1048576</memory><vcpu>1</vcpu>" \
    "<os><type arch='x86_64' machine='q35'>hvm</type></os>" parts "<devices>" devices "</devices></domain>"
#define DISK "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/a.qcow2'/>"

static const struct ks_observed host = {.host = "h1", .caps = {.kvm = true, .arch = "x86_64"}};

static const char *import(struct ks_arena *arena, const char *xml, struct ks_strings *ret_left)
{
    struct ks_imported imported = {0};
    struct ks_error err = {0};
    struct ks_text out = {.arena = arena};

    if (ks_import_guest(arena, "g1", xml, &host, &imported, &err) < 0)
        fail_msg("%s", ks_error_text(arena, &err));
    ks_print_yaml(&out, &imported.guest->o, 0);
    *ret_left = imported.left;
    return ks_text_str(&out);
}

static void check(const char *xml, const char *yaml, const char *left)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct ks_strings lines = {0};

    assert_string_equal(import(arena, xml, &lines), yaml);
    if (left) {
        assert_int_equal(lines.n, 1);
        assert_string_equal(lines.v[0], left);
    } else {
        assert_int_equal(lines.n, 0);
    }
}

#define CPU "<cpu mode='host-model' check='partial'/>"

static void defaults_are_left_out(void **state)
{
    (void)state;
    check(DOMAIN(CPU "<features><acpi/><apic/></features><clock offset='utc'/><on_crash>destroy</on_crash>",
                 DISK "<target dev='vda' bus='virtio'/><address type='pci' bus='0x03'/></disk>"
                      "<controller type='pci' index='0' model='pcie-root'/><input type='mouse' bus='ps2'/>"
                      "<memballoon model='virtio'/>"),
          "memory: 1GiB\ndisks:\n  vda: {file: /a.qcow2}\n", NULL);
}

static void what_differs_from_a_new_one_is_said(void **state)
{
    (void)state;
    check(DOMAIN(CPU, "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/a.qcow2'/>"
                      "<target dev='sda' bus='sata'/></disk>"),
          "memory: 1GiB\ndisks:\n  sda: {file: /a.qcow2, format: raw, bus: sata}\n", NULL);
}

static void no_field_for_it_is_a_fragment(void **state)
{
    (void)state;
    check(DOMAIN(CPU "<features><acpi/><kvm><hidden state='on'/></kvm></features>", "<sound model='ich9'/>"),
          "memory: 1GiB\nxml: |\n  <features>\n    <kvm>\n      <hidden state=\"on\"/>\n    </kvm>\n  </features>\n"
          "  <sound model=\"ich9\"/>\n",
          NULL);
}

static void of_a_stated_device_it_is_listed(void **state)
{
    (void)state;
    check(DOMAIN(CPU, "<disk type='file' device='disk'><driver name='qemu' type='qcow2' error_policy='stop'/>"
                      "<source file='/a.qcow2'/><target dev='vda' bus='virtio'/></disk>"),
          "memory: 1GiB\ndisks:\n  vda: {file: /a.qcow2}\n",
          "disks.vda: <disk><target dev=\"vda\"/><driver error_policy=\"stop\"/></disk>");
}

/* As a fragment it would have to name the card's model again, and the model could not be changed any more. */
static void of_a_device_that_a_field_is_about(void **state)
{
    (void)state;
    check(DOMAIN(CPU, "<video><model type='virtio' heads='1' primary='yes'><acceleration accel3d='yes'/></model>"
                      "</video><video><model type='qxl' ram='131072'/></video>"),
          "memory: 1GiB\nvideo: virtio\nxml: |\n  <video>\n    <model type=\"qxl\" ram=\"131072\"/>\n  </video>\n",
          "video: <video><model type=\"virtio\"><acceleration accel3d=\"yes\"/></model></video>");
    check(DOMAIN(CPU, "<graphics type='vnc' listen='192.0.2.1'><listen type='address' address='192.0.2.1'/>"
                      "<listen type='network' network='lab'/></graphics><video><model type='vga'/></video>"),
          "memory: 1GiB\ngraphics: {vnc: {listen: \"192.0.2.1\"}}\n",
          "graphics: <graphics type=\"vnc\"><listen type=\"network\" network=\"lab\"/></graphics>");
    check(DOMAIN(CPU, "<graphics type='spice'><listen type='none'/></graphics><video><model type='vga'/></video>"),
          "memory: 1GiB\ngraphics: {spice: {}}\n",
          "graphics: <graphics type=\"spice\"><listen type=\"none\"/></graphics>");
}

static void a_second_card_is_not_libvirts_own(void **state)
{
    (void)state;
    check(DOMAIN(CPU, "<video><model type='virtio' heads='1' primary='yes'/></video>"
                      "<video><model type='virtio' heads='1'/></video>"),
          "memory: 1GiB\nvideo: virtio\n", "video: <video><model type=\"virtio\" heads=\"1\"/></video>");
    check(DOMAIN(CPU, "<video><model type='virtio' heads='1' primary='yes'/></video>"
                      "<video><model type='bochs' vram='16384' heads='1'/></video>"),
          "memory: 1GiB\nvideo: virtio\nxml: |\n  <video>\n    <model type=\"bochs\" vram=\"16384\" heads=\"1\"/>\n"
          "  </video>\n",
          NULL);
}

static void a_secret_is_not_shown(void **state)
{
    (void)state;
    check("<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><name>g1</name>"
          "<memory unit='KiB'>1048576</memory><os><type machine='q35'>hvm</type></os>" CPU
          "<qemu:commandline><qemu:arg value='secret,id=a,data=sesame'/></qemu:commandline></domain>",
          "memory: 1GiB\n", "commandline: not shown, as it may hold a secret");
}

static void a_placeholder_of_ours_is_left(void **state)
{
    (void)state;
    check(DOMAIN("<title>of {guest}</title>" CPU, ""), "memory: 1GiB\n",
          "title: it has a placeholder of ours in it");
}

/* An object that is stated and empty, beside one that is not: the writer freed what it was about to write into. */
static void an_empty_object_beside_another(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct ks_guest *guest = g_guest(
        arena, "{memory: 1GiB, nics: {lan: {bridge: br0, bandwidth: {inbound: {}, outbound: {average: 1MB/s}}}}}");
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    struct ks_error err = {0};

    (void)state;
    assert_int_equal(ks_guest_new_xml(guest, true, &doc, &err), 0);
    assert_string_equal(
        ks_xml_get(arena, xmlDocGetRootElement(doc), "devices/interface/bandwidth/outbound/@average", NULL),
        "1000");
}

static void two_of_what_there_is_one_of(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct ks_manifest *m = (struct ks_manifest *)ks_obj_new(arena, &ks_manifest_kind, NULL);
    struct ks_strings out = {0};

    (void)state;
    m->version = 1;
    m->host = "h1";
    ks_mark(&m->o, "guests");
    for (unsigned i = 0; i < 2; i++) {
        struct ks_imported imported = {0};
        struct ks_error err = {0};
        assert_int_equal(ks_import_guest(arena, i ? "b" : "a",
                                         DOMAIN(CPU, "<graphics type='vnc' port='5950' autoport='no'/>"), &host,
                                         &imported, &err),
                         0);
        ks_map_put(arena, &m->guests, &imported.guest->o);
    }
    ks_import_make_valid(arena, m, &out);
    assert_int_equal(out.n, 1);
    assert_true(ks_starts(out.v[0], "guests.b.graphics.vnc.port: "));
    assert_false(ks_has(&((struct ks_guest *)m->guests.v[1])->graphics->vnc->o, "port"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_left_out),
        cmocka_unit_test(what_differs_from_a_new_one_is_said),
        cmocka_unit_test(no_field_for_it_is_a_fragment),
        cmocka_unit_test(of_a_stated_device_it_is_listed),
        cmocka_unit_test(of_a_device_that_a_field_is_about),
        cmocka_unit_test(a_second_card_is_not_libvirts_own),
        cmocka_unit_test(a_secret_is_not_shown),
        cmocka_unit_test(a_placeholder_of_ours_is_left),
        cmocka_unit_test(an_empty_object_beside_another),
        cmocka_unit_test(two_of_what_there_is_one_of),
    };

    return cmocka_run_group_tests_name("import", tests, NULL, NULL);
}
