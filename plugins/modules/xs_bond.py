#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: xs_bond
short_description: Bond NICs on the hosts of a XenServer or XCP-ng pool
version_added: 1.0.0
author:
  - The xapi.network authors (@xapi-network)
description:
  - Makes sure that hosts of a pool have a bond of these NICs on this network, with this mode and these properties, attached, and with the
    address that the NICs had.
  - Everything is planned and checked for all hosts before anything is written. All problems come at once. In check mode the plan is all
    that happens.
  - What XAPI does not move to a bond by itself is moved too, namely C(management_purpose), C(bond-*) and C(ethtool-*) keys, static routes,
    and the IPv6 configuration of the NIC that gives the bond its address.
  - After the change every host is compared with what was predicted for it.
  - To bond a whole pool host by host, with the proof of dom0 and a stop at the first failure, use the role
    P(xapi.network.storage_bond#role).
options:
  on_drift:
    description:
      - What to do with a bond that is there and is different, in its mode, its properties, its NICs or its MAC.
      - V(fail) names the differences and changes nothing. V(repair) puts them right, in place where XAPI can, and otherwise by
        destroying and creating the bond.
      - What an interrupted run left unfinished is always completed.
    type: str
    choices: [fail, repair]
    default: fail
  accept:
    description:
      - Codes of risks that are accepted, for instance V(storage_in_use), V(vifs_in_use), V(pending_tasks), V(ha_enabled) or V(management).
        A problem names its code.
      - V(vlans_back) is the consent to more than that. With O(state=absent) it has VLANs put back on the NICs that they were on before the
        bond, where XAPI leaves them on the one that gave the bond its address. Their traffic stops once more for it.
        A VLAN that a member did not have and has inherited from the master with its bond is taken away, unless something uses it by now.
    type: list
    elements: str
    default: []
  wait_timeout:
    description:
      - Seconds that one change may take, or the wait for a bond that comes with a restart of a member's xapi.
      - What is under way is waited for too, a minute at the most. A bond that XAPI is making, a host whose xapi is starting, a link that is
        coming back and a task of somebody else are no drift, no problem and no finding before that.
    type: int
    default: 600
  dom0:
    description:
      - What dom0 says, by host name or uuid, as M(xapi.network.xs_dom0_facts) returns it.
      - With it the plan knows of NICs whose device is gone (C(nic_device_missing)), and of NICs that are in a bridge of which XAPI knows
        nothing (C(bridge_left)), and of storage on LINSTOR (XOSTOR) whose DRBD is not up to date on all hosts (C(drbd_behind)) or may be so
        (C(drbd_unknown)). XAPI sees none of these.
    type: dict
    default: {}
  save_plan:
    description:
      - A file to which the plan is written, in check mode too, with everything that it rests on. It is JSON, holds no secrets, and is made
        for one pool.
      - It is written over nothing but an earlier plan of the same pool and network, and not at all when something speaks against the plan.
      - The file is on the machine that the task runs on, which without C(delegate_to) is the control node.
    type: path
    version_added: 1.1.0
  hold_plan:
    description:
      - Does not write the plan to O(save_plan) but returns it as RV(held_plan), for a play that asks more before it is sure of the plan.
        Whether it could be written is found out all the same.
    type: bool
    default: false
    version_added: 1.1.0
  saved_plan:
    description:
      - A file that O(save_plan) has written. This plan is carried out or nothing is - when the pool, the options or the steps are not what
        they were when it was made, the task fails and names each difference.
      - What an interrupted run of the same plan has done already is no difference. Neither are values that change by themselves, as the
        speed of a link, but a problem that the plan did not have is one.
    type: path
    version_added: 1.1.0
  plan_fingerprint:
    description:
      - The same as O(saved_plan) for where no file travels. It is RV(fingerprint) of the task that made the plan.
      - It tells which host is different, but not in what. Fingerprints of several pools may be given, with blanks between; the one of this
        pool counts.
    type: str
    version_added: 1.1.0
  confirm_timeout:
    description:
      - More than 0 when M(xapi.network.xs_confirm) guards the change with a timer of this many seconds in dom0. The task then returns
        RV(undo) for it, and refuses what dom0 could not take back - a bond that is repaired, destroyed and created again,
        or removed, the management interface of a member, and a VLAN on another NIC than the one that gives the bond its address, where a
        running VM is connected through it, or it is the management interface, or has an IPv6 configuration or C(disallow_unplug).
      - This task arms nothing itself.
    type: int
    default: 0
    version_added: 1.1.0
  before_restart:
    description:
      - With O(strategy=restart), carries out only what comes before the restart of a member's xapi, and proves nothing. That is to note, in
        other_config of its NICs, which VLANs are on them; XAPI forgets it, and a later O(state=absent) can put them back.
    type: bool
    default: false
    version_added: 1.1.0
extends_documentation_fragment:
  - xapi.network.xapi
  - xapi.network.bond_spec
  - xapi.network.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: xapi.network.xs_bond_info
  - module: xapi.network.xs_agent
"""

EXAMPLES = r"""
- name: See what bonding eth2 and eth4 on every host would mean
  xapi.network.xs_bond:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"
    network: NAS
    nics: [eth2, eth4]
  check_mode: true
  diff: true
  register: plan

- name: Bond them on the master
  xapi.network.xs_bond:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"
    network: NAS
    nics: [eth2, eth4]
    mode: active-backup
    hosts: [xs-1]

- name: An LACP bond for VM traffic, although VMs are connected
  xapi.network.xs_bond:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"
    network: VMs
    nics: [eth1, eth3]
    mode: lacp
    properties:
      lacp-time: fast
    accept: [vifs_in_use]

- name: Save a plan, to have it looked at
  xapi.network.xs_bond:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"
    network: NAS
    nics: [eth2, eth4]
    save_plan: nas-plan.json
  check_mode: true

- name: Carry out that plan, and no other
  xapi.network.xs_bond:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"
    network: NAS
    nics: [eth2, eth4]
    saved_plan: nas-plan.json

- name: Take the bond off one host
  xapi.network.xs_bond:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"
    network: NAS
    hosts: [xs-2]
    state: absent
"""

RETURN = r"""
hosts:
  description: What each host has now, by host name. Where several hosts have the same name, their uuids follow it in brackets.
  returned: success
  type: dict
  contains:
    uuid:
      description: Uuid of the host.
      type: str
    address:
      description: Management address of the host.
      type: str
    master:
      description: Whether it is the pool's master.
      type: bool
    bond:
      description: Uuid of the bond, empty when there is none.
      type: str
    device:
      description: Device name of the bond, which differs between hosts.
      type: str
    nics:
      description: Device names of its NICs.
      type: list
      elements: str
    mode:
      description: Its mode.
      type: str
    properties:
      description: Its properties.
      type: dict
    ip:
      description: Its IPv4 address.
      type: str
    mac:
      description: Its MAC.
      type: str
    mtu:
      description: Its MTU.
      type: int
    bridge:
      description: The bridge of its network in dom0.
      type: str
    attached:
      description: Whether it is attached.
      type: bool
    linked:
      description: Those of its NICs that have a link, as XAPI last saw it.
      type: list
      elements: str
    links_up:
      description: How many of its links XAPI counts as up. It takes XAPI up to a minute to notice a new bond's links.
      type: int
    action:
      description: What the plan has for this host, V(kept), V(created), V(restarted), V(repaired), V(remade) (destroyed and
        created again), V(removed) or V(none).
      type: str
    steps:
      description: The plan's steps for this host.
      type: list
      elements: str
    nic_bridges:
      description: The bridge in which dom0 should have each NIC, by what XAPI has.
      type: dict
      sample: {eth2: xenbr2, eth4: xenbr4}
    bridges:
      description: The bridges of what XAPI has attached on this host.
      type: list
      elements: str
      sample: [xenbr0, xenbr2, xenbr4]
    replicated:
      description: Names of the storage on LINSTOR (XOSTOR) that the host has attached, and keeps for others over the network.
      type: list
      elements: str
    expected:
      description: What the plan predicts for this host.
      type: dict
  sample:
    xs-1:
      uuid: 4b4b0a4e-1d1a-4d0f-8f5b-7c5b6c1f0f11
      address: 172.16.0.10
      master: true
      bond: 2c22c629-b1de-7921-dae3-6c36141f1bf3
      device: bond0
      nics: [eth2, eth4]
      mode: active-backup
      properties: {}
      ip: 172.16.0.35
      mac: 00:26:55:d1:e8:cc
      mtu: 1500
      bridge: xapi0
      attached: true
      linked: [eth2, eth4]
      links_up: 2
      action: created
network:
  description: The network of the bond.
  returned: success
  type: dict
  sample: {name: NAS, uuid: 929521ce-0cd6-db0a-0501-4a6829192378, bridge: xapi0, mtu: 1500}
pool:
  description: The pool. It has C(uuid), C(name), C(locked) (whether a run has locked it with M(xapi.network.xs_pool_lock); also as
    C(marked)), C(stop) (whether other_config has C(xapi.network.stop), with which a run is asked to end after the host it is at)
    and C(hosts), which lists all hosts with C(name), C(uuid), C(address) and C(hostname), the
    master first.
  returned: success
  type: dict
plan:
  description: The plan that was carried out, or would be.
  returned: always, when a plan could be made
  type: dict
  contains:
    steps:
      description: What is done, in order. Each has C(action), C(host), C(sentence) and C(interrupts).
      type: list
      elements: dict
    predictions:
      description: What each host will look like.
      type: list
      elements: dict
    notices:
      description: What is worth knowing and stops nothing.
      type: list
      elements: str
    vlans_left:
      description: About each VLAN that a removal does not bring back as it was before the bond, and why, as sentences.
      type: list
      elements: str
    estimate:
      description:
        - How long it may take by what such steps took on real pools, in seconds. C(least) and C(most) are those of all hosts, one after
          the other, and C(hosts) has them for each host that is changed.
        - The sync of storage on LINSTOR (XOSTOR) comes on top.
      type: dict
      sample: {least: 17, most: 70, hosts: {xs-1: {least: 2, most: 10}, xs-2: {least: 15, most: 60}}}
fingerprint:
  description: A line that stands for the plan and for every fact of the pool that it rests on; see O(plan_fingerprint).
  returned: always, when a plan could be made
  type: str
  sample: 1:9f2c60a1b7d3:1f6f1c0b52aa:;4b4b0a4e-1d1a-4d0f-8f5b-7c5b6c1f0f11=6d0c3c5a7e11/0b1d8a9f6c22//storage_in_use
held_plan:
  description: The text of the file that O(save_plan) would be.
  returned: when O(hold_plan) is true, O(save_plan) is given and nothing speaks against the plan
  type: str
undo:
  description: What dom0 of a host is to take back unless the change is confirmed, by uuid of the host, for M(xapi.network.xs_confirm).
  returned: when O(confirm_timeout) is more than 0 and a plan could be made
  type: dict
differences:
  description: In what the pool or the task is not what it was when the plan was saved, as sentences.
  returned: when O(saved_plan) or O(plan_fingerprint) is given
  type: list
  elements: str
problems:
  description: What speaks against the plan, on all hosts. Each has C(code), C(host), C(sentence), C(remedy), C(fatal) and C(accepted).
  returned: always, when a plan could be made
  type: list
  elements: dict
findings:
  description: In what a host differs from the prediction after the change. Each has C(code), C(host) and C(sentence).
  returned: always, when a plan could be made
  type: list
  elements: dict
done:
  description: The steps that were carried out, in order.
  returned: when something was changed
  type: list
  elements: dict
picture:
  description: The network of each wanted host, the master first. After a change it is the new one.
  returned: when O(picture) is true and a plan could be made
  type: list
  elements: dict
  contains:
    name:
      description: Name of the host.
      type: str
    uuid:
      description: Uuid of the host.
      type: str
    address:
      description: Management address of the host.
      type: str
    master:
      description: Whether it is the pool's master.
      type: bool
    enabled:
      description: Whether it is enabled.
      type: bool
    product:
      description: Name and release of the product.
      type: str
    xapi:
      description: Version of xapi.
      type: str
    backend:
      description: What dom0 makes bridges with, V(openvswitch) or V(bridge).
      type: str
    interfaces:
      description:
        - The PIFs of the host. Each has C(kind) (V(nic), V(bond), V(vlan), V(tunnel) or V(sriov)), C(device), C(over) (the device that
          a VLAN, a tunnel or an SR-IOV interface lies on), C(vlan) (the tag, or V(-1)), C(mac), C(carrier), C(speed) (in Mbit/s),
          C(attached), C(management), C(ip_mode), C(addresses), C(mtu), C(network), C(bridge), C(bond) (the device of the bond that a
          NIC is in), C(nics) and C(mode) (of a bond).
      type: list
      elements: dict
timeline:
  description: What happened when. Each has C(host), C(what) and C(at), in seconds since 1970 by the clock of the control node.
  returned: when something was changed or waited for
  type: list
  elements: dict
  sample:
    - {host: xs-2, what: bond_seen, at: 1795346655.12}
    - {host: xs-2, what: bond_attached, at: 1795346655.12}
"""

import time
from itertools import takewhile
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.given import read_dom0
from ansible_collections.xapi.network.plugins.module_utils._bond.nics import with_dom0
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import Plan, find_network, plan, proof
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import (
    SPEC_CONSTRAINTS,
    SPEC_OPTIONS,
    BondSpec,
    from_task,
    read_expected,
)
from ansible_collections.xapi.network.plugins.module_utils._bond.under_way import OF_A_PLAN, OF_A_STEP
from ansible_collections.xapi.network.plugins.module_utils._bond.verify import Finding
from ansible_collections.xapi.network.plugins.module_utils._bond.view import difference, not_as_approved, rejection, result, unproven
from ansible_collections.xapi.network.plugins.module_utils._confirm.undo import guarded, undos
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Pool
from ansible_collections.xapi.network.plugins.module_utils._pool.topology import pictured
from ansible_collections.xapi.network.plugins.module_utils._run.apply import apply
from ansible_collections.xapi.network.plugins.module_utils._run.other_run import with_other_run
from ansible_collections.xapi.network.plugins.module_utils._run.plan_file import approved_plan, save_plan
from ansible_collections.xapi.network.plugins.module_utils._run.read_pool import read_pool
from ansible_collections.xapi.network.plugins.module_utils._run.task import CONNECTION_OPTIONS, Task, run_as_module
from ansible_collections.xapi.network.plugins.module_utils._run.wait import await_inherited, await_proof, await_rest
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.plugins.module_utils._xapi.session import Session

ARGUMENT_SPEC = {
    **CONNECTION_OPTIONS,
    **SPEC_OPTIONS,
    "on_drift": {"type": "str", "choices": ["fail", "repair"], "default": "fail"},
    "accept": {"type": "list", "elements": "str", "default": []},
    "wait_timeout": {"type": "int", "default": 600},
    "dom0": {"type": "dict", "default": {}},
    "save_plan": {"type": "path"},
    "hold_plan": {"type": "bool", "default": False},
    "saved_plan": {"type": "path"},
    "plan_fingerprint": {"type": "str"},
    "confirm_timeout": {"type": "int", "default": 0},
    "before_restart": {"type": "bool", "default": False},
}
CONSTRAINTS = {**SPEC_CONSTRAINTS, "mutually_exclusive": [*SPEC_CONSTRAINTS["mutually_exclusive"], ("saved_plan", "plan_fingerprint")]}

UNGUARDED = (
    "The change moves a management interface, and nothing takes it back when it cuts the host off: give confirm_timeout"
    " (storage_bond_confirm_timeout), or have a console at hand that the change does not cut off."
)


def work(task: Task) -> dict[str, object]:
    """Reads the pool and plans, refuses or carries out, reads again and compares."""
    spec = from_task(task.options)
    expected = read_expected(task.options)
    approved = approved_plan(task.options)
    deadline = time.monotonic() + task.seconds("wait_timeout")
    with task.session() as session:
        before = read_pool(session, spec, planned=bool(expected))
        if spec.strategy == "restart" and expected and not task.check_mode:
            before = await_inherited(session, before, spec, expected, deadline, task.progress, task.note)
        before = await_rest(session, before, spec, deadline, task.progress, OF_A_STEP if expected else OF_A_PLAN)
        the_plan = with_dom0(before, plan(before, spec, expected), read_dom0(before, task.options["dom0"]))
        if task.options["confirm_timeout"]:
            the_plan = guarded(before, spec, the_plan)
        elif not expected and any(problem.code == "management" and problem.accepted for problem in the_plan.problems):
            task.warn(UNGUARDED)
        answer = _planned(task, session, before, spec, the_plan)
        if approved is not None:
            answer["differences"] = approved.differences(before, spec, the_plan)
        if the_plan.blocking:
            raise NetworkError(rejection(the_plan, answer.get("differences", [])), **{**answer, "changed": False})
        if answer.get("differences"):
            raise NetworkError(not_as_approved(answer["differences"]), **{**answer, "changed": False})
        if task.check_mode or not (the_plan.steps or expected):
            return answer
        if task.options["before_restart"]:
            return answer | _begun(task, session, before, the_plan)
        applied = apply(session, before, the_plan.steps, task.options["wait_timeout"], task.progress, task.note)
        for warning in applied.warnings:
            task.warn(warning)

        def proved(now: Pool) -> list[Finding]:
            return proof(now, spec, the_plan, find_network(now, spec), expected)

        after, findings = await_proof(session, applied.pool, proved, deadline, task.progress)
    answer |= {
        **result(after, spec, the_plan, findings),
        **pictured(task.options["picture"], after, the_plan.hosts),
        "done": [step.to_dict() for step in applied.done],
    }
    if findings:
        raise NetworkError(unproven(findings, applied.done), **answer)
    for host in the_plan.hosts:
        task.note("as_predicted", host.name)
    return answer


def _begun(task: Task, session: Session, pool: Pool, the_plan: Plan) -> dict[str, Any]:
    """Carries out what comes before the first restart of xapi."""
    steps = tuple(takewhile(lambda step: step.action != "restart_agent", the_plan.steps))
    applied = apply(session, pool, steps, task.options["wait_timeout"], task.progress, task.note)
    for warning in applied.warnings:
        task.warn(warning)
    return {"changed": bool(applied.done), "done": [step.to_dict() for step in applied.done]}


def _planned(task: Task, session: Session, pool: Pool, spec: BondSpec, the_plan: Plan) -> dict[str, Any]:
    """What the module returns of the plan, whether or not it is carried out."""
    answer: dict[str, Any] = {**result(pool, spec, the_plan), **pictured(task.options["picture"], pool, the_plan.hosts)}
    if task.options["confirm_timeout"]:
        answer["undo"] = undos(pool, spec, the_plan)
    answer |= save_plan(task.options, pool, spec, the_plan)
    answer["plan"] = with_other_run(task, session, pool, answer["plan"])
    if task.diff_mode:
        answer["diff"] = difference(pool, spec, the_plan)
    return answer


def main() -> None:
    run_as_module(ARGUMENT_SPEC, CONSTRAINTS, work)


if __name__ == "__main__":
    main()
