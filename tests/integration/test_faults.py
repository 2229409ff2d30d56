# SPDX-License-Identifier: GPL-2.0-or-later
"""
What goes wrong around a run: full and read-only disks, a damaged or lost state directory, a libvirtd that dies, a run
that is killed at any point of its journal. Each is said clearly, loses nothing, and is repaired by the next run.
"""

import contextlib
import hashlib
import subprocess

import pytest

from lib.run import kvmstate_binary, wait_for

SMALL = {"state": "stopped", "machine": "q35", "memory": "64MiB"}
STATE = "/var/lib/kvmstate"


@pytest.fixture
def everything(desired, tmp):
    """One of each kind that leaves a trace in the state directory."""
    return desired.want(
        defaults={"prune": True}, bridges={"br0": {"up": True}}, pools={"p": {"type": "dir", "path": f"{tmp}/pool"}},
        volumes={"p": {"a": {"size": "1MiB", "format": "qcow2"}}},
        guests={"a": {**SMALL, "disks": {"vda": {"volume": "p/a"}}, "nics": {"lan": {"bridge": "br0"}}}, "b": SMALL})


@contextlib.contextmanager
def mounted(host, path, *options):
    """A tmpfs over `path`, in the private host alone."""
    host.exec("mkdir", "-p", path).ok()
    host.exec("mount", "-t", "tmpfs", *options, "tmpfs", path).ok()
    try:
        yield
    finally:
        host.exec("umount", "-l", path).ok()


def empty(host):
    return (host.guests(), host.links(), host.conn.listAllStoragePools()) == ([], [], [])


# ---- disks ----


def test_full_state_directory(everything, host):
    with mounted(host, STATE, "-o", "size=16k"):
        host.exec("sh", "-c", f"cat /dev/zero > {STATE}/filler").ok(1)
        said = everything.run("apply").ok(1).stderr
        assert "No space left on device" in said and empty(host), said
        host.exec("rm", f"{STATE}/filler").ok()
        everything.apply()
        everything.settled()


def test_read_only_state_directory(everything, host):
    with mounted(host, STATE, "-o", "ro"):
        assert len(everything.plan().steps) == 5
        said = everything.run("apply").ok(1).stderr
        assert "Read-only file system" in said and empty(host), said
    everything.apply()
    everything.settled()


def test_full_pool(desired, host, tmp):
    (tmp / "base").write_bytes(b"base" * 2**20)
    desired.want(pools={"p": {"type": "dir", "path": f"{tmp}/pool"}},
                 volumes={"p": {"v": {"source": f"{tmp}/base", "format": "raw"}}})
    with mounted(host, f"{tmp}/pool", "-o", "size=1m"):
        result = desired.run("apply").ok(1, 4)
        assert "space" in result.stderr + result.stdout, str(result)
        assert host.exec("ls", f"{tmp}/pool").stdout == "", "half a volume is left"
        host.exec("mount", "-o", "remount,size=64m", f"{tmp}/pool").ok()
        desired.apply()
        desired.settled()
        seen = host.exec("sha256sum", f"{tmp}/pool/v").ok().stdout.split()[0]
        assert seen == hashlib.sha256(b"base" * 2**20).hexdigest()
        host.conn.storagePoolLookupByName("p").destroy()


# ---- the state directory ----


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 9, "things": {}}', "\\0\\0\\0"])
def test_damaged_ledger(everything, host, text):
    everything.apply()
    host.exec("sh", "-c", f"mv {STATE}/ledger.json {STATE}/whole; printf '{text}' > {STATE}/ledger.json").ok()
    everything.want(guests={}, volumes={})
    said = everything.run("apply", "--allow", "delete,data-loss").ok(1).stderr
    assert "ledger" in said and "damaged" in said and host.guests() == ["a", "b"], said
    host.exec("mv", f"{STATE}/whole", f"{STATE}/ledger.json").ok()
    everything.apply("--allow", "delete,data-loss")
    assert host.guests() == []


def test_lost_state_directory(everything, host, tmp):
    """What the ledger alone knew to be ours is nobody's: it is not deleted. What the manifest names is ours again."""
    everything.apply()
    host.exec("sh", "-c", f"rm -r {STATE}/*").ok()
    everything.want(guests={"b": SMALL}, volumes={}, bridges={}, pools={})
    everything.apply("--allow", "delete,data-loss")
    assert (host.guests(), host.links()) == (["b"], []), "guests and bridges carry their marks"
    assert (tmp / "pool/a").exists() and len(host.conn.listAllStoragePools()) == 1
    everything.want(pools={"p": {"type": "dir", "path": f"{tmp}/pool"}}, volumes={"p": {"a": {"format": "qcow2"}}})
    everything.apply()
    everything.settled()
    everything.want(volumes={}, pools={}).apply("--allow", "delete,data-loss")
    assert not (tmp / "pool/a").exists() and host.conn.listAllStoragePools() == []


@pytest.mark.parametrize("text", ["\\0\\0\\0", "{\\n}\\n[]\\n\"x\"\\n{\"run\":1,\"event\":[]}\\n", '{"run":"r","event":"started"'])
def test_damaged_journal(everything, host, text):
    everything.apply()
    host.exec("sh", "-c", f"printf '{text}' >> {STATE}/journal.jsonl").ok()
    everything.settled()


# ---- ends in the middle ----


def test_libvirtd_dies(desired, host):
    desired.want(guests={f"g{i}": SMALL for i in range(60)})
    with subprocess.Popen(host._enter([kvmstate_binary(), "apply", "-f", desired.file]), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        wait_for("a guest is there", host.guests, every=0.005)
        host.kill_libvirtd()
        out, err = run.communicate(timeout=60)
    host.start_libvirtd()
    assert run.returncode in (1, 4) and "libvirt" in out + err, out + err
    desired.apply()
    assert len(host.guests()) == 60
    desired.settled()


def points(everything, host, trace, calls):
    """How often a whole run makes these calls."""
    wrap = ["strace", "-f", "-qq", "-o", str(trace.path), "-e", f"trace={calls}", "-e", "signal=none"]
    everything.run("apply", wrap=wrap).ok()
    return sum("(" in line and "resumed" not in line for line in trace.path.read_text().splitlines())


@pytest.mark.parametrize("how", ["signal=KILL", "error=ENOSPC"])
@pytest.mark.parametrize("calls", ["fdatasync", "fsync"])
def test_end_at_every_point_of_the_records(everything, host, trace, tmp, how, calls):
    """At each sync of the journal (fdatasync) and of the ledger (fsync) the run is killed, or the disk is full."""
    n = points(everything, host, trace, calls)
    assert n >= 4
    for at in range(1, n + 1, 2):
        host.reset()
        host.exec("rm", "-rf", f"{tmp}/pool")
        broken = everything.run("apply", wrap=["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e",
                                               f"inject={calls}:{how}:when={at}"])
        assert how == "signal=KILL" or broken.status == 0 or "No space left" in broken.stderr + broken.stdout, str(broken)
        everything.apply("--allow", "network")
        everything.settled()
        everything.want(guests={"b": SMALL}).apply("--allow", "delete", status=0)
        assert host.guests() == ["b"]
        everything.want(guests={"a": {**SMALL, "disks": {"vda": {"volume": "p/a"}}, "nics": {"lan": {"bridge": "br0"}}},
                                "b": SMALL})
