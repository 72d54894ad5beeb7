# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands on dom0's files. What they write stays in the twin's memory."""

from __future__ import annotations

import fnmatch
import posixpath
import uuid

from xapi_twin.commands.text import options
from xapi_twin.dom0_files import FileProblem
from xapi_twin.shell import Call

FOLDER = "/bin"


async def ls(call: Call) -> int:
    flags, names = options(call.arguments)
    files, status = call.shell.files, 0
    for number, name in enumerate(names or ["."]):
        path = call.shell.path(name)
        if not files.exists(path):
            call.err(f"ls: cannot access {name}: No such file or directory\n")
            status = 2
        elif files.is_file(path) or "d" in flags:
            call.out(_listed(name, path, files.is_folder(path), flags))
        else:
            if len(names) > 1:
                call.out(("\n" if number else "") + f"{name}:\n")
            for entry in files.names(path):
                if "a" in flags or "A" in flags or not entry.startswith("."):
                    inside = posixpath.join(path, entry)
                    call.out(_listed(entry, inside, files.is_folder(inside), flags))
    return status


def _listed(name: str, path: str, folder: bool, flags: dict[str, list[str]]) -> str:
    kind = "drwxr-xr-x" if folder else "-rw-r--r--"
    return f"{kind} 1 root root 0 Jan  1 00:00 {name}\n" if "l" in flags else f"{name}\n"


async def mkdir(call: Call) -> int:
    flags, names = options(call.arguments, "m")
    for name in names:
        try:
            call.shell.files.make_folder(call.shell.path(name), "p" in flags)
        except FileProblem as problem:
            return call.fail(str(problem))
    return 0


async def rm(call: Call) -> int:
    flags, names = options(call.arguments)
    status = 0
    for name in names:
        try:
            call.shell.files.remove(call.shell.path(name), "r" in flags or "R" in flags or call.name == "rmdir")
        except FileProblem as problem:
            if "f" not in flags or "No such file" not in str(problem):
                status = call.fail(str(problem))
    return status


async def touch(call: Call) -> int:
    for name in options(call.arguments, "drt")[1]:
        path = call.shell.path(name)
        if not call.shell.files.exists(path):
            try:
                call.shell.files.writing(path, True, call.descriptors).write("")
            except FileProblem as problem:
                return call.fail(f"cannot touch '{name}': {str(problem).partition(': ')[2]}")
    return 0


async def chmod(call: Call) -> int:
    _unused, names = options(call.arguments)
    for name in names[1:]:
        path = call.shell.path(name)
        if not call.shell.files.exists(path):
            return call.fail(f"cannot access '{name}': No such file or directory")
        call.shell.files.modes[path] = "x" if "x" in names[0] or names[0][-3:-2] in ("7", "5") else ""
    return 0


async def cp(call: Call) -> int:
    """cp and mv, of files."""
    _unused, names = options(call.arguments)
    if len(names) < 2:
        return call.fail("missing file operand")
    files, target = call.shell.files, call.shell.path(names[-1])
    for name in names[:-1]:
        source = call.shell.path(name)
        goal = posixpath.join(target, posixpath.basename(source)) if files.is_folder(target) else target
        try:
            text = files.read(source)
            files.check_writable(goal)
            files.written[goal] = text
            if call.name == "mv":
                files.remove(source, False)
        except FileProblem as problem:
            return call.fail(f"cannot {'move' if call.name == 'mv' else 'stat'} '{name}': {str(problem).rpartition(': ')[2]}")
    return 0


async def mktemp(call: Call) -> int:
    flags, names = options(call.arguments, "pt")
    template = names[0] if names else "tmp.XXXXXXXXXX"
    filled = template.rstrip("X") + uuid.uuid4().hex[: max(len(template) - len(template.rstrip("X")), 3)]
    path = call.shell.path(
        filled if names and "t" not in flags and "p" not in flags else posixpath.join(flags.get("p", ["/tmp"])[0], filled)
    )
    try:
        if "d" in flags:
            call.shell.files.make_folder(path, False)
        else:
            call.shell.files.writing(path, False, call.descriptors)
    except FileProblem as problem:
        return call.fail(str(problem))
    call.out(path + "\n")
    return 0


async def basename(call: Call) -> int:
    if not call.arguments:
        return call.fail("missing operand")
    if call.name == "dirname":
        call.out((posixpath.dirname(call.arguments[0]) or ".") + "\n")
    elif call.name in ("readlink", "realpath"):
        call.out(call.shell.path(options(call.arguments)[1][-1]) + "\n")
    else:
        name = posixpath.basename(call.arguments[0].rstrip("/"))
        suffix = call.arguments[1] if len(call.arguments) > 1 else ""
        call.out((name[: -len(suffix)] if suffix and name.endswith(suffix) and name != suffix else name) + "\n")
    return 0


async def stat(call: Call) -> int:
    _unused, names = options(call.arguments, "cf")
    for name in names:
        path = call.shell.path(name)
        if not call.shell.files.exists(path):
            return call.fail(f"cannot stat '{name}': No such file or directory")
        call.out(f"  File: {name}\n")
    return 0


async def find(call: Call) -> int:
    """`find PATH… [-maxdepth N] [-name PATTERN] [-type f|d]`."""
    arguments = list(call.arguments)
    roots: list[str] = []
    while arguments and not arguments[0].startswith("-"):
        roots.append(arguments.pop(0))
    tests = dict(zip(arguments[::2], arguments[1::2], strict=False))
    status = 0
    for root in roots or ["."]:
        if not call.shell.files.exists(call.shell.path(root)):
            call.err(f"find: '{root}': No such file or directory\n")
            status = 1
            continue
        _walk(call, root, tests, int(tests.get("-maxdepth", "20")))
    return status


def _walk(call: Call, shown: str, tests: dict[str, str], depth: int) -> None:
    files, path = call.shell.files, call.shell.path(shown)
    folder = files.is_folder(path)
    named = fnmatch.fnmatchcase(posixpath.basename(path), tests.get("-name", "*"))
    if named and tests.get("-type", "d" if folder else "f") == ("d" if folder else "f"):
        call.out(shown + "\n")
    if folder and depth > 0:
        for name in files.names(path):
            _walk(call, posixpath.join(shown, name), tests, depth - 1)


COMMANDS = {
    "ls": ls, "mkdir": mkdir, "rm": rm, "rmdir": rm, "touch": touch, "chmod": chmod, "chown": chmod, "cp": cp, "mv": cp, "mktemp": mktemp,
    "basename": basename, "dirname": basename, "readlink": basename, "realpath": basename, "stat": stat, "find": find,
}  # fmt: skip
