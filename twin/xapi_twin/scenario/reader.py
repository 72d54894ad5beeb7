# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a scenario: a pool in a short YAML file.

The file is read into the plain descriptions of ``description``, with every mistake named by its line, and from them
``records`` makes XAPI's records.

Repetition is written once: ``count: 64`` makes 64 hosts of one entry, ``eth{0..11}`` makes twelve NICs of one; in their
texts ``{n}`` stands for the number of the host (from 1) and ``{i}`` for that of the NIC, also as ``{n:02x}`` or ``{n+10}``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from xapi_twin.datamodel.releases import Formats, product_of
from xapi_twin.scenario.description import Address, BondOf, HostOf, NetworkOf, NicOf, PoolOf, StorageOf, TaskOf, TunnelOf, VlanOf, VmOf
from xapi_twin.scenario.model import RECORDED_RESTART_SECONDS, Scenario
from xapi_twin.scenario.options import faults_of, pace_of
from xapi_twin.scenario.records import records_of
from xapi_twin.scenario.yaml_lines import Place

_TOP = (
    "pool", "xapi", "backend", "user", "password", "restart_seconds", "formats", "bridge_counter", "uuid", "hosts", "networks",
    "vms", "storage", "tasks", "ha", "cluster", "faults", "other_config", "about", "hold_states", "link_seconds",
)  # fmt: skip
_HOST = ("name", "count", "uuid", "master", "enabled", "nics", "bonds", "vlans", "tunnels", "other_config", "hostname")
_ADDRESS = ("ip", "netmask", "gateway", "dns", "dhcp")
_NIC = (
    *_ADDRESS, "mac", "uuid", "management", "carrier", "speed", "duplex", "present", "pci", "position", "mtu", "managed", "attached",
    "disallow_unplug", "purpose", "other_config", "ipv6", "properties", "network",
)  # fmt: skip
_MODES = ("active-backup", "balance-slb", "lacp")
_PATTERN = re.compile(r"\{(n|i)([+-]\d+)?(?::(0?\d*[dxX]))?\}")
_RANGE = re.compile(r"(.*)\{(\d+)\.\.(\d+)\}")
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def scenario(place: Place, **changes: Any) -> Scenario:
    """The pool that a file describes; `changes` replace what it says. Raises ScenarioError, naming the line."""
    top = place.mapping("the scenario", _TOP)
    xapi = str(changes.pop("xapi", "") or (top["xapi"].text("xapi") if "xapi" in top else "24.19.2"))
    at = top.get("xapi", place)
    try:
        product = product_of(xapi)
    except ValueError as error:
        raise at.error(str(error)) from None
    pool = _pool(place, top, xapi)
    records, dom0 = records_of(pool)
    options: dict[str, Any] = {
        "password": top["password"].text("password") if "password" in top else "twin",
        "user": top["user"].text("user") if "user" in top else "root",
        "restart_seconds": top["restart_seconds"].number("restart_seconds", 0) if "restart_seconds" in top else RECORDED_RESTART_SECONDS,
        "formats": _formats(top.get("formats"), product.formats),
        "faults": faults_of(top.get("faults"), {host.name for host in pool.hosts}),
        "bridge_counter": top["bridge_counter"].whole("bridge_counter", 0) if "bridge_counter" in top else 0,
        **pace_of(top),
    }
    made = Scenario(
        pool=pool.name, xapi=xapi, backend=pool.backend, records=records, dom0=dom0, ha_fences=pool.ha_fences, source=place.file, **options
    )
    return made.with_options(**{name: value for name, value in changes.items() if value is not None})


def _pool(place: Place, top: Mapping[str, Place], xapi: str) -> PoolOf:
    for needed in ("pool", "hosts"):
        if needed not in top:
            raise place.error(f"the scenario has no '{needed}'")
    name = top["pool"].text("pool")
    backend = top["backend"].choice("backend", ("openvswitch", "bridge")) if "backend" in top else "openvswitch"
    networks = tuple(_network(item) for item in top["networks"].items("networks")) if "networks" in top else ()
    hosts = _hosts(top["hosts"])
    known = {host.name for host in hosts}
    _check_addresses(hosts)
    fences, enabled = False, False
    if "ha" in top:
        if top["ha"].is_mapping:
            ha = top["ha"].mapping("ha", ("enabled", "fences"))
            enabled = ha["enabled"].truth("ha enabled") if "enabled" in ha else True
            fences = ha["fences"].truth("ha fences") if "fences" in ha else False
        else:
            enabled = top["ha"].truth("ha")
    cluster = top["cluster"].mapping("cluster", ("nic",)) if "cluster" in top else {}
    return PoolOf(
        name=name,
        xapi=xapi,
        backend=backend,
        hosts=hosts,
        networks=networks,
        uuid=_uuid(top.get("uuid")),
        other_config=top["other_config"].text_map("other_config") if "other_config" in top else {},
        vms=tuple(_vm(item, known) for item in top["vms"].items("vms")) if "vms" in top else (),
        storage=tuple(_storage(item, known) for item in top["storage"].items("storage")) if "storage" in top else (),
        tasks=tuple(_task(item, known) for item in top["tasks"].items("tasks")) if "tasks" in top else (),
        ha_enabled=enabled,
        ha_fences=fences,
        cluster_nic=_cluster_nic(cluster.get("nic"), hosts),
        place=place,
    )


# hosts


def _hosts(place: Place) -> tuple[HostOf, ...]:
    hosts: list[HostOf] = []
    names: dict[str, int] = {}
    for item in place.items("hosts"):
        keys = item.mapping("a host", _HOST)
        if "name" not in keys:
            raise item.error("a host needs a 'name'")
        for _unused in range(keys["count"].whole("count", 1) if "count" in keys else 1):
            host = _host(item, keys, len(hosts) + 1)
            if host.name in names:
                raise keys["name"].error(f"host '{host.name}' is here twice, first in line {names[host.name]}")
            names[host.name] = keys["name"].line
            hosts.append(host)
    if not hosts:
        raise place.error("a pool needs at least one host")
    masters = [host for host in hosts if host.master]
    if len(masters) > 1:
        raise place.error(f"a pool has one master, but these say they are: {', '.join(host.name for host in masters)}")
    return tuple(hosts)


def _host(item: Place, keys: Mapping[str, Place], n: int) -> HostOf:
    name = _fill(keys["name"], "name", n=n)
    if "nics" not in keys:
        raise item.error(f"host '{name}' has no 'nics'")
    nics: dict[str, NicOf] = {}
    for key, key_place, value in keys["nics"].pairs(f"nics of {name}"):
        for device, i in _devices(key, key_place, len(nics)):
            if device in nics:
                raise key_place.error(f"{name}: NIC '{device}' is here twice")
            nics[device] = _nic(device, key_place, value, name, n, i)
    positions: dict[int, str] = {}
    for nic in nics.values():
        if nic.position in positions:
            raise nic.place.error(f"{name}: {nic.device} and {positions[nic.position]} have the same position {nic.position}")
        positions[nic.position] = nic.device
    managements = [nic.device for nic in nics.values() if nic.management]
    if len(managements) != 1:
        found = " and ".join(managements) or "none"
        raise keys["nics"].error(f"{name}: one NIC must be 'management: true', found {found}")
    return HostOf(
        name=name,
        hostname=_fill(keys["hostname"], "hostname", n=n) if "hostname" in keys else name,
        uuid=_uuid(keys.get("uuid")),
        master=keys["master"].truth("master") if "master" in keys else False,
        enabled=keys["enabled"].truth("enabled") if "enabled" in keys else True,
        other_config=keys["other_config"].text_map("other_config") if "other_config" in keys else {},
        nics=tuple(nics.values()),
        bonds=tuple(_bond(bond, name, nics, n) for bond in keys["bonds"].items("bonds")) if "bonds" in keys else (),
        vlans=tuple(_vlan(vlan, name, nics, n) for vlan in keys["vlans"].items("vlans")) if "vlans" in keys else (),
        tunnels=tuple(_tunnel(item, name, nics) for item in keys["tunnels"].items("tunnels")) if "tunnels" in keys else (),
        place=item,
    )


def _devices(key: str, place: Place, already: int) -> list[tuple[str, int]]:
    """(device, number) for "eth0", or for each NIC of "eth{0..11}"."""
    match = _RANGE.fullmatch(key)
    if match is None:
        return [(key, already)]
    first, last = int(match.group(2)), int(match.group(3))
    if last < first:
        raise place.error(f"'{key}' counts backwards")
    return [(f"{match.group(1)}{i}", i) for i in range(first, last + 1)]


def _nic(device: str, key_place: Place, place: Place, host: str, n: int, i: int) -> NicOf:
    what = f"{host} {device}"
    keys = place.mapping(f"NIC {what}", _NIC)
    digits = re.search(r"(\d+)$", device)
    by_name = int(digits.group(1)) if digits and device.startswith("eth") else i
    position = keys["position"].whole("position", 0) if "position" in keys else by_name
    mac = _fill(keys["mac"], f"mac of {what}", n=n, i=i) if "mac" in keys else f"52:54:{n // 256:02x}:{n % 256:02x}:00:{i:02x}"
    if not _MAC.fullmatch(mac):
        raise keys["mac"].error(f"{what}: '{mac}' is not a MAC address, such as 00:1F:29:C4:9F:5C")
    return NicOf(
        device=device,
        position=position,
        mac=mac.lower(),
        uuid=_uuid(keys.get("uuid")),
        address=_address(place, keys, what, n, i),
        management=keys["management"].truth("management") if "management" in keys else False,
        carrier=keys["carrier"].truth("carrier") if "carrier" in keys else True,
        speed=keys["speed"].whole("speed", 0) if "speed" in keys else 10000,
        duplex=keys["duplex"].truth("duplex") if "duplex" in keys else True,
        present=keys["present"].truth("present") if "present" in keys else True,
        managed=keys["managed"].truth("managed") if "managed" in keys else True,
        attached=keys["attached"].truth("attached") if "attached" in keys else True,
        pci=keys["pci"].text("pci") if "pci" in keys else f"0000:{position + 1:02x}:00.0",
        mtu=keys["mtu"].whole("mtu", 68) if "mtu" in keys else None,
        disallow_unplug=keys["disallow_unplug"].truth("disallow_unplug") if "disallow_unplug" in keys else False,
        other_config=_nic_other_config(keys),
        ipv6=keys["ipv6"].texts("ipv6") if "ipv6" in keys else (),
        properties=keys["properties"].text_map("properties") if "properties" in keys else None,
        network=keys["network"].text("network") if "network" in keys else "",
        place=key_place,
    )


def _nic_other_config(keys: Mapping[str, Place]) -> dict[str, str]:
    other_config = keys["other_config"].text_map("other_config") if "other_config" in keys else {}
    if "purpose" in keys:
        other_config["management_purpose"] = keys["purpose"].text("purpose")
    return other_config


def _bond(place: Place, host: str, nics: Mapping[str, NicOf], n: int) -> BondOf:
    what = f"a bond of {host}"
    keys = place.mapping(what, (*_ADDRESS, "device", "nics", "network", "mode", "properties", "mac", "uuid", "pif_uuid", "attached"))
    for needed in ("nics", "network"):
        if needed not in keys:
            raise place.error(f"{what} needs '{needed}'")
    members = keys["nics"].texts("nics")
    for device in members:
        if device not in nics:
            raise keys["nics"].error(f"{what}: {host} has no NIC '{device}'; it has {', '.join(nics)}")
    if len(set(members)) != len(members) or not members:
        raise keys["nics"].error(f"{what}: its NICs must be different and at least one, not {', '.join(members) or 'none'}")
    return BondOf(
        device=keys["device"].text("device") if "device" in keys else "",
        nics=members,
        network=keys["network"].text("network"),
        mode=keys["mode"].choice("mode", _MODES) if "mode" in keys else "balance-slb",
        properties=keys["properties"].text_map("properties") if "properties" in keys else None,
        mac=keys["mac"].text("mac").lower() if "mac" in keys else "",
        uuid=_uuid(keys.get("uuid")),
        pif_uuid=_uuid(keys.get("pif_uuid")),
        attached=keys["attached"].truth("attached") if "attached" in keys else True,
        address=_address(place, keys, what, n, 0),
        place=place,
    )


def _vlan(place: Place, host: str, nics: Mapping[str, NicOf], n: int) -> VlanOf:
    what = f"a VLAN of {host}"
    keys = place.mapping(what, (*_ADDRESS, "nic", "tag", "network", "attached"))
    for needed in ("nic", "tag", "network"):
        if needed not in keys:
            raise place.error(f"{what} needs '{needed}'")
    tag = keys["tag"].whole("tag", 0)
    if tag > 4094:
        raise keys["tag"].error(f"{what}: the tag must be 0 to 4094, not {tag}")
    return VlanOf(
        nic=_device(keys["nic"], host, nics),
        tag=tag,
        network=keys["network"].text("network"),
        attached=keys["attached"].truth("attached") if "attached" in keys else True,
        address=_address(place, keys, what, n, 0),
        place=place,
    )


def _tunnel(place: Place, host: str, nics: Mapping[str, NicOf]) -> TunnelOf:
    keys = place.mapping(f"a tunnel of {host}", ("nic", "network", "protocol"))
    for needed in ("nic", "network"):
        if needed not in keys:
            raise place.error(f"a tunnel of {host} needs '{needed}'")
    return TunnelOf(
        nic=_device(keys["nic"], host, nics),
        network=keys["network"].text("network"),
        protocol=keys["protocol"].choice("protocol", ("gre", "vxlan")) if "protocol" in keys else "gre",
        place=place,
    )


def _device(place: Place, host: str, nics: Mapping[str, NicOf]) -> str:
    device = place.text("nic")
    if device not in nics:
        raise place.error(f"{host} has no NIC '{device}'; it has {', '.join(nics)}")
    return device


# addresses


def _address(place: Place, keys: Mapping[str, Place], what: str, n: int, i: int) -> Address:
    if "ip" not in keys:
        stray = [key for key in ("netmask", "gateway") if key in keys]
        if stray:
            raise keys[stray[0]].error(f"{what} has a {stray[0]} but no 'ip'")
        return Address(mode="DHCP" if "dhcp" in keys and keys["dhcp"].truth("dhcp") else "None")
    at = keys["ip"]
    text = _fill(at, f"ip of {what}", n=n, i=i)
    if "netmask" in keys:
        if "/" in text:
            raise keys["netmask"].error(f"{what}: '{text}' has its prefix already, drop 'netmask'")
        text = f"{text}/{keys['netmask'].text('netmask')}"
    if "/" not in text:
        raise at.error(f"{what}: '{text}' needs its prefix (such as /24) or a 'netmask'")
    try:
        interface = ipaddress.IPv4Interface(text)
    except ValueError as error:
        raise at.error(f"{what}: '{text}' is not an IPv4 address with a netmask: {error}") from None
    network = interface.network
    if network.prefixlen < 31 and interface.ip in (network.network_address, network.broadcast_address):
        raise at.error(f"{what}: {interface.ip} is outside its netmask {interface.netmask}: hosts there are between {network}'s ends")
    gateway = ""
    if "gateway" in keys:
        gateway = _fill(keys["gateway"], f"gateway of {what}", n=n, i=i)
        try:
            inside = ipaddress.IPv4Address(gateway) in network
        except ValueError:
            raise keys["gateway"].error(f"{what}: gateway '{gateway}' is not an IPv4 address") from None
        if not inside:
            raise keys["gateway"].error(
                f"{what}: gateway {gateway} is outside {network}, the network of {interface.ip}/{interface.netmask}"
            )
    return Address(
        mode="DHCP" if "dhcp" in keys and keys["dhcp"].truth("dhcp") else "Static",
        ip=str(interface.ip),
        netmask=str(interface.netmask),
        gateway=gateway,
        dns=keys["dns"].text("dns") if "dns" in keys else "",
    )


def _check_addresses(hosts: tuple[HostOf, ...]) -> None:
    """No MAC and no IP may be there twice in the pool."""
    macs: dict[str, str] = {}
    ips: dict[str, str] = {}
    for host in hosts:
        for nic in host.nics:
            here = f"{host.name} {nic.device}"
            if nic.mac in macs:
                raise nic.place.error(f"{here} has the MAC {nic.mac} of {macs[nic.mac]}")
            macs[nic.mac] = here
        holders = [(nic.device, nic.address, nic.place) for nic in host.nics]
        holders += [("a bond", bond.address, bond.place) for bond in host.bonds]
        for what, address, at in holders:
            here = f"{host.name} {what}"
            if address.ip in ips:
                raise at.error(f"{here} has the IP {address.ip} of {ips[address.ip]}")
            if address.ip:
                ips[address.ip] = here


# the rest of the pool


def _network(place: Place) -> NetworkOf:
    keys = place.mapping("a network", ("name", "uuid", "bridge", "mtu", "description", "other_config", "tags", "purpose", "managed"))
    if "name" not in keys:
        raise place.error("a network needs a 'name'")
    return NetworkOf(
        name=keys["name"].text("name"),
        uuid=_uuid(keys.get("uuid")),
        bridge=keys["bridge"].text("bridge") if "bridge" in keys else "",
        mtu=keys["mtu"].whole("mtu", 68) if "mtu" in keys else 1500,
        description=keys["description"].text("description") if "description" in keys else "",
        other_config=keys["other_config"].text_map("other_config") if "other_config" in keys else {},
        tags=keys["tags"].texts("tags") if "tags" in keys else (),
        purpose=keys["purpose"].texts("purpose") if "purpose" in keys else (),
        managed=keys["managed"].truth("managed") if "managed" in keys else True,
        place=place,
    )


def _vm(place: Place, hosts: set[str]) -> VmOf:
    keys = place.mapping("a VM", ("name", "uuid", "host", "state", "networks", "template"))
    if "name" not in keys:
        raise place.error("a VM needs a 'name'")
    state = keys["state"].choice("state", ("running", "halted", "suspended", "paused")) if "state" in keys else "halted"
    host = _known_host(keys.get("host"), hosts)
    if state in ("running", "paused") and not host:
        raise place.error(f"VM '{keys['name'].text('name')}' is {state}: say on which 'host'")
    return VmOf(
        name=keys["name"].text("name"),
        uuid=_uuid(keys.get("uuid")),
        host=host,
        state=state,
        networks=keys["networks"].texts("networks") if "networks" in keys else (),
        template=keys["template"].truth("template") if "template" in keys else False,
        place=place,
    )


def _storage(place: Place, hosts: set[str]) -> StorageOf:
    keys = place.mapping("a storage", ("name", "uuid", "type", "config", "hosts", "attached", "shared", "default", "content"))
    for needed in ("name", "type"):
        if needed not in keys:
            raise place.error(f"a storage needs '{needed}'")
    named = keys["hosts"].items("hosts") if "hosts" in keys else []
    return StorageOf(
        name=keys["name"].text("name"),
        uuid=_uuid(keys.get("uuid")),
        type=keys["type"].text("type"),
        config=keys["config"].text_map("config") if "config" in keys else {},
        hosts=tuple(_known_host(item, hosts) for item in named),
        attached=keys["attached"].truth("attached") if "attached" in keys else True,
        shared=keys["shared"].truth("shared") if "shared" in keys else True,
        default=keys["default"].truth("default") if "default" in keys else False,
        content=keys["content"].text("content") if "content" in keys else "user",
        place=place,
    )


def _task(place: Place, hosts: set[str]) -> TaskOf:
    keys = place.mapping("a task", ("name", "host", "progress"))
    if "name" not in keys:
        raise place.error("a task needs a 'name'")
    return TaskOf(
        name=keys["name"].text("name"),
        host=_known_host(keys.get("host"), hosts),
        progress=keys["progress"].number("progress", 0) if "progress" in keys else 0.0,
        place=place,
    )


def _known_host(place: Place | None, hosts: set[str]) -> str:
    if place is None:
        return ""
    name = place.text("host")
    if name not in hosts:
        raise place.error(f"there is no host '{name}'; there are {', '.join(sorted(hosts))}")
    return name


def _cluster_nic(place: Place | None, hosts: tuple[HostOf, ...]) -> str:
    if place is None:
        return ""
    for host in hosts:
        _device(place, host.name, {nic.device: nic for nic in host.nics})
    return place.text("nic")


def _formats(place: Place | None, default: Formats) -> Formats:
    if place is None:
        return default
    keys = place.mapping("formats", ("ifconfig", "ovs"))
    return Formats(
        ifconfig=keys["ifconfig"].choice("ifconfig", ("old", "new")) if "ifconfig" in keys else default.ifconfig,
        ovs=keys["ovs"].text("ovs") if "ovs" in keys else default.ovs,
    )


# texts


def _uuid(place: Place | None) -> str:
    if place is None:
        return ""
    text = place.text("uuid")
    if not _UUID.fullmatch(text):
        raise place.error(f"'{text}' is not a uuid")
    return text


def _fill(place: Place, what: str, **numbers: int) -> str:
    """A text with {n} and {i} filled in."""

    def number(match: re.Match[str]) -> str:
        if match.group(1) not in numbers:
            raise place.error(f"{what}: '{{{match.group(1)}}}' means nothing here")
        return format(numbers[match.group(1)] + int(match.group(2) or 0), match.group(3) or "d")

    text = _PATTERN.sub(number, place.text(what))
    if "{" in text:
        raise place.error(f"{what}: '{text}' has a pattern other than {{n}}, {{i}}, {{n+1}} or {{n:02x}}")
    return text
