# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests in a lab ask of their host: commands, PFs and VFs, libvirt, kvmstate."""
import json
import os
import pathlib
import subprocess
import time

import libvirt

NET = pathlib.Path("/sys/class/net")
PCI = pathlib.Path("/sys/bus/pci/devices")
NODES = pathlib.Path("/sys/devices/system/node")


def run(*argv, check=True, timeout=180, **more):
    """Runs a command to its end; on failure the assertion shows all it said."""
    done = subprocess.run([str(word) for word in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=timeout, check=False, **more)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, argv))}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def virsh(*argv, **more):
    return run("virsh", "-q", "-c", "qemu:///system", *argv, **more).stdout.strip()


_connections = []


def connection():
    """libvirt, which virsh is as well, but each virsh takes half a second here."""
    if not _connections or not _connections[0].isAlive():
        run("lab-libvirtd")
        libvirt.registerErrorHandler(lambda context, error: None, None)
        _connections[:] = [libvirt.open("qemu:///system")]
    return _connections[0]


def forget_guests():
    for guest in connection().listAllDomains():
        if guest.isActive():
            guest.destroy()
        if guest.isPersistent():
            guest.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_NVRAM | libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE |
                                libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA)


def forget_networks_and_pools():
    for thing in connection().listAllNetworks() + connection().listAllStoragePools():
        if thing.isActive():
            thing.destroy()
        if thing.isPersistent():
            thing.undefine()


def wait_for(condition, what, timeout=30):
    """The first true value of condition()."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {timeout} s for {what}"
        time.sleep(0.2)


def driver(address):
    """The name of the driver that a PCI device is bound to, or None."""
    link = PCI / address / "driver"
    return link.resolve().name if link.exists() else None


def iommu_group(address):
    """Addresses of all devices in a PCI device's IOMMU group, bridges among them, or None without an IOMMU."""
    group = PCI / address / "iommu_group" / "devices"
    return sorted(device.name for device in group.iterdir()) if group.exists() else None


def is_bridge(address):
    return (PCI / address / "class").read_text().startswith("0x0604")


def netdev(address):
    """The interface name of a PCI device, in this network namespace, or None."""
    names = [entry.name for entry in (PCI / address / "net").glob("*")]
    return names[0] if names else None


class PhysicalFunction:
    """An SR-IOV capable NIC, found by the name that it has when the object is made."""

    def __init__(self, name):
        self.address = (NET / name / "device").resolve().name
        self.path = PCI / self.address

    @property
    def name(self):
        return netdev(self.address)

    @property
    def node(self):
        return int((self.path / "numa_node").read_text())

    @property
    def total_vfs(self):
        return int((self.path / "sriov_totalvfs").read_text())

    @property
    def vfs(self):
        """How many there are, by the links, which must agree with the count."""
        links = len(list(self.path.glob("virtfn*")))
        assert links == int((self.path / "sriov_numvfs").read_text())
        return links

    def set_vfs(self, count):
        """The way any administrator does it, without kvmstate."""
        numvfs = self.path / "sriov_numvfs"
        if self.vfs != count:
            if self.vfs and count:
                numvfs.write_text("0")
            numvfs.write_text(str(count))
            run("udevadm", "settle", "--timeout=60")

    def vf(self, index):
        """The PCI address of a VF."""
        return (self.path / f"virtfn{index}").resolve().name

    def vf_info(self, index):
        """What rtnetlink says of a VF: mac, vlan_list, rate, spoofchk, link_state, trust."""
        [link] = json.loads(run("ip", "-j", "link", "show", "dev", self.name).stdout)
        [info] = [info for info in link["vfinfo_list"] if info["vf"] == index]
        return info


class Kvmstate:
    """The kvmstate of this build, with its manifest as text."""

    def __init__(self, directory):
        self.directory = directory

    def __call__(self, command, manifest=None, *options, check=None, timeout=300):
        """Runs `kvmstate COMMAND`; `check` is the status that it must end with, when one is given."""
        argv = ["kvmstate", command]
        if manifest is not None:
            path = self.directory / "manifest.yaml"
            path.write_text(manifest)
            argv += ["-f", path]
        done = run(*argv, *options, check=False, timeout=timeout)
        if check is not None:
            said = f"{done.stdout}{done.stderr}"
            assert done.returncode == check, f"kvmstate {command}: status {done.returncode}, not {check}\n{said}"
        return done

    def plan(self, manifest, *options, check=0):
        """The plan's JSON."""
        return json.loads(self("plan", manifest, "--json", *options, check=check).stdout)

    def apply(self, manifest, *options, check=0):
        return self("apply", manifest, *options, check=check)

    def is_converged(self, manifest):
        return self("plan", manifest, "--detailed-exitcode").returncode == 0

    def apply_and_settle(self, manifest, *options):
        """Applies, and asserts that a second plan is empty."""
        done = self.apply(manifest, *options)
        second = self("plan", manifest, "--detailed-exitcode")
        assert second.returncode == 0, f"the second plan is not empty:\n{second.stdout}{second.stderr}"
        return done


def guest_xml(name, devices="", memory_mib=64, backing=""):
    """A guest that runs firmware and nothing else, which is as much as emulation within emulation bears."""
    return f"""<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>{memory_mib}</memory>{backing}
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/></features>
  <devices>{devices}</devices>
</domain>"""


def hugepages_path(node, kib=2048):
    return NODES / f"node{node}" / "hugepages" / f"hugepages-{kib}kB" / "nr_hugepages"


def in_lab():
    return os.environ.get("LAB_OUT") == "/mnt/lab" and pathlib.Path("/run/lab/settings").exists()
