# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VLAN: carried out at the host of the tagged PIF."""

from __future__ import annotations

from xapi_twin.xapi.context import Context, Handler
from xapi_twin.xapi.forwarding import at_host
from xapi_twin.xapi.network import vlan


async def create(context: Context, tagged_pif: str, tag: int, network: str) -> str:
    host = context.database.get("PIF", tagged_pif)["host"]
    return await at_host(context, host, lambda: vlan.create(context.pool, tagged_pif, tag, network))


async def destroy(context: Context, self: str) -> None:
    host = context.database.get("PIF", context.database.get("VLAN", self)["tagged_PIF"])["host"]
    await at_host(context, host, lambda: vlan.destroy(context.pool, self))


CALLS: dict[str, Handler] = {"create": create, "destroy": destroy}
