/* SPDX-License-Identifier: GPL-2.0-or-later */
/* actuators/host_bridge.c, host_link.c, host_address.c in a network namespace of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>

#include "actuators/host.h"
#include "namespace.h"
#include "net/net.h"
#include "schema/mark.h"

struct fixture {
    struct ks_writes w;
    struct ks_error err;
    struct ks_host_links links;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->w.arena = ks_arena_new();
    f->w.root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    (void)close(f->w.root);
    ks_arena_free(f->w.arena);
    ks_error_done(&f->err);
    free(f);
    return 0;
}

static struct ks_strings list(struct fixture *f, const char *a, const char *b)
{
    struct ks_strings s = {0};

    if (a)
        *(const char **)ks_vec_add(f->w.arena, &s) = a;
    if (b)
        *(const char **)ks_vec_add(f->w.arena, &s) = b;
    return s;
}

/* Applies; the number of writes. */
static size_t apply(struct fixture *f, const struct ks_bridge_want *want)
{
    f->w.log = (struct ks_strings){0};
    if (ks_bridge_set(&f->w, want, &f->err) < 0)
        fail_msg("%s", ks_error_text(f->w.arena, &f->err));
    return f->w.log.n;
}

/* Applies, and fails: the error's text. */
static const char *refused(struct fixture *f, const struct ks_bridge_want *want, enum ks_code code)
{
    f->w.log = (struct ks_strings){0};
    assert_int_equal(ks_bridge_set(&f->w, want, &f->err), -1);
    const char *text = ks_error_text(f->w.arena, &f->err);
    if (f->err.code != code)
        fail_msg("wrong code: %s: %s", ks_code_name(f->err.code), text);
    return text;
}

static const struct ks_host_link *now(struct fixture *f, const char *name)
{
    if (ks_net_read(f->w.arena, &f->links, &f->err) < 0)
        fail_msg("%s", ks_error_text(f->w.arena, &f->err));
    return ks_host_link_find(&f->links, name);
}

static struct ks_bridge_want whole(struct fixture *f, const struct ks_link_route *route)
{
    return (struct ks_bridge_want){
        .link = {.name = "br0",
                 .stated = KS_LINK_UP | KS_LINK_MTU | KS_LINK_MAC | KS_LINK_ALIAS | KS_BRIDGE_STP |
                           KS_BRIDGE_FORWARD_DELAY,
                 .up = true,
                 .mtu = 1400,
                 .mac = "52:54:00:00:00:01",
                 .alias = "kvmstate",
                 .addresses = list(f, "192.0.2.10/24", "2001:DB8::10/64"),
                 .n_routes = 1,
                 .routes = route},
        .forward_delay_ms = 0,
        .ports = list(f, "v0", "w0"),
    };
}

static void two_veths(void)
{
    sh("ip link add v0 type veth peer name v1; ip link add w0 type veth peer name w1; ip link set v1 up");
}

static void made_whole_and_then_nothing_to_do(void **state)
{
    struct fixture *f = *state;
    const struct ks_link_route route = {.to = "default", .via = "192.0.2.1"};
    const struct ks_bridge_want want = whole(f, &route);

    enter_namespace();
    two_veths();
    assert_true(apply(f, &want) > 8);
    const struct ks_host_link *br = now(f, "br0");
    assert_true(br->is_bridge && br->up && !br->bridge.stp);
    assert_int_equal(br->bridge.forward_delay_ms, 0);
    assert_int_equal(br->mtu, 1400);
    assert_string_equal(br->mac, "52:54:00:00:00:01");
    assert_string_equal(br->alias, "kvmstate");
    assert_int_equal(br->ports.n, 2);
    assert_string_equal(br->addresses.v[0].text, "192.0.2.10/24");
    assert_true(br->carries_default);
    assert_true(now(f, "w0")->up);
    assert_int_equal(apply(f, &want), 0);
    sh("ip -4 addr show br0 | grep -q 'brd 192.0.2.255'");
}

static void a_dry_run_writes_nothing(void **state)
{
    struct fixture *f = *state;
    const struct ks_link_route route = {.to = "default", .via = "192.0.2.1"};
    struct ks_bridge_want want = whole(f, &route);

    enter_namespace();
    two_veths();
    f->w.dry_run = true;
    assert_true(apply(f, &want) > 0);
    assert_null(now(f, "br0"));
    f->w.dry_run = false;
    (void)apply(f, &want);
    f->w.dry_run = true;
    want.link.mtu = 1300;
    want.drop_ports = list(f, "w0", NULL);
    want.ports = list(f, "v0", NULL);
    assert_int_equal(apply(f, &want), 2);
    assert_int_equal(now(f, "br0")->mtu, 1400);
    assert_int_equal(now(f, "br0")->ports.n, 2);
}

static void each_attribute_alone(void **state)
{
    struct fixture *f = *state;
    struct ks_bridge_want want = {.link = {.name = "br0"}};

    enter_namespace();
    assert_int_equal(apply(f, &want), 1);
    want.link.stated = KS_BRIDGE_STP | KS_BRIDGE_FORWARD_DELAY;
    want.stp = true;
    want.forward_delay_ms = 4000;
    assert_int_equal(apply(f, &want), 2);
    assert_true(now(f, "br0")->bridge.stp);
    assert_int_equal(now(f, "br0")->bridge.forward_delay_ms, 4000);
    want.stp = false; /* the delay of 0 is refused while STP is on: the order matters */
    want.forward_delay_ms = 0;
    assert_int_equal(apply(f, &want), 2);
    want.link.stated = KS_LINK_UP;
    want.link.up = true;
    assert_int_equal(apply(f, &want), 1);
    want.link.up = false;
    assert_int_equal(apply(f, &want), 1);
    assert_false(now(f, "br0")->up);
    want.link.stated = KS_LINK_ALIAS;
    want.link.alias = "mine";
    assert_int_equal(apply(f, &want), 1);
    want.link.alias = "";
    assert_int_equal(apply(f, &want), 1);
    assert_null(now(f, "br0")->alias);
}

/* What a failure leaves behind is ours, and can be pruned. */
static void half_made_is_marked(void **state)
{
    struct fixture *f = *state;
    const struct ks_bridge_want want = {.link = {.name = "br0", .stated = KS_LINK_ALIAS, .alias = KS_LINK_MARK},
                                        .ports = list(f, "none0", NULL)};

    enter_namespace();
    assert_non_null(strstr(refused(f, &want, KS_E_NOT_FOUND), "no link none0"));
    assert_string_equal(now(f, "br0")->alias, KS_LINK_MARK);
}

static void vlan_filtering(void **state)
{
    struct fixture *f = *state;
    struct ks_bridge_want want = {.link = {.name = "br0", .stated = KS_BRIDGE_VLAN_FILTERING},
                                  .vlan_filtering = true};

    enter_namespace();
    if (system("ip link add probe0 type bridge vlan_filtering 1 2>/dev/null") != 0) {
        (void)refused(f, &want, KS_E_UNSUPPORTED); /* a kernel without it says so */
        return;
    }
    assert_int_equal(apply(f, &want), 2);
    assert_true(now(f, "br0")->bridge.vlan_filtering);
    assert_int_equal(apply(f, &want), 0);
}

static void what_is_not_named_stays(void **state)
{
    struct fixture *f = *state;
    struct ks_bridge_want want = {.link = {.name = "br0", .addresses = list(f, "192.0.2.10/24", NULL)},
                                  .ports = list(f, "v0", NULL)};

    enter_namespace();
    two_veths();
    sh("ip link add br0 type bridge; ip link set w0 master br0; ip addr add 198.51.100.1/24 dev br0");
    assert_int_equal(apply(f, &want), 2);
    assert_int_equal(now(f, "br0")->ports.n, 2);
    assert_int_equal(now(f, "br0")->addresses.n, 2);
}

/* With a primary address the kernel removes those of the same network. */
static void a_primary_address_goes_and_others_stay(void **state)
{
    struct fixture *f = *state;
    struct ks_bridge_want want = {.link = {.name = "br0",
                                           .stated = KS_LINK_UP,
                                           .up = true,
                                           .addresses = list(f, "192.0.2.11/24", NULL),
                                           .drop_addresses = list(f, "192.0.2.10/24", NULL)}};

    enter_namespace();
    sh("ip link add br0 type bridge; ip link set br0 up; ip addr add 192.0.2.10/24 dev br0; "
       "ip addr add 192.0.2.11/24 dev br0; sysctl -qw net.ipv4.conf.br0.promote_secondaries=0");
    assert_true(apply(f, &want) >= 1);
    const struct ks_host_link *br = now(f, "br0");
    bool first = false, second = false;
    for (size_t i = 0; i < br->addresses.n; i++) {
        first |= ks_streq(br->addresses.v[i].text, "192.0.2.10/24");
        second |= ks_streq(br->addresses.v[i].text, "192.0.2.11/24");
    }
    assert_true(!first && second);
    assert_int_equal(apply(f, &want), 0);
}

static void routes_come_change_and_go(void **state)
{
    struct fixture *f = *state;
    struct ks_link_route route = {.to = "203.0.113.0/24", .via = "192.0.2.1"};
    const struct ks_link_route old = {.to = "203.0.113.0/24", .via = "192.0.2.2"},
                               six = {.to = "default", .via = "2001:db8::1", .has_metric = true, .metric = 77};
    struct ks_bridge_want want = {.link = {.name = "br0",
                                           .stated = KS_LINK_UP,
                                           .up = true,
                                           .addresses = list(f, "192.0.2.10/24", "2001:db8::10/64"),
                                           .n_routes = 1,
                                           .routes = &route}};

    enter_namespace();
    assert_true(apply(f, &want) > 0);
    sh("ip route show 203.0.113.0/24 | grep -q 'via 192.0.2.1 dev br0 proto static'");
    route.via = "192.0.2.2"; /* takes the other's place */
    assert_int_equal(apply(f, &want), 1);
    sh("test $(ip route show 203.0.113.0/24 | wc -l) = 1");
    want.link.routes = &six;
    want.link.drop_routes = &old;
    want.link.n_drop_routes = 1;
    assert_int_equal(apply(f, &want), 2);
    sh("test -z \"$(ip route show 203.0.113.0/24)\"; ip -6 route show default | grep -q 'metric 77'");
    assert_int_equal(apply(f, &want), 0);
}

static void a_default_route_elsewhere_is_a_conflict(void **state)
{
    struct fixture *f = *state;
    const struct ks_link_route route = {.to = "default", .via = "192.0.2.1"};
    struct ks_bridge_want want = {.link = {.name = "br0",
                                           .stated = KS_LINK_UP,
                                           .up = true,
                                           .addresses = list(f, "192.0.2.10/24", NULL),
                                           .n_routes = 1,
                                           .routes = &route}};

    enter_namespace();
    two_veths();
    sh("ip addr add 198.51.100.2/24 dev v0; ip link set v0 up; ip route add default via 198.51.100.1");
    assert_non_null(strstr(refused(f, &want, KS_E_CONFLICT), "through v0"));
    /* but on a port it is what the bridge takes over */
    want.ports = list(f, "v0", NULL);
    assert_true(apply(f, &want) >= 1);
    sh("ip route show default | grep -q 'via 192.0.2.1 dev br0'; test $(ip route show default | wc -l) = 1");
}

static void a_port_is_taken_from_another_bridge(void **state)
{
    struct fixture *f = *state;
    struct ks_bridge_want want = {.link = {.name = "br0"}, .ports = list(f, "v0", NULL)};

    enter_namespace();
    two_veths();
    sh("ip link add br9 type bridge; ip link set v0 master br9");
    assert_int_equal(apply(f, &want), 2);
    assert_string_equal(now(f, "v0")->master, "br0");
    want.ports = list(f, NULL, NULL);
    want.drop_ports = list(f, "v0", "w0");
    assert_int_equal(apply(f, &want), 1);
    assert_null(now(f, "v0")->master);
    want.ports = list(f, "none0", NULL);
    (void)refused(f, &want, KS_E_NOT_FOUND);
}

static void refusals(void **state)
{
    struct fixture *f = *state;
    struct ks_bridge_want want = {.link = {.name = "v0"}};

    enter_namespace();
    two_veths();
    assert_non_null(strstr(refused(f, &want, KS_E_CONFLICT), "no bridge (veth)"));
    want.link = (struct ks_link_want){.name = "br0", .stated = KS_LINK_MTU, .mtu = 10000000};
    assert_non_null(strstr(refused(f, &want, KS_E_IO), "mtu greater than device maximum")); /* the kernel's words */
    want.link = (struct ks_link_want){.name = "a-name-that-is-too-long"};
    (void)refused(f, &want, KS_E_INVALID);
    want.link = (struct ks_link_want){.name = "br0", .addresses = list(f, "192.0.2.300/24", NULL)};
    (void)refused(f, &want, KS_E_INVALID);
    want.link = (struct ks_link_want){.name = "br0", .stated = KS_BRIDGE_STP | KS_BRIDGE_FORWARD_DELAY};
    want.stp = true;
    want.forward_delay_ms = 1000;
    (void)refused(f, &want, KS_E_VERIFY); /* with STP the kernel makes 2 s of it, in silence */
}

static void deletion_wants_the_mark(void **state)
{
    struct fixture *f = *state;

    enter_namespace();
    two_veths();
    sh("ip link add br0 type bridge; ip link set br0 up");
    assert_int_equal(ks_bridge_delete(&f->w, "br0", "kvmstate", &f->err), -1);
    assert_int_equal(f->err.code, KS_E_BLOCKED);
    sh("ip link set br0 alias kvmstate");
    f->w.dry_run = true;
    assert_int_equal(ks_bridge_delete(&f->w, "br0", "kvmstate", &f->err), 0);
    assert_non_null(now(f, "br0"));
    f->w.dry_run = false;
    assert_int_equal(ks_bridge_delete(&f->w, "br0", "kvmstate", &f->err), 0);
    assert_null(now(f, "br0"));
    assert_int_equal(ks_bridge_delete(&f->w, "br0", "kvmstate", &f->err), 0);
    assert_int_equal(ks_bridge_delete(&f->w, "v0", NULL, &f->err), -1);
}

static void any_link(void **state)
{
    struct fixture *f = *state;
    const struct ks_link_want want = {.name = "v0",
                                      .stated = KS_LINK_UP | KS_LINK_MTU | KS_LINK_MASTER,
                                      .up = true,
                                      .mtu = 1300,
                                      .master = "br9"};

    enter_namespace();
    two_veths();
    sh("ip link add br9 type bridge");
    assert_int_equal(ks_link_set(&f->w, &want, &f->err), 0);
    assert_int_equal(f->w.log.n, 3);
    assert_int_equal(now(f, "v0")->mtu, 1300);
    assert_int_equal(ks_link_set(&f->w, &want, &f->err), 0);
    assert_int_equal(f->w.log.n, 3);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(made_whole_and_then_nothing_to_do),
        TEST(a_dry_run_writes_nothing),
        TEST(each_attribute_alone),
        TEST(half_made_is_marked),
        TEST(vlan_filtering),
        TEST(what_is_not_named_stays),
        TEST(a_primary_address_goes_and_others_stay),
        TEST(routes_come_change_and_go),
        TEST(a_default_route_elsewhere_is_a_conflict),
        TEST(a_port_is_taken_from_another_bridge),
        TEST(refusals),
        TEST(deletion_wants_the_mark),
        TEST(any_link),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
