# SPDX-License-Identifier: GPL-2.0-or-later
"""A start that waits: for an address that was leased since, or for the guest's agent; to a deadline."""

import pytest

from lib import guest

NET = {"lan": {"bridge": "vbr-w", "addresses": ["10.79.0.1/24"], "dhcp": {"range": ["10.79.0.10", "10.79.0.90"]}}}
DEAF = {"state": "running", "machine": "q35", "memory": "64MiB", "shutdown": {"timeout": "1s", "then": "destroy"}}


def bootable(initrd, cmdline, **more):
    return {"state": "running", "machine": "q35", "memory": f"{guest.MEMORY_MIB}MiB", "agent": True,
            "nics": {"lan": {"network": "lan"}}, "shutdown": {"timeout": "60s", "then": "fail"},
            "direct-kernel": {"kernel": str(guest.kernel()), "initrd": str(initrd),
                              "cmdline": f"{guest.CMDLINE} {cmdline}"}, **more}


def remark(done):
    """What the run says of the guest's start."""
    return next(line.split(": ", 1)[1] for line in done.stdout.splitlines() if "guest vm" in line and ": " in line)


def test_a_leased_address_ends_it_and_an_old_lease_does_not(desired, host, initrd):
    vm = bootable(initrd, "ks.dhcp", **{"wait-for": {"for": "address", "timeout": "2m"}})
    desired.want(networks=NET, guests={"vm": vm})
    assert desired.plan().fields("guest", "vm")["wait-for"]["to"] == "address, for at most 2m"
    done = desired.apply()
    assert remark(done).startswith("has 10.79.0.")
    desired.settled()
    desired.want(guests={"vm": {**vm, "state": "stopped"}}).apply("--allow", "restart")
    assert host.conn.networkLookupByName("lan").DHCPLeases(), "the test has lost its point: the lease is gone"
    # It boots without asking for an address: the lease that it had says nothing.
    still = bootable(initrd, "", **{"wait-for": {"for": "address", "timeout": "1s"}})
    desired.want(guests={"vm": still})
    failed = desired.apply(status=4)
    assert "has no address after 1s" in failed.stdout + failed.stderr
    assert host.is_running("vm")
    desired.settled()


def test_the_agent_ends_it_and_tells_the_address(desired, host, initrd):
    vm = bootable(initrd, "ks.dhcp ks.agent", **{"wait-for": {"for": "agent", "timeout": "110s"}})
    vm["nics"] = {"lan": {"bridge": "vbr-w"}}  # nobody but the agent knows the address of who is there
    desired.want(networks=NET).apply()
    desired.want(guests={"vm": vm})
    assert remark(desired.apply()) == "its agent answers"
    host.domain("vm").managedSave()
    desired.want(guests={"vm": {**vm, "wait-for": "address"}})
    assert remark(desired.apply()).startswith("has 10.79.0.")
    desired.settled()


@pytest.mark.parametrize("what, said", [("address", "it has no nic in a libvirt network"), ("agent", "did not answer")])
def test_the_deadline_passes_and_the_guest_runs_on(desired, host, what, said):
    desired.want(guests={"vm": {**DEAF, "agent": True, "wait-for": {"for": what, "timeout": "400ms"}}})
    failed = desired.apply(status=1)
    assert said in failed.stdout + failed.stderr
    assert host.is_running("vm")
    desired.settled()


def test_a_stopped_guest_waits_for_nothing(desired, host):
    desired.want(guests={"vm": {**DEAF, "state": "stopped", "wait-for": "address"}})
    assert "wait-for" not in desired.plan().fields("guest", "vm")
    desired.apply()
    desired.settled()
    desired.want(guests={"vm": {**DEAF, "agent": False, "wait-for": "agent"}})
    assert "wait-for agent needs agent: true" in desired.run("validate").ok(1).stderr
