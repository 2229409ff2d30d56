/* SPDX-License-Identifier: GPL-2.0-or-later */
/* state/links.c in a network namespace of its own, set up with iproute2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "namespace.h"
#include "state/host.h"
#include "tree.h"

struct fixture {
    struct tree tree;
    struct ks_arena *arena;
    struct ks_error err;
};

TREE_FIXTURE(arena, (void)0)

static struct ks_host_links read_links(struct fixture *f)
{
    struct ks_host_links links;

    if (ks_host_links_read(f->tree.root, f->arena, &links, &f->err) < 0)
        fail_msg("%s", ks_error_text(f->arena, &f->err));
    return links;
}

static const struct ks_host_link *find(const struct ks_host_links *links, const char *name)
{
    const struct ks_host_link *link = ks_host_link_find(links, name);

    if (!link)
        fail_msg("no link %s", name);
    return link;
}

static void an_empty_namespace(void **state)
{
    enter_namespace();
    const struct ks_host_links links = read_links(*state);
    assert_int_equal(links.links.n, 1);
    assert_true(links.links.v[0].loopback);
    assert_int_equal(links.routes.n, 0);
}

static void a_bridge_and_its_ports(void **state)
{
    enter_namespace();
    sh("ip link add br0 type bridge stp_state 1 forward_delay 400");
    sh("ip link add v0 mtu 1400 address 52:54:00:00:00:09 type veth peer name v1");
    sh("ip link set v0 master br0 up; ip link set br0 up alias 'kvmstate: br0'");
    sh("ip link property add dev v1 altname port-one");
    const struct ks_host_links links = read_links(*state);
    const struct ks_host_link *br = find(&links, "br0"), *v0 = find(&links, "v0"), *v1 = find(&links, "port-one");
    assert_true(br->is_bridge && br->up && br->bridge.stp && !br->bridge.vlan_filtering);
    assert_int_equal(br->bridge.forward_delay_ms, 4000);
    assert_string_equal(br->alias, "kvmstate: br0");
    assert_int_equal(br->ports.n, 1);
    assert_string_equal(br->ports.v[0], "v0");
    assert_string_equal(v0->kind, "veth");
    assert_string_equal(v0->master, "br0");
    assert_string_equal(v0->master_kind, "bridge");
    assert_string_equal(v0->mac, "52:54:00:00:00:09");
    assert_int_equal(v0->mtu, 1400);
    assert_true(v0->up && !v1->up);
    assert_null(v0->lower);         /* the other end of a veth is not below it */
    assert_non_null(v0->operstate); /* which, the kernel settles a while later */
    assert_null(v1->master);
}

static void vlans_of_ports(void **state)
{
    enter_namespace();
    if (system("ip link add br0 type bridge vlan_filtering 1 2>/dev/null") != 0)
        skip(); /* a kernel without CONFIG_BRIDGE_VLAN_FILTERING */
    sh("ip link add v0 type veth peer name v1; ip link set v0 master br0; bridge vlan add vid 10-12 dev v0");
    const struct ks_host_links links = read_links(*state);
    const struct ks_host_link *br = find(&links, "br0"), *v0 = find(&links, "v0");
    assert_true(br->bridge.vlan_filtering);
    assert_int_equal(br->bridge.default_pvid, 1);
    assert_int_equal(br->vlans.n, 1);
    assert_int_equal(v0->vlans.n, 2);
    assert_true(v0->vlans.v[0].pvid && v0->vlans.v[0].untagged);
    assert_int_equal(v0->vlans.v[1].first, 10);
    assert_int_equal(v0->vlans.v[1].last, 12);
}

static void addresses_and_routes(void **state)
{
    enter_namespace();
    sh("ip link add br0 type bridge; ip link add v0 type veth peer name v1; ip link add v2 type veth peer name v3");
    sh("ip link set v0 master br0; for l in br0 v0 v1 v2 v3; do ip link set $l up; done");
    sh("ip addr add 192.0.2.10/24 dev br0; ip addr add 198.51.100.7/24 valid_lft 600 preferred_lft 600 dev v2");
    sh("ip -6 addr add 2001:db8::10/64 nodad dev br0");
    sh("ip route add default via 192.0.2.1 metric 50; ip -6 route add default via 2001:db8::1");
    sh("ip route add 203.0.113.0/24 nexthop via 192.0.2.2 dev br0 nexthop via 198.51.100.1 dev v2");
    sh("ip route add table 77 default via 198.51.100.1; ip route add unreachable 10.9.0.0/16");
    const struct ks_host_links links = read_links(*state);
    const struct ks_host_link *br = find(&links, "br0");
    assert_string_equal(br->addresses.v[0].text, "192.0.2.10/24");
    assert_true(br->addresses.v[0].permanent);
    assert_false(find(&links, "v2")->addresses.v[0].permanent);
    bool six = false;
    for (size_t i = 0; i < br->addresses.n; i++)
        six |= ks_streq(br->addresses.v[i].text, "2001:db8::10/64");
    assert_true(six);
    assert_true(br->carries_default && find(&links, "v0")->carries_default);
    assert_false(find(&links, "v2")->carries_default);
    unsigned defaults = 0, hops = 0;
    for (size_t i = 0; i < links.routes.n; i++) {
        const struct ks_host_route *route = &links.routes.v[i];
        defaults += ks_streq(route->to, "default");
        hops += ks_streq(route->to, "203.0.113.0/24");
        assert_string_not_equal(route->to, "10.9.0.0/16");
        if (ks_streq(route->via, "192.0.2.1"))
            assert_int_equal(route->metric, 50);
    }
    assert_int_equal(defaults, 2);
    assert_int_equal(hops, 2);
}

static void who_manages_a_link(void **state)
{
    struct fixture *f = *state;
    char path[128];
    static const char *const names[] = {"a0", "b0", "c0", "d0"};

    enter_namespace();
    sh("ip link add a0 type veth peer name b0; ip link add c0 type veth peer name d0");
    const struct ks_host_links before = read_links(f);
    for (size_t i = 0; i < KS_COUNT(names); i++)
        assert_int_equal(find(&before, names[i])->owner, KS_OWNER_NONE);
    (void)snprintf(path, sizeof(path), "run/NetworkManager/devices/%d", find(&before, "a0")->index);
    tree_put(&f->tree, path, "[device]\nmanaged=true\n");
    (void)snprintf(path, sizeof(path), "run/NetworkManager/devices/%d", find(&before, "b0")->index);
    tree_put(&f->tree, path, "[device]\nmanaged=false\n");
    (void)snprintf(path, sizeof(path), "run/systemd/netif/links/%d", find(&before, "b0")->index);
    tree_put(&f->tree, path, "# private\nADMIN_STATE=configured\n");
    (void)snprintf(path, sizeof(path), "run/systemd/netif/links/%d", find(&before, "c0")->index);
    tree_put(&f->tree, path, "ADMIN_STATE=unmanaged\n");
    tree_put(&f->tree, "usr/sbin/ifup", "");
    tree_put(&f->tree, "etc/network/interfaces", "auto lo\niface lo inet loopback\n# iface c0 inet dhcp\n");
    tree_put(&f->tree, "etc/network/interfaces.d/x", "iface d0 inet manual\n");
    const struct ks_host_links links = read_links(f);
    assert_int_equal(find(&links, "a0")->owner, KS_OWNER_NETWORKMANAGER);
    assert_int_equal(find(&links, "b0")->owner, KS_OWNER_NETWORKD);
    assert_int_equal(find(&links, "c0")->owner, KS_OWNER_NONE);
    assert_int_equal(find(&links, "d0")->owner, KS_OWNER_IFUPDOWN);
    assert_int_equal(find(&links, "lo")->owner, KS_OWNER_NONE);
}

static void many_links_fit(void **state)
{
    enter_namespace();
    sh("for i in $(seq 300); do echo link add p$i type veth peer name q$i; done | ip -batch -");
    const struct ks_host_links links = read_links(*state);
    assert_int_equal(links.links.n, 601);
    for (size_t i = 1; i < links.links.n; i++)
        assert_true(links.links.v[i - 1].index < links.links.v[i].index);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_namespace),   TEST(a_bridge_and_its_ports), TEST(vlans_of_ports),
        TEST(addresses_and_routes), TEST(who_manages_a_link),     TEST(many_links_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
