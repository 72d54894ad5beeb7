# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""tunnel: carried out at the host of the transport PIF."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapi_twin.xapi.forwarding import at_host
from xapi_twin.xapi.network import tunnel

if TYPE_CHECKING:
    from xapi_twin.xapi.dispatcher import Context, Handler


async def create(context: Context, transport_pif: str, network: str, protocol: str = "gre") -> str:
    host = context.database.get("PIF", transport_pif)["host"]
    return await at_host(context, host, lambda: tunnel.create(context.twin, transport_pif, network, protocol))


async def destroy(context: Context, self: str) -> None:
    host = context.database.get("PIF", context.database.get("tunnel", self)["transport_PIF"])["host"]
    await at_host(context, host, lambda: tunnel.destroy(context.twin, self))


CALLS: dict[str, Handler] = {"create": create, "destroy": destroy}
