# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One field at a time changes between a saved plan and its run: each that matters refuses and is named with both values, no other does.

Every field goes through xs_bond, as the role calls it; some go through the role as a user runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._bond import saved_plan
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError

from tests.integration import bonding
from tests.integration.bonding import look, sentence
from tests.integration.test_bond import bond, running, written
from xapi_twin.running import RunningTwin

PLAN: dict[str, Any] = {"state": "present", "accept": ["storage_in_use"]}


@dataclass(frozen=True)
class Field:
    """A field of one record: of the PIF `of` on xs-2, of the host xs-2, of the network `of`, of the pool, or of the bond on xs-2."""

    kind: str
    of: str
    changes: Mapping[str, Any]
    said: str = ""
    inside: Mapping[str, Any] = field(default_factory=dict)  # keys of a map that is one of its fields

    def ref(self, twin: RunningTwin) -> str:
        fits: dict[str, Callable[[Mapping[str, Any]], bool]] = {
            "PIF": lambda one: one["device"] == self.of and one["VLAN"] == -1 and _host(twin, one) == "xs-2",
            "PIF_metrics": lambda one: one["uuid"] == twin.database.get("PIF_metrics", _metrics(twin, self.of))["uuid"],
            "host": lambda one: one["name_label"] == "xs-2",
            "host_metrics": lambda one: True,
            "network": lambda one: one["name_label"] == self.of,
            "pool": lambda one: True,
            "Bond": lambda one: twin.database.get("PIF", one["master"])["device"] == self.of and _host(twin, one, "master") == "xs-2",
        }
        return next(ref for ref, record in twin.database.all(self.kind).items() if fits[self.kind](record))


def _host(twin: RunningTwin, record: Mapping[str, Any], through: str = "") -> str:
    owner = twin.database.get("PIF", record[through]) if through else record
    return str(twin.database.get("host", owner["host"])["name_label"])


def _metrics(twin: RunningTwin, device: str) -> str:
    return str(twin.database.get("PIF", Field("PIF", device, {}).ref(twin))["metrics"])


@contextmanager
def changed(twin: RunningTwin, one: Field) -> Iterator[None]:
    """Somebody changes the field, and later changes it back."""
    ref = twin.call(lambda: one.ref(twin))
    before = twin.call(lambda: dict(twin.database.get(one.kind, ref)))
    changes = {**one.changes, **{name: {**before[name], **values} for name, values in one.inside.items()}}
    twin.call(lambda: twin.database.set(one.kind, ref, **changes))
    try:
        yield
    finally:
        twin.call(lambda: twin.database.set(one.kind, ref, **{name: before[name] for name in changes}))


def nic(said: str, device: str = "eth4", **changes: Any) -> Field:
    return Field("PIF", device, changes, f"xs-2: {device} {said}")


def of_host(said: str, inside: Mapping[str, Any] | None = None, **changes: Any) -> Field:
    return Field("host", "xs-2", changes, f"xs-2: {said}", {"software_version": inside} if inside else {})


# By the name that the fact has in saved_plan, so that none is forgotten.
OF_A_NIC: dict[str, Field] = {
    "uuid": nic("uuid is other; the plan was made for ", uuid="other"),
    "mac": nic("MAC is 00:26:55:d1:ff:ff; the plan was made for 00:1b:78:5c:74:35.", MAC="00:26:55:d1:ff:ff"),
    "mtu": nic("MTU is 9000; the plan was made for 1500.", MTU=9000),
    "managed": nic("managed is no; the plan was made for yes.", managed=False),
    "management": nic("management is yes; the plan was made for no.", management=True),
    "attached": nic("attached is no; the plan was made for yes.", currently_attached=False),
    "disallow_unplug": nic("disallow_unplug is yes; the plan was made for no.", disallow_unplug=True),
    "ip_mode": nic("IP configuration is DHCP; the plan was made for Static.", "eth2", ip_configuration_mode="DHCP"),
    "ip": nic("address is 172.16.0.44; the plan was made for 172.16.0.36.", "eth2", IP="172.16.0.44"),
    "netmask": nic("netmask is 255.255.0.0; the plan was made for 255.255.255.240.", "eth2", netmask="255.255.0.0"),
    "gateway": nic("gateway is 172.16.0.33; the plan was made for none.", "eth2", gateway="172.16.0.33"),
    "dns": nic("DNS is 172.16.0.33; the plan was made for none.", "eth2", DNS="172.16.0.33"),
    "ipv6_mode": nic("IPv6 configuration is Static; the plan was made for None.", ipv6_configuration_mode="Static"),
    "ipv6": nic("IPv6 addresses is fd00::1/64; the plan was made for none.", IPv6=["fd00::1/64"]),
    "ipv6_gateway": nic("IPv6 gateway is fd00::2; the plan was made for none.", ipv6_gateway="fd00::2"),
    "primary_address_type": nic("primary_address_type is IPv6; the plan was made for IPv4.", primary_address_type="IPv6"),
    "properties": nic("properties is gro=off; the plan was made for gro=on.", properties={"gro": "off"}),
    "other_config": nic("other_config is ethtool-gro=off; the plan was made for none.", other_config={"ethtool-gro": "off"}),
    "capabilities": nic("capabilities is fcoe; the plan was made for none.", capabilities=["fcoe"]),
    "tunnel_access": nic("tunnel_access is yes; the plan was made for no.", tunnel_access_PIF_of=["OpaqueRef:a"]),
    "tunnel_transport_of": nic("tunnel_transport_of is OpaqueRef:a; the plan was made for none.", tunnel_transport_PIF_of=["OpaqueRef:a"]),
    "sriov_logical": nic("sriov_logical is yes; the plan was made for no.", sriov_logical_PIF_of=["OpaqueRef:a"]),
    "sriov_physical": nic("sriov_physical is yes; the plan was made for no.", sriov_physical_PIF_of=["OpaqueRef:a"]),
}
OF_A_HOST: dict[str, Field] = {
    "name": Field("host", "xs-2", {"name_label": "xs-two"}, "xs-two: name is xs-two; the plan was made for xs-2."),
    "address": of_host("address is 172.16.0.99; the plan was made for 172.16.0.12.", address="172.16.0.99"),
    "enabled": of_host("enabled is no; the plan was made for yes.", enabled=False),
    "xapi": of_host("xapi version is 26.17.0; the plan was made for 24.19.2.", {"xapi_build": "26.17.0"}),
    "backend": of_host("backend is bridge; the plan was made for openvswitch.", {"network_backend": "bridge"}),
}
OF_THE_NETWORK: dict[str, Field] = {
    "uuid": Field("network", "NAS", {"uuid": "other"}, "the pool: network uuid is other; the plan was made for "),
    "name": Field("network", "NAS", {"name_label": "SAN"}, "the pool: network name is none; the plan was made for NAS."),
    "bridge": Field("network", "NAS", {"bridge": "xapi7"}, "the pool: network bridge is xapi7; the plan was made for xapi0."),
    "mtu": Field("network", "NAS", {"MTU": 9000}, "the pool: network MTU is 9000; the plan was made for 1500."),
    "managed": Field("network", "NAS", {"managed": False}, "the pool: network managed is no; the plan was made for yes."),
}
ELSEWHERE: dict[str, Field] = {
    "HA": Field("pool", "", {"ha_enabled": True}, "the pool: HA is yes; the plan was made for no."),
    "an address on another NIC": nic(
        "address is 10.0.0.2; the plan was made for none.", "eth5", ip_configuration_mode="Static", IP="10.0.0.2"
    ),
    "the management interface": nic("management is no; the plan was made for yes.", "eth0", management=False),
}
OF_A_BOND: dict[str, Field] = {
    "uuid": Field("Bond", "bond0", {"uuid": "other"}, "xs-2: bond0 bond uuid is other; the plan was made for "),
    "mode": Field("Bond", "bond0", {"mode": "lacp"}, "xs-2: bond0 bond mode is lacp; the plan was made for balance-slb."),
    "properties": Field("Bond", "bond0", {"properties": {"a": "b"}}, "xs-2: bond0 bond properties is a=b; the plan was made for none."),
}
MATTERS = {
    **{f"NIC: {name}": one for name, one in OF_A_NIC.items()},
    **{f"host: {name}": one for name, one in OF_A_HOST.items()},
    **{f"network: {name}": one for name, one in OF_THE_NETWORK.items()},
    **ELSEWHERE,
}
DOES_NOT_MATTER: dict[str, Field] = {
    "speed": Field("PIF_metrics", "eth4", {"speed": 10000}),
    "vendor": Field("PIF_metrics", "eth4", {"vendor_name": "Broadcom"}),
    "counters": Field("PIF_metrics", "eth4", {"io_read_kbs": 12345.6, "io_write_kbs": 1.0}),
    "when xapi was started": Field("host", "xs-2", {}, inside={"other_config": {"agent_start_time": "1800000000."}}),
    "when the host was started": Field("host", "xs-2", {}, inside={"other_config": {"boot_time": "1800000000."}}),
    "free memory": Field("host_metrics", "", {"memory_free": 1}),
    "the description of a host": Field("host", "xs-2", {"name_description": "rack 7"}),
    "the description of the network": Field("network", "NAS", {"name_description": "storage"}),
    "tags of the network": Field("network", "NAS", {"tags": ["x"]}),
    "other_config of the network": Field("network", "NAS", {"other_config": {"XenCenter.CustomFields.x": "y"}}),
    "the name of the pool": Field("pool", "", {"name_label": "renamed"}),
    "other_config of the pool": Field("pool", "", {}, inside={"other_config": {"x": "y"}}),
    "a NIC that has nothing to do with it": Field("PIF", "eth5", {"MTU": 9000}),
}


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningTwin, str, str]]:
    """A pool with the network, the file of a plan for it, and its fingerprint."""
    where = str(tmp_path_factory.mktemp("plan") / "plan.json")
    with running() as twin:
        make_network(twin)
        yield twin, where, bond(twin, check=True, save_plan=where, **PLAN)["fingerprint"]


@pytest.fixture(scope="module")
def bonded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningTwin, str, str]]:
    """A pool whose bonds are to get another mode."""
    where = str(tmp_path_factory.mktemp("plan") / "plan.json")
    with running() as twin:
        bond(twin, **PLAN, mode="balance-slb")
        yield twin, where, bond(twin, check=True, save_plan=where, on_drift="repair", **PLAN)["fingerprint"]


def make_network(twin: RunningTwin) -> None:
    record = {"name_label": "NAS", "name_description": "", "MTU": 1500, "other_config": {}, "tags": []}
    twin.run(twin.twin.dispatcher.internal, "network.create", record)


def refusals(twin: RunningTwin, where: str, fingerprint: str, **options: Any) -> tuple[str, str]:
    """What a run with the file says, and one with the fingerprint; neither writes anything."""
    said = []
    before = len(twin.journal)
    ways: tuple[dict[str, Any], ...] = ({"saved_plan": where}, {"plan_fingerprint": fingerprint})
    for given in ways:
        with pytest.raises(NetworkError) as refused:
            bond(twin, wait_timeout=1, **given, **options)
        assert refused.value.message.startswith("Nothing was changed") and refused.value.facts["differences"]
        said.append(refused.value.message)
    assert written(twin, before) == []
    return said[0], said[1]


@pytest.mark.parametrize("what", MATTERS)
def test_a_field_that_matters_refuses_and_is_named(planned: tuple[RunningTwin, str, str], what: str) -> None:
    one = MATTERS[what]
    with changed(planned[0], one):
        by_file, by_fingerprint = refusals(*planned, **PLAN)
    assert one.said in by_file, by_file
    where = {"pool": "The pool's", "network": "The bond's network"}.get(one.kind) or ("xs-two" if "name_label" in one.changes else "xs-2")
    assert where in by_fingerprint, by_fingerprint


@pytest.mark.parametrize("what", OF_A_BOND)
def test_a_field_of_a_bond_that_is_to_be_changed_refuses_and_is_named(bonded: tuple[RunningTwin, str, str], what: str) -> None:
    with changed(bonded[0], OF_A_BOND[what]):
        by_file, _by_fingerprint = refusals(*bonded, on_drift="repair", **PLAN)
    assert OF_A_BOND[what].said in by_file, by_file


@pytest.mark.parametrize("what", DOES_NOT_MATTER)
def test_a_field_that_does_not_matter_runs(planned: tuple[RunningTwin, str, str], what: str) -> None:
    twin, where, fingerprint = planned
    with changed(twin, DOES_NOT_MATTER[what]):
        assert bond(twin, check=True, saved_plan=where, **PLAN)["differences"] == []
        assert bond(twin, check=True, plan_fingerprint=fingerprint, **PLAN)["differences"] == []


def test_no_fact_that_a_plan_rests_on_is_forgotten_here() -> None:
    assert set(OF_A_NIC) == set(saved_plan.NIC_FACTS)
    assert {*OF_A_HOST, "master"} == set(saved_plan.HOST_FACTS)  # another master needs another pool: below
    assert set(OF_THE_NETWORK) == set(saved_plan.NETWORK_FACTS)
    assert set(OF_A_BOND) == set(saved_plan.BOND_FACTS)


def test_another_master_refuses(planned: tuple[RunningTwin, str, str]) -> None:
    twin = planned[0]
    other = twin.call(lambda: Field("host", "", {}).ref(twin))
    with changed(twin, Field("pool", "", {"master": other})):
        by_file, by_fingerprint = refusals(*planned, **PLAN)
    assert "xs-1: master is no; the plan was made for yes." in by_file and "xs-2: master is yes; the plan was made for no." in by_file
    assert "The pool's master or HA is not as it was" in by_fingerprint


# the role


# One of each kind of record, and one that comes with a problem of its own.
BY_THE_ROLE = ("NIC: ip", "NIC: mac", "host: xapi", "network: mtu", "HA")


def test_through_the_role_each_refuses_before_anything_is_changed_and_the_rest_runs(tmp_path: Path) -> None:
    file = str(tmp_path / "plan.json")
    with RunningTwin("tutorial", restart_seconds=0) as twin:
        make_network(twin)
        given: dict[str, Any] = {"plan_file": file, "accept": ["storage_in_use"]}
        made = bonding.bond(twin, tmp_path, plan="save", **given)
        assert made.status == 0, made.output
        for what in BY_THE_ROLE:
            with changed(twin, MATTERS[what]):
                refused = bonding.bond(twin, tmp_path, **given)
            assert refused.status != 0 and MATTERS[what].said in sentence(refused), refused.output
        assert bonding.writes(twin)[1:] == [], "nothing but the network of this test"
        for one in DOES_NOT_MATTER.values():
            changed(twin, one).__enter__()
        done = bonding.bond(twin, tmp_path, **given)
        assert done.status == 0, done.output
        assert all("bond0" in host["pifs"] for host in look(twin)["hosts"].values())
