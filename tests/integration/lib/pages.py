# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine's hugepages, which no namespace hides: read, set, and put back as they were."""

import contextlib
import fcntl
from pathlib import Path

NODES = Path("/sys/devices/system/node")
LOCK = "/tmp/kvmstate-test-hugepages.lock"


def pool(node=0, size_kib=2048):
    return NODES / f"node{node}/hugepages/hugepages-{size_kib}kB"


def count(node=0, size_kib=2048):
    return int((pool(node, size_kib) / "nr_hugepages").read_text())


def free(node=0, size_kib=2048):
    return int((pool(node, size_kib) / "free_hugepages").read_text())


def set_count(n, node=0, size_kib=2048):
    """Asks for `n` pages; returns how many there are then (fewer when memory is short)."""
    (pool(node, size_kib) / "nr_hugepages").write_text(str(n))
    return count(node, size_kib)


def nodes():
    return sorted(int(p.name[4:]) for p in NODES.glob("node[0-9]*"))


@contextlib.contextmanager
def restored():
    """Whatever is set within is put back afterwards; one test of this machine at a time."""
    with open(LOCK, "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        files = sorted(NODES.glob("node*/hugepages/*/nr_hugepages"))
        before = {f: f.read_text().strip() for f in files}
        try:
            yield
        finally:
            for file, n in before.items():
                file.write_text(n)
