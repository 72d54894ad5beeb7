# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened between two reads of a pool, as events. Each test changes XAPI's records and looks at what that is called."""

from __future__ import annotations

from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._lock.lease import KEY
from ansible_collections.xapi.network.plugins.module_utils._pool.changes import beginning, changes

from tests.unit.pools import APool


def bonded() -> APool:
    made = APool("xs-1", "xs-2")
    made.network("NAS")
    for host in ("xs-1", "xs-2"):
        made.bond(host, "NAS", ["eth2", "eth4"])
    return made


def happened(made: APool, *edits: Any) -> list[dict[str, Any]]:
    before = made.pool
    for edit in edits:
        edit()
    return changes(before, made.pool, KEY)


def kinds(made: APool, *edits: Any) -> list[str]:
    return [event["type"] for event in happened(made, *edits)]


def test_nothing_happened() -> None:
    assert happened(bonded()) == []


def test_the_beginning_names_the_pool_and_its_hosts() -> None:
    event = beginning(bonded().pool, KEY)
    assert (event["type"], event["pool"]["name"], [host["name"] for host in event["hosts"]]) == ("watching", "lab", ["xs-1", "xs-2"])


def test_a_bond_that_lost_a_link() -> None:
    made = bonded()
    bond = made.records["bond"][made.nic("xs-2", "bond0")["bond_master_of"][0]]
    (event,) = happened(made, lambda: bond.update(links_up="1"))
    assert event["type"] == "bond_link_lost"
    assert event["host"]["name"] == "xs-2"
    assert event["bond"] | {"uuid": ""} == {
        "uuid": "", "device": "bond0", "mode": "active-backup", "links_up": 1, "nics": ["eth2", "eth4"], "network": "NAS"
    }  # fmt: skip
    assert event["links_up_before"] == 2
    assert event["pool"] == {"uuid": made.pool.uuid, "name": "lab", "locked": False}


def test_a_nic_that_lost_its_link_names_the_bond_it_is_in() -> None:
    made = bonded()
    (event,) = happened(made, lambda: made.link("xs-1", "eth4").update(carrier=False))
    assert (event["type"], event["host"]["name"]) == ("nic_link_lost", "xs-1")
    assert (event["pif"]["device"], event["pif"]["bond"]) == ("eth4", "bond0")


def test_a_pif_that_was_unplugged() -> None:
    made = bonded()
    (event,) = happened(made, lambda: made.nic("xs-1", "bond0").update(currently_attached=False))
    assert (event["type"], event["pif"]["device"], event["pif"]["network"]) == ("pif_unplugged", "bond0", "NAS")


def test_a_nic_that_goes_into_a_bond_is_not_said_to_be_unplugged() -> None:
    made = APool("xs-1")
    made.network("NAS")
    made.nic("xs-1", "eth2")["currently_attached"] = made.nic("xs-1", "eth4")["currently_attached"] = True
    found = kinds(made, lambda: made.bond("xs-1", "NAS", ["eth2", "eth4"]))
    assert "bond_created" in found
    assert "pif_unplugged" not in found


def test_hosts_that_come_are_disabled_and_are_gone() -> None:
    made = bonded()
    metrics = made.records["host_metrics"][made.host("xs-2")["metrics"]]
    assert kinds(made, lambda: made.host("xs-2").update(enabled=False)) == ["host_disabled"]
    assert kinds(made, lambda: metrics.update(live=False)) == ["host_down"]
    assert kinds(made, lambda: metrics.update(live=True), lambda: made.host("xs-2").update(enabled=True)) == ["host_enabled", "host_up"]
    (event,) = changes(APool("xs-1").pool, APool("xs-1", "xs-3").pool, KEY)
    assert (event["type"], event["host"]["name"]) == ("host_joined", "xs-3")


def test_a_host_that_left_is_one_event_and_not_one_more_for_its_bond() -> None:
    made = bonded()
    before = made.pool
    host = made.ref("host", made.host("xs-2"))
    del made.records["bond"][made.nic("xs-2", "bond0")["bond_master_of"][0]]
    made.records["pif"] = {ref: pif for ref, pif in made.records["pif"].items() if pif["host"] != host}
    del made.records["host"][host]
    assert [event["type"] for event in changes(before, made.pool, KEY)] == ["host_left"]


def test_another_master() -> None:
    made = bonded()
    (pool,) = made.records["pool"].values()
    (event,) = happened(made, lambda: pool.update(master=made.ref("host", made.host("xs-2"))))
    assert (event["type"], event["host"]["name"], event["host"]["master"]) == ("master_changed", "xs-2", True)


def test_a_bond_whose_mode_or_properties_changed_and_one_that_is_gone() -> None:
    made = bonded()
    (ref, bond), *_others = made.records["bond"].items()
    assert kinds(made, lambda: bond.update(mode="balance-slb")) == ["bond_changed"]
    assert kinds(made, lambda: bond.update(properties={"lacp-time": "fast"})) == ["bond_changed"]
    assert kinds(made, lambda: made.records["bond"].pop(ref)) == ["bond_destroyed"]


def test_an_event_says_when_a_run_is_at_work_on_the_pool() -> None:
    made = bonded()
    (pool,) = made.records["pool"].values()
    (event,) = happened(made, lambda: pool.update(other_config={KEY: "anything"}), lambda: made.host("xs-2").update(enabled=False))
    assert event["pool"]["locked"] is True
