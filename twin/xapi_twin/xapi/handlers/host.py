# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""host: enabling, restarting the agent, the management interface, power."""

from __future__ import annotations

import re
from datetime import datetime

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import NULL
from xapi_twin.xapi import host_helpers
from xapi_twin.xapi.context import Context, Handler
from xapi_twin.xapi.forwarding import at_host
from xapi_twin.xapi.network import mgmt_iface, moves


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
    """host.declare_dead: the admin states that the host is off; its VMs can then be started elsewhere."""
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


async def management_disable(context: Context) -> None:
    """At the host that is asked: a member takes it with a local session alone, as xe has it."""
    mgmt_iface.disable(context.pool.hosts[context.at])


async def is_in_emergency_mode(context: Context) -> bool:
    return context.pool.hosts[context.at].xapi == "emergency"


async def get_vms_which_prevent_evacuation(context: Context, self: str) -> dict[str, list[str]]:
    """VMs of the host that no other enabled host can take, each with the error that says so."""
    prevented = {}
    for vm in _guests(context, self):
        record = context.database.get("VM", vm)
        if not [host for host in moves.possible_hosts(context.pool, record) if host != self]:
            prevented[vm] = ["NO_HOSTS_AVAILABLE"]
    return prevented


async def assert_can_evacuate(context: Context, host: str) -> None:
    prevented = await get_vms_which_prevent_evacuation(context, host)
    if prevented:
        raise XapiError("CANNOT_EVACUATE_HOST", "|".join(",".join((*error, vm)) for vm, error in prevented.items()))


async def evacuate(context: Context, host: str, network: str = NULL, evacuate_batch_size: int = 0) -> None:
    """Each running VM goes to the first host that can take it; with one that cannot go, none does."""
    await assert_can_evacuate(context, host)
    for vm in _guests(context, host):
        target = next(found for found in moves.possible_hosts(context.pool, context.database.get("VM", vm)) if found != host)
        context.database.set("VM", vm, resident_on=target)


def _guests(context: Context, host: str) -> list[str]:
    vms = list(context.database.get("host", host)["resident_VMs"])
    return [vm for vm in vms if not context.database.get("VM", vm)["is_control_domain"]]


async def set_hostname_live(context: Context, host: str, hostname: str) -> None:
    """The record, and dom0's own name (xapi_host.ml: set_hostname_live)."""
    if not hostname:
        raise XapiError("HOST_NAME_INVALID", "hostname empty")
    if not re.fullmatch(r"[A-Za-z0-9.-]+", hostname):
        raise XapiError("HOST_NAME_INVALID", "hostname contains invalid characters")

    async def work() -> None:
        context.pool.hosts[host].dom0.hostname = hostname
        context.database.set("host", host, hostname=hostname)

    await at_host(context, host, work)


async def get_server_certificate(context: Context, host: str) -> str:
    context.database.get("host", host)
    return context.pool.certificate


async def get_sched_gran(context: Context, self: str) -> str:
    context.database.get("host", self)
    return "core"


async def syslog_reconfigure(context: Context, host: str) -> None:
    """host.logging says where to; the twin has no syslog to tell."""
    context.database.get("host", host)


async def call_plugin(context: Context, host: str, plugin: str, fn: str, args: dict[str, str]) -> str:
    """No plugin is installed in a twin's dom0."""
    context.database.get("host", host)
    raise XapiError("XENAPI_MISSING_PLUGIN", plugin)


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
    "management_disable": management_disable,
    "is_in_emergency_mode": is_in_emergency_mode,
    "get_vms_which_prevent_evacuation": get_vms_which_prevent_evacuation,
    "assert_can_evacuate": assert_can_evacuate,
    "evacuate": evacuate,
    "set_hostname_live": set_hostname_live,
    "get_server_certificate": get_server_certificate,
    "get_sched_gran": get_sched_gran,
    "syslog_reconfigure": syslog_reconfigure,
    "call_plugin": call_plugin,
}
