# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A captured pool as a file: the records that the network's rules look at, and nothing else.

What is written is named here field by field, so that no secret and no licence data gets in by being new. A field that has
its default is left out. The same pool gives the same text, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from xapi_twin.datamodel.releases import product_of, software_version
from xapi_twin.datamodel.schema import NULL, Field, Schema, Type, release
from xapi_twin.scenario.fields import stated
from xapi_twin.scenario.model import BOOTED, HostDom0, Nic, Record, Records, Scenario
from xapi_twin.scenario.options import Options, faults_of
from xapi_twin.scenario.yaml_lines import Place

VERSION = "1"

#: The fields of each class that are kept, apart from uuid. Times, measurements and what xapi computes are not among them.
KEPT: Mapping[str, tuple[str, ...]] = {
    "pool": ("name_label", "master", "default_SR", "ha_enabled", "other_config", "igmp_snooping_enabled", "tls_verification_enabled"),
    "host": (
        "name_label", "hostname", "address", "enabled", "API_version_major", "API_version_minor", "API_version_vendor", "software_version",
        "other_config", "metrics", "control_domain", "multipathing", "pending_guidances",
    ),
    "host_metrics": ("live",),
    "network": (
        "name_label", "name_description", "bridge", "MTU", "other_config", "tags", "purpose", "managed", "default_locking_mode",
    ),
    "PIF": (
        "host", "device", "network", "MAC", "MTU", "VLAN", "metrics", "physical", "currently_attached", "ip_configuration_mode", "IP",
        "netmask", "gateway", "DNS", "bond_slave_of", "VLAN_master_of", "management", "other_config", "disallow_unplug",
        "ipv6_configuration_mode", "IPv6", "ipv6_gateway", "primary_address_type", "managed", "properties", "capabilities",
    ),
    "PIF_metrics": ("carrier", "speed", "duplex", "pci_bus_path", "vendor_name", "device_name"),
    "Bond": ("master", "primary_slave", "mode", "properties", "other_config", "auto_update_mac"),
    "VLAN": ("tagged_PIF", "untagged_PIF", "tag", "other_config"),
    "tunnel": ("access_PIF", "transport_PIF", "other_config", "protocol"),
    "network_sriov": ("physical_PIF", "logical_PIF"),
    "VM": ("name_label", "power_state", "resident_on", "is_a_template", "is_a_snapshot", "is_control_domain"),
    "VIF": ("VM", "network", "device", "MAC", "MTU", "currently_attached", "locking_mode", "other_config"),
    "SR": ("name_label", "type", "content_type", "shared"),
    "PBD": ("SR", "host", "device_config", "currently_attached"),
    "Cluster": ("cluster_stack", "pool_auto_join"),
    "Cluster_host": ("cluster", "host", "PIF", "enabled"),
}  # fmt: skip

# Of the maps of pool and host only these keys: the others hold tokens, times, and what clients keep there for themselves.
_MAP_KEYS = {
    ("pool", "other_config"): re.compile(r"memory-ratio-.*"),
    ("host", "other_config"): re.compile(r"multipath(ing|handle)|iscsi_iqn|host_auto_enable|host_disabled_until_reboot|no_local_storage"),
}
_SECRET_KEYS = re.compile(r"pass|secret|token|cred|key|user|auth|chap|licen[cs]e|^xo:|^XenCenter", re.I)
_OPTIONS = (
    "capture", "pool", "xapi", "backend", "records", "user", "password", "restart_seconds", "faults", "bridge_counter", "about",
    "hold_states", "link_seconds",
)  # fmt: skip


def kept(cls: str, record: Mapping[str, Any], schema: Schema) -> Record:
    """A record with what is kept of it, native values; fields with their defaults are left out."""
    fields = schema.fields(cls)
    found: Record = {"uuid": record["uuid"]}
    for name in KEPT[cls]:
        if name not in fields or name not in record:
            continue
        value = record[name]
        if fields[name].type.kind == "map":
            value = _without_secrets(cls, name, value)
        if value != fields[name].default:
            found[name] = value
    return found


def _without_secrets(cls: str, name: str, value: Mapping[str, Any]) -> dict[str, Any]:
    only = _MAP_KEYS.get((cls, name))
    return {key: item for key, item in value.items() if (only.fullmatch(key) if only else not _SECRET_KEYS.search(key))}


def xapi_version(software_version: Mapping[str, str]) -> str:
    """The version of xapi that a host states; of old products, whose xapi counted differently, that of the product. Raises ValueError."""
    product = software_version.get("product_version", "")
    if product and release(product) < release("7.0"):  # there "xapi: 1.3" counts something else
        return product
    build = re.match(r"\d+(\.\d+)*", software_version.get("xapi_build") or software_version.get("xapi") or "")
    # 8.2 still said "xapi: 1.20"; from 21 on the number is that of the release.
    if build and (not product or release(build.group()) >= min(release("21.0"), release(product))):
        return build.group()
    release(product)
    return product


def write(records: Records, schema: Schema, backend: str) -> str:
    """The file's text. `records` are complete or already reduced; only what is kept of them is written."""
    classes = [cls for cls in KEPT if cls in schema.classes]
    chosen = {cls: {ref: kept(cls, record, schema) for ref, record in records.get(cls, {}).items()} for cls in classes}
    _drop_measurements(chosen)
    _drop_dead_references(chosen, schema)
    (pool,) = chosen["pool"].values()
    document = {
        "capture": int(VERSION),
        "pool": pool.get("name_label", ""),
        "xapi": schema.version,
        "backend": backend,
        "records": {cls: _sorted(cls, chosen) for cls in KEPT if chosen.get(cls)},
    }
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    body = yaml.dump(document, Dumper=dumper, sort_keys=False, allow_unicode=True, width=10**6, default_flow_style=False)
    head = "# A pool as `xapi-twin capture` found it; `xapi-twin run` plays it. Passwords, licences and times are left out.\n"
    return head + body


def _drop_measurements(records: Records) -> None:
    """What is measured of a bond or a VLAN follows from its NICs."""
    physical = {pif.get("metrics") for pif in records["PIF"].values() if pif.get("physical")}
    for ref, record in records["PIF_metrics"].items():
        if ref not in physical:
            for name in KEPT["PIF_metrics"]:
                record.pop(name, None)
    # Only VMs that have to do with the network: those with a VIF, those that run, and the control domains.
    busy = {vif.get("VM") for vif in records.get("VIF", {}).values()}
    vms = records.get("VM", {})
    for ref in list(vms):
        vm = vms[ref]
        if ref not in busy and not vm.get("is_control_domain") and (vm.get("is_a_template") or vm.get("power_state") != "Running"):
            del vms[ref]


def _drop_dead_references(records: Records, schema: Schema) -> None:
    for cls, of_class in records.items():
        for record in of_class.values():
            for name in list(record):
                type_ = schema.fields(cls)[name].type
                if type_.kind == "ref" and record[name] not in records.get(type_.name, {}):
                    del record[name]


def _sorted(cls: str, records: Records) -> dict[str, Record]:
    """In an order that people expect and that does not depend on references: by host, by device, by name."""

    def key(item: tuple[str, Record]) -> tuple[Any, ...]:
        ref, record = item
        host = records["host"].get(record.get("host", ""), {}).get("name_label", "")
        device = record.get("device", record.get("bridge", ""))
        natural = [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", f"{device} {record.get('name_label', '')}")]
        return (host, not record.get("physical", False), [str(type(part)) + f"{part:>12}" for part in natural], record.get("VLAN", -1), ref)

    return dict(sorted(records[cls].items(), key=key))


# reading


def scenario(place: Place, **changes: Any) -> Scenario:
    """The pool of a captured file. Raises ScenarioError, naming the line."""
    top = place.mapping("the capture", _OPTIONS)
    for needed in ("capture", "pool", "xapi", "records"):
        if needed not in top:
            raise place.error(f"the capture has no '{needed}': it is not complete")
    if top["capture"].text("capture") != VERSION:
        raise top["capture"].error(f"this twin reads captures of version {VERSION}, not {top['capture'].text('capture')}")
    version = top["xapi"].text("xapi")
    try:
        schema, product = Schema.load(version), product_of(str(changes.get("xapi") or version))
    except ValueError as error:
        raise top["xapi"].error(str(error)) from None
    records = _records(top["records"], schema)
    _upgrade(records, schema, Schema.load(str(changes.get("xapi") or version)))
    if changes.get("xapi"):
        _say_version(records, str(changes["xapi"]))
    hosts = {record.get("name_label", "") for record in records["host"].values()}
    found = Scenario(
        pool=top["pool"].text("pool"),
        xapi=version,
        records=records,
        dom0={ref: _dom0(records, ref) for ref in records["host"]},
        formats=product.formats,
        faults=faults_of(top.get("faults"), hosts),
        source=place.file,
        **stated(Options, top),
    )
    return found.with_options(**{name: value for name, value in changes.items() if value is not None})


def _say_version(records: Records, version: str) -> None:
    """A host writes its software_version when its xapi starts (create_misc.ml), so a pool that is played with another xapi says so."""
    for host in records["host"].values():
        said = host.get("software_version", {})
        host["software_version"] = {**said, **software_version(version, said.get("network_backend", "openvswitch"))}


def _upgrade(records: Records, old: Schema, new: Schema) -> None:
    """What a later xapi makes of an older database when it starts on it; other new fields have their defaults (xapi_db_upgrade.ml)."""
    pifs = records["PIF"]
    if "primary_slave" in new.fields("Bond").keys() - old.fields("Bond").keys():
        for ref, bond in records.get("Bond", {}).items():
            slaves = sorted(pif for pif, record in pifs.items() if record.get("bond_slave_of") == ref)
            mac = pifs[bond["master"]]["MAC"]
            primary = next((pif for pif in slaves if pifs[pif]["MAC"] == mac), next(iter(slaves), NULL))  # Xapi_bond.fix_bond
            bond.setdefault("primary_slave", primary)
    if "properties" in new.fields("PIF").keys() - old.fields("PIF").keys():
        for ref, record in pifs.items():
            if record.get("physical") or any(bond["master"] == ref for bond in records.get("Bond", {}).values()):
                record.setdefault("properties", {"gro": "on"})
    if not old.at_least("6.1") and new.at_least("6.1"):
        above = [(vlan["untagged_PIF"], vlan["tagged_PIF"]) for vlan in records.get("VLAN", {}).values()]
        above += [(tunnel["access_PIF"], tunnel["transport_PIF"]) for tunnel in records.get("tunnel", {}).values()]
        for upper, lower in above:
            if upper in pifs and lower in pifs:
                pifs[upper]["metrics"] = pifs[lower].get("metrics", NULL)


def _records(place: Place, schema: Schema) -> Records:
    records: Records = {}
    places: dict[str, dict[str, dict[str, Place]]] = {}
    for cls, by_ref in place.mapping("records", [cls for cls in KEPT if cls in schema.classes]).items():
        records[cls], places[cls] = {}, {}
        known = ("uuid", *(name for name in KEPT[cls] if name in schema.fields(cls)))
        for ref, key, value in by_ref.pairs(cls):
            if not ref.startswith("OpaqueRef:"):
                raise key.error(f"'{ref}' is no reference (OpaqueRef:…)")
            fields = value.mapping(f"{cls} {ref}", known)
            if "uuid" not in fields:
                raise key.error(f"{cls} {ref} has no uuid")
            places[cls][ref] = fields
            records[cls][ref] = {name: _value(field, f"{cls}.{name}", schema.fields(cls)[name].type) for name, field in fields.items()}
    for cls in ("pool", "host", "network", "PIF"):
        if not records.get(cls):
            raise place.error(f"the capture has no {cls}: it is not complete")
    if len(records["pool"]) != 1:
        raise place.error(f"a capture is of one pool, this has {len(records['pool'])}")
    _check_references(records, places, schema)
    for host in records["host"].values():
        # Left out of the file because they are times; without them a restart could not be told from none.
        host["other_config"] = {"agent_start_time": BOOTED, "boot_time": BOOTED, **host.get("other_config", {})}
    (pool,) = records["pool"].values()
    if "master" not in pool:
        raise place.error("the capture does not say who the master is: it is not complete")
    return records


def _check_references(records: Records, places: Mapping[str, Mapping[str, Mapping[str, Place]]], schema: Schema) -> None:
    needed = {"PIF": ("host", "network", "device", "MAC"), "VIF": ("VM", "network"), "PBD": ("SR", "host"), "Bond": ("master",),
              "VLAN": ("tagged_PIF", "untagged_PIF")}  # fmt: skip
    for cls, of_class in records.items():
        for ref, record in of_class.items():
            for name, at in places[cls][ref].items():
                type_ = schema.fields(cls)[name].type
                if type_.kind == "ref" and record[name] != NULL and record[name] not in records.get(type_.name, {}):
                    raise at.error(f"{cls} {ref}: its {name} {record[name]} is not in the capture")
            for name in needed.get(cls, ()):
                if name not in record:
                    raise places[cls][ref]["uuid"].error(f"{cls} {ref} has no {name}: the capture is broken here")


def _value(place: Place, what: str, type_: Type) -> Any:
    """A value as the type of its field. Raises ScenarioError."""
    if type_.kind == "int":
        return place.whole(what)
    if type_.kind == "float":
        return place.number(what)
    if type_.kind == "bool":
        return place.truth(what)
    if type_.kind == "map":
        return place.text_map(what)
    if type_.kind == "set":
        return [_value(item, what, type_.item or Type("string")) for item in place.items(what)]
    return place.text(what)


def _dom0(records: Records, host: str) -> HostDom0:
    """The cards of a host, from its PIFs: dom0 itself was not asked."""
    nics = []
    for pif in records["PIF"].values():
        if pif["host"] == host and pif.get("physical"):
            metrics = records.get("PIF_metrics", {}).get(pif.get("metrics", NULL), {})
            nics.append(
                Nic(
                    name=pif["device"],
                    mac=pif["MAC"],
                    carrier=metrics.get("carrier", False),
                    speed=metrics.get("speed", 0),
                    duplex=metrics.get("duplex", False),
                    pci=metrics.get("pci_bus_path", ""),
                )
            )
    record = records["host"][host]
    return HostDom0(nics=tuple(nics), hostname=str(record.get("hostname") or record.get("name_label", "")))


def native(schema: Schema, cls: str, snapshot: Mapping[str, Any]) -> Record:
    """A record as it came over the wire (whole numbers as text), with native values; fields that are not known are left out."""

    def value(field: Field, given: Any) -> Any:
        return int(given) if field.type.kind == "int" else given

    known = schema.fields(cls)
    return {name: value(known[name], given) for name, given in snapshot.items() if name in known}
