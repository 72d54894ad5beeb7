# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""POSIX regular expressions (of grep, sed and awk) as Python's."""

from __future__ import annotations

import re

_CLASSES = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "space": r"\s", "blank": " \\t", "upper": "A-Z", "lower": "a-z",
    "xdigit": "0-9a-fA-F", "punct": r"!-/:-@\[-`{-~", "print": " -~", "cntrl": r"\x00-\x1f",
}  # fmt: skip


def compiled(pattern: str, extended: bool, ignore_case: bool = False, fixed: bool = False) -> re.Pattern[str]:
    """A basic (grep, sed) or extended (grep -E, sed -r, awk) regular expression. Raises re.error."""
    text = re.escape(pattern) if fixed else _translated(pattern, extended)
    return re.compile(text, re.I if ignore_case else 0)


def _translated(pattern: str, extended: bool) -> str:
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "[":
            end = _bracket_end(pattern, at)
            out.append(_bracket(pattern[at + 1 : end]))
            at = end
        elif char == "\\" and at + 1 < len(pattern):
            at += 1
            following = pattern[at]
            if following in "<>":
                out.append(r"\b")
            elif following in "(){}|+?" and not extended:
                out.append(following)
            elif following in "wWsSbB" or following.isdigit() or following in "nt":
                out.append("\\" + following)
            else:
                out.append(re.escape(following))
        elif char in "(){}|+?" and not extended:
            out.append("\\" + char)
        elif char == "*" and (not out or out[-1] in ("(", "|", "^")) and not extended:
            out.append(r"\*")
        elif char == "{" and extended and not re.match(r"\{\d*,?\d*\}", pattern[at:]):
            out.append(r"\{")
        else:
            out.append(char)
        at += 1
    return "".join(out)


def _bracket_end(pattern: str, at: int) -> int:
    end = at + 1
    end += pattern[end : end + 1] == "^"
    end += pattern[end : end + 1] == "]"
    while end < len(pattern) and pattern[end] != "]":
        end += 2 + pattern[end + 2 :].find(":]") + 2 - 1 if pattern.startswith("[:", end) and ":]" in pattern[end + 2 :] else 0
        end += 1
    if end >= len(pattern):
        raise re.error("Unmatched [ or [^")
    return end


def _bracket(inside: str) -> str:
    negated = inside.startswith("^")
    inside = inside[negated:]
    inside = inside.replace("\\", "\\\\")
    if inside.startswith("]"):
        inside = "\\]" + inside[1:]
    inside = re.sub(r"\[:(\w+):\]", lambda match: _CLASSES.get(match.group(1), ""), inside)
    return f"[{'^' if negated else ''}{inside.replace('[', chr(92) + '[') if not re.search(r'.-.', inside) else inside}]"
