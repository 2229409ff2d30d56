# SPDX-License-Identifier: GPL-2.0-or-later
"""Pools of every type that can be had here: formatted when their device is empty, never when it holds something."""

import os

import libvirt
import pytest

from lib.run import run

MIB = 2**20


def build(plan, name="p"):
    return plan.fields("pool", name).get("build")


@pytest.fixture
def fs(loop, tmp):
    device = loop(64 * MIB)
    return device, {"type": "fs", "path": str(tmp / "mnt"), "source": {"devices": [device.path], "format": "ext4"}}


def test_fs_on_an_empty_device_is_made_and_used(desired, host, fs):
    device, pool = fs
    desired.want(pools={"p": {**pool, "autostart": True}}, volumes={"p": {"v.raw": {"size": "1MiB"}}})
    assert build(desired.plan())["to"] == "ext4" and desired.plan().impact("pool", "p") == "safe"
    with host.api_calls() as calls:
        desired.apply("--dry-run")
    assert calls.writes == [] and device.holds() == ""
    desired.apply()
    assert device.holds() == "ext4"
    assert host.exec("stat", "-f", "-c", "%T", pool["path"]).stdout.strip() == "ext2/ext3"
    desired.settled()
    desired.want(pools={"p": {**pool, "state": "inactive", "autostart": False}}, volumes=None).apply()
    desired.want(pools={"p": {**pool, "state": "active"}})
    assert not build(desired.plan()), "what is there is used"
    desired.apply()
    assert host.conn.storagePoolLookupByName("p").storageVolLookupByName("v.raw")


@pytest.mark.parametrize("found", ["ext2", "swap", "dos"])
def test_fs_on_a_device_that_holds_something_waits_for_leave(desired, host, fs, found):
    device, pool = fs
    make = {"ext2": ["mkfs.ext2", "-q", device.path], "swap": ["mkswap", "-q", device.path],
            "dos": ["parted", "-s", device.path, "mklabel", "msdos"]}[found]
    run(make).ok()
    desired.want(pools={"p": pool})
    plan = desired.plan()
    assert found in build(plan)["from"] and plan.impact("pool", "p") == "data-loss"
    desired.apply("--allow", "delete,restart,network", status=3)
    assert device.holds() == found and host.conn.listAllStoragePools() == []
    desired.run("plan", "--out", desired.file.parent / "saved", "--allow", "data-loss").ok()
    run(["wipefs", "-qa", device.path]).ok()
    host.kvmstate("apply", desired.file.parent / "saved", "--allow", "data-loss").ok(7)
    run(make).ok()
    desired.apply("--allow", "data-loss")
    assert device.holds() == "ext4"
    desired.settled()


def test_fs_that_is_there_is_mounted_as_it_is(desired, host, fs, tmp):
    device, pool = fs
    run(["mkfs.ext4", "-q", device.path]).ok()
    uuid = run(["blkid", "-p", "-o", "value", "-s", "UUID", device.path]).stdout
    desired.want(pools={"p": pool}).apply()
    assert run(["blkid", "-p", "-o", "value", "-s", "UUID", device.path]).stdout == uuid
    desired.settled()
    host.conn.storagePoolLookupByName("p").destroy()
    desired.want(pools={"p": {"state": "active"}}).apply()
    assert run(["blkid", "-p", "-o", "value", "-s", "UUID", device.path]).stdout == uuid


def test_what_the_device_is_is_said_before_anything_changes(desired, host, fs, tmp):
    device, pool = fs
    desired.want(pools={"p": {**pool, "source": {"devices": ["/dev/no-such-disk"], "format": "ext4"}}})
    assert "no-such-disk" in desired.run("plan").ok(1).stderr
    desired.want(pools={"p": {**pool, "source": {"devices": [device.path]}}})
    assert "source.format" in desired.run("plan").ok(1).stderr
    run(["mkfs.ext2", "-q", device.path]).ok()
    (tmp / "other").mkdir()
    host.exec("mount", device.path, tmp / "other").ok()
    desired.want(pools={"p": pool})
    assert "in use" in desired.plan().steps["pool/p"]["blocked"]
    desired.apply("--allow", "data-loss", status=3)
    host.exec("umount", tmp / "other").ok()
    assert device.holds() == "ext2"


def test_disk_with_partitions(desired, host, loop):
    if run(["sh", "-c", "command -v parted"]).status:
        pytest.skip("no parted")
    device = loop(64 * MIB)
    part = device.path.rsplit("/", 1)[1] + "p1"
    pool = {"type": "disk", "path": "/dev", "source": {"devices": [device.path], "format": "gpt"}}
    desired.want(pools={"p": pool}, volumes={"p": {part: {"size": "8MiB"}}})
    assert build(desired.plan())["to"] == "gpt"
    desired.apply()
    assert device.holds() == "gpt"
    assert run(["blockdev", "--getsize64", f"/dev/{part}"]).stdout.strip() == str(8 * MIB)
    desired.settled()
    desired.want(volumes={"p": {part: {"size": "16MiB"}}})
    assert "cannot be grown" in desired.plan().steps[f"volume/p/{part}"]["blocked"]
    desired.want(volumes={"p": {"data": {"size": "8MiB"}}})
    assert f"{part[:-1]}2" in desired.run("plan").ok(1).stderr, "partitions have names of their own"
    desired.want(volumes=None)
    host.conn.storagePoolLookupByName("p").destroy()
    desired.want(pools={"p": {**pool, "state": "active"}}).apply()
    desired.settled()


SERVERS = {
    "netfs": {"type": "netfs", "path": "/tmp/ks-no-such-mount", "source": {"host": "127.0.0.1", "dir": "/export",
                                                                           "format": "nfs"}},
    "iscsi": {"type": "iscsi", "path": "/dev/disk/by-path",
              "source": {"host": "127.0.0.1:3261", "devices": ["iqn.2001-04.com.example:disks"]}},
    "rbd": {"type": "rbd", "source": {"hosts": ["192.0.2.1:6789", "[2001:db8::1]:6789", "ceph3"], "name": "kvmpool",
                                      "auth": {"user": "libvirt", "secret": "ceph-libvirt"}}},
    "iscsi-direct": {"type": "iscsi-direct", "source": {"host": "127.0.0.1", "initiator": "iqn.2001-04.com.example:me",
                                                        "devices": ["iqn.2001-04.com.example:disks"]}},
}


@pytest.mark.parametrize("kind", SERVERS)
def test_pool_of_a_server_is_defined_as_stated(desired, host, kind):
    desired.want(pools={"p": {**SERVERS[kind], "state": "inactive", "autostart": True}},
                 secrets={"ceph-libvirt": {"type": "ceph"}})
    done = desired.run("apply")
    if "missing backend" in done.stdout + done.stderr:
        assert host.conn.listAllStoragePools() == []
        pytest.skip("this libvirt has no such pools")
    done.ok()
    desired.settled()
    assert host.conn.storagePoolLookupByName("p").autostart() == 1
    desired.want(pools={"p": SERVERS[kind] | {"source": SERVERS[kind]["source"] | {"host": "192.0.2.9"}}}
                 if kind != "rbd" else {"p": SERVERS[kind] | {"source": {"name": "other", "hosts": ["ceph9"]}}})
    assert desired.plan().impact("pool", "p") == "safe", "it is inactive"
    desired.apply()
    desired.settled()


@pytest.mark.parametrize("kind", ["netfs", "iscsi"])
def test_server_that_does_not_answer(desired, host, kind):
    """Nothing stays behind, and the error is libvirt's own."""
    desired.want(pools={"p": SERVERS[kind]}, volumes=None)
    done = desired.apply(status=1)
    said = done.stdout + done.stderr
    if "missing backend" in said:
        assert host.conn.listAllStoragePools() == []
        pytest.skip("this libvirt has no such pools")
    assert {"netfs": "mount", "iscsi": "iscsiadm"}[kind] in said, said
    assert host.conn.listAllStoragePools() == []
    host.exec("rmdir", "/tmp/ks-no-such-mount")


def test_volumes_of_a_server_are_its_own(desired, host):
    desired.want(pools={"p": SERVERS["iscsi"]}, volumes={"p": {"unit:0:0:1": {"size": "1GiB"}}})
    assert "its server" in desired.run("plan").ok(1).stderr


@pytest.mark.parametrize("pool, missing", [
    ({"type": "fs", "path": "/x"}, "source.devices"), ({"type": "dir"}, "path"),
    ({"type": "netfs", "path": "/x", "source": {"host": "nas"}}, "source.dir"),
    ({"type": "rbd", "source": {"name": "x"}}, "source.hosts"),
    ({"type": "fs", "path": "/x", "source": {"devices": ["/dev/a", "/dev/b"]}}, "one device, not 2"),
    ({"type": "iscsi", "source": {"host": "a", "devices": ["my disks"]}}, "target"),
])
def test_what_a_type_needs_is_said_by_validate(desired, pool, missing):
    said = desired.want(pools={"p": pool}).run("validate").ok(1).stderr
    assert missing in said and "manifest.yaml:" in said, said


def test_logical_that_is_not_there(desired, host, loop):
    device = loop(16 * MIB)
    desired.want(pools={"vg": {"type": "logical", "source": {"name": "ks-no-such-group"}}})
    assert "ks-no-such-group" in desired.run("plan").ok(1).stderr
    run(["mkfs.ext2", "-q", device.path]).ok()
    desired.want(pools={"vg": {"type": "logical", "source": {"name": "ks-no-such-group", "devices": [device.path]}}})
    plan = desired.plan()
    assert "ext2" in build(plan, "vg")["from"] and plan.impact("pool", "vg") == "data-loss"
    desired.apply(status=3)
    assert device.holds() == "ext2"


@pytest.fixture
def group(host):
    """The name of a volume group that goes again. Groups need no device mapper, which their volumes do."""
    name = f"ks_test_{os.getpid()}"
    yield name
    host.reset()  # the pool that stands on it
    host.exec("vgremove", "-f", "-y", name)


def test_volume_group_of_an_empty_device(desired, host, loop, group):
    device = loop(64 * MIB)
    pool = {"type": "logical", "source": {"name": group, "devices": [device.path]}}
    desired.want(pools={"vg": {**pool, "autostart": True}})
    assert build(desired.plan(), "vg")["to"] == "LVM volume group" and desired.plan().impact("pool", "vg") == "safe"
    desired.apply()
    assert device.holds() == "LVM2_member" and group in host.exec("vgs", "--noheadings", "-o", "vg_name").stdout
    desired.settled()
    desired.want(pools={"vg": {**pool, "state": "inactive"}}).apply()
    desired.want(pools={"vg": {**pool, "state": "active"}})
    assert not build(desired.plan(), "vg"), "the group that is there is used"
    desired.apply()
    desired.settled()
    desired.want(pools={"other": {"type": "logical", "source": {"name": "ks_other", "devices": [device.path]}}})
    assert f"volume group {group}" in desired.plan().steps["pool/other"]["blocked"]
    desired.apply("--allow", "data-loss", status=3)
    assert group in host.exec("vgs", "--noheadings", "-o", "vg_name").stdout


def test_hand_made_pool_is_adopted_without_a_change(desired, host, tmp):
    xml = f"""<pool type='dir'><name>p</name><target><path>{tmp}/p</path>
      <permissions><mode>0711</mode></permissions></target></pool>"""
    pool = host.conn.storagePoolDefineXML(xml)
    pool.build()
    pool.create()
    pool.createXML("<volume><name>v</name><capacity>1048576</capacity></volume>")
    before = pool.XMLDesc(libvirt.VIR_STORAGE_XML_INACTIVE)
    desired.want(pools={"p": {"type": "dir", "path": f"{tmp}/p"}}, volumes={"p": {"v": {"size": "1MiB"}}})
    assert desired.plan().verbs() == {"pool/p:adopt": "adopt", "volume/p/v:adopt": "adopt"}
    with host.api_calls() as calls:
        desired.apply()
    assert calls.writes == [] and pool.XMLDesc(libvirt.VIR_STORAGE_XML_INACTIVE) == before
    desired.settled()
