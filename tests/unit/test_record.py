# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a run: what is done, where it is, what it says when it fails, and what it would take back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import plan
from ansible_collections.xapi.network.plugins.module_utils._bond.view import result
from ansible_collections.xapi.network.plugins.plugin_utils._record import Run, begin, from_dict

from tests.unit.pools import APool, spec

BEGUN = 1795378500.0
UUIDS = {name: f"host-{number}-{name}" for number, name in enumerate(("xs-1", "xs-2", "xs-3"), 1)}


def three() -> APool:
    made = APool("xs-1", "xs-2", "xs-3")
    for number, host in enumerate(UUIDS, 1):
        made.address(host, "eth2", f"172.16.0.{number}")
    return made


def a_run(made: APool | None = None, **options: Any) -> Run:
    pool = (made or three()).pool
    asked = spec(strategy="restart", **options)
    return begin("present", False, result(pool, asked, plan(pool, asked)), {UUIDS["xs-1"]: "one"}, BEGUN)


def at(run: Run, name: str) -> Run:
    return run.ready().at_work(UUIDS[name], BEGUN + 1)


def test_a_run_begins_with_what_the_plan_has_for_each_host_the_master_first() -> None:
    run = a_run()
    assert [(host.name, host.steps, host.made) for host in run.work] == [
        ("xs-1", ("create_bond",), True), ("xs-2", ("restart_agent",), True), ("xs-3", ("restart_agent",), True)
    ]  # fmt: skip
    assert [host.login for host in run.hosts] == ["one", "", ""]
    assert (run.pool_hosts, run.makes_network, run.done) == (3, True, ())


def test_a_host_that_has_everything_is_no_work() -> None:
    made = three()
    made.network("NAS", bridge="xapi0")
    made.bond("xs-1", "NAS", ["eth2", "eth4"])
    assert [host.name for host in a_run(made).work] == ["xs-2", "xs-3"]


def test_a_record_is_plain_data_between_two_tasks() -> None:
    run = at(a_run(), "xs-1").proved([{"host": "xs-1", "what": "create_bond", "at": BEGUN + 2}], BEGUN + 3)
    assert from_dict(json.loads(json.dumps({**run.to_dict(), "changed": False}))) == run


def test_each_host_that_is_proved_has_its_seconds_and_its_moments() -> None:
    old = {"host": "xs-1", "what": "create_bond", "at": BEGUN - 100}  # of an earlier run in the same play
    run = at(a_run(), "xs-1").proved([old, {"host": "xs-1", "what": "create_bond", "at": BEGUN + 2}], BEGUN + 3.26)
    assert [(host.name, host.seconds) for host in run.done] == [("xs-1", 2.3)]
    assert [moment["what"] for moment in run.timeline] == ["begun", "create_bond", "verified"]
    assert at(run, "xs-2").progress() == "xs-2: host 2 of 3; finished: xs-1"


def test_the_mark_on_the_pool_is_taken_again_before_it_expires() -> None:
    first = a_run().at_work(UUIDS["xs-1"], BEGUN + 1)
    second = first.proved([], BEGUN + 59).at_work(UUIDS["xs-2"], BEGUN + 61)
    third = second.proved([], BEGUN + 62).at_work(UUIDS["xs-3"], BEGUN + 63)
    assert [run.renew for run in (first, second, third)] == [False, True, False]


def failed_at(name: str, *done: str) -> Run:
    run = a_run()
    for one in done:
        run = at(run, one).proved([], BEGUN + 2)
    return at(run, name).failed(f"Restart xapi on {name}", "no answer.", [], [], BEGUN + 3)


def test_a_run_that_fails_says_where_it_stopped_what_is_done_and_how_to_go_on() -> None:
    assert failed_at("xs-2", "xs-1").with_remedy("", {}).message.splitlines() == [
        'xs-2 failed at "Restart xapi on xs-2": no answer.',
        "Finished: xs-1. Not touched: xs-3.",
        "When the cause is gone, run again: what is finished is not touched a second time.",
    ]


def test_where_a_bond_was_made_its_uuid_is_in_the_command_that_takes_it_back() -> None:
    run = failed_at("xs-2", "xs-1").with_remedy("", {UUIDS["xs-2"]: "bond-2"})
    assert "xe bond-destroy uuid=bond-2" in run.message
    assert f"storage_bond_hosts={UUIDS['xs-2']}" in run.message
    assert run.undo == ()


def test_nothing_is_said_about_taking_back_where_nothing_was_made() -> None:
    made = three()
    made.network("NAS", bridge="xapi0")
    for host in UUIDS:
        made.bond(host, "NAS", ["eth2", "eth4"], mode="balance-slb")
    repairing = a_run(made, on_drift="repair").ready().at_work(UUIDS["xs-1"], BEGUN).failed("Make the change", "no.", [], [], BEGUN)
    assert "take" not in repairing.with_remedy("", {UUIDS["xs-1"]: "bond-1"}).message
    assert "take" not in failed_at("xs-1").with_remedy("", {UUIDS["xs-1"]: ""}).message


def test_a_pool_that_does_not_say_what_it_has_is_told_so() -> None:
    assert "The pool could not be asked what is on xs-2 now. If there is a bond" in failed_at("xs-2", "xs-1").with_remedy("", None).message


@pytest.mark.parametrize(
    ("scope", "bonds", "undo"),
    [
        ("", ("xs-1", "xs-2"), []),
        ("host", ("xs-1", "xs-2"), ["xs-2"]),
        ("host", ("xs-1",), []),  # nothing was made on the host that failed
        ("pool", ("xs-1", "xs-2"), ["xs-1", "xs-2"]),
        ("pool", ("xs-1",), ["xs-1"]),
        ("pool", None, ["xs-1", "xs-2"]),
    ],
)
def test_what_is_taken_back_is_what_this_run_has_made(scope: str, bonds: tuple[str, ...] | None, undo: list[str]) -> None:
    have = None if bonds is None else {UUIDS[name]: "a bond" for name in bonds}
    run = failed_at("xs-2", "xs-1").with_remedy(scope, have)
    assert list(run.undo) == [UUIDS[name] for name in undo]
    assert run.undo_network is (scope == "pool")


def test_what_was_taken_back_is_not_called_finished() -> None:
    run = failed_at("xs-2", "xs-1").with_remedy("pool", None)
    assert "Finished: no host." in run.took_back("").message
    assert "Taken back on xs-1, xs-2, whose NICs have their addresses again." in run.took_back("").message
    assert "Taking it back on xs-1, xs-2 failed too: no answer" in run.took_back("no answer").message


def test_a_vlan_that_a_rollback_leaves_on_another_nic_is_in_the_message_and_in_the_result() -> None:
    why = "xs-2: VLAN 51 (V51) was on eth4 before the bond, and XAPI brings it back on eth2, where it stays: web-1 is connected through it."
    run = failed_at("xs-2", "xs-1").with_remedy("pool", None).took_back("", [why])
    assert f"Taken back on xs-1, xs-2, whose NICs have their addresses again. {why}" in run.message
    assert run.to_dict()["vlans_left"] == (why,) and from_dict(run.to_dict()) == run


def test_a_host_whose_timer_runs_is_taken_back_by_its_own_dom0() -> None:
    run = at(a_run(), "xs-1").armed(1795346655, BEGUN + 1).failed("Look", "no.", [], [], BEGUN + 3)
    lines = run.with_remedy("", {UUIDS["xs-1"]: "bond-1"}).message.splitlines()
    assert "Nobody has confirmed the change of xs-1: at 11:24:15 UTC its dom0 takes back by itself what was made there." in lines[2]
    assert "xe bond-destroy" not in "".join(lines)


def test_a_rollback_that_is_done_leaves_the_timer_nothing_to_do() -> None:
    failed = at(a_run(), "xs-1").armed(1795346655, BEGUN + 1).failed("Look", "no.", [], [], BEGUN + 3)
    failed = failed.with_remedy("host", {UUIDS["xs-1"]: "bond-1"})
    done = failed.took_back("")
    assert done.disarm == done.hosts[0].login != "" and "by itself" not in done.message
    tried = failed.took_back("no.")
    assert tried.disarm == "" and "Taking it back on xs-1 failed too: no." in tried.message and "by itself" in tried.message


def test_a_confirmed_host_is_confirmed_and_the_next_one_begins_without_a_timer() -> None:
    run = at(a_run(), "xs-1").armed(1795346655, BEGUN + 1).proved([], BEGUN + 5)
    assert [moment["what"] for moment in run.timeline] == ["armed", "begun", "confirmed"]
    assert at(run, "xs-2").armed_until == 0


def test_a_run_that_ansible_stopped_says_so() -> None:
    run = at(a_run(), "xs-1").failed("", "", [], [], BEGUN + 3)
    assert "xs-1 was stopped where it was, since another host of this play has failed" in run.message


def test_the_closing_lines_name_what_was_done_on_each_host_and_what_was_not_proved() -> None:
    made = three()
    made.network("NAS", bridge="xapi0")
    made.bond("xs-1", "NAS", ["eth2", "eth4"])
    run = a_run(made)
    for name in ("xs-2", "xs-3"):
        run = at(run, name).proved([], BEGUN + 13)
    assert run.recap(proved_in_dom0=False) == [
        "Changed: xs-2 (bond inherited, 12 s), xs-3 (bond inherited, 12 s).",
        "As it should be already: xs-1.",
        "Not proved in dom0: storage_bond_dom0 is false.",
    ]


@pytest.mark.parametrize(
    ("run", "changed", "outcome"),
    [
        (a_run(), "0", "refused, nothing was changed"),
        (a_run().ready(), "0 of 3", "planned"),
        (at(a_run(), "xs-1").proved([], BEGUN).over(), "1 of 3", "done"),
        (failed_at("xs-2", "xs-1"), "1 of 3", "stopped at xs-2"),
    ],
)
def test_each_outcome_has_its_words_in_the_table_of_pools(run: Run, changed: str, outcome: str) -> None:
    assert (run.row()[2], run.row()[4]) == (changed, outcome)
