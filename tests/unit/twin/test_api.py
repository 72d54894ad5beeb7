# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A call on its way: xapi's order of checks, sessions, tasks, the journal, and what happens when the connection or xapi goes."""

from __future__ import annotations

import asyncio
import json
import xmlrpc.client
from typing import Any

import pytest

from tests.unit.twin.ground import Pool, pool
from xapi_twin.datamodel.errors import ConnectionDropped, XapiError
from xapi_twin.server.http import respond
from xapi_twin.xapi import sessions
from xapi_twin.xapi.context import Context
from xapi_twin.xapi.dispatcher import Dispatcher

DEAD = "OpaqueRef:00000000-0000-0000-0000-000000000001"


async def error_of(ground: Pool, method: str, *arguments: Any, at: str = "xs-1") -> list[str]:
    with pytest.raises(XapiError) as caught:
        await ground.twin.dispatcher.call(ground.twin.host(at).ref, method, arguments)
    return caught.value.description


async def login(ground: Pool) -> str:
    session: str = await ground.twin.dispatcher.call(ground.twin.master, "session.login_with_password", ["root", "twin", "1.0", "a test"])
    return session


async def test_mistakes_are_found_in_xapis_order() -> None:
    """No such message, number of arguments, their types, the session, the host's role, and only then what it is about."""
    async with pool() as ground:
        session = await login(ground)
        assert await error_of(ground, "PIF.frobnicate", "bogus") == ["MESSAGE_METHOD_UNKNOWN", "PIF.frobnicate"]
        assert await error_of(ground, "PIF.plug", "bogus") == ["MESSAGE_PARAMETER_COUNT_MISMATCH", "PIF.plug", "1", "0"]
        assert await error_of(ground, "PIF.plug", "bogus", 7) == ["INTERNAL_ERROR", "Failure(\"Expected string, got 'I(7)'\")"]
        assert await error_of(ground, "PIF.plug", "bogus", DEAD) == ["SESSION_INVALID", "bogus"]
        assert await error_of(ground, "PIF.plug", session, DEAD, at="xs-2") == ["HOST_IS_SLAVE", "172.16.0.10"]
        assert await error_of(ground, "PIF.plug", session, DEAD) == ["HANDLE_INVALID", "PIF", DEAD]


async def test_logging_in_needs_the_password_and_the_master() -> None:
    async with pool() as ground:
        refused = ["SESSION_AUTHENTICATION_FAILED", "root", "Authentication failure"]
        assert await error_of(ground, "session.login_with_password", "root", "wrong") == refused
        assert await error_of(ground, "session.login_with_password", "root", "twin", at="xs-2") == ["HOST_IS_SLAVE", "172.16.0.10"]
        session = await login(ground)
        assert ground.database.get("session", session)["originator"] == "a test"
        await ground.twin.dispatcher.call(ground.twin.master, "session.logout", [session])
        assert await error_of(ground, "pool.get_all", session) == ["SESSION_INVALID", session]


async def test_the_session_of_a_user_and_originator_beyond_500_ends_the_oldest() -> None:
    async with pool() as ground:
        other = sessions.open_session(ground.twin.pool, "root", "somebody else")
        first = sessions.open_session(ground.twin.pool, "root", "a test")
        for _unused in range(sessions.LIMIT):
            sessions.open_session(ground.twin.pool, "root", "a test")
        assert ground.database.find("session", first) is None
        assert ground.database.find("session", other) is not None
        assert len(ground.database.where("session", originator="a test")) == sessions.LIMIT


async def test_a_member_takes_local_sessions_of_its_own() -> None:
    async with pool() as ground:
        member = ground.twin.host("xs-2").ref
        session = await ground.twin.dispatcher.call(member, "session.slave_local_login_with_password", ["root", "twin"])
        assert await ground.twin.dispatcher.call(member, "pool.get_all", [session]) == list(ground.database.all("pool"))
        assert await error_of(ground, "pool.get_all", session) == ["SESSION_INVALID", session]
        ground.twin.dispatcher.abandon_at(member)
        assert await error_of(ground, "pool.get_all", session, at="xs-2") == ["SESSION_INVALID", session]


async def test_a_host_that_starts_refuses_everything_but_emergency_calls() -> None:
    async with pool() as ground:
        session = await login(ground)
        ground.twin.host("xs-1").refusal = XapiError("HOST_STILL_BOOTING")
        assert await error_of(ground, "pool.get_all", session) == ["HOST_STILL_BOOTING"]
        assert "PIF.plug" in await ground.twin.dispatcher.call(ground.twin.master, "system.listMethods", [])


async def test_arguments_beyond_are_ignored_where_some_are_optional() -> None:
    async with pool() as ground:
        assert await ground.twin.dispatcher.call(ground.twin.master, "session.login_with_password", ["root", "twin", "1", "o", "more"])
        session = await login(ground)
        assert await error_of(ground, "PIF.get_all", session, "more") == ["MESSAGE_PARAMETER_COUNT_MISMATCH", "PIF.get_all", "0", "1"]


async def test_a_constructor_fills_in_defaults_and_names_what_is_missing() -> None:
    async with pool() as ground:
        session = await login(ground)
        missing = ["INTERNAL_ERROR", 'Server_helpers.Dispatcher_FieldNotFound("other_config")']
        assert await error_of(ground, "network.create", session, {"name_label": "x"}) == missing
        made = await ground.twin.dispatcher.call(ground.twin.master, "network.create", [session, {"other_config": {}, "uuid": "ignored"}])
        assert ground.database.get("network", made)["MTU"] == 1500


async def test_fields_are_read_and_written_by_the_schema() -> None:
    async with pool() as ground:
        network = await ground.network()
        await ground.call("network.set_name_label", network, "other")
        await ground.call("network.add_to_other_config", network, "k", "v")
        await ground.call("network.add_tags", network, "t")
        await ground.call("network.add_tags", network, "t")
        record = ground.database.get("network", network)
        assert (record["name_label"], record["other_config"], record["tags"]) == ("other", {"k": "v"}, ["t"])
        with pytest.raises(XapiError) as caught:
            await ground.call("network.add_to_other_config", network, "k", "w")
        assert caught.value.description == ["MAP_DUPLICATE_KEY", "network", "other_config", network, "k"]
        assert await ground.call("network.get_by_name_label", "other") == [network]
        with pytest.raises(XapiError, match="MESSAGE_METHOD_UNKNOWN"):
            await ground.call("PIF.set_MAC", ground.pif("xs-1", "eth1"), "x")


async def test_classes_that_the_twin_does_not_model_are_empty_and_not_unknown() -> None:
    async with pool() as ground:
        assert await ground.call("VDI.get_all_records") == {}
        with pytest.raises(XapiError) as caught:
            await ground.call("VDI.get_by_uuid", "x")
        assert caught.value.description == ["UUID_INVALID", "VDI", "x"]


async def test_a_name_may_have_a_line_for_its_dot() -> None:
    async with pool() as ground:
        session = await login(ground)
        assert await ground.twin.dispatcher.call(ground.twin.master, "PIF_metrics_get_all", [session])
        assert ground.twin.journal.count("PIF_metrics.get_all") == 1
        mismatch = ["MESSAGE_PARAMETER_COUNT_MISMATCH", "PIF_plug", "1", "0"]
        assert await error_of(ground, "PIF_plug", session) == mismatch


async def test_an_async_call_answers_a_task_that_tells_its_end() -> None:
    async with pool() as ground:
        session, database = await login(ground), ground.database
        fields = {"name_label": "NAS", "other_config": {}}
        task = await ground.twin.dispatcher.call(ground.twin.master, "Async.network.create", [session, fields])
        await asyncio.sleep(0)
        record = database.get("task", task)
        (made,) = database.where("network", name_label="NAS")
        assert (record["status"], record["result"], record["progress"]) == ("success", f"<value>{made}</value>", 1.0)
        assert record["name_label"] == "Async.network.create"
        task = await ground.twin.dispatcher.call(ground.twin.master, "Async.network.destroy", [session, DEAD])
        await asyncio.sleep(0)
        assert database.get("task", task)["error_info"] == ["HANDLE_INVALID", "network", DEAD]
        await ground.twin.dispatcher.call(ground.twin.master, "task.destroy", [session, task])
        assert await error_of(ground, "task.get_status", session, task) == ["HANDLE_INVALID", "task", task]


async def test_only_messages_with_work_have_an_async_form() -> None:
    async with pool() as ground:
        refused = ["Fault", "No async mode for this operation (rpc: PIF.get_all)"]
        assert await error_of(ground, "Async.PIF.get_all", await login(ground)) == refused


async def test_a_call_that_the_client_waits_for_has_a_task_while_it_runs() -> None:
    async with pool() as ground:
        seen = []
        ground.database.observers.append(lambda change: seen.append((change.operation, change.cls)))
        await ground.twin.dispatcher.call(ground.twin.master, "network.create", [await login(ground), {"other_config": {}}])
        tasks = [operation for operation, cls in seen if cls == "task"]
        assert tasks == ["add", "del"]


def slow(ground: Pool, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """network.destroy takes a moment; tells what became of it."""
    told: list[str] = []

    async def destroy(context: Context, ref: str) -> None:
        told.append("begun")
        await asyncio.sleep(0.05)
        told.append("done")

    monkeypatch.setattr("xapi_twin.xapi.dispatcher.HANDLERS", {"network.destroy": destroy})
    return told


async def test_a_client_that_goes_away_does_not_stop_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    async with pool() as ground:
        session = await login(ground)
        told = slow(ground, monkeypatch)
        call = asyncio.ensure_future(ground.twin.dispatcher.call(ground.twin.master, "network.destroy", [session, DEAD]))
        await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.sleep(0.1)
        assert told == ["begun", "done"]
        assert ground.twin.journal[-1].error is None


async def test_the_masters_death_ends_calls_sessions_and_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    async with pool() as ground:
        session = await login(ground)
        told = slow(ground, monkeypatch)
        call = asyncio.ensure_future(ground.twin.dispatcher.call(ground.twin.master, "network.destroy", [session, DEAD]))
        await asyncio.sleep(0.01)
        assert ground.database.all("task")
        ground.twin.dispatcher.abandon()
        with pytest.raises(ConnectionDropped):
            await call
        await asyncio.sleep(0.1)
        assert told == ["begun"]
        assert not ground.database.all("session") and not ground.database.all("task")
        assert ground.twin.journal[-1].error == ("",)


async def post(ground: Pool, path: str, body: str, method: str = "POST", at: str = "xs-1") -> Any:
    return await respond(ground.twin.host(at), method, path, body.encode())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 403), ("GET", "/jsonrpc", 403), ("PUT", "/", 403), ("HEAD", "/", 501), ("OPTIONS", "/", 200), ("POST", "/", 500)],
)
async def test_http_is_answered_as_recorded(method: str, path: str, status: int) -> None:
    async with pool() as ground:
        assert (await post(ground, path, "", method)).status == status


async def test_any_path_takes_xml_and_only_jsonrpc_takes_json() -> None:
    async with pool() as ground:
        session = await login(ground)
        xml = xmlrpc.client.dumps((session,), "pool.get_all")
        for path in ("/", "/RPC2", "/anything"):
            assert xmlrpc.client.loads((await post(ground, path, xml)).body)[0][0]["Status"] == "Success"  # type: ignore[call-overload, index]
        text = json.dumps({"method": "pool.get_all", "params": [session], "id": 1, "jsonrpc": "2.0"})
        reply = json.loads((await post(ground, "/jsonrpc", text)).body)
        assert reply == {"jsonrpc": "2.0", "result": list(ground.database.all("pool")), "id": 1}
        assert (await post(ground, "/RPC2", text)).status == 500


async def test_list_methods_alone_has_no_status() -> None:
    async with pool() as ground:
        reply = await post(ground, "/", xmlrpc.client.dumps((), "system.listMethods"))
        assert xmlrpc.client.loads(reply.body)[0][0] == list(ground.twin.schema.methods)


async def test_a_dispatcher_of_a_new_twin_has_seen_nothing() -> None:
    async with pool() as ground:
        assert isinstance(ground.twin.dispatcher, Dispatcher)
        assert len(ground.twin.journal) == 0
