# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages to the administrator, such as BOND_STATUS_CHANGED."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from xapi_twin.database import Database
from xapi_twin.datamodel.errors import XapiError
from xapi_twin.xapi.context import Context, Handler
from xapi_twin.xapi.where import compile_where

Record = dict[str, Any]

# xapi_globs.ml, message_limit. xapi looks every half a minute and lets the oldest go (xapi_message.ml, gc); here it goes at once.
MOST = 10_000


def post(database: Database, name: str, priority: int, cls: str, obj_uuid: str, body: str, now: datetime) -> str:
    """A new message about an object; `cls` is one of the message's own class names ("Host")."""
    ref = database.add("message", name=name, priority=priority, cls=cls, obj_uuid=obj_uuid, body=body, timestamp=now)
    if len(database.all("message")) > MOST:
        database.remove("message", next(iter(database.all("message"))))
    return ref


async def create(context: Context, name: str, priority: int, cls: str, obj_uuid: str, body: str) -> str:
    for known in context.database.schema.classes:
        if known.lower() == cls.lower():
            try:
                context.database.by_uuid(known, obj_uuid)
            except XapiError:
                raise XapiError("UUID_INVALID", known, obj_uuid) from None
    return post(context.database, name, priority, cls, obj_uuid, body, context.pool.now())


async def destroy(context: Context, ref: str) -> None:
    context.database.remove("message", ref)


async def destroy_many(context: Context, refs: list[str]) -> None:
    for ref in refs:
        context.database.remove("message", ref)


async def get(context: Context, cls: str, obj_uuid: str, since: datetime) -> dict[str, Record]:
    found = context.database.where("message", cls=cls, obj_uuid=obj_uuid)
    return {ref: record for ref, record in context.database.all("message").items() if ref in found and record["timestamp"] >= since}


async def get_since(context: Context, since: datetime) -> dict[str, Record]:
    return {ref: record for ref, record in context.database.all("message").items() if record["timestamp"] > since}


async def get_all_records_where(context: Context, expr: str) -> dict[str, Record]:
    """Messages are files: one of which the expression asks a field that messages do not have is passed over (xapi_message.ml)."""
    test = compile_where(context.database.schema.classes["message"], expr)

    def fits(record: Record) -> bool:
        try:
            return test(record)
        except XapiError:
            return False

    return {ref: record for ref, record in context.database.all("message").items() if fits(record)}


CALLS: Mapping[str, Handler] = {
    "create": create,
    "destroy": destroy,
    "destroy_many": destroy_many,
    "get": get,
    "get_since": get_since,
    "get_all_records_where": get_all_records_where,
}
