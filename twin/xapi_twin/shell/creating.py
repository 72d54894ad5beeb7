# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modes of files: the library looks at the umask nowhere, gives a file that is written again a new mode, and its mktemp is for all."""

from __future__ import annotations

import posixpath
import secrets
import string

from xapi_twin.shell.call import Call
from xapi_twin.shell.listing import split

FOLDER = ""


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
        made = call.absolute(name)
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


async def made(call: Call) -> int:
    """`_made UMASK [-t] PATH`: before a redirection to a file; it is there, with the mode of the umask or its own, and `-t`: empty."""
    umask, *options, name = call.arguments
    path, files = call.absolute(name), call.context.fs
    try:
        mode = _mode(call, path)
        if mode is None and files.exists(posixpath.dirname(path)) and name:
            files.write_file(path, b"")
            files.chmod(path, 0o666 & ~int(umask, 8))
        elif mode is not None and options:
            files.write_file(path, b"")
            files.chmod(path, mode)
    except Exception:  # the library's errors have no type; it has a sentence of its own for this one
        pass
    call.out(name)
    return 0


def _mode(call: Call, path: str) -> int | None:
    """The mode of a file; nothing for what is none, and for devices."""
    facts = call.context.fs.stat(path) if call.context.fs.exists(path) and not path.startswith("/dev/") else {}
    return int(facts["mode"]) if facts.get("file_type") == "file" else None


async def modes(call: Call) -> int:
    """`_modes UMASK COMMAND ARGUMENT…`: before a command that may write to files; prints a number for `_restore`."""
    umask, name, *arguments = call.arguments
    flags, words = split(arguments)
    names = [word.removeprefix("of=") for word in words]
    names += [posixpath.join(names[-1], posixpath.basename(word)) for word in names[:-1]]  # into a folder
    found = {path: _mode(call, path) for path in (call.absolute(word) for word in names)}
    if name == "cp" and flags.keys() & {"p", "a"}:
        found = {}
    kept = call.process.modes
    kept.append((int(umask, 8), found))
    call.out(f"{len(kept) - 1}")
    return 0


async def restore(call: Call) -> int:
    """`_restore NUMBER STATUS`: after the command. What was there has the mode that it had, what is new has it by the umask."""
    number, status = map(int, call.arguments)
    umask, found = call.process.modes[number]
    for path, mode in found.items():
        now = _mode(call, path)
        if now is not None:
            call.context.fs.chmod(path, now & ~umask if mode is None else mode)
    return status


async def mktemp(call: Call) -> int:
    """`mktemp [-dqu] [-p DIR] [-t] [TEMPLATE]`."""
    flags, names = split(call.arguments, "p")
    template = names[0] if names else "tmp.XXXXXXXXXX"
    folder = flags.get("p") or flags.get("tmpdir") or call.context.env.get("TMPDIR") or "/tmp"
    if not names or flags.keys() & {"p", "t", "tmpdir"}:
        template = posixpath.join(folder, template)
    bare = template.rstrip("X")
    count = len(template) - len(bare)
    if count < 3:
        return _not_made(call, f"too few X's in template '{names[0]}'")
    random = "".join(secrets.choice(string.ascii_letters + string.digits) for _unused in range(count))
    name = bare + random + flags.get("suffix", "")
    if "u" not in flags:
        kind = "directory" if "d" in flags else "file"
        try:
            _made_alone(call, call.absolute(name), "d" in flags)
        except Exception:  # the library's errors have no type
            return _not_made(call, f"failed to create {kind} via template '{template}': No such file or directory", "q" in flags)
    call.out(name + "\n")
    return 0


def _made_alone(call: Call, path: str, folder: bool) -> None:
    """For its owner alone."""
    if folder:
        call.context.fs.mkdir(path)
    else:
        call.context.fs.write_file(path, b"")
    call.context.fs.chmod(path, 0o700 if folder else 0o600)


def _not_made(call: Call, problem: str, quiet: bool = False) -> int:
    return 1 if quiet else call.fail(problem)


COMMANDS = {"_mkdir": mkdir, "_made": made, "_modes": modes, "_restore": restore, "mktemp": mktemp}
