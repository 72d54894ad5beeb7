# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that dies somewhere, and the run after it: do they end where a run that did not die ends?"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration.bonding import look
from tests.integration.playing import BIN, COLLECTIONS
from xapi_twin.errors import ConnectionDropped
from xapi_twin.faults import Point
from xapi_twin.running import RunningTwin
from xapi_twin.scenario import Scenario

POOL = Path(__file__).with_name("pool.yml")
RUN_SECONDS = 120
RESTART_SECONDS = 0.4


@dataclass(frozen=True)
class Journey:
    """A playbook with its variables. `bonded`: it begins with the bonds in place."""

    name: str
    playbook: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    bonded: bool = False


JOURNEYS = (
    Journey("restart", "storage_bond", {"strategy": "restart"}),
    Journey("direct", "storage_bond", {"strategy": "direct"}),
    Journey("remove", "storage_bond_remove", bonded=True),
)


@dataclass(frozen=True)
class Place:
    """Where a run dies: at the nth point that it passes. `how`: kill the run, or drop the reply and let it live."""

    journey: str
    number: int
    what: str
    how: str


@dataclass(frozen=True)
class Verdict:
    place: Place
    converged: bool
    remark: str = ""


def given(journey: Journey) -> dict[str, Any]:
    variables = {
        "network": "NAS",
        "nics": ["eth2", "eth4"],
        "accept": ["storage_in_use", "vifs_in_use"],
        "wait_timeout": 30,
        **journey.variables,
    }
    return {f"storage_bond_{name}": value for name, value in variables.items()}


@contextlib.contextmanager
def run(journey: Journey, twin: RunningTwin, folder: Path) -> Any:
    """The playbook, running."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "XENSERVER_"))}
    settings = {
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
        "ANSIBLE_SSH_ARGS": "-o ControlMaster=no",
        "ANSIBLE_NOCOLOR": "1",
    }
    command = [BIN / "ansible-playbook", "-i", twin.inventory_path, f"xapi.network.{journey.playbook}", "-e", json.dumps(given(journey))]
    with (folder / "output").open("w", encoding="utf-8") as output:
        process = subprocess.Popen(command, env={**kept, **settings}, stdout=output, stderr=subprocess.STDOUT, cwd=folder)
        try:
            yield process
        finally:
            kill(process.pid)
            process.wait()


def kill(process: int) -> None:
    """The process and everything that it started, all at once: Ansible's workers have sessions of their own."""
    found, todo = [], [process]
    while todo:
        one = todo.pop()
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGSTOP)
            found.append(one)
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{one}/task").iterdir():
                todo += [int(child) for child in (thread / "children").read_text().split()]
    for one in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def twin_of(on_point: Callable[[Point], None] | None = None) -> RunningTwin:
    return RunningTwin(Scenario.load(POOL), restart_seconds=RESTART_SECONDS, on_point=on_point)


def prepare(journey: Journey, twin: RunningTwin, folder: Path) -> None:
    if journey.bonded:
        with run(JOURNEYS[1], twin, folder) as process:
            assert process.wait(RUN_SECONDS) == 0, (folder / "output").read_text()


def undisturbed(journey: Journey) -> tuple[list[Point], dict[str, Any]]:
    """The points that a run passes, and the pool at its end."""
    points: list[Point] = []
    watching = False

    def on_point(point: Point) -> None:
        if watching and point.kind != "moment":
            points.append(point)

    with tempfile.TemporaryDirectory() as name, twin_of(on_point) as twin:
        folder = Path(name)
        prepare(journey, twin, folder)
        watching = True
        with run(journey, twin, folder) as process:
            assert process.wait(RUN_SECONDS) == 0, (folder / "output").read_text()
        watching = False
        return points, state(twin)


def state(twin: RunningTwin) -> dict[str, Any]:
    """The pool as bonding.look sees it, its attached storage, and the marks of runs that are left on it."""
    return {**look(twin), **twin.call(_rest, twin)}


def _rest(twin: RunningTwin) -> dict[str, Any]:
    (pool,) = twin.database.all("pool").values()
    return {
        "storage": sorted(pbd["currently_attached"] for pbd in twin.database.all("PBD").values()),
        "marks": sorted(key for key in pool["other_config"] if key.startswith("xapi.network")),
    }


def places(journey: Journey, points: list[Point]) -> list[Place]:
    """Before and after every call and every command; the replies of writes are also dropped for a run that lives on."""
    found = []
    for number, point in enumerate(points):
        what = f"{point.stage} {point.name if point.kind == 'call' else 'ssh ' + ' '.join(point.name.split())[-60:]}"
        found.append(Place(journey.name, number, what, "kill"))
        if point.kind == "call" and point.stage == "after" and not point.name.startswith(("event.", "session.", "host.get", "VM.get")):
            found.append(Place(journey.name, number, what, "drop"))
    return found


def attempt(place: Place, end: Mapping[str, Any]) -> Verdict:
    """One run that dies at the place, one run after it."""
    journey = next(one for one in JOURNEYS if one.name == place.journey)
    seen = 0
    victim: list[int] = []

    def on_point(point: Point) -> None:
        nonlocal seen
        if not victim or point.kind == "moment":
            return
        seen += 1
        if seen - 1 == place.number:
            if place.how == "kill":
                kill(victim[0])
            raise ConnectionDropped(point.name)

    with tempfile.TemporaryDirectory() as name, twin_of(on_point) as twin:
        folder = Path(name)
        prepare(journey, twin, folder)
        with run(journey, twin, folder) as process:
            victim.append(process.pid)
            process.wait(RUN_SECONDS)
        victim.clear()
        if seen <= place.number:
            return Verdict(place, False, f"the run ended before it passed this point\n{(folder / 'output').read_text()}")
        with run(journey, twin, folder) as process:
            status = process.wait(RUN_SECONDS)
        if status:
            return Verdict(place, False, f"the second run failed\n{(folder / 'output').read_text()}")
        now = state(twin)
        return Verdict(place, now == end, "" if now == end else difference(now, end))


def difference(now: Any, end: Any, path: str = "") -> str:
    """The first thing in which two states differ."""
    if isinstance(now, dict) and isinstance(end, dict):
        for key in sorted({*now, *end}):
            if now.get(key) != end.get(key):
                return difference(now.get(key), end.get(key), f"{path}/{key}")
    return f"{path}: {now} instead of {end}"
