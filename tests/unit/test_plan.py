# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: which steps on which host in which order, for new bonds, for every kind of drift, and for removal."""

from __future__ import annotations

from collections.abc import Callable
from cProfile import Profile
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import Plan, plan, survey
from ansible_collections.xapi.network.plugins.module_utils._bond.view import difference, result
from ansible_collections.xapi.network.plugins.module_utils._pool.model import read
from ansible_collections.xapi.network.tests.unit.pools import APool, spec, tutorial


def bonded(**options: Any) -> APool:
    """The tutorial's pool when it is done."""
    made = tutorial()
    made.network("NAS")
    for host in ("xs-1", "xs-2"):
        made.bond(host, "NAS", ["eth2", "eth4"], **options)
    return made


def steps(the_plan: Plan) -> list[tuple[str, str]]:
    return [(step.host, step.action) for step in the_plan.steps]


def told(made: APool, **options: Any) -> list[str]:
    """The codes of what xs_bond_info finds."""
    asked = spec(**options)
    network = next((one for one in made.pool.networks.values() if one.name == "NAS"), None)
    return [finding.code for finding in survey(made.pool, asked, network, {}, {})]


# new bonds


def test_the_network_comes_first_then_the_master_then_the_members_by_name() -> None:
    made = APool("xs-9", "xs-10", "xs-2")
    assert steps(plan(made.pool, spec())) == [
        ("", "create_network"), ("xs-9", "create_bond"), ("xs-2", "create_bond"), ("xs-10", "create_bond"),
    ]  # fmt: skip


def test_members_are_restarted_only_when_that_is_asked_for_and_the_master_never() -> None:
    the_plan = plan(tutorial().pool, spec(strategy="restart"))
    assert steps(the_plan) == [("", "create_network"), ("xs-1", "create_bond"), ("xs-2", "restart_agent")]
    assert [one.inherits for one in the_plan.predictions] == [False, True]


def test_both_strategies_predict_the_same_end() -> None:
    made = tutorial()
    made.nic("xs-2", "eth2")["other_config"] = {"management_purpose": "Storage"}
    made.nic("xs-2", "eth4")["disallow_unplug"] = True
    made.network("V50")
    for host in ("xs-1", "xs-2"):
        made.vlan(host, "eth2", 50, "V50")
    ends = []
    for strategy in ("direct", "restart"):
        the_plan = plan(made.pool, spec(strategy=strategy, mode="lacp", purpose="NFS"))
        ends.append([{**one.to_dict(), "inherits": ""} for one in the_plan.predictions])
    assert ends[0] == ends[1]


def test_every_step_says_what_it_interrupts() -> None:
    for strategy in ("direct", "restart"):
        for step in plan(tutorial().pool, spec(strategy=strategy)).steps:
            assert bool(step.interrupts) == (step.action != "create_network")
    restart = plan(tutorial().pool, spec(strategy="restart")).steps[-1]
    assert "eth2, eth4" in restart.interrupts and "tasks of this host end" in restart.interrupts
    assert "172.16.0.36 moves from eth2" in restart.sentence


def test_only_the_hosts_that_are_named_are_planned_for() -> None:
    assert steps(plan(tutorial().pool, spec(hosts=["192.0.2.11"]))) == [("", "create_network"), ("xs-2", "create_bond")]


def test_what_xapi_leaves_behind_is_carried_over() -> None:
    made = tutorial()
    made.nic("xs-1", "eth2").update(
        other_config={"management_purpose": "Storage", "bond-updelay": "100", "note": "mine"},
        ipv6_configuration_mode="Static", IPv6=["fd00::35/64"], ipv6_gateway="fd00::1",
    )  # fmt: skip
    the_plan = plan(made.pool, spec(hosts=["xs-1"]))
    assert not the_plan.problems
    assert [(step.action, step.arguments.get("key"), step.arguments.get("value")) for step in the_plan.steps[2:]] == [
        ("set_other_config", "bond-updelay", "100"), ("set_other_config", "management_purpose", "Storage"),
        ("reconfigure_ipv6", None, None),
    ]  # fmt: skip
    assert the_plan.steps[-1].arguments["ipv6"] == "fd00::35/64"


def test_what_the_wish_adds_comes_after_the_bond() -> None:
    asked = spec(
        hosts=["xs-1"], purpose="Storage", disallow_unplug=True, vlans=[{"tag": 50, "network": "V50"}],
        addresses={"xs-1": {"ip": "10.0.0.1", "netmask": "255.0.0.0"}},
    )  # fmt: skip
    the_plan = plan(tutorial().pool, asked)
    assert [action for _host, action in steps(the_plan)] == [
        "create_network", "create_network", "create_bond", "set_other_config", "set_disallow_unplug", "reconfigure_ip", "create_vlan",
    ]  # fmt: skip
    (predicted,) = the_plan.predictions
    assert (predicted.ip, predicted.disallow_unplug, predicted.vlans) == ("10.0.0.1", True, (50,))


# what is there


def test_a_pool_that_conforms_has_nothing_to_do() -> None:
    made = bonded()
    for strategy in ("direct", "restart"):
        the_plan = plan(made.pool, spec(strategy=strategy))
        assert (the_plan.steps, the_plan.problems, the_plan.actions) == ((), (), {"xs-1": "kept", "xs-2": "kept"})
    assert told(made) == []


def other_mode(made: APool) -> None:
    made.records["bond"]["OpaqueRef:bond-2"]["mode"] = "balance-slb"


def not_attached(made: APool) -> None:
    made.nic("xs-2", "bond0")["currently_attached"] = False


def address_on_nic(made: APool) -> None:
    made.address("xs-2", "eth4", "172.16.0.99")


def lost_address(made: APool) -> None:
    """The bond has none, and the NIC has it still: XAPI does so when an address is given to a member of a bond (recorded)."""
    made.address("xs-2", "eth2", "172.16.0.36")
    made.nic("xs-2", "bond0").update(ip_configuration_mode="None", IP="", netmask="")


def other_mtu(made: APool) -> None:
    made.network_called("NAS")["MTU"] = "9000"


def missing(made: APool) -> None:
    no_bond(made, "xs-2")


def no_bond(made: APool, host: str) -> None:
    own = made.nic(host, "bond0")
    bond = made.records["bond"][own["bond_master_of"][0]]
    for ref in bond["slaves"]:
        made.records["pif"][ref].update(bond_slave_of="OpaqueRef:NULL", currently_attached=True)
    made.address(host, "eth2", own["IP"])
    made.remove("bond", bond)
    made.remove("pif", own)


def other_nics(made: APool) -> None:
    no_bond(made, "xs-2")
    made.bond("xs-2", "NAS", ["eth2", "eth3"])


def other_network(made: APool) -> None:
    no_bond(made, "xs-2")
    made.network("old NAS")
    made.bond("xs-2", "old NAS", ["eth2", "eth4"])


def unplugged_vlan(made: APool) -> None:
    made.network("V50")
    vlan = made.vlan("xs-2", "bond0", 50, "V50")
    made.records["pif"][vlan["untagged_PIF"]]["currently_attached"] = False


DRIFT: list[tuple[Callable[[APool], None], str, list[str]]] = [
    (other_mode, "drift_mode", ["set_mode"]),
    (other_mtu, "drift_mtu", ["replug"]),
    (other_nics, "drift_nics", ["destroy_bond", "create_bond"]),
    (other_network, "nic_bonded", ["destroy_bond", "create_bond"]),
]
UNFINISHED: list[tuple[Callable[[APool], None], str, list[str]]] = [
    (not_attached, "not_attached", ["plug"]),
    (address_on_nic, "ip_on_nic", ["clear_ip"]),
    (lost_address, "ip", ["reconfigure_ip", "clear_ip"]),
    (unplugged_vlan, "vlan_not_attached", ["plug_vlans"]),
    (missing, "no_bond", ["create_bond"]),
]


@pytest.mark.parametrize("drift, code, actions", DRIFT, ids=lambda value: getattr(value, "__name__", ""))
def test_a_drift_is_refused_and_named_and_repaired_when_that_is_asked_for(
    drift: Callable[[APool], None], code: str, actions: list[str]
) -> None:
    made = bonded()
    drift(made)
    assert told(made)
    hosts = ["xs-2"]
    refused = plan(made.pool, spec(hosts=hosts))
    assert [(one.code, one.host) for one in refused.blocking] == [(code, "xs-2")]
    assert "on_drift: repair" in refused.blocking[0].remedy
    repaired = plan(made.pool, spec(hosts=hosts, on_drift="repair"))
    assert not repaired.blocking
    assert [action for _host, action in steps(repaired)] == actions


@pytest.mark.parametrize("left, code, actions", UNFINISHED, ids=lambda value: getattr(value, "__name__", ""))
def test_what_a_run_left_unfinished_is_finished_without_asking(left: Callable[[APool], None], code: str, actions: list[str]) -> None:
    made = bonded()
    left(made)
    assert code in told(made)
    the_plan = plan(made.pool, spec())
    assert not the_plan.problems
    assert steps(the_plan) == [("xs-2", action) for action in actions]


@pytest.mark.parametrize(
    "have, want, changes",
    [
        ({"lacp-time": "slow"}, {"lacp-time": "fast"}, [("set_property", "fast")]),
        # A property cannot be unset, but a change of the mode drops it (recorded).
        ({"lacp-aggregation-key": "42"}, {}, [("set_mode", "active-backup"), ("set_mode", "lacp")]),
        (
            {"lacp-aggregation-key": "42"},
            {"lacp-time": "fast"},
            [("set_mode", "active-backup"), ("set_mode", "lacp"), ("set_property", "fast")],
        ),
    ],
)
def test_properties_are_repaired_in_place(have: dict[str, str], want: dict[str, str], changes: list[tuple[str, str]]) -> None:
    defaults = {"hashing_algorithm": "tcpudp_ports", "lacp-time": "slow", "lacp-fallback-ab": "true"}
    made = bonded(mode="lacp", properties={**defaults, **have})
    assert set(told(made, mode="lacp", properties=want)) == {"properties"}
    assert {one.code for one in plan(made.pool, spec(mode="lacp", properties=want)).blocking} == {"drift_properties"}
    the_plan = plan(made.pool, spec(mode="lacp", properties=want, on_drift="repair", hosts=["xs-2"]))
    assert [(step.action, step.arguments.get("mode") or step.arguments.get("value")) for step in the_plan.steps] == changes


def test_another_mac_needs_the_bond_made_anew() -> None:
    made = bonded()
    the_plan = plan(made.pool, spec(hosts=["xs-2"], mac="02:00:00:00:00:01", on_drift="repair"))
    assert steps(the_plan) == [("xs-2", "destroy_bond"), ("xs-2", "create_bond")]
    assert the_plan.actions == {"xs-2": "remade"}
    assert (the_plan.predictions[0].mac, the_plan.predictions[0].ip) == ("02:00:00:00:00:01", "172.16.0.36")


def test_a_bond_that_is_made_anew_keeps_what_only_its_own_pif_has() -> None:
    made = bonded()
    other_nics(made)
    made.nic("xs-2", "bond0").update(
        other_config={"management_purpose": "Storage", "bond-updelay": "9"},
        ipv6_configuration_mode="Static",
        IPv6=["fd00::36/64"],
        disallow_unplug=True,
    )
    the_plan = plan(made.pool, spec(on_drift="repair"))
    assert not the_plan.problems
    assert [(step.action, step.arguments.get("key")) for step in the_plan.steps] == [
        # on the NIC first, so that it is lost at no moment
        ("set_nic_other_config", "bond-updelay"), ("set_nic_other_config", "management_purpose"), ("set_nic_ipv6", None),
        ("destroy_bond", None), ("create_bond", None),
        ("set_other_config", "bond-updelay"), ("set_other_config", "management_purpose"), ("reconfigure_ipv6", None),
    ]  # fmt: skip
    predicted = the_plan.predictions[1]
    assert (predicted.device, predicted.ip, predicted.ipv6, predicted.disallow_unplug) == ("bond0", "172.16.0.36", ("fd00::36/64",), True)


def test_a_member_with_a_bond_in_the_way_is_not_restarted() -> None:
    made = bonded()
    other_network(made)
    the_plan = plan(made.pool, spec(strategy="restart", on_drift="repair"))
    assert steps(the_plan) == [("xs-2", "destroy_bond"), ("xs-2", "create_bond")]
    assert not the_plan.predictions[1].inherits


def test_a_mtu_that_the_spec_names_is_no_drift() -> None:
    the_plan = plan(bonded().pool, spec(mtu=9000))
    assert not the_plan.problems
    assert steps(the_plan) == [("", "set_mtu"), ("xs-1", "replug"), ("xs-2", "replug")]


def test_disallow_unplug_is_lifted_when_that_is_asked_for() -> None:
    made = bonded()
    made.nic("xs-2", "bond0")["disallow_unplug"] = True
    assert steps(plan(made.pool, spec())) == []
    assert steps(plan(made.pool, spec(disallow_unplug=False))) == [("xs-2", "set_disallow_unplug")]


# absent


def test_a_bond_is_taken_off_the_master_first() -> None:
    assert steps(plan(bonded().pool, spec(state="absent"))) == [("xs-1", "destroy_bond"), ("xs-2", "destroy_bond")]


def test_what_only_the_bond_has_goes_to_its_nic_before_it_is_taken_apart() -> None:
    made = bonded()
    made.nic("xs-2", "bond0").update(
        other_config={"management_purpose": "Storage", "bond-updelay": "9"}, ipv6_configuration_mode="Static", IPv6=["fd00::36/64"]
    )
    the_plan = plan(made.pool, spec(state="absent", hosts=["xs-2"]))
    assert [(step.action, step.arguments.get("key")) for step in the_plan.steps] == [
        ("set_nic_other_config", "management_purpose"), ("set_nic_ipv6", None), ("destroy_bond", None),
    ]  # fmt: skip
    assert "172.16.0.36 goes back to eth2" in the_plan.steps[-1].sentence


def test_there_is_nothing_to_remove_twice() -> None:
    assert plan(tutorial().pool, spec(state="absent")).steps == ()


def test_a_bond_of_other_nics_than_named_is_not_removed() -> None:
    the_plan = plan(bonded().pool, spec(state="absent", nics=["eth2", "eth3"]))
    assert {one.code for one in the_plan.blocking} == {"nics_differ"}


def test_a_host_that_is_down_is_not_touched() -> None:
    made = bonded()
    made.records["host_metrics"][made.host("xs-2")["metrics"]]["live"] = False
    other_mode(made)
    for options in ({"on_drift": "repair"}, {"state": "absent"}):
        assert [(one.code, one.host) for one in plan(made.pool, spec(**options)).blocking] == [("host_down", "xs-2")]


# the result


def test_the_diff_shows_only_hosts_that_change() -> None:
    made = bonded()
    other_mode(made)
    asked = spec(on_drift="repair")
    shown = difference(made.pool, asked, plan(made.pool, asked))
    assert set(shown["before"]) == set(shown["after"]) == {"xs-2"}
    assert (shown["before"]["xs-2"]["mode"], shown["after"]["xs-2"]["mode"]) == ("balance-slb", "active-backup")


def test_changed_is_whether_there_are_steps() -> None:
    for made, changed in ((tutorial(), True), (bonded(), False)):
        assert result(made.pool, spec(), plan(made.pool, spec()))["changed"] is changed


@pytest.mark.parametrize("host, word", [("xs-1", "xs-1"), ("192.0.2.11", "xs-2"), ("xs-2.example.com", "xs-2")])
def test_a_host_is_found_by_name_address_and_host_name(host: str, word: str) -> None:
    assert [one.name for one in plan(tutorial().pool, spec(hosts=[host])).hosts] == [word]


def same_names() -> APool:
    """The master and a member are called the same, as two hosts are that were just installed."""
    made = APool("xs-1", "xs-2", "xs-3")
    for number, host in enumerate(("xs-1", "xs-2", "xs-3"), 1):
        made.address(host, "eth2", f"172.16.0.{number}")
    for host in ("xs-1", "xs-2"):
        made.host(host)["name_label"] = "localhost"
    return made


def test_hosts_of_one_name_are_all_in_the_plan_the_master_first() -> None:
    made = plan(same_names().pool, spec(strategy="restart"))
    names = ["localhost (host-1-xs-1)", "localhost (host-2-xs-2)", "xs-3"]
    assert [(step.action, step.host) for step in made.steps][1:] == [
        ("create_bond", names[0]), ("restart_agent", names[1]), ("restart_agent", names[2])
    ]  # fmt: skip
    hosts = result(same_names().pool, spec(), made)["hosts"]
    assert {name: host["uuid"] for name, host in hosts.items()} == {names[0]: "host-1-xs-1", names[1]: "host-2-xs-2", "xs-3": "host-3-xs-3"}


def test_a_name_that_two_hosts_have_is_refused_with_their_uuids() -> None:
    for asked in (spec(hosts=["localhost"]), spec(addresses={"localhost": {"ip": "172.16.0.9", "netmask": "255.255.255.0"}})):
        (problem,) = [one for one in plan(same_names().pool, asked).blocking if one.code == "host_unknown"]
        assert "called localhost" in problem.sentence or "names localhost" in problem.sentence
        assert "host-1-xs-1" in problem.sentence and "host-2-xs-2" in problem.sentence
    assert [host.uuid for host in plan(same_names().pool, spec(hosts=["host-2-xs-2"])).hosts] == ["host-2-xs-2"]


def test_reading_and_planning_twice_as_many_hosts_is_twice_the_work() -> None:
    """In calls, which no other load changes; the seconds are in tests/bench."""

    def calls(hosts: int) -> int:
        made = APool(*(f"xs-{number}" for number in range(1, hosts + 1)))
        for number in range(1, hosts + 1):
            made.address(f"xs-{number}", "eth2", f"172.16.0.{number}")
            made.storage(f"xs-{number}", "nas-1", server="10.9.0.200")
        counted = Profile()
        counted.enable()
        assert len(plan(read(made.records), spec()).steps) == hosts + 1
        counted.disable()
        return sum(entry.callcount for entry in counted.getstats())

    assert calls(64) < 2.5 * calls(32)
