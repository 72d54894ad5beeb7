# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pool to test on, as XAPI's records: the storage tutorial's shape, changed by each test to what it is about.

made = APool("xs-1", "xs-2")                     # the first is the master; eth0 to eth5 each; eth0 is the management interface
made.address("xs-1", "eth2", "172.16.0.35")
made.nic("xs-2", "eth4")["MTU"] = "9000"         # any field of XAPI, as XAPI sends it
made.bond("xs-1", "NAS", ["eth2", "eth4"])
pool = made.pool
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.spec import BondSpec
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import read as read_spec
from ansible_collections.xapi.network.plugins.module_utils._pool import model
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Pool

Record = dict[str, Any]
NULL = "OpaqueRef:NULL"


class APool:
    """Records by class and reference. Every method that makes an object answers its record, for a test to change."""

    def __init__(self, *hosts: str, xapi: str = "26.17.0", nics: int = 6, backend: str = "openvswitch") -> None:
        self.records: dict[str, dict[str, Record]] = {}
        self._numbers: dict[str, int] = {}
        for number in range(nics):
            self.network(f"Pool-wide network {number}", bridge=f"xenbr{number}")
        for number, host in enumerate(hosts or ("xs-1", "xs-2")):
            self._host(number, host, xapi, nics, backend)
        master = next(iter(self.records["host"]))
        self._add("pool", "lab", name_label="lab", master=master, ha_enabled=False, other_config={})

    @property
    def pool(self) -> Pool:
        return model.read(self.records)

    # what is there

    def host(self, name: str) -> Record:
        return self._one("host", name_label=name)

    def ref(self, kind: str, record: Record) -> str:
        return next(ref for ref, known in self.records[kind].items() if known is record)

    def nic(self, host: str, device: str) -> Record:
        """The PIF of a host with this device name: a NIC, or a bond's own."""
        return self._one("pif", host=self.ref("host", self.host(host)), device=device, VLAN="-1")

    def link(self, host: str, device: str) -> Record:
        """The PIF_metrics of a NIC: carrier, speed, duplex, vendor_name."""
        return self.records["pif_metrics"][self.nic(host, device)["metrics"]]

    # what a test adds

    def address(self, host: str, device: str, ip: str, netmask: str = "255.255.255.0", gateway: str = "", dns: str = "") -> Record:
        record = self.nic(host, device)
        record.update(ip_configuration_mode="Static", IP=ip, netmask=netmask, gateway=gateway, DNS=dns)
        return record

    def network(self, name: str, bridge: str = "", mtu: int = 1500) -> Record:
        known = len(self.records.get("network", {}))
        return self._add(
            "network", name, name_label=name, name_description="", bridge=bridge or f"xapi{known}", MTU=str(mtu), managed=True,
            other_config={}, tags=[], purpose=[], PIFs=[], VIFs=[],
        )  # fmt: skip

    def network_called(self, name: str) -> Record:
        return self._one("network", name_label=name)

    def bond(
        self,
        host: str,
        network: str,
        nics: Sequence[str],
        mode: str = "active-backup",
        properties: dict[str, str] | None = None,
        device: str = "bond0",
    ) -> Record:
        """A bond as XAPI leaves it behind: attached, with the address and the MAC of the first NIC that has an address."""
        members = [self.nic(host, name) for name in nics]
        primary = next((nic for nic in members if nic["ip_configuration_mode"] != "None"), members[0])
        carried = {key: primary[key] for key in ("MAC", "ip_configuration_mode", "IP", "netmask", "gateway", "DNS")}
        own = self._pif(host, network, device, physical=False, **carried)
        own["disallow_unplug"] = any(nic["disallow_unplug"] for nic in members)
        bond = self._add(
            "bond", f"{host}-{device}", master=self.ref("pif", own), slaves=[self.ref("pif", nic) for nic in members],
            primary_slave=self.ref("pif", primary), mode=mode, properties=properties or {}, links_up=str(len(members)),
            auto_update_mac=True, other_config={},
        )  # fmt: skip
        own["bond_master_of"] = [self.ref("bond", bond)]
        for nic in members:
            nic.update(
                bond_slave_of=self.ref("bond", bond), currently_attached=False, disallow_unplug=False,
                ip_configuration_mode="None", IP="", netmask="", gateway="", DNS="",
            )  # fmt: skip
        return bond

    def vlan(self, host: str, device: str, tag: int, network: str) -> Record:
        tagged = self.nic(host, device)
        untagged = self._pif(host, network, device, physical=False, VLAN=str(tag))
        vlan = self._add(
            "vlan", f"{host}-{device}.{tag}", tag=str(tag), tagged_PIF=self.ref("pif", tagged), untagged_PIF=self.ref("pif", untagged)
        )
        tagged["VLAN_slave_of"].append(self.ref("vlan", vlan))
        untagged["VLAN_master_of"] = self.ref("vlan", vlan)
        return vlan

    def vif(self, network: str, machine: str = "", host: str = "", attached: bool = True) -> Record:
        """A VM's interface. `machine` is known to the pool only when it is given, as after Session.add_machines."""
        vm = (
            self._add("vm", machine, name_label=machine, resident_on=self.ref("host", self.host(host)) if host else NULL)
            if machine
            else None
        )
        target = self.network_called(network)
        vif = self._add(
            "vif",
            machine or "a",
            network=self.ref("network", target),
            device="0",
            currently_attached=attached,
            VM=self.ref("vm", vm) if vm else "OpaqueRef:vm",
        )
        target["VIFs"].append(self.ref("vif", vif))
        return vif

    def storage(self, host: str, name: str, attached: bool = True, **device_config: str) -> Record:
        found = [record for record in self.records.get("sr", {}).values() if record["name_label"] == name]
        repository = found[0] if found else self._add("sr", name, name_label=name, type="nfs")
        return self._add(
            "pbd", f"{name}-{host}", host=self.ref("host", self.host(host)), SR=self.ref("sr", repository), currently_attached=attached,
            device_config=device_config,
        )  # fmt: skip

    def task(self, name: str, host: str, status: str = "pending") -> Record:
        return self._add("task", name, name_label=name, status=status, resident_on=self.ref("host", self.host(host)))

    def remove(self, kind: str, record: Record) -> None:
        """Takes an object out, and a PIF off its network too."""
        ref = self.ref(kind, record)
        if kind == "pif":
            self.records["network"][record["network"]]["PIFs"].remove(ref)
        del self.records[kind][ref]

    # inside

    def _one(self, kind: str, **fields: Any) -> Record:
        found = [record for record in self.records[kind].values() if all(record.get(key) == value for key, value in fields.items())]
        assert len(found) == 1, f"{len(found)} of {kind} with {fields}"
        return found[0]

    def _add(self, kind: str, name: str, **fields: Any) -> Record:
        number = self._numbers[kind] = self._numbers.get(kind, 0) + 1
        record = {"uuid": f"{kind}-{number}-{name}", **fields}
        self.records.setdefault(kind, {})[f"OpaqueRef:{kind}-{number}"] = record
        return record

    def _host(self, number: int, name: str, xapi: str, nics: int, backend: str) -> None:
        metrics = self._add("host_metrics", name, live=True)
        self._add(
            "host", name, name_label=name, hostname=f"{name}.example.com", address=f"192.0.2.{number + 10}", enabled=True,
            metrics=self.ref("host_metrics", metrics), other_config={"agent_start_time": "1700000000."},
            software_version={"xapi_build": xapi, "product_version": "8.3.0", "product_brand": "XCP-ng", "network_backend": backend},
            pending_guidances=[],
        )  # fmt: skip
        for nic in range(nics):
            record = self._pif(name, f"Pool-wide network {nic}", f"eth{nic}", physical=True, MAC=f"00:26:55:d1:{number:02x}:{nic:02x}")
            record["management"] = nic == 0
        self.address(name, "eth0", f"192.0.2.{number + 10}")

    def _pif(self, host: str, network: str, device: str, **fields: Any) -> Record:
        target = self.network_called(network)
        metrics = self._add("pif_metrics", device, carrier=True, speed="10000", duplex=True, vendor_name="Intel", pci_bus_path="")
        record = {
            "host": self.ref("host", self.host(host)), "network": self.ref("network", target), "device": device,
            "MAC": "", "MTU": target["MTU"],
            "VLAN": "-1", "physical": False, "managed": True, "management": False, "currently_attached": True, "disallow_unplug": False,
            "ip_configuration_mode": "None", "IP": "", "netmask": "", "gateway": "", "DNS": "",
            "ipv6_configuration_mode": "None", "IPv6": [], "ipv6_gateway": "", "primary_address_type": "IPv4",
            "properties": {"gro": "on"}, "other_config": {}, "capabilities": [], "metrics": self.ref("pif_metrics", metrics),
            "bond_slave_of": NULL, "bond_master_of": [], "VLAN_master_of": NULL, "VLAN_slave_of": [],
            "tunnel_access_PIF_of": [], "tunnel_transport_PIF_of": [], "sriov_logical_PIF_of": [], "sriov_physical_PIF_of": [],
            **fields,
        }  # fmt: skip
        made = self._add("pif", f"{host}-{device}", **record)
        target["PIFs"].append(self.ref("pif", made))
        return made


def tutorial(**options: Any) -> APool:
    """The tutorial's pool: xs-1 the master, xs-2 a member, a storage address on eth2 of each."""
    made = APool("xs-1", "xs-2", **options)
    made.address("xs-1", "eth2", "172.16.0.35")
    made.address("xs-2", "eth2", "172.16.0.36")
    return made


def spec(**options: Any) -> BondSpec:
    """The tutorial's spec: eth2 and eth4 on NAS, active-backup, on every host."""
    defaults: dict[str, Any] = {"nics": ["eth2", "eth4"]} if options.get("state") != "absent" else {}
    if "network_uuid" not in options:
        defaults["network"] = "NAS"
    return read_spec({**defaults, **options})
