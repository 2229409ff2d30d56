# SPDX-License-Identifier: GPL-2.0-or-later
"""Networks that forward, started for real: firewall rules, leases, and what changes while stations are on them."""

import re

import pytest

from lib.net import Station
from lib.run import wait_for

MAC = "52:54:00:00:78:01"


def network(mode, **more):
    return {"forward": mode, "bridge": "vbr-f", "addresses": ["10.78.0.1/24"],
            "dhcp": {"range": ["10.78.0.100", "10.78.0.150"], "hosts": {"st": {"mac": MAC, "ip": "10.78.0.11"}}}, **more}


@pytest.fixture
def started(desired, host):
    """started(mode): makes the network; skips where the kernel has no rules for it."""
    def start(mode, **more):
        desired.want(networks={"out": network(mode, **more)})
        done = desired.run("apply")
        if done.status and re.search(r"iptables|nft|firewall", done.stdout + done.stderr):
            pytest.skip("this kernel has no firewall rules: " + done.stdout[-300:])
        done.ok()
    return start


@pytest.fixture
def station(host):
    """A station that asks for its address, and one outside that knows no way back."""
    made = []

    def plug():
        inner, outer = Station(host, "inner"), Station(host, "outer", "192.0.2.2/24")
        made.extend([inner, outer])
        inner.exec("ip", "link", "set", "eth0", "address", MAC).ok()
        host.exec("ip", "link", "set", inner.port, "master", "vbr-f").ok()
        host.exec("ip", "address", "add", "192.0.2.1/24", "dev", outer.port).ok()
        return inner, outer

    yield plug
    for one in made:
        one.remove()


def lease(station):
    """The address that the DHCP server gives, or None; the station takes it."""
    said = station.exec("/bin/busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", "5", "-T", "2", "-s",
                        "/bin/true", timeout=60)
    found = re.search(r"lease of (\S+) obtained", said.stdout + said.stderr)
    if not found:
        return None
    address = found.group(1)
    station.exec("ip", "address", "flush", "dev", "eth0").ok()
    station.exec("ip", "address", "add", f"{address}/24", "dev", "eth0").ok()
    station.exec("ip", "route", "replace", "default", "via", "10.78.0.1").ok()
    return address


def known_leases(host):
    return [entry["ipaddr"] for entry in host.conn.networkLookupByName("out").DHCPLeases()]


def master(host, port):
    return host.exec("readlink", f"/sys/class/net/{port}/master").stdout.strip().rsplit("/", 1)[-1]


def test_nat(desired, host, started, station):
    started("nat", autostart=True)
    inner, _outer = station()
    index = host.exec("cat", "/sys/class/net/vbr-f/ifindex").ok().stdout
    wait_for("an address", lambda: lease(inner) == "10.78.0.11", timeout=60)
    # dnsmasq answers first, and has a helper write the lease down afterwards.
    wait_for("libvirt to know the lease", lambda: known_leases(host) == ["10.78.0.11"])
    assert inner.reaches("192.0.2.2"), "what is outside answers to the host's address"
    desired.settled()
    # Hosts and ranges change under it: the bridge is the same link, and the station's port is still in it.
    hosts = {"other": {"mac": "52:54:00:00:78:09", "ip": "10.78.0.12"}, "st": {"mac": MAC, "ip": "10.78.0.13"}}
    changed = network("nat", autostart=True)
    changed["dhcp"] = {"range": ["10.78.0.50", "10.78.0.60"], "hosts": hosts}
    desired.want(networks={"out": changed})
    assert desired.plan().impact("network", "out") == "live"
    desired.apply()
    assert host.exec("cat", "/sys/class/net/vbr-f/ifindex").ok().stdout == index and master(host, inner.port) == "vbr-f"
    assert inner.reaches("192.0.2.2"), "nothing was interrupted"
    wait_for("the new address", lambda: lease(inner) == "10.78.0.13", timeout=60)
    desired.settled()
    changed["dhcp"]["hosts"].pop("st")
    desired.want(networks={"out": changed}).apply()
    assert host.exec("cat", "/sys/class/net/vbr-f/ifindex").ok().stdout == index
    desired.settled()


def test_route_becomes_nat_with_leave_alone(desired, host, started, station):
    started("route")
    inner, outer = station()
    wait_for("an address", lambda: lease(inner) == "10.78.0.11", timeout=60)
    outer.exec("ip", "route", "add", "10.78.0.0/24", "via", "192.0.2.1").ok()
    assert inner.reaches("192.0.2.2")
    desired.settled()
    outer.exec("ip", "route", "del", "10.78.0.0/24").ok()
    desired.want(networks={"out": network("nat")})
    assert desired.plan().impact("network", "out") == "network"
    desired.apply(status=3)
    desired.apply("--allow", "network")
    host.exec("ip", "link", "set", inner.port, "master", "vbr-f")  # no guest of libvirt's, which are plugged in again
    assert inner.reaches("192.0.2.2"), "now it is the host that asks"
    desired.settled()
    desired.want(networks={"out": {"state": "absent"}}).apply("--allow", "delete,network")
    assert "vbr-f" not in host.links()
