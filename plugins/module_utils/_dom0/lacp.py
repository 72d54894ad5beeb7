# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The LACP partner that each NIC of a bond hears, by Open vSwitch and by the kernel's bonding driver. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_NOBODY = "00:00:00:00:00:00"


@dataclass(frozen=True)
class Partner:
    """System id and key of the switch at the other end; "" and 0 where none answers. NICs bundle when both are the same."""

    system: str = ""
    key: int = 0


def read_lacp_show(text: str) -> dict[str, Partner]:
    """The partners out of ``ovs-appctl lacp/show NAME``, by NIC (Open vSwitch 1.4 to 4.0; slaves before 2.15)."""
    found: dict[str, Partner] = {}
    nic = system = ""
    for line in text.splitlines():
        begun = re.match(r"(?:slave|member): (\S+): ", line)
        said = re.fullmatch(r"\s+partner (sys_id|key): (\S+)\s*", line)
        if begun:
            nic, system = begun.group(1), ""
            found[nic] = Partner()
        elif said and nic and said.group(1) == "sys_id":
            system = said.group(2).lower()
        elif said and nic and said.group(2).isdigit() and system != _NOBODY:
            found[nic] = Partner(system, int(said.group(2)))
    return found


@dataclass(frozen=True)
class LinuxLacp:
    """What /proc/net/bonding says of LACP: the partner of each NIC, and the NICs in the active aggregator, which alone carry traffic. None:
    this driver does not say who is in it."""

    partners: Mapping[str, Partner]
    active: frozenset[str] | None


def read_linux_lacp(text: str) -> LinuxLacp:
    """That out of ``/proc/net/bonding/bondN``. Drivers before 3.7.1 tell the partner of the active aggregator alone."""
    of_bond: dict[str, str] = {}
    of_nics: dict[str, dict[str, str]] = {}
    for nic, name, value in _values(text):
        (of_nics.setdefault(nic, {}) if nic else of_bond).setdefault(name, value)
    aggregator = of_bond.get("Aggregator ID")
    mine = {nic: said["Aggregator ID"] for nic, said in of_nics.items() if "Aggregator ID" in said}
    active = _partner(of_bond.get("Partner Mac Address"), of_bond.get("Partner Key"))
    partners = {}
    for nic, said in of_nics.items():
        heard = _partner(said.get("partner system mac address"), said.get("partner oper key"))
        if heard is None and active is not None and (mine.get(nic) == aggregator or not active.system):
            heard = active
        if heard is not None:
            partners[nic] = heard
    return LinuxLacp(partners, frozenset(nic for nic, one in mine.items() if one == aggregator) if aggregator and mine else None)


def _values(text: str) -> Iterator[tuple[str, str, str]]:
    """NIC ("" for the bond), name and value of each line; what a NIC's partner says has "partner " before its name."""
    nic = whose = ""
    for line in text.splitlines():
        name, colon, value = (part.strip() for part in line.partition(":"))
        if name == "Slave Interface":
            nic, whose = value, ""
        elif line.startswith("details "):
            whose = "partner " if "partner" in line else "actor "
        elif colon:
            yield nic, whose + name, value


def _partner(system: str | None, key: str | None) -> Partner | None:
    if system is None:
        return None
    return Partner() if system == _NOBODY else Partner(system.lower(), int(key) if key and key.isdigit() else 0)
