# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One command of xe: what it was given, what it may ask of XAPI, and what it shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from xapi_twin.database import Database
from xapi_twin.datamodel.schema import Schema
from xapi_twin.xapi.state import HostState

# Parameters of every command (cli_operations.ml: stdparams), and those of the program itself.
STANDARD = (
    "server", "password", "port", "username", "minimal", "force", "multiple", "all", "message-priority", "trace", "progress",
)  # fmt: skip

Row = list[tuple[str, str]]


class Refusal(Exception):
    """xe refuses; it says "Error: " and this."""


class Unusable(Exception):
    """The command line is wrong; xe says this, and where to read more."""


class NoField(Exception):
    """A class has no such field; in xe's words, which look like an error of XAPI."""

    def __str__(self) -> str:
        return f"Error code: Missing parameter\nError parameters: {self.args[0]}"


class Failed(Exception):
    """It did not come off, and the program has said why."""


class Terminal(Protocol):
    """The program xe: it prints, asks its user and keeps files."""

    def out(self, text: str) -> None:
        """Print this and the end of the line."""

    def err(self, text: str) -> None:
        """Print this on standard error."""

    async def line(self) -> str:
        """A line that the user types."""

    async def fetch(self, name: str, path: str, text: Callable[[], str]) -> bool:
        """Keep what xapi serves under a path, `text`, in a file; whether that could be."""


@dataclass
class Request:
    """A command by name with its parameters. `session`: of who logged in; root of dom0 needs none."""

    host: HostState
    terminal: Terminal
    name: str
    parameters: Mapping[str, str]
    session: str = ""
    _first: list[str] = field(default_factory=list)

    @property
    def database(self) -> Database:
        return self.host.pool.database

    @property
    def schema(self) -> Schema:
        return self.host.pool.schema

    def get(self, name: str, default: str = "") -> str:
        return self.parameters.get(name, default)

    def flag(self, name: str, default: bool = False) -> bool:
        """A parameter that is true or false. Raises Refusal."""
        return boolean(name, self.parameters[name]) if name in self.parameters else default

    def number(self, name: str, default: int) -> int:
        try:
            return int(self.get(name, str(default)))
        except ValueError:
            raise Refusal(f"Failed to parse parameter '{name}': expecting an integer") from None

    def ref(self, cls: str, name: str = "uuid") -> str:
        """The object whose uuid a parameter has. Raises XapiError UUID_INVALID."""
        return self.database.by_uuid(cls, self.parameters[name])

    def map(self, name: str) -> dict[str, str]:
        """What is given as name:key=value, or in the old way as name-key=value."""
        start = len(name) + 1
        return {key[start:]: value for key, value in self.parameters.items() if key[:start] in (f"{name}:", f"{name}-") and key[start:]}

    def rest(self, *names: str) -> dict[str, str]:
        """The parameters save these and those of every command."""
        return {name: value for name, value in self.parameters.items() if name not in names and name not in STANDARD}

    async def ask(self, method: str, *arguments: Any) -> Any:
        """Call XAPI. Raises XapiError."""
        return await self.host.pool.calls.internal(method, *arguments, session=self.session, at=self.host.ref)

    # what it shows

    @property
    def minimal(self) -> bool:
        return self.flag("minimal")

    def say(self, *lines: str) -> None:
        """Lines; with --minimal one list of values."""
        if self.minimal:
            self._first.insert(0, ",".join(_escaped(line) for line in lines))
            return
        for line in lines:
            self.terminal.out(line)

    def say_uuid(self, cls: str, *refs: str) -> None:
        self.say(*(self.database.get(cls, ref)["uuid"] for ref in refs))

    def show(self, records: Sequence[Row]) -> None:
        """Records with aligned names and two blank lines after each; with --minimal the first field of each."""
        if self.minimal:
            if records and all(records):
                self._first.insert(0, ",".join(_escaped(rows[0][1]) for rows in records))
            return
        for rows in records:
            width = 4 + max((len(label) for label, _unused in rows), default=0)
            lines = [f"{label.rjust(width) if number else label.ljust(width)}: {value}" for number, (label, value) in enumerate(rows)]
            self.terminal.out("\n".join(lines) + "\n\n")

    def end(self) -> None:
        """What --minimal printed comes at the end, as one line."""
        if self.minimal:
            self.terminal.out(",".join(self._first))


def boolean(name: str, text: str) -> bool:
    """xe's reading of true and false. Raises Refusal."""
    if text.lower() in ("true", "t", "yes", "y", "1"):
        return True
    if text.lower() in ("false", "f", "no", "n", "0"):
        return False
    raise Refusal(f"Failed to parse parameter '{name}': Expected 'true' or 'false', got {text}")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(",", "\\,")


Work = Callable[[Request], Awaitable[None]]


@dataclass(frozen=True)
class Command:
    """A command: what carries it out, which parameters it needs and takes, and what its help says.

    `here`: the host that is asked carries it out, with a local session; all others are handed to the master.
    """

    work: Work
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    about: str = ""
    here: bool = False
    hidden: bool = False


def on_object(cls: str, message: str, about: str) -> Command:
    """A command that is one message to the object of uuid=."""

    async def work(request: Request) -> None:
        await request.ask(f"{cls}.{message}", request.ref(cls))

    return Command(work, ("uuid",), about=about)
