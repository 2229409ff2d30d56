# SPDX-License-Identifier: GPL-2.0-or-later
"""
What holds for any host and any change: apply makes it so, the next plan is empty, the next apply asks for no write,
and what is stated no more goes, all of it. With random manifests: more of them with KS_SEEDS=FIRST-LAST.
"""

import os

import pytest

from lib.anyhost import LINKS, AnyHost

ALLOW = ("--allow", "restart,delete,data-loss,network")
STATE = "/var/lib/kvmstate"


def seeds():
    first, _, last = os.environ.get("KS_SEEDS", "1-6").partition("-")
    return range(int(first), int(last or first) + 1)


def has_vlan_filtering(host):
    made = host.exec("ip", "link", "add", "probe", "type", "bridge", "vlan_filtering", "1").status == 0
    host.exec("ip", "link", "del", "probe")
    return made


def left(host):
    ours = [link for link in host.links() if link.removeprefix("far-") not in LINKS]
    conn = host.conn
    return (host.guests(), ours, [p.name() for p in conn.listAllStoragePools()],
            [n.name() for n in conn.listAllNetworks()], [s.usageID() for s in conn.listAllSecrets()])


@pytest.mark.parametrize("seed", seeds())
def test_any_host(desired, host, tmp, trace, seed):
    for link in LINKS:
        host.exec("ip", "link", "add", link, "type", "veth", "peer", "name", "far-" + link).ok()
    any_host = AnyHost(seed, tmp, vlans=has_vlan_filtering(host))
    parts = None
    for _ in range(3):
        parts = any_host.edit(parts) if parts else any_host.make()
        desired.want(**parts).apply(*ALLOW)
        desired.settled(*ALLOW)
    desired.apply(*ALLOW, wrap=trace.wrap)
    assert trace.changes(allowed=[STATE]) == []
    desired.want(guests={}, bridges={}, pools={}, volumes={}, networks={}, secrets={}).apply(*ALLOW)
    assert left(host) == ([], [], [], [], [])
    assert desired.plan().is_empty
