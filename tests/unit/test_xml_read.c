/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From domain XML to objects: every type, maps and their keys, what the rows cannot say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "xml_kind.h"

static struct t_doc web;

static int open_web(void **state)
{
    (void)state;
    struct ks_arena *arena = ks_arena_new();
    t_doc_parse(&web, t_domain(arena, "web1"));
    ks_arena_free(arena);
    return 0;
}

static int close_web(void **state)
{
    (void)state;
    t_doc_done(&web);
    return 0;
}

static const char *show(const struct ks_obj *obj, const char *key)
{
    return obj ? ks_show(web.arena, &obj->kind->fields[ks_row(obj->kind, key)], obj) : "(no object)";
}

#define SHOWS(obj, key, text) assert_string_equal(show((const struct ks_obj *)(obj), key), text)

static void reads_scalars(void **state)
{
    const struct t_guest *g = web.guest;
    (void)state;
    SHOWS(g, "title", "Web server");
    SHOWS(g, "description", "Serves <pages> & files");
    SHOWS(g, "memory", "4GiB");
    SHOWS(g, "max-memory", "8GiB");
    SHOWS(g, "vcpus", "4");
    SHOWS(g, "max-vcpus", "8");
    SHOWS(g, "machine", "pc-q35-7.2");
    SHOWS(g, "boot", "[hd, network]");
    SHOWS(g, "clock", "utc");
    SHOWS(g, "emulator", "0-1");
    SHOWS(g, "agent", "true");
    SHOWS(g, "acpi", "true");
    SHOWS(g, "hpet", "false");
    SHOWS(g, "stats-period", "10s");
}

static void reads_objects_with_and_without_an_element(void **state)
{
    const struct t_guest *g = web.guest;
    (void)state;
    SHOWS(g->cpu, "mode", "host-passthrough");
    SHOWS(g->cpu, "migratable", "true");
    SHOWS(g->cpu->topology, "cores", "8");
    assert_string_equal((const char *)g->cpu->topology->o.xml->name, "topology");
    SHOWS(g->numa, "nodes", "0-1");
    assert_ptr_equal(g->numa->o.xml, web.root);
    SHOWS(g->numa, "cells", "{0: {cpus: 0-3, memory: 4GiB, node: 0}, 1: {cpus: 4-7, memory: 4GiB, node: 1}}");
    SHOWS(g->cpu, "features", "{vmx: require, x2apic: disable}");
    SHOWS(g, "pins", "{0: 10, 1: 11, 2: 12-13, 3: 12-13}");
}

static void reads_devices_by_key_alias_or_place(void **state)
{
    const struct t_guest *g = web.guest;
    (void)state;
    assert_int_equal(g->disks.n, 3);
    SHOWS(ks_map_get(&g->disks, "vda"), "cache", "none");
    SHOWS(ks_map_get(&g->disks, "vda"), "iotune", "{total-bytes: 10MiB/s, read-iops: 500}");
    SHOWS(ks_map_get(&g->disks, "vdb"), "hosts", "[ceph1, ceph2, ceph3]");
    SHOWS(ks_map_get(&g->disks, "vdb"), "user", "libvirt");
    SHOWS(ks_map_get(&g->disks, "vdb"), "rbd", "kvmpool/web1-data");
    SHOWS(ks_map_get(&g->disks, "vdb"), "shareable", "true");
    SHOWS(ks_map_get(&g->disks, "sda"), "readonly", "true");
    SHOWS(ks_map_get(&g->disks, "sda"), "bus", "sata");
    SHOWS(ks_map_get(&g->nics, "lan"), "mac", "52:54:00:97:31:d7");
    SHOWS(ks_map_get(&g->nics, "lan"), "inbound", "{average: 100kB/s, burst: 1MiB}");
    SHOWS(ks_map_get(&g->nics, "nic1"), "link", "down");
    assert_string_equal((const char *)ks_map_get(&g->nics, "lan")->xml->name, "interface");
}

static void leaves_unstated_what_is_not_there(void **state)
{
    const struct ks_obj *disk = ks_map_get(&web.guest->disks, "sda");
    (void)state;
    assert_false(ks_stated(disk, "file"));
    assert_false(ks_stated(disk, "cache"));
    assert_false(ks_stated(disk, "shareable"));
    assert_false(ks_stated(disk, "iotune"));
    assert_false(ks_stated(disk, "hosts"));
    assert_int_equal(disk->other, 0);
    struct t_doc d;
    t_doc_parse(&d, "<domain><features/></domain>");
    assert_false(ks_stated(&d.guest->o, "cpu"));
    assert_false(ks_stated(&d.guest->o, "numa"));
    assert_false(ks_stated(&d.guest->o, "disks"));
    assert_true(ks_stated(&d.guest->o, "acpi")); /* no row says what its absence means: it is false */
    assert_false(d.guest->acpi);
    t_doc_done(&d);
}

/* Everything below stands in the XML, and in no word of the rows. */
static const char strange[] = "<domain><memory unit='pages'>5</memory><vcpu current='many'>4</vcpu>"
                              "<on_crash>coredump-restart</on_crash><cputune><emulatorpin cpuset='x'/></cputune>"
                              "<devices><disk><target dev='vda'/><driver cache='directsync'/></disk></devices>"
                              "</domain>";

static void remembers_what_the_rows_cannot_say(void **state)
{
    struct t_doc d;
    (void)state;
    t_doc_parse(&d, strange);
    static const char *const keys[] = {"max-memory", "vcpus", "on-crash", "emulator"};
    static const char *const raw[] = {"5", "many", "coredump-restart", "x"};
    for (size_t i = 0; i < KS_COUNT(keys); i++) {
        const unsigned row = ks_row(&t_guest_kind, keys[i]);
        assert_false(ks_stated(&d.guest->o, keys[i]));
        assert_true(d.guest->o.other >> row & 1);
        assert_string_equal(ks_xml_raw(d.arena, &t_guest_kind.fields[row], &d.guest->o), raw[i]);
    }
    const struct ks_obj *disk = ks_map_get(&d.guest->disks, "vda");
    assert_false(ks_stated(disk, "cache"));
    t_doc_done(&d);
}

static const struct ks_change *only_change(struct t_doc *d, const struct ks_obj *want)
{
    struct ks_changes changes = {0};
    ks_diff(d->arena, want, &d->guest->o, false, &changes);
    assert_int_equal(changes.n, 1);
    return &changes.v[0];
}

/* Neither "equal to the default" nor "nothing there": both would keep what the manifest does not want. */
static void compares_what_the_rows_cannot_say(void **state)
{
    struct t_doc d;
    (void)state;
    t_doc_parse(&d, strange);
    struct t_guest *want = (struct t_guest *)ks_obj_new(d.arena, &t_guest_kind, NULL);
    ks_mark(&want->o, "on-crash"); /* destroy, which is the default too */
    const struct ks_change *change = only_change(&d, &want->o);
    assert_int_equal(change->op, KS_SET);
    assert_string_equal(change->from, "coredump-restart");
    want->o.null = want->o.stated;
    change = only_change(&d, &want->o);
    assert_int_equal(change->op, KS_UNSET);
    assert_string_equal(change->from, "coredump-restart");
    t_doc_done(&d);
}

static void keeps_entries_with_the_same_key_or_none(void **state)
{
    struct t_doc d;
    (void)state;
    t_doc_parse(&d, "<domain><devices><interface><alias name='ua-a'/></interface><interface/>"
                    "<interface><alias name='ua-a'/></interface><interface><alias name='net3'/></interface>"
                    "<disk><target dev='vdb'/><alias name='ua-x'/></disk></devices></domain>");
    assert_int_equal(d.guest->nics.n, 4);
    assert_non_null(ks_map_get(&d.guest->nics, "a"));
    assert_non_null(ks_map_get(&d.guest->nics, "a-2"));
    assert_non_null(ks_map_get(&d.guest->nics, "nic1"));
    assert_non_null(ks_map_get(&d.guest->nics, "nic3"));
    assert_non_null(ks_map_get(&d.guest->disks, "vdb")); /* the target says more than another tool's alias */
    t_doc_done(&d);
}

static void reads_sizes_in_every_unit(void **state)
{
    static const struct {
        const char *xml;
        uint64_t bytes;
    } cases[] = {
        {"<memory>1024</memory>", 1 << 20},
        {"<memory unit='b'>5</memory>", 5},
        {"<memory unit='bytes'>4096</memory>", 4096},
        {"<memory unit='KB'>3</memory>", 3000},
        {"<memory unit='k'>3</memory>", 3072},
        {"<memory unit='MiB'> 3\n</memory>", 3 << 20},
        {"<memory unit='GiB'>1</memory>", 1 << 30},
        {"<memory unit='TiB'>2</memory>", UINT64_C(2) << 40},
        {"<memory unit='KiB'><!-- x -->1<![CDATA[0]]></memory>", 10240},
        {"<memory unit='EiB'>16</memory>", 0}, /* 2^64: more than can be said */
        {"<memory unit='KiB'>-1</memory>", 0},
        {"<memory unit='KiB'>1 2</memory>", 0},
        {"<memory/>", 0},
    };
    (void)state;
    for (size_t i = 0; i < KS_COUNT(cases); i++) {
        struct t_doc d;
        char text[256];
        (void)snprintf(text, sizeof text, "<domain>%s</domain>", cases[i].xml);
        t_doc_parse(&d, text);
        assert_int_equal(ks_stated(&d.guest->o, "max-memory"), cases[i].bytes != 0);
        if (cases[i].bytes)
            assert_true(d.guest->max_memory == cases[i].bytes);
        t_doc_done(&d);
    }
}

static void paths_of_the_tables_are_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < t_guest_kind.n_fields; i++)
        assert_true(!t_guest_rows[i].xml || ks_xml_path_valid(t_guest_rows[i].xml));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_scalars),
        cmocka_unit_test(reads_objects_with_and_without_an_element),
        cmocka_unit_test(reads_devices_by_key_alias_or_place),
        cmocka_unit_test(leaves_unstated_what_is_not_there),
        cmocka_unit_test(remembers_what_the_rows_cannot_say),
        cmocka_unit_test(compares_what_the_rows_cannot_say),
        cmocka_unit_test(keeps_entries_with_the_same_key_or_none),
        cmocka_unit_test(reads_sizes_in_every_unit),
        cmocka_unit_test(paths_of_the_tables_are_valid),
    };
    return cmocka_run_group_tests(tests, open_web, close_web);
}
