/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes written into domain XML. The law: what one document says, written into another, makes the other the same
 * byte for byte, and what it says already changes no byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "schema/kinds.h"
#include "xml_kind.h"

static const char *text_of(struct ks_arena *arena, xmlNode *node)
{
    char *text = ks_xml_text(node);
    const char *copy = ks_strdup(arena, text);
    xmlFree(text);
    return copy;
}

static char *replace(struct ks_arena *arena, const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    if (!at)
        fail_msg("'%s' is not in the document", from);
    return ks_sprintf(arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

/* What `have` states and `want` does not is to go: the manifest's null. */
static void null_what_is_missing(struct ks_obj *want, const struct ks_obj *have)
{
    uint64_t missing = (have->stated | have->other) & ~want->stated;
    want->stated |= missing;
    want->null |= missing;
    for (size_t i = 0; i < want->kind->n_fields; i++) {
        const struct ks_field *f = &want->kind->fields[i];
        if (!(have->stated & want->stated & ~want->null) >> i & 1)
            continue;
        if (f->type == KS_OBJECT && *(struct ks_obj **)ks_member(want, f) && *(struct ks_obj **)ks_member(have, f))
            null_what_is_missing(*(struct ks_obj **)ks_member(want, f), *(struct ks_obj **)ks_member(have, f));
        const struct ks_map *map = ks_member(want, f);
        for (size_t k = 0; f->type == KS_MAP && k < map->n; k++) {
            const struct ks_obj *other = ks_map_get(ks_member(have, f), map->v[k]->key);
            if (other)
                null_what_is_missing(map->v[k], other);
        }
    }
}

static void apply_all(struct t_doc *d, const struct ks_changes *changes)
{
    struct ks_error err = {0};
    for (size_t i = 0; i < changes->n; i++)
        if (ks_xml_apply(d->root, &changes->v[i], &err))
            fail_msg("%s: %s", changes->v[i].path, ks_error_text(d->arena, &err));
}

struct edit {
    const char *name, *from, *to;
    size_t n; /* changes that it takes */
};

static const struct edit edits[] = {
    {"a size", "'KiB'>4194304<", "'KiB'>6291456<", 1},
    {"a number in an attribute", "current='4'", "current='6'", 1},
    {"a number in a text", "current='4'>8<", "current='4'>16<", 1},
    {"a text with what XML must escape", "Serves &lt;pages&gt; &amp; files", "&lt;&amp;&gt; \"x\" 'y'", 1},
    {"a text that goes", "  <title>Web server</title>\n", "", 1},
    {"a word", "<on_crash>destroy", "<on_crash>restart", 1},
    {"a word that XML says otherwise", "offset='utc'", "offset='localtime'", 1},
    {"a list", "<boot dev='hd'/>\n    <boot dev='network'/>",
     "<boot dev='network'/>\n    <boot dev='hd'/>\n    <boot dev='cdrom'/>", 1},
    {"a shorter list", "<boot dev='network'/>", "", 1},
    {"a list that goes", "<boot dev='hd'/>\n    <boot dev='network'/>", "", 1},
    {"a set of strings", "<host name='ceph1' port='6789'/>", "", 1},
    {"one more in a set", "<host name='ceph3'/>", "<host name='ceph3'/><host name='ceph4'/>", 1},
    {"a bool", "migratable='on'", "migratable='off'", 1},
    {"a bool behind a predicate", "present='no'", "present='yes'", 1},
    {"a duration", "period='10'", "period='60'", 1},
    {"a duration and its element that go", ">\n      <stats period='10'/>\n    </memballoon>", "/>", 1},
    {"an element by presence that goes", "      <shareable/>\n", "", 1},
    {"a device by presence that goes",
     "<channel type='unix'>\n      <target type='virtio' name='org.qemu.guest_agent.0'/>\n    </channel>", "", 1},
    {"a cpuset", "emulatorpin cpuset='0-1'", "emulatorpin cpuset='0-3'", 1},
    {"a cpuset that goes", "<emulatorpin cpuset='0-1'/>", "", 1},
    {"a pin", "vcpu='1' cpuset='11'", "vcpu='1' cpuset='20-21'", 1},
    {"a pin that goes", "    <vcpupin vcpu='1' cpuset='11'/>\n", "", 1},
    {"a pin that comes", "<vcpupin vcpu='3' cpuset='12-13'/>",
     "<vcpupin vcpu='3' cpuset='12-13'/><vcpupin vcpu='4' cpuset='14'/>", 1},
    {"a field in an object", "cores='8'", "cores='4'", 1},
    {"an object that goes", "<topology sockets='1' dies='1' cores='8' threads='1'/>", "", 1},
    {"a feature", "policy='require' name='vmx'", "policy='disable' name='vmx'", 1},
    {"a feature that comes", "<feature policy='disable' name='x2apic'/>",
     "<feature policy='disable' name='x2apic'/><feature name='pcid' policy='require'/>", 1},
    {"a cell's memory", "cpus='4-7' memory='4194304'", "cpus='4-7' memory='2097152'", 1},
    {"a cell's host node, elsewhere", "cellid='1' mode='strict' nodeset='1'",
     "cellid='1' mode='strict' nodeset='0'", 1},
    {"a cell's host node that goes", "    <memnode cellid='1' mode='strict' nodeset='1'/>\n", "", 1},
    {"a disk's cache", "cache='none'", "cache='writeback'", 1},
    {"a disk's cache that goes", " cache='none'", "", 1},
    {"a disk's limit", ">10485760<", ">20971520<", 1},
    {"a disk's limit that goes", "<read_iops_sec>500</read_iops_sec>", "", 1},
    {"a disk's serial that goes", "      <serial>WEB1-ROOT</serial>\n", "", 1},
    {"a nic's link", "link state='down'", "link state='up'", 1},
    {"a nic's mtu that goes", "<mtu size='9000'/>", "", 1},
    {"a nic's rate", "average='100' peak='200'", "average='300' peak='200'", 1},
    {"a rate without its attribute unit", "burst='1024'", "burst='2048'", 1},
    {"a nic that goes",
     "    <interface type='network'>\n      <mac address='52:54:00:11:22:33'/>\n      <source network='default'/>\n"
     "      <target dev='testnet1'/>\n      <model type='e1000e'/>\n      <link state='down'/>\n    </interface>\n",
     "", 1},
    {"a nic that comes", "<link state='down'/>\n    </interface>",
     "<link state='down'/></interface><interface type='bridge'><alias name='ua-dmz'/><source bridge='br1'/>"
     "<mac address='52:54:00:aa:bb:cc'/><mtu size='1400'/></interface>",
     1},
    {"a disk that comes", "unit='0'/>\n    </disk>",
     "unit='0'/></disk><disk type='file' device='disk'><target dev='vdc' bus='virtio'/><alias name='ua-vdc'/>"
     "<source file='/x'/><driver name='qemu' cache='none'/></disk>",
     1},
};

/* Shows the first line that differs. */
static void expect_text(const char *name, const char *made, const char *expected)
{
    size_t i = 0, line = 0;
    for (; made[i] && made[i] == expected[i]; i++)
        if (made[i] == '\n')
            line = i + 1;
    if (made[i] || expected[i])
        fail_msg("%s: made\n%.300s\nexpected\n%.300s", name, made + line, expected + line);
}

/* Writes what `to` says into what `from` says; they must be the same then. */
static void expect_same(const char *name, const char *from, const char *to, size_t n)
{
    struct t_doc have, want;
    struct ks_changes changes = {0}, again = {0};
    t_doc_parse(&have, from);
    t_doc_parse(&want, to);
    null_what_is_missing(&want.guest->o, &have.guest->o);
    ks_diff(have.arena, &want.guest->o, &have.guest->o, false, &changes);
    if (changes.n != n)
        fail_msg("%s: %zu changes", name, changes.n);
    apply_all(&have, &changes);
    expect_text(name, text_of(have.arena, have.root), text_of(have.arena, want.root));
    struct t_guest *read = (struct t_guest *)ks_obj_new(have.arena, &t_guest_kind, NULL);
    ks_xml_read(have.arena, have.root, &read->o);
    ks_diff(have.arena, &want.guest->o, &read->o, false, &again);
    assert_int_equal(again.n, 0);
    t_doc_done(&want);
    t_doc_done(&have);
}

static void one_change_touches_one_node(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    const char *domain = t_domain(arena, "web1");
    (void)state;
    for (size_t i = 0; i < KS_COUNT(edits); i++)
        expect_same(edits[i].name, domain, replace(arena, domain, edits[i].from, edits[i].to), edits[i].n);
}

/* What comes is made at the end of what holds it: there, undoing a removal puts things where they were. */
static void what_went_comes_back(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    static const struct edit back[] = {
        {"the last of a list", "\n    <boot dev='network'/>", "", 1},
        {"a text", "    <serial>WEB1-ROOT</serial>\n", "", 1},
        {"a host node", "    <memnode cellid='1' mode='strict' nodeset='1'/>\n", "", 1},
        {"the last pin", "    <vcpupin vcpu='3' cpuset='12-13'/>\n", "", 1},
        {"an attribute", " migratable='on'", "", 1},
        {"a device", "    <rng model='virtio'>\n      <backend model='random'>/dev/urandom</backend>\n    </rng>\n",
         "", 1},
        {"an object in one that is not there", "<inbound average='100' burst='1024'/>", "", 1},
    };
    char *domain = t_domain(arena, "web1");
    (void)state;
    domain = replace(arena, domain,
                     "      <alias name='ua-vda'/>\n      <address type='pci' domain='0x0000' bus='0x04'"
                     " slot='0x00' function='0x0'/>\n",
                     "");
    domain = replace(arena, domain, "      <rate bytes='1024' period='1000'/>\n", "");
    domain = replace(arena, domain, "      <serial>WEB1-ROOT</serial>\n", "");
    domain = replace(arena, domain, "</iotune>\n", "</iotune>\n      <serial>WEB1-ROOT</serial>\n");
    domain = replace(arena, domain,
                     "<inbound average='100' peak='200' burst='1024'/>\n        <outbound average='100'/>",
                     "<inbound average='100' burst='1024'/>");
    for (size_t i = 0; i < KS_COUNT(back); i++) {
        struct t_doc want, have;
        struct ks_changes changes = {0};
        t_doc_parse(&want, domain);
        t_doc_parse(&have, replace(arena, domain, back[i].from, back[i].to));
        ks_diff(have.arena, &want.guest->o, &have.guest->o, false, &changes);
        assert_true(changes.n >= back[i].n);
        apply_all(&have, &changes);
        expect_text(back[i].name, text_of(arena, have.root), text_of(arena, want.root));
        t_doc_done(&have);
        t_doc_done(&want);
    }
}

static void the_same_values_change_no_byte(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    static const char *const names[] = {"test", "web1"};
    (void)state;
    for (size_t i = 0; i < KS_COUNT(names); i++) {
        struct t_doc d;
        struct ks_error err = {0};
        t_doc_parse(&d, t_domain(arena, names[i]));
        const char *before = text_of(arena, d.root);
        assert_int_equal(ks_xml_write(d.root, &d.guest->o, &err), 0);
        /* Adopting a device leaves it without our alias: only what was made carries one. */
        assert_string_equal(text_of(arena, d.root), before);
        t_doc_done(&d);
    }
}

static void the_same_guest_changes_no_byte(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    static const char *const names[] = {"test", "web1"};
    (void)state;
    for (size_t i = 0; i < KS_COUNT(names); i++) {
        struct t_doc d;
        struct ks_error err = {0};
        t_doc_parse(&d, t_domain(arena, names[i]));
        struct ks_obj *guest = ks_obj_new(arena, &ks_guest_kind, names[i]);
        ks_xml_read(arena, d.root, guest);
        const char *before = text_of(arena, d.root);
        assert_int_equal(ks_xml_write(d.root, guest, &err), 0);
        expect_text(names[i], text_of(arena, d.root), before);
        t_doc_done(&d);
    }
}

/* libvirt's other spellings of a value are that value. */
static void other_spellings_are_left_alone(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct ks_error err = {0};
    struct t_doc d, want;
    (void)state;
    t_doc_parse(&d, "<domain><memory unit='GiB'>8</memory><vcpu> 4 </vcpu>"
                    "<cputune><emulatorpin cpuset='1,0'/></cputune></domain>");
    t_doc_parse(&want, "<domain><memory unit='KiB'>8388608</memory><vcpu>4</vcpu>"
                       "<cputune><emulatorpin cpuset='0-1'/></cputune></domain>");
    const char *before = text_of(arena, d.root);
    assert_int_equal(ks_xml_write(d.root, &want.guest->o, &err), 0);
    assert_string_equal(text_of(arena, d.root), before);
    want.guest->max_memory = UINT64_C(3) << 29; /* 1.5 GiB: GiB cannot say it */
    assert_int_equal(ks_xml_write(d.root, &want.guest->o, &err), 0);
    assert_string_equal(ks_xml_get(arena, d.root, "memory", NULL), "1572864");
    assert_string_equal(ks_xml_get(arena, d.root, "memory/@unit", NULL), "KiB");
    want.guest->max_memory = 1001;
    assert_int_equal(ks_xml_write(d.root, &want.guest->o, &err), 0);
    assert_string_equal(ks_xml_get(arena, d.root, "memory/@unit", NULL), "bytes");
    t_doc_done(&want);
    t_doc_done(&d);
}

static void a_new_definition_says_all_that_is_stated(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct ks_error err = {0};
    struct t_doc from, made;
    struct ks_changes changes = {0};
    (void)state;
    t_doc_parse(&from, t_domain(arena, "web1"));
    t_doc_parse(&made, "<domain type='kvm'/>");
    assert_int_equal(ks_xml_write(made.root, &from.guest->o, &err), 0);
    struct t_guest *read = (struct t_guest *)ks_obj_new(arena, &t_guest_kind, NULL);
    ks_xml_read(arena, made.root, &read->o);
    ks_diff(arena, &from.guest->o, &read->o, false, &changes);
    assert_int_equal(changes.n, 0);
    assert_string_equal(ks_xml_get(arena, made.root, "devices/disk[target/@dev='sda']/alias/@name", NULL),
                        "ua-sda");
    assert_string_equal(ks_xml_get(arena, made.root, "numatune/memnode[@cellid='1']/@mode", NULL), "strict");
    t_doc_done(&made);
    t_doc_done(&from);
}

static void removing_a_cell_removes_what_it_has_elsewhere(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    const char *domain = t_domain(arena, "web1"), *want = domain;
    (void)state;
    want = replace(arena, want, "      <cell id='1' cpus='4-7' memory='4194304' unit='KiB'/>\n", "");
    want = replace(arena, want, "    <memnode cellid='1' mode='strict' nodeset='1'/>\n", "");
    expect_same("a cell that goes", domain, want, 1);
}

static void values_that_the_unit_cannot_say_are_refused(void **state)
{
    struct ks_error err = {0};
    struct t_doc d;
    (void)state;
    t_doc_parse(&d, "<domain/>");
    d.guest->stats_period = 1500;
    ks_mark(&d.guest->o, "stats-period");
    assert_int_equal(ks_xml_write(d.root, &d.guest->o, &err), -1);
    assert_int_equal(err.code, KS_E_INVALID);
    ks_error_done(&err);
    t_doc_done(&d);
}

/* What other tools keep in <metadata>, and text beside elements, comes through parsing and serialising. */
static void foreign_nodes_come_through(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct t_doc d;
    (void)state;
    t_doc_parse(&d, t_domain(arena, "web1"));
    const char *text = text_of(arena, d.root);
    assert_non_null(strstr(text, "<app:team name=\"web\">Pages <app:b>and</app:b> files</app:team>"));
    assert_non_null(
        strstr(text, "<kvmstate:guest xmlns:kvmstate=\"https://example.org/kvmstate\" protect=\"no\"/>"));
    t_doc_done(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_change_touches_one_node),
        cmocka_unit_test(what_went_comes_back),
        cmocka_unit_test(the_same_values_change_no_byte),
        cmocka_unit_test(the_same_guest_changes_no_byte),
        cmocka_unit_test(other_spellings_are_left_alone),
        cmocka_unit_test(a_new_definition_says_all_that_is_stated),
        cmocka_unit_test(removing_a_cell_removes_what_it_has_elsewhere),
        cmocka_unit_test(values_that_the_unit_cannot_say_are_refused),
        cmocka_unit_test(foreign_nodes_come_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
