# SPDX-License-Identifier: GPL-2.0-or-later
"""kvmstate doctor on a host that has all it takes to hand out devices."""
import json

GUEST = """version: 1
host: lab
sriov: {{ens1: {{vfs: {vfs}}}}}
guests:
  fw1:
    state: stopped
    memory: 64MiB
    machine: q35
    nics: {{fast: {{vf: {{pf: ens1, index: 0}}}}}}
    devices: {{card: {{pci: "{card}"}}}}
"""


def doctor(kvmstate, manifest=None, check=0):
    report = json.loads(kvmstate("doctor", manifest, "--json", check=check).stdout)
    return {(one["check"], one.get("subject")): one for one in report["checks"]}


def test_the_host_in_general(ens1, ens2, kvmstate):
    found = doctor(kvmstate)
    for check in ("iommu", "vfio-pci", "libvirt", "qemu", "hugetlbfs", "machine-types"):
        assert any(key[0] == check and one["health"] == "ok" for key, one in found.items()), check
    assert found["sriov", "ens1"]["text"] == found["sriov", "ens2"]["text"] == "igb, 0 of 7 VFs"
    assert found["hugepages", "2MiB"]["health"] == found["hugepages", "1GiB"]["health"] == "ok"


def test_fit_to_hand_out_a_vf_and_a_card(ens1, kvmstate):
    found = doctor(kvmstate, GUEST.format(vfs=7, card="0000:82:00.0"))
    for key in (("iommu", None), ("interrupt-remapping", None), ("vfio-pci", None), ("sriov", "ens1"),
                ("pci-devices", "0000:82:00.0")):
        assert found[key]["health"] == "ok" and found[key]["needed_by"], found[key]


def test_more_vfs_than_the_card_has(ens1, kvmstate):
    found = doctor(kvmstate, GUEST.format(vfs=8, card="0000:82:00.0"), check=1)
    assert found["sriov", "ens1"]["health"] == "missing" and "7 at most" in found["sriov", "ens1"]["cure"]


def test_half_of_a_group(ens1, kvmstate):
    found = doctor(kvmstate, GUEST.format(vfs=1, card="0000:84:01.0"), check=1)
    assert found["pci-devices", "0000:84:01.0"]["health"] == "missing"
    assert "0000:84:02.0" in found["pci-devices", "0000:84:01.0"]["text"]


def test_a_card_without_sriov(kvmstate):
    found = doctor(kvmstate, "version: 1\nhost: lab\nsriov: {ens3: {vfs: 1}}\n", check=1)
    assert found["sriov", "ens3"]["health"] == "missing" and "no SR-IOV" in found["sriov", "ens3"]["text"]
