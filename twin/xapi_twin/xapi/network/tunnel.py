# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnels (ocaml/xapi/xapi_tunnel.ml)."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.xapi.network import pif, pif_helpers
from xapi_twin.xapi.network.addresses import mac_of_seed

if TYPE_CHECKING:
    from xapi_twin.twin.pool import Twin


async def create(twin: Twin, transport: str, network: str, protocol: str) -> str:
    """tunnel.create; a tunnel that cannot be plugged stays, unplugged, behind the error (recorded). Answers the tunnel."""
    pif_helpers.network_managed(twin, network)
    record = twin.database.get("PIF", transport)
    pif_helpers.no_other_local_pifs(twin, record["host"], network)
    pif_helpers.managed(twin, transport)
    if pif_helpers.is_slave(twin, record):
        raise XapiError("CANNOT_ADD_TUNNEL_TO_BOND_SLAVE", transport)
    if record.get("tunnel_access_PIF_of"):
        raise XapiError("IS_TUNNEL_ACCESS_PIF", transport)
    for host in twin.database.all("host").values():
        if host["software_version"].get("network_backend", twin.scenario.backend) != "openvswitch":
            raise XapiError("OPENVSWITCH_NOT_ACTIVE")
    tunnel, access = records(twin, transport, network, protocol)
    await pif.plug(twin, access)
    return tunnel


def records(twin: Twin, transport: str, network: str, protocol: str) -> tuple[str, str]:
    """A new tunnel and its access PIF with a random MAC, not plugged."""
    below = twin.database.get("PIF", transport)
    devices = {
        twin.database.get("PIF", ref)["device"]
        for ref in twin.database.get("host", below["host"])["PIFs"]
        if twin.database.get("PIF", ref).get("tunnel_access_PIF_of")
    }
    number = next(number for number in range(len(devices) + 1) if f"tunnel{number}" not in devices)
    fields = pif_helpers.known(
        twin,
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
    access = twin.database.add("PIF", network=network, host=below["host"], **fields)
    more = pif_helpers.known(twin, "tunnel", {"protocol": protocol})
    tunnel = twin.database.add("tunnel", access_PIF=access, transport_PIF=transport, status={"active": "false"}, **more)
    return tunnel, access


async def destroy(twin: Twin, ref: str) -> None:
    """tunnel.destroy: the tunnel and its access PIF."""
    access = twin.database.get("tunnel", ref)["access_PIF"]
    await pif.unplug(twin, access)
    twin.database.remove("PIF", access)
    twin.database.remove("tunnel", ref)
