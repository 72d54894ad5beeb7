# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `xe` calls the fields of each class, how it writes them, and which it shows unasked.

Names, order and marks are those of xe itself (xen-api, ocaml/xapi-cli-server/records.ml and cli_operations.ml).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from xapi_twin.database import Database
from xapi_twin.datamodel.schema import NULL

Record = Mapping[str, Any]
NOT_THERE = "<not in database>"
# Sets that xe goes on joining with commas, as it did before it chose semicolons (concat_with_comma in records.ml).
_WITH_COMMAS = ("tags", "purpose")


@dataclass(frozen=True)
class Field:
    """A field as xe shows it. `mark`: RO, RW, SRO, SRW, MRO, MRW; `api`: XAPI's field that param-set and its kin write."""

    name: str
    get: Callable[[Database, Record], str]
    mark: str = "RO"
    api: str = ""
    case_insensitive: bool = False

    @property
    def label(self) -> str:
        return f"{self.name} ({self.mark:>3})"


@dataclass(frozen=True)
class Table:
    """A class as xe knows it. `shown`: the fields of NAME-list without params=."""

    cls: str
    shown: tuple[str, ...]
    fields: tuple[Field, ...]
    only: Callable[[Record], bool] = lambda record: True

    def find(self, name: str) -> Field | None:
        return next((field for field in self.fields if field.name == name), None)


def text(value: Any, between: str = "; ") -> str:
    """A value as xe writes it: maps as "k: v; k: v", sets with `between`, floats with three digits, times in the short ISO form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, datetime):
        return value.strftime("%Y%m%dT%H:%M:%SZ")
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {text(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return between.join(text(item) for item in value)
    return str(value)


def plain(name: str, api: str = "", mark: str = "RO", case_insensitive: bool = False) -> Field:
    """A field that is shown as it is; `api` is its name in XAPI when that is not xe's with underscores."""
    key, between = api or name.replace("-", "_"), ", " if name in _WITH_COMMAS else "; "
    return Field(name, lambda database, record: text(record.get(key, ""), between), mark, key, case_insensitive)


def uuid_of(name: str, api: str, cls: str, mark: str = "RO") -> Field:
    """A reference (or a set of them), shown by uuid."""

    def get(database: Database, record: Record) -> str:
        value = record.get(api, NULL)
        return "; ".join(_uuid(database, cls, ref) for ref in value) if isinstance(value, list) else _uuid(database, cls, value)

    return Field(name, get, mark, api)


def name_of(name: str, api: str, cls: str) -> Field:
    """A reference, shown by the name of what it refers to."""

    def get(database: Database, record: Record) -> str:
        found = database.find(cls, record.get(api, NULL))
        return found["name_label"] if found else NOT_THERE

    return Field(name, get, "RO", api)


def metrics(name: str, key: str, shown: Callable[[Record], str]) -> Field:
    """A field of the PIF's metrics."""

    def get(database: Database, record: Record) -> str:
        found = database.find("PIF_metrics", record.get("metrics", NULL))
        return shown(found) if found else NOT_THERE

    return Field(name, get, "RO", key)


def _uuid(database: Database, cls: str, ref: str) -> str:
    found = database.find(cls, ref)
    return found["uuid"] if found else NOT_THERE


def _duplex(record: Record) -> str:
    return "full" if record["duplex"] else "half" if record["carrier"] else "unknown"


def _live(database: Database, record: Record) -> str:
    found = database.find("host_metrics", record.get("metrics", NULL))
    return text(found["live"]) if found else NOT_THERE


_NAMES = (plain("name-label", mark="RW"), plain("name-description", mark="RW"))
_OTHER_CONFIG = plain("other-config", mark="MRW")


def _sr_host(database: Database, record: Record) -> str:
    pbds = record["PBDs"]
    if len(pbds) != 1:
        return "<shared>" if record["shared"] else NOT_THERE
    host = database.find("host", database.get("PBD", pbds[0])["host"])
    return host["name_label"] if host else NOT_THERE


TABLES: Mapping[str, Table] = {
    "pif": Table(
        "PIF",
        ("uuid", "device", "VLAN", "network-uuid", "currently-attached"),
        (
            plain("uuid"), plain("device"), plain("MAC", case_insensitive=True), plain("physical"), plain("managed"),
            plain("currently-attached"), plain("MTU"), plain("VLAN"), uuid_of("vlan-master-of", "VLAN_master_of", "VLAN"),
            uuid_of("vlan-slave-of", "VLAN_slave_of", "VLAN"), uuid_of("bond-master-of", "bond_master_of", "Bond"),
            uuid_of("bond-slave-of", "bond_slave_of", "Bond"), uuid_of("sriov-physical-PIF-of", "sriov_physical_PIF_of", "network_sriov"),
            uuid_of("sriov-logical-PIF-of", "sriov_logical_PIF_of", "network_sriov"),
            uuid_of("tunnel-access-PIF-of", "tunnel_access_PIF_of", "tunnel"),
            uuid_of("tunnel-transport-PIF-of", "tunnel_transport_PIF_of", "tunnel"), plain("management"),
            uuid_of("network-uuid", "network", "network"), name_of("network-name-label", "network", "network"),
            uuid_of("host-uuid", "host", "host"), name_of("host-name-label", "host", "host"),
            plain("IP-configuration-mode", "ip_configuration_mode"), plain("IP"), plain("netmask"), plain("gateway"),
            plain("IPv6-configuration-mode", "ipv6_configuration_mode"), plain("IPv6"), plain("IPv6-gateway", "ipv6_gateway"),
            plain("primary-address-type"), plain("DNS"), plain("properties", mark="MRO"), plain("capabilities", mark="SRO"),
            metrics("carrier", "carrier", lambda record: text(record["carrier"])),
            metrics("vendor-id", "vendor_id", lambda record: record["vendor_id"]),
            metrics("vendor-name", "vendor_name", lambda record: record["vendor_name"]),
            metrics("device-id", "device_id", lambda record: record["device_id"]),
            metrics("device-name", "device_name", lambda record: record["device_name"]),
            metrics("speed", "speed", lambda record: f"{record['speed']} Mbit/s"), metrics("duplex", "duplex", _duplex),
            plain("disallow-unplug", mark="RW"), metrics("pci-bus-path", "pci_bus_path", lambda record: record["pci_bus_path"]),
            _OTHER_CONFIG, plain("igmp-snooping-status"),
        ),
    ),
    "bond": Table(
        "Bond",
        ("uuid", "master", "slaves"),
        (
            plain("uuid"), uuid_of("master", "master", "PIF"), uuid_of("slaves", "slaves", "PIF"), plain("mode"),
            plain("properties", mark="MRO"), uuid_of("primary-slave", "primary_slave", "PIF"), plain("links-up"), plain("auto-update-mac"),
        ),
    ),
    "vlan": Table(
        "VLAN",
        ("uuid", "tagged-PIF", "untagged-PIF", "tag"),
        (plain("uuid"), uuid_of("tagged-PIF", "tagged_PIF", "PIF"), uuid_of("untagged-PIF", "untagged_PIF", "PIF"), plain("tag")),
    ),
    "tunnel": Table(
        "tunnel",
        ("uuid", "transport-PIF", "access-PIF", "status"),
        (
            plain("uuid"), uuid_of("access-PIF", "access_PIF", "PIF"), uuid_of("transport-PIF", "transport_PIF", "PIF"), plain("status"),
            plain("other-config", mark="MRW"), plain("protocol"),
        ),
    ),
    "network": Table(
        "network",
        ("uuid", "name-label", "name-description", "bridge"),
        (
            plain("uuid"), *_NAMES, uuid_of("VIF-uuids", "VIFs", "VIF", "SRO"), uuid_of("PIF-uuids", "PIFs", "PIF", "SRO"),
            plain("MTU", mark="RW"), plain("bridge"), plain("managed"), _OTHER_CONFIG, plain("blobs"), plain("tags", mark="SRW"),
            plain("default-locking-mode", mark="RW"), plain("purpose", mark="SRW"),
        ),
    ),
    "host": Table(
        "host",
        ("uuid", "name-label", "name-description"),
        (
            plain("uuid"), *_NAMES, plain("allowed-operations", mark="SRO"), plain("current-operations", mark="SRO"),
            plain("enabled"),
            plain("API-version-major", "API_version_major"), plain("API-version-minor", "API_version_minor"),
            plain("other-config", mark="MRW"),
            plain("hostname"), plain("address"), plain("software-version", mark="MRO"), plain("edition"),
            Field("host-metrics-live", _live), plain("tags", mark="SRW"),
            plain("iscsi-iqn", "iscsi_iqn", "RW"), plain("multipathing", mark="RW"),
        ),
    ),
    "pool": Table(
        "pool",
        ("uuid", "name-label", "name-description", "master", "default-SR"),
        (
            plain("uuid"), *_NAMES, uuid_of("master", "master", "host"), uuid_of("default-SR", "default_SR", "SR", "RW"), _OTHER_CONFIG,
            plain("ha-enabled"), plain("ha-configuration"), plain("ha-host-failures-to-tolerate"), plain("igmp-snooping-enabled"),
            plain("tags", mark="SRW"),
        ),
    ),
    "vm": Table(
        "VM",
        ("uuid", "name-label", "power-state"),
        (
            plain("uuid"), *_NAMES, plain("is-a-template"), plain("is-a-snapshot"), plain("is-control-domain"),
            Field("power-state", lambda database, record: str(record["power_state"]).lower(), "RO", "power_state"),
            uuid_of("resident-on", "resident_on", "host"), uuid_of("affinity", "affinity", "host", "RW"), plain("other-config", mark="MRW"),
            plain("tags", mark="SRW"),
        ),
        lambda record: not record["is_a_template"],
    ),
    "vif": Table(
        "VIF",
        ("uuid", "device", "vm-uuid", "network-uuid"),
        (
            plain("uuid"), uuid_of("vm-uuid", "VM", "VM"), name_of("vm-name-label", "VM", "VM"), plain("device"),
            plain("MAC", case_insensitive=True), plain("MTU"), plain("currently-attached"), _OTHER_CONFIG,
            uuid_of("network-uuid", "network", "network"), name_of("network-name-label", "network", "network"),
        ),
    ),
    "sr": Table(
        "SR",
        ("uuid", "name-label", "name-description", "host", "type", "content-type"),
        (
            plain("uuid"), *_NAMES, Field("host", _sr_host),
            plain("type"), plain("content-type"),
            plain("shared"), uuid_of("PBDs", "PBDs", "PBD", "SRO"), plain("physical-size"), _OTHER_CONFIG,
            plain("tags", mark="SRW"),
        ),
    ),
    "pbd": Table(
        "PBD",
        ("uuid", "host-uuid", "sr-uuid", "device-config", "currently-attached"),
        (
            plain("uuid"), uuid_of("host", "host", "host"), uuid_of("host-uuid", "host", "host"),
            name_of("host-name-label", "host", "host"),
            uuid_of("sr-uuid", "SR", "SR"), name_of("sr-name-label", "SR", "SR"), plain("device-config", mark="MRO"),
            plain("currently-attached"), _OTHER_CONFIG,
        ),
    ),
    "task": Table(
        "task",
        ("uuid", "name-label", "name-description", "status", "progress"),
        (
            plain("uuid"), plain("name-label"), plain("name-description"), uuid_of("resident-on", "resident_on", "host"), plain("status"),
            plain("progress"), plain("type"), plain("result"), plain("created"), plain("finished"), plain("error_info"), _OTHER_CONFIG,
        ),
    ),
    "cluster": Table("Cluster", ("uuid", "cluster-stack"), (plain("uuid"), plain("cluster-stack"), plain("cluster-token"))),
    "cluster-host": Table(
        "Cluster_host",
        ("uuid", "cluster", "host", "enabled"),
        (plain("uuid"), uuid_of("cluster", "cluster", "Cluster"), uuid_of("host", "host", "host"), plain("enabled")),
    ),
    "message": Table(
        "message",
        ("uuid", "name", "priority", "class", "obj-uuid", "timestamp", "body"),
        (
            plain("uuid"), plain("name"), plain("priority"), plain("class", "cls"), plain("obj-uuid"), plain("timestamp"), plain("body"),
        ),
    ),
}  # fmt: skip
