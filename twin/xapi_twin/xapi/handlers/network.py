# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""network: records of the pool, so the master does it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xapi_twin.xapi.context import Context, Handler
from xapi_twin.xapi.network import network

if TYPE_CHECKING:
    from collections.abc import Mapping


async def create(context: Context, args: Mapping[str, Any]) -> str:
    return network.create(context.pool, args)


async def destroy(context: Context, self: str) -> None:
    network.destroy(context.pool, self)


async def add_purpose(context: Context, self: str, value: str) -> None:
    purposes = context.database.get("network", self)["purpose"]
    if value not in purposes:
        context.database.set("network", self, purpose=[value, *purposes])


async def remove_purpose(context: Context, self: str, value: str) -> None:
    purposes = context.database.get("network", self)["purpose"]
    context.database.set("network", self, purpose=[purpose for purpose in purposes if purpose != value])


CALLS: dict[str, Handler] = {
    "create": create,
    "destroy": destroy,
    "add_purpose": add_purpose,
    "remove_purpose": remove_purpose,
}
