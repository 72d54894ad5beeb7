# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""SR: its names, and a scan that finds what was there before."""

from __future__ import annotations

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.xapi.context import Context, Handler


async def scan(context: Context, sr: str) -> None:
    """An SR that no host has plugged cannot be scanned (xapi_sr.ml, by way of message_forwarding.ml)."""
    if not any(context.database.get("PBD", pbd)["currently_attached"] for pbd in context.database.get("SR", sr)["PBDs"]):
        raise XapiError("SR_HAS_NO_PBDS", sr)


async def set_name_label(context: Context, sr: str, value: str) -> None:
    context.database.set("SR", sr, name_label=value)


async def set_name_description(context: Context, sr: str, value: str) -> None:
    context.database.set("SR", sr, name_description=value)


CALLS: dict[str, Handler] = {"scan": scan, "set_name_label": set_name_label, "set_name_description": set_name_description}
