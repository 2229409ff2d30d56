# SPDX-License-Identifier: GPL-2.0-or-later
"""
import: what is there as a manifest. The files of tests/corpus are imported as one host and changed field by field, all
guests at once; scripts/try-import takes any other directory, a file at a time (lib/importing.py).
"""

import copy
from pathlib import Path

import libvirt
import pytest
import yaml

from lib.desired import Desired
from lib.importing import KINDS, Refused, Trip, adapted, kind_of, machines_of, same

CORPUS = Path(__file__).resolve().parents[1] / "corpus"


class World:
    """All that this libvirt takes of the corpus, on one host: (map of the manifest, name) -> (kind, thing)."""

    def __init__(self, host, folder):
        self.host, self.things, self.refused = host, {}, []
        self.desired = Desired(host, folder)
        machines = machines_of(host.conn)
        for file in sorted(CORPUS.glob("*/*.xml")):
            text = adapted(file.read_text(), machines)
            kind = KINDS[kind_of(text)](host.conn)
            try:
                thing = kind.define(text)
                thing = kind.define(kind.text(thing))
                self.things[kind.key, thing.name()] = kind, thing
            except libvirt.libvirtError as e:
                self.refused.append(f"{file.name}: {e}")

    def texts(self):
        return {at: kind.text(thing) for at, (kind, thing) in self.things.items()}

    def imported(self, *args):
        result = self.host.kvmstate("import", "--host", "testhost", *args).ok()
        self.desired.text(result.stdout)
        return result.stdout

    def planned(self):
        return self.desired.plan().verbs()

    def check(self, before, allowed):
        """Each thing is as before but for the places allowed for it; what differs, by thing."""
        return {at: same(kind, thing, before[at], allowed.get(at, ())) for at, (kind, thing) in self.things.items()}


def test_the_corpus_as_one_host(host, tmp):
    world = World(host, tmp)
    assert len(world.things) > 55, world.refused
    before = world.texts()
    text = world.imported()
    manifest = yaml.safe_load(text)
    assert {(key, name) for key in ("guests", "networks", "pools") for name in manifest[key]} == set(world.things)
    world.desired.run("validate").ok()
    assert set(world.planned().values()) == {"adopt"}, world.desired.run("plan").stdout

    world.desired.apply()
    world.check(before, {})
    assert not world.planned()

    rounds = {}
    for at, (kind, _) in world.things.items():
        for n, change in enumerate(kind.changes(manifest[at[0]][at[1]] or {}, before[at])):
            rounds.setdefault(n, []).append((at, *change))
    for changes in rounds.values():
        before = world.texts()
        manifest = copy.deepcopy(manifest)
        for at, _, change, _ in changes:
            manifest[at[0]][at[1]] = manifest[at[0]][at[1]] or {}
            change(manifest[at[0]][at[1]])
        world.desired.text(yaml.safe_dump(manifest, sort_keys=False))
        world.desired.apply()
        differs = world.check(before, {at: paths for at, _, _, paths in changes})
        assert not [(at, what) for at, what, _, paths in changes if paths and not differs[at]]
        assert not world.planned()


def test_importing_again_says_the_same(host, tmp):
    world = World(host, tmp)
    first = world.imported()
    world.desired.apply()
    assert world.imported() == first


def define(host, name, body, domain="<domain type='qemu'>"):
    return host.conn.defineXML(f"{domain}<name>{name}</name><memory unit='MiB'>64</memory>{body}</domain>")


OS = "<os><type arch='x86_64' machine='pc'>hvm</type></os>"


def imported(host, name):
    return host.kvmstate("import", "--host", "testhost", "--guest", name).ok().stdout


def test_defaults_are_not_said(host):
    define(host, "plain", OS)
    guest = yaml.safe_load(imported(host, "plain"))["guests"]["plain"]
    assert set(guest) <= {"uuid", "memory", "machine", "xml"}, guest
    assert guest["memory"] == "64MiB"
    assert guest["machine"] == "pc"


def test_what_runs_and_starts_is_said(host):
    domain = define(host, "busy", OS + "<devices/>")
    domain.setAutostart(1)
    domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
    guest = yaml.safe_load(imported(host, "busy"))["guests"]["busy"]
    assert guest["autostart"] is True
    assert guest["state"] == "paused"


def test_secrets_are_not_printed(host):
    define(host, "hush", OS + "<devices><graphics type='vnc' port='-1' passwd='sword'/></devices>"
           "<commandline xmlns='http://libvirt.org/schemas/domain/qemu/1.0'><arg value='-object'/>"
           "<arg value='secret,id=s,data=sesame'/></commandline>")
    text = imported(host, "hush")
    assert "sword" not in text and "sesame" not in text
    assert "may hold a secret" in text


def test_what_libvirts_own_schema_refuses_can_be_edited(host, tmp):
    """Found in libvirt's own tests: a definition that it keeps, and would not take with validation."""
    Trip(host, tmp).run("<domain type='qemu'><name>odd</name><memory unit='KiB'>219136</memory>" + OS +
                        "<devices><interface type='user'><mac address='52:54:00:24:a5:9f'/><model type='virtio'/>"
                        "<rom file=''/></interface></devices></domain>", ["description"])


def test_a_name_that_is_nobodys(host):
    define(host, "web1", OS)
    result = host.kvmstate("import", "--guest", "web2")
    assert result.status == 1
    assert "there is no guest 'web2'; did you mean 'web1'?" in result.stderr


@pytest.mark.parametrize("file", ["hard/odd-texts.xml", "networks/dual-stack-dns.xml", "pools/rbd.xml"])
def test_one_file_alone(host, tmp, file):
    try:
        Trip(host, tmp).run(adapted((CORPUS / file).read_text(), machines_of(host.conn)))
    except Refused as e:
        pytest.skip(f"this libvirt does not take it: {e}")

