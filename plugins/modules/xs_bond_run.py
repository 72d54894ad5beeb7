#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: xs_bond_run
short_description: Keep the record of a run of the role storage_bond
version_added: 1.1.0
author:
  - The xapi.network authors (@xapi-network)
description:
  - The role P(xapi.network.storage_bond#role) is the only user of this. Between the tasks that talk to XAPI and dom0, it notes what was
    done, judges what was found, and says what comes next. It talks to nobody itself, and changes nothing.
  - What it returns is the record of the run, which the role registers as C(storage_bond_run), and gives to the next task of this kind.
options:
  event:
    description: What has happened, or is to be judged.
    type: str
    required: true
    choices:
      - asked
      - lead
      - planned
      - checked
      - host_begun
      - going_on
      - armed
      - pinged
      - reaching
      - reached
      - host_done
      - failed
      - left_behind
      - taken_back
      - compared
      - ended
      - kept
      - rehearsed
      - verdict
      - sum_up
      - unchanged
  options:
    description: The variable under which the options of the role are registered, as the event V(asked) returned them.
    type: str
    default: ""
  run:
    description: The variable with the record so far.
    type: str
    default: ""
  plan:
    description: The variable with the result of M(xapi.network.xs_bond) in check mode, or of M(xapi.network.xs_bond_info).
    type: str
    default: ""
  dom0:
    description:
      - The variable with the result of M(xapi.network.xs_dom0_facts) with O(xapi.network.xs_dom0_facts#module:hosts).
    type: str
    default: ""
  now:
    description: The variable with the result of M(xapi.network.xs_bond_info) after a change.
    type: str
    default: ""
  host:
    description: Uuid of the host that is concerned.
    type: str
  task:
    description: Name of the task that failed.
    type: str
    default: ""
  result:
    description: Result of the task that failed, that armed a timer, that took a change back, or that played a rehearsal.
    type: dict
    default: {}
  results:
    description: Results of a loop of commands in dom0.
    type: list
    elements: dict
    default: []
  after:
    description: Whether the commands ran after the change.
    type: bool
    default: false
  timeline:
    description: The variables with the results of tasks that returned a timeline. What is older than the work at this host is passed over.
    type: list
    elements: str
    default: []
  variable:
    description: Under which name other hosts of the play have registered what is compared with theirs.
    type: str
    default: storage_bond_run
extends_documentation_fragment:
  - xapi.network.attributes
  - xapi.network.attributes.info
seealso:
  - module: xapi.network.xs_bond
  - module: xapi.network.xs_bond_report
"""

EXAMPLES = r"""
- name: Show what became of each pool of the play, where there are several
  xapi.network.xs_bond_run:
    event: sum_up
  run_once: true
"""

RETURN = r"""
state:
  description: What was wanted, V(present), V(absent) or V(verified).
  returned: when the record is returned
  type: str
pool:
  description: Name of the pool.
  returned: when the record is returned
  type: str
hosts:
  description:
    - The wanted hosts in the order of the plan, each with C(uuid), C(name), C(login), C(action), C(steps), C(seconds) and C(undone).
  returned: when the record is returned
  type: list
  elements: dict
work:
  description: Those of them that the plan changes.
  returned: when the record is returned
  type: list
  elements: dict
failure:
  description: What went wrong, empty when nothing did.
  returned: when the record is returned
  type: str
taken_back:
  description: What became of the rollback, as sentences, empty where there was none.
  returned: when the record is returned
  type: str
vlans_left:
  description: About each VLAN that is not where it was before the bond, although that was taken back, and why, as sentences.
  returned: when the record is returned
  type: list
  elements: str
  version_added: 1.1.0
findings:
  description: In what a host differs from what it should be.
  returned: when the record is returned
  type: list
  elements: dict
"""

from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._run.task import Task, run_as_module
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError

EVENTS = (
    "asked", "lead", "planned", "checked", "host_begun", "going_on", "armed", "pinged", "reaching", "reached", "host_done", "failed",
    "left_behind", "taken_back", "compared", "ended", "kept", "rehearsed", "verdict", "sum_up", "unchanged",
)  # fmt: skip
# Options that name what another task has registered, where it has.
REGISTERED = ("options", "run", "plan", "dom0", "now")
ARGUMENT_SPEC: dict[str, Any] = {
    "event": {"type": "str", "required": True, "choices": list(EVENTS)},
    **{name: {"type": "str", "default": ""} for name in REGISTERED},
    "host": {"type": "str"},
    "task": {"type": "str", "default": ""},
    "result": {"type": "dict", "default": {}},
    "results": {"type": "list", "elements": "dict", "default": []},
    "after": {"type": "bool", "default": False},
    "timeline": {"type": "list", "elements": "str", "default": []},
    "variable": {"type": "str", "default": "storage_bond_run"},
}
CONSTRAINTS: dict[str, Any] = {"supports_check_mode": True}


def work(_task: Task) -> dict[str, Any]:
    raise NetworkError("xs_bond_run knows the play and can only run in Ansible's own process, not as a module.")


def main() -> None:
    run_as_module(ARGUMENT_SPEC, CONSTRAINTS, work)


if __name__ == "__main__":
    main()
