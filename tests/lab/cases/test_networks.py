# SPDX-License-Identifier: GPL-2.0-or-later
"""libvirt's networks with dnsmasq, rules of the firewall and shapers that all do their work."""
import itertools
import json

import pytest

import labhost
from labhost import run

LAN = {"bridge": "vbr-lan", "forward": "nat", "addresses": ["10.77.0.1/24"],
       "dhcp": {"range": ["10.77.0.100", "10.77.0.150"], "hosts": {"web1": {"mac": "52:54:00:00:77:01",
                                                                             "ip": "10.77.0.11"}}}}
DMZ = {"bridge": "vbr-dmz", "forward": "route", "addresses": ["10.78.0.1/24"],
       "dhcp": {"range": ["10.78.0.100", "10.78.0.150"]}}
RATE = {"inbound": {"average": "1000kB/s"}, "outbound": {"average": "500kB/s"}}


def manifest(**kinds):
    return json.dumps({"version": 1, "host": "lab", **kinds})


@pytest.fixture
def client(namespace, veth):
    """`client(bridge, mac)`: a machine on that bridge, as the name of its namespace."""
    numbers = itertools.count()

    def make(bridge, mac):
        here, there = veth(f"client{next(numbers)}", f"eth{next(numbers)}")
        space = namespace()
        run("ip", "link", "set", here, "master", bridge, "up")
        run("ip", "link", "set", there, "address", mac, "netns", space, "name", "eth0", "up")
        return space

    return make


def lease(space):
    """The address that DHCP gives, asking for as long as it takes a port of a bridge to forward."""
    said = run("ip", "netns", "exec", space, "busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", 20, "-T", 2,
               "-s", "/bin/true")
    [line] = [line for line in (said.stderr + said.stdout).splitlines() if "obtained" in line]
    return line.split("lease of ")[1].split()[0]


def test_nat_and_route_give_leases(libvirt, kvmstate, client):
    kvmstate.apply_and_settle(manifest(networks={"lan": LAN, "dmz": DMZ}))
    rules = run("iptables", "-t", "nat", "-S").stdout
    assert "10.77.0.0/24" in rules and "MASQUERADE" in rules and "10.78.0.0/24" not in rules
    assert "10.78.0.0/24" in run("iptables", "-S").stdout
    assert lease(client("vbr-lan", "52:54:00:00:77:01")) == "10.77.0.11"
    assert lease(client("vbr-dmz", "52:54:00:00:78:01")).startswith("10.78.0.1")
    # dnsmasq answers first, and has a helper write the lease down afterwards.
    [leased] = labhost.wait_for(labhost.connection().networkLookupByName("lan").DHCPLeases, "the lease", 60)
    assert leased["ipaddr"] == "10.77.0.11"
    # A host that comes is served at once, by the bridge that is there.
    index = (labhost.NET / "vbr-lan" / "ifindex").read_text()
    hosts = {**LAN["dhcp"]["hosts"], "web2": {"mac": "52:54:00:00:77:02", "ip": "10.77.0.12"}}
    kvmstate.apply_and_settle(manifest(networks={"lan": {**LAN, "dhcp": {**LAN["dhcp"], "hosts": hosts}}}))
    assert lease(client("vbr-lan", "52:54:00:00:77:02")) == "10.77.0.12"
    assert (labhost.NET / "vbr-lan" / "ifindex").read_text() == index


def shaped(link):
    """The rates of what leaves by a link, as its shaper's classes have them."""
    return run("tc", "class", "show", "dev", link).stdout


def test_nics_and_networks_are_shaped(libvirt, kvmstate):
    guest = {"state": "running", "memory": "64MiB", "vcpus": 1, "machine": "q35", "memballoon": "none"}

    def wanted(rate, network):
        nic = {"network": "lan", "mac": "52:54:00:00:77:05", "bandwidth": rate}
        return manifest(networks={"lan": {**LAN, "bandwidth": network}}, guests={"g1": {**guest, "nics": {"lan": nic}}})

    kvmstate.apply_and_settle(wanted(RATE, {"inbound": {"average": "4000kB/s"}}))
    [tap] = [link.name for link in labhost.NET.iterdir() if link.name.startswith("vnet")]
    assert "rate 8Mbit" in shaped(tap) and "rate 32Mbit" in shaped("vbr-lan")
    assert "4Mbit" in run("tc", "filter", "show", "dev", tap, "ingress").stdout
    faster = {**RATE, "inbound": {"average": "2000kB/s"}}
    kvmstate.apply_and_settle(wanted(faster, {"inbound": {"average": "4000kB/s"}}))
    assert "rate 16Mbit" in shaped(tap)
    assert run("tc", "qdisc", "show", "dev", tap).stdout.count("sfq") == 1
