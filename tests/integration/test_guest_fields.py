# SPDX-License-Identifier: GPL-2.0-or-later
"""
Each field of a guest changed alone, on a stopped and on a running guest. The plan names it with its impact; apply
makes it so; the domain's XML differs in that and nothing else; the next plan is empty; the guest was restarted only
where the plan said so.
"""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import libvirt
import pytest

from lib import xmldiff
from lib.desired import DROP, merged

BASE = {
    "state": "stopped", "machine": "q35", "memory": "128MiB", "max-memory": "128MiB", "vcpus": 1, "max-vcpus": 3,
    "iothreads": 1, "hotplug-ports": 8, "disks": {"vda": {"file": "TMP/a.img"}},
    "nics": {"lan": {"bridge": "br0", "model": "virtio"}}, "serial": True,
    "shutdown": {"timeout": "1s", "then": "destroy"},  # there is no system in it that would hear the button
}
DISK, NIC = "domain/devices/disk[vda]", "domain/devices/interface"
# A device that takes a port has libvirt or kvmstate (hotplug-ports) make one more.
PORT = "domain/devices/controller[pci"


@dataclass
class Case:
    """`change` laid over BASE; `paths`: what the plan calls it; `xml`: where all differences in the XML lie."""

    name: str
    change: dict
    paths: list
    xml: list
    running: str = "restart"  # its impact on a running guest
    base: dict = field(default_factory=dict)
    back: bool = True  # null is a difference then


# Newer releases of libvirt write down which image they choose.
IMAGE = ["domain/os/firmware", "domain/os/loader", "domain/os/nvram", "domain/features/smm"]
CASES = [
    Case("title", {"title": "A guest"}, ["title"], ["domain/title"], "live"),
    Case("description", {"description": "for tests"}, ["description"], ["domain/description"], "live"),
    # By the balloon: while it runs the guest must help, so test_live_changes_reach_the_guest has that.
    Case("memory down", {"memory": "64MiB"}, ["memory"], ["domain/currentMemory"], running=None),
    Case("memory up", {"memory": "128MiB"}, ["memory"], ["domain/currentMemory"], running=None,
         base={"memory": "96MiB"}),
    Case("max-memory", {"max-memory": "192MiB"}, ["max-memory"], ["domain/memory"],
         base={"memory": DROP}),
    Case("vcpus", {"vcpus": 2}, ["vcpus"], ["domain/vcpu/@current", "domain/vcpus"], "live"),
    Case("max-vcpus", {"max-vcpus": 4}, ["max-vcpus"], ["domain/vcpu", "domain/vcpus"]),
    Case("iothreads", {"iothreads": 2}, ["iothreads"], ["domain/iothreads", "domain/iothreadids"], "live"),
    Case("machine", {"machine": "pc-q35-7.0"}, ["machine"], ["domain/os/type/@machine"], back=False),
    Case("clock", {"clock": "localtime"}, ["clock"], ["domain/clock/@offset"], base={"clock": "utc"}),
    Case("on-crash", {"on-crash": "restart"}, ["on-crash"], ["domain/on_crash"], "live"),
    Case("on-reboot", {"on-reboot": "destroy"}, ["on-reboot"], ["domain/on_reboot"], "live"),
    Case("pin a vcpu", {"pinning": {"vcpus": {0: "0"}}}, ["pinning.vcpus.0"], ["domain/cputune"], "live"),
    Case("pin the emulator", {"pinning": {"emulator": "0"}}, ["pinning.emulator"], ["domain/cputune"], "live"),
    Case("pin an iothread", {"pinning": {"iothreads": {1: "0"}}}, ["pinning.iothreads.1"], ["domain/cputune"], "live"),
    Case("move a pin", {"pinning": {"vcpus": {0: "1"}}}, ["pinning.vcpus.0"], ["domain/cputune/vcpupin[0]"], "live",
         base={"pinning": {"vcpus": {0: "0"}}}),
    Case("drop a pin", {"pinning": {"vcpus": {0: DROP}}}, ["pinning.vcpus.0"], ["domain/cputune"], "live",
         base={"pinning": {"vcpus": {0: "0", 1: "1"}}}),
    Case("no pins", {"pinning": None}, ["pinning"], ["domain/cputune"], "live",
         base={"pinning": {"vcpus": {0: "0"}, "emulator": "0", "iothreads": {1: "1"}}}),
    Case("no pins of vcpus", {"pinning": {"vcpus": None}}, ["pinning.vcpus"], ["domain/cputune"], "live",
         base={"pinning": {"vcpus": {0: "0"}, "emulator": "0"}}),
    Case("vcpus at start go at a restart", {"vcpus": 1}, ["vcpus"], ["domain/vcpu/@current", "domain/vcpus"],
         base={"vcpus": 2}),
    Case("no iothreads", {"iothreads": 0}, ["iothreads"], ["domain/iothreads", "domain/iothreadids"], "live"),
    Case("tpm", {"tpm": "2.0"}, ["tpm"], ["domain/devices/tpm"]),
    Case("another tpm", {"tpm": "1.2"}, ["tpm"], ["domain/devices/tpm"], base={"tpm": "2.0"}),
    Case("tpm unset", {"tpm": None}, ["tpm"], ["domain/devices/tpm"], base={"tpm": "2.0"}),
    Case("cpu mode", {"cpu": {"mode": "maximum"}}, ["cpu.mode"], ["domain/cpu"]),
    Case("cpu topology", {"cpu": {"topology": {"sockets": 1, "cores": 3, "threads": 1}}}, ["cpu.topology"],
         ["domain/cpu"]),
    Case("serial off", {"serial": False}, ["serial"], ["domain/devices/serial", "domain/devices/console"]),
    Case("agent", {"agent": True}, ["agent"], ["domain/devices/channel", "domain/devices/controller[virtio-serial"]),
    Case("agent on its controller", {"agent": True}, ["agent"], ["domain/devices/channel"], "live",
         base={"xml": "<controller type='virtio-serial' index='0'/>\n"}),
    Case("rng", {"rng": True}, ["rng"], ["domain/devices/rng"], "live"),
    Case("graphics", {"graphics": {"vnc": {"listen": "127.0.0.1", "port": "auto"}}}, ["graphics.vnc"],
         [PORT, "domain/devices/graphics", "domain/devices/video", "domain/devices/input", "domain/devices/audio"]),
    Case("watchdog", {"watchdog": {"model": "i6300esb", "action": "reset"}}, ["watchdog"],
         [PORT, "domain/devices/watchdog"]),
    Case("boot", {"boot": ["nic:lan", "disk:vda"]}, ["boot"], [DISK + "/boot", NIC, "domain/os/boot"]),
    Case("attach a disk", {"disks": {"vdb": {"file": "TMP/b.img"}}}, ["disks.vdb"], ["domain/devices/disk[vdb]"],
         "live"),
    Case("disk cache", {"disks": {"vda": {"cache": "none"}}}, ["disks.vda.cache"], [DISK + "/driver/@cache"]),
    Case("disk discard", {"disks": {"vda": {"discard": "unmap"}}}, ["disks.vda.discard"],
         [DISK + "/driver/@discard"]),
    Case("disk iothread", {"disks": {"vda": {"iothread": 1}}}, ["disks.vda.iothread"], [DISK + "/driver/@iothread"]),
    Case("disk serial", {"disks": {"vda": {"serial": "S1"}}}, ["disks.vda.serial"], [DISK + "/serial"]),
    Case("disk iotune", {"disks": {"vda": {"iotune": {"total-iops": 500}}}}, ["disks.vda.iotune"],
         [DISK + "/iotune"], "live"),
    Case("attach a nic", {"nics": {"two": {"bridge": "br0", "model": "virtio"}}}, ["nics.two"], [NIC], "live"),
    Case("nic bridge", {"nics": {"lan": {"bridge": "br1"}}}, ["nics.lan.bridge"], [NIC], "live"),
    Case("nic link", {"nics": {"lan": {"link": "down"}}}, ["nics.lan.link"], [NIC], "live"),
    Case("nic model", {"nics": {"lan": {"model": "e1000e"}}}, ["nics.lan.model"], [NIC]),
    Case("nic bandwidth", {"nics": {"lan": {"bandwidth": {"inbound": {"average": "1000kB/s"}}}}},
         ["nics.lan.bandwidth"], [NIC], "live"),
    Case("nic queues", {"nics": {"lan": {"queues": 2}}}, ["nics.lan.queues"], [NIC]),
    Case("on-poweroff", {"on-poweroff": "restart"}, ["on-poweroff"], ["domain/on_poweroff"], "live"),
    Case("cpu model", {"cpu": {"model": "Nehalem", "check": "none"}}, ["cpu.model"], ["domain/cpu"]),
    Case("cpu check", {"cpu": {"check": "full"}}, ["cpu.check"], ["domain/cpu/@check"], running=None,
         base={"cpu": {"mode": "custom", "model": "Nehalem"}}),
    Case("cpu unset", {"cpu": None}, ["cpu"], ["domain/cpu"], base={"cpu": {"mode": "maximum"}}),
    Case("cpu feature", {"cpu": {"features": {"aes": "disable"}}}, ["cpu.features.aes"], ["domain/cpu/feature[aes]"],
         base={"cpu": {"mode": "custom", "model": "Westmere", "check": "none"}}),
    Case("cpu migratable", {"cpu": {"migratable": False}}, ["cpu.migratable"], ["domain/cpu/@migratable"],
         base={"cpu": {"mode": "maximum"}}),
    Case("cpu dies", {"cpu": {"topology": {"dies": 3, "cores": 1}}}, ["cpu.topology"], ["domain/cpu/topology"],
         base={"cpu": {"topology": {"sockets": 1, "dies": 1, "cores": 3, "threads": 1}}}),
    Case("numa cells", {"numa": {"cells": {0: {"cpus": "0", "memory": "64MiB"}, 1: {"cpus": "1-2", "memory": "64MiB"}}}},
         ["numa.cells"], ["domain/cpu/numa"]),
    Case("numa cell", {"numa": {"cells": {0: {"memory": "32MiB", "node": "0"}, 1: {"memory": "96MiB"}}}},
         ["numa.cells.0.memory", "numa.cells.1.memory", "numa.cells.0.node"], ["domain/cpu/numa", "domain/numatune"],
         base={"numa": {"cells": {0: {"cpus": "0", "memory": "64MiB"}, 1: {"cpus": "1-2", "memory": "64MiB"}}}}),
    Case("numa nodes", {"numa": {"mode": "preferred", "nodes": "0"}}, ["numa.mode", "numa.nodes"], ["domain/numatune"]),
    Case("hugepages", {"hugepages": {"2MiB": {"cells": "0"}}}, ["hugepages"], ["domain/memoryBacking"], running=None,
         base={"numa": {"cells": {0: {"cpus": "0-2", "memory": "128MiB"}}}}),
    Case("firmware", {"firmware": "efi"}, ["firmware"], ["domain/os/@firmware", *IMAGE]),
    Case("secure-boot", {"secure-boot": True}, ["secure-boot"], IMAGE, running=None,
         base={"firmware": "efi", "secure-boot": False}),
    Case("secure-boot unset", {"secure-boot": None}, ["secure-boot"], IMAGE, running=None,
         base={"firmware": "efi", "secure-boot": True}),
    Case("direct-kernel", {"direct-kernel": {"kernel": "TMP/k.img", "initrd": "TMP/i.img", "cmdline": "quiet"}},
         ["direct-kernel"], ["domain/os/kernel", "domain/os/initrd", "domain/os/cmdline"], running=None),
    Case("video", {"video": "vga"}, ["video"], [PORT, "domain/devices/video"]),
    Case("video unset", {"video": None}, ["video"], [PORT, "domain/devices/video"], base={"video": "bochs"}),
    Case("vnc listen and port", {"graphics": {"vnc": {"listen": "0.0.0.0", "port": "5999"}}},
         ["graphics.vnc.listen", "graphics.vnc.port"], ["domain/devices/graphics"],
         base={"graphics": {"vnc": {"listen": "127.0.0.1"}}}),
    Case("vnc listen unset", {"graphics": {"vnc": {"listen": None}}}, ["graphics.vnc.listen"],
         ["domain/devices/graphics"], base={"graphics": {"vnc": {"listen": "0.0.0.0"}}}),
    Case("spice", {"graphics": {"spice": {"listen": "127.0.0.1", "port": "5998"}}}, ["graphics.spice"],
         [PORT, "domain/devices/graphics", "domain/devices/video", "domain/devices/input", "domain/devices/audio"],
         running=None),
    Case("memballoon", {"memballoon": "none"}, ["memballoon"], ["domain/devices/memballoon"]),
    Case("hotplug-ports", {"hotplug-ports": 10}, ["hotplug-ports"], [PORT]),
    Case("a 9p share", {"filesystems": {"s": {"source": "TMP/s", "access-mode": "mapped", "readonly": True}}},
         ["filesystems.s"], [PORT, "domain/devices/filesystem"]),
    Case("share's fields", {"filesystems": {"s": {"source": "TMP/t", "access-mode": "squash", "readonly": True}}},
         ["filesystems.s.source", "filesystems.s.access-mode", "filesystems.s.readonly"],
         ["domain/devices/filesystem"], base={"filesystems": {"s": {"source": "TMP/s"}}}),
    Case("a virtiofs share", {"filesystems": {"s": {"source": "TMP/s", "driver": "virtiofs"}}}, ["filesystems.s"],
         [PORT, "domain/devices/filesystem", "domain/memoryBacking"]),
    Case("watchdog action", {"watchdog": {"action": "pause"}}, ["watchdog.action"], ["domain/devices/watchdog"],
         base={"watchdog": {"model": "i6300esb", "action": "reset"}}),
    Case("watchdog unset", {"watchdog": None}, ["watchdog"], ["domain/devices/watchdog"],
         base={"watchdog": "i6300esb"}),
    Case("disk io and the like", {"disks": {"vda": {"io": "native", "detect-zeroes": "on", "queues": 2}}},
         ["disks.vda.io", "disks.vda.detect-zeroes", "disks.vda.queues"], [DISK + "/driver"],
         base={"disks": {"vda": {"cache": "none"}}}),
    Case("disk readonly and shareable", {"disks": {"vda": {"readonly": True, "shareable": True}}},
         ["disks.vda.readonly", "disks.vda.shareable"], [DISK + "/readonly", DISK + "/shareable"],
         base={"disks": {"vda": {"cache": "none"}}}),
    Case("disk bus", {"disks": {"sdb": {"bus": "sata"}}}, ["disks.sdb.bus"], ["domain/devices/disk[sdb]"],
         base={"disks": {"sdb": {"file": "TMP/b.img", "bus": "usb"}}}),
    Case("disk file and format", {"disks": {"vda": {"file": "TMP/c.qcow2", "format": "qcow2"}}},
         ["disks.vda.file", "disks.vda.format"], [DISK]),
    Case("a scsi disk and its controller", {"disks": {"sdb": {"file": "TMP/b.img", "bus": "scsi"}}}, ["disks.sdb"],
         [PORT, "domain/devices/disk[sdb]", "domain/devices/controller[scsi"]),
    Case("a scsi disk more", {"disks": {"sdc": {"file": "TMP/c.img", "bus": "scsi"}}}, ["disks.sdc"],
         ["domain/devices/disk[sdc]"], "live", base={"disks": {"sdb": {"file": "TMP/b.img", "bus": "scsi"}}}),
    Case("another medium", {"disks": {"sdb": {"file": "TMP/two.iso"}}}, ["disks.sdb.file"],
         ["domain/devices/disk[sdb]/source"], "live",
         base={"disks": {"sdb": {"file": "TMP/one.iso", "device": "cdrom"}}}),
    Case("no medium", {"disks": {"sdb": {"file": None}}}, ["disks.sdb.file"], ["domain/devices/disk[sdb]/source"],
         "live", base={"disks": {"sdb": {"file": "TMP/one.iso", "device": "cdrom"}}}),
    Case("all limits of a disk",
         {"disks": {"vda": {"iotune": {"read-bytes": "1MB/s", "write-bytes": "2MB/s", "read-iops": 10, "write-iops": 20,
                                       "total-bytes": None, "total-iops": None}}}},
         ["disks.vda.iotune"], [DISK + "/iotune"], "live",
         base={"disks": {"vda": {"iotune": {"total-bytes": "9MB/s", "total-iops": 90}}}}),
    Case("all limits of a nic",
         {"nics": {"lan": {"bandwidth": {"inbound": {"average": "100kB/s", "peak": "200kB/s", "burst": "1MB"},
                                         "outbound": {"average": "100kB/s", "peak": "300kB/s", "burst": "2MB"}}}}},
         ["nics.lan.bandwidth"], [NIC], "live"),
    Case("nic driver and mtu", {"nics": {"lan": {"driver": "qemu", "mtu": 1400}}},
         ["nics.lan.driver", "nics.lan.mtu"], [NIC]),
    Case("nic mac", {"nics": {"lan": {"mac": "52:54:00:12:34:56"}}}, ["nics.lan"], [NIC],
         base={"nics": {"lan": {"mac": "52:54:00:12:34:55"}}}),
    Case("a usb disk", {"disks": {"sdb": {"file": "TMP/b.img", "bus": "usb"}}}, ["disks.sdb"],
         [PORT, "domain/devices/disk[sdb]", "domain/devices/controller[usb"], "live"),
    Case("a sata drive", {"disks": {"sdb": {"file": "TMP/one.iso", "device": "cdrom"}}}, ["disks.sdb"],
         [PORT, "domain/devices/disk[sdb]", "domain/devices/controller[sata"]),
    Case("xml", {"xml": "<memballoon model='none'/>\n"}, ["xml"], ["domain/devices/memballoon"], back=False),
]


@pytest.fixture
def network(host):
    for bridge in ("br0", "br1"):
        host.exec("ip", "link", "add", bridge, "type", "bridge").ok()
        host.exec("ip", "link", "set", bridge, "up").ok()


def in_folder(value, tmp):
    """`value` with TMP replaced, and the files that it names made."""
    if isinstance(value, dict):
        return {k: in_folder(v, tmp) for k, v in value.items()}
    if isinstance(value, str) and value.startswith("TMP/"):
        path = tmp / value[4:]
        if not path.suffix:
            path.mkdir(exist_ok=True)
        elif path.suffix == ".qcow2":
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "1M"], check=True)
        elif not path.exists():
            path.write_bytes(b"\0" * 2**20)
        return str(path)
    return value


ENTRIES = ("disks", "nics", "filesystems", "cells", "vcpus", "iothreads")


def taken_back(base, change, above=None):
    """What leads from `change` laid over `base` back to that: what `base` does not state is null, entries go."""
    out = {}
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            out[key] = taken_back(base[key], value, key)
        else:
            out[key] = base.get(key, DROP if above in ENTRIES else None)
    return out


def start(desired, tmp, case, state):
    base = merged(merged(BASE, case.base), {"state": state})
    desired.want(guests={"vm": in_folder(base, tmp)})
    desired.apply()
    desired.settled()
    desired.want(guests={"vm": in_folder(merged(base, case.change), tmp)})


def skip_without_shaping(host, case):
    """libvirt shapes a running nic's traffic with HTB and SFQ: modules that not every kernel has."""
    if "bandwidth" not in case.name and case.name != "all limits of a nic":
        return
    host.exec("ip", "link", "add", "shape", "type", "dummy")
    made = host.exec("tc", "qdisc", "add", "dev", "shape", "root", "sfq", "perturb", "10")
    host.exec("ip", "link", "del", "shape")
    if made.status:
        pytest.skip("this kernel shapes no traffic (sch_sfq)")


def skip_without_programs(host, case):
    """What Debian 13 has in packages of their own."""
    if case.name == "spice" and "<value>spice</value>" not in host.conn.getDomainCapabilities(None, None, "q35", "qemu"):
        pytest.skip("this QEMU has no SPICE (qemu-system-modules-spice)")
    if case.name == "a virtiofs share" and not list(Path("/usr/share/qemu/vhost-user").glob("*virtiofsd*.json")):
        pytest.skip("virtiofsd is not installed")


def assert_named(plan, case, whole=True):
    """`whole`: each of its paths; else the plan may say the same of what they lie in."""
    fields = plan.fields("guest", "vm")
    above = [f for f in fields if not whole and any(p.startswith(f + ".") for p in case.paths)]
    stray = [p for p in fields if not p.startswith(tuple(case.paths)) and p not in above]
    assert not stray, f"the plan names more than was changed: {stray}"
    if not whole:
        assert fields, "the plan names nothing"
        return
    missing = [p for p in case.paths if not any(f.startswith(p) for f in fields)]
    assert not missing, f"the plan does not name {missing}, only {list(fields)}"


def assert_only(case, before, after):
    changed = xmldiff.difference(before, after)
    assert changed, "the XML is as it was"
    stray = {p: v for p, v in changed.items() if not p.startswith(tuple(case.xml))}
    assert not stray, "the XML differs in more than that"


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_stopped(desired, host, tmp, network, case):
    skip_without_programs(host, case)
    start(desired, tmp, case, "stopped")
    before = host.xml("vm")
    plan = desired.plan()
    assert_named(plan, case)
    assert plan.impact("guest", "vm") == "safe"
    desired.apply()
    assert_only(case, before, host.xml("vm"))
    assert not host.is_running("vm")
    desired.settled()
    if case.back:
        base = merged(BASE, case.base)
        assert_taken_back(desired, host, tmp, case, merged(merged(base, case.change), taken_back(base, case.change)))


def assert_taken_back(desired, host, tmp, case, guest):
    before = host.xml("vm")
    desired.want(guests={"vm": in_folder(guest, tmp)})
    assert_named(desired.plan(), case, whole=False)
    desired.apply()
    assert_only(case, before, host.xml("vm"))
    desired.settled()


@pytest.mark.parametrize("case", [c for c in CASES if c.running], ids=lambda c: c.name)
def test_running(desired, host, tmp, network, case):
    skip_without_shaping(host, case)
    skip_without_programs(host, case)
    start(desired, tmp, case, "running")
    before, first_id = host.xml("vm"), host.domain("vm").ID()
    plan = desired.plan()
    assert_named(plan, case)
    assert plan.impact("guest", "vm") == case.running
    desired.apply(status=3 if case.running == "restart" else 0)
    assert_only(case, before, host.xml("vm"))
    assert host.domain("vm").ID() == first_id, "restarted without leave"
    if case.running != "restart":
        desired.settled()
        return
    assert desired.plan().impact("guest", "vm") == "restart", "the pending restart is not named"
    desired.apply("--allow", "restart")
    assert host.domain("vm").ID() not in (first_id, -1), "not restarted"
    desired.settled()


def test_memory_without_a_balloon_driver(desired, host, tmp, network):
    """The guest is asked, has not agreed, and is not asked for ever: what it started with is no drift."""
    case = Case("memory", {"memory": "64MiB"}, ["memory"], ["domain/currentMemory"])
    start(desired, tmp, case, "running")
    before = host.xml("vm")
    assert desired.plan().impact("guest", "vm") == "live"
    done = desired.apply()
    assert "pending" in done.stdout and "nothing is left to do" in done.stdout
    assert_only(case, before, host.xml("vm"))
    desired.settled()


@pytest.mark.parametrize("first, then, impact", [
    ("running", "stopped", "restart"), ("running", "paused", "restart"), ("paused", "running", "safe"),
    ("paused", "stopped", "restart"), ("stopped", "running", "safe"), ("stopped", "paused", "safe"),
])
def test_state_moves_both_ways(desired, host, tmp, network, first, then, impact):
    start(desired, tmp, Case("state", {"state": then}, ["state"], []), first)
    assert desired.plan().impact("guest", "vm") == impact
    if impact == "restart":
        desired.apply(status=3)
        assert host.domain("vm").state()[0] == {"running": 1, "paused": 3, "stopped": 5}[first], "without leave"
    desired.apply("--allow", "restart")
    assert host.domain("vm").state()[0] == {"running": 1, "paused": 3, "stopped": 5}[then]
    desired.settled()


def test_bridge_stays_while_a_guest_is_on_it(desired, host, tmp):
    guest = {"state": "running", "memory": "128MiB", "nics": {"lan": {"bridge": "brx", "model": "virtio"}},
             "shutdown": {"timeout": "1s", "then": "destroy"}}
    desired.want(bridges={"brx": {"stp": False}}, guests={"vm": guest})
    desired.apply()
    desired.want(bridges={"brx": {"state": "absent"}}, guests=None)
    desired.apply("--allow", "delete,network", status=3)
    assert host.links().count("brx") == 1
    assert any("on it" in (s["blocked"] or "") for s in desired.plan().json["steps"])
    desired.want(guests={"vm": {"state": "absent", "shutdown": guest["shutdown"]}})
    desired.apply("--allow", "delete,network")
    assert "brx" not in host.links()
    desired.settled()


def passwords(host):
    """The VNC passwords of the definition and of the running guest."""
    secure = [libvirt.VIR_DOMAIN_XML_SECURE | libvirt.VIR_DOMAIN_XML_INACTIVE, libvirt.VIR_DOMAIN_XML_SECURE]
    return [re.search(r"passwd='([^']*)'", host.domain("vm").XMLDesc(f)).group(1) for f in secure]


def test_a_password_changes_live_and_is_never_shown(desired, host, tmp, network):
    (tmp / "one").write_text("s3cr-one\n")
    (tmp / "two").write_text("s3cr-two\n")
    said = []

    def want(name, state="running"):
        server = {"listen": "127.0.0.1", **({"password": {"file": str(tmp / name)}} if name else {})}
        desired.want(guests={"vm": {**in_folder(BASE, tmp), "state": state, "graphics": {"vnc": server}}})

    def apply(*args, status=0):
        said.extend([desired.run("plan", "--json").stdout, desired.run("plan").stdout])
        done = desired.apply(*args, status=status)
        said.extend([done.stdout, done.stderr])

    want("one")
    apply()
    assert passwords(host) == ["s3cr-one"] * 2
    desired.settled()
    first = host.domain("vm").ID()
    want("two")
    assert desired.plan().impact("guest", "vm") == "live"
    apply()
    assert passwords(host) == ["s3cr-two"] * 2 and host.domain("vm").ID() == first
    desired.settled()
    (tmp / "two").write_text("s3cr-new\n")  # another one in the same place
    apply()
    assert passwords(host) == ["s3cr-new"] * 2
    want(None)
    desired.settled()  # not stated, it stays
    want("one", "stopped")
    apply("--allow", "restart")
    desired.want(guests={"vm": merged(desired.manifest["guests"]["vm"], {"graphics": {"vnc": {"password": None}}})})
    gone = desired.plan().fields("guest", "vm")["graphics.vnc.password"]
    assert (gone["from"], gone["to"]) == ("(secret)", None)
    apply()
    assert "passwd" not in host.domain("vm").XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE)
    desired.settled()
    assert not any("s3cr" in text for text in said)


def test_a_running_server_keeps_its_password_until_a_restart(desired, host, tmp, network):
    """QEMU takes another one, and not none."""
    (tmp / "one").write_text("s3cr-one\n")
    server = {"listen": "127.0.0.1", "password": {"file": str(tmp / "one")}}
    base = {**in_folder(BASE, tmp), "state": "running", "graphics": {"vnc": server}}
    desired.want(guests={"vm": base}).apply()
    desired.want(guests={"vm": merged(base, {"graphics": {"vnc": {"password": None}}})})
    assert desired.plan().impact("guest", "vm") == "restart"
    desired.apply(status=3)
    assert desired.plan().impact("guest", "vm") == "restart", "the old one still counts, and the plan says so"
    desired.apply("--allow", "restart")
    assert "passwd" not in host.domain("vm").XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE)
    desired.settled()


def test_a_vcpu_that_the_guest_does_not_let_go(desired, host, tmp, network):
    """There is no system in it that would: it is asked, and that is no failure; at a restart it goes."""
    base = merged(in_folder(BASE, tmp), {"state": "running"})
    desired.want(guests={"vm": base}).apply()
    desired.want(guests={"vm": merged(base, {"vcpus": 2})}).apply()
    desired.want(guests={"vm": base})
    assert "Waiting for the guest" in desired.apply(status=3).stdout
    host.domain("vm").destroy()
    desired.apply()
    desired.settled()


def test_the_first_password_of_a_running_server_waits_for_a_restart(desired, host, tmp, network):
    (tmp / "one").write_text("s3cr-one\n")
    base = {**in_folder(BASE, tmp), "state": "running", "graphics": {"vnc": {"listen": "127.0.0.1"}}}
    desired.want(guests={"vm": base}).apply()
    desired.want(guests={"vm": merged(base, {"graphics": {"vnc": {"password": {"file": str(tmp / "one")}}}})})
    desired.apply(status=3)
    assert desired.plan().impact("guest", "vm") == "restart"
    desired.apply("--allow", "restart")
    assert passwords(host) == ["s3cr-one"] * 2
    desired.settled()


def test_devices_beyond_the_free_ports_wait_for_a_restart(desired, host, tmp, network):
    """Adopted guests have few; a plan that says live must not fail half-way."""
    base = merged(in_folder(BASE, tmp), {"state": "running", "hotplug-ports": 1})
    desired.want(guests={"vm": base}).apply()
    more = {"disks": {"vdb": {"file": "TMP/b.img"}, "vdc": {"file": "TMP/c.img"}}, "nics": {"two": {"bridge": "br0"}}}
    desired.want(guests={"vm": in_folder(merged(base, more), tmp)})
    fields = desired.plan().fields("guest", "vm")
    assert {p: f["impact"] for p, f in fields.items()} == {"disks.vdb": "live", "disks.vdc": "restart", "nics.two": "restart"}
    desired.apply(status=3)
    desired.apply("--allow", "restart")
    desired.settled()


def test_a_vlan_that_libvirt_cannot_put_is_refused_beforehand(desired, host, tmp, network):
    desired.want(guests={"vm": merged(in_folder(BASE, tmp), {"nics": {"lan": {"vlan": 10}}})})
    if host.conn.getLibVersion() >= 11000000:
        pytest.skip("this libvirt can")
    assert re.search(r"manifest\.yaml:\d+:\d+: error: .*puts no VLAN on a Linux bridge", desired.run("plan").ok(1).stderr)


# ---- the table is whole ----

# Fields that no case above changes, and where they are instead.
ELSEWHERE = {
    "state": "test_state_moves_both_ways", "autostart": "test_main_job", "protect": "test_main_job",
    "allow": "policy: golden plans", "profiles": "policy: test_pains_guests", "was": "test_pains_guests",
    "uuid": "cannot change: test_guest_rows", "cloud-init": "test_cloud_init",
    "wait-for": "test_wait_for", "shutdown": "policy: test_pains_guests", "devices": "hardware: the lab",
    "nics.vf": "hardware: the lab", "nics.network": "test_networks", "nics.vlan": "refused here: its own test",
    "disks.volume": "test_storage", "disks.block": "test_storage", "disks.rbd": "no server: test_guest_codecs",
    "disks.hosts": "with rbd", "disks.auth": "with rbd", "disks.size": "test_storage", "disks.backing": "test_storage",
    "disks.clone": "test_storage", "disks.preallocation": "test_storage", "disks.device": "test_guest_codecs",
    "graphics.vnc.password": "its own test", "graphics.spice.password": "as vnc's", "numa.placement": "no field of libvirt's",
    "numa.threads": "no field of libvirt's", "cpu.features.policy": "the shorthand's field",
    "pinning.vcpus.cpus": "the shorthand's field", "pinning.iothreads.cpus": "the shorthand's field",
}


def stated(value, schema, root, path=""):
    """Paths of fields that a manifest's value states, without the keys of maps."""
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    for part in schema.get("anyOf", schema.get("oneOf", [])):
        yield from stated(value, part, root, path)
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key in schema.get("properties", {}):
            below = f"{path}.{key}".lstrip(".")
            yield below
            yield from stated(inner, schema["properties"][key], root, below)
        elif isinstance(schema.get("additionalProperties"), dict):
            yield from stated(inner, schema["additionalProperties"], root, path)
        for pattern in schema.get("patternProperties", {}).values():
            yield from stated(inner, pattern, root, path)


def all_fields(schema, root, path="", depth=0):
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    for part in [*schema.get("anyOf", []), *schema.get("oneOf", [])]:
        yield from all_fields(part, root, path, depth + 1)
    for key, inner in schema.get("properties", {}).items():
        below = f"{path}.{key}".lstrip(".")
        yield below
        yield from all_fields(inner, root, below, depth + 1)
    for inner in [schema.get("additionalProperties"), *schema.get("patternProperties", {}).values()]:
        if isinstance(inner, dict):
            yield from all_fields(inner, root, path, depth + 1)


def test_every_field_is_in_the_table(private_host):
    """A new field of the reference needs a case, or a place where it is tested."""
    root = private_host.kvmstate("schema").ok().json
    guest = root["$defs"]["guest"]
    tested = {p for c in CASES for change in (c.change, c.base) for p in stated(change, guest, root)}
    missing = {f for f in all_fields(guest, root)
               if f not in tested and not any(f == e or f.startswith(e + ".") for e in ELSEWHERE)}
    assert not missing
