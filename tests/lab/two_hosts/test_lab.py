# SPDX-License-Identifier: GPL-2.0-or-later
"""Two hosts on one wire: they tell themselves apart, and each reaches the other."""
from labhost import run


def test_names_differ():
    assert run("hostname").stdout.strip() == "lab1"
    assert run("peer", "hostname").stdout.strip() == "lab2"


def test_the_status_comes_back():
    assert run("peer", "sh", "-c", "exit 3", check=False).returncode == 3


def test_the_output_directory_is_shared():
    run("peer", "sh", "-c", "echo hello >/mnt/lab/from-lab2")
    with open("/mnt/lab/from-lab2", encoding="ascii") as file:
        assert file.read() == "hello\n"


def test_libvirt_is_reached_over_the_wire():
    here = run("virsh", "-q", "-c", "qemu:///system", "capabilities").stdout
    there = run("virsh", "-q", "-c", "qemu+tcp://lab2/system", "capabilities").stdout
    assert "<uuid>" in there
    assert there.split("<uuid>")[1][:36] != here.split("<uuid>")[1][:36]
