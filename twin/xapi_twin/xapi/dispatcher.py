# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A call on its way: the order of xapi's checks, sessions, tasks, journal, faults, and then the handler of the message."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

from xapi_twin.datamodel.errors import ConnectionDropped, XapiError
from xapi_twin.datamodel.schema import Message, Schema, Type, parse_type
from xapi_twin.rpc.values import Wire, text_of
from xapi_twin.xapi import between, generic, sessions, tasks
from xapi_twin.xapi.context import Context, Handler
from xapi_twin.xapi.handlers import HANDLERS
from xapi_twin.xapi.state import XapiState

# What a xapi answers although it is still starting or in emergency mode (api_server.ml: emergency_call_list).
EMERGENCY_CALLS = frozenset({
    "session.slave_local_login",
    "session.slave_local_login_with_password",
    "session.local_logout",
    "host.is_in_emergency_mode",
    "host.emergency_ha_disable",
    "host.local_management_reconfigure",
    "host.shutdown_agent",
    "host.signal_networking_change",
    "host.get_system_status_capabilities",
    "pool.emergency_transition_to_master",
    "pool.emergency_reset_master",
    "pool.is_slave",
    "system.listMethods",
})  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What is to be written: a value of a type, or an error's description. `number` is that of the journal; `bare`: without Status."""

    type: Type
    value: Any = None
    error: tuple[str, ...] | None = None
    number: int = 0
    bare: bool = False


_REF = parse_type("task ref")
_NAMES = parse_type("string set")


class Dispatcher:
    """Carries out the calls of one pool."""

    def __init__(self, pool: XapiState) -> None:
        self.pool = pool
        pool.calls = self
        self._running: set[asyncio.Future[Any]] = set()

    async def call(self, at: str, method: str, arguments: Sequence[Any], wire: Wire = Wire.XML) -> Any:
        """Carry out a call as it came over the wire to the endpoint of host `at`; answers a native value.

        Raises XapiError for what XAPI would answer as an error, ConnectionDropped when there is to be no reply.
        """
        answer = await self.answer(at, method, arguments, wire)
        if answer.error is not None:
            raise XapiError(*answer.error)
        return answer.value

    async def answer(self, at: str, method: str, arguments: Sequence[Any], wire: Wire, bytes_in: int = 0) -> Answer:
        """As `call`, for a server: the value with its type, or the error. Raises ConnectionDropped when there is to be no reply."""
        sent, method = method, generic.canonical(self.pool.schema, method)
        session, rest = _split(self.pool, method, arguments)
        number = self.pool.journal.begin(at, method, rest, session, bytes_in)
        work = asyncio.ensure_future(self._answer(at, method, sent, arguments, number))
        self._running.add(work)
        work.add_done_callback(self._running.discard)
        work.add_done_callback(lambda done: self._write_down(number, done))
        try:
            # A client that goes away does not stop what it asked for.
            return await asyncio.shield(self._unless_lost(work, number) if self.pool.faults.plan else work)
        except asyncio.CancelledError:
            if work.cancelled():
                raise ConnectionDropped from None  # the xapi that carried it out died, not the client
            raise

    async def internal(self, method: str, *arguments: Any, session: str = "", at: str = "") -> Any:
        """Carry out a message as root from inside the pool (xe, the life of a host), with native values. Raises XapiError.

        `at`: the host that is asked; the master, unless it says another.
        """
        handler, message = self._handler(method)
        context = Context(self.pool, session, None, method, 0, at or self.pool.master)
        if _has_task(self.pool.schema, message):
            task = tasks.create(self.pool, method)
            try:
                return await handler(replace(context, task=task), *arguments)
            finally:
                tasks.forget(self.pool, task)
        return await handler(context, *arguments)

    def open_session(self, originator: str, user: str = "root") -> str:
        """A new session of the pool, as after a login."""
        return sessions.open_session(self.pool, user, originator)

    def abandon(self) -> None:
        """The master's xapi died: what it was doing ends; sessions and tasks, which it keeps in memory only, are gone."""
        for work in tuple(self._running):
            work.cancel()
        self._running.clear()
        for cls in ("session", "task"):
            for ref in list(self.pool.database.all(cls)):
                self.pool.database.remove(cls, ref)
        self.pool.events.forget_all()

    def abandon_at(self, host: str) -> None:
        """A member's xapi died: its local sessions are gone."""
        for session in [session for session, at in self.pool.local_sessions.items() if at == host]:
            del self.pool.local_sessions[session]

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Carry on with something that dies with the master's xapi."""
        future = asyncio.ensure_future(work)
        self._running.add(future)
        future.add_done_callback(self._running.discard)

    # inside

    async def _unless_lost(self, work: asyncio.Future[Answer], number: int) -> Answer:
        """The answer; or no reply, when a planned fault cuts the connection while the work goes on."""
        lost = asyncio.ensure_future(self.pool.faults.lost(number))
        try:
            ends: set[asyncio.Future[Any]] = {work, lost}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost.cancel()
        if not work.done():
            raise ConnectionDropped(number)
        return work.result()

    def _write_down(self, number: int, work: asyncio.Future[Answer]) -> None:
        """The end of a call, for the journal."""
        failed = work.cancelled() or work.exception() is not None
        self.pool.journal.end(number, ("",) if failed else work.result().error)

    async def _answer(self, at: str, method: str, sent: str, arguments: Sequence[Any], number: int) -> Answer:
        name = method.removeprefix("Async.")
        try:
            await self.pool.faults.call("before", method, at, number)
            answer = await self._carry_out(at, name, sent.removeprefix("Async."), name != method, arguments, number)
        except XapiError as error:
            answer = Answer(_REF, error=tuple(error.description))
        try:
            await self.pool.faults.call("after", method, at, number)
        except XapiError as error:
            answer = Answer(_REF, error=tuple(error.description))
        return replace(answer, number=number)

    async def _carry_out(self, at: str, method: str, sent: str, in_background: bool, arguments: Sequence[Any], number: int) -> Answer:
        """xapi's own order: is it up; is there such a message; number of arguments; their types; session; role of the host; the work."""
        refusal = self.pool.hosts[at].refusal
        if refusal is not None and method not in EMERGENCY_CALLS:
            raise refusal
        if method == "system.listMethods":
            return Answer(_NAMES, list(self.pool.schema.methods), bare=True)
        handler, message = self._handler(method)
        session, values = generic.convert(self.pool.schema, message, *generic.check_count(message, sent, arguments))
        if message.session:
            session = sessions.check(self.pool, at, session)
        elif at != self.pool.master and message.name in ("login_with_password", "create_from_db_file"):
            raise XapiError("HOST_IS_SLAVE", self.pool.database.get("host", self.pool.master)["address"])
        context = Context(self.pool, session, None, method, number, at)
        if in_background:
            if not generic.is_custom(message, self.pool.schema):
                raise XapiError("Fault", f"No async mode for this operation (rpc: {method})")
            task = tasks.create(self.pool, f"Async.{method}")
            work = handler(replace(context, task=task), *values)
            self.start(tasks.carry_out(self.pool, task, message.result, work))
            # A short call is done, and its task with it, by the time that the client can ask.
            await asyncio.sleep(0)
            return Answer(_REF, task)
        if not _has_task(self.pool.schema, message):
            value = await handler(context, *values)
            if (message.cls in between.CLASSES and message.name.startswith("get_")) or (message.name == "from" and value.events):
                self.pool.between.is_read()
            return Answer(message.result, value)
        task = tasks.create(self.pool, method)
        try:
            return Answer(message.result, await handler(replace(context, task=task), *values))
        finally:
            tasks.forget(self.pool, task)

    def _handler(self, method: str) -> tuple[Handler, Message]:
        """What carries out a method. Raises XapiError MESSAGE_METHOD_UNKNOWN."""
        message = generic.message(self.pool.schema, method)
        handler = HANDLERS.get(method) or generic.handler(self.pool.schema, message)
        return handler, message


def _split(pool: XapiState, method: str, arguments: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """The session and the rest, for the journal, which also writes down calls that turn out to be wrong."""
    try:
        message = generic.message(pool.schema, method.removeprefix("Async."))
    except XapiError:
        return "", arguments
    if message.session and arguments:
        return text_of(arguments[0]), arguments[1:]
    return "", arguments


def _has_task(schema: Schema, message: Message) -> bool:
    """Also a call that the client waits for has a task record while it runs, save those of these classes (recorded: task counts)."""
    return generic.is_custom(message, schema) and message.cls not in ("session", "task", "event")
