# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""dom0's shell: runs what is typed or sent over SSH against the twin, never against this machine.

`run` is one command as SSH's exec gives it; `Shell` lives on for an interactive session. Commands are those of
``xapi_twin.commands``, whatever path they are called by; files are those of ``dom0_files``. The parts of a pipeline run one
after the other, each on all that the one before it wrote.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xapi_twin import shell_tree as tree
from xapi_twin.dom0_files import FileProblem, Files, inventory
from xapi_twin.shell_streams import Collected, Discarded, Given, Sink, Source, is_source
from xapi_twin.shell_syntax import SyntaxProblem, parse
from xapi_twin.shell_words import ExpansionProblem, fields, pattern_of, text_of

if TYPE_CHECKING:
    from xapi_twin.twin.host import Host

Descriptors = dict[int, "Sink | Source"]
_DEEPEST = 50  # functions and shells in each other; each takes a good ten frames of Python's stack
PATH = "/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin:/root/bin:/opt/xensource/bin"


@dataclass(frozen=True)
class Output:
    """What a command wrote and its exit status."""

    stdout: str
    stderr: str
    status: int


@dataclass(frozen=True)
class Call:
    """One command being run. Answering its exit status is up to the command."""

    shell: Shell
    name: str
    arguments: list[str]
    descriptors: Descriptors

    @property
    def host(self) -> Host:
        return self.shell.host

    def out(self, text: str) -> None:
        _write(self.descriptors, 1, text)

    def err(self, text: str) -> None:
        _write(self.descriptors, 2, text)

    def fail(self, text: str, status: int = 1) -> int:
        """Say what is wrong, as "name: text" on stderr; answers the exit status."""
        self.err(f"{self.name}: {text}\n")
        return status

    @property
    def stdin(self) -> Source:
        source = self.descriptors.get(0)
        return source if source is not None and is_source(source) else Discarded()  # type: ignore[return-value]


Command = Callable[[Call], Awaitable[int]]


class Exit(Exception):
    """The shell ends."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Return(Exit):
    """A function, or a file that was sourced, ends."""


class LoopControl(Exception):
    """break (or continue) out of so many loops."""

    def __init__(self, levels: int, again: bool) -> None:
        super().__init__(levels)
        self.levels = levels
        self.again = again


async def run(host: Host, command: str, stdin: str = "") -> Output:
    """Run one command line in a fresh login shell, as `ssh host command` does."""
    out, err = Collected(), Collected()
    status = await Shell(host).run(command, {0: Given(stdin), 1: out, 2: err})
    return Output(out.text, err.text, status)


@dataclass
class Shell:
    """The state of one shell. `name` is what its complaints begin with."""

    host: Host
    name: str = "bash"
    variables: dict[str, str] = field(default_factory=dict)
    exported: set[str] = field(default_factory=set)
    positional: list[str] = field(default_factory=list)
    functions: dict[str, tree.Command] = field(default_factory=dict)
    cwd: str = "/root"
    status: int = 0
    errexit: bool = False
    nounset: bool = False
    pipefail: bool = False
    exit_trap: str = ""
    jobs: list[asyncio.Task[int]] = field(default_factory=list)
    depth: int = 0  # of functions and shells in each other
    conditions: int = 0  # inside an if, a while or && a failure does not end a shell with set -e
    now: Descriptors = field(default_factory=dict)  # of the command being expanded, for $(…)
    local_values: dict[str, str | None] = field(default_factory=dict)  # what `local` hides, to be put back

    def __post_init__(self) -> None:
        if not self.variables:
            # root's .bashrc on a XenServer host sources the inventory: $INSTALLATION_UUID is there at once, unexported.
            self.variables.update(inventory(self.host))
            login = {"HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/bash", "PATH": PATH, "PWD": self.cwd}
            self.variables.update(login, HOSTNAME=self.host.dom0.hostname, IFS=" \t\n")
            self.exported.update(login, ("HOSTNAME",))

    @property
    def files(self) -> Files:
        return Files.of(self.host)

    # running

    async def run(self, command: str, descriptors: Descriptors) -> int:
        """Run a text to its end and answer the exit status; `exit` ends it."""
        try:
            status = await self.source(command, descriptors)
        except Exit as ending:
            status = ending.status
        except LoopControl:
            status = 0  # break outside of a loop
        except RecursionError:
            _write(descriptors, 2, f"{self.name}: too many commands in each other\n")
            status = 2
        if self.exit_trap:
            trap, self.exit_trap = self.exit_trap, ""
            with suppress(Exit):
                await self.source(trap, descriptors)
        return status

    async def source(self, command: str, descriptors: Descriptors) -> int:
        """Run a text in this shell. Raises Exit, LoopControl."""
        try:
            script = parse(command)
        except SyntaxProblem as problem:
            _write(descriptors, 2, f"{self.name}: -c: line 0: {problem}\n")
            self.status = 2
            return 2
        return await self.execute(script, descriptors)

    async def execute(self, script: tree.Script, descriptors: Descriptors) -> int:
        for entry in script.lists:
            if entry.background:
                self.start(entry, descriptors)
                self.status = 0
            else:
                await self._and_or(entry, descriptors)
            await asyncio.sleep(0)  # a loop of the shell must not stop the pool
        return self.status

    def start(self, entry: tree.AndOr, descriptors: Descriptors) -> None:
        """Run in the background; it goes on when the connection ends."""
        shell = self.subshell()
        script = tree.Script((tree.AndOr(entry.first, entry.rest),))

        async def work() -> int:
            try:
                return await shell.execute(script, {**descriptors, 0: Discarded()})
            except Exit as ending:
                return ending.status

        task = asyncio.ensure_future(work())
        self.jobs.append(task)
        self.host.start_soon(_ignored(task))

    def subshell(self) -> Shell:
        """A copy whose changes are its own."""
        return Shell(
            self.host, self.name, dict(self.variables), set(self.exported), list(self.positional), dict(self.functions), self.cwd,
            self.status, self.errexit, self.nounset, self.pipefail, depth=self.depth + 1, conditions=self.conditions,
        )  # fmt: skip

    def child(self, name: str, positional: Sequence[str]) -> Shell:
        """A new shell process: it has what is exported, nothing else."""
        environment = {name: value for name, value in self.variables.items() if name in self.exported}
        return Shell(
            self.host, name, {"PATH": PATH, "HOME": "/root", **environment, "IFS": " \t\n"}, set(environment), list(positional),
            cwd=self.cwd, depth=self.depth + 1,
        )  # fmt: skip

    async def _and_or(self, entry: tree.AndOr, descriptors: Descriptors) -> None:
        pipelines = [("", entry.first), *entry.rest]
        for number, (operator, pipeline) in enumerate(pipelines):
            if (operator == "&&" and self.status) or (operator == "||" and not self.status):
                continue
            last = number == len(pipelines) - 1
            self.conditions += not last
            try:
                await self._pipeline(pipeline, descriptors)
            finally:
                self.conditions -= not last
            if last and self.status and self.errexit and not self.conditions and not pipeline.negated:
                raise Exit(self.status)

    async def _pipeline(self, pipeline: tree.Pipeline, descriptors: Descriptors) -> None:
        self.conditions += pipeline.negated
        try:
            if len(pipeline.commands) == 1:
                self.status = await self._command(pipeline.commands[0], descriptors)
            else:
                self.status = await self._piped(pipeline.commands, descriptors)
        finally:
            self.conditions -= pipeline.negated
        if pipeline.negated:
            self.status = int(not self.status)

    async def _piped(self, commands: Sequence[tree.Command], descriptors: Descriptors) -> int:
        statuses: list[int] = []
        flowing: Source | Sink | None = descriptors.get(0)
        for number, command in enumerate(commands):
            own: Descriptors = dict(descriptors)
            if flowing is not None:
                own[0] = flowing
            pipe = Collected()
            if number < len(commands) - 1:
                own[1] = pipe
            try:
                statuses.append(await self.subshell()._command(command, own))
            except Exit as ending:
                statuses.append(ending.status)
            flowing = Given(pipe.text)
        return next((status for status in reversed(statuses) if status), 0) if self.pipefail else statuses[-1]

    async def _command(self, command: tree.Command, descriptors: Descriptors) -> int:
        try:
            return await self._carry_out(command, descriptors)
        except ExpansionProblem as problem:
            _write(descriptors, 2, f"{self.name}: {problem}\n")
            raise Exit(1) from None
        except FileProblem as problem:
            _write(descriptors, 2, f"{self.name}: {problem}\n")
            return 1

    async def _carry_out(self, command: tree.Command, descriptors: Descriptors) -> int:
        if isinstance(command, tree.Simple):
            return await self._simple(command, descriptors)
        if isinstance(command, tree.Redirected):
            self.now = descriptors
            return await self._carry_out(command.command, await self.redirected(command.redirects, descriptors))
        if isinstance(command, tree.Group):
            if not command.subshell:
                return await self.execute(command.body, descriptors)
            inner = self.subshell()
            try:
                return await inner.execute(command.body, dict(descriptors))
            except Exit as ending:
                return ending.status
        if isinstance(command, tree.If):
            return await self._if(command, descriptors)
        if isinstance(command, tree.For):
            self.now = descriptors
            values = list(self.positional) if command.words is None else await fields(self, command.words)
            return await self._loop(command, iter(values), descriptors)
        if isinstance(command, tree.While):
            return await self._loop(command, None, descriptors)
        if isinstance(command, tree.Case):
            return await self._case(command, descriptors)
        self.functions[command.name] = command.body
        return 0

    async def _if(self, command: tree.If, descriptors: Descriptors) -> int:
        for condition, body in command.branches:
            if not await self._condition(condition, descriptors):
                self.status = 0
                return await self.execute(body, descriptors)
        self.status = 0
        return await self.execute(command.otherwise, descriptors) if command.otherwise else 0

    async def _condition(self, script: tree.Script, descriptors: Descriptors) -> int:
        self.conditions += 1
        try:
            return await self.execute(script, descriptors)
        finally:
            self.conditions -= 1

    async def _loop(self, command: tree.For | tree.While, values: object, descriptors: Descriptors) -> int:
        """For over an iterator of values, or while (until) without one."""
        status = 0
        while True:
            if isinstance(command, tree.For):
                value = next(values, None)  # type: ignore[call-overload]
                if value is None:
                    return status
                self.variables[command.name] = value
            elif bool(await self._condition(command.condition, descriptors)) != command.until:
                return status
            try:
                self.status = 0
                status = await self.execute(command.body, descriptors)
            except LoopControl as control:
                status = 0
                if control.levels > 1:
                    raise LoopControl(control.levels - 1, control.again) from None
                if not control.again:
                    return 0

    async def _case(self, command: tree.Case, descriptors: Descriptors) -> int:
        self.now = descriptors
        value = await text_of(self, command.word)
        for patterns, body in command.clauses:
            for pattern in patterns:
                if re.fullmatch(await pattern_of(self, pattern), value, re.S):
                    self.status = 0
                    return await self.execute(body, descriptors)
        return 0

    async def _simple(self, command: tree.Simple, descriptors: Descriptors) -> int:
        self.now = descriptors
        self.status, before = 0, self.status
        words = list(command.words)
        self.status = before  # $? in the words is that of the command before
        arguments = await fields(self, words)
        if not arguments:
            self.status = 0 if not words else self.status
            for name, word in command.assignments:
                self.assign(name, await text_of(self, word))
            await self.redirected(command.redirects, descriptors)
            return self.status
        given = {name: await text_of(self, word) for name, word in command.assignments}
        if arguments[0] == "exec" and len(arguments) == 1:
            descriptors.update(await self.redirected(command.redirects, descriptors))
            return 0
        return await self.call(arguments, await self.redirected(command.redirects, descriptors), given)

    async def call(self, arguments: list[str], descriptors: Descriptors, given: Mapping[str, str] | None = None) -> int:
        """Run a function, a builtin or a command with its arguments; `given` are the variables set for it alone."""
        from xapi_twin.commands import find
        from xapi_twin.shell_builtins import BUILTINS

        name = arguments[0]
        if self.depth > _DEEPEST:
            _write(descriptors, 2, f"{self.name}: {name}: maximum function nesting level exceeded\n")
            return 1
        saved = {variable: self.variables.get(variable) for variable in given or ()}
        exported = set(self.exported)
        self.variables.update(given or {})
        self.exported.update(given or ())
        try:
            if name in self.functions:
                return await self._function(name, arguments[1:], descriptors)
            command = BUILTINS.get(name) or find(self.host, name)
            if command is None:
                missing = "No such file or directory" if "/" in name else "command not found"
                _write(descriptors, 2, f"{self.name}: {name}: {missing}\n")
                return 127
            call = Call(self, name.rsplit("/", 1)[-1], arguments[1:], descriptors)
            try:
                return await command(call)
            except (ValueError, IndexError):  # an option without its value, or with one that is no number
                return call.fail(f"invalid arguments: {' '.join(arguments[1:])}", 2)
        finally:
            if name not in ("export", "readonly", "local", "set", "eval", ".", "source"):
                self.exported = exported
            for variable, value in saved.items():
                if value is None:
                    self.variables.pop(variable, None)
                else:
                    self.variables[variable] = value

    async def _function(self, name: str, arguments: list[str], descriptors: Descriptors) -> int:
        positional, self.positional = self.positional, arguments
        self.depth += 1
        locals_before, self.local_values = self.local_values, {}
        try:
            return await self._command(self.functions[name], descriptors)
        except Return as returned:
            return returned.status
        finally:
            for variable, value in self.local_values.items():
                if value is None:
                    self.variables.pop(variable, None)
                else:
                    self.variables[variable] = value
            self.local_values = locals_before
            self.depth -= 1
            self.positional = positional

    # redirections

    async def redirected(self, redirects: Sequence[tree.Redirect], descriptors: Descriptors) -> Descriptors:
        """The descriptors after redirections. Raises FileProblem."""
        changed: Descriptors = dict(descriptors)
        for redirect in redirects:
            if isinstance(redirect.target, tree.HereDocument):
                changed[redirect.descriptor or 0] = Given(await text_of(self, redirect.target.parts))
                continue
            target = await text_of(self, redirect.target)
            operator = redirect.operator
            if operator == "<<<":
                changed[redirect.descriptor or 0] = Given(target + "\n")
            elif operator in ("<", "<>"):
                changed[redirect.descriptor or 0] = await self.files.opened(self.path(target))
            elif operator in (">&", "<&") and (target.isdigit() or target == "-"):
                number = redirect.descriptor if redirect.descriptor is not None else (1 if operator == ">&" else 0)
                if target == "-":
                    changed.pop(number, None)
                elif int(target) not in changed:
                    raise FileProblem(f"{target}: Bad file descriptor")
                else:
                    changed[number] = changed[int(target)]
            else:
                sink = self.files.writing(self.path(target), append=operator in (">>", "&>>"), descriptors=changed)
                changed[redirect.descriptor if redirect.descriptor is not None else 1] = sink
                if operator in ("&>", "&>>", ">&"):
                    changed[2] = sink
        return changed

    # what expansion needs

    def get(self, name: str) -> str | None:
        if name.isdigit():
            number = int(name)
            return self.name if number == 0 else self.positional[number - 1] if number <= len(self.positional) else None
        if name == "?":
            return str(self.status)
        if name == "#":
            return str(len(self.positional))
        if name == "$":
            return "4711"
        if name == "!":
            return str(4711 + len(self.jobs)) if self.jobs else None
        if name == "-":
            return "e" if self.errexit else ""
        return self.variables.get(name)

    def assign(self, name: str, value: str) -> None:
        self.variables[name] = value

    def path(self, text: str) -> str:
        """A path from the root, without dots."""
        return self.files.absolute(self.cwd, text)

    def matching_files(self, pattern: str) -> list[str]:
        return self.files.matching(self.cwd, pattern)

    async def output_of(self, script: tree.Script) -> str:
        out = Collected()
        inner = self.subshell()
        try:
            self.status = await inner.execute(script, {**self.now, 1: out})
        except Exit as ending:
            self.status = ending.status
        return out.text


def _write(descriptors: Descriptors, number: int, text: str) -> None:
    sink = descriptors.get(number)
    if sink is not None and not is_source(sink):
        sink.write(text)  # type: ignore[union-attr]
    elif isinstance(sink, Discarded):
        pass


async def _ignored(task: asyncio.Task[int]) -> None:
    try:
        await task
    except asyncio.CancelledError:
        task.cancel()
        raise
    except Exception:  # what fails in the background has nobody to hear of it
        return
