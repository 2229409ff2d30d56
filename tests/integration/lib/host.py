# SPDX-License-Identifier: GPL-2.0-or-later
"""
A private host: namespaces of its own (mounts, network, processes) with a real libvirtd in them. Nothing of the
machine's own libvirt is seen or touched, there is no systemd, and when the host's first process ends the kernel
takes everything with it: guests, daemons, bridges, mounts.

Paths under the test's temporary directories are the same inside and outside. Without cgroups: pins are set by
affinity, as libvirt does where it finds none.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import libvirt

from . import apilog
from .run import kvmstate_binary, run, run_killed, wait_for

libvirt.registerErrorHandler(lambda _context, _error: None, None)

LIBVIRTD_CONF = """\
auth_unix_rw = "none"
log_filters = "{filters}"
log_outputs = "1:file:/var/log/libvirt/libvirtd.log"
"""
# No core file: in a container its limit, which sudo lowers, cannot be raised again.
QEMU_CONF = """\
user = "root"
group = "root"
security_driver = "none"
namespaces = []
cgroup_controllers = []
remember_owner = 0
max_core = 0
{hugetlbfs}
"""


class Host:
    """`exec()` runs a program in it; `kvmstate()` and `virsh()` too. `conn` is a libvirt connection to it."""

    def __init__(self, name="testhost", daemon=True):
        self.name = name
        # Short: a socket's path has at most 107 characters.
        self.dir = Path(tempfile.mkdtemp(prefix="ks-", dir="/tmp"))
        self.dir.chmod(0o755)
        self.conn = None
        self._unshare = subprocess.Popen(
            # Whoever kills the tests, too, ends the host with all that is in it.
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--net", "--pid", "--ipc", "--uts",
             "--fork", "--kill-child", "--mount-proc", str(Path(__file__).with_name("private-host")), str(self.dir), name],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            start_new_session=True)
        try:
            wait_for("private host up", self._is_up, timeout=90, every=0.02)
            self.pid = self._first_process()
            self._configure()
            if daemon:
                self._start_libvirtd()
        except BaseException:
            self.close()
            raise

    def _is_up(self):
        if self._unshare.poll() is not None:
            raise AssertionError("cannot make namespaces: " + self._unshare.stderr.read())
        return (self.dir / "ready").exists()

    def _first_process(self):
        children = Path(f"/proc/{self._unshare.pid}/task/{self._unshare.pid}/children")
        return int(children.read_text().split()[0])

    def _configure(self):
        mounts = [f'"{d}"' for d in sorted(self.dir.glob("huge-*"))]
        self.qemu_conf = QEMU_CONF.format(hugetlbfs=f"hugetlbfs_mount = [{', '.join(mounts)}]" if mounts else "")
        (self.dir / "etc/qemu.conf").write_text(self.qemu_conf)
        (self.dir / "etc/libvirtd.conf").write_text(LIBVIRTD_CONF.format(filters=apilog.FILTERS))

    def _start_libvirtd(self):
        self.exec("virtlogd", "-d").ok()
        self.exec("libvirtd", "-d").ok()
        self.uri = f"qemu+unix:///system?socket={self.dir}/run/libvirt-sock"
        try:
            wait_for("libvirtd answers", self._connect, timeout=60)
        except AssertionError as e:
            log = self.dir / "log/libvirtd.log"
            raise AssertionError(f"{e}; its log:\n{log.read_text()[-3000:] if log.exists() else '(none)'}") from None

    def kill_libvirtd(self):
        """Guests and virtlogd stay; start_libvirtd() brings it back."""
        pid = self.exec("cat", "/run/libvirtd.pid").ok().stdout
        self.exec("kill", "-KILL", pid).ok()

    def start_libvirtd(self):
        self.exec("libvirtd", "-d").ok()
        wait_for("libvirtd answers", self._connect, timeout=60)

    def _connect(self):
        try:
            self.conn = libvirt.open(self.uri)
        except libvirt.libvirtError:
            return False
        return True

    # ---- running things ----

    def _enter(self, argv):
        return ["nsenter", "-t", str(self.pid), "-m", "-n", "-p", "-i", "-u", "-r",
                "--wd=" + os.getcwd(), "--"] + [
            str(a) for a in argv]

    def exec(self, *argv, **options):
        """A program in this host, run to its end. Options as run()'s."""
        return run(self._enter(argv), **options)

    def kvmstate(self, *args, wrap=(), env=None, **options):
        """kvmstate in this host; `wrap` stands before it (a tracer). State: /var/lib/kvmstate, its own."""
        return self.exec(*wrap, kvmstate_binary(), *args, env={"NO_COLOR": "1", **(env or {})}, **options)

    def wait_for_steps(self, n):
        """Until the apply that was begun in the background is in its `n`th step."""
        def begun():
            text = self.exec("sh", "-c", "cat /var/lib/kvmstate/journal.jsonl || true").ok().stdout
            last = text.rpartition('"event":"begin"')[2]
            return last.count('"event":"started"') >= n and '"event":"end"' not in last
        wait_for(f"{n} steps are begun", begun, timeout=60)

    def kvmstate_killed(self, *args, after, env=None):
        """Starts kvmstate and kills it after that many seconds; True if it was still running."""
        return run_killed(self._enter([kvmstate_binary(), *args]), after=after, env=env)

    def virsh(self, *args, **options):
        return self.exec("virsh", "-q", *args, **options)

    # ---- looking at libvirt ----

    def domain(self, name):
        return self.conn.lookupByName(name)

    def xml(self, name, live=False):
        """The inactive XML of a guest, or the live one."""
        return self.domain(name).XMLDesc(0 if live else libvirt.VIR_DOMAIN_XML_INACTIVE)

    def is_running(self, name):
        return bool(self.domain(name).isActive())

    def guests(self):
        return sorted(d.name() for d in self.conn.listAllDomains())

    @contextlib.contextmanager
    def api_calls(self):
        """The libvirt calls that libvirtd was asked for within the block, as apilog.Calls."""
        log = self.dir / "log/libvirtd.log"
        start = log.stat().st_size
        calls = apilog.Calls()
        yield calls
        with log.open(errors="replace") as f:
            f.seek(start)
            calls.read(f)

    # ---- cleaning up ----

    def reset(self):
        """Everything that a test made is gone: guests, pools, networks, secrets, links, kvmstate's state."""
        died = not self._is_alive()
        if died:  # the next test gets one that lives
            self.start_libvirtd()
        self._remove_all()
        assert not died, "libvirtd died during the test"

    def _is_alive(self):
        try:
            self.conn.getLibVersion()
        except libvirt.libvirtError:
            return False
        return True

    def _remove_all(self):
        for domain in self.conn.listAllDomains():
            remove_domain(domain)
        for pool in self.conn.listAllStoragePools():
            if pool.isActive():
                pool.destroy()
            with contextlib.suppress(libvirt.libvirtError):
                pool.undefine()
        for network in self.conn.listAllNetworks():
            if network.isActive():
                network.destroy()
            with contextlib.suppress(libvirt.libvirtError):
                network.undefine()
        for secret in self.conn.listAllSecrets():
            secret.undefine()
        for link in self.links():
            self.exec("ip", "link", "del", link)
        for entry in (self.dir / "state").iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def links(self):
        text = self.exec("ip", "-o", "link", "show").ok().stdout
        names = re.findall(r"^\d+: ([^:@]+)", text, re.M)
        return [n for n in names if n not in ("lo", "sit0", "ip6tnl0", "tunl0", "gre0", "gretap0", "erspan0")]

    def close(self):
        if self.conn:
            with contextlib.suppress(libvirt.libvirtError):
                self.conn.close()
        # With the first process go all others; unshare then reaps it, which this machine's init may not do.
        if self._unshare.poll() is None:
            os.kill(getattr(self, "pid", self._unshare.pid), signal.SIGKILL)
        self._unshare.wait(60)
        self._unshare.stderr.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def remove_domain(domain):
    """Destroyed, and undefined with all that libvirt keeps for it."""
    with contextlib.suppress(libvirt.libvirtError):
        domain.destroy()
    with contextlib.suppress(libvirt.libvirtError):
        domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
                             | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
                             | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA)
