# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Collects what the dom0 of each host of a pool has said."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dom0_answers
short_description: Collect the dom0 facts of the hosts of a pool
version_added: 1.0.0
author:
  - The xapi.network authors (@xapi-network)
description:
  - Gathers the facts C(xs_dom0) of the hosts of a pool, as the option O(xapi.network.xs_bond_info#module:dom0) wants them.
options:
  _input:
    description: The inventory's names by host uuid, as P(xapi.network.inventory_hosts#filter) gives them.
    type: dict
    required: true
  hostvars:
    description: The variable C(hostvars).
    type: dict
    required: true
  registered:
    description:
      - The name of the variable in which M(xapi.network.xs_dom0_facts) was registered on each host. Without it the facts are taken, which
        a fact cache may have from long ago.
    type: str
positional: hostvars, registered
"""

EXAMPLES = r"""
- name: Compare with what dom0 says
  xapi.network.xs_bond_info:
    network: NAS
    nics: [eth2, eth4]
    dom0: "{{ pool.hosts | xapi.network.inventory_hosts(hostvars) | xapi.network.dom0_answers(hostvars) }}"
"""

RETURN = r"""
_value:
  description: The facts by host uuid. Hosts whose dom0 has not been asked are left out.
  type: dict
"""

from collections.abc import Mapping
from typing import Any


def dom0_answers(names: Mapping[str, str], hostvars: Mapping[str, Mapping[str, Any]], registered: str | None = None) -> dict[str, Any]:
    """The facts of dom0 by host uuid."""
    answers = {}
    for uuid, name in names.items():
        variables = hostvars[name].get(registered, {}) if registered else hostvars[name]
        facts = variables.get("ansible_facts", {}).get("xs_dom0")
        if facts:
            answers[uuid] = facts
    return answers


class FilterModule:
    """The filter, as Ansible finds it."""

    def filters(self) -> dict[str, Any]:
        return {"dom0_answers": dom0_answers}
