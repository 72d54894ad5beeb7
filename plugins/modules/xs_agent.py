#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: xs_agent
short_description: Restart xapi on a host and prove that it restarted
version_added: 1.0.0
description:
  - Restarts xapi, the agent of XAPI, on one host of a pool, and waits until it has really started again.
  - A member of a pool inherits the bonds and VLANs of its master when its xapi starts.
  - The proof is that the host's C(agent_start_time) has been renewed and, with O(method=service), that C(xapi-wait-init-complete) in dom0
    says so, else that the host is enabled again. A port that answers proves nothing, since the old state is shown for seconds after the
    restart.
  - Whether the host has inherited a bond is not checked here. Ask M(xapi.network.xs_bond_info).
  - Running VMs are not touched. Tasks that run on the host (exports, backups, migrations) would die, so they are a problem that stops the
    module.
author:
  - The xapi.network authors (@xapi-network)
extends_documentation_fragment:
  - xapi.network.xapi
  - xapi.network.attributes
attributes:
  check_mode:
    support: full
    details:
      - Checks everything, including the connection to dom0, and restarts nothing.
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - Each run restarts xapi.
options:
  host:
    description:
      - The host, by its name, uuid, address or host name in XAPI.
      - By default the host of the play (C(inventory_hostname)).
    type: str
  state:
    description: What is to happen.
    type: str
    choices: [restarted]
    default: restarted
  method:
    description:
      - V(service) restarts xapi alone, by C(systemctl restart xapi), or C(service xapi restart) where dom0 has no systemd. The command is
        sent over the connection of the task, so the task runs on the pool's host or is delegated to it. It needs no Python there.
      - Before it does anything it makes sure that this connection leads to the dom0 of O(host).
      - V(agent) calls C(host.restart_agent) of XAPI, which restarts the whole toolstack, and needs no connection to dom0. It has to reach
        the host through the master.
    type: str
    choices: [service, agent]
    default: service
  accept:
    description:
      - Risks that are accepted, each by its code. Without it they stop the module.
      - V(ha_enabled) high availability is on. The restart can make it fence the host.
      - V(pending_tasks) tasks are running on the host. The restart ends them.
    type: list
    elements: str
    choices: [ha_enabled, pending_tasks]
    default: []
  wait_for:
    description:
      - V(complete) waits for the whole proof.
      - V(started) waits only until the C(agent_start_time) of the host has been renewed, for who sees to the rest himself, such as with
        O(xapi.network.xs_bond_info#module:start_timeout). The host may not be enabled yet.
    type: str
    choices: [complete, started]
    default: complete
    version_added: 1.1.0
  wait_timeout:
    description: Seconds to wait for the proof that xapi has started again.
    type: int
    default: 600
seealso:
  - module: xapi.network.xs_bond
  - module: xapi.network.xs_bond_info
"""

EXAMPLES = r"""
- name: Restart xapi of the host of the play, in a play over the hosts of a pool with serial 1
  xapi.network.xs_agent:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"

- name: Restart xapi of one member from a play that runs on localhost
  xapi.network.xs_agent:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"
    host: xs-2
  delegate_to: xs-2

- name: Restart the toolstack of a host that cannot be logged in to
  xapi.network.xs_agent:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"
    host: xs-2
    method: agent
    accept:
      - pending_tasks
"""

RETURN = r"""
host:
  description: The host.
  returned: always, once the pool has been read
  type: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: xs-2
    uuid:
      description: Its uuid.
      type: str
      sample: 9a0fb5b2-6b8b-4a4b-8a08-d2d3c0d1e2f3
    master:
      description: Whether it is the master of the pool.
      type: bool
command:
  description: What was done, V(systemctl restart xapi), V(service xapi restart) or V(host.restart_agent).
  returned: when xapi was restarted
  type: str
  sample: systemctl restart xapi
agent_start_time:
  description: When xapi of the host started, in seconds since 1970 as XAPI writes it.
  returned: always, once the pool has been read
  type: dict
  contains:
    before:
      description: Before the restart.
      type: str
      sample: "1795346597."
    after:
      description: After the restart. In check mode the same as before.
      type: str
      sample: "1795346655."
enabled:
  description: Whether the host is enabled. Some versions enable a disabled host when xapi starts, others leave it disabled.
  returned: always, once the pool has been read
  type: dict
  contains:
    before:
      description: Before the restart.
      type: bool
    after:
      description: After the restart.
      type: bool
timeline:
  description: What happened when. Each has C(host), C(what) and C(at), in seconds since 1970 by the clock of the control node.
  returned: when xapi was restarted, or was to be
  type: list
  elements: dict
  sample:
    - {host: xs-2, what: restart_begun, at: 1795346643.01}
    - {host: xs-2, what: agent_started, at: 1795346655.12}
seconds:
  description: How long it took from the command to the proof.
  returned: when xapi was restarted
  type: float
  sample: 12.3
problems:
  description: What speaks against the restart, each with V(code), V(host), V(sentence), V(remedy), V(fatal) and V(accepted).
  returned: always, once the pool has been read
  type: list
  elements: dict
"""

import time
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._run import restart
from ansible_collections.xapi.network.plugins.module_utils._run.task import CONNECTION_OPTIONS, Task, run_as_module
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError

ARGUMENT_SPEC: dict[str, Any] = {
    **CONNECTION_OPTIONS,
    "host": {"type": "str"},
    "state": {"type": "str", "choices": ["restarted"], "default": "restarted"},
    "method": {"type": "str", "choices": ["service", "agent"], "default": "service"},
    "accept": {"type": "list", "elements": "str", "choices": ["ha_enabled", "pending_tasks"], "default": []},
    "wait_for": {"type": "str", "choices": ["complete", "started"], "default": "complete"},
    "wait_timeout": {"type": "int", "default": 600},
}
CONSTRAINTS: dict[str, Any] = {"supports_check_mode": True}

BEFORE = ("pool", "host", "host_metrics", "task", "pbd", "sr")
AFTER = ("pool", "host")
FRESH_SECONDS = 1.0  # how old what was read of the pool may be, once dom0 has answered


def work(task: Task) -> dict[str, Any]:
    """Restart xapi of one host and return when it has started again. Raises NetworkError."""
    options = task.options
    task.seconds("wait_timeout")
    service = options["method"] == "service"
    shell = task.shell if service else None
    if service and shell is None:
        raise NetworkError(
            "xs_agent with method=service sends its command over the connection of the task."
            " It cannot run as a module process (async, or its own file); method=agent can."
        )
    with restart.asked_whose_dom0(task, shell) as answer, task.session() as session:
        pool = restart.pool_of(session.read(BEFORE))
        read = time.monotonic()
        host = pool.host_meant(options["host"] or task.host)
        if shell is not None:
            restart.make_sure_it_is(host, answer, pool, task)
        if time.monotonic() - read > FRESH_SECONDS:
            pool = restart.pool_of(session.refresh())
        skewed = restart.clock_skew(session, host)
        for problem in skewed:
            task.warn(problem.sentence)
        host, pool = restart.at_rest(task, session, pool, host, service)
        problems = [*restart.problems(pool, host, options["accept"], service), *skewed]
        facts = restart.facts_of(host, host, problems)
        blocking = [problem for problem in problems if problem.blocks]
        if blocking:
            said = " ".join(f"{problem.sentence} {problem.remedy}" for problem in blocking)
            raise NetworkError(f"xapi of {host.name} was not restarted. {said}", **facts)
        if task.check_mode:
            return {"changed": True, **facts}
        before = restart.as_it_is_now(session, host)
        session.only(AFTER)
        started = time.monotonic()
        deadline = started + options["wait_timeout"]
        task.note("restart_begun", host.name)
        order = restart.by_agent(session, host) if shell is None else restart.by_service(task, shell, host)
        task.note("restart_ordered", host.name)
        after = restart.started_again(task, shell, session, before, order, deadline, facts)
    if before.enabled and not after.enabled and options["wait_for"] == "complete":
        task.warn(f"{host.name} was enabled before the restart of its xapi and is disabled now.")
    return {
        "changed": True,
        **restart.facts_of(before, after, problems),
        "command": order.command,
        "seconds": round(time.monotonic() - started, 1),
    }


def main() -> None:
    run_as_module(ARGUMENT_SPEC, CONSTRAINTS, work)


if __name__ == "__main__":
    main()
