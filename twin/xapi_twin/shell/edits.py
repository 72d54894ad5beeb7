# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of a text, gathered by place and made in one go."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Edit:
    start: int
    end: int
    text: bytes


@dataclass
class Edits:
    text: bytes
    found: list[Edit] = field(default_factory=list)

    def add(self, start: int, end: int, text: str | bytes) -> None:
        self.found.append(Edit(start, end, text.encode() if isinstance(text, str) else text))

    def applied(self, start: int = 0, end: int | None = None) -> bytes:
        """A part of the text with its edits. An edit inside of another one is left out."""
        end = len(self.text) if end is None else end
        result, at = [], start
        for edit in sorted(self.found, key=lambda edit: (edit.start, edit.end > edit.start, -edit.end)):
            if edit.start >= at and edit.end <= end:
                result += [self.text[at : edit.start], edit.text]
                at = edit.end
        return b"".join([*result, self.text[at:end]])
