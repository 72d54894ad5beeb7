# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is amiss between an LACP bond and the switch: no partner, or NICs whose partners do not bundle. Pure.

XAPI knows nothing of it. With lacp-fallback-ab, such a bond carries traffic on one NIC and looks well; without, it carries none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.verify import Finding

CODE = "lacp_partner"
# So long a switch may take to speak LACP with a new bond: with lacp-time slow, each side speaks every 30 s.
SECONDS = 35


def lacp_findings(states: Mapping[str, Mapping[str, Any]], answers: Mapping[str, Any]) -> list[Finding]:
    """`states`: what each host has in XAPI, by name, as results of xs_bond_info have it; `answers`: the facts of dom0 by uuid."""
    found = []
    for name, state in states.items():
        answer = answers.get(state["uuid"])
        bonds = answer["bonds"] if isinstance(answer, Mapping) and state["bond"] and state["mode"] == "lacp" else {}
        sentence = _amiss(state["device"], bonds.get(state["device"]) or {}, state["linked"])
        if sentence:
            found.append(Finding(CODE, name, f"{name}: {sentence}"))
    return found


def unsettled(answer: Any) -> str:
    """The same of any bond in dom0, before XAPI is asked for its links: what it may only be too early for; "" when nothing is amiss."""
    bonds: Mapping[str, Any] = answer["bonds"] if isinstance(answer, Mapping) else {}
    said = (_amiss(name, bond, bond["members"]) for name, bond in bonds.items() if bond["lacp"] != "off")
    return " ".join(one for one in said if one)


def _amiss(device: str, bond: Mapping[str, Any], linked: Collection[str]) -> str:
    if bond.get("lacp", "off") == "off":
        return ""
    heard: dict[tuple[str, int], list[str]] = defaultdict(list)
    silent = []
    for nic in linked:
        partner = (bond.get("partners") or {}).get(nic)
        if partner and partner["system"]:
            heard[(partner["system"], partner["key"])].append(nic)
        elif partner:
            silent.append(nic)
    if len(heard) > 1:
        said = ", ".join(f"{_all(nics)} {system} (key {key})" for (system, key), nics in heard.items())
        return (
            f"the NICs of {device} have different LACP partners: {said}. They do not bundle, and only one of them carries traffic."
            " Put their ports into one bundle, on one switch or on switches that act as one (stack, MLAG)."
        )
    if heard and silent:
        ((system, key), nics) = next(iter(heard.items()))
        return (
            f"no partner answers the LACP of {device} on {_all(silent)}, and on {_all(nics)} {system} (key {key}) does, so that"
            f" {_all(silent)} carries no traffic. Its port is on another switch, or is not in the bundle."
        )
    outside = [nic for nic in linked if nic not in (bond.get("enabled") or [])]
    if bond["lacp"] != "negotiated" or silent:  # for its first 3 s a bond is negotiated, with nobody (Open vSwitch, lib/lacp.c)
        return (
            f"no partner answers the LACP of {device}{f' on {_all(silent)}' if silent else ''}. Until the switch speaks it, one NIC carries"
            " the traffic, or none with lacp-fallback-ab=false."
        )
    if outside and not heard:
        return (
            f"{', '.join(outside)} of {device} has a link and is not in the LACP bundle: its port is on another switch, in another"
            " bundle or in none."
        )
    return ""


def _all(nics: list[str]) -> str:
    return " and ".join(nics)
