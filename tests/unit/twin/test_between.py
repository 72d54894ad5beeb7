# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""States in between, held until they have been read: each recorded one is what some read shows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.twin.ground import Pool, pool
from xapi_twin.rpc.values import Wire
from xapi_twin.scenario.load import read_scenario
from xapi_twin.server.control import Control

PATIENT = 60.0  # seconds: longer than any test


class Reader:
    """A client that reads as fast as it can."""

    def __init__(self, ground: Pool) -> None:
        self.ground = ground
        self.session = ground.twin.dispatcher.open_session("reader")

    async def call(self, method: str, *arguments: Any) -> Any:
        twin = self.ground.twin
        return await twin.dispatcher.call(twin.master, method, [self.session, *arguments], Wire.XML)

    async def while_working(self, work: Awaitable[Any], cls: str, *fields: str) -> list[dict[str, tuple[Any, ...]]]:
        """What each read of a class shows until the work is done: device (or uuid) -> values of the fields; only what differs."""
        doing = asyncio.ensure_future(work)
        seen: list[dict[str, tuple[Any, ...]]] = []
        while not doing.done():
            records = await self.call(f"{cls}.get_all_records")
            shown = {record.get("device", record["uuid"]): tuple(record[name] for name in fields) for record in records.values()}
            if not seen or seen[-1] != shown:
                seen.append(shown)
            await asyncio.sleep(0)
        await doing
        return seen


def of(device: str, seen: list[dict[str, tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
    """The states of one device, one after the other, None before it is there."""
    states: list[Any] = []
    for shown in seen:
        state = shown.get(device)
        if not states or states[-1] != state:
            states.append(state)
    return states


async def test_each_state_of_a_new_bond_is_read() -> None:
    async with pool(hold_states=PATIENT) as ground:
        network = await ground.network()
        reader = Reader(ground)
        work = ground.bond("xs-1", ["eth2", "eth4"], network)
        seen = await reader.while_working(work, "PIF", "IP", "currently_attached", "MTU", "igmp_snooping_status")
        assert of("bond0", seen) == [
            ("", False, -1, "unknown"),
            ("172.16.0.35", False, -1, "unknown"),
            ("172.16.0.35", True, -1, "unknown"),
            ("172.16.0.35", True, 1500, "unknown"),
            ("172.16.0.35", True, 1500, "disabled"),
        ]


async def test_the_work_goes_on_when_a_state_is_read_and_not_before() -> None:
    async with pool(hold_states=PATIENT) as ground:
        network = await ground.network()
        reader = Reader(ground)
        doing = asyncio.ensure_future(ground.bond("xs-1", ["eth2", "eth4"], network))
        await asyncio.sleep(0.05)
        assert not doing.done() and ground.pif_record("xs-1", "bond0")["bond_master_of"] == []
        await reader.call("PIF.get_all_records")
        await asyncio.sleep(0.05)
        assert not doing.done() and len(ground.pif_record("xs-1", "bond0")["bond_master_of"]) == 1
        ground.twin.between.seconds = 0.0
        await reader.call("PIF.get_all_records")
        await asyncio.wait_for(doing, 10)


async def test_a_pif_is_there_before_its_bond_is() -> None:
    async with pool(hold_states=PATIENT) as ground:
        network = await ground.network()
        reader = Reader(ground)
        seen = await reader.while_working(ground.bond("xs-1", ["eth2", "eth4"], network), "PIF", "bond_master_of", "bond_slave_of")
        assert ([], "OpaqueRef:NULL") in of("bond0", seen)


async def test_inherited_vlans_come_after_the_bond_and_unplugged() -> None:
    async with pool(hold_states=PATIENT) as ground:
        network = await ground.network()
        ground.twin.between.seconds = 0.0
        await ground.bond("xs-1", ["eth2", "eth4"], network)
        await ground.vlan("xs-1", "bond0", 50, await ground.network("V50"))
        ground.twin.between.seconds = PATIENT
        reader = Reader(ground)
        host = ground.twin.host("xs-2")
        mine = host.ref

        async def restart() -> None:
            await host.restart_service()
            await host.init_complete.wait()

        doing = asyncio.ensure_future(restart())
        seen: list[tuple[Any, ...]] = []
        while not doing.done():
            records = [record for record in (await reader.call("PIF.get_all_records")).values() if record["host"] == mine]
            bonds = [record["currently_attached"] for record in records if record["bond_master_of"]]
            vlans = [record["currently_attached"] for record in records if record["VLAN"] == 50]
            if not seen or seen[-1] != (bonds, vlans):
                seen.append((bonds, vlans))
            await asyncio.sleep(0)
        assert seen == [([], []), ([False], []), ([True], []), ([True], [False])]


@pytest.mark.parametrize(("clean", "told"), [(True, True), (False, False)])
async def test_a_service_restart_shows_before_xapi_ends_and_a_kill_does_not(clean: bool, told: bool) -> None:
    async with pool(hold_states=PATIENT) as ground:
        host = ground.twin.host("xs-2")
        reader = Reader(ground)
        seen: list[tuple[bool, bool]] = []

        async def restart() -> None:
            await (host.restart_service() if clean else host.restart_xapi())
            await host.init_complete.wait()

        doing = asyncio.ensure_future(restart())
        while not doing.done():
            alive = host.xapi == "running" and not host.init_complete.is_set()
            record = (await reader.call("host.get_all_records"))[host.ref]
            enabled, live = record["enabled"], ground.database.get("host_metrics", host.record["metrics"])["live"]
            seen += [(enabled, live)] if alive else []
            await asyncio.sleep(0)
        assert ((False, False) in seen) is told
        assert (host.record["enabled"], ground.database.get("host_metrics", host.record["metrics"])["live"]) == (True, True)


async def test_management_moves_after_the_bond_is_attached() -> None:
    async with pool(hold_states=PATIENT) as ground:
        network = await ground.network("MGMT")
        reader = Reader(ground)
        seen = await reader.while_working(ground.bond("xs-1", ["eth0", "eth1"], network), "PIF", "currently_attached", "management")
        assert of("bond0", seen)[-3:] == [(False, False), (True, False), (True, True)]


async def test_the_host_has_no_address_while_management_moves() -> None:
    async with pool(hold_states=PATIENT) as ground:
        network = await ground.network("MGMT")
        reader = Reader(ground)
        seen = await reader.while_working(ground.bond("xs-1", ["eth0", "eth1"], network), "host", "address")
        uuid = ground.twin.host("xs-1").uuid
        assert of(uuid, seen) == [("172.16.0.10",), ("",), ("172.16.0.10",)]


async def test_a_state_that_nobody_reads_is_passed() -> None:
    async with pool(hold_states=0.02) as ground:
        network = await ground.network()
        await asyncio.wait_for(ground.bond("xs-1", ["eth2", "eth4"], network), 10)
        assert ground.bonds("xs-1") == {"bond0": ["eth2", "eth4"]}


async def test_a_state_is_held_once_however_many_pauses_follow() -> None:
    async with pool(hold_states=0.2) as ground:
        ground.database.set("host", ground.twin.master, enabled=False)
        began = asyncio.get_running_loop().time()
        for _dummy in range(5):
            await ground.twin.pause(0)
        assert 0.15 < asyncio.get_running_loop().time() - began < 0.35


async def test_who_waits_for_events_is_told_each_state() -> None:
    async with pool(hold_states=PATIENT) as ground:
        network = await ground.network()
        reader = Reader(ground)
        batch = await reader.call("event.from", ["PIF"], "", 0.0)
        doing = asyncio.ensure_future(ground.bond("xs-1", ["eth2", "eth4"], network))
        states: list[tuple[Any, ...]] = []
        while not doing.done():
            batch = await reader.call("event.from", ["PIF"], batch.token, 0.2)
            for event in batch.events:
                if event.snapshot["device"] == "bond0":
                    states.append((event.snapshot["IP"], event.snapshot["currently_attached"], event.snapshot["MTU"]))
        kept = list(dict.fromkeys(states))
        assert kept == [("", False, -1), ("172.16.0.35", False, -1), ("172.16.0.35", True, -1), ("172.16.0.35", True, 1500)]


async def test_links_of_a_new_bond_come_back_after_a_while() -> None:
    async with pool(link_seconds=0.2) as ground:
        network = await ground.network()
        await ground.bond("xs-1", ["eth2", "eth4"], network)
        nics = ground.twin.host("xs-1").dom0.nics
        assert not nics["eth2"].carrier and not nics["eth4"].carrier
        assert ground.twin.host("xs-1").dom0.bonds["bond0"].links_up() == 0
        await asyncio.sleep(0.05)
        metrics = ground.database.get("PIF_metrics", ground.pif_record("xs-1", "eth4")["metrics"])
        assert not metrics["carrier"]
        await asyncio.sleep(0.4)
        assert nics["eth2"].carrier and nics["eth4"].carrier
        assert ground.twin.host("xs-1").dom0.bonds["bond0"].links_up() == 2
        assert metrics["carrier"]


async def test_a_pulled_cable_does_not_come_back_with_the_link() -> None:
    async with pool(link_seconds=0.1) as ground:
        host = ground.twin.host("xs-1")
        await host.set_carrier("eth4", False)
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        await host.set_carrier("eth2", False)
        await asyncio.sleep(0.3)
        assert not host.dom0.nics["eth4"].carrier and not host.dom0.nics["eth2"].carrier


async def test_the_links_of_a_pool_that_has_been_up_for_long_are_up() -> None:
    async with pool(link_seconds=30.0) as ground:
        assert all(nic.carrier for nic in ground.twin.host("xs-1").dom0.nics.values())


async def test_holding_is_switched_while_the_twin_runs(tmp_path: Path) -> None:
    async with pool() as ground:
        control = Control(ground.twin, tmp_path / "control", dict)
        assert await control.answer('{"do": "hold_states", "seconds": 2}') == {"ok": True, "result": None}
        assert ground.twin.between.seconds == 2.0
        assert (await control.answer('{"do": "link_seconds", "seconds": 3}'))["ok"]
        assert ground.twin.host("xs-2").backend.link_seconds == 3.0  # type: ignore[attr-defined]
        for wrong in ("-1", '"two"', "true", "null"):
            assert not (await control.answer(f'{{"do": "hold_states", "seconds": {wrong}}}'))["ok"]


@pytest.mark.parametrize("key", ["hold_states", "link_seconds"])
async def test_a_scenario_says_it_too(key: str) -> None:

    scenario = read_scenario(f"pool: p\n{key}: 1.5\nhosts: [{{name: xs-1, nics: {{eth0: {{management: true, ip: 10.0.0.1/24}}}}}}]\n")
    assert getattr(scenario, key) == 1.5
