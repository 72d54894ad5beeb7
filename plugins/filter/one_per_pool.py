# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Picks one host of each pool."""

from __future__ import annotations

DOCUMENTATION = r"""
name: one_per_pool
short_description: Pick one host of each pool of the inventory
version_added: 1.0.0
author:
  - The xapi.network authors (@xapi-network)
description:
  - One host of a pool is enough to work on the whole pool. A play that names only one does not pass its tasks through all the others, which
    at 64 hosts costs more than the work itself.
  - Of each group C(xs_pool_<name>) the first host is picked, which is the master in an inventory of P(xapi.network.xs_pools#inventory).
    Hosts that are in no such group, or in several, are all kept, since nothing says which pool they are of.
options:
  _input:
    description: The variable C(groups).
    type: dict
    required: true
  among:
    description: The group of the hosts that come into question.
    type: str
    default: xs_hosts
  limited:
    description:
      - Whether the play has a C(--limit), which may leave out the host that would be picked. Then the name of the group is the answer, and
        one of the hosts that the limit leaves leads for the pool.
    type: bool
    default: false
    version_added: 1.1.0
positional: among
"""

EXAMPLES = r"""
- name: Bond the storage NICs of each pool
  hosts: "{{ groups | xapi.network.one_per_pool }}"
  gather_facts: false
  roles:
    - role: xapi.network.storage_bond
      vars:
        storage_bond_network: NAS
        storage_bond_nics: [eth2, eth4]
"""

RETURN = r"""
_value:
  description:
    - Names of hosts in the order of the inventory. Without any, the name of the group, of which Ansible then says that it is empty.
  type: list
  elements: str
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.xapi.network.plugins.plugin_utils._leader import PREFIX


def one_per_pool(groups: Mapping[str, Sequence[str]], among: str = "xs_hosts", limited: bool = False) -> list[str]:
    """The hosts that stand for their pools."""
    if limited:
        return [among]
    hosts = [str(host) for host in groups.get(among, ())]
    pools_of: dict[str, list[str]] = {host: [] for host in hosts}
    for name in groups:
        if name.startswith(PREFIX):
            for host in groups[name]:
                pools_of.setdefault(str(host), []).append(str(name))
    picked: dict[str, str] = {}
    for host in hosts:
        pools = pools_of[host]
        picked.setdefault(pools[0] if len(pools) == 1 else f"host {host}", host)
    return list(picked.values()) or [among]


class FilterModule:
    """The filter, as Ansible finds it."""

    def filters(self) -> dict[str, Any]:
        return {"one_per_pool": one_per_pool}
