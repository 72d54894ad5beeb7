# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnels (ocaml/xapi/xapi_tunnel.ml)."""

from __future__ import annotations

import uuid

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.xapi.network import pif, pif_helpers
from xapi_twin.xapi.network.addresses import mac_of_seed
from xapi_twin.xapi.state import XapiState


async def create(pool: XapiState, transport: str, network: str, protocol: str) -> str:
    """tunnel.create; a tunnel that cannot be plugged stays, unplugged, behind the error (recorded). Answers the tunnel."""
    pif_helpers.network_managed(pool, network)
    record = pool.database.get("PIF", transport)
    pif_helpers.no_other_local_pifs(pool, record["host"], network)
    pif_helpers.managed(pool, transport)
    if pif_helpers.is_slave(pool, record):
        raise XapiError("CANNOT_ADD_TUNNEL_TO_BOND_SLAVE", transport)
    if record.get("tunnel_access_PIF_of"):
        raise XapiError("IS_TUNNEL_ACCESS_PIF", transport)
    for host in pool.database.all("host").values():
        if host["software_version"].get("network_backend", pool.network_backend) != "openvswitch":
            raise XapiError("OPENVSWITCH_NOT_ACTIVE")
    tunnel, access = await records(pool, transport, network, protocol)
    await pif.plug(pool, access)
    return tunnel


async def records(pool: XapiState, transport: str, network: str, protocol: str) -> tuple[str, str]:
    """A new tunnel and its access PIF with a random MAC, not plugged."""
    below = pool.database.get("PIF", transport)
    devices = {
        pool.database.get("PIF", ref)["device"]
        for ref in pool.database.get("host", below["host"])["PIFs"]
        if pool.database.get("PIF", ref).get("tunnel_access_PIF_of")
    }
    number = next(number for number in range(len(devices) + 1) if f"tunnel{number}" not in devices)
    fields = pif_helpers.known(
        pool,
        "PIF",
        {
            "device": f"tunnel{number}",
            "MAC": mac_of_seed(str(uuid.uuid4())),
            "MTU": -1,
            "VLAN": -1,
            "metrics": below["metrics"],
            "physical": False,
            "currently_attached": False,
            "igmp_snooping_status": "unknown",
            "IPv6": [""],
            "primary_address_type": below.get("primary_address_type", "IPv4"),
            "managed": True,
            "properties": {},
        },
    )
    access = pool.database.add("PIF", network=network, host=below["host"], **fields)
    await pool.yield_()
    more = pif_helpers.known(pool, "tunnel", {"protocol": protocol})
    tunnel = pool.database.add("tunnel", access_PIF=access, transport_PIF=transport, status={"active": "false"}, **more)
    return tunnel, access


async def destroy(pool: XapiState, ref: str) -> None:
    """tunnel.destroy: the tunnel and its access PIF."""
    access = pool.database.get("tunnel", ref)["access_PIF"]
    await pif.unplug(pool, access)
    pool.database.remove("PIF", access)
    pool.database.remove("tunnel", ref)
