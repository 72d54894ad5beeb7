# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Storage as far as the network decides on it: a PBD can be plugged when its host reaches the target."""

from __future__ import annotations

import ipaddress
from typing import Any

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.xapi.state import HostState, XapiState

Record = dict[str, Any]

# What the storage managers of these kinds answer when the target is out of reach.
_FAILURES = {
    "nfs": ("SR_BACKEND_FAILURE_73", "", "NFS mount error [opterr=mount failed with return code 32]", ""),
    "lvmoiscsi": ("SR_BACKEND_FAILURE_141", "", "Unable to connect to iSCSI service on target", ""),
}


def target_of(device_config: Record) -> str:
    """The address behind a PBD's device_config; empty for local storage."""
    text = str(device_config.get("server") or device_config.get("target") or device_config.get("host") or "")
    location = str(device_config.get("location", ""))
    if not text and location.startswith("//"):
        text = location[2:].partition("/")[0]
    return text.partition(",")[0].strip()


def reaches(host: HostState, address: str) -> bool:
    """Whether a packet gets there: from an interface of dom0 with a link in that subnet, or by the gateway of the management interface.

    A name, as opposed to an address, is taken for one that resolves to somewhere in reach.
    """
    try:
        target = ipaddress.ip_address(address)
    except ValueError:
        return True
    dom0 = host.dom0
    for bridge in dom0.bridges.values():
        for own in bridge.addresses:
            if target in ipaddress.ip_interface(own).network:
                return any(_link(host, port) for port in _ports(host, bridge.name))
    management = dom0.bridges.get(host.management_bridge)
    return management is not None and bool(management.gateway)


def count_paths(host: HostState) -> None:
    """What the storage manager's mpathcount writes: of each LUN with several portals, how many are reached now, and how many there are.

    Hosts whose PBD lists several portals are taken to have multipath switched on.
    """
    database = host.pool.database
    for ref in host.record.get("PBDs", ()):
        record = database.get("PBD", ref)
        config = record["device_config"]
        portals = [portal.partition(":")[0].strip() for portal in str(config.get("multihomelist", "")).split(",") if portal.strip()]
        if len(portals) < 2 or not record["currently_attached"]:
            continue
        key, count = f"mpath-{config.get('SCSIid', '')}", f"[{sum(reaches(host, portal) for portal in portals)}, {len(portals)}]"
        if record["other_config"].get(key) != count:
            database.set("PBD", ref, other_config={**record["other_config"], "multipathed": "true", key: count})


def _ports(host: HostState, name: str) -> tuple[str, ...]:
    bridge = host.dom0.bridges[name]
    while bridge.parent is not None and bridge.parent in host.dom0.bridges:
        bridge = host.dom0.bridges[bridge.parent]
    return bridge.ports


def _link(host: HostState, port: str) -> bool:
    bond = host.dom0.bonds.get(port)
    if bond is not None:
        return bond.links_up() > 0
    nic = host.dom0.nics.get(port)
    return nic is not None and nic.present and nic.carrier


async def plug(pool: XapiState, ref: str) -> None:
    """PBD.plug. Raises XapiError SR_BACKEND_FAILURE_… when the target is out of reach."""
    record = pool.database.get("PBD", ref)
    if record["currently_attached"]:
        return
    host = pool.hosts[record["host"]]
    address = target_of(record["device_config"])
    if address and not reaches(host, address):
        sr = pool.database.find("SR", record["SR"])
        kind = sr["type"] if sr else ""
        raise XapiError(*_FAILURES.get(kind, ("SR_BACKEND_FAILURE", "", f"{address} is out of reach", "")))
    pool.database.set("PBD", ref, currently_attached=True)


async def unplug(pool: XapiState, ref: str) -> None:
    """PBD.unplug."""
    pool.database.get("PBD", ref)
    pool.database.set("PBD", ref, currently_attached=False)


async def plug_all(host: HostState) -> None:
    """A starting xapi plugs the PBDs of its host; what fails is logged."""
    for ref in host.record.get("PBDs", ()):
        record = host.pool.database.get("PBD", ref)
        try:
            await plug(host.pool, ref)
        except XapiError as error:
            host.log("error", "storage_access", f"could not plug PBD {record['uuid']}: {error}", "initialising storage")


def detach_all(host: HostState) -> None:
    """The host has lost its power, and its mounts with it; the records follow when it starts again."""
    for ref in host.record.get("PBDs", ()):
        host.pool.database.set("PBD", ref, currently_attached=False)
