# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What two sides say about a host's network, in the same words, so that they can be compared: XAPI's records and dom0's tools."""

from __future__ import annotations

import ipaddress
from typing import Any

from tests.lab.lab import Lab

NULL = "OpaqueRef:NULL"


def by_xapi(lab: Lab, name: str) -> dict[str, Any]:
    """A host by XAPI's records: each attached PIF is a bridge, with its address, MAC and MTU; each bond has NICs and a mode."""
    return lab.twin.call(_records, lab, name)


def _records(lab: Lab, name: str) -> dict[str, Any]:
    database = lab.twin.database
    host = lab.twin.twin.host(name)
    bridges, bonds = {}, {}
    for pif in database.all("PIF").values():
        if pif["host"] != host.ref or not pif["currently_attached"]:
            continue
        # XAPI gives VLANs a MAC that no device has; dom0 gives their bridge that of what they are on.
        vlan = database.find("VLAN", pif["VLAN_master_of"])
        mac = database.get("PIF", vlan["tagged_PIF"])["MAC"] if vlan else pif["MAC"]
        address = [ipaddress.ip_interface(f"{pif['IP']}/{pif['netmask']}").with_prefixlen] if pif["IP"] else []
        bridges[database.get("network", pif["network"])["bridge"]] = {"addresses": address, "mac": mac.lower(), "mtu": pif["MTU"]}
        for ref in pif["bond_master_of"]:
            record = database.get("Bond", ref)
            mode = "balance-tcp" if record["mode"] == "lacp" else record["mode"]
            bonds[pif["device"]] = {
                "mode": mode,
                "members": sorted(database.get("PIF", slave)["device"] for slave in record["slaves"]),
                "lacp": record["mode"] == "lacp",
            }
    return {"bridges": bridges, "bonds": bonds}


def by_dom0(facts: dict[str, Any]) -> dict[str, Any]:
    """The same by xs_dom0_facts."""
    interfaces = {name: facts["interfaces"][name] for name in facts["bridges"]}
    return {
        "bridges": {name: {key: found[key] for key in ("addresses", "mac", "mtu")} for name, found in interfaces.items()},
        "bonds": {
            name: {"mode": bond["mode"], "members": bond["members"], "lacp": bond["lacp"] != "off"} for name, bond in facts["bonds"].items()
        },
    }


def agree(lab: Lab) -> None:
    """Both sides say the same about every host."""
    for name in lab.hosts:
        dom0, xapi = by_dom0(lab.ask_dom0(name)), by_xapi(lab, name)
        assert dom0 == xapi, f"{name}: dom0 {dom0}\n{name}: XAPI {xapi}"
