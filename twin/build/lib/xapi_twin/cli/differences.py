# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How two states of a pool's network differ, as lines: `-` only in the first, `+` only in the second, and what changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields

from xapi_twin.cli.view import HostView, Interface, PoolView

_SHOWN = tuple(field.name for field in fields(Interface) if field.name not in ("name", "kind", "carrier", "speed"))


def differences(one: PoolView, other: PoolView) -> list[str]:
    found = [f"pool: name {_value(one.name)} → {_value(other.name)}"] if one.name != other.name else []
    found += _of_maps("network", one.networks, other.networks)
    before, after = {host.name: host for host in one.hosts}, {host.name: host for host in other.hosts}
    for name in dict.fromkeys([*before, *after]):
        if name not in after:
            found.append(f"- host {name}")
        elif name not in before:
            found.append(f"+ host {name}")
        else:
            found += _of_hosts(before[name], after[name])
    return found


def _of_hosts(one: HostView, other: HostView) -> Iterator[str]:
    for what in ("master", "enabled", "address"):
        yield from _changed(one.name, what, getattr(one, what), getattr(other, what))
    before = {interface.name: interface for interface in one.interfaces}
    after = {interface.name: interface for interface in other.interfaces}
    for name in dict.fromkeys([*before, *after]):
        where = f"{one.name} {name}"
        if name not in after:
            yield f"- {where}: {in_words(before[name])}"
        elif name not in before:
            yield f"+ {where}: {in_words(after[name])}"
        else:
            for what in _SHOWN:
                yield from _changed(where, what, getattr(before[name], what), getattr(after[name], what))
    if one.bridges and other.bridges:  # a scenario says nothing of dom0
        yield from (f"- {one.name} dom0 {bridge}" for bridge in one.bridges if bridge not in other.bridges)
        yield from (f"+ {one.name} dom0 {bridge}" for bridge in other.bridges if bridge not in one.bridges)


def in_words(interface: Interface) -> str:
    """An interface in half a line."""
    parts = [interface.kind, interface.mode]
    parts += [f"of {', '.join(interface.members)}"] if interface.members else [f"on {interface.below}"] if interface.below else []
    parts += [f"network {_value(interface.network)}", interface.address, "" if interface.attached else "not attached"]
    return ", ".join(part for part in parts if part)


def _of_maps(what: str, one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    found = []
    for name in dict.fromkeys([*one, *other]):
        if name not in other:
            found.append(f"- {what} {name}: {one[name]}")
        elif name not in one:
            found.append(f"+ {what} {name}: {other[name]}")
        else:
            found += _changed(f"{what} {name}", "", one[name], other[name])
    return found


def _changed(where: str, what: str, one: object, other: object) -> list[str]:
    return [] if one == other else [f"{where}: {what + ' ' if what else ''}{_value(one)} → {_value(other)}"]


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value) or "-"
    return str(value) or "-"
