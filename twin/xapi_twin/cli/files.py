# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command says when it cannot be carried out, and the files that it writes."""

from __future__ import annotations

from pathlib import Path


class CommandError(Exception):
    """The command cannot be carried out; the sentence says why and what to do."""


def write_file(path: Path, text: str) -> None:
    """All of it or nothing, for whoever waits for the file; only for its owner: the pool's password is in it."""
    beside = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        beside.touch(mode=0o600)
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from None
