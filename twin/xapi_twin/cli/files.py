# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command says when it cannot be carried out, and the files that it writes."""

from __future__ import annotations

from pathlib import Path


class CommandError(Exception):
    """The command cannot be carried out; the sentence says why and what to do."""


def write_file(path: Path, text: str, *, in_folder_of_its_own: bool = False) -> None:
    """All of it or nothing, for whoever waits for the file; only for its owner: the pool's password is in it.

    A folder is made only for what lies `in_folder_of_its_own`, and only in one that is there: a path with a mistake is told, not made.
    """
    beside = path.with_name(path.name + ".part")
    try:
        if in_folder_of_its_own:
            path.parent.mkdir(exist_ok=True)
        beside.unlink(missing_ok=True)
        beside.touch(mode=0o600)
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from None
