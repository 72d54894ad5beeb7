# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes the lock of a run to the pool, and takes it away."""

from __future__ import annotations

from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._lock import lease
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import ConnectionLost, NetworkError, XapiFailure
from ansible_collections.xapi.network.plugins.module_utils._xapi.session import Session


def hold(session: Session, ref: str, pool: Any, lock: lease.Lock) -> None:
    """Adding a key that is there is refused by XAPI, so that of two runs that begin together one gets it."""
    if lease.KEY in pool["other_config"]:
        session.call("pool.remove_from_other_config", ref, lease.KEY)
    try:
        session.call("pool.add_to_other_config", ref, lease.KEY, lock.to_text())
    except ConnectionLost:
        # Whether it was written shows when the pool is read again.
        if _current(session) != lock.to_text():
            raise
    except XapiFailure as failure:
        if failure.code != "MAP_DUPLICATE_KEY":
            raise
        other = lease.read(_current(session))
        raise NetworkError(
            rejection(other, pool["uuid"]) if other else "Another run has begun to change this pool at the same moment. Run again."
        ) from failure


def _current(session: Session) -> str:
    (pool,) = session.read(("pool",))["pool"].values()
    return str(pool["other_config"].get(lease.KEY, ""))


def release(session: Session, ref: str, pool: Any, blocked: bool, there: lease.Lock | None, check_mode: bool) -> dict[str, Any]:
    """Removes this run's own lock, and one that a dead run has left. The lock of a run that is alive stays."""
    if lease.KEY not in pool["other_config"] or blocked:
        return {"changed": False, "holder": str(there.holder) if there else ""}
    if not check_mode:
        session.call("pool.remove_from_other_config", ref, lease.KEY)
    return {"changed": True, "holder": ""}


def rejection(lock: lease.Lock, pool: str) -> str:
    return (
        f"Another run is changing this pool: {lock.holder}, since {lock.since:%Y-%m-%d %H:%M:%S} UTC. Nothing was changed by this one."
        f" Wait until it has ended. If you know that it is dead, wait until its lock expires at {lock.until:%H:%M:%S} UTC,"
        f" or remove the lock on the master:"
        f" xe pool-param-remove uuid={pool} param-name=other-config param-key={lease.KEY}"
    )
