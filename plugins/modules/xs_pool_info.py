#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: xs_pool_info
short_description: Gather what a XenServer or XCP-ng pool consists of
version_added: 1.0.0
description:
  - Tells the pool's master and members in a stable order, their versions and state, the network backend, whether high availability is on,
    and the unfinished tasks.
extends_documentation_fragment:
  - xapi.network.xapi
  - xapi.network.attributes
  - xapi.network.attributes.info
options: {}
seealso:
  - module: xapi.network.xs_pif_facts
  - module: xapi.network.xs_bond_info
author:
  - The xapi.network authors (@xapi-network)
"""

EXAMPLES = r"""
- name: Which host is the master?
  xapi.network.xs_pool_info:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"
  register: pool

- name: Stop when high availability is on
  ansible.builtin.assert:
    that:
      - not pool.ha
    fail_msg: "Switch high availability of {{ pool.pool.name_label }} off first."

- name: The hosts become hosts of the play, the master first
  ansible.builtin.add_host:
    name: "{{ item.name_label }}"
    ansible_host: "{{ item.address }}"
    groups: "{{ 'xs_masters' if item.master else 'xs_members' }}"
  loop: "{{ pool.hosts }}"
  loop_control:
    label: "{{ item.name_label }}"
"""

RETURN = r"""
pool:
  description: The pool itself.
  returned: success
  type: dict
  sample: {uuid: 5c3f2bd6-3a3c-4b8e-8b8a-6d1f0e7a9c11, name_label: production}
master:
  description: The master, with the same keys as in RV(hosts).
  returned: success
  type: dict
members:
  description: Every other host, by name (xs-2 before xs-10), with the same keys as in RV(hosts).
  returned: success
  type: list
  elements: dict
hosts:
  description: All hosts, the master first, then by name.
  returned: success
  type: list
  elements: dict
  contains:
    uuid:
      description: The host's uuid.
      type: str
      returned: success
    name_label:
      description: The host's name in XAPI.
      type: str
      returned: success
    hostname:
      description: The name that dom0 has given itself.
      type: str
      returned: success
    address:
      description: The address of its management interface.
      type: str
      returned: success
    master:
      description: Whether it is the pool's master.
      type: bool
      returned: success
    enabled:
      description: Whether it accepts VMs.
      type: bool
      returned: success
    live:
      description: Whether the master still sees it alive. Stays true for minutes after a crash.
      type: bool
      returned: success
    product:
      description: Name of the product, for instance V(XCP-ng).
      type: str
      returned: success
    release:
      description: Version of the product, for instance V(8.3.0).
      type: str
      returned: success
    xapi:
      description: Version of xapi. Empty on releases that do not tell it.
      type: str
      returned: success
    backend:
      description: The network backend, V(openvswitch) or V(bridge).
      type: str
      returned: success
    agent_start_time:
      description: When its xapi was started, in seconds of Unix time, as XAPI keeps it.
      type: str
      returned: success
versions:
  description: The versions found in the pool and the names of the hosts that run them. More than one during a rolling upgrade.
  returned: success
  type: list
  elements: dict
  sample:
    - product: XCP-ng
      release: 8.3.0
      xapi: 26.1.4
      hosts: [xs-1, xs-2]
backend:
  description: The network backend of the master, V(openvswitch) or V(bridge).
  returned: success
  type: str
  sample: openvswitch
ha:
  description: Whether high availability is on.
  returned: success
  type: bool
  sample: false
tasks:
  description: The unfinished tasks. A restart of xapi on their host would kill them.
  returned: success
  type: list
  elements: dict
  sample:
    - uuid: 957d988d-2459-fff2-0c67-9f20d8d0c109
      name_label: Async.VM.export
      host: xs-1
"""

from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._pool import model
from ansible_collections.xapi.network.plugins.module_utils._pool.facts import host_row
from ansible_collections.xapi.network.plugins.module_utils._run.task import CONNECTION_OPTIONS, Task, run_as_module

ARGUMENT_SPEC: dict[str, Any] = {**CONNECTION_OPTIONS}
CONSTRAINTS: dict[str, Any] = {"supports_check_mode": True}

CLASSES = ("pool", "host", "host_metrics", "task")


def work(task: Task) -> dict[str, Any]:
    with task.session() as session:
        pool = model.read(session.read(CLASSES))
    hosts = [host_row(host) for host in pool.hosts]
    names = {host.ref: host.name for host in pool.hosts}
    versions: dict[tuple[str, str, str], list[str]] = {}
    for host in pool.hosts:
        versions.setdefault((host.product, host.release, host.xapi), []).append(host.name)
    return {
        "changed": False,
        "pool": {"uuid": pool.uuid, "name_label": pool.name},
        "master": hosts[0],
        "members": hosts[1:],
        "hosts": hosts,
        "versions": [
            {"product": product, "release": release, "xapi": xapi, "hosts": running}
            for (product, release, xapi), running in versions.items()
        ],
        "backend": pool.master.backend,
        "ha": pool.ha_enabled,
        "tasks": [{"uuid": task.uuid, "name_label": task.name, "host": names.get(task.host, "")} for task in pool.tasks],
    }


def main() -> None:
    run_as_module(ARGUMENT_SPEC, CONSTRAINTS, work)


if __name__ == "__main__":
    main()
