# SPDX-License-Identifier: GPL-2.0-or-later
"""A PF that has another name than at the last run, as after a change of firmware, kernel or udev rules."""
from labhost import run

HEAD = "version: 1\nhost: lab\n"


def rename(name, to):
    run("ip", "link", "set", name, "down")
    run("ip", "link", "set", name, "name", to)
    run("ip", "link", "set", to, "up")


def test_name_that_changed_between_runs(ens2, libvirt, kvmstate):
    by_name, by_address = HEAD + "sriov: {ens2: {vfs: 2}}\n", f'{HEAD}sriov: {{"{ens2.address}": {{vfs: 2}}}}\n'
    kvmstate.apply_and_settle(by_name)
    rename("ens2", "uplink7")
    try:
        assert kvmstate.is_converged(by_address)
        # udev keeps the name of the slot, under which it is still found.
        run("udevadm", "settle", "--timeout=60")
        assert "altname ens2" in run("ip", "link", "show", "dev", "uplink7").stdout
        assert kvmstate.is_converged(by_name)
        run("ip", "link", "property", "del", "dev", "uplink7", "altname", "ens2")
        assert "ens2" in kvmstate("plan", by_name, check=1).stderr
        assert ens2.vfs == 2
        kvmstate.apply_and_settle(HEAD + "sriov: {uplink7: {vfs: 3}}\n")
        assert ens2.vfs == 3
    finally:
        run("ip", "link", "property", "del", "dev", "uplink7", "altname", "ens2", check=False)
        rename("uplink7", "ens2")
