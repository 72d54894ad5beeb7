# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is below xapi on one host: NICs, bridges, bonds and addresses, as plain data.

``Dom0`` says what there is; a ``Backend`` changes it. ``MemoryBackend`` changes these data alone; ``ovs.OvsBackend`` does the same with a
real Open vSwitch on real interfaces, and keeps the data in step.
Nothing here knows a database record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from xapi_twin.dom0 import script_errors

# Timers of xcp-networkd's bonds (ocaml/xapi/nm.ml): milliseconds.
BOND_TIMERS: Mapping[str, int] = {
    "miimon": 100,
    "downdelay": 200,
    "updelay": 31000,
    "use_carrier": 1,
    "rebalance-interval": 1800000,
}


class BringUpError(Exception):
    """An interface could not be brought up; the sentence says why. What was done before it stays done.

    `script`: what the failing script said, where one did; it is part of the API's error.
    """

    def __init__(self, text: str, script: str = "") -> None:
        super().__init__(text)
        self.script = script


@dataclass(frozen=True)
class Nic:
    """A network card as dom0 sees it. ``present`` False: the device is gone (its facts are kept for its return)."""

    device: str
    mac: str
    mtu: int = 1500
    carrier: bool = True
    speed: int = 10000
    duplex: bool = True
    pci_bus_path: str = "N/A"
    vendor_name: str = ""
    device_name: str = ""
    position: int | None = None
    present: bool = True


@dataclass(frozen=True)
class Interface:
    """One line of what ``ip addr`` shows: a NIC, or the interface of a bridge. Addresses are ``a.b.c.d/prefix``."""

    name: str
    mac: str
    mtu: int
    addresses: tuple[str, ...] = ()
    up: bool = True
    carrier: bool = True


@dataclass(frozen=True)
class Bridge:
    """A bridge with its own interface. ``parent`` and ``tag`` are set for a VLAN's (fake) bridge.

    ``held``: the NICs of a bond that could not be set up; the switch keeps them on this bridge.
    """

    name: str
    mac: str
    mtu: int = 1500
    addresses: tuple[str, ...] = ()
    gateway: str = ""
    ports: tuple[str, ...] = ()
    parent: str | None = None
    tag: int | None = None
    held: tuple[str, ...] = ()


@dataclass(frozen=True)
class BondMember:
    """A NIC in a bond. ``enabled``: it carries traffic; ``enables_at``: the loop's time when its updelay ends."""

    device: str
    enabled: bool = False
    may_enable: bool = True
    enables_at: float | None = None


@dataclass(frozen=True)
class BondPort:
    """A bond as the switch knows it. ``mode`` is the switch's word (``balance-tcp``), not XAPI's (``lacp``).

    A bond of one NIC is a plain port, and then there is no ``BondPort`` at all. ``timers`` are milliseconds.
    ``recirculation`` is Open vSwitch's recirculation id (0: none); ``fallback_ab`` stays as it was last set.
    """

    name: str
    bridge: str
    members: tuple[BondMember, ...]
    mode: str
    lacp: str = "off"
    lacp_time: str = "slow"
    aggregation_key: str = ""
    fallback_ab: bool = False
    timers: Mapping[str, int] = field(default_factory=lambda: dict(BOND_TIMERS))
    active: str | None = None
    recirculation: int = 0

    def links_up(self) -> int:
        return sum(member.enabled for member in self.members)


@dataclass
class Dom0:
    """The state of one dom0. Only a backend changes it; everybody may read it."""

    hostname: str
    network_backend: str = "openvswitch"
    nics: dict[str, Nic] = field(default_factory=dict)
    bridges: dict[str, Bridge] = field(default_factory=dict)
    bonds: dict[str, BondPort] = field(default_factory=dict)
    dns: tuple[str, ...] = ()
    ovs_version: str = "2.17.7"
    powered: bool = True
    cookies: set[str] = field(default_factory=set)
    log: list[str] = field(default_factory=list)
    service_log: list[str] = field(default_factory=list)

    def interfaces(self) -> dict[str, Interface]:
        """NICs that are there and the interfaces of bridges, NICs first."""
        shown = {nic.device: Interface(nic.device, nic.mac, nic.mtu, carrier=nic.carrier) for nic in self.nics.values() if nic.present}
        for bridge in self.bridges.values():
            shown[bridge.name] = Interface(bridge.name, bridge.mac, bridge.mtu, bridge.addresses)
        if self.network_backend == "bridge":
            # The Linux bonding driver makes a device; Open vSwitch's bond is a port and no device.
            for bond in self.bonds.values():
                bridge_of = self.bridges.get(bond.bridge)
                first = self.nics[bond.members[0].device]
                shown[bond.name] = Interface(
                    bond.name, bridge_of.mac if bridge_of else first.mac, bridge_of.mtu if bridge_of else first.mtu
                )
        return shown

    def facts(self) -> dict[str, list[dict[str, Any]]]:
        """Bridges and bonds as plain data."""
        bridges = [
            {"name": bridge.name, "mac": bridge.mac, "mtu": bridge.mtu, "addresses": list(bridge.addresses), "ports": list(bridge.ports)}
            for bridge in self.bridges.values()
        ]
        bonds = [
            {"name": bond.name, "bridge": bond.bridge, "mode": bond.mode, "active": bond.active,
             "members": [member.device for member in bond.members]}
            for bond in self.bonds.values()
        ]  # fmt: skip
        return {"bridges": bridges, "bonds": bonds}


@dataclass(frozen=True)
class BondConfig:
    """A bond to be made: XAPI's mode (balance-slb, active-backup, lacp), its properties, and ``bond-*`` timers."""

    name: str
    members: tuple[str, ...]
    mode: str
    properties: Mapping[str, str] = field(default_factory=dict)
    timers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class BridgeConfig:
    """A bridge to be brought up: on a NIC, on a bond, as a VLAN of another bridge, or on nothing (tunnel, internal)."""

    name: str
    mac: str
    mtu: int = 1500
    addresses: tuple[str, ...] = ()
    gateway: str = ""
    dns: tuple[str, ...] = ()
    nic: str | None = None
    bond: BondConfig | None = None
    parent: str | None = None
    tag: int | None = None
    ports: tuple[str, ...] = ()


class Backend(Protocol):
    """What makes dom0's network. Every method is idempotent and leaves ``dom0`` showing the truth."""

    dom0: Dom0
    when_links_change: list[Callable[[str], Awaitable[None]]]

    async def start(self) -> None:
        """The host has power: NICs are there, nothing is configured."""

    async def stop(self) -> None:
        """The power goes: bridges, bonds and addresses are gone."""

    async def bring_up(self, bridge: BridgeConfig) -> None:
        """Make the bridge as described, or change it to that. Raises BringUpError when a NIC is missing."""

    async def bring_down(self, name: str, force: bool = True) -> None:
        """Delete the bridge with its ports and bonds, and the VLAN bridges on it; without `force` only when there is none."""

    async def nic_gone(self, device: str) -> None:
        """The kernel has lost a NIC."""

    async def nic_back(self, device: str) -> None:
        """The kernel has the NIC again."""

    async def set_carrier(self, device: str, up: bool) -> None:
        """Plugs a cable in, or pulls it."""

    async def settle(self) -> None:
        """The host has been up for long: no bond waits for an updelay any more."""


class MemoryBackend:
    """A backend in memory alone: no interface of this machine is touched.

    `updelay` scales the time that a bond's members wait before they carry traffic (1.0: the 31 s of xcp-networkd, 0: none).
    `link_seconds`: networkd takes a NIC down and up when its bridge changes, and a real link is back only after seconds.
    """

    def __init__(self, dom0: Dom0, updelay: float = 1.0, link_seconds: float = 0.0) -> None:
        self.dom0 = dom0
        self.link_seconds = link_seconds
        self._returning: dict[str, asyncio.TimerHandle] = {}  # NICs whose link is being negotiated
        self.when_links_change: list[Callable[[str], Awaitable[None]]] = []
        self._updelay = updelay
        self._recirculation = 0
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self.dom0.powered = True

    async def stop(self) -> None:
        self._links_are_back()
        for name in list(self.dom0.bonds):
            self._forget_bond(name)
        self.dom0.bridges.clear()
        self.dom0.dns = ()
        self.dom0.powered = False
        self._recirculation = 0
        for nic in self.dom0.nics.values():
            self.dom0.nics[nic.device] = replace(nic, mtu=1500)

    async def bring_up(self, bridge: BridgeConfig) -> None:
        devices = bridge.bond.members if bridge.bond else (bridge.nic,) if bridge.nic else ()
        old = self.dom0.bridges.get(bridge.name)
        made = Bridge(bridge.name, bridge.mac.lower(), bridge.mtu, ports=bridge.ports, parent=bridge.parent, tag=bridge.tag)
        self._check(bridge, made, devices)
        self._negotiate(bridge, devices)
        for device in devices:
            self.dom0.nics[device] = replace(self.dom0.nics[device], mtu=bridge.mtu)
        ports = bridge.ports or (bridge.nic,) if bridge.nic else bridge.ports
        if bridge.bond:
            ports = (bridge.bond.name,) if len(bridge.bond.members) > 1 else bridge.bond.members
        for name in [bond.name for bond in self.dom0.bonds.values() if bond.bridge == bridge.name]:
            if bridge.bond is None or name != bridge.bond.name or len(bridge.bond.members) < 2:
                self._forget_bond(name)
        if bridge.bond and len(bridge.bond.members) > 1:
            self._make_bond(bridge.name, bridge.bond)
        self.dom0.bridges[bridge.name] = replace(
            made, addresses=bridge.addresses, gateway=bridge.gateway, ports=tuple(port for port in ports if port)
        )
        if bridge.dns:
            self.dom0.dns = bridge.dns
        if old is not None and old.mac != made.mac:
            for vlan in [vlan for vlan in self.dom0.bridges.values() if vlan.parent == bridge.name]:
                self.dom0.bridges[vlan.name] = replace(vlan, mac=made.mac)

    async def bring_down(self, name: str, force: bool = True) -> None:
        vlans = [vlan.name for vlan in self.dom0.bridges.values() if vlan.parent == name]
        if vlans and not force:
            return
        for vlan in vlans:
            self.dom0.bridges.pop(vlan)
        for bond in [bond.name for bond in self.dom0.bonds.values() if bond.bridge == name]:
            self._forget_bond(bond)
        self.dom0.bridges.pop(name, None)

    async def nic_gone(self, device: str) -> None:
        self._link_is_back(device)
        self.dom0.nics[device] = replace(self.dom0.nics[device], present=False)
        for bridge in [bridge.name for bridge in self.dom0.bridges.values() if bridge.ports == (device,)]:
            await self.bring_down(bridge)
        await self._link_changed(device, up=False)

    async def nic_back(self, device: str) -> None:
        self.dom0.nics[device] = replace(self.dom0.nics[device], present=True, mtu=1500)
        await self._link_changed(device, up=self.dom0.nics[device].carrier)

    async def set_carrier(self, device: str, up: bool) -> None:
        self._link_is_back(device)
        self.dom0.nics[device] = replace(self.dom0.nics[device], carrier=up)
        await self._link_changed(device, up)

    async def settle(self) -> None:
        self._links_are_back()
        for name, bond in list(self.dom0.bonds.items()):
            members = tuple(replace(member, enabled=member.may_enable, enables_at=None) for member in bond.members)
            self.dom0.bonds[name] = replace(bond, members=members)
            for member in members:
                self._cancel(name, member.device)

    def _check(self, bridge: BridgeConfig, made: Bridge, devices: Sequence[str]) -> None:
        """Raises BringUpError when a NIC is missing, or on another bridge.

        xcp-networkd has made the bridge by then, and gives up before it sets the address. A bond of which a NIC is missing stays in the
        switch with the others, until its bridge is deleted; a second attempt finds it there and fails later, without a text (recorded).
        """
        missing = [device for device in devices if device not in self.dom0.nics or not self.dom0.nics[device].present]
        if missing and bridge.bond:
            self._forget_bond(bridge.bond.name)
            old = self.dom0.bridges.get(bridge.name)
            held = tuple(device for device in devices if device not in missing)
            script = "" if old is not None and old.held else self._no_device(bridge, missing[0])
            self.dom0.bridges[bridge.name] = replace(made, held=held)
            raise BringUpError(f"interface {missing[0]} does not exist on {self.dom0.hostname}", script)
        if missing:
            self.dom0.bridges[bridge.name] = made
            raise BringUpError(f"interface {missing[0]} does not exist on {self.dom0.hostname}")
        for device in devices:
            other = next((found.name for found in self.dom0.bridges.values() if device in found.held and found.name != bridge.name), "")
            if other:
                self.dom0.bridges[bridge.name] = made
                raise BringUpError(f"{device} is on {other} already", script_errors.taken(bridge.name, device, other))

    def _no_device(self, bridge: BridgeConfig, missing: str) -> str:
        """Open vSwitch's complaint about a bond; the Linux bridge's is not known."""
        known = missing in self.dom0.nics and self.dom0.network_backend == "openvswitch"
        if bridge.bond is None or len(bridge.bond.members) < 2 or not known:
            return ""
        settings = script_errors.bond_settings(bond_mode(bridge.bond), {**BOND_TIMERS, **bridge.bond.timers}, bridge.bond.properties)
        members = tuple(reversed(bridge.bond.members))
        return script_errors.no_device(bridge.name, bridge.bond.name, members, bridge.mac, settings, missing)

    # links

    def _negotiate(self, bridge: BridgeConfig, devices: Sequence[str]) -> None:
        """The links of the NICs that are new on a bridge go, and come back."""
        if not self.link_seconds:
            return
        old = self.dom0.bonds.get(bridge.bond.name) if bridge.bond else None
        there = {member.device for member in old.members} if old is not None and old.bridge == bridge.name else set()
        if bridge.name in self.dom0.bridges:
            there |= set(self.dom0.bridges[bridge.name].ports)
        for device in devices:
            if device not in there and (self.dom0.nics[device].carrier or device in self._returning):
                self._link_is_back(device)
                self.dom0.nics[device] = replace(self.dom0.nics[device], carrier=False)
                loop = asyncio.get_running_loop()
                self._returning[device] = loop.call_later(self.link_seconds, self._link_returns, device)

    def _link_returns(self, device: str) -> None:
        self._link_is_back(device)
        self._in_background(self._link_changed(device, up=True))

    def _link_is_back(self, device: str) -> None:
        timer = self._returning.pop(device, None)
        if timer is not None:
            timer.cancel()
            self.dom0.nics[device] = replace(self.dom0.nics[device], carrier=True)

    def _links_are_back(self) -> None:
        for device in tuple(self._returning):
            self._link_is_back(device)
            for name, bond in list(self.dom0.bonds.items()):
                if any(member.device == device for member in bond.members):
                    self._settle(name)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    # bonds

    def _make_bond(self, bridge: str, config: BondConfig) -> None:
        old = self.dom0.bonds.get(config.name)
        kept = {member.device: member for member in old.members} if old and old.bridge == bridge else {}
        mode, lacp = bond_mode(config)
        recirculation = 0
        if mode != "active-backup":
            # Open vSwitch hands a number to a bond that balances, and keeps it for as long as it balances (recorded).
            recirculation = old.recirculation if old else 0
            if not recirculation:
                self._recirculation += 1
                recirculation = self._recirculation
        fallback = old.fallback_ab if old else False
        if config.mode == "lacp":
            fallback = config.properties.get("lacp-fallback-ab") == "true"
        self.dom0.bonds[config.name] = BondPort(
            name=config.name,
            bridge=bridge,
            members=tuple(kept.get(device, BondMember(device, may_enable=self._link(device))) for device in config.members),
            mode=mode,
            lacp=lacp,
            lacp_time=config.properties.get("lacp-time", "slow"),
            aggregation_key=config.properties.get("lacp-aggregation-key", ""),
            fallback_ab=fallback,
            timers={**BOND_TIMERS, **config.timers},
            active=old.active if kept and old else None,
            recirculation=recirculation,
        )
        self._settle(config.name)

    def _settle(self, name: str) -> None:
        """Who carries traffic: at once, as long as nobody does; after its updelay, when somebody else does already."""
        bond = self.dom0.bonds[name]
        members = [
            replace(member, may_enable=self._link(member.device), enabled=member.enabled and self._link(member.device))
            for member in bond.members
        ]
        if not any(member.enabled for member in members):
            # Open vSwitch waits for no updelay when no member is enabled; recorded: the last of the list wins.
            for place in reversed(range(len(members))):
                if members[place].may_enable:
                    members[place] = replace(members[place], enabled=True, enables_at=None)
                    break
        loop = asyncio.get_running_loop()
        for place, member in enumerate(members):
            if member.may_enable and not member.enabled and member.enables_at is None:
                delay = bond.timers.get("updelay", 31000) / 1000 * self._updelay
                members[place] = replace(member, enables_at=loop.time() + delay)
                self._cancel(name, member.device)
                self._timers[(name, member.device)] = loop.call_later(delay, self._enable, name, member.device)
            elif not member.may_enable:
                members[place] = replace(member, enables_at=None)
                self._cancel(name, member.device)
        enabled = [member.device for member in members if member.enabled]
        active = bond.active if bond.active in enabled else (enabled[-1] if enabled else None)
        self.dom0.bonds[name] = replace(bond, members=tuple(members), active=active)

    def _enable(self, name: str, device: str) -> None:
        bond = self.dom0.bonds.get(name)
        if bond is None:
            return
        members = tuple(replace(member, enabled=True, enables_at=None) if member.device == device else member for member in bond.members)
        self.dom0.bonds[name] = replace(bond, members=members)
        self._in_background(self._tell(device))

    def _link(self, device: str) -> bool:
        nic = self.dom0.nics.get(device)
        return nic is not None and nic.present and nic.carrier

    async def _link_changed(self, device: str, up: bool) -> None:
        for name, bond in list(self.dom0.bonds.items()):
            if any(member.device == device for member in bond.members):
                self._settle(name)
        await self._tell(device)

    async def _tell(self, device: str) -> None:
        for listener in tuple(self.when_links_change):
            await listener(device)

    def _forget_bond(self, name: str) -> None:
        bond = self.dom0.bonds.pop(name, None)
        for member in bond.members if bond else ():
            self._cancel(name, member.device)

    def _cancel(self, name: str, device: str) -> None:
        timer = self._timers.pop((name, device), None)
        if timer is not None:
            timer.cancel()


def bond_mode(config: BondConfig) -> tuple[str, str]:
    """The switch's mode and lacp words for XAPI's mode (networkd: lacp hashes over ports unless src_mac is wanted)."""
    if config.mode != "lacp":
        return config.mode, "off"
    return ("balance-slb" if config.properties.get("hashing_algorithm") == "src_mac" else "balance-tcp"), "active"
