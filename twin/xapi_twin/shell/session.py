# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Login shells of root: one command, or an interactive shell that keeps its state."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from bashkit import Bash

from xapi_twin.shell import running
from xapi_twin.shell.files import inventory
from xapi_twin.shell.machine import Host, Machine
from xapi_twin.shell.process import ENVIRONMENT, Given, Streams
from xapi_twin.shell.running import PRELUDE, interpreter, worded
from xapi_twin.shell.script import prepared


@dataclass(frozen=True)
class Output:
    """What a command wrote and its exit status."""

    stdout: str
    stderr: str
    status: int


async def run(host: Host, command: str, stdin: str = "") -> Output:
    """Run one command line in a fresh login shell, as `ssh host command` does."""
    printed: dict[int, list[bytes]] = {1: [], 2: []}

    async def out(data: bytes) -> None:
        printed[1].append(data)

    async def err(data: bytes) -> None:
        printed[2].append(data)

    status = await session(host, command, Streams(Given(stdin.encode("utf-8", "surrogateescape")), out, err))
    text = {number: b"".join(chunks).decode("utf-8", "surrogateescape") for number, chunks in printed.items()}
    return Output(text[1], text[2], status)


async def session(host: Host, command: str, streams: Streams) -> int:
    """Run one command line in a fresh login shell; answers its exit status. Whoever is cancelled here ends it."""
    machine = host.machine
    process = machine.processes.make(f"bash\0-c\0{command}", streams)
    try:
        return await running.run(machine, process, command, before=_login(machine))
    finally:
        if streams.terminal:
            machine.processes.hang_up(process)


def _login(machine: Machine) -> str:
    """root's .bashrc on a XenServer host sources the inventory: $INSTALLATION_UUID is there at once, unexported."""
    return "".join(f"{name}={shlex.quote(value)}; " for name, value in inventory(machine.host, machine.product).items())


class Interactive:
    """An interactive shell, command by command."""

    def __init__(self, host: Host, streams: Streams) -> None:
        self.machine = host.machine
        self.process = self.machine.processes.make("-bash", streams, name="-bash")
        self.status = 0
        self.over = False
        self._shell: Bash | None = None

    @property
    def folder(self) -> str:
        """Where it is."""
        return self._shell.shell_state().cwd if self._shell else "/root"

    async def command(self, text: str) -> None:
        """Run one command. Raises SyntaxProblem, or Incomplete when it goes on in the next line."""
        self.process.minds_modes = self.machine.files.minds_modes(text)
        script = prepared(text, self.process)
        self.process.printed = 0
        if self._shell is None:
            self._shell = self.process.shell = interpreter(self.machine, self.process, ENVIRONMENT, "/root")
            await self._shell.execute(f"{PRELUDE}shopt -s lastpipe; {_login(self.machine)}")
        self.machine.refresh()
        self.process.status = None
        streams = self.process.streams

        async def out(data: bytes) -> None:
            await self.process.write(streams.out, _typed(data) if streams.terminal else data)

        async def err(data: bytes) -> None:
            await self.process.write(streams.out if streams.terminal else streams.err, _typed(data))

        merged = f"{{ {script}\n}} 2>&1" if streams.terminal else script
        result = await self._shell.execute(f"(exit {self.status})\n{merged}\n_ended $?", stdout=out, stderr=err)
        if result.error:  # a limit of the library: the command is over, the shell is not
            await streams.err(worded(f"bash: {result.error}\n".encode(), "-bash"))
        self.over = self.process.status is None and not result.error
        self.status = result.exit_code if self.process.status is None else self.process.status

    def leave(self) -> None:
        """The client is gone."""
        if self._shell is not None:
            self._shell.cancel()
        self.machine.processes.hang_up(self.process)
        self.machine.processes.forget(self.process)
        self._shell = self.process.shell = None  # it holds the process by dom0's commands, where no collector looks


def _typed(data: bytes) -> bytes:
    """A message as an interactive bash has it: it knows no lines."""
    return re.sub(rb"^-bash: line \d+: ", b"-bash: ", worded(data, "-bash"), flags=re.M)
