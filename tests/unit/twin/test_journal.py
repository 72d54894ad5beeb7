# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: every call, in order, without secrets."""

from __future__ import annotations

import pytest

from tests.unit.twin.ground import pool
from xapi_twin.datamodel.errors import XapiError
from xapi_twin.xapi import journal
from xapi_twin.xapi.journal import is_write


async def test_every_call_is_written_down_with_its_end() -> None:
    async with pool() as ground:
        twin = ground.twin
        session = twin.dispatcher.open_session("a test")
        await twin.dispatcher.call(twin.master, "pool.get_all", [session])
        with pytest.raises(XapiError):
            await twin.dispatcher.call(twin.master, "network.destroy", [session, "OpaqueRef:1"])
        read, write = twin.journal
        assert (read.number, read.method, read.arguments, read.session, read.error) == (1, "pool.get_all", (), session, None)
        assert (write.number, write.method, write.error) == (2, "network.destroy", ("HANDLE_INVALID", "network", "OpaqueRef:1"))
        assert write.seconds is not None and write.time >= read.time
        assert twin.journal.writes() == [write]


async def test_passwords_are_not_written_down() -> None:
    async with pool(password="secret") as ground:
        await ground.twin.dispatcher.call(ground.twin.master, "session.login_with_password", ["root", "secret", "1.0", "a test"])
        assert "secret" not in repr(ground.twin.journal[0])
        assert ground.twin.journal[0].arguments[0] == "root"


async def test_calls_are_counted_async_or_not() -> None:
    async with pool() as ground:
        session = ground.twin.dispatcher.open_session("a test")
        for method in ("network.create", "Async.network.create"):
            await ground.twin.dispatcher.call(ground.twin.master, method, [session, {"other_config": {}}])
        assert ground.twin.journal.count("network.create") == 2


@pytest.mark.parametrize("method", ["PIF.get_all", "event.from", "session.logout", "task.destroy", "system.listMethods", "task.cancel"])
def test_reading_sessions_events_and_tasks_write_nothing(method: str) -> None:
    assert not is_write(method)


@pytest.mark.parametrize("method", ["Bond.create", "Async.Bond.create", "PIF.plug", "network.set_MTU", "host.restart_agent", "PIF.scan"])
def test_everything_else_may_write(method: str) -> None:
    assert is_write(method)


async def test_the_journal_forgets_the_oldest_calls_and_keeps_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "LONGEST", 10)
    made = journal.Journal(lambda: 0.0)
    slow = made.begin("xs-1", "event.from", [], "")
    for _dummy in range(100):
        made.end(made.begin("xs-1", "PIF.get_record", [], ""))
    made.end(slow)  # dropped long ago: no harm
    assert len(made) <= 10 and made[-1].number == 101 and made[-1].seconds == 0.0
    assert made.count("PIF.get_record") == 100 and made.count("event.from") == 1
