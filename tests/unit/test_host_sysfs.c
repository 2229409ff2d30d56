/* SPDX-License-Identifier: GPL-2.0-or-later */
/* actuators/host_sysfs.c over a made-up tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>

#include "actuators/host_write.h"
#include "tree.h"

struct fixture {
    struct tree tree;
    struct ks_writes w;
    struct ks_error err;
};

TREE_FIXTURE(w.arena, f->w.root = f->tree.root)

static const char *text(struct fixture *f, const char *path)
{
    char *value;

    assert_int_equal(ks_attr_read(f->w.root, path, f->w.arena, &value, &f->err), 0);
    return value;
}

static void what_is_so_already_is_not_written(void **state)
{
    struct fixture *f = *state;

    tree_put(&f->tree, "a", "Y\n");
    tree_put(&f->tree, "n", "007\n");
    assert_int_equal(ks_sysfs_set(&f->w, "a", "1", KS_ATTR_BOOL, "a", &f->err), 0);
    assert_int_equal(ks_sysfs_set(&f->w, "n", "7", KS_ATTR_NUMBER, "n", &f->err), 0);
    assert_int_equal(f->w.log.n, 0);
    assert_int_equal(ks_sysfs_set(&f->w, "a", "0", KS_ATTR_BOOL, "a", &f->err), 0);
    assert_string_equal(text(f, "a"), "0");
    assert_string_equal(f->w.log.v[0], "a: Y -> 0");
    f->w.dry_run = true;
    assert_int_equal(ks_sysfs_set(&f->w, "n", "8", KS_ATTR_NUMBER, "n", &f->err), 0);
    assert_string_equal(text(f, "n"), "007");
}

static void a_value_that_does_not_hold_is_told(void **state)
{
    struct fixture *f = *state;

    tree_link(&f->tree, "sink", "/dev/null"); /* takes everything, reads back as nothing */
    assert_int_equal(ks_sysfs_set(&f->w, "sink", "5", KS_ATTR_NUMBER, "sink", &f->err), -1);
    assert_int_equal(f->err.code, KS_E_VERIFY);
    assert_int_equal(ks_sysfs_set(&f->w, "none", "5", KS_ATTR_NUMBER, "none", &f->err), -1);
    assert_int_equal(f->err.code, KS_E_UNSUPPORTED);
}

static void ksm(void **state)
{
    struct fixture *f = *state;
    const struct ks_ksm_want want = {
        .stated = KS_KSM_RUN | KS_KSM_SLEEP | KS_KSM_MERGE_ACROSS_NODES, .run = true, .sleep_ms = 50};

    tree_put(&f->tree, "sys/kernel/mm/ksm/run", "0\n");
    tree_put(&f->tree, "sys/kernel/mm/ksm/sleep_millisecs", "20\n");
    tree_put(&f->tree, "sys/kernel/mm/ksm/pages_to_scan", "100\n");
    tree_put(&f->tree, "sys/kernel/mm/ksm/merge_across_nodes", "1\n");
    tree_put(&f->tree, "sys/kernel/mm/ksm/pages_shared", "3\n");
    assert_int_equal(ks_ksm_set(&f->w, &want, &f->err), -1);
    assert_int_equal(f->err.code, KS_E_BLOCKED);
    assert_int_equal(f->w.log.n, 0);
    tree_put(&f->tree, "sys/kernel/mm/ksm/pages_shared", "0\n");
    assert_int_equal(ks_ksm_set(&f->w, &want, &f->err), 0);
    assert_int_equal(f->w.log.n, 3);
    assert_string_equal(text(f, "sys/kernel/mm/ksm/run"), "1");
    assert_string_equal(text(f, "sys/kernel/mm/ksm/sleep_millisecs"), "50");
    assert_string_equal(text(f, "sys/kernel/mm/ksm/pages_to_scan"), "100"); /* not stated */
    assert_int_equal(ks_ksm_set(&f->w, &want, &f->err), 0);
    assert_int_equal(f->w.log.n, 3);
    tree_put(&f->tree, "sys/kernel/mm/ksm/run", "2\n");
    const struct ks_ksm_want off = {.stated = KS_KSM_RUN};
    assert_int_equal(ks_ksm_set(&f->w, &off, &f->err), 0); /* 2 is off, too */
    assert_int_equal(f->w.log.n, 3);
}

static void module_parameters(void **state)
{
    struct fixture *f = *state;

    tree_put(&f->tree, "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "N\n");
    tree_put(&f->tree, "sys/module/kvm_intel/parameters/nested", "N\n");
    assert_int_equal(fchmodat(f->tree.root, "sys/module/kvm_intel/parameters/nested", 0444, 0), 0);
    assert_int_equal(ks_module_parameter_set(&f->w, "vfio-iommu-type1", "allow_unsafe_interrupts", "1", &f->err),
                     0);
    assert_string_equal(text(f, "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"), "1");
    assert_int_equal(ks_module_parameter_set(&f->w, "kvm_intel", "nested", "0", &f->err), 0); /* is so */
    assert_int_equal(ks_module_parameter_set(&f->w, "kvm_intel", "nested", "1", &f->err), -1);
    assert_int_equal(f->err.code, KS_E_UNSUPPORTED);
    assert_int_equal(ks_module_parameter_set(&f->w, "kvm_amd", "nested", "1", &f->err), -1);
    assert_int_equal(f->err.code, KS_E_NOT_FOUND);
}

static int by_child(struct fixture *f, const struct ks_attr_text *attrs, size_t n, size_t *ret_failed)
{
    const struct ks_attr_writes writes = {.v = attrs, .n = n, .timeout_ms = 5000};

    return ks_attrs_write_by_child(f->w.root, &writes, ret_failed, &f->err);
}

static void a_child_writes_in_order(void **state)
{
    struct fixture *f = *state;
    const struct ks_attr_text attrs[] = {{"a", "0"}, {"b", "4"}, {"none", "1"}, {"a", "9"}};
    size_t failed;

    tree_put(&f->tree, "a", "12\n");
    tree_put(&f->tree, "b", "0\n");
    assert_int_equal(by_child(f, attrs, 2, &failed), 0);
    assert_string_equal(text(f, "a"), "0");
    assert_string_equal(text(f, "b"), "4");
    assert_int_equal(by_child(f, attrs, 4, &failed), -1);
    assert_int_equal(failed, 2);
    assert_int_equal(f->err.sys_errno, ENOENT);
    assert_string_equal(text(f, "a"), "0"); /* what stands behind a failure is left out */
}

/* A lease holds up whoever opens the file for writing, as a driver may. */
static void a_write_that_hangs_is_left_behind(void **state)
{
    struct fixture *f = *state;
    const struct ks_attr_text attr = {"slow", "4"};
    const struct ks_attr_writes writes = {.v = &attr, .n = 1, .timeout_ms = 300};
    size_t failed;

    tree_put(&f->tree, "slow", "0\n");
    (void)signal(SIGIO, SIG_IGN);
    ks_auto(ks_closep) int lease = openat(f->tree.root, "slow", O_RDONLY | O_CLOEXEC);
    if (fcntl(lease, F_SETLEASE, F_RDLCK) < 0)
        skip(); /* this file system has none */
    const uint64_t start = ks_now_ms();
    assert_int_equal(ks_attrs_write_by_child(f->w.root, &writes, &failed, &f->err), -1);
    assert_int_equal(f->err.code, KS_E_TIMEOUT);
    assert_in_range(ks_now_ms() - start, 290, 3000);
}

/* As a run that is killed while a driver makes VFs: what it had changed for that long is put back. */
static void a_child_that_is_left_alone_puts_back(void **state)
{
    struct fixture *f = *state;
    const struct ks_attr_text slow = {"slow", "4"}, put_back = {"switch", "1"};
    const struct ks_attr_writes writes = {.v = &slow, .n = 1, .orphaned = &put_back, .timeout_ms = 60000};
    size_t failed;

    tree_put(&f->tree, "slow", "0\n");
    tree_put(&f->tree, "switch", "0");
    assert_int_equal(ks_attrs_write_by_child(f->w.root, &writes, &failed, &f->err), 0);
    assert_string_equal(text(f, "switch"), "0"); /* who lives does so himself */
    (void)signal(SIGIO, SIG_IGN);
    ks_auto(ks_closep) int lease = openat(f->tree.root, "slow", O_RDONLY | O_CLOEXEC);
    if (fcntl(lease, F_SETLEASE, F_RDLCK) < 0)
        skip(); /* this file system has none */
    const pid_t run = fork();
    if (run == 0) {
        (void)ks_attrs_write_by_child(f->w.root, &writes, &failed, &f->err);
        _exit(0);
    }
    for (int i = 0; i < 500 && fcntl(lease, F_GETLEASE) == F_RDLCK; i++)
        ks_sleep_ms(10); /* until somebody wants to write, and waits */
    assert_int_equal(kill(run, SIGKILL), 0);
    assert_int_equal(waitpid(run, NULL, 0), run);
    assert_int_equal(fcntl(lease, F_SETLEASE, F_UNLCK), 0);
    for (int i = 0; i < 500 && !ks_streq(text(f, "switch"), "1"); i++)
        ks_sleep_ms(10);
    assert_string_equal(text(f, "switch"), "1");
    assert_string_equal(text(f, "slow"), "4");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_so_already_is_not_written),
        TEST(a_value_that_does_not_hold_is_told),
        TEST(ksm),
        TEST(module_parameters),
        TEST(a_child_writes_in_order),
        TEST(a_write_that_hangs_is_left_behind),
        TEST(a_child_that_is_left_alone_puts_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
