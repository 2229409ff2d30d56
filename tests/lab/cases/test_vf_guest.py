# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests with VFs and whole PCI devices, by manifest."""
import subprocess

import labhost
from labhost import run, virsh

HEAD = "version: 1\nhost: lab\n"


def manifest(nics, state="running", vfs=2):
    return f"""{HEAD}sriov: {{ens1: {{vfs: {vfs}}}}}
guests:
  g1:
    state: {state}
    shutdown: {{timeout: 1s, then: destroy}}
    memory: 64MiB
    vcpus: 1
    machine: q35
    memballoon: none
    nics: {nics}
"""


def test_guest_gets_its_vf_and_keeps_it(ens1, libvirt, kvmstate):
    wanted = manifest("{fast: {vf: {pf: ens1, index: 1}, mac: 52:54:00:aa:00:01, vlan: 42}}")
    kvmstate.apply_and_settle(wanted)
    assert labhost.driver(ens1.vf(1)) == "vfio-pci"
    info = ens1.vf_info(1)
    assert info["address"] == "52:54:00:aa:00:01"
    assert [vlan["vlan"] for vlan in info["vlan_list"]] == [42]
    kvmstate.apply(wanted)
    assert virsh("domstate", "g1") == "running"
    # Firmware alone agrees to no unplugging: the definition is done, and the guest was asked.
    asked = kvmstate.apply(manifest("{}"), check=3).stdout
    assert "Waiting for the guest" in asked and "52:54:00:aa:00:01" not in virsh("dumpxml", "--inactive", "g1")


def shown_by_lspci(address):
    """The driver that `lspci -k` names."""
    lines = run("lspci", "-k", "-s", address).stdout.splitlines()
    found = [line.split(": ")[1] for line in lines if "driver in use" in line]
    return found[0] if found else None


def test_the_count_changes_under_a_running_guest(ens1, libvirt, kvmstate):
    nics = "{fast: {vf: {pf: ens1, index: 1}, mac: 52:54:00:aa:00:01, vlan: 42}}"
    kvmstate.apply_and_settle(manifest(nics, vfs=4))
    for count in (7, 2):
        wanted = manifest(nics, vfs=count)
        plan = kvmstate("plan", wanted).stdout
        assert "--allow restart" in plan and "g1 (VF 1)" in plan
        before = ens1.vfs
        kvmstate.apply(wanted, check=3)
        assert ens1.vfs == before
        kvmstate.apply_and_settle(wanted, "--allow", "restart")
        assert ens1.vfs == count
        assert virsh("domstate", "g1") == "running"
        info = ens1.vf_info(1)
        assert (info["address"], [vlan["vlan"] for vlan in info["vlan_list"]]) == ("52:54:00:aa:00:01", [42])
        assert shown_by_lspci(ens1.vf(1)) == "vfio-pci"
        assert shown_by_lspci(ens1.vf(0)) != "vfio-pci"


def test_a_guest_that_lost_its_vf_leaves_it_to_the_hosts_driver(ens1, libvirt, kvmstate):
    """libvirt gives back what libvirt has bound: vfio-pci, loaded late, would bind all that are kept for it."""
    run("modprobe", "-r", "vfio-pci")
    kvmstate.apply_and_settle(manifest("{fast: {vf: {pf: ens1, index: 1}, mac: 52:54:00:aa:00:01}}"))
    assert shown_by_lspci(ens1.vf(1)) == "vfio-pci"
    kvmstate.apply_and_settle(manifest("{}", state="stopped"), "--allow", "restart")
    labhost.wait_for(lambda: shown_by_lspci(ens1.vf(1)) == "igbvf", "the host's driver to have VF 1")


def test_a_pool_of_vfs(ens1, libvirt, kvmstate):
    wanted = manifest("{fast: {network: vfpool, mac: 52:54:00:aa:00:03}}") + \
        "networks: {vfpool: {forward: hostdev, pf: ens1}}\n"
    kvmstate.apply_and_settle(wanted)
    held = [index for index in range(2) if labhost.driver(ens1.vf(index)) == "vfio-pci"]
    assert len(held) == 1 and ens1.vf_info(held[0])["address"] == "52:54:00:aa:00:03"


def test_a_whole_device(libvirt, kvmstate):
    with_it = manifest("{}") + '    devices: {card: {pci: "0000:82:00.0", managed: true}}\n'
    kvmstate.apply_and_settle(manifest("{}") + "    devices: {}\n")
    kvmstate.apply_and_settle(with_it)
    assert shown_by_lspci("0000:82:00.0") == "vfio-pci"
    assert virsh("domstate", "g1") == "running"
    assert "<hostdev" in virsh("dumpxml", "g1")
    without = manifest("{}", state="stopped") + "    devices: {}\n"
    kvmstate("apply", without, "--allow", "restart")
    assert kvmstate.is_converged(without)


def test_a_vf_of_a_qemu_that_is_not_ours(ens1, libvirt, kvmstate):
    ens1.set_vfs(2)
    kvmstate.apply_and_settle(f"{HEAD}sriov: {{ens1: {{vfs: 2, driver: vfio-pci}}}}\n")
    qemu = subprocess.Popen(["qemu-system-x86_64", "-M", "q35,accel=tcg", "-m", "64", "-display", "none", "-S",
                             "-device", f"vfio-pci,host={ens1.vf(1)}"], stdin=subprocess.DEVNULL)
    try:
        wanted = f"{HEAD}sriov: {{ens1: {{vfs: 4, driver: vfio-pci}}}}\n"
        labhost.wait_for(lambda: "VF 1 is held by process" in kvmstate("plan", wanted).stdout, "QEMU to hold VF 1")
        assert f"process {qemu.pid} (qemu-system-x86" in kvmstate("plan", wanted).stdout
        kvmstate.apply(wanted, check=3)
        assert ens1.vfs == 2
    finally:
        qemu.kill()
        qemu.wait()


def test_a_vf_in_a_namespace_is_refused(ens1, libvirt, kvmstate, namespace):
    ens1.set_vfs(2)
    name = labhost.wait_for(lambda: labhost.netdev(ens1.vf(0)), "the VF's interface")
    blue = namespace()
    run("ip", "link", "set", name, "netns", blue)
    done = kvmstate("plan", manifest("{fast: {vf: {pf: ens1, index: 0}}}"), check=1)
    assert f"is held by namespace {blue}" in done.stderr + done.stdout


def test_half_a_group_is_refused(libvirt, kvmstate):
    wanted = HEAD + 'guests: {g1: {state: stopped, memory: 64MiB, devices: {a: {pci: "0000:84:01.0", managed: true}}}}\n'
    done = kvmstate("plan", wanted, check=1)
    assert "shares IOMMU group" in done.stderr + done.stdout and "0000:84:02.0" in done.stderr + done.stdout
