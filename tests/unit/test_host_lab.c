/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VFs, drivers and holders on a real igb: rearranges the host that it runs on, so only with KS_TEST_LAB=1, as
 * tests/lab/cases/test_host.py sets it. Wants an SR-IOV NIC ens1 with seven VFs, an IOMMU, and iproute2.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>

#include "actuators/host.h"
#include "namespace.h"
#include "state/host.h"

struct fixture {
    struct ks_writes w;
    struct ks_error err;
    struct ks_host_links links;
    struct ks_host_pci pci;
    struct ks_host_holders holders;
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

static void check(struct fixture *f, int rc)
{
    if (rc < 0)
        fail_msg("%s", ks_error_text(f->w.arena, &f->err));
}

static const struct ks_host_pci_device *look(struct fixture *f)
{
    if (!getenv("KS_TEST_LAB"))
        skip();
    check(f, ks_host_links_read(f->w.root, f->w.arena, &f->links, &f->err));
    check(f, ks_host_pci_read(f->w.root, f->w.arena, &f->pci, &f->err));
    check(f, ks_host_holders_read(f->w.root, &f->pci, &f->links, f->w.arena, &f->holders, &f->err));
    const struct ks_host_pci_device *pf = ks_host_pci_pf(&f->pci, "ens1");
    assert_non_null(pf);
    return pf;
}

static const struct ks_host_pci_device *vf(struct fixture *f, unsigned index)
{
    const struct ks_host_pci_device *pf = look(f);

    assert_true(index < pf->vfs.n);
    return ks_host_pci_find(&f->pci, pf->vfs.v[index]);
}

static void set_vfs(struct fixture *f, unsigned vfs)
{
    const struct ks_numvfs_want want = {.pf = look(f)->address, .vfs = vfs};

    check(f, ks_numvfs_set(&f->w, &want, &f->err));
}

static const char *holder(struct fixture *f, unsigned index)
{
    const char *address = vf(f, index)->address;

    assert_true(f->holders.complete);
    for (size_t i = 0; i < f->holders.holders.n; i++)
        if (ks_streq(f->holders.holders.v[i].address, address))
            return f->holders.holders.v[i].text;
    return NULL;
}

static void counts(void **state)
{
    struct fixture *f = *state;
    static const unsigned wanted[] = {4, 7, 2, 0};

    for (size_t i = 0; i < KS_COUNT(wanted); i++) {
        set_vfs(f, wanted[i]);
        const struct ks_host_pci_device *pf = look(f);
        assert_int_equal(pf->num_vfs, wanted[i]);
        assert_int_equal(pf->n_virtfn, wanted[i]);
        assert_true(pf->autoprobe);
        for (size_t j = 0; j < pf->vfs.n; j++) {
            const struct ks_host_pci_device *d = ks_host_pci_find(&f->pci, pf->vfs.v[j]);
            assert_null(d->driver); /* none was probed */
            assert_int_equal(d->vf_index, (int)j);
            assert_int_equal(d->node, 0);
            assert_true(d->iommu_group >= 0);
        }
        const size_t before = f->w.log.n;
        set_vfs(f, wanted[i]);
        assert_int_equal(f->w.log.n, before);
    }
    const struct ks_numvfs_want many = {.pf = look(f)->address, .vfs = 8};
    assert_int_equal(ks_numvfs_set(&f->w, &many, &f->err), -1);
    assert_int_equal(f->err.code, KS_E_INVALID);
}

static void drivers(void **state)
{
    struct fixture *f = *state;
    static const char *const wanted[] = {"vfio-pci", "pci-stub", "vfio-pci", "", NULL};

    set_vfs(f, 2);
    const char *address = vf(f, 1)->address;
    for (size_t i = 0; i < KS_COUNT(wanted); i++) {
        check(f, ks_driver_bind(&f->w, address, wanted[i], 0, &f->err));
        assert_string_equal(vf(f, 1)->driver ? vf(f, 1)->driver : "",
                            wanted[i] ? wanted[i] : "igbvf"); /* the kernel's own choice */
        const size_t before = f->w.log.n;
        check(f, ks_driver_bind(&f->w, address, wanted[i], 0, &f->err));
        assert_int_equal(f->w.log.n, before);
    }
    assert_null(vf(f, 0)->driver);                                                /* the other one was left alone */
    assert_int_equal(ks_driver_bind(&f->w, address, "pcieport", 0, &f->err), -1); /* declines a NIC */
    assert_int_equal(f->err.code, KS_E_VERIFY);
    print_message("%s\n", ks_error_text(f->w.arena, &f->err));
    set_vfs(f, 0);
}

static void attributes(void **state)
{
    struct fixture *f = *state;
    struct ks_vf_want want = {.pf = "ens1",
                              .index = 1,
                              .stated = KS_VF_MAC | KS_VF_VLAN | KS_VF_QOS | KS_VF_SPOOF_CHECK | KS_VF_TRUST,
                              .mac = "52:54:00:AA:00:01",
                              .vlan = 42,
                              .qos = 3,
                              .trust = true};

    set_vfs(f, 2);
    check(f, ks_vf_set(&f->w, &want, &f->err));
    look(f);
    const struct ks_host_link *pf = ks_host_link_find(&f->links, "ens1");
    assert_int_equal(pf->vfs.n, 2);
    const struct ks_host_link_vf *have = &pf->vfs.v[1];
    assert_string_equal(have->mac, "52:54:00:aa:00:01");
    assert_int_equal(have->vlan, 42);
    assert_int_equal(have->qos, 3);
    assert_true(have->has_trust && have->trust && have->has_spoof_check && !have->spoof_check);
    assert_int_equal(pf->vfs.v[0].vlan, 0);
    const size_t before = f->w.log.n;
    check(f, ks_vf_set(&f->w, &want, &f->err));
    assert_int_equal(f->w.log.n, before);
    want.vlan = 0; /* takes the priority along, unless one is stated */
    want.stated = KS_VF_VLAN;
    check(f, ks_vf_set(&f->w, &want, &f->err));
    look(f);
    assert_int_equal(ks_host_link_find(&f->links, "ens1")->vfs.v[1].qos, 0);
    want.index = 2;
    assert_int_equal(ks_vf_set(&f->w, &want, &f->err), -1);
    assert_int_equal(f->err.code, KS_E_NOT_FOUND);
}

static void what_igb_cannot(void **state)
{
    struct fixture *f = *state;
    const struct ks_vf_want state_of_link = {.pf = "ens1", .stated = KS_VF_LINK_STATE, .link_state = 1},
                            rate = {.pf = "ens1", .stated = KS_VF_MIN_RATE, .min_rate_mbit = 10};

    set_vfs(f, 2);
    assert_int_equal(ks_vf_set(&f->w, &state_of_link, &f->err), -1);
    print_message("%s\n", ks_error_text(f->w.arena, &f->err));
    assert_int_equal(f->err.code, KS_E_UNSUPPORTED);
    assert_non_null(strstr(ks_error_text(f->w.arena, &f->err), "driver igb"));
    assert_int_equal(ks_vf_set(&f->w, &rate, &f->err), -1);
    print_message("%s\n", ks_error_text(f->w.arena, &f->err));
    assert_non_null(strstr(ks_error_text(f->w.arena, &f->err), "driver igb"));
    set_vfs(f, 0);
}

static void holders(void **state)
{
    struct fixture *f = *state;
    char path[64], command[160];

    set_vfs(f, 4);
    for (unsigned i = 0; i < 4; i++)
        check(f, ks_driver_bind(&f->w, vf(f, i)->address, NULL, 0, &f->err));
    sh("udevadm settle --timeout=60");
    assert_null(holder(f, 0));
    (void)snprintf(command, sizeof(command), "ip netns add ks-blue; ip link set %s netns ks-blue",
                   vf(f, 0)->netdevs.v[0]);
    sh(command);
    assert_string_equal(holder(f, 0), "namespace ks-blue");
    (void)snprintf(command, sizeof(command), "ip link add ks-bond type bond; ip link set %s down master ks-bond",
                   vf(f, 1)->netdevs.v[0]);
    sh(command);
    assert_string_equal(holder(f, 1), "bond ks-bond");
    check(f, ks_driver_bind(&f->w, vf(f, 2)->address, "vfio-pci", 0, &f->err));
    (void)snprintf(path, sizeof(path), "/dev/vfio/%d", vf(f, 2)->iommu_group);
    const int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_non_null(strstr(holder(f, 2), "(test_host_lab)"));
    (void)close(fd);
    assert_null(holder(f, 2));
    assert_null(holder(f, 3));
    (void)snprintf(command, sizeof(command), "ip link add link %s name ks-mv type macvlan", vf(f, 3)->netdevs.v[0]);
    sh(command);
    assert_string_equal(holder(f, 3), "macvlan ks-mv");
    sh("ip link del ks-bond; ip netns del ks-blue; udevadm settle --timeout=60");
    assert_null(holder(f, 0));
    set_vfs(f, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(counts), TEST(drivers), TEST(attributes), TEST(what_igb_cannot), TEST(holders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
