# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What users get to see of a pool: dictionaries with XAPI's own field names, and uuids instead of references. Pure.

Private to the collection.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._pool.model import Bond, Host, Network, Pif, Pool


def host_row(host: Host) -> dict[str, Any]:
    return {
        "uuid": host.uuid,
        "name_label": host.name_label,
        "hostname": host.hostname,
        "address": host.address,
        "master": host.master,
        "enabled": host.enabled,
        "live": host.live,
        "product": host.product,
        "release": host.release,
        "xapi": host.xapi,
        "backend": host.backend,
        "agent_start_time": host.agent_start_time,
    }


def network_row(network: Network) -> dict[str, Any]:
    return {
        "uuid": network.uuid,
        "name_label": network.name,
        "name_description": network.description,
        "bridge": network.bridge,
        "MTU": network.mtu,
        "managed": network.managed,
        "other_config": dict(network.other_config),
        "tags": sorted(network.tags),
        "purpose": sorted(network.purpose),
    }


def pif_row(pool: Pool, pif: Pif) -> dict[str, Any]:
    """One PIF, with what `xe pif-list` shows of its host, network and bond."""
    host = pool.host(pif.host)
    network = pool.networks.get(pif.network)
    master_of, slave_of = pool.bonds.get(pif.bond_master_of), pool.bonds.get(pif.bond_slave_of)
    return {
        "uuid": pif.uuid,
        "device": pif.device,
        "MAC": pif.mac,
        "MTU": pif.mtu,
        "VLAN": pif.vlan,
        "physical": pif.physical,
        "managed": pif.managed,
        "management": pif.management,
        "currently_attached": pif.attached,
        "disallow_unplug": pif.disallow_unplug,
        "ip_configuration_mode": pif.ip_mode,
        "IP": pif.ip,
        "netmask": pif.netmask,
        "gateway": pif.gateway,
        "DNS": pif.dns,
        "ipv6_configuration_mode": pif.ipv6_mode,
        "IPv6": [address for address in pif.ipv6 if address],
        "ipv6_gateway": pif.ipv6_gateway,
        "primary_address_type": pif.primary_address_type,
        "properties": dict(pif.properties),
        "other_config": dict(pif.other_config),
        "capabilities": sorted(pif.capabilities),
        "bond_master_of": master_of.uuid if master_of else "",
        "bond_slave_of": slave_of.uuid if slave_of else "",
        "carrier": pif.carrier,
        "speed": pif.speed,
        "duplex": pif.duplex,
        "vendor_name": pif.vendor,
        "pci_bus_path": pif.pci_bus_path,
        "network_uuid": network.uuid if network else "",
        "network_name_label": network.name if network else "",
        "bridge": network.bridge if network else "",
        "host_uuid": host.uuid,
        "host_name_label": host.name_label,
    }


def bond_row(pool: Pool, bond: Bond) -> dict[str, Any]:
    master, primary = pool.pifs.get(bond.master), pool.pifs.get(bond.primary)
    network = pool.networks.get(master.network) if master else None
    members = pool.bond_members(bond)
    return {
        "uuid": bond.uuid,
        "master": master.uuid if master else "",
        "device": master.device if master else "",
        "mode": bond.mode,
        "properties": dict(bond.properties),
        "nics": [pif.device for pif in members],
        "slaves": [pif.uuid for pif in members],
        "primary_slave": primary.uuid if primary else "",
        "links_up": bond.links_up,
        "network_uuid": network.uuid if network else "",
        "network_name_label": network.name if network else "",
        "bridge": network.bridge if network else "",
    }
