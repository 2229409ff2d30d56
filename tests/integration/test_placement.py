# SPDX-License-Identifier: GPL-2.0-or-later
"""`placement: auto` on the machine that runs the tests: places are taken, kept, and refused where there is no room."""

import os
import xml.etree.ElementTree as ET

GUEST = {"state": "stopped", "machine": "q35", "memory": "64MiB", "vcpus": 1, "numa": {"placement": "auto"}}


def place(host, name, live=False):
    """(pins by vCPU, emulator's CPUs, nodes) as libvirt has them."""
    root = ET.fromstring(host.xml(name, live=live))
    pins = {int(p.get("vcpu")): p.get("cpuset") for p in root.findall("cputune/vcpupin")}
    emulator, memory = root.find("cputune/emulatorpin"), root.find("numatune/memory")
    return pins, emulator.get("cpuset"), memory.get("nodeset") if memory is not None else None


def test_places_are_taken_and_kept(desired, host):
    cpus = sorted(os.sched_getaffinity(0))
    desired.want(guests={"one": {**GUEST, "state": "running"}})
    desired.apply()
    desired.settled()
    pins, emulator, nodes = place(host, "one")
    assert list(pins) == [0] and int(pins[0]) in cpus and nodes == "0"
    assert place(host, "one", live=True) == (pins, emulator, nodes)
    assert len(cpus) == 1 or emulator != pins[0]

    # Another one comes beside. The first stays; on a machine of two CPUs its emulator gives way.
    if len(cpus) > 1:
        desired.want(guests={"one": {**GUEST, "state": "running"}, "a-first": GUEST})
        desired.apply()
        desired.settled()
        assert place(host, "one")[0] == pins == place(host, "one", live=True)[0]
        taken = {place(host, name)[0][0] for name in ("one", "a-first")}
        assert len(taken) == 2
        assert place(host, "one", live=True)[1] == place(host, "one")[1]
        assert place(host, "one")[1] == pins[0] or place(host, "one")[1] not in taken


def test_together_they_share_what_there_is(desired, host):
    """All at once: each vCPU its own CPU, and emulators where nobody's vCPU is, or with their own."""
    n = len(os.sched_getaffinity(0))
    names = [f"g{i}" for i in range(n)]
    desired.want(guests={name: GUEST for name in names})
    desired.apply()
    desired.settled()
    places = {name: place(host, name) for name in names}
    assert len({pins[0] for pins, _, _ in places.values()}) == n
    assert all(emulator == pins[0] for pins, emulator, _ in places.values())

    # No room for one more: said before anything is changed.
    desired.want(guests={name: GUEST for name in [*names, "more"]})
    result = desired.run("apply").ok(1)
    assert f"guest more: 1 vCPU and 64MiB do not fit; node 0: 0 of {n} CPUs free, {n} taken" in result.stderr
    assert host.guests() == names


def test_reserved_and_pinned_cpus_are_left_alone(desired, host):
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        return
    host.conn.defineXML("<domain type='qemu'><name>other</name><memory>65536</memory><vcpu>1</vcpu>"
                        "<os><type arch='x86_64' machine='q35'>hvm</type></os>"
                        f"<cputune><vcpupin vcpu='0' cpuset='{cpus[-1]}'/></cputune></domain>")
    desired.want(placement={"reserved-cpus": str(cpus[0])}, guests={"one": GUEST})
    if len(cpus) == 2:
        result = desired.run("plan").ok(1)
        assert "0 of 2 CPUs free, 1 reserved, 1 taken" in result.stderr
        host.domain("other").undefine()
    desired.apply()
    desired.settled()
    pins, emulator, _ = place(host, "one")
    assert str(cpus[0]) not in (pins[0], emulator)
