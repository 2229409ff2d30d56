# SPDX-License-Identifier: GPL-2.0-or-later
"""Knobs of the kernel by manifest."""
import pathlib

import pytest

HEAD = "version: 1\nhost: lab\n"
KSM = pathlib.Path("/sys/kernel/mm/ksm")
BALANCING = pathlib.Path("/proc/sys/kernel/numa_balancing")


def read(path):
    return path.read_text().strip()


@pytest.fixture
def knobs():
    """KSM's and NUMA balancing's files, put back afterwards."""
    paths = [KSM / "pages_to_scan", KSM / "sleep_millisecs", KSM / "run", BALANCING]
    before = {path: read(path) for path in paths if path.exists()}
    yield
    for path, text in before.items():
        path.write_text(text)


def test_knobs_are_set(libvirt, kvmstate, knobs):
    kvmstate.apply_and_settle(HEAD + "kernel:\n  ksm: {run: true, pages-to-scan: 123, sleep: 30ms}\n"
                              "  numa-balancing: false\n")
    assert [read(KSM / name) for name in ("run", "pages_to_scan", "sleep_millisecs")] == ["1", "123", "30"]
    assert read(BALANCING) == "0"
    kvmstate.apply_and_settle(HEAD + "kernel: {ksm: {run: false}, numa-balancing: true}\n")
    assert read(KSM / "run") == "0"
    assert read(BALANCING) == "1"


def test_module_parameter_that_can_be_written(libvirt, kvmstate):
    path = pathlib.Path("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts")
    if not path.exists():
        pytest.skip("vfio_iommu_type1 is not loaded")
    before = read(path)
    try:
        kvmstate.apply_and_settle(HEAD + "kernel: {modules: {vfio_iommu_type1: {allow_unsafe_interrupts: true}}}\n")
        assert read(path) == "Y"
    finally:
        path.write_text(before)


def test_boot_parameter_needs_a_reboot(libvirt, kvmstate):
    manifest = HEAD + 'kernel: {parameters: {nosmt: force}}\n'
    assert "needs a reboot with nosmt=force" in kvmstate("plan", manifest).stdout
    kvmstate.apply(manifest, check=3)


def test_parameter_that_needs_a_reload(libvirt, kvmstate):
    manifest = HEAD + "kernel: {modules: {vfio_iommu_type1: {dma_entry_limit: 7}, nosuch: {x: 1}}}\n"
    assert "module nosuch is not loaded" in kvmstate("plan", manifest).stdout


def test_nothing_said_of_the_kernel(libvirt, kvmstate, knobs):
    (KSM / "pages_to_scan").write_text("77")
    for said in ("null", "{}", "{ksm: null, modules: null, parameters: null}"):
        assert kvmstate.is_converged(f"{HEAD}kernel: {said}\n")
    assert read(KSM / "pages_to_scan") == "77"
