# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bonds: created, destroyed, changed (ocaml/xapi/xapi_bond.ml)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from xapi_twin.database import new_ref
from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import NULL
from xapi_twin.xapi.network import bond_properties, moves, nm, pif_helpers
from xapi_twin.xapi.network.addresses import is_mac
from xapi_twin.xapi.state import HostState, XapiState

Record = dict[str, Any]

RECORDS_SECONDS = 0.07
Progress = Callable[[float], None]


def _no_progress(fraction: float) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Wanted:
    """What Bond.create is asked for. `ref`: the reference that the Bond is to get (None: a new one)."""

    network: str
    members: Sequence[str]
    mac: str = ""
    mode: str = "balance-slb"
    properties: Mapping[str, str] = field(default_factory=dict)
    ref: str | None = None


@dataclass(frozen=True)
class _Carried:
    """What stands on PIFs and goes with them, as references. `manages`: one of the VLANs is the management interface."""

    vlans: Sequence[str]
    tunnels: Sequence[str]
    vifs: Sequence[str]
    manages: bool

    @classmethod
    def by(cls, pool: XapiState, host: str, pifs: Sequence[Record]) -> _Carried:
        vlans = [vlan for pif in pifs for vlan in pif["VLAN_slave_of"]]
        untagged = [pool.database.get("PIF", pool.database.get("VLAN", vlan)["untagged_PIF"]) for vlan in vlans]
        return cls(
            vlans,
            tunnels=[tunnel for pif in pifs for tunnel in pif.get("tunnel_transport_PIF_of", ())],
            vifs=moves.local_vifs(pool, host, [pif["network"] for pif in pifs]),
            manages=any(pif["management"] for pif in untagged),
        )


async def create(pool: XapiState, wanted: Wanted, progress: Progress = _no_progress) -> str:
    """Bond.create at the host of the members. Answers the Bond.

    The checks come in xapi's order, so that of several mistakes the same one is answered. An error after the first write leaves a bond
    that is incomplete.
    """
    database = pool.database
    host = _check_request(pool, wanted)
    wanted = replace(wanted, members=_distinct(wanted.members), properties=bond_properties.with_defaults(wanted.mode, wanted.properties))
    members = wanted.members
    async with host.bond_lock:
        pifs = [database.get("PIF", member) for member in members]
        carried = _Carried.by(pool, host.ref, pifs)
        with_ip = [member for member, pif in zip(members, pifs, strict=True) if _has_ip(pif)]
        managing = [member for member, pif in zip(members, pifs, strict=True) if pif["management"]]
        primary = (managing or with_ip or members)[0]
        _check_members(pool, members, primary, with_ip)
        await pool.faults.moment("bond.create.checked", host.ref)

        bond = await _records(pool, host.ref, wanted, primary)
        master: str = database.get("Bond", bond)["master"]
        await pool.pause(RECORDS_SECONDS)  # the bond is seen before the IP has moved (recorded)
        await moves.configuration(pool, primary, master)
        if not pool.schema.at_least("7.0"):
            for member in members:  # the second IP is lost, not refused (CA-106754)
                await moves.clear_ip(pool, member)
        disallow = any(database.get("PIF", member).get("disallow_unplug", False) for member in members)
        await pool.faults.moment("bond.create.recorded", host.ref, bond=bond)

        if managing:
            await moves.move_management(pool, master)
        elif not carried.manages:
            await nm.bring_up(pool, master)
        _follow_mtu(pool, members, wanted.network)
        progress(0.2)
        await pool.faults.moment("bond.create.plugged", host.ref, bond=bond)
        await _take_over(pool, carried, master, progress)
        await pool.faults.moment("bond.create.moved", host.ref, bond=bond)
        if disallow:
            _protect(pool, master, members)
        progress(0.9)
        moves.move_cluster_host(pool, host.ref, members, master)
        progress(1.0)
    await pool.faults.moment("bond.create.done", host.ref, bond=bond)
    return bond


def _check_request(pool: XapiState, wanted: Wanted) -> HostState:
    """What is wrong whatever the members are. Answers their host."""
    pif_helpers.network_managed(pool, wanted.network)
    host = pool.hosts[pool.database.get("PIF", wanted.members[0])["host"]]
    pif_helpers.no_other_local_pifs(pool, host.ref, wanted.network)
    _no_sriov(pool, wanted.network)
    if wanted.mac and not is_mac(wanted.mac):
        raise XapiError("MAC_INVALID", wanted.mac)
    for name, value in wanted.properties.items():
        bond_properties.check(wanted.mode, name, value)
    return host


async def _take_over(pool: XapiState, carried: _Carried, master: str, progress: Progress) -> None:
    """What stood on the members goes to the bond."""
    for vlan in carried.vlans:
        await moves.move_vlan(pool, vlan, master)
    progress(0.4)
    if carried.manages:
        await nm.bring_up(pool, master)
    for tunnel in carried.tunnels:
        await moves.move_tunnel(pool, tunnel, master)
    progress(0.6)
    for vif in carried.vifs:
        pool.database.set("VIF", vif, network=pool.database.get("PIF", master)["network"])
    progress(0.8)


def _protect(pool: XapiState, master: str, members: Sequence[str]) -> None:
    """The bond is what must not be unplugged now, and not its members."""
    pool.database.set("PIF", master, disallow_unplug=True)
    for member in members:
        pool.database.set("PIF", member, disallow_unplug=False)


async def destroy(pool: XapiState, bond: str, progress: Progress = _no_progress) -> None:
    """Bond.destroy at the host of the bond: everything goes back to the primary slave."""
    database = pool.database
    record = database.get("Bond", bond)
    master = record["master"]
    host = pool.hosts[database.get("PIF", master)["host"]]
    async with host.bond_lock:
        record = database.get("Bond", bond)
        members = list(record["slaves"])
        pif = database.get("PIF", master)
        plugged = pif["currently_attached"]
        primary = record.get("primary_slave", members[0] if members else NULL)
        carried = _Carried.by(pool, host.ref, [pif])
        if pool.ha_enabled and pif["management"]:
            raise XapiError("HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE")
        await moves.configuration(pool, master, primary)
        await pool.faults.moment("bond.destroy.recorded", host.ref, bond=bond)
        await _plug_members(pool, pif, members, primary, plugged and not carried.manages)
        progress(0.2)
        for vlan in carried.vlans:
            await moves.move_vlan(pool, vlan, primary)
        progress(0.4)
        if carried.manages:
            for member in members:
                await nm.bring_up(pool, member)
        for vif in carried.vifs:
            database.set("VIF", vif, network=database.get("PIF", primary)["network"])
        progress(0.6)
        for tunnel in carried.tunnels:
            await moves.move_tunnel(pool, tunnel, primary)
        progress(0.8)
        if pif.get("disallow_unplug", False):
            database.set("PIF", primary, disallow_unplug=True)
        moves.move_cluster_host(pool, host.ref, [master], primary)
        await pool.faults.moment("bond.destroy.plugged", host.ref, bond=bond)
        for member in members:
            await pool.write("PIF", member, bond_slave_of=NULL)
        database.remove("Bond", bond)
        await pool.yield_()
        database.remove("PIF", master)
        progress(1.0)
    await pool.faults.moment("bond.destroy.done", host.ref)


async def _plug_members(pool: XapiState, master: Record, members: Sequence[str], primary: str, plugged: bool) -> None:
    """The members of a bond that goes are what it was. The management interface goes to the primary slave."""
    if master["management"]:
        await moves.move_management(pool, primary)
        for member in members:
            if member != primary:
                await nm.bring_up(pool, member)
    elif plugged:
        for member in members:
            await nm.bring_up(pool, member)


async def set_mode(pool: XapiState, bond: str, mode: str) -> None:
    """Bond.set_mode: properties that the new mode does not know go, its defaults come, the bond is unplugged and plugged again."""
    pool.database.set("Bond", bond, mode=mode)
    record = pool.database.get("Bond", bond)
    if "properties" in record:
        fitting = bond_properties.that_fit(mode, record["properties"])
        pool.database.set("Bond", bond, properties=bond_properties.with_defaults(mode, fitting))
    await nm.bring_up(pool, record["master"])


async def set_property(pool: XapiState, bond: str, name: str, value: str) -> None:
    """Bond.set_property, then the bond is unplugged and plugged again."""
    record = pool.database.get("Bond", bond)
    bond_properties.check(record["mode"], name, value)
    pool.database.set("Bond", bond, properties={**record["properties"], name: value})
    await nm.bring_up(pool, record["master"])


def host_of(pool: XapiState, bond: str) -> str:
    """The host of a bond. Raises XapiError HANDLE_INVALID."""
    host: str = pool.database.get("PIF", pool.database.get("Bond", bond)["master"])["host"]
    return host


def _check_members(pool: XapiState, members: Sequence[str], primary: str, with_ip: Sequence[str]) -> None:
    database = pool.database
    address_type = database.get("PIF", primary).get("primary_address_type", "IPv4")
    for member in members:
        if database.get("PIF", member).get("primary_address_type", "IPv4") != address_type:
            raise XapiError("PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE", member)
    for member in members:
        pif = database.get("PIF", member)
        pif_helpers.managed(pool, member)
        if pif.get("tunnel_access_PIF_of"):
            raise XapiError("IS_TUNNEL_ACCESS_PIF", member)
        if pif_helpers.is_slave(pool, pif):
            raise XapiError("PIF_ALREADY_BONDED", member)
        if pif.get("sriov_logical_PIF_of"):
            raise XapiError("PIF_IS_SRIOV_LOGICAL", member)
        if pif["VLAN"] != -1:
            raise XapiError("PIF_VLAN_EXISTS", pif["device"])
        if pool.ha_enabled and pif["management"]:
            raise XapiError("HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE")
        pif_helpers.no_fcoe_in_use(pool, member)
    if len({database.get("PIF", member)["host"] for member in members}) != 1:
        raise XapiError("PIF_CANNOT_BOND_CROSS_HOST")
    properties = [database.get("PIF", member).get("properties", {}) for member in members]
    if any(other != properties[0] for other in properties):
        raise XapiError("INCOMPATIBLE_PIF_PROPERTIES")
    if len(with_ip) > 1 and pool.schema.at_least("7.0"):
        raise XapiError("PIF_BOND_MORE_THAN_ONE_IP")


async def _records(pool: XapiState, host: str, wanted: Wanted, primary: str) -> str:
    """The Bond and its PIF, and the members' pointers to it, one after the other (recorded: a PIF of which no Bond is there yet)."""
    database = pool.database
    source = database.get("PIF", primary)
    metrics = database.add("PIF_metrics", carrier=False, speed=0, duplex=False)
    fields = pif_helpers.known(
        pool,
        "PIF",
        {
            "device": _device(pool, host),
            "MAC": wanted.mac or source["MAC"],
            "MTU": -1,
            "VLAN": -1,
            "metrics": metrics,
            "physical": False,
            "currently_attached": False,
            "igmp_snooping_status": "unknown",
            "IPv6": [""],
            "primary_address_type": source.get("primary_address_type", "IPv4"),
            "managed": True,
            "properties": source.get("properties", {}),
        },
    )
    master = database.add("PIF", network=wanted.network, host=host, **fields)
    await pool.yield_()
    bond = wanted.ref or new_ref()
    more = pif_helpers.known(
        pool,
        "Bond",
        {
            "primary_slave": primary,
            "mode": wanted.mode,
            "properties": dict(wanted.properties),
            "links_up": 0,
            "auto_update_mac": not wanted.mac,
        },
    )
    database.add("Bond", bond, master=master, **more)
    for member in wanted.members:
        await pool.yield_()
        database.set("PIF", member, bond_slave_of=bond)
    return bond


def _device(pool: XapiState, host: str) -> str:
    """bondN, N the smallest that is free on this host."""
    pifs = [pool.database.get("PIF", pif) for pif in pool.database.get("host", host)["PIFs"]]
    taken = {pif["device"] for pif in pifs if pif["bond_master_of"]}
    return next(name for name in (f"bond{number}" for number in range(len(taken) + 1)) if name not in taken)


def _follow_mtu(pool: XapiState, members: Sequence[str], network: str) -> None:
    """The members' networks take the MTU of the bond's network (CA-429051, after v26.17)."""
    if pool.schema.at_least("26.18"):
        mtu = pool.database.get("network", network)["MTU"]
        for member in members:
            pool.database.set("network", pool.database.get("PIF", member)["network"], MTU=mtu)


def _no_sriov(pool: XapiState, network: str) -> None:
    for pif in pool.database.get("network", network)["PIFs"]:
        if pool.database.get("PIF", pif).get("sriov_logical_PIF_of"):
            raise XapiError("NETWORK_INCOMPATIBLE_WITH_BOND", network)


def _has_ip(pif: Record) -> bool:
    if pif.get("primary_address_type", "IPv4") == "IPv6":
        return bool(pif["ipv6_configuration_mode"] != "None")
    return bool(pif["ip_configuration_mode"] != "None")


def _distinct(members: Sequence[str]) -> list[str]:
    """Each member once, at its last place (as xapi's own list function leaves them)."""
    return [member for place, member in enumerate(members) if member not in members[place + 1 :]]
