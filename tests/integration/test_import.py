# SPDX-License-Identifier: GPL-2.0-or-later
"""
import: what is there as a manifest. The files of tests/corpus are imported as one host and changed field by field, all
guests at once; scripts/try-import takes any other directory, a file at a time (lib/importing.py).
"""

from pathlib import Path

import libvirt
import pytest
import yaml

from lib.importing import Refused, World, alone
from lib.running import Running

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
ROUNDS = 4  # changes of each thing: different ones for each, and in every run the same


def world_of_the_corpus(host, folder):
    """All that this libvirt takes of the corpus, on one host."""
    world, refused = World(host, folder), []
    for file in sorted(CORPUS.glob("*/*.xml")):
        try:
            world.add(file.name, file.read_text())
        except Refused as e:
            refused.append(f"{file.name}: {e}")
    assert len(world.things) > 60, refused
    return world


def test_the_corpus_as_one_host(host, tmp):
    world = world_of_the_corpus(host, tmp)
    world.run(rounds=ROUNDS)
    assert not world.failed, "\n".join(world.failed.values())
    assert world.done > 2 * len(world.things)


def test_importing_again_says_the_same(host, tmp):
    world = world_of_the_corpus(host, tmp)
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
    alone(host, tmp, "odd", "<domain type='qemu'><name>odd</name><memory unit='KiB'>219136</memory>" + OS +
          "<devices><interface type='user'><mac address='52:54:00:24:a5:9f'/><model type='virtio'/>"
          "<rom file=''/></interface></devices></domain>", only=["description"])


def test_what_a_field_says_is_not_said_again_in_xml(host):
    """A fragment that repeats what a field says would hold that value when the field changes."""
    define(host, "said", OS + "<devices><watchdog model='i6300esb' action='reset'/>"
           "<video><model type='vga' vram='32768'/></video></devices>")
    text = imported(host, "said")
    guest = yaml.safe_load(text)["guests"]["said"]
    assert guest["watchdog"] == "i6300esb" and guest["video"] == "vga" and "xml" not in guest
    assert '#   video: <video><model type="vga" vram="32768"/></video>' in text


def test_a_field_and_a_fragment_that_contradict(host, tmp):
    """No definition has both: that was found out by the check after apply, and by each run anew."""
    define(host, "torn", OS + "<clock offset='utc'/>")
    (tmp / "host.yaml").write_text("version: 1\nhost: testhost\nguests:\n  torn:\n    clock: utc\n    xml: |\n"
                                   "      <clock offset='localtime'/>\n")
    for command in ("validate", "plan", "apply"):
        result = host.kvmstate(command, "-f", tmp / "host.yaml", "--host", "testhost")
        assert result.status == 1, result
        assert "host.yaml:5:12: error: guests.torn.clock and a fragment in xml" in result.stderr
        assert "host.yaml:6:10) contradict each other: utc here, localtime there" in result.stderr


def test_a_network_of_ipv6_has_no_dhcp_of_ipv4(host):
    """It was read as both; a host that went from one of them was asked for by the other."""
    host.conn.networkDefineXML("<network><name>six</name><ip family='ipv6' address='fd00:66::1' prefix='64'><dhcp>"
                               "<host name='south' ip='fd00:66::12'/></dhcp></ip></network>")
    network = yaml.safe_load(host.kvmstate("import", "--host", "testhost").ok().stdout)["networks"]["six"]
    assert "dhcp" not in network and network["dhcp6"]["hosts"]["south"] == {"ip": "fd00:66::12"}


def test_a_pool_whose_path_no_manifest_can_say(host, tmp):
    host.conn.storagePoolDefineXML("<pool type='dir'><name>unfilled</name><target><path>@top@/images</path></target>"
                                   "</pool>")
    (tmp / "host.yaml").write_text(host.kvmstate("import", "--host", "testhost").ok().stdout)
    assert "@top@/images; expected an absolute path" in (tmp / "host.yaml").read_text()
    host.kvmstate("validate", "-f", tmp / "host.yaml").ok()


def test_a_name_that_is_nobodys(host):
    define(host, "web1", OS)
    result = host.kvmstate("import", "--guest", "web2")
    assert result.status == 1
    assert "there is no guest 'web2'; did you mean 'web1'?" in result.stderr


@pytest.mark.parametrize("file", ["hard/odd-texts.xml", "networks/dual-stack-dns.xml", "pools/rbd.xml"])
def test_one_file_alone(host, tmp, file):
    try:
        alone(host, tmp, file, (CORPUS / file).read_text(), rounds=4)
    except Refused as e:
        pytest.skip(f"this libvirt does not take it: {e}")



@pytest.mark.parametrize("file", ["machine-without-acpi", "virt-install-q35"])
def test_imported_while_it_runs(host, tmp, file):
    """Each change that can be made live is, without a restart; of what cannot, the plan says so."""
    guest = Running(host, tmp, (CORPUS / f"domains/{file}.xml").read_text())
    guest.run()
    assert guest.done > 10 and guest.restarts < guest.done / 2
