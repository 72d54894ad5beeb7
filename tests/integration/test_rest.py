# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pool is judged when it has come to rest: here every read falls into a moment between two states, and links come back late."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._bond import under_way
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.plugins.modules import xs_bond

from tests.integration import bonding
from tests.integration.test_bond import bond, info, running, task, written, xapi
from xapi_twin.running import RunningTwin

HELD = 0.5  # seconds for which a state is there when nobody reads it
MASTERS_VLANS = [{"tag": 50, "network": "V50"}, {"tag": 51, "network": "V51"}]


@pytest.fixture
def twin() -> Iterator[RunningTwin]:
    with running(hold_states=HELD) as found:
        yield found


@contextmanager
def meanwhile(twin: RunningTwin, function: Callable[[], Any]) -> Iterator[None]:
    """Something that happens in the twin while the test goes on."""
    thread = threading.Thread(target=twin.run, args=(function,))
    thread.start()
    yield
    thread.join()


def restarted(twin: RunningTwin, **options: Any) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """The master is bonded, xs-2 is restarted, and what was planned for xs-2 is awaited. Answers the plan and the result."""
    planned = bond(twin, check=True, strategy="restart", **options)["hosts"]
    bond(twin, hosts=["xs-1"], **options)
    with meanwhile(twin, twin.twin.host("xs-2").restart_service):
        return planned, bond(twin, strategy="restart", hosts=["xs-2"], expected=planned, **options)


@pytest.mark.parametrize("on_drift", ["fail", "repair"])
def test_nothing_is_repaired_of_a_bond_that_a_member_is_just_making(twin: RunningTwin, on_drift: str) -> None:
    planned, result = restarted(twin, on_drift=on_drift)
    assert result["done"] == []
    assert not any(method in ("PIF.unplug", "PIF.plug") for method in written(twin))
    assert info(twin, hosts=["xs-2"], expected=planned)["findings"] == []


def test_vlans_that_come_after_the_bond_are_awaited_and_plugged(twin: RunningTwin) -> None:
    xapi(twin, ("network.create", {"name_label": "V50", "other_config": {}}), ("VLAN.create", "xs-1:eth2", "50", "network:V50"))
    xapi(twin, ("network.create", {"name_label": "V51", "other_config": {}}), ("VLAN.create", "xs-1:eth4", "51", "network:V51"))
    before = len(twin.journal)
    planned, result = restarted(twin)
    assert [step["action"] for step in result["done"]] == ["plug_vlans"]
    assert written(twin, before).count("VLAN.create") == 0
    assert info(twin, hosts=["xs-2"], expected=planned)["findings"] == []


def test_management_that_moves_after_the_bond_is_attached_is_awaited(twin: RunningTwin) -> None:
    options: dict[str, Any] = {"nics": ["eth0", "eth1"], "network": "MGMT", "accept": ["management"]}
    planned, result = restarted(twin, **options)
    assert result["done"] == []
    assert info(twin, hosts=["xs-2"], expected=planned, nics=["eth0", "eth1"], network="MGMT")["findings"] == []


def test_a_look_in_the_middle_of_a_bonds_making_finds_nothing_wrong(twin: RunningTwin) -> None:
    bond(twin, hosts=["xs-1"])
    with meanwhile(twin, twin.twin.host("xs-2").restart_service):
        found = info(twin)  # it begins before the member's xapi has stopped, or while it starts
    assert found["conforms"] or {one["code"] for one in found["findings"]} == {"no_bond"}
    assert info(twin)["findings"] == []


def test_the_next_run_waits_for_the_start_that_a_killed_run_has_left_behind(twin: RunningTwin) -> None:
    bond(twin, hosts=["xs-1"])
    member = twin.twin.host("xs-2")
    twin.run(member.stop_service)
    assert not bond(twin, check=True, strategy="restart", hosts=["xs-1"])["changed"]
    with meanwhile(twin, member.start_xapi):
        found = bond(twin, check=True, strategy="restart")
    assert found["problems"] == []
    assert not found["changed"]


def test_links_that_come_back_late_are_no_finding() -> None:
    with running(link_seconds=1.5) as twin:
        given, _said = task(twin, xs_bond, strategy="direct")
        result = xs_bond.work(given)
        assert result["findings"] == []
        bond(twin, state="absent")
        assert bond(twin, check=True)["problems"] == []  # the links of the NICs are away once more


def test_a_link_that_stays_away_is_said_while_it_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(under_way.PATIENCE, "no_link", 6.0)
    with running() as twin:
        twin.run(twin.twin.host("xs-2").set_carrier, "eth4", False)
        given, said = task(twin, xs_bond)
        with pytest.raises(NetworkError, match=r"\[no_link\] xs-2: eth4 has no link"):
            xs_bond.work(given)
        assert said == ["xs-2: waiting, 5 s of at most 6 s; last seen: xs-2: eth4 has no link."]
        assert written(twin) == []


@pytest.mark.parametrize("links", [0.0, 3.0])
def test_the_role_with_the_agents_restart(tmp_path: Path, links: float) -> None:
    """Nothing waits for the end of the start here, except for what it brings about."""
    with RunningTwin("tutorial-26", restart_seconds=1, hold_states=HELD, link_seconds=links) as twin:
        played = bonding.bond(twin, tmp_path, agent_method="agent")
        assert played.status == 0, played.output
        assert not any("plug" in method for method in bonding.writes(twin))
