# SPDX-License-Identifier: GPL-2.0-or-later
"""
Which libvirt calls were made, from libvirt's own log: at level debug each public function says its name and
arguments first ("...: debug : virDomainCreateWithFlags:6834 : dom=..."). Works for a daemon (log_filters) and
for a program that runs the driver itself (LIBVIRT_LOG_FILTERS, LIBVIRT_LOG_OUTPUTS).
"""

import re

FILTERS = "1:libvirt.domain 1:libvirt.storage 1:libvirt.network 1:libvirt.secret 1:libvirt.nwfilter 3:util 3:qemu"
CALL = re.compile(r": debug : (vir[A-Z]\w+):\d+ : ")
# What the second word of a function's name says when it changes nothing.
READS = re.compile(
    r"^vir(Connect|Domain|DomainSnapshot|DomainCheckpoint|StoragePool|StorageVol|Network|NetworkPort|Interface|"
    r"NodeDevice|Node|Secret|NWFilter|NWFilterBinding)"
    r"(Get|List|NumOf|Num|Lookup|Is|Has|Ref|Free|Register|Unregister|Deregister|Event|Open|Close|Compare|Baseline|"
    r"Block(Stats|Info|Peek|JobInfo)|InterfaceStats|InterfaceAddresses|MemoryStats|MemoryPeek|"
    r"StatsRecordListFree|Domain(XML|EventRegister|EventDeregister)|SetKeepAlive|FindStoragePoolSources|"
    r"CPUModelNames|Supports)")


class Calls(list):
    """Names of the calls, in their order."""

    def read(self, lines):
        for line in lines:
            match = CALL.search(line)
            if match:
                self.append(match.group(1))

    @property
    def writes(self):
        """Those that may change something: everything that is not known to only read."""
        return [name for name in self if not READS.match(name)]


def environment(path):
    """For a program that runs a driver itself: its calls go to the file `path`."""
    return {"LIBVIRT_LOG_FILTERS": FILTERS, "LIBVIRT_LOG_OUTPUTS": f"1:file:{path}"}
