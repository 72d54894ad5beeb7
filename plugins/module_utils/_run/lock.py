# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads the lock of a run from the pool, writes it there, renews it, and takes it away."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._lock import lease
from ansible_collections.xapi.network.plugins.module_utils._run import this_run
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import ConnectionLost, NetworkError, XapiFailure
from ansible_collections.xapi.network.plugins.module_utils._xapi.session import Session

# How long after one another a pool is looked at twice where one look may be in between two calls of somebody else.
SETTLE_SECONDS = 1.5


@dataclass(frozen=True)
class Seen:
    """The pool's lock at one look: `lock`, by the master's clock `now`, as `me` sees it."""

    ref: str
    pool: Any
    lock: lease.Lock | None
    now: datetime
    me: lease.Holder

    @property
    def mine(self) -> bool:
        return self.lock is not None and self.lock.holder == self.me

    @property
    def blocks(self) -> bool:
        return self.lock is not None and self.lock.blocks(self.me, self.now, this_run.alive)

    @property
    def other(self) -> lease.Lock | None:
        """The lock of another run, whether it still keeps this one out or not."""
        return None if self.mine else self.lock


def look(session: Session, me: lease.Holder) -> Seen:
    """The lock. One that has expired is looked at once more: the run that has it may be about to renew it."""
    seen = _look(session, me)
    if seen.other is not None and not seen.blocks and this_run.alive(seen.other.holder) is None:
        time.sleep(SETTLE_SECONDS)
        seen = _look(session, me)
    return seen


def _look(session: Session, me: lease.Holder) -> Seen:
    ((ref, pool),) = session.read(("pool",))["pool"].items()
    now = lease.server_time(str(session.call("host.get_servertime", pool["master"])))
    return Seen(ref, pool, lease.held(pool["other_config"]), now, me)


def hold(session: Session, seen: Seen, seconds: int) -> lease.Lock:
    """Takes the lock, or renews it. Adding a key that is there is refused by XAPI, so that of two runs that begin together one gets it."""
    if seen.mine:
        return renew(session, seen, seconds)
    lock = lease.take(seen.me, seen.now, seconds, since=seen.now)
    _remove(session, seen)
    try:
        _add(session, seen.ref, lease.KEY, lock)
    except XapiFailure as failure:
        if failure.code != "MAP_DUPLICATE_KEY":
            raise
        other = lease.read(_current(session, lease.KEY))
        raise NetworkError(
            rejection(other, seen.pool["uuid"]) if other else "Another run has begun to change this pool at the same moment. Run again."
        ) from failure
    if seen.other is not None:
        _make_sure(session, seen, lock)
    return lock


def _make_sure(session: Session, seen: Seen, lock: lease.Lock) -> None:
    """Two runs that take over the same lock could each remove what the other has written; the last has it."""
    time.sleep(SETTLE_SECONDS)
    current = lease.read(_current(session, lease.KEY))
    if current is None or current.holder != lock.holder:
        raise NetworkError(
            rejection(current, seen.pool["uuid"]) if current else "The lock of this pool was removed by somebody. Run again."
        )


def renew(session: Session, seen: Seen, seconds: int) -> lease.Lock:
    """The lock that this run has, for so long from now on."""
    lock = lease.take(seen.me, seen.now, seconds, since=seen.lock.since if seen.lock else seen.now)
    if lease.RENEWED in seen.pool["other_config"]:
        session.call("pool.remove_from_other_config", seen.ref, lease.RENEWED)
    try:
        _add(session, seen.ref, lease.RENEWED, lock)
    except XapiFailure as failure:
        # The run and its watcher have renewed it at the same moment.
        if failure.code != "MAP_DUPLICATE_KEY":
            raise
    return lock


def release(session: Session, seen: Seen, check_mode: bool) -> dict[str, Any]:
    """Removes this run's own lock, and one that a dead run has left. The lock of a run that is alive stays."""
    if lease.KEY not in seen.pool["other_config"] or seen.blocks:
        return {"changed": False, "holder": str(seen.lock.holder) if seen.lock else ""}
    if not check_mode:
        _remove(session, seen)
    return {"changed": True, "holder": ""}


def let_go(session: Session, me: lease.Holder) -> None:
    """Takes the lock away where this run has it."""
    seen = _look(session, me)
    if seen.mine:
        _remove(session, seen)


def _remove(session: Session, seen: Seen) -> None:
    for key in (lease.RENEWED, lease.KEY):
        if key in seen.pool["other_config"]:
            session.call("pool.remove_from_other_config", seen.ref, key)


def _add(session: Session, ref: str, key: str, lock: lease.Lock) -> None:
    try:
        session.call("pool.add_to_other_config", ref, key, lock.to_text())
    except ConnectionLost:
        # Whether it was written shows when the pool is read again.
        if _current(session, key) != lock.to_text():
            raise


def _current(session: Session, key: str) -> str:
    (pool,) = session.read(("pool",))["pool"].values()
    return str(pool["other_config"].get(key, ""))


def rejection(lock: lease.Lock, pool: str) -> str:
    return (
        f"Another run is changing this pool: {lock.holder}, since {lock.since:%Y-%m-%d %H:%M:%S} UTC. Nothing was changed by this one."
        f" Wait until it has ended. If it is dead, its lock expires by itself at {lock.until:%H:%M:%S} UTC; a run that lives renews it."
        f" If you know that it is dead and cannot wait, remove the lock on the master:"
        f" xe pool-param-remove uuid={pool} param-name=other-config param-key={lease.KEY}"
    )
