# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing PIFs up and down: from the records to dom0, and what that changes in the records (ocaml/xapi/nm.ml)."""

from __future__ import annotations

import re
from typing import Any

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import NULL
from xapi_twin.dom0.model import BondConfig, BridgeConfig, BringUpError
from xapi_twin.xapi.network.addresses import of_family, prefix_length
from xapi_twin.xapi.state import XapiState

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


def bridge_of(pool: XapiState, pif: Record) -> str:
    bridge: str = pool.database.get("network", pif["network"])["bridge"]
    return bridge


def mtu_of(pool: XapiState, pif: Record) -> int:
    """The MTU that a PIF gets when it is plugged: its network's, unless other_config:mtu of the PIF says otherwise."""
    override = pif["other_config"].get("mtu", "")
    if re.fullmatch(r"\d+", override):
        return int(override)
    mtu: int = pool.database.get("network", pif["network"])["MTU"]
    return mtu


async def bring_up(pool: XapiState, ref: str, management: bool = False) -> None:
    """Make dom0 have what the PIF's record says. A bond's members go down with it, a member's bond goes down likewise.

    Raises XapiError PIF_CONFIGURATION_ERROR when dom0 cannot (a NIC is missing): the records stay half way, as xapi leaves them.
    """
    database = pool.database
    pif = database.get("PIF", ref)
    host = pool.hosts[pif["host"]]
    async with host.plug_lock:
        for bond in pif["bond_master_of"][:1]:
            for slave in list(database.get("Bond", bond)["slaves"]):
                database.set("PIF", slave, currently_attached=False)
            _follow_primary_slave(pool, bond, ref)
        try:
            if pif["bond_master_of"]:
                await pool.faults.moment("bond.plug", host.ref, device=pif["device"])
            await pool.faults.moment("pif.plug", host.ref, device=pif["device"])
            await _configure(pool, ref, pif)
        except BringUpError as error:
            host.log("error", "network_server", f"bringing up PIF {pif['uuid']}: {error}")
            raise XapiError("PIF_CONFIGURATION_ERROR", ref, error.script) from error
        await pool.pause(PLUG_SECONDS[kind_of(pif)])
        await pool.faults.moment("pif.plugged", host.ref, device=pif["device"])
        if not pif["currently_attached"] or management:
            database.set("PIF", ref, currently_attached=True)
            if pif["bond_slave_of"] != NULL:
                master = database.get("Bond", pif["bond_slave_of"])["master"]
                database.set("PIF", master, currently_attached=False)
            await pool.pause(MTU_SECONDS)
        changes: Record = {"MTU": mtu_of(pool, pif)}
        if pif["VLAN"] == -1 and "igmp_snooping_status" in pif:
            snooping = pool.record.get("igmp_snooping_enabled", False)
            changes["igmp_snooping_status"] = "enabled" if snooping else "disabled"
        await pool.write("PIF", ref, **changes)
        host.attached_changed(ref)


async def bring_down(pool: XapiState, ref: str) -> None:
    """Take the PIF's bridge out of dom0."""
    pif = pool.database.get("PIF", ref)
    host = pool.hosts[pif["host"]]
    async with host.plug_lock:
        await pool.faults.moment("pif.unplug", host.ref, device=pif["device"])
        await host.backend.bring_down(bridge_of(pool, pif), force=False)
        if kind_of(pif) == "vlan":
            # A bridge that was made only to carry this VLAN goes with it.
            vlan = pool.database.get("VLAN", pif["VLAN_master_of"])
            tagged = pool.database.find("PIF", vlan["tagged_PIF"])
            if tagged is not None and not tagged["currently_attached"]:
                await host.backend.bring_down(bridge_of(pool, tagged), force=False)
        await pool.pause(UNPLUG_SECONDS)
        pool.database.set("PIF", ref, currently_attached=False)
        host.attached_changed(ref)


async def configure_attached(pool: XapiState, ref: str) -> None:
    """Dom0 as a PIF that is attached from the start has made it: no record changes, no time passes."""
    pif = pool.database.get("PIF", ref)
    try:
        await _configure(pool, ref, pif)
    except BringUpError as error:
        pool.hosts[pif["host"]].log("error", "network_server", str(error))


async def _configure(pool: XapiState, ref: str, pif: Record) -> None:
    backend = pool.hosts[pif["host"]].backend
    config = config_of(pool, ref)
    if config.parent is not None and config.parent not in backend.dom0.bridges:
        vlan = pool.database.get("VLAN", pif["VLAN_master_of"])
        tagged = pool.database.get("PIF", vlan["tagged_PIF"])
        await _configure(pool, vlan["tagged_PIF"], tagged)
    for bond in pif["bond_master_of"][:1]:
        for slave in pool.database.get("Bond", bond)["slaves"]:
            await backend.bring_down(bridge_of(pool, pool.database.get("PIF", slave)))
    if pif["bond_slave_of"] != NULL and kind_of(pif) == "physical":
        bond_record = pool.database.find("Bond", pif["bond_slave_of"])
        if bond_record is not None:
            await backend.bring_down(bridge_of(pool, pool.database.get("PIF", bond_record["master"])))
    await backend.bring_up(config)


def config_of(pool: XapiState, ref: str) -> BridgeConfig:
    """What dom0 is to have for a PIF. Raises XapiError PIF_CONFIGURATION_ERROR for a netmask with holes (from v25 on)."""
    database = pool.database
    pif = database.get("PIF", ref)
    kind = kind_of(pif)
    addresses: list[str] = []
    if pif["ip_configuration_mode"] != "None" and pif["IP"]:
        length = prefix_length(pif["netmask"], contiguous=pool.schema.at_least("25.1"))
        if length is None:
            raise XapiError("PIF_CONFIGURATION_ERROR", ref, "")
        addresses.append(f"{pif['IP']}/{length}")
    if pif.get("ipv6_configuration_mode", "None") != "None":
        addresses.extend(address for address in pif["IPv6"] if address)
    mac, parent, tag, bond = pif["MAC"], None, None, None
    if kind == "vlan":
        vlan = database.get("VLAN", pif["VLAN_master_of"])
        tagged = database.get("PIF", vlan["tagged_PIF"])
        mac, parent, tag = tagged["MAC"], bridge_of(pool, tagged), vlan["tag"]
    elif kind == "bond":
        bond = _bond_config(pool, pif)
    return BridgeConfig(
        name=bridge_of(pool, pif),
        mac=mac,
        mtu=mtu_of(pool, pif),
        addresses=tuple(addresses),
        gateway=pif["gateway"],
        dns=tuple(of_family(pif["DNS"], 4) + of_family(pif["DNS"], 6)) if pif["management"] else (),
        nic=pif["device"] if kind == "physical" else None,
        bond=bond,
        parent=parent,
        tag=tag,
    )


def _bond_config(pool: XapiState, pif: Record) -> BondConfig:
    bond = pool.database.get("Bond", pif["bond_master_of"][0])
    # The switch lists the members in the order that Bond.create was given; XAPI lists the newest first.
    slaves = [pool.database.get("PIF", slave)["device"] for slave in reversed(bond["slaves"])]
    timers = {
        key.removeprefix("bond-"): int(value) for key, value in pif["other_config"].items() if key.startswith("bond-") and value.isdigit()
    }
    return BondConfig(pif["device"], tuple(slaves), bond.get("mode", "balance-slb"), bond.get("properties", {}), timers)


def _follow_primary_slave(pool: XapiState, bond: str, master: str) -> None:
    """A MAC that was not given by the user follows the primary slave's (auto_update_mac, from 8.1 on)."""
    record = pool.database.get("Bond", bond)
    if record.get("auto_update_mac", False):
        primary = pool.database.find("PIF", record["primary_slave"])
        if primary is not None:
            pool.database.set("PIF", master, MAC=primary["MAC"])
