# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out a journey and says how it ended; afterwards the pool is as it was found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.journeys import Journey, Step
from tests.acceptance.look import bonded, first_difference, look
from tests.acceptance.pool import Pool

ROOT = Path(__file__).resolve().parents[2]
RUN_SECONDS = 900
SETTLE_SECONDS = 60


class Different(Exception):
    """A step did not end as it has to."""


@dataclass(frozen=True)
class Verdict:
    journey: str
    steps: int
    seconds: float
    difference: str  # the first, or ""


class Runner:
    """Plays on one pool; `folder` gets the inventory and the output of every run."""

    def __init__(self, pool: Pool, folder: Path) -> None:
        self.pool = pool
        self.before = look(pool)
        self._folder = folder
        self._inventory = folder / "hosts.json"
        self._inventory.write_text(json.dumps(pool.inventory()), encoding="utf-8")
        self._count = 0

    def journey(self, journey: Journey) -> Verdict:
        begun, done, difference = time.monotonic(), 0, ""
        try:
            for step in journey.steps:
                self._step(step)
                done += 1
        except (Different, OSError, ValueError) as error:
            difference = f"step {done + 1}: {error}"
        finally:
            left = self.restore()
        return Verdict(journey.name, done, time.monotonic() - begun, difference or left)

    def restore(self) -> str:
        """Takes the bond away where one is left. Answers how the pool differs from how it was found, or ""."""
        try:
            if first_difference(self.before, look(self.pool)):
                self._play(Step("storage_bond_remove"))
            difference = self._end("found", "")
        except (OSError, ValueError) as error:
            difference = str(error)
        return f"afterwards: {difference}" if difference else ""

    def _step(self, step: Step) -> None:
        if step.command:
            self.pool.dom0(self.pool.master, step.command)
        else:
            status, output = self._play(step)
            if step.kill_after and status >= 0:
                raise Different(f"{step.playbook} ended before it could be killed ({self._output})")
            if not step.kill_after and step.fails != bool(status):
                raise Different(f"{step.playbook} ended with {status}: {_sentence(output)} ({self._output})")
            if step.changes is not None and _changes(output) != step.changes:
                raise Different(f"{step.playbook} changed {'nothing' if step.changes else 'something'} ({self._output})")
        if difference := self._end(step.end, step.mode):
            raise Different(f"{step.command or step.playbook}: {difference}")

    def _end(self, end: str, mode: str) -> str:
        """How the pool differs from what it has to be. What was started by a run that is dead may need a moment."""
        until = time.monotonic() + SETTLE_SECONDS
        while end:
            found = look(self.pool)
            difference = first_difference(self.before, found) if end == "found" else bonded(found, self.before, self.pool, mode)
            # a run that ended green has no such moment: it promised that everything is at rest
            if not difference or mode or time.monotonic() > until:
                return difference
            time.sleep(2)
        return ""

    @property
    def _output(self) -> Path:
        return self._folder / f"run-{self._count}.txt"

    def _play(self, step: Step) -> tuple[int, str]:
        """ansible-playbook, whose status and output are answered; killed with all its workers where the step says so."""
        self._count += 1
        words = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(self._inventory), f"xapi.network.{step.playbook}"]
        words += ["-e", json.dumps(self._variables(step)), *(["--check"] if step.check else [])]
        around = {**os.environ, "XENSERVER_PASSWORD": self.pool.password, "ANSIBLE_NOCOLOR": "1"}
        with self._output.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=around, cwd=ROOT)
            try:
                process.wait(step.kill_after or RUN_SECONDS)
            except subprocess.TimeoutExpired:
                pass
            finally:
                _kill(process)
        return process.returncode, self._output.read_text(encoding="utf-8")

    def _variables(self, step: Step) -> dict[str, Any]:
        common = {"network": self.pool.network, "nics": list(self.pool.nics)}
        return {f"storage_bond_{name}": value for name, value in {**common, **step.variables}.items()}


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The process and all that it started, at once: Ansible's workers have sessions of their own."""
    todo, found = [process.pid], []
    while todo and process.poll() is None:
        found.append(todo.pop())
        try:
            os.kill(found[-1], signal.SIGSTOP)
            threads = list(Path(f"/proc/{found[-1]}/task").iterdir())
            todo += [int(child) for thread in threads for child in (thread / "children").read_text().split()]
        except OSError:
            continue
    for one in found:
        try:
            os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


def _changes(output: str) -> int:
    recap = output.partition("PLAY RECAP")[2].split()
    return int(any(word.startswith("changed=") and word != "changed=0" for word in recap))


def _sentence(output: str) -> str:
    """What a run said that failed, in one line."""
    lines = [line.strip() for line in output.splitlines() if "ERROR" in line or line.startswith("fatal:")]
    return lines[-1][:300] if lines else "no error was said"
