# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every call that reached the pool, in the order of arrival."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

# Calls whose arguments hold passwords: which of the arguments (0 = the first that was sent).
SECRETS = {
    "session.login_with_password": (1,),
    "session.slave_local_login_with_password": (1,),
    "session.change_password": (1, 2),
    "pool.join": (2,),
    "pool.join_force": (2,),
}


LONGEST = 10000  # so many calls are kept; who polls for days makes more


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One call. `time`: seconds since the twin started; `seconds`: until its reply, None while it is being carried out.

    `method` is as it was sent ("Async.Bond.create"), `arguments` come after the session and have passwords replaced. `error` is the code
    and its arguments; ("",) when the connection ended without a reply. `writes`: the call can change the pool.
    """

    number: int
    time: float
    at: str
    method: str
    arguments: tuple[Any, ...]
    session: str
    seconds: float | None = None
    error: tuple[str, ...] | None = None
    bytes_in: int = 0
    bytes_out: int = 0

    @property
    def writes(self) -> bool:
        return is_write(self.method)


def is_write(method: str) -> bool:
    """Whether a method can change the pool: sessions, events, tasks and reading do not."""
    cls, _unused, message = method.removeprefix("Async.").partition(".")
    if cls in ("session", "event", "system", "task"):
        return False
    return not message.startswith(("get_", "is_", "assert_"))


class Journal(Sequence[JournalEntry]):
    """The last calls in the order in which they came, and how many of each method there have been; `clock` gives seconds (monotonic)."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._start = clock()
        self._entries: list[JournalEntry] = []
        self._first = 1  # the number of the oldest call that is kept
        self._counts: Counter[str] = Counter()

    def begin(self, at: str, method: str, arguments: Sequence[Any], session: str, bytes_in: int = 0) -> int:
        """Write down that a call came; answers its number, 1 for the first."""
        number = self._first + len(self._entries)
        self._counts[method.removeprefix("Async.")] += 1
        hidden = SECRETS.get(method.removeprefix("Async."), ())
        shown = tuple("********" if place in hidden else value for place, value in enumerate(arguments))
        self._entries.append(JournalEntry(number, self._clock() - self._start, at, method, shown, session, bytes_in=bytes_in))
        if len(self._entries) > LONGEST:
            dropped = LONGEST // 10
            del self._entries[:dropped]
            self._first += dropped
        return number

    def end(self, number: int, error: Sequence[str] | None = None, bytes_out: int = 0) -> None:
        """Write down how a call ended."""
        entry = self._kept(number)
        if entry is not None:
            seconds = self._clock() - self._start - entry.time
            ended = replace(entry, seconds=seconds, error=None if error is None else tuple(error), bytes_out=bytes_out)
            self._entries[number - self._first] = ended

    def sent(self, number: int, bytes_out: int) -> None:
        """Write down how long the reply's body was."""
        entry = self._kept(number)
        if entry is not None:
            self._entries[number - self._first] = replace(entry, bytes_out=bytes_out)

    def _kept(self, number: int) -> JournalEntry | None:
        """None: the call has taken so long that its entry is dropped."""
        return self._entries[number - self._first] if number >= self._first else None

    def writes(self) -> list[JournalEntry]:
        """The calls that can change the pool."""
        return [entry for entry in self._entries if entry.writes]

    def count(self, value: Any) -> int:
        """How many calls of a method came, Async or not ("Bond.create")."""
        return self.methods()[value]

    def methods(self) -> Counter[str]:
        """How many calls of each method came, without the Async prefix."""
        return Counter(self._counts)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, place: Any) -> Any:
        return self._entries[place]

    def __iter__(self) -> Iterator[JournalEntry]:
        return iter(tuple(self._entries))
