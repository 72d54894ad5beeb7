# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for changes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import partial

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.rpc.values import Event, EventBatch
from xapi_twin.xapi import events
from xapi_twin.xapi.context import Context, Handler
from xapi_twin.xapi.events import Subscriptions


async def from_(context: Context, classes: list[str], token: str, timeout: float) -> EventBatch:
    numbers = _numbers(token)
    alive = partial(_alive, context)
    return await events.batch(context.database, Subscriptions.of(classes), numbers, timeout, alive, context.pool.scale)


def _numbers(token: str) -> tuple[int, int]:
    if token == "":
        return 0, 0
    match = re.fullmatch(r"(\d+),(\d+)", token)
    if match is None:
        raise XapiError("EVENT_FROM_TOKEN_PARSE_FAILURE", token)
    return int(match.group(1)), int(match.group(2))


def _alive(context: Context) -> None:
    local = context.pool.local_sessions
    if context.session and context.session not in local and context.database.find("session", context.session) is None:
        raise XapiError("SESSION_INVALID", context.session)


async def register(context: Context, classes: list[str]) -> None:
    context.pool.events.register(context.session, classes)


async def unregister(context: Context, classes: list[str]) -> None:
    context.pool.events.unregister(context.session, classes)


async def next_(context: Context) -> tuple[Event, ...]:
    queue = context.pool.events
    if not queue.registered(context.session):
        # xapi does not show a session in an error, only a hash of it
        raise XapiError("SESSION_NOT_REGISTERED", f"trackid={hashlib.md5(context.session.encode(), usedforsecurity=False).hexdigest()}")
    return await queue.next(context.session)


async def get_current_id(context: Context) -> int:
    return context.pool.events.current_id


async def inject(context: Context, cls: str, ref: str) -> str:
    """A mod event without a change, and the token before it."""
    if cls not in context.database.schema.classes:
        raise XapiError("HANDLE_INVALID", cls, ref)
    before = context.database.version()
    context.database.touch(cls, ref)
    return f"{before:020d},{0:020d}"


CALLS: Mapping[str, Handler] = {
    "from": from_,
    "register": register,
    "unregister": unregister,
    "next": next_,
    "get_current_id": get_current_id,
    "inject": inject,
}
