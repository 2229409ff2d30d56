# SPDX-License-Identifier: GPL-2.0-or-later
"""kvmstate doctor on a host without an IOMMU: VFs are fine, handing one out is not."""
import json

VFS = "version: 1\nhost: lab\nsriov: {ens1: {vfs: 2}}\n"


def doctor(kvmstate, manifest, check):
    report = json.loads(kvmstate("doctor", manifest, "--json", check=check).stdout)
    return {(one["check"], one.get("subject")): one for one in report["checks"]}


def test_nobody_needs_it(ens1, kvmstate):
    found = doctor(kvmstate, VFS, 0)
    assert found["iommu", None]["health"] == found["interrupt-remapping", None]["health"] == "note"
    assert found["sriov", "ens1"]["health"] == "ok"


def test_a_guest_with_a_vf_needs_it(ens1, kvmstate):
    found = doctor(kvmstate, VFS + "guests: {fw1: {nics: {fast: {vf: {pf: ens1, index: 0}}}}}\n", 1)
    for check in ("iommu", "interrupt-remapping"):
        assert found[check, None]["health"] == "missing"
        assert found[check, None]["needed_by"] == "guests.fw1.nics.fast" and "VT-d" in found[check, None]["cure"]
