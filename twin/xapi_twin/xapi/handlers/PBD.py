# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PBD: storage plugged and unplugged at its host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapi_twin.xapi.forwarding import at_host
from xapi_twin.xapi.network import pbd

if TYPE_CHECKING:
    from xapi_twin.xapi.dispatcher import Context, Handler


async def plug(context: Context, self: str) -> None:
    host = context.database.get("PBD", self)["host"]
    await at_host(context, host, lambda: pbd.plug(context.twin, self))


async def unplug(context: Context, self: str) -> None:
    host = context.database.get("PBD", self)["host"]
    await at_host(context, host, lambda: pbd.unplug(context.twin, self))


CALLS: dict[str, Handler] = {"plug": plug, "unplug": unplug}
