# SPDX-License-Identifier: GPL-2.0-or-later
"""The main job from end to end, and what it promises on the way: git, order, ownership, locks, doing nothing."""

import subprocess
import time

import pytest

from lib import apilog, guest, xmldiff
from lib.desired import Desired, Plan
from lib.run import kvmstate_binary, random_delays, wait_for

SMALL = {"state": "stopped", "machine": "q35", "memory": "64MiB"}
STATE = "/var/lib/kvmstate"


def bootable(initrd, **more):
    """A guest that boots, with its console on a pty."""
    return {"state": "running", "machine": "q35", "memory": f"{guest.MEMORY_MIB}MiB", "vcpus": 1, "max-vcpus": 2,
            "serial": True, "shutdown": {"timeout": "60s", "then": "fail"},
            "direct-kernel": {"kernel": str(guest.kernel()), "initrd": str(initrd), "cmdline": guest.CMDLINE}, **more}


def console(host, name="vm"):
    return guest.PtyConsole(host.xml(name, live=True))


# ---- git ----


def test_from_git(host, repo):
    first = repo.commit({"hosts/testhost.yaml": {"version": 1, "host": "testhost", "guests": {"a": SMALL}}})
    plan = host.kvmstate("plan", "--json", "--repo", repo.url, "--ref", "main").ok().json
    assert plan["commit"]["id"] == first
    host.kvmstate("apply", "--repo", repo.url, "--ref", "main").ok()
    assert host.guests() == ["a"]
    second = repo.commit({"hosts/testhost.yaml": {"version": 1, "host": "testhost", "guests": {"a": SMALL, "b": SMALL}}})
    plan = host.kvmstate("plan", "--json", "--repo", repo.url, "--ref", "main").ok().json
    assert (plan["commit"]["id"], [s["id"] for s in plan["steps"]]) == (second, ["guest/b"])
    at_first = host.kvmstate("plan", "--json", "--repo", repo.url, "--ref", first).ok().json
    assert at_first["steps"] == []


def test_repository_that_is_not_there(host, tmp):
    host.kvmstate("plan", "--repo", f"file://{tmp}/none", "--ref", "main").ok(6)


# ---- plans ----


def test_plan_changes_nothing(desired, host, trace):
    desired.want(guests={"a": SMALL}, bridges={"br0": {"up": True}})
    with host.api_calls() as calls:
        desired.run("plan", wrap=trace.wrap).ok()
    assert calls.writes == []
    assert trace.changes(allowed=[STATE]) == []


def test_plans_are_the_same_bytes(desired):
    desired.want(guests={name: SMALL for name in "dbca"}, bridges={"br1": {"up": True}, "br0": {"up": True}})
    texts = {desired.run("plan").ok().stdout for _ in range(3)}
    assert len(texts) == 1
    documents = {desired.run("plan", "--json").ok().stdout for _ in range(3)}
    assert len(documents) == 1


def test_plan_is_in_the_order_of_references(desired, tmp):
    desired.want(bridges={"br0": {"up": True}}, pools={"p": {"type": "dir", "path": str(tmp / "pool")}},
                 volumes={"p": {"a.qcow2": {"size": "1MiB", "format": "qcow2"}}},
                 guests={"a": {**SMALL, "disks": {"vda": {"volume": "p/a.qcow2"}}, "nics": {"lan": {"bridge": "br0"}}}})
    order = [s["id"] for s in desired.plan().json["steps"]]
    assert order.index("pool/p") < order.index("volume/p/a.qcow2") < order.index("guest/a")
    assert order.index("bridge/br0") < order.index("guest/a")


def test_all_that_is_impossible_is_said_at_once(desired, host, tmp):
    desired.want(guests={
        "a": {**SMALL, "nics": {"lan": {"bridge": "nobr"}}},
        "b": {**SMALL, "disks": {"vda": {"file": str(tmp / "none.img")}}},
        "c": {**SMALL, "disks": {"vda": {"volume": "nopool/x"}}},
        "d": {**SMALL, "pinning": {"emulator": "4000"}},
    })
    result = desired.apply(status=1)
    for word in ("nobr", "none.img", "nopool", "4000"):
        assert word in result.stderr, str(result)
    assert host.guests() == []


def test_detailed_exit_code(desired):
    desired.want(guests={"a": SMALL})
    desired.run("plan", "--detailed-exitcode").ok(2)
    desired.apply()
    desired.run("plan", "--detailed-exitcode").ok(0)


# ---- apply ----


def test_dry_run_writes_nothing(desired, host, tmp, trace):
    desired.want(guests={"a": {**SMALL, "state": "running", "nics": {"lan": {"bridge": "br0"}}}},
                 bridges={"br0": {"up": True}}, pools={"p": {"type": "dir", "path": str(tmp / "pool")}},
                 volumes={"p": {"a.qcow2": {"size": "1MiB", "format": "qcow2"}}})
    with host.api_calls() as calls:
        desired.run("apply", "--dry-run", "--allow", "network", wrap=trace.wrap).ok(0, 3)
    assert calls.writes == []
    assert trace.changes() == []
    assert (host.guests(), host.links(), (tmp / "pool").exists()) == ([], [], False)


def test_second_apply_does_nothing(desired, host, tmp, trace):
    desired.want(guests={"a": {**SMALL, "nics": {"lan": {"bridge": "br0"}},
                               "disks": {"vda": {"volume": "p/a.qcow2"}}}},
                 bridges={"br0": {"up": True, "addresses": ["192.0.2.1/24"]}},
                 pools={"p": {"type": "dir", "path": str(tmp / "pool")}},
                 volumes={"p": {"a.qcow2": {"size": "1MiB", "format": "qcow2"}}})
    desired.apply("--allow", "network")
    with host.api_calls() as calls:
        desired.apply("--allow", "network", wrap=trace.wrap)
    assert calls.writes == []
    assert trace.changes(allowed=[STATE]) == []


def test_edit_keeps_what_others_wrote(desired, host, tmp):
    (tmp / "a.img").write_bytes(b"\0" * 2**20)
    host.conn.defineXML(f"""
<domain type='{guest.domain_type()}'>
  <name>a</name><title>by hand</title><memory unit='MiB'>64</memory><vcpu>1</vcpu>
  <metadata><tool:note xmlns:tool='http://example.org/tool' level='3'>keep <b>me</b></tool:note></metadata>
  <os><type machine='q35'>hvm</type><smbios mode='sysinfo'/></os>
  <sysinfo type='smbios'><system><entry name='serial'>42</entry></system></sysinfo>
  <features><acpi/><apic/><hyperv><relaxed state='on'/></hyperv></features>
  <devices><disk type='file' device='disk'><driver name='qemu' type='raw' cache='writeback'/>
    <source file='{tmp}/a.img'/><target dev='vda' bus='virtio'/><address type='pci' slot='0x09'/></disk>
    <input type='tablet' bus='usb'/><watchdog model='i6300esb' action='reset'/></devices>
</domain>""")
    before = host.xml("a")
    disk = {"file": str(tmp / "a.img"), "cache": "none"}
    desired.want(guests={"a": {"memory": "48MiB", "disks": {"vda": disk}}})
    assert "adopt" in desired.plan().verbs().values()
    desired.apply()
    changed = xmldiff.difference(before, host.xml("a"), ignore=["domain/metadata"])
    assert changed == {"domain/currentMemory": ("65536", "49152"),
                       "domain/devices/disk[vda]/driver/@cache": ("writeback", "none")}
    assert "keep <b>me</b>" in host.xml("a")
    desired.settled()


def test_adoption_alone_adds_the_mark_alone(desired, host):
    host.conn.defineXML(f"<domain type='{guest.domain_type()}'><name>a</name><memory unit='MiB'>64</memory>"
                        "<os><type machine='q35'>hvm</type></os></domain>")
    before = host.xml("a")
    desired.want(guests={"a": {"memory": "64MiB"}}).apply()
    assert xmldiff.difference(before, host.xml("a"), ignore=["domain/metadata"]) == {}
    desired.settled()
    desired.want(guests={"a": {"state": "unmanaged"}}).apply()
    assert xmldiff.difference(before, host.xml("a")) in ({}, {"domain/metadata": (None, "")})


def test_prune_takes_only_what_is_ours(desired, host):
    host.conn.defineXML(f"<domain type='{guest.domain_type()}'><name>foreign</name><memory unit='MiB'>64</memory>"
                        "<os><type machine='q35'>hvm</type></os></domain>")
    desired.want(defaults={"prune": True}, guests={"a": SMALL, "b": SMALL, "safe": {**SMALL, "protect": True}}).apply()
    desired.want(guests={"b": SMALL})
    desired.apply(status=3)
    assert host.guests() == ["a", "b", "foreign", "safe"]
    desired.apply("--allow", "delete", status=3)
    assert host.guests() == ["b", "foreign", "safe"]


def test_absent_map_is_left_and_stated_map_is_complete(desired, host, tmp):
    (tmp / "a.img").write_bytes(b"\0" * 2**20)
    disks = {"vda": {"file": str(tmp / "a.img")}}
    desired.want(guests={"a": {**SMALL, "disks": disks}}).apply()
    desired.want(guests={"a": SMALL})
    assert desired.plan().is_empty
    desired.want(guests={"a": {**SMALL, "disks": {}}}).apply()
    assert "<disk" not in host.xml("a")
    desired.settled()


def test_null_removes(desired, host):
    desired.want(guests={"a": {**SMALL, "title": "one", "description": "two"}}).apply()
    desired.want(guests={"a": {**SMALL, "title": None}})
    assert list(desired.plan().fields("guest", "a")) == ["title"]
    desired.apply()
    assert "<title>" not in host.xml("a") and "two" in host.xml("a")
    desired.settled()


def test_one_lock_per_host(desired, host, initrd):
    desired.want(guests={"a": {**bootable(initrd), "direct-kernel": {
        "kernel": str(guest.kernel()), "initrd": str(initrd), "cmdline": guest.CMDLINE + " ks.deaf"}}})
    desired.apply()
    desired.want(guests={"a": {**bootable(initrd), "state": "stopped", "shutdown": {"timeout": "15s"}}})
    with subprocess.Popen(host._enter([kvmstate_binary(), "apply", "-f", desired.file, "--allow", "restart"]),
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        host.wait_for_steps(1)
        second = desired.run("apply")
        first.wait(90)
    assert second.status == 5, str(second)


def test_target_is_done_alone(desired, host):
    desired.want(guests={"a": SMALL, "b": SMALL})
    desired.apply("--target", "guest/b", status=0)
    assert host.guests() == ["b"]


def test_saved_plan_is_stale_when_its_guest_changed(desired, host, tmp):
    desired.want(guests={"a": SMALL}).apply()
    desired.want(guests={"a": {**SMALL, "title": "new"}})
    desired.run("plan", "--out", tmp / "plan").ok()
    host.virsh("desc", "a", "--config", "--new-desc", "meanwhile").ok()
    host.kvmstate("apply", tmp / "plan").ok(7)
    assert "<title>" not in host.xml("a")
    desired.run("plan", "--out", tmp / "plan").ok()
    host.kvmstate("apply", tmp / "plan").ok()
    assert "<title>new</title>" in host.xml("a")


def test_after_any_kill_one_more_run_converges(desired, host, tmp):
    (tmp / "a.img").write_bytes(b"\0" * 2**20)
    parts = {"pools": {"p": {"type": "dir", "path": str(tmp / "pool")}}, "bridges": {"br0": {"up": True}},
             "volumes": {"p": {f"v{i}.qcow2": {"size": "1MiB", "format": "qcow2"} for i in range(6)}},
             "guests": {f"g{i}": {**SMALL, "disks": {"vda": {"volume": f"p/v{i}.qcow2"}},
                                  "nics": {"lan": {"bridge": "br0"}}} for i in range(6)}}
    desired.want(**parts)
    started = time.monotonic()
    desired.apply("--allow", "network")
    longest = time.monotonic() - started
    hits = 0
    for delay in random_delays(6, longest, seed=7):
        host.reset()
        hits += host.kvmstate_killed("apply", "-f", desired.file, "--allow", "network", after=delay)
        desired.apply("--allow", "network")
        desired.settled()
        assert len(host.guests()) == 6
    assert hits, "no run was killed: the test tested nothing"


# ---- guests that boot ----


def test_live_changes_reach_the_guest(desired, host, initrd, tmp):
    """A booted guest: a disk and a nic come and go, vCPUs rise, memory falls, a disk grows; never restarted."""
    for name in ("a.img", "b.img"):
        (tmp / name).write_bytes(b"\0" * 4 * 2**20)
    one = bootable(initrd, disks={"vda": {"file": str(tmp / "a.img")}}, nics={"lan": {"bridge": "br0"}})
    desired.want(bridges={"br0": {"up": True}}, guests={"vm": one}).apply("--allow", "network")
    say = console(host)
    report = say.wait()
    assert (list(report["disks"].values()), len(report["nics"]), report["cpus"]) == ([4 * 2**20], 1, "0")
    desired.settled()
    first_id = host.domain("vm").ID()

    two = {**one, "vcpus": 2, "disks": {**one["disks"], "vdb": {"file": str(tmp / "b.img")}},
           "nics": {**one["nics"], "two": {"bridge": "br0"}}}
    desired.want(guests={"vm": two})
    assert desired.plan().impact("guest", "vm") == "live"
    desired.apply()
    say.wait("disk, nic and CPU came", lambda r: len(r["disks"]) == 2 and len(r["nics"]) == 2 and guest.sees_cpus(r, 2))
    desired.settled()

    desired.want(guests={"vm": {**one, "vcpus": 2}})
    desired.apply()
    say.wait("disk and nic went", lambda r: len(r["disks"]) == 1 and len(r["nics"]) == 1)
    desired.settled()

    desired.want(guests={"vm": {**one, "vcpus": 2, "memory": f"{guest.MEMORY_MIB - 24}MiB",
                                "max-memory": f"{guest.MEMORY_MIB}MiB"}})
    desired.apply()
    say.wait("memory fell", lambda r: r["memory_kib"] <= report["memory_kib"] - 20 * 1024)
    desired.settled()
    assert host.domain("vm").ID() == first_id
    say.close()


def test_guest_stops_gracefully(desired, host, initrd):
    desired.want(guests={"vm": bootable(initrd)}).apply()
    console(host).wait()
    desired.want(guests={"vm": {**bootable(initrd), "state": "stopped"}})
    desired.apply(status=3)
    assert host.is_running("vm"), "stopped without leave"
    with host.api_calls() as calls:
        desired.apply("--allow", "restart")
    assert not host.is_running("vm")
    assert "virDomainDestroy" not in calls and "virDomainDestroyFlags" not in calls
    desired.settled()


@pytest.mark.parametrize("then,status,running", [("destroy", 0, False), ("fail", 1, True)])
def test_guest_that_does_not_listen(desired, host, initrd, then, status, running):
    deaf = bootable(initrd, shutdown={"timeout": "4s", "then": then})
    deaf["direct-kernel"]["cmdline"] += " ks.deaf"
    desired.want(guests={"vm": deaf}).apply()
    console(host).wait()
    desired.want(guests={"vm": {**deaf, "state": "stopped"}})
    desired.apply("--allow", "restart", status=status)
    assert host.is_running("vm") == running


def test_restart_is_pending_until_it_happens(desired, host, initrd):
    desired.want(guests={"vm": bootable(initrd)}).apply()
    say = console(host)
    say.wait()
    desired.want(guests={"vm": bootable(initrd, **{"max-vcpus": 4})})
    desired.apply(status=3)
    assert desired.plan().impact("guest", "vm") == "restart"
    assert "restart" in desired.run("plan").ok().stdout
    # Whoever stops and starts it: the change takes effect.
    domain = host.domain("vm")
    domain.shutdown()
    wait_for("guest is off", lambda: not domain.isActive(), timeout=60)
    domain.create()
    desired.settled()


def test_running_guest_is_adopted_untouched(desired, host, boot):
    domain, _ = boot("vm", vcpus=1, max_vcpus=2)
    before, live = host.xml("vm"), host.xml("vm", live=True)
    first_id = domain.ID()
    desired.want(guests={"vm": {"state": "running", "memory": f"{guest.MEMORY_MIB}MiB", "vcpus": 1}}).apply()
    assert domain.ID() == first_id
    assert xmldiff.difference(before, host.xml("vm"), ignore=["domain/metadata"]) == {}
    assert xmldiff.difference(live, host.xml("vm", live=True), ignore=["domain/metadata"]) == {}
    desired.settled()


# ---- embedded libvirt ----


def test_embedded(embed, initrd, tmp):
    """The same without a daemon: guests keep running between the runs."""
    desired = Desired(embed, tmp)
    desired.want(defaults={"prune": True}, guests={"vm": bootable(initrd)}).apply()
    say = guest.PtyConsole(embed.xml("vm", live=True))
    say.wait()
    log = tmp / "api.log"
    assert Plan(desired.run("plan", "--json", env=embed.api_log(log)).ok().json).is_empty
    desired.apply(env=embed.api_log(log))
    calls = apilog.Calls()
    calls.read(log.read_text().splitlines())
    assert calls and calls.writes == []
    (tmp / "b.img").write_bytes(b"\0" * 2**20)
    desired.want(guests={"vm": bootable(initrd, disks={"vdb": {"file": str(tmp / "b.img")}})}).apply()
    say.wait("disk came", lambda r: list(r["disks"].values()) == [2**20])
    desired.want(guests={}).apply("--allow", "delete")
    assert embed.guests() == []
    say.close()
