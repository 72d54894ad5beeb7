# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan that is saved, approved and carried out as it was, or refused: xs_bond and the role on a twin."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError

import xapi_twin
from tests.integration import bonding
from tests.integration.bonding import look, sentence
from tests.integration.playing import Played
from tests.integration.test_bond import bond, running, written
from xapi_twin.running import RunningTwin
from xapi_twin.scenario.load import read_scenario

SCENARIOS = Path(xapi_twin.__file__).parent / "scenarios"

# The tutorial's NICs, bonded on all hosts by calls.
DIRECT: dict[str, Any] = {"state": "present"}


@pytest.fixture
def twin() -> Iterator[RunningTwin]:
    with running() as found:
        yield found


def readdress(twin: RunningTwin, device: str, ip: str) -> str:
    """Somebody else gives the NIC, or the bond, of xs-2 another address; the one that it had."""
    pif = next(
        ref
        for ref, record in twin.database.all("PIF").items()
        if record["device"] == device and record["VLAN"] < 0 and twin.database.get("host", record["host"])["name_label"] == "xs-2"
    )
    had = str(twin.database.get("PIF", pif)["IP"])
    twin.call(lambda: twin.database.set("PIF", pif, IP=ip))
    return had


def test_the_saved_plan_is_carried_out(twin: RunningTwin, tmp_path: Path) -> None:
    made = bond(twin, check=True, save_plan=str(tmp_path / "plan.json"), **DIRECT)
    kept = json.loads((tmp_path / "plan.json").read_text())
    assert kept["fingerprint"] == made["fingerprint"] and kept["about"]["hosts"] == ["xs-1", "xs-2"]
    done = bond(twin, saved_plan=str(tmp_path / "plan.json"), **DIRECT)
    assert done["differences"] == [] and [step["action"] for step in done["done"]] == [step["action"] for step in kept["steps"]]
    again = bond(twin, saved_plan=str(tmp_path / "plan.json"), **DIRECT)
    assert again["changed"] is False and again["differences"] == []


def test_a_run_that_stopped_half_way_goes_on_with_the_same_plan(twin: RunningTwin, tmp_path: Path) -> None:
    made = bond(twin, check=True, save_plan=str(tmp_path / "plan.json"), **DIRECT)
    bond(twin, hosts=["xs-1"], **DIRECT)
    bond(twin, check=True, plan_fingerprint=made["fingerprint"], **DIRECT)
    done = bond(twin, saved_plan=str(tmp_path / "plan.json"), **DIRECT)
    assert {step["host"] for step in done["done"]} == {"xs-2"}


def a_bond(twin: RunningTwin) -> None:
    bond(twin, **DIRECT, mode="balance-slb")


# As it is then to be: every kind of step that leaves the bond in place.
OTHERWISE: dict[str, Any] = {
    **DIRECT, "on_drift": "repair", "mode": "lacp", "properties": {"lacp-time": "fast"}, "mtu": 9000, "purpose": "Storage",
    "disallow_unplug": True, "vlans": [{"tag": 50, "network": "VLAN 50"}],
    "addresses": {"xs-1": {"ip": "172.16.0.41", "netmask": "255.255.255.240"}, "xs-2": {"ip": "172.16.0.42", "netmask": "255.255.255.240"}},
}  # fmt: skip


def test_a_bond_that_is_changed_in_place_goes_on_by_either_wherever_the_run_was_stopped(tmp_path: Path) -> None:
    """And each such place is one where the plan refused if somebody else had changed the address meanwhile."""
    with running() as twin:
        a_bond(twin)
        before = len(twin.journal)
        bond(twin, **OTHERWISE)
        writes = written(twin, before)
    for number, method in enumerate(writes):
        with running() as twin:
            a_bond(twin)
            where = str(tmp_path / f"{number}.json")
            line = bond(twin, check=True, save_plan=where, **OTHERWISE)["fingerprint"]
            nth = writes[: number + 1].count(method)
            twin.add_fault(when={"method": method, "nth": nth}, do="error", code="INTERNAL_ERROR", params=["as a run that is killed"])
            with pytest.raises(NetworkError):
                bond(twin, wait_timeout=1, plan_fingerprint=line, **OTHERWISE)
            twin.call(twin.twin.faults.clear)
            assert bond(twin, check=True, saved_plan=where, **OTHERWISE)["differences"] == [], (number, method)
            had = readdress(twin, "bond0", "172.16.0.77")
            with pytest.raises(NetworkError, match="xs-2 is not as it was when the plan was made"):
                bond(twin, plan_fingerprint=line, **OTHERWISE)
            readdress(twin, "bond0", had)
            assert bond(twin, plan_fingerprint=line, **OTHERWISE)["differences"] == [], (number, method)


def test_another_address_refuses_and_nothing_is_written(twin: RunningTwin, tmp_path: Path) -> None:
    made = bond(twin, check=True, save_plan=str(tmp_path / "plan.json"), **DIRECT)
    readdress(twin, "eth2", "172.16.0.44")
    with pytest.raises(NetworkError, match=r"xs-2: eth2 address is 172.16.0.44; the plan was made for 172.16.0.36") as refused:
        bond(twin, saved_plan=str(tmp_path / "plan.json"), **DIRECT)
    assert refused.value.message.startswith("Nothing was changed") and len(refused.value.facts["differences"]) == 1
    with pytest.raises(NetworkError, match="xs-2 is not as it was when the plan was made"):
        bond(twin, plan_fingerprint=made["fingerprint"], **DIRECT)
    assert written(twin) == []


def test_a_plan_of_another_pool_is_refused(twin: RunningTwin, tmp_path: Path) -> None:
    bond(twin, check=True, save_plan=str(tmp_path / "plan.json"), **DIRECT)
    with running("three-hosts") as other, pytest.raises(NetworkError, match="The plan was made for the pool"):
        bond(other, saved_plan=str(tmp_path / "plan.json"), accept=["storage_in_use"], **DIRECT)


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_a_file_that_cannot_be_read_says_so_before_anything_is_asked(twin: RunningTwin, tmp_path: Path, name: str) -> None:
    with pytest.raises(NetworkError, match="cannot be read"):
        bond(twin, saved_plan=str(tmp_path / name), **DIRECT)
    assert list(twin.journal) == []


def test_a_plan_that_cannot_be_saved_stops_before_the_first_write(twin: RunningTwin, tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match=r"cannot be saved to .*no/such/folder"):
        bond(twin, save_plan=str(tmp_path / "no" / "such" / "folder" / "plan.json"), **DIRECT)
    assert written(twin) == []


def test_no_secret_is_in_the_file(twin: RunningTwin, tmp_path: Path) -> None:
    bond(twin, check=True, save_plan=str(tmp_path / "plan.json"), **DIRECT)
    text = (tmp_path / "plan.json").read_text()
    assert twin.endpoints["password"] not in text and "OpaqueRef" not in text


# the role


@pytest.fixture
def live() -> Iterator[RunningTwin]:
    with RunningTwin("tutorial", restart_seconds=0) as found:
        yield found


def handed_on(played: Played) -> dict[str, Any]:
    """What the next job of a workflow gets."""
    (stats,) = [result.values["ansible_stats"]["data"] for result in played.results if "ansible_stats" in result.values]
    found: dict[str, Any] = stats
    return found


@pytest.mark.parametrize("way", ["--check", "save"])
def test_a_run_that_ends_with_its_plan_writes_it_and_the_next_carries_it_out(live: RunningTwin, tmp_path: Path, way: str) -> None:
    file = tmp_path / "plan.json"
    given: dict[str, Any] = {"plan": way} if way == "save" else {}
    made = bonding.bond(live, tmp_path, "storage_bond", *([way] if way == "--check" else []), plan_file=str(file), **given)
    assert made.status == 0 and bonding.writes(live) == [], made.output
    assert f"The plan is in {file}." in made.output and json.loads(file.read_text())["fingerprint"] in made.output
    done = bonding.bond(live, tmp_path, plan_file=str(file))
    assert done.status == 0, done.output
    assert all("bond0" in host["pifs"] for host in look(live)["hosts"].values())
    again = bonding.bond(live, tmp_path, plan_file=str(file))
    assert again.status == 0 and bonding.changed(again) == 0


def test_the_role_refuses_a_plan_of_another_state_and_names_what_is_different(live: RunningTwin, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    handed = handed_on(bonding.bond(live, tmp_path, plan="save", plan_file=str(file)))["storage_bond_plan_fingerprint"]
    readdress(live, "eth2", "172.16.0.44")
    refused = bonding.bond(live, tmp_path, plan_file=str(file))
    assert "xs-2: eth2 address is 172.16.0.44; the plan was made for 172.16.0.36" in sentence(refused)
    refused = bonding.bond(live, tmp_path, plan_fingerprint=handed)
    assert "xs-2 is not as it was when the plan was made" in sentence(refused)
    refused = bonding.bond(live, tmp_path, plan_file=str(file), mode="balance-slb")
    assert "The plan was made with mode active-backup, and this run asks for balance-slb" in sentence(refused)
    assert bonding.writes(live) == []
    readdress(live, "eth2", "172.16.0.36")
    done = bonding.bond(live, tmp_path, plan_fingerprint=handed)
    assert done.status == 0, done.output
    assert "storage_bond_plan_fingerprint" not in handed_on(done)


def test_a_plan_that_only_dom0_speaks_against_is_refused_and_not_written(live: RunningTwin, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    assert bonding.bond(live, tmp_path).status == 0
    assert bonding.bond(live, tmp_path, "storage_bond", "--check", plan_file=str(file)).status == 0
    before = file.read_text()
    bonds = live.twin.host("xs-1").dom0.bonds
    live.call(bonds.update, {name: replace(one, mode="balance-slb") for name, one in bonds.items()})
    for name in ("plan.json", "another.json"):
        refused = bonding.bond(live, tmp_path, "storage_bond", "--check", plan_file=str(tmp_path / name))
        assert sentence(refused) == "Nothing was changed. xs-1, dom0: bond0 runs as balance-slb instead of active-backup."
        assert "The plan is in" not in refused.output and "storage_bond_plan_fingerprint" not in handed_on(refused)
    assert file.read_text() == before and not (tmp_path / "another.json").exists()


# two pools in one play


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[RunningTwin, RunningTwin]]:
    """Two pools whose hosts have names of their own, for one inventory."""
    other = read_scenario((SCENARIOS / "three-hosts.yml").read_text(encoding="utf-8").replace("xs-", "ys-"), "three-hosts")
    with RunningTwin("tutorial", ssh=False, restart_seconds=0) as first, RunningTwin(other, ssh=False, restart_seconds=0) as second:
        yield first, second


def both(two: tuple[RunningTwin, RunningTwin], folder: Path, *arguments: str, **variables: Any) -> Played:
    """The role on both pools in one play, without dom0."""
    given = {"dom0": False, "strategy": "direct", "accept": ["storage_in_use"], **variables}
    return bonding.bond(two[0], folder, "storage_bond", "-i", str(two[1].inventory_path), *arguments, **given)


def test_two_pools_with_one_file_are_refused_and_with_one_each_they_are_not(two: tuple[RunningTwin, RunningTwin], tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    planned = both(two, tmp_path, "--check", plan_file=str(file))
    said = [str(result.values["msg"]) for result in planned.results if result.status == "failed"]
    kept = json.loads(file.read_text())
    assert planned.status != 0 and [text.startswith("The plan was not saved, since ") for text in said] == [True], planned.output
    assert f"holds another one, for the network NAS of the pool {kept['about']['pool']} ({kept['pool']})." in said[0], said

    ran = both(two, tmp_path, plan_file=str(file))
    assert ran.status != 0 and "The plan was made for the pool" in sentence(ran), ran.output
    done = [twin for twin in two if bonding.writes(twin)]
    assert [twin.endpoints["pool"] for twin in done] == [kept["about"]["pool"]], "the pool of the plan, and no other"

    pattern = str(tmp_path / "{{ xs_pool }}.json")
    assert both(two, tmp_path, "--check", plan_file=pattern).status == 0
    done_too = both(two, tmp_path, plan_file=pattern)
    assert done_too.status == 0, done_too.output
    assert [len(twin.database.all("Bond")) for twin in two] == [2, 3]


# All of them are in tests/unit/test_plan_file.py.
HOSTILE: dict[str, Callable[[Path], object]] = {
    "cut off": lambda where: where.write_text('{"kind": "xapi.network plan", "format": 1, "spec'),
    "has the format 7": lambda where: where.write_text('{"kind": "xapi.network plan", "format": 7}'),
    "it is no regular file": os.mkfifo,
}


def test_through_the_role_a_file_that_is_no_plan_ends_in_a_sentence_before_anything_is_asked(twin: RunningTwin, tmp_path: Path) -> None:
    for what, make in HOSTILE.items():
        file = tmp_path / f"{what}.json"
        make(file)
        refused = bonding.bond(twin, tmp_path, plan_file=str(file), dom0=False, strategy="direct")
        assert refused.status != 0 and what in sentence(refused) and "Nothing was changed" in sentence(refused), refused.output
        assert "Traceback" not in refused.output and list(twin.journal) == []
