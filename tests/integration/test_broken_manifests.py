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
    # ---- more of guests ----
    ("title of two lines", GUEST + "    title: ^\"a\\nb\"\n", "one line"),
    ("allow of an unknown impact", GUEST + "    allow: [^reboot]\n", "restart"),
    ("allow is a word", GUEST + "    allow: ^restart\n", "sequence"),
    ("broken uuid", GUEST + "    uuid: ^123\n", "UUID|uuid"),
    ("name of a guest with a slash", HEAD + "guests:\n  ^a/b: {memory: 1GiB}\n", "/"),
    ("guests is a list", HEAD + "guests: ^[a]\n", "map"),
    ("guest is a word", HEAD + "guests:\n  vm: ^running\n", "map"),
    ("topology that does not multiply", GUEST + "    vcpus: 4\n    cpu:\n      topology: ^{sockets: 1, cores: 3, threads: 1}\n",
     "3"),
    ("cpu of an unknown mode", GUEST + "    cpu: {mode: ^host-passthru}\n", "host-passthrough"),
    ("cpu feature of an unknown policy", GUEST + "    cpu: {features: {vmx: ^enable}}\n", "require"),
    ("cpu model beside host-passthrough", GUEST + "    cpu: {mode: host-passthrough, model: ^EPYC}\n", "model|mode"),
    ("numa of an unknown mode", GUEST + "    numa: {mode: ^stricter}\n", "strict"),
    ("numa cell that is no number", GUEST + "    numa: {cells: {^a: {memory: 1GiB}}}\n", "number"),
    ("cells that do not add up", GUEST + "    vcpus: 1\n    numa: ^{cells: {0: {cpus: 0, memory: 512MiB}}}\n", "512MiB"),
    ("vcpu in two cells", HEAD + "guests:\n  vm:\n    memory: 2GiB\n    vcpus: 2\n    numa:\n      cells:\n"
     "        0: {cpus: 0-1, memory: 1GiB}\n        1: {cpus: ^1, memory: 1GiB}\n", "vCPU 1"),
    ("hugepages of a cell that is not there", GUEST + "    vcpus: 1\n    hugepages: {^2MiB: 3}\n"
     "    numa: {cells: {0: {cpus: 0, memory: 1GiB}}}\n", "cell 3"),
    ("hugepages of no size", GUEST + "    hugepages: ^big\n", "size|2MiB"),
    ("pin of an iothread without any", GUEST + "    iothreads: 0\n    pinning: {iothreads: {^1: 0}}\n", "iothread"),
    ("cpu number beyond all", GUEST + "    pinning: {emulator: ^99999}\n", ""),
    ("secure boot with bios", GUEST + "    firmware: bios\n    secure-boot: ^true\n", "efi"),
    ("unknown tpm", GUEST + "    tpm: ^\"3.0\"\n", "2.0"),
    ("unknown watchdog action", GUEST + "    watchdog: {model: i6300esb, action: ^explode}\n", "reset"),
    ("unknown video", GUEST + "    video: ^vesa\n", "vga"),
    ("hotplug ports of i440fx", GUEST + "    machine: pc\n    hotplug-ports: ^4\n", "q35"),
    ("machine of a strange name", GUEST + "    machine: ^\"a/b\"\n", ""),
    ("shutdown then what", GUEST + "    shutdown: {timeout: 30s, then: ^kill}\n", "destroy"),
    ("wait for what", GUEST + "    wait-for: ^ssh\n", "agent"),
    ("xml of two roots with a text", GUEST + "    xml: ^\"<a/> words <b/>\"\n", ""),
    ("direct kernel with a relative path", GUEST + "    direct-kernel: {kernel: ^vmlinuz}\n", "absolute"),
    ("was itself a guest", HEAD + "guests:\n  a: {memory: 1GiB}\n  b: {was: ^a}\n", "a"),
    ("two guests were one", HEAD + "guests:\n  a: {was: old}\n  b: {was: ^old}\n", "old"),
    # ---- disks ----
    ("size of a disk without a volume", GUEST + "    disks:\n      vda: {file: /a, size: ^1GiB}\n", "volume"),
    ("queue count of zero", GUEST + "    disks: {vda: {file: /a, queues: ^0}}\n", ""),
    ("unknown disk device", GUEST + "    disks: {sda: {file: /a, device: ^cd}}\n", "cdrom"),
    ("negative iops", GUEST + "    disks: {vda: {file: /a, iotune: {total-iops: ^-1}}}\n", ""),
    ("rbd without a pool", GUEST + "    disks: {vda: {rbd: ^image, hosts: [c]}}\n", "pool"),
    ("two sizes of one volume", HEAD + "pools: {p: {type: dir, path: /p}}\nvolumes: {p: {v: {size: 1GiB}}}\n"
     "guests: {vm: {disks: {vda: {volume: ^p/v, size: 2GiB}}}}\n", "two sizes"),
    ("disk of an absent volume", HEAD + "pools: {p: {type: dir, path: /p}}\nvolumes: {p: {v: {state: absent}}}\n"
     "guests: {vm: {disks: {vda: {volume: ^p/v}}}}\n", "absent"),
    ("disk in an absent pool", HEAD + "pools: {p: {type: dir, path: /p, state: absent}}\n"
     "guests: {vm: {disks: {vda: {volume: ^p/v}}}}\n", "absent"),
    ("disk that writes to what backs another", HEAD + "pools: {p: {type: dir, path: /p}}\n"
     "volumes: {p: {b: {size: 1GiB}, v: {size: 1GiB, backing: b}}}\n"
     "guests: {vm: {disks: {vda: {volume: ^p/b}}}}\n", "backs"),
    ("volume from itself", HEAD + "pools: {p: {type: dir, path: /p}}\nvolumes: {p: {v: {backing: ^v}}}\n", "itself"),
    ("volume with backing and clone", HEAD + "pools: {p: {type: dir, path: /p}}\n"
     "volumes:\n  p:\n    ^v: {size: 1GiB, backing: a, clone: b}\n", "backing|clone"),
    ("sha256 too short", HEAD + "pools: {p: {type: dir, path: /p}}\n"
     "volumes: {p: {v: {source: {file: /b, sha256: ^abc}}}}\n", "64"),
    ("source that is relative", HEAD + "pools: {p: {type: dir, path: /p}}\n"
     "volumes: {p: {v: {source: {file: ^b.img}}}}\n", "absolute"),
    ("volume of no size", HEAD + "pools: {p: {type: dir, path: /p}}\nvolumes: {p: {v: {size: ^20}}}\n", "unit|GiB"),
    # ---- pools and secrets ----
    ("unknown pool key", HEAD + "pools: {p: {type: dir, ^pth: /p}}\n", "path"),
    ("unknown pool state", HEAD + "pools: {p: {type: dir, path: /p, state: ^on}}\n", "active"),
    ("secret of an unknown type", HEAD + "secrets: {s: {type: ^cephx, value: {file: /s}}}\n", "ceph"),
    ("secret from two places", HEAD + "secrets:\n  s:\n    type: ceph\n    value: {file: /s, credential: ^c}\n", "exclude"),
    ("secret from nowhere", HEAD + "secrets:\n  s:\n    type: ceph\n    value: ^{}\n", "one of|file"),
    ("secret in a relative file", HEAD + "secrets: {s: {type: ceph, value: {file: ^s}}}\n", "absolute"),
    # ---- networks and bridges ----
    ("unknown forward", HEAD + "networks: {n: {forward: ^natt}}\n", "nat"),
    ("network address of no kind", HEAD + "networks: {n: {forward: nat, addresses: [^10.0.0.1/33]}}\n", ""),
    ("dhcp range of one", HEAD + "networks:\n  n: {forward: nat, addresses: [10.0.0.1/24], dhcp: {range: ^[10.0.0.2]}}\n",
     "two|first"),
    ("dhcp range backwards", HEAD + "networks:\n  n: {forward: nat, addresses: [10.0.0.1/24], "
     "dhcp: {range: ^[10.0.0.9, 10.0.0.2]}}\n", ""),
    ("dhcp range outside", HEAD + "networks:\n  n: {forward: nat, addresses: [10.0.0.1/24], "
     "dhcp: {range: ^[10.1.0.2, 10.1.0.9]}}\n", "10.0.0"),
    ("dhcp host outside", HEAD + "networks: {n: {forward: nat, addresses: [10.0.0.1/24], "
     "dhcp: {hosts: {h: {ip: ^10.0.1.5}}}}}\n", "10.0.0.1/24"),
    ("dhcp host with a broken ip", HEAD + "networks: {n: {forward: nat, addresses: [10.0.0.1/24], "
     "dhcp: {hosts: {h: {ip: ^10.0.0}}}}}\n", ""),
    ("network with a pf that does not forward to it", HEAD + "networks: {n: {forward: nat, pf: ^ens1}}\n", "hostdev"),
    ("nic on an absent network", HEAD + "networks: {n: {state: absent}}\n"
     "guests: {vm: {nics: {x: {network: ^n}}}}\n", "absent"),
    ("nic on an absent bridge", HEAD + "bridges: {b: {state: absent}}\nguests: {vm: {nics: {x: {bridge: ^b}}}}\n",
     "absent"),
    ("bridge with a long name", HEAD + "bridges:\n  ^abcdefghijklmnopq: {}\n", "15"),
    ("bridge is its own port", HEAD + "bridges: {br0: {ports: ^[br0]}}\n", "own port"),
    ("port of two bridges", HEAD + "bridges:\n  a: {ports: [e1]}\n  b: {ports: ^[e1]}\n", "e1"),
    ("mtu too small", HEAD + "bridges: {br0: {mtu: ^10}}\n", ""),
    ("mtu too large", HEAD + "bridges: {br0: {mtu: ^70000}}\n", ""),
    ("forward delay without a unit", HEAD + "bridges: {br0: {forward-delay: ^4}}\n", "s"),
    ("route to nowhere", HEAD + "bridges:\n  br0: {routes: [{to: ^there, via: 192.0.2.1}]}\n", "default"),
    ("route by a broken gateway", HEAD + "bridges:\n  br0: {routes: [{to: default, via: ^192.0.2}]}\n", ""),
    ("route without a target", HEAD + "bridges:\n  br0: {routes: [^{via: 192.0.2.1}]}\n", "to"),
    ("same address of two bridges", HEAD + "bridges:\n  a: {addresses: [192.0.2.1/24]}\n"
     "  b: {addresses: ^[192.0.2.1/24]}\n", "192.0.2.1"),
    ("bandwidth without a unit", GUEST + "    nics: {x: {bridge: b, bandwidth: {inbound: {average: ^100}}}}\n", "kB/s"),
    # ---- sriov and devices ----
    ("unknown sriov key", HEAD + "sriov: {ens1: {^vf_count: 4}}\n", "vf"),
    ("vfs is a word", HEAD + "sriov: {ens1: {vfs: ^all}}\n", "number"),
    ("vfs beyond all", HEAD + "sriov: {ens1: {vfs: ^70000}}\n", ""),
    ("vf index that is no number", HEAD + "sriov: {ens1: {vfs: 2, vf: {^first: {}}}}\n", "number"),
    ("vf beyond vfs", HEAD + "sriov: {ens1: {vfs: 2, vf: {^2: {trust: true}}}}\n", "2"),
    ("vf with a broken mac", HEAD + "sriov: {ens1: {vfs: 2, vf: {0: {mac: ^xx}}}}\n", "MAC|mac"),
    ("vf vlan beyond all", HEAD + "sriov: {ens1: {vfs: 2, each: {vlan: ^5000}}}\n", "4094|4095"),
    ("vf qos beyond all", HEAD + "sriov: {ens1: {vfs: 2, each: {vlan: 2, qos: ^8}}}\n", "7"),
    ("vf rate without a unit", HEAD + "sriov: {ens1: {vfs: 2, each: {max-rate: ^100}}}\n", "Mbit"),
    ("vf with min over max", HEAD + "sriov:\n  ens1:\n    each: {min-rate: ^2Mbit, max-rate: 1Mbit}\n", "max-rate"),
    ("vf of an unknown link state", HEAD + "sriov: {ens1: {each: {link-state: ^up}}}\n", "auto"),
    ("pf of a name too long", HEAD + "sriov: {^abcdefghijklmnopq: {vfs: 1}}\n", ""),
    ("nic vf that the pf has not", HEAD + "sriov: {ens1: {vfs: 2}}\n"
     "guests: {vm: {nics: {x: {vf: {pf: ens1, index: ^2}}}}}\n", "2 VFs"),
    ("nic vf without a pf", GUEST + "    nics:\n      x:\n        vf: ^{index: 0}\n", "pf"),
    ("nic vf with a strange index", GUEST + "    nics: {x: {vf: {pf: ens1, index: ^any}}}\n", "auto"),
    ("one vf for two guests", HEAD + "guests:\n  a: {nics: {x: {vf: {pf: e1, index: 0}}}}\n"
     "  b:\n    nics:\n      x:\n        vf: ^{pf: e1, index: 0}\n", "VF 0 of e1"),
    ("broken pci address", GUEST + "    devices: {d: {pci: ^\"5e:00\"}}\n", "0000|DDDD|PCI"),
    ("pci device of two guests", HEAD + "guests:\n  a: {devices: {d: {pci: \"0000:5e:00.0\"}}}\n"
     "  b: {devices: {d: {pci: ^\"0000:5e:00.0\"}}}\n", "0000:5e:00.0"),
    ("device without an address", GUEST + "    devices:\n      ^d: {managed: true}\n", "pci"),
    ("host cpu of two guests", HEAD + "guests:\n  a: {vcpus: 1, pinning: {vcpus: {0: 3}}}\n"
     "  b: {vcpus: 1, pinning: {vcpus: {^0: 3}}}\n", "host CPU 3"),
    ("vnc port of two guests", HEAD + "guests:\n  a: {graphics: {vnc: {port: 5901}}}\n"
     "  b: {graphics: {vnc: {port: ^5901}}}\n", "5901"),
    ("vnc port of no kind", GUEST + "    graphics: {vnc: {port: ^first}}\n", "auto"),
    ("unknown filesystem driver", GUEST + "    filesystems: {t: {source: /s, driver: ^nfs}}\n", "virtiofs"),
    # ---- host ----
    ("pages of a node that is no number", HEAD + "hugepages: {2MiB: {^all: 4}}\n", "number"),
    ("pages that are a word", HEAD + "hugepages: {2MiB: ^many}\n", "number"),
    ("negative pages", HEAD + "hugepages: {2MiB: {0: ^-4}}\n", "number"),
    ("unknown kernel key", HEAD + "kernel: {^ksmm: {}}\n", "ksm"),
    ("ksm of a word", HEAD + "kernel: {ksm: {run: ^fast}}\n", "true"),
    ("ksm sleep without a unit", HEAD + "kernel: {ksm: {sleep: ^20}}\n", "ms"),
    ("kernel parameters as a list", HEAD + "kernel: {parameters: ^[quiet]}\n", "map"),
    ("module parameter that is a map", HEAD + "kernel: {modules: {kvm: {halt_poll_ns: ^{a: 1}}}}\n", ""),
    ("module of a strange name", HEAD + "kernel: {modules: {^../kvm: {a: 1}}}\n", ""),
    ("reserved cpus of no kind", HEAD + "placement: {reserved-cpus: ^most}\n", ""),
    ("unknown default", HEAD + "defaults: {^prunes: true}\n", "prune"),
    # ---- cloud-init ----
    ("unknown cloud-init key", GUEST + "    cloud-init: {^userdata: a}\n", "user-data"),
    ("user data that is not there", GUEST + "    cloud-init: {user-data: ^no.yaml}\n", "no.yaml"),
    ("user data that leaves", GUEST + "    cloud-init: {user-data: ^../../../etc/passwd}\n", "leaves"),
    ("seed on a target that is taken", GUEST + "    disks: {sda: {file: /a}}\n"
     "    cloud-init: {meta-data: {a: b}, target: ^sda}\n", "sda"),
    ("metadata that is a list", GUEST + "    cloud-init: {meta-data: ^[a]}\n", "map"),
    # ---- files and YAML ----
    ("includes is a word", HEAD + "includes: ^common.yaml\n", "sequence"),
    ("absolute include", HEAD + "includes: [^/etc/passwd]\n", "relative"),
    ("profile that uses profiles", HEAD + "profiles:\n  a: {^profiles: [b]}\n", "profile"),
    ("fault in a profile", HEAD + "profiles:\n  a: {memory: ^lots}\nguests: {vm: {profiles: [a]}}\n", "GiB"),
    ("anchor of nothing", HEAD + "guests: {vm: ^*x}\n", "x"),
    ("map that is not closed", HEAD + "guests: ^{vm: {memory: 1GiB}\n", ""),
    ("text that is not closed", HEAD + "guests: {vm: {title: ^\"a}}\n", ""),
    ("two documents", HEAD + "^---\nversion: 1\n", "second document"),
    ("bool of yaml 1.1", GUEST + "    autostart: ^yes\n", "true"),
    ("number in octal", GUEST + "    vcpus: ^0o7\n", "number"),
    ("tag of another language", GUEST + "    title: ^!!python/object x\n", ""),
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


@pytest.mark.parametrize("text", [
    HEAD + "secrets:\n  s: {type: ceph, value: hunter2}\n",
    HEAD + "secrets:\n  s: {type: ceph, value: {file: /s, hunter2: x}}\n",
    GUEST + "    graphics:\n      vnc: {password: hunter2}\n",
])
def test_a_secret_in_plain_text_is_refused_and_not_repeated(tmp, text):
    result = validate(tmp, text).ok(1)
    line = text[:text.index("hunter2")].count("\n") + 1
    assert [e["line"] for e in errors_of(result)] == [line]
    shown = run([kvmstate_binary(), "validate", "-f", tmp / "manifest.yaml"]).ok(1)
    if "file:" not in text:
        assert "hunter2" not in result.stdout + result.stderr + shown.stdout + shown.stderr


def single_line_faults():
    """Those that stand on one line of their own under some head, and so can stand together in one file."""
    return [(name, marked) for name, marked, _ in FAULTS if marked.startswith(HEAD) and "\n---" not in marked]


def test_all_faults_of_all_files_in_one_run(tmp):
    """A repository of broken hosts: every fault is in the one report, in its own file, at its own place."""
    hosts = tmp / "hosts"
    hosts.mkdir()
    wanted = []
    for i, (name, marked) in enumerate(single_line_faults()):
        text, line, column = place(marked.replace("host: testhost", f"host: host{i}", 1))
        file = hosts / f"host{i}.yaml"
        if "manifest.yaml" in text: # one includes itself by name
            continue
        file.write_text(text)
        wanted.append((name, str(file), line, column))
    result = run([kvmstate_binary(), "validate", "--all", "--json", "-f", tmp], timeout=120).ok(1)
    found = {(e["file"], e["line"], e["column"]) for e in errors_of(result) if "line" in e}
    missing = [name for name, *where in wanted if tuple(where) not in found]
    assert not missing and len(wanted) > 150


def test_cross_checks_are_made_beside_a_syntax_error(tmp):
    text = (HEAD + "guests:\n  a: {nics: {x: {bridge: br0, mac: 52:54:00:00:00:01}}, memory: 5}\n"
            "  b: {nics: {x: {bridge: br0, mac: 52:54:00:00:00:01}}}\nbridges:\n  br0: {mtu: x\n  br1: {stp: 7}\n"
            "pools: {p: {type: dirr}}\n")
    errors = errors_of(validate(tmp, text).ok(1))
    assert sorted({e["line"] for e in errors}) == [4, 5, 7, 8, 9], errors
    assert any("given twice" in e["message"] and e["line"] == 5 for e in errors)


# ---- between hosts ----


def hosts_of(tmp, **hosts):
    (tmp / "hosts").mkdir()
    for name, text in hosts.items():
        (tmp / f"hosts/{name}.yaml").write_text(f"version: 1\nhost: {name}\n{text}\n")
    return run([kvmstate_binary(), "validate", "--all", "--json", "-f", tmp])


CEPH = "pools: {c: {type: rbd, source: {name: vms, hosts: [m1, m2]}}}\n"
TWICE = [
    ("mac", "guests: {g: {nics: {x: {bridge: br0, mac: 52:54:00:00:00:01}}}}",
     "guests: {h: {nics: {y: {bridge: br1, mac: 52:54:00:00:00:01}}}}", "MAC address"),
    ("mac of a bridge and of a VF", "bridges: {br0: {ports: [e1], mac: 52:54:00:00:00:01}}",
     "sriov: {e1: {vf: {0: {mac: 52:54:00:00:00:01}}}}", "MAC address"),
    ("uuid", "guests: {g: {uuid: 11111111-1111-4111-8111-111111111111}}",
     "guests: {g: {uuid: 11111111-1111-4111-8111-111111111111}}", "UUID"),
    ("address", "bridges: {br0: {addresses: [192.0.2.1/24]}}", "bridges: {br0: {addresses: [192.0.2.1/25]}}", "IP"),
    ("image", "guests: {g: {disks: {vda: {rbd: vms/g, hosts: [m1, m2]}}}}",
     "guests: {g: {disks: {vda: {rbd: vms/g, hosts: [m2, m1]}}}}", "image"),
    ("volume of a pool that both reach", CEPH + "guests: {g: {disks: {vda: {volume: c/g}}}}",
     CEPH.replace("c:", "ceph:", 1) + "guests: {g: {disks: {vda: {volume: ceph/g}}}}", "image"),
]
ALIKE = [
    ("what each host has for itself", *["sriov: {e1: {vfs: 2}}\npools: {p: {type: dir, path: /p}}\n"
     "networks: {default: {forward: nat, addresses: [192.168.122.1/24], dhcp: {range: [192.168.122.2, 192.168.122.9]}}}"
     "\nguests: {g: {vcpus: 1, pinning: {vcpus: {0: 3}}, devices: {d: {pci: \"0000:5e:00.0\"}}, "
     "disks: {vda: {volume: p/g}}, nics: {x: {vf: {pf: e1, index: 0}}, y: {bridge: br0}}}}"] * 2),
    ("a bridge without ports", *["bridges: {br0: {ports: [], addresses: [10.0.0.1/24], mac: 52:54:00:00:00:01}}"] * 2),
    ("a guest that is not here", "guests: {g: {uuid: 11111111-1111-4111-8111-111111111111}}",
     "guests: {g: {state: absent, uuid: 11111111-1111-4111-8111-111111111111}}"),
    ("an image that is shared", *["guests: {g: {disks: {vda: {rbd: vms/g, hosts: [m], shareable: true}}}}"] * 2),
    ("an image that is read", *["guests: {g: {disks: {sda: {rbd: vms/g, hosts: [m], device: cdrom}}}}"] * 2),
    ("images of two clusters", "guests: {g: {disks: {vda: {rbd: vms/g, hosts: [m1]}}}}",
     "guests: {g: {disks: {vda: {rbd: vms/g, hosts: [m9]}}}}"),
]


@pytest.mark.parametrize("name,one,two,noun", TWICE, ids=[t[0] for t in TWICE])
def test_what_two_hosts_cannot_both_have(tmp, name, one, two, noun):
    [error] = errors_of(hosts_of(tmp, a=one, b=two).ok(1))
    assert error["file"].endswith("hosts/b.yaml") and error["line"] >= 3
    assert error["message"].startswith(noun) and "host b" in error["message"] and "hosts/a.yaml:" in error["message"]


@pytest.mark.parametrize("name,one,two", ALIKE, ids=[t[0] for t in ALIKE])
def test_what_two_hosts_may_both_have(tmp, name, one, two):
    hosts_of(tmp, a=one, b=two).ok()


def test_hosts_are_compared_also_where_something_else_is_wrong(tmp):
    mac = "guests: {g: {nics: {x: {bridge: br0, mac: 52:54:00:00:00:01}}}}\n"
    errors = errors_of(hosts_of(tmp, a=mac + "pools: {p: {type: dirr}}", b=mac).ok(1))
    assert sorted((e["file"][-6:], e["line"]) for e in errors) == [("a.yaml", 4), ("b.yaml", 3)]


def test_two_manifests_of_one_host(tmp):
    result = hosts_of(tmp, a="", b="")
    result.ok()
    (tmp / "hosts/b.yaml").write_text("version: 1\nhost: A\n")
    [error] = errors_of(run([kvmstate_binary(), "validate", "--all", "--json", "-f", tmp]).ok(1))
    assert error["line"] == 2 and error["column"] == 7 and "hosts/a.yaml" in error["message"]


def test_the_host_names_what_it_includes(tmp):
    (tmp / "hosts").mkdir()
    (tmp / "common").mkdir()
    for name in "ab":
        (tmp / f"hosts/{name}.yaml").write_text(
            f'version: 1\nhost: {name}\nincludes: ["../common/all.yaml"]\n')
        (tmp / f"common/{name}.yaml").write_text(f"pools: {{p: {{type: dirr, path: /{name}}}}}\n")
    (tmp / "common/all.yaml").write_text('includes: ["{host}.yaml"]\n')
    errors = errors_of(run([kvmstate_binary(), "validate", "--all", "--json", "-f", tmp]).ok(1))
    assert sorted(e["file"][-13:] for e in errors) == ["common/a.yaml", "common/b.yaml"]
    (tmp / "hosts/a.yaml").write_text('version: 1\nhost: ../..\nincludes: ["../{host}/../etc/passwd"]\n')
    errors = errors_of(run([kvmstate_binary(), "validate", "--json", "-f", tmp / "hosts/a.yaml"]).ok(1))
    assert any(e["line"] == 3 and "leaves the repository" in e["message"] for e in errors)


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
    run([kvmstate_binary(), "validate", "-f", tmp / "manifest.yaml"], timeout=60).ok(1)
