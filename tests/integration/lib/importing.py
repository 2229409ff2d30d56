# SPDX-License-Identifier: GPL-2.0-or-later
"""
What import is held to, for any number of definitions on one host: imported, valid, planned empty but for the adoption;
adopted, with the mark and nothing else; each changed in one field after the other, with that field and nothing else;
planned empty again.
"""

import copy
import random
import re

import libvirt
import yaml
from lxml import etree

from . import changes
from .desired import Desired
from .host import remove_domain
from .mending import accepted, adapted
from .xmldiff import METADATA, difference


def kind_of(text):
    return etree.fromstring(text.encode()).tag


def machines_of(conn):
    caps = etree.fromstring(conn.getCapabilities())
    return {m.text for m in caps.iter("machine")}


# ---- what there is -------------------------------------------------------------------------------------------------


class Guests:
    key, step = "guests", "guest"
    changes = staticmethod(changes.guest_changes)

    def __init__(self, conn):
        self.conn = conn

    def define(self, xml):
        return self.conn.defineXML(xml)

    @staticmethod
    def text(domain):
        return domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE)

    @staticmethod
    def remove(domain):
        remove_domain(domain)


class Networks:
    key, step = "networks", "network"
    changes = staticmethod(changes.network_changes)

    def __init__(self, conn):
        self.conn = conn

    def define(self, xml):
        return self.conn.networkDefineXML(xml)

    @staticmethod
    def text(network):
        return network.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE)

    @staticmethod
    def remove(network):
        if network.isActive():
            network.destroy()
        network.undefine()


class Pools(Networks):
    key, step = "pools", "pool"
    changes = staticmethod(changes.pool_changes)

    def define(self, xml):
        return self.conn.storagePoolDefineXML(xml)

    @staticmethod
    def text(pool):
        return pool.XMLDesc(libvirt.VIR_STORAGE_XML_INACTIVE)


KINDS = {"domain": Guests, "network": Networks, "pool": Pools}


class Refused(Exception):
    """This libvirt does not take the file: nothing is to be seen with it."""


def same(kind, thing, before, paths):
    """What differs from `before`, all of it in one of these places; the mark of adoption aside."""
    now = kind.text(thing)
    ours = difference(before, now, ignore=(METADATA,))
    others = {p: v for p, v in ours.items() if not p.startswith(tuple(paths) or ("-",))}
    assert not others, f"differs in more than {paths}: {others}"
    for place, (old, _) in difference(before, now).items():
        if place.startswith(METADATA):
            assert old is None or "kvmstate" in place, f"metadata of others: {place}"
    return ours


# ---- all at once ----------------------------------------------------------------------------------------------------


class World:
    """Things of others on one host. `failed` and `unchanged`: label -> what is wrong, or what libvirt refused of a change."""

    def __init__(self, host, folder):
        self.host, self.desired = host, Desired(host, folder)
        self.things, self.labels, self.failed, self.unchanged = {}, {}, {}, {}
        self.machines = machines_of(host.conn)
        self.manifest, self.text, self.done = {}, "", 0
        self._used, self._written, self._n = set(), None, 0
        self._make_ready()

    def _make_ready(self):
        """What changes name that the host did not have."""
        self.host.exec("ip", "link", "add", changes.NEW_BRIDGE, "type", "bridge")
        self.host.exec("qemu-img", "create", "-q", "-f", "qcow2", changes.NEW_IMAGE, "1M").ok()
        if changes.NEW_NETWORK not in self.host.conn.listDefinedNetworks():
            self.host.conn.networkDefineXML(f"<network><name>{changes.NEW_NETWORK}</name><bridge name='vir-another'/></network>")

    # -- in --

    def add(self, label, text):
        """Defines it, mended where this libvirt would not have it. Refused when that was not enough."""
        root = etree.fromstring(adapted(text, self.machines).encode())
        kind = KINDS[root.tag](self.host.conn)
        self._set_apart(root, kind)
        try:
            thing = accepted(kind.define, etree.tostring(root).decode())
            # libvirt moves some things about when it first sees its own text again.
            thing = kind.define(kind.text(thing))
        except libvirt.libvirtError as e:
            raise Refused(str(e)) from None
        self.things[kind.key, thing.name()] = kind, thing
        self.labels[kind.key, thing.name()] = label
        return thing

    def _set_apart(self, root, kind):
        """What only one on a host can have is changed where another has it: names, UUIDs, MACs, images."""
        self._n += 1
        n = self._n
        name = root.find("name")
        if name is None:
            name = etree.SubElement(root, "name")
        name.text = name.text or "nameless"
        if (kind.key, name.text) in self.things:
            name.text = f"{name.text}-{n}"
        uuid = root.find("uuid")
        if uuid is not None and (kind.key, uuid.text) in self._used:
            root.remove(uuid)
        mine = set() if uuid is None else {(kind.key, uuid.text)}
        for e in root.iter("mac"):
            if e.get("address", "").lower() in self._used:
                e.set("address", "52:54:00:%02x:%02x:%02x" % tuple(random.randbytes(3)))
            mine.add(e.get("address", "").lower())
        for e in root.iter("source"):
            for key in ("file", "dev", "name"):
                if root.tag == "domain" and e.get(key) and e.get(key) in self._used and e.getparent().tag == "disk":
                    e.set(key, f"{e.get(key)}.{n}")
                mine.add(e.get(key))
        self._used |= mine

    # -- what is held --

    def texts(self):
        return {at: kind.text(thing) for at, (kind, thing) in self.things.items()}

    def imported(self, *args):
        result = self.host.kvmstate("import", "--host", self.desired.manifest["host"], *args)
        self.text = result.stdout
        assert result.status == 0, f"import: {result.stderr}{result.stdout}"
        self.manifest = yaml.safe_load(result.stdout)
        self._written = copy.deepcopy(self.manifest)
        self.desired.text(result.stdout)
        return result.stdout

    def _fail(self, at, why):
        if at in self.things:
            entry = yaml.safe_dump(self.manifest.get(at[0], {}).get(at[1]), sort_keys=False)
            self.failed.setdefault(self.labels[at], f"{why}\n{entry}")
            kind, thing = self.things.pop(at)
            kind.remove(thing)
        self.manifest.get(at[0], {}).pop(at[1], None)

    def _at(self, step):
        return next((k.key for k in KINDS.values() if k.step == step["kind"]), None), step["name"]

    def _check_steps(self, verbs, what):
        """Nothing is left to do but this."""
        if self.manifest != self._written:
            self._write()
        result = self.desired.run("plan", "--json")
        assert result.status == 0, f"plan, {what}: {_said(result)}"
        for step in result.json["steps"]:
            if step["verb"] not in verbs:
                self._fail(self._at(step), f"{what}: {step['verb']} {step.get('detail', '')} {_fields(step)}")

    def check(self, before, places, what):
        """Each thing is as before but for the places allowed for it; what differs, by thing."""
        out = {}
        for at, (kind, thing) in list(self.things.items()):
            try:
                out[at] = same(kind, thing, before[at], places.get(at, ()))
            except AssertionError as e:
                self._fail(at, f"{what.get(at, 'adoption') if isinstance(what, dict) else what}: {e}")
        return out

    def adopt(self):
        before = self.texts()
        self.imported()
        for at in set(self.things) - {(key, name) for key in ("guests", "networks", "pools")
                                      for name in self.manifest.get(key) or {}}:
            self._fail(at, f"not in the manifest: {self.text[-3000:]}")
        result = self.desired.run("validate")
        assert result.status == 0, f"validate: {result.stderr}{result.stdout}"
        self._check_steps(("adopt",), "imported")
        self._write()
        result = self.desired.run("apply")
        assert result.status == 0, f"apply: {result.stderr}{result.stdout}"
        self.check(before, {}, "adoption")
        self._check_steps((), "adopted")

    def _write(self):
        self.desired.text(yaml.safe_dump(self.manifest, sort_keys=False))
        self._written = copy.deepcopy(self.manifest)

    def _blamed(self, line):
        """The thing that stands in this line of the manifest."""
        for top, things in yaml.compose(self.desired.file.read_text()).value:
            for name, entry in things.value if isinstance(things.value, list) else []:
                if isinstance(name, yaml.Node) and name.start_mark.line < line <= max(entry.end_mark.line, name.start_mark.line + 1):
                    return top.value, str(name.value)
        return None

    def _apply(self, previous, picks):
        """The manifest as it is now; {thing: why} of those that were not to be had, which are set back."""
        refused = {}
        for _ in range(len(self.things) + 1):
            self._write()
            result = self.desired.run("apply", "--json")
            report = result.json
            wrong = {self._blamed(f["line"]) or "?": f["message"] for f in report.get("findings", [])
                     if f["severity"] == "error"}
            steps = {s["id"]: s for s in report.get("plan", {}).get("steps", [])}
            wrong |= {self._at(steps[r["id"]]): r.get("detail", r["status"]) for r in report.get("results", [])
                      if r["status"] not in ("done", "unchanged") and r["id"] in steps}
            wrong |= {self._at(s): s.get("detail") or s.get("reason") or "blocked" for s in steps.values() if s["verb"] == "blocked"}
            for step in (report.get("after") or {}).get("steps", []) if not wrong else []:
                self._fail(self._at(step), f"{picks.get(self._at(step), '?')[0]} did not hold: {_fields(step)}")
                wrong[None] = "did not hold"
            if result.status == 0 and not wrong:
                return refused
            if None in wrong:
                continue
            wrong = {at: why for at, why in wrong.items() if at != "?" and at not in refused}
            assert wrong, f"apply: {result.status} {result.stderr}{_said(result)}{[r for r in report.get('results', []) if r['status'] != 'done']}"
            for at, why in wrong.items():
                refused[at] = why
                self.manifest[at[0]][at[1]] = previous[at[0]][at[1]]
        raise AssertionError("apply: no end of refusals")

    def change_all(self, picks):
        """One change of each thing: picks is {thing: (name, function, places)}."""
        before, flags = self.texts(), {at: t.autostart() for at, (_, t) in self.things.items()}
        previous = copy.deepcopy(self.manifest)
        for at, (_, make, _) in picks.items():
            self.manifest[at[0]][at[1]] = self.manifest[at[0]][at[1]] or {}
            make(self.manifest[at[0]][at[1]])
        refused = self._apply(previous, picks)
        for at, why in refused.items():
            self.unchanged.setdefault(self.labels.get(at), []).append((picks[at][0] if at in picks else "?", why))
        differs = self.check(before, {at: p[2] for at, p in picks.items() if at not in refused},
                             {at: p[0] for at, p in picks.items()})
        for at, (what, _, places) in picks.items():
            if at in self.things and at not in refused:
                self.done += 1
                if not differs[at] and self.things[at][1].autostart() == flags[at] and what != "protect":
                    self._fail(at, f"{what}: nothing changed")
        self._check_steps((), f"changed {sorted(p[0] for p in picks.values())}")

    def run(self, rounds=None, only=None, seed=0):
        """Adopts, then this many changes of each thing (None: all that there are), in an order that varies."""
        self.adopt()
        before = self.texts()
        plans = {}
        for i, at in enumerate(self.things):
            tries = self.things[at][0].changes(self.manifest[at[0]][at[1]] or {}, before[at])
            tries = [t for t in tries if not only or t[0].split(".")[-1] in only]
            random.Random(f"{seed} {i}").shuffle(tries)
            plans[at] = apart(tries)[:rounds]
        while any(plans.values()):
            self.change_all({at: todo.pop(0) for at, todo in plans.items() if todo and at in self.things})
            plans = {at: todo for at, todo in plans.items() if todo and at in self.things}

    def remove_all(self):
        for kind, thing in self.things.values():
            kind.remove(thing)
        self.things = {}


def apart(tries):
    """Those that do not stand in one another's way: what goes or gets another name goes last, once."""
    def weight(attempt):
        return attempt[0].endswith(".mac") or bool(re.fullmatch(r"(disks|nics)\.\w[\w-]*", attempt[0]))

    out, seen = [], set()
    for attempt in sorted(tries, key=weight):
        subject = {"max-memory": "memory", "max-vcpus": "vcpus"}.get(attempt[0], attempt[0])
        if subject not in seen and not (weight(attempt) and any(weight(o) for o in out)):
            out.append(attempt)
            seen.add(subject)
    return out


def _fields(step):
    return [(f["path"], f.get("from"), f.get("to")) for f in step.get("fields", [])]


def _said(result):
    """What kvmstate had to say; of a plan in JSON what stands in its way."""
    try:
        findings = [f for f in result.json["findings"] if f["severity"] == "error"]
    except (AssertionError, KeyError):
        return result.stderr + result.stdout
    return "\n".join(f"{f['line']}: {f['message']}" for f in findings)


def alone(host, folder, label, text, rounds=None, only=None):
    """One file on its own: World.run() of it; AssertionError with what is wrong, Refused. What libvirt refused of it is returned."""
    world = World(host, folder)
    world.add(label, text)
    try:
        world.run(rounds, only)
        assert not world.failed, world.failed[label]
    finally:
        world.remove_all()
    return world
