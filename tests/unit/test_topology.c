/* SPDX-License-Identifier: GPL-2.0-or-later */
/* state/topology.c and state/knobs.c over made-up trees, and over this machine's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "state/host.h"
#include "tree.h"

struct fixture {
    struct tree tree;
    struct ks_arena *arena;
    struct ks_error err;
};

TREE_FIXTURE(arena, (void)0)

static void put_pool(const struct tree *t, const char *dir, const char *size, const char *total, const char *avail)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/hugepages-%skB/nr_hugepages", dir, size);
    tree_put(t, path, total);
    (void)snprintf(path, sizeof(path), "%s/hugepages-%skB/free_hugepages", dir, size);
    tree_put(t, path, avail);
    (void)snprintf(path, sizeof(path), "%s/hugepages-%skB/surplus_hugepages", dir, size);
    tree_put(t, path, "1\n");
}

static void put_node(const struct tree *t, unsigned id, const char *cpus, const char *distance)
{
    char path[256], text[256];

    (void)snprintf(path, sizeof(path), "sys/devices/system/node/node%u/cpulist", id);
    tree_put(t, path, cpus);
    (void)snprintf(path, sizeof(path), "sys/devices/system/node/node%u/distance", id);
    tree_put(t, path, distance);
    (void)snprintf(path, sizeof(path), "sys/devices/system/node/node%u/meminfo", id);
    (void)snprintf(text, sizeof(text), "Node %u MemTotal:  2048 kB\nNode %u MemFree:  1024 kB\n", id, id);
    tree_put(t, path, text);
    (void)snprintf(path, sizeof(path), "sys/devices/system/node/node%u/hugepages", id);
    put_pool(t, path, "1048576", "0\n", "0\n");
    put_pool(t, path, "2048", id ? "7\n" : "512\n", "5\n");
}

static void put_two_nodes(const struct tree *t)
{
    tree_put(t, "proc/meminfo", "MemTotal:  4096 kB\nMemFree: 100 kB\nHugepagesize:       2048 kB\n");
    tree_put(t, "proc/mounts",
             "hugetlbfs /dev/huge\\040pages hugetlbfs rw,relatime 0 0\n"
             "proc /proc proc rw 0 0\nnone /mnt/1g hugetlbfs rw,pagesize=1024M 0 0\n");
    tree_put(t, "sys/devices/system/cpu/present", "0-5\n");
    tree_put(t, "sys/devices/system/cpu/online", "0-4\n");
    for (unsigned i = 0; i < 4; i++) {
        char path[128], text[32];
        (void)snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", i);
        (void)snprintf(text, sizeof(text), "%u,%u\n", i % 2, i % 2 + 2);
        tree_put(t, path, text);
        (void)snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%u/topology/physical_package_id", i);
        tree_put(t, path, i % 2 ? "1\n" : "0\n");
    }
    tree_put(t, "sys/devices/system/node/online", "0,2-3\n");
    put_node(t, 0, "0,2\n", "10 21 31\n");
    put_node(t, 2, "1,3-4\n", "21 10 31\n");
    put_node(t, 3, "\n", "31 31 10\n"); /* memory without CPUs */
    put_pool(t, "sys/kernel/mm/hugepages", "2048", "526\n", "15\n");
    tree_put(t, "sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages", "3\n");
    tree_put(t, "sys/kernel/mm/hugepages/not-a-pool/nr_hugepages", "9\n");
}

static void nodes_pages_and_distances(void **state)
{
    struct fixture *f = *state;
    struct ks_host_topology topology;

    put_two_nodes(&f->tree);
    assert_int_equal(ks_host_topology_read(f->tree.root, f->arena, &topology, &f->err), 0);
    assert_true(topology.numa);
    assert_int_equal(topology.nodes.n, 3);
    assert_null(ks_host_topology_node(&topology, 1));
    const struct ks_host_node *node = ks_host_topology_node(&topology, 2);
    assert_string_equal(ks_cpuset_format(f->arena, &node->cpus), "1,3-4");
    assert_int_equal(node->memory_kib, 2048);
    assert_int_equal(node->free_kib, 1024);
    assert_int_equal(node->n_distances, 3);
    assert_int_equal(node->distances[2], 31);
    assert_int_equal(node->pools.v[0].size_kib, 2048);
    assert_int_equal(node->pools.v[1].size_kib, 1048576);
    const struct ks_host_page_pool *pool = ks_host_topology_pool(&topology, node, 2048);
    assert_int_equal(pool->total, 7);
    assert_int_equal(pool->free, 5);
    assert_int_equal(pool->surplus, 1);
    assert_int_equal(topology.pools.n, 1);
    assert_int_equal(ks_host_topology_pool(&topology, NULL, 2048)->reserved, 3);
    assert_null(ks_host_topology_pool(&topology, NULL, 64));
    assert_int_equal(ks_cpuset_count(&ks_host_topology_node(&topology, 3)->cpus), 0);
}

static void cpus_and_mounts(void **state)
{
    struct fixture *f = *state;
    struct ks_host_topology topology;

    put_two_nodes(&f->tree);
    assert_int_equal(ks_host_topology_read(f->tree.root, f->arena, &topology, &f->err), 0);
    assert_int_equal(topology.cpus.n, 6);
    assert_string_equal(ks_cpuset_format(f->arena, &topology.cpus.v[3].siblings), "1,3");
    assert_int_equal(topology.cpus.v[3].node, 2);
    assert_int_equal(topology.cpus.v[3].socket, 1);
    assert_int_equal(topology.cpus.v[4].socket, -1); /* says nothing of itself */
    assert_true(topology.cpus.v[4].online);
    assert_false(topology.cpus.v[5].online);
    assert_int_equal(topology.mounts.n, 2);
    assert_string_equal(topology.mounts.v[0].path, "/dev/huge pages");
    assert_int_equal(topology.mounts.v[0].size_kib, 2048);
    assert_int_equal(topology.mounts.v[1].size_kib, 1048576);
}

static void no_node_directory_is_one_node(void **state)
{
    struct fixture *f = *state;
    struct ks_host_topology topology;

    tree_put(&f->tree, "proc/meminfo", "MemTotal:  4096 kB\nMemFree: 100 kB\nHugepagesize:       2048 kB\n");
    tree_put(&f->tree, "sys/devices/system/cpu/present", "0-1\n");
    tree_put(&f->tree, "sys/devices/system/cpu/online", "0-1\n");
    put_pool(&f->tree, "sys/kernel/mm/hugepages", "2048", "4\n", "2\n");
    assert_int_equal(ks_host_topology_read(f->tree.root, f->arena, &topology, &f->err), 0);
    assert_false(topology.numa);
    assert_int_equal(topology.nodes.n, 1);
    assert_int_equal(topology.nodes.v[0].memory_kib, 4096);
    assert_int_equal(ks_cpuset_count(&topology.nodes.v[0].cpus), 2);
    assert_int_equal(ks_host_topology_pool(&topology, &topology.nodes.v[0], 2048)->total, 4);
    assert_int_equal(topology.cpus.v[1].node, 0);
}

static void a_broken_list_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct ks_host_topology topology;

    put_two_nodes(&f->tree);
    tree_put(&f->tree, "sys/devices/system/node/node2/cpulist", "1,x\n");
    assert_int_equal(ks_host_topology_read(f->tree.root, f->arena, &topology, &f->err), -1);
    assert_int_equal(f->err.code, KS_E_INVALID);
    assert_non_null(strstr(ks_error_text(f->arena, &f->err), "node2/cpulist"));
}

static void this_machine(void **state)
{
    struct fixture *f = *state;
    struct ks_host_topology topology;
    struct ks_host_knobs knobs;
    ks_auto(ks_closep) int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_int_equal(ks_host_topology_read(root, f->arena, &topology, &f->err), 0);
    assert_int_equal(ks_cpuset_count(&topology.online), sysconf(_SC_NPROCESSORS_ONLN));
    assert_true(topology.nodes.n > 0 && topology.nodes.v[0].memory_kib > 1024);
    assert_int_equal(ks_host_knobs_read(root, f->arena, &knobs, &f->err), 0);
    assert_non_null(knobs.release);
}

static void command_line(void **state)
{
    struct fixture *f = *state;
    struct ks_host_knobs knobs;

    tree_put(&f->tree, "proc/cmdline",
             "ro  intel_iommu=off dyndbg=\"file a b\" \"foo=x y\" intel-iommu=on -- init=no\n");
    assert_int_equal(ks_host_knobs_read(f->tree.root, f->arena, &knobs, &f->err), 0);
    assert_int_equal(knobs.boot.n, 5);
    assert_null(ks_host_boot_parameter(&knobs, "ro")->value);
    assert_string_equal(ks_host_boot_parameter(&knobs, "intel_iommu")->value, "on");
    assert_string_equal(ks_host_boot_parameter(&knobs, "dyndbg")->value, "file a b");
    assert_string_equal(ks_host_boot_parameter(&knobs, "foo")->value, "x y");
    assert_null(ks_host_boot_parameter(&knobs, "init"));
    assert_int_equal(knobs.numa_balancing, -1);
    assert_false(knobs.ksm.supported);
}

static void knobs_and_modules(void **state)
{
    struct fixture *f = *state;
    struct ks_host_knobs knobs;
    struct ks_host_module_parameter p;

    tree_put(&f->tree, "sys/kernel/mm/ksm/run", "1\n");
    tree_put(&f->tree, "sys/kernel/mm/ksm/pages_to_scan", "100\n");
    tree_put(&f->tree, "sys/kernel/mm/ksm/sleep_millisecs", "20\n");
    tree_put(&f->tree, "sys/kernel/mm/ksm/merge_across_nodes", "0\n");
    tree_put(&f->tree, "proc/sys/kernel/numa_balancing", "1\n");
    tree_put(&f->tree, "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "N\n");
    tree_put(&f->tree, "sys/module/kvm_intel/parameters/nested", "Y\n");
    assert_int_equal(fchmodat(f->tree.root, "sys/module/kvm_intel/parameters/nested", 0444, 0), 0);
    assert_int_equal(ks_host_knobs_read(f->tree.root, f->arena, &knobs, &f->err), 0);
    assert_int_equal(knobs.ksm.run, 1);
    assert_int_equal(knobs.ksm.sleep_ms, 20);
    assert_false(knobs.ksm.merge_across_nodes);
    assert_int_equal(knobs.numa_balancing, 1);
    assert_int_equal(ks_host_module_parameter_read(f->tree.root, "vfio-iommu-type1", "allow_unsafe_interrupts",
                                                   f->arena, &p, &f->err),
                     0);
    assert_true(p.loaded && p.exists && p.writable);
    assert_string_equal(p.value, "N");
    assert_int_equal(ks_host_module_parameter_read(f->tree.root, "kvm_intel", "nested", f->arena, &p, &f->err), 0);
    assert_true(p.exists && !p.writable);
    assert_int_equal(ks_host_module_parameter_read(f->tree.root, "kvm_intel", "none", f->arena, &p, &f->err), 0);
    assert_true(p.loaded && !p.exists);
    assert_int_equal(ks_host_module_parameter_read(f->tree.root, "kvm_amd", "nested", f->arena, &p, &f->err), 0);
    assert_false(p.loaded);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nodes_pages_and_distances), TEST(cpus_and_mounts), TEST(no_node_directory_is_one_node),
        TEST(a_broken_list_is_an_error), TEST(this_machine),    TEST(command_line),
        TEST(knobs_and_modules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
