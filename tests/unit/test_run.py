# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test runner counts what really ran, and never calls a failure a pass."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests import run
from tests.run import Outcome, Part

SANITY = 'Running sanity test "compile" on Python 3.11\nRunning sanity test "pep8"\n'


@pytest.mark.parametrize(
    ("kind", "status", "text", "expected"),
    [
        ("pytest", 0, "===== 12 passed, 2 skipped, 3 warnings in 3.21s =====", (12, 0, 2)),
        ("pytest", 1, "==== 1 failed, 11 passed, 1 error in 3.21s ====", (11, 2, 0)),
        ("pytest", 0, "12 passed in 61.00s (0:01:01)", (12, 0, 0)),
        ("pytest", 3, "INTERNALERROR> boom", (0, 1, 0)),
        ("pytest", 1, "==== 12 passed in 3.21s ====", (12, 1, 0)),
        ("pytest", 5, "no tests ran in 0.01s", (0, 1, 0)),
        ("sanity", 0, SANITY, (2, 0, 0)),
        ("sanity", 1, f"{SANITY}FATAL: The 1 sanity test(s) listed below (out of 34) failed. See error output above.\npep8", (1, 1, 0)),
        ("sanity", 0, "WARNING: All targets skipped.", (0, 1, 0)),
        ("one", 0, "", (1, 0, 0)),
        ("one", 2, "", (0, 1, 0)),
    ],
)
def test_count(kind: str, status: int, text: str, expected: tuple[int, int, int]) -> None:
    assert run.count(Part("part", [], "here", tests=kind), status, text) == expected


def test_what_a_part_has_to_say_of_itself_is_in_the_table_when_it_passed() -> None:
    said = [
        run.run(Part("one", [sys.executable, "-c", code], "here", remark=lambda: "83 % covered")) for code in ("", "raise SystemExit(1)")
    ]
    assert [outcome.remark for outcome in said] == ["83 % covered", ""]


@pytest.mark.parametrize(("says", "passed"), [("Unknown name: x_", 1), ("Unknown name: x", 0)])
def test_a_part_that_failed_by_chance_is_run_once_more(tmp_path: Path, says: str, passed: int) -> None:
    code = f"import pathlib, sys; p = pathlib.Path({str(tmp_path / 'ran')!r}); p.exists() and sys.exit(0); p.touch(); sys.exit({says!r})"
    outcome = run.run(Part("by-chance", [sys.executable, "-c", code], "here", chance=r"name: \w+_"))
    assert (outcome.passed, outcome.failed) == (passed, 1 - passed)


def test_part_that_does_not_end_is_ended_and_has_failed() -> None:
    outcome = run.run(Part("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"], "here", seconds=1))
    assert (outcome.passed, outcome.failed) == (0, 1)
    assert outcome.seconds < 20
    assert "not done after 1 s" in outcome.remark


def test_part_that_cannot_run_is_one_skipped_test_with_its_reason() -> None:
    outcome = run.run(Part("lab", ["false"], "here", not_run=lambda: "needs root"))
    assert (outcome.passed, outcome.failed, outcome.skipped, outcome.remark) == (0, 0, 1, "needs root")


def test_closing_line_is_pytests() -> None:
    part = Part("part", [], "here")
    outcomes = [Outcome(part, 10, 0, 2, 1.0), Outcome(part, 5, 1, 0, 1.0)]
    assert run.closing_line(outcomes, 456.784) == "===== 1 failed, 15 passed, 2 skipped in 456.78s ====="
    assert run.CLOSING.match(run.closing_line(outcomes[:1], 1.0))
