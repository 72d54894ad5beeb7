# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run costs, measured side by side on the twin, as ratios and counts.

    python -m tests.bench [--full] [part...]      parts: ways, nothing, task, reaction, plan, memory, dom0, pools, twin

Without --full the larger pools and the longer restarts are left out, and the whole takes some ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils import _pool, _wish
from ansible_collections.xapi.network.plugins.module_utils._client import Session
from ansible_collections.xapi.network.plugins.module_utils._plan import plan
from ansible_collections.xapi.network.plugins.module_utils._task import Task
from ansible_collections.xapi.network.plugins.module_utils._transport import Connection
from ansible_collections.xapi.network.plugins.modules import xs_bond, xs_bond_info

from tests.bench.plays import NAS, Cost, by_plain_playbook, by_shell, playbook, role, scenario
from tests.integration.playing import connection
from xapi_twin.faults import Point
from xapi_twin.running import RunningTwin


@dataclass(frozen=True)
class Row:
    """One line of the table. `met` None: there is no goal, the row is for comparison."""

    what: str
    value: str
    goal: str = ""
    met: bool | None = None


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    hosts: Sequence[int]
    restarts: Sequence[float]
    large: int
    pools: int


SHORT = Extent(hosts=(2, 8), restarts=(0, 2), large=64, pools=10)
FULL = Extent(hosts=(2, 8, 16, 64), restarts=(0, 2, 15), large=64, pools=50)


def ways(extent: Extent) -> Iterator[Row]:
    """(a) the tutorial by shell, (b) a plain playbook, (c) the role with restart, (d) the role directly."""
    for hosts in extent.hosts:
        for restart in extent.restarts:
            costs: dict[str, Cost] = {}
            todo: dict[str, Callable[[RunningTwin], Cost]] = {
                "shell, sleep 15": by_shell,
                "plain playbook": by_plain_playbook,
                "role, restart": role,
                "role, direct": lambda twin: role(twin, strategy="direct"),
            }
            for name, way in todo.items():
                with RunningTwin(scenario(hosts, restart_seconds=restart)) as twin:
                    costs[name] = way(twin)
            for name, cost in costs.items():
                ratio = cost.seconds / costs["role, restart"].seconds
                calls = f"{cost.count():5} calls, {cost.count('event.from'):4} reads, {cost.bytes / 1e6:6.1f} MB"
                yield Row(f"{hosts:2} hosts, restart {restart:g} s, {name}", f"{cost.seconds:7.1f} s  {ratio:5.2f} of the role  {calls}")
            over = (costs["role, restart"].seconds - costs["role, direct"].seconds) / (hosts - 1) - restart
            yield Row(f"{hosts:2} hosts, restart {restart:g} s: restart against direct, beyond the restart", f"{over:.2f} s per member")
    yield from growth(extent)


def growth(extent: Extent) -> Iterator[Row]:
    """How calls and time grow with the pool: the difference between two sizes, per host."""
    small, large = 8, extent.large
    costs = {}
    for hosts in (small, large):
        with RunningTwin(scenario(hosts, restart_seconds=0)) as twin:
            costs[hosts] = role(twin)
    members = large - small
    calls = (costs[large].count() - costs[small].count()) / members
    seconds = (costs[large].seconds - costs[small].seconds) / members
    yield Row(f"XAPI calls of the role per host, {small} to {large} hosts", f"{calls:.1f}", "a constant", calls == int(calls))
    yield Row(f"seconds of the role per member at {large} hosts, restart 0 s", f"{seconds:.2f} s", "<= 1.0 s", seconds <= 1.0)


def nothing(extent: Extent) -> Iterator[Row]:
    """A run with nothing to do."""
    costs = {}
    for hosts in (2, extent.large):
        with RunningTwin(scenario(hosts, restart_seconds=0)) as twin:
            role(twin, strategy="direct", dom0=False)
            costs[hosts] = role(twin)
    ratio = costs[extent.large].seconds / costs[2].seconds
    reads = costs[extent.large].count("event.from")
    yield Row(f"nothing to do, {extent.large} hosts against 2", f"{ratio:.2f}", "<= 1.5", ratio <= 1.5)
    yield Row(f"nothing to do, {extent.large} hosts: reads of the pool", str(reads), "<= 5", reads <= 5)
    with RunningTwin(scenario(extent.large, restart_seconds=0)) as twin:
        role(twin, strategy="direct", dom0=False)
        every = role(twin, "-e", "storage_bond_targets=xs_hosts")
    # What Ansible takes to pass hosts through a role that has nothing for them.
    yield Row(f"the same in a play over all {extent.large} hosts", f"{every.seconds / costs[2].seconds:.2f}")


def task(extent: Extent) -> Iterator[Row]:
    """One xs_bond task with nothing to do, against ansible.builtin.ping on localhost."""
    with RunningTwin(scenario(2, restart_seconds=0)) as twin, tempfile.TemporaryDirectory() as folder:
        role(twin, strategy="direct", dom0=False)
        arguments = {**connection(twin), "network": "NAS", "nics": ["eth2", "eth4"]}

        def each(task: dict[str, Any], few: int = 2, many: int = 22) -> float:
            """Seconds of one more task of that kind: what starting Ansible and loading the module costs is in both."""
            seconds = {}
            for number in (few, many):
                file = Path(folder) / f"{number}.yml"
                about = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task] * number}
                file.write_text(json.dumps([about]))
                seconds[number] = min(playbook([], str(file), {}).seconds for _round in range(3))
            return (seconds[many] - seconds[few]) / (many - few)

        bare = each({"ansible.builtin.debug": {"msg": "nothing"}})
        bond = each({"xapi.network.xs_bond": arguments})
        ping = each({"ansible.builtin.ping": {}})
    value = f"{bond / ping:.2f}  ({bond * 1000:.0f} ms, {ping * 1000:.0f} ms)"
    yield Row("one xs_bond task with nothing to do, against ansible.builtin.ping", value, "<= 0.10", bond / ping <= 0.1)
    yield Row("an ansible.builtin.debug task, which does nothing, against ping", f"{bare / ping:.2f}  ({bare * 1000:.0f} ms)")


def reaction(extent: Extent) -> Iterator[Row]:
    """From the bond of the last host until a task that waits for it returns."""
    made: list[float] = []

    def on_point(point: Point) -> None:
        if point.name == "bond.create.done":
            made.append(time.perf_counter())

    with RunningTwin(scenario(extent.large, restart_seconds=0), ssh=False, on_point=on_point) as twin, ThreadPoolExecutor(1) as other:
        asked = {**connection(twin), "network": "NAS", "nics": ["eth2", "eth4"], "wait_timeout": 60, "strategy": "direct"}

        def work(module: Any) -> float:
            defaults = {name: about.get("default") for name, about in module.ARGUMENT_SPEC.items()}
            module.work(Task(options={**defaults, **asked}, check_mode=False))
            return time.perf_counter()

        returned = other.submit(work, xs_bond_info)
        time.sleep(2)
        work(xs_bond)
        gap = returned.result() - made[-1]
    what = f"from the bond of the last of {extent.large} hosts until a waiting task returns"
    yield Row(what, f"{gap * 1000:.0f} ms", "<= 100 ms", gap <= 0.1)


def plans(extent: Extent) -> Iterator[Row]:
    """The plan alone, once the pool has been read."""
    with RunningTwin(scenario(extent.large, nics=12), ssh=False) as twin:
        with Session(Connection.from_options({**connection(twin), "validate_certs": True, "fingerprint": None})) as session:
            begun = time.perf_counter()
            records = session.read()
            reading = time.perf_counter() - begun
        pool = _pool.read(records)
        wish = _wish.read({"network": "NAS", "nics": ["eth2", "eth4"]})
        best = min(_timed(lambda: plan(pool, wish)) for _round in range(5))
    yield Row(f"one read of {extent.large} hosts with 12 NICs", f"{reading * 1000:.0f} ms")
    yield Row(f"the plan of {extent.large} hosts", f"{best * 1000:.0f} ms", "<= 50 ms", best <= 0.05)


def _timed(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def memory(extent: Extent) -> Iterator[Row]:
    """The controlling process against that of an empty play."""
    with RunningTwin(scenario(extent.large, restart_seconds=0)) as twin, tempfile.NamedTemporaryFile("w", suffix=".yml") as empty:
        empty.write(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.meta": "noop"}]}]))
        empty.flush()
        bare = playbook([twin.inventory_path], empty.name, {})
        full = role(twin, strategy="direct")
    ratio = full.memory / bare.memory
    value = f"{ratio:.2f}  ({full.memory:.0f} MiB)"
    yield Row(f"memory of a run over {extent.large} hosts, against an empty play", value, "<= 1.5", ratio <= 1.5)


def sides(extent: Extent) -> Iterator[Row]:
    """The comparison with dom0 of every host, against as many bare raw tasks."""
    with RunningTwin(scenario(extent.large, restart_seconds=0)) as twin, tempfile.NamedTemporaryFile("w", suffix=".yml") as bare:
        role(twin, strategy="direct", dom0=False)
        task = {"ansible.builtin.raw": "ovs-vsctl list-br", "changed_when": False}
        bare.write(json.dumps([{"hosts": "xs_hosts", "gather_facts": False, "tasks": [task]}]))
        bare.flush()
        raw = playbook([twin.inventory_path], bare.name, {}, "-f", "10")
        facts_task = [{"hosts": "xs_hosts", "gather_facts": False, "tasks": [{"xapi.network.xs_dom0_facts": {}}]}]
        bare.seek(0)
        bare.truncate()
        bare.write(json.dumps(facts_task))
        bare.flush()
        facts = playbook([twin.inventory_path], bare.name, {}, "-f", "10")
        verify = playbook([twin.inventory_path], "xapi.network.storage_bond_verify", NAS, "-f", "10", twins=[twin])
    yield Row(f"xs_dom0_facts on {extent.large} hosts, against {extent.large} raw tasks", f"{facts.seconds / raw.seconds:.2f}")
    ratio = verify.seconds / raw.seconds
    yield Row(f"verify {extent.large} hosts in XAPI and dom0, against {extent.large} raw tasks", f"{ratio:.2f}", "<= 1.3", ratio <= 1.3)


def many(extent: Extent) -> Iterator[Row]:
    """Pools of four hosts in one play, in parallel across pools, against one of them alone."""
    with ExitStack() as stack:
        pools = [scenario(4, name=f"p{number}", restart_seconds=2) for number in range(extent.pools)]
        rest = [stack.enter_context(RunningTwin(pool)) for pool in pools]
        first = rest[0]
        alone = role(first, "-e", "storage_bond_targets=xs_masters")
        playbook([first.inventory_path], "xapi.network.storage_bond_remove", NAS, twins=[first])
        inventories = [twin.inventory_path for twin in rest]
        given = {**NAS, "storage_bond_targets": "xs_masters"}
        together = playbook(inventories, "xapi.network.storage_bond", given, "-f", str(extent.pools), twins=rest)
    ratio = together.seconds / alone.seconds
    value = f"{ratio:.2f}  ({together.seconds:.0f} s, {alone.seconds:.0f} s)"
    yield Row(f"{extent.pools} pools of 4 hosts in one play, against one pool", value, "<= 1.5 and what two cores cost")


def twins(extent: Extent) -> Iterator[Row]:
    """The twin itself, in a process of its own: start, a full read, memory."""
    answer = subprocess.run([sys.executable, "-m", "tests.bench.twin", str(extent.large)], capture_output=True, text=True, check=True)
    start, read, size = (float(part) for part in answer.stdout.split())
    yield Row(f"twin of {extent.large} hosts with 12 NICs: start", f"{start:.2f} s", "< 5 s", start < 5)
    yield Row(f"twin of {extent.large} hosts with 12 NICs: a full read", f"{read:.2f} s", "< 1 s", read < 1)
    yield Row(f"twin of {extent.large} hosts with 12 NICs: memory", f"{size:.0f} MiB", "< 300 MiB", size < 300)


PARTS: dict[str, Callable[[Extent], Iterator[Row]]] = {
    "twin": twins,
    "plan": plans,
    "task": task,
    "reaction": reaction,
    "nothing": nothing,
    "memory": memory,
    "dom0": sides,
    "pools": many,
    "ways": ways,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="all sizes of pools and all restart times; takes hours")
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    options = parser.parse_args()
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    rows: list[Row] = []
    begun = time.monotonic()
    for name in options.parts or PARTS:
        for row in PARTS[name](FULL if options.full else SHORT):
            rows.append(row)
            print(f"{time.monotonic() - begun:6.0f} s  {_line(row)}", flush=True)
    missed = [row for row in rows if row.met is False]
    met = sum(row.met is True for row in rows)
    print(f"\n{len(rows)} rows in {time.monotonic() - begun:.0f} s; goals met: {met}, missed: {len(missed)}")
    for row in missed:
        print(f"missed: {_line(row)}")
    print(f"memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    return 0


def _line(row: Row) -> str:
    verdict = {True: "met", False: "MISSED", None: ""}[row.met]
    return f"{row.what:78} {row.value:60} {row.goal:12} {verdict}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
