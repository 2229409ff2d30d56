# SPDX-License-Identifier: GPL-2.0-or-later
"""kvmstate doctor on a host with a real libvirt, on one whose libvirt is gone, and on made-up trees."""

import os

import pytest

from lib.run import kvmstate_binary, run

GONE = "qemu+unix:///system?socket=/nonexistent/sock"
PASSTHROUGH = 'version: 1\nhost: testhost\nguests:\n  fw1:\n    devices:\n      card: {pci: "0000:82:00.0"}\n'


class Doctor:
    """The JSON of a doctor's report, by check and subject."""

    def __init__(self, result, status):
        self.json = result.ok(status).json
        self.checks = {(c["check"], c.get("subject")): c for c in self.json["checks"]}

    def __getitem__(self, key):
        return self.checks[key if isinstance(key, tuple) else (key, None)]

    def health(self):
        return {key: c["health"] for key, c in self.checks.items()}


def doctor(host, *args, status=0):
    return Doctor(host.kvmstate("doctor", "--json", *args), status)


def test_in_general(host):
    with host.api_calls() as calls:
        found = doctor(host)
    version = host.conn.getLibVersion()
    assert found.json["libvirt"] == f"{version // 1000000}.{version // 1000 % 1000}.{version % 1000}"
    assert found["libvirt"]["health"] == "ok" and found["machine-types"]["health"] == "ok"
    assert found["qemu"]["health"] == "ok" and found.json["qemu"] in found["qemu"]["text"]
    assert found.json["manifest"] is None and found.json["fit"] is True and found.json["missing"] == 0
    assert all("needed_by" not in c for c in found.json["checks"])
    assert calls.writes == []


def test_every_ailment_has_one_line_of_cure(host):
    for check in doctor(host).json["checks"]:
        if check["health"] not in ("ok", "unknown"):
            assert check["cure"] and "\n" not in check["cure"], check


def test_without_libvirt_all_else_is_reported(host):
    with_it, without = doctor(host).health(), doctor(host, "--connect", GONE).health()
    assert without[("libvirt", None)] == "warning"
    assert without[("machine-types", None)] == "unknown"
    # Firmware and networks are told by libvirt as well.
    others = {k for k in without if k[0] not in ("libvirt", "machine-types", "networks", "uefi", "secure-boot", "kvm")}
    assert len(others) > 25
    assert {k: with_it[k] for k in others} == {k: without[k] for k in others}


def test_a_libvirt_that_hangs(host):
    """One that is stopped takes connections and never says a word."""
    pids = host.exec("pgrep", "-x", "libvirtd").ok().stdout.split()
    host.exec("kill", "-STOP", *pids).ok()
    try:
        found = doctor(host)
    finally:
        host.exec("kill", "-CONT", *pids).ok()
    assert found["libvirt"]["health"] == "warning" and "did not answer" in found["libvirt"]["text"]
    assert "restart libvirtd" in found["libvirt"]["cure"] and found["iommu"]["health"] in ("ok", "note")


def test_a_manifest_needs_libvirt(host, tmp):
    (tmp / "m.yaml").write_text("version: 1\nhost: testhost\n")
    assert doctor(host, "-f", tmp / "m.yaml").json["fit"] is True
    found = doctor(host, "-f", tmp / "m.yaml", "--connect", GONE, status=1)
    assert found["libvirt"]["health"] == "missing" and "systemctl start libvirtd" in found["libvirt"]["cure"]
    assert found.json["missing"] == 1


def test_guests_of_every_sort_are_found_fit(host, tmp):
    """What this machine has is not missing; what it lacks is named with the line that needs it."""
    (tmp / "m.yaml").write_text(
        "version: 1\nhost: testhost\nguests:\n  g1:\n    memory: 64MiB\n    machine: q35\n    firmware: efi\n"
        "  g2:\n    machine: q53\n    nics: {lan: {bridge: br0}}\n")
    found = doctor(host, "-f", tmp / "m.yaml", status=1)
    assert found["uefi"]["health"] == "ok" and found["uefi"]["needed_by"] == "guests.g1.firmware"
    machine = found["machine-types", "q53"]
    assert (machine["health"], machine["line"], machine["column"]) == ("missing", 9, 14)
    assert machine["file"] == str(tmp / "m.yaml") and machine["needed_by"] == "guests.g2.machine"
    assert "q35" in machine["cure"]


def test_what_is_wrong_with_the_manifest_comes_first(host, tmp):
    (tmp / "m.yaml").write_text("version: 1\nhost: testhost\nguest: {}\n")
    found = doctor(host, "-f", tmp / "m.yaml", status=1)
    assert found.json["findings"][0]["line"] == 3 and found.json["manifest"] is None
    assert ("libvirt", None) in found.checks
    result = host.kvmstate("doctor", "-f", tmp / "m.yaml").ok(1)
    assert f"{tmp}/m.yaml:3:1: error:" in result.stderr


def test_quiet_says_only_what_is_wrong(host, tmp):
    (tmp / "m.yaml").write_text("version: 1\nhost: testhost\nguests: {g: {machine: q53}}\n")
    lines = host.kvmstate("doctor", "-q", "-f", tmp / "m.yaml").ok(1).stdout.splitlines()
    assert any("machine-types q53" in line for line in lines)
    assert not any(line.startswith("  ok") or line.startswith("  note") for line in lines)


# ---- made-up hosts ----


class Tree:
    """A made-up host for --root."""

    def __init__(self, path):
        self.path = path
        self.put("proc/cmdline", "intel_iommu=on\n")
        self.put("proc/sys/kernel/osrelease", "6.1.0\n")
        self.put("proc/interrupts", "  9:  0  IR-IO-APIC  9-fasteoi  acpi\n")
        self.put("sys/firmware/acpi/tables/DMAR", "DMAR" + "\1" * 44)
        self.put("sys/kernel/iommu_groups/2/type", "DMA\n")
        self.put("sys/module/vfio_pci/version", "")
        self.put("sys/bus/pci/devices/0000:82:00.0/vendor", "0x8086\n")
        self.link("sys/bus/pci/devices/0000:82:00.0/iommu_group", "../../../kernel/iommu_groups/2")

    def put(self, name, text):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def link(self, name, target):
        (self.path / name).symlink_to(target)

    def doctor(self, manifest, status):
        (self.path / "m.yaml").write_text(manifest)
        return Doctor(run([kvmstate_binary(), "doctor", "--json", "--root", self.path, "-f", self.path / "m.yaml",
                           "--host", "testhost", "--connect", "test:///default"]), status)


@pytest.fixture
def tree(tmp):
    return Tree(tmp / "root")


def test_a_host_that_can_hand_out_devices(tree):
    found = tree.doctor(PASSTHROUGH, 0)
    for check in ("iommu", "interrupt-remapping", "vfio-pci", ("pci-devices", "0000:82:00.0")):
        assert found[check]["health"] == "ok" and found[check]["needed_by"] == "guests.fw1.devices.card"
        assert (found[check]["line"], found[check]["column"]) == (6, 7)


def test_no_iommu(tree):
    os.unlink(tree.path / "sys/firmware/acpi/tables/DMAR")
    os.unlink(tree.path / "sys/kernel/iommu_groups/2/type")
    os.rmdir(tree.path / "sys/kernel/iommu_groups/2")
    found = tree.doctor(PASSTHROUGH, 1)
    assert found["iommu"]["health"] == found["interrupt-remapping"]["health"] == "missing"
    assert "VT-d" in found["iommu"]["cure"]
    assert tree.doctor("version: 1\nhost: testhost\n", 0)["iommu"]["health"] == "note"


@pytest.mark.parametrize("value,status,health", [("N\n", 1, "missing"), ("Y\n", 0, "warning")])
def test_unsafe_interrupts_stand_in(tree, value, status, health):
    tree.put("proc/interrupts", "  9:  0  IO-APIC  9-fasteoi  acpi\n")
    tree.put("sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", value)
    found = tree.doctor(PASSTHROUGH, status)
    assert found["interrupt-remapping"]["health"] == health
    assert "allow_unsafe_interrupts" in found["interrupt-remapping"]["text" if status == 0 else "cure"]
