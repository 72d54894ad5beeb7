# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logging in and out."""

from __future__ import annotations

from collections.abc import Mapping

from xapi_twin.database import new_ref
from xapi_twin.datamodel.errors import XapiError
from xapi_twin.xapi import sessions
from xapi_twin.xapi.context import Context, Handler


def _authenticate(context: Context, user: str, password: str) -> None:
    passwords = context.pool.passwords
    if user == "":
        raise XapiError("SESSION_AUTHENTICATION_FAILED", user, "User not known to the underlying authentication module")
    if passwords.get(user) != password:
        raise XapiError("SESSION_AUTHENTICATION_FAILED", user, "Authentication failure")


async def login_with_password(context: Context, uname: str, pwd: str, version: str = "", originator: str = "") -> str:
    _authenticate(context, uname, pwd)
    return sessions.open_session(context.pool, uname, originator)


async def slave_local_login_with_password(context: Context, uname: str, pwd: str) -> str:
    _authenticate(context, uname, pwd)
    session = new_ref()
    context.pool.local_sessions[session] = context.at
    return session


async def logout(context: Context) -> None:
    if context.pool.local_sessions.pop(context.session, None) is None:
        sessions.close_session(context.pool, context.session)


async def local_logout(context: Context) -> None:
    context.pool.local_sessions.pop(context.session, None)


async def change_password(context: Context, old_pwd: str, new_pwd: str) -> None:
    user = context.database.get("session", context.session).get("auth_user_name") or context.pool.user
    if context.pool.passwords.get(user) != old_pwd:
        raise XapiError("SESSION_AUTHENTICATION_FAILED", user, "Authentication failure")
    context.pool.passwords[user] = new_pwd


async def get_all_subject_identifiers(context: Context) -> list[str]:
    return []  # nobody from an external directory is logged in


async def logout_subject_identifier(context: Context, subject_identifier: str) -> None:
    return None


CALLS: Mapping[str, Handler] = {
    "login_with_password": login_with_password,
    "slave_local_login_with_password": slave_local_login_with_password,
    "logout": logout,
    "local_logout": local_logout,
    "change_password": change_password,
    "get_all_subject_identifiers": get_all_subject_identifiers,
    "logout_subject_identifier": logout_subject_identifier,
}
