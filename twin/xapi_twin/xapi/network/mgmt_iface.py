# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which PIF is the management interface of a host, and how that changes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.xapi.network import nm, pif_helpers

if TYPE_CHECKING:
    from xapi_twin.twin.host import Host
    from xapi_twin.twin.pool import Twin

ADDRESS_SECONDS = 0.05  # from the bond that is up to the management that has moved, in two steps


async def move(twin: Twin, pif: str) -> None:
    """Management goes to another PIF that is up: the host has no address for a moment (recorded)."""
    record = twin.database.get("PIF", pif)
    await twin.pause(ADDRESS_SECONDS)
    twin.database.set("host", record["host"], address="")
    await twin.pause(ADDRESS_SECONDS)
    settle(twin, pif)


def settle(twin: Twin, pif: str) -> None:
    """This PIF's bridge is the management interface now: the inventory, the flags of the PIFs and host.address say so."""
    record = twin.database.get("PIF", pif)
    host = twin.hosts[record["host"]]
    host.management_bridge = nm.bridge_of(twin, record)
    update_flags(host)
    address = primary_address(record)
    if address:
        twin.database.set("host", host.ref, address=address)


def update_flags(host: Host) -> None:
    """PIF.management follows the bridge that the inventory names."""
    database = host.twin.database
    if not host.management_bridge:
        return
    for ref in host.pifs():
        pif = database.get("PIF", ref)
        is_management = nm.bridge_of(host.twin, pif) == host.management_bridge
        if pif["management"] != is_management:
            database.set("PIF", ref, management=is_management)


def primary_address(pif: dict[str, object]) -> str:
    """The address that other hosts use, by PIF.primary_address_type."""
    if pif.get("primary_address_type", "IPv4") == "IPv6":
        addresses = [str(address) for address in pif.get("IPv6", ()) if address]  # type: ignore[attr-defined]
        return addresses[0].partition("/")[0] if addresses else ""
    return str(pif["IP"])


async def reconfigure(twin: Twin, pif: str) -> None:
    """host.management_reconfigure. Raises XapiError as xapi does, in its order."""
    if twin.pool.get("ha_enabled", False):
        raise XapiError("HA_IS_ENABLED")
    record = twin.database.get("PIF", pif)
    if pif_helpers.is_slave(twin, record):
        raise XapiError("CANNOT_PLUG_BOND_SLAVE", pif)
    if record.get("primary_address_type", "IPv4") == "IPv6":
        if record["ipv6_configuration_mode"] == "None":
            raise XapiError("PIF_HAS_NO_V6_NETWORK_CONFIGURATION", pif)
    elif record["ip_configuration_mode"] == "None":
        raise XapiError("PIF_HAS_NO_NETWORK_CONFIGURATION", pif)
    if record["management"]:
        return
    await nm.bring_up(twin, pif, management=True)
    await move(twin, pif)


async def reconfigure_pool(twin: Twin, network: str) -> None:
    """pool.management_reconfigure: every host's management goes to its PIF on the network, the members' first, the master's last."""
    if twin.pool.get("ha_enabled", False):
        raise XapiError("HA_IS_ENABLED")
    targets = {}
    for host in twin.hosts:
        local = [ref for ref in twin.database.get("network", network)["PIFs"] if twin.database.get("PIF", ref)["host"] == host]
        if not local:
            raise XapiError("PIF_NOT_PRESENT", host, network)
        record = twin.database.get("PIF", local[0])
        if not record["currently_attached"]:
            raise XapiError("REQUIRED_PIF_IS_UNPLUGGED", local[0])
        if not primary_address(record):
            raise XapiError("INTERFACE_HAS_NO_IP", local[0])
        targets[host] = local[0]
    for host, pif in sorted(targets.items(), key=lambda item: item[0] == twin.master):
        await twin.hosts[host].carry_out(partial(reconfigure, twin, pif))
