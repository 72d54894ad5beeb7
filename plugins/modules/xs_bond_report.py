#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: xs_bond_report
short_description: Write the report of a run of the role storage_bond
version_added: 1.1.0
author:
  - The xapi.network authors (@xapi-network)
description:
  - The role P(xapi.network.storage_bond#role) is the only user of this. It writes what the role knows at its end, as a page and as data,
    into a folder on the control node.
  - It writes in check mode too, since a plan is reported as well.
options:
  state:
    description: V(ready) makes the folder, and makes sure that it can be written to. V(written) writes the report.
    type: str
    choices: [ready, written]
    default: written
  options:
    description: The options of the role, as M(xapi.network.xs_bond_run) returned them. The folder is one of them.
    type: dict
    required: true
  run:
    description: The record of the run.
    type: dict
    default: {}
  plan:
    description: The result of M(xapi.network.xs_bond) in check mode, or of M(xapi.network.xs_bond_info), with C(picture).
    type: dict
    default: {}
  after:
    description: The result of M(xapi.network.xs_bond_info) at the end, with C(picture).
    type: dict
    default: {}
  dom0:
    description: The result of M(xapi.network.xs_dom0_facts) with O(xapi.network.xs_dom0_facts#module:hosts).
    type: dict
    default: {}
  template:
    description: Path of the page's template.
    type: path
  variable:
    description: Under which name other hosts of the play have registered the result of this.
    type: str
    default: storage_bond_report_written
extends_documentation_fragment:
  - xapi.network.attributes
attributes:
  check_mode:
    support: none
    details:
      - It writes in check mode too.
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - Each run has a report of its own.
seealso:
  - module: xapi.network.xs_bond_run
"""

EXAMPLES = r"""
- name: Make sure that the report can be written
  xapi.network.xs_bond_report:
    options:
      report: reports
    state: ready
"""

RETURN = r"""
path:
  description: The page.
  returned: when it was written
  type: str
  sample: /home/anna/reports/tutorial-NAS-20261122T201500Z.html
subject:
  description: What the report is about, the pool, the state and the network.
  returned: when it was written
  type: list
  elements: str
"""

from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._run.task import Task, run_as_module
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError

ARGUMENT_SPEC: dict[str, Any] = {
    "state": {"type": "str", "choices": ["ready", "written"], "default": "written"},
    "options": {"type": "dict", "required": True},
    "run": {"type": "dict", "default": {}},
    "plan": {"type": "dict", "default": {}},
    "after": {"type": "dict", "default": {}},
    "dom0": {"type": "dict", "default": {}},
    "template": {"type": "path"},
    "variable": {"type": "str", "default": "storage_bond_report_written"},
}
CONSTRAINTS: dict[str, Any] = {"supports_check_mode": False}


def work(_task: Task) -> dict[str, Any]:
    raise NetworkError("xs_bond_report writes on the control node and can only run in Ansible's own process, not as a module.")


def main() -> None:
    run_as_module(ARGUMENT_SPEC, CONSTRAINTS, work)


if __name__ == "__main__":
    main()
