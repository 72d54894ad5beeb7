# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""sed, as far as one-liners go: addresses, s, d, p, q, y, =, a, i, c, and blocks; no labels and no hold space."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from xapi_twin.commands.patterns import compiled
from xapi_twin.commands.text import lines_of, options, texts
from xapi_twin.dom0_files import FileProblem
from xapi_twin.shell import Call

FOLDER = "/bin"


class _BadScript(Exception):
    pass


@dataclass
class _Order:
    """One command with its addresses: a line number, "$" or a pattern."""

    command: str
    addresses: list[int | str | re.Pattern[str]]
    negated: bool = False
    pattern: re.Pattern[str] | None = None
    text: str = ""
    flags: str = ""
    block: list[_Order] = field(default_factory=list)
    inside: bool = False  # of a range


async def sed(call: Call) -> int:
    arguments = ["-E" if argument == "--regexp-extended" else argument for argument in call.arguments]
    flags, names = options(arguments, "ef")
    scripts = flags.get("e", [])
    if not scripts:
        if not names:
            call.err("Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...\n")
            return 1
        scripts = [names.pop(0)]
    try:
        reader = _Reader("\n".join(scripts), "r" in flags or "E" in flags)
        orders = reader.orders("")
    except (_BadScript, re.error) as problem:
        return call.fail(f"-e expression #1, char 0: {problem}")
    found, status = await texts(call, names)
    if "i" in flags:
        for name, text in found:
            try:
                call.shell.files.writing(call.shell.path(name), False, call.descriptors).write(
                    _edited(orders, lines_of(text), "n" in flags)
                )
            except FileProblem as problem:
                return call.fail(str(problem))
        return status
    call.out(_edited(orders, [line for _unused, text in found for line in lines_of(text)], "n" in flags))
    return status


def _edited(orders: list[_Order], lines: list[str], quiet: bool) -> str:
    out: list[str] = []
    for number, line in enumerate(lines, 1):
        space, going, after = _applied(orders, line, number, number == len(lines), out)
        if space is not None and not quiet:
            out.append(space)
        out.extend(after)
        if not going:
            break
    return "".join(line + "\n" for line in out)


def _applied(orders: list[_Order], space: str | None, number: int, last: bool, out: list[str]) -> tuple[str | None, bool, list[str]]:
    """(the line, or None when it was deleted; whether to go on; lines to be put after it)."""
    after: list[str] = []
    for order in orders:
        if space is None:
            break
        if _selected(order, space, number, last) == order.negated:
            continue
        if order.command == "{":
            space, going, more = _applied(order.block, space, number, last, out)
            after += more
            if not going:
                return space, False, after
        elif order.command == "s":
            space = _substituted(order, space, out)
        elif order.command == "y":
            space = space.translate(str.maketrans(order.text, order.flags))
        elif order.command == "d":
            space = None
        elif order.command == "p":
            out.append(space)
        elif order.command == "=":
            out.append(str(number))
        elif order.command == "a":
            after.append(order.text)
        elif order.command == "i":
            out.append(order.text)
        elif order.command == "c":
            out.append(order.text)
            space = None
        elif order.command == "q":
            return space, False, after
    return space, True, after


def _selected(order: _Order, line: str, number: int, last: bool) -> bool:
    def matches(address: int | str | re.Pattern[str]) -> bool:
        if isinstance(address, int):
            return number == address
        return last if isinstance(address, str) else address.search(line) is not None

    if not order.addresses:
        return True
    if len(order.addresses) == 1:
        return matches(order.addresses[0])
    if order.inside:
        end = order.addresses[1]
        order.inside = not (number >= end if isinstance(end, int) else matches(end))
        return True
    if matches(order.addresses[0]):
        end = order.addresses[1]
        order.inside = not (isinstance(end, int) and end <= number)
        return True
    return False


def _substituted(order: _Order, line: str, out: list[str]) -> str:
    wanted = int(re.sub(r"\D", "", order.flags) or 0)
    count = 0

    def one(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        if wanted and (count < wanted or (count > wanted and "g" not in order.flags)):
            return match.group()
        return re.sub(r"\\(\d)|\\(n)|\\(.)|&", lambda part: _replacement(part, match), order.text)

    assert order.pattern is not None
    result = order.pattern.sub(one, line, count=0 if "g" in order.flags or wanted else 1)
    if "p" in order.flags and count:
        out.append(result)
    return result


def _replacement(part: re.Match[str], match: re.Match[str]) -> str:
    if part.group(1):
        return match.group(int(part.group(1))) or ""
    return "\n" if part.group(2) else part.group(3) or match.group()


class _Reader:
    def __init__(self, text: str, extended: bool) -> None:
        self.text = text
        self.at = 0
        self.extended = extended
        self.last_pattern: re.Pattern[str] | None = None

    def orders(self, end: str) -> list[_Order]:
        found: list[_Order] = []
        while True:
            self._skip(" \t\n;")
            if self.at >= len(self.text):
                if end:
                    raise _BadScript("unmatched `{'")
                return found
            if end and self.text[self.at] == end:
                self.at += 1
                return found
            found.append(self._order())

    def _order(self) -> _Order:
        addresses: list[int | str | re.Pattern[str]] = []
        while (address := self._address()) is not None:
            addresses.append(address)
            self._skip(" ")
            if not self._taken(","):
                break
            self._skip(" ")
        self._skip(" ")
        negated = self._taken("!")
        self._skip(" ")
        if self.at >= len(self.text):
            raise _BadScript("missing command")
        order = _Order(self.text[self.at], addresses, negated)
        self.at += 1
        if order.command == "{":
            order.block = self.orders("}")
        elif order.command in "sy":
            delimiter = self.text[self.at]
            self.at += 1
            before, order.text = self._until(delimiter), self._until(delimiter)
            if order.command == "y":
                order.text, order.flags = before, order.text
                return order
            flags = re.compile(r"[gpiI0-9]*").match(self.text, self.at)
            order.flags = flags.group() if flags else ""
            self.at += len(order.flags)
            order.pattern = self._compiled(before, "i" in order.flags.lower())
        elif order.command in "aic":
            self._skip(" \\\n")
            end = self.text.find("\n", self.at)
            end = len(self.text) if end < 0 else end
            order.text, self.at = self.text[self.at : end], end
        elif order.command not in "dpq=":
            raise _BadScript(f"unknown command: `{order.command}'")
        return order

    def _address(self) -> int | str | re.Pattern[str] | None:
        match = re.compile(r"\d+").match(self.text, self.at)
        if match:
            self.at = match.end()
            return int(match.group())
        if self._taken("$"):
            return "$"
        if self._taken("/"):
            return self._compiled(self._until("/"), self._taken("I"))
        return None

    def _compiled(self, pattern: str, ignore_case: bool) -> re.Pattern[str]:
        if not pattern and self.last_pattern is not None:
            return self.last_pattern
        self.last_pattern = compiled(pattern, self.extended, ignore_case)
        return self.last_pattern

    def _until(self, delimiter: str) -> str:
        out: list[str] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            self.at += 1
            if char == delimiter:
                return "".join(out)
            if char == "\\" and self.at < len(self.text):
                following = self.text[self.at]
                self.at += 1
                out.append(following if following == delimiter else char + following)
            else:
                out.append(char)
        raise _BadScript("unterminated `s' command" if delimiter != "/" else "unterminated address regex")

    def _skip(self, characters: str) -> None:
        while self.at < len(self.text) and self.text[self.at] in characters:
            self.at += 1

    def _taken(self, character: str) -> bool:
        if self.at < len(self.text) and self.text[self.at] == character:
            self.at += 1
            return True
        return False


COMMANDS = {"sed": sed}
