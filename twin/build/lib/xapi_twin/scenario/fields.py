# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the fields of a dataclass from a file: each that the file states as what its type says, the others keep their defaults.

What the type alone does not tell stands with the field: ``field(default=1500, metadata=at_least(68))``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any, get_type_hints

from xapi_twin.scenario.yaml_lines import Place

#: Reads a value; its second argument says what it is, for the complaint.
Read = Callable[[Place, str], Any]

_BY_TYPE: Mapping[Any, Read] = {
    bool: Place.truth,
    int: Place.whole,
    float: Place.number,
    str: Place.text,
    tuple[str, ...]: Place.texts,
    Mapping[str, str]: Place.text_map,
    Mapping[str, str] | None: Place.text_map,
}


def read_by(read: Read) -> Mapping[str, Read | None]:
    """A field that is read in its own way."""
    return {"read": read}


def at_least(least: float) -> Mapping[str, Read | None]:
    """A number of at least so much, a whole one when `least` is."""
    if isinstance(least, int):
        return read_by(lambda place, what: place.whole(what, least))
    return read_by(lambda place, what: place.number(what, least))


def one_of(*choices: str) -> Mapping[str, Read | None]:
    return read_by(lambda place, what: place.choice(what, choices))


#: A field that no key of the file stands for.
NOT_IN_FILE: Mapping[str, Read | None] = {"read": None}


@cache
def readers(cls: type) -> Mapping[str, Read]:
    """How the fields of a dataclass are read, by name; those of other types are not."""
    hints = get_type_hints(cls)
    found = {each.name: each.metadata.get("read", _BY_TYPE.get(hints[each.name])) for each in dataclasses.fields(cls)}
    return {name: read for name, read in found.items() if read is not None}


def stated(cls: type, keys: Mapping[str, Place]) -> dict[str, Any]:
    """The fields that the file states."""
    return {name: read(keys[name], name) for name, read in readers(cls).items() if name in keys}


def described(place: Place, what: str, cls: type, more: Collection[str] = ()) -> tuple[Mapping[str, Place], dict[str, Any]]:
    """The values of a mapping by key, and the fields that it states. Raises ScenarioError for a key that is unknown or missing.

    `more`: keys that are no fields.
    """
    keys = place.mapping(what, (*readers(cls), *more))
    for each in dataclasses.fields(cls):
        is_needed = each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
        if is_needed and each.name in readers(cls) and each.name not in keys:
            raise place.error(f"{what} needs '{each.name}'")
    return keys, {**stated(cls, keys), "place": place}
