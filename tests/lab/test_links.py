# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cables that are pulled and plugged in again, with each mode of a bond and with switches that speak LACP or do not."""

from __future__ import annotations

import time

import pytest

from tests.lab.agreement import agree
from tests.lab.lab import Lab
from tests.lab.pings import STORAGE, answers, answers_soon, between

NICS = ["eth2", "eth4"]
WAYS = (("nas", "xs-1"), ("xs-2", "xs-1"), ("xs-1", "nas"))
# Open vSwitch waits 200 ms (downdelay) before it gives a NIC up; the rest is for a machine that has much else to do.
FAIL_OVER_MS = 5000


def links_up(lab: Lab, host: str) -> int:
    """What XAPI counts."""
    ref = lab.twin.twin.host(host).ref
    (pif,) = [pif for pif in lab.twin.database.all("PIF").values() if pif["host"] == ref and pif["bond_master_of"]]
    return int(lab.twin.database.get("Bond", pif["bond_master_of"][0])["links_up"])


def soon(lab: Lab, host: str, number: int, within: float = 15) -> None:
    """XAPI looks at the links every few seconds."""
    deadline = time.monotonic() + within
    while links_up(lab, host) != number:
        assert time.monotonic() < deadline, f"XAPI counts {links_up(lab, host)} links of {host}, not {number}"
        time.sleep(0.1)


@pytest.mark.parametrize("mode", ["active-backup", "balance-slb"])
def test_fail_over_and_back(lab: Lab, mode: str) -> None:
    played = lab.bond(mode=mode)
    assert played.status == 0, played.output
    assert {lab.bond_of(host)["mode"] for host in lab.hosts} == {mode}
    lab.settle()
    first = lab.bond_of("xs-1")["active"]
    (other,) = set(NICS) - {first}

    with between(lab, *WAYS) as pings:
        time.sleep(1)
        lab.plug("xs-1", first, up=False)
        time.sleep(2)
    for account in pings.show(f"{mode}: {first} loses its carrier, {other} takes over"):
        assert account.outage_ms < FAIL_OVER_MS
    bond = lab.bond_when("xs-1", lambda bond: bond["enabled"] == [other])
    assert bond["active"] == other
    soon(lab, "xs-1", 1)
    agree(lab)

    # The first NIC is back, and would have to stay so for 31 s; but when it is the only one, it is used at once.
    with between(lab, *WAYS) as pings:
        time.sleep(0.5)
        lab.plug("xs-1", first, up=True)
        time.sleep(1.5)
        lab.plug("xs-1", other, up=False)
        time.sleep(2)
    for account in pings.show(f"{mode}: {first} comes back and {other} loses its carrier, without a wait of 31 s"):
        assert account.outage_ms < FAIL_OVER_MS
    assert lab.bond_when("xs-1", lambda bond: bond["enabled"] == [first])["active"] == first

    with between(lab, *WAYS) as pings:
        time.sleep(0.5)
        lab.plug("xs-1", other, up=True)
        time.sleep(1)
        lab.settle()
        time.sleep(1)
    for account in pings.show(f"{mode}: {other} is back as well"):
        assert account.outage_ms < FAIL_OVER_MS
    lab.bond_when("xs-1", lambda bond: bond["enabled"] == NICS)
    soon(lab, "xs-1", 2)


def test_lacp_with_a_switch_that_speaks_it_and_with_one_that_does_not(lab: Lab) -> None:
    played = lab.bond(mode="lacp", properties={"lacp-time": "fast"})
    assert played.status == 0, played.output

    # A switch that does not: lacp-fallback-ab (true by default) makes it an active-backup bond.
    # A NIC counts as negotiated for its first 3 s, until no LACPDU has come (the state "expired" of Open vSwitch's lacp.c).
    for host in lab.hosts:
        bond = lab.bond_when(host, lambda bond: bond["lacp"] == "configured")
        assert (bond["mode"], bond["members"]) == ("balance-tcp", NICS)
    agree(lab)
    assert [answers_soon(host, STORAGE["nas"]) for host in lab.hosts.values()] == [5, 5]

    for host in lab.hosts:
        lab.bundle(host, NICS, speaks_lacp=True)
    for host in lab.hosts:
        lab.bond_when(host, lambda bond: bond["lacp"] == "negotiated")
    lab.settle()
    for host in lab.hosts:
        lab.bond_when(host, lambda bond: bond["enabled"] == NICS)
    agree(lab)
    assert [answers_soon(host, STORAGE["nas"]) for host in lab.hosts.values()] == [5, 5]

    with between(lab, *WAYS) as pings:
        time.sleep(1)
        lab.plug("xs-1", "eth2", up=False)
        time.sleep(2)
        lab.plug("xs-1", "eth2", up=True)
        time.sleep(1)
        lab.settle()
        time.sleep(1)
    for account in pings.show("lacp: eth2 loses its carrier and gets it back"):
        assert account.outage_ms < FAIL_OVER_MS
    lab.bond_when("xs-1", lambda bond: bond["enabled"] == NICS)


def test_lacp_without_fallback_has_no_traffic_on_a_switch_that_does_not_speak_it(lab: Lab) -> None:
    played = lab.bond(mode="lacp", properties={"lacp-fallback-ab": "false"})
    assert played.status == 0, played.output
    lab.bond_when("xs-1", lambda bond: bond["lacp"] == "configured")
    assert answers(lab.hosts["xs-1"], STORAGE["nas"]) == 0
