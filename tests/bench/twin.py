# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The twin alone in a process: prints, as JSON, what its start, a full read, dom0's probes and many bonds cost.

python -m tests.bench.twin HOSTS CYCLES
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import XenAPI
from ansible_collections.xapi.network.plugins.module_utils._dom0.answers import PROBE

from tests.bench.plays import scenario
from tests.integration.playing import connection
from xapi_twin import shell
from xapi_twin.running import RunningTwin

ROUNDS = 3


@dataclass(frozen=True)
class Spent:
    """Seconds by the clock, and of the processor by this process alone: whatever else the machine is doing is not in them."""

    seconds: float
    processor: float


def main() -> None:
    hosts, cycles = int(sys.argv[1]), int(sys.argv[2])
    about = scenario(hosts, nics=12, restart_seconds=0)
    starts = []
    for _round in range(ROUNDS):
        began = _now()
        with RunningTwin(about):
            starts.append(_since(began))
    with RunningTwin(about) as twin:
        memory = _mebibytes("VmHWM")
        session = _session(twin)
        read = _best(lambda: _full_read(session, hosts))
        twin.run(_probes, twin)  # loads what dom0 needs
        probes = _best(lambda: twin.run(_probes, twin))
    figures = {"start": _least(starts), "read": read, "probes": probes}
    print(json.dumps({name: asdict(spent) for name, spent in figures.items()} | {"memory": memory, "grown": _grown(cycles)}))


def _mebibytes(line: str) -> float:
    """Of this process; VmHWM is its largest size, VmRSS that of now. getrusage begins with that of the process which began this one."""
    (found,) = [text for text in Path("/proc/self/status").read_text(encoding="utf-8").splitlines() if text.startswith(f"{line}:")]
    return int(found.split()[1]) / 1024


def _now() -> Spent:
    return Spent(time.perf_counter(), time.process_time())


def _since(began: Spent) -> Spent:
    return Spent(time.perf_counter() - began.seconds, time.process_time() - began.processor)


def _least(rounds: list[Spent]) -> Spent:
    return Spent(min(spent.seconds for spent in rounds), min(spent.processor for spent in rounds))


def _best(work: Callable[[], Any]) -> Spent:
    rounds = []
    for _round in range(ROUNDS):
        began = _now()
        work()
        rounds.append(_since(began))
    return _least(rounds)


def _session(twin: RunningTwin) -> Any:
    session = XenAPI.Session(connection(twin)["hostname"], ignore_ssl=True)
    session.login_with_password(twin.endpoints["user"], twin.endpoints["password"], "1.0", "bench")
    return session


def _full_read(session: Any, hosts: int) -> None:
    answer = session.xenapi_request("event.from", (["*"], "", 1.0))  # "from" is a word of Python's own
    assert len(answer["events"]) > hosts * 12


async def _probes(twin: RunningTwin) -> None:
    """What the collection asks of each dom0, of all at once."""
    answers = await asyncio.gather(*(shell.run(host, PROBE) for host in twin.twin.hosts.values()))
    assert all(answer.status == 0 and "xenbr0" in answer.stdout for answer in answers)


def _grown(cycles: int) -> float:
    """How much the twin grows while bonds are made and destroyed, in MiB, once its queues of events and calls have had time to fill.

    Of each bond xapi keeps one PIF_metrics and one message (xapi_bond.ml destroys the PIF alone; xapi_globs.ml: 10,000 messages), and so
    does the twin: those are taken away before they are counted, so that it has their room again, and what is left is the twin's own.
    """
    with RunningTwin(scenario(2, restart_seconds=0)) as twin:
        session = _session(twin)
        network = session.xenapi.network.create({"name_label": "NAS", "name_description": "", "other_config": {}, "MTU": "1500"})
        master = session.xenapi.pool.get_master(session.xenapi.pool.get_all()[0])
        pifs = session.xenapi.PIF.get_all_records()
        nics = [ref for ref, pif in pifs.items() if pif["host"] == master and pif["device"] in ("eth3", "eth4")]
        sizes = []
        for rounds in (1200, cycles):  # of each class some hundreds that are gone are remembered (database.py)
            for _cycle in range(rounds):
                session.xenapi.Bond.destroy(session.xenapi.Bond.create(network, nics, "", "active-backup", {}))
            sizes.append(_mebibytes("VmRSS"))
            twin.run(_without_what_xapi_keeps, twin)
    return sizes[1] - sizes[0]


async def _without_what_xapi_keeps(twin: RunningTwin) -> None:
    database = twin.twin.database
    used = {pif["metrics"] for pif in database.all("PIF").values()}
    for ref in [ref for ref in database.all("PIF_metrics") if ref not in used]:
        database.remove("PIF_metrics", ref)
    for ref in list(database.all("message")):
        database.remove("message", ref)


if __name__ == "__main__":
    main()
