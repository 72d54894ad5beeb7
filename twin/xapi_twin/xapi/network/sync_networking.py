# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a member's starting xapi takes over from the master: bonds, VLANs, tunnels (ocaml/xapi/sync_networking.ml).

Nothing that fails here is seen through the API: it is a line in the member's log, and the start goes on.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import NULL
from xapi_twin.xapi.network import bond, tunnel, vlan
from xapi_twin.xapi.state import HostState

Record = dict[str, Any]

BONDS = "Synchronising bonds on slave with master"
SRIOVS = "Synchronising network sriovs on slave with master"
VLANS = "Synchronising VLANs on slave with master"
TUNNELS = "Synchronising tunnels on slave with master"


async def synchronise(host: HostState) -> None:
    """All of it, in xapi's order."""
    await _step(host, "host.sync.bonds", BONDS, "Resynchronising bonds", "resynchronising bonds on slave", _bonds)
    host.log("debug", "sync_networking", "Resynchronising network-sriovs", SRIOVS)
    await _step(host, "host.sync.vlans", VLANS, "Resynchronising VLANs", "resynchronising VLANs on slave", _vlans)
    await _step(host, "host.sync.tunnels", TUNNELS, "Resynchronising tunnels", "resynchronising tunnels on slave", _tunnels)


async def _step(host: HostState, moment: str, task: str, text: str, doing: str, work: Callable[[HostState], Awaitable[None]]) -> None:
    host.log("debug", "sync_networking", text, task)
    try:
        await host.pool.faults.moment(moment, host.ref)
        await work(host)
    except XapiError as error:
        _ignore(host, error, doing, task)


def _ignore(host: HostState, error: XapiError, doing: str, task: str) -> None:
    host.log("debug", "helpers", f"Ignoring exception: {error} while {doing}", task)


async def _bonds(host: HostState) -> None:
    database = host.pool.database
    for ref in host.pool.rows(database.all("Bond")):
        record = database.get("Bond", ref)
        master = database.find("PIF", record["master"])
        if master is None or master["host"] != host.pool.master:
            continue
        try:
            await host.pool.faults.moment("host.sync.bond", host.ref, bond=ref, network=master["network"])
            await _bond(host, ref)
        except XapiError as error:
            _ignore(host, error, "resynchronising bonds on slave", BONDS)


async def _bond(host: HostState, ref: str) -> None:
    """One bond of the master."""
    pool, database = host.pool, host.pool.database
    record = database.get("Bond", ref)
    master_pif = database.get("PIF", record["master"])
    network = master_pif["network"]
    theirs = [database.get("PIF", slave) for slave in record["slaves"]]
    mine = _matching(host, theirs)
    donors = [pif for pif in theirs if pif["MAC"] == master_pif["MAC"]]
    if len(donors) == 1:
        place = ""
        if pool.schema.at_least("25.35"):
            place = f", position {position(host, donors[0])}"
        host.log("debug", "sync_networking", f"Master bond has MAC address derived from {donors[0]['device']}{place}", BONDS)
        first = _matching(host, donors)
        if len(first) == 1:
            text = "I have found a PIF to use as primary bond slave (will inherit MAC address of bond from this PIF)."
            host.log("debug", "sync_networking", text, BONDS)
            mine = [first[0], *(pif for pif in mine if pif != first[0])]
    existing = [pif for pif in host.pifs() if database.get("PIF", pif)["network"] == network]
    if not existing and not mine:
        host.log("warn", "sync_networking", f"Cannot create bond {record['uuid']} at all: no PIFs exist on slave", BONDS)
    elif not existing:
        await _create(host, network, mine, record)
    elif len(existing) == 1 and database.get("PIF", existing[0])["bond_master_of"]:
        old = database.get("PIF", existing[0])["bond_master_of"][0]
        if set(database.get("Bond", old)["slaves"]) != set(mine):
            host.log("debug", "sync_networking", "Partial bond exists; recreating", BONDS)
            await bond.destroy(pool, old)
            await _create(host, network, mine, record)
    elif len(existing) == 1:
        uuid = database.get("PIF", existing[0])["uuid"]
        where = database.get("network", network)["uuid"]
        host.log("warn", "sync_networking", f"Couldn't create bond on slave because PIF {uuid} already on network {where}", BONDS)
    else:
        host.log("warn", "sync_networking", "Unexpected bond configuration", BONDS)


async def _create(host: HostState, network: str, members: list[str], record: Record) -> None:
    """Mode and properties are the master's; a MAC that a user gave there is not."""
    if not members:
        raise XapiError("PIF_BOND_NEEDS_MORE_MEMBERS")
    wanted = bond.Wanted(network, members, mode=record.get("mode", "balance-slb"), properties=record.get("properties", {}))
    await bond.create(host.pool, wanted)


def _matching(host: HostState, theirs: list[Record]) -> list[str]:
    """This host's cards that correspond to cards of the master: of the same device name (before v25.35), or at the same position."""
    database = host.pool.database
    if host.pool.schema.at_least("25.35"):
        wanted = {position(host, pif) for pif in theirs} - {None}
        return [ref for ref in _cards(host) if position(host, database.get("PIF", ref)) in wanted]
    devices = {pif["device"] for pif in theirs}
    return [ref for ref in _cards(host) if database.get("PIF", ref)["device"] in devices]


def _cards(host: HostState) -> list[str]:
    records = [(ref, host.pool.database.get("PIF", ref)) for ref in host.pool.rows(host.pifs())]
    return [ref for ref, record in records if record["physical"]]


def position(host: HostState, pif: Record) -> int | None:
    """The N of the bridge xenbrN of a card's network; a bridge with another name has none."""
    match = re.fullmatch(r"xenbr(\d+)", host.pool.database.get("network", pif["network"])["bridge"])
    return int(match.group(1)) if match else None


async def _vlans(host: HostState) -> None:
    """A VLAN for each of the master's, on the PIF that is on the same network as the master's tagged PIF. They are not plugged."""
    database = host.pool.database
    masters = [ref for ref in host.pool.master_host.pifs() if database.get("PIF", ref)["VLAN_master_of"] != NULL]
    for ref in host.pool.rows(masters):
        untagged = database.get("PIF", ref)
        record = database.find("VLAN", untagged["VLAN_master_of"])
        if record is None:
            continue
        below = database.get("PIF", record["tagged_PIF"])["network"]
        if not _has_vlan(host, untagged["network"], record["tag"], below):
            base = [pif for pif in host.pifs() if database.get("PIF", pif)["network"] == below]
            if len(base) == 1:  # made without any check, and not plugged (recorded)
                await vlan.records(host.pool, base[0], record["tag"], untagged["network"])


def _has_vlan(host: HostState, network: str, tag: int, below: str) -> bool:
    database = host.pool.database
    for record in database.all("VLAN").values():
        mine = database.find("PIF", record["untagged_PIF"])
        same = mine is not None and mine["host"] == host.ref and mine["network"] == network and record["tag"] == tag
        if same and database.get("PIF", record["tagged_PIF"])["network"] == below:
            return True
    return False


async def _tunnels(host: HostState) -> None:
    """A tunnel for each of the master's, on the PIF that is on the same network as the master's transport PIF. It is not plugged."""
    database = host.pool.database
    masters = [ref for ref in host.pool.master_host.pifs() if database.get("PIF", ref).get("tunnel_access_PIF_of")]
    for ref in host.pool.rows(masters):
        access = database.get("PIF", ref)
        record = database.get("tunnel", access["tunnel_access_PIF_of"][0])
        mine = [pif for pif in host.pifs() if database.get("PIF", pif)["network"] == access["network"]]
        if any(database.get("PIF", pif)["tunnel_access_PIF_of"] for pif in mine):
            continue
        below = database.get("PIF", record["transport_PIF"])["network"]
        base = [pif for pif in host.pifs() if database.get("PIF", pif)["network"] == below]
        if len(base) == 1:
            await tunnel.records(host.pool, base[0], access["network"], record.get("protocol", "gre"))
