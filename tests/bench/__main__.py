# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run costs, measured side by side on the twin, as ratios and counts.

    python -m tests.bench [--full] [part...]      parts: ways, nothing, task, reaction, plan, memory, dom0, pools, twin

Without --full the larger pools and the longer restarts are left out, and the whole takes some ten minutes on two cores; with it one
and a half hours.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.plan import plan
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import read as read_spec
from ansible_collections.xapi.network.plugins.module_utils._pool import model
from ansible_collections.xapi.network.plugins.module_utils._xapi.connection import Connection
from ansible_collections.xapi.network.plugins.module_utils._xapi.session import Session

from tests.bench.plays import KINDS, NAS, Cost, by_plain_playbook, by_shell, play, playbook, role, scenario, work
from tests.integration.playing import connection
from xapi_twin.faults import Point
from xapi_twin.running import RunningTwin

Way = Callable[[RunningTwin], Cost]


@dataclass(frozen=True)
class Row:
    """One line of the table: a run that was measured (`cost`, on a pool of `hosts`), or a figure, which may have a goal.

    `met` None: there is no goal, the row is for comparison.
    """

    what: str
    value: str = ""
    goal: str = ""
    met: bool | None = None
    hosts: int | None = None
    cost: Cost | None = None


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    hosts: Sequence[int]
    restarts: Sequence[float]
    large: int
    pools: int


CYCLES = 500
SHORT = Extent(hosts=(2, 8), restarts=(0, 2), large=64, pools=10)
FULL = Extent(hosts=(2, 8, 16, 64), restarts=(0, 2, 15), large=64, pools=50)


def ways(extent: Extent) -> Iterator[Row]:
    """(a) the tutorial by shell, (b) a plain playbook, (c) the role with restart, (d) the role directly."""

    def cost(way: Way, hosts: int, restart: float) -> Cost:
        with RunningTwin(scenario(hosts, restart_seconds=restart)) as twin:
            return way(twin)

    sizes = [(hosts, restart) for hosts in extent.hosts for restart in extent.restarts]
    # Who types spends nearly all of the time asleep, so that all of the pools can be typed at once, beside what else is measured.
    with ThreadPoolExecutor(len(sizes)) as others:
        typed = {size: others.submit(cost, by_shell, *size) for size in sizes}
        before: dict[float, tuple[int, float]] = {}
        for size in sizes:
            hosts, restart = size
            ours, direct = cost(role, *size), cost(_directly, *size)
            plain = cost(by_plain_playbook, *size)
            for name, one in {
                "shell, sleep 15": typed[size].result(),
                "plain playbook": plain,
                "role, restart": ours,
                "role, direct": direct,
            }.items():
                yield Row(f"restart of {restart:g} s: {name}", f"{one.seconds / ours.seconds:.2f} of the role", hosts=hosts, cost=one)
            if restart in before:
                fewer, seconds = before[restart]
                over = (ours.seconds - seconds) / (hosts - fewer) - restart
                yield Row(f"restart of {restart:g} s: role, for each host more, beyond it", f"{over:.2f} s", "<= 1.0 s", over <= 1.0, hosts)
            before[restart] = (hosts, ours.seconds)
    yield from growth(extent)


def _directly(twin: RunningTwin) -> Cost:
    return role(twin, strategy="direct")


def growth(extent: Extent) -> Iterator[Row]:
    """How calls and time grow with the pool: the difference between two sizes, per host."""
    small, large = 8, extent.large
    costs = {}
    for hosts in (small, large):
        with RunningTwin(scenario(hosts, restart_seconds=0)) as twin:
            costs[hosts] = role(twin)
        yield Row("role, restart of 0 s", hosts=hosts, cost=costs[hosts])
    members = large - small
    grown = {kind: (costs[large].calls[kind] - costs[small].calls[kind]) / members for kind in KINDS}
    yield Row(
        f"XAPI calls per host, {small} to {large} hosts",
        ", ".join(f"{number:g} {kind}" for kind, number in grown.items() if number and kind != "wait"),
        "constant",
        # How often a wait is taken up again depends on the moment.
        all(number == int(number) for kind, number in grown.items() if kind != "wait"),
    )
    yield Row(f"waits for events per host, {small} to {large} hosts", f"{grown['wait']:.1f}")
    seconds = (costs[large].seconds - costs[small].seconds) / members
    yield Row("seconds of the role per member, restart of 0 s", f"{seconds:.2f} s", "<= 1.0 s", seconds <= 1.0)


def nothing(extent: Extent) -> Iterator[Row]:
    """A run with nothing to do: the plan alone, and with the proof in dom0 of every host, which is asked for all at once."""
    planned, proved = {}, {}
    for hosts in (2, extent.large):
        with RunningTwin(scenario(hosts, restart_seconds=0)) as twin:
            role(twin, strategy="direct", dom0=False)
            planned[hosts] = _best(partial(role, twin, dom0=False))
            proved[hosts] = _best(partial(role, twin))
            raw = _best(lambda: play([twin.inventory_path], "xs_hosts", [{"ansible.builtin.raw": "ovs-vsctl list-br"}], "-f", "10"))
        yield Row("nothing to do, without dom0", hosts=hosts, cost=planned[hosts])
        yield Row("nothing to do, every host proved in dom0", hosts=hosts, cost=proved[hosts])
    large, small = planned[extent.large], planned[2]
    ratio = large.seconds / small.seconds
    reads = proved[extent.large].calls["full"] + proved[extent.large].calls["read"]
    yield Row(f"nothing to do, without dom0, {extent.large} hosts against 2", f"{ratio:.2f}", "<= 1.5", ratio <= 1.5)
    yield Row(f"nothing to do, {extent.large} hosts: reads of the pool", str(reads), "<= 5", reads <= 5)
    asking = (proved[extent.large].seconds - large.seconds) / raw.seconds
    what = f"the proof in dom0 of {extent.large} hosts, against a raw task on each"
    yield Row(what, f"{asking:.2f}", "<= 1.3", asking <= 1.3)
    with RunningTwin(scenario(extent.large, restart_seconds=0)) as twin:
        role(twin, strategy="direct", dom0=False)
        every = _best(partial(role, twin, "-e", "storage_bond_targets=xs_hosts"))
    # What Ansible takes to pass hosts through a role that has nothing for them.
    value = f"{every.seconds / small.seconds:.2f}"
    yield Row("nothing to do, in a play over all hosts, against 2", value, hosts=extent.large, cost=every)


def task(extent: Extent) -> Iterator[Row]:
    """One xs_bond task with nothing to do, against ansible.builtin.ping on localhost."""
    with RunningTwin(scenario(2, restart_seconds=0)) as twin:
        role(twin, strategy="direct", dom0=False)
        arguments = {**connection(twin), "network": "NAS", "nics": ["eth2", "eth4"]}

        def each(task: dict[str, Any], few: int = 2, many: int = 22) -> float:
            """Seconds of one more task of that kind: what starting Ansible and loading the module costs is in both."""
            seconds = {number: _best(partial(play, [], "localhost", [task] * number)).seconds for number in (few, many)}
            return (seconds[many] - seconds[few]) / (many - few)

        bare = each({"ansible.builtin.debug": {"msg": "nothing"}})
        bond = each({"xapi.network.xs_bond": arguments})
        ping = each({"ansible.builtin.ping": {}})
    value = f"{bond / ping:.2f}  ({bond * 1000:.0f} ms, {ping * 1000:.0f} ms)"
    yield Row("one xs_bond task with nothing to do, against ansible.builtin.ping", value, "<= 0.10", bond / ping <= 0.1)
    yield Row("an ansible.builtin.debug task, which does nothing, against ping", f"{bare / ping:.2f}  ({bare * 1000:.0f} ms)")


def reaction(extent: Extent) -> Iterator[Row]:
    """From the bond of the last host until a task that waits for it returns."""
    gap = median(_gap(extent.large) for _round in range(3))
    what = f"from the bond of the last of {extent.large} hosts until a waiting task returns"
    yield Row(what, f"{gap * 1000:.0f} ms", "<= 100 ms", gap <= 0.1)


def _gap(hosts: int) -> float:
    made: list[float] = []

    def on_point(point: Point) -> None:
        if point.name == "bond.create.done":
            made.append(time.monotonic())

    # Who waits is a process of its own, as a task of Ansible is, and shares no interpreter with the twin and with who makes the bonds.
    with (
        RunningTwin(scenario(hosts, restart_seconds=0), ssh=False, on_point=on_point) as twin,
        ProcessPoolExecutor(1, get_context("spawn")) as other,
    ):
        asked = {**connection(twin), "network": "NAS", "nics": ["eth2", "eth4"], "wait_timeout": 60, "strategy": "direct"}
        returned = other.submit(work, "xs_bond_info", asked)
        time.sleep(4)
        work("xs_bond", asked)
        return returned.result() - made[-1]


def plans(extent: Extent) -> Iterator[Row]:
    """The plan alone, once the pool has been read."""
    with RunningTwin(scenario(extent.large, nics=12), ssh=False) as twin:
        with Session(Connection.from_options({**connection(twin), "validate_certs": True, "fingerprint": None})) as session:
            begun = time.perf_counter()
            records = session.read()
            reading = time.perf_counter() - begun
        pool = model.read(records)
        spec = read_spec({"network": "NAS", "nics": ["eth2", "eth4"]})
        best = min(_timed(lambda: plan(pool, spec)) for _round in range(5))
    yield Row(f"one read of {extent.large} hosts with 12 NICs", f"{reading * 1000:.0f} ms")
    yield Row(f"the plan of {extent.large} hosts", f"{best * 1000:.0f} ms", "<= 50 ms", best <= 0.05)


def _best(measure: Callable[[], Cost], rounds: int = 3) -> Cost:
    """The quickest of a few rounds, for what takes a second or two: there, what else the machine does weighs most."""
    return min((measure() for _round in range(rounds)), key=lambda cost: cost.seconds)


def _timed(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def memory(extent: Extent) -> Iterator[Row]:
    """The controlling process against that of an empty play."""
    with RunningTwin(scenario(extent.large, restart_seconds=0)) as twin:
        bare = play([twin.inventory_path], "all", [{"ansible.builtin.meta": "noop"}])
        full = role(twin, strategy="direct")
    ratio = full.memory / bare.memory
    value = f"{ratio:.2f}  ({full.memory:.0f} MiB)"
    yield Row(f"memory of a run over {extent.large} hosts, against an empty play", value, "<= 1.5", ratio <= 1.5)


def sides(extent: Extent) -> Iterator[Row]:
    """The comparison with dom0 of every host, against as many bare raw tasks."""
    hosts = extent.large
    with RunningTwin(scenario(hosts, restart_seconds=0)) as twin:
        role(twin, strategy="direct", dom0=False)
        every = partial(play, [twin.inventory_path], "xs_hosts")
        raw = _best(lambda: every([{"ansible.builtin.raw": "ovs-vsctl list-br"}], "-f", "10"))
        facts = _best(lambda: every([{"xapi.network.xs_dom0_facts": {}}], "-f", "10"))
        verify = _best(lambda: playbook([twin.inventory_path], "xapi.network.storage_bond_verify", NAS, "-f", "10", twins=[twin]))
    yield Row("one raw task on every host, 10 forks", hosts=hosts, cost=raw)
    yield Row("xs_dom0_facts on every host, against the raw tasks", f"{facts.seconds / raw.seconds:.2f}", hosts=hosts, cost=facts)
    ratio = verify.seconds / raw.seconds
    what = "verify every host in XAPI and dom0, against the raw tasks"
    yield Row(what, f"{ratio:.2f}", "<= 1.3", ratio <= 1.3, hosts, verify)


def many(extent: Extent) -> Iterator[Row]:
    """Pools of four hosts in one play, in parallel across pools, against one of them alone, and against as many tasks that do nothing."""
    with ExitStack() as stack:
        pools = [scenario(4, name=f"p{number}", restart_seconds=2) for number in range(extent.pools)]
        rest = [stack.enter_context(RunningTwin(pool)) for pool in pools]
        # One inventory of all pools, as a user has: of one that is in pieces, Ansible looks through all of them for every task.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for number, twin in enumerate(rest):
            (folder / f"{number}.yml").symlink_to(twin.inventory_path)
        first = rest[0]
        alone = role(first, "-e", "storage_bond_targets=xs_masters")
        playbook([first.inventory_path], "xapi.network.storage_bond_remove", NAS, twins=[first])
        given = {**NAS, "storage_bond_targets": "xs_masters"}
        before = time.process_time()
        together = playbook([folder], "xapi.network.storage_bond", given, "-f", str(extent.pools), twins=rest)
        of_twins = time.process_time() - before
        number = round(sum(together.output.count(f"\n{word}: [") for word in ("ok", "changed", "skipping", "included")) / extent.pools)
        idle = [{"ansible.builtin.debug": {"msg": "nothing"}}] * number
        bare = play([folder], "xs_masters", idle, "-f", str(extent.pools), strategy="host_pinned")
    more, cores = extent.pools - 1, len(os.sched_getaffinity(0))
    yield Row("one pool", hosts=4, cost=alone)
    hosts = 4 * extent.pools
    yield Row(f"{extent.pools} pools in one play, against one pool", f"{together.seconds / alone.seconds:.2f}", hosts=hosts, cost=together)
    what = f"as many tasks ({number} for each pool) that do nothing, against it"
    yield Row(what, f"{bare.seconds / together.seconds:.2f}", hosts=hosts, cost=bare)
    yield Row("processor time of Ansible for one more pool", f"{(together.processor - alone.processor) / more:.1f} s")
    yield Row("of it in Ansible's main process, which is one", f"{(together.own - alone.own) / more:.1f} s")
    # What all the pools need of the processor, less what the one does, is what there would not be to wait for with cores enough.
    without = together.seconds - (together.processor + of_twins) / cores + alone.processor
    ratio = without / alone.seconds
    yield Row(f"the pools without what {cores} cores cost, against one pool", f"{ratio:.2f}", "<= 1.5", ratio <= 1.5)


def twins(extent: Extent) -> Iterator[Row]:
    """The twin itself, in a process of its own. Beside its seconds stand those of the processor, which nothing else makes longer."""
    command = [sys.executable, "-m", "tests.bench.twin", str(extent.large), str(CYCLES)]
    figures = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    about = f"twin of {extent.large} hosts with 12 NICs"
    for name, what, most in (("start", "start", 1.0), ("read", "a full read", 0.5), ("probes", "every dom0 asked at once", 1.0)):
        spent = figures[name]
        value = f"{spent['seconds']:.2f} s, {spent['processor']:.2f} s of the processor"
        yield Row(f"{about}: {what}", value, f"<= {most:g} s", spent["seconds"] <= most)
    yield Row(f"{about}: memory", f"{figures['memory']:.0f} MiB", "< 300 MiB", figures["memory"] < 300)
    grown = figures["grown"]
    yield Row(f"memory of {CYCLES} bonds made and destroyed, after as many", f"{grown:+.1f} MiB", "<= 0.5 MiB", grown <= 0.5)


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
    parser.add_argument("--full", action="store_true", help="all sizes of pools and all restart times; takes one and a half hours")
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    options = parser.parse_args()
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    rows: list[Row] = []
    begun = time.monotonic()
    print(HEADER)
    for name in options.parts or PARTS:
        for row in PARTS[name](FULL if options.full else SHORT):
            rows.append(row)
            print(_line(row), flush=True)
    missed = [row for row in rows if row.met is False]
    met = sum(row.met is True for row in rows)
    print(f"\n{len(rows)} rows in {time.monotonic() - begun:.0f} s; goals met: {met}, missed: {len(missed)}")
    for row in missed:
        print(f"missed: {row.what}: {row.value}, and {row.goal} is the goal")
    print(f"memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    return 0


# Seconds on the clock and of processor time; then how many calls of XAPI, by kind, and how much they carried.
HEADER = " ".join(
    [f"{'':64}", "hosts", "seconds", "    cpu", *(f"{kind:>6}" for kind in KINDS), "     MB", f"{'ratio or figure':28}", "goal"]
)


def _line(row: Row) -> str:
    verdict = {True: "met", False: "MISSED", None: ""}[row.met]
    hosts = "" if row.hosts is None else str(row.hosts)
    cells = [" " * 7, " " * 7, *([" " * 6] * len(KINDS)), " " * 7]
    if row.cost:
        processor = f"{row.cost.processor:7.1f}" if row.cost.processor else " " * 7
        counts = [f"{row.cost.calls.get(kind, 0):6}" for kind in KINDS] + [f"{row.cost.bytes / 1e6:7.1f}"]
        cells = [f"{row.cost.seconds:7.1f}", processor, *(counts if row.cost.calls else cells[2:])]
    return " ".join([f"{row.what:64}", f"{hosts:>5}", *cells, f"{row.value:28}", f"{row.goal:12}", verdict]).rstrip()


if __name__ == "__main__":
    sys.exit(main())
