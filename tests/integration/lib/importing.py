# SPDX-License-Identifier: GPL-2.0-or-later
"""
What import is held to, for one file of libvirt's XML: defined, imported, valid, planned empty but for the adoption;
adopted, with the mark and nothing else; changed in one field, with that field and nothing else; planned empty again.
"""

import copy
import re

import libvirt
import yaml
from lxml import etree

from .desired import Desired
from .host import remove_domain
from .xmldiff import METADATA, difference


class Refused(Exception):
    """This libvirt does not take the file: nothing is to be seen with it."""


# ---- what this machine needs otherwise than the file's own ----------------------------------------------------------

def adapted(text, machines):
    """The file's XML as this machine can take it: no KVM, this machine's QEMU, a machine type that it has."""
    root = etree.fromstring(text.encode())
    if root.tag == "domain":
        if root.get("type") in ("kvm", "hvf", "xen", "vz", "kqemu", "test"):
            root.set("type", "qemu")
        for emulator in root.findall("devices/emulator"):
            emulator.getparent().remove(emulator)
        kind = root.find("os/type")
        if kind is not None and kind.get("machine") and machines and kind.get("machine") not in machines and \
                kind.get("arch", "x86_64") in ("x86_64", "i686"):
            kind.set("machine", "q35" if "q35" in kind.get("machine") else "pc")
    return etree.tostring(root).decode()


def kind_of(text):
    return etree.fromstring(text.encode()).tag


def machines_of(conn):
    caps = etree.fromstring(conn.getCapabilities())
    return {m.text for m in caps.iter("machine")}


# ---- one change at a time -------------------------------------------------------------------------------------------

def _set(key, value, *paths):
    """A field at the top of a guest, and where its change shows."""

    def change(guest):
        guest[key] = value(guest) if callable(value) else value

    return key, change, paths


def _more_memory(guest):
    return f"{_mib(guest['memory']) + 64}MiB"


def _mib(text):
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()
    return int(float(number) * {"KiB": 1 / 1024, "MiB": 1, "GiB": 1024, "TiB": 1 << 20, "B": 1 / (1 << 20),
                                "kB": 1000 / (1 << 20), "MB": 1e6 / (1 << 20), "GB": 1e9 / (1 << 20)}[unit])


def _entry(kind, key, field, value, *paths):
    def change(guest):
        guest[kind][key] = guest[kind][key] if isinstance(guest[kind][key], dict) else {}
        guest[kind][key][field] = value

    return f"{kind}.{key}.{field}", change, paths


def changes_of(guest, xml):
    """The changes that are tried on this guest: [(name, function, places that may differ)]."""
    root = etree.fromstring(xml.encode())
    out = [
        _set("description", "Changed by a test.", "domain/description"),
        _set("title", "One title", "domain/title"),
        _set("on-crash", "preserve", "domain/on_crash"),
    ]
    has_cells = root.find("cpu/numa") is not None
    if "max-memory" not in guest and not has_cells and root.find("maxMemory") is None:
        out.append(_set("memory", _more_memory, "domain/memory", "domain/currentMemory"))
    if root.find("cpu/topology") is None and not has_cells and root.find("vcpus") is None and \
            "max-vcpus" not in guest:
        out.append(_set("vcpus", guest.get("vcpus", 1) + 1, "domain/vcpu"))
    for key, disk in list((guest.get("disks") or {}).items())[:2]:
        if isinstance(disk, dict) and disk.get("io") != "native" and disk.get("device") != "lun" and \
                {"file", "block", "volume"} & set(disk):
            value = "writethrough" if disk.get("cache") != "writethrough" else "writeback"
            out.append(_entry("disks", key, "cache", value, f"domain/devices/disk[{key}]/driver"))
            break
    for key, nic in list((guest.get("nics") or {}).items())[:1]:
        if isinstance(nic, dict) and "vf" not in nic and nic.get("mac"):
            out.append(_entry("nics", key, "link", "up" if nic.get("link") == "down" else "down", f"domain/devices/interface[{nic['mac']}]/link"))
    return out


# ---- what there is -------------------------------------------------------------------------------------------------


class Guests:
    key = "guests"

    def __init__(self, conn):
        self.conn = conn

    def define(self, xml):
        return self.conn.defineXML(xml)

    @staticmethod
    def text(domain):
        return domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE)

    @staticmethod
    def remove(domain):
        remove_domain(domain)

    @staticmethod
    def asks_for(name):
        return "--guest", name

    @staticmethod
    def changes(guest, xml):
        return changes_of(guest, xml)


class Networks:
    key = "networks"

    def __init__(self, conn):
        self.conn = conn

    def define(self, xml):
        return self.conn.networkDefineXML(xml)

    @staticmethod
    def text(network):
        return network.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE)

    @staticmethod
    def remove(network):
        network.undefine()

    @staticmethod
    def asks_for(_):
        return ()

    @staticmethod
    def changes(network, _):
        out = [_set("autostart", not network.get("autostart", False))]
        if network.get("forward", "none") in ("none", "nat", "route", "open"):
            out += [_set("mtu", 1400 if network.get("mtu") != 1400 else 1380, "network/mtu"),
                    _set("domain", "changed.example", "network/domain")]
        return out


class Pools(Networks):
    key = "pools"

    def define(self, xml):
        return self.conn.storagePoolDefineXML(xml)

    @staticmethod
    def text(pool):
        return pool.XMLDesc(libvirt.VIR_STORAGE_XML_INACTIVE)

    @staticmethod
    def changes(pool, _):
        return [_set("autostart", not pool.get("autostart", False))]


KINDS = {"domain": Guests, "network": Networks, "pool": Pools}


# ---- the loop -------------------------------------------------------------------------------------------------------

def _said(result):
    """What kvmstate had to say; of a plan in JSON what stands in its way."""
    try:
        findings = [f for f in result.json["findings"] if f["severity"] == "error"]
    except (AssertionError, KeyError):
        return result.stderr + result.stdout
    return "\n".join(f"{f['line']}: {f['message']}" for f in findings)


class Trip:
    """One file after the other on one host; `folder` is for the manifest."""

    def __init__(self, host, folder):
        self.host = host
        self.file = folder / "imported.yaml"
        self.desired = Desired(host, folder)
        self.desired.file = self.file

    def _import(self, *args):
        result = self.host.kvmstate("import", "--host", "testhost", *args)
        assert result.status == 0, f"import: {result.stderr}{result.stdout}"
        self.file.write_text(result.stdout)
        self.text = result.stdout
        return yaml.safe_load(result.stdout)

    def _run(self, command, *args):
        result = self.desired.run(command, "--host", "testhost", *args)
        assert result.status == 0, f"{command}: {_said(result)}\n{self.file.read_text()}"
        return result

    def _plan(self, adopts):
        plan = self._run("plan", "--json").json
        steps = [s for s in plan["steps"] if not (adopts and s["verb"] == "adopt")]
        assert not steps, self._run("plan").stdout + self.file.read_text()

    def run(self, xml, changes=None):
        """The whole round; Refused when this libvirt does not take the XML."""
        kind = KINDS[kind_of(xml)](self.host.conn)
        try:
            thing = kind.define(xml)
            # libvirt moves some things about when it first sees its own text again.
            thing = kind.define(kind.text(thing))
        except libvirt.libvirtError as e:
            raise Refused(str(e)) from None
        try:
            self._round(kind, thing, changes)
        finally:
            kind.remove(thing)

    def _round(self, kind, thing, only):
        name = thing.name()
        before = kind.text(thing)
        manifest = self._import(*kind.asks_for(name))
        self._run("validate")
        self._plan(adopts=True)
        self._run("apply")
        same(kind, thing, before, ())
        self._plan(adopts=False)
        for what, change, paths in kind.changes(manifest[kind.key][name] or {}, before):
            if only and what.split(".")[-1] not in only:
                continue
            manifest = copy.deepcopy(manifest)
            manifest[kind.key][name] = manifest[kind.key][name] or {}
            change(manifest[kind.key][name])
            now, flag = kind.text(thing), thing.autostart()
            self.file.write_text(yaml.safe_dump(manifest, sort_keys=False))
            self._run("apply")
            differs = same(kind, thing, now, paths)
            assert differs or thing.autostart() != flag, f"{what}: nothing changed"
            self._plan(adopts=False)


def same(kind, thing, before, paths):
    """What differs from `before`, all of it in one of these places; the mark of adoption aside."""
    now = kind.text(thing)
    ours = difference(before, now, ignore=(METADATA,))
    others = {p: v for p, v in ours.items() if not p.startswith(tuple(paths) or ("-",))}
    assert not others, f"differs in more than {paths}: {others}"
    for place, (old, _) in difference(before, now).items():
        if place.startswith(METADATA):
            assert old is None or "kvmstate" in place, f"metadata of others: {place}"
    return ours
