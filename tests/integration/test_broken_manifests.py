# SPDX-License-Identifier: GPL-2.0-or-later
"""
Manifests with something wrong: each fault is reported where it stands, all of them in one run. In the texts, the
mark ^ stands before the place that the report must name.
"""

import re

import pytest

from lib.run import kvmstate_binary, run

HEAD = "version: 1\nhost: testhost\n"
GUEST = HEAD + "guests:\n  vm:\n    memory: 1GiB\n"

# name, text, what the message (or its hint) must say
FAULTS = [
    ("not yaml", HEAD + "guests: [\n^", ""),
    ("tab as indentation", HEAD + "guests:\n^\tvm: {}\n", ""),
    ("no version", "^host: testhost\n", "version"),
    ("unknown version", "version: ^99\nhost: testhost\n", "version"),
    ("no host", "^version: 1\n", "host"),
    ("unknown top key", HEAD + "^gests: {}\n", "guests"),
    ("unknown guest key", GUEST + "    ^memry: 1GiB\n", "memory"),
    ("unknown disk key", GUEST + "    disks:\n      vda: {^fil: /a}\n", "file"),
    ("unknown nic key", GUEST + "    nics:\n      lan: {^brige: br0}\n", "bridge"),
    ("key twice", GUEST + "    vcpus: 1\n    ^vcpus: 2\n", "vcpus"),
    ("guest twice", GUEST + "  ^vm: {memory: 1GiB}\n", "vm"),
    ("size without a unit", HEAD + "guests:\n  vm: {memory: ^1024}\n", "unit|GiB|MiB"),
    ("size of an unknown unit", HEAD + "guests:\n  vm: {memory: ^1Gig}\n", "GiB"),
    ("negative size", HEAD + "guests:\n  vm: {memory: ^-1GiB}\n", "size|GiB"),
    ("size too large", HEAD + "guests:\n  vm: {memory: ^99999999999999TiB}\n", ""),
    ("memory of a few bytes", HEAD + "guests:\n  vm: {memory: ^4KiB}\n", ""),
    ("vcpus is a word", GUEST + "    vcpus: ^two\n", "number"),
    ("vcpus is zero", GUEST + "    vcpus: ^0\n", ""),
    ("vcpus is negative", GUEST + "    vcpus: ^-1\n", ""),
    ("vcpus is a list", GUEST + "    vcpus: ^[1]\n", ""),
    ("vcpus over max-vcpus", GUEST + "    max-vcpus: 2\n    vcpus: ^4\n", "max-vcpus"),
    ("memory over max-memory", HEAD + "guests:\n  vm: {max-memory: 1GiB, memory: ^2GiB}\n", "max-memory"),
    ("unknown state", GUEST + "    state: ^runing\n", "running"),
    ("state is a map", GUEST + "    state: ^{}\n", ""),
    ("bool is a word", GUEST + "    autostart: ^maybe\n", "true"),
    ("broken cpuset", GUEST + "    pinning: {emulator: ^3-1}\n", ""),
    ("cpuset of words", GUEST + "    pinning: {emulator: ^all}\n", ""),
    ("pin of a vcpu that is not there", GUEST + "    vcpus: 1\n    pinning:\n      vcpus:\n        ^7: 0\n", ""),
    ("broken mac", GUEST + "    nics:\n      lan: {bridge: br0, mac: ^52:54:00}\n", "mac|MAC"),
    ("multicast mac", GUEST + "    nics:\n      lan: {bridge: br0, mac: ^01:00:5e:00:00:01}\n", ""),
    ("vlan too large", GUEST + "    nics:\n      lan: {bridge: br0, vlan: ^4095}\n", "4094"),
    ("nic on two things", GUEST + "    nics:\n      ^lan: {bridge: br0, network: n}\n", ""),
    ("interface name too long", GUEST + "    nics:\n      lan: {bridge: ^abcdefghijklmnop}\n", "15"),
    ("disk of two sources", GUEST + "    disks:\n      ^vda: {file: /a, block: /b}\n", ""),
    ("disk target", GUEST + "    disks:\n      ^disk0: {file: /a}\n", ""),
    ("relative file", GUEST + "    disks:\n      vda: {file: ^a.img}\n", "absolute"),
    ("volume without a pool", GUEST + "    disks:\n      vda: {volume: ^a.img}\n", "pool"),
    ("unknown bus", GUEST + "    disks:\n      vda: {file: /a, bus: ^virtoi}\n", "virtio"),
    ("unknown cache", GUEST + "    disks:\n      vda: {file: /a, cache: ^nnone}\n", "none"),
    ("boot from what is not there", GUEST + "    disks: {vdb: {file: /a}}\n    boot: ^[disk:vda]\n", "vda"),
    ("boot of an unknown kind", GUEST + "    boot: [^dsk:vda]\n", "disk"),
    ("unknown profile", GUEST + "    profiles: [^linux]\n", "linux"),
    ("duration without a unit", GUEST + "    shutdown: {timeout: ^30}\n", "s"),
    ("broken xml", GUEST + "    xml: ^\"<memballoon\"\n", ""),
    ("same mac twice", HEAD + "guests:\n  a: {nics: {x: {bridge: br0, mac: 52:54:00:00:00:01}}}\n"
     "  b: {nics: {x: {bridge: br0, mac: ^52:54:00:00:00:01}}}\n", "52:54:00:00:00:01"),
    ("same file twice", HEAD + "guests:\n  a: {disks: {vda: {file: /a.img}}}\n"
     "  b: {disks: {vda: {file: ^/a.img}}}\n", "/a.img"),
    ("same uuid twice", HEAD + "guests:\n  a: {uuid: 11111111-1111-4111-8111-111111111111}\n"
     "  b: {uuid: ^11111111-1111-4111-8111-111111111111}\n", "11111111"),
    ("page size of no kind", HEAD + "hugepages:\n  ^2Mega: 4\n", ""),
    ("pool of an unknown type", HEAD + "pools:\n  p: {type: ^dirr, path: /p}\n", "dir"),
    ("pool with a relative path", HEAD + "pools:\n  p: {type: dir, path: ^p}\n", "absolute"),
    ("volume of an unknown format", HEAD + "pools:\n  p: {type: dir, path: /p}\nvolumes:\n  p:\n"
     "    v: {size: 1GiB, format: ^qcow3}\n", "qcow2"),
    ("bridge address without a prefix", HEAD + "bridges:\n  br0: {addresses: [^192.0.2.1]}\n", "prefix|/"),
    ("address of no kind", HEAD + "bridges:\n  br0: {addresses: [^192.0.2.300/24]}\n", ""),
    ("include that is not there", HEAD + "includes: [^no.yaml]\n", "no.yaml"),
    ("include that leaves", HEAD + "includes: [^../../etc/passwd]\n", ""),
    ("include of itself", HEAD + "includes: [^manifest.yaml]\n", ""),
    ("unknown alias", GUEST + "    vcpus: ^*n\n", "n"),
    ("merge of a scalar", HEAD + "guests:\n  vm:\n    <<: ^5\n", ""),
]


def place(text):
    """The text without its mark, and the line and column where it stood."""
    at = text.index("^")
    before = text[:at]
    return before + text[at + 1:], before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1


def validate(tmp, text):
    (tmp / "manifest.yaml").write_text(text)
    return run([kvmstate_binary(), "validate", "--json", "-f", tmp / "manifest.yaml"])


def errors_of(result):
    return [f for f in result.json["findings"] if f["severity"] == "error"]


@pytest.mark.parametrize("name,marked,says", FAULTS, ids=[f[0] for f in FAULTS])
def test_fault_is_reported_at_its_place(tmp, name, marked, says):
    text, line, column = place(marked)
    result = validate(tmp, text).ok(1)
    errors = errors_of(result)
    assert errors, str(result)
    found = [(e["line"], e["column"], e["message"]) for e in errors if "line" in e]
    here = [e for e in errors if (e.get("line"), e.get("column")) == (line, column)]
    assert here, f"nothing at {line}:{column}, but {found}"
    assert any(re.search(says, e["message"] + " " + e.get("hint", "")) for e in here), str(here)


def test_ten_faults_are_ten_reports(tmp):
    lines = ["    memory: 7", "    vcpus: none", "    autostart: 3", "    state: gone", "    colour: red",
             "    machine: []", "    clock: noon", "    serial: 1.5", "    on-crash: cry", "    firmware: uefi"]
    text = HEAD + "guests:\n  vm:\n" + "\n".join(lines) + "\n"
    result = validate(tmp, text).ok(1)
    assert sorted(e["line"] for e in errors_of(result)) == list(range(5, 15)), str(result)


def test_text_report_has_the_line_and_a_caret(tmp):
    (tmp / "manifest.yaml").write_text(GUEST + "    memry: 1GiB\n")
    stderr = run([kvmstate_binary(), "validate", "-f", tmp / "manifest.yaml"]).ok(1).stderr
    assert re.search(r"manifest\.yaml:6:5: error: .*memry", stderr), stderr
    lines = stderr.splitlines()
    source = next(i for i, text in enumerate(lines) if "memry: 1GiB" in text)
    assert lines[source + 1].index("^") == lines[source].index("memry"), stderr
    assert "did you mean 'memory'" in stderr


def test_good_manifest_is_good(tmp):
    validate(tmp, GUEST + "    disks:\n      vda: {file: /a.img}\n").ok()


@pytest.mark.parametrize("name,text", [
    ("aliases that double", HEAD + "a0: &a0 [x]\n" + "".join(
        f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}, *a{i - 1}]\n" for i in range(1, 30))),
    ("very deep", HEAD + "guests: " + "[" * 20000 + "]" * 20000 + "\n"),
    ("very long", HEAD + "guests:\n" + "".join(f"  g{i}: {{title: {'x' * 200}}}\n" for i in range(100000))),
], ids=lambda v: v if len(v) < 30 else "")
def test_bombs_are_refused_quickly(tmp, name, text):
    (tmp / "manifest.yaml").write_text(text)
    run([kvmstate_binary(), "validate", "-f", tmp / "manifest.yaml"], timeout=20).ok(1)
