# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VIF: plugged, unplugged and moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapi_twin.errors import XapiError
from xapi_twin.rules import checks

if TYPE_CHECKING:
    from xapi_twin.api import Context, Handler


async def plug(context: Context, self: str) -> None:
    record = context.database.get("VIF", self)
    vm = context.database.get("VM", record["VM"])
    if vm["power_state"] != "Running":
        raise XapiError("VM_BAD_POWER_STATE", record["VM"], "running", vm["power_state"].lower())
    _attachable(context, record["network"], vm["resident_on"])
    context.database.set("VIF", self, currently_attached=True)


async def unplug(context: Context, self: str) -> None:
    context.database.set("VIF", self, currently_attached=False)


async def move(context: Context, self: str, network: str) -> None:
    record = context.database.get("VIF", self)
    context.database.get("network", network)
    vm = context.database.get("VM", record["VM"])
    if record["currently_attached"]:
        _attachable(context, network, vm["resident_on"])
    context.database.set("VIF", self, network=network)


async def destroy(context: Context, self: str) -> None:
    record = context.database.get("VIF", self)
    if record["currently_attached"]:
        raise XapiError("OPERATION_NOT_ALLOWED", "VIF currently attached to a running VM")
    context.database.remove("VIF", self)


def _attachable(context: Context, network: str, host: str) -> None:
    """A network whose card is a bond's member on this host cannot be attached there."""
    for pif in context.database.get("network", network)["PIFs"]:
        record = context.database.get("PIF", pif)
        if record["host"] == host and checks.is_slave(context.twin, record):
            raise XapiError("CANNOT_PLUG_BOND_SLAVE", pif)


CALLS: dict[str, Handler] = {"plug": plug, "unplug": unplug, "move": move, "destroy": destroy}
