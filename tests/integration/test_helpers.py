# SPDX-License-Identifier: GPL-2.0-or-later
"""The helpers themselves: a test is worth no more than what it is measured with."""

import os
import shutil
import subprocess
from pathlib import Path

import libvirt
import pytest

from lib import apilog, guest, net, xmldiff
from lib.host import Host
from lib.run import random_delays, run, wait_for

NIC = "<interface type='bridge'><source bridge='br0'/><mac address='{mac}'/><model type='virtio'/></interface>"
DISK = ("<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{path}'/>"
        "<target dev='{dev}' bus='virtio'/></disk>")
BARE = "<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory><os><type machine='q35'>hvm</type></os></domain>"


def test_run_says_what_happened():
    result = run(["sh", "-c", "echo '{\"a\": 1}'; echo no >&2; exit 3"])
    assert (result.status, result.json, result.stderr) == (3, {"a": 1}, "no\n")
    with pytest.raises(AssertionError, match="status 3"):
        result.ok()
    assert result.ok(0, 3) is result


def test_run_ends_at_the_deadline_with_its_children():
    with pytest.raises(AssertionError, match="no end after"):
        run(["sh", "-c", "sleep 4711 & wait"], timeout=0.3)
    assert not run(["pgrep", "-f", "^sleep 4711$"]).stdout


def test_random_delays_can_be_repeated():
    assert random_delays(5, 2.0, seed=1) == random_delays(5, 2.0, seed=1)
    assert all(0 <= d <= 2.0 for d in random_delays(100, 2.0, seed=2))


def test_host_hides_the_machines_own(host):
    assert host.links() == []
    assert host.guests() == []
    assert host.exec("hostname").stdout.strip() == "testhost"
    assert host.virsh("uri").ok().stdout.strip() == "qemu:///system"
    assert os.stat(host.dir / "run/libvirt-sock").st_ino == int(
        host.exec("stat", "-c", "%i", "/run/libvirt/libvirt-sock").stdout)


def test_host_leaves_nothing(tmp):
    made = Host(name="shortlived")
    made.exec("ip", "link", "add", "ks-left", "type", "bridge").ok()
    made.conn.defineXML(BARE.format(name="left")).create()
    qemu = made.exec("cat", "/run/libvirt/qemu/left.pid").ok().stdout
    assert qemu
    namespace = os.readlink(f"/proc/{made.pid}/ns/pid")
    inside = {(p, _started(p)) for p in os.listdir("/proc") if p.isdigit() and _namespace(p) == namespace}
    assert len(inside) >= 4  # the first process, virtlogd, libvirtd, QEMU
    made.close()
    assert not made.dir.exists()
    assert str(made.dir) not in run(["cat", "/proc/mounts"]).stdout
    assert not run(["ip", "link", "show", "ks-left"]).stdout
    assert [(p, started) for p, started in inside if _started(p) == started] == []


def test_host_ends_with_a_killed_test(tmp):
    code = (f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from lib.host import Host; h = Host('k', "
            f"daemon=False); open({str(tmp / 'host')!r}, 'w').write(f'{{h.pid}} {{h.dir}}'); input()")
    with subprocess.Popen(["/usr/bin/python3", "-c", code], stdin=subprocess.PIPE) as test:
        pid, folder = wait_for("host is up", lambda: (tmp / "host").exists() and (tmp / "host").read_text().split())
        test.kill()
    wait_for("host ended", lambda: not _runs(pid))
    shutil.rmtree(folder)


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _namespace(pid):
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return None


def _started(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except OSError:
        return None


def test_reset_empties_a_host(host, tmp):
    host.conn.defineXML(BARE.format(name="a")).create()
    host.conn.storagePoolCreateXML(f"<pool type='dir'><name>p</name><target><path>{tmp}</path></target></pool>")
    host.conn.networkCreateXML("<network><name>n</name><bridge name='vbr7'/></network>")
    host.exec("ip", "link", "add", "br7", "type", "bridge").ok()
    (host.dir / "state/ledger").write_text("x")
    host.reset()
    assert (host.guests(), host.conn.listAllStoragePools(), host.conn.listAllNetworks(), host.links()) == (
        [], [], [], [])
    assert list((host.dir / "state").iterdir()) == []


def test_api_log_tells_writes_from_reads(host):
    domain = host.conn.defineXML(BARE.format(name="a"))
    with host.api_calls() as calls:
        host.virsh("dumpxml", "a").ok()
        host.virsh("list", "--all").ok()
        host.virsh("domstats", "a").ok()
    assert "virDomainGetXMLDesc" in calls
    assert calls.writes == []
    with host.api_calls() as calls:
        domain.setAutostart(1)
        domain.setMemoryFlags(32 * 1024, libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    assert calls.writes == ["virDomainSetAutostart", "virDomainSetMemoryFlags"]


def test_trace_tells_writes_from_reads(host, tmp, trace):
    host.exec(*trace.wrap, "sh", "-c", "cat /etc/hostname; ip route show; echo 1 > /dev/null").ok()
    assert trace.changes() == []
    host.exec(*trace.wrap, "sh", "-c", f"echo 1 > {tmp}/x").ok()
    assert len(trace.changes()) == 1
    assert trace.changes(allowed=[tmp]) == []
    host.exec(*trace.wrap, "sh", "-c", f"mkdir {tmp}/d; rmdir {tmp}/d").ok()
    assert len(trace.changes()) == 2
    host.exec(*trace.wrap, "ip", "link", "add", "br9", "type", "bridge").ok()
    assert any("RTM_NEWLINK" in line for line in trace.changes())


def test_xml_difference_is_exact():
    before = "<domain><memory unit='KiB'>1024</memory><devices><disk><target dev='vda'/></disk></devices></domain>"
    after = ("<domain><memory unit='KiB'>2048</memory><devices><disk><target dev='vdb'/></disk>"
             "<disk><target dev='vda'/></disk></devices></domain>")
    assert xmldiff.difference(before, before) == {}
    assert xmldiff.difference(before, after) == {
        "domain/memory": ("1024", "2048"), "domain/devices/disk[vdb]/target/@dev": (None, "vdb")}
    assert xmldiff.difference(before, after, ignore=["domain/devices"]) == {"domain/memory": ("1024", "2048")}


def test_repo_commits(repo):
    first = repo.commit({"hosts/a.yaml": {"version": 1, "host": "a"}})
    second = repo.commit({"hosts/a.yaml": None, "hosts/b.yaml": "version: 1\n"})
    assert repo.git("rev-list", "HEAD").split() == [second, first]
    assert repo.git("show", f"{first}:hosts/a.yaml") == "version: 1\nhost: a"
    assert repo.git("ls-tree", "-r", "--name-only", "HEAD") == "hosts/b.yaml"


def test_hugepages_are_put_back(hugepages):
    before = hugepages.count()
    with_one = hugepages.set_count(before + 1)
    if with_one == before:
        pytest.skip("the kernel has no free hugepage")
    assert (with_one, hugepages.count()) == (before + 1, before + 1)


def test_stations_meet_on_a_bridge(host):
    with net.stations(host, "10.9.0.1/24", "10.9.0.2/24") as (one, two):
        assert not one.reaches("10.9.0.2", timeout=1)
        host.exec("ip", "link", "add", "br0", "type", "bridge").ok()
        host.exec("ip", "link", "set", "br0", "up").ok()
        for station in (one, two):
            host.exec("ip", "link", "set", station.port, "master", "br0").ok()
        assert one.reaches("10.9.0.2")
        assert two.reaches("10.9.0.1", size=1472)
    assert host.links() == ["br0"]


def test_guest_boots_obeys_and_takes_devices(host, boot, tmp):
    """The test guest does all that the other tests need of one."""
    host.exec("ip", "link", "add", "br0", "type", "bridge").ok()
    host.exec("ip", "link", "set", "br0", "up").ok()
    domain, console = boot("vm", vcpus=1, max_vcpus=2)
    report = console.wait()
    assert (report["cpus"], report["disks"], report["nics"]) == ("0", {}, [])

    (tmp / "d.img").write_bytes(b"\0" * 8 * 2**20)
    mac = "52:54:00:00:00:07"
    disk, nic = DISK.format(path=tmp / "d.img", dev="vdb"), NIC.format(mac=mac)
    domain.attachDevice(disk)
    domain.attachDevice(nic)
    domain.setVcpusFlags(2, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    report = console.wait("both devices and CPUs", lambda r: r["disks"] and r["nics"] and guest.sees_cpus(r, 2))
    assert (list(report["disks"].values()), report["nics"]) == ([8 * 2**20], [mac])

    with net.stations(host, None) as (station,):
        host.exec("ip", "link", "set", station.port, "master", "br0").ok()
        assert station.reaches(net.link_local(mac) + "%eth0", timeout=60)

    domain.detachDevice(disk)
    domain.detachDevice(nic)
    console.wait("both devices gone", lambda r: not r["disks"] and not r["nics"])
    wait_for("libvirt saw both go", lambda: "vdb" not in host.xml("vm", live=True) and mac not in host.xml(
        "vm", live=True))

    domain.shutdown()
    wait_for("guest is off", lambda: not domain.isActive())


def test_guest_console_by_pty(host, initrd, tmp):
    xml = guest.domain_xml("vm", initrd, "/dev/null").replace(
        "<serial type='file'><source path='/dev/null'/></serial>", "<serial type='pty'/>")
    domain = host.conn.defineXML(xml)
    domain.create()
    console = guest.PtyConsole(host.xml("vm", live=True))
    assert console.wait()["cpus"] == "0"
    domain.destroy()
    console.close()


def test_embedded_libvirt(embed, initrd, tmp):
    (tmp / "vm.xml").write_text(guest.domain_xml("vm", initrd, tmp / "vm.serial"))
    embed.virsh("define", tmp / "vm.xml").ok()
    log = tmp / "api.log"
    embed.virsh("start", "vm", env=embed.api_log(log)).ok()
    calls = apilog.Calls()
    calls.read(log.read_text().splitlines())
    assert calls.writes == ["virDomainCreate"]
    guest.file_console(tmp / "vm.serial").wait()
    assert embed.guests("--state-running") == ["vm"]
    assert "<kernel>" in embed.xml("vm")
    embed.close()
    assert embed.guests() == []
    assert subprocess.run(["pgrep", "-f", f"{embed.root}"], check=False).returncode == 1
