# SPDX-License-Identifier: GPL-2.0-or-later
"""Definitions of other machines, so that this machine's libvirt takes them, with as much of them kept as it does."""

import copy

import libvirt
from lxml import etree

OTHER_HYPERVISORS = ("kvm", "hvf", "xen", "vz", "kqemu", "test", "lxc", "bhyve", "openvz", "vmware", "hyperv", "phyp",
                     "uml", "vbox", "nvmm", "parallels")


def adapted(text, machines):
    """The file's XML as this machine can take it: no KVM, this machine's QEMU, a machine type that it has."""
    root = etree.fromstring(text.encode())
    if root.tag == "domain":
        if root.get("type") in OTHER_HYPERVISORS:
            root.set("type", "qemu")
        for emulator in root.findall("devices/emulator"):
            emulator.getparent().remove(emulator)
        kind = root.find("os/type")
        if kind is not None and kind.get("machine") and machines and kind.get("machine") not in machines and \
                kind.get("arch", "x86_64") in ("x86_64", "i686"):
            kind.set("machine", "q35" if "q35" in kind.get("machine") else "pc")
    return etree.tostring(root).decode()


# ---- what libvirt still refuses ---------------------------------------------------------------------------------------

def _child(root, path, text=None):
    """The element at this path, made when it is not there."""
    node = root
    for name in path.split("/"):
        found = node.find(name)
        node = etree.SubElement(node, name) if found is None else found
    if text is not None:
        node.text = text
    return node


def _drop(root, *paths):
    found = [e for path in paths for e in root.xpath(path)]
    for e in found:
        e.getparent().remove(e)
    return bool(found)


def _hvm(root):
    _drop(root, "bootloader", "bootloader_args", "os/init", "os/initarg", "os/initdir", "os/inituser", "idmap")
    root.set("type", "qemu")
    os = _child(root, "os/type", "hvm")
    if os.get("arch") not in (None, "x86_64", "i686") or os.get("machine") in ("xenpv", "xenfv", "xenpvh"):
        os.attrib.clear()


# What an error says -> what is done about it.
CURES = [
    ("an os <type> must be specified", _hvm),
    ("bootloader is not supported", _hvm),
    ("does not support os type", _hvm),
    ("does not support virt type", _hvm),
    ("missing domain type attribute", lambda root: root.set("type", "qemu")),
    ("missing name information", lambda root: _child(root, "name", "nameless")),
    ("malformed uuid", lambda root: _drop(root, "uuid")),
    ("Memory size must be", lambda root: _child(root, "memory", "131072")),
    ("missing memory", lambda root: _child(root, "memory", "131072")),
    ("UEFI requires ACPI", lambda root: _child(root, "features/acpi")),
    ("PCI address", lambda root: _drop(root, "devices/*/address[@type='pci']", "devices/controller[@type='pci']")),
    ("PCI bus", lambda root: _drop(root, "devices/*/address[@type='pci']", "devices/controller[@type='pci']")),
    ("PCI controller", lambda root: _drop(root, "devices/*/address[@type='pci']", "devices/controller[@type='pci']")),
    ("missing storage pool target path", lambda root: _child(root, "target/path", "/srv/pool")),
]


def _error(define, root):
    try:
        return define(etree.tostring(root).decode()), None
    except libvirt.libvirtError as e:
        return None, str(e)


def _parts(root):
    """What can go, single: the things in it, and then what those say."""
    out = [e for e in root.iter() if isinstance(e.tag, str) and e is not root
           and e.tag not in ("name", "devices", "os", "memory") and not (e.tag == "type" and e.getparent().tag == "os")]
    return sorted(out, key=lambda e: sum(1 for _ in e.iter()))


def _without_one(define, root, error):
    """Takes out the least whose absence libvirt has no or another complaint about; (root, thing, error) or None."""
    for i, part in enumerate(_parts(root)[:400]):
        trial = copy.deepcopy(root)
        victim = _parts(trial)[i]
        assert victim.tag == part.tag
        victim.getparent().remove(victim)
        thing, now = _error(define, trial)
        if now is None or now != error:
            return trial, thing, now
    return None


def accepted(define, text, changes=12):
    """What libvirt made of the text, mended as often as is worth it. Raises libvirt's last word when that was not enough."""
    root = etree.fromstring(text.encode())
    thing, error = _error(define, root)
    cured = set()
    for _ in range(changes):
        if error is None:
            return thing
        cure = next((c for c in CURES if c[0] in error and c[0] not in cured), None)
        if cure:
            cured.add(cure[0])
            cure[1](root)
            thing, error = _error(define, root)
            continue
        found = _without_one(define, root, error)
        if not found:
            break
        root, thing, error = found
    if error is None:
        return thing
    raise libvirt.libvirtError(error)
