# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every test of the lab gets a pool of its own, made in a few seconds and gone afterwards."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.lab import FOLDER, INSIDE
from tests.lab.lab import Lab
from xapi_twin.scenario.load import load_scenario
from xapi_twin.scenario.model import Scenario


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in (item for item in items if here in item.path.parents):
        item.add_marker(pytest.mark.lab)
        item.add_marker(pytest.mark.timeout(300))
        if not os.environ.get(INSIDE):
            item.add_marker(pytest.mark.skip(reason="the lab runs in namespaces of its own: make lab-test"))


# Folders have short names for the sake of the sockets in them.
_NUMBERS = itertools.count(1)


@pytest.fixture
def make_lab() -> Iterator[Callable[..., Lab]]:
    """Makes a lab of a scenario, or of the tutorial's pool with other options of it; `python` is that of `Lab`."""
    with ExitStack() as stack:

        def make(scenario: Scenario | None = None, python: Any = None, **changes: Any) -> Lab:
            scenario = scenario or load_scenario("tutorial", **{"restart_seconds": 3, **changes})
            return stack.enter_context(Lab(FOLDER / str(next(_NUMBERS)), scenario, python))

        yield make


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    """The tutorial's pool before the tutorial."""
    return make_lab()
