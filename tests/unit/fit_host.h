/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of the doctor: a manifest that asks for everything, and a host that is fit for it. */
#pragma once

#include "planners/doctor.h"

struct fixture {
    struct ks_arena *arena;
    struct ks_facts facts;
    const char *text;
    struct ks_diagnoses found;
};

/* ---- a host that is fit for all that the manifest below asks --------------------------------------------------
 */

static const char everything[] =
    "version: 1\n"
    "host: lab\n"
    "kernel:\n"
    "  ksm: {run: true}\n"
    "  numa-balancing: true\n"
    "  parameters: {intel_iommu: \"on\"}\n"
    "  modules: {kvm_intel: {nested: true}, vfio_pci: {}}\n"
    "hugepages: {2MiB: {0: 64, 1: 64}}\n"
    "sriov: {ens1: {vfs: 4, driver: vfio-pci}}\n"
    "bridges: {br0: {}}\n"
    "secrets: {disk-key: {type: volume, value: {file: /etc/secret}}}\n"
    "pools:\n"
    "  images: {type: dir, path: /srv/images}\n"
    "  vg: {type: logical, source: {name: vg}, path: /dev/vg}\n"
    "  nas: {type: netfs, source: {host: nas, dir: /x}, path: /srv/nas}\n"
    "  san: {type: iscsi, source: {host: san, devices: [iqn.2001-04.com.example:disks]}, path: /dev/disk/by-path}\n"
    "  tank: {type: zfs, source: {name: tank}}\n"
    "volumes: {images: {a.qcow2: {size: 1GiB, format: qcow2, backing: /srv/base.qcow2}}}\n"
    "networks: {lan: {forward: nat, bridge: virbr7, addresses: [192.168.99.1/24]}}\n"
    "guests:\n"
    "  g1:\n"
    "    state: running\n"
    "    memory: 1GiB\n"
    "    hugepages: 2MiB\n"
    "    machine: q35\n"
    "    firmware: efi\n"
    "    secure-boot: true\n"
    "    tpm: \"2.0\"\n"
    "    cpu: {mode: host-passthrough, features: {vmx: require}}\n"
    "    numa: {mode: restrictive, nodes: 0}\n"
    "    pinning: {emulator: 0}\n"
    "    nics:\n"
    "      lan: {bridge: br0, driver: vhost}\n"
    "      fast: {vf: {pf: ens1, index: 0}}\n"
    "    devices: {card: {pci: \"0000:82:00.0\"}}\n"
    "    filesystems: {share: {source: /srv/share, driver: virtiofs}}\n"
    "  g2:\n"
    "    tpm: passthrough\n"
    "    disks: {vda: {rbd: pool/g2, hosts: [ceph1]}}\n"
    "    cloud-init: {user-data: files/user-data.yaml}\n";

static inline void add_program(struct fixture *f, const char *name)
{
    *ks_vec_add(f->arena, &f->facts.programs) =
        (struct ks_fact_program){name, ks_sprintf(f->arena, "/bin/%s", name)};
}

static inline void add_programs(struct fixture *f)
{
    static const char *const names[] = {
        "qemu-system-x86_64", "qemu-img", "swtpm", "swtpm_setup",  "virtiofsd", "dnsmasq", "iptables", "vgs",
        "mount.nfs",          "iscsiadm", "zfs",   "block-rbd.so", "xorrisofs"};

    for (size_t i = 0; i < KS_COUNT(names); i++)
        add_program(f, names[i]);
}

static inline void add_kernel(struct fixture *f)
{
    static const char *const modules[] = {"kvm_intel", "vfio_pci", "vfio_iommu_type1",
                                          "vhost_net", "tun",      "bridge"};

    f->facts.release = "6.1.0";
    f->facts.ksm = true;
    f->facts.numa_balancing = 1;
    *ks_vec_add(f->arena, &f->facts.boot) = (struct ks_fact_boot){"intel_iommu", "on"};
    for (size_t i = 0; i < KS_COUNT(modules); i++)
        *ks_vec_add(f->arena, &f->facts.modules) = (struct ks_fact_module){modules[i], KS_MODULE_LOADED, false};
    *ks_vec_add(f->arena, &f->facts.parameters) =
        (struct ks_fact_parameter){"vfio_iommu_type1", "allow_unsafe_interrupts", true, true, "N", NULL};
    *ks_vec_add(f->arena, &f->facts.parameters) =
        (struct ks_fact_parameter){"kvm_intel", "nested", true, false, "Y", NULL};
}

static inline void add_devices(struct fixture *f)
{
    f->facts.dmar = true;
    f->facts.dmar_remapping = KS_FACT_YES;
    f->facts.iommu_groups = 30;
    f->facts.remapping = KS_FACT_YES;
    *ks_vec_add(f->arena, &f->facts.devices) = (struct ks_fact_device){.address = "0000:81:00.0",
                                                                       .name = "ens1",
                                                                       .driver = "igb",
                                                                       .iommu_group = 1,
                                                                       .is_pf = true,
                                                                       .total_vfs = 7};
    *ks_vec_add(f->arena, &f->facts.devices) =
        (struct ks_fact_device){.address = "0000:82:00.0", .driver = "e1000e", .iommu_group = 2};
    *ks_vec_add(f->arena, &f->facts.devices) =
        (struct ks_fact_device){.address = "0000:82:00.1", .driver = "e1000e", .iommu_group = 3};
}

static inline void add_memory(struct fixture *f)
{
    const uint64_t gib = UINT64_C(1) << 30;

    f->facts.memory = 4 * gib;
    for (int i = 0; i < 2; i++)
        *ks_vec_add(f->arena, &f->facts.nodes) = (struct ks_seen_node){.id = i, .memory = 2 * gib};
    *ks_vec_add(f->arena, &f->facts.pages) = (struct ks_fact_pages){-1, 2 << 20, 128, 128};
    *ks_vec_add(f->arena, &f->facts.hugetlbfs) = (struct ks_fact_mount){"/dev/hugepages", 2 << 20};
    f->facts.cgroups = 2;
    *ks_vec_add(f->arena, &f->facts.controllers) = "cpuset";
    *ks_vec_add(f->arena, &f->facts.controllers) = "cpu";
    *ks_vec_add(f->arena, &f->facts.controllers) = "memory";
}

static inline void add_files(struct fixture *f)
{
    static const char *const paths[] = {"/srv/images", "/srv/nas", "/srv/share", "/srv/base.qcow2", "/etc/secret"};

    f->facts.qemu_user = "libvirt-qemu";
    for (size_t i = 0; i < KS_COUNT(paths); i++)
        *ks_vec_add(f->arena, &f->facts.paths) =
            (struct ks_fact_path){.path = paths[i], .exists = true, .is_dir = i < 3, .free = UINT64_C(50) << 30};
    *ks_vec_add(f->arena, &f->facts.firmwares) = (struct ks_fact_firmware){"/usr/share/fw.fd", true, true, true};
    *ks_vec_add(f->arena, &f->facts.addresses) = (struct ks_fact_address){"eth0", "192.0.2.10/24"};
    *ks_vec_add(f->arena, &f->facts.addresses) = (struct ks_fact_address){"virbr7", "192.168.99.1/24"};
    *ks_vec_add(f->arena, &f->facts.addresses) = (struct ks_fact_address){"eth0", "fe80::1/64"};
}

static inline void add_libvirt(struct fixture *f)
{
    f->facts.have.libvirt_version = 9000000;
    f->facts.have.qemu_version = 7002022;
    f->facts.have.caps.emulator = "/usr/bin/qemu-system-x86_64";
    *(__typeof__(f->facts.have.caps.machines.v))ks_vec_add(f->arena, &f->facts.have.caps.machines) =
        (__typeof__(*f->facts.have.caps.machines.v)){"q35", "pc-q35-7.2"};
}

static inline void make_fit(struct fixture *f)
{
    f->facts = (struct ks_facts){.host = "lab",
                                 .is_root = true,
                                 .arch = "x86_64",
                                 .vmx = true,
                                 .gigantic_pages = true,
                                 .kvm_there = true,
                                 .kvm_opens = true,
                                 .nested = "Y",
                                 .has_vhost_net = true,
                                 .has_tun = true,
                                 .has_tpm = true,
                                 .apparmor = true,
                                 .state_path = "/var/lib/kvmstate",
                                 .state_exists = true,
                                 .state_writable = true,
                                 .state_free = UINT64_C(1) << 40,
                                 .synchronized = true,
                                 .year = 2026,
                                 .clocksource = "tsc"};
    add_programs(f);
    add_kernel(f);
    add_devices(f);
    add_memory(f);
    add_files(f);
    add_libvirt(f);
}
