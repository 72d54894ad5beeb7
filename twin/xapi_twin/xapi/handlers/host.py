# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""host: enabling, restarting the agent, the management interface, power."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import NULL
from xapi_twin.xapi import host_helpers
from xapi_twin.xapi.context import Context, Handler
from xapi_twin.xapi.forwarding import at_host
from xapi_twin.xapi.network import mgmt_iface

if TYPE_CHECKING:
    from datetime import datetime


async def enable(context: Context, host: str) -> None:
    async def work() -> None:
        state = context.pool.hosts[host]
        state.enables_itself = True
        host_helpers.set_enabled(state, True)
        host_helpers.set_operations(state)

    await at_host(context, host, work)


async def disable(context: Context, host: str, auto_enable: bool = True) -> None:
    async def work() -> None:
        state = context.pool.hosts[host]
        state.enables_itself = auto_enable
        host_helpers.set_enabled(state, False)
        host_helpers.set_operations(state)

    await at_host(context, host, work)


async def restart_agent(context: Context, host: str) -> None:
    async def work() -> None:
        context.pool.hosts[host].life.restart_agent_later()

    await at_host(context, host, work)


async def management_reconfigure(context: Context, pif: str) -> None:
    host = context.database.get("PIF", pif)["host"]

    async def work() -> bool:
        await mgmt_iface.reconfigure(context.pool, pif)
        return True

    def done() -> bool | None:
        return True if context.database.get("PIF", pif)["management"] else None

    await at_host(context, host, work, done)


async def reboot(context: Context, host: str) -> None:
    await _switch_off(context, host, again=True)


async def shutdown(context: Context, host: str) -> None:
    await _switch_off(context, host, again=False)


async def _switch_off(context: Context, host: str, again: bool) -> None:
    if context.database.get("host", host)["enabled"]:
        raise XapiError("HOST_NOT_DISABLED")

    async def work() -> None:
        context.pool.hosts[host].life.switch_off_later(again)

    await at_host(context, host, work)


async def declare_dead(context: Context, host: str) -> None:
    """host.declare_dead: the user vouches that the host is off; its VMs can then be started elsewhere."""
    record = context.database.get("host", host)
    host_helpers.declare_dead(context.pool.hosts[host])
    for vm in list(record["resident_VMs"]):
        for vif in context.database.get("VM", vm)["VIFs"]:
            context.database.set("VIF", vif, currently_attached=False)
        context.database.set("VM", vm, power_state="Halted", resident_on=NULL)


async def get_servertime(context: Context, host: str) -> datetime:
    context.database.get("host", host)
    return context.pool.now()


async def get_management_interface(context: Context, host: str) -> str:
    """The management PIF of a host."""
    pifs: list[str] = context.database.get("host", host)["PIFs"]
    for pif in pifs:
        if context.database.get("PIF", pif)["management"]:
            return pif
    raise XapiError("INTERNAL_ERROR", "Not_found")


CALLS: dict[str, Handler] = {
    "enable": enable,
    "disable": disable,
    "restart_agent": restart_agent,
    "management_reconfigure": management_reconfigure,
    "reboot": reboot,
    "shutdown": shutdown,
    "declare_dead": declare_dead,
    "get_servertime": get_servertime,
    "get_management_interface": get_management_interface,
}
