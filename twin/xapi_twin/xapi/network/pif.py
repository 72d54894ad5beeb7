# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PIFs: configured, plugged, found, introduced, forgotten (ocaml/xapi/xapi_pif.ml)."""

from __future__ import annotations

import re
from typing import Any

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import NULL
from xapi_twin.dom0.model import Nic
from xapi_twin.xapi.network import addresses, mgmt_iface, nm, pif_helpers
from xapi_twin.xapi.state import HostState, XapiState

Record = dict[str, Any]


async def reconfigure_ip(pool: XapiState, ref: str, mode: str, ip: str, netmask: str, gateway: str, dns: str) -> None:
    """PIF.reconfigure_ip; the PIF is unplugged and plugged again when it was plugged. A bond's member takes it silently."""
    record = pool.database.get("PIF", ref)
    pif_helpers.managed(pool, ref)
    now = {name: record[name] for name in ("ip_configuration_mode", "IP", "netmask", "gateway")}
    same = {"ip_configuration_mode": mode, "IP": ip, "netmask": netmask, "gateway": gateway} == now and mode == "Static"
    if not same:
        pif_helpers.not_protected(pool, ref)
        pif_helpers.no_clustering(pool, ref)
    if mode == "Static":
        addresses.check_ipv4("IP", ip)
        addresses.check_ipv4("netmask", netmask)
    for parameter, value in (("IP", ip), ("netmask", netmask), ("gateway", gateway)):
        if value:
            addresses.check_ipv4(parameter, value)
    if record["management"] and mode == "None" and record.get("primary_address_type", "IPv4") == "IPv4":
        raise XapiError("PIF_IS_MANAGEMENT_INTERFACE", ref)
    servers = addresses.of_family(dns, 4) + addresses.of_family(record["DNS"], 6)
    pool.database.set("PIF", ref, ip_configuration_mode=mode, IP=ip, netmask=netmask, gateway=gateway, DNS=",".join(servers))
    await _plug_anew(pool, ref)


async def reconfigure_ipv6(pool: XapiState, ref: str, mode: str, ipv6: str, gateway: str, dns: str) -> None:
    """PIF.reconfigure_ipv6; the PIF is unplugged and plugged again when it was plugged."""
    record = pool.database.get("PIF", ref)
    pif_helpers.managed(pool, ref)
    now = (record["ipv6_configuration_mode"], record["IPv6"], record["ipv6_gateway"])
    if not (mode == "Static" and now == (mode, [ipv6], gateway)):
        pif_helpers.not_protected(pool, ref)
        pif_helpers.no_clustering(pool, ref)
    if gateway:
        addresses.check_ipv6("gateway", gateway)
    if ipv6:
        addresses.check_ipv6_cidr("IPv6", ipv6)
    if record["management"] and mode == "None" and record.get("primary_address_type", "IPv4") == "IPv6":
        raise XapiError("PIF_IS_MANAGEMENT_INTERFACE", ref)
    servers = addresses.of_family(dns, 6) + addresses.of_family(record["DNS"], 4)
    pool.database.set("PIF", ref, ipv6_configuration_mode=mode, ipv6_gateway=gateway, IPv6=[ipv6], DNS=",".join(servers))
    await _plug_anew(pool, ref)


async def _plug_anew(pool: XapiState, ref: str) -> None:
    record = pool.database.get("PIF", ref)
    if record["currently_attached"]:
        pool.database.set("PIF", ref, currently_attached=False)
        await nm.bring_up(pool, ref, management=record["management"])
        if record["management"]:
            mgmt_iface.settle(pool, ref)


async def plug(pool: XapiState, ref: str) -> None:
    """PIF.plug; a tunnel's transport PIF is plugged with it."""
    record = pool.database.get("PIF", ref)
    pif_helpers.managed(pool, ref)
    for tunnel in record.get("tunnel_access_PIF_of", [])[:1]:
        transport = pool.database.get("tunnel", tunnel)["transport_PIF"]
        if pool.database.get("PIF", transport)["ip_configuration_mode"] == "None":
            raise XapiError("TRANSPORT_PIF_NOT_CONFIGURED", transport)
        await plug(pool, transport)
    if record["bond_slave_of"] != NULL:
        raise XapiError("CANNOT_PLUG_BOND_SLAVE", ref)
    await nm.bring_up(pool, ref)


async def unplug(pool: XapiState, ref: str) -> None:
    """PIF.unplug; the tunnels on it go down with it."""
    record = pool.database.get("PIF", ref)
    pif_helpers.managed(pool, ref)
    pif_helpers.not_protected(pool, ref)
    pif_helpers.not_management(pool, ref)
    pif_helpers.no_vifs_in_use(pool, record["host"], record["network"])
    pif_helpers.unplug_allowed(pool, ref)
    pif_helpers.no_fcoe_in_use(pool, ref)
    for tunnel in list(record.get("tunnel_transport_PIF_of", ())):
        await unplug(pool, pool.database.get("tunnel", tunnel)["access_PIF"])
    if record["bond_slave_of"] == NULL:
        await nm.bring_down(pool, ref)


async def forget(pool: XapiState, ref: str) -> None:
    """PIF.forget: the record and its metrics go, whatever the card does."""
    record = pool.database.get("PIF", ref)
    pif_helpers.not_management(pool, ref)
    pif_helpers.not_in_bond(pool, ref)
    pif_helpers.no_vlans(pool, ref)
    pif_helpers.no_tunnels(pool, ref)
    pif_helpers.not_protected(pool, ref)
    if record.get("sriov_physical_PIF_of"):
        raise XapiError("PIF_SRIOV_STILL_EXISTS", ref)
    pif_helpers.no_clustering(pool, ref)
    metrics, is_managed = record["metrics"], record.get("managed", True)
    if is_managed:
        await nm.bring_down(pool, ref)
    if pool.database.find("PIF_metrics", metrics) is not None:
        pool.database.remove("PIF_metrics", metrics)
    pool.database.remove("PIF", ref)


async def introduce(pool: XapiState, host: str, mac: str, device: str, managed: bool = True) -> str:
    """PIF.introduce: a record for a card that is there. Answers the PIF."""
    cards = _cards(pool.hosts[host])
    mac = mac.lower() or (cards[device].mac if device in cards else "")
    if not addresses.is_mac(mac):
        raise XapiError("MAC_INVALID", mac)
    if device in _physical_devices(pool, host):
        raise XapiError("DUPLICATE_PIF_DEVICE_NAME", device)
    if device not in cards or cards[device].mac != mac:
        raise XapiError("COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS", device, mac)
    return _introduce(pool, host, cards[device], managed)


async def scan(pool: XapiState, host: str) -> None:
    """PIF.scan: records for all cards that have none; MAC and MTU of the others as they are."""
    cards = _cards(pool.hosts[host])
    refresh_all(pool.hosts[host])
    known = _physical_devices(pool, host)
    for device, card in cards.items():
        if device not in known:
            _introduce(pool, host, card, managed=True)
    mgmt_iface.update_flags(pool.hosts[host])


def refresh_all(host: HostState) -> None:
    """MAC and MTU of the cards and of all that is plugged, as dom0 has them; a bond's members have the MTU of its bridge."""
    pool, cards = host.pool, _cards(host)
    for ref in host.pifs():
        record = pool.database.get("PIF", ref)
        if not record["physical"] and not record["currently_attached"]:
            continue
        changes: Record = {}
        if record["physical"] and record["device"] in cards:
            changes["MAC"] = cards[record["device"]].mac
        if pif_helpers.is_slave(pool, record):
            above = pool.database.get("PIF", pool.database.get("Bond", record["bond_slave_of"])["master"])
        else:
            above = record
        bridge = host.dom0.bridges.get(nm.bridge_of(pool, above))
        if bridge is not None:
            changes["MTU"] = bridge.mtu
        pool.database.set("PIF", ref, **changes)


def _introduce(pool: XapiState, host: str, card: Nic, managed: bool) -> str:
    position = position_of_device(card)
    bridge = default_bridge(pool, card.device, position)
    if not managed and pool.schema.at_least("25.35"):
        bridge = ""  # recorded: v24.19 takes the usual bridge, v26.17 none
    metrics = pool.database.add("PIF_metrics", carrier=False, speed=0, duplex=False)
    fields = pif_helpers.known(
        pool,
        "PIF",
        {
            "device": card.device,
            "MAC": card.mac,
            "MTU": card.mtu,
            "VLAN": -1,
            "metrics": metrics,
            "physical": True,
            "currently_attached": False,
            "igmp_snooping_status": "unknown",
            "IPv6": [],
            "managed": managed,
            "properties": {"gro": "on"},
        },
    )
    network = _default_network(pool, card.device, bridge, position, managed)
    ref = pool.database.add("PIF", network=network, host=host, **fields)
    owner = pool.hosts[host]
    if managed and bridge == owner.management_bridge:
        pool.database.set("PIF", ref, management=True, currently_attached=True)
    owner.attached_changed(ref)
    return ref


def _default_network(pool: XapiState, device: str, bridge: str, position: int | None, managed: bool) -> str:
    """The one network with this bridge, or else a new one."""
    found = pool.database.where("network", bridge=bridge)
    if len(found) == 1:
        return found[0]
    more = pif_helpers.known(pool, "network", {"managed": managed})
    return pool.database.add("network", name_label=network_name(pool, device, position), bridge=bridge, MTU=1500, **more)


def network_name(pool: XapiState, device: str, position: int | None) -> str:
    """What xapi calls the network of a card: by device up to v25.34, by position since."""
    if pool.schema.at_least("25.35") and position is not None:
        return f"Pool-wide network {position}"
    return f"Pool-wide network associated with {device}"


def default_bridge(pool: XapiState, device: str, position: int | None) -> str:
    """xenbrN for ethN, and since v25.35 for the card at position N; else br and the device's name."""
    if device.startswith("eth"):
        return f"xenbr{device[3:]}"
    if pool.schema.at_least("25.35") and position is not None:
        return f"xenbr{position}"
    return f"br{device}"


def position_of_device(card: Nic) -> int | None:
    """The N of ethN, or where a card with another name stands."""
    match = re.fullmatch(r"eth(\d+)", card.device)
    return int(match.group(1)) if match else card.position


def _cards(host: HostState) -> dict[str, Nic]:
    return {device: nic for device, nic in host.dom0.nics.items() if nic.present}


def _physical_devices(pool: XapiState, host: str) -> set[str]:
    records = [pool.database.get("PIF", ref) for ref in pool.hosts[host].pifs()]
    return {record["device"] for record in records if record["physical"]}


async def start_of_day(host: HostState) -> None:
    """What a start of xapi does with the PIFs of its host: the records become true to dom0, then all that matter are plugged.

    One that cannot be is a line in the log. VLANs and tunnels without an IP are plugged when something needs them: after a boot they
    are not.
    """
    pool = host.pool
    for ref in host.pifs():
        attached = nm.bridge_of(pool, pool.database.get("PIF", ref)) in host.dom0.bridges
        pool.database.set("PIF", ref, currently_attached=attached)
    mgmt_iface.update_flags(host)
    refresh_all(host)
    for ref in host.pifs():
        record = pool.database.get("PIF", ref)
        if not record.get("managed", True) or record["bond_slave_of"] != NULL:
            continue
        if record["physical"] or record["bond_master_of"] or record["ip_configuration_mode"] != "None":
            try:
                await _plug_quickly(pool, ref)
            except XapiError as error:
                host.log(
                    "debug", "helpers",
                    f"Ignoring exception: {error} while error trying to bring up pif: {record['uuid']}",
                    "Best-effort bring up of physical and sriov NICs",
                )  # fmt: skip


async def _plug_quickly(pool: XapiState, ref: str) -> None:
    """As `plug`; what is up already takes no time."""
    record = pool.database.get("PIF", ref)
    bridge = pool.hosts[record["host"]].dom0.bridges.get(nm.bridge_of(pool, record))
    if record["currently_attached"] and bridge is not None and _is_up(pool, ref):
        return
    await plug(pool, ref)


def _is_up(pool: XapiState, ref: str) -> bool:
    """Dom0 has what the record says: its bridge, its address, all its cards."""
    config = nm.config_of(pool, ref)
    dom0 = pool.hosts[pool.database.get("PIF", ref)["host"]].dom0
    bridge = dom0.bridges.get(config.name)
    devices = config.bond.members if config.bond else (config.nic,) if config.nic else ()
    there = all(device in dom0.nics and dom0.nics[device].present for device in devices)
    return bridge is not None and there and (bridge.addresses, bridge.mtu) == (config.addresses, config.mtu)
