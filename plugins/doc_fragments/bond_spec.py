# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options that say what bond is wanted, the same in xs_bond and xs_bond_info. Private to the collection."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  network:
    description:
      - Name of the network that the bond is on. It is made when there is none of that name.
      - Names are not unique in XAPI. When two networks have this name, nothing is done and both uuids are named.
      - Exactly one of O(network) and O(network_uuid) is required.
    type: str
  network_uuid:
    description: Uuid of the network that the bond is on.
    type: str
  nics:
    description:
      - Device names of the NICs to bond, as they are called on the master, for instance V(eth2).
      - On the other hosts the same names are meant by xapi before 25.35, and the NICs at the same position (the V(N) of the bridge
        C(xenbrN) of their
        network) from 25.35 on. When the two differ, that is a problem.
      - The order matters where no NIC has an address, in which case the first one gives the bond its MAC.
      - Required with O(state=present).
    type: list
    elements: str
  hosts:
    description:
      - Names, uuids or addresses of the hosts of the pool that are concerned. All hosts when this is empty.
    type: list
    elements: str
  mode:
    description: How the bond uses its NICs, in XAPI's words.
    type: str
    choices: [balance-slb, active-backup, lacp]
    default: active-backup
  properties:
    description:
      - Properties of an V(lacp) bond, C(hashing_algorithm) (V(src_mac) or V(tcpudp_ports)), C(lacp-time) (V(slow) or V(fast)),
        C(lacp-fallback-ab) (V(true) or
        V(false)) and C(lacp-aggregation-key).
      - What is not given has XAPI's default.
    type: dict
    default: {}
  mac:
    description:
      - MAC address of the bond. By default it is that of the NIC that has the address.
      - Only for one host, named in O(hosts), since a MAC cannot be shared.
    type: str
  state:
    description: Whether the bond should be there or not.
    type: str
    choices: [present, absent]
    default: present
  strategy:
    description:
      - How a member of the pool gets its bond. With V(direct) it is made through XAPI. With V(restart) it comes with a restart of the
        member's xapi, which inherits
        it from the master. M(xapi.network.xs_agent) does that restart. The bond of the master is made through XAPI in either case.
    type: str
    choices: [direct, restart]
    default: direct
  mtu:
    description:
      - MTU of the network. By default it stays as it is, and a new network gets the largest of the MTUs of the networks of the master's
        NICs.
    type: int
  purpose:
    description:
      - What XenCenter and HA call the interface, the key C(management_purpose) of the bond's other_config. By default what the NIC had.
    type: str
  disallow_unplug:
    description: Whether XAPI should refuse to unplug the bond. By default as it was for the NICs.
    type: bool
  vlans:
    description: VLANs that every one of the hosts should have on the bond.
    type: list
    elements: dict
    default: []
    suboptions:
      tag:
        description: The VLAN tag.
        type: int
        required: true
      network:
        description: Name of the network that carries the tag. It is made when there is none of that name.
        type: str
        required: true
  addresses:
    description:
      - IPv4 configuration of the bond by host, for hosts whose bond should have another one than the NICs had. The keys are names, uuids
        or addresses of hosts,
        the values have C(mode) (V(static), V(dhcp) or V(none)), C(ip), C(netmask), C(gateway) and C(dns).
    type: dict
    default: {}
  expected:
    description:
      - What an earlier plan predicted, by host, to compare with what came out. This is RV(ignore:hosts) of an earlier C(xs_bond) task.
      - Each value needs the key C(expected); others are ignored.
    type: dict
    default: {}
  picture:
    description:
      - Whether the network of each host is returned as RV(ignore:picture), with every NIC, bond, VLAN and tunnel, whether the spec
        concerns it or not.
      - The report of the role P(xapi.network.storage_bond#role) is drawn from it.
    type: bool
    default: false
"""
