# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PBD: storage plugged and unplugged at its host."""

from __future__ import annotations

from xapi_twin.xapi.context import Context, Handler
from xapi_twin.xapi.forwarding import at_host
from xapi_twin.xapi.network import pbd


async def plug(context: Context, self: str) -> None:
    host = context.database.get("PBD", self)["host"]
    await at_host(context, host, lambda: pbd.plug(context.pool, self))


async def unplug(context: Context, self: str) -> None:
    host = context.database.get("PBD", self)["host"]
    await at_host(context, host, lambda: pbd.unplug(context.pool, self))


CALLS: dict[str, Handler] = {"plug": plug, "unplug": unplug}
