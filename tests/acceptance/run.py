# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out a journey and says how it ended; afterwards the pool is as it was found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from tests.acceptance.back import PIF_CLASSES, put_back
from tests.acceptance.captured import twin_of
from tests.acceptance.look import bonded, first_difference, look
from tests.acceptance.pool import Pool
from tests.acceptance.step import Journey, Step, shown
from tests.survive.stage import kill

ROOT = Path(__file__).resolve().parents[2]
RUN_SECONDS = 900
SETTLE_SECONDS = 120


class Different(Exception):
    """A step did not end as it has to."""


@dataclass(frozen=True)
class Verdict:
    journey: str
    steps: int
    seconds: float
    difference: str  # the first, or ""
    skipped: str = ""


class Runner:
    """Plays on one pool; `folder` gets the inventory and the output of every run."""

    def __init__(self, pool: Pool, folder: Path) -> None:
        self.pool = pool
        self.before = look(pool)
        self._records = pool.records(*PIF_CLASSES)
        self._begins = self.before
        self._folder = folder
        self._gone: set[tuple[str, str]] = set()
        self._count = 0

    def journey(self, journey: Journey) -> Verdict:
        begun, done, difference = time.monotonic(), 0, ""
        if journey.needs and not getattr(self.pool, journey.needs):
            return Verdict(journey.name, 0, 0, "", f"the file of endpoints names no {journey.needs}")
        self._begins = self.before
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
        """Puts the pool back with xe where it is not as it was found. Answers how it still differs, or ""."""
        self._begins = self.before
        try:
            for host, nic in sorted(self._gone):
                self.pool.switch(host, "back", nic)
            self._gone.clear()
            self._until_all_answer()
            if first_difference(self.before, look(self.pool)):
                with (self._folder / "put-back.txt").open("a", encoding="utf-8") as log:
                    log.writelines(f"{line}\n" for line in put_back(self.pool, self._records))
            difference = self._end(Step(end="found", patient=True))
            self._records = self._records if difference else self.pool.records(*PIF_CLASSES)
        except (OSError, ValueError) as error:
            difference = str(error)
        return f"afterwards: {difference}" if difference else ""

    def _until_all_answer(self) -> None:
        for name in self.pool.hosts:
            try:
                self.pool.dom0(name, "service xapi status || service xapi start")
            except OSError:
                if self.pool.power:
                    self.pool.switch(name, "on")
        until = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < until:
            try:
                found = self.pool.records("host", "host_metrics")
                live = [found["host_metrics"][host["metrics"]]["live"] and host["enabled"] for host in found["host"].values()]
                if all(live):
                    return
            except (OSError, ValueError):
                pass
            time.sleep(1)

    def _step(self, step: Step) -> None:
        difference = ""
        if step.power:
            self._switch(step)
        elif step.command:
            self.pool.dom0(step.host or self.pool.master, step.command)
        elif step.twin:
            difference = self._run_on_a_twin_first(step)
        else:
            self._run(step, self.pool)
        if difference := difference or self._end(step):
            raise Different(f"{step.name}: {difference} ({self._output})")

    def _switch(self, step: Step) -> None:
        if step.power == "gone":
            self._gone.add((step.host, step.nic))
        self.pool.switch(step.host, step.power, step.nic)
        self._gone -= {(step.host, step.nic)} if step.power == "back" else set()
        if step.power == "on":
            self._until_all_answer()

    def _run_on_a_twin_first(self, step: Step) -> str:
        """In what the pool, once a step was carried out on it, differs from its twin, where it was carried out before; or ""."""
        with twin_of(self.pool, self._folder) as twin:
            self._run(step, twin)
            expected = look(twin)
        self._run(step, self.pool)
        return first_difference(expected, look(self.pool))

    def _run(self, step: Step, pool: Pool) -> None:
        status, output = self._play(step, pool)
        refused = f"ended with {status}: {_sentence(output)} ({self._output})"
        if step.strikes == "kill":
            if status >= 0:
                raise Different(f"{step.name} ended before it could be killed ({self._output})")
        elif step.strikes != "again" and bool(step.fails) != bool(status):
            raise Different(f"{step.name} {refused}")
        if step.fails and step.fails not in output.partition("PLAY RECAP")[0]:
            raise Different(f"{step.name} does not say {step.fails}, it {refused}")
        if step.says not in " ".join(output.split()):  # however it was broken into lines
            raise Different(f"{step.name} does not say {step.says} ({self._output})")
        if step.changes is not None and _changes(output) != step.changes:
            raise Different(f"{step.name} changed {'nothing' if step.changes else 'something'} ({self._output})")
        if step.also and (difference := step.also(pool, shown(output))):
            raise Different(f"{step.name}: {difference} ({self._output})")

    def _end(self, step: Step) -> str:
        """How the pool differs from what it has to be. A run that ended green promised that everything is at rest; others need a moment."""
        if step.end == "begins":
            self._begins = look(self.pool)
        until = time.monotonic() + (SETTLE_SECONDS if step.patient else 0)
        while step.end in ("bonded", "found"):
            try:
                found = look(self.pool)
                difference = bonded(found, self._begins, step.wanted) if step.wanted and step.end == "bonded" else ""
                difference = difference or (first_difference(self._begins, found) if step.end == "found" else "")
            except (OSError, ValueError) as error:
                difference = str(error)
            if not difference or time.monotonic() > until:
                return difference
            time.sleep(2)
        return ""

    @property
    def _output(self) -> Path:
        return self._folder / f"run-{self._count}.txt"

    def _play(self, step: Step, pool: Pool) -> tuple[int, str]:
        """ansible-playbook, whose status and output are answered, and what strikes it on its way."""
        self._count += 1
        words = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", self._inventory(pool, step.plugin)]
        words += [*self._played(pool, step), *(["--check"] if step.check else [])]
        around = {**os.environ, "XENSERVER_PASSWORD": pool.password, "ANSIBLE_NOCOLOR": "1"}
        output_path = self._output
        with output_path.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=around, cwd=ROOT)
            try:
                if step.at and _printed(step.at, output_path, process):
                    time.sleep(step.later)
                    self._strike(step, process)
                process.wait(RUN_SECONDS)
            except subprocess.TimeoutExpired:
                pass
            finally:
                _stop(process)
        return process.returncode, output_path.read_text(encoding="utf-8")

    def _inventory(self, pool: Pool, plugin: bool) -> str:
        """A file with the pool's hosts; with `plugin`, one that has the inventory plugin ask the pool for them."""
        content = {"plugin": "xapi.network.xs_pools", **pool.reached()} if plugin else pool.inventory()
        return self._written("acceptance.xs_pools.yml" if plugin else f"hosts-{self._count}.json", content)

    def _played(self, pool: Pool, step: Step) -> list[str]:
        if not step.tasks:
            variables = {f"storage_bond_{name}": value for name, value in step.variables.items()}
            return [f"xapi.network.{step.playbook}", "-e", json.dumps(variables)]
        play = {"hosts": step.on, "gather_facts": False, "module_defaults": {"group/xapi.network.xapi": pool.reached()}}
        return [self._written(f"play-{self._count}.yml", [{**play, "tasks": step.tasks}])]

    def _written(self, name: str, content: object) -> str:
        path = self._folder / name
        path.write_text(json.dumps(content), encoding="utf-8")
        return str(path)

    def _strike(self, step: Step, process: subprocess.Popen[bytes]) -> None:
        if step.strikes == "kill":
            _stop(process)
        elif step.strikes == "off":
            self.pool.switch(step.host, "off")
        elif step.strikes == "again":
            self._play(replace(step, at="", strikes=""), self.pool)


def _printed(words: str, path: Path, process: subprocess.Popen[bytes]) -> bool:
    """Waits until a run prints these words; false where it ends without."""
    until = time.monotonic() + RUN_SECONDS
    while process.poll() is None and time.monotonic() < until:
        if words in path.read_text(encoding="utf-8", errors="replace"):
            return True
        time.sleep(0.05)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """The run and all that it started, where it is not over by itself."""
    if process.poll() is None:
        kill(process.pid)
    process.wait()


def _changes(output: str) -> int:
    recap = output.partition("PLAY RECAP")[2].split()
    return int(any(word.startswith("changed=") and word != "changed=0" for word in recap))


def _sentence(output: str) -> str:
    """What a run said that failed, in one line."""
    lines = [line.strip() for line in output.splitlines() if "ERROR" in line or line.startswith("fatal:")]
    return lines[-1][:300] if lines else "no error was said"
