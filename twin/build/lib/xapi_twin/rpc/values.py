# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values of calls: as they come over the wire, and as native values of the schema's types.

On the way in a request becomes *wire values* (requests.py): str, int, bool, float, list, dict, None, `DateTime`. `convert` makes native
values of them and fails with xapi's own words. On the way out a `Writer` (writer.py) writes native values as text, by the schema's types.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from typing import Any

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import Schema, Type


class Wire(Enum):
    """The language of a call."""

    XML = "xml-rpc"
    JSON1 = "json-rpc 1.0"
    JSON2 = "json-rpc 2.0"


class DateTime(str):
    """A dateTime.iso8601 of a request, as its text."""


class Malformed(Exception):
    """A request that cannot be read; the text is that of xapi's exception."""


@dataclass(frozen=True)
class Call:
    """A request. `id` is JSON-RPC's."""

    method: str
    arguments: tuple[Any, ...]
    wire: Wire
    id: Any = None


@dataclass(frozen=True)
class Event:
    """An event as it goes out. `modified` is the number of the change that the snapshot shows (its text is kept by that)."""

    id: int
    timestamp: str
    cls: str
    operation: str
    ref: str
    snapshot: Mapping[str, Any] | None
    modified: int


@dataclass(frozen=True)
class EventBatch:
    """What event.from answers."""

    events: tuple[Event, ...]
    token: str
    valid_ref_counts: Mapping[str, int]


# ---------------------------------------------------------------- wire values to native ones


def text_of(value: Any) -> str:
    """A wire value as rpclib's Rpc.to_string writes it, which xapi's errors quote; a string as it is when it is the session."""
    return value if isinstance(value, str) else quoted(value)


def quoted(value: Any) -> str:
    """`S(text)`, `I(7)`, `B(true)`, `F(1.5)`, `[S(a);S(b)]`, `{a:S(b)}`, `N`."""
    if value is None:
        return "N"
    if isinstance(value, bool):
        return f"B({'true' if value else 'false'})"
    if isinstance(value, int):
        return f"I({value})"
    if isinstance(value, float):
        return f"F({value:g})"
    if isinstance(value, DateTime):
        return f"D({value})"
    if isinstance(value, str):
        return f"S({value})"
    if isinstance(value, (list, tuple)):
        return f"[{';'.join(map(quoted, value))}]"
    if isinstance(value, dict):
        return "{" + ";".join(f"{key}:{quoted(item)}" for key, item in value.items()) + "}"
    return f"B64({base64.b64encode(value).decode()})"


def failure(text: str) -> XapiError:
    """OCaml's Failure, as xapi reports an exception that is none of its own."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return XapiError("INTERNAL_ERROR", f'Failure("{escaped}")')


def convert(schema: Schema, type_: Type, value: Any) -> Any:
    """A wire value as a native value of a type. Raises XapiError INTERNAL_ERROR in xapi's words."""
    kind = type_.kind
    if kind in ("string", "ref"):
        if not isinstance(value, str) or isinstance(value, DateTime):
            raise failure(f"Expected string, got '{quoted(value)}'")
        return value
    if kind == "bool":
        if not isinstance(value, bool):
            raise failure(f"Expected bool, got '{quoted(value)}'")
        return value
    if kind == "int":
        return _int(value)
    if kind == "float":
        return _float(value)
    if kind == "datetime":
        return _datetime(value)
    if kind == "enum":
        return _enum(schema, type_.name, value)
    if kind == "set":
        if not isinstance(value, list):
            raise failure(f"Expecting Rpc.Enum, but found '{quoted(value)}'")
        item = type_.item or Type("string")
        return [convert(schema, item, element) for element in value]
    if kind == "map":
        if not isinstance(value, dict):
            raise failure(f"Expecting Rpc.Dict, but found '{quoted(value)}'")
        keys, values = type_.key or Type("string"), type_.item or Type("string")
        return {convert(schema, keys, key): convert(schema, values, element) for key, element in value.items()}
    if kind == "record":
        if not isinstance(value, dict):
            raise failure("bad __structure")
        fields = schema.classes[type_.name].fields if type_.name in schema.classes else {}
        return {key: convert(schema, fields[key].type, element) for key, element in value.items() if key in fields}
    return value


def _int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)) or isinstance(value, DateTime):
        raise failure(f"Expected int64, got '{quoted(value)}'")
    if isinstance(value, int):
        return value
    if re.fullmatch(r"[-+]?(0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|[0-9][0-9_]*)", value) is None:
        raise failure("Int64.of_string")
    text = value.replace("_", "")
    number = int(text, 10) if re.fullmatch(r"[-+]?\d+", text) else int(text, 0)
    if not -(2**63) <= number < 2**64:
        raise failure("Int64.of_string")
    return number


def _float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)) or isinstance(value, DateTime):
        raise failure(f"Expected float, got '{quoted(value)}'")
    try:
        return float(value)
    except ValueError:
        raise failure("float_of_string") from None


def _datetime(value: Any) -> datetime:
    if isinstance(value, str):
        digits = value.replace("-", "").rstrip("Z")
        for form in ("%Y%m%dT%H:%M:%S", "%Y%m%dT%H:%M:%S.%f"):
            try:
                return datetime.strptime(digits, form).replace(tzinfo=timezone.utc)
            except ValueError:
                continue
        raise failure(f"Date.of_iso8601: {value}")
    raise failure(f"Expected DateTime, got '{quoted(value)}'")


def _enum(schema: Schema, name: str, value: Any) -> str:
    """Enum values are read without regard to case, but for the bond's mode, whose reader xapi writes by hand (gen_types.ml)."""
    values = schema.enums.get(name, ())
    if name == "bond_mode":
        if not isinstance(value, str) or value not in values:
            raise failure("Unmarshalling error in bond-mode")
        return value
    if isinstance(value, str):
        for known in values:
            if known.lower() == value.lower():
                return known
    raise failure("Unknown tag/contents")


def stamp(value: datetime) -> str:
    """`20261122T11:11:24Z`"""
    return value.strftime("%Y%m%dT%H:%M:%SZ")
