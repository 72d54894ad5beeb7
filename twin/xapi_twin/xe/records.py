# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that every class has: list, param-list, param-get, param-set, param-add, param-remove, param-clear."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from xapi_twin.database import Database
from xapi_twin.xe.fields import TABLES, Field, Record, Table
from xapi_twin.xe.request import Command, NoField, Refusal, Request, Row, boolean


def rows(database: Database, record: Record, fields: Sequence[Field]) -> Row:
    return [(field.label, field.get(database, record)) for field in fields]


def select(database: Database, table: Table, filters: Mapping[str, str]) -> list[tuple[str, Record]]:
    """The objects that the filters leave, newest first: so the tutorial's listings have them. Raises Refusal for a field that is not."""
    found = [(ref, record) for ref, record in reversed(list(database.all(table.cls).items())) if table.only(record)]
    for name, value in filters.items():
        if found:  # xe looks fields up in the first record; without one it refuses none
            matches = _match(database, table, name, value)
            found = [(ref, record) for ref, record in found if matches(record)]
    return found


def _match(database: Database, table: Table, name: str, value: str) -> Callable[[Record], bool]:
    """A filter: a field, a map's key (other-config:key=value, of old other-config-key=value) or a set's member (tags:contains=value)."""
    field = table.find(name)
    if field is not None:
        shown = field.get
        if field.case_insensitive:
            return lambda record: shown(database, record).lower() == value.lower()
        return lambda record: shown(database, record) == value
    field, key = _part(table, name)
    if field.mark.startswith("M"):
        return lambda record: record.get(field.api, {}).get(key) == value
    if key != "contains":
        raise Refusal("Invalid syntax for set filtering (should be set-param:contains=key)")
    return lambda record: value in re.split("[;,] ", field.get(database, record))


def _part(table: Table, name: str) -> tuple[Field, str]:
    """(the map or set, the key) that a parameter names. Raises Refusal."""
    if ":" in name:
        base, _unused, key = name.partition(":")
        field = table.find(base)
        if field is None:
            raise Refusal(f"Unknown field '{name}'")
        if field.mark[0] not in "MS":
            raise Refusal(f"Field '{base}' is not a set or map")
        return field, key
    for kind in "MS":
        for field in sorted(table.fields, key=lambda field: -len(field.name)):
            if field.mark[0] == kind and name.startswith(field.name + "-"):
                return field, name[len(field.name) + 1 :]
    raise Refusal(f"Unknown field '{name}'")


def _field(table: Table, name: str) -> Field:
    field = table.find(name)
    if field is None:
        raise NoField(name)
    return field


async def _list(request: Request, table: Table) -> None:
    filters = {name: value for name, value in request.rest("params").items() if not name.startswith("database:")}
    found = select(request.database, table, filters)
    wanted = request.get("params")
    names = [field.name for field in table.fields] if wanted == "all" else wanted.split(",") if wanted else list(table.shown)
    fields = [field for field in table.fields if field.name in names]
    request.show([rows(request.database, record, fields) for _ref, record in found])


def _record(request: Request, table: Table) -> tuple[str, Record]:
    ref = request.ref(table.cls)
    return ref, request.database.get(table.cls, ref)


async def _param_list(request: Request, table: Table) -> None:
    _ref, record = _record(request, table)
    request.show([rows(request.database, record, table.fields)])


async def _param_get(request: Request, table: Table) -> None:
    _ref, record = _record(request, table)
    field = _field(table, request.get("param-name"))
    key = request.get("param-key")
    if key and field.mark.startswith("M"):
        if key not in record.get(field.api, {}):
            raise Refusal(f"Key {key} not found in map")
        request.say(record[field.api][key])
        return
    request.say(field.get(request.database, record))


async def _param_set(request: Request, table: Table) -> None:
    ref, record = _record(request, table)
    for name, value in request.rest("uuid").items():
        field = table.find(name)
        if field is None:
            await _set_key(request, table, ref, record, name, value)
        elif field.mark == "RW":
            await request.ask(f"{table.cls}.set_{field.api}", ref, _typed(request, table, field, value))
        elif field.mark in ("MRW", "SRW"):
            raise Refusal(f"Field '{name}' is a map or set. use the 'name:key=value' syntax.")
        else:
            raise Refusal(f"Field '{name}' is read-only.")


async def _set_key(request: Request, table: Table, ref: str, record: Record, name: str, value: str) -> None:
    field, key = _part(table, name)
    if table.cls in ("Bond", "PIF") and field.name == "properties":
        await request.ask(f"{table.cls}.set_property", ref, key, value)
        return
    if field.mark.startswith("S"):
        raise Refusal("Cannot param-set on set fields")
    if field.mark != "MRW":
        raise Refusal(f"Map field '{field.name}' is read-only.")
    if key in record[field.api]:
        await request.ask(f"{table.cls}.remove_from_{field.api}", ref, key)
    await request.ask(f"{table.cls}.add_to_{field.api}", ref, key, value)


def _typed(request: Request, table: Table, field: Field, value: str) -> Any:
    """A parameter as the type that XAPI's field has. Raises Refusal."""
    type_ = request.schema.fields(table.cls)[field.api].type
    if type_.kind == "bool":
        return boolean(field.name, value)
    if type_.kind == "int":
        try:
            return int(value)
        except ValueError:
            raise Refusal(f"Parameter {field.name} must be an integer") from None
    if type_.kind == "ref":
        return request.database.by_uuid(type_.name, value)
    return value


async def _param_add(request: Request, table: Table) -> None:
    ref, _unused = _record(request, table)
    field = _field(table, request.get("param-name"))
    if field.mark == "SRW":
        if "param-key" not in request.parameters:
            raise Refusal("When adding a key to a set, use the syntax: *-param-add param-name=<name> param-key=<key>")
        await request.ask(f"{table.cls}.add_{field.api}", ref, request.get("param-key"))
    elif field.mark == "MRW":
        for name, value in request.rest("uuid", "param-name", "param-key").items():
            await request.ask(f"{table.cls}.add_to_{field.api}", ref, name, value)
    elif field.mark[0] in "MS":
        raise Refusal("Parameter is read-only")
    else:
        raise Refusal("Can only add to parameters of type Set or Map")


async def _param_remove(request: Request, table: Table) -> None:
    ref, record = _record(request, table)
    field, key = _field(table, request.get("param-name")), request.get("param-key")
    if field.mark not in ("SRW", "MRW"):
        raise Refusal("Can only remove from parameters of type Set or Map")
    if key not in record[field.api]:
        raise Refusal(f"Key {key} is not in {'the set' if field.mark == 'SRW' else 'map'}")
    await request.ask(f"{table.cls}.remove_{'from_' if field.mark == 'MRW' else ''}{field.api}", ref, key)


async def _param_clear(request: Request, table: Table) -> None:
    ref, record = _record(request, table)
    field = _field(table, request.get("param-name"))
    if field.mark not in ("SRW", "MRW"):
        raise Refusal("Can only clear RW parameters")
    for key in list(record[field.api]):
        await request.ask(f"{table.cls}.remove_{'from_' if field.mark == 'MRW' else ''}{field.api}", ref, key)


Action = Callable[[Request, Table], Awaitable[None]]


def _command(action: Action, table: Table, needs: tuple[str, ...], takes: tuple[str, ...], about: str) -> Command:
    async def work(request: Request) -> None:
        await action(request, table)

    return Command(work, needs, takes, about)


_KEY = ("uuid", "param-name", "param-key")
_ACTIONS: Mapping[str, tuple[Action, tuple[str, ...], tuple[str, ...], str]] = {
    "list": (_list, (), ("params", "database:"), "Lists all, or those that match the parameters given as filters."),
    "param-list": (_param_list, ("uuid",), (), "Lists all parameters of one object."),
    "param-get": (_param_get, ("uuid", "param-name"), ("param-key",), "Prints one parameter, or one key of a map."),
    "param-set": (_param_set, ("uuid",), (), "Sets parameters; keys of a map as name:key=value."),
    "param-add": (_param_add, ("uuid", "param-name"), ("param-key",), "Adds to a set (param-key=) or to a map (key=value)."),
    "param-remove": (_param_remove, _KEY, (), "Removes a key from a map or a set."),
    "param-clear": (_param_clear, ("uuid", "param-name"), (), "Empties a map or a set."),
}

COMMANDS: Mapping[str, Command] = {
    f"{name}-{action}": _command(work, table, needs, takes, about)
    for name, table in TABLES.items()
    for action, (work, needs, takes, about) in _ACTIONS.items()
}
