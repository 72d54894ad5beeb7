# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of a dom0: shells, each with a number and an interpreter of its own.

A process goes on when the connection that began it ends, unless it hangs on a terminal; a stop of the twin ends all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from bashkit import Bash

PATH = "/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin:/root/bin:/opt/xensource/bin"
ENVIRONMENT: Mapping[str, str] = MappingProxyType({"HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/bash", "PATH": PATH})
MOST_OUTPUT = 16 * 1024 * 1024  # of one process
_FIRST_PID = 2301
HUP, INT, KILL, TERM, XFSZ = 1, 2, 9, 15, 25

Write = Callable[[bytes], Awaitable[None]]


class Input(Protocol):
    """Standard input."""

    async def line(self) -> bytes:
        """One line with its end; nothing at the end of the input."""

    async def chunk(self) -> bytes:
        """What is there; nothing at the end of the input."""


@dataclass
class Given:
    """An input that is there from the beginning."""

    data: bytes = b""

    async def line(self) -> bytes:
        end = self.data.find(b"\n") + 1 or len(self.data)
        line, self.data = self.data[:end], self.data[end:]
        return line

    async def chunk(self) -> bytes:
        data, self.data = self.data, b""
        return data


@dataclass
class Streams:
    """Standard input, output and error of a process. On a terminal the last two are one device."""

    input: Input
    out: Write
    err: Write
    terminal: bool = False


@dataclass
class Process:
    """A shell that runs a script."""

    pid: int
    parent: int
    command: str
    streams: Streams
    name: str = "bash"
    hangs_up: bool = False  # it ends with its terminal
    keeps_pid: bool = False  # its only command takes its place
    shell: Bash | None = None
    work: asyncio.Task[None] | None = None
    status: int | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)
    children: dict[int, Process] = field(default_factory=dict)
    printed: int = 0
    signal: int = 0  # that ends it
    minds_modes: bool = False  # there may be files of other modes than root's own umask gives them
    modes: list[tuple[int, dict[str, int | None]]] = field(default_factory=list)  # (umask, modes by path), before commands

    def finish(self, status: int) -> None:
        """The script is over."""
        if self.status is None:
            self.status = status
        self.over.set()

    def end(self, signal: int) -> None:
        """End it and the commands that it runs."""
        if self.work is None or self.work.done():
            return
        self.signal = signal
        self.finish(128 + signal)
        if self.shell is not None:
            self.shell.cancel()
        self.work.cancel()

    async def write(self, write: Write, data: bytes) -> None:
        self.printed += len(data)
        if self.printed > MOST_OUTPUT:
            if self.status is None:
                await self.streams.err(f"{self.name}: more than {MOST_OUTPUT >> 20} MiB of output: ended\n".encode())
            self.end(XFSZ)
            return
        await write(data)


class Processes:
    """The process table of a host."""

    def __init__(self) -> None:
        self.running: dict[int, Process] = {}
        self._next = _FIRST_PID

    def make(self, command: str, streams: Streams, parent: Process | None = None, name: str = "bash") -> Process:
        """A process that does not run yet. The only command of another one takes over its number."""
        if parent is not None and parent.keeps_pid:
            pid = parent.pid
        else:
            pid, self._next = self._next, self._next + 1
        process = Process(pid, parent.pid if parent else 1, command, streams, name)
        self.running[pid] = process
        return process

    def find(self, pid: int) -> Process | None:
        process = self.running.get(pid)
        return process if process is not None and process.work is not None and not process.work.done() else None

    def forget(self, process: Process) -> None:
        if self.running.get(process.pid) is process:
            del self.running[process.pid]

    def hang_up(self, session: Process) -> None:
        """The terminal of a session is gone."""
        for process in list(session.children.values()):
            if process.hangs_up:
                process.end(HUP)
            self.hang_up(process)
