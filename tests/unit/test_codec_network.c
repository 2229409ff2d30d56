/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Networks and secrets: what libvirt's XML says in more ways than one, and what a change makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/kinds.h"
#include "schema/xml.h"

struct bench {
    struct ks_arena *arena;
    const struct ks_kind *kind;
    xmlDoc *doc;
    struct ks_obj *have;
};

static void read_again(struct bench *b)
{
    b->have = ks_obj_new(b->arena, b->kind, "net");
    ks_xml_read(b->arena, xmlDocGetRootElement(b->doc), b->have);
}

static struct bench bench_of(const struct ks_kind *kind, const char *xml)
{
    struct bench b = {.arena = ks_arena_new(), .kind = kind};
    struct ks_error err = {0};

    assert_int_equal(ks_xml_parse(xml, strlen(xml), &b.doc, &err), 0);
    read_again(&b);
    return b;
}

static void bench_done(struct bench *b)
{
    xmlFreeDoc(b->doc);
    ks_arena_free(b->arena);
}

static struct ks_obj *wanted(struct bench *b, const char *yaml)
{
    struct ks_findings findings = {.arena = b->arena};
    struct ks_loader loader = {.arena = b->arena, .findings = &findings, .partial = true};
    struct ks_obj *o = ks_obj_new(b->arena, b->kind, "net");

    ks_load(&loader, b->kind, ks_yaml_parse(&findings, "test", yaml, strlen(yaml)), o);
    if (findings.n_errors > 0)
        fail_msg("%s: not valid", yaml);
    return o;
}

/* The paths of all differences, with blanks between. */
static const char *differences(struct bench *b, const char *yaml)
{
    struct ks_changes c = {0};
    struct ks_text out = {.arena = b->arena};

    ks_diff(b->arena, wanted(b, yaml), b->have, false, &c);
    for (size_t i = 0; i < c.n; i++)
        ks_text_addf(&out, "%s%s", i ? " " : "", c.v[i].path);
    return ks_text_str(&out);
}

/* Without the blanks that indent it. */
static const char *squeezed(struct bench *b, const char *text)
{
    struct ks_text out = {.arena = b->arena};

    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        line += strspn(line, " ");
        ks_text_addn(&out, line, strcspn(line, "\n"));
    }
    return ks_text_str(&out);
}

/* The XML after all changes that the manifest asks for; which then asks for no more. */
static const char *applied(struct bench *b, const char *yaml)
{
    struct ks_changes c = {0};
    struct ks_error err = {0};
    const char *ret;
    char *text;

    ks_diff(b->arena, wanted(b, yaml), b->have, false, &c);
    for (size_t i = 0; i < c.n; i++)
        assert_int_equal(ks_xml_apply(xmlDocGetRootElement(b->doc), &c.v[i], &err), 0);
    read_again(b);
    assert_string_equal(differences(b, yaml), "");
    text = ks_xml_text(xmlDocGetRootElement(b->doc));
    ret = squeezed(b, text);
    xmlFree(text);
    return ret;
}

static const char lan[] =
    "<network connections='1'><name>net</name><forward dev='eth0' mode='nat'><nat><port start='1' end='9'/></nat>"
    "<interface dev='eth0'/></forward><bridge name='virbr1' stp='on' delay='0'/><mac address='52:54:00:00:00:01'/>"
    "<domain name='example.org' localOnly='yes'/>"
    "<ip address='10.1.0.1' netmask='255.255.255.0'><dhcp><range start='10.1.0.100' end='10.1.0.200'/>"
    "<host mac='52:54:00:00:00:02' name='web1' ip='10.1.0.11'/><bootp file='pxe'/></dhcp></ip>"
    "<ip family='ipv6' address='fd00:1::1' prefix='64'/></network>";

static void says_the_same(void **state)
{
    static const char *const same[] = {
        "forward: nat\ndev: eth0\nbridge: virbr1",
        "addresses: [10.1.0.1/24, \"fd00:1::1/64\"]",
        "addresses: [\"fd00:1:0::1/64\", 10.1.0.1/24]",
        "dhcp: {range: [10.1.0.100, 10.1.0.200]}",
        "dhcp: {hosts: {other: {mac: \"52:54:00:00:00:02\", ip: 10.1.0.11}}}",
        "stp: true\nmac: \"52:54:00:00:00:01\"\ndomain: example.org",
        "mtu: null",
    };
    struct bench b = bench_of(&ks_network_kind, lan);

    (void)state;
    for (size_t i = 0; i < KS_COUNT(same); i++)
        if (*differences(&b, same[i]))
            fail_msg("%s: differs in %s", same[i], differences(&b, same[i]));
    bench_done(&b);
}

static void says_another(void **state)
{
    static const struct {
        const char *yaml, *paths;
    } cases[] = {
        {"forward: route", "forward"},
        {"forward: null", "forward"},
        {"dev: null", "dev"},
        {"addresses: [10.1.0.1/24]", "addresses"},
        {"addresses: [10.1.0.1/25, \"fd00:1::1/64\"]", "addresses"},
        {"dhcp: {range: [10.1.0.100, 10.1.0.201]}", "dhcp.range"},
        {"dhcp: {hosts: {}}", "dhcp.hosts.web1"},
        {"dhcp: {hosts: {web1: {mac: \"52:54:00:00:00:02\", ip: 10.1.0.12}}}", "dhcp.hosts.web1.ip"},
        {"dhcp: null", "dhcp"},
        {"stp: false", "stp"},
        {"mtu: 1400", "mtu"},
    };
    struct bench b = bench_of(&ks_network_kind, lan);

    (void)state;
    for (size_t i = 0; i < KS_COUNT(cases); i++)
        if (!ks_streq(differences(&b, cases[i].yaml), cases[i].paths))
            fail_msg("%s: differs in '%s', not '%s'", cases[i].yaml, differences(&b, cases[i].yaml),
                     cases[i].paths);
    bench_done(&b);
}

/* One change, what is in the XML afterwards, and what is not (may be NULL). */
static void changes(void **state)
{
    static const struct {
        const char *yaml, *with, *without;
    } cases[] = {
        {"addresses: [10.9.0.1/16, \"fd00:1::1/64\"]", "<ip address=\"10.9.0.1\" prefix=\"16\"><dhcp>", "netmask"},
        {"addresses: null", "<domain", "<ip"},
        {"forward: none", "<bridge name=\"virbr1\"", "<forward"},
        {"forward: route", "mode=\"route\"", "<nat>"},
        {"{forward: bridge, bridge: br0, addresses: null}", "<bridge name=\"br0\"/>", "<mac"},
        {"{forward: hostdev, pf: ens1, addresses: null}", "managed=\"yes\"", "<bridge"},
        {"dhcp: {range: [10.1.0.5, 10.1.0.6]}", "<range start=\"10.1.0.5\" end=\"10.1.0.6\"/>", "10.1.0.100"},
        {"dhcp: {range: [10.1.0.5, 10.1.0.6]}", "<bootp file=\"pxe\"/>", NULL},
        {"dhcp: {hosts: {web1: {ip: 10.1.0.11, mac: \"52:54:00:00:00:09\"}}}", "mac=\"52:54:00:00:00:09\"",
         "52:54:00:00:00:02"},
        {"dev: null", "mode=\"nat\"", "eth0"},
        {"domain: x.org", "localOnly=\"yes\"", "example.org"},
        {"dhcp: {range: [10.1.0.5, 10.1.0.6, 10.1.0.8, 10.1.0.9]}",
         "<range start=\"10.1.0.5\" end=\"10.1.0.6\"/><range start=\"10.1.0.8\" end=\"10.1.0.9\"/><host", NULL},
        {"dhcp6: {range: [\"fd00:1::5\", \"fd00:1::6\"]}",
         "prefix=\"64\"><dhcp><range start=\"fd00:1::5\" end=\"fd00:1::6\"/></dhcp></ip>", NULL},
        {"dns: {enable: false, hosts: {10.1.0.9: [a, b.example]}, forwarders: [10.9.9.9]}",
         "<host ip=\"10.1.0.9\"><hostname>a</hostname><hostname>b.example</hostname></host>", NULL},
        {"bandwidth: {inbound: {average: 10kB/s, burst: 1MB}}",
         "<bandwidth><inbound average=\"10\" burst=\"1000\"/></bandwidth>", NULL},
        {"mtu: 9000", "<mtu size=\"9000\"/>", NULL},
    };

    (void)state;
    for (size_t i = 0; i < KS_COUNT(cases); i++) {
        struct bench b = bench_of(&ks_network_kind, lan);
        const char *xml = applied(&b, cases[i].yaml);
        if (!strstr(xml, cases[i].with) || (cases[i].without && strstr(xml, cases[i].without)))
            fail_msg("%s made it\n%s", cases[i].yaml, xml);
        bench_done(&b);
    }
}

static void secret_values_are_in_no_xml(void **state)
{
    static const char xml[] = "<secret ephemeral='no' private='no'><uuid>0</uuid><usage type='ceph'>"
                              "<name>net</name></usage></secret>";
    struct bench b = bench_of(&ks_secret_kind, xml);
    const char *text;

    (void)state;
    assert_string_equal(differences(&b, "{type: ceph, ephemeral: false, private: false}"), "");
    assert_string_equal(differences(&b, "{type: ceph, value: {file: /run/key}, protect: true}"), "");
    assert_string_equal(differences(&b, "{type: ceph, private: true, description: new}"), "description private");
    text = applied(&b, "{type: ceph, private: true, description: new, value: {file: /run/key}}");
    assert_non_null(strstr(text, "private=\"yes\""));
    assert_non_null(strstr(text, "<description>new</description>"));
    assert_null(strstr(text, "key"));
    bench_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(says_the_same), cmocka_unit_test(says_another),
                                       cmocka_unit_test(changes), cmocka_unit_test(secret_values_are_in_no_xml)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
