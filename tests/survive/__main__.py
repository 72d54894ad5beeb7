# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills the role before and after every XAPI call and every SSH command that it makes, runs it again, and compares the ends.

python -m tests.survive [--journey NAME] [--every N] [--jobs N]
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.survive.journey import JOURNEYS, Journey, Verdict, attempt, places, undisturbed


def main() -> int:
    parser = argparse.ArgumentParser(prog="survive", description=__doc__.partition("\n")[0])
    parser.add_argument("--journey", choices=[journey.name for journey in JOURNEYS], help="only this one")
    parser.add_argument("--every", type=int, default=1, help="only every Nth place, for a quick look")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    options = parser.parse_args()
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)  # the twin's connections are dropped on purpose
    begun = time.monotonic()
    rows, failed = [], []
    for journey in JOURNEYS:
        if options.journey in (None, journey.name):
            tried, converged, lost = survive(journey, options.every, options.jobs)
            rows.append((journey.name, tried, converged))
            failed += lost
    for verdict in failed:
        print(f"\n{verdict.place.journey} {verdict.place.how} {verdict.place.what} (point {verdict.place.number}): {verdict.remark}")
    print(f"\n{'journey':10} {'points tried':>12} {'converged':>10}")
    for name, tried, converged in rows:
        print(f"{name:10} {tried:12} {converged:10}")
    tried, converged = sum(row[1] for row in rows), sum(row[2] for row in rows)
    counts = ", ".join(part for part in (f"{len(failed)} failed" if failed else "", f"{converged} passed") if part)
    print(f"===== {counts} in {time.monotonic() - begun:.2f}s =====")
    return 0 if tried == converged and tried else 1


def survive(journey: Journey, every: int, jobs: int) -> tuple[int, int, list[Verdict]]:
    points, end = undisturbed(journey)
    todo = places(journey, points)[::every]
    print(f"{journey.name}: {len(points)} points on the way, {len(todo)} places to die at", flush=True)
    verdicts = []
    with ProcessPoolExecutor(jobs) as executor:
        for future in as_completed([executor.submit(attempt, place, end) for place in todo]):
            verdict = future.result()
            verdicts.append(verdict)
            mark = "ok" if verdict.converged else "NOT CONVERGED"
            print(f"{journey.name} {len(verdicts):3}/{len(todo)} {verdict.place.how} {verdict.place.what}: {mark}", flush=True)
    lost = [verdict for verdict in verdicts if not verdict.converged]
    return len(verdicts), len(verdicts) - len(lost), lost


if __name__ == "__main__":
    sys.exit(main())
