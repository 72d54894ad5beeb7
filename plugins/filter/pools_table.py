# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lays out what became of each pool of a play as aligned lines for the terminal."""

from __future__ import annotations

DOCUMENTATION = r"""
name: pools_table
short_description: What became of each pool, as lines
version_added: 1.0.0
author:
  - The xapi.network authors (@xapi-network)
description:
  - Lays out what the role P(xapi.network.storage_bond#role) did to each pool of a play, or found there, one line for each pool.
options:
  _input:
    description: The variable C(hostvars).
    type: dict
    required: true
  hosts:
    description: The names of the hosts that the role was played on.
    type: list
    elements: str
    required: true
positional: hosts
"""

EXAMPLES = r"""
- name: Show what became of each pool
  ansible.builtin.debug:
    msg: "{{ hostvars | xapi.network.pools_table(ansible_play_hosts_all) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The lines; none where the role has not come to any pool.
  type: list
  elements: str
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.xapi.network.plugins.filter.hosts_table import aligned

HEADER = ("pool", "hosts", "changed", "seconds", "outcome")


def pools_table(hostvars: Mapping[str, Mapping[str, Any]], hosts: Sequence[str]) -> list[str]:
    """One line per pool in the order of the hosts, below a header."""
    rows: dict[str, tuple[str, ...]] = {}
    for host in hosts:
        known = hostvars[host]
        answers = [known[name] for name in ("storage_bond__now", "storage_bond__plan") if name in known]
        if not answers:
            continue
        seen = next((answer for answer in answers if "pool" in answer), answers[0])  # a task that was skipped has answered nothing
        pool = seen.get("pool") or {}
        # Of two hosts that have read a pool the one that has worked on it knows more.
        if pool.get("uuid", host) not in rows or "storage_bond__pool" in known:
            rows[pool.get("uuid", host)] = _row(str(host), known, seen, pool)
    return aligned([HEADER, *rows.values()]) if rows else []


def _row(host: str, known: Mapping[str, Any], seen: Mapping[str, Any], pool: Mapping[str, Any]) -> tuple[str, ...]:
    name = str(pool.get("name") or pool.get("uuid") or f"of {host}")
    total = str(len(pool.get("hosts") or ())) or "-"
    if "storage_bond__plan" not in known:
        return (name, total, "-", "-", "as it should be" if seen["conforms"] else f"differs: {_plural(len(seen['findings']), 'finding')}")
    if known["storage_bond__plan"].get("failed") or "storage_bond__work" not in known:
        return (name, total, "0", "-", "refused, nothing was changed")
    work, done = known["storage_bond__work"], known["storage_bond__done"]
    seconds = f"{sum(float(took) for took in known['storage_bond__seconds'].values()):.1f}" if done else "-"
    if known["storage_bond__failure"]:
        outcome = f"stopped at {known['storage_bond__at'] or 'the last look'}"
    else:
        outcome = "nothing to do" if not work else "done" if done else "planned"
    return (name, total, f"{len(done)} of {len(work)}" if work else "0", seconds, outcome)


def _plural(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


class FilterModule:
    """The filter, as Ansible finds it."""

    def filters(self) -> dict[str, Any]:
        return {"pools_table": pools_table}
