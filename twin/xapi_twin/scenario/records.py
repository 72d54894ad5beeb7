# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the description of a pool to XAPI's records, as a freshly installed pool of that version has them.

References and uuids that the file does not give are derived from the pool's name and the object's place in it: the same
file makes the same pool every time.
"""

from __future__ import annotations

import uuid as uuids
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from xapi_twin.datamodel.releases import product_of, software_version
from xapi_twin.datamodel.schema import NULL, Schema
from xapi_twin.scenario.description import Address, BondOf, HostOf, NetworkOf, NicOf, PoolOf, VmOf
from xapi_twin.scenario.model import BOOTED, HostDom0, Nic, Record, Records
from xapi_twin.scenario.yaml_lines import Place
from xapi_twin.xapi.network.addresses import VLAN_MAC, mac_of_seed

_NAMESPACE = uuids.UUID("5b9f4a3e-9c37-4d3c-8f0e-6d1d4a1f0c2b")
_LACP_DEFAULTS = {"hashing_algorithm": "tcpudp_ports", "lacp-time": "slow", "lacp-fallback-ab": "true"}
_INTERNAL = {
    "is_guest_installer_network": "true",
    "is_host_internal_management_network": "true",
    "ip_begin": "169.254.0.1",
    "ip_end": "169.254.255.254",
    "netmask": "255.255.0.0",
}
_GIB = 2**30


@dataclass
class _Draft:
    """The records so far, and what finds them again: networks by name and by bridge, PIFs by (host, device)."""

    pool: PoolOf
    schema: Schema
    records: Records = field(default_factory=dict)
    by_bridge: dict[str, str] = field(default_factory=dict)
    by_name: dict[str, list[str]] = field(default_factory=dict)
    pifs: dict[tuple[str, str], str] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)

    def uuid(self, *place: str) -> str:
        return str(uuids.uuid5(_NAMESPACE, "/".join((self.pool.name, *place))))

    def add(self, cls: str, place: tuple[str, ...], given: str = "", /, **fields: Any) -> str:
        """A record with a reference and uuid of its own; what this version of xapi does not know is left out."""
        ref = f"OpaqueRef:{self.uuid('ref', cls, *place)}"
        known = self.schema.fields(cls)
        record: Record = {"uuid": given or self.uuid(cls, *place)}
        record.update((name, value) for name, value in fields.items() if name in known)
        self.records.setdefault(cls, {})[ref] = record
        return ref

    def network_called(self, name: str, place: Place) -> str:
        """The network of that name, or of that NIC on the master."""
        found = self.by_name.get(name, [])
        if not found:
            nics = {nic.device: nic for nic in self.pool.master.nics}
            if name in nics:
                return self.by_bridge[f"xenbr{nics[name].position}"]
            raise place.error(f"there is no network '{name}'; there are {', '.join(sorted(self.by_name))}")
        if len(found) > 1:
            raise place.error(f"there are {len(found)} networks called '{name}': it cannot be said which is meant here")
        return found[0]


def records_of(pool: PoolOf) -> tuple[Records, dict[str, HostDom0]]:
    """(records, dom0 by host reference) of a described pool. Raises ScenarioError."""
    draft = _Draft(pool, Schema.load(pool.xapi))
    for cls in ("pool", "host", "host_metrics", "network", "PIF", "PIF_metrics"):
        draft.records[cls] = {}
    _networks(draft)
    for host in pool.hosts:
        draft.hosts[host.name] = _host(draft, host)
    for host in pool.hosts:
        _pifs(draft, host)
        for bond in host.bonds:
            _bond(draft, host, bond)
        _vlans(draft, host)
        _tunnels(draft, host)
    default_sr = _storage(draft)
    for vm in pool.vms:
        _vm(draft, vm)
    _tasks(draft)
    _cluster(draft)
    draft.add(
        "pool",
        ("pool",),
        pool.uuid,
        name_label=pool.name,
        master=draft.hosts[pool.master.name],
        default_SR=default_sr,
        ha_enabled=pool.ha_enabled,
        other_config={"memory-ratio-hvm": "0.25", "memory-ratio-pv": "0.25", **pool.other_config},
        tls_verification_enabled=draft.schema.at_least("24.0"),
    )
    return draft.records, {draft.hosts[host.name]: _dom0(host) for host in pool.hosts}


def _dom0(host: HostOf) -> HostDom0:
    nics = tuple(
        Nic(nic.device, nic.mac, nic.carrier, nic.speed, nic.duplex, nic.present, nic.pci, nic.port)
        for nic in host.nics
    )  # fmt: skip
    return HostDom0(nics=nics, hostname=host.hostname)


# networks


def _networks(draft: _Draft) -> None:
    """One network for each position that any host has a NIC at, the internal one, and those that the file lists."""
    pool = draft.pool
    listed = {network.bridge: network for network in pool.networks if network.bridge}
    devices: dict[int, str] = {}
    for host in (pool.master, *pool.hosts):
        for nic in host.nics:
            if not nic.network:
                devices.setdefault(nic.position, nic.device)
    for position, device in sorted(devices.items()):
        bridge = f"xenbr{position}"
        by_number = draft.schema.at_least("26.1")  # recorded: "…associated with eth2" up to 25, "Pool-wide network 2" on 26
        name = f"Pool-wide network {position}" if by_number else f"Pool-wide network associated with {device}"
        _network(draft, listed.pop(bridge, NetworkOf(name=name, bridge=bridge, place=pool.place)), bridge)
    _network(
        draft,
        NetworkOf(
            name="Host internal management network",
            bridge="xenapi",
            description="Network on which guests will be assigned a private link-local IP address which can be used to talk XenAPI",
            other_config=_INTERNAL,
            place=pool.place,
        ),
        "xenapi",
    )
    free = (f"xapi{number}" for number in range(10**6) if f"xapi{number}" not in listed)
    for network in pool.networks:
        if not network.bridge or network.bridge in listed:
            _network(draft, network, network.bridge or next(free))


def _network(draft: _Draft, network: NetworkOf, bridge: str) -> None:
    if bridge in draft.by_bridge:
        raise network.place.error(f"two networks have the bridge '{bridge}'")
    ref = draft.add(
        "network",
        (bridge,),
        network.uuid,
        name_label=network.name,
        name_description=network.description,
        bridge=bridge,
        MTU=network.mtu,
        other_config=dict(network.other_config),
        tags=list(network.tags),
        purpose=list(network.purpose),
        managed=network.managed,
        default_locking_mode="unlocked",
    )
    draft.by_bridge[bridge] = ref
    draft.by_name.setdefault(network.name, []).append(ref)


# hosts and their interfaces


def _host(draft: _Draft, host: HostOf) -> str:
    pool = draft.pool
    product = product_of(pool.xapi)
    metrics = draft.add(
        "host_metrics", (host.name,), live=True, memory_total=64 * _GIB, memory_free=48 * _GIB, last_updated=datetime.now(timezone.utc)
    )
    management = next(nic for nic in host.nics if nic.management)
    address = management.address.ip or next((b.address.ip for b in host.bonds if management.device in b.nics), "")
    ref = draft.add(
        "host",
        (host.name,),
        host.uuid,
        name_label=host.name,
        name_description="Default install",
        hostname=host.hostname,
        address=address,
        enabled=host.enabled,
        metrics=metrics,
        API_version_major=product.api[0],
        API_version_minor=product.api[1],
        API_version_vendor="XenSource",
        software_version=software_version(pool.xapi, pool.backend),
        other_config={"agent_start_time": BOOTED, "boot_time": BOOTED, **host.other_config},
        allowed_operations=["vm_migrate", "provision", "vm_resume", "evacuate", "vm_start"],
        tls_verification_enabled=draft.schema.at_least("24.0"),
        edition="xcp-ng" if product.brand == "XCP-ng" else "free",
    )
    control_domain = draft.add(
        "VM",
        ("dom0", host.name),
        name_label=f"Control domain on host: {host.name}",
        name_description="The domain which manages physical devices and manages other domains",
        power_state="Running",
        is_control_domain=True,
        resident_on=ref,
        affinity=ref,
        domid=0,
        memory_static_max=4 * _GIB,
        memory_dynamic_max=4 * _GIB,
        memory_dynamic_min=4 * _GIB,
        memory_target=4 * _GIB,
        # create_misc.ml counts the CPUs that dom0 sees.
        VCPUs_max=4,
        VCPUs_at_startup=4,
    )
    if "control_domain" in draft.schema.fields("host"):
        draft.records["host"][ref]["control_domain"] = control_domain
    return ref


def _address_fields(address: Address) -> dict[str, Any]:
    return {
        "ip_configuration_mode": address.mode,
        "IP": address.ip,
        "netmask": address.netmask,
        "gateway": address.gateway,
        "DNS": address.dns,
    }


def _pif(draft: _Draft, host: HostOf, device: str, vlan: int = -1, given: str = "", /, **fields: Any) -> str:
    place = (host.name, device if vlan < 0 else f"{device}.{vlan}")
    facts = {"carrier": True, "speed": 10000, "duplex": True, "pci_bus_path": "N/A"} | fields.pop("metrics", {})
    metrics = draft.add("PIF_metrics", place, **facts)
    owner = draft.hosts[host.name]
    filled = {"host": owner, "device": device, "VLAN": vlan, "MTU": 1500, "metrics": metrics, "primary_address_type": "IPv4"}
    ref = draft.add("PIF", place, given, **(filled | fields))
    draft.pifs[place] = ref
    return ref


def _pifs(draft: _Draft, host: HostOf) -> None:
    for nic in host.nics:
        network = draft.network_called(nic.network, nic.place) if nic.network else draft.by_bridge[f"xenbr{nic.position}"]
        mtu = draft.records["network"][network]["MTU"] if nic.mtu is None else nic.mtu
        own_mtu = {"mtu": str(mtu)} if mtu != draft.records["network"][network]["MTU"] else {}  # what overrules the network's
        _pif(
            draft,
            host,
            nic.device,
            -1,
            nic.uuid,
            network=network,
            MAC=nic.mac,
            MTU=mtu,
            physical=True,
            managed=nic.managed,
            management=nic.management,
            currently_attached=nic.attached and nic.managed,
            disallow_unplug=nic.disallow_unplug,
            other_config={**nic.other_config, **own_mtu},
            IPv6=list(nic.ipv6),
            ipv6_configuration_mode="Static" if nic.ipv6 else "None",
            properties={"gro": "on"} if nic.properties is None else dict(nic.properties),
            metrics={"carrier": nic.carrier, "speed": nic.speed, "duplex": nic.duplex, "pci_bus_path": nic.pci},
            **_address_fields(nic.address),
        )


def _bond(draft: _Draft, host: HostOf, bond: BondOf) -> None:
    taken = {device for name, device in draft.pifs if name == host.name}
    device = bond.device or next(f"bond{n}" for n in range(10**6) if f"bond{n}" not in taken)
    nics = {nic.device: nic for nic in host.nics}
    members: list[NicOf] = [nics[name] for name in bond.nics]
    primary = next((nic for nic in members if nic.management), next((nic for nic in members if nic.address.ip), members[0]))
    address = bond.address if bond.address.ip else primary.address
    pifs = draft.records["PIF"]
    network = draft.network_called(bond.network, bond.place)
    master = _pif(
        draft,
        host,
        device,
        -1,
        bond.pif_uuid,
        network=network,
        MAC=bond.mac or pifs[draft.pifs[host.name, primary.device]]["MAC"],
        MTU=draft.records["network"][network]["MTU"],
        physical=False,
        currently_attached=bond.attached,
        management=primary.management,
        disallow_unplug=any(nic.disallow_unplug for nic in members),
        IPv6=[""],
        properties={"gro": "on"} if primary.properties is None else dict(primary.properties),
        metrics={"carrier": True, "speed": sum(nic.speed for nic in members)},
        **_address_fields(address),
    )
    properties = bond.properties if bond.properties is not None else _LACP_DEFAULTS if bond.mode == "lacp" else {}
    ref = draft.add(
        "Bond",
        (host.name, device),
        bond.uuid,
        master=master,
        primary_slave=draft.pifs[host.name, primary.device],
        mode=bond.mode,
        properties=dict(properties),
        links_up=sum(nic.carrier for nic in members),
        auto_update_mac=not bond.mac,
    )
    for nic in members:
        slave = pifs[draft.pifs[host.name, nic.device]]
        if slave.get("bond_slave_of", NULL) != NULL:
            raise bond.place.error(f"{host.name}: {nic.device} is in two bonds")
        slave.update(bond_slave_of=ref, currently_attached=False, management=False, disallow_unplug=False)
        if nic is primary:
            slave.update(_address_fields(Address()))


def _vlans(draft: _Draft, host: HostOf) -> None:
    bonded = {nic: bond for bond in host.bonds for nic in bond.nics}
    for vlan in host.vlans:
        if vlan.nic in bonded:
            raise vlan.place.error(f"{host.name}: {vlan.nic} is in a bond; a VLAN there is not possible")
        if (host.name, f"{vlan.nic}.{vlan.tag}") in draft.pifs:
            raise vlan.place.error(f"{host.name}: VLAN {vlan.tag} on {vlan.nic} is here twice")
        tagged = draft.pifs[host.name, vlan.nic]
        network = draft.network_called(vlan.network, vlan.place)
        untagged = _pif(
            draft,
            host,
            vlan.nic,
            vlan.tag,
            network=network,
            MAC=VLAN_MAC,
            MTU=draft.records["network"][network]["MTU"],
            physical=False,
            currently_attached=vlan.attached,
            IPv6=[""],
            **_address_fields(vlan.address),
        )
        ref = draft.add("VLAN", (host.name, vlan.nic, str(vlan.tag)), tagged_PIF=tagged, untagged_PIF=untagged, tag=vlan.tag)
        draft.records["PIF"][untagged]["VLAN_master_of"] = ref


def _tunnels(draft: _Draft, host: HostOf) -> None:
    for number, tunnel in enumerate(host.tunnels):
        access = _pif(
            draft,
            host,
            f"tunnel{number}",
            network=draft.network_called(tunnel.network, tunnel.place),
            MAC=f"02:00:00:{len(draft.pifs) // 256:02x}:{len(draft.pifs) % 256:02x}:{number:02x}",
            physical=False,
            currently_attached=True,
            IPv6=[""],
        )
        draft.add(
            "tunnel",
            (host.name, str(number)),
            access_PIF=access,
            transport_PIF=draft.pifs[host.name, tunnel.nic],
            status={"active": "false"},
            protocol=tunnel.protocol,
        )


# what lives on the network


def _storage(draft: _Draft) -> str:
    """The pool's storage; answers the reference of the default one."""
    default = NULL
    for number, storage in enumerate(draft.pool.storage):
        sr = draft.add(
            "SR",
            (str(number), storage.name),
            storage.uuid,
            name_label=storage.name,
            type=storage.type,
            content_type=storage.content,
            shared=storage.shared,
            physical_size=1024 * _GIB,
            physical_utilisation=256 * _GIB,
        )
        default = sr if storage.default else default
        for host in storage.hosts or tuple(draft.hosts):
            draft.add(
                "PBD",
                (str(number), storage.name, host),
                host=draft.hosts[host],
                SR=sr,
                device_config=dict(storage.config),
                currently_attached=storage.attached,
            )
    return default


def _vm(draft: _Draft, vm: VmOf) -> None:
    running = vm.state in ("running", "paused")
    resident = draft.hosts[vm.host] if running else NULL
    seed = draft.uuid("mac_seed", vm.name)
    ref = draft.add(
        "VM",
        (vm.name,),
        vm.uuid,
        name_label=vm.name,
        power_state=vm.state.capitalize(),
        resident_on=resident,
        affinity=draft.hosts[vm.host] if vm.host else NULL,
        is_a_template=vm.template,
        domid=len(draft.records["VM"]) if running else -1,
        memory_static_max=2 * _GIB,
        memory_dynamic_max=2 * _GIB,
        memory_dynamic_min=2 * _GIB,
        memory_static_min=_GIB,
        memory_target=2 * _GIB if running else 0,
        VCPUs_max=2,
        VCPUs_at_startup=2,
        other_config={"mac_seed": seed},
    )
    for number, name in enumerate(vm.networks):
        draft.add(
            "VIF",
            (vm.name, str(number)),
            device=str(number),
            VM=ref,
            network=draft.network_called(name, vm.place),
            MAC=mac_of_seed(seed, number),
            MAC_autogenerated=True,
            MTU=1500,
            currently_attached=running,
            locking_mode="network_default",
        )


def _tasks(draft: _Draft) -> None:
    for number, task in enumerate(draft.pool.tasks):
        draft.add(
            "task",
            (str(number),),
            name_label=task.name,
            status="pending",
            progress=task.progress,
            resident_on=draft.hosts[task.host or draft.pool.master.name],
            created=datetime.now(timezone.utc),
            type="<none/>",
            subtask_of=NULL,
        )


def _cluster(draft: _Draft) -> None:
    nic = draft.pool.cluster_nic
    if not nic:
        return
    if "Cluster_host" not in draft.schema.classes or not draft.schema.at_least("7.6"):
        raise draft.pool.place.error(f"xapi {draft.pool.xapi} does not know clusters yet (7.6 does)")
    cluster = draft.add("Cluster", ("cluster",), cluster_stack="corosync", cluster_token="twin", pool_auto_join=True)
    for host, ref in draft.hosts.items():
        draft.add("Cluster_host", (host,), cluster=cluster, host=ref, enabled=True, PIF=draft.pifs[host, nic])
