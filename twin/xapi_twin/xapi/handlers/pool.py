# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""pool: the management interface of all hosts, HA, and what XenCenter's older calls make of VLANs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.xapi import membership
from xapi_twin.xapi.context import Context, Handler
from xapi_twin.xapi.forwarding import at_host
from xapi_twin.xapi.network import mgmt_iface, vlan


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


async def join(context: Context, master_address: str, master_username: str, master_password: str) -> None:
    await _join(context, master_address, master_username, master_password, force=False)


async def join_force(context: Context, master_address: str, master_username: str, master_password: str) -> None:
    await _join(context, master_address, master_username, master_password, force=True)


async def _join(context: Context, address: str, user: str, password: str, force: bool) -> None:
    """The host that is asked joins the pool at the address, and its xapi starts again as a member. A refusal changes nothing."""
    around = context.pool.membership
    found = around.host_at(address) if around is not None else None
    if around is None or found is None or found.pool.master_host.xapi != "running":
        raise XapiError("JOINING_HOST_CONNECTION_FAILED")
    pool = found.pool
    if pool is context.pool:
        said = "Host is already part of a pool" if len(pool.hosts) > 1 else "Host cannot become slave of itself"
        raise XapiError("OPERATION_NOT_ALLOWED", said)
    if pool.passwords.get(user) != password:
        raise XapiError("SESSION_AUTHENTICATION_FAILED", user, "Authentication failure")
    if not found.is_master:
        raise XapiError("HOST_IS_SLAVE", pool.master_host.record["address"])
    membership.check_join(context.pool, pool, force)
    around.join(pool, membership.admit(context.pool, pool))


async def eject(context: Context, host: str) -> None:
    """A member leaves: its records go at once, and it boots as a pool of its own."""
    membership.check_eject(context.pool, host)
    assert context.pool.membership is not None

    async def work() -> None:
        if context.pool.membership is not None:
            context.pool.membership.eject(host)
        membership.remove(context.pool, host)

    await at_host(context, host, work)


async def designate_new_master(context: Context, host: str) -> None:
    """All xapis of the pool start again; that of this host as the master."""
    context.database.get("host", host)
    if context.pool.ha_enabled:
        raise XapiError("HA_IS_ENABLED")
    if host == context.pool.master or context.pool.membership is None:
        return
    for member in context.pool.hosts.values():
        if member.xapi != "running":
            raise XapiError("CANNOT_CONTACT_HOST", member.ref)
    context.pool.membership.change_master(host)


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
    "join": join,
    "join_force": join_force,
    "eject": eject,
    "designate_new_master": designate_new_master,
    "get_license_state": get_license_state,
}
