# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A twin of many hosts alone in a process: prints seconds until it has started, seconds of a full read, and its memory in MiB."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.bench.plays import scenario
from tests.integration.playing import connection
from xapi_twin.running import RunningTwin


def _largest_size() -> float:
    """Of this process, in MiB. The ru_maxrss of getrusage begins with the size of the process that has started this one."""
    (line,) = [line for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def main() -> None:
    about = scenario(int(sys.argv[1]), nics=12)
    begun = time.perf_counter()
    with RunningTwin(about) as twin:
        started = time.perf_counter() - begun
        memory = _largest_size()
        import XenAPI

        session = XenAPI.Session(connection(twin)["hostname"], ignore_ssl=True)
        session.login_with_password(twin.endpoints["user"], twin.endpoints["password"], "1.0", "bench")
        begun = time.perf_counter()
        answer = session.xenapi_request("event.from", (["*"], "", 1.0))  # "from" is a word of Python's own
        read = time.perf_counter() - begun
        assert len(answer["events"]) > int(sys.argv[1]) * 12
        session.logout()
    print(f"{started:.3f} {read:.3f} {memory:.0f}")


if __name__ == "__main__":
    main()
