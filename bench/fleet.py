# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests as a real host has them, as libvirt's XML and as a manifest that says the same."""

import uuid
from pathlib import Path

MARK = "<kvmstate:guest xmlns:kvmstate='https://kvmstate.org/domain/1.0'/>"  # schema/mark.h

# What all guests share; the manifest states it in a profile.
PROFILE = """\
version: 1
host: benchhost
profiles:
  web:
    state: stopped
    vcpus: 4
    machine: q35
    cpu: {{mode: host-passthrough}}
    hugepages: 2MiB
    numa: {{mode: strict, nodes: 0}}
    clock: utc
    disks:
      vda: {{file: "{images}/{{guest}}.img", bus: virtio, format: raw, cache: none, io: native, discard: unmap}}
      vdb: {{file: "{images}/{{guest}}-data.img", bus: virtio, format: raw, cache: none, io: native}}
    graphics: {{vnc: {{listen: 127.0.0.1, port: auto}}}}
    serial: true
    agent: true
    rng: true
guests:
"""
GUEST = """\
  {name}:
    profiles: [web]
    memory: {memory}GiB
    pinning:
      vcpus: {{0: {cpus}, 1: {cpus}, 2: {cpus}, 3: {cpus}}}
      emulator: {cpus}
    nics:
      lan: {{bridge: br0, model: virtio, mac: "{lan}"}}
      san: {{bridge: br1, model: virtio, mac: "{san}", queues: 4, driver: vhost}}
"""
XML = """\
<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <metadata>{mark}</metadata>
  <memory unit='GiB'>{memory}</memory>
  <memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>
  <vcpu placement='static'>4</vcpu>
  <cputune>
    <vcpupin vcpu='0' cpuset='{cpus}'/><vcpupin vcpu='1' cpuset='{cpus}'/>
    <vcpupin vcpu='2' cpuset='{cpus}'/><vcpupin vcpu='3' cpuset='{cpus}'/>
    <emulatorpin cpuset='{cpus}'/>
  </cputune>
  <numatune><memory mode='strict' nodeset='0'/></numatune>
  <os><type arch='x86_64' machine='q35'>hvm</type><boot dev='hd'/></os>
  <features><acpi/><apic/></features>
  <cpu mode='host-passthrough'/>
  <clock offset='utc'/>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' cache='none' io='native' discard='unmap'/>
      <source file='{images}/{name}.img'/><target dev='vda' bus='virtio'/><alias name='ua-vda'/>
    </disk>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' cache='none' io='native'/>
      <source file='{images}/{name}-data.img'/><target dev='vdb' bus='virtio'/><alias name='ua-vdb'/>
    </disk>
    <interface type='bridge'>
      <mac address='{lan}'/><source bridge='br0'/><model type='virtio'/><alias name='ua-lan'/>
    </interface>
    <interface type='bridge'>
      <mac address='{san}'/><source bridge='br1'/><model type='virtio'/><driver name='vhost' queues='4'/>
      <alias name='ua-san'/>
    </interface>
    <serial type='pty'/>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <graphics type='vnc' autoport='yes' listen='127.0.0.1'/>
    <video><model type='virtio'/></video>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
  </devices>
</domain>
"""


def values(i, images, cpus):
    """What differs from guest to guest."""
    return {"name": f"web{i:04}", "uuid": uuid.UUID(int=0xBE7C << 112 | i), "memory": 1 + i % 4, "images": images,
            "cpus": f"0-{cpus - 1}", "mark": MARK,  # a CPU by itself is one guest's alone
            "lan": f"52:54:00:01:{i >> 8:02x}:{i & 255:02x}", "san": f"52:54:00:02:{i >> 8:02x}:{i & 255:02x}"}


def define(conn, guests, images, cpus):
    """Defines these guests (a range of numbers), and makes the files that they name."""
    for i in guests:
        v = values(i, images, cpus)
        conn.defineXML(XML.format(**v))
        for suffix in ["", "-data"]:
            (Path(images) / f"{v['name']}{suffix}.img").touch()


def manifest(n, images, cpus):
    return PROFILE.format(images=images) + "".join(GUEST.format(**values(i, images, cpus)) for i in range(n))
