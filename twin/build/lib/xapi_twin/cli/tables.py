# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a pool as aligned tables: what the tutorial asks of XAPI and of each dom0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Records = Mapping[str, Mapping[str, Any]]


def aligned(header: Sequence[str], rows: Iterable[Sequence[object]], indent: str = "  ") -> str:
    """Columns as wide as their widest cell, two blanks between them."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [list(header), *cells]) for column in range(len(header))]
    lines = [
        indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [list(header), *cells]
    ]
    return "\n".join(lines)


def state(found: Mapping[str, Any]) -> str:
    """The tables of what `Twin.state` gives: networks, then for each host PIFs, bonds, and dom0's bridges, bonds and addresses."""
    records: Mapping[str, Records] = found["records"]
    (pool,) = records["pool"].values()
    networks = sorted(records["network"].values(), key=lambda network: str(network["bridge"]))
    parts = [
        f"Pool {pool['name_label']}, {len(records['host'])} hosts",
        "",
        "Networks",
        aligned(
            ("NAME", "BRIDGE", "MTU", "PIFS", "VIFS"),
            [
                (network["name_label"], network["bridge"], network["MTU"], len(network["PIFs"]), len(network["VIFs"]))
                for network in networks
            ],
        ),
    ]
    refs = sorted(records["host"], key=lambda ref: (ref != pool["master"], records["host"][ref]["name_label"]))
    for ref in refs:
        host = records["host"][ref]
        life = found["hosts"].get(host["hostname"], {})
        role = "master" if ref == pool["master"] else "member"
        parts += ["", f"{host['name_label']} ({role}, {host['address']}, {_life(host, life)})", *_host(records, ref)]
        if life.get("dom0"):
            parts += _dom0(life["dom0"])
    return "\n".join(parts)


def _life(host: Mapping[str, Any], life: Mapping[str, Any]) -> str:
    if not life.get("powered", True):
        return "without power"
    return f"xapi {life.get('xapi', 'running')}, {'enabled' if host['enabled'] else 'disabled'}"


def _host(records: Mapping[str, Records], ref: str) -> list[str]:
    pifs = {pif_ref: pif for pif_ref, pif in records["PIF"].items() if pif["host"] == ref}
    rows = []
    for pif in sorted(pifs.values(), key=_pif_order):
        name = pif["device"] if pif["VLAN"] < 0 else f"{pif['device']}.{pif['VLAN']}"
        bond = records["Bond"].get(pif["bond_slave_of"])
        rows.append((
            name,
            records["network"].get(pif["network"], {}).get("name_label", "?"),
            pif["ip_configuration_mode"],
            f"{pif['IP']}/{pif['netmask']}" if pif["IP"] else "-",
            pif["MAC"],
            "yes" if pif["currently_attached"] else "no",
            f"in {records['PIF'].get(bond['master'], {}).get('device', '?')}" if bond else "management" if pif["management"] else "-",
        ))  # fmt: skip
    parts = [aligned(("PIF", "NETWORK", "MODE", "IP", "MAC", "ATTACHED", "ROLE"), rows)]
    bonds = []
    for bond in records["Bond"].values():
        if bond["master"] in pifs:
            master = pifs[bond["master"]]
            nics = ", ".join(sorted(records["PIF"].get(slave, {}).get("device", "?") for slave in bond["slaves"]))
            primary = records["PIF"].get(bond["primary_slave"], {}).get("device", "-")
            bonds.append((master["device"], records["network"][master["network"]]["name_label"], bond["mode"], nics, primary))
    parts += ["", aligned(("BOND", "NETWORK", "MODE", "NICS", "PRIMARY"), sorted(bonds))] if bonds else ["", "  no bond in XAPI"]
    return parts


def _pif_order(pif: Mapping[str, Any]) -> tuple[bool, int, str, int]:
    return (not pif["physical"], len(pif["device"]), pif["device"], pif["VLAN"])


def _dom0(dom0: Mapping[str, Any]) -> list[str]:
    rows = [
        (bridge["name"], ", ".join(bridge["ports"]) or "-", bridge["mac"], ", ".join(bridge["addresses"]) or "-")
        for bridge in sorted(dom0["bridges"], key=lambda bridge: str(bridge["name"]))
    ]
    parts = ["", aligned(("BRIDGE IN DOM0", "PORTS", "MAC", "ADDRESS"), rows)]
    if not dom0["bonds"]:
        return [*parts, "", "  no bond in dom0"]
    bonds = [(bond["name"], bond["mode"], ", ".join(sorted(bond["members"])), bond["active"] or "-") for bond in dom0["bonds"]]
    return [*parts, "", aligned(("BOND IN DOM0", "MODE", "NICS", "ACTIVE"), bonds)]


def journal(entries: Iterable[Mapping[str, Any]]) -> str:
    """Calls as a table: when, where, what, how long, how it ended."""
    rows = []
    for entry in entries:
        seconds = "…" if entry["seconds"] is None else f"{entry['seconds']:.3f}"
        error = entry["error"]
        ended = "" if error is None else "no reply" if list(error) == [""] else " ".join(error)
        rows.append((entry["number"], f"{entry['time']:.3f}", "write" if entry.get("writes") else "", entry["method"], seconds, ended))
    return aligned(("NO", "AT", "", "METHOD", "SECONDS", "ERROR"), rows, indent="")
