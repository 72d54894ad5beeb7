# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The network of a pool as values: what one read of XAPI's records says, and nothing else.

Everything here is frozen and pure. Objects name each other by XAPI reference; `Pool` finds them. References are only good within one read.
Fields that a version of XAPI does not have get the value that they mean there (``properties`` {} before 6.1, ``managed`` true before 7.0).
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._pool.records import faults
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError

Records = Mapping[str, Mapping[str, Mapping[str, Any]]]
NULL = "OpaqueRef:NULL"

# device_config keys of shared storage that hold an address (and never a secret): NFS and SMB server, iSCSI target, CIFS location, multipath
# list.
STORAGE_ADDRESS_KEYS = ("server", "target", "serverpath", "location", "multihomelist", "multiSession", "masterhost", "ips")
# Of these the whole value is a server, which may be given by name (drivers of NFS and iSCSI); SMB has it between slashes.
STORAGE_SERVER_KEYS = ("server", "target", "masterhost")
# Of XOSTOR / LINSTOR device_config tells the group only: its DRBD runs over the management interface, or over the one that was chosen as
# PrefNic on the host, which XAPI does not know (XCP-ng's documentation of XOSTOR).
WITHOUT_ADDRESS = ("linstor",)
# Calls that change a pool's network, by the beginning of their names.
NETWORK_CALLS = ("Bond.", "PIF.", "VLAN.", "network.", "tunnel.")
# What XAPI does with an SR now and then by itself, and does again when it was cut off.
PASSING = ("scan", "update")


# What updates ask of a host afterwards; the last two came with XenServer 8.
GUIDANCES = ("pending_guidances", "pending_guidances_recommended", "pending_guidances_full")


class PoolRecordsError(NetworkError):
    """The records are not those of one pool. The sentence says what is missing."""


@dataclass(frozen=True)
class Host:
    """A host. `version` is xapi's as numbers, (24, 19, 2); `release` the product's, "8.3.0"; `backend` openvswitch or bridge.

    `name` is unique in the pool: XAPI's `name_label`, and the uuid with it where several hosts have the same.

    `boot_paths`: of a host that boots from a SAN, how many paths multipath has to that disk, and how many it could have.

    `live` is what host_metrics says; it stays true for minutes after a crash. It is false while the xapi of a living host is restarted as a
    service, as `enabled` is (recorded), so that neither alone tells a host that is gone from one that is coming up.
    """

    ref: str
    uuid: str
    name: str
    hostname: str
    address: str
    master: bool
    enabled: bool
    live: bool
    version: tuple[int, ...]
    xapi: str
    release: str
    product: str
    build: str
    backend: str
    agent_start_time: str
    guidances: tuple[str, ...] = ()
    name_label: str = ""
    operations: tuple[str, ...] = ()  # what XAPI is doing with the host right now: evacuate, vm_start, …
    boot_paths: tuple[int, int] | None = None

    def answers_to(self, name: str) -> bool:
        """True when a user may mean this host by that name: its name, uuid, address or host name."""
        return name in (self.name, self.name_label, self.uuid, self.address, self.hostname) and name != ""

    def at_least(self, *version: int) -> bool:
        """True when this host's xapi is that version or later. Below 7.0 `version` starts with 0."""
        return self.version >= version


@dataclass(frozen=True)
class Network:
    ref: str
    uuid: str
    name: str
    description: str
    bridge: str
    mtu: int
    managed: bool
    other_config: Mapping[str, str]
    tags: tuple[str, ...]
    purpose: tuple[str, ...]
    pifs: tuple[str, ...]
    vifs: tuple[str, ...]

    @property
    def position(self) -> int | None:
        """N of a bridge called xenbrN: how xapi 25.35 and later recognises the same NIC on each host; None for any other bridge."""
        match = re.fullmatch(r"xenbr(\d+)", self.bridge)
        return int(match.group(1)) if match else None


@dataclass(frozen=True)
class Pif:
    """A PIF: a NIC, a bond's interface, a VLAN or a tunnel. References are "" where XAPI has the null reference."""

    ref: str
    uuid: str
    host: str
    network: str
    device: str
    mac: str
    mtu: int
    vlan: int
    physical: bool
    managed: bool
    management: bool
    attached: bool
    disallow_unplug: bool
    ip_mode: str
    ip: str
    netmask: str
    gateway: str
    dns: str
    ipv6_mode: str
    ipv6: tuple[str, ...]
    ipv6_gateway: str
    primary_address_type: str
    properties: Mapping[str, str]
    other_config: Mapping[str, str]
    capabilities: tuple[str, ...]
    bond_slave_of: str
    bond_master_of: str
    vlan_master_of: str
    vlan_slave_of: tuple[str, ...]
    tunnel_access: bool
    tunnel_transport_of: tuple[str, ...]
    sriov_logical: bool
    sriov_physical: bool
    carrier: bool
    speed: int
    duplex: bool
    vendor: str
    pci_bus_path: str

    @property
    def configured(self) -> bool:
        """It has an IPv4 configuration, static or by DHCP."""
        return self.ip_mode != "None"

    @property
    def subnet(self) -> ipaddress.IPv4Network | None:
        """The IPv4 subnet of its address; None without one."""
        if not self.ip or not self.netmask:
            return None
        try:
            return ipaddress.IPv4Network(f"{self.ip}/{self.netmask}", strict=False)
        except ValueError:  # netmasks with holes are accepted by xapi up to v24
            return None


@dataclass(frozen=True)
class Bond:
    """A bond. `members` are references of PIFs in no particular order (XAPI's is not the one they were given in)."""

    ref: str
    uuid: str
    master: str
    members: frozenset[str]
    primary: str
    mode: str
    properties: Mapping[str, str]
    links_up: int
    auto_update_mac: bool


@dataclass(frozen=True)
class Vlan:
    ref: str
    uuid: str
    tag: int
    tagged: str
    untagged: str


@dataclass(frozen=True)
class Tunnel:
    ref: str
    uuid: str
    access: str
    transport: str


@dataclass(frozen=True)
class Vif:
    """A virtual interface of a VM. `vm_name` and `host` are known only when the read included the VM."""

    ref: str
    network: str
    device: str
    attached: bool
    vm: str
    vm_name: str = ""
    host: str = ""


@dataclass(frozen=True)
class Storage:
    """A PBD: one host's way to one SR. `addresses` and `names` are those of servers in its device_config; nothing else of it is kept (it
    may hold passwords). `paths`: with multipath, how many paths the host has to each device, and how many it could have.
    """

    ref: str
    uuid: str
    host: str
    sr_uuid: str
    sr_name: str
    sr_type: str
    attached: bool
    addresses: tuple[str, ...]
    names: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()  # what XAPI is doing with the SR right now
    paths: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """An unfinished task. `host` is where it runs."""

    ref: str
    uuid: str
    name: str
    host: str

    @property
    def changes_network(self) -> bool:
        """It is a call that changes the network of the pool."""
        return self.name.removeprefix("Async.").startswith(NETWORK_CALLS)


@dataclass(frozen=True)
class Pool:
    """Everything that matters to the network of a pool, from one read. `hosts`: the master first, then by name."""

    uuid: str
    name: str
    master: Host
    hosts: tuple[Host, ...]
    ha_enabled: bool
    other_config: Mapping[str, str]
    networks: Mapping[str, Network]
    pifs: Mapping[str, Pif]
    bonds: Mapping[str, Bond]
    vlans: Mapping[str, Vlan]
    tunnels: Mapping[str, Tunnel]
    vifs: Mapping[str, Vif]
    storages: tuple[Storage, ...]
    tasks: tuple[Task, ...]
    cluster_pifs: frozenset[str] = frozenset()
    _pifs_of_host: Mapping[str, tuple[Pif, ...]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def members(self) -> tuple[Host, ...]:
        """Every host but the master, by name."""
        return self.hosts[1:]

    def host(self, ref: str) -> Host:
        """The host with this reference. Raises KeyError."""
        for host in self.hosts:
            if host.ref == ref:
                return host
        raise KeyError(ref)

    def host_called(self, name: str) -> Host | None:
        """The host that a user means by a name, uuid, address or host name; None when there is none or more than one."""
        found = [host for host in self.hosts if host.answers_to(name)]
        return found[0] if len(found) == 1 else None

    def host_meant(self, *names: str | None) -> Host:
        """The host that one of the names fits, the first name first. Raises NetworkError when there is none, or more than one."""
        given = [name for name in names if name]
        for name in given:
            hosts = [host for host in self.hosts if host.answers_to(name)]
            if len(hosts) > 1:
                raise NetworkError(
                    f"{len(hosts)} hosts of the pool {self.name or self.uuid} answer to {name}: "
                    f"{', '.join(f'{host.name} ({host.uuid}, {host.address})' for host in hosts)}. Give the uuid of one of them in host."
                )
            if hosts:
                return hosts[0]
        raise NetworkError(
            f"The pool {self.name or self.uuid} has no host {' or '.join(dict.fromkeys(given))}. It has "
            f"{', '.join(f'{host.name} ({host.address})' for host in self.hosts)}: name one of them in host, by name, uuid or address."
        )

    def networks_called(self, name: str) -> tuple[Network, ...]:
        """All networks with this name: XAPI lets names repeat."""
        return tuple(sorted((network for network in self.networks.values() if network.name == name), key=lambda found: found.uuid))

    def pifs_of(self, host: Host) -> tuple[Pif, ...]:
        """The PIFs of a host, by device and VLAN."""
        return self._pifs_of_host.get(host.ref, ())

    def nic(self, host: Host, device: str) -> Pif | None:
        """The physical PIF of a host with this device name."""
        for pif in self.pifs_of(host):
            if pif.physical and pif.device == device:
                return pif
        return None

    def on_network(self, host: Host, network: Network) -> tuple[Pif, ...]:
        """The PIFs of a host on a network (XAPI allows one, half-made objects aside)."""
        return tuple(pif for pif in self.pifs_of(host) if pif.network == network.ref)

    def bond_of(self, pif: Pif) -> Bond | None:
        """The bond whose own interface this PIF is."""
        return self.bonds.get(pif.bond_master_of)

    def bond_on(self, host: Host, network: Network) -> Bond | None:
        """The bond of a host on a network."""
        for pif in self.on_network(host, network):
            bond = self.bond_of(pif)
            if bond is not None:
                return bond
        return None

    def bond_members(self, bond: Bond) -> tuple[Pif, ...]:
        """The NICs of a bond, by device."""
        return by_device(self.pifs[ref] for ref in bond.members if ref in self.pifs)

    def storages_of(self, host: Host) -> tuple[Storage, ...]:
        return tuple(storage for storage in self.storages if storage.host == host.ref)


def with_changes(
    pool: Pool, *, pifs: Mapping[str, Pif], bonds: Mapping[str, Bond], vlans: Mapping[str, Vlan], networks: Mapping[str, Network]
) -> Pool:
    """The same pool with these PIFs, bonds, VLANs and networks."""
    return replace(pool, pifs=pifs, bonds=bonds, vlans=vlans, networks=networks, _pifs_of_host=_by_host(pool.hosts, pifs))


def _by_host(hosts: Iterable[Host], pifs: Mapping[str, Pif]) -> dict[str, tuple[Pif, ...]]:
    of_host: dict[str, list[Pif]] = {host.ref: [] for host in hosts}
    for pif in pifs.values():
        of_host.setdefault(pif.host, []).append(pif)
    return {host: by_device(found) for host, found in of_host.items()}


def by_device(pifs: Iterable[Pif]) -> tuple[Pif, ...]:
    """PIFs in the order of their device names, eth2 before eth10."""
    return tuple(sorted(pifs, key=lambda pif: (natural(pif.device), pif.vlan)))


def natural(text: str) -> tuple[Any, ...]:
    """A sort key under which xs-2 comes before xs-10."""
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", text) if part)


def read(records: Records) -> Pool:
    """The pool that these records describe.

    Raises PoolRecordsError when they hold no pool or no master, or are not like XAPI's.
    """
    if fault := next(faults(records), None):
        raise PoolRecordsError(f"{fault} Nothing can be planned on such a pool: is this XAPI, and does its database answer in full?")
    pools = records.get("pool", {})
    if len(pools) != 1:
        raise PoolRecordsError(f"XAPI named {len(pools)} pools instead of one; its database is not ready.")
    record = next(iter(pools.values()))
    hosts = _told_apart([_host(ref, host, records, ref == record["master"]) for ref, host in records.get("host", {}).items()])
    hosts.sort(key=lambda host: (not host.master, natural(host.name), host.uuid))
    if not hosts or not hosts[0].master:
        raise PoolRecordsError("XAPI does not say which host is the pool master; its database is not ready.")
    pifs = {ref: _pif(ref, pif, records) for ref, pif in records.get("pif", {}).items()}
    return Pool(
        uuid=record["uuid"],
        name=record.get("name_label", ""),
        master=hosts[0],
        hosts=tuple(hosts),
        ha_enabled=bool(record.get("ha_enabled", False)),
        other_config=dict(record.get("other_config", {})),
        networks={ref: _network(ref, network) for ref, network in records.get("network", {}).items()},
        pifs=pifs,
        bonds={ref: _bond(ref, bond) for ref, bond in records.get("bond", {}).items()},
        vlans={
            ref: Vlan(ref, vlan["uuid"], int(vlan["tag"]), vlan["tagged_PIF"], vlan["untagged_PIF"])
            for ref, vlan in records.get("vlan", {}).items()
        },
        tunnels={
            ref: Tunnel(ref, tunnel["uuid"], tunnel["access_PIF"], tunnel["transport_PIF"])
            for ref, tunnel in records.get("tunnel", {}).items()
        },
        vifs={ref: _vif(ref, vif, records) for ref, vif in records.get("vif", {}).items()},
        storages=_storages(records),
        tasks=tuple(
            Task(ref, task["uuid"], task["name_label"], _ref(task.get("resident_on")))
            for ref, task in records.get("task", {}).items()
            if task["status"] == "pending"
        ),
        cluster_pifs=frozenset(cluster_host["PIF"] for cluster_host in records.get("cluster_host", {}).values()),
        _pifs_of_host=_by_host(hosts, pifs),
    )


def _ref(value: Any) -> str:
    return value if isinstance(value, str) and value != NULL else ""


def _first(value: Iterable[str] | None) -> str:
    return next(iter(value or ()), "")


def _host(ref: str, record: Mapping[str, Any], records: Records, master: bool) -> Host:
    software = record.get("software_version", {})
    metrics = records.get("host_metrics", {}).get(record.get("metrics", NULL), {})
    release = software.get("product_version", "")
    return Host(
        ref=ref,
        uuid=record["uuid"],
        name=record.get("name_label", ""),
        name_label=record.get("name_label", ""),
        hostname=record.get("hostname", ""),
        address=record.get("address", ""),
        master=master,
        enabled=bool(record.get("enabled", True)),
        live=bool(metrics.get("live", True)),
        version=version_of(software),
        xapi=software.get("xapi_build") or software.get("xapi", ""),
        release=release,
        product=software.get("product_brand", ""),
        build=software.get("xapi_build") or software.get("build_number", ""),
        backend=software.get("network_backend", "openvswitch"),
        agent_start_time=record.get("other_config", {}).get("agent_start_time", ""),
        guidances=tuple(sorted({guidance for key in GUIDANCES for guidance in record.get(key, ())})),
        operations=_operations(record),
        boot_paths=paths_in(record.get("other_config", {})).get("boot"),  # the storage manager counts them there; mpathalert.ml
    )


def _told_apart(hosts: Sequence[Host]) -> list[Host]:
    """The same hosts, each with a name of its own. XAPI lets names repeat, and an installer calls every host localhost.localdomain."""
    often = Counter(host.name for host in hosts)
    return [host if often[host.name] == 1 else replace(host, name=f"{host.name} ({host.uuid})") for host in hosts]


def _operations(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Of current_operations, a map from tasks."""
    return tuple(sorted(set(record.get("current_operations", {}).values())))


def version_of(software_version: Mapping[str, str]) -> tuple[int, ...]:
    """xapi's version as numbers. Where the host does not tell xapi's own, the product's stands for it: 6.2 is (0, 6, 2), 7.x and 8.x are
    (1, …).

    xapi numbered itself 1.x up to Citrix Hypervisor 8.2 and by year after (field names of Host.software_version: xen-api, xapi_globs.ml).
    """
    build = re.match(r"\d+(\.\d+)*", software_version.get("xapi_build", ""))
    if build is not None:
        return tuple(int(part) for part in build.group().split("."))
    product = re.match(r"\d+(\.\d+)*", software_version.get("product_version", ""))
    numbers = tuple(int(part) for part in product.group().split(".")) if product else (0,)
    return (0, *numbers) if numbers[0] < 7 else (1, 9) if numbers[0] < 9 else (26,)


def _network(ref: str, record: Mapping[str, Any]) -> Network:
    return Network(
        ref=ref,
        uuid=record["uuid"],
        name=record.get("name_label", ""),
        description=record.get("name_description", ""),
        bridge=record.get("bridge", ""),
        mtu=int(record.get("MTU", 1500)),
        managed=bool(record.get("managed", True)),
        other_config=dict(record.get("other_config", {})),
        tags=tuple(record.get("tags", ())),
        purpose=tuple(record.get("purpose", ())),
        pifs=tuple(record.get("PIFs", ())),
        vifs=tuple(record.get("VIFs", ())),
    )


def _pif(ref: str, record: Mapping[str, Any], records: Records) -> Pif:
    metrics = records.get("pif_metrics", {}).get(record.get("metrics", NULL), {})
    return Pif(
        ref=ref,
        uuid=record["uuid"],
        host=record["host"],
        network=record["network"],
        device=record["device"],
        mac=record.get("MAC", "").lower(),
        mtu=int(record.get("MTU", 1500)),
        vlan=int(record.get("VLAN", -1)),
        physical=bool(record.get("physical", False)),
        managed=bool(record.get("managed", True)),
        management=bool(record.get("management", False)),
        attached=bool(record.get("currently_attached", False)),
        disallow_unplug=bool(record.get("disallow_unplug", False)),
        ip_mode=record.get("ip_configuration_mode", "None"),
        ip=record.get("IP", ""),
        netmask=record.get("netmask", ""),
        gateway=record.get("gateway", ""),
        dns=record.get("DNS", ""),
        ipv6_mode=record.get("ipv6_configuration_mode", "None"),
        ipv6=tuple(address for address in record.get("IPv6", ()) if address),  # [] or [""] by how the PIF came to be (recorded)
        ipv6_gateway=record.get("ipv6_gateway", ""),
        primary_address_type=record.get("primary_address_type", "IPv4"),
        properties=dict(record.get("properties", {})),
        other_config=dict(record.get("other_config", {})),
        capabilities=tuple(record.get("capabilities", ())),
        bond_slave_of=_ref(record.get("bond_slave_of")),
        bond_master_of=_first(record.get("bond_master_of")),
        vlan_master_of=_ref(record.get("VLAN_master_of")),
        vlan_slave_of=tuple(record.get("VLAN_slave_of", ())),
        tunnel_access=bool(record.get("tunnel_access_PIF_of")),
        tunnel_transport_of=tuple(record.get("tunnel_transport_PIF_of", ())),
        sriov_logical=bool(record.get("sriov_logical_PIF_of")),
        sriov_physical=bool(record.get("sriov_physical_PIF_of")),
        carrier=bool(metrics.get("carrier", True)),
        speed=int(metrics.get("speed", 0)),
        duplex=bool(metrics.get("duplex", True)),
        vendor=metrics.get("vendor_name", ""),
        pci_bus_path=metrics.get("pci_bus_path", ""),
    )


def _bond(ref: str, record: Mapping[str, Any]) -> Bond:
    return Bond(
        ref=ref,
        uuid=record["uuid"],
        master=_ref(record.get("master")),
        members=frozenset(record.get("slaves", ())),
        primary=_ref(record.get("primary_slave")),
        mode=record.get("mode", "balance-slb"),
        properties=dict(record.get("properties", {})),
        links_up=int(record.get("links_up", 0)),
        auto_update_mac=bool(record.get("auto_update_mac", True)),
    )


def _vif(ref: str, record: Mapping[str, Any], records: Records) -> Vif:
    machine = records.get("vm", {}).get(record.get("VM", NULL), {})
    return Vif(
        ref=ref,
        network=record["network"],
        device=record.get("device", ""),
        attached=bool(record.get("currently_attached", False)),
        vm=_ref(record.get("VM")),
        vm_name=machine.get("name_label", ""),
        host=_ref(machine.get("resident_on")),
    )


def _storages(records: Records) -> tuple[Storage, ...]:
    found = []
    for ref, record in records.get("pbd", {}).items():
        repository = records.get("sr", {}).get(record.get("SR", NULL), {})
        config = record.get("device_config", {})
        found.append(
            Storage(
                ref=ref,
                uuid=record["uuid"],
                host=record["host"],
                sr_uuid=repository.get("uuid", ""),
                sr_name=repository.get("name_label", ""),
                sr_type=repository.get("type", ""),
                attached=bool(record.get("currently_attached", False)),
                addresses=tuple(address for key in STORAGE_ADDRESS_KEYS for address in addresses_in(config.get(key, ""))),
                names=tuple(name for key in STORAGE_SERVER_KEYS for name in names_in(config.get(key, ""))),
                operations=tuple(operation for operation in _operations(repository) if operation not in PASSING),
                paths=paths_in(record.get("other_config", {})),
            )
        )
    return tuple(sorted(found, key=lambda storage: (storage.sr_name, storage.uuid)))


def paths_in(other_config: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    """The paths of each device out of a PBD's other_config, where the storage manager counts them: {"mpath-360a98…": "[2, 4]"}."""
    found = {key: re.fullmatch(r"\s*\[\s*(\d{1,4})\s*,\s*(\d{1,4})\s*\]\s*", value) for key, value in other_config.items()}
    return {
        key.removeprefix("mpath-"): (int(match.group(1)), int(match.group(2)))
        for key, match in sorted(found.items())
        if match and key.startswith("mpath-")
    }


def addresses_in(text: str) -> tuple[str, ...]:
    """IPv4 addresses written in a device_config value: "10.0.0.1:/export", "10.0.0.1,10.0.1.1", "//10.0.0.1/iso"."""
    found = []
    for candidate in re.findall(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])", text):
        try:
            found.append(str(ipaddress.IPv4Address(candidate)))
        except ValueError:
            continue
    return tuple(found)


def names_in(text: str) -> tuple[str, ...]:
    """Host names in a device_config value that says servers: "nas1.example.com", "nas1,10.0.1.1:3260", "//nas1/iso"."""
    servers = (part.strip().removeprefix("//").partition("/")[0].partition(":")[0] for part in text.split(","))
    return tuple(server for server in servers if re.fullmatch(r"(?=.*[A-Za-z])[\w.-]+", server))
