# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that speaks against a plan: each check with a pool that has it and one that has not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._bond.checks import Problem, grouped, names
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import Plan, plan
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import RISKS, SpecError
from ansible_collections.xapi.network.plugins.module_utils._bond.view import rejection
from ansible_collections.xapi.network.tests.unit.pools import APool, spec, tutorial


@dataclass(frozen=True)
class Case:
    """`spoil` does to the tutorial's pool what the check is about; `host` and `words` are in the problem."""

    code: str
    host: str
    words: tuple[str, ...]
    spoil: Callable[[APool], Any] = lambda made: None
    spec: dict[str, Any] = field(default_factory=dict)
    pool: Callable[[], APool] = tutorial

    def __str__(self) -> str:
        return f"{self.code}-{self.words[0][:20]}"

    def made(self) -> APool:
        made = self.pool()
        self.spoil(made)
        return made


def field_of(host: str, device: str, **values: Any) -> Callable[[APool], Any]:
    return lambda made: made.nic(host, device).update(values)


def link_of(host: str, device: str, **values: Any) -> Callable[[APool], Any]:
    return lambda made: made.link(host, device).update(values)


def ha(made: APool) -> None:
    next(iter(made.records["pool"].values()))["ha_enabled"] = True


def two_networks(made: APool) -> None:
    made.network("NAS")
    made.network("NAS")


def nas_with(**values: Any) -> Callable[[APool], Any]:
    return lambda made: made.network("NAS").update(values)


def dead(made: APool) -> None:
    made.records["host_metrics"][made.host("xs-2")["metrics"]]["live"] = False


def other_build(made: APool) -> None:
    made.host("xs-2")["software_version"]["xapi_build"] = "25.33.1"


def no_eth4(made: APool) -> None:
    made.remove("pif", made.nic("xs-2", "eth4"))


def swapped(made: APool) -> None:
    four, five = made.nic("xs-2", "eth4"), made.nic("xs-2", "eth5")
    four["device"], five["device"] = "eth5", "eth4"


def taken(made: APool) -> None:
    """Someone has put eth3 of xs-2 on NAS."""
    network, nic = made.network("NAS"), made.nic("xs-2", "eth3")
    nic["network"] = made.ref("network", network)
    network["PIFs"].append(made.ref("pif", nic))


def sriov(made: APool) -> None:
    taken(made)
    made.nic("xs-2", "eth3")["sriov_logical_PIF_of"] = ["OpaqueRef:sriov"]


def address_lost(made: APool) -> None:
    made.network("NAS")
    for host in ("xs-1", "xs-2"):
        made.bond(host, "NAS", ["eth2", "eth4"])
    made.nic("xs-2", "bond0").update(ip_configuration_mode="None", IP="", netmask="")


def management_vlan(made: APool) -> None:
    made.network("V50")
    vlan = made.vlan("xs-2", "eth4", 50, "V50")
    made.records["pif"][vlan["untagged_PIF"]]["management"] = True


def same_vlan_twice(made: APool) -> None:
    made.network("V50")
    made.network("V50b")
    made.vlan("xs-2", "eth2", 50, "V50")
    made.vlan("xs-2", "eth4", 50, "V50b")


def vlan_elsewhere(made: APool) -> None:
    made.network("V50")
    made.vlan("xs-2", "eth5", 50, "V50")


def jumbo_vlan(made: APool) -> None:
    made.network("NAS")
    made.network("V50", mtu=9000)
    made.vlan("xs-2", "eth2", 50, "V50")


def small_bond(made: APool) -> None:
    made.network("NAS")
    made.network_called("Pool-wide network 2")["MTU"] = "9000"


def clustered(made: APool) -> None:
    made.records["cluster_host"] = {"OpaqueRef:cluster": {"PIF": made.ref("pif", made.nic("xs-2", "eth2"))}}


def fcoe_storage(made: APool) -> None:
    made.nic("xs-2", "eth4")["capabilities"] = ["fcoe"]
    made.storage("xs-2", "san")
    next(iter(made.records["sr"].values()))["type"] = "lvmofcoe"


def vm_on_eth4(made: APool) -> None:
    made.vif("Pool-wide network 4", machine="db-1", host="xs-2")


def vm_on_vlan(made: APool) -> None:
    made.network("V50")
    made.vlan("xs-2", "eth4", 50, "V50")
    made.vif("V50", machine="web-1", host="xs-2")


def bridge_pool() -> APool:
    return tutorial(backend="bridge")


def busy_storage(made: Any) -> None:
    made.storage("xs-2", "nas-9", server="10.9.9.9")
    (repository,) = made.records["sr"].values()
    repository["current_operations"] = {"OpaqueRef:gone": "vdi_clone", "OpaqueRef:soon": "scan"}


def managed_by_eth2(made: APool) -> None:
    made.nic("xs-2", "eth2")["management"] = True


def ha_and_management(made: APool) -> None:
    ha(made)
    managed_by_eth2(made)


RISKY = [
    Case("ha_enabled", "", ("HA is on", "xe pool-ha-disable"), ha),
    Case("ha_enabled", "", ("fence", "restarts xapi"), ha, {"strategy": "restart"}),
    Case("no_link", "xs-2", ("eth4 has no link", "cable"), link_of("xs-2", "eth4", carrier=False)),
    Case("management", "xs-2", ("eth2 is the management interface", "console"), managed_by_eth2),
    Case("address_missing", "xs-2", ("its bond on NAS has no address although others have one there",), address_lost),
    Case("management", "xs-2", ("VLAN 50 of eth4", "management"), management_vlan),
    Case("ipv6_lost", "xs-2", ("eth4 has the IPv6", "fd00::2/64"),
         field_of("xs-2", "eth4", ipv6_configuration_mode="Static", IPv6=["fd00::2/64"])),
    Case("fcoe", "xs-2", ("eth4 can do FCoE", "Mask"), field_of("xs-2", "eth4", capabilities=["fcoe"])),
    Case("cluster", "xs-2", ("eth2", "cluster"), clustered),
    Case("mtu", "xs-2", ("eth2 has MTU 9000", "would have 1500"), small_bond),
    Case("mtu", "xs-2", ("VLAN 50 of eth2", "MTU 9000"), jumbo_vlan),
    Case("storage_in_use", "xs-2", ("eth2: nas-1", "Detach"),
         lambda made: made.storage("xs-2", "nas-1", server="172.16.0.200", serverpath="/e")),
    Case("vifs_in_use", "xs-2", ("db-1", "eth4"), vm_on_eth4),
    Case("vifs_in_use", "xs-2", ("web-1", "eth4"), vm_on_vlan),
    Case("pending_tasks", "xs-2", ("VM.export", "would die"), lambda made: made.task("VM.export", "xs-2"), {"strategy": "restart"}),
    Case("pending_tasks", "xs-2", ("at work on xs-2: evacuate", "cut off"),
         lambda made: made.host("xs-2").update(current_operations={"OpaqueRef:gone": "evacuate"}), {"strategy": "restart"}),
    Case("pending_tasks", "xs-2", ("at work on xs-2: vdi_clone of nas-9",), busy_storage, {"strategy": "restart"}),
]  # fmt: skip

FATAL = [
    Case("network_ambiguous", "", ("2 networks are called NAS", "network-7-NAS, network-8-NAS", "network_uuid"), two_networks),
    Case("network_missing", "", ("no network with uuid feed",), spec={"network_uuid": "feed"}),
    Case("network_unmanaged", "", ("not managed",), nas_with(managed=False)),
    Case("network_sriov", "", ("SR-IOV",), sriov),
    Case("network_taken", "xs-2", ("eth3", "NAS already"), taken),
    Case("host_unknown", "xs-9", ("xs-9", "The pool has xs-1, xs-2"), spec={"hosts": ["xs-1", "xs-9"]}),
    Case("host_down", "xs-2", ("alive",), dead),
    Case("mixed_versions", "", ("26.17.0", "25.33.1", "Finish the upgrade"), other_build),
    Case("nic_missing", "xs-2", ("stands for eth4", "eth0, eth1, eth2, eth3, eth5", "a bond of eth2 alone", "xe pif-scan"), no_eth4),
    Case("nic_names", "xs-2", ("eth4 of the master is eth5 here by bridge position", "interface-rename"), swapped),
    Case("nic_unmanaged", "xs-2", ("eth4 is not managed", "pif-introduce"), field_of("xs-2", "eth4", managed=False)),
    Case("nic_sriov", "xs-2", ("eth4 is used for SR-IOV",), field_of("xs-2", "eth4", sriov_physical_PIF_of=["OpaqueRef:sriov"])),
    Case("nic_properties", "xs-2", ("different properties", "gro"), field_of("xs-2", "eth4", properties={"gro": "off"})),
    Case("nic_address_types", "xs-2", ("primary address types",), field_of("xs-2", "eth4", primary_address_type="IPv6")),
    Case("two_ips", "xs-2", ("eth2 has 172.16.0.36 and eth4 has 172.16.1.36", "would not make", "mode=none"),
         lambda made: made.address("xs-2", "eth4", "172.16.1.36")),
    Case("two_ips", "xs-2", ("eth4 has DHCP",), field_of("xs-2", "eth4", ip_configuration_mode="DHCP")),
    Case("ha_management", "xs-2", ("eth2 is the management", "XAPI refuses"), ha_and_management),
    Case("fcoe_in_use", "xs-2", ("san", "Detach"), fcoe_storage),
    Case("too_many_nics", "xs-1", ("5 NICs are more than the 4",), spec={"nics": ["eth1", "eth2", "eth3", "eth4", "eth5"]}),
    Case("too_many_nics", "xs-1", ("3 NICs are more than the 2",), spec={"nics": ["eth2", "eth3", "eth4"]}, pool=bridge_pool),
    Case("mode", "xs-1", ("no LACP",), spec={"mode": "lacp"}, pool=bridge_pool),
    Case("vlan_twice", "xs-2", ("VLAN 50 is on eth2 and eth4", "drop the other"), same_vlan_twice),
    Case("vlan_network_taken", "xs-2", ("VLAN 50 of eth5 is on V50",), vlan_elsewhere, {"vlans": [{"tag": 50, "network": "V50"}]}),
    Case("address_taken", "xs-1", ("172.16.0.36", "eth2 of xs-2"),
         spec={"addresses": {"xs-1": {"ip": "172.16.0.36", "netmask": "255.255.255.0"}}}),
    Case("host_unknown", "xs-9", ("addresses names xs-9",), spec={"addresses": {"xs-9": {"ip": "172.16.0.9", "netmask": "255.255.255.0"}}}),
    Case("master_differs", "xs-1", ("xs-2 would inherit", "Name the master"), spec={"hosts": ["xs-2"], "strategy": "restart"}),
]  # fmt: skip


def codes(made: Plan) -> set[str]:
    return {problem.code for problem in made.problems}


@pytest.mark.parametrize("case", RISKY + FATAL, ids=str)
def test_what_speaks_against_a_plan_is_said(case: Case) -> None:
    made = plan(case.made().pool, spec(**case.spec))
    matching = [one for one in made.problems if one.code == case.code and one.host == case.host]
    assert matching, f"{case.code} at {case.host!r} is not among {made.problems}"
    text = " ".join(f"{one.sentence} {one.remedy}" for one in matching)
    assert all(word in text for word in case.words), text
    assert all(one.sentence.endswith(".") and one.remedy.endswith(".") for one in matching)
    assert case.code in {one.code for one in made.blocking}


@pytest.mark.parametrize("case", RISKY + FATAL, ids=str)
def test_a_pool_without_it_has_no_such_problem(case: Case) -> None:
    assert case.code not in codes(plan(tutorial().pool, spec()))
    assert not plan(tutorial().pool, spec(strategy="restart")).problems


@pytest.mark.parametrize("case", RISKY, ids=str)
def test_a_risk_is_accepted_by_its_code_and_stays_in_the_plan(case: Case) -> None:
    refused = plan(case.made().pool, spec(**case.spec))
    assert any(f"add {case.code} to accept" in one.remedy for one in refused.blocking)
    made = plan(case.made().pool, spec(**case.spec, accept=[case.code]))
    assert case.code in codes(made)
    assert case.code not in {one.code for one in made.blocking}


@pytest.mark.parametrize("case", FATAL, ids=str)
def test_what_is_fatal_cannot_be_accepted(case: Case) -> None:
    with pytest.raises(SpecError, match="there is no such risk"):
        spec(**case.spec, accept=[case.code])
    made = plan(case.made().pool, spec(**case.spec, accept=list(RISKS)))
    assert case.code in {one.code for one in made.blocking}


def test_every_risk_has_its_case() -> None:
    of_dom0 = {
        "bridge_left",
        "lacp_partner",
        "same_switch",
    }  # test_nics.py, test_stations.py and test_lldp.py have their cases: XAPI's records do not show them
    assert {case.code for case in RISKY} | of_dom0 == set(RISKS)


def test_xapi_before_7_0_would_lose_the_second_address() -> None:
    made = tutorial()
    made.address("xs-2", "eth4", "172.16.1.36")
    for host in made.records["host"].values():
        host["software_version"] = {"product_version": "6.2.0"}
    (problem,) = [one for one in plan(made.pool, spec()).problems if one.code == "two_ips"]
    assert "lose all but one of them silently" in problem.sentence


def test_an_mtu_that_the_spec_states_is_no_problem() -> None:
    made = tutorial()
    small_bond(made)
    assert "mtu" not in codes(plan(made.pool, spec(mtu=1500)))


def test_a_network_that_has_to_be_made_gets_the_mtu_of_the_masters_nics() -> None:
    made = tutorial()
    made.network_called("Pool-wide network 4")["MTU"] = "9000"
    the_plan = plan(made.pool, spec())
    assert not the_plan.problems
    assert [one.mtu for one in the_plan.predictions] == [9000, 9000]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda made: made.storage("xs-2", "nas-1", attached=False, server="172.16.0.200"),
        lambda made: made.storage("xs-2", "nas-1", server="10.9.0.200"),
        lambda made: made.vif("Pool-wide network 4", machine="db-1", host="xs-2", attached=False),
        lambda made: made.vif("Pool-wide network 5", machine="db-1", host="xs-2"),
        lambda made: made.task("VM.export", "xs-2", status="success"),
        lambda made: made.task("VM.export", "xs-1"),
    ],
)
def test_what_does_not_concern_the_nics_is_no_problem(spoil: Callable[[APool], Any]) -> None:
    made = tutorial()
    spoil(made)
    assert not plan(made.pool, spec(strategy="restart")).problems


def test_a_vm_on_another_host_is_no_problem_here() -> None:
    made = tutorial()
    made.vif("Pool-wide network 4", machine="db-1", host="xs-2")
    assert {one.host for one in plan(made.pool, spec()).problems} == {"xs-2"}


def test_nothing_is_said_about_ha_or_versions_when_nothing_is_interrupted() -> None:
    made = tutorial()
    made.network("NAS")
    for host in ("xs-1", "xs-2"):
        made.bond(host, "NAS", ["eth2", "eth4"])
    ha(made)
    other_build(made)
    assert not plan(made.pool, spec()).problems
    assert not plan(made.pool, spec(purpose="Storage")).problems


def test_a_change_in_place_that_interrupts_traffic_names_who_would_notice() -> None:
    made = tutorial()
    made.network("NAS")
    for host in ("xs-1", "xs-2"):
        made.bond(host, "NAS", ["eth2", "eth4"])
    made.storage("xs-2", "nas-1", server="172.16.0.200")
    made.vif("NAS", machine="db-1", host="xs-1")
    found = plan(made.pool, spec(mode="balance-slb", on_drift="repair")).problems
    assert {(one.host, one.code) for one in found} == {("xs-1", "vifs_in_use"), ("xs-2", "storage_in_use")}


# notices


@pytest.mark.parametrize(
    "spoil, host, words",
    [
        (field_of("xs-2", "eth2", ip_configuration_mode="None", IP="", netmask=""), "xs-2", "none of the NICs has an address"),
        (link_of("xs-2", "eth4", speed="1000"), "xs-2", "different speeds: eth2 10000 Mbit/s, eth4 1000 Mbit/s"),
        (link_of("xs-2", "eth4", duplex=False), "xs-2", "eth4 10000 Mbit/s half duplex"),
        (link_of("xs-2", "eth4", vendor_name="Broadcom"), "xs-2", "eth2 Intel, eth4 Broadcom"),
        (lambda made: made.host("xs-2").update(pending_guidances=["restart_toolstack"]), "xs-2", "restart_toolstack"),
        (lambda made: made.host("xs-2").update(enabled=False), "xs-2", "disabled"),
        (lambda made: made.vif("Pool-wide network 4", machine="old", attached=False), "xs-1", "1 interfaces of halted VMs"),
    ],
)
def test_what_is_only_worth_knowing_stops_nothing(spoil: Callable[[APool], Any], host: str, words: str) -> None:
    made = tutorial()
    assert not any(words in one.sentence for one in plan(made.pool, spec()).notices)
    spoil(made)
    the_plan = plan(made.pool, spec())
    assert not the_plan.problems and the_plan.steps
    assert next(one.host for one in the_plan.notices if words in one.sentence) == host


def test_an_address_on_another_nic_than_on_the_master_is_told() -> None:
    made = APool("xs-1", "xs-2", "xs-3")
    made.address("xs-1", "eth2", "172.16.0.35")
    made.address("xs-2", "eth4", "172.16.0.36")
    made.address("xs-3", "eth2", "172.16.0.37")
    told = [one for one in plan(made.pool, spec()).notices if one.code == "other_nic"]
    assert [one.host for one in told] == ["xs-2"]
    assert "eth4" in told[0].sentence


def test_a_restart_that_brings_another_bond_too_is_told() -> None:
    made = tutorial()
    made.network("VMs")
    made.bond("xs-1", "VMs", ["eth1", "eth3"])
    assert any("bond on VMs" in one.sentence for one in plan(made.pool, spec(strategy="restart")).notices)
    assert not any("bond on VMs" in one.sentence for one in plan(made.pool, spec()).notices)


def test_a_bond_that_the_next_restart_would_bring_back_is_told() -> None:
    made = tutorial()
    made.network("NAS")
    for host in ("xs-1", "xs-2"):
        made.bond(host, "NAS", ["eth2", "eth4"])
    assert [one.code for one in plan(made.pool, spec(state="absent", hosts=["xs-2"])).notices] == ["inherits_again"]
    assert not plan(made.pool, spec(state="absent")).notices


def test_all_vlans_that_come_back_on_the_primary_nic_are_told_before_the_bond_is_removed() -> None:
    made = tutorial()
    made.network("NAS")
    made.network("Backup")
    made.bond("xs-1", "NAS", ["eth2", "eth4"])
    made.vlan("xs-1", "bond0", 50, "Backup")
    made.network("Guests")
    made.vlan("xs-1", "bond0", 7, "Guests")
    told = "xs-1: on eth2 there will be VLAN 7 (Guests) and VLAN 50 (Backup), also what was on another NIC before; the networks stay."
    assert plan(made.pool, spec(state="absent")).to_dict()["notices"] == [told]


# many hosts


def test_the_problems_of_64_hosts_fit_on_one_screen() -> None:
    made = APool(*(f"xs-{number}" for number in range(1, 65)))
    for number in range(1, 65):
        host = f"xs-{number}"
        made.address(host, "eth2", f"172.16.0.{number}")
        made.storage(host, "nas-1", server="172.16.0.200")
        if number % 3 == 0:
            made.remove("pif", made.nic(host, "eth4"))
        if number % 4 == 0:
            made.link(host, "eth2")["carrier"] = False
        if number % 5 == 0 and number % 3:
            made.address(host, "eth4", f"172.16.1.{number}")
        made.link(host, "eth2")["speed"] = "1000"
    ha(made)
    the_plan = plan(made.pool, spec())
    assert len(the_plan.problems) > 80
    text = rejection(the_plan)
    lines = text.splitlines()
    assert len(lines) <= 8 and all(len(line) < 500 for line in lines), text
    assert "[nic_missing] xs-3: " in text and "Likewise on xs-6, xs-9, xs-12, xs-15, xs-18 and 15 more." in text
    assert len(the_plan.to_dict()["notices"]) <= 3


def test_a_single_problem_is_one_sentence() -> None:
    made = tutorial()
    no_eth4(made)
    assert rejection(plan(made.pool, spec())).startswith("Nothing was changed. [nic_missing] xs-2: there is no NIC that stands for eth4;")


def test_names_are_shortened_only_when_they_are_many() -> None:
    assert names(["a", "b", "a"]) == "a, b"
    assert names([f"h{number}" for number in range(10)]) == "h0, h1, h2, h3, h4 and 5 more"


def test_what_one_host_has_of_one_kind_is_all_named() -> None:
    made = tutorial()
    for device in ("eth2", "eth4"):
        made.link("xs-1", device)["carrier"] = False
    made.link("xs-2", "eth4")["carrier"] = False
    (line,) = grouped(plan(made.pool, spec()).problems)
    assert line.startswith("[no_link] xs-1: eth2 has no link. xs-1: eth4 has no link. Likewise on xs-2. Check cable and switch port.")


def test_many_of_one_kind_on_one_host_are_counted() -> None:
    (line,) = grouped(Problem("no_link", "xs-1", f"xs-1: eth{number} has no link.", "Check cable.") for number in range(8))
    assert line == "[no_link] xs-1: eth0 has no link. xs-1: eth1 has no link. xs-1: eth2 has no link. (5 more.) Check cable."


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"server": "nas1.example.com", "serverpath": "/export"}, "nas-1 (nas1.example.com)"),
        ({"target": "san1,10.0.1.1"}, "nas-1 (san1)"),
        ({"server": "//filer/iso"}, "nas-1 (filer)"),
        ({"server": "172.31.0.9", "serverpath": "/export/nas1.example.com"}, ""),
        ({"device": "/dev/sdb", "targetIQN": "iqn.2001-04.com.example:lun1"}, ""),
    ],
)
def test_storage_of_a_named_server_is_a_notice_since_nobody_here_knows_where_it_is(config: dict[str, str], said: str) -> None:
    made = tutorial()
    made.storage("xs-2", "nas-1", True, **config)
    found = [one.sentence for one in plan(made.pool, spec()).notices if one.code == "storage_by_name"]
    assert [said in one and one.startswith("xs-2: ") for one in found] == ([True] if said else [])
