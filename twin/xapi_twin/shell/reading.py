# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which commands read standard input, by their arguments: `cat` does, `cat FILE` does not."""

from __future__ import annotations

from collections.abc import Sequence

SHELLS = ("sh", "bash", "dash")
# Options that take the next word, so that it is no file; by command.
_VALUES = {
    "head": "nc", "tail": "ncs", "cut": "dfbc", "sort": "ktoST", "grep": "efmABCd", "egrep": "efmABCd", "fgrep": "efmABCd", "sed": "efl",
    "awk": "Fvf", "gawk": "Fvf", "uniq": "fsw", "fold": "w", "paste": "d", "od": "AtNj", "base64": "w", "nl": "bw", "column": "st",
}  # fmt: skip
_FILES = (
    "cat", "tac", "head", "tail", "cut", "sort", "uniq", "wc", "rev", "nl", "fold", "paste", "od", "hexdump", "xxd", "column", "base64",
    "md5sum", "sha1sum", "sha256sum", "sha512sum", "cksum", "less", "more", "strings", "expand", "gzip", "gunzip", "zcat", "shuf",
)  # fmt: skip
_ALWAYS = ("tr", "tee", "xargs", "bc", "patch")
# The first word that is no option is a pattern or a program, unless one of these options gave it.
_PATTERN = {"grep": "ef", "egrep": "ef", "fgrep": "ef", "sed": "ef", "awk": "f", "gawk": "f"}
# These run the rest of their arguments; with the letters of their options that take a word.
_RUNNERS = {
    "env": "uSC", "timeout": "ks", "nice": "n", "ionice": "cnp", "sudo": "ugpC", "exec": "a", "command": "", "builtin": "",
    "xargs": "IndLPaEs",
}  # fmt: skip
_DETACHING = ("setsid", "nohup")


def runs(words: Sequence[str | None]) -> tuple[int, list[int]]:
    """(place of the command that is run in the end, places of words that a plain `command` stands in for)."""
    at, through = 0, []
    while at < len(words):
        name = (words[at] or "").rpartition("/")[2]
        if name in _DETACHING:
            through.append(at)
            at += 1
            continue
        if name not in _RUNNERS or (name == "command" and at + 1 < len(words) and words[at + 1] in ("-v", "-V")):
            break
        following = _after_options(words, at + 1, _RUNNERS[name])
        if name == "env":
            while following < len(words) and "=" in (words[following] or ""):
                following += 1
        if name == "timeout":
            following += 1
        if following >= len(words):
            break
        at = following
    return at, through


def _after_options(words: Sequence[str | None], at: int, values: str) -> int:
    while at < len(words) and (words[at] or "").startswith("-") and words[at] != "-":
        option = words[at] or ""
        at += 1
        if option == "--":
            break
        if len(option) == 2 and option[1] in values:
            at += 1
    return at


def reads(name: str, arguments: Sequence[str | None]) -> str:
    """How a command reads standard input: "line", "lines" (both into variables of the shell), "all", or not at all ("")."""
    name = name.rpartition("/")[2]
    given = ["?" if argument is None else argument for argument in arguments]
    if name == "read":
        return "" if any(argument.startswith("-") and "u" in argument for argument in given) else "line"
    if name in ("mapfile", "readarray"):
        return "lines"
    if name in _ALWAYS or (name == "xe" and "pool-eject" in given and "--force" not in given):
        return "all"
    if name not in _FILES and name not in _PATTERN:
        return ""
    options, operands = _sorted(given, _VALUES.get(name, ""))
    if name in _PATTERN and not any(letter in options for letter in _PATTERN[name]):
        operands = operands[1:]
    if name.endswith("grep") and ("r" in options or "R" in options):
        return ""
    return "all" if not operands or "-" in operands or "/dev/stdin" in operands else ""


def _sorted(arguments: Sequence[str], values: str) -> tuple[str, list[str]]:
    """(letters of the options, the other arguments)."""
    letters, rest = "", list(arguments)
    operands: list[str] = []
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            return letters, [*operands, *rest]
        if argument.startswith("--"):
            letters += "f" if argument.startswith("--file") else "e" if argument.startswith(("--expression", "--regexp")) else ""
            continue
        if not argument.startswith("-") or argument == "-":
            operands.append(argument)
            continue
        for number, letter in enumerate(argument[1:], 2):
            letters += letter
            if letter in values:
                if number == len(argument) and rest:
                    rest.pop(0)
                break
    return letters, operands
