# SPDX-License-Identifier: GPL-2.0-or-later
"""Huge pages by manifest, on a host with two nodes of 2 GiB."""
from labhost import hugepages_path

HEAD = "version: 1\nhost: lab\n"


def pages(node, kib=2048):
    return int(hugepages_path(node, kib).read_text())


def test_each_node_gets_its_own(hugepages, libvirt, kvmstate):
    kvmstate.apply_and_settle(f"{HEAD}hugepages: {{2MiB: {{0: 8, 1: 32}}}}\n")
    assert (pages(0), pages(1)) == (8, 32)
    kvmstate.apply_and_settle(f"{HEAD}hugepages: {{2MiB: {{0: 4}}}}\n")
    assert (pages(0), pages(1)) == (4, 32)


def test_what_does_not_fit_on_one_node_does_not_go_to_the_other(hugepages, libvirt, kvmstate):
    done = kvmstate("apply", f"{HEAD}hugepages: {{2MiB: {{1: 1100}}}}\n")
    assert done.returncode == 1 and "node 1" in done.stderr + done.stdout
    assert (pages(0), pages(1)) == (0, 0)
