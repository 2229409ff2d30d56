# SPDX-License-Identifier: GPL-2.0-or-later
"""VFs by manifest: how many, what they are given, and whose they are."""
import subprocess

import labhost
from labhost import guest_xml, run

HEAD = "version: 1\nhost: lab\n"


def step(plan, kind):
    [found] = [s for s in plan["steps"] if s["kind"] == kind]
    return found


def test_vfs_come_and_go(ens1, libvirt, kvmstate):
    for count in (4, 7, 2, 0):
        kvmstate.apply_and_settle(f"{HEAD}sriov: {{ens1: {{vfs: {count}}}}}\n")
        assert ens1.vfs == count


def test_a_run_that_is_killed_while_the_driver_is_at_work(ens1, libvirt, kvmstate, tmp_path):
    autoprobe = ens1.path / "sriov_drivers_autoprobe"
    manifest = f"{HEAD}sriov: {{ens1: {{vfs: 7}}}}\n"
    (tmp_path / "killed.yaml").write_text(manifest)
    with subprocess.Popen(["kvmstate", "apply", "-f", tmp_path / "killed.yaml"], stdout=subprocess.DEVNULL) as run_:
        labhost.wait_for(lambda: autoprobe.read_text().strip() == "0", "the write to begin", 120)
        run_.kill()
    labhost.wait_for(lambda: autoprobe.read_text().strip() == "1", "autoprobe to be put back", 120)
    labhost.wait_for(lambda: kvmstate("apply", manifest).returncode != 5, "the lock, which the write has", 120)
    assert kvmstate.is_converged(manifest) and ens1.vfs == 7


def test_pf_by_pci_address(ens2, libvirt, kvmstate):
    kvmstate.apply_and_settle(f'{HEAD}sriov: {{"{ens2.address}": {{vfs: 3, mtu: 1400}}}}\n')
    assert ens2.vfs == 3
    assert (labhost.NET / "ens2" / "mtu").read_text().strip() == "1400"
    kvmstate.apply_and_settle(f'{HEAD}sriov: {{"{ens2.address}": {{vfs: 0, mtu: 1500}}}}\n')


def test_more_than_it_can_have(ens1, libvirt, kvmstate):
    done = kvmstate("plan", f"{HEAD}sriov: {{ens1: {{vfs: 8}}}}\n", check=1)
    assert "8 VFs are asked for, and it can have 7" in done.stderr + done.stdout
    assert ens1.vfs == 0


def test_attributes_are_set_and_kept(ens1, libvirt, kvmstate):
    manifest = HEAD + """sriov:
  ens1:
    vfs: 4
    each: {spoof-check: false}
    vf:
      0: {mac: 52:54:00:aa:00:01, vlan: 42, qos: 3}
      2: {spoof-check: true, mac: 52:54:00:aa:00:02}
"""
    kvmstate.apply_and_settle(manifest)
    zero, one, two = (ens1.vf_info(i) for i in range(3))
    assert zero["address"] == "52:54:00:aa:00:01"
    assert zero["vlan_list"] == [{"vlan": 42, "qos": 3}]
    assert [zero["spoofchk"], one["spoofchk"], two["spoofchk"]] == [False, False, True]
    run("ip", "link", "set", "ens1", "vf", "0", "vlan", "7")
    assert not kvmstate.is_converged(manifest)
    kvmstate.apply_and_settle(manifest)
    assert ens1.vf_info(0)["vlan_list"] == [{"vlan": 42, "qos": 3}]
    assert ens1.vfs == 4


def test_driver_of_vfs(ens1, libvirt, kvmstate):
    kvmstate.apply_and_settle(f"{HEAD}sriov: {{ens1: {{vfs: 3, driver: vfio-pci, vf: {{2: {{driver: keep}}}}}}}}\n")
    assert [labhost.driver(ens1.vf(i)) for i in (0, 1)] == ["vfio-pci", "vfio-pci"]
    assert labhost.driver(ens1.vf(2)) != "vfio-pci"
    assert (ens1.path / "sriov_drivers_autoprobe").read_text().strip() == "1"


def test_vf_in_a_namespace_blocks(ens1, libvirt, kvmstate, namespace):
    kvmstate.apply_and_settle(f"{HEAD}sriov: {{ens1: {{vfs: 4}}}}\n")
    name = labhost.wait_for(lambda: labhost.netdev(ens1.vf(1)), "the VF's interface")
    blue = namespace()
    run("ip", "link", "set", name, "netns", blue)
    manifest = f"{HEAD}sriov: {{ens1: {{vfs: 2}}}}\n"
    assert f"VF 1 is held by namespace {blue}" in kvmstate("plan", manifest).stdout
    kvmstate.apply(manifest, check=3)
    assert ens1.vfs == 4


def test_vf_of_a_stranger_blocks(ens1, libvirt, kvmstate):
    kvmstate.apply_and_settle(f"{HEAD}sriov: {{ens1: {{vfs: 3}}}}\n")
    bus, device = ens1.vf(1).split(":")[1], ens1.vf(1).split(":")[2].split(".")[0]
    function = ens1.vf(1).split(".")[1]
    libvirt.define(guest_xml("fw1", f"""<interface type='hostdev' managed='yes'><mac address='52:54:00:11:22:33'/>
      <source><address type='pci' domain='0x0000' bus='0x{bus}' slot='0x{device}' function='0x{function}'/></source>
      </interface>"""))
    manifest = f"{HEAD}sriov: {{ens1: {{vfs: 5}}}}\n"
    assert "VF 1 is held by guest fw1 (not in the manifest)" in kvmstate("plan", manifest).stdout
    kvmstate.apply(manifest, check=3)
    assert ens1.vfs == 3
