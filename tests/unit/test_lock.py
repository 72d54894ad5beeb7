# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mark of a run: how it is written, whom it keeps out, and when its owner is dead."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._lock import lease
from ansible_collections.xapi.network.plugins.module_utils._lock.lease import Holder, Lock
from ansible_collections.xapi.network.plugins.module_utils._run import this_run

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=timezone.utc)
ANNA = Holder("anna", "control.example.com", 4711, "1000", "boot-1", "pid:[4026531836]")
BERTA = Holder("berta", "control.example.com", 4712, "1001")
MARK = Lock(ANNA, since=NOON, until=NOON + timedelta(minutes=15))


def alive(holder: Holder) -> bool | None:
    return True


def dead(holder: Holder) -> bool | None:
    return False


def unknown(holder: Holder) -> bool | None:
    return None


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as running:
        yield running
        running.kill()


def test_a_mark_is_read_as_it_was_written() -> None:
    assert lease.read(MARK.to_text()) == MARK


@pytest.mark.parametrize("text", ["", "true", "[]", "{}", "somebody", '{"user": "anna", "node": "n", "process": "x"}'])
def test_a_text_that_is_no_mark_is_none(text: str) -> None:
    assert lease.read(text) is None


@pytest.mark.parametrize("field", ["user", "node", "process", "began", "since", "until"])
def test_a_mark_without_one_of_its_fields_is_none(field: str) -> None:
    assert lease.read(MARK.to_text().replace(f'"{field}"', '"other"')) is None


def test_a_mark_of_an_older_version_is_read_and_its_owner_counts_as_alive() -> None:
    old = '{"began": "1", "node": "n", "process": 4711, "since": "2026-11-22T12:00:00Z", "until": "2026-11-22T12:15:00Z", "user": "anna"}'
    lock = lease.read(old)
    assert lock is not None
    assert lock.blocks(BERTA, NOON, this_run.alive)


def test_a_mark_keeps_another_run_out_until_it_expires() -> None:
    assert MARK.blocks(BERTA, NOON, alive)
    assert MARK.blocks(BERTA, MARK.until - timedelta(seconds=1), alive)
    assert not MARK.blocks(BERTA, MARK.until, alive)


def test_a_mark_does_not_keep_its_owner_out() -> None:
    assert not MARK.blocks(ANNA, NOON, alive)


def test_a_mark_dies_with_its_owner() -> None:
    assert not MARK.blocks(BERTA, NOON, dead)


def test_an_owner_who_cannot_be_asked_counts_as_alive() -> None:
    assert MARK.blocks(BERTA, NOON, unknown)


@pytest.mark.parametrize(
    "other",
    [
        replace(ANNA, user="berta"),
        replace(ANNA, node="elsewhere"),
        replace(ANNA, process=1),
        replace(ANNA, began="1"),
        replace(ANNA, kernel="boot-2"),
        replace(ANNA, pid_namespace="pid:[4026532999]"),
        replace(ANNA, job="181"),
    ],
)
def test_a_run_is_told_from_another_by_user_node_process_beginning_container_and_job(other: Holder) -> None:
    assert MARK.blocks(other, NOON, alive)


def test_a_renewed_mark_keeps_when_it_was_taken() -> None:
    renewed = lease.take(ANNA, NOON + timedelta(minutes=5), 900, since=MARK.since)
    assert (renewed.since, renewed.until) == (NOON, NOON + timedelta(minutes=20))


def test_the_time_of_the_master_is_read() -> None:
    assert lease.server_time("20261122T12:00:00Z") == NOON
    with pytest.raises(ValueError, match="does not match"):
        lease.server_time("noon")


def test_a_holder_is_named_as_an_admin_would() -> None:
    assert str(ANNA) == "anna on control.example.com (process 4711)"
    assert str(replace(ANNA, process=0)) == "anna on control.example.com"


def test_a_job_of_awx_is_named_as_such() -> None:
    job = replace(ANNA, user="root", job="181", controller="https://awx.example.com")
    assert str(job) == "root in job 181 of https://awx.example.com"
    assert str(replace(job, controller="")) == "root in job 181"


@pytest.mark.parametrize("variable", ["AWX_HOST", "TOWER_HOST"])
def test_a_run_knows_its_job(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv("JOB_ID", "181")
    monkeypatch.setenv(variable, "https://awx.example.com")
    run = this_run.this_run(in_process=True)
    assert (run.job, run.controller) == ("181", "https://awx.example.com")


# who lives


def run_of(process: subprocess.Popen[bytes]) -> Holder:
    return replace(this_run.this_run(in_process=True), process=process.pid, began=this_run.began(process.pid))


def test_this_run_is_the_parent_of_the_fork_that_asks() -> None:
    run = this_run.this_run(in_process=True)
    assert (run.node, run.process) == (socket.gethostname(), os.getppid())
    assert run.began and this_run.alive(run)


def test_no_process_stands_for_a_run_whose_task_is_a_module() -> None:
    run = this_run.this_run(in_process=False)
    assert (run.process, run.began) == (0, "")
    assert this_run.alive(run) is None


def test_a_run_lives_as_long_as_its_process(process: subprocess.Popen[bytes]) -> None:
    run = run_of(process)
    assert this_run.alive(run) is True
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # its parent has not asked for its end: a zombie
    assert this_run.alive(run) is False
    process.wait()
    assert this_run.alive(run) is False


def test_a_process_number_that_is_used_again_is_not_the_run(process: subprocess.Popen[bytes]) -> None:
    assert this_run.alive(replace(run_of(process), began="1")) is False


def test_of_another_node_nothing_is_known(process: subprocess.Popen[bytes]) -> None:
    assert this_run.alive(replace(run_of(process), node="elsewhere.example.com")) is None


@pytest.mark.parametrize("where", [{"pid_namespace": "pid:[4026532999]"}, {"kernel": "another-boot"}])
def test_of_another_container_or_machine_of_the_same_name_nothing_is_known(where: dict[str, Any]) -> None:
    """Jobs of AWX on the network of their host share its name. A process that is not here may live there."""
    gone = replace(this_run.this_run(in_process=True), process=2**22 + 1, began="1")
    assert this_run.alive(gone) is False
    assert this_run.alive(replace(gone, **where)) is None


def test_where_there_is_no_proc_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(this_run, "began", lambda process: "")
    assert this_run.alive(replace(this_run.this_run(in_process=False), process=1, began="1")) is None
