# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the records of a pool have to be like before they are read: fields that must be there, and the types of all that are read. Pure.

Types are those of XML-RPC as xapi uses it: integers travel as text. A field that this table does not name may be anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Records = Mapping[str, Mapping[str, Mapping[str, Any]]]
Check = Callable[[Any], bool]


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _whole(value: Any) -> bool:
    if isinstance(value, int):
        return not isinstance(value, bool)
    return isinstance(value, str) and value.strip().lstrip("-").isdigit() and len(value) < 20


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _map(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(key, str) and isinstance(one, str) for key, one in value.items())


KINDS: Mapping[Check, str] = {
    _text: "a text",
    _whole: "a whole number",
    _flag: "true or false",
    _texts: "a list of texts",
    _map: "a map of texts",
}

# By class: field -> what it must be. A "!" before the name: it must be there.
FIELDS: Mapping[str, Mapping[str, Check]] = {
    "pool": {"!uuid": _text, "!master": _text, "name_label": _text, "ha_enabled": _flag, "other_config": _map},
    "host": {
        "!uuid": _text, "name_label": _text, "hostname": _text, "address": _text, "enabled": _flag, "metrics": _text,
        "other_config": _map, "software_version": _map, "current_operations": _map, "pending_guidances": _texts,
    },
    "host_metrics": {"live": _flag},
    "network": {
        "!uuid": _text, "name_label": _text, "name_description": _text, "bridge": _text, "MTU": _whole, "managed": _flag,
        "other_config": _map, "tags": _texts, "purpose": _texts, "PIFs": _texts, "VIFs": _texts,
    },
    "pif": {
        "!uuid": _text, "!host": _text, "!network": _text, "!device": _text, "MAC": _text, "MTU": _whole, "VLAN": _whole, "physical": _flag,
        "managed": _flag, "management": _flag, "currently_attached": _flag, "disallow_unplug": _flag, "ip_configuration_mode": _text,
        "IP": _text, "netmask": _text, "gateway": _text, "DNS": _text, "ipv6_configuration_mode": _text, "IPv6": _texts,
        "ipv6_gateway": _text, "primary_address_type": _text, "properties": _map, "other_config": _map, "capabilities": _texts,
        "bond_slave_of": _text, "bond_master_of": _texts, "VLAN_master_of": _text, "VLAN_slave_of": _texts, "metrics": _text,
        "tunnel_access_PIF_of": _texts, "tunnel_transport_PIF_of": _texts, "sriov_logical_PIF_of": _texts, "sriov_physical_PIF_of": _texts,
    },
    "pif_metrics": {"carrier": _flag, "speed": _whole, "duplex": _flag, "vendor_name": _text, "pci_bus_path": _text},
    "bond": {
        "!uuid": _text, "master": _text, "slaves": _texts, "primary_slave": _text, "mode": _text, "properties": _map, "links_up": _whole,
        "auto_update_mac": _flag,
    },
    "vlan": {"!uuid": _text, "!tag": _whole, "!tagged_PIF": _text, "!untagged_PIF": _text},
    "tunnel": {"!uuid": _text, "!access_PIF": _text, "!transport_PIF": _text},
    "vif": {"!network": _text, "device": _text, "currently_attached": _flag, "VM": _text},
    "vm": {"name_label": _text, "resident_on": _text},
    "pbd": {"!uuid": _text, "!host": _text, "SR": _text, "currently_attached": _flag, "device_config": _map, "other_config": _map},
    "sr": {"uuid": _text, "name_label": _text, "type": _text, "current_operations": _map},
    "task": {"!uuid": _text, "!name_label": _text, "!status": _text, "resident_on": _text},
    "cluster_host": {"!PIF": _text},
}  # fmt: skip
# The spelling of people who type xe.
CLASSES: Mapping[str, str] = {
    "pif": "PIF",
    "vlan": "VLAN",
    "vif": "VIF",
    "pbd": "PBD",
    "sr": "SR",
    "vm": "VM",
    "pif_metrics": "PIF_metrics",
}


def faults(records: Records) -> Iterator[str]:
    """What is wrong, as sentences that name class, object, field and host."""
    for kind, fields in FIELDS.items():
        found = records.get(kind, {})
        if not isinstance(found, Mapping):
            yield f"XAPI sent no records of the class {CLASSES.get(kind, kind)}, but something else."
            continue
        named = [(name.removeprefix("!"), name.startswith("!"), check) for name, check in fields.items()]
        for ref, record in found.items():
            if not isinstance(record, Mapping):
                yield f"XAPI sent something that is no record for {CLASSES.get(kind, kind)} {ref}."
                continue
            for field, required, check in named:
                if field not in record:
                    if required:
                        yield f"XAPI's record of {_called(records, kind, ref, record)} has no field {field}."
                elif not check(record[field]):
                    yield f"XAPI's record of {_called(records, kind, ref, record)} has a {field} that is not {KINDS[check]}."


def _called(records: Records, kind: str, ref: str, record: Mapping[str, Any]) -> str:
    name = next((record[key] for key in ("device", "name_label", "tag", "uuid") if isinstance(record.get(key), str)), ref)
    hosts = records.get("host", {})
    host = hosts.get(record["host"]) if isinstance(record.get("host"), str) and isinstance(hosts, Mapping) else None
    where = host.get("name_label") if isinstance(host, Mapping) else None
    return f"the {CLASSES.get(kind, kind)} {name}{f' of {where}' if isinstance(where, str) else ''}"
