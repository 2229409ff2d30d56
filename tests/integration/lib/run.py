# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs programs to the end, with a deadline, and keeps what they said."""

import json
import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
os.environ.setdefault("TSAN_OPTIONS", f"suppressions={TOP}/tests/tsan.supp")


def kvmstate_binary():
    """$KVMSTATE, or what the dev preset built."""
    return os.environ.get("KVMSTATE", str(TOP / "build/dev/reconciler/kvmstate"))


@dataclass
class Result:
    """What a program left: `json` parses its stdout, or fails the test with what it printed instead."""

    argv: list
    status: int
    stdout: str
    stderr: str

    @property
    def json(self):
        try:
            return json.loads(self.stdout)
        except ValueError as e:
            raise AssertionError(f"not JSON ({e}):\n{self}") from e

    def ok(self, *statuses):
        """This result, if it ended with one of `statuses` (0 when none are given)."""
        assert self.status in (statuses or (0,)), str(self)
        return self

    def __str__(self):
        return (f"$ {' '.join(self.argv)}\nstatus {self.status}\n"
                f"--- stdout\n{self.stdout}--- stderr\n{self.stderr}")


def run(argv, *, env=None, cwd=None, timeout=300, stdin=None):
    """Runs `argv` in a process group of its own, which is killed whole at the deadline."""
    argv = [str(a) for a in argv]
    if "strace" in argv:  # one tracer a process: the leak checker of a sanitized build is another
        env = {"ASAN_OPTIONS": "detect_leaks=0", **(env or {})}
    with subprocess.Popen(argv, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd,
                          env={**os.environ, **(env or {})}, start_new_session=True) as process:
        try:
            out, err = process.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            raise AssertionError(f"no end after {timeout} s: {' '.join(argv)}\n{out}{err}") from None
    return Result(argv, process.returncode, out, err)


def run_killed(argv, *, after, env=None, cwd=None):
    """Runs `argv` and kills its whole process group with SIGKILL after `after` seconds: True if that hit it."""
    with subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, cwd=cwd, env={**os.environ, **(env or {})},
                          start_new_session=True) as process:
        try:
            process.wait(after)
            return False
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return True


def random_delays(n, longest, seed):
    """`n` moments in (0, longest), the same for the same seed, so that a failure can be repeated."""
    source = random.Random(seed)
    return [source.uniform(0, longest) for _ in range(n)]


def wait_for(what, condition, timeout=90, every=0.1):
    """Waits until `condition()` is true and returns what it gave; fails the test with `what` at the deadline."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {timeout} s still not: {what}")
        time.sleep(every)
