# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which properties a bond mode knows, what they may be, and their defaults (ocaml/xapi/xapi_bond.ml, map_check.ml)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from xapi_twin.datamodel.errors import XapiError


@dataclass(frozen=True)
class Property:
    name: str
    default: str | None
    valid: Callable[[str], bool]


# OCaml's int_of_string: a sign, then decimal digits or 0x, 0o, 0b, 0u; underscores between.
_INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F][0-9a-fA-F_]*|0[oO][0-7][0-7_]*|0[bB][01][01_]*|0[uU][0-9][0-9_]*|[0-9][0-9_]*)")

LACP = (
    Property("hashing_algorithm", "tcpudp_ports", lambda value: value in ("src_mac", "tcpudp_ports")),
    Property("lacp-time", "slow", lambda value: value in ("fast", "slow")),
    Property("lacp-aggregation-key", None, lambda value: _INTEGER.fullmatch(value) is not None),
    Property("lacp-fallback-ab", "true", lambda value: value in ("true", "false")),
)


def of_mode(mode: str) -> tuple[Property, ...]:
    """The properties of a mode: only lacp has any."""
    return LACP if mode == "lacp" else ()


def check(mode: str, name: str, value: str) -> None:
    """Raises XapiError INVALID_VALUE as xapi words it."""
    if not any(known.name == name and known.valid(value) for known in of_mode(mode)):
        raise XapiError("INVALID_VALUE", "properties", f"{name} = {value}")


def with_defaults(mode: str, properties: Mapping[str, str]) -> dict[str, str]:
    """The properties and the defaults of those that were not given."""
    defaults = {known.name: known.default for known in of_mode(mode) if known.default is not None}
    return {**defaults, **properties}


def that_fit(mode: str, properties: Mapping[str, str]) -> dict[str, str]:
    """Those of the properties that another mode knows as well."""
    known = {prop.name: prop for prop in of_mode(mode)}
    return {name: value for name, value in properties.items() if name in known and known[name].valid(value)}
