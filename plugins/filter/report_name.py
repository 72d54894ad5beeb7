# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the files of a report are called."""

from __future__ import annotations

DOCUMENTATION = r"""
name: report_name
short_description: A file name for the report on a pool
version_added: 1.0.0
author:
  - The xapi.network authors (@xapi-network)
description:
  - Makes a name that every file system takes of the names of a pool and a network and a time. It has no ending.
options:
  _input:
    description: Name of the pool.
    type: str
    required: true
  network:
    description: Name of the network.
    type: str
    required: true
  ended:
    description: The time, in seconds since 1970.
    type: float
    required: true
positional: network, ended
"""

EXAMPLES = r"""
- name: Show it
  ansible.builtin.debug:
    msg: "{{ 'tutorial' | xapi.network.report_name('NAS', now().timestamp()) }}"
"""

RETURN = r"""
_value:
  description: The name, for instance V(tutorial-NAS-20261122T201500Z).
  type: str
"""

from typing import Any

from ansible_collections.xapi.network.plugins.plugin_utils._report import file_name


def report_name(pool: str, network: str, ended: Any) -> str:
    """The name without an ending."""
    return file_name(str(pool), str(network), float(ended))


class FilterModule:
    """The filter, as Ansible finds it."""

    def filters(self) -> dict[str, Any]:
        return {"report_name": report_name}
