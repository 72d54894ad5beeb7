# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands on networks, PIFs, bonds, VLANs, tunnels and VIFs: what they need, take and print is xe's.

From xen-api: cli_frontend.ml, cli_operations.ml.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.xe.request import Command, Refusal, Request, on_object


async def _network_create(request: Request) -> None:
    record: dict[str, Any] = {
        "name_label": request.get("name-label"),
        "name_description": request.get("name-description"),
        "other_config": {},
        "tags": [],
        "MTU": request.number("MTU", 1500),
    }
    if "bridge" in request.schema.fields("network"):
        record.update(bridge=request.get("bridge"), managed=request.flag("managed", True))
    request.say_uuid("network", await request.ask("network.create", record))


async def _bond_create(request: Request) -> None:
    network = request.ref("network", "network-uuid")
    members = [request.database.by_uuid("PIF", uuid) for uuid in request.get("pif-uuids").split(",")]
    arguments: list[Any] = [network, members, request.get("mac")]
    parameters = _parameters(request, "Bond", "create")
    if parameters >= 4:
        arguments.append(_mode(request.get("mode")))
    if parameters >= 5:
        arguments.append(request.map("properties"))
    request.say_uuid("Bond", await request.ask("Bond.create", *arguments))


def _parameters(request: Request, cls: str, message: str) -> int:
    """How many parameters a message has in this version."""
    return len(request.schema.classes[cls].messages[message].parameters)


def _mode(text: str) -> str:
    mode = text.lower() or "balance-slb"
    if mode not in ("balance-slb", "active-backup", "lacp"):
        raise Refusal("Invalid bond mode. Got " + mode)
    return mode


async def _bond_set_mode(request: Request) -> None:
    await request.ask("Bond.set_mode", request.ref("Bond"), _mode(request.get("mode")))


def _either_case(request: Request, name: str) -> str:
    """The parameter, in capitals or not."""
    return {key.lower(): value for key, value in request.parameters.items()}.get(name.lower(), "")


async def _pif_reconfigure_ip(request: Request) -> None:
    modes = {"none": "None", "dhcp": "DHCP", "static": "Static"}
    pif, mode = request.ref("PIF"), _among(request, modes)
    values = (_either_case(request, "IP"), request.get("netmask"), request.get("gateway"), _either_case(request, "DNS"))
    await request.ask("PIF.reconfigure_ip", pif, mode, *values)


async def _pif_reconfigure_ipv6(request: Request) -> None:
    modes = {"none": "None", "dhcp": "DHCP", "static": "Static", "autoconf": "Autoconf"}
    pif, mode = request.ref("PIF"), _among(request, modes)
    values = (_either_case(request, "IPv6"), request.get("gateway"), _either_case(request, "DNS"))
    await request.ask("PIF.reconfigure_ipv6", pif, mode, *values)


def _among(request: Request, modes: Mapping[str, str]) -> str:
    mode = request.get("mode").lower()
    if mode not in modes:
        raise Refusal(f"Failed to parse parameter 'mode': expecting one of {', '.join(modes)}")
    return modes[mode]


async def _pif_set_primary_address_type(request: Request) -> None:
    kinds = {"ipv4": "IPv4", "ipv6": "IPv6"}
    kind = request.get("primary_address_type").lower()
    if kind not in kinds:
        raise Refusal("Failed to parse parameter 'primary_address_type': expecting one of ipv4, ipv6")
    await request.ask("PIF.set_primary_address_type", request.ref("PIF"), kinds[kind])


async def _pif_scan(request: Request) -> None:
    await request.ask("PIF.scan", request.ref("host", "host-uuid"))


async def _pif_introduce(request: Request) -> None:
    arguments: list[Any] = [request.ref("host", "host-uuid"), request.get("mac"), request.get("device")]
    if _parameters(request, "PIF", "introduce") >= 4:
        arguments.append(request.flag("managed", True))
    request.say_uuid("PIF", await request.ask("PIF.introduce", *arguments))


async def _vlan_create(request: Request) -> None:
    pif, network = request.ref("PIF", "pif-uuid"), request.ref("network", "network-uuid")
    vlan = await request.ask("VLAN.create", pif, request.number("vlan", -1), network)
    request.say_uuid("PIF", request.database.get("VLAN", vlan)["untagged_PIF"])


async def _pool_vlan_create(request: Request) -> None:
    network, pif = request.ref("network", "network-uuid"), request.ref("PIF", "pif-uuid")
    request.say_uuid("PIF", *await request.ask("pool.create_VLAN_from_PIF", pif, network, request.number("vlan", -1)))


async def _vlan_destroy(request: Request) -> None:
    """By the VLAN's uuid or, as it once was, by that of its PIF."""
    try:
        vlan = request.ref("VLAN")
    except XapiError as error:
        try:
            vlan = request.database.get("PIF", request.ref("PIF"))["VLAN_master_of"]
        except XapiError:
            raise error from None
    await request.ask("VLAN.destroy", vlan)


async def _tunnel_create(request: Request) -> None:
    arguments: list[Any] = [request.ref("PIF", "pif-uuid"), request.ref("network", "network-uuid")]
    if _parameters(request, "tunnel", "create") >= 3:
        arguments.append(request.get("protocol", "gre"))
    request.say_uuid("tunnel", await request.ask("tunnel.create", *arguments))


async def _vif_create(request: Request) -> None:
    vm, network = request.ref("VM", "vm-uuid"), request.ref("network", "network-uuid")
    mac = request.get("mac")
    if mac == "random":  # of an address that says that it is made up
        mac = ":".join(f"{octet:02x}" for octet in (random.randrange(256) & 0xFE | 2, *random.randbytes(5)))
    record = {
        "device": request.get("device"),
        "network": network,
        "VM": vm,
        "MAC": mac,
        "MTU": request.database.get("network", network)["MTU"],
        "other_config": {},
        "qos_algorithm_type": "",
        "qos_algorithm_params": {},
    }
    request.say_uuid("VIF", await request.ask("VIF.create", record))


async def _vif_unplug(request: Request) -> None:
    await request.ask("VIF.unplug_force" if request.flag("force") else "VIF.unplug", request.ref("VIF"))


async def _vif_move(request: Request) -> None:
    await request.ask("VIF.move", request.ref("VIF"), request.ref("network", "network-uuid"))


_VLAN = ("pif-uuid", "vlan", "network-uuid")

COMMANDS: Mapping[str, Command] = {
    "network-create": Command(_network_create, ("name-label",), ("name-description", "MTU", "bridge", "managed"), "Makes a network."),
    "network-destroy": on_object("network", "destroy", "Destroys a network."),
    "bond-create": Command(_bond_create, ("network-uuid", "pif-uuids"), ("mac", "mode", "properties:"), "Bonds PIFs of a host."),
    "bond-destroy": on_object("Bond", "destroy", "Destroys a bond."),
    "bond-set-mode": Command(_bond_set_mode, ("uuid", "mode"), about="Changes the mode of a bond."),
    "pif-reconfigure-ip": Command(
        _pif_reconfigure_ip, ("uuid", "mode"), ("IP", "netmask", "gateway", "DNS"), "Gives a PIF an address, or takes it away."
    ),
    "pif-reconfigure-ipv6": Command(
        _pif_reconfigure_ipv6, ("uuid", "mode"), ("IPv6", "gateway", "DNS"), "Gives a PIF an IPv6 address, or takes it away."
    ),
    "pif-set-primary-address-type": Command(
        _pif_set_primary_address_type, ("uuid", "primary_address_type"), about="Says which of its addresses a PIF is known by."
    ),
    "pif-plug": on_object("PIF", "plug", "Brings a PIF up."),
    "pif-unplug": on_object("PIF", "unplug", "Takes a PIF down."),
    "pif-forget": on_object("PIF", "forget", "Forgets a physical PIF."),
    "pif-scan": Command(_pif_scan, ("host-uuid",), about="Looks for new NICs of a host."),
    "pif-introduce": Command(_pif_introduce, ("host-uuid", "device"), ("mac", "managed"), "Makes a PIF for a NIC of a host."),
    "vlan-create": Command(_vlan_create, _VLAN, about="Makes a VLAN on one host."),
    "pool-vlan-create": Command(_pool_vlan_create, _VLAN, about="Makes a VLAN on every host."),
    "vlan-destroy": Command(_vlan_destroy, ("uuid",), about="Destroys a VLAN."),
    "tunnel-create": Command(_tunnel_create, ("pif-uuid", "network-uuid"), ("protocol",), "Makes a tunnel on one host."),
    "tunnel-destroy": on_object("tunnel", "destroy", "Destroys a tunnel."),
    "vif-create": Command(_vif_create, ("device", "network-uuid", "vm-uuid"), ("mac",), "Makes a VIF."),
    "vif-destroy": on_object("VIF", "destroy", "Destroys a VIF."),
    "vif-plug": on_object("VIF", "plug", "Plugs a VIF into its running VM."),
    "vif-unplug": Command(_vif_unplug, ("uuid",), ("force",), "Unplugs a VIF from its running VM."),
    "vif-move": Command(_vif_move, ("uuid", "network-uuid"), about="Moves a VIF to another network."),
}
