# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What dom0 says of the timer that takes a change back: whether one runs, and what the last one did. Pure.

`FUNCTIONS` are POSIX shell. They want the timer's folders in the variables base and timer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError, shown

BASE = "/var/lib/xapi.network"
MARK = "#xapi.network"
# Of a timer. Below it no change and its proof can be done; above it, nobody waits before a console.
SECONDS = range(10, 3601)
STATES = ("armed", "confirmed", "none", "busy", "taking_back", "other_host", "failed")

# A number may be used again, and a dead process may stand in /proc until its parent asks for it: then its command line is another.
FUNCTIONS = f"""alive() {{
  process=$(cat "$timer/pid" 2>/dev/null)
  kill -0 "$process" 2>/dev/null && {{ [ ! -r /proc/$process/cmdline ] || grep -q "$timer/undo" /proc/$process/cmdline; }}
}}
standing() {{
  if ! alive; then echo "{MARK} none"
  elif [ -d "$timer/decided" ]; then echo "{MARK} taking_back $(cat "$timer/until" 2>/dev/null) $(cat "$timer/owner" 2>/dev/null)"
  else echo "{MARK} armed $(cat "$timer/until" 2>/dev/null) $(cat "$timer/owner" 2>/dev/null)"
  fi
  last
}}
last() {{ if [ -s "$base/taken_back" ]; then echo "{MARK} taken_back $(cat "$base/taken_back")"; fi; }}"""


@dataclass(frozen=True)
class Answer:
    """What dom0 said. `state`: armed, confirmed, none (no timer runs), busy (another's does), taking_back (the time was up), other_host or
    failed. `until` is in seconds since 1970 by dom0's clock. `taken_back`: when dom0 last took a change back, what became of it and whose
    it was; None when it did not.
    """

    state: str
    until: int = 0
    owner: str = ""
    said: str = ""
    taken_back: Mapping[str, Any] | None = None


def read(status: int, output: str) -> Answer:
    """What one of the commands answered. Raises NetworkError for anything else."""
    lines = [line[len(MARK) :].strip() for line in output.splitlines() if line.startswith(MARK)]
    state, taken = "", None
    rest: list[str] = []
    for line in lines:
        word, *words = line.split(" ")
        if word == "taken_back":
            taken = _taken_back(words)
        else:
            state, rest = word, words
    if state not in STATES:
        said = " ".join(output.split())[:200] or "nothing"
        raise NetworkError(f"dom0 did not carry out the command for the timer (status {status}); it said: {said}.")
    until = int(rest[0]) if rest and rest[0].isdigit() else 0
    text = shown(" ".join(rest[1:] if rest and rest[0].isdigit() else rest))
    return Answer(state, until, owner="" if state == "failed" else text, said=text if state == "failed" else "", taken_back=taken)


def _taken_back(words: list[str]) -> dict[str, Any] | None:
    at, seconds, outcome, *rest = [*words, "", "", ""]
    if not at.isdigit():
        return None
    owner, _bar, why = " ".join(rest).partition(" | ")
    return {"at": int(at), "seconds": int(seconds or 0), "done": outcome == "done", "owner": shown(owner), "why": shown(why)}


def running(host: str, until: int, owner: str) -> str:
    """A timer that runs, as a sentence."""
    return (
        f"dom0 of {host} has a timer: {owner or 'an unknown run'} armed it, and it takes a bond back at {clock(until)} unless that run"
        " confirms it."
    )


def taken_back(host: str, record: Mapping[str, Any]) -> str:
    """What dom0 did by itself, as a sentence."""
    at = datetime.fromtimestamp(record["at"], timezone.utc)
    whose = f" (of {record['owner']})" if record["owner"] else ""
    if record["done"]:
        saw = f"; {record['why']}" if record["why"] else ""
        return (
            f"{host} took its bond{whose} back by itself at {at:%Y-%m-%d %H:%M:%S} UTC, since nobody confirmed it within"
            f" {record['seconds']} s{saw}."
        )
    return (
        f"{host} began to take its bond{whose} back by itself, since nobody confirmed it within {record['seconds']} s, and gave up at"
        f" {at:%Y-%m-%d %H:%M:%S} UTC: {record['why'] or 'it is not said why'}. See {BASE}/log in its dom0."
    )


def clock(seconds: float) -> str:
    """The time of a moment on the day that it is on: "10:04:12 UTC"."""
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%H:%M:%S} UTC"
