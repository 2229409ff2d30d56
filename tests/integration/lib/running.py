# SPDX-License-Identifier: GPL-2.0-or-later
"""
The same for guests that run: a definition made to start here, started, imported while it runs, adopted, and changed in
what changes live. It stays the same process unless the plan said that it would not.
"""

import copy

import libvirt
import yaml
from lxml import etree

from . import changes
from .changes import change
from .desired import Plan
from .host import remove_domain
from .importing import Refused, World, same, Guests
from .mending import accepted, adapted

# What needs this machine to be another one.
FOREIGN = ("devices/hostdev", "devices/filesystem", "devices/tpm", "devices/smartcard", "devices/shmem", "devices/lease",
           "devices/disk/auth", "devices/disk/encryption", "devices/disk/backingStore", "devices/disk/mirror",
           "devices/disk/source/*", "devices/disk[@device='lun']", "devices/memory", "devices/nvram", "devices/crypto",
           "devices/graphics[@type!='vnc']", "devices/graphics/listen", "devices/video/model/acceleration",
           "devices/redirdev", "devices/channel[@type!='unix']", "devices/channel/source", "devices/vsock",
           "devices/sound", "devices/audio", "devices/iommu", "devices/emulator", "devices/interface/script",
           "devices/interface/virtualport", "devices/interface/vlan", "devices/interface/backend",
           "devices/rng[backend/@model='egd']", "devices/panic", "devices/hub", "devices/input[@type='passthrough']",
           "devices/interface/target", "devices/interface/filterref", "devices/interface/rom", "devices/pstore",
           "seclabel", "resource", "launchSecurity", "memoryBacking", "memtune", "numatune", "maxMemory", "cpu/numa",
           "cpu/topology", "cputune", "blkiotune", "vcpus", "iothreadids", "idmap", "uuid", "cpu", "sysinfo", "os/smbios", "keywrap",
           "os/kernel", "os/initrd", "os/cmdline", "os/dtb", "os/loader", "os/nvram", "os/acpi", "os/init", "perf")
NEW_DISK = "/var/lib/libvirt/one-more.qcow2"
NETWORKED = {"bridge": changes.NEW_BRIDGE, "network": changes.NEW_NETWORK}


def startable(text, machines, folder, host):
    """As much of a definition as can run here."""
    root = etree.fromstring(adapted(text, machines).encode())
    if root.tag != "domain":
        raise Refused("no domain")
    for path in FOREIGN:
        for e in root.xpath(path):
            e.getparent().remove(e)
    for e in [e for e in root if etree.QName(e).namespace]:
        root.remove(e)
    os = root.find("os")
    kind = None if os is None else os.find("type")
    if kind is None or root.find("devices") is None or kind.get("arch", "x86_64") not in ("x86_64", "i686"):
        raise Refused("not of this kind of machine")
    kind.text = "hvm"
    kind.set("arch", "x86_64")
    os.attrib.pop("firmware", None)
    for tag in ("memory", "currentMemory"):
        for e in root.findall(tag):
            root.remove(e)
    etree.SubElement(root, "memory", unit="MiB").text = "128"
    vcpu = root.find("vcpu")
    if vcpu is not None:
        vcpu.attrib.pop("cpuset", None)
        vcpu.attrib.pop("placement", None)
        most = min(int(vcpu.text), 4)
        vcpu.text = str(most)
        if vcpu.get("current"):
            vcpu.set("current", str(min(int(vcpu.get("current")), most)))
    for n, disk in enumerate(root.findall("devices/disk")):
        _give_image(disk, f"{folder}/image{n}", host)
    for nic in root.findall("devices/interface"):
        if nic.get("type") not in NETWORKED:
            nic.getparent().remove(nic)
            continue
        source = nic.find("source")
        source.attrib.clear()
        source.set(nic.get("type"), NETWORKED[nic.get("type")])
    for port in root.xpath("devices/serial|devices/console|devices/parallel"):
        port.set("type", "pty")
        for e in port.xpath("source|protocol|log"):
            port.remove(e)
    for vnc in root.findall("devices/graphics"):
        for key in set(vnc.attrib) - {"type", "port", "autoport"}:
            del vnc.attrib[key]
        vnc.set("listen", "127.0.0.1")
    return etree.tostring(root).decode()


def _give_image(disk, path, host):
    driver = disk.find("driver")
    kind = driver.get("type", "raw") if driver is not None else "raw"
    if kind not in ("raw", "qcow2"):
        kind = "raw"
        driver.set("type", kind)
    if driver is not None:
        driver.attrib.pop("iothread", None)
    disk.set("type", "file")
    for e in disk.findall("source"):
        disk.remove(e)
    if disk.get("device") in ("cdrom", "floppy"):
        host.exec("qemu-img", "create", "-q", "-f", kind, f"{NEW_DISK}.{disk.find('target').get('dev')}", "1440K").ok()
        return
    host.exec("qemu-img", "create", "-q", "-f", kind, path, "4M").ok()
    etree.SubElement(disk, "source", file=path)


def live_changes(guest, xml):
    """What can be changed while it runs; the last may need a restart, and is said so by the plan."""
    root = etree.fromstring(xml.encode())
    yield change(["description"], "Changed while it ran.", "domain/description")
    yield change(["autostart"], not guest.get("autostart", False))
    yield change(["on-crash"], "preserve" if guest.get("on-crash") != "preserve" else "restart", "domain/on_crash")
    if guest.get("max-vcpus", 1) > guest.get("vcpus", 1):
        yield change(["vcpus"], guest.get("vcpus", 1) + 1, "domain/vcpu", "domain/vcpus")
    yield change(["iothreads"], guest.get("iothreads", 0) + 1, "domain/iothreads", "domain/iothreadids")
    yield change(["pinning", "emulator"], "0", "domain/cputune")
    yield change(["memory"], "96MiB", "domain/currentMemory")
    for key, disk in (guest.get("disks") or {}).items():
        at = f"domain/devices/disk[{key}]"
        if isinstance(disk, dict) and disk.get("device") in ("cdrom", "floppy"):
            yield change(["disks", key, "file"], f"{NEW_DISK}.{key}", at)
        elif isinstance(disk, dict):
            yield change(["disks", key, "iotune", "total-iops"], 500, at + "/iotune")
    for key, nic in (guest.get("nics") or {}).items():
        at = f"domain/devices/interface[{nic['mac']}]"
        yield change(["nics", key, "link"], "up" if nic.get("link") == "down" else "down", at + "/link")
        yield change(["nics", key, "mtu"], 1400, at + "/mtu")
        if "network" in nic:
            yield change(["nics", key, "network"], None, at + "/source", at + "/@type")
            yield change(["nics", key, "bridge"], changes.NEW_BRIDGE, at + "/source", at + "/@type")
    if "nics" in guest:
        yield change(["nics", "added"], {"network": changes.NEW_NETWORK, "mac": "52:54:00:0a:0b:0d"},
                     "domain/devices/interface[52:54:00:0a:0b:0d]", *changes.PORTS)
    if guest.get("disks"):
        yield change(["disks", "vdz"], {"file": NEW_DISK, "format": "qcow2"}, "domain/devices/disk[vdz]",
                     *changes.PORTS)
    if root.find("devices/rng") is None:
        yield change(["rng"], True, "domain/devices/rng", *changes.PORTS)
    yield change(["clock"], "localtime" if guest.get("clock", "utc") == "utc" else "utc", "domain/clock/@offset",
                 "domain/clock/@adjustment")


class Running:
    """One definition; `done`: how many changes were made of it, `restarts` how many of them with one."""

    def __init__(self, host, folder, text):
        world = World(host, folder)
        self.host, self.desired, self.done, self.restarts = host, world.desired, 0, 0
        host.exec("qemu-img", "create", "-q", "-f", "qcow2", NEW_DISK, "1M").ok()
        network = host.conn.networkLookupByName(changes.NEW_NETWORK)
        if not network.isActive():
            network.create()
        try:
            self.domain = accepted(host.conn.defineXML, startable(text, world.machines, folder, host))
            self.domain.create()
        except libvirt.libvirtError as e:
            for domain in host.conn.listAllDomains():
                remove_domain(domain)
            raise Refused(str(e)) from None
        self.kind = Guests(host.conn)

    def number(self):
        """libvirt's, another one after each start. The object that we have remembers the one that it had."""
        return self.host.domain(self.domain.name()).ID()

    def _plan(self, what):
        result = self.desired.run("plan", "--json")
        assert result.status == 0, f"plan, {what}: {result.stderr}{result.stdout[-2000:]}"
        return Plan(result.json)

    def _empty(self, what, verbs=()):
        left = [s for s in self._plan(what).json["steps"] if s["verb"] not in verbs]
        assert not left, f"{what}: left to do: {left}"

    def _write(self, manifest):
        self.desired.text(yaml.safe_dump(manifest, sort_keys=False))

    def run(self):
        name, number = self.domain.name(), self.number()
        before = self.kind.text(self.domain)
        result = self.host.kvmstate("import", "--host", self.desired.manifest["host"], "--guest", name)
        assert result.status == 0, f"import: {result.stderr}"
        self.desired.text(result.stdout)
        manifest = yaml.safe_load(result.stdout)
        self._empty("imported", ("adopt",))
        self.desired.apply()
        self._empty("adopted")
        same(self.kind, self.domain, before, ())
        guest = manifest["guests"][name] = manifest["guests"][name] or {}
        # There is no system in it that would hear the button.
        guest["shutdown"] = {"timeout": "1s", "then": "destroy"}
        for what, make, places in list(live_changes(guest, before)):
            trial = copy.deepcopy(manifest)
            make(trial["guests"][name])
            number = self._change(what, trial, places, number)
            manifest = trial

    def _change(self, what, manifest, places, number):
        before = self.kind.text(self.domain)
        self._write(manifest)
        restarts = self._plan(what).impact("guest", self.domain.name()) == "restart"
        result = self.desired.run("apply")
        assert result.status == (3 if restarts else 0), f"{what}: {result.status} {result.stderr}{result.stdout}"
        assert self.number() == number, f"{what}: restarted without leave"
        if restarts:
            result = self.desired.run("apply", "--allow", "restart")
            assert result.status == 0, f"{what}, restart: {result.stderr}{result.stdout}"
            assert self.number() not in (number, -1), f"{what}: not restarted"
            self.restarts += 1
        try:
            same(self.kind, self.domain, before, places)
        except AssertionError as e:
            raise AssertionError(f"{what}: {e}") from None
        self._empty(what)
        self.done += 1
        return self.number()
