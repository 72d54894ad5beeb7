# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is still under way in a pool is waited for: it is no drift, and no reason to refuse."""

from __future__ import annotations

from ansible_collections.xapi.network.plugins.module_utils._bond.plan import plan
from ansible_collections.xapi.network.plugins.module_utils._bond.under_way import OF_A_JUDGEMENT, OF_A_PLAN, OF_A_STEP, PATIENCE, under_way
from ansible_collections.xapi.network.tests.unit.pools import APool, spec, tutorial

START = 1700000000.0  # when xapi of all hosts of APool has started


def seen(made: APool, now: float | None = START + 3600, codes: tuple[str, ...] = OF_A_PLAN) -> list[tuple[str, str]]:
    pool = made.pool
    return [(one.code, one.host) for one in under_way(pool, plan(pool, spec(strategy="restart")), now, codes)]


def bonded() -> APool:
    made = tutorial()
    made.network("NAS")
    for host in ("xs-1", "xs-2"):
        made.bond(host, "NAS", ["eth2", "eth4"])
    return made


def test_a_pool_at_rest_has_nothing_under_way() -> None:
    assert seen(bonded()) == []
    assert seen(tutorial()) == []


def test_a_bond_without_its_mtu_is_being_made_whether_it_is_attached_or_not() -> None:
    for attached in (True, False):
        made = bonded()
        made.nic("xs-2", "bond0").update(MTU="-1", currently_attached=attached)
        assert seen(made) == [("being_made", "xs-2")]
        assert seen(made, codes=OF_A_STEP) == [("being_made", "xs-2")]


def test_a_bond_whose_vlans_are_still_on_the_nic_is_being_made() -> None:
    made = bonded()
    made.network("Backup")
    made.vlan("xs-2", "eth2", 50, "Backup")
    assert seen(made) == [("being_made", "xs-2")]


def test_a_host_that_is_not_alive_may_be_starting_where_something_is_to_be_done_to_it() -> None:
    for made, expected in ((tutorial(), [("starting", "xs-2")]), (bonded(), [])):
        made.records["host_metrics"][made.host("xs-2")["metrics"]]["live"] = False
        assert seen(made) == seen(made, codes=OF_A_JUDGEMENT) == expected


def test_a_host_that_has_just_started_may_be_about_to_inherit() -> None:
    made = tutorial()
    made.host("xs-2")["other_config"]["agent_start_time"] = f"{START + 100:.0f}."
    assert seen(made, START + 103) == [("settling", "xs-2")]
    made.host("xs-2")["enabled"] = False
    assert seen(made, START + 103) == [("starting", "xs-2")]
    assert seen(made, START + 103, OF_A_STEP) == []  # the run that restarted it knows what it waits for
    assert seen(made, None) == [("disabled", "xs-2")]  # without the time of the pool nobody can tell
    assert seen(bonded(), START + 3) == []  # it has what it should have


def test_a_host_that_is_disabled_gets_the_moment_between_alive_and_a_new_start_time() -> None:
    made = tutorial()
    made.host("xs-2")["enabled"] = False
    assert seen(made, START + 3600) == [("disabled", "xs-2")]
    assert PATIENCE["disabled"] < PATIENCE["starting"]


def test_a_change_of_the_network_by_somebody_else_is_waited_for_and_then_named() -> None:
    made = tutorial()
    made.task("Async.Bond.create", "xs-1")
    assert ("network_task", "") in seen(made)
    found = [one for one in plan(made.pool, spec()).blocking if one.code == "pending_tasks"]
    assert "Async.Bond.create (uuid task-1-Async.Bond.create) of xs-1 is still pending" in found[0].sentence
    assert "xe task-cancel uuid=task-1-Async.Bond.create" in found[0].remedy


def test_a_link_that_is_away_is_waited_for_before_the_plan_refuses() -> None:
    made = tutorial()
    made.link("xs-2", "eth4")["carrier"] = False
    assert seen(made) == [("no_link", "xs-2")]
    assert seen(made, codes=OF_A_JUDGEMENT) == []
