# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The workflows run what the Makefile and tests/run.py have, on every ansible-core that is claimed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import matrix

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
pytestmark = pytest.mark.skipif(not FILES, reason="an installed collection has no workflows")


def workflow(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8")))


def commands() -> list[str]:
    return [step["run"] for path in FILES for job in workflow(path.name)["jobs"].values() for step in job["steps"] if "run" in step]


def test_every_claimed_core_is_tested_on_a_python_that_it_runs_on() -> None:
    rows = workflow("tests.yml")["jobs"]["cores"]["strategy"]["matrix"]["include"]
    assert [row["core"] for row in rows] == list(matrix.CORES)
    assert all(row["python"] in matrix.CORES[row["core"]] for row in rows)


def test_it_runs_on_a_push_on_a_pull_request_and_once_a_week() -> None:
    on = workflow("tests.yml")["on"]
    assert set(on) >= {"push", "pull_request", "schedule"}
    assert re.fullmatch(r"\d+ \d+ \* \* \d", on["schedule"][0]["cron"])


def test_make_targets_are_there() -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    named = [word for command in commands() for word in re.findall(r"\bmake ([\w-]+)", command)]
    assert {"test", "docs"} <= set(named) <= set(targets)


VERSIONS = {"galaxy.yml": r"version: \d+\.\d+\.\d+", "twin/pyproject.toml": r'version = "\d+\.\d+\.\d+"'}


@pytest.mark.parametrize(("path", "line"), VERSIONS.items())
def test_a_tag_can_be_held_against_the_version(path: str, line: str) -> None:
    assert len(re.findall(rf"^{line}$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)) == 1
