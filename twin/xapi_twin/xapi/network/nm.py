# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing PIFs up and down: from the records to dom0, and what that changes in the records (ocaml/xapi/nm.ml)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import NULL
from xapi_twin.dom0.model import BondConfig, BridgeConfig, BringUpError
from xapi_twin.xapi.network.addresses import of_family, prefix_length

if TYPE_CHECKING:
    from xapi_twin.twin.pool import Twin

Record = dict[str, Any]

# Seconds that it takes to plug, as recorded on v26.17; the twin scales them like a restart.
PLUG_SECONDS = {"bond": 0.6, "vlan": 0.35, "tunnel": 0.35, "physical": 0.22}
UNPLUG_SECONDS = 0.1
MTU_SECONDS = 0.05  # from attached to the MTU in the record


def kind_of(pif: Record) -> str:
    """bond, vlan, tunnel or physical."""
    if pif["VLAN_master_of"] != NULL:
        return "vlan"
    if pif["bond_master_of"]:
        return "bond"
    if pif.get("tunnel_access_PIF_of"):
        return "tunnel"
    return "physical"


def bridge_of(twin: Twin, pif: Record) -> str:
    bridge: str = twin.database.get("network", pif["network"])["bridge"]
    return bridge


def mtu_of(twin: Twin, pif: Record) -> int:
    """The MTU that a PIF gets when it is plugged: its network's, unless other_config:mtu of the PIF says otherwise."""
    override = pif["other_config"].get("mtu", "")
    if re.fullmatch(r"\d+", override):
        return int(override)
    mtu: int = twin.database.get("network", pif["network"])["MTU"]
    return mtu


async def bring_up(twin: Twin, ref: str, management: bool = False) -> None:
    """Make dom0 have what the PIF's record says. A bond's members go down with it, a member's bond goes down likewise.

    Raises XapiError PIF_CONFIGURATION_ERROR when dom0 cannot (a NIC is missing): the records stay half way, as xapi leaves them.
    """
    database = twin.database
    pif = database.get("PIF", ref)
    host = twin.hosts[pif["host"]]
    async with host.plug_lock:
        for bond in pif["bond_master_of"][:1]:
            for slave in list(database.get("Bond", bond)["slaves"]):
                database.set("PIF", slave, currently_attached=False)
            _follow_primary_slave(twin, bond, ref)
        try:
            if pif["bond_master_of"]:
                await twin.faults.moment("bond.plug", host.ref, device=pif["device"])
            await twin.faults.moment("pif.plug", host.ref, device=pif["device"])
            await _configure(twin, ref, pif)
        except BringUpError as error:
            host.log("error", "network_server", f"bringing up PIF {pif['uuid']}: {error}")
            raise XapiError("PIF_CONFIGURATION_ERROR", ref, "") from error
        await twin.pause(PLUG_SECONDS[kind_of(pif)])
        await twin.faults.moment("pif.plugged", host.ref, device=pif["device"])
        if not pif["currently_attached"] or management:
            database.set("PIF", ref, currently_attached=True)
            if pif["bond_slave_of"] != NULL:
                master = database.get("Bond", pif["bond_slave_of"])["master"]
                database.set("PIF", master, currently_attached=False)
            await twin.pause(MTU_SECONDS)
        changes: Record = {"MTU": mtu_of(twin, pif)}
        if pif["VLAN"] == -1 and "igmp_snooping_status" in pif:
            snooping = twin.pool.get("igmp_snooping_enabled", False)
            changes["igmp_snooping_status"] = "enabled" if snooping else "disabled"
        database.set("PIF", ref, **changes)
        host.attached_changed(ref)


async def bring_down(twin: Twin, ref: str) -> None:
    """Take the PIF's bridge out of dom0."""
    pif = twin.database.get("PIF", ref)
    host = twin.hosts[pif["host"]]
    async with host.plug_lock:
        await twin.faults.moment("pif.unplug", host.ref, device=pif["device"])
        await host.backend.bring_down(bridge_of(twin, pif), force=False)
        if kind_of(pif) == "vlan":
            # A bridge that was made only to carry this VLAN goes with it.
            vlan = twin.database.get("VLAN", pif["VLAN_master_of"])
            tagged = twin.database.find("PIF", vlan["tagged_PIF"])
            if tagged is not None and not tagged["currently_attached"]:
                await host.backend.bring_down(bridge_of(twin, tagged), force=False)
        await twin.pause(UNPLUG_SECONDS)
        twin.database.set("PIF", ref, currently_attached=False)
        host.attached_changed(ref)


async def paint(twin: Twin, ref: str) -> None:
    """Dom0 as a PIF that is attached from the start has made it: no record changes, no time passes."""
    pif = twin.database.get("PIF", ref)
    try:
        await _configure(twin, ref, pif)
    except BringUpError as error:
        twin.hosts[pif["host"]].log("error", "network_server", str(error))


async def _configure(twin: Twin, ref: str, pif: Record) -> None:
    backend = twin.hosts[pif["host"]].backend
    config = config_of(twin, ref)
    if config.parent is not None and config.parent not in backend.dom0.bridges:
        vlan = twin.database.get("VLAN", pif["VLAN_master_of"])
        tagged = twin.database.get("PIF", vlan["tagged_PIF"])
        await _configure(twin, vlan["tagged_PIF"], tagged)
    for bond in pif["bond_master_of"][:1]:
        for slave in twin.database.get("Bond", bond)["slaves"]:
            await backend.bring_down(bridge_of(twin, twin.database.get("PIF", slave)))
    if pif["bond_slave_of"] != NULL and kind_of(pif) == "physical":
        bond_record = twin.database.find("Bond", pif["bond_slave_of"])
        if bond_record is not None:
            await backend.bring_down(bridge_of(twin, twin.database.get("PIF", bond_record["master"])))
    await backend.bring_up(config)


def config_of(twin: Twin, ref: str) -> BridgeConfig:
    """What dom0 is to have for a PIF. Raises XapiError PIF_CONFIGURATION_ERROR for a netmask with holes (from v25 on)."""
    database = twin.database
    pif = database.get("PIF", ref)
    kind = kind_of(pif)
    addresses: list[str] = []
    if pif["ip_configuration_mode"] != "None" and pif["IP"]:
        length = prefix_length(pif["netmask"], contiguous=twin.schema.at_least("25.1"))
        if length is None:
            raise XapiError("PIF_CONFIGURATION_ERROR", ref, "")
        addresses.append(f"{pif['IP']}/{length}")
    if pif.get("ipv6_configuration_mode", "None") != "None":
        addresses.extend(address for address in pif["IPv6"] if address)
    mac, parent, tag, bond = pif["MAC"], None, None, None
    if kind == "vlan":
        vlan = database.get("VLAN", pif["VLAN_master_of"])
        tagged = database.get("PIF", vlan["tagged_PIF"])
        mac, parent, tag = tagged["MAC"], bridge_of(twin, tagged), vlan["tag"]
    elif kind == "bond":
        bond = _bond_config(twin, pif)
    return BridgeConfig(
        name=bridge_of(twin, pif),
        mac=mac,
        mtu=mtu_of(twin, pif),
        addresses=tuple(addresses),
        gateway=pif["gateway"],
        dns=tuple(of_family(pif["DNS"], 4) + of_family(pif["DNS"], 6)) if pif["management"] else (),
        nic=pif["device"] if kind == "physical" else None,
        bond=bond,
        parent=parent,
        tag=tag,
    )


def _bond_config(twin: Twin, pif: Record) -> BondConfig:
    bond = twin.database.get("Bond", pif["bond_master_of"][0])
    # The switch lists the members in the order that Bond.create was given; XAPI lists the newest first.
    slaves = [twin.database.get("PIF", slave)["device"] for slave in reversed(bond["slaves"])]
    timers = {
        key.removeprefix("bond-"): int(value) for key, value in pif["other_config"].items() if key.startswith("bond-") and value.isdigit()
    }
    return BondConfig(pif["device"], tuple(slaves), bond.get("mode", "balance-slb"), bond.get("properties", {}), timers)


def _follow_primary_slave(twin: Twin, bond: str, master: str) -> None:
    """A MAC that was not given by the user follows the primary slave's (auto_update_mac, from 8.1 on)."""
    record = twin.database.get("Bond", bond)
    if record.get("auto_update_mac", False):
        primary = twin.database.find("PIF", record["primary_slave"])
        if primary is not None:
            twin.database.set("PIF", master, MAC=primary["MAC"])
