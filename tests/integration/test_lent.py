# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a run owes a guest that it was killed over: a VF, taken while the number of VFs changed. There is no VF here: the
note in the ledger is made up, and what it gives back is an ordinary nic (tests/lab has the real thing).
"""

import html
import json
from pathlib import Path

import pytest

MAC = "52:54:00:aa:00:01"
NIC = f"<interface type='user'><mac address='{MAC}'/><model type='e1000e'/></interface>"
GUEST = {"state": "running", "machine": "q35", "memory": "64MiB", "vcpus": 1}
LEFT_ALONE = {"guests": {"g": {"autostart": False}}}


@pytest.fixture
def address():
    """Of a PCI device that is there."""
    found = sorted(d.name for d in Path("/sys/bus/pci/devices").glob("*"))
    if not found:
        pytest.skip("a machine without PCI")
    return found[0]


@pytest.fixture
def owe(host, desired, address):
    """A guest that runs, and the note of a run that was killed; attributes are the note's."""
    desired.want(guests={"g": GUEST}).apply()

    def note(**attributes):
        domain = host.domain("g")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        text = {"pf": "0000:ff:00.0", "boot": boot, "uuid": domain.UUIDString(), "id": max(domain.ID(), 0), **attributes}
        what = "<lent {}><device address='{}' index='1'>{}</device></lent>".format(
            " ".join(f"{k}='{v}'" for k, v in text.items()), address, html.escape(NIC))
        ledger = host.dir / "state/ledger.json"
        json_text = json.loads(ledger.read_text()) if ledger.exists() else {"format": 1, "things": {}}
        json_text["things"]["lent/0000:ff:00.0/g"] = {"what": what}
        ledger.write_text(json.dumps(json_text))

    return note


def is_owed(host):
    return "lent/" in (host.dir / "state/ledger.json").read_text()


def has_it(host):
    return MAC in host.xml("g", live=True)


def restart(host):
    """Without what was attached to it."""
    host.domain("g").destroy()
    host.domain("g").create()


def test_given_back_whatever_the_manifest_states(owe, host, desired, address):
    for guests in LEFT_ALONE["guests"], {"g": GUEST}, {"g": {"state": "unmanaged"}}, {}:
        restart(host)
        desired.want(guests=guests).apply()
        owe(giving="yes")
        fields = desired.plan().fields("guest", "g")
        assert (fields[f"lent.{address}"]["from"], fields[f"lent.{address}"]["to"]) == ("taken", "given back")
        assert "a run was cut off that had taken VFs from it" in desired.run("plan").stdout
        desired.run("apply", "--dry-run").ok()
        assert is_owed(host) and not has_it(host)
        desired.apply()
        assert has_it(host) and not is_owed(host) and MAC not in host.xml("g")
        assert desired.plan().is_empty


def test_who_was_shut_down_is_started_again(owe, host, desired):
    desired.want(**LEFT_ALONE).apply()
    run = host.domain("g").ID()
    host.domain("g").destroy()
    owe(off="yes", id=run)
    assert desired.plan().fields("guest", "g")["state"]["to"] == "running"
    desired.apply()
    assert host.is_running("g") and not is_owed(host)
    desired.settled()
    host.domain("g").destroy()  # by somebody else
    owe(id=run)
    desired.settled()
    assert not host.is_running("g") and not is_owed(host)


def test_nothing_is_owed_to_a_guest_that_was_off_since(owe, host, desired):
    desired.want(**LEFT_ALONE).apply()
    for wrong in ({"id": 4711}, {"boot": "another"}, {"uuid": "another"}):
        owe(giving="yes", **wrong)
        desired.settled()
        assert not has_it(host) and not is_owed(host)
    owe(giving="yes")
    host.domain("g").destroy()
    host.domain("g").undefine()
    desired.want(guests={}).settled()
    assert not is_owed(host)


def test_a_note_that_cannot_be_read_is_named(owe, host, desired):
    desired.want(**LEFT_ALONE).apply()
    owe(pf="&amp;", id="x")
    assert "what a run that was cut off took from it cannot be read" in desired.run("plan").ok().stderr


@pytest.mark.parametrize("off", [False, True])
def test_killed_again_while_giving_back(owe, host, desired, trace, off):
    """At each sync of the ledger: the next run finds what is left to do."""
    desired.want(**LEFT_ALONE).apply()
    for at in range(1, 20):
        restart(host)
        run = host.domain("g").ID()
        if off:
            host.domain("g").destroy()
        owe(giving="yes", id=run, **({"off": "yes"} if off else {}))
        killed = desired.run("apply", wrap=["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e",
                                            f"inject=fsync:signal=KILL:when={at}"])
        desired.apply()
        assert host.is_running("g") and not is_owed(host) and (off or has_it(host))
        assert desired.plan().is_empty
        if killed.status == 0:
            break
    assert killed.status == 0 and at > 2
