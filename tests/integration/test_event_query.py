# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""extensions/audit/event_query.yml finds the hosts of a pool in the results that the modules really return."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.playing import connection, play
from xapi_twin.running import RunningTwin

jq = pytest.importorskip("jq", reason="the Python package jq is not installed")
ROOT = Path(__file__).resolve().parents[2]
QUERIES = yaml.safe_load((ROOT / "extensions/audit/event_query.yml").read_text(encoding="utf-8"))
BOND = {"network": "NAS", "nics": ["eth2", "eth4"]}
TASKS: dict[str, dict[str, Any]] = {
    "xapi.network.xs_bond": BOND,
    "xapi.network.xs_bond_info": BOND,
    "xapi.network.xs_agent": {"host": "xs-2", "method": "agent"},
    "xapi.network.xs_pool_info": {},
    "xapi.network.xs_pif_facts": {"host": "xs-1"},
}


@pytest.fixture(scope="module")
def twin() -> Iterator[RunningTwin]:
    with RunningTwin("tutorial", restart_seconds=0) as running:
        yield running


def counted(name: str, result: dict[str, Any]) -> list[tuple[str, str]]:
    found = jq.compile(QUERIES[name]["query"]).input_value(result).all()
    assert all(row["facts"]["device_type"] == "Hypervisor" for row in found)
    return [(row["name"], row["canonical_facts"]["uuid"]) for row in found]


def test_every_module_that_names_hosts_has_a_query() -> None:
    assert set(QUERIES) == set(TASKS)


def test_hosts_are_found_in_what_the_modules_return_and_are_the_same_for_all(twin: RunningTwin, tmp_path: Path) -> None:
    defaults = {"group/xapi.network.xapi": connection(twin)}
    played = play(tmp_path, [{name: options} for name, options in TASKS.items()], module_defaults=defaults)
    assert played.status == 0, played.output
    seen = {result.task: counted(name, result.values) for name, result in zip(TASKS, played.results, strict=True)}
    both = sorted((name, about["uuid"]) for name, about in twin.endpoints["hosts"].items())
    assert [sorted(rows) for rows in seen.values()] == [both, both, [both[1]], both, [both[0]]]


@pytest.mark.parametrize("name", list(TASKS))
def test_a_result_without_hosts_counts_none_and_is_no_error(name: str) -> None:
    assert counted(name, {"failed": True, "msg": "The pool cannot be reached."}) == []
