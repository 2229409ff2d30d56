/* SPDX-License-Identifier: GPL-2.0-or-later */
/* state/pci.c and state/holders.c over made-up trees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pcitree.h"
#include "state/host.h"
#include "state/state.h"

struct fixture {
    struct tree tree;
    struct ks_arena *arena;
    struct ks_error err;
    struct ks_host_pci pci;
};

TREE_FIXTURE(arena, (void)0)

static void read_pci(struct fixture *f)
{
    if (ks_host_pci_read(f->tree.root, f->arena, &f->pci, &f->err) < 0)
        fail_msg("%s", ks_error_text(f->arena, &f->err));
}

static void no_pci_at_all(void **state)
{
    struct fixture *f = *state;

    read_pci(f);
    assert_int_equal(f->pci.devices.n, 0);
    assert_null(ks_host_pci_find(&f->pci, "0000:00:00.0"));
}

static void sixty_three_vfs(void **state)
{
    struct fixture *f = *state;
    char address[32];

    pci_put_pf(&f->tree, "63\n", "63\n");
    for (unsigned i = 0; i < 63; i++)
        pci_put_vf(&f->tree, i, i % 2 ? "vfio-pci" : NULL);
    read_pci(f);
    const struct ks_host_pci_device *pf = ks_host_pci_pf(&f->pci, "ens1");
    assert_ptr_equal(pf, ks_host_pci_pf(&f->pci, "0000:81:00.0"));
    assert_true(pf->is_pf && pf->autoprobe && !pf->is_bridge);
    assert_int_equal(pf->vendor, 0x8086);
    assert_int_equal(pf->total_vfs, 63);
    assert_int_equal(pf->num_vfs, 63);
    assert_int_equal(pf->n_virtfn, 63);
    assert_int_equal(pf->vfs.n, 63);
    assert_int_equal(pf->node, 1);
    assert_string_equal(pf->driver, "igb");
    assert_null(pf->driver_override);
    for (unsigned i = 0; i < 63; i++) {
        vf_address(address, sizeof(address), i);
        assert_string_equal(pf->vfs.v[i], address);
        const struct ks_host_pci_device *vf = ks_host_pci_find(&f->pci, address);
        assert_int_equal(vf->vf_index, (int)i);
        assert_string_equal(vf->pf, "0000:81:00.0");
        assert_int_equal(vf->iommu_group, 100 + (int)i);
    }
    assert_null(ks_host_pci_pf(&f->pci, address)); /* a VF is no PF */
    assert_null(ks_host_pci_pf(&f->pci, "ens9"));
}

static void a_short_enable_is_seen(void **state)
{
    struct fixture *f = *state;

    pci_put_pf(&f->tree, "8\n", "4\n");
    pci_put_vf(&f->tree, 0, NULL);
    pci_put_vf(&f->tree, 2, NULL);
    read_pci(f);
    const struct ks_host_pci_device *pf = ks_host_pci_pf(&f->pci, "ens1");
    assert_int_equal(pf->num_vfs, 4);
    assert_int_equal(pf->n_virtfn, 2);
    assert_int_equal(pf->vfs.n, 3);
    assert_string_equal(pf->vfs.v[1], "");
}

static void groups_without_bridges(void **state)
{
    struct fixture *f = *state;
    struct ks_strings group = {0};

    pci_put(&f->tree, "0000:02:00.0", "0x0001\n", NULL, "7");
    pci_put(&f->tree, "0000:02:00.1", "0x0001\n", NULL, "7");
    pci_put(&f->tree, "0000:00:02.0", "0x0001\n", "pcieport", "7");
    tree_put(&f->tree, "sys/bus/pci/devices/0000:00:02.0/class", "0x060400\n");
    pci_put(&f->tree, "0000:03:00.0", "0x0001\n", NULL, NULL);
    pci_put(&f->tree, "0000:03:00.1", "0x0001\n", NULL, NULL);
    read_pci(f);
    assert_true(f->pci.iommu);
    ks_host_pci_group(&f->pci, ks_host_pci_find(&f->pci, "0000:02:00.0"), f->arena, &group);
    assert_int_equal(group.n, 2);
    assert_string_equal(group.v[0], "0000:02:00.0");
    assert_string_equal(group.v[1], "0000:02:00.1");
    group = (struct ks_strings){0}; /* without an IOMMU each stands alone */
    ks_host_pci_group(&f->pci, ks_host_pci_find(&f->pci, "0000:03:00.0"), f->arena, &group);
    assert_int_equal(group.n, 1);
}

static void in_words(void **state)
{
    struct fixture *f = *state;

    pci_put(&f->tree, "0000:02:00.0", "0x10c9\n", NULL, NULL);
    pci_put(&f->tree, "0000:02:00.1", "0xfffe\n", NULL, NULL);
    read_pci(f);
    ks_host_pci_describe(&f->pci, f->arena);
    const char *known = f->pci.devices.v[0].what;
    if (access("/usr/share/misc/pci.ids", R_OK) == 0)
        assert_non_null(strstr(known, "82576"));
    else
        assert_string_equal(known, "8086:10c9");
    assert_string_equal(f->pci.devices.v[1].what, "8086:fffe");
}

/* ---- holders ---- */

static const char *holder_of(const struct ks_host_holders *holders, const char *address)
{
    for (size_t i = 0; i < holders->holders.n; i++)
        if (ks_streq(holders->holders.v[i].address, address))
            return holders->holders.v[i].text;
    return NULL;
}

static void open_files_of_vfio(void **state)
{
    struct fixture *f = *state;
    struct ks_host_links links = {0};
    struct ks_host_holders holders;

    pci_put_pf(&f->tree, "8\n", "5\n");
    for (unsigned i = 0; i < 5; i++)
        pci_put_vf(&f->tree, i, i == 3 ? "pci-stub" : "vfio-pci");
    tree_put(&f->tree, "sys/bus/pci/devices/0000:81:10.4/vfio-dev/vfio9/", "");
    tree_put(&f->tree, "proc/4711/comm", "qemu-system-x86\n");
    tree_link(&f->tree, "proc/4711/fd/0", "/dev/null");
    tree_link(&f->tree, "proc/4711/fd/7", "/dev/vfio/vfio");
    tree_link(&f->tree, "proc/4711/fd/8", "/dev/vfio/100");
    tree_link(&f->tree, "proc/4711/fd/9", "/dev/vfio/100");
    tree_link(&f->tree, "proc/4711/fd/10", "anon_inode:[vfio-device]");
    tree_put(&f->tree, "proc/4712/comm", "dpdk\n");
    tree_link(&f->tree, "proc/4712/fd/3", "/dev/vfio/noiommu-101");
    tree_link(&f->tree, "proc/4712/fd/4", "/dev/vfio/103"); /* not vfio's: cannot be */
    tree_link(&f->tree, "proc/4712/fd/5", "/dev/vfio/devices/vfio9");
    tree_put(&f->tree, "proc/uptime", "1\n");
    read_pci(f);
    assert_int_equal(ks_host_holders_read(f->tree.root, &f->pci, &links, f->arena, &holders, &f->err), 0);
    assert_true(holders.complete);
    assert_int_equal(holders.holders.n, 3);
    assert_string_equal(holder_of(&holders, "0000:81:10.0"), "process 4711 (qemu-system-x86)");
    assert_int_equal(holders.holders.v[0].pid > 0, 1);
    assert_string_equal(holder_of(&holders, "0000:81:10.1"), "process 4712 (dpdk)");
    assert_string_equal(holder_of(&holders, "0000:81:10.4"), "process 4712 (dpdk)");
    assert_null(holder_of(&holders, "0000:81:10.2"));
}

static void links_that_hold(void **state)
{
    struct fixture *f = *state;
    struct ks_host_holders holders;
    struct ks_host_address address = {.family = 2, .text = "192.0.2.1/24"};
    struct ks_host_link link[] = {
        {.index = 2, .name = "v0", .master = "br0"},
        {.index = 3, .name = "v1", .bus_address = "0000:81:10.1", .addresses = {.n = 1, .v = &address}},
        {.index = 4, .name = "tap0", .kind = "macvtap", .lower = "v1"},
        {.index = 5, .name = "br0", .kind = "bridge"},
    };
    const struct ks_host_links links = {.links = {.n = KS_COUNT(link), .v = link}};

    pci_put_pf(&f->tree, "8\n", "2\n");
    pci_put_vf(&f->tree, 0, "igbvf");
    pci_put_vf(&f->tree, 1, "igbvf");
    tree_put(&f->tree, "sys/bus/pci/devices/0000:81:10.0/net/v0/", "");
    tree_put(&f->tree, "sys/bus/pci/devices/0000:81:10.1/net/v1/", "");
    read_pci(f);
    assert_int_equal(ks_host_holders_read(f->tree.root, &f->pci, &links, f->arena, &holders, &f->err), 0);
    assert_int_equal(holders.holders.n, 3);
    assert_string_equal(holders.holders.v[0].text, "bridge br0");
    assert_string_equal(holders.holders.v[1].text, "macvtap tap0");
    assert_string_equal(holders.holders.v[2].text, "address 192.0.2.1/24");
}

/* Every number from 17 to 63, as the whole observer sees it: a rule of three once made no tries at all of these. */
static void observed_one_by_one(void **state)
{
    struct fixture *f = *state;
    char address[32], count[16];

    pci_put_pf(&f->tree, "63\n", "0\n");
    for (unsigned n = 1; n <= 63; n++) {
        struct ks_observing o = {.arena = f->arena, .root = f->tree.root};
        struct ks_observed seen = {0};
        pci_put_vf(&f->tree, n - 1, n % 2 ? "vfio-pci" : "igbvf");
        (void)snprintf(count, sizeof(count), "%u\n", n);
        tree_put(&f->tree, "sys/bus/pci/devices/0000:81:00.0/sriov_numvfs", count);
        if (n < 17)
            continue;
        if (ks_observe_devices(&o, &seen, &f->err) < 0)
            fail_msg("%s", ks_error_text(f->arena, &f->err));
        const struct ks_seen_pf *pf = ks_seen_pf(&seen, "0000:81:00.0");
        assert_int_equal(pf->num_vfs, n);
        assert_int_equal(pf->n_vfs, n);
        for (unsigned i = 0; i < n; i++) {
            vf_address(address, sizeof(address), i);
            assert_int_equal(pf->vfs[i].index, i);
            assert_string_equal(pf->vfs[i].address, address);
            assert_string_equal(pf->vfs[i].driver, i % 2 ? "igbvf" : "vfio-pci");
        }
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_pci_at_all), TEST(sixty_three_vfs),    TEST(a_short_enable_is_seen), TEST(groups_without_bridges),
        TEST(in_words),      TEST(open_files_of_vfio), TEST(links_that_hold),        TEST(observed_one_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
