# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A dom0 in memory alone: what bridges, bonds and links become of what networkd does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

from xapi_twin.dom0 import script_errors, wiring
from xapi_twin.dom0.model import (
    BOND_TIMERS,
    BondConfig,
    BondMember,
    BondPort,
    Bridge,
    BridgeConfig,
    BringUpError,
    Dom0,
    SwitchPort,
    bond_mode,
)


class MemoryBackend:
    """A backend in memory alone: no interface of this machine is touched.

    `updelay` scales the time that a bond's members wait before they carry traffic (1.0: the 31 s of xcp-networkd, 0: none).
    `link_seconds`: networkd takes a NIC down and up when its bridge changes, and a real link is back only after seconds.
    """

    def __init__(self, dom0: Dom0, updelay: float = 1.0, link_seconds: float = 0.0) -> None:
        self.dom0 = dom0
        self.link_seconds = link_seconds
        self._kept: dict[str, Bridge] = {}  # what Open vSwitch's database has of bonds while the host is off
        self._returning: dict[str, asyncio.TimerHandle] = {}  # NICs whose link is being negotiated
        self.when_links_change: list[Callable[[str], Awaitable[None]]] = []
        self._updelay = updelay
        self._recirculation = 0
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self.dom0.powered = True
        self.dom0.bridges.update(self._kept)

    async def stop(self) -> None:
        """The host is off. Open vSwitch keeps its database: after a boot a bond's bridge holds its NICs until it is set up or deleted."""
        self._links_are_back()
        kept = {name: bridge for name, bridge in self.dom0.bridges.items() if bridge.held}
        for bond in list(self.dom0.bonds.values()):
            if self.dom0.network_backend == "openvswitch" and bond.bridge in self.dom0.bridges:
                bridge = replace(self.dom0.bridges[bond.bridge], ports=(), addresses=(), gateway="", held_in=bond.name)
                kept[bond.bridge] = replace(bridge, held=tuple(member.device for member in bond.members))
            self._forget_bond(bond.name)
        self._kept = kept
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
            if bridge.bond.name not in self.dom0.bonds:
                self.dom0.bond_changed = time.monotonic()
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

    async def set_port(self, device: str, port: SwitchPort) -> None:
        self.dom0.nics[device] = replace(self.dom0.nics[device], port=port)
        await self._link_changed(device, up=self.dom0.nics[device].carrier)

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
            script = "" if old is not None and old.held else self._no_device(bridge, missing[0])
            self.dom0.bridges[bridge.name] = replace(made, held=tuple(devices), held_in=bridge.bond.name)
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
        able = {member.device for member in bond.members if self._link(member.device)}
        if bond.lacp != "off" and self.dom0.network_backend == "openvswitch":  # the kernel's driver shows the link, whatever is bundled
            able &= set(wiring.bundle(bond, self.dom0))
        members = [
            replace(member, may_enable=member.device in able, enabled=member.enabled and member.device in able) for member in bond.members
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
        if bond is not None:
            self.dom0.bond_changed = time.monotonic()
        for member in bond.members if bond else ():
            self._cancel(name, member.device)

    def _cancel(self, name: str, device: str) -> None:
        timer = self._timers.pop((name, device), None)
        if timer is not None:
            timer.cancel()
