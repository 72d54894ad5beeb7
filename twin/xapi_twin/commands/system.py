# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shells in shells, and what a script asks of the system that it runs on."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from xapi_twin.commands.text import options
from xapi_twin.datamodel.releases import product_of
from xapi_twin.dom0_files import FileProblem
from xapi_twin.shell import Call

FOLDER = "/bin"


async def sh(call: Call) -> int:
    """`sh -c COMMAND [NAME ARGUMENT…]`, `sh FILE [ARGUMENT…]`, or commands on standard input."""
    arguments, settings, command = list(call.arguments), "", False
    while arguments and arguments[0][:1] in "-+" and len(arguments[0]) > 1:
        flags = arguments.pop(0)
        if flags == "--":
            break
        if not flags.startswith("--"):
            command = command or "c" in flags
            settings += flags[1:] if flags[0] == "-" else ""
    if command:
        if not arguments:
            return call.fail("-c: option requires an argument", 2)
        text, name, positional = arguments[0], arguments[1] if len(arguments) > 1 else call.name, arguments[2:]
    elif arguments and "s" not in settings:
        try:
            text, name, positional = call.shell.files.read(call.shell.path(arguments[0])), arguments[0], arguments[1:]
        except FileProblem as problem:
            return call.fail(str(problem), 127)
    else:
        text, name, positional = await call.stdin.rest(), call.name, arguments
    shell = call.shell.child(name, positional)
    shell.errexit, shell.nounset = "e" in settings, "u" in settings
    return await shell.run(text, call.descriptors)


async def env(call: Call) -> int:
    arguments = list(call.arguments)
    given: dict[str, str] = {}
    while arguments and ("=" in arguments[0] or arguments[0].startswith("-")):
        name, equals, value = arguments.pop(0).partition("=")
        if equals:
            given[name] = value
    if arguments:
        return await call.shell.call(arguments, call.descriptors, given)
    shell = call.shell
    call.out("".join(f"{name}={shell.variables.get(name, '')}\n" for name in sorted(shell.exported)))
    return 0


async def printenv(call: Call) -> int:
    shell = call.shell
    if not call.arguments:
        return await env(call)
    value = shell.variables.get(call.arguments[0]) if call.arguments[0] in shell.exported else None
    call.out("" if value is None else value + "\n")
    return int(value is None)


async def hostname(call: Call) -> int:
    call.out(call.host.dom0.hostname + "\n")
    return 0


async def uname(call: Call) -> int:
    product = product_of(call.host.twin.scenario.version)
    flags = "".join(call.arguments).replace("-", "") or "s"
    machine = "i686" if product.version.startswith("6.") and product.version < "6.5" else "x86_64"
    facts = {"s": "Linux", "n": call.host.dom0.hostname, "r": product.kernel, "v": "#1 SMP", "m": machine, "o": "GNU/Linux"}
    call.out(" ".join(value for letter, value in facts.items() if letter in flags or "a" in flags) + "\n")
    return 0


async def identity(call: Call) -> int:
    flags, _unused = options(call.arguments)
    if call.name == "whoami" or "n" in flags:
        call.out("root\n")
    elif "u" in flags or "g" in flags:
        call.out("0\n")
    else:
        call.out("uid=0(root) gid=0(root) groups=0(root)\n")
    return 0


async def date(call: Call) -> int:
    now = call.host.twin.now()
    form = next((argument[1:] for argument in call.arguments if argument.startswith("+")), "%a %b %d %H:%M:%S UTC %Y")
    call.out(now.strftime(form.replace("%s", str(int(now.timestamp()))).replace("%N", f"{now.microsecond * 1000:09d}")) + "\n")
    return 0


async def uptime(call: Call) -> int:
    call.out(" 12:00:00 up 1 day,  1 user,  load average: 0.00, 0.00, 0.00\n")
    return 0


async def timeout(call: Call) -> int:
    """`timeout SECONDS COMMAND …`; its seconds are real ones: it guards against what hangs."""
    arguments = list(call.arguments)
    while arguments and arguments[0].startswith("-"):
        flag = arguments.pop(0)
        if flag in ("-k", "-s") and arguments:
            arguments.pop(0)
    if len(arguments) < 2:
        return call.fail("missing operand", 125)
    try:
        seconds = float(arguments[0].rstrip("s"))
    except ValueError:
        return call.fail(f"invalid time interval '{arguments[0]}'", 125)
    with suppress(asyncio.TimeoutError, TimeoutError):
        return await asyncio.wait_for(call.shell.call(arguments[1:], call.descriptors), seconds)
    return 124


async def handed_on(call: Call) -> int:
    """nohup, nice, sudo …: runs the rest."""
    arguments = list(call.arguments)
    while arguments and arguments[0].startswith("-"):
        flag = arguments.pop(0)
        if flag in ("-n", "-u") and call.name in ("nice", "ionice", "sudo") and arguments and not (call.name == "sudo" and flag == "-n"):
            arguments.pop(0)
    return await call.shell.call(arguments, call.descriptors) if arguments else 0


async def nothing(call: Call) -> int:
    return 0


async def pgrep(call: Call) -> int:
    """`pgrep NAME`, `pidof NAME`: xapi alone comes and goes."""
    _unused, names = options(call.arguments)
    running = bool(names) and (names[-1] != "xapi" or call.host.xapi != "stopped") and names[-1] in ("xapi", "ovs-vswitchd", "xcp-networkd")
    call.out("4242\n" if running else "")
    return int(not running)


COMMANDS = {
    "sh": sh, "bash": sh, "dash": sh, "env": env, "printenv": printenv, "hostname": hostname, "uname": uname, "id": identity,
    "whoami": identity, "date": date, "uptime": uptime, "timeout": timeout, "nohup": handed_on, "nice": handed_on, "ionice": handed_on,
    "sudo": handed_on, "setsid": handed_on, "sync": nothing, "logger": nothing, "stty": nothing, "clear": nothing, "mesg": nothing,
    "chkconfig": nothing, "tput": nothing, "pgrep": pgrep, "pidof": pgrep,
}  # fmt: skip
