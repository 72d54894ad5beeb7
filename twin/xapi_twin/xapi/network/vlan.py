# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VLANs (ocaml/xapi/xapi_vlan.ml)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapi_twin.database import new_ref
from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import NULL
from xapi_twin.xapi.network import pif, pif_helpers

if TYPE_CHECKING:
    from xapi_twin.twin.pool import Twin

VLAN_MAC = "fe:ff:ff:ff:ff:ff"  # of every VLAN's PIF; its bridge has the MAC of the PIF below


async def create(twin: Twin, tagged: str, tag: int, network: str) -> str:
    """VLAN.create, the checks in xapi's order. Answers the VLAN."""
    pif_helpers.network_managed(twin, network)
    record = twin.database.get("PIF", tagged)
    pif_helpers.no_other_local_pifs(twin, record["host"], network)
    pif_helpers.managed(twin, tagged)
    if pif_helpers.is_slave(twin, record):
        raise XapiError("CANNOT_ADD_VLAN_TO_BOND_SLAVE", tagged)
    if record["VLAN"] != -1:
        raise XapiError("PIF_IS_VLAN", tagged)
    if record.get("tunnel_access_PIF_of"):
        raise XapiError("IS_TUNNEL_ACCESS_PIF", tagged)
    if not 0 <= tag <= 4094:
        raise XapiError("VLAN_TAG_INVALID", tag)
    if any(twin.database.get("VLAN", vlan)["tag"] == tag for vlan in record["VLAN_slave_of"]):
        raise XapiError("PIF_VLAN_EXISTS", record["device"])
    vlan, untagged = records(twin, tagged, tag, network)
    await pif.plug(twin, untagged)
    return vlan


def records(twin: Twin, tagged: str, tag: int, network: str) -> tuple[str, str]:
    """A new VLAN and its PIF, not plugged. The PIF shares the metrics of the PIF below."""
    below = twin.database.get("PIF", tagged)
    vlan = new_ref()
    fields = pif_helpers.known(
        twin,
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
    untagged = twin.database.add("PIF", network=network, host=below["host"], **fields)
    twin.database.add("VLAN", vlan, tagged_PIF=tagged, untagged_PIF=untagged, tag=tag)
    return vlan, untagged


async def destroy(twin: Twin, ref: str) -> None:
    """VLAN.destroy: the VLAN and its PIF."""
    untagged = twin.database.get("VLAN", ref)["untagged_PIF"]
    record = twin.database.find("PIF", untagged)
    if record is None:
        twin.database.remove("VLAN", ref)
        return
    pif_helpers.not_in_bond(twin, untagged)
    pif_helpers.not_slave_management(twin, untagged)
    pif_helpers.not_protected(twin, untagged)
    if record["VLAN"] < 0:
        raise XapiError("PIF_IS_PHYSICAL")
    await pif.unplug(twin, untagged)
    vlan = record["VLAN_master_of"]
    if vlan != NULL and twin.database.find("VLAN", vlan) is not None:
        twin.database.remove("VLAN", vlan)
    twin.database.remove("PIF", untagged)
