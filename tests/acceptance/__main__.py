# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays the journeys of an administrator on any pool, checks each by independent means, and leaves the pool as it was found.

python -m tests.acceptance [POOL] [--journey NAME]... [--anyway]      POOL: what `xapi-twin run --endpoints` writes; a twin by default
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance.journeys import JOURNEYS
from tests.acceptance.pool import Pool, read, why_not
from tests.acceptance.run import ROOT, Runner, Verdict
from xapi_twin.running import RunningTwin
from xapi_twin.scenario.load import load_scenario

SCENARIO = Path(__file__).with_name("pool.yml")


def main(arguments: Sequence[str] | None = None) -> int:
    names = [journey.name for journey in JOURNEYS]
    parser = argparse.ArgumentParser(prog="acceptance", description=__doc__.partition("\n")[0])
    parser.add_argument("pool", nargs="?", type=Path, help="file with the endpoints of a pool; a twin by default")
    parser.add_argument("--journey", action="append", choices=names, help="only this one; may be given more than once")
    parser.add_argument("--anyway", action="store_true", help="also where VMs are running or shared storage is attached")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    begun = time.monotonic()
    chosen = [journey for journey in JOURNEYS if not options.journey or journey.name in options.journey]
    verdicts: list[Verdict] = []
    with _pool(options.pool) as pool:
        if not options.anyway and (reason := why_not(pool)):
            print(f"This pool is left alone: {reason}.")
            return 2
        (ROOT / "build").mkdir(exist_ok=True)
        runner = Runner(pool, Path(tempfile.mkdtemp(prefix="acceptance-", dir=ROOT / "build")))
        try:
            for journey in chosen:
                verdicts.append(runner.journey(journey))
                print(_line(verdicts[-1]), flush=True)
        except KeyboardInterrupt:
            print("Stopped; the pool was put back first.")
    print(f"\n{table(verdicts)}\n{closing_line(verdicts, len(chosen), time.monotonic() - begun)}")
    return 0 if len(verdicts) == len(chosen) and not any(verdict.difference for verdict in verdicts) else 1


@contextmanager
def _pool(endpoints: Path | None) -> Iterator[Pool]:
    if endpoints:
        yield read(endpoints)
        return
    with RunningTwin(load_scenario(SCENARIO), restart_seconds=1, hold_states=0.3) as twin:
        yield read(twin.endpoints_path)


def _line(verdict: Verdict) -> str:
    return f"{verdict.journey:<32} {'failed' if verdict.difference else 'ok':<7} {verdict.seconds:6.1f} s  {verdict.difference}".rstrip()


def table(verdicts: Iterable[Verdict]) -> str:
    rows = [f"{'journey':<32} {'steps':>5}  {'result':<7} {'seconds':>7}  first difference"]
    rows += [
        f"{v.journey:<32} {v.steps:>5}  {'failed' if v.difference else 'ok':<7} {v.seconds:>7.1f}  {v.difference}".rstrip()
        for v in verdicts
    ]
    return "\n".join(rows)


def closing_line(verdicts: Sequence[Verdict], chosen: int, seconds: float) -> str:
    failed = sum(bool(verdict.difference) for verdict in verdicts)
    counts = ((failed, "failed"), (len(verdicts) - failed, "passed"), (chosen - len(verdicts), "skipped"))
    return f"===== {', '.join(f'{number} {word}' for number, word in counts if number) or 'no tests ran'} in {seconds:.2f}s ====="


if __name__ == "__main__":
    sys.exit(main())
