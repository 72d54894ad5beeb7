# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The network of hosts as something to be drawn: every interface, what it lies on, and where it leads to. Pure.

Only named fields are taken over. other_config and device_config may hold what is nobody's business.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._pool.model import Host, Pif, Pool


def pictured(wanted: bool, pool: Pool, hosts: Iterable[Host]) -> dict[str, Any]:
    """The part `picture` of a result, or nothing when it is not wanted."""
    return {"picture": picture(pool, hosts)} if wanted else {}


def picture(pool: Pool, hosts: Iterable[Host]) -> list[dict[str, Any]]:
    """Each host with its interfaces, as plain values; xs_bond's RETURN describes them."""
    transports = {tunnel.access: tunnel.transport for tunnel in pool.tunnels.values()}
    return [
        {
            "name": host.name,
            "uuid": host.uuid,
            "address": host.address,
            "master": host.master,
            "enabled": host.enabled,
            "product": f"{host.product} {host.release}".strip(),
            "xapi": host.xapi,
            "backend": host.backend,
            "interfaces": [_interface(pool, pif, transports) for pif in pool.pifs_of(host)],
        }
        for host in hosts
    ]


def _interface(pool: Pool, pif: Pif, transports: Mapping[str, str]) -> dict[str, Any]:
    network = pool.networks.get(pif.network)
    own, of = pool.bond_of(pif), pool.bonds.get(pif.bond_slave_of)
    bonded = pool.pifs.get(of.master) if of else None
    transport = pool.pifs.get(transports.get(pif.ref, ""))
    if own is not None:
        kind, over = "bond", ""
    elif pif.vlan >= 0:
        kind, over = "vlan", pif.device  # XAPI gives a VLAN's PIF the device name of what it lies on
    elif pif.tunnel_access:
        kind, over = "tunnel", transport.device if transport else ""
    elif pif.sriov_logical:
        kind, over = "sriov", pif.device
    else:
        kind, over = "nic", ""
    return {
        "kind": kind,
        "device": pif.device,
        "over": over,
        "vlan": pif.vlan,
        "mac": pif.mac,
        "carrier": pif.carrier,
        "speed": pif.speed,
        "attached": pif.attached,
        "management": pif.management,
        "ip_mode": pif.ip_mode,
        "addresses": [*_address(pif), *pif.ipv6],
        "mtu": pif.mtu,
        "network": network.name if network else "",
        "bridge": network.bridge if network else "",
        "bond": bonded.device if bonded else "",
        "nics": [member.device for member in pool.bond_members(own)] if own else [],
        "mode": own.mode if own else "",
    }


def _address(pif: Pif) -> list[str]:
    """The IPv4 address with its prefix, as far as it is known: "172.16.0.35/28"."""
    if not pif.ip:
        return []
    try:
        return [str(ipaddress.IPv4Interface(f"{pif.ip}/{pif.netmask}"))]
    except ValueError:  # no netmask, or one with holes, which xapi up to v24 takes
        return [pif.ip]
