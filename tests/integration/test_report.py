# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report that the role writes: of a run, a plan, a rejection, a failure and a comparison, opened in a browser."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.integration.bonding import bond, changed
from tests.integration.browser import opened, pictured, printed
from tests.integration.playing import Played, connection
from xapi_twin.running import RunningTwin
from xapi_twin.scenario.load import load_scenario

SECRET = "hunter2"

pytestmark = pytest.mark.timeout(300)  # a browser takes its time on a busy machine


def pool(name: str) -> RunningTwin:
    return RunningTwin(load_scenario(name), restart_seconds=0)


def reported(twin: RunningTwin, folder: Path, *arguments: str, **variables: Any) -> tuple[Played, dict[str, Any], Path]:
    """A run with a report, its data and its page. Neither may hold a secret."""
    reports = folder / "reports"
    before = set(reports.glob("*"))
    played = bond(twin, folder, variables.pop("playbook", "storage_bond"), *arguments, report=str(reports), **variables)
    written = sorted(set(reports.glob("*")) - before)
    assert [path.suffix for path in written] == [".html", ".json"], played.output
    texts = [path.read_text(encoding="utf-8") for path in written]
    for secret in (SECRET, twin.endpoints["password"]):
        assert not any(secret in text for text in texts)
    return played, json.loads(texts[1]), written[0]


def only(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(host for host in report["hosts"] if host["name"] == name)


def test_a_run_is_drawn_before_and_after_with_its_time_line(tmp_path: Path) -> None:
    with pool("tutorial") as twin:
        twin.call(_hide_a_secret, twin)
        played, report, page = reported(twin, tmp_path)
    assert played.status == 0, played.output
    assert report["headline"] == "2 of 2 hosts changed, all as predicted"
    assert [moment["what"] for moment in only(report, "xs-1")["timeline"]] == ["begun", "create_bond", "as_predicted", "verified"]
    moments = [moment["what"] for moment in only(report, "xs-2")["timeline"]]
    wanted = ["begun", "restart_begun", "agent_started", "bond_seen", "bond_attached", "as_predicted", "startup_complete", "verified"]
    assert [moment for moment in moments if moment in wanted] == wanted
    assert only(report, "xs-2")["ovs"]
    seen = opened(page, tmp_path)
    assert seen.complaints == []
    assert {"eth2", "xenbr2 · 172.16.0.36/28"} <= set(seen.drawings["xs-2 before"])
    assert "bond0" not in seen.drawings["xs-2 before"]
    assert {"eth2", "eth4", "bond0", "active-backup", "NAS", "xapi0 · 172.16.0.36/28"} <= set(seen.drawings["xs-2 after"])
    assert "xapi is back" in seen.text and "2 of 2 hosts changed, all as predicted" in seen.text


def _hide_a_secret(twin: RunningTwin) -> None:
    database = twin.database
    for ref, pif in database.all("PIF").items():
        database.set("PIF", ref, other_config={**pif["other_config"], "note": SECRET})


def test_it_can_be_looked_at_in_the_light_in_the_dark_and_on_paper(tmp_path: Path) -> None:
    with pool("tutorial") as twin:
        _played, _report, page = reported(twin, tmp_path, "--check")
    light, dark = pictured(page, tmp_path), pictured(page, tmp_path, dark=True)
    assert _first_pixel_is_light(light) and not _first_pixel_is_light(dark)
    assert b"/Type /Page" in printed(page, tmp_path)


def _first_pixel_is_light(picture: Path) -> bool:
    """By the colour of the upper left corner of a PNG, which no filter of PNG changes when it is the first."""
    content, place, packed = picture.read_bytes(), 8, b""
    while place < len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        if content[place + 4 : place + 8] == b"IDAT":
            packed += content[place + 8 : place + 8 + length]
        place += 12 + length
    return zlib.decompress(packed)[1] > 127


def test_a_plan_is_drawn_as_it_would_be_and_is_the_only_thing_that_check_mode_writes(tmp_path: Path) -> None:
    with pool("tutorial") as twin:
        played, report, page = reported(twin, tmp_path, "--check", "--diff")
        assert twin.journal.writes() == []
    assert (report["outcome"], report["after"]) == ("planned", "predicted")
    assert "<!DOCTYPE html>" not in played.output
    seen = opened(page, tmp_path)
    assert seen.complaints == []
    assert {"bond0", "NAS", "172.16.0.36/28"} <= set(seen.drawings["xs-2 after"])
    assert "A plan only, nothing was changed" in seen.text


def test_a_run_that_fails_half_way_is_reported_with_the_pool_as_it_was_left(tmp_path: Path) -> None:
    with pool("tutorial") as twin:
        twin.add_fault(when={"moment": "host.sync.bonds", "host": "xs-2"}, do="error", code="INTERNAL_ERROR", times=0)
        played, report, page = reported(twin, tmp_path, wait_timeout=6)
    assert played.status != 0
    assert report["outcome"] == "failed"
    assert [host["result"] for host in report["hosts"]] == ["done", "failed"]
    assert only(report, "xs-2")["timeline"][-1]["what"] == "failed"
    assert "restart_begun" in [moment["what"] for moment in only(report, "xs-2")["timeline"]]
    assert "xs-2 did not inherit the bond" in report["failure"]
    seen = opened(page, tmp_path)
    assert seen.complaints == []
    assert "bond0" in seen.drawings["xs-1 after"] and "bond0" not in seen.drawings["xs-2 after"]
    assert "Stopped at xs-2: 1 of 2 hosts are done" in seen.text


def test_a_plan_that_is_refused_is_reported_with_its_problems(tmp_path: Path) -> None:
    with pool("member-nic-missing") as twin:
        played, report, page = reported(twin, tmp_path)
        assert twin.journal.writes() == []
    assert played.status != 0
    assert (report["outcome"], {host["result"] for host in report["hosts"]}) == ("refused", {"not touched"})
    assert any(not problem["accepted"] for problem in report["problems"])
    assert "Nothing was changed" in opened(page, tmp_path).text


def test_a_pool_that_does_not_answer_is_reported_too(tmp_path: Path) -> None:
    with pool("tutorial") as twin:
        _played, report, page = reported(twin, tmp_path, hostname="http://127.0.0.1:9", timeout=2)
    assert (report["outcome"], report["hosts"]) == ("refused", [])
    assert "127.0.0.1:9" in opened(page, tmp_path).text


def test_a_comparison_and_a_second_run_are_reported_as_the_pool_is(tmp_path: Path) -> None:
    with pool("tutorial") as twin:
        assert bond(twin, tmp_path).status == 0
        _played, verified, page = reported(twin, tmp_path, playbook="storage_bond_verify")
        again, unchanged, _page = reported(twin, tmp_path)
    assert verified["headline"] == "All 2 hosts are as they should be"
    assert "bond0" in opened(page, tmp_path).drawings["xs-2 as it is"]
    assert (unchanged["outcome"], changed(again)) == ("unchanged", 0)


def test_a_removal_is_reported_with_the_address_back_on_its_nic(tmp_path: Path) -> None:
    with pool("tutorial") as twin:
        assert bond(twin, tmp_path).status == 0
        played, report, page = reported(twin, tmp_path, playbook="storage_bond_remove")
    assert played.status == 0, played.output
    assert (report["outcome"], [host["differs"] for host in report["hosts"]]) == ("changed", [[], []])
    drawings = opened(page, tmp_path).drawings
    assert "bond0" in drawings["xs-2 before"] and "xenbr2 · 172.16.0.36/28" in drawings["xs-2 after"]


def test_a_play_in_batches_reports_once(tmp_path: Path) -> None:
    playbook = tmp_path / "batches.yml"
    playbook.write_text("[{hosts: xs_hosts, serial: 1, gather_facts: false, roles: [xapi.network.storage_bond]}]")
    with pool("tutorial") as twin:
        played, report, _page = reported(twin, tmp_path, playbook=str(playbook))
    assert played.status == 0, played.output
    assert report["outcome"] == "changed"


def test_a_folder_that_cannot_be_made_stops_the_run_before_anything_is_changed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pool("tutorial") as twin:
        played = bond(twin, tmp_path, report=str(tmp_path / "file" / "reports"))
        assert twin.journal.writes() == []
    assert played.status != 0


def test_a_pool_of_64_hosts_is_drawn_host_by_host(tmp_path: Path) -> None:
    inventory = tmp_path / "alone.yml"
    with RunningTwin(load_scenario("sixty-four-hosts"), ssh=False) as twin:
        options = {f"xapi_{name}": value for name, value in connection(twin).items() if value is not None}
        inventory.write_text(json.dumps({"xs_hosts": {"hosts": {"localhost": {"ansible_connection": "local", **options}}}}))
        played, report, page = reported(
            twin, tmp_path, "--check", inventory=inventory, accept=["storage_in_use"], dom0=False, agent_method="agent"
        )
    assert played.status == 0, played.output
    assert len(report["hosts"]) == 64
    seen = opened(page, tmp_path)
    assert seen.complaints == []
    assert len(seen.drawings) == 128
    for number in range(1, 65):
        assert {"eth2", "eth4", "bond0", "NAS", f"10.0.2.{number + 10}/24"} <= set(seen.drawings[f"xs-{number:02d} after"])
    assert seen.text.count("storage is attached through eth2") == 1
