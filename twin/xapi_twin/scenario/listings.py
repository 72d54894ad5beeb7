# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pool from what somebody pasted: the output of `xe pool-list params=all` and of host-list, network-list, pif-list, bond-list, vlan-list.

The listings may come in any order, in one text, with prompts and other lines between them. Objects are named by uuid there; their
references are made of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from xapi_twin.datamodel.schema import NULL, Schema
from xapi_twin.scenario import snapshot
from xapi_twin.scenario.model import Record, Records, ScenarioError

Fields = Mapping[str, str]

_LINE = re.compile(r"\s*([A-Za-z][\w-]*) \([SM ]?R[OW]\)\s*: ?(.*)")
_PAIR = re.compile(r"; (?=[^;:]+: )|; (?=[^;:]+:$)")
_NOTHING = ("", "<not in database>", "<unknown>", "<expensive field>")

# Which class a paragraph is of: the first whose fields are all there.
_KINDS: Mapping[str, tuple[str, ...]] = {
    "Bond": ("master", "slaves"),
    "VLAN": ("tagged-PIF", "untagged-PIF", "tag"),
    "tunnel": ("transport-PIF", "access-PIF"),
    "PIF": ("device", "MAC", "host-uuid", "network-uuid", "VLAN"),
    "host": ("hostname", "software-version"),
    "network": ("bridge",),
    "pool": ("master",),
}
NEEDED = ("pool", "host", "network", "PIF")


def read_listings(text: str, source: str) -> tuple[Records, Schema, str]:
    """(records with native values, the data model of the pool's version, its network backend). Raises ScenarioError."""
    found = _paragraphs(text)
    missing = [kind for kind in NEEDED if not found[kind]]
    if missing:
        commands = ", ".join(f"xe {kind.lower()}-list params=all" for kind in missing)
        raise ScenarioError(f"the pool is not complete without the output of: {commands}", source)
    if len(found["pool"]) > 1:
        raise ScenarioError(f"these are listings of {len(found['pool'])} pools: give those of one", source)
    (pool,) = found["pool"].values()
    master = found["host"].get(pool["master"])
    if master is None:
        raise ScenarioError(f"the pool's master {pool['master']} is not in the listing of the hosts", source)
    facts = _map(master["software-version"])
    try:
        schema = Schema.load(snapshot.xapi_version(facts))
    except ValueError as error:
        raise ScenarioError(f"the version of the pool cannot be read from the master's software-version: {error}", source) from None
    _check(found, source)
    return _records(found, schema), schema, facts.get("network_backend", "openvswitch")


def _paragraphs(text: str) -> dict[str, dict[str, Fields]]:
    """Class -> uuid -> fields under xe's names."""
    found: dict[str, dict[str, Fields]] = {kind: {} for kind in _KINDS}
    for fields in _objects(text):
        kind = next((kind for kind, names in _KINDS.items() if all(name in fields for name in names)), "")
        if kind:
            found[kind][fields["uuid"]] = fields
    return found


def _objects(text: str) -> Iterator[dict[str, str]]:
    fields: dict[str, str] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line.rstrip("\r"))
        if match is None:
            continue
        if match.group(1) == "uuid":
            if fields:
                yield fields
            fields = {}
        if fields or match.group(1) == "uuid":
            fields[match.group(1)] = match.group(2).rstrip()
    if fields:
        yield fields


def _check(found: Mapping[str, Mapping[str, Fields]], source: str) -> None:
    """Raises ScenarioError for what the PIFs name and no listing shows."""
    for pif in found["PIF"].values():
        where = f"{pif.get('host-name-label', '')} {pif['device']}".strip()
        for field, kind in (("host-uuid", "host"), ("network-uuid", "network"), ("bond-slave-of", "Bond")):
            if pif.get(field, "") not in (*_NOTHING, *found[kind]):
                raise ScenarioError(
                    f"the PIF {where} names the {kind} {pif[field]}, which is not listed: add xe {kind.lower()}-list params=all", source
                )
        if pif["VLAN"] != "-1" and not any(vlan["untagged-PIF"] == pif["uuid"] for vlan in found["VLAN"].values()):
            raise ScenarioError(f"the PIF {where} is of VLAN {pif['VLAN']}, which is not listed: add xe vlan-list params=all", source)
        if pif.get("tunnel-access-PIF-of", "") not in (*_NOTHING, *found["tunnel"]):
            raise ScenarioError(f"the PIF {where} is of a tunnel, which is not listed: add xe tunnel-list params=all", source)


def _records(found: Mapping[str, Mapping[str, Fields]], schema: Schema) -> Records:
    made: Records = {
        kind: {_ref(uuid): {"uuid": uuid, **_READ[kind](fields)} for uuid, fields in objects.items()} for kind, objects in found.items()
    }
    vlan_of = {_ref(vlan["untagged-PIF"]): _ref(uuid) for uuid, vlan in found["VLAN"].items()}
    made["PIF_metrics"], made["host_metrics"] = {}, {}
    for ref, pif in made["PIF"].items():
        pif["VLAN_master_of"] = vlan_of.get(ref, NULL)
        pif["metrics"] = f"{ref}-metrics"
        made["PIF_metrics"][pif["metrics"]] = {"uuid": f"{pif['uuid']}-metrics", **_measured(found["PIF"][pif["uuid"]])}
    for ref, host in made["host"].items():
        host["metrics"] = f"{ref}-metrics"
        live = found["host"][host["uuid"]].get("host-metrics-live", "true")
        made["host_metrics"][host["metrics"]] = {"uuid": f"{host['uuid']}-metrics", "live": live == "true"}
    for bond in made["Bond"].values():
        bond["primary_slave"] = bond["primary_slave"] if bond["primary_slave"] != NULL else _primary(bond["master"], made["PIF"])
    return {
        cls: {ref: {name: value for name, value in record.items() if name in schema.fields(cls)} for ref, record in of_class.items()}
        for cls, of_class in made.items()
        if cls in schema.classes
    }


def _primary(master: str, pifs: Mapping[str, Record]) -> str:
    """Older listings do not say which NIC is the primary one: it is that whose MAC the bond has."""
    bond = pifs[master]
    return next((ref for ref, pif in pifs.items() if pif["MAC"] == bond["MAC"] and pif["bond_slave_of"] != NULL), NULL)


# one reader for each class


def _pool(fields: Fields) -> Record:
    return {
        "name_label": fields.get("name-label", ""),
        "master": _ref(fields["master"]),
        "ha_enabled": fields.get("ha-enabled") == "true",
        "other_config": _map(fields.get("other-config", "")),
        "igmp_snooping_enabled": fields.get("igmp-snooping-enabled") == "true",
        "tls_verification_enabled": fields.get("tls-verification-enabled") == "true",
    }


def _host(fields: Fields) -> Record:
    return {
        "name_label": fields.get("name-label", ""),
        "hostname": fields["hostname"],
        "address": fields.get("address", ""),
        "enabled": fields.get("enabled", "true") == "true",
        "API_version_major": int(fields.get("API-version-major", "1")),
        "API_version_minor": int(fields.get("API-version-minor", "0")),
        "software_version": _map(fields["software-version"]),
        "other_config": _map(fields.get("other-config", "")),
    }


def _network(fields: Fields) -> Record:
    return {
        "name_label": fields.get("name-label", ""),
        "name_description": fields.get("name-description", ""),
        "bridge": fields["bridge"],
        "MTU": int(fields.get("MTU", "1500")),
        "other_config": _map(fields.get("other-config", "")),
        "tags": _list(fields.get("tags", ""), ", "),
        "purpose": _list(fields.get("purpose", ""), ", "),
        "managed": fields.get("managed", "true") == "true",
    }


def _pif(fields: Fields) -> Record:
    return {
        "device": fields["device"],
        "MAC": fields["MAC"],
        "MTU": int(fields.get("MTU", "1500")),
        "VLAN": int(fields["VLAN"]),
        "host": _ref(fields["host-uuid"]),
        "network": _ref(fields["network-uuid"]),
        "physical": fields.get("physical") == "true",
        "currently_attached": fields.get("currently-attached") == "true",
        "management": fields.get("management") == "true",
        "managed": fields.get("managed", "true") == "true",
        "disallow_unplug": fields.get("disallow-unplug") == "true",
        "bond_slave_of": _ref(fields.get("bond-slave-of", "")),
        "ip_configuration_mode": fields.get("IP-configuration-mode", "None"),
        "IP": fields.get("IP", ""),
        "netmask": fields.get("netmask", ""),
        "gateway": fields.get("gateway", ""),
        "DNS": fields.get("DNS", ""),
        "ipv6_configuration_mode": fields.get("IPv6-configuration-mode", "None"),
        "IPv6": _list(fields.get("IPv6", "")),
        "ipv6_gateway": fields.get("IPv6-gateway", ""),
        "primary_address_type": fields.get("primary-address-type", "IPv4"),
        "other_config": _map(fields.get("other-config", "")),
        "properties": _map(fields.get("properties", "")),
        "capabilities": _list(fields.get("capabilities", "")),
    }


def _measured(fields: Fields) -> Record:
    speed = re.match(r"\d+", fields.get("speed", ""))
    return {
        "carrier": fields.get("carrier") == "true",
        "speed": int(speed.group()) if speed else 0,
        "duplex": fields.get("duplex") in ("full", "true"),
        "pci_bus_path": _text(fields.get("pci-bus-path", "")),
        "vendor_name": _text(fields.get("vendor-name", "")),
        "device_name": _text(fields.get("device-name", "")),
    }


def _bond(fields: Fields) -> Record:
    return {
        "master": _ref(fields["master"]),
        "primary_slave": _ref(fields.get("primary-slave", "")),
        "mode": fields.get("mode", "balance-slb"),
        "properties": _map(fields.get("properties", "")),
        "other_config": _map(fields.get("other-config", "")),
        "auto_update_mac": fields.get("auto-update-mac", "true") == "true",
    }


def _vlan(fields: Fields) -> Record:
    return {"tagged_PIF": _ref(fields["tagged-PIF"]), "untagged_PIF": _ref(fields["untagged-PIF"]), "tag": int(fields["tag"])}


def _tunnel(fields: Fields) -> Record:
    return {"access_PIF": _ref(fields["access-PIF"]), "transport_PIF": _ref(fields["transport-PIF"])}


_READ: Mapping[str, Callable[[Fields], Record]] = {
    "pool": _pool, "host": _host, "network": _network, "PIF": _pif, "Bond": _bond, "VLAN": _vlan, "tunnel": _tunnel,
}  # fmt: skip


# values


def _ref(uuid: str) -> str:
    return NULL if uuid in _NOTHING else f"OpaqueRef:{uuid}"


def _text(text: str) -> str:
    return "" if text in _NOTHING else text


def _list(text: str, between: str = "; ") -> list[Any]:
    return [item for item in text.split(between) if item not in _NOTHING]


def _map(text: str) -> dict[str, str]:
    """`key: value; key: value`; a value may hold semicolons."""
    pairs = (pair.partition(":") for pair in _PAIR.split(text) if ":" in pair)
    return {key.strip(): value.strip() for key, _unused, value in pairs}
