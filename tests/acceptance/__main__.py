# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays the journeys of an administrator on any pool, checks each by independent means, and leaves the pool as it was found.

python -m tests.acceptance [POOL] [--quick] [--moments] [--journey NAME]... [--list] [--anyway]

POOL: what `xapi-twin run --endpoints` writes; a twin by default. README.md has a line for each journey.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance import alone, by_hand
from tests.acceptance.captured import TWIN
from tests.acceptance.journeys import journeys, moments
from tests.acceptance.pool import Pool, read, why_not
from tests.acceptance.run import ROOT, Runner, Verdict
from tests.acceptance.step import Journey
from xapi_twin.running import RunningTwin
from xapi_twin.scenario.load import load_scenario

SCENARIO = Path(__file__).with_name("pool.yml")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    begun = time.monotonic()
    verdicts: list[Verdict] = []
    with _pool(options.pool) as pool:
        if not options.anyway and not options.list and (reason := why_not(pool)):
            print(f"This pool is left alone: {reason}.")
            return 2
        chosen = _chosen(pool, options)
        if options.list:
            print("\n".join(journey.name for journey in chosen))
            return 0
        (ROOT / "build").mkdir(exist_ok=True)
        runner = Runner(pool, Path(tempfile.mkdtemp(prefix="acceptance-", dir=ROOT / "build")))
        try:
            for journey in chosen:
                verdicts.append(runner.journey(journey))
                print(_row(verdicts[-1]), flush=True)
        except KeyboardInterrupt:
            print("Stopped; the pool was put back first.")
    print(f"\n{table(verdicts)}\n{closing_line(verdicts, len(chosen), time.monotonic() - begun)}")
    return 0 if len(verdicts) == len(chosen) and not any(verdict.difference for verdict in verdicts) else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="acceptance", description=__doc__.partition("\n")[0])
    parser.add_argument("pool", nargs="?", type=Path, help="file with the endpoints of a pool; a twin by default")
    parser.add_argument("--quick", action="store_true", help="only the journeys that stand for all")
    parser.add_argument("--moments", action="store_true", help="kills of the control node at 20 moments, instead of the journeys")
    parser.add_argument("--journey", action="append", help="only those whose names begin so; may be given more than once")
    parser.add_argument("--list", action="store_true", help="only name them")
    parser.add_argument("--anyway", action="store_true", help="also where VMs are running or shared storage is attached")
    return parser.parse_args(arguments)


def _chosen(pool: Pool, options: argparse.Namespace) -> list[Journey]:
    all_of_them = moments(pool) if options.moments else every_journey(pool)
    return [
        journey
        for journey in all_of_them
        if (not options.journey or journey.name.startswith(tuple(options.journey))) and (journey.quick or not options.quick)
    ]


def every_journey(pool: Pool) -> list[Journey]:
    return [*journeys(pool), *by_hand.journeys(pool), *alone.journeys(pool)]


@contextmanager
def _pool(endpoints: Path | None) -> Iterator[Pool]:
    if endpoints:
        yield read(endpoints)
        return
    with RunningTwin(load_scenario(SCENARIO), restart_seconds=1, hold_states=0.3, link_seconds=2) as twin:
        path = twin.endpoints_path
        folder = Path(tempfile.mkdtemp(dir=path.parent))
        power = _program(folder / "power", f'exec {TWIN} do "power_$1" "$2" --endpoints {path}')
        device = _program(folder / "device", f'exec {TWIN} do "nic_$1" "$2" --device "$3" --endpoints {path}')
        more = {"management_nics": ["eth0", "eth1"], "power": [power], "device": [device]}
        path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **more}), encoding="utf-8")
        yield read(path)


def _program(path: Path, line: str) -> str:
    path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    path.chmod(0o700)
    return str(path)


def _row(verdict: Verdict) -> str:
    word = "failed" if verdict.difference else "skipped" if verdict.skipped else "ok"
    return f"{verdict.journey:<44} {verdict.steps:>5}  {word:<7} {verdict.seconds:>7.1f}  {verdict.difference or verdict.skipped}".rstrip()


def table(verdicts: Iterable[Verdict]) -> str:
    return "\n".join([f"{'journey':<44} {'steps':>5}  {'result':<7} {'seconds':>7}  first difference", *map(_row, verdicts)])


def closing_line(verdicts: Sequence[Verdict], chosen: int, seconds: float) -> str:
    failed = sum(bool(verdict.difference) for verdict in verdicts)
    skipped = chosen - len(verdicts) + sum(bool(verdict.skipped) for verdict in verdicts)
    counts = ((failed, "failed"), (chosen - failed - skipped, "passed"), (skipped, "skipped"))
    return f"===== {', '.join(f'{number} {word}' for number, word in counts if number) or 'no tests ran'} in {seconds:.2f}s ====="


if __name__ == "__main__":
    sys.exit(main())
