# SPDX-License-Identifier: GPL-2.0-or-later
"""Bridges that carry frames, hugepages that fill, pools and volumes: made, changed, left alone, removed."""

import json

import pytest

from lib import net


def image_info(host, path):
    return json.loads(host.exec("qemu-img", "info", "-U", "--output=json", path).ok().stdout)


def link(host, name):
    return json.loads(host.exec("ip", "-j", "-d", "link", "show", name).ok().stdout)[0]


# ---- bridges ----


def test_bridge_carries_frames(desired, host):
    with net.stations(host, "10.9.0.1/24", "10.9.0.2/24") as (one, two):
        desired.want(bridges={"br0": {"ports": ["p-st0", "p-st1"], "stp": False, "forward-delay": "0s", "up": True}})
        assert desired.plan().verbs() == {"bridge/br0": "create"}
        desired.apply("--allow", "network")
        assert one.reaches("10.9.0.2")
        assert two.reaches("10.9.0.1", size=1472)
        desired.settled()


def test_ports_move_between_bridges(desired, host):
    """Whoever gives a port away does so before another takes it, in whatever order their names stand."""
    ways = [(["p-st0", "p-st1"], []), ([], ["p-st1", "p-st0"]), (["p-st1"], ["p-st0"]), (["p-st0"], ["p-st1"])]
    with net.stations(host, None, None):
        for here, there in ways:
            desired.want(bridges={"br0": {"ports": here, "up": True}, "br1": {"ports": there, "up": True}})
            desired.apply("--allow", "network")
            masters = {port: link(host, port)["master"] for port in ("p-st0", "p-st1")}
            assert masters == {**dict.fromkeys(here, "br0"), **dict.fromkeys(there, "br1")}
            desired.settled()


def test_bridge_fields(desired, host):
    bridge = {"stp": False, "mtu": 1500, "mac": "52:54:00:00:00:01", "addresses": ["192.0.2.10/24"], "up": True}
    desired.want(bridges={"br0": bridge}).apply("--allow", "network")
    desired.settled()
    seen = link(host, "br0")
    assert (seen["address"], seen["mtu"], seen["linkinfo"]["info_data"]["stp_state"]) == ("52:54:00:00:00:01", 1500, 0)

    desired.want(bridges={"br0": {**bridge, "stp": True, "addresses": ["192.0.2.11/24", "2001:db8::1/64"]}})
    fields = desired.plan().fields("bridge", "br0")
    assert set(fields) == {"stp", "addresses"}, fields
    desired.apply("--allow", "network")
    addresses = host.exec("ip", "-o", "address", "show", "dev", "br0").ok().stdout
    assert "192.0.2.11/24" in addresses and "2001:db8::1/64" in addresses and "192.0.2.10/24" not in addresses
    assert link(host, "br0")["linkinfo"]["info_data"]["stp_state"] == 1
    desired.settled()


def test_bridge_of_ours_is_pruned_and_a_foreign_one_is_not(desired, host):
    host.exec("ip", "link", "add", "foreign", "type", "bridge").ok()
    desired.want(bridges={"br0": {"up": True}}, defaults={"prune": True}).apply("--allow", "network")
    assert sorted(host.links()) == ["br0", "foreign"]
    desired.want(bridges=None)
    plan = desired.plan()
    assert plan.verbs() == {"bridge/br0": "delete"}
    desired.apply(status=3)
    assert sorted(host.links()) == ["br0", "foreign"], "deleted without leave"
    desired.apply("--allow", "delete,network")
    assert host.links() == ["foreign"]


# ---- hugepages ----


def test_hugepages_fill_and_shrink(desired, hugepages):
    before = hugepages.count()
    if hugepages.set_count(before + 8) != before + 8:
        pytest.skip("the kernel has no free hugepages")
    hugepages.set_count(before)
    desired.want(hugepages={"2MiB": {0: before + 4}})
    desired.apply()
    assert hugepages.count() == before + 4
    desired.settled()
    desired.want(hugepages={"2MiB": {0: before + 2}}).apply()
    assert hugepages.count() == before + 2
    desired.settled()


def test_guest_gets_its_hugepages(desired, host, hugepages):
    before = hugepages.count()
    if hugepages.set_count(before + 40) != before + 40:
        pytest.skip("the kernel has no free hugepages")
    hugepages.set_count(before)
    desired.want(hugepages={"2MiB": {0: before + 40}},
                 guests={"vm": {"state": "running", "machine": "q35", "memory": "64MiB", "hugepages": "2MiB"}})
    desired.apply()
    assert hugepages.count() - hugepages.free() >= 32
    desired.settled()


def test_too_few_hugepages_is_said_before_anything_changes(desired, host, hugepages):
    desired.want(hugepages={"2MiB": {0: hugepages.count()}}, guests={
        "vm": {"state": "running", "machine": "q35", "memory": f"{2 * hugepages.count() + 64}MiB",
               "hugepages": "2MiB"}})
    result = desired.apply(status=1)
    assert "vm" in result.stderr and "2MiB" in result.stderr, str(result)
    assert host.guests() == []


# ---- pools and volumes ----


def test_pool_and_volumes(desired, host, tmp):
    pool = {"type": "dir", "path": str(tmp / "pool"), "autostart": True}
    (tmp / "base.raw").write_bytes(b"base" * 2**18)
    desired.want(pools={"p": pool}, volumes={"p": {
        "base.raw": {"source": {"file": str(tmp / "base.raw")}, "format": "raw"},
        "a.qcow2": {"size": "16MiB", "format": "qcow2"},
        "b.raw": {"size": "4MiB", "format": "raw"},
        "full.qcow2": {"size": "16MiB", "format": "qcow2", "preallocation": "falloc"},
        "over.qcow2": {"size": "16MiB", "format": "qcow2", "backing": "base.raw"},
        "clone.qcow2": {"size": "16MiB", "format": "qcow2", "clone": "base.raw"},
    }})
    desired.apply()
    folder = tmp / "pool"
    assert (folder / "base.raw").read_bytes() == (tmp / "base.raw").read_bytes()
    assert image_info(host, folder / "a.qcow2")["virtual-size"] == 16 * 2**20
    assert image_info(host, folder / "b.raw")["virtual-size"] == 4 * 2**20
    assert image_info(host, folder / "full.qcow2")["actual-size"] >= 16 * 2**20
    assert image_info(host, folder / "over.qcow2")["full-backing-filename"] == str(folder / "base.raw")
    assert "backing-filename" not in image_info(host, folder / "clone.qcow2")
    host.exec("qemu-img", "compare", "-U", "-f", "raw", "-F", "qcow2", tmp / "base.raw", folder / "clone.qcow2").ok()
    assert host.conn.storagePoolLookupByName("p").autostart() == 1
    desired.settled()


def test_volume_grows_and_never_shrinks(desired, host, tmp):
    pools = {"p": {"type": "dir", "path": str(tmp / "pool")}}
    desired.want(pools=pools, volumes={"p": {"a.qcow2": {"size": "16MiB", "format": "qcow2"}}}).apply()
    desired.want(volumes={"p": {"a.qcow2": {"size": "32MiB", "format": "qcow2"}}})
    assert "size" in desired.plan().fields("volume", "p/a.qcow2")
    desired.apply()
    assert image_info(host, tmp / "pool/a.qcow2")["virtual-size"] == 32 * 2**20
    desired.settled()
    desired.want(volumes={"p": {"a.qcow2": {"size": "16MiB", "format": "qcow2"}}})
    assert desired.run("apply").status in (1, 3)
    assert image_info(host, tmp / "pool/a.qcow2")["virtual-size"] == 32 * 2**20


def test_volume_is_deleted_with_leave_alone(desired, tmp):
    pools = {"p": {"type": "dir", "path": str(tmp / "pool")}}
    volumes = {"a.qcow2": {"size": "1MiB", "format": "qcow2"}, "b.qcow2": {"size": "1MiB", "format": "qcow2"}}
    desired.want(defaults={"prune": True}, pools=pools, volumes={"p": volumes}).apply()
    (tmp / "pool/foreign.raw").write_bytes(b"x")
    desired.want(volumes={"p": {"b.qcow2": volumes["b.qcow2"]}})
    plan = desired.plan()
    assert plan.verbs() == {"volume/p/a.qcow2": "delete"}
    assert plan.impact("volume", "p/a.qcow2") == "data-loss"
    desired.apply(status=3)
    desired.apply("--allow", "delete", status=3)
    assert (tmp / "pool/a.qcow2").exists()
    desired.apply("--allow", "data-loss")
    assert sorted(p.name for p in (tmp / "pool").iterdir()) == ["b.qcow2", "foreign.raw"]
    desired.settled()


def test_missing_base_is_said_before_anything_changes(desired, host, tmp):
    desired.want(pools={"p": {"type": "dir", "path": str(tmp / "pool")}}, volumes={"p": {
        "a.qcow2": {"size": "1MiB", "format": "qcow2", "backing": "none.qcow2"}}})
    result = desired.apply(status=1)
    assert "none.qcow2" in result.stderr, str(result)
    assert not (tmp / "pool").exists()
    assert host.conn.listAllStoragePools() == []
