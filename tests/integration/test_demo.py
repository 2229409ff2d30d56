# SPDX-License-Identifier: GPL-2.0-or-later
"""The README's first command: it tells the whole story, and leaves nothing behind, however it ends."""

import os
import signal
import subprocess

import pytest

from lib import guest
from lib.run import TOP, kvmstate_binary, run, wait_for

DEMO = [TOP / "scripts/demo", "--built"]


@pytest.fixture(autouse=True)
def needs_kernel():
    try:
        guest.kernel()
    except guest.NoKernel as e:
        pytest.skip(str(e))


def running():
    """Processes of a demo that this one started."""
    return run(["pgrep", "-f", "kvmstate-demo|demo-host .*" + str(TOP)]).stdout.split()


def traces():
    return (run(["ip", "-br", "link"]).stdout, open("/proc/self/mounts", encoding="utf-8").read(),
            os.path.exists("/run/kvmstate-demo"), sorted(os.listdir("/run/netns")) if os.path.exists("/run/netns") else [])


def test_demo():
    before = traces()
    result = run(DEMO, env={"KVMSTATE": kvmstate_binary()}, timeout=600).ok()
    assert result.stdout.count("\nNothing to do.\n") == 3, str(result)
    for word in ("Plan: 3 to create.", "Applied: 1 changed.", "Applied: 3 deleted.", "not restarted", "db1 says: {"):
        assert word in result.stdout, str(result)
    assert result.stderr == ""
    assert traces() == before and not running()


def test_demo_that_is_interrupted():
    before = traces()
    with subprocess.Popen(DEMO, env={**os.environ, "KVMSTATE": kvmstate_binary()}, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, start_new_session=True) as demo:
        wait_for("a guest runs", lambda: run(["pgrep", "-f", "qemu.*kvmstate-demo"]).stdout, timeout=120)
        os.killpg(demo.pid, signal.SIGINT)
        assert demo.wait(30) == 130
    wait_for("all of it ended", lambda: not running())
    assert traces() == before
