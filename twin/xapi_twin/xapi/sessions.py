# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions: records of the pool's database, made at the master; at most 500 for each user and originator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xapi_twin.datamodel.errors import XapiError

if TYPE_CHECKING:
    from xapi_twin.twin.pool import Twin

LIMIT = 500  # of sessions of one user and originator; the one not used for the longest time goes (xapi's db_gc)


def open_session(twin: Twin, user: str, originator: str) -> str:
    """A new session at the master; drops the oldest one of this user and originator beyond the limit."""
    database = twin.database
    now = twin.now()
    fields: dict[str, Any] = {
        "this_host": twin.master,
        "last_active": now,
        "validation_time": now,
        "is_local_superuser": True,
        "auth_user_name": user,
        "originator": originator,
    }
    known = twin.schema.fields("session")
    ref = database.add("session", **{name: value for name, value in fields.items() if name in known})
    same = {name: fields[name] for name in ("auth_user_name", "originator") if name in known}
    rivals = database.where("session", **same)
    if len(rivals) > LIMIT:
        oldest = min((rival for rival in rivals if rival != ref), key=lambda rival: database.get("session", rival)["last_active"])
        close_session(twin, oldest)
    return ref


def close_session(twin: Twin, ref: str) -> None:
    """The session ends, and with it what waits for its events."""
    twin.database.remove("session", ref)
    twin.dispatcher.events.forget(ref)


def check(twin: Twin, local_sessions: Mapping[str, str], at: str, session: str) -> str:
    """The session of a call, when it may be used at this host. Raises XapiError SESSION_INVALID, HOST_IS_SLAVE."""
    if local_sessions.get(session) == at:
        return session
    record = twin.database.find("session", session)
    if record is None:
        raise XapiError("SESSION_INVALID", session)
    if at != twin.master:
        raise XapiError("HOST_IS_SLAVE", twin.database.get("host", twin.master)["address"])
    now = twin.now()
    if (now - record["last_active"]).total_seconds() > 600:  # xapi's threshold_last_active: it spares its database the writing
        twin.database.set("session", session, last_active=now)
    return session
