# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""xs_network against a pool: created, changed in place, removed; nothing twice, and nothing that is in use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._run.task import Task
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.plugins.modules import xs_network

from tests.integration.playing import connection
from xapi_twin.running import RunningTwin


@pytest.fixture
def twin() -> Iterator[RunningTwin]:
    with RunningTwin("tutorial", ssh=False) as running:
        yield running


def work(twin: RunningTwin, check: bool = False, **options: Any) -> dict[str, Any]:
    defaults = {name: about.get("default") for name, about in xs_network.ARGUMENT_SPEC.items()}
    warnings: list[str] = []
    given = {**defaults, **connection(twin), **options}
    return {**xs_network.work(Task(options=given, check_mode=check, diff_mode=True, warn=warnings.append)), "warned": warnings}


def networks(twin: RunningTwin, name: str) -> list[dict[str, Any]]:
    return twin.call(lambda: [dict(record) for record in twin.database.all("network").values() if record["name_label"] == name])


def written(twin: RunningTwin) -> list[str]:
    return [entry.method for entry in twin.journal.writes()]


def test_a_network_is_created_as_it_is_described(twin: RunningTwin) -> None:
    result = work(twin, name="NAS", description="Storage", mtu=9000, other_config={"automatic": False}, tags=["b", "a"], purpose=["nbd"])
    assert result["changed"]
    (record,) = networks(twin, "NAS")
    assert result["network"] == {
        "uuid": record["uuid"],
        "name_label": "NAS",
        "name_description": "Storage",
        "bridge": "xapi0",
        "MTU": 9000,
        "managed": True,
        "other_config": {"automatic": "false"},
        "tags": ["a", "b"],
        "purpose": ["nbd"],
    }
    assert result["diff"] == {"before": {}, "after": result["network"]}
    assert written(twin) == ["network.create", "network.add_purpose"]


def test_a_second_run_changes_nothing_and_calls_nothing_that_writes(twin: RunningTwin) -> None:
    spec: dict[str, Any] = {
        "name": "NAS",
        "description": "Storage",
        "mtu": 9000,
        "other_config": {"a": "b"},
        "tags": ["x"],
        "purpose": ["nbd"],
    }
    first, before = work(twin, **spec), written(twin)
    second = work(twin, **spec)
    assert (first["changed"], second["changed"]) == (True, False)
    assert second["network"] == first["network"]
    assert written(twin) == before
    assert [entry.method for entry in list(twin.journal)[-3:]] == ["session.login_with_password", "event.from", "session.logout"]


def test_check_mode_tells_what_the_run_then_does_and_writes_nothing(twin: RunningTwin) -> None:
    told = work(twin, check=True, name="NAS", mtu=9000, tags=["x"])
    assert written(twin) == []
    done = work(twin, name="NAS", mtu=9000, tags=["x"])
    chosen = ("uuid", "bridge")  # by XAPI
    assert {**told["network"], **{key: done["network"][key] for key in chosen}} == done["network"]
    assert told["changed"] and done["changed"]


def test_only_what_is_given_is_changed(twin: RunningTwin) -> None:
    work(twin, name="NAS", description="Storage", mtu=9000, other_config={"a": "1", "b": "2"}, tags=["x"], purpose=["nbd"])
    before = len(written(twin))
    result = work(twin, name="NAS", other_config={"b": "3", "c": "4"})
    assert result["network"]["other_config"] == {"a": "1", "b": "3", "c": "4"}
    assert (result["network"]["name_description"], result["network"]["MTU"], result["network"]["tags"]) == ("Storage", 9000, ["x"])
    assert written(twin)[before:] == ["network.remove_from_other_config", "network.add_to_other_config", "network.add_to_other_config"]


def test_a_key_without_a_value_is_taken_away(twin: RunningTwin) -> None:
    work(twin, name="NAS", other_config={"a": "1", "b": "2"})
    result = work(twin, name="NAS", other_config={"a": None, "never there": None})
    assert result["network"]["other_config"] == {"b": "2"}
    assert result["changed"]
    assert not work(twin, name="NAS", other_config={"a": None})["changed"]


def test_tags_and_purposes_are_exactly_those_given_in_any_order(twin: RunningTwin) -> None:
    work(twin, name="NAS", tags=["a", "b"], purpose=["nbd"])
    assert not work(twin, name="NAS", tags=["b", "a"])["changed"]
    result = work(twin, name="NAS", tags=[], purpose=["insecure_nbd"])
    assert (result["network"]["tags"], result["network"]["purpose"]) == ([], ["insecure_nbd"])


def test_with_a_uuid_the_name_is_the_new_name(twin: RunningTwin) -> None:
    uuid = work(twin, name="NAS")["network"]["uuid"]
    result = work(twin, uuid=uuid, name="Storage")
    assert result["network"]["name_label"] == "Storage"
    assert result["network"]["uuid"] == uuid
    assert networks(twin, "NAS") == []


def test_an_unknown_uuid_is_an_error_and_gone_already_when_it_shall_go(twin: RunningTwin) -> None:
    uuid = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(NetworkError, match=f"no network with the uuid {uuid}, and XAPI chooses the uuid of a new one"):
        work(twin, uuid=uuid)
    assert not work(twin, uuid=uuid, state="absent")["changed"]


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_name_that_fits_two_networks_is_an_error_with_both_uuids(state: str) -> None:
    with RunningTwin("networks-same-name", ssh=False) as twin:
        names = twin.call(lambda: [record["name_label"] for record in twin.database.all("network").values()])
        name = next(name for name in names if names.count(name) > 1)
        with pytest.raises(NetworkError) as caught:
            work(twin, name=name, state=state)
        assert all(record["uuid"] in caught.value.message for record in networks(twin, name))
        assert caught.value.facts["uuids"] == sorted(record["uuid"] for record in networks(twin, name))
        assert written(twin) == []
        assert not work(twin, uuid=networks(twin, name)[0]["uuid"])["changed"]


def test_the_mtu_of_a_network_in_use_is_set_with_a_warning_that_names_the_nics(twin: RunningTwin) -> None:
    name = "Pool-wide network associated with eth4"
    result = work(twin, name=name, mtu=9000)
    assert result["network"]["MTU"] == 9000
    assert result["warned"] == [f"The new MTU 9000 of {name} takes effect when its PIFs are plugged again: eth4 of xs-1, eth4 of xs-2."]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mtu": 10}, "it can be 68 to 65535"),
        ({"bridge": "xapi77"}, "must not begin with xen, xapi"),
        ({"bridge": "a-name-of-16-sig"}, "at most 15 letters"),
        ({"bridge": "brnas", "mtu": 0}, "it can be 68 to 65535"),
    ],
)
def test_what_xapi_would_refuse_is_an_error_before_anything_is_written(twin: RunningTwin, options: dict[str, Any], said: str) -> None:
    for check in (True, False):
        with pytest.raises(NetworkError, match=said):
            work(twin, check=check, name="NAS", **options)
    assert written(twin) == []


def test_a_bridge_is_chosen_at_creation_and_never_changed(twin: RunningTwin) -> None:
    assert work(twin, name="NAS", bridge="brnas")["network"]["bridge"] == "brnas"
    assert not work(twin, name="NAS", bridge="brnas")["changed"]
    with pytest.raises(NetworkError, match="has the bridge brnas, and XAPI cannot change it to brother"):
        work(twin, name="NAS", bridge="brother")
    with pytest.raises(NetworkError, match="bridge brnas is taken by the network NAS"):
        work(twin, name="other", bridge="brnas")


def test_a_network_goes_once(twin: RunningTwin) -> None:
    created = work(twin, name="NAS")["network"]
    assert work(twin, check=True, name="NAS", state="absent")["changed"]
    assert len(networks(twin, "NAS")) == 1
    result = work(twin, name="NAS", state="absent")
    assert (result["changed"], result["network"], result["diff"]) == (True, created, {"before": created, "after": {}})
    assert networks(twin, "NAS") == []
    again = work(twin, name="NAS", state="absent")
    assert (again["changed"], again["network"]) == (False, {})


@pytest.mark.parametrize("check", [True, False])
def test_a_network_with_nics_on_it_stays_and_the_nics_are_named(twin: RunningTwin, check: bool) -> None:
    with pytest.raises(NetworkError, match=r"is in use and was left alone: eth4 of xs-1, eth4 of xs-2\."):
        work(twin, check=check, name="Pool-wide network associated with eth4", state="absent")
    assert written(twin) == []


def test_a_network_with_a_vms_interface_stays_and_the_vm_is_named_even_when_it_is_shut_down() -> None:
    """XAPI would let the network go and delete the VIF of a VM that is shut down with it."""
    with RunningTwin("vlans-and-vms", ssh=False) as twin:
        vifs = twin.call(lambda: [dict(record) for record in twin.database.all("VIF").values()])
        assert vifs
        network = twin.call(lambda: twin.database.get("network", vifs[0]["network"])["uuid"])
        machine = twin.call(lambda: twin.database.get("VM", vifs[0]["VM"])["name_label"])
        with pytest.raises(NetworkError, match=f"VIF {vifs[0]['device']} of {machine}"):
            work(twin, uuid=network, state="absent")
        assert written(twin) == []


def test_the_network_between_a_host_and_its_vms_stays(twin: RunningTwin) -> None:
    internal = {"is_host_internal_management_network": "true"}
    names = twin.call(
        lambda: [
            record["name_label"] for record in twin.database.all("network").values() if record["other_config"].items() >= internal.items()
        ]
    )
    for name in names or pytest.skip("this twin has none"):
        with pytest.raises(NetworkError, match=r"belongs to the system|is in use"):
            work(twin, name=name, state="absent")


# lost replies


@pytest.mark.parametrize("method", ["network.create", "network.set_MTU", "network.destroy"])
def test_a_call_that_worked_though_its_reply_was_lost_is_not_repeated(twin: RunningTwin, method: str) -> None:
    if method != "network.create":
        work(twin, name="NAS")
    twin.add_fault(when={"method": method}, do="drop", stage="after")
    state = "absent" if method == "network.destroy" else "present"
    more: dict[str, Any] = {} if state == "absent" else {"mtu": 9000, "description": "after"}
    result = work(twin, name="NAS", state=state, **more)
    assert result["changed"]
    assert twin.journal.count(method) == 1
    assert [record["MTU"] for record in networks(twin, "NAS")] == ([] if state == "absent" else [9000])


def test_a_call_that_did_not_work_and_whose_reply_was_lost_is_told_and_not_repeated(twin: RunningTwin) -> None:
    twin.add_fault(when={"method": "network.create"}, do="drop", stage="before")
    with pytest.raises(NetworkError, match=r"network.create has had no effect.*It was not called again: run the task again"):
        work(twin, name="NAS")
    assert twin.journal.count("network.create") == 1
    assert work(twin, name="NAS")["changed"]
    assert len(networks(twin, "NAS")) == 1
