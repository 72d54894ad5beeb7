# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the tests: `make test` what fits in 15 minutes on two cores, `make test-all` the whole matrix.

A part is one command with an environment of its own. Everything that a part prints goes to build/test/<part>.log; what runs for minutes is
shown while it runs, of the rest only what failed. The last two things printed are a table of the parts and one line in pytest's form that
sums them up: a tool that finds nothing to complain about counts as one test.

    python -m tests.run [--all] [part...]      part: the beginning of a part's name, to run only these
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests import matrix
from tests.lab.__main__ import why_not

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "test"
CLOSING = re.compile(r"^=* ?(?P<counts>\d+ (?:passed|failed|skipped|errors?|deselected|xfailed|xpassed|warnings?).*) in [\d.]+s")
REPORT = ("--color=no", "--durations=15", "--durations-min=10")
DOCS_LINT = ("--plugin-docs", "--validate-collection-refs=all", "--check-extra-docs-refs")
# It works in a folder with a random name (tempfile), which it writes into reStructuredText; there a name that ends with "_", as one in 37
# does, is a reference to a target.
DOCS_CHANCE = r'Unknown target name: "?antsibull-docs-'
# the slow ones first, so that the workers end together
CASES = ("tests/awx", "tests/release", "tests/integration", "tests/bench", "tests/conformance", "tests/unit/twin")
COVERAGE = LOGS / "coverage"


@dataclass(frozen=True)
class Part:
    """One command of the run. `tests`: how to count what it did: "pytest" reads pytest's closing line, "sanity" the tests that ansible-test
    names, "one" counts the whole command as one test. `on_copy`: it wants the collection at its own path. `chance`: what it prints when it
    failed by chance; it is then run once more."""

    name: str
    command: Sequence[str | Path]
    where: str
    seconds: int = 300
    tests: str = "one"
    live: bool = False
    on_copy: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    chance: str = ""
    remark: Callable[[], str] = str  # what the table says of it when it has run
    not_run: Callable[[], str] = str  # why this part cannot run here, or ""; it then counts as one skipped test


@dataclass(frozen=True)
class Outcome:
    part: Part
    passed: int
    failed: int
    skipped: int
    seconds: float
    remark: str = ""

    @property
    def log(self) -> Path:
        return LOGS / f"{self.part.name}.log"


def environment(part: Part) -> dict[str, str]:
    """The environment of a part: the checkout as collection, this interpreter's programs first, no settings of the user's own Ansible."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "XENSERVER_", "PYTEST_"))}
    clean["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
    clean["PYTHONPATH"] = clean["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / "build" / "dev")
    clean["ANSIBLE_FORCE_COLOR"] = "0"
    clean["ANSIBLE_HOME"] = str(ROOT / "build" / "ansible")
    return clean | dict(part.environment)


def run(part: Part) -> Outcome:
    """Runs one part, never longer than its time, and counts."""
    if reason := part.not_run():
        return Outcome(part, 0, 0, 1, 0.0, reason)
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{part.name}.log"
    begin = time.monotonic()
    directory, around = ROOT, environment(part)
    if part.on_copy:
        directory = matrix.collection_copy(LOGS / "copy" / part.name)
        around["ANSIBLE_COLLECTIONS_PATH"] = str(directory.parents[2])
    status, remark = _command(part, log, directory, around)
    if status and part.chance and re.search(part.chance, log.read_text(encoding="utf-8")):
        status, remark = _command(part, log, directory, around)
    passed, failed, skipped = count(part, status, log.read_text(encoding="utf-8"))
    return Outcome(part, passed, failed, skipped, time.monotonic() - begin, remark or ("" if failed else part.remark()))


def _command(part: Part, log: Path, directory: Path, around: Mapping[str, str]) -> tuple[int, str]:
    """The status with which the command of a part ends, and a remark where it had to be ended. What it prints is in `log`."""
    with log.open("w", encoding="utf-8") as to:
        process = subprocess.Popen(
            [str(word) for word in part.command],
            cwd=directory,
            env=around,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if part.live else to,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        with ThreadPoolExecutor(1) as reader:
            if part.live:
                reader.submit(_show, process, to)
            try:
                return process.wait(part.seconds), ""
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return process.wait(), f"not done after {part.seconds} s, ended"


def _show(process: subprocess.Popen[str], log: Iterable[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="", flush=True)
        log.write(line)  # type: ignore[attr-defined]


def count(part: Part, status: int, text: str) -> tuple[int, int, int]:
    """Passed, failed and skipped tests of a part that ended with this status and text. A status that is not 0 is at least one failure,
    and pytest without a closing line did not run to its end."""
    passed = failed = skipped = 0
    if part.tests == "pytest":
        closing = [match["counts"] for line in text.splitlines() if (match := CLOSING.match(line))]
        counts = {word.rstrip("s"): int(number) for number, word in re.findall(r"(\d+) (\w+)", closing[-1])} if closing else {}
        passed, skipped = counts.get("passed", 0) + counts.get("xfailed", 0), counts.get("skipped", 0)
        failed = counts.get("failed", 0) + counts.get("error", 0)
        if not passed + failed + skipped:
            failed = 1
    elif part.tests == "sanity":
        passed = len(re.findall(r"^Running sanity test", text, re.MULTILINE))
        failed = len(re.findall(r"^(?:ERROR|FATAL): The \d+ sanity test", text, re.MULTILINE)) if status else 0
        passed -= failed
        if not passed + failed:
            failed = 1
    elif not status:
        passed = 1
    if status and not failed:
        failed = 1
    return passed, failed, skipped


def checks(all_cores: bool) -> list[Part]:
    """What looks at the files without running them."""
    here = matrix.here()
    tool = Path(sys.executable).parent
    outside = [folder for folder in ("demo", "docs", "extensions", "tests") if (ROOT / folder).is_dir()]
    parts = [
        Part("ruff", [tool / "ruff", "check", "--output-format=concise", "."], here),
        Part("ruff-format", [tool / "ruff", "format", "--check", "."], here),
        # one cache for each, since they run side by side
        Part("mypy-twin", [tool / "mypy", "--cache-dir=build/mypy/twin", "twin/xapi_twin"], here),
        Part("mypy-collection", [tool / "mypy", "--cache-dir=build/mypy/plugins", "-p", "ansible_collections.xapi.network.plugins"], here),
        Part("mypy-tests", [tool / "mypy", "--cache-dir=build/mypy/tests", *outside], here),
        Part("imports", [tool / "lint-imports", "--no-logo", "--no-cache"], here),
        Part("yamllint", [tool / "yamllint", "--strict", "."], here),
        Part("reuse", [tool / "reuse", "lint"], here),
        Part("changelog", [tool / "antsibull-changelog", "lint"], here),
        Part("ansible-lint", [tool / "ansible-lint", "--profile", "production", "--strict", "--offline", "--nocolor"], here, on_copy=True),
        Part("antsibull-docs", [tool / "antsibull-docs", "lint-collection-docs", *DOCS_LINT, "."], here, on_copy=True, chance=DOCS_CHANCE),
        Part("docs-site", [sys.executable, "docs/build.py", "--output", "build/test/site"], here),
    ]
    cores = matrix.cores() if all_cores else [matrix.installed()]
    parts += [sanity(core) for core in cores]
    if all_cores:
        parts.append(Part("galaxy-importer", [sys.executable, "-m", "tests.release.importer"], here, seconds=900))
    return parts


def sanity(core: matrix.Core) -> Part:
    """ansible-test sanity without a single ignore."""
    name = f"sanity-{core.version}"
    if core.not_there:
        return Part(name, [], core.where, not_run=lambda: core.not_there)
    ignores = " ".join(sorted(path.name for path in (ROOT / "tests" / "sanity").glob("ignore*")))
    if ignores:
        return Part(name, ["/bin/sh", "-c", f"echo 'tests/sanity is to hold no ignores, and has {ignores}'; exit 1"], core.where)
    command = [core.program("ansible-test"), "sanity", "--local", "--color", "no"]
    return Part(name, command, core.where, seconds=900, tests="sanity", on_copy=True, environment=matrix.for_ansible_test())


def cases(core: matrix.Core, *, everything: bool) -> Part:
    """pytest, with the ansible-core and Python of one place."""
    wanted = CASES if core.is_here else ("tests/unit", "tests/integration")
    folders = [folder for folder in wanted if (ROOT / folder).is_dir()]
    marks = "not lab" if everything else "not lab and not slow"
    return Part(
        f"tests-{core.version}",
        [core.python, "-m", "pytest", "-n", "2", "--dist", "worksteal", "-m", marks, *REPORT, *folders],
        core.where,
        seconds=5400 if everything else 3000,  # a bound, not a measure: a busy machine takes three times as long
        tests="pytest",
        live=True,
        environment={"PATH": f"{Path(core.python).parent}{os.pathsep}{os.environ['PATH']}"} if core.python else {},
        not_run=lambda: core.not_there,
    )


def units() -> Part:
    """The tests that need no twin, and how much of the collection's lines and branches they run."""
    shutil.rmtree(COVERAGE, ignore_errors=True)
    COVERAGE.mkdir(parents=True)
    covered = [
        "--cov=ansible_collections.xapi.network.plugins",
        "--cov-branch",
        f"--cov-report=html:{COVERAGE}",
        f"--cov-report=json:{COVERAGE}/coverage.json",
    ]
    command = [sys.executable, "-m", "pytest", "-n", "2", *REPORT, *covered, "--ignore=tests/unit/twin", "tests/unit"]
    data = {"COVERAGE_FILE": str(COVERAGE / "data")}
    return Part("units", command, matrix.here(), seconds=1500, tests="pytest", live=True, environment=data, remark=_covered)


def _covered() -> str:
    totals = json.loads((COVERAGE / "coverage.json").read_text(encoding="utf-8"))["totals"]
    return f"{totals['percent_covered_display']} % of plugins/ covered, see {COVERAGE.relative_to(ROOT)}/index.html"


def whole_programs(everything: bool) -> list[Part]:
    """The other commands of the Makefile, as their users run them."""
    here = matrix.here()
    command = [sys.executable, "-m", "tests.lab", "test", *(["--all"] if everything else [])]
    lab = Part("lab", command, here, seconds=2400 if everything else 900, tests="pytest", live=True, not_run=why_not)
    suite = [sys.executable, "-m", "tests.acceptance", *([] if everything else ["--quick"])]
    parts = [lab, Part("acceptance", suite, here, seconds=5400 if everything else 900, tests="pytest", live=True)]
    if everything:
        parts.append(Part("survive", [sys.executable, "-m", "tests.survive"], here, seconds=3600, live=True))
        parts.append(Part("bench", [sys.executable, "-m", "tests.bench"], here, seconds=1800, live=True))
    return parts


def table(outcomes: Sequence[Outcome]) -> str:
    rows = [("part", "where", "passed", "failed", "skipped", "seconds", "")]
    rows += [
        (
            o.part.name,
            o.part.where,
            str(o.passed),
            str(o.failed),
            str(o.skipped),
            f"{o.seconds:.1f}",
            o.remark or (f"see {o.log.relative_to(ROOT)}" if o.failed else ""),
        )
        for o in outcomes
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        words = [word.rjust(widths[column]) if 2 <= column <= 5 else word.ljust(widths[column]) for column, word in enumerate(row)]
        lines.append("  ".join(words).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def closing_line(outcomes: Sequence[Outcome], seconds: float) -> str:
    failed, passed, skipped = (sum(numbers) for numbers in zip(*((o.failed, o.passed, o.skipped) for o in outcomes), strict=True))
    words = [f"{number} {word}" for number, word in ((failed, "failed"), (passed, "passed"), (skipped, "skipped")) if number]
    return f"===== {', '.join(words) or 'no tests ran'} in {seconds:.2f}s ====="


def announce(outcome: Outcome) -> Outcome:
    """One line for a part that ended, and for one that failed the end of what it printed."""
    word = "failed" if outcome.failed else "ok" if outcome.passed else "skipped"
    print(f"{outcome.part.name:<20} {word:<8} {outcome.seconds:6.1f} s  {outcome.remark}".rstrip(), flush=True)
    if outcome.failed and not outcome.part.live:
        lines = outcome.log.read_text(encoding="utf-8").splitlines()[-40:]
        print("".join(f"    {line}\n" for line in lines), end="", flush=True)
    return outcome


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.run", description="runs the tests and prints what ran, where, and how long")
    parser.add_argument("--all", action="store_true", help="the whole matrix of ansible-core and Python, and what takes long")
    parser.add_argument("parts", nargs="*", help="only the parts whose names begin so")
    options = parser.parse_args(arguments)
    begin = time.monotonic()

    def chosen(parts: Iterable[Part]) -> list[Part]:
        return [part for part in parts if not options.parts or part.name.startswith(tuple(options.parts))]

    outcomes: list[Outcome] = []
    if options.all:
        matrix.prepare(matrix.cores())
    with ThreadPoolExecutor(2) as pool:
        # the slow ones first, so that the two lanes end together
        long = ("sanity", "docs-site", "galaxy", "ansible-lint")
        parts = sorted(chosen(checks(options.all)), key=lambda part: not part.name.startswith(long))
        outcomes += pool.map(lambda part: announce(run(part)), parts)
    if chosen([cases(matrix.installed(), everything=options.all)]):
        matrix.bring_browser()
    cores = matrix.cores() if options.all else [matrix.installed()]
    for part in chosen([units(), *(cases(core, everything=options.all) for core in cores), *whole_programs(options.all)]):
        print(f"\n{part.name} ({part.where})", flush=True)
        outcomes.append(announce(run(part)))
    if not outcomes:
        parser.error(f"no part's name begins with {' or '.join(options.parts)}")
    print(f"\n{table(outcomes)}\n")
    print(closing_line(outcomes, time.monotonic() - begin))
    return 1 if any(outcome.failed for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
