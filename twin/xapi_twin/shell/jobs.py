# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shells in shells, processes in the background, signals, and standard input: what `script` writes into a text, and kill, jobs, wait."""

from __future__ import annotations

import asyncio
import re
import signal
from dataclasses import dataclass

from bashkit import CommandInput

from xapi_twin.shell.call import Call
from xapi_twin.shell.process import TERM, Given, Input, Process, Streams
from xapi_twin.shell.running import run
from xapi_twin.shell.script import prepared
from xapi_twin.shell.syntax import SyntaxProblem, check, is_one_command
from xapi_twin.shell.system import daemons

FOLDER = ""  # in no folder: these are the shell's own

# What the library's shells have of themselves, which a new one must not be given.
_OWN = ("BASHOPTS", "BASH_VERSINFO", "EUID", "UID", "PPID", "SHELLOPTS", "PIPESTATUS", "SHLVL", "OPTIND", "_", "PWD", "OLDPWD")


@dataclass
class Piped:
    """The standard input of a command of the library."""

    source: CommandInput
    data: bytes = b""
    ended: bool = False

    async def _more(self) -> None:
        chunk = None if self.ended else await self.source.read_chunk()
        self.data, self.ended = self.data + (chunk or b""), chunk is None

    async def line(self) -> bytes:
        while b"\n" not in self.data and not self.ended:
            await self._more()
        end = self.data.find(b"\n") + 1 or len(self.data)
        line, self.data = self.data[:end], self.data[end:]
        return line

    async def chunk(self) -> bytes:
        if not self.data and not self.ended:
            await self._more()
        data, self.data = self.data, b""
        return data


async def read_all(source: Input) -> bytes:
    """Everything to the end of an input."""
    chunks = []
    while chunk := await source.chunk():
        chunks.append(chunk)
    return b"".join(chunks)


async def standard_input(call: Call) -> int:
    """`_stdin`: what the shell is given, as it comes."""
    while chunk := await call.process.streams.input.chunk():
        await call.context.stdout.write(chunk)
    return 0


async def one_line(call: Call) -> int:
    """`_line`: one line of it."""
    await call.context.stdout.write(await call.process.streams.input.line())
    return 0


async def ended(call: Call) -> int:
    """`_ended STATUS`: the command of an interactive shell is over, and did not end the shell."""
    call.process.finish(int(call.arguments[0]))
    return 0


# shells


async def shell(call: Call) -> int:
    """`sh -c COMMAND [NAME ARGUMENT…]`, `sh FILE [ARGUMENT…]`, or commands on standard input. The name ends in 1: the shell's own input."""
    name, own = call.name[1:-1], call.name.endswith("1")
    source: Input = call.process.streams.input if own else Piped(call.context.stdin)
    arguments, settings, command = list(call.arguments), "", False
    while arguments and arguments[0][:1] in "-+" and len(arguments[0]) > 1:
        flags = arguments.pop(0)
        if flags == "--":
            break
        if flags in ("-o", "+o") and arguments:
            settings += {"errexit": "e", "nounset": "u", "xtrace": "x"}.get(arguments.pop(0), "")
        elif not flags.startswith("--"):
            command = command or "c" in flags
            settings += flags[1:] if flags[0] == "-" else ""
    if command:
        if not arguments:
            return _said(call, name, "-c: option requires an argument", 2)
        text, script, rest = arguments[0], arguments[1] if len(arguments) > 1 else name, arguments[2:]
    elif arguments and "s" not in settings:
        found, problem, status = _read(call, arguments[0])
        if problem:
            return _said(call, name, problem, 127 if status == 126 else status)
        text, script, rest = found, arguments[0], arguments[1:]
    else:
        text, script, rest = (await read_all(source)).decode("utf-8", "replace"), name, arguments
        source = Given()
    if "n" in settings:
        return await _checked(call, script, text)
    before = f"set -{letters}; " if (letters := "".join(letter for letter in settings if letter in "eufxv")) else ""
    return await _child(call, text, source, script, rest, before, [name, *call.arguments])


async def script(call: Call) -> int:
    """`_script0 PATH ARGUMENT…`: a command that is called by a path."""
    path, *rest = call.arguments
    source: Input = call.process.streams.input if call.name.endswith("1") else Piped(call.context.stdin)
    text, problem, status = _read(call, path)
    if problem:
        call.err(f"{call.process.name}: line 1: {problem}\n")
        return status
    if not int(call.context.fs.stat(call.absolute(path))["mode"]) & 0o111:
        call.err(f"{call.process.name}: line 1: {path}: Permission denied\n")
        return 126
    return await _child(call, text, source, path, rest, "", [path, *rest])


def _read(call: Call, path: str) -> tuple[str, str, int]:
    """(text of a script, what is wrong, exit status)."""
    files, full = call.context.fs, call.absolute(path)
    try:
        if files.stat(full)["file_type"] == "directory":
            return "", f"{path}: Is a directory", 126
        return files.read_file(full).decode("utf-8", "replace"), "", 0
    except Exception:  # the library raises its own errors, none of them with a type
        return "", f"{path}: No such file or directory", 127


def _said(call: Call, name: str, text: str, status: int) -> int:
    call.err(f"{name}: {text}\n")
    return status


async def _checked(call: Call, name: str, text: str) -> int:
    try:
        check(text)
    except SyntaxProblem as problem:
        return _said(call, name, str(problem), 2)
    return 0


async def _child(call: Call, text: str, source: Input, name: str, arguments: list[str], before: str, command: list[str]) -> int:
    streams = Streams(source, call.context.stdout.write, call.context.stderr.write)
    child = call.machine.processes.make("\0".join(command), streams, call.process, name)
    call.process.children[child.pid] = child
    environment = {key: value for key, value in call.context.env.items() if key not in ("PWD", "__umask")}
    before += _masked(call.context.env.get("__umask", ""))
    return await run(call.machine, child, text, cwd=call.context.cwd, environment=environment, arguments=arguments, before=before)


def _masked(umask: str) -> str:
    """What gives a new shell its umask."""
    return f"umask {umask}; " if umask not in ("", "0022") else ""


async def prepared_text(call: Call) -> int:
    """`_text WORD…`: the words of eval or trap as the library is to run them. The name ends in 1: they read the shell's own input."""
    text = " ".join(call.arguments)
    try:
        call.out(prepared(text, call.process, own=call.name.endswith("1")))
    except SyntaxProblem:
        call.out(text)  # the library has its sentence for it
    return 0


async def prepared_file(call: Call) -> int:
    """`_file PATH`: the path of a file with what the library is to run instead of a file that is sourced, if it is not the same."""
    name = call.arguments[0]
    text, problem, _status = _read(call, name)
    try:
        script = text if problem else prepared(text, call.process, own=call.name.endswith("1"))
    except SyntaxProblem:
        script = text
    call.out(name if script == text else call.machine.files.keep(call.process.pid, script))
    return 0


# the background


async def spawned(call: Call) -> int:
    """`_spawned VARIABLES FUNCTIONS UMASK COMMAND ARGUMENT…`: begin a process in the background and print its number."""
    variables, functions, umask, text, *arguments = call.arguments
    parent = call.process
    streams = Streams(Given(), parent.streams.out, parent.streams.err, parent.streams.terminal)
    child = call.machine.processes.make(text, streams, None, parent.name)
    child.parent = parent.pid
    child.keeps_pid = is_one_command(text)
    child.hangs_up = parent.streams.terminal and not re.match(r"\(?\s*(\S*/)?(nohup|setsid)\b", text)
    parent.children[child.pid] = child
    before = _masked(umask) + _state(variables) + (functions + "\n" if functions else "")
    call.machine.start_soon(_begun(call, child, text, call.context.cwd, dict(call.context.env), before, arguments))
    await asyncio.sleep(0)
    call.out(f"{child.pid}\n")
    return 0


async def _begun(call: Call, child: Process, text: str, cwd: str, environment: dict[str, str], before: str, arguments: list[str]) -> None:
    environment.pop("PWD", None)
    await run(call.machine, child, text, cwd=cwd, environment=environment, before=before, arguments=arguments)


def _state(declared: str) -> str:
    """Commands that give a new shell the variables of another one, from what `declare -p` printed."""
    lines = re.split(r"^(?=declare -)", declared, flags=re.M)
    kept = []
    for line in lines:
        match = re.match(r"declare -(\S+) (\w+)", line)
        if match and match.group(2) not in _OWN:
            flags = match.group(1).replace("r", "")
            kept.append(f"declare -{flags or '-'}{line[len('declare -') + len(match.group(1)) :]}".rstrip("\n") + "\n")
    return "".join(kept)


async def wait(call: Call) -> int:
    """`_wait [PID…]`: until processes of this shell are over."""
    children = call.process.children
    named = [_number(call, word) for word in call.arguments if not word.startswith("-")]
    status = 0
    for pid in named if named else list(children):
        child = children.get(pid)
        if child is None:
            call.err(f"{call.process.name}: line 1: wait: pid {pid} is not a child of this shell\n")
            status = 127
            continue
        await child.over.wait()
        children.pop(pid, None)
        status = child.status or 0 if named else 0
    return status


def _number(call: Call, word: str) -> int:
    if word.startswith("%"):
        pids = list(call.process.children)
        return pids[-1] if word in ("%%", "%+", "%") and pids else pids[int(word[1:]) - 1]
    return int(word)


async def jobs(call: Call) -> int:
    flags = "".join(word[1:] for word in call.arguments if word.startswith("-"))
    running = [(number, child) for number, child in enumerate(call.process.children.values(), 1) if child.status is None]
    for number, child in running:
        mark = "+" if child is running[-1][1] else "-" if len(running) > 1 and child is running[-2][1] else " "
        pid = f"{child.pid} " if "l" in flags else ""
        call.out(f"{child.pid}\n" if "p" in flags else f"[{number}]{mark}  {pid}Running                 {child.command} &\n")
    return 0


async def kill(call: Call) -> int:
    """`_kill …`: prints what the shell itself is left to do, to be evaluated by it."""
    words, wanted = list(call.arguments), TERM
    if words[:1] in (["-l"], ["-L"]):
        call.out("builtin kill " + " ".join(words))
        return 0
    if words and words[0] in ("-s", "-n") and len(words) > 1:
        wanted = _signal(words[1])
        words = words[2:]
    elif words and words[0] == "--":
        words = words[1:]
    elif words and words[0].startswith("-") and len(words[0]) > 1:
        wanted = _signal(words.pop(0)[1:])
    if wanted < 0:
        call.err(f"{call.process.name}: line 1: kill: {call.arguments[0].lstrip('-')}: invalid signal specification\n")
        words = []
    status = 0 if words else 1 if wanted < 0 else 2
    if not words and wanted >= 0:
        call.err("kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]\n")
    mine: list[str] = []
    for word in [word for word in words if word != "--"]:
        status = _sent(call, word, wanted, mine) or status
    # The library knows the shell itself as process 1.
    left = [f"builtin kill -{wanted} {own}" for own in mine]
    call.out("; ".join(left if left and not status else [*left, f"(exit {status})"]))
    return 0


def _sent(call: Call, word: str, wanted: int, mine: list[str]) -> int:
    say = f"{call.process.name}: line 1: kill: "
    try:
        pid = abs(_number(call, word))
    except (ValueError, IndexError):
        what = "no such job" if word.startswith("%") else "arguments must be process or job IDs"
        call.err(f"{say}{word}: {what}\n")
        return 1
    if pid == call.process.pid:
        mine.append("1")
        return 0
    found = call.machine.processes.find(pid)
    if found is None:
        if pid in daemons(call):
            return _to_daemon(call, pid, wanted)
        call.err(f"{say}({word}) - No such process\n")
        return 1
    if wanted and wanted not in (signal.SIGCHLD, signal.SIGCONT, signal.SIGWINCH, signal.SIGURG):
        found.end(wanted)
    return 0


def _to_daemon(call: Call, pid: int, wanted: int) -> int:
    if wanted and daemons(call)[pid].endswith("/xapi"):
        call.host.life.crash()
    return 0


def _signal(name: str) -> int:
    if name.isdigit():
        return int(name)
    try:
        return int(signal.Signals["SIG" + name.upper().removeprefix("SIG")])
    except KeyError:
        return 0 if name == "EXIT" else -1


async def nothing(call: Call) -> int:
    return 0


COMMANDS = {
    "_stdin": standard_input, "_line": one_line, "_ended": ended, "_spawned": spawned, "_wait": wait, "_kill": kill, "jobs": jobs,
    "_text0": prepared_text, "_text1": prepared_text, "_file0": prepared_file, "_file1": prepared_file,
    "disown": nothing, "_script0": script, "_script1": script,
    **{f"_{name}{own}": shell for name in ("sh", "bash", "dash") for own in (0, 1)},
}  # fmt: skip
