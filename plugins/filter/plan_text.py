# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A plan as lines that an admin reads."""

from __future__ import annotations

DOCUMENTATION = r"""
name: plan_text
short_description: A plan as lines to read
version_added: 1.0.0
author:
  - The xapi.network authors (@xapi-network)
description:
  - Turns the plan of M(xapi.network.xs_bond) into lines, one for each step, with what it interrupts and what is worth knowing.
options:
  _input:
    description: RV(xapi.network.xs_bond#module:plan).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the plan
  ansible.builtin.debug:
    msg: "{{ result.plan | xapi.network.plan_text }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""

from collections.abc import Mapping
from typing import Any


def plan_text(plan: Mapping[str, Any]) -> list[str]:
    """The steps in order, numbered, then the notices."""
    if not plan["steps"]:
        return ["Nothing to do: every host has what it should have.", *plan["notices"]]
    lines = []
    for number, step in enumerate(plan["steps"], 1):
        where = f"{step['host']}: " if step["host"] else ""
        interrupts = f" ({step['interrupts']})" if step["interrupts"] else ""
        lines.append(f"{number}. {where}{step['sentence']}{interrupts}")
    return [*lines, *(f"Note: {notice}" for notice in plan["notices"])]


class FilterModule:
    """The filter, as Ansible finds it."""

    def filters(self) -> dict[str, Any]:
        return {"plan_text": plan_text}
