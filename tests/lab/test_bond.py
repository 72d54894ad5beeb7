# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role on real Open vSwitch over real SSH: the tutorial's end state in dom0's own words, packets while it is made, and the way back."""

from __future__ import annotations

import time

from tests.lab.agreement import agree
from tests.lab.lab import Lab
from tests.lab.pings import STORAGE, answers, between

ALL_WAYS = (("xs-1", "xs-2"), ("xs-2", "xs-1"), ("nas", "xs-1"), ("nas", "xs-2"))
# What the tutorial prints: bridges, and the interfaces that have an address, with their MAC.
BRIDGES = ["xapi0", "xenbr0", "xenbr1", "xenbr3", "xenbr5"]
ADDRESSES = {
    "xs-1": {"xapi0": ("00:26:55:D1:E8:CC", "172.16.0.35/28"), "xenbr0": ("00:1F:29:C4:9F:5C", "172.16.0.10/27")},
    "xs-2": {"xapi0": ("00:26:55:D2:EE:50", "172.16.0.36/28"), "xenbr0": ("00:1F:29:C4:9D:BA", "172.16.0.12/27")},
}


def addresses_of(lab: Lab, host: str) -> dict[str, tuple[str, str]]:
    """Interfaces of dom0 with their MAC and address, of those that have one."""
    interfaces = lab.ask_dom0(host)["interfaces"]
    return {name: (found["mac"].upper(), found["addresses"][0]) for name, found in interfaces.items() if found["addresses"]}


def test_the_tutorials_end_state_while_packets_flow_and_back_to_the_very_state_before(lab: Lab) -> None:
    before = {host: lab.ask_dom0(host) for host in lab.hosts}
    agree(lab)

    with between(lab, *ALL_WAYS) as pings:
        time.sleep(1)
        played = lab.bond()
        time.sleep(2)
    assert played.status == 0, played.output
    for account in pings.show("while the bond is made"):
        assert account.sent > 200
        assert account.outage_ms < 10_000, "a host is without its storage for about a second, and for no 31 s"

    for host in lab.hosts:
        assert lab.ssh(host, "ovs-vsctl list-br").split() == BRIDGES
        heading, *rows = [line.split("\t") for line in lab.ssh(host, "ovs-appctl bond/list").splitlines()]
        assert heading == ["bond", "type", "recircID", "members"]
        assert [(name, mode, sorted(nics.split(", "))) for name, mode, _number, nics in rows] == [
            ("bond0", "active-backup", ["eth2", "eth4"])
        ]
        assert "updelay: 31000 ms\ndowndelay: 200 ms" in lab.ssh(host, "ovs-appctl bond/show bond0")
        assert addresses_of(lab, host) == ADDRESSES[host]
    agree(lab)
    assert answers(lab.hosts["xs-1"], STORAGE["xs-2"]) == answers(lab.hosts["xs-2"], STORAGE["xs-1"]) == 5

    again = lab.bond()
    assert again.status == 0, again.output
    assert sum(again.changed().values()) == 0

    with between(lab, *ALL_WAYS) as pings:
        time.sleep(1)
        played = lab.bond("storage_bond_remove")
        time.sleep(2)
    assert played.status == 0, played.output
    pings.show("while the bond is removed")
    agree(lab)
    assert {host: lab.ask_dom0(host) for host in lab.hosts} == before
    assert answers(lab.hosts["xs-1"], STORAGE["xs-2"]) == 5


def test_verify_believes_dom0_and_not_only_xapi(lab: Lab) -> None:
    assert lab.bond().status == 0
    assert lab.bond("storage_bond_verify").status == 0
    lab.ssh("xs-2", "ovs-vsctl del-port xapi0 bond0")  # by hand, behind XAPI's back
    played = lab.bond("storage_bond_verify")
    assert played.status != 0
    assert "xs-2" in played.output and "bond0" in played.output


def test_the_direct_strategy_restarts_no_xapi(lab: Lab) -> None:
    played = lab.bond(strategy="direct")
    assert played.status == 0, played.output
    assert "restarting xapi" not in played.output
    agree(lab)
    assert answers(lab.hosts["xs-1"], STORAGE["xs-2"]) == 5
