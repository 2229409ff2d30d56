/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the doctor reads, from made-up trees: each fact both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pcitree.h"
#include "state/facts.h"
#include "tree.h"

struct fixture {
    struct tree tree;
    struct ks_arena *arena;
    struct ks_facts facts;
    struct ks_error err;
    struct ks_facts_reading reading;
};

TREE_FIXTURE(arena, f->facts.arch = "x86_64";
             f->reading = (struct ks_facts_reading){
                 .arena = f->arena, .root = f->tree.root, .state_path = "/nonexistent/a"})

static void read_section(struct fixture *f, ks_facts_fn *fn)
{
    f->facts = (struct ks_facts){.arch = "x86_64"};
    if (fn(&f->reading, &f->facts, &f->err) < 0)
        fail_msg("%s", ks_error_text(f->arena, &f->err));
}

/* ---- CPU ------------------------------------------------------------------------------------------------------
 */

static void cpu_flags(void **state)
{
    struct fixture *f = *state;

    read_section(f, ks_facts_cpu);
    assert_false(f->facts.vmx || f->facts.svm || f->facts.kvm_there || f->facts.nested);
    /* "vmxnet" and "xsvm" are other words, as is a bug of that name. */
    tree_put(&f->tree, "proc/cpuinfo",
             "processor\t: 0\nflags\t\t: fpu vmxnet xsvm\nvmx flags\t: vnmi\nbugs\t\t: vmx svm\n");
    read_section(f, ks_facts_cpu);
    assert_false(f->facts.vmx || f->facts.svm || f->facts.in_vm);
    tree_put(&f->tree, "proc/cpuinfo",
             "processor\t: 0\nflags\t\t: fpu vmx pdpe1gb\n\nprocessor\t: 1\nflags\t\t: fpu svm\n");
    read_section(f, ks_facts_cpu);
    assert_true(f->facts.vmx && f->facts.gigantic_pages);
    assert_false(f->facts.svm || f->facts.in_vm);
    tree_put(&f->tree, "proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu hypervisor svm\n");
    read_section(f, ks_facts_cpu);
    assert_true(f->facts.svm && f->facts.in_vm);
    assert_false(f->facts.vmx || f->facts.gigantic_pages);
}

static void kvm_and_its_device(void **state)
{
    struct fixture *f = *state;

    tree_put(&f->tree, "dev/kvm", "");
    tree_put(&f->tree, "sys/module/kvm_amd/parameters/nested", "1\n");
    read_section(f, ks_facts_cpu);
    assert_true(f->facts.kvm_there && f->facts.kvm_opens);
    assert_string_equal(f->facts.nested, "1");
    assert_false(f->facts.apparmor || f->facts.selinux);
    tree_put(&f->tree, "sys/module/apparmor/parameters/enabled", "Y\n");
    tree_put(&f->tree, "sys/fs/selinux/enforce", "1");
    tree_put(&f->tree, "sys/module/kvm_intel/parameters/nested", "N\n");
    read_section(f, ks_facts_cpu);
    assert_true(f->facts.apparmor && f->facts.selinux);
    assert_string_equal(f->facts.nested, "N");
    assert_int_equal(unlinkat(f->tree.root, "dev/kvm", 0), 0);
    tree_put(&f->tree, "dev/kvm/", "");
    read_section(f, ks_facts_cpu);
    assert_true(f->facts.kvm_there && !f->facts.kvm_opens && f->facts.kvm_why);
}

/* ---- IOMMU ----------------------------------------------------------------------------------------------------
 */

static void put_dmar(struct fixture *f, char flags)
{
    char table[48] = {'D', 'M', 'A', 'R'};
    ks_auto(ks_closep) int fd = -1;

    memset(table + 4, 1, sizeof table - 4);
    table[37] = flags;
    tree_put(&f->tree, "sys/firmware/acpi/tables/DMAR", "");
    fd = openat(f->tree.root, "sys/firmware/acpi/tables/DMAR", O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, table, sizeof table), sizeof table);
}

static void iommu(void **state)
{
    struct fixture *f = *state;

    read_section(f, ks_facts_iommu);
    assert_false(f->facts.dmar || f->facts.ivrs);
    assert_int_equal(f->facts.iommu_groups, 0);
    put_dmar(f, 0);
    read_section(f, ks_facts_iommu);
    assert_true(f->facts.dmar);
    assert_int_equal(f->facts.dmar_remapping, KS_FACT_NO);
    put_dmar(f, 1);
    tree_put(&f->tree, "sys/firmware/acpi/tables/IVRS", "IVRS");
    tree_put(&f->tree, "sys/class/iommu/dmar0/", "");
    tree_put(&f->tree, "sys/kernel/iommu_groups/0/", "");
    tree_put(&f->tree, "sys/kernel/iommu_groups/1/", "");
    read_section(f, ks_facts_iommu);
    assert_true(f->facts.dmar && f->facts.ivrs);
    assert_int_equal(f->facts.dmar_remapping, KS_FACT_YES);
    assert_int_equal(f->facts.iommu_groups, 2);
    assert_int_equal(f->facts.iommus.n, 1);
    /* A table that is cut short says nothing. */
    tree_put(&f->tree, "sys/firmware/acpi/tables/DMAR", "DMAR");
    read_section(f, ks_facts_iommu);
    assert_int_equal(f->facts.dmar_remapping, KS_FACT_UNKNOWN);
}

static void interrupts(void **state)
{
    struct fixture *f = *state;

    read_section(f, ks_facts_iommu);
    assert_int_equal(f->facts.remapping, KS_FACT_UNKNOWN);
    tree_put(&f->tree, "proc/interrupts", "      CPU0\n  9:  3  IO-APIC   9-fasteoi   acpi\n");
    read_section(f, ks_facts_iommu);
    assert_int_equal(f->facts.remapping, KS_FACT_NO);
    tree_put(&f->tree, "proc/interrupts", "      CPU0\n  9:  3  IR-IO-APIC   9-fasteoi   acpi\n");
    read_section(f, ks_facts_iommu);
    assert_int_equal(f->facts.remapping, KS_FACT_YES);
    tree_put(&f->tree, "proc/interrupts", " 24: 1 IR-PCI-MSIX-0000:81:00.0 0-edge ens1\n");
    read_section(f, ks_facts_iommu);
    assert_int_equal(f->facts.remapping, KS_FACT_YES);
}

/* ---- PCI ------------------------------------------------------------------------------------------------------
 */

static void put_resources(struct fixture *f, const char *vf_window)
{
    struct ks_text text = {.arena = f->arena};

    for (int i = 0; i < 13; i++)
        ks_text_addf(&text, "%s\n",
                     i == 0   ? "0x00000000fe000000 0x00000000fe01ffff 0x0000000000040200"
                     : i == 7 ? vf_window
                              : "0x0000000000000000 0x0000000000000000 0x0000000000000000");
    tree_put(&f->tree, pci_path("0000:81:00.0", "resource"), ks_text_str(&text));
}

static void room_for_vfs(void **state)
{
    struct fixture *f = *state;

    pci_put_pf(&f->tree, "7\n", "0\n");
    read_section(f, ks_facts_pci);
    assert_int_equal(f->facts.devices.n, 1);
    assert_true(f->facts.devices.v[0].is_pf && !f->facts.devices.v[0].no_room);
    assert_string_equal(f->facts.devices.v[0].name, "ens1");
    put_resources(f, "0x00000000fe100000 0x00000000fe11ffff 0x0000000000140204");
    read_section(f, ks_facts_pci);
    assert_false(f->facts.devices.v[0].no_room);
    put_resources(f, "0x0000000000000000 0x000000000001ffff 0x0000000000140204");
    read_section(f, ks_facts_pci);
    assert_true(f->facts.devices.v[0].no_room);
    put_resources(f, "0x0000000000000000 0x0000000000000000 0x0000000000000000");
    read_section(f, ks_facts_pci);
    assert_true(f->facts.devices.v[0].no_room);
}

/* ---- the kernel -----------------------------------------------------------------------------------------------
 */

static const struct ks_fact_module *module_of(const struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->facts.modules.n; i++)
        if (ks_streq(f->facts.modules.v[i].name, name))
            return &f->facts.modules.v[i];
    fail_msg("%s is not asked for", name);
    return NULL;
}

static const struct ks_fact_parameter *parameter_of(const struct fixture *f, const char *module)
{
    for (size_t i = 0; i < f->facts.parameters.n; i++)
        if (ks_streq(f->facts.parameters.v[i].module, module))
            return &f->facts.parameters.v[i];
    fail_msg("%s is not asked for", module);
    return NULL;
}

static void modules(void **state)
{
    struct fixture *f = *state;

    tree_put(&f->tree, "proc/sys/kernel/osrelease", "6.1.0\n");
    read_section(f, ks_facts_kernel);
    assert_int_equal(module_of(f, "vfio_pci")->state, KS_MODULE_NONE);
    tree_put(&f->tree, "lib/modules/6.1.0/modules.dep",
             "kernel/drivers/vfio/pci/vfio-pci-core.ko.xz: kernel/drivers/vfio/vfio.ko.xz\nkernel/net/tun2.ko:\n"
             "kernel/x/my-tun.ko:\n");
    read_section(f, ks_facts_kernel);
    assert_int_equal(module_of(f, "vfio_pci")->state, KS_MODULE_NONE);
    assert_int_equal(module_of(f, "tun")->state, KS_MODULE_NONE);
    tree_put(&f->tree, "lib/modules/6.1.0/modules.dep",
             "kernel/drivers/vfio/vfio.ko.xz:\nkernel/drivers/vfio/pci/vfio-pci.ko.xz: "
             "kernel/drivers/vfio/vfio.ko.xz\n");
    tree_put(&f->tree, "lib/modules/6.1.0/modules.builtin", "kernel/drivers/net/tun.ko\n");
    tree_put(&f->tree, "sys/module/vhost_net/", "");
    read_section(f, ks_facts_kernel);
    assert_int_equal(module_of(f, "vfio_pci")->state, KS_MODULE_AVAILABLE);
    assert_int_equal(module_of(f, "tun")->state, KS_MODULE_LOADED);
    assert_int_equal(module_of(f, "vhost_net")->state, KS_MODULE_LOADED);
    assert_false(module_of(f, "vfio_pci")->blocked);
}

static void modprobe_d(void **state)
{
    struct fixture *f = *state;

    tree_put(
        &f->tree, "etc/modprobe.d/a.conf",
        "# options vfio_iommu_type1 allow_unsafe_interrupts=1\n  blacklist vfio-pci\n\ninstall tun /bin/false\n"
        "options kvm-intel  nested=0 ept=1\n");
    tree_put(&f->tree, "etc/modprobe.d/b.disabled", "options vfio_iommu_type1 allow_unsafe_interrupts=1\n");
    read_section(f, ks_facts_kernel);
    assert_true(module_of(f, "vfio_pci")->blocked && module_of(f, "tun")->blocked);
    assert_false(module_of(f, "bridge")->blocked);
    assert_null(parameter_of(f, "vfio_iommu_type1")->at_load);
    assert_string_equal(parameter_of(f, "kvm_intel")->at_load, "0");
    /* A file in /etc hides the one of the same name in /usr. */
    tree_put(&f->tree, "usr/lib/modprobe.d/a.conf", "options kvm_amd nested=0\n");
    tree_put(&f->tree, "usr/lib/modprobe.d/c.conf", "options vfio-iommu-type1 allow_unsafe_interrupts=1\n");
    read_section(f, ks_facts_kernel);
    assert_string_equal(parameter_of(f, "vfio_iommu_type1")->at_load, "1");
    assert_null(parameter_of(f, "kvm_amd")->at_load);
}

static void boot_line(void **state)
{
    struct fixture *f = *state;

    tree_put(&f->tree, "proc/cmdline", "quiet intel_iommu=on vfio-iommu-type1.allow_unsafe_interrupts=Y\n");
    tree_put(&f->tree, "sys/kernel/mm/ksm/run", "0\n");
    tree_put(&f->tree, "proc/sys/kernel/numa_balancing", "0\n");
    tree_put(&f->tree, "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "N\n");
    read_section(f, ks_facts_kernel);
    assert_int_equal(f->facts.boot.n, 3);
    assert_string_equal(parameter_of(f, "vfio_iommu_type1")->at_load, "Y");
    assert_string_equal(parameter_of(f, "vfio_iommu_type1")->value, "N");
    assert_true(f->facts.ksm);
    assert_int_equal(f->facts.numa_balancing, 0);
}

/* ---- control groups, programs, firmware -----------------------------------------------------------------------
 */

static void cgroups(void **state)
{
    struct fixture *f = *state;

    read_section(f, ks_facts_cgroups);
    assert_int_equal(f->facts.cgroups, 0);
    tree_put(&f->tree, "sys/fs/cgroup/cpuset/tasks", "");
    read_section(f, ks_facts_cgroups);
    assert_int_equal(f->facts.cgroups, 1);
    assert_int_equal(f->facts.controllers.n, 1);
    tree_put(&f->tree, "sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory\n");
    read_section(f, ks_facts_cgroups);
    assert_int_equal(f->facts.cgroups, 2);
    assert_int_equal(f->facts.controllers.n, 4);
}

static const char *program(const struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->facts.programs.n; i++)
        if (ks_streq(f->facts.programs.v[i].name, name))
            return f->facts.programs.v[i].path;
    fail_msg("%s is not looked for", name);
    return NULL;
}

static void programs(void **state)
{
    struct fixture *f = *state;

    tree_put(&f->tree, "usr/bin/swtpm", "");
    tree_put(&f->tree, "usr/lib/qemu/virtiofsd", "");
    assert_int_equal(fchmodat(f->tree.root, "usr/lib/qemu/virtiofsd", 0755, 0), 0);
    read_section(f, ks_facts_programs);
    assert_null(program(f, "swtpm")); /* it cannot be run */
    assert_string_equal(program(f, "virtiofsd"), "/usr/lib/qemu/virtiofsd");
    assert_null(program(f, "dnsmasq"));
}

#define DESCRIPTOR(file, arch, features) \
    "{\"interface-types\": [\"uefi\"], \"mapping\": {\"device\": \"flash\", \"executable\": {\"filename\": " \
    "\"" file "\"}}, \"targets\": [{\"architecture\": \"" arch "\"}], \"features\": [" features "]}"

static void firmware(void **state)
{
    struct fixture *f = *state;

    tree_put(&f->tree, "usr/share/qemu/firmware/50-a.json", DESCRIPTOR("/fw/a.fd", "x86_64", "\"secure-boot\""));
    tree_put(&f->tree, "usr/share/qemu/firmware/60-b.json", DESCRIPTOR("/fw/b.fd", "x86_64", ""));
    tree_put(&f->tree, "usr/share/qemu/firmware/70-c.json", DESCRIPTOR("/fw/c.fd", "aarch64", ""));
    tree_put(&f->tree, "usr/share/qemu/firmware/80-d.json", "{ this is no JSON");
    tree_put(&f->tree, "usr/share/qemu/firmware/90-e.json", "{\"interface-types\": 7, \"mapping\": []}");
    tree_put(&f->tree, "fw/b.fd", "");
    read_section(f, ks_facts_firmware);
    assert_int_equal(f->facts.firmwares.n, 2);
    assert_true(f->facts.firmwares.v[0].secure_boot && !f->facts.firmwares.v[0].exists);
    assert_true(!f->facts.firmwares.v[1].secure_boot && f->facts.firmwares.v[1].exists);
    tree_put(&f->tree, "etc/qemu/firmware/50-a.json", "");
    read_section(f, ks_facts_firmware);
    assert_int_equal(f->facts.firmwares.n, 1);
    assert_string_equal(f->facts.firmwares.v[0].file, "/fw/b.fd");
}

/* ---- paths ----------------------------------------------------------------------------------------------------
 */

static struct ks_manifest *want_pool(struct fixture *f, const char *path)
{
    struct ks_manifest *m = (struct ks_manifest *)ks_obj_new(f->arena, &ks_manifest_kind, NULL);
    struct ks_pool *pool = (struct ks_pool *)ks_obj_new(f->arena, &ks_pool_kind, "images");

    pool->path = path;
    ks_map_put(f->arena, &m->pools, &pool->o);
    return m;
}

static void expect_path(struct fixture *f, bool exists, const char *closed)
{
    read_section(f, ks_facts_paths);
    assert_int_equal(f->facts.paths.n, 1);
    assert_int_equal(f->facts.paths.v[0].exists, exists);
    if (!ks_streq(f->facts.paths.v[0].closed, closed))
        fail_msg("closed at %s, not at %s", f->facts.paths.v[0].closed, closed);
    assert_true(f->facts.paths.v[0].free > 0);
}

static void paths_of_qemus_user(void **state)
{
    struct fixture *f = *state;

    f->reading.want = want_pool(f, "/srv/vm/images");
    tree_put(&f->tree, "srv/vm/", "");
    expect_path(f, false, NULL); /* nobody can tell who QEMU runs as */
    assert_null(f->facts.qemu_user);
    tree_put(&f->tree, "etc/passwd", "root:x:0:0::/:/bin/sh\nlibvirt-qemu:x:64055:994::/:/bin/false\n");
    tree_put(&f->tree, "etc/group", "root:x:0:\nkvm:x:993:a,libvirt-qemu\n");
    tree_put(&f->tree, "srv/vm/images/", "");
    expect_path(f, true, NULL);
    assert_string_equal(f->facts.qemu_user, "libvirt-qemu");
    assert_int_equal(fchmodat(f->tree.root, "srv/vm", 0750, 0), 0);
    expect_path(f, true, "/srv/vm");
    if (geteuid() != 0)
        return;
    assert_int_equal(fchownat(f->tree.root, "srv/vm", 0, 993, 0), 0);
    expect_path(f, true, NULL); /* through its group */
    assert_int_equal(fchownat(f->tree.root, "srv/vm", 64055, 0, 0), 0);
    expect_path(f, true, NULL); /* its own */
    assert_int_equal(fchownat(f->tree.root, "srv/vm", 0, 0, 0), 0);
    tree_put(&f->tree, "etc/libvirt/qemu.conf", "#user = \"nobody\"\nuser = \"root\"\n");
    expect_path(f, true, NULL); /* who is root may enter */
    tree_put(&f->tree, "etc/libvirt/qemu.conf", "user = \"+64055\"\n");
    expect_path(f, true, "/srv/vm");
}

/* ---- the state directory, and all together --------------------------------------------------------------------
 */

static void state_directory(void **state)
{
    struct fixture *f = *state;

    f->reading.state_path = ks_sprintf(f->arena, "%s/var/lib/kvmstate", f->tree.dir);
    read_section(f, ks_facts_state);
    assert_true(!f->facts.state_exists && f->facts.state_writable && f->facts.state_free > 0);
    tree_put(&f->tree, "var/lib/kvmstate/", "");
    read_section(f, ks_facts_state);
    assert_true(f->facts.state_exists && f->facts.state_writable);
    f->reading.state_path = "/proc/sys/kvmstate";
    read_section(f, ks_facts_state);
    assert_false(f->facts.state_exists || f->facts.state_writable);
}

/* A broken file makes its section unknown, and no other. */
static void one_section_fails(void **state)
{
    struct fixture *f = *state;

    tree_put(&f->tree, "sys/kernel/mm/ksm/run", "yes\n");
    f->reading.no_libvirt = "there is none";
    ks_facts_read(&f->reading, &f->facts);
    for (int i = 0; i < KS_FACTS_SECTIONS; i++) {
        const bool fails = i == KS_FACTS_KERNEL || i == KS_FACTS_LIBVIRT;
        if ((f->facts.unknown[i] != NULL) != fails)
            fail_msg("section %d: %s", i, f->facts.unknown[i] ? f->facts.unknown[i] : "was read");
    }
    assert_non_null(strstr(f->facts.unknown[KS_FACTS_KERNEL], "ksm/run"));
    assert_string_equal(f->facts.unknown[KS_FACTS_LIBVIRT], "there is none");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cpu_flags),       TEST(kvm_and_its_device), TEST(iommu),
        TEST(interrupts),      TEST(room_for_vfs),       TEST(modules),
        TEST(modprobe_d),      TEST(boot_line),          TEST(cgroups),
        TEST(programs),        TEST(firmware),           TEST(paths_of_qemus_user),
        TEST(state_directory), TEST(one_section_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
