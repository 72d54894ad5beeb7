# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""tunnel: carried out at the host of the transport PIF."""

from __future__ import annotations

from xapi_twin.xapi.context import Context, Handler
from xapi_twin.xapi.forwarding import at_host
from xapi_twin.xapi.network import tunnel


async def create(context: Context, transport_pif: str, network: str, protocol: str = "gre") -> str:
    host = context.database.get("PIF", transport_pif)["host"]
    return await at_host(context, host, lambda: tunnel.create(context.pool, transport_pif, network, protocol))


async def destroy(context: Context, self: str) -> None:
    host = context.database.get("PIF", context.database.get("tunnel", self)["transport_PIF"])["host"]
    await at_host(context, host, lambda: tunnel.destroy(context.pool, self))


CALLS: dict[str, Handler] = {"create": create, "destroy": destroy}
