# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""pool: the management interface of all hosts, HA, and what XenCenter's older calls make of VLANs."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.xapi.context import Context, Handler
from xapi_twin.xapi.forwarding import at_host
from xapi_twin.xapi.network import mgmt_iface, vlan

if TYPE_CHECKING:
    from collections.abc import Mapping


async def management_reconfigure(context: Context, network: str) -> None:
    context.database.get("network", network)
    await mgmt_iface.reconfigure_pool(context.pool, network)


async def enable_ha(context: Context, heartbeat_srs: list[str], configuration: Mapping[str, str]) -> None:
    """HA goes on when every host is up and every management and storage interface is one that cannot be unplugged."""
    if context.pool.ha_enabled:
        raise XapiError("HA_IS_ENABLED")
    for host in context.pool.hosts.values():
        if not host.powered or not host.record["enabled"]:
            raise XapiError("HOST_OFFLINE", host.ref)
        for ref in host.pifs():
            pif = context.database.get("PIF", ref)
            if pif["management"] and not pif["currently_attached"]:
                raise XapiError("REQUIRED_PIF_IS_UNPLUGGED", ref)
    context.database.set("pool", context.pool.ref, ha_enabled=True, ha_configuration=dict(configuration))


async def disable_ha(context: Context) -> None:
    context.database.set("pool", context.pool.ref, ha_enabled=False)


async def create_vlan(context: Context, device: str, network: str, tag: int) -> list[str]:
    """pool.create_VLAN: the VLAN on the PIF of that device, on every host. Answers the VLANs' PIFs. An error takes all back."""
    targets = []
    for host in context.pool.rows(context.pool.hosts):
        records = [(ref, context.database.get("PIF", ref)) for ref in context.database.get("host", host)["PIFs"]]
        base = [ref for ref, record in records if record["device"] == device and record["VLAN"] == -1]
        if not base:
            raise XapiError("INVALID_VALUE", "device", device)
        targets.append(base[0])
    return await _vlans(context, targets, network, tag)


async def create_vlan_from_pif(context: Context, pif: str, network: str, tag: int) -> list[str]:
    """pool.create_VLAN_from_PIF: the VLAN on each live host's PIF of the same network. Answers the VLANs' PIFs. An error takes all back."""
    below = context.database.get("PIF", pif)["network"]
    targets = []
    for base in list(context.database.get("network", below)["PIFs"]):
        host = context.database.get("host", context.database.get("PIF", base)["host"])
        if context.database.get("host_metrics", host["metrics"])["live"]:
            targets.append(base)
    return await _vlans(context, targets, network, tag)


async def _vlans(context: Context, targets: list[str], network: str, tag: int) -> list[str]:
    """A VLAN on each of these PIFs, or on none. Answers the VLANs' PIFs."""
    made: list[tuple[str, str]] = []
    try:
        for base in targets:
            host = context.database.get("PIF", base)["host"]
            made.append((host, await at_host(context, host, partial(vlan.create, context.pool, base, tag, network))))
    except XapiError:
        for host, ref in made:
            with suppress(XapiError):
                await at_host(context, host, partial(vlan.destroy, context.pool, ref))
        raise
    return [context.database.get("VLAN", ref)["untagged_PIF"] for _unused, ref in made]


async def recover_slaves(context: Context) -> list[str]:
    """pool.recover_slaves: members in emergency mode find their master again. Answers them."""
    recovered = []
    for host in context.pool.hosts.values():
        if host.xapi == "emergency":
            await host.life.recover()
            recovered.append(host.ref)
    return recovered


async def sync_database(context: Context) -> None:
    """Nothing to do: there is one database."""


async def is_slave(context: Context, host: str) -> bool:
    context.database.get("host", host)
    return host != context.pool.master


async def get_license_state(context: Context, self: str) -> dict[str, str]:
    """The edition that every host has; it never ends."""
    context.database.get("pool", self)
    return {"edition": str(context.pool.master_host.record.get("edition", "")), "expiry": "never"}


CALLS: dict[str, Handler] = {
    "management_reconfigure": management_reconfigure,
    "enable_ha": enable_ha,
    "disable_ha": disable_ha,
    "create_VLAN": create_vlan,
    "create_VLAN_from_PIF": create_vlan_from_pif,
    "recover_slaves": recover_slaves,
    "sync_database": sync_database,
    "is_slave": is_slave,
    "get_license_state": get_license_state,
}
