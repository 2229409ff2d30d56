# SPDX-License-Identifier: GPL-2.0-or-later
"""
A change of the network that cuts the host off is undone: by the run, by its guardian when the run is killed, by the
next run when both are. The host's uplink is `p-st0`, whose other end is the station `st0`: gateway and peer.
"""

import contextlib
import json
import os
import re
import signal
import subprocess

import pytest

from lib import net
from lib.run import kvmstate_binary, wait_for

GATEWAY, HOST, SECOND = "10.9.0.1", "10.9.0.2/24", "10.9.0.3/24"
ROUTES = [{"to": "default", "via": GATEWAY}]
# Both cut the host off although every step of them succeeds.
WRONG_GATEWAY = {"ports": ["p-st0"], "addresses": [HOST], "routes": [{"to": "default", "via": "10.9.0.99"}]}
NO_PORTS = {"ports": [], "addresses": [HOST], "routes": ROUTES}
GOOD = {"ports": ["p-st0"], "addresses": [HOST, SECOND], "routes": ROUTES}
SHORT = {"checkpoint": {"timeout": "6s"}}


class Links:
    """What `ip` tells of the host's links, without timers, ages and the states that follow from them."""

    COMMANDS = ("-d address", "-d link", "-4 -d route show table all", "-6 -d route show table all")

    def __init__(self, host):
        self.host = host

    def now(self):
        text = "\n".join(self.host.exec("ip", *c.split()).ok().stdout for c in self.COMMANDS)
        vlans = self.host.exec("bridge", "-d", "vlan", "show")  # not every kernel has them
        text += vlans.stdout if vlans.status == 0 else ""
        # A bridge that had no carrier once is UP afterwards, and UNKNOWN before.
        return re.sub(r"_timer +[\d.]+", "", text.replace("state UNKNOWN", "state UP"))

    def settled(self):
        """Once duplicate address detection is over, and bridges' ports forward."""
        def quiet():
            text = self.now()
            return text if not re.search(r"tentative|NO-CARRIER|state (listening|learning)", text) else None
        return wait_for("links are quiet", quiet)

    def become(self, text):
        try:
            wait_for("links are as before", lambda: self.now() == text)
        except AssertionError:
            assert self.now() == text
            raise


@pytest.fixture
def links(host):
    return Links(host)


@pytest.fixture
def uplink(host):
    """The host's only way out, with two addresses, IPv6, and more routes than the manifest knows of."""
    host.exec("sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.all.accept_dad=0")
    with net.stations(host, f"{GATEWAY}/24") as (station,):
        host.exec("ip", "link", "set", "p-st0", "mtu", "1480", "alias", "the uplink").ok()
        for address in (HOST, SECOND):
            host.exec("ip", "address", "add", address, "dev", "p-st0").ok()
        host.exec("ip", "-6", "address", "add", "2001:db8::2/64", "dev", "p-st0", "nodad").ok()
        host.exec("ip", "route", "add", "default", "via", GATEWAY, "proto", "static", "mtu", "1400").ok()
        host.exec("ip", "route", "add", "198.51.100.0/24", "via", GATEWAY, "metric", "7", "src", "10.9.0.3").ok()
        host.exec("ip", "route", "add", "203.0.113.0/24", "dev", "p-st0", "table", "77").ok()
        host.exec("ip", "-6", "route", "add", "2001:db8:1::/48", "via", "2001:db8::1", "metric", "5").ok()
        yield station
    host.exec("sysctl", "-qw", "net.ipv6.conf.default.accept_dad=1", "net.ipv6.conf.all.accept_dad=0")


def state(host, name):
    return host.dir / "state" / name


class Running:
    """An apply that is in the middle of a change which will not answer: `guardian` is its guardian."""

    def __init__(self, desired, changed):
        self.host = desired.on
        self.process = subprocess.Popen(
            self.host._enter([kvmstate_binary(), "apply", "-f", desired.file, "--allow", "network"]),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "NO_COLOR": "1"}, start_new_session=True)
        wait_for("the change is made", changed)
        self.run = self._pid("kvmstate apply")
        self.guardian = self._pid("kvmstate checkpoint guard")

    def _pid(self, words):
        return int(wait_for(words, lambda: self.host.exec("pgrep", "-f", words.replace("kvmstate", "^[^ ]*kvmstate"))
                            .stdout.split())[0])

    def signal(self, name, pid):
        self.host.exec("kill", f"-{name}", pid).ok()

    def end(self):
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@contextlib.contextmanager
def cut_off(desired, links):
    """A run that has cut the host off, and asks in vain whether it still answers; ten minutes for it."""
    desired.want(bridges={"br0": WRONG_GATEWAY}, defaults={"checkpoint": {"timeout": "10m"}})
    running = Running(desired, lambda: "10.9.0.99" in links.now())
    try:
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            running.process.kill()
        running.process.communicate()
        desired.on.exec("pkill", "-KILL", "-f", "kvmstate checkpoint guard")


# ---- the run itself ----


def test_addresses_move_to_the_bridge(desired, host, uplink):
    desired.want(bridges={"br0": GOOD}, defaults=SHORT)
    assert desired.plan().impact("bridge", "br0") == "network"
    desired.apply("--allow", "network")
    assert uplink.reaches("10.9.0.2") and uplink.reaches("10.9.0.3")
    assert "10.9.0." not in host.exec("ip", "address", "show", "dev", "p-st0").ok().stdout
    assert host.exec("ip", "route", "show", "default").ok().stdout.split()[:5] == ["default", "via", GATEWAY, "dev", "br0"]
    assert not state(host, "checkpoint.json").exists()
    assert host.exec("pgrep", "-f", "kvmstate checkpoint guard").status == 1
    desired.settled()


@pytest.mark.parametrize("bridge", [WRONG_GATEWAY, NO_PORTS], ids=["gateway", "ports"])
def test_a_change_that_cuts_off_is_rolled_back(desired, host, uplink, links, bridge):
    if bridge is NO_PORTS:
        desired.want(bridges={"br0": GOOD}, defaults=SHORT).apply("--allow", "network")
        host.exec("ip", "link", "set", "p-st0", "type", "bridge_slave", "cost", "77", "isolated", "on").ok()
    before = links.settled()
    desired.want(bridges={"br0": bridge}, defaults=SHORT)
    plan = desired.plan().json["steps"]
    report = desired.run("apply", "--json", "--allow", "network").ok(4).json
    result = next(r for r in report["results"] if r["id"] == "bridge/br0")
    assert result["status"] == "failed"
    assert result["detail"].startswith("rolled back: no answer any more from the default gateway of IPv4;")
    links.become(before)
    assert uplink.reaches("10.9.0.2")
    assert not state(host, "checkpoint.json").exists()
    again = desired.plan().json["steps"]
    assert [(s["id"], s["fields"]) for s in again] == [(s["id"], s["fields"]) for s in plan]


def test_a_step_that_fails_half_way_is_rolled_back(desired, uplink, links):
    before = links.settled()
    desired.want(bridges={"br0": {**GOOD, "routes": [{"to": "default", "via": "192.0.2.1"}]}}, defaults=SHORT)
    result = desired.apply("--allow", "network", status=4)
    assert "rolled back: a step failed; the links are as they were" in result.stdout
    links.become(before)


def test_targets_are_asked(desired, host, uplink, links):
    """A service that the gateway's answer says nothing about: its own address goes with the second address."""
    service = subprocess.Popen(host._enter(["nsenter", "--net=/run/netns/st0", "python3", "-c", """
import socket
s = socket.create_server(("10.9.0.1", 4433))
s.listen()
while True:
    c, peer = s.accept()
    c.close()
"""]))
    try:
        uplink.exec("ip", "address", "add", "10.8.0.1/24", "dev", "eth0").ok()
        host.exec("ip", "address", "add", "10.8.0.2/24", "dev", "p-st0").ok()
        before = links.settled()
        wait_for("the service", lambda: "4433" in uplink.exec("ss", "-ltn").stdout)
        checkpoint = {"timeout": "6s", "targets": [f"{GATEWAY}:4433"]}
        # The gateway of the default route answers, and is another station's address: the service is cut off.
        desired.want(bridges={"br0": {"ports": ["p-st0"], "addresses": ["10.8.0.2/24"],
                                      "routes": [{"to": "default", "via": "10.8.0.1"},
                                                 {"to": "10.9.0.0/24", "via": "10.8.0.77"}]}},
                     defaults={"checkpoint": checkpoint})
        result = desired.apply("--allow", "network", status=4)
        assert f"no answer any more from {GATEWAY}:4433" in result.stdout
        assert "gateway" not in result.stdout
        links.become(before)
    finally:
        service.kill()
        service.wait()


# ---- killed ----


def test_the_guardian_reverts_when_the_run_is_killed(desired, host, uplink, links):
    before = links.settled()
    with cut_off(desired, links) as running:
        assert json.loads(state(host, "checkpoint.json").read_text())["steps"] == ["bridge/br0"]
        running.signal("KILL", running.run)
        links.become(before)
        wait_for("the guardian's end", lambda: not state(host, "checkpoint.json").exists())
    assert '"event":"reverted"' in state(host, "journal.jsonl").read_text()
    desired.want(bridges={"br0": GOOD}).apply("--allow", "network")
    assert uplink.reaches("10.9.0.3")


def test_the_time_is_over_although_the_run_hangs(desired, uplink, links):
    before = links.settled()
    with cut_off(desired, links) as running:
        running.signal("STOP", running.run)
        running.signal("TERM", running.guardian)
        links.become(before)
        running.signal("CONT", running.run)
        running.process.send_signal(signal.SIGCONT)  # nsenter stops with what it runs
        status, out, _ = running.end()
        assert status == 4 and "rolled back" in out, out
    links.become(before)


def test_the_run_does_it_when_the_guardian_is_killed(desired, host, uplink, links):
    before = links.settled()
    with cut_off(desired, links) as running:
        running.signal("KILL", running.guardian)
        status, out, _ = running.end()
        assert status == 4 and "rolled back" in out, out
    links.become(before)
    assert not state(host, "checkpoint.json").exists()


def kill_both(running):
    running.signal("STOP", running.guardian)
    running.signal("KILL", running.run)
    running.signal("KILL", running.guardian)
    running.end()


def test_the_next_run_reverts_when_both_are_killed(desired, host, uplink, links):
    before = links.settled()
    with cut_off(desired, links) as running:
        kill_both(running)
    assert links.now() != before
    desired.want(bridges={"br0": {"ports": ["p-st0"]}})  # without leave, nothing of its own is done
    desired.apply("--dry-run")
    assert links.now() != before and state(host, "checkpoint.json").exists()
    result = desired.apply(status=3)
    assert "an earlier run did not come to the end of its change of the network (bridge/br0)" in result.stderr
    links.become(before)
    assert not state(host, "checkpoint.json").exists()


def test_at_boot(desired, host, uplink, links):
    before = links.settled()
    with cut_off(desired, links) as running:
        kill_both(running)
    assert host.kvmstate("checkpoint", "revert").ok().stdout.startswith("an earlier run did not come to the end")
    links.become(before)
    assert host.kvmstate("checkpoint", "revert").ok().stdout == "No change of the network was left behind.\n"


def test_after_a_power_cut(desired, host, uplink, links):
    """Another boot: the links come up without what kvmstate had made; it is put back, and nothing is taken away."""
    desired.want(bridges={"br0": GOOD}, defaults=SHORT).apply("--allow", "network")
    with cut_off(desired, links) as running:
        kill_both(running)
    record = json.loads(state(host, "checkpoint.json").read_text())
    state(host, "checkpoint.json").write_text(json.dumps({**record, "boot": "another"}))
    host.exec("ip", "link", "del", "br0").ok()
    host.exec("ip", "address", "flush", "dev", "p-st0").ok()
    host.exec("ip", "address", "add", "10.7.0.1/24", "dev", "p-st0").ok()
    host.exec("ip", "link", "set", "p-st0", "down").ok()
    host.kvmstate("checkpoint", "revert").ok()
    assert uplink.reaches("10.9.0.2") and uplink.reaches("10.9.0.3")
    assert "10.7.0.1/24" in host.exec("ip", "address", "show", "dev", "p-st0").ok().stdout
    desired.want(bridges={"br0": GOOD})
    desired.settled("--allow", "network")


def test_a_second_run_waits_for_a_guardian(desired, host, uplink, links):
    with cut_off(desired, links) as running:
        running.signal("STOP", running.guardian)
        running.signal("KILL", running.run)
        running.end()
        desired.want(bridges={"br0": GOOD})
        second = subprocess.Popen(
            host._enter([kvmstate_binary(), "apply", "-f", desired.file, "--allow", "network"]),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert "waiting for the guardian" in second.stderr.readline()
        assert state(host, "checkpoint.json").exists()
        running.signal("CONT", running.guardian)
        out, err = second.communicate(timeout=60)
        assert second.returncode == 0, out + err
    assert uplink.reaches("10.9.0.3")
    desired.settled()


# ---- nothing of it ----


def test_no_network_step_no_checkpoint(desired, host, uplink, links):
    before = links.settled()
    desired.want(bridges={"br0": GOOD}, defaults=SHORT)
    desired.apply(status=3)
    desired.apply("--dry-run", "--allow", "network")
    assert links.now() == before
    desired.want(bridges={"br1": {"addresses": ["10.6.0.1/24"]}}).apply()
    assert not list((host.dir / "state").glob("checkpoint*"))


def test_a_damaged_record_is_said(desired, host, uplink):
    state(host, "checkpoint.json").write_text('{"format": 1, "links": [{"name": "p-st0"')
    desired.want(bridges={"br1": {}})
    assert "checkpoint.json" in desired.apply(status=1).stderr
    assert host.exec("ip", "link", "show", "br1").status == 1
