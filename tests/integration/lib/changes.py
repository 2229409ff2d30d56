# SPDX-License-Identifier: GPL-2.0-or-later
"""
Changes of one field each, for things of which only an import is known: (name, function that makes the change in the
manifest's entry, places of the XML where all that differs must lie).
"""

import itertools
import re

from lxml import etree

# What the host has for changes to name: another network, another bridge, and an image that nobody has.
NEW_NETWORK, NEW_BRIDGE, NEW_IMAGE = "another", "another0", "/var/lib/libvirt/another.qcow2"

# Devices that come may need a port or a controller of their own.
PORTS = ("domain/devices/controller[pci",)
_ports = itertools.count(6000)


def _mib(text):
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()
    return int(float(number) * {"KiB": 1 / 1024, "MiB": 1, "GiB": 1024, "TiB": 1 << 20, "B": 1 / (1 << 20),
                                "kB": 1000 / (1 << 20), "MB": 1e6 / (1 << 20), "GB": 1e9 / (1 << 20)}[unit])


def change(path, value, *places):
    """Sets the field at this path, a sequence of keys; None: takes it out."""

    def make(entry):
        for key in path[:-1]:
            if not isinstance(entry.get(key), dict):
                entry[key] = {}
            entry = entry[key]
        if value is None:
            del entry[path[-1]]
        else:
            entry[path[-1]] = value

    return ".".join(map(str, path)), make, places


def _words(guest, root):
    for key, value, place in (("description", "Changed by a test.", "description"), ("title", "One title", "title"),
                              ("on-crash", "preserve", "on_crash"),
                              ("on-reboot", "destroy", "on_reboot")):
        if guest.get(key) != value:
            yield change([key], value, f"domain/{place}")
    yield change(["autostart"], not guest.get("autostart", False))
    yield change(["protect"], not guest.get("protect", False), "domain/metadata")
    if root.find("pm") is None and root.find("os/type").get("arch") == "x86_64":
        yield change(["xml"], guest.get("xml", "") + "<pm><suspend-to-mem enabled='no'/></pm>\n", "domain/pm")
    if guest.get("clock", "utc") == "utc" and "<clock " not in guest.get("xml", ""):
        yield change(["clock"], "localtime", "domain/clock/@offset", "domain/clock/@adjustment")


def _sizes(guest, root):
    has_cells = root.find("cpu/numa") is not None
    plain_memory = "max-memory" not in guest and not has_cells and root.find("maxMemory") is None
    if plain_memory:
        more = f"{_mib(guest['memory']) + 64}MiB"
        yield change(["memory"], more, "domain/memory", "domain/currentMemory")
        yield change(["max-memory"], more, "domain/memory")
    if root.find("cpu/topology") is None and not has_cells and root.find("vcpus") is None and \
            "max-vcpus" not in guest:
        yield change(["vcpus"], guest.get("vcpus", 1) + 1, "domain/vcpu")
        yield change(["max-vcpus"], guest.get("vcpus", 1) + 2, "domain/vcpu")
    yield change(["iothreads"], guest.get("iothreads", 0) + 1, "domain/iothreads", "domain/iothreadids")
    vcpu = root.find("vcpu")
    if (vcpu is None or vcpu.get("placement") != "auto") and root.find("cputune/emulatorpin") is None:
        yield change(["pinning", "emulator"], "0", "domain/cputune/emulatorpin")
    if isinstance(guest.get("cpu"), dict) and guest["cpu"].get("mode") != "maximum" and \
            root.find("os/type").get("arch") == "x86_64":
        yield change(["cpu", "features", "aes"], "disable", "domain/cpu/feature[aes]")


def _disks(guest, root):
    disks = guest.get("disks") or {}
    for key, disk in disks.items():
        if not isinstance(disk, dict):
            continue
        at = f"domain/devices/disk[{key}]"
        is_file = bool({"file", "block", "volume"} & set(disk))
        if is_file and disk.get("io") != "native" and disk.get("device") != "lun":
            value = "writethrough" if disk.get("cache") != "writethrough" else "writeback"
            yield change(["disks", key, "cache"], value, at + "/driver")
        if is_file and "discard" not in disk:
            yield change(["disks", key, "discard"], "unmap", at + "/driver")
        if "serial" not in disk and disk.get("device", "disk") == "disk":
            yield change(["disks", key, "serial"], "SERIAL-1", at + "/serial")
        if disk.get("device", "disk") == "disk" and root.find(f"devices/disk/target[@dev='{key}']/../iotune") is None:
            yield change(["disks", key, "iotune", "total-iops"], 500, at + "/iotune")
        if disk.get("device") == "cdrom" and "iotune" not in disk:
            yield change(["disks", key, "file"], NEW_IMAGE, at + "/source", at + "/@type", at + "/driver",
                         at + "/backingStore")  # the old image's
            break
    if not any(k in guest for k in ("boot", "cloud-init")) and len(disks) > 1:
        last = list(disks)[-1]
        yield change(["disks", last], None, f"domain/devices/disk[{last}]", "domain/cputune")
    if disks and "vdz" not in disks and root.find("os/type").get("arch") == "x86_64":
        yield change(["disks", "vdz"], {"file": NEW_IMAGE, "format": "qcow2"}, "domain/devices/disk[vdz]", *PORTS)


def _nics(guest, root):
    nics = guest.get("nics") or {}
    for key, nic in list(nics.items())[:2]:
        if not isinstance(nic, dict) or "vf" in nic or not nic.get("mac"):
            continue
        at = f"domain/devices/interface[{nic['mac']}]"
        yield change(["nics", key, "link"], "up" if nic.get("link") == "down" else "down", at + "/link")
        if "mtu" not in nic:
            yield change(["nics", key, "mtu"], 1400, at + "/mtu")
        if "bandwidth" not in nic and {"bridge", "network"} & set(nic):
            yield change(["nics", key, "bandwidth", "inbound", "average"], "1000kB/s", at + "/bandwidth")
        model = "e1000" if nic.get("model") != "e1000" else "virtio"
        if "queues" not in nic and "driver" not in nic and root.find("os/type").get("arch") == "x86_64" and \
                root.find(f"devices/interface/mac[@address='{nic['mac']}']/../driver") is None:
            yield change(["nics", key, "model"], model, at + "/model")
        if "network" in nic:
            yield change(["nics", key, "network"], NEW_NETWORK, at + "/source")
        if "bridge" in nic:
            yield change(["nics", key, "bridge"], NEW_BRIDGE, at + "/source")
        yield change(["nics", key, "mac"], "52:54:00:0a:0b:0c", at, "domain/devices/interface[52:54:00:0a:0b:0c]")
    if len(nics) > 1 and "boot" not in guest:
        last = list(nics)[-1]
        mac = nics[last].get("mac") if isinstance(nics[last], dict) else None
        if mac:
            yield change(["nics", last], None, f"domain/devices/interface[{mac}]")
    if "added" not in nics and "nics" in guest and root.find("os/type").get("arch") == "x86_64":
        yield change(["nics", "added"], {"network": NEW_NETWORK, "mac": "52:54:00:0a:0b:0d"},
                     "domain/devices/interface[52:54:00:0a:0b:0d]", *PORTS)


def _displays(guest, root):
    for kind, server in (guest.get("graphics") or {}).items():
        if not isinstance(server, dict):
            continue
        at = [f"domain/devices/graphics{n}" for n in ("", "[1]", "[2]", "[3]")]
        yield change(["graphics", kind, "listen"], "127.0.0.9", *at)
        yield change(["graphics", kind, "port"], str(next(_ports)), *at)
    if guest.get("video") in ("vga", "cirrus", "bochs", "virtio"):
        yield change(["video"], "virtio" if guest["video"] == "vga" else "vga", "domain/devices/video", *PORTS)


def _devices(guest, root):
    if "watchdog" in guest:
        model = guest["watchdog"] if isinstance(guest["watchdog"], str) else guest["watchdog"]["model"]
        yield change(["watchdog"], {"model": model, "action": "pause"}, "domain/devices/watchdog")
    if root.find("os/type").get("arch") == "x86_64":
        if root.find("devices/rng") is None:
            yield change(["rng"], True, "domain/devices/rng", *PORTS)
        if not guest.get("agent"):
            yield change(["agent"], True, "domain/devices/channel",
                         "domain/devices/controller[virtio-serial", *PORTS)
        if "serial" not in guest and root.find("devices/serial") is None and root.find("devices/console") is None:
            yield change(["serial"], True, "domain/devices/serial", "domain/devices/console")
        if root.find("devices/memballoon") is not None and root.find("devices/memballoon").get("model") == "virtio" \
                and "memballoon" not in guest:
            yield change(["memballoon"], "none", "domain/devices/memballoon")
    for key in (guest.get("filesystems") or {}):
        entry = guest["filesystems"][key]
        if isinstance(entry, dict) and entry.get("driver") != "virtiofs":
            yield change(["filesystems", key, "readonly"], not entry.get("readonly", False), "domain/devices/filesystem")
            yield change(["filesystems", key, "source"], "/srv/elsewhere", "domain/devices/filesystem")
        break
    boot = guest.get("boot")
    if boot and len(boot) > 1:
        yield change(["boot"], boot[::-1], "domain/os/boot", *(f"domain/devices/{d}" for d in ("disk", "interface", "hostdev")))
    elif boot is None and guest.get("nics"):
        key = next(iter(guest["nics"]))
        yield change(["boot"], [f"nic:{key}"], "domain/os/boot", *(f"domain/devices/{d}" for d in ("interface", "disk", "hostdev", "redirdev")))


def guest_changes(guest, xml):
    """All that can be tried on this guest."""
    root = etree.fromstring(xml.encode())
    out = []
    for part in (_words, _sizes, _disks, _nics, _displays, _devices):
        out += part(guest, root)
    return out


def network_changes(network, _):
    out = [change(["autostart"], not network.get("autostart", False))]
    if network.get("forward", "none") in ("none", "nat", "route", "open"):
        out += [change(["mtu"], 1400 if network.get("mtu") != 1400 else 1380, "network/mtu"),
                change(["domain"], "changed.example", "network/domain")]
        if not network.get("bandwidth"):
            out.append(change(["bandwidth", "inbound", "average"], "2000kB/s", "network/bandwidth"))
        if "stp" not in network:
            out.append(change(["stp"], False, "network/bridge/@stp"))
        if "addresses" not in network and "dhcp" not in network:
            out.append(change(["addresses"], ["10.99.9.1/24"], "network/ip"))
        if network.get("dns", {}).get("enable", True):
            out.append(change(["dns", "hosts", "10.99.9.7"], ["changed.example"], "network/dns"))
        if (network.get("dhcp") or {}).get("hosts"):
            name = next(iter(network["dhcp"]["hosts"]))
            out.append(change(["dhcp", "hosts", name], None, "network/ip"))
    return out


def pool_changes(pool, _):
    return [change(["autostart"], not pool.get("autostart", False)), change(["protect"], not pool.get("protect", False))]
