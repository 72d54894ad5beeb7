# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cluster_host: enabling and disabling, which decides whether its PIF may be unplugged."""

from __future__ import annotations

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.xapi.context import Context, Handler


async def enable(context: Context, self: str) -> None:
    pif = context.database.get("Cluster_host", self)["PIF"]
    record = context.database.get("PIF", pif)
    if not record["currently_attached"]:
        raise XapiError("REQUIRED_PIF_IS_UNPLUGGED", pif)
    if not record["disallow_unplug"]:
        raise XapiError("PIF_ALLOWS_UNPLUG", pif)
    context.database.set("Cluster_host", self, enabled=True)


async def disable(context: Context, self: str) -> None:
    context.database.get("Cluster_host", self)
    context.database.set("Cluster_host", self, enabled=False)


CALLS: dict[str, Handler] = {"enable": enable, "disable": disable}
