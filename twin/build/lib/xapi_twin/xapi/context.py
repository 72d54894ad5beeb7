# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What carries out a call, and what it is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from xapi_twin.database import Database
from xapi_twin.xapi.state import XapiState

#: Takes a `Context` and the arguments of the message, in XAPI's order and as Python's own types.
Handler = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Context:
    """One call being carried out. Every call is carried out by the pool's master; members answer HOST_IS_SLAVE before it comes to that.

    `method` is without the Async prefix; `task` is the reference of the call's task record, None for messages that have none; `number` is
    that of the journal (0 for a call from inside the twin).
    """

    pool: XapiState
    session: str
    task: str | None
    method: str
    number: int
    at: str = ""

    @property
    def database(self) -> Database:
        return self.pool.database

    async def moment(self, name: str, host: str = "", **facts: str) -> None:
        """A named place at which a fault may strike."""
        await self.pool.faults.moment(name, host=host, number=self.number, method=self.method, **facts)

    def resident_on(self, host: str) -> None:
        """The call goes on at this host: the task record says so."""
        if self.task is not None and self.database.find("task", self.task) is not None:
            self.database.set("task", self.task, resident_on=host)

    def progress(self, fraction: float) -> None:
        """How far the call has come, 0 to 1."""
        if self.task is not None and self.database.find("task", self.task) is not None:
            self.database.set("task", self.task, progress=fraction)
