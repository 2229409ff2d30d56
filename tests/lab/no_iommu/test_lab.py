# SPDX-License-Identifier: GPL-2.0-or-later
"""A host without an IOMMU: VFs work, handing them over does not."""
import os

import labhost


def test_there_are_no_groups(ens1):
    ens1.set_vfs(1)
    assert not os.listdir("/sys/class/iommu")
    assert labhost.iommu_group(ens1.vf(0)) is None
