# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The library's own syntax tree of a script.

It is what the library stores of a function: JSON, with the places of commands in bytes. How it is got is known here alone, and
tests/unit/twin/test_script.py says when that changed.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

from bashkit import Bash, BashError, ExecutionProfile

HEAD = "_f() {\n"  # what stands before a script in its tree's places
_SHELL_OBJECT = b"\x04"  # the first byte of the object that holds the shell's state, before its JSON
_INCOMPLETE = re.compile(r"unexpected end of file|unexpected EOF|unterminated")


class SyntaxProblem(Exception):
    """The text is no script; the sentence is bash's."""


class Incomplete(SyntaxProblem):
    """The text is the beginning of a script: a terminal asks for the next line."""


def check(text: str) -> None:
    """Raises SyntaxProblem, or Incomplete when more lines could make a script of it."""
    try:
        _scratch().analyze(text)
    except BashError as error:
        said = str(error)
        line, sentence = re.match(r"(?:parse error at line (\d+), column \d+: )?(.*)", said, re.S).groups()  # type: ignore[union-attr]
        kind = Incomplete if _INCOMPLETE.search(said) else SyntaxProblem
        raise kind(f"line {line or 1}: {sentence}") from None
    if _goes_on(text):
        raise Incomplete("line 1: syntax error: unexpected end of file")
    tree(text)


def _goes_on(text: str) -> bool:
    """What the library takes for a whole script, and bash for the beginning of one."""
    last = text.rstrip("\n")
    return last.endswith(("&&", "||")) or bool((len(last) - len(last.rstrip("\\"))) % 2)


def is_one_command(text: str) -> bool:
    """Whether a script is a single command, in whose place bash lets the command run: it keeps the shell's number."""
    found = tree(text)
    return len(found) == 1 and "Simple" in found[0]


@lru_cache(maxsize=256)
def _parsed(text: str) -> str:
    shell = _scratch()
    done = shell.execute_sync(f"{HEAD}{text}\n}}")
    if done.exit_code:  # a here-document without its end, for instance, takes the end of the function for its own
        raise Incomplete("line 1: syntax error: unexpected end of file")
    objects = shell.commit(exclude_filesystem=True).objects.values()
    plain = (zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed[1:]) for packed in objects)
    state = next(data for data in plain if data.startswith(_SHELL_OBJECT))
    return json.dumps(json.loads(state[1:])["functions"]["_f"]["ast"]["body"]["Compound"][0]["BraceGroup"])


def tree(text: str) -> list[Any]:
    """The library's syntax tree of a script that `check` has passed; its places are bytes of the text after a head."""
    return json.loads(_parsed(text)) if text.strip() and not _only_comments(text) else []


def _only_comments(text: str) -> bool:
    return all(not line.strip() or line.lstrip().startswith("#") for line in text.splitlines())


@cache
def _scratch() -> Bash:
    """An interpreter that parses and runs nothing."""
    return Bash(profile=ExecutionProfile.Interactive)


def literal(word: Any) -> str | None:
    """What a word says when nothing in it is to be expanded."""
    if all(isinstance(part, dict) and list(part) == ["Literal"] for part in word["parts"]):
        return "".join(part["Literal"] for part in word["parts"])
    return None


def places(node: Any) -> Iterator[int]:
    """Where the parts of a tree begin, except those in a substitution, whose places are their own."""
    if isinstance(node, dict):
        if "parts" in node and "span" not in node:
            return
        if "span" in node:
            yield int(node["span"]["start"]["offset"])
        for value in node.values():
            yield from places(value)
    elif isinstance(node, list):
        for value in node:
            yield from places(value)


def simples(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "Simple" in node:
            yield node["Simple"]
        for value in node.values():
            yield from simples(value)
    elif isinstance(node, list):
        for value in node:
            yield from simples(value)
