#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: xs_pif_facts
short_description: Gather the network interfaces, networks and bonds of one host of a pool
version_added: 1.0.0
description:
  - Gathers the PIFs and bonds of one host of a XenServer or XCP-ng pool and the networks of its pool, as XAPI sees them, into
    C(ansible_facts.xs_network).
  - Answers what C(xe pif-list), C(xe network-list) and C(xe bond-list) answer, with O(query) in one step.
extends_documentation_fragment:
  - xapi.network.xapi
  - xapi.network.attributes
  - xapi.network.attributes.info
attributes:
  facts:
    description: The module returns C(ansible_facts), which Ansible keeps for the play's host, also with C(delegate_to).
    support: full
options:
  host:
    description:
      - The host to gather the facts of, by its name, uuid, address or the name that its dom0 has given itself.
      - If not given, the play's own host is looked for, by its C(inventory_hostname) and then by its C(ansible_host).
    type: str
  address:
    description:
      - A second name for the same host, tried when none is called O(host). Set from C(ansible_host) when O(host) is not given.
    type: str
  query:
    description:
      - A JMESPath expression over the list of the host's PIFs, see RV(ansible_facts.xs_network.pifs).
      - Its result is the fact RV(ansible_facts.xs_network.query), and is there until the facts of the host are gathered again.
      - Needs the Python package jmespath.
    type: str
requirements:
  - jmespath (Python package) for O(query)
seealso:
  - module: xapi.network.xs_pool_info
  - name: JMESPath
    description: The query language.
    link: https://jmespath.org/specification.html
author:
  - The xapi.network authors (@xapi-network)
"""

EXAMPLES = r"""
- name: Facts of the play's host
  xapi.network.xs_pif_facts:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"

- name: NICs without a link
  ansible.builtin.debug:
    msg: "{{ ansible_facts['xs_network'].pifs | selectattr('physical') | rejectattr('carrier') | map(attribute='device') }}"

# xe pif-list host-uuid=… physical=true IP-configuration-mode=Static params=uuid,device,IP,network-name-label
- name: NICs of xs-1 with a static address
  xapi.network.xs_pif_facts:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"
    host: xs-1
    query: >-
      [?physical && ip_configuration_mode == 'Static'].
      {uuid: uuid, device: device, IP: IP, network_name_label: network_name_label}

- name: Show the answer, which is a fact of the host until the next question
  ansible.builtin.debug:
    var: ansible_facts['xs_network'].query

# xe pif-list host-uuid=… physical=false IP-configuration-mode=Static params=uuid,device,IP,network-name-label
- name: Bonds and VLANs of xs-1 with a static address
  xapi.network.xs_pif_facts:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"
    host: xs-1
    query: >-
      [?!physical && ip_configuration_mode == 'Static'].
      {uuid: uuid, device: device, IP: IP, network_name_label: network_name_label}

# xe pif-list host-uuid=… physical=false IP-configuration-mode=None params=uuid,device,IP,network-name-label
- name: Bonds and VLANs of xs-1 without an address
  xapi.network.xs_pif_facts:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"
    host: xs-1
    query: >-
      [?!physical && ip_configuration_mode == 'None'].
      {uuid: uuid, device: device, IP: IP, network_name_label: network_name_label}
"""

RETURN = r"""
ansible_facts:
  description: Facts to keep for the host.
  returned: success
  type: dict
  contains:
    xs_network:
      description: What XAPI says about the host's network.
      returned: success
      type: dict
      contains:
        host:
          description: The host, with the keys of RV(xapi.network.xs_pool_info#module:hosts).
          returned: success
          type: dict
        pifs:
          description: Its PIFs, by device (eth2 before eth10) and VLAN. The keys are XAPI's, with uuids for references.
          returned: success
          type: list
          elements: dict
          contains:
            uuid:
              description: The uuid.
              type: str
              returned: success
            device:
              description: The name of the device, for instance V(eth2) or V(bond0).
              type: str
              returned: success
            MAC:
              description: The MAC address.
              type: str
              returned: success
            MTU:
              description: The MTU.
              type: int
              returned: success
            VLAN:
              description: The VLAN tag, -1 without one.
              type: int
              returned: success
            physical:
              description: Whether it is a NIC, in contrast to a bond, a VLAN or a tunnel.
              type: bool
              returned: success
            managed:
              description: Whether XAPI manages it.
              type: bool
              returned: success
            management:
              description: Whether the host is managed through it.
              type: bool
              returned: success
            currently_attached:
              description: Whether it is plugged.
              type: bool
              returned: success
            disallow_unplug:
              description: Whether XAPI refuses to unplug it.
              type: bool
              returned: success
            ip_configuration_mode:
              description: V(None), V(DHCP) or V(Static).
              type: str
              returned: success
            IP:
              description: The IPv4 address, empty without one.
              type: str
              returned: success
            netmask:
              description: Its netmask.
              type: str
              returned: success
            gateway:
              description: Its gateway.
              type: str
              returned: success
            DNS:
              description: Its name servers, separated by commas.
              type: str
              returned: success
            ipv6_configuration_mode:
              description: V(None), V(DHCP), V(Static) or V(Autoconf).
              type: str
              returned: success
            IPv6:
              description: The IPv6 addresses.
              type: list
              elements: str
              returned: success
            ipv6_gateway:
              description: The IPv6 gateway.
              type: str
              returned: success
            primary_address_type:
              description: V(IPv4) or V(IPv6).
              type: str
              returned: success
            properties:
              description: Properties of the NIC, for instance V(gro).
              type: dict
              returned: success
            other_config:
              description: The map C(other_config).
              type: dict
              returned: success
            capabilities:
              description: What the NIC can do, for instance V(sriov).
              type: list
              elements: str
              returned: success
            bond_master_of:
              description: The uuid of the bond whose own interface it is, else empty.
              type: str
              returned: success
            bond_slave_of:
              description: The uuid of the bond that it is part of, else empty.
              type: str
              returned: success
            carrier:
              description: Whether it has a link.
              type: bool
              returned: success
            speed:
              description: Its speed in Mbit/s.
              type: int
              returned: success
            duplex:
              description: Whether it is full duplex.
              type: bool
              returned: success
            vendor_name:
              description: Who made it.
              type: str
              returned: success
            pci_bus_path:
              description: Where it sits.
              type: str
              returned: success
            network_uuid:
              description: The uuid of its network.
              type: str
              returned: success
            network_name_label:
              description: The name of its network.
              type: str
              returned: success
            bridge:
              description: The bridge of its network.
              type: str
              returned: success
            host_uuid:
              description: The uuid of the host.
              type: str
              returned: success
            host_name_label:
              description: The name of the host.
              type: str
              returned: success
        networks:
          description:
            - The networks of the pool by name, with the keys of RV(xapi.network.xs_network#module:network) and the uuid of this host's PIF
              on each as C(pif), empty where it has none.
          returned: success
          type: list
          elements: dict
        bonds:
          description: The bonds of the host, by device.
          returned: success
          type: list
          elements: dict
          sample:
            - uuid: 2c22c629-b1de-7921-dae3-6c36141f1bf3
              master: 501c099a-7215-fc4f-97c6-324b7661f827
              device: bond0
              mode: active-backup
              properties: {}
              nics: [eth2, eth4]
              slaves: [767aac49-ba37-3be7-5bad-87ae26d97e02, 4c7a225b-7dfe-4b7f-117f-a42ad3be4cae]
              primary_slave: 767aac49-ba37-3be7-5bad-87ae26d97e02
              links_up: 2
              network_uuid: 929521ce-0cd6-db0a-0501-4a6829192378
              network_name_label: NAS
              bridge: xapi0
        query:
          description: The result of O(query).
          returned: when O(query) is given
          type: raw
          sample:
            - uuid: 8445b796-01b0-e2cf-ba17-9e7af7856925
              device: eth0
              IP: 172.16.0.10
              network_name_label: Pool-wide network associated with eth0
"""

import sys
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._pool import model
from ansible_collections.xapi.network.plugins.module_utils._pool.facts import bond_row, host_row, network_row, pif_row
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Host, Pool
from ansible_collections.xapi.network.plugins.module_utils._run.task import CONNECTION_OPTIONS, Task, run_as_module
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError

try:
    import jmespath
except ImportError:
    jmespath = None

ARGUMENT_SPEC: dict[str, Any] = {
    **CONNECTION_OPTIONS,
    "host": {"type": "str"},
    "address": {"type": "str"},
    "query": {"type": "str"},
}
CONSTRAINTS: dict[str, Any] = {"required_one_of": [("host", "address")], "supports_check_mode": True}

CLASSES = ("pool", "host", "host_metrics", "network", "pif", "pif_metrics", "bond")


def work(task: Task) -> dict[str, Any]:
    expression = compiled(task.options["query"])
    with task.session() as session:
        pool = model.read(session.read(CLASSES))
    facts = facts_of(pool, pool.host_meant(task.options["host"], task.options["address"]))
    if expression is None:
        return {"changed": False, "ansible_facts": {"xs_network": facts}}
    try:
        facts["query"] = expression.search(facts["pifs"])
    except jmespath.exceptions.JMESPathError as error:
        raise NetworkError(f"query fails on the PIFs of {facts['host']['name_label']}: {error}") from None
    return {"changed": False, "ansible_facts": {"xs_network": facts}}


def compiled(query: str | None) -> Any:
    """The expression, or None without one. Raises NetworkError, before XAPI is asked, when it cannot be understood."""
    if not query:
        return None
    if jmespath is None:
        raise NetworkError(
            f"query needs the Python package jmespath, which is missing for the interpreter {sys.executable}: "
            f"{sys.executable} -m pip install jmespath"
        )
    try:
        return jmespath.compile(query)
    except jmespath.exceptions.JMESPathError as error:
        raise NetworkError(f"query is not a JMESPath expression: {error}") from None


def facts_of(pool: Pool, host: Host) -> dict[str, Any]:
    pifs = pool.pifs_of(host)
    on = {pif.network: pif.uuid for pif in pifs}
    networks = sorted(pool.networks.values(), key=lambda network: (model.natural(network.name), network.uuid))
    bonds = [pool.bond_of(pif) for pif in pifs]
    return {
        "host": host_row(host),
        "pifs": [pif_row(pool, pif) for pif in pifs],
        "networks": [{**network_row(network), "pif": on.get(network.ref, "")} for network in networks],
        "bonds": [bond_row(pool, bond) for bond in bonds if bond],
    }


def main() -> None:
    run_as_module(ARGUMENT_SPEC, CONSTRAINTS, work)


if __name__ == "__main__":
    main()
