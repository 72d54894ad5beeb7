# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ls -l and ls -a, and stat: the library's know no owner, no dot folders, and no empty file."""

from __future__ import annotations

import posixpath
import re
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


async def ls(call: Call) -> int:
    flags, names = split(call.arguments)
    status = 0
    files: list[_Entry] = []
    folders: list[_Entry] = []
    for name in names or ["."]:
        try:
            entry = _entry(call, call.absolute(name), name, follow="l" not in flags)
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
        _print(call, _inside(call, call.absolute(folder.name), flags), flags)
    return status


def _entry(call: Call, path: str, name: str, follow: bool = False) -> _Entry:
    try:
        target = call.context.fs.read_link(path)
    except Exception:
        return _Entry(name, _facts(call, path))
    facts = _facts(call, path)
    return _Entry(name, facts) if follow and facts["file_type"] != "symlink" else _Entry(name, {**facts, "file_type": "symlink"}, target)


def _facts(call: Call, path: str) -> Mapping[str, Any]:
    facts = call.context.fs.stat(path)
    return {**facts, "size": 4096} if facts["file_type"] == "directory" else facts


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


_STAT = """  File: %N
  Size: %s\tBlocks: %b\tIO Block: 4096   %F
Access: (%a/%A)  Uid: (    0/    root)   Gid: (    0/    root)
Modify: %y
"""


async def stat(call: Call) -> int:
    """`stat [-L] [-c FORMAT | --printf FORMAT] FILE…`."""
    flags, names = split(call.arguments, "c")
    form = flags.get("c", flags.get("format"))
    if not names:
        return call.fail("missing operand")
    status = 0
    for name in names:
        try:
            entry = _entry(call, call.absolute(name), name, follow="L" in flags)
        except Exception:  # the library's errors have no type
            status = call.fail(f"cannot stat '{name}': No such file or directory")
            continue
        if "printf" in flags:
            call.out(_told(_unescaped(flags["printf"]), entry))
        else:
            call.out(_told(_STAT if form is None else form + "\n", entry))
    return status


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: {"n": "\n", "t": "\t"}.get(match.group(1), match.group(1)), text)


def _told(form: str, entry: _Entry) -> str:
    """A format of stat with what is known of a file; what no file here has is a question mark, as in stat."""
    kind, mode, size = entry.facts["file_type"], int(entry.facts["mode"]), int(entry.facts["size"])
    times = {"x": entry.facts["modified"], "y": entry.facts["modified"], "z": entry.facts["modified"]}
    if kind == "symlink":
        mode, size = 0o777, len(entry.target)
    words = {"directory": "directory", "symlink": "symbolic link", "file": "regular file" if size else "regular empty file"}
    facts = {
        "n": entry.name, "s": size, "a": f"{mode & 0o7777:o}", "A": _KINDS.get(kind, "-") + _mode(mode), "F": words.get(kind, kind),
        "U": "root", "G": "root", "u": 0, "g": 0, "h": 2 if kind == "directory" else 1, "b": -(-size // 4096) * 8, "B": 512, "o": 4096,
        "f": f"{mode | {'directory': 0o40000, 'symlink': 0o120000}.get(kind, 0o100000):x}", "m": "/", "%": "%", "t": 0, "T": 0,
        "N": f"'{entry.name}' -> '{entry.target}'" if entry.target else f"'{entry.name}'",
    }  # fmt: skip
    for letter, when in times.items():
        facts[letter] = datetime.fromtimestamp(float(when), timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f000 +0000")
        facts[letter.upper()] = int(float(when))
    return re.sub(r"%[-#0 +]*\d*(?:\.\d+)?([a-zA-Z%])", lambda match: str(facts.get(match.group(1), "?")), form)


COMMANDS = {"_ls": ls, "stat": stat}
