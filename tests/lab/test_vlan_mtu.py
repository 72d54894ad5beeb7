# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VLAN on the bond, and jumbo frames from end to end."""

from __future__ import annotations

from tests.lab.agreement import agree
from tests.lab.lab import Lab
from tests.lab.pings import STORAGE, answers


def test_a_vlan_on_the_bond_carries_its_own_traffic(lab: Lab) -> None:
    played = lab.bond(vlans=[{"tag": 50, "network": "NAS backup"}])
    assert played.status == 0, played.output
    addresses = {"xs-1": "10.50.0.1", "xs-2": "10.50.0.2"}
    for name, address in addresses.items():
        ref = lab.twin.twin.host(name).ref
        (pif,) = [key for key, pif in lab.twin.database.all("PIF").items() if pif["host"] == ref and pif["VLAN"] == 50]
        lab.twin.run(lab.twin.twin.dispatcher.internal, "PIF.reconfigure_ip", pif, "Static", address, "255.255.255.0", "", "")
    agree(lab)
    assert answers(lab.hosts["xs-1"], addresses["xs-2"]) == answers(lab.hosts["xs-2"], addresses["xs-1"]) == 5
    assert answers(lab.hosts["xs-1"], STORAGE["xs-2"]) == 5
    for host in lab.hosts:
        assert "tag: 50" in lab.ssh(host, "ovs-vsctl show")


def test_jumbo_frames_between_each_host_and_the_storage_server(lab: Lab) -> None:
    assert answers(lab.hosts["xs-1"], STORAGE["nas"], size=8972, fragment=False) == 0
    played = lab.bond(mtu=9000)
    assert played.status == 0, played.output
    agree(lab)
    for name, host in lab.hosts.items():
        interfaces = lab.ask_dom0(name)["interfaces"]
        assert {interfaces[device]["mtu"] for device in ("xapi0", "eth2", "eth4")} == {9000}
        assert {interfaces[device]["mtu"] for device in ("xenbr0", "eth0", "eth3")} == {1500}
        assert answers(host, STORAGE["nas"], size=8972, fragment=False) == 5
        assert answers(host, STORAGE["nas"], size=8973, fragment=False) == 0
        assert answers(lab.nas, STORAGE[name], size=8972, fragment=False) == 5
    assert answers(lab.hosts["xs-1"], STORAGE["xs-2"], size=8972, fragment=False) == 5
