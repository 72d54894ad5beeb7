# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One of dom0's own commands being run by the library."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bashkit import CommandContext

from xapi_twin.shell.files import Files
from xapi_twin.shell.process import Process

if TYPE_CHECKING:
    from xapi_twin.twin.host import Host

BROKEN_PIPE = 141


@dataclass
class Call:
    """A command, its arguments and its surroundings. What it prints is written by `flush`, at the latest at its end."""

    process: Process
    name: str
    arguments: list[str]
    context: CommandContext
    _printed: list[tuple[bool, bytes]] = field(default_factory=list)

    @property
    def host(self) -> Host:
        return self.process.host

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


Command = Callable[[Call], Awaitable[int]]


def callback(process: Process, name: str, command: Command) -> Callable[[CommandContext], Awaitable[int]]:
    """A command as the library calls it."""

    async def run(context: CommandContext) -> int:
        call = Call(process, name, list(context.argv), context)
        try:
            status = await command(call)
        except BrokenPipeError:
            return BROKEN_PIPE
        except (ValueError, IndexError):  # an option without its value, or with one that is no number
            status = call.fail(f"invalid arguments: {' '.join(call.arguments)}", 2)
        Files.of(process.host).refresh()
        try:
            await call.flush()
        except BrokenPipeError:
            return BROKEN_PIPE
        return status

    return run
