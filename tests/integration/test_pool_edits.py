# SPDX-License-Identifier: GPL-2.0-or-later
"""What a pool is made of, changed: edited in place where nothing of it is in use, blocked with the reason otherwise."""

import xml.etree.ElementTree as ET

import libvirt
import pytest

MIB = 2**20


def tree(host, name="p", inactive=False):
    pool = host.conn.storagePoolLookupByName(name)
    return ET.fromstring(pool.XMLDesc(libvirt.VIR_STORAGE_XML_INACTIVE if inactive else 0))


def paths(host):
    """Of what is active, and of the definition."""
    return tree(host).findtext("target/path"), tree(host, inactive=True).findtext("target/path")


@pytest.fixture
def pool(tmp):
    return {"type": "dir", "path": str(tmp / "one")}


@pytest.mark.parametrize("state", ["active", "inactive"])
def test_a_directory_becomes_another(desired, host, tmp, pool, state):
    desired.want(pools={"p": {**pool, "state": state, "autostart": True}}).apply()
    (tmp / "one").mkdir(exist_ok=True)
    (tmp / "one/theirs.raw").write_bytes(b"x")
    uuid, before = tree(host).findtext("uuid"), paths(host)
    desired.want(pools={"p": {**pool, "state": state, "path": str(tmp / "two")}})
    plan = desired.plan()
    assert {p: f["to"] for p, f in plan.fields("pool", "p").items()} == {"path": str(tmp / "two")}
    assert plan.impact("pool", "p") == {"active": "live", "inactive": "safe"}[state]
    desired.apply("--dry-run")
    assert paths(host) == before
    desired.apply()
    assert paths(host) == (str(tmp / "two"),) * 2
    seen = host.conn.storagePoolLookupByName("p")
    assert (seen.isActive(), seen.autostart(), seen.UUIDString()) == (state == "active", 1, uuid)
    assert (tmp / "one/theirs.raw").exists(), "what was there stays"
    desired.settled()


def test_what_others_wrote_into_it_stays(desired, host, tmp):
    for name in ("one", "two"):
        (tmp / name).mkdir()
    host.conn.storagePoolDefineXML(f"""<pool type='dir'><name>p</name><target><path>{tmp}/one</path>
      <permissions><mode>0750</mode><owner>0</owner><group>0</group></permissions></target></pool>""")
    desired.want(pools={"p": {"path": str(tmp / "two")}}).apply()
    assert tree(host, inactive=True).findtext("target/permissions/mode") == "0750"
    assert paths(host) == (str(tmp / "two"),) * 2
    desired.settled()


def test_volumes_would_stay_behind(desired, host, tmp, pool):
    desired.want(pools={"p": pool}, volumes={"p": {"a.raw": {"size": "1MiB"}}}).apply()
    desired.want(pools={"p": {**pool, "path": str(tmp / "two")}})
    step = desired.plan().steps["pool/p"]
    assert "a.raw" in step["blocked"] and "stay behind" in step["blocked"], step
    desired.apply(status=3)
    assert paths(host) == (pool["path"],) * 2
    desired.want(volumes={"p": {"a.raw": {"state": "absent"}}})
    desired.apply("--allow", "data-loss", status=3)
    desired.want(volumes=None).apply()
    assert paths(host) == (str(tmp / "two"),) * 2
    desired.settled()


def test_guests_on_it_stand_in_the_way(desired, host, tmp, pool):
    desired.want(pools={"p": pool}).apply()
    (tmp / "one/theirs.raw").write_bytes(bytes(MIB))
    host.conn.storagePoolLookupByName("p").refresh()
    disk = f"<disk type='file'><source file='{tmp}/one/theirs.raw'/><target dev='vda'/></disk>"
    host.conn.defineXML(f"""<domain type='qemu'><name>user</name><memory unit='MiB'>32</memory>
      <os><type arch='x86_64'>hvm</type></os><devices>{disk}</devices></domain>""").create()
    desired.want(pools={"p": {**pool, "path": str(tmp / "two")}})
    blocked = desired.plan().steps["pool/p"]["blocked"]
    assert "guest user" in blocked, blocked
    desired.apply(status=3)
    host.domain("user").destroy()
    assert "guest user" in desired.plan().steps["pool/p"]["blocked"], "its definition has the disk"
    host.domain("user").undefine()
    desired.apply()
    assert paths(host) == (str(tmp / "two"),) * 2
    desired.settled()


def test_a_guest_that_was_read_is_known_still(desired, host, tmp, pool):
    """All guests are looked at where a pool is edited, those that the manifest names for the second time."""
    guests = {"mine": {"memory": "32MiB", "state": "stopped"}}
    desired.want(pools={"p": pool}, guests=guests).apply()
    desired.want(pools={"p": {**pool, "path": str(tmp / "two")}}, guests=guests)
    assert list(desired.plan().steps) == ["pool/p"]
    desired.apply()
    assert paths(host) == (str(tmp / "two"),) * 2
    desired.settled()


def test_one_that_cannot_start_anew_is_as_it_was(desired, host, tmp, pool):
    desired.want(pools={"p": pool}).apply()
    desired.want(pools={"p": {**pool, "path": "/proc/none"}})
    done = desired.apply(status=1)
    assert "as it was" in done.stdout + done.stderr
    assert paths(host) == (pool["path"],) * 2 and host.conn.storagePoolLookupByName("p").isActive()
    desired.want(pools={"p": pool}).settled()


def test_a_definition_that_the_active_pool_has_not_got(desired, host, tmp, pool):
    """As after a run that was killed in between, or an edit by hand."""
    desired.want(pools={"p": pool}).apply()
    (tmp / "two").mkdir()
    theirs = host.conn.storagePoolLookupByName("p").XMLDesc(0).replace("/one<", "/two<")
    host.conn.storagePoolDefineXML(theirs)
    assert paths(host) == (str(tmp / "one"), str(tmp / "two"))
    assert desired.plan().impact("pool", "p") == "safe", "what is active is right"
    desired.apply()
    assert paths(host) == (str(tmp / "one"),) * 2
    desired.settled()
    host.conn.storagePoolDefineXML(theirs)
    desired.want(pools={"p": {**pool, "path": str(tmp / "two")}}).apply()
    assert paths(host) == (str(tmp / "two"),) * 2
    desired.settled()


def test_a_transient_pool_has_no_definition(desired, host, tmp, pool):
    (tmp / "one").mkdir()
    host.conn.storagePoolCreateXML(f"<pool type='dir'><name>p</name><target><path>{tmp}/one</path></target></pool>")
    desired.want(pools={"p": {**pool, "path": str(tmp / "two")}})
    assert "transient" in desired.plan().steps["pool/p"]["blocked"]


def test_its_type_stays(desired, pool):
    desired.want(pools={"p": pool}).apply()
    desired.want(pools={"p": {"type": "mpath"}})
    assert "type cannot be changed" in desired.plan().steps["pool/p"]["blocked"]


def test_another_device_and_another_format(desired, host, loop, tmp):
    one, two = loop(16 * MIB), loop(16 * MIB)

    def fs(device, form="ext4", **more):
        return {"p": {"type": "fs", "path": str(tmp / "mount"), **more,
                      "source": {"devices": [device.path], "format": form}}}

    desired.want(pools=fs(one)).apply()
    desired.want(pools=fs(two))
    assert set(desired.plan().fields("pool", "p")) == {"source.devices", "build"}
    desired.apply()
    assert (one.holds(), two.holds()) == ("ext4", "ext4")
    assert tree(host).find("source/device").get("path") == two.path
    desired.settled()
    desired.want(pools=fs(two, "ext3", state="inactive")).apply()
    desired.want(pools=fs(two, "ext3"))
    desired.want(pools=fs(two, "ext3", state="active"))
    assert desired.plan().impact("pool", "p") == "data-loss"
    desired.apply(status=3)
    assert two.holds() == "ext4"
    desired.apply("--allow", "data-loss")
    assert two.holds() == "ext3"
    desired.settled()


SOURCE = {"hosts": ["192.0.2.1:6789", "ceph2"], "name": "kvmpool", "auth": {"user": "libvirt", "secret": "ceph-libvirt"}}
EDITS = [
    ({"hosts": ["192.0.2.1:6789", "[2001:db8::1]:6790"]}, {"source.hosts"}),
    ({"name": "other"}, {"source.name"}),
    ({"auth": {"user": "admin", "secret": "ceph-libvirt"}}, {"source.auth.user"}),
    ({"auth": None}, {"source.auth"}),
]


@pytest.mark.parametrize("change, named", EDITS, ids=lambda x: str(x)[:30])
def test_every_field_of_a_source(desired, host, change, named):
    desired.want(pools={"p": {"type": "rbd", "state": "inactive", "source": SOURCE}},
                 secrets={"ceph-libvirt": {"type": "ceph"}})
    done = desired.run("apply")
    if "missing backend" in done.stdout + done.stderr:
        pytest.skip("this libvirt has no such pools")
    before = tree(host)
    desired.want(pools={"p": {"type": "rbd", "state": "inactive", "source": {**SOURCE, **change}}})
    plan = desired.plan()
    assert set(plan.fields("pool", "p")) == named and plan.impact("pool", "p") == "safe"
    desired.apply()
    desired.settled()
    after = tree(host)
    assert after.findtext("uuid") == before.findtext("uuid")
    desired.want(pools={"p": {"type": "rbd", "state": "inactive", "source": SOURCE}}).apply()
    assert ET.tostring(tree(host)) == ET.tostring(before), "there and back"
    desired.settled()
