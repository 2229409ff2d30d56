# SPDX-License-Identifier: GPL-2.0-or-later
"""Stations on a private host's bridges: network namespaces whose only link is one end of a veth pair."""

import contextlib
import time


class Station:
    """A network namespace with a link `eth0`; its other end, in the host, is `port`."""

    def __init__(self, host, name, address=None, mtu=1500):
        self.host = host
        self.name = name
        self.port = f"p-{name}"[:15]
        host.exec("ip", "netns", "add", name).ok()
        host.exec("ip", "link", "add", self.port, "mtu", mtu, "type", "veth", "peer", "name", "eth0", "mtu", mtu,
                  "netns", name).ok()
        host.exec("ip", "link", "set", self.port, "up").ok()
        # Stable from the first packet on: no duplicate address detection.
        self.exec("sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=0")
        self.exec("ip", "link", "set", "lo", "up").ok()
        self.exec("ip", "link", "set", "eth0", "up").ok()
        if address:
            self.exec("ip", "address", "add", address, "dev", "eth0").ok()

    def exec(self, *argv, **options):
        return self.host.exec("nsenter", f"--net=/run/netns/{self.name}", *argv, **options)

    def reaches(self, address, timeout=60, size=56):
        """Whether a ping is answered before the deadline; `size` bytes must pass in one frame."""
        deadline = time.monotonic() + timeout
        while True:
            left = max(1, round(deadline - time.monotonic()))
            ping = self.exec("ping", "-q", "-c", "1", "-i", "0.2", "-w", left, "-M", "do", "-s", size, address)
            # It may give up before: without a carrier yet at once, with nobody at the address after some errors.
            if ping.status == 0 or time.monotonic() >= deadline:
                break
            time.sleep(0.1)
        if ping.status:
            print(ping, self.exec("ip", "address").stdout, self.host.exec("ip", "-d", "link").stdout, sep="\n")
        return ping.status == 0

    def remove(self):
        self.host.exec("ip", "link", "del", self.port)
        self.host.exec("ip", "netns", "del", self.name)


@contextlib.contextmanager
def stations(host, *addresses):
    """One station for each address ("10.9.0.1/24"), named st0, st1, ...; their ports are p-st0, p-st1, ..."""
    made = []
    try:
        for i, address in enumerate(addresses):
            made.append(Station(host, f"st{i}", address))
        yield made
    finally:
        for station in made:
            station.remove()


def link_local(mac):
    """The IPv6 link-local address that a guest's nic gives itself (RFC 4291, modified EUI-64)."""
    b = [int(x, 16) for x in mac.split(":")]
    b[0] ^= 2
    return f"fe80::{b[0]:02x}{b[1]:02x}:{b[2]:02x}ff:fe{b[3]:02x}:{b[4]:02x}{b[5]:02x}"
