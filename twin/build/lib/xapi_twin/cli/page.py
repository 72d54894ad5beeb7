# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a pool as one HTML page that loads nothing: of each host its NICs on the left, then its bonds, its networks on the right."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from xapi_twin.cli.view import HostView, Interface, PoolView

ROW, BOX, GAP = 46, 34, 30
COLUMNS = {"nic": (0, 170), "bond": (220, 190), "network": (460, 300)}
WIDTH = 760

_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 52rem; color: #1a1a1a; background: #fff; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
svg { width: 100%; height: auto } text { font: 13px system-ui, sans-serif; fill: currentColor } text.small { font-size: 11px }
rect { fill: #f4f6f8; stroke: #8795a1 } rect.bond { fill: #e3f0ff; stroke: #3b82c4 } rect.off { stroke-dasharray: 4 3; fill: #fff }
rect.dark { fill: #fdeaea; stroke: #c43b3b } path { fill: none; stroke: #8795a1 }
@media (prefers-color-scheme: dark) {
  body { color: #e6e6e6; background: #16191d } rect { fill: #23282e } rect.bond { fill: #1d3350 }
  rect.off { fill: #16191d } rect.dark { fill: #4a2222 }
}
"""


@dataclass(frozen=True)
class _Box:
    column: str
    row: float
    title: str
    below: str
    kind: str = ""

    @property
    def middle(self) -> float:
        return self.row * ROW + BOX / 2 + 1


def page(pool: PoolView) -> str:
    """The page."""
    name = escape(pool.name or "a pool without a name")
    hosts = "\n".join(_host(host) for host in pool.hosts)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>Pool {name}, {len(pool.hosts)} host{'s' * (len(pool.hosts) != 1)}</h1>\n{hosts}\n</body>\n</html>\n"
    )


def _host(host: HostView) -> str:
    role = "master" if host.master else "member"
    enabled = "" if host.enabled else ", disabled"
    return f"<h2>{escape(host.name)} <small>({role}, {escape(host.address)}{enabled})</small></h2>\n{drawing(host)}"


def drawing(host: HostView) -> str:
    """A host as SVG."""
    boxes, lines = _boxes(host)
    height = max((box.row for box in boxes), default=0) * ROW + BOX + 2
    said = f"The network of {host.name}: " + "; ".join(_in_words(interface) for interface in host.interfaces)
    parts = [_path(one, other) for one, other in lines] + [_rect(box) for box in boxes]
    return f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(said)}">{"".join(parts)}</svg>'


def _boxes(host: HostView) -> tuple[list[_Box], list[tuple[_Box, _Box]]]:
    """Each NIC has a row; a bond stands between its NICs; VLANs follow in rows of their own."""
    boxes: list[_Box] = []
    lines: list[tuple[_Box, _Box]] = []
    rows: dict[str, _Box] = {}  # by interface, the box from which a line goes to the right
    nics = [one for one in host.interfaces if one.kind == "nic"]
    bonds = {one.name: one for one in host.interfaces if one.kind == "bond"}
    ordered = sorted(nics, key=lambda nic: (min((other.name for other in nics if other.bond == nic.bond), default=nic.name)
                                            if nic.bond else nic.name, nic.name))  # fmt: skip
    for place, nic in enumerate(ordered):
        speed = f"{nic.speed / 1000:g} Gbit/s" if nic.carrier else "no link"
        rows[nic.name] = _Box("nic", place, nic.name, speed, "dark" if not nic.carrier else "")
        boxes.append(rows[nic.name])
        if not nic.bond:
            _network(boxes, lines, rows[nic.name], nic, place)
    for bond in bonds.values():
        members = [rows[name] for name in bond.members if name in rows]
        row = sum(member.row for member in members) / len(members) if members else len(ordered)
        rows[bond.name] = _Box("bond", row, bond.name, bond.mode, "bond" if bond.attached else "bond off")
        boxes.append(rows[bond.name])
        lines += [(member, rows[bond.name]) for member in members]
        _network(boxes, lines, rows[bond.name], bond, row)
    others = [one for one in host.interfaces if one.kind in ("vlan", "tunnel")]
    for place, other in enumerate(others, len(ordered)):
        _network(boxes, lines, rows.get(other.below), other, place)
    return boxes, lines


def _network(boxes: list[_Box], lines: list[tuple[_Box, _Box]], left: _Box | None, interface: Interface, row: float) -> None:
    tag = f"VLAN {interface.name.rpartition('.')[2]}" if interface.kind == "vlan" else "tunnel" if interface.kind == "tunnel" else ""
    words = [tag, interface.address, "management" if interface.management else "", "" if interface.attached else "not attached"]
    box = _Box("network", row, interface.network, ", ".join(word for word in words if word), "" if interface.attached else "off")
    boxes.append(box)
    if left is not None:
        lines.append((left, box))


def _rect(box: _Box) -> str:
    left, width = COLUMNS[box.column]
    top = box.row * ROW + 1
    title = escape(box.title if len(box.title) < 44 else box.title[:42] + "…")
    return (
        f'<rect class="{box.kind}" x="{left + 1}" y="{top:g}" width="{width - 2}" height="{BOX}" rx="5"/>'
        f'<text x="{left + 9}" y="{top + 14:g}">{title}</text>'
        f'<text class="small" x="{left + 9}" y="{top + 28:g}">{escape(box.below)}</text>'
    )


def _path(one: _Box, other: _Box) -> str:
    start, end = sum(COLUMNS[one.column]), COLUMNS[other.column][0]
    bend = (start + end) / 2
    return f'<path d="M{start} {one.middle:g}C{bend:g} {one.middle:g} {bend:g} {other.middle:g} {end} {other.middle:g}"/>'


def _in_words(interface: Interface) -> str:
    what = f"bond {interface.name} of {', '.join(interface.members)}" if interface.kind == "bond" else interface.name
    return f"{what} on {interface.network}" + (f" with {interface.address}" if interface.address else "")
