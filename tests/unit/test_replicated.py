# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""LINSTOR: no host is changed while DRBD is behind on another, or while nobody can say whether it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._bond.nics import with_dom0
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import plan
from ansible_collections.xapi.network.plugins.module_utils._bond.replicated import drbd_findings, drbd_problems, replicated_storage, waiting
from ansible_collections.xapi.network.plugins.module_utils._dom0.answers import UnreadableError, read_drbd
from ansible_collections.xapi.network.plugins.module_utils._run import wait
from ansible_collections.xapi.network.tests.unit.pools import spec, tutorial

WELL = """\
xcp-persistent-database role:Secondary
  disk:UpToDate open:no
  xs-2 role:Primary
    peer-disk:UpToDate
  xs-3 role:Secondary
    peer-disk:Diskless

xcp-volume-5f0b role:Primary suspended:no
  volume:0 disk:UpToDate quorum:yes
  xs-2 role:Secondary congested:no
    volume:0 replication:Established peer-disk:UpToDate
"""
BEHIND = {"xcp-volume-5f0b": ["the connection to xs-3 is Connecting"]}


def test_up_to_date_everywhere_is_nothing_to_wait_for() -> None:
    assert read_drbd(WELL) == {}
    assert read_drbd("# No currently configured DRBD found.\n") == {}


@pytest.mark.parametrize(
    ("well", "amiss", "said"),
    [
        ("disk:UpToDate open:no", "disk:Inconsistent open:no", "its disk is Inconsistent"),
        ("xs-2 role:Primary\n    peer-disk:UpToDate", "xs-2 connection:Connecting", "the connection to xs-2 is Connecting"),
        ("peer-disk:UpToDate", "replication:SyncSource peer-disk:UpToDate done:12.34", "SyncSource with xs-2 (12.34 % done)"),
        ("    peer-disk:UpToDate", "    peer-disk:Outdated", "the disk of xs-2 is Outdated"),
        ("role:Secondary\n  disk", "role:Secondary suspended:user\n  disk", "it is suspended (user)"),
        ("UpToDate open:no", "UpToDate quorum:no", "it has no quorum"),
    ],
)
def test_anything_else_is_named_with_the_peer_that_it_is_about(well: str, amiss: str, said: str) -> None:
    assert well in WELL
    assert read_drbd(WELL.replace(well, amiss, 1)) == {"xcp-persistent-database": (said,)}


def test_what_is_no_status_of_drbd_is_quoted() -> None:
    with pytest.raises(UnreadableError, match="version of the module"):
        read_drbd("modprobe: cannot find the version of the module\n")


def test_a_change_waits_for_drbd_wherever_it_is_behind() -> None:
    (problem,) = drbd_problems("xs-1", [], {"drbd": BEHIND})
    assert (problem.code, problem.blocks) == ("drbd_behind", True)
    assert "xs-1: DRBD is not up to date on all hosts: xcp-volume-5f0b: the connection to xs-3 is Connecting." in problem.sentence
    (finding,) = drbd_findings("xs-1", [], {"drbd": BEHIND})
    assert finding.code == "dom0_drbd" and "xcp-volume-5f0b: the connection to xs-3 is Connecting" in finding.sentence
    assert drbd_findings("xs-1", [], {"drbd": {}}) == drbd_findings("xs-1", [], {}) == drbd_findings("xs-1", ["XOSTOR"], "silent") == []
    assert drbd_findings("xs-1", ["XOSTOR"], {"drbd": {}}) == []


@pytest.mark.parametrize("answer", [{"drbd": None}, {}])
def test_linstor_is_not_proved_where_drbd_does_not_say_so(answer: dict[str, Any]) -> None:
    (finding,) = drbd_findings("xs-1", ["XOSTOR"], answer)
    assert finding.code == "dom0_drbd" and "on which XOSTOR lies" in finding.sentence
    assert drbd_findings("xs-1", [], answer) == []


def test_many_volumes_that_wait_for_the_same_are_one_sentence() -> None:
    (problem,) = drbd_problems("xs-1", [], {"drbd": {f"volume-{number}": ["its disk is Inconsistent"] for number in range(9)}})
    assert "volume-0, volume-1, volume-2 and 6 more: its disk is Inconsistent" in problem.sentence


@pytest.mark.parametrize(("answer", "why"), [(None, "which is not asked"), ({"drbd": None}, "no drbdsetup"), ({}, "no drbdsetup")])
def test_linstor_where_nobody_can_say_whether_it_is_behind_stops_the_plan(answer: Any, why: str) -> None:
    (problem,) = drbd_problems("xs-1", ["XOSTOR"], answer)
    assert (problem.code, problem.blocks) == ("drbd_unknown", True) and why in problem.sentence
    assert drbd_problems("xs-1", [], answer) == []


def test_xs_bond_with_facts_of_dom0_refuses_too() -> None:
    made = tutorial()
    made.storage("xs-2", "XOSTOR", attached=True, **{"group-name": "linstor_group"})
    next(iter(made.records["sr"].values()))["type"] = "linstor"
    pool = made.pool
    xs_2 = pool.hosts[1]
    assert replicated_storage(pool, xs_2) == ["XOSTOR"] and replicated_storage(pool, pool.master) == []
    says: dict[str, Any] = {"interfaces": {"eth2": {}, "eth4": {}}, "bridge_of": {}}
    asked = plan(pool, spec(accept=["storage_in_use"]))
    for drbd, codes in ((None, ["drbd_unknown"]), (BEHIND, ["drbd_behind"]), ({}, [])):
        planned = with_dom0(pool, asked, {xs_2.uuid: {**says, "drbd": drbd}})
        assert [problem.code for problem in planned.problems if problem.code.startswith("drbd")] == codes


# the wait


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A clock that moves as the wait sleeps."""
    naps: list[float] = []
    monkeypatch.setattr("time.sleep", naps.append)
    monkeypatch.setattr("time.monotonic", lambda: sum(naps))
    yield naps


def test_dom0_is_asked_until_drbd_is_up_to_date_on_all(slept: list[float]) -> None:
    answers = [{"dom0": {"one": {"drbd": {}}, "two": {"drbd": state}}} for state in (BEHIND, BEHIND, {})]
    said: list[str] = []
    assert wait.await_dom0(lambda: answers[len(slept)], [wait.Patience("DRBD", waiting, 600)], said.append) == answers[-1]
    assert slept == [wait.DOM0_SECONDS] * 2
    assert said == ["waiting for DRBD, 0 s of at most 600 s; last seen: xcp-volume-5f0b: the connection to xs-3 is Connecting"]


def test_it_gives_up_at_the_deadline_with_what_was_seen_last(slept: list[float]) -> None:
    asked = wait.await_dom0(lambda: {"dom0": {"one": {"drbd": BEHIND}}}, [wait.Patience("DRBD", waiting, 60)], lambda text: None)
    assert asked["dom0"]["one"]["drbd"] == BEHIND and sum(slept) <= 60
    slept.clear()
    wait.await_dom0(lambda: {"dom0": {"one": {"drbd": BEHIND}}}, [wait.Patience("DRBD", waiting, 0)], lambda text: None)
    assert slept == []
