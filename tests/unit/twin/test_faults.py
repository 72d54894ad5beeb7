# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault plan: when a fault strikes, what it does, and what a plan must not say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.twin.ground import THREE_HOSTS, Pool, pool
from xapi_twin.datamodel.errors import ConnectionDropped, XapiError
from xapi_twin.faults import ACTIONS, MOMENTS, Fault, FaultPlanError, Point
from xapi_twin.rpc.values import Wire


async def client(ground: Pool, method: str, *arguments: Any) -> Any:
    """A call as a client makes it at the master, with a session."""
    session = ground.twin.dispatcher.open_session("test")
    return await ground.twin.dispatcher.call(ground.twin.master, method, [session, *arguments], Wire.XML)


async def bond_by_client(ground: Pool, host: str = "xs-1") -> Any:
    network = await ground.network()
    members = [ground.pif(host, "eth2"), ground.pif(host, "eth4")]
    return await client(ground, "Bond.create", network, members, "", "active-backup", {})


def plan(ground: Pool, do: str, when: Mapping[str, Any] | None = None, **more: Any) -> Fault:
    return ground.twin.faults.add({"do": do, "when": when or {}, **more})


# when


async def test_a_fault_strikes_at_the_nth_call_of_its_method_and_as_often_as_it_is_told() -> None:
    async with pool() as ground:
        plan(ground, "error", {"method": "network.create", "nth": 2}, code="WHATEVER", params=["why"], times=2)
        answers = []
        for _dummy in range(4):
            try:
                await client(ground, "network.create", {"name_label": "x", "other_config": {}})
                answers.append("made")
            except XapiError as error:
                answers.append(str(error))
        assert answers == ["made", "WHATEVER: [ why ]", "WHATEVER: [ why ]", "made"]


async def test_before_nothing_is_done_and_after_everything_is() -> None:
    async with pool() as ground:
        plan(ground, "drop", {"method": "network.create"})
        with pytest.raises(ConnectionDropped):
            await client(ground, "network.create", {"name_label": "before", "other_config": {}})
        plan(ground, "drop", {"method": "network.create"}, stage="after")
        with pytest.raises(ConnectionDropped):
            await client(ground, "network.create", {"name_label": "after", "other_config": {}})
        assert ground.database.where("network", name_label="before") == []
        assert len(ground.database.where("network", name_label="after")) == 1


async def test_a_fault_on_a_method_strikes_its_async_form_too_but_not_the_other_way_round() -> None:
    async with pool() as ground:
        plan(ground, "error", {"method": "network.create"}, code="WHATEVER")
        with pytest.raises(XapiError, match="WHATEVER"):
            await client(ground, "Async.network.create", {"name_label": "x", "other_config": {}})
        plan(ground, "error", {"method": "Async.network.create"}, code="WHATEVER")
        await client(ground, "network.create", {"name_label": "x", "other_config": {}})


async def test_a_moment_can_be_that_of_one_host() -> None:
    async with pool() as ground:
        plan(ground, "error", {"moment": "host.sync.bonds", "host": "xs-3"}, code="WHATEVER")
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        await ground.restart("xs-2", "xs-3")
        assert ground.bonds("xs-2") == {"bond0": ["eth2", "eth4"]}
        assert ground.bonds("xs-3") == {}


async def test_a_plan_comes_with_the_scenario() -> None:
    async with pool(THREE_HOSTS + "faults: [{when: {method: network.create}, do: error, code: WHATEVER}]\n") as ground:
        with pytest.raises(XapiError, match="WHATEVER"):
            await client(ground, "network.create", {"name_label": "x", "other_config": {}})


async def test_everybody_who_asks_sees_every_point_of_a_call() -> None:
    async with pool() as ground:
        seen: list[str] = []
        ground.twin.faults.on_point.append(lambda point: seen.append(f"{point.kind} {point.name} {point.stage}".strip()))
        await bond_by_client(ground)
        assert [point for point in seen if "network.create" not in point] == [
            "call Bond.create before",
            "moment bond.create.checked",
            "moment bond.create.recorded",
            "moment bond.plug",
            "moment pif.plug",
            "moment pif.plugged",
            "moment bond.create.plugged",
            "moment bond.create.moved",
            "moment bond.create.done",
            "call Bond.create after",
        ]


async def test_all_moments_of_a_start_are_passed() -> None:
    async with pool() as ground:
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        seen: list[str] = []
        ground.twin.faults.on_point.append(lambda point: seen.append(point.name))
        await ground.restart("xs-2")
        assert [name for name in seen if name.startswith("host.")] == [name for name in MOMENTS if name.startswith("host.")]


# what


async def test_drop_at_a_moment_cuts_the_client_off_while_xapi_works_on() -> None:
    async with pool(restart_seconds=0.2) as ground:
        plan(ground, "drop", {"moment": "bond.create.recorded"})
        with pytest.raises(ConnectionDropped):
            await bond_by_client(ground)
        while not ground.pif_record("xs-1", "bond0")["currently_attached"]:
            await asyncio.sleep(0.005)


async def test_hang_answers_never_or_gives_up_after_its_seconds() -> None:
    async with pool() as ground:
        plan(ground, "hang", {"method": "pool.get_all"})
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client(ground, "pool.get_all"), 0.05)
        plan(ground, "hang", {"method": "pool.get_all"}, seconds=0.01)
        with pytest.raises(ConnectionDropped):
            await client(ground, "pool.get_all")


async def test_slow_only_takes_its_time() -> None:
    async with pool() as ground:
        plan(ground, "slow", {"method": "pool.get_all"}, seconds=0.05)
        began = asyncio.get_running_loop().time()
        assert await client(ground, "pool.get_all") == [ground.twin.pool.ref]
        assert asyncio.get_running_loop().time() - began >= 0.05


async def test_fail_to_plug_leaves_a_bond_half_made() -> None:
    async with pool() as ground:
        plan(ground, "fail_to_plug", {"method": "Bond.create"})
        with pytest.raises(XapiError, match="PIF_CONFIGURATION_ERROR"):
            await bond_by_client(ground)
        assert ground.pif_record("xs-1", "bond0")["currently_attached"] is False
        assert ground.pif_record("xs-1", "bond0")["IP"] == "172.16.0.35"


async def test_fail_to_plug_on_a_member_only() -> None:
    async with pool() as ground:
        plan(ground, "fail_to_plug", {"moment": "bond.plug", "host": "xs-2"})
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        await ground.restart("xs-2")
        assert ground.pif_record("xs-1", "bond0")["currently_attached"] is True
        assert ground.pif_record("xs-2", "bond0")["currently_attached"] is False
        assert "PIF_CONFIGURATION_ERROR" in ground.log("xs-2")


async def test_a_swallowed_bond_sync_is_a_line_in_the_log_of_an_otherwise_good_start() -> None:
    async with pool() as ground:
        plan(ground, "swallow_bond_sync", code="VERY_STRANGE")
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        await ground.restart("xs-2")
        assert ground.bonds("xs-2") == {}
        assert ground.twin.host("xs-2").record["enabled"] is True
        assert "Ignoring exception: VERY_STRANGE: [  ] while resynchronising bonds on slave" in ground.log("xs-2")


async def test_the_host_that_works_can_crash_between_records_and_plug() -> None:
    async with pool() as ground:
        plan(ground, "crash_host", {"moment": "bond.create.recorded", "host": "xs-2"})
        with pytest.raises(XapiError) as caught:
            await bond_by_client(ground, "xs-2")
        assert caught.value.description == ["CANNOT_CONTACT_HOST", ground.twin.host("xs-2").ref]
        await ground.up("xs-2")
        assert ground.pif_record("xs-2", "bond0")["currently_attached"] is True, "its next start has plugged what was half made"


async def test_a_crash_at_the_very_end_is_forgiven_because_the_task_was_done() -> None:
    async with pool() as ground:
        plan(ground, "crash_host", {"moment": "bond.create.done", "host": "xs-2"})
        bond = await bond_by_client(ground, "xs-2")
        assert ground.database.find("Bond", bond) is not None
        await ground.up("xs-2")


async def test_a_crash_of_the_master_ends_calls_sessions_and_tasks_and_it_comes_back() -> None:
    async with pool() as ground:
        plan(ground, "crash_master", {"moment": "bond.create.recorded"})
        with pytest.raises(ConnectionDropped):
            await bond_by_client(ground)
        assert ground.database.all("session") == {}
        assert ground.database.all("task") == {}
        await ground.up("xs-1")
        assert ground.twin.host("xs-1").xapi == "running"
        assert ground.pif_record("xs-1", "bond0")["currently_attached"] is True


async def test_another_host_than_that_of_the_point_can_crash() -> None:
    async with pool() as ground:
        plan(ground, "crash_host", {"method": "network.create"}, host="xs-3", seconds=-1)
        await client(ground, "network.create", {"name_label": "x", "other_config": {}})
        await asyncio.sleep(0.01)
        assert ground.twin.host("xs-3").xapi == "stopped", "negative seconds: it stays down"
        assert ground.twin.host("xs-1").xapi == "running"


async def test_a_crash_of_the_master_does_not_end_what_a_member_is_doing() -> None:
    async with pool(restart_seconds=0.1) as ground:
        plan(ground, "crash_master", {"moment": "bond.create.recorded", "host": "xs-2"})
        with pytest.raises(ConnectionDropped):
            await bond_by_client(ground, "xs-2")
        await ground.up("xs-1")
        assert ground.pif_record("xs-2", "bond0")["currently_attached"] is True


async def test_a_xapi_that_crashes_at_a_command_does_not_cut_the_shell() -> None:
    async with pool() as ground:
        plan(ground, "crash_host", {"ssh": "ovs-vsctl"})
        await ground.twin.faults.ssh("before", ground.twin.host("xs-2").ref, "ovs-vsctl list-br")
        assert ground.twin.host("xs-2").xapi == "stopped"
        await ground.up("xs-2")


async def test_what_belongs_to_a_start_can_be_planned_at_the_command_before_it() -> None:
    async with pool() as ground:
        plan(ground, "emergency", {"ssh": "restart xapi", "host": "xs-2"})
        host = ground.twin.host("xs-2")
        await ground.twin.faults.ssh("before", host.ref, "systemctl restart xapi")
        await ground.restart("xs-3")
        await host.restart_xapi()
        while host.xapi != "emergency":
            await asyncio.sleep(0)


async def test_a_lost_task_is_gone_while_its_work_is_done() -> None:
    async with pool(restart_seconds=0.2) as ground:
        plan(ground, "lose_task", {"moment": "bond.create.recorded"})
        network = await ground.network()
        members = [ground.pif("xs-1", "eth2"), ground.pif("xs-1", "eth4")]
        task = await client(ground, "Async.Bond.create", network, members, "", "active-backup", {})
        while ground.database.find("task", task) is not None:
            await asyncio.sleep(0.005)
        while not ground.pif_record("xs-1", "bond0")["currently_attached"]:
            await asyncio.sleep(0.005)


async def test_a_start_can_end_in_emergency_mode() -> None:
    async with pool() as ground:
        plan(ground, "emergency", {"moment": "host.start", "host": "xs-2"})
        host = ground.twin.host("xs-2")
        await host.restart_xapi()
        while host.xapi != "emergency":
            await asyncio.sleep(0)
        assert host.refusal is not None and host.refusal.code == "HOST_IN_EMERGENCY_MODE"
        assert await ground.call("pool.recover_slaves") == [host.ref]
        await ground.up("xs-2")


async def test_a_start_can_never_return() -> None:
    async with pool() as ground:
        plan(ground, "never_return", {"moment": "host.start.ready", "host": "xs-2"})
        host = ground.twin.host("xs-2")
        await host.restart_xapi()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(host.init_complete.wait(), 0.1)
        assert host.refusal is not None and host.refusal.code == "HOST_STILL_BOOTING"


async def test_a_stopped_xapi_can_stay_away_until_somebody_starts_it() -> None:
    async with pool() as ground:
        plan(ground, "never_return", {"moment": "host.stopped", "host": "xs-2"})
        host = ground.twin.host("xs-2")
        await host.restart_xapi()
        await asyncio.sleep(0.05)
        assert host.xapi == "stopped"
        await host.start_xapi()
        await ground.up("xs-2")


async def test_an_error_in_a_start_lets_xapi_die_and_start_again() -> None:
    async with pool() as ground:
        plan(ground, "error", {"moment": "host.start.storage", "host": "xs-2"}, code="VERY_STRANGE")
        await ground.restart("xs-2")
        assert "Caught exception at toplevel: VERY_STRANGE" in ground.log("xs-2")
        assert ground.twin.host("xs-2").xapi == "running"


async def test_ssh_can_be_cut_before_or_after_a_command() -> None:
    async with pool() as ground:
        plan(ground, "cut_ssh", {"ssh": "restart xapi$", "host": "xs-2"}, stage="after")
        member, other = ground.twin.host("xs-2").ref, ground.twin.host("xs-3").ref
        await ground.twin.faults.ssh("before", member, "systemctl restart xapi")
        await ground.twin.faults.ssh("after", other, "systemctl restart xapi")
        with pytest.raises(ConnectionDropped):
            await ground.twin.faults.ssh("after", member, "systemctl restart xapi")


async def test_stop_calls_whoever_waits_for_it() -> None:
    async with pool() as ground:
        stopped: list[Point] = []

        async def stop(point: Point) -> None:
            stopped.append(point)

        ground.twin.faults.on_stop.append(stop)
        plan(ground, "stop", {"method": "pool.get_all"}, stage="after")
        await client(ground, "pool.get_all")
        assert [(point.name, point.stage) for point in stopped] == [("pool.get_all", "after")]


async def test_cleared_faults_strike_no_more() -> None:
    async with pool() as ground:
        plan(ground, "error", {"method": "pool.get_all"}, times=0)
        ground.twin.faults.clear()
        await client(ground, "pool.get_all")


# plans that cannot be


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"do": "explode", "when": {"method": "x"}}, "'explode' is not an action of a fault"),
        ({"do": "drop"}, "needs exactly one of method, moment and ssh"),
        ({"do": "drop", "when": {"method": "x", "ssh": "y"}}, "needs exactly one of method, moment and ssh"),
        ({"do": "drop", "when": {"moment": "lunch"}}, "there is no moment 'lunch'"),
        ({"do": "drop", "when": {"ssh": "("}}, "'(' is not a regular expression"),
        ({"do": "drop", "when": {"method": "x"}, "stage": "during"}, "before or after, not 'during'"),
        ({"do": "drop", "when": {"method": "x", "nth": 0}}, "counts from 1"),
        ({"do": "drop", "when": {"method": "x", "nth": "two"}}, "are numbers"),
        ({"do": "drop", "when": {"method": "x"}, "how": "fast"}, "a fault has no 'how'"),
        ({"do": "drop", "when": {"method": "x", "who": "me"}}, "'when' of a fault has no 'who'"),
        ({"do": "drop", "when": {"method": "x", "host": "xs-9"}}, "no host of this pool is called 'xs-9'"),
    ],
)
async def test_a_plan_that_cannot_be_is_refused_with_a_sentence(entry: dict[str, Any], sentence: str) -> None:
    async with pool() as ground:
        with pytest.raises(FaultPlanError) as caught:
            ground.twin.faults.add(entry)
        assert sentence in str(caught.value)


def test_every_action_is_known_to_the_plan() -> None:
    for action in ACTIONS:
        assert Fault.read({"do": action, "when": {"method": "Bond.create"}}).do == action
