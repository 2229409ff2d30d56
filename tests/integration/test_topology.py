# SPDX-License-Identifier: GPL-2.0-or-later
"""kvmstate topology: what is drawn is what is there, with libvirt and without."""

import os
import xml.etree.ElementTree as ET

from lib.run import kvmstate_binary, run

GUEST = {"machine": "q35", "memory": "64MiB", "vcpus": 2, "nics": {"lan": {"bridge": "brdraw"}}}


def by_name(list_, name):
    return next(x for x in list_ if x["name"] == name)


def pins(drawn):
    return {(cpu["id"], pin["guest"], pin["thread"])
            for node in drawn["nodes"] for core in node["cores"] for cpu in core for pin in cpu["pins"]}


def test_guests_pins_and_bridges(desired, host):
    host.exec("ip", "link", "add", "brdraw", "type", "bridge").ok()
    desired.want(guests={
        "runs": {**GUEST, "state": "running", "pinning": {"vcpus": {"0": 0, "1": "0-1"}, "emulator": 0}},
        "rests": {**GUEST, "state": "stopped", "pinning": {"vcpus": {"0": 1}}}})
    desired.apply()
    with host.api_calls() as calls:
        drawn = host.kvmstate("topology", "--json").ok().json
    assert not calls.writes
    assert drawn["unknown"] == [] and drawn["host"] == host.name
    runs, rests = by_name(drawn["guests"], "runs"), by_name(drawn["guests"], "rests")
    assert (runs["state"], runs["vcpus"], runs["memory"], runs["emulator"]) == ("running", 2, 64 << 20, "0")
    assert (rests["state"], rests["cpus"]) == ("stopped", "1")
    assert pins(drawn) >= {(0, "runs", "vCPU 0"), (0, "runs", "vCPU 1"), (1, "runs", "vCPU 1"),
                           (0, "runs", "emulator"), (1, "rests", "vCPU 0")}
    bridge = by_name(drawn["bridges"], "brdraw")
    assert [u["guest"] for u in bridge["guests"]] == ["rests", "runs"] and bridge["other_taps"] == 0

    text = host.kvmstate("topology").ok().stdout
    assert "2 guests (1 running)" in text and "rests (stopped), runs" in text
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "\x1b" not in text
    picture = ET.fromstring(host.kvmstate("topology", "--svg").ok().stdout)
    titles = [t.text for t in picture.iter("{http://www.w3.org/2000/svg}title")]
    assert any(t.startswith("CPU 1\n") and "rests: vCPU 0" in t for t in titles)


def test_hidden_default_of_vcpus(host):
    """<vcpu cpuset> pins what has no pin of its own."""
    host.conn.defineXML("<domain type='qemu'><name>old</name><memory>65536</memory><vcpu cpuset='1'>2</vcpu>"
                        "<os><type arch='x86_64' machine='q35'>hvm</type></os>"
                        "<cputune><vcpupin vcpu='0' cpuset='0'/></cputune></domain>")
    drawn = host.kvmstate("topology", "--json").ok().json
    assert pins(drawn) == {(0, "old", "vCPU 0"), (1, "old", "vCPU 1")}


def node_tree(root, nodes):
    """A sysfs with so many nodes of two CPUs and eight 2 MiB pages each."""
    def put(path, text):
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")

    put("sys/devices/system/node/online", f"0-{nodes - 1}")
    for name in ("present", "online"):
        put(f"sys/devices/system/cpu/{name}", f"0-{2 * nodes - 1}")
    for node in range(nodes):
        put(f"sys/devices/system/node/node{node}/cpulist", f"{2 * node}-{2 * node + 1}")
        put(f"sys/devices/system/node/node{node}/meminfo",
            f"Node {node} MemTotal: 1048576 kB\nNode {node} MemFree: 524288 kB")
        for file, n in {"nr_hugepages": 8, "free_hugepages": node, "surplus_hugepages": 0}.items():
            put(f"sys/devices/system/node/node{node}/hugepages/hugepages-2048kB/{file}", str(n))
    put("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", str(8 * nodes))
    put("proc/meminfo", "MemTotal: 1048576 kB\nHugepagesize: 2048 kB")


def test_hardware_without_libvirt(tmp):
    node_tree(tmp, 3)
    args = [kvmstate_binary(), "topology", "--root", tmp, "--connect", f"qemu+unix:///system?socket={tmp}/none"]
    result = run([*args, "--json"], env={"NO_COLOR": "1"}).ok()
    assert f"{tmp}/none" in result.stderr
    drawn = result.json
    assert [(n["id"], n["cpus"], n["memory"], n["free"]) for n in drawn["nodes"]] == [
        (i, f"{2 * i}-{2 * i + 1}", 1 << 30, 1 << 29) for i in range(3)]
    assert [(n["pages"][0]["total"], n["pages"][0]["used"]) for n in drawn["nodes"]] == [(8, 8), (8, 7), (8, 6)]
    assert drawn["guests"] == [] and drawn["unknown"][0].startswith("guests: connect to libvirt")
    text = run(args).ok().stdout
    assert "3 NUMA nodes, 6 CPUs" in text and "guest" not in text.splitlines()[0] and "Not known" in text
    ET.fromstring(run([*args, "--svg"]).ok().stdout)


def test_one_form_at_a_time():
    result = run([kvmstate_binary(), "topology", "--svg", "--json"]).ok(64)
    assert "--svg and --json" in result.stderr


def test_a_full_disk_is_an_error():
    with open("/dev/full", "w") as full:
        pid = os.posix_spawn(kvmstate_binary(), [kvmstate_binary(), "topology", "--svg"], os.environ,
                             file_actions=[(os.POSIX_SPAWN_DUP2, full.fileno(), 1),
                                           (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)])
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
