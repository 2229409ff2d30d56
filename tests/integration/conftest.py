# SPDX-License-Identifier: GPL-2.0-or-later
"""The fixtures of the integration tests. Everything here is private to the run and gone after it."""

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from lib import guest as guests  # noqa: E402
from lib import pages  # noqa: E402
from lib.desired import Desired  # noqa: E402
from lib.embed import Embedded  # noqa: E402
from lib.host import Host  # noqa: E402
from lib.loop import Loop, NoLoop  # noqa: E402
from lib.repo import Repo  # noqa: E402
from lib.run import run  # noqa: E402
from lib.trace import Trace  # noqa: E402


def pytest_configure():
    # A deadline's SIGTERM is an interrupt: fixtures still clean up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="needs root: namespaces and a libvirtd of its own"))


@pytest.fixture(scope="session")
def private_host():
    """One libvirtd for the whole run. Tests take `host`, which cleans it."""
    made = Host()
    yield made
    made.close()


@pytest.fixture
def host(private_host):
    """A private host with a libvirtd that has nothing on it, before and after."""
    private_host.reset()
    yield private_host
    private_host.reset()


@pytest.fixture
def tmp():
    """A directory whose path is short, and open to whom QEMU runs as."""
    path = Path(tempfile.mkdtemp(prefix="ks-t-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def loop(host, tmp):
    """Makes empty block devices: loop(bytes).path, loop(bytes).holds()."""
    made = []

    def make(size):
        try:
            made.append(Loop(tmp / f"loop{len(made)}.img", size))
        except NoLoop as e:
            pytest.skip(f"no loop devices here: {e}")
        return made[-1]

    yield make
    host.reset()  # pools that stand on them
    for device in made:
        device.close()


@pytest.fixture
def embed(private_host, tmp):
    """libvirt's QEMU driver without a daemon, in a root directory of its own."""
    made = Embedded(private_host, tmp / "root")
    yield made
    made.close()


@pytest.fixture
def desired(host, tmp):
    """A manifest for `host`: want(...), plan(), apply(), settled()."""
    return Desired(host, tmp)


@pytest.fixture
def repo(tmp):
    return Repo(tmp / "manifests")


@pytest.fixture
def trace(tmp):
    if run(["strace", "-qq", "-o", "/dev/null", "true"]).status:
        pytest.skip("strace cannot trace here")
    return Trace(tmp / "strace.txt")


@pytest.fixture
def hugepages():
    """The module of helpers; what a test sets is put back."""
    try:
        pages.set_count(pages.count())
    except OSError as e:
        pytest.skip(f"hugepages cannot be set here: {e}")
    with pages.restored():
        yield pages


@pytest.fixture(scope="session")
def initrd(tmp_path_factory):
    """The test guest's initrd."""
    try:
        guests.kernel()
    except guests.NoKernel as e:
        pytest.skip(str(e))
    folder = Path(tempfile.mkdtemp(prefix="ks-i-", dir="/tmp"))
    folder.chmod(0o755)
    yield guests.build_initrd(folder / "initrd")
    shutil.rmtree(folder)


@pytest.fixture
def boot(host, initrd, tmp):
    """boot(name, **options) starts a test guest (options as domain_xml's) and waits for it: (domain, console)."""

    def start(name, wait=True, **options):
        serial = tmp / f"{name}.serial"
        domain = host.conn.defineXML(guests.domain_xml(name, initrd, serial, **options))
        domain.create()
        console = guests.file_console(serial)
        if wait:
            console.wait()
        return domain, console

    return start
