# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison can fail: recordings with one thing changed are found to differ, and what is only named differently is not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import recording as recording_module
from tests.conformance.compare import NAME, Renaming, differences
from tests.conformance.recording import ARCHIVE, BESIDE, Recording, recordings
from tests.conformance.replay import replay
from tests.conformance.run import main

Step = dict[str, Any]
RECORDINGS = {recording.name: recording for recording in recordings()}


def changed(name: str, change: Callable[[list[Step]], None]) -> list[str]:
    """What the replay of a recording says after a change of its steps."""
    steps = copy.deepcopy(list(RECORDINGS[name].steps))
    change(steps)
    outcome = replay(replace(RECORDINGS[name], steps=tuple(steps)))
    return [sentence for _unused, found in outcome.different for sentence in found]


def first(steps: list[Step], **wanted: Any) -> Step:
    return next(step for step in steps if all(step.get(key) == value for key, value in wanted.items()))


def states(steps: list[Step]) -> list[Step]:
    return [step for step in steps if step["do"] == "state"]


def an_ip_in_a_state(steps: list[Step]) -> None:
    record = next(record for record in states(steps)[0]["changed"]["PIF"].values() if record["IP"])
    record["IP"] = "10.77.2.99"


def a_bond_that_did_not_come(steps: list[Step]) -> None:
    for state in states(steps):
        state["changed"].pop("Bond", None)


def an_object_that_the_twin_has_not(steps: list[Step]) -> None:
    networks = states(steps)[1]["changed"]["network"]
    record = next(iter(networks.values()))
    networks["OpaqueRef:99999999-0000-4000-8000-000000000000"] = {**record, "uuid": "99999999-0000-4000-8000-000000000001", "bridge": "b"}


def the_arguments_of_a_reply(steps: list[Step]) -> None:
    first(steps, method="network.get_by_name_label")["reply"]["Value"] = []


def a_mac_in_dom0(steps: list[Step]) -> None:
    interfaces = states(steps)[-1]["dom0"]["oh3"]["interfaces"]
    interfaces["xapi0"]["mac"] = interfaces["xenbr0"]["mac"]


def a_mode_in_bond_show(steps: list[Step]) -> None:
    shown = states(steps)[-1]["dom0"]["oh3"]["bond_show"]
    shown["bond0"] = shown["bond0"].replace("active-backup\n", "balance-slb\n", 1)


def the_primary_slave(steps: list[Step]) -> None:
    bond = next(iter(states(steps)[2]["changed"]["Bond"].values()))
    bond["primary_slave"] = next(slave for slave in bond["slaves"] if slave != bond["primary_slave"])


@pytest.mark.parametrize(
    "change",
    [
        an_ip_in_a_state, a_bond_that_did_not_come, an_object_that_the_twin_has_not, the_arguments_of_a_reply, a_mac_in_dom0,
        a_mode_in_bond_show, the_primary_slave,
    ],
)  # fmt: skip
def test_a_change_of_what_was_recorded_is_found(change: Callable[[list[Step]], None]) -> None:
    assert changed("tutorial@26.17.0", change) != []


def a_code(steps: list[Step]) -> None:
    first(steps, method="PIF.get_by_uuid")["reply"]["ErrorDescription"][1] = "VM"


def test_an_argument_of_an_error_is_compared() -> None:
    (sentence,) = changed("errors_wire@26.17.0", a_code)
    assert "'VM' was recorded, the twin has 'PIF'" in sentence


def a_step_left_out(steps: list[Step]) -> None:
    """The bond's PIF was never seen unattached."""
    watched = next(step for step in steps if step["do"] == "events" and "Bond.create" in step["about"])
    for batch in watched["batches"]:
        for event in batch["events"]:
            if event["class"] == "pif" and event["operation"] == "add":
                event["snapshot"]["currently_attached"] = True


def test_the_states_that_an_object_went_through_are_compared() -> None:
    assert any("never comes" in sentence for sentence in changed("events@26.17.0", a_step_left_out))


def enabled_last(steps: list[Step]) -> None:
    """The host is enabled after the bond is up."""
    line = next(step for step in steps if step["do"] == "timeline")
    enabled = next(change for change in line["changes"] if change[1:] == ["host.enabled", True])
    enabled[0] = line["changes"][-1][0] + 1


def test_the_order_of_a_time_line_is_compared() -> None:
    assert any("host.enabled" in sentence and "after it" in sentence for sentence in changed("restart_timeline@26.17.0", enabled_last))


def polls(steps: list[Step]) -> list[list[Any]]:
    entries: list[list[Any]] = next(step["entries"] for step in steps if "entries" in step)
    return entries


def a_poll_that_saw_another_state(steps: list[Step]) -> None:
    """The bond's PIF is not attached when its MTU is there."""
    entry = next(entry for entry in polls(steps) if entry[1] == "PIF" and (entry[3] or {}).get("currently_attached") is True)
    entry[3] = {"MTU": "9000"}


def a_deletion_that_was_none(steps: list[Step]) -> None:
    """The VLAN that came is gone again."""
    vlan = next(entry for entry in polls(steps) if entry[1] == "VLAN" and entry[3])
    polls(steps).append([9.9, "VLAN", vlan[2], None])


@pytest.mark.parametrize("change", [a_poll_that_saw_another_state, a_deletion_that_was_none])
def test_what_a_poller_saw_is_compared(change: Callable[[list[Step]], None]) -> None:
    assert changed("between_bond_create@26.17.0", change) != []


def a_login_that_was_never_refused(steps: list[Step]) -> None:
    entries = polls(steps)
    entries[:] = [entry for entry in entries if entry[1] != "probe" or entry[3]["login"] != "ConnectionRefusedError"]


def a_login_of_another_kind(steps: list[Step]) -> None:
    next(entry for entry in polls(steps) if entry[1] == "probe" and entry[3]["login"] == "HOST_STILL_BOOTING")[3]["login"] = "HOST_OFFLINE"


@pytest.mark.parametrize("change", [a_login_that_was_never_refused, a_login_of_another_kind])
def test_what_logins_were_answered_is_compared(change: Callable[[list[Step]], None]) -> None:
    assert any("a login at xs-2 was answered" in sentence for sentence in changed("between_inherit@26.17.0", change))


def a_failed_task(steps: list[Step]) -> None:
    first(steps, do="task_timeline")["polls"][-1]["record"]["status"] = "failure"


def test_the_end_of_a_task_is_compared() -> None:
    assert any("task" in sentence for sentence in changed("async_tasks@26.17.0", a_failed_task))


def a_body(steps: list[Step]) -> None:
    reply = next(step["reply"] for step in steps if '"result":1500' in step["reply"]["body"])
    reply["body"] = reply["body"].replace("1500", '"1500"')


def test_the_body_of_an_http_reply_is_compared() -> None:
    assert changed("wire_http@26.17.0", a_body) != []


def test_a_step_that_nobody_knows_is_a_difference() -> None:
    assert changed("tutorial@26.17.0", lambda steps: steps.append({"do": "dance"})) == ["there is no way to do 'dance'"]


def test_other_names_for_the_same_things_are_no_difference() -> None:
    """All references and uuids that came up after the beginning are renamed throughout."""
    original = RECORDINGS["tutorial@26.17.0"]
    text = json.dumps(list(original.steps))
    known = json.dumps([original.records, original.dom0])
    new = {name.removeprefix("OpaqueRef:") for name in _names(text)} - {name.removeprefix("OpaqueRef:") for name in _names(known)}
    assert len(new) > 10
    for name in new:
        text = text.replace(name, name[::-1][:8] + name[8:])
    assert replay(replace(original, steps=tuple(json.loads(text)))).different == []


def _names(text: str) -> set[str]:
    return {name for name in NAME.findall(text) if len(name) >= 36 and not name.startswith("trackid")}


ONE, OTHER, THIRD = (f"OpaqueRef:{digit * 8}-0000-4000-8000-000000000000" for digit in "123")


def test_names_are_paired_one_to_one() -> None:
    names = Renaming()
    assert differences(names, {"a": ONE, "b": ONE}, {"a": OTHER, "b": OTHER}) == []
    assert differences(names, ONE, THIRD) != [], "one recorded name cannot be two things"
    assert differences(names, THIRD, OTHER) != [], "and two recorded names not one"


def test_lists_are_sets_unless_their_order_means_something() -> None:
    assert differences(Renaming(), ["a", "b"], ["b", "a"]) == []
    assert differences(Renaming(), ["a", "b"], ["b", "a"], ordered=True) != []
    assert differences(Renaming(), ["a", "b"], ["a", "a"]) != []


def test_times_are_the_same_but_for_never() -> None:
    assert differences(Renaming(), "20261122T11:11:24Z", "20300101T00:00:00Z") == []
    assert differences(Renaming(), "19700101T00:00:00Z", "20300101T00:00:00Z") != []


def test_the_command_prints_a_table_and_tells_by_its_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tutorial = RECORDINGS["tutorial@26.17.0"]
    good: dict[str, Any] = {
        "scenario": "good", "about": "", "xapi": tutorial.version, "network_backend": tutorial.backend,
        "initial": {"records": tutorial.records, "dom0": tutorial.dom0, "bridge_counter": tutorial.bridge_counter},
        "steps": list(tutorial.steps),
    }  # fmt: skip
    (tmp_path / "good@26.17.0.json").write_text(json.dumps(good))
    assert main([str(tmp_path)]) == 0
    assert "1 recordings, 17 steps, 17 match, 0 differ" in capsys.readouterr().out
    bad = copy.deepcopy(good)
    an_ip_in_a_state(bad["steps"])
    (tmp_path / "bad@26.17.0.json").write_text(json.dumps(bad))
    assert main([str(tmp_path)]) == 1
    assert "10.77.2.99" in capsys.readouterr().out


def test_a_folder_without_recordings_and_a_broken_recording_are_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    (tmp_path / "broken.json").write_text("{}")
    assert main([str(tmp_path)]) == 2
    assert "broken.json is not a recording" in capsys.readouterr().err


def test_the_copies_that_come_with_the_tests_are_the_recordings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if not BESIDE.is_dir():
        pytest.skip("the original recordings are not beside this checkout")
    assert ARCHIVE.is_file()
    monkeypatch.setattr(recording_module, "BESIDE", tmp_path / "recordings")
    copies: dict[str, Recording] = {recording.name: recording for recording in recordings()}
    assert copies == RECORDINGS
