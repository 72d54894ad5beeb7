# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""dom0's shell against this machine's bash, line by line of bash_fragments.yml."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.twin.ground import THREE_HOSTS
from xapi_twin import shell
from xapi_twin.scenario.load import read_scenario
from xapi_twin.twin.pool import Twin

FRAGMENTS = Path(__file__).parent / "bash_fragments.yml"
LEAST = 340
KNOWN = "known differences"


@dataclass(frozen=True)
class Fragment:
    """Lines of a script and what they are given to read."""

    script: str
    stdin: str = ""


def fragments() -> list[Any]:
    """The lines, as parameters; the known differences are expected to be some, so that one that is gone is noticed."""
    groups = yaml.safe_load(FRAGMENTS.read_text(encoding="utf-8"))
    return [
        pytest.param(
            Fragment(**one) if isinstance(one, dict) else Fragment(one),
            marks=[pytest.mark.xfail(strict=True, raises=AssertionError)] if name == KNOWN else [],
        )
        for name, group in groups.items()
        for one in group
    ]


def in_bash(fragment: Fragment, folder: Path) -> shell.Output:
    environment = {"PATH": os.environ["PATH"], "HOME": "/root", "USER": "root", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["bash", "-c", fragment.script],
        cwd=folder,
        env=environment,
        input=fragment.stdin.encode(),
        capture_output=True,
        timeout=20,
        check=False,
        # A shell cannot trap what was ignored when it began, and a runner in the background ignores SIGINT (POSIX, 2.11 and 2.9.3.1).
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    stdout, stderr = (text.decode("utf-8", "surrogateescape") for text in (done.stdout, done.stderr))
    return shell.Output(stdout, stderr, done.returncode % 256)


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is what the twin is held against")
@pytest.mark.parametrize("fragment", fragments(), ids=lambda fragment: re.sub(r"\W+", "_", fragment.script)[:60])
async def test_dom0_prints_what_bash_prints(fragment: Fragment, tmp_path: Path) -> None:
    expected = in_bash(fragment, tmp_path)
    async with await Twin.start(read_scenario(THREE_HOSTS, restart_seconds=10)) as twin:
        found = await shell.run(twin.host("xs-1"), f"mkdir /root/empty; cd /root/empty; {fragment.script}", fragment.stdin)
    assert (found.stdout, found.status) == (expected.stdout, expected.status), found.stderr
    assert bool(found.stderr) == bool(expected.stderr), (found.stderr, expected.stderr)


@pytest.mark.parametrize("script", yaml.safe_load(FRAGMENTS.read_text(encoding="utf-8"))[KNOWN])
async def test_no_known_difference_is_silent(script: str) -> None:
    async with await Twin.start(read_scenario(THREE_HOSTS, restart_seconds=10)) as twin:
        found = await shell.run(twin.host("xs-1"), script)
    assert (found.status and found.stderr) or "Did you mean" in found.stdout


def test_there_are_enough_fragments() -> None:
    assert sum(not one.marks for one in fragments()) >= LEAST
