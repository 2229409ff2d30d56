# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the lab: each gives a part of the host in a known state, and puts it back afterwards."""
import itertools
import pathlib
import shutil
import sys

import pytest

import labhost
from labhost import run


def pytest_sessionstart(session):
    if not session.config.option.collectonly and not labhost.in_lab():
        pytest.exit("these tests rearrange the host that they run on: start them with tests/lab/run", returncode=1)


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report):
    """A failure is told at once: the host may not live to the end of the suite."""
    if report.failed:
        sys.__stdout__.write(f"\n{report.longreprtext}\n")
        sys.__stdout__.flush()


def physical_function(name):
    pf = labhost.PhysicalFunction(name)
    pf.set_vfs(0)
    run("ip", "link", "set", name, "up")
    yield pf
    pf.set_vfs(0)


@pytest.fixture
def ens1():
    """The igb on NUMA node 0, up, without VFs."""
    yield from physical_function("ens1")


@pytest.fixture
def ens2():
    """The igb on NUMA node 1, up, without VFs."""
    yield from physical_function("ens2")


@pytest.fixture
def libvirt():
    """A libvirtd without guests, networks and pools; `libvirt.start(xml)` starts a guest."""
    labhost.connection()

    class Libvirt:
        @staticmethod
        def define(xml):
            return labhost.connection().defineXML(xml)

        @classmethod
        def start(cls, xml):
            guest = cls.define(xml)
            guest.create()
            return guest.name()

    yield Libvirt
    labhost.forget_guests()
    labhost.forget_networks_and_pools()


@pytest.fixture
def namespace():
    """Makes network namespaces: `namespace()` is the name of a new one. Physical devices in it come back."""
    made = []
    numbers = itertools.count()

    def make():
        name = f"lab-ns{next(numbers)}"
        run("ip", "netns", "add", name)
        made.append(name)
        return name

    yield make
    for name in made:
        run("ip", "netns", "delete", name)
    run("udevadm", "settle", "--timeout=60")


@pytest.fixture
def veth():
    """Makes pairs of virtual links: `veth("a", "b")`."""
    made = []

    def make(one, other):
        run("ip", "link", "add", one, "type", "veth", "peer", "name", other)
        made.append(one)
        return one, other

    yield make
    for one in made:
        run("ip", "link", "delete", one, check=False)


@pytest.fixture
def kvmstate(tmp_path):
    """Runs this build of kvmstate, with nothing remembered from before."""
    state = pathlib.Path("/var/lib/kvmstate")

    def forget():
        for entry in state.iterdir() if state.exists() else []:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    assert shutil.which("kvmstate"), "kvmstate is not built: cmake --build --preset dev"
    forget()
    yield labhost.Kvmstate(tmp_path)
    forget()


@pytest.fixture
def hugepages():
    """Per-node 2 MiB pages, none reserved: `hugepages(node)` is the file to read and write."""
    def reset():
        for node in (0, 1):
            labhost.hugepages_path(node).write_text("0")

    reset()
    yield labhost.hugepages_path
    reset()


@pytest.fixture
def spare_disk():
    """The path of an empty 1 GiB disk."""
    disk = "/dev/vda"
    yield disk
    # A pool whose group is gone cannot be stopped, nor one whose volumes are in use.
    labhost.forget_guests()
    labhost.forget_networks_and_pools()
    groups = run("pvs", "--noheadings", "-o", "vg_name", "-S", f"pv_name={disk}", check=False).stdout.split()
    for group in groups:
        run("vgremove", "-f", "-y", group)
    run("wipefs", "-a", "-q", disk)
