# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ls -l and ls -a, and mkdir with a mode: the library's know no owner, no dot folders and no umask."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from xapi_twin.shell.call import Call

FOLDER = ""

_KINDS = {"directory": "d", "symlink": "l", "file": "-"}


@dataclass(frozen=True)
class _Entry:
    name: str
    facts: Mapping[str, Any]
    target: str = ""


def split(arguments: list[str], values: str = "") -> tuple[dict[str, str], list[str]]:
    """({letter of an option: its value}, other arguments). `values` are the letters that have one."""
    flags: dict[str, str] = {}
    others: list[str] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            return flags, others + rest
        if not argument.startswith("-") or argument == "-":
            others.append(argument)
        elif argument.startswith("--"):
            name, _equals, value = argument[2:].partition("=")
            flags[name] = value
        else:
            for number, letter in enumerate(argument[1:], 2):
                if letter in values:
                    flags[letter] = argument[number:] or (rest.pop(0) if rest else "")
                    break
                flags[letter] = ""
    return flags, others


def absolute(call: Call, path: str) -> str:
    return posixpath.normpath(posixpath.join(call.context.cwd, path))


async def ls(call: Call) -> int:
    flags, names = split(call.arguments)
    status = 0
    files: list[_Entry] = []
    folders: list[_Entry] = []
    for name in names or ["."]:
        try:
            entry = _entry(call, absolute(call, name), name, follow="l" not in flags)
        except Exception:  # the library's errors have no type
            call.err(f"ls: cannot access '{name}': No such file or directory\n")
            status = 2
            continue
        (folders if entry.facts["file_type"] == "directory" and "d" not in flags else files).append(entry)
    _print(call, files, flags)
    for number, folder in enumerate(folders):
        if len(names) > 1:
            call.out(("\n" if number or files else "") + f"{folder.name}:\n")
        if "l" in flags:
            call.out("total 0\n")
        _print(call, _inside(call, absolute(call, folder.name), flags), flags)
    return status


def _entry(call: Call, path: str, name: str, follow: bool = False) -> _Entry:
    try:
        target = call.context.fs.read_link(path)
    except Exception:
        return _Entry(name, call.context.fs.stat(path))
    facts = call.context.fs.stat(path)
    return _Entry(name, facts) if follow and facts["file_type"] != "symlink" else _Entry(name, {**facts, "file_type": "symlink"}, target)


def _inside(call: Call, path: str, flags: Mapping[str, str]) -> list[_Entry]:
    names = sorted(entry["name"] for entry in call.context.fs.read_dir(path))
    if "a" not in flags and "A" not in flags:
        names = [name for name in names if not name.startswith(".")]
    entries = [_entry(call, posixpath.join(path, name), name) for name in names]
    if "a" in flags:
        entries = [_entry(call, path, "."), _entry(call, posixpath.dirname(path), ".."), *entries]
    if "t" in flags:
        entries.sort(key=lambda entry: -float(entry.facts["modified"]))
    return entries[::-1] if "r" in flags else entries


def _print(call: Call, entries: list[_Entry], flags: Mapping[str, str]) -> None:
    if "l" not in flags:
        call.out("".join(f"{entry.name}\n" for entry in entries))
        return
    width = max((len(str(entry.facts["size"])) for entry in entries), default=1)
    for entry in entries:
        kind = entry.facts["file_type"]
        links = 2 if kind == "directory" else 1
        mode = "rwxrwxrwx" if kind == "symlink" else _mode(int(entry.facts["mode"]))
        when = datetime.fromtimestamp(float(entry.facts["modified"]), timezone.utc).strftime("%b %e %H:%M")
        arrow = f" -> {entry.target}" if entry.target else ""
        call.out(f"{_KINDS.get(kind, '-')}{mode} {links} root root {entry.facts['size']:>{width}} {when} {entry.name}{arrow}\n")


def _mode(mode: int) -> str:
    letters = "".join("rwxrwxrwx"[bit] if mode & (1 << (8 - bit)) else "-" for bit in range(9))
    return letters[:-1] + ("t" if mode & 1 else "T") if mode & 0o1000 else letters


async def mkdir(call: Call) -> int:
    """`_mkdir UMASK …`, as mkdir after it."""
    umask, *arguments = call.arguments
    flags, names = split(arguments, "m")
    mode = flags.get("m", flags.get("mode"))
    if not names:
        call.err("mkdir: missing operand\nTry 'mkdir --help' for more information.\n")
        return 1
    if mode is not None and not (mode.isdigit() and set(mode) <= set("01234567")):
        call.err(f"mkdir: invalid mode '{mode}'\n")
        return 1
    status = 0
    for name in names:
        made = absolute(call, name)
        problem = _make(call, made, 0o777 & ~int(umask, 8), int(mode, 8) if mode else None, "p" in flags or "parents" in flags)
        if problem:
            call.err(f"mkdir: cannot create directory '{name}': {problem}\n")
            status = 1
        elif "v" in flags:
            call.out(f"mkdir: created directory '{name}'\n")
    return status


def _make(call: Call, path: str, plain: int, mode: int | None, parents: bool) -> str:
    files = call.context.fs
    if files.exists(path):
        return "" if parents and files.stat(path)["file_type"] == "directory" else "File exists"
    above = posixpath.dirname(path)
    if not files.exists(above):
        if not parents:
            return "No such file or directory"
        if problem := _make(call, above, plain, None, parents):
            return problem
    elif files.stat(above)["file_type"] == "file":
        return "Not a directory"
    try:
        files.mkdir(path)
        files.chmod(path, plain if mode is None else mode)
    except Exception as error:  # two at once: one of them has made it
        return "File exists" if files.exists(path) else str(error)
    return ""


COMMANDS = {"_ls": ls, "_mkdir": mkdir}
