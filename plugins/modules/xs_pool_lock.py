#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: xs_pool_lock
short_description: Keep a second run away from a pool that is being changed
version_added: 1.0.0
author:
  - The xapi.network authors (@xapi-network)
description:
  - Locks a pool for this run of Ansible, in the key C(xapi.network.run) of the pool's other_config. A second run that asks for the lock is
    refused, and told who has it.
  - The lock ends with its owner. A new run that sees the same processes (the same control node, not rebooted since, and the same container)
    takes it over at once when the process of the first is gone. When in doubt, the first run is taken for alive until its lock expires.
  - A run leaves a process on the control node that renews the lock as long as the run lives, and gives it back at once when the run ends
    without doing so, because it was killed or its job in AWX cancelled. Where that process is killed too, with its whole container or node,
    the lock expires three minutes after it was last renewed, which is every 45 seconds.
  - A control node without such a process (no Linux, or a task that is delegated) has the lock for O(lease) seconds.
  - The lock keeps away other runs that ask for it. It does not stop XenCenter, Xen Orchestra or C(xe).
  - The role P(xapi.network.storage_bond#role) takes the lock before it changes anything, and gives it back at the end.
options:
  state:
    description: Whether this run should have the lock. V(held) also renews it.
    type: str
    choices: [held, released]
    default: held
  lease:
    description:
      - Seconds after which the lock expires if it is not renewed. A lock that a process renews lasts three minutes at most each time.
    type: int
    default: 900
  holder:
    description:
      - Who this run is. Ansible's own process fills it in, also where the task is delegated, so that two runs by way of the same host are
        told apart. There is no need to give it.
    type: dict
    suboptions:
      user:
        description: The user who runs Ansible.
        type: str
        required: true
      node:
        description: The control node.
        type: str
        required: true
      process:
        description: The process of the run there.
        type: int
        default: 0
      began:
        description: When that process began, as the kernel counts.
        type: str
        default: ""
      kernel:
        description: The boot of the machine that the process is on.
        type: str
        default: ""
      pid_namespace:
        description: The namespace in which the process has that number. Containers with the same host name are told apart by it.
        type: str
        default: ""
      job:
        description: The number of the job in AWX that this run is, from E(JOB_ID).
        type: str
        default: ""
      controller:
        description: The address of that AWX, from E(AWX_HOST) or E(TOWER_HOST).
        type: str
        default: ""
extends_documentation_fragment:
  - xapi.network.xapi
  - xapi.network.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - A lock that is held already is renewed, which counts as no change.
"""

EXAMPLES = r"""
- name: Change a pool, alone
  block:
    - name: Take the lock
      xapi.network.xs_pool_lock:

    - name: Bond on the master
      xapi.network.xs_bond:
        network: NAS
        nics: [eth2, eth4]
        hosts: [xs-1]
  always:
    - name: Give the lock back
      xapi.network.xs_pool_lock:
        state: released
  module_defaults:
    group/xapi.network.xapi:
      hostname: xs-1.example.com
      password: "{{ xapi_password }}"
"""

RETURN = r"""
holder:
  description: Who has the lock now, with the job where it is one of AWX; empty when nobody has.
  returned: always, once the pool has answered
  type: str
  sample: admin on control.example.com (process 4711)
until:
  description: When it expires, in UTC by the clock of the master.
  returned: when the lock is held
  type: str
  sample: "2026-11-22T12:15:00+00:00"
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._lock import lease
from ansible_collections.xapi.network.plugins.module_utils._run import lock as locks
from ansible_collections.xapi.network.plugins.module_utils._run import this_run, watch
from ansible_collections.xapi.network.plugins.module_utils._run.task import CONNECTION_OPTIONS, Task, run_as_module
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.plugins.module_utils._xapi.session import Session

ARGUMENT_SPEC: dict[str, Any] = {
    **CONNECTION_OPTIONS,
    "state": {"type": "str", "choices": ["held", "released"], "default": "held"},
    "lease": {"type": "int", "default": 900},
    "holder": {
        "type": "dict",
        "options": {
            "user": {"type": "str", "required": True},
            "node": {"type": "str", "required": True},
            "process": {"type": "int", "default": 0},
            **{name: {"type": "str", "default": ""} for name in ("began", "kernel", "pid_namespace", "job", "controller")},
        },
    },
}
CONSTRAINTS: dict[str, Any] = {"supports_check_mode": True}


def work(task: Task) -> dict[str, Any]:
    """Takes the lock, renews it or releases it. Raises NetworkError when another run has it."""
    given = task.options["holder"]
    task.seconds("lease")
    me = lease.Holder(**given) if given else this_run.this_run(in_process=task.shell is not None)
    with task.session() as session:
        seen = locks.look(session, me)
        pool, release = seen.pool["uuid"], task.options["state"] == "released"
        if seen.lock is not None and not seen.blocks and not task.check_mode and (seen.other or release):
            watch.end(seen.lock.holder, pool)
        if release:
            return locks.release(session, seen, task.check_mode)
        if seen.blocks and seen.lock is not None:
            raise NetworkError(locks.rejection(seen.lock, pool), holder=str(seen.lock.holder), until=seen.lock.until.isoformat())
        until = seen.now + timedelta(seconds=task.options["lease"]) if task.check_mode else _hold_watched(task, session, seen).until
        return {"changed": not seen.mine, "holder": str(me), "until": until.isoformat()}


def _hold_watched(task: Task, session: Session, seen: locks.Seen) -> lease.Lock:
    """Takes the lock, with somebody who renews it, and takes it away when the run ends without that. Then it can be short. A module process
    has no run to be watched."""
    me, pool, seconds = seen.me, seen.pool["uuid"], task.options["lease"]
    short = min(seconds, watch.LEASE_SECONDS)
    if task.host and watch.begin(me, pool, partial(let_go, task.options, me), partial(renew, task.options, me), every=short / 4):
        seconds = short
    try:
        return locks.hold(session, seen, seconds)
    except NetworkError:
        if not seen.mine:
            watch.end(me, pool)
        raise


def let_go(options: Mapping[str, Any], me: lease.Holder) -> None:
    """Takes the lock away, of which nobody else would know that its run has ended."""
    with Task(options).session() as session:
        locks.let_go(session, me)


def renew(options: Mapping[str, Any], me: lease.Holder) -> bool:
    """Renews the lock of a run that lives; False when it is no longer this run's."""
    with Task(options).session() as session:
        seen = locks.look(session, me)
        if seen.mine:
            locks.renew(session, seen, min(options["lease"], watch.LEASE_SECONDS))
        return seen.mine


def main() -> None:
    run_as_module(ARGUMENT_SPEC, CONSTRAINTS, work)


if __name__ == "__main__":
    main()
