# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dom0 on a real Open vSwitch: does to real interfaces what xcp-networkd does, and shows in ``Dom0`` what became of it.

The host is somewhere else: a network namespace with its own ovs-vswitchd, reached by putting ``enter`` before a
command. Bridges use Open vSwitch's userspace datapath, which needs no kernel module. Whoever makes the host lays its
NICs (and takes it away); this backend only configures what is there.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

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

WATCH_SECONDS = 0.5
OVS_TIMEOUT = 20  # seconds; xcp-networkd gives ovs-vsctl as many

PullCable = Callable[[str, bool], Awaitable[None]]


class OvsBackend:
    """A backend that works on a real Open vSwitch, as root.

    `enter` stands before every command and leads to the host (``nsenter … --``). `pull_cable` is what takes the carrier
    from a NIC and gives it back, since that happens at the other end of its cable.
    """

    def __init__(self, dom0: Dom0, enter: Sequence[str] = (), pull_cable: PullCable | None = None) -> None:
        self.dom0 = dom0
        self.when_links_change: list[Callable[[str], Awaitable[None]]] = []
        self._enter = tuple(enter)
        self._pull_cable = pull_cable
        self._configs: dict[str, BridgeConfig] = {}
        self._watcher: asyncio.Task[None] | None = None
        self._seen: tuple[Any, ...] = ()
        self._told: tuple[Any, ...] = ()
        self._lock = asyncio.Lock()  # one look or one change at a time, so that no look shows what was before a change

    async def start(self) -> None:
        self.dom0.powered = True

    async def stop(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
            self._watcher = None
        async with self._lock:
            parents = [config.name for config in self._configs.values() if config.parent is None]
            self._configs.clear()
            with suppress(BringUpError):  # a host that is gone has taken its bridges with it
                if parents:
                    await self._vsctl(*(word for name in parents for word in ("--", "--if-exists", "del-br", name)))
                await self._look()
        self.dom0.dns = ()
        self.dom0.powered = False

    async def bring_up(self, bridge: BridgeConfig) -> None:
        async with self._lock:
            await self._bring_up(bridge)
        if self._watcher is None:
            self._watcher = asyncio.ensure_future(self._watch())

    async def bring_down(self, name: str, force: bool = True) -> None:
        async with self._lock:
            if force or not any(config.parent == name for config in self._configs.values()):
                await self._bring_down(name)

    async def nic_gone(self, device: str) -> None:
        # As it was done for the recordings: the link goes down, its name disappears, its bridge is deleted.
        async with self._lock:
            for name in [config.name for config in self._configs.values() if config.nic == device]:
                await self._bring_down(name)
            await self._ip(f"link set {device} down", f"link set {device} name {_gone(device)}")
            self.dom0.nics[device] = replace(self.dom0.nics[device], present=False)
            await self._look()
        await self._tell(device)

    async def nic_back(self, device: str) -> None:
        async with self._lock:
            await self._ip(f"link set {_gone(device)} name {device}", f"link set {device} mtu 1500 up")
            self.dom0.nics[device] = replace(self.dom0.nics[device], present=True)
            await self._look()
        await self._tell(device)

    async def set_carrier(self, device: str, up: bool) -> None:
        if self._pull_cable is None:
            raise NotImplementedError("this host was made without a way to pull its cables")
        await self._pull_cable(device, up)
        async with self._lock:
            await self._look()
        await self._tell(device)

    async def set_port(self, device: str, port: SwitchPort) -> None:
        raise NotImplementedError("the switch of this host is a real one; set its port there")

    async def settle(self) -> None:
        async with self._lock:
            await self._look()
            for bond in self.dom0.bonds.values():
                for member in bond.members:
                    if member.may_enable and not member.enabled:
                        await self._run("ovs-appctl", "bond/enable-member", bond.name, member.device)
            await self._look()

    # what xcp-networkd does (ocaml/networkd/lib/network_utils.ml, module Ovs)

    async def _bring_up(self, bridge: BridgeConfig) -> None:
        bond = bridge.bond
        devices = bond.members if bond else (bridge.nic,) if bridge.nic else ()
        missing = [device for device in devices if not self._present(device)]
        if bridge.parent is not None:
            await self._make_vlan(bridge)
        else:
            await self._make_bridge(bridge, () if missing else devices)
        if missing:
            # xcp-networkd has made the bridge by then, and gives up before it sets the address (recorded).
            self._configs[bridge.name] = replace(bridge, nic=None, bond=None, addresses=())
            await self._look()
            raise BringUpError(f"interface {missing[0]} does not exist on {self.dom0.hostname}")
        self._configs[bridge.name] = bridge
        if bridge.dns:
            self.dom0.dns = bridge.dns
        await self._set_addresses(bridge, devices)
        await self._look()

    async def _bring_down(self, name: str) -> None:
        for vlan in [config.name for config in self._configs.values() if config.parent == name]:
            self._configs.pop(vlan)
        self._configs.pop(name, None)
        await self._vsctl("--", "--if-exists", "del-br", name)
        await self._look()

    async def _make_bridge(self, bridge: BridgeConfig, devices: Sequence[str]) -> None:
        name, bond = bridge.name, bridge.bond
        words = [
            *("--", "--may-exist", "add-br", name),
            *("--", "set", "Bridge", name, "datapath_type=netdev", "fail_mode=standalone"),
            f'other-config:hwaddr="{bridge.mac}"',
            *("--", "set", "Interface", name, f"mtu_request={bridge.mtu}"),
        ]
        wanted = bond.name if bond and len(devices) > 1 else devices[0] if devices else ""
        ports = (await self._run("ovs-vsctl", "list-ports", name, check=False)).split()
        fakes = {config.name for config in self._configs.values() if config.parent == name}
        old = self.dom0.bonds.get(wanted)
        for port in ports:
            remade = old is not None and port == old.name and {member.device for member in old.members} != set(devices)
            if (port != wanted and port not in fakes) or remade:
                words += ["--", "--if-exists", "del-port", name, port]
        if bond and wanted == bond.name:
            # ovs-vsctl compares the members of a bond that exists, in whatever order.
            words += ["--", "--may-exist", "add-bond", name, bond.name, *devices, *_bond_settings(bond)]
        elif wanted:
            words += ["--", "--may-exist", "add-port", name, wanted]
        for device in devices:
            words += ["--", "set", "Interface", device, f"mtu_request={bridge.mtu}"]
            key = bond.properties.get("lacp-aggregation-key") if bond and bond.mode == "lacp" else None
            words += [f"other-config:lacp-aggregation-key={key}"] if key else []
        await self._vsctl(*words)

    async def _make_vlan(self, bridge: BridgeConfig) -> None:
        """A VLAN's bridge is a port with a tag on its parent, called a fake bridge."""
        assert bridge.parent is not None and bridge.tag is not None
        await self._vsctl(
            *("--", "--may-exist", "add-br", bridge.name, bridge.parent, str(bridge.tag)),
            *("--", "set", "Interface", bridge.name, f'mac="{bridge.mac}"', f"mtu_request={bridge.mtu}"),
        )

    async def _set_addresses(self, bridge: BridgeConfig, devices: Sequence[str]) -> None:
        shown = {link["ifname"]: _addresses(link) for link in await self._links()}
        batch = [f"link set {device} up" for device in devices]
        batch += [f"address delete {address} dev {device}" for device in devices for address in shown.get(device, ())]
        batch += [f"link set {bridge.name} up"]
        unwanted = [address for address in shown.get(bridge.name, ()) if address not in bridge.addresses]
        batch += [f"address delete {address} dev {bridge.name}" for address in unwanted]
        batch += [f"address replace {address} broadcast + dev {bridge.name}" for address in bridge.addresses if ":" not in address]
        batch += [f"address replace {address} dev {bridge.name}" for address in bridge.addresses if ":" in address]
        if bridge.gateway:
            batch += [f"route replace default via {bridge.gateway} dev {bridge.name}"]
        await self._ip(*batch)

    # looking

    async def _watch(self) -> None:
        """xapi hears of a link that changes; so does the twin, soon after."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            async with self._lock:
                await self._look()
            if self._told != self._seen:
                self._told = self._seen
                await self._tell("")

    async def _look(self) -> None:
        """Dom0 as it is now."""
        links = {link["ifname"]: link for link in await self._links()}
        for device, nic in self.dom0.nics.items():
            link = links.get(device)
            if link is not None:
                carrier = "LOWER_UP" in link["flags"]
                self.dom0.nics[device] = replace(nic, carrier=carrier, mtu=link["mtu"], mac=link["address"])
        self.dom0.bridges = {name: _bridge(config, links[name]) for name, config in self._configs.items() if name in links}
        bonds = [config for config in self._configs.values() if config.bond and len(config.bond.members) > 1]
        self.dom0.bonds = {
            config.bond.name: _read_bond(await self._run("ovs-appctl", "bond/show", config.bond.name), config.name, config.bond)
            for config in bonds
            if config.bond is not None
        }
        self._seen = (
            tuple((nic.device, nic.carrier) for nic in self.dom0.nics.values()),
            tuple((bond.name, bond.members, bond.active) for bond in self.dom0.bonds.values()),
        )

    async def _tell(self, device: str) -> None:
        for listener in tuple(self.when_links_change):
            await listener(device)

    def _present(self, device: str) -> bool:
        nic = self.dom0.nics.get(device)
        return nic is not None and nic.present

    # commands

    async def _links(self) -> list[dict[str, Any]]:
        links: list[dict[str, Any]] = json.loads(await self._run("ip", "-json", "address", "show"))
        return [link for link in links if link]

    async def _ip(self, *commands: str) -> None:
        await self._run("ip", "-batch", "-", text="\n".join(commands) + "\n")

    async def _vsctl(self, *words: str) -> None:
        """One transaction of ovs-vsctl."""
        await self._run("ovs-vsctl", f"--timeout={OVS_TIMEOUT}", *words)

    async def _run(self, *command: str, text: str = "", check: bool = True) -> str:
        process = await asyncio.create_subprocess_exec(
            *self._enter,
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, error = await process.communicate(text.encode())
        if check and process.returncode:
            said = error.decode(errors="replace").strip()
            raise BringUpError(f"{' '.join(command)} on {self.dom0.hostname} ended with status {process.returncode}: {said}")
        return output.decode(errors="replace")


def _bond_settings(bond: BondConfig) -> list[str]:
    mode, lacp = bond_mode(bond)
    timers = {**BOND_TIMERS, **bond.timers}
    settings = [
        f"bond_mode={mode}",
        f"lacp={lacp}",
        f"bond_updelay={timers['updelay']}",
        f"bond_downdelay={timers['downdelay']}",
        f"other-config:bond-miimon-interval={timers['miimon']}",
        f"other-config:bond-detect-mode={'carrier' if timers['use_carrier'] else 'miimon'}",
    ]
    if bond.mode == "lacp":
        settings += [
            f"other-config:lacp-time={bond.properties.get('lacp-time', 'slow')}",
            f"other-config:lacp-fallback-ab={bond.properties.get('lacp-fallback-ab', 'false')}",
        ]
    else:
        settings.append(f"other-config:bond-rebalance-interval={timers['rebalance-interval']}")
    return ["--", "set", "Port", bond.name, *settings]


def _bridge(config: BridgeConfig, link: dict[str, Any]) -> Bridge:
    bond = config.bond
    ports = ((bond.name,) if len(bond.members) > 1 else bond.members) if bond else (config.nic,) if config.nic else ()
    return Bridge(
        name=config.name,
        mac=link["address"],
        mtu=link["mtu"],
        addresses=_addresses(link),
        gateway=config.gateway,
        ports=ports or config.ports,
        parent=config.parent,
        tag=config.tag,
    )


def _addresses(link: dict[str, Any]) -> tuple[str, ...]:
    return tuple(
        f"{address['local']}/{address['prefixlen']}"
        for address in link.get("addr_info", ())
        if not (address["family"] == "inet6" and address["scope"] == "link")
    )


def _read_bond(text: str, bridge: str, config: BondConfig) -> BondPort:
    """``ovs-appctl bond/show`` of the Open vSwitch that runs here (2.15 or later)."""
    mode, lacp = bond_mode(config)
    states = re.findall(r"^member (\S+): (enabled|disabled)\n((?:[ \t]+.*\n?)*)", text, re.MULTILINE)
    members = tuple(BondMember(device, state == "enabled", "may_enable: true" in details) for device, state, details in states)
    active = next((device for device, _state, details in states if "active member" in details), None)
    return BondPort(
        name=config.name,
        bridge=bridge,
        members=members,
        mode=mode,
        lacp=lacp,
        lacp_time=config.properties.get("lacp-time", "slow"),
        aggregation_key=config.properties.get("lacp-aggregation-key", ""),
        fallback_ab="lacp_fallback_ab: true" in text,
        timers={**BOND_TIMERS, **config.timers},
        active=active,
    )


def _gone(device: str) -> str:
    return f"gone-{device}"
