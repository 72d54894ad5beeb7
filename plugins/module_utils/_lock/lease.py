# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lock of a run in pool.other_config: who is changing this pool, and until when nobody else should. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone

KEY = "xapi.network.run"
# The same lock, with the time until which it was last renewed. XAPI changes a key by taking it away and adding it; the lock itself stays
# where it is meanwhile, so that nobody finds the pool free between the two.
RENEWED = "xapi.network.run.renewed"
# Somebody asks the run that holds the lock to end after the host that it is at.
STOP = "xapi.network.stop"


@dataclass(frozen=True)
class Holder:
    """A run of Ansible: the user, the control node, its process and when that began (in clock ticks since the boot, so that a number
    used again is told apart).

    `process` is 0 where no process stands for the run (a task that runs as a module elsewhere). A number of a process means something only
    in `kernel` (the boot of a machine) and `pid_namespace` there: containers on the network of their host have its name, and not its
    processes. `job` and `controller` are the job of AWX that the run is, and its address.
    """

    user: str
    node: str
    process: int = 0
    began: str = ""
    kernel: str = ""
    pid_namespace: str = ""
    job: str = ""
    controller: str = ""

    def __str__(self) -> str:
        if self.job:
            return f"{self.user} in job {self.job}{f' of {self.controller}' if self.controller else ''}"
        process = f" (process {self.process})" if self.process else ""
        return f"{self.user} on {self.node}{process}"


@dataclass(frozen=True)
class Lock:
    """The lock as it is in XAPI. Times are UTC, by the clock of the master."""

    holder: Holder
    since: datetime
    until: datetime

    def to_text(self) -> str:
        return json.dumps({**asdict(self.holder), "since": _text(self.since), "until": _text(self.until)}, sort_keys=True)

    def blocks(self, holder: Holder, now: datetime, alive: Callable[[Holder], bool | None]) -> bool:
        """True when this lock keeps `holder` out: it is another's, it has not expired, and its owner is not known to be dead."""
        return self.holder != holder and now < self.until and alive(self.holder) is not False


def read(text: str) -> Lock | None:
    """The lock that this text means; None for a text that nobody of us has written, which cannot keep anyone out."""
    try:
        values = json.loads(text)
        holder = Holder(
            str(values["user"]),
            str(values["node"]),
            int(values["process"]),
            str(values["began"]),
            *(str(values.get(name, "")) for name in ("kernel", "pid_namespace", "job", "controller")),
        )
        return Lock(holder, _time(values["since"]), _time(values["until"]))
    except (ValueError, KeyError, TypeError):
        return None


def held(other_config: Mapping[str, str]) -> Lock | None:
    """The lock that a pool has, until when it was last renewed. What an earlier run has renewed does not count."""
    lock, renewed = read(other_config.get(KEY, "")), read(other_config.get(RENEWED, ""))
    if lock is None or renewed is None or (renewed.holder, renewed.since) != (lock.holder, lock.since):
        return lock
    return renewed


def take(holder: Holder, now: datetime, seconds: int, since: datetime) -> Lock:
    """A lock that lasts that long from now on. `since` is when the holder first had it."""
    return Lock(holder, since, now + timedelta(seconds=seconds))


def _text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


def server_time(text: str) -> datetime:
    """The time that host.get_servertime answers, 20261122T10:09:02Z. Raises ValueError."""
    return datetime.strptime(text, "%Y%m%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
