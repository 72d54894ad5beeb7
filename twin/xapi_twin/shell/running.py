# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a script in the library: an interpreter with dom0's files and commands, bash's words, a bound for everything."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Mapping, Sequence
from signal import Signals

from bashkit import Bash, ExecutionProfile

from xapi_twin.shell.call import callback
from xapi_twin.shell.machine import Machine
from xapi_twin.shell.process import ENVIRONMENT, HUP, INT, TERM, Process
from xapi_twin.shell.script import prepared
from xapi_twin.shell.syntax import SyntaxProblem

# A script of an admin needs a thousandth of these; one without an end must not stop the twin for the others.
MOST_COMMANDS = 5_000_000
_LAST_WORDS = 10.0
_FOREVER = 7 * 24 * 3600.0

# Functions, because they change the shell itself: the number of the last background process, its signals to itself.
PRELUDE = (
    '_spawn() { __bg=$(_spawned "$(declare -p)" "$(declare -f)" "$(umask)" "$@"); }; '
    # The library's own, in a substitution or a piped group: the last process of a shell that has none in the host's table.
    '_own() { [ -z "${__bg+x}" ] && [ -n "$!" ] && [ "${@: -1}" = "$!" ]; }; '
    'kill() { if _own "$@"; then builtin kill "$@"; else eval "$(_kill "$@")"; fi; }; '
    # The library's answers what the command answered.
    'xargs() { command xargs "$@" || case $? in 12[4-7]) return $?;; 255) return 124;; *) return 123;; esac; }; '
    '_kept() { local __modes; __modes=$(_modes "$@"); command "${@:2}"; _restore "$__modes" $?; }; '
    'wait() { if [ $# = 0 ]; then builtin wait; elif _own "$@"; then builtin wait "$@"; return; fi; _wait "$@"; }; '
)


def interpreter(machine: Machine, process: Process, environment: Mapping[str, str], cwd: str) -> Bash:
    """An interpreter of the library in which dom0's files are the only ones, and dom0's commands are there."""
    shell = Bash(
        username="root",
        hostname=machine.host.dom0.hostname,
        cwd=cwd,
        env=dict(environment),
        max_commands=MOST_COMMANDS,
        max_loop_iterations=MOST_COMMANDS,
        timeout_seconds=_FOREVER,
        profile=ExecutionProfile.Interactive,  # the others end after 100,000 commands, with which a timer of a day does not get by
    )
    machine.files.mounted(shell)
    for name, command in machine.commands.items():
        shell.add_command(name, callback(machine, process, name, command))
    return shell


# bash's words: without the library's "Did you mean: …?", and with the name of the script that says it.
_MEANT = re.compile(rb"(: command not found)\. [^\n]*")
_SAID_BY = re.compile(rb"^bash: ", re.M)


def worded(data: bytes, name: str) -> bytes:
    """A message of the library in bash's words."""
    data = _MEANT.sub(rb"\1", data)
    return data if name == "bash" else _SAID_BY.sub(name.encode() + b": ", data)


async def run(
    machine: Machine, process: Process, text: str, *, cwd: str = "/root", environment: Mapping[str, str] = ENVIRONMENT, before: str = "",
    arguments: Sequence[str] = (),
) -> int:  # fmt: skip
    """Run a script to its end and answer the exit status; its background is in processes of their own, and goes on.

    `before` are commands that set up the shell. Whoever is cancelled here cancels the script.
    """
    process.work = asyncio.ensure_future(_work(machine, process, text, cwd, environment, before, arguments))
    process.work.add_done_callback(lambda _work: _over(machine, process))
    machine.start_soon(_until(process.work))
    try:
        await asyncio.wait({process.work})
    except asyncio.CancelledError:
        process.end(HUP)
        raise
    if not process.work.cancelled() and (error := process.work.exception()) is not None:
        raise error
    return process.status or 0


def _last_words(shell: Bash, signal: int) -> list[str]:
    """What a script still does when it is ended: its traps. They can be asked for only when the interpreter stands still."""
    traps = shell.shell_state().traps
    return [traps[name] for name in (Signals(signal).name.removeprefix("SIG"), "EXIT") if traps.get(name)]


def _over(machine: Machine, process: Process) -> None:
    process.finish(process.status if process.status is not None else 1)
    machine.processes.forget(process)
    machine.files.drop(process.pid)
    process.shell = None


async def _until(work: asyncio.Future[None]) -> None:
    try:
        await asyncio.wait({work})
    except asyncio.CancelledError:  # the twin stops
        work.cancel()
        raise


async def _work(
    machine: Machine, process: Process, text: str, cwd: str, environment: Mapping[str, str], before: str, arguments: Sequence[str]
) -> None:
    streams = process.streams
    try:
        process.minds_modes = machine.files.minds_modes(text)
        script = prepared(text, process)
    except SyntaxProblem as problem:
        await streams.err(f"{process.name}: -c: {problem}\n".encode())
        process.finish(2)
        return
    shell = process.shell = interpreter(machine, process, environment, cwd)
    given = f"set -- {shlex.join(arguments)}; " if arguments else ""
    script = f"{{ {script}\n}} 2>&1" if streams.terminal else script

    async def out(data: bytes) -> None:
        await process.write(streams.out, worded(data, process.name) if streams.terminal else data)

    async def err(data: bytes) -> None:
        await process.write(streams.err, worded(data, process.name))

    machine.refresh()
    try:
        result = await shell.execute(f"{PRELUDE}{before}{given}{script}", stdout=out, stderr=err)
    except asyncio.CancelledError:
        if process.signal in (HUP, INT, TERM):
            shell.clear_cancel()
            for words in _last_words(shell, process.signal):
                last = shell.execute(f"trap - EXIT\n(exit {process.status})\n{words}", stdout=out, stderr=err)
                await asyncio.wait_for(last, _LAST_WORDS)
        raise
    finally:
        # Or the error of a cancelled script holds its frame, that the interpreter, and that, by dom0's commands, the process and its error:
        # a circle through the library, in which no collector looks. Each interpreter has three open files.
        del shell
    if result.error and process.status is None:
        await streams.err(worded(f"bash: {result.error}\n".encode(), process.name))
    process.finish(result.exit_code)
