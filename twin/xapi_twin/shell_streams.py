# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command in dom0 reads from and writes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol


class Sink(Protocol):
    """Takes text as it is written."""

    def write(self, text: str) -> None:
        """Puts text out."""


class Source(Protocol):
    """Gives text; "" means that there is no more."""

    async def line(self) -> str:
        """The next line with its end; empty at the end."""

    async def rest(self) -> str:
        """Everything that is left."""


@dataclass
class Collected:
    """Keeps what is written: a pipe, or the inside of $(…)."""

    parts: list[str] = field(default_factory=list)

    def write(self, text: str) -> None:
        self.parts.append(text)

    @property
    def text(self) -> str:
        return "".join(self.parts)


class Discarded:
    """/dev/null, both ways."""

    def write(self, text: str) -> None:
        pass

    async def line(self) -> str:
        return ""

    async def rest(self) -> str:
        return ""


@dataclass
class Handed:
    """Hands on what is written."""

    take: Callable[[str], None]

    def write(self, text: str) -> None:
        self.take(text)


@dataclass
class Given:
    """A text to be read."""

    text: str
    position: int = 0

    async def line(self) -> str:
        end = self.text.find("\n", self.position)
        end = len(self.text) if end < 0 else end + 1
        line, self.position = self.text[self.position : end], end
        return line

    async def rest(self) -> str:
        rest, self.position = self.text[self.position :], len(self.text)
        return rest


def is_source(stream: object) -> bool:
    return hasattr(stream, "rest")
