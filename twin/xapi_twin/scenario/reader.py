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
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from xapi_twin.datamodel.releases import Formats, product_of
from xapi_twin.dom0.model import SwitchPort
from xapi_twin.scenario.alone import as_pool
from xapi_twin.scenario.description import Address, BondOf, HostOf, NetworkOf, NicOf, PoolOf, StorageOf, TaskOf, TunnelOf, VlanOf, VmOf
from xapi_twin.scenario.fields import described, readers, stated
from xapi_twin.scenario.model import Scenario
from xapi_twin.scenario.options import Options, faults_of
from xapi_twin.scenario.records import records_of
from xapi_twin.scenario.yaml_lines import Place

T = TypeVar("T")

_TOP = (
    "pool", "xapi", "backend", "user", "password", "restart_seconds", "formats", "bridge_counter", "uuid", "hosts", "networks",
    "vms", "storage", "tasks", "ha", "cluster", "faults", "other_config", "about", "hold_states", "link_seconds",
    "spares",
)  # fmt: skip
_ADDRESS = ("ip", "netmask", "gateway", "dns", "dhcp")
_PATTERN = re.compile(r"\{(n|i)([+-]\d+)?(?::(0?\d*[dxX]))?\}")
_RANGE = re.compile(r"(.*)\{(\d+)\.\.(\d+)\}")
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")


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
    made = Scenario(
        pool=pool.name,
        xapi=xapi,
        records=records,
        dom0=dom0,
        ha_fences=pool.ha_fences,
        formats=_formats(top.get("formats"), product.formats),
        faults=faults_of(top.get("faults"), {host.name for host in pool.hosts}),
        source=place.file,
        **stated(Options, top),
    )
    made = made.with_options(**{name: value for name, value in changes.items() if value is not None})
    if "spares" not in top:
        return made
    return made.with_options(spares=tuple(_spare(made, pool, host) for host in _hosts(top["spares"], len(pool.hosts), pool.hosts)))


def _spare(made: Scenario, pool: PoolOf, host: HostOf) -> Scenario:
    """A host that is in no pool, with the options of the pool that it may join."""
    records, dom0 = records_of(as_pool(pool, host))
    (record,) = records["pool"].values()
    record["name_label"] = ""
    return made.with_options(pool="", records=records, dom0=dom0, faults=(), spares=())


def _pool(place: Place, top: Mapping[str, Place], xapi: str) -> PoolOf:
    for needed in ("pool", "hosts"):
        if needed not in top:
            raise place.error(f"the scenario has no '{needed}'")
    hosts = _hosts(top["hosts"])
    known = {host.name for host in hosts}
    _check_addresses(hosts)
    cluster = top["cluster"].mapping("cluster", ("nic",)) if "cluster" in top else {}
    fields: dict[str, Any] = {
        "backend": "openvswitch",
        **stated(PoolOf, top),
        **_high_availability(top.get("ha")),
        "networks": _each(top, "networks", _network),
        "vms": _each(top, "vms", lambda item: _vm(item, known)),
        "storage": _each(top, "storage", lambda item: _storage(item, known)),
        "tasks": _each(top, "tasks", lambda item: _task(item, known)),
        "cluster_nic": _cluster_nic(cluster.get("nic"), hosts),
    }
    return PoolOf(**{**fields, "name": top["pool"].text("pool"), "xapi": xapi, "hosts": hosts, "place": place})


def _each(keys: Mapping[str, Place], name: str, read: Callable[[Place], T]) -> tuple[T, ...]:
    """The entries of a list, if there is one."""
    return tuple(read(item) for item in keys[name].items(name)) if name in keys else ()


def _high_availability(place: Place | None) -> dict[str, bool]:
    """``ha: true``, or ``ha: {enabled: …, fences: …}``."""
    if place is None:
        return {}
    if not place.is_mapping:
        return {"ha_enabled": place.truth("ha")}
    keys = place.mapping("ha", ("enabled", "fences"))
    return {"ha_enabled": True, **{f"ha_{name}": value.truth(f"ha {name}") for name, value in keys.items()}}


# hosts


def _hosts(place: Place, already: int = 0, others: tuple[HostOf, ...] = ()) -> tuple[HostOf, ...]:
    """Hosts by their descriptions; `already`: so many have been numbered before, and `others` have their names."""
    hosts: list[HostOf] = []
    names: dict[str, int] = {host.name: host.place.line for host in others}
    for item in place.items("hosts"):
        keys, fields = described(item, "a host", HostOf, ("count", "nics", "bonds", "vlans", "tunnels"))
        for _unused in range(keys["count"].whole("count", 1) if "count" in keys else 1):
            host = _host(item, keys, fields, already + len(hosts) + 1)
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


def _host(item: Place, keys: Mapping[str, Place], fields: Mapping[str, Any], n: int) -> HostOf:
    name = _fill(keys["name"], "name", n=n)
    if "nics" not in keys:
        raise item.error(f"host '{name}' has no 'nics'")
    nics: dict[str, NicOf] = {}
    for key, key_place, value in keys["nics"].pairs(f"nics of {name}"):
        for device, i in _devices(key, key_place, len(nics)):
            if device in nics:
                raise key_place.error(f"{name}: NIC '{device}' is here twice")
            nics[device] = _nic(device, key_place, value, name, n, i)
    _check_nics(name, nics, keys["nics"])
    return HostOf(
        **{
            **fields,
            "name": name,
            "hostname": _fill(keys["hostname"], "hostname", n=n) if "hostname" in keys else name,
            "nics": tuple(nics.values()),
            "bonds": _each(keys, "bonds", lambda bond: _bond(bond, name, nics, n)),
            "vlans": _each(keys, "vlans", lambda vlan: _vlan(vlan, name, nics, n)),
            "tunnels": _each(keys, "tunnels", lambda tunnel: _tunnel(tunnel, name, nics)),
        }
    )


def _check_nics(host: str, nics: Mapping[str, NicOf], place: Place) -> None:
    """No position is there twice, and one NIC is the management interface."""
    positions: dict[int, str] = {}
    for nic in nics.values():
        if nic.position in positions:
            raise nic.place.error(f"{host}: {nic.device} and {positions[nic.position]} have the same position {nic.position}")
        positions[nic.position] = nic.device
    managements = [nic.device for nic in nics.values() if nic.management]
    if len(managements) != 1:
        found = " and ".join(managements) or "none"
        raise place.error(f"{host}: one NIC must be 'management: true', found {found}")


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
    keys = place.mapping(f"NIC {what}", (*readers(NicOf), *_ADDRESS, "purpose", "port"))
    fields = stated(NicOf, keys)
    digits = re.search(r"(\d+)$", device)
    by_name = int(digits.group(1)) if digits and device.startswith("eth") else i
    position = fields.get("position", by_name)
    mac = _mac(keys["mac"], what, n, i) if "mac" in keys else f"52:54:{n // 256:02x}:{n % 256:02x}:00:{i:02x}"
    if "purpose" in keys:
        fields["other_config"] = {**fields.get("other_config", {}), "management_purpose": keys["purpose"].text("purpose")}
    if "port" in keys:
        fields["port"] = _port(keys["port"], f"the switch port of {what}", n, i)
    fields = {"pci": f"0000:{position + 1:02x}:00.0", **fields, "device": device, "position": position, "mac": mac}
    return NicOf(**{**fields, "address": _address(keys, what, n, i), "place": key_place})


def _port(place: Place, what: str, n: int, i: int) -> SwitchPort:
    keys = place.mapping(what, ("segment", "mtu", "blocked", "lacp", "lldp"))
    fields: dict[str, Any] = {}
    if "segment" in keys:
        fields["segment"] = _fill(keys["segment"], f"segment of {what}", n=n, i=i)
    if "mtu" in keys:
        fields["mtu"] = keys["mtu"].whole("mtu", 68)
    if "blocked" in keys:
        fields["blocked"] = tuple(_tag(tag, what) for tag in keys["blocked"].items("blocked"))
    if "lacp" in keys:
        system, key = _each_of(keys["lacp"], f"lacp of {what}", ("system", "key"))
        fields["lacp"] = (_mac(system, f"system of {what}", n, i), key.whole("key", 1))
    if "lldp" in keys:
        chassis, port, switch = _each_of(keys["lldp"], f"lldp of {what}", ("chassis", "port", "switch"))
        names = (_fill(one, f"lldp of {what}", n=n, i=i) for one in (port, switch))
        fields["lldp"] = (_mac(chassis, f"chassis of {what}", n, i), *names)
    return SwitchPort(**fields)


def _each_of(place: Place, what: str, names: tuple[str, ...]) -> list[Place]:
    """The values of a mapping that needs all of these keys, and has no other."""
    keys = place.mapping(what, names)
    if missing := [name for name in names if name not in keys]:
        raise place.error(f"{what} needs '{missing[0]}'")
    return [keys[name] for name in names]


def _mac(place: Place, what: str, n: int, i: int) -> str:
    mac = _fill(place, what, n=n, i=i)
    if not _MAC.fullmatch(mac):
        raise place.error(f"{what}: '{mac}' is not a MAC address, such as 00:1F:29:C4:9F:5C")
    return mac.lower()


def _tag(place: Place, what: str) -> int:
    tag = place.whole("a tag", 0)
    if tag > 4094:
        raise place.error(f"{what}: the tag must be 0 to 4094, not {tag}")
    return tag


def _bond(place: Place, host: str, nics: Mapping[str, NicOf], n: int) -> BondOf:
    what = f"a bond of {host}"
    keys, fields = described(place, what, BondOf, _ADDRESS)
    members = fields["nics"]
    for device in members:
        if device not in nics:
            raise keys["nics"].error(f"{what}: {host} has no NIC '{device}'; it has {', '.join(nics)}")
    if len(set(members)) != len(members) or not members:
        raise keys["nics"].error(f"{what}: its NICs must be different and at least one, not {', '.join(members) or 'none'}")
    return BondOf(**fields, address=_address(keys, what, n, 0))


def _vlan(place: Place, host: str, nics: Mapping[str, NicOf], n: int) -> VlanOf:
    what = f"a VLAN of {host}"
    keys, fields = described(place, what, VlanOf, _ADDRESS)
    _tag(keys["tag"], what)
    _device(keys["nic"], host, nics)
    return VlanOf(**fields, address=_address(keys, what, n, 0))


def _tunnel(place: Place, host: str, nics: Mapping[str, NicOf]) -> TunnelOf:
    keys, fields = described(place, f"a tunnel of {host}", TunnelOf)
    _device(keys["nic"], host, nics)
    return TunnelOf(**fields)


def _device(place: Place, host: str, nics: Mapping[str, NicOf]) -> None:
    device = place.text("nic")
    if device not in nics:
        raise place.error(f"{host} has no NIC '{device}'; it has {', '.join(nics)}")


# addresses


def _address(keys: Mapping[str, Place], what: str, n: int, i: int) -> Address:
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
    return NetworkOf(**described(place, "a network", NetworkOf)[1])


def _vm(place: Place, hosts: set[str]) -> VmOf:
    keys, fields = described(place, "a VM", VmOf)
    vm = VmOf(**fields)
    _known_host(keys.get("host"), hosts)
    if vm.state in ("running", "paused") and not vm.host:
        raise place.error(f"VM '{vm.name}' is {vm.state}: say on which 'host'")
    return vm


def _storage(place: Place, hosts: set[str]) -> StorageOf:
    keys, fields = described(place, "a storage", StorageOf)
    for item in keys["hosts"].items("hosts") if "hosts" in keys else ():
        _known_host(item, hosts)
    return StorageOf(**fields)


def _task(place: Place, hosts: set[str]) -> TaskOf:
    keys, fields = described(place, "a task", TaskOf)
    _known_host(keys.get("host"), hosts)
    return TaskOf(**fields)


def _known_host(place: Place | None, hosts: set[str]) -> None:
    if place is not None and place.text("host") not in hosts:
        raise place.error(f"there is no host '{place.text('host')}'; there are {', '.join(sorted(hosts))}")


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
