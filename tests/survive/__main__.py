# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strikes the role before and after every XAPI call and every SSH command that it makes, runs it again, and compares the ends.

python -m tests.survive [--journey NAME]... [--from N] [--every N] [--jobs N]
"""

from __future__ import annotations

import argparse
import logging
import os
import queue
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack

from tests.survive.attempts import Undisturbed, Verdict, attempt, undisturbed
from tests.survive.journeys import JOURNEYS, Journey
from tests.survive.places import places
from tests.survive.stage import Stage


def main() -> int:
    names = [journey.name for journey in JOURNEYS]
    parser = argparse.ArgumentParser(prog="survive", description=__doc__.partition("\n")[0])
    parser.add_argument("--journey", action="append", choices=names, help="only this one; may be given more than once")
    parser.add_argument("--from", type=int, default=0, dest="first", help="begin at this place of each journey")
    parser.add_argument("--every", type=int, default=1, help="only every Nth place, for a quick look")
    parser.add_argument("--jobs", type=int, default=(os.cpu_count() or 1) + 1, help="how many at a time")
    options = parser.parse_args()
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)  # the twin's connections are dropped on purpose
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    begun = time.monotonic()
    chosen = [journey for journey in JOURNEYS if not options.journey or journey.name in options.journey]
    verdicts: dict[str, list[Verdict]] = {}
    broken: list[str] = []
    with ExitStack() as stack:
        stages: queue.Queue[Stage] = queue.Queue()
        executor = ThreadPoolExecutor(options.jobs)
        stack.callback(executor.shutdown, wait=True, cancel_futures=True)
        for _number in range(options.jobs):
            stages.put(stack.enter_context(Stage()))  # ended before the executor is, so that no run is waited for
        for journey in chosen:
            try:
                verdicts[journey.name] = survive(journey, executor, stages, options.first, options.every)
            except Undisturbed as trouble:
                broken.append(str(trouble))
    lost = [verdict for found in verdicts.values() for verdict in found if not verdict.converged]
    for verdict in lost:
        print(f"\n{verdict.place}\n{verdict.remark}")
    print(*(f"\n{trouble}" for trouble in broken), sep="\n")
    print(table({name: (len(found), sum(verdict.converged for verdict in found)) for name, found in verdicts.items()}))
    failed, passed = len(lost) + len(broken), sum(len(found) for found in verdicts.values()) - len(lost)
    counts = ", ".join(f"{number} {word}" for number, word in ((failed, "failed"), (passed, "passed")) if number) or "no tests ran"
    print(f"===== {counts} in {time.monotonic() - begun:.2f}s =====")
    return 0 if passed and not failed else 1


def survive(journey: Journey, executor: ThreadPoolExecutor, stages: queue.Queue[Stage], first: int, every: int) -> list[Verdict]:
    """The verdicts on the places of one journey. Raises Undisturbed."""
    stage = stages.get()
    try:
        points, end = undisturbed(journey, stage)
    finally:
        stages.put(stage)
    todo = places(journey, points)[first::every]
    print(f"{journey.name}: {len(points)} points on the way, {len(todo)} places to be struck at", flush=True)

    def one(number: int) -> Verdict:
        stage = stages.get()
        try:
            return attempt(journey, todo[number], end, stage)
        finally:
            stages.put(stage)

    verdicts = []
    for future in as_completed([executor.submit(one, number) for number in range(len(todo))]):
        verdict = future.result()
        verdicts.append(verdict)
        print(f"{len(verdicts):3}/{len(todo)} {verdict.place}: {'ok' if verdict.converged else 'NOT CONVERGED'}", flush=True)
    return verdicts


def table(rows: dict[str, tuple[int, int]]) -> str:
    tried, converged = (sum(numbers) for numbers in zip(*rows.values(), strict=True)) if rows else (0, 0)
    lines: Sequence[tuple[str, object, object]] = [
        ("journey", "points tried", "points converged"),
        *((name, *numbers) for name, numbers in rows.items()),
        ("all", tried, converged),
    ]
    return "\n".join(f"{name:10} {left!s:>12} {right!s:>16}" for name, left, right in lines)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("interrupted; nothing is left running", file=sys.stderr)
        sys.exit(130)
