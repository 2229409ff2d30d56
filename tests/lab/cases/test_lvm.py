# SPDX-License-Identifier: GPL-2.0-or-later
"""LVM for real: a volume group made of an empty disk, volumes in it that come, grow under a guest and go."""
import json
import pathlib

import pytest

from labhost import guest_xml, run, virsh

MIB = 2**20


def manifest(disk, volumes="{}", pool="", more="", prune="true"):
    return f"""version: 1
host: lab
defaults: {{prune: {prune}}}
pools:
  guests: {{type: logical, source: {{name: vg_lab, devices: [{disk}]}}{pool}}}
volumes:
  guests: {volumes}
{more}"""


def size(volume):
    return int(run("blockdev", "--getsize64", f"/dev/vg_lab/{volume}").stdout)


def steps(plan):
    return {step["id"]: step for step in plan["steps"]}


def test_group_is_made_of_an_empty_disk_and_volumes_in_it(libvirt, kvmstate, spare_disk, tmp_path):
    (tmp_path / "base").write_bytes(b"base" * MIB)
    kvmstate.apply_and_settle(manifest(
        spare_disk, f"{{root: {{size: 64MiB}}, odd: {{size: 9MiB}}, "
        f"copy: {{clone: root}}, filled: {{source: {tmp_path}/base}}}}", pool=", autostart: true"))
    assert "vg_lab" in run("vgs", "--noheadings", "-o", "vg_name").stdout
    assert (size("root"), size("odd"), size("copy")) == (64 * MIB, 12 * MIB, 64 * MIB), "extents are of 4 MiB"
    with open("/dev/vg_lab/filled", "rb") as filled:
        assert filled.read(4 * MIB) == b"base" * MIB
    grown = manifest(spare_disk, f"{{root: {{size: 128MiB}}, odd: {{size: 13MiB}}, copy: {{}}, "
                     f"filled: {{source: {tmp_path}/base}}}}")
    kvmstate.apply_and_settle(grown)
    assert (size("root"), size("odd")) == (128 * MIB, 16 * MIB)
    shrunk = steps(kvmstate.plan(manifest(spare_disk, "{root: {size: 64MiB}, odd: {}, copy: {}, filled: {}}")))
    assert "does not shrink" in shrunk["volume/guests/root"]["blocked"]
    kvmstate.apply(manifest(spare_disk, "{root: {}}"), check=3)
    assert pathlib.Path("/dev/vg_lab/odd").exists(), "not without leave"
    kvmstate.apply_and_settle(manifest(spare_disk, "{root: {}}"), "--allow", "data-loss")
    assert run("lvs", "--noheadings", "-o", "lv_name", "vg_lab").stdout.split() == ["root"]
    # Off and on again: what is on the disk is used, and nothing is formatted.
    kvmstate.apply_and_settle(manifest(spare_disk, pool=", state: inactive", prune="false"))
    again = manifest(spare_disk, "{root: {}}", pool=", state: active")
    assert not any(f["path"] == "build" for f in steps(kvmstate.plan(again))["pool/guests"]["fields"])
    kvmstate.apply_and_settle(again)
    assert size("root") == 128 * MIB


def test_too_much_for_the_group_is_said_with_the_arithmetic(libvirt, kvmstate, spare_disk):
    kvmstate.apply_and_settle(manifest(spare_disk))
    said = kvmstate("plan", manifest(spare_disk, "{a: {size: 600MiB}, b: {size: 600MiB}}"), check=1).stderr
    assert "a 600MiB, b 600MiB" in said and "available" in said


@pytest.mark.parametrize("found", ["ext4", "another group"])
def test_disk_that_holds_something_is_left_alone(libvirt, kvmstate, spare_disk, found):
    if found == "ext4":
        run("mkfs.ext4", "-q", spare_disk)
    else:
        run("vgcreate", "-q", "other", spare_disk)
    step = steps(kvmstate.plan(manifest(spare_disk)))["pool/guests"]
    if found == "ext4":
        assert step["impact"] == "data-loss" and "ext4" in str(step["fields"])
        kvmstate.apply(manifest(spare_disk), "--allow", "delete", check=3)
        assert run("blkid", "-p", "-o", "value", "-s", "TYPE", spare_disk).stdout.strip() == "ext4"
        kvmstate.apply_and_settle(manifest(spare_disk), "--allow", "data-loss")
    else:
        assert "volume group other" in step["blocked"]
        kvmstate.apply(manifest(spare_disk), "--allow", "data-loss", check=3)
        assert "other" in run("vgs", "--noheadings", "-o", "vg_name").stdout


def test_volume_grows_under_a_running_guest(libvirt, kvmstate, spare_disk):
    kvmstate.apply_and_settle(manifest(spare_disk, "{root: {size: 64MiB}}"))
    libvirt.start(guest_xml("vm", "<disk type='block' device='disk'><driver name='qemu' type='raw'/>"
                            "<source dev='/dev/vg_lab/root'/><target dev='vda' bus='virtio'/></disk>"))
    grown = manifest(spare_disk, "{root: {size: 96MiB}}",
                     more="guests:\n  vm: {disks: {vda: {volume: guests/root}}}\n")
    assert steps(kvmstate.plan(grown))["volume/guests/root"]["impact"] == "live"
    kvmstate.apply_and_settle(grown)
    assert size("root") == 96 * MIB
    seen = json.loads(virsh("qemu-monitor-command", "vm", '{"execute": "query-block"}'))
    sizes = [b["inserted"]["image"]["virtual-size"] for b in seen["return"] if b.get("inserted")]
    assert sizes == [96 * MIB], "QEMU knows, and so does the guest"
