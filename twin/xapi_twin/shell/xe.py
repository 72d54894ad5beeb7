# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program `xe` in dom0. It hands its words to the xapi of its own host, as root, or with -s to that of another one, with a password."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass

from xapi_twin import xe
from xapi_twin.shell.call import Call
from xapi_twin.shell.jobs import Piped
from xapi_twin.xapi.state import HostState
from xapi_twin.xe.answer import LOST

FOLDER = "/usr/bin"

# Options that the program keeps for itself: those with a value by both their spellings (newcli.ml: parse_args).
_OPTIONS = {"-s": "server", "-h": "server", "-p": "port", "-u": "username", "-pw": "password", "-pwf": "passwordfile"}
_ITS_OWN = frozenset(_OPTIONS.values())
_SWITCHES = {"--nossl", "--debug", "--debug-on-fail"}
_USAGE = "Usage: xe <command> [-s server] [-pw passwd] [-p port] [-u user] [-pwf password-file] [command specific arguments]\n"


class _Unreadable(Exception):
    """The file with the password; the sentence says what is wrong with it."""


@dataclass
class _Terminal:
    """xe's ends in a shell of dom0."""

    call: Call

    def out(self, text: str) -> None:
        self.call.out(text + "\n")

    def err(self, text: str) -> None:
        self.call.err(text)

    async def line(self) -> str:
        await self.call.flush()
        return (await Piped(self.call.context.stdin).line()).decode("utf-8", "replace").rstrip("\n")

    async def fetch(self, name: str, path: str, text: Callable[[], str]) -> bool:
        tree, place = self.call.machine.files.tree, posixpath.join(self.call.context.cwd, name)
        if tree.exists(place) or not tree.exists(posixpath.dirname(place)):
            problem = "File exists" if tree.exists(place) else "No such file or directory"
            self.err(f'Operation failed. Error: Sys_error("{name}: {problem}")\n')
            return False
        tree.write_file(place, text().encode())
        tree.chmod(place, 0o600)
        return True


async def xe_(call: Call) -> int:
    words, options = _read(call.arguments)
    if "-help" in call.arguments or "--help" in call.arguments or not words:
        call.err(_USAGE)
        return 0
    try:
        user, password = _who(call, options)
    except _Unreadable as problem:
        call.err(f"{problem}\n")
        return 1
    server = options.get("server", "127.0.0.1")
    terminal = _Terminal(call)
    if server == "127.0.0.1":
        if call.host.xapi == "stopped":
            call.err("Error: Connection refused (calling connect )\n")
            return 1
        return await xe.answer(call.host, words, terminal, trusted=True)
    host = _find(call, server, options.get("port", "443"))
    if host is None:
        call.err(LOST)
        return 1
    return await xe.answer(host, [*words, f"username={user}", f"password={password}"], terminal, trusted=False)


def _read(arguments: list[str]) -> tuple[list[str], dict[str, str]]:
    """(words for xapi, options of the program)."""
    words: list[str] = []
    options: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if word in _OPTIONS and rest:
            options[_OPTIONS[word]] = rest.pop(0)
        elif equals and name in _ITS_OWN:
            options[name] = value
        elif word not in _SWITCHES:
            words.append(word)
    return words, options


def _who(call: Call, options: dict[str, str]) -> tuple[str, str]:
    """User and password; as the program has them when none are given. Raises _Unreadable."""
    name = options.get("passwordfile")
    if name is None:
        return options.get("username", "root"), options.get("password", "null")
    tree, place = call.machine.files.tree, posixpath.join(call.context.cwd, name)
    if not tree.exists(place):
        raise _Unreadable(f"Error opening password file '{name}'")
    lines = tree.read_file(place).decode("utf-8", "replace").splitlines()
    if len(lines) < 2:
        raise _Unreadable("Error: password file format: expecting username on the first line, password on the second line")
    return lines[0], lines[1]


def _find(call: Call, server: str, port: str) -> HostState | None:
    """The host that answers at an address or a name; None when nobody does. Only 127.0.0.1 is xe's way without a password (newcli.ml)."""
    around = call.host.pool.membership
    own = call.host if server in ("localhost", "localhost.localdomain") else None
    host = own or (around.host_at(server) if around is not None else None)
    return host if host is not None and port in ("443", "80") and host.xapi != "stopped" else None


COMMANDS = {"xe": xe_}
