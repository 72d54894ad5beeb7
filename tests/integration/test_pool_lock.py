# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""xs_pool_lock against a pool: one run at a time, and no dead run keeps a living one out."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.xapi.network.plugins.module_utils._lock import lease
from ansible_collections.xapi.network.plugins.module_utils._lock.lease import Holder, Lock
from ansible_collections.xapi.network.plugins.module_utils._run import this_run, watch
from ansible_collections.xapi.network.plugins.module_utils._run.task import Task
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import ConnectionLost, NetworkError
from ansible_collections.xapi.network.plugins.modules import xs_pool_lock

from tests.integration.playing import BIN, COLLECTIONS, connection, environment, play
from xapi_twin.faults import Point
from xapi_twin.running import RunningTwin

LEASE = 4
ANNA = Holder("anna", "control.example.com", 4711, "1000")
DOORS: dict[str, dict[str, Any]] = {"in Ansible's process": {}, "as a module": {"delegate_to": "bastion"}}


@pytest.fixture
def twin() -> Iterator[RunningTwin]:
    with RunningTwin("tutorial", ssh=False, restart_seconds=0) as running:
        yield running


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as running:
        yield running
        running.kill()


def lock(twin: RunningTwin, check: bool = False, **options: Any) -> dict[str, Any]:
    """The module's work as a fork of this process's parent does it."""
    defaults = {name: about.get("default") for name, about in xs_pool_lock.ARGUMENT_SPEC.items()}
    given = {**defaults, **connection(twin), **options}
    return xs_pool_lock.work(Task(options=given, check_mode=check, shell=lambda command: (0, "", "")))


def mark(twin: RunningTwin) -> str:
    return marks(twin).get(lease.KEY, "")


def marks(twin: RunningTwin) -> dict[str, str]:
    keys = twin.call(lambda: dict(twin.twin.pool.record["other_config"]))
    return {key: str(text) for key, text in keys.items() if key.startswith("xapi.network.")}


def held(twin: RunningTwin) -> Lock | None:
    return lease.held(marks(twin))


def put(twin: RunningTwin, holder: Holder, *, seconds: float = 600) -> str:
    """A mark that somebody has, for so long still."""
    now = datetime.now(timezone.utc).replace(microsecond=0)
    return put_text(twin, Lock(holder, now - timedelta(minutes=1), now + timedelta(seconds=seconds)).to_text())


def put_text(twin: RunningTwin, text: str) -> str:
    twin.call(write, twin, text)
    return text


def write(twin: RunningTwin, text: str, key: str = lease.KEY) -> None:
    twin.database.set("pool", twin.twin.pool.ref, other_config={**twin.twin.pool.record["other_config"], key: text})


def of(process: subprocess.Popen[bytes]) -> Holder:
    """A run of Anna's on this node, in the processes that are seen here."""
    return replace(this_run.this_run(in_process=True), user="anna", process=process.pid, began=this_run.began(process.pid))


def writes(twin: RunningTwin) -> list[str]:
    return [entry.method for entry in twin.journal.writes()]


@contextmanager
def as_holder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each thread is a run of its own, by the thread's name."""
    with monkeypatch.context() as patch:
        patch.setattr(this_run, "this_run", lambda in_process: replace(ANNA, user=threading.current_thread().name))
        yield


# another's mark


@pytest.mark.parametrize("door", DOORS)
def test_another_run_is_refused_and_told_who_has_the_pool(twin: RunningTwin, tmp_path: Path, door: str) -> None:
    theirs = put(twin, ANNA)
    played = play(
        tmp_path,
        [{"xapi.network.xs_pool_lock": {}, **DOORS[door]}],
        hosts="xs-2",
        module_defaults={"group/xapi.network.xapi": connection(twin)},
    )
    assert played.status == 2, played.output
    assert "Another run is changing this pool: anna on control.example.com (process 4711)" in played.last["msg"]
    assert "xe pool-param-remove" in played.last["msg"] and lease.KEY in played.last["msg"]
    assert played.last["holder"] == "anna on control.example.com (process 4711)"
    assert mark(twin) == theirs and not writes(twin)


@pytest.mark.parametrize("door", DOORS)
def test_an_expired_mark_is_taken_over_and_given_back(twin: RunningTwin, tmp_path: Path, door: str) -> None:
    put(twin, ANNA, seconds=-1)
    played = play(
        tmp_path,
        [
            {"xapi.network.xs_pool_lock": {}, **DOORS[door]},
            {"xapi.network.xs_pool_lock": {}, **DOORS[door]},
            {"xapi.network.xs_pool_lock": {"state": "released"}, **DOORS[door]},
        ],
        hosts="xs-2",
        module_defaults={"group/xapi.network.xapi": connection(twin)},
    )
    assert played.status == 0, played.output
    taken, renewed, released = (result.values for result in played.results)
    assert taken["changed"] and socket.gethostname() in taken["holder"]
    assert not renewed["changed"] and renewed["holder"] == taken["holder"]
    assert released["changed"] and released["holder"] == "" and mark(twin) == ""


@pytest.fixture
def at_work(twin: RunningTwin, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run that has the lock and is at its next task, in a process group of its own as ansible-runner starts it. Its lock is one of a few
    seconds, so that it has to be renewed while one looks."""
    tasks = [{"xapi.network.xs_pool_lock": {"lease": LEASE}}, {"ansible.builtin.wait_for": {"timeout": 60}}]
    playbook = tmp_path / "play.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    around = {**os.environ, **environment(twin), "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_LOCAL_TEMP": str(tmp_path)}
    around["RUN_OF_A_TEST"] = str(tmp_path)
    command = [
        str(BIN / "ansible-playbook"),
        "-i",
        "localhost,",
        "-c",
        "local",
        "-e",
        f"ansible_python_interpreter={sys.executable}",
        str(playbook),
    ]
    with subprocess.Popen(command, env=around, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        assert waited(lambda: mark(twin) != "", seconds=60)
        yield running
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)


def waited(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def test_a_run_that_is_killed_as_awx_cancels_it_gives_the_lock_back(twin: RunningTwin, at_work: subprocess.Popen[bytes]) -> None:
    """ansible-runner kills the process group with SIGKILL (runner.py, handle_termination), which no run can see coming."""
    os.killpg(at_work.pid, signal.SIGKILL)
    at_work.wait()
    assert waited(lambda: mark(twin) == "", seconds=10)


def test_a_run_that_lives_keeps_its_lock_and_nobody_takes_it_meanwhile(twin: RunningTwin, at_work: subprocess.Popen[bytes]) -> None:
    time.sleep(3)
    assert at_work.poll() is None and mark(twin) != ""
    with pytest.raises(NetworkError, match="Another run is changing this pool"):
        lock(twin)


def test_the_lock_of_a_run_that_lives_is_renewed_and_never_away_meanwhile(twin: RunningTwin, at_work: subprocess.Popen[bytes]) -> None:
    taken, deadline = mark(twin), time.monotonic() + 3 * LEASE
    first = held(twin)
    while time.monotonic() < deadline:
        assert mark(twin) == taken
        time.sleep(0.01)
    last = held(twin)
    assert first is not None and last is not None and at_work.poll() is None
    assert last.until > first.until + timedelta(seconds=LEASE) and last.until > twin.call(twin.twin.now)


def test_a_container_that_is_killed_whole_keeps_the_pool_for_one_lease(
    twin: RunningTwin, at_work: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """podman kill, or a node that is lost: the process that would give the lock back is gone too, and nobody elsewhere sees who lived."""
    ours = processes_of(tmp_path)
    assert len(ours) >= 2  # the watcher is one of them
    for number in ours:
        with suppress(ProcessLookupError):  # it has died with the one before
            os.kill(number, signal.SIGKILL)
    at_work.wait()
    killed = time.monotonic()
    monkeypatch.setattr(this_run, "alive", lambda holder: None)  # as seen from another container
    with pytest.raises(NetworkError, match="a run that lives renews it"):
        lock(twin)
    while True:
        try:
            taken = lock(twin)
            break
        except NetworkError:
            assert time.monotonic() - killed < 3 * LEASE
            time.sleep(0.2)
    assert taken["changed"] and time.monotonic() - killed > 0.5 * LEASE
    assert held(twin).holder == this_run.this_run(in_process=True)  # type: ignore[union-attr]


def processes_of(place: Path) -> list[int]:
    """A run and all that it has started, wherever that has gone."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if f"RUN_OF_A_TEST={place}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def test_a_watcher_does_not_renew_what_is_another_runs_lock(twin: RunningTwin, at_work: subprocess.Popen[bytes]) -> None:
    theirs = put(twin, ANNA, seconds=600)
    time.sleep(2 * LEASE)
    assert at_work.poll() is None and mark(twin) == theirs
    assert held(twin) == lease.read(theirs)


def test_a_lock_that_is_being_renewed_is_not_taken_for_expired(twin: RunningTwin) -> None:
    """Between two calls of its run, the time until which it was renewed is not there."""
    theirs = lease.read(put(twin, ANNA, seconds=-1))
    assert theirs is not None
    renewed = replace(theirs, until=theirs.until + timedelta(seconds=60))
    with ThreadPoolExecutor() as threads:
        asking = threads.submit(lock, twin)
        time.sleep(0.6)
        twin.call(write, twin, renewed.to_text(), lease.RENEWED)
        with pytest.raises(NetworkError, match=r"anna on control\.example\.com"):
            asking.result()
    assert held(twin) == renewed


def test_what_an_earlier_run_has_renewed_says_nothing_of_the_next(twin: RunningTwin) -> None:
    earlier = lease.read(put(twin, ANNA, seconds=-1))
    assert earlier is not None
    theirs = put(twin, replace(ANNA, process=4712), seconds=600)
    twin.call(write, twin, earlier.to_text(), lease.RENEWED)
    with pytest.raises(NetworkError, match="process 4712"):
        lock(twin)
    assert mark(twin) == theirs


def test_who_takes_over_from_a_killed_run_is_not_robbed_of_the_lock(
    twin: RunningTwin, process: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """The process that gives the lock back is waited for by the run that takes it over at the same moment."""
    theirs, pool = of(process), str(twin.twin.pool.record["uuid"])
    put(twin, theirs)
    begun, go = tmp_path / "begun", tmp_path / "go"

    def slowly() -> None:
        begun.touch()
        assert waited(go.exists, seconds=10)
        xs_pool_lock.let_go({**connection(twin), "validate_certs": True}, theirs)

    watch.begin(theirs, pool, slowly, lambda: True, every=60)
    process.kill()
    process.wait()
    assert waited(begun.exists, seconds=10)
    with ThreadPoolExecutor() as threads:
        taking = threads.submit(lock, twin)
        time.sleep(0.5)
        assert not taking.done()
        go.touch()
        assert taking.result()["changed"]
    assert mark(twin) != "" and lease.read(mark(twin)).holder == this_run.this_run(in_process=True)  # type: ignore[union-attr]


def test_a_lock_that_was_given_back_leaves_no_process(process: subprocess.Popen[bytes]) -> None:
    begin = partial(watch.begin, of(process), "some-pool", lambda: None, lambda: True, every=60)
    assert begin() and len(watchers()) == 1
    assert begin()  # the lock is renewed
    assert len(watchers()) == 1
    watch.end(of(process), "some-pool")
    assert watchers() == []


def watchers(of: str = "/some-pool") -> list[str]:
    """Addresses at which one listens."""
    lines = Path("/proc/net/unix").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if "@xapi.network/" in line and of in line]


@pytest.mark.parametrize("door", DOORS)
def test_two_runs_of_one_user_are_told_apart_also_by_way_of_the_same_bastion(twin: RunningTwin, tmp_path: Path, door: str) -> None:
    tasks = [{"xapi.network.xs_pool_lock": {}, **DOORS[door]}]
    defaults = {"group/xapi.network.xapi": connection(twin)}
    first = play(tmp_path, tasks, hosts="xs-2", module_defaults=defaults)
    taken = next(entry for entry in twin.journal if entry.method == "pool.add_to_other_config" and lease.KEY in entry.arguments)
    held = lease.read(str(taken.arguments[-1]))
    assert first.status == 0 and held is not None and held.holder.process, first.output
    # Its watcher gives the lock back, and may be about to.
    assert waited(lambda: watchers(f"/{held.holder.process}/") == [], seconds=10)
    # As if the first run lived on: only its process differs from that of the second.
    theirs = put(twin, replace(held.holder, node="control.example.com"))
    second = play(tmp_path, tasks, hosts="xs-2", module_defaults=defaults)
    assert second.status == 2 and mark(twin) == theirs, second.output


def test_a_living_run_of_this_node_is_not_interfered_with(twin: RunningTwin, process: subprocess.Popen[bytes]) -> None:
    theirs = put(twin, of(process))
    with pytest.raises(NetworkError, match=f"anna on {socket.gethostname()} .process {process.pid}."):
        lock(twin)
    assert lock(twin, state="released") == {"changed": False, "holder": f"anna on {socket.gethostname()} (process {process.pid})"}
    assert mark(twin) == theirs and not writes(twin)


def test_the_mark_of_a_dead_run_of_this_node_is_taken_over_at_once(twin: RunningTwin, process: subprocess.Popen[bytes]) -> None:
    put(twin, of(process))
    process.kill()
    process.wait()
    assert lock(twin)["changed"]
    mine = lease.read(mark(twin))
    assert mine is not None and mine.holder.process == os.getppid()


def test_a_run_in_another_container_of_this_node_is_not_taken_for_dead(twin: RunningTwin, process: subprocess.Popen[bytes]) -> None:
    """Two jobs of AWX whose containers have the host's name: the number of the other's process is none here, and it lives."""
    process.kill()
    process.wait()
    job = replace(of(process), user="root", pid_namespace="pid:[4026532999]", job="181", controller="https://awx.example.com")
    theirs = put(twin, job)
    with pytest.raises(NetworkError, match=r"root in job 181 of https://awx.example.com, since"):
        lock(twin)
    assert not lock(twin, state="released")["changed"]
    assert mark(twin) == theirs and not writes(twin)


def test_a_plan_says_that_another_run_is_changing_the_pool(twin: RunningTwin, tmp_path: Path) -> None:
    theirs = put(twin, replace(ANNA, job="181", controller="https://awx.example.com"))
    wanted = {"network": "NAS", "nics": ["eth2", "eth4"], "accept": ["storage_in_use"]}
    task = [{"xapi.network.xs_bond": wanted, "check_mode": True}]
    defaults = {"group/xapi.network.xapi": connection(twin)}
    planned = play(tmp_path, task, hosts="xs-2", module_defaults=defaults)
    assert planned.status == 0, planned.output
    assert "Another run is changing this pool: anna in job 181 of https://awx.example.com, since" in planned.last["plan"]["notices"][-1]
    assert mark(twin) == theirs and not writes(twin)
    put(twin, ANNA, seconds=-1)
    later = play(tmp_path, task, hosts="xs-2", module_defaults=defaults)
    assert "Another run" not in str(later.last["plan"]["notices"])


def test_the_mark_of_a_dead_run_can_be_released(twin: RunningTwin, process: subprocess.Popen[bytes]) -> None:
    put(twin, of(process))
    process.kill()
    process.wait()
    assert lock(twin, state="released") == {"changed": True, "holder": ""}
    assert mark(twin) == ""


def test_a_text_that_is_no_mark_keeps_nobody_out(twin: RunningTwin) -> None:
    put_text(twin, "do not touch")
    assert lock(twin)["changed"]
    assert lease.read(mark(twin)) is not None


# one's own


def test_a_mark_is_taken_renewed_and_given_back(twin: RunningTwin) -> None:
    first = lock(twin, lease=100)
    assert first["changed"]
    taken = held(twin)
    time.sleep(1.1)  # marks count whole seconds
    second = lock(twin, lease=100)
    renewed = held(twin)
    assert taken is not None and renewed is not None
    assert not second["changed"] and second["holder"] == first["holder"]
    assert renewed.since == taken.since and renewed.until > taken.until
    assert lock(twin, state="released")["changed"] and not marks(twin)
    assert lock(twin, state="released") == {"changed": False, "holder": ""}


def test_it_lasts_as_long_as_was_asked_for_by_the_clock_of_the_master(twin: RunningTwin) -> None:
    until = datetime.fromisoformat(lock(twin, lease=120)["until"])
    assert 110 < (until - twin.call(twin.twin.now)).total_seconds() <= 120


def test_other_keys_stay(twin: RunningTwin) -> None:
    before = twin.call(lambda: dict(twin.twin.pool.record["other_config"]))
    lock(twin)
    lock(twin, state="released")
    assert twin.call(lambda: dict(twin.twin.pool.record["other_config"])) == before


def test_check_mode_writes_nothing(twin: RunningTwin) -> None:
    assert lock(twin, check=True)["changed"] and mark(twin) == ""
    lock(twin)
    assert lock(twin, check=True, state="released")["changed"] and mark(twin)
    assert len(writes(twin)) == 1


# at the same moment


def test_of_two_that_ask_at_the_same_moment_one_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    met = asyncio.Event()
    waiting = []

    async def on_point(point: Point) -> None:
        if point.stage == "before" and point.name == "pool.add_to_other_config":
            waiting.append(point)
            if len(waiting) == 2:  # both have seen that the pool is free
                met.set()
            await asyncio.wait_for(met.wait(), 30)

    def ask(twin: RunningTwin) -> tuple[str, str]:
        me = threading.current_thread().name
        try:
            return me, str(lock(twin)["holder"])
        except NetworkError as error:
            return me, error.message

    with (
        RunningTwin("tutorial", ssh=False, restart_seconds=0, on_point=on_point) as twin,
        as_holder(monkeypatch),
        ThreadPoolExecutor(2, "run") as threads,
    ):
        answers = list(threads.map(ask, [twin, twin]))
        held = lease.read(mark(twin))
        assert held is not None
        (winner,) = [me for me, said in answers if said == str(replace(ANNA, user=me))]
        (rejection,) = [said for me, said in answers if me != winner]
        assert held.holder.user == winner
        assert f"Another run is changing this pool: {winner} on control.example.com" in rejection


def test_of_two_that_take_over_an_expired_lock_at_the_same_moment_one_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second removes what it saw, the expired lock, and with it what the first has written there by now."""
    removing: list[Point] = []
    both_saw_it, written = asyncio.Event(), asyncio.Event()

    async def on_point(point: Point) -> None:
        if point.stage == "before" and point.name == "pool.remove_from_other_config":
            removing.append(point)
            if len(removing) == 2:
                both_saw_it.set()
                await asyncio.wait_for(written.wait(), 30)
            await asyncio.wait_for(both_saw_it.wait(), 30)
        if point.stage == "after" and point.name == "pool.add_to_other_config":
            written.set()

    def ask(twin: RunningTwin) -> str:
        try:
            return f"has it: {lock(twin)['holder']}"
        except NetworkError as error:
            return error.message

    with (
        RunningTwin("tutorial", ssh=False, restart_seconds=0, on_point=on_point) as twin,
        as_holder(monkeypatch),
        ThreadPoolExecutor(2, "run") as threads,
    ):
        put(twin, ANNA, seconds=-1)
        said = sorted(threads.map(ask, [twin, twin]))
        now = held(twin)
        assert now is not None and len(removing) == 2
        assert said[0].startswith("Another run is changing this pool: run_") and said[1] == f"has it: {now.holder}"


def test_a_lost_reply_is_looked_up_and_not_repeated(twin: RunningTwin) -> None:
    twin.add_fault(when={"method": "pool.add_to_other_config"}, do="drop", stage="after")
    assert lock(twin)["changed"] and mark(twin)
    assert writes(twin) == ["pool.add_to_other_config"]


def test_a_mark_that_was_not_written_is_not_claimed(twin: RunningTwin) -> None:
    twin.add_fault(when={"method": "pool.add_to_other_config"}, do="drop", stage="before")
    with pytest.raises(ConnectionLost):
        lock(twin)
    assert mark(twin) == ""
