# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""network: records of the pool, so the master does it alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.xapi.context import Context, Handler
from xapi_twin.xapi.network import network


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


async def set_default_locking_mode(context: Context, network: str, value: str) -> None:
    """Not while a VIF that follows it is plugged (xapi_network.ml)."""
    for vif in context.database.get("network", network)["VIFs"]:
        record = context.database.get("VIF", vif)
        if record["currently_attached"] and record["locking_mode"] == "network_default":
            raise XapiError("VIF_IN_USE", network, vif)
    context.database.set("network", network, default_locking_mode=value)


CALLS: dict[str, Handler] = {
    "create": create,
    "destroy": destroy,
    "set_default_locking_mode": set_default_locking_mode,
    "add_purpose": add_purpose,
    "remove_purpose": remove_purpose,
}
