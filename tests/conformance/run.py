# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replay recordings into the twin: `python -m tests.conformance.run [FOLDER or FILE]` prints a table and tells whether all match."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.conformance.compare import OUT_OF_SCOPE
from tests.conformance.recording import recordings
from tests.conformance.replay import Outcome, replay


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0 when every recording matched, 1 when not, 2 when there was none to replay."""
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    parser.add_argument("traces", nargs="?", type=Path, help="a folder of recordings, or one (default: those of the project)")
    parser.add_argument("-v", "--verbose", action="store_true", help="show every difference, not the first of each recording")
    parser.add_argument("--scope", action="store_true", help="list what is not compared, and why")
    options = parser.parse_args(arguments)
    if options.scope:
        for (cls, name), reason in OUT_OF_SCOPE.items():
            print(f"{cls + ' ' + name:45} {reason}")
        return 0
    began = time.monotonic()
    outcomes: list[Outcome] = []
    try:
        for recording in recordings(options.traces):
            outcomes.append(replay(recording))
            _row(outcomes[-1], first=len(outcomes) == 1, verbose=options.verbose)
    except (FileNotFoundError, ValueError) as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2
    steps, matches = sum(outcome.steps for outcome in outcomes), sum(outcome.matches for outcome in outcomes)
    differing = sum(bool(outcome.different) for outcome in outcomes)
    print(
        f"\n{len(outcomes)} recordings, {steps} steps, {matches} match, {steps - matches} differ"
        f" in {differing} recordings; {len(OUT_OF_SCOPE)} fields out of scope (--scope lists them); {time.monotonic() - began:.1f} s"
    )
    return 1 if differing or not outcomes else 0


def _row(outcome: Outcome, first: bool, verbose: bool) -> None:
    if first:
        print(f"{'recording':42} {'steps':>6} {'matches':>8} {'differences':>12}  first difference")
    sentences = [f"step {number}: {text}" for number, found in outcome.different for text in found]
    print(
        f"{outcome.name:42} {outcome.steps:6} {outcome.matches:8} {outcome.steps - outcome.matches:12}"
        f"  {sentences[0][:400] if sentences else '-'}",
        flush=True,
    )
    if verbose:
        for sentence in sentences[1:]:
            print(f"{'':72} {sentence[:1200]}")


if __name__ == "__main__":
    sys.exit(main())
