# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dom0's tools print, old and new, for the same network."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from xapi_twin.dom0 import formats, wiring
from xapi_twin.dom0.model import BondMember, BondPort, Bridge, Dom0, Nic, SwitchPort

MAC = "00:26:55:d1:e8:cc"


def bonded(ovs: str = "2.17.7", backend: str = "openvswitch", mode: str = "active-backup") -> Dom0:
    """eth2 and eth4 in bond0, eth4 carrying the traffic, eth2 waiting for its updelay; eth5 without a cable."""
    return Dom0(
        hostname="xs-1",
        network_backend=backend,
        ovs_version=ovs,
        nics={
            "eth2": Nic("eth2", MAC, speed=1000),
            "eth4": Nic("eth4", "00:1b:78:5a:21:8d", speed=1000),
            "eth5": Nic("eth5", "00:1b:78:5a:21:8c", carrier=False),
        },
        bridges={
            "xapi0": Bridge("xapi0", MAC, addresses=("172.16.0.35/28",), ports=("bond0",)),
            "xenbr5": Bridge("xenbr5", "00:1b:78:5a:21:8c", ports=("eth5",)),
        },
        bonds={
            "bond0": BondPort(
                "bond0", "xapi0", (BondMember("eth2", enables_at=110.0), BondMember("eth4", enabled=True)), mode, active="eth4"
            )
        },
    )


@pytest.mark.parametrize(
    ("ovs", "text"),
    [
        ("1.4.6", "bond\ttype\tslaves\nbond0\tactive-backup\teth2, eth4\n"),
        ("2.5.3", "bond\ttype\trecircID\tslaves\nbond0\tactive-backup\t0\teth2, eth4\n"),
        ("2.17.7", "bond\ttype\trecircID\tmembers\nbond0\tactive-backup\t0\teth2, eth4\n"),
    ],
)
def test_bond_list_has_the_columns_of_its_version(ovs: str, text: str) -> None:
    assert formats.bond_list(bonded(ovs)) == text


def test_bond_list_without_a_bond_is_the_heading_alone() -> None:
    assert formats.bond_list(replace(bonded("1.4.6"), bonds={})) == "bond\ttype\tslaves\n"


def test_bond_show_of_a_current_open_vswitch() -> None:
    dom0 = bonded("3.1.0")
    assert formats.bond_show(dom0.bonds["bond0"], dom0, now=100.0) == (
        "---- bond0 ----\n"
        "bond_mode: active-backup\n"
        "bond may use recirculation: no, Recirc-ID : -1\n"
        "bond-hash-basis: 0\n"
        "lb_output action: disabled, bond-id: -1\n"
        "updelay: 31000 ms\n"
        "downdelay: 200 ms\n"
        "lacp_status: off\n"
        "lacp_fallback_ab: false\n"
        "active-backup primary: <none>\n"
        "active member mac: 00:1b:78:5a:21:8d(eth4)\n"
        "\n"
        "member eth2: disabled\n"
        "  updelay expires in 10000 ms\n"
        "  may_enable: true\n"
        "\n"
        "member eth4: enabled\n"
        "  active member\n"
        "  may_enable: true\n"
        "\n"
    )


def test_bond_show_of_the_tutorials_open_vswitch_has_no_heading_and_other_words() -> None:
    dom0 = bonded("1.4.6", mode="balance-slb")
    assert formats.bond_show(dom0.bonds["bond0"], dom0, now=100.0) == (
        "bond_mode: balance-slb\n"
        "bond-hash-algorithm: balance-slb\n"
        "bond-hash-basis: 0\n"
        "updelay: 31000 ms\n"
        "downdelay: 200 ms\n"
        "next rebalance: 1800000 ms\n"
        "lacp_negotiated: false\n"
        "\n"
        "slave eth2: disabled\n"
        "\tupdelay expires in 10000 ms\n"
        "\tmay_enable: true\n"
        "\n"
        "slave eth4: enabled\n"
        "\tactive slave\n"
        "\tmay_enable: true\n"
        "\n"
    )


def test_bond_show_of_a_bond_without_a_link() -> None:
    dom0 = bonded()
    dead = replace(dom0.bonds["bond0"], members=(BondMember("eth2", may_enable=False),), active=None)
    assert "active member mac: 00:00:00:00:00:00(none)\n" in formats.bond_show(dead, dom0, now=0.0)


def test_ifconfig_old() -> None:
    assert formats.ifconfig(bonded(), "old", ["xapi0"]) == (
        "xapi0     Link encap:Ethernet  HWaddr 00:26:55:D1:E8:CC  \n"
        "          inet addr:172.16.0.35  Bcast:172.16.0.47  Mask:255.255.255.240\n"
        "          UP BROADCAST RUNNING MULTICAST  MTU:1500  Metric:1\n"
        "          RX packets:0 errors:0 dropped:0 overruns:0 frame:0\n"
        "          TX packets:0 errors:0 dropped:0 overruns:0 carrier:0\n"
        "          collisions:0 txqueuelen:1000 \n"
        "          RX bytes:0 (0.0 b)  TX bytes:0 (0.0 b)\n"
        "\n"
    )


def test_ifconfig_new() -> None:
    assert formats.ifconfig(bonded(), "new", ["xapi0"]).startswith(
        "xapi0: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 1500\n"
        "        inet 172.16.0.35  netmask 255.255.255.240  broadcast 172.16.0.47\n"
        "        ether 00:26:55:d1:e8:cc  txqueuelen 1000  (Ethernet)\n"
    )


def test_ifconfig_sorts_by_name_and_leaves_out_what_is_down_unless_asked() -> None:
    def names(text: str) -> list[str]:
        return [line.split(":")[0] for line in text.splitlines() if line and line[0] != " "]

    assert names(formats.ifconfig(bonded(), "new")) == ["eth2", "eth4", "eth5", "lo", "xapi0", "xenbr5"]
    assert "ovs-system" in names(formats.ifconfig(bonded(), "new", everything=True))
    assert "ovs-system" not in names(formats.ifconfig(bonded("1.4.6"), "new", everything=True))


def test_ip_tells_a_missing_carrier_and_the_switch_a_card_belongs_to() -> None:
    found = {device.name: formats.ip_link(device, 1)[0] for device in formats.devices(bonded())}
    assert "<NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc mq master ovs-system state DOWN" in found["eth5"]
    assert "<BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500" in found["xapi0"]
    assert formats.ip_addresses(next(device for device in formats.devices(bonded()) if device.name == "xapi0")) == [
        "inet 172.16.0.35/28 brd 172.16.0.47 scope global xapi0"
    ]


def test_on_a_linux_bridge_the_bond_is_a_device_and_open_vswitch_is_not_there() -> None:
    names = [device.name for device in formats.devices(bonded(backend="bridge"))]
    assert "bond0" in names
    assert "ovs-system" not in names
    masters = {device.name: device.master for device in formats.devices(bonded(backend="bridge"))}
    assert (masters["eth2"], masters["bond0"]) == ("bond0", "xapi0")


def test_the_kernels_bonding_driver() -> None:
    dom0 = bonded(backend="bridge")
    text = formats.bond_proc(dom0.bonds["bond0"], dom0)
    assert "Bonding Mode: fault-tolerance (active-backup)\nPrimary Slave: None\nCurrently Active Slave: eth4\nMII Status: up\n" in text
    assert "Slave Interface: eth2\nMII Status: down\nSpeed: 1000 Mbps\nDuplex: full\n" in text


def test_brctl_show() -> None:
    assert formats.brctl_show(bonded(backend="bridge")) == (
        "bridge name\tbridge id\t\tSTP enabled\tinterfaces\n"
        "xapi0\t\t8000.002655d1e8cc\tno\t\tbond0\n"
        "xenbr5\t\t8000.001b785a218c\tno\t\teth5\n"
    )


# LACP


def speaking(*partners: tuple[str, int] | None, ovs: str = "4.0.0") -> Dom0:
    """eth2 and eth4 in an LACP bond; the port of each speaks with this system id and key, or not at all."""
    dom0 = bonded(ovs, mode="balance-tcp")
    for device, lacp in zip(("eth2", "eth4"), partners, strict=True):
        dom0.nics[device] = replace(dom0.nics[device], port=SwitchPort(lacp=lacp))
    inside = set(
        wiring.bundle(bond := replace(dom0.bonds["bond0"], lacp="active", lacp_time="fast", fallback_ab=True, active="eth2"), dom0)
    )
    members = tuple(replace(member, may_enable=member.device in inside) for member in bond.members)
    dom0.bonds["bond0"] = replace(bond, members=members)
    return dom0


def shape(text: str) -> list[str]:
    """A listing without what is another on each machine: ids, keys, priorities, and what the partner says of its state."""
    hidden = re.sub(r"(?m)(partner state:).*$", r"\1", re.sub(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}|\b\d+\b", "*", text))
    return [line.rstrip() for line in hidden.splitlines()]


A, B = ("02:00:00:00:0a:01", 11), ("02:00:00:00:0b:01", 12)


@pytest.mark.parametrize(
    ("printed", "partners"),
    [("no-partner", (None, None)), ("two-switches", (A, B)), ("one-partner", (A, None)), ("one-bundle", (A, A))],
)
def test_lacp_show_has_the_words_of_a_real_open_vswitch(printed: str, partners: tuple[tuple[str, int] | None, ...]) -> None:
    dom0 = speaking(*partners)
    real = (Path(__file__).parents[1] / "fixtures" / "dom0" / f"lacp_show.ovs-4.{printed}.txt").read_text()
    assert shape(formats.lacp_show(dom0.bonds["bond0"], dom0)) == shape(real)


def test_lacp_show_of_an_old_open_vswitch_has_slaves_and_tabs() -> None:
    dom0 = speaking(A, B, ovs="2.5.3")
    shown = formats.lacp_show(dom0.bonds["bond0"], dom0)
    assert "slave: eth4: current detached\n\tport_id: 2\n" in shown and "\tpartner sys_id: 02:00:00:00:0b:01\n" in shown


def test_bond_show_of_a_bond_that_the_switch_bundles() -> None:
    for partners, status in (((A, A), "negotiated"), ((A, B), "negotiated"), ((None, None), "configured")):
        dom0 = speaking(*partners)
        assert f"lacp_status: {status}\n" in formats.bond_show(dom0.bonds["bond0"], dom0, now=100.0)
