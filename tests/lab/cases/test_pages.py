# SPDX-License-Identifier: GPL-2.0-or-later
"""Huge pages by manifest, on a host with two nodes of 3 GiB."""
from labhost import NODES, hugepages_path

GIB = 2**20
HEAD = "version: 1\nhost: lab\n"


def pages(node, kib=2048):
    return int(hugepages_path(node, kib).read_text())


def test_each_node_gets_its_own(hugepages, libvirt, kvmstate):
    kvmstate.apply_and_settle(f"{HEAD}hugepages: {{2MiB: {{0: 8, 1: 32}}}}\n")
    assert (pages(0), pages(1)) == (8, 32)
    kvmstate.apply_and_settle(f"{HEAD}hugepages: {{2MiB: {{0: 4}}}}\n")
    assert (pages(0), pages(1)) == (4, 32)


def node_pages(node):
    """How many would be all of a node's memory, of which the kernel has some already."""
    text = (NODES / f"node{node}" / "meminfo").read_text()
    return int(text.split("MemTotal:")[1].split()[0]) // 2048


def test_what_does_not_fit_on_one_node_does_not_go_to_the_other(hugepages, libvirt, kvmstate):
    done = kvmstate("apply", f"{HEAD}hugepages: {{2MiB: {{1: 99999}}}}\n", check=1)
    assert "node 1 has" in done.stderr
    strict = kvmstate("apply", f"{HEAD}hugepages: {{2MiB: {{1: {node_pages(1)}}}}}\n", check=1)
    said = strict.stderr + strict.stdout
    assert "on node 1: wanted" in said and "the pool is back at 0" in said
    assert (pages(0), pages(1)) == (0, 0)
    # As many as there are, and 1 GiB in one piece is left nowhere on the node.
    effort = f"{HEAD}hugepages: {{2MiB: {{0: 8, 1: {node_pages(1)}, policy: best-effort}}}}\n"
    assert "best-effort" in kvmstate.apply_and_settle(effort).stdout
    came = pages(1)
    assert pages(0) == 8 and node_pages(1) // 2 < came < node_pages(1)
    large = kvmstate("apply", f"{HEAD}hugepages: {{1GiB: {{1: 2}}}}\n", check=1)
    assert "boot with hugepagesz=1G hugepages=1:2" in large.stderr + large.stdout
    # What somebody takes away is tried for again.
    hugepages(1).write_text(str(came - 16))
    kvmstate.apply_and_settle(effort)
    assert pages(1) > came - 16


def test_evenly(hugepages, libvirt, kvmstate):
    kvmstate.apply_and_settle(f"{HEAD}hugepages: {{2MiB: 17}}\n")
    assert (pages(0), pages(1)) == (9, 8)


def test_pages_of_1gib_from_boot(libvirt, kvmstate):
    """Given back last: what the kernel took of that gigabyte meanwhile, nobody gets together again."""
    assert pages(1, GIB) == 1, "by the kernel's command line"
    kvmstate.apply_and_settle(f"{HEAD}hugepages: {{1GiB: {{1: 1}}}}\n")
    assert (pages(0, GIB), pages(1, GIB)) == (0, 1)
    kvmstate.apply_and_settle(f"{HEAD}hugepages: {{1GiB: {{1: 0}}}}\n")
    assert (pages(0, GIB), pages(1, GIB)) == (0, 0)
