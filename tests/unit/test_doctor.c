/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each of the doctor's checks in both directions: on a host that is fit, and on the same host with one thing amiss.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fit_host.h"

/* ---- asking ---------------------------------------------------------------------------------------------------
 */

static int read_text(void *data, const char *path, struct ks_arena *arena, char **ret, size_t *ret_len,
                     struct ks_error *err)
{
    const struct fixture *f = data;

    (void)path, (void)err;
    *ret = ks_strdup(arena, f->text);
    *ret_len = strlen(f->text);
    return 0;
}

/* `text` NULL: in general. */
static void ask(struct fixture *f, const char *text)
{
    const struct ks_files files = {.data = f, .read = read_text};
    struct ks_findings findings = {.arena = f->arena};
    const struct ks_manifest *want = NULL;

    f->text = text;
    if (text) {
        want = ks_manifest_load(f->arena, &files, "lab.yaml", NULL, &findings);
        if (findings.n_errors > 0)
            ks_findings_print(stderr, &findings, false);
        assert_int_equal(findings.n_errors, 0);
    }
    f->found = ks_doctor(f->arena, want, &f->facts);
}

static const struct ks_diagnosis *find(const struct fixture *f, const char *check, const char *subject)
{
    for (size_t i = 0; i < f->found.n; i++)
        if (ks_streq(f->found.v[i].check, check) && (!subject || ks_streq(f->found.v[i].subject, subject)))
            return &f->found.v[i];
    return NULL;
}

static void expect(const struct fixture *f, const char *check, const char *subject, enum ks_health health,
                   const char *text, const char *cure)
{
    const struct ks_diagnosis *d = find(f, check, subject);

    if (!d)
        fail_msg("%s %s: nothing is said", check, subject ? subject : "");
    if (d->health != health || (text && !strstr(d->text, text)) || (cure && !(d->cure && strstr(d->cure, cure))))
        fail_msg("%s %s: %s, '%s', cure '%s'", check, subject ? subject : "", ks_health_name(d->health), d->text,
                 d->cure ? d->cure : "");
    assert_true(health == KS_HEALTH_OK || health == KS_HEALTH_UNKNOWN || d->cure);
    assert_true(!d->cure || !strchr(d->cure, '\n'));
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->arena = ks_arena_new();
    make_fit(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    ks_arena_free(f->arena);
    free(f);
    return 0;
}

/* ---- one thing amiss ------------------------------------------------------------------------------------------
 */

static void drop_program(struct ks_facts *f, const char *name)
{
    for (size_t i = 0; i < f->programs.n; i++)
        if (ks_streq(f->programs.v[i].name, name))
            f->programs.v[i].path = NULL;
}
static struct ks_fact_module *module_of(struct ks_facts *f, const char *name)
{
    for (size_t i = 0; i < f->modules.n; i++)
        if (ks_streq(f->modules.v[i].name, name))
            return &f->modules.v[i];
    abort();
}
static struct ks_fact_path *path_of(struct ks_facts *f, const char *name)
{
    for (size_t i = 0; i < f->paths.n; i++)
        if (ks_streq(f->paths.v[i].path, name))
            return &f->paths.v[i];
    abort();
}

#define BREAK(name, ...) \
    static void break_##name(struct ks_facts *f) \
    { \
        __VA_ARGS__; \
    }
BREAK(cpu, f->vmx = false)
BREAK(cpu_in_vm, f->vmx = false; f->in_vm = true)
BREAK(kvm, f->kvm_there = f->kvm_opens = false)
BREAK(kvm_closed, f->kvm_opens = f->is_root = false; f->kvm_why = "Permission denied")
BREAK(nested, f->nested = "N")
BREAK(nested_amd, f->nested = "0"; f->vmx = false; f->svm = true)
BREAK(libvirt, f->have.libvirt_version = 0; f->unknown[KS_FACTS_LIBVIRT] = "Failed to connect socket")
BREAK(libvirt_closed, f->have.libvirt_version = 0; f->unknown[KS_FACTS_LIBVIRT] = "authentication failed")
BREAK(libvirt_hangs, f->have.libvirt_version = 0;
      f->unknown[KS_FACTS_LIBVIRT] = "libvirt did not answer within 10 s")
BREAK(libvirt_old, f->have.libvirt_version = 8000000)
BREAK(qemu, f->have.caps.emulator = NULL; drop_program(f, "qemu-system-x86_64"))
BREAK(qemu_old, f->have.qemu_version = 5002000)
BREAK(qemu_img, drop_program(f, "qemu-img"))
BREAK(machines, f->have.caps.machines.v[0].alias = "q36"; f->have.caps.machines.v[0].name = "pc-q36-7.2")
BREAK(uefi, f->firmwares.n = 0)
BREAK(uefi_gone, f->firmwares.v[0].exists = false)
BREAK(secure_boot, f->firmwares.v[0].secure_boot = false)
BREAK(root, f->is_root = false)
BREAK(state, f->state_writable = false)
BREAK(state_full, f->state_free = 1 << 20)
BREAK(state_low, f->state_free = 100 << 20)
BREAK(clock, f->synchronized = false)
BREAK(year, f->year = 1970)
BREAK(clocksource, f->clocksource = "hpet")
BREAK(confinement, f->apparmor = false)
BREAK(iommu_deaf, f->iommu_groups = 0)
BREAK(label, f->apparmor = false; f->selinux = true; path_of(f, "/srv/images")->label = "u:object_r:var_t:s0")
BREAK(iommu, f->dmar = false; f->iommu_groups = 0; f->boot.n = 0)
BREAK(iommu_idle, f->iommu_groups = 0; f->boot.n = 0)
BREAK(iommu_amd, f->dmar = false; f->ivrs = true; f->iommu_groups = 0; f->boot.n = 0)
BREAK(iommu_off, f->iommu_groups = 0; f->boot.v[0].value = "off")
BREAK(remapping, f->remapping = KS_FACT_NO)
BREAK(remapping_unknown, f->remapping = KS_FACT_UNKNOWN)
BREAK(remapping_off, f->remapping = KS_FACT_NO; f->boot.v[0].key = "intremap"; f->boot.v[0].value = "off")
BREAK(unsafe, f->remapping = KS_FACT_NO; f->parameters.v[0].value = "Y")
BREAK(unsafe_later, f->remapping = KS_FACT_NO; module_of(f, "vfio_iommu_type1")->state = KS_MODULE_AVAILABLE;
      f->parameters.v[0].value = NULL; f->parameters.v[0].at_load = "1")
/* Written down for the next load, but loaded without: nothing stands in now. */
BREAK(unsafe_too_late, f->remapping = KS_FACT_NO; f->parameters.v[0].at_load = "1")
BREAK(vfio, module_of(f, "vfio_pci")->state = KS_MODULE_NONE)
BREAK(vfio_blocked, module_of(f, "vfio_pci")->state = KS_MODULE_AVAILABLE; module_of(f, "vfio_pci")->blocked = true)
BREAK(device, f->devices.v[1].address = "0000:83:00.0")
BREAK(group, f->devices.v[2].iommu_group = 2)
BREAK(bridge_device, f->devices.v[1].is_bridge = true)
BREAK(pf, f->devices.v[0].name = "ens9")
BREAK(no_sriov, f->devices.v[0].is_pf = false)
BREAK(few_vfs, f->devices.v[0].total_vfs = 2)
BREAK(few_vfs_mlx, f->devices.v[0].total_vfs = 0; f->devices.v[0].driver = "mlx5_core")
BREAK(no_room, f->devices.v[0].no_room = true)
BREAK(memory, f->memory = 1 << 29)
BREAK(page_size, f->pages.v[0].size = 1 << 30)
BREAK(node, f->nodes.n = 1)
BREAK(node_memory, f->nodes.v[1].memory = 1 << 26)
BREAK(hugetlbfs, f->hugetlbfs.n = 0)
BREAK(cgroups, f->cgroups = 0; f->controllers.n = 0)
BREAK(cpuset, f->controllers.v[0] = "pids")
BREAK(ksm, f->ksm = false)
BREAK(numa_balancing, f->numa_balancing = -1)
BREAK(boot, f->boot.n = 0)
BREAK(boot_other, f->boot.v[0].value = "pt")
BREAK(module, module_of(f, "kvm_intel")->state = KS_MODULE_NONE)
BREAK(module_unloaded, module_of(f, "kvm_intel")->state = KS_MODULE_AVAILABLE)
BREAK(parameter, f->parameters.v[1].value = "N")
BREAK(parameter_unknown, f->parameters.v[1].exists = false)
BREAK(tun, f->has_tun = false; module_of(f, "tun")->state = KS_MODULE_NONE)
BREAK(vhost, f->has_vhost_net = false; module_of(f, "vhost_net")->state = KS_MODULE_NONE)
BREAK(bridge, module_of(f, "bridge")->state = KS_MODULE_NONE)
BREAK(network, f->addresses.v[0].text = "192.168.99.7/16")
BREAK(dnsmasq, drop_program(f, "dnsmasq"))
BREAK(filter, drop_program(f, "iptables"))
BREAK(swtpm, drop_program(f, "swtpm"))
BREAK(swtpm_setup, drop_program(f, "swtpm_setup"))
BREAK(tpm, f->has_tpm = false)
BREAK(virtiofsd, drop_program(f, "virtiofsd"))
BREAK(lvm, drop_program(f, "vgs"))
BREAK(nfs, drop_program(f, "mount.nfs"))
BREAK(iscsi, drop_program(f, "iscsiadm"))
BREAK(zfs, drop_program(f, "zfs"))
BREAK(rbd, drop_program(f, "block-rbd.so"))
BREAK(seed, drop_program(f, "xorrisofs"))
BREAK(file, path_of(f, "/srv/base.qcow2")->exists = false)
BREAK(share, path_of(f, "/srv/share")->exists = false)
BREAK(closed, path_of(f, "/srv/base.qcow2")->closed = "/srv")
BREAK(secret, path_of(f, "/etc/secret")->exists = false)
BREAK(secret_open, path_of(f, "/etc/secret")->open_to_all = true)
BREAK(pool_closed, path_of(f, "/srv/images")->closed = "/srv")
BREAK(pool_file, path_of(f, "/srv/images")->is_dir = false)
BREAK(pool_full, path_of(f, "/srv/images")->free = 1 << 20)
BREAK(sections, for (size_t i = 0; i < KS_FACTS_SECTIONS; i++) f->unknown[i] = "the disk is on fire")

#define M KS_HEALTH_MISSING
#define W KS_HEALTH_WARNING
#define U KS_HEALTH_UNKNOWN
#define N KS_HEALTH_NOTE
static const struct {
    const char *check, *subject;
    void (*amiss)(struct ks_facts *f);
    enum ks_health health;
    const char *text, *cure;
    enum ks_health alone; /* when nothing in a manifest asks for it; OK: nothing is said, or it does not matter */
} cases[] = {
    {"cpu", NULL, break_cpu, M, "neither vmx nor svm", "VT-x", N},
    {"cpu", NULL, break_cpu_in_vm, M, "neither vmx nor svm", "nested=1", N},
    {"kvm", NULL, break_kvm, M, "no /dev/kvm", "modprobe kvm_intel", N},
    {"kvm", NULL, break_kvm_closed, M, "Permission denied", "group kvm", N},
    {"nested", NULL, break_nested, M, "kvm_intel.nested=N", "options kvm_intel nested=1", N},
    {"nested", NULL, break_nested_amd, M, "kvm_amd.nested=0", "options kvm_amd nested=1", N},
    {"libvirt", NULL, break_libvirt, M, "Failed to connect", "systemctl start libvirtd", M},
    {"libvirt", NULL, break_libvirt_closed, M, "authentication", "group libvirt", M},
    {"libvirt", NULL, break_libvirt_hangs, M, "did not answer", "systemctl restart libvirtd", M},
    {"libvirt", NULL, break_libvirt_old, W, "8.0.0", "libvirt 9.0", W},
    {"qemu", NULL, break_qemu, M, "qemu-system-x86_64", "apt-get install qemu-system-x86", N},
    {"qemu", NULL, break_qemu_old, W, "5.2.0", "QEMU 7.2", N},
    {"qemu-img", NULL, break_qemu_img, M, "qemu-img", "apt-get install qemu-utils", N},
    {"machine-types", "q35", break_machines, M, "not known", "machine: q36", KS_HEALTH_OK},
    {"uefi", NULL, break_uefi, M, "no image", "apt-get install ovmf", N},
    {"uefi", NULL, break_uefi_gone, M, "/usr/share/fw.fd", "apt-get install ovmf", N},
    {"secure-boot", NULL, break_secure_boot, M, "Secure Boot", "apt-get install ovmf", N},
    {"privileges", NULL, break_root, M, "not root", "sudo", N},
    {"state-directory", NULL, break_state, M, "cannot be written", "/var/lib/kvmstate", M},
    {"state-directory", NULL, break_state_full, M, "1MiB free", "make room", M},
    {"state-directory", NULL, break_state_low, W, "100MiB free", "make room", W},
    {"clock", NULL, break_clock, W, "nobody keeps it", "timedatectl set-ntp true", W},
    {"clock", NULL, break_year, W, "1970", "timedatectl", W},
    {"clocksource", NULL, break_clocksource, W, "hpet", "tsc", N},
    {"confinement", NULL, break_confinement, N, "neither AppArmor nor SELinux", "apparmor", N},
    {"iommu", NULL, break_iommu_deaf, M, "does not use it", "dmesg", N},
    {"iommu", NULL, break_iommu, M, "no DMAR or IVRS", "VT-d", N},
    {"iommu", NULL, break_iommu_idle, M, "offers VT-d", "intel_iommu=on", N},
    {"iommu", NULL, break_iommu_amd, M, "offers AMD-Vi", "amd_iommu=on", N},
    {"iommu", NULL, break_iommu_off, M, "intel_iommu=off", "take intel_iommu=off out", N},
    {"interrupt-remapping", NULL, break_iommu, M, "off, as is the IOMMU", "VT-d", N},
    {"interrupt-remapping", NULL, break_remapping, M, "off", "allow_unsafe_interrupts", N},
    {"interrupt-remapping", NULL, break_remapping_off, M, "intremap=off", "take intremap=off out", N},
    {"interrupt-remapping", NULL, break_remapping_unknown, U, "does not say", NULL, U},
    {"interrupt-remapping", NULL, break_unsafe, W, "allow_unsafe_interrupts stands in", "trusted", N},
    {"interrupt-remapping", NULL, break_unsafe_later, W, "once the module is loaded", "trusted", N},
    {"interrupt-remapping", NULL, break_unsafe_too_late, M, "off", "echo 1 > /sys/module/vfio_iommu_type1", N},
    {"vfio-pci", NULL, break_vfio, M, "no vfio-pci", "linux-image", N},
    {"vfio-pci", NULL, break_vfio_blocked, M, "modprobe.d", "take vfio-pci out", N},
    {"pci-devices", "0000:82:00.0", break_device, M, "no such device", "lspci -D", KS_HEALTH_OK},
    {"pci-devices", "0000:82:00.0", break_group, M, "shares IOMMU group 2 with 0000:82:00.1", "0000:82:00.1",
     KS_HEALTH_OK},
    {"pci-devices", "0000:82:00.0", break_bridge_device, M, "a bridge", "behind it", KS_HEALTH_OK},
    {"sriov", "ens1", break_pf, M, "no such device", "ip link", KS_HEALTH_OK},
    {"sriov", "ens1", break_no_sriov, M, "no SR-IOV", "firmware", KS_HEALTH_OK},
    {"sriov", "ens1", break_few_vfs, M, "2 VFs at most, and 4", "vfs: 2 at most", KS_HEALTH_OK},
    {"sriov", "ens1", break_few_vfs_mlx, M, "0 VFs at most",
     "mlxconfig -d 0000:81:00.0 set SRIOV_EN=1 NUM_OF_VFS=4", KS_HEALTH_OK},
    {"sriov", "ens1", break_no_room, M, "no room", "pci=realloc", N},
    {"memory", NULL, break_memory, W, "512MiB, and guests are given 1GiB", "less memory", KS_HEALTH_OK},
    {"hugepages", "2MiB", break_page_size, M, "this kernel has none", "/sys/kernel/mm/hugepages", KS_HEALTH_OK},
    {"hugepages", "2MiB", break_node, M, "no NUMA node 1", "numactl", KS_HEALTH_OK},
    {"hugepages", "2MiB", break_node_memory, M, "node 1 has 64MiB, and 64 pages", "less than 32", KS_HEALTH_OK},
    {"hugetlbfs", "2MiB", break_hugetlbfs, M, "no hugetlbfs", "mount -t hugetlbfs -o pagesize=2M", KS_HEALTH_OK},
    {"hugetlbfs", NULL, break_hugetlbfs, M, "no hugetlbfs", "restart libvirtd", N},
    {"cgroups", NULL, break_cgroups, W, "affinity alone", "mount -t cgroup2", N},
    {"cgroups", NULL, break_cpuset, W, "without cpuset", "machine.slice", N},
    {"cgroup-cpuset", NULL, break_cpuset, M, "no cpuset", "cgroup_disable", N},
    {"ksm", NULL, break_ksm, M, "has none", "CONFIG_KSM", N},
    {"numa-balancing", NULL, break_numa_balancing, M, "has none", "CONFIG_NUMA_BALANCING", N},
    {"boot-parameters", "intel_iommu", break_boot, M, "without it", "add intel_iommu=on", KS_HEALTH_OK},
    {"boot-parameters", "intel_iommu", break_boot_other, M, "with intel_iommu=pt", "add intel_iommu=on",
     KS_HEALTH_OK},
    {"modules", "kvm_intel", break_module, M, "no such module", "kernel", KS_HEALTH_OK},
    {"modules", "kvm_intel", break_module_unloaded, M, "not loaded", "modprobe kvm_intel", KS_HEALTH_OK},
    {"modules", "kvm_intel.nested", break_parameter, M, "N, and it cannot change", "options kvm_intel nested=true",
     KS_HEALTH_OK},
    {"modules", "kvm_intel.nested", break_parameter_unknown, M, "no such parameter", "modinfo -p kvm_intel",
     KS_HEALTH_OK},
    {"tun", NULL, break_tun, M, "no tun", "linux-image", N},
    {"vhost-net", NULL, break_vhost, M, "no vhost_net", "linux-image", N},
    {"bridge", NULL, break_bridge, M, "no bridge", "linux-image", N},
    {"networks", "lan", break_network, M, "eth0 has 192.168.99.7/16", "other addresses", KS_HEALTH_OK},
    {"dnsmasq", NULL, break_dnsmasq, M, "dnsmasq", "apt-get install dnsmasq-base", N},
    {"packet-filter", NULL, break_filter, M, "iptables", "apt-get install iptables", N},
    {"swtpm", NULL, break_swtpm, M, "no swtpm", "apt-get install swtpm", N},
    {"swtpm", NULL, break_swtpm_setup, M, "no swtpm_setup", "swtpm-tools", N},
    {"tpm", NULL, break_tpm, M, "the host has none", "TPM", N},
    {"virtiofsd", NULL, break_virtiofsd, M, "virtiofsd", "apt-get install virtiofsd", N},
    {"lvm", NULL, break_lvm, M, "vgs", "apt-get install lvm2", N},
    {"nfs", NULL, break_nfs, M, "mount.nfs", "apt-get install nfs-common", N},
    {"iscsi", NULL, break_iscsi, M, "iscsiadm", "apt-get install open-iscsi", N},
    {"zfs", NULL, break_zfs, M, "zfs", "apt-get install zfsutils-linux", N},
    {"rbd", NULL, break_rbd, M, "block-rbd.so", "apt-get install qemu-block-extra", N},
    {"cloud-init", NULL, break_seed, M, "ISO", "apt-get install xorriso", N},
    {"files", "/srv/base.qcow2", break_file, M, "not there", "volumes.images.a.qcow2", KS_HEALTH_OK},
    {"files", "/srv/share", break_share, M, "not there", "guests.g1.filesystems.share.source", KS_HEALTH_OK},
    {"files", "/srv/base.qcow2", break_closed, M, "libvirt-qemu may not enter /srv",
     "setfacl -m u:libvirt-qemu:x /srv", KS_HEALTH_OK},
    {"files", "/etc/secret", break_secret, M, "not there", "install -m 600", KS_HEALTH_OK},
    {"files", "/etc/secret", break_secret_open, W, "everybody may read", "chmod 600 /etc/secret", KS_HEALTH_OK},
    {"directories", "/srv/images", break_pool_closed, M, "may not enter /srv", "setfacl", KS_HEALTH_OK},
    {"directories", "/srv/images", break_pool_file, M, "no directory", "state a directory", KS_HEALTH_OK},
    {"directories", "/srv/images", break_label, W, "u:object_r:var_t:s0", "semanage fcontext", KS_HEALTH_OK},
    {"directories", "/srv/images", break_pool_full, W, "1MiB free", "make room", KS_HEALTH_OK},
};

static void a_fit_host_is_fit(void **state)
{
    struct fixture *f = *state;

    ask(f, everything);
    for (size_t i = 0; i < f->found.n; i++)
        if (f->found.v[i].health != KS_HEALTH_OK)
            fail_msg("%s %s: %s", f->found.v[i].check, f->found.v[i].subject ? f->found.v[i].subject : "",
                     f->found.v[i].text);
    assert_int_equal(f->found.counts[KS_HEALTH_OK], f->found.n);
}

/* No check without a case that makes it fail. */
static void each_check_can_fail(void **state)
{
    struct fixture *f = *state;

    ask(f, everything);
    for (size_t i = 0; i < f->found.n; i++) {
        bool found = false;
        for (size_t k = 0; k < KS_COUNT(cases); k++)
            found = found || ks_streq(cases[k].check, f->found.v[i].check);
        if (!found)
            fail_msg("%s is never seen to fail", f->found.v[i].check);
    }
}

static void what_is_needed_is_missing(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < KS_COUNT(cases); i++) {
        make_fit(f);
        cases[i].amiss(&f->facts);
        ask(f, everything);
        expect(f, cases[i].check, cases[i].subject, cases[i].health, cases[i].text, cases[i].cure);
        const struct ks_diagnosis *d = find(f, cases[i].check, cases[i].subject);
        if (cases[i].health == KS_HEALTH_MISSING && (!d->needed_by || !d->at.line))
            fail_msg("%s: does not say what needs it", cases[i].check);
        assert_true((f->found.counts[KS_HEALTH_MISSING] > 0) >= (cases[i].health == KS_HEALTH_MISSING));
    }
}

/* A manifest without any of it: the same host, the same things amiss, and no harm but what each run needs. */
static void what_nobody_needs_is_a_note(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < KS_COUNT(cases); i++) {
        if (cases[i].alone == KS_HEALTH_OK)
            continue;
        make_fit(f);
        cases[i].amiss(&f->facts);
        ask(f, "version: 1\nhost: lab\n");
        expect(f, cases[i].check, cases[i].subject, cases[i].alone, cases[i].alone == N ? NULL : cases[i].text,
               NULL);
        if (cases[i].alone != KS_HEALTH_MISSING)
            assert_int_equal(f->found.counts[KS_HEALTH_MISSING], 0);
    }
}

/* Without a manifest nothing is missing: what makes guests slow or unmanageable is a warning. */
static void in_general(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < KS_COUNT(cases); i++) {
        make_fit(f);
        cases[i].amiss(&f->facts);
        ask(f, NULL);
        assert_int_equal(f->found.counts[KS_HEALTH_MISSING], 0);
    }
    make_fit(f);
    break_kvm(&f->facts);
    break_libvirt(&f->facts);
    ask(f, NULL);
    expect(f, "kvm", NULL, KS_HEALTH_WARNING, "emulated", "modprobe");
    expect(f, "libvirt", NULL, KS_HEALTH_WARNING, "Failed to connect", "systemctl");
}

static void unknown_is_not_absent(void **state)
{
    struct fixture *f = *state;

    break_sections(&f->facts);
    ask(f, everything);
    for (size_t i = 0; i < f->found.n; i++)
        if (f->found.v[i].health != KS_HEALTH_UNKNOWN)
            assert_string_equal(f->found.v[i].check, "libvirt");
    assert_int_equal(f->found.counts[KS_HEALTH_MISSING], 0);
}

/* The manifest itself says that allow_unsafe_interrupts is to stand in: apply can set it where the module is. */
static void the_manifest_allows_unsafe_interrupts(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "version: 1\nhost: lab\n"
                               "kernel: {modules: {vfio_iommu_type1: {allow_unsafe_interrupts: true}}}\n"
                               "guests: {g: {devices: {card: {pci: \"0000:82:00.0\"}}}}\n";

    break_remapping(&f->facts);
    ask(f, text);
    expect(f, "interrupt-remapping", NULL, KS_HEALTH_WARNING, "once the manifest is applied", "trusted");
    assert_int_equal(f->found.counts[KS_HEALTH_MISSING], 0);
    module_of(&f->facts, "vfio_iommu_type1")->state = KS_MODULE_AVAILABLE;
    f->facts.parameters.v[0].value = NULL;
    ask(f, text);
    expect(f, "interrupt-remapping", NULL, KS_HEALTH_MISSING, "off", "/etc/modprobe.d");
}

/* Guests that do not insist on KVM are emulated without it: slow, and nothing is missing. */
static void guests_without_kvm(void **state)
{
    struct fixture *f = *state;

    break_cpu(&f->facts);
    break_kvm(&f->facts);
    ask(f, "version: 1\nhost: lab\nguests: {g: {memory: 1GiB, cpu: {mode: host-model}}}\n");
    expect(f, "kvm", NULL, KS_HEALTH_WARNING, "emulated", "VT-x");
    assert_int_equal(f->found.counts[KS_HEALTH_MISSING], 0);
    ask(f, "version: 1\nhost: lab\nguests: {g: {memory: 1GiB, cpu: {mode: host-passthrough}}}\n");
    expect(f, "kvm", NULL, KS_HEALTH_MISSING, "no /dev/kvm", "VT-x");
    ask(f, "version: 1\nhost: lab\nguests: {g: {state: absent, cpu: {mode: host-passthrough}}}\n");
    assert_int_equal(f->found.counts[KS_HEALTH_MISSING], 0);
}

/* A nic's VF of a PF that the manifest does not state must be there already. */
static void vfs_that_nobody_makes(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "version: 1\nhost: lab\n"
                               "networks: {pool: {forward: hostdev, pf: ens1}}\n"
                               "guests: {g: {nics: {fast: {vf: {pf: ens1, index: 1}}}}}\n";

    ask(f, text);
    expect(f, "sriov", "ens1", KS_HEALTH_MISSING, "0 of 7 VFs", "sriov: {ens1: {vfs: 2}}");
    f->facts.devices.v[0].num_vfs = 2;
    ask(f, text);
    expect(f, "sriov", "ens1", KS_HEALTH_OK, "2 of 7 VFs", NULL);
    break_pf(&f->facts);
    ask(f, text);
    expect(f, "sriov", "ens1", KS_HEALTH_MISSING, "no such device", "ip link");
}

/* A label that libvirt knows, and SELinux that does not enforce, are as good as none. */
static void labels(void **state)
{
    struct fixture *f = *state;

    break_label(&f->facts);
    path_of(&f->facts, "/srv/images")->label = "system_u:object_r:virt_image_t:s0";
    ask(f, everything);
    expect(f, "directories", "/srv/images", KS_HEALTH_OK, NULL, NULL);
    break_label(&f->facts);
    f->facts.selinux = false;
    ask(f, everything);
    expect(f, "directories", "/srv/images", KS_HEALTH_OK, NULL, NULL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_fit_host_is_fit),
        TEST(each_check_can_fail),
        TEST(what_is_needed_is_missing),
        TEST(what_nobody_needs_is_a_note),
        TEST(in_general),
        TEST(unknown_is_not_absent),
        TEST(the_manifest_allows_unsafe_interrupts),
        TEST(vfs_that_nobody_makes),
        TEST(labels),
        TEST(guests_without_kvm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
