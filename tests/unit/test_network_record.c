/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * net/record.c, net/undo.c, actuators/host_revert.c and the file of a checkpoint: whatever becomes of links that
 * were recorded, they are brought back as iproute2 showed them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/if_link.h>
#include <sys/socket.h>

#include "actuators/host_revert.h"
#include "namespace.h"
#include "reconciler/checkpoint.h"
#include "tree.h"

static struct ks_arena *arena;
static struct ks_error err;

static int set_up(void **state)
{
    (void)state;
    arena = ks_arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ks_error_done(&err);
    ks_arena_free(arena);
    return 0;
}

static void good(int failed)
{
    if (failed < 0)
        fail_msg("%s", ks_error_text(arena, &err));
}

/* ---- the pure part ---- */

static struct ks_net_link *add_link(struct ks_net_record *record, const char *name, const char *kind,
                                    const char *master, unsigned port)
{
    struct ks_net_link *link = ks_vec_add(arena, &record->links);

    *link = (struct ks_net_link){.name = name,
                                 .kind = kind,
                                 .master = master,
                                 .master_kind = master ? "bridge" : NULL,
                                 .port = port,
                                 .up = true};
    return link;
}

/* What is to be written, a line each. */
static const char *undo(const struct ks_net_record *record, const struct ks_net_record *present,
                        enum ks_net_stage stage, enum ks_net_since since)
{
    struct ks_net_writes writes = {0};
    struct ks_text text = {.arena = arena};

    ks_net_undo(arena, record, present, stage, since, &writes);
    for (size_t i = 0; i < writes.n; i++)
        ks_text_addf(&text, "%s%s", i ? "; " : "", writes.v[i].text);
    return ks_text_str(&text);
}

static void ports_go_back_in_the_order_of_their_numbers(void **state)
{
    struct ks_net_record record = {0}, present = {0};

    (void)state;
    (void)add_link(&record, "eth0", NULL, "br0", 2);
    (void)add_link(&record, "eth1", NULL, "br0", 1);
    (void)add_link(&record, "eth2", NULL, NULL, 0);
    (void)add_link(&record, "br0", "bridge", NULL, 0);
    *ks_vec_add(arena, &record.absent) = "br1";
    (void)add_link(&present, "eth0", NULL, "br1", 1);
    (void)add_link(&present, "eth1", NULL, NULL, 0);
    (void)add_link(&present, "eth2", NULL, "br0", 1);
    (void)add_link(&present, "br0", "bridge", NULL, 0);
    (void)add_link(&present, "br1", "bridge", NULL, 0);
    assert_string_equal(undo(&record, &present, KS_NET_MASTERS, KS_NET_SAME_BOOT),
                        "br1: bridge deleted; eth0: master none; eth2: master none; eth1: master br0; "
                        "eth0: master br0");
    assert_string_equal(undo(&record, &record, KS_NET_MASTERS, KS_NET_SAME_BOOT), "");
    /* After another boot what others have made of the links is theirs. */
    assert_string_equal(undo(&record, &present, KS_NET_MASTERS, KS_NET_OTHER_BOOT), "eth1: master br0");
}

static void what_is_gone_is_made_or_named(void **state)
{
    struct ks_net_record record = {0}, present = {0};

    (void)state;
    (void)add_link(&record, "br0", "bridge", NULL, 0);
    (void)add_link(&record, "eth0", NULL, "br0", 1);
    (void)add_link(&record, "vnet0", "tun", "br0", 2);
    assert_string_equal(undo(&record, &present, KS_NET_MASTERS, KS_NET_SAME_BOOT), "br0: bridge made");
    assert_string_equal(undo(&record, &present, KS_NET_LINKS, KS_NET_SAME_BOOT), "");
    const struct ks_strings lost = ks_net_lost(arena, &record, &present);
    assert_int_equal(lost.n, 1);
    assert_string_equal(lost.v[0], "eth0");
}

static void a_link_that_is_absent_and_no_bridge_is_left(void **state)
{
    struct ks_net_record record = {0}, present = {0};

    (void)state;
    *ks_vec_add(arena, &record.absent) = "br0";
    (void)add_link(&present, "br0", "dummy", NULL, 0);
    assert_string_equal(undo(&record, &present, KS_NET_MASTERS, KS_NET_SAME_BOOT), "");
}

static void attributes_and_vlans_that_differ_are_written(void **state)
{
    struct ks_net_record record = {0}, present = {0};
    struct ks_net_link *was, *is;

    (void)state;
    was = add_link(&record, "eth0", NULL, "br0", 1);
    is = add_link(&present, "eth0", NULL, "br0", 1);
    was->attributes[0] = (struct ks_net_bytes){4, (const unsigned char *)"\xdc\x05\0\0"};
    is->attributes[0] = (struct ks_net_bytes){4, (const unsigned char *)"\x28\x23\0\0"};
    is->attributes[2] = (struct ks_net_bytes){3, (const unsigned char *)"up"};
    *ks_vec_add(arena, &was->vlans) = (struct ks_host_port_vlan){10, 19, false, false};
    *ks_vec_add(arena, &is->vlans) = (struct ks_host_port_vlan){10, 12, false, false};
    was->up = false;
    assert_string_equal(undo(&record, &present, KS_NET_LINKS, KS_NET_SAME_BOOT),
                        "eth0: mtu as it was; eth0: alias as it was; eth0: vlan 10-12 removed; "
                        "eth0: vlan 10-19 added; eth0: down");
    assert_string_equal(undo(&record, &present, KS_NET_LINKS, KS_NET_OTHER_BOOT), "eth0: vlan 10-19 added");
}

static void add_address(struct ks_net_link *link, int family, const char *name, uint32_t valid_s)
{
    *ks_vec_add(arena, &link->addresses) =
        (struct ks_net_entry){.text = name,
                              .family = family,
                              .header = {1, (const unsigned char *)""},
                              .attributes = {strlen(name), (const unsigned char *)name},
                              .valid_s = valid_s,
                              .preferred_s = valid_s};
}

static void addresses_get_their_order_back(void **state)
{
    struct ks_net_record record = {0}, present = {0};
    struct ks_net_link *was = add_link(&record, "eth0", NULL, NULL, 0);
    struct ks_net_link *is = add_link(&present, "eth0", NULL, NULL, 0);

    (void)state;
    for (const char *const *name = (const char *const[]){"a", "b", "c", NULL}; *name; name++) {
        add_address(was, AF_INET, *name, UINT32_MAX);
        add_address(was, AF_INET6, ks_sprintf(arena, "%s6", *name), 60);
    }
    add_address(is, AF_INET, "a", UINT32_MAX);
    add_address(is, AF_INET, "x", UINT32_MAX);
    add_address(is, AF_INET, "c", UINT32_MAX);
    /* The kernel puts an address of IPv6 before those that are there. */
    add_address(is, AF_INET6, "b6", 55);
    add_address(is, AF_INET6, "c6", 55);
    assert_string_equal(undo(&record, &present, KS_NET_ADDRESSES, KS_NET_SAME_BOOT),
                        "x removed; c removed; b added; c added; a6 added");
    /* What had a lifetime is for its own client to ask for again. */
    assert_string_equal(undo(&record, &present, KS_NET_ADDRESSES, KS_NET_OTHER_BOOT), "b added");
}

/* ---- real links ---- */

static const char *shown(void)
{
    FILE *pipe =
        popen("(ip -d address; ip -d link; ip -4 -d route show table all; ip -6 -d route show table all | sort; "
              "bridge vlan show 2>/dev/null) | sed -E 's/_timer +[0-9.]+//g; s/state (UP|UNKNOWN)/state/; "
              "s/valid_lft [0-9]+sec preferred_lft [0-9]+sec/valid_lft/; s/expires [0-9]+sec//'",
              "r");
    struct ks_text text = {.arena = arena};
    char line[4096];

    assert_non_null(pipe);
    while (fgets(line, sizeof line, pipe))
        ks_text_add(&text, line);
    assert_int_equal(pclose(pipe), 0);
    return ks_text_str(&text);
}

static void make_links(void)
{
    sh("sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 "
       "net.ipv6.conf.default.router_solicitations=0; ip link set lo up");
    sh("ip link add eth0 type veth peer name far0; ip link add eth3 type veth peer name far3; ip link add eth1 "
       "type veth peer name far1; "
       "ip link add eth2 type veth peer name far2; ip link add br0 type bridge stp_state 0 forward_delay 0; "
       "ip link add br1 type bridge stp_state 0 forward_delay 400 priority 4096");
    sh("ip link set eth1 master br1; ip link set eth2 master br1; "
       "ip link set eth3 master br0; ip link set eth1 type bridge_slave cost 77 priority 8 hairpin on learning "
       "off; "
       "ip link set eth2 type bridge_slave isolated on mcast_flood off; ip link set br1 alias 'the other'");
    sh("for l in far0 far1 far2 far3 eth3 eth0 eth1 eth2 br0 br1; do ip link set $l up; done; ip link set far2 "
       "down; "
       "ip link set eth0 mtu 1400");
    sh("ip address add 192.0.2.10/24 brd + dev eth0; ip address add 192.0.2.11/24 dev eth0 label eth0:1; "
       "ip address add 198.51.100.1 peer 198.51.100.2 dev eth0; "
       "ip address add 192.0.2.12/32 dev eth0 scope link valid_lft 4000 preferred_lft 3000; "
       "ip -6 address add 2001:db8::10/64 dev eth0 noprefixroute; ip -6 address add 2001:db8::11/64 dev eth0; "
       "ip address add 10.0.0.1/24 dev br1 metric 50");
    sh("ip route add default via 192.0.2.1 dev eth0 proto dhcp src 192.0.2.11 metric 100 mtu 1300 advmss 1200; "
       "ip route add default via 192.0.2.2 metric 200; ip route add 203.0.113.0/24 nexthop via 192.0.2.3 weight 2 "
       "nexthop via 10.0.0.3; ip route add 10.9.0.0/16 via 203.0.113.9 dev eth0 onlink table 99; "
       "ip route add unreachable 10.10.0.0/16; "
       "ip -6 route add 2001:db8:5::/48 via 2001:db8::1 metric 7 pref high; "
       "ip -6 route add 2001:db8:6::/48 nexthop via 2001:db8::2 dev eth0 nexthop via 2001:db8::3 dev eth0");
    sh("n=0; until ! ip address | grep -Eq tentative && ! ip -d link | grep -Eq 'state (listening|learning)' && ! "
       "ip link show br0 | grep -q NO-CARRIER; do "
       "sleep 0.1; n=$((n + 1)); [ $n -lt 300 ]; done");
}

static void record_them(struct ks_net_record *ret)
{
    static const char *const names[] = {"br0", "br1", "eth0", "br7"};
    struct ks_net_record all;
    struct ks_strings list = {0};

    for (size_t i = 0; i < KS_COUNT(names); i++)
        *ks_vec_add(arena, &list) = names[i];
    good(ks_net_record_read(arena, &all, &err));
    ks_net_record_take(arena, &all, &list, ret);
}

/* The lines where two texts part. */
static void part(const char *before, const char *now, const char *after_what)
{
    while (*before && strcspn(before, "\n") == strcspn(now, "\n") &&
           strncmp(before, now, strcspn(before, "\n")) == 0) {
        before += strcspn(before, "\n") + 1;
        now += strcspn(now, "\n") + 1;
    }
    fail_msg("after: %s\n- %.300s\n+ %.300s", after_what, before, now);
}

static void expect_shown(const char *before, const char *after_what)
{
    const char *now = shown();

    /* A link that came up again forwards, and has its IPv6 addresses, an instant later. */
    for (int i = 0; i < 200 && !ks_streq(now, before); i++) {
        (void)usleep(100000);
        now = shown();
    }
    if (!ks_streq(now, before))
        part(before, now, after_what);
}

static void links_are_brought_back(void **state)
{
    static const char *const changes[] = {
        "ip link add br7 type bridge; ip link set br7 up; ip link set eth0 master br7; "
        "ip address add 192.0.2.10/24 dev br7; ip address del 192.0.2.10/24 dev eth0; "
        "ip route replace default via 192.0.2.1 dev br7 metric 100",
        "ip address flush dev eth0",
        "ip link set eth0 down",
        "ip link set eth1 nomaster; ip link set eth0 master br1",
        "ip link set eth1 nomaster; ip link set eth2 nomaster; ip link set eth2 master br0; ip link set eth1 "
        "master br0",
        "ip link set br1 type bridge stp_state 0; ip link set br1 type bridge forward_delay 0 priority 1 "
        "ageing_time 100 mcast_snooping 0",
        "ip link set br0 type bridge stp_state 1; ip link set br0 mtu 1300; ip link set eth0 mtu 9000 alias "
        "changed",
        "ip link set br1 alias ''; ip link set eth2 down; ip link set eth1 type bridge_slave cost 5 hairpin off",
        "ip route flush table main dev eth0; ip -6 route flush table main dev eth0; ip route flush table 99; ip "
        "route del 203.0.113.0/24",
        "ip address del 192.0.2.10/24 dev eth0; ip address add 192.0.2.10/24 dev eth0 valid_lft 100 preferred_lft "
        "50",
        "ip address del 192.0.2.10/24 dev eth0; ip address add 192.0.2.99/25 dev eth0; "
        "ip -6 address del 2001:db8::10/64 dev eth0; ip route add 10.77.0.0/16 via 192.0.2.77",
        "ip link set br1 down; ip link set br0 down; ip link set eth0 master br0; ip link set eth0 down",
    };
    struct ks_net_record record;

    (void)state;
    enter_namespace();
    make_links();
    record_them(&record);
    assert_int_equal(record.absent.n, 1);
    const char *before = shown();
    for (size_t i = 0; i < KS_COUNT(changes); i++) {
        struct ks_writes w = {.arena = arena, .root = -1};
        sh(ks_sprintf(arena, "(%s) 2>/dev/null; true", changes[i]));
        assert_string_not_equal(shown(), before);
        good(ks_net_revert(&w, &record, KS_NET_SAME_BOOT, 0, &err));
        expect_shown(before, changes[i]);
        w.log = (struct ks_strings){0};
        good(ks_net_revert(&w, &record, KS_NET_SAME_BOOT, 0, &err));
        assert_int_equal(w.log.n, 0);
    }
}

static void what_is_lost_is_named_and_the_rest_is_done(void **state)
{
    struct ks_net_record record;
    struct ks_writes w = {0};

    (void)state;
    enter_namespace();
    make_links();
    record_them(&record);
    w = (struct ks_writes){.arena = arena, .root = -1};
    sh("ip link del eth1; ip address flush dev eth0");
    assert_int_equal(ks_net_revert(&w, &record, KS_NET_SAME_BOOT, 0, &err), -1);
    assert_int_equal(err.code, KS_E_VERIFY);
    assert_non_null(strstr(ks_error_text(arena, &err), "eth1"));
    sh("ip address show dev eth0 | grep -q 192.0.2.10/24 && ip route show default | grep -q 192.0.2.1");
}

static void a_dry_run_writes_nothing(void **state)
{
    struct ks_net_record record;
    struct ks_writes w;

    (void)state;
    enter_namespace();
    make_links();
    record_them(&record);
    sh("ip address flush dev eth0");
    const char *before = shown();
    w = (struct ks_writes){.arena = arena, .root = -1, .dry_run = true};
    good(ks_net_revert(&w, &record, KS_NET_SAME_BOOT, 0, &err));
    assert_true(w.log.n > 0);
    assert_string_equal(shown(), before);
}

/* ---- the file ---- */

static void a_file_holds_all_of_it(void **state)
{
    struct ks_checkpoint_record record = {.boot = "b", .since_boot_s = 7, .timeout_ms = 60000};
    const struct ks_checkpoint_record *read;
    struct tree tree;

    (void)state;
    enter_namespace();
    make_links();
    record_them(&record.net);
    *ks_vec_add(arena, &record.steps) = "bridge/br0";
    tree_new(&tree);
    good(ks_checkpoint_write(tree.root, &record, &err));
    good(ks_checkpoint_read(tree.root, arena, &read, &err));
    assert_string_equal(read->steps.v[0], "bridge/br0");
    assert_int_equal(read->timeout_ms, 60000);
    assert_int_equal(read->net.routes.n, record.net.routes.n);
    for (unsigned stage = 0; stage < KS_NET_STAGES; stage++) {
        assert_string_equal(undo(&read->net, &record.net, stage, KS_NET_SAME_BOOT), "");
        assert_string_equal(undo(&record.net, &read->net, stage, KS_NET_SAME_BOOT), "");
    }
    good(ks_checkpoint_remove(tree.root, &err));
    good(ks_checkpoint_read(tree.root, arena, &read, &err));
    assert_null(read);
    tree_done(&tree);
}

static int skip_index(void *data, unsigned char *index)
{
    (void)index;
    (void)data;
    return 0;
}

/* A damaged file is refused or read, never trusted with a place outside of it. */
static void a_damaged_file_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "{\"format\": 2, \"boot\": \"\", \"since-boot\": 0, \"timeout\": 1, \"steps\": [], \"absent\": [], "
        "\"links\": [], \"routes\": []}",
        "{\"format\": 1, \"boot\": \"\", \"since-boot\": 0, \"timeout\": 1, \"steps\": [], \"absent\": [], "
        "\"links\": [{\"name\": \"x\"}], \"routes\": []}",
        "{\"format\": 1, \"boot\": \"\", \"since-boot\": 0, \"timeout\": 1, \"steps\": [], \"absent\": [], "
        "\"links\": [], \"routes\": [{\"text\": \"t\", \"family\": 2, \"links\": [], \"header\": \"00\", "
        "\"attributes\": \"\", \"valid\": 1, \"preferred\": 1}]}",
        /* An attribute that is longer than the message, and a link without a name for it. */
        "{\"format\": 1, \"boot\": \"\", \"since-boot\": 0, \"timeout\": 1, \"steps\": [], \"absent\": [], "
        "\"links\": [], \"routes\": [{\"text\": \"t\", \"family\": 2, \"links\": [], \"header\": "
        "\"021800000300000100000000\", \"attributes\": \"ffff0400\", \"valid\": 1, \"preferred\": 1}]}",
        "{\"format\": 1, \"boot\": \"\", \"since-boot\": 0, \"timeout\": 1, \"steps\": [], \"absent\": [], "
        "\"links\": [], \"routes\": [{\"text\": \"t\", \"family\": 2, \"links\": [], \"header\": "
        "\"021800000300000100000000\", \"attributes\": \"0800040001000000\", \"valid\": 1, \"preferred\": 1}]}",
    };
    struct tree tree;

    (void)state;
    tree_new(&tree);
    for (size_t i = 0; i < KS_COUNT(texts); i++) {
        const struct ks_checkpoint_record *read;
        good(ks_file_replace(tree.root, KS_CHECKPOINT_FILE, texts[i], strlen(texts[i]), 0600, &err));
        if (ks_checkpoint_read(tree.root, arena, &read, &err) == 0)
            fail_msg("accepted: %s", texts[i]);
        assert_int_equal(err.code, KS_E_SYNTAX);
        ks_error_done(&err);
    }
    tree_done(&tree);
}

static void random_messages_stay_within_their_bounds(void **state)
{
    unsigned char header[12], attributes[64];

    (void)state;
    srandom(11);
    for (int i = 0; i < 200000; i++) {
        const size_t n = (size_t)random() % sizeof attributes;
        unsigned char *exact = malloc(n ? n : 1);
        for (size_t k = 0; k < n; k++)
            exact[k] = (unsigned char)(random() % (k % 4 == 0 ? 24 : 16));
        (void)ks_net_entry_indices(true, header, sizeof header, exact, n, skip_index, NULL);
        free(exact);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(ports_go_back_in_the_order_of_their_numbers),
        TEST(what_is_gone_is_made_or_named),
        TEST(a_link_that_is_absent_and_no_bridge_is_left),
        TEST(attributes_and_vlans_that_differ_are_written),
        TEST(addresses_get_their_order_back),
        TEST(links_are_brought_back),
        TEST(what_is_lost_is_named_and_the_rest_is_done),
        TEST(a_dry_run_writes_nothing),
        TEST(a_file_holds_all_of_it),
        TEST(a_damaged_file_is_refused),
        TEST(random_messages_stay_within_their_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
