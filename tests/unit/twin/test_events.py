# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients are told of changes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.unit.twin.ground import Pool, pool
from xapi_twin.datamodel.errors import XapiError
from xapi_twin.rpc.values import EventBatch


async def events(ground: Pool, classes: list[str], token: str = "", timeout: float = 0.0) -> EventBatch:
    batch: EventBatch = await ground.call("event.from", classes, token, timeout)
    return batch


def told(batch: EventBatch) -> list[tuple[str, str, str]]:
    return [(event.operation, event.cls, event.ref) for event in batch.events]


async def test_the_first_call_tells_every_object_as_new() -> None:
    async with pool() as ground:
        batch = await events(ground, ["pool", "HOST"])
        assert [event.operation for event in batch.events] == ["add"] * 4
        assert {event.ref for event in batch.events} == {*ground.database.all("pool"), *ground.database.all("host")}
        assert batch.valid_ref_counts["pif"] == 18


async def test_a_later_call_tells_what_became_of_each_object_since() -> None:
    async with pool() as ground:
        kept, gone = await ground.network("kept"), await ground.network("gone")
        token = (await events(ground, ["network"])).token
        new, passing = await ground.network("new"), await ground.network("passing")
        await ground.call("network.set_name_label", new, "newer")
        await ground.call("network.set_name_label", kept, "changed")
        await ground.call("network.set_MTU", kept, 9000)
        await ground.call("network.destroy", gone)
        await ground.call("network.destroy", passing)

        batch = await events(ground, ["network"], token)
        deleted = [("del", "network", ref) for ref in sorted((gone, passing))]
        assert told(batch) == [("add", "network", new), ("mod", "network", kept), *deleted]
        assert [event.snapshot["name_label"] for event in batch.events if event.snapshot] == ["newer", "changed"]
        again = await events(ground, ["network"], batch.token)
        assert (again.events, again.token) == ((), batch.token)


async def test_only_what_was_asked_for_is_told() -> None:
    async with pool() as ground:
        one, other = ground.pif("xs-1", "eth1"), ground.pif("xs-1", "eth3")
        token = (await events(ground, [f"pif/{one}"])).token
        await ground.call("PIF.set_disallow_unplug", other, True)
        assert (await events(ground, [f"PIF/{one}"], token)).events == ()
        await ground.call("PIF.set_disallow_unplug", one, True)
        assert told(await events(ground, [f"PIF/{one}"], token)) == [("mod", "PIF", one)]


async def test_sessions_make_no_events() -> None:
    async with pool() as ground:
        token = (await events(ground, ["*"])).token
        ground.twin.dispatcher.open_session("somebody")
        assert (await events(ground, ["*"], token)).events == ()


async def test_a_call_waits_for_the_next_change_and_not_longer() -> None:
    async with pool() as ground:
        token = (await events(ground, ["network", "bond"])).token
        waiting = asyncio.ensure_future(events(ground, ["network", "bond"], token, 10.0))
        await asyncio.sleep(0.01)
        await ground.call("PIF.set_disallow_unplug", ground.pif("xs-1", "eth1"), True)
        await asyncio.sleep(0.01)
        assert not waiting.done()
        made = await ground.network()
        assert told(await asyncio.wait_for(waiting, 1)) == [("add", "network", made)]


async def test_a_call_that_waited_in_vain_has_an_empty_list_and_a_token() -> None:
    async with pool() as ground:
        first = await events(ground, ["network"])
        batch = await events(ground, ["network"], first.token, 0.05)
        assert (batch.events, batch.token) == ((), first.token)


async def test_each_step_of_a_bond_can_be_seen() -> None:
    """The bond is there before it is up: two batches at least, even when no time passes."""
    async with pool() as ground:
        network = await ground.network()
        token, seen = (await events(ground, ["bond", "pif"])).token, []

        async def watch() -> None:
            nonlocal token
            while True:
                batch = await events(ground, ["bond", "pif"], token, 5.0)
                token = batch.token
                for event in batch.events:
                    if event.snapshot and event.snapshot.get("device") == "bond0":
                        seen.append(event.snapshot["currently_attached"])

        watching = asyncio.ensure_future(watch())
        await asyncio.sleep(0.01)
        await ground.bond("xs-1", ["eth2", "eth4"], network)
        await asyncio.sleep(0.01)
        watching.cancel()
        assert False in seen and seen[-1] is True


async def test_messages_have_the_id_0_and_a_place_of_their_own_in_the_token() -> None:
    async with pool() as ground:
        token = (await events(ground, ["message", "network"])).token
        uuid = ground.twin.host("xs-1").uuid
        message = await ground.call("message.create", "HELLO", 3, "Host", uuid, "text")
        batch = await events(ground, ["message", "network"], token)
        assert [(event.id, event.operation, event.ref) for event in batch.events] == [(0, "add", message)]
        assert batch.token.split(",")[0] == token.split(",")[0] and batch.token.split(",")[1] > token.split(",")[1]
        assert batch.valid_ref_counts["message"] == 0, "xapi keeps messages in files"


@pytest.mark.parametrize("token", ["bogus", "1", "1,2,3", "-1,0"])
async def test_a_token_that_is_none_is_refused(token: str) -> None:
    async with pool() as ground:
        with pytest.raises(XapiError) as caught:
            await events(ground, ["pif"], token)
        assert caught.value.description == ["EVENT_FROM_TOKEN_PARSE_FAILURE", token]


async def test_an_injected_event_comes_after_its_token() -> None:
    async with pool() as ground:
        pif = ground.pif("xs-1", "eth1")
        token = await ground.call("event.inject", "PIF", pif)
        assert told(await events(ground, ["pif"], token)) == [("mod", "PIF", pif)]
        with pytest.raises(XapiError) as caught:
            await ground.call("event.inject", "pif", pif)
        assert caught.value.description == ["HANDLE_INVALID", "pif", pif]


async def session_call(ground: Pool, session: str, method: str, *arguments: Any) -> Any:
    return await ground.twin.dispatcher.call(ground.twin.master, method, [session, *arguments])


async def test_the_old_queue_keeps_every_step_since_registration() -> None:
    async with pool() as ground:
        session = ground.twin.dispatcher.open_session("old client")
        with pytest.raises(XapiError, match="SESSION_NOT_REGISTERED"):
            await session_call(ground, session, "event.next")
        await ground.network("before")
        await session_call(ground, session, "event.register", ["network"])
        made = await ground.network()
        await ground.call("network.set_MTU", made, 9000)
        found = await session_call(ground, session, "event.next")
        assert [(event.operation, event.snapshot["MTU"]) for event in found] == [("add", 1500), ("mod", 9000)]
        waiting = asyncio.ensure_future(session_call(ground, session, "event.next"))
        await asyncio.sleep(0.01)
        await ground.call("network.destroy", made)
        assert [event.operation for event in await asyncio.wait_for(waiting, 1)] == ["del"]


async def test_who_waits_learns_that_the_session_has_ended() -> None:
    async with pool() as ground:
        session = ground.twin.dispatcher.open_session("a test")
        token = (await session_call(ground, session, "event.from", ["bond"], "", 0.0)).token
        waiting = asyncio.ensure_future(session_call(ground, session, "event.from", ["bond"], token, 10.0))
        await asyncio.sleep(0.01)
        await session_call(ground, session, "session.logout")
        with pytest.raises(XapiError) as caught:
            await asyncio.wait_for(waiting, 1)
        assert caught.value.description == ["SESSION_INVALID", session]


async def test_without_a_token_nothing_is_told_of_what_has_gone() -> None:
    async with pool() as ground:
        await ground.call("network.destroy", await ground.network("gone"))
        assert {operation for operation, _cls, _ref in told(await events(ground, ["network"]))} == {"add"}


async def test_a_batch_shows_the_records_as_they_were_when_it_was_collected() -> None:
    async with pool() as ground:
        network = await ground.network("V50")
        batch = await events(ground, ["network"])
        (event,) = [event for event in batch.events if event.ref == network]
        await ground.vlan("xs-1", "eth1", 50, network)
        assert event.snapshot is not None and event.snapshot["PIFs"] == [], "the VLAN's PIF is announced by the next batch only"


@pytest.mark.parametrize(
    ("xapi", "classes", "before"),
    [("26.17.0", ["pif", "task"], 0.05), ("26.17.0", ["task"], 0.0), ("25.33.2", ["pif"], 0.0), ("24.19.2", ["pif"], 0.0)],
)
async def test_since_26_10_who_asks_for_more_than_tasks_waits_before_the_first_look(xapi: str, classes: list[str], before: float) -> None:
    async with pool(xapi=xapi, restart_seconds=15) as ground:
        begun = asyncio.get_running_loop().time()
        await events(ground, classes)
        took = asyncio.get_running_loop().time() - begun
        assert before <= took < before + 0.05


@pytest.mark.parametrize(("xapi", "after"), [("24.19.2", 0.05), ("25.33.2", 0.05 / 8), ("26.17.0", 0.05 / 8)])
async def test_what_comes_shortly_after_a_change_is_told_with_it(xapi: str, after: float) -> None:
    async with pool(xapi=xapi, restart_seconds=15) as ground:
        token = (await events(ground, ["network"])).token
        waiting = asyncio.create_task(events(ground, ["network"], token, 5.0))
        await asyncio.sleep(0.1)
        one = await ground.network("one")
        begun = asyncio.get_running_loop().time()
        other = await ground.network("other")
        assert sorted(told(await waiting)) == sorted([("add", "network", one), ("add", "network", other)])
        assert asyncio.get_running_loop().time() - begun >= 0.9 * after
