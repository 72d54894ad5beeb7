# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a script needs before the library can run it as dom0's bash would: read from the library's own syntax tree, changed in the text.

The library's interpreters are alone in the world: each shell is process 1, its jobs end with it, and nothing can be typed into it. So

- `$$` and `$!` become the numbers of the host's process table, and `command &` a process of its own (`_spawn`);
- `sh` becomes `_sh…`, a process as well;
- a command that reads the standard input which the shell itself was given gets it from `_stdin` or, one line, from `_line`;
- text that becomes a script later (`eval`, `trap`, a file that is sourced) is prepared then;
- where modes were set, files are made or emptied before they are written to (`_made`, `_kept`); a folder has a size;
- what the library would pass over in silence is refused.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from xapi_twin.shell.edits import Edits
from xapi_twin.shell.process import Process
from xapi_twin.shell.reading import SHELLS, reads, runs
from xapi_twin.shell.syntax import HEAD, SyntaxProblem, check, literal, places, simples, tree
from xapi_twin.shell.words import quoted, with_substitutions

_NUMBERS = re.compile(r"\$(?:\$|!|0(?![0-9])|(?:EUID|UID|PPID)\b|\{(?:\$|!|0|EUID|UID|PPID)\})")
_OWN = re.compile(rb"_(?:stdin|line|sh|bash|dash|script|file|text|made|kept|mkdir|ls|umask|bg;)")
# Redirections of standard input, and those to files, in the tree's words.
_INPUTS = ("Input", "HereDoc", "HereDocStrip", "HereString", "DupInput", "ReadWrite")
_OUTPUTS = ("Output", "Append", "Clobber", "OutputBoth")

_WRITERS = ("touch", "tee", "cp", "dd", "sort", "truncate")  # these write to files, as redirections do
_SCRIPTED = ("eval", "trap", ".", "source")

Place = tuple[int, int]


def prepared(text: str, process: Process, own: bool = True) -> str:
    """A script as the library is to run it in that process; `own`: it reads the process's own input. Raises SyntaxProblem."""
    script = _template(text.encode("utf-8", "replace").decode(), own, process.minds_modes)
    name = re.sub(r'([\\"$`])', r"\\\1", process.name)
    for mark, value in zip((_PID, _PARENT, _NAME), (str(process.pid), str(process.parent), name), strict=True):
        script = script.replace(mark, value)
    return script


# What stands in a template for what differs from process to process: the same script is run by many a host.
_PID, _PARENT, _NAME = "\ue000pid\ue000", "\ue000parent\ue000", "\ue000name\ue000"
_NUMBERS_FOR = {"$": _PID, "!": "${__bg-$!}", "EUID": "0", "UID": "0", "PPID": _PARENT, "0": _NAME}


@lru_cache(maxsize=256)
def _template(text: str, own: bool, minds_modes: bool) -> str:
    try:
        check(text)
        edits = Edits(text.encode())
        _Walk(edits, minds_modes=minds_modes).commands(tree(text), own=own, plain=True)
    except RecursionError:
        raise SyntaxProblem("line 1: too many commands in each other") from None
    return edits.applied().decode()


def _unchanged(text: str) -> bool:
    """Whether there is nothing to prepare in a script, or it is none."""
    try:
        return _template(text, False, True) == text
    except SyntaxProblem:
        return True


class _Walk:
    """One way through the tree. `own`: the standard input is the one that the shell was given; `plain`: the output as well.

    `minds_modes`: there may be files of other modes than root's own umask gives them.
    """

    def __init__(self, edits: Edits, base: int = len(HEAD), minds_modes: bool = False) -> None:
        self.edits = edits
        self.base = base
        self.minds_modes = minds_modes
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
                self.redirects(redirects, own, apart=True)
            elif "Conditional" in node:
                self.condition(node["Conditional"], own)
            elif "Coproc" in node:
                raise SyntaxProblem("line 1: coproc is not known to this shell")
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
        if not begins or not after:
            self.commands(group, False, False)
            return
        start = min(begins)
        while start > begun and text[start - 1 : start] in (b" ", b"\t", b"(", b"{", b"!", b"\n"):
            start -= 1
        if not (plain or sends):
            self.edits.add(start, start, "unset __bg; ")  # $! is then the library's own
            self.commands(group, False, False)
            return
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
        places = [self.word(word, own) for word in (node["name"], *node["args"])]
        names = [literal(node["name"]), *(literal(argument) for argument in node["args"])]
        self.redirects(node["redirects"], own, apart=names[0] == "exec")
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
        self.named(start, names[target:], places[target:], reading, target > 0)

    def named(self, start: int, names: Sequence[str | None], places: Sequence[Place | None], reading: bool, through: bool) -> None:
        """A command whose name is known; `through` another one, which begins at `start`."""
        name = names[0] or ""
        base = name.rpartition("/")[2]
        if base in SHELLS and name in (base, f"/bin/{base}", f"/usr/bin/{base}"):
            self._rename(places[0], f"_{base}{int(reading)}")
            self._hand_on_umask(start)
            return
        if "/" in name and not through:
            self._hand_on_umask(start)
            self._before(places[0], f"_script{int(reading)} ")
            return
        if base in _WRITERS and self.minds_modes:
            self._rename(places[0], f'_kept "$(umask)" {base}')
        elif base == "mkdir":
            self._rename(places[0], '_mkdir "$(umask)"')
        elif base == "ls" and any(argument and re.match(r"-\w*[lart]", argument) for argument in names[1:]):
            self._rename(places[0], "_ls")
        elif name in _SCRIPTED:
            self._scripted(names, places, reading)
        elif name in ("[", "test"):
            self._sizes(places, names, r"\( ", r" -o -d {} \)")
        if reading and (how := reads(name, names[1:])):
            if how == "line":
                self._after(places[0], " < <(_line)")
            elif how == "lines":
                self._after(places[0], " < <(_stdin)")
            else:
                self.edits.add(start, start, "_stdin | ")

    def _scripted(self, names: Sequence[str | None], places: Sequence[Place | None], reading: bool) -> None:
        """Arguments that become a script, which is prepared when they are known."""
        taken = names[1:] if names[0] == "eval" else names[1:2]
        last = places[len(taken)]
        if not taken or (taken[0] or "").startswith("-") or last is None or (names[0] == "trap" and len(names) < 3):
            return
        if names[0] in ("eval", "trap") and None not in taken:
            text = " ".join(word or "" for word in taken)
            if not text.strip() or _unchanged(text):
                return
        how = "_file" if names[0] in (".", "source") else "_text"
        self._after(places[0], f' "$({how}{int(reading)}')
        self._after(last, ')"')

    def condition(self, words: Sequence[Any], own: bool) -> None:
        """[[ … ]]"""
        places = [self.word(word, own) for word in words]
        names = [literal(word) for word in words]
        if "-o" in names:
            raise SyntaxProblem("line 1: this shell does not know [[ -o … ]]")
        self._sizes(places, names, "( ", " || -d {} )")

    def _sizes(self, places: Sequence[Place | None], names: Sequence[str | None], opening: str, closing: str) -> None:
        """`-s`: a folder has a size."""
        for number, name in enumerate(names[:-1]):
            minus, what = places[number], places[number + 1]
            if name == "-s" and minus is not None and what is not None:
                raw = self.edits.text[what[0] : what[1]].decode()
                if raw not in ("]", "-a", "-o", ")") and not re.search(r"\$\(|`", raw):
                    self._before(minus, opening)
                    self._after(what, closing.format(raw))

    def _hand_on_umask(self, start: int) -> None:
        if self.minds_modes:
            self.edits.add(start, start, '__umask="$(umask)" ')

    def redirects(self, redirects: Sequence[dict[str, Any]], own: bool, apart: bool) -> None:
        """`apart`: they are not those of a single command."""
        for redirect in redirects:
            target = redirect["target"]
            into = any("ProcessSubstitution" in part for part in target.get("parts", ()) if isinstance(part, dict))
            if into and redirect["kind"] not in _INPUTS:
                if apart or redirect["fd"] not in (None, 1):
                    raise SyntaxProblem("line 1: this shell knows >(…) as an argument, and for the standard output of a single command")
            elif self.minds_modes and redirect["kind"] in _OUTPUTS:
                self._into_file(redirect, own)
                continue
            self.words(redirect, own)

    def _into_file(self, redirect: dict[str, Any], own: bool) -> None:
        """The file is made, or emptied, first, and then added to: so its mode stays."""
        place = self.word(redirect["target"], own)
        name = literal(redirect["target"])
        if place is None or (name or "").startswith("/dev/"):
            return
        operator = re.search(rb">(\|?)[ \t]*$", self.edits.text[: place[0]])
        clobbers = not re.search(rb"noclobber|set -\w*C", self.edits.text)
        if redirect["kind"] == "Append":
            self._before(place, '"$(_made "$(umask)" ')
        elif operator and (clobbers or operator.group(1)):
            self.edits.add(operator.start(), operator.end(1), ">>")
            self._before(place, '"$(_made "$(umask)" -t ')
        else:
            return
        self._after(place, ')"')

    def _rename(self, place: Place | None, name: str) -> None:
        if place is not None:
            self.edits.add(*place, name)

    def _before(self, place: Place | None, text: str) -> None:
        if place is not None:
            self.edits.add(place[0], place[0], text)

    def _after(self, place: Place | None, text: str) -> None:
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

    def word(self, word: dict[str, Any], own: bool, numbers_only: bool = False) -> Place | None:
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
        if not numbers_only:
            changed = self._substituted(word, changed, own)
        if "$" in changed:
            changed = self._numbered(changed)
        if changed != raw:
            self.edits.add(start, end, changed)
        return start, end

    def _numbered(self, raw: str) -> str:
        return "".join(piece if apart else _NUMBERS.sub(lambda match: _NUMBERS_FOR[_number(match)], piece) for piece, apart in quoted(raw))

    def _substituted(self, word: dict[str, Any], raw: str, own: bool) -> str:
        """A word with what is in its $(…) edited; numbers are not, as they are looked for in the whole word."""
        for part in word["parts"]:
            inner = part.get("CommandSubstitution") if isinstance(part, dict) else None
            for opening in ("$(", "`") if inner else ():
                for match in re.finditer(re.escape(opening), raw):
                    text = raw[match.end() :]
                    walk = _Walk(Edits(text.encode()), base=0, minds_modes=self.minds_modes)
                    if not _fits(inner, text):
                        continue
                    walk.commands(inner, own=own, plain=False)
                    walk.edits.found = [edit for edit in walk.edits.found if _OWN.search(edit.text) or edit.text.endswith((b')"', b">>"))]
                    if walk.edits.found:
                        return raw[: match.end()] + walk.edits.applied().decode()
        return raw


def _number(match: re.Match[str]) -> str:
    return re.sub(r"^\$\{?|\}$", "", match.group())


def _fits(inner: Any, text: str) -> bool:
    """Whether a substitution's commands are what a text begins with."""
    first = next((node for node in simples(inner)), None)
    name = literal(first["name"]) if first else None
    return bool(first and name and text.encode()[first["span"]["start"]["offset"] :].startswith(name.encode()))
