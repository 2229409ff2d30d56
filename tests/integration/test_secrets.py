# SPDX-License-Identifier: GPL-2.0-or-later
"""libvirt's secrets: made, changed, adopted, deleted; their values in no output, log, journal or plan."""

import base64
from pathlib import Path

import libvirt
import pytest

KEY = b"\x01\x02kvmstate-test-ceph-key\xfe\xff"
WORD = "correct-horse-battery-staple"
CEPH, ISCSI, VOLUME = (libvirt.VIR_SECRET_USAGE_TYPE_CEPH, libvirt.VIR_SECRET_USAGE_TYPE_ISCSI,
                       libvirt.VIR_SECRET_USAGE_TYPE_VOLUME)


@pytest.fixture
def keys(tmp):
    (tmp / "ceph").write_bytes(base64.b64encode(KEY) + b"\n")
    (tmp / "word").write_text(WORD + "\n")
    return tmp


def value(host, kind, usage):
    return host.conn.secretLookupByUsage(kind, usage).value()


def test_created_with_values_and_settled(desired, host, keys):
    secrets = {"ceph-libvirt": {"type": "ceph", "description": "for the pool", "value": {"file": str(keys / "ceph")}},
               "iqn.test": {"type": "iscsi", "value": {"file": str(keys / "word")}},
               "disk": {"type": "volume", "usage": "/srv/disk.luks", "value": {"file": str(keys / "word")}}}
    desired.want(secrets=secrets)
    assert set(desired.plan().verbs().values()) == {"create"}
    desired.apply()
    assert value(host, CEPH, "ceph-libvirt") == KEY
    assert value(host, ISCSI, "iqn.test") == WORD.encode()
    assert value(host, VOLUME, "/srv/disk.luks") == WORD.encode()
    assert "for the pool" in host.conn.secretLookupByUsage(CEPH, "ceph-libvirt").XMLDesc()
    desired.settled()


def test_a_new_value_is_set_and_never_shown(desired, host, keys):
    desired.want(secrets={"one": {"type": "iscsi", "value": {"file": str(keys / "word")}}}).apply()
    other = "another-value-that-nobody-sees"
    (keys / "word").write_text(other)
    outputs = [desired.run("plan"), desired.run("plan", "--json"), desired.run("plan", "--out", keys / "saved"),
               desired.run("apply", "--verbose", "--debug"), desired.run("plan", "--json")]
    assert [o.status for o in outputs] == [0] * 5
    assert value(host, ISCSI, "one") == other.encode()
    assert '"value"' in outputs[1].stdout
    state = b"".join(p.read_bytes() for p in (host.dir / "state").rglob("*") if p.is_file())
    said = "".join(o.stdout + o.stderr for o in outputs).encode() + state + (keys / "saved").read_bytes()
    for secret in (WORD, other):
        for form in (secret.encode(), base64.b64encode(secret.encode()), secret.encode().hex().encode()):
            assert form not in said
    desired.settled()


def test_no_word_of_any_command_holds_a_value(desired, host, keys):
    """Everything that is printed, logged, kept or handed to a program, whether it goes well or not."""
    good = {"one": {"type": "iscsi", "value": {"file": str(keys / "word")}},
            "ceph-libvirt": {"type": "ceph", "value": {"file": str(keys / "ceph")}},
            "hidden": {"type": "iscsi", "private": True, "value": {"credential": "word"}}}
    pool = {"type": "rbd", "state": "inactive",
            "source": {"hosts": ["192.0.2.1"], "name": "p", "auth": {"user": "u", "secret": "ceph-libvirt"}}}
    env = {"CREDENTIALS_DIRECTORY": str(keys)}
    said = []

    def run(command, *args):
        said.append(desired.run(command, *args, env=env))

    desired.want(secrets=good)
    for command, *args in (["validate"], ["plan"], ["plan", "--json"], ["plan", "--verbose", "--debug"],
                           ["apply", "--dry-run", "--json"], ["plan", "--out", keys / "saved"],
                           ["apply", "--debug"], ["apply", "--json"]):
        run(command, *args)
        said[-1].ok()
    host.conn.secretLookupByUsage(ISCSI, "one").setValue(b"else")
    (keys / "other").write_text(WORD * 5000)  # libvirt refuses one so long
    bad = {"big": {"type": "iscsi", "value": {"file": str(keys / "other")}},
           "no-base64": {"type": "ceph", "value": {"file": str(keys / "word")}},
           "taken": {"type": "volume", "usage": "/a", "value": {"file": str(keys / "word")}},
           "taken-too": {"type": "volume", "usage": "/a", "value": {"file": str(keys / "word")}}}
    desired.want(secrets={**good, **bad}, pools={"p": pool})
    for command, *args in (["plan", "--debug"], ["apply", "--debug"], ["apply", "--json"]):
        run(command, *args)
    said.append(host.kvmstate("import", env=env))
    kept = [p.read_bytes() for p in (host.dir / "state").rglob("*") if p.is_file()] + [(keys / "saved").read_bytes()]
    everything = b"".join((r.stdout + r.stderr).encode() for r in said) + b"".join(kept)
    for secret in (WORD.encode(), KEY):
        for form in (secret, base64.b64encode(secret), secret.hex().encode()):
            assert form not in everything, form


def test_a_value_changed_on_the_host_comes_back(desired, host, keys):
    desired.want(secrets={"one": {"type": "iscsi", "value": {"file": str(keys / "word")}}}).apply()
    host.conn.secretLookupByUsage(ISCSI, "one").setValue(b"else")
    assert set(desired.plan().fields("secret", "one")) == {"value"}
    desired.apply()
    assert value(host, ISCSI, "one") == WORD.encode()
    desired.settled()


def test_credential(desired, host, keys):
    desired.want(secrets={"one": {"type": "iscsi", "value": {"credential": "word"}}})
    desired.apply(status=1)
    assert not host.conn.listAllSecrets(), "a secret without its value"
    desired.apply(env={"CREDENTIALS_DIRECTORY": str(keys)})
    assert value(host, ISCSI, "one") == WORD.encode()


def test_private_and_ephemeral(desired, host, keys):
    secrets = {"p": {"type": "iscsi", "private": True, "ephemeral": True, "value": {"file": str(keys / "word")}}}
    desired.want(secrets=secrets).apply()
    with pytest.raises(libvirt.libvirtError):
        value(host, ISCSI, "p")
    desired.settled()
    (keys / "word").write_text("longer than it was before")
    assert set(desired.plan().fields("secret", "p")) == {"value"}
    desired.apply()
    desired.settled()
    secrets["p"]["private"] = False
    desired.want(secrets=secrets)
    assert "private" in desired.plan().steps["secret/p"]["blocked"]


def test_adopted_described_pruned_protected(desired, host, keys):
    xml = "<secret><description>{0}</description><usage type='iscsi'><target>{0}</target></usage></secret>"
    for name in ("old", "foreign"):
        host.conn.secretDefineXML(xml.format(name)).setValue(WORD.encode())
    uuid = host.conn.secretLookupByUsage(ISCSI, "old").UUIDString()
    desired.want(secrets={"old": {"type": "iscsi", "value": {"file": str(keys / "word")}},
                          "kept": {"type": "iscsi", "protect": True}}, defaults={"prune": True})
    assert desired.plan().verbs() == {"secret/old:adopt": "adopt", "secret/kept": "create"}
    desired.apply()
    desired.settled()
    desired.want(secrets={"old": {"type": "iscsi", "description": "new"}, "kept": {"type": "iscsi"}}).apply()
    assert "new" in host.conn.secretLookupByUUIDString(uuid).XMLDesc()
    assert value(host, ISCSI, "old") == WORD.encode()
    desired.want(secrets=None)
    assert set(desired.plan().steps) == {"secret/old", "secret/kept"}
    desired.apply("--allow", "delete", status=3)
    assert sorted(s.usageID() for s in host.conn.listAllSecrets()) == ["foreign", "kept"]


@pytest.mark.parametrize("text, why", [(b"", "is empty"), (b"not base64!", "base64"), (None, "No such file")])
def test_values_that_are_none(desired, host, tmp, text, why):
    path = Path(tmp / "bad")
    if text is not None:
        path.write_bytes(text)
    desired.want(secrets={"c": {"type": "ceph", "value": {"file": str(path)}}})
    said = desired.run("apply")
    assert said.status == 1 and why in said.stdout + said.stderr
    assert b"not base64!".decode() not in said.stdout + said.stderr
    assert not host.conn.listAllSecrets()
