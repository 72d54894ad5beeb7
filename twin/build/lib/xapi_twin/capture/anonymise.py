# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes names, MACs and addresses out of a captured pool, so that it can be given to others.

Everything keeps its meaning for the network: what was equal stays equal, addresses keep their last two bytes and so their networks, the
names of the NICs' own networks stay. References and uuids, which are random, stay as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xapi_twin.scenario.model import Record, Records

_NAMES = {"host": "host", "network": "network", "VM": "vm", "SR": "storage"}
_OWN_NETWORKS = re.compile(r"xenbr\d+|xenapi")
_PURPOSES = re.compile(r"management_purpose|bond-.*|ethtool-.*|mtu|is_guest_installer_network|is_host_internal_management_network")
_IPV4 = re.compile(r"(\d+\.\d+)\.(\d+\.\d+)")


@dataclass
class _Names:
    """Substitutes, handed out in the order in which they are asked for."""

    macs: dict[str, str] = field(default_factory=dict)
    networks: dict[str, str] = field(default_factory=dict)

    def mac(self, mac: str) -> str:
        number = len(self.macs) + 1
        made = f"02:00:00:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
        return self.macs.setdefault(mac, made) if mac else mac

    def address(self, text: str) -> str:
        """The first two bytes of each address become 10.N; masks stay."""

        def one(match: re.Match[str]) -> str:
            if match.group(1).startswith(("255.", "169.254", "127.")) or match.group(1) == "0.0":
                return match.group()
            return f"{self.networks.setdefault(match.group(1), f'10.{len(self.networks)}')}.{match.group(2)}"

        return _IPV4.sub(one, text)


def anonymised(records: Records) -> Records:
    """The records with substitutes. The order is that of names, so that the same pool gives the same result."""
    names = _Names()
    found: Records = {}
    for cls, of_class in records.items():
        found[cls] = {}
        ordered = sorted(of_class, key=lambda ref: (_natural(of_class[ref]), ref))
        for number, ref in enumerate(ordered, 1):
            found[cls][ref] = _record(cls, number, of_class[ref], names)
    return found


def _natural(record: Record) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", f"{record.get('name_label', '')} {record.get('device', '')} {record.get('MAC', '')}")
    return [(int(part) if part.isdigit() else -1, part) for part in parts]


def _record(cls: str, number: int, record: Record, names: _Names) -> Record:
    changed: dict[str, Any] = dict(record)
    if cls == "pool":
        changed["name_label"] = "pool"
    elif cls in _NAMES and "name_label" in record and not (cls == "network" and _OWN_NETWORKS.fullmatch(record.get("bridge", ""))):
        changed["name_label"] = f"{_NAMES[cls]}-{number}"
        changed["name_description"] = ""
    if cls == "host":
        changed["hostname"] = changed["name_label"]
    for name in ("address", "IP", "gateway", "DNS"):
        if name in record and cls in ("host", "PIF"):
            changed[name] = names.address(record[name])
    if "IPv6" in record:
        changed["IPv6"] = [text and "fd00::1/64" for text in record["IPv6"]]
        changed["ipv6_gateway"] = record.get("ipv6_gateway") and "fd00::2"
    if "MAC" in record:
        changed["MAC"] = names.mac(record["MAC"])
    if "tags" in record:
        changed["tags"] = []
    if cls not in ("pool", "host") and "other_config" in record:
        changed["other_config"] = {key: value for key, value in record["other_config"].items() if _PURPOSES.fullmatch(key)}
    if cls == "PBD":
        changed["device_config"] = _device_config(record.get("device_config", {}), names)
    return changed


def _device_config(config: Mapping[str, str], names: _Names) -> dict[str, str]:
    """Only where the storage is: its addresses."""
    return {
        key: names.address(value) for key, value in config.items() if _IPV4.search(value) and key in ("server", "target", "multihomelist")
    }
