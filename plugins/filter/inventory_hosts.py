# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Finds the hosts of a pool in the inventory."""

from __future__ import annotations

DOCUMENTATION = r"""
name: inventory_hosts
short_description: Find the hosts of a pool in the inventory
version_added: 1.0.0
author:
  - The xapi.network authors (@xapi-network)
description:
  - Says under which name each host of a pool is in the inventory.
  - A host is recognised by its uuid (the variable C(xs_uuid)), else by its address (C(xs_address), C(ansible_host) or the inventory's
    name), else by its name.
options:
  _input:
    description: Hosts of a pool, as RV(xapi.network.xs_pool_info#module:hosts) or C(pool.hosts) of M(xapi.network.xs_bond) has them.
    type: list
    elements: dict
    required: true
  hostvars:
    description: The variable C(hostvars).
    type: dict
    required: true
positional: hostvars
"""

EXAMPLES = r"""
- name: Read which hosts the pool has
  xapi.network.xs_pool_info:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"
  register: pool

- name: Show how the pool's hosts are called in the inventory
  ansible.builtin.debug:
    msg: "{{ pool.hosts | xapi.network.inventory_hosts(hostvars) }}"
"""

RETURN = r"""
_value:
  description: The inventory's name by uuid. Hosts that are not in the inventory are left out.
  type: dict
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any


def inventory_hosts(hosts: Sequence[Mapping[str, Any]], hostvars: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The inventory's name of each host, by uuid."""
    known: dict[str, list[str]] = {}
    for name in hostvars:
        variables = hostvars[name]
        address = variables.get("xs_address") or variables.get("ansible_host") or name
        # One strong sign speaks alone: a host that says its uuid is not recognised by anything else.
        for sign in {str(sign) for sign in ([variables["xs_uuid"]] if variables.get("xs_uuid") else [address, name])}:
            known.setdefault(sign, []).append(str(name))
    often = Counter(sign for host in hosts for sign in set(_signs(host)))
    found = {}
    for host in hosts:
        for sign in _signs(host):
            candidates = known.get(sign, [])
            if len(candidates) == 1 and often[sign] == 1:  # what two hosts of the pool are called tells none of them
                found[str(host["uuid"])] = candidates[0]
                break
    return found


def _signs(host: Mapping[str, Any]) -> list[str]:
    """What a host may be recognised by, the surest first."""
    return [str(host[key]) for key in ("uuid", "address", "name", "name_label", "hostname") if host.get(key)]


class FilterModule:
    """The filter, as Ansible finds it."""

    def filters(self) -> dict[str, Any]:
        return {"inventory_hosts": inventory_hosts}
