# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dom0 prints, in every format in the field, is read as facts; anything else is an error that quotes the line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.xapi.network.plugins.module_utils._dom0 import answers
from ansible_collections.xapi.network.plugins.module_utils._dom0.answers import Dom0Bond, Dom0Interface, UnreadableError
from ansible_collections.xapi.network.plugins.module_utils._dom0.lacp import Partner, read_lacp_show
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError

FIXTURES = Path(__file__).parent / "fixtures" / "dom0"


def text(name: str) -> str:
    return (FIXTURES / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("fixture", "bonds"),
    [
        ("bond_list.ovs-1", {"bond0": ("eth2", "eth4")}),
        ("bond_list.ovs-1.empty", {}),
        ("bond_list.tutorial", {"bond0": ("eth2", "eth4")}),
        ("bond_list.ovs-2", {"bond0": ("eth0", "eth1")}),
        ("bond_list.ovs-2.15", {"bond0": ("ens20f0np0", "ens20f1np1")}),
        ("bond_list.ovs-3", {"bond0": ("eth2", "eth4")}),
    ],
)
def test_bond_list_with_three_and_four_columns(fixture: str, bonds: dict[str, tuple[str, ...]]) -> None:
    assert answers.read_bond_list(text(fixture)) == bonds


@pytest.mark.parametrize(
    ("fixture", "bond"),
    [
        ("1.1", Dom0Bond("active-backup", ("eth2", "eth4"), "eth2", ("eth2", "eth4"), "not negotiated")),
        ("1.4", Dom0Bond("balance-slb", ("eth1", "eth2", "eth3", "eth4"), "eth4", ("eth1", "eth2", "eth3", "eth4"), "negotiated")),
        ("2.0", Dom0Bond("active-backup", ("br0p0", "br0p1"), "br0p1", ("br0p0", "br0p1"), "negotiated")),
        ("2.3", Dom0Bond("balance-tcp", ("eth0", "eth1"), "eth0", ("eth0", "eth1"), "configured")),
        ("2.5", Dom0Bond("active-backup", ("eth0", "eth1", "eth2", "eth3"), "eth3", ("eth2", "eth3"), "off")),
        ("2.13", Dom0Bond("balance-tcp", ("dpdk0", "dpdk1"), "dpdk0", ("dpdk0",), "negotiated")),
        ("2.15", Dom0Bond("balance-tcp", ("ens20f0np0", "ens20f1np1"), "ens20f1np1", ("ens20f0np0", "ens20f1np1"), "negotiated")),
        ("3.active-backup", Dom0Bond("active-backup", ("eth2", "eth4"), "eth4", ("eth2", "eth4"), "off")),
        ("3.balance-slb", Dom0Bond("balance-slb", ("eth2", "eth4"), "eth4", ("eth4",), "off")),
        ("3.balance-tcp", Dom0Bond("balance-tcp", ("eth2", "eth4"), "eth4", ("eth4",), "configured")),
        ("3.3", Dom0Bond("balance-slb", ("eno1", "eno2"), "eno1", ("eno1", "eno2"), "off")),
    ],
)
def test_bond_show_of_open_vswitch_1_to_3(fixture: str, bond: Dom0Bond) -> None:
    assert answers.read_bond_show(text(f"bond_show.ovs-{fixture}"), "bond0") == bond


@pytest.mark.parametrize(
    ("fixture", "bond"),
    [
        ("centos-5", Dom0Bond("balance-rr", ("eth0", "eth1"), "", ("eth0", "eth1"), "off")),
        ("active-backup", Dom0Bond("active-backup", ("p1p1", "p1p2"), "p1p1", ("p1p1", "p1p2"), "off")),
        ("down", Dom0Bond("active-backup", ("eno1", "eno2"), "", (), "off")),
        (
            "802.3ad",
            Dom0Bond("802.3ad", ("ens1f0",), "", ("ens1f0",), "negotiated", {"ens1f0": Partner("08:9e:01:f8:63:ac", 69)}),
        ),
        # Each NIC is alone in an aggregator, and one of these is active.
        (
            "802.3ad-no-partner",
            Dom0Bond("802.3ad", ("eth0", "eth1"), "", ("eth0",), "configured", {"eth0": Partner(), "eth1": Partner()}),
        ),
        ("source-load-balancing", Dom0Bond("balance-slb", ("eth2", "eth4"), "", ("eth2", "eth4"), "off")),
    ],
)
def test_bonds_of_the_linux_bonding_driver(fixture: str, bond: Dom0Bond) -> None:
    assert answers.read_linux_bond(text(f"linux_bond.{fixture}")) == bond


A, B, LAG = Partner("02:00:00:00:0a:01", 1), Partner("02:00:00:00:0b:01", 1), Partner("ca:bc:f3:0f:3b:49", 2)


@pytest.mark.parametrize(
    ("fixture", "partners"),
    [
        ("no-partner", {"eth2": Partner(), "eth4": Partner()}),
        ("one-partner", {"eth2": A, "eth4": Partner()}),
        ("two-switches", {"eth2": A, "eth4": B}),
        ("one-bundle", {"eth2": LAG, "eth4": LAG}),
    ],
)
def test_the_lacp_partner_of_each_nic(fixture: str, partners: dict[str, Partner]) -> None:
    shown = text(f"lacp_show.ovs-4.{fixture}")
    assert read_lacp_show(shown) == partners
    assert read_lacp_show(shown.replace("  ", "\t").replace("member: ", "slave: ")) == partners  # as before 2.13
    output = probed(**{"bond bond0": text("bond_show.ovs-3.balance-tcp"), "lacp bond0": shown})
    assert answers.parse(output).bonds["bond0"].partners == partners


def test_a_bond_without_lacp_has_no_partners() -> None:
    assert answers.parse(probed() + section("lacp bond0", "no such lacp object", 2)).bonds["bond0"].partners == {}


def test_an_old_bonding_driver_tells_the_partner_of_the_active_aggregator_alone() -> None:
    shown = text("linux_bond.802.3ad-no-partner").replace("00:00:00:00:00:00", "08:9e:01:f8:63:ac")
    bond = answers.read_linux_bond(shown)
    assert (bond.partners, bond.enabled) == ({"eth0": Partner("08:9e:01:f8:63:ac", 1)}, ("eth0",))


SWITCH = """8fd1f5e4-9f1b-4d53-8f0c-1c3a6c1d4f1e
    Bridge @xenbr2@
        fail_mode: standalone
        Port @xenbr2@
            Interface @xenbr2@
                type: internal
        Port @eth2@
            Interface @eth2@
    Bridge @xapi0@
        Port @bond0@
            Interface @eth4@
                error: "could not open network device eth4 (No such device)"
            Interface @eth3@
        Port @xapi0@
            Interface @xapi0@
                type: internal
    ovs_version: "2.17.7"
"""
STORAGE = Dom0Interface("00:26:55:d1:e8:cc", 9000, ("172.16.0.35/28", "2001:db8::35/64"), True)


@pytest.mark.parametrize("fixture", ["ifconfig.net-tools-2", "ifconfig.busybox", "ip_addr.busybox", "ip_addr.iproute2-6.1"])
def test_one_machine_asked_with_four_tools_gives_the_same_interfaces(fixture: str) -> None:
    read = answers.read_ifconfig if fixture.startswith("ifconfig") else answers.read_ip_addr
    interfaces = read(text(fixture))
    assert set(interfaces) == {"eth2", "sw2", "xapi0"}  # loopback devices are left out
    assert interfaces["xapi0"].mac == STORAGE.mac
    assert interfaces["xapi0"].mtu == STORAGE.mtu
    assert sorted(interfaces["xapi0"].addresses) == sorted(STORAGE.addresses)  # and link-local addresses as well
    assert interfaces["eth2"] == Dom0Interface("00:26:55:d1:e8:cc", 9000, (), True)


def test_ifconfig_of_centos_5_writes_netmask_and_mac_its_own_way() -> None:
    assert answers.read_ifconfig(text("ifconfig.net-tools-1.60")) == {
        "eth0": Dom0Interface("30:5b:d6:f1:d6:f8", 1500, (), True),
        "xenbr0": Dom0Interface("30:5b:d6:f1:d6:f8", 1500, ("10.80.236.237/20",), True),
    }


def test_ifconfig_shows_a_device_that_is_down() -> None:
    down = "eth1      Link encap:Ethernet  HWaddr 00:1F:29:C4:9F:3C  \n          BROADCAST MULTICAST  MTU:1500  Metric:1\n"
    assert answers.read_ifconfig(down) == {"eth1": Dom0Interface("00:1f:29:c4:9f:3c", 1500, (), False)}


def test_an_alias_of_ifconfig_is_one_more_address_of_its_device() -> None:
    lines = (
        "xapi0: flags=4163<UP,BROADCAST>  mtu 1500\n        inet 10.0.0.1  netmask 255.0.0.0\n        ether 00:1f:29:c4:9f:3c\n"
        "xapi0:1: flags=4163<UP,BROADCAST>  mtu 1500\n        inet 10.0.0.2  netmask 255.0.0.0\n        ether 00:1f:29:c4:9f:3c\n"
    )
    assert answers.read_ifconfig(lines)["xapi0"].addresses == ("10.0.0.1/8", "10.0.0.2/8")


def test_ip_addr_of_dom0_on_centos_7() -> None:
    interfaces = answers.read_ip_addr(text("ip_addr.centos-7"))
    assert interfaces == {
        "eth0": Dom0Interface("20:67:7c:dd:92:24", 1500, (), True),
        "eth3": Dom0Interface("20:67:7c:dd:92:27", 1500, (), True),
    }


def test_ip_addr_with_altnames_metrics_and_peers_behind_the_name() -> None:
    interfaces = answers.read_ip_addr(text("ip_addr.iproute2-6"))
    assert interfaces["enp49s0"].addresses == ()
    assert interfaces["ve-databaselCjq"].addresses == ("169.254.19.70/16", "192.168.244.177/28")


def test_bridges_of_the_linux_bridge_backend() -> None:
    assert answers.read_brctl(text("brctl_show")) == {"br0": ["veth00", "veth10"], "docker0": []}


@pytest.mark.parametrize("quote", ["", '"'])
def test_what_is_in_the_bridges_of_open_vswitch(quote: str) -> None:
    """Before 2.14 names with digits stand in quotation marks. The NICs of an incomplete bond are in its bridge, whatever XAPI says."""
    output = SWITCH.replace("@", quote)
    assert answers.read_ovs_show(output) == {"xenbr2": ["eth2"], "xapi0": ["eth4", "eth3"]}
    assert answers.read_ovs_show("8fd1f5e4-9f1b-4d53-8f0c-1c3a6c1d4f1e\n") == {}


def test_the_version_of_open_vswitch() -> None:
    assert answers.read_ovs_version("ovs-vsctl (Open vSwitch) 2.5.3\nCompiled Jun 20 2018 13:22:37\nDB Schema 7.12.1\n") == "2.5.3"


@pytest.mark.parametrize(
    ("read", "output", "quoted"),
    [
        (answers.read_bond_list, "bond\ttype\tcolour\tmembers\n", "bond\ttype\tcolour\tmembers"),
        (answers.read_bond_list, "", ""),
        (answers.read_bond_list, "bond\ttype\trecircID\tmembers\nbond0\tactive-backup\teth2, eth4\n", "bond0\tactive-backup\teth2, eth4"),
        (answers.read_bond_list, "bond\ttype\tslaves\nbond0\tactive-backup\t\n", "bond0\tactive-backup"),
        (
            lambda output: answers.read_bond_show(output, "bond0"),
            "bond_mode: active-backup\n\nport eth2 is enabled\n",
            "port eth2 is enabled",
        ),
        (
            lambda output: answers.read_bond_show(output, "bond0"),
            "bond_mode: active-backup\n\nmember eth2: perhaps\n",
            "member eth2: perhaps",
        ),
        (lambda output: answers.read_bond_show(output, "bond0"), "lacp_status: off\n\nmember eth2: enabled\n", "lacp_status: off"),
        (answers.read_linux_bond, "Ethernet Channel Bonding Driver: v9\n\nBonding Mode: telepathy\n", "Bonding Mode: telepathy"),
        (answers.read_linux_bond, "Team driver v1\n", "Team driver v1"),
        (answers.read_linux_bond, "Ethernet Channel Bonding Driver: v9\nBonding Mode: load balancing (xor)\nsurprise\n", "surprise"),
        (answers.read_brctl, "interface bridge\n", "interface bridge"),
        (answers.read_brctl, "bridge name\tbridge id\t\tSTP enabled\tinterfaces\nxenbr0 8000 no eth0\n", "xenbr0 8000 no eth0"),
        (answers.read_ip_addr, "eth2 UP 172.16.0.35/28\n", "eth2 UP 172.16.0.35/28"),
        (answers.read_ip_addr, "1: eth2: <UP> mtu 1500\n    inet somewhere scope global\n", "inet somewhere scope global"),
        (answers.read_ip_addr, "", ""),
        (answers.read_ifconfig, "eth2 is up\n", "eth2 is up"),
        (answers.read_ifconfig, "eth2: flags=4163<UP>  mtu 1500\n        inet 0x7f000001\n", "inet 0x7f000001"),
        (answers.read_ifconfig, "eth2: flags=4163<UP>\n", "eth2: flags=4163<UP>"),
        (answers.read_ifconfig, "", ""),
        (answers.read_ovs_show, "ovs-vsctl: no such database\n", "ovs-vsctl: no such database"),
        (answers.read_ovs_version, "ovs-vsctl, a version of its own\n", "ovs-vsctl, a version of its own"),
        (answers.read_inventory, "INSTALLATION_UUID='mine'\n", "INSTALLATION_UUID='mine'"),
    ],
)
def test_a_format_that_cannot_be_read_is_an_error_that_quotes_the_line(read, output: str, quoted: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UnreadableError) as error:
        read(output)
    assert f'"{quoted}"' in error.value.message


def section(name: str, output: str, status: int = 0) -> str:
    return f"\n#xapi.network begin {name}\n{output}\n#xapi.network end {status}\n"


def probed(**changes: str) -> str:
    """What the probe prints in a dom0 after the tutorial, with sections replaced."""
    sections = {
        "inventory": "PRODUCT_BRAND='XenServer'\nINSTALLATION_UUID='9a0fb5b2-6b8b-4a4b-8a08-d2d3c0d1e2f3'\n",
        "backend": "openvswitch\n",
        "hostname": "xs-1\n",
        "ovs-version": "ovs-vsctl (Open vSwitch) 2.17.7\nDB Schema 8.3.0\n",
        "list-br": text("list_br.ovs-3"),
        "switch": SWITCH.replace("@", ""),
        "bond-list": text("bond_list.ovs-3"),
        "bond bond0": text("bond_show.ovs-3.active-backup"),
        "ip-addr": text("ip_addr.iproute2-6.1"),
    } | changes
    return "Warning: a banner before the output\n" + "".join(section(name, output) for name, output in sections.items())


def test_everything_the_probe_prints_becomes_one_value() -> None:
    dom0 = answers.parse(probed())
    assert (dom0.uuid, dom0.hostname) == ("9a0fb5b2-6b8b-4a4b-8a08-d2d3c0d1e2f3", "xs-1")
    assert (dom0.backend, dom0.ovs_version) == ("openvswitch", "2.17.7")
    assert dom0.bridges == ("xapi0", "xenbr0", "xenbr1", "xenbr3", "xenbr5")
    assert dom0.bonds["bond0"].members == ("eth2", "eth4")
    assert dom0.interfaces["xapi0"].addresses == STORAGE.addresses


def test_facts_are_plain_data() -> None:
    facts = answers.parse(probed()).facts()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["bonds"]["bond0"] == {
        "mode": "active-backup",
        "members": ["eth2", "eth4"],
        "active": "eth4",
        "enabled": ["eth2", "eth4"],
        "lacp": "off",
        "partners": {},
    }
    assert facts["interfaces"]["xapi0"] == {"mac": STORAGE.mac, "mtu": 9000, "addresses": list(STORAGE.addresses), "up": True}


def test_a_linux_bridge_dom0_has_no_open_vswitch() -> None:
    output = probed(backend="bridge\n", brctl=text("brctl_show"), **{"linux-bond bond0": text("linux_bond.active-backup")})
    dom0 = answers.parse(output)
    assert (dom0.backend, dom0.ovs_version, dom0.bridges) == ("bridge", "", ("br0", "docker0"))
    assert dom0.bonds["bond0"].active == "p1p1"
    bonded = answers.parse(output.replace("veth10", "bond0"))
    assert bonded.bridge_of == {"veth00": "br0", **dict.fromkeys(dom0.bonds["bond0"].members, "br0")}


def test_a_bond_that_is_listed_but_not_described_is_an_error() -> None:
    with pytest.raises(NetworkError, match="bond/show bond0"):
        answers.parse(probed().replace("begin bond bond0", "begin bond bond9"))


def test_a_bond_that_went_after_it_was_listed_is_none() -> None:
    there = section("bond bond0", text("bond_show.ovs-3.active-backup"))
    gone = section("bond bond0", "no such bond\novs-appctl: ovs-vswitchd: server returned an error", 2)
    assert answers.parse(probed().replace(there, gone)).bonds == {}
    with pytest.raises(NetworkError, match="bond/show bond0"):
        answers.parse(probed().replace(there, section("bond bond0", "ovs-appctl: cannot connect to ovs-vswitchd", 1)))


def test_a_command_that_fails_in_dom0_is_an_error_with_its_words() -> None:
    output = probed().replace(
        section("list-br", text("list_br.ovs-3")), section("list-br", "ovs-vsctl: unix:/var/run/openvswitch/db.sock: connection failed", 1)
    )
    with pytest.raises(NetworkError, match=r'"ovs-vsctl list-br" failed in dom0 with status 1; it said: ovs-vsctl: unix'):
        answers.parse(output)


def test_a_machine_that_is_no_dom0_is_named_as_such() -> None:
    with pytest.raises(NetworkError, match="dom0 of a XenServer"):
        answers.parse("sh: not found\n")


def test_a_connection_to_some_other_machine_is_named_as_such() -> None:
    said = "cat: /etc/xensource-inventory: No such file or directory"
    output = section("inventory", said, 1) + section("backend", "cat: /etc/xensource/network.conf: No such file or directory", 1)
    with pytest.raises(NetworkError, match=r"does not lead to the dom0 of a XenServer.*No such file"):
        answers.parse(output)


def test_an_answer_that_breaks_off_is_not_read_as_half_a_state() -> None:
    with pytest.raises(NetworkError, match="cut"):
        answers.parse(probed()[:900])


def test_an_unknown_network_backend_is_not_taken_for_one_that_is_known() -> None:
    with pytest.raises(UnreadableError, match='"telepathy" names no network backend'):
        answers.parse(probed(backend="telepathy\n"))


def test_drbd_tools_without_the_kernels_module_are_no_drbd() -> None:
    """drbd-utils 9 on a host where nothing uses them: the rest of what dom0 says is as good as ever."""
    failed = "modprobe: FATAL: Module drbd not found in directory /lib/modules/4.19.0+1\nFailed to modprobe drbd (No such file)"
    read = answers.parse(probed() + section("drbd", failed, 20))
    assert (read.drbd, read.hostname) == (None, "xs-1")
    assert answers.parse(probed() + section("drbd", "# No currently configured DRBD found.\n")).drbd == {}
    assert answers.parse(probed()).drbd is None
