# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The acceptance suite itself, which may be pointed at somebody's pool: what it refuses, what it says, and what it leaves behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.__main__ import SCENARIO, every_journey, main
from tests.acceptance.look import Wanted, bonded, first_difference, look
from tests.acceptance.overhead import Run
from tests.acceptance.pool import Pool, read
from tests.acceptance.run import ROOT, Runner
from tests.acceptance.step import Journey, Step
from xapi_twin.running import RunningTwin
from xapi_twin.scenario.load import load_scenario


@pytest.fixture
def twin() -> Iterator[RunningTwin]:
    with RunningTwin(load_scenario(SCENARIO), restart_seconds=0) as it:
        yield it


def plays(monkeypatch: pytest.MonkeyPatch, *steps: Step) -> None:
    monkeypatch.setattr("tests.acceptance.__main__.every_journey", lambda pool: [Journey("typed", steps)])


@pytest.mark.parametrize(("scenario", "reason"), [("vlans-and-vms", "VMs are running"), ("three-hosts", "shared storage is attached")])
def test_a_pool_in_use_is_left_alone_unless_told(
    scenario: str, reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plays(monkeypatch, Step(command="true", end="found"))
    with RunningTwin(scenario, restart_seconds=0) as twin:
        path = str(twin.endpoints_path)
        assert main([path]) == 2
        assert reason in capsys.readouterr().out
        assert not any(entry.writes for entry in twin.journal if not entry.method.startswith("session"))
        assert main([path, "--anyway"]) == 0
        assert "1 passed" in capsys.readouterr().out


def test_a_broken_journey_shows_the_first_difference_and_the_pool_is_put_back(
    twin: RunningTwin, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pool = read(twin.endpoints_path)
    before = look(pool)
    nic = "$(xe pif-list --minimal device=eth4 host-name-label=xs-3)"
    plays(monkeypatch, Step(command=f"xe pif-reconfigure-ip uuid={nic} mode=static IP=192.0.2.4 netmask=255.255.255.0", end="found"))
    assert main([str(twin.endpoints_path)]) == 1
    said = capsys.readouterr().out
    assert "hosts xs-3 dom0 addresses xenbr4: {'address': '192.0.2.4/24', 'mtu': 1500} instead of 'nothing'" in said and "1 failed" in said
    assert first_difference(before, look(pool)) == ""


def test_each_journey_has_a_line_for_those_who_want_to_know_what_it_plays(twin: RunningTwin) -> None:
    rows = re.findall(r"^\| (`.*`) \|", (Path(SCENARIO).with_name("README.md")).read_text(encoding="utf-8"), re.MULTILINE)
    named = tuple(name for row in rows for name in re.findall(r"`([^`]+)`", row))
    names = [journey.name for journey in every_journey(read(twin.endpoints_path))]
    assert [name for name in names if not name.startswith(named)] == []
    assert len(set(names)) == len(names)


def test_the_seconds_of_a_host_end_where_the_run_goes_on_to_the_next() -> None:
    said = (
        "xs-1: host 1 of 2",
        "xs-1: restarting xapi",
        "xs-2: host 2 of 2; finished: xs-1",
        "TASK [a.b.storage_bond : Remove the network] *",
    )
    run = Run(tuple((float(number), line) for number, line in enumerate(said)), {})
    assert (run.of_host("xs-1"), run.of_host("xs-2")) == ((0, 2), (2, 3))
    with pytest.raises(ValueError, match="did not print 'xs-2: restarting xapi'; its last line was TASK"):
        run.when("xs-2: restarting xapi")


def test_whatever_was_typed_is_taken_back(twin: RunningTwin) -> None:
    pool = read(twin.endpoints_path)
    runner = Runner(pool, twin.endpoints_path.parent)
    for command in everything(pool):
        pool.dom0(pool.master, command)
    assert first_difference(runner.before, look(pool))
    assert runner.restore() == ""
    assert first_difference(runner.before, look(pool)) == ""


def test_what_a_journey_prepared_is_taken_back_with_it(twin: RunningTwin) -> None:
    pool = read(twin.endpoints_path)
    prepared = Step(command="xe network-create name-label=Acceptance-50", end="begins")
    verdict = Runner(pool, twin.endpoints_path.parent).journey(Journey("prepared", (prepared, Step(command="true", end="found"))))
    assert (verdict.steps, verdict.difference) == (2, "")


def everything(pool: Pool) -> tuple[str, ...]:
    def pif(device: str) -> str:
        return f"$(xe pif-list --minimal device={device} VLAN=-1 host-name-label={pool.master})"

    network = "$(xe network-create name-label=Acceptance{})"
    return (
        f"xe pif-param-set uuid={pif('eth2')} other-config:ethtool-gso=off disallow-unplug=true",
        f"xe bond-create network-uuid={network.format('')} pif-uuids={pif('eth2')},{pif('eth4')} mode=active-backup",
        f"xe pool-vlan-create vlan=50 network-uuid={network.format('-50')} pif-uuid={pif('bond0')}",
    )


def test_a_bond_on_one_host_is_not_taken_for_bonds_on_all(twin: RunningTwin) -> None:
    pool = read(twin.endpoints_path)
    before, wanted = look(pool), Wanted(pool.network, pool.nics)
    assert bonded(before, before, wanted) == "xs-1: 0 bonds on network Acceptance instead of 1"
    for command in everything(pool)[1:2]:
        pool.dom0(pool.master, command)
    assert bonded(look(pool), before, wanted) == "xs-2: 0 bonds on network Acceptance instead of 1"


def test_it_can_be_stopped_and_puts_the_pool_back_first(twin: RunningTwin) -> None:
    pool = read(twin.endpoints_path)
    before = look(pool)
    words = [sys.executable, "-m", "tests.acceptance", str(twin.endpoints_path), "--journey", "direct"]
    process = subprocess.Popen(words, cwd=ROOT, env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "dev")},
                               stdout=subprocess.PIPE, text=True)  # fmt: skip
    until = time.monotonic() + 90
    while not twin.call(twin.database.all, "Bond") and time.monotonic() < until:
        time.sleep(0.1)
    assert twin.call(twin.database.all, "Bond")
    process.terminate()
    said, _nothing = process.communicate(timeout=90)
    assert (process.returncode, "Stopped; the pool was put back first." in said) == (1, True)
    assert first_difference(before, look(pool)) == ""
