# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A shell script as a tree of plain values; ``shell_syntax`` makes it, ``shell`` and ``shell_words`` follow it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Text:
    """Literal characters; quoted ones are neither split nor matched against file names."""

    value: str
    quoted: bool = False


@dataclass(frozen=True)
class Parameter:
    """$name, ${name}, ${name:-word} …; `operator` is "" or one of :- - := = :? ? :+ + # ## % %% and "length"."""

    name: str
    operator: str = ""
    argument: tuple[Part, ...] = ()
    quoted: bool = False


@dataclass(frozen=True)
class Substitution:
    """$(script) or `script`."""

    script: Script
    quoted: bool = False


@dataclass(frozen=True)
class Arithmetic:
    """$((expression))"""

    expression: tuple[Part, ...]
    quoted: bool = False


Part: TypeAlias = "Text | Parameter | Substitution | Arithmetic"
Word: TypeAlias = "tuple[Part, ...]"


@dataclass
class HereDocument:
    """The text after <<; its lines come after the command's own, so it is filled in while the parser goes on."""

    delimiter: str
    strip: bool
    expand: bool
    parts: Word = ()


@dataclass(frozen=True)
class Redirect:
    """`operator` is one of < > >> >| <> <& >& << <<< &> &>>; the target of << is a here-document."""

    descriptor: int | None
    operator: str
    target: Word | HereDocument


@dataclass(frozen=True)
class Simple:
    assignments: tuple[tuple[str, Word], ...] = ()
    words: tuple[Word, ...] = ()
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True)
class Group:
    """{ body; } or, as a subshell, ( body )."""

    body: Script
    subshell: bool = False


@dataclass(frozen=True)
class If:
    branches: tuple[tuple[Script, Script], ...]
    otherwise: Script | None = None


@dataclass(frozen=True)
class While:
    condition: Script
    body: Script
    until: bool = False


@dataclass(frozen=True)
class For:
    name: str
    words: tuple[Word, ...] | None
    body: Script


@dataclass(frozen=True)
class Case:
    word: Word
    clauses: tuple[tuple[tuple[Word, ...], Script], ...]


@dataclass(frozen=True)
class Function:
    name: str
    body: Command


@dataclass(frozen=True)
class Redirected:
    """A compound command with redirections of its own."""

    command: Command
    redirects: tuple[Redirect, ...]


Command: TypeAlias = "Simple | Group | If | While | For | Case | Function | Redirected"


@dataclass(frozen=True)
class Pipeline:
    commands: tuple[Command, ...]
    negated: bool = False


@dataclass(frozen=True)
class AndOr:
    """Pipelines joined by && and ||."""

    first: Pipeline
    rest: tuple[tuple[str, Pipeline], ...] = ()
    background: bool = False


@dataclass(frozen=True)
class Script:
    lists: tuple[AndOr, ...] = ()
