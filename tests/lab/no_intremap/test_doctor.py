# SPDX-License-Identifier: GPL-2.0-or-later
"""kvmstate doctor on a host with an IOMMU that remaps no interrupts: allow_unsafe_interrupts can stand in."""
import json
import pathlib

import pytest

from labhost import run

CARD = 'version: 1\nhost: lab\nguests: {fw1: {devices: {card: {pci: "0000:82:00.0"}}}}\n'
ALLOWS = CARD + "kernel: {modules: {vfio_iommu_type1: {allow_unsafe_interrupts: true}}}\n"
UNSAFE = pathlib.Path("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts")


@pytest.fixture
def vfio():
    """The module, loaded as it is by default."""
    run("modprobe", "vfio_iommu_type1")
    UNSAFE.write_text("0")
    yield
    UNSAFE.write_text("0")


def remapping(kvmstate, manifest, check):
    report = json.loads(kvmstate("doctor", manifest, "--json", check=check).stdout)
    found = {one["check"]: one for one in report["checks"]}
    assert found["iommu"]["health"] == "ok"
    return found["interrupt-remapping"]


def test_a_guest_with_a_card_needs_it(vfio, kvmstate):
    found = remapping(kvmstate, CARD, 1)
    assert found["health"] == "missing" and str(UNSAFE) in found["cure"]


def test_the_parameter_stands_in(vfio, kvmstate):
    UNSAFE.write_text("1")
    found = remapping(kvmstate, CARD, 0)
    assert found["health"] == "warning" and "allow_unsafe_interrupts stands in" in found["text"]


def test_the_manifest_can_say_so(vfio, kvmstate):
    assert "once the manifest is applied" in remapping(kvmstate, ALLOWS, 0)["text"]
    kvmstate.apply(ALLOWS, "--target", "kernel")
    assert UNSAFE.read_text().strip() == "Y"
    assert remapping(kvmstate, CARD, 0)["health"] == "warning"
