#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: xs_confirm
short_description: Let dom0 take a bond back by itself unless it is confirmed
version_added: 1.1.0
author:
  - The xapi.network authors (@xapi-network)
description:
  - Arms a timer in dom0 of a XenServer or XCP-ng host before a bond is made there. When the bond is proved, the task that confirms it ends
    the timer. When nobody does in time, because the control node died or the change cut it off, dom0 itself destroys the bond and gives
    its NICs back what they had.
  - The timer is a process of dom0 that needs nothing but its shell. Neither the end of the SSH session nor a restart of xapi ends it, and
    it ends by itself. One host has one timer at a time.
  - What dom0 took back, it says to the next task that arms or asks it. It is in dom0's syslog and in C(/var/lib/xapi.network/log) too.
  - The role P(xapi.network.storage_bond#role) does all this with C(storage_bond_confirm_timeout).
  - The task goes over its own connection, which has to be that of dom0.
options:
  state:
    description:
      - V(armed) starts the timer; one that another run has started is an error.
      - V(confirmed) ends it, over a new connection, and is an error when the change is being taken back or was already.
      - V(asked) changes nothing, and says whether a timer runs and what the last one did.
    type: str
    choices: [armed, confirmed, asked]
    default: armed
  undo:
    description: What is to be taken back, RV(xapi.network.xs_bond#module:undo) of the plan for this host.
    type: dict
    required: true
  timeout:
    description: Seconds until the change is taken back. They have to be enough for the change and its proof.
    type: int
    default: 120
  holder:
    description:
      - Who arms it, for those who find it. Ansible's own process fills it in.
    type: str
    default: ""
extends_documentation_fragment:
  - xapi.network.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - A timer that is armed already is an error, and to confirm is done once.
seealso:
  - module: xapi.network.xs_bond
"""

EXAMPLES = r"""
- name: Bond eth2 and eth4 of xs-1, and take it back in 90 seconds unless it is proved
  vars:
    spec: &spec
      hostname: xs-1.example.com
      password: "{{ xapi_password }}"
      network: NAS
      nics: [eth2, eth4]
      hosts: [xs-1]
      confirm_timeout: 90
  block:
    - name: Plan
      xapi.network.xs_bond: *spec
      check_mode: true
      register: plan

    - name: Arm the timer in its dom0
      xapi.network.xs_confirm:
        undo: "{{ plan.undo.values() | first }}"
        timeout: 90
      delegate_to: xs-1

    - name: Bond
      xapi.network.xs_bond: *spec

    - name: Confirm it, now that it is proved
      xapi.network.xs_confirm:
        undo: "{{ plan.undo.values() | first }}"
        state: confirmed
      delegate_to: xs-1
"""

RETURN = r"""
timer:
  description: What the timer is now, V(armed), V(confirmed), V(taking_back) or V(none).
  returned: success
  type: str
  sample: armed
until:
  description: When an armed timer takes the change back, in seconds since 1970 by the clock of dom0.
  returned: success
  type: int
  sample: 1795346655
owner:
  description: Who has armed it.
  returned: success
  type: str
  sample: anna on control.example.com (process 4711)
taken_back:
  description:
    - What dom0 last took back by itself, empty when it did not. It has C(at) (in seconds since 1970), C(seconds) (after how long),
      C(owner) (whose change it was), C(done) (whether it came to its end), C(why) (what kept it from that, or what
      dom0 saw of the bond before, such as LACP without a partner, a NIC without a link) and C(sentence).
  returned: success
  type: dict
  sample: {}
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._confirm import timer
from ansible_collections.xapi.network.plugins.module_utils._confirm.undo import Undo
from ansible_collections.xapi.network.plugins.module_utils._dom0.timer_state import SECONDS, Answer, read, running, taken_back
from ansible_collections.xapi.network.plugins.module_utils._run import this_run
from ansible_collections.xapi.network.plugins.module_utils._run.task import Task, run_as_module
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import ConnectionLost, NetworkError

ARGUMENT_SPEC: dict[str, Any] = {
    "state": {"type": "str", "choices": ["armed", "confirmed", "asked"], "default": "armed"},
    "undo": {"type": "dict", "required": True},
    "timeout": {"type": "int", "default": 120},
    "holder": {"type": "str", "default": ""},
}
CONSTRAINTS: dict[str, Any] = {"supports_check_mode": True}


def work(task: Task) -> dict[str, Any]:
    """Arm, confirm or ask. Raises NetworkError."""
    if task.shell is None:
        raise NetworkError(
            "xs_confirm speaks to dom0 over the connection of the task. It cannot run as a module process (async, or its own file)."
        )
    undo, seconds, state = _undo(task.options["undo"]), task.options["timeout"], task.options["state"]
    if seconds not in SECONDS:
        raise NetworkError(f"timeout is {seconds}; give {SECONDS.start} to {SECONDS.stop - 1} seconds. Nothing was changed.")
    owner = task.options["holder"] or str(this_run.this_run(in_process=True))
    commands = {"armed": timer.arm(undo, seconds, owner), "confirmed": timer.confirm(undo), "asked": timer.ask(undo)}
    answer = _asked(task.shell, timer.ask(undo) if task.check_mode else commands[state], undo, state)
    if answer.taken_back:
        task.warn(taken_back(undo.name, answer.taken_back))
    task.note("armed" if state == "armed" else "confirmed", undo.name)
    return {
        "changed": state != "asked",
        "timer": answer.state,
        "until": answer.until,
        "owner": answer.owner,
        "taken_back": {**answer.taken_back, "sentence": taken_back(undo.name, answer.taken_back)} if answer.taken_back else {},
    }


def _undo(values: Mapping[str, Any]) -> Undo:
    try:
        return Undo.from_dict(values)
    except (KeyError, TypeError, AttributeError) as error:
        raise NetworkError(f"undo is not what a plan of xs_bond returned for a host ({error}). Nothing was changed.") from None


def _asked(shell: Callable[[str], tuple[int, str, str]], command: str, undo: Undo, state: str) -> Answer:
    """What dom0 answers. Raises NetworkError where it did not do what was asked."""
    try:
        answer = read(*_said(shell(command)))
    except ConnectionLost:
        if state != "confirmed":
            raise
        answer = read(*_said(shell(command)))
        if answer.state == "none" and not answer.taken_back:  # the first command was carried out, and its answer lost
            return Answer("confirmed")
    _refuse(undo, state, answer)
    return answer


def _said(reply: tuple[int, str, str]) -> tuple[int, str]:
    status, output, error = reply
    return status, f"{output}\n{error}"


def _refuse(undo: Undo, state: str, answer: Answer) -> None:
    """Raises NetworkError where dom0 did not do what was asked."""
    if answer.state == "other_host":
        raise NetworkError(
            f"The connection of the task leads to {f'the host {answer.owner}' if answer.owner else 'a machine without XAPI'}, and not to"
            f" {undo.name} ({undo.host}). Nothing was changed. Correct ansible_host in the inventory, or delegate_to."
        )
    if answer.state == "failed":
        raise NetworkError(f"dom0 of {undo.name} could not arm the timer: {answer.said}. Nothing was changed.")
    if answer.state == "busy" or (state == "armed" and answer.state == "taking_back"):
        raise NetworkError(
            f"{running(undo.name, answer.until, answer.owner)} Nothing was changed by this one. Wait until then and run again."
        )
    if state == "confirmed" and answer.state == "taking_back":
        raise NetworkError(
            f"{undo.name} is taking its bond back: the time to confirm it was over. In a minute it is as it was before. Then look at"
            " the host, give a longer timeout where the change needs it, and run again."
        )
    if state == "confirmed" and answer.state == "none":
        said = taken_back(undo.name, answer.taken_back) if answer.taken_back else "Nobody has armed one, or the host was restarted since."
        raise NetworkError(f"dom0 of {undo.name} has no timer that could be confirmed. {said}", taken_back=dict(answer.taken_back or {}))


def main() -> None:
    run_as_module(ARGUMENT_SPEC, CONSTRAINTS, work)


if __name__ == "__main__":
    main()
