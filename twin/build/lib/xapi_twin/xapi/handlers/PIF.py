# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PIF: carried out at the host that owns the PIF; the calls on records alone at the master."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.xapi.context import Context, Handler
from xapi_twin.xapi.forwarding import at_host
from xapi_twin.xapi.network import nm, pif, pif_helpers, vlan


def _host(context: Context, ref: str) -> str:
    host: str = context.database.get("PIF", ref)["host"]
    return host


async def reconfigure_ip(context: Context, self: str, mode: str, ip: str, netmask: str, gateway: str, dns: str) -> None:
    host = _host(context, self)
    await at_host(context, host, lambda: pif.reconfigure_ip(context.pool, self, mode, ip, netmask, gateway, dns), _ended(context))


async def reconfigure_ipv6(context: Context, self: str, mode: str, ipv6: str, gateway: str, dns: str) -> None:
    host = _host(context, self)
    await at_host(context, host, lambda: pif.reconfigure_ipv6(context.pool, self, mode, ipv6, gateway, dns), _ended(context))


def _ended(context: Context) -> Callable[[], None]:
    """The master goes by the task (message_forwarding.ml); the member's start-up has ended it without a result."""
    return lambda: None


async def plug(context: Context, self: str) -> None:
    await at_host(context, _host(context, self), lambda: pif.plug(context.pool, self))


async def unplug(context: Context, self: str) -> None:
    await at_host(context, _host(context, self), lambda: pif.unplug(context.pool, self))


async def forget(context: Context, self: str) -> None:
    await at_host(context, _host(context, self), lambda: pif.forget(context.pool, self))


async def introduce(context: Context, host: str, mac: str, device: str, managed: bool = True) -> str:
    return await at_host(context, host, lambda: pif.introduce(context.pool, host, mac, device, managed))


async def scan(context: Context, host: str) -> None:
    await at_host(context, host, lambda: pif.scan(context.pool, host))


async def db_introduce(context: Context, device: str, network: str, host: str, *more: Any) -> str:
    """A record and nothing else; the remaining arguments in XAPI's order."""
    names = (
        "MAC", "MTU", "VLAN", "physical", "ip_configuration_mode", "IP", "netmask", "gateway", "DNS", "bond_slave_of",
        "VLAN_master_of", "management", "other_config", "disallow_unplug", "ipv6_configuration_mode", "IPv6", "ipv6_gateway",
        "primary_address_type", "managed", "properties",
    )  # fmt: skip
    given = dict(zip(names, more, strict=False))
    given.pop("bond_slave_of", None)  # xapi ignores it
    metrics = context.database.add("PIF_metrics", carrier=False, speed=0, duplex=False)
    fields = pif_helpers.known(context.pool, "PIF", {**given, "device": device, "metrics": metrics, "currently_attached": False})
    return context.database.add("PIF", network=network, host=host, **fields)


async def db_forget(context: Context, self: str) -> None:
    context.database.remove("PIF", self)


async def set_disallow_unplug(context: Context, self: str, value: bool) -> None:
    record = context.database.get("PIF", self)
    if record["disallow_unplug"] != value:
        if not value:
            pif_helpers.no_clustering(context.pool, self)
        context.database.set("PIF", self, disallow_unplug=value)


async def set_primary_address_type(context: Context, self: str, value: str) -> None:
    pif_helpers.not_protected(context.pool, self)
    if context.database.get("PIF", self)["management"]:
        raise XapiError("PIF_IS_MANAGEMENT_INTERFACE", self)
    context.database.set("PIF", self, primary_address_type=value)


async def set_property(context: Context, self: str, name: str, value: str) -> None:
    """Only gro can be set, on bonds and on cards that are in none; a bond's members follow."""
    record = context.database.get("PIF", self)
    if name != "gro" or value not in ("on", "off"):
        raise XapiError("INVALID_VALUE", "properties", f"{name} = {value}")
    if pif_helpers.is_slave(context.pool, record) or not (record["physical"] or record["bond_master_of"]):
        raise XapiError("CANNOT_CHANGE_PIF_PROPERTIES", self)
    changed = [self]
    for bond in record["bond_master_of"]:
        changed.extend(context.database.get("Bond", bond)["slaves"])
    for ref in changed:
        context.database.set("PIF", ref, properties={**context.database.get("PIF", ref)["properties"], name: value})
    if record["currently_attached"]:
        await at_host(context, record["host"], lambda: nm.bring_up(context.pool, self))


async def create_vlan(context: Context, device: str, network: str, host: str, tag: int) -> str:
    """PIF.create_VLAN (old): VLAN.create on the PIF of that device. Answers the VLAN's PIF."""
    base = [
        ref
        for ref in context.database.get("host", host)["PIFs"]
        if context.database.get("PIF", ref)["device"] == device and context.database.get("PIF", ref)["VLAN"] == -1
    ]
    if not base:
        raise XapiError("INVALID_VALUE", "device", device)
    ref = await at_host(context, host, lambda: vlan.create(context.pool, base[0], tag, network))
    untagged: str = context.database.get("VLAN", ref)["untagged_PIF"]
    return untagged


async def destroy(context: Context, self: str) -> None:
    """PIF.destroy (old): VLAN.destroy by the VLAN's PIF."""
    record = context.database.get("PIF", self)
    if record["VLAN"] < 0:
        raise XapiError("PIF_IS_PHYSICAL")
    await at_host(context, record["host"], lambda: vlan.destroy(context.pool, record["VLAN_master_of"]))


CALLS: dict[str, Handler] = {
    "reconfigure_ip": reconfigure_ip,
    "reconfigure_ipv6": reconfigure_ipv6,
    "plug": plug,
    "unplug": unplug,
    "forget": forget,
    "introduce": introduce,
    "scan": scan,
    "db_introduce": db_introduce,
    "db_forget": db_forget,
    "set_disallow_unplug": set_disallow_unplug,
    "set_primary_address_type": set_primary_address_type,
    "set_property": set_property,
    "create_VLAN": create_vlan,
    "destroy": destroy,
}
