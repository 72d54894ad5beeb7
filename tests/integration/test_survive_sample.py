# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that dies where it hurts most, and the run after it. `make survive` does the same at every call and every command."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.survive.attempts import attempt, undisturbed
from tests.survive.journeys import JOURNEYS
from tests.survive.places import Place, places
from tests.survive.stage import Stage

# For each journey: the blow and the point, the last one of that name on the way.
HURTS = {
    "restart": [
        "kill after pool.add_to_other_config",  # the mark of a dead run is on the pool
        "kill after Async.Bond.create",  # the master's bond is being made
        "drop after Async.Bond.create",  # it is, and nobody knows
        "kill before systemctl restart xapi",
        "kill after systemctl restart xapi",  # the member's xapi starts, and inherits
        "drop after systemctl restart xapi",
        "kill before PIF.add_to_other_config",  # the bond is there, its purpose is not
    ],
    "between": [
        "kill after Async.Bond.create",
        "kill after systemctl restart xapi",  # xs-2 is inheriting, state by state, when the next run reads for the first time
    ],
    "forsaken": [
        "kill after Async.Bond.create",  # dom0 of the master takes back a bond that is being made
        "kill after systemctl restart xapi",  # and that of xs-2 one that it inherits
        "cut after systemctl restart xapi",  # the same from a control node that is mute, with its connections open
    ],
    "direct": [
        "kill before Async.Bond.create",
        "kill after Async.Bond.create",
        "drop after Async.Bond.create",
        "drop after network.create",
        "drop after pool.add_to_other_config",
        "kill before pool.remove_from_other_config",  # all is done, but for the mark
    ],
    "remove": [
        "kill before Async.Bond.destroy",
        "kill after Async.Bond.destroy",
        "drop after Async.Bond.destroy",
        "kill before network.destroy",
        "kill after network.destroy",
    ],
    "vlans": [
        "kill after Async.VLAN.destroy",  # the VLAN is nowhere, and so is its address but for the note
        "drop after Async.VLAN.create",  # it is on its NIC, without its address
    ],
}


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)  # the twin's connections are dropped on purpose
    with Stage() as opened:
        yield opened


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", HURTS)
def test_a_run_after_one_that_died_ends_as_if_nothing_had_happened(stage: Stage, name: str) -> None:
    journey = next(journey for journey in JOURNEYS if journey.name == name)
    points, end = undisturbed(journey, stage)
    found = places(journey, points)
    for hurt in HURTS[name]:
        verdict = attempt(journey, the_last(found, hurt), end, stage)
        assert verdict.converged, f"{verdict.place}\n{verdict.remark}"


def the_last(found: list[Place], hurt: str) -> Place:
    blow, stage, what = hurt.split(" ", 2)
    fitting = [place for place in found if place.blow == blow and place.what.startswith(stage) and what in place.what]
    assert fitting, f"the run does not come to a place called {hurt}"
    return fitting[-1]
