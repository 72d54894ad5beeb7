# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of a script as they are written: what in them bash expands, and what the library overlooks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any


def quoted(raw: str) -> Iterator[tuple[str, bool]]:
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
    pieces = [piece if apart else None for piece, apart in quoted(raw) if apart or piece]
    if all(piece is not None for piece in pieces):
        return raw
    return "".join(piece if apart else re.sub(r"`([^`]*)`", r"$(\1)", piece) for piece, apart in quoted(raw))
