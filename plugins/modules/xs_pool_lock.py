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
  - The lock ends with its owner. It expires after O(lease) seconds, and a new run that sees the same processes (the same control node, not
    rebooted since, and the same container) takes it over at once when the process of the first is gone. When in doubt, the first run is
    taken for alive until its lock expires.
  - A run that ends without giving the lock back, because it was killed or its job in AWX cancelled, has left a process on the control node
    that does so at once. Where that is killed too, with its whole container, the lock expires.
  - The lock keeps away other runs that ask for it. It does not stop XenCenter, Xen Orchestra or C(xe).
  - The role P(xapi.network.storage_bond#role) takes the lock before it changes anything, and gives it back at the end.
options:
  state:
    description: Whether this run should have the lock. V(held) also renews it.
    type: str
    choices: [held, released]
    default: held
  lease:
    description: Seconds after which the lock expires if it is not renewed.
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
from functools import partial
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._lock import lease
from ansible_collections.xapi.network.plugins.module_utils._run import this_run, watch
from ansible_collections.xapi.network.plugins.module_utils._run.lock import hold, rejection, release
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
        ((ref, pool),) = session.read(("pool",))["pool"].items()
        there = lease.read(pool["other_config"].get(lease.KEY, "")) if lease.KEY in pool["other_config"] else None
        now = lease.server_time(str(session.call("host.get_servertime", pool["master"])))
        blocked = there is not None and there.blocks(me, now, this_run.alive)
        if there is not None and not blocked and not task.check_mode and (there.holder != me or task.options["state"] == "released"):
            watch.end(there.holder, pool["uuid"])
        if task.options["state"] == "released":
            return release(session, ref, pool, blocked, there, task.check_mode)
        if blocked and there is not None:
            raise NetworkError(rejection(there, pool["uuid"]), holder=str(there.holder), until=there.until.isoformat())
        mine = there is not None and there.holder == me
        lock = lease.take(me, now, task.options["lease"], since=there.since if there is not None and mine else now)
        if not task.check_mode:
            _hold_watched(task, session, ref, pool, lock)
        return {"changed": not mine, "holder": str(me), "until": lock.until.isoformat()}


def _hold_watched(task: Task, session: Session, ref: str, pool: Mapping[str, Any], lock: lease.Lock) -> None:
    """Takes the lock, with somebody who takes it away when the run ends without that. A module process has no run to be watched."""
    if task.host:
        watch.begin(lock.holder, pool["uuid"], partial(let_go, task.options, lock.holder))
    try:
        hold(session, ref, pool, lock)
    except NetworkError:
        watch.end(lock.holder, pool["uuid"])
        raise


def let_go(options: Mapping[str, Any], me: lease.Holder) -> None:
    """Takes the lock away, of which nobody else would know that its run has ended."""
    with Task(options).session() as session:
        ((ref, pool),) = session.read(("pool",))["pool"].items()
        there = lease.read(pool["other_config"].get(lease.KEY, ""))
        if there is not None and there.holder == me:
            session.call("pool.remove_from_other_config", ref, lease.KEY)


def main() -> None:
    run_as_module(ARGUMENT_SPEC, CONSTRAINTS, work)


if __name__ == "__main__":
    main()
