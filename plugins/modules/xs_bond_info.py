#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: xs_bond_info
short_description: Compare the bonds of a XenServer or XCP-ng pool with what they should be
version_added: 1.0.0
author:
  - The xapi.network authors (@xapi-network)
description:
  - Takes the same spec as M(xapi.network.xs_bond) and says in what the hosts differ from it. All differences of all hosts come at once, as
    findings.
  - A NIC of a bond that has no link is a warning, since the bond is as it should be, and works on what is left. With O(degraded=fail) it is
    a finding.
  - With O(dom0) the answers of dom0 are compared too. With O(expected) so is everything that an earlier plan predicted, such as the address
    that had to move, and what must have stayed as it was, such as attached storage.
  - With O(wait_timeout) the module waits until there is no finding left. It learns of changes as they happen and does not poll.
options:
  dom0:
    description:
      - What dom0 says, by host name or uuid. The values are the facts C(xs_dom0) of M(xapi.network.xs_dom0_facts), or, for a dom0 that did
        not answer, a text that says why. That is a finding too.
    type: dict
    default: {}
  ask_dom0:
    description:
      - The hosts whose dom0 is asked while XAPI is read, as the inventory's names by the uuid of the host, in the way of
        O(xapi.network.xs_dom0_facts#module:hosts). What they answer is compared as what O(dom0) has.
    type: dict
    default: {}
    version_added: 1.1.0
  drbd_timeout:
    description: As O(xapi.network.xs_dom0_facts#module:drbd_timeout), for the hosts of O(ask_dom0).
    type: int
    default: 0
    version_added: 1.1.0
  differences:
    description:
      - What findings are. With V(report) they are in the result. With V(fail) the module fails, with all of them in its message.
    type: str
    choices: [report, fail]
    default: report
    version_added: 1.1.0
  lacp_timeout:
    description: As O(xapi.network.xs_dom0_facts#module:lacp_timeout), for the hosts of O(ask_dom0).
    type: int
    default: 0
    version_added: 1.1.0
  lacp:
    description:
      - What an LACP bond is that the switch does not bundle, by what dom0 says. No partner answers, or the NICs have different ones. With
        V(warn) a warning says so, with V(fail) it is a finding, with the code V(lacp_partner).
    type: str
    choices: [warn, fail]
    default: warn
    version_added: 1.1.0
  degraded:
    description:
      - What a bond is that has a NIC without a link. With V(warn) it conforms, and a warning says which cable to look at. With V(fail) that
        is a finding, with the code V(degraded).
      - V(fail) goes for O(lacp) too.
    type: str
    choices: [warn, fail]
    default: warn
    version_added: 1.1.0
  start_timeout:
    description:
      - Seconds for which the start of xapi on the hosts of O(ask_dom0) is awaited, in their dom0 with C(xapi-wait-init-complete), before
        anything else is asked there. A start that is not complete then is a finding.
      - With V(0) the start is not asked about.
    type: int
    default: 0
    version_added: 1.1.0
  wait_timeout:
    description:
      - Seconds to wait for conformity.
      - With V(0) the module waits only for what is under way. A bond that XAPI is making and a host whose xapi is starting are judged when
        they have come to rest, a minute later at the latest. With O(expected) the same holds for a link, which XAPI sees some seconds late.
    type: int
    default: 0
extends_documentation_fragment:
  - xapi.network.xapi
  - xapi.network.bond_spec
  - xapi.network.attributes
  - xapi.network.attributes.info
seealso:
  - module: xapi.network.xs_bond
  - module: xapi.network.xs_dom0_facts
"""

EXAMPLES = r"""
- name: Does every host have the storage bond
  xapi.network.xs_bond_info:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"
    network: NAS
    nics: [eth2, eth4]
  register: storage

- name: Say what is different
  ansible.builtin.assert:
    that: storage.conforms
    fail_msg: "{{ storage.findings | map(attribute='sentence') | join(' ') }}"

- name: Fail where a host differs, in XAPI or in its dom0, which is asked at the same time
  xapi.network.xs_bond_info:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"
    network: NAS
    nics: [eth2, eth4]
    ask_dom0: "{{ storage.pool.hosts | xapi.network.inventory_hosts(hostvars) }}"
    differences: fail

- name: Wait until xs-2 has it
  xapi.network.xs_bond_info:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"
    network: NAS
    nics: [eth2, eth4]
    hosts: [xs-2]
    wait_timeout: 600
"""

RETURN = r"""
conforms:
  description: Whether there is no finding.
  returned: success
  type: bool
findings:
  description: In what a host differs. Each has C(code), C(host) and C(sentence).
  returned: success, and when O(differences=fail) and there are some
  type: list
  elements: dict
  sample:
    - code: mode
      host: xs-2
      sentence: "xs-2: bond0 has mode balance-slb instead of active-backup."
degraded:
  description:
    - The bonds that have a NIC without a link, or, by O(dom0), no LACP partner or different ones, with the same keys as RV(findings),
      whatever O(degraded) says.
  returned: success
  type: list
  elements: dict
  sample:
    - code: degraded
      host: xs-2
      sentence: "xs-2: no link on eth4, so that bond0 runs on eth2 alone. Check cables and switch ports."
hosts:
  description: What each host has, by host name, as RV(xapi.network.xs_bond#module:hosts) has it.
  returned: success
  type: dict
network:
  description: The network of the bond.
  returned: success
  type: dict
  sample: {name: NAS, uuid: 929521ce-0cd6-db0a-0501-4a6829192378, bridge: xapi0, mtu: 1500}
pool:
  description: The pool, as RV(xapi.network.xs_bond#module:pool) has it.
  returned: success
  type: dict
picture:
  description: The network of each wanted host, as RV(xapi.network.xs_bond#module:picture) has it.
  returned: when O(picture) is true
  type: list
  elements: dict
timeline:
  description: What happened when, as RV(xapi.network.xs_agent#module:timeline) has it.
  returned: when O(start_timeout) was given
  type: list
  elements: dict
seconds:
  description: How long the wait took.
  returned: success
  type: float
"""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.checks import by_cause
from ansible_collections.xapi.network.plugins.module_utils._bond.given import of_this_pool, read_dom0
from ansible_collections.xapi.network.plugins.module_utils._bond.partners import CODE, lacp_findings
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import find_network, plan, survey, wanted_hosts
from ansible_collections.xapi.network.plugins.module_utils._bond.rules import Prediction
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import (
    SPEC_CONSTRAINTS,
    SPEC_OPTIONS,
    BondSpec,
    from_task,
    read_expected,
)
from ansible_collections.xapi.network.plugins.module_utils._bond.verify import Finding, links_missing, present_state
from ansible_collections.xapi.network.plugins.module_utils._bond.view import hosts_of, network_of, pool_of, rejection
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Pool
from ansible_collections.xapi.network.plugins.module_utils._pool.topology import pictured
from ansible_collections.xapi.network.plugins.module_utils._run.ask_dom0 import asked_meanwhile
from ansible_collections.xapi.network.plugins.module_utils._run.read_pool import read_pool
from ansible_collections.xapi.network.plugins.module_utils._run.task import CONNECTION_OPTIONS, Task, run_as_module
from ansible_collections.xapi.network.plugins.module_utils._run.wait import await_findings
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError

ARGUMENT_SPEC = {
    **CONNECTION_OPTIONS,
    **SPEC_OPTIONS,
    "dom0": {"type": "dict", "default": {}},
    "ask_dom0": {"type": "dict", "default": {}},
    "drbd_timeout": {"type": "int", "default": 0},
    "lacp_timeout": {"type": "int", "default": 0},
    "differences": {"type": "str", "choices": ["report", "fail"], "default": "report"},
    "degraded": {"type": "str", "choices": ["warn", "fail"], "default": "warn"},
    "lacp": {"type": "str", "choices": ["warn", "fail"], "default": "warn"},
    "start_timeout": {"type": "int", "default": 0},
    "wait_timeout": {"type": "int", "default": 0},
}
CONSTRAINTS = SPEC_CONSTRAINTS


def work(task: Task) -> dict[str, object]:
    """Looks and compares, again and again while it may wait."""
    spec = from_task(task.options)
    expected = read_expected(task.options)
    begun = time.monotonic()
    start = int(task.seconds("start_timeout")) if task.options["start_timeout"] else 0
    with asked_meanwhile(task, task.options["ask_dom0"], start) as answers, task.session() as session:
        pool = read_pool(session, spec, planned=bool(expected))
        the_plan = plan(pool, spec)
        unclear = [problem for problem in the_plan.problems if problem.code in ("network_ambiguous", "host_unknown")]
        if unclear:
            raise NetworkError(rejection(the_plan))
        of_this_pool(pool, expected)
        asked = answers()
        for host in pool.hosts if start else ():
            if isinstance(asked.get(host.uuid), Mapping):
                task.note("startup_complete", host.name)
        dom0 = read_dom0(pool, {**task.options["dom0"], **asked})
        missing = partial(_missing, spec, expected, dom0, task.options)
        findings = missing(pool)
        if findings:
            pool, findings = await_findings(session, pool, spec, missing, bool(expected), task.options["wait_timeout"], task.progress)
        if findings and task.options["differences"] == "fail":
            return _failure(findings)
        hosts = hosts_of(pool, spec, plan(pool, spec))
        degraded = links_missing(hosts) + lacp_findings(hosts, dom0)
        for finding in degraded:
            # Just after a change the switch may not have spoken yet.
            if finding not in findings and (finding.code != CODE or not expected):
                task.warn(finding.sentence)
        return {
            "changed": False,
            "conforms": not findings,
            "findings": [finding.to_dict() for finding in findings],
            "degraded": [finding.to_dict() for finding in degraded],
            "hosts": hosts,
            "network": network_of(pool, spec),
            "pool": pool_of(pool),
            "seconds": round(time.monotonic() - begun, 2),
            **pictured(task.options["picture"], pool, the_plan.hosts),
        }


def _failure(findings: Sequence[Finding]) -> dict[str, object]:
    """Without the rest of the result, which Ansible would print whole."""
    found = [finding.to_dict() for finding in findings]
    return {"changed": False, "failed": True, "msg": "\n".join(by_cause(found)), "findings": found}


def _missing(
    spec: BondSpec, expected: Mapping[str, Prediction], dom0: Mapping[str, Any], fails: Mapping[str, Any], pool: Pool
) -> list[Finding]:
    """Everything in which the pool differs; where it `fails` on that, also bonds with a NIC without a link, or that no switch bundles."""
    network = find_network(pool, spec)
    found = survey(pool, spec, network, expected, dom0)
    if "fail" in (fails["degraded"], fails["lacp"]):
        states = {host.name: present_state(pool, host, network) | {"uuid": host.uuid} for host in wanted_hosts(pool, spec)[0]}
        found = found + (links_missing(states) if fails["degraded"] == "fail" else []) + lacp_findings(states, dom0)
    return found


def main() -> None:
    run_as_module(ARGUMENT_SPEC, CONSTRAINTS, work)


if __name__ == "__main__":
    main()
