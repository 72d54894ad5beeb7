# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pool's network looks like, in XAPI's records and in dom0, without references and numbers that change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.acceptance.pool import Pool

SHOWN = (
    "ip_configuration_mode", "IP", "netmask", "gateway", "DNS", "MTU", "currently_attached", "management", "disallow_unplug",
    "other_config",
)  # fmt: skip
DOM0 = "ip -o -4 addr show; echo --; ip -o link show; echo --; ovs-appctl bond/list"


@dataclass(frozen=True)
class Wanted:
    """What is there when NICs are bonded, the one with the address first. `more`: fields of the bond's PIF, `keys`: of its other_config.
    `vlans`: networks by the tag with which they are put on the bond, besides those that were on its NICs.
    """

    network: str
    nics: tuple[str, ...]
    mode: str = "active-backup"
    more: Mapping[str, Any] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    vlans: Mapping[int, str] = field(default_factory=dict)


def look(pool: Pool) -> dict[str, Any]:
    """`networks` by name, and by host: `xapi` with each PIF, `dom0` with the addresses of interfaces and Open vSwitch's bonds."""
    records = pool.records("host", "PIF", "network", "Bond")
    bridges = {network["bridge"]: network["name_label"] for network in records["network"].values() if network["bridge"].startswith("xapi")}
    hosts: dict[str, Any] = {}
    for ref, host in records["host"].items():
        pifs = {_name(pif): _pif(pif, records) for pif in records["PIF"].values() if pif["host"] == ref}
        hosts[host["name_label"]] = {"xapi": pifs, "dom0": _dom0(pool, host["name_label"], bridges)}
    networks: dict[str, list[dict[str, Any]]] = {}
    for network in records["network"].values():
        networks.setdefault(network["name_label"], []).append({"MTU": network["MTU"], "purpose": sorted(network["purpose"])})
    return {"hosts": hosts, "networks": networks}


def _name(pif: Mapping[str, Any]) -> str:
    return str(pif["device"]) if int(pif["VLAN"]) < 0 else f"{pif['device']}.{pif['VLAN']}"


def _pif(pif: Mapping[str, Any], records: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: pif[name] for name in SHOWN} | {"network": records["network"][pif["network"]]["name_label"]}
    for ref in pif["bond_master_of"]:
        bond = records["Bond"][ref]
        nics = sorted(records["PIF"][slave]["device"] for slave in bond["slaves"])
        shown["bond"] = {"mode": bond["mode"], "nics": nics, "properties": bond["properties"]}
    return shown


def _dom0(pool: Pool, host: str, bridges: Mapping[str, str]) -> dict[str, Any]:
    """`bridges`: names of networks by bridge, where XAPI has numbered it, which it does otherwise each time."""
    addressed, links, bonded = (part.strip().splitlines() for part in pool.dom0(host, DOM0).split("--\n"))
    mtus = {words[1].rstrip(":").partition("@")[0]: int(words[words.index("mtu") + 1]) for words in map(str.split, links)}
    addresses = {
        bridges.get(words[1], words[1]): {"address": words[3], "mtu": mtus[words[1]]}
        for words in map(str.split, addressed)
        if words[1] != "lo"
    }
    bonds = {}
    for line in bonded[1:]:
        bond, mode, *_rest, nics = line.split("\t")
        bonds[bond] = {"mode": mode, "nics": sorted(nic.strip() for nic in nics.split(","))}
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


def bonded(found: Mapping[str, Any], before: Mapping[str, Any], wanted: Wanted) -> str:
    """What is not as it has to be once the NICs are bonded, or ""."""
    for host, about in found["hosts"].items():
        if difference := _bonded_on(host, about, before["hosts"][host], wanted):
            return difference
    return ""


def _bonded_on(host: str, now: Mapping[str, Any], before: Mapping[str, Any], wanted: Wanted) -> str:
    """The address of the first NIC and all VLANs of both moved to the bond, in XAPI and dom0; the NICs have none any more."""
    bonds = {name: pif for name, pif in now["xapi"].items() if pif.get("bond") and pif["network"] == wanted.network}
    if len(bonds) != 1:
        return f"{host}: {len(bonds)} bonds on network {wanted.network} instead of 1"
    ((name, bond),) = bonds.items()
    nic = before["xapi"][wanted.nics[0]]
    expected = {key: nic[key] for key in ("ip_configuration_mode", "IP", "netmask", "gateway", "MTU", "management")}
    expected |= {"currently_attached": True, "mode": wanted.mode, "nics": sorted(wanted.nics), **wanted.more}
    shown = {key: {**bond, **bond["bond"]}[key] for key in expected}
    ovs = {"mode": "balance-tcp" if wanted.mode == "lacp" else wanted.mode, "nics": sorted(wanted.nics)}
    tagged = {tuple(there.split(".")): pif for there, pif in before["xapi"].items() if "." in there}
    vlans = {f"{name}.{tag}": {**pif, "MTU": expected["MTU"]} for (device, tag), pif in tagged.items() if device in wanted.nics}
    made = {f"{name}.{tag}": {"network": network, "currently_attached": True} for tag, network in wanted.vlans.items()}
    has = {vlan: {key: now["xapi"].get(vlan, {}).get(key) for key in about} for vlan, about in made.items()}
    earlier, later = (sorted(about["address"] for about in side["dom0"]["addresses"].values()) for side in (before, now))
    keys = {key: value for key, value in nic["other_config"].items() if key == "management_purpose" or key.startswith("ethtool-")}
    keys = {**keys, **wanted.keys}
    return (
        first_difference(expected, shown, f"{host} {name} in XAPI")
        or first_difference(keys, {key: bond["other_config"].get(key) for key in keys}, f"{host} {name} other_config")
        or first_difference(wanted.properties, {key: bond["bond"]["properties"].get(key) for key in wanted.properties}, f"{host} {name}")
        or first_difference(dict.fromkeys(wanted.nics, "None"), {n: now["xapi"][n]["ip_configuration_mode"] for n in wanted.nics}, host)
        or first_difference(ovs, now["dom0"]["bonds"].get(name, "nothing"), f"{host} {name} in Open vSwitch")
        or first_difference(vlans, {vlan: now["xapi"].get(vlan, "nothing") for vlan in vlans}, f"{host} in XAPI")
        or first_difference(made, has, f"{host} in XAPI")
        or first_difference(earlier, later, f"{host}: addresses in dom0")
    )
