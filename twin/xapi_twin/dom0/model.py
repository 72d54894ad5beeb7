# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is below xapi on one host: NICs, bridges, bonds and addresses, as plain data.

``Dom0`` says what there is; a ``Backend`` changes it. ``memory.MemoryBackend`` changes these data alone; ``ovs.OvsBackend`` does the
same with a real Open vSwitch on real interfaces, and keeps the data in step.
Nothing here knows a database record.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

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
class SwitchPort:
    """The switch port at the other end of a NIC's cable.

    Ports of one ``segment`` reach each other, with packets of at most ``mtu`` bytes (0: any), but for the VLANs in ``blocked`` (0 is what
    has no tag). ``lacp`` is the system id and key with which the port speaks LACP; None: it does not. ``lldp`` is what it says of itself by
    LLDP, chassis id, port id, and the name of the switch; None: it is silent.
    """

    segment: str = ""
    mtu: int = 0
    blocked: tuple[int, ...] = ()
    lacp: tuple[str, int] | None = None
    lldp: tuple[str, str, str] | None = None


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
    port: SwitchPort = SwitchPort()


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

    ``held``: the NICs of a bond that could not be set up; the switch keeps them, also those without a device, in its port ``held_in``.
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
    held_in: str = ""


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
    bond_changed: float = float("-inf")  # when a bond was made or its bridge taken down, by the monotonic clock
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

    async def set_port(self, device: str, port: SwitchPort) -> None:
        """Plugs the cable of a NIC into another switch port, or sets that port otherwise."""

    async def settle(self) -> None:
        """The host has been up for long: no bond waits for an updelay any more."""


def bond_mode(config: BondConfig) -> tuple[str, str]:
    """The switch's mode and lacp words for XAPI's mode (networkd: lacp hashes over ports unless src_mac is wanted)."""
    if config.mode != "lacp":
        return config.mode, "off"
    return ("balance-slb" if config.properties.get("hashing_algorithm") == "src_mac" else "balance-tcp"), "active"
