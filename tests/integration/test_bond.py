# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""xs_bond and xs_bond_info against a pool: what they do, how often they call, and that everything comes back when a bond is removed."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._run.task import Task
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.plugins.modules import xs_bond, xs_bond_info

from tests.integration.playing import connection
from xapi_twin.running import RunningTwin

READ_ONLY = ["session.login_with_password", "event.from", "session.logout"]
# Fields of a PIF that name objects which a change makes again, or tell what was measured.
RENEWED = ("uuid", "metrics", "VLAN_slave_of", "VLAN_master_of", "bond_master_of", "bond_slave_of", "igmp_snooping_status")
LIFE = ["storage_in_use", "vifs_in_use", "ha_enabled", "pending_tasks", "no_link"]  # what speaks against a change in vlans-and-vms


@contextmanager
def running(scenario: str = "tutorial", **options: Any) -> Iterator[RunningTwin]:
    with RunningTwin(scenario, ssh=False, restart_seconds=0, **options) as twin:
        yield twin


@pytest.fixture
def twin() -> Iterator[RunningTwin]:
    with running() as found:
        yield found


def task(twin: RunningTwin, module: Any, check: bool = False, **options: Any) -> tuple[Task, list[str]]:
    defaults = {name: about.get("default") for name, about in module.ARGUMENT_SPEC.items()}
    given = {**defaults, **connection(twin), "network": "NAS", **options}
    if given.get("state") == "present" and "nics" not in options:
        given["nics"] = ["eth2", "eth4"]
    said: list[str] = []
    return Task(options=given, check_mode=check, diff_mode=True, warn=said.append, progress=said.append), said


def bond(twin: RunningTwin, check: bool = False, **options: Any) -> dict[str, Any]:
    return dict(xs_bond.work(task(twin, xs_bond, check, **options)[0]))


def info(twin: RunningTwin, **options: Any) -> dict[str, Any]:
    return dict(xs_bond_info.work(task(twin, xs_bond_info, **options)[0]))


def calls(twin: RunningTwin, since: int = 0) -> list[str]:
    return [entry.method for entry in twin.journal[since:]]


def written(twin: RunningTwin, since: int = 0) -> list[str]:
    return [entry.method.removeprefix("Async.") for entry in twin.journal[since:] if entry.writes]


def pifs(twin: RunningTwin) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Every PIF as XAPI tells it, by host, device and VLAN; references that a change renews are left out or replaced by names."""
    with task(twin, xs_bond_info)[0].session() as session:
        records = copy.deepcopy(dict(session.read()))
    found = {}
    for record in records["pif"].values():
        kept = {key: value for key, value in record.items() if key not in RENEWED}
        kept["network"] = records["network"][record["network"]]["name_label"]
        kept["bonded"] = record["bond_slave_of"] != "OpaqueRef:NULL"
        kept["tags"] = sorted(records["vlan"][ref]["tag"] for ref in record["VLAN_slave_of"])
        kept["tunnel_transport_PIF_of"] = len(record["tunnel_transport_PIF_of"])
        kept["tunnel_access_PIF_of"] = len(record["tunnel_access_PIF_of"])
        kept["IPv6"] = [address for address in record["IPv6"] if address]
        found[records["host"][record["host"]]["name_label"], record["device"], record["VLAN"]] = kept
    return found


# what it does


def test_every_host_has_the_bond_that_was_planned(twin: RunningTwin) -> None:
    result = bond(twin)
    assert result["changed"] and result["findings"] == []
    assert {name: (host["nics"], host["ip"], host["mac"], host["attached"]) for name, host in result["hosts"].items()} == {
        name: (["eth2", "eth4"], host["expected"]["ip"], host["expected"]["mac"], True) for name, host in result["hosts"].items()
    }
    assert [host["ip"] for host in result["hosts"].values()] == ["172.16.0.35", "172.16.0.36"]
    assert info(twin)["conforms"]


@pytest.mark.parametrize(
    "scenario",
    [
        "tutorial",
        "tutorial-26",
        "tutorial-6.2",
        "three-hosts",
        "master-not-first",
        "member-bond0-taken",
        "network-pre-existing",
        "linux-bridge",
    ],
)
def test_the_plan_of_check_mode_is_what_the_run_then_does(scenario: str) -> None:
    with running(scenario) as twin:
        planned = bond(twin, check=True, accept=LIFE)
        assert written(twin) == [] and calls(twin) == READ_ONLY
        done = bond(twin, accept=LIFE)
        assert done["plan"]["steps"] == planned["plan"]["steps"] == done["done"]
        assert done["diff"] == planned["diff"]
        assert done["findings"] == []
        assert info(twin)["conforms"]


def test_with_nothing_to_do_there_are_three_calls(twin: RunningTwin) -> None:
    bond(twin)
    for again, options in ((bond, {}), (bond, {"check": True}), (info, {})):
        before = len(twin.journal)
        assert again(twin, **options)["changed"] is False
        assert calls(twin, before) == READ_ONLY


def test_a_vm_costs_one_call_and_only_while_there_is_something_to_do() -> None:
    with running("vlans-and-vms") as twin:
        planned = bond(twin, check=True, accept=LIFE)
        assert calls(twin) == [*READ_ONLY[:2], "VM.get_record", "VM.get_record", READ_ONLY[2]]
        text = str(planned["problems"])
        assert "web is connected through eth2" in text and "db is connected through eth2" in text and "archive" not in text
        bond(twin, accept=LIFE)
        before = len(twin.journal)
        bond(twin, accept=LIFE)
        assert calls(twin, before) == READ_ONLY


def test_nothing_is_written_when_something_speaks_against_it() -> None:
    with running("vlans-and-vms") as twin:
        with pytest.raises(NetworkError) as refused:
            bond(twin)
        assert written(twin) == []
        assert "[ha_enabled]" in refused.value.message and "[storage_in_use]" in refused.value.message
        assert refused.value.message.startswith("Nothing was changed")
        assert {one["code"] for one in refused.value.facts["problems"]} >= {"ha_enabled", "storage_in_use", "vifs_in_use", "no_link"}


@pytest.mark.parametrize(
    "scenario, code", [("member-nic-missing", "nic_missing"), ("member-two-ips", "two_ips"), ("networks-same-name", "network_ambiguous")]
)
def test_a_pool_that_cannot_have_the_bond_is_refused_as_a_whole(scenario: str, code: str) -> None:
    with running(scenario) as twin:
        with pytest.raises(NetworkError, match=rf"\[{code}\]"):
            bond(twin)
        assert written(twin) == []


def test_a_bond_that_comes_with_a_restart_is_not_made_here(twin: RunningTwin) -> None:
    with pytest.raises(NetworkError, match=r"xs-2 gets its bond with a restart of its xapi.*Nothing was changed"):
        bond(twin, strategy="restart")
    assert written(twin) == []


def test_an_inherited_bond_is_awaited_and_completed(twin: RunningTwin) -> None:
    planned = bond(twin, check=True, strategy="restart", purpose="NFS")["hosts"]
    bond(twin, hosts=["xs-1"], purpose="NFS")
    twin.run(twin.twin.host("xs-2").restart_xapi)
    result = bond(twin, strategy="restart", hosts=["xs-2"], expected=planned, purpose="NFS")
    assert [step["action"] for step in result["done"]] == ["set_other_config"]
    assert result["hosts"]["xs-2"]["ip"] == "172.16.0.36"
    assert info(twin, expected=planned, purpose="NFS")["conforms"]


def test_a_member_that_inherits_nothing_is_reported_at_the_deadline(twin: RunningTwin) -> None:
    planned = bond(twin, check=True, strategy="restart")["hosts"]
    bond(twin, hosts=["xs-1"])
    with pytest.raises(NetworkError, match=r"xs-2 did not inherit the bond within 1 s. Last seen: xs-2: no bond of eth2, eth4 on NAS"):
        bond(twin, strategy="restart", hosts=["xs-2"], expected=planned, wait_timeout=1)


# drift


def xapi(twin: RunningTwin, *wanted: tuple[Any, ...]) -> None:
    """Calls of someone else: references are given as "Bond:xs-2", "xs-2:eth2" or "network:NAS"."""
    with task(twin, xs_bond_info)[0].session() as session:
        for method, *arguments in wanted:
            records = session.read()
            session.call(method, *(_ref(records, argument) for argument in arguments))


def _ref(records: Any, name: Any) -> Any:
    if isinstance(name, list):
        return [_ref(records, one) for one in name]
    kind, _unused, what = str(name).partition(":")
    hosts = {record["name_label"]: ref for ref, record in records["host"].items()}
    if kind == "network":
        return next(ref for ref, record in records["network"].items() if record["name_label"] == what)
    if kind == "Bond":
        return next(ref for ref, record in records["bond"].items() if records["pif"][record["master"]]["host"] == hosts[what])
    if kind in hosts:
        pifs = records["pif"].items()
        return next(ref for ref, record in pifs if (record["host"], record["device"], record["VLAN"]) == (hosts[kind], what, "-1"))
    return name


def a_network(name: str) -> tuple[str, dict[str, Any]]:
    return ("network.create", {"name_label": name, "name_description": "", "MTU": "1500", "other_config": {}, "tags": []})


IN_PLACE: dict[str, tuple[list[tuple[Any, ...]], list[str]]] = {
    "mode": ([("Bond.set_mode", "Bond:xs-2", "balance-slb")], ["Bond.set_mode"]),
    "properties": (
        [("Bond.set_mode", "Bond:xs-2", "lacp"), ("Bond.set_property", "Bond:xs-2", "lacp-time", "fast")],
        ["Bond.set_mode"],
    ),
    "mtu": ([("network.set_MTU", "network:NAS", "9000")], ["PIF.unplug", "PIF.plug", "PIF.unplug", "PIF.plug"]),
}  # fmt: skip
REMADE: dict[str, list[tuple[Any, ...]]] = {
    "nics": [("Bond.destroy", "Bond:xs-2"), ("Bond.create", "network:NAS", ["xs-2:eth2", "xs-2:eth3"], "", "active-backup", {})],
    "network": [
        ("Bond.destroy", "Bond:xs-2"), a_network("old"),
        ("Bond.create", "network:old", ["xs-2:eth2", "xs-2:eth4"], "", "active-backup", {}),
    ],
}  # fmt: skip
UNFINISHED: dict[str, tuple[list[tuple[Any, ...]], list[str]]] = {
    "missing": ([("Bond.destroy", "Bond:xs-2")], ["Bond.create"]),
    "attachment": ([("PIF.unplug", "xs-2:bond0")], ["PIF.plug"]),
    "ip": ([("PIF.reconfigure_ip", "xs-2:eth4", "Static", "172.16.0.40", "255.255.255.240", "", "")], ["PIF.reconfigure_ip"]),
}  # fmt: skip


@pytest.mark.parametrize("name", [*IN_PLACE, *REMADE])
def test_drift_is_found_refused_and_repaired(twin: RunningTwin, name: str) -> None:
    bond(twin)
    expected = pifs(twin)
    others, writes = IN_PLACE[name] if name in IN_PLACE else (REMADE[name], ["Bond.destroy", "Bond.create"])
    xapi(twin, *others)
    before = len(twin.journal)
    found = info(twin)
    assert not found["conforms"] and {one["host"] for one in found["findings"]} <= {"xs-1", "xs-2"}
    with pytest.raises(NetworkError, match="on_drift: repair"):
        bond(twin)
    assert written(twin, before) == []
    repaired = bond(twin, on_drift="repair")
    assert written(twin, before) == writes
    assert repaired["findings"] == [] and info(twin)["conforms"]
    if name != "mtu":
        assert pifs(twin) == expected
    before = len(twin.journal)
    assert bond(twin)["changed"] is False
    assert calls(twin, before) == READ_ONLY


@pytest.mark.parametrize("name", list(UNFINISHED))
def test_what_is_unfinished_is_finished_without_asking(twin: RunningTwin, name: str) -> None:
    bond(twin)
    expected = pifs(twin)
    others, writes = UNFINISHED[name]
    xapi(twin, *others)
    assert not info(twin)["conforms"]
    before = len(twin.journal)
    assert bond(twin)["findings"] == []
    assert written(twin, before) == writes
    assert pifs(twin) == expected


def test_a_property_that_was_not_asked_for_is_dropped_in_place(twin: RunningTwin) -> None:
    bond(twin, mode="lacp")
    xapi(twin, ("Bond.set_property", "Bond:xs-2", "lacp-aggregation-key", "42"))
    assert [one["code"] for one in info(twin, mode="lacp")["findings"]] == ["properties"]
    with pytest.raises(NetworkError, match="lacp-aggregation-key 42, which was not asked for"):
        bond(twin, mode="lacp")
    before = len(twin.journal)
    bond(twin, mode="lacp", on_drift="repair")
    assert written(twin, before) == ["Bond.set_mode", "Bond.set_mode"]
    assert info(twin, mode="lacp")["conforms"]


def test_a_bond_left_over_is_found(twin: RunningTwin) -> None:
    bond(twin)
    xapi(twin, ("Bond.destroy", "Bond:xs-1"))
    found = info(twin, state="absent", nics=None)
    assert [(one["code"], one["host"]) for one in found["findings"]] == [("bond_left", "xs-2")]


# what moves, and what comes back


def test_what_xapi_leaves_on_the_nic_is_on_the_bond_and_comes_back(twin: RunningTwin) -> None:
    xapi(
        twin,
        ("PIF.add_to_other_config", "xs-2:eth2", "management_purpose", "Storage"),
        ("PIF.set_disallow_unplug", "xs-2:eth2", True),
        ("PIF.reconfigure_ipv6", "xs-2:eth2", "Static", "fd00::36/64", "", ""),
    )
    before = pifs(twin)
    bond(twin)
    made = pifs(twin)["xs-2", "bond0", "-1"]
    assert made["other_config"] == {"management_purpose": "Storage"} and made["disallow_unplug"]
    assert (made["ipv6_configuration_mode"], made["IPv6"]) == ("Static", ["fd00::36/64"])
    bond(twin, state="absent")
    assert pifs(twin) == before


def test_what_was_given_to_the_bond_only_is_on_the_nic_after_its_removal(twin: RunningTwin) -> None:
    bond(twin, purpose="NFS")
    xapi(twin, ("PIF.reconfigure_ipv6", "xs-2:bond0", "Static", "fd00::36/64", "", ""))
    bond(twin, state="absent")
    nic = pifs(twin)["xs-2", "eth2", "-1"]
    assert nic["other_config"] == {"management_purpose": "NFS"}
    assert (nic["ipv6_configuration_mode"], nic["IPv6"]) == ("Static", ["fd00::36/64"])


def test_a_bond_that_gets_another_mac_keeps_its_purpose_and_its_address(twin: RunningTwin) -> None:
    bond(twin, purpose="NFS")
    bond(twin, hosts=["xs-2"], mac="02:00:00:00:00:01", on_drift="repair")
    made = pifs(twin)["xs-2", "bond0", "-1"]
    assert (made["MAC"], made["IP"], made["other_config"]) == ("02:00:00:00:00:01", "172.16.0.36", {"management_purpose": "NFS"})


def test_vlans_addresses_and_purpose_that_the_spec_adds(twin: RunningTwin) -> None:
    asked: dict[str, Any] = {
        "vlans": [{"tag": 50, "network": "V50"}], "purpose": "NFS", "disallow_unplug": True, "mtu": 9000,
        "addresses": {"xs-2": {"ip": "10.0.0.2", "netmask": "255.255.255.0", "gateway": "10.0.0.1"}},
    }  # fmt: skip
    bond(twin, **asked)
    made = pifs(twin)["xs-2", "bond0", "-1"]
    assert (made["IP"], made["gateway"], made["MTU"], made["tags"], made["disallow_unplug"]) == (
        "10.0.0.2",
        "10.0.0.1",
        "9000",
        ["50"],
        True,
    )
    assert pifs(twin)["xs-2", "bond0", "50"]["currently_attached"]
    assert info(twin, **asked)["conforms"]
    assert bond(twin, **asked)["changed"] is False


@pytest.mark.parametrize("scenario", ["tutorial", "tutorial-26", "three-hosts", "member-bond0-taken", "linux-bridge", "vlans-and-vms"])
def test_the_very_state_before_comes_back(scenario: str) -> None:
    with running(scenario) as twin:
        before = pifs(twin)
        bond(twin, accept=LIFE)
        assert pifs(twin) != before
        removed = bond(twin, state="absent", accept=LIFE)
        assert removed["changed"] and removed["findings"] == []
        after = pifs(twin)
        if scenario == "vlans-and-vms":
            # XAPI puts a tunnel on the primary NIC, wherever it was before; a tunnel or VLAN is a new object with a MAC of its own.
            for state in (before, after):
                for (_host, _device, vlan), pif in state.items():
                    del pif["tunnel_transport_PIF_of"]
                    if vlan != "-1" or pif["tunnel_access_PIF_of"]:
                        del pif["MAC"]
        assert after == before
        assert bond(twin, state="absent", accept=LIFE)["changed"] is False


def test_cable_that_is_pulled_is_a_warning_and_no_difference(twin: RunningTwin) -> None:
    bond(twin)
    for device, says in {"eth4": "so that bond0 runs on eth2 alone", "eth2": "so that bond0 carries nothing"}.items():
        twin.run(twin.twin.host("xs-2").set_carrier, device, False)
        looking, said = task(twin, xs_bond_info)
        assert xs_bond_info.work(looking)["conforms"]
        (sentence,) = said
        assert sentence.startswith("xs-2: ") and device in sentence and says in sentence


def test_cable_that_is_pulled_is_a_finding_where_that_is_asked_for(twin: RunningTwin) -> None:
    bond(twin)
    assert info(twin, degraded="fail")["conforms"]
    twin.run(twin.twin.host("xs-2").set_carrier, "eth4", False)
    looking, warned = task(twin, xs_bond_info, degraded="fail")
    found: dict[str, Any] = dict(xs_bond_info.work(looking))
    assert (found["conforms"], [(one["code"], one["host"]) for one in found["findings"]]) == (False, [("degraded", "xs-2")])
    assert found["findings"] == found["degraded"] == info(twin)["degraded"] and warned == []


def test_differences_fail_the_look_where_that_is_asked_for_and_are_all_that_it_says(twin: RunningTwin) -> None:
    bond(twin)
    assert info(twin, differences="fail")["conforms"]
    twin.run(twin.twin.host("xs-2").set_carrier, "eth4", False)
    found = info(twin, differences="fail", degraded="fail")
    assert found["failed"] and set(found) == {"changed", "failed", "msg", "findings"}
    assert found["msg"] == "xs-2: no link on eth4, so that bond0 runs on eth2 alone. Check cables and switch ports."
    assert info(twin, degraded="fail")["conforms"] is False, "only reported"
