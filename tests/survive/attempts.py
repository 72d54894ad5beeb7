# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is struck somewhere, and the run after it: do they end where a run that was not struck ends?"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._dom0.timer_state import BASE

from tests.integration.bonding import dom0
from tests.survive.journeys import Journey, differences, pool, prepare, state
from tests.survive.places import Passage, Place, Where, reached
from tests.survive.stage import Stage, freeze, kill
from xapi_twin.datamodel.errors import ConnectionDropped
from xapi_twin.faults import Crashed, Point
from xapi_twin.running import RunningTwin

RUN_SECONDS = 120
BACK_SECONDS = 1.0  # that a crashed xapi needs until it starts again
OUTPUT_LINES = 60


@dataclass(frozen=True)
class Verdict:
    place: Place
    converged: bool
    remark: str = ""


class Undisturbed(Exception):
    """A run that nothing strikes does not do what it should, so that there is nothing to compare with."""


def undisturbed(journey: Journey, stage: Stage) -> tuple[list[tuple[Where, Point]], dict[str, Any]]:
    """The points that a run passes, and the pool at its end, which a second run must leave as it is. Raises Undisturbed."""
    points: list[tuple[Where, Point]] = []
    passage = Passage()
    watching = False

    def on_point(point: Point) -> None:
        if watching:
            points.append((passage.where(point), point))

    with tempfile.TemporaryDirectory() as name, pool(journey, on_point) as twin:
        folder = Path(name)
        prepare(journey, twin)
        watching = True
        status = _play(journey, twin, stage, folder)
        watching = False
        if status is None or bool(status) is not bool(journey.faults):
            raise Undisturbed(f"{journey.name}: the first run ended with status {status}\n{_output(folder)}")
        end = state(twin)
        twin.call(twin.twin.faults.clear)
        if status := _play(journey, twin, stage, folder):
            raise Undisturbed(f"{journey.name}: the second run ended with status {status}\n{_output(folder)}")
        last = state(twin)
        if last != end and not journey.faults:
            raise Undisturbed(f"{journey.name}: a second run changes something: {'; '.join(differences(last, end))}")
        return points, last


def attempt(journey: Journey, place: Place, end: Mapping[str, Any], stage: Stage) -> Verdict:
    """One run that is struck at the place, one run after it."""
    passage = Passage()
    victim: list[int] = []
    struck = False

    async def on_point(point: Point) -> None:
        nonlocal struck
        if victim and not struck and reached(passage.where(point), place.where):
            struck = True
            await _strike(place.blow, point, twin, victim[0])

    with tempfile.TemporaryDirectory() as name, pool(journey, on_point) as twin:
        folder = Path(name)
        prepare(journey, twin)
        before = state(twin)
        victim.append(stage.play(journey.arguments(twin.inventory_path), folder))
        if wrong := _struck(stage, victim[0], place.blow, lambda: struck):
            return Verdict(place, False, f"{wrong}\n{_output(folder)}")
        process = victim.pop()
        twin.call(twin.twin.faults.clear)
        if place.blow == "down":
            twin.run(twin.twin.host("xs-2").start_xapi)
        if place.blow == "crash":
            twin.run(asyncio.wait_for, _back(twin), RUN_SECONDS)
        first = _output(folder)
        wrong = _left_alone(twin, before, end) if journey.forsaken else ""
        if place.blow == "cut":
            kill(process)
            stage.wait(RUN_SECONDS)
        if wrong:
            return Verdict(place, False, f"{wrong}\nThe run before:\n{first}")
        status = _play(journey, twin, stage, folder)
        if status is None:
            return Verdict(place, False, f"the second run was not over after {RUN_SECONDS} s\n{_output(folder)}")
        if status:
            return Verdict(place, False, f"the second run failed\n{_output(folder)}\nThe first run before it:\n{first}")
        now = state(twin)
        if now == end:
            return Verdict(place, True)
        different = "\n".join(differences(now, end))
        return Verdict(place, False, f"{different}\n{_output(folder)}\nThe first run before it:\n{first}")


def _left_alone(twin: RunningTwin, before: Mapping[str, Any], end: Mapping[str, Any]) -> str:
    """What is wrong when the timers in dom0 have run out, and nobody has come; "" when each host is as it was, or as it should be."""
    deadline = time.monotonic() + RUN_SECONDS
    while any(dom0(twin, host, f"ls -d {BASE}/timer 2>/dev/null; true") for host in before["hosts"]):
        if time.monotonic() > deadline:
            return f"a timer is still there after {RUN_SECONDS} s"
        time.sleep(0.2)
    now = state(twin)["hosts"]
    lines = []
    for host, as_it_was in before["hosts"].items():
        if now[host] not in (as_it_was, end["hosts"][host]):
            lines += [f"{host} is neither as it was nor as it should be:", *differences(now[host], as_it_was)]
    return "\n".join(lines)


def _struck(stage: Stage, process: int, blow: str, is_struck: Callable[[], bool]) -> str:
    """Waits until a run has been struck, and is over unless it was cut off; what is wrong with it, or ""."""
    deadline = time.monotonic() + RUN_SECONDS
    status = None
    while status is None and time.monotonic() < deadline:
        if blow == "cut" and is_struck():
            return ""
        status = stage.wait(0.1)
    if status is None:
        kill(process)
        stage.wait(RUN_SECONDS)
        return f"the first run was not over after {RUN_SECONDS} s"
    return "" if is_struck() else f"the run ended (status {status}) before it came to this place"


async def _strike(blow: str, point: Point, twin: RunningTwin, victim: int) -> None:
    """Raises what makes the twin drop the connection, or end the work at this point."""
    if blow == "crash":
        master = twin.twin.master_host
        master.crash(BACK_SECONDS)
        if point.kind != "ssh" and (point.host or master.ref) == master.ref:
            raise Crashed(master.ref)
    elif blow == "down":
        await twin.twin.host("xs-2").stop_xapi()
    else:
        if blow == "kill":
            kill(victim)
        elif blow == "cut":
            freeze(victim)
        raise ConnectionDropped(point.name)


async def _back(twin: RunningTwin) -> None:
    """Waits until the master's xapi is there again, as an admin does who runs again."""
    master = twin.twin.master_host
    while not (master.xapi == "running" and master.init_complete.is_set()):
        await asyncio.sleep(0.05)


def _play(journey: Journey, twin: RunningTwin, stage: Stage, folder: Path) -> int | None:
    """The status of a run; None when it was not over in time, and was killed."""
    process = stage.play(journey.arguments(twin.inventory_path), folder)
    status = stage.wait(RUN_SECONDS)
    if status is None:
        kill(process)
        stage.wait(RUN_SECONDS)
    return status


def _output(folder: Path) -> str:
    """The end of what the run has shown."""
    lines = (folder / "output").read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"    {line}" for line in lines[-OUTPUT_LINES:])
