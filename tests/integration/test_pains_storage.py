# SPDX-License-Identifier: GPL-2.0-or-later
"""What people report of other tools about volumes, pools and networks: each a case, by what they complain about."""

import hashlib
import json
import random
import threading
import xml.etree.ElementTree as ET

import libvirt
import pytest

from lib.run import random_delays

MIB = 2**20
STOPPED = {"state": "stopped", "machine": "q35", "memory": "64MiB"}
LAN = {"bridge": "vbr-pain", "addresses": ["10.66.0.1/24"],
       "dhcp": {"range": ["10.66.0.100", "10.66.0.150"],
                "hosts": {f"h{i}": {"mac": f"52:54:00:66:00:{i:02x}", "ip": f"10.66.0.{i + 10}"} for i in range(5)}}}


@pytest.fixture
def pool(tmp):
    return {"type": "dir", "path": str(tmp / "pool")}


def names(host, pool="p"):
    made = host.conn.storagePoolLookupByName(pool)
    made.refresh()
    return sorted(made.listVolumes())


def info(host, path):
    return json.loads(host.exec("qemu-img", "info", "-U", "--output=json", path).ok().stdout)


def idle_guest(host, name, devices):
    """A guest that runs without a system: QEMU alone."""
    domain = host.conn.defineXML(f"<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory>"
                                 f"<os><type arch='x86_64' machine='q35'>hvm</type></os><devices>{devices}</devices></domain>")
    domain.create()
    return domain


# ---- volumes ----


def test_volume_cannot_be_resized_and_the_apply_fails_half_way(desired, host, pool, tmp):
    """It grows under the guest that runs with it; a shrink beside it is refused in the plan, and stops nothing else."""
    volumes = {"grows.qcow2": {"size": "8MiB", "format": "qcow2"}, "shrinks.raw": {"size": "8MiB"}}
    desired.want(pools={"p": pool}, volumes={"p": volumes}).apply()
    domain = idle_guest(host, "vm", f"""<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
      <source file='{tmp}/pool/grows.qcow2'/><target dev='vda' bus='virtio'/></disk>""")
    number, definition = domain.ID(), domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    desired.want(volumes={"p": {"grows.qcow2": {"size": "16MiB"}, "shrinks.raw": {"size": "4MiB"},
                                "new.raw": {"size": "1MiB"}}},
                 guests={"vm": {"disks": {"vda": {"volume": "p/grows.qcow2"}}}})
    plan = desired.plan()
    assert "does not shrink" in plan.steps["volume/p/shrinks.raw"]["blocked"]
    assert plan.impact("volume", "p/grows.qcow2") == "live"
    desired.apply("--allow", "data-loss,restart,delete", status=3)
    assert (tmp / "pool/shrinks.raw").stat().st_size == 8 * MIB and (tmp / "pool/new.raw").exists()
    assert domain.blockInfo("vda")[0] == 16 * MIB and domain.ID() == number
    after = ET.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    after.remove(after.find("metadata"))
    assert ET.tostring(after.find("devices")) == ET.tostring(ET.fromstring(definition).find("devices"))
    desired.want(volumes={"p": {"grows.qcow2": {"size": "16MiB"}}}).settled()


def test_inconsistent_result_after_apply_of_what_libvirt_rewrites(desired, host, pool):
    """Sizes are rounded up by formats; bridges get names, networks MACs, pools permissions: none of it is a change."""
    desired.want(pools={"p": pool}, networks={"bare": {"addresses": ["10.66.1.1/24"]}, "none": {}},
                 volumes={"p": {"odd.qcow2": {"size": "1000001B", "format": "qcow2"}, "odd.raw": {"size": "1000001B"}}})
    desired.apply()
    desired.settled()
    bigger = {"odd.qcow2": {"size": "2000001B", "format": "qcow2"}, "odd.raw": {"size": "2000001B"}}
    desired.want(volumes={"p": bigger}).apply()
    desired.settled()


def test_dry_run_creates_disk_images(desired, host, pool, tmp):
    (tmp / "base").write_bytes(b"x" * MIB)
    desired.want(pools={"p": pool}, networks={"lan": LAN}, volumes={"p": {
        "a": {"size": "1MiB"}, "b": {"source": str(tmp / "base")}, "c": {"clone": "b"}}})
    before = sorted(p for p in tmp.rglob("*"))
    with host.api_calls() as calls:
        desired.apply("--dry-run")
        desired.run("plan", "--json").ok()
    assert calls.writes == [] and sorted(p for p in tmp.rglob("*")) == before


def test_shrinking_a_disk_list_deletes_the_wrong_disks(desired, host, pool, tmp):
    def disks(*targets):
        return {t: {"volume": f"p/{t}.raw", "size": "1MiB", "format": "raw"} for t in targets}

    desired.want(pools={"p": pool}, defaults={"prune": True},
                 guests={"vm": {**STOPPED, "disks": disks("vda", "vdb", "vdc")}}).apply()
    for target in ("vda", "vdb", "vdc"):
        (tmp / f"pool/{target}.raw").write_bytes(target.encode() * (MIB // 3))
    desired.want(guests={"vm": {**STOPPED, "disks": disks("vda", "vdc")}})
    assert {s for s, step in desired.plan().steps.items() if step["verb"] == "delete"} == {"volume/p/vdb.raw"}
    desired.apply("--allow", "restart,delete", status=3)
    assert names(host) == ["vda.raw", "vdb.raw", "vdc.raw"], "data goes with leave alone"
    desired.apply("--allow", "data-loss")
    assert names(host) == ["vda.raw", "vdc.raw"]
    assert (tmp / "pool/vdc.raw").read_bytes().startswith(b"vdcvdc")


def test_pool_has_asynchronous_jobs_running(desired, host, pool, tmp):
    """Many volumes of one pool at once, while somebody else makes his own in it and looks it through."""
    (tmp / "base").write_bytes(b"x" * 8 * MIB)
    desired.want(pools={"p": pool}).apply()
    ended, others = threading.Event(), []

    def somebody():
        conn = libvirt.open(host.uri)
        mine = conn.storagePoolLookupByName("p")
        while not ended.is_set():
            try:
                mine.refresh()
                mine.createXML(f"<volume><name>other{len(others)}</name><capacity>1048576</capacity></volume>")
                others.append(1)
            except libvirt.libvirtError:
                pass  # it is his turn to be refused
        conn.close()

    thread = threading.Thread(target=somebody)
    thread.start()
    try:
        desired.want(volumes={"p": {"base.raw": {"source": str(tmp / "base")},
                                    **{f"c{i}.qcow2": {"clone": "base.raw", "format": "qcow2"} for i in range(6)},
                                    **{f"e{i}.raw": {"size": "1MiB"} for i in range(6)}}}).apply()
    finally:
        ended.set()
        thread.join()
    assert others, "somebody else was at it"
    desired.settled()


def test_volumes_that_the_tool_did_not_make_are_deleted(desired, host, pool, tmp):
    desired.want(pools={"p": pool}, volumes={"p": {"ours": {"size": "1MiB"}}}, networks={"lan": LAN},
                 defaults={"prune": True}).apply()
    (tmp / "pool/by-hand").write_bytes(b"x" * MIB)
    host.conn.storagePoolLookupByName("p").createXML("<volume><name>theirs</name><capacity>1048576</capacity></volume>")
    host.conn.networkDefineXML("<network><name>theirs</name></network>")
    desired.want(volumes=None, networks=None).apply("--allow", "delete,data-loss")
    assert names(host) == ["by-hand", "theirs"]
    assert [n.name() for n in host.conn.listAllNetworks()] == ["theirs"]


def test_orphans_after_a_failed_run(desired, host, pool, tmp):
    """What a killed run made is known to be ours: nothing is left of it when the manifest says so."""
    (tmp / "base").write_bytes(b"x" * 32 * MIB)
    volumes = {f"v{i}": {"source": str(tmp / "base")} for i in range(8)}
    for delay in random_delays(3, 1.0, seed=11):
        desired.want(pools={"p": pool}, volumes={"p": volumes}, networks={"lan": LAN}, defaults={"prune": True})
        host.kvmstate_killed("apply", "-f", desired.file, after=delay)
        desired.want(pools=None, volumes=None, networks=None)
        desired.apply("--allow", "delete,data-loss")
        assert host.conn.listAllStoragePools() == [] and host.conn.listAllNetworks() == []
        assert not (tmp / "pool").exists() or list((tmp / "pool").iterdir()) == []


def test_kill_in_the_middle_of_an_upload_leaves_half_a_volume_or_a_lock(desired, host, pool, tmp):
    content = random.Random(3).randbytes(MIB) * 48
    (tmp / "base").write_bytes(content)
    source = {"file": str(tmp / "base"), "sha256": hashlib.sha256(content).hexdigest()}
    desired.want(pools={"p": pool}, volumes={"p": {"v": {"source": source}, "copy": {"clone": "v"}}})
    for delay in random_delays(3, 0.6, seed=23):
        host.kvmstate_killed("apply", "-f", desired.file, after=delay)
    desired.apply()
    for name in ("v", "copy"):
        assert hashlib.sha256((tmp / "pool" / name).read_bytes()).hexdigest() == source["sha256"]
    desired.settled()


def test_files_that_came_and_went_behind_libvirts_back(desired, host, pool, tmp):
    """libvirt lists what it last saw; what counts is what is there."""
    desired.want(pools={"p": pool}, volumes={"p": {"v": {"size": "1MiB"}}}).apply()
    (tmp / "pool/v").unlink()
    assert desired.plan().verbs() == {"volume/p/v": "create"}
    desired.apply()
    assert (tmp / "pool/v").stat().st_size == MIB
    desired.settled()
    (tmp / "pool/w").write_bytes(b"w" * MIB)
    desired.want(volumes={"p": {"v": {"size": "1MiB"}, "w": {"size": "1MiB"}}}).apply()
    assert (tmp / "pool/w").read_bytes() == b"w" * MIB, "taken on as it is"
    (tmp / "pool/x").write_bytes(b"x" * MIB)
    desired.want(volumes={"p": {"v": {}, "w": {}, "x": {"size": "2MiB"}}})
    desired.run("apply")
    assert (tmp / "pool/x").read_bytes()[:MIB] == b"x" * MIB, "never overwritten"


def test_protection_vanishes_together_with_the_block_that_states_it(desired, host, pool, tmp):
    desired.want(pools={"p": {**pool, "protect": True}}, volumes={"p": {"v": {"size": "1MiB", "protect": True}}},
                 networks={"lan": {**LAN, "protect": True}}, defaults={"prune": True}).apply()
    desired.settled()
    desired.want(pools=None, volumes=None, networks=None)
    blocked = {s: step["blocked"] for s, step in desired.plan().steps.items()}
    assert set(blocked) == {"pool/p", "volume/p/v", "network/lan"} and "protected" in blocked["network/lan"]
    desired.apply("--allow", "delete,data-loss,network", status=3)
    assert (tmp / "pool/v").exists() and host.conn.networkLookupByName("lan").isActive()


# ---- networks ----


def test_editing_a_network_recreates_it_and_guests_lose_their_link(desired, host):
    desired.want(networks={"lan": LAN}).apply()
    net = host.conn.networkLookupByName("lan")
    domain = idle_guest(host, "vm", "<interface type='network'><source network='lan'/><model type='virtio'/></interface>")
    tap = ET.fromstring(domain.XMLDesc()).find("devices/interface/target").get("dev")
    uuid, index = net.UUIDString(), host.exec("cat", "/sys/class/net/vbr-pain/ifindex").stdout
    hosts = dict(LAN["dhcp"]["hosts"], h9={"mac": "52:54:00:66:00:99", "ip": "10.66.0.99"})
    del hosts["h0"]
    desired.want(networks={"lan": {**LAN, "dhcp": {"range": ["10.66.0.100", "10.66.0.140"], "hosts": hosts},
                                   "dns": {"hosts": {"10.66.0.5": ["ns"]}}}}).apply()
    assert host.exec("cat", "/sys/class/net/vbr-pain/ifindex").stdout == index and net.UUIDString() == uuid
    assert host.exec("readlink", f"/sys/class/net/{tap}/master").stdout.strip().endswith("/vbr-pain")
    desired.settled()
    desired.want(networks={"lan": {**LAN, "mtu": 1400}})
    assert desired.plan().impact("network", "lan") == "network"
    desired.apply(status=3)
    assert host.exec("cat", "/sys/class/net/vbr-pain/ifindex").stdout == index, "not without leave"


def test_every_run_changes_a_network_over_the_order_of_elements(desired, host):
    desired.want(networks={"lan": {**LAN, "addresses": ["10.66.0.1/24", "fd00:66::1/64", "10.66.7.1/24"]}}).apply()
    shuffled = dict(reversed(list(LAN["dhcp"]["hosts"].items())))
    desired.want(networks={"lan": {**LAN, "addresses": ["10.66.7.1/24", "10.66.0.1/24", "fd00:66::1/64"],
                                   "dhcp": {**LAN["dhcp"], "hosts": shuffled}}})
    desired.settled()


def test_network_that_cannot_start_is_left_half_made(desired, host):
    host.exec("ip", "link", "add", "vbr-pain", "type", "bridge").ok()
    desired.want(networks={"lan": LAN})
    done = desired.run("apply")
    assert done.status == 1 and "vbr-pain" in done.stdout, str(done)
    assert host.conn.listAllNetworks() == []
    host.exec("ip", "link", "del", "vbr-pain").ok()
    desired.apply()
    assert host.conn.networkLookupByName("lan").isActive()
    desired.settled()


@pytest.mark.parametrize("delay", random_delays(3, 0.3, seed=31))
def test_network_whose_making_was_killed_stays_down(desired, host, delay):
    desired.want(networks={f"n{i}": {"bridge": f"vbr-k{i}", "addresses": [f"10.67.{i}.1/24"], "autostart": True}
                           for i in range(4)})
    host.kvmstate_killed("apply", "-f", desired.file, after=delay)
    desired.apply()
    assert all(n.isActive() and n.autostart() for n in host.conn.listAllNetworks())
    desired.settled()
