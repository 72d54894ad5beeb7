# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One of dom0's own commands being run by the library."""

from __future__ import annotations

import posixpath
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bashkit import CommandContext

from xapi_twin.shell.machine import Command, Machine
from xapi_twin.shell.process import Process
from xapi_twin.xapi.state import HostState

BROKEN_PIPE = 141


@dataclass
class Call:
    """A command, its arguments and its surroundings. What it prints is written by `flush`, at the latest at its end."""

    machine: Machine
    process: Process
    name: str
    arguments: list[str]
    context: CommandContext
    _printed: list[tuple[bool, bytes]] = field(default_factory=list)

    @property
    def host(self) -> HostState:
        return self.machine.host

    def absolute(self, path: str) -> str:
        """A path as it is from the root, by the folder that the command runs in."""
        return posixpath.normpath(posixpath.join(self.context.cwd, path))

    async def input(self) -> str:
        """All of standard input."""
        data = b""
        while (chunk := await self.context.stdin.read_chunk()) is not None:
            data += chunk
        return data.decode("utf-8", "replace")

    def out(self, text: str) -> None:
        self._printed.append((True, text.encode("utf-8", "surrogateescape")))

    def err(self, text: str) -> None:
        self._printed.append((False, text.encode("utf-8", "surrogateescape")))

    def fail(self, text: str, status: int = 1) -> int:
        """Say what is wrong, as "name: text" on stderr; answers the exit status."""
        self.err(f"{self.name}: {text}\n")
        return status

    async def flush(self) -> None:
        """Write what was printed. Raises BrokenPipeError."""
        printed, self._printed = self._printed, []
        for to_out, data in printed:
            await (self.context.stdout if to_out else self.context.stderr).write(data)


def callback(machine: Machine, process: Process, name: str, command: Command) -> Callable[[CommandContext], Awaitable[int]]:
    """A command as the library calls it."""

    async def run(context: CommandContext) -> int:
        call = Call(machine, process, name, list(context.argv), context)
        try:
            status = await command(call)
        except BrokenPipeError:
            return BROKEN_PIPE
        except (ValueError, IndexError):  # an option without its value, or with one that is no number
            status = call.fail(f"invalid arguments: {' '.join(call.arguments)}", 2)
        machine.refresh()
        try:
            await call.flush()
        except BrokenPipeError:
            return BROKEN_PIPE
        return status

    return run
