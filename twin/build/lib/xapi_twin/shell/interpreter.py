# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The library's interpreter with dom0's files and commands, and scripts that run in it, each as a process."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Mapping, Sequence

from bashkit import Bash

from xapi_twin.shell.files import Files
from xapi_twin.shell.process import ENVIRONMENT, HUP, Process, Processes
from xapi_twin.shell.programs import install
from xapi_twin.shell.script import SyntaxProblem, prepared

# A script of an admin needs a thousandth of these; one without an end must not stop the twin for the others.
MOST_COMMANDS = 5_000_000
_FOREVER = 7 * 24 * 3600.0


def interpreter(process: Process, environment: Mapping[str, str], cwd: str) -> Bash:
    """An interpreter of the library in which dom0's files are the only ones, and dom0's commands are there."""
    host = process.host
    shell = Bash(
        username="root",
        hostname=host.dom0.hostname,
        cwd=cwd,
        env=dict(environment),
        max_commands=MOST_COMMANDS,
        max_loop_iterations=MOST_COMMANDS,
        timeout_seconds=_FOREVER,
    )
    shell.mount("/", Files.of(host).tree)
    install(shell, process)
    return shell


# bash's words: without the library's "Did you mean: …?", and with the name of the script that says it.
_MEANT = re.compile(rb"(: command not found)\. [^\n]*")
_SAID_BY = re.compile(rb"^bash: ", re.M)


def worded(data: bytes, name: str) -> bytes:
    """A message of the library in bash's words."""
    data = _MEANT.sub(rb"\1", data)
    return data if name == "bash" else _SAID_BY.sub(name.encode() + b": ", data)


async def run(
    process: Process, text: str, *, cwd: str = "/root", environment: Mapping[str, str] = ENVIRONMENT, before: str = "",
    arguments: Sequence[str] = (), as_is: bool = False,
) -> int:  # fmt: skip
    """Run a script to its end and answer the exit status; its background is in processes of their own, and goes on.

    `before` are commands that set up the shell. Whoever is cancelled here cancels the script.
    """
    process.work = asyncio.ensure_future(_work(process, text, cwd, environment, before, arguments, as_is))
    process.work.add_done_callback(lambda _work: _over(process))
    process.host.start_soon(_until(process.work))
    try:
        await process.over.wait()
    except asyncio.CancelledError:
        process.end(HUP)
        raise
    return process.status or 0


def _over(process: Process) -> None:
    if process.work is not None and not process.work.cancelled():
        process.work.exception()
    process.finish(process.status if process.status is not None else 1)
    Processes.of(process.host).forget(process)


async def _until(work: asyncio.Future[None]) -> None:
    try:
        await asyncio.wait({work})
    except asyncio.CancelledError:  # the twin stops
        work.cancel()
        raise


async def _work(
    process: Process, text: str, cwd: str, environment: Mapping[str, str], before: str, arguments: Sequence[str], as_is: bool
) -> None:
    streams = process.streams
    try:
        script = text if as_is else prepared(text, process.pid, process.parent, process.name)
    except SyntaxProblem as problem:
        await streams.err(f"{process.name}: -c: {problem}\n".encode())
        process.finish(2)
        return
    shell = process.shell = interpreter(process, environment, cwd)
    given = f"set -- {shlex.join(arguments)}; " if arguments else ""
    script = f"{{ {script}\n}} 2>&1" if streams.terminal else script

    async def out(data: bytes) -> None:
        await process.write(streams.out, worded(data, process.name) if streams.terminal else data)

    async def err(data: bytes) -> None:
        await process.write(streams.err, worded(data, process.name))

    Files.of(process.host).refresh()
    result = await shell.execute(f"{PRELUDE}{before}{given}{script}", stdout=out, stderr=err)
    if result.error and process.status is None:
        await streams.err(worded(f"bash: {result.error}\n".encode(), process.name))
    process.finish(result.exit_code)


# Functions, because they change the shell itself: the number of the last background process, its signals to itself.
PRELUDE = (
    '_spawn() { __bg=$(_spawned "$(declare -p)" "$(declare -f)" "$@"); }; '
    'kill() { eval "$(_kill "$@")"; }; '
    'wait() { if [ $# = 0 ]; then builtin wait; fi; _wait "$@"; }; '
)
