# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab that is killed leaves nothing behind, and a lab can be logged in to from another terminal."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.lab import ROOT


def running(name: str) -> list[int]:
    """Processes of this lab's namespace, and of those in it, by the name of their program."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text().strip() == name:
                found.append(int(process.name))
        except OSError:
            pass  # it has just ended
    return found


@pytest.fixture
def by_hand() -> Iterator[subprocess.Popen[str]]:
    """`make lab` without a terminal, when it is up."""
    words = [sys.executable, "-m", "tests.lab", "run"]
    lab = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    yield lab
    lab.kill()
    lab.wait()


def said(lab: subprocess.Popen[str]) -> str:
    """What it prints until it is up."""
    assert lab.stdout is not None
    text = ""
    for line in lab.stdout:
        text += line
        if "stays up" in line:
            return text
    raise AssertionError(text)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_of_a_lab_that_is_killed_or_interrupted(by_hand: subprocess.Popen[str], how: signal.Signals) -> None:
    interfaces = sorted(path.name for path in Path("/sys/class/net").iterdir())
    mounts = Path("/proc/self/mounts").read_text()
    said(by_hand)
    assert len(running("ovs-vswitchd")) == 3 and len(running("sshd")) == 2
    by_hand.send_signal(how)
    deadline = time.monotonic() + 30
    while running("ovs-vswitchd") or running("sshd") or running("ovsdb-server"):
        assert time.monotonic() < deadline, "daemons of the lab are still there"
        time.sleep(0.05)
    assert sorted(path.name for path in Path("/sys/class/net").iterdir()) == interfaces
    assert Path("/proc/self/mounts").read_text() == mounts


def test_the_command_for_other_terminals_logs_in(by_hand: subprocess.Popen[str]) -> None:
    text = said(by_hand)
    found = re.search(r"nsenter --target \d+ .* xs-1$", text, re.MULTILINE)
    assert found, text
    done = subprocess.run([*found.group().split(), "hostname; ovs-vsctl list-br"], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.split() == ["xs-1", "xenbr0", "xenbr1", "xenbr2", "xenbr3", "xenbr4", "xenbr5"], done.stderr
