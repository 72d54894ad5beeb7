# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The places at which a run is struck: which there are, and when a run has come to one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.survive.journeys import Journey
from xapi_twin.faults import Point

#: The ways to strike a run.
BLOWS = {
    "kill": "the run dies with everything that it has started",
    "cut": "nothing of the run comes through any more, and its connections stay open, as when a cable is pulled",
    "drop": "the reply is lost, and the run lives on",
    "crash": "the master's xapi dies and starts again, and the run lives on",
    "down": "the member's xapi stops, and is started when the run has ended",
}
WATCHING = "event.from"  # how often a run watches until something has happened depends on the time
READS = ("event.", "session.", "host.get", "VM.get", "task.")

#: Where on its way a run is: how many calls and commands it has made, and how often it has watched since. A moment: its name and number.
Where = tuple[int, int] | tuple[str, int]


@dataclass(frozen=True)
class Place:
    journey: str
    number: int  # among the places of the journey
    blow: str
    where: Where
    what: str

    def __str__(self) -> str:
        return f"{self.journey} {self.number}: {self.blow} {self.what}"


@dataclass
class Passage:
    """Counts the points that a run passes."""

    acts: int = 0
    watched: int = 0
    moments: Counter[str] = field(default_factory=Counter)

    def where(self, point: Point) -> Where:
        """Where a run is that passes this point now."""
        if point.kind == "moment":
            self.moments[point.name] += 1
            return point.name, self.moments[point.name]
        if point.name == WATCHING:
            self.watched += 1
        else:
            self.acts, self.watched = self.acts + 1, 0
        return self.acts, self.watched


def reached(here: Where, place: Where) -> bool:
    """True at the place, and where a run that had to watch less often has come past it."""
    if isinstance(here[0], str) or isinstance(place[0], str):
        return here == place
    return here >= place


def places(journey: Journey, points: Sequence[tuple[Where, Point]]) -> list[Place]:
    """Kills and cuts come before and after every call and every command, lost replies after those that change something. The master
    crashes at every write and in the middle of the making of bonds. The member goes down at every write.
    """
    found: list[Place] = []
    for where, point in _section(journey, points):
        found += [Place(journey.name, 0, blow, where, _called(point)) for blow in journey.blows if _fits(blow, point)]
    return [Place(one.journey, number, one.blow, one.where, one.what) for number, one in enumerate(found)]


def _section(journey: Journey, points: Sequence[tuple[Where, Point]]) -> Sequence[tuple[Where, Point]]:
    first = next((number for number, (_where, point) in enumerate(points) if journey.begins in point.name), len(points))
    last = max((number for number, (_where, point) in enumerate(points) if journey.ends in point.name), default=-1)
    return points[first : last + 1]


def _fits(blow: str, point: Point) -> bool:
    writes = point.kind == "call" and not point.name.startswith(READS)
    if blow in ("kill", "cut"):
        return point.kind != "moment"
    if blow == "drop":
        return point.stage == "after" and (writes or (point.kind == "ssh" and "restart xapi" in point.name))
    if blow == "crash":
        return writes or (point.kind == "moment" and point.name.startswith("bond.create."))
    return writes


def _called(point: Point) -> str:
    """The point in a few words: of a command what follows the shell and the search path that Ansible and the modules put before it."""
    command = re.sub(r"^/bin/sh -c '|PATH=\S+; |export PATH; ", "", " ".join(point.name.split()))
    return f"{point.stage or 'at'} {'ssh ' + command[:90] if point.kind == 'ssh' else point.name}"
