# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a command and writes what it cost to a file, as JSON.

    python -m tests.bench.measured FILE COMMAND...

A small process of its own, because Linux hands the largest size of a process on to what it starts (getrusage(2), ru_maxrss): started by the
bench itself, with its twins, every command would seem to be as large as the bench.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def main() -> int:
    file, *command = sys.argv[1:]
    begun = time.monotonic()
    process = subprocess.Popen(command)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    own = _own_processor_time(process.pid)
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    cost = {
        "seconds": time.monotonic() - begun,
        "processor": usage.ru_utime + usage.ru_stime,
        "own": own,
        "memory": usage.ru_maxrss / 1024,
    }
    Path(file).write_text(json.dumps(cost), encoding="utf-8")
    return process.returncode


def _own_processor_time(pid: int) -> float:
    """Seconds of a process without those that it started, which wait4 adds up. proc(5) has them until one that ended is waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
