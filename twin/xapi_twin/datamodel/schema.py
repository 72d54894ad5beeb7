# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What classes, fields and messages XAPI has in a given version: facts read from data/schema.json.

A version is that of xapi ("1.249.41", "24.19.2", "26.17.0") or that of the product ("6.2", "7.6", "8.2.1"); both are brought onto one
scale of tuples, so that `schema.at_least("25.35")` and `schema.at_least("7.0")` mean what they say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cache
from importlib import resources
from typing import Any

NULL = "OpaqueRef:NULL"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

# Release names of the data model, on the scale of xapi versions. Before XenServer 7.0 xapi had no version of its own that is of use here,
# so those releases are (0, product version).
RELEASES: Mapping[str, tuple[int, ...]] = {
    "rio": (0, 4, 0),
    "miami": (0, 4, 1),
    "symc": (0, 4, 1, 1),
    "orlando": (0, 5, 0),
    "orlando-update-1": (0, 5, 0, 1),
    "george": (0, 5, 5),
    "midnight-ride": (0, 5, 6),
    "cowley": (0, 5, 6, 1),
    "boston": (0, 6, 0),
    "tampa": (0, 6, 1),
    "clearwater": (0, 6, 2),
    "vgpu-productisation": (0, 6, 2, 1),
    "clearwater-whetstone": (0, 6, 2, 2),
    "creedence": (0, 6, 5),
    "cream": (0, 6, 5, 1),
    "indigo": (0, 6, 5, 2),
    "dundee": (1, 9),
    "ely": (1, 14),
    "falcon": (1, 23),
    "inverness": (1, 44),
    "kolkata": (1, 90),
    "lima": (1, 110),
    "naples": (1, 160),
    "quebec": (1, 214),
    "stockholm": (1, 249),
    "stockholm_psr": (1, 249, 1),
}

# Product versions (XenServer, Citrix Hypervisor, XCP-ng) on the same scale.
PRODUCTS: Mapping[tuple[int, int], tuple[int, ...]] = {
    (7, 0): (1, 9),
    (7, 1): (1, 14),
    (7, 2): (1, 23),
    (7, 3): (1, 44),
    (7, 4): (1, 64),
    (7, 5): (1, 90),
    (7, 6): (1, 110),
    (8, 0): (1, 160),
    (8, 1): (1, 214),
    (8, 2): (1, 249),
    (8, 3): (24, 19),
    (8, 4): (25, 1),
    (9, 0): (26, 4),
}

NEWEST = "26.17.0"  # that was recorded; later ones are played as this one
# xapi counts by years since 2021; nobody knows what it will be in ten years.
_MAJORS = (1, *range(4, 10), *range(21, 37))


def release(version: str) -> tuple[int, ...]:
    """The place of a version (of xapi, of the product, or a release name of the data model) on one scale.

    Raises ValueError when it is none of them.
    """
    return _without_zeros(_release(version))


def _without_zeros(numbers: tuple[int, ...]) -> tuple[int, ...]:
    """25.35 and 25.35.0 are one version."""
    while numbers and numbers[-1] == 0:
        numbers = numbers[:-1]
    return numbers


def _release(version: str) -> tuple[int, ...]:
    if version in RELEASES:
        return RELEASES[version]
    match = re.fullmatch(r"(\d+(?:\.\d+)*)(?:[-+.~].*)?", version)
    if match is None:
        raise ValueError(f"'{version}' is not a version of xapi (such as 26.17.0) nor of the product (such as 8.2)")
    numbers = tuple(int(part) for part in match.group(1).split("."))
    if numbers[0] not in _MAJORS:
        raise ValueError(
            f"there is no version {version}: xapi's are 1.x and, from 21 on, those of the year (the newest known here is {NEWEST}),"
            " and the product's are 4 to 9"
        )
    if numbers[0] in (4, 5, 6):
        return (0, *numbers)
    if numbers[0] in (7, 8, 9):
        minor = numbers[1] if len(numbers) > 1 else 0
        known = max((key for key in PRODUCTS if key <= (numbers[0], minor)), default=(7, 0))
        return PRODUCTS[known]
    return numbers


@dataclass(frozen=True)
class Type:
    """A type of the API. kind: string, int, float, bool, datetime, enum, ref, record, set, map, void, other."""

    kind: str
    name: str = ""  # the class of a ref or record, the name of an enum
    item: Type | None = None  # of a set; the values of a map
    key: Type | None = None  # of a map

    def zero(self) -> Any:
        """The value of a field that was given none."""
        zeros: dict[str, Any] = {
            "string": "", "int": 0, "float": 0.0, "bool": False, "datetime": EPOCH, "ref": NULL, "enum": "", "void": "",
        }  # fmt: skip
        if self.kind == "set":
            return []
        if self.kind in ("map", "record"):
            return {}
        return zeros.get(self.kind, "")


@cache
def parse_type(text: str) -> Type:
    """A Type from its text, such as "PIF ref set" or "(string -> enum vif_operations) map"."""
    if text.startswith("(") and text.endswith(") map"):
        key, value = text[1:-5].split(" -> ", 1)
        return Type("map", key=parse_type(key), item=parse_type(value))
    if text.endswith(" set"):
        return Type("set", item=parse_type(text[:-4]))
    if text.endswith(" ref"):
        return Type("ref", text[:-4])
    if text.endswith(" record"):
        return Type("record", text[:-7])
    if text.startswith("enum "):
        return Type("enum", text[5:])
    return Type(text) if text in ("string", "int", "float", "bool", "datetime", "void") else Type("other", text)


def parse_default(type_: Type, text: str | None) -> Any:
    """The default of a field, written as the data model's printer does: "Null", "{0}", '{"a" -> "b"}', '"text"', "1."."""
    if text is None:
        return type_.zero()
    if type_.kind == "ref":
        return NULL
    if type_.kind == "map":
        return dict(re.findall(r'"([^"]*)" -> "([^"]*)"', text))
    if type_.kind == "set":
        inner = text.strip("{}").strip()
        return [parse_default(type_.item or Type("string"), part.strip()) for part in inner.split(";")] if inner else []
    if type_.kind == "int":
        return int(text)
    if type_.kind == "float":
        return float(text)
    if type_.kind == "bool":
        return text == "true"
    if type_.kind == "datetime":
        return datetime.strptime(text, "%Y%m%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    return text.strip('"')


@dataclass(frozen=True)
class Field:
    """A field of a class. `writable`: has set_ (and add_to_, remove_from_) messages; `constructor`: may be given to create."""

    name: str
    type: Type
    writable: bool
    constructor: bool
    required: bool  # a constructor's field without a default
    default: Any


@dataclass(frozen=True)
class Parameter:
    name: str
    type: Type
    required: bool


@dataclass(frozen=True)
class Message:
    """A message of a class; `parameters` are those after the session."""

    cls: str
    name: str
    session: bool
    parameters: tuple[Parameter, ...]
    result: Type


@dataclass(frozen=True)
class Class:
    name: str
    fields: Mapping[str, Field]
    messages: Mapping[str, Message]


# One object's field says where it belongs; the field of the other class is kept by the database:
# (class, field) -> (other class, its field).
RELATIONS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("PIF", "host"): ("host", "PIFs"),
    ("PIF", "network"): ("network", "PIFs"),
    ("PIF", "bond_slave_of"): ("Bond", "slaves"),
    ("Bond", "master"): ("PIF", "bond_master_of"),
    ("VLAN", "tagged_PIF"): ("PIF", "VLAN_slave_of"),
    ("tunnel", "access_PIF"): ("PIF", "tunnel_access_PIF_of"),
    ("tunnel", "transport_PIF"): ("PIF", "tunnel_transport_PIF_of"),
    ("network_sriov", "physical_PIF"): ("PIF", "sriov_physical_PIF_of"),
    ("network_sriov", "logical_PIF"): ("PIF", "sriov_logical_PIF_of"),
    ("VIF", "network"): ("network", "VIFs"),
    ("VIF", "VM"): ("VM", "VIFs"),
    ("VM", "resident_on"): ("host", "resident_VMs"),
    ("PBD", "host"): ("host", "PBDs"),
    ("PBD", "SR"): ("SR", "PBDs"),
    ("PCI", "host"): ("host", "PCIs"),
    ("Cluster_host", "cluster"): ("Cluster", "cluster_hosts"),
    ("task", "subtask_of"): ("task", "subtasks"),
}


@dataclass(frozen=True)
class Schema:
    """The data model of one version: `schema.classes["PIF"].fields["MTU"].type.kind == "int"`."""

    version: str
    release: tuple[int, ...]
    classes: Mapping[str, Class]
    enums: Mapping[str, tuple[str, ...]]
    methods: tuple[str, ...] = field(default=(), repr=False)  # what system.listMethods answers, in xapi's order

    @classmethod
    def load(cls, version: str = "26.17.0") -> Schema:
        """The data model as of a version of xapi or of the product. Raises ValueError for a text that is no version."""
        return _load(version)

    def at_least(self, version: str) -> bool:
        """True when the stated version is this one or later."""
        return self.release >= release(version)

    def fields(self, cls: str) -> Mapping[str, Field]:
        return self.classes[cls].fields


@cache
def _load(version: str) -> Schema:
    stated = release(version)
    classes: dict[str, Class] = {}
    enums: dict[str, tuple[str, ...]] = {}
    gone: set[str] = set()
    for name, facts in _data("schema.json").items():
        fields = {key: _field(key, row) for key, row in facts["fields"].items() if release(row[2]) <= stated}
        messages = {}
        for key, (params, result, since) in facts["messages"].items():
            if release(since) > stated:
                gone.add(f"{name}.{key}")
                continue
            session = bool(params) and params[0][0] == "session_id"
            parameters = tuple(Parameter(n, parse_type(t), required) for n, t, required in params[session:])
            messages[key] = Message(name, key, session, parameters, parse_type(result))
        classes[name] = Class(name, fields, messages)
        enums.update((key, tuple(values)) for key, values in facts["enums"].items())
    # Of classes that are not modelled only the names of the messages are known, and for some since when.
    gone.update(name for name, since in _data("since.json").items() if release(since) > stated)
    methods = tuple(
        f"{cls}.{name}" for cls, names in _data("methods.json").items() for name in names if cls not in gone and f"{cls}.{name}" not in gone
    )
    return Schema(version, stated, classes, enums, methods)


def _field(name: str, row: list[Any]) -> Field:
    type_ = parse_type(row[0])
    default = row[3] if len(row) > 3 else None
    constructor = row[1] != "RO/runtime"
    return Field(name, type_, row[1] == "RW", constructor, constructor and default is None, parse_default(type_, default))


def _data(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(resources.files(__package__).joinpath(f"data/{name}").read_text(encoding="utf-8"))
    return data
