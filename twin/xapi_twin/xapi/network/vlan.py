# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VLANs (ocaml/xapi/xapi_vlan.ml)."""

from __future__ import annotations

from xapi_twin.database import new_ref
from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import NULL
from xapi_twin.xapi.network import pif, pif_helpers
from xapi_twin.xapi.network.addresses import VLAN_MAC
from xapi_twin.xapi.state import XapiState


async def create(pool: XapiState, tagged: str, tag: int, network: str) -> str:
    """VLAN.create, the checks in xapi's order. Answers the VLAN."""
    pif_helpers.network_managed(pool, network)
    record = pool.database.get("PIF", tagged)
    pif_helpers.no_other_local_pifs(pool, record["host"], network)
    pif_helpers.managed(pool, tagged)
    if pif_helpers.is_slave(pool, record):
        raise XapiError("CANNOT_ADD_VLAN_TO_BOND_SLAVE", tagged)
    if record["VLAN"] != -1:
        raise XapiError("PIF_IS_VLAN", tagged)
    if record.get("tunnel_access_PIF_of"):
        raise XapiError("IS_TUNNEL_ACCESS_PIF", tagged)
    if not 0 <= tag <= 4094:
        raise XapiError("VLAN_TAG_INVALID", tag)
    if any(pool.database.get("VLAN", vlan)["tag"] == tag for vlan in record["VLAN_slave_of"]):
        raise XapiError("PIF_VLAN_EXISTS", record["device"])
    vlan, untagged = await records(pool, tagged, tag, network)
    await pif.plug(pool, untagged)
    return vlan


async def records(pool: XapiState, tagged: str, tag: int, network: str) -> tuple[str, str]:
    """A new PIF and then its VLAN, not plugged. The PIF shares the metrics of the PIF below."""
    below = pool.database.get("PIF", tagged)
    vlan = new_ref()
    fields = pif_helpers.known(
        pool,
        "PIF",
        {
            "device": below["device"],
            "MAC": VLAN_MAC,
            "MTU": below["MTU"],
            "VLAN": tag,
            "VLAN_master_of": vlan,
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
    untagged = pool.database.add("PIF", network=network, host=below["host"], **fields)
    await pool.yield_()
    pool.database.add("VLAN", vlan, tagged_PIF=tagged, untagged_PIF=untagged, tag=tag)
    return vlan, untagged


async def destroy(pool: XapiState, ref: str) -> None:
    """VLAN.destroy: the VLAN and its PIF."""
    untagged = pool.database.get("VLAN", ref)["untagged_PIF"]
    record = pool.database.find("PIF", untagged)
    if record is None:
        pool.database.remove("VLAN", ref)
        return
    pif_helpers.not_in_bond(pool, untagged)
    pif_helpers.not_slave_management(pool, untagged)
    pif_helpers.not_protected(pool, untagged)
    if record["VLAN"] < 0:
        raise XapiError("PIF_IS_PHYSICAL")
    await pif.unplug(pool, untagged)
    vlan = record["VLAN_master_of"]
    if vlan != NULL and pool.database.find("VLAN", vlan) is not None:
        pool.database.remove("VLAN", vlan)
    pool.database.remove("PIF", untagged)
