# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other end of the cables, as a run, a comparison and dom0 name it: LACP partners that do not bundle, hosts that are not reached."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._dom0 import answers

from tests.integration.bonding import bond, dom0, look, sentence, writes
from tests.integration.playing import play
from xapi_twin.dom0 import formats
from xapi_twin.dom0.model import BondMember, BondPort, SwitchPort
from xapi_twin.running import RunningTwin
from xapi_twin.scenario.load import load_scenario

ONE, OTHER = ("02:00:00:00:0a:01", 11), ("02:00:00:00:0b:01", 12)
LACP: dict[str, Any] = {"mode": "lacp", "accept": ["storage_in_use"], "strategy": "direct"}
# A second in dom0 takes some 0.05 seconds on these twins.
TIMED: dict[str, Any] = {**LACP, "confirm_timeout": 1200, "wait_timeout": 4}


def plug(twin: RunningTwin, host: str, device: str, **port: Any) -> None:
    twin.run(twin.twin.host(host).set_port, device, SwitchPort(**port))


def bundled(twin: RunningTwin, *hosts: str) -> None:
    """The switch speaks LACP on both ports of these hosts, as one bundle."""
    for host in hosts:
        for device in ("eth2", "eth4"):
            plug(twin, host, device, lacp=ONE)


@pytest.fixture
def twin() -> Iterator[RunningTwin]:
    with RunningTwin(load_scenario("tutorial"), restart_seconds=0) as running:
        yield running


def test_lacp_with_the_switch_is_confirmed_and_the_facts_have_the_partners(twin: RunningTwin, tmp_path: Path) -> None:
    bundled(twin, "xs-1", "xs-2")
    done = bond(twin, tmp_path, **TIMED)
    assert done.status == 0, done.output
    assert "LACP" not in done.output.partition("PLAY RECAP")[0].partition("seconds")[2]
    asked = play(tmp_path, [{"xapi.network.xs_dom0_facts": {}}], hosts="xs_hosts", inventory=twin.inventory_path)
    for result in asked.results:
        facts = result.values["ansible_facts"]["xs_dom0"]["bonds"]["bond0"]
        partner = {"system": "02:00:00:00:0a:01", "key": 11}
        assert (facts["lacp"], facts["partners"]) == ("negotiated", {"eth2": partner, "eth4": partner})


def test_two_switches_that_are_no_stack_are_named_with_both_ids_and_dom0_takes_the_bond_back(twin: RunningTwin, tmp_path: Path) -> None:
    bundled(twin, "xs-1", "xs-2")
    plug(twin, "xs-2", "eth4", lacp=OTHER)
    untouched = look(twin)["hosts"]["xs-2"]
    said = sentence(bond(twin, tmp_path, **TIMED))
    assert (
        "xs-2: the NICs of bond0 have different LACP partners: eth2 02:00:00:00:0a:01 (key 11), eth4 02:00:00:00:0b:01 (key 12)."
        " They do not bundle" in said
    )
    assert "Nobody has confirmed the change of xs-2" in said
    end = time.monotonic() + 150
    while dom0(twin, "xs-2", "ls -d /var/lib/xapi.network/timer 2>/dev/null; true"):
        assert time.monotonic() < end
        time.sleep(0.2)
    assert look(twin)["hosts"]["xs-2"] == untouched
    told = " ".join(bond(twin, tmp_path, "storage_bond_verify").output.split())
    assert (
        "since nobody confirmed it within 1200 s; the NICs of bond0 had different LACP partners: 02:00:00:00:0a:01 (key 11),"
        " 02:00:00:00:0b:01 (key 12)." in told
    )


def test_the_ports_of_a_scenario_are_those_of_its_hosts(tmp_path: Path) -> None:
    with RunningTwin(load_scenario("switches"), restart_seconds=0) as twin:
        told = " ".join(bond(twin, tmp_path, mode="lacp", strategy="direct").output.split())
        assert (
            "Note: xs-3: the NICs of bond0 have different LACP partners: eth2 02:00:00:00:0a:00 (key 11), eth4 02:00:00:00:0c:00 (key 11)."
            in told
        )
        assert "Note: xs-1" not in told and "Note: xs-2" not in told


@pytest.mark.parametrize("port", [{}, {"lacp": OTHER}])
def test_a_comparison_names_a_nic_that_is_not_in_the_bundle_and_fails_when_asked_to(
    twin: RunningTwin, port: dict[str, Any], tmp_path: Path
) -> None:
    bundled(twin, "xs-1", "xs-2")
    assert bond(twin, tmp_path, **LACP).status == 0
    plug(twin, "xs-2", "eth4", **port)
    warned = bond(twin, tmp_path, "storage_bond_verify", mode="lacp")
    words = "different LACP partners" if port else "no partner answers the LACP of bond0 on eth4"
    assert warned.status == 0 and "Note: xs-2:" in warned.output and words in " ".join(warned.output.split())
    failed = bond(twin, tmp_path, "storage_bond_verify", mode="lacp", degraded="fail")
    assert failed.status != 0 and sentence(failed).startswith("xs-2: ") and words in sentence(failed)


def test_a_switch_that_comes_after_the_hosts_is_a_risk_that_can_be_accepted(twin: RunningTwin, tmp_path: Path) -> None:
    done = bond(twin, tmp_path, **{**TIMED, "accept": ["storage_in_use", "lacp_partner"]})
    assert done.status == 0, done.output
    assert "Note: xs-1: no partner answers the LACP of bond0 on eth2 and eth4." in " ".join(done.output.split())


def test_the_kernels_driver_tells_the_same(twin: RunningTwin) -> None:
    """XAPI makes no LACP bond on the Linux bridge; one that somebody else has made is read all the same."""
    port = BondPort("bond0", "xapi0", (BondMember("eth2", enabled=True), BondMember("eth4", enabled=True)), "balance-tcp", lacp="active")
    heard: list[tuple[str, tuple[str, ...], list[str]]] = []
    state = twin.twin.host("xs-1").dom0
    for ports in ((ONE, ONE), (ONE, OTHER), (ONE, None), (None, None)):
        for device, lacp in zip(("eth2", "eth4"), ports, strict=True):
            plug(twin, "xs-1", device, lacp=lacp)
        found = answers.read_linux_bond(formats.bond_proc(port, replace(state, network_backend="bridge")))
        heard.append((found.lacp, found.enabled, [partner.system[-5:] for partner in found.partners.values()]))
    assert heard == [
        ("negotiated", ("eth2", "eth4"), ["0a:01", "0a:01"]),
        ("negotiated", ("eth2",), ["0a:01", "0b:01"]),
        ("negotiated", ("eth2",), ["0a:01", ""]),
        ("configured", ("eth2",), ["", ""]),
    ]


# whether the hosts reach each other

REACH: dict[str, Any] = {"accept": ["storage_in_use"], "strategy": "direct", "ping_hosts": True}


def test_hosts_that_reach_each_other_with_full_packets_are_proved(tmp_path: Path) -> None:
    with RunningTwin(load_scenario("three-hosts"), restart_seconds=0) as twin:
        done = bond(twin, tmp_path, mtu=9000, **REACH)
        assert done.status == 0, done.output
        assert "does not reach" not in done.output and "small packets" not in done.output


@pytest.mark.parametrize(
    ("port", "said"),
    [
        (
            {"blocked": (0,)},
            "does not reach xs-1 (172.16.0.35), xs-3 (172.16.0.37) on the storage network after the change, and did before.",
        ),
        ({"mtu": 1400}, "reaches xs-1 (172.16.0.35), xs-3 (172.16.0.37) with small packets only, and not with 1500 bytes in one piece"),
    ],
)
def test_a_second_port_that_is_wired_wrongly_is_found_by_the_host_that_has_it(port: dict[str, Any], said: str, tmp_path: Path) -> None:
    with RunningTwin(load_scenario("three-hosts"), restart_seconds=0) as twin:
        plug(twin, "xs-2", "eth4", **port)  # which the new bond uses first
        stopped = bond(twin, tmp_path, rollback=True, **REACH)
        assert f"dom0 of xs-2 {said}" in sentence(stopped), sentence(stopped)
        assert "Taken back on xs-2" in sentence(stopped) and "bond0" not in look(twin)["hosts"]["xs-2"]["pifs"]


def test_a_host_that_was_not_reached_before_is_said_and_not_asked_for_after(tmp_path: Path) -> None:
    with RunningTwin(load_scenario("three-hosts"), restart_seconds=0) as twin:
        for device in ("eth2", "eth4"):
            plug(twin, "xs-3", device, segment="office")
        done = bond(twin, tmp_path, **REACH)
        assert done.status == 0, done.output
        assert "Note: dom0 of xs-1 does not reach xs-3 (172.16.0.37) on the storage network, before it is changed" in " ".join(
            done.output.split()
        )


# on which switches the NICs are


@pytest.fixture
def slow() -> Iterator[RunningTwin]:
    """Here 31 s in dom0 take five, so that whoever listens has begun before they are over."""
    with RunningTwin(load_scenario("tutorial"), restart_seconds=2) as running:
        yield running


def test_two_nics_on_one_switch_are_refused_by_what_dom0_hears_and_silence_is_said(slow: RunningTwin, tmp_path: Path) -> None:
    twin = slow
    a, b = "02:00:00:00:0a:01", "02:00:00:00:0b:01"
    plug(twin, "xs-1", "eth2", lldp=(a, "Gi1/0/2", "switch-a"))
    plug(twin, "xs-1", "eth4", lldp=(b, "Gi2/0/2", "switch-b"))
    plug(twin, "xs-2", "eth2", lldp=(a, "Gi1/0/4", "switch-a"))
    plug(twin, "xs-2", "eth4", lldp=(a, "Gi1/0/5", "switch-a"))
    wished: dict[str, Any] = {"accept": ["storage_in_use"], "strategy": "direct", "lldp": True}
    refused = sentence(bond(twin, tmp_path, **wished))
    assert refused.startswith(
        "Nothing was changed. [same_switch] xs-2: eth2 (port Gi1/0/4) and eth4 (port Gi1/0/5) are on the same switch,"
    )
    assert "xs-1" not in refused and writes(twin) == []
    plug(twin, "xs-2", "eth4")
    done = bond(twin, tmp_path, **wished)
    assert done.status == 0, done.output
    assert "Note: xs-2: no switch says by LLDP that eth4 is on it; eth2 (port Gi1/0/4) on" in " ".join(done.output.split())
    assert dom0(twin, "xs-2", "ls -d /tmp/xapi.network.* 2>/dev/null; true") == ""


def test_the_same_is_heard_where_the_nics_are_in_bridges_of_linux(tmp_path: Path) -> None:
    with RunningTwin(load_scenario("linux-bridge"), restart_seconds=2) as twin:
        for host in ("xs-1", "xs-2"):
            for device in ("eth2", "eth4"):
                plug(twin, host, device, lldp=("02:00:00:00:0a:01", f"{host}-{device}", "switch-a"))
        wished: dict[str, Any] = {"accept": ["storage_in_use"], "strategy": "direct", "lldp": True}
        refused = sentence(bond(twin, tmp_path, **wished))
        assert "[same_switch] xs-1: eth2 (port xs-1-eth2) and eth4 (port xs-1-eth4) are on the same switch" in refused
        assert "Likewise on xs-2" in refused and writes(twin) == []
