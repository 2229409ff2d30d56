# SPDX-License-Identifier: GPL-2.0-or-later
"""Automatic placement on two nodes, and the picture of it."""
import json
import xml.etree.ElementTree as ET

import labhost
from labhost import hugepages_path

HEAD = "version: 1\nhost: lab\n"


def free_pages(node):
    return int((hugepages_path(node).parent / "free_hugepages").read_text())


def definition(name):
    return ET.fromstring(labhost.connection().lookupByName(name).XMLDesc())


def test_guests_go_where_their_devices_and_pages_are(ens2, libvirt, kvmstate, hugepages):
    wanted = HEAD + """placement: {reserved-cpus: 0}
sriov: {ens2: {vfs: 1}}
hugepages: {2MiB: {0: 8, 1: 64}}
guests:
  fw1:
    {state: stopped, vcpus: 1, memory: 64MiB, machine: q35, numa: {placement: auto}, memballoon: none,
     nics: {fast: {vf: {pf: ens2, index: 0}}}}
  db1:
    {state: running, vcpus: 1, memory: 64MiB, machine: q35, numa: {placement: auto}, memballoon: none, nics: {},
     hugepages: 2MiB}
  web1: {state: stopped, vcpus: 1, memory: 64MiB, machine: q35, numa: {placement: auto}, memballoon: none}
"""
    kvmstate.apply_and_settle(wanted)
    pins = {}
    for name in ("fw1", "db1", "web1"):
        xml = definition(name)
        pins[name] = (xml.find("numatune/memory").get("nodeset"), xml.find("cputune/vcpupin").get("cpuset"))
    assert pins["fw1"][0] == pins["db1"][0] == "1" and {pins["fw1"][1], pins["db1"][1]} == {"2", "3"}
    assert pins["web1"] == ("0", "1")
    assert (free_pages(0), free_pages(1)) == (8, 32), "on its node, and nowhere else"
    one_more = wanted + "  db2: {vcpus: 1, memory: 128MiB, machine: q35, hugepages: 2MiB, numa: {placement: auto}}\n"
    said = kvmstate("plan", one_more, check=1).stderr
    assert "db2" in said and "8 of 8 pages free" in said and "32 of 64 pages free" in said

    drawn = json.loads(kvmstate("topology", None, "--json", check=0).stdout)
    assert [node["id"] for node in drawn["nodes"]] == [0, 1]
    text = kvmstate("topology", check=0).stdout
    nodes = text.split("Node ")
    assert "2 NUMA nodes, 4 CPUs, 3 guests (1 running)" in nodes[0]
    assert "64 pages       32 used       32 free" in nodes[2] and "8 free" in nodes[1]
    assert "ens2 VF 0" in text and all(len(line) <= 80 for line in text.splitlines())
    ET.fromstring(kvmstate("topology", None, "--svg", check=0).stdout)
