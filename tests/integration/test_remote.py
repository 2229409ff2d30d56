# SPDX-License-Identifier: GPL-2.0-or-later
"""libvirt over ssh: kvmstate is of the machine that it runs on, and of no other."""

import pytest

MANIFEST = {"guests": {"vm": {"state": "stopped", "memory": "64MiB"}}, "hugepages": {"2MiB": {0: 0}}}


@pytest.fixture
def over_ssh(host, tmp):
    """A URI whose ssh leads to the host's own libvirtd, as if that were far away."""
    script = tmp / "ssh"
    script.write_text("#!/bin/sh\nexec virt-ssh-helper qemu:///system\n")
    script.chmod(0o755)
    if host.exec("sh", "-c", "command -v virt-ssh-helper").status:
        pytest.skip("no virt-ssh-helper")
    return f"qemu+ssh://far.example.org/system?command={script}&proxy=native"


def elsewhere(host, *args):
    """kvmstate on a machine of another name."""
    return host.kvmstate(*args, wrap=["unshare", "--uts", "sh", "-c", 'hostname elsewhere; exec "$@"', "sh"])


@pytest.mark.parametrize("command", [["plan"], ["apply"], ["apply", "--dry-run"]])
def test_another_machines_libvirt_is_refused(desired, host, over_ssh, command):
    desired.want(**MANIFEST)
    done = elsewhere(host, command[0], "-f", desired.file, *command[1:], "--host", "testhost", "--connect", over_ssh)
    done.ok(1)
    assert "on another machine, testhost" in done.stderr and "far.example.org" in done.stderr, done
    assert host.guests() == []


def test_import_of_another_machine_is_refused(host, over_ssh):
    assert "on another machine" in elsewhere(host, "import", "--connect", over_ssh).ok(1).stderr


def test_its_own_libvirt_by_ssh_is_as_good(desired, host, over_ssh):
    desired.want(**MANIFEST)
    desired.run("apply", "--connect", over_ssh).ok()
    assert host.guests() == ["vm"]
