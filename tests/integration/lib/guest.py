# SPDX-License-Identifier: GPL-2.0-or-later
"""
A guest that really boots: Debian's kernel with a busybox initrd, up in seconds without KVM. It obeys the power
button, lets disks and nics be unplugged, and reports on its serial console what it sees (see guest-init).
"""

import functools
import json
import lzma
import os
import re
import select
import subprocess
import tempfile
import time
from pathlib import Path

MEMORY_MIB = 160
MODULES = ["virtio_pci", "virtio_blk", "virtio_net", "virtio_balloon", "virtio_rng", "virtio_scsi", "ahci", "sd_mod",
           "sr_mod", "e1000", "e1000e", "button", "evdev", "virtio_console", "af_packet"]
POWER_BUTTON = "etc/acpi/PWRF/00000080"
REPORT = re.compile(r"^KS-GUEST (\{.*\})\s*$", re.M)
CMDLINE = "console=ttyS0 quiet panic=-1 memhp_default_state=online"


class NoKernel(Exception):
    """There is no kernel, modules or busybox on this machine to make a guest of."""


@functools.cache
def kernel():
    """The newest Debian kernel of this machine that has its modules."""
    found = [p for p in Path("/boot").glob("vmlinuz-*-amd64") if Path("/lib/modules", p.name[8:]).is_dir()]
    if not found:
        raise NoKernel("no /boot/vmlinuz-*-amd64 with modules: install linux-image-amd64")
    return max(found, key=lambda p: [int(n) for n in re.findall(r"\d+", p.name)])


def domain_type():
    return "kvm" if os.path.exists("/dev/kvm") else "qemu"


def _module_files(release):
    """The files to load, in their order, without repetition."""
    files = {}
    for module in MODULES:
        text = subprocess.run(["/sbin/modprobe", "-S", release, "--show-depends", module], check=False,
                              capture_output=True, text=True).stdout
        files.update((line.split()[1], None) for line in text.splitlines() if line.startswith("insmod "))
    return [Path(f) for f in files]


def build_initrd(path):
    """Writes the test guest's initrd to `path`."""
    busybox = Path("/bin/busybox")
    if not busybox.exists():
        raise NoKernel("no /bin/busybox: install busybox-static")
    with tempfile.TemporaryDirectory() as tree:
        root = Path(tree)
        for folder in ["bin", "proc", "sys", "dev", "lib/modules", os.path.dirname(POWER_BUTTON)]:
            (root / folder).mkdir(parents=True)
        (root / "bin/busybox").write_bytes(busybox.read_bytes())
        names = []
        for file in _module_files(kernel().name[8:]):
            data = file.read_bytes()
            names.append(file.name.removesuffix(".xz"))
            (root / "lib/modules" / names[-1]).write_bytes(lzma.decompress(data) if file.suffix == ".xz" else data)
        (root / "modules").write_text("".join(n + "\n" for n in names))
        (root / POWER_BUTTON).write_text("#!/bin/sh\npoweroff -f\n")
        (root / "init").write_bytes(Path(__file__).with_name("guest-init").read_bytes())
        for program in ["init", "bin/busybox", POWER_BUTTON]:
            (root / program).chmod(0o755)
        listing = "\n".join(str(p.relative_to(root)) for p in sorted(root.rglob("*")))
        archive = subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], input=listing.encode(), cwd=root, check=True,
                                 stdout=subprocess.PIPE).stdout
    Path(path).write_bytes(archive)
    return Path(path)


def sees_cpus(report, n):
    """Whether it has n CPUs; a kernel that takes no new ones (6.12 without a hypervisor that it knows) is let off."""
    return report["cpus"] == f"0-{n - 1}" or report["cpus_possible"] == report["cpus"]


def domain_xml(name, initrd, serial, *, memory_mib=MEMORY_MIB, vcpus=1, max_vcpus=None, devices="", extra="",
               cmdline=CMDLINE):
    """The XML of a test guest that no kvmstate made: `devices` and `extra` stand in <devices> and <domain>."""
    ports = "<controller type='pci' index='0' model='pcie-root'/>" + "".join("<controller type='pci' model='pcie-root-port'/>" for _ in range(6))
    return f"""\
<domain type='{domain_type()}'>
  <name>{name}</name>
  <memory unit='MiB'>{memory_mib}</memory>
  <vcpu current='{vcpus}'>{max_vcpus or vcpus}</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>{kernel()}</kernel>
    <initrd>{initrd}</initrd>
    <cmdline>{cmdline}</cmdline>
  </os>
  <features><acpi/><apic/></features>
  {extra}
  <devices>
    {ports}
    <serial type='file'><source path='{serial}'/></serial>
    {devices}
  </devices>
</domain>"""


class Console:
    """What a guest says. `read()` gives all text so far."""

    def __init__(self, read):
        self.read = read

    @property
    def reports(self):
        return [json.loads(r) for r in REPORT.findall(self.read())]

    def wait(self, what="guest is up", condition=lambda _report: True, timeout=240):
        """The first report from now on (the latest, if it fits already) that `condition(report)` accepts."""
        end = time.monotonic() + timeout
        seen = max(len(self.reports) - 1, 0)
        while time.monotonic() < end:
            reports = self.reports
            for report in reports[seen:]:
                if condition(report):
                    return report
            seen = max(len(reports) - 1, seen)
            time.sleep(0.1)
        raise AssertionError(f"after {timeout} s still not: {what}; the guest said:\n{self.read()[-2000:]}")


def file_console(path):
    """The console of a guest whose serial port writes into a file."""
    path = Path(path)
    return Console(lambda: path.read_text(errors="replace") if path.exists() else "")


class PtyConsole(Console):
    """The console of a running guest whose serial port is a pty, from the moment that this is made on."""

    def __init__(self, live_xml):
        path = re.search(r"<serial type='pty'>\s*<source path='([^']+)'", live_xml).group(1)
        self._fd = os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        self._text = ""
        super().__init__(self._drain)

    def _drain(self):
        while select.select([self._fd], [], [], 0)[0]:
            try:
                data = os.read(self._fd, 65536)
            except OSError:  # the guest ended
                break
            if not data:
                break
            self._text += data.decode(errors="replace")
        return self._text

    def close(self):
        os.close(self._fd)
