# SPDX-License-Identifier: GPL-2.0-or-later
"""
Random manifests that are valid: hosts of all kinds, and random edits of them. The same for the same seed, so that
what fails can be repeated. What cannot change once it is made (a volume's format, a pool's path) stays as it was
made for one `AnyHost`, also when the thing goes and comes back.
"""

import copy
import random
import uuid

GUEST_NAMES = ["web", "db", "a.b", "Ünïcode", "x-1", "with space"]
LINKS = ["d0", "d1", "d2"]  # links that the test makes: ports for bridges
NULL_LATER = ["title", "description", "watchdog", "tpm", "agent", "rng", "pinning", "boot", "hugepages"]


class AnyHost:
    """`make()` is a manifest's parts; `edit(parts)` changes some of it. `folder` is the test's own."""

    def __init__(self, seed, folder, vlans=False):
        """`vlans`: the kernel has VLAN filtering, and a bridge may ask for it."""
        self.vlans = vlans
        self.random = random.Random(seed)
        self.folder = folder
        self._lasting = {}  # what stays as it was made, by a name for it

    # ---- chance ----

    def chance(self, probability):
        return self.random.random() < probability

    def one(self, *values):
        return self.random.choice(values)

    def some(self, values, most):
        return self.random.sample(list(values), self.random.randint(0, min(most, len(values))))

    def maybe(self, probability=0.5, **fields):
        """A random part of these fields; each value is called for when it is taken."""
        return {key.replace("_", "-"): value() for key, value in fields.items() if self.chance(probability)}

    def lasting(self, name, make):
        if name not in self._lasting:
            self._lasting[name] = make()
        return copy.deepcopy(self._lasting[name])

    def text(self):
        return self.one("a", "A longer text", "<&'\"> ]]>", "ünïcode ☃", "  spaces  inside  ", "yes", "12", "~")

    def mac(self):
        return "52:54:00:" + ":".join(f"{self.random.randrange(256):02x}" for _ in range(3))

    # ---- a whole host ----

    def make(self):
        parts = {"defaults": {"prune": True}, "bridges": self.bridges(), "pools": self.pools(),
                 "networks": self.networks(), "secrets": self.secrets()}
        parts["volumes"] = self.volumes(parts["pools"])
        parts["guests"] = {}
        for name in self.some(GUEST_NAMES, 4):
            parts["guests"][name] = self.guest(name, parts)
        return parts

    def edit(self, parts):
        """The next commit: another host in some of its parts, and the same in the others."""
        new, fresh = copy.deepcopy(parts), self.make()
        for part in ("bridges", "networks", "secrets"):
            if self.chance(0.4):
                new[part] = fresh[part]
        if self.chance(0.4):
            new["pools"], new["volumes"] = fresh["pools"], fresh["volumes"]
        guests = new["guests"] = {}
        for name in {**parts["guests"], **fresh["guests"]}:
            if name not in parts["guests"]:
                guests[name] = fresh["guests"][name]
            elif self.chance(0.15):
                pass
            elif self.chance(0.3):
                guests[name] = self.guest(name, new)
            else:
                guests[name] = self.edit_guest(name, parts["guests"][name], new)
        for name, guest in guests.items():  # what it pointed at may be gone
            self.mend(name, guest, new)
        return new

    def edit_guest(self, name, guest, parts):
        other = self.guest(name, parts)
        mixed = {}
        for field in {**guest, **other}:
            choice = self.random.random()
            if field in guest and (choice < 0.5 or field in ("disks", "nics", "iothreads")):
                mixed[field] = copy.deepcopy(guest[field])
            elif choice < 0.6 and field in guest and field in NULL_LATER:
                mixed[field] = None
            elif field in other and choice < 0.9:
                mixed[field] = other[field]
        return mixed

    def mend(self, name, guest, parts):
        """A guest's parts fit to each other and to the rest again, after they were taken from two sources."""
        guest.update({k: v for k, v in self.frame(name, guest).items() if guest.get(k) is None})
        for part, make in (("disks", self.disks), ("nics", self.nics)):
            if isinstance(guest.get(part), dict):
                guest[part] = {key: value for key, value in guest[part].items() if self.still(value, parts)}
        if isinstance(guest.get("disks"), dict):
            taken = self.taken_images(parts, name)
            guest["disks"] = {k: d for k, d in guest["disks"].items() if self.image(d) not in taken}
            for disk in guest["disks"].values():
                if disk.get("iothread", 0) > (guest.get("iothreads") or 0):
                    disk.pop("iothread")
        if guest.get("boot"):
            known = [f"disk:{k}" for k in guest.get("disks") or {}] + [f"nic:{k}" for k in guest.get("nics") or {}]
            guest["boot"] = [b for b in guest["boot"] if b in known] or None
        guest["max-vcpus"] = max(guest["vcpus"], guest["max-vcpus"])
        guest["max-memory"] = max(guest["memory"], guest["max-memory"], key=lambda size: int(size[:-3]))
        cpus = guest["max-vcpus"]
        if isinstance(guest.get("pinning"), dict):
            pins = guest["pinning"]
            pins["vcpus"] = {i: c for i, c in pins.get("vcpus", {}).items() if i < cpus}
            pins["iothreads"] = {i: c for i, c in pins.get("iothreads", {}).items() if i <= (guest.get("iothreads") or 0)}
        return guest

    def still(self, device, parts):
        pool, _, volume = device.get("volume", "").partition("/")
        return ((not volume or volume in parts["volumes"].get(pool, {}))
                and device.get("bridge") in (None, *parts["bridges"]) and device.get("network") in (None, *parts["networks"]))

    @staticmethod
    def image(disk):
        return disk.get("volume") or disk.get("file")

    def taken_images(self, parts, name):
        return {self.image(d) for other, guest in parts.get("guests", {}).items() if other != name
                for d in (guest.get("disks") or {}).values() if self.image(d)}

    # ---- links ----

    def bridges(self):
        free = list(LINKS)
        self.random.shuffle(free)
        return {name: self.bridge(i, free) for i, name in enumerate(["br0", "br1", "br-long-name15"]) if self.chance(0.6)}

    def bridge(self, number, free):
        stp = self.chance(0.4)
        bridge = {"up": self.chance(0.8), "stp": stp,
                  **self.maybe(0.4, forward_delay=lambda: self.one("2s", "15s", "4s", "2500ms") if stp else self.one(
                      "0s", "1s", "30ms", "15s"),
                      vlan_filtering=lambda: self.vlans and self.chance(0.5), mtu=lambda: self.one(1500, 1400, 1280),
                      mac=self.mac, ports=lambda: [free.pop() for _ in range(self.random.randint(0, len(free)))])}
        if self.chance(0.5):
            bridge["addresses"] = [f"10.{number}.{i}.1/24" for i in range(self.random.randint(0, 3))] + self.some(
                [f"2001:db8:{number}::1/64"], 1)
            if bridge["up"] and f"10.{number}.0.1/24" in bridge["addresses"] and self.chance(0.5):
                bridge["routes"] = [{"to": f"192.0.2.{16 * number}/28", "via": f"10.{number}.0.9",
                                     **self.maybe(metric=lambda: self.random.randint(1, 900))}]
        return bridge

    def networks(self):
        return {name: self.network(i) for i, name in enumerate(["n0", "n1"]) if self.chance(0.5)}

    def network(self, number):
        forward = self.one("none", "nat", "route", "open")
        network = {"forward": forward, "bridge": f"vbr{number}", "addresses": [f"192.168.{100 + number}.1/24"],
                   **self.maybe(0.4, autostart=lambda: self.chance(0.5), stp=lambda: self.chance(0.5), mac=self.mac,
                                mtu=lambda: self.one(1500, 1400), state=lambda: self.one("active", "inactive"),
                                domain=lambda: self.one("example.org", "lab"))}
        if self.chance(0.5):
            network["dhcp"] = {"range": [f"192.168.{100 + number}.{self.one(10, 20)}", f"192.168.{100 + number}.99"],
                               "hosts": {h: {"mac": f"52:54:00:0{number}:00:0{i}", "ip": f"192.168.{100 + number}.20{i}"}
                                         for i, h in enumerate(self.some(["h0", "h1", "h2"], 3))}}
        return network

    # ---- storage and secrets ----

    def pools(self):
        return {name: {"type": "dir", "path": f"{self.folder}/{name}", **self.maybe(autostart=lambda: self.chance(0.5))}
                for name in ["p0", "p one"] if self.chance(0.7)}

    def volumes(self, pools):
        return {pool: {f"v{i}": self.volume(pool, i) for i in self.some(range(5), 4)} for pool in pools}

    def volume(self, pool, number):
        name = f"{pool}/{number}"
        made = self.lasting(f"volume {name}", lambda: {"format": self.one("raw", "qcow2"), "size": self.random.randint(1, 4)})
        if self.chance(0.3):
            self._lasting[f"volume {name}"]["size"] = made["size"] = made["size"] + self.random.randint(1, 3)
        return {**made, "size": f"{made['size']}MiB", **self.maybe(0.2, preallocation=lambda: self.one("off", "falloc"))}

    def secrets(self):
        out = {}
        for name in self.some(["s0", "s1"], 2):
            file = self.folder / f"{name}-{self.one('a', 'b')}"
            file.write_text(self.one("c2VjcmV0", "b3RoZXI="))
            out[name] = {"type": self.lasting(f"secret {name}", lambda: self.one("ceph", "iscsi", "vtpm")),
                         "value": {"file": str(file)}, **self.maybe(0.3, description=self.text)}
        return out

    # ---- guests ----

    def frame(self, name, guest=None):
        """What each guest states, and the rest must fit to."""
        vcpus = (guest or {}).get("vcpus") or self.random.randint(1, 4)
        memory = self.one(64, 96, 128)
        return {"state": "stopped", "machine": self.lasting(f"machine {name}", lambda: self.one("q35", "q35", "pc")),
                "memory": f"{memory}MiB", "max-memory": f"{memory + self.one(0, 32)}MiB",
                "vcpus": vcpus, "max-vcpus": vcpus + self.random.randint(0, 3), "iothreads": self.lasting(f"iothreads {name}", lambda: self.random.randint(0, 2))}

    def guest(self, name, parts):
        guest = self.frame(name)
        if self.lasting(f"uuid {name} is stated", lambda: self.chance(0.3)):
            guest["uuid"] = self.lasting(f"uuid {name}", lambda: str(uuid.UUID(int=self.random.getrandbits(128), version=4)))
        guest.update(self.maybe(
            0.3, title=lambda: self.text().strip(), description=self.text, autostart=lambda: self.chance(0.5),
            clock=lambda: self.one("utc", "localtime"), serial=lambda: self.chance(0.7),
            agent=lambda: self.chance(0.7), rng=lambda: self.chance(0.7), video=lambda: self.one("none", "vga", "virtio"),
            memballoon=lambda: self.one("none", "virtio"), watchdog=self.watchdog, graphics=self.graphics,
            shutdown=lambda: {"timeout": "5s"}, on_crash=lambda: self.one("destroy", "restart", "preserve"),
            on_reboot=lambda: self.one("restart", "destroy"),
            tpm=lambda: "none", cpu=lambda: self.cpu(), pinning=lambda: self.pinning(guest),
            firmware=lambda: self.one("bios", "efi") if guest["machine"] == "q35" else "bios",
            filesystems=lambda: {t: {"source": str(self.folder), **self.maybe(
                readonly=lambda: self.chance(0.5), access_mode=lambda: self.one("mapped", "squash", "passthrough"))}
                for t in self.some(["share", "tag2"], 2)},
            xml=lambda: self.one("<devices><input type='tablet' bus='usb'/></devices>",
                                 "<features><hap state='on'/></features>"),
            direct_kernel=lambda: {"kernel": str(self.kernel()), "cmdline": self.text().strip() or "quiet"}))
        # Always stated: what is left alone may use what goes.
        guest.update(disks=self.disks(name, guest, parts), nics=self.nics(parts))
        if "direct-kernel" not in guest and self.chance(0.4):
            devices = [f"disk:{k}" for k in guest.get("disks", {})] + [f"nic:{k}" for k in guest.get("nics", {})]
            guest["boot"] = self.some(devices, 3) or None
        return self.mend(name, guest, parts)

    def kernel(self):
        file = self.folder / "kernel"
        file.write_bytes(b"none")
        return file

    def watchdog(self):
        return {"model": "i6300esb", **self.maybe(action=lambda: self.one("reset", "poweroff", "pause"))}

    def graphics(self):
        return self.maybe(0.7, vnc=lambda: {"listen": self.one("127.0.0.1", "0.0.0.0", "::1"), **self.maybe(
            port=lambda: self.one("auto", "5999", "5998"))})

    def cpu(self):
        mode = self.one("host-model", "maximum", "custom")
        return {"mode": mode, **({"model": self.one("qemu64", "Nehalem")} if mode == "custom" else {})}

    def pinning(self, guest):
        return self.maybe(0.7, vcpus=lambda: {i: "0-1" for i in self.some(range(guest["vcpus"]), 4)},
                          emulator=lambda: self.one("0", "0-1"),
                          iothreads=lambda: {i: "0-1" for i in self.some(range(1, guest["iothreads"] + 1), 2)})

    def disks(self, name, guest, parts):
        taken = self.taken_images(parts, name)
        volumes = [f"{p}/{v}" for p, vs in parts["volumes"].items() for v in vs if f"{p}/{v}" not in taken]
        self.random.shuffle(volumes)
        disks = {}
        for key in self.some(["vda", "vdb", "sda", "sdb", "sdc"], 4):
            if key == "sdc":
                disks[key] = {"device": "cdrom", "bus": "sata"}
                continue
            disk = {"bus": "virtio"} if key[0] == "v" else {"bus": self.lasting(f"bus {name} {key}", lambda: self.one("sata", "scsi"))}
            if volumes and self.chance(0.6):
                disk["volume"] = volumes.pop()
                pool, volume = disk["volume"].split("/")
                disk["format"] = parts["volumes"][pool][volume]["format"]
            else:
                disk["file"] = f"{self.folder}/image-{name.encode().hex()}-{key}"
                open(disk["file"], "ab").truncate(2**20)
            disk.update(self.maybe(
                0.25, cache=lambda: self.one("none", "writeback", "default", "unsafe"), discard=lambda: self.one("unmap", "ignore"),
                detect_zeroes=lambda: self.one("off", "on"), serial=lambda: self.one("S1", "disk-2"),
                readonly=lambda: key[0] == "v" and self.chance(0.5),
                shareable=lambda: disk.get("format") != "qcow2" and self.chance(0.3),
                iotune=lambda: self.maybe(0.6, total_iops=lambda: self.random.randint(0, 900))))
            if key[0] == "v":
                disk.update(self.maybe(0.25, iothread=lambda: self.random.randint(1, 2), queues=lambda: self.one(1, 2)))
            disks[key] = disk
        return disks

    def nics(self, parts):
        ends = [("bridge", b) for b in parts["bridges"]] + [("network", n) for n in parts["networks"]]
        nics = {}
        for key in self.some(["lan", "n_2", "3"], 3) if ends else []:
            kind, end = self.one(*ends)
            nics[key] = {kind: end, "model": self.one("virtio", "virtio", "e1000e"), **self.maybe(
                0.25, mac=self.mac, mtu=lambda: self.one(1400, 1500),
                link=lambda: self.one("up", "down"),
                bandwidth=lambda: self.maybe(0.7, inbound=lambda: {"average": "100kB/s", **self.maybe(
                    peak=lambda: "200kB/s", burst=lambda: "1MB")}, outbound=lambda: {"average": "10kB/s"}))}
            if nics[key]["model"] == "virtio":
                nics[key].update(self.maybe(0.2, queues=lambda: self.random.randint(1, 4), driver=lambda: self.one("qemu", "vhost")))
        return nics
