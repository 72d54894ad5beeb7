# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a state says of each host's network, by names: for a drawing, and for the differences between two states.

A state is what `xapi-twin state --json` prints, or the records of a scenario: there fields with their defaults may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Records = Mapping[str, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Interface:
    """A PIF. `name`: device, or device.tag; `kind`: nic, bond, vlan or tunnel; `members` of a bond, `below` a VLAN or tunnel."""

    name: str
    kind: str
    network: str
    address: str
    mtu: int
    attached: bool
    management: bool
    bond: str = ""
    mode: str = ""
    members: tuple[str, ...] = ()
    below: str = ""
    carrier: bool = True
    speed: int = 0


@dataclass(frozen=True)
class HostView:
    name: str
    address: str
    master: bool
    enabled: bool
    interfaces: tuple[Interface, ...]
    bridges: tuple[str, ...] = ()  # of dom0, each with ports and addresses


@dataclass(frozen=True)
class PoolView:
    name: str
    hosts: tuple[HostView, ...]
    networks: Mapping[str, str]  # name -> bridge and MTU


def pool_view(records: Records, hosts: Mapping[str, Any] | None = None) -> PoolView:
    """`hosts`: the part of a state that says what dom0 has."""
    (pool,) = records["pool"].values()
    views = [_host(records, ref, record, ref == pool["master"], hosts or {}) for ref, record in records["host"].items()]
    networks = {
        str(network.get("name_label", "")): f"{network.get('bridge', '')} MTU {network.get('MTU', 1500)}"
        for network in records["network"].values()
    }
    return PoolView(str(pool.get("name_label", "")), tuple(sorted(views, key=lambda view: (not view.master, view.name))), networks)


def _host(records: Records, ref: str, record: Mapping[str, Any], master: bool, hosts: Mapping[str, Any]) -> HostView:
    pifs = {pif: found for pif, found in records["PIF"].items() if found.get("host") == ref}
    interfaces = [_interface(records, pifs, pif, found) for pif, found in pifs.items()]
    order = {"nic": 0, "bond": 1, "vlan": 2, "tunnel": 3}
    dom0 = hosts.get(str(record.get("hostname", "")), {}).get("dom0") or {}
    bridges = (
        f"{bridge['name']}: {' '.join(bridge['ports']) or '-'}, {' '.join(bridge['addresses']) or 'no address'}"
        for bridge in dom0.get("bridges", ())
    )
    return HostView(
        name=str(record.get("name_label", "")),
        address=str(record.get("address", "")),
        master=master,
        enabled=bool(record.get("enabled", False)),
        interfaces=tuple(sorted(interfaces, key=lambda one: (order[one.kind], len(one.name), one.name))),
        bridges=tuple(sorted(bridges)),
    )


def _interface(records: Records, pifs: Records | Mapping[str, Any], ref: str, pif: Mapping[str, Any]) -> Interface:
    bonds = {bond: found for bond, found in records.get("Bond", {}).items() if found.get("master") == ref}
    vlan = int(pif.get("VLAN", -1))
    tunnels = [found for found in records.get("tunnel", {}).values() if found.get("access_PIF") == ref]
    bond_ref, bond = next(iter(bonds.items()), ("", {}))
    above = records.get("Bond", {}).get(pif.get("bond_slave_of", ""), {})
    below = records.get("VLAN", {}).get(pif.get("VLAN_master_of", ""), {}).get("tagged_PIF", "")
    below = below or next((found.get("transport_PIF", "") for found in tunnels), "")
    metrics = records.get("PIF_metrics", {}).get(pif.get("metrics", ""), {})
    return Interface(
        name=str(pif["device"]) + (f".{vlan}" if vlan >= 0 else ""),
        kind="vlan" if vlan >= 0 else "bond" if bonds else "tunnel" if tunnels else "nic",
        network=str(records["network"].get(pif.get("network", ""), {}).get("name_label", "")),
        address=_address(pif),
        mtu=int(pif.get("MTU", 1500)),
        attached=bool(pif.get("currently_attached", False)),
        management=bool(pif.get("management", False)),
        bond=_device(pifs, above.get("master", "")),
        mode=str(bond.get("mode", "")),
        members=tuple(sorted(str(found["device"]) for found in pifs.values() if bond_ref and found.get("bond_slave_of") == bond_ref)),
        below=_device(pifs, below),
        carrier=bool(metrics.get("carrier", False)),
        speed=int(metrics.get("speed", 0)),
    )


def _device(pifs: Mapping[str, Any], ref: str) -> str:
    return str(pifs[ref]["device"]) if ref in pifs else ""


def _address(pif: Mapping[str, Any]) -> str:
    mode = str(pif.get("ip_configuration_mode", "None"))
    if mode == "None":
        return ""
    return f"{pif.get('IP', '')}/{pif.get('netmask', '')}" if mode == "Static" else mode
