# SPDX-License-Identifier: GPL-2.0-or-later
"""Pools and volumes on a real libvirt: made in every way, grown under a guest, refused, kept, and picked up again."""

import hashlib
import json
import time

import pytest

from lib import guest
from lib.desired import Desired
from lib.run import random_delays

MIB = 2**20


def info(host, path):
    return json.loads(host.exec("qemu-img", "info", "-U", "--output=json", path).ok().stdout)


def bootable(initrd, **more):
    return {"state": "running", "machine": "q35", "memory": f"{guest.MEMORY_MIB}MiB", "vcpus": 1, "serial": True,
            "shutdown": {"timeout": "60s", "then": "destroy"},
            "direct-kernel": {"kernel": str(guest.kernel()), "initrd": str(initrd), "cmdline": guest.CMDLINE}, **more}


STOPPED = {"state": "stopped", "machine": "q35", "memory": "64MiB"}


@pytest.fixture
def pool(tmp):
    return {"type": "dir", "path": str(tmp / "pool")}


def a_file(path, size, seed=b"x"):
    path.write_bytes((hashlib.sha256(seed).digest() * (size // 32 + 1))[:size])
    return hashlib.sha256(path.read_bytes()).hexdigest()


# ---- pools ----


def test_pool_is_made_stopped_started_and_removed(desired, host, pool, tmp):
    desired.want(pools={"p": {**pool, "autostart": True}}).apply()
    seen = host.conn.storagePoolLookupByName("p")
    assert (seen.isActive(), seen.autostart(), seen.isPersistent()) == (1, 1, 1)
    desired.settled()
    desired.want(pools={"p": {**pool, "state": "inactive", "autostart": False}})
    assert set(desired.plan().fields("pool", "p")) == {"state", "autostart"}
    desired.apply()
    assert (seen.isActive(), seen.autostart()) == (0, 0)
    desired.settled()
    desired.want(pools={"p": {**pool, "state": "active"}}).apply()
    assert seen.isActive() == 1
    (tmp / "pool/kept.raw").write_bytes(b"x")
    desired.want(pools={"p": {"state": "absent"}})
    assert desired.plan().impact("pool", "p") == "delete"
    desired.apply(status=3)
    desired.apply("--allow", "delete")
    assert host.conn.listAllStoragePools() == []
    assert (tmp / "pool/kept.raw").exists(), "a pool's volumes stay"


def test_pool_that_is_there_is_adopted(desired, host, pool, tmp):
    (tmp / "pool").mkdir()
    host.conn.storagePoolDefineXML(f"<pool type='dir'><name>p</name><target><path>{tmp}/pool</path></target></pool>")
    desired.want(pools={"p": {**pool, "state": "active"}}).apply()
    assert host.conn.storagePoolLookupByName("p").isActive() == 1
    desired.settled()


def test_pool_stays_while_something_of_ours_is_in_it(desired, host, pool):
    desired.want(pools={"p": pool}, volumes={"p": {"a.raw": {"size": "1MiB"}}}).apply()
    desired.want(pools={"p": {"state": "absent"}}, volumes=None)
    assert "a.raw" in desired.plan().steps["pool/p"]["blocked"]
    desired.want(pools=None, defaults={"prune": True})
    assert desired.plan().verbs() == {"volume/p/a.raw": "delete", "pool/p": "delete"}
    desired.apply("--allow", "delete,data-loss")
    assert host.conn.listAllStoragePools() == []


def test_pool_that_cannot_start_leaves_nothing(desired, host):
    desired.want(pools={"p": {"type": "dir", "path": "/proc/none"}})
    desired.apply(status=1)
    assert host.conn.listAllStoragePools() == []


# ---- making ----


def test_volumes_declared_at_disks(desired, host, pool, initrd, tmp):
    """A disk declares its volume in place, and the guest boots with it."""
    digest = a_file(tmp / "base.raw", 2 * MIB)
    desired.want(pools={"p": pool}, volumes={"p": {
        "base.raw": {"source": {"file": str(tmp / "base.raw"), "sha256": digest}, "format": "raw"}}},
        guests={"vm": bootable(initrd, disks={
            "vda": {"volume": "p/{guest}.qcow2", "size": "8MiB", "format": "qcow2", "backing": "base.raw"},
            "vdb": {"volume": "p/{guest}-data.raw", "size": "4MiB"},
            "vdc": {"volume": "p/{guest}-copy.qcow2", "clone": "base.raw", "format": "qcow2"}})})
    order = list(desired.plan().steps)
    assert order.index("pool/p") < order.index("volume/p/base.raw") < order.index("volume/p/vm.qcow2") \
        < order.index("guest/vm")
    desired.apply()
    seen = guest.PtyConsole(host.xml("vm", live=True)).wait()
    assert seen["disks"]["vda"] == 8 * MIB and seen["disks"]["vdb"] == 4 * MIB, seen
    assert info(host, tmp / "pool/vm.qcow2")["full-backing-filename"] == str(tmp / "pool/base.raw")
    desired.settled()


def test_clone_that_is_larger_and_in_another_format(desired, host, pool, tmp):
    a_file(tmp / "base.raw", 2 * MIB)
    desired.want(pools={"p": pool}, volumes={"p": {
        "base.raw": {"source": str(tmp / "base.raw")},
        "same.raw": {"clone": "base.raw"},
        "large.qcow2": {"clone": "base.raw", "format": "qcow2", "size": "16MiB"}}}).apply()
    assert (tmp / "pool/same.raw").read_bytes() == (tmp / "base.raw").read_bytes()
    assert info(host, tmp / "pool/large.qcow2")["virtual-size"] == 16 * MIB
    desired.settled()


@pytest.mark.parametrize("how", ["off", "metadata", "falloc", "full"])
def test_preallocation(desired, host, pool, tmp, how):
    volumes = {"v.raw": {"size": "8MiB", "format": "raw", "preallocation": how},
               "v.qcow2": {"size": "8MiB", "format": "qcow2", "preallocation": how}}
    if how == "metadata":
        volumes.pop("v.raw")
    if how == "full":
        volumes.pop("v.qcow2")
    desired.want(pools={"p": pool}, volumes={"p": volumes}).apply()
    for name in volumes:
        allocated = (tmp / "pool" / name).stat().st_blocks * 512
        assert (allocated >= 8 * MIB) == (how in ("falloc", "full")), (name, allocated)
    desired.settled()


def test_upload_of_an_image_that_grows_to_its_size(desired, host, pool, tmp):
    host.exec("qemu-img", "create", "-q", "-f", "qcow2", tmp / "image.qcow2", "4M").ok()
    digest = hashlib.sha256((tmp / "image.qcow2").read_bytes()).hexdigest()
    desired.want(pools={"p": pool}, volumes={"p": {
        "v.qcow2": {"source": {"file": str(tmp / "image.qcow2"), "sha256": digest}, "format": "qcow2",
                    "size": "16MiB"}}}).apply()
    seen = info(host, tmp / "pool/v.qcow2")
    assert (seen["format"], seen["virtual-size"]) == ("qcow2", 16 * MIB)
    desired.settled()


def test_upload_of_another_file_is_refused(desired, host, pool, tmp):
    a_file(tmp / "base.raw", MIB)
    desired.want(pools={"p": pool}, volumes={"p": {
        "v.raw": {"source": {"file": str(tmp / "base.raw"), "sha256": "0" * 64}}}})
    result = desired.apply(status=4)
    assert "SHA-256" in result.stdout + result.stderr, str(result)
    assert list((tmp / "pool").iterdir()) == []
    desired.want(volumes={"p": {"v.raw": {"source": {"file": str(tmp / "none.raw")}}}})
    assert "none.raw" in desired.run("plan").ok(1).stderr


def test_two_statements_about_one_volume(desired, pool):
    desired.want(pools={"p": pool}, volumes={"p": {"v": {"size": "1MiB", "format": "raw"}}}, guests={
        "vm": {**STOPPED, "disks": {"vda": {"volume": "p/v", "size": "1MiB", "format": "qcow2"}}}})
    assert "declared twice" in desired.run("plan").ok(1).stderr


def test_too_little_room_is_said_with_the_arithmetic(desired, host, pool):
    desired.want(pools={"p": pool}).apply()
    desired.want(volumes={"p": {"v.raw": {"size": "900TiB", "format": "raw", "preallocation": "falloc"}}})
    said = desired.run("plan").ok(1).stderr
    assert "900TiB" in said and "available" in said, said


# ---- growing ----


def test_volume_grows_under_a_running_guest(desired, host, pool, initrd, tmp):
    def want(size):
        desired.want(pools={"p": pool}, guests={"vm": bootable(initrd, disks={
            "vda": {"volume": "p/v.qcow2", "size": size, "format": "qcow2"}})})

    want("8MiB")
    desired.apply()
    console = guest.PtyConsole(host.xml("vm", live=True))
    console.wait()
    number = host.domain("vm").ID()
    want("16MiB")
    assert desired.plan().impact("volume", "p/v.qcow2") == "live"
    desired.apply()
    console.wait("the guest sees the new size", lambda r: r["disks"].get("vda") == 16 * MIB)
    assert host.domain("vm").ID() == number
    desired.settled()


def test_shrinking_is_refused_with_the_numbers(desired, host, pool, tmp):
    desired.want(pools={"p": pool}, volumes={"p": {"v": {"size": "4MiB", "format": "qcow2"}}}).apply()
    desired.want(volumes={"p": {"v": {"size": "1MiB", "format": "raw"}}})
    assert "4MiB" in desired.plan().steps["volume/p/v"]["blocked"]
    desired.run("apply", "--allow", "data-loss,delete")
    assert info(host, tmp / "pool/v")["virtual-size"] == 4 * MIB


# ---- going ----


def test_protected_volume_stays_also_when_its_block_is_gone(desired, pool, tmp):
    desired.want(pools={"p": pool}, defaults={"prune": True},
                 volumes={"p": {"v": {"size": "1MiB", "protect": True}}}).apply()
    desired.settled()
    desired.want(volumes=None)
    assert desired.plan().steps["volume/p/v"]["blocked"] == "protected"
    desired.run("apply", "--allow", "data-loss,delete")
    assert (tmp / "pool/v").exists()
    desired.want(volumes={"p": {"v": {"size": "1MiB", "protect": False}}}).apply()
    desired.want(volumes=None).apply("--allow", "data-loss")
    assert not (tmp / "pool/v").exists()


def test_volume_in_use_stays_and_goes_with_its_guest(desired, host, pool, tmp):
    disks = {"vda": {"volume": "p/v", "size": "1MiB", "format": "raw"}}
    desired.want(pools={"p": pool}, defaults={"prune": True}, guests={"vm": {**STOPPED, "disks": disks}}).apply()
    desired.settled()
    host.conn.defineXML(f"<domain type='qemu'><name>other</name><memory unit='MiB'>64</memory>"
                        "<os><type machine='q35'>hvm</type></os><devices><disk type='file'><target dev='vda'/>"
                        f"<source file='{tmp}/pool/v'/></disk></devices></domain>")
    desired.want(guests=None)
    assert "other" in desired.plan().steps["volume/p/v"]["blocked"]
    host.domain("other").undefine()
    order = list(desired.plan().steps)
    assert order.index("guest/vm") < order.index("volume/p/v")
    desired.apply("--allow", "delete", status=3)
    assert (tmp / "pool/v").exists() and host.guests() == []
    desired.apply("--allow", "delete,data-loss")
    assert not (tmp / "pool/v").exists()


def test_base_stays_while_a_layer_stands_on_it(desired, pool, tmp):
    volumes = {"base": {"size": "1MiB", "format": "qcow2"}, "top": {"backing": "base", "format": "qcow2"}}
    desired.want(pools={"p": pool}, defaults={"prune": True}, volumes={"p": volumes}).apply()
    desired.settled()
    desired.want(volumes={"p": {"top": {"format": "qcow2"}}})
    assert "layer" in desired.plan().steps["volume/p/base"]["blocked"]
    desired.want(volumes=None)
    order = list(desired.plan().steps)
    assert order.index("volume/p/top") < order.index("volume/p/base")
    desired.apply("--allow", "data-loss")
    assert list((tmp / "pool").iterdir()) == []


# ---- interruptions and other ways ----


@pytest.mark.parametrize("delay", random_delays(4, 0.8, seed=5))
def test_killed_in_the_middle_and_run_again(desired, host, pool, tmp, delay):
    digest = a_file(tmp / "base.raw", 96 * MIB)
    desired.want(pools={"p": pool}, volumes={"p": {
        "base.raw": {"source": {"file": str(tmp / "base.raw"), "sha256": digest}, "format": "raw"},
        "copy.qcow2": {"clone": "base.raw", "format": "qcow2"},
        "over.qcow2": {"backing": "base.raw", "size": "128MiB"}}})
    host.kvmstate_killed("apply", "-f", desired.file, after=delay)
    time.sleep(0.5)
    desired.apply()
    assert hashlib.sha256((tmp / "pool/base.raw").read_bytes()).hexdigest() == digest
    host.exec("qemu-img", "compare", "-U", "-f", "raw", "-F", "qcow2", tmp / "base.raw", tmp / "pool/copy.qcow2").ok()
    desired.settled()


def test_libvirt_without_storage_says_so_and_makes_nothing(embed, pool, tmp):
    """An embedded libvirt has no storage driver: what it cannot tell is not taken to be absent."""
    (tmp / "d").mkdir()
    wanted = Desired(embed, tmp / "d")
    wanted.want(pools={"p": pool}, volumes={"p": {"v.raw": {"size": "1MiB"}}},
                guests={"vm": {**STOPPED, "disks": {"vda": {"volume": "p/v.raw"}}}})
    steps = wanted.plan().steps
    assert all("could not be read" in steps[s]["blocked"] for s in ("pool/p", "volume/p/v.raw")), steps
    assert "guest/vm" not in steps
    wanted.run("apply").ok(3)
    assert embed.guests() == [] and not (tmp / "pool").exists()
