# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every host has, as an aligned table."""

from __future__ import annotations

DOCUMENTATION = r"""
name: hosts_table
short_description: The bonds of a pool as an aligned table
version_added: 1.0.0
author:
  - The xapi.network authors (@xapi-network)
description:
  - Turns the hosts of M(xapi.network.xs_bond) or M(xapi.network.xs_bond_info) into the lines of a table.
options:
  _input:
    description: RV(xapi.network.xs_bond#module:hosts).
    type: dict
    required: true
  seconds:
    description: How long each host took, by host name.
    type: dict
    default: {}
positional: seconds
"""

EXAMPLES = r"""
- name: Show the bonds
  ansible.builtin.debug:
    msg: "{{ result.hosts | xapi.network.hosts_table }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""

from collections.abc import Mapping, Sequence
from typing import Any

HEADER = ("host", "bond", "bridge", "NICs", "mode", "address", "MAC", "links", "seconds")


def hosts_table(hosts: Mapping[str, Mapping[str, Any]], seconds: Mapping[str, Any] | None = None) -> list[str]:
    """One line per host in the order given, below a header."""
    took = seconds or {}
    rows = [HEADER, *(_row(name, host, took.get(name, "")) for name, host in hosts.items())]
    return aligned(rows)


def _row(name: str, host: Mapping[str, Any], seconds: Any) -> tuple[str, ...]:
    master = f"{name} (master)" if host.get("master") else name
    if not host["bond"]:
        return (master, "-", "-", "-", "-", "-", "-", "-", str(seconds))
    links = f"{len(host['linked'])}/{len(host['nics'])}"
    return (
        master,
        host["device"],
        host["bridge"],
        "+".join(host["nics"]),
        host["mode"],
        host["ip"] or "-",
        host["mac"],
        links,
        str(seconds),
    )


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of texts as lines in which each column has the width of its longest text."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


class FilterModule:
    """The filter, as Ansible finds it."""

    def filters(self) -> dict[str, Any]:
        return {"hosts_table": hosts_table}
