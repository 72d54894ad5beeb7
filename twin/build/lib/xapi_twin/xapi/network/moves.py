# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes from the members to a bond and back: IP, management, VLANs, tunnels, VIFs (ocaml/xapi/xapi_bond.ml)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xapi_twin.datamodel.schema import NULL
from xapi_twin.xapi.network import mgmt_iface, nm, pif_helpers, tunnel, vlan
from xapi_twin.xapi.state import XapiState


async def configuration(pool: XapiState, source: str, target: str) -> None:
    """The IPv4 configuration, to the target before it leaves the source; IPv6 and other_config stay where they are."""
    pif = pool.database.get("PIF", source)
    fields = ("ip_configuration_mode", "IP", "netmask", "gateway", "DNS")
    moving = {name: pif[name] for name in fields}
    await pool.write("PIF", target, **moving)
    await clear_ip(pool, source)


async def clear_ip(pool: XapiState, pif: str) -> None:
    await pool.write("PIF", pif, ip_configuration_mode="None", IP="", netmask="", gateway="", DNS="")


async def move_management(pool: XapiState, target: str) -> None:
    """The management interface of a host becomes another PIF's bridge."""
    await nm.bring_up(pool, target, management=True)
    await mgmt_iface.move(pool, target)


async def move_vlan(pool: XapiState, old: str, target: str) -> None:
    """A VLAN goes to another PIF: as new objects, or into the VLAN of the same tag that is there (its own network is then left alone)."""
    database = pool.database
    record = dict(database.get("VLAN", old))
    old_master = record["untagged_PIF"]
    pif = dict(database.get("PIF", old_master))
    host, network = pif["host"], pif["network"]
    if pif["currently_attached"] and not pif["management"]:
        await nm.bring_down(pool, old_master)
    same = [ref for ref in database.get("PIF", target)["VLAN_slave_of"] if database.get("VLAN", ref)["tag"] == record["tag"]]
    if same:
        new_master = database.get("VLAN", same[0])["untagged_PIF"]
        new_network = database.get("PIF", new_master)["network"]
        for vif in local_vifs(pool, host, [network]):
            database.set("VIF", vif, network=new_network)
    else:
        new_master = (await vlan.records(pool, target, record["tag"], network))[1]
    await configuration(pool, old_master, new_master)
    database.remove("VLAN", old)
    await pool.yield_()
    database.remove("PIF", old_master)
    if pif["currently_attached"]:
        if pif["management"]:
            await move_management(pool, new_master)
        else:
            await nm.bring_up(pool, new_master)


async def move_tunnel(pool: XapiState, old: str, target: str) -> None:
    """A tunnel goes to another transport PIF, as new objects with a new random MAC."""
    database = pool.database
    record = dict(database.get("tunnel", old))
    pif = dict(database.get("PIF", record["access_PIF"]))
    access = (await tunnel.records(pool, target, pif["network"], record.get("protocol", "gre")))[1]
    database.remove("tunnel", old)
    await pool.yield_()
    database.remove("PIF", record["access_PIF"])
    if pif["currently_attached"]:
        await nm.bring_up(pool, access)


def local_vifs(pool: XapiState, host: str, networks: list[str]) -> list[str]:
    """VIFs on these networks of VMs that run on this host, or are halted and can start only here or nowhere."""
    found = []
    for network in networks:
        for vif in pool.database.get("network", network)["VIFs"]:
            vm = pool.database.get("VIF", vif)["VM"]
            if _is_local(pool, vm, host):
                found.append(vif)
    return found


def _is_local(pool: XapiState, vm: str, host: str) -> bool:
    record = pool.database.find("VM", vm)
    if record is None:
        return False
    if record["resident_on"] == host:
        return True
    if record["resident_on"] != NULL:
        return False
    return possible_hosts(pool, record) in ([host], [])


def possible_hosts(pool: XapiState, vm: dict[str, Any]) -> list[str]:
    """Where a VM could start, as far as the twin knows: enabled hosts with a PIF, which is no bond's member, on each of its networks.

    A VM that needs hardware virtualisation needs hosts that say they have it.
    """
    needs_hvm = vm.get("domain_type", "unspecified") not in ("unspecified", "pv") or bool(vm["HVM_boot_policy"])
    networks = [pool.database.get("VIF", vif)["network"] for vif in vm["VIFs"]]
    return [
        ref
        for ref, record in pool.database.all("host").items()
        if record["enabled"]
        and (not needs_hvm or any("hvm" in capability for capability in record["capabilities"]))
        and all(_attaches(pool, ref, network) for network in networks)
    ]


def _attaches(pool: XapiState, host: str, network: str) -> bool:
    pifs = [pool.database.get("PIF", ref) for ref in pool.database.get("network", network)["PIFs"]]
    if not pifs:
        return True  # a private network is wherever it is needed
    local = [pif for pif in pifs if pif["host"] == host]
    return bool(local) and not any(pif_helpers.is_slave(pool, pif) for pif in local)


def move_cluster_host(pool: XapiState, host: str, sources: Sequence[str], target: str) -> None:
    """A Cluster_host that sits on one of these PIFs goes along."""
    for ref, record in list(pif_helpers.cluster_hosts(pool).items()):
        if record["host"] == host and record["PIF"] in sources:
            pool.database.set("Cluster_host", ref, PIF=target)
