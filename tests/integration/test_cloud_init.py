# SPDX-License-Identifier: GPL-2.0-or-later
"""cloud-init seeds: an image with the files of the repository, made anew when they change, gone when unwanted."""

import re
import stat

import pytest

from lib.desired import merged
from lib.run import run

SEEDS = "/var/lib/kvmstate/seeds"
USER_DATA = "#cloud-config\nhostname: web1\n"
GUEST = {"state": "stopped", "machine": "q35", "memory": "64MiB", "disks": {},
         "shutdown": {"timeout": "1s", "then": "destroy"}}


def seeds_of(host):
    """The seeds' folder of the private host, from outside."""
    return host.dir / "state/seeds"


def seed_of(host, name, live=False):
    """The image that the guest's CD-ROM has, or None."""
    found = re.findall(f"<source file='{SEEDS}/([^']*)'", host.xml(name, live))
    assert len(found) < 2, "two seeds"
    return seeds_of(host) / found[0] if found else None


def content(host, tmp, image):
    """The image's files by name, as a guest would mount them."""
    out = tmp / "extracted"
    host.exec("rm", "-rf", str(out)).ok()
    run(["xorriso", "-osirrox", "on", "-indev", str(image), "-extract", "/", str(out)]).ok()
    label = image.read_bytes()[0x8028:0x8048].decode().strip()
    return {"label": label, **{f.name: f.read_text() for f in out.iterdir()}}


@pytest.fixture
def seeded(desired, tmp):
    """seeded(change) writes a manifest with a guest that has a seed."""
    (tmp / "user.yaml").write_text(USER_DATA)

    def want(change=None, guest=None, **seed):
        stated = merged(GUEST, guest or {})
        stated["cloud-init"] = {"user-data": "user.yaml", **seed}
        desired.want(guests={"web1": merged(stated, change or {})})
        return desired

    return want


def test_a_seed_is_made_and_attached(seeded, desired, host, tmp):
    (tmp / "net.yaml").write_text("version: 2\n")
    seeded(**{"network-config": "net.yaml", "meta-data": {"local-hostname": "web1.example.org"}})
    plan = desired.plan()
    assert not seeds_of(host).exists(), "a plan made something"
    assert any("cloud-init" in (f.get("note") or "") for f in plan.fields("guest", "web1").values())
    desired.apply()
    image = seed_of(host, "web1")
    assert content(host, tmp, image) == {
        "label": "cidata", "user-data": USER_DATA, "network-config": "version: 2\n",
        "meta-data": '"instance-id": "web1"\n"local-hostname": "web1.example.org"\n'}
    assert stat.S_IMODE(image.stat().st_mode) == 0o600, "user-data can hold a password"
    assert sorted(f.name for f in image.parent.iterdir()) == [image.name]
    assert "<readonly/>" in host.xml("web1") and "bus='sata'" in host.xml("web1")
    desired.settled()


def test_other_inputs_are_another_medium_live(seeded, desired, host, tmp):
    seeded(guest={"state": "running"})
    desired.apply()
    first = seed_of(host, "web1")
    domain_id = host.domain("web1").ID()
    (tmp / "user.yaml").write_text(USER_DATA + "packages: [vim]\n")
    assert desired.plan().impact("guest", "web1") == "live"
    desired.apply()
    second = seed_of(host, "web1")
    assert second != first and not first.exists(), "the old image is left"
    assert seed_of(host, "web1", live=True) == second
    assert "packages" in content(host, tmp, second)["user-data"]
    assert '"instance-id": "web1"' in content(host, tmp, second)["meta-data"]
    assert host.domain("web1").ID() == domain_id
    desired.settled()


def test_a_lost_image_is_made_again(seeded, desired, host):
    seeded()
    desired.apply()
    image = seed_of(host, "web1")
    image.unlink()
    assert desired.plan().impact("guest", "web1") == "safe"
    desired.apply()
    assert image.exists()
    desired.settled()


@pytest.mark.parametrize("disks", [{}, None], ids=["disks stated", "disks not stated"])
def test_a_seed_that_is_no_longer_stated_goes(seeded, desired, host, tmp, disks):
    guest = dict(GUEST)
    if disks is None:
        del guest["disks"]
        (tmp / "a.img").write_bytes(b"\0" * 4096)
        desired.want(guests={"web1": {**guest, "disks": {"sda": {"file": str(tmp / "a.img"), "bus": "sata"}}}})
        desired.apply()
    (tmp / "user.yaml").write_text(USER_DATA)
    desired.want(guests={"web1": {**guest, "cloud-init": {"user-data": "user.yaml"}}})
    desired.apply()
    desired.settled()
    image = seed_of(host, "web1")
    assert host.xml("web1").count("<disk ") == (2 if disks is None else 1), "the guest's own disks stay"
    desired.want(guests={"web1": guest})
    desired.apply()
    assert seed_of(host, "web1") is None and not image.parent.exists()
    assert host.xml("web1").count("<disk ") == (1 if disks is None else 0)
    desired.settled()


def test_it_goes_with_its_guest_and_follows_a_new_name(seeded, desired, host):
    seeded()
    desired.apply()
    folder = seed_of(host, "web1").parent
    web1 = desired.manifest["guests"]["web1"]
    desired.want(guests={"web2": {**web1, "was": "web1"}})
    desired.apply()
    assert not folder.exists() and seed_of(host, "web2").parent.name == "web2"
    desired.settled()
    folder = seed_of(host, "web2").parent
    desired.want(guests={"web2": {"state": "absent"}})
    desired.apply("--allow", "delete")
    assert not folder.exists()


def test_what_is_wrong_with_the_inputs_is_said_with_its_place(seeded, desired, tmp):
    seeded(**{"network-config": "none.yaml"})
    said = desired.run("plan").ok(1).stderr
    assert re.search(r"manifest\.yaml:\d+:\d+: error: network-config: there is no file 'none\.yaml'", said)
    seeded(**{"user-data": "../../etc/shadow"})
    assert "leaves the repository" in desired.run("validate").ok(1).stderr
    (tmp / "user.yaml").write_text("hostname: x\n")
    seeded()
    assert "does not begin as anything that cloud-init knows" in desired.run("validate").ok().stderr


def test_metadata_from_a_file_keeps_what_it_says(seeded, desired, host, tmp):
    (tmp / "meta.yaml").write_text("# ours\ninstance-id: i-1\nzone: a\n")
    seeded(**{"meta-data-file": "meta.yaml"})
    desired.apply()
    assert content(host, tmp, seed_of(host, "web1"))["meta-data"] == \
        '# ours\ninstance-id: i-1\nzone: a\n"local-hostname": "web1"\n'
    (tmp / "meta.yaml").write_text("{instance-id: i-1}\n")
    assert "block style" in desired.run("plan").ok(1).stderr


def test_a_full_disk_leaves_nothing_half_made(seeded, desired, host, tmp):
    """The image is made on a file system of its own that cannot hold it."""
    seeds_of(host).mkdir()
    host.exec("mount", "-t", "tmpfs", "-o", "size=64k", "none", SEEDS).ok()
    try:
        seeded()
        done = desired.apply(status=1)
        assert "cloud-init seed" in done.stderr + done.stdout
        left = host.exec("find", SEEDS, "-type", "f").ok().stdout
        assert left == "" and not host.conn.listDefinedDomains()
    finally:
        host.exec("umount", SEEDS).ok()
    desired.apply()
    desired.settled()


def test_a_saved_plan_holds_the_files(seeded, desired, host, tmp):
    seeded()
    plan = tmp / "saved.plan"
    desired.run("plan", "--out", plan).ok()
    (tmp / "user.yaml").write_text("#cloud-config\nhostname: other\n")
    host.kvmstate("apply", plan).ok()
    assert content(host, tmp, seed_of(host, "web1"))["user-data"] == USER_DATA
