# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pool as a scenario file describes it, checked but not yet XAPI's records. `place` is where it stands in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xapi_twin.dom0.model import SwitchPort
from xapi_twin.scenario.fields import NOT_IN_FILE, at_least, one_of, read_by
from xapi_twin.scenario.yaml_lines import Place

UUID = read_by(Place.uuid)


@dataclass(frozen=True)
class Address:
    """The IPv4 configuration of an interface: mode None, Static or DHCP."""

    mode: str = "None"
    ip: str = ""
    netmask: str = ""
    gateway: str = ""
    dns: str = ""


@dataclass(frozen=True)
class NicOf:
    """A NIC with its PIF. `position` decides on its network: the one with bridge xenbr<position>."""

    device: str = field(metadata=NOT_IN_FILE)
    position: int = field(metadata=at_least(0))
    mac: str
    place: Place
    uuid: str = field(default="", metadata=UUID)
    address: Address = Address()
    management: bool = False
    carrier: bool = True
    speed: int = field(default=10000, metadata=at_least(0))
    duplex: bool = True
    present: bool = True
    managed: bool = True
    attached: bool = True
    pci: str = ""
    port: SwitchPort = field(default=SwitchPort(), metadata=NOT_IN_FILE)
    mtu: int | None = field(default=None, metadata=at_least(68))  # when it is not its network's
    disallow_unplug: bool = False
    other_config: Mapping[str, str] = field(default_factory=dict)
    ipv6: tuple[str, ...] = ()
    properties: Mapping[str, str] | None = None
    network: str = ""


@dataclass(frozen=True)
class BondOf:
    """A bond that is there from the start. Without an address of its own it has that of the NIC that has one."""

    nics: tuple[str, ...]
    network: str
    place: Place
    device: str = ""
    mode: str = field(default="balance-slb", metadata=one_of("active-backup", "balance-slb", "lacp"))
    properties: Mapping[str, str] | None = None
    mac: str = field(default="", metadata=read_by(lambda place, what: place.text(what).lower()))
    uuid: str = field(default="", metadata=UUID)
    pif_uuid: str = field(default="", metadata=UUID)
    attached: bool = True
    address: Address = Address()


@dataclass(frozen=True)
class VlanOf:
    nic: str
    tag: int = field(metadata=at_least(0))
    network: str
    place: Place
    attached: bool = True
    address: Address = Address()


@dataclass(frozen=True)
class TunnelOf:
    nic: str
    network: str
    place: Place
    protocol: str = field(default="gre", metadata=one_of("gre", "vxlan"))


@dataclass(frozen=True)
class HostOf:
    name: str
    nics: tuple[NicOf, ...]
    place: Place
    uuid: str = field(default="", metadata=UUID)
    hostname: str = ""  # default: the name
    master: bool = False
    enabled: bool = True
    other_config: Mapping[str, str] = field(default_factory=dict)
    bonds: tuple[BondOf, ...] = ()
    vlans: tuple[VlanOf, ...] = ()
    tunnels: tuple[TunnelOf, ...] = ()


@dataclass(frozen=True)
class NetworkOf:
    """A network besides those of the NICs. No bridge: the next free xapi<N>."""

    name: str
    place: Place
    uuid: str = field(default="", metadata=UUID)
    bridge: str = ""
    mtu: int = field(default=1500, metadata=at_least(68))
    description: str = ""
    other_config: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    purpose: tuple[str, ...] = ()
    managed: bool = True


@dataclass(frozen=True)
class VmOf:
    """A VM with one VIF on each of the networks (by name, or by the device of a NIC)."""

    name: str
    place: Place
    uuid: str = field(default="", metadata=UUID)
    host: str = ""
    state: str = field(default="halted", metadata=one_of("running", "halted", "suspended", "paused"))
    networks: tuple[str, ...] = ()
    template: bool = False


@dataclass(frozen=True)
class StorageOf:
    """A storage repository with a PBD on each of the hosts (none named: all)."""

    name: str
    type: str
    place: Place
    uuid: str = field(default="", metadata=UUID)
    config: Mapping[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    attached: bool = True
    shared: bool = True
    default: bool = False
    content: str = "user"


@dataclass(frozen=True)
class TaskOf:
    """A pending task on a host (none named: the master); it dies when that host's xapi restarts."""

    name: str
    place: Place
    host: str = ""
    progress: float = field(default=0.0, metadata=at_least(0.0))


@dataclass(frozen=True)
class PoolOf:
    name: str
    xapi: str
    backend: str = field(metadata=one_of("openvswitch", "bridge"))
    hosts: tuple[HostOf, ...]
    place: Place
    networks: tuple[NetworkOf, ...] = ()
    uuid: str = field(default="", metadata=UUID)
    other_config: Mapping[str, str] = field(default_factory=dict)
    vms: tuple[VmOf, ...] = ()
    storage: tuple[StorageOf, ...] = ()
    tasks: tuple[TaskOf, ...] = ()
    ha_enabled: bool = False
    ha_fences: bool = False
    cluster_nic: str = ""

    @property
    def master(self) -> HostOf:
        return next((host for host in self.hosts if host.master), self.hosts[0])
