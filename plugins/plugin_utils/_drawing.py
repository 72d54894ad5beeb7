# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lays out one host's network for a drawing: NICs on the left, bonds in the middle, networks with their addresses on the right. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Interface = Mapping[str, Any]

NIC_X, NIC_WIDTH = 2, 132
BOND_X, BOND_WIDTH = 166, 110
NETWORK_X, NETWORK_WIDTH = 308, 222
WIDTH = NETWORK_X + NETWORK_WIDTH + 2
ROW, GAP = 46, 8  # the height that a row takes, and what of it lies between two boxes
# How many characters fit into a box, in the widest of the usual fonts: on the first line, which is bold, and on the others.
ROOM = {"nic": (8, 19), "bond": (13, 16), "network": (26, 33)}


@dataclass(frozen=True)
class Box:
    """A rectangle with lines of text. `title` is the whole truth, for the pointer and for screen readers; `lines` may be shortened.

    `mark`: same, or only here ("gone" before, "new" after). `link`: up, down, or "" where there is no link to speak of.
    """

    kind: str
    x: int
    y: int
    width: int
    height: int
    lines: tuple[str, ...]
    note: str
    title: str
    mark: str = "same"
    attached: bool = True
    link: str = ""


@dataclass(frozen=True)
class Line:
    """From the right edge of one box to the left edge of another."""

    x1: int
    y1: int
    x2: int
    y2: int


@dataclass(frozen=True)
class Drawing:
    width: int
    height: int
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


def draw(interfaces: Sequence[Interface], others: Sequence[Interface], mark: str) -> Drawing:
    """One host. `others` are its interfaces on the other side of the change: what they have not gets the mark ("gone" or "new")."""
    known = {_look(box) for box in _boxes(others)[0]}
    boxes, lines, rows = _boxes(interfaces)
    marked = tuple(box if _look(box) in known else _marked(box, mark) for box in boxes)
    return Drawing(WIDTH, max(rows, 1) * ROW, marked, tuple(lines))


def concerned(before: Sequence[Interface], after: Sequence[Interface], nics: Iterable[str]) -> set[tuple[str, str, int]]:
    """Which interfaces (as `key` has them) a reader wants to see first: those of the spec, and those that are not the same before and
    after.
    """
    wanted = set(nics)
    was, now = {key(one): one for one in before}, {key(one): one for one in after}
    found = {one for one in {*was, *now} if was.get(one) != now.get(one)}
    for side in (before, after):
        bonds = {one["bond"] for one in side if one["kind"] == "nic" and one["device"] in wanted and one["bond"]}
        members = {nic for one in side if one["kind"] == "bond" and one["device"] in bonds for nic in one["nics"]}
        found |= {key(one) for one in side if {one["device"], one["over"]} & (wanted | bonds | members)}
    return found


def key(interface: Interface) -> tuple[str, str, int]:
    return (interface["kind"], interface["device"], interface["vlan"])


def in_words(interface: Interface) -> str:
    """An interface that is not drawn: "eth0 172.16.0.10/27 (management)"."""
    tag = f".{interface['vlan']}" if interface["vlan"] >= 0 else ""
    words = [f"{interface['device']}{tag}", *interface["addresses"]]
    if interface["management"]:
        words.append("(management)")
    if interface["kind"] == "nic" and not interface["carrier"]:
        words.append("(no link)")
    return " ".join(words)


def _look(box: Box) -> tuple[Any, ...]:
    return (box.kind, box.lines, box.note, box.attached, box.link)


def _marked(box: Box, mark: str) -> Box:
    return replace(box, mark=mark)


def _boxes(interfaces: Sequence[Interface]) -> tuple[list[Box], list[Line], int]:
    boxes: list[Box] = []
    lines: list[Line] = []
    row = 0
    for base, members in _groups(interfaces):
        above = [one for one in interfaces if one["over"] and one["over"] == base["device"]]
        height = max(len(members), 1 + len(above))
        middle = row + (len(members) - 1) / 2 if len(members) > 1 else row
        if base["kind"] == "bond":
            left = _bond(base, middle)
            for offset, member in enumerate(members):
                nic = _nic(member, row + offset)
                boxes.append(nic)
                lines.append(_line(nic, left))
        else:
            left = _nic(base, row)
        boxes.append(left)
        if base["network"] and (base["attached"] or base["addresses"] or base["kind"] == "bond"):
            boxes.append(_network(base, middle if not above else row))
            lines.append(_line(left, boxes[-1]))
        for offset, one in enumerate(above, 1):
            boxes.append(_network(one, row + offset))
            lines.append(_line(left, boxes[-1]))
        row += height
    return boxes, lines, row


def _groups(interfaces: Sequence[Interface]) -> list[tuple[Interface, list[Interface]]]:
    """What lies on the wire: each NIC by itself, or a bond with its NICs in the place of the first of them."""
    bonds = {one["device"]: one for one in interfaces if one["kind"] == "bond"}
    groups: list[tuple[Interface, list[Interface]]] = []
    drawn = set()
    nics = [one for one in interfaces if one["kind"] == "nic"]
    for nic in nics:
        bond = bonds.get(nic["bond"])
        if bond is None:
            groups.append((nic, [nic]))
        elif bond["device"] not in drawn:
            drawn.add(bond["device"])
            groups.append((bond, [one for one in nics if one["bond"] == bond["device"]]))
    return groups + [(bond, []) for name, bond in bonds.items() if name not in drawn]


def _nic(nic: Interface, row: float) -> Box:
    speed = _speed(nic["speed"]) if nic["carrier"] else "no link"
    title = f"{nic['device']}, {nic['mac']}, {'link up' if nic['carrier'] else 'no link'}{f', {speed}' if nic['carrier'] and speed else ''}"
    title += f", in {nic['bond']}" if nic["bond"] else ""
    lines = (_short(nic["device"], "nic", first=True), nic["mac"])
    return _box("nic", NIC_X, NIC_WIDTH, row, lines, speed, title, link="up" if nic["carrier"] else "down")


def _bond(bond: Interface, row: float) -> Box:
    title = f"{bond['device']}, {bond['mode']}, {' and '.join(bond['nics'])}, {bond['mac']}"
    lines = (_short(bond["device"], "bond", first=True), _short(bond["mode"], "bond"))
    return _box("bond", BOND_X, BOND_WIDTH, row, lines, "", title, bond["attached"])


def _network(one: Interface, row: float) -> Box:
    addresses = list(one["addresses"]) or (["waiting for DHCP"] if one["ip_mode"] == "DHCP" else [])
    first = " · ".join(part for part in (one["bridge"], *addresses[:1]) if part)
    rest = f"{addresses[1]}{f' and {len(addresses) - 2} more' if len(addresses) > 2 else ''}" if len(addresses) > 1 else ""
    over = f"VLAN {one['vlan']}" if one["kind"] == "vlan" else one["kind"] if one["over"] else ""
    note = ", ".join(word for word in (over, "management" if one["management"] else "", "" if one["attached"] else "not attached") if word)
    lines = (_short(one["network"], "network", first=True, beside=note), _short(first, "network"), _short(rest, "network"))
    title = f"{one['network']}, bridge {one['bridge'] or 'not chosen yet'}, {', '.join(addresses) or 'no address'}, MTU {one['mtu']}"
    title += f", {note}" if note else ""
    return _box("network", NETWORK_X, NETWORK_WIDTH, row, tuple(line for line in lines if line), note, title, one["attached"])


def _box(
    kind: str, x: int, width: int, row: float, lines: tuple[str, ...], note: str, title: str, attached: bool = True, link: str = ""
) -> Box:
    return Box(kind, x, round(row * ROW + GAP / 2), width, ROW - GAP, lines, note, title, attached=attached, link=link)


def _line(left: Box, right: Box) -> Line:
    return Line(left.x + left.width, left.y + left.height // 2, right.x, right.y + right.height // 2)


def _short(text: str, kind: str, first: bool = False, beside: str = "") -> str:
    """The text as far as there is room. The end of a name tells more than its middle: "Pool-wide netw… with eth2"."""
    room = max(6, ROOM[kind][0 if first else 1] - (len(beside) * 4 // 5 + 1 if beside else 0))
    if len(text) <= room:
        return text
    end = room // 3
    return f"{text[: room - 1 - end]}…{text[-end:]}"


def _speed(megabits: int) -> str:
    if megabits <= 0:
        return ""
    return f"{megabits / 1000:g} Gbit/s" if megabits >= 1000 else f"{megabits} Mbit/s"
