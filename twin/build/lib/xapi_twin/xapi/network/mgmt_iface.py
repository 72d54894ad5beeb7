# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which PIF is the management interface of a host, and how that changes."""

from __future__ import annotations

from functools import partial

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.xapi.network import nm, pif_helpers
from xapi_twin.xapi.state import HostState, XapiState

ADDRESS_SECONDS = 0.05  # from the bond that is up to the management that has moved, in two steps


async def move(pool: XapiState, pif: str) -> None:
    """Management goes to another PIF that is up: the host has no address for a moment (recorded)."""
    record = pool.database.get("PIF", pif)
    await pool.pause(ADDRESS_SECONDS)
    pool.database.set("host", record["host"], address="")
    await pool.pause(ADDRESS_SECONDS)
    settle(pool, pif)


def settle(pool: XapiState, pif: str) -> None:
    """This PIF's bridge is the management interface now: the inventory, the flags of the PIFs and host.address say so."""
    record = pool.database.get("PIF", pif)
    host = pool.hosts[record["host"]]
    host.management_bridge = nm.bridge_of(pool, record)
    update_flags(host)
    address = primary_address(record)
    if address:
        pool.database.set("host", host.ref, address=address)


def disable(host: HostState) -> None:
    """host.management_disable: no interface is for management any more."""
    if host.pool.ha_enabled:
        raise XapiError("HA_IS_ENABLED")
    host.management_bridge = ""
    for ref in host.pifs():
        host.pool.database.set("PIF", ref, management=False)


def update_flags(host: HostState) -> None:
    """PIF.management follows the bridge that the inventory names."""
    database = host.pool.database
    if not host.management_bridge:
        return
    for ref in host.pifs():
        pif = database.get("PIF", ref)
        is_management = nm.bridge_of(host.pool, pif) == host.management_bridge
        if pif["management"] != is_management:
            database.set("PIF", ref, management=is_management)


def primary_address(pif: dict[str, object]) -> str:
    """The address that other hosts use, by PIF.primary_address_type."""
    if pif.get("primary_address_type", "IPv4") == "IPv6":
        addresses = [str(address) for address in pif.get("IPv6", ()) if address]  # type: ignore[attr-defined]
        return addresses[0].partition("/")[0] if addresses else ""
    return str(pif["IP"])


async def reconfigure(pool: XapiState, pif: str) -> None:
    """host.management_reconfigure. Raises XapiError as xapi does, in its order."""
    if pool.ha_enabled:
        raise XapiError("HA_IS_ENABLED")
    record = pool.database.get("PIF", pif)
    if pif_helpers.is_slave(pool, record):
        raise XapiError("CANNOT_PLUG_BOND_SLAVE", pif)
    if record.get("primary_address_type", "IPv4") == "IPv6":
        if record["ipv6_configuration_mode"] == "None":
            raise XapiError("PIF_HAS_NO_V6_NETWORK_CONFIGURATION", pif)
    elif record["ip_configuration_mode"] == "None":
        raise XapiError("PIF_HAS_NO_NETWORK_CONFIGURATION", pif)
    if record["management"]:
        return
    await nm.bring_up(pool, pif, management=True)
    await move(pool, pif)


async def reconfigure_pool(pool: XapiState, network: str) -> None:
    """pool.management_reconfigure: every host's management goes to its PIF on the network, the members' first, the master's last."""
    if pool.ha_enabled:
        raise XapiError("HA_IS_ENABLED")
    targets = {}
    for host in pool.hosts:
        local = [ref for ref in pool.database.get("network", network)["PIFs"] if pool.database.get("PIF", ref)["host"] == host]
        if not local:
            raise XapiError("PIF_NOT_PRESENT", host, network)
        record = pool.database.get("PIF", local[0])
        if not record["currently_attached"]:
            raise XapiError("REQUIRED_PIF_IS_UNPLUGGED", local[0])
        if not primary_address(record):
            raise XapiError("INTERFACE_HAS_NO_IP", local[0])
        targets[host] = local[0]
    for host, pif in sorted(targets.items(), key=lambda item: item[0] == pool.master):
        await pool.hosts[host].carry_out(partial(reconfigure, pool, pif))
