# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a script needs before the library can run it as dom0's bash would: read from the library's own syntax tree, changed in the text.

The library's interpreters are alone in the world: each shell is process 1, its jobs end with it, and nothing can be typed into it. So

- `$$` and `$!` become the numbers of the host's process table, and `command &` a process of its own (`_spawn`);
- `sh` becomes `_sh…`, a process as well;
- a command that reads the standard input which the shell itself was given gets it from `_stdin` or, one line, from `_line`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from xapi_twin.shell.reading import SHELLS, reads, runs
from xapi_twin.shell.syntax import HEAD, SyntaxProblem, check, literal, places, simples, tree

_NUMBERS = re.compile(r"\$(?:\$|!|0(?![0-9])|(?:EUID|UID|PPID)\b|\{(?:\$|!|0|EUID|UID|PPID)\})")
# Redirections of standard input, in the tree's words.
_INPUTS = ("Input", "HereDoc", "HereDocStrip", "HereString", "DupInput", "ReadWrite")


@dataclass(frozen=True)
class _Edit:
    start: int
    end: int
    text: bytes


@dataclass
class _Edits:
    text: bytes
    found: list[_Edit] = field(default_factory=list)

    def add(self, start: int, end: int, text: str | bytes) -> None:
        self.found.append(_Edit(start, end, text.encode() if isinstance(text, str) else text))

    def applied(self, start: int = 0, end: int | None = None) -> bytes:
        """A part of the text with its edits. An edit inside of another one is left out."""
        end = len(self.text) if end is None else end
        result, at = [], start
        for edit in sorted(self.found, key=lambda edit: (edit.start, -edit.end)):
            if edit.start >= at and edit.end <= end:
                result += [self.text[at : edit.start], edit.text]
                at = edit.end
        return b"".join([*result, self.text[at:end]])


def prepared(text: str, pid: int, parent: int = 1, name: str = "bash") -> str:
    """A script as the library is to run it in the process with that number. Raises SyntaxProblem."""
    script = _template(text.encode("utf-8", "replace").decode())
    for mark, value in zip((_PID, _PARENT, _NAME), (str(pid), str(parent), re.sub(r'([\\"$`])', r"\\\1", name)), strict=True):
        script = script.replace(mark, value)
    return script


# What stands in a template for what differs from process to process: the same script is run by many a host.
_PID, _PARENT, _NAME = "\ue000pid\ue000", "\ue000parent\ue000", "\ue000name\ue000"
_NUMBERS_FOR = {"$": _PID, "!": "${__bg-}", "EUID": "0", "UID": "0", "PPID": _PARENT, "0": _NAME}


@lru_cache(maxsize=256)
def _template(text: str) -> str:
    try:
        check(text)
        edits = _Edits(text.encode())
        _Walk(edits).commands(tree(text), own=True, plain=True)
    except RecursionError:
        raise SyntaxProblem("line 1: too many commands in each other") from None
    return edits.applied().decode()


class _Walk:
    """One way through the tree. `own`: the standard input is the one that the shell was given; `plain`: the output as well."""

    def __init__(self, edits: _Edits, base: int = len(HEAD)) -> None:
        self.edits = edits
        self.base = base
        self.at = 0  # where words are looked for: the tree tells the places of commands, not those of words

    def commands(self, node: Any, own: bool, plain: bool) -> None:
        if isinstance(node, list):
            for one in node:
                self.commands(one, own, plain)
        elif isinstance(node, dict):
            if "Simple" in node:
                self.simple(node["Simple"], own, plain)
            elif "Pipeline" in node:
                several = node["Pipeline"]["commands"]
                for number, one in enumerate(several):
                    self.commands(one, own and not number, plain and len(several) == 1)
            elif "List" in node:
                self.list(node["List"], own, plain)
            elif "Compound" in node:
                kind, redirects = node["Compound"]
                given = any(redirect["kind"] in _INPUTS and redirect["fd"] in (None, 0) for redirect in redirects)
                sent = any(redirect["kind"] not in _INPUTS for redirect in redirects)
                self.commands(kind, own and not given, plain and not sent)
                self.words(redirects, own)
            elif "parts" in node:
                self.word(node, own)
            else:
                for name, value in node.items():
                    if name != "span":
                        self.commands(value, own, plain)

    def list(self, node: dict[str, Any], own: bool, plain: bool) -> None:
        """Commands with what is between them. One before `&` becomes a process, with the && and || that belong to it."""
        items = [node["first"], *(command for _separator, command in node["rest"])]
        separators = [separator for separator, _command in node["rest"]]
        begun = self._start(node)
        first = 0
        for number in range(len(items)):
            separator = separators[number] if number < len(separators) else ""
            if separator in ("And", "Or"):
                continue
            group = items[first : number + 1]
            if separator != "Background":
                self.commands(group, own, plain)
            else:
                self.background(group, items[number + 1], begun, plain)
            first = number + 1

    def _start(self, node: dict[str, Any]) -> int:
        return int(node["span"]["start"]["offset"]) - self.base

    def background(self, group: Sequence[Any], following: Any, begun: int, plain: bool) -> None:
        begins = [place - self.base for place in places(group)]
        after = [place - self.base for place in places(following)]
        text = self.edits.text
        # What goes to the output of a pipe, a redirected group or a substitution stays the library's, which knows where that is.
        sends = bool(begins and after) and b">" in text[min(begins) : min(after)]
        if not begins or not after or not (plain or sends):
            self.commands(group, False, False)
            return
        start = min(begins)
        while start > begun and text[start - 1 : start] in (b" ", b"\t", b"(", b"{", b"!", b"\n"):
            start -= 1
        end = text.rfind(b"&", start, min(after))
        if end < 0 or b"<<" in text[start:end]:
            self.commands(group, False, False)
            return
        inner = len(self.edits.found)
        self.numbers(group)
        command = self.edits.applied(start, end).decode().strip()
        del self.edits.found[inner:]
        self.edits.add(start, end + 1, f' _spawn {shlex.quote(command)} "$@";')
        self.at = end

    def numbers(self, node: Any) -> None:
        """$$ and $! alone, where the text becomes another process's."""
        if isinstance(node, list):
            for one in node:
                self.numbers(one)
        elif isinstance(node, dict):
            if "parts" in node:
                self.word(node, own=False, numbers_only=True)
            else:
                for value in node.values():
                    self.numbers(value)

    # one command

    def simple(self, node: dict[str, Any], own: bool, plain: bool) -> None:
        start = self._start(node)
        self.at = max(self.at, start) if self.at <= int(node["span"]["end"]["offset"]) - self.base else start
        given = any(redirect["kind"] in _INPUTS and redirect["fd"] in (None, 0) for redirect in node["redirects"])
        self.words(node["assignments"], own)
        places = []
        for word in (node["name"], *node["args"]):
            places.append(self.word(word, own))
        names = [literal(node["name"]), *(literal(argument) for argument in node["args"])]
        self.words(node["redirects"], own)
        reading = own and not given
        target, through = runs(names)
        for number in through:
            self._rename(places[number], "command")
        if reading and (feeding := [number for number in range(min(target, len(names))) if names[number] == "xargs"]):
            self.edits.add(start, start, "_stdin | ")
            reading = not feeding
        name = names[target] if target < len(names) else None
        if name is None:
            return
        base = name.rpartition("/")[2]
        if base in SHELLS and name in (base, f"/bin/{base}", f"/usr/bin/{base}"):
            self._rename(places[target], f"_{base}{int(reading)}")
        elif base == "mkdir":
            self._rename(places[target], '_mkdir "$(umask)"')
        elif base == "ls" and any(argument and re.match(r"-\w*[lart]", argument) for argument in names[target + 1 :]):
            self._rename(places[target], "_ls")
        elif "/" in name and target == 0:
            self._before(places[target], f"_script{int(reading)} ")
        elif reading and (how := reads(name, names[target + 1 :])):
            if how == "line":
                self._after(places[target], " < <(_line)")
            elif how == "lines":
                self._after(places[target], " < <(_stdin)")
            else:
                self.edits.add(start, start, "_stdin | ")

    def _rename(self, place: tuple[int, int] | None, name: str) -> None:
        if place is not None:
            self.edits.add(*place, name)

    def _before(self, place: tuple[int, int] | None, text: str) -> None:
        if place is not None:
            self.edits.add(place[0], place[0], text)

    def _after(self, place: tuple[int, int] | None, text: str) -> None:
        if place is not None:
            self.edits.add(place[1], place[1], text)

    # words

    def words(self, node: Any, own: bool) -> None:
        if isinstance(node, list):
            for one in node:
                self.words(one, own)
        elif isinstance(node, dict):
            if "heredoc_delim" in node:
                self._here_document(node)
            elif "parts" in node:
                self.word(node, own)
            else:
                for value in node.values():
                    self.words(value, own)

    def _here_document(self, node: dict[str, Any]) -> None:
        """Its text is taken as it is when the word after << is quoted; quotes in it are none."""
        text = node["target"].get("raw") or ""
        start = self.edits.text.find(text.encode(), self.at) if text else -1
        if start < 0 or re.search(r"['\"\\]", node["heredoc_delim"]):
            return
        changed = _NUMBERS.sub(lambda match: _NUMBERS_FOR[_number(match)], text)
        if changed != text:
            self.edits.add(start, start + len(text.encode()), changed)

    def word(self, word: dict[str, Any], own: bool, numbers_only: bool = False) -> tuple[int, int] | None:
        """Edit what is in a word, and answer where it is."""
        raw = word.get("raw")
        if raw is None:
            raw = literal(word) or ""
        data = raw.encode()
        start = self.edits.text.find(data, self.at) if data else -1
        if start < 0:
            return None
        end = start + len(data)
        self.at = end
        changed = raw if "`" not in raw else with_substitutions(word)
        if own and not numbers_only:
            changed = self._substituted(word, changed)
        if "$" in changed:
            changed = self._numbered(changed)
        if changed != raw:
            self.edits.add(start, end, changed)
        return start, end

    def _numbered(self, raw: str) -> str:
        return "".join(
            piece if quoted else _NUMBERS.sub(lambda match: _NUMBERS_FOR[_number(match)], piece) for piece, quoted in _quoted(raw)
        )

    def _substituted(self, word: dict[str, Any], raw: str) -> str:
        """A word whose $(…) reads the shell's input."""
        for part in word["parts"]:
            inner = part.get("CommandSubstitution") if isinstance(part, dict) else None
            for opening in ("$(", "`") if inner else ():
                for match in re.finditer(re.escape(opening), raw):
                    text = raw[match.end() :]
                    walk = _Walk(_Edits(text.encode()), base=0)
                    if not _fits(inner, text):
                        continue
                    walk.commands(inner, own=True, plain=False)
                    readers = [edit for edit in walk.edits.found if b"_stdin" in edit.text or b"_line" in edit.text or b"_sh" in edit.text]
                    if readers:
                        walk.edits.found = readers
                        return raw[: match.end()] + walk.edits.applied().decode()
        return raw


def _number(match: re.Match[str]) -> str:
    return re.sub(r"^\$\{?|\}$", "", match.group())


def _fits(inner: Any, text: str) -> bool:
    """Whether a substitution's commands are what a text begins with."""
    first = next((node for node in simples(inner)), None)
    name = literal(first["name"]) if first else None
    return bool(first and name and text.encode()[first["span"]["start"]["offset"] :].startswith(name.encode()))


def _quoted(raw: str) -> Iterator[tuple[str, bool]]:
    """The pieces of a word; those that bash takes as they are (in single quotes, after a backslash) are marked."""
    at, doubled = 0, False
    for match in re.finditer(r"\\.|'|\"", raw, re.S):
        if match.start() < at:
            continue
        if match.group() == '"':
            doubled = not doubled
        elif match.group() != "'":
            yield raw[at : match.start()], False
            yield match.group(), True
            at = match.end()
        elif not doubled:
            closing = raw.find("'", match.end())
            if closing < 0:
                continue
            yield raw[at : match.start()], False
            yield raw[match.start() : closing + 1], True
            at = closing + 1
    yield raw[at:], False


def with_substitutions(word: dict[str, Any]) -> str:
    """A word whose `…` the library overlooks, with $(…) instead.

    bashkit 0.20 does not expand pre"`command`": backquotes in double quotes that come after other text of the same word. Ansible's own
    line for its temporary folder has them. tests/unit/twin/test_script.py says when this can go.
    """
    raw = str(word["raw"])
    if any(isinstance(part, dict) and "CommandSubstitution" in part for part in word["parts"]):
        return raw
    pieces = [piece if quoted else None for piece, quoted in _quoted(raw) if quoted or piece]
    if all(piece is not None for piece in pieces):
        return raw
    return "".join(piece if quoted else re.sub(r"`([^`]*)`", r"$(\1)", piece) for piece, quoted in _quoted(raw))
