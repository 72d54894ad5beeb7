# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""xs_pif_facts answers the questions that the tutorial asks, row for row; xs_pool_info says what the pool is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from ansible_collections.xapi.network.plugins.module_utils._run.task import Task
from ansible_collections.xapi.network.plugins.module_utils._xapi.connection import Connection
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.plugins.module_utils._xapi.session import Session
from ansible_collections.xapi.network.plugins.modules import xs_pif_facts, xs_pool_info

from tests.integration.playing import connection
from xapi_twin.running import RunningTwin

# The three forms of `xe pif-list host-uuid=… physical=… IP-configuration-mode=… params=uuid,device,IP,network-name-label`.
ROWS = "{uuid: uuid, device: device, IP: IP, network_name_label: network_name_label}"
NICS_WITH_AN_ADDRESS = f"[?physical && ip_configuration_mode == 'Static'].{ROWS}"
OTHERS_WITH_AN_ADDRESS = f"[?!physical && ip_configuration_mode == 'Static'].{ROWS}"
OTHERS_WITHOUT = f"[?!physical && ip_configuration_mode == 'None'].{ROWS}"


@pytest.fixture
def twin() -> Iterator[RunningTwin]:
    with RunningTwin("tutorial", ssh=False) as running:
        yield running


def options(twin: RunningTwin, module: Any, **given: Any) -> dict[str, Any]:
    return {**{name: about.get("default") for name, about in module.ARGUMENT_SPEC.items()}, **connection(twin), **given}


def facts(twin: RunningTwin, host: str = "xs-1", **given: Any) -> dict[str, Any]:
    return xs_pif_facts.work(Task(options=options(twin, xs_pif_facts, host=host, **given)))


def asked(twin: RunningTwin, query: str, host: str = "xs-1") -> list[dict[str, str]]:
    result = facts(twin, host, query=query)
    assert set(result) == {"changed", "ansible_facts"}, "a module that gathers facts returns nothing else"
    return sorted(result["ansible_facts"]["xs_network"]["query"], key=lambda row: row["device"])  # xe gives its rows in no order


def bond(twin: RunningTwin) -> None:
    """The tutorial's bond on the master, as the tutorial makes it."""
    with Session(Connection(**connection(twin))) as session:
        records = session.read(("pool", "pif"))
        master = next(iter(records["pool"].values()))["master"]
        nics = [ref for ref, pif in records["pif"].items() if pif["host"] == master and pif["device"] in ("eth2", "eth4")]
        fresh = {"name_label": "NAS", "name_description": "", "MTU": "1500", "other_config": {}, "tags": []}
        session.act("Bond.create", session.call("network.create", fresh), nics, "", "active-backup", {}, wait_timeout=20)


def test_the_tutorials_three_questions_before_the_bond(twin: RunningTwin) -> None:
    assert asked(twin, NICS_WITH_AN_ADDRESS, "xs-2") == [
        {
            "uuid": "7e171fca-dbbf-fb2b-dc27-b17dce481c02",
            "device": "eth0",
            "IP": "172.16.0.12",
            "network_name_label": "Pool-wide network associated with eth0",
        },
        {
            "uuid": "cd9d33bb-997e-5aec-c8d3-b0422e1e9cb5",
            "device": "eth2",
            "IP": "172.16.0.36",
            "network_name_label": "Pool-wide network associated with eth2",
        },
    ]
    assert asked(twin, OTHERS_WITH_AN_ADDRESS, "xs-2") == []
    assert asked(twin, OTHERS_WITHOUT, "xs-2") == []


def test_the_tutorials_three_questions_after_the_bond(twin: RunningTwin) -> None:
    bond(twin)
    assert asked(twin, NICS_WITH_AN_ADDRESS) == [
        {
            "uuid": "8445b796-01b0-e2cf-ba17-9e7af7856925",
            "device": "eth0",
            "IP": "172.16.0.10",
            "network_name_label": "Pool-wide network associated with eth0",
        }
    ]
    (row,) = asked(twin, OTHERS_WITH_AN_ADDRESS)
    assert (row["device"], row["IP"], row["network_name_label"]) == ("bond0", "172.16.0.35", "NAS")
    assert asked(twin, OTHERS_WITHOUT) == []


def test_the_documented_examples_are_those_questions() -> None:
    queries = []
    for task in yaml.safe_load(xs_pif_facts.EXAMPLES):
        queries.append(task.get("xapi.network.xs_pif_facts", {}).get("query", "").replace("\n", "").replace(" ", ""))
    wanted = (NICS_WITH_AN_ADDRESS, OTHERS_WITH_AN_ADDRESS, OTHERS_WITHOUT)
    assert [query for query in queries if query] == [query.replace(" ", "") for query in wanted]


def test_the_facts_are_those_of_one_host_and_its_pools_networks(twin: RunningTwin) -> None:
    bond(twin)
    found = facts(twin)["ansible_facts"]["xs_network"]
    assert set(found) == {"host", "pifs", "networks", "bonds"}
    assert found["host"]["name_label"] == "xs-1"
    assert [pif["device"] for pif in found["pifs"]] == ["bond0", "eth0", "eth1", "eth2", "eth3", "eth4", "eth5"]
    assert {pif["host_uuid"] for pif in found["pifs"]} == {found["host"]["uuid"]}
    (made,) = found["bonds"]
    master = next(pif for pif in found["pifs"] if pif["device"] == "bond0")
    assert (made["master"], made["nics"], made["mode"], made["network_name_label"]) == (
        master["uuid"],
        ["eth2", "eth4"],
        "active-backup",
        "NAS",
    )
    assert made["primary_slave"] == "767aac49-ba37-3be7-5bad-87ae26d97e02"
    assert [pif["device"] for pif in found["pifs"] if pif["bond_slave_of"] == made["uuid"]] == ["eth2", "eth4"]
    assert [network["pif"] for network in found["networks"] if network["name_label"] == "NAS"] == [master["uuid"]]


def test_a_member_without_the_bond_sees_the_network_and_has_no_pif_on_it(twin: RunningTwin) -> None:
    bond(twin)
    found = facts(twin, "xs-2")["ansible_facts"]["xs_network"]
    assert [network["pif"] for network in found["networks"] if network["name_label"] == "NAS"] == [""]
    assert found["bonds"] == []


def test_the_documented_keys_are_the_keys(twin: RunningTwin) -> None:
    documented = yaml.safe_load(xs_pif_facts.RETURN)["ansible_facts"]["contains"]["xs_network"]["contains"]
    found = facts(twin)["ansible_facts"]["xs_network"]
    assert set(found["pifs"][0]) == set(documented["pifs"]["contains"])
    pool = xs_pool_info.work(Task(options=options(twin, xs_pool_info)))
    returned = yaml.safe_load(xs_pool_info.RETURN)
    assert set(pool) - {"changed"} == set(returned)
    assert set(pool["hosts"][0]) == set(returned["hosts"]["contains"]) == set(found["host"])


@pytest.mark.parametrize("name", ["xs-2", "9b7f0a52-58a5-4f0e-8f6d-0a9c1d2e7c44", "172.16.0.12"])
def test_a_host_is_found_by_name_uuid_and_address(twin: RunningTwin, name: str) -> None:
    assert facts(twin, name)["ansible_facts"]["xs_network"]["host"]["name_label"] == "xs-2"


def test_the_address_is_tried_when_the_name_is_unknown(twin: RunningTwin) -> None:
    found = facts(twin, "second.example.com", address="172.16.0.12")
    assert found["ansible_facts"]["xs_network"]["host"]["name_label"] == "xs-2"


def test_an_unknown_host_is_an_error_that_lists_the_hosts(twin: RunningTwin) -> None:
    with pytest.raises(NetworkError, match=r"has no host xs-9 or 192.0.2.1. It has xs-1 \(172.16.0.10\), xs-2 \(172.16.0.12\)"):
        facts(twin, "xs-9", address="192.0.2.1")


def test_a_query_that_cannot_be_understood_is_an_error_before_xapi_is_asked(twin: RunningTwin) -> None:
    with pytest.raises(NetworkError, match="query is not a JMESPath expression"):
        facts(twin, query="[?")
    assert len(twin.journal) == 0


def test_a_query_that_fails_on_the_rows_is_an_error(twin: RunningTwin) -> None:
    with pytest.raises(NetworkError, match="query fails on the PIFs of xs-1"):
        facts(twin, query="sum([].device)")


def test_the_pool_is_told_with_its_master_first_and_its_members_in_order() -> None:
    with RunningTwin("eight-hosts", ssh=False) as twin:
        pool = xs_pool_info.work(Task(options=options(twin, xs_pool_info)))
        writes = twin.journal.writes()
    assert pool["hosts"] == [pool["master"], *pool["members"]]
    assert pool["master"]["master"] is True
    names = [host["name_label"] for host in pool["members"]]
    assert names == sorted(names)
    assert len(pool["hosts"]) == 8
    assert pool["versions"] == [
        {**{key: pool["master"][key] for key in ("product", "release", "xapi")}, "hosts": [host["name_label"] for host in pool["hosts"]]}
    ]
    assert (pool["backend"], pool["ha"], pool["tasks"]) == ("openvswitch", False, [])
    assert writes == []


def test_unfinished_tasks_are_told_with_their_host(twin: RunningTwin) -> None:
    with Session(Connection(**connection(twin))) as session:
        session.call("task.create", "backup", "of everything")
        pool = xs_pool_info.work(Task(options=options(twin, xs_pool_info)))
    assert [(task["name_label"], task["host"]) for task in pool["tasks"]] == [("backup", "xs-1")]
