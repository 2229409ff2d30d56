# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab is what it says it is: each thing that other tests rely on, without kvmstate."""
import errno
import os
import shutil

import pytest

import labhost
from labhost import run, virsh


def test_kvmstate_is_this_build():
    assert os.path.realpath(shutil.which("kvmstate")).startswith(os.environ["KS_BUILD"])


def test_vfs_come_and_go(ens1):
    assert (ens1.vfs, ens1.total_vfs) == (0, 7)
    ens1.set_vfs(3)
    assert ens1.vfs == 3
    assert len({ens1.vf(index) for index in range(3)}) == 3
    assert all(labhost.driver(ens1.vf(index)) == "igbvf" for index in range(3))
    ens1.set_vfs(0)
    assert ens1.vfs == 0


def test_a_count_changes_through_zero_only(ens1):
    ens1.set_vfs(2)
    with pytest.raises(OSError) as caught:
        (ens1.path / "sriov_numvfs").write_text("4")
    assert caught.value.errno == errno.EBUSY
    assert ens1.vfs == 2


def test_each_nic_is_on_its_node(ens1, ens2):
    assert (ens1.node, ens2.node) == (0, 1)


def test_a_vf_takes_mac_and_vlan(ens2):
    ens2.set_vfs(1)
    run("ip", "link", "set", "ens2", "vf", 0, "mac", "52:54:00:aa:00:01", "vlan", 42)
    info = ens2.vf_info(0)
    assert (info["address"], info["vlan_list"][0]["vlan"]) == ("52:54:00:aa:00:01", 42)


def test_iommu_groups(ens1):
    ens1.set_vfs(2)
    endpoints = {}
    for address in (ens1.vf(0), ens1.vf(1), "0000:82:00.0", "0000:84:01.0", "0000:84:02.0"):
        endpoints[address] = [one for one in labhost.iommu_group(address) if not labhost.is_bridge(one)]
    shared = endpoints.pop("0000:84:01.0")
    assert endpoints.pop("0000:84:02.0") == shared == ["0000:84:01.0", "0000:84:02.0"]
    assert all(group == [address] for address, group in endpoints.items())


def test_a_guest_gets_a_vf(ens1, libvirt):
    ens1.set_vfs(1)
    bus, slot, function = ens1.vf(0)[5:7], ens1.vf(0)[8:10], ens1.vf(0)[11:]
    guest = libvirt.start(labhost.guest_xml("vf-guest", f"""
      <interface type='hostdev' managed='yes'>
        <mac address='52:54:00:aa:00:02'/>
        <source><address type='pci' domain='0x0000' bus='0x{bus}' slot='0x{slot}' function='0x{function}'/></source>
        <vlan><tag id='43'/></vlan>
      </interface>"""))
    assert labhost.driver(ens1.vf(0)) == "vfio-pci"
    info = ens1.vf_info(0)
    assert (info["address"], info["vlan_list"][0]["vlan"]) == ("52:54:00:aa:00:02", 43)
    virsh("destroy", guest)
    labhost.wait_for(lambda: labhost.driver(ens1.vf(0)) == "igbvf", "the VF to come back")


def test_a_vf_moves_into_a_namespace(ens1, namespace):
    ens1.set_vfs(1)
    name = labhost.netdev(ens1.vf(0))
    space = namespace()
    run("ip", "link", "set", name, "netns", space)
    assert labhost.netdev(ens1.vf(0)) is None
    assert name in run("ip", "-n", space, "-br", "link").stdout


def test_pages_are_reserved_per_node(hugepages):
    hugepages(1).write_text("16")
    assert (hugepages(0).read_text().strip(), hugepages(1).read_text().strip()) == ("0", "16")


def test_lvm_on_the_spare_disk(spare_disk):
    run("vgcreate", "vg_lab", spare_disk)
    run("lvcreate", "-y", "-L", "64M", "-n", "one", "vg_lab")
    assert os.path.exists("/dev/vg_lab/one")


def test_a_pair_of_links(veth):
    one, other = veth("lab-a", "lab-b")
    run("ip", "link", "set", one, "up")
    run("ip", "link", "set", other, "up")
    labhost.wait_for(lambda: (labhost.NET / one / "carrier").read_text().strip() == "1", "a carrier")
