# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions: records of the pool's database, made at the master; at most 500 for each user and originator."""

from __future__ import annotations

from typing import Any

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.xapi.state import XapiState

LIMIT = 500  # of sessions of one user and originator; the one not used for the longest time goes (xapi's db_gc)


def open_session(pool: XapiState, user: str, originator: str) -> str:
    """A new session at the master; drops the oldest one of this user and originator beyond the limit."""
    database = pool.database
    now = pool.now()
    fields: dict[str, Any] = {
        "this_host": pool.master,
        "last_active": now,
        "validation_time": now,
        "is_local_superuser": True,
        "auth_user_name": user,
        "originator": originator,
    }
    known = pool.schema.fields("session")
    ref = database.add("session", **{name: value for name, value in fields.items() if name in known})
    same = {name: fields[name] for name in ("auth_user_name", "originator") if name in known}
    rivals = database.where("session", **same)
    if len(rivals) > LIMIT:
        oldest = min((rival for rival in rivals if rival != ref), key=lambda rival: database.get("session", rival)["last_active"])
        close_session(pool, oldest)
    return ref


def close_session(pool: XapiState, ref: str) -> None:
    """The session ends, and with it what waits for its events."""
    pool.database.remove("session", ref)
    pool.events.forget(ref)


def check(pool: XapiState, at: str, session: str) -> str:
    """The session of a call, when it may be used at this host. Raises XapiError SESSION_INVALID, HOST_IS_SLAVE."""
    if pool.local_sessions.get(session) == at:
        return session
    record = pool.database.find("session", session)
    if record is None:
        raise XapiError("SESSION_INVALID", session)
    if at != pool.master:
        raise XapiError("HOST_IS_SLAVE", pool.database.get("host", pool.master)["address"])
    now = pool.now()
    if (now - record["last_active"]).total_seconds() > 600:  # xapi's threshold_last_active: it spares its database the writing
        pool.database.set("session", session, last_active=now)
    return session
