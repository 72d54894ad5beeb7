# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A twin of a pool as the pool is now, by the programs that a user has for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.acceptance.pool import Pool, read

TWIN = Path(sys.executable).with_name("xapi-twin")
START_SECONDS = 60


@contextmanager
def twin_of(pool: Pool, folder: Path) -> Iterator[Pool]:
    """Captures it and plays it on a twin. Raises OSError with what the twin said."""
    captured, endpoints, log = folder / "captured.yml", folder / "endpoints.json", folder / "twin.txt"
    where = pool.reached()
    words = [str(TWIN), "capture", "--hostname", where["hostname"], "--username", where["username"], "--output", str(captured)]
    words += ["--ca-path", pool.ca] if pool.ca else ["--no-verify"]
    around = {**os.environ, "XENSERVER_PASSWORD": pool.password}
    done = subprocess.run(words, env=around, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise OSError(f"the pool was not captured: {done.stderr.strip()[-300:]}")
    endpoints.unlink(missing_ok=True)
    with log.open("w", encoding="utf-8") as output:
        words = [str(TWIN), "run", str(captured), "--endpoints", str(endpoints), "--restart-seconds", "1"]
        twin = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            until = time.monotonic() + START_SECONDS
            while not endpoints.exists():
                if twin.poll() is not None or time.monotonic() > until:
                    raise OSError(f"the twin did not start: {log.read_text(encoding='utf-8').strip()[-300:]}")
                time.sleep(0.1)
            yield replace(read(endpoints), nics=pool.nics, network=pool.network)
        finally:
            twin.terminate()
            twin.wait()
