# SPDX-License-Identifier: GPL-2.0-or-later
"""
What users of other tools for guests complain about, each complaint a test: the public report that it comes from is
named beside it (volumes and networks have a file of their own).
"""

import time
import xml.etree.ElementTree as ET
from pathlib import Path

import libvirt
import pytest

from lib import xmldiff
from lib.desired import Desired, merged

OFF = {"timeout": "1s", "then": "destroy"}
SMALL = {"state": "stopped", "machine": "q35", "memory": "64MiB", "shutdown": OFF}


@pytest.fixture
def bridge(host):
    host.exec("ip", "link", "add", "br0", "type", "bridge").ok()
    host.exec("ip", "link", "set", "br0", "up").ok()


def image(tmp, name):
    (tmp / name).write_bytes(b"\0" * 2**20)
    return str(tmp / name)


def uuid_of(host, name="vm"):
    return host.domain(name).UUIDString()


def test_memory_vcpus_and_disks_never_replace_the_guest(desired, host, tmp):
    """terraform-provider-libvirt 1069, 844, 751"""
    desired.want(guests={"vm": SMALL}).apply()
    first = uuid_of(host)
    desired.want(guests={"vm": {**SMALL, "memory": "96MiB", "vcpus": 2, "disks": {"vda": {"file": image(tmp, "a.img")}}}})
    assert set(desired.plan().verbs().values()) == {"change"}
    desired.apply()
    assert uuid_of(host) == first
    desired.settled()


def test_what_libvirt_rewrites_is_no_difference(desired, host, tmp, bridge):
    """terraform-provider-libvirt 1269, 1326, 1319, 1207, 1242: host-model, vnet0, the channel's path, VNC's port"""
    vm = {**SMALL, "state": "running", "cpu": {"mode": "maximum"}, "agent": True, "serial": True, "rng": True,
          "nics": {"lan": {"bridge": "br0"}}, "graphics": {"vnc": {"listen": "127.0.0.1", "port": "auto"}},
          "disks": {"vda": {"file": image(tmp, "a.img")}}}
    desired.want(guests={"vm": vm}).apply()
    live = host.xml("vm", live=True)
    assert "vnet" in live and "port='-1'" not in live, "the test has lost its point"
    desired.settled()
    first = host.domain("vm").ID()
    desired.want(guests={"vm": {**vm, "state": "stopped"}}).apply("--allow", "restart")
    desired.want(guests={"vm": vm}).apply()
    assert host.domain("vm").ID() != first
    desired.settled()


def test_running_starts_what_is_off_and_stopped_stops_what_is_on(desired, host):
    """terraform-provider-libvirt 1339, 622"""
    desired.want(guests={"vm": {**SMALL, "state": "running"}}).apply()
    host.domain("vm").destroy()
    assert desired.plan().fields("guest", "vm")["state"]["to"] == "running"
    desired.apply()
    assert host.is_running("vm")
    desired.want(guests={"vm": SMALL}).apply("--allow", "restart")
    assert not host.is_running("vm")
    desired.settled()


def nvram_of(host, name="vm"):
    return ET.fromstring(host.xml(name, live=True)).findtext("os/nvram")


def test_a_uefi_guest_is_changed_and_deleted_with_its_nvram(desired, host):
    """terraform-provider-libvirt 1270, 1203"""
    vm = {**SMALL, "firmware": "efi"}
    desired.want(guests={"vm": {**vm, "state": "running"}}).apply()
    store = nvram_of(host)
    assert store, "libvirt has named no variable store"
    desired.want(guests={"vm": {**vm, "title": "a"}}).apply("--allow", "restart")
    there = ["test", "-e", store]
    host.exec(*there).ok()
    desired.want(guests={"vm": {**vm, "vcpus": 2}}).apply()
    host.exec(*there).ok()
    desired.settled()
    desired.want(guests={"vm": {"state": "absent"}})
    desired.apply("--allow", "delete", status=3)
    assert host.guests() == ["vm"], "its variables are data"
    desired.apply("--allow", "data-loss")
    assert host.guests() == [] and host.exec(*there).status == 1


def test_a_guest_that_does_not_hear_is_not_killed_unasked(desired, host):
    """terraform-provider-libvirt 1348, 1060, 356"""
    deaf = {**SMALL, "state": "running", "shutdown": {"timeout": "300ms", "then": "fail"}}
    desired.want(guests={"vm": deaf}).apply()
    desired.want(guests={"vm": {**deaf, "state": "stopped"}})
    failed = desired.apply("--allow", "restart", status=1)
    assert "did not shut down" in failed.stdout + failed.stderr and host.is_running("vm")
    desired.want(guests={"vm": SMALL}).apply("--allow", "restart")
    assert not host.is_running("vm")


def test_order_and_labels_restart_nothing(desired, host, tmp, bridge):
    """NixVirt 57, 40"""
    disks = {t: {"file": image(tmp, f"{t}.img")} for t in ("vda", "vdb", "vdc")}
    nics = {n: {"bridge": "br0", "model": "virtio"} for n in ("lan", "san")}
    desired.want(guests={"vm": {**SMALL, "state": "running", "disks": disks, "nics": nics}}).apply()
    backwards = {**SMALL, "state": "running", "disks": dict(reversed(disks.items())), "nics": dict(reversed(nics.items()))}
    desired.want(guests={"vm": backwards})
    desired.settled()
    tree = ET.fromstring(host.xml("vm"))
    devices = tree.find("devices")
    for element in list(devices.findall("disk")):  # another order, as another tool would define it
        devices.remove(element)
        devices.insert(0, element)
    host.conn.defineXML(ET.tostring(tree, encoding="unicode"))
    desired.settled()


def test_what_it_did_not_make_stays(desired, host):
    """NixVirt 103"""
    host.conn.defineXML("<domain type='qemu'><name>theirs</name><memory unit='MiB'>32</memory>"
                        "<os><type arch='x86_64'>hvm</type></os></domain>")
    desired.want(defaults={"prune": True}, guests={"vm": SMALL}).apply("--allow", "delete,data-loss")
    desired.want(guests={}).apply("--allow", "delete,data-loss")
    assert host.guests() == ["theirs"]
    desired.want(guests={"theirs": {"state": "absent"}})
    assert "not made or adopted" in desired.apply("--allow", "delete,data-loss", status=3).stdout
    assert host.guests() == ["theirs"]


def test_nics_without_a_mac_have_one_for_ever(desired, host, bridge):
    """NixVirt, seen"""
    vm = {**SMALL, "state": "running", "nics": {"a": {"bridge": "br0"}, "b": {"bridge": "br0"}}}
    desired.want(guests={"vm": vm}).apply()
    macs = [m.get("address") for m in ET.fromstring(host.xml("vm")).iterfind("devices/interface/mac")]
    desired.settled()
    host.domain("vm").destroy()
    host.domain("vm").undefine()
    desired.apply()
    assert [m.get("address") for m in ET.fromstring(host.xml("vm")).iterfind("devices/interface/mac")] == macs


@pytest.mark.parametrize("flag", [libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG],
                         ids=["running guest alone", "definition alone"])
def test_a_device_that_somebody_plugged_in_is_seen(desired, host, tmp, flag):
    """NixVirt, seen: both the definition and the running guest are compared"""
    vm = {**SMALL, "state": "running", "disks": {"vda": {"file": image(tmp, "a.img")}}}
    desired.want(guests={"vm": vm}).apply()
    host.domain("vm").attachDeviceFlags(
        f"<disk type='file' device='disk'><source file='{image(tmp, 'b.img')}'/><target dev='vdb' bus='virtio'/></disk>", flag)
    assert list(desired.plan().fields("guest", "vm")) == ["disks.vdb"]


def test_a_pending_change_is_named_until_it_is_none(desired, host):
    """Ansible community.libvirt, seen: "changed" once, then "ok" while the old value still runs"""
    vm = {**SMALL, "state": "running"}
    desired.want(guests={"vm": vm}).apply()
    desired.want(guests={"vm": {**vm, "video": "bochs"}}).apply(status=3)
    for _ in range(2):
        assert "pending restart: vm" in desired.run("plan").ok().stdout
        desired.apply(status=3)
    host.domain("vm").destroy()
    host.domain("vm").create()  # whoever starts it
    desired.settled()


def test_firmware_is_compared_by_meaning(desired, host):
    """Salt 59739, 59188"""
    desired.want(guests={"vm": {**SMALL, "firmware": "efi"}}).apply()
    desired.settled()
    desired.want(guests={"vm": {**SMALL, "firmware": "efi", "state": "running"}}).apply()
    desired.settled()


def test_a_shorter_list_takes_the_right_disk(desired, host, tmp):
    """kcli, read in its source"""
    disks = {t: {"file": image(tmp, f"{t}.img")} for t in ("vda", "vdb", "vdc")}
    desired.want(guests={"vm": {**SMALL, "disks": disks}}).apply()
    del disks["vdb"]
    desired.want(guests={"vm": {**SMALL, "disks": disks}}).apply()
    assert [t.get("dev") for t in ET.fromstring(host.xml("vm")).iterfind("devices/disk/target")] == ["vda", "vdc"]
    assert (tmp / "vdb.img").exists()


def test_edits_after_creation_count(desired, host, tmp, bridge):
    """vagrant-libvirt 830, 977, 1813, 418: nics and CD-ROMs"""
    vm = {**SMALL, "state": "running", "nics": {"lan": {"bridge": "br0"}},
          "disks": {"sda": {"file": image(tmp, "one.iso"), "device": "cdrom", "bus": "sata"}}}
    desired.want(guests={"vm": vm}).apply()
    changed = merged(vm, {"nics": {"lan": {"link": "down"}}, "disks": {"sda": {"file": image(tmp, "two.iso")}}})
    desired.want(guests={"vm": changed}).apply()
    for live in (False, True):
        assert "two.iso" in host.xml("vm", live) and "<link state='down'/>" in host.xml("vm", live)
    desired.settled()


def test_check_mode_says_what_apply_does(desired, host):
    """Ansible community.libvirt 205, 186, 53"""
    desired.want(guests={"vm": SMALL})
    assert "Dry run" in desired.apply("--dry-run").stdout and host.guests() == []
    desired.apply()
    assert desired.plan().is_empty
    assert "nothing" in desired.apply("--dry-run").stdout.lower()


def test_a_new_version_plans_nothing(desired, host, tmp, bridge):
    """terraform-provider-libvirt 1062, 657: guests as earlier versions made them (tests/data/made), their mark in them"""
    vm = {**SMALL, "machine": "pc-q35-7.2", "title": "A guest", "vcpus": 2, "max-vcpus": 4, "iothreads": 1,
          "serial": True, "agent": True, "rng": True, "protect": True, "graphics": {"vnc": {"listen": "127.0.0.1"}},
          "disks": {"vda": {"file": image(tmp, "a.img"), "cache": "none", "iothread": 1, "iotune": {"total-iops": 500}}},
          "nics": {"lan": {"bridge": "br0"}}, "boot": ["disk:vda", "nic:lan"], "watchdog": "i6300esb",
          "pinning": {"vcpus": {0: "0"}}, "hotplug-ports": 4}
    made = sorted((Path(__file__).parents[1] / "data/made").glob("*.xml"))
    assert made
    for path in made:
        domain = host.conn.defineXML(path.read_text().replace("@TMP@", str(tmp)))
        desired.want(guests={"vm": vm}).settled()
        domain.undefine()


def test_a_definition_that_libvirt_refuses_takes_nothing_away(desired, host):
    """terraform-provider-libvirt 0.9, read in its source: the old one was gone when the new one failed"""
    desired.want(guests={"vm": SMALL}).apply()
    before = host.xml("vm")
    desired.want(guests={"vm": {**SMALL, "title": "other", "xml": "<memballoon model='no-such'/>\n"}})
    assert "define the guest" in desired.apply(status=1).stdout
    assert xmldiff.difference(before, host.xml("vm")) == {}
    desired.want(guests={"vm": SMALL}).settled()


# ---- what lies beside a definition: snapshots, saved state, a name ----


def test_a_guest_with_snapshots_is_changed_and_deleted(desired, host, tmp):
    (tmp / "a.qcow2").unlink(missing_ok=True)
    host.exec("qemu-img", "create", "-q", "-f", "qcow2", str(tmp / "a.qcow2"), "1M").ok()
    vm = {**SMALL, "disks": {"vda": {"file": str(tmp / "a.qcow2"), "format": "qcow2"}}}
    desired.want(guests={"vm": vm}).apply()
    host.domain("vm").snapshotCreateXML("<domainsnapshot><name>s1</name></domainsnapshot>")
    desired.want(guests={"vm": {**vm, "vcpus": 2}}).apply()
    assert host.domain("vm").snapshotListNames() == ["s1"]
    desired.settled()
    desired.want(guests={"vm": {"state": "absent"}}).apply("--allow", "delete")
    assert host.guests() == [] and (tmp / "a.qcow2").exists()


def test_a_layer_of_a_snapshot_is_not_taken_away(desired, host, tmp):
    """What was written since an external snapshot lies in the layer: the manifest's image alone would lose it."""
    host.exec("qemu-img", "create", "-q", "-f", "qcow2", str(tmp / "a.qcow2"), "1M").ok()
    vm = {**SMALL, "disks": {"vda": {"file": str(tmp / "a.qcow2"), "format": "qcow2"}}}
    desired.want(guests={"vm": vm}).apply()
    snapshot = host.domain("vm").snapshotCreateXML("<domainsnapshot><name>s1</name></domainsnapshot>",
                                                   libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY)
    before = host.xml("vm")
    assert str(tmp / "a.s1") in before
    assert "layer" in desired.plan().steps["guest/vm"]["blocked"]
    desired.apply(status=3)
    assert host.xml("vm") == before
    # As it is, or under another name, all else goes on.
    layered = {**vm, "disks": {"vda": {"file": str(tmp / "a.s1"), "format": "qcow2"}}, "vcpus": 2}
    desired.want(guests={"vm": layered}).apply()
    desired.settled()
    desired.want(guests={"new": {**layered, "was": "vm"}}).apply()
    assert host.guests() == ["new"] and host.domain("new").snapshotListNames() == ["s1"]
    desired.settled()
    host.domain("new").snapshotLookupByName("s1").delete(libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY)
    assert snapshot is not None
    desired.want(guests={"new": {**vm, "was": "vm"}}).apply()
    desired.settled()
    desired.want(guests={"new": {"state": "absent"}}).apply("--allow", "delete")
    assert host.guests() == [] and (tmp / "a.s1").exists()


def test_nvram_goes_with_the_name(desired, host):
    vm = {**SMALL, "machine": "q35", "firmware": "efi"}
    desired.want(guests={"old": {**vm, "state": "running"}}).apply()
    host.domain("old").destroy()
    desired.want(guests={"new": {**vm, "was": "old"}}).apply()
    assert host.guests() == ["new"]
    desired.settled()
    desired.want(guests={"new": {**vm, "state": "running"}}).apply()
    desired.settled()


def test_a_saved_state_resumes_with_what_it_had_and_is_pending(desired, host):
    vm = {**SMALL, "state": "running"}
    desired.want(guests={"vm": vm}).apply()
    host.domain("vm").managedSave()
    desired.want(guests={"vm": {**vm, "state": "stopped", "video": "bochs"}}).apply()
    assert host.domain("vm").hasManagedSaveImage(), "nobody's work is lost"
    desired.want(guests={"vm": {**vm, "video": "bochs"}})
    desired.apply(status=3)  # it starts as it was saved
    assert host.is_running("vm") and "pending restart: vm" in desired.run("plan").ok().stdout
    desired.apply("--allow", "restart")
    desired.settled()
    host.domain("vm").managedSave()
    desired.want(guests={"vm": {"state": "absent"}}).apply("--allow", "delete", status=3)
    assert host.guests() == ["vm"], "a saved state is data"
    desired.apply("--allow", "data-loss")
    assert host.guests() == []


def test_a_new_name_is_a_rename(desired, host):
    desired.want(guests={"old": SMALL}).apply()
    first = uuid_of(host, "old")
    desired.want(guests={"new": {**SMALL, "was": "old", "vcpus": 2}}).apply()
    assert host.guests() == ["new"] and uuid_of(host, "new") == first
    desired.settled()


def test_a_rename_that_libvirt_refuses_is_said_beforehand(desired, host):
    desired.want(guests={"old": {**SMALL, "state": "running"}}).apply()
    host.domain("old").managedSave()
    desired.want(guests={"new": {**SMALL, "was": "old"}})
    assert any("saved state" in (s["blocked"] or "") for s in desired.plan().json["steps"])
    desired.apply(status=3)
    assert host.guests() == ["old"] and host.domain("old").hasManagedSaveImage()


# ---- a hundred, three hundred ----


def test_300_guests_of_one_profile(embed, tmp):
    """One profile; made, planned empty, one changed, all deleted."""
    desired = Desired(embed, tmp)
    profile = {**SMALL, "vcpus": 2, "serial": True, "title": "guest {guest} of {host}", "disks": {},
               "nics": {"lan": {"bridge": "br0", "model": "virtio"}}}
    guests = {f"vm{i}": {"profiles": ["small"]} for i in range(300)}
    desired.want(bridges={"br0": {"up": True}}, profiles={"small": profile}, guests=guests)
    assert len(desired.file.read_text().splitlines()) < 1000, "it has to stay readable"
    times = {}

    def timed(what, call):
        start = time.monotonic()
        done = call()
        times[what] = time.monotonic() - start
        return done

    timed("apply", lambda: desired.apply(timeout=300))
    assert len(embed.guests()) == 300 and "<title>guest vm299 of testhost</title>" in embed.xml("vm299")
    assert timed("plan", desired.plan).is_empty
    macs = {ET.fromstring(embed.xml(f"vm{i}")).find("devices/interface/mac").get("address") for i in (0, 1, 299)}
    assert len(macs) == 3
    desired.want(guests=merged(guests, {"vm7": {"memory": "96MiB"}}))
    assert [s["id"] for s in desired.plan().json["steps"]] == ["guest/vm7"]
    desired.apply(timeout=300)
    desired.want(profiles={"small": {**profile, "vcpus": 1}}, guests=guests)
    assert len(timed("plan of a change of all", desired.plan).json["steps"]) == 300
    timed("change of all", lambda: desired.apply(timeout=300))
    assert desired.plan().is_empty
    desired.want(guests={name: {"state": "absent"} for name in guests})
    timed("delete", lambda: desired.apply("--allow", "delete", timeout=300))
    assert embed.guests() == []
    print(times)
    assert times["plan"] < 30, times  # seconds on a machine with much else to do; a quiet one takes a tenth of one
