# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command line of xe, from its words to its end: read, checked, handed to the master, carried out, its errors put into words."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from xapi_twin.datamodel.errors import ConnectionDropped, XapiError
from xapi_twin.xapi.state import HostState
from xapi_twin.xe import hosts, network, records
from xapi_twin.xe.request import Command, Failed, NoField, Refusal, Request, Terminal, Unusable

COMMANDS: Mapping[str, Command] = {**records.COMMANDS, **network.COMMANDS, **hosts.COMMANDS}

# One-letter options that the program may have left in (cli_frontend.ml: switch_map).
_SWITCHES = {"-u": "username", "-pw": "password", "-s": "server", "-h": "server", "-p": "port"}
_MORE = "For usage run: 'xe help'\n"
LOST = "Lost connection to the server.\n"


async def answer(host: HostState, words: Sequence[str], terminal: Terminal, trusted: bool) -> int:
    """Carry out a command at a host's xapi; answers the exit status. `trusted`: it is asked by root of its own dom0."""
    try:
        name, parameters = read(words)
        request = Request(host, terminal, name, parameters)
        if name == "help":
            _help(request)
        else:
            await _carry_out(request, trusted)
        request.end()
        return 0
    except Unusable as problem:
        terminal.err(f"{problem}\n{_MORE}")
    except Refusal as refusal:
        terminal.err(f"Error: {refusal}\n")
    except NoField as problem:
        terminal.err(f"{problem}\n")
    except Failed:
        pass
    except XapiError as error:
        terminal.err(worded(error))
    except (ConnectionDropped, asyncio.TimeoutError):
        terminal.err(LOST)
    return 1


def read(words: Sequence[str]) -> tuple[str, dict[str, str]]:
    """(command, parameters): NAME=VALUE, --NAME, and one-letter options. Of two of a name the first counts. Raises Unusable."""
    if not words or "=" in words[0]:
        raise Unusable("Syntax error: ")
    parameters: dict[str, str] = {}
    rest = list(words[1:])
    while rest:
        word = rest.pop(0)
        if word.startswith("--"):
            parameters.setdefault(word[2:], "true")
        elif word.startswith("-"):
            if word not in _SWITCHES or not rest:
                raise Unusable("Syntax error: ")
            parameters.setdefault(_SWITCHES[word], rest.pop(0))
        else:
            name, _unused, value = word.partition("=")
            parameters.setdefault(name, value)
    return words[0], parameters


async def _carry_out(request: Request, trusted: bool) -> None:
    command = COMMANDS.get(request.name)
    if command is None:
        raise Unusable(f"Unknown command: {request.name}")
    for needed in command.needs:
        if needed not in request.parameters:
            raise Unusable(f"Required parameter not found: {needed}")
    if trusted:
        _reachable(request.host, command)
        await command.work(request)
        return
    calls, at = request.host.pool.calls, request.host.ref
    who = [request.get("username"), request.get("password")]
    if command.here:
        request.session = await calls.call(at, "session.slave_local_login_with_password", who)
    else:
        request.session = await calls.call(at, "session.login_with_password", [*who, "2.21", "cli"])
    try:
        await command.work(request)
    finally:
        await calls.call(at, "session.local_logout" if command.here else "session.logout", [request.session])


def _reachable(host: HostState, command: Command) -> None:
    """This host's xapi has to be up and, unless the command is for itself, the master's. Raises XapiError, ConnectionDropped."""
    if command.here:
        return
    if host.xapi == "emergency":
        raise XapiError("HOST_IN_EMERGENCY_MODE")
    if host.refusal is not None:
        raise host.refusal
    if not host.is_master and host.pool.master_host.xapi != "running":
        raise ConnectionDropped


_SENTENCES = {
    "UUID_INVALID": ("The uuid you supplied was invalid.", ("type", "uuid")),
    "HOST_STILL_BOOTING": ("The host toolstack is still initialising. Please wait.", ()),
    "HANDLE_INVALID": ("You gave an invalid object reference. The object may have recently been deleted.", ("class", "handle")),
    "HOST_IN_EMERGENCY_MODE": ("The host is in emergency mode: it cannot contact the pool master.", ()),
}


def worded(error: XapiError) -> str:
    """An error as xe prints it. xe has a sentence for each; the twin has some, and prints the others as xe does those it does not know."""
    if error.code == "SESSION_AUTHENTICATION_FAILED" and error.params:
        return ("Authentication failed\n" if error.params[0] else "Username/password must be specified\n") + _MORE
    if error.code in _SENTENCES:
        sentence, names = _SENTENCES[error.code]
        return "\n".join([sentence, *(f"{name}: {value}" for name, value in zip(names, error.params, strict=False))]) + "\n"
    return f"Error code: {error.code}\nError parameters: {', '.join(error.params)}\n"


_USAGE = """Usage:
  xe <command>
    [ -s <server> ]            the host to ask
    [ -p <port> ]              its port
    [ -u <username> -pw <password> | -pwf <password file> ]
                               who asks
    [ --nossl ]                without TLS
    [ --minimal ]              values only, joined by commas
    [ <other arguments> ... ]  of the command

To get help on a specific command:
  xe help <command>
"""


def _help(request: Request) -> None:
    """What commands there are, or what the ones named need and take."""
    wanted = request.rest()
    names = sorted(name for name, command in COMMANDS.items() if not command.hidden)
    if not wanted and request.minimal:
        request.say(*names)
        return
    if not wanted:
        request.say(_USAGE, "Commands that this twin knows", "-" * 29, *_listed(names))
    for name in wanted:
        command = COMMANDS.get(name)
        if command is None:
            request.say(f"Unknown command '{name}'")
            continue
        request.show([[
            ("command name        ", name),
            ("reqd params     ", ", ".join(command.needs)),
            ("optional params ", ", ".join(command.takes)),
            ("description     ", command.about),
        ]])  # fmt: skip


def _listed(names: Sequence[str]) -> list[str]:
    """Names in lines of 74 characters at most."""
    lines = ["    " + names[0]]
    for name in names[1:]:
        if len(lines[-1]) + len(name) > 74:
            lines.append("    " + name)
        else:
            lines[-1] += ", " + name
    return lines
