# SPDX-License-Identifier: GPL-2.0-or-later
"""
A manifest for a private host, and what kvmstate makes of it. `want()` writes it, `plan()` and `apply()` run
kvmstate on it, `settled()` says that there is nothing left to do and that doing nothing writes nothing.
"""

import copy
from pathlib import Path

import yaml


class Plan:
    """The JSON of a plan, looked up by step and field."""

    def __init__(self, json):
        self.json = json
        self.steps = {step["id"]: step for step in json["steps"]}

    def fields(self, kind, name):
        """Path -> field, of all steps that change this thing; a pending restart repeats fields, and comes last."""
        return {f["path"]: f for s in self.json["steps"] if (s["kind"], s["name"]) == (kind, name)
                for f in s["fields"]}

    def impact(self, kind, name):
        """The gravest impact that any field or step of this thing has."""
        order = ["safe", "live", "network", "restart", "delete", "data-loss"]
        found = [x["impact"] for s in self.json["steps"] if (s["kind"], s["name"]) == (kind, name)
                 for x in [s, *s["fields"]]]
        return max(found, key=order.index) if found else None

    def verbs(self):
        return {step["id"]: step["verb"] for step in self.json["steps"]}

    @property
    def is_empty(self):
        return not self.json["steps"] and not self.json["unknown"]


class Desired:
    """`on` is what runs kvmstate: a Host or an Embedded."""

    def __init__(self, on, folder, host_name="testhost"):
        self.on = on
        self.file = Path(folder) / "manifest.yaml"
        self.manifest = {"version": 1, "host": host_name}

    def want(self, **parts):
        """Replaces these top-level parts of the manifest (None removes one) and writes it."""
        for key, value in parts.items():
            if value is None:
                self.manifest.pop(key, None)
            else:
                self.manifest[key] = copy.deepcopy(value)
        self.file.write_text(yaml.safe_dump(self.manifest, sort_keys=False))
        return self

    def text(self, text):
        self.file.write_text(text)
        return self

    def run(self, command, *args, **options):
        return self.on.kvmstate(command, "-f", self.file, *args, **options)

    def plan(self, *args, status=0):
        return Plan(self.run("plan", "--json", *args).ok(status).json)

    def apply(self, *args, status=0, **options):
        return self.run("apply", *args, **options).ok(status)

    def settled(self, *args, status=0):
        """The next plan is empty, and the next apply asks libvirt for no write."""
        text = self.run("plan", *args).ok().stdout
        assert self.plan(*args).is_empty, text
        with self.on.api_calls() as calls:
            self.apply(*args, status=status)
        assert calls.writes == []


def merged(base, change):
    """`base` with `change` laid over it, map by map; a value DROP takes the key away."""
    out = copy.deepcopy(base)
    for key, value in change.items():
        if value is DROP:
            out.pop(key, None)
        elif isinstance(value, dict) and isinstance(out.get(key), dict):
            out[key] = merged(out[key], value)
        else:
            out[key] = copy.deepcopy(value)
    return out


DROP = object()
