# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pool's network looks like, in XAPI's records and in dom0, without references and numbers that change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.acceptance.pool import Pool

SHOWN = ("ip_configuration_mode", "IP", "netmask", "gateway", "DNS", "MTU", "currently_attached", "management", "disallow_unplug")


def look(pool: Pool) -> dict[str, Any]:
    """By host: `xapi` with each PIF, `dom0` with the addresses of interfaces and Open vSwitch's bonds."""
    records = pool.records("host", "PIF", "network", "Bond")
    hosts = {host["uuid"]: (ref, host["name_label"]) for ref, host in records["host"].items()}
    found: dict[str, Any] = {}
    for ref, name in hosts.values():
        pifs = {_name(pif): _pif(pif, records) for pif in records["PIF"].values() if pif["host"] == ref}
        found[name] = {"xapi": pifs, "dom0": _dom0(pool, name)}
    return found


def _name(pif: Mapping[str, Any]) -> str:
    return str(pif["device"]) if int(pif["VLAN"]) < 0 else f"{pif['device']}.{pif['VLAN']}"


def _pif(pif: Mapping[str, Any], records: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: pif[name] for name in SHOWN} | {"network": records["network"][pif["network"]]["name_label"]}
    for ref in pif["bond_master_of"]:
        bond = records["Bond"][ref]
        nics = sorted(records["PIF"][slave]["device"] for slave in bond["slaves"])
        shown["bond"] = {"mode": bond["mode"], "nics": nics, "properties": bond["properties"]}
    return shown


def _dom0(pool: Pool, host: str) -> dict[str, Any]:
    addresses = {}
    for line in pool.dom0(host, "ip -o -4 addr show").splitlines():
        words = line.split()
        if words[1] != "lo":
            addresses[words[1]] = words[3]
    bonds = {}
    for line in pool.dom0(host, "ovs-appctl bond/list").splitlines()[1:]:
        bond, mode, *_rest = line.split("\t")
        nics = sorted(nic.strip() for nic in line.split("\t")[-1].split(","))
        bonds[bond] = {"mode": mode, "nics": nics}
    return {"addresses": addresses, "bonds": bonds}


def first_difference(wanted: Any, found: Any, where: str = "") -> str:
    """The first place where two looks differ, in words, or ""."""
    return next(_differences(wanted, found, where), "")


def _differences(wanted: Any, found: Any, where: str) -> Iterator[str]:
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in sorted({*wanted, *found}):
            yield from _differences(wanted.get(key, "nothing"), found.get(key, "nothing"), f"{where} {key}".strip())
    elif wanted != found:
        yield f"{where}: {found!r} instead of {wanted!r}"


def bonded(found: Mapping[str, Any], before: Mapping[str, Any], pool: Pool, mode: str) -> str:
    """What is not as it has to be once the NICs are bonded, or "": the address of the first NIC moved to the bond, in XAPI and dom0."""
    for host, about in found.items():
        bonds = {name: pif for name, pif in about["xapi"].items() if pif.get("bond") and pif["network"] == pool.network}
        if len(bonds) != 1:
            return f"{host}: {len(bonds)} bonds on network {pool.network} instead of 1"
        ((name, bond),) = bonds.items()
        nic = before[host]["xapi"][pool.nics[0]]
        wanted = {key: nic[key] for key in ("ip_configuration_mode", "IP", "netmask", "MTU", "management")}
        wanted |= {"currently_attached": True, "mode": mode, "nics": sorted(pool.nics)}
        shown = {key: {**bond, **bond["bond"]}[key] for key in wanted}
        ovs = {"mode": "balance-tcp" if mode == "lacp" else mode, "nics": sorted(pool.nics)}
        earlier, now = (sorted(side["dom0"]["addresses"].values()) for side in (before[host], about))
        difference = (
            first_difference(wanted, shown, f"{host} {name} in XAPI")
            or first_difference(ovs, about["dom0"]["bonds"].get(name, "nothing"), f"{host} {name} in Open vSwitch")
            or first_difference(earlier, now, f"{host}: addresses in dom0")
        )
        if difference:
            return difference
    return ""
