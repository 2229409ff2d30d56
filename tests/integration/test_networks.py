# SPDX-License-Identifier: GPL-2.0-or-later
"""libvirt's networks: made, adopted, changed while guests are on them, taken away."""

import xml.etree.ElementTree as ET

import libvirt
import pytest

LAN = {"bridge": "vbr-lan", "addresses": ["10.77.0.1/24"], "autostart": True,
       "dhcp": {"range": ["10.77.0.100", "10.77.0.150"],
                "hosts": {"web1": {"mac": "52:54:00:00:77:01", "ip": "10.77.0.11"}}}}


def network(host, name):
    return host.conn.networkLookupByName(name)


def tree(host, name, live=False):
    return ET.fromstring(network(host, name).XMLDesc(0 if live else libvirt.VIR_NETWORK_XML_INACTIVE))


def dhcp(xml):
    hosts = {h.get("name"): (h.get("mac"), h.get("ip")) for h in xml.iterfind("ip/dhcp/host")}
    return [(r.get("start"), r.get("end")) for r in xml.iterfind("ip/dhcp/range")], hosts


def guest_xml(name, net):
    return f"""<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory><os><type arch='x86_64'>hvm</type></os>
      <devices><interface type='network'><source network='{net}'/><model type='virtio'/></interface></devices></domain>"""


@pytest.fixture
def on_lan(host):
    """A guest that runs (its CPU needs no system to run on) with a nic in network lan."""
    def start(name="web1", net="lan"):
        domain = host.conn.defineXML(guest_xml(name, net))
        domain.create()
        return ET.fromstring(domain.XMLDesc()).find("devices/interface/target").get("dev")
    return start


def bridge_of(host, tap):
    master = host.exec("readlink", f"/sys/class/net/{tap}/master").stdout.strip()
    return master.rsplit("/", 1)[-1]


def test_created_started_and_settled(desired, host):
    desired.want(networks={"lan": LAN})
    assert desired.plan().verbs() == {"network/lan": "create"}
    desired.apply()
    net = network(host, "lan")
    assert (net.isActive(), net.autostart(), net.isPersistent()) == (1, 1, 1)
    assert dhcp(tree(host, "lan", live=True)) == ([("10.77.0.100", "10.77.0.150")],
                                                  {"web1": ("52:54:00:00:77:01", "10.77.0.11")})
    assert "10.77.0.1/24" in host.exec("ip", "-o", "address", "show", "dev", "vbr-lan").ok().stdout
    desired.settled()


def test_inactive_and_active(desired, host):
    desired.want(networks={"lan": {**LAN, "state": "inactive", "autostart": False}}).apply()
    assert not network(host, "lan").isActive()
    desired.settled()
    desired.want(networks={"lan": {**LAN, "state": "active"}})
    assert set(desired.plan().fields("network", "lan")) == {"state", "autostart"}
    desired.apply()
    assert network(host, "lan").isActive()
    desired.settled()
    desired.want(networks={"lan": {**LAN, "state": "inactive"}})
    desired.apply(status=3)
    assert network(host, "lan").isActive(), "stopped without leave"
    desired.apply("--allow", "network")
    assert not network(host, "lan").isActive()
    desired.settled()


@pytest.mark.parametrize("change, ranges, hosts", [
    ({"range": ["10.77.0.50", "10.77.0.60"]}, [("10.77.0.50", "10.77.0.60")], {"web1": "10.77.0.11"}),
    ({"hosts": {"web1": {"mac": "52:54:00:00:77:01", "ip": "10.77.0.12"}}}, None, {"web1": "10.77.0.12"}),
    ({"hosts": {"web1": {"mac": "52:54:00:00:77:09", "ip": "10.77.0.11"}}}, None, {"web1": "10.77.0.11"}),
    ({"hosts": {"web2": {"mac": "52:54:00:00:77:02", "ip": "10.77.0.11"}}}, None, {"web2": "10.77.0.11"}),
    ({"hosts": {}}, None, {}),
    ({"hosts": {"a": {"mac": "52:54:00:00:77:01", "ip": "10.77.0.21", "name": "alpha"},
                "b": {"mac": "52:54:00:00:77:02", "ip": "10.77.0.22"}}}, None,
     {"alpha": "10.77.0.21", "b": "10.77.0.22"}),
])
def test_dhcp_changes_live_and_guests_keep_their_link(desired, host, on_lan, change, ranges, hosts):
    desired.want(networks={"lan": LAN}).apply()
    tap = on_lan()
    desired.want(networks={"lan": {**LAN, "dhcp": {**LAN["dhcp"], **change}}})
    assert desired.plan().impact("network", "lan") == "live"
    with host.api_calls() as calls:
        desired.apply()
    assert "virNetworkUpdate" in calls and "virNetworkDestroy" not in calls
    assert bridge_of(host, tap) == "vbr-lan"
    for live in (True, False):
        seen_ranges, seen_hosts = dhcp(tree(host, "lan", live))
        assert seen_ranges == (ranges or [("10.77.0.100", "10.77.0.150")])
        assert {k: v[1] for k, v in seen_hosts.items()} == hosts
    desired.settled()


def test_what_takes_it_down_is_held_and_guests_are_plugged_in_again(desired, host, on_lan):
    desired.want(networks={"lan": LAN}).apply()
    tap = on_lan()
    desired.want(networks={"lan": {**LAN, "domain": "example.org", "addresses": ["10.77.0.2/24"]}})
    plan = desired.plan()
    assert plan.impact("network", "lan") == "network"
    assert plan.steps["network/lan:restart"]["affects"] == ["guest/web1"]
    desired.apply(status=3)
    assert tree(host, "lan").find("domain").get("name") == "example.org", "the definition is written at once"
    assert tree(host, "lan").find("ip/dhcp/range") is not None, "its DHCP server stays with the address"
    assert tree(host, "lan", live=True).find("domain") is None
    assert desired.plan().verbs() == {"network/lan:restart": "change"}
    desired.apply("--allow", "network")
    assert tree(host, "lan", live=True).find("domain").get("name") == "example.org"
    assert bridge_of(host, tap) == "vbr-lan"
    assert "10.77.0.2/24" in host.exec("ip", "-o", "address", "show", "dev", "vbr-lan").ok().stdout
    desired.settled()


def test_dns_hosts_and_dhcp6_change_live(desired, host, on_lan):
    lan = {**LAN, "addresses": ["10.77.0.1/24", "fd00:77::1/64"],
           "dhcp": {"range": ["10.77.0.100", "10.77.0.110", "10.77.0.200", "10.77.0.210"]},
           "dhcp6": {"range": ["fd00:77::100", "fd00:77::200"]}, "dns": {"hosts": {"10.77.0.5": ["ns", "ntp"]}}}
    desired.want(networks={"lan": lan}).apply()
    desired.settled()
    assert "fd00:77::1/64" in host.exec("ip", "-o", "address", "show", "dev", "vbr-lan").ok().stdout
    tap = on_lan()
    desired.want(networks={"lan": {
        **lan, "dhcp": {"range": ["10.77.0.100", "10.77.0.110"]},
        "dhcp6": {"range": ["fd00:77::100", "fd00:77::300"],
                  "hosts": {"web1": {"id": "00:03:00:01:52:54:00:00:77:01", "ip": "fd00:77::11"}}},
        "dns": {"hosts": {"10.77.0.5": ["ns"], "fd00:77::5": ["six"]}}}})
    assert desired.plan().impact("network", "lan") == "live", desired.run("plan").stdout
    with host.api_calls() as calls:
        desired.apply()
    assert "virNetworkUpdate" in calls and "virNetworkDestroy" not in calls
    assert bridge_of(host, tap) == "vbr-lan"
    for live in (True, False):
        xml = tree(host, "lan", live)
        assert {h.get("ip"): [n.text for n in h] for h in xml.iterfind("dns/host")} == {
            "10.77.0.5": ["ns"], "fd00:77::5": ["six"]}
        six = xml.find("ip[@family='ipv6']/dhcp")
        assert (six.find("range").get("end"), six.find("host").get("ip")) == ("fd00:77::300", "fd00:77::11")
        assert [r.get("end") for r in xml.iterfind("ip/dhcp/range")] == ["10.77.0.110", "fd00:77::300"]
    desired.settled()


def test_bandwidth_mtu_and_forwarders_wait_for_leave(desired, host, on_lan):
    desired.want(networks={"lan": LAN}).apply()
    tap = on_lan()
    limits = {"inbound": {"average": "1000kB/s", "peak": "5000kB/s", "burst": "1MB"}, "outbound": {"average": "128kB/s"}}
    desired.want(networks={"lan": {**LAN, "mtu": 1400, "bandwidth": limits, "dns": {"forwarders": ["192.0.2.53"]}}})
    assert desired.plan().impact("network", "lan") == "network"
    desired.apply(status=3)
    seen = tree(host, "lan")
    assert dict(seen.find("bandwidth/inbound").attrib) == {"average": "1000", "peak": "5000", "burst": "1000"}
    assert seen.find("dns/forwarder").get("addr") == "192.0.2.53"
    done = desired.run("apply", "--allow", "network")
    assert network(host, "lan").isActive() and bridge_of(host, tap) == "vbr-lan", str(done)
    if done.status:  # a kernel that shapes no traffic
        assert "old definition" in done.stdout and tree(host, "lan").find("bandwidth") is None
        desired.want(networks={"lan": {**LAN, "mtu": 1400}}).apply("--allow", "network")
    assert bridge_of(host, tap) == "vbr-lan"
    assert host.exec("cat", "/sys/class/net/vbr-lan/mtu").stdout.strip() == "1400"
    desired.settled()


def test_subnets_that_the_host_has_already(desired, host):
    host.exec("ip", "link", "add", "ks-up", "type", "veth", "peer", "name", "ks-peer").ok()
    host.exec("ip", "address", "add", "10.90.0.7/24", "dev", "ks-up").ok()
    host.exec("ip", "link", "set", "ks-up", "up").ok()
    said = desired.want(networks={"a": {"bridge": "vbr-a", "addresses": ["10.90.0.1/24"]}}).run("plan").ok(1).stderr
    assert "10.90.0.7/24" in said and "ks-up" in said
    said = desired.want(networks={"a": {"bridge": "vbr-a", "addresses": ["10.90.0.129/25"]}}).run("plan").ok().stderr
    assert "overlaps" in said
    two = {"a": {"bridge": "vbr-a", "addresses": ["10.91.0.1/24"]}, "b": {"bridge": "vbr-b", "addresses": ["10.91.0.2/24"]}}
    assert "network b" in desired.want(networks=two).run("plan").ok(1).stderr
    two["b"]["state"] = "inactive"
    desired.want(networks=two).apply()
    desired.settled()


def test_other_nodes_stay(desired, host):
    host.conn.networkDefineXML("""<network><name>lan</name><uuid>8b4d6a3e-0b33-4a25-9d0e-0f3e5f3b8d11</uuid>
      <bridge name='vbr-lan' stp='off' delay='3'/><dns><host ip='10.77.0.9'><hostname>ns</hostname></host></dns>
      <ip address='10.77.0.1' netmask='255.255.255.0'><dhcp><range start='10.77.0.100' end='10.77.0.150'/></dhcp></ip>
      <portgroup name='fast'/></network>""")
    before = network(host, "lan").XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE)
    desired.want(networks={"lan": {"bridge": "vbr-lan", "addresses": ["10.77.0.1/24"], "stp": False}})
    assert desired.plan().verbs() == {"network/lan:adopt": "adopt"}
    desired.apply()
    assert network(host, "lan").XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE) == before
    desired.settled()
    desired.want(networks={"lan": {"bridge": "vbr-lan", "mtu": 1400}}).apply()
    after = tree(host, "lan")
    assert after.find("mtu").get("size") == "1400"
    after.remove(after.find("mtu"))
    old = ET.fromstring(before)
    assert sorted(ET.tostring(e).strip() for e in after) == sorted(ET.tostring(e).strip() for e in old)


def test_bridge_mode(desired, host):
    desired.want(bridges={"br0": {"up": True}}, networks={"ovs0": {"forward": "bridge", "bridge": "br0"}})
    desired.apply("--allow", "network")
    assert tree(host, "ovs0").find("forward").get("mode") == "bridge"
    assert network(host, "ovs0").isActive()
    desired.settled()


def test_modes_change(desired, host):
    desired.want(bridges={"br0": {"up": True}},
                 networks={"net": {"forward": "none", "bridge": "vbr-net", "addresses": ["10.78.0.1/24"]}})
    desired.apply("--allow", "network")
    desired.want(networks={"net": {"forward": "bridge", "bridge": "br0", "addresses": None}})
    desired.apply("--allow", "network")
    assert tree(host, "net", live=True).find("bridge").get("name") == "br0"
    desired.settled()
    desired.want(networks={"net": {"forward": "none", "bridge": "vbr-net", "addresses": ["10.78.0.1/24"]}})
    desired.apply("--allow", "network")
    assert tree(host, "net", live=True).find("forward") is None
    desired.settled()


def test_hostdev_pool_of_a_pf_is_defined(desired, host):
    """There is no PF here: libvirt keeps the definition, and is not asked to start it."""
    desired.want(networks={"vfs": {"forward": "hostdev", "pf": "ens9", "state": "inactive"}}).apply()
    forward = tree(host, "vfs").find("forward")
    assert (forward.get("mode"), forward.get("managed"), forward.find("pf").get("dev")) == ("hostdev", "yes", "ens9")
    desired.settled()


@pytest.mark.parametrize("mode", ["nat", "route", "open"])
def test_forward_modes_are_defined(desired, host, mode):
    """Not started: that may need firewall rules, which not every kernel has."""
    desired.want(networks={"net": {"forward": mode, "bridge": "vbr-net", "addresses": ["10.78.0.1/24", "fd00:78::1/64"],
                                   "state": "inactive"}}).apply()
    assert tree(host, "net").find("forward").get("mode") == mode
    desired.settled()


def test_pruned_protected_and_foreign(desired, host, on_lan):
    host.conn.networkDefineXML("<network><name>foreign</name></network>")
    desired.want(networks={"lan": LAN, "kept": {"bridge": "vbr-kept", "protect": True}}, defaults={"prune": True}).apply()
    on_lan()
    desired.want(networks=None)
    steps = desired.plan().steps
    assert set(steps) == {"network/lan", "network/kept"}
    assert "web1" in steps["network/lan"]["blocked"] and "protected" in steps["network/kept"]["blocked"]
    desired.apply("--allow", "delete,network", status=3)
    assert len(host.conn.listAllNetworks()) == 3
    host.domain("web1").destroy()
    desired.apply("--allow", "delete", status=3)
    assert sorted(n.name() for n in host.conn.listAllNetworks()) == ["foreign", "kept"]


def test_absent_needs_the_mark(desired, host):
    host.conn.networkDefineXML("<network><name>foreign</name></network>")
    desired.want(networks={"foreign": {"state": "absent"}})
    assert "not made or adopted" in desired.plan().steps["network/foreign"]["blocked"]
    desired.apply("--allow", "delete", status=3)
    assert network(host, "foreign")


def test_stale(desired, host, tmp):
    desired.want(networks={"lan": LAN}).apply()
    desired.want(networks={"lan": {**LAN, "mtu": 1400}})
    desired.run("plan", "--out", tmp / "saved").ok()
    network(host, "lan").update(libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST, 0,
                                "<host mac='52:54:00:00:77:44' name='x' ip='10.77.0.44'/>",
                                libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG)
    host.kvmstate("apply", tmp / "saved", "--allow", "network").ok(7)
    assert tree(host, "lan").find("mtu") is None


def test_dry_run_writes_nothing(desired, host):
    desired.want(networks={"lan": LAN})
    with host.api_calls() as calls:
        desired.apply("--dry-run")
    assert calls.writes == [] and host.conn.listAllNetworks() == []


def test_a_host_takes_the_address_of_another_and_that_one_a_new_one(desired):
    """Two entries of the manifest are never taken for one on the host."""
    network = {"forward": "none", "bridge": "vbr1", "addresses": ["192.168.101.1/24"]}

    def want(**hosts):
        return desired.want(networks={"n": {**network, "dhcp": {"hosts": {
            name: {"mac": f"52:54:00:01:00:0{i}", "ip": f"192.168.101.20{i}"} for name, i in hosts.items()}}}})

    want(old=1).apply()
    want(old=2, new=1).apply("--allow", "network")
    desired.settled()
