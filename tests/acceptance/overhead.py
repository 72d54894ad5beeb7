# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role costs on a pool, beyond what XAPI itself needs, in one run:

    python -m tests.acceptance.overhead POOL [--rounds N] [--anyway]

For each host, from the line "HOST: host N of M" of the run until that of the next host (or the end of the hosts), by this machine's clock:

member by restart   less the time from "HOST: restarting xapi" until XAPI's records have the bond of that host at rest (attached, with an
                    MTU and its address; asked every 50 ms over a session of its own). It is the time before the restart, and after the
                    bond is there: the rest of xapi's start, the look in XAPI and dom0, the proof. Goal: at most 1.0 s. How much of it
                    xapi's own start still takes is printed beside it, by the age of the cookie that xapi writes last and dom0's clock.
direct              less the seconds of a bare `xe bond-create` of the same NICs of the same host, typed in dom0 of the master
                    (by dom0's clock, `date`). Goal: at most 0.8 s.
nothing to do       from the first task of the role until the recap of a run that changes nothing: the plan, the question to every dom0,
                    the proof. Ansible's own start is not in it. A while after the change, when the pool is at rest. Goal: at most 1.0 s.

Each is the median over hosts and rounds. The pool is put back after each part. The machine should be quiet: figures of a busy one say
more about it than about the role. POOL is the file that `make acceptance` takes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.acceptance.journeys import pif
from tests.acceptance.pool import Pool, read, why_not
from tests.acceptance.run import ROOT, Runner

PAUSE = 0.05
AT_REST = 10.0
Line = tuple[float, str]  # when it came, and what it was


@dataclass(frozen=True)
class Run:
    """The lines of a run, and when XAPI had the bond of each host at rest."""

    lines: tuple[Line, ...]
    rested: dict[str, float]

    def when(self, words: str, after: float = 0) -> float:
        """When the first line with these words came. Raises ValueError where there is none."""
        for moment, line in self.lines:
            if words in line and moment >= after:
                return moment
        raise ValueError(f"the run did not print {words!r}; its last line was {self.lines[-1][1] if self.lines else 'none'}")

    def of_host(self, host: str) -> tuple[float, float]:
        """When the run began with a host and when it went on."""
        began = self.when(f"{host}: host ")
        later = [moment for moment, line in self.lines if moment > began and re.search(r": host \d+ of \d+|: Remove the network\]", line)]
        return began, later[0]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="overhead", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pool", type=Path, help="file with the endpoints of a pool")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--anyway", action="store_true", help="also where VMs are running or shared storage is attached")
    options = parser.parse_args(arguments)
    pool = read(options.pool)
    if not options.anyway and (reason := why_not(pool)):
        print(f"This pool is left alone: {reason}.")
        return 2
    (ROOT / "build").mkdir(exist_ok=True)
    runner = Runner(pool, Path(tempfile.mkdtemp(prefix="overhead-", dir=ROOT / "build")))
    figures: dict[str, list[float]] = {}
    try:
        for _round in range(options.rounds):
            for name, seconds in _round_of(pool, runner):
                figures.setdefault(name, []).append(seconds)
                print(f"{name:<52} {seconds:6.2f} s", flush=True)
    finally:
        if left := runner.restore():
            print(left)
    print(f"\n{'median of all hosts and rounds':<52} {'seconds':>8}  goal")
    for name, found in figures.items():
        goal = next((goal for part, goal in GOALS.items() if name == part), None)
        verdict = "" if goal is None else f"  <= {goal:g} s  {'met' if median(found) <= goal else 'MISSED'}"
        print(f"{name:<52} {median(found):6.2f} s{verdict}")
    return 0


GOALS = {"member by restart, beyond the bond's own appearance": 1.0, "direct, beyond a bare xe bond-create": 0.8, "nothing to do": 1.0}


def _round_of(pool: Pool, runner: Runner) -> Iterator[tuple[str, float]]:
    bare = {host: _bare(pool, host) for host in pool.hosts}
    yield from (("a bare xe bond-create", seconds) for seconds in bare.values())
    runner.restore()
    direct = _play(pool, strategy="direct")
    for host in pool.hosts:
        began, ended = direct.of_host(host)
        yield "direct, a host", ended - began
        yield "direct, beyond a bare xe bond-create", ended - began - bare[host]
    time.sleep(AT_REST)
    idle = _play(pool, strategy="direct")
    yield "nothing to do", idle.when("PLAY RECAP") - idle.when("TASK [xapi.network.storage_bond")
    runner.restore()
    restart = _play(pool, strategy="restart")
    for host in (name for name, about in pool.hosts.items() if not about["master"]):
        (began, ended), restarted = restart.of_host(host), restart.when(f"{host}: restarting xapi")
        rested = restart.rested[host]
        yield "member by restart, whole", ended - began
        yield "of it: from the restart until the bond is at rest", rested - restarted
        yield "of it: what xapi's start takes after that", max(0.0, _complete(pool, host) - rested)
        yield "member by restart, beyond the bond's own appearance", (restarted - began) + (ended - rested)
    runner.restore()


def _bare(pool: Pool, host: str) -> float:
    """Seconds of `xe bond-create` in dom0 of the master."""
    nics = ",".join(pif(nic, host) for nic in pool.nics)
    network = f"$(xe network-list --minimal name-label={pool.network} | grep . || xe network-create name-label={pool.network})"
    before = f"network={network}; nics={nics}; date +%s.%N"
    created = "xe bond-create network-uuid=$network pif-uuids=$nics mode=active-backup >/dev/null"
    began, ended = pool.dom0(pool.master, f"{before}; {created} && date +%s.%N").split()
    return float(ended) - float(began)


def _complete(pool: Pool, host: str) -> float:
    """When the start of xapi was complete last."""
    written = float(pool.dom0(host, "stat -c %.Y /var/run/xapi_init_complete.cookie"))
    return written - time.time() + time.monotonic()


def _play(pool: Pool, strategy: str) -> Run:
    """The role, with the moment of each line. Where xapi restarts, its records are watched beside it, which takes time of the machine."""
    over = threading.Event()
    rested: dict[str, float] = {}
    watch = threading.Thread(target=_watch, args=(pool, rested, over), daemon=True)
    if strategy != "restart":
        over.set()
    with tempfile.TemporaryDirectory() as folder:
        inventory = Path(folder) / "hosts.json"
        inventory.write_text(json.dumps(pool.inventory()), encoding="utf-8")
        wanted = {"storage_bond_network": pool.network, "storage_bond_nics": list(pool.nics), "storage_bond_strategy": strategy}
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        words = [program, "-i", str(inventory), "xapi.network.storage_bond", "-e", json.dumps(wanted)]
        around = {**os.environ, "XENSERVER_PASSWORD": pool.password, "ANSIBLE_NOCOLOR": "1", "PYTHONUNBUFFERED": "1"}
        watch.start()
        lines = []
        with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=around,
                              cwd=ROOT) as run:  # fmt: skip
            for line in run.stdout or ():
                lines.append((time.monotonic(), line.rstrip()))
    over.set()
    watch.join(30)
    if run.returncode:
        raise OSError("the run failed:\n" + "\n".join(line for _moment, line in lines[-30:]))
    return Run(tuple(lines), rested)


def _watch(pool: Pool, rested: dict[str, float], over: threading.Event) -> None:
    """Notes when the records have each host's bond at rest. Whatever happens to a connection meanwhile, it asks again."""
    while not over.is_set():
        try:
            with pool.session() as ask:
                hosts = ask("host")
                while not over.is_set():
                    for one in ask("PIF").values():
                        host = hosts[one["host"]]["name_label"]
                        at_rest = one["currently_attached"] and int(one["MTU"]) > 0 and one["ip_configuration_mode"] != "None"
                        if one["bond_master_of"] and at_rest:
                            rested.setdefault(host, time.monotonic())
                    time.sleep(PAUSE)
        except (OSError, ValueError, KeyError):
            time.sleep(PAUSE)


if __name__ == "__main__":
    sys.exit(main())
