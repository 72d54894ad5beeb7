# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell's own commands: those that change the shell, and test, echo and printf."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

from xapi_twin.dom0_files import FileProblem
from xapi_twin.shell import Call, Command, Exit, LoopControl, Return

_ESCAPE = re.compile(r"\\(0[0-7]{0,3}|x[0-9a-fA-F]{1,2}|.)", re.S)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b", "\\": "\\", '"': '"', "'": "'"}


def unescaped(text: str) -> str:
    """Backslash sequences as echo -e and printf understand them."""

    def one(match: re.Match[str]) -> str:
        code = match.group(1)
        if code[0] == "0":
            return chr(int(code[1:] or "0", 8))
        if code[0] == "x" and len(code) > 1:
            return chr(int(code[1:], 16))
        return _ESCAPES.get(code, "\\" + code)

    return _ESCAPE.sub(one, text)


async def true(call: Call) -> int:
    return 0


async def false(call: Call) -> int:
    return 1


async def echo(call: Call) -> int:
    arguments = list(call.arguments)
    newline, escapes = "\n", False
    while arguments and re.fullmatch(r"-[neE]+", arguments[0]):
        flags = arguments.pop(0)
        newline = "" if "n" in flags else newline
        escapes = "e" in flags or (escapes and "E" not in flags)
    text = " ".join(arguments)
    call.out((unescaped(text) if escapes else text) + newline)
    return 0


async def printf(call: Call) -> int:
    if not call.arguments:
        return call.fail("usage: printf format [arguments]", 2)
    form, values = unescaped(call.arguments[0]), list(call.arguments[1:])
    while True:
        before = len(values)
        try:
            call.out(re.sub(r"%([-+ 0#]*)(\d*)(?:\.(\d+))?([a-zA-Z%])", lambda match: _formatted(match, values), form))
        except ValueError as error:
            return call.fail(f"{error}: invalid number")
        if not values or len(values) == before:
            return 0


def _formatted(match: re.Match[str], values: list[str]) -> str:
    flags, width, precision, kind = match.groups()
    if kind == "%":
        return "%"
    value = values.pop(0) if values else ""
    if kind in "sbq":
        text = unescaped(value) if kind == "b" else value
        text = text[: int(precision)] if precision else text
        return text.ljust(int(width)) if "-" in flags and width else text.rjust(int(width or 0))
    if kind == "c":
        return value[:1]
    try:
        number = float(value or 0) if kind in "eEfgG" else int(value or "0", 0)
    except ValueError:
        raise ValueError(value) from None
    return ("%" + flags + width + (f".{precision}" if precision else "") + ("d" if kind in "iu" else kind)) % number


async def cd(call: Call) -> int:
    shell = call.shell
    target = call.arguments[0] if call.arguments else shell.get("HOME") or "/root"
    path = shell.path((shell.get("OLDPWD") or shell.cwd) if target == "-" else target)
    if not shell.files.is_folder(path):
        reason = "Not a directory" if shell.files.exists(path) else "No such file or directory"
        return call.fail(f"{target}: {reason}")
    shell.variables["OLDPWD"], shell.cwd, shell.variables["PWD"] = shell.cwd, path, path
    return 0


async def pwd(call: Call) -> int:
    call.out(call.shell.cwd + "\n")
    return 0


async def export(call: Call) -> int:
    shell = call.shell
    if not call.arguments or call.arguments == ["-p"]:
        call.out("".join(f'export {name}="{shell.variables.get(name, "")}"\n' for name in sorted(shell.exported)))
    for argument in call.arguments:
        name, equals, value = argument.partition("=")
        if name.startswith("-"):
            continue
        if equals:
            shell.variables[name] = value
        if call.name == "export":
            shell.exported.add(name)
    return 0


async def local(call: Call) -> int:
    for argument in call.arguments:
        name, equals, value = argument.partition("=")
        call.shell.local_values.setdefault(name, call.shell.variables.get(name))
        call.shell.variables[name] = value if equals else ""
    return 0


async def unset(call: Call) -> int:
    for name in call.arguments:
        call.shell.variables.pop(name, None)
        call.shell.functions.pop(name, None)
        call.shell.exported.discard(name)
    return 0


async def set_(call: Call) -> int:
    shell, arguments = call.shell, list(call.arguments)
    if not arguments:
        call.out("".join(f"{name}='{value}'\n" for name, value in sorted(shell.variables.items())))
    while arguments and re.fullmatch(r"[-+][a-zA-Z]+", arguments[0]):
        flags = arguments.pop(0)
        on = flags[0] == "-"
        for flag in flags[1:]:
            if flag == "o" and arguments:
                _set_option(call, arguments.pop(0), on)
            else:
                _set_option(call, {"e": "errexit", "u": "nounset"}.get(flag, flag), on)
    if arguments and arguments[0] in ("--", "-"):
        shell.positional = arguments[1:]
    elif arguments:
        shell.positional = arguments
    return 0


def _set_option(call: Call, option: str, on: bool) -> None:
    if option in ("errexit", "nounset", "pipefail"):
        setattr(call.shell, option, on)


async def shift(call: Call) -> int:
    count = int(call.arguments[0]) if call.arguments else 1
    if count > len(call.shell.positional):
        return 1
    del call.shell.positional[:count]
    return 0


async def read(call: Call) -> int:
    shell, names, raw = call.shell, list(call.arguments), False
    while names and names[0].startswith("-"):
        flag = names.pop(0)
        raw = raw or "r" in flag
        if flag[-1] in "pdntu" and names:
            value = names.pop(0)
            if flag[-1] == "p":
                call.err(value)
    line = await call.stdin.line()
    found = line.endswith("\n")
    line = line[:-1] if found else line
    while not raw and line.endswith("\\") and found:
        more = await call.stdin.line()
        found = more.endswith("\n")
        line = line[:-1] + more.rstrip("\n")
    names = names or ["REPLY"]
    separators = shell.get("IFS")
    separators = " \t\n" if separators is None else separators
    blanks = "".join(char for char in separators if char in " \t\n")
    rest = line.strip(blanks) if blanks else line
    for number, name in enumerate(names):
        if number == len(names) - 1 or not separators:
            shell.assign(name, rest)
            rest = ""
            continue
        match = re.match(f"([^{re.escape(separators)}]*)(?:[{re.escape(separators)}]|$)", rest)
        head = match.group(1) if match else rest
        shell.assign(name, head)
        rest = rest[match.end() if match else len(rest) :].lstrip(blanks)
    return 0 if found else 1


async def eval_(call: Call) -> int:
    return await call.shell.source(" ".join(call.arguments), call.descriptors)


async def source(call: Call) -> int:
    if not call.arguments:
        return call.fail("filename argument required", 2)
    try:
        text = call.shell.files.read(call.shell.path(call.arguments[0]))
    except FileProblem as problem:
        call.err(f"{call.shell.name}: {problem}\n")
        return 1
    try:
        return await call.shell.source(text, call.descriptors)
    except Return as returned:
        return returned.status


async def exit_(call: Call) -> int:
    raise Exit(_number(call, call.shell.status))


async def return_(call: Call) -> int:
    raise Return(_number(call, call.shell.status))


async def break_(call: Call) -> int:
    raise LoopControl(_number(call, 1), call.name == "continue")


def _number(call: Call, default: int) -> int:
    if not call.arguments:
        return default
    try:
        return int(call.arguments[0]) & 255
    except ValueError:
        call.fail(f"{call.arguments[0]}: numeric argument required")
        return 2


async def exec_(call: Call) -> int:
    raise Exit(await call.shell.call(call.arguments, call.descriptors))


async def command(call: Call) -> int:
    """`command [-v] NAME …`; also `type` and `which`."""
    from xapi_twin.commands import find, path_of

    arguments = list(call.arguments)
    asking = call.name in ("type", "which")
    while arguments and arguments[0].startswith("-"):
        asking = asking or arguments.pop(0) in ("-v", "-V")
        if call.name != "command" and arguments and arguments[0].startswith("-"):
            arguments.pop(0)
    if not asking:
        functions, call.shell.functions = call.shell.functions, {}
        try:
            return await call.shell.call(arguments, call.descriptors) if arguments else 0
        finally:
            call.shell.functions = functions
    status = 0
    for name in arguments:
        if call.name != "which" and (name in call.shell.functions or name in BUILTINS):
            call.out(f"{name} is a shell builtin\n" if call.name == "type" else f"{name}\n")
        elif find(call.host, name) is not None:
            path = path_of(call.host, name)
            call.out(f"{name} is {path}\n" if call.name == "type" else f"{path}\n")
        else:
            status = 1
            if call.name == "type":
                call.fail(f"{name}: not found")
            elif call.name == "which":
                call.err(f"/usr/bin/which: no {name} in ({call.shell.get('PATH')})\n")
    return status


async def trap(call: Call) -> int:
    if len(call.arguments) >= 2 and any(signal in ("EXIT", "0") for signal in call.arguments[1:]):
        call.shell.exit_trap = "" if call.arguments[0] == "-" else call.arguments[0]
    return 0


async def wait(call: Call) -> int:
    jobs, call.shell.jobs = call.shell.jobs, []
    results = await asyncio.gather(*jobs, return_exceptions=True)
    return results[-1] if results and call.arguments and isinstance(results[-1], int) else 0


async def umask(call: Call) -> int:
    if not call.arguments:
        call.out("0022\n")
    return 0


async def getopts(call: Call) -> int:
    if len(call.arguments) < 2:
        return call.fail("usage: getopts optstring name [arg]", 2)
    shell, (options, name) = call.shell, call.arguments[:2]
    at = int(shell.get("OPTIND") or "1")
    given = call.arguments[2:] or shell.positional
    if at > len(given) or not re.fullmatch(r"-[a-zA-Z]", given[at - 1]):
        shell.assign(name, "?")
        return 1
    letter = given[at - 1][1]
    if letter not in options:
        shell.assign(name, "?")
    else:
        shell.assign(name, letter)
        if options[options.index(letter) + 1 :].startswith(":"):
            shell.assign("OPTARG", given[at] if at < len(given) else "")
            at += 1
    shell.assign("OPTIND", str(at + 1))
    return 0


# test


class _BadTest(Exception):
    pass


async def test(call: Call) -> int:
    """`test`, `[ … ]` and the common part of `[[ … ]]`."""
    arguments = list(call.arguments)
    closing = {"[": "]", "[[": "]]"}.get(call.name)
    if closing:
        if not arguments or arguments.pop() != closing:
            return call.fail(f"missing `{closing}'", 2)
    try:
        value, rest = _either(call, arguments)
        if rest:
            raise _BadTest(f"{rest[0]}: unexpected operator")
    except _BadTest as problem:
        return call.fail(str(problem), 2)
    return int(not value)


def _either(call: Call, tokens: list[str]) -> tuple[bool, list[str]]:
    value, tokens = _both(call, tokens)
    while tokens and tokens[0] in ("-o", "||"):
        other, tokens = _both(call, tokens[1:])
        value = value or other
    return value, tokens


def _both(call: Call, tokens: list[str]) -> tuple[bool, list[str]]:
    value, tokens = _single(call, tokens)
    while tokens and tokens[0] in ("-a", "&&"):
        other, tokens = _single(call, tokens[1:])
        value = value and other
    return value, tokens


def _single(call: Call, tokens: list[str]) -> tuple[bool, list[str]]:
    if not tokens:
        return False, []
    if len(tokens) >= 3 and tokens[1] in _BINARY:
        return _compared(call, tokens[0], tokens[1], tokens[2]), tokens[3:]
    if tokens[0] == "!" and len(tokens) > 1:
        value, rest = _single(call, tokens[1:])
        return not value, rest
    if tokens[0] == "(" and len(tokens) > 1:
        value, rest = _either(call, tokens[1:])
        if not rest or rest[0] != ")":
            raise _BadTest("`)' expected")
        return value, rest[1:]
    if len(tokens) >= 2 and re.fullmatch(r"-[a-zA-Z]", tokens[0]) and tokens[0] not in ("-a", "-o"):
        return _unary(call, tokens[0], tokens[1]), tokens[2:]
    return tokens[0] != "", tokens[1:]


_BINARY = ("=", "==", "!=", "=~", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef", "<", ">")
_COMPARE: Mapping[str, str] = {"-eq": "==", "-ne": "!=", "-lt": "<", "-le": "<=", "-gt": ">", "-ge": ">="}


def _compared(call: Call, left: str, operator: str, right: str) -> bool:
    if operator in ("=", "=="):
        return left == right
    if operator == "!=":
        return left != right
    if operator == "=~":
        return re.search(right, left) is not None
    if operator in ("<", ">"):
        return left < right if operator == "<" else left > right
    if operator in _COMPARE:
        try:
            a, b = int(left), int(right)
        except ValueError:
            raise _BadTest(f"{left if not left.lstrip('-').isdigit() else right}: integer expression expected") from None
        return {"-eq": a == b, "-ne": a != b, "-lt": a < b, "-le": a <= b, "-gt": a > b, "-ge": a >= b}[operator]
    return False


def _unary(call: Call, operator: str, value: str) -> bool:
    if operator in ("-n", "-z"):
        return bool(value) == (operator == "-n")
    if operator == "-t":
        return False
    files, path = call.shell.files, call.shell.path(value)
    if operator == "-f":
        return files.is_file(path) and path != "/dev/null" and not path.endswith(".sock")
    if operator == "-d":
        return files.is_folder(path)
    if operator in ("-e", "-r", "-w", "-a"):
        return files.exists(path)
    if operator == "-x":
        return files.is_command(path) or files.is_folder(path) or "x" in files.modes.get(path, "")
    if operator == "-s":
        return files.is_file(path) and (files.is_command(path) or files.read(path) != "")
    if operator == "-S":
        return path.endswith(".sock") and files.exists(path)
    return False


BUILTINS: Mapping[str, Command] = {
    ":": true, "true": true, "false": false, "echo": echo, "printf": printf, "cd": cd, "pwd": pwd, "export": export, "readonly": export,
    "declare": export, "typeset": export, "local": local, "unset": unset, "set": set_, "shift": shift, "read": read, "eval": eval_,
    ".": source, "source": source, "exit": exit_, "logout": exit_, "return": return_, "break": break_, "continue": break_, "exec": exec_,
    "command": command, "builtin": command, "type": command, "which": command, "trap": trap, "wait": wait, "umask": umask,
    "getopts": getopts, "test": test, "[": test, "[[": test, "hash": true, "ulimit": true, "alias": true, "unalias": true, "shopt": true,
    "history": true, "jobs": true, "disown": true,
}  # fmt: skip
