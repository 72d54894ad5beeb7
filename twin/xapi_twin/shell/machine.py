# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host as its dom0 sees it: the host, what its tools print, its files and its processes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

from xapi_twin.datamodel.releases import Formats, Product, product_of
from xapi_twin.shell.files import Files
from xapi_twin.shell.process import KILL, Processes
from xapi_twin.xapi.state import HostState, retrieve

Command = Callable[[Any], Awaitable[int]]  # of a `Call`; answers the exit status


class Machine:
    """A dom0. `commands` are its own ones by name, `folders` what programs lie where."""

    def __init__(
        self,
        host: HostState,
        formats: Formats,
        commands: Mapping[str, Command],
        folders: Mapping[str, Sequence[str]],
    ) -> None:
        self.host = host
        self.formats = formats
        self.commands = commands
        self.folders = folders
        self.processes = Processes()
        self._going_on: set[asyncio.Future[Any]] = set()

    @cached_property
    def product(self) -> Product:
        return product_of(self.host.pool.schema.version)

    @cached_property
    def files(self) -> Files:
        """Made when they are needed: many a host has no client at all."""
        return Files(self.host, self.product, self.folders)

    def lose_power(self) -> None:
        """Nothing runs any more, and what was in memory alone is gone."""
        for process in list(self.processes.running.values()):
            process.end(KILL)
        if "files" in vars(self):
            self.files.lose_memory()

    def move(self, host: HostState) -> None:
        """The host is in another pool now: its disk and its processes are the same, and what they see from now on is of that pool."""
        self.host = host
        if "files" in vars(self):
            self.files.host = host

    def start_soon(self, work: Coroutine[Any, Any, Any]) -> None:
        """What its processes do: it outlives xapi, and ends with the twin."""
        task = asyncio.ensure_future(work)
        self._going_on.add(task)
        task.add_done_callback(self._going_on.discard)
        task.add_done_callback(retrieve)

    async def stop(self) -> None:
        """The twin ends."""
        going_on = list(self._going_on)
        for task in going_on:
            task.cancel()
        await asyncio.gather(*going_on, return_exceptions=True)

    def refresh(self) -> None:
        """Bring the files up to the state of the host."""
        self.files.refresh({pid: process.command for pid, process in self.processes.running.items()})


class Host(Protocol):
    """What has a dom0."""

    @property
    def machine(self) -> Machine: ...
