# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of the role that takes itself back: confirmed it leaves nothing behind, and without a confirmation dom0 brings the host back."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.integration.bonding import NAS, bond, dom0, look, sentence, writes
from tests.survive.stage import Stage, kill
from xapi_twin.datamodel.errors import ConnectionDropped
from xapi_twin.faults import Point
from xapi_twin.running import RunningTwin
from xapi_twin.scenario.load import load_scenario

# A second in dom0 takes some 0.05 seconds on these twins, and 0.02 where the end of them is waited for.
ACCEPT: dict[str, Any] = {"accept": ["storage_in_use"], "confirm_timeout": 3600}
SOON: dict[str, Any] = {**ACCEPT, "confirm_timeout": 3000}
BASE = "/var/lib/xapi.network"


def pool(name: str = "three-hosts", seconds: float = 0.5, **options: Any) -> RunningTwin:
    return RunningTwin(load_scenario(name), restart_seconds=seconds, **options)


def until(there: Callable[[], bool], seconds: float = 150) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end
        time.sleep(0.1)


def left_in_dom0(twin: RunningTwin) -> list[str]:
    """What is in the folder of the timer, on every host."""
    return [line for host in look(twin)["hosts"] for line in dom0(twin, host, f"ls -A {BASE} 2>/dev/null; true").split()]


def no_timer(twin: RunningTwin, host: str) -> bool:
    return dom0(twin, host, f"ls -d {BASE}/timer 2>/dev/null; true") == ""


def test_a_confirmed_run_leaves_nothing_behind_in_any_dom0(tmp_path: Path) -> None:
    with pool() as twin:
        done = bond(twin, tmp_path, report=str(tmp_path), **ACCEPT)
        assert done.status == 0, done.output
        assert left_in_dom0(twin) == []
        assert all("bond0" in host["pifs"] for host in look(twin)["hosts"].values())
        assert "Unless the change of a host is confirmed within 3600 s:" in done.output
        assert "- dom0 of xs-2 destroys the bond that eth2 and eth4 are in then, 172.16.0.36 back on eth2." in done.output
        (report,) = tmp_path.glob("*.json")
        whats = [moment["text"] for host in json.loads(report.read_text())["hosts"] for moment in host["timeline"]]
        assert whats.count("timer armed in dom0") == 3 and whats.count("verified and confirmed") == 3


def test_a_proof_that_fails_is_taken_back_by_dom0_and_the_next_run_says_so_and_completes(tmp_path: Path) -> None:
    with pool(seconds=0) as twin:
        untouched = look(twin)["hosts"]["xs-2"]
        twin.add_fault(when={"moment": "bond.plug", "host": "xs-2"}, do="fail_to_plug")
        stopped = bond(twin, tmp_path, wait_timeout=3, **SOON)
        said = sentence(stopped)
        assert re.search(r"Nobody has confirmed the change of xs-2: at \d\d:\d\d:\d\d UTC its dom0 takes back by itself", said), said
        assert "Finished: xs-1. Not touched: xs-3." in said and "xe bond-destroy" not in said
        until(lambda: no_timer(twin, "xs-2"))
        assert look(twin)["hosts"]["xs-2"] == untouched
        again = bond(twin, tmp_path, report=str(tmp_path / "again"), **ACCEPT)
        assert again.status == 0, again.output
        (report,) = (tmp_path / "again").glob("*.json")
        assert json.loads(report.read_text())["notices"][-1].startswith("xs-2 took its bond")
        shown = " ".join(again.output.split())
        assert re.search(r"Note: xs-2 took its bond .*back by itself at .* UTC, since nobody confirmed it within 3000 s", shown)
        assert "bond0" in look(twin)["hosts"]["xs-2"]["pifs"]
        assert all("taken_back" not in name for name in left_in_dom0(twin))


def seen_otherwise(host: str, after: str, twins: list[RunningTwin]) -> Callable[[Point], Awaitable[None]]:
    """From the moment that `after` has its bond on, Open vSwitch of `host` runs that of its own in another mode; XAPI does not know."""

    async def on_point(point: Point) -> None:
        hosts = twins[0].twin.host(host), twins[0].twin.host(after)
        if point.kind == "ssh" and all(one.dom0.bonds for one in hosts):
            bonds = hosts[0].dom0.bonds
            bonds.update({name: replace(bond, mode="balance-slb") for name, bond in bonds.items()})

    return on_point


def test_a_host_of_which_only_dom0_says_otherwise_is_not_confirmed_and_dom0_takes_it_back(tmp_path: Path) -> None:
    twins: list[RunningTwin] = []
    with pool(seconds=0, on_point=seen_otherwise("xs-2", "xs-2", twins)) as twin:
        twins.append(twin)
        untouched = look(twin)["hosts"]
        stopped = bond(twin, tmp_path, strategy="direct", **SOON)
        said = sentence(stopped)
        assert 'xs-2 failed at "Look in XAPI and in dom0 at xs-2": xs-2, dom0: bond0 runs as balance-slb instead of active-backup.' in said
        assert "Nobody has confirmed the change of xs-2" in said and "Finished: xs-1. Not touched: xs-3." in said
        until(lambda: no_timer(twin, "xs-2"))
        now = look(twin)["hosts"]
        assert now["xs-2"] == untouched["xs-2"] and now["xs-3"] == untouched["xs-3"] and "bond0" in now["xs-1"]["pifs"]


def test_a_host_of_which_only_dom0_says_otherwise_at_last_fails_the_comparison_of_the_whole_pool(tmp_path: Path) -> None:
    twins: list[RunningTwin] = []
    with pool(seconds=0, on_point=seen_otherwise("xs-1", "xs-3", twins)) as twin:
        twins.append(twin)
        said = sentence(bond(twin, tmp_path, strategy="direct", accept=["storage_in_use"]))
        assert "xs-1, dom0: bond0 runs as balance-slb instead of active-backup." in said and "Finished: xs-1, xs-2, xs-3." in said


def test_a_control_node_that_dies_before_it_confirms_and_never_comes_back(tmp_path: Path) -> None:
    victim: list[int] = []

    async def on_point(point: Point) -> None:
        # Only the command that confirms takes the folder away.
        if victim and point.kind == "ssh" and "rmdir" in point.name and point.host == twin.twin.host("xs-1").ref:
            kill(victim.pop())
            raise ConnectionDropped(point.name)

    with pool("tutorial", seconds=0, on_point=on_point) as twin, Stage() as stage:
        untouched = look(twin)["hosts"]
        variables = {**NAS, **{f"storage_bond_{name}": value for name, value in SOON.items()}}
        arguments = ["-i", str(twin.inventory_path), "xapi.network.storage_bond", "-e", json.dumps(variables)]
        victim.append(stage.play(arguments, tmp_path))
        assert stage.wait(100) == -9 and "bond0" in look(twin)["hosts"]["xs-1"]["pifs"]
        until(lambda: no_timer(twin, "xs-1"))
        assert look(twin)["hosts"] == untouched
        again = bond(twin, tmp_path, **ACCEPT)
        assert again.status == 0, again.output
        assert "Note: xs-1 took its bond" in again.output
        assert all("bond0" in host["pifs"] for host in look(twin)["hosts"].values())


def test_a_rollback_ends_the_timer_so_that_nothing_is_taken_back_twice(tmp_path: Path) -> None:
    with pool() as twin:
        untouched = look(twin)["hosts"]["xs-2"]
        twin.add_fault(when={"moment": "bond.plug", "host": "xs-2"}, do="fail_to_plug")
        stopped = bond(twin, tmp_path, wait_timeout=3, rollback=True, **ACCEPT)
        assert "Taken back on xs-2" in sentence(stopped) and "by itself" not in sentence(stopped)
        assert look(twin)["hosts"]["xs-2"] == untouched
        assert left_in_dom0(twin) == []
        assert bond(twin, tmp_path, **ACCEPT).status == 0


def test_what_dom0_could_not_take_back_is_refused_before_anything_is_changed(tmp_path: Path) -> None:
    with pool("tutorial") as twin:
        assert bond(twin, tmp_path).status == 0
        before = writes(twin)
        refused = bond(twin, tmp_path, "storage_bond_remove", confirm_timeout=3600)
        assert sentence(refused).startswith("Nothing was changed") and "dom0 can take back a new bond only" in sentence(refused)
        assert "storage_bond_confirm_timeout 0" in sentence(refused) and writes(twin) == before


def test_no_run_begins_while_a_timer_runs_and_a_comparison_says_so(tmp_path: Path) -> None:
    with pool() as twin:
        twin.add_fault(when={"moment": "bond.plug", "host": "xs-2"}, do="fail_to_plug")
        bond(twin, tmp_path, wait_timeout=3, accept=["storage_in_use"], confirm_timeout=3600)
        early = bond(twin, tmp_path, **ACCEPT)
        assert "dom0 of xs-2 has a timer" in sentence(early) and "Wait until then and run again" in sentence(early)
        compared = bond(twin, tmp_path, "storage_bond_verify")
        assert "dom0 of xs-2 has a timer" in sentence(compared) and "unless that run confirms it" in sentence(compared)
