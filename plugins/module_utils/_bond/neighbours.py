# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The switches at the other end of a bond's NICs, by the LLDP that dom0 hears: one for both, two, or none. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.checks import Problem, judged

CODE = "same_switch"


def switch_problems(host: str, nics: Sequence[str], mode: str, answer: Any, accept: Collection[str]) -> list[Problem]:
    """Two NICs of a bond on one switch, which the bond is to outlive. LACP wants one switch, or several that act as one and have one id."""
    heard = _heard(nics, answer)
    switches = {one["switch"] for one in heard.values()}
    if mode == "lacp" or len(heard) < 2 or len(switches) > 1:
        return []
    sentence = f"{host}: {_ports(heard)} are on the same switch, {_name(next(iter(heard.values())))}. The bond ends when that switch does."
    remedy = "Plug one of them into another switch, unless this is a stack, whose switches say the same of themselves."
    return [judged(accept, CODE, host, sentence, remedy)]


def switch_notices(host: str, nics: Sequence[str], mode: str, answer: Any) -> list[str]:
    """What else is to be said of them."""
    neighbours = answer.get("neighbours") if isinstance(answer, Mapping) else None
    if neighbours is None:
        return []
    if not neighbours:
        return [f"{host}: dom0 has no tcpdump, and cannot hear which switches its NICs are on."]
    heard = _heard(nics, answer)
    silent = [nic for nic in nics if nic in neighbours and nic not in heard]
    switches = {one["switch"]: _name(one) for one in heard.values()}
    said = []
    if silent:
        rest = f"; {_ports(heard)} on {' and '.join(switches.values())}" if heard else ""
        said.append(f"{host}: no switch says by LLDP that {' and '.join(silent)} {'is' if len(silent) == 1 else 'are'} on it{rest}.")
    if mode == "lacp" and len(switches) > 1:
        said.append(f"{host}: {_ports(heard)} are on {' and '.join(switches.values())}. With LACP these have to act as one (stack, MLAG).")
    return said


def _heard(nics: Sequence[str], answer: Any) -> dict[str, Mapping[str, str]]:
    neighbours = (answer.get("neighbours") or {}) if isinstance(answer, Mapping) else {}
    return {nic: neighbours[nic] for nic in nics if (neighbours.get(nic) or {}).get("switch")}


def _ports(heard: Mapping[str, Mapping[str, str]]) -> str:
    return " and ".join(f"{nic} (port {one['port']})" for nic, one in heard.items())


def _name(neighbour: Mapping[str, str]) -> str:
    return f"{neighbour['name']} ({neighbour['switch']})" if neighbour["name"] else neighbour["switch"]
