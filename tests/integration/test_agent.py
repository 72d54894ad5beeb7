# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""xs_agent restarts xapi over SSH or through XAPI, on every version, and returns only when it has started again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.integration.bonding import dom0
from tests.integration.playing import Played, connection, play
from xapi_twin.running import RunningTwin

COMMANDS = {"6.2": "service xapi restart", "24.19.2": "systemctl restart xapi", "26.17.0": "systemctl restart xapi"}


@pytest.fixture
def make_twin() -> Iterator[Callable[..., RunningTwin]]:
    """Starts the tutorial's pool; a restart of xapi takes 0.5 s in it."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(RunningTwin("tutorial", **{"restart_seconds": 0.5, **options}))


def restart(twin: RunningTwin, folder: Path, *arguments: str, task: dict[str, Any] | None = None, **options: Any) -> Played:
    """One xs_agent task on xs-2 of the inventory (or where `task` sends it)."""
    about = {"xapi.network.xs_agent": {**connection(twin), "wait_timeout": 20, **options}, **(task or {})}
    environment = {"ANSIBLE_SSH_ARGS": "-o ControlMaster=no -o ConnectTimeout=5"}
    return play(folder, [about], *arguments, hosts="xs-2", inventory=twin.inventory_path, environment=environment)


def start_time(twin: RunningTwin, name: str) -> str:
    return str(twin.twin.host(name).record["other_config"].get("agent_start_time", ""))


@pytest.mark.parametrize("version", COMMANDS)
def test_xapi_is_restarted_by_the_init_system_that_dom0_has(version: str, make_twin: Callable[..., RunningTwin], tmp_path: Path) -> None:
    twin = make_twin(xapi=version)
    before = start_time(twin, "xs-2")
    played = restart(twin, tmp_path)
    assert played.status == 0, played.output
    assert (played.last["changed"], played.last["command"]) == (True, COMMANDS[version])
    assert played.last["agent_start_time"] == {"before": before, "after": start_time(twin, "xs-2")}
    assert before != start_time(twin, "xs-2")
    # It did not return before the start-up was complete.
    assert twin.twin.host("xs-2").init_complete.is_set()


@pytest.mark.parametrize("version", COMMANDS)
def test_the_agent_method_goes_through_xapi(version: str, make_twin: Callable[..., RunningTwin], tmp_path: Path) -> None:
    twin = make_twin(xapi=version, ssh=False)
    played = restart(twin, tmp_path, method="agent", task={"delegate_to": "localhost"})
    assert played.status == 0, played.output
    assert played.last["command"] == "host.restart_agent"
    assert played.last["agent_start_time"]["before"] != played.last["agent_start_time"]["after"]


@pytest.mark.parametrize("method", ["service", "agent"])
def test_a_restart_of_the_master_ends_the_session_and_is_proved_all_the_same(
    method: str, make_twin: Callable[..., RunningTwin], tmp_path: Path
) -> None:
    twin = make_twin()
    played = restart(twin, tmp_path, host="xs-1", method=method, task={"delegate_to": "xs-1" if method == "service" else "localhost"})
    assert played.status == 0, played.output
    assert played.last["host"]["master"] is True
    assert played.last["agent_start_time"]["after"] == start_time(twin, "xs-1") != played.last["agent_start_time"]["before"]


def test_a_member_inherits_the_masters_bond_by_it(make_twin: Callable[..., RunningTwin], tmp_path: Path) -> None:
    twin = make_twin()
    pifs = {record["device"]: ref for ref, record in twin.database.all("PIF").items() if record["host"] == twin.twin.master}
    record = {"name_label": "NAS", "name_description": "", "MTU": 1500, "other_config": {}, "tags": []}
    network = twin.run(twin.twin.dispatcher.internal, "network.create", record)
    twin.run(twin.twin.dispatcher.internal, "Bond.create", network, [pifs["eth2"], pifs["eth4"]], "", "active-backup", {})
    assert restart(twin, tmp_path).status == 0
    assert sorted(twin.twin.host("xs-2").dom0.bonds) == ["bond0"]


def test_check_mode_goes_as_far_as_dom0_and_restarts_nothing(make_twin: Callable[..., RunningTwin], tmp_path: Path) -> None:
    twin = make_twin()
    before = start_time(twin, "xs-2")
    played = restart(twin, tmp_path, "--check")
    assert (played.status, played.last["changed"]) == (0, True)
    assert start_time(twin, "xs-2") == before
    assert twin.journal.writes() == []


def test_it_never_restarts_the_host_that_happens_to_be_behind_an_address(make_twin: Callable[..., RunningTwin], tmp_path: Path) -> None:
    twin = make_twin()
    before = {name: start_time(twin, name) for name in ("xs-1", "xs-2")}
    played = restart(twin, tmp_path, host="xs-2", task={"delegate_to": "xs-1"})
    assert played.status == 2
    assert "leads to xs-1" in played.last["msg"] and "and not to xs-2" in played.last["msg"]
    assert {name: start_time(twin, name) for name in ("xs-1", "xs-2")} == before


def test_a_task_that_runs_on_the_control_node_by_mistake_is_told(make_twin: Callable[..., RunningTwin], tmp_path: Path) -> None:
    twin = make_twin()
    played = restart(twin, tmp_path, task={"delegate_to": "localhost"})
    assert played.status == 2
    assert "does not lead to the dom0" in played.last["msg"]


def test_the_reply_to_the_restart_may_be_lost(make_twin: Callable[..., RunningTwin], tmp_path: Path) -> None:
    twin = make_twin()
    twin.add_fault(when={"ssh": "restart xapi", "host": "xs-2"}, do="cut_ssh", stage="after")
    played = restart(twin, tmp_path)
    assert played.status == 0, played.output
    assert played.last["agent_start_time"]["before"] != played.last["agent_start_time"]["after"]


def test_a_command_that_never_arrived_is_found_out_at_the_deadline(make_twin: Callable[..., RunningTwin], tmp_path: Path) -> None:
    twin = make_twin()
    twin.add_fault(when={"ssh": "restart xapi", "host": "xs-2"}, do="cut_ssh", stage="before")
    played = restart(twin, tmp_path, wait_timeout=2)
    assert played.status == 2
    assert "not proved that xapi of xs-2 restarted within 2 s" in played.last["msg"]
    assert "start time was still the old one" in played.last["msg"]
    assert "The reply to the restart was lost" in played.last["msg"]


def test_an_xapi_that_never_comes_back_is_a_failure_at_the_deadline(make_twin: Callable[..., RunningTwin], tmp_path: Path) -> None:
    twin = make_twin()
    twin.add_fault(when={"moment": "host.start", "host": "xs-2"}, do="never_return")
    played = restart(twin, tmp_path, wait_timeout=3)
    assert played.status == 2
    assert "start time was still the old one" in played.last["msg"]


def test_ssh_that_fails_says_that_nothing_was_changed(make_twin: Callable[..., RunningTwin], tmp_path: Path) -> None:
    twin = make_twin()
    assert twin.serving.ssh is not None
    twin.run(twin.serving.ssh.refuse, twin.twin.host("xs-2").ref)
    played = restart(twin, tmp_path)
    assert played.status == 2
    assert "The connection to dom0 at 127.0.0.1 failed" in played.last["msg"]
    assert "Nothing was changed: xapi of xs-2 was not restarted." in played.last["msg"]


@pytest.mark.parametrize("code", ["ha_enabled", "pending_tasks"])
def test_high_availability_and_running_tasks_stop_it_until_they_are_accepted(
    code: str, make_twin: Callable[..., RunningTwin], tmp_path: Path
) -> None:
    twin = make_twin()
    if code == "ha_enabled":
        twin.call(lambda: twin.database.set("pool", twin.twin.pool.ref, ha_enabled=True))
    else:
        host = twin.twin.host("xs-2").ref
        twin.call(lambda: twin.database.add("task", "OpaqueRef:export", name_label="Async.VM.export", status="pending", resident_on=host))
    played = restart(twin, tmp_path)
    assert played.status == 2
    assert [problem["code"] for problem in played.last["problems"]] == [code]
    assert f"add {code} to accept" in played.last["msg"]
    accepted = restart(twin, tmp_path, accept=[code])
    assert accepted.status == 0, accepted.output


def test_a_start_that_is_under_way_is_not_cut_off(make_twin: Callable[..., RunningTwin], tmp_path: Path) -> None:
    twin = make_twin(restart_seconds=3)
    long_ago = start_time(twin, "xs-2")
    dom0(twin, "xs-2", "service xapi restart")
    played = restart(twin, tmp_path)
    assert played.status == 0, played.output
    # The start before it had come to its end when the restart was ordered.
    assert long_ago < played.last["agent_start_time"]["before"] < played.last["agent_start_time"]["after"]
