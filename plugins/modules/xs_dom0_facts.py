#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: xs_dom0_facts
short_description: What dom0 itself says about its network
version_added: 1.0.0
description:
  - Reads bridges, bonds, addresses and MACs from the control domain (dom0) of a XenServer or XCP-ng host, with the tools that are there
    (C(ovs-vsctl), C(ovs-appctl), C(ip) or C(ifconfig), and C(brctl) and the kernel's bonding driver on the Linux bridge backend).
  - One shell command is sent over the connection of the task, which has to lead to dom0. It needs no Python there, so that it works on
    every version, whatever ansible-core supports as a target.
  - This is the other side of what XAPI says (M(xapi.network.xs_pif_facts), M(xapi.network.xs_bond_info)), and independent of it.
  - With O(hosts), many hosts are asked at the same time by one task, each over its own connection of the inventory, whichever hosts the
    play is for. A host that does not answer is told, and does not fail the task.
author:
  - The xapi.network authors (@xapi-network)
options:
  hosts:
    description:
      - The hosts to ask, as the inventory's names by the uuid of the host, which is what P(xapi.network.inventory_hosts#filter) gives.
      - Without it, dom0 at the other end of the task's own connection is asked.
    type: dict
    version_added: 1.1.0
  timeout:
    description: Seconds within which every host of O(hosts) has to answer.
    type: int
    default: 60
    version_added: 1.1.0
  drbd_timeout:
    description:
      - Seconds for which the hosts of O(hosts) are asked again while DRBD is behind on one of them (see RV(ansible_facts.xs_dom0.drbd)).
    type: int
    default: 0
    version_added: 1.1.0
  lacp_timeout:
    description:
      - Seconds for which the hosts of O(hosts) are asked again while an LACP bond in one of them has a NIC without a partner, or NICs with
        different partners. A switch needs some seconds to speak LACP with a new bond.
    type: int
    default: 0
    version_added: 1.1.0
  lldp:
    description:
      - NICs on which dom0 listens, with C(tcpdump), for what the switch says of itself by LLDP, for at most 31 s. All hosts and NICs
        listen at the same time. A NIC whose firmware speaks LLDP itself passes none on.
    type: list
    elements: str
    default: []
    version_added: 1.1.0
extends_documentation_fragment:
  - xapi.network.attributes
  - xapi.network.attributes.info
attributes:
  platform:
    details:
      - Knows the formats of Open vSwitch 1 to 3, net-tools 1.60 and 2, iproute2, BusyBox, bridge-utils and the kernel's bonding driver.
        A format that it cannot read is an error that quotes the line.
seealso:
  - module: xapi.network.xs_pif_facts
  - module: xapi.network.xs_bond_info
"""

EXAMPLES = r"""
- name: Ask dom0 of each host of the play
  xapi.network.xs_dom0_facts:

- name: Show on which bridge the storage address is
  ansible.builtin.debug:
    msg: >-
      {{ ansible_facts['xs_dom0']['interfaces'] | dict2items
         | selectattr('value.addresses', 'contains', '172.16.0.35/28') | map(attribute='key') }}

- name: Wait until both NICs of the bond carry traffic, which takes a new bond or a returned link some seconds
  xapi.network.xs_dom0_facts:
  register: dom0
  until: dom0.ansible_facts.xs_dom0.bonds.bond0.enabled == ['eth2', 'eth4']
  retries: 30
  delay: 1

- name: Ask one host from a play that runs on localhost
  xapi.network.xs_dom0_facts:
  delegate_to: xs-2
  delegate_facts: true

- name: Read which hosts the pool has
  xapi.network.xs_pool_info:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"
  register: pool

- name: Ask every host of the pool at the same time
  xapi.network.xs_dom0_facts:
    hosts: "{{ pool.hosts | xapi.network.inventory_hosts(hostvars) }}"
  register: asked

- name: Compare the pool with what dom0 of each host says
  xapi.network.xs_bond_info:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"
    network: NAS
    nics: [eth2, eth4]
    dom0: "{{ asked.dom0 }}"
"""

RETURN = r"""
dom0:
  description:
    - What each host of O(hosts) answered, by uuid, as O(xapi.network.xs_bond_info#module:dom0) takes it. The value is the facts
      C(xs_dom0), or a text that says why there are none.
  returned: when O(hosts) is given
  type: dict
  version_added: 1.1.0
silent:
  description: A sentence for each host of O(hosts) that did not answer, or that was another host than the one meant.
  returned: when O(hosts) is given
  type: list
  elements: str
  version_added: 1.1.0
ansible_facts:
  description: The facts.
  returned: when O(hosts) is not given
  type: dict
  contains:
    xs_dom0:
      description: What dom0 says about its network.
      type: dict
      contains:
        uuid:
          description: The uuid of the host in XAPI, out of C(/etc/xensource-inventory). It tells whose dom0 answered.
          type: str
          sample: 9a0fb5b2-6b8b-4a4b-8a08-d2d3c0d1e2f3
        hostname:
          description: The host name of dom0.
          type: str
          sample: xs-1
        backend:
          description: The network backend, V(openvswitch) or V(bridge).
          type: str
          sample: openvswitch
        ovs_version:
          description: The version of Open vSwitch; empty on a Linux bridge.
          type: str
          sample: 2.17.7
        bridges:
          description: The names of all bridges, sorted.
          type: list
          elements: str
          sample: [xapi0, xenbr0, xenbr1, xenbr3, xenbr5]
        bonds:
          description:
            - The bonds by name. A bond of one NIC is an ordinary port for Open vSwitch and is not among them.
          type: dict
          contains:
            mode:
              description:
                - The switch's own word for the mode. XAPI's C(lacp) is V(balance-tcp) or V(balance-slb) here, with a C(lacp) other than
                  V(off).
              type: str
            members:
              description: The NICs, sorted.
              type: list
              elements: str
            enabled:
              description: Those of the NICs that carry traffic, sorted.
              type: list
              elements: str
            active:
              description: The active NIC; empty when there is none.
              type: str
            lacp:
              description:
                - V(off), V(configured) (no partner answers) or V(negotiated). Open vSwitch before 2.0 tells only V(negotiated) and
                  V(not negotiated).
              type: str
            partners:
              description:
                - The LACP partner that each NIC hears, as C(system) (the id of the switch, empty where none answers) and C(key). NICs
                  bundle only when both are the same. Empty without LACP; drivers before 3.7.1 of the Linux bridge tell only those in the
                  bundle.
              type: dict
              version_added: 1.1.0
          sample:
            bond0:
              mode: balance-tcp
              members: [eth2, eth4]
              enabled: [eth2, eth4]
              active: eth2
              lacp: negotiated
              partners:
                eth2: {system: "02:00:00:00:0a:01", key: 11}
                eth4: {system: "02:00:00:00:0a:01", key: 11}
        bridge_of:
          description:
            - The bridge that each NIC, and each other interface, is in.
            - XAPI and the switch can differ after a bond has failed half-way.
          type: dict
          sample: {eth0: xenbr0, eth2: xapi0, eth4: xapi0}
        drbd:
          description:
            - The resources of DRBD (LINSTOR, XOSTOR) that are not up to date on all hosts, each with what is amiss; empty when all are.
              Null where dom0 has no C(drbdsetup) that answers.
          type: dict
          sample: {xcp-volume-5f0b: [the connection to xs-3 is Connecting]}
          version_added: 1.1.0
        interfaces:
          description: The network devices by name, NICs, bridges and interfaces of VMs, without loopback devices.
          type: dict
          contains:
            mac:
              description: The MAC address in lower case; empty for a device that has none.
              type: str
            mtu:
              description: The MTU in bytes.
              type: int
            addresses:
              description: The IP addresses with prefix length, without link-local IPv6 addresses.
              type: list
              elements: str
            up:
              description: Whether the device is administratively up.
              type: bool
          sample:
            xapi0:
              mac: 00:26:55:d1:e8:cc
              mtu: 1500
              addresses: [172.16.0.35/28]
              up: true
        neighbours:
          description:
            - The switch port at the other end of the cable of each NIC of O(lldp) that is there, as C(switch) (its chassis id), C(port) and
              C(name), empty where none was heard. Empty where dom0 has no C(tcpdump).
          type: dict
          returned: with O(lldp)
          sample: {eth2: {switch: "02:00:00:00:0a:01", port: Gi1/0/2, name: switch-a}}
          version_added: 1.1.0
        timer:
          description:
            - The timer of M(xapi.network.xs_confirm) that runs in this dom0, empty when none does. It has C(state) (V(armed) or
              V(taking_back)), C(until) (in seconds since 1970 by the clock of dom0) and C(owner).
          type: dict
          sample: {}
        taken_back:
          description:
            - What dom0 last took back by itself, since nobody confirmed it; empty when it did not. It has C(at), C(seconds), C(done),
              C(owner) and C(why).
          type: dict
          sample: {}
"""

from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._dom0 import lldp
from ansible_collections.xapi.network.plugins.module_utils._dom0.answers import PROBE
from ansible_collections.xapi.network.plugins.module_utils._run.ask_dom0 import SECONDS, ask, facts, heard, listen
from ansible_collections.xapi.network.plugins.module_utils._run.task import Task, run_as_module
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError

ARGUMENT_SPEC: dict[str, Any] = {
    "hosts": {"type": "dict"},
    "timeout": {"type": "int", "default": SECONDS},
    "drbd_timeout": {"type": "int", "default": 0},
    "lacp_timeout": {"type": "int", "default": 0},
    "lldp": {"type": "list", "elements": "str", "default": []},
}
CONSTRAINTS: dict[str, Any] = {"supports_check_mode": True}


def work(task: Task) -> dict[str, Any]:
    """Ask dom0 over the task's connection, or many over theirs. Raises NetworkError."""
    wanted, nics = task.options.get("hosts"), task.options.get("lldp") or []
    if wanted is not None:
        asked = ask(task, wanted, task.options["timeout"])
        for uuid, neighbours in listen(task, wanted, nics).items():
            if isinstance(asked["dom0"][uuid], dict):
                asked["dom0"][uuid]["neighbours"] = neighbours
        return asked
    if task.shell is None:
        raise NetworkError(
            "xs_dom0_facts asks dom0 over the connection of the task. It cannot run as a module process (async, or its own file)."
        )
    found = facts(*task.shell(PROBE))
    if nics:
        found["neighbours"] = heard(task.shell(lldp.command(nics), SECONDS + lldp.SECONDS)[1])
    return {"changed": False, "ansible_facts": {"xs_dom0": found}}


def main() -> None:
    run_as_module(ARGUMENT_SPEC, CONSTRAINTS, work)


if __name__ == "__main__":
    main()
