# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text tools that people put behind a pipe in dom0."""

from __future__ import annotations

import re

from xapi_twin.commands.patterns import compiled
from xapi_twin.dom0_files import FileProblem
from xapi_twin.shell import Call
from xapi_twin.shell_builtins import unescaped

FOLDER = "/usr/bin"


async def texts(call: Call, names: list[str]) -> tuple[list[tuple[str, str]], int]:
    """((name, content) of each file, or of standard input when none is named; 1 when one could not be read)."""
    if not names:
        return [("(standard input)", await call.stdin.rest())], 0
    found: list[tuple[str, str]] = []
    status = 0
    for name in names:
        if name == "-":
            found.append((name, await call.stdin.rest()))
            continue
        try:
            found.append((name, call.shell.files.read(call.shell.path(name))))
        except FileProblem as problem:
            call.fail(str(problem).replace(call.shell.path(name), name, 1))
            status = 1
    return found, status


def lines_of(text: str) -> list[str]:
    """Lines without their ends; a text that ends without a newline has a last line all the same."""
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def options(arguments: list[str], with_value: str = "") -> tuple[dict[str, list[str]], list[str]]:
    """Short options (letters to their values) and the rest; "--" ends the options, long ones are kept whole."""
    found: dict[str, list[str]] = {}
    rest: list[str] = []
    place = 0
    while place < len(arguments):
        argument = arguments[place]
        place += 1
        if argument == "--":
            rest.extend(arguments[place:])
            break
        if argument.startswith("--"):
            name, _unused, value = argument.partition("=")
            found.setdefault(name, []).append(value)
            continue
        if not argument.startswith("-") or argument == "-":
            rest.append(argument)
            continue
        letters = argument[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            value = ""
            if letter in with_value:
                value = letters or (arguments[place] if place < len(arguments) else "")
                place += not letters
                letters = ""
            found.setdefault(letter, []).append(value)
    return found, rest


async def cat(call: Call) -> int:
    flags, names = options(call.arguments)
    found, status = await texts(call, names)
    number = 0
    for _unused, text in found:
        if "n" not in flags:
            call.out(text)
            continue
        for line in lines_of(text):
            number += 1
            call.out(f"{number:>6}\t{line}\n")
    return status


async def grep(call: Call) -> int:
    arguments = [re.sub(r"^-(\d+)$", r"-C\1", argument) for argument in call.arguments]
    flags, names = options(arguments, "efABCm")
    patterns = flags.get("e", [])
    if not patterns:
        if not names:
            call.err("Usage: grep [OPTION]... PATTERN [FILE]...\n")
            return 2
        patterns = [names.pop(0)]
    extended = "E" in flags or "P" in flags or call.name == "egrep"
    fixed = "F" in flags or call.name == "fgrep"
    try:
        wanted = [
            compiled(one, extended, "i" in flags or "--ignore-case" in flags, fixed) for pattern in patterns for one in pattern.split("\n")
        ]
    except re.error as error:
        return call.fail(str(error), 2)
    found, status = await texts(call, names)
    matched = False
    label = (len(names) > 1 or "H" in flags) and "h" not in flags
    for name, text in found:
        lines = lines_of(text)
        hits = [number for number, line in enumerate(lines) if _hit(line, wanted, flags) != ("v" in flags)]
        if "m" in flags:
            hits = hits[: int(flags["m"][0])]
        matched = matched or bool(hits)
        if "q" in flags or "--quiet" in flags:
            continue
        if "l" in flags:
            call.out(f"{name}\n" if hits else "")
        elif "c" in flags:
            call.out((f"{name}:" if label else "") + f"{len(hits)}\n")
        elif "o" in flags and "v" not in flags:
            for number in hits:
                for pattern in wanted:
                    parts = [match.group() for match in pattern.finditer(lines[number]) if match.group()]
                    call.out("".join((f"{name}:" if label else "") + part + "\n" for part in parts))
        else:
            _print_hits(call, flags, name if label else "", lines, hits)
    return 2 if status and not matched else 0 if matched else 1


def _hit(line: str, wanted: list[re.Pattern[str]], flags: dict[str, list[str]]) -> bool:
    for pattern in wanted:
        if "x" in flags:
            if pattern.fullmatch(line):
                return True
        elif "w" in flags:
            if any(_is_word(line, match) for match in pattern.finditer(line)):
                return True
        elif pattern.search(line):
            return True
    return False


def _is_word(line: str, match: re.Match[str]) -> bool:
    before, after = line[: match.start()][-1:], line[match.end() :][:1]
    return not re.match(r"\w", before) and not re.match(r"\w", after)


def _print_hits(call: Call, flags: dict[str, list[str]], name: str, lines: list[str], hits: list[int]) -> None:
    """Lines that matched and those around them; groups that do not touch are separated by --."""
    around = int(flags["C"][0]) if "C" in flags else 0
    before = int(flags["B"][0]) if "B" in flags else around
    after = int(flags["A"][0]) if "A" in flags else around
    chosen = set(hits)
    shown = sorted({near for hit in hits for near in range(max(hit - before, 0), min(hit + after, len(lines) - 1) + 1)})
    previous = None
    for number in shown:
        if (before or after) and previous is not None and number > previous + 1:
            call.out("--\n")
        previous = number
        mark = ":" if number in chosen else "-"
        call.out((f"{name}{mark}" if name else "") + (f"{number + 1}{mark}" if "n" in flags else "") + lines[number] + "\n")


async def head(call: Call) -> int:
    arguments = [re.sub(r"^-(\d+)$", r"-n\1", argument) for argument in call.arguments]
    flags, names = options(arguments, "nc")
    count = int(flags.get("n", ["10"])[-1])
    found, status = await texts(call, names)
    for _unused, text in found:
        if "c" in flags:
            call.out(text[: int(flags["c"][-1])])
            continue
        lines = text.splitlines(keepends=True)
        if call.name == "tail":
            start = flags.get("n", [""])[-1]
            chosen = lines[int(start) - 1 :] if start.startswith("+") else lines[-abs(count) :] if count else []
        else:
            chosen = lines[:count] if count >= 0 else lines[:count]
        call.out("".join(chosen))
    return status


async def cut(call: Call) -> int:
    flags, names = options(call.arguments, "dfcb")
    spec = (flags.get("f") or flags.get("c") or flags.get("b") or [""])[0]
    if not spec:
        return call.fail("you must specify a list of bytes, characters, or fields")
    delimiter = flags.get("d", ["\t"])[0]
    found, status = await texts(call, names)
    for _unused, text in found:
        for line in lines_of(text):
            if "f" not in flags:
                call.out("".join(_chosen(list(line), spec)) + "\n")
            elif delimiter in line:
                call.out(delimiter.join(_chosen(line.split(delimiter), spec)) + "\n")
            elif "s" not in flags:
                call.out(line + "\n")
    return status


def _chosen(parts: list[str], spec: str) -> list[str]:
    wanted: set[int] = set()
    for entry in spec.split(","):
        first, dash, last = entry.partition("-")
        low = int(first or 1)
        wanted.update(range(low, (int(last) if last else len(parts)) + 1) if dash else (low,))
    return [part for number, part in enumerate(parts, 1) if number in wanted]


async def sort(call: Call) -> int:
    flags, names = options(call.arguments, "kto")
    found, status = await texts(call, names)
    lines = [line for _unused, text in found for line in lines_of(text)]
    separator = flags.get("t", [None])[0]
    field = int(re.match(r"\d+", flags["k"][0]).group()) if "k" in flags else 0  # type: ignore[union-attr]

    def key(line: str) -> tuple[float, str]:
        parts = line.split(separator)
        value = (parts[field - 1] if field <= len(parts) else "") if field else line
        value = value.lower() if "f" in flags else value
        number = re.match(r"\s*-?\d+(\.\d+)?", value) if "n" in flags or "V" in flags else None
        return (float(number.group()) if number else 0.0, value)

    lines.sort(key=key, reverse="r" in flags)
    if "u" in flags:
        lines = [line for number, line in enumerate(lines) if not number or line != lines[number - 1]]
    call.out("".join(line + "\n" for line in lines))
    return status


async def uniq(call: Call) -> int:
    flags, names = options(call.arguments)
    found, status = await texts(call, names[:1])
    groups: list[list[str]] = []
    for _unused, text in found:
        for line in lines_of(text):
            if groups and groups[-1][0] == line:
                groups[-1].append(line)
            else:
                groups.append([line])
    for group in groups:
        if ("d" in flags and len(group) == 1) or ("u" in flags and len(group) > 1):
            continue
        call.out((f"{len(group):>7} " if "c" in flags else "") + group[0] + "\n")
    return status


async def wc(call: Call) -> int:
    flags, names = options(call.arguments)
    found, status = await texts(call, names)
    for name, text in found:
        counts = {"l": text.count("\n"), "w": len(text.split()), "c": len(text.encode("utf-8", "surrogateescape")), "m": len(text)}
        shown = [letter for letter in "lwmc" if letter in flags] or ["l", "w", "c"]
        numbers = " ".join(str(counts[letter]) for letter in shown)
        call.out(numbers + (f" {name}" if names else "") + "\n")
    return status


async def tr(call: Call) -> int:
    flags, sets = options(call.arguments)
    if not sets:
        return call.fail("missing operand")
    text = await call.stdin.rest()
    first = _characters(sets[0])
    others = "c" in flags or "C" in flags

    def inside(char: str) -> bool:
        return (char in first) != others

    if "d" in flags:
        text = "".join(char for char in text if not inside(char))
    elif len(sets) > 1:
        second = _characters(sets[1]) or " "
        place = {char: min(number, len(second) - 1) for number, char in enumerate(first)}
        text = "".join(second[place.get(char, len(second) - 1)] if inside(char) else char for char in text)
    if "s" in flags:
        squeezed = _characters(sets[-1])
        text = re.sub(r"(.)\1+", lambda match: match.group(1) if match.group(1) in squeezed else match.group(), text, flags=re.S)
    call.out(text)
    return 0


def _characters(text: str) -> str:
    classes = {"[:upper:]": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "[:lower:]": "abcdefghijklmnopqrstuvwxyz", "[:digit:]": "0123456789",
               "[:space:]": " \t\n\r\f\v", "[:blank:]": " \t"}  # fmt: skip
    for name, members in classes.items():
        text = text.replace(name, members)
    text = unescaped(text)
    return re.sub(r"(.)-(.)", lambda match: "".join(map(chr, range(ord(match.group(1)), ord(match.group(2)) + 1))), text, flags=re.S)


async def tee(call: Call) -> int:
    flags, names = options(call.arguments)
    text = await call.stdin.rest()
    call.out(text)
    for name in names:
        try:
            call.shell.files.writing(call.shell.path(name), "a" in flags, call.descriptors).write(text)
        except FileProblem as problem:
            return call.fail(str(problem))
    return 0


async def xargs(call: Call) -> int:
    arguments, size, replace = list(call.arguments), 0, ""
    while arguments and arguments[0].startswith("-"):
        flag = arguments.pop(0)
        if flag.startswith("-n"):
            size = int(flag[2:] or arguments.pop(0))
        elif flag.startswith("-I"):
            replace = flag[2:] or arguments.pop(0)
    text = await call.stdin.rest()
    words = lines_of(text) if replace else text.split("\0") if "-0" in call.arguments else text.split()
    command = arguments or ["echo"]
    status = 0
    if replace:
        runs = [[part.replace(replace, word) for part in command] for word in words]
    else:
        runs = [command + words[at : at + size] for at in range(0, len(words), size)] if size and words else [command + words]
    for run in runs:
        if words or not call.arguments[:1] == ["-r"]:
            status = status or await call.shell.call(run, call.descriptors)
    return 123 if status else 0


async def seq(call: Call) -> int:
    numbers = [int(argument) for argument in call.arguments if re.fullmatch(r"-?\d+", argument)]
    if not numbers:
        return call.fail("missing operand")
    first, step, last = {1: [1, 1, *numbers], 2: [numbers[0], 1, numbers[-1]]}.get(len(numbers), numbers[:3])
    call.out("".join(f"{number}\n" for number in range(first, last + (1 if step > 0 else -1), step or 1)))
    return 0


async def tac(call: Call) -> int:
    found, status = await texts(call, call.arguments)
    for _unused, text in found:
        lines = lines_of(text)
        turned = [line[::-1] for line in lines] if call.name == "rev" else lines[::-1]
        call.out("".join(line + "\n" for line in turned))
    return status


COMMANDS = {
    "cat": cat, "grep": grep, "egrep": grep, "fgrep": grep, "head": head, "tail": head, "cut": cut, "sort": sort, "uniq": uniq, "wc": wc,
    "tr": tr, "tee": tee, "xargs": xargs, "seq": seq, "tac": tac, "rev": tac, "more": cat, "less": cat,
}  # fmt: skip
